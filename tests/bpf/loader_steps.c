/* loader_steps.c - see loader_steps.h. Built for both map layouts. */
#include "loader_steps.h"

#include "engine.skel.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#define TX_PACKETS    0
#define RX_BYTES      3
#define DROPS	      4
#define COUNTER_WORDS 5

struct gw_loader_config step_config(const char *bpf_dir, const char *node)
{
	return (struct gw_loader_config){
		.bpf_dir = bpf_dir,
		.node = node,
		.params = {.inner_mtu = {1450, 1458}, .vxlan_port = 4789, .ttl = 64, .dscp = -1},
		.flow_limit = 64,
		.record_limit = 64,
		.port_limit = 8,
		.route_limit = 16,
		.provider_limit = 4,
		.vrf_limit = 4,
		.way_limit = 4,
		.public_limit = 16,
	};
}

static uint64_t *element(const struct gw_loader *l, const struct bpf_map *m, uint32_t i)
{
	uint64_t *cells = calloc(gw_loader_cpus(l), bpf_map__value_size(m));

	if (!cells || bpf_map_lookup_elem(bpf_map__fd(m), &i, cells) < 0)
		abort();
	return cells;
}

static uint64_t both_halves(const struct gw_loader *l, const struct bpf_map *m, uint32_t i, size_t word)
{
	size_t words = bpf_map__value_size(m) / 8;
	uint64_t sum = 0;

	for (uint32_t half = 0; half < 2; half++) {
		uint64_t *cells = element(l, m, i + half * (bpf_map__max_entries(m) / 2));

		for (unsigned c = 0; c < gw_loader_cpus(l); c++)
			sum += cells[c * words + word];
		free(cells);
	}
	return sum;
}

/* n into each word of every CPU's own element, as the programs would. */
static void add(const struct gw_loader *l, const struct bpf_map *m, uint32_t i, uint64_t n)
{
	size_t words = bpf_map__value_size(m) / 8;
	uint64_t *cells = element(l, m, i);

	for (size_t w = 0; w < words; w++)
		for (unsigned c = 0; c < gw_loader_cpus(l); c++)
			cells[c * words + w] += n;
	if (bpf_map_update_elem(bpf_map__fd(m), &i, cells, BPF_ANY) < 0)
		abort();
	free(cells);
}

void step_read(const struct gw_loader *l, struct step *ret)
{
	const struct gw_bpf *b = gw_loader_bpf(l);
	struct gw_slot_key key = {.kind = GW_SLOT_PORT, .id = STEP_OWNER};

	*ret = (struct step){
		.adopted = gw_loader_adopted(l),
		.slot = UINT32_MAX,
		.out = both_halves(l, b->maps.outcomes, GW_OUT_SWITCHED, 0),
		.drop = both_halves(l, b->maps.drops, GW_DROP_FLOOD, 0),
		.tx_packets = both_halves(l, b->maps.port_stats, STEP_SLOT, TX_PACKETS),
		.drops = both_halves(l, b->maps.port_stats, STEP_SLOT, DROPS),
		.vsid_rx_bytes = both_halves(l, b->maps.vsid_stats, STEP_SLOT, RX_BYTES),
		.port_drop = both_halves(l, b->maps.port_reasons, STEP_SLOT, GW_DROP_FLOOD),
	};
	bpf_map_lookup_elem(bpf_map__fd(b->maps.slots), &key, &ret->slot);
}

void step_count(const struct gw_loader *l, uint64_t n)
{
	const struct gw_bpf *b = gw_loader_bpf(l);

	add(l, b->maps.outcomes, GW_OUT_SWITCHED, n);
	add(l, b->maps.drops, GW_DROP_FLOOD, n);
	add(l, b->maps.port_stats, STEP_SLOT, n);
	add(l, b->maps.vsid_stats, STEP_SLOT, n);
	add(l, b->maps.port_reasons, STEP_SLOT, n);
}

void step_own(const struct gw_loader *l)
{
	struct gw_slot_key key = {.kind = GW_SLOT_PORT, .id = STEP_OWNER};
	uint32_t slot = STEP_SLOT;

	if (bpf_map_update_elem(bpf_map__fd(gw_loader_bpf(l)->maps.slots), &key, &slot, BPF_ANY) < 0)
		abort();
}

int step(const struct gw_loader_config *c, uint64_t n, struct step *ret, struct gw_error *err)
{
	struct gw_loader *l;
	int r = gw_loader_open(c, &l, err);

	if (r < 0)
		return r;
	r = gw_loader_commit(l, err);
	if (r == 0) {
		step_read(l, ret);
		step_count(l, n);
		step_own(l);
	}
	gw_loader_close(l);
	return r;
}
