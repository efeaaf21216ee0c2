/*
 * driver_fixture.h - a driver in a network namespace with an intent, driven as the core does it. For the fixtures of each driver
 * (node_fixture.h, vrf_fixture.h), which say which one it is: `ops`.
 */
#ifndef GW_TESTS_UNIT_DRIVER_FIXTURE_H
#define GW_TESTS_UNIT_DRIVER_FIXTURE_H

#include "netns.h"

#include "driver.h"
#include "model/intent.h"

static const struct gw_driver_ops *const ops;

static struct netns ns;
static struct gw_intent *intent;
static struct gw_driver *driver;
static struct gw_config config;
static int wanted;	 /* how often a sync was asked for */
static char reason[256]; /* the last time */

static inline void on_want_sync(void *core, const char *why)
{
	assert_ptr_equal(core, &wanted);
	wanted++;
	snprintf(reason, sizeof reason, "%s", why);
}

static inline void open_driver(void)
{
	struct gw_driver_env env = {
		.loop = &ns.loop, .config = &config, .nl = ns.nl, .want_sync = on_want_sync, .core = &wanted};
	struct gw_error err = GW_ERROR_INIT;

	expect(ops->open(&env, &driver, &err), 0, &err, NULL);
}

static inline void new_intent(void)
{
	struct gw_intent_limits limits = {.router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 5000;
	assert_int_equal(gw_intent_new(&limits, &intent), 0);
}

/* In the namespace that is there. */
static inline void begin_driver(void)
{
	new_intent();
	open_driver();
	wanted = 0;
	reason[0] = 0;
}

static inline void end_driver(void)
{
	driver = ops->close(driver);
	assert_null(driver);
	intent = gw_intent_free(intent);
	netns_end(&ns);
}

static inline struct gw_hnv_object *object(enum gw_hnv_kind kind)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	assert_non_null(o);
	o->kind = kind;
	return o;
}

/* --- changes as the core makes them --- */

static inline void put(struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(gw_intent_put(intent, o, &err), 0, &err, NULL);
}

static inline void drop(struct gw_hnv_object *key)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(gw_intent_delete(intent, key, &err), 0, &err, NULL);
	gw_hnv_object_free(key);
}

/* Removals first, then the rest. */
static inline int apply_parts(const struct gw_delta *delta, struct gw_error *err)
{
	struct gw_change *changes = calloc(delta->n + 1, sizeof *changes);
	int rc = 0;

	for (int removals = 1; removals >= 0 && rc == 0; removals--) {
		struct gw_delta part = {changes, 0};

		for (size_t i = 0; i < delta->n; i++)
			if (removals == !delta->changes[i].after)
				changes[part.n++] = delta->changes[i];
		rc = part.n ? ops->apply(driver, intent, &part, err) : 0;
	}
	free(changes);
	return rc;
}

/* The delta backwards; what it brought is copied since the rollback frees it. */
static inline void undo(const struct gw_delta *delta)
{
	struct gw_change *changes = calloc(delta->n + 1, sizeof *changes);
	struct gw_delta inverse = {changes, delta->n};
	struct gw_error err = GW_ERROR_INIT;

	for (size_t i = 0; i < delta->n; i++) {
		changes[i].after = delta->changes[i].before;
		changes[i].before = delta->changes[i].after ? gw_hnv_object_copy(delta->changes[i].after) : NULL;
	}
	gw_intent_rollback(intent);
	expect(ops->apply(driver, intent, &inverse, &err), 0, &err, NULL);
	for (size_t i = 0; i < delta->n; i++)
		gw_hnv_object_free((struct gw_hnv_object *)changes[i].before);
	free(changes);
}

/* Checks and applies what was put since gw_intent_begin; all or nothing. */
static inline int commit(struct gw_error *err)
{
	struct gw_delta delta;
	int rc;

	*err = GW_ERROR_INIT;
	assert_int_equal(gw_intent_validate(intent, err), 0);
	delta = gw_intent_delta(intent);
	rc = (ops->check)(driver, intent, &delta, err); /* not the macro */
	if (rc < 0) {
		gw_intent_rollback(intent);
		return rc;
	}
	rc = apply_parts(&delta, err);
	if (rc < 0) {
		undo(&delta);
		return rc;
	}
	gw_intent_commit(intent);
	return 0;
}

static inline void commit_ok(void)
{
	struct gw_error err;

	expect(commit(&err), 0, &err, NULL);
}

/* Puts one object; the usual case. */
static inline void add(struct gw_hnv_object *o)
{
	gw_intent_begin(intent);
	put(o);
	commit_ok();
}

/* To its last part. */
static inline int sync_whole(struct gw_error *err)
{
	int rc;

	do
		rc = ops->sync(driver, intent, err);
	while (rc == GW_SYNC_MORE);
	return rc;
}

static inline void sync_ok(void)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(sync_whole(&err), 0, &err, NULL);
}

/* --- what is said of it --- */

/* Frees the key. */
static inline void state_of_key_is(struct gw_hnv_object *key, const char *state, const char *detail)
{
	json_t *j = json_object();
	const char *s, *d;

	ops->describe(driver, key, j);
	s = json_string_value(json_object_get(j, "state"));
	d = json_string_value(json_object_get(j, "stateDetail"));
	check(s && !strcmp(s, state), "%s: %s instead of %s", d ? d : "", s ? s : "nothing", state);
	if (detail)
		check(d && strstr(d, detail), "\"%s\" has no \"%s\"", d ? d : "", detail);
	else
		check(!d, "%s", d);
	json_decref(j);
	gw_hnv_object_free(key);
}

static inline bool is_wanted(void *ctx)
{
	(void)ctx;
	return wanted > 0;
}

static inline void wait_want(const char *why)
{
	check(netns_wait(&ns, is_wanted, NULL, 5000), "nobody asked for a sync: %s", why);
	check(strstr(reason, why), "\"%s\" has no \"%s\"", reason, why);
}

/* What has come until now is no news any more. */
static inline void settle(void)
{
	netns_drain(&ns);
	wanted = 0;
}

#endif
