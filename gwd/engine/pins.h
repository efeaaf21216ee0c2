/*
 * pins.h - what a node has on the bpf file system: its directory, with sets of pinned maps and programs in it. What is pinned may be anything:
 * nothing is read before its shape is known.
 */
#ifndef GW_ENGINE_PINS_H
#define GW_ENGINE_PINS_H

#include "base/error.h"
#include "engine/bpf/abi.h"
#include "engine/loader.h"
#include "model/config.h"

#include <limits.h>
#include <stdbool.h>

struct bpf_map;
struct bpf_program;
struct gw_bpf;

struct gw_pins {
	char dir[GW_PATHLEN + 64]; /* <bpf_dir>/<node> */
	char current[PATH_MAX];	   /* <dir>/maps */
	char next[PATH_MAX];	   /* <dir>/next */
	char programs[PATH_MAX];   /* <dir>/programs */
};

/* Names the directories, and makes the node's. */
int gw_pins_prepare(const char *bpf_dir, const char *node, struct gw_pins *ret, struct gw_error *err);

/* The maps in `set` are of this version, size and network namespace: all of them, or none is used. */
bool gw_pins_usable(const char *set, const struct gw_bpf *b, __u64 netns);
bool gw_pins_of_netns(const char *set, __u64 netns);
int gw_pins_reuse(const char *set, struct gw_bpf *b, struct gw_error *err);
int gw_pins_pin(const char *set, struct gw_bpf *b, struct gw_error *err);
void gw_pins_remove(const char *set);

/* A table for user space alone, entry by entry: who owns which counter, which interfaces have a program. */
void gw_pins_carry_table(const char *old, struct bpf_map *m);
void gw_pins_carry_counters(const char *old, const struct gw_bpf *b, unsigned cpus);

/*
 * The programs that were loaded last, with their constants and variables. What is kept is as good as what loading `b` would give when its
 * constants are the same, which say of which build it is, and it uses the maps that `b` has, which must have their descriptors:
 * then *ret_fds and *ret_variables are the caller's. All of them, or none.
 */
bool gw_pins_take_programs(const char *kept, const struct gw_bpf *b, struct bpf_program *const programs[GW_HOOK_MAX],
			   int ret_fds[static GW_HOOK_MAX], int *ret_variables);
int gw_pins_keep_programs(const char *kept, const struct gw_bpf *b, struct bpf_program *const programs[GW_HOOK_MAX]);

#endif
