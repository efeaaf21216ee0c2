/*
 * test_port_mtu.c - too large for the tunnel: MTU-1, ENC-9.
 *
 * BPF_PROG_TEST_RUN gives a super-packet its segment size but no segmentation type, and the kernel makes no room in such
 * a one. So NoRoom shows here that the program decided to encapsulate; the topology tests see the segments themselves.
 */
#include "harness.h"

#define QUOTE 512

static struct pkt sized(int encap, bool v6, size_t l3, bool df)
{
	int last = encap == GW_ABI_VXLAN ? 13 : 14;
	struct pkt p = v6 ? frame6(last, l3 - 48) : frame4(last, l3 - 28);

	if (df)
		put16(p.b + 14 + 6, 0x4000), pkt_fix_ip4(p.b + 14);
	return p;
}

static void expect_icmp4(const struct run *r, const struct pkt *p, uint16_t mtu, const char *from)
{
	struct pkt e = {0};
	size_t icmp;

	pkt_eth(&e, MAC_1, MAC_1);
	memcpy(e.b + 6, p->b, 6);
	pkt_ip4(&e, from, "192.168.1.11");
	e.b[15] = 0xc0;
	icmp = pkt_icmp4(&e, 3, 4);
	put16(e.b + icmp + 6, mtu);
	pkt_bytes(&e, p->b + 14, QUOTE);
	pkt_close(&e);
	assert_int_equal(r->len, e.len);
	assert_bytes(r->b, e.b, e.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

static void expect_icmp6(const struct run *r, const struct pkt *p, uint32_t mtu, const char *from)
{
	struct pkt e = {0};
	size_t icmp;

	pkt_eth(&e, MAC_1, MAC_1);
	memcpy(e.b + 6, p->b, 6);
	pkt_ip6(&e, from, "fd00::11");
	icmp = pkt_icmp6(&e, 2, 0);
	put32(e.b + icmp + 4, mtu);
	pkt_bytes(&e, p->b + 14, QUOTE);
	pkt_close(&e);
	assert_int_equal(r->len, e.len);
	assert_bytes(r->b, e.b, e.len);
	assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

/* At the limit it goes through; one byte more is answered with the limit, from the router. Cold and from the cache. */
static void limits(void)
{
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		uint16_t mtu = (uint16_t)world.params.inner_mtu[encap];

		for (int again = 0; again < 2; again++) {
			struct pkt fits4 = sized(encap, false, mtu, true), over4 = sized(encap, false, mtu + 1u, true);
			struct pkt fits6 = sized(encap, true, mtu, false), over6 = sized(encap, true, mtu + 1u, false);

			expect_icmp4(port_out(0, &over4, ICMP_ANSWERED), &over4, mtu, "192.168.1.1");
			port_out(0, &fits4, ENCAPSULATED);
			expect_icmp6(port_out(0, &over6, ICMP_ANSWERED), &over6, mtu, "fd00::1");
			port_out(0, &fits6, ENCAPSULATED);
		}
	}
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(world.params.inner_mtu[GW_ABI_VXLAN], 1450);
	assert_int_equal(world.params.inner_mtu[GW_ABI_NVGRE], 1458);
	limits();
}

static void test_other_limits(void **state)
{
	static const uint32_t underlay[] = {1280, 1400, 2000, 3000};

	(void)state;
	for (size_t i = 0; i < GW_N(underlay); i++) {
		struct gw_params params = default_params();

		params.inner_mtu[GW_ABI_VXLAN] = underlay[i] - 50;
		params.inner_mtu[GW_ABI_NVGRE] = underlay[i] - 42;
		world_params(&params);
		bump(PORT_SLOT(0));
		limits();
	}
}

static void test_without_df(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = sized(encap, false, world.params.inner_mtu[encap] + 1, false);

		port_drops(0, &p, TOO_BIG);
		put16(p.b + 20, 0x2000); /* nor its fragments */
		pkt_fix_ip4(p.b + 14);
		port_drops(0, &p, TOO_BIG);
	}
}

static void test_large(void **state)
{
	struct pkt p = sized(GW_ABI_VXLAN, false, 3300, true);

	(void)state;
	expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &p, 1450, "192.168.1.1");
	p = sized(GW_ABI_NVGRE, true, 3300, false);
	expect_icmp6(port_out(0, &p, ICMP_ANSWERED), &p, 1458, "fd00::1");
}

