/* outside.c - see outside.h. */
#include "outside.h"

#include "../unit/netns.h"
#include "engine/reasons.h"

#include <arpa/inet.h>

struct outside outside;

static const uint8_t rdids[GATEWAYS][16] = {{0xaa, 1}, {0xbb, 2}};
static const uint32_t vsids[GATEWAYS] = {5002, 6002};

int outside_group(void **state)
{
	int r = harness_setup(state);

	if (r < 0)
		return r;
	sh_ok("ip link add out0 address 02:00:00:00:0e:01 type veth peer name out0p && ip link set out0 up");
	sh_ok("ip link add gwe5002 type veth peer name gwe5002p && ip link set gwe5002 up");
	sh_ok("ip link add gwe6002 type veth peer name gwe6002p && ip link set gwe6002 up");
	outside.external = if_nametoindex("out0");
	outside.exit[GATEWAY_A] = if_nametoindex("gwe5002");
	outside.exit[GATEWAY_B] = if_nametoindex("gwe6002");
	return 0;
}

/* --- maps ------------------------------------------------------------------------------------------------------------------ */

static void put(int map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(map_fd(map), key, value, BPF_ANY), 0);
}

static struct gw_bpf_owner owner_of(int gateway)
{
	if (gateway < 0)
		return (struct gw_bpf_owner){0};
	return (struct gw_bpf_owner){.exit = outside.exit[gateway], .vsid = vsids[gateway], .slot = EXIT_SLOT(gateway)};
}

static struct gw_public_key public_key(const char *addr, unsigned len)
{
	return (struct gw_public_key){.prefixlen = (strchr(addr, ':') ? 0 : 96) + len, .addr = ip_of(addr)};
}

static void put_public(const char *addr, unsigned len, int gateway, uint32_t flags)
{
	struct gw_public_key key = public_key(addr, len);
	struct gw_bpf_public p = {.addr = key.addr, .owner = owner_of(gateway)};

	for (unsigned i = 0; i < key.prefixlen; i++)
		((uint8_t *)&p.mask)[i / 8] |= (uint8_t)(0x80 >> i % 8);
	p.owner.flags |= flags;
	put(MAP_PUBLICS, &key, &p);
}

static void put_place(const char *addr, uint32_t place, int gateway)
{
	struct gw_place_key key = {.addr = ip_of(addr), .place = place};
	struct gw_bpf_place p = {.addr = key.addr, .place = place, .owner = owner_of(gateway)};
	struct gw_share_key share = {.addr = key.addr};

	put(MAP_PLACES, &key, &p);
	memcpy(share.rdid, rdids[gateway], 16);
	put(MAP_SHARES, &share, &(uint32_t){1});
}

void outside_public(const char *addr, int gateway, uint32_t flags)
{
	put_public(addr, strchr(addr, ':') ? 128 : 32, gateway, flags);
}

void outside_place(uint32_t place, int gateway)
{
	put_place(SHARED, place, gateway);
}

static void put_segment(const char *addr, unsigned len)
{
	struct gw_public_key key = public_key(addr, len);

	put(MAP_SEGMENTS, &key, &(uint32_t){1});
}

void outside_params(uint32_t external, uint32_t reassembly)
{
	struct gw_params p = default_params();

	p.external = external;
	p.reassembly = reassembly;
	memcpy(p.external_mac, MAC_OUT.b, 6);
	if (memcmp(&p, &world.params, sizeof p) != 0)
		world_params(&p);
}

int outside_setup(void **state)
{
	(void)state;
	world_reset();
	outside_params(outside.external, world.underlay);
	for (int m = MAP_PUBLICS; m <= MAP_EXITS; m++)
		map_clear(m);
	for (int g = 0; g < GATEWAYS; g++) {
		struct gw_bpf_exit e = {.owner = owner_of(g)};

		memcpy(e.rdid, rdids[g], 16);
		put(MAP_EXITS, &outside.exit[g], &e);
	}
	put_public(SHARED, 32, NONE, GW_PUBLIC_SHARED);
	put_place(SHARED, GW_PLACE_BLOCK(1024), GATEWAY_A);
	put_place(SHARED, GW_PLACE_BLOCK(2048), GATEWAY_B);
	put_place(SHARED, GW_PLACE_PORT(80), GATEWAY_A);
	put_place(SHARED, GW_PLACE_PORT(443), GATEWAY_B);
	put_public(ONLY_A, 32, GATEWAY_A, 0);
	put_public(ONLY_B, 32, GATEWAY_B, 0);
	put_public("198.18.4.0", 24, GATEWAY_B, 0);
	put_public(NOBODYS, 32, NONE, 0);
	put_public("2001:db8:a::", 48, GATEWAY_A, 0);
	put_public("2001:db8:b::", 48, GATEWAY_B, 0);
	put_public(NEAR_A, 32, GATEWAY_A, 0);
	put_public(NEAR_A6, 128, GATEWAY_A, 0);
	put_public(SELF, 32, NONE, GW_PUBLIC_SELF);
	put_public(SELF6, 128, NONE, GW_PUBLIC_SELF);
	put_public(SELF_IN, 32, NONE, GW_PUBLIC_SELF);
	put_public(INWARD, 32, NONE, GW_PUBLIC_SELF | GW_PUBLIC_INWARD);
	put_public(INWARD6, 128, NONE, GW_PUBLIC_SELF | GW_PUBLIC_INWARD);
	put_segment("192.0.2.0", 24);
	put_segment("2001:db8:f::", 64);
	new_epoch();
	return 0;
}

