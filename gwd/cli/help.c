/*
 * help.c - see help.h. Called by main.c for --help, usage errors and the hidden --list-words, and for `gwctl help`.
 */
#include "cli/help.h"

#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/text.h"
#include "cli/value.h"

#include <string.h>

static void append(char **s, const char *more)
{
	char *longer = gw_cli_format("%s%s", *s, more);

	free(*s);
	*s = longer;
}

/* "--vsid VSID", "-o FORMAT"; with a space at which no line is broken. */
static char *option_form(const struct gw_cli_option *o)
{
	const char *space = o->arg ? GW_CLI_NBSP : "", *arg = o->arg ? o->arg : "";

	return o->letter ? gw_cli_format("-%c%s%s", o->letter, space, arg)
			 : gw_cli_format("--%s%s%s", o->name, space, arg);
}

static void append_options(char **s, gw_cli_opts set, const char *open, const char *close)
{
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		_cleanup_free_ char *form = NULL;

		if (!(set & (gw_cli_opts)1 << i))
			continue;
		form = option_form(&gw_cli_options[i]);
		append(s, open);
		append(s, form);
		append(s, close);
		append(s, gw_cli_options[i].type == GW_CLI_PAIR ? "..." : "");
	}
}

char *gw_cli_help_synopsis(const struct gw_cli_command *c)
{
	char *s = gw_cli_format("gwctl %s%s%s", c->word, c->verb ? " " : "", c->verb ? c->verb : "");

	if (c->shape == GW_CLI_DELETE)
		append(&s, " {ID |");
	append_options(&s, gw_cli_required(c), " ", "");
	append(&s, c->shape == GW_CLI_DELETE ? "}" : "");
	if (c->operand && c->shape != GW_CLI_DELETE) {
		append(&s, " ");
		append(&s, c->operand);
	}
	append_options(&s, gw_cli_optional(c), " [", "]");
	return s;
}

void gw_cli_help_usage(FILE *f, const struct gw_cli_command *c)
{
	_cleanup_free_ char *synopsis = gw_cli_help_synopsis(c);

	gw_cli_say_wrapped(f, "usage: ", 11, synopsis);
}

static void show_options(gw_cli_opts set)
{
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		const struct gw_cli_option *o = &gw_cli_options[i];
		_cleanup_free_ char *both = NULL, *head = NULL, *choices = NULL, *text = NULL;

		if (!(set & (gw_cli_opts)1 << i))
			continue;
		both = o->letter ? gw_cli_format("-%c, --%s", o->letter, o->name) : gw_cli_format("    --%s", o->name);
		head = gw_cli_format("  %s %-*s", both, 26 - (int)strlen(both), o->arg ? o->arg : "");
		choices = o->words ? gw_cli_value_choices(o) : gw_cli_format("%s", "");
		text = gw_cli_format("%s%s%s", o->help, o->words ? ": " : "", choices);
		gw_cli_say_wrapped(stdout, head, 29, text);
	}
}

static void show_command(const struct gw_cli_command *c)
{
	gw_cli_help_usage(stdout, c);
	gw_cli_say(stdout, "       %s", c->help);
}

static void show_all(void)
{
	gw_cli_opts all = ((gw_cli_opts)1 << GW_CLI_OPT_MAX) - 1;

	gw_cli_say_wrapped(stdout, "", 0,
			   "gwctl shows and changes the resources that a gwd manages, and the network virtualization "
			   "records of the gwd on this node. Commands:");
	puts("");
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		_cleanup_free_ char *synopsis = gw_cli_help_synopsis(&gw_cli_commands[i]);

		gw_cli_say_wrapped(stdout, "  ", 8, synopsis);
	}
	puts("\nOptions:\n");
	show_options(all);
	puts("");
	gw_cli_say_wrapped(stdout, "", 0,
			   "The daemon is that of --api, else of the environment's GWD_API, else " GW_CLI_DEFAULT_API
			   ". Exit status: 0 done, 1 refused or failed, 2 usage. One command: gwctl help COMMAND. "
			   "More: man gwctl.");
}

