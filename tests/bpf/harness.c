/* harness.c - see harness.h. */
#include "harness.h"

#include "../unit/netns.h"
#include "base/log.h"
#include "engine.skel.h"
#include "engine/reasons.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/mount.h>

#define MAX_CPUS 128

struct world world;
bool harness_as_old_kernel;

/* --- namespace and loader ----------------------------------------------------------------------------------------------- */

struct gw_params default_params(void)
{
	struct gw_params p = {
		.inner_mtu = {[GW_ABI_VXLAN] = 1450, [GW_ABI_NVGRE] = 1458},
		.vxlan_port = 4789,
		.mark = PARAM_MARK,
		.dscp = -1,
		.ttl = 64,
		.vxlan_device = 1,
		.nvgre_device = 1,
		.decap_l3 = !harness_as_old_kernel && gw_loader_probe_decap_l3(),
	};

	memcpy(p.router_mac, MAC_ROUTER.b, 6);
	return p;
}

static uint32_t make_link(const char *name, const char *options)
{
	sh_ok("ip link add %s %s type veth peer name %sp && ip link set %s up && ip link set %sp up", name, options,
	      name, name, name);
	return if_nametoindex(name);
}

int harness_setup_bare(void **state)
{
	(void)state;
	gw_log_init(GW_LOG_ERROR);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
		print_error("cannot make a namespace: %s\n", strerror(errno));
		return -1;
	}
	strcpy(world.bpf_dir, "/tmp/gwd-bpf-XXXXXX");
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(world.bpf_dir) ||
	    mount("bpf", world.bpf_dir, "bpf", 0, "mode=0700") < 0) {
		print_error("cannot mount a bpf file system at %s: %s\n", world.bpf_dir, strerror(errno));
		return -1;
	}
	world.config = (struct gw_loader_config){
		.bpf_dir = world.bpf_dir,
		.node = "test",
		.params = default_params(),
		.lowest_pa = ip_of(PA_SELF).w[3],
		.flow_limit = FLOW_LIMIT,
		.record_limit = 512,
		.port_limit = 16,
		.route_limit = 64,
		.provider_limit = 8,
		.vrf_limit = 8,
		.way_limit = 8,
		.public_limit = 64,
	};
	return 0;
}

int harness_setup(void **state)
{
	struct gw_error err = GW_ERROR_INIT;

	if (harness_setup_bare(state) < 0)
		return -1;
	if (libbpf_num_possible_cpus() > MAX_CPUS) {
		print_error("more CPUs than the harness has room for\n");
		return -1;
	}
	for (int i = 0; i < PORTS; i++)
		world.port[i] = make_link((char[]){'p', (char)('0' + i), 0}, "");
	world.underlay = make_link("u0", "address 02:00:00:00:00:10");
	world.params = world.config.params;
	if (gw_loader_open(&world.config, &world.loader, &err) < 0 || gw_loader_commit(world.loader, &err) < 0) {
		print_error("%s\n", err.message);
		return -1;
	}
	return 0;
}

static int harness_teardown(void **state)
{
	(void)state;
	world.loader = gw_loader_close(world.loader);
	umount2(world.bpf_dir, MNT_DETACH);
	rmdir(world.bpf_dir);
	return 0;
}

static void skip_test(void **state)
{
	(void)state;
	print_message("SKIP: no namespace can be made here (run as root)\n");
	skip();
}

int harness_run(const char *name, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup)
{
	struct CMUnitTest skipped[64];

	if (geteuid() == 0)
		return _cmocka_run_group_tests(name, tests, n, setup, harness_teardown);
	if (n > GW_N(skipped))
		return 1;
	for (size_t i = 0; i < n; i++)
		skipped[i] = (struct CMUnitTest){.name = tests[i].name, .test_func = skip_test};
	return _cmocka_run_group_tests(name, skipped, n, NULL, NULL);
}

int world_setup(void **state)
{
	struct gw_params want = default_params();

	(void)state;
	if (memcmp(&want, &world.params, sizeof want) != 0)
		world_params(&want);
	world_reset();
	return 0;
}

