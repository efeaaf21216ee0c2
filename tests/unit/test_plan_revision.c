/*
 * test_plan_revision.c - from which revisions a node can go on and from which it needs everything; how much is remembered; and
 * that the work of a change does not grow with what it does not concern.
 */
#include "plan_fixture.h"

static void do_put(struct world *w, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void do_put(struct world *w, const char *path, const char *fmt, ...)
{
	struct gw_error err = GW_ERROR_INIT;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&text, fmt, ap) >= 0);
	va_end(ap);
	if (world_put(w, NULL, path, json_of(text), &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
	free(text);
}

static void end(struct world *w)
{
	struct gw_error err = GW_ERROR_INIT;

	if (world_end(w, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

static void put_server(struct world *w, unsigned i)
{
	char path[32];

	snprintf(path, sizeof path, "/servers/h%u", i);
	do_put(w, path, "{'providerAddresses':[{'address':'192.0.2.%u','prefixLength':24,'interface':'eth0'}]}", i + 1);
}

static void put_network(struct world *w, unsigned i)
{
	char path[32];

	snprintf(path, sizeof path, "/virtualNetworks/n%u", i);
	do_put(w, path,
	       "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']},'subnets':[{'resourceId':'s','properties':"
	       "{'addressPrefix':'10.0.0.0/16','isolationId':%u}}]}",
	       5000 + i);
}

static void put_nic(struct world *w, unsigned network, unsigned i, unsigned server)
{
	char path[32];

	snprintf(path, sizeof path, "/networkInterfaces/n%u-%u", network, i);
	do_put(w, path,
	       "{'privateMacAddress':'00155D%02X%04X','server':{'resourceRef':'/servers/"
	       "h%u'},'hostInterface':'t%u-%u',"
	       "'ipConfigurations':[{'resourceId':'a','properties':{'privateIPAddress':'10.0.1.%u','subnet':"
	       "{'resourceRef':'/virtualNetworks/n%u/subnets/s'}}}]}",
	       i, network, server, network, i, i + 2, network);
}

/* Two servers, and networks with NICs on both. */
static void populate(struct world *w, unsigned remembered, unsigned networks, unsigned nics)
{
	world_init(w, remembered);
	world_begin(w);
	for (unsigned i = 0; i < 2; i++)
		put_server(w, i);
	for (unsigned n = 0; n < networks; n++) {
		put_network(w, n);
		for (unsigned i = 0; i < nics; i++)
			put_nic(w, n, i, i % 2);
	}
	end(w);
}

static struct gw_uuid server(const struct world *w, const char *id)
{
	return gw_catalog_root(w->c, NULL, GW_KIND_SERVER, id)->instance;
}

static int count(void *ctx, const struct gw_hnv_object *o)
{
	(void)o;
	++*(size_t *)ctx;
	return 0;
}

/* How many objects a node at that revision is told of; SIZE_MAX for everything. */
static size_t told(const struct world *w, const char *id, uint64_t since)
{
	size_t n = 0;
	const struct gw_plan_visitor v = {.put = count, .gone = count, .ctx = &n};
	struct gw_uuid uuid = server(w, id);
	struct gw_plan_cursor cur;

	assert_int_equal(gw_plan_open(w->p, &uuid, since, &cur), 0);
	assert_int_equal(gw_plan_visit(w->p, &cur, SIZE_MAX, &v), 0);
	assert_true(cur.revision == w->revision);
	return cur.whole ? SIZE_MAX : n;
}

/* A controller that has been started anew has made all of its plan at the revision that it found. */
static void test_start(void **state)
{
	struct world w;
	struct gw_uuid uuid;

	(void)state;
	populate(&w, 64, 2, 4);
	gw_plan_free(w.p);
	w.p = plan_new(64);
	w.revision = 100;
	assert_int_equal(gw_plan_revision(w.p), 0);
	assert_int_equal(gw_plan_update(w.p, w.c, w.revision), 0);
	assert_int_equal(gw_plan_revision(w.p), 100);
	uuid = server(&w, "h0");
	assert_int_equal(gw_plan_node_revision(w.p, &uuid), 100);
	assert_int_equal(told(&w, "h0", 100), 0);
	assert_true(told(&w, "h0", 0) == SIZE_MAX);
	assert_true(told(&w, "h0", 99) == SIZE_MAX);
	assert_true(told(&w, "h0", 101) == SIZE_MAX); /* the store was restored to an earlier state */
	world_begin(&w);
	put_nic(&w, 0, 0, 0);
	put_nic(&w, 0, 7, 0);
	end(&w);
	assert_int_equal(told(&w, "h0", 100), 2); /* a record and a port */
	assert_int_equal(told(&w, "h1", 100), 1);
	assert_int_equal(told(&w, "h0", 101), 0);
	world_done(&w);
}

/* What does not concern a node does not wake it. */
static void test_concern(void **state)
{
	struct world w;
	struct gw_uuid h0, h1, nobody = {{1}};
	struct gw_plan_cursor cur;
	uint64_t before;

	(void)state;
	populate(&w, 64, 2, 1); /* all on h0 */
	h0 = server(&w, "h0");
	h1 = server(&w, "h1");
	assert_int_equal(gw_plan_node_revision(w.p, &nobody), 0);
	assert_int_equal(gw_plan_open(w.p, &nobody, 0, &cur), -ENOENT);
	before = gw_plan_node_revision(w.p, &h1);
	world_begin(&w);
	put_nic(&w, 0, 1, 0);
	end(&w);
	assert_true(gw_plan_node_revision(w.p, &h0) == w.revision);
	assert_true(gw_plan_node_revision(w.p, &h1) == before);
	/* Coming, going and a change of its own do. */
	world_begin(&w);
	put_nic(&w, 0, 1, 1);
	end(&w);
	assert_true(gw_plan_node_revision(w.p, &h1) == w.revision);
	world_begin(&w);
	put_nic(&w, 0, 1, 0);
	end(&w);
	assert_true(gw_plan_node_revision(w.p, &h1) == w.revision);
	world_begin(&w);
	do_put(&w, "/servers/h1", "{}");
	end(&w);
	assert_true(gw_plan_node_revision(w.p, &h1) == w.revision);
	/* A network is no node. */
	nobody = gw_catalog_root(w.c, NULL, GW_KIND_VIRTUAL_NETWORK, "n0")->instance;
	assert_int_equal(gw_plan_node_revision(w.p, &nobody), 0);
	assert_int_equal(gw_plan_open(w.p, &nobody, 0, &cur), -ENOENT);
	world_done(&w);
}

/* Removals are remembered up to a bound; who was away for longer gets everything. */
static void test_memory(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct world w;
	uint64_t start;
	char path[32];

	(void)state;
	populate(&w, 3, 1, 2);
	world_begin(&w);
	for (unsigned i = 2; i < 20; i++)
		put_nic(&w, 0, i, 1);
	end(&w);
	start = w.revision;
	for (unsigned i = 2; i < 20; i++) {
		snprintf(path, sizeof path, "/networkInterfaces/n0-%u", i);
		world_begin(&w);
		assert_int_equal(world_delete(&w, NULL, path, &err), 0);
		end(&w);
	}
	/* Three records are left of it, one route; so that six of the eighteen removals are known still. */
	assert_int_equal(told(&w, "h0", w.revision - 6), 6);
	assert_true(told(&w, "h0", w.revision - 7) == SIZE_MAX);
	assert_true(told(&w, "h0", start) == SIZE_MAX);
	/* What has come back is no removal any more. */
	world_begin(&w);
	put_nic(&w, 0, 19, 1);
	end(&w);
	assert_int_equal(told(&w, "h0", w.revision - 2), 1);
	/* Who joins now needs to know of no removals. */
	world_begin(&w);
	put_server(&w, 7);
	end(&w);
	world_begin(&w);
	put_nic(&w, 0, 40, 7);
	end(&w);
	assert_int_equal(told(&w, "h7", w.revision - 1), 6); /* four records, its port, a route */
	world_done(&w);
}

/* A node that leaves and joins without end leaves a bounded trace. */
static void test_comings_and_goings(void **state)
{
	struct world w;
	uint64_t start;

	(void)state;
	populate(&w, 3, 1, 1);
	start = w.revision;
	for (unsigned i = 1; i <= 20; i++) {
		world_begin(&w);
		put_nic(&w, 0, 0, i % 2);
		end(&w);
	}
	assert_true(told(&w, "h0", w.revision - 1) != SIZE_MAX);
	assert_true(told(&w, "h0", start) == SIZE_MAX);
	world_done(&w);
}

/* A domain that is left is forgotten by its virtual subnets; those that it had long ago are not remembered for ever either. */
static void test_left_subnets(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct world w;
	uint64_t start;
	char path[64];

	(void)state;
	populate(&w, 1, 1, 1);
	world_begin(&w);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "/virtualNetworks/n0/subnets/x%u", i);
		do_put(&w, path, "{'addressPrefix':'10.1.%u.0/24','isolationId':%u}", i, 6000 + i);
	}
	do_put(&w, "/virtualNetworks/n1",
	       "{'addressSpace':{'addressPrefixes':['10.0.0.0/16']},'subnets':[{'resourceId':'s','properties':"
	       "{'addressPrefix':'10.0.0.0/16','isolationId':7000}}]}");
	put_nic(&w, 1, 0, 0);
	end(&w);
	start = w.revision;
	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "/virtualNetworks/n0/subnets/x%u", i);
		world_begin(&w);
		assert_int_equal(world_delete(&w, NULL, path, &err), 0);
		end(&w);
	}
	world_begin(&w);
	put_nic(&w, 0, 0, 1);
	end(&w);
	/* h0 is out of it; of what was removed before that it knows the subnets of the last two revisions. */
	assert_int_equal(told(&w, "h0", w.revision - 1), 0);
	assert_int_equal(told(&w, "h0", w.revision - 3), 0);
	assert_true(told(&w, "h0", w.revision - 4) == SIZE_MAX);
	assert_true(told(&w, "h0", start) == SIZE_MAX);
	world_done(&w);
}

