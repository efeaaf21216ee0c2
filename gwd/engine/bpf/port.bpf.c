/*
 * port.bpf.c - what a VM sends: tc ingress of every port (tap, or the host end of a veth).
 *
 *   frame -> tag off -> ARP, ND: answered here (resolve.h)
 *                    -> IP: flow cache hit -> encapsulate, or deliver to another port
 *                           miss -> walk: own MAC and address? -> record or MAC table -> verdict -> cache -> the same
 *                    -> other: walk, no cache
 *
 * The walk decides, the cache only remembers: a flow is believed while its generation is the port's and its MAC addresses
 * are the frame's. User space changes the maps first and the generation after.
 */
#include "lib/deliver.h"
#include "lib/encap.h"
#include "lib/icmp.h"
#include "lib/resolve.h"

/* What the walk and the send need to know of an IP packet. */
struct gw_packet {
	__u32 l3_len;  /* IP packet with header; for a super-packet one segment of it */
	__u32 l3_said; /* the same as the IP header has it */
	__u32 l4_off;  /* from the IP header */
	__u16 sport, dport;
	__u8 proto;
	__u8 fragment;
	__u8 tos;
	__u8 may_answer; /* IPv4 with DF, IPv6: too large is answered */
};

/*
 * What the functions for each protocol return besides TC actions. The calls that follow are made by gw_port_in itself, since
 * all frames of a call chain share 512 bytes of stack.
 */
#define GW_SWITCH_FRAME	  -1
#define GW_ANSWER_TOO_BIG 0x10000 /* | MTU */

gw_inline __u32 gw_generation(__u32 slot)
{
	__u32 *g = bpf_map_lookup_elem(&generations, &slot);

	return g ? *g : 0;
}

/* Where frames for a MAC address of this virtual subnet go, into f; 0 or a drop reason + 1. */
gw_inline __u32 gw_walk_mac(struct gw_bpf_flow *f, const struct gw_bpf_port *port, const struct gw_bpf_record *rec,
			    bool has_rec, const struct ethhdr *eth, __u32 hash)
{
	struct gw_mac_key key = {.vsid = port->vsid};
	struct gw_bpf_mac *m;
	struct gw_ip pa;
	bool local, known;

	gw_mac_set(key.mac, eth->h_dest);
	m = bpf_map_lookup_elem(&macs, &key);
	if (has_rec && gw_mac_same(rec->mac, eth->h_dest)) {
		known = true;
		pa = rec->pa;
		f->encap = rec->encap;
		local = rec->flags & GW_RECORD_LOCAL;
	} else if (m && m->vsid == port->vsid) {
		known = m->record_flags & GW_MAC_HAS_PA;
		pa = m->pa;
		f->encap = m->encap;
		local = !known || m->record_flags & GW_RECORD_LOCAL;
	} else {
		return 1 + (gw_is_router(eth->h_dest) ? GW_DROP_NO_ROUTE : GW_DROP_NO_RECORD);
	}
	if (!local) {
		if (!port->underlay)
			return 1 + GW_DROP_NO_SOURCE_PA;
		gw_outer_build(f, port, &pa, port->vsid, hash, eth);
		return 0;
	}
	if (!m || m->vsid != port->vsid || !m->port)
		return 1 + GW_DROP_NO_LOCAL_PORT;
	f->action = GW_FLOW_LOCAL;
	f->oif = m->port;
	f->mtu = m->mtu;
	f->rx_slot = m->slot;
	f->peer = m->port_flags & GW_PORT_PEER;
	return 0;
}

/* The walk for an IP packet (FWD-3, ACL-3). */
gw_inline __u32 gw_walk_ip(struct gw_bpf_flow *f, const struct gw_bpf_port *port, const struct ethhdr *eth,
			   const struct gw_ip *src, const struct gw_ip *dst, __u32 hash)
{
	struct gw_bpf_record rec = {};
	bool has_rec;

	if (!gw_mac_same(eth->h_source, port->mac))
		return 1 + GW_DROP_SPOOF_MAC;
	if (eth->h_dest[0] & 1)
		return 1 + GW_DROP_FLOOD;
	if (!gw_owns(port, src))
		return 1 + GW_DROP_SPOOF_ADDRESS;
	has_rec = gw_record_of(port->vsid, dst, &rec);
	gw_mac_set(f->eth, eth->h_dest);
	gw_mac_set(f->eth + 6, eth->h_source);
	return gw_walk_mac(f, port, &rec, has_rec, eth, hash);
}

