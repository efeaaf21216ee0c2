/*
 * steer.h - which virtual gateway a public place belongs to, and the way into it: what the hooks at the world outside have in
 * common (edge.h, exit.bpf.c, whole.bpf.c).
 *
 * A place is an address, or a block of ports or a single port of an address that is shared. Ports are those of TCP and UDP, and
 * the identifiers of ICMP echo and timestamp. An ICMP error belongs to whom the packet belongs that it quotes. What the owner's
 * entry says of the virtual gateway is all that is needed to reach it.
 */
#ifndef GW_BPF_STEER_H
#define GW_BPF_STEER_H

#include "deliver.h"

#define GW_NOBODY 0xffffffff /* slot of nobody's counters */

/* The IP header of a packet, of either family. */
struct gw_seen {
	struct gw_ip saddr, daddr;
	__u32 l4;	      /* offset of what is behind the header */
	__u32 end;	      /* offset of the packet's end */
	__u32 slot;	      /* of the virtual gateway that sent it; GW_NOBODY: it comes from outside */
	__u8 proto;	      /* IPv6: of the first header, whatever it is */
	__u8 fragment, later; /* IPv4: one; one that is not the first */
};

gw_inline void gw_exit_count(__u32 slot, __u32 bytes, bool out)
{
	if (out)
		gw_count_tx_at(&exit_stats, slot, bytes);
	else
		gw_count_rx_at(&exit_stats, slot, bytes);
}

/* A drop that is charged to the virtual gateway with this slot, if any. */
gw_function int gw_exit_drop(__u32 slot, __u32 reason)
{
	return slot == GW_NOBODY ? gw_drop(reason) : gw_drop_at(&exit_stats, &exit_reasons, slot, reason);
}

gw_inline bool gw_ip_within(const struct gw_ip *a, const struct gw_ip *net, const struct gw_ip *mask)
{
	return (a->w[0] & mask->w[0]) == net->w[0] && (a->w[1] & mask->w[1]) == net->w[1] &&
	       (a->w[2] & mask->w[2]) == net->w[2] && (a->w[3] & mask->w[3]) == net->w[3];
}

/* Whose the address is: false when it is neither a public one nor this node's own. */
gw_inline bool gw_public_of(const struct gw_ip *a, struct gw_bpf_owner *ret)
{
	struct gw_public_key key = {.prefixlen = 128, .addr = *a};
	struct gw_bpf_public *found = bpf_map_lookup_elem(&publics, &key), p;

	if (!found)
		return false;
	p = *found;
	*ret = p.owner;
	return gw_ip_within(a, &p.addr, &p.mask);
}

gw_inline bool gw_place_is(struct gw_place_key *key, struct gw_bpf_owner *ret)
{
	struct gw_bpf_place *found = bpf_map_lookup_elem(&places, key), p;

	if (!found)
		return false;
	p = *found;
	*ret = p.owner;
	return p.place == key->place && gw_ip_same(&p.addr, &key->addr);
}

/* Whose a port of a shared address is. */
gw_function bool gw_place_of(const struct gw_ip *a, __u32 port, struct gw_bpf_owner *ret)
{
	struct gw_place_key key = {.addr = *a, .place = GW_PLACE_BLOCK(port & 0xffff)};

	if (likely(gw_place_is(&key, ret)))
		return true;
	key.place = GW_PLACE_PORT(port & 0xffff);
	return gw_place_is(&key, ret);
}

/* 0, or a drop reason + 1. The whole header must be there, and the packet that it promises. */
gw_inline __u32 gw_see4(struct __sk_buff *skb, struct gw_seen *s)
{
	struct iphdr ip;
	__u32 total, where;

	if (bpf_skb_load_bytes(skb, GW_ETH_HLEN, &ip, sizeof ip))
		return 1 + GW_DROP_MALFORMED;
	s->saddr = gw_ip_v4(ip.saddr);
	s->daddr = gw_ip_v4(ip.daddr);
	s->proto = ip.protocol;
	s->l4 = GW_ETH_HLEN + ip.ihl * 4;
	total = bpf_ntohs(ip.tot_len);
	s->end = skb->gso_size ? skb->len : GW_ETH_HLEN + total;
	where = bpf_ntohs(ip.frag_off) & (IP_MF | IP_OFFSET);
	s->fragment = where != 0;
	s->later = (where & IP_OFFSET) != 0;
	if (ip.version != 4 || ip.ihl < 5 || s->end < s->l4 || s->end > skb->len)
		return 1 + GW_DROP_MALFORMED;
	/* As the kernel's reassembly would find it; and the first part has the ports. */
	if (where && (s->end == s->l4 || (where & IP_MF && (s->end - s->l4) & 7) ||
		      (where & IP_OFFSET) * 8 + total > 65535 || (!s->later && s->end < s->l4 + 8)))
		return 1 + GW_DROP_BAD_FRAGMENT;
	return 0;
}

