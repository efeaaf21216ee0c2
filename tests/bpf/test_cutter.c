/*
 * test_cutter.c - what the cutting of packets (MTU-2) does with one packet, and that what it drops is counted for the port
 * that the packet came from, which its mark tells. The parts together: tests/topo/fragments.
 */
#include "harness.h"

#include "engine/reasons.h"

#define MTU 1450 /* inside VXLAN */

/* From port 0 to .13, of l3 bytes; `frag` is the word of the IPv4 header. */
static struct pkt marked(size_t l3, uint16_t frag)
{
	struct pkt p = frame4(13, l3 - 28);

	put16(p.b + 20, frag);
	pkt_fix_ip4(p.b + 14);
	p.mark = GW_CUT_MARK(world.port[0]);
	return p;
}

/* The same as the rest of a packet whose first part had `gone` bytes: the checksum's field says so, for nobody but us. */
static struct pkt rest(size_t l3, size_t gone)
{
	struct pkt p = marked(l3, 0);
	uint16_t note = (uint16_t)(gone / 8);

	memcpy(p.b + 24, &note, sizeof note);
	p.mark |= GW_CUT_REST;
	return p;
}

static uint64_t port_drops_of(int reason)
{
	return counter_word(MAP_PORT_REASONS, PORT_SLOT(0), (unsigned)reason);
}

static void drops(const struct pkt *p, int reason, unsigned from_port)
{
	uint64_t before = port_drops_of(reason), all = counter_word(MAP_PORT_STATS, PORT_SLOT(0), 4);

	run_drop(__FILE__, __LINE__, GW_HOOK_CUTTER, world.underlay, p, reason);
	check(port_drops_of(reason) == before + from_port, "%s: not counted as the port's",
	      gw_drop_reasons[reason].name);
	assert_int_equal(counter_word(MAP_PORT_STATS, PORT_SLOT(0), 4), all + from_port);
}

static const struct run *leaves(const struct pkt *p)
{
	return run_out(__FILE__, __LINE__, GW_HOOK_CUTTER, world.underlay, p, GW_OUT_ENCAPSULATED);
}

static int setup(void **state)
{
	struct gw_params params = default_params();
	int r = world_setup(state);

	params.cutter = world.underlay;
	world_params(&params);
	return r;
}

static void test_first_part(void **state)
{
	static const size_t sizes[] = {MTU + 1, 3000};

	(void)state;
	for (size_t i = 0; i < GW_N(sizes); i++)
		for (unsigned more = 0; more < 2; more++) {
			struct pkt p = marked(sizes[i], (uint16_t)(more ? 0x2000 | 100 : 0));
			const struct run *r = leaves(&p);
			const uint8_t *ip = r->b + inner_at(GW_ABI_VXLAN) + 14;
			size_t len = 20 + (MTU - 20) / 8 * 8;

			assert_int_equal(r->len, inner_at(GW_ABI_VXLAN) + 14 + len);
			assert_int_equal(get16(ip + 2), len);
			assert_int_equal(get16(ip + 6), 0x2000 | (more ? 100 : 0));
			assert_int_equal(inet_sum(ip, 20, 0), 0);
			assert_bytes(ip + 20, p.b + 34, len - 20);
		}
}

static void test_last_part(void **state)
{
	struct pkt p = marked(MTU, 0);
	const struct run *r = leaves(&p);

	(void)state;
	assert_bytes(r->b + inner_at(GW_ABI_VXLAN), p.b, p.len);
	p = rest(1000, 512);
	r = leaves(&p);
	assert_int_equal(r->len, inner_at(GW_ABI_VXLAN) + 14 + 1000 - 512);
	assert_int_equal(get16(r->b + inner_at(GW_ABI_VXLAN) + 14 + 6), 64);
	assert_bytes(r->b + inner_at(GW_ABI_VXLAN) + 34, p.b + 34 + 512, 1000 - 20 - 512);
}

/* A fragment that ends at the last byte that IPv4 can carry is cut; one that ends behind it is nothing. */
static void test_beyond_ipv4(void **state)
{
	struct pkt p = marked(1503, (65535 - 1503) / 8);

	(void)state;
	leaves(&p);
	p = marked(1504, (65535 - 1503) / 8);
	drops(&p, GW_DROP_MALFORMED, 1);
	p = marked(1500, 0x1fff);
	drops(&p, GW_DROP_MALFORMED, 1);
}

static void test_no_room(void **state)
{
	struct gw_params params = world.params;
	struct pkt p = rest(1000, 2000);

	(void)state;
	drops(&p, GW_DROP_NO_ROOM, 1);
	p.b[14] = 0x44;
	drops(&p, GW_DROP_NO_ROOM, 1);
	params.inner_mtu[GW_ABI_VXLAN] = 27; /* no part has eight bytes */
	world_params(&params);
	p = marked(1000, 0);
	drops(&p, GW_DROP_NO_ROOM, 1);
}

/* What was to be cut when it left the port and is to be answered now. */
static void test_policy_changed(void **state)
{
	struct pkt p = marked(MTU + 1, 0x4000);

	(void)state;
	drops(&p, GW_DROP_TOO_BIG, 1);
	p = marked(MTU + 1, 0);
	delete_record(VSID_A, "192.168.1.13");
	delete_mac(VSID_A, MAC_3);
	drops(&p, GW_DROP_NO_RECORD, 1);
}

/* Nobody's: what has no mark of ours, or that of an interface that is no port. */
static void test_no_port(void **state)
{
	struct pkt p = marked(1000, 0);

	(void)state;
	p.mark = PARAM_MARK;
	drops(&p, GW_DROP_NO_PORT, 0);
	p.mark = GW_CUT_MARK(world.underlay);
	drops(&p, GW_DROP_NO_PORT, 0);
	p = rest(1000, 2000);
	p.mark = GW_CUT_MARK(world.underlay) | GW_CUT_REST;
	drops(&p, GW_DROP_NO_PORT, 0);
	p = frame6(13, 100);
	p.mark = GW_CUT_MARK(world.port[0]);
	drops(&p, GW_DROP_NO_PORT, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"MTU-2: the first part", test_first_part, setup, NULL, NULL},
		{"MTU-2: the last part", test_last_part, setup, NULL, NULL},
		{"MTU-2 API-3: beyond what IPv4 can carry", test_beyond_ipv4, setup, NULL, NULL},
		{"MTU-2 API-3: no room", test_no_room, setup, NULL, NULL},
		{"MTU-2 API-3: the policy has changed on the way", test_policy_changed, setup, NULL, NULL},
		{"MTU-2 API-3: no port", test_no_port, setup, NULL, NULL},
	};

	return run_group("cutter: one packet", tests, harness_setup);
}