void world_params(const struct gw_params *params)
{
	struct gw_error err = GW_ERROR_INIT;

	check(gw_loader_reload(world.loader, params, &err) == 0, "%s", err.message);
	world.params = *params;
}

/* --- maps ---------------------------------------------------------------------------------------------------------------- */

int map_fd(int map)
{
	const struct gw_bpf *b = gw_loader_bpf(world.loader);
	const struct bpf_map *maps[MAP_COUNT] = {
		[MAP_PORTS] = b->maps.ports,
		[MAP_RECORDS] = b->maps.records,
		[MAP_MACS] = b->maps.macs,
		[MAP_VSIDS] = b->maps.vsids,
		[MAP_PEERS] = b->maps.peers,
		[MAP_PAS] = b->maps.provider_addresses,
		[MAP_SUBNETS] = b->maps.subnets,
		[MAP_ROUTES] = b->maps.routes,
		[MAP_OWN_ROUTES] = b->maps.own_routes,
		[MAP_SLOTS] = b->maps.slots,
		[MAP_GENERATIONS] = b->maps.generations,
		[MAP_FLOWS4] = b->maps.flows4,
		[MAP_FLOWS6] = b->maps.flows6,
		[MAP_OUTCOMES] = b->maps.outcomes,
		[MAP_DROPS] = b->maps.drops,
		[MAP_PORT_STATS] = b->maps.port_stats,
		[MAP_VSID_STATS] = b->maps.vsid_stats,
		[MAP_PORT_REASONS] = b->maps.port_reasons,
		[MAP_PUBLICS] = b->maps.publics,
		[MAP_SEGMENTS] = b->maps.segments,
		[MAP_PLACES] = b->maps.places,
		[MAP_SHARES] = b->maps.shares,
		[MAP_EXITS] = b->maps.exits,
		[MAP_GATEWAYS] = b->maps.gateways,
		[MAP_FAST_FLOWS] = b->maps.fast_flows,
		[MAP_EPOCHS] = b->maps.epochs,
		[MAP_EXIT_STATS] = b->maps.exit_stats,
		[MAP_EXIT_REASONS] = b->maps.exit_reasons,
		[MAP_WAYS] = b->maps.ways,
		[MAP_TAPS] = b->maps.taps,
		[MAP_TUNNELS] = b->maps.tunnels,
		[MAP_WAY_STATS] = b->maps.way_stats,
		[MAP_WAY_REASONS] = b->maps.way_reasons,
	};

	return bpf_map__fd(maps[map]);
}

size_t map_clear(int map)
{
	uint8_t key[64];
	size_t n = 0;

	while (bpf_map_get_next_key(map_fd(map), NULL, key) == 0 && bpf_map_delete_elem(map_fd(map), key) == 0)
		n++;
	return n;
}

static void put(int map, const void *key, const void *value)
{
	int r = bpf_map_update_elem(map_fd(map), key, value, BPF_ANY);

	check(r == 0, "map %d: %s", map, strerror(-r));
}

struct gw_ip ip_of(const char *text)
{
	uint8_t b[16];
	struct gw_ip ip;

	addr16(text, b);
	memcpy(&ip, b, sizeof ip);
	return ip;
}

void put_port(uint32_t ifindex, uint32_t vsid, struct mac mac, uint32_t slot, uint32_t vsid_slot, const char *pa)
{
	struct gw_bpf_port p = {.ifindex = ifindex, .vsid = vsid, .slot = slot, .vsid_slot = vsid_slot};

	memcpy(p.mac, mac.b, 6);
	if (pa) {
		p.underlay = world.underlay;
		p.pa = ip_of(pa);
		p.on_link = htonl(0xffffff00);
		memcpy(p.underlay_mac, MAC_UNDERLAY.b, 6);
	}
	put(MAP_PORTS, &ifindex, &p);
}

static struct gw_record_key record_key(uint32_t vsid, const char *ca)
{
	return (struct gw_record_key){.vsid = vsid, .ca = ip_of(ca)};
}