static void require_whole(const struct world *w, const char *id, struct node *n)
{
	struct gw_uuid uuid = server(w, id);
	struct node state = {0};
	const struct gw_hnv_object *o;
	char text[GW_ID_STRLEN];

	node_state(w->p, &uuid, &state);
	o = node_differs(&state, n);
	check(!o, "%s: %s %s differs", id, gw_hnv_kind_name(o->kind), gw_hnv_id(o, text));
	node_done(&state);
	node_done(n);
}

/* A domain is left while its node is being told what it had lost before. */
static void test_left_on_the_way(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_plan_cursor cur;
	struct gw_plan_visitor v;
	struct gw_uuid uuid;
	struct node n = {0};
	struct world w;

	(void)state;
	populate(&w, 64, 1, 1);
	world_begin(&w);
	do_put(&w, "/virtualNetworks/n0/subnets/x", "{'addressPrefix':'10.1.0.0/24','isolationId':6000}");
	end(&w);
	uuid = server(&w, "h0");
	node_state(w.p, &uuid, &n);
	world_begin(&w);
	assert_int_equal(world_delete(&w, NULL, "/virtualNetworks/n0/subnets/x", &err), 0);
	end(&w);
	v = node_visitor(&n);
	assert_int_equal(gw_plan_open(w.p, &uuid, n.revision, &cur), 0);
	assert_int_equal(gw_plan_visit(w.p, &cur, 0, &v), 1);
	world_begin(&w);
	put_nic(&w, 0, 0, 1);
	end(&w);
	assert_int_equal(gw_plan_visit(w.p, &cur, SIZE_MAX, &v), -ESTALE);
	assert_int_equal(gw_plan_open(w.p, &uuid, n.revision, &cur), 0);
	assert_false(cur.whole);
	assert_int_equal(gw_plan_visit(w.p, &cur, SIZE_MAX, &v), 0);
	require_whole(&w, "h0", &n);
	world_done(&w);
}

