/*
 * test_random.c - random and mutated packets into every hook: each is counted once, somewhere, and nothing else moves.
 */
#include "harness.h"

#include <time.h>

#define RUNS	   1000000
#define PER_CHECK  2000
#define DEADLINE_S 60 /* against what never ends; more on slow machines */

static struct pkt templates[40];
static unsigned n_templates;

/* To the router's MAC address: on to another subnet, into the void, to the router itself; and what is to be fragmented. */
static void make_routed(void)
{
	static const char *const to[][2] = {{"192.168.2.15", "fd00:2::16"},
					    {"192.168.1.12", "fd00::12"},
					    {"192.168.9.9", "fd00:9::9"},
					    {"192.168.2.99", "fd00:2::99"}};
	struct pkt p;

	for (size_t i = 0; i < GW_N(to); i++)
		for (int v6 = 0; v6 < 2; v6++) {
			p = (struct pkt){0};
			pkt_eth(&p, MAC_ROUTER, MAC_1);
			if (v6)
				pkt_ip6(&p, "fd00::11", to[i][1]);
			else
				pkt_ip4(&p, "192.168.1.11", to[i][0]);
			pkt_udp(&p, 1000, 2000);
			pkt_fill(&p, 60);
			pkt_close(&p);
			templates[n_templates++] = p;
		}
	p = (struct pkt){0};
	pkt_eth(&p, MAC_ROUTER, MAC_1);
	pkt_ip4(&p, "192.168.1.11", "192.168.2.1");
	pkt_icmp4(&p, 8, 0);
	pkt_fill(&p, 40);
	pkt_close(&p);
	templates[n_templates++] = p;
	p = frame4(13, 1480);
	p.b[20] &= 0x0f; /* no DF */
	pkt_fix_ip4(p.b + 14);
	templates[n_templates++] = p;
}

static void make_templates(void)
{
	struct pkt p = {0};

	n_templates = 0;
	for (int last = 12; last <= 14; last++) {
		templates[n_templates++] = frame4(last, 100);
		templates[n_templates++] = frame6(last, 100);
		templates[n_templates++] = frame4(last, 1430);
	}
	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++)
		for (int v6 = 0; v6 < 2; v6++) {
			templates[n_templates++] = under_frame(encap, v6, 60);
			templates[n_templates] = under_frame(encap, v6, 60);
			templates[n_templates++].b[inner_at(encap) + 14 + (v6 ? 6 : 9)] = 6;
		}
	pkt_eth(&p, MAC_BCAST, MAC_1);
	pkt_arp(&p, 1, MAC_1, "192.168.1.11", MAC_N(0), "192.168.1.13");
	templates[n_templates++] = p;
	p = (struct pkt){0};
	pkt_eth(&p, (struct mac){{0x33, 0x33, 0xff, 0, 0, 0x13}}, MAC_1);
	pkt_ip6(&p, "fd00::11", "ff02::1:ff00:13");
	p.b[14 + 7] = 255;
	pkt_icmp6(&p, 135, 0);
	pkt_bytes(&p, (uint8_t[]){0xfd, [15] = 0x13}, 16);
	pkt_close(&p);
	templates[n_templates++] = p;
	p = (struct pkt){0};
	pkt_eth(&p, MAC_3, MAC_1);
	pkt_ethertype(&p, 0x88b5);
	pkt_fill(&p, 46);
	templates[n_templates++] = p;
	make_routed();
}

static struct pkt noise(void)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8};
	struct pkt p = {0};

	pkt_fill(&p, 14 + rnd_below(rnd_below(8) ? 120 : 1600));
	for (size_t i = 0; i < p.len; i++)
		p.b[i] = (uint8_t)rnd();
	if (rnd_below(4))
		memcpy(p.b, rnd_below(2) ? MAC_UNDERLAY.b : MAC_3.b, 6);
	if (rnd_below(4))
		memcpy(p.b + 6, MAC_1.b, 6);
	put16(p.b + 12, types[rnd_below(GW_N(types))]);
	return p;
}

static struct pkt mutant(void)
{
	struct pkt p = templates[rnd_below(n_templates)];
	size_t head = p.len < 110 ? p.len : 110;

