/*
 * cut.bpf.c - IPv4 packets that are too large for their way and may be fragmented (MTU-2): tc ingress of the inner end of a
 * veth pair, to which port.bpf.c sends them. The pair offloads nothing, so that its own kernel has cut super-packets into
 * datagrams and completed their checksums.
 *
 *   packet -> forwarded as from its port (forward.h) -> fits: that was the last part
 *                                                    -> too large: a clone comes back here as the rest
 *                                                                  the packet becomes the first part, and is forwarded
 *
 * Nothing here needs the daemon, and nothing tells the parts from fragments that the VM has made itself.
 */
#include "lib/forward.h"

#define GW_OPTIONS_MAX 40

/* The IPv4 header that all parts have in common. */
struct gw_cut_header {
	struct iphdr ip;
	__u8 options[GW_OPTIONS_MAX];
	__u32 len; /* of both */
};

/* False when the header is not sound. */
gw_inline bool gw_cut_read(struct __sk_buff *skb, struct gw_cut_header *h)
{
	int i;

	if (bpf_skb_load_bytes(skb, GW_ETH_HLEN, &h->ip, sizeof h->ip) || h->ip.ihl < 5)
		return false;
	h->len = h->ip.ihl * 4;
	for (i = 0; i < GW_OPTIONS_MAX / 4; i++)
		if (sizeof h->ip + 4 * i < h->len &&
		    bpf_skb_load_bytes(skb, GW_ETH_HLEN + sizeof h->ip + 4 * i, h->options + 4 * i, 4))
			return false;
	return true;
}

gw_inline __u16 gw_cut_sum(const struct gw_cut_header *h)
{
	return gw_fold(bpf_csum_diff(0, 0, (void *)h, sizeof h->ip + sizeof h->options, 0));
}

/* RFC 791: options that do not belong into later fragments make room for padding. */
gw_inline void gw_cut_options(struct gw_cut_header *h)
{
	__u32 left = 0, i;
	bool copied = false;

	for (i = 0; i < GW_OPTIONS_MAX; i++) {
		if (!left) {
			__u8 type = h->options[i];

			if (type == 0)
				return;
			copied = type & 0x80;
			left = type == 1 || i + 1 == GW_OPTIONS_MAX ? 1 : h->options[i + 1];
			if (!left)
				return;
		}
		left--;
		if (!copied)
			h->options[i] = 1;
	}
}

gw_inline bool gw_cut_write(struct __sk_buff *skb, struct gw_cut_header *h)
{
	int i;

	h->ip.check = 0;
	h->ip.check = ~gw_cut_sum(h);
	for (i = 0; i < GW_OPTIONS_MAX / 4; i++)
		if (sizeof h->ip + 4 * i < h->len &&
		    bpf_skb_store_bytes(skb, GW_ETH_HLEN + sizeof h->ip + 4 * i, h->options + 4 * i, 4, 0))
			return false;
	return !bpf_skb_store_bytes(skb, GW_ETH_HLEN, &h->ip, sizeof h->ip, 0);
}

/*
 * Takes off what the first part has carried; the header's checksum field says how much, in units of 8 bytes. What is taken
 * lies directly behind the fixed header; options move, and are written anew.
 */
gw_function bool gw_cut_rest(struct __sk_buff *skb)
{
	struct gw_cut_header h = {0};
	__u32 chunk, step, i;
	__u16 frag;

	if (!gw_cut_read(skb, &h))
		return false;
	chunk = (__u32)h.ip.check * 8;
	frag = bpf_ntohs(h.ip.frag_off);
	h.ip.frag_off = bpf_htons((frag & ~IP_OFFSET) | ((frag + (chunk >> 3)) & IP_OFFSET));
	h.ip.tot_len = bpf_htons(bpf_ntohs(h.ip.tot_len) - chunk);
	for (i = 0; i < 17 && chunk; i++) {
		step = chunk < 4088 ? chunk : 4088;
		if (bpf_skb_adjust_room(skb, -(__s32)step, BPF_ADJ_ROOM_NET, 0))
			return false;
		chunk -= step;
	}
	if (chunk)
		return false;
	gw_cut_options(&h);
	return gw_cut_write(skb, &h);
}

/* Makes the packet its own first part of at most `mtu` bytes, and sends the rest round: 0 or a drop reason + 1. */
gw_function __u32 gw_cut_first(struct __sk_buff *skb, __u32 mtu)
{
	struct gw_cut_header h = {0};
	__u32 chunk;
	__be16 note;

	if (!gw_cut_read(skb, &h) || mtu < h.len + 8)
		return 1 + GW_DROP_NO_ROOM;
	/* A fragment that reaches beyond what IPv4 can carry: its rest would wrap round to the start of another. */
	if ((bpf_ntohs(h.ip.frag_off) & IP_OFFSET) * 8 + bpf_ntohs(h.ip.tot_len) > 65535)
		return 1 + GW_DROP_MALFORMED;
	chunk = (mtu - h.len) & ~7u;
	note = chunk >> 3;
	skb->mark |= GW_CUT_REST;
	if (bpf_skb_store_bytes(skb, GW_ETH_HLEN + offsetof(struct iphdr, check), &note, sizeof note, 0) ||
	    bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS) ||
	    bpf_skb_change_tail(skb, GW_ETH_HLEN + h.len + chunk, 0))
		return 1 + GW_DROP_NO_ROOM;
	h.ip.frag_off |= bpf_htons(IP_MF);
	h.ip.tot_len = bpf_htons(h.len + chunk);
	return gw_cut_write(skb, &h) ? 0 : 1 + GW_DROP_NO_ROOM;
}

SEC("tc")
int gw_cut_in(struct __sk_buff *skb)
{
	__u32 mark = skb->mark, ifindex = GW_CUT_PORT(mark);
	__u32 why;
	int verdict;

	if ((mark & GW_CUT_MARK(0)) != GW_CUT_MARK(0) || skb->protocol != bpf_htons(ETH_P_IP))
		return gw_drop(GW_DROP_NO_PORT);
	if (mark & GW_CUT_REST) {
		skb->mark = GW_CUT_MARK(ifindex);
		if (!gw_cut_rest(skb))
			return gw_drop_from(ifindex, GW_DROP_NO_ROOM);
	}
	verdict = gw_forward4(skb, ifindex);
	if (verdict & GW_TO_CUTTER) {
		why = gw_cut_first(skb, verdict & 0xffff);
		if (why)
			return gw_drop_from(ifindex, why - 1);
		verdict = gw_forward4(skb, ifindex);
	}
	/* Between the port and here the policy may have changed; there is nobody to answer from here. */
	return verdict & GW_MORE ? gw_drop_from(ifindex, GW_DROP_TOO_BIG) : verdict;
}

char gw_license[] __weak SEC("license") = "GPL";
