/*
 * test_fast.c - the fast path of virtual gateways, packet by packet: what is forwarded past the stack, how it looks then, and what
 * is left to the stack. GW-3. The connections are entries that are put into the kernel's table of a namespace by conntrack(8).
 */
#include "outside.h"

#include "../unit/netns.h"

#include <sched.h>
#include <signal.h>

#define GATEWAY_VSID 5002
#define MAC_VRF	     MAC_N(9)
#define CUSTOMER     "192.168.2.15" /* MAC_N(5), of the gateway's own subnet */
#define BEHIND	     "192.168.1.13" /* MAC_3, of VSID 5001: one more hop */
#define IN_SIZE	     1450

static pid_t tenant;

/* --- the tenant's namespace ----------------------------------------------------------------------------------------------- */

static int fast_group(void **state)
{
	int r = outside_group(state), cpu = sched_getcpu();
	cpu_set_t one;

	if (r < 0)
		return r;
	/* What is counted for each CPU is counted on one. */
	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	tenant = fork();
	if (tenant == 0) {
		if (unshare(CLONE_NEWNET) == 0)
			pause();
		_exit(0);
	}
	for (int i = 0; i < 500 && sh("test $(readlink /proc/%d/ns/net) != $(readlink /proc/self/ns/net)", (int)tenant);
	     i++)
		usleep(10000);
	sh_ok("ip link set gwe5002p netns %d && ip -o link show gwe5002 | grep -q 'link-netnsid 0'", (int)tenant);
	return 0;
}

static int fast_end(void **state)
{
	(void)state;
	kill(tenant, SIGKILL);
	waitpid(tenant, NULL, 0);
	return 0;
}

/* From `a`, port 1000, to FAR, port 2000, where it is seen as from `public`, port `as`. */
static void track(const char *proto, const char *a, const char *public, unsigned as, const char *more)
{
	sh_ok("nsenter --net=/proc/%d/ns/net conntrack -I -p %s -s %s -d " FAR " --sport 1000 --dport 2000 -r " FAR
	      " -q %s --reply-port-src 2000 --reply-port-dst %u %s >/dev/null 2>&1",
	      (int)tenant, proto, a, public, as, more);
}

#define UDP_SURE "-t 100 -u SEEN_REPLY,ASSURED"
#define TCP_SURE "-t 7000 -u SEEN_REPLY,ASSURED --state ESTABLISHED"

static int fast_setup(void **state)
{
	struct gw_bpf_gateway g = {.vsid = GATEWAY_VSID,
				   .nsid = 0,
				   .port = world.port[3],
				   .exit_slot = EXIT_SLOT(GATEWAY_A),
				   .mtu_in = IN_SIZE,
				   .mtu_out = 1400};
	struct gw_mac_key key = {.vsid = GATEWAY_VSID};
	struct gw_params p;
	struct gw_bpf_mac m;

	outside_setup(state);
	p = world.params;
	p.fast = 1;
	p.hz = 100; /* of what is told the kernel in milliseconds; it does not matter here */
	world_params(&p);
	if (sh("nsenter --net=/proc/%d/ns/net conntrack -F >/dev/null 2>&1", (int)tenant) != 0)
		print_message("# the kernel's table cannot be emptied\n");
	world_router();
	put_port(world.port[3], GATEWAY_VSID, MAC_VRF, PORT_SLOT(3), VSID_SLOT_A, PA_SELF);
	put_mac(GATEWAY_VSID, MAC_VRF, PA_SELF, GW_ABI_VXLAN, world.port[3], PORT_SLOT(3), VSID_SLOT_A);
	put_domain(GATEWAY_VSID, MAC_VRF, VSID_A);
	memcpy(key.mac, MAC_VRF.b, 6);
	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_MACS), &key, &m), 0);
	m.port_flags = GW_PORT_VRF | GW_PORT_PEER;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_MACS), &key, &m, BPF_ANY), 0);
	map_clear(MAP_FAST_FLOWS);
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_GATEWAYS), &g.vsid, &g, BPF_ANY), 0);
	bump(PORT_SLOT(3));
	return 0;
}

