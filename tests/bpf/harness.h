/*
 * harness.h - the real loader and programs in a private network namespace with a private bpffs, maps that the test writes
 * itself, and packets run through the programs by BPF_PROG_TEST_RUN.
 *
 * The small world that world_reset makes (PA 10.1.1.10 is this node's):
 *
 *   tenant A, VSID 5001        192.168.1.11 fd00::11  MAC_1  port[0]
 *                              192.168.1.12 fd00::12  MAC_2  port[1]
 *                              192.168.1.13 fd00::13  MAC_3  VXLAN to 10.1.1.20
 *                              192.168.1.14 fd00::14  MAC_4  NVGRE to 10.1.1.30
 *             subnets          192.168.1.0/24, fd00::/64
 *             world_router adds VSID 5002 of the same routing domain:
 *                              192.168.2.15 fd00:2::15  MAC_N(5)  VXLAN to 10.1.1.20
 *                              192.168.2.16 fd00:2::16  MAC_N(6)  NVGRE to 10.1.1.30
 *             subnets          192.168.2.0/24, fd00:2::/64; routes to both subnets, on-link
 *   tenant B, VSID 6001        192.168.1.11 fd00::11  MAC_1  port[2]
 *                              192.168.1.13 fd00::13  MAC_3  VXLAN to 10.1.1.40
 *
 * Every run asserts that just one outcome or drop counter moved, by one, and that the verdict is the one that goes with it.
 */
#ifndef GW_TESTS_BPF_HARNESS_H
#define GW_TESTS_BPF_HARNESS_H

#include "../unit/test.h"
#include "packet.h"

#include "engine/bpf/abi.h"
#include "engine/loader.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define MAC_N(n)     ((struct mac){{0x00, 0x15, 0x5d, 0x01, 0x14, n}})
#define MAC_1	     MAC_N(1)
#define MAC_2	     MAC_N(2)
#define MAC_3	     MAC_N(3)
#define MAC_4	     MAC_N(4)
#define MAC_BCAST    ((struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
#define MAC_ROUTER   ((struct mac){{0x02, 0x67, 0x77, 0x64, 0x00, 0x01}})
#define MAC_UNDERLAY ((struct mac){{0x02, 0, 0, 0, 0, 0x10}})
#define MAC_NEXTHOP  ((struct mac){{0x02, 0, 0, 0, 0, 0x20}})

#define PA_SELF	 "10.1.1.10"
#define PA_VXLAN "10.1.1.20"
#define PA_NVGRE "10.1.1.30"
#define PA_B	 "10.1.1.40"

#define VSID_A	5001
#define VSID_A2 5002
#define VSID_B	6001

#define PORTS	     4
#define FLOW_LIMIT   256
#define PORT_SLOT(i) (3 + (uint32_t)(i))
#define VSID_SLOT_A  5
#define VSID_SLOT_B  6
#define PARAM_MARK   0x67776400u

struct counters {
	uint64_t out[2 * GW_OUT_SLOTS], drop[2 * GW_DROP_SLOTS];
};

struct world {
	struct gw_loader *loader;
	struct gw_loader_config config;
	struct gw_params params; /* as loaded */
	uint32_t port[PORTS], underlay;
	char bpf_dir[64];
};

extern struct world world;

struct run {
	int verdict;
	int outcome, drop; /* -1: not this */
	uint8_t b[4096];
	size_t len;
	struct __sk_buff ctx;
};

/*
 * Runs a group in its namespace: with links and an open loader (harness_setup), or without (harness_setup_bare). When the
 * caller is not root every test of it is skipped, and says so.
 */
#define run_group(name, tests, setup) harness_run(name, tests, GW_N(tests), setup)
int harness_run(const char *name, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup);
int harness_setup(void **state);
int harness_setup_bare(void **state);
/* Test fixture: default parameters, then world_reset. */
int world_setup(void **state);

/* The default parameters are those for a kernel before 6.4, whatever this one can do. */
extern bool harness_as_old_kernel;
struct gw_params default_params(void);
/* The programs loaded anew with these; world_reset does not undo it. */
void world_params(const struct gw_params *params);
void world_reset(void);

