/*
 * test_catalog_routes.c - the routes that virtual networks have by their tables (API-1): what is counted with every change, undone
 * and rolled back is what a count of everything gives, whoever names whose tables; and who may have no more is told where.
 *
 * GW_SEED=N repeats a history.
 */
#include "plan_fixture.h"

#include "model/catalog/private.h"
#include "model/resource/network.h"

#include <time.h>

#define LIMIT	 12
#define NETWORKS 3
#define SUBNETS	 3
#define TABLES	 2

static const char *const tenants[] = {"ann", "bob", NULL};

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

static void begin_with(struct world *w, size_t limit)
{
	const struct gw_catalog_params params = {.router_mac = ROUTER_MAC,
						 .vsid_first = GW_VSID_MIN,
						 .vsid_last = GW_VSID_MAX,
						 .limits = {1000, 1000, SIZE_MAX, 1000, 1000, 1000, limit, 1000}};

	*w = (struct world){.revision = 1};
	assert_int_equal(gw_catalog_new(&params, &w->c), 0);
}

static bool names(const struct gw_resource *network, const struct gw_resource *table)
{
	for (const struct gw_ref *ref = table->referrers; ref; ref = ref->next)
		if (ref->from->parent == network)
			return true;
	return false;
}

static bool is_whose(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static size_t count_all(const struct gw_catalog *c, const char *tenant)
{
	const struct gw_resource *network = NULL, *table, *route;
	size_t n = 0;

	while ((network = gw_catalog_next(c, NULL, GW_KIND_VIRTUAL_NETWORK, network))) {
		for (table = NULL; (table = gw_catalog_next(c, NULL, GW_KIND_ROUTE_TABLE, table));) {
			const char *whose =
				gw_resource_tenant(table) ? gw_resource_tenant(table) : gw_resource_tenant(network);

			if (!is_whose(whose, tenant) || !names(network, table))
				continue;
			for (route = NULL; (route = gw_catalog_next(c, table, GW_KIND_ROUTE, route));)
				n++;
		}
	}
	return n;
}

/* As it is kept; 0 when there is no such tenant. */
static size_t kept(const struct gw_catalog *c, const char *tenant)
{
	for (enum gw_kind kind = 0; kind < GW_KIND_MAX; kind++) {
		const struct gw_resource *r = gw_catalog_next_of(c, tenant, kind, NULL);

		if (r)
			return gw_tenants_find_of(c, r)->routes;
	}
	return 0;
}

static void require_counted(const struct world *w)
{
	for (size_t i = 0; tenants[i]; i++)
		assert_int_equal(kept(w->c, tenants[i]), count_all(w->c, tenants[i]));
}

/* --- at random ---------------------------------------------------------------------------------------------------- */

static char *text_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *fmt, ...)
{
	static char text[4][512]; /* the last four stay */
	static unsigned at;
	va_list ap;

	at = (at + 1) % GW_N(text);
	va_start(ap, fmt);
	vsnprintf(text[at], sizeof text[at], fmt, ap);
	va_end(ap);
	return text[at];
}

static int put_table(struct world *w, const char *tenant, struct gw_error *err)
{
	json_t *routes = json_array();

	for (unsigned i = pick(6); i; i--)
		json_array_append_new(routes, json_of(text_of("{'resourceId':'r%u','properties':{'addressPrefix':"
							      "'172.%u.0.0/16','nextHopType':'None'}}",
							      i, i)));
	return world_put(w, tenant, text_of("/routeTables/t%u", pick(TABLES)), json_pack("{s:o}", "routes", routes),
			 err);
}

static int put_route(struct world *w, const char *tenant, struct gw_error *err)
{
	const char *table = text_of("/routeTables/t%u", pick(TABLES));
	unsigned i = pick(8);

	if (!gw_catalog_find(w->c, tenant, table))
		return 0;
	if (pick(3) == 0)
		return world_delete(w, tenant, text_of("%s/routes/r%u", table, i), err);
	return world_put(w, tenant, text_of("%s/routes/r%u", table, i),
			 json_of(text_of("{'addressPrefix':'172.%u.0.0/16','nextHopType':'None'}", i)), err);
}

/* Of the tenant's own, the operator's, or by an operator anybody's. */
static int put_subnet(struct world *w, const char *tenant, struct gw_error *err)
{
	static const char *const whose[] = {"", "", "?tenantId=", "?tenantId=ann", "?tenantId=bob"};
	const char *network = text_of("/virtualNetworks/n%u", pick(NETWORKS));
	unsigned i = pick(SUBNETS);
	char table[96] = "";

	if (!gw_catalog_find(w->c, tenant, network))
		return world_put(w, tenant, network, json_of("{'addressSpace':{'addressPrefixes':['10.0.0.0/16']}}"),
				 err);
	if (pick(4))
		snprintf(table, sizeof table, ",'routeTable':{'resourceRef':'/routeTables/t%u%s'}", pick(TABLES),
			 whose[pick(GW_N(whose))]);
	else if (pick(3) == 0)
		return world_delete(w, tenant, text_of("%s/subnets/s%u", network, i), err);
	network = text_of("%s/subnets/s%u", network, i);
	return world_put(w, tenant, network, json_of(text_of("{'addressPrefix':'10.0.%u.0/24'%s}", i, table)), err);
}

