/*
 * check.c - what only the whole can tell of a resource: whether a prefix overlaps another, an address lies in its subnet, a
 * connection has what its type needs. Called for every resource that a transaction touched, when values have been assigned.
 */
#include "base/cleanup.h"
#include "model/catalog/blocks.h"
#include "model/catalog/check.h"
#include "model/catalog/pools.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <string.h>

/* --- policies ----------------------------------------------------------------------------------------------------- */

/* 4, 6, or 0 for any. */
static int check_acl_prefix(const char *name, const char *text, int *ret_family, struct gw_error *err)
{
	struct gw_prefix prefix;

	*ret_family = 0;
	if (!text || !strcmp(text, "*"))
		return 0;
	if (gw_prefix_parse(text, &prefix) == 0 || gw_addr_parse(text, &prefix.addr) == 0) {
		*ret_family = gw_addr_is_v4(&prefix.addr) ? 4 : 6;
		return 0;
	}
	return bad(err, name, "must be a prefix as 192.168.1.0/24, an address, or \"*\"");
}

static bool is_all(const struct gw_ports *ports, bool given)
{
	return !given || (ports->first == 0 && ports->last == UINT16_MAX);
}

static bool same_turn(const struct gw_resource *a, const struct gw_resource *b)
{
	const struct gw_acl_rule *p = a->now.properties, *q = b->now.properties;

	return p->priority == q->priority && p->type == q->type;
}

static int by_turn(const void *a, const void *b)
{
	const struct gw_acl_rule *p = gw_child_at(a)->now.properties, *q = gw_child_at(b)->now.properties;

	return p->type != q->type ? gw_order(p->type, q->type) : gw_order(p->priority, q->priority);
}

static int check_acl_rule(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_acl_rule *p = r->now.properties;
	const struct gw_resource *other = NULL;
	int from = 0, to = 0, e = check_acl_prefix("sourceAddressPrefix", p->source, &from, err);

	if (e == 0)
		e = check_acl_prefix("destinationAddressPrefix", p->destination, &to, err);
	if (e < 0)
		return e;
	if (from && to && from != to)
		return bad(err, "destinationAddressPrefix", "must be of the family of sourceAddressPrefix");
	if ((p->protocol == GW_ACL_ICMP && (from == 6 || to == 6)) ||
	    (p->protocol == GW_ACL_ICMPV6 && (from == 4 || to == 4)))
		return bad(err, "protocol", "must be ICMP for IPv4, ICMPv6 for IPv6");
	if (p->protocol != GW_ACL_TCP && p->protocol != GW_ACL_UDP) {
		if (!is_all(&p->source_ports, GW_GIVEN(p, acl_rule, source_ports)))
			return bad(err, "sourcePortRange",
				   "only TCP and UDP have ports: set protocol, or leave it out");
		if (!is_all(&p->destination_ports, GW_GIVEN(p, acl_rule, destination_ports)))
			return bad(err, "destinationPortRange",
				   "only TCP and UDP have ports: set protocol, or leave it out");
	}
	if (gw_children_apart(c, r->parent, r->kind, by_turn, same_turn))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && same_turn(other, r))
			return conflict(err, "priority",
					"rule \"%s\" has it: which of both comes first would be left to chance",
					other->id);
	return 0;
}

/*
 * Whether what it inherits from comes to an end. That of many profiles may be one long chain, which is gone along once; where it goes
 * round instead, it comes back to `mark` when that is in the round and no further behind than the round is long.
 */
static bool inherits_from_itself(const struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_resource *above = r, *mark = r;
	size_t behind = 0, far = 1;

	while (above && above->fine != c->settling) {
		above = gw_referred(above, GW_KIND_PORT_PROFILE);
		if (above == mark)
			return true;
		if (++behind == far) {
			mark = above;
			far *= 2;
			behind = 0;
		}
	}
	for (; r != above; r = gw_referred(r, GW_KIND_PORT_PROFILE))
		r->fine = c->settling;
	return false;
}

static int check_port_profile(const struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const char *collector = GW_PROPERTIES(r, port_profile)->flow_export;

	if (collector && !gw_value_is_collector(collector))
		return bad(err, "flowExport", "must be ADDRESS:PORT, as 192.0.2.9:4739 or [2001:db8::9]:4739");
	if (inherits_from_itself(c, r))
		return bad(err, "inherits", "a profile cannot inherit from itself, by way of others either");
	return 0;
}

