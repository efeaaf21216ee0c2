/*
 * test_port_guard.c - where a frame may go and what it may be: FWD-2, FWD-3, FWD-6, ACL-3, malformed input, and the
 * counters of ports and virtual subnets.
 */
#include "harness.h"

static void expect_same(const struct run *r, const struct pkt *p)
{
	assert_int_equal(r->len, p->len);
	assert_bytes(r->b, p->b, p->len);
}

/* --- forwarding ------------------------------------------------------------------------------------------------------------ */

static void test_local(void **state)
{
	struct pkt four = frame4(12, 1472), six = frame6(12, 100), other = {0};

	(void)state;
	pkt_eth(&other, MAC_2, MAC_1);
	pkt_ethertype(&other, 0x88b5);
	pkt_fill(&other, 46);
	for (int again = 0; again < 2; again++) {
		expect_same(port_out(0, &four, SWITCHED), &four);
		expect_same(port_out(0, &six, SWITCHED), &six);
		expect_same(port_out(0, &other, SWITCHED), &other);
	}
}

/* Between ports the MTU is the receiving port's own. */
static void test_local_mtu(void **state)
{
	struct pkt fits = frame4(12, 1472), over = frame4(12, 1473);

	(void)state;
	port_out(0, &fits, SWITCHED);
	port_drops(0, &over, TOO_BIG);
	put16(over.b + 14 + 6, 0x4000);
	pkt_fix_ip4(over.b + 14);
	port_out(0, &over, ICMP_ANSWERED);
}

static void test_record_without_port(void **state)
{
	struct pkt p = frame4(12, 64);

	(void)state;
	put_mac(VSID_A, MAC_2, PA_SELF, GW_ABI_VXLAN, 0, 0, 0);
	port_drops(0, &p, NO_LOCAL_PORT);
	delete_mac(VSID_A, MAC_2);
	port_drops(0, &p, NO_LOCAL_PORT); /* the record alone says the same */
}

/* A port without records is reached by its MAC address. */
static void test_port_without_record(void **state)
{
	struct pkt p = frame4(12, 64);

	(void)state;
	delete_record(VSID_A, "192.168.1.12");
	put_mac(VSID_A, MAC_2, NULL, 0, world.port[1], PORT_SLOT(1), VSID_SLOT_A);
	port_out(0, &p, SWITCHED);
}

/* The MAC address decides when the destination address has no record: appliances and gateways get foreign addresses. */
static void test_mac_decides(void **state)
{
	struct pkt p = frame4(13, 64);
	const struct run *r;

	(void)state;
	memcpy(p.b + 14 + 16, (uint8_t[]){8, 8, 8, 8}, 4);
	pkt_close(&p);
	r = port_out(0, &p, ENCAPSULATED);
	assert_bytes(r->b + OUTER_IP + 16, ((uint8_t[]){10, 1, 1, 20}), 4);
	/* and also when the address has a record, but with another MAC address */
	p = frame4(14, 64);
	memcpy(p.b, MAC_3.b, 6);
	r = port_out(0, &p, ENCAPSULATED);
	assert_bytes(r->b + OUTER_IP + 16, ((uint8_t[]){10, 1, 1, 20}), 4);
	assert_int_equal(r->b[OUTER_IP + 9], 17);
}

/* One MAC address at two places with an address each: the record of the address decides. */
static void test_record_decides(void **state)
{
	struct pkt p = frame4(13, 64);
	const struct run *r;

	(void)state;
	put_record(VSID_A, "192.168.1.13", MAC_3, PA_NVGRE, GW_ABI_NVGRE);
	r = port_out(0, &p, ENCAPSULATED);
	assert_bytes(r->b + OUTER_IP + 16, ((uint8_t[]){10, 1, 1, 30}), 4);
	assert_int_equal(r->b[OUTER_IP + 9], 47);
}

static void test_unknown(void **state)
{
	struct pkt p = frame4(13, 64), other = {0};

	(void)state;
	memcpy(p.b, MAC_N(0x99).b, 6);
	port_drops(0, &p, NO_RECORD);
	pkt_eth(&other, MAC_N(0x99), MAC_1);
	pkt_ethertype(&other, 0x88b5);
	pkt_fill(&other, 46);
	port_drops(0, &other, NO_RECORD);
}

