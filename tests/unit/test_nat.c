/* test_nat.c - the NAT plugin on a real kernel: what it lets through, how it is translated, and what repairs it. */
#include "nat_fixture.h"

#include <time.h>

static int group_end(void **state)
{
	(void)state;
	drop_namespaces();
	return 0;
}

/* With nothing in the kernel and a virtual gateway about to be put. */
static void start(void)
{
	begin();
	drop_namespaces();
	make_namespaces();
	open_driver();
	sync_ok();
	gw_intent_begin(intent);
	put(GW_HNV_VRF, VRF);
}

#define change() gw_intent_begin(intent)

static json_int_t counter(const char *name)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_VRF, VRF);
	json_t *j = json_object(), *nat;
	json_int_t n;
	struct nat_gateway *g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);

	g->counted_at = g->rules_counted_at = 0; /* not an older one */
	gw_plugin.ops->describe(driver, o, j);
	nat = json_object_get(j, "nat");
	n = json_integer_value(json_object_get(json_object_get(nat, name), "packets"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

static json_int_t connections(const char *rule, const char *state)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_NAT_RULE, rule);
	json_t *j = json_object();
	json_int_t n;

	gw_plugin.ops->describe(driver, o, j);
	assert_string_equal(json_string_value(json_object_get(j, "state")), state);
	n = json_integer_value(json_object_get(json_object_get(j, "counters"), "connections"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

/* Sends from a host inside to the server outside and returns whence it seems to come. */
static const char *seen_as(const char *from, unsigned port)
{
	int in = sock(in_ns, SOCK_DGRAM, from, port), out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	const char *as;

	send_to(in, "198.51.100.9", 53, "x");
	as = heard(out, "x");
	close(in);
	close(out);
	return as;
}

#define OUT_ALL RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", "")

/* Outbound by one address: ports stay, replies come back, strangers do not; other protocols too. */
static void test_outbound(void **state)
{
	int in, out, stranger;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	stranger = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 54);
	send_to(in, "198.51.100.9", 53, "there");
	heard_from(out, "there", "203.0.113.1 4000");
	send_to(out, "203.0.113.1", 4000, "back");
	heard_from(in, "back", "198.51.100.9 53");
	send_to(stranger, "203.0.113.1", 4000, "me too");
	send_to(stranger, "10.0.0.4", 4000, "me too");
	silent(in);
	assert_int_equal(counter("no-rule"), 2);
	assert_int_equal(counter("private"), 0);
	sh_ok("nsenter --net=/run/netns/%s ping -c1 -W2 -I 10.0.0.4 198.51.100.9 >/dev/null", in_ns);
	assert_int_equal(counter("invalid"), 0);
	assert_int_equal(connections(OUT_ALL, "Up"), 2);
	sh_ok("nsenter --net=/run/netns/%s nft list ruleset >/dev/null", vrf);
	close(in);
	close(out);
	close(stranger);
	end();
}

/* Of a shared address a block: ports inside it stay, others move into it; echoes too; what has no ports does not leave. */
static void test_block(void **state)
{
	unsigned port = 0;
	char addr[32];

	(void)state;
	start();
	put(GW_HNV_PUBLIC, BLOCK("203.0.113.2", 2048));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.2", 2048, "10.0.0.0/24", ",\"PortCount\":1024"));
	commit_ok();
	assert_string_equal(seen_as("10.0.0.5", 2500), "203.0.113.2 2500");
	assert_int_equal(sscanf(seen_as("10.0.0.5", 9999), "%31s %u", addr, &port), 2);
	assert_string_equal(addr, "203.0.113.2");
	check(port >= 2048 && port < 3072, "port %u", port);
	sh_ok("nsenter --net=/run/netns/%s ping -c1 -W2 -I 10.0.0.5 198.51.100.9 >/dev/null", in_ns);
	assert_int_equal(counter("private"), 0);
	/* Protocol 253 is nobody's. */
	sh("nsenter --net=/run/netns/%s python3 -c \"import socket; "
	   "s=socket.socket(socket.AF_INET,socket.SOCK_RAW,253); "
	   "s.bind(('10.0.0.5',0)); s.sendto(b'0123456789',('198.51.100.9',0))\"",
	   in_ns);
	assert_int_equal(counter("private"), 1);
	end();
}

