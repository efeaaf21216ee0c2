/*
 * test_underlay_outer.c - what the underlay sends, up to the inner frame: which packets are tunnels for this node, and
 * which of those are sound. ENC-2, ENC-4, ENC-6, ENC-10.
 */
#include "harness.h"

#include <arpa/inet.h>

/* Kept frames come out just as they were inside. */
static void expect_inner(const struct run *r, const struct pkt *p, int encap)
{
	size_t at = inner_at(encap);

	assert_int_equal(r->len, p->len - at);
	assert_bytes(r->b, p->b + at, r->len);
	assert_int_equal(r->ctx.mark, 0);
}

static void expect_stack(const struct pkt *p)
{
	const struct run *r = under_out(p, TO_STACK);

	assert_int_equal(r->len, p->len);
	assert_bytes(r->b, p->b, p->len);
	assert_int_equal(r->ctx.mark, p->mark);
}

static void test_exact(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++)
			for (size_t n = 0; n < 1400; n += 1 + n / 8) {
				struct pkt p = under_frame(encap, v6, n);

				p.mark = 0x1234;
				expect_inner(under_out(&p, DECAPSULATED), &p, encap);
			}
}

static void test_not_ip(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = outer(encap, VSID_A);

		pkt_eth(&p, MAC_1, MAC_3);
		pkt_arp(&p, 2, MAC_3, "192.168.1.13", MAC_1, "192.168.1.11");
		pkt_close(&p);
		expect_inner(under_out(&p, DECAPSULATED), &p, encap);
		p = outer(encap, VSID_A);
		pkt_eth(&p, MAC_1, MAC_3);
		pkt_ethertype(&p, 0x88b5);
		pkt_fill(&p, 46);
		pkt_close(&p);
		expect_inner(under_out(&p, DECAPSULATED), &p, encap);
	}
}

/* --- GRE ------------------------------------------------------------------------------------------------------------------- */

/* RFC 7637 and ENC-6 in the words of the RFC's bit numbers, 0 being the first on the wire: the reasons that apply, as bits. */
static unsigned gre_faults(uint16_t flags, uint16_t proto)
{
	static const int forbidden[] = {0, 1, 3, 4, 5};
	unsigned faults = 0;

	for (size_t i = 0; i < GW_N(forbidden); i++)
		if (flags >> (15 - forbidden[i]) & 1)
			faults |= 1u << 0;
	if (flags % 8)
		faults |= 1u << 1;
	if (!(flags >> (15 - 2) & 1))
		faults |= 1u << 2;
	if (proto != 0x6558)
		faults |= 1u << 3;
	return faults;
}

static void expect_gre(uint16_t flags, uint16_t proto)
{
	static const int reasons[] = {GW_DROP_GRE_FLAGS, GW_DROP_GRE_VERSION, GW_DROP_GRE_NO_KEY, GW_DROP_GRE_PROTOCOL};
	unsigned faults = gre_faults(flags, proto);
	struct pkt p = under_frame(GW_ABI_NVGRE, false, 64);
	const struct run *r;

	put16(p.b + OUTER_L4, flags);
	put16(p.b + OUTER_L4 + 2, proto);
	r = under_run(&p);
	if (!faults) {
		check(r->outcome == GW_OUT_DECAPSULATED, "flags %04x", flags);
		expect_inner(r, &p, GW_ABI_NVGRE);
		return;
	}
	for (size_t i = 0; i < GW_N(reasons); i++)
		if (r->drop == reasons[i]) {
			check(faults & 1u << i, "flags %04x, protocol %04x: dropped for reason %d", flags, proto,
			      r->drop);
			return;
		}
	fail_msg("flags %04x, protocol %04x: drop %d, outcome %d", flags, proto, r->drop, r->outcome);
}

static void test_gre_flags(void **state)
{
	(void)state;
	for (int bit = 0; bit < 16; bit++) {
		expect_gre((uint16_t)(0x2000 ^ 1u << bit), 0x6558);
		expect_gre((uint16_t)(1u << bit), 0x6558);
	}
	for (uint16_t version = 1; version < 8; version++)
		expect_gre(0x2000 | version, 0x6558);
	for (uint16_t ignored = 0; ignored < 128; ignored++) /* bits 6 to 12 */
		expect_gre((uint16_t)(0x2000 | ignored << 3), 0x6558);
	for (int i = 0; i < 2000; i++)
		expect_gre((uint16_t)rnd(), rnd_below(4) ? 0x6558 : (uint16_t)rnd());
}

