/*
 * desired.c - the engine's rules: what each map entry should be, given the intent and the interfaces that are there. No
 * system call, no state of its own; maps.c compares and writes.
 */
#include "engine/internal.h"

#include <arpa/inet.h>
#include <string.h>

#define TUNNEL_MARK 0x67776400u /* "gwd" */

struct gw_ip gw_ip_of(const struct gw_addr *a)
{
	struct gw_ip ip;

	memcpy(&ip, a, sizeof ip);
	return ip;
}

struct gw_addr gw_addr_of(const struct gw_ip *ip)
{
	struct gw_addr a;

	memcpy(&a, ip, sizeof a);
	return a;
}

struct gw_record_key gw_record_key_of(const struct gw_lookup_record *r)
{
	return (struct gw_record_key){.vsid = r->vsid, .ca = gw_ip_of(&r->ca)};
}

struct gw_mac_key gw_mac_key_of(uint32_t vsid, const struct gw_mac *mac)
{
	struct gw_mac_key key = {.vsid = vsid};

	memcpy(key.mac, mac->b, sizeof key.mac);
	return key;
}

static uint8_t encap_of(const struct gw_lookup_record *r)
{
	return r->encap == GW_ENCAP_NVGRE ? GW_ABI_NVGRE : GW_ABI_VXLAN;
}

static bool is_local(const struct gw_intent *in, const struct gw_addr *pa)
{
	return gw_intent_paddr(in, pa);
}

bool gw_want_record(const struct gw_driver *d, const struct gw_intent *in, const struct gw_record_key *key,
		    struct gw_bpf_record *ret)
{
	struct gw_addr ca = gw_addr_of(&key->ca);
	const struct gw_hnv_object *o = gw_intent_record(in, key->vsid, &ca);
	const struct gw_lookup_record *r;

	(void)d;
	if (!o)
		return false;
	r = &o->record;
	/* An L2Only record has no address to speak of. */
	if (r->type == GW_RECORD_L2ONLY)
		return false;
	*ret = (struct gw_bpf_record){.vsid = r->vsid};
	memcpy(ret->mac, r->mac.b, sizeof ret->mac);
	if (gw_hnv_record_is_router(r)) {
		ret->flags = GW_RECORD_IS_ROUTER;
		return true;
	}
	ret->pa = gw_ip_of(&r->pa);
	ret->encap = encap_of(r);
	ret->flags = (r->type == GW_RECORD_WILDCARD ? GW_RECORD_IS_WILDCARD : 0) |
		     (is_local(in, &r->pa) ? GW_RECORD_LOCAL : 0);
	return true;
}

/*
 * Of several records with one MAC the one with the lowest address speaks for frames to addresses that have no record of
 * their own; a wildcard record only when there is no other.
 */
static bool better(const struct gw_lookup_record *a, const struct gw_lookup_record *b)
{
	bool a_wild = a->type == GW_RECORD_WILDCARD, b_wild = b->type == GW_RECORD_WILDCARD;

	return a_wild != b_wild ? b_wild : gw_addr_cmp(&a->ca, &b->ca) < 0;
}

static const struct gw_lookup_record *record_of_mac(const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac)
{
	const struct gw_lookup_record *best = NULL;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_by_mac(in, vsid, mac, o));)
		if (o->kind == GW_HNV_LOOKUP_RECORD && !gw_hnv_record_is_router(&o->record) &&
		    (!best || better(&o->record, best)))
			best = &o->record;
	return best;
}

static bool is_router_mac(const struct gw_driver *d, uint32_t vsid, const struct gw_mac *mac)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);

	for (const struct gw_router_use *r = u ? u->routers : NULL; r; r = r->next)
		if (gw_mac_equal(&r->mac, mac))
			return true;
	return false;
}

bool gw_want_mac(const struct gw_driver *d, const struct gw_intent *in, const struct gw_mac_key *key,
		 struct gw_bpf_mac *ret)
{
	const struct gw_lookup_record *best;
	const struct gw_iface *i = NULL;
	struct gw_bpf_mac m = {.vsid = key->vsid};
	char name[IFNAMSIZ];
	struct gw_mac mac;

