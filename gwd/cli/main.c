/*
 * main.c - gwctl, the command line tool: reads the command line, finds the daemon, runs one command and turns
 * its outcome into the exit status: 0 done, 1 refused or failed, 2 usage.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/help.h"
#include "cli/text.h"

#include <curl/curl.h>
#include <string.h>

static int usage_error(const struct gw_cli_args *args, const char *reason)
{
	const struct gw_cli_command *c = args->command;

	gw_cli_fail("%s", reason);
	if (c)
		gw_cli_help_usage(stderr, c);
	gw_cli_say(stderr, "See: gwctl help%s%s%s%s", c ? " " : "", c ? c->word : "", c && c->verb ? " " : "",
		   c && c->verb ? c->verb : "");
	return 2;
}

/* A socket of this machine is shown nothing; whoever thinks so has another daemon in mind. */
static bool is_idle(const struct gw_cli_args *args, const struct gw_cli_address *address, char **ret_error)
{
	static const enum gw_cli_opt network[] = {GW_CLI_OPT_AUTHORITY, GW_CLI_OPT_CERT, GW_CLI_OPT_KEY,
						  GW_CLI_OPT_TOKEN, GW_CLI_OPT_TOKEN_FILE};

	for (size_t i = 0; address->socket_path && i < sizeof network / sizeof *network; i++) {
		if (gw_cli_given(args, network[i])) {
			*ret_error = gw_cli_format("--%s goes with --api https://HOST:PORT, not with %s",
						   gw_cli_options[network[i]].name, address->name);
			return true;
		}
	}
	return false;
}

static int run(const struct gw_cli_args *args)
{
	_cleanup_free_ char *reason = NULL;
	struct gw_cli_credentials show = {0};
	struct gw_cli_address address = {0};
	struct gw_cli_client *client;
	int status = 2;

	if (args->given & GW_CLI_OPT(HELP))
		return gw_cli_help(args->words, args->n_words);
	if (args->given & GW_CLI_OPT(VERSION)) {
		gw_cli_say(stdout, "gwctl %s", GW_VERSION);
		return 0;
	}
	if (args->command->local)
		return args->command->run(args, NULL);
	show.ca = args->value[GW_CLI_OPT_AUTHORITY];
	show.cert = args->value[GW_CLI_OPT_CERT];
	show.key = args->value[GW_CLI_OPT_KEY];
	if (!show.ca)
		show.ca = getenv("GWD_CA");
	if (gw_cli_api_address(args->value[GW_CLI_OPT_API], getenv("GWD_API"), &address, &reason) < 0 ||
	    is_idle(args, &address, &reason) ||
	    gw_cli_credentials(args->value[GW_CLI_OPT_TOKEN], args->value[GW_CLI_OPT_TOKEN_FILE], getenv("GWD_TOKEN"),
			       &show, &reason) < 0) {
		if (reason)
			gw_cli_fail("%s", reason);
		else
			status = 1;
		goto out;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		status = gw_cli_fail("libcurl cannot be started");
		goto out;
	}
	client = gw_cli_client_new(&address, &show);
	status = args->command->run(args, client);
	gw_cli_client_free(client);
	curl_global_cleanup();
out:
	free(address.name);
	free(show.token);
	return status;
}

int main(int argc, char *argv[])
{
	_cleanup_free_ char *error = NULL;
	struct gw_cli_args args;
	int status;

	if (argc > 1 && strcmp(argv[1], "--list-words") == 0) {
		gw_cli_list_words((const char *const *)argv + 2, (size_t)argc - 2);
		return 0;
	}
	if (gw_cli_args_parse(argc, argv, &args, &error) < 0)
		status = usage_error(&args, error);
	else
		status = run(&args);
	gw_cli_args_done(&args);
	/* A full disk or a closed pipe must not look like an empty answer. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return gw_cli_fail("cannot write the answer to standard output");
	return status;
}
