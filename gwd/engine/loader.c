/*
 * loader.c - see loader.h. Owns the skeleton and the pins; the engine driver is its only caller.
 */
#include "engine/loader.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "engine.skel.h"
#include "model/config.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <dirent.h>

struct gw_loader {
	struct gw_bpf *bpf;
	__u64 netns;
	struct gw_loader_config config;
	char dir[GW_PATHLEN + 64]; /* <bpf_dir>/<node> */
	char current[PATH_MAX];	   /* <dir>/maps */
	char next[PATH_MAX];	   /* <dir>/next */
	const char *maps;	   /* the set that `bpf` uses: one of these two */
	bool adopted;
	unsigned cpus;
	char without_fast[400]; /* gw_loader_without_fast; empty: NULL */
};

/* libbpf says why it failed only through its print callback; the last lines of it go into the error. */
static char why[400];

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

static int load_error(struct gw_error *err, int r, const char *what)
{
	if (r == -EPERM) /* EACCES is the verifier speaking */
		return gw_error_set(
			err, -r, GW_ERR_CAPABILITY, "engine",
			"%s: %s; gwd needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON (before Linux 6.4 CAP_SYS_ADMIN). %s",
			what, strerror(-r), why);
	return gw_error_set(err, -r, GW_ERR_CAPABILITY, "engine",
			    "%s: %s; gwd needs Linux 6.1 or newer with BPF and BTF. %s", what, strerror(-r), why);
}

/* --- the directory ----------------------------------------------------------------------------------------------------- */

static bool on_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* The deepest existing directory of `path`. */
static void existing_parent(const char *path, char *ret, size_t n)
{
	struct stat st;

	snprintf(ret, n, "%s", path);
	while (stat(ret, &st) < 0) {
		char *slash = strrchr(ret, '/');

		if (!slash || slash == ret) {
			snprintf(ret, n, "/");
			return;
		}
		*slash = 0;
	}
}

static int make_dirs(char *path)
{
	for (char *p = path + 1;; p++) {
		if (*p != '/' && *p)
			continue;
		char c = *p;

		*p = 0;
		int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;

		*p = c;
		if (r < 0 || !c)
			return r;
	}
}

static int prepare_dir(struct gw_loader *l, struct gw_error *err)
{
	char parent[PATH_MAX];
	int r;

	if (snprintf(l->dir, sizeof l->dir, "%s/%s", l->config.bpf_dir, l->config.node) >= (int)sizeof l->dir)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_CAPABILITY, "bpf_dir",
				    "[engine] bpf_dir and [node] name are too long together: choose shorter ones");
	snprintf(l->current, sizeof l->current, "%s/maps", l->dir);
	snprintf(l->next, sizeof l->next, "%s/next", l->dir);
	existing_parent(l->config.bpf_dir, parent, sizeof parent);
	/* systemd mounts the usual place; a container or a bare machine may not have. */
	if (!on_bpffs(parent) && strcmp(parent, "/sys/fs/bpf") == 0 && mount("bpf", parent, "bpf", 0, "mode=0700") == 0)
		gw_log_notice("mounted a bpf file system at %s", parent);
	if (!on_bpffs(parent))
		return gw_error_set(err, EINVAL, GW_ERR_CAPABILITY, "bpf_dir",
				    "[engine] bpf_dir %s is not on a bpf file system; mount -t bpf bpf %s",
				    l->config.bpf_dir, parent);
	r = make_dirs(l->dir);
	if (r < 0)
		return gw_error_set(
			err, -r, GW_ERR_CAPABILITY, "bpf_dir",
			"cannot create %s: %s; it must be writable for gwd, or give [engine] bpf_dir another place",
			l->dir, strerror(-r));
	return 0;
}

