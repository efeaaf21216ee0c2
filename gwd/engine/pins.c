/*
 * pins.c - see pins.h: the directory of a node on the bpf file system, the sets of maps and the programs in it. loader.c is its only
 * caller.
 */
#include "engine/pins.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "engine.skel.h"
#include "engine/loader.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

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

int gw_pins_prepare(const char *bpf_dir, const char *node, struct gw_pins *ret, struct gw_error *err)
{
	char parent[PATH_MAX];
	int r;

	if (snprintf(ret->dir, sizeof ret->dir, "%s/%s", bpf_dir, node) >= (int)sizeof ret->dir)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_CAPABILITY, "bpf_dir",
				    "[engine] bpf_dir and [node] name are too long together: choose shorter ones");
	snprintf(ret->current, sizeof ret->current, "%s/maps", ret->dir);
	snprintf(ret->next, sizeof ret->next, "%s/next", ret->dir);
	snprintf(ret->programs, sizeof ret->programs, "%s/programs", ret->dir);
	existing_parent(bpf_dir, parent, sizeof parent);
	/* systemd mounts the usual place; a container or a bare machine may not have. */
	if (!on_bpffs(parent) && strcmp(parent, "/sys/fs/bpf") == 0 && mount("bpf", parent, "bpf", 0, "mode=0700") == 0)
		gw_log_notice("mounted a bpf file system at %s", parent);
	if (!on_bpffs(parent))
		return gw_error_set(err, EINVAL, GW_ERR_CAPABILITY, "bpf_dir",
				    "[engine] bpf_dir %s is not on a bpf file system; mount -t bpf bpf %s", bpf_dir,
				    parent);
	r = make_dirs(ret->dir);
	if (r < 0)
		return gw_error_set(
			err, -r, GW_ERR_CAPABILITY, "bpf_dir",
			"cannot create %s: %s; it must be writable for gwd, or give [engine] bpf_dir another place",
			ret->dir, strerror(-r));
	return 0;
}

/* --- sets of maps ------------------------------------------------------------------------------------------------- */

void gw_pins_remove(const char *set)
{
	char file[PATH_MAX + 256];
	DIR *d = opendir(set);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && snprintf(file, sizeof file, "%s/%s", set, e->d_name) < (int)sizeof file)
			unlink(file);
	closedir(d);
	rmdir(set);
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

bool gw_pins_of_netns(const char *set, __u64 netns)
{
	struct gw_bpf_abi abi;

	return set_abi(set, &abi) && abi.netns == netns;
}

bool gw_pins_usable(const char *set, const struct gw_bpf *b, __u64 netns)
{
	struct gw_bpf_abi abi;
	struct bpf_map *m;

	if (!set_abi(set, &abi) || abi.version != GW_ABI_VERSION || abi.netns != netns)
		return false;
	bpf_object__for_each_map(m, b->obj)
	{
		if (!is_ours(m))
			continue;
		_cleanup_close_ int fd = pinned_fd(set, bpf_map__name(m));

		if (fd < 0 || !compatible(m, fd))
			return false;
	}
	return true;
}

int gw_pins_reuse(const char *set, struct gw_bpf *b, struct gw_error *err)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, b->obj)
	{
		if (!is_ours(m))
			continue;
		_cleanup_close_ int fd = pinned_fd(set, bpf_map__name(m));
		int r = fd < 0 ? fd : bpf_map__reuse_fd(m, fd);

		if (r < 0)
			return gw_loader_error(err, r, "cannot take over the pinned maps");
	}
	return 0;
}

int gw_pins_pin(const char *set, struct gw_bpf *b, struct gw_error *err)
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
			return gw_loader_error(err, -ENAMETOOLONG, "cannot pin the maps");
		int r = bpf_map__pin(m, path);

		if (r < 0)
			return gw_loader_error(err, r, "cannot pin the maps");
	}
	return 0;
}

/* --- what an old set knows ---------------------------------------------------------------------------------------- */

void gw_pins_carry_table(const char *old, struct bpf_map *m)
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
static void carry_counter(const char *old, struct bpf_map *m, unsigned cpus)
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
	_cleanup_free_ __u64 *live = calloc(cpus, info.value_size), *base = calloc(cpus, info.value_size);
	_cleanup_free_ __u64 *sum = calloc(cpus, to_words * 8);

	if (!live || !base || !sum)
		return;
	for (__u32 i = 0; i < half && i < old_half; i++) {
		__u32 from_base = i + old_half, to_base = i + half;

		if (bpf_map_lookup_elem(fd, &i, live) < 0 || bpf_map_lookup_elem(fd, &from_base, base) < 0)
			continue;
		for (unsigned c = 0; c < cpus; c++)
			for (size_t w = 0; w < words; w++)
				sum[c * to_words + w] = live[c * from_words + w] + base[c * from_words + w];
		bpf_map_update_elem(bpf_map__fd(m), &to_base, sum, BPF_ANY);
	}
}

