/*
 * test_way_maps.c - the engine's part in connections: which programs are where, and what the maps hold, as connections, their links
 * and what they lead to come and go. GW-2, GW-8.
 */
#include "engine_fixture.h"

#include "engine/tc.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RED  "11111111-0000-0000-0000-000000000001"
#define BLUE "11111111-0000-0000-0000-000000000002"

/* In the order of their ids. */
enum { HALL, YARD, SITE, TWIN, WAYS };

static struct gw_uuid uuid(const char *text)
{
	struct gw_uuid id;

	check(gw_uuid_parse(text, &id) == 0, "%s", text);
	return id;
}

static struct gw_uuid id_of(int w)
{
	char text[64];

	snprintf(text, sizeof text, "33333333-0000-0000-0000-%012d", w + 1);
	return uuid(text);
}

static const char *link_of(int w)
{
	static char name[IFNAMSIZ];
	struct gw_uuid id = id_of(w);

	return gw_way_link(&id, name);
}

static int setup(void **state)
{
	(void)state;
	engine_begin();
	strcpy(env.config.external_interface, "out0");
	env.config.vrf_limit = 3;
	env.config.way_limit = 4;
	netns_veth(&env.ns, "out0");
	netns_veth(&env.ns, "seg0");
	sh_ok("ip addr add 192.0.2.2/24 dev out0");
	for (int w = 0; w < WAYS; w++)
		netns_veth(&env.ns, link_of(w));
	engine_open();
	return 0;
}

static struct gw_hnv_object *way(int w, const char *rdid, uint16_t vlan)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_CONNECTION;
	o->way = (struct gw_way){
		.id = id_of(w), .rdid = uuid(rdid), .type = w < SITE ? GW_WAY_L3 : GW_WAY_GRE, .vlan = vlan};
	if (w >= SITE) {
		o->way.has_destination = o->way.has_key = true;
		o->way.destination = address("198.51.100.9");
		o->way.key = 7;
	} else if (vlan) {
		o->way.has_interface = true;
		strcpy(o->way.interface, "seg0");
	}
	return o;
}

static void change(struct gw_hnv_object *o, bool put)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	if (put)
		check(gw_intent_put(env.intent, o, &err) == 0, "%s: %s", err.target, err.message);
	else
		check(gw_intent_delete(env.intent, o, &err) == 0, "%s: %s", err.target, err.message);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
	if (!put)
		gw_hnv_object_free(o);
}

/* --- what is there --- */

static int pinned(const char *map)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/test/maps/%s", world.bpf_dir, map);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static size_t entries(const char *map)
{
	char key[64], next[64];
	int fd = pinned(map);
	size_t n = 0;

	for (bool more = bpf_map_get_next_key(fd, NULL, key) == 0; more; n++) {
		more = bpf_map_get_next_key(fd, key, next) == 0;
		memcpy(key, next, sizeof key);
	}
	close(fd);
	return n;
}

static bool lookup(const char *map, const void *key, void *ret)
{
	int fd = pinned(map), r = bpf_map_lookup_elem(fd, key, ret);

	close(fd);
	return r == 0;
}

/* The link that a frame for this MAC address gets to; 0: none. */
static uint32_t tap(const char *interface, uint16_t vlan, const uint8_t *mac)
{
	struct gw_tap_key key = {.interface = if_nametoindex(interface), .vlan = vlan};
	struct gw_bpf_tap t;

	memcpy(key.mac, mac, sizeof key.mac);
	return lookup("taps", &key, &t) ? t.link : 0;
}

static void has_tap(const char *interface, uint16_t vlan, int w, uint8_t member)
{
	struct gw_uuid id = id_of(w);
	struct gw_mac mac = gw_way_mac(&id);
	uint32_t link = if_nametoindex(link_of(w));

	check(tap(interface, vlan, mac.b) == link, "%s has no tap at %s, VLAN %u", link_of(w), interface, vlan);
	check(tap(interface, vlan, (uint8_t[]){1, 0, 0, 0, 0, member}) == link, "%s is not member %u", link_of(w),
	      member);
}