void put_record(uint32_t vsid, const char *ca, struct mac mac, const char *pa, int encap)
{
	struct gw_record_key key = record_key(vsid, ca);
	struct gw_bpf_record r = {.vsid = vsid, .pa = ip_of(pa), .encap = (uint8_t)encap};

	memcpy(r.mac, mac.b, 6);
	r.flags = strcmp(pa, PA_SELF) == 0 ? GW_RECORD_LOCAL : 0;
	put(MAP_RECORDS, &key, &r);
}

void delete_record(uint32_t vsid, const char *ca)
{
	struct gw_record_key key = record_key(vsid, ca);

	assert_int_equal(bpf_map_delete_elem(map_fd(MAP_RECORDS), &key), 0);
}

static struct gw_mac_key mac_key(uint32_t vsid, struct mac mac)
{
	struct gw_mac_key key = {.vsid = vsid};

	memcpy(key.mac, mac.b, 6);
	return key;
}

void put_mac(uint32_t vsid, struct mac mac, const char *pa, int encap, uint32_t ifindex, uint32_t slot,
	     uint32_t vsid_slot)
{
	struct gw_mac_key key = mac_key(vsid, mac);
	struct gw_bpf_mac m = {
		.vsid = vsid,
		.port = ifindex,
		.domain = vsid,
		.slot = slot,
		.vsid_slot = vsid_slot,
		.mtu = 1500,
		.encap = (uint8_t)encap,
	};

	if (pa) {
		m.pa = ip_of(pa);
		m.record_flags = GW_MAC_HAS_PA | (strcmp(pa, PA_SELF) == 0 ? GW_RECORD_LOCAL : 0);
	}
	put(MAP_MACS, &key, &m);
}

void put_domain(uint32_t vsid, struct mac mac, uint32_t domain)
{
	struct gw_mac_key key = mac_key(vsid, mac);
	struct gw_bpf_mac m;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_MACS), &key, &m), 0);
	m.domain = domain;
	put(MAP_MACS, &key, &m);
	put(MAP_VSIDS, &vsid, &(struct gw_bpf_vsid){.domain = domain});
}

void delete_mac(uint32_t vsid, struct mac mac)
{
	struct gw_mac_key key = mac_key(vsid, mac);

	assert_int_equal(bpf_map_delete_elem(map_fd(MAP_MACS), &key), 0);
}

void put_vsid(uint32_t vsid, uint32_t domain)
{
	struct gw_bpf_vsid v = {.domain = domain};

	put(MAP_VSIDS, &vsid, &v);
}

void put_peer(uint32_t domain, const char *pa, const struct mac *heard)
{
	struct gw_peer_key key = {.domain = domain, .pa = ip_of(pa)};
	struct gw_bpf_peer peer = {0};

	if (heard) {
		memcpy(peer.hop, heard->b, 6);
		peer.heard = 1;
	}
	put(MAP_PEERS, &key, &peer);
}

void put_subnet(uint32_t vsid, const char *addr, unsigned len, const char *router)
{
	bool v4 = !strchr(addr, ':');
	struct gw_prefix_key key = {.prefixlen = 32 + (v4 ? 96 : 0) + len, .scope = htonl(vsid), .addr = ip_of(addr)};
	struct gw_bpf_subnet s = {
		.vsid = vsid, .router = ip_of(router), .v4 = v4, .prefix_len = (uint8_t)(key.prefixlen - 32)};

	memcpy(s.mac, world.params.router_mac, sizeof s.mac);

	put(MAP_SUBNETS, &key, &s);
}

static void put_route_in(int map, uint32_t scope, const char *addr, unsigned len, uint32_t vsid, const char *next_hop,
			 uint8_t flags)
{
	bool v4 = !strchr(addr, ':');
	struct gw_prefix_key key = {.prefixlen = 32 + (v4 ? 96 : 0) + len, .scope = htonl(scope), .addr = ip_of(addr)};
	struct gw_bpf_route r = {
		.scope = scope,
		.vsid = vsid,
		.prefix_len = (uint8_t)(key.prefixlen - 32),
		.flags = (v4 ? GW_ROUTE_V4 : 0) | (next_hop ? 0 : GW_ROUTE_ON_LINK) | flags,
	};

	if (next_hop)
		r.next_hop = ip_of(next_hop);
	put(map, &key, &r);
}

