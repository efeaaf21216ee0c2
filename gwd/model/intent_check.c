/*
 * intent_check.c - rules between the intent's objects: those that each put must fulfil (intent_change.c asks), and what only the
 * final state of a change can tell.
 */
#include "model/intent_private.h"

#include <errno.h>
#include <string.h>

/* Where each kind's limit is set. */
static const char *const limit_keys[] = {
	[GW_HNV_PROVIDER_ADDRESS] = "[limits] provider_addresses",
	[GW_HNV_PROVIDER_ROUTE] = "[limits] provider_addresses",
	[GW_HNV_CUSTOMER_ROUTE] = "[limits] routes",
	[GW_HNV_LOOKUP_RECORD] = "[engine] record_limit",
	[GW_HNV_PORT] = "[limits] ports",
	[GW_HNV_VRF] = "[limits] virtual_gateways",
	[GW_HNV_PUBLIC] = "[limits] public_addresses",
	[GW_HNV_NAT_RULE] = "[limits] nat_rules",
	[GW_HNV_CONNECTION] = "[limits] network_connections",
	[GW_HNV_CONNECTION_ADDRESS] = "[limits] network_connections",
	[GW_HNV_CONNECTION_ROUTE] = "[limits] routes",
};

const char *gw_intent_limit_key(enum gw_hnv_kind kind)
{
	return limit_keys[kind];
}

/* FWD-7: a VSID belongs to one routing domain. */
static int check_domain(const struct gw_intent *in, const struct gw_customer_route *r, struct gw_error *err)
{
	const struct gw_domain *dom = gw_domains_find(&in->domains, r->vsid);
	const struct gw_hnv_object *vrf = gw_intent_vrf_of_vsid(in, r->vsid);
	char rdid[GW_UUID_STRLEN];

	if (vrf && !gw_uuid_equal(&vrf->vrf.rdid, &r->rdid))
		return gw_error_set(
			err, EEXIST, GW_ERR_CONFLICT, "properties.RoutingDomainID",
			"VSID %u is the gateway subnet of routing domain %s; delete its virtual gateway first", r->vsid,
			gw_uuid_format(&vrf->vrf.rdid, rdid));
	if (!dom || gw_uuid_equal(&dom->rdid, &r->rdid))
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.RoutingDomainID",
			    "VSID %u belongs to routing domain %s; delete its customer routes there first", r->vsid,
			    gw_uuid_format(&dom->rdid, rdid));
}

/* An interface carries customers' frames or the underlay's, never both. */
static int check_not_port(const struct gw_intent *in, const struct gw_provider_address *p, struct gw_error *err)
{
	char pa[GW_ADDR_STRLEN];

	if (!gw_intent_port(in, p->interface))
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.Interface",
			    "%s is a port: it cannot carry provider address %s too; detach the port first",
			    p->interface, gw_addr_format(&p->pa, pa));
}

static int check_port(const struct gw_intent *in, const struct gw_port *p, struct gw_error *err)
{
	const struct gw_hnv_object *o = NULL;
	char text[GW_ADDR_STRLEN];

	while ((o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o)))
		if (!strcmp(o->paddr.interface, p->interface))
			return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.Interface",
					    "%s carries provider address %s: it cannot be a port too", p->interface,
					    gw_addr_format(&o->paddr.pa, text));
	while ((o = gw_intent_next_by_mac(in, p->vsid, &p->mac, o)))
		if (o->kind == GW_HNV_PORT && strcmp(o->port.interface, p->interface) != 0)
			return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.MACAddress",
					    "port %s has MAC address %s in VSID %u already", o->port.interface,
					    gw_mac_format(&p->mac, text), p->vsid);
	return 0;
}

/* A VSID leads to one virtual gateway, of the routing domain that it is in. */
static int check_vrf(const struct gw_intent *in, const struct gw_vrf *v, struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_intent_vrf_of_vsid(in, v->vsid);
	const struct gw_domain *dom = gw_domains_find(&in->domains, v->vsid);
	char rdid[GW_UUID_STRLEN];

	if (o && !gw_uuid_equal(&o->vrf.rdid, &v->rdid))
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.VirtualSubnetID",
				    "VSID %u is the gateway subnet of routing domain %s: choose another, or delete "
				    "that virtual gateway first",
				    v->vsid, gw_uuid_format(&o->vrf.rdid, rdid));
	if (dom && !gw_uuid_equal(&dom->rdid, &v->rdid))
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.VirtualSubnetID",
				    "VSID %u belongs to routing domain %s: choose another, or delete its customer "
				    "routes there first",
				    v->vsid, gw_uuid_format(&dom->rdid, rdid));
	return 0;
}

int gw_intent_check(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err)
{
	int e = gw_hnv_check(o, &in->limits.router_mac, err);

	if (e < 0)
		return e;
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		return check_domain(in, &o->croute, err);
	if (o->kind == GW_HNV_PROVIDER_ADDRESS)
		return check_not_port(in, &o->paddr, err);
	if (o->kind == GW_HNV_PORT)
		return check_port(in, &o->port, err);
	if (o->kind == GW_HNV_VRF)
		return check_vrf(in, &o->vrf, err);
	return 0;
}

/* A limit that was lowered below what is there must not get in the way of deleting. */
int gw_intent_validate(struct gw_intent *in, struct gw_error *err)
{
	ptrdiff_t growth[GW_HNV_KIND_MAX] = {0};

	for (size_t i = 0; i < in->n_changes; i++) {
		const struct gw_change *c = &in->changes[i];

		if (c->after && !c->before)
			growth[c->after->kind]++;
		else if (c->before && !c->after)
			growth[c->before->kind]--;
		if (c->after && c->after->kind == GW_HNV_PUBLIC) {
			int e = gw_intent_check_apart(in, c->after, err);

			if (e < 0)
				return e;
		}
	}
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		if (growth[k] > 0 && in->maps[k].n > in->limits.max[k])
			return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, gw_hnv_kind_path((enum gw_hnv_kind)k),
					    "%zu %s would be more than the %zu that this node accepts; delete some, or "
					    "raise %s in its configuration",
					    in->maps[k].n, gw_hnv_kind_path((enum gw_hnv_kind)k), in->limits.max[k],
					    limit_keys[k]);
	return 0;
}
