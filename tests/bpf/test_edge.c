/*
 * test_edge.c - what comes from outside, packet by packet: whose it is, what is the host's own, what is dropped and why. GW-1,
 * GW-3, API-3. Every case runs through both programs that an [external] interface can have.
 */
#include "outside.h"

static void udp_to(const char *dst, uint16_t port, int gateway)
{
	struct pkt p = outside_udp(strchr(dst, ':') ? FAR6 : FAR, 53, dst, port);

	edge_steers(&p, gateway);
}

static void test_exclusive(void **state)
{
	struct pkt p;

	(void)state;
	udp_to(ONLY_A, 5, GATEWAY_A);
	udp_to(ONLY_B, 5, GATEWAY_B);
	udp_to(PREFIX_B, 5, GATEWAY_B);
	udp_to("198.18.4.255", 5, GATEWAY_B);
	udp_to(ONLY_A6, 5, GATEWAY_A);
	udp_to(ONLY_B6, 5, GATEWAY_B);
	/* Any protocol, any sound fragment, any ICMP, also what a shared address would not take. */
	p = outside_start(FAR, ONLY_A);
	pkt_proto(&p, 50);
	pkt_fill(&p, 40);
	pkt_close(&p);
	edge_steers(&p, GATEWAY_A);
	p = outside_udp(FAR, 1, ONLY_A, 2);
	outside_fragment(&p, 0x2000);
	edge_steers(&p, GATEWAY_A);
	outside_fragment(&p, 0x2000 | 100);
	edge_steers(&p, GATEWAY_A);
	outside_fragment(&p, 100);
	edge_steers(&p, GATEWAY_A);
	outside_fragment(&p, (65535 - 60) / 8);
	edge_steers(&p, GATEWAY_A);
	p = outside_echo(FAR, ONLY_B, 8, 77);
	edge_steers(&p, GATEWAY_B);
	p = outside_echo(FAR, ONLY_B, 17, 77);
	edge_steers(&p, GATEWAY_B);
	p = outside_echo(FAR6, ONLY_B6, 128, 77);
	edge_steers(&p, GATEWAY_B);
}

static void test_host(void **state)
{
	struct pkt p = outside_udp(FAR, 500, SELF, 500);

	(void)state;
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR6, 500, SELF6, 500);
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR, 500, SELF_IN, 500); /* within a public prefix */
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR, 1, "192.0.2.77", 2);
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR6, 1, "2001:db8:c::1", 2);
	edge_out(&p, TO_STACK);
	p = outside_udp(ONLY_A, 1, SELF, 2); /* the host's own rules see to that */
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR, 1, ONLY_A, 2); /* not for this host's MAC address */
	p.b[5] ^= 1;
	edge_out(&p, TO_STACK);
	p = outside_udp(FAR, 1, ONLY_A, 2);
	pkt_tag(&p, 0x8100, 7);
	edge_out(&p, TO_STACK);
	/* Frames for everybody: the stack forwards none of them. */
	for (int six = 0; six <= 1; six++)
		for (int all = 0; all <= 1; all++) {
			p = outside_udp(six ? FAR6 : FAR, 1, six ? ONLY_A6 : ONLY_A, 2);
			memcpy(p.b, all ? "\xff\xff\xff\xff\xff\xff" : "\x01\0\x5e\0\0\5", 6);
			edge_out(&p, TO_STACK);
		}
	p = outside_udp(FAR, 1, ONLY_A, 2); /* from a virtual gateway to the node: exit.bpf.c has looked at it */
	p.mark = GW_MARK_TO_SELF;
	edge_out(&p, TO_STACK);
}

