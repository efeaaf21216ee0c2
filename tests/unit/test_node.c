/*
 * test_node.c - the node driver against the real kernel: provider addresses and provider routes (API-2)
 * brought in, replaced and taken away, and what is refused.
 */
#include "node_fixture.h"

#include <time.h>

static void test_missing_interface_is_refused(void **state)
{
	struct gw_error err;

	(void)state;
	begin();
	gw_intent_begin(intent);
	put(paddr("eth9", "10.1.1.20", 24));
	expect(commit(&err), -ENODEV, &err, "interface 'eth9' does not exist on this node; it has none but lo");
	veth("eth1");
	gw_intent_begin(intent);
	put(proute("eth9", "10.9.0.0/16", "10.1.1.1"));
	expect(commit(&err), -ENODEV, &err, "interface 'eth9' does not exist on this node; there are eth1p, eth1");
	assert_int_equal(err.code, GW_ERR_INVALID_PROPERTY);
	assert_string_equal(err.target, "properties.Interface");
	sh_ok("for i in 1 2 3 4 5; do ip link add v$i type veth peer name v${i}p; done");
	gw_intent_begin(intent);
	put(paddr("eth9", "10.1.1.20", 24));
	expect(commit(&err), -ENODEV, &err, ", ...");
	end_driver();
}

