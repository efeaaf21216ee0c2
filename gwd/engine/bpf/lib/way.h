/*
 * way.h - connections of virtual gateways: where what comes at an interface goes in by one (edge.bpf.c, underlay.bpf.c,
 * segment.bpf.c), and what they have in common with the way out (way.bpf.c).
 *
 *   tagged, or not for this node itself -> for an L3 connection's MAC address there: the tag off, into its namespace
 *                                       -> for a group: a copy, without the tag, for each of the VLAN; the frame itself is the stack's
 *   GRE at the [external] interface -> between the ends of a connection and with its key: out of the tunnel, into its namespace
 *   anything else -> GW_NO_WAY: as it was
 *
 * Of a tunnel packet with a checksum that is verified, and a sequence number is not looked at: its packets may come in any order (RFC
 * 2784, RFC 2890). Ours have neither. One that was cut outside is the stack's, and nobody's there: who sends it must see to its size, as we do.
 */
#ifndef GW_BPF_WAY_H
#define GW_BPF_WAY_H

#include "decap.h"
#include "encap.h"
#include "sum.h"

#define GW_NO_WAY -3

#define GRE_C	     0x8000
#define GRE_S	     0x1000
#define GRE_OUTER    24 /* IPv4, GRE without a key */
#define GW_WAY_IP    GW_ETH_HLEN
#define GW_TAP_GROUP 1 /* first byte of a member's key: the bit of groups, which no connection's own address has */

/* Bits 1, 4 and 5, which are RFC 1701's alone; 6 to 12 are to be ignored. */
#define GRE_GONE (0x4000 | 0x0800 | 0x0400)

gw_inline void gw_way_count(__u32 slot, __u32 bytes, bool out)
{
	if (out)
		gw_count_tx_at(&way_stats, slot, bytes);
	else
		gw_count_rx_at(&way_stats, slot, bytes);
}

gw_function int gw_way_drop(__u32 slot, __u32 reason)
{
	return gw_drop_at(&way_stats, &way_reasons, slot, reason);
}

/* --- L3 ------------------------------------------------------------------------------------------------------------------- */

gw_inline bool gw_tap(const struct gw_tap_key *key, struct gw_bpf_tap *ret)
{
	struct gw_bpf_tap *found = bpf_map_lookup_elem(&taps, key);

	if (!found)
		return false;
	*ret = *found;
	return ret->key.interface == key->interface && ret->key.vlan == key->vlan &&
	       gw_mac_same(ret->key.mac, key->mac);
}

gw_inline struct gw_tap_key gw_tap_member(__u32 interface, __u16 vlan, __u32 n)
{
	return (struct gw_tap_key){interface, vlan, {GW_TAP_GROUP, 0, 0, 0, n >> 8, n}};
}

/* A copy, as the frame is, for each connection of the VLAN but one. */
gw_function void gw_flood(struct __sk_buff *skb, __u32 interface, __u32 vlan, __u32 but)
{
	struct gw_tap_key key;
	struct gw_bpf_tap t;
	__u32 i;

	for (i = 0; i < GW_TAP_MEMBERS; i++) {
		key = gw_tap_member(interface, vlan, i);
		if (!gw_tap(&key, &t))
			return;
		if (t.link == but)
			continue;
		gw_way_count(t.slot, skb->len, false);
		bpf_clone_redirect(skb, t.link, 0);
	}
}

gw_inline int gw_into(struct __sk_buff *skb, const struct gw_bpf_tap *t)
{
	gw_way_count(t->slot, skb->len, false);
	gw_outcome(GW_OUT_CONNECTION_IN);
	return gw_deliver(skb, t->link, t->flags & GW_TAP_PEER, true);
}

/* For a group of a VLAN that has connections: copies without the tag, which the frame then has back. */
gw_inline int gw_group_from_segment(struct __sk_buff *skb, const struct gw_tap_key *to, bool tagged, __u16 tci)
{
	struct gw_tap_key key = gw_tap_member(to->interface, to->vlan, 0);
	struct gw_bpf_tap t;

	if (!gw_tap(&key, &t) || (tagged && bpf_skb_vlan_pop(skb)))
		return GW_NO_WAY;
	if (likely(!skb->vlan_present)) /* there is no tag behind it */
		gw_flood(skb, to->interface, to->vlan, 0);
	if (tagged && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), tci))
		return gw_drop(GW_DROP_NO_ROOM);
	return GW_NO_WAY;
}

