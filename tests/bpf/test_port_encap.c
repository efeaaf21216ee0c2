/*
 * test_port_encap.c - what leaves by a tunnel, byte for byte: ENC-1, ENC-2, ENC-3, ENC-4, ENC-5, ENC-7, FWD-3.
 *
 * The expected outer packet is built by packet.c from the RFCs. The outer Ethernet header is the neighbour helper's work
 * and cannot be seen here, but for frames that are not IP.
 */
#include "harness.h"

/* What should be on the wire from the outer IP header on; the entropy is taken from what came out, after a check of it. */
static struct pkt expected(int encap, uint32_t vsid, const char *pa, uint8_t tos, uint8_t ttl, const uint8_t *frame,
			   size_t len, const uint8_t *got)
{
	struct pkt e = {0};
	size_t ip = pkt_ip4(&e, PA_SELF, pa);

	e.b[ip + 1] = tos;
	e.b[ip + 8] = ttl;
	put16(e.b + ip + 6, 0x4000);
	if (encap == GW_ABI_VXLAN) {
		uint16_t sport = get16(got + 20);

		assert_in_range(sport, 49152, 65535);
		pkt_udp(&e, sport, 4789);
		e.layers[e.n - 1].no_checksum = true;
		pkt_vxlan(&e, 0x08000000, vsid << 8);
	} else {
		pkt_gre(&e, 0x2000, 0x6558, vsid << 8 | got[27]);
	}
	pkt_bytes(&e, frame, len);
	pkt_close(&e);
	return e;
}

static void expect_tunnel(const struct run *r, int encap, uint32_t vsid, const char *pa, uint8_t tos,
			  const uint8_t *frame, size_t len)
{
	struct pkt e = expected(encap, vsid, pa, tos, world.params.ttl, frame, len, r->b + 14);

	assert_int_equal(r->len, 14 + e.len);
	assert_bytes(r->b + 14, e.b, e.len);
}

static void send_and_expect(const struct pkt *p, int encap, uint8_t tos)
{
	expect_tunnel(port_out(0, p, ENCAPSULATED), encap, VSID_A, encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE, tos,
		      p->b, p->len);
}

/* --- what can be inside -------------------------------------------------------------------------------------------------- */

static struct pkt inner_start(int encap, bool v6, size_t options)
{
	int last = encap == GW_ABI_VXLAN ? 13 : 14;
	struct pkt p = {0};

	pkt_eth(&p, mac_of(last), MAC_1);
	if (v6)
		pkt_ip6(&p, "fd00::11", ca6(last));
	else
		pkt_ip4_options(&p, "192.168.1.11", ca4(last), options);
	return p;
}

static struct pkt inner_of(int encap, bool v6, int what)
{
	struct pkt p = inner_start(encap, v6, what == 4 ? 4 : what == 5 ? 40 : 0);

	switch (what) {
	case 0:
	case 4:
	case 5:
		pkt_udp(&p, 1234, 53);
		break;
	case 1:
		pkt_tcp(&p, 40000, 443);
		break;
	case 2:
		v6 ? pkt_icmp6(&p, 128, 0) : pkt_icmp4(&p, 8, 0);
		break;
	case 3:
		pkt_proto(&p, 132); /* SCTP */
		break;
	default:
		pkt_proto(&p, 50); /* ESP */
		break;
	}
	pkt_fill(&p, 100);
	pkt_close(&p);
	return p;
}

static void test_exact_bytes(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++)
			for (int what = 0; what < 7; what++) {
				struct pkt p = inner_of(encap, v6, what);

				send_and_expect(&p, encap, 0);
				send_and_expect(&p, encap, 0); /* from the flow cache */
			}
}

