/* arena.c - see arena.h. Called by the readers of scripts (ps_*.c, hnv/script.c). */
#include "cli/powershell/arena.h"

#include "cli/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct gw_cli_piece {
	struct gw_cli_piece *next;
	max_align_t data[];
};

void *gw_cli_arena_alloc(struct gw_cli_arena *a, size_t size)
{
	struct gw_cli_piece *p = gw_cli_must(calloc(1, sizeof *p + size));

	p->next = a->pieces;
	a->pieces = p;
	return p->data;
}

char *gw_cli_arena_copy(struct gw_cli_arena *a, const char *s, size_t n)
{
	char *copy = gw_cli_arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *gw_cli_arena_format(struct gw_cli_arena *a, const char *fmt, ...)
{
	char *s = NULL, *copy;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		gw_cli_must(NULL);
	copy = gw_cli_arena_copy(a, s, (size_t)n);
	free(s);
	return copy;
}

void gw_cli_arena_done(struct gw_cli_arena *a)
{
	while (a->pieces) {
		struct gw_cli_piece *next = a->pieces->next;

		free(a->pieces);
		a->pieces = next;
	}
}
