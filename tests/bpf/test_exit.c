/*
 * test_exit.c - what virtual gateways send, packet by packet: that nothing leaves but what is from their own public places, and
 * where it goes. GW-1, GW-3, API-3.
 */
#include "outside.h"

#include <netinet/in.h>
#include <unistd.h>

static void test_sent_out(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 7, FAR, 53);

	(void)state;
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_udp(PREFIX_B, 7, FAR, 53);
	exit_out(GATEWAY_B, &p, SENT_OUT);
	p = outside_udp(ONLY_A6, 7, FAR6, 53);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_udp(SHARED, 1024, FAR, 53);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_udp(SHARED, 443, FAR, 53);
	exit_out(GATEWAY_B, &p, SENT_OUT);
	for (unsigned type = 0; type < 16; type += type == 8 ? 5 : type == 13 ? 1 : 8) { /* 0, 8, 13, 14 */
		p = outside_echo(SHARED, FAR, (uint8_t)type, 2100);
		exit_out(GATEWAY_B, &p, SENT_OUT);
		exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
		if (type == 14)
			break;
	}
	p = outside_udp(ONLY_A, 7, "10.9.9.9", 53); /* outside may be a private network */
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_start(ONLY_A, FAR);
	pkt_proto(&p, 47);
	pkt_fill(&p, 40);
	pkt_close(&p);
	exit_out(GATEWAY_A, &p, SENT_OUT);
}

static void test_spoofed(void **state)
{
	static const char *const others[] = {ONLY_B,	    PREFIX_B,	 NOBODYS,	SELF,
					     "10.0.1.11",   FAR,	 "192.168.1.1", "203.0.113.77",
					     "169.254.1.1", "127.0.0.1", "0.0.0.0"};
	static const char *const others6[] = {ONLY_B6, SELF6, FAR6, "fd00::1", "fe80::2", "::", "::ffff:203.0.113.2"};
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < GW_N(others); i++) {
		p = outside_udp(others[i], 1100, FAR, 53);
		exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
		p = outside_udp(others[i], 1100, ONLY_B, 53); /* neither to one another */
		exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	}
	for (size_t i = 0; i < GW_N(others6); i++) {
		p = outside_udp(others6[i], 1100, FAR6, 53);
		exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	}
	p = outside_udp(ONLY_A6, 1, "::ffff:1.2.3.4", 2);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_udp(SHARED, 2048, FAR, 53);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_udp(SHARED, 443, FAR, 53);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_udp(SHARED, 3333, FAR, 53);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_start(SHARED, FAR);
	pkt_proto(&p, 132);
	pkt_fill(&p, 40);
	pkt_close(&p);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_echo(SHARED, FAR, 17, 1100);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
}

static void test_errors(void **state)
{
	struct pkt q = outside_udp(FAR, 9, SHARED, 1100), p;

	(void)state;
	p = outside_error(SHARED, FAR, 3, &q, 28);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	exit_drops(GATEWAY_B, &p, SPOOF_PUBLIC);   /* about what A has */
	p = outside_error(ONLY_A, FAR, 3, &q, 28); /* from another address of its own */
	exit_out(GATEWAY_A, &p, SENT_OUT);
	q = outside_udp(FAR, 9, ONLY_A, 5);
	p = outside_error(SHARED, FAR, 11, &q, 28);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	exit_drops(GATEWAY_B, &p, SPOOF_PUBLIC);
	q = outside_udp(FAR, 9, SHARED, 1100);
	outside_fragment(&q, 5);
	p = outside_error(SHARED, FAR, 11, &q, 28);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	q = outside_udp(SHARED, 1100, FAR, 9); /* it quotes what went the other way */
	p = outside_error(SHARED, FAR, 3, &q, 28);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
}

