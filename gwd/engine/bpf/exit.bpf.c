/*
 * exit.bpf.c - what virtual gateways send to the world outside: tc ingress of the node's end of each one's way out.
 *
 *   packet -> from a public place of its own? -> to an address of this node outside: as if it came from there
 *                                             -> to a public place on this node: straight into its owner (steer.h)
 *                                             -> else: out of the [external] interface, to its next_hop or where the
 *                                                kernel's routes lead; to few of its segments' hosts at once
 *
 * A virtual gateway has forwarded the packet already: its TTL stays as it is, and super-packets stay whole.
 *
 * What most packets are asked, whose source and whose destination these are, has been asked of others before them, and is remembered
 * (gw_pair): one search in place of four.
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

/* 0, or a drop reason + 1. *ret_shared: the source is, so that the next packet's port counts. */
gw_inline __u32 gw_may_leave4(struct __sk_buff *skb, const struct gw_bpf_exit *e, const struct gw_seen *s,
			      bool *ret_shared)
{
	struct gw_bpf_owner owner;
	struct gw_clue c;
	__u32 why;

	if (!gw_owns_address(e, &s->saddr, &owner))
		return 1 + GW_DROP_SPOOF_PUBLIC;
	*ret_shared = owner.flags & GW_PUBLIC_SHARED;
	if (!*ret_shared || s->later)
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

/*
 * For each host of the segments that somebody sends to, whether it is there or not, the kernel keeps an entry in a table that the
 * whole node shares, with its underlay. So that no virtual gateway takes all of that, it may send to so many that it has not sent to
 * lately, and to so many more as time goes by. Entries that are some seconds old the kernel gives to others when they need them. Two
 * CPUs that count at once may count one too few.
 */
#define GW_MEET_NS  20000000ull	   /* one more */
#define GW_MEET_MAX 500		   /* at once */
#define GW_MET_NS   30000000000ull /* that long it is lately */

struct gw_meeting {
	struct gw_ip host;
	__u32 slot; /* of the virtual gateway */
};

GW_MAP(met, BPF_MAP_TYPE_LRU_HASH, struct gw_meeting, __u64, 16384); /* when */
GW_MAP(meets, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1);		     /* slot -> when it will have met nobody lately */

gw_function bool gw_may_meet(__u32 slot, const struct gw_ip *host)
{
	struct gw_meeting key = {.host = *host, .slot = slot};
	__u64 now = bpf_ktime_get_coarse_ns(), *last = bpf_map_lookup_elem(&met, &key), *until, next;

	if (last && now - *last < GW_MET_NS) {
		*last = now;
		return true;
	}
	until = bpf_map_lookup_elem(&meets, &slot);
	if (!until)
		return false;
	next = (*until > now ? *until : now) + GW_MEET_NS;
	if (next - now > GW_MEET_MAX * GW_MEET_NS)
		return false;
	*until = next;
	bpf_map_update_elem(&met, &key, &now, BPF_ANY);
	return true;
}

/* 0, or a drop reason + 1. Where it goes is said in steer.h. */
gw_inline __u32 gw_may_send_out(struct __sk_buff *skb, const struct gw_bpf_exit *e, const struct gw_ip *to,
				bool in_segment)
{
	if (!params.external)
		return 1 + GW_DROP_NO_EXTERNAL;
	if (in_segment && !gw_may_meet(e->owner.slot, to))
		return 1 + GW_DROP_NEIGHBOUR_LIMIT;
	gw_exit_count(e->owner.slot, skb->len, true);
	gw_outcome(GW_OUT_SENT_OUT);
	skb->mark = 0;
	return 0;
}

/* To this node itself: the stack gets it as if it came from outside, so that its rules for that hold. */
gw_inline int gw_to_self(struct __sk_buff *skb, const struct gw_bpf_exit *e, const struct gw_bpf_owner *to)
{
	__u8 own[8] __attribute__((aligned(8))) = {0};
	int i;

	if (to->flags & GW_PUBLIC_INWARD)
		return gw_exit_drop(e->owner.slot, GW_DROP_NODE_ADDRESS);
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

#define GW_LONG_WAY -1

/* The short way of most packets: between two addresses that others were between. */
gw_inline int gw_exit4_plain(struct __sk_buff *skb)
{
	struct gw_bpf_owner from;

	if (!params.external || !gw_pair_known(skb, skb->ifindex, &from))
		return GW_LONG_WAY;
	gw_exit_count(from.slot, skb->len, true);
	gw_outcome(GW_OUT_SENT_OUT);
	skb->mark = 0;
	return gw_outward4(false);
}

gw_function int gw_exit4(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	struct gw_seen s = {.slot = e->owner.slot};
	struct gw_bpf_owner owner;
	__u32 epoch = gw_epoch(), why = gw_see4(skb, &s);
	bool in_segment, shared = false;

	if (!why)
		why = gw_may_leave4(skb, e, &s, &shared);
	if (why)
		return gw_exit_drop(s.slot, why - 1);
	if (gw_is_nowhere(&s.daddr))
		return gw_exit_drop(s.slot, GW_DROP_FLOOD);
	if (gw_public_of(&s.daddr, &owner))
		return owner.flags & GW_PUBLIC_SELF ? gw_to_self(skb, e, &owner) : gw_steer4(skb, &s, &owner, false);
	in_segment = gw_in_segment(&s.daddr);
	why = gw_may_send_out(skb, e, &s.daddr, in_segment);
	if (why)
		return gw_exit_drop(s.slot, why - 1);
	owner = e->owner;
	owner.flags = shared ? GW_PUBLIC_SHARED : 0;
	if (!in_segment)
		gw_pair_keep(&s, owner.exit, epoch, &owner);
	return gw_outward4(in_segment);
}

gw_function int gw_exit6(struct __sk_buff *skb, const struct gw_bpf_exit *e)
{
	struct gw_seen s = {.slot = e->owner.slot};
	struct gw_bpf_owner owner;
	__u32 why = gw_see6(skb, &s);
	bool in_segment;

	if (!why && gw_is_nowhere(&s.daddr))
		why = 1 + GW_DROP_FLOOD; /* what the kernel says on any link */
	if (!why && (gw_ip_is_mapped(&s.saddr) || gw_ip_is_mapped(&s.daddr) || !gw_owns_address(e, &s.saddr, &owner)))
		why = 1 + GW_DROP_SPOOF_PUBLIC;
	if (why)
		return gw_exit_drop(s.slot, why - 1);
	if (gw_public_of(&s.daddr, &owner))
		return owner.flags & GW_PUBLIC_SELF ? gw_to_self(skb, e, &owner) : gw_to_owner(skb, &s, &owner);
	in_segment = gw_in_segment(&s.daddr);
	why = gw_may_send_out(skb, e, &s.daddr, in_segment);
	return why ? gw_exit_drop(s.slot, why - 1) : gw_outward6(in_segment);
}

SEC("tc")
int gw_exit_in(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct gw_bpf_exit *found, e;
	int verdict = gw_exit4_plain(skb);

	if (likely(verdict != GW_LONG_WAY))
		return verdict;
	found = bpf_map_lookup_elem(&exits, &ifindex);
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