static void new_epoch(void)
{
	uint32_t zero = 0, epoch;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_EPOCHS), &zero, &epoch), 0);
	epoch++;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_EPOCHS), &zero, &epoch, BPF_ANY), 0);
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

static void put_ip(struct pkt *p, const char *src, uint16_t sport, const char *dst, uint16_t dport, struct shape s)
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
static struct pkt up(const char *from, uint16_t dport, struct shape s)
{
	struct pkt p = outer(GW_ABI_VXLAN, GATEWAY_VSID);

	if (s.tos & 3)
		p.b[OUTER_IP + 1] = s.tos;
	pkt_eth(&p, MAC_VRF, MAC_ROUTER);
	put_ip(&p, from, 1000, FAR, dport, s);
	return p;
}

/* The same as it is outside. */
static struct pkt up_outside(const char *public, uint16_t sport, struct shape s)
{
	struct pkt p = {0};

	s.ttl--;
	pkt_eth(&p, MAC_OUT, MAC_ISP);
	put_ip(&p, public, sport, FAR, 2000, s);
	return p;
}

static struct pkt down(const char *public, uint16_t dport, struct shape s)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_OUT, MAC_ISP);
	put_ip(&p, FAR, 2000, public, dport, s);
	return p;
}

/* One that is new to it is seen twice before it is looked for. */
static void goes_fast(const char *file, int line, enum gw_hook hook, const struct pkt *p, const struct pkt *want,
		      size_t at)
{
	uint32_t ifindex = hook == GW_HOOK_EDGE ? outside.external : world.underlay;
	struct run once;
	const struct run *r;

	run_raw(hook, ifindex, p, &once);
	r = run_out(file, line, hook, ifindex, p, GW_OUT_FAST_FORWARDED);
	check(r->len == want->len - 14 + at, "%s:%d: %zu bytes, expected %zu", file, line, r->len, want->len - 14 + at);
	assert_bytes_at(file, line, r->b + at, want->b + 14, want->len - 14);
}

static void goes_slow(const char *file, int line, enum gw_hook hook, const struct pkt *p)
{
	uint32_t ifindex = hook == GW_HOOK_EDGE ? outside.external : world.underlay;
	struct run once;

	run_raw(hook, ifindex, p, &once);
	run_out(file, line, hook, ifindex, p, hook == GW_HOOK_EDGE ? GW_OUT_STEERED : GW_OUT_DECAPSULATED);
}

#define up_fast(p, want)   goes_fast(__FILE__, __LINE__, GW_HOOK_UNDERLAY, p, want, 14)
#define up_slow(p)	   goes_slow(__FILE__, __LINE__, GW_HOOK_UNDERLAY, p)
#define down_fast(p, want) goes_fast(__FILE__, __LINE__, GW_HOOK_EDGE, p, want, 14 + GW_VXLAN_OVERHEAD)
#define down_slow(p)	   goes_slow(__FILE__, __LINE__, GW_HOOK_EDGE, p)

/* --- tests ------------------------------------------------------------------------------------------------------------------ */

