/*
 * way_fixture.h - connections of virtual gateways in the engine's maps, for tests packet by packet: VLANs of an interface and GRE
 * tunnels.
 *
 *   seg0   VLAN 70   A's connection (0), B's (1)      VLAN 71   B's (2), with A's addresses inside      untagged   B's (3)
 *   out0   GRE       A's (4) with key 7, B's (5) without, both from SELF to FAR
 */
#ifndef GW_TESTS_BPF_WAY_FIXTURE_H
#define GW_TESTS_BPF_WAY_FIXTURE_H

#include "outside.h"

#include "../unit/netns.h"

#include <netinet/in.h>

enum { A_70, B_70, B_71, BARE_B, GRE_A, GRE_B, WAYS };

static const struct {
	int type;
	uint16_t vlan;
	bool has_key;
	uint32_t key;
} plan[WAYS] = {
	[A_70] = {.vlan = 70},
	[B_70] = {.vlan = 70},
	[B_71] = {.vlan = 71},
	[BARE_B] = {.vlan = 0},
	[GRE_A] = {.type = GW_ABI_GRE, .has_key = true, .key = 7},
	[GRE_B] = {.type = GW_ABI_GRE},
};

static uint32_t segment, links[WAYS];

#define WAY_SLOT(w)  (2 + (uint32_t)(w))
#define WAY_MAC(w)   ((struct mac){{0x02, 0x0c, 0, 0, 0, (uint8_t)(1 + (w))}})
#define WAY_TAG(w)   (0x1234 + (w))
#define MAC_HOST     ((struct mac){{0x02, 0x0d, 0, 0, 0, 1}})
#define MAC_SEGMENT  ((struct mac){{0x02, 0, 0, 0, 0x5e, 0x01}})
#define MAC_ANYBODYS ((struct mac){{0x02, 0x0d, 0, 0, 0, 9}})

static inline int way_group(void **state)
{
	int r = outside_group(state);

	if (r < 0)
		return r;
	sh_ok("ip link add seg0 address 02:00:00:00:5e:01 type veth peer name seg0p && ip link set seg0 up");
	segment = if_nametoindex("seg0");
	for (int w = 0; w < WAYS; w++) {
		char name[IFNAMSIZ];

		sh_ok("ip link add gwc%d type veth peer name gwc%dp && ip link set gwc%d up && ip link set gwc%dp up",
		      w, w, w, w);
		snprintf(name, sizeof name, "gwc%d", w);
		links[w] = if_nametoindex(name);
	}
	return 0;
}

static inline void put(int map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(map_fd(map), key, value, BPF_ANY), 0);
}

static inline void put_tap(struct gw_tap_key key, int w)
{
	put(MAP_TAPS, &key, &(struct gw_bpf_tap){.key = key, .link = links[w], .slot = WAY_SLOT(w)});
}

static inline void put_l3(int w, uint8_t member)
{
	struct gw_tap_key key = {.interface = segment, .vlan = plan[w].vlan};

	memcpy(key.mac, WAY_MAC(w).b, 6);
	put_tap(key, w);
	memcpy(key.mac, (uint8_t[]){1, 0, 0, 0, 0, member}, 6);
	put_tap(key, w);
}

static inline struct gw_tunnel_key ends(int w)
{
	return (struct gw_tunnel_key){.source = ip_of(SELF),
				      .destination = ip_of(FAR),
				      .key = htonl(plan[w].key),
				      .has_key = plan[w].has_key};
}

static inline void put_gre(int w)
{
	struct gw_tunnel_key key = ends(w);
	struct gw_bpf_tunnel t = {.key = key, .link = links[w], .slot = WAY_SLOT(w)};

	memcpy(t.mac, WAY_MAC(w).b, 6);
	put(MAP_TUNNELS, &key, &t);
}

static inline int way_setup(void **state)
{
	int r = outside_setup(state);

	for (int m = MAP_WAYS; m <= MAP_TUNNELS; m++)
		map_clear(m);
	for (int w = 0; w < WAYS; w++) {
		struct gw_bpf_way way = {.link = links[w],
					 .out = w < GRE_A ? segment : outside.external,
					 .slot = WAY_SLOT(w),
					 .vlan = plan[w].vlan,
					 .type = (uint8_t)plan[w].type,
					 .has_key = plan[w].has_key,
					 .key = htonl(plan[w].key)};

		if (w >= GRE_A) {
			way.source = ip_of(SELF);
			way.destination = ip_of(FAR);
			way.tag = htons((uint16_t)WAY_TAG(w));
		}
		put(MAP_WAYS, &links[w], &way);
	}
	put_l3(A_70, 0);
	put_l3(B_70, 1);
	put_l3(B_71, 0);
	put_l3(BARE_B, 0);
	put_gre(GRE_A);
	put_gre(GRE_B);
	return r;
}

/* --- runs ------------------------------------------------------------------------------------------------------------------ */

static inline uint64_t counted(int w, unsigned word)
{
	return counter_word(MAP_WAY_STATS, WAY_SLOT(w), word);
}

enum { TX = 0, RX = 2, DROPS = 4 };

/* --- packets --------------------------------------------------------------------------------------------------------------- */

static inline struct pkt frame(struct mac to, struct mac from)
{
	struct pkt p = {0};

	pkt_eth(&p, to, from);
	pkt_ip4(&p, "10.70.0.9", "10.0.1.11");
	pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, 64);
	pkt_close(&p);
	return p;
}

static inline struct pkt tagged(struct mac to, uint16_t tci)
{
	struct pkt p = frame(to, MAC_HOST);

	pkt_tag(&p, 0x8100, tci);
	return p;
}

/* Outer headers from FAR as far as the inner packet. */
static inline struct pkt tunnel(uint16_t flags, uint16_t proto, uint32_t key)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_OUT, MAC_ISP);
	pkt_ip4(&p, FAR, SELF);
	pkt_gre(&p, flags, proto, key);
	return p;
}

static inline void fill(struct pkt *p, bool v6)
{
	if (v6)
		pkt_ip6(p, "fd00:9::1", "fd00::11");
	else
		pkt_ip4(p, "172.20.0.9", "10.0.1.11");
	pkt_udp(p, 1000, 2000);
	pkt_fill(p, 64);
	pkt_close(p);
}

static inline struct pkt from_tunnel(int w, bool v6)
{
	struct pkt p = tunnel(plan[w].has_key ? 0x2000 : 0, v6 ? 0x86dd : 0x0800, plan[w].key);

	fill(&p, v6);
	return p;
}

static inline struct pkt inner_frame(struct mac to, struct mac from, bool v6)
{
	struct pkt p = {0};

	pkt_eth(&p, to, from);
	fill(&p, v6);
	return p;
}

#endif
