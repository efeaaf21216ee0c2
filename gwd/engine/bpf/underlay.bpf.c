/*
 * underlay.bpf.c - what the underlay network sends: tc ingress of every interface that has a provider address.
 *
 *   not UDP to the VXLAN port or GRE, or not to a provider address of ours -> the host's own stack; where the interface is also
 *                                                                             the [external] one, as edge.h says
 *   tunnel packet -> outer headers sound? -> inner frame for a port here, from a known peer? -> ECN (RFC 6040)
 *       TCP for taps, UDP super-packets, UDP checksums -> the kernel's tunnel device (device.bpf.c), which leaves no stale
 *                                                         offload state behind, and verifies checksums
 *       all else                                       -> decapsulated here, delivered; what is for a virtual gateway and of
 *                                                         an established flow goes straight outside (fast.h)
 */
#include "lib/decap.h"
#include "lib/edge.h"
#include "lib/way.h"
#include "lib/encap.h"

/*
 * The lowest provider address, which most tunnel packets come to, in network byte order; others are looked up. It comes and goes
 * while the programs run: to read it costs them what a constant does.
 */
volatile __u32 lowest_pa SEC(".data");

struct gw_outer {
	struct gw_ip source;
	__u8 hop[6]; /* outer source MAC address */
	__u32 vsid;
	__u32 len;   /* from the outer IP header to the inner IP header */
	__u32 total; /* outer IP length */
	__u8 encap;
	__u8 tos;
	bool checksummed; /* VXLAN with a UDP checksum */
};

#define GW_IP_OFF   GW_ETH_HLEN
#define GW_L4_OFF   (GW_ETH_HLEN + sizeof(struct iphdr))
#define GW_NOT_OURS 0xffff

/* ENC-6. Everything in the first 8 bytes behind the IP header is readable. */
gw_inline __u32 gw_gre_check(const __u8 *l4, struct gw_outer *o)
{
	__u16 flags = bpf_ntohs(*(const __be16 *)l4), proto = bpf_ntohs(*(const __be16 *)(l4 + 2));

	if (flags & GRE_VER)
		return 1 + GW_DROP_GRE_VERSION;
	if (flags & GRE_BAD)
		return 1 + GW_DROP_GRE_FLAGS;
	if (!(flags & GRE_K))
		return 1 + GW_DROP_GRE_NO_KEY;
	if (proto != ETH_P_TEB_)
		return 1 + GW_DROP_GRE_PROTOCOL;
	o->encap = GW_ABI_NVGRE;
	o->len = GW_NVGRE_OVERHEAD;
	o->vsid = bpf_ntohl(*(const __be32 *)(l4 + 4)) >> 8;
	return 0;
}

gw_inline __u32 gw_vxlan_check(const __u8 *l4, __u32 l4_len, struct gw_outer *o)
{
	const struct udphdr *udp = (const void *)l4;

	if (bpf_ntohs(udp->len) != l4_len)
		return 1 + GW_DROP_OUTER_MALFORMED;
	if (!(bpf_ntohl(*(const __be32 *)(l4 + 8)) & VXLAN_I))
		return 1 + GW_DROP_VXLAN_FLAGS;
	o->encap = GW_ABI_VXLAN;
	o->len = GW_VXLAN_OVERHEAD;
	o->vsid = bpf_ntohl(*(const __be32 *)(l4 + 12)) >> 8;
	o->checksummed = udp->check;
	return 0;
}

/*
 * Whether this is UDP to the VXLAN port, or GRE. The ports of a later fragment are not known: the stack gets it, and drops
 * it with the first one missing.
 */
gw_inline bool gw_is_tunnel(struct __sk_buff *skb, const struct iphdr *ip)
{
	__be16 port;

	if (ip->version != 4 || ip->ihl < 5)
		return false;
	if (ip->protocol == IPPROTO_GRE)
		return true;
	if (ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(IP_OFFSET)))
		return false;
	return !bpf_skb_load_bytes(skb, GW_IP_OFF + ip->ihl * 4 + offsetof(struct udphdr, dest), &port, sizeof port) &&
	       port == bpf_htons(params.vxlan_port);
}

