/*
 * plugin.c - driver "nat", which the daemon loads: brings natRules and publicAddresses into the virtual gateways' namespaces.
 * See nat.md for what it does with them.
 */
#include "nat/gateway.h"
#include "nat/limit.h"

#include "base/log.h"
#include "plugin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WARNINGS 16
#define MAX_TOLD     256       /* places of rules, of one public address */
#define LIMIT_MS     10000     /* until the kernel's bound is read again */
#define BUSY_NS	     20000000u /* after which the rest of the virtual gateways is left to a thread */
#define TURN_NS	     4000000u  /* of looking at all of them, before the loop goes on with all else */
#define LOOK_NS	     2000000u  /* the same, of looking after those that are as they should be */

static bool is_ours(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_NAT_RULE || o->kind == GW_HNV_PUBLIC || o->kind == GW_HNV_VRF;
}

static const struct gw_uuid *rdid_of(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_NAT_RULE ? &o->nat.rdid : o->kind == GW_HNV_PUBLIC ? &o->public.rdid : &o->vrf.rdid;
}

/* --- gateways --- */

static uint32_t rdid_hash(const struct gw_uuid *rdid)
{
	return gw_hash_bytes(rdid, sizeof *rdid, 0);
}

static struct nat_gateway *find(struct gw_driver *d, const struct gw_uuid *rdid)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->gateways, rdid_hash(rdid)) {
		struct nat_gateway *g = GW_CONTAINER_OF(node, struct nat_gateway, by_rdid);

		if (gw_uuid_equal(&g->plan.rdid, rdid))
			return g;
	}
	return NULL;
}

static void forget(struct gw_driver *d, struct nat_gateway *g)
{
	gw_hmap_remove(&d->gateways, &g->by_rdid);
	nat_gateway_free(g);
}

static struct nat_gateway *find_or_make(struct gw_driver *d, const struct gw_uuid *rdid)
{
	struct nat_gateway *g = find(d, rdid);

	if (g)
		return g;
	g = nat_gateway_new(d, rdid);
	if (g && gw_hmap_insert(&d->gateways, &g->by_rdid, rdid_hash(rdid)) < 0)
		g = nat_gateway_free(g);
	return g;
}

/* --- time --- */

static void on_timer(uv_timer_t *t);

static void schedule(struct gw_driver *d, uint64_t at)
{
	uint64_t now = uv_now(d->env.loop);

	if (!d->closing)
		uv_timer_start(&d->timer, on_timer, at > now ? at - now : 0, 0);
}

uint32_t nat_driver_limit(const struct gw_driver *d)
{
	return nat_limit_in_force(d->env.config->tracked_limit, d->kernel_limit, d->env.config->new_rate);
}

#define LIMITED                                                                                                        \
	"each virtual gateway may track %u connections, not the %u of [limits] tracked_connections: the "              \
	"kernel's " NAT_KERNEL_LIMIT " is %u; raise it with sysctl, or lower the limit"
#define LIMITED_BY(d) nat_driver_limit(d), (d)->env.config->tracked_limit, (d)->kernel_limit

/* It may be changed at any time, and comes with a module. */
static void look_at_limit(struct gw_driver *d, uint64_t now)
{
	if (now < d->next_limit)
		return;
	d->next_limit = now + LIMIT_MS;
	d->kernel_limit = nat_limit_kernel();
	if (nat_driver_limit(d) == d->env.config->tracked_limit) {
		d->limit_told = 0;
	} else if (d->limit_told != d->kernel_limit) {
		d->limit_told = d->kernel_limit;
		gw_log_warning(LIMITED, LIMITED_BY(d));
	}
}

