/*
 * maps.h - the engine's maps, defined once for all hooks (weak: the BPF linker merges them). Sizes that depend on the
 * configuration are set by the loader; all maps are pinned by name below bpf_dir/<node>/abi-<version>.
 */
#ifndef GW_BPF_MAPS_H
#define GW_BPF_MAPS_H

#include "common.h"

#define GW_MAP(name, kind, k, v, n)                                                                                    \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, n);                                                                                \
		__type(key, k);                                                                                        \
		__type(value, v);                                                                                      \
	} name __weak SEC(".maps")

#define GW_MAP_LAZY(name, kind, k, v, n)                                                                               \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, n);                                                                                \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__type(key, k);                                                                                        \
		__type(value, v);                                                                                      \
	} name __weak SEC(".maps")

GW_MAP(abi, BPF_MAP_TYPE_ARRAY, __u32, struct gw_bpf_abi, 1);
GW_MAP_LAZY(ports, BPF_MAP_TYPE_HASH, __u32, struct gw_bpf_port, 1);
GW_MAP_LAZY(records, BPF_MAP_TYPE_HASH, struct gw_record_key, struct gw_bpf_record, 1);
GW_MAP_LAZY(macs, BPF_MAP_TYPE_HASH, struct gw_mac_key, struct gw_bpf_mac, 1);
GW_MAP_LAZY(vsids, BPF_MAP_TYPE_HASH, __u32, struct gw_bpf_vsid, 1);
GW_MAP_LAZY(peers, BPF_MAP_TYPE_HASH, struct gw_peer_key, struct gw_bpf_peer, 1);
GW_MAP_LAZY(provider_addresses, BPF_MAP_TYPE_HASH, struct gw_ip, __u32, 1);
GW_MAP_LAZY(subnets, BPF_MAP_TYPE_LPM_TRIE, struct gw_prefix_key, struct gw_bpf_subnet, 1);
GW_MAP_LAZY(routes, BPF_MAP_TYPE_LPM_TRIE, struct gw_prefix_key, struct gw_bpf_route, 1);
GW_MAP_LAZY(own_routes, BPF_MAP_TYPE_LPM_TRIE, struct gw_prefix_key, struct gw_bpf_route, 1);
GW_MAP_LAZY(publics, BPF_MAP_TYPE_LPM_TRIE, struct gw_public_key, struct gw_bpf_public, 1);
GW_MAP_LAZY(segments, BPF_MAP_TYPE_LPM_TRIE, struct gw_public_key, __u32, GW_SELF_MAX);
GW_MAP_LAZY(places, BPF_MAP_TYPE_HASH, struct gw_place_key, struct gw_bpf_place, 1);
GW_MAP_LAZY(shares, BPF_MAP_TYPE_HASH, struct gw_share_key, __u32, 1);
GW_MAP_LAZY(exits, BPF_MAP_TYPE_HASH, __u32, struct gw_bpf_exit, 1);
GW_MAP_LAZY(ways, BPF_MAP_TYPE_HASH, __u32, struct gw_bpf_way, 1);
GW_MAP_LAZY(taps, BPF_MAP_TYPE_HASH, struct gw_tap_key, struct gw_bpf_tap, 1);
GW_MAP_LAZY(tunnels, BPF_MAP_TYPE_HASH, struct gw_tunnel_key, struct gw_bpf_tunnel, 1);
GW_MAP_LAZY(gateways, BPF_MAP_TYPE_HASH, __u32, struct gw_bpf_gateway, 1);
GW_MAP(fast_flows, BPF_MAP_TYPE_LRU_HASH, struct gw_fast_key, struct gw_bpf_fast, 1);
GW_MAP(epochs, BPF_MAP_TYPE_ARRAY, __u32, __u32, 1);
GW_MAP_LAZY(slots, BPF_MAP_TYPE_HASH, struct gw_slot_key, __u32, 1);
GW_MAP_LAZY(hooks, BPF_MAP_TYPE_HASH, __u32, __u32, GW_HOOK_IFINDEX_MAX);
GW_MAP(generations, BPF_MAP_TYPE_ARRAY, __u32, __u32, 1);
GW_MAP(flows4, BPF_MAP_TYPE_LRU_HASH, struct gw_flow4_key, struct gw_bpf_flow, 1);
GW_MAP(flows6, BPF_MAP_TYPE_LRU_HASH, struct gw_flow6_key, struct gw_bpf_flow, 1);
GW_MAP(received, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_received, GW_RECEIVED_MAX);

/* Counters: programs use the first half; the second holds what was counted before an upgrade (loader.c). */
GW_MAP(outcomes, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 2 * GW_OUT_SLOTS);
GW_MAP(drops, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 2 * GW_DROP_SLOTS);
GW_MAP(port_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_counters, 1);
GW_MAP(vsid_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_counters, 1);
GW_MAP(port_reasons, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_reasons, 1);

GW_MAP(exit_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_counters, 1);
GW_MAP(exit_reasons, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_reasons, 1);

GW_MAP(way_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_counters, 1);
GW_MAP(way_reasons, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct gw_bpf_reasons, 1);

/* What a cache remembers for a port is good while it has this number. User space changes the maps first, and this after. */
gw_inline __u32 gw_generation(__u32 slot)
{
	__u32 *g = bpf_map_lookup_elem(&generations, &slot);

	return g ? *g : 0;
}

/*
 * Changes with everything that leads to virtual gateways, away from them or within their domains. User space changes the maps
 * first, and this after.
 */
gw_inline __u32 gw_epoch(void)
{
	const __u32 zero = 0;
	__u32 *e = bpf_map_lookup_elem(&epochs, &zero);

	return e ? *e : 0;
}

#endif