static void test_no_provider_address(void **state)
{
	struct pkt p = frame4(13, 64), local = frame4(12, 64);

	(void)state;
	put_port(world.port[0], VSID_A, MAC_1, PORT_SLOT(0), VSID_SLOT_A, NULL);
	port_drops(0, &p, NO_SOURCE_PA);
	port_out(0, &local, SWITCHED);
}

static void test_no_port(void **state)
{
	struct pkt frames[] = {frame4(13, 64), frame6(13, 64), frame4(13, 64), frame4(13, 64), frame4(13, 64)};

	(void)state;
	put16(frames[2].b + 12, 0x0806);
	put16(frames[3].b + 12, 0x88b5);
	pkt_tag(&frames[4], 0x8100, 1);
	for (size_t i = 0; i < GW_N(frames); i++)
		port_drops(3, &frames[i], NO_PORT);
	pkt_tag(&frames[4], 0x8100, 1);
	pkt_tag(&frames[4], 0x8100, 1);
	port_drops(3, &frames[4], NO_PORT);
}

/* Two tenants with the same addresses everywhere, packets interleaved, caches warm. */
static void test_tenants(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		static const uint8_t pa[2][4] = {{10, 1, 1, 20}, {10, 1, 1, 40}};
		bool b = rnd_below(2), v6 = rnd_below(2);
		struct pkt p = v6 ? frame6(13, 64) : frame4(13, 64);
		const struct run *r;

		put16(p.b + (v6 ? 54 : 34), (uint16_t)rnd_below(8));
		r = port_out(b ? 2 : 0, &p, ENCAPSULATED);
		assert_int_equal(get32(r->b + 46) >> 8, b ? VSID_B : VSID_A);
		assert_bytes(r->b + OUTER_IP + 16, pa[b], 4);
		assert_bytes(r->b + 50 + 14, p.b + 14, p.len - 14);
	}
}

/* A value that says it belongs to another virtual subnet is a recycled one and is not believed. */
static void test_recycled_values(void **state)
{
	struct gw_mac_key key = {.vsid = VSID_A};
	struct gw_bpf_mac m = {.vsid = VSID_B, .record_flags = GW_MAC_HAS_PA, .pa = ip_of(PA_B)};
	struct pkt p = frame4(13, 64);

	(void)state;
	memcpy(key.mac, MAC_3.b, 6);
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_MACS), &key, &m, BPF_ANY), 0);
	delete_record(VSID_A, "192.168.1.13");
	port_drops(0, &p, NO_RECORD);
}

/* --- spoofing, flooding ------------------------------------------------------------------------------------------------------- */

static void test_spoofed(void **state)
{
	struct pkt p;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		p = v6 ? frame6(13, 64) : frame4(13, 64);
		p.b[11] ^= 4;
		port_drops(0, &p, SPOOF_MAC);
		p = v6 ? frame6(13, 64) : frame4(13, 64);
		p.b[v6 ? 14 + 8 + 15 : 14 + 15] ^= 0x20; /* nobody's address */
		port_drops(0, &p, SPOOF_ADDRESS);
		p = v6 ? frame6(13, 64) : frame4(13, 64);
		memcpy(p.b + (v6 ? 14 + 8 : 26), p.b + (v6 ? 14 + 24 : 30), v6 ? 16 : 4); /* the receiver's own */
		port_drops(0, &p, SPOOF_ADDRESS);
	}
	p = frame4(13, 64);
	memset(p.b + 26, 0, 4);
	port_drops(0, &p, SPOOF_ADDRESS);
	p = frame6(13, 64);
	memset(p.b + 14 + 8, 0, 16);
	port_drops(0, &p, SPOOF_ADDRESS);
	p = (struct pkt){0};
	pkt_eth(&p, MAC_3, MAC_2);
	pkt_ethertype(&p, 0x88b5);
	pkt_fill(&p, 46);
	port_drops(0, &p, SPOOF_MAC);
}