/* A domain is joined while its node is being told of others, and loses something that the node was just told of. */
static void join_on_the_way(unsigned remembered, int want)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_plan_cursor cur;
	struct gw_plan_visitor v;
	struct gw_uuid uuid;
	struct node n = {0};
	struct world w;

	populate(&w, remembered, 1, 1);
	world_begin(&w);
	put_network(&w, 1);
	for (unsigned i = 1; i < 9; i++)
		put_nic(&w, 1, i, 1);
	end(&w);
	uuid = server(&w, "h0");
	node_state(w.p, &uuid, &n);
	v = node_visitor(&n);
	world_begin(&w);
	put_nic(&w, 0, 1, 0);
	end(&w);
	assert_int_equal(gw_plan_open(w.p, &uuid, n.revision, &cur), 0);
	assert_int_equal(gw_plan_visit(w.p, &cur, 0, &v), 1);
	world_begin(&w);
	put_nic(&w, 1, 0, 0);
	end(&w);
	/* Everything but the last of it. */
	assert_int_equal(gw_plan_visit(w.p, &cur, 2 + 9 + 1, &v), 1);
	world_begin(&w);
	for (unsigned i = 1; i < 9; i++) {
		char path[32];

		snprintf(path, sizeof path, "/networkInterfaces/n1-%u", i);
		assert_int_equal(world_delete(&w, NULL, path, &err), 0);
	}
	end(&w);
	assert_int_equal(gw_plan_visit(w.p, &cur, SIZE_MAX, &v), want);
	if (want == 0)
		require_whole(&w, "h0", &n);
	node_done(&n);
	world_done(&w);
}

