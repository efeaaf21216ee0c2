/*
 * node.c - a server as a node: its provider addresses and provider routes, and what domains see of it. See private.h.
 *
 * A provider address lives in the logical subnet that it names, else in the one whose prefix it is in. From there come its prefix
 * length and the routes of the node, the first of several that lead to the same place on one interface.
 */
#include "plan/private.h"

#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Who looked through all logical networks looked at this. */
static const struct gw_uuid all_networks;

int gw_plan_node_new(struct gw_plan *p, const struct gw_resource *server, struct gw_plan_unit **ret)
{
	struct gw_plan_node *n = calloc(1, sizeof *n);

	if (!n || gw_plan_set_init(&n->own) < 0) {
		free(n);
		return -ENOMEM;
	}
	if (gw_plan_unit_init(&n->unit, GW_PLAN_NODE, p, server) < 0) {
		gw_plan_set_done(&n->own);
		free(n);
		return -ENOMEM;
	}
	*ret = &n->unit;
	return 0;
}

struct gw_plan_unit *gw_plan_node_free(struct gw_plan *p, struct gw_plan_node *n)
{
	while (n->leaves) {
		struct gw_plan_leave *l = n->leaves;

		n->leaves = l->next;
		free(l);
	}
	p->size -= n->own.live_map.n;
	gw_plan_unit_done(p, &n->unit);
	gw_plan_set_done(&n->own);
	free(n);
	return NULL;
}

const struct gw_plan_view *gw_plan_node_view(const struct gw_plan_node *n)
{
	return n->unit.dirty ? &n->staged_view : &n->view;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

struct job {
	struct gw_plan *p;
	const struct gw_catalog *c;
	struct gw_plan_node *n;
};

/* 1: it is in, 0: it cannot be, and that is noted, or -ENOMEM. */
static int stage(struct job *j, const struct gw_resource *source, const struct gw_hnv_object *o)
{
	struct gw_error why = GW_ERROR_INIT;
	char id[GW_ID_STRLEN];
	int e = gw_hnv_check(o, &j->p->params.router_mac, &why);

	if (e < 0) {
		e = gw_plan_note(&j->n->unit, source, GW_PLAN_WARNING, "NotSupported", "%s %s: %s: %s",
				 gw_hnv_kind_name(o->kind), gw_hnv_id(o, id), why.target, why.message);
		return e < 0 ? e : 0;
	}
	j->p->work.objects++;
	e = gw_plan_set_stage(&j->n->own, o, &source->instance);
	return e < 0 ? e : 1;
}

/* Of several, the one with the longest prefix. */
static int search_subnet(struct job *j, const struct gw_addr *pa, const struct gw_resource **ret)
{
	const struct gw_resource *network = NULL, *subnet;
	int e = gw_plan_watch(&j->n->unit, &all_networks);

	*ret = NULL;
	while ((network = gw_catalog_next(j->c, NULL, GW_KIND_LOGICAL_NETWORK, network))) {
		for (subnet = NULL; (subnet = gw_catalog_next(j->c, network, GW_KIND_LOGICAL_SUBNET, subnet));) {
			const struct gw_prefix *prefix = &GW_PROPERTIES(subnet, logical_subnet)->prefix;

			if (gw_plan_is_valid(subnet) && gw_prefix_contains(prefix, pa) &&
			    (!*ret || prefix->len > GW_PROPERTIES(*ret, logical_subnet)->prefix.len))
				*ret = subnet;
		}
	}
	return e;
}

static int find_subnet(struct job *j, const struct gw_server_address *a, const struct gw_resource **ret)
{
	*ret = gw_reference(j->c, j->n->unit.resource, a->subnet);
	return *ret ? gw_plan_watch_root(&j->n->unit, *ret) : search_subnet(j, &a->address, ret);
}

static int route(struct job *j, const struct gw_server_address *a, const struct gw_resource *subnet,
		 const struct gw_prefix *prefix, const struct gw_addr *next_hop)
{
	const struct gw_logical_subnet *s = subnet->now.properties;
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ROUTE, .proute = {.prefix = *prefix, .next_hop = *next_hop}};
	char hop[GW_ADDR_STRLEN], to[GW_PREFIX_STRLEN];
	int e;

	if (!gw_prefix_contains(&s->prefix, next_hop)) {
		e = gw_plan_note(&j->n->unit, subnet, GW_PLAN_WARNING, "NextHopUnreachable",
				 "no node gets the route to %s: its next hop %s is not in the subnet",
				 gw_prefix_format(prefix, to), gw_addr_format(next_hop, hop));
		return e < 0 ? e : 0;
	}
	memcpy(o.proute.interface, a->interface, strlen(a->interface) + 1);
	e = stage(j, subnet, &o);
	return e < 0 ? e : 0;
}

static bool has_earlier(const struct gw_logical_subnet *s, size_t i)
{
	const struct gw_subnet_route *r = GW_LIST_AT(s->routes, struct gw_subnet_route, i);

	for (size_t k = 0; k < s->routes.n; k++) {
		const struct gw_subnet_route *q = GW_LIST_AT(s->routes, struct gw_subnet_route, k);

		if (k != i && gw_prefix_equal(&q->destination, &r->destination) &&
		    (q->metric < r->metric || (q->metric == r->metric && k < i)))
			return true;
	}
	return false;
}