/* An IPv4 address's record does not allow the IPv6 address that maps it. */
static void test_mapped_address(void **state)
{
	struct pkt p = {0};

	(void)state;
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ip6(&p, "::ffff:192.168.1.11", "fd00::13");
	pkt_udp(&p, 1, 2);
	pkt_close(&p);
	assert_true(port_run(0, &p)->drop >= 0);
	p = (struct pkt){0};
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ip6(&p, "fd00::11", "::ffff:192.168.1.13");
	pkt_udp(&p, 1, 2);
	pkt_close(&p);
	port_run(0, &p);
}

static void test_flood(void **state)
{
	static const struct mac groups[] = {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
					    {{0x01, 0x00, 0x5e, 0, 0, 0x16}},
					    {{0x33, 0x33, 0, 0, 0, 0x16}},
					    {{0x01, 0x80, 0xc2, 0, 0, 0}}};

	(void)state;
	for (size_t i = 0; i < GW_N(groups); i++) {
		struct pkt p = frame4(13, 64), other = {0};

		memcpy(p.b, groups[i].b, 6);
		port_drops(0, &p, FLOOD);
		p = frame6(13, 64);
		memcpy(p.b, groups[i].b, 6);
		port_drops(0, &p, FLOOD);
		pkt_eth(&other, groups[i], MAC_1);
		pkt_ethertype(&other, i == 3 ? 0x0026 : 0x88b5);
		pkt_fill(&other, 46);
		port_drops(0, &other, FLOOD);
	}
}

/* --- malformed ----------------------------------------------------------------------------------------------------------------- */

static void test_truncated(void **state)
{
	(void)state;
	for (int last = 12; last <= 13; last++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct pkt whole = v6 ? frame6(last, 60) : frame4(last, 60);

			for (size_t n = 14; n < whole.len; n++) {
				struct pkt p = frame_cut(&whole, n);

				port_drops(0, &p, MALFORMED);
			}
			port_run(0, &whole);
		}
}

static void test_truncated_not_ip(void **state)
{
	(void)state;
	for (size_t n = 14; n < 60; n++) {
		struct pkt p = {0};

		pkt_eth(&p, MAC_3, MAC_1);
		pkt_ethertype(&p, 0x88b5);
		pkt_fill(&p, n - 14);
		port_out(0, &p, ENCAPSULATED);
	}
}

/* What stands behind the total length is padding and no header. */
static void test_ports_in_padding(void **state)
{
	static const uint8_t protos[] = {6, 17};

	(void)state;
	for (size_t i = 0; i < GW_N(protos); i++)
		for (int v6 = 0; v6 < 2; v6++)
			for (size_t left = 0; left < 4; left++) {
				struct pkt p = v6 ? frame6(13, 60) : frame4(13, 60);

				p.b[v6 ? 20 : 23] = protos[i];
				put16(p.b + (v6 ? 18 : 16), (uint16_t)((v6 ? 0 : 20) + left));
				if (!v6)
					pkt_fix_ip4(p.b + 14);
				port_drops(0, &p, MALFORMED);
			}
}

static void test_bad_ipv4(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		struct pkt p = frame4(13, 60);

		p.b[14] = (uint8_t)first;
		if (first >> 4 == 4 && (first & 15) >= 5)
			port_out(0, &p, ENCAPSULATED); /* options of any length inside the packet */
		else
			port_drops(0, &p, MALFORMED);
	}
	for (uint16_t total = 0; total <= 100; total++) {
		struct pkt p = frame4(13, 60);

		put16(p.b + 16, total);
		pkt_fix_ip4(p.b + 14);
		if (total >= 28 && total <= 88)
			port_out(0, &p, ENCAPSULATED);
		else if (total < 20 || total > 88) /* between them: the test above */
			port_drops(0, &p, MALFORMED);
	}
	for (unsigned ihl = 8; ihl < 16; ihl++) { /* header longer than the packet */
		struct pkt p = frame4(13, 0);

		p.b[14] = (uint8_t)(0x40 | ihl);
		port_drops(0, &p, MALFORMED);
	}
}