void put_route(uint32_t domain, const char *addr, unsigned len, uint32_t vsid, const char *next_hop, uint8_t flags)
{
	put_route_in(MAP_ROUTES, domain, addr, len, vsid, next_hop, flags);
}

void put_own_route(uint32_t scope, const char *addr, unsigned len, uint32_t vsid, const char *next_hop)
{
	put_route_in(MAP_OWN_ROUTES, scope, addr, len, vsid, next_hop, 0);
}

void flag_record(uint32_t vsid, const char *ca, uint8_t flags)
{
	struct gw_record_key key = record_key(vsid, ca);
	struct gw_bpf_record r;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_RECORDS), &key, &r), 0);
	r.flags |= flags;
	put(MAP_RECORDS, &key, &r);
}

void flag_port(uint32_t ifindex, uint32_t flags)
{
	struct gw_bpf_port p;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_PORTS), &ifindex, &p), 0);
	p.flags |= flags;
	put(MAP_PORTS, &ifindex, &p);
}

void bump(uint32_t slot)
{
	uint32_t generation;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_GENERATIONS), &slot, &generation), 0);
	generation++;
	put(MAP_GENERATIONS, &slot, &generation);
}

void new_epoch(void)
{
	uint32_t zero = 0, epoch;

	assert_int_equal(bpf_map_lookup_elem(map_fd(MAP_EPOCHS), &zero, &epoch), 0);
	epoch++;
	put(MAP_EPOCHS, &zero, &epoch);
}

static void put_address(uint32_t vsid, int last, const char *pa, int encap, uint32_t ifindex, uint32_t slot,
			uint32_t vsid_slot)
{
	put_record(vsid, ca4(last), mac_of(last), pa, encap);
	put_record(vsid, ca6(last), mac_of(last), pa, encap);
	put_mac(vsid, mac_of(last), pa, encap, ifindex, slot, vsid_slot);
}

void world_reset(void)
{
	struct gw_ip self = ip_of(PA_SELF);

	for (int m = MAP_PORTS; m <= MAP_OWN_ROUTES; m++)
		map_clear(m);
	map_clear(MAP_FLOWS4);
	map_clear(MAP_FLOWS6);
	for (int i = 0; i < 16; i++)
		bump((uint32_t)i);
	put(MAP_PAS, &self, &world.underlay);
	for (int i = 0; i < 2; i++) {
		put_port(world.port[i], VSID_A, mac_of(11 + i), PORT_SLOT(i), VSID_SLOT_A, PA_SELF);
		put_address(VSID_A, 11 + i, PA_SELF, GW_ABI_VXLAN, world.port[i], PORT_SLOT(i), VSID_SLOT_A);
	}
	put_address(VSID_A, 13, PA_VXLAN, GW_ABI_VXLAN, 0, 0, 0);
	put_address(VSID_A, 14, PA_NVGRE, GW_ABI_NVGRE, 0, 0, 0);
	put_port(world.port[2], VSID_B, MAC_1, PORT_SLOT(2), VSID_SLOT_B, PA_SELF);
	put_address(VSID_B, 11, PA_SELF, GW_ABI_VXLAN, world.port[2], PORT_SLOT(2), VSID_SLOT_B);
	put_address(VSID_B, 13, PA_B, GW_ABI_VXLAN, 0, 0, 0);
	put_vsid(VSID_A, VSID_A);
	put_vsid(VSID_B, VSID_B);
	put_peer(VSID_A, PA_VXLAN, &MAC_NEXTHOP);
	put_peer(VSID_A, PA_NVGRE, &MAC_NEXTHOP);
	put_peer(VSID_B, PA_B, &MAC_NEXTHOP);
	put_subnet(VSID_A, "192.168.1.0", 24, "192.168.1.1");
	put_subnet(VSID_A, "fd00::", 64, "fd00::1");
}

