/*
 * programs.c - see programs.h. What is kept, and whether it is what would be loaded: pins.c. loader.c is the only caller.
 */
#include "engine/programs.h"

#include "base/log.h"
#include "engine.skel.h"
#include "engine/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned loads;

unsigned gw_programs_loads(void)
{
	return loads;
}

void gw_programs_init(struct gw_programs *p)
{
	for (int i = 0; i < GW_HOOK_MAX; i++)
		p->taken[i] = -1;
	p->variables = -1;
}

void gw_programs_done(struct gw_programs *p)
{
	for (int i = 0; i < GW_HOOK_MAX; i++)
		if (p->taken[i] >= 0)
			close(p->taken[i]);
	if (p->variables >= 0)
		close(p->variables);
	gw_programs_init(p);
}

_Static_assert(GW_HOOK_MAX == 10, "each hook has its program here");

static void programs_of(const struct gw_bpf *b, struct bpf_program *ret[static GW_HOOK_MAX])
{
	ret[GW_HOOK_PORT] = b->progs.gw_port_in;
	ret[GW_HOOK_UNDERLAY] = b->progs.gw_underlay_in;
	ret[GW_HOOK_VXLAN] = b->progs.gw_vxlan_in;
	ret[GW_HOOK_NVGRE] = b->progs.gw_nvgre_in;
	ret[GW_HOOK_CUTTER] = b->progs.gw_cut_in;
	ret[GW_HOOK_EDGE] = b->progs.gw_edge_in;
	ret[GW_HOOK_EXIT] = b->progs.gw_exit_in;
	ret[GW_HOOK_WHOLE] = b->progs.gw_whole_in;
	ret[GW_HOOK_WAY] = b->progs.gw_way_in;
	ret[GW_HOOK_SEGMENT] = b->progs.gw_segment_in;
}

int gw_programs_fd(const struct gw_programs *p, const struct gw_bpf *b, enum gw_hook hook)
{
	struct bpf_program *programs[GW_HOOK_MAX];

	if (p->taken[hook] >= 0)
		return p->taken[hook];
	programs_of(b, programs);
	return bpf_program__fd(programs[hook]);
}

/* Tells builds apart: of all that the programs are made from (FNV-1a). */
static uint64_t build_of(void)
{
	static uint64_t hash;
	size_t n;
	const uint8_t *elf = gw_bpf__elf_bytes(&n);

	if (hash)
		return hash;
	hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ elf[i]) * 0x100000001b3;
	return hash;
}

void gw_programs_prepare(struct gw_bpf *b, const struct gw_params *params, uint32_t lowest_pa)
{
	struct gw_params *p = (struct gw_params *)&b->rodata->params;

	*p = *params;
	p->build[0] = (uint32_t)build_of();
	p->build[1] = (uint32_t)(build_of() >> 32);
	b->data->lowest_pa = lowest_pa;
}

int gw_programs_set_lowest_pa(const struct gw_programs *p, struct gw_bpf *b, uint32_t pa)
{
	__u32 zero = 0;

	b->data->lowest_pa = pa; /* of a skeleton that is loaded that is the programs' own memory */
	return p->variables >= 0 && bpf_map_update_elem(p->variables, &zero, b->data, BPF_ANY) < 0 ? -errno : 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int gw_programs_load(struct gw_bpf *b, struct gw_error *err)
{
	int64_t begin = now_ms();
	int r = gw_bpf__load(b);

	loads++;
	if (r < 0)
		return gw_loader_error(err, r, "the kernel refuses the BPF programs");
	gw_log_info("programs loaded in %" PRId64 " ms", now_ms() - begin);
	return 0;
}

void gw_programs_keep(struct gw_bpf *b, const char *kept)
{
	struct bpf_program *programs[GW_HOOK_MAX];
	int r;

	programs_of(b, programs);
	r = gw_pins_keep_programs(kept, b, programs);
	if (r < 0) /* then the next process has to load them again */
		gw_log_debug("programs cannot be kept in %s: %s", kept, strerror(-r));
}

int gw_programs_bring(struct gw_programs *ret, struct gw_bpf *b, const char *kept, struct gw_error *err)
{
	struct bpf_program *programs[GW_HOOK_MAX];
	int r;

	programs_of(b, programs);
	if (gw_pins_take_programs(kept, b, programs, ret->taken, &ret->variables)) {
		if (gw_programs_set_lowest_pa(ret, b, b->data->lowest_pa) == 0) {
			gw_log_info("programs of an earlier process taken over");
			return 0;
		}
		gw_programs_done(ret);
	}
	gw_programs_init(ret);
	r = gw_programs_load(b, err);
	if (r == 0)
		gw_programs_keep(b, kept);
	return r;
}