static void test_out(void **state)
{
	struct shape shapes[] = {
		PLAIN, PLAIN, {.ttl = 2, .tos = 0xb8, .size = 0}, {.ttl = 255, .tos = 0x02, .size = 1372}, PLAIN};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", CUSTOMER, SHARED, 1500, TCP_SURE);
	shapes[1].no_checksum = true;
	for (size_t i = 0; i < GW_N(shapes); i++) {
		struct pkt p = up(CUSTOMER, 2000, shapes[i]), want = up_outside(ONLY_A, 1000, shapes[i]);

		up_fast(&p, &want);
		shapes[i].tcp = true;
		shapes[i].no_checksum = false;
		if (shapes[i].size > 1000)
			shapes[i].size = 1360;
		p = up(CUSTOMER, 2000, shapes[i]);
		want = up_outside(SHARED, 1500, shapes[i]);
		up_fast(&p, &want);
	}
	/* What is wrong with a checksum of UDP or TCP stays so: whom the packet is for sees it. */
	for (int tcp = 0; tcp <= 1; tcp++) {
		struct shape s = {.ttl = 64, .size = 100, .tcp = tcp};
		struct pkt p = up(CUSTOMER, 2000, s), want = up_outside(tcp ? SHARED : ONLY_A, tcp ? 1500 : 1000, s);

		p.b[p.len - 1] ^= 0x40;
		want.b[want.len - 1] ^= 0x40;
		assert_false(ip_sums_good(want.b + 14, want.len - 14));
		up_fast(&p, &want);
	}
}

static void test_in(void **state)
{
	struct shape shapes[] = {
		PLAIN, PLAIN, {.ttl = 3, .tos = 0xb8, .size = 0}, {.ttl = 255, .tos = 0x02, .size = 1410}};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", BEHIND, SHARED, 1500, TCP_SURE);
	shapes[1].no_checksum = true;
	for (size_t i = 0; i < GW_N(shapes); i++) {
		struct pkt p = down(ONLY_A, 1000, shapes[i]), want = {0};
		struct shape after = shapes[i];

		after.ttl--;
		pkt_eth(&want, MAC_N(5), MAC_VRF);
		put_ip(&want, FAR, 2000, CUSTOMER, 1000, after);
		down_fast(&p, &want);
		shapes[i].tcp = true;
		shapes[i].no_checksum = false;
		if (shapes[i].size > 1000)
			shapes[i].size = 1400;
		p = down(SHARED, 1500, shapes[i]);
		after = shapes[i];
		after.ttl -= 2;
		want = (struct pkt){0};
		pkt_eth(&want, MAC_3, MAC_VRF);
		put_ip(&want, FAR, 2000, BEHIND, 1000, after);
		down_fast(&p, &want);
	}
}

/* What it looks like in the tunnel. */
static void test_tunnel(void **state)
{
	struct pkt p = down(ONLY_A, 1000, (struct shape){.ttl = 64, .tos = 0xba, .size = 77});
	const struct run *r;
	struct run once;

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	run_raw(GW_HOOK_EDGE, outside.external, &p, &once);
	r = run_out(__FILE__, __LINE__, GW_HOOK_EDGE, outside.external, &p, GW_OUT_FAST_FORWARDED);
	assert_true(ip_sums_good(r->b + OUTER_IP, r->len - OUTER_IP));
	assert_int_equal(r->b[OUTER_IP + 1], 0xba);
	assert_int_equal(get32(r->b + OUTER_IP + 12), ntohl(ip_of(PA_SELF).w[3]));
	assert_int_equal(get32(r->b + OUTER_IP + 16), ntohl(ip_of(PA_VXLAN).w[3]));
	assert_int_equal(get16(r->b + OUTER_L4 + 2), 4789);
	assert_int_equal(get32(r->b + OUTER_L4 + 12), GATEWAY_VSID << 8);
	assert_memory_equal(r->b + OUTER_L4 + 16, MAC_N(5).b, 6);
	assert_memory_equal(r->b + OUTER_L4 + 22, MAC_VRF.b, 6);
}

/* Of all that TCP's flags can say only what means that the connection goes on; whether the network is congested does not matter. */
static void flags_of_tcp(void)
{
	enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, URG = 32 };

	for (unsigned low = 1; low < 64; low++) {
		unsigned flags = low | (low / 16 + low) % 4 << 6;
		struct shape s = {.ttl = 64, .size = 100, .tcp = true, .tcp_flags = (uint8_t)flags}, after = s;
		struct pkt p = up(CUSTOMER, 2000, s), want = up_outside(ONLY_A, 1000, s), in = down(ONLY_A, 1000, s);
		struct pkt in_want = {0};

		if ((flags & (FIN | SYN | RST | URG)) == RST)
			continue; /* its number decides */
		after.ttl--;
		pkt_eth(&in_want, MAC_N(5), MAC_VRF);
		put_ip(&in_want, FAR, 2000, CUSTOMER, 1000, after);
		if ((flags & (FIN | SYN | RST | ACK | URG)) == ACK) {
			up_fast(&p, &want);
			down_fast(&in, &in_want);
		} else {
			up_slow(&p);
			down_slow(&in);
		}
	}
}