static int delete_root(struct world *w, const char *tenant, struct gw_error *err)
{
	if (pick(2))
		return world_delete(w, tenant, text_of("/routeTables/t%u", pick(TABLES)), err);
	return world_delete(w, tenant, text_of("/virtualNetworks/n%u", pick(NETWORKS)), err);
}

static int delete_all(struct world *w, const char *tenant, struct gw_error *err)
{
	int e = 0;

	for (unsigned i = 0; e == 0 && i < NETWORKS; i++)
		e = world_delete(w, tenant, text_of("/virtualNetworks/n%u", i), err);
	for (unsigned i = 0; e == 0 && i < TABLES; i++)
		e = world_delete(w, tenant, text_of("/routeTables/t%u", i), err);
	return e;
}

static int act(struct world *w, const char *tenant, struct gw_error *err)
{
	switch (pick(20)) {
	case 0:
		return delete_all(w, tenant, err);
	case 1:
	case 2:
		return delete_root(w, tenant, err);
	case 3:
	case 4:
	case 5:
		return put_table(w, tenant, err);
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
		return put_route(w, tenant, err);
	default:
		return put_subnet(w, tenant, err);
	}
}

struct tally {
	unsigned accepted, refused, over, rollbacks;
};

static void request(struct world *w, struct tally *tally)
{
	const char *tenant = tenants[pick(GW_N(tenants))];
	struct gw_error err = GW_ERROR_INIT;
	size_t before[2] = {kept(w->c, "ann"), kept(w->c, "bob")};
	int e = 0;

	gw_catalog_begin(w->c, ++w->revision, 1, pick(3) ? tenant : NULL);
	for (unsigned n = 1 + pick(4); e == 0 && n; n--)
		e = act(w, tenant, &err);
	if (e == 0)
		e = gw_catalog_settle(w->c, &err);
	if (e < 0)
		gw_catalog_undo(w->c);
	tally->accepted += e == 0;
	tally->refused += e < 0;
	tally->over += e < 0 && err.code == GW_ERR_LIMIT_EXCEEDED;
	require_counted(w);
	for (size_t i = 0; i < 2; i++) {
		size_t now = kept(w->c, tenants[i]);

		assert_true(e < 0 ? now == before[i] : now <= LIMIT || now <= before[i]);
	}
}

