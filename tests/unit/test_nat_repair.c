/* test_nat_repair.c - the NAT plugin on a real kernel: what it takes over, repairs, leaves to others, and changes in place. */
#include "nat_fixture.h"

static bool was_wanted(void)
{
	for (int i = 0; i < 200 && !wanted; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	return wanted;
}

/* What is as it should be is not touched; what somebody changed is repaired, with the counters kept. */
static void test_adopt_and_repair(void **state)
{
	static const char *const harms[] = {
		"nft flush ruleset",
		"nft delete table inet gwd-nat",
		"nft flush chain inet gwd-nat post",
		"nft insert rule inet gwd-nat out accept",
		"nft add chain inet gwd-nat input '{ policy drop; }'",
		"nft add table inet gwd-nat '{ flags dormant; }'",
	};
	char as[64];

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", ",\"IdleTimeout\":7"));
	put(GW_HNV_NAT_RULE, RULE("Inbound", "Tcp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1"));
	commit_ok();
	assert_string_equal(seen_as("10.0.0.4", 4000), "203.0.113.1 4000");
	wanted = 0;
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(wanted, 0); /* its own changes are no news */
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(status_number("writes"), 0);
	assert_int_equal(
		connections(RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", ",\"IdleTimeout\":7"), "Up"), 1);
	for (size_t i = 0; i < GW_N(harms); i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		wanted = 0;
		sh_ok("nsenter --net=/run/netns/%s %s", vrf, harms[i]);
		check(was_wanted(), "nobody noticed: %s", harms[i]);
		sync_ok();
		snprintf(as, sizeof as, "203.0.113.1 %u", (unsigned)(4001 + i));
		assert_string_equal(seen_as("10.0.0.4", (unsigned)(4001 + i)), as);
		assert_int_equal(status_number("repairs"), i + 1);
		sync_ok();
		assert_int_equal(status_number("repairs"), i + 1);
	}
	/* What is wanted otherwise is none. */
	change();
	drop(GW_HNV_NAT_RULE, RULE("Inbound", "Tcp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1"));
	commit_ok();
	assert_int_equal(status_number("repairs"), GW_N(harms));
	end();
}

static const char *detail(void)
{
	static char text[256];
	struct gw_hnv_object *o = fixture_object(GW_HNV_VRF, VRF);
	json_t *j = json_object(), *nat;

	gw_plugin.ops->describe(driver, o, j);
	nat = json_object_get(j, "nat");
	snprintf(text, sizeof text, "%s: %s", json_string_value(json_object_get(nat, "state")),
		 json_string_value(json_object_get(nat, "stateDetail")));
	json_decref(j);
	gw_hnv_object_free(o);
	return text;
}

static void somebody(const char *command)
{
	wanted = 0;
	sh_ok("nsenter --net=/run/netns/%s nft '%s'", vrf, command);
	check(was_wanted(), "nobody noticed: %s", command);
	sync_ok();
}

/* Tables of others stay, and are warned of as long as they are there, whoever was there first; ours is as it should be. */
static void test_others(void **state)
{
	(void)state;
	start();
	sh_ok("nsenter --net=/run/netns/%s nft 'add table ip first'", vrf);
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	check(strstr(detail(), "Warning: its namespace has 1 nftables table of somebody else's (ip first)"), "%s",
	      detail());
	connections(OUT_ALL, "Warning");
	somebody("add table inet also; add chain inet also c { type filter hook forward priority 5; policy accept; }; "
		 "add table ip gwd-nat; add table ip6 gwd-nat; add table netdev zz");
	check(strstr(detail(), "Warning: its namespace has 5 nftables tables of somebody else's (inet also)"), "%s",
	      detail());
	assert_string_equal(seen_as("10.0.0.4", 4000), "203.0.113.1 4000");
	/* The next process finds, and says, the same. */
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(status_number("writes"), 0);
	check(strstr(detail(), "5 nftables tables"), "%s", detail());
	somebody("delete table inet also; delete table ip gwd-nat; delete table ip6 gwd-nat; delete table netdev zz");
	check(strstr(detail(), "1 nftables table of"), "%s", detail());
	sh_ok("nsenter --net=/run/netns/%s nft list table ip first >/dev/null", vrf);
	somebody("delete table ip first");
	assert_string_equal(detail(), "Up: ");
	assert_int_equal(status_number("up"), 1);
	assert_int_equal(status_number("repairs"), 0); /* nothing of ours was changed */
	end();
}

static uint64_t handle_of_table(void)
{
	char line[64] = "";
	FILE *f;

	sh_ok("nsenter --net=/run/netns/%s nft -a list table inet gwd-nat | sed -n '1s/.*# handle //p' "
	      ">/tmp/gwd-nat-handle-%d",
	      vrf, (int)getpid());
	snprintf(line, sizeof line, "/tmp/gwd-nat-handle-%d", (int)getpid());
	f = fopen(line, "r");
	assert_non_null(f);
	unlink(line);
	assert_non_null(fgets(line, sizeof line, f));
	fclose(f);
	return strtoull(line, NULL, 10);
}

/*
 * Maps are asked only when something is in them: with the first rule of a kind come the rules that ask, and go with its last one,
 * while the table, what it counted, and what goes on stay.
 */