static void test_bad_ipv6(void **state)
{
	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		struct pkt p = frame6(13, 60);

		p.b[14] = (uint8_t)(version << 4);
		if (version == 6)
			port_out(0, &p, ENCAPSULATED);
		else
			port_drops(0, &p, MALFORMED);
	}
	for (uint16_t len = 69; len < 200; len++) {
		struct pkt p = frame6(13, 60);

		put16(p.b + 18, len);
		port_drops(0, &p, MALFORMED);
	}
}

static void test_wrong_type(void **state)
{
	struct pkt p = frame4(13, 60);

	(void)state;
	put16(p.b + 12, 0x86dd);
	port_drops(0, &p, MALFORMED);
	p = frame6(13, 60);
	put16(p.b + 12, 0x0800);
	port_drops(0, &p, MALFORMED);
	put16(p.b + 12, 0x0806);
	port_drops(0, &p, MALFORMED);
}

/* --- counters ------------------------------------------------------------------------------------------------------------------- */

enum { TX_PACKETS, TX_BYTES, RX_PACKETS, RX_BYTES, DROPS, WORDS };

static void snapshot(uint64_t ret[static 4 * WORDS])
{
	for (unsigned w = 0; w < WORDS; w++) {
		ret[w] = counter_word(MAP_PORT_STATS, PORT_SLOT(0), w);
		ret[WORDS + w] = counter_word(MAP_PORT_STATS, PORT_SLOT(1), w);
		ret[2 * WORDS + w] = counter_word(MAP_VSID_STATS, VSID_SLOT_A, w);
		ret[3 * WORDS + w] = counter_word(MAP_PORT_REASONS, PORT_SLOT(0), GW_DROP_SPOOF_MAC);
	}
}

static void test_port_counters(void **state)
{
	struct pkt out = frame4(13, 64), local = frame4(12, 100), bad = frame4(13, 64);
	uint64_t before[4 * WORDS], after[4 * WORDS], want[4 * WORDS] = {0};

	(void)state;
	bad.b[11] = 9;
	snapshot(before);
	port_out(0, &out, ENCAPSULATED);
	port_out(0, &local, SWITCHED);
	port_drops(0, &bad, SPOOF_MAC);
	snapshot(after);
	want[TX_PACKETS] = want[2 * WORDS + TX_PACKETS] = 2;
	want[TX_BYTES] = want[2 * WORDS + TX_BYTES] = out.len + local.len;
	want[WORDS + RX_PACKETS] = want[2 * WORDS + RX_PACKETS] = 1;
	want[WORDS + RX_BYTES] = want[2 * WORDS + RX_BYTES] = local.len;
	want[DROPS] = 1;
	for (unsigned w = 0; w < WORDS; w++)
		want[3 * WORDS + w] = 1;
	for (size_t i = 0; i < GW_N(want); i++)
		check(after[i] - before[i] == want[i], "word %zu", i);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("FWD-2: switched between ports, unchanged", test_local),
		T("MTU-1: the port's own MTU between ports", test_local_mtu),
		T("FWD-2: the record names this node, no port has the MAC", test_record_without_port),
		T("FWD-2: a port without record", test_port_without_record),
		T("FWD-3: the MAC address decides for foreign addresses", test_mac_decides),
		T("FWD-3: the record decides when it has the MAC address", test_record_decides),
		T("FWD-3: unknown MAC address", test_unknown),
		T("FWD-3: no provider address", test_no_provider_address),
		T("ACL-3: interface without port", test_no_port),
		T("FWD-6: identical tenants side by side", test_tenants),
		T("FWD-6: recycled map values", test_recycled_values),
		T("ACL-3: spoofed MAC and addresses", test_spoofed),
		T("ACL-3: IPv4-mapped IPv6 addresses", test_mapped_address),
		T("FWD-8: broadcast and multicast are not carried", test_flood),
		T("malformed: every truncation", test_truncated),
		T("malformed: short frames that are not IP", test_truncated_not_ip),
		T("malformed: no transport header inside the total length", test_ports_in_padding),
		T("malformed: IPv4 version, header length, total length", test_bad_ipv4),
		T("malformed: IPv6 version and payload length", test_bad_ipv6),
		T("malformed: type and version contradict", test_wrong_type),
		T("API-3: counters of ports and virtual subnets", test_port_counters),
	};

	return run_group("port: forwarding and guard", tests, harness_setup);
}
