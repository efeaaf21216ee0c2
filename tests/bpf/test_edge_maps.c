/*
 * test_edge_maps.c - after any sequence of changes the maps at the world outside hold just what the intent, the node's addresses
 * and the interfaces say; counters stay with their owners. GW-1, GW-3, GW-8, API-1. The oracle asks for each map of every record
 * in turn. GWD_SEED repeats or varies a run.
 */
#include "engine_fixture.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>

#define ROUNDS	 200
#define GATEWAYS 3

static const char *const rdids[GATEWAYS] = {"11111111-0000-0000-0000-000000000001",
					    "11111111-0000-0000-0000-000000000002",
					    "11111111-0000-0000-0000-000000000003"};
static const char *const prefixes[] = {"203.0.113.1/32", "203.0.113.2/32",    "203.0.113.0/30", "203.0.113.0/24",
				       "192.0.2.2/32",	 "192.0.2.0/24",      "192.0.2.9/32",	"2001:db8:1::/48",
				       "2001:db8::/32",	 "2001:db8:1::2/128", "198.18.0.0/15",	"203.0.113.2/31"};
static const char *const own[] = {"192.0.2.2/24", "203.0.113.2/32", "2001:db8:1::2/64", "198.18.5.5/32"};
static const char *const exits[] = {"gwe5002", "gwe5003", "gwe5004", "gwe5005"};

#define PICK(list) ((list)[rnd_below(GW_N(list))])

static int setup(void **state)
{
	(void)state;
	engine_begin();
	strcpy(env.config.external_interface, "out0");
	env.config.vrf_limit = 3;
	env.config.way_limit = 3;
	env.config.public_limit = 200;
	netns_veth(&env.ns, "out0");
	sh_ok("ip addr add 192.0.2.2/24 dev out0");
	netns_veth(&env.ns, "gwe5002");
	engine_open();
	return 0;
}

/* --- random changes -------------------------------------------------------------------------------------------------------- */

static struct gw_hnv_object *gateway(unsigned rdid, uint32_t vsid)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_VRF;
	o->vrf = (struct gw_vrf){.vsid = vsid,
				 .mac = {{2, 0, 0, 0, 0, (uint8_t)vsid}},
				 .ca = address("10.0.0.2"),
				 .prefix_len = 29,
				 .has_ca = true};
	gw_uuid_parse(rdids[rdid], &o->vrf.rdid);
	return o;
}

static struct gw_hnv_object *public(unsigned rdid, const char *prefix, uint16_t first, uint32_t count)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PUBLIC;
	gw_uuid_parse(rdids[rdid], &o->public.rdid);
	assert_int_equal(gw_prefix_parse(prefix, &o->public.prefix), 0);
	o->public.first_port = first;
	o->public.port_count = count;
	return o;
}

static struct gw_hnv_object *any_object(void)
{
	const char *prefix = PICK(prefixes);

	if (rnd_below(4) == 0)
		return gateway(rnd_below(GATEWAYS), 5002 + rnd_below(4));
	if (!strstr(prefix, "/32") || strchr(prefix, ':') || rnd_below(4) == 0)
		return public(rnd_below(GATEWAYS), prefix, 0, 0);
	if (rnd_below(2))
		return public(rnd_below(GATEWAYS), prefix, (uint16_t)(1 + rnd_below(2) * 1023 + rnd_below(3)), 1);
	return public(rnd_below(GATEWAYS), prefix, (uint16_t)(1024 * (1 + rnd_below(6))), 1024 * (1 + rnd_below(3)));
}

static struct gw_hnv_object *any_present(enum gw_hnv_kind kind)
{
	size_t n = gw_intent_count(env.intent, kind);
	const struct gw_hnv_object *o = NULL;

	if (n == 0)
		return NULL;
	for (size_t i = 1 + rnd_below((uint32_t)n); i; i--)
		o = gw_intent_next(env.intent, kind, o);
	return gw_hnv_object_copy(o);
}

