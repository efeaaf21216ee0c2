/* test_nat.c - the NAT plugin on a real kernel: what it lets through, and how it is translated. */
#include "nat_fixture.h"

#include <time.h>

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

/* A host reaches the server at this address from inside. */
static void pinned(const char *public, unsigned port, int server)
{
	int client = sock(in_ns, SOCK_DGRAM, "10.0.0.5", port);
	char as[64];

	snprintf(as, sizeof as, "10.0.0.1 %u", port);
	send_to(client, public, 80, "more");
	heard_from(server, "more", as);
	close(client);
}

/* A host reaches a public address of its own network from inside, its own too. */
static void test_hairpin(void **state)
{
	static const char *const more[] = {"203.0.113.2", "203.0.7.1", "203.7.7.1", "7.7.7.1"};
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
	/* Addresses with less and less in common: each is found, and what is outside is reached. */
	for (size_t i = 0; i < GW_N(more); i++) {
		char public[256], rule[512];

		snprintf(public, sizeof public, PUBLIC("%s/32"), more[i]);
		snprintf(rule, sizeof rule,
			 RULE("Inbound", "Udp", "%s", 80, "10.0.0.4/32", ",\"PortCount\":1,\"CustomerPort\":8080"),
			 more[i]);
		change();
		put(GW_HNV_PUBLIC, public);
		put(GW_HNV_NAT_RULE, rule);
		commit_ok();
		for (size_t k = 0; k <= i; k++)
			pinned(more[k], 3000 + 10 * (unsigned)i + (unsigned)k, server);
		pinned("203.0.113.1", 3009 + 10 * (unsigned)i, server);
		snprintf(public, sizeof public, "203.0.113.1 %zu", 4000 + i);
		assert_string_equal(seen_as("10.0.0.6", 4000 + (unsigned)i), public);
	}
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

/* TCP over a way that is narrower: both sides learn of it by the segment size in their first packets. */
static void clamps_to(const char *narrow)
{
	sh_ok("ip -n %s link set %s mtu 1300", vrf, narrow);
	sh_ok("nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket; "
	      "s=socket.create_server(('198.51.100.9', 98)); c=s.accept()[0]; c.recv(1); "
	      "open('/tmp/gwd-nat-mss-%d','w').write(str(c.getsockopt(6, 2)))\" & sleep 0.7; "
	      "nsenter --net=/run/netns/%s timeout 5 python3 -c \"import socket, sys; "
	      "s=socket.create_connection(('198.51.100.9', 98), 3, ('10.0.0.4', 0)); m=s.getsockopt(6, 2); "
	      "s.send(b'x'); "
	      "sys.exit(not 1200 < m <= 1260)\" && wait && "
	      "M=$(cat /tmp/gwd-nat-mss-%d) && rm /tmp/gwd-nat-mss-%d && [ $M -le 1260 ] && [ $M -gt 1200 ]",
	      out_ns, (int)getpid(), in_ns, (int)getpid(), (int)getpid());
	sh_ok("ip -n %s link set %s mtu 1500", vrf, narrow);
}

/* Outside, or inside, which the route to a public source says nothing of. */
static void test_clamp(void **state)
{
	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	clamps_to("ext0");
	clamps_to("ovl0");
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
		cmocka_unit_test(test_outbound), cmocka_unit_test(test_block),	      cmocka_unit_test(test_longest),
		cmocka_unit_test(test_pool),	 cmocka_unit_test(test_inbound),      cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_routed),	 cmocka_unit_test(test_removed_rule), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_idle),	 cmocka_unit_test(test_clamp),	      cmocka_unit_test(test_check),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat", tests, private_mounts, group_end);
}
