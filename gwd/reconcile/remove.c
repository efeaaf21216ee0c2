/*
 * remove.c - takes out of the kernel what a node has there, for good: when the package is removed, or by hand. The store is
 * not even opened, so that the next start brings everything back. Called by the composition root in place of the rest.
 */
#include "reconcile/reconcile.h"

#include <uv.h>

#define MORE_MS 1

static void nobody_wants(void *core, const char *why)
{
	(void)core;
	(void)why;
}

static int remove_one(const struct gw_reconcile_params *params, const struct gw_driver_ops *ops,
		      const struct gw_intent *nothing, struct gw_error *err)
{
	const struct gw_driver_env env = {
		.loop = params->loop,
		.config = params->config,
		.nl = params->nl,
		.want_sync = nobody_wants,
	};
	struct gw_driver *d = NULL;
	int r = ops->open(&env, &d, err);

	if (r == 0)
		r = ops->sync(d, nothing, err);
	while (r == GW_SYNC_MORE) { /* it may be a thread of its own that has more to do */
		uv_sleep(MORE_MS);
		r = ops->sync(d, nothing, err);
	}
	if (r == 0 && ops->remove)
		r = ops->remove(d, err);
	if (d)
		ops->close(d);
	if (r < 0)
		gw_error_prefix(err, "driver %s: ", ops->name);
	return r;
}

/* A failure of one is no reason to leave the others. */
static void try_one(const struct gw_reconcile_params *params, const struct gw_driver_ops *ops,
		    const struct gw_intent *nothing, int *res, struct gw_error *err)
{
	struct gw_error own = GW_ERROR_INIT;
	int r = remove_one(params, ops, nothing, &own);

	if (r < 0 && *res == 0) {
		*res = r;
		*err = own;
	}
}

int gw_reconcile_remove(const struct gw_reconcile_params *params, struct gw_error *err)
{
	struct gw_intent *nothing = NULL;
	int res = gw_intent_new(&(struct gw_intent_limits){0}, &nothing);

	if (res < 0)
		return gw_error_oom(err);
	/* What is carried goes before what carries it. */
	for (size_t i = params->n_plugins; i-- > 0;)
		if (params->plugins[i].ops)
			try_one(params, params->plugins[i].ops, nothing, &res, err);
	for (size_t i = params->n_drivers; i-- > 0;)
		try_one(params, params->drivers[i], nothing, &res, err);
	gw_intent_free(nothing);
	return res;
}
