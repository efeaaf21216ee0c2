/* audit.c - the command audit: who changed what, as a controller recorded it. Called by main.c by way of the table of commands. */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

struct listing {
	const char *tenant; /* only what was done to his; NULL: all */
	json_t *entries;
};

static void take(void *ctx, json_t *entry)
{
	struct listing *l = ctx;

	if (l->tenant && strcmp(gw_cli_str(entry, "tenantId"), l->tenant) != 0)
		return;
	if (json_array_append(l->entries, entry) < 0)
		gw_cli_must(NULL);
}

int gw_cli_run_audit(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	static const char *const columns[][2] = {{"number", "NUMBER"}, {"time", "TIME"},       {"who", "WHO"},
						 {"method", "METHOD"}, {"tenantId", "TENANT"}, {"path", "PATH"}};
	const size_t n = sizeof columns / sizeof *columns;
	const char *after = args->value[GW_CLI_OPT_AFTER];
	json_auto_t *entries = gw_cli_must(json_array());
	struct listing l = {args->value[GW_CLI_OPT_TENANT], entries};
	_cleanup_table_ struct gw_cli_table t = {0};
	_cleanup_free_ char *path =
		gw_cli_format(GW_CLI_API_ROOT "/monitoring/audit?$top=1000&$skipToken=%s", after ? after : "0");
	const json_t *entry;
	size_t at;

	if (gw_cli_each_item(client, path, "entries", take, &l) != 0)
		return 1;
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(entries);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		gw_cli_table_column(&t, columns[i][1], i == 0);
	json_array_foreach(entries, at, entry)
	{
		for (size_t i = 0; i < n; i++)
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(entry, columns[i][0])));
	}
	gw_cli_table_print(&t, stdout, 0);
	return 0;
}
