/* pages.h - collections of the API, page after page. */
#ifndef GW_CLI_PAGES_H
#define GW_CLI_PAGES_H

#include "cli/client.h"

/*
 * Calls `item` for each element of the collection at `path`, in their order. 0; or 1, the exit status, when they cannot all be
 * had, and the reason has been printed. `what` says in it what they are: "ports".
 */
int gw_cli_each_item(struct gw_cli_client *client, const char *path, const char *what,
		     void (*item)(void *ctx, json_t *j), void *ctx);

#endif
