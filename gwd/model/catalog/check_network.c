/*
 * check_network.c - what only the whole can tell of networks, their subnets and pools, of interfaces and of nodes. Called by
 * check.c.
 */
#include "base/cleanup.h"
#include "model/catalog/check.h"
#include "model/catalog/pools.h"
#include "model/hnv.h"

#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <string.h>

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static const struct gw_prefix *logical_prefix(const struct gw_resource *r)
{
	return &GW_PROPERTIES(r, logical_subnet)->prefix;
}

static const struct gw_prefix *virtual_prefix(const struct gw_resource *r)
{
	return &GW_PROPERTIES(r, virtual_subnet)->prefix;
}

/* --- pools -------------------------------------------------------------------------------------------------------- */

/* Groups that never leave one link, or one machine. */
static bool of_one_link(const struct gw_addr *first, const struct gw_addr *last)
{
	static const char *const links[] = {"224.0.0.0/24", "ff01::/16", "ff02::/16"};

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		struct gw_addr end;
		struct gw_prefix link;

		gw_prefix_parse(links[i], &link);
		end = gw_prefix_last(&link);
		if (gw_addr_cmp(first, &end) <= 0 && gw_addr_cmp(&link.addr, last) <= 0)
			return true;
	}
	return false;
}

static const struct gw_ip_pool *pool_of(const void *a)
{
	return GW_PROPERTIES(gw_child_at(a), ip_pool);
}

static int by_first(const void *a, const void *b)
{
	return gw_addr_cmp(&pool_of(a)->first, &pool_of(b)->first);
}

static bool pools_overlap(const struct gw_resource *a, const struct gw_resource *b)
{
	const struct gw_ip_pool *p = a->now.properties, *q = b->now.properties;

	return gw_addr_cmp(&p->first, &q->last) <= 0 && gw_addr_cmp(&q->first, &p->last) <= 0;
}

static int check_pool(struct gw_catalog *c, const struct gw_resource *r, const struct gw_prefix *subnet,
		      struct gw_error *err)
{
	const struct gw_ip_pool *p = r->now.properties;
	const struct gw_resource *other = NULL;

	if (!gw_addr_same_family(&p->first, &p->last) || gw_addr_cmp(&p->first, &p->last) > 0)
		return bad(err, "endIpAddress", "must not be before startIpAddress");
	if (p->multicast && r->kind == GW_KIND_VIRTUAL_POOL)
		return bad(err, "multicast", "is for pools below logical subnets: they are the provider's groups");
	if (p->multicast && (!gw_addr_is_multicast(&p->first) || !gw_addr_is_multicast(&p->last)))
		return bad(err, "startIpAddress", "a pool with multicast true has multicast addresses");
	if (p->multicast && of_one_link(&p->first, &p->last))
		return bad(err, "startIpAddress",
			   "must not touch 224.0.0.0/24, ff01::/16 or ff02::/16: no router forwards them");
	if (!p->multicast && !gw_prefix_contains(subnet, &p->first))
		return bad(err, "startIpAddress", "must lie in the subnet's prefix");
	if (!p->multicast && !gw_prefix_contains(subnet, &p->last))
		return bad(err, "endIpAddress", "must lie in the subnet's prefix");
	if (gw_children_apart(c, r->parent, r->kind, by_first, pools_overlap))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && pools_overlap(other, r))
			return conflict(err, "startIpAddress", "overlaps the pool \"%s\"", other->id);
	return 0;
}

static int check_pools_of(const struct gw_catalog *c, const struct gw_resource *subnet, enum gw_kind kind,
			  const struct gw_prefix *prefix, struct gw_error *err)
{
	const struct gw_resource *pool = NULL;

	while ((pool = gw_catalog_next(c, subnet, kind, pool))) {
		const struct gw_ip_pool *p = pool->now.properties;

		if (!p->multicast && !(gw_prefix_contains(prefix, &p->first) && gw_prefix_contains(prefix, &p->last)))
			return conflict(err, "addressPrefix", "leaves out the pool \"%s\"", pool->id);
	}
	return 0;
}

/* A subnet without pools offers all that it has. */
static bool in_pools(const struct gw_catalog *c, const struct gw_resource *subnet, const struct gw_addr *a)
{
	const struct gw_resource *pool = NULL;
	bool any = false;

	while ((pool = gw_catalog_next(c, subnet, GW_KIND_LOGICAL_POOL, pool))) {
		const struct gw_ip_pool *p = pool->now.properties;

		if (p->multicast)
			continue;
		any = true;
		if (gw_addr_cmp(&p->first, a) <= 0 && gw_addr_cmp(a, &p->last) <= 0)
			return true;
	}
	return !any;
}

