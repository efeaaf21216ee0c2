/*
 * access.c - who may use the API over the network: the commands token and certificate, and what of enrollment is the same: all
 * are one resource, but for what it is that lets one in. Called by main.c by way of the table of commands.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static bool is_token(const struct gw_cli_args *args)
{
	return strcmp(args->command->word, "token") == 0;
}

static char *collection_path(const struct gw_cli_args *args)
{
	return gw_cli_format(GW_CLI_API_ROOT "/access/%ss", args->command->word);
}

static char *item_path(const struct gw_cli_args *args)
{
	_cleanup_free_ char *encoded = gw_cli_percent_encode(args->operand), *collection = collection_path(args);

	return gw_cli_format("%s/%s", collection, encoded);
}

static void set(json_t *properties, const char *name, const char *value)
{
	if (value)
		json_object_set_new(properties, name, gw_cli_must(json_string(value)));
}

int gw_cli_run_access_add(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	json_t *properties = gw_cli_must(json_object());
	json_auto_t *body = gw_cli_must(json_pack("{s:o}", "properties", properties));
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_free_ char *path = item_path(args);

	set(properties, "role", args->value[GW_CLI_OPT_ROLE]);
	set(properties, "tenantId", args->value[GW_CLI_OPT_TENANT]);
	set(properties, "subject", args->value[GW_CLI_OPT_SUBJECT]);
	if (gw_cli_put(client, path, body, &answer) < 0)
		return 1;
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(answer.body);
		return 0;
	}
	/* The secret alone goes to standard output, so that it can be sent into a file. */
	if (is_token(args)) {
		gw_cli_say(stderr, "token %s %s; this is the only time that it is shown:", args->operand,
			   answer.status == 201 ? "created" : "replaced, the one before is void");
		gw_cli_say(stdout, "%s", gw_cli_str(json_object_get(answer.body, "properties"), "token"));
	} else {
		gw_cli_say(stdout, "certificate %s %s", args->operand, answer.status == 201 ? "created" : "replaced");
	}
	return 0;
}

int gw_cli_run_access_delete(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_free_ char *path = item_path(args);

	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "DELETE", .path = path}, &answer) < 0)
		return 1;
	if (answer.status == 204)
		gw_cli_fail("%s %s was not there", args->command->word, args->operand);
	else
		gw_cli_say(stdout, "%s %s removed", args->command->word, args->operand);
	return 0;
}

int gw_cli_run_access_list(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	static const char *const columns[][2] = {
		{"role", "ROLE"}, {"tenantId", "TENANT"}, {"subject", "SUBJECT"}, {"validUntil", "VALID UNTIL"}};
	const size_t n_columns = sizeof columns / sizeof *columns, n = is_token(args) ? 2 : n_columns,
		     first = strcmp(args->command->word, "enrollment") ? 0 : n_columns - 1;
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_table_ struct gw_cli_table t = {0};
	_cleanup_free_ char *path = collection_path(args);
	const json_t *value, *item;
	size_t at;

	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return 1;
	value = json_object_get(answer.body, "value");
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(value);
		return 0;
	}
	gw_cli_table_column(&t, "NAME", false);
	for (size_t i = first; i < n; i++)
		gw_cli_table_column(&t, columns[i][1], false);
	json_array_foreach((json_t *)value, at, item)
	{
		const json_t *properties = json_object_get(item, "properties");

		gw_cli_table_add(&t, gw_cli_str(item, "resourceId"));
		for (size_t i = first; i < n; i++)
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(properties, columns[i][0])));
	}
	gw_cli_table_print(&t, stdout, 0);
	return 0;
}