static void test_gre_protocols(void **state)
{
	static const uint16_t protos[] = {0, 0x0800, 0x86dd, 0x880b, 0x88be, 0x22eb, 0x6559, 0x5865, 0xffff};

	(void)state;
	for (size_t i = 0; i < GW_N(protos); i++) {
		struct pkt p = under_frame(GW_ABI_NVGRE, false, 64);

		put16(p.b + OUTER_L4 + 2, protos[i]);
		under_drops(&p, GRE_PROTOCOL);
	}
}

static void test_gre_flow_ids(void **state)
{
	(void)state;
	for (unsigned id = 0; id < 256; id++) {
		struct pkt p = under_frame(GW_ABI_NVGRE, id & 1, 64);

		p.b[OUTER_L4 + 7] = (uint8_t)id;
		expect_inner(under_out(&p, DECAPSULATED), &p, GW_ABI_NVGRE);
	}
}

/* --- VXLAN ----------------------------------------------------------------------------------------------------------------- */

static void test_vxlan_flags(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);
		uint32_t flags = i < 32 ? 1u << i : i < 64 ? 0x08000000 ^ 1u << (i - 32) : rnd();

		put32(p.b + OUTER_L4 + 8, flags);
		p.b[OUTER_L4 + 15] = (uint8_t)rnd(); /* reserved */
		if (flags >> 27 & 1)
			expect_inner(under_out(&p, DECAPSULATED), &p, GW_ABI_VXLAN);
		else
			under_drops(&p, VXLAN_FLAGS);
	}
}

static void test_vxlan_source_port(void **state)
{
	static const uint16_t ports[] = {0, 1, 4789, 49151, 49152, 65535};

	(void)state;
	for (size_t i = 0; i < GW_N(ports); i++) {
		struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);

		put16(p.b + OUTER_L4, ports[i]);
		under_out(&p, DECAPSULATED);
	}
}

static void test_vxlan_length(void **state)
{
	struct pkt good = under_frame(GW_ABI_VXLAN, false, 64);
	uint16_t right = get16(good.b + OUTER_L4 + 4);

	(void)state;
	for (int delta = -20; delta <= 20; delta++) {
		struct pkt p = good;

		put16(p.b + OUTER_L4 + 4, (uint16_t)(right + delta));
		if (delta)
			under_drops(&p, OUTER_MALFORMED);
		else
			under_out(&p, DECAPSULATED);
	}
	put16(good.b + OUTER_L4 + 4, 0);
	under_drops(&good, OUTER_MALFORMED);
}

static void test_other_port(void **state)
{
	struct gw_params params = default_params();
	struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);

	(void)state;
	put16(p.b + OUTER_L4 + 2, 4788);
	expect_stack(&p);
	put16(p.b + OUTER_L4 + 2, 8472);
	expect_stack(&p);
	params.vxlan_port = 8472;
	world_params(&params);
	under_out(&p, DECAPSULATED);
	put16(p.b + OUTER_L4 + 2, 4789);
	expect_stack(&p);
}

/* --- VSIDs, peers ---------------------------------------------------------------------------------------------------------- */

static void test_vsids(void **state)
{
	static const uint32_t unknown[] = {0, 1, 4095, 4096, 5000, 5002, 16777214}, known[] = {4096, 16777214};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = under_frame(encap, false, 64);
		uint8_t *vsid = p.b + OUTER_L4 + (encap == GW_ABI_VXLAN ? 12 : 4);

		for (size_t i = 0; i < GW_N(unknown); i++) {
			put32(vsid, unknown[i] << 8);
			under_drops(&p, UNKNOWN_VSID);
		}
		put32(vsid, 16777215u << 8);
		under_drops(&p, SYSTEM_VSID);
		for (size_t i = 0; i < GW_N(known); i++) {
			put_vsid(known[i], known[i]);
			put_peer(known[i], encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE, NULL);
			put_mac(known[i], MAC_1, PA_SELF, encap, world.port[3], PORT_SLOT(3), 7);
			put32(vsid, known[i] << 8);
			expect_inner(under_out(&p, DECAPSULATED), &p, encap);
		}
		world_reset();
	}
}