/*
 * 0: a sound tunnel packet to one of our provider addresses, described in *o. GW_NOT_OURS: the stack's. Else a drop reason
 * plus 1. A packet is ours from the moment that it is a tunnel packet to a PA; whatever is wrong with it then is counted.
 */
gw_inline __u32 gw_outer_parse(struct __sk_buff *skb, struct gw_outer *o)
{
	struct gw_ip pa;
	struct iphdr *ip;
	__u32 need, sum;
	__u16 frag;
	bool udp;

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present || skb->pkt_type == PACKET_OTHERHOST ||
	    !gw_have(skb, GW_L4_OFF))
		return GW_NOT_OURS;
	ip = gw_data(skb) + GW_IP_OFF;
	if ((void *)(ip + 1) > gw_end(skb) || !gw_is_tunnel(skb, ip))
		return GW_NOT_OURS;
	udp = ip->protocol == IPPROTO_UDP;
	frag = bpf_ntohs(ip->frag_off);
	if (unlikely(ip->daddr != lowest_pa)) {
		pa = gw_ip_v4(ip->daddr);
		if (!bpf_map_lookup_elem(&provider_addresses, &pa))
			return GW_NOT_OURS;
	}
	if (ip->ihl != 5)
		return 1 + GW_DROP_OUTER_OPTIONS;
	if (frag & (IP_MF | IP_OFFSET))
		return 1 + GW_DROP_OUTER_FRAGMENT;
	sum = bpf_csum_diff(0, 0, (void *)ip, sizeof *ip, 0);
	if (gw_fold(sum) != 0xffff)
		return 1 + GW_DROP_OUTER_CHECKSUM;
	o->total = bpf_ntohs(ip->tot_len);
	o->tos = ip->tos;
	o->source = gw_ip_v4(ip->saddr);
	gw_mac_set(o->hop, ((struct ethhdr *)((void *)ip - GW_IP_OFF))->h_source);
	need = udp ? GW_VXLAN_OVERHEAD : GW_NVGRE_OVERHEAD;
	if (skb->len < GW_IP_OFF + need || (!skb->gso_size && skb->len < GW_IP_OFF + o->total) || o->total < need)
		return 1 + GW_DROP_OUTER_MALFORMED;
	if (!gw_have(skb, GW_IP_OFF + need))
		return 1 + GW_DROP_OUTER_MALFORMED;
	ip = gw_data(skb) + GW_IP_OFF;
	if (udp) {
		if ((void *)ip + GW_VXLAN_OVERHEAD > gw_end(skb))
			return 1 + GW_DROP_OUTER_MALFORMED;
		return gw_vxlan_check((void *)(ip + 1), o->total - sizeof *ip, o);
	}
	if ((void *)ip + GW_NVGRE_OVERHEAD > gw_end(skb))
		return 1 + GW_DROP_OUTER_MALFORMED;
	return gw_gre_check((void *)(ip + 1), o);
}

/* Reads the inner frame's headers. False: it is too short for what it says it is. */
gw_inline bool gw_inner_parse(struct __sk_buff *skb, const struct gw_outer *o, struct gw_inner *in)
{
	__u32 off = GW_IP_OFF + o->len;
	__u32 end = skb->gso_size ? skb->len : GW_IP_OFF + o->total; /* what is behind it is padding */
	__u8 head[10] __attribute__((aligned(8)));

	if (bpf_skb_load_bytes(skb, off - GW_ETH_HLEN, &in->eth, sizeof in->eth))
		return false;
	in->v4 = in->eth.h_proto == bpf_htons(ETH_P_IP);
	in->v6 = in->eth.h_proto == bpf_htons(ETH_P_IPV6);
	if (!in->v4 && !in->v6)
		return true;
	if (end < off + (in->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) ||
	    bpf_skb_load_bytes(skb, off, head, sizeof head) || head[0] >> 4 != (in->v4 ? 4 : 6))
		return false;
	in->proto = in->v4 ? head[9] : head[6];
	in->tos = in->v4 ? head[1] : (__u8)(head[0] << 4 | head[1] >> 4);
	return true;
}