static bool same_destination(const struct gw_resource *a, const struct gw_resource *b)
{
	return gw_prefix_equal(&GW_PROPERTIES(a, route)->prefix, &GW_PROPERTIES(b, route)->prefix);
}

static int by_destination(const void *a, const void *b)
{
	const struct gw_prefix *p = &GW_PROPERTIES(gw_child_at(a), route)->prefix,
			       *q = &GW_PROPERTIES(gw_child_at(b), route)->prefix;
	int n = gw_addr_cmp(&p->addr, &q->addr);

	return n ? n : (int)p->len - (int)q->len;
}

static int check_route(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_route *p = r->now.properties;
	const struct gw_resource *other = NULL;
	bool has = GW_GIVEN(p, route, address);

	if (p->hop == GW_HOP_APPLIANCE && !has)
		return missing(err, "nextHopIpAddress", "missing: nextHopType VirtualAppliance needs it");
	if (p->hop != GW_HOP_APPLIANCE && has)
		return bad(err, "nextHopIpAddress", "is for nextHopType VirtualAppliance only");
	if (has && (!gw_addr_is_unicast(&p->address) || !gw_addr_same_family(&p->address, &p->prefix.addr)))
		return bad(err, "nextHopIpAddress", "must be a unicast address of the prefix's family");
	if (gw_children_apart(c, r->parent, r->kind, by_destination, same_destination))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && same_destination(other, r))
			return conflict(err, "addressPrefix", "route \"%s\" leads there", other->id);
	return 0;
}

/* --- gateways ----------------------------------------------------------------------------------------------------- */

static int check_public_address(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ranges *ranges;
	const struct gw_addr *a = &GW_PROPERTIES(r, public_address)->address;

	if (!gw_addr_is_unicast(a))
		return bad(err, "ipAddress", "must be a unicast address");
	if (gw_pools_public(c, &ranges) < 0)
		return gw_error_oom(err);
	if (ranges->n > 0 && !gw_ranges_have_sorted(ranges, a))
		return bad(
			err, "ipAddress",
			"must lie in an ipPool of a public logical subnet, and be neither an end of the subnet nor one "
			"of its defaultGateways");
	if (GW_PROPERTIES(r, public_address)->shared && gw_keys_owner(c, GW_KEY_PUBLIC_VM, NULL, &r, sizeof r))
		return conflict(err, "shared", "it is the address of a VM, which shares it with nobody");
	return gw_blocks_check_address(c, r, err);
}

static int check_gateway_pool(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_list *addresses = &GW_PROPERTIES(r, gateway_pool)->addresses.addresses;
	int e = 0;

	for (size_t i = 0; e == 0 && i < addresses->n; i++)
		e = gw_check_public_use(c, r, gw_reference(c, r, *GW_LIST_AT(*addresses, char *, i)),
					"ipConfiguration.publicIPAddresses", err);
	return e;
}

static int check_gateway(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_gateway *p = r->now.properties;

	if (!gw_server_has_role(gw_reference(c, r, p->server), GW_SERVER_GATEWAY))
		return bad(err, "virtualServer", "has roles, and gateway is none of them");
	if (GW_GIVEN(&p->bgp, gateway_bgp, ext_as) && p->bgp.ext_as == 0)
		return bad(err, "bgpConfig.extASNumber", "must not be 0.0");
	for (size_t i = 0; i < p->bgp.peers.n; i++) {
		const struct gw_fabric_peer *q = GW_LIST_AT(p->bgp.peers, struct gw_fabric_peer, i);

		if (!gw_addr_is_unicast(&q->address))
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "peerIpAddress",
				     "must be a unicast address");
		else if (GW_GIVEN(q, fabric_peer, ext_as) && q->ext_as == 0)
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "extAsNumber", "must not be 0.0");
		else
			continue;
		gw_error_prefix(err, "properties.bgpConfig.bgpPeer[%zu].", i);
		return -EINVAL;
	}
	return 0;
}

