/*
 * records.c - add, del and list of the low-level records (API-2): one set of functions for all kinds, driven
 * by the kind's properties in commands.c.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/pages.h"
#include "cli/records.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/value.h"

#include <errno.h>
#include <string.h>

char *gw_cli_record_id(const struct gw_cli_kind *kind, char *const value[static GW_CLI_OPT_MAX])
{
	char *id = gw_cli_format("%s", "");

	for (const struct gw_cli_property *p = kind->properties; p->name; p++) {
		char *longer;

		if (!(p->flags & GW_CLI_KEY))
			continue;
		longer = gw_cli_format("%s%s%s", id, *id ? "-" : "",
				       value[p->opt] ? value[p->opt] : gw_cli_options[p->opt].absent);
		free(id);
		id = longer;
	}
	for (char *slash = id; (slash = strchr(slash, '/'));)
		*slash = '_';
	return id;
}

static char *collection_path(const struct gw_cli_kind *kind)
{
	return gw_cli_format(GW_CLI_API_ROOT "/hnv/%s", kind->path);
}

static char *record_path(const struct gw_cli_kind *kind, const char *id)
{
	_cleanup_free_ char *encoded = gw_cli_percent_encode(id);

	return gw_cli_format(GW_CLI_API_ROOT "/hnv/%s/%s", kind->path, encoded);
}

bool gw_cli_record_matches(const struct gw_cli_args *args, const json_t *resource)
{
	const json_t *properties = json_object_get(resource, "properties");

	for (const struct gw_cli_property *p = args->command->kind->properties; p->name; p++) {
		if (p->flags & GW_CLI_LIVE || !gw_cli_given(args, p->opt))
			continue;
		if (!gw_cli_value_matches(&gw_cli_options[p->opt], args->value[p->opt],
					  json_object_get(properties, p->name)))
			return false;
	}
	return true;
}

json_t *gw_cli_record_body(const struct gw_cli_args *args)
{
	json_t *properties = gw_cli_must(json_object());
	const char *ca = args->value[GW_CLI_OPT_CA];

	for (const struct gw_cli_property *p = args->command->kind->properties; p->name; p++) {
		if (p->flags & GW_CLI_LIVE || !gw_cli_given(args, p->opt))
			continue;
		json_object_set_new(properties, p->name,
				    gw_cli_value_json(&gw_cli_options[p->opt], args->value[p->opt]));
	}
	/* The address says it already. */
	if (ca && !gw_cli_given(args, GW_CLI_OPT_TYPE) && (strcmp(ca, "0.0.0.0") == 0 || strcmp(ca, "::") == 0))
		json_object_set_new(properties, "Type", json_string("GatewayWildcard"));
	return gw_cli_must(json_pack("{s:o}", "properties", properties));
}

int gw_cli_run_add(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const struct gw_cli_kind *kind = args->command->kind;
	_cleanup_free_ char *id = gw_cli_record_id(kind, args->value), *path = record_path(kind, id);
	json_auto_t *body = gw_cli_record_body(args);
	_cleanup_response_ struct gw_cli_response answer = {0};
	const json_t *properties;
	const char *state, *detail;

	if (gw_cli_put(client, path, body, &answer) < 0)
		return 1;
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(answer.body);
		return 0;
	}
	/* A port whose tap is not there yet is stored, but its owner wants to know. */
	properties = json_object_get(answer.body, "properties");
	state = gw_cli_str(properties, "state");
	detail = gw_cli_str(properties, json_object_get(properties, "detail") ? "detail" : "stateDetail");
	gw_cli_say(stdout, "%s %s %s%s%s%s%s", kind->singular, id, answer.status == 201 ? "created" : "replaced",
		   *state ? ", state " : "", state, *detail ? ": " : "", detail);
	return 0;
}

