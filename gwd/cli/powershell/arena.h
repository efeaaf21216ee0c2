/* arena.h - memory of which many small pieces are wanted and that is freed whole, by its owner. */
#ifndef GW_CLI_ARENA_H
#define GW_CLI_ARENA_H

#include <stddef.h>

/* Zeroed: empty. Every piece is an allocation of its own, so that sanitizers see where one ends. */
struct gw_cli_arena {
	struct gw_cli_piece *pieces;
};

void *gw_cli_arena_alloc(struct gw_cli_arena *a, size_t size); /* zeroed; never NULL */
char *gw_cli_arena_copy(struct gw_cli_arena *a, const char *s, size_t n);
char *gw_cli_arena_format(struct gw_cli_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gw_cli_arena_done(struct gw_cli_arena *a);

#endif
