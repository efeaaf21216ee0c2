/*
 * reconcile.c - life of the core: loads the intent from the
 * store, opens the drivers, hands the API its service, lets go.
 *
 * Owns intent, store and drivers. Called by the composition root. Changes are in submit.c, repair and status in sync.c.
 */
#include "reconcile/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void on_want_sync(void *core, const char *why)
{
	gw_reconcile_want(core, why);
}

/* The provider address that [underlay] names is part of the intent like any other, but not of the store. */
static int put_configured(struct gw_reconcile *r, struct gw_error *err)
{
	const struct gw_config *config = r->params.config;
	struct gw_hnv_object *o, *copy;
	int res;

	if (gw_config_provider_address(config, &o) < 0)
		goto oom;
	if (!o)
		return 0;
	copy = gw_hnv_object_copy(o);
	if (!copy)
		goto oom;
	res = gw_intent_put(r->intent, copy, err);
	if (res < 0) {
		gw_hnv_object_free(copy);
		gw_hnv_object_free(o);
		return res;
	}
	r->configured = o;
	return 0;
oom:
	gw_hnv_object_free(o);
	return gw_error_oom(err);
}

#define PROGRESS 1024 /* after so many records somebody is told of it */

static int load_one(void *ctx, struct gw_hnv_object *o, struct gw_error *err)
{
	struct gw_reconcile *r = ctx;
	struct gw_error why = GW_ERROR_INIT;
	char id[GW_ID_STRLEN];
	int res;

	if (++r->loaded % PROGRESS == 0 && r->params.on_progress)
		r->params.on_progress(r->params.ctx);
	gw_hnv_id(o, id);
	if (r->configured && gw_hnv_same_key(o, r->configured)) {
		gw_log_warning("stored provider address %s is passed over: [underlay] address of the configuration "
			       "names it; "
			       "to use the stored one take that key out and restart gwd",
			       id);
		gw_hnv_object_free(o);
		return 0;
	}
	res = gw_intent_put(r->intent, o, &why);
	if (res < 0) {
		gw_error_set(err, -res, why.code, "",
			     "stored %s %s does not fit the configuration any more: %s%s%s; undo the change of the "
			     "configuration, delete what does not fit, then make the change again",
			     gw_hnv_kind_name(o->kind), id, why.target, *why.target ? ": " : "", why.message);
		gw_error_prefix(err, "/hnv/%s/%s", gw_hnv_kind_path(o->kind), id);
		gw_hnv_object_free(o);
	}
	return res;
}

static int load(struct gw_reconcile *r, struct gw_error *err)
{
	int res;

	gw_intent_begin(r->intent);
	res = put_configured(r, err);
	if (res == 0)
		res = gw_store_each(r->store, load_one, r, err);
	if (res == 0)
		res = gw_intent_validate(r->intent, err);
	if (res < 0)
		gw_intent_rollback(r->intent);
	else
		gw_intent_commit(r->intent);
	return res;
}

void gw_reconcile_worked(const struct gw_reconcile *r, const char *what, const char *who, uint64_t since)
{
	if (r->params.on_worked)
		r->params.on_worked(r->params.ctx, what, who, uv_hrtime() - since);
}

int gw_reconcile_open_slot(struct gw_slot *slot, struct gw_error *err)
{
	int res;

	slot->env.intent = slot->owner->intent;
	res = slot->ops->open(&slot->env, &slot->driver, err);
	slot->env.intent = NULL;

	if (res < 0)
		gw_error_prefix(err, "driver %s: ", slot->name);
	return res;
}