static void test_shared_ports(void **state)
{
	static const struct {
		uint16_t port;
		int gateway;
	} ports[] = {{80, GATEWAY_A},	{443, GATEWAY_B},  {1024, GATEWAY_A}, {2047, GATEWAY_A},
		     {2048, GATEWAY_B}, {3071, GATEWAY_B}, {3072, NONE},      {1023, NONE},
		     {0, NONE},		{81, NONE},	   {65535, NONE},     {1104, GATEWAY_A}};

	(void)state;
	for (size_t i = 0; i < GW_N(ports); i++)
		for (int kind = 0; kind < 4; kind++) {
			struct pkt p = outside_start(FAR, SHARED);

			if (kind == 3) { /* with options */
				p = (struct pkt){0};
				pkt_eth(&p, MAC_OUT, MAC_ISP);
				pkt_ip4_options(&p, FAR, SHARED, 12);
				pkt_udp(&p, 53, ports[i].port);
			} else if (kind == 2) {
				p = outside_echo(FAR, SHARED, (uint8_t)(i % 2 ? 0 : 8), ports[i].port);
			} else if (kind) {
				pkt_tcp(&p, 53, ports[i].port);
			} else {
				pkt_udp(&p, 53, ports[i].port);
			}
			if (kind != 2)
				pkt_close(&p);
			if (ports[i].gateway == NONE)
				edge_drops(&p, NO_PUBLIC_PORT);
			else
				edge_steers(&p, ports[i].gateway);
		}
}

static void test_shared_icmp(void **state)
{
	struct pkt p;

	(void)state;
	for (uint8_t type = 13; type <= 14; type++) {
		p = outside_echo(FAR, SHARED, type, 2050);
		edge_steers(&p, GATEWAY_B);
	}
	for (unsigned type = 0; type < 256; type++)
		if (type > 14 || type == 1 || type == 2 || (type >= 6 && type != 8 && type < 11)) {
			p = outside_echo(FAR, SHARED, (uint8_t)type, 1100);
			edge_drops(&p, NO_PUBLIC_PORT);
		}
	p = outside_start(FAR, SHARED);
	pkt_proto(&p, 132);
	pkt_fill(&p, 40);
	pkt_close(&p);
	edge_drops(&p, NO_PUBLIC_PORT);
}

static void test_shared_errors(void **state)
{
	static const uint8_t types[] = {3, 4, 5, 11, 12};
	struct pkt q = outside_udp(SHARED, 1500, FAR, 80), p;

	(void)state;
	for (size_t i = 0; i < GW_N(types); i++) {
		p = outside_error("198.51.100.1", SHARED, types[i], &q, 28);
		edge_steers(&p, GATEWAY_A);
	}
	p = outside_error("198.51.100.1", SHARED, 3, &q, q.len - 14);
	edge_steers(&p, GATEWAY_A);
	q = outside_echo(SHARED, FAR, 8, 2100);
	p = outside_error("198.51.100.1", SHARED, 3, &q, 28);
	edge_steers(&p, GATEWAY_B);
	q = outside_udp(SHARED, 443, FAR, 1100); /* the quoted source counts, not what it went to */
	p = outside_error("198.51.100.1", SHARED, 11, &q, 28);
	edge_steers(&p, GATEWAY_B);
	q = outside_udp(SHARED, 9999, FAR, 1100);
	p = outside_error("198.51.100.1", SHARED, 11, &q, 28);
	edge_drops(&p, NO_PUBLIC_PORT);
	q = outside_udp(ONLY_A, 1500, FAR, 80); /* about somebody else's packet */
	p = outside_error("198.51.100.1", SHARED, 3, &q, 28);
	edge_drops(&p, NO_PUBLIC_PORT);
	q = outside_udp(SHARED, 1500, FAR, 80); /* about a fragment without ports */
	outside_fragment(&q, 10);
	p = outside_error("198.51.100.1", SHARED, 11, &q, 28);
	edge_drops(&p, NO_PUBLIC_PORT);
	q = outside_echo(SHARED, FAR, 3, 1100); /* about an error */
	p = outside_error("198.51.100.1", SHARED, 11, &q, 28);
	edge_drops(&p, NO_PUBLIC_PORT);
	q = outside_start(SHARED, FAR);
	pkt_proto(&q, 50);
	pkt_fill(&q, 40);
	pkt_close(&q);
	p = outside_error("198.51.100.1", SHARED, 11, &q, 28);
	edge_drops(&p, NO_PUBLIC_PORT);
	q = outside_udp(SHARED, 1500, FAR, 80); /* with options in the quote */
	p = (struct pkt){0};
	pkt_eth(&p, MAC_OUT, MAC_ISP);
	pkt_ip4_options(&p, SHARED, FAR, 8);
	pkt_udp(&p, 1500, 80);
	pkt_close(&p);
	q = p;
	p = outside_error("198.51.100.1", SHARED, 11, &q, 36);
	edge_steers(&p, GATEWAY_A);
}

