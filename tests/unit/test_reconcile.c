/*
 * test_reconcile.c - API-1, API-2: a change is in intent, store
 * and every driver, or in none of them, wherever it fails.
 */
#include "core_fakes.h"

static void test_API_2_change_survives_restart(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1"};
	struct bench b;

	reset_fakes();
	start(&b, state, "");
	assert_int_equal(b.ready, 1);
	put_ok(&b, port("tap0", 5001));
	put_ok(&b, fixture_record(1, 1));
	agree(&b, 2, ids);
	assert_int_equal(b.service.revision(b.service.ctx), 2);
	stop(&b);
	reset_fakes();
	start(&b, state, "");
	agree(&b, 2, ids);
	/* When a driver is opened it is told what it will have to bring about; afterwards by each call. */
	for (int i = 0; i < N_FAKES; i++) {
		assert_int_equal(fakes[i].foreseen, 1);
		assert_null(fakes[i].env->intent);
	}
	assert_int_equal(b.service.revision(b.service.ctx), 2);
	assert_int_equal(gw_intent_port(b.service.intent, "tap0")->revision, 1);
	stop(&b);
}

/* Adds, replaces and removes. */
enum { MIXED = 5 };

static void mixed_change(struct gw_hnv_op o[static MIXED])
{
	o[0] = (struct gw_hnv_op){.object = fixture_record(3, 1)};
	o[1] = (struct gw_hnv_op){.object = fixture_record(1, 9)};
	o[2] = (struct gw_hnv_op){.object = fixture_record(2, 1), .is_delete = true};
	o[3] = (struct gw_hnv_op){.object = port("tap0", 5001), .is_delete = true};
	o[4] = (struct gw_hnv_op){.object = port("tap1", 5001)};
}

/* Submits it where something fails. Everything must be as before. */
static void refused_change(struct bench *b, const char *want_calls)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1", "5001-10.0.0.2"};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_op o[MIXED];
	struct gw_hnv_object *key = fixture_record(1, 1);
	size_t failed = 77;

	mixed_change(o);
	calls[0] = '\0';
	assert_true(submit(b, o, MIXED, &failed, &err) < 0);
	assert_true(*err.message);
	assert_int_equal(failed, MIXED);
	if (want_calls)
		assert_string_equal(calls, want_calls);
	assert_int_equal(b->service.revision(b->service.ctx), 3);
	assert_true(gw_addr_equal(&gw_intent_get(b->service.intent, key)->record.pa, &key->record.pa));
	gw_hnv_object_free(key);
	turn(b);
	agree(b, 3, ids);
}

static void start_with_three(struct bench *b, void **state)
{
	reset_fakes();
	start(b, state, "");
	put_ok(b, port("tap0", 5001));
	put_ok(b, fixture_record(1, 1));
	put_ok(b, fixture_record(2, 1));
}

static void test_order_of_application(void **state)
{
	struct gw_hnv_op o[] = {{.object = fixture_record(3, 1)},
				{.object = port("tap0", 5001), .is_delete = true},
				{.object = fixture_record(2, 1), .is_delete = true}};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed;

	start_with_three(&b, state);
	calls[0] = '\0';
	assert_int_equal(submit(&b, o, 3, &failed, &err), 0);
	assert_string_equal(calls, "2- 1- 0- 0+ 1+ 2+ ");
	calls[0] = '\0';
	stop(&b);
	assert_string_equal(calls, "2x 1x 0x ");
}

static void test_API_1_check_refuses(void **state)
{
	struct bench b;

	start_with_three(&b, state);
	for (int i = 0; i < 2; i++) {
		fakes[i].check_ok = 0;
		refused_change(&b, "");
		fakes[i].check_ok = -1;
	}
	stop(&b);
}

