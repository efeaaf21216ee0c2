/*
 * gateway.c - the virtual gateway of a virtual network: which gateway node carries it, what that node makes for it, and the records
 * by which all nodes find it. See private.h.
 *
 * In the first of its gateway subnets of each family it has the second usable address, the router having the first. A port is in one
 * virtual subnet: with addresses of both families it is in that of the IPv4 one, where the IPv6 prefix then lives too. Without any
 * gateway subnets it is in what of the address space is highest and no subnet has, and makes way when one comes. Of the gateways
 * in its pools whose server can carry the network, it is on the one that suits it best by chance: most virtual gateways stay where they
 * are when gateways come and go.
 */
#include "plan/private.h"

#include "model/resource/gateway.h"
#include "model/resource/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct place {
	const struct gw_resource *server;
	struct gw_addr pa;
	uint64_t score;
};

static const struct gw_resource *gateway_at(const struct gw_resource *r)
{
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_VIRTUAL_GATEWAY && gw_plan_is_valid(ref->from))
			return ref->from;
	return NULL;
}

/* The catalogue lets a network have one; it may say so by its gateway subnets only. */
const struct gw_resource *gw_plan_gateway_of(const struct gw_plan_job *j)
{
	const struct gw_resource *found = gateway_at(j->network), *subnet = NULL;

	while (!found && (subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet)))
		found = gateway_at(subnet);
	return found;
}

uint32_t gw_plan_gateway_vsid(const struct gw_resource *vgw)
{
	const struct gw_virtual_gateway *p = vgw->now.properties;

	return p->subnets.n == 0 && GW_GIVEN(p, virtual_gateway, vsid) ? p->vsid : 0;
}

/* --- where it is -------------------------------------------------------------------------------------------------- */

static int consider(struct gw_plan_job *j, const struct gw_resource *vgw, const struct gw_resource *gateway,
		    struct place *best)
{
	struct place here = {.server = gw_reference(j->c, gateway, GW_PROPERTIES(gateway, gateway)->server)};
	int e = gw_plan_watch_root(&j->d->unit, gateway);

	if (e == 0 && here.server)
		e = gw_plan_watch_root(&j->d->unit, here.server);
	if (e < 0 || !here.server || !gw_plan_is_valid(gateway) || !gw_plan_is_valid(here.server) ||
	    !gw_plan_pick_address(j, here.server, &vgw->instance, sizeof vgw->instance, &here.pa))
		return e;
	here.score = gw_plan_score(&vgw->instance, sizeof vgw->instance, &gateway->instance, sizeof gateway->instance);
	if (!best->server || here.score > best->score)
		*best = here;
	return 0;
}

static int find_place(struct gw_plan_job *j, const struct gw_resource *vgw, struct place *ret)
{
	const struct gw_virtual_gateway *p = vgw->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->pools.n; i++) {
		const struct gw_resource *pool = gw_reference(j->c, vgw, *GW_LIST_AT(p->pools, char *, i));

		e = gw_plan_watch_root(&j->d->unit, pool);
		for (const struct gw_ref *ref = pool->referrers; e == 0 && ref; ref = ref->next)
			if (ref->from->kind == GW_KIND_GATEWAY)
				e = consider(j, vgw, ref->from, ret);
	}
	if (e < 0 || ret->server)
		return e;
	if (!p->pools.n)
		return gw_plan_note(&j->d->unit, vgw, GW_PLAN_FAILURE, "NoGatewayPool",
				    "it is on no gateway: set gatewayPools to where it may be");
	return gw_plan_note(
		&j->d->unit, vgw, GW_PLAN_FAILURE, "NoGateway",
		"no gateway in its gatewayPools has a provider address that could carry the virtual network");
}

/* --- how it is found ---------------------------------------------------------------------------------------------- */

static struct gw_addr second_host(const struct gw_prefix *prefix)
{
	struct gw_addr a = gw_prefix_first_host(prefix);

	for (int i = 15; i >= 0 && ++a.b[i] == 0; i--)
		;
	return a;
}

/* Locally administered, and as random as the instance. */
static struct gw_mac mac_of(const struct gw_plan_job *j, const struct gw_resource *vgw)
{
	struct gw_mac mac = {{2}};

