/*
 * exit.bpf.c - what virtual gateways send to the world outside: tc ingress of the node's end of each one's way out.
 *
 *   packet -> from a public place of its own? -> to an address of this node: as if it came from outside
 *                                             -> to a public place on this node: straight into its owner (steer.h)
 *                                             -> else: out of the [external] interface, to its next_hop or where the
 *                                                kernel's routes lead
 *
 * A virtual gateway has forwarded the packet already: its TTL stays as it is, and super-packets stay whole.
 */
#include "lib/steer.h"

/* Whether any place of the address is the virtual gateway's: all that a fragment without ports can tell. */
gw_inline bool gw_has_share(const struct gw_bpf_exit *e, const struct gw_ip *a)
{
	struct gw_share_key key = {.addr = *a};

	__builtin_memcpy(key.rdid, e->rdid, sizeof key.rdid);
	return bpf_map_lookup_elem(&shares, &key);
}

/* Whether the address, but for its ports, is one of the virtual gateway's. */
gw_function bool gw_owns_address(const struct gw_bpf_exit *e, const struct gw_ip *a, struct gw_bpf_owner *ret)
{
	if (!gw_public_of(a, ret) || ret->flags & GW_PUBLIC_SELF)
		return false;
	return ret->flags & GW_PUBLIC_SHARED ? gw_has_share(e, a) : ret->vsid == e->owner.vsid;
}

/* 0, or a drop reason + 1. */
gw_inline __u32 gw_may_leave4(struct __sk_buff *skb, const struct gw_bpf_exit *e, const struct gw_seen *s)
{
	struct gw_bpf_owner owner;
	struct gw_clue c;
	__u32 why;

	if (!gw_owns_address(e, &s->saddr, &owner))
		return 1 + GW_DROP_SPOOF_PUBLIC;
	if (!(owner.flags & GW_PUBLIC_SHARED) || s->later)
		return 0;
	why = gw_clue4(skb, s, false, &c);
	if (why)
		return why == 1 + GW_DROP_NO_PUBLIC_PORT ? 1 + GW_DROP_SPOOF_PUBLIC : why;
	/* An error is about a packet that came to one of its places, which need not be the one that it speaks from. */
	if (c.quoted && !gw_owns_address(e, &c.addr, &owner))
		return 1 + GW_DROP_SPOOF_PUBLIC;
	if (!(owner.flags & GW_PUBLIC_SHARED) || c.no_port)
		return 0;
	return gw_place_of(&c.addr, c.port, &owner) && owner.vsid == e->owner.vsid ? 0 : 1 + GW_DROP_SPOOF_PUBLIC;
}

/* Before what is said in steer.h of where it goes; false: it cannot. */
gw_inline bool gw_may_send_out(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	if (!params.external)
		return false;
	gw_exit_count(e->owner.slot, skb->len, true);
	gw_outcome(GW_OUT_SENT_OUT);
	skb->mark = 0;
	return true;
}

/* To this node itself: the stack gets it as if it came from outside, so that its rules for that hold. */
gw_inline int gw_to_self(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	__u8 own[8] __attribute__((aligned(8))) = {0};
	int i;

	if (!params.external)
		return gw_exit_drop(e->owner.slot, GW_DROP_NO_EXTERNAL);
	for (i = 0; i < 6; i++)
		own[i] = params.external_mac[i];
	if (bpf_skb_store_bytes(skb, 0, own, 6, 0))
		return gw_exit_drop(e->owner.slot, GW_DROP_NO_ROOM);
	gw_exit_count(e->owner.slot, skb->len, true);
	gw_outcome(GW_OUT_TO_SELF);
	skb->mark = GW_MARK_TO_SELF;
	return bpf_redirect(params.external, BPF_F_INGRESS);
}

gw_function int gw_exit4(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	struct gw_seen s = {.slot = e->owner.slot};
	struct gw_bpf_owner owner;
	__u32 why = gw_see4(skb, &s);

	if (!why)
		why = gw_may_leave4(skb, e, &s);
	if (why)
		return gw_exit_drop(s.slot, why - 1);
	if (gw_is_nowhere(&s.daddr))
		return gw_exit_drop(s.slot, GW_DROP_FLOOD);
	if (!gw_public_of(&s.daddr, &owner))
		return gw_may_send_out(skb, e) ? gw_outward4(s.daddr.w[3]) : gw_exit_drop(s.slot, GW_DROP_NO_EXTERNAL);
	return owner.flags & GW_PUBLIC_SELF ? gw_to_self(skb, e) : gw_steer4(skb, &s, &owner, false);
}

gw_function int gw_exit6(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	struct gw_seen s = {.slot = e->owner.slot};
	struct gw_bpf_owner owner;
	__u32 why = gw_see6(skb, &s);

	if (!why && gw_is_nowhere(&s.daddr))
		why = 1 + GW_DROP_FLOOD; /* what the kernel says on any link */
	if (!why && (gw_ip_is_mapped(&s.saddr) || gw_ip_is_mapped(&s.daddr) || !gw_owns_address(e, &s.saddr, &owner)))
		why = 1 + GW_DROP_SPOOF_PUBLIC;
	if (why)
		return gw_exit_drop(s.slot, why - 1);
	if (!gw_public_of(&s.daddr, &owner))
		return gw_may_send_out(skb, e) ? gw_outward6(&s.daddr) : gw_exit_drop(s.slot, GW_DROP_NO_EXTERNAL);
	return owner.flags & GW_PUBLIC_SELF ? gw_to_self(skb, e) : gw_to_owner(skb, &s, &owner);
}

SEC("tc")
int gw_exit_in(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_exit *found = bpf_map_lookup_elem(&exits, &ifindex), e;

	if (!found)
		return gw_drop(GW_DROP_NO_GATEWAY);
	e = *found;
	if (unlikely(e.owner.exit != ifindex)) /* recycled meanwhile */
		return gw_drop(GW_DROP_NO_GATEWAY);
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		return gw_exit4(skb, &e);
	case bpf_htons(ETH_P_IPV6):
		return gw_exit6(skb, &e);
	default:
		return gw_exit_drop(e.owner.slot, GW_DROP_FLOOD);
	}
}

char gw_license[] __weak SEC("license") = "GPL";