static void test_joined_on_the_way(void **state)
{
	(void)state;
	join_on_the_way(64, 0);
	join_on_the_way(0, -ESTALE); /* what it was just told of has gone, and is forgotten */
}

static struct gw_plan_work one_change(unsigned networks)
{
	struct gw_plan_work before, after;
	struct world w;

	populate(&w, 64, networks, 4);
	before = gw_plan_work(w.p);
	world_begin(&w);
	put_nic(&w, networks / 2, 0, 1);
	end(&w);
	after = gw_plan_work(w.p);
	world_done(&w);
	return (struct gw_plan_work){after.domains - before.domains, after.nodes - before.nodes,
				     after.objects - before.objects, after.changes - before.changes,
				     after.subnets - before.subnets};
}

/* One tenant's change is work for that tenant. */
static void test_work(void **state)
{
	struct gw_plan_work few = one_change(2), many = one_change(150);

	(void)state;
	assert_int_equal(many.domains, 1);
	assert_int_equal(many.nodes, 0);
	assert_int_equal(many.objects, 9); /* 4 records, 4 ports, a route */
	assert_int_equal(many.changes, 3); /* the record; its port, here gone and there new */
	assert_memory_equal(&few, &many, sizeof few);
}

/* A network of so many subnets, each with a route table of its own, all with as many routes together; then a NIC comes. */
static uint64_t subnets_looked_at(unsigned n)
{
	static const char *const hops[] = {"'None'", "'VirtualAppliance','nextHopIpAddress':'10.0.0.9'", "'VnetLocal'",
					   "'Internet'"};
	struct gw_plan_work before, after;
	struct world w;
	char path[64];

	populate(&w, 64, 1, 1);
	world_begin(&w);
	do_put(&w, "/virtualNetworks/n0", "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']}}");
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/routeTables/t%u", i);
		do_put(&w, path,
		       "{'routes':[{'resourceId':'r','properties':{'addressPrefix':'172.16.%u.%u/"
		       "32','nextHopType':%s}}]}",
		       i >> 8, i & 255, hops[i % GW_N(hops)]);
		snprintf(path, sizeof path, "/virtualNetworks/n0/subnets/x%u", i);
		do_put(&w, path,
		       "{'addressPrefix':'10.%u.%u.0/24','isolationId':%u,'routeTable':{'resourceRef':'/routeTables/"
		       "t%u'}}",
		       1 + (i >> 8), i & 255, 10000 + i, i);
	}
	end(&w);
	before = gw_plan_work(w.p);
	world_begin(&w);
	put_nic(&w, 0, 1, 1);
	end(&w);
	after = gw_plan_work(w.p);
	world_done(&w);
	assert_int_equal(after.objects - before.objects,
			 1 + 2 * n + 4); /* subnets and routes; two records, two ports */
	return after.subnets - before.subnets;
}