static void test_fragments(void **state)
{
	struct pkt p = outside_udp(SHARED, 1100, FAR, 53);

	(void)state;
	outside_fragment(&p, 0x2000);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	exit_drops(GATEWAY_B, &p, SPOOF_PUBLIC);
	outside_fragment(&p, 0x2000 | 64);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	exit_out(GATEWAY_B, &p, SENT_OUT); /* which it might be */
	put16(p.b + 16, 20);
	outside_fragment(&p, 64);
	exit_drops(GATEWAY_A, &p, BAD_FRAGMENT);
	p = outside_udp(ONLY_A, 1100, SHARED, 2100);
	outside_fragment(&p, 0x2000);
	exit_out(GATEWAY_A, &p, TO_REASSEMBLY);
	p = outside_udp(ONLY_A, 1100, ONLY_B, 2100);
	outside_fragment(&p, 64);
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
}

static void test_between(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 7, ONLY_B, 53);

	(void)state;
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
	p = outside_udp(SHARED, 1100, SHARED, 2100);
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
	p = outside_udp(SHARED, 1100, SHARED, 80); /* to itself */
	exit_steers(GATEWAY_A, &p, GATEWAY_A);
	p = outside_udp(ONLY_A6, 1, ONLY_B6, 2);
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
	p = outside_udp(ONLY_A, 1, SHARED, 5000);
	exit_drops(GATEWAY_A, &p, NO_PUBLIC_PORT);
	p = outside_udp(ONLY_A, 1, NOBODYS, 5000);
	exit_drops(GATEWAY_A, &p, NO_GATEWAY);
}

static void test_to_self(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 7, SELF, 53);
	const struct run *r;

	(void)state;
	exit_out(GATEWAY_A, &p, TO_SELF);
	p.b[0] ^= 2;
	r = run_out(__FILE__, __LINE__, GW_HOOK_EXIT, outside.exit[GATEWAY_A], &p, GW_OUT_TO_SELF);
	assert_bytes(r->b, MAC_OUT.b, 6);
	assert_int_equal(r->ctx.mark, GW_MARK_TO_SELF);
	p = outside_udp(ONLY_A6, 7, SELF6, 53);
	exit_out(GATEWAY_A, &p, TO_SELF);
	p = outside_udp("10.0.1.1", 7, SELF, 53);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_udp(ONLY_A, 7, INWARD, 53);
	exit_drops(GATEWAY_A, &p, NODE_ADDRESS);
	p = outside_udp(ONLY_A6, 7, INWARD6, 53);
	exit_drops(GATEWAY_A, &p, NODE_ADDRESS);
}

static void test_nowhere(void **state)
{
	static const char *const nowhere[] = {"224.0.0.5", "255.255.255.255", "127.0.0.1",
					      "0.0.0.0",   "169.254.1.1",     "240.1.1.1"};
	static const char *const nowhere6[] = {"ff02::2", "ff0e::1", "fe80::1", "::1", "::"};
	struct pkt p = {0};

	(void)state;
	for (size_t i = 0; i < GW_N(nowhere); i++) {
		p = outside_udp(ONLY_A, 1, nowhere[i], 2);
		exit_drops(GATEWAY_A, &p, FLOOD);
	}
	for (size_t i = 0; i < GW_N(nowhere6); i++) {
		p = outside_udp("fe80::5", 1, nowhere6[i], 2);
		exit_drops(GATEWAY_A, &p, FLOOD);
	}
	p = (struct pkt){0};
	pkt_eth(&p, MAC_BCAST, MAC_ISP);
	pkt_arp(&p, 1, MAC_ISP, "192.0.2.1", (struct mac){{0}}, NEAR_A);
	pkt_close(&p);
	exit_drops(GATEWAY_A, &p, FLOOD);
}

static void send_out(int gateway, const char *from, uint16_t port, const char *to)
{
	struct pkt p = outside_udp(from, port, to, 53);

	exit_out(gateway, &p, SENT_OUT); /* the long way */
	exit_out(gateway, &p, SENT_OUT); /* and what is remembered of it */
}

static void refuse(int gateway, const char *from, uint16_t port, const char *to)
{
	struct pkt p = outside_udp(from, port, to, 53);

	exit_drops(gateway, &p, SPOOF_PUBLIC);
}

