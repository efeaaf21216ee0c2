/*
 * encap.h - building the outer headers (ENC-1, ENC-2, ENC-3, ENC-7) and sending a frame through a tunnel.
 *
 * All that is equal for the packets of a flow is made once, by gw_outer_build, and kept in the flow cache; what differs
 * from packet to packet (length, TOS, checksum) is filled in by gw_encap.
 */
#ifndef GW_BPF_ENCAP_H
#define GW_BPF_ENCAP_H

#include "count.h"

struct gw_vxlan_outer { /* as on the wire, then padding */
	struct iphdr ip;
	struct udphdr udp;
	__be32 flags, vni;
	struct ethhdr eth;
	__u8 zero[2];
} __attribute__((aligned(8)));

struct gw_nvgre_outer {
	struct iphdr ip;
	__be16 flags, proto;
	__be32 key;
	struct ethhdr eth;
	__u8 zero[2];
} __attribute__((aligned(8)));

#define GRE_K	   0x2000
#define GRE_BAD	   (0x8000 | 0x4000 | 0x1000 | 0x0800 | 0x0400) /* ENC-6: bits 0, 1, 3, 4, 5 */
#define GRE_VER	   0x0007
#define VXLAN_I	   0x08000000
#define ETH_P_TEB_ 0x6558

#define GW_VXLAN_ENTROPY(hash) (49152 | ((hash)&0x3fff))
#define GW_NVGRE_ENTROPY(hash) ((hash)&0xff)

gw_inline __u32 gw_overhead(__u8 encap)
{
	return encap == GW_ABI_VXLAN ? GW_VXLAN_OVERHEAD : GW_NVGRE_OVERHEAD;
}

/* `eth` is the inner Ethernet header as it goes on the wire. */
gw_inline void gw_outer_build(struct gw_bpf_flow *f, const struct gw_bpf_port *port, const struct gw_ip *to, __u32 vsid,
			      __u32 hash, const struct ethhdr *eth)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.frag_off = bpf_htons(IP_DF),
		.ttl = params.ttl,
		.saddr = port->pa.w[3],
		.daddr = to->w[3],
	};

	f->action = GW_FLOW_ENCAP;
	f->oif = port->underlay;
	f->mtu = params.inner_mtu[f->encap & 1];
	f->next_hop = ((to->w[3] ^ port->pa.w[3]) & port->on_link) || !port->on_link ? 0 : to->w[3];
	if (f->encap == GW_ABI_VXLAN) {
		struct gw_vxlan_outer *o = (void *)f->outer;

		ip.protocol = IPPROTO_UDP;
		o->ip = ip;
		o->udp.source = bpf_htons(GW_VXLAN_ENTROPY(hash));
		o->udp.dest = bpf_htons(params.vxlan_port);
		o->flags = bpf_htonl(VXLAN_I);
		o->vni = bpf_htonl(vsid << 8);
		o->eth = *eth;
	} else {
		struct gw_nvgre_outer *o = (void *)f->outer;

		ip.protocol = IPPROTO_GRE;
		o->ip = ip;
		o->flags = bpf_htons(GRE_K);
		o->proto = bpf_htons(ETH_P_TEB_);
		o->key = bpf_htonl(vsid << 8 | GW_NVGRE_ENTROPY(hash));
		o->eth = *eth;
	}
	ip.version = 0;
	ip.ihl = 0; /* the first word depends on the packet's TOS */
	f->ip_sum = bpf_csum_diff(0, 0, (void *)&ip, sizeof ip, 0);
}

/* The outer TOS: ECN always copied, DSCP copied or fixed (ENC-7). */
gw_inline __u8 gw_outer_tos(__u8 inner)
{
	if (params.dscp < 0)
		return inner;
	return params.dscp << 2 | (inner & ECN_MASK);
}

/* The outer headers of one packet on the stack, aligned for word-wise copies. */
struct gw_outer_buf {
	union {
		struct iphdr ip;
		struct gw_vxlan_outer vxlan;
		struct gw_nvgre_outer nvgre;
	};
};

