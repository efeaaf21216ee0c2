/*
 * args.c - see args.h. Options may stand anywhere, as "--vsid 5001" or "--vsid=5001"; "--" ends them. Pure:
 * called by main.c, by the completion helper (help.c) and by the unit tests.
 */
#include "cli/args.h"

#include "base/cleanup.h"
#include "cli/text.h"
#include "cli/value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

const struct gw_cli_option *gw_cli_find_option(const char *s, const char **ret_value)
{
	size_t n;

	if (s[0] != '-' || !s[1])
		return NULL;
	n = strcspn(s, "=");
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		const struct gw_cli_option *o = &gw_cli_options[i];

		if (s[1] == '-' && strlen(o->name) == n - 2 && strncmp(s + 2, o->name, n - 2) == 0) {
			*ret_value = s[n] ? s + n + 1 : NULL;
			return o;
		}
		if (o->letter && s[1] == o->letter) {
			*ret_value = s[2] ? s + 2 : NULL;
			return o;
		}
	}
	return NULL;
}

const struct gw_cli_option *gw_cli_option_of(const struct gw_cli_command *c, const struct gw_cli_option *o)
{
	gw_cli_opts taken[] = {c ? gw_cli_required(c) | gw_cli_optional(c) : 0, GW_CLI_GLOBAL_OPTS};

	for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
		for (size_t i = 0; i < GW_CLI_OPT_MAX; i++)
			if ((taken[k] & (gw_cli_opts)1 << i) && strcmp(gw_cli_options[i].name, o->name) == 0)
				return &gw_cli_options[i];
	return o;
}

const struct gw_cli_command *gw_cli_find_command(const char *const *words, size_t n, size_t *ret_used)
{
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		const struct gw_cli_command *c = &gw_cli_commands[i];
		size_t used = c->verb ? 2 : 1;

		if (n < used || strcmp(words[0], c->word) != 0 || (c->verb && strcmp(words[1], c->verb) != 0))
			continue;
		*ret_used = used;
		return c;
	}
	return NULL;
}

bool gw_cli_is_kind(const char *word)
{
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		if (gw_cli_commands[i].verb && strcmp(word, gw_cli_commands[i].word) == 0)
			return true;
	}
	return false;
}

char *gw_cli_verbs(const char *word)
{
	const char *verbs[8];
	size_t n = 0;
	char *s;

	for (size_t i = 0; i < gw_cli_n_commands && n < 8; i++) {
		if (gw_cli_commands[i].verb && strcmp(word, gw_cli_commands[i].word) == 0)
			verbs[n++] = gw_cli_commands[i].verb;
	}
	s = gw_cli_format("%s", n > 0 ? verbs[0] : "");
	for (size_t i = 1; i < n; i++) {
		char *longer = gw_cli_format("%s%s%s", s, i + 1 < n ? ", " : " or ", verbs[i]);

		free(s);
		s = longer;
	}
	return s;
}

bool gw_cli_output_is(const struct gw_cli_args *args, const char *format)
{
	const char *output = args->value[GW_CLI_OPT_OUTPUT];

	return output && strcmp(output, format) == 0;
}

/* `text` is KEY=NAME, checked; the last '=' divides it. */
static int take_pair(const struct gw_cli_option *o, const char *text, struct gw_cli_args *args, char **ret_error)
{
	enum gw_cli_opt opt = (enum gw_cli_opt)(o - gw_cli_options);
	const char *name = strrchr(text, '=') + 1;
	int key_len = (int)(name - text - 1);
	struct gw_cli_pair *p;

	for (size_t i = 0; i < args->n_pairs; i++) {
		p = &args->pairs[i];
		if (p->opt == opt && strncasecmp(p->key, text, (size_t)key_len) == 0 && !p->key[key_len]) {
			*ret_error = gw_cli_format("--%s is given twice for %s", o->name, p->key);
			return -EINVAL;
		}
	}
	args->pairs = gw_cli_must(reallocarray(args->pairs, args->n_pairs + 1, sizeof *args->pairs));
	p = &args->pairs[args->n_pairs++];
	*p = (struct gw_cli_pair){opt, gw_cli_format("%.*s", key_len, text), gw_cli_format("%s", name)};
	return 0;
}

