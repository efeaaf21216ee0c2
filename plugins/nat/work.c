/*
 * work.c - rulesets that are brought by a thread, so that nobody waits for them: those with very many elements, which keep the kernel
 * busy for long, and those of the many virtual gateways that one change or one start is about. Called by gateway.c and plugin.c, on
 * the loop.
 *
 *   nat_work_want --> queue --> thread: nat_nft_bring --> nat_gateway_brought, on the loop
 *                       ^                                       |
 *                       +---- what is wanted has changed -------+
 *
 * One thread does it, a few at each of its turns, in the order in which they were asked for. While it has the ruleset the virtual
 * gateway keeps its hands off it: it is not `current`, and does not look at events. A virtual gateway that goes meanwhile leaves the
 * sockets behind.
 */
#include "nat/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16 /* the loop may be slow to come back, and many are waiting */

struct nat_work {
	uv_work_t req; /* of the first of those that are under way together */
	struct gw_driver *driver;
	struct nat_gateway *g; /* NULL: nobody wants it any more */
	struct nat_work *next; /* in the queue, or under way with this one */
	bool running;

	/* The thread's, while it runs. */
	struct nat_nft *nft;
	struct nat_plan plan; /* elements only */
	struct nat_params params;
	unsigned full;
	struct nat_done done;
	struct gw_error err;
	int r;

	/* What the kernel has had before, and whether that is known. */
	struct nat_plan was;
	bool was_current;
	/* Something else has been wanted since it began: `then` was wanted when it did. */
	bool again;
	struct nat_plan then;
};

static void release(struct nat_work *w)
{
	if (!w)
		return;
	nat_plan_done(&w->plan);
	nat_plan_done(&w->was);
	nat_plan_done(&w->then);
	free(w);
}

static void on_work(uv_work_t *req)
{
	for (struct nat_work *w = req->data; w; w = w->next)
		w->r = nat_nft_bring(w->nft, &w->plan, &w->params, w->full, &w->done, &w->err);
}

static void on_done(uv_work_t *req, int status);

static void start_next(struct gw_driver *d)
{
	struct nat_work *first = d->queue, **end = &d->queue;

	if (d->working || !first)
		return;
	for (size_t n = 0; *end && n < AT_ONCE; n++, end = &(*end)->next)
		(*end)->running = true;
	d->working = first;
	d->queue = *end;
	*end = NULL;
	first->req.data = first;
	d->handles++;
	uv_queue_work(d->env.loop, &first->req, on_work, on_done); /* fails without a function only */
}

static void enqueue(struct nat_work *w)
{
	struct nat_work **at = &w->driver->queue;

	while (*at)
		at = &(*at)->next;
	*at = w;
	w->next = NULL;
}

/* What there is to be written now. */
static int fill(struct nat_work *w)
{
	const struct nat_gateway *g = w->g;

	nat_plan_done(&w->plan);
	w->plan.elems = calloc(g->plan.n_elems + 1, sizeof *w->plan.elems);
	if (!w->plan.elems)
		return -ENOMEM;
	if (g->plan.n_elems)
		memcpy(w->plan.elems, g->plan.elems, g->plan.n_elems * sizeof *w->plan.elems);
	w->plan.n_elems = g->plan.n_elems;
	w->params = nat_gateway_params(g);
	w->full = g->full;
	w->done = (struct nat_done){0};
	w->err = (struct gw_error)GW_ERROR_INIT;
	return 0;
}

/* Something else has been wanted meanwhile: what is in the kernel now is what was wanted when it began. */
static void begin_again(struct nat_work *w)
{
	struct nat_gateway *g = w->g;

	w->again = false;
	if (w->r == 0)
		nat_gateway_brought(g, &w->was, w->was_current, &w->done);
	nat_plan_done(&w->was);
	w->was = w->then;
	w->then = (struct nat_plan){0};
	w->was_current = w->r == 0;
	w->r = fill(w);
	if (w->r == 0) {
		enqueue(w);
		return;
	}
	g->work = NULL;
	gw_error_oom(&w->err);
	nat_gateway_worked(g, &w->was, false, w->r, &w->done, &w->err);
	release(w);
}

static void finish(struct nat_work *w)
{
	struct nat_gateway *g = w->g;

	w->running = false;
	if (!g) {
		nat_nft_close(w->nft);
		release(w);
	} else if (w->again) {
		begin_again(w);
	} else {
		g->work = NULL;
		nat_gateway_worked(g, &w->was, w->was_current, w->r, &w->done, &w->err);
		release(w);
	}
}

static void on_done(uv_work_t *req, int status)
{
	struct nat_work *w = req->data, *next;
	struct gw_driver *d = w->driver;

	(void)status; /* it is never cancelled */
	d->working = NULL;
	for (; w; w = next) {
		next = w->next;
		finish(w);
	}
	start_next(d);
	if (!d->working && !d->closing) /* whoever reports how the node is has reported something else so far */
		d->env.want_sync(d->env.core, "rulesets of virtual gateways have been brought in");
	nat_driver_handle_closed(d);
}

int nat_work_want(struct nat_gateway *g, struct nat_plan *was, bool was_current)
{
	struct nat_work *w = g->work;

	if (w && w->running) {
		if (!w->again)
			w->then = *was;
		else
			nat_plan_done(was); /* never came to be written */
		*was = (struct nat_plan){0};
		w->again = true;
		return 0;
	}
	if (w)
		return fill(w);
	w = calloc(1, sizeof *w);
	if (!w)
		return -ENOMEM;
	w->driver = g->driver;
	w->g = g;
	w->nft = g->nft;
	if (fill(w) < 0) {
		release(w);
		return -ENOMEM;
	}
	w->was = *was;
	*was = (struct nat_plan){0};
	w->was_current = was_current;
	g->work = w;
	enqueue(w);
	start_next(g->driver);
	return 0;
}

struct nat_work *nat_work_leave(struct nat_work *w)
{
	if (w->running) {
		w->g = NULL;
		return NULL;
	}
	for (struct nat_work **at = &w->driver->queue; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			break;
		}
	nat_nft_close(w->nft);
	release(w);
	return NULL;
}
