/*
 * test_cli_kind.c - what gwctl says about resources against the model of the daemon, of which it includes nothing: every kind
 * has its row, every column is a property, and tables of ordinary resources fit a terminal.
 */
#include "test.h"

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/resource/apply.h"
#include "cli/resource/kind.h"
#include "cli/resource/table.h"
#include "cli/text.h"
#include "model/resource/kind.h"

/* --- kinds -------------------------------------------------------------------------------------------------------- */

/* The model's kind of a row: the same collections on the way from the top. */
static enum gw_kind model_of(const struct gw_cli_resource *row)
{
	return gw_kind_find(row->parent ? model_of(row->parent) : GW_KIND_NONE, row->collection);
}

static void every_kind_has_a_row(void **state)
{
	size_t rows[GW_KIND_MAX] = {0};

	(void)state;
	for (size_t i = 0; i < gw_cli_n_resources; i++) {
		enum gw_kind kind = model_of(&gw_cli_resources[i]);

		check(kind != GW_KIND_NONE, "%s", gw_cli_resources[i].name);
		assert_string_equal(gw_kind_info(kind)->collection, gw_cli_resources[i].collection);
		rows[kind]++;
	}
	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++)
		check(rows[k] == 1, "%s: %zu rows", gw_kind_info(k)->name, rows[k]);
}

/* Whether values of the schema may have something at the path; *ret_many: several of it. */
static bool leads_somewhere(const struct gw_schema *schema, const char *path, bool *ret_many)
{
	size_t n = strcspn(path, ".");
	_cleanup_free_ char *name = strndup(path, n);
	const struct gw_property *row = gw_schema_find(schema, name);

	/* Names are looked up in any letter case, columns not. */
	if (!row || strcmp(row->name, name) != 0)
		return false;
	*ret_many |= row->type == GW_PROPERTY_LIST || row->type == GW_PROPERTY_VALUES ||
		     row->type == GW_PROPERTY_CHILDREN || row->type == GW_PROPERTY_READ_ONLY;
	path += n;
	if (!*path || row->type == GW_PROPERTY_READ_ONLY)
		return true;
	if (row->type == GW_PROPERTY_CHILDREN)
		return !strncmp(path, ".properties.", 12) &&
		       leads_somewhere(gw_kind_info(row->kind)->schema, path + 12, ret_many);
	return row->schema && leads_somewhere(row->schema, path + 1, ret_many);
}

static void every_column_is_a_property(void **state)
{
	(void)state;
	for (size_t i = 0; i < gw_cli_n_resources; i++) {
		const struct gw_cli_resource *kind = &gw_cli_resources[i];

		assert_non_null(kind->columns[0].title);
		for (const struct gw_cli_column *c = kind->columns; c->title; c++) {
			bool many = false;

			check(leads_somewhere(gw_kind_info(model_of(kind))->schema, c->path, &many), "%s: %s",
			      kind->name, c->path);
			check(many || !(c->flags & GW_CLI_COLUMN_COUNT), "%s: %s is no list", kind->name, c->path);
		}
		assert_null(kind->columns[GW_N(kind->columns) - 1].title);
	}
}