static void test_truncated(void **state)
{
	struct pkt q = outside_udp(SHARED, 1500, FAR, 80), p, whole;

	(void)state;
	whole = outside_error("198.51.100.1", SHARED, 3, &q, 28);
	for (size_t n = 28; n < 28 + 22; n++) { /* up to the quoted port, exclusive */
		p = whole;
		put16(p.b + 16, (uint16_t)n);
		pkt_fix_ip4(p.b + 14);
		edge_drops(&p, MALFORMED);
		pkt_cut(&p, 14 + n);
		edge_drops(&p, MALFORMED);
	}
	p = whole;
	p.b[42] = 0x44; /* the quoted header is none */
	edge_drops(&p, MALFORMED);
	p = outside_udp(FAR, 53, SHARED, 1100);
	put16(p.b + 16, 23);
	pkt_fix_ip4(p.b + 14);
	edge_drops(&p, MALFORMED);
	p = outside_echo(FAR, SHARED, 0, 1100);
	put16(p.b + 16, 27);
	pkt_fix_ip4(p.b + 14);
	edge_drops(&p, MALFORMED);
	p = outside_udp(FAR, 53, ONLY_A, 1100);
	p.b[14] = 0x44;
	edge_drops(&p, MALFORMED);
	p = outside_udp(FAR, 53, ONLY_A, 1100);
	put16(p.b + 16, 19);
	edge_drops(&p, MALFORMED);
	put16(p.b + 16, 61);
	edge_drops(&p, MALFORMED);
	p = outside_udp(FAR6, 53, ONLY_A6, 1100);
	put16(p.b + 18, 41);
	edge_drops(&p, MALFORMED);
}

/* Such as no host makes whole again, whoever has the address. */
static void bad_fragments(const char *to)
{
	struct pkt p = outside_start(FAR, to);

	pkt_udp(&p, 1, 2);
	pkt_fill(&p, 27 - 8);
	pkt_close(&p);
	outside_fragment(&p, 8187); /* ends at 65543 */
	edge_drops(&p, BAD_FRAGMENT);
	outside_fragment(&p, 0x1fff);
	edge_drops(&p, BAD_FRAGMENT);
	/* Not a multiple of 8 with more to come; without data; a first one without ports. */
	outside_fragment(&p, 0x2000 | 10);
	edge_drops(&p, BAD_FRAGMENT);
	p = outside_udp(FAR, 53, to, 1100);
	put16(p.b + 16, 20);
	outside_fragment(&p, 10);
	edge_drops(&p, BAD_FRAGMENT);
	put16(p.b + 16, 20);
	outside_fragment(&p, 0x2000);
	edge_drops(&p, BAD_FRAGMENT);
}

