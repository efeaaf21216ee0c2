/*
 * test_underlay_inner.c - what becomes of a sound tunnel packet's inner frame: delivery policy, ECN, the kernel's tunnel
 * devices. ENC-2, ENC-5, ENC-7, ENC-9, ENC-10.
 */
#include "harness.h"

static struct pkt tcp_frame(int encap, bool v6)
{
	struct pkt p = outer(encap, VSID_A);
	int from = encap == GW_ABI_VXLAN ? 13 : 14;

	pkt_eth(&p, MAC_1, mac_of(from));
	if (v6)
		pkt_ip6(&p, ca6(from), "fd00::11");
	else
		pkt_ip4(&p, ca4(from), "192.168.1.11");
	pkt_tcp(&p, 2000, 1000);
	pkt_fill(&p, 100);
	pkt_close(&p);
	return p;
}

static void without_devices(void)
{
	struct gw_params params = default_params();

	params.vxlan_device = params.nvgre_device = 0;
	world_params(&params);
}

/* --- policy ------------------------------------------------------------------------------------------------------------------ */

static void test_destination(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int tcp = 0; tcp < 2; tcp++) {
			struct pkt p = tcp ? tcp_frame(encap, false) : under_frame(encap, false, 64);
			uint8_t *dst = p.b + inner_at(encap);

			memcpy(dst, MAC_N(0x77).b, 6);
			under_drops(&p, UNKNOWN_DESTINATION);
			memcpy(dst, MAC_3.b, 6); /* known, but not here */
			under_drops(&p, UNKNOWN_DESTINATION);
			memcpy(dst, MAC_BCAST.b, 6);
			under_drops(&p, TUNNEL_FLOOD);
			memcpy(dst, (uint8_t[]){0x01, 0x00, 0x5e, 1, 1, 1}, 6);
			under_drops(&p, TUNNEL_FLOOD);
			memcpy(dst, (uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
			under_drops(&p, TUNNEL_FLOOD);
			memcpy(dst, MAC_1.b, 6);
			dst[6] |= 1; /* a group as the source */
			under_drops(&p, INNER_MALFORMED);
		}
}

/* Delivery is by MAC address alone: a gateway gets addresses that are not its own. */
static void test_foreign_address(void **state)
{
	struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);

	(void)state;
	memcpy(p.b + 64 + 16, (uint8_t[]){8, 8, 8, 8}, 4);
	pkt_close(&p);
	under_out(&p, DECAPSULATED);
}

static void test_inner_vlan(void **state)
{
	static const uint16_t tpids[] = {0x8100, 0x88a8};

	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (size_t i = 0; i < GW_N(tpids); i++) {
			struct pkt p = outer(encap, VSID_A);

			pkt_eth(&p, MAC_1, MAC_3);
			pkt_ethertype(&p, tpids[i]);
			pkt_bytes(&p, (uint8_t[]){0, 5, 8, 0}, 4);
			pkt_fill(&p, 60);
			pkt_close(&p);
			under_drops(&p, INNER_VLAN);
			without_devices();
			under_drops(&p, INNER_VLAN);
		}
}

static void test_inner_version(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++)
			for (unsigned version = 0; version < 16; version++) {
				struct pkt p = under_frame(encap, v6, 64);
				uint8_t *first = p.b + inner_at(encap) + 14;

				*first = (uint8_t)(version << 4 | (*first & 15));
				if (version == (v6 ? 6 : 4))
					under_out(&p, DECAPSULATED);
				else
					under_drops(&p, INNER_MALFORMED);
			}
}

/* --- ECN ----------------------------------------------------------------------------------------------------------------------- */

enum { NOT_ECT, ECT_1, ECT_0, CE, GONE };

/* RFC 6040, figure 4: [inner][outer]. */
static const int rfc6040[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = GONE},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

static void set_tos(uint8_t *ip, uint8_t tos)
{
	if (ip[0] >> 4 == 6) {
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)((ip[1] & 15) | tos << 4);
	} else {
		ip[1] = tos;
		pkt_fix_ip4(ip);
	}
}

static void one_ecn(int encap, bool v6, int inside, int outside, uint8_t dscp_in, uint8_t dscp_out, bool options)
{
	struct pkt p = under_frame(encap, v6, 64), want;
	uint8_t *ip = p.b + inner_at(encap) + 14;
	const struct run *r;

	if (options && !v6)
		ip[0] = 0x46; /* the first bytes of UDP become an option */
	if (v6)
		ip[1] = 0x0a, ip[2] = 0xbc, ip[3] = 0xde;
	set_tos(ip, (uint8_t)(dscp_in << 2 | inside));
	set_tos(p.b + OUTER_IP, (uint8_t)(dscp_out << 2 | outside));
	if (rfc6040[inside][outside] == GONE) {
		under_drops(&p, ECN);
		return;
	}
	want = p;
	set_tos(want.b + inner_at(encap) + 14, (uint8_t)(dscp_in << 2 | rfc6040[inside][outside]));
	r = under_out(&p, DECAPSULATED);
	assert_int_equal(r->len, p.len - inner_at(encap));
	assert_bytes(r->b, want.b + inner_at(encap), r->len);
	if (!options)
		assert_true(ip_sums_good(r->b + 14, r->len - 14));
}

