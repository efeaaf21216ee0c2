/* misc.c - the commands that are one request each: batch, get, version. */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define BATCH_MAX ((size_t)16 << 20) /* the daemon's own limit: saying so before sending is kinder */

static int read_file(const char *name, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = gw_cli_must(malloc(BATCH_MAX + 1));
	bool standard = strcmp(name, "-") == 0;
	_cleanup_close_ int fd = open(standard ? "/dev/stdin" : name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return gw_cli_fail("%s: %s", name, strerror(errno));
	while ((n = read(fd, buf + len, BATCH_MAX + 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gw_cli_fail("%s: %s", name, strerror(errno));
		len += (size_t)n;
		if (len > BATCH_MAX)
			return gw_cli_fail("%s: a batch has at most %zu MiB; divide it", name, BATCH_MAX >> 20);
	}
	*ret = buf;
	*ret_len = len;
	buf = NULL;
	return 0;
}

int gw_cli_run_batch(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const char *name = args->value[GW_CLI_OPT_FILE];
	_cleanup_free_ char *text = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};
	json_auto_t *check = NULL;
	size_t len = 0;
	json_error_t e;

	if (read_file(name, &text, &len) != 0)
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

int gw_cli_run_get(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_free_ char *given = gw_cli_format("%s%s", args->operand[0] == '/' ? "" : "/", args->operand),
			    *path = NULL;
	_cleanup_response_ struct gw_cli_response answer = {0};

	path = gw_cli_link_path(given);
	if (!path) {
		gw_cli_fail("'%s' is no path; encode spaces and other special characters as %%20 and so on",
			    args->operand);
		return 2;
	}
	if (gw_cli_call_ok(client, &(struct gw_cli_request){.method = "GET", .path = path}, &answer) < 0)
		return 1;
	if (answer.body)
		gw_cli_print_json(answer.body);
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