int gw_loader_lock(const struct gw_loader_config *c, int *ret_fd, struct gw_error *err)
{
	struct gw_loader l = {.config = *c};
	int r = prepare_dir(&l, err);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = open(l.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return gw_error_set(err, errno, GW_ERR_CAPABILITY, "bpf_dir",
				    "cannot open %s: %s; it must be readable for gwd", l.dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return gw_error_set(
			err, EBUSY, GW_ERR_CONFLICT, "bpf_dir",
			"another gwd uses %s: end it, or give this one another [node] name or [engine] bpf_dir", l.dir);
	*ret_fd = gw_take_fd(&fd);
	return 0;
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

static void remove_set(const char *path)
{
	char file[PATH_MAX + 256];
	DIR *d = opendir(path);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && snprintf(file, sizeof file, "%s/%s", path, e->d_name) < (int)sizeof file)
			unlink(file);
	closedir(d);
	rmdir(path);
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
		{b->maps.exit_stats, 2 * c->vrf_limit},
		{b->maps.exit_drops, 2 * c->vrf_limit * GW_DROP_SLOTS},
		{b->maps.slots, 2 * c->port_limit + c->vrf_limit},
		{b->maps.generations, c->port_limit},
		{b->maps.flows4, c->flow_limit},
		{b->maps.flows6, c->flow_limit},
		{b->maps.port_stats, 2 * c->port_limit},
		{b->maps.vsid_stats, 2 * c->port_limit},
		{b->maps.port_drops, 2 * c->port_limit * GW_DROP_SLOTS},
	};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bpf_map__set_max_entries(sizes[i].map, sizes[i].n);
}

static bool is_ours(const struct bpf_map *m)
{
	return !bpf_map__is_internal(m);
}

static int pinned_fd(const char *set, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s", set, name) >= (int)sizeof path)
		return -ENAMETOOLONG;
	return bpf_obj_get(path);
}

static bool map_info(int fd, struct bpf_map_info *ret)
{
	__u32 len = sizeof *ret;

	memset(ret, 0, sizeof *ret);
	return fd >= 0 && bpf_obj_get_info_by_fd(fd, ret, &len) == 0;
}

/* What is pinned may be anything: nothing is read before its shape is known. */
static bool has_shape(int fd, enum bpf_map_type type, size_t key_size, size_t value_size)
{
	struct bpf_map_info info;

	return map_info(fd, &info) && info.type == (__u32)type && info.key_size == key_size &&
	       info.value_size == value_size;
}

/* Whether the pinned map is just what `m` asks for. */
static bool compatible(const struct bpf_map *m, int fd)
{
	struct bpf_map_info info;

	return has_shape(fd, bpf_map__type(m), bpf_map__key_size(m), bpf_map__value_size(m)) && map_info(fd, &info) &&
	       info.max_entries == bpf_map__max_entries(m) && info.map_flags == bpf_map__map_flags(m);
}

static bool set_abi(const char *set, struct gw_bpf_abi *ret)
{
	__u32 zero = 0;

	_cleanup_close_ int fd = pinned_fd(set, "abi");

	return has_shape(fd, BPF_MAP_TYPE_ARRAY, sizeof zero, sizeof *ret) && bpf_map_lookup_elem(fd, &zero, ret) == 0;
}

static bool same_netns(const struct gw_loader *l, const char *set)
{
	struct gw_bpf_abi abi;

	return set_abi(set, &abi) && abi.netns == l->netns;
}

/* The maps in `set` are of this version, size and network namespace: all of them, or none is used. */
static bool set_usable(const struct gw_loader *l, const char *set)
{
	struct gw_bpf_abi abi;
	struct bpf_map *m;

	if (!set_abi(set, &abi) || abi.version != GW_ABI_VERSION || abi.netns != l->netns)
		return false;
	bpf_object__for_each_map(m, l->bpf->obj)
	{
		if (!is_ours(m))
			continue;
		_cleanup_close_ int fd = pinned_fd(set, bpf_map__name(m));

		if (fd < 0 || !compatible(m, fd))
			return false;
	}
	return true;
}

static int reuse_set(struct gw_bpf *b, const char *set, struct gw_error *err)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, b->obj)
	{
		if (!is_ours(m))
			continue;
		_cleanup_close_ int fd = pinned_fd(set, bpf_map__name(m));
		int r = fd < 0 ? fd : bpf_map__reuse_fd(m, fd);

		if (r < 0)
			return load_error(err, r, "cannot take over the pinned maps");
	}
	return 0;
}

static int pin_set(struct gw_bpf *b, const char *set, struct gw_error *err)
{
	char path[PATH_MAX + 64];
	struct bpf_map *m;

	if (mkdir(set, 0700) < 0)
		return gw_error_set(err, errno, GW_ERR_CAPABILITY, "bpf_dir",
				    "cannot create %s: %s; if something is in the way there, remove it", set,
				    strerror(errno));
	bpf_object__for_each_map(m, b->obj)
	{
		if (!is_ours(m))
			continue;
		if (snprintf(path, sizeof path, "%s/%s", set, bpf_map__name(m)) >= (int)sizeof path)
			return load_error(err, -ENAMETOOLONG, "cannot pin the maps");
		int r = bpf_map__pin(m, path);

		if (r < 0)
			return load_error(err, r, "cannot pin the maps");
	}
	return 0;
}