static void test_peers(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		static const char *const strangers[] = {"10.1.1.99", PA_B, PA_SELF, "0.0.0.0", "192.168.1.13"};
		struct pkt p = under_frame(encap, false, 64);

		for (size_t i = 0; i < GW_N(strangers); i++) {
			inet_pton(AF_INET, strangers[i], p.b + OUTER_IP + 12);
			pkt_fix_ip4(p.b + OUTER_IP);
			under_drops(&p, UNKNOWN_PEER);
		}
		/* Either encapsulation from any node of the domain. */
		inet_pton(AF_INET, encap == GW_ABI_VXLAN ? PA_NVGRE : PA_VXLAN, p.b + OUTER_IP + 12);
		pkt_fix_ip4(p.b + OUTER_IP);
		under_out(&p, DECAPSULATED);
	}
}

/* A routed packet carries the destination's VSID from a node that may have no record there: the domain counts. */
static void test_peer_of_domain(void **state)
{
	struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);

	(void)state;
	put32(p.b + OUTER_L4 + 12, VSID_B << 8);
	under_drops(&p, UNKNOWN_PEER);
	put_domain(VSID_B, MAC_1, VSID_A);
	under_out(&p, DECAPSULATED);
}

/* --- the cache of what is received ----------------------------------------------------------------------------------------- */

#define STRANGERS (8 * GW_RECEIVED_MAX) /* so many that some share an entry of the cache with a sound packet */

static void all_dropped(int encap, void (*disguise)(struct pkt *p, unsigned n))
{
	const struct pkt good = under_frame(encap, false, 64);
	struct run r;

	under_out(&good, DECAPSULATED);
	for (unsigned n = 0; n < STRANGERS; n++) {
		struct pkt p = good;

		disguise(&p, n);
		assert_int_equal(run_raw(GW_HOOK_UNDERLAY, world.underlay, &p, &r), 0);
		check(r.verdict == TC_ACT_SHOT, "stranger %u is delivered", n);
	}
	under_out(&good, DECAPSULATED);
}

static void other_source(struct pkt *p, unsigned n)
{
	put32(p->b + OUTER_IP + 12, 0x0b000000 + n * 2654435761u % 0x01000000);
	pkt_fix_ip4(p->b + OUTER_IP);
}

static void other_vsid(struct pkt *p, unsigned n)
{
	uint8_t *word = p->b + inner_at(p->b[OUTER_IP + 9] == 17 ? GW_ABI_VXLAN : GW_ABI_NVGRE) - 4;

	put32(word, (0x100000 + n) << 8);
}

static void other_mac(struct pkt *p, unsigned n)
{
	put32(p->b + inner_at(p->b[OUTER_IP + 9] == 17 ? GW_ABI_VXLAN : GW_ABI_NVGRE) + 2,
	      0x10000000 + n * 2654435761u % 0x10000000);
}

static void test_cache_strangers(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		all_dropped(encap, other_source);
		all_dropped(encap, other_vsid);
		all_dropped(encap, other_mac);
	}
}

/* What was remembered for a port is not used after its generation has changed. */
static void test_cache_generation(void **state)
{
	struct pkt p = under_frame(GW_ABI_NVGRE, false, 64);

	(void)state;
	under_out(&p, DECAPSULATED);
	delete_mac(VSID_A, MAC_1);
	bump(PORT_SLOT(0));
	assert_int_equal(under_run(&p)->drop, GW_DROP_UNKNOWN_DESTINATION);
}

/* A node that is heard through another router from now on is remembered as such. */
static void test_cache_hop(void **state)
{
	struct pkt p = under_frame(GW_ABI_NVGRE, false, 64);
	struct gw_peer_key key = {.domain = VSID_A, .pa = ip_of(PA_NVGRE)};
	struct gw_bpf_peer peer;

	(void)state;
	for (int i = 0; i < 3; i++) {
		p.b[11] = (uint8_t)(0x40 + i);
		under_out(&p, DECAPSULATED);
		assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_PEERS), &key, &peer), 0);
		assert_bytes(peer.hop, p.b + 6, 6);
	}
}

/* --- the outer IP header --------------------------------------------------------------------------------------------------- */

