/*
 * check.c - what only the whole can tell of a resource: whether a prefix overlaps another, an address lies in its subnet, a
 * connection has what its type needs. Called for every resource that a transaction touched, when values have been assigned.
 */
#include "model/catalog/check.h"

#include "model/resource/connection.h"
#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <string.h>

/* --- policies ----------------------------------------------------------------------------------------------------- */

static int check_acl_prefix(const char *name, const char *text, struct gw_error *err)
{
	struct gw_prefix prefix;
	struct gw_addr addr;

	if (!text || !strcmp(text, "*") || gw_prefix_parse(text, &prefix) == 0 || gw_addr_parse(text, &addr) == 0)
		return 0;
	return bad(err, name, "must be a prefix as 192.168.1.0/24, an address, or \"*\"");
}

static bool is_all(const struct gw_ports *ports, bool given)
{
	return !given || (ports->first == 0 && ports->last == UINT16_MAX);
}

static int check_acl_rule(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_acl_rule *p = r->now.properties, *q;
	const struct gw_resource *other = NULL;
	int e = check_acl_prefix("sourceAddressPrefix", p->source, err);

	if (e == 0)
		e = check_acl_prefix("destinationAddressPrefix", p->destination, err);
	if (e < 0)
		return e;
	if (p->protocol != GW_ACL_TCP && p->protocol != GW_ACL_UDP) {
		if (!is_all(&p->source_ports, GW_GIVEN(p, acl_rule, source_ports)))
			return bad(err, "sourcePortRange",
				   "only TCP and UDP have ports: set protocol, or leave it out");
		if (!is_all(&p->destination_ports, GW_GIVEN(p, acl_rule, destination_ports)))
			return bad(err, "destinationPortRange",
				   "only TCP and UDP have ports: set protocol, or leave it out");
	}
	while ((other = gw_catalog_next(c, r->parent, r->kind, other))) {
		q = other->now.properties;
		if (other != r && q->priority == p->priority && q->type == p->type)
			return conflict(err, "priority",
					"rule \"%s\" has it: which of both comes first would be left to chance",
					other->id);
	}
	return 0;
}

static int check_port_profile(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_resource *above = r;

	/* Behind the longest chain there can be, it goes round. */
	for (size_t i = 0; above && i <= gw_catalog_count(c); i++) {
		above = gw_reference(c, above, GW_PROPERTIES(above, port_profile)->inherits);
		if (above == r)
			return bad(err, "inherits", "a profile cannot inherit from itself, by way of others either");
	}
	return 0;
}

static int check_route(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
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
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && gw_prefix_equal(&p->prefix, &GW_PROPERTIES(other, route)->prefix))
			return conflict(err, "addressPrefix", "route \"%s\" leads there", other->id);
	return 0;
}

/* --- gateways ----------------------------------------------------------------------------------------------------- */

static int check_public_address(const struct gw_resource *r, struct gw_error *err)
{
	if (!gw_addr_is_unicast(&GW_PROPERTIES(r, public_address)->address))
		return bad(err, "ipAddress", "must be a unicast address");
	return 0;
}

static int check_virtual_gateway(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_virtual_gateway *p = r->now.properties;
	const struct gw_resource *network = gw_reference(c, r, p->network);

	for (size_t i = 0; i < p->subnets.n; i++) {
		const struct gw_resource *subnet = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i));

		if (network && subnet->parent != network)
			return bad(err, "gatewaySubnets", "element %zu is no subnet of the virtualNetwork", i);
		for (const struct gw_ref *ref = subnet->referrers; ref; ref = ref->next)
			if (ref->from->kind == GW_KIND_IP_CONFIGURATION)
				return conflict(err, "gatewaySubnets",
						"\"%s\" lives in element %zu, which must be the gateway's alone",
						ref->from->parent->id, i);
	}
	return 0;
}

static int check_selectors(const char *name, const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gw_selector *s = GW_LIST_AT(*list, struct gw_selector, i);
		bool is_v6 = GW_GIVEN(s, selector, type) ? s->type != 0 : !gw_addr_is_v4(&s->first);
		int e = 0;

		if (gw_addr_is_v4(&s->first) == is_v6)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "ipAddressStart",
					 "must be of the family that type says");
		else if (gw_addr_is_v4(&s->last) == is_v6 || gw_addr_cmp(&s->first, &s->last) > 0)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "ipAddressEnd",
					 "must not be before ipAddressStart, nor of another family");
		else if (s->port_first > s->port_last)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "portEnd",
					 "must not be before portStart");
		if (e < 0) {
			gw_error_prefix(err, "properties.ipSecConfiguration.%s[%zu].", name, i);
			return e;
		}
	}
	return 0;
}

