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
	/* A wildcard answers nothing, an L2Only record has no address to speak of, a router record is no tunnel end. */
	if (r->type == GW_RECORD_WILDCARD || r->type == GW_RECORD_L2ONLY || gw_hnv_record_is_router(r))
		return false;
	*ret = (struct gw_bpf_record){.vsid = r->vsid, .pa = gw_ip_of(&r->pa), .encap = encap_of(r)};
	memcpy(ret->mac, r->mac.b, sizeof ret->mac);
	if (is_local(in, &r->pa))
		ret->flags |= GW_RECORD_LOCAL;
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

bool gw_want_mac(const struct gw_driver *d, const struct gw_intent *in, const struct gw_mac_key *key,
		 struct gw_bpf_mac *ret)
{
	const struct gw_lookup_record *best;
	const struct gw_iface *i = NULL;
	struct gw_bpf_mac m = {.vsid = key->vsid};
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
	}
	if (!best && !m.port)
		return false;
	*ret = m;
	return true;
}

bool gw_want_vsid(const struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_bpf_vsid *ret)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);

	if (!u || (!u->records && !u->ports))
		return false;
	*ret = (struct gw_bpf_vsid){.domain = gw_intent_domain_id(in, vsid)};
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

/* Whether the intent has an on-link route to the prefix of `croute`, whatever next hop that one has. */
static bool on_link_route(const struct gw_intent *in, const struct gw_hnv_object *croute, const char *any)
{
	struct gw_hnv_object probe = {.kind = GW_HNV_CUSTOMER_ROUTE, .croute = croute->croute};

	return gw_addr_parse(any, &probe.croute.next_hop) == 0 && gw_intent_get(in, &probe);
}

bool gw_want_subnet(const struct gw_intent *in, const struct gw_hnv_object *croute, struct gw_subnet_key *key,
		    struct gw_bpf_subnet *ret)
{
	const struct gw_customer_route *r = &croute->croute;
	struct gw_addr router = gw_prefix_first_host(&r->prefix);
	bool v4 = gw_addr_is_v4(&r->prefix.addr);

	*key = (struct gw_subnet_key){
		.prefixlen = 32 + (v4 ? 96 : 0) + r->prefix.len,
		.vsid = htonl(r->vsid),
		.addr = gw_ip_of(&r->prefix.addr),
	};
	ret->router = gw_ip_of(&router);
	return on_link_route(in, croute, "0.0.0.0") || on_link_route(in, croute, "::");
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

struct gw_params gw_want_params(const struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_provider_address *lowest = in ? lowest_provider(d, in) : NULL;
	const struct gw_config *c = d->env.config;
	unsigned mtu = c->underlay_mtu;
	struct gw_params p = {
		.vxlan_port = c->vxlan_port,
		.mark = TUNNEL_MARK,
		.dscp = c->dscp,
		.ttl = c->ttl,
		.vxlan_device = d->vxlan.link.ifindex != 0,
		.nvgre_device = d->nvgre.link.ifindex != 0,
		.decap_l3 = d->params.decap_l3,
	};

	/* An interface that carries less than the configuration says decides. */
	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (i->is_underlay && i->present && i->link.mtu >= 576 && i->link.mtu < mtu)
			mtu = i->link.mtu;
	}
	p.inner_mtu[GW_ABI_VXLAN] = mtu - GW_VXLAN_OVERHEAD;
	p.inner_mtu[GW_ABI_NVGRE] = mtu - GW_NVGRE_OVERHEAD;
	if (lowest)
		p.pa = gw_ip_of(&lowest->pa);
	memcpy(p.router_mac, c->router_mac.b, sizeof p.router_mac);
	return p;
}
