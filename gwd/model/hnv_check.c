/*
 * hnv_check.c - the rules that one low-level record must meet by itself. Called for everything that enters
 * the intent, whatever way it came (API, batch, store), so that nothing invalid is ever held. Each message
 * says what is allowed.
 */
#include "model/hnv.h"

#include "base/utf8.h"

#include <errno.h>
#include <string.h>

static int invalid(struct gw_error *err, const char *property, const char *what)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, property, "%s", what);
}

static int not_supported(struct gw_error *err, const char *property, const char *what)
{
	return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, property, "%s", what);
}

/* ENC-4 */
static int check_vsid(uint32_t vsid, struct gw_error *err)
{
	static const char target[] = "properties.VirtualSubnetID";

	if (gw_vsid_assignable(vsid))
		return 0;
	if (vsid == GW_VSID_SYSTEM)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%u is the system-message VSID; use one from %u to %u", vsid, GW_VSID_MIN,
				    GW_VSID_MAX);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
			    "VSID %u is not assignable; use one from %u to %u", vsid, GW_VSID_MIN, GW_VSID_MAX);
}

static int check_interface(const char *name, struct gw_error *err)
{
	if (gw_hnv_interface_valid(name))
		return 0;
	return gw_error_set(
		err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
		"\"%s\" is no interface name: it has 1 to %d bytes without '/', ':', blanks or control characters",
		name, IFNAMSIZ - 1);
}

static int check_mac(const struct gw_mac *mac, const struct gw_mac *router_mac, struct gw_error *err)
{
	static const char target[] = "properties.MACAddress";
	char text[GW_MAC_STRLEN];

	if (!gw_mac_is_unicast(mac))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%s is no unicast MAC address: it must not be zero nor a group address",
				    gw_mac_format(mac, text));
	if (router_mac && gw_mac_equal(mac, router_mac))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%s is the distributed router's MAC address; give the VM another one, or change "
				    "[engine] router_mac",
				    gw_mac_format(mac, text));
	return 0;
}

/* An address of the underlay that one node owns. */
static int check_provider_address(const struct gw_addr *pa, struct gw_error *err)
{
	static const char target[] = "properties.ProviderAddress";
	char text[GW_ADDR_STRLEN];

	if (!gw_addr_is_v4(pa))
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, target,
				    "%s: the underlay is IPv4 in this version; use an IPv4 provider address",
				    gw_addr_format(pa, text));
	if (!gw_addr_is_unicast(pa))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target, "%s is no unicast address",
				    gw_addr_format(pa, text));
	return 0;
}

static int check_customer_address(const struct gw_lookup_record *r, struct gw_error *err)
{
	char text[GW_ADDR_STRLEN];

	if (gw_addr_is_any(&r->ca)) {
		if (r->type == GW_RECORD_WILDCARD)
			return 0;
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.CustomerAddress",
				    "%s is the wildcard record: set Type to GatewayWildcard, or name the VM's address",
				    gw_addr_format(&r->ca, text));
	}
	if (r->type == GW_RECORD_WILDCARD)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Type",
				    "GatewayWildcard needs CustomerAddress 0.0.0.0 or ::, not %s",
				    gw_addr_format(&r->ca, text));
	if (!gw_addr_is_unicast(&r->ca))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.CustomerAddress",
				    "%s is no unicast address", gw_addr_format(&r->ca, text));
	return 0;
}

static int check_record(const struct gw_lookup_record *r, const struct gw_mac *router_mac, struct gw_error *err)
{
	bool router = gw_hnv_record_is_router(r);
	int e;

	if ((e = check_vsid(r->vsid, err)) < 0 || (e = check_customer_address(r, err)) < 0 ||
	    (e = check_provider_address(&r->pa, err)) < 0 ||
	    (e = check_mac(&r->mac, router ? NULL : router_mac, err)) < 0)
		return e;
	if (router && r->type == GW_RECORD_WILDCARD)
		return invalid(err, "properties.ProviderAddress",
			       "a provider address in 169.254.0.0/16 names the distributed router; a wildcard record "
			       "needs the provider address of a gateway");
	if (r->rule == GW_RULE_NAT)
		return not_supported(err, "properties.Rule",
				     "TranslationMethodNat is not in this version; use TranslationMethodEncap");
	if (r->rule != GW_RULE_ENCAP)
		return not_supported(err, "properties.Rule", "None is not in this version; use TranslationMethodEncap");
	if (r->vm_name && strlen(r->vm_name) >= GW_TEXT_STRLEN)
		return invalid(err, "properties.VMName", "longer than 127 bytes");
	if (r->vm_name && !gw_utf8_is_printable(r->vm_name))
		return invalid(err, "properties.VMName", "must be UTF-8 text without control characters");
	return 0;
}

