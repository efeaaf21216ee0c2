/*
 * resolve.h - ARP and neighbour discovery answered from the lookup records (FWD-1), and the guard that a port speaks only
 * for itself in both (ACL-3).
 */
#ifndef GW_BPF_RESOLVE_H
#define GW_BPF_RESOLVE_H

#include "route.h"

struct gw_arp {
	struct ethhdr eth;
	__be16 hrd, pro;
	__u8 hln, pln;
	__be16 op;
	__u8 sha[6];
	__u8 spa[4];
	__u8 tha[6];
	__u8 tpa[4];
} __attribute__((packed));

struct gw_nd {
	struct ethhdr eth;
	struct ipv6hdr ip;
	__u8 type, code;
	__be16 check;
	__be32 flags;
	struct in6_addr target;
	__u8 opt_type, opt_len;
	__u8 opt_mac[6];
} __attribute__((packed));

#define ARPOP_REQUEST_ 1
#define ARPOP_REPLY_   2
#define ND_FIRST       133 /* router solicitation .. redirect */
#define ND_LAST	       137
#define ND_SOLICIT     135
#define ND_ADVERT      136
#define GW_IPPROTO_MH  135 /* mobility */
#define ND_SOURCE_MAC  1
#define ND_TARGET_MAC  2
#define ND_SOLICITED   0x40000000
#define ND_OVERRIDE    0x20000000
#define ND_ROUTER      0x80000000
#define ND_MIN	       (14 + 40 + 24) /* up to the target, no option */

/* True for neighbour solicitations and advertisements, the only IPv6 packets that do not need a record of their source. */
gw_inline bool gw_is_nd(struct __sk_buff *skb)
{
	const __u32 need = GW_ETH_HLEN + sizeof(struct ipv6hdr) + 1;
	struct ipv6hdr *ip;
	void *data;
	__u8 type;

	if (!gw_have(skb, need))
		return false;
	data = gw_data(skb);
	if (data + need > gw_end(skb))
		return false;
	ip = data + GW_ETH_HLEN;
	type = *(__u8 *)(ip + 1);
	return ip->nexthdr == IPPROTO_ICMPV6 && (type == ND_SOLICIT || type == ND_ADVERT);
}

/* Whose MAC address the answer for `ca` names: that of its record, or the distributed router's (FWD-5). */
gw_inline bool gw_answer_of(__u32 vsid, const struct gw_ip *ca, __u8 *mac, bool *router)
{
	struct gw_bpf_record r;

	if (gw_record_of(vsid, ca, &r)) {
		gw_mac_set(mac, r.mac);
		*router = r.flags & GW_RECORD_IS_ROUTER;
		return true;
	}
	*router = true;
	return gw_is_router_address(vsid, ca, mac);
}

/* Systems ask in the name of whom they are about to send for, a gateway or a router thus also for those that it speaks for. */
gw_function bool gw_speaks_for(const struct gw_bpf_port *port, const struct gw_ip *src)
{
	struct gw_walk *w = gw_walk_room();

	if (!w)
		return false;
	w->src = *src;
	return gw_may_send(w, port);
}

/* Makes the request that was read into *m its own answer. */
gw_inline bool gw_arp_reply(struct __sk_buff *skb, struct gw_arp *m, const __u8 *owner)
{
	__be32 s, t;

	__builtin_memcpy(&s, m->spa, 4);
	__builtin_memcpy(&t, m->tpa, 4);
	gw_mac_set(m->eth.h_dest, m->sha);
	gw_mac_set(m->eth.h_source, owner);
	m->op = bpf_htons(ARPOP_REPLY_);
	__builtin_memcpy(m->tha, m->sha, 6);
	__builtin_memcpy(m->tpa, &s, 4);
	__builtin_memcpy(m->sha, owner, 6);
	__builtin_memcpy(m->spa, &t, 4);
	return !bpf_skb_store_bytes(skb, 0, m, sizeof *m, 0);
}

/*
 * Returns a TC action, or -1 when the frame is a legitimate unicast ARP frame that is to be switched like any other (the
 * reply to a request that came through a tunnel from a foreign tunnel end point).
 */
