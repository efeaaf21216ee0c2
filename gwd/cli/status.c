/*
 * status.c - `gwctl status`: the node on one screen, what wants attention first. Shows what the daemon sends and leaves
 * out what it does not; a driver that is not there is no error. With -o wide every port and virtual subnet.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

#define PORTS_SHOWN    8
#define SUBNETS_SHOWN  5
#define NODES_SHOWN    12
#define FAILURES_SHOWN 4

static const json_t *get(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

/* "a, b" of an array of strings. */
static char *joined(const json_t *array)
{
	char *s = gw_cli_format("%s", "");
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)array, i, item)
	{
		_cleanup_free_ char *cell = gw_cli_cell(item);
		char *longer = gw_cli_format("%s%s%s", s, i > 0 ? ", " : "", cell);

		free(s);
		s = longer;
	}
	return s;
}

static void show_node(const json_t *status)
{
	const json_t *node = get(status, "node"), *sync = get(node, "sync");
	_cleanup_free_ char *roles = joined(get(node, "roles")), *line = NULL;
	const char *name = gw_cli_str(node, "name"), *state = gw_cli_str(sync, "state"),
		   *error = gw_cli_str(sync, "lastError");
	char up[GW_CLI_COUNTLEN];

	line = gw_cli_format("%s: gwd %s, %s%sup %s, revision %llu, %s%s%s", *name ? name : "node",
			     gw_cli_str(node, "version"), roles, *roles ? ", " : "",
			     gw_cli_duration(gw_cli_num(node, "uptimeSeconds"), up),
			     (unsigned long long)gw_cli_num(node, "revision"),
			     json_is_true(get(node, "ready")) ? "ready" : "NOT READY", *state ? ", " : "", state);
	gw_cli_say_wrapped(stdout, "", 2, line);
	if (*error)
		gw_cli_say_wrapped(stdout, "Last error: ", 2, error);
}

static void show_failures(const json_t *controller, bool wide)
{
	const json_t *failures = get(controller, "failures"), *failure;
	unsigned long long failed = (unsigned long long)gw_cli_num(controller, "failed"), shown = 0;
	size_t i;

	if (!failed)
		return;
	gw_cli_say(stdout, "%llu of the records that it wants cannot be:", failed);
	json_array_foreach((json_t *)failures, i, failure)
	{
		_cleanup_free_ char *head = gw_cli_format("  %s: ", gw_cli_str(failure, "path"));

		if (!wide && i == FAILURES_SHOWN)
			break;
		gw_cli_say_wrapped(stdout, head, 4, gw_cli_str(failure, "message"));
		shown++;
	}
	if (shown < failed && !wide && shown < json_array_size(failures))
		gw_cli_say(stdout, "  and others; more with -o wide");
}

/* Who manages the node, and whether it does as it is told. */
static void show_controller(const json_t *controller, bool wide)
{
	const char *url = gw_cli_str(controller, "url"), *error = gw_cli_str(controller, "lastError");
	_cleanup_free_ char *line = NULL, *revision = NULL, *heard = NULL;
	char since[GW_CLI_COUNTLEN];

	if (!*url)
		return;
	if (get(controller, "revision"))
		revision = gw_cli_format(", revision %llu", (unsigned long long)gw_cli_num(controller, "revision"));
	if (get(controller, "lastContact"))
		heard = gw_cli_format(", heard %s ago", gw_cli_duration(gw_cli_num(controller, "lastContact"), since));
	line = gw_cli_format("%s: %s, as server %s%s%s", url, gw_cli_str(controller, "state"),
			     gw_cli_str(controller, "server"), revision ? revision : "", heard ? heard : "");
	gw_cli_say_wrapped(stdout, "Controller ", 2, line);
	if (*error)
		gw_cli_say_wrapped(stdout, "  Last error: ", 4, error);
	show_failures(controller, wide);
}

/* A certificate that is good needs no line. */
static void show_enrollment(const json_t *enrollment)
{
	const char *state = gw_cli_str(enrollment, "state"), *error = gw_cli_str(enrollment, "lastError");

	if (*error)
		gw_cli_say_wrapped(stdout, "WARNING ", 8, error);
	if (strcmp(state, "RenewalDue") == 0 || strcmp(state, "Expired") == 0)
		gw_cli_say(stdout, "Certificate for the controller: %s, %s %s",
			   *state == 'E' ? "EXPIRED" : "renewal is due", *state == 'E' ? "since" : "good until",
			   gw_cli_str(enrollment, "validUntil"));
}