static int check_mac_pool(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_mac_pool *p = r->now.properties, *q;
	const struct gw_resource *other = NULL;

	if (!gw_mac_is_unicast(&p->first) || !gw_mac_is_unicast(&p->last))
		return bad(err, gw_mac_is_unicast(&p->first) ? "endMacAddress" : "startMacAddress",
			   "must be a unicast MAC address");
	if (memcmp(&p->first, &p->last, sizeof p->first) > 0)
		return bad(err, "endMacAddress", "must not be before startMacAddress");
	if (p->first.b[0] != p->last.b[0])
		return bad(err, "endMacAddress",
			   "must have the first byte of startMacAddress: between them are addresses of groups");
	while ((other = gw_catalog_next(c, NULL, GW_KIND_MAC_POOL, other))) {
		q = other->now.properties;
		if (other != r && memcmp(&p->first, &q->last, sizeof p->first) <= 0 &&
		    memcmp(&q->first, &p->last, sizeof p->first) <= 0)
			return conflict(err, "startMacAddress", "overlaps the pool \"%s\"", other->id);
	}
	return 0;
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

static const char *why_no_node(const struct gw_catalog *c, const struct gw_resource *subnet, const struct gw_addr *a)
{
	if (!gw_prefix_contains(logical_prefix(subnet), a))
		return "must lie in the prefix of its logicalSubnet";
	if (!gw_logical_subnet_node(subnet, a))
		return "is reserved in its logicalSubnet: a router, the network or the broadcast address";
	return in_pools(c, subnet, a) ? NULL : "must lie in a pool of its logicalSubnet";
}

/* Of a node's address for which no logical subnet was named: that of any that has it will do. */
static const char *why_nowhere(const struct gw_catalog *c, const struct gw_addr *a)
{
	const struct gw_resource *network = NULL, *subnet;
	const char *why = NULL;

	while ((network = gw_catalog_next(c, NULL, GW_KIND_LOGICAL_NETWORK, network))) {
		subnet = NULL;
		while ((subnet = gw_catalog_next(c, network, GW_KIND_LOGICAL_SUBNET, subnet))) {
			if (!gw_prefix_contains(logical_prefix(subnet), a))
				continue;
			why = why_no_node(c, subnet, a);
			if (!why)
				return NULL;
		}
	}
	return why;
}

/* What nodes in the subnet are told. */
static int check_routers(const struct gw_logical_subnet *p, struct gw_error *err)
{
	for (size_t i = 0; i < p->routers.n; i++) {
		if (gw_subnet_node(&p->prefix, GW_LIST_AT(p->routers, struct gw_addr, i)))
			continue;
		gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "",
			     "must be an address of the subnet, and neither its first nor its last");
		gw_error_prefix(err, "properties.defaultGateways[%zu]", i);
		return -EINVAL;
	}
	for (size_t i = 0; i < p->routes.n; i++) {
		const struct gw_subnet_route *route = GW_LIST_AT(p->routes, struct gw_subnet_route, i);

		if (gw_addr_is_unicast(&route->next_hop) &&
		    gw_addr_same_family(&route->next_hop, &route->destination.addr))
			continue;
		gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "nextHop",
			     "must be a unicast address of the prefix's family");
		gw_error_prefix(err, "properties.routes[%zu].", i);
		return -EINVAL;
	}
	return gw_check_unicast("dnsServers", &p->dns, err);
}

static int check_logical_network(const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_logical_network *p = r->now.properties;

	if (!GW_GIVEN(p, logical_network, virtualized) || p->virtualized)
		return 0;
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_VIRTUAL_NETWORK)
			return conflict(err, "networkVirtualizationEnabled",
					"virtual network \"%s\" is carried over it", ref->from->id);
	return 0;
}

/* The addresses of nodes in the subnet, whether they name it or not. */
static int check_nodes(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_resource *server = NULL;

	while ((server = gw_catalog_next(c, NULL, GW_KIND_SERVER, server))) {
		const struct gw_server *p = server->now.properties;

		for (size_t i = 0; i < p->addresses.n; i++) {
			const struct gw_server_address *a = GW_LIST_AT(p->addresses, struct gw_server_address, i);
			const struct gw_resource *subnet = gw_reference(c, server, a->subnet);
			const char *why = NULL;

			if (subnet == r)
				why = why_no_node(c, r, &a->address);
			else if (!subnet && gw_prefix_contains(logical_prefix(r), &a->address))
				why = why_nowhere(c, &a->address);
			if (why)
				return conflict(err, "addressPrefix", "an address of \"%s\" %s", server->id, why);
		}
	}
	return 0;
}