static int take_option(const struct gw_cli_option *o, const char *value, struct gw_cli_args *args, char **ret_error)
{
	size_t id = (size_t)(o - gw_cli_options);
	_cleanup_free_ char *reason = NULL, *pair = NULL;
	bool several = o->type == GW_CLI_PAIR;

	if (!several && (args->given & (gw_cli_opts)1 << id)) {
		*ret_error = gw_cli_format("--%s is given twice", o->name);
		return -EINVAL;
	}
	if (o->type != GW_CLI_FLAG && gw_cli_value_parse(o, value, several ? &pair : &args->value[id], &reason) < 0) {
		*ret_error = gw_cli_format("--%s: '%s' %s", o->name, value, reason);
		return -EINVAL;
	}
	args->given |= (gw_cli_opts)1 << id;
	return several ? take_pair(o, pair, args, ret_error) : 0;
}

static int take_word(const char *word, struct gw_cli_args *args, char **ret_error)
{
	if (args->n_words == sizeof args->words / sizeof *args->words) {
		*ret_error = gw_cli_format("unexpected argument '%s'", word);
		return -EINVAL;
	}
	args->words[args->n_words++] = word;
	return 0;
}

/* What cannot be an address. --ca is that of a VM for the commands that take it, and for all others a file. */
static bool is_path(const char *s)
{
	return s && (s[0] == '/' || strncmp(s, "./", 2) == 0 || strncmp(s, "../", 3) == 0);
}

/*
 * Splits the line into options and words; what they mean together comes after. The words come first, with `command` NULL:
 * which option a name stands for may depend on the command that they make.
 */
static int split(int argc, char *const argv[], bool words, const struct gw_cli_command *command,
		 struct gw_cli_args *args, char **ret_error)
{
	bool options_end = false;

	for (int i = 1; i < argc; i++) {
		const struct gw_cli_option *o;
		const char *value = NULL;

		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
			continue;
		}
		if (options_end || argv[i][0] != '-' || !argv[i][1]) {
			if (words && take_word(argv[i], args, ret_error) < 0)
				return -EINVAL;
			continue;
		}
		o = gw_cli_find_option(argv[i], &value);
		if (!o) {
			*ret_error = gw_cli_format("there is no option '%.*s'", (int)strcspn(argv[i], "="), argv[i]);
			return -EINVAL;
		}
		if (o->type == GW_CLI_FLAG && value) {
			*ret_error = gw_cli_format("--%s takes no value", o->name);
			return -EINVAL;
		}
		o = gw_cli_option_of(command, o);
		if (o->type != GW_CLI_FLAG && !value) {
			if (i + 1 == argc) {
				*ret_error = gw_cli_format("--%s wants a value (%s)", o->name, o->arg);
				return -EINVAL;
			}
			value = argv[++i];
		}
		if (o == &gw_cli_options[GW_CLI_OPT_CA] && is_path(value))
			o = &gw_cli_options[GW_CLI_OPT_AUTHORITY];
		if (!words && take_option(o, value, args, ret_error) < 0)
			return -EINVAL;
	}
	return 0;
}

static int find(struct gw_cli_args *args, size_t *ret_used, char **ret_error)
{
	_cleanup_free_ char *verbs = NULL;

	args->command = gw_cli_find_command(args->words, args->n_words, ret_used);
	if (args->command)
		return 0;
	if (args->n_words == 0) {
		*ret_error = gw_cli_format("no command is given");
		return -EINVAL;
	}
	if (!gw_cli_is_kind(args->words[0])) {
		*ret_error = gw_cli_format("there is no command '%s'", args->words[0]);
		return -EINVAL;
	}
	verbs = gw_cli_verbs(args->words[0]);
	if (args->n_words == 1)
		*ret_error = gw_cli_format("%s wants a verb: %s", args->words[0], verbs);
	else
		*ret_error = gw_cli_format("%s has no verb '%s', only %s", args->words[0], args->words[1], verbs);
	return -EINVAL;
}

