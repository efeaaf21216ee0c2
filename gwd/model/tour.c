/*
 * tour.c - see tour.h. Called by the API and by the link to the controller, for what is told of all virtual gateways.
 *
 * Records may come, change and go in between: it goes by copies of those that were there, and looks each up again.
 */
#include "model/tour.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#define SLICE_NS 1000000

struct gw_tour {
	uv_idle_t idle; /* has the loop come back after each turn; its close callback frees the tour */
	struct gw_tour_params params;
	struct gw_hnv_object **keys;
	size_t n, at;
	bool began; /* with the records */
};

static unsigned under_way; /* share a slice */

static void free_tour(struct gw_tour *t)
{
	for (size_t i = 0; i < t->n; i++)
		gw_hnv_object_free(t->keys[i]);
	free(t->keys);
	free(t);
}

static void on_closed(uv_handle_t *handle)
{
	free_tour(handle->data);
}

struct gw_tour *gw_tour_cancel(struct gw_tour *t)
{
	if (!t)
		return NULL;
	under_way--;
	uv_close((uv_handle_t *)&t->idle, on_closed);
	return NULL;
}

/* Whether that was all. */
static bool go_on(struct gw_tour *t)
{
	uint64_t until = uv_hrtime() + SLICE_NS / under_way;

	while (!t->began) {
		t->began = !t->params.more || !t->params.more(t->params.ctx);
		if (uv_hrtime() >= until)
			return false;
	}
	while (t->at < t->n) {
		const struct gw_hnv_object *o = gw_intent_get(t->params.intent, t->keys[t->at++]);

		if (o)
			t->params.see(t->params.ctx, o);
		if (uv_hrtime() >= until)
			break;
	}
	return t->at == t->n;
}

static void on_idle(uv_idle_t *idle)
{
	struct gw_tour *t = idle->data;

	if ((t->params.wanted && !t->params.wanted(t->params.ctx)) || go_on(t)) {
		gw_tour_cancel(t);
		t->params.done(t->params.ctx);
	}
}

int gw_tour_start(const struct gw_tour_params *params, struct gw_tour **ret)
{
	size_t n = gw_intent_count(params->intent, params->kind);
	const struct gw_hnv_object *o = NULL;
	struct gw_tour *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	n = n > params->max ? params->max : n;
	t->params = *params;
	t->keys = calloc(n + 1, sizeof *t->keys);
	while (t->keys && t->n < n && (o = gw_intent_next(params->intent, params->kind, o)) &&
	       (t->keys[t->n] = gw_hnv_object_copy(o)))
		t->n++;
	if (t->n < n || !t->keys) {
		free_tour(t);
		return -ENOMEM;
	}
	uv_idle_init(params->loop, &t->idle); /* neither can fail */
	uv_idle_start(&t->idle, on_idle);
	t->idle.data = t;
	under_way++;
	*ret = t;
	return 0;
}
