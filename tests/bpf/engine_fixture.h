/* engine_fixture.h - the engine as a driver with an intent, in a network namespace, driven as the core does it. */
#ifndef GW_TESTS_BPF_ENGINE_FIXTURE_H
#define GW_TESTS_BPF_ENGINE_FIXTURE_H

#include "harness.h"

#include "../unit/netns.h"
#include "engine/engine.h"
#include "engine/internal.h"

static struct {
	struct netns ns;
	struct gw_config config;
	struct gw_intent *intent;
	struct gw_driver *driver;
	bool want_sync;
} env;

static inline void engine_on_want_sync(void *core, const char *why)
{
	(void)core;
	(void)why;
	env.want_sync = true;
}

/* A fresh namespace and an empty intent. */
static inline void engine_begin(void)
{
	static const char text[] = "[node]\nname = test\nroles = host\n[engine]\nflow_table_size = 1024\n"
				   "record_limit = 1000\n[limits]\nports = 16\n";
	struct gw_intent_limits limits;
	struct gw_error err = GW_ERROR_INIT;

	netns_begin(&env.ns);
	check(gw_config_parse(text, sizeof text - 1, "test", &env.config, &err) == 0, "%s", err.message);
	snprintf(env.config.bpf_dir, sizeof env.config.bpf_dir, "%s", world.bpf_dir);
	gw_config_intent_limits(&env.config, &limits);
	assert_int_equal(gw_intent_new(&limits, &env.intent), 0);
}

/* Whether there is more to do. */
static inline bool engine_sync_part(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int rc;

	env.want_sync = false;
	rc = gw_engine_driver.sync(env.driver, env.intent, &err);
	check(rc == 0 || rc == GW_SYNC_MORE, "%s: %s", err.target, err.message);
	return rc == GW_SYNC_MORE;
}

static inline void engine_sync(void)
{
	while (engine_sync_part())
		;
}

/* As the daemon starts: before its first sync. */
static inline void engine_start(void)
{
	struct gw_driver_env e = {.loop = &env.ns.loop,
				  .config = &env.config,
				  .nl = env.ns.nl,
				  .intent = env.intent,
				  .want_sync = engine_on_want_sync,
				  .core = &env};
	struct gw_error err = GW_ERROR_INIT;

	check(gw_engine_driver.open(&e, &env.driver, &err) == 0, "%s", err.message);
}

static inline void engine_open(void)
{
	engine_start();
	engine_sync();
}

/* Also after a test that was skipped before there was an engine. */
static inline int engine_end(void **state)
{
	(void)state;
	if (!env.driver)
		return 0;
	env.driver = gw_engine_driver.close(env.driver);
	env.intent = gw_intent_free(env.intent);
	netns_end(&env.ns);
	return 0;
}

static inline struct gw_addr address(const char *text)
{
	struct gw_addr a;

	assert_int_equal(gw_addr_parse(text, &a), 0);
	return a;
}

/* --- transactions, as the reconciler makes them --------------------------------------------------------------------------- */

#define MAX_CHANGES 32

struct engine_plan {
	struct gw_change changes[MAX_CHANGES];
	size_t n, n_removals;
};

static inline struct engine_plan engine_plan_of(const struct gw_delta *delta)
{
	struct engine_plan p = {0};

	assert_true(delta->n <= MAX_CHANGES);
	for (int removal = 1; removal >= 0; removal--)
		for (size_t i = 0; i < delta->n; i++)
			if (removal == !delta->changes[i].after) {
				p.changes[p.n++] = delta->changes[i];
				p.n_removals += (size_t)removal;
			}
	return p;
}

static inline void engine_apply(const struct gw_change *changes, size_t n)
{
	struct gw_delta delta = {changes, n};
	struct gw_error err = GW_ERROR_INIT;

	if (n)
		check(gw_engine_driver.apply(env.driver, env.intent, &delta, &err) == 0, "%s: %s", err.target,
		      err.message);
}