static struct gw_bpf_way out_of(int w)
{
	uint32_t link = if_nametoindex(link_of(w));
	struct gw_bpf_way way = {0};

	check(lookup("ways", &link, &way), "%s leads nowhere", link_of(w));
	return way;
}

static uint32_t tunnel(void)
{
	struct gw_tunnel_key key = {
		.source = ip_of("192.0.2.2"), .destination = ip_of("198.51.100.9"), .key = htonl(7), .has_key = 1};
	struct gw_bpf_tunnel t;

	return lookup("tunnels", &key, &t) ? t.link : 0;
}

static bool has_program(const char *interface)
{
	unsigned index = if_nametoindex(interface);

	return index && gw_tc_program((int)index);
}

static bool listens(const char *interface)
{
	return sh("ip -o link show %s | grep -q PROMISC", interface) == 0;
}

static void state_is(struct gw_hnv_object *o, const char *state, const char *detail)
{
	json_t *j = json_object();
	const char *s, *d;

	gw_engine_driver.describe(env.driver, o, j);
	s = json_string_value(json_object_get(j, "state"));
	d = json_string_value(json_object_get(j, "stateDetail"));
	check(s && !strcmp(s, state), "%s (%s) instead of %s", s ? s : "nothing", d ? d : "", state);
	check(detail ? d && strstr(d, detail) : !d, "it says %s", d ? d : "nothing");
	assert_true(json_is_object(json_object_get(j, "counters")));
	json_decref(j);
	gw_hnv_object_free(o);
}

/* --- tests --- */

static void test_l3(void **state)
{
	struct gw_bpf_way w;

	(void)state;
	change(way(HALL, RED, 70), true);
	has_tap("seg0", 70, HALL, 0);
	w = out_of(HALL);
	assert_int_equal(w.out, if_nametoindex("seg0"));
	assert_int_equal(w.vlan, 70);
	assert_true(has_program(link_of(HALL)) && has_program("seg0"));
	assert_true(listens("seg0")); /* a card would keep what is for another MAC address, or VLAN, to itself */
	state_is(way(HALL, RED, 70), "Ready", NULL);
	change(way(YARD, BLUE, 70), true);
	has_tap("seg0", 70, HALL, 0);
	has_tap("seg0", 70, YARD, 1);
	change(way(HALL, RED, 70), false);
	has_tap("seg0", 70, YARD, 0);
	assert_int_equal(entries("taps"), 2);
	assert_int_equal(entries("ways"), 1);
	assert_false(has_program(link_of(HALL)));
	assert_true(has_program("seg0"));
	/* Another VLAN, another interface. */
	change(way(YARD, BLUE, 71), true);
	has_tap("seg0", 71, YARD, 0);
	change(way(YARD, BLUE, 0), true); /* the [external] one */
	has_tap("out0", 0, YARD, 0);
	assert_int_equal(entries("taps"), 2);
	assert_false(has_program("seg0") || listens("seg0"));
	assert_true(has_program("out0") && listens("out0"));
	change(way(YARD, BLUE, 0), false);
	assert_int_equal(entries("taps") + entries("ways"), 0);
	assert_true(has_program("out0") && !listens("out0"));
	/* What somebody else wants stays. */
	sh_ok("ip link set seg0 promisc on");
	netns_drain(&env.ns);
	change(way(HALL, RED, 70), true);
	change(way(HALL, RED, 70), false);
	assert_true(listens("seg0"));
	sh_ok("ip link set seg0 promisc off");
}