static void one_change(void)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o = NULL;

	if (rnd_below(5) < 2) {
		o = any_present(rnd_below(4) ? GW_HNV_PUBLIC : GW_HNV_VRF);
		if (o)
			gw_intent_delete(env.intent, o, &err);
		gw_hnv_object_free(o);
		return;
	}
	if (rnd_below(4) == 0 && (o = any_present(rnd_below(2) ? GW_HNV_PUBLIC : GW_HNV_VRF))) {
		if (o->kind == GW_HNV_VRF)
			o->vrf.vsid = 5002 + rnd_below(4); /* another gateway subnet */
		else
			gw_uuid_parse(PICK(rdids), &o->public.rdid); /* another owner */
	} else {
		o = any_object();
	}
	if (gw_intent_put(env.intent, o, &err) < 0)
		gw_hnv_object_free(o);
}

static void interface_event(bool mended)
{
	const char *name = rnd_below(6) ? PICK(exits) : "out0", *addr = PICK(own), *on = rnd_below(3) ? "out0" : "lo";
	char bare[64];

	if (rnd_below(3) == 0 && if_nametoindex(on)) {
		snprintf(bare, sizeof bare, "%.*s", (int)strcspn(addr, "/"), addr);
		if (rnd_below(2))
			sh_ok("ip addr replace %s dev %s %s", addr, on, strchr(addr, ':') ? "nodad" : "");
		else
			sh_ok("ip addr del %s dev %s 2>/dev/null || true", addr, on);
	} else if (if_nametoindex(name)) {
		sh_ok("ip link delete %s", name);
	} else {
		netns_veth(&env.ns, name);
	}
	/* The kernel tells of an IPv6 address when its worker has come round to it. */
	for (int i = 0; i < 50 && !env.want_sync; i++) {
		netns_drain(&env.ns);
		usleep(i ? 10000 : 0);
	}
	if (mended && env.want_sync)
		engine_sync();
}

/* --- the oracle ------------------------------------------------------------------------------------------------------------ */

static const char *what;

static int pinned(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s/maps/%s", env.config.bpf_dir, env.config.name, name);
	fd = bpf_obj_get(path);
	check(fd >= 0, "%s: %s is not pinned", what, path);
	return fd;
}

/* A map that is expected to have just what is told of it. */
static size_t entry_is(int fd, const char *name, const void *key, const void *value, size_t n)
{
	uint8_t got[64] = {0};

	check(bpf_map_lookup_elem(fd, key, got) == 0, "%s: %s lacks an entry", what, name);
	if (memcmp(got, value, n) != 0) {
		for (size_t i = 0; i < n; i++)
			print_error("%02x%s", got[i], i % 4 == 3 ? " " : "");
		print_error("\n");
		for (size_t i = 0; i < n; i++)
			print_error("%02x%s", ((const uint8_t *)value)[i], i % 4 == 3 ? " " : "");
		check(false, " is what %s should have (%s)", name, what);
	}
	return 1;
}

static void count_is(int fd, const char *name, size_t wanted)
{
	uint8_t key[64], next[64];
	size_t n = 0;

	for (int r = bpf_map_get_next_key(fd, NULL, key); r == 0; r = bpf_map_get_next_key(fd, key, next)) {
		n++;
		if (n > 1)
			memcpy(key, next, sizeof key);
		if (bpf_map_get_next_key(fd, key, next) < 0)
			break;
	}
	check(n == wanted, "%s: %s has %zu entries instead of %zu", what, name, n, wanted);
}

static uint32_t slot_of(uint32_t vsid)
{
	struct gw_slot_key key = {.kind = GW_SLOT_EXIT, .id = vsid};
	uint32_t slot = 9999;
	int fd = pinned("slots");

	check(bpf_map_lookup_elem(fd, &key, &slot) == 0, "%s: no slot for %u", what, vsid);
	close(fd);
	return slot;
}

static struct gw_bpf_owner owner_of(const struct gw_uuid *rdid)
{
	const struct gw_hnv_object *o = gw_intent_vrf(env.intent, rdid);
	struct gw_bpf_owner w = {0};
	char name[IFNAMSIZ];