/* Also for each of its pools that was touched: once is enough. */
static int check_logical_subnet(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_logical_subnet *p = r->now.properties;
	int e;

	if (r->fine == c->settling)
		return 0;
	if (!gw_check_routable(&p->prefix))
		return bad(err, "addressPrefix", "must be of addresses that nodes can have");
	e = check_routers(p, err);
	if (e == 0)
		e = gw_siblings_check(c, r, logical_prefix, err);
	if (e == 0)
		e = check_pools_of(c, r, GW_KIND_LOGICAL_POOL, &p->prefix, err);
	if (e == 0)
		e = check_nodes(c, r, err);
	if (e == 0)
		r->fine = c->settling;
	return e;
}

static bool in_space(const struct gw_virtual_network *network, const struct gw_prefix *prefix)
{
	for (size_t i = 0; i < network->space.prefixes.n; i++) {
		const struct gw_prefix *p = GW_LIST_AT(network->space.prefixes, struct gw_prefix, i);

		if (gw_addr_same_family(&p->addr, &prefix->addr) && p->len <= prefix->len &&
		    gw_prefix_contains(p, &prefix->addr))
			return true;
	}
	return false;
}

/* The groups of its subnets are from the pools that are for it. */
int gw_check_groups_of(const struct gw_catalog *c, const struct gw_resource *network, const char *name,
		       struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges ranges = {0};
	const struct gw_resource *subnet = NULL;

	while ((subnet = gw_catalog_next(c, network, GW_KIND_VIRTUAL_SUBNET, subnet))) {
		const struct gw_virtual_subnet *p = subnet->now.properties;

		if (!GW_GIVEN(p, virtual_subnet, group))
			continue;
		if (ranges.n == 0 && gw_pools_group(c, network, &ranges) < 0)
			return gw_error_oom(err);
		if (!gw_ranges_have(&ranges, &p->group))
			return conflict(err, name, "leaves out the multicastGroup of the subnet \"%s\"", subnet->id);
	}
	return 0;
}

static int check_group(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges ranges = {0};
	const struct gw_virtual_subnet *p = r->now.properties;

	if (!GW_GIVEN(p, virtual_subnet, group))
		return 0;
	if (p->broadcast == GW_BROADCAST_UNICAST)
		return bad(err, "multicastGroup", "is for broadcastMode Multicast only: leave it out");
	if (!gw_addr_is_multicast(&p->group))
		return bad(err, "multicastGroup", "must be a multicast address");
	if (gw_pools_group(c, r->parent, &ranges) < 0)
		return gw_error_oom(err);
	return gw_ranges_have(&ranges, &p->group)
		       ? 0
		       : bad(err, "multicastGroup",
			     "must be from an ipPool with multicast true; without one, from 239.0.1.0 on");
}

static int check_virtual_network(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	static const struct gw_uuid nil;
	const struct gw_virtual_network *p = r->now.properties;
	const struct gw_list *prefixes = &p->space.prefixes;
	const struct gw_resource *subnet = NULL, *logical = gw_reference(c, r, p->logical_network);
	int e;

	if (gw_uuid_equal(&p->rdid, &nil))
		return bad(err, "routingDomainId", "must not be all zero");
	if (prefixes->n == 0)
		return bad(err, "addressSpace.addressPrefixes", "must have at least one prefix");
	for (size_t i = 0; i < prefixes->n; i++)
		if (!gw_check_routable(GW_LIST_AT(*prefixes, struct gw_prefix, i)))
			return bad(err, "addressSpace.addressPrefixes",
				   "element %zu has no addresses that VMs can have", i);
	if (logical && GW_GIVEN(GW_PROPERTIES(logical, logical_network), logical_network, virtualized) &&
	    !GW_PROPERTIES(logical, logical_network)->virtualized)
		return bad(err, "logicalNetwork",
			   "says that it carries none: its networkVirtualizationEnabled is false");
	e = gw_check_unicast("dhcpOptions.dnsServers", &p->dhcp.dns, err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < prefixes->n; i++)
		for (size_t j = 0; j < i; j++)
			if (gw_prefix_overlaps(GW_LIST_AT(*prefixes, struct gw_prefix, i),
					       GW_LIST_AT(*prefixes, struct gw_prefix, j)))
				return bad(err, "addressSpace.addressPrefixes", "element %zu overlaps element %zu", i,
					   j);
	while ((subnet = gw_catalog_next(c, r, GW_KIND_VIRTUAL_SUBNET, subnet)))
		if (!in_space(p, virtual_prefix(subnet)))
			return conflict(err, "addressSpace.addressPrefixes", "leaves out the subnet \"%s\"",
					subnet->id);
	return gw_check_groups_of(c, r, "logicalNetwork", err);
}

