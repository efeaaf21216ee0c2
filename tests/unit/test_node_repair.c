/*
 * test_node_repair.c - the node driver against the real kernel: taking over after a restart, interfaces and
 * next hops that come later, and repair of what others removed (API-2). What belongs to others is left alone.
 */
#include "node_fixture.h"

static void test_restart_takes_over(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.1.21", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	put(proute("eth1", "10.8.0.0/16", "10.1.1.1"));
	commit_ok();
	sh_ok("ip addr add 10.1.1.99/24 dev eth1 && ip route add 10.7.0.0/16 via 10.1.1.1");
	/* The daemon ends: everything stays. While it is away the intent changes. */
	driver = ops->close(driver);
	has("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	intent = gw_intent_free(intent);
	new_intent();
	open_driver();
	has("eth1 inet 10.1.1.20/24");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.21", 24));
	put(paddr("eth1", "10.1.1.22", 24));
	put(proute("eth1", "10.8.0.0/16", "10.1.1.2"));
	gw_intent_commit(intent);
	state_of_key_is(paddr("eth1", "10.1.1.21", 24), "Waiting", "not brought to the kernel yet");
	sync_ok();
	has_not("eth1 inet 10.1.1.20/24");
	has("eth1 inet 10.1.1.21/24");
	has("eth1 inet 10.1.1.22/24");
	has_not("10.9.0.0/16");
	has_not("10.8.0.0/16 via 10.1.1.1");
	has("10.8.0.0/16 via 10.1.1.2 dev eth1 proto 103");
	/* What is not ours is still there. */
	has("eth1 inet 10.1.1.99/24");
	has("10.7.0.0/16 via 10.1.1.1");
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end_driver();
}

/* What is as it should be is not written again, and of what is not just that. */
static void test_restart_writes_what_is_missing(void **state)
{
	static const struct {
		const char *loss, *there;
	} cases[] = {
		{"true", "eth1 inet 10.1.1.20/24"},
		{"ip route del 10.9.0.0/16", "10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103"},
		{"ip addr del 10.1.1.21/24 dev eth1", "eth1 inet 10.1.1.21/24"},
	};

	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.1.21", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	put(proute("eth1", "10.8.0.0/16", "0.0.0.0"));
	commit_ok();
	for (size_t i = 0; i < GW_N(cases); i++) {
		uint64_t writes;

		driver = ops->close(driver);
		sh_ok("%s", cases[i].loss);
		netns_drain(&ns); /* nobody hears of it */
		open_driver();
		writes = gw_nl_writes();
		sync_ok();
		check(gw_nl_writes() - writes == (i ? 1 : 0), "%s: %llu writes", cases[i].loss,
		      (unsigned long long)(gw_nl_writes() - writes));
		has(cases[i].there);
		netns_drain(&ns);
		assert_int_equal(wanted, 0);
	}
	end_driver();
}

static void test_interface_comes_later(void **state)
{
	(void)state;
	begin();
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	gw_intent_commit(intent); /* as loaded from the store */
	sync_ok();
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Waiting", "interface eth1 does not exist");
	assert_int_equal(warnings(NULL), 2);
	assert_int_equal(wanted, 0);

	sh_ok("ip link add eth1 type veth peer name eth1p");
	expect_want("interface eth1 appeared");
	sync_ok();
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Down", "interface eth1 is down");
	sh_ok("ip link set eth1 up");
	expect_want("interface eth1 came up");
	sync_ok();
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Down", "interface eth1 has no carrier");
	sh_ok("ip link set eth1p up");
	comes_up(paddr("eth1", "10.1.1.20", 24));
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Up", NULL);
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Up", NULL);
	assert_int_equal(warnings(NULL), 0);

	/* It goes, and another of its name comes. */
	sh_ok("ip link del eth1");
	netns_drain(&ns);
	state_of_key_is(paddr("eth1", "10.1.1.20", 24), "Waiting", "interface eth1 does not exist");
	sync_ok();
	wanted = 0;
	netns_veth(&ns, "eth1");
	expect_want("interface eth1 ");
	sync_ok();
	has("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	end_driver();
}

static void test_repair_after_removal_from_outside(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(paddr("eth1", "10.1.1.20", 24));
	put(paddr("eth1", "10.1.1.21", 24));
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	commit_ok();
	sh_ok("ip addr del 10.1.1.21/24 dev eth1");
	expect_want("address 10.1.1.21 was removed from eth1 from outside");
	state_of_key_is(paddr("eth1", "10.1.1.21", 24), "Down", "removed from outside");
	assert_int_equal(warnings("provider address 10.1.1.21: removed from outside"), 1);
	sync_ok();
	has("eth1 inet 10.1.1.21/24");
	state_of_key_is(paddr("eth1", "10.1.1.21", 24), "Up", NULL);

	sh_ok("ip route del 10.9.0.0/16");
	expect_want("route 10.9.0.0/16 over eth1 was removed from outside");
	sync_ok();
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");

	/* All addresses, which takes the routes along without a word. */
	sh_ok("ip addr flush dev eth1");
	expect_want("was removed from eth1 from outside");
	sync_ok();
	has("eth1 inet 10.1.1.20/24");
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");

	/* A link that goes down loses its routes without a word, too. */
	sh_ok("ip link set eth1 down");
	netns_drain(&ns);
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Down", "interface eth1 is down");
	sync_ok();
	wanted = 0;
	has_not("10.9.0.0/16");
	sh_ok("ip link set eth1 up");
	expect_want("interface eth1 came up");
	sync_ok();
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end_driver();
}

static void test_in_the_way_of_an_operators_route(void **state)
{
	struct gw_error err;

	(void)state;
	begin();
	veth("eth1");
	veth("eth2");
	sh_ok("ip addr add 192.168.0.2/24 dev eth2 && ip route add default via 192.168.0.1");
	add(paddr("eth1", "10.1.1.20", 24));
	gw_intent_begin(intent);
	put(proute("eth1", "0.0.0.0/0", "10.1.1.1"));
	expect(commit(&err), -EEXIST, &err, "there is 0.0.0.0/0 via 192.168.0.1 over eth2");
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	assert_string_equal(err.target, "properties.DestinationPrefix");
	has("default via 192.168.0.1 dev eth2");
	has_not("default via 10.1.1.1 dev eth1");

	/* The same found at start: told, not fatal, and mended when the way is free. */
	gw_intent_begin(intent);
	put(proute("eth1", "0.0.0.0/0", "10.1.1.1"));
	gw_intent_commit(intent);
	sync_ok();
	state_of_key_is(proute("eth1", "0.0.0.0/0", "10.1.1.1"), "Down",
			"there is 0.0.0.0/0 via 192.168.0.1 over eth2");
	assert_int_equal(warnings(NULL), 1);
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	sh_ok("ip route del default via 192.168.0.1");
	expect_want("another route to 0.0.0.0/0 went");
	sync_ok();
	has("default via 10.1.1.1 dev eth1 proto 103");
	state_of_key_is(proute("eth1", "0.0.0.0/0", "10.1.1.1"), "Up", NULL);
	end_driver();
}

/* A next hop that becomes reachable by an address that somebody adds. */
static void test_next_hop_comes_later(void **state)
{
	(void)state;
	begin();
	veth("eth1");
	gw_intent_begin(intent);
	put(proute("eth1", "10.9.0.0/16", "10.1.1.1"));
	gw_intent_commit(intent);
	sync_ok();
	state_of_key_is(proute("eth1", "10.9.0.0/16", "10.1.1.1"), "Down", "Nexthop has invalid gateway");
	sh_ok("ip addr add 10.1.1.5/24 dev eth1");
	expect_want("addresses of eth1 changed");
	sync_ok();
	has("10.9.0.0/16 via 10.1.1.1 dev eth1 proto 103");
	end_driver();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_takes_over),
		cmocka_unit_test(test_restart_writes_what_is_missing),
		cmocka_unit_test(test_interface_comes_later),
		cmocka_unit_test(test_repair_after_removal_from_outside),
		cmocka_unit_test(test_in_the_way_of_an_operators_route),
		cmocka_unit_test(test_next_hop_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
