/*
 * enroll.c - how a machine becomes a controller's node: `server enroll` on the controller says what to run on the machine, which
 * is `enroll`. Called by main.c by way of the table of commands.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

#define HTTPS	  "https://"
#define TOKEN_MAX 4096

static bool is_network(const char *address)
{
	return address && strncmp(address, HTTPS, strlen(HTTPS)) == 0;
}

/* The address that was good for this command, else the first of the controller's own. */
static const char *controller_of(const struct gw_cli_args *args, const json_t *urls)
{
	const char *here = args->value[GW_CLI_OPT_API] ? args->value[GW_CLI_OPT_API] : getenv("GWD_API"),
		   *own = json_string_value(json_array_get(urls, 0));

	if (is_network(here))
		return here;
	return own ? own : "https://CONTROLLER:8443";
}

static void tell_others(const json_t *urls, const char *said)
{
	_cleanup_free_ char *line = gw_cli_format("%s", "");
	const json_t *url;
	size_t i;

	json_array_foreach((json_t *)urls, i, url)
	{
		const char *text = json_string_value(url);
		char *longer;

		if (!text || strcmp(text, said) == 0)
			continue;
		longer = gw_cli_format("%s%s%s", line, *line ? ", " : "", text);
		free(line);
		line = longer;
	}
	if (*line)
		gw_cli_say_wrapped(stderr, "The controller is at these as well: ", 2, line);
}

int gw_cli_run_server_enroll(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const char *valid = args->value[GW_CLI_OPT_VALID];
	unsigned long long ms = valid ? strtoull(valid, NULL, 10) : 0;
	json_t *properties = gw_cli_must(json_object());
	json_auto_t *body = gw_cli_must(json_pack("{s:o}", "properties", properties));
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_free_ char *id = gw_cli_percent_encode(args->operand),
			    *path = gw_cli_format(GW_CLI_API_ROOT "/access/enrollments/%s", id);
	const json_t *told, *urls;
	const char *url;

	if (valid)
		json_object_set_new(properties, "validSeconds",
				    gw_cli_must(json_integer((json_int_t)((ms + 999) / 1000))));
	if (gw_cli_put(client, path, body, &answer) < 0)
		return 1;
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(answer.body);
		return 0;
	}
	told = json_object_get(answer.body, "properties");
	urls = json_object_get(told, "urls");
	url = controller_of(args, urls);
	/* The command alone goes to standard output, so that it can be sent there. */
	gw_cli_say(stderr, "Run this on the machine that is to be %s, until %s; it is good once%s:", args->operand,
		   gw_cli_str(told, "validUntil"), answer.status == 201 ? "" : ", and the one before is void");
	gw_cli_say(stdout, "gwctl enroll %s %s", url, gw_cli_str(told, "token"));
	tell_others(urls, url);
	return 0;
}

/* The word, or what standard input has of it: others on the machine can see a word. */
static int take_token(const char *operand, char **ret)
{
	size_t n;

	if (strcmp(operand, "-") != 0) {
		*ret = gw_cli_format("%s", operand);
		return 0;
	}
	if (gw_cli_read_file(operand, TOKEN_MAX, "a one-time token", ret, &n) != 0)
		return 1;
	(*ret)[n] = '\0';
	(*ret)[strcspn(*ret, " \t\r\n")] = '\0';
	return 0;
}

int gw_cli_run_enroll(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_response_ struct gw_cli_response answer = {0};
	_cleanup_free_ char *token = NULL;
	json_auto_t *body = NULL;

	if (take_token(args->id, &token) != 0)
		return 1;
	body = gw_cli_must(json_pack("{s:s, s:s}", "urls", args->operand, "token", token));
	if (gw_cli_put(client, GW_CLI_API_ROOT "/enrollment", body, &answer) < 0)
		return 1;
	gw_cli_say(stdout, "node:        %s", gw_cli_str(answer.body, "server"));
	gw_cli_say(stdout, "controller:  %s", gw_cli_str(answer.body, "urls"));
	gw_cli_say(stdout, "fingerprint: %s", gw_cli_str(answer.body, "authority"));
	gw_cli_say(stdout, "certificate: until %s, renewed by itself", gw_cli_str(answer.body, "validUntil"));
	return 0;
}