static void on_timer(uv_timer_t *t)
{
	struct gw_driver *d = t->data;
	uint64_t now = uv_now(d->env.loop), next = UINT64_MAX, end = uv_hrtime() + LOOK_NS;

	look_at_limit(d, now);
	GW_HMAP_FOR_EACH (node, &d->gateways) {
		uint64_t at = nat_gateway_look(GW_CONTAINER_OF(node, struct nat_gateway, by_rdid), now);

		if (at < next)
			next = at;
		if (uv_hrtime() >= end) { /* the others that are due are so yet when this comes again */
			next = now + 1;
			break;
		}
	}
	if (next != UINT64_MAX)
		schedule(d, next);
}

static void on_idle(uv_idle_t *h)
{
	struct gw_driver *d = h->data;

	GW_HMAP_FOR_EACH (node, &d->gateways)
		if (nat_gateway_sweep(GW_CONTAINER_OF(node, struct nat_gateway, by_rdid)))
			return; /* a part of one at each turn */
	uv_idle_stop(h);
}

void nat_driver_sweep(struct gw_driver *d)
{
	if (!d->closing)
		uv_idle_start(&d->idle, on_idle);
}

/* --- life cycle --- */

void nat_driver_handle_closed(struct gw_driver *d)
{
	if (--d->handles == 0 && d->closing)
		free(d);
}

static void on_own_closed(uv_handle_t *h)
{
	nat_driver_handle_closed(h->data);
}

static int nat_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	struct gw_driver *d = calloc(1, sizeof *d);

	if (!d)
		return gw_error_oom(err);
	d->env = *env;
	d->turn_ns = TURN_NS;
	if (gw_hmap_init(&d->gateways) < 0 || uv_timer_init(env->loop, &d->timer) < 0) {
		gw_hmap_done(&d->gateways);
		free(d);
		return gw_error_oom(err);
	}
	uv_idle_init(env->loop, &d->idle);
	d->timer.data = d->idle.data = d;
	d->handles = 2;
	*ret = d;
	return 0;
}

/* What is in the kernel stays. */
static struct gw_driver *nat_close(struct gw_driver *d)
{
	if (!d)
		return NULL;
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->gateways)
		forget(d, GW_CONTAINER_OF(node, struct nat_gateway, by_rdid));
	gw_hmap_done(&d->gateways);
	nat_plan_done(&d->checked);
	free(d->todo);
	d->todo = NULL;
	d->closing = true;
	uv_close((uv_handle_t *)&d->timer, on_own_closed);
	uv_close((uv_handle_t *)&d->idle, on_own_closed);
	return NULL;
}

/* --- check --- */

/* Which change of many is at fault is found by asking for each: the plan of one state is made once. */
static const struct nat_plan *plan_for_check(struct gw_driver *d, const struct gw_intent *next,
					     const struct gw_uuid *rdid)
{
	uint64_t generation = gw_intent_generation(next);

	if (d->has_checked && d->checked_at == generation && gw_uuid_equal(&d->checked.rdid, rdid))
		return &d->checked;
	nat_plan_done(&d->checked);
	d->has_checked = nat_plan_make(next, rdid, &d->checked) == 0;
	d->checked_at = generation;
	return d->has_checked ? &d->checked : NULL;
}

static int nat_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err)
{
	const struct nat_plan *limits_of = NULL;
	int r = 0;

	d->has_checked = d->has_checked && delta->n == 1;
	for (size_t i = 0; r == 0 && i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].after;
		const struct nat_plan *p;

		if (!o || o->kind != GW_HNV_NAT_RULE)
			continue;
		p = plan_for_check(d, next, &o->nat.rdid);
		if (!p)
			return gw_error_oom(err);
		r = nat_check_rule(p, &o->nat, err);
		if (r == 0 && (limits_of != p || i == 0))
			r = nat_check_limits(p, err);
		limits_of = p;
	}
	return r;
}

/* --- apply and sync --- */

/* `begun`, as uv_hrtime() tells it: since when the loop is busy with this, which others wait for. */
static int bring(struct gw_driver *d, const struct gw_intent *in, const struct gw_uuid *rdid, uint64_t begun,
		 struct gw_error *err)
{
	struct nat_gateway *g = find(d, rdid);
	struct nat_plan plan;
	int r = nat_plan_make(in, rdid, &plan);