static void show_warnings(const json_t *status)
{
	const char *driver;
	const json_t *part, *warning;
	size_t i;

	json_object_foreach((json_t *)status, driver, part)
	{
		json_array_foreach(get(part, "warnings"), i, warning)
		{
			_cleanup_free_ char *text = gw_cli_cell(warning);

			gw_cli_say_wrapped(stdout, "WARNING ", 8, text);
		}
	}
}

static void show_underlay(const json_t *engine)
{
	const json_t *path, *underlay;
	const char *method;
	_cleanup_free_ char *line = gw_cli_format("%s", "");
	size_t i;

	json_array_foreach(get(engine, "underlays"), i, underlay)
	{
		_cleanup_free_ char *addresses = joined(get(underlay, "addresses"));

		gw_cli_say(stdout, "Underlay %s: %s, %s", gw_cli_str(underlay, "interface"),
			   gw_cli_str(underlay, "state"), *addresses ? addresses : "no provider address");
	}
	json_object_foreach((json_t *)get(engine, "receivePath"), method, path)
	{
		_cleanup_free_ char *cell = gw_cli_cell(path);
		char *longer = gw_cli_format("%s%s%s by %s", line, *line ? ", " : "", method, cell);

		free(line);
		line = longer;
	}
	if (*line)
		gw_cli_say_wrapped(stdout, "Receive path: ", 2, line);
}

/* Nodes that have nothing outside have none. */
static void show_fast_path(const json_t *engine)
{
	const json_t *fast = get(engine, "fastPath");

	if (fast && !json_is_null(get(engine, "external")))
		gw_cli_say(stdout, "Fast path: %s%s%s", gw_cli_str(fast, "state"), get(fast, "detail") ? ", " : "",
			   get(fast, "detail") ? gw_cli_str(fast, "detail") : "");
}

static void add_count(struct gw_cli_table *t, const json_t *object, const char *key)
{
	char buf[GW_CLI_COUNTLEN];

	gw_cli_table_add(t, gw_cli_count(gw_cli_num(object, key), buf));
}

static void add_counters(struct gw_cli_table *t, const json_t *counters)
{
	add_count(t, counters, "txPackets");
	add_count(t, counters, "txBytes");
	add_count(t, counters, "rxPackets");
	add_count(t, counters, "rxBytes");
}

static void counter_columns(struct gw_cli_table *t)
{
	gw_cli_table_column(t, "TX PKTS", true);
	gw_cli_table_column(t, "BYTES", true);
	gw_cli_table_column(t, "RX PKTS", true);
	gw_cli_table_column(t, "BYTES", true);
}

static bool is_up(const json_t *port)
{
	return strcmp(gw_cli_str(port, "state"), "Up") == 0;
}

static void add_port(struct gw_cli_table *t, const json_t *port)
{
	const json_t *counters = get(port, "counters");

	gw_cli_table_take(t, gw_cli_cell(get(port, "interface")));
	gw_cli_table_take(t, gw_cli_cell(get(port, "virtualSubnetId")));
	gw_cli_table_take(t, gw_cli_cell(get(port, "state")));
	add_counters(t, counters);
	add_count(t, counters, "drops");
}

/* Ports that are not up come first, each with the reason under the table. */
static void show_ports(const json_t *ports, bool wide)
{
	_cleanup_table_ struct gw_cli_table t = {0};
	size_t n = json_array_size(ports), shown = 0, up = 0, i;
	const json_t *port;

	if (n == 0)
		return;
	gw_cli_table_column(&t, "PORT", false);
	gw_cli_table_column(&t, "VSID", true);
	gw_cli_table_column(&t, "STATE", false);
	counter_columns(&t);
	gw_cli_table_column(&t, "DROPS", true);
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach((json_t *)ports, i, port)
		{
			if (is_up(port) != (pass == 1))
				continue;
			up += is_up(port);
			if (wide || shown < PORTS_SHOWN) {
				add_port(&t, port);
				shown++;
			}
		}
	}
	puts("");
	gw_cli_table_print(&t, stdout, 0);
	if (shown < n)
		gw_cli_say(stdout, "%zu ports, %zu up; %zu more with -o wide", n, up, n - shown);
	shown = 0;
	json_array_foreach((json_t *)ports, i, port)
	{
		const char *detail = gw_cli_str(port, "detail");
		_cleanup_free_ char *head = NULL;

		if (is_up(port) || !*detail || (!wide && shown++ >= PORTS_SHOWN))
			continue;
		head = gw_cli_format("%s: ", gw_cli_str(port, "interface"));
		gw_cli_say_wrapped(stdout, head, 2, detail);
	}
}

