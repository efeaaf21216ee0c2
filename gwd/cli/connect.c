/* connect.c - see connect.h. Called by main.c for commands, by resource/get.c for completion. */
#include "cli/connect.h"

#include "cli/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

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

int gw_cli_connect(const struct gw_cli_args *args, struct gw_cli_connection *ret, char **ret_error)
{
	int r;

	*ret = (struct gw_cli_connection){0};
	ret->show.ca = args->value[GW_CLI_OPT_AUTHORITY];
	ret->show.cert = args->value[GW_CLI_OPT_CERT];
	ret->show.key = args->value[GW_CLI_OPT_KEY];
	if (!ret->show.ca)
		ret->show.ca = getenv("GWD_CA");
	r = gw_cli_api_address(args->value[GW_CLI_OPT_API], getenv("GWD_API"), &ret->address, ret_error);
	if (r == 0 && is_idle(args, &ret->address, ret_error))
		r = -EINVAL;
	if (r == 0)
		r = gw_cli_credentials(args->value[GW_CLI_OPT_TOKEN], args->value[GW_CLI_OPT_TOKEN_FILE],
				       getenv("GWD_TOKEN"), &ret->show, ret_error);
	if (r == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		gw_cli_fail("libcurl cannot be started");
		r = -EIO;
	}
	if (r == 0)
		ret->client = gw_cli_client_new(&ret->address, &ret->show);
	else
		gw_cli_disconnect(ret);
	return r;
}

void gw_cli_disconnect(struct gw_cli_connection *c)
{
	if (c->client) {
		gw_cli_client_free(c->client);
		curl_global_cleanup();
	}
	free(c->address.name);
	free(c->show.token);
	*c = (struct gw_cli_connection){0};
}