static void test_odd_packets(void **state)
{
	static const struct shape odd[] = {
		{.ttl = 1, .size = 100},
		{.ttl = 64, .size = 1373},
		{.ttl = 64, .size = 100, .frag = 0x2000},
		{.ttl = 64, .size = 100, .options = 4},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x02},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x12},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x11},
		{.ttl = 64, .size = 100, .tcp = true, .tcp_flags = 0x14}, /* not what the other side expects */
		{.ttl = 64, .size = 100, .bad_ip_sum = true},
		{.ttl = 64, .size = 100, .bad_ip_sum = true, .tcp = true},
		{.ttl = 64, .size = 100, .udp_len = WITHOUT},
		{.ttl = 64, .size = 100, .udp_len = 7},
		{.ttl = 64, .size = 100, .udp_len = 8},
		{.ttl = 64, .size = 100, .udp_len = 107},
		{.ttl = 64, .size = 100, .udp_len = 109},
		{.ttl = 64, .size = 100, .udp_len = 65535},
	};

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	track("tcp", CUSTOMER, ONLY_A, 1000, TCP_SURE);
	for (size_t i = 0; i < GW_N(odd); i++) {
		struct pkt p = up(CUSTOMER, 2000, odd[i]);
		struct shape in = odd[i];

		up_slow(&p);
		if (in.size > 1000)
			in.size = IN_SIZE - 28 + 1;
		p = down(ONLY_A, 1000, in);
		down_slow(&p);
	}
	flags_of_tcp();
}

static void test_odd_connections(void **state)
{
	static const struct {
		const char *proto, *public, *more;
		bool out, in;
	} some[] = {
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY,ASSURED --state SYN_RECV", false, false},
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY,ASSURED --state CLOSE_WAIT", false, false},
		{"tcp", ONLY_A, "-t 100 -u SEEN_REPLY --state ESTABLISHED", false, false},
		{"udp", ONLY_A, "-t 30", true, false},		     /* nobody has answered yet */
		{"udp", ONLY_A, "-t 1 -u SEEN_REPLY", false, false}, /* the kernel wants to see it */
		{"udp", ONLY_B, UDP_SURE, false, true}, /* not a place of this one; what comes in is another's */
		{"udp", SELF, UDP_SURE, false, true},
		{"udp", CUSTOMER, UDP_SURE, false, true}, /* not translated at all */
	};

	(void)state;
	for (size_t i = 0; i < GW_N(some); i++) {
		struct shape s = PLAIN;
		struct pkt p, want;

		fast_setup(NULL);
		s.tcp = strcmp(some[i].proto, "tcp") == 0;
		track(some[i].proto, CUSTOMER, some[i].public, 1000, some[i].more);
		p = up(CUSTOMER, 2000, s);
		want = up_outside(some[i].public, 1000, s);
		if (some[i].out)
			up_fast(&p, &want);
		else
			up_slow(&p);
		p = down(ONLY_A, 1000, s);
		if (!some[i].in)
			down_slow(&p);
	}
}

/* First packets of as many flows as that from `first` on, which none of them is looked up for. */
static void new_flows(unsigned first, unsigned n)
{
	struct run r;

	for (unsigned i = 0; i < n; i++) {
		struct pkt p = up(CUSTOMER, (uint16_t)(3000 + first + i), PLAIN);

		assert_int_equal(run_raw(GW_HOOK_UNDERLAY, world.underlay, &p, &r), 0);
	}
}