static void test_interfaces_go(void **state)
{
	(void)state;
	change(way(HALL, RED, 70), true);
	sh_ok("ip link delete seg0");
	netns_drain(&env.ns);
	assert_true(env.want_sync);
	engine_sync();
	assert_int_equal(entries("taps"), 0);
	assert_int_equal(out_of(HALL).out, 0);
	state_is(way(HALL, RED, 70), "Waiting", "does not exist");
	netns_veth(&env.ns, "seg0");
	netns_drain(&env.ns);
	engine_sync();
	has_tap("seg0", 70, HALL, 0);
	assert_true(has_program("seg0") && listens("seg0"));
	env.want_sync = false;
	sh_ok("ip link set seg0 promisc off");
	netns_drain(&env.ns);
	assert_true(env.want_sync);
	engine_sync();
	assert_true(listens("seg0"));
	sh_ok("ip link delete %s", link_of(HALL));
	netns_drain(&env.ns);
	engine_sync();
	assert_int_equal(entries("taps") + entries("ways"), 0);
	state_is(way(HALL, RED, 70), "Waiting", "link is not there");
	netns_veth(&env.ns, link_of(HALL));
	netns_drain(&env.ns);
	engine_sync();
	has_tap("seg0", 70, HALL, 0);
	state_is(way(HALL, RED, 70), "Ready", NULL);
	change(way(HALL, RED, 70), false);
}

static void test_gre(void **state)
{
	struct gw_bpf_way w;

	(void)state;
	change(way(SITE, RED, 0), true);
	w = out_of(SITE);
	assert_int_equal(w.type, GW_ABI_GRE);
	assert_int_equal(w.out, if_nametoindex("out0"));
	assert_int_equal(ntohl(w.key), 7);
	assert_int_equal(tunnel(), if_nametoindex(link_of(SITE)));
	/* What cannot be told apart is one's only. */
	change(way(TWIN, BLUE, 0), true);
	assert_int_equal(tunnel(), if_nametoindex(link_of(SITE)));
	assert_int_equal(out_of(TWIN).out, 0);
	state_is(way(TWIN, BLUE, 0), "Waiting", "another key");
	change(way(SITE, RED, 0), false);
	assert_int_equal(tunnel(), if_nametoindex(link_of(TWIN)));
	state_is(way(TWIN, BLUE, 0), "Ready", NULL);
	/* Without an address outside there is no tunnel. */
	sh_ok("ip addr del 192.0.2.2/24 dev out0");
	netns_drain(&env.ns);
	engine_sync();
	assert_int_equal(entries("tunnels"), 0);
	assert_int_equal(out_of(TWIN).out, 0);
	sh_ok("ip addr add 192.0.2.2/24 dev out0");
	netns_drain(&env.ns);
	engine_sync();
	assert_int_equal(tunnel(), if_nametoindex(link_of(TWIN)));
	change(way(TWIN, BLUE, 0), false);
	assert_int_equal(entries("tunnels") + entries("ways"), 0);
}

/* --- more in a VLAN than a frame for a group is copied for --- */

#define CROWD (GW_TAP_MEMBERS + 1)

static int setup_crowd(void **state)
{
	(void)state;
	engine_begin();
	env.config.vrf_limit = 3;
	env.config.way_limit = CROWD;
	netns_veth(&env.ns, "seg0");
	for (int w = 0; w < CROWD; w++)
		netns_veth(&env.ns, link_of(w));
	engine_open();
	return 0;
}

static struct gw_hnv_object *in_yard(int w)
{
	struct gw_hnv_object *o = way(YARD, RED, 70);

	o->way.id = id_of(w);
	return o;
}

/* That is said by its report, and not passed over. */
static bool hears(int w)
{
	struct gw_hnv_object *o = in_yard(w);
	json_t *told = json_object();
	bool ready;

	gw_engine_driver.describe(env.driver, o, told);
	ready = !strcmp(json_string_value(json_object_get(told, "state")), "Ready");
	check(ready != (json_object_get(told, "stateDetail") != NULL), "%s: %s", link_of(w),
	      json_string_value(json_object_get(told, "stateDetail")));
	json_decref(told);
	gw_hnv_object_free(o);
	return ready;
}