	if (!o)
		return w;
	w.vsid = o->vrf.vsid;
	w.exit = if_nametoindex(gw_vrf_exit(w.vsid, name));
	if (w.exit)
		w.slot = slot_of(w.vsid);
	w.flags = 0; /* the peers are in this namespace */
	return w;
}

/* Whether the node has it: on this interface, NULL: on any. */
static bool is_on(const char *text, const char *interface)
{
	struct gw_addr wanted = address(text), a;
	struct ifaddrs *all, *i;
	char buf[64];
	bool found = false;

	assert_int_equal(getifaddrs(&all), 0);
	for (i = all; i; i = i->ifa_next) {
		int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;

		if (interface && strcmp(i->ifa_name, interface) != 0)
			continue;
		if (family == AF_INET)
			inet_ntop(family, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, buf, sizeof buf);
		else if (family == AF_INET6)
			inet_ntop(family, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, buf, sizeof buf);
		else
			continue;
		found |= gw_addr_parse(buf, &a) == 0 && gw_addr_equal(&a, &wanted);
	}
	freeifaddrs(all);
	return found;
}

static bool is_own(const char *text)
{
	return is_on(text, NULL);
}

static struct gw_public_key key_of(const struct gw_prefix *p, struct gw_ip *ret_mask)
{
	struct gw_public_key key = {.prefixlen = (gw_addr_is_v4(&p->addr) ? 96u : 0) + p->len};

	memset(ret_mask, 0, sizeof *ret_mask);
	for (unsigned i = 0; i < key.prefixlen; i++)
		((uint8_t *)ret_mask)[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(&key.addr, &p->addr, 16);
	return key;
}

static bool seen_before(const struct gw_hnv_object *o)
{
	for (const struct gw_hnv_object *p = NULL; (p = gw_intent_next(env.intent, GW_HNV_PUBLIC, p)) && p != o;)
		if (gw_prefix_equal(&p->public.prefix, &o->public.prefix))
			return true;
	return false;
}

static bool share_seen_before(const struct gw_hnv_object *o)
{
	for (const struct gw_hnv_object *p = NULL; (p = gw_intent_next(env.intent, GW_HNV_PUBLIC, p)) && p != o;)
		if (gw_prefix_equal(&p->public.prefix, &o->public.prefix) &&
		    gw_uuid_equal(&p->public.rdid, &o->public.rdid))
			return true;
	return false;
}

static void compare_publics(void)
{
	int publics = pinned("publics"), places = pinned("places"), shares = pinned("shares");
	size_t n_publics = 0, n_places = 0, n_shares = 0;

	for (size_t i = 0; i < GW_N(own); i++) { /* the node's own */
		struct gw_prefix p = {0};
		char text[64];

		snprintf(text, sizeof text, "%.*s", (int)strcspn(own[i], "/"), own[i]);
		p.addr = address(text);
		p.len = gw_addr_is_v4(&p.addr) ? 32 : 128;
		if (is_own(text)) {
			struct gw_bpf_public v = {.owner.flags = GW_PUBLIC_SELF |
								 (is_on(text, "out0") ? 0 : GW_PUBLIC_INWARD)};
			struct gw_public_key key = key_of(&p, &v.mask);

			v.addr = key.addr;
			n_publics += entry_is(publics, "publics", &key, &v, sizeof v);
		}
	}
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(env.intent, GW_HNV_PUBLIC, o));) {
		const struct gw_public *p = &o->public;
		struct gw_bpf_public v = {.owner = owner_of(&p->rdid)};
		struct gw_public_key key = key_of(&p->prefix, &v.mask);
		struct gw_share_key share = {.addr = key.addr};
		char text[GW_ADDR_STRLEN];

		v.addr = key.addr;
		if (p->port_count)
			v.owner = (struct gw_bpf_owner){.flags = GW_PUBLIC_SHARED};
		gw_addr_format(&p->prefix.addr, text);
		if (!seen_before(o) && !(key.prefixlen == 128 && is_own(text)))
			n_publics += entry_is(publics, "publics", &key, &v, sizeof v);
		if (p->port_count && !share_seen_before(o)) {
			memcpy(share.rdid, &p->rdid, 16);
			n_shares += entry_is(shares, "shares", &share, &(uint32_t){1}, 4);
		}
		for (uint32_t n = 0; n < p->port_count; n += 1024) {
			struct gw_bpf_place place = {.addr = key.addr, .owner = owner_of(&p->rdid)};
			struct gw_place_key at = {.addr = key.addr};

			at.place = place.place =
				p->port_count == 1 ? p->first_port : 0x10000 + (p->first_port + n) / 1024;
			n_places += entry_is(places, "places", &at, &place, sizeof place);
		}
	}
	count_is(publics, "publics", n_publics);
	count_is(places, "places", n_places);
	count_is(shares, "shares", n_shares);
	close(publics);
	close(places);
	close(shares);
}

