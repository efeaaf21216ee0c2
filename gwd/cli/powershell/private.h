/* private.h - what the parts of the evaluator share: script.c (statements), loop.c, value.c, variable.c. */
#ifndef GW_CLI_PS_PRIVATE_H
#define GW_CLI_PS_PRIVATE_H

#include "base/hmap.h"
#include "cli/powershell/script.h"

#define GW_PS_TEXT_MAX 65536 /* bytes of a value: what is put together from variables could grow without end */

struct gw_ps_scope {
	struct gw_hmap variables;
	struct gw_ps_scope *parent; /* its variables can be read */
	struct gw_ps_scope *sender; /* its variables are $using:name; the code runs elsewhere */
};

enum gw_ps_block_state { GW_PS_BLOCK_NONE, GW_PS_BLOCK_MADE, GW_PS_BLOCK_USED };

struct gw_ps {
	struct gw_ps_source *s;
	const struct gw_ps_token *tokens;
	const struct gw_ps_hooks *hooks;
	void *ctx;
	struct gw_ps_scope *scope;
	uint8_t *blocks; /* of each token: its gw_ps_block_state, when it opens a block that became a value */
	uint32_t *searched,
		search; /* of each token: the search that has been in the block that it opens; the last one */
	uint64_t work, work_max;
	unsigned depth; /* of blocks that run blocks */
	unsigned loops; /* that are being run */
	unsigned nesting;
	bool returned, exited;
};

/* Behind the token, or the group that it opens. */
static inline size_t gw_ps_after(const struct gw_ps *ps, size_t i)
{
	return ps->tokens[i].kind == GW_PS_OPEN ? ps->tokens[i].partner + 1 : i + 1;
}

/* script.c; ranges are [first, end) */
int gw_ps_statements(struct gw_ps *ps, size_t first, size_t end, size_t *ret_n, struct gw_ps_value *ret_last);
/* Takes notice of what it could change; refuses it when it holds a command that matters. `what` is its name for people. */
int gw_ps_pass_over(struct gw_ps *ps, size_t first, size_t end, const char *what);

/* loop.c */
/* The keyword `for` or `foreach` and what belongs to it. *ret_done false: it is none that can be run. */
int gw_ps_loop(struct gw_ps *ps, size_t first, size_t end, bool *ret_done);
bool gw_ps_is_for_each(const char *name);
/* ... | ForEach-Object { ... } */
int gw_ps_for_each_object(struct gw_ps *ps, const struct gw_ps_value *input, size_t open);

/* value.c */
int gw_ps_expression(struct gw_ps *ps, size_t first, size_t end, struct gw_ps_value *ret);
/* The argument at *i, with all that belongs to it. */
int gw_ps_argument(struct gw_ps *ps, size_t *i, size_t end, struct gw_ps_value *ret);
bool gw_ps_is_plain_cast(const struct gw_ps *ps, size_t open); /* leaves a literal as it is: [string], [int] */

/* variable.c; names without $, as they are written */
struct gw_ps_value gw_ps_get(struct gw_ps *ps, const char *name, const struct gw_ps_token *at);
void gw_ps_set(struct gw_ps *ps, const char *name, const struct gw_ps_value *value, const struct gw_ps_token *at);
void gw_ps_forget(struct gw_ps *ps, const char *name, const struct gw_ps_token *at);
void gw_ps_forget_all(struct gw_ps *ps, const struct gw_ps_token *at);
/* Variables hold lists by reference: what changes an element of one may change any. */
void gw_ps_forget_lists(struct gw_ps *ps, const struct gw_ps_token *at);
/* Forgets what the tokens could assign. `function`: only what a function assigns outside of itself, and for good. */
void gw_ps_forget_assigned(struct gw_ps *ps, size_t first, size_t end, bool function);
void gw_ps_forget_outputs(struct gw_ps *ps, size_t first, size_t end); /* -OutVariable name, of a command's arguments */
void gw_ps_scope_done(struct gw_ps_scope *scope);

#endif