gw_inline __u32 gw_see6(struct __sk_buff *skb, struct gw_seen *s)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, GW_ETH_HLEN, &ip, sizeof ip))
		return 1 + GW_DROP_MALFORMED;
	s->saddr = gw_ip_v6(&ip.saddr);
	s->daddr = gw_ip_v6(&ip.daddr);
	s->proto = ip.nexthdr;
	s->l4 = GW_ETH_HLEN + sizeof ip;
	s->end = skb->gso_size ? skb->len : s->l4 + bpf_ntohs(ip.payload_len);
	if (ip.version != 6 || s->end > skb->len)
		return 1 + GW_DROP_MALFORMED;
	return 0;
}

#define ICMP_IS_QUERY(type) ((type) == 0 || (type) == 8 || (type) == 13 || (type) == 14)
#define ICMP_IS_ERROR(type) ((type) == 3 || (type) == 4 || (type) == 5 || (type) == 11 || (type) == 12)

/* What tells whose an IPv4 packet is that goes to (or, from a virtual gateway, comes from) a shared address. */
struct gw_clue {
	struct gw_ip addr; /* the public one; in ICMP errors the quoted one */
	__u32 port;
	bool quoted, no_port; /* part of an ICMP error; it quotes a fragment without ports */
};

/* The packet that an ICMP error quotes: it went the other way. */
gw_inline __u32 gw_clue_quoted(struct __sk_buff *skb, const struct gw_seen *s, bool to, struct gw_clue *c)
{
	__u32 off = s->l4 + 8, at, type;
	struct iphdr q;
	__be16 port;
	__u8 t;

	if (off + sizeof q > s->end || bpf_skb_load_bytes(skb, off, &q, sizeof q) || q.version != 4 || q.ihl < 5)
		return 1 + GW_DROP_MALFORMED;
	c->quoted = true;
	c->addr = gw_ip_v4(to ? q.saddr : q.daddr);
	if (q.frag_off & bpf_htons(IP_OFFSET)) {
		c->no_port = true;
		return 0;
	}
	at = off + q.ihl * 4;
	if (q.protocol == IPPROTO_ICMP) {
		if (at + 6 > s->end || bpf_skb_load_bytes(skb, at, &t, 1))
			return 1 + GW_DROP_MALFORMED;
		type = t;
		if (!ICMP_IS_QUERY(type))
			return 1 + GW_DROP_NO_PUBLIC_PORT;
		at += 4;
	} else if (q.protocol == IPPROTO_TCP || q.protocol == IPPROTO_UDP) {
		at += to ? 0 : 2;
	} else {
		return 1 + GW_DROP_NO_PUBLIC_PORT;
	}
	if (at + 2 > s->end || bpf_skb_load_bytes(skb, at, &port, sizeof port))
		return 1 + GW_DROP_MALFORMED;
	c->port = bpf_ntohs(port);
	return 0;
}

/* 0, or a drop reason + 1. `to`: the destination is looked for, else the source. */
gw_function __u32 gw_clue4(struct __sk_buff *skb, const struct gw_seen *s, bool to, struct gw_clue *c)
{
	__u32 at = s->l4, type;
	__be16 port;
	__u8 t;

	c->addr = to ? s->daddr : s->saddr;
	c->quoted = c->no_port = false;
	switch (s->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		at += to ? 2 : 0;
		break;
	case IPPROTO_ICMP:
		if (at + 8 > s->end || bpf_skb_load_bytes(skb, at, &t, 1))
			return 1 + GW_DROP_MALFORMED;
		type = t;
		if (ICMP_IS_ERROR(type))
			return gw_clue_quoted(skb, s, to, c);
		if (!ICMP_IS_QUERY(type))
			return 1 + GW_DROP_NO_PUBLIC_PORT;
		at += 4;
		break;
	default:
		return 1 + GW_DROP_NO_PUBLIC_PORT;
	}
	if (at + 2 > s->end || bpf_skb_load_bytes(skb, at, &port, sizeof port))
		return 1 + GW_DROP_MALFORMED;
	c->port = bpf_ntohs(port);
	return 0;
}