static void compare_exits(void)
{
	int fd = pinned("exits");
	size_t n = 0;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(env.intent, GW_HNV_VRF, o));) {
		struct gw_bpf_exit e = {.owner = owner_of(&o->vrf.rdid)};

		memcpy(e.rdid, &o->vrf.rdid, 16);
		if (e.owner.exit)
			n += entry_is(fd, "exits", &e.owner.exit, &e, sizeof e);
	}
	count_is(fd, "exits", n);
	close(fd);
}

static void compare_programs(void)
{
	for (size_t i = 0; i < GW_N(exits); i++)
		if (if_nametoindex(exits[i])) {
			uint32_t vsid = 5002 + (uint32_t)i;
			char command[160];
			bool has;

			snprintf(command, sizeof command, "tc filter show dev %s ingress | grep -q gw_exit_in",
				 exits[i]);
			has = system(command) == 0;
			check(has == !!gw_intent_vrf_of_vsid(env.intent, vsid), "%s: %s %s its program", what, exits[i],
			      has ? "has" : "lacks");
		}
}

static void compare(const char *after, unsigned round)
{
	static char text[64];

	snprintf(text, sizeof text, "round %u, after %s", round, after);
	what = text;
	compare_publics();
	compare_exits();
	if (round % 8 == 0)
		compare_programs();
}

/* --- tests ------------------------------------------------------------------------------------------------------------------ */

static void while_away(void)
{
	if (if_nametoindex("gwe5003"))
		sh_ok("ip link delete gwe5003");
}

static void test_property(void **state)
{
	(void)state;
	engine_walk(&(struct engine_walk){.rounds = ROUNDS,
					  .event_every = 6,
					  .restart_every = 60,
					  .one_change = one_change,
					  .interface_event = interface_event,
					  .while_away = while_away,
					  .compare = compare});
}

static void change(struct gw_hnv_object *put, struct gw_hnv_object *gone)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	if (gone)
		assert_int_equal(gw_intent_delete(env.intent, gone, &err), 0);
	if (put)
		check(gw_intent_put(env.intent, put, &err) == 0, "%s", err.message);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
	gw_hnv_object_free(gone);
}

static void count(uint32_t vsid, uint64_t n)
{
	uint64_t cells[5 * 128] = {[0] = n};
	uint32_t slot = slot_of(vsid);
	int fd = pinned("exit_stats");

	assert_int_equal(bpf_map_update_elem(fd, &slot, cells, BPF_ANY), 0);
	close(fd);
}