int gw_cli_help(const char *const *words, size_t n)
{
	const struct gw_cli_command *c;
	size_t used;

	if (n == 0) {
		show_all();
		return 0;
	}
	c = gw_cli_find_command(words, n, &used);
	if (c) {
		show_command(c);
		puts("\nOptions:\n");
		show_options(gw_cli_required(c) | gw_cli_optional(c) | GW_CLI_GLOBAL_OPTS);
		return 0;
	}
	if (!gw_cli_is_kind(words[0]) || n > 1) {
		gw_cli_fail("there is no command '%s%s%s'", words[0], n > 1 ? " " : "", n > 1 ? words[1] : "");
		gw_cli_say(stderr, "See: gwctl help");
		return 2;
	}
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		if (strcmp(gw_cli_commands[i].word, words[0]) == 0)
			show_command(&gw_cli_commands[i]);
	}
	return 0;
}

int gw_cli_run_help(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	(void)client;
	return gw_cli_help(args->words + 1, args->n_words - 1);
}

static void list_commands(const char *word)
{
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		const struct gw_cli_command *c = &gw_cli_commands[i];

		if (word && strcmp(word, c->word) == 0 && c->verb)
			puts(c->verb);
		else if (!word && (i == 0 || strcmp(gw_cli_commands[i - 1].word, c->word) != 0))
			puts(c->word);
	}
}

static void list_values(const struct gw_cli_option *o)
{
	for (const struct gw_cli_word *w = o->words; w && w->word; w++)
		puts(w->word);
	if (o->type == GW_CLI_FILE)
		puts("@file");
	if (o->type == GW_CLI_IFNAME)
		puts("@interface");
}

/* What the command would be told by the options: for completions that ask a daemon. */
static void complete(const struct gw_cli_command *c, const char *const *operands, size_t n,
		     const struct gw_cli_option *const *given, const char *const *values)
{
	struct gw_cli_args args = {.command = c};

	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		const struct gw_cli_option *o = given[i] ? gw_cli_option_of(c, given[i]) : NULL;

		if (!o || !values[i])
			continue;
		free(args.value[o - gw_cli_options]);
		args.value[o - gw_cli_options] = gw_cli_format("%s", values[i]);
		args.given |= (gw_cli_opts)1 << (o - gw_cli_options);
	}
	c->complete(operands, n, &args);
	gw_cli_args_done(&args);
}

void gw_cli_list_words(const char *const *words, size_t n)
{
	const struct gw_cli_option *given[GW_CLI_OPT_MAX] = {NULL};
	const char *values[GW_CLI_OPT_MAX] = {NULL};
	const struct gw_cli_command *c;
	const char *plain[4] = {NULL};
	size_t n_plain = 0, used = 0, first;
	gw_cli_opts allowed;

	for (size_t i = 0; i < n; i++) {
		const char *value = NULL;
		const struct gw_cli_option *o = gw_cli_find_option(words[i], &value);

		if (o) {
			given[o - gw_cli_options] = o;
			if (o->type != GW_CLI_FLAG && !value && ++i == n) {
				list_values(gw_cli_option_of(gw_cli_find_command(plain, n_plain, &used), o));
				return;
			}
			if (o->type != GW_CLI_FLAG)
				values[o - gw_cli_options] = value ? value : words[i];
		} else if (words[i][0] != '-' && n_plain < 4) {
			plain[n_plain++] = words[i];
		}
	}
	/* What follows "help" completes as a command does. */
	first = n_plain > 0 && strcmp(plain[0], "help") == 0;
	c = gw_cli_find_command(plain + first, n_plain - first, &used);
	if (!c && n_plain - first < 2)
		list_commands(n_plain > first ? plain[first] : NULL);
	if (c && !first && c->reads_file && n_plain == used)
		puts("@file");
	if (c && !first && c->complete)
		complete(c, plain + used, n_plain - used, given, values);
	allowed = GW_CLI_GLOBAL_OPTS | (c && !first ? gw_cli_required(c) | gw_cli_optional(c) : 0);
	if (n_plain == 0)
		allowed |= GW_CLI_OPT(VERSION);
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		const struct gw_cli_option *o = given[i] ? gw_cli_option_of(c, given[i]) : NULL;

		if (o && o->type != GW_CLI_PAIR)
			allowed &= ~((gw_cli_opts)1 << (o - gw_cli_options));
	}
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		if (allowed & (gw_cli_opts)1 << i) {
			printf("--%s\n", gw_cli_options[i].name);
			if (gw_cli_options[i].letter)
				printf("-%c\n", gw_cli_options[i].letter);
		}
	}
}