/* Routes are not held against every subnet: four times as many of both are a little more than four times the work. */
static void test_work_of_routes(void **state)
{
	uint64_t few = subnets_looked_at(100), many = subnets_looked_at(400);

	(void)state;
	check(few > 100 && many > 4 * few && many < 6 * few, "%llu, then %llu", (unsigned long long)few,
	      (unsigned long long)many);
}

static void load(struct world *w, const char *path, const char *properties)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *own = json_pack("{s:o}", "properties", json_of(properties));
	char *body = json_dumps(own, 0);
	struct gw_uuid instance;

	assert_int_equal(gw_uuid_random(&instance), 0);
	if (gw_catalog_load(
		    w->c,
		    &(struct gw_stored){
			    .tenant = "", .path = path, .body = body, .instance = instance, .revision = 1, .serial = 1},
		    &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
	json_decref(own);
	free(body);
}

static void on_warning(void *ctx, const struct gw_resource *r)
{
	(void)r;
	++*(unsigned *)ctx;
}

/* Two subnets of an older store that have one VSID: neither is in force before that is mended, for their nodes could hold one. */
static void test_invalid_store(void **state)
{
	static const char nic[] = "{'privateMacAddress':'00155D00000%u','server':{'resourceRef':'/servers/h'},"
				  "'hostInterface':'tap%u','ipConfigurations':[]}";
	struct gw_error err = GW_ERROR_INIT;
	unsigned warnings = 0;
	struct node n = {0};
	struct gw_uuid uuid;
	char text[256];
	struct world w;

	(void)state;
	world_init(&w, 64);
	gw_plan_free(w.p);
	w.p = plan_new(64);
	world_begin(&w);
	load(&w, "/servers/h", "{'providerAddresses':[{'address':'192.0.2.1','prefixLength':24,'interface':'eth0'}]}");
	for (unsigned i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof path, "/virtualNetworks/n%u", i);
		snprintf(text, sizeof text,
			 "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']},'routingDomainId':"
			 "'%u0000000-0000-0000-0000-000000000000'}",
			 i + 1);
		load(&w, path, text);
		snprintf(path, sizeof path, "/virtualNetworks/n%u/subnets/s", i);
		load(&w, path, "{'addressPrefix':'10.0.0.0/24','isolationId':5000}");
		snprintf(path, sizeof path, "/networkInterfaces/v%u", i);
		snprintf(text, sizeof text, nic, i, i);
		load(&w, path, text);
		snprintf(path, sizeof path, "/networkInterfaces/v%u/ipConfigurations/c", i);
		snprintf(text, sizeof text,
			 "{'privateIPAddress':'10.0.0.9','subnet':{'resourceRef':'/virtualNetworks/n%u/subnets/"
			 "s'}}",
			 i);
		load(&w, path, text);
	}
	assert_int_equal(gw_catalog_settle_loaded(w.c, on_warning, &warnings, &err), 0);
	assert_int_equal(warnings, 2);
	assert_int_equal(gw_plan_update(w.p, w.c, ++w.revision), 0);
	gw_catalog_commit(w.c);
	uuid = server(&w, "h");
	node_state(w.p, &uuid, &n);
	assert_int_equal(n.n, 1); /* its provider address */
	node_done(&n);
	world_begin(&w);
	do_put(&w, "/virtualNetworks/n1/subnets/s", "{'addressPrefix':'10.0.0.0/24','isolationId':5001}");
	end(&w);
	node_state(w.p, &uuid, &n);
	assert_int_equal(n.n, 1 + 3);
	node_enters_intent(&n, "h");
	node_done(&n);
	world_done(&w);
}

