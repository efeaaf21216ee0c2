/*
 * import.c - gwctl import-hnv: reads a Hyper-V PowerShell script (script.c) and sends what it says about one host as one
 * batch, so that all of it is done or nothing. What is wrong is told with its place in the script, also when it is the
 * daemon that says so.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/hnv/script.h"
#include "cli/records.h"
#include "cli/text.h"

#include <errno.h>
#include <string.h>

static int fail_at(const char *file, const struct gw_ps_error *e)
{
	if (e->line == 0)
		return gw_cli_fail("%s: %s", file, e->text);
	if (e->column == 0)
		return gw_cli_fail("%s, line %u: %s", file, e->line, e->text);
	return gw_cli_fail("%s, line %u, column %u: %s", file, e->line, e->column, e->text);
}

/* The daemon names elements of the batch, "[17].body.properties.MACAddress"; people want to know the line. */
static int refused(const char *file, const struct gw_hnv_script *s, const struct gw_cli_response *answer)
{
	json_t *error = json_object_get(answer->body, "error");
	const char *target = gw_cli_str(error, "target"), *rest;
	_cleanup_free_ char *reason = NULL;
	const struct gw_ps_token *at;
	char *end;
	unsigned long i;

	if (target[0] != '[')
		return gw_cli_refused(answer);
	i = strtoul(target + 1, &end, 10);
	if (*end != ']' || i >= s->n)
		return gw_cli_refused(answer);
	at = s->records[i].at;
	rest = strncmp(end + 1, ".body", 5) == 0 ? end + 6 : end + 1;
	json_object_set_new(error, "target", json_string(*rest == '.' ? rest + 1 : rest));
	reason = gw_cli_reason(answer);
	return gw_cli_fail("%s, line %u, column %u: %s", file, at->line, at->column, reason);
}

static json_t *bodies_of(const struct gw_hnv_script *s, const struct gw_cli_kind *kind)
{
	json_t *list = gw_cli_must(json_array());

	for (size_t i = 0; i < s->n; i++)
		if (s->records[i].kind == kind && json_array_append(list, s->records[i].body) < 0)
			gw_cli_must(NULL);
	return list;
}

/* A table for each kind, in the order of gwctl's own list of them. */
static void show(const struct gw_hnv_script *s, bool wide)
{
	bool first = true;

	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		const struct gw_cli_command *c = &gw_cli_commands[i];
		json_auto_t *bodies = NULL;

		if (c->shape != GW_CLI_LIST)
			continue;
		bodies = bodies_of(s, c->kind);
		if (json_array_size(bodies) == 0)
			continue;
		if (!first)
			puts("");
		gw_cli_say(stdout, "%s:", c->kind->singular);
		gw_cli_records_print(c->kind, bodies, GW_CLI_LIVE | (wide ? 0 : GW_CLI_WIDE), 2);
		first = false;
	}
}

/* Who attaches a port or an address wants to know its state; nothing is wrong when that cannot be had any more. */
static void say_put(const struct gw_hnv_record *r, struct gw_cli_client *client)
{
	_cleanup_free_ char *id = gw_cli_percent_encode(r->id), *path = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};
	const json_t *properties;
	const char *state, *detail;
	bool live = false;

	for (const struct gw_cli_property *p = r->kind->properties; p->name; p++)
		live = live || strcmp(p->name, "state") == 0;
	path = gw_cli_format(GW_CLI_API_ROOT "/hnv/%s/%s", r->kind->path, id);
	if (live)
		gw_cli_call(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer);
	properties = json_object_get(answer.body, "properties");
	state = gw_cli_str(properties, "state");
	detail = gw_cli_str(properties, "detail");
	gw_cli_say(stdout, "%s %s put%s%s%s%s", r->kind->singular, r->id, *state ? ", state " : "", state,
		   *detail ? ": " : "", detail);
}

static int put(const struct gw_cli_args *args, const struct gw_hnv_script *s, const json_t *batch,
	       struct gw_cli_client *client)
{
	_cleanup_free_ char *text = gw_cli_must(json_dumps(batch, JSON_COMPACT));
	_cleanup_response_ struct gw_cli_response answer = {0};
	const char *file = args->operand;
	size_t len = strlen(text);

	if (len > GW_CLI_BATCH_MAX)
		return gw_cli_fail("%s: its %zu records are more than one batch can have, %zu MiB; divide it", file,
				   s->n, GW_CLI_BATCH_MAX >> 20);
	if (gw_cli_call(client,
			&(struct gw_cli_request){
				.method = "POST", .path = GW_CLI_API_ROOT "/hnv/batch", .body = text, .body_len = len},
			&answer) < 0)
		return 1;
	if (answer.status < 200 || answer.status > 299)
		return refused(file, s, &answer);
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(answer.body);
		return 0;
	}
	for (size_t i = 0; i < s->n; i++)
		say_put(&s->records[i], client);
	gw_cli_say(stdout, "%s: applied, %llu records for %s", file,
		   (unsigned long long)gw_cli_num(answer.body, "applied"), args->value[GW_CLI_OPT_HOST]);
	return 0;
}

static int import(const struct gw_cli_args *args, const char *data, size_t size, struct gw_hnv_script *s,
		  struct gw_cli_client *client)
{
	json_auto_t *batch = NULL;

	if (gw_hnv_script_read(s, data, size, args->value[GW_CLI_OPT_HOST], args->pairs, args->n_pairs) < 0)
		return fail_at(args->operand, &s->source.error);
	for (size_t i = 0; i < s->n_notes; i++)
		gw_cli_fail("%s: %s", args->operand, s->notes[i]);
	batch = gw_hnv_script_batch(s);
	if (!gw_cli_given(args, GW_CLI_OPT_DRY_RUN))
		return put(args, s, batch, client);
	if (gw_cli_output_is(args, "json"))
		gw_cli_print_json(batch);
	else
		show(s, gw_cli_output_is(args, "wide"));
	return 0;
}

int gw_cli_run_import(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_free_ char *data = NULL;
	struct gw_hnv_script s = {0};
	size_t size = 0;
	int status;

	if (gw_cli_read_file(args->operand, GW_PS_SIZE_MAX, "a script", &data, &size) != 0)
		return 1;
	status = import(args, data, size, &s, client);
	gw_hnv_script_done(&s);
	return status;
}