static json_int_t tx_of(unsigned rdid, uint32_t vsid)
{
	struct gw_hnv_object *o = gateway(rdid, vsid);
	json_t *j = json_object();
	json_int_t n;

	gw_engine_driver.describe(env.driver, o, j);
	n = json_integer_value(
		json_object_get(json_object_get(json_object_get(j, "external"), "counters"), "txPackets"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

/* Counters stay with a virtual gateway over a restart and new maps, and are never inherited by another one. */
static void test_counters(void **state)
{
	(void)state;
	what = "counting";
	change(gateway(0, 5002), NULL);
	count(5002, 11);
	assert_int_equal(tx_of(0, 5002), 11);
	env.driver = gw_engine_driver.close(env.driver);
	env.config.public_limit *= 2; /* new maps */
	engine_open();
	assert_int_equal(tx_of(0, 5002), 11);
	change(gateway(1, 5002), gateway(0, 5002)); /* the same gateway subnet for another domain */
	assert_int_equal(tx_of(1, 5002), 0);
	count(5002, 7);
	change(NULL, gateway(1, 5002));
	change(gateway(2, 5003), NULL);
	assert_int_equal(tx_of(2, 5003), 0);
	compare("all that", 0);
}

static const char *state_of(unsigned rdid, const char *prefix, char *buf, size_t n)
{
	struct gw_hnv_object *o = public(rdid, prefix, 0, 0);
	json_t *j = json_object();

	gw_engine_driver.describe(env.driver, o, j);
	snprintf(buf, n, "%s", json_string_value(json_object_get(j, "state")));
	json_decref(j);
	gw_hnv_object_free(o);
	return buf;
}

static void test_states(void **state)
{
	char text[32];

	(void)state;
	change(public(0, "203.0.113.1/32", 0, 0), NULL);
	assert_string_equal(state_of(0, "203.0.113.1/32", text, sizeof text), "Waiting");
	change(gateway(0, 5002), NULL);
	assert_string_equal(state_of(0, "203.0.113.1/32", text, sizeof text), "Ready");
	change(public(0, "192.0.2.2/32", 0, 0), NULL);
	assert_string_equal(state_of(0, "192.0.2.2/32", text, sizeof text), "Failed");
	sh_ok("ip link delete gwe5002");
	netns_drain(&env.ns);
	assert_true(env.want_sync);
	engine_sync();
	assert_string_equal(state_of(0, "203.0.113.1/32", text, sizeof text), "Waiting");
}

/* The [external] interface, the ways out of virtual gateways and the engine's own devices are no VM's. */
static void test_refused_ports(void **state)
{
	static const char *const names[] = {"out0", "gwe5002", "gwdfrg0", "gwdfrg1"};

	(void)state;
	change(gateway(0, 5002), NULL);
	for (size_t i = 0; i < GW_N(names); i++) {
		struct gw_hnv_object *o = calloc(1, sizeof *o);
		struct gw_error err = GW_ERROR_INIT;
		struct gw_delta delta;

		o->kind = GW_HNV_PORT;
		o->port = (struct gw_port){.mac = {{0, 0x15, 0x5d, 0, 0, 1}}, .vsid = 5001};
		snprintf(o->port.interface, IFNAMSIZ, "%s", names[i]);
		gw_intent_begin(env.intent);
		assert_int_equal(gw_intent_put(env.intent, o, &err), 0);
		delta = gw_intent_delta(env.intent);
		check((gw_engine_driver.check)(env.driver, env.intent, &delta, &err) == -EINVAL, "%s is taken",
		      names[i]);
		gw_intent_rollback(env.intent);
	}
}

/* The devices for fragments come with the [external] interface and go with it. */
static void test_devices(void **state)
{
	(void)state;
	assert_true(if_nametoindex("gwdfrg0") && if_nametoindex("gwdfrg1") && if_nametoindex("gwdfrg2"));
	env.driver = gw_engine_driver.close(env.driver);
	assert_true(if_nametoindex("gwdfrg2"));
	env.config.external_interface[0] = '\0';
	engine_open();
	assert_false(if_nametoindex("gwdfrg0") || if_nametoindex("gwdfrg1") || if_nametoindex("gwdfrg2"));
	check(system("tc filter show dev out0 ingress | grep -q gw_") != 0, "out0 keeps a program");
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, setup, engine_end, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("GW-1 GW-3 GW-8 API-1: the maps are what the intent says", test_property),
		T("GW-1 GW-8: counters stay with their virtual gateway", test_counters),
		T("GW-3: what a public address says of itself", test_states),
		T("GW-1: interfaces that are no VM's", test_refused_ports),
		T("GW-3: the devices for fragments", test_devices),
	};

	return run_group("edge: maps", tests, harness_setup_bare);
}