	if (r < 0)
		return gw_error_oom(err);
	if (!plan.vsid && plan.n_rules == 0 && plan.n_publics == 0) {
		nat_plan_done(&plan);
		if (g)
			forget(d, g);
		return 0;
	}
	if (!g)
		g = find_or_make(d, rdid);
	if (!g) {
		nat_plan_done(&plan);
		return gw_error_oom(err);
	}
	r = nat_gateway_bring(g, &plan, begun && uv_hrtime() - begun > BUSY_NS, err);
	g->seen = true;
	g->applied = d->applies;
	if (!uv_is_active((uv_handle_t *)&d->timer))
		schedule(d, uv_now(d->env.loop));
	return r;
}

/* Who had which ports of an address when: what an abuse report asks for. */
static void log_assignment(const struct gw_hnv_object *o, const char *what)
{
	char rdid[GW_UUID_STRLEN], prefix[GW_PREFIX_STRLEN];

	if (!o || o->kind != GW_HNV_PUBLIC)
		return;
	gw_prefix_format(&o->public.prefix, prefix);
	gw_uuid_format(&o->public.rdid, rdid);
	if (o->public.port_count == 1)
		gw_log_notice("public address %s port %u: %s routing domain %s", prefix, o->public.first_port, what,
			      rdid);
	else if (o->public.port_count)
		gw_log_notice("public address %s ports %u-%u: %s routing domain %s", prefix, o->public.first_port,
			      (unsigned)(o->public.first_port + o->public.port_count - 1), what, rdid);
	else
		gw_log_notice("public address %s all ports: %s routing domain %s", prefix, what, rdid);
}

static void log_change(const struct gw_change *c)
{
	if (c->before && c->after && c->before->kind == GW_HNV_PUBLIC &&
	    gw_uuid_equal(&c->before->public.rdid, &c->after->public.rdid) &&
	    c->before->public.port_count == c->after->public.port_count)
		return;
	log_assignment(c->before, "withdrawn from");
	log_assignment(c->after, "assigned to");
}

/* Each routing domain once, however often the change names it. */
static bool is_brought(struct gw_driver *d, const struct gw_uuid *rdid)
{
	const struct nat_gateway *g = find(d, rdid);

	return g && g->applied == d->applies;
}

static int nat_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		     struct gw_error *err)
{
	uint64_t begun = 0; /* the first one is brought at once, however late it is */
	int r = 0;

	d->applies++;
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *sides[] = {delta->changes[i].before, delta->changes[i].after};

		log_change(&delta->changes[i]);
		for (int k = 0; k < 2; k++) {
			struct gw_error own = GW_ERROR_INIT;
			int one;

			if (!sides[k] || !is_ours(sides[k]) || is_brought(d, rdid_of(sides[k])))
				continue;
			one = bring(d, next, rdid_of(sides[k]), begun, &own);
			begun = begun ? begun : uv_hrtime();
			if (one < 0 && r == 0) { /* the others are brought all the same */
				r = one;
				*err = own;
			}
		}
	}
	return r;
}

static void note(int one, const struct gw_error *own, int *r, struct gw_error *err)
{
	if (one == 0 || *r < 0)
		return;
	*r = one;
	*err = *own;
}

/* Who is to be looked at: all virtual gateways, and whoever has an address or a rule without one, perhaps several times. */
static int list_all(struct gw_driver *d, const struct gw_intent *in)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_VRF, GW_HNV_PUBLIC, GW_HNV_NAT_RULE};
	size_t room = 0;

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		room += gw_intent_count(in, kinds[k]);
	d->todo = calloc(room + 1, sizeof *d->todo);
	if (!d->todo)
		return -ENOMEM;
	d->n_todo = d->at_todo = 0;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, kinds[k], o));)
			if (o->kind == GW_HNV_VRF || !gw_intent_vrf(in, rdid_of(o)))
				d->todo[d->n_todo++] = *rdid_of(o);
	return 0;
}