/*
 * Takes the outer headers off in front of IPv6 on kernels that cannot be told that it comes first now: a translation to IPv6
 * tells them. It makes room where half of the IPv6 header was, which is taken off too, and put back.
 */
gw_inline bool gw_strip_to_v6(struct __sk_buff *skb, const struct gw_outer *o)
{
	__u32 half[5]; /* what an IPv6 header has more than one of IPv4 */

	return !bpf_skb_load_bytes(skb, GW_IP_OFF + o->len, half, sizeof half) &&
	       !bpf_skb_adjust_room(skb, -(__s32)(o->len + sizeof half), BPF_ADJ_ROOM_MAC, 0) &&
	       !bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0) &&
	       !bpf_skb_store_bytes(skb, GW_IP_OFF, half, sizeof half, BPF_F_RECOMPUTE_CSUM);
}

/* Takes the tunnel header off and delivers. */
gw_inline int gw_decap(struct __sk_buff *skb, const struct gw_outer *o, const struct gw_inner *in,
		       const struct gw_bpf_mac *to)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	bool proto_known = in->v4, stripped;
	int ecn = gw_ecn_combine(o->tos & ECN_MASK, in->tos & ECN_MASK);

	if (in->v4 || in->v6) {
		if (ecn < 0)
			return gw_port_drop(to->slot, GW_DROP_ECN);
		if (unlikely(ecn != (in->tos & ECN_MASK)) && !gw_ecn_write(skb, GW_IP_OFF + o->len, in, ecn))
			return gw_port_drop(to->slot, GW_DROP_NO_ROOM);
	}
	if (unlikely(!skb->gso_size && skb->len > GW_IP_OFF + o->total) &&
	    bpf_skb_change_tail(skb, GW_IP_OFF + o->total, 0))
		return gw_port_drop(to->slot, GW_DROP_NO_ROOM);
	if (in->v6 && !params.decap_l3 && !skb->gso_size) {
		stripped = gw_strip_to_v6(skb, o);
		proto_known = true;
	} else {
		if (in->v6 && params.decap_l3) {
			flags |= GW_ROOM_DECAP_L3_IPV6;
			proto_known = true;
		}
		stripped = !bpf_skb_adjust_room(skb, -(__s32)o->len, BPF_ADJ_ROOM_MAC, flags);
	}
	if (!stripped || bpf_skb_store_bytes(skb, 0, &in->eth, sizeof in->eth, 0))
		return gw_port_drop(to->slot, GW_DROP_NO_ROOM);
	return gw_receive(skb, to, proto_known, GW_OUT_DECAPSULATED);
}

/* The kernel's devices drop packets with reserved bits set; they are to be ignored (ENC-2, ENC-6). */
gw_inline bool gw_clear_reserved_vxlan(struct __sk_buff *skb, const struct gw_outer *o)
{
	__be32 clean[2] = {bpf_htonl(VXLAN_I), bpf_htonl(o->vsid << 8)}, now[2];
	__u32 off = GW_L4_OFF + sizeof(struct udphdr), check = GW_L4_OFF + offsetof(struct udphdr, check);

	if (bpf_skb_load_bytes(skb, off, now, sizeof now))
		return false;
	if (likely(now[0] == clean[0] && now[1] == clean[1]))
		return true;
	if (o->checksummed && (bpf_l4_csum_replace(skb, check, now[0], clean[0], 4 | BPF_F_MARK_MANGLED_0) ||
			       bpf_l4_csum_replace(skb, check, now[1], clean[1], 4 | BPF_F_MARK_MANGLED_0)))
		return false;
	return !bpf_skb_store_bytes(skb, off, clean, sizeof clean, 0);
}

/* Without a checksum: those that have one were refused. */
gw_inline bool gw_clear_reserved_nvgre(struct __sk_buff *skb)
{
	__be16 clean = bpf_htons(GRE_K), now;

	if (bpf_skb_load_bytes(skb, GW_L4_OFF, &now, sizeof now))
		return false;
	return likely(now == clean) || !bpf_skb_store_bytes(skb, GW_L4_OFF, &clean, sizeof clean, 0);
}

