/*
 * main.c - gwctl, the command line tool: reads the command line, finds the daemon, runs one command and turns
 * its outcome into the exit status: 0 done, 1 refused or failed, 2 usage.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/help.h"
#include "cli/text.h"

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

static int run(const struct gw_cli_args *args)
{
	_cleanup_free_ char *reason = NULL;
	struct gw_cli_connection connection;
	int status;

	if (args->given & GW_CLI_OPT(HELP))
		return gw_cli_help(args->words, args->n_words);
	if (args->given & GW_CLI_OPT(VERSION)) {
		gw_cli_say(stdout, "gwctl %s", GW_VERSION);
		return 0;
	}
	if (args->command->local)
		return args->command->run(args, NULL);
	if (gw_cli_connect(args, &connection, &reason) < 0) {
		if (!reason)
			return 1;
		gw_cli_fail("%s", reason);
		return 2;
	}
	status = args->command->run(args, connection.client);
	gw_cli_disconnect(&connection);
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
