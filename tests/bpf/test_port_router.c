/*
 * test_port_router.c - the distributed router: FWD-4, FWD-5, FWD-7, what it answers (MTU-1), and for whom a port may speak
 * (ACL-3).
 */
#include "harness.h"

#include <arpa/inet.h>

static int router_setup(void **state)
{
	world_setup(state);
	world_router();
	return 0;
}

/* A datagram from tenant A's port 0 to the router's MAC address. */
static struct pkt routed(const char *dst, size_t n)
{
	bool v6 = strchr(dst, ':');
	struct pkt p = {0};

	pkt_eth(&p, MAC_ROUTER, MAC_1);
	if (v6)
		pkt_ip6(&p, "fd00::11", dst);
	else
		pkt_ip4(&p, "192.168.1.11", dst);
	pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, n);
	pkt_close(&p);
	return p;
}

static void set_ttl(struct pkt *p, uint8_t ttl)
{
	if (get16(p->b + 12) == 0x86dd) {
		p->b[14 + 7] = ttl;
		return;
	}
	p->b[14 + 8] = ttl;
	pkt_fix_ip4(p->b + 14);
}

static uint8_t ttl_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? ip[7] : ip[8];
}

static void rewrite_source(struct pkt *p, const char *src)
{
	uint8_t a[16];

	addr16(src, a);
	if (get16(p->b + 12) == 0x86dd) {
		memcpy(p->b + 14 + 8, a, 16);
	} else {
		memcpy(p->b + 14 + 12, a + 12, 4);
		pkt_fix_ip4(p->b + 14);
	}
}

/* The inner frame of an encapsulated packet, and the VSID and PA of the outer one. */
static const uint8_t *inner_of(const struct run *r, uint32_t *ret_vsid, uint32_t *ret_pa)
{
	bool vxlan = r->b[OUTER_IP + 9] == 17;

	*ret_pa = get32(r->b + OUTER_IP + 16);
	*ret_vsid = get32(r->b + OUTER_L4 + (vxlan ? 12 : 4)) >> 8;
	return r->b + inner_at(vxlan ? GW_ABI_VXLAN : GW_ABI_NVGRE);
}

static void expect_routed(const char *dst, struct mac to, uint32_t vsid, uint32_t pa)
{
	struct pkt p = routed(dst, 100);

	for (int again = 0; again < 2; again++) {
		const struct run *r = port_out(0, &p, ENCAPSULATED);
		uint32_t got_vsid, got_pa;
		const uint8_t *in = inner_of(r, &got_vsid, &got_pa);

		assert_int_equal(got_vsid, vsid);
		assert_int_equal(got_pa, pa);
		assert_bytes(in, to.b, 6);
		assert_bytes(in + 6, MAC_1.b, 6);
		assert_int_equal(ttl_of(in + 14), ttl_of(p.b + 14) - 1);
		assert_true(ip_sums_good(in + 14, p.len - 14));
		assert_int_equal(r->len, (size_t)(in - r->b) + p.len);
	}
}

static void test_other_subnet(void **state)
{
	(void)state;
	expect_routed("192.168.2.15", MAC_N(5), VSID_A2, 0x0a010114);
	expect_routed("192.168.2.16", MAC_N(6), VSID_A2, 0x0a01011e);
	expect_routed("fd00:2::15", MAC_N(5), VSID_A2, 0x0a010114);
	expect_routed("fd00:2::16", MAC_N(6), VSID_A2, 0x0a01011e);
	/* The own subnet's router takes what it is given, too. */
	expect_routed("192.168.1.13", MAC_3, VSID_A, 0x0a010114);
}

static void test_local(void **state)
{
	static const char *const to[] = {"192.168.1.12", "fd00::12"};

	(void)state;
	for (size_t i = 0; i < GW_N(to); i++)
		for (int again = 0; again < 2; again++) {
			struct pkt p = routed(to[i], 80);
			uint64_t before = counter_word(MAP_PORT_STATS, PORT_SLOT(1), 2);
			const struct run *r = port_out(0, &p, SWITCHED);

			assert_bytes(r->b, MAC_2.b, 6);
			assert_bytes(r->b + 6, MAC_1.b, 6);
			assert_int_equal(ttl_of(r->b + 14), ttl_of(p.b + 14) - 1);
			assert_true(ip_sums_good(r->b + 14, p.len - 14));
			assert_int_equal(counter_word(MAP_PORT_STATS, PORT_SLOT(1), 2), before + 1);
		}
}