static int routes(struct job *j, const struct gw_server_address *a, const struct gw_resource *subnet)
{
	static const struct gw_prefix v6_default;
	const struct gw_prefix v4_default = {.addr = gw_addr_from_v4(0)};
	const struct gw_logical_subnet *s = subnet->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < s->routes.n; i++) {
		const struct gw_subnet_route *r = GW_LIST_AT(s->routes, struct gw_subnet_route, i);

		if (!has_earlier(s, i))
			e = route(j, a, subnet, &r->destination, &r->next_hop);
	}
	for (size_t i = 0; e == 0 && i < s->routers.n; i++) {
		const struct gw_addr *router = GW_LIST_AT(s->routers, struct gw_addr, i);

		e = route(j, a, subnet, gw_addr_is_v4(router) ? &v4_default : &v6_default, router);
	}
	return e;
}

/* 1: the node gets it, 0: it cannot be. */
static int provide(struct job *j, const struct gw_server_address *a, const struct gw_resource *subnet)
{
	const struct gw_resource *server = j->n->unit.resource;
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ADDRESS, .paddr = {.pa = a->address}};
	char text[GW_ADDR_STRLEN];
	int e;

	if (subnet)
		o.paddr.prefix_len = GW_PROPERTIES(subnet, logical_subnet)->prefix.len;
	if (GW_GIVEN(a, server_address, prefix_length))
		o.paddr.prefix_len = (uint8_t)a->prefix_length;
	if (!subnet && !GW_GIVEN(a, server_address, prefix_length))
		return gw_plan_note(&j->n->unit, server, GW_PLAN_WARNING, "NoPrefixLength",
				    "%s is in no logical subnet, so the node is not given it: set its logicalSubnet or "
				    "its prefixLength",
				    gw_addr_format(&a->address, text));
	memcpy(o.paddr.interface, a->interface, strlen(a->interface) + 1);
	e = stage(j, server, &o);
	if (e <= 0 || !subnet)
		return e;
	if (GW_PROPERTIES(subnet, logical_subnet)->vlan)
		e = gw_plan_note(&j->n->unit, subnet, GW_PLAN_NOTE, "NotImplemented",
				 "nodes do not tag for vlanID %u: let the interface of the provider address be a VLAN "
				 "interface",
				 GW_PROPERTIES(subnet, logical_subnet)->vlan);
	if (e >= 0)
		e = routes(j, a, subnet);
	return e < 0 ? e : 1;
}

/* The underlay is IPv4 yet, and 169.254.0.0/16 is what names the distributed router. */
static bool can_carry(const struct gw_addr *pa)
{
	return gw_addr_is_v4(pa) && gw_addr_is_unicast(pa) && !gw_addr_is_link_local(pa);
}

static int address(struct job *j, const struct gw_server_address *a)
{
	struct gw_plan_view *view = &j->n->staged_view;
	const struct gw_resource *subnet;
	char text[GW_ADDR_STRLEN];
	int e = find_subnet(j, a, &subnet);

	if (e < 0)
		return e;
	if (!can_carry(&a->address))
		return gw_plan_note(&j->n->unit, j->n->unit.resource, GW_PLAN_WARNING, "NotSupported",
				    "%s carries nothing: in this version a provider address is a unicast IPv4 address "
				    "outside 169.254.0.0/16",
				    gw_addr_format(&a->address, text));
	/* Without an interface it is the node's own affair how it comes by the address. */
	e = a->interface ? provide(j, a, subnet) : 1;
	if (e <= 0 || view->n == GW_PLAN_ADDRESSES) /* as many as the schema takes */
		return e;
	view->addresses[view->n].pa = a->address;
	if (subnet)
		view->addresses[view->n].network = subnet->parent->instance;
	if (a->interface)
		memcpy(view->interfaces[view->n], a->interface, strlen(a->interface) + 1);
	view->n++;
	return 0;
}

int gw_plan_node_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_node *n)
{
	struct job j = {p, c, n};
	const struct gw_server *s;
	int e = 0;

	p->work.nodes++;
	memset(&n->staged_view, 0, sizeof n->staged_view);
	gw_plan_set_begin(&n->own);
	if (!n->unit.resource || !gw_plan_is_valid(n->unit.resource))
		return 0;
	s = n->unit.resource->now.properties;
	for (size_t i = 0; e >= 0 && i < s->addresses.n; i++)
		e = address(&j, GW_LIST_AT(s->addresses, struct gw_server_address, i));
	return e < 0 ? e : 0;
}

/* --- the end of an update ----------------------------------------------------------------------------------------- */

void gw_plan_node_discard(struct gw_plan_node *n)
{
	gw_plan_unit_discard(&n->unit);
	gw_plan_set_discard(&n->own);
}

void gw_plan_node_commit(struct gw_plan *p, struct gw_plan_node *n, uint64_t revision)
{
	size_t changes = gw_plan_set_commit(&n->own, p, revision);

	p->work.changes += changes;
	if (changes || !n->joined)
		n->revision = revision;
	if (!n->joined)
		n->joined = revision;
	n->view = n->staged_view;
	gw_plan_unit_commit(p, &n->unit);
}
