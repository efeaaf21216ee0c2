/* test_nat.c - the NAT plugin on a real kernel: what it lets through, how it is translated, and what repairs it. */
#include "nat_fixture.h"

static int group_begin(void **state)
{
	(void)state;
	make_namespaces();
	return 0;
}

static int group_end(void **state)
{
	(void)state;
	drop_namespaces();
	return 0;
}

static void start(void)
{
	begin();
	sh("ip netns exec %s nft flush ruleset", vrf);
	open_driver();
	sync_ok();
	gw_intent_begin(intent);
	put(GW_HNV_VRF, VRF);
}

/* Outbound by one address: ports stay, replies come back, strangers do not. */
static void test_outbound(void **state)
{
	int in, out, stranger;

	(void)state;
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", ""));
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
	sh_ok("ip netns exec %s ping -c1 -W2 -I 10.0.0.4 198.51.100.9 >/dev/null", in_ns);
	close(in);
	close(out);
	close(stranger);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outbound),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat", tests, group_begin, group_end);
}
