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
	case GW_HNV_KIND_MAX:
		break;
	}
	return gw_error_set(err, EINVAL, GW_ERR_INTERNAL, NULL, "kind %d is unknown", o->kind);
}