static void test_options(void **state)
{
	struct pkt p = {0};

	(void)state;
	for (size_t n = 4; n <= 40; n += 4) {
		p = (struct pkt){0};
		pkt_eth(&p, MAC_UNDERLAY, MAC_NEXTHOP);
		pkt_ip4_options(&p, PA_NVGRE, PA_SELF, n);
		pkt_gre(&p, 0x2000, 0x6558, VSID_A << 8);
		pkt_eth(&p, MAC_1, MAC_4);
		pkt_ip4(&p, "192.168.1.14", "192.168.1.11");
		pkt_fill(&p, 64);
		pkt_close(&p);
		under_drops(&p, OUTER_OPTIONS);
	}
	p = (struct pkt){0};
	pkt_eth(&p, MAC_UNDERLAY, MAC_NEXTHOP);
	pkt_ip4_options(&p, PA_VXLAN, PA_SELF, 4);
	pkt_udp(&p, 50000, 4789);
	pkt_vxlan(&p, 0x08000000, VSID_A << 8);
	pkt_eth(&p, MAC_1, MAC_3);
	pkt_ip4(&p, "192.168.1.13", "192.168.1.11");
	pkt_close(&p);
	under_drops(&p, OUTER_OPTIONS);
	put16(p.b + 14 + 24 + 2, 53);
	expect_stack(&p);
}

static void test_fragments(void **state)
{
	static const uint16_t frags[] = {0x2000, 0x2010, 0x0010, 0x3fff, 0x1fff, 0x6000};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (size_t i = 0; i < GW_N(frags); i++) {
			struct pkt p = under_frame(encap, false, 64);

			put16(p.b + OUTER_IP + 6, frags[i]);
			pkt_fix_ip4(p.b + OUTER_IP);
			/* A later UDP fragment does not say what port it is for. */
			if (encap == GW_ABI_VXLAN && frags[i] & 0x1fff)
				expect_stack(&p);
			else
				under_drops(&p, OUTER_FRAGMENT);
		}
}

static void test_checksum(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int bit = 0; bit < 16; bit++) {
			struct pkt p = under_frame(encap, false, 64);

			p.b[OUTER_IP + 10 + bit / 8] ^= (uint8_t)(1u << bit % 8);
			under_drops(&p, OUTER_CHECKSUM);
		}
}

static void set_total(struct pkt *p, uint16_t total)
{
	put16(p->b + OUTER_IP + 2, total);
	pkt_fix_ip4(p->b + OUTER_IP);
}

static void test_total_length(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt good = under_frame(encap, false, 64), p;
		uint16_t right = get16(good.b + OUTER_IP + 2);

		for (uint16_t total = 0; total < inner_at(encap); total++) {
			p = good;
			set_total(&p, total);
			under_drops(&p, OUTER_MALFORMED);
		}
		for (uint16_t more = 1; more < 100; more++) {
			p = good;
			set_total(&p, right + more);
			under_drops(&p, OUTER_MALFORMED);
		}
		p = good;
		set_total(&p, 0xffff);
		under_drops(&p, OUTER_MALFORMED);
	}
}

/* Ethernet's padding of short frames is no part of the packet and is not delivered. */
static void test_padding(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = under_frame(encap, v6, 4), padded = p;

			pkt_fill(&padded, 37);
			expect_inner(under_out(&padded, DECAPSULATED), &p, encap);
		}
}

/* Cut anywhere, the headers still promising the rest. */
static void test_truncated(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt whole = under_frame(encap, v6, 20);

			for (size_t n = 42; n < whole.len; n++) {
				struct pkt p = whole;

				pkt_cut(&p, n);
				under_drops(&p, OUTER_MALFORMED);
			}
		}
}

/* Cut inside the GRE or UDP header. UDP without its destination port is nobody's tunnel. */
static void test_truncated_l4(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (size_t n = 34; n < 42; n++)
			for (int mended = 0; mended < 2; mended++) {
				struct pkt p = under_frame(encap, false, 20);
				const struct run *r;

				pkt_cut(&p, n);
				if (mended)
					set_total(&p, (uint16_t)(n - 14));
				r = under_run(&p);
				if (encap == GW_ABI_NVGRE)
					check(r->drop >= 0, "%zu bytes, total length %s", n,
					      mended ? "right" : "wrong");
			}
}

/* Cut anywhere with outer lengths that agree: the inner frame is what is too short. */
static void test_truncated_inside(void **state)
{
	(void)state;
	for (int padded = 0; padded < 2; padded++)
		for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
			for (int v6 = 0; v6 < 2; v6++)
				for (size_t n = inner_at(encap) + 14; n < inner_at(encap) + 14 + (v6 ? 40 : 20); n++) {
					struct pkt p = under_frame(encap, v6, 20);

					if (!padded)
						pkt_cut(&p, n);
					set_total(&p, (uint16_t)(n - 14));
					if (encap == GW_ABI_VXLAN)
						put16(p.b + OUTER_L4 + 4, (uint16_t)(n - 34));
					under_drops(&p, INNER_MALFORMED);
				}
}

