/*
 * test_flow_cache.c - the flow cache only remembers: it never changes what becomes of a packet. FWD-3, FWD-6, FWD-12.
 */
#include "harness.h"

static size_t entries(int map)
{
	struct gw_flow6_key key, *prev = NULL;
	size_t n = 0;

	for (; bpf_map_get_next_key(map_fd(map), prev, &key) == 0; prev = &key)
		n++;
	return n;
}

static struct pkt flow(int last, bool v6, uint16_t sport)
{
	struct pkt p = v6 ? frame6(last, 64) : frame4(last, 64);

	put16(p.b + (v6 ? 54 : 34), sport);
	return p;
}

/* Any packet that a tenant's VM might send, good or bad. */
static struct pkt any_packet(void)
{
	bool v6 = rnd_below(2);
	int last = 11 + (int)rnd_below(5);
	struct pkt p = {0};
	size_t ip;

	pkt_eth(&p, rnd_below(8) ? mac_of(last) : MAC_N((uint8_t)rnd_below(8)), rnd_below(16) ? MAC_1 : MAC_2);
	ip = v6 ? pkt_ip6(&p, rnd_below(16) ? "fd00::11" : "fd00::12", ca6(last))
		: pkt_ip4_options(&p, rnd_below(16) ? "192.168.1.11" : "192.168.1.12", ca4(last), rnd_below(4) * 4);
	switch (rnd_below(4)) {
	case 0:
		pkt_tcp(&p, (uint16_t)rnd_below(4), 80);
		break;
	case 1:
		pkt_udp(&p, (uint16_t)rnd_below(4), 80);
		break;
	case 2:
		pkt_proto(&p, (uint8_t)rnd());
		break;
	default:
		v6 ? pkt_icmp6(&p, 128, 0) : pkt_icmp4(&p, 8, 0);
	}
	pkt_fill(&p, rnd_below(4) ? rnd_below(200) : 1350 + rnd_below(100));
	pkt_close(&p);
	if (!v6 && rnd_below(2)) {
		put16(p.b + ip + 6, rnd_below(4) ? 0x4000 : (uint16_t)rnd());
		pkt_fix_ip4(p.b + ip);
	}
	return p;
}

static void test_hit_equals_miss(void **state)
{
	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct pkt p = any_packet();
		unsigned port = rnd_below(3);
		struct run first;
		const struct run *again;

		if (rnd_below(4) == 0)
			bump(PORT_SLOT(port));
		map_clear(MAP_FLOWS4);
		map_clear(MAP_FLOWS6);
		first = *port_run(port, &p);
		again = port_run(port, &p);
		check(first.verdict == again->verdict && first.outcome == again->outcome && first.drop == again->drop &&
			      first.len == again->len,
		      "packet %d", i);
		assert_bytes(again->b, first.b, first.len);
	}
}

static void test_is_used(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pkt p = flow(13, v6, 1);

		port_out(0, &p, ENCAPSULATED);
		assert_int_equal(entries(v6 ? MAP_FLOWS6 : MAP_FLOWS4), 1);
		port_out(0, &p, ENCAPSULATED);
		assert_int_equal(entries(v6 ? MAP_FLOWS6 : MAP_FLOWS4), 1);
	}
}

/* FWD-12: what user space changes holds from the moment that it changes the generation. */
static void test_generation(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pkt p = flow(13, v6, 1);
		const struct run *r;

		world_reset();
		port_out(0, &p, ENCAPSULATED);
		put_record(VSID_A, v6 ? ca6(13) : ca4(13), MAC_3, PA_NVGRE, GW_ABI_NVGRE);
		bump(PORT_SLOT(0));
		r = port_out(0, &p, ENCAPSULATED);
		assert_int_equal(r->b[OUTER_IP + 9], 47);
		assert_int_equal(r->b[OUTER_IP + 19], 30);
		delete_record(VSID_A, v6 ? ca6(13) : ca4(13));
		delete_mac(VSID_A, MAC_3);
		bump(PORT_SLOT(
			1)); /* another port's: without effect here, which also shows that the cache is at work */
		port_out(0, &p, ENCAPSULATED);
		bump(PORT_SLOT(0));
		port_drops(0, &p, NO_RECORD);
	}
}

