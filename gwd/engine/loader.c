/*
 * loader.c - see loader.h. Owns the skeleton; where its maps are pinned is of pins.c. The engine driver is its only caller.
 */
#include "engine/loader.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "engine.skel.h"
#include "engine/pins.h"
#include "engine/programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct gw_loader {
	struct gw_bpf *bpf;
	struct gw_programs programs;
	__u64 netns;
	struct gw_loader_config config;
	struct gw_pins pins;
	const char *maps; /* the set that `bpf` uses: pins.current or pins.next */
	bool adopted;
	unsigned cpus;
	char without_fast[400]; /* gw_loader_without_fast; empty: NULL */
};

/* libbpf says why it failed only through its print callback; the last lines of it, of this thread's, go into the error. */
static _Thread_local char why[400];

static int on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t n = strlen(why);

	if (level != LIBBPF_WARN)
		return 0;
	if (n > sizeof why / 2) {
		memmove(why, why + n / 2, n - n / 2 + 1);
		n -= n / 2;
	}
	vsnprintf(why + n, sizeof why - n, fmt, ap);
	for (char *p = why + n; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return 0;
}

int gw_loader_error(struct gw_error *err, int r, const char *what)
{
	if (r == -EPERM) /* EACCES is the verifier speaking */
		return gw_error_set(
			err, -r, GW_ERR_CAPABILITY, "engine",
			"%s: %s; gwd needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON (before Linux 6.4 CAP_SYS_ADMIN). %s",
			what, strerror(-r), why);
	return gw_error_set(err, -r, GW_ERR_CAPABILITY, "engine",
			    "%s: %s; gwd needs Linux 6.1 or newer with BPF and BTF. %s", what, strerror(-r), why);
}

/* --- maps -------------------------------------------------------------------------------------------------------------- */

static void size_maps(struct gw_bpf *b, const struct gw_loader_config *c)
{
	/* A hash map's empty buckets cost memory too: subnets and their nodes are fewer than records. */
	unsigned few = (c->record_limit < 262144 ? c->record_limit : 262144) + c->port_limit;
	/* A public address has as many places as blocks; a node seldom has more than a few of most. */
	unsigned places = 4 * c->public_limit + 1024;
	const struct {
		struct bpf_map *map;
		unsigned n;
	} sizes[] = {
		{b->maps.ports, c->port_limit},
		{b->maps.records, c->record_limit},
		{b->maps.macs, c->record_limit + c->port_limit},
		{b->maps.vsids, few},
		{b->maps.peers, few},
		{b->maps.provider_addresses, c->provider_limit + 1},
		{b->maps.subnets, c->route_limit},
		{b->maps.routes, 2 * c->route_limit}, /* while a domain changes its number it has two */
		{b->maps.own_routes, c->route_limit},
		{b->maps.publics, c->public_limit + GW_SELF_MAX},
		{b->maps.places, places},
		{b->maps.shares, c->public_limit},
		{b->maps.exits, c->vrf_limit},
		{b->maps.gateways, c->vrf_limit},
		{b->maps.fast_flows, c->fast_limit ? c->fast_limit : 64},
		{b->maps.ways, c->way_limit},
		{b->maps.taps, 2 * c->way_limit},
		{b->maps.tunnels, c->way_limit},
		{b->maps.way_stats, 2 * c->way_limit},
		{b->maps.way_reasons, 2 * c->way_limit},
		{b->maps.meets, c->vrf_limit},
		{b->maps.exit_stats, 2 * c->vrf_limit},
		{b->maps.exit_reasons, 2 * c->vrf_limit},
		{b->maps.slots, 2 * c->port_limit + c->vrf_limit + c->way_limit},
		{b->maps.generations, c->port_limit},
		{b->maps.flows4, c->flow_limit},
		{b->maps.flows6, c->flow_limit},
		{b->maps.port_stats, 2 * c->port_limit},
		{b->maps.vsid_stats, 2 * c->port_limit},
		{b->maps.port_reasons, 2 * c->port_limit},
	};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bpf_map__set_max_entries(sizes[i].map, sizes[i].n);
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static void let_go(struct gw_loader *l)
{
	gw_programs_done(&l->programs);
	gw_bpf__destroy(l->bpf);
	l->bpf = NULL;
}

static int open_skeleton(const struct gw_loader_config *config, struct gw_bpf **ret, struct gw_error *err)
{
	struct gw_bpf *b;

	why[0] = 0;
	libbpf_set_print(on_print);
	b = gw_bpf__open();
	if (!b)
		return gw_loader_error(err, -errno, "cannot open the BPF programs");
	gw_programs_prepare(b, &config->params, config->lowest_pa);
	size_maps(b, config);
	*ret = b;
	return 0;
}

/*
 * What the kernel refuses with the fast path, which depends on more of it than all the rest, it may take without. True: once more,
 * then; `reason` says why.
 */
static bool try_without_fast(struct gw_params *params, char *reason, size_t size, struct gw_error *err)
{
	if (!params->fast)
		return false;
	snprintf(reason, size, "%.*s", (int)size - 1, err ? err->message : "the kernel refuses its programs");
	params->fast = 0;
	if (err)
		*err = GW_ERROR_INIT;
	return true;
}

static void say_without_fast(const struct gw_loader *l)
{
	if (l->without_fast[0])
		gw_log_warning("virtual gateways work without their fast path: %s", l->without_fast);
}

static int load_fresh_set(struct gw_loader *l, bool has_old, struct gw_error *err)
{
	struct gw_bpf_abi abi = {.version = GW_ABI_VERSION, .netns = l->netns};
	__u32 zero = 0;
	int r = gw_programs_load(l->bpf, err);

	if (r < 0)
		return r;
	gw_programs_keep(l->bpf, l->pins.programs);
	r = bpf_map_update_elem(bpf_map__fd(l->bpf->maps.abi), &zero, &abi, BPF_ANY);
	if (r < 0)
		return gw_loader_error(err, r, "cannot write the ABI map");
	if (has_old && gw_pins_of_netns(l->pins.current, l->netns)) {
		gw_pins_carry_table(l->pins.current, l->bpf->maps.slots);
		gw_pins_carry_table(l->pins.current, l->bpf->maps.hooks);
	}
	return gw_pins_pin(l->maps, l->bpf, err);
}

/* The programs, with the maps that are there, or with new ones beside them. */
static int load_set(struct gw_loader *l, struct gw_error *err)
{
	struct stat st;
	int r;

	gw_pins_remove(l->pins.next);
	let_go(l);
	r = open_skeleton(&l->config, &l->bpf, err);
	if (r < 0)
		return r;
	l->adopted = gw_pins_usable(l->pins.current, l->bpf, l->netns);
	if (l->adopted) {
		l->maps = l->pins.current;
		r = gw_pins_reuse(l->pins.current, l->bpf, err);
		if (r == 0)
			r = gw_programs_bring(&l->programs, l->bpf, l->pins.programs, err);
	} else {
		bool has_old = stat(l->pins.current, &st) == 0;

		l->maps = l->pins.next;
		if (has_old)
			gw_log_notice("the pinned maps in %s are of another layout, size or network namespace: "
				      "building new ones",
				      l->pins.current);
		r = load_fresh_set(l, has_old, err);
	}
	return r;
}

/* Interfaces of another network namespace have other numbers: maps that speak of them are of no use here. */
static int own_netns(__u64 *ret, struct gw_error *err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *ret;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0)
		return gw_error_set(err, errno, GW_ERR_CAPABILITY, "engine",
				    "cannot tell the network namespace: %s; gwd needs Linux 6.1 or newer",
				    strerror(errno));
	return 0;
}