/* What a driver refuses is traced back to the element of the batch. */
static void test_API_1_refused_element_is_named(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.3", "5001-10.0.0.1", "5001-10.0.0.2", "tap0", "tap1"};
	struct gw_error err;
	struct bench b;
	size_t failed;

	start_with_three(&b, state);
	for (size_t i = 0; i < MIXED; i++) {
		struct gw_hnv_op o[MIXED];

		mixed_change(o);
		err = GW_ERROR_INIT;
		fakes[1].refuses = ids[i];
		assert_int_equal(submit(&b, o, MIXED, &failed, &err), -ENODEV);
		assert_int_equal(failed, i);
		assert_contains(err.message, ids[i]);
		assert_int_equal(b.service.revision(b.service.ctx), 3);
	}
	stop(&b);
}

static void test_API_1_apply_fails_at_each_step(void **state)
{
	/* removals 2 1 0, the rest 0 1 2; then backwards from the one that failed */
	static const struct {
		int driver, ok;
		const char *who;
	} cases[] = {
		{2, 0, "2 2"},
		{1, 0, "2 1 1 2"},
		{0, 0, "2 1 0 0 1 2"},
		{0, 1, "2 1 0 0 0 0 1 2"},
		{1, 1, "2 1 0 0 1 1 0 0 1 2"},
		{2, 1, "2 1 0 0 1 2 2 1 0 0 1 2"},
	};
	struct bench b;

	start_with_three(&b, state);
	for (int half = 0; half < 2; half++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			const char *who = cases[i].who;

			fakes[cases[i].driver].half = half;
			fakes[cases[i].driver].apply_ok = cases[i].ok;
			refused_change(&b, NULL);
			assert_int_equal(strlen(calls) / 3, strlen(who) / 2 + 1);
			for (size_t c = 0; calls[3 * c]; c++)
				assert_int_equal(calls[3 * c], who[2 * c]);
			assert_int_equal(fakes[cases[i].driver].apply_ok, -1);
			for (int f = 0; f < N_FAKES; f++)
				assert_int_equal(fakes[f].syncs, 1); /* undone exactly, nothing to repair */
		}
	stop(&b);
}

static void test_failed_undo_is_repaired_by_sync(void **state)
{
	struct bench b;

	start_with_three(&b, state);
	fakes[1].apply_ok = 1; /* removals yes, the rest no ... */
	fakes[0].apply_ok = 2; /* ... and the first driver cannot take the rest back */
	refused_change(&b, NULL);
	assert_int_equal(fakes[0].syncs, 2);
	assert_int_equal(fakes[1].syncs, 1);
	stop(&b);
}