gw_function_apart int gw_arp_in(struct __sk_buff *skb)
{
	struct {
		__u8 zero[2];
		struct gw_arp m;
	} __attribute__((packed, aligned(8))) a = {0};
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	__u8 target[6] __attribute__((aligned(8)));
	struct gw_ip spa, tpa;
	__be32 s, t;
	bool router;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, 0, &a.m, sizeof a.m) || a.m.hrd != bpf_htons(1) || a.m.pro != bpf_htons(ETH_P_IP) ||
	    a.m.hln != 6 || a.m.pln != 4)
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	__builtin_memcpy(&s, a.m.spa, 4);
	__builtin_memcpy(&t, a.m.tpa, 4);
	spa = gw_ip_v4(s);
	tpa = gw_ip_v4(t);
	if (!gw_mac_same(a.m.eth.h_source, port->mac) || !gw_mac_same(a.m.sha, port->mac))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
	if (s && !gw_owns(port, &spa) && (a.m.op != bpf_htons(ARPOP_REQUEST_) || !gw_speaks_for(port, &spa)))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
	if (a.m.op == bpf_htons(ARPOP_REPLY_) && !(a.m.eth.h_dest[0] & 1))
		return -1;
	if (a.m.op != bpf_htons(ARPOP_REQUEST_) || s == t || !gw_answer_of(port->vsid, &tpa, target, &router) ||
	    gw_mac_same(target, port->mac))
		return gw_port_drop(port->slot, GW_DROP_ARP_UNANSWERED);
	if (!gw_arp_reply(skb, &a.m, target))
		return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	gw_outcome(GW_OUT_ARP_ANSWERED);
	return bpf_redirect(ifindex, 0);
}

gw_inline bool gw_in6_zero(const struct in6_addr *a)
{
	const __u32 *w = (const void *)a;

	return !(w[0] | w[1] | w[2] | w[3]);
}

