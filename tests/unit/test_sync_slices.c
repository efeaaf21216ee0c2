/* test_sync_slices.c - API-2, GW-9: much that a controller tells at once comes into force in slices, tenant by tenant. */
#include "sync_world.h"
#include "test.h"

enum { TENANTS = 12, FIRST = 6000, OF_ONE = 4 };

/* What it has at first, of one tenant: a virtual gateway, a customer route, two lookup records. */
static void add_tenant(json_t *changes, unsigned i, unsigned vsid)
{
	json_array_append_new(changes, json_pack("{s:o, s:{s:i, s:s, s:s, s:i}}", "put",
						 json_sprintf("/hnv/virtualGateways/22222222-2222-3333-4444-%012u", i),
						 "properties", "VirtualSubnetID", (int)vsid, "MACAddress",
						 "020000000002", "CustomerAddress", "10.0.0.2", "PrefixLength", 24));
	json_array_append_new(
		changes,
		json_pack("{s:o, s:{}}", "put",
			  json_sprintf("/hnv/customerRoutes/22222222-2222-3333-4444-%012u-%u-10.0.0.0_24-0.0.0.0", i,
				       vsid),
			  "properties"));
	for (unsigned k = 1; k <= 2; k++)
		json_array_append_new(changes, json_pack("{s:o, s:{s:s, s:s}}", "put",
							 json_sprintf("/hnv/lookupRecords/%u-10.0.0.%u", vsid, 10 + k),
							 "properties", "ProviderAddress", "192.0.2.1", "MACAddress",
							 "020000000011"));
}

static void tells(struct world *w, unsigned revision, bool full, json_t *changes)
{
	json_t *body = json_pack("{s:s, s:i, s:b, s:o}", "epoch", "00000000000000e1", "revision", (int)revision, "full",
				 (int)full, "changes", changes);
	char *text = json_dumps(body, 0);

	stand_in_says(&w->controller, 200, text, SAYS);
	free(text);
	json_decref(body);
}

static void tells_of_all(struct world *w)
{
	json_t *changes = json_array();

	/* What belongs to one is not together in the answer. */
	for (unsigned i = 0; i < TENANTS; i++)
		add_tenant(changes, i, FIRST + i);
	for (size_t i = 0, n = json_array_size(changes); i < n; i++) {
		json_t *one = json_incref(json_array_get(changes, i * 7 % n));

		json_array_remove(changes, i * 7 % n);
		json_array_insert_new(changes, i, one);
	}
	tells(w, 7, true, changes);
}

static unsigned objects_of(const struct world *w, unsigned i)
{
	const struct gw_intent *in = w->b.service.intent;
	const struct gw_hnv_object *o = NULL;
	unsigned n = gw_intent_vrf_of_vsid(in, FIRST + i) != NULL;

	while ((o = gw_intent_next(in, GW_HNV_CUSTOMER_ROUTE, o)))
		n += o->croute.vsid == FIRST + i;
	while ((o = gw_intent_next(in, GW_HNV_LOOKUP_RECORD, o)))
		n += o->record.vsid == FIRST + i;
	return n;
}

/* Each tenant has all or nothing; how many have all. */
static unsigned n_whole(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TENANTS; i++) {
		unsigned of_it = objects_of(w, i);

		check(of_it == 0 || of_it == OF_ONE, "tenant %u has %u of %u objects", i, of_it, OF_ONE);
		n += of_it == OF_ONE;
	}
	return n;
}

static void begin_slowly(struct world *w, void **state)
{
	begin(w, state, "");
	fakes[1].apply_ms = 2; /* so that not all of them can be in one turn, on any machine */
}

/* Some of it is in force, and not all. */
static unsigned come_half_way(struct world *w)
{
	UNTIL(w, n_whole(w) > 0);
	assert_in_range(n_whole(w), 1, TENANTS - 1);
	assert_non_null(w->sync->round);
	return n_whole(w);
}

static void test_tenant_by_tenant(void **state)
{
	unsigned before = 0, turns = 0;
	struct world w;
	json_t *status;

	begin_slowly(&w, state);
	tells_of_all(&w);
	before = come_half_way(&w);
	for (; w.sync->round; turn(&w.b)) {
		unsigned now = n_whole(&w);

		check(now >= before, "%u are whole, and %u were", now, before);
		turns += now > before;
		before = now;
		if (!w.sync->round)
			break;
		/* It has not come so far until the end, and nothing has failed. */
		status = gw_sync_status(w.sync);
		assert_null(json_object_get(status, "revision"));
		assert_int_equal(json_integer_value(json_object_get(status, "failed")), 0);
		json_decref(status);
		assert_int_equal(w.controller.n_asked, 1); /* nor asks for what comes behind it */
	}
	assert_true(turns > 1);
	assert_int_equal(n_whole(&w), TENANTS);
	reported(&w, 7, 0);
	assert_string_equal(w.controller.asked[1], STATE "?since=7&epoch=00000000000000e1&wait=50");
	/* And so they go. */
	fakes[1].apply_ms = 0;
	tells(&w, 8, true, json_array());
	settle(&w);
	reported(&w, 8, 0);
	assert_int_equal(n_whole(&w), 0);
	agree(&w.b, 0, NULL);
	end(&w);
}