/* No customer route tells the subnet: the destination itself answers. */
static void test_no_subnet(void **state)
{
	struct pkt p4 = sized(GW_ABI_VXLAN, false, 1451, true), p6 = sized(GW_ABI_VXLAN, true, 1451, false);

	(void)state;
	map_clear(MAP_SUBNETS);
	expect_icmp4(port_out(0, &p4, ICMP_ANSWERED), &p4, 1450, "192.168.1.13");
	expect_icmp6(port_out(0, &p6, ICMP_ANSWERED), &p6, 1450, "fd00::13");
	put_subnet(VSID_B, "192.168.1.0", 24, "192.168.1.1"); /* the other tenant's is not ours */
	expect_icmp4(port_out(0, &p4, ICMP_ANSWERED), &p4, 1450, "192.168.1.13");
}

/* The longest prefix that holds the sender. */
static void test_longest_subnet(void **state)
{
	struct pkt p = sized(GW_ABI_VXLAN, false, 1451, true);

	(void)state;
	put_subnet(VSID_A, "0.0.0.0", 0, "192.168.1.200");
	put_subnet(VSID_A, "192.168.1.8", 29, "192.168.1.9");
	expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &p, 1450, "192.168.1.9");
	map_clear(MAP_SUBNETS);
	put_subnet(VSID_A, "0.0.0.0", 0, "192.168.1.200");
	expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &p, 1450, "192.168.1.200");
}

/* A tag is gone before the answer quotes the packet. */
static void test_tagged(void **state)
{
	struct pkt clean = sized(GW_ABI_VXLAN, false, 1451, true), p = clean;

	(void)state;
	pkt_tag(&p, 0x8100, 5);
	expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &clean, 1450, "192.168.1.1");
}

/* Only what would be carried is answered. */
static void test_not_answered(void **state)
{
	struct pkt p = sized(GW_ABI_VXLAN, false, 1451, true);

	(void)state;
	p.b[11] = 9;
	port_drops(0, &p, SPOOF_MAC);
	p = sized(GW_ABI_VXLAN, false, 1451, true);
	memcpy(p.b, MAC_N(0x99).b, 6);
	port_drops(0, &p, NO_RECORD);
	memcpy(p.b, MAC_BCAST.b, 6);
	port_drops(0, &p, FLOOD);
}

/* RFC 1122, RFC 4443: an ICMP error is never answered with one. */
static void test_icmp_error_not_answered(void **state)
{
	struct pkt p = {0};

	(void)state;
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ip4(&p, "192.168.1.11", "192.168.1.13");
	put16(p.b + 20, 0x4000);
	pkt_icmp4(&p, 3, 1);
	pkt_fill(&p, 1450);
	pkt_close(&p);
	assert_true(port_run(0, &p)->drop >= 0);
	p = (struct pkt){0};
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ip6(&p, "fd00::11", "fd00::13");
	pkt_icmp6(&p, 1, 4);
	pkt_fill(&p, 1450);
	pkt_close(&p);
	assert_true(port_run(0, &p)->drop >= 0);
}

/* --- super-packets --------------------------------------------------------------------------------------------------------- */

static struct pkt super(int encap, bool v6, bool tcp, size_t segment)
{
	struct pkt p = frame_start(encap == GW_ABI_VXLAN ? 13 : 14, v6);

	if (tcp)
		pkt_tcp(&p, 1000, 2000);
	else
		pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, 3000);
	pkt_close(&p);
	if (!v6)
		put16(p.b + 20, 0x4000), pkt_fix_ip4(p.b + 14);
	p.gso_size = (uint32_t)(segment - (v6 ? 40 : 20) - (tcp ? 20 : 8));
	p.gso_segs = (uint32_t)((3000 + p.gso_size - 1) / p.gso_size);
	return p;
}