/* --- packets --------------------------------------------------------------------------------------------------------------- */

struct pkt outside_start(const char *src, const char *dst)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_OUT, MAC_ISP);
	if (strchr(dst, ':'))
		pkt_ip6(&p, src, dst);
	else
		pkt_ip4(&p, src, dst);
	return p;
}

struct pkt outside_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	struct pkt p = outside_start(src, dst);

	pkt_udp(&p, sport, dport);
	pkt_fill(&p, 32);
	pkt_close(&p);
	return p;
}

struct pkt outside_echo(const char *src, const char *dst, uint8_t type, uint16_t id)
{
	struct pkt p = outside_start(src, dst);
	size_t at = strchr(dst, ':') ? pkt_icmp6(&p, type, 0) : pkt_icmp4(&p, type, 0);

	put16(p.b + at + 4, id);
	pkt_fill(&p, 24);
	pkt_close(&p);
	return p;
}

struct pkt outside_error(const char *src, const char *dst, uint8_t type, const struct pkt *q, size_t n)
{
	struct pkt p = outside_start(src, dst);

	pkt_icmp4(&p, type, 1);
	pkt_bytes(&p, q->b + 14, n);
	pkt_close(&p);
	return p;
}

void outside_fragment(struct pkt *p, uint16_t frag)
{
	put16(p->b + 20, frag);
	pkt_fix_ip4(p->b + 14);
}

/* --- runs ------------------------------------------------------------------------------------------------------------------ */

struct seen {
	uint64_t rx[GATEWAYS], tx[GATEWAYS], drops[GATEWAYS];
};

static struct seen look(void)
{
	struct seen s;

	for (int g = 0; g < GATEWAYS; g++) {
		s.tx[g] = counter_word(MAP_EXIT_STATS, EXIT_SLOT(g), 0);
		s.rx[g] = counter_word(MAP_EXIT_STATS, EXIT_SLOT(g), 2);
		s.drops[g] = counter_word(MAP_EXIT_STATS, EXIT_SLOT(g), 4);
	}
	return s;
}

static void run(const char *file, int line, enum gw_hook hook, uint32_t ifindex, int from, const struct pkt *p,
		int gateway, int outcome, int drop)
{
	struct seen before = look(), after;
	const struct run *r;

	if (drop >= 0)
		r = run_drop(file, line, hook, ifindex, p, drop);
	else
		r = run_out(file, line, hook, ifindex, p, outcome);
	after = look();
	for (int g = 0; g < GATEWAYS; g++) {
		check(after.rx[g] - before.rx[g] == (g == gateway), "%s:%d: gateway %d got %d packets", file, line, g,
		      (int)(after.rx[g] - before.rx[g]));
		check(after.tx[g] - before.tx[g] == (g == from && drop < 0), "%s:%d: gateway %d sent %d packets", file,
		      line, g, (int)(after.tx[g] - before.tx[g]));
		check(after.drops[g] - before.drops[g] == (g == from && drop >= 0),
		      "%s:%d: gateway %d is charged with %d drops", file, line, g,
		      (int)(after.drops[g] - before.drops[g]));
	}
	if (drop < 0 && (outcome == GW_OUT_STEERED || outcome == GW_OUT_SENT_OUT))
		assert_bytes_at(file, line, r->b, p->b, p->len);
}

void at_edge(const char *file, int line, const struct pkt *p, int gateway, int outcome, int drop)
{
	run(file, line, GW_HOOK_EDGE, outside.external, NONE, p, gateway, outcome, drop);
	/* The same where the interface is an underlay one, too. */
	run(file, line, GW_HOOK_UNDERLAY, outside.external, NONE, p, gateway, outcome, drop);
}

void at_exit(const char *file, int line, int from, const struct pkt *p, int gateway, int outcome, int drop)
{
	run(file, line, GW_HOOK_EXIT, outside.exit[from], from, p, gateway, outcome, drop);
}

void at_whole(const char *file, int line, const struct pkt *p, int gateway, int drop)
{
	run(file, line, GW_HOOK_WHOLE, world.underlay, NONE, p, gateway, GW_OUT_STEERED, drop);
}