static int open_driver(struct gw_reconcile *r, struct gw_slot *slot, struct gw_error *err)
{
	int res = uv_timer_init(r->params.loop, &slot->timer);

	if (res < 0)
		return gw_error_set(err, -res, GW_ERR_INTERNAL, slot->name, "%s", uv_strerror(res));
	slot->owner = r;
	slot->env = (struct gw_driver_env){
		.loop = r->params.loop,
		.config = r->params.config,
		.nl = r->params.nl,
		.want_sync = on_want_sync,
		.core = slot,
	};
	slot->timer.data = slot;
	r->n_timers++;
	res = slot->plugin ? 0 : gw_reconcile_open_slot(slot, err); /* a plugin is opened by its first sync */
	if (res == 0)
		r->n_open++;
	return res;
}

static int open_drivers(struct gw_reconcile *r, struct gw_error *err)
{
	int res = 0;

	for (size_t i = 0; res == 0 && i < r->params.n_drivers; i++) {
		r->slots[i].ops = r->params.drivers[i];
		r->slots[i].name = r->slots[i].ops->name;
		res = open_driver(r, &r->slots[i], err);
	}
	for (size_t i = 0; res == 0 && i < r->params.n_plugins; i++) {
		struct gw_slot *slot = &r->slots[r->params.n_drivers + i];

		slot->plugin = &r->params.plugins[i];
		slot->ops = slot->plugin->ops;
		slot->name = slot->plugin->name;
		res = open_driver(r, slot, err);
	}
	return res;
}

int gw_reconcile_open(const struct gw_reconcile_params *params, struct gw_reconcile **ret, struct gw_error *err)
{
	struct gw_reconcile *r = calloc(1, sizeof *r);
	struct gw_intent_limits limits;
	int res;

	if (!r)
		return gw_error_oom(err);
	r->params = *params;
	r->started_ms = uv_now(params->loop);
	if (params->n_drivers + params->n_plugins > 0 &&
	    !(r->slots = calloc(params->n_drivers + params->n_plugins, sizeof *r->slots))) {
		free(r);
		return gw_error_oom(err);
	}
	gw_config_intent_limits(params->config, &limits);
	res = gw_intent_new(&limits, &r->intent);
	if (res < 0)
		gw_error_set(err, -res, GW_ERR_UNAVAILABLE, "", "no memory for the intent: %s", strerror(-res));
	if (res == 0)
		res = gw_store_open(params->config->store_path, &r->store, err);
	if (res == 0)
		res = gw_reconcile_load_access(r, err);
	if (res == 0)
		res = load(r, err);
	if (res == 0)
		res = open_drivers(r, err);
	if (res < 0) {
		gw_reconcile_close(r);
		return res;
	}
	gw_reconcile_want_all(r, "start");
	if (params->n_drivers == 0)
		gw_reconcile_become_ready(r);
	*ret = r;
	return 0;
}

static void release(struct gw_reconcile *r)
{
	free(r->slots);
	free(r);
}

static void on_timer_closed(uv_handle_t *timer)
{
	struct gw_slot *slot = timer->data;

	if (--slot->owner->n_timers == 0)
		release(slot->owner);
}

struct gw_reconcile *gw_reconcile_close(struct gw_reconcile *r)
{
	size_t timers;

	if (!r)
		return NULL;
	while (r->n_open > 0) {
		struct gw_slot *slot = &r->slots[--r->n_open];

		if (slot->driver)
			slot->driver = slot->ops->close(slot->driver);
	}
	r->store = gw_store_close(r->store);
	r->access = gw_access_table_free(r->access);
	r->intent = gw_intent_free(r->intent);
	r->configured = gw_hnv_object_free(r->configured);
	timers = r->n_timers;
	if (timers == 0)
		release(r);
	for (size_t i = 0; i < timers; i++)
		uv_close((uv_handle_t *)&r->slots[i].timer, on_timer_closed);
	return NULL;
}

struct gw_store *gw_reconcile_store(const struct gw_reconcile *r)
{
	return r->store;
}

static void set_state(json_t *properties, const char *state, const char *detail)
{
	json_object_set_new(properties, "state", json_string(state));
	json_object_set_new(properties, "stateDetail", json_string(detail));
}