static int check_virtual_gateway(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_virtual_gateway *p = r->now.properties;
	const struct gw_resource *network = gw_reference(c, r, p->network);

	if (GW_GIVEN(p, virtual_gateway, vsid) && !gw_vsid_assignable(p->vsid))
		return bad(err, "isolationId", "must be a VSID from %u to %u", GW_VSID_MIN, GW_VSID_MAX);
	for (size_t i = 0; i < p->subnets.n; i++) {
		const struct gw_resource *subnet = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i));

		if (network && subnet->parent != network)
			return bad(err, "gatewaySubnets", "element %zu is no subnet of the virtualNetwork", i);
		network = subnet->parent;
		for (const struct gw_ref *ref = subnet->referrers; ref; ref = ref->next)
			if (ref->from->kind == GW_KIND_IP_CONFIGURATION)
				return conflict(err, "gatewaySubnets",
						"%s lives in element %zu, which must be the gateway's alone",
						gw_told_name(c, ref->from->parent), i);
	}
	return 0;
}

/* --- translation -------------------------------------------------------------------------------------------------- */

static const struct gw_resource *network_of(const struct gw_resource *r)
{
	return r->kind == GW_KIND_IP_CONFIGURATION ? gw_referred(r, GW_KIND_VIRTUAL_SUBNET)->parent : NULL;
}

/*
 * One gateway translates a pool, and it serves one network. For each of its members that was touched: once is enough. Those have been
 * linked last and come first; any of the others is in the network that all of the others are in.
 */
static int check_backend_pool(const struct gw_catalog *c, struct gw_resource *r, const char *name, struct gw_error *err)
{
	const struct gw_backend_pool *p = r->now.properties;
	const struct gw_resource *network = NULL, *other;
	bool is_settled = p->subnets.n > 0 && !gw_first_step(c, r);
	int e = 0;

	if (r->fine == c->settling)
		return 0;
	for (size_t i = 0; i < p->subnets.n; i++) {
		other = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i))->parent;
		if (network && other != network)
			return bad(err, name, "a pool's members are in one virtual network");
		network = other;
	}
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next) {
		other = network_of(ref->from);
		if (network && other && other != network)
			return bad(err, name, "a pool's members are in one virtual network");
		network = other ? other : network;
		if (other && !gw_first_step(c, ref->from)) {
			is_settled = true;
			break;
		}
	}
	/* Rules have to do with its network when it has one now, or another one. */
	if (!is_settled)
		e = gw_blocks_check_network(c, r, name, err);
	if (e == 0)
		r->fine = c->settling;
	return e;
}

static int check_pools_joined(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ip_configuration *p = r->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->pools.n; i++)
		e = check_backend_pool(c, gw_reference(c, r, *GW_LIST_AT(p->pools, char *, i)),
				       "loadBalancerBackendAddressPools", err);
	return e;
}

int gw_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e = gw_check_twice(gw_kind_info(r->kind)->schema, r->now.properties, err);

	if (e < 0) {
		gw_error_prefix(err, "properties.");
		return e;
	}
	switch (r->kind) {
	case GW_KIND_IP_CONFIGURATION:
		e = gw_check_network(c, r, err);
		if (e == 0)
			e = check_pools_joined(c, r, err);
		if (e == 0 && GW_PROPERTIES(r, ip_configuration)->public_address)
			e = gw_check_public_use(c, r,
						gw_reference(c, r, GW_PROPERTIES(r, ip_configuration)->public_address),
						"publicIPAddress", err);
		if (e == 0)
			e = gw_check_rules_joined(c, r, err);
		return e == 0 ? gw_blocks_check_network(c, r, "subnet", err) : e;
	case GW_KIND_ACL_RULE:
		return check_acl_rule(c, r, err);
	case GW_KIND_PORT_PROFILE:
		return check_port_profile(c, r, err);
	case GW_KIND_ROUTE:
		return check_route(c, r, err);
	case GW_KIND_PUBLIC_ADDRESS:
		return check_public_address(c, r, err);
	case GW_KIND_GATEWAY_POOL:
		return check_gateway_pool(c, r, err);
	case GW_KIND_GATEWAY:
		return check_gateway(c, r, err);
	case GW_KIND_VIRTUAL_GATEWAY:
		return check_virtual_gateway(c, r, err);
	case GW_KIND_CONNECTION:
	case GW_KIND_BGP_ROUTER:
	case GW_KIND_BGP_PEER:
	case GW_KIND_POLICY_MAP:
	case GW_KIND_CREDENTIAL:
		return gw_check_connection(c, r, err);
	case GW_KIND_BACKEND_POOL:
		return check_backend_pool(c, r, "subnets", err);
	case GW_KIND_FRONTEND:
	case GW_KIND_INBOUND_NAT_RULE:
	case GW_KIND_OUTBOUND_NAT_RULE:
		return gw_check_nat(c, r, err);
	default:
		return gw_check_network(c, r, err);
	}
}
