/*
 * sync.c - brings drivers that are not known to agree with the intent back to it: coalesced requests, one
 * timer, and exponential back-off while it fails. Also tells the outside how that stands (status).
 */
#include "reconcile/private.h"

#include <errno.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS	 30000
#define MORE_MS		 1 /* of nothing, libuv would make one turn of all */
#define ASIDE_MS                                                                                                       \
	400 /* while one has parts to do: they would keep the others looking, each time at all that they have */

const char *gw_sync_state_name(enum gw_sync_state state)
{
	static const char *const names[] = {
#define X(id, name) [GW_SYNC_##id] = (name),
		GW_SYNC_STATES(X)
#undef X
	};

	return names[state];
}

static void tell_state(const struct gw_slot *slot)
{
	const struct gw_reconcile_params *params = &slot->owner->params;

	if (params->on_state)
		params->on_state(params->ctx);
}

static void transition(struct gw_slot *slot, enum gw_sync_state to, const char *why)
{
	if (slot->state == to)
		return;
	gw_log_debug("driver %s: %s -> %s (%s)", slot->name, gw_sync_state_name(slot->state), gw_sync_state_name(to),
		     why);
	slot->state = to;
	tell_state(slot);
}

static void on_timer(uv_timer_t *timer);

/* A failing driver waits for its back-off: events that keep coming must not turn it into a busy loop. */
void gw_reconcile_want(struct gw_slot *slot, const char *why)
{
	slot->wanted = true;
	if (slot->state == GW_SYNC_SYNCED)
		transition(slot, GW_SYNC_PENDING, why);
	if (!uv_is_active((uv_handle_t *)&slot->timer))
		uv_timer_start(&slot->timer, on_timer, slot->owner->in_parts ? ASIDE_MS : 0, 0);
}

void gw_reconcile_want_all(struct gw_reconcile *r, const char *why)
{
	for (size_t i = 0; i < r->n_open; i++) {
		r->slots[i].owed = r->slots[i].in_parts;
		gw_reconcile_want(&r->slots[i], why);
	}
}

void gw_reconcile_plugin_failed(struct gw_slot *slot, const struct gw_error *err)
{
	gw_log_error("plugin %s could not apply a change, will be synced: %s%s%s", slot->name, err->target,
		     *err->target ? ": " : "", err->message);
	slot->failures++;
	slot->error = *err;
	transition(slot, GW_SYNC_FAILING, "apply failed");
	gw_reconcile_want(slot, "applying a change failed");
}

/* A plugin that was not loaded stays so until gwd is started anew. */
static int open_and_sync(struct gw_slot *slot, struct gw_error *err)
{
	uint64_t since = uv_hrtime();
	int r = 0;

	if (!slot->ops) {
		*err = slot->plugin->error;
		return -ENOEXEC;
	}
	if (!slot->driver)
		r = gw_reconcile_open_slot(slot, err);
	if (r == 0)
		r = slot->ops->sync(slot->driver, slot->owner->intent, err);
	gw_reconcile_worked(slot->owner, "sync", slot->name, since);
	return r;
}

/* With the last one the others' turn has come. */
static void set_in_parts(struct gw_slot *slot, bool in_parts)
{
	struct gw_reconcile *r = slot->owner;

	if (slot->in_parts == in_parts)
		return;
	slot->in_parts = in_parts;
	r->in_parts += in_parts ? 1 : -1;
	for (size_t i = 0; r->in_parts == 0 && i < r->n_open; i++)
		if (r->slots[i].wanted && !r->slots[i].backoff_ms)
			uv_timer_start(&r->slots[i].timer, on_timer, 0, 0);
}