/* A table for user space alone, entry by entry: who owns which counter, which interfaces have a program. */
static void carry_table(const char *old, struct bpf_map *m)
{
	size_t key_size = bpf_map__key_size(m), value_size = bpf_map__value_size(m);
	struct bpf_map_info info;
	char key[16], value[16];
	bool more;

	_cleanup_close_ int fd = pinned_fd(old, bpf_map__name(m));

	if (key_size > sizeof key || value_size > sizeof value ||
	    !has_shape(fd, BPF_MAP_TYPE_HASH, key_size, value_size) || !map_info(fd, &info))
		return;
	more = bpf_map_get_next_key(fd, NULL, key) == 0;
	for (__u32 n = 0; n < info.max_entries && more; n++) {
		if (bpf_map_lookup_elem(fd, key, value) == 0)
			bpf_map_update_elem(bpf_map__fd(m), key, value, BPF_ANY);
		more = bpf_map_get_next_key(fd, key, key) == 0;
	}
}

/*
 * The programs count in the first half of a counter map. What earlier sets counted is kept in the second half, where no
 * program writes, so that carrying it over loses nothing that is counted meanwhile.
 */
static void carry_counter(const struct gw_loader *l, const char *old, struct bpf_map *m)
{
	struct bpf_map_info info;
	__u32 half, old_half;
	size_t to_words = bpf_map__value_size(m) / 8, from_words, words;

	_cleanup_close_ int fd = pinned_fd(old, bpf_map__name(m));

	if (!map_info(fd, &info) || info.type != BPF_MAP_TYPE_PERCPU_ARRAY || info.key_size != sizeof half ||
	    info.value_size % 8)
		return;
	from_words = info.value_size / 8;
	words = from_words < to_words ? from_words : to_words;
	half = bpf_map__max_entries(m) / 2;
	old_half = info.max_entries / 2;
	_cleanup_free_ __u64 *live = calloc(l->cpus, info.value_size), *base = calloc(l->cpus, info.value_size);
	_cleanup_free_ __u64 *sum = calloc(l->cpus, to_words * 8);

	if (!live || !base || !sum)
		return;
	for (__u32 i = 0; i < half && i < old_half; i++) {
		__u32 from_base = i + old_half, to_base = i + half;

		if (bpf_map_lookup_elem(fd, &i, live) < 0 || bpf_map_lookup_elem(fd, &from_base, base) < 0)
			continue;
		for (unsigned c = 0; c < l->cpus; c++)
			for (size_t w = 0; w < words; w++)
				sum[c * to_words + w] = live[c * from_words + w] + base[c * from_words + w];
		bpf_map_update_elem(bpf_map__fd(m), &to_base, sum, BPF_ANY);
	}
}