void world_router(void)
{
	put_record(VSID_A2, "192.168.2.15", MAC_N(5), PA_VXLAN, GW_ABI_VXLAN);
	put_record(VSID_A2, "fd00:2::15", MAC_N(5), PA_VXLAN, GW_ABI_VXLAN);
	put_mac(VSID_A2, MAC_N(5), PA_VXLAN, GW_ABI_VXLAN, 0, 0, 0);
	put_record(VSID_A2, "192.168.2.16", MAC_N(6), PA_NVGRE, GW_ABI_NVGRE);
	put_record(VSID_A2, "fd00:2::16", MAC_N(6), PA_NVGRE, GW_ABI_NVGRE);
	put_mac(VSID_A2, MAC_N(6), PA_NVGRE, GW_ABI_NVGRE, 0, 0, 0);
	put_vsid(VSID_A2, VSID_A);
	put_subnet(VSID_A2, "192.168.2.0", 24, "192.168.2.1");
	put_subnet(VSID_A2, "fd00:2::", 64, "fd00:2::1");
	put_route(VSID_A, "192.168.1.0", 24, VSID_A, NULL, 0);
	put_route(VSID_A, "fd00::", 64, VSID_A, NULL, 0);
	put_route(VSID_A, "192.168.2.0", 24, VSID_A2, NULL, 0);
	put_route(VSID_A, "fd00:2::", 64, VSID_A2, NULL, 0);
}

/* --- counters -------------------------------------------------------------------------------------------------------------- */

static void read_all(int map, uint32_t n, uint64_t *ret)
{
	unsigned cpus = gw_loader_cpus(world.loader);
	uint64_t cells[2 * GW_DROP_SLOTS * MAX_CPUS];
	uint32_t keys[2 * GW_DROP_SLOTS], count = n, batch;

	assert_int_equal(bpf_map_lookup_batch(map_fd(map), NULL, &batch, keys, cells, &count, NULL) & ~-ENOENT, 0);
	assert_int_equal(count, n);
	for (uint32_t i = 0; i < n; i++) {
		ret[i] = 0;
		for (unsigned c = 0; c < cpus; c++)
			ret[i] += cells[i * cpus + c];
	}
}

void counters_read(struct counters *ret)
{
	read_all(MAP_OUTCOMES, GW_N(ret->out), ret->out);
	read_all(MAP_DROPS, GW_N(ret->drop), ret->drop);
}

uint64_t counter_word(int map, uint32_t element, unsigned word)
{
	unsigned cpus = gw_loader_cpus(world.loader);
	size_t words = map == MAP_PORT_REASONS || map == MAP_EXIT_REASONS || map == MAP_WAY_REASONS ? GW_DROP_SLOTS
		       : map == MAP_OUTCOMES || map == MAP_DROPS				    ? 1
								 : sizeof(struct gw_bpf_counters) / 8;
	uint64_t cells[MAX_CPUS * GW_DROP_SLOTS], sum = 0;

	assert_int_equal(bpf_map_lookup_elem(map_fd(map), &element, cells), 0);
	for (unsigned c = 0; c < cpus; c++)
		sum += cells[c * words + word];
	return sum;
}

/* --- running ---------------------------------------------------------------------------------------------------------------- */

int run_raw(enum gw_hook hook, uint32_t ifindex, const struct pkt *p, struct run *ret)
{
	struct __sk_buff in = {.ifindex = ifindex, .mark = p->mark, .gso_size = p->gso_size, .gso_segs = p->gso_segs};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->b, .data_size_in = (uint32_t)p->len,
			    .data_out = ret->b, .data_size_out = sizeof ret->b, .ctx_in = &in, .ctx_size_in = sizeof in,
			    .ctx_out = &ret->ctx, .ctx_size_out = sizeof ret->ctx);
	int r = bpf_prog_test_run_opts(gw_loader_program(world.loader, hook), &opts);

	if (r < 0)
		return r;
	ret->verdict = (int)opts.retval;
	ret->len = opts.data_size_out;
	return 0;
}