gw_inline bool gw_in_segment(const struct gw_ip *a)
{
	struct gw_public_key key = {.prefixlen = 128, .addr = *a};

	return bpf_map_lookup_elem(&segments, &key);
}

/*
 * Out of the [external] interface: where the kernel's routes lead, or, beyond its segments, to the router that the configuration
 * names, which spares each packet the search for a route. Within them the kernel knows better, what their broadcast address is
 * for one.
 */
gw_inline long gw_outward4(bool in_segment)
{
	struct bpf_redir_neigh hop = {.nh_family = AF_INET, .ipv4_nh = params.hop4};

	if (!hop.ipv4_nh || in_segment)
		return bpf_redirect_neigh(params.external, NULL, 0, 0);
	return bpf_redirect_neigh(params.external, &hop, sizeof hop, 0);
}

gw_inline long gw_outward6(bool in_segment)
{
	struct bpf_redir_neigh hop = {.nh_family = AF_INET6};
	int i;

	for (i = 0; i < 4; i++)
		hop.ipv6_nh[i] = params.hop6.w[i];
	if (!hop.ipv6_nh[0] || in_segment)
		return bpf_redirect_neigh(params.external, NULL, 0, 0);
	return bpf_redirect_neigh(params.external, &hop, sizeof hop, 0);
}

/* Into the virtual gateway. */
gw_inline int gw_to_owner(struct __sk_buff *skb, const struct gw_seen *s, const struct gw_bpf_owner *owner)
{
	if (unlikely(!owner->exit))
		return gw_exit_drop(s->slot, GW_DROP_NO_GATEWAY);
	if (s->slot != GW_NOBODY)
		gw_exit_count(s->slot, skb->len, true);
	gw_exit_count(owner->slot, skb->len, false);
	gw_outcome(GW_OUT_STEERED);
	return gw_deliver(skb, owner->exit, owner->flags & GW_OWNER_PEER, true);
}

/*
 * Fragments have no ports but in the first, which may come last. They go to the kernel's reassembly by the way that devices.c
 * has made, and come out of it whole at whole.bpf.c. That way is for multicast, and knows ours by the sender.
 */
gw_inline int gw_to_reassembly(struct __sk_buff *skb, const struct gw_seen *s)
{
	static const __u8 macs_[12] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01, GW_REASSEMBLY_SENDER};
	__u64 room[2] = {0};

	if (!params.reassembly)
		return gw_exit_drop(s->slot, GW_DROP_NO_REASSEMBLY);
	__builtin_memcpy(room, macs_, sizeof macs_);
	if (bpf_skb_store_bytes(skb, 0, room, 12, 0))
		return gw_exit_drop(s->slot, GW_DROP_NO_ROOM);
	if (s->slot != GW_NOBODY)
		gw_exit_count(s->slot, skb->len, true);
	skb->mark = GW_MARK_FRAGMENT;
	gw_outcome(GW_OUT_TO_REASSEMBLY);
	return bpf_redirect(params.reassembly, 0);
}

/* A sound IPv4 packet to a public address, `owner` by that address. `whole`: it has been put together already. */
gw_function int gw_steer4(struct __sk_buff *skb, const struct gw_seen *s, struct gw_bpf_owner *owner, bool whole)
{
	struct gw_clue c;
	__u32 why;

	if (!(owner->flags & GW_PUBLIC_SHARED))
		return gw_to_owner(skb, s, owner);
	if (s->fragment)
		return whole ? gw_exit_drop(s->slot, GW_DROP_BAD_FRAGMENT) : gw_to_reassembly(skb, s);
	why = gw_clue4(skb, s, true, &c);
	if (why)
		return gw_exit_drop(s->slot, why - 1);
	if (c.no_port || !gw_ip_same(&c.addr, &s->daddr) || !gw_place_of(&c.addr, c.port, owner))
		return gw_exit_drop(s->slot, GW_DROP_NO_PUBLIC_PORT);
	return gw_to_owner(skb, s, owner);
}

