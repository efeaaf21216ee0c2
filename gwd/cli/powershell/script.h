/*
 * script.h - runs through the statements of a PowerShell script, without PowerShell: keeps the variables whose values
 * are plain to see, and gives the commands with their arguments to someone who knows what they mean.
 *
 * It evaluates literals, variables, "text with $variables", lists, blocks, pipelines and what a command returns. Whatever
 * else a script contains is passed over, and then nothing is taken for known that it could have changed; when it contains
 * a command that matters, the script is refused. So each command that matters is run exactly as often as PowerShell would
 * run it when nothing fails, with the values that it would have, or the caller hears why not.
 */
#ifndef GW_CLI_PS_SCRIPT_H
#define GW_CLI_PS_SCRIPT_H

#include "cli/powershell/token.h"

enum gw_ps_value_kind {
	GW_PS_NOTHING, /* $null */
	GW_PS_UNKNOWN, /* `text` says why, as half a sentence */
	GW_PS_TEXT,    /* or a number: `text` */
	GW_PS_BOOLEAN,
	GW_PS_LIST,  /* of values that are no lists */
	GW_PS_BLOCK, /* `object` is the token of its opening brace */
	GW_PS_OBJECT /* of the commands' own */
};

struct gw_ps_value {
	enum gw_ps_value_kind kind;
	bool truth;
	const char *text;
	const struct gw_ps_token *at; /* where it was written */
	const struct gw_ps_value *items;
	size_t n;
	const void *object;
};

/* As they stand in the script: a parameter and the value behind it are two, except after a colon. */
struct gw_ps_argument {
	const struct gw_ps_token *at;
	const char *parameter; /* NULL: a value */
	bool splat;	       /* @variable: a value that stands for any number of arguments */
	bool has_value;
	struct gw_ps_value value;
};

struct gw_ps_command {
	const char *name; /* without module */
	const struct gw_ps_token *at;
	struct gw_ps_argument *arguments;
	size_t n;
	const struct gw_ps_value *input; /* what comes through the pipe; NULL: it is the first */
};

enum gw_ps_class {
	GW_PS_PASS_OVER, /* cannot matter */
	GW_PS_RUN,	 /* has an outcome that others may use */
	GW_PS_MATTERS,	 /* must be run wherever it stands */
	GW_PS_REFUSE	 /* would matter, but cannot be run: *ret_why says why and what to do */
};

struct gw_ps;

struct gw_ps_hooks {
	enum gw_ps_class (*classify)(const char *name, const char **ret_why);
	/* Runs one that is GW_PS_RUN or GW_PS_MATTERS. *ret is "unknown" before. < 0 after gw_ps_refuse. */
	int (*run)(void *ctx, struct gw_ps *ps, const struct gw_ps_command *c, struct gw_ps_value *ret);
	/* The member of an object; false when there is none. */
	bool (*member)(void *ctx, const struct gw_ps_value *of, const char *name, struct gw_ps_value *ret);
	/* Something was passed over: a command or a keyword. */
	void (*passed)(void *ctx, const char *name, const struct gw_ps_token *at);
};

/* Runs the whole script. -EINVAL: see s->error. */
int gw_ps_run(struct gw_ps_source *s, const struct gw_ps_hooks *hooks, void *ctx);

/* For hooks: */
struct gw_cli_arena *gw_ps_arena(struct gw_ps *ps);
int gw_ps_refuse(struct gw_ps *ps, const struct gw_ps_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4))); /* always -EINVAL */
/* Runs a block. `elsewhere`: on other machines, where the variables of the script are to be had as $using:name only. */
int gw_ps_run_block(struct gw_ps *ps, const struct gw_ps_value *block, bool elsewhere);
/* What is between the braces, as it is written; the block is not going to be run then. */
const char *gw_ps_block_text(struct gw_ps *ps, const struct gw_ps_value *block);
/* Is it { $_.Member -eq VALUE }, either way round? The block is not going to be run then. */
bool gw_ps_block_compares(struct gw_ps *ps, const struct gw_ps_value *block, const char **ret_member,
			  struct gw_ps_value *ret_value);

struct gw_ps_value gw_ps_text_value(const char *text, const struct gw_ps_token *at);
struct gw_ps_value gw_ps_unknown(const char *why, const struct gw_ps_token *at);

#endif