static void test_bring_in_and_take_away(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1")); /* before the address that makes it possible */
	put(proute("eth1", "10.8.0.0/16", "0.0.0.0"));
	put(paddr("eth1", "10.1.1.20", 24));
	commit_ok();
	has("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	has("10.8.0.0/16 dev eth1 proto 103 scope link");
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Up", NULL);
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Up", NULL);
	assert_int_equal(warnings(NULL), 0);
	sync_ok();
	netns_drain(&ns);
	assert_int_equal(wanted, 0); /* its own changes do not wake it */

	gw_intent_begin(intent);
	drop(paddr("eth1", "10.1.1.20", 24));
	drop(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	drop(proute("eth1", "10.8.0.0/16", "0.0.0.0"));
	commit_ok();
	has_not("eth1 inet 10.1.1.20/24");
	has_not("10.9.0.0/16");
	has_not("10.8.0.0/16");
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end_driver();
}

static void test_put_there_by_hand(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	sh_ok("ip addr add 10.1.1.20/24 dev eth1 && ip route add 10.9.0.0/16 via 10.1.1.1");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	commit_ok();
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Up", NULL);
	sync_ok();
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Up", NULL);
	gw_intent_begin(intent);
	drop(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	drop(paddr("eth1", "10.1.1.20", 24));
	commit_ok();
	sync_ok();
	has("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1");
	end_driver();
}

/* What a second observer sees, in order. */
static char seen[1024];

static void see(void *ctx, const struct gw_nl_change *c)
{
	size_t used = strlen(seen);
	char buf[GW_PREFIX_STRLEN], hop[GW_ADDR_STRLEN];

	(void)ctx;
	if (c->kind == GW_NL_CHANGE_ADDR)
		snprintf(seen + used, sizeof seen - used, "%s%s/%u@%d ", c->removed ? "-" : "+",
			 gw_addr_format(&c->addr.addr, buf), c->addr.prefix_len, c->addr.ifindex);
	else if (c->kind == GW_NL_CHANGE_ROUTE && c->route.ours)
		snprintf(seen + used, sizeof seen - used, "%s%s>%s ", c->removed ? "-" : "+",
			 gw_prefix_format(&c->route.prefix, buf), gw_addr_format(&c->route.next_hop, hop));
}

/* A replacement is there before what it replaces goes. */
static void test_replacements_do_not_interrupt(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl *observer;
	char want[256];
	int eth1, eth2;

	(void)state;
	begin();
	eth1 = veth("eth1");
	eth2 = veth("eth2");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.1.19", 25));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	put(proute("eth1", "10.8.0.0/16", "0.0.0.0"));
	commit_ok();
	expect(gw_nl_open(&ns.loop, &observer, &err), 0, &err, NULL);
	assert_int_equal(gw_nl_watch_inet(observer, see, NULL), 0);

	add(paddr("eth1", "10.1.1.20", 16));
	netns_drain(&ns);
	snprintf(want, sizeof want, "+10.1.1.20/16@%d -10.1.1.20/24@%d ", eth1, eth1);
	assert_string_equal(seen, want);

	seen[0] = 0;
	add(paddr("eth2", "10.1.1.20", 16));
	netns_drain(&ns);
	snprintf(want, sizeof want, "+10.1.1.20/16@%d -10.1.1.20/16@%d ", eth2, eth1);
	assert_string_equal(seen, want);

	seen[0] = 0;
	add(proute("eth1", "10.9.0.0/16", "10.1.1.2"));
	netns_drain(&ns);
	assert_string_equal(seen, "+10.9.0.0/16>10.1.1.2 -10.9.0.0/16>10.1.1.1 ");
	seen[0] = 0;
	add(proute("eth1", "10.8.0.0/16", "10.1.1.2"));
	netns_drain(&ns);
	/* Scopes differ, so the two can stand side by side. */
	assert_string_equal(seen, "+10.8.0.0/16>10.1.1.2 -10.8.0.0/16>0.0.0.0 ");
	has("10.8.0.0/16 via 10.1.1.2 dev eth1");
	assert_int_equal(wanted, 0);
	gw_nl_close(observer);
	end_driver();
}

static void test_refused_by_the_kernel(void **state)
{
	struct gw_error err;

	(void)state;
	begin();
	veth("eth1");
	veth("eth2");
	add(paddr("eth1", "10.1.1.20", 24));
	/* A batch of which the last cannot be: none of it stays, and what was replaced is back. */
	gw_intent_begin(intent);
	put(paddr("eth2", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.2.20", 24));
	put(proute("eth1", "10.8.0.0/16", "10.1.2.1"));
	put(proute("eth1", "10.9.0.0/16", "172.16.0.1"));
	expect(commit(&err), -ENETUNREACH, &err,
	       "cannot add route 10.9.0.0/16 via 172.16.0.1 over eth1: Network is unreachable");
	check(strstr(err.message, "Nexthop has invalid gateway"), "%s", err.message);
	assert_int_equal(err.code, GW_ERR_INVALID_PROPERTY);
	assert_string_equal(err.target, "properties.NextHop");
	has("eth1 inet 10.1.1.20/24");
	has_not("eth2 inet 10.1.1.20/24");
	has_not("eth1 inet 10.1.2.20/24");
	has_not("10.8.0.0/16");
	sync_ok();
	has("eth1 inet 10.1.1.20/24");
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Up", NULL);
	end_driver();
}

/*
 * The last address of a link takes its routes away; in one change with a new address they are back at the end.
 */
static void test_routes_outlive_an_address(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	commit_ok();
	gw_intent_begin(intent);
	drop(paddr("eth1", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.1.21", 24));
	commit_ok();
	has("eth1 inet 10.1.1.21/24");
	has_not("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Up", NULL);
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end_driver();
}

/* Applies one change past the intent, which takes no IPv6 provider addresses in this version. */
static void apply_one(struct gw_hnv_object *before, struct gw_hnv_object *after)
{
	struct gw_change change = {before, after};
	struct gw_delta delta = {&change, 1};
	struct gw_error err = GW_ERROR_INIT;

	expect(ops->apply(driver, intent, &delta, &err), 0, &err, NULL);
	gw_hnv_object_free(before);
}

/*
 * A link holds an IPv6 address only once, and an on-link route is deleted by its prefix: there the old one goes first.
 */
static void test_ipv6(void **state)
{
	struct gw_hnv_object *a = paddr("eth1", "fd00::1", 64), *b = paddr("eth1", "fd00::1", 48),
			     *c = paddr("eth2", "fd00::1", 48), *r = proute("eth2", "fd10::/16", "::"),
			     *via = proute("eth2", "fd10::/16", "fd00::2"), *back = proute("eth2", "fd10::/16", "::");

	(void)state;
	begin();
	veth("eth1");
	veth("eth2");
	apply_one(NULL, a);
	has("eth1 inet6 fd00::1/64");
	apply_one(a, b);
	has("eth1 inet6 fd00::1/48");
	has_not("eth1 inet6 fd00::1/64");
	apply_one(b, c);
	has("eth2 inet6 fd00::1/48");
	has_not("eth1 inet6 fd00::1/48");
	apply_one(NULL, r);
	has("fd10::/16 dev eth2 proto 103");
	apply_one(r, via);
	has("fd10::/16 via fd00::2 dev eth2 proto 103");
	has_not("fd10::/16 dev eth2");
	apply_one(via, back);
	has("fd10::/16 dev eth2 proto 103");
	has_not("fd10::/16 via fd00::2");
	apply_one(back, NULL);
	has_not("fd10::/16");
	apply_one(c, NULL);
	has_not("eth2 inet6 fd00::1/48");
	end_driver();
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test_a_thousand_addresses(void **state)
{
	enum { N = 1000 };
	char text[GW_ADDR_STRLEN];
	double t[4];

	(void)state;
	begin();
	veth("eth1");
	t[0] = seconds();
	gw_intent_begin(intent);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250 + 1);
		put(paddr("eth1", text, 16));
	}
	commit_ok();
	t[1] = seconds();
	assert_int_equal(sh("test $(ip -o -4 addr show dev eth1 | wc -l) = %d", N), 0);
	sh_ok("ip addr flush dev eth1");
	expect_want("from outside");
	t[2] = seconds();
	sync_ok();
	t[3] = seconds();
	assert_int_equal(sh("test $(ip -o -4 addr show dev eth1 | wc -l) = %d", N), 0);
	state_of_key_is(paddr("eth1", "10.1.3.250", 16), "Up", NULL);
	print_message("# apply %.3f s, sync %.3f s", t[1] - t[0], t[3] - t[2]);
	/* Gone while nobody looked, all at once: warnings stay readable. */
	sh_ok("ip link del eth1");
	netns_drain(&ns);
	assert_int_equal(warnings(NULL), 33);
	t[0] = seconds();
	netns_veth(&ns, "eth1");
	expect_want("interface eth1");
	sync_ok();
	gw_intent_begin(intent);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250 + 1);
		drop(paddr("eth1", text, 16));
	}
	t[1] = seconds();
	commit_ok();
	print_message(", removal %.3f s\n", seconds() - t[1]);
	assert_int_equal(sh("test $(ip -o -4 addr show dev eth1 | wc -l) = 0"), 0);
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end_driver();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_interface_is_refused),
		cmocka_unit_test(test_bring_in_and_take_away),
		cmocka_unit_test(test_put_there_by_hand),
		cmocka_unit_test(test_replacements_do_not_interrupt),
		cmocka_unit_test(test_refused_by_the_kernel),
		cmocka_unit_test(test_routes_outlive_an_address),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_a_thousand_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