static void test_fragments(void **state)
{
	static const uint16_t frag[] = {0x2000, 0x2004, 0x0008, 0x3fff & 0x2fff};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		uint16_t entropy = 0;

		for (size_t i = 0; i < GW_N(frag); i++) {
			struct pkt p = inner_of(encap, false, 0);
			const struct run *r;

			put16(p.b + 14 + 6, frag[i]);
			put16(p.b + 14 + 20,
			      (uint16_t)(0x1111 * i)); /* later fragments have data where ports would be */
			pkt_fix_ip4(p.b + 14);
			send_and_expect(&p, encap, 0);
			r = port_out(0, &p, ENCAPSULATED);
			if (i == 0)
				entropy = get16(r->b + OUTER_L4 + (encap == GW_ABI_VXLAN ? 0 : 6));
			assert_int_equal(get16(r->b + OUTER_L4 + (encap == GW_ABI_VXLAN ? 0 : 6)), entropy);
		}
	}
}

static void test_ipv6_fragment_header(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = inner_start(encap, true, 0);

		pkt_proto(&p, 44);
		pkt_bytes(&p, (uint8_t[]){17, 0, 0, 1, 0, 0, 0, 9}, 8);
		pkt_fill(&p, 64);
		pkt_close(&p);
		send_and_expect(&p, encap, 0);
	}
}

static void test_tiny_ip(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = inner_start(encap, v6, 0);

			pkt_proto(&p, 59);
			pkt_close(&p);
			send_and_expect(&p, encap, 0);
		}
}

/* An Ethernet frame's padding is part of the frame and crosses with it. */
static void test_padding(void **state)
{
	struct pkt p = frame4(13, 0);

	(void)state;
	pkt_fill(&p, 60 - p.len);
	send_and_expect(&p, GW_ABI_VXLAN, 0);
}

static void test_not_ip(void **state)
{
	static const uint16_t types[] = {0x88b5, 0x8847, 0x8863, 0x0026 /* 802.3 length */};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (size_t i = 0; i < GW_N(types); i++) {
			struct pkt p = {0};
			const struct run *r;

			pkt_eth(&p, encap == GW_ABI_VXLAN ? MAC_3 : MAC_4, MAC_1);
			pkt_ethertype(&p, types[i]);
			pkt_fill(&p, 46);
			pkt_close(&p);
			r = port_out(0, &p, ENCAPSULATED);
			expect_tunnel(r, encap, VSID_A, encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE, 0, p.b, p.len);
			assert_bytes(r->b, MAC_NEXTHOP.b, 6);
			assert_bytes(r->b + 6, MAC_UNDERLAY.b, 6);
			assert_int_equal(get16(r->b + 12), 0x0800);
		}
}

/* The next hop is where the peer's own packets come from; before the first of them there is none. */
static void test_not_ip_no_neighbour(void **state)
{
	struct mac hop = {{0x02, 0, 0, 0, 0, 0x77}};
	struct pkt p = {0}, in = under_frame(GW_ABI_VXLAN, false, 64);

	(void)state;
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ethertype(&p, 0x88b5);
	pkt_fill(&p, 46);
	put_peer(VSID_A, PA_VXLAN, NULL);
	port_drops(0, &p, NO_NEIGHBOUR);
	memcpy(in.b + 6, hop.b, 6);
	under_out(&in, DECAPSULATED);
	assert_bytes(port_out(0, &p, ENCAPSULATED)->b, hop.b, 6);
	put_mac(VSID_A, MAC_3, "10.1.1.99", GW_ABI_VXLAN, 0, 0, 0); /* no peer */
	port_drops(0, &p, NO_NEIGHBOUR);
}

static void test_not_ip_too_big(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int over = 0; over < 2; over++) {
			struct pkt p = {0};

			pkt_eth(&p, encap == GW_ABI_VXLAN ? MAC_3 : MAC_4, MAC_1);
			pkt_ethertype(&p, 0x88b5);
			pkt_fill(&p, world.params.inner_mtu[encap] + (size_t)over);
			if (over)
				port_drops(0, &p, TOO_BIG);
			else
				port_out(0, &p, ENCAPSULATED);
		}
}

/* --- VSIDs ------------------------------------------------------------------------------------------------------------------ */

