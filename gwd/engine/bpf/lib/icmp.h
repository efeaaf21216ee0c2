/*
 * icmp.h - what the distributed router says for itself: ICMP errors about a frame from a port (MTU-1, FWD-4), and answers
 * to ICMP echo (FWD-5).
 *
 * For an error the offending frame is cut to its first bytes, an IP and an ICMP header are put in front of them, and it goes
 * back where it came from. The sender is the router's address in the subnet; where no customer route tells the subnet, the
 * destination itself.
 */
#ifndef GW_BPF_ICMP_H
#define GW_BPF_ICMP_H

#include "route.h"

#define GW_QUOTE_MAX  512 /* a multiple of the step */
#define GW_QUOTE_STEP 16

#define ICMP_ECHO_REPLY_   0
#define ICMP_UNREACHABLE_  3
#define ICMP_ECHO_	   8
#define ICMP_TIME_	   11
#define ICMP6_UNREACHABLE_ 1
#define ICMP6_TOO_BIG_	   2
#define ICMP6_TIME_	   3
#define ICMP6_ECHO_	   128
#define ICMP6_ECHO_REPLY_  129

/* What is answered with an ICMP error, instead of a TC action: GW_ANSWER | enum << 16 | MTU. */
#define GW_ANSWER	   0x10000000
#define GW_ANSWER_OF(a, n) (GW_ANSWER | (a) << 16 | (n))

enum gw_answer { GW_ANSWER_TOO_BIG, GW_ANSWER_TIME, GW_ANSWER_NO_ROUTE, GW_ANSWER_NO_HOST, GW_ANSWER_NO_SERVICE };

struct gw_icmp4 {
	struct ethhdr eth;
	struct iphdr ip;
	__u8 type, code;
	__be16 check, unused, mtu;
} __attribute__((packed));

struct gw_icmp6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	__u8 type, code;
	__be16 check;
	__be32 mtu;
} __attribute__((packed));

/* What an error is about. */
struct gw_offence {
	__u8 zero[2];
	struct ethhdr eth;
	struct gw_ip from, router;
	__u32 quote; /* bytes of the IP packet */
	__u32 slot;
	__u32 sum; /* of the quote */
};

/* The checksum of the `len` bytes behind the Ethernet header, in steps of a fixed length as all verifiers know them. */
gw_function_apart long gw_quote_sum(struct __sk_buff *skb, __u32 len)
{
	__u64 step[GW_QUOTE_STEP / 8];
	__u32 off, sum = 0;
	__u8 *tail = (void *)step;

	for (off = 0; off + GW_QUOTE_STEP <= len && off < GW_QUOTE_MAX; off += GW_QUOTE_STEP) {
		if (bpf_skb_load_bytes(skb, GW_ETH_HLEN + off, step, sizeof step))
			return -1;
		sum = bpf_csum_diff(0, 0, (void *)step, sizeof step, sum);
	}
	step[0] = step[1] = 0;
	if ((len & 8) && bpf_skb_load_bytes(skb, GW_ETH_HLEN + off, tail, 8))
		return -1;
	if ((len & 4) && bpf_skb_load_bytes(skb, GW_ETH_HLEN + off + (len & 8), tail + (len & 8), 4))
		return -1;
	if ((len & 2) && bpf_skb_load_bytes(skb, GW_ETH_HLEN + off + (len & 12), tail + (len & 12), 2))
		return -1;
	if ((len & 1) && bpf_skb_load_bytes(skb, GW_ETH_HLEN + off + (len & 14), tail + (len & 14), 1))
		return -1;
	return (__u32)bpf_csum_diff(0, 0, (void *)step, sizeof step, sum);
}