/* A prefix as the parser guarantees it; checked again since the intent has other sources than the parser. */
static int check_prefix(const struct gw_prefix *p, struct gw_error *err)
{
	static const char target[] = "properties.DestinationPrefix";
	struct gw_addr net = gw_prefix_mask(&p->addr, p->len);
	char text[GW_PREFIX_STRLEN];

	if (p->len > (gw_addr_is_v4(&p->addr) ? 32 : 128) || !gw_addr_equal(&net, &p->addr))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%s has bits set behind its prefix length", gw_prefix_format(p, text));
	if (gw_addr_is_multicast(&p->addr))
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, target,
				    "%s: routes for multicast groups are not in this version",
				    gw_prefix_format(p, text));
	return 0;
}

static int check_next_hop(const struct gw_addr *next_hop, const struct gw_prefix *prefix, struct gw_error *err)
{
	static const char target[] = "properties.NextHop";
	char hop[GW_ADDR_STRLEN], dst[GW_PREFIX_STRLEN];

	if (gw_addr_is_any(next_hop)) /* on-link, in either family's spelling */
		return 0;
	if (gw_addr_is_multicast(next_hop))
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, target,
				    "%s: multicast groups as next hop are not in this version",
				    gw_addr_format(next_hop, hop));
	if (!gw_addr_is_unicast(next_hop))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%s is no unicast address; 0.0.0.0 means on-link", gw_addr_format(next_hop, hop));
	if (!gw_addr_same_family(next_hop, &prefix->addr))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, target,
				    "%s is of another address family than the destination %s",
				    gw_addr_format(next_hop, hop), gw_prefix_format(prefix, dst));
	return 0;
}

static int check_paddr(const struct gw_provider_address *p, struct gw_error *err)
{
	int e = check_provider_address(&p->pa, err);

	if (e < 0)
		return e;
	if (gw_addr_is_link_local(&p->pa))
		return invalid(
			err, "properties.ProviderAddress",
			"169.254.0.0/16 names the distributed router in lookup records and cannot be a node's address");
	if (p->prefix_len < 1 || p->prefix_len > 32)
		return invalid(err, "properties.PrefixLength", "must be 1 to 32");
	if (p->vlan != 0)
		return not_supported(err, "properties.VlanID",
				     "tagging is not in this version; use a VLAN interface and VlanID 0");
	return check_interface(p->interface, err);
}

/* The gateway's address in a gateway subnet: one of a host in a subnet that has others. */
static int check_gateway_address(const struct gw_addr *a, uint8_t len, bool v4, struct gw_error *err)
{
	const char *property = v4 ? "properties.CustomerAddress" : "properties.CustomerAddressV6";
	char text[GW_ADDR_STRLEN];

	if (gw_addr_is_v4(a) != v4 || !gw_addr_is_unicast(a))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, property, "%s is no IPv%d unicast address",
				    gw_addr_format(a, text), v4 ? 4 : 6);
	if (len < 1 || len > (v4 ? 30 : 126))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY,
				    v4 ? "properties.PrefixLength" : "properties.PrefixLengthV6",
				    "must be given, 1 to %d: the subnet has room for the router and the gateway",
				    v4 ? 30 : 126);
	return 0;
}

static int check_vrf(const struct gw_vrf *v, const struct gw_mac *router_mac, struct gw_error *err)
{
	int e;

	if ((e = check_vsid(v->vsid, err)) < 0 || (e = check_mac(&v->mac, router_mac, err)) < 0)
		return e;
	if (!v->has_ca && !v->has_ca6)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.CustomerAddress",
				    "missing: a virtual gateway has an address in its subnet, here or in "
				    "CustomerAddressV6");
	if (v->has_ca && (e = check_gateway_address(&v->ca, v->prefix_len, true, err)) < 0)
		return e;
	return v->has_ca6 ? check_gateway_address(&v->ca6, v->prefix_len6, false, err) : 0;
}

