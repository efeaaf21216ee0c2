/*
 * connection.c - the connections of a virtual gateway, as the node that carries it has to make them: what each leads to, the
 * addresses of both sides on it, and what is behind it. See private.h.
 *
 *   L3    to a logical subnet: where the server has a provider address in it, by that interface as it is, which is a VLAN interface
 *         when the subnet has a VLAN (node.c); else with that VLAN's tag, by an interface where it has one in an untagged subnet of
 *         the logical network, else by the [external] one of the node's configuration
 *   GRE   to destinationIPAddress, from sourceIPAddress or what the node is called outside
 *
 * A route without a next hop leads to the first peer of its family; in a tunnel there is nobody else anyway. IPsec is not in this
 * version.
 */
#include "plan/private.h"

#include "model/resource/connection.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <string.h>

static int fail(struct gw_plan_job *j, const struct gw_resource *r, const char *code, const char *message)
{
	int e = gw_plan_note(&j->d->unit, r, GW_PLAN_FAILURE, code, "%s", message);

	return e < 0 ? e : 0;
}

/* --- where an L3 connection leads --------------------------------------------------------------------------------- */

static bool is_in(const struct gw_plan_job *j, const struct gw_resource *server, const struct gw_server_address *a,
		  const struct gw_resource *subnet)
{
	if (!gw_plan_is_valid(subnet))
		return false;
	return a->subnet ? gw_reference(j->c, server, a->subnet) == subnet
			 : gw_prefix_contains(&GW_PROPERTIES(subnet, logical_subnet)->prefix, &a->address);
}

/* By which the server has its first address in the subnet; NULL: it has none there. */
static const char *interface_in(const struct gw_plan_job *j, const struct gw_resource *subnet)
{
	const struct gw_resource *server = j->carrier->node->unit.resource;
	const struct gw_server *s = server->now.properties;

	for (size_t i = 0; i < s->addresses.n; i++) {
		const struct gw_server_address *a = GW_LIST_AT(s->addresses, struct gw_server_address, i);

		if (a->interface && is_in(j, server, a, subnet))
			return a->interface;
	}
	return NULL;
}

/* As above, in a subnet without a tag of the logical network: the VLANs of the others are on the same cable. */
static const char *interface_near(const struct gw_plan_job *j, const struct gw_resource *network)
{
	const struct gw_resource *subnet = NULL;
	const char *interface = NULL;

	while (!interface && (subnet = gw_catalog_next(j->c, network, GW_KIND_LOGICAL_SUBNET, subnet)))
		if (!GW_PROPERTIES(subnet, logical_subnet)->vlan)
			interface = interface_in(j, subnet);
	return interface;
}

/* 1: it leads there, 0: it cannot, which is noted. */
static int lead_to_subnet(struct gw_plan_job *j, const struct gw_resource *r, struct gw_way *w)
{
	const struct gw_connection *p = r->now.properties;
	const struct gw_resource *subnet = gw_reference(j->c, r, p->l3.subnet);
	const char *interface;
	int e = subnet ? gw_plan_watch_root(&j->d->unit, subnet) : 0;

	if (e < 0)
		return e;
	if (!subnet || !gw_plan_is_valid(subnet))
		return fail(j, r, "NoLogicalSubnet", "its vlanSubnet is not in force");
	interface = interface_in(j, subnet);
	if (!interface) {
		w->vlan = (uint16_t)GW_PROPERTIES(subnet, logical_subnet)->vlan;
		interface = interface_near(j, subnet->parent);
	}
	w->has_interface = interface != NULL;
	if (interface)
		memcpy(w->interface, interface, strlen(interface) + 1);
	return 1;
}

static void lead_to_peer(const struct gw_connection *p, struct gw_way *w)
{
	w->has_destination = true;
	w->destination = p->destination;
	w->has_source = GW_GIVEN(p, connection, source);
	if (w->has_source)
		w->source = p->source;
	w->has_key = GW_GIVEN(p, connection, gre) && GW_GIVEN(&p->gre, gre, key);
	if (w->has_key)
		w->key = p->gre.key;
}

/* --- what is on it, and behind it --------------------------------------------------------------------------------- */

static int stage_address(struct gw_plan_job *j, const struct gw_resource *r, const struct gw_addr *a, uint8_t len,
			 bool peer)
{
	const struct gw_hnv_object o = {.kind = GW_HNV_CONNECTION_ADDRESS,
					.way_address = {.id = r->instance,
							.rdid = j->properties->rdid,
							.address = *a,
							.prefix_len = len,
							.peer = peer}};
	int e = gw_plan_domain_stage(j, r, &o);

	return e < 0 ? e : 0;
}

