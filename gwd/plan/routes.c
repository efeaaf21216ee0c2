/*
 * routes.c - the customer routes of a virtual network: its subnets, its route tables, the way to its virtual gateway. See
 * private.h.
 *
 * A routing domain has one table, whoever sends (FWD-7): what the route table of one subnet says holds for all of them, which is
 * said. What is to be dropped, and what cannot be brought where it should go, leads to an address that nobody has: the engine
 * answers with ICMP, and nothing slips through by a shorter prefix.
 *
 * A network that is on no node has no routes, and nothing is said of those that it would have: only of its subnets and tables.
 */
#include "plan/private.h"

#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <errno.h>
#include <stdlib.h>

/* Of two routes to one prefix, that of a table is preferred. */
enum { METRIC_TABLE = 128, METRIC_OWN = 255 };

struct subnet {
	const struct gw_resource *resource;
	const struct gw_virtual_subnet *p;
	bool is_gateways; /* kept for the virtual gateway */
};

struct table {
	struct gw_hmap_node by_resource;
	const struct gw_resource *resource;
	size_t users; /* subnets that VMs may be in and that name it */
};

struct routing {
	struct gw_plan_job *j;
	struct subnet *subnets; /* those that count, by prefix; no two overlap */
	size_t n_subnets, n_for_vms;
	const struct subnet *for_drops[2]; /* by family: where what is to be dropped leads to; NULL: nowhere */
	struct table *tables;		   /* each once, by the first subnet that names it */
	size_t n_tables;
	struct gw_hmap by_resource; /* of them */
	bool has_default[2];	    /* a table says where the rest goes, by family */
};

/* --- subnets ------------------------------------------------------------------------------------------------------ */

static const struct gw_virtual_subnet *of(const struct gw_resource *subnet)
{
	return subnet->now.properties;
}

/* Where its addresses are: those of the virtual gateway are all in one. */
static uint32_t vsid_of(const struct routing *s, const struct subnet *n)
{
	bool shares = s->j->has_gateway && n->resource == s->j->gateway_subnets[1];

	return shares ? s->j->gateway_vsid : n->p->vsid;
}

static int family_of(const struct gw_addr *a)
{
	return !gw_addr_is_v4(a);
}

/* Families apart: as numbers, the addresses of one lie between those of the other. */
static int by_place(const struct gw_addr *a, const struct gw_addr *b)
{
	int order = family_of(a) - family_of(b);

	return order ? order : gw_addr_cmp(a, b);
}

static int by_prefix(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;
	int order = by_place(&x->p->prefix.addr, &y->p->prefix.addr);

	return order ? order : (x->p->vsid > y->p->vsid) - (x->p->vsid < y->p->vsid);
}

/* The one that the address is in; NULL: none. */
static struct subnet *subnet_of(const struct routing *s, const struct gw_addr *a)
{
	size_t first = 0, n = s->n_subnets;

