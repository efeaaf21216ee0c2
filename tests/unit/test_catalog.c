/* test_catalog.c - the catalogue by itself: what is taken, counted and undone. The rules of kinds are in tests/contract. */
#include "test.h"

#include "model/catalog/catalog.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

static const struct gw_catalog_params params = {
	.router_mac = {{2, 0x67, 0x77, 0x64, 0, 1}},
	.vsid_first = 4096,
	.vsid_last = 4098,
	.limits = {.resources = 1000,
		   .tenant_resources = 100,
		   .tenant_memory = 19000,
		   .tenant_public_addresses = 2,
		   .tenant_mac_addresses = 2,
		   .tenant_subnets = 2,
		   .tenant_routes = 4,
		   .tenant_nat_rules = 100},
};

static struct gw_catalog *catalog_new(void)
{
	struct gw_catalog *c = NULL;

	assert_int_equal(gw_catalog_new(&params, &c), 0);
	return c;
}

/* In the transaction that is under way. "'" is written for '"'. */
static int put(struct gw_catalog *c, const char *tenant, const char *path, const char *properties, const char *tags,
	       struct gw_error *err)
{
	char text[4096], parent_path[256];
	struct gw_schema_reader from_client = {0};
	struct gw_resource *parent = NULL, *r = NULL;
	struct gw_draft *draft = NULL;
	const char *id = strrchr(path, '/') + 1, *collection;
	json_t *body;
	int e;

	snprintf(parent_path, sizeof parent_path, "%.*s", (int)(id - 1 - path), path);
	collection = strrchr(parent_path, '/') + 1;
	parent_path[collection - 1 - parent_path] = '\0';
	if (*parent_path)
		parent = gw_catalog_find(c, tenant, parent_path);
	check((size_t)snprintf(text, sizeof text, "{'properties':{%s},'tags':{%s}}", properties, tags) < sizeof text);
	for (char *s = text; *s; s++)
		*s = *s == '\'' ? '"' : *s;
	body = json_loads(text, 0, NULL);
	check(body, "%s", text);
	e = gw_draft_decode(gw_kind_find(parent ? parent->kind : GW_KIND_NONE, collection), id, body, &from_client,
			    &draft, err);
	json_decref(body);
	if (e == 0 && tenant && !parent)
		e = gw_draft_set_tenant(draft, tenant, err);
	if (e == 0)
		e = gw_catalog_put(c, parent, draft, &r, err);
	gw_draft_free(draft);
	return e;
}

/* A request of its own, which leaves nothing when it is refused. */
static int request(struct gw_catalog *c, const char *tenant, const char *path, const char *properties, const char *tags,
		   struct gw_error *err)
{
	int e;

	*err = GW_ERROR_INIT;
	gw_catalog_begin(c, 1, 1000, tenant);
	e = put(c, tenant, path, properties, tags, err);
	if (e == 0)
		e = gw_catalog_settle(c, err);
	if (e < 0)
		gw_catalog_undo(c);
	return e;
}

