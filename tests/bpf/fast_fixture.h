/*
 * fast_fixture.h - for tests of the fast path: the two virtual gateways of outside.h, each with a namespace whose connections are
 * entries that conntrack(8) puts into the kernel's table, and customers who have the same addresses.
 *
 *   A   VSID 5002, namespace id 0, port[3]     192.168.2.15 = MAC_N(5) at PA_VXLAN; 192.168.1.13 = MAC_3, one more hop
 *   B   VSID 6002, namespace id 1, port[2]     192.168.2.15 = MAC_N(5) at PA_B
 */
#ifndef GW_TESTS_BPF_FAST_FIXTURE_H
#define GW_TESTS_BPF_FAST_FIXTURE_H

#include "outside.h"

#include "../unit/netns.h"

#include <sched.h>
#include <signal.h>

#define MAC_VRF	 MAC_N(9)	/* of both */
#define CUSTOMER "192.168.2.15" /* MAC_N(5), of the gateway's own subnet */
#define BEHIND	 "192.168.1.13" /* MAC_3, of VSID 5001: one more hop */
#define IN_SIZE	 1450

static const struct tenant {
	uint32_t vsid, domain, vsid_slot;
	int port;
	const char *pa; /* of the customer */
} tenants[GATEWAYS] = {
	{5002, VSID_A, VSID_SLOT_A, 3, PA_VXLAN},
	{6002, VSID_B, VSID_SLOT_B, 2, PA_B},
};

static pid_t spaces[GATEWAYS]; /* processes that have the namespaces */

/* --- the tenants' namespaces ---------------------------------------------------------------------------------------------- */

static inline void make_space(int gateway)
{
	unsigned vsid = tenants[gateway].vsid;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0)
			pause();
		_exit(0);
	}
	spaces[gateway] = pid;
	for (int i = 0; i < 500 && sh("test $(readlink /proc/%d/ns/net) != $(readlink /proc/self/ns/net)", (int)pid);
	     i++)
		usleep(10000);
	sh_ok("ip link set gwe%up netns %d && ip -o link show gwe%u | grep -q 'link-netnsid %d'", vsid, (int)pid, vsid,
	      gateway);
}

static inline int fast_group(void **state)
{
	int r = outside_group(state), cpu = sched_getcpu();
	cpu_set_t one;

	if (r < 0)
		return r;
	/* What is counted for each CPU is counted on one. */
	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	for (int g = 0; g < GATEWAYS; g++)
		make_space(g);
	return 0;
}

static inline void fast_end(void)
{
	for (int g = 0; g < GATEWAYS; g++)
		if (spaces[g] > 0) {
			kill(spaces[g], SIGKILL);
			waitpid(spaces[g], NULL, 0);
		}
}

/* From `a`, port 1000, to FAR, port 2000, where it is seen as from `public`, port `as`. */
static inline void track_in(int gateway, const char *proto, const char *a, const char *public, unsigned as,
			    const char *more)
{
	sh_ok("nsenter --net=/proc/%d/ns/net conntrack -I -p %s -s %s -d " FAR " --sport 1000 --dport 2000 -r " FAR
	      " -q %s --reply-port-src 2000 --reply-port-dst %u %s >/dev/null 2>&1",
	      (int)spaces[gateway], proto, a, public, as, more);
}

static inline int forget_all(int gateway)
{
	return sh("nsenter --net=/proc/%d/ns/net conntrack -F >/dev/null 2>&1", (int)spaces[gateway]);
}

#define track(...) track_in(GATEWAY_A, __VA_ARGS__)
#define UDP_SURE   "-t 100 -u SEEN_REPLY,ASSURED"
#define TCP_SURE   "-t 7000 -u SEEN_REPLY,ASSURED --state ESTABLISHED"

/* --- maps ----------------------------------------------------------------------------------------------------------------- */

static inline void put_gateway(int gateway, int32_t nsid)
{
	const struct tenant *t = &tenants[gateway];
	struct gw_bpf_gateway g = {.vsid = t->vsid,
				   .nsid = nsid,
				   .port = world.port[t->port],
				   .exit_slot = EXIT_SLOT(gateway),
				   .mtu_in = IN_SIZE,
				   .mtu_out = 1400};

	assert_int_equal(bpf_map_update_elem(map_fd(MAP_GATEWAYS), &g.vsid, &g, BPF_ANY), 0);
}

static inline void drop_gateway(int gateway)
{
	assert_int_equal(bpf_map_delete_elem(map_fd(MAP_GATEWAYS), &tenants[gateway].vsid), 0);
}

static inline void put_tenant(int gateway)
{
	const struct tenant *t = &tenants[gateway];
	uint32_t port = world.port[t->port], slot = PORT_SLOT(t->port);
	struct gw_mac_key key = {.vsid = t->vsid};
	struct gw_bpf_mac m;

	put_port(port, t->vsid, MAC_VRF, slot, t->vsid_slot, PA_SELF);
	put_mac(t->vsid, MAC_VRF, PA_SELF, GW_ABI_VXLAN, port, slot, t->vsid_slot);
	put_domain(t->vsid, MAC_VRF, t->domain);
	memcpy(key.mac, MAC_VRF.b, 6);
	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_MACS), &key, &m), 0);
	m.port_flags = GW_PORT_VRF | GW_PORT_PEER;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_MACS), &key, &m, BPF_ANY), 0);
	put_gateway(gateway, gateway);
	bump(slot);
}

