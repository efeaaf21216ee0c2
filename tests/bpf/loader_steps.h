/*
 * loader_steps.h - one life of the daemon as the loader sees it: open, commit, look at what was counted before, count some
 * more. test_loader does it in its own process and, by loader_helper, in a program that was built with another map layout.
 */
#ifndef GW_TESTS_BPF_LOADER_STEPS_H
#define GW_TESTS_BPF_LOADER_STEPS_H

#include "base/error.h"
#include "engine/loader.h"

#include <stdint.h>

#define STEP_OWNER 77 /* the ifindex that the step's slot belongs to */
#define STEP_SLOT  4

struct step {
	int adopted;
	uint32_t slot; /* of STEP_OWNER; UINT32_MAX when nobody has it */
	uint64_t out, drop, tx_packets, drops, vsid_rx_bytes, port_drop;
};

struct gw_loader_config step_config(const char *bpf_dir, const char *node);
/* What the set of `l` says now, from both halves of the counters. */
void step_read(const struct gw_loader *l, struct step *ret);
/* As if the programs had counted n of each, in the first half. */
void step_count(const struct gw_loader *l, uint64_t n);
void step_own(const struct gw_loader *l);
/* All of it: open, commit, read, count. */
int step(const struct gw_loader_config *c, uint64_t n, struct step *ret, struct gw_error *err);

#endif
