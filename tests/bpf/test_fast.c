/*
 * test_fast.c - the fast path of virtual gateways, packet by packet: what is forwarded past the stack, how it looks then, and what
 * is left to the stack. GW-3. That the entries of two of them are never taken for each other's: test_fast_two.c.
 */
#include "fast_fixture.h"

static void test_out(void **state)
{
	struct shape shapes[] = {
		PLAIN, PLAIN, {.ttl = 2, .tos = 0xb8, .size = 0}, {.ttl = 255, .tos = 0x02, .size = 1372}, PLAIN};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", CUSTOMER, SHARED, 1500, TCP_SURE);
	shapes[1].no_checksum = true;
	for (size_t i = 0; i < GW_N(shapes); i++) {
		struct pkt p = up(CUSTOMER, 2000, shapes[i]), want = up_outside(ONLY_A, 1000, shapes[i]);

		up_fast(&p, &want);
		shapes[i].tcp = true;
		shapes[i].no_checksum = false;
		if (shapes[i].size > 1000)
			shapes[i].size = 1360;
		p = up(CUSTOMER, 2000, shapes[i]);
		want = up_outside(SHARED, 1500, shapes[i]);
		up_fast(&p, &want);
	}
	/* What is wrong with a checksum of UDP or TCP stays so: whom the packet is for sees it. */
	for (int tcp = 0; tcp <= 1; tcp++) {
		struct shape s = {.ttl = 64, .size = 100, .tcp = tcp};
		struct pkt p = up(CUSTOMER, 2000, s), want = up_outside(tcp ? SHARED : ONLY_A, tcp ? 1500 : 1000, s);

		p.b[p.len - 1] ^= 0x40;
		want.b[want.len - 1] ^= 0x40;
		assert_false(ip_sums_good(want.b + 14, want.len - 14));
		up_fast(&p, &want);
	}
}

static void test_in(void **state)
{
	struct shape shapes[] = {
		PLAIN, PLAIN, {.ttl = 3, .tos = 0xb8, .size = 0}, {.ttl = 255, .tos = 0x02, .size = 1410}};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", BEHIND, SHARED, 1500, TCP_SURE);
	shapes[1].no_checksum = true;
	for (size_t i = 0; i < GW_N(shapes); i++) {
		struct pkt p = down(ONLY_A, 1000, shapes[i]), want = down_inside(shapes[i]);
		struct shape after;

		down_fast(&p, &want);
		shapes[i].tcp = true;
		shapes[i].no_checksum = false;
		if (shapes[i].size > 1000)
			shapes[i].size = 1400;
		p = down(SHARED, 1500, shapes[i]);
		after = shapes[i];
		after.ttl -= 2;
		want = (struct pkt){0};
		pkt_eth(&want, MAC_3, MAC_VRF);
		put_ip(&want, FAR, 2000, BEHIND, 1000, after);
		down_fast(&p, &want);
	}
}

/* What it looks like in the tunnel. */
static void test_tunnel(void **state)
{
	struct pkt p = down(ONLY_A, 1000, (struct shape){.ttl = 64, .tos = 0xba, .size = 77});
	const struct run *r;
	struct run once;

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	run_raw(GW_HOOK_EDGE, outside.external, &p, &once);
	r = run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &p, GW_OUT_FAST_FORWARDED);
	assert_true(ip_sums_good(r->b + OUTER_IP, r->len - OUTER_IP));
	assert_int_equal(r->b[OUTER_IP + 1], 0xba);
	assert_int_equal(get32(r->b + OUTER_IP + 12), ntohl(ip_of(PA_SELF).w[3]));
	assert_int_equal(get32(r->b + OUTER_IP + 16), ntohl(ip_of(PA_VXLAN).w[3]));
	assert_int_equal(get16(r->b + OUTER_L4 + 2), 4789);
	assert_int_equal(get32(r->b + OUTER_L4 + 12), tenants[GATEWAY_A].vsid << 8);
	assert_memory_equal(r->b + OUTER_L4 + 16, MAC_N(5).b, 6);
	assert_memory_equal(r->b + OUTER_L4 + 22, MAC_VRF.b, 6);
}

/* Of all that TCP's flags can say only what means that the connection goes on; whether the network is congested does not matter. */
static void flags_of_tcp(void)
{
	enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, URG = 32 };

	for (unsigned low = 1; low < 64; low++) {
		unsigned flags = low | (low / 16 + low) % 4 << 6;
		struct shape s = {.ttl = 64, .size = 100, .tcp = true, .tcp_flags = (uint8_t)flags};
		struct pkt p = up(CUSTOMER, 2000, s), want = up_outside(ONLY_A, 1000, s), in = down(ONLY_A, 1000, s);
		struct pkt in_want = down_inside(s);

		if ((flags & (FIN | SYN | RST | URG)) == RST)
			continue; /* its number decides */
		if ((flags & (FIN | SYN | RST | ACK | URG)) == ACK) {
			up_fast(&p, &want);
			down_fast(&in, &in_want);
		} else {
			up_slow(&p);
			down_slow(&in);
		}
	}
}

