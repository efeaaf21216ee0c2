/*
 * fast.h - the fast path of virtual gateways: packets of established, translated IPv4 flows are forwarded here, past the stack of
 * the virtual gateway's namespace, as that would forward them.
 *
 *   tunnel -> gw_fast_out -> decapsulated, source translated      -> [external] interface
 *   [external] interface -> gw_fast_in -> destination translated, encapsulated -> tunnel
 *
 * The stack owns everything that is new, odd or over: connections begin and end there (TCP's SYN and FIN), and fragments,
 * IP options, errors, what is too large, what it would drop, and what stays on this node, never leave it. What a flow's packets need
 * is found once and remembered in fast_flows until anything changes that user space knows of (the epoch); the kernel's own entry is
 * asked for every packet, so that a flow ends with its entry.
 *
 * Neither way looks at the checksums of TCP and UDP: they are translated as they are, wrong ones stay wrong, and whom they are for
 * sees to that.
 */
#ifndef GW_BPF_FAST_H
#define GW_BPF_FAST_H

#include "encap.h"
#include "route.h"
#include "steer.h"
#include "track.h"

#define GW_SLOW_WAY -4

/*
 * Of which flows there were packets lately, as bits at places that their hashes choose: those since the last turn, and those of the
 * turn before. A turn ends when so many bits have been set. No bit: the packet is a flow's first, or the first for a while, and the
 * stack's; looking for what cannot be known of it, in tables that are in no cache, would cost a new flow more than all else here.
 * A bit that another flow has set does no more harm than that search, and one that two CPUs set at once and one loses, is set by
 * the next packet.
 */
struct gw_fast_marks {
	__u32 turn, zero;
	__u64 now, before;
};

#define GW_FAST_MARKS 1024 /* of 64 bits each */
#define GW_FAST_PAGES 8	   /* a power of two, as the number above */

struct gw_fast_page {
	struct gw_fast_marks marks[GW_FAST_MARKS];
};

#define GW_FAST_TURN 8192

/* What is worked on; too large for the stack. One for each CPU: no program interrupts another. */
struct gw_fast_room {
	struct gw_tracked t;
	struct gw_bpf_fast f; /* put together here */
	__u32 marked;
};

GW_MAP(fast_rooms, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_fast_room, 1);
GW_MAP(fast_marks, BPF_MAP_TYPE_ARRAY, __u32, struct gw_fast_page, GW_FAST_PAGES);
GW_MAP(fast_turns, BPF_MAP_TYPE_ARRAY, __u32, __u32, 1);

/* Any odd numbers whose bits look like chance. */
#define GW_FAST_MIX_1 0x9e3779b97f4a7c15ULL
#define GW_FAST_MIX_2 0xc2b2ae3d27d4eb4fULL

/* Whether there was such a packet lately; from now on there was. */
gw_inline bool gw_fast_seen(struct gw_fast_room *room, const struct gw_fast_key *k)
{
	__u64 hash = ((__u64)k->daddr << 32 | k->saddr) * GW_FAST_MIX_1, bit;
	struct gw_fast_page *page;
	struct gw_fast_marks *m;
	const __u32 zero = 0;
	__u32 i, *now = bpf_map_lookup_elem(&fast_turns, &zero), turn;

	hash ^= hash >> 32 ^ ((__u64)(k->scope << 8 ^ k->proto) << 32 | (__u32)k->sport << 16 | k->dport);
	hash *= GW_FAST_MIX_2;
	hash ^= hash >> 32;
	hash *= GW_FAST_MIX_1;
	i = hash >> 32 & (GW_FAST_PAGES - 1);
	bit = 1ULL << (hash >> 58);
	page = bpf_map_lookup_elem(&fast_marks, &i);
	if (!page || !now)
		return true;
	turn = *now;
	m = &page->marks[hash >> 42 & (GW_FAST_MARKS - 1)];
	if (unlikely(m->turn != turn)) {
		m->before = m->turn + 1 == turn ? m->now : 0;
		m->now = 0;
		m->turn = turn;
	}
	if (likely(m->now & bit))
		return true;
	m->now |= bit;
	if (m->before & bit)
		return true;
	if (++room->marked >= GW_FAST_TURN) {
		room->marked = 0;
		*now = turn + 1;
	}
	return false;
}