static void test_history(void **state)
{
	const char *given = getenv("GW_SEED");
	struct tally tally = {0};
	struct world w;

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
	print_message("# GW_SEED=%llu\n", (unsigned long long)seed);
	begin_with(&w, LIMIT);
	for (unsigned i = 0; i < 4000; i++) {
		size_t before[2] = {kept(w.c, "ann"), kept(w.c, "bob")};
		bool back = pick(3) == 0;

		for (unsigned n = 1 + pick(3); n; n--)
			request(&w, &tally);
		if (back)
			gw_catalog_rollback(w.c);
		else
			gw_catalog_commit(w.c);
		require_counted(&w);
		for (size_t k = 0; back && k < 2; k++)
			assert_int_equal(kept(w.c, tenants[k]), before[k]);
		tally.rollbacks += back;
	}
	print_message("# %u accepted, %u refused, %u of them for too many routes; %u rollbacks\n", tally.accepted,
		      tally.refused, tally.over, tally.rollbacks);
	assert_true(tally.accepted > 2000 && tally.over > 50);
	gw_catalog_free(w.c);
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

static int ask(struct world *w, const char *tenant, const char *path, const char *properties, struct gw_error *err)
{
	int e;

	*err = GW_ERROR_INIT;
	gw_catalog_begin(w->c, ++w->revision, 1, tenant);
	e = world_put(w, tenant, path, json_of(properties), err);
	if (e == 0)
		e = gw_catalog_settle(w->c, err);
	if (e < 0)
		gw_catalog_undo(w->c);
	gw_catalog_commit(w->c);
	return e;
}

static void ok(struct world *w, const char *tenant, const char *path, const char *properties)
{
	struct gw_error err;

	if (ask(w, tenant, path, properties, &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
}

static void refused(struct world *w, const char *tenant, const char *path, const char *properties, const char *target)
{
	struct gw_error err;

	assert_true(ask(w, tenant, path, properties, &err) < 0);
	check(err.code == GW_ERR_LIMIT_EXCEEDED, "%s: %s", path, err.message);
	assert_string_equal(err.target, target);
}

#define ROUTE(n) "{'resourceId':'r" n "','properties':{'addressPrefix':'172." n ".0.0/16','nextHopType':'None'}}"
#define SUBNET(n, t)                                                                                                   \
	"{'resourceId':'s" n "','properties':{'addressPrefix':'10.0." n                                                \
	".0/24','routeTable':{'resourceRef':'/routeTables/" t "'}}}"
#define NETWORK(subnets) "{'addressSpace':{'addressPrefixes':['10.0.0.0/16']},'subnets':[" subnets "]}"

/* A table counts once for each network, at whoever it belongs to; who is over a lower limit may change and give up what he has. */
static void test_limit(void **state)
{
	struct gw_catalog_limits limits = {1000, 1000, SIZE_MAX, 1000, 1000, 1000, 4, 1000};
	struct world w;

	(void)state;
	begin_with(&w, 4);
	ok(&w, "ann", "/routeTables/t", "{'routes':[" ROUTE("1") "," ROUTE("2") "]}");
	ok(&w, "ann", "/virtualNetworks/n0", NETWORK(SUBNET("1", "t") "," SUBNET("2", "t")));
	assert_int_equal(kept(w.c, "ann"), 2);
	ok(&w, "ann", "/virtualNetworks/n1", NETWORK(SUBNET("1", "t")));
	refused(&w, "ann", "/virtualNetworks/n2", NETWORK(SUBNET("1", "t") "," SUBNET("2", "t")),
		"properties.subnets[0].properties.routeTable");
	refused(&w, "ann", "/routeTables/t/routes/r3", "{'addressPrefix':'172.3.0.0/16','nextHopType':'None'}",
		"properties.addressPrefix");
	refused(&w, "ann", "/routeTables/t", "{'routes':[" ROUTE("1") "," ROUTE("2") "," ROUTE("3") "]}",
		"properties.routes[2].properties.addressPrefix");
	ok(&w, "ann", "/routeTables/t", "{'routes':[" ROUTE("4") "," ROUTE("5") "]}"); /* as many, instead */
	/* The operator's table is his who names it; the operator may have what he likes, and is told of whom he would give too many. */
	ok(&w, NULL, "/routeTables/all", "{'routes':[" ROUTE("1") "," ROUTE("2") "," ROUTE("3") "]}");
	ok(&w, NULL, "/virtualNetworks/n0", NETWORK(SUBNET("1", "all")));
	ok(&w, NULL, "/virtualNetworks/n1", NETWORK(SUBNET("1", "all")));
	ok(&w, "bob", "/virtualNetworks/n0", NETWORK(SUBNET("1", "all")));
	assert_int_equal(kept(w.c, "bob"), 3);
	refused(&w, "bob", "/virtualNetworks/n1", NETWORK(SUBNET("1", "all")),
		"properties.subnets[0].properties.routeTable");
	ok(&w, NULL, "/routeTables/all/routes/r4", "{'addressPrefix':'172.4.0.0/16','nextHopType':'None'}");
	refused(&w, NULL, "/routeTables/all/routes/r5", "{'addressPrefix':'172.5.0.0/16','nextHopType':'None'}",
		"properties.addressPrefix");
	limits.tenant_routes = 1;
	gw_catalog_set_limits(w.c, &limits);
	ok(&w, "ann", "/virtualNetworks/n1", NETWORK(SUBNET("2", "t")));
	ok(&w, "ann", "/virtualNetworks/n1", NETWORK(""));
	assert_int_equal(kept(w.c, "ann"), 2);
	refused(&w, "ann", "/virtualNetworks/n1", NETWORK(SUBNET("2", "t")),
		"properties.subnets[0].properties.routeTable");
	gw_catalog_free(w.c);
}

/* All that a tenant has goes; a request that brings him back is refused; and none of it was to be. */
static void test_tenant_comes_back(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct world w;

	(void)state;
	begin_with(&w, 4);
	ok(&w, "ann", "/routeTables/t0", "{'routes':[" ROUTE("1") "]}");
	ok(&w, "ann", "/virtualNetworks/n0", NETWORK(SUBNET("1", "t0")));
	gw_catalog_begin(w.c, ++w.revision, 1, "ann");
	assert_int_equal(delete_all(&w, "ann", &err), 0);
	assert_int_equal(gw_catalog_settle(w.c, &err), 0);
	gw_catalog_begin(w.c, ++w.revision, 1, "ann");
	assert_int_equal(world_put(&w, "ann", "/virtualNetworks/n9", json_of(NETWORK(SUBNET("1", "none"))), &err), 0);
	assert_true(gw_catalog_settle(w.c, &err) < 0);
	gw_catalog_undo(w.c);
	gw_catalog_rollback(w.c);
	assert_int_equal(kept(w.c, "ann"), 1);
	require_counted(&w);
	gw_catalog_begin(w.c, ++w.revision, 1, "ann");
	assert_int_equal(delete_all(&w, "ann", &err), 0);
	assert_int_equal(gw_catalog_settle(w.c, &err), 0);
	gw_catalog_commit(w.c);
	assert_false(gw_catalog_has_tenant(w.c, "ann"));
	gw_catalog_free(w.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_tenant_comes_back),
	};

	return cmocka_run_group_tests_name("catalogue, routes of tables", tests, NULL, NULL);
}