/* Copies the flow's headers and completes them for a frame of this length; returns their length. */
gw_inline __u32 gw_outer_finish(struct gw_outer_buf *o, const struct gw_bpf_flow *f, __u32 frame, __u8 tos)
{
	__u32 len = gw_overhead(f->encap);
	__u32 total = frame - GW_ETH_HLEN + len;

	__builtin_memcpy(o, f->outer, sizeof *o);
	o->ip.tos = tos;
	o->ip.tot_len = bpf_htons(total);
	o->ip.check = ~gw_fold((__u64)f->ip_sum + bpf_htons(0x4500 | tos) + o->ip.tot_len);
	if (f->encap == GW_ABI_VXLAN)
		o->vxlan.udp.len = bpf_htons(total - sizeof o->ip);
	return len;
}

/* The largest frame whose outer packet still has a 16-bit length. */
#define GW_FRAME_MAX (65535 + GW_ETH_HLEN - GW_VXLAN_OVERHEAD)

/*
 * For gw_room_again on kernels that cannot be told that IPv4 comes first: a translation to IPv4 tells them. It takes the first
 * half of the IPv6 header away, which is put back. Not for super-packets, whose kind it would change too; where there is such
 * a kernel's tunnel device, they come out of it without a mark.
 */
gw_inline long gw_room_again_v6_old(struct __sk_buff *skb, __u32 len)
{
	__u32 half[5]; /* what an IPv6 header has more than one of IPv4 */

	if (skb->gso_size || bpf_skb_load_bytes(skb, GW_ETH_HLEN, half, sizeof half) ||
	    bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0) ||
	    bpf_skb_adjust_room(skb, len + sizeof half, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	return bpf_skb_store_bytes(skb, GW_ETH_HLEN + len, half, sizeof half, BPF_F_RECOMPUTE_CSUM);
}

/*
 * Room for the outer headers in front of a frame that came out of a tunnel before and still bears its marks, so that the
 * kernel refuses to mark it again (-EALREADY): a VM passed on what it got, within one machine or after GRO. The inner headers
 * lie where the marks say, so room is all that is needed; after a tunnel of the other kind a super-packet can then only be
 * cut by an interface that does not look at the mark.
 */
gw_inline long gw_room_again(struct __sk_buff *skb, __u32 len, __u64 gso)
{
	const __u32 spare = 8;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_MAC, gso);
	if (!params.decap_l3)
		return gw_room_again_v6_old(skb, len);
	if (bpf_skb_adjust_room(skb, len + spare, BPF_ADJ_ROOM_MAC, gso))
		return -1;
	/* Only taking something off can make IPv4 of it for the layers below. */
	return bpf_skb_adjust_room(skb, -(__s32)spare, BPF_ADJ_ROOM_MAC,
				   BPF_F_ADJ_ROOM_FIXED_GSO | GW_ROOM_DECAP_L3_IPV4);
}

/*
 * Writes the flow's headers behind the outer Ethernet header and completes them for `total` bytes of outer packet, word by
 * word: this is done for every packet. False when they are not in the linear part.
 */
gw_inline bool gw_outer_write(struct __sk_buff *skb, const struct gw_bpf_flow *f, __u32 total, __u8 tos)
{
	void *data = gw_data(skb), *end = gw_end(skb);
	struct iphdr *ip = data + GW_ETH_HLEN;
	__u64 *to = data + GW_ETH_HLEN;

	if (data + GW_ETH_HLEN + GW_NVGRE_OVERHEAD > end)
		return false;
	to[0] = f->outer[0];
	to[1] = f->outer[1];
	to[2] = f->outer[2];
	to[3] = f->outer[3];
	to[4] = f->outer[4];
	if (f->encap == GW_ABI_VXLAN) {
		if (data + GW_ETH_HLEN + GW_VXLAN_OVERHEAD > end)
			return false;
		to[5] = f->outer[5];
		*(__u16 *)(to + 6) = *(const __u16 *)(f->outer + 6);
		((struct udphdr *)(ip + 1))->len = bpf_htons(total - sizeof *ip);
	} else {
		*(__u16 *)(to + 5) = *(const __u16 *)(f->outer + 5);
	}
	ip->tos = tos;
	ip->tot_len = bpf_htons(total);
	ip->check = ~gw_fold((__u64)f->ip_sum + bpf_htons(0x4500 | tos) + bpf_htons(total));
	return true;
}