static int check_public_prefix(const struct gw_prefix *p, const char *property, struct gw_error *err)
{
	struct gw_addr net = gw_prefix_mask(&p->addr, p->len);
	char text[GW_PREFIX_STRLEN];

	if (!gw_addr_equal(&net, &p->addr) || p->len < (gw_addr_is_v4(&p->addr) ? 8 : 16) ||
	    p->len > (gw_addr_is_v4(&p->addr) ? 32 : 128))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, property,
				    "%s is no prefix of addresses: it has 8 to 32 bits (IPv6: 16 to 128) and none set "
				    "behind them",
				    gw_prefix_format(p, text));
	if (!gw_addr_is_unicast(&p->addr) || gw_addr_is_link_local(&p->addr))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, property, "%s is not routed on any network",
				    gw_prefix_format(p, text));
	return 0;
}

static bool is_host(const struct gw_prefix *p)
{
	return p->len == (gw_addr_is_v4(&p->addr) ? 32 : 128);
}

static int check_public(const struct gw_public *p, struct gw_error *err)
{
	int e = check_public_prefix(&p->prefix, "properties.PublicPrefix", err);

	if (e < 0 || (p->port_count == 0 && p->first_port == 0))
		return e;
	if (p->port_count == 0)
		return invalid(err, "properties.PortCount", "missing: with FirstPort it is 1, or a multiple of 1024");
	if (!is_host(&p->prefix) || !gw_addr_is_v4(&p->prefix.addr))
		return invalid(err, "properties.FirstPort",
			       "only the ports of a single IPv4 address can be shared out");
	if (p->port_count != 1 && (p->port_count % GW_PORT_BLOCK || p->first_port % GW_PORT_BLOCK))
		return invalid(err, "properties.PortCount",
			       "must be 1, or a multiple of 1024 ports from a multiple of 1024 on");
	if (p->first_port == 0 || (uint32_t)p->first_port + p->port_count > 65536)
		return invalid(err, "properties.FirstPort", "the ports must lie between 1 and 65535");
	return 0;
}

static int check_nat_ports(const struct gw_nat_rule *n, struct gw_error *err)
{
	if (n->port_count == 0 && n->port == 0)
		return n->customer_port ? invalid(err, "properties.CustomerPort", "is for rules that have a PublicPort")
					: 0;
	if (n->port == 0 || n->port_count == 0 || n->port + n->port_count > 65536)
		return invalid(err, n->port ? "properties.PortCount" : "properties.PublicPort",
			       "PublicPort and PortCount go together, and the ports lie between 1 and 65535");
	if (n->type == GW_NAT_OUTBOUND)
		return n->customer_port ? invalid(err, "properties.CustomerPort", "is for rules of type Inbound") : 0;
	if (n->protocol == GW_NAT_ALL)
		return invalid(err, "properties.PublicPort",
			       "protocol All has no ports: leave it out, or choose Tcp or Udp");
	if (n->customer_port + n->port_count > 65536)
		return invalid(err, "properties.CustomerPort", "the ports must lie between 1 and 65535");
	return 0;
}

static int check_nat_rule(const struct gw_nat_rule *n, struct gw_error *err)
{
	const struct gw_prefix address = {.addr = n->address, .len = gw_addr_is_v4(&n->address) ? 32 : 128};
	struct gw_addr net = gw_prefix_mask(&n->customer.addr, n->customer.len);
	int e = check_public_prefix(&address, "properties.PublicAddress", err);

	if (e < 0)
		return e;
	if (!gw_addr_equal(&net, &n->customer.addr) || !gw_addr_same_family(&n->customer.addr, &n->address))
		return invalid(err, "properties.CustomerPrefix",
			       "must be a prefix of the same address family as PublicAddress, without bits behind it");
	if (n->type == GW_NAT_INBOUND && !(is_host(&n->customer) && gw_addr_is_unicast(&n->customer.addr)))
		return invalid(err, "properties.CustomerPrefix",
			       "must be one address, such as 10.1.1.12/32, in an Inbound rule");
	if (n->type == GW_NAT_INBOUND && n->protocol != GW_NAT_ALL && n->port == 0)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.PublicPort",
				    "missing: an Inbound rule of %s needs it", gw_hnv_nat_protocols[n->protocol]);
	return check_nat_ports(n, err);
}

