/*
 * test_nat_limits.c - the NAT plugin's limits on a real kernel: what comes from outside, wanted or not, takes nothing away from what
 * the network itself opens; sources that nobody outside can have are dropped.
 */
#include "nat_fixture.h"

#include <time.h>

static int group_end(void **state)
{
	(void)state;
	drop_namespaces();
	return 0;
}

#define OUT_ALL RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", "")
#define IN_UDP	RULE("Inbound", "Udp", "203.0.113.3", 1, "10.0.0.4/32", ",\"PortCount\":60000")

static void start(void)
{
	begin();
	drop_namespaces();
	make_namespaces();
	open_driver();
	sync_ok();
	gw_intent_begin(intent);
	put(GW_HNV_VRF, VRF);
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.3/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	put(GW_HNV_NAT_RULE, IN_UDP);
}

static json_int_t counter(const char *name)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_VRF, VRF);
	json_t *j = json_object();
	json_int_t n;

	GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid)->counted_at = 0;
	gw_plugin.ops->describe(driver, o, j);
	n = json_integer_value(json_object_get(json_object_get(json_object_get(j, "nat"), name), "packets"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

/* Datagrams from outside, each a connection of its own. */
static void flood(const char *to, unsigned n)
{
	int s = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 1000);

	for (unsigned i = 0; i < n; i++)
		send_to(s, to, 100 + i, "flood");
	close(s);
}

/* How many of `n` new connections from inside reach the outside. */
static unsigned opened(unsigned n, unsigned port)
{
	int out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	unsigned heard_of = 0;

	for (unsigned i = 0; i < n; i++) {
		int in = sock(in_ns, SOCK_DGRAM, "10.0.0.5", port + i);

		send_to(in, "198.51.100.9", 53, "x");
		heard_of += *heard(out, "x") != 0;
		close(in);
	}
	close(out);
	return heard_of;
}

static void wait_for(const char *state)
{
	struct nat_gateway *g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);

	for (int i = 0; i < 300 && strcmp(nat_state_name(g->state), state) != 0; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	assert_string_equal(nat_state_name(g->state), state);
}

/* What comes to ports that no rule wants, or to addresses that are routed nowhere, is no new connection of anybody's. */
static void test_closed_ports(void **state)
{
	(void)state;
	start();
	config.new_rate = 5;
	commit_ok();
	flood("203.0.113.1", 40); /* the virtual gateway's own */
	flood("10.0.0.5", 40);	  /* nobody's outside */
	assert_int_equal(counter("no-rule"), 80);
	assert_int_equal(counter("rate") + counter("rate-in"), 0);
	assert_int_equal(opened(4, 4000), 4);
	end();
}

/* What rules do want from outside has a rate of its own. */
static void test_rate_of_each_side(void **state)
{
	(void)state;
	start();
	config.new_rate = 5;
	commit_ok();
	flood("203.0.113.3", 40);
	check(counter("rate-in") >= 30, "%d dropped", (int)counter("rate-in"));
	assert_int_equal(counter("rate"), 0);
	assert_int_equal(opened(4, 4000), 4);
	end();
}

/* Others take at most half of the connections; the network's own go on to the whole. */
static void test_half_for_the_outside(void **state)
{
	(void)state;
	start();
	config.tracked_limit = 64;
	commit_ok();
	flood("203.0.113.3", 40);
	wait_for("Warning");
	flood("203.0.113.3", 80);
	check(counter("full-in") >= 40, "%d dropped", (int)counter("full-in"));
	assert_int_equal(counter("full"), 0);
	assert_int_equal(opened(8, 4000), 8);
	/* Taken over as it is. */
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(opened(4, 4100), 4);
	config.tracked_limit = 1000;
	wait_for("Up");
	flood("203.0.113.3", 1);
	end();
}

/* From outside, with addresses of the inside and of the virtual gateway itself: neither translated nor let in. */
static void test_spoofed(void **state)
{
	static const char *const sources[] = {"10.0.0.6", "10.0.0.4", "10.0.0.1", "203.0.113.1"};
	int in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("2001:db8:a::/64"));
	commit_ok();
	flood("203.0.113.3", 1); /* who it is on the segment is known before somebody else's name is used */
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 80);
	for (size_t i = 0; i < GW_N(sources); i++) {
		sh_ok("ip -n %s addr add %s/32 dev lo", out_ns, sources[i]);
		out = sock(out_ns, SOCK_DGRAM, sources[i], 5000);
		send_to(out, "203.0.113.3", 80, "evil");
		silent(in);
		assert_int_equal(counter("spoofed"), i + 1);
		close(out);
		sh_ok("ip -n %s addr del %s/32 dev lo", out_ns, sources[i]);
	}
	close(in);
	in = sock(in_ns, SOCK_DGRAM, "2001:db8:a::4", 80);
	sh_ok("ip -n %s addr add 2001:db8:a::77/128 dev lo nodad", out_ns);
	out = sock(out_ns, SOCK_DGRAM, "2001:db8:a::77", 5000);
	send_to(out, "2001:db8:a::4", 80, "evil");
	silent(in);
	assert_int_equal(counter("spoofed"), GW_N(sources) + 1);
	close(out);
	out = sock(out_ns, SOCK_DGRAM, "2001:db8:9::9", 5000);
	send_to(out, "2001:db8:a::4", 80, "good");
	heard_from(in, "good", "2001:db8:9::9 5000");
	assert_int_equal(counter("no-rule"), 0);
	close(out);
	close(in);
	end();
}

