/*
 * programs.h - the engine's programs in the kernel: loaded, or taken over from an earlier process that has left the same. To load
 * them takes the kernel's verifier half a second and more, and then each interface has to be given the new ones.
 */
#ifndef GW_ENGINE_PROGRAMS_H
#define GW_ENGINE_PROGRAMS_H

#include "base/error.h"
#include "engine/loader.h"

struct gw_bpf;

struct gw_programs {
	int taken[GW_HOOK_MAX]; /* of an earlier process; negative: they are those of the skeleton, which is loaded */
	int variables;		/* of the same */
};

void gw_programs_init(struct gw_programs *p);
void gw_programs_done(struct gw_programs *p);
/* The constants of a skeleton that is not loaded yet, which also say which build it is, and its variable. */
void gw_programs_prepare(struct gw_bpf *b, const struct gw_params *params, uint32_t lowest_pa);
/* On any thread, once gw_programs_prepare has been called by another. */
int gw_programs_load(struct gw_bpf *b, struct gw_error *err);
/* Keeps the programs of a skeleton that is loaded at `kept`, in the place of others, for the next process: those that are in use. */
void gw_programs_keep(struct gw_bpf *b, const char *kept);
/* For a skeleton whose maps are there: takes over what is kept, when that is what would be loaded; else loads and keeps. */
int gw_programs_bring(struct gw_programs *ret, struct gw_bpf *b, const char *kept, struct gw_error *err);
int gw_programs_set_lowest_pa(const struct gw_programs *p, struct gw_bpf *b, uint32_t pa);
int gw_programs_fd(const struct gw_programs *p, const struct gw_bpf *b, enum gw_hook hook);
/* How often this process has loaded any. */
unsigned gw_programs_loads(void);

#endif