void gw_pins_carry_counters(const char *old, const struct gw_bpf *b, unsigned cpus)
{
	carry_counter(old, b->maps.outcomes, cpus);
	carry_counter(old, b->maps.drops, cpus);
	carry_counter(old, b->maps.port_stats, cpus);
	carry_counter(old, b->maps.vsid_stats, cpus);
	carry_counter(old, b->maps.port_reasons, cpus);
	carry_counter(old, b->maps.exit_stats, cpus);
	carry_counter(old, b->maps.exit_reasons, cpus);
	carry_counter(old, b->maps.way_stats, cpus);
	carry_counter(old, b->maps.way_reasons, cpus);
}

/* --- programs --------------------------------------------------------------------------------------------------------- */

#define CONSTANTS "constants"
#define VARIABLES "variables"
#define USED_MAX  64 /* of all of them */

static bool has_constants(int fd, const struct gw_bpf *b)
{
	__u32 zero = 0;
	size_t n = 0;
	const void *wanted = bpf_map__initial_value(b->maps.rodata, &n);
	_cleanup_free_ void *there = wanted ? malloc(n) : NULL;

	return there && has_shape(fd, BPF_MAP_TYPE_ARRAY, sizeof zero, n) &&
	       bpf_map_lookup_elem(fd, &zero, there) == 0 && memcmp(there, wanted, n) == 0;
}

/* The numbers of the maps that programs may use; 0: the rest. */
struct usable {
	__u32 ids[USED_MAX];
	__u32 constants; /* one of them, that each must use */
};

static bool list_usable(const struct gw_bpf *b, int constants, int variables, struct usable *ret)
{
	struct bpf_map_info info;
	struct bpf_map *m;
	size_t n = 0;

	*ret = (struct usable){0};
	if (!map_info(constants, &info))
		return false;
	ret->ids[n++] = ret->constants = info.id;
	if (!map_info(variables, &info))
		return false;
	ret->ids[n++] = info.id;
	bpf_object__for_each_map(m, b->obj)
	{
		if (!is_ours(m))
			continue;
		if (n == USED_MAX || !map_info(bpf_map__fd(m), &info))
			return false;
		ret->ids[n++] = info.id;
	}
	return true;
}

static bool is_usable(const struct usable *u, __u32 id)
{
	for (size_t i = 0; i < USED_MAX && u->ids[i]; i++)
		if (u->ids[i] == id)
			return true;
	return false;
}

static bool is_program(int fd, const struct bpf_program *p, const struct usable *usable)
{
	__u32 used[USED_MAX] = {0};
	struct bpf_prog_info info = {.nr_map_ids = USED_MAX, .map_ids = (uintptr_t)used};
	__u32 len = sizeof info;
	bool found = false;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.type != (__u32)bpf_program__type(p) ||
	    strncmp(info.name, bpf_program__name(p), sizeof info.name - 1) != 0 || info.nr_map_ids > USED_MAX)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids; i++) {
		if (!is_usable(usable, used[i]))
			return false;
		found |= used[i] == usable->constants;
	}
	return found;
}

bool gw_pins_take_programs(const char *kept, const struct gw_bpf *b, struct bpf_program *const programs[GW_HOOK_MAX],
			   int ret_fds[static GW_HOOK_MAX], int *ret_variables)
{
	_cleanup_close_ int constants = pinned_fd(kept, CONSTANTS), variables = pinned_fd(kept, VARIABLES);
	int fds[GW_HOOK_MAX], n = 0;
	struct usable usable;
	bool good;

	if (!has_constants(constants, b) ||
	    !has_shape(variables, BPF_MAP_TYPE_ARRAY, sizeof(__u32), bpf_map__value_size(b->maps.data)) ||
	    !list_usable(b, constants, variables, &usable))
		return false;
	do {
		fds[n] = pinned_fd(kept, bpf_program__name(programs[n]));
		good = is_program(fds[n], programs[n], &usable);
	} while (++n < GW_HOOK_MAX && good);
	for (int i = 0; i < n && !good; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (good) {
		memcpy(ret_fds, fds, sizeof fds);
		*ret_variables = gw_take_fd(&variables);
	}
	return good;
}

static int pin_in(const char *dir, const char *name, int fd)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
		return -ENAMETOOLONG;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int gw_pins_keep_programs(const char *kept, const struct gw_bpf *b, struct bpf_program *const programs[GW_HOOK_MAX])
{
	int r;

	gw_pins_remove(kept);
	r = mkdir(kept, 0700) < 0 ? -errno : pin_in(kept, CONSTANTS, bpf_map__fd(b->maps.rodata));
	if (r == 0)
		r = pin_in(kept, VARIABLES, bpf_map__fd(b->maps.data));
	for (int i = 0; i < GW_HOOK_MAX && r == 0; i++)
		r = pin_in(kept, bpf_program__name(programs[i]), bpf_program__fd(programs[i]));
	if (r < 0)
		gw_pins_remove(kept);
	return r;
}
