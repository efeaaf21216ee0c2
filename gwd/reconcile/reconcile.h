/*
 * reconcile.h - the core: owns the intent, the store and the drivers, and keeps the three in agreement.
 *
 * Everything happens on the loop's thread. A change is checked by everybody, applied, and durable before
 * submit returns, or nothing of it has happened. A driver that cannot follow (or asks for it) is brought back
 * by sync with back-off; the state is visible in status.
 */
#ifndef GW_RECONCILE_RECONCILE_H
#define GW_RECONCILE_RECONCILE_H

#include "driver.h"
#include "model/service.h"

struct gw_reconcile;

/*
 * A driver that the node can do without: when it fails, at whatever, its own objects say so and all else goes on. `ops` NULL: it
 * could not be loaded, as `error` says.
 */
struct gw_reconcile_plugin {
	const char *name;
	const struct gw_driver_ops *ops;
	uint32_t kinds; /* of objects that are nothing without it: 1 << enum gw_hnv_kind */
	struct gw_error error;
};

struct gw_reconcile_params {
	struct uv_loop_s *loop;
	const struct gw_config *config; /* may change in place; then call gw_reconcile_reconfigured */
	struct gw_nl *nl;
	const struct gw_driver_ops *const *drivers; /* in order of application */
	size_t n_drivers;
	const struct gw_reconcile_plugin *plugins; /* come after the drivers; outlive the core */
	size_t n_plugins;
	void (*on_progress)(void *ctx); /* opening has read some of the store, and goes on; may be NULL */
	void (*on_ready)(void *ctx);	/* once, when every driver has been synced for the first time; may be NULL */
	void (*on_state)(void *ctx);	/* a driver's state is another than before; may be NULL */
	/* A driver was at work on the loop for so long: "apply", "sync" or "status"; or the "store". May be NULL. */
	void (*on_worked)(void *ctx, const char *what, const char *who, uint64_t ns);
	void *ctx;
};

/* Loads the store, opens the drivers and asks for their first sync, which the loop then runs. */
int gw_reconcile_open(const struct gw_reconcile_params *params, struct gw_reconcile **ret, struct gw_error *err);
/* What carries traffic stays. Memory is freed once the loop has closed the timer. */
struct gw_reconcile *gw_reconcile_close(struct gw_reconcile *r);

/*
 * In place of all else: takes out of the kernel what an earlier process of this node left there; the store keeps its records.
 * Of the parameters only those that begin with on_, and ctx, do not matter.
 */
int gw_reconcile_remove(const struct gw_reconcile_params *params, struct gw_error *err);

/* The store, for those who keep other things in it; good until close. */
struct gw_store *gw_reconcile_store(const struct gw_reconcile *r);
/* Fills in what the API needs. */
void gw_reconcile_service(struct gw_reconcile *r, struct gw_service *ret);
/* The configuration has changed: new limits count from now on, every driver is synced. */
void gw_reconcile_reconfigured(struct gw_reconcile *r);

#endif