static void test_kinds_come_and_go(void **state)
{
	const char *web =
		RULE("Inbound", "Udp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1,\"CustomerPort\":8080");
	const char *range =
		RULE("Inbound", "Udp", "203.0.113.1", 5000, "10.0.0.5/32", ",\"PortCount\":9,\"IdleTimeout\":9");
	const char *six = PUBLIC("2001:db8:a::/64");
	int in, out, server, ranged;
	uint64_t table;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	table = handle_of_table();
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	server = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 8080);
	ranged = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 5003);
	send_to(in, "198.51.100.9", 53, "there");
	heard_from(out, "there", "203.0.113.1 4000");
	send_to(out, "203.0.113.1", 80, "nobody");
	assert_int_equal(counter("no-rule"), 1);
	for (int i = 0; i < 2; i++) {
		change();
		put(GW_HNV_NAT_RULE, web);
		commit_ok();
		send_to(out, "203.0.113.1", 80, "web");
		heard_from(server, "web", "198.51.100.9 53");
		change();
		put(GW_HNV_NAT_RULE, range);
		put(GW_HNV_PUBLIC, six);
		commit_ok();
		send_to(out, "203.0.113.1", 5003, "range");
		heard_from(ranged, "range", "198.51.100.9 53");
		send_to(out, "203.0.113.1", 80, "both");
		heard_from(server, "both", "198.51.100.9 53");
		assert_string_equal(seen_as("10.0.0.6", 4001u + (unsigned)i),
				    i ? "203.0.113.1 4002" : "203.0.113.1 4001");
		change();
		drop(GW_HNV_NAT_RULE, web);
		drop(GW_HNV_NAT_RULE, range);
		drop(GW_HNV_PUBLIC, six);
		commit_ok();
		send_to(out, "203.0.113.1", 80, "nobody");
		send_to(out, "203.0.113.1", 5003, "nobody");
		silent(server);
		silent(ranged);
		assert_int_equal(counter("no-rule"), 3 + 2 * i);
		send_to(out, "203.0.113.1", 4000, "back");
		heard_from(in, "back", "198.51.100.9 53");
	}
	assert_int_equal(connections(OUT_ALL, "Up"), 3);
	assert_int_equal(handle_of_table(), table);
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(status_number("writes"), 0);
	close(in);
	close(out);
	close(server);
	close(ranged);
	end();
}

/* Another namespace under the same name is another one. */
static void test_namespace_comes_anew(void **state)
{
	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	wanted = 0;
	drop_namespaces();
	check(was_wanted(), "nobody noticed that the namespace has gone");
	sync_ok();
	assert_int_equal(connections(OUT_ALL, "Waiting"), 0);
	wanted = 0;
	make_namespaces();
	check(was_wanted(), "nobody noticed that it came");
	sync_ok();
	assert_string_equal(seen_as("10.0.0.4", 4000), "203.0.113.1 4000");
	end();
}

/*
 * Ranges beside each other, within each other, and to the last address that there is; one that changes; and what somebody did to them:
 * without an element, without where one ends, with a border within one, with a range more.
 */
static void test_ranges(void **state)
{
	static const char *const harms[] = {
		"delete element inet gwd-nat out-all4 { 10.0.0.4/31 }",
		"delete element inet gwd-nat public4 { 203.0.113.0/30 }",
		"add element inet gwd-nat public4 { 10.0.0.0/24 }",
		"flush map inet gwd-nat out-all4",
		"flush set inet gwd-nat public4; add element inet gwd-nat public4 { 203.0.113.0-203.0.113.1, "
		"203.0.113.3 }",
	};
	const char *low = RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.4/31", "");
	const char *high = RULE("Outbound", "All", "203.0.113.2", 0, "10.0.0.6/31", "");
	const char *all = RULE("Outbound", "All", "203.0.113.3", 0, "0.0.0.0/0", "");
	const char *six = RULE("Outbound", "All", "2001:db8:a::1", 0, "::/0", "");
	uint64_t table;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.0/30"));
	put(GW_HNV_PUBLIC, PUBLIC("2001:db8:a::/64"));
	put(GW_HNV_NAT_RULE, low);
	put(GW_HNV_NAT_RULE, high);
	put(GW_HNV_NAT_RULE, six);
	commit_ok();
	table = handle_of_table();
	assert_string_equal(seen_as("10.0.0.4", 4000), "203.0.113.1 4000");
	assert_string_equal(seen_as("10.0.0.5", 4500), "203.0.113.1 4500");
	assert_string_equal(seen_as("10.0.0.6", 4000), "203.0.113.2 4000");
	for (unsigned i = 0; i < 2; i++) {
		change();
		put(GW_HNV_NAT_RULE, all);
		drop(GW_HNV_NAT_RULE, high);
		commit_ok();
		assert_string_equal(seen_as("10.0.0.5", 4501 + i), i ? "203.0.113.1 4502" : "203.0.113.1 4501");
		assert_string_equal(seen_as("10.0.0.6", 4001 + i), i ? "203.0.113.3 4002" : "203.0.113.3 4001");
		change();
		put(GW_HNV_NAT_RULE, high);
		drop(GW_HNV_NAT_RULE, all);
		commit_ok();
		assert_string_equal(seen_as("10.0.0.6", 4003 + i), i ? "203.0.113.2 4004" : "203.0.113.2 4003");
	}
	change();
	put(GW_HNV_NAT_RULE, all);
	commit_ok();
	assert_int_equal(handle_of_table(), table);
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(status_number("writes"), 0);
	for (size_t i = 0; i < GW_N(harms); i++) {
		char as[64];

		somebody(harms[i]);
		assert_int_equal(status_number("repairs"), i + 1);
		snprintf(as, sizeof as, "203.0.113.1 %u", (unsigned)(4100 + i));
		assert_string_equal(seen_as("10.0.0.4", (unsigned)(4100 + i)), as);
		sync_ok();
		assert_int_equal(status_number("repairs"), i + 1);
	}
	assert_int_equal(handle_of_table(), table);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adopt_and_repair),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_kinds_come_and_go),
		cmocka_unit_test(test_namespace_comes_anew),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests_name("nat repair", tests, private_mounts, group_end);
}
