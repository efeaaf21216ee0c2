/*
 * test_vrf_path.c - what routers outside say of a tunnel's packets that are too large for them, against the real kernel: who is
 * believed, what the tunnel's link becomes, and for how long. Covers GW-2 and MTU-4.
 */
#include "vrf_fixture.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define SITE	 "33333333-0000-0000-0000-000000000002"
#define KEY	 7
#define OVERHEAD 28
#define OUTSIDE	 (1500 - OVERHEAD) /* the link's MTU as long as nobody says anything */

/* What a router says. */
struct message {
	const char *source, *destination, *to; /* quoted; whom it is told */
	uint32_t key;
	uint16_t tag, flags, proto, df, size, mtu, fragment;
	uint8_t code;
	size_t quoted;			  /* bytes */
	unsigned more;			  /* times, at once */
	bool bad_outer_sum, bad_icmp_sum; /* as it comes */
};

static struct gw_uuid site(void)
{
	struct gw_uuid id;

	check(gw_uuid_parse(SITE, &id) == 0, SITE);
	return id;
}

static struct message message(uint16_t mtu)
{
	struct gw_uuid id = site();

	return (struct message){.source = "192.0.2.1",
				.destination = "198.51.100.9",
				.to = "192.0.2.1",
				.key = KEY,
				.tag = gw_way_tag(&id),
				.flags = 0x2000,
				.proto = 0x0800,
				.df = 0x4000,
				.size = 1500,
				.mtu = mtu,
				.code = 4,
				.quoted = 28};
}

static void put16(uint8_t *b, unsigned v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void put_ip(uint8_t *b, const char *text)
{
	struct gw_addr a = mk_ip(text);

	memcpy(b, a.b + 12, 4);
}

static uint16_t sum_of(const uint8_t *b, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)b[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

static void put_header(uint8_t *ip, uint8_t proto, const char *from, const char *to, size_t size)
{
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)size);
	ip[8] = 64;
	ip[9] = proto;
	put_ip(ip + 12, from);
	put_ip(ip + 16, to);
}

/* Comes in by wan0. */
static void say(const struct message *m)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("wan0p")};
	struct gw_link wan = netns_link(&ns, "wan0");
	uint8_t b[200] = {0}, *ip = b + 14, *icmp = ip + 20, *quote = icmp + 8, *gre = quote + 20;
	size_t n = 14 + 20 + 8 + m->quoted;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	memcpy(b, wan.mac.b, 6);
	put16(b + 12, ETHERTYPE_IP);
	put_header(ip, IPPROTO_ICMP, "203.0.113.77", m->to, n - 14);
	put16(ip + 6, m->fragment);
	put16(ip + 10, sum_of(ip, 20) ^ m->bad_outer_sum);
	icmp[0] = 3;
	icmp[1] = m->code;
	put16(icmp + 6, m->mtu);
	put_header(quote, 47, m->source, m->destination, m->size);
	put16(quote + 4, m->tag);
	put16(quote + 6, m->df);
	put16(gre, m->flags);
	put16(gre + 2, m->proto);
	put16(gre + 4, m->key >> 16);
	put16(gre + 6, m->key & 0xffff);
	put16(icmp + 2, sum_of(icmp, n - 34) ^ m->bad_icmp_sum);
	assert_true(fd >= 0);
	for (unsigned i = 0; i <= m->more; i++)
		assert_int_equal(sendto(fd, b, n, 0, (void *)&at, sizeof at), n);
	close(fd);
}

static void say_mtu(uint16_t mtu)
{
	struct message m = message(mtu);

	say(&m);
}

static struct gw_hnv_object *tunnel(uint32_t key)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION);

	check(gw_uuid_parse(RED, &o->way.rdid) == 0, RED);
	o->way.id = site();
	o->way.type = GW_WAY_GRE;
	o->way.has_destination = true;
	o->way.destination = mk_ip("198.51.100.9");
	o->way.has_key = key;
	o->way.key = key;
	return o;
}

static struct gw_hnv_object *on(const char *address, uint8_t len)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION_ADDRESS);

	o->way_address = (struct gw_way_address){.id = site(), .address = mk_ip(address), .prefix_len = len};
	check(gw_uuid_parse(RED, &o->way_address.rdid) == 0, RED);
	return o;
}

static void settle_all(void)
{
	netns_drain(&ns);
	sync_ok();
	netns_drain(&ns);
	wanted = 0;
}