	for (unsigned n = rnd_below(5); n; n--) {
		size_t at = rnd_below((uint32_t)head);

		if (rnd_below(2))
			p.b[at] ^= (uint8_t)(1u << rnd_below(8));
		else
			p.b[at] = (uint8_t)rnd();
	}
	if (rnd_below(4) == 0)
		pkt_cut(&p, 14 + rnd_below((uint32_t)p.len - 13));
	for (unsigned n = rnd_below(8) ? 0 : rnd_below(4); n; n--)
		pkt_tag(&p, rnd_below(2) ? 0x8100 : 0x88a8, (uint16_t)rnd());
	if (rnd_below(2) && p.len >= 34 && get16(p.b + 12) == 0x0800 && (p.b[14] & 15) * 4u + 14 <= p.len)
		pkt_fix_ip4(p.b + 14); /* past the first check, into the others */
	return p;
}

static uint64_t total(const struct counters *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < GW_OUT_MAX; i++)
		sum += c->out[i];
	for (size_t i = 0; i < GW_DROP_MAX; i++)
		sum += c->drop[i];
	return sum;
}

/* What lies beyond the counters in use, and the elements of ports that were not there. */
static uint64_t beyond(const struct counters *c)
{
	uint64_t sum = 0;

	for (size_t i = GW_OUT_MAX; i < GW_N(c->out); i++)
		sum += c->out[i];
	for (size_t i = GW_DROP_MAX; i < GW_N(c->drop); i++)
		sum += c->drop[i];
	for (uint32_t slot = 0; slot < 32; slot++)
		if (slot < PORT_SLOT(0) || slot > PORT_SLOT(2))
			for (unsigned w = 0; w < 5; w++)
				sum += counter_word(MAP_PORT_STATS, slot, w);
	for (uint32_t slot = 0; slot < 32; slot++)
		if (slot != VSID_SLOT_A && slot != VSID_SLOT_B)
			for (unsigned w = 0; w < 5; w++)
				sum += counter_word(MAP_VSID_STATS, slot, w);
	return sum;
}

static void storm(uint64_t seed)
{
	unsigned seen[GW_HOOK_MAX] = {0}, runs = 0;
	struct counters before, after;
	const char *slowness = getenv("GW_TEST_SLOWNESS");
	time_t end = time(NULL) + DEADLINE_S * (slowness ? atoi(slowness) : 1);
	static struct run run;

	rnd_seed(seed);
	make_templates();
	counters_read(&before);
	while (runs < RUNS) {
		for (unsigned i = 0; i < PER_CHECK;) {
			enum gw_hook hook = rnd_below(8) ? rnd_below(2) : GW_HOOK_VXLAN + rnd_below(3);
			struct pkt p = rnd_below(4) ? mutant() : noise();
			uint32_t from = hook == GW_HOOK_UNDERLAY ? world.underlay : world.port[rnd_below(PORTS)];

			p.mark = rnd_below(2) ? PARAM_MARK : rnd();
			if (hook == GW_HOOK_CUTTER && rnd_below(8))
				p.mark = GW_CUT_MARK(from) | (rnd_below(4) ? 0 : GW_CUT_REST);
			p.gso_size = rnd_below(16) ? 0 : 1 + rnd_below(1500);
			p.gso_segs = p.gso_size ? 2 : 0;
			if (run_raw(hook, from, &p, &run) < 0)
				continue; /* TEST_RUN takes no IP frame without an IP header */
			seen[hook]++;
			i++;
		}
		runs += PER_CHECK;
		counters_read(&after);
		check(total(&after) - total(&before) == runs, "seed %llu: %llu counts for %u packets",
		      (unsigned long long)seed, (unsigned long long)(total(&after) - total(&before)), runs);
		check(time(NULL) < end, "only %u packets in time", runs);
	}
	assert_int_equal(beyond(&after), 0);
	/* Those at the world outside have a storm of their own: test_edge.c. */
	for (int h = 0; h <= GW_HOOK_CUTTER; h++)
		check(seen[h] > 1000, "hook %d saw %u packets", h, seen[h]);
	for (int o = 0; o < GW_OUT_STEERED; o++)
		if (o != GW_OUT_FROM_DEVICE) /* needs a tunnel key, which TEST_RUN cannot give */
			check(after.out[o] > before.out[o], "outcome %d was not reached", o);
}

static void test_storm(void **state)
{
	const char *seed = getenv("GWD_SEED");
	struct gw_params params = default_params();

	(void)state;
	params.cutter = world.underlay;
	world_params(&params);
	world_router();
	storm(seed ? strtoull(seed, NULL, 0) : 20250601);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"API-3 ENC-6 ACL-3: every random packet is counted once", test_storm, world_setup, NULL, NULL},
	};

	return run_group("all hooks: random packets", tests, harness_setup);
}