/* Cuts the frame to its quote and makes room in front; 0, or a TC action. */
gw_inline int gw_offence_quote(struct __sk_buff *skb, struct gw_offence *o, __u32 room)
{
	long sum;

	o->quote = skb->len - GW_ETH_HLEN;
	if (o->quote > GW_QUOTE_MAX)
		o->quote = GW_QUOTE_MAX;
	/* Also where nothing is cut off: the error is no super-packet any more. */
	if ((skb->gso_size || skb->len > GW_ETH_HLEN + GW_QUOTE_MAX) &&
	    bpf_skb_change_tail(skb, GW_ETH_HLEN + o->quote, 0))
		return gw_port_drop(o->slot, GW_DROP_NO_ROOM);
	sum = gw_quote_sum(skb, o->quote);
	if (sum < 0 || bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0))
		return gw_port_drop(o->slot, GW_DROP_NO_ROOM);
	o->sum = sum;
	return 0;
}

/* The error is in place. What nobody told the way of counts as dropped for that reason; the others as answered. */
gw_inline int gw_offence_answered(struct __sk_buff *skb, const struct gw_offence *o, enum gw_answer answer)
{
	if (answer == GW_ANSWER_NO_ROUTE || answer == GW_ANSWER_NO_HOST)
		gw_port_drop(o->slot, answer == GW_ANSWER_NO_ROUTE ? GW_DROP_NO_ROUTE : GW_DROP_NO_RECORD);
	else
		gw_outcome(GW_OUT_ICMP_ANSWERED);
	skb->mark = 0;
	return bpf_redirect(skb->ifindex, 0);
}

gw_function_apart int gw_error4(struct __sk_buff *skb, int verdict)
{
	struct {
		__u8 zero[2];
		struct gw_icmp4 m;
	} __attribute__((packed, aligned(8))) r = {0};
	const __u32 room = sizeof r.m - sizeof r.m.eth;
	enum gw_answer answer = verdict >> 16 & 0xff;
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_offence o = {0};
	struct gw_ip to;
	struct iphdr ip;
	int why;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	o.slot = port->slot;
	if (bpf_skb_load_bytes(skb, 0, &o.eth, sizeof o.eth) || bpf_skb_load_bytes(skb, GW_ETH_HLEN, &ip, sizeof ip))
		return gw_port_drop(o.slot, GW_DROP_MALFORMED);
	o.from = gw_ip_v4(ip.saddr);
	to = gw_ip_v4(ip.daddr);
	o.router = answer == GW_ANSWER_NO_SERVICE ? to : gw_router_of(port->vsid, &o.from, &to);
	why = gw_offence_quote(skb, &o, room);
	if (why)
		return why;
	gw_mac_set(r.m.eth.h_dest, o.eth.h_source);
	gw_mac_set(r.m.eth.h_source, o.eth.h_dest);
	r.m.eth.h_proto = bpf_htons(ETH_P_IP);
	r.m.ip.version = 4;
	r.m.ip.ihl = 5;
	r.m.ip.tos = 0xc0;
	r.m.ip.tot_len = bpf_htons(room + o.quote);
	r.m.ip.ttl = 64;
	r.m.ip.protocol = IPPROTO_ICMP;
	r.m.ip.saddr = o.router.w[3];
	r.m.ip.daddr = o.from.w[3];
	r.m.ip.check = ~gw_fold(bpf_csum_diff(0, 0, (void *)&r.m.ip, sizeof r.m.ip, 0));
	r.m.type = answer == GW_ANSWER_TIME ? ICMP_TIME_ : ICMP_UNREACHABLE_;
	r.m.code = answer == GW_ANSWER_TOO_BIG	    ? 4
		   : answer == GW_ANSWER_NO_HOST    ? 1
		   : answer == GW_ANSWER_NO_SERVICE ? 3
						    : 0;
	r.m.mtu = bpf_htons(verdict & 0xffff);
	r.m.check = ~gw_fold((__u64)o.sum + bpf_csum_diff(0, 0, (void *)&r.m.type, 8, 0));
	if (bpf_skb_store_bytes(skb, 0, &r.m, sizeof r.m, 0))
		return gw_port_drop(o.slot, GW_DROP_NO_ROOM);
	return gw_offence_answered(skb, &o, answer);
}