static int check_interface_addresses(const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gw_interface_address *a = GW_LIST_AT(*list, struct gw_interface_address, i);

		if (!gw_addr_is_v4(&a->address) || a->length <= 32)
			continue;
		gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "prefixLength", "is at most 32 for IPv4");
		gw_error_prefix(err, "properties.ipAddresses[%zu].", i);
		return -EINVAL;
	}
	return 0;
}

static int check_connection(const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_connection *p = r->now.properties;
	int e = check_selectors("localVpnTrafficSelector", &p->ipsec.local, err);

	if (e == 0)
		e = check_selectors("remoteVpnTrafficSelector", &p->ipsec.remote, err);
	if (e == 0)
		e = check_interface_addresses(&p->addresses, err);
	if (e < 0)
		return e;
	if (p->type != GW_CONNECTION_IPSEC && GW_GIVEN(p, connection, ipsec))
		return bad(err, "ipSecConfiguration", "is for connectionType IPSec only");
	if (p->type != GW_CONNECTION_GRE && GW_GIVEN(p, connection, gre))
		return bad(err, "greConfiguration", "is for connectionType GRE only");
	if (p->type != GW_CONNECTION_L3 && GW_GIVEN(p, connection, l3))
		return bad(err, "l3Configuration", "is for connectionType L3 only");
	if (p->type == GW_CONNECTION_L3) {
		if (!GW_GIVEN(p, connection, l3))
			return missing(err, "l3Configuration", "missing: connectionType L3 needs it");
		return 0;
	}
	if (!GW_GIVEN(p, connection, destination))
		return missing(err, "destinationIPAddress", "missing: where does the tunnel end?");
	if (!gw_addr_is_unicast(&p->destination))
		return bad(err, "destinationIPAddress", "must be a unicast address");
	if (p->type == GW_CONNECTION_GRE)
		return 0;
	if (!GW_GIVEN(p, connection, ipsec))
		return missing(err, "ipSecConfiguration", "missing: connectionType IPSec needs it");
	if (p->ipsec.authentication == 0 && !p->ipsec.secret)
		return missing(err, "ipSecConfiguration.sharedSecret", "missing: authenticationMethod PSK needs it");
	if (p->ipsec.authentication != 0 && !p->ipsec.credential)
		return missing(err, "ipSecConfiguration.credential",
			       "missing: authenticationMethod Certificate needs it");
	return 0;
}

static int check_bgp_router(const struct gw_resource *r, struct gw_error *err)
{
	return GW_PROPERTIES(r, bgp_router)->ext_as ? 0 : bad(err, "extAsNumber", "must not be 0.0");
}

static int check_bgp_peer(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_bgp_peer *p = r->now.properties, *q;
	const struct gw_resource *other = NULL;
	bool as = GW_GIVEN(p, bgp_peer, as), ext_as = GW_GIVEN(p, bgp_peer, ext_as);

	if (!gw_addr_is_unicast(&p->address))
		return bad(err, "peerIpAddress", "must be a unicast address");
	if (!as && !ext_as)
		return missing(err, "extAsNumber", "missing: give asNumber or extAsNumber");
	if (as && ext_as && p->as != p->ext_as)
		return bad(err, "asNumber", "must be the same number as extAsNumber");
	if (ext_as && p->ext_as == 0)
		return bad(err, "extAsNumber", "must not be 0.0");
	while ((other = gw_catalog_next(c, r->parent, r->kind, other))) {
		q = other->now.properties;
		if (other != r && gw_addr_equal(&p->address, &q->address))
			return conflict(err, "peerIpAddress", "peer \"%s\" has it", other->id);
	}
	return 0;
}

/* --- translation -------------------------------------------------------------------------------------------------- */