static void show_subnets(const json_t *subnets, bool wide)
{
	_cleanup_table_ struct gw_cli_table t = {0};
	size_t n = json_array_size(subnets), i;
	const json_t *subnet;

	if (n == 0)
		return;
	gw_cli_table_column(&t, "VSID", true);
	counter_columns(&t);
	json_array_foreach((json_t *)subnets, i, subnet)
	{
		if (!wide && i == SUBNETS_SHOWN)
			break;
		gw_cli_table_take(&t, gw_cli_cell(get(subnet, "virtualSubnetId")));
		add_counters(&t, get(subnet, "counters"));
	}
	puts("");
	gw_cli_table_print(&t, stdout, 0);
	if (i < n)
		gw_cli_say(stdout, "%zu virtual subnets; %zu more with -o wide", n, n - i);
}

/* "Name 12, Other 3" of the counters that are not zero. */
static void show_outcomes(const json_t *outcomes)
{
	_cleanup_free_ char *line = gw_cli_format("%s", "");
	const json_t *o;
	size_t i;

	json_array_foreach((json_t *)outcomes, i, o)
	{
		char buf[GW_CLI_COUNTLEN], *longer;

		if (gw_cli_num(o, "count") == 0)
			continue;
		longer = gw_cli_format("%s%s%s %s", line, *line ? ", " : "", gw_cli_str(o, "name"),
				       gw_cli_count(gw_cli_num(o, "count"), buf));
		free(line);
		line = longer;
	}
	if (*line) {
		puts("");
		gw_cli_say_wrapped(stdout, "Packets: ", 2, line);
	}
}

static void show_drops(const json_t *drops)
{
	const json_t *drop;
	bool any = false;
	size_t i;

	json_array_foreach((json_t *)drops, i, drop)
	{
		_cleanup_free_ char *head = NULL;
		char buf[GW_CLI_COUNTLEN];

		if (gw_cli_num(drop, "count") == 0)
			continue;
		if (!any)
			puts("\nDrops:");
		any = true;
		head = gw_cli_format("%9s %s: ", gw_cli_count(gw_cli_num(drop, "count"), buf),
				     gw_cli_str(drop, "reason"));
		gw_cli_say_wrapped(stdout, head, 10, gw_cli_str(drop, "help"));
	}
	if (!any)
		puts("Drops: none");
}

static void show_maps(const json_t *maps)
{
	_cleanup_free_ char *line = gw_cli_format("%s", "");
	const json_t *map;
	size_t i;

	json_array_foreach((json_t *)maps, i, map)
	{
		char used[GW_CLI_COUNTLEN], limit[GW_CLI_COUNTLEN];
		char *longer = gw_cli_format("%s%s%s %s of %s", line, *line ? ", " : "", gw_cli_str(map, "name"),
					     gw_cli_count(gw_cli_num(map, "entries"), used),
					     gw_cli_count(gw_cli_num(map, "limit"), limit));

		free(line);
		line = longer;
	}
	if (*line)
		gw_cli_say_wrapped(stdout, "Tables: ", 2, line);
}

static uint64_t sum(const json_t *counters)
{
	const char *key;
	json_t *count;
	uint64_t n = 0;

	json_object_foreach((json_t *)counters, key, count) n += (uint64_t)json_integer_value(count);
	return n;
}

static bool is_well(const json_t *node)
{
	return strcmp(gw_cli_str(node, "state"), "Active") == 0 && gw_cli_num(node, "behind") == 0 &&
	       gw_cli_num(node, "failed") == 0 && !get(node, "deadAddress");
}

static void add_node(struct gw_cli_table *t, const json_t *node)
{
	char buf[GW_CLI_COUNTLEN];
	bool spoke = get(node, "lastContactSeconds");

	gw_cli_table_take(t, gw_cli_cell(get(node, "id")));
	gw_cli_table_take(t, gw_cli_cell(get(node, "state")));
	gw_cli_table_take(t, gw_cli_cell(get(node, "behind")));
	gw_cli_table_take(t, gw_cli_cell(get(node, "failed")));
	gw_cli_table_add(t, spoke ? gw_cli_count(sum(get(get(node, "statistics"), "drops")), buf) : "-");
	gw_cli_table_add(t, spoke ? gw_cli_duration(gw_cli_num(node, "lastContactSeconds"), buf) : "never");
	gw_cli_table_take(t, gw_cli_cell(get(node, "version")));
}