/* 0, GW_SYNC_MORE, or its failure, which is told. */
static int sync_one(struct gw_slot *slot)
{
	struct gw_error err = GW_ERROR_INIT;
	int r;

	slot->wanted = false;
	r = open_and_sync(slot, &err);
	set_in_parts(slot, r == GW_SYNC_MORE);
	if (slot->in_parts) {
		slot->owner->parted = (size_t)(slot - slot->owner->slots);
		slot->owner->parted_ms = uv_now(slot->owner->params.loop);
		return r;
	}
	slot->wanted |= slot->owed;
	slot->owed = false;
	slot->syncs++;
	if (r < 0) {
		/* The same failure again and again is one line in the log, and a count in status. */
		if (slot->state != GW_SYNC_FAILING || strcmp(err.message, slot->error.message) != 0)
			gw_log_error("driver %s cannot bring the node to its intended state, will try again: %s%s%s",
				     slot->name, err.target, *err.target ? ": " : "", err.message);
		slot->failures++;
		slot->error = err;
		transition(slot, GW_SYNC_FAILING, "sync failed");
		tell_state(slot); /* it may have been failing before, of something else */
		return r;
	}
	if (slot->state == GW_SYNC_FAILING)
		gw_log_notice("driver %s: the node is in its intended state again", slot->name);
	slot->error = GW_ERROR_INIT;
	slot->was_synced = true;
	transition(slot, GW_SYNC_SYNCED, "sync done");
	return 0;
}

/* What one driver made may be another's to serve, who is asked again then: a node is ready when nobody is. */
static bool is_at_rest(const struct gw_slot *slot)
{
	return slot->was_synced && !slot->wanted && !slot->in_parts;
}

void gw_reconcile_become_ready(struct gw_reconcile *r)
{
	for (size_t i = 0; i < r->n_open; i++)
		if (!r->slots[i].plugin && !is_at_rest(&r->slots[i]))
			return;
	r->ready = true;
	if (r->params.on_ready)
		r->params.on_ready(r->params.ctx);
}

/* A turn of the loop has time for one part: those who have begun, and have more to do, take turns. */
static bool is_anothers_turn(struct gw_slot *slot)
{
	struct gw_reconcile *r = slot->owner;
	size_t next = r->parted;

	slot->waits = slot->in_parts;
	if (!slot->in_parts)
		return false;
	if (r->parted_ms == uv_now(r->params.loop))
		return true;
	do
		next = (next + 1) % r->n_open;
	while (!r->slots[next].waits);
	slot->waits = &r->slots[next] != slot;
	return slot->waits;
}

static void on_timer(uv_timer_t *timer)
{
	struct gw_slot *slot = timer->data;
	struct gw_reconcile *r = slot->owner;
	int rc = is_anothers_turn(slot) ? GW_SYNC_MORE : sync_one(slot);

	if (rc == GW_SYNC_MORE) {
		uv_timer_start(timer, on_timer, MORE_MS, 0);
		return;
	}
	if (rc < 0) {
		if (!slot->ops)
			return;
		slot->backoff_ms = slot->backoff_ms ? slot->backoff_ms * 2 : BACKOFF_FIRST_MS;
		if (slot->backoff_ms > BACKOFF_MAX_MS)
			slot->backoff_ms = BACKOFF_MAX_MS;
		uv_timer_start(timer, on_timer, slot->backoff_ms, 0);
		return;
	}
	slot->backoff_ms = 0;
	if (slot->wanted) { /* by its own sync: not at once, so that it cannot keep the loop to itself */
		transition(slot, GW_SYNC_PENDING, "asked for during sync");
		uv_timer_start(timer, on_timer, BACKOFF_FIRST_MS, 0);
	}
	if (!r->ready)
		gw_reconcile_become_ready(r);
}

static json_t *sync_status(const struct gw_slot *slot)
{
	json_t *j = json_pack("{s:s, s:I, s:I}", "state", gw_sync_state_name(slot->state), "syncs",
			      (json_int_t)slot->syncs, "failures", (json_int_t)slot->failures);

	if (*slot->error.message)
		json_object_set_new(j, "lastError",
				    json_pack("{s:s, s:s, s:s}", "code", gw_error_code_name(slot->error.code), "target",
					      slot->error.target, "message", slot->error.message));
	return j;
}