static void test_fragments(void **state)
{
	struct pkt p = outside_udp(FAR, 53, SHARED, 1100);

	(void)state;
	outside_fragment(&p, 0x2000);
	edge_out(&p, TO_REASSEMBLY);
	outside_fragment(&p, 0x2000 | 50);
	edge_out(&p, TO_REASSEMBLY);
	outside_fragment(&p, 50);
	edge_out(&p, TO_REASSEMBLY);
	outside_fragment(&p, 0x4000);
	edge_steers(&p, GATEWAY_A);
	/* Ends at 65535. */
	p = outside_start(FAR, SHARED);
	pkt_udp(&p, 1, 2);
	pkt_fill(&p, 27 - 8);
	pkt_close(&p);
	outside_fragment(&p, (65535 - 47) / 8);
	edge_out(&p, TO_REASSEMBLY);
	bad_fragments(SHARED);
	bad_fragments(ONLY_A);
	bad_fragments(PREFIX_B);
	outside_params(outside.external, 0);
	p = outside_udp(FAR, 53, SHARED, 1100);
	outside_fragment(&p, 0x2000);
	edge_drops(&p, NO_REASSEMBLY);
}

static void test_whole(void **state)
{
	struct pkt p = outside_udp(FAR, 53, SHARED, 1100);

	(void)state;
	whole_drops(&p, NO_PUBLIC_PORT); /* not from there */
	p.mark = GW_MARK_FRAGMENT;
	whole_steers(&p, GATEWAY_A);
	p = outside_udp(FAR, 53, SHARED, 443);
	p.mark = GW_MARK_FRAGMENT;
	whole_steers(&p, GATEWAY_B);
	p = outside_udp(FAR, 53, ONLY_B, 443); /* it became exclusive meanwhile */
	p.mark = GW_MARK_FRAGMENT;
	whole_steers(&p, GATEWAY_B);
	p = outside_udp(FAR, 53, SHARED, 5555);
	p.mark = GW_MARK_FRAGMENT;
	whole_drops(&p, NO_PUBLIC_PORT);
	p = outside_udp(FAR, 53, "203.0.113.200", 1100);
	p.mark = GW_MARK_FRAGMENT;
	whole_drops(&p, NO_PUBLIC_PORT);
	p = outside_udp(FAR, 53, SHARED, 1100);
	p.mark = GW_MARK_FRAGMENT;
	outside_fragment(&p, 0x2000);
	whole_drops(&p, BAD_FRAGMENT);
	p = outside_udp(FAR, 53, SHARED, 1100);
	p.mark = GW_MARK_FRAGMENT;
	p.b[14] = 0x46;
	put16(p.b + 16, 23);
	whole_drops(&p, MALFORMED);
}

static void test_land(void **state)
{
	static const char *const sources[] = {
		"0.0.0.0", "0.1.2.3",	  "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", ONLY_A, ONLY_B,
		SHARED,	   "169.254.1.1", NEAR_A,      INWARD,	    PA_SELF};
	static const char *const sources6[] = {"::",	"::1",	 "::5.6.7.8", "ff02::1", "fe80::1", "::ffff:1.2.3.4",
					       ONLY_A6, ONLY_B6, NEAR_A6,     INWARD6};
	struct gw_ip pa = ip_of(PA_SELF);
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < GW_N(sources); i++) {
		p = outside_udp(sources[i], 1100, ONLY_A, 1100);
		edge_drops(&p, LAND);
		p = outside_udp(sources[i], 1100, SHARED, 1100);
		edge_drops(&p, LAND);
	}
	for (size_t i = 0; i < GW_N(sources6); i++) {
		p = outside_udp(sources6[i], 1100, ONLY_A6, 1100);
		edge_drops(&p, LAND);
	}
	p = outside_udp(SELF, 1, ONLY_A, 2); /* back from a router outside */
	edge_steers(&p, GATEWAY_A);
	p = outside_udp(SELF6, 1, ONLY_A6, 2);
	edge_steers(&p, GATEWAY_A);
	p = outside_udp(FAR, 500, INWARD, 500); /* to there: the host's own rules see to that */
	edge_out(&p, TO_STACK);
	/* The underlay's interface is the external one. */
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_PAS), &pa, &outside.external, BPF_ANY), 0);
	p = outside_udp(PA_SELF, 1, ONLY_A, 2);
	edge_steers(&p, GATEWAY_A);
	p = outside_udp("10.1.2.3", 1, ONLY_A, 2); /* the network outside may well be private */
	edge_steers(&p, GATEWAY_A);
}

