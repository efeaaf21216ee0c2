/*
 * icmp.h - "packet too big" towards a VM (MTU-1): the offending frame is cut to its first bytes, an IP and an ICMP header
 * are put in front of them, and it goes back where it came from. The sender is the subnet's router address; where no
 * customer route tells the subnet, the destination itself.
 *
 * The length of the quote is fixed, so that checksums need no loop: packets that are answered are longer than any tunnel
 * MTU. It must not end before the checksum field of a packet whose checksum the sender left to the hardware.
 */
#ifndef GW_BPF_ICMP_H
#define GW_BPF_ICMP_H

#include "count.h"

#define GW_QUOTE 512

#define ICMP_DEST_UNREACH_ 3
#define ICMP_FRAG_NEEDED_  4
#define ICMP6_TOO_BIG	   2

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

gw_inline struct gw_ip gw_router_of(__u32 vsid, const struct gw_ip *addr, const struct gw_ip *otherwise)
{
	struct gw_subnet_key key = {.prefixlen = 32 + 128, .vsid = bpf_htonl(vsid), .addr = *addr};
	struct gw_bpf_subnet *subnet = bpf_map_lookup_elem(&subnets, &key);

	return subnet ? subnet->router : *otherwise;
}

/* Cuts the frame to its quote and returns the checksum of it, or a negative value. */
gw_inline __s64 gw_quote(struct __sk_buff *skb)
{
	void *data;

	if (skb->len < GW_ETH_HLEN + GW_QUOTE || bpf_skb_change_tail(skb, GW_ETH_HLEN + GW_QUOTE, 0) ||
	    bpf_skb_pull_data(skb, GW_ETH_HLEN + GW_QUOTE))
		return -1;
	data = gw_data(skb);
	if (data + GW_ETH_HLEN + GW_QUOTE > gw_end(skb))
		return -1;
	return (__u32)bpf_csum_diff(0, 0, data + GW_ETH_HLEN, GW_QUOTE, 0);
}

gw_inline int gw_icmp_sent(struct __sk_buff *skb)
{
	gw_outcome(GW_OUT_ICMP_ANSWERED);
	return bpf_redirect(skb->ifindex, 0);
}

/* Not inlined in its callers' frames: 512 bytes of stack are all that one BPF function has. */
static __noinline int gw_too_big4(struct __sk_buff *skb, __u32 mtu)
{
	struct {
		__u8 zero[2];
		struct gw_icmp4 m;
	} __attribute__((packed, aligned(8))) r = {0};
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_ip from, to, router;
	struct iphdr *ip;
	struct ethhdr *eth;
	__s64 sum;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	gw_mac_set(r.m.eth.h_dest, eth->h_source);
	gw_mac_set(r.m.eth.h_source, eth->h_dest);
	r.m.eth.h_proto = bpf_htons(ETH_P_IP);
	from = gw_ip_v4(ip->saddr);
	to = gw_ip_v4(ip->daddr);
	router = gw_router_of(port->vsid, &from, &to);
	sum = gw_quote(skb);
	if (sum < 0 || bpf_skb_adjust_room(skb, sizeof r.m - sizeof r.m.eth, BPF_ADJ_ROOM_MAC, 0))
		return gw_port_drop(port->slot, GW_DROP_TOO_BIG);
	r.m.ip.version = 4;
	r.m.ip.ihl = 5;
	r.m.ip.tos = 0xc0;
	r.m.ip.tot_len = bpf_htons(sizeof r.m - sizeof r.m.eth + GW_QUOTE);
	r.m.ip.ttl = 64;
	r.m.ip.protocol = IPPROTO_ICMP;
	r.m.ip.saddr = router.w[3];
	r.m.ip.daddr = from.w[3];
	r.m.ip.check = ~gw_fold(bpf_csum_diff(0, 0, (void *)&r.m.ip, sizeof r.m.ip, 0));
	r.m.type = ICMP_DEST_UNREACH_;
	r.m.code = ICMP_FRAG_NEEDED_;
	r.m.mtu = bpf_htons(mtu);
	r.m.check = ~gw_fold((__u64)sum + bpf_csum_diff(0, 0, (void *)&r.m.type, 8, 0));
	if (bpf_skb_store_bytes(skb, 0, &r.m, sizeof r.m, 0))
		return gw_port_drop(port->slot, GW_DROP_TOO_BIG);
	return gw_icmp_sent(skb);
}

static __noinline int gw_too_big6(struct __sk_buff *skb, __u32 mtu)
{
	struct {
		__u8 zero[2];
		struct gw_icmp6 m;
	} __attribute__((packed, aligned(8))) r = {0};
	__be32 pseudo[2] = {bpf_htonl(8 + GW_QUOTE), bpf_htonl(IPPROTO_ICMPV6)};
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_ip from, to, router;
	struct ipv6hdr *ip;
	struct ethhdr *eth;
	__s64 sum;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	gw_mac_set(r.m.eth.h_dest, eth->h_source);
	gw_mac_set(r.m.eth.h_source, eth->h_dest);
	r.m.eth.h_proto = bpf_htons(ETH_P_IPV6);
	from = gw_ip_v6(&ip->saddr);
	to = gw_ip_v6(&ip->daddr);
	router = gw_router_of(port->vsid, &from, &to);
	sum = gw_quote(skb);
	if (sum < 0 || bpf_skb_adjust_room(skb, sizeof r.m - sizeof r.m.eth, BPF_ADJ_ROOM_MAC, 0))
		return gw_port_drop(port->slot, GW_DROP_TOO_BIG);
	r.m.ip.version = 6;
	r.m.ip.payload_len = bpf_htons(8 + GW_QUOTE);
	r.m.ip.nexthdr = IPPROTO_ICMPV6;
	r.m.ip.hop_limit = 64;
	__builtin_memcpy(&r.m.ip.saddr, &router, sizeof router);
	__builtin_memcpy(&r.m.ip.daddr, &from, sizeof from);
	r.m.type = ICMP6_TOO_BIG;
	r.m.mtu = bpf_htonl(mtu);
	sum += bpf_csum_diff(0, 0, pseudo, sizeof pseudo, 0);
	sum += bpf_csum_diff(0, 0, (void *)&r.m.ip.saddr, 32, 0);
	sum += bpf_csum_diff(0, 0, (void *)&r.m.type, 8, 0);
	r.m.check = ~gw_fold(sum);
	if (bpf_skb_store_bytes(skb, 0, &r.m, sizeof r.m, 0))
		return gw_port_drop(port->slot, GW_DROP_TOO_BIG);
	return gw_icmp_sent(skb);
}

#endif