/*
 * Puts the outer headers in front of an IP frame. `keep_gso`: the segments of a super-packet fit as they are; else the kernel
 * is to make them smaller by the size of the new header (TCP only).
 */
gw_inline bool gw_encap_push(struct __sk_buff *skb, const struct gw_bpf_flow *f, __u8 tos, bool keep_gso)
{
	__u64 room = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2(GW_ETH_HLEN) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH;
	__u64 gso = keep_gso ? BPF_F_ADJ_ROOM_FIXED_GSO : 0;
	__u32 frame = skb->len, len = gw_overhead(f->encap);
	long why;

	if (unlikely(frame > GW_FRAME_MAX))
		return false;
	room |= f->encap == GW_ABI_VXLAN ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	why = bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_MAC, room | gso);
	if (unlikely(why == -EALREADY))
		why = gw_room_again(skb, len, gso);
	return !why && gw_outer_write(skb, f, frame - GW_ETH_HLEN + len, tos);
}

/* Counts the frame and sends it on its way, to the next hop that the flow or the kernel's routes tell. */
gw_inline int gw_encap_send(struct __sk_buff *skb, const struct gw_bpf_flow *f)
{
	gw_count_tx(f->slot, f->vsid_slot, skb->len - gw_overhead(f->encap));
	gw_outcome(GW_OUT_ENCAPSULATED);
	skb->mark = 0;
	if (likely(f->next_hop)) {
		struct bpf_redir_neigh hop = {.nh_family = AF_INET, .ipv4_nh = f->next_hop};

		return bpf_redirect_neigh(f->oif, &hop, sizeof hop, 0);
	}
	return bpf_redirect_neigh(f->oif, NULL, 0, 0);
}

/*
 * The same for a frame that is not IP: adjust_room and redirect_neigh refuse it, so the outer headers go in front by hand, to
 * the MAC address that the peer's own packets come from. (bpf_fib_lookup would tell the next hop, but not on an interface
 * that does not forward, as a host's should not.)
 */
gw_inline int gw_encap_other(struct __sk_buff *skb, const struct gw_bpf_flow *f, const struct gw_bpf_port *port)
{
	struct {
		__u8 zero[2];
		struct ethhdr eth;
		struct gw_outer_buf o;
	} __attribute__((aligned(8))) h = {0};
	__u32 frame = skb->len, slot = port->slot, vsid = port->vsid, len;
	struct gw_bpf_vsid *v = bpf_map_lookup_elem(&vsids, &vsid);
	struct gw_peer_key key = {.domain = v ? v->domain : vsid};
	struct gw_bpf_peer *peer;

	if (frame - GW_ETH_HLEN > f->mtu)
		return gw_port_drop(slot, GW_DROP_TOO_BIG);
	len = gw_outer_finish(&h.o, f, frame, gw_outer_tos(0));
	key.pa = gw_ip_v4(h.o.ip.daddr);
	peer = bpf_map_lookup_elem(&peers, &key);
	if (!peer || !peer->heard)
		return gw_port_drop(slot, GW_DROP_NO_NEIGHBOUR);
	gw_mac_set(h.eth.h_dest, peer->hop);
	gw_mac_set(h.eth.h_source, port->underlay_mac);
	h.eth.h_proto = bpf_htons(ETH_P_IP);
	/* The inner Ethernet header is in the frame already. */
	if (bpf_skb_change_head(skb, len, 0) || bpf_skb_store_bytes(skb, 0, &h.eth, len, 0))
		return gw_port_drop(slot, GW_DROP_NO_ROOM);
	gw_count_tx(slot, port->vsid_slot, frame);
	gw_outcome(GW_OUT_ENCAPSULATED);
	skb->mark = 0;
	return bpf_redirect(f->oif, 0);
}

#endif
