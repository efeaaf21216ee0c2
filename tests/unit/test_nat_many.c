/*
 * test_nat_many.c - the NAT plugin with as many rules as a virtual gateway may have: that the loop leaves them to a thread, and
 * nobody else waits. Covers GW-3, GW-8.
 */
#include "nat_fixture.h"

#include <time.h>

#define MANY  10000
#define OTHER "22222222-2222-2222-2222-222222222222"

/* Of this thread, so that it does not matter what else the machine does. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* Told, not judged: sanitizers, and other kernels, make it longer. */
static void tell_turn(double ms, const char *what)
{
	print_message("# %s: %.1f ms of the loop\n", what, ms);
}

__attribute__((format(printf, 2, 3))) static void put_text(enum gw_hnv_kind kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put(kind, text);
}

static void put_rule(unsigned i)
{
	if (i % 2)
		put_text(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.%u.%u/32", ""), i >> 8,
			 i & 255);
	else
		put_text(GW_HNV_NAT_RULE,
			 "{\"RoutingDomainID\":\"" RD "\",\"Type\":\"Inbound\",\"Protocol\":\"%s\","
			 "\"PublicAddress\":\"203.0.113.2\",\"PublicPort\":%u,\"PortCount\":%u,"
			 "\"CustomerPrefix\":\"10.2.%u.%u/32\"}",
			 i % 3 ? "Tcp" : "Udp", 1000 + 2 * i, i % 5 ? 1 : 3, i >> 8, i & 255);
}

static struct nat_gateway *gateway_of(const char *rdid)
{
	struct gw_uuid id;

	assert_int_equal(gw_uuid_parse(rdid, &id), 0);
	GW_HMAP_FOR_EACH (node, &driver->gateways) {
		struct nat_gateway *g = GW_CONTAINER_OF(node, struct nat_gateway, by_rdid);

		if (gw_uuid_equal(&g->plan.rdid, &id))
			return g;
	}
	return NULL;
}

static void start_two(void)
{
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.2/32"));
	commit_ok();
}

/* Check and apply of what was put, as the core does it; what they left to the thread goes on. */
static double carry_out(const char *what)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;
	double t;

	assert_int_equal(gw_intent_validate(intent, &err), 0);
	delta = gw_intent_delta(intent);
	t = cpu_ms();
	expect((gw_plugin.ops->check)(driver, intent, &delta, &err), 0, &err, NULL);
	expect(gw_plugin.ops->apply(driver, intent, &delta, &err), 0, &err, NULL);
	t = cpu_ms() - t;
	tell_turn(t, what);
	gw_intent_commit(intent);
	return t;
}

/* Turns of the loop until the thread has done its work, and connections that have to end have ended. */
static void turns(const char *what)
{
	double longest = 0;

	while (driver->working || driver->queue || gateway_of(RD)->sweep) {
		double t = cpu_ms();

		uv_run(&loop, UV_RUN_ONCE);
		t = cpu_ms() - t;
		longest = t > longest ? t : longest;
	}
	tell_turn(longest, what);
}

static bool in_map(const char *source)
{
	return sh("nsenter --net=/run/netns/%s nft list map inet gwd-nat out-one4 | grep -qw '%s'", vrf, source) == 0;
}

static void test_ten_thousand_rules(void **state)
{
	struct gw_hnv_object *o;
	double t;

	(void)state;
	start_two();
	gw_intent_begin(intent);
	for (unsigned i = 0; i < MANY; i++)
		put_rule(i);
	carry_out("10,000 rules come");
	assert_string_equal(nat_state_name(gateway_of(RD)->state), "Waiting");
	turns("they are brought in");
	assert_string_equal(nat_state_name(gateway_of(RD)->state), "Up");
	assert_true(in_map("10.1.39.15"));

	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.39.15/32", ""));
	carry_out("one of them goes");
	turns("it is taken out");
	assert_false(in_map("10.1.39.15"));

	/* Each is described, as a list of all of them does. */
	o = fixture_object(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.0.1/32", ""));
	t = cpu_ms();
	for (unsigned i = 0; i < MANY; i++) {
		json_t *j = json_object();

		gw_plugin.ops->describe(driver, o, j);
		assert_string_equal(json_string_value(json_object_get(j, "state")), "Up");
		assert_non_null(json_object_get(j, "counters"));
		json_decref(j);
	}
	t = cpu_ms() - t;
	gw_hnv_object_free(o);
	print_message("# 10,000 rules described: %.0f ms\n", t);

	/* The next process finds it as it should be, and writes nothing. */
	close_driver();
	open_driver();
	t = cpu_ms();
	expect(gw_plugin.ops->sync(driver, intent, &(struct gw_error){0}), 0, &(struct gw_error){0}, NULL);
	tell_turn(cpu_ms() - t, "the start of the next process");
	turns("what it found is read");
	assert_int_equal(status_number("writes"), 0);
	assert_int_equal(status_number("up"), 1);
	end();
}

/* Of the same change: a rule that has been there, one that comes and goes before it is in the kernel, one that comes. */
static void test_changes_while_it_is_written(void **state)
{
	(void)state;
	start_two();
	gw_intent_begin(intent);
	for (unsigned i = 0; i < MANY / 2; i++)
		put_rule(i);
	carry_out("5,000 rules come");
	assert_non_null(driver->working);
	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.0.1/32", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.3.0.1/32", ""));
	carry_out("another change");
	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.3.0.1/32", ""));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.3.0.2/32", ""));
	carry_out("and another");
	turns("all are brought in");
	assert_false(in_map("10.1.0.1"));
	assert_false(in_map("10.3.0.1"));
	assert_true(in_map("10.3.0.2"));
	assert_int_equal(status_number("up"), 1);
	end();
}

