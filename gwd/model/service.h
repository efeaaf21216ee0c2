/*
 * service.h - what the API asks of the core: the composition root fills it in, so that api/ needs to know neither
 * drivers nor the reconciler.
 */
#ifndef GW_MODEL_SERVICE_H
#define GW_MODEL_SERVICE_H

#include "base/error.h"
#include "model/access.h"
#include "model/intent.h"

#include <jansson.h>

/* One step of a request: put `object`, or delete its key. What submit takes over it sets to NULL; the rest is the caller's. */
struct gw_hnv_op {
	struct gw_hnv_object *object;
	bool is_delete;
	bool if_none_match; /* refuse with PRECONDITION_FAILED when the object exists */
	bool has_if_match;  /* refuse with PRECONDITION_FAILED unless the object has this revision now */
	uint64_t if_match;
};

/* Somebody who waits until this node is a controller's; belongs to the caller until `done` is called, on the loop's thread. */
struct gw_enrolling {
	void (*done)(struct gw_enrolling *e, const struct gw_error *err); /* NULL: it is */
};

/* How far status_more has come; all zero at first. */
struct gw_status_place {
	size_t driver, at;
};

struct gw_control;
struct gw_loop_meter;

struct gw_service {
	void *ctx;
	const struct gw_intent *intent;
	const struct gw_config *config;
	/*
	 * Carries out all of `ops` or none: validated, accepted by every driver, in the kernel, and durable when it returns
	 * 0. On failure *ret_failed is the index of the op at fault (n: none in particular).
	 */
	int (*submit)(void *ctx, struct gw_hnv_op *ops, size_t n, size_t *ret_failed, struct gw_error *err);
	void (*describe)(void *ctx, const struct gw_hnv_object *o, json_t *properties);
	json_t *(*status)(void *ctx); /* {"node": {...}, "<driver>": {...}, ...} */
	/*
	 * Adds to it what there may be much of, as how each port is: some at each call, between which the loop may turn. Whether there
	 * is more. NULL: status says all.
	 */
	bool (*status_more)(void *ctx, json_t *status, struct gw_status_place *at);
	int (*trace)(void *ctx, const json_t *query, json_t **ret_answer, struct gw_error *err);
	bool (*ready)(void *ctx);
	/* How the drivers are: "Synced", "Pending" or "Failing", and the last error of one of them, or "". Good until the next turn. */
	void (*state)(void *ctx, const char **ret_state, const char **ret_message);
	uint64_t (*revision)(void *ctx); /* of the last change */
	/* The daemon begins anew as soon as what is under way has been answered. */
	void (*restart)(void *restart_ctx);
	void *restart_ctx;
	/* The controller that manages this node's records: nobody else changes them. NULL: they are the node's own. */
	const char *manager;
	json_t *(*link_status)(void *link_ctx); /* how the link to it is; NULL: there can be none */
	void *link_ctx;
	/* To become the node that a one-time token is for. NULL: not possible here. `done` comes only if it does not fail at once. */
	int (*enroll)(void *enroll_ctx, const char *urls, const char *token, struct gw_enrolling *e,
		      struct gw_error *err);
	json_t *(*enrollment)(void *enroll_ctx); /* {"server", "urls", "state", ...}; NULL when memory ran out */
	void *enroll_ctx;
	struct gw_control *control;  /* NULL unless the node is a controller */
	struct gw_loop_meter *meter; /* NULL: nobody measures how long the loop is kept busy */
	const struct gw_access_table *access;
	/*
	 * Both are durable, audited as `who`'s, and hold for the next request, when they return 0. put_access fills in e->revision;
	 * the one-time token that has let `who` in is used up with it.
	 */
	int (*put_access)(void *ctx, const struct gw_principal *who, struct gw_access_entry *e, struct gw_error *err);
	int (*delete_access)(void *ctx, const struct gw_principal *who, enum gw_access_kind kind, const char *name,
			     struct gw_error *err);
};

#endif