static void test_no_gateway(void **state)
{
	struct pkt p = outside_udp(FAR, 1, NOBODYS, 2);

	(void)state;
	edge_drops(&p, NO_GATEWAY);
}

/* What is remembered of a packet is no answer for one of another kind, and port. */
static void test_again(void **state)
{
	struct pkt p;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		udp_to(ONLY_A, 5, GATEWAY_A);
		udp_to(ONLY_B, 5, GATEWAY_B);
		udp_to(SHARED, 1100, GATEWAY_A);
		udp_to(SHARED, 2100, GATEWAY_B);
		udp_to(SHARED, 443, GATEWAY_B);
		p = outside_udp(FAR, 53, SHARED, 5000);
		edge_drops(&p, NO_PUBLIC_PORT);
		p = outside_echo(FAR, SHARED, 8, 2100);
		edge_steers(&p, GATEWAY_B);
		p = outside_start(FAR, SHARED);
		pkt_proto(&p, 132);
		put16(p.b + 36, 1100); /* where others have a port */
		pkt_fill(&p, 40);
		pkt_close(&p);
		edge_drops(&p, NO_PUBLIC_PORT);
		p = outside_udp(FAR, 53, SHARED, 1100);
		outside_fragment(&p, 0x2000);
		edge_out(&p, TO_REASSEMBLY);
		p = outside_udp(FAR, 53, NOBODYS, 5);
		edge_drops(&p, NO_GATEWAY);
		p = outside_udp(ONLY_A, 53, ONLY_B, 5);
		edge_drops(&p, LAND);
		p = outside_udp(FAR, 53, ONLY_A, 5);
		put16(p.b + 16, (uint16_t)(p.len - 14 + 1));
		pkt_fix_ip4(p.b + 14);
		edge_drops(&p, MALFORMED);
	}
}

/* It holds until the number changes, and no longer. */
static void test_outdated(void **state)
{
	struct pkt p = outside_udp(FAR, 53, ONLY_A, 5);

	(void)state;
	edge_steers(&p, GATEWAY_A);
	outside_public(ONLY_A, GATEWAY_B, 0);
	edge_steers(&p, GATEWAY_A);
	new_epoch();
	edge_steers(&p, GATEWAY_B);
	outside_public(ONLY_A, NONE, GW_PUBLIC_SELF);
	new_epoch();
	edge_out(&p, TO_STACK);
	outside_public(ONLY_A, GATEWAY_A, 0);
	new_epoch();
	edge_steers(&p, GATEWAY_A);
	outside_public(FAR, NONE, GW_PUBLIC_SELF | GW_PUBLIC_INWARD);
	new_epoch();
	edge_drops(&p, LAND);

	/* Who has a port is looked up always. */
	p = outside_udp("198.51.100.11", 53, SHARED, 1100);
	edge_steers(&p, GATEWAY_A);
	outside_place(GW_PLACE_BLOCK(1024), GATEWAY_B);
	edge_steers(&p, GATEWAY_B);
}