/* What is neither is the node's own, and no connection's. */
gw_inline bool gw_may_be_segments(const struct __sk_buff *skb)
{
	return skb->vlan_present || skb->pkt_type != PACKET_HOST || skb->protocol == bpf_htons(ETH_P_8021Q);
}

/* The tag of a frame, 0 when it has none. The kernel takes it out of the frame before us; a test does not. */
gw_inline bool gw_tag_of(struct __sk_buff *skb, __u16 *ret, bool *ret_tagged)
{
	__be16 tci = 0;

	*ret_tagged = skb->vlan_present || skb->protocol == bpf_htons(ETH_P_8021Q);
	if (skb->vlan_present && skb->vlan_proto != bpf_htons(ETH_P_8021Q))
		return false;
	if (*ret_tagged && !skb->vlan_present && bpf_skb_load_bytes(skb, GW_ETH_HLEN, &tci, sizeof tci))
		return false;
	*ret = skb->vlan_present ? skb->vlan_tci : bpf_ntohs(tci);
	return true;
}

/* To be asked of what gw_may_be_segments. */
gw_function int gw_from_segment(struct __sk_buff *skb)
{
	struct gw_tap_key key = {.interface = skb->ifindex};
	struct gw_bpf_tap t;
	bool tagged;
	__u16 tci;

	if (!gw_tag_of(skb, &tci, &tagged) || bpf_skb_load_bytes(skb, 0, key.mac, sizeof key.mac))
		return GW_NO_WAY;
	key.vlan = tci & VLAN_ID;
	if (key.mac[0] & 1)
		return gw_group_from_segment(skb, &key, tagged, tci);
	if (!gw_tap(&key, &t))
		return GW_NO_WAY;
	if (tagged && bpf_skb_vlan_pop(skb))
		return gw_way_drop(t.slot, GW_DROP_NO_ROOM);
	if (skb->vlan_present) /* of another tag behind it, which is nobody's in there */
		return gw_way_drop(t.slot, GW_DROP_INNER_VLAN);
	return gw_into(skb, &t);
}

/* --- GRE ------------------------------------------------------------------------------------------------------------------ */

/* What a tunnel packet is, as far as its connection is to be found by it. */
struct gw_gre {
	struct gw_bpf_tunnel t;
	__u32 len;   /* of the outer headers, without Ethernet */
	__u32 total; /* of the packet, from its outer header on */
	__be16 flags, proto;
	__u8 tos, ihl;
	bool unfinished; /* its checksum, which was left to an interface that it has not been to */
};

/* False: it is no connection's. The IP header has been seen: it is one of GRE. */
gw_inline bool gw_tunnel_of(struct __sk_buff *skb, const struct iphdr *ip, struct gw_gre *g)
{
	struct gw_tunnel_key key = {.source = gw_ip_v4(ip->daddr), .destination = gw_ip_v4(ip->saddr)};
	__u32 at = GW_WAY_IP + ip->ihl * 4;
	struct gw_bpf_tunnel *found;
	__be16 head[2];

	g->tos = ip->tos;
	g->ihl = ip->ihl;
	g->total = bpf_ntohs(ip->tot_len);
	if (bpf_skb_load_bytes(skb, at, head, sizeof head) || head[0] & bpf_htons(GRE_VER))
		return false;
	g->flags = head[0];
	g->proto = head[1];
	g->len = at - GW_WAY_IP + 4;
	if (g->flags & bpf_htons(GRE_C))
		g->len += 4;
	if (g->flags & bpf_htons(GRE_K)) {
		key.has_key = 1;
		if (bpf_skb_load_bytes(skb, GW_WAY_IP + g->len, &key.key, sizeof key.key))
			return false;
		g->len += 4;
	}
	if (g->flags & bpf_htons(GRE_S))
		g->len += 4;
	found = bpf_map_lookup_elem(&tunnels, &key);
	if (!found)
		return false;
	g->t = *found;
	return gw_ip_same(&g->t.key.source, &key.source) && gw_ip_same(&g->t.key.destination, &key.destination) &&
	       g->t.key.key == key.key && g->t.key.has_key == key.has_key;
}