static void test_odd_packets(void **state)
{
	static const struct shape odd[] = {
		{.ttl = 1, .size = 100},
		{.ttl = 64, .size = 1373},
		{.ttl = 64, .size = 96, .frag = 0x2000},
		{.ttl = 64, .size = 100, .options = 4},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x02},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x12},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x11},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x14}, /* not what the other side expects */
		{.ttl = 64, .size = 100, .bad_ip_sum = true},
		{.ttl = 64, .size = 100, .bad_ip_sum = true, .tcp = true},
		{.ttl = 64, .size = 100, .udp_len = WITHOUT},
		{.ttl = 64, .size = 100, .udp_len = 7},
		{.ttl = 64, .size = 100, .udp_len = 8},
		{.ttl = 64, .size = 100, .udp_len = 107},
		{.ttl = 64, .size = 100, .udp_len = 109},
		{.ttl = 64, .size = 100, .udp_len = 65535},
	};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", CUSTOMER, ONLY_A, 1000, TCP_SURE);
	for (size_t i = 0; i < GW_N(odd); i++) {
		struct pkt p = up(CUSTOMER, 2000, odd[i]);
		struct shape in = odd[i];

		up_slow(&p);
		if (in.size > 1000)
			in.size = IN_SIZE - 28 + 1;
		p = down(ONLY_A, 1000, in);
		down_slow(&p);
	}
	flags_of_tcp();
}

static void test_odd_connections(void **state)
{
	static const struct {
		const char *proto, *public, *more;
		bool out, in;
	} some[] = {
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY,ASSURED --state SYN_RECV", false, false},
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY,ASSURED --state CLOSE_WAIT", false, false},
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY --state ESTABLISHED", false, false},
		{"udp", ONLY_A, "-t 30", true, false},		     /* nobody has answered yet */
		{"udp", ONLY_A, "-t 1 -u SEEN_REPLY", false, false}, /* the kernel wants to see it */
		{"udp", ONLY_B, UDP_SURE, false, true}, /* not a place of this one; what comes in is another's */
		{"udp", SELF, UDP_SURE, false, true},
		{"udp", CUSTOMER, UDP_SURE, false, true}, /* not translated at all */
	};

	(void)state;
	for (size_t i = 0; i < GW_N(some); i++) {
		struct shape s = PLAIN;
		struct pkt p, want;

		fast_setup(NULL);
		s.tcp = strcmp(some[i].proto, "tcp") == 0;
		track(some[i].proto, CUSTOMER, some[i].public, 1000, some[i].more);
		p = up(CUSTOMER, 2000, s);
		want = up_outside(some[i].public, 1000, s);
		if (some[i].out)
			up_fast(&p, &want);
		else
			up_slow(&p);
		p = down(ONLY_A, 1000, s);
		if (!some[i].in)
			down_slow(&p);
	}
}

/* First packets of as many flows as that from `first` on, which none of them is looked up for. */
static void new_flows(unsigned first, unsigned n)
{
	struct run r;

	for (unsigned i = 0; i < n; i++) {
		struct pkt p = up(CUSTOMER, (uint16_t)(3000 + first + i), PLAIN);

		assert_int_equal(run_raw(GW_HOOK_UNDERLAY, world.underlay, &p, &r), 0);
	}
}

/*
 * Very many new flows, which nothing is known of, do not stop one that goes on; one that was silent meanwhile goes through the stack
 * once, and is as before.
 */
static void test_many_new_flows(void **state)
{
	enum { MANY = 30000, PART = 2000 };
	struct pkt p = up(CUSTOMER, 2000, PLAIN), want = up_outside(ONLY_A, 1000, PLAIN);

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	up_fast(&p, &want);
	for (unsigned i = 0; i < MANY; i += PART) {
		new_flows(i, PART);
		run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_FAST_FORWARDED);
	}
	new_flows(MANY, MANY);
	run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_DECAPSULATED);
	run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_FAST_FORWARDED);
}

/* Nothing that is remembered outlives what it was made of. */
static void test_changes(void **state)
{
	struct pkt p = up(CUSTOMER, 2000, PLAIN), want = up_outside(ONLY_A, 1000, PLAIN),
		   in = down(ONLY_A, 1000, PLAIN), in_want = down_inside(PLAIN);

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	up_fast(&p, &want);
	down_fast(&in, &in_want);
	/* The customer has gone. */
	delete_record(VSID_A2, CUSTOMER);
	new_epoch();
	down_slow(&in);
	put_record(VSID_A2, CUSTOMER, MAC_N(5), PA_VXLAN, GW_ABI_VXLAN);
	down_fast(&in, &in_want);
	/* The virtual gateway has gone. */
	drop_gateway(GATEWAY_A);
	new_epoch();
	up_slow(&p);
	down_slow(&in);
	/* Its namespace is another one. */
	put_gateway(GATEWAY_A, 77);
	up_slow(&p);
	put_gateway(GATEWAY_A, 0);
	up_fast(&p, &want);
	down_fast(&in, &in_want);
	/* The entry has gone: at once, without an epoch. */
	assert_int_equal(forget_all(GATEWAY_A), 0);
	up_slow(&p);
	down_slow(&in);
	/* It is another one. */
	track("udp", CUSTOMER, SHARED, 1500, UDP_SURE);
	want = up_outside(SHARED, 1500, PLAIN);
	up_fast(&p, &want);
	down_slow(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-3: out of a tunnel to outside", test_out, fast_setup, NULL, NULL},
		{"GW-3: from outside into a tunnel", test_in, fast_setup, NULL, NULL},
		{"GW-3: the tunnel's headers", test_tunnel, fast_setup, NULL, NULL},
		{"GW-3: odd packets are the stack's", test_odd_packets, fast_setup, NULL, NULL},
		{"GW-3: odd connections are the stack's", test_odd_connections, fast_setup, NULL, NULL},
		{"GW-3: very many new flows", test_many_new_flows, fast_setup, NULL, NULL},
		{"GW-3: nothing is remembered for too long", test_changes, fast_setup, NULL, NULL},
	};
	int r = run_group("fast path", tests, fast_group);

	fast_end();
	return r;
}