static void test_arp(void **state)
{
	static const char *const unasked[] = {SELF, "192.0.2.77", ONLY_A, SHARED, NOBODYS, "198.18.4.7"};
	struct pkt p = {0};
	const struct run *r;

	(void)state;
	pkt_eth(&p, MAC_BCAST, MAC_ISP);
	pkt_arp(&p, 1, MAC_ISP, "192.0.2.1", (struct mac){{0}}, NEAR_A);
	pkt_close(&p);
	r = run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &p, GW_OUT_ARP_ANSWERED);
	assert_bytes(r->b, MAC_ISP.b, 6);
	assert_bytes(r->b + 6, MAC_OUT.b, 6);
	assert_int_equal(get16(r->b + 20), 2);
	assert_bytes(r->b + 22, MAC_OUT.b, 6);
	assert_bytes(r->b + 28, p.b + 38, 4);
	assert_bytes(r->b + 32, MAC_ISP.b, 6);
	assert_bytes(r->b + 38, p.b + 28, 4);
	edge_out(&p, ARP_ANSWERED);
	for (size_t i = 0; i < GW_N(unasked); i++) {
		p = (struct pkt){0};
		pkt_eth(&p, MAC_BCAST, MAC_ISP);
		pkt_arp(&p, 1, MAC_ISP, "192.0.2.1", (struct mac){{0}}, unasked[i]);
		pkt_close(&p);
		edge_out(&p, TO_STACK);
	}
	for (int kind = 0; kind < 3; kind++) { /* an answer, an announcement, one of our own that came round */
		p = (struct pkt){0};
		pkt_eth(&p, MAC_BCAST, kind == 2 ? MAC_OUT : MAC_ISP);
		pkt_arp(&p, kind ? 1 : 2, kind == 2 ? MAC_OUT : MAC_ISP, kind == 1 ? NEAR_A : "192.0.2.1",
			(struct mac){{0}}, NEAR_A);
		pkt_close(&p);
		edge_out(&p, TO_STACK);
	}
}

static struct pkt solicitation(const char *src, const char *dst, const char *target)
{
	struct pkt p = {0};
	uint8_t addr[16];
	size_t at;

	pkt_eth(&p, (struct mac){{0x33, 0x33, 0xff, 0, 0, 0x50}}, MAC_ISP);
	at = pkt_ip6(&p, src, dst);
	p.b[at + 7] = 255;
	pkt_icmp6(&p, 135, 0);
	addr16(target, addr);
	pkt_bytes(&p, addr, 16);
	pkt_bytes(&p, (uint8_t[]){1, 1}, 2);
	pkt_bytes(&p, MAC_ISP.b, 6);
	pkt_close(&p);
	return p;
}

static void test_nd(void **state)
{
	static const char *const unasked[] = {SELF6, "2001:db8:f::77", ONLY_A6, "fe80::1"};
	struct pkt p = solicitation("2001:db8:f::1", "ff02::1:ff00:50", NEAR_A6);
	const struct run *r;

	(void)state;
	r = run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &p, GW_OUT_ND_ANSWERED);
	assert_bytes(r->b, MAC_ISP.b, 6);
	assert_bytes(r->b + 6, MAC_OUT.b, 6);
	assert_int_equal(r->b[54], 136);
	assert_bytes(r->b + 62, p.b + 62, 16);
	assert_bytes(r->b + 80, MAC_OUT.b, 6);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
	p = solicitation("fe80::9", NEAR_A6, NEAR_A6); /* are you still there? */
	edge_out(&p, ND_ANSWERED);
	p = solicitation("::", "ff02::1:ff00:50", NEAR_A6); /* duplicate address detection */
	edge_out(&p, ND_ANSWERED);
	for (size_t i = 0; i < GW_N(unasked); i++) {
		p = solicitation("2001:db8:f::1", "ff02::1:ff00:77", unasked[i]);
		edge_out(&p, TO_STACK);
	}
	/* What else there is of neighbour discovery does not reach a virtual gateway. */
	for (uint8_t type = 133; type <= 137; type++) {
		p = outside_echo(FAR6, ONLY_A6, type, 1);
		edge_drops(&p, ND_UNANSWERED);
	}
}

static uint64_t counted(void)
{
	struct counters c;
	uint64_t sum = 0;

	counters_read(&c);
	for (size_t i = 0; i < GW_N(c.out); i++)
		sum += c.out[i];
	for (size_t i = 0; i < GW_N(c.drop); i++)
		sum += c.drop[i];
	return sum;
}