/* What it said last, and of one that something is wrong with its warnings. */
static void say_of_node(const json_t *node, bool wide)
{
	const char *message = gw_cli_str(node, "message"), *dead = gw_cli_str(node, "deadAddress");
	_cleanup_free_ char *head = gw_cli_format("%s: ", gw_cli_str(node, "id")),
			    *line = gw_cli_format("provider address %s cannot be used", dead);
	const json_t *warning;
	size_t i;

	if (*message)
		gw_cli_say_wrapped(stdout, head, 2, message);
	if (*dead)
		gw_cli_say_wrapped(stdout, head, 2, line);
	json_array_foreach(get(node, "warnings"), i, warning)
	{
		_cleanup_free_ char *text = gw_cli_cell(warning);

		if (wide || !is_well(node))
			gw_cli_say_wrapped(stdout, head, 2, text);
	}
}

/* Of a controller: nodes that something is wrong with come first, with their own words under the table. */
static void show_nodes(const json_t *nodes, bool wide)
{
	static const struct {
		const char *title;
		bool right;
	} columns[] = {{"NODE", false}, {"STATE", false}, {"BEHIND", true},  {"FAILED", true},
		       {"DROPS", true}, {"HEARD", true},  {"VERSION", false}};
	_cleanup_table_ struct gw_cli_table t = {0};
	size_t n = json_array_size(nodes), shown = 0, well = 0, i;
	const json_t *node;

	if (n == 0)
		return;
	for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
		gw_cli_table_column(&t, columns[c].title, columns[c].right);
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach((json_t *)nodes, i, node)
		{
			if (is_well(node) != (pass == 1))
				continue;
			well += is_well(node);
			if (wide || shown < NODES_SHOWN) {
				add_node(&t, node);
				shown++;
			}
		}
	}
	puts("");
	gw_cli_table_print(&t, stdout, 0);
	if (shown < n)
		gw_cli_say(stdout, "%zu nodes, %zu as they should be; %zu more with -o wide", n, well, n - shown);
	json_array_foreach((json_t *)nodes, i, node) say_of_node(node, wide);
}

static void show_deployment(const json_t *deployment, bool wide)
{
	if (!deployment)
		return;
	gw_cli_say(stdout, "Controller: %llu tenants, %llu virtual networks, %llu network interfaces, %llu servers",
		   (unsigned long long)gw_cli_num(deployment, "tenants"),
		   (unsigned long long)gw_cli_num(deployment, "virtualNetworks"),
		   (unsigned long long)gw_cli_num(deployment, "networkInterfaces"),
		   (unsigned long long)gw_cli_num(deployment, "servers"));
	show_nodes(get(deployment, "nodes"), wide);
}

/* Repairs are those of namespaces with their links and routes, and those of the rulesets in them. */
static void show_vrfs(const json_t *vrf, const json_t *nat)
{
	unsigned long long n = (unsigned long long)gw_cli_num(vrf, "virtualGateways");
	uint64_t repairs = gw_cli_num(vrf, "repairs") + gw_cli_num(nat, "repairs");

	if (n > 0)
		gw_cli_say(stdout, "Virtual gateways: %llu, %llu ready, %llu repairs", n,
			   (unsigned long long)gw_cli_num(vrf, "ready"), (unsigned long long)repairs);
}

int gw_cli_run_status(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	bool wide = gw_cli_output_is(args, "wide");
	_cleanup_response_ struct gw_cli_response answer = {0};
	const json_t *engine;

	if (gw_cli_call_ok(client,
			   &(struct gw_cli_request){.method = "GET", .path = GW_CLI_API_ROOT "/monitoring/statistics"},
			   &answer) < 0)
		return 1;
	if (!json_is_object(answer.body))
		return gw_cli_fail("gwd answered with something that is no status");
	if (gw_cli_output_is(args, "json")) {
		gw_cli_print_json(answer.body);
		return 0;
	}
	engine = get(answer.body, "engine");
	show_warnings(answer.body);
	show_node(answer.body);
	show_deployment(get(answer.body, "deployment"), wide);
	show_controller(get(answer.body, "controller"), wide);
	show_enrollment(get(answer.body, "enrollment"));
	show_underlay(engine);
	show_fast_path(engine);
	show_vrfs(get(answer.body, "vrf"), get(answer.body, "nat"));
	show_ports(get(engine, "ports"), wide);
	show_subnets(get(engine, "virtualSubnets"), wide);
	gw_cli_show_gateways(get(answer.body, "virtualGateways"), wide);
	show_outcomes(get(engine, "outcomes"));
	if (engine) /* a controller carries nothing */
		show_drops(get(engine, "drops"));
	show_maps(get(engine, "maps"));
	return 0;
}