gw_inline int gw_to_device(struct __sk_buff *skb, const struct gw_outer *o)
{
	if (!(o->encap == GW_ABI_VXLAN ? gw_clear_reserved_vxlan(skb, o) : gw_clear_reserved_nvgre(skb)))
		return gw_drop(GW_DROP_NO_ROOM);
	skb->mark = params.mark;
	gw_outcome(GW_OUT_TO_DEVICE);
	return TC_ACT_OK;
}

/*
 * What only the kernel's device can take out of its tunnel: UDP checksums, which it verifies, and super-packets, whose offload
 * state it mends. The stack of a namespace takes TCP super-packets as they are, and encap.h what that stack passes on; a tap
 * does not, and what the kernel aggregates behind the device is worth the detour there.
 */
gw_inline bool gw_needs_device(const struct __sk_buff *skb, const struct gw_outer *o, const struct gw_inner *in,
			       const struct gw_bpf_mac *to)
{
	if (o->checksummed)
		return true;
	if (in->proto == IPPROTO_TCP && to->port_flags & GW_PORT_PEER)
		return in->v6 && !params.decap_l3;
	return in->proto == IPPROTO_TCP || skb->gso_size;
}

/*
 * The short way of most packets: headers as they are everywhere, IPv4 inside, a sender and a destination that were seen
 * before. GW_LONG_WAY: whatever is odd about it, the rest of gw_underlay_in sees to it.
 */
#define GW_LONG_WAY -1

/* `len` bytes from the outer to the inner IP header, of `total` that the outer one says. */
gw_inline int gw_received_plain(struct __sk_buff *skb, __u32 len, __u32 total, __u32 vsid)
{
	void *data = gw_data(skb);
	struct ethhdr *eth = data;
	const struct iphdr *ip = data + GW_IP_OFF, *inner = data + GW_IP_OFF + len;
	const struct ethhdr *in = (const void *)inner - GW_ETH_HLEN;
	const __u32 *w = (const void *)ip;
	struct gw_bpf_received *r;
	struct ethhdr keep;
	__u32 i;

	if ((void *)(inner + 1) > gw_end(skb) || total < len + sizeof *inner)
		return GW_LONG_WAY;
	if (in->h_proto != bpf_htons(ETH_P_IP) || inner->version != 4 || (ip->tos ^ inner->tos) & ECN_MASK ||
	    in->h_source[0] & 1 || gw_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff)
		return GW_LONG_WAY;
	i = gw_mix(gw_mix(vsid, *(const __u32 *)(in->h_dest + 2)), ip->saddr);
	i = (i ^ i >> 16) & (GW_RECEIVED_MAX - 1);
	r = bpf_map_lookup_elem(&received, &i);
	if (!r)
		return GW_LONG_WAY;
	if (unlikely(r->vsid != vsid || r->source != ip->saddr || !gw_mac_same(r->mac, in->h_dest) ||
		     !gw_mac_same(r->hop, eth->h_source) || r->generation != gw_generation(r->to.slot))) {
		struct gw_ip source = gw_ip_v4(ip->saddr);
		struct gw_bpf_mac to;
		__u32 generation, slot;

		/* The generation must be older than what is remembered under it, and only the port tells which one. */
		if (gw_inner_check(in, vsid, &to))
			return GW_LONG_WAY;
		slot = to.slot;
		generation = gw_generation(slot);
		if (gw_inner_check(in, vsid, &to) || to.slot != slot ||
		    !gw_peer_known(to.domain, &source, eth->h_source))
			return GW_LONG_WAY;
		r->generation = generation;
		r->vsid = vsid;
		r->source = ip->saddr;
		gw_mac_set(r->mac, in->h_dest);
		gw_mac_set(r->hop, eth->h_source);
		r->to = to;
	}
	if (inner->protocol == IPPROTO_TCP ? !(r->to.port_flags & GW_PORT_PEER) : skb->gso_size)
		return GW_LONG_WAY;
	if (params.fast && r->to.port_flags & GW_PORT_VRF) {
		int verdict = gw_fast_out(skb, len, &r->to);

		if (likely(verdict != GW_SLOW_WAY))
			return verdict;
		ip = gw_data(skb) + GW_IP_OFF;
		in = (const void *)ip + len - GW_ETH_HLEN;
		if ((void *)(in + 1) > gw_end(skb))
			return GW_LONG_WAY;
	}
	keep = *in;
	if (bpf_skb_adjust_room(skb, -(__s32)len, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return gw_port_drop(r->to.slot, GW_DROP_NO_ROOM);
	eth = gw_data(skb);
	if ((void *)(eth + 1) > gw_end(skb))
		return gw_port_drop(r->to.slot, GW_DROP_NO_ROOM);
	*eth = keep;
	return gw_receive(skb, &r->to, true, GW_OUT_DECAPSULATED);
}

gw_inline int gw_underlay_plain(struct __sk_buff *skb)
{
	const struct iphdr *ip = gw_data(skb) + GW_IP_OFF;
	const struct udphdr *udp = (const void *)(ip + 1);
	const __be32 *vxlan = (const void *)(udp + 1), *gre = (const void *)(ip + 1);
	__u32 total;

	if ((void *)(vxlan + 2) > gw_end(skb) || skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present ||
	    skb->pkt_type == PACKET_OTHERHOST)
		return GW_LONG_WAY;
	total = bpf_ntohs(ip->tot_len);
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET) || ip->daddr != lowest_pa ||
	    skb->len != GW_IP_OFF + total)
		return GW_LONG_WAY;
	if (ip->protocol == IPPROTO_UDP && udp->dest == bpf_htons(params.vxlan_port) && !udp->check &&
	    bpf_ntohs(udp->len) == total - sizeof *ip && vxlan[0] & bpf_htonl(VXLAN_I))
		return gw_received_plain(skb, GW_VXLAN_OVERHEAD, total, bpf_ntohl(vxlan[1]) >> 8);
	if (ip->protocol == IPPROTO_GRE && gre[0] == bpf_htonl(GRE_K << 16 | ETH_P_TEB_))
		return gw_received_plain(skb, GW_NVGRE_OVERHEAD, total, bpf_ntohl(gre[1]) >> 8);
	return GW_LONG_WAY;
}

