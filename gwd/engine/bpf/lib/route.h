/*
 * route.h - the distributed router's tables (FWD-4, FWD-5, FWD-7): who has an address, which way an address lies, what the
 * router is called in a subnet.
 */
#ifndef GW_BPF_ROUTE_H
#define GW_BPF_ROUTE_H

#include "count.h"

/* What the walk over the tables works on; too large for the stack. One for each CPU: no program interrupts another. */
struct gw_walk {
	struct ethhdr eth; /* of the frame */
	__u16 zero;
	struct gw_ip src, dst;
	__u32 hash; /* of the inner flow (ENC-3) */
	/* gw_route: */
	struct gw_ip to;	  /* in: the address */
	__u32 vsid;		  /* out: where the next hop is */
	struct gw_bpf_record rec; /* out: its record */
	/* The verdict. */
	struct gw_bpf_flow flow;
};

GW_MAP(walks, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_walk, 1);

gw_inline struct gw_walk *gw_walk_room(void)
{
	const __u32 zero = 0;
	struct gw_walk *w = bpf_map_lookup_elem(&walks, &zero);

	if (w)
		__builtin_memset(&w->flow, 0, sizeof w->flow);
	return w;
}

/* The record of (vsid, ca) into *ret; false when there is none. */
gw_inline bool gw_record_of(__u32 vsid, const struct gw_ip *ca, struct gw_bpf_record *ret)
{
	struct gw_record_key key = {.vsid = vsid, .ca = *ca};
	struct gw_bpf_record *r = bpf_map_lookup_elem(&records, &key);

	if (!r)
		return false;
	*ret = *r;
	return ret->vsid == vsid && !(ret->flags & GW_RECORD_IS_WILDCARD);
}

/* The record that takes what no other record of the virtual subnet matches. */
gw_inline bool gw_wildcard_of(__u32 vsid, bool v4, struct gw_bpf_record *ret)
{
	struct gw_record_key key = {.vsid = vsid, .ca.w[2] = v4 ? bpf_htonl(0xffff) : 0};
	struct gw_bpf_record *r = bpf_map_lookup_elem(&records, &key);

	if (!r)
		return false;
	*ret = *r;
	return ret->vsid == vsid && ret->flags & GW_RECORD_IS_WILDCARD;
}

/* The on-link subnet of (vsid, addr), NULL when no customer route tells. */
gw_inline struct gw_bpf_subnet *gw_subnet_of(__u32 vsid, const struct gw_ip *addr)
{
	struct gw_prefix_key key = {.prefixlen = 32 + 128, .scope = bpf_htonl(vsid), .addr = *addr};
	struct gw_bpf_subnet *s = bpf_map_lookup_elem(&subnets, &key);

	/* ::/0 has room for the mapped addresses, but is not theirs. */
	return s && s->vsid == vsid && !!s->v4 == gw_ip_is_mapped(addr) ? s : NULL;
}

/* The router's address as a packet from `addr` sees it: the sender of ICMP errors. */
gw_inline struct gw_ip gw_router_of(__u32 vsid, const struct gw_ip *addr, const struct gw_ip *otherwise)
{
	struct gw_bpf_subnet *s = gw_subnet_of(vsid, addr);
	struct gw_bpf_vsid *v;

	if (s)
		return s->router;
	v = bpf_map_lookup_elem(&vsids, &vsid);
	if (v) {
		const struct gw_ip *router = &v->router[gw_ip_is_mapped(addr) ? 0 : 1];

		if (router->w[3])
			return *router;
	}
	return *otherwise;
}

/* Whether `addr` is the router's own in this virtual subnet; `mac` gets its MAC address there. */
gw_inline bool gw_is_router_address(__u32 vsid, const struct gw_ip *addr, __u8 *mac)
{
	struct gw_bpf_subnet *s = gw_subnet_of(vsid, addr);

	if (!s || !gw_ip_same(&s->router, addr))
		return false;
	gw_mac_set(mac, s->mac);
	return true;
}

