/*
 * reload.c - programs with other parameters (bpf/abi.h, struct gw_params) in the place of those that are there. The kernel looks at them for
 * some hundred milliseconds before it takes them: a thread waits for that. Called by engine.c, on the loop.
 *
 *   gw_reload_some --> thread: loads them beside the others --> gw_reload_some: they are those that are attached from now on
 *                           meanwhile: GW_SYNC_MORE
 */
#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Outlives the driver until the loop has seen the end of it. */
struct gw_reload {
	uv_work_t req;
	struct gw_loader_fresh *fresh;
	struct gw_params params;
	uv_mutex_t lock;
	uv_cond_t ended;
	bool has_ended;
	bool forgotten; /* what came of it has been seen */
	bool done;	/* the loop has, too */
	int r;
	struct gw_error err;
};

static void release(struct gw_reload *l)
{
	if (!l->forgotten || !l->done)
		return;
	gw_loader_fresh_free(l->fresh);
	uv_cond_destroy(&l->ended);
	uv_mutex_destroy(&l->lock);
	free(l);
}

static void on_work(uv_work_t *req)
{
	struct gw_reload *l = req->data;

	l->r = gw_loader_fresh_load(l->fresh, &l->err);
	uv_mutex_lock(&l->lock);
	l->has_ended = true;
	uv_cond_signal(&l->ended);
	uv_mutex_unlock(&l->lock);
}

static void on_done(uv_work_t *req, int status)
{
	struct gw_reload *l = req->data;

	(void)status; /* it is never cancelled */
	l->done = true;
	release(l);
}

static int start(struct gw_driver *d, const struct gw_params *params, struct gw_error *err)
{
	struct gw_reload *l = calloc(1, sizeof *l);

	if (!l)
		return gw_error_oom(err);
	l->fresh = gw_loader_fresh_new(d->loader, params);
	if (!l->fresh || uv_mutex_init(&l->lock) < 0) {
		gw_loader_fresh_free(l->fresh);
		free(l);
		return gw_error_oom(err);
	}
	if (uv_cond_init(&l->ended) < 0) {
		uv_mutex_destroy(&l->lock);
		gw_loader_fresh_free(l->fresh);
		free(l);
		return gw_error_oom(err);
	}
	l->params = *params;
	l->req.data = l;
	d->reload = l;
	uv_queue_work(d->env.loop, &l->req, on_work, on_done); /* fails without a function only */
	return 0;
}

static bool has_ended(struct gw_reload *l)
{
	bool ended;

	uv_mutex_lock(&l->lock);
	ended = l->has_ended;
	uv_mutex_unlock(&l->lock);
	return ended;
}

static void forget(struct gw_driver *d)
{
	struct gw_reload *l = d->reload;

	d->reload = NULL;
	l->forgotten = true;
	release(l);
}

static bool is_same(const struct gw_params *a, const struct gw_params *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

int gw_reload_some(struct gw_driver *d, const struct gw_params *want, struct gw_error *err)
{
	int r = 0;

	if (d->reload && !has_ended(d->reload))
		return is_same(want, &d->params) ? 0 : GW_SYNC_MORE;
	if (d->reload && is_same(want, &d->reload->params) && !is_same(want, &d->params)) {
		r = d->reload->r;
		if (r < 0 && err)
			*err = d->reload->err;
		if (r == 0) {
			gw_loader_take(d->loader, d->reload->fresh);
			d->params = *want;
			d->attach_round++;
			d->sync.pass++; /* what a change has put on meanwhile was of those before */
		}
		forget(d);
		return r;
	}
	if (d->reload) /* something else is wanted by now */
		forget(d);
	if (!is_same(want, &d->params))
		r = start(d, want, err);
	return r < 0 || is_same(want, &d->params) ? r : GW_SYNC_MORE;
}

void gw_reload_end(struct gw_driver *d)
{
	if (!d->reload)
		return;
	uv_mutex_lock(&d->reload->lock);
	while (!d->reload->has_ended)
		uv_cond_wait(&d->reload->ended, &d->reload->lock);
	uv_mutex_unlock(&d->reload->lock);
	forget(d);
}