static void test_vsid_boundaries(void **state)
{
	static const uint32_t vsids[] = {4096, 4097, 65535, 65536, 0x123456, 16777213, 16777214};

	(void)state;
	for (size_t i = 0; i < GW_N(vsids); i++)
		for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
			const char *pa = encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE;
			struct pkt p = inner_of(encap, false, 0);
			struct mac to = encap == GW_ABI_VXLAN ? MAC_3 : MAC_4;

			put_port(world.port[3], vsids[i], MAC_1, PORT_SLOT(3), 7, PA_SELF);
			put_record(vsids[i], "192.168.1.11", MAC_1, PA_SELF, encap);
			put_record(vsids[i], encap == GW_ABI_VXLAN ? ca4(13) : ca4(14), to, pa, encap);
			put_mac(vsids[i], to, pa, encap, 0, 0, 0);
			bump(PORT_SLOT(3));
			expect_tunnel(port_out(3, &p, ENCAPSULATED), encap, vsids[i], pa, 0, p.b, p.len);
		}
}

/* --- TOS, TTL, port ---------------------------------------------------------------------------------------------------------- */

static void set_tos(struct pkt *p, bool v6, uint8_t tos)
{
	if (v6) {
		p->b[14] = (uint8_t)(0x60 | tos >> 4);
		p->b[15] = (uint8_t)((p->b[15] & 0x0f) | tos << 4);
	} else {
		p->b[15] = tos;
		pkt_fix_ip4(p->b + 14);
	}
}

/* One flow: the TOS differs from packet to packet and is no part of what the cache keeps. */
static void all_tos(int dscp)
{
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = inner_of(encap, v6, 0);

			if (v6)
				p.b[15] = 0x0a, p.b[16] = 0xbc, p.b[17] = 0xde; /* a flow label stays out of it */
			for (int tos = 0; tos < 256; tos++) {
				set_tos(&p, v6, (uint8_t)tos);
				send_and_expect(&p, encap, (uint8_t)(dscp < 0 ? tos : dscp << 2 | (tos & 3)));
			}
		}
}

static void test_uniform(void **state)
{
	(void)state;
	all_tos(-1);
}

static void test_pipe(void **state)
{
	static const int dscps[] = {0, 46, 63};

	(void)state;
	for (size_t i = 0; i < GW_N(dscps); i++) {
		struct gw_params params = default_params();

		params.dscp = dscps[i];
		world_params(&params);
		bump(PORT_SLOT(0));
		all_tos(dscps[i]);
	}
}

static void test_ttl_and_port(void **state)
{
	struct gw_params params = default_params();
	struct pkt p = frame4(13, 64);
	const struct run *r;

	(void)state;
	params.ttl = 255;
	params.vxlan_port = 8472;
	world_params(&params);
	bump(PORT_SLOT(0));
	r = port_out(0, &p, ENCAPSULATED);
	assert_int_equal(r->b[OUTER_IP + 8], 255);
	assert_int_equal(get16(r->b + OUTER_L4 + 2), 8472);
	assert_true(ip_sums_good(r->b + OUTER_IP, r->len - OUTER_IP));
}

/* Every length from an empty datagram to the largest: the outer length and the incremental checksum are always right. */
static void test_every_length(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 1450 - 28; n += 1 + n / 64) {
		struct pkt p = frame4(13, n);

		send_and_expect(&p, GW_ABI_VXLAN, 0);
	}
}

/* --- entropy ------------------------------------------------------------------------------------------------------------------ */

static uint16_t entropy_of(const struct pkt *p, int encap)
{
	const struct run *r = port_out(0, p, ENCAPSULATED);

	return encap == GW_ABI_VXLAN ? get16(r->b + OUTER_L4) : r->b[OUTER_L4 + 7];
}

static void test_entropy(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			unsigned buckets[16] = {0}, distinct = 0;
			bool seen[65536] = {0};

			for (uint16_t flow = 0; flow < 512; flow++) {
				struct pkt p = inner_of(encap, v6, 0);
				size_t l4 = v6 ? 54 : 34;
				uint16_t e;

				put16(p.b + l4, (uint16_t)(40000 + flow)); /* neighbours: the hard case for a hash */
				e = entropy_of(&p, encap);
				p.b[p.len - 1] ^= 0xff;
				set_tos(&p, v6, 0x28);
				assert_int_equal(entropy_of(&p, encap), e);
				distinct += !seen[e];
				seen[e] = true;
				buckets[e % 16]++;
			}
			check(distinct > (encap == GW_ABI_VXLAN ? 450 : 180), "only %u values", distinct);
			/* 32 are expected in each; a fair hash is outside 10..64 once in a million times. */
			for (int i = 0; i < 16; i++)
				check(buckets[i] >= 10 && buckets[i] <= 64, "%u of 512 flows in bucket %d", buckets[i],
				      i);
		}
}

