/*
 * forward.h - what becomes of an IP packet from a port: flow cache hit, or the walk that fills it; then encapsulation, or
 * delivery to another port.
 *
 * The walk decides, the cache only remembers: a flow is believed while its generation is the port's and its MAC addresses
 * are the frame's. User space changes the maps first and the generation after.
 */
#ifndef GW_BPF_FORWARD_H
#define GW_BPF_FORWARD_H

#include "deliver.h"
#include "encap.h"
#include "icmp.h"
#include "resolve.h"

/*
 * What the functions for each protocol return besides TC actions and GW_ANSWER. The calls that follow are made by the hook
 * itself, since all frames of a call chain share 512 bytes of stack.
 */
#define GW_TO_ROUTER 0x20000000
#define GW_TO_CUTTER 0x40000000
#define GW_MORE	     (GW_ANSWER | GW_TO_ROUTER | GW_TO_CUTTER)

/* The verdict for a MAC address that has a port here. */
gw_inline __u32 gw_walk_local(struct gw_bpf_flow *f, const struct gw_bpf_mac *m, __u32 vsid, const __u8 *mac)
{
	if (!m || m->vsid != vsid || !m->port)
		return 1 + GW_DROP_NO_LOCAL_PORT;
	f->action = GW_FLOW_LOCAL;
	f->oif = m->port;
	f->mtu = m->mtu;
	f->peer = m->port_flags & GW_PORT_PEER;
	f->local.slot = m->slot;
	f->local.vsid_slot = m->vsid_slot;
	gw_mac_set(f->local.mac, mac);
	return 0;
}

gw_inline __u32 gw_walk_tunnel(struct gw_walk *w, const struct gw_bpf_port *port, const struct gw_ip *pa, __u32 vsid)
{
	if (!port->underlay)
		return 1 + GW_DROP_NO_SOURCE_PA;
	gw_outer_build(&w->flow, port, pa, vsid, w->hash, &w->eth);
	return 0;
}

gw_inline struct gw_bpf_mac *gw_mac_entry(__u32 vsid, const __u8 *mac)
{
	struct gw_mac_key key = {.vsid = vsid};

	gw_mac_set(key.mac, mac);
	return bpf_map_lookup_elem(&macs, &key);
}

/* Where frames for w->eth.h_dest go inside the port's virtual subnet (FWD-2, FWD-3); 0 or a drop reason + 1. */
gw_inline __u32 gw_walk_mac(struct gw_walk *w, const struct gw_bpf_port *port, const struct gw_bpf_mac *m, bool has_rec)
{
	const struct gw_bpf_record *rec = &w->rec;
	struct gw_ip pa;
	bool local;

	if (has_rec && gw_mac_same(rec->mac, w->eth.h_dest)) {
		pa = rec->pa;
		w->flow.encap = rec->encap;
		local = rec->flags & GW_RECORD_LOCAL;
	} else if (m && m->vsid == port->vsid) {
		pa = m->pa;
		w->flow.encap = m->encap;
		local = !(m->record_flags & GW_MAC_HAS_PA) || m->record_flags & GW_RECORD_LOCAL;
	} else {
		return 1 + GW_DROP_NO_RECORD;
	}
	if (local)
		return gw_walk_local(&w->flow, m, port->vsid, w->eth.h_dest);
	return gw_walk_tunnel(w, port, &pa, port->vsid);
}

/* The distributed router: the frame goes to the next hop's MAC address in the next hop's virtual subnet (FWD-4). */
gw_inline __u32 gw_walk_route(struct gw_walk *w, const struct gw_bpf_port *port)
{
	__u32 why;

	w->flow.routed = 1;
	w->to = w->dst;
	why = gw_route(w, port->vsid);
	if (why)
		return why;
	w->flow.encap = w->rec.encap;
	gw_mac_set(w->eth.h_dest, w->rec.mac);
	if (w->rec.flags & GW_RECORD_LOCAL)
		return gw_walk_local(&w->flow, gw_mac_entry(w->vsid, w->rec.mac), w->vsid, w->rec.mac);
	return gw_walk_tunnel(w, port, &w->rec.pa, w->vsid);
}