/* Whatever comes, at any of the hooks: each packet is counted once. */
static void test_storm(void **state)
{
	static const char *const ends[] = {SHARED, ONLY_A, PREFIX_B, NOBODYS, SELF, FAR, NEAR_A};
	static const char *const ends6[] = {ONLY_A6, ONLY_B6, NEAR_A6, SELF6, FAR6};
	static const enum gw_hook hooks[] = {GW_HOOK_EDGE, GW_HOOK_EXIT, GW_HOOK_WHOLE, GW_HOOK_UNDERLAY};
	const char *seed = getenv("GWD_SEED");
	uint64_t before = counted(), runs = 0;
	static struct run run;

	(void)state;
	rnd_seed(seed ? strtoull(seed, NULL, 0) : 4711);
	while (runs < 40000) {
		enum gw_hook hook = hooks[rnd_below(GW_N(hooks))];
		uint32_t from = hook == GW_HOOK_EXIT ? outside.exit[rnd_below(GATEWAYS)] : outside.external;
		const char *src = ends[rnd_below(GW_N(ends))], *dst = ends[rnd_below(GW_N(ends))];
		struct pkt p, q = outside_udp(dst, (uint16_t)(1000 + rnd_below(2000)), src, (uint16_t)rnd());

		switch (rnd_below(4)) {
		case 0:
			p = outside_udp(src, (uint16_t)rnd(), dst, (uint16_t)(1000 + rnd_below(2000)));
			break;
		case 1:
			p = outside_error(src, dst, (uint8_t)rnd_below(16), &q, 20 + rnd_below(20));
			break;
		case 2:
			p = outside_echo(src, dst, (uint8_t)rnd_below(16), (uint16_t)(1000 + rnd_below(2000)));
			break;
		default:
			p = outside_echo(ends6[rnd_below(GW_N(ends6))], ends6[rnd_below(GW_N(ends6))], (uint8_t)rnd(),
					 (uint16_t)rnd());
		}
		for (uint32_t n = rnd_below(4); n; n--)
			p.b[rnd_below((uint32_t)p.len)] = (uint8_t)rnd();
		if (rnd_below(8) == 0)
			pkt_cut(&p, 14 + rnd_below((uint32_t)p.len - 13));
		p.mark = rnd_below(2) ? GW_MARK_FRAGMENT : rnd_below(8) ? 0 : rnd();
		if (run_raw(hook, from, &p, &run) == 0)
			runs++;
	}
	check(counted() - before == runs, "%llu counts for %llu packets", (unsigned long long)(counted() - before),
	      (unsigned long long)runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-1: an address of one virtual gateway", test_exclusive, outside_setup, NULL, NULL},
		{"GW-1: what is the host's", test_host, outside_setup, NULL, NULL},
		{"GW-3: ports and identifiers of a shared address", test_shared_ports, outside_setup, NULL, NULL},
		{"GW-3: other ICMP to a shared address", test_shared_icmp, outside_setup, NULL, NULL},
		{"GW-3: ICMP errors go by what they quote", test_shared_errors, outside_setup, NULL, NULL},
		{"GW-3 API-3: truncated", test_truncated, outside_setup, NULL, NULL},
		{"GW-3 API-3: fragments", test_fragments, outside_setup, NULL, NULL},
		{"GW-3 API-3: what was put together", test_whole, outside_setup, NULL, NULL},
		{"GW-1 API-3: from where nobody is", test_land, outside_setup, NULL, NULL},
		{"GW-1 API-3: no virtual gateway", test_no_gateway, outside_setup, NULL, NULL},
		{"GW-1 GW-3 API-3: after one that was let in", test_again, outside_setup, NULL, NULL},
		{"GW-1 API-3: ways change", test_outdated, outside_setup, NULL, NULL},
		{"GW-3: ARP on the segment", test_arp, outside_setup, NULL, NULL},
		{"GW-3: neighbour discovery on the segment", test_nd, outside_setup, NULL, NULL},
		{"GW-1 API-3: every random packet is counted once", test_storm, outside_setup, NULL, NULL},
	};

	return run_group("edge: from outside", tests, outside_group);
}
