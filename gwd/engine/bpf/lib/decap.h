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

#endif
