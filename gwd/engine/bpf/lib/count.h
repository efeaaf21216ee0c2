/* count.h - every packet that enters a hook ends here, once: as an outcome or as a drop. */
#ifndef GW_BPF_COUNT_H
#define GW_BPF_COUNT_H

#include "maps.h"

gw_inline void gw_outcome(__u32 outcome)
{
	__u64 *n = bpf_map_lookup_elem(&outcomes, &outcome);

	if (n)
		(*n)++;
}

/* Drops without a port: nothing tells which tenant the packet belongs to. */
gw_inline int gw_drop(__u32 reason)
{
	__u64 *n = bpf_map_lookup_elem(&drops, &reason);

	if (n)
		(*n)++;
	return TC_ACT_SHOT;
}

/* What one of many has sent, or got: an element of `stats` for each, a map of struct gw_bpf_counters. */
gw_inline void gw_count_tx_at(void *stats, __u32 slot, __u32 bytes)
{
	struct gw_bpf_counters *c = bpf_map_lookup_elem(stats, &slot);

	if (c) {
		c->tx_packets++;
		c->tx_bytes += bytes;
	}
}

gw_inline void gw_count_rx_at(void *stats, __u32 slot, __u32 bytes)
{
	struct gw_bpf_counters *c = bpf_map_lookup_elem(stats, &slot);

	if (c) {
		c->rx_packets++;
		c->rx_bytes += bytes;
	}
}

/* A drop that is charged to it; `reasons` is a map of struct gw_bpf_reasons. */
gw_inline int gw_drop_at(void *stats, void *reasons, __u32 slot, __u32 reason)
{
	struct gw_bpf_counters *c = bpf_map_lookup_elem(stats, &slot);
	struct gw_bpf_reasons *r = bpf_map_lookup_elem(reasons, &slot);

	if (c)
		c->drops++;
	if (r)
		r->n[reason % GW_DROP_SLOTS]++;
	return gw_drop(reason);
}

/* Drops of what a port sent, or of what was for it. A function of its own: its many callers are all off the fast path. */
gw_function_apart int gw_port_drop(__u32 slot, __u32 reason)
{
	return gw_drop_at(&port_stats, &port_reasons, slot, reason);
}

gw_inline void gw_count_tx(__u32 slot, __u32 vsid_slot, __u32 bytes)
{
	gw_count_tx_at(&port_stats, slot, bytes);
	gw_count_tx_at(&vsid_stats, vsid_slot, bytes);
}

gw_inline void gw_count_rx(__u32 slot, __u32 vsid_slot, __u32 bytes)
{
	gw_count_rx_at(&port_stats, slot, bytes);
	gw_count_rx_at(&vsid_stats, vsid_slot, bytes);
}

#endif
