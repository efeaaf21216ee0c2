/*
 * engine.c - the encap engine as a driver (driver.h): opens and adopts, checks, applies, syncs. Packets never come here:
 * the programs in bpf/ carry them, from maps that this keeps in step with the intent, whether or not this process lives.
 */
#include "engine/engine.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/internal.h"
#include "engine/tc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TURN_NS 4000000u /* of a sync, before the loop goes on with all else, which has its own part of a turn */

/* Of a sync. */
enum stage { LINKS, MAPS, EDGE, WAYS, FAST, PROGRAMS, STRANGERS, DONE };

static struct gw_driver *engine_close(struct gw_driver *d)
{
	if (!d)
		return NULL;
	if (d->env.nl)
		gw_nl_unwatch(d->env.nl, d);
	gw_reload_end(d);
	free(d->sync.names);
	gw_index_done(&d->index);
	gw_links_done(d);
	gw_slots_done(&d->port_slots);
	gw_slots_done(&d->vsid_slots);
	gw_slots_done(&d->exit_slots);
	gw_slots_done(&d->way_slots);
	gw_way_tables_free(d->ways);
	gw_edge_done(&d->edge);
	gw_loader_close(d->loader);
	gw_cleanup_close(&d->pins_lock);
	free(d);
	return NULL;
}

static int engine_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	const struct gw_config *c = env->config;
	struct gw_driver *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return gw_error_oom(err);
	d->env = *env;
	d->env.intent = NULL;
	d->attach_round = 1;
	d->sync.turn_ns = TURN_NS;
	d->pins_lock = -1;
	gw_edge_init(&d->edge);
	d->params.decap_l3 = gw_loader_probe_decap_l3();
	gw_devices_bring(d);
	gw_fast_probe(d);
	gw_links_foresee(d, env->intent);
	d->params = gw_want_params(d);
	d->lowest_pa = gw_want_lowest_pa(d, env->intent);
	gw_links_done(d); /* sync begins with none */
	const struct gw_loader_config config = {
		.bpf_dir = c->bpf_dir,
		.node = c->name,
		.params = d->params,
		.lowest_pa = d->lowest_pa,
		.flow_limit = c->flow_table_size,
		.record_limit = c->record_limit,
		.port_limit = c->port_limit,
		.route_limit = c->route_limit,
		.provider_limit = c->provider_limit,
		.vrf_limit = c->vrf_limit,
		.way_limit = c->way_limit,
		.public_limit = c->public_limit,
		.fast_limit = c->external_interface[0] ? c->flow_table_size : 0,
	};

	r = gw_loader_lock(&config, &d->pins_lock, err);
	if (r == 0)
		r = gw_loader_open(&config, &d->loader, err);
	if (r < 0)
		goto fail;
	if (gw_slots_init(&d->port_slots, GW_SLOT_PORT, c->port_limit, d) < 0 ||
	    gw_slots_init(&d->vsid_slots, GW_SLOT_VSID, c->port_limit, d) < 0 ||
	    gw_slots_init(&d->exit_slots, GW_SLOT_EXIT, c->vrf_limit, d) < 0 ||
	    gw_slots_init(&d->way_slots, GW_SLOT_WAY, c->way_limit, d) < 0) {
		r = gw_error_oom(err);
		goto fail;
	}
	r = gw_nl_watch_links(env->nl, gw_links_event, d);
	if (r == 0)
		r = gw_nl_watch_tc(env->nl, gw_links_tc_event, d);
	if (r == 0)
		r = gw_nl_watch_inet(env->nl, gw_edge_on_change, d);
	if (r < 0) {
		gw_error_set(err, -r, GW_ERR_INTERNAL, "engine",
			     "cannot watch interfaces: %s; gwd must be allowed netlink sockets "
			     "(RestrictAddressFamilies of its unit)",
			     strerror(-r));
		goto fail;
	}
	for (int i = 0; i < GW_DEVICE_MAX; i++)
		if (d->devices[i].trouble[0])
			gw_log_warning("%s", d->devices[i].trouble);
	*ret = d;
	return 0;
fail:
	engine_close(d);
	return r;
}