/* gwd ends in between: what is in the store are whole tenants, and the controller tells of the others. */
static void test_end_in_between(void **state)
{
	struct world w;
	unsigned whole;

	begin_slowly(&w, state);
	tells_of_all(&w);
	whole = come_half_way(&w);
	end(&w);
	begin_slowly(&w, state);
	assert_int_equal(n_whole(&w), whole);
	tells_of_all(&w);
	settle(&w);
	assert_string_equal(w.controller.asked[0], STATE "?since=0&wait=0");
	assert_int_equal(n_whole(&w), TENANTS);
	reported(&w, 7, 0);
	end(&w);
}

/* Whom the node follows changes in between: what the new one tells counts, however far the former came. */
static void test_enrolled_in_between(void **state)
{
	json_t *changes = json_array();
	struct world w;

	begin_slowly(&w, state);
	tells_of_all(&w);
	come_half_way(&w);
	gw_sync_enrolled(w.sync);
	add_tenant(changes, 3, FIRST + 3);
	tells(&w, 2, true, changes);
	settle(&w);
	assert_string_equal(w.controller.asked[1], STATE "?since=0&wait=0");
	UNTIL(&w, !w.sync->round);
	assert_int_equal(n_whole(&w), 1);
	assert_int_equal(objects_of(&w, 3), OF_ONE);
	reported(&w, 2, 0);
	end(&w);
}

static unsigned warnings;

void __wrap_gw_log(enum gw_log_level level, const char *fmt, ...);
void __wrap_gw_log(enum gw_log_level level, const char *fmt, ...)
{
	(void)level;
	warnings += strstr(fmt, "cannot be") != NULL;
}

/* A tenant wants a subnet that another one, who comes in a later slice, lets go of in the same change: it is no failure of anybody. */
static void test_in_each_others_way(void **state)
{
	const struct gw_intent *in;
	struct world w;

	begin_slowly(&w, state);
	tells_of_all(&w);
	settle(&w);
	in = w.b.service.intent;
	for (unsigned round = 0; round < 2; round++) {
		json_t *changes = json_array();

		warnings = 0;
		/* Each has the number of the next one, the last one that of the first; then back again. */
		for (unsigned i = 0; i < TENANTS; i++)
			add_tenant(changes, i, FIRST + (round ? i : (i + 1) % TENANTS));
		tells(&w, 8 + round, true, changes);
		settle(&w);
		reported(&w, 8 + round, 0);
		assert_int_equal(n_whole(&w), TENANTS);
		for (unsigned i = 0; i < TENANTS; i++) {
			struct gw_uuid rdid;
			char text[GW_UUID_STRLEN];

			snprintf(text, sizeof text, "22222222-2222-3333-4444-%012u", i);
			assert_int_equal(gw_uuid_parse(text, &rdid), 0);
			assert_int_equal(gw_intent_vrf(in, &rdid)->vrf.vsid, FIRST + (round ? i : (i + 1) % TENANTS));
		}
		assert_int_equal(warnings, 0);
	}
	end(&w);
}

/* One that cannot be is told, once, and keeps nobody else from it. */
static void test_one_cannot_be(void **state)
{
	struct world w;
	json_t *report;

	begin_slowly(&w, state);
	w.sync->times.retry_ms = 1000000;
	warnings = 0;
	fakes[0].refuses = "6005-10.0.0.11";
	tells_of_all(&w);
	settle(&w);
	report = reported(&w, 7, 1);
	assert_string_equal(text(failure(report, 0), "path"), "/hnv/lookupRecords/6005-10.0.0.11");
	for (unsigned i = 0; i < TENANTS; i++)
		assert_int_equal(objects_of(&w, i), i == 5 ? OF_ONE - 1 : OF_ONE);
	assert_int_equal(warnings, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(test_tenant_by_tenant),   SYNC_TEST(test_end_in_between), SYNC_TEST(test_enrolled_in_between),
		SYNC_TEST(test_in_each_others_way), SYNC_TEST(test_one_cannot_be),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("sync_slices", tests, NULL, NULL);
}