gw_function_apart int gw_error6(struct __sk_buff *skb, int verdict)
{
	struct {
		__u8 zero[2];
		struct gw_icmp6 m;
	} __attribute__((packed, aligned(8))) r = {0};
	const __u32 room = sizeof r.m - sizeof r.m.eth;
	enum gw_answer answer = verdict >> 16 & 0xff;
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_offence o = {0};
	struct gw_ip to;
	__be32 pseudo[2];
	__u64 sum;
	int why;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	o.slot = port->slot;
	if (bpf_skb_load_bytes(skb, 0, &o.eth, sizeof o.eth) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, saddr), &o.from, sizeof o.from) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, daddr), &to, sizeof to))
		return gw_port_drop(o.slot, GW_DROP_MALFORMED);
	o.router = answer == GW_ANSWER_NO_SERVICE ? to : gw_router_of(port->vsid, &o.from, &to);
	why = gw_offence_quote(skb, &o, room);
	if (why)
		return why;
	gw_mac_set(r.m.eth.h_dest, o.eth.h_source);
	gw_mac_set(r.m.eth.h_source, o.eth.h_dest);
	r.m.eth.h_proto = bpf_htons(ETH_P_IPV6);
	r.m.ip.version = 6;
	r.m.ip.payload_len = bpf_htons(8 + o.quote);
	r.m.ip.nexthdr = IPPROTO_ICMPV6;
	r.m.ip.hop_limit = 64;
	__builtin_memcpy(&r.m.ip.saddr, &o.router, sizeof o.router);
	__builtin_memcpy(&r.m.ip.daddr, &o.from, sizeof o.from);
	r.m.type = answer == GW_ANSWER_TOO_BIG ? ICMP6_TOO_BIG_
		   : answer == GW_ANSWER_TIME  ? ICMP6_TIME_
					       : ICMP6_UNREACHABLE_;
	r.m.code = answer == GW_ANSWER_NO_HOST ? 3 : answer == GW_ANSWER_NO_SERVICE ? 4 : 0;
	r.m.mtu = bpf_htonl(verdict & 0xffff);
	pseudo[0] = bpf_htonl(8 + o.quote);
	pseudo[1] = bpf_htonl(IPPROTO_ICMPV6);
	sum = (__u64)o.sum + bpf_csum_diff(0, 0, pseudo, sizeof pseudo, 0);
	sum += bpf_csum_diff(0, 0, (void *)&r.m.ip.saddr, 32, 0);
	sum += bpf_csum_diff(0, 0, (void *)&r.m.type, 8, 0);
	r.m.check = ~gw_fold(sum);
	if (bpf_skb_store_bytes(skb, 0, &r.m, sizeof r.m, 0))
		return gw_port_drop(o.slot, GW_DROP_NO_ROOM);
	return gw_offence_answered(skb, &o, answer);
}

/* The reply goes back; the checksum does not mind that the addresses changed places. */
gw_inline int gw_echo_sent(struct __sk_buff *skb, __u32 slot)
{
	__u8 eth[12] __attribute__((aligned(4))), back[12] __attribute__((aligned(4)));

	if (bpf_skb_load_bytes(skb, 0, eth, sizeof eth))
		return gw_port_drop(slot, GW_DROP_NO_ROOM);
	gw_mac_set(back, eth + 6);
	gw_mac_set(back + 6, eth);
	if (bpf_skb_store_bytes(skb, 0, back, sizeof back, 0))
		return gw_port_drop(slot, GW_DROP_NO_ROOM);
	gw_outcome(GW_OUT_ECHO_ANSWERED);
	return bpf_redirect(skb->ifindex, 0);
}

/*
 * A packet to the router's own address. Every fragment of an echo request becomes one of its reply, with nothing to put
 * together: only the first has the type, and the checksum is of the whole.
 */