	memcpy(mac.b + 1, vgw->instance.b, 5);
	if (gw_mac_equal(&mac, &j->p->params.router_mac))
		mac.b[5] ^= 1;
	return mac;
}

static int downwards(const void *a, const void *b)
{
	const struct gw_prefix *x = *(const struct gw_prefix *const *)a, *y = *(const struct gw_prefix *const *)b;

	return gw_addr_cmp(&y->addr, &x->addr);
}

/* What a wide address space may have, and no host: one that has it is not to be routed to. */
static bool is_nobodys(const struct gw_prefix *prefix, struct gw_prefix *ret)
{
	static const char *const all[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
					  "::/8",      "fe80::/10",   "ff00::/8"};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (gw_prefix_parse(all[i], ret) == 0 && gw_prefix_overlaps(ret, prefix))
			return true;
	return false;
}

/* `taken` are prefixes from the highest down, of which no two overlap. */
static bool find_free(const struct gw_prefix *space, const struct gw_prefix *const *taken, size_t n, uint8_t len,
		      struct gw_prefix *ret)
{
	struct gw_addr last = gw_prefix_last(space);
	size_t i = 0;

	while (space->len <= len) {
		const struct gw_addr *lowest;
		struct gw_prefix other;

		*ret = (struct gw_prefix){.addr = gw_prefix_mask(&last, len), .len = len};
		while (i < n &&
		       (!gw_addr_same_family(&taken[i]->addr, &last) || gw_addr_cmp(&taken[i]->addr, &last) > 0))
			i++;
		if (i < n && gw_prefix_overlaps(taken[i], ret))
			other = *taken[i];
		else if (!is_nobodys(ret, &other))
			return true;
		lowest = other.len < len ? &other.addr : &ret->addr;
		if (gw_addr_cmp(lowest, &space->addr) <= 0)
			return false;
		last = gw_addr_before(lowest);
	}
	return false;
}

/* A /29, and a /64 or, where the space is smaller than that, a /125. */
static uint8_t free_length(const struct gw_prefix *space)
{
	return gw_addr_is_v4(&space->addr) ? 29 : space->len <= 64 ? 64 : 125;
}

static int choose_free(struct gw_plan_job *j)
{
	const struct gw_list *spaces = &j->properties->space.prefixes;
	const struct gw_resource *subnet = NULL;
	const struct gw_prefix **taken;
	size_t n = 0;

	while ((subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet)))
		n++;
	taken = calloc(n + 1, sizeof *taken);
	if (!taken)
		return -ENOMEM;
	for (n = 0; (subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet));)
		if (gw_plan_is_valid(subnet))
			taken[n++] = &GW_PROPERTIES(subnet, virtual_subnet)->prefix;
	qsort(taken, n, sizeof *taken, downwards);
	j->p->work.subnets += n;
	for (size_t i = 0; i < spaces->n; i++) {
		const struct gw_prefix *space = GW_LIST_AT(*spaces, struct gw_prefix, i);
		int family = !gw_addr_is_v4(&space->addr);
		struct gw_prefix prefix;

		if (!j->gateway_prefixes[family].len && find_free(space, taken, n, free_length(space), &prefix))
			j->gateway_prefixes[family] = prefix;
	}
	free(taken);
	return 0;
}