static int count_delta(struct gw_driver *d, const struct gw_delta *delta)
{
	int r = 0;

	for (size_t i = 0; i < delta->n && r == 0; i++) {
		r = gw_index_count(&d->index, delta->changes[i].after, 1);
		if (r == 0)
			r = gw_index_count(&d->index, delta->changes[i].before, -1);
	}
	return r;
}

/* The programs that are there are told of it. */
static int follow_lowest_pa(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	uint32_t pa = gw_want_lowest_pa(d, in);
	int r = pa == d->lowest_pa ? 0 : gw_loader_set_lowest_pa(d->loader, pa, err);

	if (r == 0)
		d->lowest_pa = pa;
	return r;
}

/*
 * Parameters that follow from the configuration and the interfaces; a change of them is a swap of all programs. What a change of the
 * intent has asked for is in force when it returns; whose parameters were others `before` leaves them to the sync that this is for.
 */
static int follow_params(struct gw_driver *d, const struct gw_intent *in, const struct gw_params *before,
			 struct gw_error *err)
{
	struct gw_params want = gw_want_params(d);
	int r = follow_lowest_pa(d, in, err);

	if (r < 0 || memcmp(&want, &d->params, sizeof want) == 0)
		return r;
	if (memcmp(&want, before, sizeof want) == 0) {
		if (!d->sync.under_way || d->sync.stage > PROGRAMS)
			gw_engine_want_sync(d, "the programs have other parameters than they should");
		return 0;
	}
	r = gw_loader_reload(d->loader, &want, err);
	if (r < 0)
		return r;
	d->params = want;
	d->attach_round++;
	return 0;
}

static int rebuild_index(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_CUSTOMER_ROUTE, GW_HNV_LOOKUP_RECORD, GW_HNV_PORT};

	gw_index_done(&d->index);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, kinds[k], o));)
			if (gw_index_count(&d->index, o, 1) < 0)
				return gw_error_oom(err);
	return 0;
}

static void drop_sync(struct gw_driver *d)
{
	free(d->sync.names);
	d->sync.names = NULL;
	d->sync.under_way = false;
}

/* Who knows how far a change came: the next sync looks at everything, and one that is under way begins anew. */
static void lose(struct gw_driver *d)
{
	d->maps_good = false;
	drop_sync(d);
}

/* What programs would read is not all there yet, or they are not: the sync that is under way puts them on interfaces when that is so. */
static bool is_incomplete(const struct gw_driver *d)
{
	return d->sync.under_way && d->sync.all && (d->sync.stage < PROGRAMS || d->reload);
}

static int engine_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
			struct gw_error *err)
{
	/*
	 * A change comes in parts, removals and the rest, and the intent shows all of it from the start. When it is undone half
	 * way, nothing is under way in the intent any more, and parts that never came may have left traces: all is looked at.
	 */
	bool undoing = gw_intent_delta(next).n == 0;
	struct gw_params before = gw_want_params(d);
	unsigned round;
	int r = count_delta(d, delta);

	if (r < 0) {
		lose(d); /* the index has lost count */
		return gw_error_oom(err);
	}
	r = gw_links_apply(d, next, delta, err);
	if (r == 0)
		r = gw_maps_apply(d, next, delta, err);
	if (r == 0)
		r = gw_edge_apply(d, next, delta, err);
	if (r == 0)
		r = gw_ways_apply(d, next, delta, err);
	if (r == 0)
		r = gw_fast_apply(d, next, delta, err);
	if (r == 0 && undoing && (r = rebuild_index(d, next, err)) == 0)
		r = gw_maps_sync_whole(d, next, err);
	if (r == 0 && undoing)
		r = gw_edge_sync_whole(d, next, err);
	if (r == 0 && undoing)
		r = gw_ways_sync(d, next, err);
	if (r == 0 && undoing)
		r = gw_fast_sync(d, next, err);
	round = d->attach_round;
	if (r == 0)
		r = follow_params(d, next, &before, err);
	if (r == 0 && !is_incomplete(d))
		r = gw_links_attach(d, err);
	/* What the former programs cached meanwhile is of the former parameters. */
	if (d->attach_round != round)
		gw_maps_bump(d, next, NULL, 0);
	gw_fast_outdate(d);
	if (r == 0)
		gw_edge_announce(d, next, delta);
	else
		lose(d);
	return r;
}

/* --- sync --- */