const char *gw_check_customer_address(const struct gw_catalog *c, struct gw_resource *subnet, const struct gw_addr *a)
{
	const struct gw_prefix *prefix = virtual_prefix(subnet);
	const struct gw_ranges *offered;

	if (!gw_prefix_contains(prefix, a))
		return "must lie in the prefix of its subnet";
	if (!gw_subnet_host(prefix, a))
		return "is reserved in its subnet: the router, the network or the broadcast address";
	/* There may be as many pools as VMs. */
	if (gw_pools_customer(c, subnet, &offered) < 0)
		return "cannot be looked for in its subnet's pools: out of memory";
	return gw_ranges_have_sorted(offered, a) ? NULL : "must lie in a pool of its subnet";
}

/* Of all that live in the subnet. */
static int check_addresses_of(const struct gw_catalog *c, struct gw_resource *subnet, struct gw_error *err)
{
	for (const struct gw_ref *ref = subnet->referrers; ref; ref = ref->next) {
		const char *why;

		if (ref->from->kind != GW_KIND_IP_CONFIGURATION)
			continue;
		why = gw_check_customer_address(c, subnet, &GW_PROPERTIES(ref->from, ip_configuration)->address);
		if (why)
			return conflict(err, "addressPrefix", "an address of %s %s", gw_told_name(c, ref->from->parent),
					why);
	}
	return 0;
}

/* Also for each of its pools that was touched: once is enough. */
static int check_virtual_subnet(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_virtual_subnet *p = r->now.properties;
	const struct gw_virtual_network *network = r->parent->now.properties;
	int e;

	if (r->fine == c->settling)
		return 0;
	if (!gw_prefix_is_subnet(&p->prefix) || !gw_check_routable(&p->prefix) ||
	    gw_addr_is_link_local(&p->prefix.addr))
		return bad(err, "addressPrefix", "must have room for a router and hosts that it can route for");
	if (!in_space(network, &p->prefix))
		return bad(err, "addressPrefix", "must lie in the addressSpace of its virtual network");
	if (!gw_vsid_assignable(p->vsid))
		return bad(err, "isolationId", "must be a VSID from %u to %u", GW_VSID_MIN, GW_VSID_MAX);
	e = check_group(c, r, err);
	if (e == 0)
		e = gw_siblings_check(c, r, virtual_prefix, err);
	if (e == 0)
		e = check_pools_of(c, r, GW_KIND_VIRTUAL_POOL, &p->prefix, err);
	if (e == 0)
		e = check_addresses_of(c, r, err);
	if (e == 0)
		r->fine = c->settling;
	return e;
}

/* --- interfaces --------------------------------------------------------------------------------------------------- */

#define BAD_INTERFACE "must be an interface name of 1 to 15 bytes without '/', ':' or blanks"

static int check_interface(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_network_interface *p = r->now.properties;

	if (!gw_mac_is_unicast(&p->mac) || gw_mac_equal(&p->mac, &c->params.router_mac))
		return bad(err, "privateMacAddress", "must be a unicast address, and not the distributed router's");
	if (p->host_interface && !gw_hnv_interface_valid(p->host_interface))
		return bad(err, "hostInterface", BAD_INTERFACE);
	if (p->server && !gw_server_has_role(gw_reference(c, r, p->server), GW_SERVER_HOST))
		return bad(err, "server", "has roles, and host is none of them");
	return gw_check_unicast("dnsSettings.dnsServers", &p->dns.servers, err);
}

static int check_ip_configuration(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ip_configuration *p = r->now.properties;
	struct gw_resource *subnet = gw_reference(c, r, p->subnet);
	const struct gw_resource *gateway = gw_keys_owner(c, GW_KEY_GATEWAY_SUBNET, NULL, &subnet, sizeof subnet);
	const char *why = gw_check_customer_address(c, subnet, &p->address);
	const struct gw_resource *other = NULL;

	if (why)
		return bad(err, "privateIPAddress", "%s", why);
	if (gateway)
		return conflict(err, "subnet", "is kept for a virtual gateway, %s", gw_told_name(c, gateway));
	/* Of those that have all been found to be in one with another, each is. */
	if (r->parent->fine == c->settling)
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (gw_referred(other, GW_KIND_VIRTUAL_SUBNET)->parent != subnet->parent)
			return bad(err, "subnet", "must be in one virtual network with that of \"%s\"", other->id);
	r->parent->fine = c->settling;
	return 0;
}