/* The longest prefix counts, and a rule for a protocol before one for all. */
static void test_longest(void **state)
{
	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.0/24"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.10", 0, "10.0.0.0/8", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "Tcp", "203.0.113.11", 0, "10.0.0.0/24", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.12", 0, "10.0.0.5/32", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "Udp", "203.0.113.13", 0, "10.0.0.6/32", ""));
	commit_ok();
	assert_string_equal(seen_as("10.0.0.4", 4000), "203.0.113.10 4000");
	assert_string_equal(seen_as("10.0.0.5", 4000), "203.0.113.12 4000");
	assert_string_equal(seen_as("10.0.0.6", 4000), "203.0.113.13 4000");
	end();
}

/* Several addresses for one prefix: each source has one, whatever its port, and over a restart. */
static void test_pool(void **state)
{
	char first[3][64];

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.0/24"));
	for (int i = 20; i < 28; i++) {
		char rule[512];

		snprintf(rule, sizeof rule, RULE("Outbound", "All", "203.0.113.%d", 0, "10.0.0.0/24", ""), i);
		put(GW_HNV_NAT_RULE, rule);
	}
	commit_ok();
	for (int i = 0; i < 3; i++) {
		char from[32], again[64];

		snprintf(from, sizeof from, "10.0.0.%d", 4 + i);
		snprintf(first[i], sizeof first[i], "%s", seen_as(from, 4100));
		check(!strncmp(first[i], "203.0.113.2", 11), "%s", first[i]);
		snprintf(again, sizeof again, "%s", seen_as(from, 4101));
		assert_int_equal(strcspn(first[i], " "), strcspn(again, " "));
		assert_memory_equal(first[i], again, strcspn(again, " "));
	}
	check(strcmp(first[0], first[1]) != 0 || strcmp(first[1], first[2]) != 0, "all have %s", first[0]);
	end();
}

/* Inbound: a port, a range that keeps and one that shifts, all of an address. */
static void test_inbound(void **state)
{
	int web, range, shifted, all, client;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.3/32"));
	put(GW_HNV_NAT_RULE,
	    RULE("Inbound", "Udp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1,\"CustomerPort\":8080"));
	put(GW_HNV_NAT_RULE, RULE("Inbound", "Udp", "203.0.113.1", 5000, "10.0.0.5/32", ",\"PortCount\":100"));
	put(GW_HNV_NAT_RULE,
	    RULE("Inbound", "Udp", "203.0.113.1", 6000, "10.0.0.5/32", ",\"PortCount\":10,\"CustomerPort\":7000"));
	put(GW_HNV_NAT_RULE, RULE("Inbound", "All", "203.0.113.3", 0, "10.0.0.6/32", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.3", 0, "10.0.0.6/32", ""));
	commit_ok();
	client = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 1234);
	web = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 8080);
	range = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 5042);
	shifted = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 7003);
	all = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 777);
	send_to(client, "203.0.113.1", 80, "web");
	heard_from(web, "web", "198.51.100.9 1234");
	send_to(web, "198.51.100.9", 1234, "reply");
	heard_from(client, "reply", "203.0.113.1 80");
	send_to(client, "203.0.113.1", 5042, "range");
	heard_from(range, "range", "198.51.100.9 1234");
	send_to(client, "203.0.113.1", 6003, "shift");
	heard_from(shifted, "shift", "198.51.100.9 1234");
	send_to(shifted, "198.51.100.9", 1234, "reply");
	heard_from(client, "reply", "203.0.113.1 6003");
	send_to(client, "203.0.113.3", 777, "all");
	heard_from(all, "all", "198.51.100.9 1234");
	sh_ok("nsenter --net=/run/netns/%s ping -c1 -W2 203.0.113.3 >/dev/null", out_ns);
	assert_string_equal(seen_as("10.0.0.6", 4000), "203.0.113.3 4000");
	assert_int_equal(counter("no-rule"), 0);
	send_to(client, "203.0.113.1", 81, "nobody");
	send_to(client, "203.0.113.1", 6010, "nobody");
	assert_int_equal(counter("no-rule"), 2);
	close(client);
	close(web);
	close(range);
	close(shifted);
	close(all);
	end();
}