/* A record comes: what was refused before is not remembered. */
static void test_refusals_not_kept(void **state)
{
	struct pkt p = flow(13, false, 1);

	(void)state;
	delete_record(VSID_A, ca4(13));
	delete_mac(VSID_A, MAC_3);
	port_drops(0, &p, NO_RECORD);
	put_record(VSID_A, ca4(13), MAC_3, PA_VXLAN, GW_ABI_VXLAN);
	put_mac(VSID_A, MAC_3, PA_VXLAN, GW_ABI_VXLAN, 0, 0, 0);
	port_out(0, &p, ENCAPSULATED);
	p = flow(13, false, 2);
	p.b[11] = 9;
	port_drops(0, &p, SPOOF_MAC);
	assert_int_equal(entries(MAP_FLOWS4), 1);
}

static void test_own_source_removed(void **state)
{
	struct pkt p = flow(13, false, 1);

	(void)state;
	port_out(0, &p, ENCAPSULATED);
	delete_record(VSID_A, "192.168.1.11");
	bump(PORT_SLOT(0));
	port_drops(0, &p, SPOOF_ADDRESS);
}

/* The same addresses and ports in a frame with other MAC addresses is not the same flow. */
static void test_other_macs(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct pkt p = flow(13, v6, 1), q;

		port_out(0, &p, ENCAPSULATED);
		q = p;
		memcpy(q.b, MAC_4.b, 6);
		assert_int_equal(port_out(0, &q, ENCAPSULATED)->b[OUTER_IP + 9], 47);
		assert_int_equal(port_out(0, &p, ENCAPSULATED)->b[OUTER_IP + 9], 17);
		memcpy(q.b, MAC_2.b, 6);
		port_out(0, &q, SWITCHED);
		memcpy(q.b, MAC_N(0x99).b, 6);
		port_drops(0, &q, NO_RECORD);
		memcpy(q.b, MAC_BCAST.b, 6);
		port_drops(0, &q, FLOOD);
		for (int i = 0; i < 6; i++) {
			q = p;
			q.b[6 + i] ^= 0x40;
			port_drops(0, &q, SPOOF_MAC);
		}
		port_out(0, &p, ENCAPSULATED);
	}
}

/* Many more flows than the table holds: old ones are forgotten, none is changed. */
static void test_overflow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12 * FLOW_LIMIT; i++) {
		bool v6 = rnd_below(2);
		int last = 12 + (int)rnd_below(3);
		struct pkt p = flow(last, v6, (uint16_t)rnd_below(4 * FLOW_LIMIT));
		const struct run *r = port_run(0, &p);

		if (last == 12) {
			assert_int_equal(r->outcome, GW_OUT_SWITCHED);
			continue;
		}
		assert_int_equal(r->outcome, GW_OUT_ENCAPSULATED);
		assert_int_equal(r->b[OUTER_IP + 9], last == 13 ? 17 : 47);
		assert_int_equal(r->b[OUTER_IP + 19], last == 13 ? 20 : 30);
		assert_bytes(r->b + r->len - p.len, p.b, p.len);
	}
	assert_true(entries(MAP_FLOWS4) <= FLOW_LIMIT);
	assert_true(entries(MAP_FLOWS6) <= FLOW_LIMIT);
}

/* A port that another one takes the interface of, in another tenant's network. */
static void test_port_moves(void **state)
{
	struct pkt p = flow(13, false, 1);
	const struct run *r;

	(void)state;
	port_out(0, &p, ENCAPSULATED);
	put_port(world.port[0], VSID_B, MAC_1, PORT_SLOT(0), VSID_SLOT_B, PA_SELF);
	bump(PORT_SLOT(0));
	r = port_out(0, &p, ENCAPSULATED);
	assert_int_equal(get32(r->b + 46) >> 8, VSID_B);
	assert_int_equal(r->b[OUTER_IP + 19], 40);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, world_setup, NULL, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("FWD-3: a hit gives what a miss gives", test_hit_equals_miss),
		T("FWD-3: flows are kept", test_is_used),
		T("FWD-12: a new generation decides anew", test_generation),
		T("FWD-3: refusals are not kept", test_refusals_not_kept),
		T("ACL-3: the sender's record removed", test_own_source_removed),
		T("ACL-3 FWD-3: other MAC addresses are another flow", test_other_macs),
		T("FWD-3: more flows than the table holds", test_overflow),
		T("FWD-6: an interface moves to another tenant", test_port_moves),
	};

	return run_group("port: flow cache", tests, harness_setup);
}