/* Link-local addresses are not routed. */
gw_inline bool gw_ip_is_link_local(const struct gw_ip *a)
{
	return (a->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Addresses that nobody has, or that are those of many: never routed, and nobody is told. */
gw_inline bool gw_ip_is_special(const struct gw_ip *a)
{
	const __u8 *b = (const void *)a;

	if (gw_ip_is_mapped(a))
		return b[12] == 0 || b[12] == 127 || b[12] >> 4 == 14 || a->w[3] == 0xffffffff;
	return b[0] == 0xff || (!(a->w[0] | a->w[1] | a->w[2]) && !(a->w[3] & ~bpf_htonl(1)));
}

gw_inline struct gw_bpf_route *gw_route_in(void *table, __u32 scope, const struct gw_ip *to)
{
	struct gw_prefix_key key = {.prefixlen = 32 + 128, .scope = bpf_htonl(scope), .addr = *to};
	struct gw_bpf_route *r = bpf_map_lookup_elem(table, &key);

	return r && r->scope == scope && !!(r->flags & GW_ROUTE_V4) == gw_ip_is_mapped(to) ? r : NULL;
}

#define GW_ROUTE_SELF 0x8000 /* the router's own address */

/*
 * Where the router sends what a port of virtual subnet `from` has for w->to: into w->vsid and w->rec. 0, a drop reason + 1,
 * or GW_ROUTE_SELF.
 */
gw_function_apart __u32 gw_route(struct gw_walk *w, __u32 from)
{
	struct gw_bpf_vsid *v = bpf_map_lookup_elem(&vsids, &from);
	struct gw_bpf_route *route, *own;
	struct gw_ip hop;
	bool on_link, v4;
	__u8 mac[6] __attribute__((aligned(8)));

	if (!w || !v)
		return 1 + GW_DROP_NO_ROUTE;
	hop = w->to;
	v4 = gw_ip_is_mapped(&hop);
	if (gw_ip_is_link_local(&hop) || gw_ip_is_special(&hop))
		return 1 + GW_DROP_NO_ROUTE;
	route = gw_route_in(&routes, v->domain, &hop);
	if (!route)
		return 1 + GW_DROP_NO_ROUTE;
	if (route->flags & GW_ROUTE_SHARED) {
		own = gw_route_in(&own_routes, from, &hop);
		if (own && own->prefix_len == route->prefix_len)
			route = own;
	}
	w->vsid = route->vsid;
	on_link = route->flags & GW_ROUTE_ON_LINK;
	if (!on_link)
		hop = route->next_hop;
	if (gw_record_of(w->vsid, &hop, &w->rec)) {
		if (!(w->rec.flags & GW_RECORD_IS_ROUTER))
			return 0;
		return on_link ? GW_ROUTE_SELF : 1 + GW_DROP_NO_ROUTE;
	}
	if (on_link && gw_is_router_address(w->vsid, &hop, mac))
		return GW_ROUTE_SELF;
	return gw_wildcard_of(w->vsid, v4, &w->rec) ? 0 : 1 + GW_DROP_NO_RECORD;
}

/* Whether a record gives this address to the port. */
gw_inline bool gw_owns(const struct gw_bpf_port *port, const struct gw_ip *ca)
{
	struct gw_bpf_record r;

	return gw_record_of(port->vsid, ca, &r) && gw_mac_same(r.mac, port->mac);
}

/*
 * ACL-3: a port sends from its own addresses, and from those that would be routed to it: a gateway speaks for who is behind
 * it, not for who has a record. One that may forward speaks for anybody.
 */
gw_inline bool gw_may_send(struct gw_walk *w, const struct gw_bpf_port *port)
{
	if (gw_owns(port, &w->src))
		return true;
	if (gw_ip_is_special(&w->src))
		return false;
	if (port->flags & GW_PORT_FORWARDS)
		return true;
	if (gw_record_of(port->vsid, &w->src, &w->rec))
		return false;
	w->to = w->src;
	return !gw_route(w, port->vsid) && w->vsid == port->vsid && gw_mac_same(w->rec.mac, port->mac);
}

#endif
