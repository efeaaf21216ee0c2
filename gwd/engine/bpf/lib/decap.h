/*
 * decap.h - what a tunnel packet carries and whether it may be delivered (ENC-5, ENC-6, ENC-10), the same for the packets
 * that BPF decapsulates itself and for those that come out of the kernel's tunnel devices.
 */
#ifndef GW_BPF_DECAP_H
#define GW_BPF_DECAP_H

#include "deliver.h"

#define GW_VSID_SYSTEM 0xffffff

/* 0, or a drop reason + 1: whether the inner frame is for a port here, copied to *to. */
gw_inline __u32 gw_inner_check(const struct ethhdr *eth, __u32 vsid, struct gw_bpf_mac *to)
{
	struct gw_mac_key key = {.vsid = vsid};
	struct gw_bpf_mac *m;

	if (eth->h_proto == bpf_htons(ETH_P_8021Q) || eth->h_proto == bpf_htons(ETH_P_8021AD))
		return 1 + GW_DROP_INNER_VLAN;
	if (eth->h_source[0] & 1)
		return 1 + GW_DROP_INNER_MALFORMED;
	gw_mac_set(key.mac, eth->h_dest);
	m = bpf_map_lookup_elem(&macs, &key);
	if (likely(m && m->port && m->vsid == vsid)) {
		*to = *m;
		return 0;
	}
	if (!bpf_map_lookup_elem(&vsids, &vsid))
		return 1 + (vsid == GW_VSID_SYSTEM ? GW_DROP_SYSTEM_VSID : GW_DROP_UNKNOWN_VSID);
	return 1 + (eth->h_dest[0] & 1 ? GW_DROP_TUNNEL_FLOOD : GW_DROP_UNKNOWN_DESTINATION);
}

/* ENC-10: the sender must be a PA that some record of the routing domain names. `hop` is the outer source MAC address. */
gw_inline bool gw_peer_known(__u32 domain, const struct gw_ip *pa, const __u8 *hop)
{
	struct gw_peer_key key = {.domain = domain, .pa = *pa};
	struct gw_bpf_peer *peer = bpf_map_lookup_elem(&peers, &key);

	if (unlikely(!peer))
		return false;
	if (unlikely(!peer->heard || !gw_mac_same(peer->hop, hop))) {
		gw_mac_set(peer->hop, hop);
		peer->heard = 1;
	}
	return true;
}

/*
 * RFC 6040, decapsulation: what the outer ECN field makes of the inner one. -1: drop (congestion that the inner flow could
 * not be told).
 */
gw_inline int gw_ecn_combine(__u8 outer, __u8 inner)
{
	if (outer == 3)
		return inner ? 3 : -1;
	if (outer == 1 && inner == 2)
		return 1;
	return inner;
}

struct gw_inner {
	struct ethhdr eth;
	__u8 proto; /* of the transport, 0 unless IP */
	__u8 tos;
	bool v4, v6;
};

/* Writes the inner ECN field at `off`, the offset of the inner IP header, and mends the IPv4 checksum. */
gw_inline bool gw_ecn_write(struct __sk_buff *skb, __u32 off, const struct gw_inner *in, __u8 ecn)
{
	__u8 tos = (in->tos & ~ECN_MASK) | ecn;
	__be16 word[2];

	if (bpf_skb_load_bytes(skb, off, &word[0], 2))
		return false;
	if (in->v4) {
		word[1] = bpf_htons(0x4500 | tos);
		((__u8 *)&word[1])[0] = ((__u8 *)&word[0])[0];
		return !bpf_l3_csum_replace(skb, off + offsetof(struct iphdr, check), word[0], word[1], 2) &&
		       !bpf_skb_store_bytes(skb, off, &word[1], 2, 0);
	}
	word[1] = word[0];
	((__u8 *)&word[1])[1] = (((__u8 *)&word[0])[1] & 0x0f) | (tos << 4);
	return !bpf_skb_store_bytes(skb, off, &word[1], 2, 0);
}

#endif