static int addresses(struct gw_plan_job *j, const struct gw_resource *r)
{
	const struct gw_connection *p = r->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->addresses.n; i++) {
		const struct gw_interface_address *a = GW_LIST_AT(p->addresses, struct gw_interface_address, i);

		e = stage_address(j, r, &a->address, (uint8_t)a->length, false);
	}
	for (size_t i = 0; e == 0 && i < p->peers.n; i++) {
		const struct gw_addr *a = GW_LIST_AT(p->peers, struct gw_addr, i);

		e = stage_address(j, r, a, gw_addr_is_v4(a) ? 32 : 128, true);
	}
	return e;
}

static struct gw_addr first_peer(const struct gw_connection *p, const struct gw_addr *family)
{
	for (size_t i = 0; i < p->peers.n; i++)
		if (gw_addr_same_family(GW_LIST_AT(p->peers, struct gw_addr, i), family))
			return *GW_LIST_AT(p->peers, struct gw_addr, i);
	return gw_prefix_mask(family, 0);
}

/* An address of it that hosts on an L3 connection could reach; in a tunnel there is nothing to be found out. */
static bool has_address(const struct gw_connection *p, const struct gw_addr *family)
{
	for (size_t i = 0; i < p->addresses.n; i++)
		if (gw_addr_same_family(&GW_LIST_AT(p->addresses, struct gw_interface_address, i)->address, family))
			return true;
	return p->type == GW_CONNECTION_GRE;
}

static int routes(struct gw_plan_job *j, const struct gw_resource *r)
{
	const struct gw_connection *p = r->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->routes.n; i++) {
		const struct gw_connection_route *route = GW_LIST_AT(p->routes, struct gw_connection_route, i);
		struct gw_hnv_object o = {.kind = GW_HNV_CONNECTION_ROUTE,
					  .way_route = {.id = r->instance,
							.rdid = j->properties->rdid,
							.prefix = route->prefix,
							.next_hop = route->next_hop,
							.metric = 255}};
		char text[GW_PREFIX_STRLEN];

		if (!has_address(p, &route->prefix.addr)) {
			e = gw_plan_note(&j->d->unit, r, GW_PLAN_WARNING, "AddressFamily",
					 "the route to %s is left out: ipAddresses has none of its family",
					 gw_prefix_format(&route->prefix, text));
			continue;
		}
		if (!GW_GIVEN(route, connection_route, next_hop))
			o.way_route.next_hop = first_peer(p, &route->prefix.addr);
		if (GW_GIVEN(route, connection_route, metric))
			o.way_route.metric = route->metric;
		e = gw_plan_domain_stage(j, r, &o);
		e = e < 0 ? e : 0;
	}
	return e;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int connection(struct gw_plan_job *j, const struct gw_resource *r)
{
	const struct gw_connection *p = r->now.properties;
	struct gw_hnv_object o = {.kind = GW_HNV_CONNECTION,
				  .way = {.id = r->instance,
					  .rdid = j->properties->rdid,
					  .type = p->type == GW_CONNECTION_L3 ? GW_WAY_L3 : GW_WAY_GRE,
					  .out_kbps = p->out,
					  .in_kbps = p->in}};
	int e = 1;

	if (p->type == GW_CONNECTION_IPSEC)
		return fail(j, r, "NotImplemented", "connectionType IPSec is not in this version: use GRE or L3");
	if (!j->has_gateway)
		return fail(j, r, "NoVirtualGateway", "its virtual gateway is not in force, see there");
	if (p->type == GW_CONNECTION_L3)
		e = lead_to_subnet(j, r, &o.way);
	else
		lead_to_peer(p, &o.way);
	if (e > 0)
		e = gw_plan_domain_stage(j, r, &o);
	if (e <= 0)
		return e;
	e = addresses(j, r);
	return e == 0 ? routes(j, r) : e;
}

int gw_plan_connections(struct gw_plan_job *j)
{
	const struct gw_resource *r = NULL;
	int e = 0;

	if (!j->vgw || !j->p->params.gateways)
		return 0;
	while (e == 0 && (r = gw_catalog_next(j->c, j->vgw, GW_KIND_CONNECTION, r)))
		if (gw_plan_is_valid(r))
			e = connection(j, r);
	return e;
}