static int check_same_balancer(const struct gw_catalog *c, const struct gw_resource *r, const struct gw_list *refs,
			       struct gw_error *err)
{
	if (refs->n == 0)
		return bad(err, "frontendIPConfigurations", "must have at least one element");
	for (size_t i = 0; i < refs->n; i++)
		if (gw_reference(c, r, *GW_LIST_AT(*refs, char *, i))->parent != r->parent)
			return bad(err, "frontendIPConfigurations", "element %zu belongs to another load balancer", i);
	return 0;
}

static bool share_frontend(const struct gw_list *a, const struct gw_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (!strcmp(*GW_LIST_AT(*a, char *, i), *GW_LIST_AT(*b, char *, j)))
				return true;
	return false;
}

static int check_inbound_rule(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_inbound_nat_rule *p = r->now.properties, *q;
	const struct gw_resource *other = NULL;
	int e = check_same_balancer(c, r, &p->frontends, err);

	if (e < 0)
		return e;
	if (p->protocol == 0 && (p->frontend_port || p->backend_port))
		return bad(err, p->frontend_port ? "frontendPort" : "backendPort",
			   "protocol All has no ports: leave it out");
	if (p->protocol != 0 && !p->frontend_port)
		return missing(err, "frontendPort", "missing: Tcp and Udp need it");
	while ((other = gw_catalog_next(c, r->parent, r->kind, other))) {
		q = other->now.properties;
		if (other != r && share_frontend(&p->frontends, &q->frontends) &&
		    (!p->protocol || !q->protocol ||
		     (p->protocol == q->protocol && p->frontend_port == q->frontend_port)))
			return conflict(err, "frontendPort", "rule \"%s\" translates it on the same address",
					other->id);
	}
	return 0;
}

static const struct gw_resource *network_of(const struct gw_catalog *c, const struct gw_resource *r)
{
	if (r->kind != GW_KIND_IP_CONFIGURATION)
		return NULL;
	return gw_reference(c, r, GW_PROPERTIES(r, ip_configuration)->subnet)->parent;
}

/* One gateway translates a pool, and it serves one network. */
static int check_backend_pool(const struct gw_catalog *c, const struct gw_resource *r, const char *name,
			      struct gw_error *err)
{
	const struct gw_backend_pool *p = r->now.properties;
	const struct gw_resource *network = NULL, *other;

	for (size_t i = 0; i < p->subnets.n; i++) {
		other = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i))->parent;
		if (network && other != network)
			return bad(err, name, "a pool's members are in one virtual network");
		network = other;
	}
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next) {
		other = network_of(c, ref->from);
		if (network && other && other != network)
			return bad(err, name, "a pool's members are in one virtual network");
		network = other ? other : network;
	}
	return 0;
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

/* Who copies one from a GET has to say the secret again: without it nothing could be proved with it. */
static int check_credential(const struct gw_resource *r, struct gw_error *err)
{
	return GW_PROPERTIES(r, credential)->value
		       ? 0
		       : missing(err, "value", "missing: it is what the credential is for, and no GET answers it");
}

int gw_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e;

	switch (r->kind) {
	case GW_KIND_IP_CONFIGURATION:
		e = gw_check_network(c, r, err);
		return e == 0 ? check_pools_joined(c, r, err) : e;
	case GW_KIND_ACL_RULE:
		return check_acl_rule(c, r, err);
	case GW_KIND_PORT_PROFILE:
		return check_port_profile(c, r, err);
	case GW_KIND_ROUTE:
		return check_route(c, r, err);
	case GW_KIND_PUBLIC_ADDRESS:
		return check_public_address(r, err);
	case GW_KIND_VIRTUAL_GATEWAY:
		return check_virtual_gateway(c, r, err);
	case GW_KIND_CONNECTION:
		return check_connection(r, err);
	case GW_KIND_BGP_ROUTER:
		return check_bgp_router(r, err);
	case GW_KIND_BGP_PEER:
		return check_bgp_peer(c, r, err);
	case GW_KIND_CREDENTIAL:
		return check_credential(r, err);
	case GW_KIND_BACKEND_POOL:
		return check_backend_pool(c, r, "subnets", err);
	case GW_KIND_INBOUND_NAT_RULE:
		return check_inbound_rule(c, r, err);
	case GW_KIND_OUTBOUND_NAT_RULE:
		return check_same_balancer(c, r, &GW_PROPERTIES(r, outbound_nat_rule)->frontends, err);
	default:
		return gw_check_network(c, r, err);
	}
}