static void ok(struct gw_catalog *c, const char *tenant, const char *path, const char *properties)
{
	struct gw_error err;

	if (request(c, tenant, path, properties, "", &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
}

static void refused(struct gw_catalog *c, const char *tenant, const char *path, const char *properties,
		    const char *part)
{
	struct gw_error err;

	check(request(c, tenant, path, properties, "", &err) < 0, "%s", path);
	check(err.code == GW_ERR_LIMIT_EXCEEDED && strstr(err.message, part), "%s: %s: %s", path, err.target,
	      err.message);
}

static void gone(struct gw_catalog *c, const char *tenant, const char *path)
{
	struct gw_error err = GW_ERROR_INIT;

	gw_catalog_begin(c, 1, 1000, tenant);
	assert_int_equal(gw_catalog_delete(c, gw_catalog_find(c, tenant, path), &err), 0);
	if (gw_catalog_settle(c, &err) < 0)
		fail_msg("%s: %s", path, err.message);
}

#define POOL	  "'startMacAddress':'00155D000000','endMacAddress':'00155D0000FF'"
#define NET	  "'addressSpace':{'addressPrefixes':['10.0.0.0/16']}"
#define SUBNET(n) "'addressPrefix':'10.0." n ".0/24'"

/* What was refused, undone or rolled back counts nowhere; what was deleted is free for the next. */
static void test_counted_per_tenant(void **state)
{
	struct gw_catalog *c = catalog_new();

	(void)state;
	/* Each is told what he can do. */
	refused(c, "a", "/networkInterfaces/n0", "", "none is free: say which one, or ask an operator");
	refused(c, NULL, "/networkInterfaces/n0", "", "none is free: make a macPool");
	ok(c, NULL, "/macPools/all", POOL);
	gw_catalog_commit(c);
	for (unsigned round = 0; round < 3; round++) {
		ok(c, "a", "/networkInterfaces/n0", "");
		ok(c, "a", "/networkInterfaces/n1", "");
		for (unsigned i = 0; i < 3; i++)
			refused(c, "a", "/networkInterfaces/n2", "", "2 MAC addresses");
		ok(c, "a", "/networkInterfaces/n1", "'portSettings':{'macSpoofingEnabled':'Enabled'}");
		ok(c, "b", "/networkInterfaces/n0", "");
		gone(c, "a", "/networkInterfaces/n0");
		ok(c, "a", "/networkInterfaces/n2", "");
		refused(c, "a", "/networkInterfaces/n0", "", "2 MAC addresses");
		gw_catalog_rollback(c);
		assert_int_equal(gw_catalog_count(c), 1);
	}
	gw_catalog_free(c);
}

static void test_subnets_of_a_tenant(void **state)
{
	struct gw_catalog *c = catalog_new();

	(void)state;
	ok(c, "a", "/virtualNetworks/v", NET);
	ok(c, "a", "/virtualNetworks/v/subnets/s0", SUBNET("0"));
	ok(c, "a", "/virtualNetworks/v/subnets/s1", SUBNET("1"));
	refused(c, "a", "/virtualNetworks/v/subnets/s2", SUBNET("2"), "2 virtual subnets");
	/* The one that is left of three VSIDs is another's; then there is none. */
	ok(c, "b", "/virtualNetworks/v", NET);
	ok(c, "b", "/virtualNetworks/v/subnets/s0", SUBNET("0"));
	refused(c, "b", "/virtualNetworks/v/subnets/s1", SUBNET("1"), "every VSID is in use");
	gone(c, "a", "/virtualNetworks/v/subnets/s0");
	ok(c, "b", "/virtualNetworks/v/subnets/s1", SUBNET("1"));
	gone(c, "b", "/virtualNetworks/v");
	ok(c, "a", "/virtualNetworks/v/subnets/s2", SUBNET("2"));
	gw_catalog_commit(c);
	gw_catalog_free(c);
}

static int memory(struct gw_catalog *c, const char *id, size_t n)
{
	char path[64], tags[4096];
	struct gw_error err;
	int e;

	snprintf(path, sizeof path, "/routeTables/%s", id);
	snprintf(tags, sizeof tags, "'a':'%0*d'", (int)n, 0);
	e = request(c, "a", path, "", tags, &err);
	check(e == 0 || (err.code == GW_ERR_LIMIT_EXCEEDED && strstr(err.message, "19000 bytes")), "%s", err.message);
	return e;
}

static void test_memory(void **state)
{
	struct gw_catalog *c = catalog_new();
	unsigned n = 0;
	char id[16];

	(void)state;
	for (;;) {
		snprintf(id, sizeof id, "t%u", n);
		if (memory(c, id, 2000) < 0)
			break;
		n++;
	}
	check(n > 3 && n < 9, "%u resources of 2000 bytes are in 19000", n);
	assert_true(memory(c, "t0", 3999) < 0); /* it would be beyond now */
	for (unsigned i = 0; i < 20; i++)	/* not more each time */
		assert_int_equal(memory(c, "t0", 2000 - i % 2), 0);
	assert_int_equal(memory(c, "t0", 10), 0);
	assert_int_equal(memory(c, "t1", 3900), 0);
	gw_catalog_rollback(c);
	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof id, "t%u", i);
		assert_int_equal(memory(c, id, 2000), 0);
	}
	assert_true(memory(c, "more", 2000) < 0);
	gw_catalog_commit(c);
	gone(c, "a", "/routeTables/t0");
	gw_catalog_commit(c);
	assert_int_equal(memory(c, "more", 2000), 0);
	gw_catalog_free(c);
}

/* Several requests before they are durable: one that is refused takes back itself, a rollback all of them. */
static void test_undone_in_their_order(void **state)
{
	struct gw_catalog *c = catalog_new();
	struct gw_error err;
	const struct gw_resource *r;
	uint64_t serial;

	(void)state;
	ok(c, NULL, "/virtualNetworks/v", NET);
	ok(c, NULL, "/virtualNetworks/v/subnets/s", SUBNET("0") ",'isolationId':4097");
	gw_catalog_commit(c);
	serial = gw_catalog_find(c, NULL, "/virtualNetworks/v/subnets/s")->now.serial;
	ok(c, NULL, "/virtualNetworks/v/subnets/s", SUBNET("1") ",'isolationId':4098");
	ok(c, NULL, "/virtualNetworks/v/subnets/t", SUBNET("0") ",'isolationId':4097"); /* which s has let go of */
	assert_true(request(c, NULL, "/virtualNetworks/v/subnets/u", SUBNET("1"), "", &err) < 0);
	assert_null(gw_catalog_find(c, NULL, "/virtualNetworks/v/subnets/u"));
	gone(c, NULL, "/virtualNetworks/v");
	assert_int_equal(gw_catalog_count(c), 0);
	gw_catalog_rollback(c);
	assert_int_equal(gw_catalog_count(c), 2);
	r = gw_catalog_find(c, NULL, "/VIRTUALNETWORKS/V/Subnets/S");
	assert_non_null(r);
	assert_int_equal(r->now.serial, serial);
	assert_int_equal(((const struct gw_virtual_subnet *)r->now.properties)->vsid, 4097);
	check(request(c, NULL, "/virtualNetworks/w", NET, "", &err) == 0, "%s", err.message);
	check(request(c, NULL, "/virtualNetworks/w/subnets/s", SUBNET("0") ",'isolationId':4097", "", &err) < 0 &&
		      err.code == GW_ERR_CONFLICT,
	      "a VSID that is taken again");
	gw_catalog_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counted_per_tenant),
		cmocka_unit_test(test_subnets_of_a_tenant),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_undone_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
