/*
 * node_fixture.h - the node driver in a network namespace with an intent, driven as the core does it. Tests
 * look at the kernel with iproute2.
 */
#ifndef GW_TESTS_UNIT_NODE_FIXTURE_H
#define GW_TESTS_UNIT_NODE_FIXTURE_H

#include "netns.h"

#include "model/intent.h"
#include "node/node.h"

static struct netns ns;
static struct gw_intent *intent;
static struct gw_driver *driver;
static struct gw_config config;
static int wanted;	 /* how often a sync was asked for */
static char reason[256]; /* the last time */

static const struct gw_driver_ops *const ops = &gw_node_driver;

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

static inline void begin(void)
{
	netns_begin(&ns);
	new_intent();
	open_driver();
	wanted = 0;
	reason[0] = 0;
}

/* An interface whose coming is no news any more. */
static inline int veth(const char *name)
{
	int ifindex = netns_veth(&ns, name);

	netns_drain(&ns);
	wanted = 0;
	return ifindex;
}

static inline void end(void)
{
	driver = ops->close(driver);
	assert_null(driver);
	intent = gw_intent_free(intent);
	netns_end(&ns);
}

static inline struct gw_hnv_object *paddr(const char *interface, const char *pa, uint8_t prefix_len)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PROVIDER_ADDRESS;
	check(gw_addr_parse(pa, &o->paddr.pa) == 0, "%s", pa);
	o->paddr.prefix_len = prefix_len;
	snprintf(o->paddr.interface, IFNAMSIZ, "%s", interface);
	return o;
}

static inline struct gw_hnv_object *proute(const char *interface, const char *prefix, const char *hop)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PROVIDER_ROUTE;
	check(gw_prefix_parse(prefix, &o->proute.prefix) == 0, "%s", prefix);
	check(gw_addr_parse(hop, &o->proute.next_hop) == 0, "%s", hop);
	snprintf(o->proute.interface, IFNAMSIZ, "%s", interface);
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
	rc = ops->apply(driver, intent, &delta, err);
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

static inline void sync_ok(void)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(ops->sync(driver, intent, &err), 0, &err, NULL);
}

/* Puts one object; the usual case. */
static inline void add(struct gw_hnv_object *o)
{
	gw_intent_begin(intent);
	put(o);
	commit_ok();
}

/* --- what is there --- */

#define has(...)     assert_int_equal(sh_has(__VA_ARGS__), true)
#define has_not(...) assert_int_equal(sh_has(__VA_ARGS__), false)

/* `what` is a beginning of a line of `ip -o -4 addr` ("eth1 inet 10.1.1.20/24") or `ip route`. */
static inline bool sh_has(const char *what)
{
	return sh("(ip -o addr | sed 's/^[0-9]*: *//; s/  */ /g'; ip route; ip -6 route) | grep -q '^%s '", what) == 0;
}

static inline void state_is(struct gw_hnv_object *key, const char *state, const char *detail)
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

static inline size_t warnings(const char *first)
{
	json_t *status = ops->status(driver), *list = json_object_get(status, "warnings");
	size_t n = json_array_size(list);

	assert_true(json_is_array(list));
	if (n && first)
		assert_string_equal(json_string_value(json_array_get(list, 0)), first);
	json_decref(status);
	return n;
}

static inline bool is_up(void *key)
{
	json_t *j = json_object();
	const char *s;
	bool up;

	ops->describe(driver, key, j);
	s = json_string_value(json_object_get(j, "state"));
	up = s && !strcmp(s, "Up");
	json_decref(j);
	return up;
}

/* The kernel takes its time over a carrier. */
static inline void comes_up(struct gw_hnv_object *key)
{
	check(netns_wait(&ns, is_up, key, 5000), "it does not come up");
	gw_hnv_object_free(key);
}

static inline bool is_wanted(void *ctx)
{
	(void)ctx;
	return wanted > 0;
}

static inline void expect_want(const char *why)
{
	check(netns_wait(&ns, is_wanted, NULL, 5000), "nobody asked for a sync: %s", why);
	check(strstr(reason, why), "\"%s\" has no \"%s\"", reason, why);
	netns_drain(&ns);
	wanted = 0;
}

#endif