	memcpy(mac.b, key->mac, sizeof mac.b);
	best = record_of_mac(in, key->vsid, &mac);
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_by_mac(in, key->vsid, &mac, o));)
		if (o->kind == GW_HNV_PORT)
			i = gw_iface_find(d, o->port.interface);
	if (best) {
		m.pa = gw_ip_of(&best->pa);
		m.encap = encap_of(best);
		m.record_flags = GW_MAC_HAS_PA | (is_local(in, &best->pa) ? GW_RECORD_LOCAL : 0);
	}
	if (i && i->present && gw_slots_find(&d->port_slots, i->link.ifindex, &m.slot) &&
	    gw_slots_find(&d->vsid_slots, key->vsid, &m.vsid_slot)) {
		m.port = i->link.ifindex;
		m.domain = gw_intent_domain_id(in, key->vsid);
		m.mtu = i->link.mtu;
		m.port_flags = i->link.peer_elsewhere && strcmp(i->link.kind, "veth") == 0 ? GW_PORT_PEER : 0;
		if (strcmp(i->name, gw_vrf_port(key->vsid, name)) == 0)
			m.port_flags |= GW_PORT_VRF;
	}
	if (is_router_mac(d, key->vsid, &mac))
		m.record_flags |= GW_MAC_ROUTER;
	if (!m.record_flags && !m.port)
		return false;
	*ret = m;
	return true;
}

/*
 * A route that makes a subnet, with a router of its own. The default route on-link and the route to one address do not: a VM
 * would be told things by an address that nobody can have, or by its own.
 */
static bool makes_subnet(const struct gw_customer_route *r)
{
	return gw_addr_is_any(&r->next_hop) && gw_prefix_is_subnet(&r->prefix);
}

/* Of nested subnets a router record names the router of the longest that it is in. */
static bool names_longer(const struct gw_vsid_use *u, const struct gw_router_use *router,
			 const struct gw_prefix *subnet)
{
	for (const struct gw_route_use *r = u->route_list; r; r = r->next)
		if (r->route.prefix.len > subnet->len && makes_subnet(&r->route) &&
		    gw_prefix_contains(&r->route.prefix, &router->ca))
			return true;
	return false;
}

/* What the router is called in an on-link subnet: as a record says, else the first usable address (FWD-5). */
static void name_router(const struct gw_driver *d, const struct gw_vsid_use *u, const struct gw_prefix *subnet,
			struct gw_addr *ret_ca, struct gw_mac *ret_mac)
{
	*ret_ca = gw_prefix_first_host(subnet);
	*ret_mac = d->env.config->router_mac;
	for (const struct gw_router_use *r = u ? u->routers : NULL; r; r = r->next)
		if (gw_prefix_contains(subnet, &r->ca) && !names_longer(u, r, subnet)) {
			*ret_ca = r->ca;
			*ret_mac = r->mac;
			return;
		}
}

static bool lower_prefix(const struct gw_prefix *a, const struct gw_prefix *b)
{
	int c = gw_addr_cmp(&a->addr, &b->addr);

	return c ? c < 0 : a->len < b->len;
}

/* The router's address in the lowest on-link subnet of each family. */
static void name_routers(const struct gw_driver *d, const struct gw_vsid_use *u, struct gw_ip *ret)
{
	const struct gw_prefix *lowest[2] = {0};

	for (const struct gw_route_use *r = u->route_list; r; r = r->next) {
		const struct gw_prefix **at = &lowest[gw_addr_is_v4(&r->route.prefix.addr) ? 0 : 1];

		if (makes_subnet(&r->route) && (!*at || lower_prefix(&r->route.prefix, *at)))
			*at = &r->route.prefix;
	}
	for (int family = 0; family < 2; family++) {
		struct gw_addr ca;
		struct gw_mac mac;

		if (!lowest[family])
			continue;
		name_router(d, u, lowest[family], &ca, &mac);
		ret[family] = gw_ip_of(&ca);
	}
}

bool gw_want_vsid(const struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_bpf_vsid *ret)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);

	if (!u || (!u->records && !u->ports))
		return false;
	*ret = (struct gw_bpf_vsid){.domain = gw_intent_domain_id(in, vsid)};
	name_routers(d, u, ret->router);
	return true;
}

bool gw_want_peer(const struct gw_driver *d, const struct gw_intent *in, const struct gw_peer_key *key)
{
	struct gw_addr pa = gw_addr_of(&key->pa);
	const uint32_t *vsids;
	size_t n;

	if (gw_intent_domain_id(in, key->domain) != key->domain || is_local(in, &pa))
		return false;
	vsids = gw_intent_domain_vsids(in, key->domain, &n);
	for (size_t i = 0; i < n; i++)
		if (gw_index_peer(&d->index, vsids[i], &pa))
			return true;
	return false;
}

bool gw_want_provider(const struct gw_driver *d, const struct gw_intent *in, const struct gw_ip *pa, uint32_t *ret)
{
	struct gw_addr a = gw_addr_of(pa);
	const struct gw_hnv_object *o = gw_intent_paddr(in, &a);
	const struct gw_iface *i = o ? gw_iface_find(d, o->paddr.interface) : NULL;

	if (!i || !i->present)
		return false;
	*ret = i->link.ifindex;
	return true;
}

