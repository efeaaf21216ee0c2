/* engine_fixture.h - the engine as a driver with an intent, in a network namespace, driven as the core does it. */
#ifndef GW_TESTS_BPF_ENGINE_FIXTURE_H
#define GW_TESTS_BPF_ENGINE_FIXTURE_H

#include "harness.h"

#include "../unit/netns.h"
#include "engine/engine.h"

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

static inline void engine_sync(void)
{
	struct gw_error err = GW_ERROR_INIT;

	env.want_sync = false;
	check(gw_engine_driver.sync(env.driver, env.intent, &err) == 0, "%s: %s", err.target, err.message);
}

static inline void engine_open(void)
{
	struct gw_driver_env e = {.loop = &env.ns.loop,
				  .config = &env.config,
				  .nl = env.ns.nl,
				  .want_sync = engine_on_want_sync,
				  .core = &env};
	struct gw_error err = GW_ERROR_INIT;

	check(gw_engine_driver.open(&e, &env.driver, &err) == 0, "%s", err.message);
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

#endif
