/*
 * nat.c - what the virtual gateway of a virtual network translates, and what of the world outside is the network's. See private.h.
 *
 *   outbound rule     each member of its pool, by each of its front ends: the address, or its block of ports of a shared one
 *   inbound rule      its back end, by each of its front ends
 *   publicIPAddress of an IP configuration    1:1: both ways, all ports; as it is, when it is the VM's own address
 *   subnet in a public logical subnet of the same tenant's    as it is
 *
 * It is looked for from the network: what its subnets and IP configurations have to do with. So one of another network costs nothing.
 */
#include "plan/private.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"

#include <string.h>

/* Who looked through all logical networks looked at this. */
static const struct gw_uuid all_networks;

struct nat {
	struct gw_plan_job *j;
	struct gw_plan_places places;
};

static int family_of(const struct gw_addr *a)
{
	return !gw_addr_is_v4(a);
}

static struct gw_prefix host(const struct gw_addr *a)
{
	return (struct gw_prefix){.addr = *a, .len = gw_addr_is_v4(a) ? 32 : 128};
}

static int fail(struct nat *s, const struct gw_resource *r, const char *code, const char *message)
{
	return gw_plan_note(&s->j->d->unit, r, GW_PLAN_FAILURE, code, "%s", message);
}

/* Whether the virtual gateway is there to translate; else that is noted at `r`. 1: it is. */
static int has_gateway(struct nat *s, const struct gw_resource *r, int family)
{
	int e;

	if (s->j->has_gateway && s->j->gateway_prefixes[family].len)
		return 1;
	e = fail(s, r, "NoVirtualGateway",
		 s->j->has_gateway ? "the virtual gateway of its network has no address of that family: give it a "
				     "gateway subnet of it"
				   : "the virtual gateway of its network is not in force, see there");
	return e < 0 ? e : 0;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static int stage_public(struct nat *s, const struct gw_resource *source, const struct gw_prefix *prefix, uint16_t port,
			uint32_t count)
{
	const struct gw_hnv_object o = {
		.kind = GW_HNV_PUBLIC,
		.public = {.prefix = *prefix, .rdid = s->j->properties->rdid, .first_port = port, .port_count = count}};

	return gw_plan_domain_stage(s->j, source, &o);
}

static int stage_rule(struct nat *s, const struct gw_resource *source, const struct gw_nat_rule *rule)
{
	struct gw_hnv_object o = {.kind = GW_HNV_NAT_RULE, .nat = *rule};
	int e;

	o.nat.rdid = s->j->properties->rdid;
	e = gw_plan_domain_stage(s->j, source, &o);
	return e < 0 ? e : 0;
}

static uint16_t idle_minutes(const struct gw_resource *address)
{
	return (uint16_t)GW_PROPERTIES(address, public_address)->idle_minutes;
}

/* --- outbound ----------------------------------------------------------------------------------------------------- */

/* 1: it can be used by the rule, 0: not, which is noted. */
static int check_place(struct nat *s, const struct gw_resource *rule, const struct gw_plan_place *p)
{
	int e = 1;

	if (!p->is_valid)
		e = fail(s, rule, "NoPublicAddress", "the publicIPAddress of one of its front ends is not in force");
	else if (!p->is_ours)
		e = fail(s, rule, "AddressInUse",
			 "one of its front ends serves another virtual network: use another publicIPAddress, or one "
			 "that "
			 "is shared, by a front end of its own");
	else if (GW_PROPERTIES(p->address, public_address)->shared && !p->port)
		e = fail(s, rule, "NoPortBlock",
			 "one of its front ends has no block of ports of its shared publicIPAddress: all of them are "
			 "taken");
	return e < 0 ? e : p->is_valid && p->is_ours && (p->port || !p->count);
}

/* 1: the member is translated by this front end, 0: it is not. */
static int by_frontend(struct nat *s, const struct gw_resource *rule, const struct gw_resource *frontend,
		       const struct gw_prefix *customer)
{
	struct gw_nat_rule nat = {.type = GW_NAT_OUTBOUND, .customer = *customer};
	const struct gw_plan_place *p = NULL;
	struct gw_prefix outside;
	int e = gw_plan_place(s->j, &s->places, frontend, &p);

	if (e < 0)
		return e;
	nat.address = GW_PROPERTIES(p->address, public_address)->address;
	if (!gw_addr_same_family(&nat.address, &customer->addr))
		return 0;
	e = check_place(s, rule, p);
	if (e <= 0)
		return e < 0 ? e : 1; /* which has been said */
	outside = host(&nat.address);
	e = stage_public(s, p->of, &outside, p->port, p->count);
	if (e <= 0)
		return e < 0 ? e : 1;
	nat.protocol = (uint8_t)GW_PROPERTIES(rule, outbound_nat_rule)->protocol;
	nat.port = p->port;
	nat.port_count = p->count;
	nat.idle_minutes = idle_minutes(p->address);
	e = stage_rule(s, rule, &nat);
	return e < 0 ? e : 1;
}

static int outbound(struct nat *s, const struct gw_resource *rule, const struct gw_prefix *customer)
{
	int e = gw_plan_watch_root(&s->j->d->unit, rule), any = 0;

	if (e == 0)
		e = has_gateway(s, rule, family_of(&customer->addr));
	if (e <= 0)
		return e;
	for (size_t i = 0; e >= 0 && i < rule->now.n_refs; i++)
		if (rule->now.refs[i].to->kind == GW_KIND_FRONTEND) {
			e = by_frontend(s, rule, rule->now.refs[i].to, customer);
			any |= e;
		}
	if (e < 0)
		return e;
	return any ? 0
		   : gw_plan_note(
			     &s->j->d->unit, rule, GW_PLAN_WARNING, "AddressFamily",
			     "some in its pool have addresses of a family that none of its front ends has: add one");
}

/* Who only came from an older store may be of another network. */
static bool is_ours(const struct nat *s, const struct gw_resource *subnet)
{
	return subnet && subnet->parent == s->j->network && gw_plan_is_valid(subnet);
}

/* Each member of the pool. */
static int members(struct nat *s, const struct gw_resource *rule, const struct gw_resource *pool)
{
	int e = 0;

	for (size_t i = 0; e >= 0 && i < pool->now.n_refs; i++)
		if (pool->now.refs[i].to->kind == GW_KIND_VIRTUAL_SUBNET && is_ours(s, pool->now.refs[i].to))
			e = outbound(s, rule, &GW_PROPERTIES(pool->now.refs[i].to, virtual_subnet)->prefix);
	for (const struct gw_ref *ref = pool->referrers; e >= 0 && ref; ref = ref->next) {
		struct gw_prefix inside;

		if (ref->from->kind != GW_KIND_IP_CONFIGURATION || !gw_plan_is_valid(ref->from) ||
		    !is_ours(s, gw_plan_first(ref->from, GW_KIND_VIRTUAL_SUBNET)))
			continue;
		inside = host(&GW_PROPERTIES(ref->from, ip_configuration)->address);
		e = outbound(s, rule, &inside);
	}
	return e;
}

/* A pool that a member of the network is in: once, with all of its members. */
static int in_pool(struct nat *s, const struct gw_resource *pool)
{
	bool is_new = false;
	int e = gw_plan_see(&s->places, pool, &is_new);

	if (e == 0 && is_new)
		e = gw_plan_watch_root(&s->j->d->unit, pool);
	if (e < 0 || !is_new || !gw_plan_is_valid(pool))
		return e;
	for (const struct gw_ref *ref = pool->referrers; e >= 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_OUTBOUND_NAT_RULE && gw_plan_is_valid(ref->from))
			e = members(s, ref->from, pool);
	return e;
}

/* --- inbound ------------------------------------------------------------------------------------------------------ */

/* Of a shared address one port, of another all of it. 1: it is the network's. */
static int open_place(struct nat *s, const struct gw_resource *rule, const struct gw_plan_place *p)
{
	const struct gw_inbound_nat_rule *r = rule->now.properties;
	const struct gw_prefix outside = host(&GW_PROPERTIES(p->address, public_address)->address);
	int e;

	if (!GW_PROPERTIES(p->address, public_address)->shared) {
		e = check_place(s, rule, p);
		return e <= 0 ? e : stage_public(s, p->of, &outside, 0, 0);
	}
	if (p->is_valid && r->protocol != GW_NAT_ALL)
		return stage_public(s, rule, &outside, (uint16_t)r->frontend_port, 1);
	e = p->is_valid
		    ? fail(s, rule, "NotSupported",
			   "its publicIPAddress is shared, of which a rule can have a port only: set protocol to Tcp "
			   "or "
			   "Udp, or use another address")
		    : fail(s, rule, "NoPublicAddress", "the publicIPAddress of one of its front ends is not in force");
	return e < 0 ? e : 0;
}

static int to_backend(struct nat *s, const struct gw_resource *rule, const struct gw_resource *frontend,
		      const struct gw_addr *backend)
{
	const struct gw_inbound_nat_rule *r = rule->now.properties;
	struct gw_nat_rule nat = {.type = GW_NAT_INBOUND,
				  .protocol = (uint8_t)r->protocol,
				  .customer = host(backend),
				  .port = (uint16_t)r->frontend_port,
				  .customer_port = (uint16_t)r->backend_port,
				  .port_count = r->frontend_port ? 1 : 0,
				  .idle_minutes = (uint16_t)r->idle_minutes};
	const struct gw_plan_place *p = NULL;
	int e = gw_plan_place(s->j, &s->places, frontend, &p);

	if (e < 0)
		return e;
	nat.address = GW_PROPERTIES(p->address, public_address)->address;
	if (!gw_addr_same_family(&nat.address, backend))
		return fail(s, rule, "AddressFamily",
			    "its back end has no address of the family of one of its front ends: use others");
	e = open_place(s, rule, p);
	if (e <= 0)
		return e;
	if (!nat.idle_minutes)
		nat.idle_minutes = idle_minutes(p->address);
	return stage_rule(s, rule, &nat);
}

static int inbound(struct nat *s, const struct gw_resource *rule, const struct gw_addr *backend)
{
	int e = gw_plan_watch_root(&s->j->d->unit, rule);

	if (e == 0 && !gw_plan_is_valid(rule))
		return 0;
	if (e == 0)
		e = has_gateway(s, rule, family_of(backend));
	if (e <= 0)
		return e;
	for (size_t i = 0; e >= 0 && i < rule->now.n_refs; i++)
		if (rule->now.refs[i].to->kind == GW_KIND_FRONTEND)
			e = to_backend(s, rule, rule->now.refs[i].to, backend);
	return e;
}

/* --- addresses as a whole ----------------------------------------------------------------------------------------- */

/* The catalogue lets one address be one configuration's only. */
static int one_to_one(struct nat *s, const struct gw_resource *r, const struct gw_resource *address)
{
	const struct gw_addr *inside = &GW_PROPERTIES(r, ip_configuration)->address,
			     *outside = &GW_PROPERTIES(address, public_address)->address;
	struct gw_nat_rule nat = {
		.type = GW_NAT_OUTBOUND, .protocol = GW_NAT_ALL, .address = *outside, .customer = host(inside)};
	const struct gw_prefix place = host(outside);
	int e = gw_plan_watch(&s->j->d->unit, &address->instance);

	if (e < 0 || !gw_plan_is_valid(address))
		return e < 0 ? e : fail(s, r, "NoPublicAddress", "its publicIPAddress is not in force");
	if (!gw_addr_same_family(inside, outside))
		return fail(s, r, "AddressFamily",
			    "its publicIPAddress is of another family than its privateIPAddress: use one of the same");
	e = has_gateway(s, r, family_of(inside));
	if (e > 0)
		e = stage_public(s, address, &place, 0, 0);
	if (e <= 0 || gw_addr_equal(inside, outside))
		return e < 0 ? e : 0;
	nat.idle_minutes = idle_minutes(address);
	e = stage_rule(s, r, &nat);
	nat.type = GW_NAT_INBOUND;
	return e < 0 ? e : stage_rule(s, r, &nat);
}

/* Addresses that nobody outside has a route to: of RFC 1918, 6598, 4193 and link-local. Most networks have no others. */
static bool is_private(const struct gw_prefix *p)
{
	static const struct {
		uint32_t net;
		uint8_t len;
	} nets[] = {{0x0a000000, 8}, {0xac100000, 12}, {0xc0a80000, 16}, {0x64400000, 10}, {0xa9fe0000, 16}};

	if (!gw_addr_is_v4(&p->addr))
		return (p->addr.b[0] & 0xfe) == 0xfc || gw_addr_is_link_local(&p->addr);
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if (p->len >= nets[i].len &&
		    gw_addr_to_v4(&p->addr) >> (32 - nets[i].len) == nets[i].net >> (32 - nets[i].len))
			return true;
	return false;
}

/* The public logical subnet of a logical network that the prefix is in. */
static bool is_in(struct nat *s, const struct gw_resource *network, const struct gw_prefix *prefix)
{
	const struct gw_resource *r = NULL;

	while ((r = gw_catalog_next(s->j->c, network, GW_KIND_LOGICAL_SUBNET, r))) {
		const struct gw_logical_subnet *p = r->now.properties;

		if (p->is_public && gw_plan_is_valid(r) && prefix->len >= p->prefix.len &&
		    gw_prefix_contains(&p->prefix, &prefix->addr))
			return true;
	}
	return false;
}

/* Only the operator says which prefix is public, and whose it is: by the tenant of the logical network. */
static int routed(struct nat *s, const struct gw_resource *subnet)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(subnet, virtual_subnet)->prefix;
	const struct gw_resource *network = NULL;
	bool is_public = false;
	int e;

	if (is_private(prefix))
		return 0;
	e = gw_plan_watch(&s->j->d->unit, &all_networks);
	while (!is_public && (network = gw_catalog_next(s->j->c, NULL, GW_KIND_LOGICAL_NETWORK, network)))
		is_public = gw_plan_same_tenant(network, s->j->network) && is_in(s, network, prefix);
	if (e < 0 || !is_public)
		return e;
	e = has_gateway(s, subnet, family_of(&prefix->addr));
	if (e > 0)
		e = stage_public(s, subnet, prefix, 0, 0);
	return e < 0 ? e : 0;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int configuration(struct nat *s, const struct gw_resource *r)
{
	const struct gw_ip_configuration *p = r->now.properties;
	int e = gw_plan_watch_root(&s->j->d->unit, r);

	for (size_t i = 0; e >= 0 && i < r->now.n_refs; i++) {
		const struct gw_resource *to = r->now.refs[i].to;

		if (to->kind == GW_KIND_PUBLIC_ADDRESS)
			e = one_to_one(s, r, to);
		else if (to->kind == GW_KIND_BACKEND_POOL)
			e = in_pool(s, to);
		else if (to->kind == GW_KIND_INBOUND_NAT_RULE)
			e = inbound(s, to, &p->address);
	}
	for (const struct gw_ref *ref = r->referrers; e >= 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_INBOUND_NAT_RULE)
			e = inbound(s, ref->from, &p->address);
	return e;
}

static int subnet(struct nat *s, const struct gw_resource *r)
{
	int e = routed(s, r);

	for (const struct gw_ref *ref = r->referrers; e >= 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_IP_CONFIGURATION && gw_plan_is_valid(ref->from))
			e = configuration(s, ref->from);
		else if (ref->from->kind == GW_KIND_BACKEND_POOL)
			e = in_pool(s, ref->from);
	return e;
}

int gw_plan_nat(struct gw_plan_job *j)
{
	struct nat s = {.j = j};
	const struct gw_resource *r = NULL;
	int e;

	if (!j->vgw || !j->p->params.gateways)
		return 0;
	e = gw_hmap_init(&s.places.by_resource);
	while (e >= 0 && (r = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, r)))
		if (gw_plan_is_valid(r))
			e = subnet(&s, r);
	gw_plan_places_done(&s.places);
	return e < 0 ? e : 0;
}
