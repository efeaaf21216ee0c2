/*
 * core_fakes.h - the reconciler with doubles for drivers, for its tests.
 *
 * Each double keeps its own picture of the kernel, built only from what apply and sync tell it, and fails on
 * demand. At any time the pictures, the intent and the store can be compared: agree().
 */
#ifndef TESTS_UNIT_CORE_FAKES_H
#define TESTS_UNIT_CORE_FAKES_H

#include "fixture.h"

#include "reconcile/reconcile.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>
#include <uv.h>

enum { N_FAKES = 3, MAX_SEEN = 256 };

struct fake {
	const struct gw_driver_env *env;
	char seen[MAX_SEEN][GW_ID_STRLEN]; /* ids of what it has in its kernel */
	size_t n;
	/* How often each call still succeeds before it fails once; -1: always succeeds. */
	int apply_ok, check_ok, open_ok;
	const char *refuses; /* the id that check refuses; NULL: none */
	int sync_failures;   /* how many syncs fail from now on */
	unsigned parts;	     /* that the next sync takes, beside the last one */
	bool half;	     /* a failing apply does the first half of its delta */
	unsigned apply_ms;   /* that each takes */
	unsigned syncs, applies, opens, closes;
	size_t foreseen; /* ports, when it was opened */
	bool ask_in_sync;
};

static struct fake fakes[N_FAKES];
static const char *accepted; /* of the ids that begin with "off", which are refused by all */
static char calls[512];	     /* what was called, in order */

static inline void note(const char *fmt, int which, char sign)
{
	size_t n = strlen(calls);

	snprintf(calls + n, sizeof calls - n, fmt, which, sign);
}

/* --- the double --------------------------------------------------------------------------------------------------- */

static inline int fake_index(const struct gw_driver *d)
{
	return (int)((const struct fake *)(const void *)d - fakes);
}

static inline void see(struct fake *f, const struct gw_hnv_object *o, bool present)
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

static inline int fake_open(int which, const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	if (fakes[which].open_ok == 0)
		return gw_error_set(err, ENODEV, GW_ERR_CAPABILITY, "eth7", "no such thing");
	fakes[which].env = env;
	fakes[which].opens++;
	fakes[which].foreseen = env->intent ? gw_intent_count(env->intent, GW_HNV_PORT) : 0;
	*ret = (struct gw_driver *)(void *)&fakes[which];
	return 0;
}

static inline int open_0(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(0, env, ret, err);
}

static inline int open_1(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(1, env, ret, err);
}

static inline int open_2(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	return fake_open(2, env, ret, err);
}

static inline int fake_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
			     struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];

	assert_true(delta->n > 0);
	for (size_t i = 0; i < delta->n; i++) { /* it sees the new state */
		const struct gw_change *c = &delta->changes[i];
		char id[GW_ID_STRLEN];

		if (c->after)
			assert_ptr_equal(gw_intent_get(next, c->after), c->after);
		gw_hnv_id(c->after ? c->after : c->before, id);
		if ((f->refuses && !strcmp(id, f->refuses)) ||
		    (!strncmp(id, "off", 3) && (!accepted || strcmp(id, accepted) != 0)))
			return gw_error_set(err, ENODEV, GW_ERR_CONFLICT, "properties.Interface", "%s: not here", id);
	}
	/* Fails only for the whole, as a table that would overflow does. */
	if (f->check_ok == 0 && delta->n > 1)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "table", "full");
	return 0;
}

static inline int fake_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
			     struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];
	bool fails = f->apply_ok == 0;
	size_t n = fails ? (f->half ? delta->n / 2 : 0) : delta->n;

	assert_true(delta->n > 0);
	usleep(f->apply_ms * 1000);
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

static inline int fake_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	struct fake *f = &fakes[fake_index(d)];

	if (f->parts > 0) {
		f->parts--;
		return GW_SYNC_MORE;
	}
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

static inline void fake_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	(void)o;
	json_object_set_new(properties, fake_index(d) ? "second" : "first", json_true());
}

static inline json_t *fake_status(struct gw_driver *d)
{
	return json_pack("{s:i}", "applies", (int)fakes[fake_index(d)].applies);
}