void gw_engine_want_sync(struct gw_driver *d, const char *why)
{
	d->sync.again = true;
	d->env.want_sync(d->env.core, why);
}

static int begin_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	d->sync.all = !d->maps_good;
	d->sync.again = false;
	d->sync.stage = LINKS;
	d->sync.at = d->sync.n = 0;
	d->sync.place = (struct gw_walk_place){0};
	d->sync.pass++;
	d->sync.under_way = true;
	d->maps_good = false;
	gw_devices_bring(d);
	gw_fast_probe(d);
	if (d->sync.all)
		r = rebuild_index(d, in, err);
	gw_devices_check_programs(d);
	if (r == 0 && gw_links_list(d, in, &d->sync.names, &d->sync.n) < 0)
		r = gw_error_oom(err);
	return r;
}

static int look_at_links(struct gw_driver *d, const struct gw_intent *in, uint64_t until, struct gw_error *err)
{
	int r = 0;

	while (r == 0 && d->sync.at < d->sync.n) {
		r = gw_links_look(d, in, &d->sync.names[d->sync.at++], err);
		if (r == 0 && uv_hrtime() >= until)
			return GW_SYNC_MORE;
	}
	return r == 0 ? gw_links_forget(d, in, err) : r;
}

/* Of one stage as much as there is time for; GW_SYNC_MORE when that was not all of it. */
static int do_stage(struct gw_driver *d, const struct gw_intent *in, uint64_t until, struct gw_error *err)
{
	struct gw_params want;
	int r = 0;

	switch ((enum stage)d->sync.stage) {
	case LINKS:
		return look_at_links(d, in, until, err);
	case MAPS:
		return d->sync.all ? gw_maps_sync(d, in, &d->sync.place, until, err)
				   : gw_maps_refresh_providers(d, in, err);
	case EDGE:
		return gw_edge_sync(d, in, &d->sync.place, until, err);
	case WAYS:
		return gw_ways_sync(d, in, err);
	case FAST:
		return gw_fast_sync(d, in, err);
	case PROGRAMS:
		want = gw_want_params(d);
		r = follow_lowest_pa(d, in, err);
		if (r == 0)
			r = gw_reload_some(d, &want, err);
		return r == 0 ? gw_links_attach_some(d, until, err) : r;
	case STRANGERS:
		r = gw_links_drop_strangers(d, err);
		if (r == 0)
			r = gw_maps_drop_strangers(d, in, err);
		return r == 0 ? gw_loader_commit(d->loader, err) : r;
	case DONE:
		break;
	}
	return 0;
}

/*
 * In parts: with a thousand virtual gateways there are two thousand interfaces to look at. A change that is applied in between finds,
 * and leaves, what it has to do with as it should be.
 */
static int engine_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	uint64_t until = uv_hrtime() + d->sync.turn_ns;
	int r = d->sync.under_way ? 0 : begin_sync(d, in, err);

	while (r == 0 && d->sync.stage < DONE) {
		r = do_stage(d, in, until, err);
		if (r == 0) {
			d->sync.stage++;
			d->sync.place = (struct gw_walk_place){0};
		}
		if (r == GW_SYNC_MORE || (r == 0 && d->sync.stage < DONE && uv_hrtime() >= until))
			return GW_SYNC_MORE;
	}
	gw_maps_bump(d, in, NULL, 0);
	gw_fast_outdate(d);
	d->maps_good = r == 0;
	if (r == 0)
		gw_edge_announce_all(d, in);
	drop_sync(d);
	if (d->sync.again)
		d->env.want_sync(d->env.core, "something came up while all of it was looked at");
	return r;
}

static int engine_remove(struct gw_driver *d, struct gw_error *err)
{
	int r = gw_links_drop_all(d, err), r2 = gw_devices_drop_all(d, r < 0 ? NULL : err);

	gw_loader_remove(d->loader);
	return r < 0 ? r : r2;
}

const struct gw_driver_ops gw_engine_driver = {
	.name = "engine",
	.open = engine_open,
	.check = gw_engine_check,
	.apply = engine_apply,
	.sync = engine_sync,
	.describe = gw_engine_describe,
	.status = gw_engine_status,
	.status_more = gw_engine_status_more,
	.trace = gw_engine_trace,
	.remove = engine_remove,
	.close = engine_close,
};
