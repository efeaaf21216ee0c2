/*
 * test_fast_two.c - the fast path with two virtual gateways whose customers have the same addresses and ports: what is remembered of
 * a flow of the one is never used for the other, whatever changes. GW-1, GW-3.
 */
#include "fast_fixture.h"

#define PLACE_A 1500 /* of SHARED */
#define PLACE_B 2500

static const uint16_t places[GATEWAYS] = {PLACE_A, PLACE_B};
static const char *const own[GATEWAYS] = {ONLY_A, ONLY_B};

/* The connection of a gateway's customer, at a port of the shared address. */
static void track_shared(int gateway, bool tcp)
{
	track_in(gateway, tcp ? "tcp" : "udp", CUSTOMER, SHARED, places[gateway], tcp ? TCP_SURE : UDP_SURE);
}

static void out_is(const char *file, int line, int gateway, const char *public, uint16_t port, struct shape s)
{
	struct pkt p = up_of(gateway, CUSTOMER, 2000, s), want = up_outside(public, port, s);

	goes_fast(file, line, GW_HOOK_UNDERLAY, &p, &want, 14);
}

/* The tunnel is the gateway's own: its VSID, its customer's host. */
static void in_is(const char *file, int line, int gateway, const char *public, uint16_t port, struct shape s)
{
	struct pkt p = down(public, port, s), want = down_inside(s);
	const struct run *r = goes_fast(file, line, GW_HOOK_EDGE, &p, &want, 14 + GW_VXLAN_OVERHEAD);

	check(get32(r->b + OUTER_L4 + 12) == tenants[gateway].vsid << 8, "%s:%d: VSID %u, expected %u", file, line,
	      get32(r->b + OUTER_L4 + 12) >> 8, tenants[gateway].vsid);
	check(get32(r->b + OUTER_IP + 16) == ntohl(ip_of(tenants[gateway].pa).w[3]), "%s:%d: another host's", file,
	      line);
	assert_bytes_at(file, line, r->b + OUTER_L4 + 16, MAC_N(5).b, 6);
}

static void out_is_slow(const char *file, int line, int gateway, struct shape s)
{
	struct pkt p = up_of(gateway, CUSTOMER, 2000, s);

	goes_slow(file, line, GW_HOOK_UNDERLAY, &p);
}

static void in_is_slow(const char *file, int line, const char *public, uint16_t port, struct shape s)
{
	struct pkt p = down(public, port, s);

	goes_slow(file, line, GW_HOOK_EDGE, &p);
}

#define out_fast(...) out_is(__FILE__, __LINE__, __VA_ARGS__)
#define in_fast(...)  in_is(__FILE__, __LINE__, __VA_ARGS__)
#define out_slow(...) out_is_slow(__FILE__, __LINE__, __VA_ARGS__)
#define in_slow(...)  in_is_slow(__FILE__, __LINE__, __VA_ARGS__)

static struct shape shape_of(bool tcp)
{
	struct shape s = PLAIN;

	s.tcp = tcp;
	return s;
}

/* The same 5-tuples of both, one packet of each in turn. */
static void test_in_turn(void **state)
{
	(void)state;
	for (int g = 0; g < GATEWAYS; g++) {
		track_in(g, "udp", CUSTOMER, own[g], 1000, UDP_SURE);
		track_shared(g, true);
	}
	for (int i = 0; i < 20; i++)
		for (int g = 0; g < GATEWAYS; g++) {
			out_fast(g, own[g], 1000, shape_of(false));
			out_fast(g, SHARED, places[g], shape_of(true));
			in_fast(g, own[g], 1000, shape_of(false));
			in_fast(g, SHARED, places[g], shape_of(true));
		}
}

/* What one of them has is nothing of the other's, before it has as much, and after. */
static void test_one_only(void **state)
{
	(void)state;
	for (int first = 0; first < GATEWAYS; first++) {
		int other = !first;

		fast_setup(NULL);
		track_shared(first, false);
		for (int i = 0; i < 3; i++) {
			out_fast(first, SHARED, places[first], PLAIN);
			out_slow(other, PLAIN);
			in_fast(first, SHARED, places[first], PLAIN);
			in_slow(SHARED, places[other], PLAIN);
		}
		track_shared(other, false);
		out_fast(other, SHARED, places[other], PLAIN);
		in_fast(other, SHARED, places[other], PLAIN);
		assert_int_equal(forget_all(first), 0);
		for (int i = 0; i < 3; i++) {
			out_slow(first, PLAIN);
			out_fast(other, SHARED, places[other], PLAIN);
			in_slow(SHARED, places[first], PLAIN);
			in_fast(other, SHARED, places[other], PLAIN);
		}
	}
}

/* With another epoch both are looked for anew: the one that has gone is not found by what the other has. */
static void test_epoch(void **state)
{
	(void)state;
	for (int gone = 0; gone < GATEWAYS; gone++) {
		int other = !gone;

		fast_setup(NULL);
		for (int g = 0; g < GATEWAYS; g++) {
			track_shared(g, false);
			out_fast(g, SHARED, places[g], PLAIN);
			in_fast(g, SHARED, places[g], PLAIN);
		}
		drop_gateway(gone);
		new_epoch();
		for (int i = 0; i < 3; i++) {
			out_slow(gone, PLAIN);
			in_slow(SHARED, places[gone], PLAIN);
			out_fast(other, SHARED, places[other], PLAIN);
			in_fast(other, SHARED, places[other], PLAIN);
		}
		put_gateway(gone, gone);
		out_fast(gone, SHARED, places[gone], PLAIN);
		in_fast(gone, SHARED, places[gone], PLAIN);
	}
}