static json_t *roles(unsigned bits)
{
	json_t *j = json_array();

	if (bits & GW_ROLE_CONTROLLER)
		json_array_append_new(j, json_string("controller"));
	if (bits & GW_ROLE_GATEWAY)
		json_array_append_new(j, json_string("gateway"));
	if (bits & GW_ROLE_HOST)
		json_array_append_new(j, json_string("host"));
	return j;
}

/* The node is as well as its worst driver. */
static enum gw_sync_state worst(const struct gw_reconcile *r)
{
	enum gw_sync_state state = GW_SYNC_SYNCED;

	for (size_t i = 0; i < r->n_open; i++) {
		if (r->slots[i].state == GW_SYNC_FAILING)
			return GW_SYNC_FAILING;
		if (r->slots[i].state != GW_SYNC_SYNCED)
			state = r->slots[i].state;
	}
	return state;
}

void gw_reconcile_state(void *ctx, const char **ret_state, const char **ret_message)
{
	const struct gw_reconcile *r = ctx;
	enum gw_sync_state state = worst(r);

	*ret_state = gw_sync_state_name(state == GW_SYNC_OPENED ? GW_SYNC_PENDING : state);
	*ret_message = "";
	for (size_t i = 0; i < r->n_open && !**ret_message; i++)
		*ret_message = r->slots[i].error.message;
}

/* A driver that is called as something that is there already ("node") adds to it. */
static void add_driver_status(json_t *status, const struct gw_slot *slot)
{
	uint64_t since = uv_hrtime();
	json_t *own = slot->driver && slot->ops->status ? slot->ops->status(slot->driver) : NULL;
	json_t *there = json_object_get(status, slot->name);

	gw_reconcile_worked(slot->owner, "status", slot->name, since);

	if (there && own) {
		json_object_update_missing(there, own);
		json_decref(own);
	} else if (own) {
		json_object_set_new(status, slot->name, own);
	}
}

json_t *gw_reconcile_status(void *ctx)
{
	struct gw_reconcile *r = ctx;
	json_t *status = json_object(), *sync = json_object(), *objects = json_object(), *node;

	json_object_set_new(sync, "state", json_string(gw_sync_state_name(worst(r))));
	for (size_t i = 0; i < r->n_open; i++) {
		const struct gw_slot *slot = &r->slots[i];

		if (*slot->error.message && !json_object_get(sync, "lastError"))
			json_object_set_new(sync, "lastError", json_string(slot->error.message));
		json_object_set_new(sync, slot->name, sync_status(slot));
	}
	for (unsigned k = 0; k < GW_HNV_KIND_MAX; k++)
		json_object_set_new(objects, gw_hnv_kind_path((enum gw_hnv_kind)k),
				    json_integer((json_int_t)gw_intent_count(r->intent, (enum gw_hnv_kind)k)));
	uv_update_time(r->params.loop);
	node = json_pack("{s:s, s:s, s:I, s:o, s:b, s:I, s:o, s:o}", "name", r->params.config->name, "version",
			 GW_VERSION, "uptimeSeconds", (json_int_t)((uv_now(r->params.loop) - r->started_ms) / 1000),
			 "roles", roles(r->params.config->roles), "ready", r->ready, "revision",
			 (json_int_t)gw_store_revision(r->store), "objects", objects, "sync", sync);
	json_object_set_new(status, "node", node);
	for (size_t i = 0; i < r->n_open; i++)
		add_driver_status(status, &r->slots[i]);
	return status;
}

bool gw_reconcile_status_more(void *ctx, json_t *status, struct gw_status_place *at)
{
	const struct gw_reconcile *r = ctx;

	for (; at->driver < r->n_open; at->driver++, at->at = 0) {
		const struct gw_slot *slot = &r->slots[at->driver];
		json_t *own = json_object_get(status, slot->name);

		if (own && slot->driver && slot->ops->status_more && slot->ops->status_more(slot->driver, own, &at->at))
			return true;
	}
	return false;
}
