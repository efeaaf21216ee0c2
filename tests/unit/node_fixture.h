/*
 * node_fixture.h - the node driver in a network namespace with an intent, driven as the core does it. Tests
 * look at the kernel with iproute2.
 */
#ifndef GW_TESTS_UNIT_NODE_FIXTURE_H
#define GW_TESTS_UNIT_NODE_FIXTURE_H

#include "driver_fixture.h"

#include "node/node.h"

static const struct gw_driver_ops *const ops = &gw_node_driver;

static inline void begin(void)
{
	netns_begin(&ns);
	begin_driver();
}

/* An interface whose coming is no news any more. */
static inline int veth(const char *name)
{
	int ifindex = netns_veth(&ns, name);

	settle();
	return ifindex;
}

static inline struct gw_hnv_object *paddr(const char *interface, const char *pa, uint8_t prefix_len)
{
	struct gw_hnv_object *o = object(GW_HNV_PROVIDER_ADDRESS);

	check(gw_addr_parse(pa, &o->paddr.pa) == 0, "%s", pa);
	o->paddr.prefix_len = prefix_len;
	snprintf(o->paddr.interface, IFNAMSIZ, "%s", interface);
	return o;
}

static inline struct gw_hnv_object *proute(const char *interface, const char *prefix, const char *hop)
{
	struct gw_hnv_object *o = object(GW_HNV_PROVIDER_ROUTE);

	check(gw_prefix_parse(prefix, &o->proute.prefix) == 0, "%s", prefix);
	check(gw_addr_parse(hop, &o->proute.next_hop) == 0, "%s", hop);
	snprintf(o->proute.interface, IFNAMSIZ, "%s", interface);
	return o;
}

/* --- what is there --- */

#define has(...)     assert_int_equal(sh_has(__VA_ARGS__), true)
#define has_not(...) assert_int_equal(sh_has(__VA_ARGS__), false)

/* `what` is a beginning of a line of `ip -o -4 addr` ("eth1 inet 10.1.1.20/24") or `ip route`. */
static inline bool sh_has(const char *what)
{
	return sh("(ip -o addr | sed 's/^[0-9]*: *//; s/  */ /g'; ip route; ip -6 route) | grep -q '^%s '", what) == 0;
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

static inline void expect_want(const char *why)
{
	wait_want(why);
	settle();
}

#endif