static void carry_counters(const struct gw_loader *l, const char *old)
{
	carry_counter(l, old, l->bpf->maps.outcomes);
	carry_counter(l, old, l->bpf->maps.drops);
	carry_counter(l, old, l->bpf->maps.port_stats);
	carry_counter(l, old, l->bpf->maps.vsid_stats);
	carry_counter(l, old, l->bpf->maps.port_drops);
	carry_counter(l, old, l->bpf->maps.exit_stats);
	carry_counter(l, old, l->bpf->maps.exit_drops);
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static int open_skeleton(struct gw_loader *l, struct gw_bpf **ret, struct gw_error *err)
{
	struct gw_bpf *b;

	why[0] = 0;
	libbpf_set_print(on_print);
	b = gw_bpf__open();
	if (!b)
		return load_error(err, -errno, "cannot open the BPF programs");
	*(struct gw_params *)&b->rodata->params = l->config.params;
	size_maps(b, &l->config);
	*ret = b;
	return 0;
}

/*
 * What the kernel refuses with the fast path, which depends on more of it than all the rest, it may take without. True: once more,
 * then.
 */
static bool without_fast(struct gw_loader *l, struct gw_error *err)
{
	const char *reason = err ? err->message : "the kernel refuses its programs";

	if (!l->config.params.fast)
		return false;
	gw_log_warning("virtual gateways work without their fast path: %s", reason);
	snprintf(l->without_fast, sizeof l->without_fast, "%.*s", (int)sizeof l->without_fast - 1, reason);
	l->config.params.fast = 0;
	if (err)
		*err = GW_ERROR_INIT;
	return true;
}

static int load_fresh_set(struct gw_loader *l, bool has_old, struct gw_error *err)
{
	struct gw_bpf_abi abi = {.version = GW_ABI_VERSION, .netns = l->netns};
	__u32 zero = 0;
	int r = gw_bpf__load(l->bpf);

	if (r < 0)
		return load_error(err, r, "the kernel refuses the BPF programs");
	r = bpf_map_update_elem(bpf_map__fd(l->bpf->maps.abi), &zero, &abi, BPF_ANY);
	if (r < 0)
		return load_error(err, r, "cannot write the ABI map");
	if (has_old && same_netns(l, l->current)) {
		carry_table(l->current, l->bpf->maps.slots);
		carry_table(l->current, l->bpf->maps.hooks);
	}
	return pin_set(l->bpf, l->maps, err);
}

/* The programs, with the maps that are there, or with new ones beside them. */
static int load_set(struct gw_loader *l, struct gw_error *err)
{
	struct stat st;
	int r;

	remove_set(l->next);
	gw_bpf__destroy(l->bpf);
	l->bpf = NULL;
	r = open_skeleton(l, &l->bpf, err);
	if (r < 0)
		return r;
	l->adopted = set_usable(l, l->current);
	if (l->adopted) {
		l->maps = l->current;
		r = reuse_set(l->bpf, l->current, err);
		if (r == 0 && (r = gw_bpf__load(l->bpf)) < 0)
			load_error(err, r, "the kernel refuses the BPF programs");
	} else {
		bool has_old = stat(l->current, &st) == 0;

		l->maps = l->next;
		if (has_old)
			gw_log_notice("the pinned maps in %s are of another layout, size or network namespace: "
				      "building new ones",
				      l->current);
		r = load_fresh_set(l, has_old, err);
	}
	return r;
}

int gw_loader_open(const struct gw_loader_config *c, struct gw_loader **ret, struct gw_error *err)
{
	struct gw_loader *l = calloc(1, sizeof *l);
	struct stat st;
	int r;

	if (!l)
		return gw_error_oom(err);
	l->config = *c;
	r = libbpf_num_possible_cpus();
	l->cpus = r > 0 ? r : 1;
	r = prepare_dir(l, err);
	if (r == 0)
		r = own_netns(&l->netns, err);
	if (r < 0)
		goto fail;
	/* An upgrade that ended between its last two steps is completed; one that ended before is begun anew. */
	if (stat(l->current, &st) < 0)
		rename(l->next, l->current);
	r = load_set(l, err);
	if (r < 0 && without_fast(l, err))
		r = load_set(l, err);
	if (r < 0)
		goto fail;
	*ret = l;
	return 0;
fail:
	gw_loader_close(l);
	return r;
}

static int load_beside(struct gw_loader *l, struct gw_bpf **ret, struct gw_error *err)
{
	struct gw_bpf *fresh = NULL;
	int r = open_skeleton(l, &fresh, err);

	if (r == 0)
		r = reuse_set(fresh, l->maps, err);
	if (r == 0 && (r = gw_bpf__load(fresh)) < 0)
		load_error(err, r, "the kernel refuses the BPF programs");
	if (r < 0)
		gw_bpf__destroy(fresh);
	else
		*ret = fresh;
	return r;
}

int gw_loader_reload(struct gw_loader *l, const struct gw_params *params, struct gw_error *err)
{
	struct gw_params before = l->config.params;
	struct gw_bpf *fresh = NULL;
	int r;

	l->config.params = *params;
	l->without_fast[0] = '\0';
	r = load_beside(l, &fresh, err);
	if (r < 0 && without_fast(l, err))
		r = load_beside(l, &fresh, err);
	if (r < 0) {
		l->config.params = before;
		return r;
	}
	gw_bpf__destroy(l->bpf);
	l->bpf = fresh;
	return 0;
}

int gw_loader_commit(struct gw_loader *l, struct gw_error *err)
{
	if (l->maps == l->current)
		return 0;
	if (same_netns(l, l->current))
		carry_counters(l, l->current);
	remove_set(l->current);
	if (rename(l->next, l->current) < 0)
		return gw_error_set(
			err, errno, GW_ERR_INTERNAL, "bpf_dir",
			"cannot rename %s to %s: %s; packets go on, remove what is in the way and restart gwd", l->next,
			l->current, strerror(errno));
	l->maps = l->current;
	return 0;
}

struct gw_loader *gw_loader_close(struct gw_loader *l)
{
	if (!l)
		return NULL;
	gw_bpf__destroy(l->bpf);
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
	struct bpf_program *const programs[GW_HOOK_MAX] = {
		[GW_HOOK_PORT] = l->bpf->progs.gw_port_in,   [GW_HOOK_UNDERLAY] = l->bpf->progs.gw_underlay_in,
		[GW_HOOK_VXLAN] = l->bpf->progs.gw_vxlan_in, [GW_HOOK_NVGRE] = l->bpf->progs.gw_nvgre_in,
		[GW_HOOK_CUTTER] = l->bpf->progs.gw_cut_in,  [GW_HOOK_EDGE] = l->bpf->progs.gw_edge_in,
		[GW_HOOK_EXIT] = l->bpf->progs.gw_exit_in,   [GW_HOOK_WHOLE] = l->bpf->progs.gw_whole_in,
	};

	return bpf_program__fd(programs[hook]);
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
	remove_set(l->next);
	remove_set(l->current);
	rmdir(l->dir);
	rmdir(l->config.bpf_dir); /* fails while other nodes use it */
}
