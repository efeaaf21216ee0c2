/*
 * test_reconcile.c - API-1, API-2: a change is in intent, store and every driver, or in none of them, wherever it fails.
 *
 * The drivers here are doubles: each keeps its own picture of the kernel, built only from what apply and sync tell it, and
 * fails on demand. After every failure the pictures, the intent and the store must still agree.
 */
#include "fixture.h"

#include "reconcile/reconcile.h"

#include <errno.h>
#include <sqlite3.h>
#include <uv.h>

enum { N_FAKES = 3, MAX_SEEN = 256 };

struct fake {
	const struct gw_driver_env *env;
	char seen[MAX_SEEN][GW_ID_STRLEN]; /* ids of what it has in its kernel */
	size_t n;
	/* How often each call still succeeds before it fails once; -1: always succeeds. */
	int apply_ok, check_ok, open_ok;
	int sync_failures; /* how many syncs fail from now on */
	bool half;	   /* a failing apply does the first half of its delta */
	unsigned syncs, applies, checks, opens, closes;
	bool ask_in_sync;
};

static struct fake fakes[N_FAKES];
static char calls[512]; /* what was called, in order */

static void note(const char *fmt, int which, char sign)
{
	size_t n = strlen(calls);

	snprintf(calls + n, sizeof calls - n, fmt, which, sign);
}

/* --- the double -------------------------------------------------------------------------------------------------------------- */

static int fake_index(const struct gw_driver *d)
{
	return (int)((const struct fake *)(const void *)d - fakes);
}

static void see(struct fake *f, const struct gw_hnv_object *o, bool present)
{
	char id[GW_ID_STRLEN];
	size_t i;

	gw_hnv_id(o, id);
	for (i = 0; i < f->n && strcmp(f->seen[i], id) != 0; i++)
		;
	if (present && i == f->n) {
		assert_true(f->n < MAX_SEEN);
		memcpy(f->seen[f->n++], id, sizeof id);
	} else if (!present && i < f->n) {
		memcpy(f->seen[i], f->seen[--f->n], sizeof id);
	}
}

static int fake_open(int which, const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	if (fakes[which].open_ok == 0)
		return gw_error_set(err, ENODEV, GW_ERR_CAPABILITY, "eth7", "no such thing");
	fakes[which].env = env;
	fakes[which].opens++;
	*ret = (struct gw_driver *)(void *)&fakes[which];
	return 0;
}

static int open_0(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(0, env, ret, err);
}

static int open_1(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(1, env, ret, err);
}

static int open_2(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(2, env, ret, err);
}

static int fake_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta, struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];

	assert_true(delta->n > 0);
	for (size_t i = 0; i < delta->n; i++) /* it sees the new state */
		if (delta->changes[i].after)
			assert_ptr_equal(gw_intent_get(next, delta->changes[i].after), delta->changes[i].after);
	f->checks++;
	if (f->check_ok == 0)
		return gw_error_set(err, ENODEV, GW_ERR_CONFLICT, "properties.Interface", "not here");
	return 0;
}

static int fake_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta, struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];
	bool fails = f->apply_ok == 0;
	size_t n = fails ? (f->half ? delta->n / 2 : 0) : delta->n;

	assert_true(delta->n > 0);
	f->applies++;
	note("%d%c ", fake_index(d), delta->changes[0].after ? '+' : '-');
	for (size_t i = 0; i < n; i++) {
		const struct gw_change *c = &delta->changes[i];

		assert_ptr_equal(gw_intent_get(next, c->after ? c->after : c->before), c->after);
		see(f, c->after ? c->after : c->before, c->after);
	}
	if (f->apply_ok >= 0)
		f->apply_ok--;
	if (fails)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "kernel", "said no");
	return 0;
}

static int fake_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];

	f->syncs++;
	if (f->sync_failures > 0) {
		f->sync_failures--;
		return gw_error_set(err, EBUSY, GW_ERR_UNAVAILABLE, "kernel", "busy");
	}
	f->n = 0;
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(intent, (enum gw_hnv_kind)k, o));)
			see(f, o, true);
	if (f->ask_in_sync) {
		f->ask_in_sync = false;
		f->env->want_sync(f->env->core, "seen while syncing");
	}
	return 0;
}

static void fake_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	(void)o;
	json_object_set_new(properties, fake_index(d) ? "second" : "first", json_true());
}

static json_t *fake_status(struct gw_driver *d)
{
	return json_pack("{s:i}", "applies", (int)fakes[fake_index(d)].applies);
}

static int fake_trace(struct gw_driver *d, const struct gw_intent *intent, const json_t *query, json_t **ret,
		      struct gw_error *err)
{
	(void)intent;
	(void)query;
	(void)err;
	*ret = json_pack("{s:i}", "by", fake_index(d));
	return 0;
}

static struct gw_driver *fake_close(struct gw_driver *d)
{
	fakes[fake_index(d)].closes++;
	note("%d%c ", fake_index(d), 'x');
	return NULL;
}