/*
 * Very many new flows, which nothing is known of, do not stop one that goes on; one that was silent meanwhile goes through the stack
 * once, and is as before.
 */
static void test_many_new_flows(void **state)
{
	enum { MANY = 30000, PART = 2000 };
	struct pkt p = up(CUSTOMER, 2000, PLAIN), want = up_outside(ONLY_A, 1000, PLAIN);

	(void)state;
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	up_fast(&p, &want);
	for (unsigned i = 0; i < MANY; i += PART) {
		new_flows(i, PART);
		run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_FAST_FORWARDED);
	}
	new_flows(MANY, MANY);
	run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_DECAPSULATED);
	run_out(__FILE__, __LINE__, GW_HOOK_UNDERLAY, world.underlay, &p, GW_OUT_FAST_FORWARDED);
}

/* Nothing that is remembered outlives what it was made of. */
static void test_changes(void **state)
{
	struct pkt p = up(CUSTOMER, 2000, PLAIN), want = up_outside(ONLY_A, 1000, PLAIN),
		   in = down(ONLY_A, 1000, PLAIN);
	struct pkt in_want = {0};
	struct shape after = PLAIN;
	uint32_t vsid = GATEWAY_VSID;
	struct gw_bpf_gateway g;

	(void)state;
	after.ttl--;
	pkt_eth(&in_want, MAC_N(5), MAC_VRF);
	put_ip(&in_want, FAR, 2000, CUSTOMER, 1000, after);
	track("udp", CUSTOMER, ONLY_A, 1000, UDP_SURE);
	up_fast(&p, &want);
	down_fast(&in, &in_want);
	/* The customer has gone. */
	delete_record(VSID_A2, CUSTOMER);
	new_epoch();
	down_slow(&in);
	put_record(VSID_A2, CUSTOMER, MAC_N(5), PA_VXLAN, GW_ABI_VXLAN);
	down_fast(&in, &in_want);
	/* The virtual gateway has gone. */
	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_GATEWAYS), &vsid, &g), 0);
	assert_int_equal(bpf_map_delete_elem(map_fd(MAP_GATEWAYS), &vsid), 0);
	new_epoch();
	up_slow(&p);
	down_slow(&in);
	/* Its namespace is another one. */
	g.nsid = 77;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_GATEWAYS), &vsid, &g, BPF_ANY), 0);
	up_slow(&p);
	g.nsid = 0;
	assert_int_equal(bpf_map_update_elem(map_fd(MAP_GATEWAYS), &vsid, &g, BPF_ANY), 0);
	up_fast(&p, &want);
	down_fast(&in, &in_want);
	/* The entry has gone: at once, without an epoch. */
	sh_ok("nsenter --net=/proc/%d/ns/net conntrack -F >/dev/null 2>&1", (int)tenant);
	up_slow(&p);
	down_slow(&in);
	/* It is another one. */
	track("udp", CUSTOMER, SHARED, 1500, UDP_SURE);
	want = up_outside(SHARED, 1500, PLAIN);
	up_fast(&p, &want);
	down_slow(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"GW-3: out of a tunnel to outside", test_out, fast_setup, NULL, NULL},
		{"GW-3: from outside into a tunnel", test_in, fast_setup, NULL, NULL},
		{"GW-3: the tunnel's headers", test_tunnel, fast_setup, NULL, NULL},
		{"GW-3: odd packets are the stack's", test_odd_packets, fast_setup, NULL, NULL},
		{"GW-3: odd connections are the stack's", test_odd_connections, fast_setup, NULL, NULL},
		{"GW-3: very many new flows", test_many_new_flows, fast_setup, NULL, NULL},
		{"GW-3: nothing is remembered for too long", test_changes, fast_setup, NULL, NULL},
	};
	int r = run_group("fast path", tests, fast_group);

	fast_end(NULL);
	return r;
}