static void test_crowd(void **state)
{
	(void)state;
	for (int w = 0; w < CROWD; w++)
		change(in_yard(w), true);
	assert_int_equal(entries("ways"), CROWD);
	assert_int_equal(entries("taps"), CROWD + GW_TAP_MEMBERS);
	for (int w = 0; w < CROWD; w++)
		check(hears(w) == (w < GW_TAP_MEMBERS), "%d", w);
	change(in_yard(0), false);
	for (int w = 1; w < CROWD; w++)
		assert_true(hears(w));
	for (int w = 1; w < CROWD; w++)
		change(in_yard(w), false);
}

/* A process that comes after another changes nothing; what went meanwhile leaves no trace. */
static void test_taken_over(void **state)
{
	struct gw_hnv_object *key = way(HALL, RED, 70);
	unsigned program;

	(void)state;
	change(way(HALL, RED, 70), true);
	change(way(SITE, RED, 0), true);
	program = gw_tc_program((int)if_nametoindex("seg0"));
	assert_true(program);
	env.driver = gw_engine_driver.close(env.driver);
	engine_open();
	has_tap("seg0", 70, HALL, 0);
	assert_int_equal(tunnel(), if_nametoindex(link_of(SITE)));
	env.driver = gw_engine_driver.close(env.driver);
	gw_intent_begin(env.intent);
	assert_int_equal(gw_intent_delete(env.intent, key, &(struct gw_error){0}), 0);
	gw_hnv_object_free(key);
	gw_intent_commit(env.intent);
	engine_open();
	assert_int_equal(entries("taps"), 0);
	assert_false(has_program("seg0") || listens("seg0") || has_program(link_of(HALL)));
	assert_int_equal(tunnel(), if_nametoindex(link_of(SITE)));
	change(way(SITE, RED, 0), false);
}

/* --- packets, by the other ends of the links --- */

#define MAC_HOST ((struct mac){{0x02, 0x0d, 0, 0, 0, 1}})

static struct mac mac_of_way(int w)
{
	struct gw_uuid id = id_of(w);
	struct gw_mac mac = gw_way_mac(&id);
	struct mac m;

	memcpy(m.b, mac.b, sizeof m.b);
	return m;
}

static int wire(const char *link)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1;
	char name[32];

	snprintf(name, sizeof name, "%sp", link);
	a.sll_ifindex = (int)if_nametoindex(name);
	assert_true(fd >= 0 && a.sll_ifindex);
	assert_int_equal(bind(fd, (void *)&a, sizeof a), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on), 0);
	return fd;
}

/* The tag of the next frame that is one of the test's own, IPv4 with TTL 77 at the offset; -1: untagged, -2: none came. */
static int next_tag(int fd, uint8_t *b, size_t size, size_t *ret_n, size_t inner)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 2000) == 1) {
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct iovec io = {.iov_base = b, .iov_len = size};
		struct msghdr m = {
			.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
		struct tpacket_auxdata aux = {0};
		ssize_t n = recvmsg(fd, &m, 0);

		assert_true(n > 0);
		if ((size_t)n < inner + 20 || b[inner] != 0x45 || b[inner + 8] != 77)
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
				memcpy(&aux, CMSG_DATA(c), sizeof aux);
		*ret_n = (size_t)n;
		return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : -1;
	}
	return -2;
}

static struct pkt frame(struct mac to, struct mac from)
{
	struct pkt p = {0};
	size_t at;

	pkt_eth(&p, to, from);
	at = pkt_ip4(&p, "172.20.0.9", "10.0.1.11");
	p.b[at + 8] = 77;
	pkt_udp(&p, 1000, 2000);
	pkt_fill(&p, 64);
	pkt_close(&p);
	return p;
}

static void send_on(int fd, const struct pkt *p)
{
	assert_int_equal(send(fd, p->b, p->len, 0), p->len);
}

#define came(fd, inner, tag)                                                                                           \
	do {                                                                                                           \
		int got_ = next_tag(fd, b, sizeof b, &n, inner);                                                       \
		check(got_ == (tag), "%s:%d: tag %d, should be %d", __FILE__, __LINE__, got_, tag);                    \
	} while (0)

