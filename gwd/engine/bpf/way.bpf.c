/*
 * way.bpf.c - what virtual gateways send by their connections: tc ingress of the node's end of each one's link.
 *
 *   L3    frame -> for another connection of that VLAN on this node: straight into its namespace
 *               -> else: tagged, out of the interface; what is for a group goes to both
 *   GRE   packet -> without its Ethernet header into the tunnel, never to be cut outside -> out of the [external] interface
 *
 * A virtual gateway has forwarded the packet already: its TTL stays as it is, and it fits the link, whose MTU is that of the
 * interface, or what a tunnel leaves of it.
 */
#include "lib/steer.h"
#include "lib/way.h"

gw_inline int gw_way_l3(struct __sk_buff *skb, const struct gw_bpf_way *w)
{
	struct gw_tap_key key = {.interface = w->out, .vlan = w->vlan};
	struct gw_bpf_tap t;
	__u32 bytes = skb->len;

	if (bpf_skb_load_bytes(skb, 0, key.mac, sizeof key.mac))
		return gw_way_drop(w->slot, GW_DROP_MALFORMED);
	if (key.mac[0] & 1) {
		gw_flood(skb, w->out, w->vlan, w->link);
	} else if (gw_tap(&key, &t)) {
		if (t.link == w->link)
			return gw_way_drop(w->slot, GW_DROP_LAND);
		gw_way_count(w->slot, bytes, true);
		return gw_into(skb, &t);
	}
	if (w->vlan && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), w->vlan))
		return gw_way_drop(w->slot, GW_DROP_NO_ROOM);
	gw_way_count(w->slot, bytes, true);
	gw_outcome(GW_OUT_CONNECTION_OUT);
	skb->mark = 0;
	return bpf_redirect(w->out, 0);
}

/* The outer headers as far as there is no key, which comes behind them. */
struct gw_gre_head {
	struct iphdr ip;
	__be16 flags, proto;
} __attribute__((aligned(8)));

/* `len` bytes of outer headers in front of the packet, which is in no tunnel of ours yet. */
gw_inline bool gw_gre_push(struct __sk_buff *skb, const struct gw_bpf_way *w, struct gw_gre_head *o, __u32 len)
{
	const __u64 gso = BPF_F_ADJ_ROOM_FIXED_GSO;
	__be16 proto = bpf_htons(ETH_P_IP);
	long why;

	why = bpf_skb_adjust_room(skb, len, BPF_ADJ_ROOM_MAC,
				  BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE | gso);
	if (why == -EALREADY) /* it came out of a tunnel before */
		why = gw_room_again(skb, len, gso);
	if (why || bpf_skb_store_bytes(skb, GW_WAY_IP, o, sizeof *o, 0) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &proto, sizeof proto, 0))
		return false;
	return !w->has_key || !bpf_skb_store_bytes(skb, GW_WAY_IP + GRE_OUTER, &w->key, sizeof w->key, 0);
}

gw_inline int gw_way_gre(struct __sk_buff *skb, const struct gw_bpf_way *w)
{
	bool v4 = skb->protocol == bpf_htons(ETH_P_IP);
	__u32 bytes = skb->len, len = GRE_OUTER + (w->has_key ? 4 : 0), total = bytes - GW_ETH_HLEN + len;
	struct gw_gre_head o = {
		.ip = {.version = 4,
		       .ihl = 5,
		       .id = w->tag, /* who says that it is too large quotes it (vrf/path.c) */
		       .frag_off = bpf_htons(IP_DF),
		       .ttl = params.ttl,
		       .protocol = IPPROTO_GRE,
		       .saddr = w->source.w[3],
		       .daddr = w->destination.w[3]},
		.flags = w->has_key ? bpf_htons(GRE_K) : 0,
		.proto = skb->protocol,
	};
	__u8 head[2], to[2];

	/* What the kernel says on any link is for nobody at the other end, and none of the connection's. */
	if ((!v4 && skb->protocol != bpf_htons(ETH_P_IPV6)) || bpf_skb_load_bytes(skb, 0, to, sizeof to) || to[0] & 1)
		return gw_drop(GW_DROP_FLOOD);
	if (total > 65535 || bpf_skb_load_bytes(skb, GW_WAY_IP, head, sizeof head))
		return gw_way_drop(w->slot, GW_DROP_MALFORMED);
	o.ip.tos = gw_outer_tos(v4 ? head[1] : (__u8)(head[0] << 4 | head[1] >> 4));
	o.ip.tot_len = bpf_htons(total);
	o.ip.check = ~gw_fold(bpf_csum_diff(0, 0, (void *)&o.ip, sizeof o.ip, 0));
	if (!gw_gre_push(skb, w, &o, len))
		return gw_way_drop(w->slot, GW_DROP_NO_ROOM);
	gw_way_count(w->slot, bytes, true);
	gw_outcome(GW_OUT_CONNECTION_OUT);
	skb->mark = 0;
	return gw_outward4(gw_in_segment(&w->destination));
}

SEC("tc")
int gw_way_in(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_way *found = bpf_map_lookup_elem(&ways, &ifindex), w;

	if (!found)
		return gw_drop(GW_DROP_NO_CONNECTION);
	w = *found;
	if (unlikely(w.link != ifindex)) /* recycled meanwhile */
		return gw_drop(GW_DROP_NO_CONNECTION);
	if (!w.out)
		return gw_way_drop(w.slot, GW_DROP_NO_SEGMENT);
	return w.type == GW_ABI_GRE ? gw_way_gre(skb, &w) : gw_way_l3(skb, &w);
}

char gw_license[] __weak SEC("license") = "GPL";