static const struct gw_driver_ops ops[N_FAKES] = {
	{"zero", open_0, fake_check, fake_apply, fake_sync, fake_describe, fake_status, NULL, fake_close},
	{"one", open_1, fake_check, fake_apply, fake_sync, NULL, NULL, fake_trace, fake_close},
	{"node", open_2, NULL, fake_apply, fake_sync, NULL, fake_status, NULL, fake_close},
};
static const struct gw_driver_ops *const drivers[N_FAKES] = {&ops[0], &ops[1], &ops[2]};

/* --- the core under test ------------------------------------------------------------------------------------------------------ */

struct bench {
	uv_loop_t loop;
	struct gw_config config;
	struct gw_reconcile *core;
	struct gw_service service;
	unsigned ready;
};

static void on_ready(void *ctx)
{
	((struct bench *)ctx)->ready++;
}

static void reset_fakes(void)
{
	memset(fakes, 0, sizeof fakes);
	for (int i = 0; i < N_FAKES; i++)
		fakes[i].apply_ok = fakes[i].check_ok = fakes[i].open_ok = -1;
	calls[0] = '\0';
}

static int try_start(struct bench *b, void **state, const char *more, size_t n, struct gw_error *err)
{
	struct gw_reconcile_params params = {
		.loop = &b->loop, .config = &b->config, .drivers = drivers, .n_drivers = n, .on_ready = on_ready, .ctx = b};

	memset(b, 0, sizeof *b);
	fixture_config(state, more, &b->config);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	return gw_reconcile_open(&params, &b->core, err);
}

static void turn(struct bench *b)
{
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

static void start(struct bench *b, void **state, const char *more)
{
	struct gw_error err = GW_ERROR_INIT;

	if (try_start(b, state, more, N_FAKES, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	gw_reconcile_service(b->core, &b->service);
	turn(b);
}

static void stop(struct bench *b)
{
	b->core = gw_reconcile_close(b->core);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
}

/* Submits; frees what was not taken over. */
static int submit(struct bench *b, struct gw_hnv_op *o, size_t n, size_t *ret_failed, struct gw_error *err)
{
	int r = b->service.submit(b->service.ctx, o, n, ret_failed, err);

	for (size_t i = 0; i < n; i++)
		gw_hnv_object_free(o[i].object);
	return r;
}

static struct gw_hnv_object *port(const char *name, unsigned vsid)
{
	char json[128];

	snprintf(json, sizeof json, "{\"Interface\":\"%s\",\"MACAddress\":\"0200000000AA\",\"VirtualSubnetID\":%u}", name,
		 vsid);
	return fixture_object(GW_HNV_PORT, json);
}

static void put_ok(struct bench *b, struct gw_hnv_object *o)
{
	struct gw_hnv_op op = {.object = o};
	struct gw_error err = GW_ERROR_INIT;
	size_t failed;

	if (submit(b, &op, 1, &failed, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

/* Intent, store and all drivers have exactly these objects. */
static void agree(struct bench *b, size_t n, const char *const *ids)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	size_t total = 0;

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		total += gw_intent_count(b->service.intent, (enum gw_hnv_kind)k);
	assert_int_equal(total, n);
	assert_int_equal(sqlite3_open(b->config.store_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), sum(id = ?1) FROM object", -1, &st, NULL), SQLITE_OK);
	for (size_t i = 0; i < n; i++) {
		sqlite3_bind_text(st, 1, ids[i], -1, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(st, 0), n);
		assert_int_equal(sqlite3_column_int(st, 1), 1);
		sqlite3_reset(st);
		for (int f = 0; f < N_FAKES; f++) {
			size_t at = 0;

			assert_int_equal(fakes[f].n, n);
			while (at < n && strcmp(fakes[f].seen[at], ids[i]) != 0)
				at++;
			assert_true(at < n);
		}
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* --- tests ---------------------------------------------------------------------------------------------------------------------- */

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
	assert_int_equal(b.service.revision(b.service.ctx), 2);
	assert_int_equal(gw_intent_port(b.service.intent, "tap0")->revision, 1);
	stop(&b);
}

/* One batch that adds, replaces and removes; `fail` prepares the failure. Everything must be as before. */
static void refused_change(struct bench *b, const char *want_calls)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1", "5001-10.0.0.2"};
	struct gw_hnv_op o[] = {
		{.object = fixture_record(3, 1)},
		{.object = fixture_record(1, 9)},
		{.object = fixture_record(2, 1), .is_delete = true},
		{.object = port("tap0", 5001), .is_delete = true},
		{.object = port("tap1", 5001)},
	};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *key = fixture_record(1, 1);
	size_t failed = 77;

	calls[0] = '\0';
	assert_true(submit(b, o, 5, &failed, &err) < 0);
	assert_true(*err.message);
	assert_int_equal(failed, 5);
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
				      "CREATE TRIGGER no BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'no'); END", NULL,
				      NULL, NULL),
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

#define UNDERLAY "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n"
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
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_object_get(status, "node"), "sync"), "lastError")),
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
	assert_int_equal(json_integer_value(json_object_get(node, "applies")), 3); /* a driver called "node" adds to it */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(test_API_2_change_survives_restart),
		CORE_TEST(test_order_of_application),
		CORE_TEST(test_API_1_check_refuses),
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
		CORE_TEST(test_requests_are_coalesced),
		CORE_TEST(test_reconfigured),
		CORE_TEST(test_status_describe_and_trace),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
