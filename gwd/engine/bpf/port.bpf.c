/*
 * port.bpf.c - what a VM sends: tc ingress of every port (tap, or the host end of a veth).
 *
 *   frame -> tag off -> ARP, ND: answered here (resolve.h)
 *                    -> IP: flow cache hit -> encapsulate, or deliver to another port
 *                           miss -> walk: own MAC and address? -> to the router's MAC: customer route, record
 *                                                              -> else: record or MAC table
 *                                   -> verdict -> cache -> the same
 *                    -> other: walk, no cache
 *
 * What the distributed router says for itself (errors, echo) goes back to the port.
 */
#include "lib/forward.h"

#define GW_SWITCH_FRAME -1

/* Frames without a flow: not IP, or unicast neighbour advertisements and ARP replies that resolve.h has checked. */
gw_function int gw_port_frame(struct __sk_buff *skb, bool is_ipv6)
{
	__u32 ifindex = skb->ifindex, why;
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);
	struct gw_bpf_flow *f;
	struct gw_packet none = {0};
	struct gw_walk *w;
	struct ethhdr eth;

	if (!port)
		return gw_drop(GW_DROP_NO_PORT);
	if (bpf_skb_load_bytes(skb, 0, &eth, sizeof eth))
		return gw_port_drop(port->slot, GW_DROP_MALFORMED);
	if (!gw_mac_same(eth.h_source, port->mac))
		return gw_port_drop(port->slot, GW_DROP_SPOOF_MAC);
	if (eth.h_dest[0] & 1)
		return gw_port_drop(port->slot, GW_DROP_FLOOD);
	w = gw_walk_begin(port, &eth);
	if (!w)
		return gw_drop(GW_DROP_NO_PORT);
	f = &w->flow;
	w->hash = gw_mix_end(gw_mix(gw_mix(eth.h_proto, *(__u32 *)eth.h_dest), *(__u32 *)(eth.h_source + 2)));
	why = gw_walk_mac(w, port, gw_mac_entry(port->vsid, eth.h_dest), false);
	if (why)
		return gw_port_drop(port->slot, why - 1);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	if (f->action != GW_FLOW_ENCAP)
		return gw_send_local(skb, f, &none, false);
	if (!is_ipv6)
		return gw_encap_other(skb, f, port);
	if (!gw_encap_push(skb, f, gw_outer_tos(0), true))
		return gw_port_drop(f->slot, GW_DROP_NO_ROOM);
	return gw_encap_send(skb, f);
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

/* The packet is cut elsewhere (cut.bpf.c), where the mark tells the port that it came from. */
gw_inline int gw_to_cutter(struct __sk_buff *skb)
{
	gw_outcome(GW_OUT_TO_CUTTER);
	skb->mark = GW_CUT_MARK(skb->ifindex);
	return bpf_redirect(params.cutter, 0);
}

SEC("tc")
int gw_port_in(struct __sk_buff *skb)
{
	int verdict;

	if (unlikely(skb->vlan_present || skb->protocol == bpf_htons(ETH_P_8021Q) ||
		     skb->protocol == bpf_htons(ETH_P_8021AD)) &&
	    !gw_untag(skb)) {
		return gw_drop_from(skb->ifindex, GW_DROP_INNER_VLAN);
	}
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		verdict = gw_forward4_plain(skb);
		if (likely(verdict != GW_LONG_WAY))
			return verdict;
		verdict = gw_forward4(skb, skb->ifindex);
		if (likely(!(verdict & GW_MORE)))
			return verdict;
		if (verdict & GW_TO_CUTTER)
			return gw_to_cutter(skb);
		if (verdict & GW_TO_ROUTER)
			verdict = gw_router4(skb);
		return verdict & GW_ANSWER ? gw_error4(skb, verdict) : verdict;
	case bpf_htons(ETH_P_IPV6):
		if (unlikely(gw_is_nd(skb))) {
			verdict = gw_nd_in(skb);
			return verdict == GW_SWITCH_FRAME ? gw_port_frame(skb, true) : verdict;
		}
		verdict = gw_forward6(skb, skb->ifindex);
		if (likely(!(verdict & GW_MORE)))
			return verdict;
		if (verdict & GW_TO_ROUTER)
			verdict = gw_router6(skb);
		return verdict & GW_ANSWER ? gw_error6(skb, verdict) : verdict;
	case bpf_htons(ETH_P_ARP):
		verdict = gw_arp_in(skb);
		return verdict == GW_SWITCH_FRAME ? gw_port_frame(skb, false) : verdict;
	default:
		return gw_port_frame(skb, false);
	}
}

char gw_license[] __weak SEC("license") = "GPL";