static int begin_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	GW_HMAP_FOR_EACH (node, &d->gateways)
		GW_CONTAINER_OF(node, struct nat_gateway, by_rdid)->seen = false;
	d->begun = 0;
	d->failed = 0;
	d->once_more = false;
	return list_all(d, in) < 0 ? gw_error_oom(err) : 0;
}

/* What changes of the intent have brought in between has been seen, too. */
static int end_sync(struct gw_driver *d, struct gw_error *err)
{
	free(d->todo);
	d->todo = NULL;
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->gateways) {
		struct nat_gateway *g = GW_CONTAINER_OF(node, struct nat_gateway, by_rdid);

		if (!g->seen)
			forget(d, g);
	}
	if (d->once_more)
		d->env.want_sync(d->env.core, "something came up while all virtual gateways were looked at");
	if (d->failed < 0)
		*err = d->why;
	return d->failed;
}

/* A part of them in each turn of the loop; where there is much to write, that is left to a thread. */
static int nat_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	uint64_t end = uv_hrtime() + d->turn_ns;
	int r = d->todo ? 0 : begin_sync(d, intent, err);

	while (r == 0 && d->at_todo < d->n_todo) {
		const struct gw_uuid *rdid = &d->todo[d->at_todo++];
		const struct nat_gateway *g = find(d, rdid);
		struct gw_error own = GW_ERROR_INIT;

		if (g && g->seen)
			continue;
		note(bring(d, intent, rdid, d->begun, &own), &own, &d->failed, &d->why);
		d->begun = d->begun ? d->begun : uv_hrtime();
		if (uv_hrtime() >= end && d->at_todo < d->n_todo)
			return GW_SYNC_MORE;
	}
	return r < 0 ? r : end_sync(d, err);
}

/* --- what it looks like --- */

static void describe_rule(struct nat_gateway *g, const struct gw_nat_rule *r, json_t *properties)
{
	const struct gw_nat_rule *at = nat_plan_rule(&g->plan, r);

	json_object_set_new(properties, "state", json_string(nat_state_name(g->state)));
	if (*g->detail)
		json_object_set_new(properties, "stateDetail", json_string(g->detail));
	if (at && nat_gateway_count_rules(g))
		json_object_set_new(properties, "counters",
				    json_pack("{s:I}", "connections", (json_int_t)g->connections[at - g->plan.rules]));
}

static void describe_vrf(struct nat_gateway *g, json_t *properties)
{
	json_t *nat =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "state", nat_state_name(g->state), "stateDetail", g->detail,
			  "rules", (json_int_t)g->plan.n_rules, "repairs", (json_int_t)g->repairs, "trackedConnections",
			  (json_int_t)g->tracked, "trackedConnectionsLimit", (json_int_t)nat_driver_limit(g->driver));

	if (nat && nat_gateway_count(g))
		for (int i = 0; i < NAT_COUNTERS_MAX; i++)
			json_object_set_new(nat, nat_counter_names[i],
					    json_pack("{s:I, s:I}", "packets", (json_int_t)g->counts[i].packets,
						      "bytes", (json_int_t)g->counts[i].bytes));
	json_object_set_new(properties, "nat", nat);
}