/* Every TTL, and with it every carry of the checksum; a TOS that takes the sum through its ends. */
static void test_ttl(void **state)
{
	struct pkt p = routed("192.168.2.15", 30);

	(void)state;
	for (int tos = 0; tos < 256; tos += 51)
		for (int ttl = 2; ttl < 256; ttl++) {
			uint32_t vsid, pa;
			const uint8_t *in;

			p.b[15] = (uint8_t)(tos & ~3);
			put16(p.b + 14 + 4, (uint16_t)(ttl * 257 + tos)); /* identification */
			set_ttl(&p, (uint8_t)ttl);
			in = inner_of(port_out(0, &p, ENCAPSULATED), &vsid, &pa);
			assert_int_equal(in[14 + 8], ttl - 1);
			assert_int_equal(inet_sum(in + 14, 20, 0), 0);
		}
}

static void expect_error4(const struct run *r, const struct pkt *p, uint8_t type, uint8_t code, const char *from)
{
	struct pkt e = {0};
	size_t quote = p->len - 14 < 512 ? p->len - 14 : 512;

	pkt_eth(&e, MAC_1, MAC_ROUTER);
	pkt_ip4(&e, from, "192.168.1.11");
	e.b[15] = 0xc0;
	pkt_icmp4(&e, type, code);
	pkt_bytes(&e, p->b + 14, quote);
	pkt_close(&e);
	assert_int_equal(r->len, e.len);
	assert_bytes(r->b, e.b, e.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

static void expect_error6(const struct run *r, const struct pkt *p, uint8_t type, uint8_t code, const char *from)
{
	struct pkt e = {0};
	size_t quote = p->len - 14 < 512 ? p->len - 14 : 512;

	pkt_eth(&e, MAC_1, MAC_ROUTER);
	pkt_ip6(&e, from, "fd00::11");
	pkt_icmp6(&e, type, code);
	pkt_bytes(&e, p->b + 14, quote);
	pkt_close(&e);
	assert_int_equal(r->len, e.len);
	assert_bytes(r->b, e.b, e.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

/* Of every length up to the longest quote and beyond. */
static void test_time_exceeded(void **state)
{
	(void)state;
	for (size_t n = 0; n < 530; n += n < 40 ? 1 : 7)
		for (uint8_t ttl = 0; ttl < 2; ttl++) {
			struct pkt p = routed("192.168.2.15", n), q = routed("fd00:2::15", n);

			set_ttl(&p, ttl);
			expect_error4(port_out(0, &p, ICMP_ANSWERED), &p, 11, 0, "192.168.1.1");
			set_ttl(&q, ttl);
			expect_error6(port_out(0, &q, ICMP_ANSWERED), &q, 3, 0, "fd00::1");
		}
}

static void test_unreachable(void **state)
{
	struct pkt net4 = routed("192.168.9.9", 21), net6 = routed("fd00:9::9", 21);
	struct pkt host4 = routed("192.168.2.99", 21), host6 = routed("fd00:2::99", 21);

	(void)state;
	expect_error4(port_run(0, &net4), &net4, 3, 0, "192.168.1.1");
	expect_error6(port_run(0, &net6), &net6, 1, 0, "fd00::1");
	expect_error4(port_run(0, &host4), &host4, 3, 1, "192.168.1.1");
	expect_error6(port_run(0, &host6), &host6, 1, 3, "fd00::1");
	assert_int_equal(run_packet(GW_HOOK_PORT, world.port[0], &net4)->drop, GW_DROP_NO_ROUTE);
	assert_int_equal(run_packet(GW_HOOK_PORT, world.port[0], &host6)->drop, GW_DROP_NO_RECORD);
}

/* No error about an error, nor about a later fragment. */
static void test_no_answer(void **state)
{
	static const uint8_t errors[] = {3, 4, 5, 11, 12};
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < GW_N(errors); i++) {
		p = (struct pkt){0};
		pkt_eth(&p, MAC_ROUTER, MAC_1);
		pkt_ip4(&p, "192.168.1.11", "192.168.2.15");
		pkt_icmp4(&p, errors[i], 0);
		pkt_fill(&p, 40);
		pkt_close(&p);
		set_ttl(&p, 1);
		port_drops(0, &p, TTL_EXPIRED);
	}
	p = (struct pkt){0};
	pkt_eth(&p, MAC_ROUTER, MAC_1);
	pkt_ip6(&p, "fd00::11", "fd00:9::15");
	pkt_icmp6(&p, 3, 0);
	pkt_fill(&p, 40);
	pkt_close(&p);
	port_drops(0, &p, NO_ROUTE);
	p = routed("192.168.2.15", 60);
	put16(p.b + 14 + 6, 100);
	set_ttl(&p, 1);
	port_drops(0, &p, TTL_EXPIRED);
}

/* Where no subnet tells the router's address the VSID's does, and where there is none the destination speaks for itself. */
static void test_error_sender(void **state)
{
	struct pkt p = routed("192.168.2.15", 60);
	uint32_t vsid = VSID_A;
	struct gw_bpf_vsid v = {.domain = VSID_A, .router = {ip_of("192.168.1.254")}};

	(void)state;
	set_ttl(&p, 1);
	map_clear(MAP_SUBNETS);
	expect_error4(port_out(0, &p, ICMP_ANSWERED), &p, 11, 0, "192.168.2.15");
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_VSIDS), &vsid, &v, BPF_ANY), 0);
	expect_error4(port_out(0, &p, ICMP_ANSWERED), &p, 11, 0, "192.168.1.254");
}