/* The walk for an IP packet, described in w, into w->flow: 0, a drop reason + 1, or GW_ROUTE_SELF. */
gw_function __u32 gw_walk_ip(struct gw_walk *w, const struct gw_bpf_port *port)
{
	struct gw_bpf_mac *m;

	if (!gw_mac_same(w->eth.h_source, port->mac))
		return 1 + GW_DROP_SPOOF_MAC;
	if (w->eth.h_dest[0] & 1)
		return 1 + GW_DROP_FLOOD;
	if (!gw_may_send(w, port))
		return 1 + GW_DROP_SPOOF_ADDRESS;
	gw_mac_set(w->flow.eth, w->eth.h_dest);
	gw_mac_set(w->flow.eth + 6, w->eth.h_source);
	m = gw_mac_entry(port->vsid, w->eth.h_dest);
	if (gw_is_router(w->eth.h_dest) || (m && m->vsid == port->vsid && m->record_flags & GW_MAC_ROUTER))
		return gw_walk_route(w, port);
	return gw_walk_mac(w, port, m, gw_record_of(port->vsid, &w->dst, &w->rec));
}

/* What the walk and the send need to know of an IP packet. */
struct gw_packet {
	__u32 l3_len;  /* IP packet with header; for a super-packet one segment of it */
	__u32 l3_said; /* the same as the IP header has it */
	__u32 l4_off;  /* from the IP header */
	__u16 sport, dport;
	__u8 proto;
	__u8 fragment;
	__u8 tos;
	__u8 ttl;
	__u8 later;	/* a fragment that is not the first */
	__u8 may_cut;	/* IPv4 without DF */
	__u16 ip_check; /* IPv4: header checksum */
};

/* Errors are not answered with errors (RFC 1122, RFC 4443). */
gw_inline bool gw_may_answer(struct __sk_buff *skb, const struct gw_packet *p)
{
	__u8 type;

	if (p->later)
		return false;
	if ((p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6) ||
	    bpf_skb_load_bytes(skb, GW_ETH_HLEN + p->l4_off, &type, 1))
		return true;
	if (p->proto == IPPROTO_ICMPV6)
		return type >= 128;
	return type != 3 && type != 4 && type != 5 && type != 11 && type != 12;
}

/* One hop less to go: `off` is where the IP header is now. */
gw_inline bool gw_ttl_write(struct __sk_buff *skb, __u32 off, const struct gw_packet *p, bool v4)
{
	struct {
		__u8 ttl, proto;
		__u16 check;
	} now = {.ttl = p->ttl - 1, .proto = p->proto};

	if (!v4)
		return !bpf_skb_store_bytes(skb, off + offsetof(struct ipv6hdr, hop_limit), &now.ttl, 1, 0);
	/* What the header loses its checksum gains. */
	now.check = gw_fold((__u32)p->ip_check + bpf_htons(0x0100));
	return !bpf_skb_store_bytes(skb, off + offsetof(struct iphdr, ttl), &now, sizeof now, 0);
}

gw_inline int gw_send_local(struct __sk_buff *skb, const struct gw_bpf_flow *f, const struct gw_packet *p, bool v4)
{
	if (f->routed && (!gw_ttl_write(skb, GW_ETH_HLEN, p, v4) ||
			  bpf_skb_store_bytes(skb, 0, f->local.mac, sizeof f->local.mac, 0)))
		return gw_port_drop(f->slot, GW_DROP_NO_ROOM);
	gw_count_tx(f->slot, f->vsid_slot, skb->len);
	gw_count_rx(f->local.slot, f->local.vsid_slot, skb->len);
	gw_outcome(GW_OUT_SWITCHED);
	return gw_deliver(skb, f->oif, f->peer, true);
}

/* Carries out a flow's verdict for one packet. */
gw_inline int gw_send(struct __sk_buff *skb, const struct gw_bpf_flow *f, const struct gw_packet *p, bool v4)
{
	__u32 seg = p->l3_len;
	bool keep_gso = true;

	if (unlikely(f->routed && p->ttl <= 1))
		return gw_may_answer(skb, p) ? GW_ANSWER_OF(GW_ANSWER_TIME, 0)
					     : gw_port_drop(f->slot, GW_DROP_TTL_EXPIRED);
	if (unlikely(seg > f->mtu)) {
		/* TCP segments that are too large by no more than the tunnel header are cut smaller by the kernel. */
		if (!(skb->gso_size && p->proto == IPPROTO_TCP && f->action == GW_FLOW_ENCAP &&
		      seg - gw_overhead(f->encap) <= f->mtu)) {
			if (p->may_cut)
				return params.cutter ? GW_TO_CUTTER | f->mtu : gw_port_drop(f->slot, GW_DROP_TOO_BIG);
			if (!gw_may_answer(skb, p))
				return gw_port_drop(f->slot, GW_DROP_TOO_BIG);
			return GW_ANSWER_OF(GW_ANSWER_TOO_BIG, f->mtu);
		}
		keep_gso = false;
	}
	if (f->action != GW_FLOW_ENCAP)
		return gw_send_local(skb, f, p, v4);
	if (!gw_encap_push(skb, f, gw_outer_tos(p->tos), keep_gso) ||
	    (f->routed && !gw_ttl_write(skb, GW_ETH_HLEN + gw_overhead(f->encap), p, v4)))
		return gw_port_drop(f->slot, GW_DROP_NO_ROOM);
	return gw_encap_send(skb, f);
}

