/*
 * driver.h - what brings intent into the kernel or a child daemon, and how the core talks to it.
 *
 * A driver turns a part of the intent into kernel objects. Life cycle, all on the loop's thread:
 *
 *        open ------> sync ------> (check, apply)* ------> close
 *                      ^  ____________|
 *                      |_/  after a failed apply, a link event, or when something was changed from outside
 *
 * open   takes over what an earlier process of this node left in the kernel; nothing that carries traffic is removed.
 * check  refuses a change that this node cannot carry out (an interface that is not there, a full table) before anything
 *        is stored. It has no effect.
 * apply  brings the change in. The intent already shows the new state. It may fail half way: the caller then rolls the
 *        intent back and calls apply with the inverse delta, so apply must accept that things are already as it wants. The
 *        intent has no change under way then (gw_intent_delta is empty); in all other calls it has.
 * sync   compares everything it owns with the intent and repairs: removals first, unless a removal before the addition
 *        would interrupt traffic. A missing thing that may come later (a tap whose VM is off) is no failure: it is
 *        reported by describe and mended when it appears. One that has much to look at does a part of it, within a few
 *        milliseconds, and returns GW_SYNC_MORE: the core calls it again when everybody else has had a turn. What want_sync is
 *        called for in between is part of what is left.
 * describe adds the live, read-only properties of one object (state, counters) to its JSON.
 * status the driver's own state: capabilities, warnings, counters. What it tells of objects of which there may be thousands, it names
 *        only, and status_more says how they are, some at each call: it adds to what status has returned, from *at on, which is 0 at
 *        first, and says whether there is more. Changes may be applied in between. Optional.
 * trace  which way a packet would take, and why: `query` and answer are the JSON of POST monitoring/trace. Optional.
 * remove takes what is left of this node out of the kernel, after a sync with an empty intent; only close follows. Optional.
 * close  lets go of descriptors and memory. It never touches what carries traffic.
 *
 * A driver never includes the store, the API or another driver; it gets the intent as a const argument on each call and
 * keeps no pointer into it.
 */
#ifndef GW_DRIVER_H
#define GW_DRIVER_H

#include "base/error.h"
#include "model/config.h"
#include "model/intent.h"

#include <jansson.h>

struct uv_loop_s;
struct gw_nl;
struct gw_driver; /* each driver's own */

/* What the core lends a driver; outlives it. */
struct gw_driver_env {
	struct uv_loop_s *loop;
	const struct gw_config *config;
	struct gw_nl *nl;
	/* What a driver that is being opened will have to bring about, where that is known yet: for open alone. May be NULL. */
	const struct gw_intent *intent;
	/* Asks the core to call sync soon (a link came, something was changed from outside). Coalesced. */
	void (*want_sync)(void *core, const char *why);
	void *core;
};

#define GW_SYNC_MORE 1

struct gw_driver_ops {
	const char *name;
	int (*open)(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err);
	int (*check)(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err);
	int (*apply)(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err);
	int (*sync)(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err);
	void (*describe)(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties);
	json_t *(*status)(struct gw_driver *d);
	bool (*status_more)(struct gw_driver *d, json_t *status, size_t *at);
	int (*trace)(struct gw_driver *d, const struct gw_intent *intent, const json_t *query, json_t **ret_answer,
		     struct gw_error *err);
	int (*remove)(struct gw_driver *d, struct gw_error *err);
	struct gw_driver *(*close)(struct gw_driver *d);
};

#endif