static struct pkt echo(const char *dst, size_t n)
{
	bool v6 = strchr(dst, ':');
	struct pkt p = {0};

	pkt_eth(&p, MAC_ROUTER, MAC_1);
	if (v6) {
		pkt_ip6(&p, "fd00::11", dst);
		pkt_icmp6(&p, 128, 0);
	} else {
		pkt_ip4(&p, "192.168.1.11", dst);
		pkt_icmp4(&p, 8, 0);
	}
	pkt_fill(&p, n);
	pkt_close(&p);
	return p;
}

static void test_echo(void **state)
{
	static const char *const addresses[] = {"192.168.1.1", "192.168.2.1", "fd00::1", "fd00:2::1"};

	(void)state;
	for (size_t i = 0; i < GW_N(addresses); i++)
		for (size_t n = 8; n < 1400; n += 99) {
			bool v6 = strchr(addresses[i], ':');
			struct pkt p = echo(addresses[i], n);
			size_t src = v6 ? 14 + 8 : 14 + 12, len = v6 ? 16 : 4;
			const struct run *r;

			set_ttl(&p, 1); /* for the router, not through it */
			r = port_out(0, &p, ECHO_ANSWERED);
			assert_int_equal(r->len, p.len);
			assert_bytes(r->b, MAC_1.b, 6);
			assert_bytes(r->b + 6, MAC_ROUTER.b, 6);
			assert_bytes(r->b + src, p.b + src + len, len);
			assert_bytes(r->b + src + len, p.b + src, len);
			assert_int_equal(ttl_of(r->b + 14), 64);
			assert_int_equal(r->b[v6 ? 54 : 34], v6 ? 129 : 0);
			assert_true(ip_sums_good(r->b + 14, p.len - 14));
		}
}

/* A fragment that is not the first has no type to change. */
static void test_echo_fragment(void **state)
{
	struct pkt p = echo("192.168.1.1", 64);
	const struct run *r;

	(void)state;
	put16(p.b + 14 + 6, 0x2000 | 8);
	pkt_fix_ip4(p.b + 14);
	r = port_out(0, &p, ECHO_ANSWERED);
	assert_bytes(r->b + 34, p.b + 34, p.len - 34);
	assert_int_equal(inet_sum(r->b + 14, 20, 0), 0);
}

static void test_for_router(void **state)
{
	struct pkt udp4 = routed("192.168.1.1", 20), udp6 = routed("fd00:2::1", 20), other = {0};

	(void)state;
	expect_error4(port_out(0, &udp4, ICMP_ANSWERED), &udp4, 3, 3, "192.168.1.1");
	expect_error6(port_out(0, &udp6, ICMP_ANSWERED), &udp6, 1, 4, "fd00:2::1");
	pkt_eth(&other, MAC_ROUTER, MAC_1);
	pkt_ip4(&other, "192.168.1.11", "192.168.1.1");
	pkt_tcp(&other, 1, 2);
	pkt_close(&other);
	port_drops(0, &other, FOR_ROUTER);
	other = (struct pkt){0};
	pkt_eth(&other, MAC_ROUTER, MAC_1);
	pkt_ip4(&other, "192.168.1.11", "192.168.1.1");
	pkt_icmp4(&other, 13, 0);
	pkt_fill(&other, 12);
	pkt_close(&other);
	port_drops(0, &other, FOR_ROUTER);
}

