/*
 * routes.c - the customer routes of a virtual network: its subnets, its route tables, the way to its virtual gateway. See
 * private.h.
 *
 * A routing domain has one table, whoever sends (FWD-7): what the route table of one subnet says holds for all of them, which is
 * said. What is to be dropped, and what cannot be brought where it should go, leads to an address that nobody has: the engine
 * answers with ICMP, and nothing slips through by a shorter prefix.
 */
#include "plan/private.h"

#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <errno.h>
#include <stdlib.h>

/* Of two routes to one prefix, that of a table is preferred. */
enum { METRIC_TABLE = 128, METRIC_OWN = 255 };

/* A route table, and subnets that name it. */
struct table {
	const struct gw_resource *r;
	size_t first; /* which of the subnets is the first, of all */
	size_t users; /* how many of them VMs may be in */
};

/* There may be thousands of subnets and of routes: what routes ask of subnets is found without a look at each. */
struct routing {
	struct gw_plan_job *j;
	const struct gw_resource **by_prefix; /* the subnets that count: no two overlap */
	size_t n_by_prefix;
	const struct gw_resource *nowhere[2]; /* the one in which nobody is looked for, by family; NULL: none */
	struct table *tables;		      /* one for each subnet, at first */
	size_t n_tables, n_subnets;	      /* subnets that VMs may be in */
	bool has_default[2];		      /* a table says where the rest goes, by family */
};

static const struct gw_virtual_subnet *of(const struct gw_resource *subnet)
{
	return subnet->now.properties;
}

/* The next subnet that counts. */
static const struct gw_resource *next_subnet(const struct gw_plan_job *j, const struct gw_resource *prev)
{
	do {
		prev = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, prev);
	} while (prev && !gw_plan_is_valid(prev));
	return prev;
}

/* Families apart: addresses of one lie among those of the other. */
static int compare(const struct gw_addr *a, const struct gw_addr *b)
{
	int n = (int)gw_addr_is_v4(a) - (int)gw_addr_is_v4(b);

	return n ? n : gw_addr_cmp(a, b);
}

static int by_prefix(const void *a, const void *b)
{
	return compare(&of(*(const struct gw_resource *const *)a)->prefix.addr,
		       &of(*(const struct gw_resource *const *)b)->prefix.addr);
}

/* The last of those that begin at the address or before it, if that goes as far. */
static const struct gw_resource *subnet_of(const struct routing *s, const struct gw_addr *a)
{
	size_t from = 0, to = s->n_by_prefix;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&of(s->by_prefix[middle])->prefix.addr, a) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from > 0 && gw_prefix_contains(&of(s->by_prefix[from - 1])->prefix, a) ? s->by_prefix[from - 1] : NULL;
}

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

/* The dummy address of RFC 7600, the first of the discard prefix of RFC 6666. */
static struct gw_addr nobody(int family)
{
	static const struct gw_addr v6 = {{1}};

	return family == 0 ? gw_addr_from_v4(0xc0000008) : v6;
}

/* Where nobody is looked for: in a virtual subnet where no wildcard record takes it, the one with the lowest VSID. */
static void consider_nowhere(struct routing *s, const struct gw_resource *subnet)
{
	if (subnet == s->j->gateway_subnets[0] || subnet == s->j->gateway_subnets[1])
		return;
	for (int family = 0; family < 2; family++) {
		const struct gw_resource **best = &s->nowhere[family];
		struct gw_addr a = nobody(family);

		if (!gw_prefix_contains(&of(subnet)->prefix, &a) && (!*best || of(subnet)->vsid < of(*best)->vsid))
			*best = subnet;
	}
}

static int drop(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	int family = !gw_addr_is_v4(&prefix->addr);
	struct gw_addr hop = nobody(family);

	if (s->nowhere[family])
		return stage(s, route, prefix, of(s->nowhere[family])->vsid, &hop, METRIC_TABLE);
	return gw_plan_note(&s->j->d->unit, route, GW_PLAN_FAILURE, "NotSupported",
			    "the virtual network has no subnet but its gateway's: there is nothing to drop");
}

/* --- route tables ------------------------------------------------------------------------------------------------- */

/* Whether it takes addresses of a subnet away from the subnet. */
static bool takes_from_subnet(const struct routing *s, const struct gw_prefix *prefix)
{
	const struct gw_resource *subnet = subnet_of(s, &prefix->addr);

	return subnet && prefix->len >= of(subnet)->prefix.len;
}

static int by_appliance(struct routing *s, const struct gw_resource *route)
{
	const struct gw_route *p = route->now.properties;
	const struct gw_resource *subnet = subnet_of(s, &p->address);
	struct gw_plan_unit *u = &s->j->d->unit;
	char hop[GW_ADDR_STRLEN];
	int e;

	if (!subnet) {
		e = gw_plan_note(u, route, GW_PLAN_FAILURE, "NextHopUnreachable",
				 "dropped: nextHopIpAddress %s is in no subnet of virtual network \"%s\"",
				 gw_addr_format(&p->address, hop), s->j->network->id);
		return e < 0 ? e : drop(s, route);
	}
	e = stage(s, route, &p->prefix, of(subnet)->vsid, &p->address, METRIC_TABLE);
	if (e == 0 && takes_from_subnet(s, &p->prefix))
		e = gw_plan_note(
			u, route, GW_PLAN_WARNING, "LeadsBack",
			"it leads away what is for a subnet of virtual network \"%s\" whoever sends it, so that "
			"the appliance gets back what it forwards there",
			s->j->network->id);
	return e;
}

