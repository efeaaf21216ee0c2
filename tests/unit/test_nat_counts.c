/* test_nat_counts.c - what public addresses tell of the rules there, on a real kernel: sums by place, and who reads very many. */
#include "nat_fixture.h"

#define MANY  2000
#define PLACE 300 /* that have counted; more than are told of one by one */

#define OUT(host, more) RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0." host "/32", more)

static struct nat_gateway *the_gateway(void)
{
	return GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);
}

/* What the record tells now, to be given back; NULL: nothing. */
static json_t *told(const char *record)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_PUBLIC, record);
	json_t *j = json_object(), *counters;

	gw_plugin.ops->describe(driver, o, j);
	counters = json_incref(json_object_get(j, "counters"));
	json_decref(j);
	gw_hnv_object_free(o);
	return counters;
}

static void tells(const char *record, const char *expected)
{
	json_t *got, *all = json_loads(expected, 0, NULL);

	the_gateway()->rules_counted_at = 0; /* not an older one */
	got = told(record);
	assert_non_null(all);
	if (!json_equal(got, all)) {
		char *text = json_dumps(got, JSON_ENCODE_ANY);

		fail_msg("%s: %s instead of %s", record, text, expected);
	}
	json_decref(got);
	json_decref(all);
}

static void say(int fd, const char *addr, unsigned port, int at)
{
	send_to(fd, addr, port, "x");
	check(*heard(at, "x"), "nothing came to %s port %u", addr, port);
}

/* Two hosts at one address are one place; each block and port of a shared address has what is its own. */
static void test_places(void **state)
{
	int a, b, c, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, BLOCK("203.0.113.2", 4096));
	put(GW_HNV_PUBLIC, BLOCK("203.0.113.2", 5120));
	put(GW_HNV_NAT_RULE, OUT("4", ""));
	put(GW_HNV_NAT_RULE, OUT("5", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.2", 4096, "10.0.0.6/32", ",\"PortCount\":1024"));
	put(GW_HNV_NAT_RULE,
	    RULE("Inbound", "Udp", "203.0.113.1", 80, "10.0.0.4/32", ",\"PortCount\":1,\"CustomerPort\":4000"));
	put(GW_HNV_NAT_RULE,
	    RULE("Inbound", "Udp", "203.0.113.2", 6000, "10.0.0.6/32", ",\"PortCount\":1,\"CustomerPort\":4000"));
	commit_ok();
	tells(PUBLIC("203.0.113.1/32"),
	      "{\"outboundConnections\":0,\"inboundConnections\":0,\"rules\":{},\"more\":false}");
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	a = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000);
	b = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 4000);
	c = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 4000);
	say(out, "203.0.113.1", 80, a);
	for (int i = 0; i < 3; i++) /* a connection is counted once */
		say(b, "198.51.100.9", 53, out);
	say(c, "198.51.100.9", 53, out);
	say(out, "203.0.113.2", 6000, c);
	close(a);
	a = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4001);
	say(a, "198.51.100.9", 53, out);
	tells(PUBLIC("203.0.113.1/32"),
	      "{\"outboundConnections\":2,\"inboundConnections\":1,\"rules\":{\"Outbound-All-203.0.113.1-0\":2,"
	      "\"Inbound-Udp-203.0.113.1-80\":1},\"more\":false}");
	tells(BLOCK("203.0.113.2", 4096), "{\"outboundConnections\":1,\"inboundConnections\":0,\"rules\":{"
					  "\"Outbound-All-203.0.113.2-4096\":1},\"more\":false}");
	tells(BLOCK("203.0.113.2", 5120), "{\"outboundConnections\":0,\"inboundConnections\":1,\"rules\":{"
					  "\"Inbound-Udp-203.0.113.2-6000\":1},\"more\":false}");
	/* A rule that goes takes with it what it has counted; of the other one nothing is lost. */
	change();
	drop(GW_HNV_NAT_RULE, OUT("5", ""));
	commit_ok();
	tells(PUBLIC("203.0.113.1/32"),
	      "{\"outboundConnections\":1,\"inboundConnections\":1,\"rules\":{\"Outbound-All-203.0.113.1-0\":1,"
	      "\"Inbound-Udp-203.0.113.1-80\":1},\"more\":false}");
	close(a);
	close(b);
	close(c);
	close(out);
	end();
}

static void finish_reading(void)
{
	while (driver->tally)
		uv_run(&loop, UV_RUN_ONCE);
}

static void put_many(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		char text[512];

		snprintf(text, sizeof text,
			 "{\"RoutingDomainID\":\"" RD "\",\"Type\":\"Inbound\",\"Protocol\":\"Udp\",\"PublicAddress\":"
			 "\"203.0.113.1\",\"PublicPort\":%u,\"PortCount\":1,\"CustomerPort\":4000,\"CustomerPrefix\":"
			 "\"10.0.0.4/32\"}",
			 1000 + i);
		put(GW_HNV_NAT_RULE, text);
	}
}

/* Very many are read by a thread, and nobody waits for it: what was known before is told meanwhile. */
static void test_many(void **state)
{
	json_t *j;
	int in, out;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put_many();
	commit_ok();
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	for (unsigned i = 0; i < PLACE; i++)
		say(out, "203.0.113.1", 1000 + i, in);
	assert_null(told(PUBLIC("203.0.113.1/32")));
	assert_non_null(driver->tally);
	finish_reading();
	j = told(PUBLIC("203.0.113.1/32"));
	assert_int_equal(json_integer_value(json_object_get(j, "inboundConnections")), PLACE);
	assert_int_equal(json_object_size(json_object_get(j, "rules")), 256);
	assert_true(json_is_true(json_object_get(j, "more")));
	json_decref(j);
	/* What was read last, until the thread has been there again. */
	say(out, "203.0.113.1", 1000 + PLACE, in);
	the_gateway()->rules_counted_at = 0;
	j = told(PUBLIC("203.0.113.1/32"));
	assert_int_equal(json_integer_value(json_object_get(j, "inboundConnections")), PLACE);
	json_decref(j);
	finish_reading();
	j = told(PUBLIC("203.0.113.1/32"));
	assert_int_equal(json_integer_value(json_object_get(j, "inboundConnections")), PLACE + 1);
	json_decref(j);
	/* Rules change while the thread reads: what it reads is of others. */
	the_gateway()->rules_counted_at = 0;
	json_decref(told(PUBLIC("203.0.113.1/32")));
	assert_non_null(driver->tally);
	change();
	put(GW_HNV_NAT_RULE, OUT_ALL);
	commit_ok();
	finish_reading();
	assert_null(the_gateway()->connections);
	assert_null(told(PUBLIC("203.0.113.1/32")));
	finish_reading();
	j = told(PUBLIC("203.0.113.1/32"));
	assert_int_equal(json_integer_value(json_object_get(j, "inboundConnections")), PLACE + 1);
	json_decref(j);
	/* The daemon ends meanwhile. */
	the_gateway()->rules_counted_at = 0;
	json_decref(told(PUBLIC("203.0.113.1/32")));
	assert_non_null(driver->tally);
	close(in);
	close(out);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat counts", tests, private_mounts, group_end);
}
