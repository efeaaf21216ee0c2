/*
 * test_nat_many.c - the NAT plugin with as many rules as a virtual gateway may have: what it costs to bring them, and that nobody
 * else waits for it.
 */
#include "nat_fixture.h"

#include <time.h>

static int group_end(void **state)
{
	(void)state;
	drop_namespaces();
	return 0;
}

static double now_ms(clockid_t c)
{
	struct timespec t;

	clock_gettime(c, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void put_text(enum gw_hnv_kind kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put(kind, text);
}

static void many(unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++)
		put_text(GW_HNV_NAT_RULE, "{\"RoutingDomainID\":\"" RD "\",\"Type\":\"Inbound\",\"Protocol\":\"%s\",\"PublicAddress\":\"203.0.113.2\",\"PublicPort\":%u,\"PortCount\":%u,\"CustomerPrefix\":\"10.0.%u.%u/32\"%s}", i % 3 ? "Tcp" : "Udp", 1000 + 4 * i, i % 5 == 0 ? 3 : 1, i >> 8, i & 255, i % 2 && i % 5 ? ",\"CustomerPort\":80" : "");
	for (unsigned i = 0; i < n / 2; i++)
		put_text(GW_HNV_NAT_RULE, "{\"RoutingDomainID\":\"" RD "\",\"Type\":\"Outbound\",\"Protocol\":\"All\",\"PublicAddress\":\"203.0.113.1\",\"PublicPort\":0,\"CustomerPrefix\":\"10.1.%u.%u/32\"}", i >> 8, i & 255);
}

static void test_many(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;
	double t;
	(void)state;
	begin();
	drop_namespaces();
	make_namespaces();
	open_driver();
	sync_ok();
	gw_intent_begin(intent);
	put(GW_HNV_VRF, VRF);
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.2/32"));
	commit_ok();
	gw_intent_begin(intent);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	many(10000);
	print_message("# put %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	assert_int_equal(gw_intent_validate(intent, &err), 0);
	print_message("# validate %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	delta = gw_intent_delta(intent);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	expect((gw_plugin.ops->check)(driver, intent, &delta, &err), 0, &err, NULL);
	print_message("# check %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	assert_int_equal(gw_plugin.ops->apply(driver, intent, &delta, &err), 0);
	print_message("# apply %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	gw_intent_commit(intent);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	sync_ok();
	print_message("# sync, same %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.2.3/32", ""));
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	commit_ok();
	print_message("# delete one %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	gw_intent_begin(intent);
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.1.2.3/32", ""));
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	commit_ok();
	print_message("# add one %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	close_driver();
	open_driver();
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	sync_ok();
	print_message("# adopt %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	{
	struct nat_gateway *g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	nat_gateway_count(g);
	print_message("# count %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	}
	sh_ok("nsenter --net=/run/netns/%s nft delete table inet gwd-nat", vrf);
	t = now_ms(CLOCK_THREAD_CPUTIME_ID);
	uv_run(&loop, UV_RUN_NOWAIT);
	sync_ok();
	print_message("# repair %.1f ms\n", now_ms(CLOCK_THREAD_CPUTIME_ID) - t);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat many", tests, NULL, group_end);
}