static void test_ecn(void **state)
{
	static const uint8_t dscps[] = {0, 1, 46, 63};

	(void)state;
	for (int n = 0; n < 2 * 2 * 4 * 4; n++)
		for (size_t d = 0; d < GW_N(dscps); d++)
			for (int options = 0; options < 2; options++)
				one_ecn(n & 1, n >> 1 & 1, n >> 2 & 3, n >> 4 & 3, dscps[d], dscps[3 - d], options);
}

/* The checksum is mended by arithmetic: no value of it may break that. */
static void test_ecn_checksums(void **state)
{
	(void)state;
	for (unsigned id = 0; id < 65536; id += 257) {
		struct pkt p = under_frame(GW_ABI_NVGRE, false, 8);
		const struct run *r;

		put16(p.b + 56 + 4, (uint16_t)id);
		set_tos(p.b + 56, ECT_0);
		set_tos(p.b + OUTER_IP, CE);
		r = under_out(&p, DECAPSULATED);
		assert_int_equal(r->b[15], CE);
		assert_true(ip_sums_good(r->b + 14, r->len - 14));
	}
}

static void test_ecn_not_ip(void **state)
{
	struct pkt p = outer(GW_ABI_VXLAN, VSID_A);

	(void)state;
	pkt_eth(&p, MAC_1, MAC_3);
	pkt_ethertype(&p, 0x88b5);
	pkt_fill(&p, 46);
	pkt_close(&p);
	set_tos(p.b + OUTER_IP, CE);
	under_out(&p, DECAPSULATED);
}

static void test_ecn_device(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = tcp_frame(encap, v6);

			set_tos(p.b + OUTER_IP, CE);
			under_drops(&p, ECN);
			set_tos(p.b + inner_at(encap) + 14, ECT_0);
			under_out(&p, TO_DEVICE); /* which combines by itself */
		}
}

/* --- the kernel's devices ---------------------------------------------------------------------------------------------------- */

static void expect_device(const struct pkt *p, const struct pkt *want)
{
	const struct run *r = under_out(p, TO_DEVICE);

	assert_int_equal(r->ctx.mark, PARAM_MARK);
	assert_int_equal(r->len, want->len);
	assert_bytes(r->b, want->b, want->len);
}

static void test_tcp(void **state)
{
	(void)state;
	for (int devices = 1; devices >= 0; devices--) {
		if (!devices)
			without_devices();
		for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
			for (int v6 = 0; v6 < 2; v6++) {
				struct pkt p = tcp_frame(encap, v6);
				const struct run *r;

				p.mark = 9;
				if (devices) {
					expect_device(&p, &p);
					continue;
				}
				r = under_out(&p, DECAPSULATED);
				assert_int_equal(r->len, p.len - inner_at(encap));
				assert_bytes(r->b, p.b + inner_at(encap), r->len);
			}
	}
}

/* Each encapsulation has a device of its own. */
static void test_one_device(void **state)
{
	struct gw_params params = default_params();
	struct pkt vxlan = tcp_frame(GW_ABI_VXLAN, false), nvgre = tcp_frame(GW_ABI_NVGRE, false);

	(void)state;
	params.nvgre_device = 0;
	world_params(&params);
	under_out(&vxlan, TO_DEVICE);
	under_out(&nvgre, DECAPSULATED);
	params.nvgre_device = 1;
	params.vxlan_device = 0;
	world_params(&params);
	under_out(&vxlan, DECAPSULATED);
	under_out(&nvgre, TO_DEVICE);
}

static void test_super_packets(void **state)
{
	(void)state;
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = under_frame(encap, false, 3000);

		p.gso_size = 1000;
		p.gso_segs = 3;
		expect_device(&p, &p);
	}
}

static void udp_checksum(struct pkt *p)
{
	p->layers[2].no_checksum = false; /* Ethernet, IP, UDP */
	pkt_close(p);
}

/* ENC-2: zero or right is accepted. The device, or the kernel before it, judges what is not zero. */
static void test_udp_checksum(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pkt p = under_frame(GW_ABI_VXLAN, v6, 64);

		udp_checksum(&p);
		assert_int_not_equal(get16(p.b + OUTER_L4 + 6), 0);
		expect_device(&p, &p);
	}
}

static void test_udp_checksum_no_device(void **state)
{
	struct pkt p = under_frame(GW_ABI_VXLAN, false, 64);

	(void)state;
	without_devices();
	under_out(&p, DECAPSULATED); /* without a checksum */
	udp_checksum(&p);
	under_drops(&p, UNVERIFIED); /* a wrong one must not be delivered, and nobody is there who could tell */
	p.b[p.len - 1] ^= 1;
	under_drops(&p, UNVERIFIED);
}