/* As many pieces as it has things in its kernel. */
static inline bool fake_status_more(struct gw_driver *d, json_t *status, size_t *at)
{
	const struct fake *f = &fakes[fake_index(d)];

	if (*at >= f->n)
		return false;
	json_object_set_new(status, f->seen[*at], json_true());
	++*at;
	return true;
}

static inline int fake_trace(struct gw_driver *d, const struct gw_intent *intent, const json_t *query, json_t **ret,
			     struct gw_error *err)
{
	(void)intent;
	(void)query;
	(void)err;
	*ret = json_pack("{s:i}", "by", fake_index(d));
	return 0;
}

static inline struct gw_driver *fake_close(struct gw_driver *d)
{
	fakes[fake_index(d)].closes++;
	note("%d%c ", fake_index(d), 'x');
	return NULL;
}

static const struct gw_driver_ops ops[N_FAKES] = {
	{"zero", open_0, fake_check, fake_apply, fake_sync, fake_describe, fake_status, fake_status_more, NULL, NULL,
	 fake_close},
	{"one", open_1, fake_check, fake_apply, fake_sync, NULL, NULL, NULL, fake_trace, NULL, fake_close},
	{"node", open_2, NULL, fake_apply, fake_sync, NULL, fake_status, fake_status_more, NULL, NULL, fake_close},
};
static const struct gw_driver_ops *const drivers[N_FAKES] = {&ops[0], &ops[1], &ops[2]};

/* --- the core under test ------------------------------------------------------------------------------------------ */

struct bench {
	uv_loop_t loop;
	struct gw_config config;
	struct gw_reconcile *core;
	struct gw_service service;
	unsigned ready, progress;
};

static inline void on_ready(void *ctx)
{
	((struct bench *)ctx)->ready++;
}

static inline void on_progress(void *ctx)
{
	((struct bench *)ctx)->progress++;
}

static inline void reset_fakes(void)
{
	accepted = NULL;
	memset(fakes, 0, sizeof fakes);
	for (int i = 0; i < N_FAKES; i++)
		fakes[i].apply_ok = fakes[i].check_ok = fakes[i].open_ok = -1;
	calls[0] = '\0';
}

static inline int try_start(struct bench *b, void **state, const char *more, size_t n, struct gw_error *err)
{
	struct gw_reconcile_params params = {.loop = &b->loop,
					     .config = &b->config,
					     .drivers = drivers,
					     .n_drivers = n,
					     .on_progress = on_progress,
					     .on_ready = on_ready,
					     .ctx = b};

	memset(b, 0, sizeof *b);
	fixture_config(state, more, &b->config);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	return gw_reconcile_open(&params, &b->core, err);
}

static inline void turn(struct bench *b)
{
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

static inline void start(struct bench *b, void **state, const char *more)
{
	struct gw_error err = GW_ERROR_INIT;

	if (try_start(b, state, more, N_FAKES, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	gw_reconcile_service(b->core, &b->service);
	turn(b);
}

static inline void stop(struct bench *b)
{
	b->core = gw_reconcile_close(b->core);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
}

/* Submits; frees what was not taken over. */
static inline int submit(struct bench *b, struct gw_hnv_op *o, size_t n, size_t *ret_failed, struct gw_error *err)
{
	int r = b->service.submit(b->service.ctx, o, n, ret_failed, err);

	for (size_t i = 0; i < n; i++)
		gw_hnv_object_free(o[i].object);
	return r;
}

static inline struct gw_hnv_object *port(const char *name, unsigned vsid)
{
	char json[128];

	snprintf(json, sizeof json, "{\"Interface\":\"%s\",\"MACAddress\":\"0200000000AA\",\"VirtualSubnetID\":%u}",
		 name, vsid);
	return fixture_object(GW_HNV_PORT, json);
}

static inline void put_ok(struct bench *b, struct gw_hnv_object *o)
{
	struct gw_hnv_op op = {.object = o};
	struct gw_error err = GW_ERROR_INIT;
	size_t failed;

	if (submit(b, &op, 1, &failed, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

/* Intent, store and all drivers have exactly these objects. */
static inline void agree(struct bench *b, size_t n, const char *const *ids)
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

#endif