gw_inline bool gw_in6_link_local(const struct in6_addr *a)
{
	const __u8 *b = (const void *)a;

	return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

gw_inline bool gw_is_extension(__u32 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_DSTOPTS || next == IPPROTO_AH || next == GW_IPPROTO_MH;
}

/*
 * True when an extension header hides neighbour discovery, which has no legitimate reason to, or when there are more
 * extension headers than any legitimate packet has. What the guard cannot see it does not let pass.
 */
gw_function bool gw_nd_hidden(struct __sk_buff *skb, __u32 next)
{
	__u32 off = GW_ETH_HLEN + sizeof(struct ipv6hdr);
	__u8 head[2], type;
	__be16 where;
	int i;

	for (i = 0; i < 6 && gw_is_extension(next); i++) {
		if (bpf_skb_load_bytes(skb, off, head, sizeof head))
			return true;
		if (next == IPPROTO_FRAGMENT) {
			if (bpf_skb_load_bytes(skb, off + 2, &where, sizeof where))
				return true;
			if (where & bpf_htons(0xfff8)) /* a later fragment: its first one was looked at */
				return false;
			off += 8;
		} else {
			off += next == IPPROTO_AH ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
		}
		next = head[0];
	}
	if (next != IPPROTO_ICMPV6)
		return gw_is_extension(next);
	return bpf_skb_load_bytes(skb, off, &type, 1) || (type >= ND_FIRST && type <= ND_LAST);
}

/* Who may speak: the unspecified address, an own one, or a link-local one that no record gives to somebody else. */
gw_inline bool gw_nd_speaker(const struct gw_bpf_port *port, const struct in6_addr *addr)
{
	struct gw_ip ca = gw_ip_v6(addr);
	struct gw_bpf_record r;

	if (gw_in6_zero(addr))
		return true;
	if (gw_record_of(port->vsid, &ca, &r))
		return gw_mac_same(r.mac, port->mac);
	return gw_in6_link_local(addr);
}

/* No link-layer address option may name another MAC; options that the guard cannot see to the end of do not pass. */
gw_function bool gw_nd_options_own(struct __sk_buff *skb, const __u8 *mac)
{
	__u32 off = ND_MIN;
	__u8 option[8] __attribute__((aligned(8)));
	int i;

	for (i = 0; i < 6; i++) {
		if (skb->len < off + sizeof option)
			return true;
		if (bpf_skb_load_bytes(skb, off, option, sizeof option) || !option[1])
			return false;
		if ((option[0] == ND_SOURCE_MAC || option[0] == ND_TARGET_MAC) && !gw_mac_same(option + 2, mac))
			return false;
		off += option[1] * 8;
	}
	return skb->len < off + sizeof option;
}

/* Makes the solicitation that was read into *m, as far as its target, the advertisement that answers it. */
gw_inline bool gw_nd_advertise(struct __sk_buff *skb, struct gw_nd *m, const __u8 *owner, bool router)
{
	struct {
		struct in6_addr src, dst;
		__be32 len, next;
	} pseudo;
	__u64 sum;

	if (bpf_skb_change_tail(skb, sizeof *m, 0))
		return false;
	if (gw_in6_zero(&m->ip.saddr)) { /* duplicate address detection: the answer goes to all nodes */
		m->eth.h_dest[0] = m->eth.h_dest[1] = 0x33;
		m->eth.h_dest[2] = m->eth.h_dest[3] = m->eth.h_dest[4] = 0;
		m->eth.h_dest[5] = 1;
		m->ip.daddr = (struct in6_addr){.in6_u.u6_addr8 = {0xff, 2, [15] = 1}};
		m->flags = bpf_htonl(ND_OVERRIDE);
	} else {
		gw_mac_set(m->eth.h_dest, m->eth.h_source);
		m->ip.daddr = m->ip.saddr;
		m->flags = bpf_htonl(ND_SOLICITED | ND_OVERRIDE);
	}
	if (router)
		m->flags |= bpf_htonl(ND_ROUTER);
	gw_mac_set(m->eth.h_source, owner);
	m->ip.saddr = m->target;
	m->ip.payload_len = bpf_htons(sizeof *m - sizeof m->eth - sizeof m->ip);
	m->type = ND_ADVERT;
	m->opt_type = ND_TARGET_MAC;
	m->opt_len = 1;
	gw_mac_set(m->opt_mac, owner);
	m->check = 0;
	pseudo.src = m->ip.saddr;
	pseudo.dst = m->ip.daddr;
	pseudo.len = bpf_htonl(sizeof *m - sizeof m->eth - sizeof m->ip);
	pseudo.next = bpf_htonl(IPPROTO_ICMPV6);
	sum = bpf_csum_diff(0, 0, (void *)&pseudo, sizeof pseudo, 0);
	m->check = ~gw_fold(bpf_csum_diff(0, 0, (void *)&m->type, sizeof *m - sizeof m->eth - sizeof m->ip, sum));
	return !bpf_skb_store_bytes(skb, 0, m, sizeof *m, 0);
}

/* A neighbour solicitation is answered here; an advertisement is checked, and passed on (-1) when it is unicast. */
gw_function_apart int gw_nd_in(struct __sk_buff *skb)
{
	struct {
		__u8 zero[2];
		struct gw_nd m;
	} __attribute__((packed, aligned(8))) n = {0};
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_ip src, target;
	__u8 owner[6] __attribute__((aligned(8)));
	bool router;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, 0, &n.m, ND_MIN) || n.m.ip.hop_limit != 255 || n.m.code)
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	src = gw_ip_v6(&n.m.ip.saddr);
	target = gw_ip_v6(&n.m.target);
	if (gw_ip_is_mapped(&src) || gw_ip_is_mapped(&target))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	if (!gw_mac_same(n.m.eth.h_source, port->mac) || !gw_nd_options_own(skb, port->mac))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
	if (!gw_nd_speaker(port, &n.m.ip.saddr) && (n.m.type != ND_SOLICIT || !gw_speaks_for(port, &src)))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
	if (n.m.type == ND_ADVERT) {
		if (!gw_owns(port, &target))
			return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
		return n.m.eth.h_dest[0] & 1 ? gw_port_drop(port->slot, GW_DROP_ND_UNANSWERED) : -1;
	}
	if (!gw_answer_of(port->vsid, &target, owner, &router) || gw_mac_same(owner, port->mac))
		return gw_port_drop(port->slot, GW_DROP_ND_UNANSWERED);

	if (!gw_nd_advertise(skb, &n.m, owner, router))
		return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	gw_outcome(GW_OUT_ND_ANSWERED);
	return bpf_redirect(ifindex, 0);
}

#endif