/* What becomes of an object whose plugin says nothing of it. */
static void describe_orphan(const struct gw_reconcile *r, const struct gw_hnv_object *o, json_t *properties)
{
	for (size_t i = 0; i < r->n_open; i++) {
		const struct gw_slot *slot = &r->slots[i];

		if (!slot->plugin || !(slot->plugin->kinds & 1u << o->kind))
			continue;
		if (slot->state == GW_SYNC_FAILING)
			set_state(properties, "Failed", slot->error.message);
		else if (!slot->driver)
			set_state(properties, "Waiting", "its plugin has not been opened yet");
		return;
	}
	if (GW_PLUGIN_KINDS & 1u << o->kind)
		set_state(properties, "NoDriver",
			  "this node has no plugin for it: install the one that belongs to this gwd into [node] "
			  "plugin_dir "
			  "and restart gwd");
}

static bool is_carried_out(const struct gw_reconcile *r, enum gw_hnv_kind kind)
{
	for (size_t i = 0; i < r->n_open; i++)
		if (r->slots[i].plugin && r->slots[i].driver && r->slots[i].plugin->kinds & 1u << kind)
			return true;
	return false;
}

/* A virtual gateway is not ready while nobody carries out what its customer asked of it. */
static void describe_unserved(const struct gw_reconcile *r, const struct gw_hnv_object *o, json_t *properties)
{
	const char *state = json_string_value(json_object_get(properties, "state"));

	if (o->kind == GW_HNV_VRF && state && !strcmp(state, "Ready") && !is_carried_out(r, GW_HNV_NAT_RULE) &&
	    gw_intent_next_of_domain(r->intent, GW_HNV_NAT_RULE, &o->vrf.rdid, NULL))
		set_state(properties, "Warning",
			  "nobody carries out its NAT rules: install the plugin that belongs to this gwd into [node] "
			  "plugin_dir "
			  "and restart gwd; what is in the kernel already goes on");
}

static void describe(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	struct gw_reconcile *r = ctx;

	for (size_t i = 0; i < r->n_open; i++)
		if (r->slots[i].driver && r->slots[i].ops->describe)
			r->slots[i].ops->describe(r->slots[i].driver, o, properties);
	if (!json_object_get(properties, "state"))
		describe_orphan(r, o, properties);
	describe_unserved(r, o, properties);
}

/* The first driver that can trace answers. */
static int trace(void *ctx, const json_t *query, json_t **ret_answer, struct gw_error *err)
{
	struct gw_reconcile *r = ctx;

	for (size_t i = 0; i < r->n_open; i++)
		if (r->slots[i].driver && r->slots[i].ops->trace)
			return r->slots[i].ops->trace(r->slots[i].driver, r->intent, query, ret_answer, err);
	return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, "", "no part of this node can trace packets");
}

static bool ready(void *ctx)
{
	return ((struct gw_reconcile *)ctx)->ready;
}

static uint64_t revision(void *ctx)
{
	return gw_store_revision(((struct gw_reconcile *)ctx)->store);
}

void gw_reconcile_service(struct gw_reconcile *r, struct gw_service *ret)
{
	*ret = (struct gw_service){
		.ctx = r,
		.intent = r->intent,
		.config = r->params.config,
		.submit = gw_reconcile_submit,
		.describe = describe,
		.status = gw_reconcile_status,
		.status_more = gw_reconcile_status_more,
		.trace = trace,
		.ready = ready,
		.state = gw_reconcile_state,
		.revision = revision,
		.access = r->access,
		.put_access = gw_reconcile_put_access,
		.delete_access = gw_reconcile_delete_access,
	};
}

void gw_reconcile_reconfigured(struct gw_reconcile *r)
{
	struct gw_intent_limits limits;

	gw_config_intent_limits(r->params.config, &limits);
	gw_intent_set_limits(r->intent, &limits);
	gw_reconcile_want_all(r, "the configuration has changed");
}