	while (n > 0) {
		size_t middle = first + n / 2;

		s->j->p->work.subnets++;
		if (by_place(&s->subnets[middle].p->prefix.addr, a) <= 0) {
			first = middle + 1;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return first > 0 && gw_prefix_contains(&s->subnets[first - 1].p->prefix, a) ? &s->subnets[first - 1] : NULL;
}

/*
 * Where nobody is: the dummy address of RFC 7600, the first of the discard prefix of RFC 6666. In a virtual subnet where no
 * wildcard record takes it, the one with the lowest VSID.
 */
static struct gw_addr nobody(int family)
{
	static const struct gw_addr v6 = {{1}};

	return family ? v6 : gw_addr_from_v4(0xc0000008);
}

static void find_where_drops_lead(struct routing *s, int family)
{
	const struct gw_addr a = nobody(family);

	for (size_t i = 0; i < s->n_subnets; i++) {
		const struct subnet *n = &s->subnets[i], *best = s->for_drops[family];

		s->j->p->work.subnets++;
		if (n->resource != s->j->gateway_subnets[0] && n->resource != s->j->gateway_subnets[1] &&
		    !gw_prefix_contains(&n->p->prefix, &a) && (!best || n->p->vsid < best->p->vsid))
			s->for_drops[family] = n;
	}
}

static void mark_gateways(struct routing *s)
{
	const struct gw_version *v = s->j->vgw ? &s->j->vgw->now : NULL;

	for (size_t i = 0; v && i < v->n_refs; i++) {
		const struct gw_resource *r = v->refs[i].to;
		struct subnet *n = r->kind == GW_KIND_VIRTUAL_SUBNET ? subnet_of(s, &of(r)->prefix.addr) : NULL;

		if (n && n->resource == r)
			n->is_gateways = true;
	}
	for (size_t i = 0; i < s->n_subnets; i++)
		s->n_for_vms += !s->subnets[i].is_gateways;
}

static int collect_subnets(struct routing *s)
{
	const struct gw_resource *r = NULL;
	size_t room = 0;

	while ((r = gw_catalog_next(s->j->c, s->j->network, GW_KIND_VIRTUAL_SUBNET, r)))
		room++;
	s->subnets = calloc(room + 1, sizeof *s->subnets);
	s->tables = calloc(room + 1, sizeof *s->tables);
	if (!s->subnets || !s->tables || gw_hmap_init(&s->by_resource) < 0)
		return -ENOMEM;
	while ((r = gw_catalog_next(s->j->c, s->j->network, GW_KIND_VIRTUAL_SUBNET, r)))
		if (gw_plan_is_valid(r))
			s->subnets[s->n_subnets++] = (struct subnet){.resource = r, .p = r->now.properties};
	qsort(s->subnets, s->n_subnets, sizeof *s->subnets, by_prefix);
	mark_gateways(s);
	for (int family = 0; family < 2; family++)
		find_where_drops_lead(s, family);
	return 0;
}

/* --- single routes ------------------------------------------------------------------------------------------------ */

static int stage(struct routing *s, const struct gw_resource *source, const struct gw_prefix *prefix, uint32_t vsid,
		 const struct gw_addr *next_hop, uint32_t metric)
{
	struct gw_hnv_object o = {
		.kind = GW_HNV_CUSTOMER_ROUTE,
		.croute = {.rdid = s->j->properties->rdid,
			   .vsid = vsid,
			   .prefix = *prefix,
			   .next_hop = *next_hop,
			   .metric = metric},
	};
	int e = gw_plan_domain_stage(s->j, source, &o);

	return e < 0 ? e : 0;
}

static int on_link(struct routing *s, const struct gw_resource *source, const struct gw_prefix *prefix, uint32_t vsid,
		   uint32_t metric)
{
	static const struct gw_addr v6;
	struct gw_addr v4 = gw_addr_from_v4(0);

	return stage(s, source, prefix, vsid, gw_addr_is_v4(&prefix->addr) ? &v4 : &v6, metric);
}

static int drop(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	int family = family_of(&prefix->addr);
	const struct gw_addr hop = nobody(family);

	if (s->for_drops[family])
		return stage(s, route, prefix, s->for_drops[family]->p->vsid, &hop, METRIC_TABLE);
	return gw_plan_note(&s->j->d->unit, route, GW_PLAN_FAILURE, "NotSupported",
			    "there is no subnet but the gateway's, so there is nothing to drop");
}

/* --- route tables ------------------------------------------------------------------------------------------------- */

/* The subnet that a prefix is a part of, or all of. */
static const struct subnet *subnet_with(const struct routing *s, const struct gw_prefix *prefix)
{
	const struct subnet *n = subnet_of(s, &prefix->addr);

	return n && prefix->len >= n->p->prefix.len ? n : NULL;
}

static int by_appliance(struct routing *s, const struct gw_resource *route)
{
	const struct gw_route *p = route->now.properties;
	const struct subnet *subnet = subnet_of(s, &p->address);
	struct gw_plan_unit *u = &s->j->d->unit;
	char hop[GW_ADDR_STRLEN];
	int e;

	if (!subnet) {
		e = gw_plan_note(u, route, GW_PLAN_FAILURE, "NextHopUnreachable",
				 "dropped: nextHopIpAddress %s is in no subnet", gw_addr_format(&p->address, hop));
		return e < 0 ? e : drop(s, route);
	}
	e = stage(s, route, &p->prefix, vsid_of(s, subnet), &p->address, METRIC_TABLE);
	/* It takes addresses of a subnet away from the subnet. */
	if (e == 0 && subnet_with(s, &p->prefix))
		e = gw_plan_note(
			u, route, GW_PLAN_WARNING, "LeadsBack",
			"it leads away what is for a subnet, whoever sends it, so that the appliance gets back what it "
			"forwards there");
	return e;
}

static int by_gateway(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	int family = family_of(&prefix->addr), e;

	if (s->j->has_gateway && s->j->gateway_prefixes[family].len)
		return stage(s, route, prefix, s->j->gateway_vsid, &s->j->gateway_ca[family], METRIC_TABLE);
	e = gw_plan_note(&s->j->d->unit, route, GW_PLAN_FAILURE, "NoVirtualGateway",
			 "dropped: there is no virtual gateway in force with an address of that family");
	return e < 0 ? e : drop(s, route);
}

/* Addresses of the network that are in none of its subnets are nobody's. */
static int by_network(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	const struct subnet *subnet = subnet_with(s, prefix);

	if (subnet)
		return on_link(s, route, prefix, vsid_of(s, subnet), METRIC_TABLE);
	return drop(s, route);
}

static int route(struct routing *s, const struct gw_resource *r)
{
	const struct gw_route *p = r->now.properties;

	if (p->prefix.len == 0)
		s->has_default[family_of(&p->prefix.addr)] = true;
	switch ((enum gw_next_hop)p->hop) {
	case GW_HOP_APPLIANCE:
		return by_appliance(s, r);
	case GW_HOP_LOCAL:
		return by_network(s, r);
	case GW_HOP_GATEWAY:
	case GW_HOP_INTERNET:
		return by_gateway(s, r);
	case GW_HOP_NONE:
		break;
	}
	return drop(s, r);
}

static int routes_of(struct routing *s, const struct table *t)
{
	const struct gw_resource *r = NULL;
	int e = gw_plan_watch(&s->j->d->unit, &t->resource->instance);

	while (e == 0 && (r = gw_catalog_next(s->j->c, t->resource, GW_KIND_ROUTE, r)))
		if (gw_plan_is_valid(r))
			e = route(s, r);
	return e;
}

static int table(struct routing *s, const struct table *t)
{
	int e = s->j->takes_part ? routes_of(s, t) : 0;

	if (e == 0 && t->users < s->n_for_vms)
		e = gw_plan_note(&s->j->d->unit, t->resource, GW_PLAN_NOTE, "WholeNetwork",
				 "its routes hold for all of the network, not only for the subnets that name it");
	return e;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static struct table *find_table(const struct routing *s, const struct gw_resource *r)
{
	GW_HMAP_FOR_EACH_HASH (node, &s->by_resource, gw_plan_hash(&r->instance)) {
		struct table *t = GW_CONTAINER_OF(node, struct table, by_resource);

		if (t->resource == r)
			return t;
	}
	return NULL;
}

static void use_table(struct routing *s, const struct subnet *n)
{
	const struct gw_resource *r = gw_reference(s->j->c, n->resource, n->p->route_table);
	struct table *t = r ? find_table(s, r) : NULL;

	if (!r)
		return;
	if (!t) {
		t = &s->tables[s->n_tables++];
		t->resource = r;
		gw_hmap_insert(&s->by_resource, &t->by_resource, gw_plan_hash(&r->instance));
	}
	t->users += !n->is_gateways;
}

static int subnet(struct routing *s, const struct subnet *n)
{
	int e = s->j->takes_part ? on_link(s, n->resource, &n->p->prefix, vsid_of(s, n), METRIC_OWN) : 0;

	use_table(s, n);
	if (e == 0 && n->p->broadcast == GW_BROADCAST_MULTICAST)
		e = gw_plan_note(&s->j->d->unit, n->resource, GW_PLAN_NOTE, "NotImplemented",
				 "broadcastMode Multicast is not in this version: broadcasts go to each node by "
				 "itself");
	return e;
}

/* To the virtual gateway, and to where it is when that is in no subnet. */
static int to_gateway(struct routing *s, int family)
{
	const struct gw_prefix all[2] = {{.addr = gw_addr_from_v4(0)}, {.len = 0}};
	const struct gw_plan_job *j = s->j;
	int e = 0;

	if (!j->has_gateway || !j->gateway_prefixes[family].len)
		return 0;
	if (!j->gateway_subnets[family])
		e = on_link(s, j->vgw, &j->gateway_prefixes[family], j->gateway_vsid, METRIC_OWN);
	if (e == 0 && !s->has_default[family])
		e = stage(s, j->vgw, &all[family], j->gateway_vsid, &j->gateway_ca[family], METRIC_OWN);
	return e;
}

int gw_plan_routes(struct gw_plan_job *j)
{
	struct routing s = {.j = j};
	int e = collect_subnets(&s);

	for (size_t i = 0; e == 0 && i < s.n_subnets; i++)
		e = subnet(&s, &s.subnets[i]);
	for (size_t i = 0; e == 0 && i < s.n_tables; i++)
		e = table(&s, &s.tables[i]);
	for (int family = 0; e == 0 && j->takes_part && family < 2; family++)
		e = to_gateway(&s, family);
	gw_hmap_done(&s.by_resource);
	free(s.subnets);
	free(s.tables);
	return e;
}
