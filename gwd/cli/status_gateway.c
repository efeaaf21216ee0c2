/*
 * status_gateway.c - the virtual gateways in `gwctl status`: how each is, and how many connections it tracks of those that it may.
 * Called by status.c.
 */
#include "base/cleanup.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

#define SHOWN 8

static void add_member(struct gw_cli_table *t, const json_t *object, const char *key)
{
	char buf[GW_CLI_COUNTLEN];
	const json_t *value = json_object_get(object, key);

	gw_cli_table_add(t, value ? gw_cli_count(gw_cli_num(object, key), buf) : "-");
}

/* How many connections, and of how many: "5 of 131072". */
static void add_flows(struct gw_cli_table *t, const json_t *nat)
{
	char now[GW_CLI_COUNTLEN], most[GW_CLI_COUNTLEN];

	if (json_object_get(nat, "trackedConnections") && json_object_get(nat, "trackedConnectionsLimit"))
		gw_cli_table_take(t, gw_cli_format("%s of %s", gw_cli_count(gw_cli_num(nat, "trackedConnections"), now),
						   gw_cli_count(gw_cli_num(nat, "trackedConnectionsLimit"), most)));
	else
		add_member(t, nat, "trackedConnections"); /* of an older plugin */
}

/* Those that are not ready come first, each with the reason under the table. */
void gw_cli_show_gateways(const json_t *gateways, bool wide)
{
	_cleanup_table_ struct gw_cli_table t = {0};
	size_t n = json_array_size(gateways), shown = 0, i;
	const json_t *gateway;

	if (n == 0)
		return;
	gw_cli_table_column(&t, "GATEWAY OF", false);
	gw_cli_table_column(&t, "VSID", true);
	gw_cli_table_column(&t, "STATE", false);
	gw_cli_table_column(&t, "NAT", false);
	gw_cli_table_column(&t, "FLOWS", true);
	gw_cli_table_column(&t, "OUT", true);
	gw_cli_table_column(&t, "IN", true);
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach((json_t *)gateways, i, gateway)
		{
			const json_t *nat = json_object_get(gateway, "nat"),
				     *outside = json_object_get(gateway, "outside");
			const char *state = gw_cli_str(gateway, "state");
			bool ready = !strcmp(state, "Ready") && !*gw_cli_str(nat, "stateDetail");

			if (ready != (pass == 1) || (!wide && shown == SHOWN))
				continue;
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(gateway, "routingDomainId")));
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(gateway, "virtualSubnetId")));
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(gateway, "state")));
			gw_cli_table_take(&t, gw_cli_cell(json_object_get(nat, "state")));
			add_flows(&t, nat);
			add_member(&t, outside, "sentBytes");
			add_member(&t, outside, "receivedBytes");
			shown++;
		}
	}
	puts("");
	gw_cli_table_print(&t, stdout, 0);
	if (shown < n)
		gw_cli_say(stdout, "%zu virtual gateways; %zu more with -o wide", n, n - shown);
	shown = 0;
	json_array_foreach((json_t *)gateways, i, gateway)
	{
		const char *detail = gw_cli_str(gateway, "stateDetail"),
			   *nat = gw_cli_str(json_object_get(gateway, "nat"), "stateDetail");
		_cleanup_free_ char *head = gw_cli_format("%s: ", gw_cli_str(gateway, "routingDomainId"));

		if ((!*detail && !*nat) || (!wide && shown++ >= SHOWN))
			continue;
		if (*detail)
			gw_cli_say_wrapped(stdout, head, 2, detail);
		if (*nat)
			gw_cli_say_wrapped(stdout, head, 2, nat);
	}
}