/* Of all rules that are at its addresses and ports; those that have counted nothing are not named. */
static void describe_public(struct nat_gateway *g, const struct gw_public *p, json_t *properties)
{
	const struct nat_places *all = nat_gateway_tally(g);
	json_t *rules = json_object();
	uint64_t sums[2] = {0};
	bool more = false;

	for (size_t i = all ? nat_places_from(all, &p->prefix.addr, p->first_port) : 0; all && i < all->n; i++) {
		const struct nat_place *at = &all->v[i];
		const struct gw_nat_rule rule = {
			.type = at->type, .protocol = at->protocol, .address = at->address, .port = at->port};
		char name[GW_PLACE_STRLEN];

		if (!gw_prefix_contains(&p->prefix, &at->address) ||
		    (p->port_count && (uint32_t)(at->port - p->first_port) >= p->port_count))
			break;
		sums[at->type == GW_NAT_INBOUND] += at->connections;
		if (json_object_size(rules) < MAX_TOLD)
			json_object_set_new(rules, gw_hnv_place(&rule, name),
					    json_integer((json_int_t)at->connections));
		else
			more = true;
	}
	if (all)
		json_object_set_new(properties, "counters",
				    json_pack("{s:I, s:I, s:O, s:b}", "outboundConnections", (json_int_t)sums[0],
					      "inboundConnections", (json_int_t)sums[1], "rules", rules, "more", more));
	json_decref(rules);
}

static void nat_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	struct nat_gateway *g;

	if (!is_ours(o))
		return;
	g = find(d, rdid_of(o));
	if (g && o->kind == GW_HNV_VRF)
		describe_vrf(g, properties);
	else if (g && o->kind == GW_HNV_PUBLIC)
		describe_public(g, &o->public, properties);
	else if (g)
		describe_rule(g, &o->nat, properties);
	else if (o->kind == GW_HNV_NAT_RULE)
		json_object_set_new(properties, "state", json_string(nat_state_name(NAT_STATE_WAITING)));
}

/* What is configured is not what is in force, which whoever runs the node has to hear before it matters. */
static void warn_of_limit(const struct gw_driver *d, json_t *warnings)
{
	if (d->gateways.n && nat_driver_limit(d) < d->env.config->tracked_limit)
		json_array_append_new(warnings, json_sprintf(LIMITED, LIMITED_BY(d)));
}

static json_t *nat_status(struct gw_driver *d)
{
	json_t *warnings = json_array();
	size_t rules = 0, up = 0, troubled = 0;
	uint64_t tracked = 0, writes = 0;

	warn_of_limit(d, warnings);
	GW_HMAP_FOR_EACH (node, &d->gateways) {
		const struct nat_gateway *g = GW_CONTAINER_OF(node, struct nat_gateway, by_rdid);
		char rdid[GW_UUID_STRLEN];

		rules += g->plan.n_rules;
		tracked += g->tracked;
		writes += g->writes;
		up += g->state == NAT_STATE_UP;
		if (g->state < NAT_STATE_WARNING || troubled++ >= MAX_WARNINGS)
			continue;
		json_array_append_new(warnings, json_sprintf("NAT of routing domain %s: %s",
							     gw_uuid_format(&g->plan.rdid, rdid), g->detail));
	}
	if (troubled > MAX_WARNINGS)
		json_array_append_new(warnings, json_sprintf("and %zu more", troubled - MAX_WARNINGS));
	/* What it can do is for each virtual gateway; managers find it among the gateway's capabilities. */
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:[s], s:I, s:I}, s:o}", "virtualGateways",
			 (json_int_t)d->gateways.n, "up", (json_int_t)up, "rules", (json_int_t)rules,
			 "trackedConnections", (json_int_t)tracked, "writes", (json_int_t)writes, "repairs",
			 (json_int_t)d->repairs, "capabilities", "connectionTypes", "NAT", "trackedConnectionsLimit",
			 (json_int_t)nat_driver_limit(d), "newConnectionsPerSecondLimit",
			 (json_int_t)d->env.config->new_rate, "warnings", warnings);
}

static const struct gw_driver_ops ops = {
	.name = "nat",
	.open = nat_open,
	.check = nat_check,
	.apply = nat_apply,
	.sync = nat_sync,
	.describe = nat_describe,
	.status = nat_status,
	.close = nat_close,
};

const struct gw_plugin gw_plugin = GW_PLUGIN("nat", &ops, 1u << GW_HNV_NAT_RULE);