/* A virtual gateway with few rules has its change in the kernel when it is answered, whatever another one has. */
static void test_another_does_not_wait(void **state)
{
	(void)state;
	start_two();
	sh_ok("ip netns add gwd-nat%d-5002", (int)getpid());
	gw_intent_begin(intent);
	for (unsigned i = 0; i < MANY; i++)
		put_rule(i);
	carry_out("10,000 rules come");
	assert_non_null(driver->working);
	gw_intent_begin(intent);
	put(GW_HNV_VRF, "{\"RoutingDomainID\":\"" OTHER "\",\"VirtualSubnetID\":5002,\"MACAddress\":\"020000000102\","
			"\"CustomerAddress\":\"10.0.0.1\",\"PrefixLength\":24}");
	put(GW_HNV_PUBLIC, "{\"PublicPrefix\":\"203.0.113.3/32\",\"FirstPort\":0,\"PortCount\":0,"
			   "\"RoutingDomainID\":\"" OTHER "\"}");
	carry_out("another one's");
	assert_string_equal(nat_state_name(gateway_of(OTHER)->state), "Up");
	sh_ok("nsenter --net=/run/netns/gwd-nat%d-5002 nft list set inet gwd-nat public4 | grep -qw 203.0.113.3",
	      (int)getpid());
	turns("the first one's are brought in");
	/* Its end does not wait for the thread either, nor does the thread touch what has gone. */
	gw_intent_begin(intent);
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.3.0.1/32", ""));
	carry_out("one more");
	assert_non_null(driver->working);
	end();
}

#define OTHER_VRF                                                                                                      \
	"{\"RoutingDomainID\":\"" OTHER "\",\"VirtualSubnetID\":5002,\"MACAddress\":\"020000000102\","                 \
	"\"CustomerAddress\":\"10.0.0.1\",\"PrefixLength\":24}"
#define OTHER_PUBLIC                                                                                                   \
	"{\"PublicPrefix\":\"203.0.113.3/32\",\"FirstPort\":0,\"PortCount\":0,\"RoutingDomainID\":\"" OTHER "\"}"

static int part(void)
{
	struct gw_error err = GW_ERROR_INIT;

	wanted = 0; /* as the core does */
	return gw_plugin.ops->sync(driver, intent, &err);
}

/* One virtual gateway in each turn: changes may come in between, and what comes up meanwhile is not forgotten. */
static void test_a_sync_in_parts(void **state)
{
	(void)state;
	start_two();
	sh("ip netns add gwd-nat%d-5002 2>/dev/null", (int)getpid()); /* another test may have made it */
	gw_intent_begin(intent);
	put(GW_HNV_VRF, OTHER_VRF);
	put(GW_HNV_PUBLIC, OTHER_PUBLIC);
	commit_ok();
	close_driver();
	open_driver();
	driver->turn_ns = 0;
	assert_int_equal(part(), GW_SYNC_MORE);
	assert_int_equal(driver->gateways.n, 1);
	gw_intent_begin(intent);
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.3.0.1/32", ""));
	commit_ok();
	nat_gateway_want_sync(GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid), "a test");
	assert_int_equal(part(), 0);
	assert_int_equal(wanted, 1);
	finish_work();
	assert_int_equal(status_number("up"), 2);
	assert_true(in_map("10.3.0.1"));
	/* Nothing came up in this one. One that goes before its turn has come is gone. */
	assert_int_equal(part(), GW_SYNC_MORE);
	gw_intent_begin(intent);
	drop(GW_HNV_VRF, OTHER_VRF);
	drop(GW_HNV_PUBLIC, OTHER_PUBLIC);
	commit_ok();
	assert_int_equal(part(), 0);
	assert_int_equal(wanted, 0);
	assert_int_equal(driver->gateways.n, 1);
	/* The driver is closed in the middle. */
	gw_intent_begin(intent);
	put(GW_HNV_VRF, OTHER_VRF);
	commit_ok();
	assert_int_equal(part(), GW_SYNC_MORE);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_thousand_rules),
		cmocka_unit_test(test_changes_while_it_is_written),
		cmocka_unit_test(test_another_does_not_wait),
		cmocka_unit_test(test_a_sync_in_parts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat many", tests, private_mounts, group_end);
}