static void test_segments_fit(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int kind = 0; kind < 4; kind++) {
			struct pkt p = super(encap, kind & 1, kind & 2, world.params.inner_mtu[encap]);

			port_drops(0, &p, NO_ROOM); /* see above */
		}
}

/* TCP segments over the limit by no more than the header are made smaller by the kernel. */
static void test_tcp_resegmented(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			size_t mtu = world.params.inner_mtu[encap], head = encap == GW_ABI_VXLAN ? 50 : 42;
			struct pkt p = super(encap, v6, true, mtu + 1);

			port_drops(0, &p, NO_ROOM);
			p = super(encap, v6, true, mtu + head);
			port_drops(0, &p, NO_ROOM);
			p = super(encap, v6, true, mtu + head + 1);
			if (v6)
				expect_icmp6(port_out(0, &p, ICMP_ANSWERED), &p, (uint32_t)mtu, "fd00::1");
			else
				expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &p, (uint16_t)mtu, "192.168.1.1");
		}
}

static void test_udp_answered(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		uint16_t mtu = (uint16_t)world.params.inner_mtu[encap];
		struct pkt p = super(encap, false, false, mtu + 1u);

		expect_icmp4(port_out(0, &p, ICMP_ANSWERED), &p, mtu, "192.168.1.1");
		put16(p.b + 20, 0);
		pkt_fix_ip4(p.b + 14);
		port_drops(0, &p, TOO_BIG);
		p = super(encap, true, false, mtu + 1u);
		expect_icmp6(port_out(0, &p, ICMP_ANSWERED), &p, mtu, "fd00::1");
	}
}

static void test_super_switched(void **state)
{
	struct pkt p = super(GW_ABI_VXLAN, false, true, 1500);
	const struct run *r;

	(void)state;
	memcpy(p.b, MAC_2.b, 6);
	r = port_out(0, &p, SWITCHED);
	assert_int_equal(r->ctx.gso_size, p.gso_size);
	assert_bytes(r->b, p.b, p.len);
}

/* The length of a super-packet may be more than its IP header can say. TCP options count. */
static void test_super_headers(void **state)
{
	struct pkt p = super(GW_ABI_VXLAN, false, true, 1450);

	(void)state;
	put16(p.b + 16, 0xffff);
	pkt_fix_ip4(p.b + 14);
	port_drops(0, &p, NO_ROOM);
	p = super(GW_ABI_VXLAN, false, true, 1450);
	p.gso_size += 50;
	port_drops(0, &p, NO_ROOM); /* the kernel can still make up for that */
	p.b[34 + 12] = 6 << 4;	    /* but not for four bytes of options more in each segment */
	port_out(0, &p, ICMP_ANSWERED);
	p.gso_size -= 4;
	port_drops(0, &p, NO_ROOM);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("MTU-1: the limit, and one byte more is answered", test_limits),
		T("MTU-1: other underlay MTUs", test_other_limits),
		T("MTU-1: IPv4 without DF", test_without_df),
		T("MTU-1: much too large", test_large),
		T("MTU-1: no customer route", test_no_subnet),
		T("MTU-1: several customer routes", test_longest_subnet),
		T("MTU-1 ENC-5: tagged", test_tagged),
		T("MTU-1 ACL-3: what is not carried is not answered", test_not_answered),
		T("MTU-1: ICMP errors are not answered", test_icmp_error_not_answered),
		T("ENC-9: super-packets whose segments fit", test_segments_fit),
		T("ENC-9 MTU-1: TCP segments a little too large", test_tcp_resegmented),
		T("ENC-9 MTU-1: UDP segments too large", test_udp_answered),
		T("ENC-9 FWD-2: super-packets between ports", test_super_switched),
		T("ENC-9: headers of super-packets", test_super_headers),
	};

	return run_group("port: packet size", tests, harness_setup);
}