/* The end of a tunnel. */
static int check_end(const struct gw_addr *a, const char *property, struct gw_error *err)
{
	char text[GW_ADDR_STRLEN];

	if (!gw_addr_is_v4(a))
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, property,
				    "%s: GRE goes over IPv4 in this version, whatever is in it; use IPv4 ends",
				    gw_addr_format(a, text));
	if (!gw_addr_is_unicast(a) || gw_addr_is_link_local(a))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, property,
				    "%s is no unicast address that is routed", gw_addr_format(a, text));
	return 0;
}

static int check_gre(const struct gw_way *w, struct gw_error *err)
{
	int e;

	if (w->has_interface || w->vlan)
		return invalid(err, w->vlan ? "properties.VlanID" : "properties.Interface", "is for Type L3");
	if (!w->has_destination)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "properties.DestinationAddress",
				    "missing: where does the tunnel end?");
	e = check_end(&w->destination, "properties.DestinationAddress", err);
	if (e == 0 && w->has_source)
		e = check_end(&w->source, "properties.SourceAddress", err);
	if (e == 0 && w->has_source && gw_addr_equal(&w->source, &w->destination))
		e = invalid(err, "properties.SourceAddress", "must not be DestinationAddress");
	return e;
}

static int check_way(const struct gw_way *w, struct gw_error *err)
{
	if (w->type == GW_WAY_GRE)
		return check_gre(w, err);
	if (w->has_source || w->has_destination || w->has_key)
		return invalid(err,
			       w->has_source	    ? "properties.SourceAddress"
			       : w->has_destination ? "properties.DestinationAddress"
						    : "properties.Key",
			       "is for Type GRE");
	return w->has_interface ? check_interface(w->interface, err) : 0;
}

static int check_way_address(const struct gw_way_address *a, struct gw_error *err)
{
	char text[GW_ADDR_STRLEN];

	if (!gw_addr_is_unicast(&a->address))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Address",
				    "%s is no unicast address", gw_addr_format(&a->address, text));
	if (a->prefix_len < 1 || a->prefix_len > (gw_addr_is_v4(&a->address) ? 32 : 128))
		return invalid(err, "properties.PrefixLength", "must be 1 to 32 (IPv6: 128)");
	return 0;
}

static int check_way_route(const struct gw_way_route *r, struct gw_error *err)
{
	int e = check_prefix(&r->prefix, err);

	return e < 0 ? e : check_next_hop(&r->next_hop, &r->prefix, err);
}

int gw_hnv_check(const struct gw_hnv_object *o, const struct gw_mac *router_mac, struct gw_error *err)
{
	int e = 0;

	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return check_record(&o->record, router_mac, err);
	case GW_HNV_CUSTOMER_ROUTE:
		if ((e = check_vsid(o->croute.vsid, err)) < 0 || (e = check_prefix(&o->croute.prefix, err)) < 0)
			return e;
		return check_next_hop(&o->croute.next_hop, &o->croute.prefix, err);
	case GW_HNV_PROVIDER_ADDRESS:
		return check_paddr(&o->paddr, err);
	case GW_HNV_PROVIDER_ROUTE:
		if ((e = check_prefix(&o->proute.prefix, err)) < 0 ||
		    (e = check_next_hop(&o->proute.next_hop, &o->proute.prefix, err)) < 0)
			return e;
		if (!gw_addr_is_v4(&o->proute.prefix.addr))
			return not_supported(err, "properties.DestinationPrefix",
					     "the underlay is IPv4 in this version; use an IPv4 prefix");
		return check_interface(o->proute.interface, err);
	case GW_HNV_PORT:
		if ((e = check_interface(o->port.interface, err)) < 0 ||
		    (e = check_mac(&o->port.mac, router_mac, err)) < 0)
			return e;
		return check_vsid(o->port.vsid, err);
	case GW_HNV_VRF:
		return check_vrf(&o->vrf, router_mac, err);
	case GW_HNV_PUBLIC:
		return check_public(&o->public, err);
	case GW_HNV_NAT_RULE:
		return check_nat_rule(&o->nat, err);
	case GW_HNV_CONNECTION:
		return check_way(&o->way, err);
	case GW_HNV_CONNECTION_ADDRESS:
		return check_way_address(&o->way_address, err);
	case GW_HNV_CONNECTION_ROUTE:
		return check_way_route(&o->way_route, err);
	case GW_HNV_KIND_MAX:
		break;
	}
	return gw_error_set(err, EINVAL, GW_ERR_INTERNAL, NULL, "kind %d is unknown", o->kind);
}