static void test_tags_on_the_wire(void **state)
{
	int hall, yard, seg;
	uint8_t b[2048] = {0};
	struct pkt p;
	size_t n;

	(void)state;
	change(way(HALL, RED, 70), true);
	change(way(YARD, BLUE, 70), true);
	hall = wire(link_of(HALL));
	yard = wire(link_of(YARD));
	seg = wire("seg0");
	p = frame(MAC_HOST, mac_of_way(HALL));
	send_on(hall, &p);
	came(seg, 14, 70);
	assert_int_equal(n, p.len);
	assert_bytes(b, p.b, n);
	p = frame(mac_of_way(YARD), MAC_HOST);
	pkt_tag(&p, 0x8100, 70);
	send_on(seg, &p);
	came(yard, 14, -1);
	assert_int_equal(n, p.len - 4);
	p = frame(MAC_BCAST, MAC_HOST); /* to all of the VLAN */
	pkt_tag(&p, 0x8100, 70);
	send_on(seg, &p);
	came(yard, 14, -1);
	came(hall, 14, -1);
	p = frame(MAC_BCAST, mac_of_way(HALL)); /* out, and to the others here */
	send_on(hall, &p);
	came(seg, 14, 70);
	came(yard, 14, -1);
	p = frame(mac_of_way(YARD), mac_of_way(HALL)); /* not out */
	send_on(hall, &p);
	came(yard, 14, -1);
	p = frame(MAC_HOST, mac_of_way(YARD));
	send_on(yard, &p);
	came(seg, 14, 70);
	assert_memory_equal(b + 6, mac_of_way(YARD).b, 6);
	close(hall);
	close(yard);
	close(seg);
	change(way(HALL, RED, 70), false);
	change(way(YARD, BLUE, 70), false);
}

static void test_tunnel_on_the_wire(void **state)
{
	int site, out;
	uint8_t b[2048] = {0};
	struct pkt p, q;
	size_t n;

	(void)state;
	sh_ok("ip route add 198.51.100.0/24 via 192.0.2.1 && ip neigh add 192.0.2.1 lladdr 02:0d:00:00:00:01 dev out0");
	change(way(SITE, RED, 0), true);
	site = wire(link_of(SITE));
	out = wire("out0");
	p = frame(MAC_HOST, mac_of_way(SITE));
	send_on(site, &p);
	came(out, 42, -1);
	assert_int_equal(n, p.len + 28);
	assert_memory_equal(b, MAC_HOST.b, 6);
	assert_int_equal(get16(b + 12), 0x0800);
	assert_int_equal(get32(b + 38), 7);
	assert_bytes(b + 42, p.b + 14, p.len - 14);
	/* And back, as if the other side had sent it. */
	q = (struct pkt){.len = n};
	memcpy(q.b, b, n);
	memcpy(q.b + 26, b + 30, 4);
	memcpy(q.b + 30, b + 26, 4);
	pkt_fix_ip4(q.b + 14);
	memcpy(q.b + 6, b, 6);
	memcpy(q.b, b + 6, 6);
	send_on(out, &q);
	came(site, 14, -1);
	assert_int_equal(n, p.len);
	assert_memory_equal(b, mac_of_way(SITE).b, 6);
	assert_bytes(b + 14, p.b + 14, n - 14);
	close(site);
	close(out);
	change(way(SITE, RED, 0), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_l3, setup, engine_end),
		cmocka_unit_test_setup_teardown(test_interfaces_go, setup, engine_end),
		cmocka_unit_test_setup_teardown(test_gre, setup, engine_end),
		cmocka_unit_test_setup_teardown(test_crowd, setup_crowd, engine_end),
		cmocka_unit_test_setup_teardown(test_taken_over, setup, engine_end),
		cmocka_unit_test_setup_teardown(test_tags_on_the_wire, setup, engine_end),
		cmocka_unit_test_setup_teardown(test_tunnel_on_the_wire, setup, engine_end),
	};

	return run_group("connections in maps", tests, harness_setup_bare);
}