/* The router's own record gives it another address and MAC address. */
static void test_router_record(void **state)
{
	struct pkt p = routed("192.168.2.15", 60), q = echo("192.168.1.200", 30);
	struct mac mac = MAC_N(0xaa);
	struct gw_mac_key key = {.vsid = VSID_A};
	struct gw_bpf_mac m = {.vsid = VSID_A, .record_flags = GW_MAC_ROUTER};

	(void)state;
	put_record(VSID_A, "192.168.1.200", mac, PA_VXLAN, GW_ABI_VXLAN);
	flag_record(VSID_A, "192.168.1.200", GW_RECORD_IS_ROUTER);
	memcpy(key.mac, mac.b, 6);
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_MACS), &key, &m, BPF_ANY), 0);
	memcpy(p.b, mac.b, 6);
	port_out(0, &p, ENCAPSULATED);
	memcpy(q.b, mac.b, 6);
	port_out(0, &q, ECHO_ANSWERED);
	/* A route by way of the router's own address leads nowhere. */
	put_route(VSID_A, "10.0.0.0", 8, VSID_A, "192.168.1.200", 0);
	p = routed("10.1.2.3", 20);
	assert_int_equal(port_run(0, &p)->drop, GW_DROP_NO_ROUTE);
}

static void test_resolve(void **state)
{
	struct pkt arp = {0}, ns = {0};
	const struct run *r;

	(void)state;
	pkt_eth(&arp, MAC_BCAST, MAC_1);
	pkt_arp(&arp, 1, MAC_1, "192.168.1.11", MAC_N(0), "192.168.1.1");
	r = port_out(0, &arp, ARP_ANSWERED);
	assert_bytes(r->b + 6, MAC_ROUTER.b, 6);
	assert_bytes(r->b + 22, MAC_ROUTER.b, 6);
	pkt_eth(&ns, (struct mac){{0x33, 0x33, 0xff, 0, 0, 1}}, MAC_1);
	pkt_ip6(&ns, "fd00::11", "ff02::1:ff00:1");
	ns.b[14 + 7] = 255;
	pkt_icmp6(&ns, 135, 0);
	pkt_bytes(&ns, (uint8_t[]){0xfd, [15] = 1}, 16);
	pkt_close(&ns);
	r = port_out(0, &ns, ND_ANSWERED);
	assert_bytes(r->b + 6, MAC_ROUTER.b, 6);
	assert_int_equal(r->b[58] & 0xe0, 0xe0); /* router, solicited, override */
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
	/* Another subnet's router is not on this link. */
	memset(&arp, 0, sizeof arp);
	pkt_eth(&arp, MAC_BCAST, MAC_1);
	pkt_arp(&arp, 1, MAC_1, "192.168.1.11", MAC_N(0), "192.168.2.1");
	port_drops(0, &arp, ARP_UNANSWERED);
}

/* FWD-7: longest prefix, then the route that the domain has, unless the own VSID's is marked as good. */
static void test_choice(void **state)
{
	(void)state;
	put_record(VSID_A, "192.168.1.77", MAC_N(0x77), PA_B, GW_ABI_VXLAN);
	put_route(VSID_A, "10.0.0.0", 8, VSID_A2, "192.168.2.15", 0);
	expect_routed("10.1.2.3", MAC_N(5), VSID_A2, 0x0a010114);
	put_route(VSID_A, "10.1.0.0", 16, VSID_A2, "192.168.2.16", 0);
	bump(PORT_SLOT(0));
	expect_routed("10.1.2.3", MAC_N(6), VSID_A2, 0x0a01011e);
	expect_routed("10.2.2.3", MAC_N(5), VSID_A2, 0x0a010114);
	/* An own route counts only where it is marked, and only for just the prefix that won. */
	put_own_route(VSID_A, "10.1.0.0", 16, VSID_A, "192.168.1.77");
	bump(PORT_SLOT(0));
	expect_routed("10.1.2.3", MAC_N(6), VSID_A2, 0x0a01011e);
	put_route(VSID_A, "10.1.0.0", 16, VSID_A2, "192.168.2.16", GW_ROUTE_SHARED);
	bump(PORT_SLOT(0));
	expect_routed("10.1.2.3", MAC_N(0x77), VSID_A, 0x0a010128);
	put_route(VSID_A, "10.1.2.0", 24, VSID_A2, "192.168.2.15", GW_ROUTE_SHARED);
	bump(PORT_SLOT(0));
	expect_routed("10.1.2.3", MAC_N(5), VSID_A2, 0x0a010114);
}

