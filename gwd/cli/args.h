/* args.h - a command line, checked against the tables of commands.h. */
#ifndef GW_CLI_ARGS_H
#define GW_CLI_ARGS_H

#include "cli/commands.h"

struct gw_cli_pair {
	enum gw_cli_opt opt;
	char *key, *name; /* key is canonical */
};

struct gw_cli_args {
	const struct gw_cli_command *command; /* NULL: only global options were given */
	char *value[GW_CLI_OPT_MAX];	      /* owned, canonical; NULL when not given */
	gw_cli_opts given;
	struct gw_cli_pair *pairs; /* owned: the options of type GW_CLI_PAIR, which have no value above */
	size_t n_pairs;
	const char *words[4]; /* what is no option, in order; the command's own words are the first of them */
	size_t n_words;
	const char *operand, *id; /* the first and the second; NULL when there is none */
};

/*
 * Returns 0, or -EINVAL and one line for the user in *ret_error, owned by the caller. Call gw_cli_args_done
 * in both cases. With --help or --version nothing is required, and the command may be missing or half named.
 */
int gw_cli_args_parse(int argc, char *const argv[], struct gw_cli_args *args, char **ret_error);
void gw_cli_args_done(struct gw_cli_args *args);

static inline bool gw_cli_given(const struct gw_cli_args *args, enum gw_cli_opt opt)
{
	return args->given & (gw_cli_opts)1 << opt;
}

bool gw_cli_output_is(const struct gw_cli_args *args, const char *format); /* -o */

/* The option that `s` names ("--vsid", "-o"), NULL if none; *ret_value is what follows "=" or a letter, else NULL. */
const struct gw_cli_option *gw_cli_find_option(const char *s, const char **ret_value);
/* Of the options that have the same name as this one, that which the command takes, else that which all take. `c` may be NULL. */
const struct gw_cli_option *gw_cli_option_of(const struct gw_cli_command *c, const struct gw_cli_option *o);
/* The command of these words; *ret_used says how many of them name it. NULL: none, or its verb is missing. */
const struct gw_cli_command *gw_cli_find_command(const char *const *words, size_t n, size_t *ret_used);
bool gw_cli_is_kind(const char *word); /* a first word that wants a verb */
char *gw_cli_verbs(const char *word);  /* "add, del or list" */

#endif