/* Errors are not answered with errors (RFC 1122, RFC 4443). */
gw_inline bool gw_is_icmp_error(struct __sk_buff *skb, const struct gw_packet *p)
{
	__u8 type;

	if ((p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + p->l4_off, &type, 1))
		return false;
	if (p->proto == IPPROTO_ICMPV6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* Carries out a flow's verdict for one packet. */
gw_inline int gw_send(struct __sk_buff *skb, const struct gw_bpf_port *port, const struct gw_bpf_flow *f,
		      const struct gw_packet *p)
{
	__u32 seg = p->l3_len;
	bool keep_gso = true;

	if (unlikely(seg > f->mtu)) {
		/* TCP segments that are too large by no more than the tunnel header are cut smaller by the kernel. */
		if (!(skb->gso_size && p->proto == IPPROTO_TCP && f->action == GW_FLOW_ENCAP &&
		      seg - f->outer_len <= f->mtu)) {
			if (!p->may_answer || gw_is_icmp_error(skb, p))
				return gw_port_drop(port->slot, GW_DROP_TOO_BIG);
			return GW_ANSWER_TOO_BIG | f->mtu;
		}
		keep_gso = false;
	}
	if (f->action == GW_FLOW_ENCAP)
		return gw_encap(skb, f, port, gw_outer_tos(p->tos), keep_gso);
	gw_count_tx(port->slot, port->vsid_slot, skb->len);
	gw_count_rx(f->rx_slot, port->vsid_slot, skb->len);
	gw_outcome(GW_OUT_SWITCHED);
	return gw_deliver(skb, f->oif, f->peer, true);
}

gw_inline bool gw_flow_fits(const struct gw_bpf_flow *f, __u32 generation, const struct ethhdr *eth)
{
	return f->generation == generation && gw_mac_same(f->eth, eth->h_dest) &&
	       gw_mac_same(f->eth + 6, eth->h_source);
}

/*
 * Ports, and the length of a super-packet's segment. False when the packet is shorter than its headers claim. `plain` is
 * the usual offset of the transport header from the start of the frame, where it is read without a call.
 */
gw_inline bool gw_parse_l4(struct __sk_buff *skb, struct gw_packet *p, const __u32 plain)
{
	__u32 off = GW_ETH_HLEN + p->l4_off;
	const __u16 *ports = gw_data(skb) + plain;
	__u16 l4[2];

	if (p->fragment || (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP))
		return true;
	if (unlikely(p->l3_said < p->l4_off + sizeof l4 && !skb->gso_size))
		return false;
	if (likely(off == plain && (void *)(ports + 2) <= gw_end(skb))) {
		p->sport = ports[0];
		p->dport = ports[1];
	} else {
		if (bpf_skb_load_bytes(skb, off, l4, sizeof l4))
			return false;
		p->sport = l4[0];
		p->dport = l4[1];
	}
	if (unlikely(skb->gso_size)) {
		__u32 head = sizeof(struct udphdr);
		__u8 doff;

		if (p->proto == IPPROTO_TCP) {
			if (bpf_skb_load_bytes(skb, off + 12, &doff, 1))
				return false;
			head = (doff >> 4) * 4;
		}
		p->l3_len = p->l4_off + head + skb->gso_size;
	}
	return true;
}

static __noinline int gw_port_ipv4(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex, generation, why;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_flow4_key key = {.port = ifindex};
	struct gw_packet p = {0};
	struct gw_bpf_flow *f, fresh = {0};
	struct gw_ip src, dst;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u32 hash;
	__u16 frag;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	frag = bpf_ntohs(ip->frag_off);
	p.l3_len = skb->len - GW_ETH_HLEN;
	p.l3_said = bpf_ntohs(ip->tot_len);
	p.l4_off = ip->ihl * 4;
	p.proto = ip->protocol;
	p.fragment = !!(frag & (IP_MF | IP_OFFSET));
	p.tos = ip->tos;
	p.may_answer = (frag & IP_DF) && !(frag & IP_OFFSET);
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	if (ip->version != 4 || ip->ihl < 5 || p.l3_said < p.l4_off || (!skb->gso_size && p.l3_said > p.l3_len) ||
	    !gw_parse_l4(skb, &p, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	key.sport = p.sport;
	key.dport = p.dport;
	key.proto = p.proto;
	key.fragment = p.fragment;

	generation = gw_generation(port->slot);
	f = bpf_map_lookup_elem(&flows4, &key);
	if (likely(f && gw_flow_fits(f, generation, eth)))
		goto send;

	src = gw_ip_v4(key.saddr);
	dst = gw_ip_v4(key.daddr);
	hash = gw_mix(gw_mix(gw_mix(key.proto, key.saddr), key.daddr), (__u32)key.sport << 16 | key.dport);
	fresh.generation = generation;
	why = gw_walk_ip(&fresh, port, eth, &src, &dst, gw_mix_end(hash));
	if (why)
		return gw_port_drop(port->slot, why - 1);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	bpf_map_update_elem(&flows4, &key, &fresh, BPF_ANY);
	f = &fresh;
send:
	return gw_send(skb, port, f, &p);
}

static __noinline int gw_port_ipv6(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex, generation, why;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_flow6_key key = {.port = ifindex};
	struct gw_packet p = {0};
	struct gw_bpf_flow *f, fresh = {0};
	struct ethhdr *eth;
	struct ipv6hdr *ip;
	__u32 hash;
	int i;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	p.l3_len = skb->len - GW_ETH_HLEN;
	p.l3_said = sizeof *ip + bpf_ntohs(ip->payload_len);
	p.l4_off = sizeof *ip;
	p.proto = ip->nexthdr;
	p.tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p.may_answer = true;
	key.saddr = gw_ip_v6(&ip->saddr);
	key.daddr = gw_ip_v6(&ip->daddr);
	if (ip->version != 6 || (!skb->gso_size && p.l3_said > p.l3_len) ||
	    !gw_parse_l4(skb, &p, GW_ETH_HLEN + sizeof *ip))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	if (unlikely(gw_ip_is_mapped(&key.saddr) || gw_ip_is_mapped(&key.daddr)))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ADDRESS);
	if (unlikely(gw_is_extension(p.proto)) && gw_nd_hidden(skb, p.proto))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_ARP);
	key.sport = p.sport;
	key.dport = p.dport;
	key.proto = p.proto;

	generation = gw_generation(port->slot);
	f = bpf_map_lookup_elem(&flows6, &key);
	if (likely(f && gw_flow_fits(f, generation, eth)))
		goto send;

	hash = key.proto;
	for (i = 0; i < 4; i++)
		hash = gw_mix(gw_mix(hash, key.saddr.w[i]), key.daddr.w[i]);
	hash = gw_mix(hash, (__u32)key.sport << 16 | key.dport);
	fresh.generation = generation;
	why = gw_walk_ip(&fresh, port, eth, &key.saddr, &key.daddr, gw_mix_end(hash));
	if (why)
		return gw_port_drop(port->slot, why - 1);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	bpf_map_update_elem(&flows6, &key, &fresh, BPF_ANY);
	f = &fresh;
send:
	return gw_send(skb, port, f, &p);
}

/* Frames without a flow: not IP, or unicast neighbour advertisements and ARP replies that resolve.h has checked. */
static __noinline int gw_port_frame(struct __sk_buff *skb, bool is_ipv6)
{
	__u32 ifindex = skb->ifindex, why;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_bpf_flow fresh = {0};
	struct gw_bpf_record none = {};
	struct ethhdr eth;
	__u32 hash;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, 0, &eth, sizeof eth))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	if (!gw_mac_same(eth.h_source, port->mac))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_MAC);
	if (eth.h_dest[0] & 1)
		return gw_port_drop(port->slot, GW_DROP_FLOOD);
	hash = gw_mix(gw_mix(eth.h_proto, *(__u32 *)eth.h_dest), *(__u32 *)(eth.h_source + 2));
	why = gw_walk_mac(&fresh, port, &none, false, &eth, gw_mix_end(hash));
	if (why)
		return gw_port_drop(port->slot, why - 1);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	if (fresh.action == GW_FLOW_ENCAP) {
		if (is_ipv6)
			return gw_encap(skb, &fresh, port, gw_outer_tos(0), true);
		return gw_encap_other(skb, &fresh, port);
	}
	gw_count_tx(port->slot, port->vsid_slot, skb->len);
	gw_count_rx(fresh.rx_slot, port->vsid_slot, skb->len);
	gw_outcome(GW_OUT_SWITCHED);
	return gw_deliver(skb, fresh.oif, fresh.peer, true);
}

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

