/*
 * loader.h - the engine's programs and maps: loaded, pinned, taken over from an earlier process, upgraded.
 *
 *   <bpf_dir>/<node>/maps/<name>   the set in use
 *   <bpf_dir>/<node>/next/<name>   a set being built, only during an upgrade
 *   <bpf_dir>/<node>/programs/<name>   the programs that were loaded last, and their constants and variables
 *
 * Maps whose layout and size are what this daemon wants are adopted as they are. Otherwise a new set is made beside them;
 * the caller fills it from the intent and attaches the programs, which go on serving traffic from the old set until they
 * are replaced one by one; then gw_loader_commit carries over what was counted meanwhile and renames the set.
 *
 * Programs of the same build with the same constants and maps are adopted, too: nothing is loaded then, and where they are
 * attached they stay.
 */
#ifndef GW_ENGINE_LOADER_H
#define GW_ENGINE_LOADER_H

#include "base/error.h"
#include "engine/bpf/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct gw_bpf;
struct gw_loader;
struct gw_loader_fresh;

struct gw_loader_config {
	const char *bpf_dir, *node;
	struct gw_params params;
	uint32_t lowest_pa; /* gw_loader_set_lowest_pa */
	unsigned flow_limit, record_limit, port_limit, route_limit, provider_limit, vrf_limit, public_limit, fast_limit;
	unsigned way_limit;
};

/* What a hook has in `hooks` stays its number. */
enum gw_hook {
	GW_HOOK_PORT,
	GW_HOOK_UNDERLAY,
	GW_HOOK_VXLAN,
	GW_HOOK_NVGRE,
	GW_HOOK_CUTTER,
	GW_HOOK_EDGE,
	GW_HOOK_EXIT,
	GW_HOOK_WHOLE,
	GW_HOOK_WAY,
	GW_HOOK_SEGMENT,
	GW_HOOK_MAX
};

/*
 * Makes the node's directory and takes it for as long as *ret_fd is open: the pins belong to one daemon at a time, whatever
 * else two daemons have in common. To be called before gw_loader_open.
 */
int gw_loader_lock(const struct gw_loader_config *c, int *ret_fd, struct gw_error *err);
int gw_loader_open(const struct gw_loader_config *c, struct gw_loader **ret, struct gw_error *err);
struct gw_loader *gw_loader_close(struct gw_loader *l);
/*
 * Loads the programs anew with other parameters against the same maps. The maps' sizes stay as they were when opened.
 * The caller attaches the new programs.
 */
int gw_loader_reload(struct gw_loader *l, const struct gw_params *params, struct gw_error *err);
/* The node's lowest provider address, in network byte order; 0: it has none. The programs that are there have it at once. */
int gw_loader_set_lowest_pa(struct gw_loader *l, uint32_t pa, struct gw_error *err);
/*
 * The reload in steps, as the kernel looks at programs for some hundred milliseconds: only the loading may be on another thread, while
 * nothing commits an upgrade. What is taken, or failed, is freed all the same. NULL: no memory.
 */
struct gw_loader_fresh *gw_loader_fresh_new(const struct gw_loader *l, const struct gw_params *params);
int gw_loader_fresh_load(struct gw_loader_fresh *f, struct gw_error *err);
void gw_loader_take(struct gw_loader *l, struct gw_loader_fresh *f);
struct gw_loader_fresh *gw_loader_fresh_free(struct gw_loader_fresh *f);
/* After the first sync: ends an upgrade. Does nothing for adopted maps. */
int gw_loader_commit(struct gw_loader *l, struct gw_error *err);
/* Removes the node's pins. What holds the maps keeps them; nobody finds them any more. */
void gw_loader_remove(struct gw_loader *l);
/* Why the programs are without the fast path that params asked for; NULL: they have it, or need not. */
const char *gw_loader_without_fast(const struct gw_loader *l);
bool gw_loader_adopted(const struct gw_loader *l);
int gw_loader_program(const struct gw_loader *l, enum gw_hook hook); /* descriptor */
unsigned gw_loader_program_id(const struct gw_loader *l, enum gw_hook hook);
unsigned gw_loader_cpus(const struct gw_loader *l);
/* The skeleton, for its map descriptors. */
const struct gw_bpf *gw_loader_bpf(const struct gw_loader *l);
/* For loader.c and pins.c: what failed, with what libbpf said about it and what gwd needs. Returns r, which is negative. */
int gw_loader_error(struct gw_error *err, int r, const char *what);
/* True when the kernel can take off an outer header whose family differs from the inner one in one step. */
bool gw_loader_probe_decap_l3(void);

#endif
