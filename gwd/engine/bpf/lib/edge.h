/*
 * edge.h - what comes from the world outside, at the ingress of the [external] interface: by itself (edge.bpf.c), or behind what
 * is for tunnels where that interface is an underlay one as well (underlay.bpf.c).
 *
 *   to no public address, or to an address of the node itself, or by a link's broadcast or multicast
 *                                                             -> GW_NOT_PUBLIC: the host's own stack
 *   ARP, neighbour discovery for a public address on the segment -> answered here
 *   of an established flow -> past the stack to the customer (fast.h)
 *   to a public address -> from where nobody can be: dropped -> its owner (steer.h)
 */
#ifndef GW_BPF_EDGE_H
#define GW_BPF_EDGE_H

#include "fast.h"
#include "resolve.h"
#include "steer.h"

#define GW_NOT_PUBLIC -2

/* Whether the public address `a` is one that hosts on the segment ask for. */
gw_inline bool gw_is_on_segment(const struct gw_ip *a)
{
	struct gw_public_key key = {.prefixlen = 128, .addr = *a};
	struct gw_bpf_owner owner;

	return bpf_map_lookup_elem(&segments, &key) && gw_public_of(a, &owner) && !(owner.flags & GW_PUBLIC_SELF);
}

gw_inline void gw_external_mac(__u8 *ret)
{
	int i;

	for (i = 0; i < 6; i++)
		ret[i] = params.external_mac[i];
}

gw_function int gw_edge_arp(struct __sk_buff *skb)
{
	struct {
		__u8 zero[2];
		struct gw_arp m;
	} __attribute__((packed, aligned(8))) a = {0};
	__u8 own[6] __attribute__((aligned(8)));
	struct gw_ip target;
	__be32 s, t;

	if (bpf_skb_load_bytes(skb, 0, &a.m, sizeof a.m) || a.m.hrd != bpf_htons(1) || a.m.pro != bpf_htons(ETH_P_IP) ||
	    a.m.hln != 6 || a.m.pln != 4 || a.m.op != bpf_htons(ARPOP_REQUEST_))
		return GW_NOT_PUBLIC;
	__builtin_memcpy(&s, a.m.spa, 4);
	__builtin_memcpy(&t, a.m.tpa, 4);
	target = gw_ip_v4(t);
	gw_external_mac(own);
	if (s == t || gw_mac_same(a.m.sha, own) || !gw_is_on_segment(&target))
		return GW_NOT_PUBLIC;
	if (!gw_arp_reply(skb, &a.m, own))
		return gw_drop(GW_DROP_NO_ROOM);
	gw_outcome(GW_OUT_ARP_ANSWERED);
	return bpf_redirect(skb->ifindex, 0);
}

/* A neighbour solicitation. Whoever probes an address that is ours is told so, too. */
gw_function int gw_edge_nd(struct __sk_buff *skb)
{
	struct {
		__u8 zero[2];
		struct gw_nd m;
	} __attribute__((packed, aligned(8))) n = {0};
	__u8 own[6] __attribute__((aligned(8)));
	struct gw_ip target;

	if (bpf_skb_load_bytes(skb, 0, &n.m, ND_MIN) || n.m.type != ND_SOLICIT || n.m.ip.hop_limit != 255 || n.m.code)
		return GW_NOT_PUBLIC;
	target = gw_ip_v6(&n.m.target);
	gw_external_mac(own);
	if (gw_mac_same(n.m.eth.h_source, own) || !gw_is_on_segment(&target))
		return GW_NOT_PUBLIC;
	if (!gw_nd_advertise(skb, &n.m, own, true))
		return gw_drop(GW_DROP_NO_ROOM);
	gw_outcome(GW_OUT_ND_ANSWERED);
	return bpf_redirect(skb->ifindex, 0);
}

/*
 * Whether what says that it comes from there cannot have come from outside. What the node itself says to a public address goes
 * by the routers outside, so the addresses that it has there may come back; those of the underlay and of management may not, or
 * a tenant's answer would go to the node itself, in the name of whoever is outside.
 */