gw_inline bool gw_flow_fits(const struct gw_bpf_flow *f, const struct ethhdr *eth)
{
	return f->generation == gw_generation(f->slot) && gw_mac_same(f->eth, eth->h_dest) &&
	       gw_mac_same(f->eth + 6, eth->h_source);
}

/* A packet of a port that is not sent on. Who the port is nobody has asked yet. */
gw_function_apart int gw_drop_from(__u32 ifindex, __u32 reason)
{
	struct gw_bpf_port *port = bpf_map_lookup_elem(&ports, &ifindex);

	return port ? gw_port_drop(port->slot, reason) : gw_drop(GW_DROP_NO_PORT);
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

/* Begins the walk of a packet from the port; NULL: it has none any more. */
gw_inline struct gw_walk *gw_walk_begin(const struct gw_bpf_port *port, const struct ethhdr *eth)
{
	struct gw_walk *w = gw_walk_room();

	if (w) {
		w->eth = *eth;
		w->flow.slot = port->slot;
		w->flow.vsid_slot = port->vsid_slot;
		w->flow.generation = gw_generation(port->slot);
	}
	return w;
}

/* The walk's answer for a packet that is not simply sent. */
gw_inline int gw_walk_refused(struct __sk_buff *skb, const struct gw_walk *w, const struct gw_packet *p, __u32 why)
{
	if (why == GW_ROUTE_SELF)
		return GW_TO_ROUTER;
	if ((why == 1 + GW_DROP_NO_ROUTE || why == 1 + GW_DROP_NO_RECORD) && w->flow.routed &&
	    !gw_ip_is_special(&w->dst) && gw_may_answer(skb, p))
		return GW_ANSWER_OF(why == 1 + GW_DROP_NO_ROUTE ? GW_ANSWER_NO_ROUTE : GW_ANSWER_NO_HOST, 0);
	return gw_port_drop(w->flow.slot, why - 1);
}

/*
 * The short way of most packets: headers as they are everywhere, a flow that is known, a tunnel. GW_LONG_WAY: whatever is
 * odd about it, gw_forward4 sees to it.
 */
#define GW_LONG_WAY -1

gw_inline int gw_forward4_plain(struct __sk_buff *skb)
{
	void *data = gw_data(skb);
	const struct ethhdr *eth = data;
	const struct iphdr *ip = data + GW_ETH_HLEN;
	const __u16 *ports = data + GW_ETH_HLEN + sizeof *ip;
	struct gw_flow4_key key = {.port = skb->ifindex};
	__u32 seg = skb->len - GW_ETH_HLEN, said;
	struct gw_bpf_flow *f;
	__u8 tos;

	if ((void *)(ports + 2) > gw_end(skb))
		return GW_LONG_WAY;
	said = bpf_ntohs(ip->tot_len);
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET) ||
	    (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP) || said > seg || said < sizeof *ip + 4)
		return GW_LONG_WAY;
	if (skb->gso_size) {
		const struct tcphdr *tcp = (const void *)ports;

		if (ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > gw_end(skb))
			return GW_LONG_WAY;
		seg = sizeof *ip + tcp->doff * 4 + skb->gso_size;
	}
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = ports[0];
	key.dport = ports[1];
	key.proto = ip->protocol;
	tos = ip->tos;
	f = bpf_map_lookup_elem(&flows4, &key);
	if (!f || f->action != GW_FLOW_ENCAP || f->routed || seg > f->mtu || !gw_flow_fits(f, eth))
		return GW_LONG_WAY;
	if (!gw_encap_push(skb, f, gw_outer_tos(tos), true))
		return gw_port_drop(f->slot, GW_DROP_NO_ROOM);
	return gw_encap_send(skb, f);
}