struct gw_prefix_key gw_prefix_key_of(uint32_t scope, const struct gw_prefix *prefix)
{
	return (struct gw_prefix_key){
		.prefixlen = 32 + (gw_addr_is_v4(&prefix->addr) ? 96 : 0) + prefix->len,
		.scope = htonl(scope),
		.addr = gw_ip_of(&prefix->addr),
	};
}

uint32_t gw_prefix_of_key(const struct gw_prefix_key *key, struct gw_prefix *ret)
{
	ret->addr = gw_addr_of(&key->addr);
	ret->len = key->prefixlen - 32 - (gw_addr_is_v4(&ret->addr) ? 96 : 0);
	return ntohl(key->scope);
}

bool gw_want_subnet(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		    struct gw_bpf_subnet *ret)
{
	struct gw_prefix prefix;
	struct gw_uuid rdid;
	uint32_t vsid = gw_prefix_of_key(key, &prefix);

	if (!gw_intent_domain(in, vsid, &rdid))
		return false;
	for (const struct gw_route_use *u = NULL; (u = gw_index_next_route(&d->index, &rdid, &prefix, u));) {
		struct gw_addr ca;
		struct gw_mac mac;

		if (u->route.vsid != vsid || !makes_subnet(&u->route))
			continue;
		name_router(d, gw_index_vsid(&d->index, vsid), &prefix, &ca, &mac);
		*ret = (struct gw_bpf_subnet){
			.vsid = vsid,
			.router = gw_ip_of(&ca),
			.v4 = gw_addr_is_v4(&prefix.addr),
			.prefix_len = key->prefixlen - 32,
		};
		memcpy(ret->mac, mac.b, sizeof ret->mac);
		return true;
	}
	return false;
}

/* FWD-7: of several routes to one prefix the one with the lowest metric; the rest of the order is only to be the same everywhere. */
static bool preferred(const struct gw_customer_route *a, const struct gw_customer_route *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return a->vsid != b->vsid ? a->vsid < b->vsid : gw_addr_cmp(&a->next_hop, &b->next_hop) < 0;
}

/* The best route of the domain that `vsid` is in; *ret_shared: another VSID has one that is as good. */
static const struct gw_customer_route *best_route(const struct gw_driver *d, const struct gw_intent *in, uint32_t vsid,
						  const struct gw_prefix *prefix, bool *ret_shared)
{
	const struct gw_customer_route *best = NULL;
	struct gw_uuid rdid;

	*ret_shared = false;
	if (!gw_intent_domain(in, vsid, &rdid))
		return NULL;
	for (const struct gw_route_use *u = NULL; (u = gw_index_next_route(&d->index, &rdid, prefix, u));)
		if (!best || preferred(&u->route, best))
			best = &u->route;
	for (const struct gw_route_use *u = NULL; best && (u = gw_index_next_route(&d->index, &rdid, prefix, u));)
		*ret_shared = *ret_shared || (u->route.metric == best->metric && u->route.vsid != best->vsid);
	return best;
}

static struct gw_bpf_route route_of(const struct gw_customer_route *r, uint32_t scope, bool shared)
{
	bool v4 = gw_addr_is_v4(&r->prefix.addr);

	return (struct gw_bpf_route){
		.scope = scope,
		.vsid = r->vsid,
		.next_hop = gw_ip_of(&r->next_hop),
		.prefix_len = (v4 ? 96 : 0) + r->prefix.len,
		.flags = (gw_addr_is_any(&r->next_hop) ? GW_ROUTE_ON_LINK : 0) | (shared ? GW_ROUTE_SHARED : 0) |
			 (v4 ? GW_ROUTE_V4 : 0),
	};
}

bool gw_want_route(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		   struct gw_bpf_route *ret)
{
	struct gw_prefix prefix;
	uint32_t domain = gw_prefix_of_key(key, &prefix);
	const struct gw_customer_route *best;
	bool shared;

	if (gw_intent_domain_id(in, domain) != domain)
		return false;
	best = best_route(d, in, domain, &prefix, &shared);
	if (best)
		*ret = route_of(best, domain, shared);
	return best;
}

bool gw_want_own_route(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		       struct gw_bpf_route *ret)
{
	const struct gw_customer_route *best, *own = NULL;
	struct gw_prefix prefix;
	uint32_t vsid = gw_prefix_of_key(key, &prefix);
	bool shared;

	best = best_route(d, in, vsid, &prefix, &shared);
	if (!best || !shared || best->vsid == vsid)
		return false;
	for (const struct gw_route_use *u = NULL; (u = gw_index_next_route(&d->index, &best->rdid, &prefix, u));)
		if (u->route.vsid == vsid && u->route.metric == best->metric && (!own || preferred(&u->route, own)))
			own = &u->route;
	if (own)
		*ret = route_of(own, vsid, false);
	return own;
}