/*
 * On kernels that cannot be told that IPv6 is what is left (GW_ROOM_DECAP_L3_IPV6): what comes from under a tag they look at anew,
 * and only what has two has one in the frame. Else they would cut a super-packet as if it were IPv4, which is to lose it.
 */
gw_inline bool gw_look_anew(struct __sk_buff *skb)
{
	return !bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) &&
	       !bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) && !bpf_skb_vlan_pop(skb) && !bpf_skb_vlan_pop(skb);
}

/* Takes the outer headers off, and gives the packet an Ethernet header. */
gw_inline int gw_out_of_tunnel(struct __sk_buff *skb, const struct gw_gre *g, const struct gw_inner *in)
{
	struct {
		__u8 zero[2];
		struct ethhdr eth;
	} __attribute__((aligned(8))) h = {.eth.h_proto = g->proto};
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	bool whole = skb->gso_size;

	if (in->v6 && params.decap_l3)
		flags |= GW_ROOM_DECAP_L3_IPV6;
	gw_mac_set(h.eth.h_dest, g->t.mac);
	h.eth.h_source[0] = 2; /* whose, nobody asks */
	if (bpf_skb_adjust_room(skb, -(__s32)g->len, BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(skb, 0, &h.eth, sizeof h.eth, 0) ||
	    (((in->v6 && !params.decap_l3) || g->unfinished) && !gw_look_anew(skb)))
		return gw_way_drop(g->t.slot, GW_DROP_NO_ROOM);
	gw_way_count(g->t.slot, skb->len, false);
	gw_outcome(GW_OUT_CONNECTION_IN);
	/*
	 * A super-packet bears the tunnel's marks: the link's queue cuts it, and they are gone. So is what was left to do about a
	 * checksum that is none of the packet's any more.
	 */
	return gw_deliver(skb, g->t.link, g->t.flags & GW_TAP_PEER && !whole && !g->unfinished, true);
}

/*
 * Whether the packet inside has a checksum of TCP or UDP that is still to be finished, as between machines of one host, and GRE's is
 * right for when it will be: then what it covers sums up to the complement of what stands in its place, which is that of the
 * pseudo-header.
 */
gw_function bool gw_gre_sum_foreseen(struct __sk_buff *skb, const struct gw_gre *g)
{
	bool v4 = g->proto == bpf_htons(ETH_P_IP);
	__u32 at = GW_WAY_IP + g->len, head = sizeof(struct ipv6hdr), l4;
	__be16 check, len;
	__u8 first, proto;
	long sum;

	if (bpf_skb_load_bytes(skb, at, &first, 1) || bpf_skb_load_bytes(skb, at + (v4 ? 9 : 6), &proto, 1) ||
	    bpf_skb_load_bytes(skb, at + (v4 ? 2 : 4), &len, sizeof len) ||
	    (proto != IPPROTO_TCP && proto != IPPROTO_UDP))
		return false;
	if (v4)
		head = (first & 15) * 4;
	l4 = at + head;
	sum = gw_sum_of(skb, at + (v4 ? 12 : 8), at + (v4 ? 20 : 40));
	if (sum < 0 || bpf_skb_load_bytes(skb, l4 + (proto == IPPROTO_TCP ? 16 : 6), &check, sizeof check) ||
	    gw_fold((__u64)sum + bpf_htons(bpf_ntohs(len) - (v4 ? head : 0)) + bpf_htons(proto)) != check)
		return false;
	sum = gw_sum_of(skb, GW_WAY_IP + g->ihl * 4, l4);
	return sum >= 0 && gw_fold((__u64)sum + (__u16)~check) == 0xffff;
}

/*
 * RFC 2784: of GRE's header and all behind it. Of a super-packet the kernel has verified it, before it put it together. Where there is
 * none, a machine of this host has left it to an interface, as the kernel does when the packet inside leaves it nothing else to do.
 */
gw_inline bool gw_gre_sum_right(struct __sk_buff *skb, struct gw_gre *g)
{
	__u32 start = GW_WAY_IP + g->ihl * 4;
	__be16 check;
	long sum;

	if (skb->gso_size)
		return true;
	sum = gw_sum_of(skb, start, GW_WAY_IP + g->total);
	if (sum < 0 || bpf_skb_load_bytes(skb, start + 4, &check, sizeof check))
		return false;
	if (gw_fold(sum) == 0xffff || gw_gre_sum_foreseen(skb, g))
		return true;
	g->unfinished = !check;
	return g->unfinished;
}

/* Sound as far as the outer headers go. */
gw_inline int gw_inner_of_tunnel(struct __sk_buff *skb, const struct gw_gre *g)
{
	struct gw_inner in = {.v4 = g->proto == bpf_htons(ETH_P_IP), .v6 = g->proto == bpf_htons(ETH_P_IPV6)};
	__u32 off = GW_WAY_IP + g->len, least = in.v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u8 head[2];
	int ecn;

	if ((!in.v4 && !in.v6) || (!skb->gso_size && g->total < g->len + least) ||
	    bpf_skb_load_bytes(skb, off, head, sizeof head) || head[0] >> 4 != (in.v4 ? 4 : 6))
		return gw_way_drop(g->t.slot, GW_DROP_TUNNEL_INNER);
	in.tos = in.v4 ? head[1] : (__u8)(head[0] << 4 | head[1] >> 4);
	ecn = gw_ecn_combine(g->tos & ECN_MASK, in.tos & ECN_MASK);
	if (ecn < 0)
		return gw_way_drop(g->t.slot, GW_DROP_ECN);
	if (ecn != (in.tos & ECN_MASK) && !gw_ecn_write(skb, off, &in, ecn))
		return gw_way_drop(g->t.slot, GW_DROP_NO_ROOM);
	return gw_out_of_tunnel(skb, g, &in);
}

gw_function int gw_from_tunnel(struct __sk_buff *skb)
{
	struct gw_gre g = {0};
	struct iphdr ip, *at;

	if (!gw_have(skb, GW_WAY_IP + sizeof *at))
		return GW_NO_WAY;
	at = gw_data(skb) + GW_WAY_IP;
	if ((void *)(at + 1) > gw_end(skb) || at->protocol != IPPROTO_GRE || skb->protocol != bpf_htons(ETH_P_IP) ||
	    skb->vlan_present || skb->pkt_type != PACKET_HOST)
		return GW_NO_WAY;
	ip = *at;
	if (ip.version != 4 || ip.ihl < 5 || ip.frag_off & bpf_htons(IP_MF | IP_OFFSET) || !gw_tunnel_of(skb, &ip, &g))
		return GW_NO_WAY;
	if (g.ihl != 5)
		return gw_way_drop(g.t.slot, GW_DROP_OUTER_OPTIONS);
	if (!skb->gso_size && skb->len < GW_WAY_IP + g.total)
		return gw_way_drop(g.t.slot, GW_DROP_OUTER_MALFORMED);
	if (gw_fold(bpf_csum_diff(0, 0, (void *)&ip, sizeof ip, 0)) != 0xffff)
		return gw_way_drop(g.t.slot, GW_DROP_OUTER_CHECKSUM);
	if (g.flags & bpf_htons(GRE_GONE))
		return gw_way_drop(g.t.slot, GW_DROP_GRE_FLAGS);
	if (unlikely(g.flags & bpf_htons(GRE_C)) && !gw_gre_sum_right(skb, &g))
		return gw_way_drop(g.t.slot, GW_DROP_GRE_CHECKSUM);
	if (!skb->gso_size && skb->len > GW_WAY_IP + g.total && bpf_skb_change_tail(skb, GW_WAY_IP + g.total, 0))
		return gw_way_drop(g.t.slot, GW_DROP_NO_ROOM);
	return gw_inner_of_tunnel(skb, &g);
}

/* At the [external] interface: both. */
gw_inline int gw_from_outside(struct __sk_buff *skb)
{
	if (unlikely(gw_may_be_segments(skb)))
		return gw_from_segment(skb);
	return gw_from_tunnel(skb);
}

#endif