gw_function_apart int gw_router4(struct __sk_buff *skb)
{
	const __u32 ttl = GW_ETH_HLEN + offsetof(struct iphdr, ttl),
		    check = GW_ETH_HLEN + offsetof(struct iphdr, check);
	const __be16 request = bpf_htons(ICMP_ECHO_ << 8), reply = bpf_htons(ICMP_ECHO_REPLY_ << 8);
	__u32 ifindex = skb->ifindex, l4;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	__be16 type = 0, hop[2];
	struct iphdr ip;
	__be32 swapped[2];

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, GW_ETH_HLEN, &ip, sizeof ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	l4 = GW_ETH_HLEN + ip.ihl * 4;
	if (ip.protocol == IPPROTO_UDP && !(ip.frag_off & bpf_htons(IP_OFFSET)))
		return GW_ANSWER_OF(GW_ANSWER_NO_SERVICE, 0);
	if (ip.protocol != IPPROTO_ICMP)
		return gw_port_drop(port->slot, GW_DROP_FOR_ROUTER);
	if (!(ip.frag_off & bpf_htons(IP_OFFSET))) {
		if (bpf_skb_load_bytes(skb, l4, &type, sizeof type) || type != request)
			return gw_port_drop(port->slot, GW_DROP_FOR_ROUTER);
		if (bpf_l4_csum_replace(skb, l4 + 2, type, reply, 2) || bpf_skb_store_bytes(skb, l4, &reply, 2, 0))
			return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	}
	swapped[0] = ip.daddr;
	swapped[1] = ip.saddr;
	hop[0] = bpf_htons(ip.ttl << 8 | ip.protocol);
	hop[1] = bpf_htons(64 << 8 | ip.protocol);
	if (bpf_l3_csum_replace(skb, check, hop[0], hop[1], 2) || bpf_skb_store_bytes(skb, ttl, &hop[1], 2, 0) ||
	    bpf_skb_store_bytes(skb, GW_ETH_HLEN + offsetof(struct iphdr, saddr), swapped, sizeof swapped, 0))
		return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	return gw_echo_sent(skb, port->slot);
}

gw_function_apart int gw_router6(struct __sk_buff *skb)
{
	const __be16 request = bpf_htons(ICMP6_ECHO_ << 8), reply = bpf_htons(ICMP6_ECHO_REPLY_ << 8);
	__u32 ifindex = skb->ifindex, l4 = GW_ETH_HLEN + sizeof(struct ipv6hdr);
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_ip swapped[2];
	struct {
		__u8 next, zero;
		__be16 where;
	} fragment = {0};
	__be16 type = 0;
	__u8 next, hops = 64;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, nexthdr), &next, 1) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, saddr), &swapped[1], sizeof swapped[1]) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, daddr), &swapped[0], sizeof swapped[0]))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	if (next == IPPROTO_FRAGMENT) {
		if (bpf_skb_load_bytes(skb, l4, &fragment, sizeof fragment))
			return gw_port_drop(port->slot, GW_DROP_MALFORMED);
		next = fragment.next;
		l4 += 8;
	}
	if (next == IPPROTO_UDP && !(fragment.where & bpf_htons(0xfff8)))
		return GW_ANSWER_OF(GW_ANSWER_NO_SERVICE, 0);
	if (next != IPPROTO_ICMPV6)
		return gw_port_drop(port->slot, GW_DROP_FOR_ROUTER);
	if (!(fragment.where & bpf_htons(0xfff8))) {
		if (bpf_skb_load_bytes(skb, l4, &type, sizeof type) || type != request)
			return gw_port_drop(port->slot, GW_DROP_FOR_ROUTER);
		if (bpf_l4_csum_replace(skb, l4 + 2, type, reply, 2) || bpf_skb_store_bytes(skb, l4, &reply, 2, 0))
			return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	}
	if (bpf_skb_store_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, hop_limit), &hops, 1, 0) ||
	    bpf_skb_store_bytes(skb, GW_ETH_HLEN + offsetof(struct ipv6hdr, saddr), swapped, sizeof swapped, 0))
		return gw_port_drop(port->slot, GW_DROP_NO_ROOM);
	return gw_echo_sent(skb, port->slot);
}

#endif