/* Of this thread, so that it does not matter what else the machine does. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* A rule with very many connections goes: they are ended, and the loop is never away for long. */
static void test_many_connections_end(void **state)
{
	enum { PORTS = 20, EACH = 2000 };
	struct nat_gateway *g;
	double longest, t;
	uint32_t n;
	int in[PORTS], kept, out;

	(void)state;
	start();
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.3", 0, "10.0.0.6/32", ""));
	commit_ok();
	g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);
	kept = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	send_to(kept, "198.51.100.9", 53, "stays");
	heard_from(out, "stays", "203.0.113.3 4000");
	for (int i = 0; i < PORTS; i++) {
		in[i] = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 4000u + (unsigned)i);
		for (unsigned k = 0; k < EACH; k++)
			send_to(in[i], "198.51.100.9", 1000 + k, "x");
		close(in[i]);
	}
	assert_int_equal(nat_flows_count(nat_nft_requests(g->nft), &g->tracked), 0);
	check(g->tracked > PORTS * EACH * 9 / 10, "%u connections", g->tracked);
	n = g->tracked;
	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, OUT_ALL);
	t = cpu_ms();
	commit_ok();
	longest = cpu_ms() - t;
	for (int i = 0; i < 10000 && g->sweep; i++) {
		t = cpu_ms();
		uv_run(&loop, UV_RUN_NOWAIT);
		t = cpu_ms() - t;
		longest = t > longest ? t : longest;
	}
	assert_null(g->sweep);
	print_message("# %u connections ended, the longest turn took %.1f ms\n", n, longest);
	check(longest < 20, "a turn of %.1f ms", longest);
	assert_int_equal(nat_flows_count(nat_nft_requests(g->nft), &g->tracked), 0);
	check(g->tracked < 50, "%u connections are left", g->tracked);
	send_to(out, "203.0.113.3", 4000, "back");
	heard_from(kept, "back", "198.51.100.9 53");
	close(kept);
	close(out);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_ports),	     cmocka_unit_test(test_rate_of_each_side),
		cmocka_unit_test(test_half_for_the_outside), cmocka_unit_test(test_spoofed),
		cmocka_unit_test(test_many_connections_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat limits", tests, private_mounts, group_end);
}