/* That one was let out lets out none that may not. */
static void test_again(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 7, FAR, 53), q;

	(void)state;
	send_out(GATEWAY_A, ONLY_A, 7, FAR);
	refuse(GATEWAY_B, ONLY_A, 7, FAR);
	refuse(GATEWAY_A, ONLY_B, 7, FAR);
	send_out(GATEWAY_A, ONLY_A, 8, FAR);
	put16(p.b + 16, 19);
	pkt_fix_ip4(p.b + 14);
	exit_drops(GATEWAY_A, &p, MALFORMED);
	put16(p.b + 16, (uint16_t)(p.len - 14 + 1));
	pkt_fix_ip4(p.b + 14);
	exit_drops(GATEWAY_A, &p, MALFORMED);

	send_out(GATEWAY_A, SHARED, 1100, FAR);
	send_out(GATEWAY_A, SHARED, 80, FAR);
	refuse(GATEWAY_A, SHARED, 2100, FAR);
	refuse(GATEWAY_A, SHARED, 443, FAR);
	refuse(GATEWAY_A, SHARED, 5000, FAR);
	send_out(GATEWAY_B, SHARED, 2100, FAR);
	refuse(GATEWAY_B, SHARED, 1100, FAR);
	p = outside_echo(SHARED, FAR, 8, 1100);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_echo(SHARED, FAR, 8, 2100);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	q = outside_udp(FAR, 9, SHARED, 2100);
	p = outside_error(SHARED, FAR, 3, &q, 28);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_start(SHARED, FAR);
	pkt_proto(&p, 132);
	put16(p.b + 34, 1100); /* where others have a port */
	pkt_fill(&p, 40);
	pkt_close(&p);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	p = outside_udp(SHARED, 2100, FAR, 53);
	outside_fragment(&p, 0x2000);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
}

/* What is remembered holds until the number changes, and no longer. */
static void test_outdated(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 7, FAR, 53);

	(void)state;
	send_out(GATEWAY_A, ONLY_A, 7, FAR);
	outside_public(ONLY_A, GATEWAY_B, 0);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	new_epoch();
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	send_out(GATEWAY_B, ONLY_A, 7, FAR);
	outside_public(FAR, GATEWAY_A, 0);
	exit_out(GATEWAY_B, &p, SENT_OUT);
	new_epoch();
	exit_steers(GATEWAY_B, &p, GATEWAY_A);
	outside_public(FAR, NONE, GW_PUBLIC_SELF);
	new_epoch();
	exit_out(GATEWAY_B, &p, TO_SELF);

	/* Who has a port is looked up always. */
	p = outside_udp(SHARED, 1100, "198.51.100.11", 53);
	send_out(GATEWAY_A, SHARED, 1100, "198.51.100.11");
	outside_place(GW_PLACE_BLOCK(1024), GATEWAY_B);
	exit_drops(GATEWAY_A, &p, SPOOF_PUBLIC);
	exit_out(GATEWAY_B, &p, SENT_OUT);
}

/* More ways than there is room to remember: none is taken for another. */
static void test_many_ways(void **state)
{
	enum { WAYS = 5000 };
	char to[INET_ADDRSTRLEN];

	(void)state;
	for (int turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < WAYS; i++) {
			struct pkt p;

			snprintf(to, sizeof to, "100.64.%u.%u", i / 250, i % 250);
			p = outside_udp(i % 2 ? ONLY_A : ONLY_B, 7, to, 53);
			check(run_packet(GW_HOOK_EXIT, outside.exit[i % 2 ? GATEWAY_A : GATEWAY_B], &p)->outcome ==
				      GW_OUT_SENT_OUT,
			      "to %s", to);
			check(run_packet(GW_HOOK_EXIT, outside.exit[i % 2 ? GATEWAY_B : GATEWAY_A], &p)->drop ==
				      GW_DROP_SPOOF_PUBLIC,
			      "spoofed, to %s", to);
		}
}