static void names_are_understood(void **state)
{
	static const struct {
		const char *word, *collection, *parent; /* collection NULL: no kind */
	} rows[] = {
		{"virtualnetworks", "virtualNetworks", NULL},
		{"virtualNetwork", "virtualNetworks", NULL},
		{"Virtual-Networks", "virtualNetworks", NULL},
		{"vnet", "virtualNetworks", NULL},
		{"subnets", "subnets", "virtualNetworks"},
		{"virtual-subnet", "subnets", "virtualNetworks"},
		{"logical-subnet", "subnets", "logicalNetworks"},
		{"ippool", "ipPools", "subnets"},
		{"publicIPAddress", "publicIPAddresses", NULL},
		{"public-ips", "publicIPAddresses", NULL},
		{"acl", "accessControlLists", NULL},
		{"aclrule", "aclRules", "accessControlLists"},
		{"route", "routes", "routeTables"},
		{"nic", "networkInterfaces", NULL},
		{"gateway", "gateways", NULL},
		{"gatewa", NULL, NULL},
		{"gatewayses", NULL, NULL},
		{"", NULL, NULL},
		{"s", NULL, NULL},
		{"-", NULL, NULL},
		{"operations", NULL, NULL},
		{"all", NULL, NULL},
		{"virtualnetworksvirtualnetworksvirtualnetworks", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		const struct gw_cli_resource *kind = gw_cli_resource_find(rows[i].word);

		if (!rows[i].collection) {
			check(!kind, "%s is %s", rows[i].word, kind->name);
			continue;
		}
		check(kind, "%s", rows[i].word);
		assert_string_equal(kind->collection, rows[i].collection);
		assert_int_equal(!kind->parent, !rows[i].parent);
		if (kind->parent)
			assert_string_equal(kind->parent->collection, rows[i].parent);
	}
	/* No name means two kinds. */
	for (size_t i = 0; i < gw_cli_n_resources; i++) {
		assert_ptr_equal(gw_cli_resource_find(gw_cli_resources[i].name), &gw_cli_resources[i]);
		if (gw_cli_resources[i].alias)
			assert_ptr_equal(gw_cli_resource_find(gw_cli_resources[i].alias), &gw_cli_resources[i]);
	}
}

static void ids_are_paths(void **state)
{
	static const struct {
		const char *kind, *id, *tenant, *path, *says;
		size_t depth;
	} rows[] = {
		{"subnets", NULL, NULL, "/virtualNetworks", NULL, 0},
		{"subnets", "blue", NULL, "/virtualNetworks/blue", NULL, 1},
		{"subnets", "blue/web", NULL, "/virtualNetworks/blue/subnets/web", NULL, 2},
		{"subnets", "blue/web", "a b", "/virtualNetworks/blue/subnets/web?tenantId=a%20b", NULL, 2},
		{"subnets", NULL, "a", "/virtualNetworks", NULL, 0},
		{"ippools", "blue/web/p", NULL, "/virtualNetworks/blue/subnets/web/ipPools/p", NULL, 3},
		{"bgppeers", "g/r/p", NULL, "/virtualGateways/g/bgpRouters/r/bgpPeers/p", NULL, 3},
		{"nics", "a ?/../b", NULL, NULL, "'a ?/../b' is no ID of networkinterfaces", 0},
		{"nics", "a ?", NULL, "/networkInterfaces/a%20%3F", NULL, 1},
		{"subnets", "blue/", NULL, NULL, "of the form virtualnetwork/subnet", 0},
		{"subnets", "/blue", NULL, NULL, "of the form virtualnetwork/subnet", 0},
		{"subnets", "blue/web/p", NULL, NULL, "of the form virtualnetwork/subnet", 0},
		{"publicips", "a/b", NULL, NULL, "of the form publicipaddress", 0},
	};
	static const char *const refs[][2] = {
		{"/virtualNetworks/blue", "blue"},
		{"/virtualNetworks/blue/subnets/web?tenantId=a", "blue/web"},
		{"/a/b/c/d/e/f", "b/d/f"},
		{"/a", ""},
		{"", ""},
		{"//", ""},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		_cleanup_free_ char *reason = NULL, *path = NULL;
		size_t depth = 0;

		path = gw_cli_resource_path(gw_cli_resource_find(rows[i].kind), rows[i].id, rows[i].tenant, &depth,
					    &reason);
		if (rows[i].path) {
			check(path, "%s", reason);
			assert_memory_equal(path, GW_CLI_API_ROOT, strlen(GW_CLI_API_ROOT));
			assert_string_equal(path + strlen(GW_CLI_API_ROOT), rows[i].path);
			assert_int_equal(depth, rows[i].depth);
		} else {
			assert_null(path);
			check(strstr(reason, rows[i].says), "%s", reason);
		}
	}
	for (size_t i = 0; i < GW_N(refs); i++) {
		_cleanup_free_ char *id = gw_cli_resource_id(refs[i][0]);

		assert_string_equal(id, refs[i][1]);
	}
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static json_t *load(const char *text)
{
	json_error_t e;
	json_t *j;
	char *copy = strdup(text);

	for (char *q = copy; (q = strchr(q, '\''));)
		*q = '"';
	j = json_loads(copy, JSON_DECODE_ANY, &e);
	check(j, "%s: %s", copy, e.text);
	free(copy);
	return j;
}

static void cells_say_what_is_there(void **state)
{
	static const struct {
		struct gw_cli_column column;
		const char *properties, *narrow, *wide;
	} rows[] = {
		{{"", "a", 0}, "{'a':'x'}", "x", "x"},
		{{"", "a", 0}, "{'A':'x'}", "-", "-"},
		{{"", "a", 0}, "{'a':''}", "-", "-"},
		{{"", "a", 0}, "{'a':null}", "-", "-"},
		{{"", "a", 0}, "{'a':true}", "yes", "yes"},
		{{"", "a", 0}, "{'a':false}", "no", "no"},
		{{"", "a", 0}, "{'a':0}", "0", "0"},
		{{"", "a", 0}, "{'a':[]}", "-", "-"},
		{{"", "a", 0}, "{'a':['x','y','z']}", "x +2", "x,y,z"},
		{{"", "a.b", 0}, "{'a':{'b':7}}", "7", "7"},
		{{"", "a.b", 0}, "{'a':7}", "-", "-"},
		{{"", "a.b", 0}, "{'a':[{'b':1},{},{'b':[2,3]}]}", "1 +2", "1,2,3"},
		{{"", "a", 0}, "{'a':{'resourceRef':'/n/blue/s/web?tenantId=t'}}", "blue/web", "blue/web"},
		{{"", "a", 0}, "{'a':{'resourceRef':7}}", "{\"resourceRef\":7}", "{\"resourceRef\":7}"},
		{{"", "a", GW_CLI_COLUMN_COUNT}, "{'a':[1,2]}", "2", "2"},
		{{"", "a", GW_CLI_COLUMN_COUNT}, "{}", "0", "0"},
		{{"", "a", 0}, "7", "-", "-"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		json_auto_t *properties = load(rows[i].properties),
			    *resource = json_pack("{s:O}", "properties", properties);
		_cleanup_free_ char *narrow = gw_cli_resource_cell(&rows[i].column, resource, false),
				    *wide = gw_cli_resource_cell(&rows[i].column, resource, true);

		check(!strcmp(narrow, rows[i].narrow) && !strcmp(wide, rows[i].wide), "%s: %s, %s", rows[i].properties,
		      narrow, wide);
	}
}

/* What one kind's properties look like on an ordinary day; the rest, see below. */
static const struct {
	const char *path, *value;
} ordinary[] = {
	{"addressPrefix", "'192.168.100.0/24'"},
	{"privateMacAddress", "'00155D011404'"},
	{"hostInterface", "'tap1404'"},
	{"encapsulationMethod", "'VXLAN'"},
	{"sourceAddressPrefix", "'192.168.1.0/24'"},
	{"destinationAddressPrefix", "'10.0.0.0/8'"},
	{"destinationPortRange", "'443'"},
	{"nextHopType", "'VirtualAppliance'"},
	{"connectionState", "'Disconnected'"},
	{"privateIPAllocationMethod", "'Dynamic'"},
	{"publicIPAllocationMethod", "'Dynamic'"},
	{"type", "'Outbound'"},
	{"priority", "1000"},
	{"action", "'Allow'"},
	{"protocol", "'TCP'"},
	{"connectionType", "'IPSec'"},
	{"multicast", "false"},
	{"isolation", "'Private'"},
	{"accessControlList", "{'resourceRef':'/accessControlLists/web'}"},
	{"subnet", "{'resourceRef':'/virtualNetworks/blue/subnets/web'}"},
	{"extAsNumber", "'0.64512'"},
	{"asNumber", "64512"},
	{"vlanID", "100"},
	{"isPublic", "true"},
	{"roles", "['controller','gateway','host']"},
	{"startMacAddress", "'00155D000000'"},
	{"endMacAddress", "'00155D00FFFF'"},
	{"gatewayCapacityKiloBitsPerSecond", "10000000"},
};

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static json_t *ordinary_value(const char *path)
{
	for (size_t i = 0; i < GW_N(ordinary); i++)
		if (!strcmp(path, ordinary[i].path))
			return load(ordinary[i].value);
	if (!strncmp(path, "usage.", 6))
		return load("65536");
	if (strstr(path, "ddress") || strstr(path, "Gateway") || strstr(path, "routerIP"))
		return load("'192.168.100.200'");
	return load(ends_in(path, "s") ? "['abcdefgh','b']" : "'abcdefgh'");
}

/* Puts it below nested objects, as the path says. */
static void put(json_t *object, const char *path, json_t *value)
{
	size_t n = strcspn(path, ".");
	_cleanup_free_ char *name = strndup(path, n);
	json_t *inner;

	if (!path[n]) {
		json_object_set_new(object, name, value);
		return;
	}
	inner = json_object_get(object, name);
	if (!inner)
		json_object_set_new(object, name, inner = json_object());
	put(inner, path + n + 1, value);
}

static void tables_fit(void **state)
{
	size_t too_wide = 0;

	(void)state;
	for (size_t i = 0; i < gw_cli_n_resources; i++) {
		const struct gw_cli_resource *kind = &gw_cli_resources[i];
		json_auto_t *list = json_pack("[{s:s,s:{s:s}}]", "resourceRef",
					      kind->parent ? "/x/green-net/y/web" : "/x/green-net", "properties",
					      "provisioningState", "Updating");
		json_t *properties = json_object_get(json_array_get(list, 0), "properties");
		_cleanup_free_ char *text = NULL;
		char *save = NULL;
		size_t len, lines = 0;
		FILE *f;

		for (const struct gw_cli_column *c = kind->columns; c->title; c++)
			put(properties, c->path, ordinary_value(c->path));
		for (int wide = 0; wide < 2; wide++) {
			text = NULL;
			f = open_memstream(&text, &len);
			gw_cli_resources_print(f, kind, list, wide);
			fclose(f);
			for (char *line = strtok_r(text, "\n", &save); line;
			     line = strtok_r(NULL, "\n", &save), lines++)
				if (!wide && gw_cli_width(line) > GW_CLI_WIDTH) {
					print_error("%s: %zu columns: %s\n", kind->name, gw_cli_width(line), line);
					too_wide++;
				}
			if (!wide)
				free(text);
		}
		assert_int_equal(lines, 4);
	}
	assert_int_equal(too_wide, 0);
}

/* --- apply -------------------------------------------------------------------------------------------------------- */

static void files_become_batches(void **state)
{
	static const struct {
		const char *file, *batch, *says; /* batch NULL: refused */
		bool list;
	} rows[] = {
		{"{'resourceRef':'/n/a','x':1}", "[{'path':'/n/a','body':{'resourceRef':'/n/a','x':1}}]", NULL, false},
		{"{'RESOURCEREF':'/n/a'}", "[{'path':'/n/a','body':{'RESOURCEREF':'/n/a'}}]", NULL, false},
		{"{'resourceRef':'/n/a','resourceMetadata':{'TenantID':'t u'}}",
		 "[{'path':'/n/a?tenantId=t%20u','body':{'resourceRef':'/n/a','resourceMetadata':{'TenantID':'t u'}}}]",
		 NULL, false},
		{"{'resourceRef':'/n/a?tenantId=x','resourceMetadata':{'tenantId':'x'}}",
		 "[{'path':'/n/a?tenantId=x','body':{'resourceRef':'/n/"
		 "a?tenantId=x','resourceMetadata':{'tenantId':'x'}}}]",
		 NULL, false},
		{"{'value':[{'resourceRef':'/n/a'}]}", "[{'path':'/n/a','body':{'resourceRef':'/n/a'}}]", NULL, true},
		{"[{'path':'/n/a','body':{},'odd':1},{'resourceRef':'/n/b'}]",
		 "[{'path':'/n/a','body':{},'odd':1},{'path':'/n/b','body':{'resourceRef':'/n/b'}}]", NULL, true},
		{"[{'path':'/n/a','method':'DELETE'}]", "[{'path':'/n/a','method':'DELETE'}]", NULL, true},
		{"{'value':[]}", "[]", NULL, true},
		{"[]", "[]", NULL, true},
		{"{}", NULL, "neither a resource", false},
		{"7", NULL, "neither a resource", false},
		{"null", NULL, "neither a resource", false},
		{"{'value':7}", NULL, "neither a resource", false},
		{"[{'path':'/n/a'},{'path':7}]", NULL, "element [1]: is neither", false},
		{"[[]]", NULL, "element [0]: is neither", false},
		{"{'value':[],'nextLink':'/n?$skipToken=a'}", NULL, "one page of several", false},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		json_auto_t *file = load(rows[i].file), *want = rows[i].batch ? load(rows[i].batch) : NULL, *got;
		_cleanup_free_ char *reason = NULL;
		bool list = false;

		got = gw_cli_apply_batch(file, &list, &reason);
		if (want) {
			check(got && json_equal(got, want), "%s: %s", rows[i].file, got ? json_dumps(got, 0) : reason);
			assert_int_equal(list, rows[i].list);
		} else {
			check(!got && strstr(reason, rows[i].says), "%s: %s", rows[i].file, reason);
		}
	}
}

static void refusals_name_file_element_and_property(void **state)
{
	static const struct {
		const char *target, *file, *line;
	} rows[] = {
		{"[1].body.properties.a[0].b", "[{'resourceRef':'/n/a'},{'resourceRef':'/n/b'}]",
		 "net.json: element [1], /n/b: Conflict at properties.a[0].b: taken"},
		{"[0].body.properties.a", "{'resourceRef':'/n/a'}", "net.json: /n/a: Conflict at properties.a: taken"},
		{"[0].body", "{'resourceRef':'/n/a'}", "net.json: /n/a: Conflict: taken"},
		{"[0]", "[{'path':'/n/a','body':{}}]", "net.json: element [0], /n/a: Conflict: taken"},
		{"[0].body.properties.a", "[{'path':'/n/a','body':{}}]",
		 "net.json: element [0], /n/a: Conflict at body.properties.a: taken"},
		{"[0].path", "[{'path':'/n/a','body':{}}]", "net.json: element [0], /n/a: Conflict at path: taken"},
		{"[7].path", "[{'path':'/n/a','body':{}}]", "net.json: Conflict at [7].path: taken"},
		{"", "[]", "net.json: Conflict: taken"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		json_auto_t *file = load(rows[i].file), *batch = NULL,
			    *answer = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", "Conflict", "message", "taken",
						"target", rows[i].target);
		_cleanup_free_ char *reason = NULL, *line = NULL;
		bool list = false;

		batch = gw_cli_apply_batch(file, &list, &reason);
		line = gw_cli_apply_reason("net.json", batch, list, answer);
		assert_string_equal(line, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_row),	   cmocka_unit_test(every_column_is_a_property),
		cmocka_unit_test(names_are_understood),	   cmocka_unit_test(ids_are_paths),
		cmocka_unit_test(cells_say_what_is_there), cmocka_unit_test(tables_fit),
		cmocka_unit_test(files_become_batches),	   cmocka_unit_test(refusals_name_file_element_and_property),
	};

	return cmocka_run_group_tests_name("cli_kind", tests, NULL, NULL);
}