/* A host reaches a public address of its own network from inside, its own too. */
static void test_hairpin(void **state)
{
	int server, client, same;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	put(GW_HNV_NAT_RULE,
	    RULE("Inbound", "Udp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1,\"CustomerPort\":8080"));
	commit_ok();
	server = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 8080);
	client = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 1111);
	same = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 2222);
	send_to(client, "203.0.113.1", 80, "pin");
	heard_from(server, "pin", "10.0.0.1 1111");
	send_to(server, "10.0.0.1", 1111, "back");
	heard_from(client, "back", "203.0.113.1 80");
	send_to(same, "203.0.113.1", 80, "self");
	heard_from(server, "self", "10.0.0.1 2222");
	send_to(server, "10.0.0.1", 2222, "back");
	heard_from(same, "back", "203.0.113.1 80");
	close(server);
	close(client);
	close(same);
	end();
}

/* IPv6 is routed as it is; a source that is not the domain's stays inside. */
static void test_routed(void **state)
{
	int in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("2001:db8:a::/64"));
	commit_ok();
	in = sock(in_ns, SOCK_DGRAM, "2001:db8:a::4", 4000);
	out = sock(out_ns, SOCK_DGRAM, "2001:db8:9::9", 53);
	send_to(in, "2001:db8:9::9", 53, "six");
	heard_from(out, "six", "2001:db8:a::4 4000");
	send_to(out, "2001:db8:a::4", 4000, "back");
	heard_from(in, "back", "2001:db8:9::9 53");
	send_to(out, "2001:db8:a::4", 4001,
		"new"); /* a new connection from outside: nobody listens, but it is let in */
	assert_string_equal(seen_as("10.0.0.4", 4000), "");
	assert_int_equal(counter("private"), 1);
	assert_int_equal(counter("no-rule"), 0);
	change();
	drop(GW_HNV_PUBLIC, PUBLIC("2001:db8:a::/64"));
	commit_ok();
	send_to(out, "2001:db8:a::4", 4000, "again");
	silent(in);
	close(in);
	close(out);
	end();
}

/* With a rule go its connections, and no others. */
static void test_removed_rule(void **state)
{
	const char *web = RULE("Inbound", "Udp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1");
	const char *other = RULE("Inbound", "Udp", "203.0.113.1", 81, "10.0.0.5/32", ",\"PortCount\":1");
	int client, one, two, in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	put(GW_HNV_NAT_RULE, web);
	put(GW_HNV_NAT_RULE, other);
	commit_ok();
	client = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 1234);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	one = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 80);
	two = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 81);
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 4000);
	send_to(client, "203.0.113.1", 80, "one");
	heard_from(one, "one", "198.51.100.9 1234");
	send_to(client, "203.0.113.1", 81, "two");
	heard_from(two, "two", "198.51.100.9 1234");
	send_to(in, "198.51.100.9", 53, "out");
	heard_from(out, "out", "203.0.113.1 4000");
	change();
	drop(GW_HNV_NAT_RULE, web);
	commit_ok();
	send_to(client, "203.0.113.1", 80, "gone");
	silent(one);
	send_to(client, "203.0.113.1", 81, "stays");
	heard_from(two, "stays", "198.51.100.9 1234");
	send_to(out, "203.0.113.1", 4000, "stays");
	heard_from(in, "stays", "198.51.100.9 53");
	/* A reply to what began before: the rule for new ones is another now, this one goes on. */
	change();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.2/32"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.2", 0, "10.0.0.6/32", ""));
	commit_ok();
	send_to(in, "198.51.100.9", 53, "on");
	heard_from(out, "on", "203.0.113.1 4000");
	assert_string_equal(seen_as("10.0.0.6", 4001), "203.0.113.2 4001");
	close(client);
	close(one);
	close(two);
	close(in);
	close(out);
	end();
}

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
	}
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