gw_inline struct gw_fast_room *gw_fast_room(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&fast_rooms, &zero);
}

/* Flags as within a connection: it goes on, or a reset (whether with an ACK or not) ends it. The others are begin, end, or nonsense. */
gw_inline bool gw_fast_flags(const struct tcphdr *tcp)
{
	return (tcp->ack | tcp->rst) && !(tcp->syn | tcp->fin | tcp->urg);
}

/*
 * The packet whose IP header is at `off`: which flow it is of. False: none for the fast path. That is all that is needed to know whether
 * there were others of it; most that begin one need no more.
 */
gw_inline bool gw_fast_key_of(struct __sk_buff *skb, __u32 off, struct gw_tracked *t)
{
	const struct iphdr *ip = gw_data(skb) + off;
	const struct tcphdr *tcp = (const void *)(ip + 1);
	const struct udphdr *udp = (const void *)(ip + 1);

	if ((void *)(udp + 1) > gw_end(skb) || *(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return false;
	if (ip->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > gw_end(skb) || !gw_fast_flags(tcp))
			return false;
	} else if (ip->protocol != IPPROTO_UDP) {
		return false;
	}
	t->key.saddr = ip->saddr;
	t->key.daddr = ip->daddr;
	t->key.sport = udp->source;
	t->key.dport = udp->dest;
	t->key.proto = ip->protocol;
	return true;
}

/* The rest of it. False: the stack's, whatever flow it is of. */
gw_inline bool gw_fast_read(struct __sk_buff *skb, __u32 off, struct gw_tracked *t)
{
	const struct iphdr *ip = gw_data(skb) + off;
	const struct tcphdr *tcp = (const void *)(ip + 1);
	const struct udphdr *udp = (const void *)(ip + 1);
	const __u32 *w = (const void *)ip;

	if ((void *)(udp + 1) > gw_end(skb) || gw_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff)
		return false;
	t->total = bpf_ntohs(ip->tot_len);
	t->size = t->total;
	t->reset = false;
	if (skb->len < off + t->total)
		return false;
	if (ip->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > gw_end(skb) || tcp->doff < 5 || t->total < sizeof *ip + tcp->doff * 4)
			return false;
		t->seq = tcp->seq;
		t->ack = tcp->ack ? tcp->ack_seq : 0;
		t->end = bpf_ntohl(tcp->seq) + t->total - sizeof *ip - tcp->doff * 4;
		t->reset = tcp->rst;
		if (skb->gso_size)
			t->size = sizeof *ip + tcp->doff * 4 + skb->gso_size;
	} else if (skb->gso_size || t->total < sizeof *ip + sizeof *udp ||
		   bpf_ntohs(udp->len) != t->total - sizeof *ip) {
		return false;
	}
	t->ttl = ip->ttl;
	t->tos = ip->tos;
	return true;
}

/*
 * Whether a reset is the connection's end: the sequence number is what the other side expects. The kernel looks at that, too, and
 * else waits for the other side's word (RFC 5961), but has not seen the last packets: it would keep the connection. So those that
 * are right go this way, and the kernel is told to forget it soon; should it go on in spite of it, its next packet undoes that. The
 * others are the kernel's.
 */
gw_function bool gw_fast_ends(const struct gw_bpf_fast *f, const struct gw_tracked *t)
{
	struct gw_fast_key back = {.scope = t->key.scope ? 0 : f->vsid, .proto = IPPROTO_TCP};
	struct gw_bpf_fast *other;

	back.saddr = t->key.scope ? t->key.daddr : f->addr;
	back.sport = t->key.scope ? t->key.dport : f->port;
	back.daddr = t->key.scope ? f->addr : t->key.saddr;
	back.dport = t->key.scope ? f->port : t->key.sport;
	other = bpf_map_lookup_elem(&fast_flows, &back);
	return (other && other->nsid == f->nsid && other->ack == t->seq) || f->end == bpf_ntohl(t->seq);
}