static int choose_subnets(struct gw_plan_job *j, const struct gw_resource *vgw)
{
	const struct gw_virtual_gateway *p = vgw->now.properties;
	int e = 0;

	for (size_t i = 0; i < p->subnets.n; i++) {
		const struct gw_resource *subnet = gw_reference(j->c, vgw, *GW_LIST_AT(p->subnets, char *, i));
		const struct gw_prefix *prefix = &GW_PROPERTIES(subnet, virtual_subnet)->prefix;
		int family = !gw_addr_is_v4(&prefix->addr);

		if (j->gateway_subnets[family] || subnet->parent != j->network || !gw_plan_is_valid(subnet))
			continue;
		j->gateway_subnets[family] = subnet;
		j->gateway_prefixes[family] = *prefix;
	}
	if (gw_plan_gateway_vsid(vgw))
		e = choose_free(j);
	for (int family = 1; e == 0 && family >= 0; family--) {
		if (!j->gateway_prefixes[family].len)
			continue;
		j->gateway_ca[family] = second_host(&j->gateway_prefixes[family]);
		j->gateway_vsid = j->gateway_subnets[family]
					  ? GW_PROPERTIES(j->gateway_subnets[family], virtual_subnet)->vsid
					  : p->vsid;
	}
	if (e < 0 || j->gateway_vsid)
		return e;
	return gw_plan_note(&j->d->unit, vgw, GW_PLAN_FAILURE, "NoGatewaySubnet", "it has no address: %s",
			    p->subnets.n ? "none of its gatewaySubnets is in force"
			    : gw_plan_gateway_vsid(vgw)
				    ? "the virtual network's address space is full; make a subnet for it, and set "
				      "gatewaySubnets"
				    : "it has no VSID of its own yet; put it anew, or set gatewaySubnets");
}

static int records(struct gw_plan_job *j, const struct gw_resource *vgw, const struct gw_addr *pa, int family)
{
	static const struct gw_addr v6_any;
	struct gw_hnv_object o = {
		.kind = GW_HNV_LOOKUP_RECORD,
		.record = {.vsid = j->gateway_vsid,
			   .ca = j->gateway_ca[family],
			   .pa = *pa,
			   .mac = mac_of(j, vgw),
			   .rule = GW_RULE_ENCAP,
			   .encap = j->encap,
			   .type = GW_RECORD_STATIC},
	};
	int e = gw_plan_domain_stage(j, vgw, &o);

	if (e < 0)
		return e;
	o.record.type = GW_RECORD_WILDCARD;
	o.record.ca = family ? v6_any : gw_addr_from_v4(0);
	e = gw_plan_domain_stage(j, vgw, &o);
	return e < 0 ? e : 0;
}

/* What the node that carries it makes, and how its engine reaches that. 1: it does, 0: it cannot, or -ENOMEM. */
static int carry(struct gw_plan_job *j, const struct gw_resource *vgw)
{
	struct gw_hnv_object o = {.kind = GW_HNV_VRF,
				  .vrf = {.rdid = j->properties->rdid, .vsid = j->gateway_vsid, .mac = mac_of(j, vgw)}};
	int e;

	o.vrf.has_ca = j->gateway_prefixes[0].len > 0;
	o.vrf.ca = j->gateway_ca[0];
	o.vrf.prefix_len = j->gateway_prefixes[0].len;
	o.vrf.has_ca6 = j->gateway_prefixes[1].len > 0;
	o.vrf.ca6 = j->gateway_ca[1];
	o.vrf.prefix_len6 = j->gateway_prefixes[1].len;
	e = gw_plan_domain_stage(j, vgw, &o);
	if (e <= 0)
		return e;
	o = (struct gw_hnv_object){.kind = GW_HNV_PORT,
				   .port = {.mac = mac_of(j, vgw), .vsid = j->gateway_vsid, .forwards = true}};
	gw_vrf_port(j->gateway_vsid, o.port.interface);
	return gw_plan_domain_stage(j, vgw, &o);
}

int gw_plan_gateway(struct gw_plan_job *j)
{
	const struct gw_resource *vgw = j->vgw;
	struct place place = {.server = NULL};
	int e;

	if (!vgw)
		return 0;
	e = gw_plan_watch_root(&j->d->unit, vgw);
	if (!j->p->params.gateways)
		return e;
	if (e == 0)
		e = find_place(j, vgw, &place);
	if (e < 0 || !place.server)
		return e;
	e = choose_subnets(j, vgw);
	if (e < 0 || !j->gateway_vsid)
		return e;
	e = gw_plan_domain_join(j, place.server, &j->carrier);
	if (e < 0 || !j->carrier)
		return e;
	e = carry(j, vgw);
	if (e <= 0)
		return e;
	j->has_gateway = j->carrier->carries = true;
	e = 0;
	for (int family = 0; e == 0 && family < 2; family++)
		if (j->gateway_prefixes[family].len)
			e = records(j, vgw, &place.pa, family);
	return e;
}