/* Addresses that are never those of a host beyond this one: unspecified, loopback, link-local, multicast, reserved. */
gw_inline bool gw_is_nowhere(const struct gw_ip *a)
{
	__u32 top = bpf_ntohl(a->w[0]), v4;

	if (gw_ip_is_mapped(a)) {
		v4 = bpf_ntohl(a->w[3]);
		return v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14 || v4 >> 16 == 0xa9fe;
	}
	return top >> 24 == 0xff || top >> 22 == 0xfe80 >> 6 || (!a->w[0] && !a->w[1] && !a->w[2]);
}

/*
 * pairs: a direct-mapped cache, per CPU, of what was found of a source and a destination, both of IPv4. From a virtual gateway, by its
 * way out: it may send from there, if the source is shared from some ports only, and the packet goes out, beyond the segments. From
 * outside: it may come from there, and is for a public address. Good while the epoch is; any element may be overwritten at any time.
 * In few pieces: each takes the kernel as long to make as a large one.
 */
struct gw_pair {
	__u32 epoch;
	__u32 exit; /* ifindex of the way out; 0: from outside */
	__u32 saddr, daddr;
	struct gw_bpf_owner owner; /* of the public one of the two; GW_PUBLIC_SHARED: `places` tells */
};

#define GW_PAIRS       256 /* of a piece; powers of two */
#define GW_PAIR_PIECES 8

struct gw_pair_piece {
	struct gw_pair v[GW_PAIRS];
};

GW_MAP(pairs, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_pair_piece, GW_PAIR_PIECES);

gw_inline struct gw_pair *gw_pair_at(__u32 exit, __u32 saddr, __u32 daddr)
{
	__u32 hash = gw_mix(gw_mix(exit, saddr), daddr), i;
	struct gw_pair_piece *piece;

	hash ^= hash >> 16;
	i = hash & (GW_PAIR_PIECES - 1);
	piece = bpf_map_lookup_elem(&pairs, &i);
	return piece ? &piece->v[hash / GW_PAIR_PIECES & (GW_PAIRS - 1)] : NULL;
}

/* `epoch` is what it was before anything was asked. */
gw_inline void gw_pair_keep(const struct gw_seen *s, __u32 exit, __u32 epoch, const struct gw_bpf_owner *owner)
{
	struct gw_pair *p = gw_pair_at(exit, s->saddr.w[3], s->daddr.w[3]);

	if (!p)
		return;
	p->epoch = epoch;
	p->exit = exit;
	p->saddr = s->saddr.w[3];
	p->daddr = s->daddr.w[3];
	p->owner = *owner;
}

/*
 * Whether the packet goes where others went: whole and sound, of IPv4 without options, between two addresses that are known; where the
 * public one is shared, TCP or UDP with a port of the same owner's, or, from outside, of anybody's.
 */
gw_inline bool gw_pair_known(struct __sk_buff *skb, __u32 exit, struct gw_bpf_owner *ret)
{
	const struct iphdr *ip = gw_data(skb) + GW_ETH_HLEN;
	const __be16 *ports = (const void *)(ip + 1);
	struct gw_bpf_owner owner;
	struct gw_pair *p;
	struct gw_ip a;
	__u32 total;

	if ((void *)(ports + 2) > gw_end(skb) || skb->protocol != bpf_htons(ETH_P_IP) || *(const __u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (!skb->gso_size && (total < sizeof *ip + 4 || GW_ETH_HLEN + total > skb->len))
		return false;
	p = gw_pair_at(exit, ip->saddr, ip->daddr);
	if (!p || p->exit != exit || p->saddr != ip->saddr || p->daddr != ip->daddr || p->epoch != gw_epoch())
		return false;
	*ret = p->owner;
	if (likely(!(ret->flags & GW_PUBLIC_SHARED)))
		return true;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return false;
	a = gw_ip_v4(exit ? ip->saddr : ip->daddr);
	if (!gw_place_of(&a, bpf_ntohs(ports[exit ? 0 : 1]), &owner) || (exit && owner.vsid != ret->vsid))
		return false;
	if (!exit)
		*ret = owner;
	return true;
}

#endif