bool gw_server_has_role(const struct gw_resource *server, enum gw_server_role role)
{
	const struct gw_list *roles = &GW_PROPERTIES(server, server)->roles;

	for (size_t i = 0; i < roles->n; i++)
		if (*GW_LIST_AT(*roles, uint8_t, i) == role)
			return true;
	return roles->n == 0;
}

static int check_server_connections(const struct gw_list *connections, struct gw_error *err)
{
	for (size_t i = 0; i < connections->n; i++) {
		const struct gw_list *hosts = &GW_LIST_AT(*connections, struct gw_server_connection, i)->addresses;

		for (size_t j = 0; j < hosts->n; j++) {
			if (gw_value_is_host(*GW_LIST_AT(*hosts, char *, j)))
				continue;
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "must be a host name or an address");
			gw_error_prefix(err, "properties.connections[%zu].managementAddresses[%zu]", i, j);
			return -EINVAL;
		}
	}
	return 0;
}

/* Who lives on a node that gives up a role. */
static int check_roles(const struct gw_resource *r, struct gw_error *err)
{
	bool is_host = gw_server_has_role(r, GW_SERVER_HOST), is_gateway = gw_server_has_role(r, GW_SERVER_GATEWAY);

	for (const struct gw_ref *ref = r->referrers; !(is_host && is_gateway) && ref; ref = ref->next) {
		if (!is_host && ref->from->kind == GW_KIND_NETWORK_INTERFACE)
			return conflict(err, "roles", "\"%s\" runs on it: it is a host", ref->from->id);
		if (!is_gateway && ref->from->kind == GW_KIND_GATEWAY)
			return conflict(err, "roles", "\"%s\" is on it: it is a gateway", ref->from->id);
	}
	return 0;
}

static int check_server_address(const struct gw_catalog *c, const struct gw_resource *r,
				const struct gw_server_address *p, struct gw_error *err)
{
	const struct gw_resource *subnet = gw_reference(c, r, p->subnet);
	const char *why = subnet ? why_no_node(c, subnet, &p->address) : why_nowhere(c, &p->address);
	bool has_length = GW_GIVEN(p, server_address, prefix_length);

	if (!gw_addr_is_unicast(&p->address) || gw_addr_is_link_local(&p->address))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "address",
				    "must be a unicast one, and none of a link only: tunnels end there");
	if (why)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "address", "%s", why);
	if (has_length && gw_addr_is_v4(&p->address) && p->prefix_length > 32)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "prefixLength", "is at most 32 for IPv4");
	if (has_length && subnet && p->prefix_length != logical_prefix(subnet)->len)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "prefixLength",
				    "must be the logicalSubnet's, %u: leave it out", logical_prefix(subnet)->len);
	if (p->interface && !gw_hnv_interface_valid(p->interface))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "interface", BAD_INTERFACE);
	return 0;
}

static int check_server(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_server *p = r->now.properties;
	int e = check_server_connections(&p->connections, err);

	for (size_t i = 0; e == 0 && i < p->addresses.n; i++) {
		const struct gw_server_address *a = GW_LIST_AT(p->addresses, struct gw_server_address, i);

		e = check_server_address(c, r, a, err);
		if (e < 0)
			gw_error_prefix(err, "properties.providerAddresses[%zu].", i);
	}
	return e == 0 ? check_roles(r, err) : e;
}

int gw_check_network(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e;

	switch (r->kind) {
	case GW_KIND_LOGICAL_NETWORK:
		return check_logical_network(r, err);
	case GW_KIND_LOGICAL_SUBNET:
		return check_logical_subnet(c, r, err);
	case GW_KIND_LOGICAL_POOL:
		e = check_pool(c, r, logical_prefix(r->parent), err);
		return e == 0 ? check_logical_subnet(c, r->parent, err) : e;
	case GW_KIND_VIRTUAL_NETWORK:
		return check_virtual_network(c, r, err);
	case GW_KIND_VIRTUAL_SUBNET:
		return check_virtual_subnet(c, r, err);
	case GW_KIND_VIRTUAL_POOL:
		e = check_pool(c, r, virtual_prefix(r->parent), err);
		return e == 0 ? check_virtual_subnet(c, r->parent, err) : e;
	case GW_KIND_NETWORK_INTERFACE:
		return check_interface(c, r, err);
	case GW_KIND_IP_CONFIGURATION:
		return check_ip_configuration(c, r, err);
	case GW_KIND_MAC_POOL:
		return check_mac_pool(c, r, err);
	case GW_KIND_SERVER:
		return check_server(c, r, err);
	default:
		return 0;
	}
}