static void test_API_1_store_fails(void **state)
{
	struct bench b;
	sqlite3 *other;

	start_with_three(&b, state);
	assert_int_equal(sqlite3_open(b.config.store_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	refused_change(&b, ""); /* no driver was bothered */
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	/* A trigger is how an outsider can make just the commit's last step fail. */
	assert_int_equal(sqlite3_exec(other,
				      "CREATE TRIGGER no BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'no'); END",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	refused_change(&b, NULL);
	assert_int_equal(strlen(calls), 12 * 3); /* all applied, all taken back */
	assert_int_equal(sqlite3_exec(other, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	put_ok(&b, fixture_record(7, 1));
	stop(&b);
}

static void test_API_1_bad_element_is_named(void **state)
{
	struct gw_hnv_op o[] = {{.object = fixture_record(8, 1)}, {.object = port("tap9", 5001)}};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed = 77;

	start_with_three(&b, state);
	/* tap0 has this MAC address in this VSID */
	assert_int_equal(submit(&b, o, 2, &failed, &err), -EEXIST);
	assert_int_equal(failed, 1);
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	assert_int_equal(b.service.revision(b.service.ctx), 3);
	assert_int_equal(gw_intent_count(b.service.intent, GW_HNV_LOOKUP_RECORD), 2);
	stop(&b);
}

static void test_API_1_preconditions(void **state)
{
	static const struct {
		unsigned n;
		bool is_delete, none, has;
		uint64_t match;
		bool good;
	} cases[] = {
		{1, false, true, false, 0, false}, {1, false, false, true, 3, false}, {9, false, false, true, 2, false},
		{1, true, false, true, 1, false},  {9, true, false, true, 0, false},  {1, false, false, true, 2, true},
		{9, false, true, false, 0, true},  {2, true, false, true, 3, true},
	};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed;

	start_with_three(&b, state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gw_hnv_op op = {.object = fixture_record(cases[i].n, 5),
				       .is_delete = cases[i].is_delete,
				       .if_none_match = cases[i].none,
				       .has_if_match = cases[i].has,
				       .if_match = cases[i].match};
		uint64_t before = b.service.revision(b.service.ctx);
		int r = submit(&b, &op, 1, &failed, &err);

		assert_int_equal(r == 0, cases[i].good);
		assert_int_equal(b.service.revision(b.service.ctx), before + cases[i].good);
		if (r < 0)
			assert_int_equal(err.code, GW_ERR_PRECONDITION_FAILED);
	}
	stop(&b);
}

static void test_nothing_to_do_is_no_revision(void **state)
{
	struct gw_hnv_op gone = {.object = fixture_record(99, 1), .is_delete = true};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed;

	start_with_three(&b, state);
	calls[0] = '\0';
	put_ok(&b, fixture_record(1, 1));
	assert_int_equal(submit(&b, &gone, 1, &failed, &err), 0);
	assert_int_equal(b.service.submit(b.service.ctx, NULL, 0, &failed, &err), 0);
	assert_int_equal(b.service.revision(b.service.ctx), 3);
	assert_string_equal(calls, "");
	stop(&b);
}

#define UNDERLAY	 "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n"
#define ADDRESS(pa, dev) "{\"ProviderAddress\":\"" pa "\",\"PrefixLength\":16,\"Interface\":\"" dev "\"}"

static void test_configured_address_is_intent_but_not_stored(void **state)
{
	struct gw_hnv_op put = {.object = fixture_object(GW_HNV_PROVIDER_ADDRESS, ADDRESS("10.1.1.20", "eth2"))};
	struct gw_hnv_op del = {.object = fixture_object(GW_HNV_PROVIDER_ADDRESS, ADDRESS("10.1.1.20", "eth2")),
				.is_delete = true};
	struct gw_error err = GW_ERROR_INIT;
	const struct gw_hnv_object *o;
	struct gw_addr pa;
	struct bench b;
	size_t failed;

	reset_fakes();
	gw_addr_parse("10.1.1.20", &pa);
	start(&b, state, UNDERLAY);
	for (int f = 0; f < N_FAKES; f++) {
		assert_int_equal(fakes[f].n, 1);
		assert_string_equal(fakes[f].seen[0], "10.1.1.20");
	}
	assert_int_equal(submit(&b, &put, 1, &failed, &err), -EEXIST);
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	assert_contains(err.message, "[underlay]");
	assert_int_equal(submit(&b, &del, 1, &failed, &err), -EEXIST);
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	o = gw_intent_paddr(b.service.intent, &pa);
	assert_non_null(o);
	assert_int_equal(o->paddr.prefix_len, 24);
	assert_int_equal(b.service.revision(b.service.ctx), 0);
	stop(&b);
	reset_fakes();
	start(&b, state, ""); /* without the key it is gone ... */
	assert_int_equal(fakes[0].n, 0);
	put_ok(&b, fixture_object(GW_HNV_PROVIDER_ADDRESS, ADDRESS("10.1.1.20", "eth2")));
	stop(&b);
	reset_fakes();
	start(&b, state, UNDERLAY); /* ... and with it, it wins over a stored one */
	assert_string_equal(gw_intent_paddr(b.service.intent, &pa)->paddr.interface, "eth1");
	stop(&b);
}

static void test_stored_object_that_does_not_fit_the_configuration(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;

	reset_fakes();
	start(&b, state, "");
	put_ok(&b, port("eth1", 5001));
	stop(&b);
	assert_true(try_start(&b, state, UNDERLAY, N_FAKES, &err) < 0);
	assert_contains(err.target, "/hnv/ports/eth1");
	assert_contains(err.message, "10.1.1.20");
	assert_int_equal(uv_run(&b.loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&b.loop), 0);
}

static void test_driver_that_does_not_open(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;

	reset_fakes();
	fakes[1].open_ok = 0;
	assert_int_equal(try_start(&b, state, "", N_FAKES, &err), -ENODEV);
	assert_contains(err.target, "driver one: eth7");
	assert_int_equal(fakes[0].closes, 1);
	assert_int_equal(fakes[2].opens, 0);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b.loop), 0);
	assert_int_equal(b.ready, 0);
}

static void test_without_drivers(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *answer = NULL;
	struct bench b;

	reset_fakes();
	assert_int_equal(try_start(&b, state, "", 0, &err), 0);
	assert_int_equal(b.ready, 1);
	gw_reconcile_service(b.core, &b.service);
	assert_true(b.service.ready(b.service.ctx));
	put_ok(&b, fixture_record(1, 1));
	assert_int_equal(b.service.trace(b.service.ctx, NULL, &answer, &err), -EOPNOTSUPP);
	stop(&b);
}

/* Runs the loop until `what` is true, for two seconds at the most. */
static void until(struct bench *b, bool (*what)(struct bench *b))
{
	uint64_t deadline = uv_hrtime() + 2000000000u;

	while (!what(b)) {
		assert_true(uv_hrtime() < deadline);
		uv_run(&b->loop, UV_RUN_ONCE);
	}
}

static bool is_ready(struct bench *b)
{
	return b->ready;
}

static const char *sync_state(struct bench *b, const char *driver, json_t **ret_status)
{
	json_t *sync;

	*ret_status = b->service.status(b->service.ctx);
	sync = json_object_get(json_object_get(*ret_status, "node"), "sync");
	return json_string_value(json_object_get(driver ? json_object_get(sync, driver) : sync, "state"));
}

static void test_sync_is_tried_again_with_back_off(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	uint64_t begun = uv_hrtime();
	struct bench b;
	json_t *status;

	reset_fakes();
	fakes[1].sync_failures = 3; /* 100 + 200 + 400 ms */
	assert_int_equal(try_start(&b, state, "", N_FAKES, &err), 0);
	gw_reconcile_service(b.core, &b.service);
	turn(&b);
	assert_false(b.service.ready(b.service.ctx));
	assert_string_equal(sync_state(&b, NULL, &status), "Failing");
	json_decref(status);
	assert_string_equal(sync_state(&b, "one", &status), "Failing");
	assert_string_equal(json_string_value(json_object_get(json_object_get(json_object_get(status, "node"), "sync"),
							      "lastError")),
			    "busy");
	json_decref(status);
	assert_string_equal(sync_state(&b, "zero", &status), "Synced");
	json_decref(status);
	for (int i = 0; i < 100; i++) /* asking does not shorten it */
		fakes[1].env->want_sync(fakes[1].env->core, "again");
	turn(&b);
	assert_int_equal(fakes[1].syncs, 1);
	until(&b, is_ready);
	assert_true(uv_hrtime() - begun >= 690000000u);
	assert_int_equal(fakes[1].syncs, 4);
	assert_int_equal(fakes[0].syncs, 1);
	assert_string_equal(sync_state(&b, NULL, &status), "Synced");
	json_decref(status);
	stop(&b);
}

/* What drivers tell of much comes in pieces, of one after the other, each into its own part; what is no more then is left out. */
static void test_status_in_parts(void **state)
{
	struct gw_status_place at = {0};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	json_t *status;
	unsigned pieces = 0;

	reset_fakes();
	assert_int_equal(try_start(&b, state, "", N_FAKES, &err), 0);
	gw_reconcile_service(b.core, &b.service);
	until(&b, is_ready);
	put_ok(&b, port("tap0", 5001));
	put_ok(&b, port("tap1", 5002));
	status = b.service.status(b.service.ctx);
	assert_null(json_object_get(json_object_get(status, "zero"), "tap0"));
	while (b.service.status_more(b.service.ctx, status, &at)) {
		assert_true(++pieces < 10);
		if (pieces == 3)
			fakes[2].n = 1;
	}
	assert_int_equal(pieces, 3);
	assert_false(b.service.status_more(b.service.ctx, status, &at));
	for (int i = 0; i < 2; i++) {
		const char *id = i ? "tap1" : "tap0";

		assert_true(json_is_true(json_object_get(json_object_get(status, "zero"), id)));
		assert_null(json_object_get(json_object_get(status, "one"), id));
	}
	assert_true(json_is_true(json_object_get(json_object_get(status, "node"), fakes[2].seen[0])));
	json_decref(status);
	stop(&b);
}

/* Everybody else has a turn between the parts of a long sync, and nobody takes it for done before its last. */
static void test_sync_in_parts(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	unsigned turns = 0;
	struct bench b;
	json_t *status;

	reset_fakes();
	fakes[1].parts = 3;
	assert_int_equal(try_start(&b, state, "", N_FAKES, &err), 0);
	gw_reconcile_service(b.core, &b.service);
	turn(&b);
	assert_int_equal(fakes[1].parts, 2);
	assert_int_equal(fakes[2].syncs, 1);
	assert_string_equal(sync_state(&b, "one", &status), "Starting");
	json_decref(status);
	put_ok(&b, port("tap0", 5001));
	while (!b.ready) {
		unsigned parts = fakes[1].parts;

		assert_false(b.service.ready(b.service.ctx));
		uv_run(&b.loop, UV_RUN_ONCE);
		assert_true(parts - fakes[1].parts <= 2); /* libuv looks at timers before and after it waits */
		assert_true(++turns < 1000);
	}
	assert_int_equal(fakes[1].syncs, 1);
	assert_string_equal(sync_state(&b, NULL, &status), "Synced");
	json_decref(status);
	fakes[1].parts = 2;
	fakes[1].sync_failures = 1;
	fakes[1].env->want_sync(fakes[1].env->core, "link");
	turn(&b);
	assert_string_equal(sync_state(&b, "one", &status), "Pending");
	json_decref(status);
	while (fakes[1].syncs == 1)
		uv_run(&b.loop, UV_RUN_ONCE);
	assert_string_equal(sync_state(&b, "one", &status), "Failing");
	json_decref(status);
	stop(&b);
}

/* A turn of the loop is about a part of one of them, and none has to wait for another's last. */
static void test_parts_take_turns(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;

	reset_fakes();
	fakes[0].parts = fakes[1].parts = fakes[2].parts = 9;
	assert_int_equal(try_start(&b, state, "", N_FAKES, &err), 0);
	gw_reconcile_service(b.core, &b.service);
	turn(&b); /* all of them begin */
	while (fakes[0].parts && fakes[1].parts && fakes[2].parts) {
		unsigned parts = fakes[0].parts + fakes[1].parts + fakes[2].parts;

		uv_run(&b.loop, UV_RUN_ONCE);
		/* libuv looks at timers before and after it waits */
		assert_in_range(parts - (fakes[0].parts + fakes[1].parts + fakes[2].parts), 0, 2);
		assert_in_range(fakes[0].parts - fakes[1].parts + 2, 0, 4);
		assert_in_range(fakes[0].parts - fakes[2].parts + 2, 0, 4);
	}
	until(&b, is_ready);
	stop(&b);
}

static bool asked_again(struct bench *b)
{
	(void)b;
	return fakes[0].syncs == 3;
}

static void test_requests_are_coalesced(void **state)
{
	struct bench b;

	reset_fakes();
	start(&b, state, "");
	for (int i = 0; i < 1000; i++)
		fakes[0].env->want_sync(fakes[0].env->core, "link");
	assert_int_equal(fakes[0].syncs, 1); /* never from within the caller */
	fakes[0].ask_in_sync = true;
	turn(&b);
	assert_int_equal(fakes[0].syncs, 2);
	assert_int_equal(fakes[1].syncs, 1);
	until(&b, asked_again);
	stop(&b);
}

static void test_reconfigured(void **state)
{
	struct gw_hnv_op more = {.object = port("tap2", 5002)};
	struct gw_hnv_op less = {.object = port("tap0", 5001), .is_delete = true};
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed;

	reset_fakes();
	start(&b, state, "");
	put_ok(&b, port("tap0", 5001));
	put_ok(&b, port("tap1", 5003));
	b.config.port_limit = 1;
	gw_reconcile_reconfigured(b.core);
	turn(&b);
	for (int f = 0; f < N_FAKES; f++)
		assert_int_equal(fakes[f].syncs, 2);
	assert_true(submit(&b, &more, 1, &failed, &err) < 0);
	assert_int_equal(err.code, GW_ERR_LIMIT_EXCEEDED);
	assert_int_equal(submit(&b, &less, 1, &failed, &err), 0);
	stop(&b);
}

static void test_status_describe_and_trace(void **state)
{
	json_t *status, *node, *properties = json_object(), *answer = NULL;
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;

	start_with_three(&b, state);
	status = b.service.status(b.service.ctx);
	node = json_object_get(status, "node");
	assert_string_equal(json_string_value(json_object_get(node, "name")), "test");
	assert_string_equal(json_string_value(json_object_get(node, "version")), GW_VERSION);
	assert_int_equal(json_integer_value(json_object_get(node, "revision")), 3);
	assert_true(json_is_true(json_object_get(node, "ready")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(node, "objects"), "lookupRecords")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "zero"), "applies")), 3);
	assert_int_equal(json_integer_value(json_object_get(node, "applies")),
			 3); /* a driver called "node" adds to it */
	json_decref(status);
	b.service.describe(b.service.ctx, gw_intent_port(b.service.intent, "tap0"), properties);
	assert_true(json_is_true(json_object_get(properties, "first")));
	json_decref(properties);
	assert_int_equal(b.service.trace(b.service.ctx, NULL, &answer, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "by")), 1);
	json_decref(answer);
	stop(&b);
}