static void begin_path(bool v6)
{
	begin();
	sh_ok("sysctl -qw net.ipv4.route.mtu_expires=600");
	sh_ok("ip addr add 192.0.2.9/24 dev wan0 && ip addr add 192.0.2.1/24 dev wan0");
	sync_ok();
	gw_intent_begin(intent);
	put(croute(RED, 5001, "10.0.0.0/24", "0.0.0.0"));
	put(vrf(RED, 5001, "02:67:00:00:00:01", "10.0.0.2", "fd00::2"));
	put(tunnel(KEY));
	put(on("10.254.0.1", 30));
	if (v6)
		put(on("fd00:fe::1", 64));
	commit_ok();
	settle_all();
}

static json_int_t told(const char *name)
{
	struct gw_hnv_object *o = tunnel(KEY);
	json_t *j = json_object();
	json_int_t n;

	ops->describe(driver, o, j);
	n = json_integer_value(json_object_get(j, name));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

static void wait_sync(const char *why)
{
	check(netns_wait(&ns, is_wanted, NULL, 20000), "nobody wanted a sync: %s", why);
	check(strstr(reason, why), "it was wanted since %s, not since %s", reason, why);
	settle_all();
}

#define link_is(wide, outer)                                                                                           \
	do {                                                                                                           \
		struct gw_uuid id_ = site();                                                                           \
		char name_[IFNAMSIZ];                                                                                  \
                                                                                                                       \
		assert_int_equal(told("mtu"), wide);                                                                   \
		assert_int_equal(told("pathMtu"), outer);                                                              \
		assert_int_equal(netns_link(&ns, gw_way_link(&id_, name_)).mtu, wide);                                 \
		check(sh("ip -n gwd-" NODE "-5001 link show %s | grep -q 'mtu %d '", gw_way_inside(&id_, name_),       \
			 wide) == 0,                                                                                   \
		      "in the namespace it is another");                                                               \
	} while (0)

static json_int_t repairs_of_red(void)
{
	json_t *j = described(RED);
	json_int_t n = json_integer_value(json_object_get(j, "repairs"));

	json_decref(j);
	return n;
}

static void test_narrower(void **state)
{
	(void)state;
	begin_path(true);
	link_is(OUTSIDE, 0);
	say_mtu(1400);
	wait_sync("narrower");
	link_is(1372, 1400);
	say_mtu(1350);
	wait_sync("narrower");
	link_is(1322, 1350);
	assert_int_equal(repairs_of_red(), 0);
	/* What the interface has room for counts as well. */
	sh_ok("ip link set wan0 mtu 1340");
	wait_sync("another MTU");
	link_is(1312, 1350);
	sh_ok("ip link set wan0 mtu 1500");
	wait_sync("another MTU");
	link_is(1322, 1350);
	end();
}

/* All that is wrong says 1300; what is right and comes behind it, 1400. */
static void test_refused(void **state)
{
	struct message m;

	(void)state;
	begin_path(true);
#define WRONG(field, value) (m = message(1300), m.field = (value), say(&m))
	WRONG(source, "192.0.2.9"); /* ours, but none of the tunnel's; nor is it told to that one */
	WRONG(to, "192.0.2.9");
	m = message(1300);
	m.source = m.to = "192.0.2.9";
	say(&m);
	WRONG(destination, "198.51.100.8");
	WRONG(key, 8);
	WRONG(flags, 0);
	WRONG(flags, 0x3000);
	WRONG(proto, 0x6558);
	WRONG(tag, m.tag ^ 1);
	WRONG(df, 0);
	WRONG(df, 0x2000);
	WRONG(size, 1300); /* it would have fit */
	WRONG(code, 1);
	WRONG(quoted, 27);
	WRONG(fragment, 0x2000);
	WRONG(fragment, 1);
	WRONG(bad_outer_sum, true);
	WRONG(bad_icmp_sum, true);
	WRONG(mtu, 60);
#undef WRONG
	say_mtu(1400);
	wait_sync("narrower");
	link_is(1372, 1400);
	/* Wider it becomes by time only. */
	say_mtu(1450);
	say_mtu(1390);
	wait_sync("narrower");
	link_is(1362, 1390);
	end();
}

/* Old routers do not say what they take. */
static void test_unsaid(void **state)
{
	struct message m;

	(void)state;
	begin_path(true);
	say_mtu(0);
	wait_sync("narrower");
	link_is(1492 - OVERHEAD, 1492);
	m = message(0);
	m.size = 1492;
	say(&m);
	wait_sync("narrower");
	link_is(1280, 1006);
	end();
}

static void test_least(void **state)
{
	(void)state;
	begin_path(true);
	say_mtu(1000);
	wait_sync("narrower");
	link_is(1280, 1000);
	end();
	begin_path(false);
	say_mtu(1000);
	wait_sync("narrower");
	link_is(972, 1000);
	say_mtu(100);
	wait_sync("narrower");
	link_is(576 - OVERHEAD, 100);
	/* With IPv6 on it is as wide as that needs. */
	gw_intent_begin(intent);
	put(on("fd00:fe::1", 64));
	commit_ok();
	link_is(1280, 100);
	has(5001, "con[0-9a-f]* inet6 fd00:fe::1");
	end();
}

static void test_expires(void **state)
{
	(void)state;
	begin_path(false);
	sh_ok("sysctl -qw net.ipv4.route.mtu_expires=1");
	say_mtu(1000);
	wait_sync("narrower");
	wait_sync("wider");
	link_is(OUTSIDE, 0);
	assert_int_equal(setting(5001, "ipv6/conf/all/forwarding"), 1);
	say_mtu(1400);
	wait_sync("narrower");
	wait_sync("wider");
	link_is(OUTSIDE, 0);
	end();
}

static void restart(void)
{
	driver = ops->close(driver);
	open_driver();
	settle_all();
}

static void test_taken_over(void **state)
{
	(void)state;
	begin_path(true);
	say_mtu(1400);
	wait_sync("narrower");
	restart();
	link_is(1372, 1400);
	say_mtu(1380);
	wait_sync("narrower");
	link_is(1352, 1380);
	sh_ok("sysctl -qw net.ipv4.route.mtu_expires=1");
	restart();
	wait_sync("wider");
	link_is(OUTSIDE, 0);
	restart();
	link_is(OUTSIDE, 0);
	end();
}

/* Another tunnel by the same name has another path. */
static void test_other_tunnel(void **state)
{
	struct gw_hnv_object *o;

	(void)state;
	begin_path(true);
	say_mtu(1400);
	wait_sync("narrower");
	gw_intent_begin(intent);
	put(tunnel(0)); /* the same path */
	commit_ok();
	link_is(1376, 1400);
	o = tunnel(0);
	o->way.destination = mk_ip("198.51.100.10");
	gw_intent_begin(intent);
	put(o);
	commit_ok();
	link_is(1476, 0);
	end();
}

/* Whether the right message is believed behind so many wrong guesses, which all wait when the first is read. */
static bool believed_behind(unsigned guesses, uint16_t mtu)
{
	struct message m = message(1300);

	for (unsigned i = 0; i < guesses; i++) {
		m.tag++;
		say(&m);
	}
	say_mtu(mtu);
	netns_drain(&ns);
	settle_all();
	return told("pathMtu") == mtu;
}

static bool is_believed(void *ctx)
{
	(void)ctx;
	say_mtu(1400);
	netns_drain(&ns);
	settle_all();
	return told("pathMtu") == 1400;
}

/* With the next turn. */
static void is_heard_again(void)
{
	assert_true(netns_wait(&ns, is_believed, NULL, 20000));
	link_is(1372, 1400);
}

static void test_guesses(void **state)
{
	bool stopped = false;

	(void)state;
	begin_path(true);
	assert_true(believed_behind(10, 1490));
	/* Between two of them a second may have ended; hardly three times. */
	for (uint16_t i = 0; i < 3 && !stopped; i++)
		stopped = !believed_behind(40, (uint16_t)(1480 - i));
	assert_true(stopped);
	is_heard_again();
	end();
}

/* A flood is heard in part, and not for ever. */
static void test_flood(void **state)
{
	struct message m = message(1300);

	(void)state;
	begin_path(true);
	m.destination = "198.51.100.8";
	m.more = 49;
	for (int i = 0; i < 20; i++) {
		say(&m);
		uv_run(&ns.loop, UV_RUN_NOWAIT);
	}
	is_heard_again();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_narrower),     cmocka_unit_test(test_refused), cmocka_unit_test(test_unsaid),
		cmocka_unit_test(test_least),	     cmocka_unit_test(test_expires), cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_other_tunnel), cmocka_unit_test(test_guesses), cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("paths of tunnels", tests, private_mounts, NULL);
}