/* Map entries. */
enum {
	MAP_PORTS,
	MAP_RECORDS,
	MAP_MACS,
	MAP_VSIDS,
	MAP_PEERS,
	MAP_PAS,
	MAP_SUBNETS,
	MAP_ROUTES,
	MAP_OWN_ROUTES,
	MAP_SLOTS,
	MAP_GENERATIONS,
	MAP_FLOWS4,
	MAP_FLOWS6,
	MAP_OUTCOMES,
	MAP_DROPS,
	MAP_PORT_STATS,
	MAP_VSID_STATS,
	MAP_PORT_REASONS,
	MAP_PUBLICS,
	MAP_SEGMENTS,
	MAP_PLACES,
	MAP_SHARES,
	MAP_EXITS,
	MAP_GATEWAYS,
	MAP_FAST_FLOWS,
	MAP_EPOCHS,
	MAP_EXIT_STATS,
	MAP_EXIT_REASONS,
	MAP_WAYS,
	MAP_TAPS,
	MAP_TUNNELS,
	MAP_WAY_STATS,
	MAP_WAY_REASONS,
	MAP_COUNT
};
int map_fd(int map);
size_t map_clear(int map); /* number of entries that were there */
struct gw_ip ip_of(const char *text);
void put_port(uint32_t ifindex, uint32_t vsid, struct mac mac, uint32_t slot, uint32_t vsid_slot, const char *pa);
void put_record(uint32_t vsid, const char *ca, struct mac mac, const char *pa, int encap);
void delete_record(uint32_t vsid, const char *ca);
/* pa NULL: no record has this MAC. port 0: no port has it. */
void put_mac(uint32_t vsid, struct mac mac, const char *pa, int encap, uint32_t ifindex, uint32_t slot,
	     uint32_t vsid_slot);
void delete_mac(uint32_t vsid, struct mac mac);
void put_domain(uint32_t vsid, struct mac mac, uint32_t domain); /* of an entry that is there */
void put_vsid(uint32_t vsid, uint32_t domain);
void put_peer(uint32_t domain, const char *pa, const struct mac *heard); /* NULL: not heard from yet */
void put_subnet(uint32_t vsid, const char *addr, unsigned len, const char *router);
/* `next_hop` NULL: on-link. `flags`: GW_ROUTE_SHARED. */
void put_route(uint32_t domain, const char *addr, unsigned len, uint32_t vsid, const char *next_hop, uint8_t flags);
void put_own_route(uint32_t scope, const char *addr, unsigned len, uint32_t vsid, const char *next_hop);
void flag_record(uint32_t vsid, const char *ca, uint8_t flags); /* of a record that is there */
void flag_port(uint32_t ifindex, uint32_t flags);
void world_router(void); /* more of the world, after world_reset */
void bump(uint32_t slot);
/* What is remembered of virtual gateways is outdated. */
void new_epoch(void);
void counters_read(struct counters *ret);
/* Sum over the CPUs of one 8-byte word of a per-CPU array's element. */
uint64_t counter_word(int map, uint32_t element, unsigned word);

/*
 * Runs the packet and reports; the result is good until the next run. Fails the test when not just one counter moved by
 * one. `ifindex` is the device that the packet comes from.
 */
const struct run *run_at(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p);
const struct run *run_drop(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p,
			   int reason);
const struct run *run_out(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p,
			  int outcome);
/* Just the test run: nothing checked, nothing counted. -errno when the kernel does not take the packet. */
int run_raw(enum gw_hook hook, uint32_t ifindex, const struct pkt *p, struct run *ret);

#define run_packet(hook, ifindex, p) run_at(__FILE__, __LINE__, hook, ifindex, p)
#define port_run(i, p)		     run_at(__FILE__, __LINE__, GW_HOOK_PORT, world.port[i], p)
#define port_drops(i, p, why)	     run_drop(__FILE__, __LINE__, GW_HOOK_PORT, world.port[i], p, GW_DROP_##why)
#define port_out(i, p, what)	     run_out(__FILE__, __LINE__, GW_HOOK_PORT, world.port[i], p, GW_OUT_##what)
#define under_run(p)		     run_at(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, p)
#define under_drops(p, why)	     run_drop(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, p, GW_DROP_##why)
#define under_out(p, what)	     run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, p, GW_OUT_##what)

#define assert_bytes(got, want, n) assert_bytes_at(__FILE__, __LINE__, got, want, n)
void assert_bytes_at(const char *file, int line, const void *got, const void *want, size_t n);

/* Frames from tenant A's port 0, UDP 1000 -> 2000 with n bytes of data unless said otherwise. `last`: 11..14. */
struct pkt frame4(int last, size_t n);
struct pkt frame6(int last, size_t n);
/* The Ethernet and IP headers of such a frame; what is inside is the caller's. */
struct pkt frame_start(int last, bool v6);
/*
 * The first n bytes of a frame from a port. BPF_PROG_TEST_RUN takes no frame that says it is IP and has less than an IP
 * header; such a one gets a tag, which the program takes off before it looks further.
 */
struct pkt frame_cut(const struct pkt *p, size_t n);
struct mac mac_of(int last);
const char *ca4(int last);
const char *ca6(int last);

/*
 * Outer headers towards this node as far as the inner frame, to be continued with pkt_eth; from the peer of that
 * encapsulation. under_frame4 makes a whole one: UDP from .13 or .14 to .11.
 */
struct pkt outer(int encap, uint32_t vsid);
struct pkt under_frame(int encap, bool v6, size_t n);
#define OUTER_IP 14
#define OUTER_L4 34
/* From the outer Ethernet header to the inner one. */
static inline size_t inner_at(int encap)
{
	return encap == GW_ABI_VXLAN ? 50 : 42;
}

#endif