/* The operand number `i` as usage lines show it, of a "KIND [ID]"; NULL: there is none. */
static const char *operand_form(const struct gw_cli_command *c, size_t i)
{
	const char *form = c->operand;

	for (; form && i > 0; i--) {
		form = strchr(form, ' ');
		form = form ? form + 1 : NULL;
	}
	return form;
}

static int check_operand(struct gw_cli_args *args, size_t used, char **ret_error)
{
	const struct gw_cli_command *c = args->command;
	size_t n = args->n_words - used, max = 0;
	const char *next = operand_form(c, n);

	while (operand_form(c, max))
		max++;
	/* `help` is followed by a command, of up to two words. */
	if (c->local && max > 0)
		max = 2;
	if (n > max) {
		*ret_error = gw_cli_format("unexpected argument '%s'", args->words[used + max]);
		return -EINVAL;
	}
	if (next && next[0] != '[' && c->shape != GW_CLI_DELETE) {
		*ret_error = gw_cli_format("%s wants %s %.*s", c->word, *next == 'I' ? "an" : "a",
					   (int)strcspn(next, " "), next);
		return -EINVAL;
	}
	args->operand = n > 0 ? args->words[used] : NULL;
	args->id = n > 1 ? args->words[used + 1] : NULL;
	for (size_t i = used; i < args->n_words; i++) {
		if (!*args->words[i]) {
			*ret_error = gw_cli_format("an argument is empty");
			return -EINVAL;
		}
	}
	return 0;
}

static int check_options(const struct gw_cli_args *args, char **ret_error)
{
	const struct gw_cli_command *c = args->command;
	gw_cli_opts required = gw_cli_required(c), allowed = required | gw_cli_optional(c) | GW_CLI_GLOBAL_OPTS;
	const char *space = c->verb ? " " : "", *verb = c->verb ? c->verb : "";

	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		gw_cli_opts bit = (gw_cli_opts)1 << i;

		if ((args->given & bit) && !(allowed & bit)) {
			*ret_error = gw_cli_format("--%s does not belong to %s%s%s", gw_cli_options[i].name, c->word,
						   space, verb);
			return -EINVAL;
		}
		if (c->shape == GW_CLI_DELETE && args->operand) {
			if ((required & bit & args->given)) {
				*ret_error = gw_cli_format("--%s and the id '%s': give one of them",
							   gw_cli_options[i].name, args->operand);
				return -EINVAL;
			}
		} else if ((required & bit) && !(args->given & bit)) {
			*ret_error = gw_cli_format("%s%s%s wants --%s %s", c->word, space, verb, gw_cli_options[i].name,
						   gw_cli_options[i].arg);
			return -EINVAL;
		}
	}
	return 0;
}

int gw_cli_args_parse(int argc, char *const argv[], struct gw_cli_args *args, char **ret_error)
{
	size_t used = 0;
	int r;

	*args = (struct gw_cli_args){0};
	r = split(argc, argv, true, NULL, args, ret_error);
	/* When there is none, or the line is wrong, it is still good for pointing at the right help. */
	args->command = gw_cli_find_command(args->words, args->n_words, &used);
	if (r == 0)
		r = split(argc, argv, false, args->command, args, ret_error);
	if (r < 0 || args->given & (GW_CLI_OPT(HELP) | GW_CLI_OPT(VERSION)))
		return r;
	r = find(args, &used, ret_error);
	if (r < 0)
		return r;
	r = check_operand(args, used, ret_error);
	if (r < 0)
		return r;
	return check_options(args, ret_error);
}

void gw_cli_args_done(struct gw_cli_args *args)
{
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++)
		free(args->value[i]);
	for (size_t i = 0; i < args->n_pairs; i++) {
		free(args->pairs[i].key);
		free(args->pairs[i].name);
	}
	free(args->pairs);
	*args = (struct gw_cli_args){0};
}