/* ENC-5: tags are not carried. The outer one is out of line; a second one would take its place. */
gw_inline bool gw_untag(struct __sk_buff *skb)
{
	int i;

#pragma unroll
	for (i = 0; i < 2; i++) {
		if (!skb->vlan_present && skb->protocol != bpf_htons(ETH_P_8021Q) &&
		    skb->protocol != bpf_htons(ETH_P_8021AD))
			return true;
		if (bpf_skb_vlan_pop(skb))
			return false;
	}
	return !skb->vlan_present && skb->protocol != bpf_htons(ETH_P_8021Q) &&
	       skb->protocol != bpf_htons(ETH_P_8021AD);
}

SEC("tc")
int gw_port_in(struct __sk_buff *skb)
{
	int verdict;

	if (unlikely(skb->vlan_present || skb->protocol == bpf_htons(ETH_P_8021Q) ||
		     skb->protocol == bpf_htons(ETH_P_8021AD)) &&
	    !gw_untag(skb)) {
		__u32 ifindex = skb->ifindex;
		struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);

		return port ? gw_port_drop(port->slot, GW_DROP_INNER_VLAN) : gw_drop(GW_DROP_NO_PORT);
	}
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		verdict = gw_port_ipv4(skb);
		if (unlikely(verdict & GW_ANSWER_TOO_BIG))
			return gw_too_big4(skb, verdict & ~GW_ANSWER_TOO_BIG);
		return verdict;
	case bpf_htons(ETH_P_IPV6):
		if (unlikely(gw_is_nd(skb))) {
			verdict = gw_nd_in(skb);
			return verdict == GW_SWITCH_FRAME ? gw_port_frame(skb, true) : verdict;
		}
		verdict = gw_port_ipv6(skb);
		if (unlikely(verdict & GW_ANSWER_TOO_BIG))
			return gw_too_big6(skb, verdict & ~GW_ANSWER_TOO_BIG);
		return verdict;
	case bpf_htons(ETH_P_ARP):
		verdict = gw_arp_in(skb);
		return verdict == GW_SWITCH_FRAME ? gw_port_frame(skb, false) : verdict;
	default:
		return gw_port_frame(skb, false);
	}
}

char gw_license[] __weak SEC("license") = "GPL";