/* Both have the same connection, as translated as before: only the namespace tells whose it is. */
static void test_namespaces(void **state)
{
	(void)state;
	for (int g = 0; g < GATEWAYS; g++) {
		track_shared(g, false);
		out_fast(g, SHARED, places[g], PLAIN);
		in_fast(g, SHARED, places[g], PLAIN);
	}
	/* Each has the other's: what it finds there is translated to what is not its own. */
	for (int g = 0; g < GATEWAYS; g++)
		put_gateway(g, !g);
	new_epoch();
	for (int g = 0; g < GATEWAYS; g++) {
		out_slow(g, PLAIN);
		in_slow(SHARED, places[g], PLAIN);
	}
	for (int g = 0; g < GATEWAYS; g++)
		put_gateway(g, g);
	new_epoch();
	for (int g = 0; g < GATEWAYS; g++) {
		out_fast(g, SHARED, places[g], PLAIN);
		in_fast(g, SHARED, places[g], PLAIN);
	}
}

/* A block of ports is another one's now: what comes to it is, too, though the kernel still has the connection of who had it. */
static void test_owner(void **state)
{
	(void)state;
	track_shared(GATEWAY_A, false);
	out_fast(GATEWAY_A, SHARED, PLACE_A, PLAIN);
	in_fast(GATEWAY_A, SHARED, PLACE_A, PLAIN);
	outside_place(GW_PLACE_BLOCK(PLACE_A), GATEWAY_B);
	new_epoch();
	for (int i = 0; i < 3; i++) {
		struct pkt p = down(SHARED, PLACE_A, PLAIN);

		in_slow(SHARED, PLACE_A, PLAIN);
		edge_steers(&p, GATEWAY_B);
		out_slow(GATEWAY_A, PLAIN); /* which would speak in the name of the other */
	}
	/* The very same connection of the other's. */
	track_in(GATEWAY_B, "udp", CUSTOMER, SHARED, PLACE_A, UDP_SURE);
	for (int i = 0; i < 3; i++) {
		in_fast(GATEWAY_B, SHARED, PLACE_A, PLAIN);
		out_fast(GATEWAY_B, SHARED, PLACE_A, PLAIN);
		out_slow(GATEWAY_A, PLAIN);
	}
	outside_place(GW_PLACE_BLOCK(PLACE_A), GATEWAY_A);
	new_epoch();
	in_fast(GATEWAY_A, SHARED, PLACE_A, PLAIN);
	out_fast(GATEWAY_A, SHARED, PLACE_A, PLAIN);
	out_slow(GATEWAY_B, PLAIN);
}

static struct pkt numbered(struct pkt p, size_t l4, uint32_t seq, uint32_t ack)
{
	put32(p.b + l4 + 4, seq);
	put32(p.b + l4 + 8, ack);
	return p;
}

/* A reset ends the connection whose next number it has; that the other's is that does not count. */
static void test_reset(void **state)
{
	enum { IN = 14 + 20, UP = 14 + GW_VXLAN_OVERHEAD + 20, EXPECTED_A = 111111, EXPECTED_B = 222222 };
	static const uint32_t expected[GATEWAYS] = {EXPECTED_A, EXPECTED_B};
	struct shape s = shape_of(true), rst = s;

	(void)state;
	rst.tcp_flags = 0x04;
	for (int g = 0; g < GATEWAYS; g++) {
		struct pkt p = numbered(up_of(g, CUSTOMER, 2000, s), UP, 5000, expected[g]), in;
		struct run once;

		track_shared(g, true);
		run_raw(GW_HOOK_UNDERLAY, world.underlay, &p, &once);
		run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_FAST_FORWARDED);
		in = numbered(down(SHARED, places[g], s), IN, 7000, 5000);
		run_raw(GW_HOOK_EDGE, outside.external, &in, &once);
		run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &in, GW_OUT_FAST_FORWARDED);
	}
	for (int g = 0; g < GATEWAYS; g++) {
		struct pkt wrong = numbered(down(SHARED, places[g], rst), IN, expected[!g], 0);

		run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &wrong, GW_OUT_STEERED);
	}
	for (int g = 0; g < GATEWAYS; g++) {
		struct pkt right = numbered(down(SHARED, places[g], rst), IN, expected[g], 0);

		run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &right, GW_OUT_FAST_FORWARDED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-1 GW-3: the same flows of both, in turn", test_in_turn, fast_setup, NULL, NULL},
		{"GW-1 GW-3: a connection of one of them only", test_one_only, NULL, NULL, NULL},
		{"GW-1 GW-3: another epoch", test_epoch, NULL, NULL, NULL},
		{"GW-1 GW-3: another namespace", test_namespaces, fast_setup, NULL, NULL},
		{"GW-1 GW-3: another owner", test_owner, fast_setup, NULL, NULL},
		{"GW-1 GW-3: resets", test_reset, fast_setup, NULL, NULL},
	};
	int r = run_group("fast path of two", tests, fast_group);

	fast_end();
	return r;
}
