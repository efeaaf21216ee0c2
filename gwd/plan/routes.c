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

struct routing {
	struct gw_plan_job *j;
	const struct gw_resource **tables; /* each once */
	size_t *users;			   /* subnets that name it */
	size_t n_tables, n_subnets;	   /* subnets that VMs may be in */
	bool has_default[2];		   /* a table says where the rest goes, by family */
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

static const struct gw_resource *subnet_of(const struct gw_plan_job *j, const struct gw_addr *a)
{
	const struct gw_resource *subnet = NULL;

	while ((subnet = next_subnet(j, subnet)))
		if (gw_prefix_contains(&of(subnet)->prefix, a))
			return subnet;
	return NULL;
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

/*
 * Where nobody is: the dummy address of RFC 7600, the first of the discard prefix of RFC 6666. In a virtual subnet where no
 * wildcard record takes it, the one with the lowest VSID.
 */
static int drop(struct routing *s, const struct gw_resource *route)
{
	static const struct gw_addr v6 = {{1}};
	const struct gw_prefix *prefix = &GW_PROPERTIES(route, route)->prefix;
	struct gw_addr nobody = gw_addr_is_v4(&prefix->addr) ? gw_addr_from_v4(0xc0000008) : v6;
	const struct gw_resource *subnet = NULL, *best = NULL;

	while ((subnet = next_subnet(s->j, subnet))) {
		if (subnet == s->j->gateway_subnets[0] || subnet == s->j->gateway_subnets[1] ||
		    gw_prefix_contains(&of(subnet)->prefix, &nobody))
			continue;
		if (!best || of(subnet)->vsid < of(best)->vsid)
			best = subnet;
	}
	if (best)
		return stage(s, route, prefix, of(best)->vsid, &nobody, METRIC_TABLE);
	return gw_plan_note(&s->j->d->unit, route, GW_PLAN_FAILURE, "NotSupported",
			    "the virtual network has no subnet but its gateway's: there is nothing to drop");
}

/* --- route tables ------------------------------------------------------------------------------------------------- */

/* Whether it takes addresses of a subnet away from the subnet. */
static bool takes_from_subnet(const struct routing *s, const struct gw_prefix *prefix)
{
	const struct gw_resource *subnet = NULL;

	while ((subnet = next_subnet(s->j, subnet)))
		if (prefix->len >= of(subnet)->prefix.len && gw_prefix_overlaps(prefix, &of(subnet)->prefix))
			return true;
	return false;
}

static int by_appliance(struct routing *s, const struct gw_resource *route)
{
	const struct gw_route *p = route->now.properties;
	const struct gw_resource *subnet = subnet_of(s->j, &p->address);
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
	const struct gw_resource *subnet = subnet_of(s->j, &prefix->addr);

	if (subnet && prefix->len >= of(subnet)->prefix.len)
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

static int table(struct routing *s, size_t i)
{
	const struct gw_resource *r = NULL;
	int e = 0;

	while (e == 0 && (r = gw_catalog_next(s->j->c, s->tables[i], GW_KIND_ROUTE, r)))
		if (gw_plan_is_valid(r))
			e = route(s, r);
	if (e == 0 && s->users[i] < s->n_subnets)
		e = gw_plan_note(
			&s->j->d->unit, s->tables[i], GW_PLAN_NOTE, "WholeNetwork",
			"its routes hold for all of virtual network \"%s\", not only for the subnets that name it",
			s->j->network->id);
	return e;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int use_table(struct routing *s, const struct gw_resource *subnet)
{
	const struct gw_resource *r = gw_reference(s->j->c, subnet, of(subnet)->route_table);
	size_t i = 0;

	if (!r)
		return 0;
	while (i < s->n_tables && s->tables[i] != r)
		i++;
	if (i == s->n_tables)
		s->tables[s->n_tables++] = r;
	s->users[i] += !gw_plan_is_gateway_subnet(s->j, subnet);
	return gw_plan_watch_root(&s->j->d->unit, r);
}

static int subnets(struct routing *s)
{
	const struct gw_resource *subnet = NULL;
	int e = 0;

	while (e == 0 && (subnet = next_subnet(s->j, subnet))) {
		s->n_subnets += !gw_plan_is_gateway_subnet(s->j, subnet);
		e = on_link(s, subnet, &of(subnet)->prefix, of(subnet)->vsid, METRIC_OWN);
		if (e == 0 && of(subnet)->broadcast == GW_BROADCAST_MULTICAST)
			e = gw_plan_note(
				&s->j->d->unit, subnet, GW_PLAN_NOTE, "NotImplemented",
				"broadcastMode Multicast is not in this version: broadcasts go to each node by "
				"itself");
		if (e == 0)
			e = use_table(s, subnet);
	}
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
	s.users = calloc(n + 1, sizeof *s.users);
	if (s.tables && s.users)
		e = subnets(&s);
	for (size_t i = 0; e == 0 && i < s.n_tables; i++)
		e = table(&s, i);
	if (e == 0)
		e = defaults(&s);
	free(s.tables);
	free(s.users);
	return e;
}