static const struct gw_provider_address *lowest_provider(const struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_provider_address *lowest = NULL;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));) {
		const struct gw_iface *i = gw_iface_find(d, o->paddr.interface);

		if (i && i->present && (!lowest || gw_addr_cmp(&o->paddr.pa, &lowest->pa) < 0))
			lowest = &o->paddr;
	}
	return lowest;
}

/*
 * The provider address that a port's tunnels start from: the one that its own records name, so that the other nodes expect
 * it; else the lowest of the node.
 */
static const struct gw_provider_address *source_of(const struct gw_driver *d, const struct gw_intent *in,
						   const struct gw_port *port)
{
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_by_mac(in, port->vsid, &port->mac, o));) {
		const struct gw_hnv_object *pa;

		if (o->kind == GW_HNV_LOOKUP_RECORD && (pa = gw_intent_paddr(in, &o->record.pa)))
			return &pa->paddr;
	}
	return lowest_provider(d, in);
}

/*
 * The netmask of the provider address's subnet, in network byte order, when its members are reached directly: unless a
 * provider route leads somewhere inside it another way.
 */
static uint32_t on_link(const struct gw_intent *in, const struct gw_provider_address *a)
{
	struct gw_prefix subnet = {.addr = gw_prefix_mask(&a->pa, a->prefix_len), .len = a->prefix_len};

	if (a->prefix_len == 0 || a->prefix_len == 32)
		return 0;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PROVIDER_ROUTE, o));)
		if (o->proute.prefix.len >= subnet.len && gw_prefix_contains(&subnet, &o->proute.prefix.addr))
			return 0;
	return htonl(0xffffffffu << (32 - a->prefix_len));
}

bool gw_want_port(const struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
		  struct gw_bpf_port *ret)
{
	const struct gw_hnv_object *o = gw_intent_port(in, i->name);
	const struct gw_provider_address *source;
	const struct gw_iface *underlay;
	struct gw_bpf_port p = {0};

	if (!o || !i->present || !gw_slots_find(&d->port_slots, i->link.ifindex, &p.slot) ||
	    !gw_slots_find(&d->vsid_slots, o->port.vsid, &p.vsid_slot))
		return false;
	p.ifindex = i->link.ifindex;
	p.vsid = o->port.vsid;
	p.flags = o->port.forwards ? GW_PORT_FORWARDS : 0;
	memcpy(p.mac, o->port.mac.b, sizeof p.mac);
	source = source_of(d, in, &o->port);
	underlay = source ? gw_iface_find(d, source->interface) : NULL;
	if (underlay && underlay->present) {
		p.underlay = underlay->link.ifindex;
		p.pa = gw_ip_of(&source->pa);
		p.on_link = on_link(in, source);
		memcpy(p.underlay_mac, underlay->link.mac.b, sizeof p.underlay_mac);
	}
	*ret = p;
	return true;
}

uint32_t gw_want_lowest_pa(const struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_provider_address *lowest = in ? lowest_provider(d, in) : NULL;

	return lowest ? gw_ip_of(&lowest->pa).w[3] : 0;
}

struct gw_params gw_want_params(const struct gw_driver *d)
{
	const struct gw_config *c = d->env.config;
	const struct gw_iface *external = gw_edge_external(d);
	unsigned mtu = c->underlay_mtu;
	struct gw_params p = {
		.vxlan_port = c->vxlan_port,
		.mark = TUNNEL_MARK,
		.dscp = c->dscp,
		.ttl = c->ttl,
		.vxlan_device = d->devices[GW_DEVICE_VXLAN].link.ifindex != 0,
		.nvgre_device = d->devices[GW_DEVICE_NVGRE].link.ifindex != 0,
		.cutter = d->cutter_entrance,
		.reassembly = d->whole_entrance,
		.decap_l3 = d->params.decap_l3,
		.fast = gw_fast_wanted(d),
		.hz = gw_fast_hz(),
	};

	/* An interface that carries less than the configuration says decides. */
	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (i->is_underlay && i->present && i->link.mtu >= 576 && i->link.mtu < mtu)
			mtu = i->link.mtu;
	}
	p.inner_mtu[GW_ABI_VXLAN] = mtu - GW_VXLAN_OVERHEAD;
	p.inner_mtu[GW_ABI_NVGRE] = mtu - GW_NVGRE_OVERHEAD;
	if (external) {
		p.external = external->link.ifindex;
		memcpy(p.external_mac, external->link.mac.b, sizeof p.external_mac);
		if (c->next_hop.has4)
			p.hop4 = gw_ip_of(&c->next_hop.v4).w[3];
		if (c->next_hop.has6)
			p.hop6 = gw_ip_of(&c->next_hop.v6);
	}
	memcpy(p.router_mac, c->router_mac.b, sizeof p.router_mac);
	return p;
}
