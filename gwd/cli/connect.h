/* connect.h - from the options of a command line, and the environment, to a client of the daemon that they mean. */
#ifndef GW_CLI_CONNECT_H
#define GW_CLI_CONNECT_H

#include "cli/args.h"
#include "cli/client.h"

struct gw_cli_connection {
	struct gw_cli_client *client;
	struct gw_cli_address address;
	struct gw_cli_credentials show; /* points into the arguments, too */
};

/* 0; -EINVAL and the reason in *ret_error, owned by the caller; -EIO when it has been said already. `args` must outlive it. */
int gw_cli_connect(const struct gw_cli_args *args, struct gw_cli_connection *ret, char **ret_error);
void gw_cli_disconnect(struct gw_cli_connection *c);

#endif