static inline int fast_setup(void **state)
{
	const struct tenant *b = &tenants[GATEWAY_B];
	struct gw_params p;

	outside_setup(state);
	p = world.params;
	p.fast = 1;
	p.hz = 100; /* of what is told the kernel in milliseconds; it does not matter here */
	world_params(&p);
	for (int g = 0; g < GATEWAYS; g++)
		if (forget_all(g) != 0)
			print_message("# the kernel's table cannot be emptied\n");
	world_router(); /* A's customers */
	put_vsid(b->vsid, b->domain);
	put_record(b->vsid, CUSTOMER, MAC_N(5), b->pa, GW_ABI_VXLAN);
	put_route(b->domain, "192.168.2.0", 24, b->vsid, NULL, 0);
	put_peer(b->domain, PA_VXLAN, &MAC_NEXTHOP); /* the tests' tunnel packets come from there */
	map_clear(MAP_FAST_FLOWS);
	for (int g = 0; g < GATEWAYS; g++)
		put_tenant(g);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------------------------------------- */

struct shape {
	bool tcp, no_checksum, bad_ip_sum;
	uint8_t ttl, tos, tcp_flags;
	uint16_t frag;
	int udp_len; /* if not right: what it says instead; WITHOUT: 0 */
	size_t size, options;
};

#define WITHOUT -1

#define PLAIN ((struct shape){.ttl = 64, .size = 100})

static inline void put_ip(struct pkt *p, const char *src, uint16_t sport, const char *dst, uint16_t dport,
			  struct shape s)
{
	size_t ip = s.options ? pkt_ip4_options(p, src, dst, s.options) : pkt_ip4(p, src, dst);
	size_t l4 = s.tcp ? pkt_tcp(p, sport, dport) : pkt_udp(p, sport, dport);

	p->b[ip + 8] = s.ttl;
	p->b[ip + 1] = s.tos;
	put16(p->b + ip + 6, s.frag);
	if (s.tcp && s.tcp_flags)
		p->b[l4 + 13] = s.tcp_flags;
	p->layers[p->n - 1].no_checksum = s.no_checksum;
	pkt_fill(p, s.size);
	pkt_close(p);
	if (s.udp_len)
		put16(p->b + l4 + 4, s.udp_len == WITHOUT ? 0 : (uint16_t)s.udp_len);
	if (s.bad_ip_sum)
		p->b[ip + 10] ^= 0x11;
}

/* Out of the tunnel, from a customer. */
static inline struct pkt up_of(int gateway, const char *from, uint16_t dport, struct shape s)
{
	struct pkt p = outer(GW_ABI_VXLAN, tenants[gateway].vsid);

	if (s.tos & 3)
		p.b[OUTER_IP + 1] = s.tos;
	pkt_eth(&p, MAC_VRF, MAC_ROUTER);
	put_ip(&p, from, 1000, FAR, dport, s);
	return p;
}

#define up(...) up_of(GATEWAY_A, __VA_ARGS__)

/* The same as it is outside. */
static inline struct pkt up_outside(const char *public, uint16_t sport, struct shape s)
{
	struct pkt p = {0};

	s.ttl--;
	pkt_eth(&p, MAC_OUT, MAC_ISP);
	put_ip(&p, public, sport, FAR, 2000, s);
	return p;
}

static inline struct pkt down(const char *public, uint16_t dport, struct shape s)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_OUT, MAC_ISP);
	put_ip(&p, FAR, 2000, public, dport, s);
	return p;
}

/* What the customer gets of it. */
static inline struct pkt down_inside(struct shape s)
{
	struct pkt p = {0};

	s.ttl--;
	pkt_eth(&p, MAC_N(5), MAC_VRF);
	put_ip(&p, FAR, 2000, CUSTOMER, 1000, s);
	return p;
}

static inline uint32_t comes_at(enum gw_hook hook)
{
	return hook == GW_HOOK_EDGE ? outside.external : world.underlay;
}

/* One that is new to it is seen twice before it is looked for. */
static inline const struct run *goes_fast(const char *file, int line, enum gw_hook hook, const struct pkt *p,
					  const struct pkt *want, size_t at)
{
	struct run once;
	const struct run *r;

	run_raw(hook, comes_at(hook), p, &once);
	r = run_out(file, line, hook, comes_at(hook), p, GW_OUT_FAST_FORWARDED);
	check(r->len == want->len - 14 + at, "%s:%d: %zu bytes, expected %zu", file, line, r->len, want->len - 14 + at);
	assert_bytes_at(file, line, r->b + at, want->b + 14, want->len - 14);
	return r;
}

static inline void goes_slow(const char *file, int line, enum gw_hook hook, const struct pkt *p)
{
	struct run once;

	run_raw(hook, comes_at(hook), p, &once);
	run_out(file, line, hook, comes_at(hook), p, hook == GW_HOOK_EDGE ? GW_OUT_STEERED : GW_OUT_DECAPSULATED);
}

#define up_fast(p, want)   goes_fast(__FILE__, __LINE__, GW_HOOK_UNDERLAY, p, want, 14)
#define up_slow(p)	   goes_slow(__FILE__, __LINE__, GW_HOOK_UNDERLAY, p)
#define down_fast(p, want) goes_fast(__FILE__, __LINE__, GW_HOOK_EDGE, p, want, 14 + GW_VXLAN_OVERHEAD)
#define down_slow(p)	   goes_slow(__FILE__, __LINE__, GW_HOOK_EDGE, p)

#endif