/* The limit of connections: what is there goes on, new ones are dropped and counted, and let in again when there is room. */
static void test_limits(void **state)
{
	int in[40], out;

	(void)state;
	start();
	config.tracked_limit = 16;
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	for (int i = 0; i < 20; i++) {
		in[i] = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000u + (unsigned)i);
		send_to(in[i], "198.51.100.9", 53, "x");
		heard(out, "x");
	}
	for (int i = 0; i < 200 && status_number("up"); i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	assert_int_equal(status_number("up"), 0);
	connections(OUT_ALL, "Warning");
	assert_string_equal(seen_as("10.0.0.5", 5000), "");
	assert_int_equal(counter("full"), 1);
	send_to(in[0], "198.51.100.9", 53, "y");
	heard_from(out, "", "203.0.113.1 4000");
	config.tracked_limit = 1000;
	for (int i = 0; i < 200 && !status_number("up"); i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	close(out);
	assert_string_equal(seen_as("10.0.0.5", 5001), "203.0.113.1 5001");
	for (int i = 0; i < 20; i++)
		close(in[i]);
	/* And of a second. */
	config.new_rate = 5;
	sync_ok();
	for (int i = 0; i < 30; i++) {
		in[i] = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 6000u + (unsigned)i);
		send_to(in[i], "198.51.100.9", 53, "x");
		close(in[i]);
	}
	check(counter("rate") >= 20, "%d dropped", (int)counter("rate"));
	end();
}

/* How long until an idle connection is forgotten; TCP by the configuration where no rule says. */
static void test_idle(void **state)
{
	int in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "Udp", "203.0.113.1", 0, "10.0.0.0/24", ",\"IdleTimeout\":7"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "Tcp", "203.0.113.1", 0, "10.0.0.0/24", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "Tcp", "203.0.113.1", 0, "10.0.0.5/32", ",\"IdleTimeout\":9"));
	commit_ok();
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	for (int i = 0; i < 3; i++) {
		send_to(in, "198.51.100.9", 53, "x");
		heard(out, "x");
		send_to(out, "203.0.113.1", 4000, "y");
		heard_from(in, "y", "198.51.100.9 53");
	}
	sh_ok("nsenter --net=/run/netns/%s awk '/udp .*src=10.0.0.4/ { t = $5 } END { exit !(t > 400 && t <= 420) }' "
	      "/proc/thread-self/net/nf_conntrack",
	      vrf);
	sh_ok("cd /tmp; nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket; "
	      "s=socket.create_server(('198.51.100.9', 99)); "
	      "[s.accept()[0].send(b'x') for i in range(2)]; import time; time.sleep(1)\" & sleep 0.7; "
	      "for a in 4 5; do nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket; "
	      "s=socket.create_connection(('198.51.100.9', 99), 3, ('10.0.0.$a', 0)); s.recv(1); "
	      "import os; print(s.getsockopt(6, 2)); os._exit(0)\" || exit 1; done; "
	      "nsenter --net=/run/netns/%s cat /proc/thread-self/net/nf_conntrack | grep -q 'tcp .*src=10.0.0.5'; wait",
	      out_ns, in_ns, vrf);
	close(in);
	close(out);
	end();
}

/* TCP over a narrower way: both sides learn of it by the segment size in their first packets. */
static void test_clamp(void **state)
{
	(void)state;
	start();
	sh_ok("ip -n %s link set ext0 mtu 1300", vrf);
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	sh_ok("nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket; "
	      "s=socket.create_server(('198.51.100.9', 98)); c=s.accept()[0]; c.recv(1); "
	      "open('/tmp/gwd-nat-mss-%d','w').write(str(c.getsockopt(6, 2)))\" & sleep 0.7; "
	      "nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket, sys; "
	      "s=socket.create_connection(('198.51.100.9', 98), 3, ('10.0.0.4', 0)); m=s.getsockopt(6, 2); "
	      "s.send(b'x'); "
	      "sys.exit(not 1200 < m <= 1260)\" && wait && "
	      "M=$(cat /tmp/gwd-nat-mss-%d) && rm /tmp/gwd-nat-mss-%d && [ $M -le 1260 ] && [ $M -gt 1200 ]",
	      out_ns, (int)getpid(), in_ns, (int)getpid(), (int)getpid());
	sh_ok("ip -n %s link set ext0 mtu 1500", vrf);
	end();
}