#define CORE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* The service manager is told of it. */
static void test_much_in_the_store(void **state)
{
	enum { N = 5000, AT_ONCE = 500 };
	static struct gw_hnv_op ops_of[AT_ONCE];
	struct gw_error err = GW_ERROR_INIT;
	struct bench b;
	size_t failed;

	reset_fakes();
	assert_int_equal(try_start(&b, state, "", 0, &err), 0);
	assert_int_equal(b.progress, 0);
	gw_reconcile_service(b.core, &b.service);
	for (unsigned i = 0; i < N; i += AT_ONCE) {
		for (unsigned k = 0; k < AT_ONCE; k++) {
			ops_of[k] = (struct gw_hnv_op){.object = fixture_record(1, 1)};
			ops_of[k].object->record.vsid = 5000 + i + k;
		}
		assert_int_equal(submit(&b, ops_of, AT_ONCE, &failed, &err), 0);
	}
	stop(&b);
	assert_int_equal(try_start(&b, state, "", 0, &err), 0);
	assert_in_range(b.progress, 3, N / 100);
	gw_reconcile_service(b.core, &b.service);
	assert_int_equal(gw_intent_count(b.service.intent, GW_HNV_LOOKUP_RECORD), N);
	stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(test_API_2_change_survives_restart),
		CORE_TEST(test_much_in_the_store),
		CORE_TEST(test_order_of_application),
		CORE_TEST(test_API_1_check_refuses),
		CORE_TEST(test_API_1_refused_element_is_named),
		CORE_TEST(test_API_1_apply_fails_at_each_step),
		CORE_TEST(test_failed_undo_is_repaired_by_sync),
		CORE_TEST(test_API_1_store_fails),
		CORE_TEST(test_API_1_bad_element_is_named),
		CORE_TEST(test_API_1_preconditions),
		CORE_TEST(test_nothing_to_do_is_no_revision),
		CORE_TEST(test_configured_address_is_intent_but_not_stored),
		CORE_TEST(test_stored_object_that_does_not_fit_the_configuration),
		CORE_TEST(test_driver_that_does_not_open),
		CORE_TEST(test_without_drivers),
		CORE_TEST(test_sync_is_tried_again_with_back_off),
		CORE_TEST(test_sync_in_parts),
		CORE_TEST(test_status_in_parts),
		CORE_TEST(test_parts_take_turns),
		CORE_TEST(test_requests_are_coalesced),
		CORE_TEST(test_reconfigured),
		CORE_TEST(test_status_describe_and_trace),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