/* The mapped form of an IPv4 address lies inside ::/0. */
static void test_families(void **state)
{
	struct pkt p = routed("10.1.2.3", 20), local = routed("fe80::1", 20);

	(void)state;
	put_route(VSID_A, "::", 0, VSID_A2, "fd00:2::15", 0);
	assert_int_equal(port_run(0, &p)->drop, GW_DROP_NO_ROUTE);
	expect_routed("2001:db8::1", MAC_N(5), VSID_A2, 0x0a010114);
	assert_int_equal(port_run(0, &local)->drop, GW_DROP_NO_ROUTE);
}

static void test_wildcard(void **state)
{
	struct pkt p = routed("192.168.2.99", 20), q = routed("fd00:2::99", 20);

	(void)state;
	put_record(VSID_A2, "0.0.0.0", MAC_N(6), PA_NVGRE, GW_ABI_NVGRE);
	flag_record(VSID_A2, "0.0.0.0", GW_RECORD_IS_WILDCARD);
	expect_routed("192.168.2.99", MAC_N(6), VSID_A2, 0x0a01011e);
	expect_routed("192.168.2.15", MAC_N(5), VSID_A2, 0x0a010114);
	assert_int_equal(port_run(0, &q)->drop, GW_DROP_NO_RECORD);
	/* It takes packets; it answers nothing, and is nobody's address. */
	p = routed("192.168.1.99", 20);
	assert_int_equal(port_run(0, &p)->drop, GW_DROP_NO_RECORD);
	put_record(VSID_A, "0.0.0.0", MAC_3, PA_VXLAN, GW_ABI_VXLAN);
	flag_record(VSID_A, "0.0.0.0", GW_RECORD_IS_WILDCARD);
	p = (struct pkt){0};
	pkt_eth(&p, MAC_BCAST, MAC_1);
	pkt_arp(&p, 1, MAC_1, "192.168.1.11", MAC_N(0), "192.168.1.99");
	port_drops(0, &p, ARP_UNANSWERED);
}

static void test_may_send(void **state)
{
	struct pkt p = routed("192.168.2.15", 20), frame = frame4(13, 20);

	(void)state;
	rewrite_source(&p, "10.5.5.5");
	rewrite_source(&frame, "10.5.5.5");
	port_drops(0, &p, SPOOF_ADDRESS);
	port_drops(0, &frame, SPOOF_ADDRESS);
	/* It would be routed to this port: by way of its address, ... */
	put_route(VSID_A, "10.5.0.0", 16, VSID_A, "192.168.1.11", 0);
	port_out(0, &p, ENCAPSULATED);
	port_out(0, &frame, ENCAPSULATED);
	/* ... but not to another one, ... */
	put_route(VSID_A, "10.5.0.0", 16, VSID_A, "192.168.1.12", 0);
	bump(PORT_SLOT(0));
	port_drops(0, &p, SPOOF_ADDRESS);
	/* ... or as the one that takes everything. */
	put_record(VSID_A, "0.0.0.0", MAC_1, PA_SELF, GW_ABI_VXLAN);
	flag_record(VSID_A, "0.0.0.0", GW_RECORD_IS_WILDCARD);
	put_route(VSID_A, "10.5.0.0", 16, VSID_A, NULL, 0);
	port_out(0, &p, ENCAPSULATED);
	/* Never for an address that a record gives to another, or for the router. */
	rewrite_source(&p, "192.168.1.12");
	port_drops(0, &p, SPOOF_ADDRESS);
	rewrite_source(&p, "192.168.1.1");
	port_drops(0, &p, SPOOF_ADDRESS);
	flag_port(world.port[0], GW_PORT_FORWARDS);
	port_out(0, &p, ENCAPSULATED);
	rewrite_source(&p, "192.168.1.12");
	port_out(0, &p, ENCAPSULATED);
}