/* With options beyond the key, del is meant for exactly that record: finds its etag, or says why not. */
static int check_same(const struct gw_cli_args *args, struct gw_cli_client *client, const char *path, const char *id,
		      char **ret_etag)
{
	const struct gw_cli_kind *kind = args->command->kind;
	_cleanup_response_ struct gw_cli_response answer = {0};
	const char *etag;

	if (gw_cli_call(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return -EREMOTEIO;
	if (answer.status == 404)
		return -ENOENT;
	if (answer.status != 200) {
		gw_cli_refused(&answer);
		return -EREMOTEIO;
	}
	if (!gw_cli_record_matches(args, answer.body)) {
		gw_cli_fail("%s %s is there, but not with these properties; it was left as it is", kind->singular, id);
		return -ESTALE;
	}
	etag = gw_cli_str(answer.body, "etag");
	if (*etag && !strpbrk(etag, "\r\n"))
		*ret_etag = gw_cli_format("%s", etag);
	return 0;
}

int gw_cli_run_delete(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const struct gw_cli_kind *kind = args->command->kind;
	_cleanup_free_ char *id = NULL, *path = NULL, *etag = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};

	id = args->operand ? gw_cli_format("%s", args->operand) : gw_cli_record_id(kind, args->value);
	path = record_path(kind, id);
	if (args->given & gw_cli_optional(args->command)) {
		int r = check_same(args, client, path, id, &etag);

		if (r == -ENOENT) {
			gw_cli_fail("%s %s was not there", kind->singular, id);
			return 0;
		}
		if (r < 0)
			return 1;
	}
	if (gw_cli_call(client, &(struct gw_cli_request){.method = "DELETE", .path = path, .if_match = etag}, &answer) <
	    0)
		return 1;
	if (answer.status == 204) {
		gw_cli_fail("%s %s was not there", kind->singular, id);
		return 0;
	}
	if (answer.status < 200 || answer.status > 299)
		return gw_cli_refused(&answer);
	gw_cli_say(stdout, "%s %s removed", kind->singular, id);
	return 0;
}

struct list {
	const struct gw_cli_args *args;
	json_t *found;
};

static void take_if_wanted(void *ctx, json_t *item)
{
	struct list *list = ctx;

	if (gw_cli_record_matches(list->args, item) && json_array_append(list->found, item) < 0)
		gw_cli_must(NULL);
}

/* All that agree with the options. */
static int fetch(const struct gw_cli_args *args, struct gw_cli_client *client, json_t *found)
{
	_cleanup_free_ char *path = collection_path(args->command->kind);

	return gw_cli_each_item(client, path, args->command->kind->path, take_if_wanted, &(struct list){args, found});
}

static void add_row(struct gw_cli_table *t, const struct gw_cli_kind *kind, const json_t *properties, unsigned hidden)
{
	for (const struct gw_cli_property *p = kind->properties; p->name; p++) {
		const json_t *v = json_object_get(properties, p->name);
		const struct gw_cli_option *o = p->flags & GW_CLI_LIVE ? NULL : &gw_cli_options[p->opt];
		const char *word = o && o->words ? gw_cli_value_word(o, v) : NULL;

		if (p->flags & hidden)
			continue;
		if (word)
			gw_cli_table_add(t, word);
		else if (p->flags & GW_CLI_NONE && json_integer_value(v) == 0)
			gw_cli_table_add(t, "-");
		else
			gw_cli_table_take(t, gw_cli_cell(v));
	}
}

void gw_cli_records_print(const struct gw_cli_kind *kind, const json_t *resources, unsigned hidden, size_t indent)
{
	_cleanup_table_ struct gw_cli_table t = {0};

	for (const struct gw_cli_property *p = kind->properties; p->name; p++) {
		bool number = !(p->flags & GW_CLI_LIVE) && gw_cli_options[p->opt].type == GW_CLI_NUMBER;

		if (!(p->flags & hidden))
			gw_cli_table_column(&t, p->title, number);
	}
	for (size_t i = 0; i < json_array_size(resources); i++)
		add_row(&t, kind, json_object_get(json_array_get(resources, i), "properties"), hidden);
	gw_cli_table_print(&t, stdout, indent);
}

int gw_cli_run_list(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	json_auto_t *found = gw_cli_must(json_array());

	if (fetch(args, client, found) != 0)
		return 1;
	if (gw_cli_output_is(args, "json"))
		gw_cli_print_json(found);
	else
		gw_cli_records_print(args->command->kind, found, gw_cli_output_is(args, "wide") ? 0 : GW_CLI_WIDE, 0);
	return 0;
}