/* Rolls the intent back and applies the inverse of the first `done` changes. */
static inline void engine_undo(const struct engine_plan *p, bool rest_too)
{
	size_t done = rest_too ? p->n : p->n_removals, n_rest = done - (rest_too ? p->n_removals : done);
	struct gw_change inverse[MAX_CHANGES];

	for (size_t i = 0; i < done; i++) {
		const struct gw_change *c = &p->changes[done - 1 - i];

		inverse[i].after = c->before;
		inverse[i].before = c->after ? gw_hnv_object_copy(c->after) : NULL;
	}
	gw_intent_rollback(env.intent);
	engine_apply(inverse, n_rest);
	engine_apply(inverse + n_rest, done - n_rest);
	for (size_t i = 0; i < done; i++)
		gw_hnv_object_free((struct gw_hnv_object *)inverse[i].before);
}

/* Returns what kind it was, for the message of a comparison that fails. */
static inline const char *engine_transaction(void (*one_change)(void))
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;
	struct engine_plan plan;

	gw_intent_begin(env.intent);
	for (uint32_t n = 1 + rnd_below(6); n; n--)
		one_change();
	delta = gw_intent_delta(env.intent);
	if (gw_intent_validate(env.intent, &err) < 0 ||
	    (gw_engine_driver.check)(env.driver, env.intent, &delta, &err) < 0) {
		gw_intent_rollback(env.intent);
		return "a refusal";
	}
	plan = engine_plan_of(&delta);
	switch (rnd_below(6)) {
	case 0: /* another driver failed: all of it back */
		engine_apply(plan.changes, plan.n_removals);
		engine_apply(plan.changes + plan.n_removals, plan.n - plan.n_removals);
		engine_undo(&plan, true);
		return "undoing all";
	case 1: /* failed between the removals and the rest, whose inverse comes all the same */
		engine_apply(plan.changes, plan.n_removals);
		engine_undo(&plan, false);
		return "undoing the removals";
	case 2:
		engine_apply(delta.changes, delta.n);
		gw_intent_commit(env.intent);
		return "a change in one step";
	default:
		engine_apply(plan.changes, plan.n_removals);
		engine_apply(plan.changes + plan.n_removals, plan.n - plan.n_removals);
		gw_intent_commit(env.intent);
		return "a change in two steps";
	}
}

/* --- a walk ----------------------------------------------------------------------------------------------------------------- */

/* Random transactions, now and then something from outside, or a restart: after each of them the maps are compared. */
struct engine_walk {
	unsigned rounds;
	unsigned event_every, restart_every; /* one round of so many, on average */
	void (*one_change)(void);
	void (*interface_event)(bool mended); /* by a sync, if one is asked for */
	void (*while_away)(void);	      /* what changes while there is no engine */
	void (*compare)(const char *after, unsigned round);
};

/* A sync in parts that are as small as can be, with changes and events in between; and what was asked for meanwhile. */
static inline void engine_sync_amid(const struct engine_walk *w)
{
	uint64_t usual = env.driver->sync.turn_ns;

	env.driver->sync.turn_ns = 0;
	while (engine_sync_part()) {
		if (rnd_below(3) == 0)
			engine_transaction(w->one_change);
		if (rnd_below(2 * w->event_every) == 0)
			w->interface_event(false);
	}
	env.driver->sync.turn_ns = usual;
	if (env.want_sync)
		engine_sync();
}

/* GWD_SEED repeats or varies it. */
static inline void engine_walk(const struct engine_walk *w)
{
	const char *seed = getenv("GWD_SEED");

	rnd_seed(seed ? strtoull(seed, NULL, 0) : 4711);
	w->compare("opening", 0);
	for (unsigned round = 1; round <= w->rounds; round++) {
		w->compare(engine_transaction(w->one_change), round);
		if (rnd_below(w->event_every) == 0) {
			w->interface_event(true);
			w->compare("an interface event", round);
		}
		if (rnd_below(w->restart_every) == 0) {
			env.driver = gw_engine_driver.close(env.driver);
			w->while_away();
			netns_drain(&env.ns);
			engine_start();
			if (rnd_below(2))
				engine_sync_amid(w);
			else
				engine_sync();
			w->compare("a restart", round);
		}
		if (rnd_below(20) == 0) {
			if (rnd_below(2))
				engine_sync_amid(w);
			else
				engine_sync();
			w->compare("a sync", round);
		}
	}
}

#endif