/* The flow of a packet as it was found before, when its entry in the kernel is still good for this packet. */
gw_inline struct gw_bpf_fast *gw_fast_known(struct __sk_buff *skb, struct gw_tracked *t)
{
	struct gw_bpf_fast *f = bpf_map_lookup_elem(&fast_flows, &t->key);

	if (!f || f->epoch != gw_epoch() || (unlikely(t->reset) && !gw_fast_ends(f, t)))
		return NULL;
	t->nsid = f->nsid;
	t->idle[0] = f->idle[0];
	t->idle[1] = f->idle[1];
	if (!gw_ct_find(skb, t) || t->addr != f->addr || t->port != f->port)
		return NULL;
	if (t->key.proto == IPPROTO_TCP) {
		f->ack = t->ack;
		f->end = t->end;
	}
	return f;
}

gw_inline bool gw_gateway_of(__u32 vsid, struct gw_bpf_gateway *ret)
{
	struct gw_bpf_gateway *g = bpf_map_lookup_elem(&gateways, &vsid);

	if (!g)
		return false;
	*ret = *g;
	return ret->vsid == vsid;
}

/* Whether the public place is this virtual gateway's. */
gw_function bool gw_is_place_of(__u32 addr, __u16 port, __u32 vsid)
{
	struct gw_ip a = gw_ip_v4(addr);
	struct gw_bpf_owner owner;

	if (!gw_public_of(&a, &owner) || owner.flags & GW_PUBLIC_SELF)
		return false;
	if (owner.flags & GW_PUBLIC_SHARED && !gw_place_of(&a, bpf_ntohs(port), &owner))
		return false;
	return owner.vsid == vsid;
}

gw_function bool gw_is_far(__u32 addr)
{
	struct gw_ip a = gw_ip_v4(addr);
	struct gw_bpf_owner owner;

	return !gw_is_nowhere(&a) && !gw_public_of(&a, &owner);
}

/* Remembers what was found of the flow; what is special about the way is there. */
gw_inline bool gw_fast_keep(struct gw_fast_room *room)
{
	struct gw_bpf_fast *f = &room->f;
	const struct gw_tracked *t = &room->t;

	f->nsid = t->nsid;
	f->addr = t->addr;
	f->port = t->port;
	f->ack = t->ack;
	f->end = t->end;
	f->idle[0] = t->idle[0];
	f->idle[1] = t->idle[1];
	return !bpf_map_update_elem(&fast_flows, &t->key, f, BPF_ANY);
}

/* For a flow's first packet on this way, and after changes: what a virtual gateway sends may leave as exit.bpf.c would let it. */
gw_inline bool gw_fast_learn_out(struct __sk_buff *skb, struct gw_fast_room *room)
{
	struct gw_tracked *t = &room->t;
	__u32 vsid = t->key.scope;
	struct gw_bpf_gateway *g = bpf_map_lookup_elem(&gateways, &vsid);

	room->f.epoch = gw_epoch();
	if (!g || g->vsid != vsid)
		return false;
	t->nsid = g->nsid;
	room->f.vsid = vsid;
	room->f.exit_slot = g->exit_slot;
	room->f.mtu = g->mtu_out;
	room->f.hops = 1;
	t->idle[0] = t->idle[1] = 0;
	return g->vsid == vsid && gw_ct_find(skb, t) && gw_is_far(t->key.daddr) &&
	       gw_is_place_of(t->addr, t->port, vsid) && gw_fast_keep(room);
}

/*
 * The way from a virtual gateway to a customer: over a tunnel, to an address of a subnet of the domain, with a record of its own.
 * All else is the stack's.
 */
