/* private.h - shared by the files of the reconciler only. */
#ifndef GW_RECONCILE_PRIVATE_H
#define GW_RECONCILE_PRIVATE_H

#include "reconcile/reconcile.h"
#include "store/store.h"

#include <uv.h>

/*
 * Where a driver stands:
 *
 *        opened --sync ok--> synced --want_sync--> pending --sync ok--> synced
 *          |                    ^                    |
 *          +---sync failed--> failing <---failed-----+      (failing: tried again with back-off)
 */
#define GW_SYNC_STATES(X) X(OPENED, "Starting") X(SYNCED, "Synced") X(PENDING, "Pending") X(FAILING, "Failing")

enum gw_sync_state {
#define X(id, name) GW_SYNC_##id,
	GW_SYNC_STATES(X)
#undef X
};

struct gw_slot {
	struct gw_reconcile *owner;
	const char *name;
	const struct gw_reconcile_plugin *plugin; /* NULL: the node cannot do without it */
	const struct gw_driver_ops *ops;	  /* NULL: a plugin that was not loaded */
	struct gw_driver *driver;		  /* NULL: a plugin that could not be opened, yet */
	struct gw_driver_env env;
	uv_timer_t timer;    /* when the next sync is due */
	unsigned backoff_ms; /* how long the last failure made it wait; 0 while it does not fail */
	enum gw_sync_state state;
	bool wanted;	 /* asked for since the last sync, or part of one, began */
	bool owed;	 /* all of it, asked for since the last sync began: what it did before then does not count */
	bool in_parts;	 /* its sync has done some, and there is more */
	bool waits;	 /* for its turn to do another part */
	bool was_synced; /* at least once since open */
	uint64_t syncs, failures;
	struct gw_error error; /* of the last failed sync */
};

struct gw_reconcile {
	struct gw_reconcile_params params;
	struct gw_intent *intent;
	struct gw_store *store;
	struct gw_access_table *access;	  /* what the store has, in memory */
	struct gw_hnv_object *configured; /* the provider address of [underlay]; NULL without one. Never in the store */
	struct gw_slot *slots;
	size_t n_open;	    /* slots[0 .. n_open) have a driver, or are a plugin's */
	size_t n_timers;    /* handles that the loop has not closed yet */
	size_t in_parts;    /* slots */
	size_t parted;	    /* which of them did a part last, */
	uint64_t parted_ms; /* in the turn of the loop at that time */
	size_t loaded;	    /* records, of the store */
	bool ready;
	uint64_t started_ms; /* uv_now at open */
};

/* What only plugins know: without one nothing becomes of them. */
#define GW_PLUGIN_KINDS (1u << GW_HNV_NAT_RULE)

/* Around what a driver does: since when, by uv_hrtime(). */
void gw_reconcile_worked(const struct gw_reconcile *r, const char *what, const char *who, uint64_t since);
int gw_reconcile_open_slot(struct gw_slot *slot, struct gw_error *err);
/* A plugin did not do what it was asked to: it will be synced. */
void gw_reconcile_plugin_failed(struct gw_slot *slot, const struct gw_error *err);
const char *gw_sync_state_name(enum gw_sync_state state);
/* Asks for a sync of one driver, or of all of them. Coalesced: it runs in a later turn of the loop. */
void gw_reconcile_want(struct gw_slot *slot, const char *why);
void gw_reconcile_want_all(struct gw_reconcile *r, const char *why);
/* Says so once every driver has been synced. */
void gw_reconcile_become_ready(struct gw_reconcile *r);
int gw_reconcile_submit(void *ctx, struct gw_hnv_op *ops, size_t n, size_t *ret_failed, struct gw_error *err);
json_t *gw_reconcile_status(void *ctx);
bool gw_reconcile_status_more(void *ctx, json_t *status, struct gw_status_place *at);
void gw_reconcile_state(void *ctx, const char **ret_state, const char **ret_message);
/* access.c */
int gw_reconcile_load_access(struct gw_reconcile *r, struct gw_error *err);
int gw_reconcile_put_access(void *ctx, const struct gw_principal *who, struct gw_access_entry *e, struct gw_error *err);
int gw_reconcile_delete_access(void *ctx, const struct gw_principal *who, enum gw_access_kind kind, const char *name,
			       struct gw_error *err);

#endif