static int count_trouble(void *ctx, const struct gw_plan_trouble *t)
{
	(void)t;
	++*(unsigned *)ctx;
	return 0;
}

/* What both servers find of their subnet is said of it once, and ends with what it was found in. */
static void test_trouble(void **state)
{
	const struct gw_resource *subnet;
	struct gw_uuid uuid, nobody = {{1}};
	unsigned n = 0;
	struct world w;

	(void)state;
	populate(&w, 64, 0, 0);
	world_begin(&w);
	do_put(&w, "/logicalNetworks/l",
	       "{'subnets':[{'resourceId':'s','properties':{'addressPrefix':'192.0.2.0/24','vlanID':7}}]}");
	end(&w);
	subnet = gw_catalog_find(w.c, NULL, "/logicalNetworks/l/subnets/s");
	uuid = subnet->instance;
	assert_int_equal(gw_plan_troubles(w.p, &uuid, count_trouble, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(gw_plan_troubles(w.p, &nobody, count_trouble, &n), 0);
	assert_int_equal(n, 1);
	n = 0;
	gw_plan_troubles(w.p, NULL, count_trouble, &n);
	assert_int_equal(n, 1);
	world_begin(&w);
	do_put(&w, "/logicalNetworks/l/subnets/s", "{'addressPrefix':'192.0.2.0/24'}");
	end(&w);
	n = 0;
	gw_plan_troubles(w.p, NULL, count_trouble, &n);
	assert_int_equal(n, 0);
	world_done(&w);
}

static int keep_message(void *ctx, const struct gw_plan_trouble *t)
{
	char **ret = ctx;

	assert_null(*ret);
	assert_true(asprintf(ret, "%zu %s", t->found, t->message) >= 0);
	return 0;
}

static void require_trouble(const struct world *w, const char *path, const char *want)
{
	struct gw_uuid uuid = gw_catalog_find(w->c, NULL, path)->instance;
	char *said = NULL;

	assert_int_equal(gw_plan_troubles(w->p, &uuid, keep_message, &said), 0);
	assert_string_equal(said ? said : "nothing", want);
	free(said);
}

/* What is wrong with a route in many networks is said once: how many they are, and the first by name, whoever came first. */
static void test_trouble_of_many(void **state)
{
	static const char route[] = "/routeTables/t/routes/r",
			  there[] = "dropped: nextHopIpAddress 10.9.9.9 is in no subnet";
	static const char table[] = "{'routes':[{'resourceId':'r','properties':{'addressPrefix':'172.16.0.0/12',"
				    "'nextHopType':'VirtualAppliance','nextHopIpAddress':'10.9.9.9'}}]}";
	static const char network[] = "{'addressPrefix':'10.0.0.0/16','isolationId':%u,"
				      "'routeTable':{'resourceRef':'/routeTables/t'}}";
	struct world w;
	char text[1024], path[64];

	(void)state;
	populate(&w, 64, 40, 1);
	world_begin(&w);
	do_put(&w, "/routeTables/t", table);
	end(&w);
	require_trouble(&w, route, "nothing");
	for (unsigned i = 40; i-- > 0;) {
		world_begin(&w);
		snprintf(path, sizeof path, "/virtualNetworks/n%u/subnets/s", i);
		do_put(&w, path, network, 5000 + i);
		end(&w);
		if (i == 39)
			require_trouble(
				&w, route,
				"1 in virtual network \"n39\": dropped: nextHopIpAddress 10.9.9.9 is in no subnet");
	}
	snprintf(text, sizeof text,
		 "40 in 40 virtual networks (\"n0\", \"n1\", \"n10\", \"n11\", \"n12\", \"n13\", \"n14\", \"n15\", "
		 "\"n16\", "
		 "\"n17\", \"n18\", \"n19\", \"n2\", \"n20\", \"n21\", \"n22\", ...): %s",
		 there);
	require_trouble(&w, route, text);
	for (unsigned i = 0; i < 40; i++) {
		world_begin(&w);
		snprintf(path, sizeof path, "/virtualNetworks/n%u/subnets/s", i);
		do_put(&w, path, i % 10 ? "{'addressPrefix':'10.0.0.0/16','isolationId':%u}" : network, 5000 + i);
		end(&w);
	}
	snprintf(text, sizeof text, "4 in 4 virtual networks (\"n0\", \"n10\", \"n20\", \"n30\"): %s", there);
	require_trouble(&w, route, text);
	world_done(&w);
}

/* A network that is on no node costs nothing, whatever it refers to; the first node brings all of it, the last one takes it away. */
static void test_on_no_node(void **state)
{
	static const char table[] = "{'routes':[{'resourceId':'r','properties':{'addressPrefix':'172.%u.0.0/16',"
				    "'nextHopType':'VirtualAppliance','nextHopIpAddress':'10.9.9.9'}}]}";
	static const char route[] = "/routeTables/t/routes/r";
	struct gw_error err = GW_ERROR_INIT;
	struct gw_plan_work before;
	struct world w;
	struct node n = {0};
	struct gw_uuid uuid;
	size_t size;

	(void)state;
	populate(&w, 64, 1, 1);
	uuid = server(&w, "h1");
	world_begin(&w);
	do_put(&w, "/routeTables/t", table, 16);
	put_network(&w, 1);
	do_put(&w, "/virtualNetworks/n1/subnets/s",
	       "{'addressPrefix':'10.0.0.0/16','isolationId':5001,'routeTable':{'resourceRef':'/routeTables/t'}}");
	do_put(&w, "/networkInterfaces/record", /* its server has no port for it */
	       "{'privateMacAddress':'00155D010101','server':{'resourceRef':'/servers/h0'},'ipConfigurations':"
	       "[{'resourceId':'a','properties':{'subnet':{'resourceRef':'/virtualNetworks/n1/subnets/s'}}}]}");
	size = gw_plan_size(w.p);
	end(&w);
	assert_int_equal(gw_plan_size(w.p), size);
	require_trouble(&w, route, "nothing");
	before = gw_plan_work(w.p);
	world_begin(&w);
	do_put(&w, "/routeTables/t", table, 17);
	end(&w);
	assert_int_equal(gw_plan_work(w.p).domains, before.domains);
	world_begin(&w);
	put_nic(&w, 1, 0, 1);
	end(&w);
	assert_int_equal(gw_plan_size(w.p), size + 5); /* a subnet, a route, two records, a port */
	require_trouble(&w, route, "1 in virtual network \"n1\": dropped: nextHopIpAddress 10.9.9.9 is in no subnet");
	assert_int_equal(told(&w, "h1", w.revision - 1), 5);
	world_begin(&w);
	do_put(&w, "/routeTables/t", table, 18);
	end(&w);
	assert_int_equal(told(&w, "h1", w.revision - 1), 2);
	node_state(w.p, &uuid, &n);
	world_begin(&w);
	assert_int_equal(world_delete(&w, NULL, "/networkInterfaces/n1-0", &err), 0);
	end(&w);
	assert_int_equal(gw_plan_size(w.p), size);
	require_trouble(&w, route, "nothing");
	/* It was told to forget, and is told all when it is back. */
	world_begin(&w);
	put_nic(&w, 1, 0, 1);
	end(&w);
	assert_int_equal(told(&w, "h1", n.revision), 5);
	node_done(&n);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),		cmocka_unit_test(test_concern),
		cmocka_unit_test(test_memory),		cmocka_unit_test(test_comings_and_goings),
		cmocka_unit_test(test_left_on_the_way), cmocka_unit_test(test_joined_on_the_way),
		cmocka_unit_test(test_left_subnets),	cmocka_unit_test(test_work),
		cmocka_unit_test(test_work_of_routes),	cmocka_unit_test(test_invalid_store),
		cmocka_unit_test(test_trouble),		cmocka_unit_test(test_trouble_of_many),
		cmocka_unit_test(test_on_no_node),
	};

	return cmocka_run_group_tests_name("plan, by revision", tests, NULL, NULL);
}