SEC("tc")
int gw_underlay_in(struct __sk_buff *skb)
{
	struct gw_outer o = {0};
	struct gw_inner in = {0};
	struct gw_bpf_mac to;
	bool device;
	int verdict;
	__u32 why;

	verdict = gw_underlay_plain(skb);
	if (likely(verdict != GW_LONG_WAY))
		return verdict;
	if (unlikely(gw_may_be_segments(skb))) {
		verdict = gw_from_segment(skb);
		if (verdict != GW_NO_WAY)
			return verdict;
	}
	if (skb->ifindex == params.external) {
		verdict = gw_from_tunnel(skb);
		if (verdict != GW_NO_WAY)
			return verdict;
	}
	why = gw_outer_parse(skb, &o);
	if (why == GW_NOT_OURS) {
		if (unlikely(skb->ifindex == params.external)) {
			verdict = gw_edge(skb);
			if (verdict != GW_NOT_PUBLIC)
				return verdict;
		}
		gw_outcome(GW_OUT_TO_STACK);
		return TC_ACT_OK;
	}
	if (why)
		return gw_drop(why - 1);
	if (!gw_inner_parse(skb, &o, &in))
		return gw_drop(GW_DROP_INNER_MALFORMED);
	why = gw_inner_check(&in.eth, o.vsid, &to);
	if (why)
		return gw_drop(why - 1);
	if (!gw_peer_known(to.domain, &o.source, o.hop))
		return gw_port_drop(to.slot, GW_DROP_UNKNOWN_PEER);
	device = o.encap == GW_ABI_VXLAN ? params.vxlan_device : params.nvgre_device;
	if (device && gw_needs_device(skb, &o, &in, &to)) {
		if ((in.v4 || in.v6) && gw_ecn_combine(o.tos & ECN_MASK, in.tos & ECN_MASK) < 0)
			return gw_port_drop(to.slot, GW_DROP_ECN);
		return gw_to_device(skb, &o);
	}
	if (o.checksummed)
		return gw_port_drop(to.slot, GW_DROP_UNVERIFIED);
	return gw_decap(skb, &o, &in, &to);
}

char gw_license[] __weak SEC("license") = "GPL";