/* Reserved bits are ignored; the device would drop them. The UDP checksum stays right, or absent. */
static void test_reserved_bits(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		struct pkt p = tcp_frame(GW_ABI_VXLAN, i & 1), want = p;

		put32(p.b + OUTER_L4 + 8, rnd() | 0x08000000);
		p.b[OUTER_L4 + 15] = (uint8_t)rnd();
		if (i & 2) {
			udp_checksum(&p);
			udp_checksum(&want);
		}
		expect_device(&p, &want);
		assert_true(ip_sums_good(want.b + OUTER_IP, want.len - OUTER_IP));
	}
}

static void test_reserved_bits_gre(void **state)
{
	(void)state;
	for (int i = 0; i < 0x80; i++) {
		struct pkt p = tcp_frame(GW_ABI_NVGRE, i & 1), want = p;

		put16(p.b + OUTER_L4, (uint16_t)(0x2000 | i << 3));
		expect_device(&p, &want);
	}
}

/* What a device hands up: only with the mark of the underlay hook, only with a tunnel key. */
static void test_device_hooks(void **state)
{
	static const uint32_t marks[] = {0, 1, PARAM_MARK - 1, PARAM_MARK + 1, 0xffffffff};

	(void)state;
	for (int hook = GW_HOOK_VXLAN; hook <= GW_HOOK_NVGRE; hook++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt p = v6 ? frame6(11, 64) : frame4(11, 64);

			for (size_t i = 0; i < GW_N(marks); i++) {
				p.mark = marks[i];
				run_drop(__FILE__, __LINE__, (enum gw_hook)hook, world.port[3], &p,
					 GW_DROP_NOT_UNDERLAY);
			}
			p.mark = PARAM_MARK;
			run_drop(__FILE__, __LINE__, (enum gw_hook)hook, world.port[3], &p, GW_DROP_INNER_MALFORMED);
		}
}

static void test_counters(void **state)
{
	struct pkt p = under_frame(GW_ABI_NVGRE, false, 64), bad = p;
	uint64_t rx = counter_word(MAP_PORT_STATS, PORT_SLOT(0), 2),
		 bytes = counter_word(MAP_PORT_STATS, PORT_SLOT(0), 3);
	uint64_t vsid = counter_word(MAP_VSID_STATS, VSID_SLOT_A, 3),
		 drops = counter_word(MAP_PORT_STATS, PORT_SLOT(0), 4);
	uint64_t ecn = counter_word(MAP_PORT_REASONS, PORT_SLOT(0), GW_DROP_ECN);

	(void)state;
	under_out(&p, DECAPSULATED);
	set_tos(bad.b + OUTER_IP, CE);
	assert_int_equal(run_at(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &bad)->drop, GW_DROP_ECN);
	assert_int_equal(counter_word(MAP_PORT_STATS, PORT_SLOT(0), 2) - rx, 1);
	assert_int_equal(counter_word(MAP_PORT_STATS, PORT_SLOT(0), 3) - bytes, p.len - 42);
	assert_int_equal(counter_word(MAP_VSID_STATS, VSID_SLOT_A, 3) - vsid, p.len - 42);
	assert_int_equal(counter_word(MAP_PORT_STATS, PORT_SLOT(0), 4) - drops, 1);
	assert_int_equal(counter_word(MAP_PORT_REASONS, PORT_SLOT(0), GW_DROP_ECN) - ecn, 1);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("ENC-10: inner destination and source", test_destination),
		T("ENC-10 FWD-3: foreign inner addresses", test_foreign_address),
		T("ENC-5: inner tags are dropped", test_inner_vlan),
		T("ENC-6: inner IP version", test_inner_version),
		T("ENC-7: RFC 6040, all combinations", test_ecn),
		T("ENC-7: checksums after a congestion mark", test_ecn_checksums),
		T("ENC-7: congestion mark on a frame that is not IP", test_ecn_not_ip),
		T("ENC-7: congestion mark before the device", test_ecn_device),
		T("ENC-9: TCP goes to the device when there is one", test_tcp),
		T("ENC-9: one device only", test_one_device),
		T("ENC-9: super-packets go to the device", test_super_packets),
		T("ENC-2: UDP checksum present", test_udp_checksum),
		T("ENC-2: UDP checksum without a device", test_udp_checksum_no_device),
		T("ENC-2: reserved bits cleared for the device", test_reserved_bits),
		T("ENC-6: reserved bits cleared for the device", test_reserved_bits_gre),
		T("ENC-10: device hooks", test_device_hooks),
		T("API-3: counters of the receiving port", test_counters),
	};

	int bad = run_group("underlay: inner frames", tests, harness_setup);

	harness_as_old_kernel = true;
	return bad + run_group("underlay: inner frames, on an old kernel", tests, harness_setup);
}