/* `ifindex`: the port that the packet came from, which need not be where it is now. */
gw_function int gw_forward4(struct __sk_buff *skb, __u32 ifindex)
{
	struct gw_flow4_key key = {.port = ifindex};
	struct gw_packet p = {0};
	struct gw_bpf_port *port;
	struct gw_bpf_flow *f;
	struct gw_walk *w;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u16 frag;
	__u32 why;

	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	frag = bpf_ntohs(ip->frag_off);
	p.l3_len = skb->len - GW_ETH_HLEN;
	p.l3_said = bpf_ntohs(ip->tot_len);
	p.l4_off = ip->ihl * 4;
	p.proto = ip->protocol;
	p.fragment = !!(frag & (IP_MF | IP_OFFSET));
	p.later = !!(frag & IP_OFFSET);
	p.tos = ip->tos;
	p.ttl = ip->ttl;
	p.ip_check = ip->check;
	p.may_cut = !(frag & IP_DF);
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	if (ip->version != 4 || ip->ihl < 5 || p.l3_said < p.l4_off || (!skb->gso_size && p.l3_said > p.l3_len) ||
	    !gw_parse_l4(skb, &p, GW_ETH_HLEN + sizeof *ip))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	key.sport = p.sport;
	key.dport = p.dport;
	key.proto = p.proto;
	key.fragment = p.fragment;

	f = bpf_map_lookup_elem(&flows4, &key);
	if (f && gw_flow_fits(f, eth))
		return gw_send(skb, f, &p, true);

	port = bpf_map_lookup_elem(&ports, &ifindex);
	w = port ? gw_walk_begin(port, eth) : NULL;
	if (!w)
		return gw_drop(GW_DROP_NO_PORT);
	w->src = gw_ip_v4(key.saddr);
	w->dst = gw_ip_v4(key.daddr);
	w->hash = gw_mix(gw_mix(gw_mix(key.proto, key.saddr), key.daddr), (__u32)key.sport << 16 | key.dport);
	w->hash = gw_mix_end(w->hash);
	why = gw_walk_ip(w, port);
	if (why)
		return gw_walk_refused(skb, w, &p, why);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	bpf_map_update_elem(&flows4, &key, &w->flow, BPF_ANY);
	return gw_send(skb, &w->flow, &p, true);
}

gw_function int gw_forward6(struct __sk_buff *skb, __u32 ifindex)
{
	struct gw_flow6_key key = {.port = ifindex};
	struct gw_packet p = {0};
	struct gw_bpf_port *port;
	struct gw_bpf_flow *f;
	struct gw_walk *w;
	struct ethhdr *eth;
	struct ipv6hdr *ip;
	__u32 hash, why;
	int i;

	if (!gw_have(skb, GW_ETH_HLEN + sizeof *ip))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	eth = gw_data(skb);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > gw_end(skb))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	p.l3_len = skb->len - GW_ETH_HLEN;
	p.l3_said = sizeof *ip + bpf_ntohs(ip->payload_len);
	p.l4_off = sizeof *ip;
	p.proto = ip->nexthdr;
	p.tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p.ttl = ip->hop_limit;
	key.saddr = gw_ip_v6(&ip->saddr);
	key.daddr = gw_ip_v6(&ip->daddr);
	if (ip->version != 6 || (!skb->gso_size && p.l3_said > p.l3_len) ||
	    !gw_parse_l4(skb, &p, GW_ETH_HLEN + sizeof *ip))
		return gw_drop_from(ifindex, GW_DROP_MALFORMED);
	if (unlikely(gw_ip_is_mapped(&key.saddr) || gw_ip_is_mapped(&key.daddr)))
		return gw_drop_from(ifindex, GW_DROP_SPOOF_ADDRESS);
	if (unlikely(gw_is_extension(p.proto)) && gw_nd_hidden(skb, p.proto))
		return gw_drop_from(ifindex, GW_DROP_SPOOF_ARP);
	key.sport = p.sport;
	key.dport = p.dport;
	key.proto = p.proto;

	f = bpf_map_lookup_elem(&flows6, &key);
	if (likely(f && gw_flow_fits(f, eth)))
		return gw_send(skb, f, &p, false);

	port = bpf_map_lookup_elem(&ports, &ifindex);
	w = port ? gw_walk_begin(port, eth) : NULL;
	if (!w)
		return gw_drop(GW_DROP_NO_PORT);
	w->src = key.saddr;
	w->dst = key.daddr;
	hash = key.proto;
	for (i = 0; i < 4; i++)
		hash = gw_mix(gw_mix(hash, key.saddr.w[i]), key.daddr.w[i]);
	w->hash = gw_mix_end(gw_mix(hash, (__u32)key.sport << 16 | key.dport));
	why = gw_walk_ip(w, port);
	if (why)
		return gw_walk_refused(skb, w, &p, why);
	if (unlikely(port->ifindex != ifindex))
		return gw_drop(GW_DROP_NO_PORT);
	bpf_map_update_elem(&flows6, &key, &w->flow, BPF_ANY);
	return gw_send(skb, &w->flow, &p, false);
}

#endif