static void test_unknown(void **state)
{
	struct pkt p = outside_udp(ONLY_A, 1, FAR, 2);

	(void)state;
	run_drop(__FILE__, __LINE__, GW_HOOK_EXIT, world.port[0], &p, GW_DROP_NO_GATEWAY);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	outside_params(0, world.underlay);
	exit_drops(GATEWAY_A, &p, NO_EXTERNAL);
	p = outside_udp(ONLY_A, 1, SELF, 2);
	exit_drops(GATEWAY_A, &p, NO_EXTERNAL);
	p = outside_udp(ONLY_A, 1, ONLY_B, 2); /* that needs none */
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
	put16(p.b + 16, 100);
	exit_drops(GATEWAY_A, &p, MALFORMED);
}

static struct pkt to_host(const char *src, unsigned n)
{
	char to[INET6_ADDRSTRLEN];

	snprintf(to, sizeof to, strchr(src, ':') ? "2001:db8:f::1:%x" : "192.0.2.%u", n);
	return outside_udp(src, 7, to, 53);
}

/* One who asks for all of a segment gets no further than its share, and nobody else is kept from theirs. */
static void test_many_neighbours(void **state)
{
	enum { SHARE = 500, ALL = 20000 };
	struct pkt p;
	unsigned n = 0, v4 = 1;
	int drop = -1;

	(void)state;
	for (; n < ALL && drop < 0; n += drop < 0) {
		p = to_host(ONLY_A6, n);
		drop = run_packet(GW_HOOK_EXIT, outside.exit[GATEWAY_A], &p)->drop;
	}
	check(n >= SHARE && n < ALL, "%u hosts", n);
	assert_int_equal(drop, GW_DROP_NEIGHBOUR_LIMIT);
	for (drop = -1; v4 < 250 && drop < 0; v4++) { /* of both families together; time goes on meanwhile */
		p = to_host(ONLY_A, v4);
		drop = v4 == 2 || v4 == 50 ? -1 : run_packet(GW_HOOK_EXIT, outside.exit[GATEWAY_A], &p)->drop;
	}
	assert_int_equal(drop, GW_DROP_NEIGHBOUR_LIMIT);
	p = to_host(ONLY_B, 77);
	exit_out(GATEWAY_B, &p, SENT_OUT);
	for (unsigned i = 0; i < n; i++) { /* those that it has met already */
		p = to_host(ONLY_A6, i);
		assert_int_equal(run_packet(GW_HOOK_EXIT, outside.exit[GATEWAY_A], &p)->outcome, GW_OUT_SENT_OUT);
	}
	p = outside_udp(ONLY_A, 7, FAR, 53);
	exit_out(GATEWAY_A, &p, SENT_OUT);
	p = outside_udp(ONLY_A, 7, ONLY_B, 53);
	exit_steers(GATEWAY_A, &p, GATEWAY_B);
	for (unsigned i = 0; i < 200; i++) { /* 4 s, in which it may meet 200 */
		p = to_host(ONLY_A6, ALL + i);
		if (run_packet(GW_HOOK_EXIT, outside.exit[GATEWAY_A], &p)->drop < 0)
			return;
		usleep(20000);
	}
	fail_msg("it may meet nobody any more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-1: to the world outside", test_sent_out, outside_setup, NULL, NULL},
		{"GW-1 API-3: from places that are not its own", test_spoofed, outside_setup, NULL, NULL},
		{"GW-3: ICMP errors go by what they quote", test_errors, outside_setup, NULL, NULL},
		{"GW-3: fragments", test_fragments, outside_setup, NULL, NULL},
		{"GW-1: from one virtual gateway to another", test_between, outside_setup, NULL, NULL},
		{"GW-1: to all hosts of a segment", test_many_neighbours, outside_setup, NULL, NULL},
		{"GW-1 API-3: after one that was let out", test_again, outside_setup, NULL, NULL},
		{"GW-1 API-3: ways change", test_outdated, outside_setup, NULL, NULL},
		{"GW-1 API-3: more ways than are remembered", test_many_ways, outside_setup, NULL, NULL},
		{"GW-1: to the node itself", test_to_self, outside_setup, NULL, NULL},
		{"GW-1 API-3: to where nobody is", test_nowhere, outside_setup, NULL, NULL},
		{"GW-1 API-3: no virtual gateway, no outside", test_unknown, outside_setup, NULL, NULL},
	};

	return run_group("exit: from virtual gateways", tests, outside_group);
}