/* --- not for us -------------------------------------------------------------------------------------------------------------- */

static void test_not_our_address(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = under_frame(encap, false, 64);

		inet_pton(AF_INET, "10.1.1.11", p.b + OUTER_IP + 16);
		pkt_fix_ip4(p.b + OUTER_IP);
		p.mark = 77;
		expect_stack(&p);
		p = under_frame(encap, false, 64);
		p.b[5] ^= 1; /* another station's frame, seen in promiscuous mode */
		expect_stack(&p);
		p = under_frame(encap, false, 64);
		pkt_tag(&p, 0x8100, 5);
		expect_stack(&p);
	}
}

/* The lowest provider address is known by heart, the others are looked up. */
static void test_second_address(void **state)
{
	struct gw_ip second = ip_of("10.1.1.11");

	(void)state;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_PAS), &second, &world.underlay, BPF_ANY), 0);
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = under_frame(encap, false, 64);

		inet_pton(AF_INET, "10.1.1.11", p.b + OUTER_IP + 16);
		pkt_fix_ip4(p.b + OUTER_IP);
		under_out(&p, DECAPSULATED);
	}
}

static void test_host_traffic(void **state)
{
	struct pkt p;

	(void)state;
	for (int what = 0; what < 7; what++) {
		p = (struct pkt){0};
		pkt_eth(&p, MAC_UNDERLAY, MAC_NEXTHOP);
		if (what < 4)
			pkt_ip4(&p, PA_VXLAN, PA_SELF);
		else if (what < 6)
			pkt_ip6(&p, "fe80::1", "fe80::2");
		if (what == 0)
			pkt_icmp4(&p, 8, 0);
		else if (what == 1)
			pkt_tcp(&p, 1000, 22);
		else if (what == 2)
			pkt_tcp(&p, 1000, 4789);
		else if (what == 3)
			pkt_udp(&p, 4789, 53);
		else if (what == 4)
			pkt_udp(&p, 1000, 4789);
		else if (what == 5)
			pkt_gre(&p, 0x2000, 0x6558, VSID_A << 8);
		else
			pkt_arp(&p, 1, MAC_NEXTHOP, PA_VXLAN, (struct mac){{0}}, PA_SELF);
		pkt_fill(&p, 80);
		pkt_close(&p);
		p.mark = 5;
		expect_stack(&p);
	}
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("ENC-1 ENC-2 ENC-10: decapsulated exactly", test_exact),
		T("ENC-1 ENC-2: inner frames that are not IP", test_not_ip),
		T("ENC-6: every GRE flag and version, combinations", test_gre_flags),
		T("ENC-6: other GRE protocols", test_gre_protocols),
		T("ENC-3: any FlowID is accepted", test_gre_flow_ids),
		T("ENC-2: VXLAN flags and reserved bits", test_vxlan_flags),
		T("ENC-3: any UDP source port is accepted", test_vxlan_source_port),
		T("ENC-2: wrong UDP length", test_vxlan_length),
		T("ENC-2: configured UDP port", test_other_port),
		T("ENC-4 ENC-10: VSIDs unknown, reserved, at the boundaries", test_vsids),
		T("ENC-10: outer source", test_peers),
		T("ENC-10: outer source of the routing domain", test_peer_of_domain),
		T("ENC-10: what shares the cache's entry of a sound packet", test_cache_strangers),
		T("ENC-10 FWD-12: what was remembered ends with its generation", test_cache_generation),
		T("ENC-10: a node that is heard through another router", test_cache_hop),
		T("ENC-6: outer options", test_options),
		T("ENC-6: outer fragments", test_fragments),
		T("ENC-6: outer header checksum", test_checksum),
		T("ENC-6: outer total length", test_total_length),
		T("ENC-6: padding is taken off", test_padding),
		T("ENC-6: truncated", test_truncated),
		T("ENC-6: truncated inside the tunnel's transport header", test_truncated_l4),
		T("ENC-6: inner frame truncated", test_truncated_inside),
		T("ENC-10: not to a provider address", test_not_our_address),
		T("ENC-10: a second provider address", test_second_address),
		T("ENC-10: the host's own traffic", test_host_traffic),
	};

	return run_group("underlay: outer headers", tests, harness_setup);
}