int gw_loader_lock(const struct gw_loader_config *c, int *ret_fd, struct gw_error *err)
{
	struct gw_pins pins;
	int r = gw_pins_prepare(c->bpf_dir, c->node, &pins, err);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = open(pins.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return gw_error_set(err, errno, GW_ERR_CAPABILITY, "bpf_dir",
				    "cannot open %s: %s; it must be readable for gwd", pins.dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return gw_error_set(
			err, EBUSY, GW_ERR_CONFLICT, "bpf_dir",
			"another gwd uses %s: end it, or give this one another [node] name or [engine] bpf_dir",
			pins.dir);
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

int gw_loader_open(const struct gw_loader_config *c, struct gw_loader **ret, struct gw_error *err)
{
	struct gw_loader *l = calloc(1, sizeof *l);
	struct stat st;
	int r;

	if (!l)
		return gw_error_oom(err);
	l->config = *c;
	gw_programs_init(&l->programs);
	r = libbpf_num_possible_cpus();
	l->cpus = r > 0 ? r : 1;
	r = gw_pins_prepare(c->bpf_dir, c->node, &l->pins, err);
	if (r == 0)
		r = own_netns(&l->netns, err);
	if (r < 0)
		goto fail;
	/* An upgrade that ended between its last two steps is completed; one that ended before is begun anew. */
	if (stat(l->pins.current, &st) < 0)
		rename(l->pins.next, l->pins.current);
	r = load_set(l, err);
	if (r < 0 && try_without_fast(&l->config.params, l->without_fast, sizeof l->without_fast, err))
		r = load_set(l, err);
	say_without_fast(l);
	if (r < 0)
		goto fail;
	*ret = l;
	return 0;
fail:
	gw_loader_close(l);
	return r;
}

/* --- other programs in the place of those that are there ----------------------------------------------------------------- */

struct gw_loader_fresh {
	struct gw_bpf *bpf;
	struct gw_loader_config config;
	const char *maps;
	char without_fast[sizeof((struct gw_loader *)0)->without_fast];
};

struct gw_loader_fresh *gw_loader_fresh_new(const struct gw_loader *l, const struct gw_params *params)
{
	struct gw_loader_fresh *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->config = l->config;
	f->config.params = *params;
	f->maps = l->maps;
	return f;
}

struct gw_loader_fresh *gw_loader_fresh_free(struct gw_loader_fresh *f)
{
	if (f)
		gw_bpf__destroy(f->bpf);
	free(f);
	return NULL;
}

static int load_beside(struct gw_loader_fresh *f, struct gw_error *err)
{
	struct gw_bpf *fresh = NULL;
	int r = open_skeleton(&f->config, &fresh, err);

	if (r == 0)
		r = gw_pins_reuse(f->maps, fresh, err);
	if (r == 0)
		r = gw_programs_load(fresh, err);
	if (r < 0)
		gw_bpf__destroy(fresh);
	else
		f->bpf = fresh;
	return r;
}

int gw_loader_fresh_load(struct gw_loader_fresh *f, struct gw_error *err)
{
	int r = load_beside(f, err);

	if (r < 0 && try_without_fast(&f->config.params, f->without_fast, sizeof f->without_fast, err))
		r = load_beside(f, err);
	return r;
}

/* What has changed while they were loaded they are told; they are what the next process finds. */
void gw_loader_take(struct gw_loader *l, struct gw_loader_fresh *f)
{
	let_go(l);
	l->bpf = f->bpf;
	f->bpf = NULL;
	l->config.params = f->config.params;
	gw_programs_set_lowest_pa(&l->programs, l->bpf,
				  l->config.lowest_pa); /* they are loaded: that is memory of theirs */
	gw_programs_keep(l->bpf, l->pins.programs);
	memcpy(l->without_fast, f->without_fast, sizeof l->without_fast);
	say_without_fast(l);
}

int gw_loader_reload(struct gw_loader *l, const struct gw_params *params, struct gw_error *err)
{
	struct gw_loader_fresh *f = gw_loader_fresh_new(l, params);
	int r;

	if (!f)
		return gw_error_oom(err);
	r = gw_loader_fresh_load(f, err);
	if (r == 0)
		gw_loader_take(l, f);
	gw_loader_fresh_free(f);
	return r;
}

int gw_loader_set_lowest_pa(struct gw_loader *l, uint32_t pa, struct gw_error *err)
{
	int r = gw_programs_set_lowest_pa(&l->programs, l->bpf, pa);

	if (r < 0)
		return gw_loader_error(err, r, "cannot tell the BPF programs the lowest provider address");
	l->config.lowest_pa = pa;
	return 0;
}

int gw_loader_commit(struct gw_loader *l, struct gw_error *err)
{
	if (l->maps == l->pins.current)
		return 0;
	if (gw_pins_of_netns(l->pins.current, l->netns))
		gw_pins_carry_counters(l->pins.current, l->bpf, l->cpus);
	gw_pins_remove(l->pins.current);
	if (rename(l->pins.next, l->pins.current) < 0)
		return gw_error_set(
			err, errno, GW_ERR_INTERNAL, "bpf_dir",
			"cannot rename %s to %s: %s; packets go on, remove what is in the way and restart gwd",
			l->pins.next, l->pins.current, strerror(errno));
	l->maps = l->pins.current;
	return 0;
}

struct gw_loader *gw_loader_close(struct gw_loader *l)
{
	if (!l)
		return NULL;
	let_go(l);
	free(l);
	return NULL;
}

const char *gw_loader_without_fast(const struct gw_loader *l)
{
	return l->without_fast[0] ? l->without_fast : NULL;
}

bool gw_loader_adopted(const struct gw_loader *l)
{
	return l->adopted;
}

int gw_loader_program(const struct gw_loader *l, enum gw_hook hook)
{
	return gw_programs_fd(&l->programs, l->bpf, hook);
}

unsigned gw_loader_program_id(const struct gw_loader *l, enum gw_hook hook)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof info;

	return bpf_obj_get_info_by_fd(gw_loader_program(l, hook), &info, &len) < 0 ? 0 : info.id;
}

unsigned gw_loader_cpus(const struct gw_loader *l)
{
	return l->cpus;
}

const struct gw_bpf *gw_loader_bpf(const struct gw_loader *l)
{
	return l->bpf;
}

bool gw_loader_probe_decap_l3(void)
{
	/* return bpf_skb_adjust_room(skb, -20, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_DECAP_L3_IPV6) */
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = -20},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = BPF_ADJ_ROOM_MAC},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 1 << 8},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_adjust_room},
		{.code = BPF_JMP | BPF_EXIT},
	};
	unsigned char packet[14 + 20 + 40 + 32] = {[12] = 0x08, [14] = 0x45};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof packet);

	_cleanup_close_ int fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "gw_probe", "GPL", insns, sizeof insns / sizeof *insns, NULL);

	return fd >= 0 && bpf_prog_test_run_opts(fd, &run) == 0 && run.retval == 0;
}

void gw_loader_remove(struct gw_loader *l)
{
	gw_pins_remove(l->pins.next);
	gw_pins_remove(l->pins.current);
	gw_pins_remove(l->pins.programs);
	rmdir(l->pins.dir);
	rmdir(l->config.bpf_dir); /* fails while other nodes use it */
}