static int by_gateway(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	int family = !gw_addr_is_v4(&prefix->addr), e;

	if (s->j->has_gateway && s->j->gateway_subnets[family])
		return stage(s, route, prefix, of(s->j->gateway_subnets[family])->vsid, &s->j->gateway_ca[family],
			     METRIC_TABLE);
	e = gw_plan_note(
		&s->j->d->unit, route, GW_PLAN_FAILURE, "NoVirtualGateway",
		"dropped: virtual network \"%s\" has no virtual gateway in force with an address of that family",
		s->j->network->id);
	return e < 0 ? e : drop(s, route);
}

/* Addresses of the network that are in none of its subnets are nobody's. */
static int by_network(struct routing *s, const struct gw_resource *route)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	const struct gw_resource *subnet = subnet_of(s, &prefix->addr);

	if (takes_from_subnet(s, prefix))
		return on_link(s, route, prefix, of(subnet)->vsid, METRIC_TABLE);
	return drop(s, route);
}

static int route(struct routing *s, const struct gw_resource *r)
{
	const struct gw_route *p = r->now.properties;

	if (p->prefix.len == 0)
		s->has_default[!gw_addr_is_v4(&p->prefix.addr)] = true;
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

static int routes_of(struct routing *s, const struct table *table)
{
	const struct gw_resource *r = NULL;
	int e = 0;

	while (e == 0 && (r = gw_catalog_next(s->j->c, table->r, GW_KIND_ROUTE, r)))
		if (gw_plan_is_valid(r))
			e = route(s, r);
	if (e == 0 && table->users < s->n_subnets)
		e = gw_plan_note(
			&s->j->d->unit, table->r, GW_PLAN_NOTE, "WholeNetwork",
			"its routes hold for all of virtual network \"%s\", not only for the subnets that name it",
			s->j->network->id);
	return e;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int use_table(struct routing *s, const struct gw_resource *subnet, bool is_gateway)
{
	const struct gw_resource *r = gw_reference(s->j->c, subnet, of(subnet)->route_table);

	if (!r)
		return 0;
	s->tables[s->n_tables] = (struct table){r, s->n_tables, !is_gateway};
	s->n_tables++;
	return gw_plan_watch_root(&s->j->d->unit, r);
}

static int by_table(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct table *)a)->r, y = (uintptr_t)((const struct table *)b)->r;

	return x < y ? -1 : x > y;
}

static int by_first(const void *a, const void *b)
{
	const struct table *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Each once, in the order of the subnets that name them first: of two routes to one prefix the first stays. */
static void join_tables(struct routing *s)
{
	size_t n = 0;

	qsort(s->tables, s->n_tables, sizeof *s->tables, by_table);
	for (size_t i = 0; i < s->n_tables; i++) {
		const struct table *next = &s->tables[i];
		struct table *last = n > 0 ? &s->tables[n - 1] : NULL;

		if (!last || last->r != next->r) {
			s->tables[n++] = *next;
			continue;
		}
		last->users += next->users;
		last->first = next->first < last->first ? next->first : last->first;
	}
	s->n_tables = n;
	qsort(s->tables, s->n_tables, sizeof *s->tables, by_first);
}

static int subnets(struct routing *s)
{
	const struct gw_resource *subnet = NULL;
	int e = 0;

	while (e == 0 && (subnet = next_subnet(s->j, subnet))) {
		bool is_gateway = gw_plan_is_gateway_subnet(s->j, subnet);

		s->by_prefix[s->n_by_prefix++] = subnet;
		s->n_subnets += !is_gateway;
		consider_nowhere(s, subnet);
		e = on_link(s, subnet, &of(subnet)->prefix, of(subnet)->vsid, METRIC_OWN);
		if (e == 0 && of(subnet)->broadcast == GW_BROADCAST_MULTICAST)
			e = gw_plan_note(
				&s->j->d->unit, subnet, GW_PLAN_NOTE, "NotImplemented",
				"broadcastMode Multicast is not in this version: broadcasts go to each node by "
				"itself");
		if (e == 0)
			e = use_table(s, subnet, is_gateway);
	}
	qsort(s->by_prefix, s->n_by_prefix, sizeof *s->by_prefix, by_prefix);
	join_tables(s);
	return e;
}

static int defaults(struct routing *s)
{
	const struct gw_prefix all[2] = {{.addr = gw_addr_from_v4(0)}, {.len = 0}};
	int e = 0;

	for (int family = 0; e == 0 && family < 2; family++)
		if (s->j->has_gateway && s->j->gateway_subnets[family] && !s->has_default[family])
			e = stage(s, s->j->vgw, &all[family], of(s->j->gateway_subnets[family])->vsid,
				  &s->j->gateway_ca[family], METRIC_OWN);
	return e;
}

int gw_plan_routes(struct gw_plan_job *j)
{
	const struct gw_resource *subnet = NULL;
	struct routing s = {.j = j};
	size_t n = 0;
	int e = -ENOMEM;

	while ((subnet = next_subnet(j, subnet)))
		n++;
	s.tables = calloc(n + 1, sizeof *s.tables);
	s.by_prefix = calloc(n + 1, sizeof *s.by_prefix);
	if (s.tables && s.by_prefix)
		e = subnets(&s);
	for (size_t i = 0; e == 0 && i < s.n_tables; i++)
		e = routes_of(&s, &s.tables[i]);
	if (e == 0)
		e = defaults(&s);
	free(s.tables);
	free(s.by_prefix);
	return e;
}