gw_inline bool gw_is_land(const struct gw_seen *s)
{
	struct gw_bpf_owner owner;
	__u32 *provider;

	if (gw_ip_same(&s->saddr, &s->daddr) || gw_is_nowhere(&s->saddr))
		return true;
	if (gw_public_of(&s->saddr, &owner))
		return !(owner.flags & GW_PUBLIC_SELF) || owner.flags & GW_PUBLIC_INWARD;
	provider = bpf_map_lookup_elem(&provider_addresses, &s->saddr);
	return provider && *provider != params.external;
}

gw_function int gw_edge4(struct __sk_buff *skb)
{
	struct gw_seen s = {.slot = GW_NOBODY};
	struct gw_bpf_owner owner;
	__u32 epoch, why;

	if (likely(gw_pair_known(skb, 0, &owner)))
		return gw_to_owner(skb, &s, &owner);
	epoch = gw_epoch();
	why = gw_see4(skb, &s);
	if (!gw_public_of(&s.daddr, &owner) || owner.flags & GW_PUBLIC_SELF)
		return GW_NOT_PUBLIC;
	if (why)
		return gw_drop(why - 1);
	if (gw_is_land(&s))
		return gw_drop(GW_DROP_LAND);
	gw_pair_keep(&s, 0, epoch, &owner);
	return gw_steer4(skb, &s, &owner, false);
}

gw_function int gw_edge6(struct __sk_buff *skb)
{
	struct gw_seen s = {.slot = GW_NOBODY};
	struct gw_bpf_owner owner;
	__u32 why = gw_see6(skb, &s);
	__u8 type;

	if (!gw_public_of(&s.daddr, &owner) || owner.flags & GW_PUBLIC_SELF)
		return GW_NOT_PUBLIC;
	if (why)
		return gw_drop(why - 1);
	/* Neighbour discovery is the segment's; nobody on it has business within a virtual gateway. */
	if (s.proto == IPPROTO_ICMPV6 && !bpf_skb_load_bytes(skb, s.l4, &type, 1) && type >= ND_FIRST &&
	    type <= ND_LAST)
		return gw_drop(GW_DROP_ND_UNANSWERED);
	if (gw_ip_is_mapped(&s.saddr) || gw_is_land(&s))
		return gw_drop(GW_DROP_LAND);
	return gw_to_owner(skb, &s, &owner);
}

/* GW_NOT_PUBLIC, nothing counted: the stack's. Else a TC action. */
gw_inline int gw_edge(struct __sk_buff *skb)
{
	int verdict;

	if (skb->pkt_type == PACKET_OTHERHOST)
		return GW_NOT_PUBLIC;
	/* A tag without a VLAN says a priority only; the stack takes it off, too. */
	if (unlikely(skb->vlan_present) && (skb->vlan_tci & VLAN_ID || bpf_skb_vlan_pop(skb)))
		return GW_NOT_PUBLIC;
	/* On its way from a virtual gateway to this node itself. */
	if (unlikely(skb->mark == GW_MARK_TO_SELF)) {
		skb->mark = 0;
		return GW_NOT_PUBLIC;
	}
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		/* A frame for everybody is forwarded by nobody (RFC 1122, 3.3.6), or each node on the link would. */
		if (unlikely(skb->pkt_type != PACKET_HOST))
			return GW_NOT_PUBLIC;
		if (params.fast) {
			verdict = gw_fast_in(skb);
			if (likely(verdict != GW_SLOW_WAY))
				return verdict;
		}
		return gw_edge4(skb);
	case bpf_htons(ETH_P_IPV6):
		verdict = gw_is_nd(skb) ? gw_edge_nd(skb) : GW_NOT_PUBLIC;
		if (verdict != GW_NOT_PUBLIC || unlikely(skb->pkt_type != PACKET_HOST))
			return verdict;
		return gw_edge6(skb);
	case bpf_htons(ETH_P_ARP):
		return gw_edge_arp(skb);
	default:
		return GW_NOT_PUBLIC;
	}
}

#endif