/* Addresses of nobody, or of many: whatever routes there are, they are not routed, nobody is told, and nobody speaks for them. */
static void test_special(void **state)
{
	static const char *const special[] = {"0.0.0.0",	 "0.1.2.3", "127.0.0.1", "224.0.0.5", "239.255.255.255",
					      "255.255.255.255", "::",	    "::1",	 "ff02::1",   "ff0e::1"};
	static const char *const usual[] = {"1.0.0.1", "128.0.0.1", "223.255.255.254", "240.0.0.1", "::2", "fe00::1"};

	(void)state;
	put_record(VSID_A2, "0.0.0.0", MAC_N(6), PA_NVGRE, GW_ABI_NVGRE);
	flag_record(VSID_A2, "0.0.0.0", GW_RECORD_IS_WILDCARD);
	put_record(VSID_A2, "::", MAC_N(6), PA_NVGRE, GW_ABI_NVGRE);
	flag_record(VSID_A2, "::", GW_RECORD_IS_WILDCARD);
	put_route(VSID_A, "0.0.0.0", 0, VSID_A2, NULL, 0);
	put_route(VSID_A, "::", 0, VSID_A2, NULL, 0);
	for (size_t i = 0; i < GW_N(usual); i++)
		expect_routed(usual[i], MAC_N(6), VSID_A2, 0x0a01011e);
	flag_port(world.port[0], GW_PORT_FORWARDS);
	for (size_t i = 0; i < GW_N(special); i++) {
		struct pkt p = routed(special[i], 20),
			   from = routed(strchr(special[i], ':') ? "fd00:2::15" : "192.168.2.15", 20);
		const struct run *r = port_drops(0, &p, NO_ROUTE);

		assert_int_equal(r->verdict, TC_ACT_SHOT);
		set_ttl(&p, 1);
		assert_int_equal(port_drops(0, &p, NO_ROUTE)->verdict, TC_ACT_SHOT);
		rewrite_source(&from, special[i]);
		port_drops(0, &from, SPOOF_ADDRESS);
	}
}

/* An element that user space has recycled is not taken for what was looked up. */
static void test_recycled(void **state)
{
	struct gw_prefix_key key = {.prefixlen = 32 + 96 + 24, .scope = htonl(VSID_A), .addr = ip_of("192.168.2.0")};
	struct gw_bpf_route r;
	struct pkt p = routed("192.168.2.15", 20);

	(void)state;
	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_ROUTES), &key, &r), 0);
	r.scope = VSID_B;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_ROUTES), &key, &r, BPF_ANY), 0);
	assert_int_equal(port_run(0, &p)->drop, GW_DROP_NO_ROUTE);
}

/* FWD-6: the other tenant has the same addresses and no way to these. */
static void test_tenants(void **state)
{
	struct pkt p = routed("192.168.2.15", 20);

	(void)state;
	assert_int_equal(port_run(2, &p)->drop, GW_DROP_NO_ROUTE);
}

/* The same flow to a MAC address of the subnet is switched, to the router's it is routed. */
static void test_cache_tells_apart(void **state)
{
	struct pkt p = routed("192.168.1.13", 20), q = p;
	uint32_t vsid, pa;

	(void)state;
	memcpy(q.b, MAC_3.b, 6);
	for (int i = 0; i < 4; i++) {
		const struct pkt *which = i & 1 ? &q : &p;

		assert_int_equal(ttl_of(inner_of(port_out(0, which, ENCAPSULATED), &vsid, &pa) + 14),
				 ttl_of(p.b + 14) - !(i & 1));
	}
}

#define TEST(name, f)                                                                                                  \
	{                                                                                                              \
		name, f, router_setup, NULL, NULL                                                                      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("FWD-4: to another subnet and host", test_other_subnet),
		TEST("FWD-4: to a port of this node", test_local),
		TEST("FWD-4: every TTL, checksums", test_ttl),
		TEST("FWD-4: time exceeded, every length", test_time_exceeded),
		TEST("FWD-7: net and host unreachable", test_unreachable),
		TEST("FWD-4: no error about errors and later fragments", test_no_answer),
		TEST("FWD-5 MTU-1: who sends the errors", test_error_sender),
		TEST("FWD-5: echo to router addresses", test_echo),
		TEST("FWD-5: a fragment of an echo", test_echo_fragment),
		TEST("FWD-5: other packets for the router", test_for_router),
		TEST("FWD-5 FWD-7: a record that names the router", test_router_record),
		TEST("FWD-1 FWD-5: ARP and ND for the router address", test_resolve),
		TEST("FWD-7: the choice among routes", test_choice),
		TEST("FWD-7: IPv4 is not IPv6, link-local is not routed", test_families),
		TEST("FWD-7: wildcard records", test_wildcard),
		TEST("ACL-3: whom a port may speak for", test_may_send),
		TEST("FWD-7 FWD-8 ACL-3: addresses of nobody and of many", test_special),
		TEST("FWD-6: recycled map values", test_recycled),
		TEST("FWD-6: the other tenant's routes", test_tenants),
		TEST("FWD-3 FWD-4: switched and routed packets of one flow", test_cache_tells_apart),
	};

	return run_group("port: the distributed router", tests, harness_setup);
}