/* Refused before anything happens, with the property at fault. */
static void test_check(void **state)
{
	static const struct {
		const char *rule, *target, *words;
		int rc;
	} rows[] = {
		{RULE("Outbound", "All", "203.0.113.9", 0, "10.0.0.0/24", ""), "properties.PublicAddress",
		 "does not have all of 203.0.113.9", -EINVAL},
		{RULE("Outbound", "All", "203.0.113.2", 0, "10.0.0.0/24", ""), "properties.PublicAddress",
		 "a block of its ports", -EINVAL},
		{RULE("Outbound", "All", "203.0.113.2", 1024, "10.0.0.0/24", ",\"PortCount\":1024"),
		 "properties.PublicAddress", "ports 1024 to 2047", -EINVAL},
		{RULE("Inbound", "Tcp", "203.0.113.1", 85, "10.0.0.5/32", ",\"PortCount\":10"), "properties.PublicPort",
		 "taken by the rule for 10.0.0.4/32", -EEXIST},
		{RULE("Inbound", "All", "203.0.113.1", 0, "10.0.0.5/32", ""), "properties.PublicPort", "taken",
		 -EEXIST},
		{RULE("Inbound", "Udp", "203.0.113.1", 85, "10.0.0.5/32", ",\"PortCount\":10"), NULL, NULL, 0},
		{RULE("Inbound", "Tcp", "203.0.113.2", 2050, "10.0.0.5/32", ",\"PortCount\":10"), NULL, NULL, 0},
	};

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, BLOCK("203.0.113.2", 2048));
	put(GW_HNV_NAT_RULE, RULE("Inbound", "Tcp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":10"));
	put(GW_HNV_NAT_RULE, RULE("Inbound", "All", "203.0.113.1", 0, "10.0.0.4/32", ""));
	commit_ok();
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_error err;

		change();
		put(GW_HNV_NAT_RULE, rows[i].rule);
		expect(commit(&err), rows[i].rc, &err, rows[i].words);
		if (rows[i].target)
			assert_string_equal(err.target, rows[i].target);
	}
	end();
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Packets there and back that end at the virtual gateway's other side, in seconds. */
static double packets(int in, int out, int n)
{
	double t = seconds();

	for (int i = 0; i < n; i++) {
		char buf[8];

		send_to(in, "198.51.100.9", 53, "x");
		if (recv(out, buf, sizeof buf, 0) < 0)
			break;
	}
	return seconds() - t;
}

/* Ten thousand rules are carried out, and taken over. How long packets and changes took is told, not judged. */
static void test_many(void **state)
{
	enum { MANY = 10000, PACKETS = 5000 };
	double few, many, t;
	int in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.112.0/22"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.4/32", ""));
	commit_ok();
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	few = packets(in, out, PACKETS);
	for (int i = 0; i < 2; i++) { /* the better of two */
		t = packets(in, out, PACKETS);
		few = t < few ? t : few;
	}
	change();
	for (int i = 0; i < MANY; i++) {
		char rule[512];

		if (i % 2)
			snprintf(rule, sizeof rule, RULE("Outbound", "All", "203.0.113.%d", 0, "10.%d.%d.%d/32", ""),
				 i / 2 % 250 + 1, 1 + i / 65536, i / 256 % 256, i % 256);
		else
			snprintf(rule, sizeof rule,
				 RULE("Inbound", "Tcp", "203.0.113.9", % d, "10.0.0.5/32",
				      ",\"PortCount\":1,\"CustomerPort\":%d"),
				 1 + i, 2 + i);
		put(GW_HNV_NAT_RULE, rule);
	}
	t = seconds();
	commit_ok();
	print_message("# 10,000 rules came in %.0f ms\n", (seconds() - t) * 1000);
	change();
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.7", 0, "10.200.0.0/24", ""));
	t = seconds();
	commit_ok();
	print_message("# one more in %.0f ms\n", (seconds() - t) * 1000);
	many = packets(in, out, PACKETS);
	for (int i = 0; i < 2; i++) {
		t = packets(in, out, PACKETS);
		many = t < many ? t : many;
	}
	print_message("# %d packets: %.0f ms with one rule, %.0f ms with 10,002\n", PACKETS, few * 1000, many * 1000);
	close(in);
	close(out);
	close_driver();
	open_driver();
	t = seconds();
	sync_ok();
	print_message("# taken over in %.0f ms\n", (seconds() - t) * 1000);
	assert_int_equal(status_number("writes"), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_inbound),
		cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_routed),
		cmocka_unit_test(test_removed_rule),
		cmocka_unit_test(test_adopt_and_repair),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_kinds_come_and_go),
		cmocka_unit_test(test_namespace_comes_anew),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_clamp),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat", tests, private_mounts, group_end);
}