/* --- tags --------------------------------------------------------------------------------------------------------------------- */

static void test_tags(void **state)
{
	static const uint16_t tpids[] = {0x8100, 0x88a8};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++)
			for (size_t a = 0; a < 2; a++)
				for (size_t b = 0; b < 3; b++) {
					struct pkt clean = inner_of(encap, v6, 0), p = clean;

					pkt_tag(&p, tpids[a], 0xa064); /* priority 5, VLAN 100 */
					if (b < 2)
						pkt_tag(&p, tpids[b], 0x0fff);
					expect_tunnel(port_out(0, &p, ENCAPSULATED), encap, VSID_A,
						      encap == GW_ABI_VXLAN ? PA_VXLAN : PA_NVGRE, 0, clean.b,
						      clean.len);
				}
}

static void test_many_tags(void **state)
{
	(void)state;
	for (unsigned tags = 3; tags < 6; tags++) {
		struct pkt p = frame4(13, 64);

		for (unsigned i = 0; i < tags; i++)
			pkt_tag(&p, i & 1 ? 0x88a8 : 0x8100, (uint16_t)(i + 1));
		port_drops(0, &p, INNER_VLAN);
	}
}

static void test_priority_tag(void **state)
{
	struct pkt clean = frame4(12, 64), p = clean;
	const struct run *r;

	(void)state;
	pkt_tag(&p, 0x8100, 0xe000); /* VLAN 0 */
	r = port_out(0, &p, SWITCHED);
	assert_int_equal(r->len, clean.len);
	assert_bytes(r->b, clean.b, clean.len);
}

/* A tag without anything, or with half a header, behind it. */
static void test_truncated_tags(void **state)
{
	struct pkt p = frame4(13, 64);

	(void)state;
	pkt_tag(&p, 0x8100, 1);
	pkt_tag(&p, 0x88a8, 2);
	for (size_t n = 14; n < 22 + 28; n++) {
		struct pkt cut = p;

		pkt_cut(&cut, n);
		assert_true(port_run(0, &cut)->drop >= 0);
	}
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("ENC-1 ENC-2 ENC-7 FWD-3: exact outer headers, inner frame unchanged, cached and not",
		  test_exact_bytes),
		T("ENC-1 ENC-2 ENC-3: fragments of one datagram", test_fragments),
		T("ENC-1 ENC-2: IPv6 with a fragment header", test_ipv6_fragment_header),
		T("ENC-1 ENC-2: IP without anything behind it", test_tiny_ip),
		T("ENC-1 ENC-2: padding crosses", test_padding),
		T("ENC-1 ENC-2: frames that are not IP", test_not_ip),
		T("ENC-1 ENC-2: frames that are not IP, next hop unknown", test_not_ip_no_neighbour),
		T("MTU-1: frames that are not IP at the limit", test_not_ip_too_big),
		T("ENC-4: VSIDs at the boundaries on the wire", test_vsid_boundaries),
		T("ENC-7: DSCP uniform, ECN copied, every TOS", test_uniform),
		T("ENC-7: DSCP pipe, ECN copied, every TOS", test_pipe),
		T("ENC-2 ENC-7: configured TTL and UDP port", test_ttl_and_port),
		T("ENC-2: lengths and header checksum over many lengths", test_every_length),
		T("ENC-3: one value per flow, spread over flows, in range", test_entropy),
		T("ENC-5: one and two tags, 802.1Q and 802.1ad, are taken off", test_tags),
		T("ENC-5: three and more tags are dropped", test_many_tags),
		T("ENC-5 FWD-2: a priority tag is taken off before switching", test_priority_tag),
		T("ENC-5: truncated tags", test_truncated_tags),
	};

	return run_group("port: encapsulation", tests, harness_setup);
}