static int moved(const uint64_t *before, const uint64_t *after, unsigned n, uint64_t *ret_total)
{
	int which = -1;

	for (unsigned i = 0; i < n; i++)
		if (after[i] != before[i]) {
			which = (int)i;
			*ret_total += after[i] - before[i];
		}
	return which;
}

static const char *name_of(const struct run *r)
{
	if (r->drop >= 0)
		return r->drop < GW_DROP_MAX ? gw_drop_reasons[r->drop].name : "a drop counter out of range";
	return r->outcome >= 0 && r->outcome < GW_OUT_MAX ? gw_outcomes[r->outcome].name : "an outcome out of range";
}

static void give_up(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint_error(fmt, ap);
	va_end(ap);
	_fail(file, line);
}

const struct run *run_at(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p)
{
	static struct run run;
	struct counters before, after;
	uint64_t total = 0;
	int r, want;

	counters_read(&before);
	r = run_raw(hook, ifindex, p, &run);
	if (r < 0)
		give_up(file, line, "the kernel does not run a packet of %zu bytes: %s\n", p->len, strerror(-r));
	counters_read(&after);
	run.outcome = moved(before.out, after.out, GW_N(before.out), &total);
	run.drop = moved(before.drop, after.drop, GW_N(before.drop), &total);
	if (total != 1)
		give_up(file, line, "%llu counts for one packet, the last of them %s\n", (unsigned long long)total,
			name_of(&run));
	/* Where the way is unknown the sender is told, and the packet still counts as dropped. */
	if (run.verdict == TC_ACT_REDIRECT && (run.drop == GW_DROP_NO_ROUTE || run.drop == GW_DROP_NO_RECORD))
		return &run;
	want = run.drop >= 0							   ? TC_ACT_SHOT
	       : run.outcome == GW_OUT_TO_STACK || run.outcome == GW_OUT_TO_DEVICE ? TC_ACT_OK
										   : TC_ACT_REDIRECT;
	if (run.verdict != want)
		give_up(file, line, "counted as %s, but the verdict is %d\n", name_of(&run), run.verdict);
	return &run;
}

/* Sound packets of both encapsulations fill the cache of what is received: it must not let others pass. */
static void warm_received(void)
{
	struct run r;

	for (int encap = GW_ABI_VXLAN; encap <= GW_ABI_NVGRE; encap++) {
		struct pkt p = under_frame(encap, false, 64);

		run_raw(GW_HOOK_UNDERLAY, world.underlay, &p, &r);
	}
}

const struct run *run_drop(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p,
			   int reason)
{
	int ways = hook == GW_HOOK_UNDERLAY ? 2 : 1;
	const struct run *r = NULL;

	for (int warm = 0; warm < ways; warm++) {
		if (warm)
			warm_received();
		r = run_at(file, line, hook, ifindex, p);
		if (r->drop != reason)
			give_up(file, line, "expected to be dropped as %s, but counted as %s%s\n",
				gw_drop_reasons[reason].name, name_of(r), warm ? ", behind a sound packet" : "");
	}
	return r;
}

const struct run *run_out(const char *file, int line, enum gw_hook hook, uint32_t ifindex, const struct pkt *p,
			  int outcome)
{
	const struct run *r = run_at(file, line, hook, ifindex, p);

	if (r->outcome != outcome)
		give_up(file, line, "expected %s, but counted as %s\n", gw_outcomes[outcome].name, name_of(r));
	return r;
}

void assert_bytes_at(const char *file, int line, const void *got, const void *want, size_t n)
{
	const uint8_t *g = got, *w = want;

	for (size_t i = 0; i < n; i++)
		if (g[i] != w[i])
			give_up(file, line, "byte %zu of %zu is %02x, should be %02x\n", i, n, g[i], w[i]);
}