gw_function bool gw_fast_route(struct gw_walk *w, const struct gw_bpf_gateway *g, const struct gw_tracked *t)
{
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &g->port);
	struct gw_bpf_vsid *v = bpf_map_lookup_elem(&vsids, &g->vsid);
	struct gw_bpf_route *route;

	if (!port || !v || port->vsid != g->vsid || port->ifindex != g->port || !port->underlay)
		return false;
	w->to = gw_ip_v4(t->addr);
	route = gw_route_in(&routes, v->domain, &w->to);
	if (!route || (route->flags & (GW_ROUTE_ON_LINK | GW_ROUTE_SHARED)) != GW_ROUTE_ON_LINK)
		return false;
	w->vsid = route->vsid;
	if (!gw_record_of(w->vsid, &w->to, &w->rec) || w->rec.flags & (GW_RECORD_LOCAL | GW_RECORD_IS_ROUTER))
		return false;
	gw_mac_set(w->eth.h_dest, w->rec.mac);
	gw_mac_set(w->eth.h_source, port->mac);
	w->eth.h_proto = bpf_htons(ETH_P_IP);
	w->hash = gw_mix(gw_mix(gw_mix(t->key.proto, t->key.saddr), t->addr), (__u32)t->key.sport << 16 | t->port);
	w->hash = gw_mix_end(w->hash);
	w->flow.slot = port->slot;
	w->flow.vsid_slot = port->vsid_slot;
	w->flow.encap = w->rec.encap;
	w->flow.routed = w->vsid != g->vsid;
	gw_outer_build(&w->flow, port, &w->rec.pa, w->vsid, w->hash, &w->eth);
	return true;
}

/* Whose virtual gateway a packet from outside is for, and whether it may be from there. */
gw_function bool gw_fast_owner(const struct gw_tracked *t, struct gw_bpf_gateway *ret)
{
	struct gw_ip to = gw_ip_v4(t->key.daddr);
	struct gw_bpf_owner owner;

	if (!gw_public_of(&to, &owner) || owner.flags & GW_PUBLIC_SELF)
		return false;
	if (owner.flags & GW_PUBLIC_SHARED && !gw_place_of(&to, bpf_ntohs(t->key.dport), &owner))
		return false;
	return owner.exit && gw_gateway_of(owner.vsid, ret);
}

/* The same for what comes in, as edge.h and forward.h would see to it. */
gw_inline bool gw_fast_learn_in(struct __sk_buff *skb, struct gw_fast_room *room)
{
	struct gw_walk *w = gw_walk_room();
	struct gw_tracked *t = &room->t;
	struct gw_bpf_fast *f = &room->f;
	struct gw_bpf_gateway g;

	if (!w)
		return false;
	f->epoch = gw_epoch();
	if (!gw_is_far(t->key.saddr) || !gw_fast_owner(t, &g))
		return false;
	t->nsid = g.nsid;
	t->idle[0] = t->idle[1] = 0;
	if (!gw_ct_find(skb, t) || !gw_fast_route(w, &g, t))
		return false;
	f->hops = 1 + w->flow.routed; /* the distributed router is one, too */
	f->vsid = g.vsid;
	f->exit_slot = g.exit_slot;
	f->mtu = w->flow.mtu < g.mtu_in ? w->flow.mtu : g.mtu_in;
	f->flow = w->flow;
	return gw_fast_keep(room);
}

/* Translates the packet whose IP header is behind the frame's Ethernet header, and takes hops off its TTL. */
gw_inline bool gw_fast_translate(struct __sk_buff *skb, const struct gw_tracked *t, __u32 hops)
{
	const bool udp = t->key.proto == IPPROTO_UDP, out = t->key.scope;
	__u32 was = out ? t->key.saddr : t->key.daddr, at = GW_ETH_HLEN + sizeof(struct iphdr);
	__u16 port = out ? t->key.sport : t->key.dport;
	__u64 flags = udp ? BPF_F_MARK_MANGLED_0 : 0;
	struct iphdr *ip;
	__u16 *ports;

	/* Ethernet pads what is too short for it. */
	if (unlikely(!skb->gso_size && skb->len > GW_ETH_HLEN + t->total) &&
	    bpf_skb_change_tail(skb, GW_ETH_HLEN + t->total, 0))
		return false;
	at += udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check);
	if (bpf_l4_csum_replace(skb, at, was, t->addr, BPF_F_PSEUDO_HDR | 4 | flags) ||
	    (port != t->port && bpf_l4_csum_replace(skb, at, port, t->port, 2 | flags)))
		return false;
	ip = gw_data(skb) + GW_ETH_HLEN;
	ports = (void *)(ip + 1);
	if ((void *)(ports + 2) > gw_end(skb))
		return false;
	ip->check = ~gw_fold((__u64)(__u16)~ip->check + (__u32)~was + t->addr + (__u16)~bpf_htons(hops << 8));
	ip->ttl -= hops;
	if (out) {
		ip->saddr = t->addr;
		ports[0] = t->port;
	} else {
		ip->daddr = t->addr;
		ports[1] = t->port;
	}
	return true;
}

