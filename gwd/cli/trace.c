/* trace.c - `gwctl trace`: asks the daemon which way a packet would take and shows its reasoning step by step. */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/text.h"
#include "cli/value.h"

#include <string.h>

static const struct {
	enum gw_cli_opt opt;
	const char *name;
} members[] = {
	{GW_CLI_OPT_PORT, "port"},	  {GW_CLI_OPT_DST, "destination"},
	{GW_CLI_OPT_SRC, "source"},	  {GW_CLI_OPT_PROTO, "protocol"},
	{GW_CLI_OPT_SPORT, "sourcePort"}, {GW_CLI_OPT_DPORT, "destinationPort"},
	{GW_CLI_OPT_SIZE, "size"},	  {GW_CLI_OPT_DST_MAC, "destinationMac"},
	{GW_CLI_OPT_TTL, "ttl"},	  {GW_CLI_OPT_DF, "dontFragment"},
	{GW_CLI_OPT_VLAN, "vlanId"},	  {GW_CLI_OPT_GRE_KEY, "greKey"},
};

static char *query(const struct gw_cli_args *args)
{
	json_auto_t *q = gw_cli_must(json_object());

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		enum gw_cli_opt o = members[i].opt;

		if (gw_cli_given(args, o))
			json_object_set_new(q, members[i].name, gw_cli_value_json(&gw_cli_options[o], args->value[o]));
	}
	return gw_cli_must(json_dumps(q, JSON_COMPACT));
}

static void append(char **s, const char *before, const json_t *answer, const char *key)
{
	const json_t *v = json_object_get(answer, key);
	_cleanup_free_ char *cell = NULL;
	char *longer;

	if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
		return;
	cell = gw_cli_cell(v);
	longer = gw_cli_format("%s%s%s", *s, before, cell);
	free(*s);
	*s = longer;
}

static void show(const json_t *answer)
{
	const json_t *step;
	char *s = gw_cli_format("%s", "");
	const char *help = gw_cli_str(answer, "help");
	size_t i;

	json_array_foreach(json_object_get(answer, "steps"), i, step)
	{
		_cleanup_free_ char *head = gw_cli_format("%2zu. %s: ", i + 1, gw_cli_str(step, "step"));

		gw_cli_say_wrapped(stdout, head, 4, gw_cli_str(step, "detail"));
	}
	append(&s, "", answer, "verdict");
	append(&s, ", ", answer, "reason");
	append(&s, ": ", answer, "encapsulation");
	append(&s, ", VSID ", answer, "virtualSubnetId");
	append(&s, ", from PA ", answer, "sourceProviderAddress");
	append(&s, ", to PA ", answer, "providerAddress");
	append(&s, ", to port ", answer, "port");
	append(&s, ", by ", answer, "interface");
	append(&s, ", VLAN ", answer, "vlanId");
	append(&s, ", from ", answer, "tunnelSource");
	append(&s, ", to ", answer, "tunnelDestination");
	append(&s, ", key ", answer, "greKey");
	append(&s, ", connection ", answer, "connectionId");
	append(&s, ", to the virtual gateway of ", answer, "routingDomainId");
	append(&s, ", to MAC ", answer, "macAddress");
	append(&s, ", fragments ", answer, "fragments");
	append(&s, ", MTU ", answer, "mtu");
	gw_cli_say_wrapped(stdout, "==> ", 4, s);
	free(s);
	if (*help)
		gw_cli_say_wrapped(stdout, "    ", 4, help);
}

int gw_cli_run_trace(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_free_ char *text = query(args);
	_cleanup_response_ struct gw_cli_response answer = {0};

	if (gw_cli_call_ok(client,
			   &(struct gw_cli_request){.method = "POST",
						    .path = GW_CLI_API_ROOT "/monitoring/trace",
						    .body = text,
						    .body_len = strlen(text)},
			   &answer) < 0)
		return 1;
	if (gw_cli_output_is(args, "json"))
		gw_cli_print_json(answer.body);
	else if (!*gw_cli_str(answer.body, "verdict"))
		return gw_cli_fail("gwd answered without a verdict");
	else
		show(answer.body);
	return 0;
}
