/* misc.c - the commands that are one request each: batch, version. */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

int gw_cli_run_batch(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const char *name = args->value[GW_CLI_OPT_FILE];
	_cleanup_free_ char *text = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};
	json_auto_t *check = NULL;
	size_t len = 0;
	json_error_t e;

	if (gw_cli_read_file(name, GW_CLI_BATCH_MAX, "a batch", &text, &len) != 0)
		return 1;
	check = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (!check)
		return gw_cli_fail("%s, line %d, column %d: %s", name, e.line, e.column, e.text);
	if (gw_cli_call_ok(
		    client,
		    &(struct gw_cli_request){
			    .method = "POST", .path = GW_CLI_API_ROOT "/hnv/batch", .body = text, .body_len = len},
		    &answer) < 0)
		return 1;
	gw_cli_say(stdout, "%s: applied, %llu changes", name, (unsigned long long)gw_cli_num(answer.body, "applied"));
	return 0;
}

int gw_cli_run_version(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_response_ struct gw_cli_response answer = {0};
	const char *version;

	(void)args;
	gw_cli_say(stdout, "gwctl %s", GW_VERSION);
	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = "/version"}, &answer) < 0)
		return 1;
	version = gw_cli_str(answer.body, "version");
	gw_cli_say(stdout, "gwd %s", *version ? version : "of unknown version");
	return 0;
}