/* Where no router is named the kernel finds out by itself. */
gw_inline bool gw_fast_is_near(__be32 to)
{
	struct gw_ip a = gw_ip_v4(to);

	return !params.hop4 || gw_in_segment(&a);
}

/*
 * A tunnel packet for a virtual gateway that was found good, `len` bytes of headers around its inner frame. GW_SLOW_WAY: it is as
 * it was, and not counted.
 */
gw_function int gw_fast_out(struct __sk_buff *skb, __u32 len, const struct gw_bpf_mac *to)
{
	struct gw_fast_room *room = gw_fast_room();
	struct gw_tracked *t;
	struct gw_bpf_fast *f;
	__u32 hops, exit_slot;

	if (!room || !params.external)
		return GW_SLOW_WAY;
	t = &room->t;
	t->key.scope = to->vsid;
	if (!gw_fast_key_of(skb, GW_ETH_HLEN + len, t) || !gw_fast_seen(room, &t->key) ||
	    !gw_fast_read(skb, GW_ETH_HLEN + len, t))
		return GW_SLOW_WAY;
	f = gw_fast_known(skb, t);
	if (unlikely(!f)) {
		if (t->reset || !gw_fast_learn_out(skb, room))
			return GW_SLOW_WAY;
		f = &room->f;
	}
	hops = f->hops;
	exit_slot = f->exit_slot;
	if (t->ttl <= hops || t->size > f->mtu)
		return GW_SLOW_WAY;
	if (bpf_skb_adjust_room(skb, -(__s32)len, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    !gw_fast_translate(skb, t, hops))
		return gw_port_drop(to->slot, GW_DROP_NO_ROOM);
	gw_count_rx(to->slot, to->vsid_slot, skb->len);
	gw_exit_count(exit_slot, skb->len, true);
	gw_outcome(GW_OUT_FAST_FORWARDED);
	skb->mark = 0;
	return gw_outward4(gw_fast_is_near(t->key.daddr));
}

/* An element can be given to another flow while it is read: what was read is good when it is still this one's behind that. */
gw_inline bool gw_fast_same(const struct gw_bpf_fast *f, const struct gw_tracked *t)
{
	barrier();
	return f->nsid == t->nsid && f->addr == t->addr && f->port == t->port;
}

/* A packet from outside. GW_SLOW_WAY as above. */
gw_function int gw_fast_in(struct __sk_buff *skb)
{
	struct gw_fast_room *room = gw_fast_room();
	struct gw_tracked *t;
	struct gw_bpf_fast *f;

	if (!room)
		return GW_SLOW_WAY;
	t = &room->t;
	t->key.scope = 0;
	if (!gw_fast_key_of(skb, GW_ETH_HLEN, t) || !gw_fast_seen(room, &t->key) || !gw_fast_read(skb, GW_ETH_HLEN, t))
		return GW_SLOW_WAY;
	f = gw_fast_known(skb, t);
	if (unlikely(!f)) {
		if (t->reset || !gw_fast_learn_in(skb, room))
			return GW_SLOW_WAY;
		f = &room->f;
	}
	if (t->ttl <= f->hops || t->size > f->mtu)
		return GW_SLOW_WAY;
	gw_exit_count(f->exit_slot, skb->len, false);
	if (!gw_fast_translate(skb, t, f->hops) || !gw_encap_push(skb, &f->flow, gw_outer_tos(t->tos), true) ||
	    unlikely(!gw_fast_same(f, t)))
		return gw_drop(GW_DROP_NO_ROOM);
	gw_count_tx(f->flow.slot, f->flow.vsid_slot, skb->len - gw_overhead(f->flow.encap));
	gw_outcome(GW_OUT_FAST_FORWARDED);
	skb->mark = 0;
	if (likely(f->flow.next_hop)) {
		struct bpf_redir_neigh hop = {.nh_family = AF_INET, .ipv4_nh = f->flow.next_hop};

		return bpf_redirect_neigh(f->flow.oif, &hop, sizeof hop, 0);
	}
	return bpf_redirect_neigh(f->flow.oif, NULL, 0, 0);
}

#endif
