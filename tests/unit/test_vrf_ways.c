/*
 * test_vrf_ways.c - connections of virtual gateways in their VRFs, against the real kernel: links, addresses and routes made,
 * changed, taken over, repaired and removed. Covers GW-1, GW-2 and GW-8 as far as the namespace goes.
 */
#include "vrf_fixture.h"

#define RED_MAC	 "02:67:00:00:00:01"
#define BLUE_MAC "02:67:00:00:00:02"
#define HALL	 "33333333-0000-0000-0000-000000000001"
#define SITE	 "33333333-0000-0000-0000-000000000002"
#define OTHER	 "33333333-0000-0000-0000-000000000003"

static struct gw_uuid uuid(const char *text)
{
	struct gw_uuid id;

	check(gw_uuid_parse(text, &id) == 0, "%s", text);
	return id;
}

static struct gw_hnv_object *l3(const char *rdid, const char *id, const char *interface, uint16_t vlan)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION);

	o->way = (struct gw_way){
		.id = uuid(id), .rdid = uuid(rdid), .type = GW_WAY_L3, .has_interface = true, .vlan = vlan};
	snprintf(o->way.interface, sizeof o->way.interface, "%s", interface);
	return o;
}

static struct gw_hnv_object *gre(const char *rdid, const char *id, uint32_t key)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION);

	o->way = (struct gw_way){.id = uuid(id),
				 .rdid = uuid(rdid),
				 .type = GW_WAY_GRE,
				 .has_destination = true,
				 .destination = mk_ip("198.51.100.9"),
				 .has_key = key,
				 .key = key};
	return o;
}

static struct gw_hnv_object *on(const char *rdid, const char *id, const char *address, uint8_t len, bool peer)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION_ADDRESS);

	o->way_address = (struct gw_way_address){
		.id = uuid(id), .rdid = uuid(rdid), .address = mk_ip(address), .prefix_len = len, .peer = peer};
	return o;
}

static struct gw_hnv_object *behind(const char *rdid, const char *id, const char *prefix, const char *hop,
				    uint32_t metric)
{
	struct gw_hnv_object *o = object(GW_HNV_CONNECTION_ROUTE);

	o->way_route =
		(struct gw_way_route){.id = uuid(id), .rdid = uuid(rdid), .next_hop = mk_ip(hop), .metric = metric};
	check(gw_prefix_parse(prefix, &o->way_route.prefix) == 0, "%s", prefix);
	return o;
}

/* A connection's link, by its name on the node ("gwc...") or in the namespace ("con..."). */
static const char *node_link(const char *id)
{
	static char name[IFNAMSIZ];
	struct gw_uuid u = uuid(id);

	return gw_way_link(&u, name);
}

static const char *inside_link(const char *id)
{
	static char name[IFNAMSIZ];
	struct gw_uuid u = uuid(id);

	return gw_way_inside(&u, name);
}

/* A line of the namespace in which "con" stands for the connection's link. */
static bool is_inside(uint32_t vsid, const char *id, const char *line)
{
	const char *at = strstr(line, "@");
	char text[256];

	snprintf(text, sizeof text, "%.*s%s%s", at ? (int)(at - line) : 256, line, at ? inside_link(id) : "",
		 at ? at + 1 : "");
	return inside(vsid, text);
}

#define has_way(vsid, id, line)	   check(is_inside(vsid, id, line), "VSID %u has no %s", vsid, line)
#define has_no_way(vsid, id, line) check(!is_inside(vsid, id, line), "VSID %u has %s", vsid, line)

static bool exists(const char *link)
{
	return sh("ip link show %s >/dev/null 2>&1", link) == 0;
}

static void with_both(void (*with)(struct gw_hnv_object *o))
{
	with(croute(RED, 5001, "10.0.0.0/24", "0.0.0.0"));
	with(vrf(RED, 5001, RED_MAC, "10.0.0.2", "fd00::2"));
	with(l3(RED, HALL, "trunk0", 70));
	with(on(RED, HALL, "10.70.0.2", 24, false));
	with(on(RED, HALL, "fd00:70::2", 64, false));
	with(on(RED, HALL, "10.70.0.1", 32, true));
	with(behind(RED, HALL, "172.20.0.0/16", "10.70.0.1", 10));
	with(behind(RED, HALL, "2001:db8:20::/48", "fd00:70::1", 10));
	with(gre(RED, SITE, 7));
	with(on(RED, SITE, "10.254.0.1", 30, false));
	with(on(RED, SITE, "10.254.0.2", 32, true));
	with(behind(RED, SITE, "172.20.0.0/16", "10.254.0.2", 20));
	with(behind(RED, SITE, "2001:db8:30::/48", "::", 0));
	with(croute(BLUE, 6001, "10.0.0.0/24", "0.0.0.0"));
	with(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
	with(l3(BLUE, OTHER, "trunk0", 71));
	with(on(BLUE, OTHER, "10.70.0.2", 24, false));
}

static void begin_ways(void)
{
	begin();
	netns_veth(&ns, "trunk0");
	sync_ok();
	gw_intent_begin(intent);
	with_both(put);
	commit_ok();
	netns_drain(&ns);
	wanted = 0;
}

static void end_ways(void)
{
	end();
	assert_int_equal(sh("ip -o link | grep -q ' gwc'"), 1);
}

static void all_there(void)
{
	has_way(5001, HALL, "@ inet 10.70.0.2/24");
	has_way(5001, HALL, "@ inet6 fd00:70::2/64");
	has_way(5001, HALL, "@ inet6 fe80::"); /* by which it asks for its neighbours */
	has_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @ proto 103 metric 10 onlink");
	has_way(5001, HALL, "2001:db8:20::/48 via fd00:70::1 dev @ proto 103 metric 10");
	has_way(5001, HALL, "@: .* mtu 1500 .*link/ether 02:");
	has_way(5001, SITE, "@ inet 10.254.0.1/32");
	has_no_way(5001, SITE, "@ inet6 ");
	has_way(5001, SITE, "10.254.0.0/30 via 169.254.1.1 dev @ proto 103 onlink");
	has_way(5001, SITE, "10.254.0.2 via 169.254.1.1 dev @ proto 103 onlink");
	has_way(5001, SITE, "172.20.0.0/16 via 169.254.1.1 dev @ proto 103 metric 20 onlink");
	has_way(5001, SITE, "2001:db8:30::/48 via fe80::1 dev @ proto 103 metric 1024");
	has_way(5001, SITE, "169.254.1.1 dev @ lladdr .* PERMANENT proto 103");
	has_way(5001, SITE, "@: .* mtu 1472 ");
	has_way(6001, OTHER, "@ inet 10.70.0.2/24");
	has_no_way(6001, HALL, "@: ");
	assert_true(exists(node_link(HALL)) && exists(node_link(SITE)) && exists(node_link(OTHER)));
}

static void test_there(void **state)
{
	(void)state;
	begin_ways();
	all_there();
	has(5001, "default via 169.254.1.1 dev ext0 proto 103 onlink");
	sync_ok();
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	assert_int_equal(sh("ethtool -k %s | grep -q '^tx-checksumming: off'", node_link(SITE)), 0);
	assert_int_equal(sh("nsenter --net=/run/netns/gwd-" NODE
			    "-5001 ethtool -k %s | grep -q '^tx-checksumming: off'",
			    inside_link(SITE)),
			 0);
	assert_int_equal(sh("ethtool -k %s | grep -q '^tx-checksumming: on'", node_link(HALL)), 0);
	end_ways();
}

static void test_changed(void **state)
{
	(void)state;
	begin_ways();
	/* What leads everywhere is preferred to the way out that all have. */
	gw_intent_begin(intent);
	put(behind(RED, HALL, "0.0.0.0/0", "10.70.0.1", 50));
	commit_ok();
	has_way(5001, HALL, "default via 10.70.0.1 dev @ proto 103 metric 50 onlink");
	has(5001, "default via 169.254.1.1 dev ext0 proto 103 metric 4294967295 onlink");
	has_not(5001, "default via 169.254.1.1 dev ext0 proto 103 onlink");
	take(behind(RED, HALL, "0.0.0.0/0", "10.70.0.1", 50));
	has(5001, "default via 169.254.1.1 dev ext0 proto 103 onlink");
	/* Without a key a tunnel has more room. */
	gw_intent_begin(intent);
	put(gre(RED, SITE, 0));
	commit_ok();
	has_way(5001, SITE, "@: .* mtu 1476 ");
	sh_ok("ip link set trunk0 mtu 1400");
	repairs("another MTU");
	has_way(5001, HALL, "@: .* mtu 1400 ");
	/* It goes with all that is on it; the rest stays. */
	gw_intent_begin(intent);
	drop(l3(RED, HALL, "trunk0", 70));
	commit_ok();
	assert_false(exists(node_link(HALL)));
	has_not(5001, "2001:db8:20::/48");
	has_way(5001, SITE, "172.20.0.0/16 via 169.254.1.1 dev @ proto 103 metric 20 onlink");
	assert_true(exists(node_link(OTHER)));
	end_ways();
}

static void test_taken_over(void **state)
{
	(void)state;
	begin_ways();
	sh_ok("ip -o link show %s > before", node_link(HALL));
	driver = ops->close(driver);
	open_driver();
	sync_ok();
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	all_there();
	sh_ok("ip -o link show %s | diff before - && rm before", node_link(HALL));
	state_is(RED, "Ready", NULL);
	end_ways();
}

static void test_repaired(void **state)
{
	(void)state;
	begin_ways();
	sh_ok("ip -n gwd-" NODE "-5001 route del 172.20.0.0/16 metric 10");
	repairs("route 172.20.0.0/16 was removed");
	sh_ok("ip -n gwd-" NODE "-5001 addr del 10.70.0.2/24 dev %s", inside_link(HALL));
	repairs("was removed");
	sh_ok("ip link del %s", node_link(SITE));
	repairs("of VRF");
	sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 sysctl -qw net.ipv4.conf.%s.forwarding=0", inside_link(HALL));
	repairs("settings were changed");
	assert_int_equal(setting(5001, "ipv4/conf/all/forwarding"), 1);
	assert_int_equal(sh("exit $(nsenter --net=/run/netns/gwd-" NODE
			    "-5001 cat /proc/sys/net/ipv4/conf/%s/forwarding)",
			    inside_link(HALL)),
			 1);
	assert_int_equal(sh("exit $(nsenter --net=/run/netns/gwd-" NODE
			    "-5001 cat /proc/sys/net/ipv4/neigh/%s/mcast_solicit)",
			    inside_link(HALL)),
			 2);
	/* Nobody on it is answered for what the virtual gateway is called elsewhere. */
	assert_int_equal(sh("exit $(nsenter --net=/run/netns/gwd-" NODE
			    "-5001 cat /proc/sys/net/ipv4/conf/%s/arp_ignore)",
			    inside_link(HALL)),
			 1);
	sh_ok("ip link set %s down", node_link(OTHER));
	repairs("of VRF");
	sh_ok("ip -n gwd-" NODE "-5001 link set %s address 02:00:00:00:00:77", inside_link(HALL));
	repairs("of VRF");
	all_there();
	end_ways();
}

/* Of what nobody wants any more nothing is left, also when it went while nobody looked. */
static void test_removed(void **state)
{
	(void)state;
	begin_ways();
	gw_intent_begin(intent);
	drop(l3(RED, HALL, "trunk0", 70));
	drop(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
	drop(l3(BLUE, OTHER, "trunk0", 71));
	driver = ops->close(driver);
	gw_intent_commit(intent);
	open_driver();
	sync_ok();
	assert_false(exists(node_link(HALL)));
	assert_false(exists(node_link(OTHER)));
	has_no_way(5001, HALL, "@: ");
	assert_true(exists(node_link(SITE)));
	end_ways();
}

/* All go, and come again before the thread has taken them away: what is there then is new, and whole. */
static void test_come_again(void **state)
{
	unsigned before, now;

	(void)state;
	begin_ways();
	for (int round = 0; round < 3; round++) {
		before = if_nametoindex(node_link(HALL));
		gw_intent_begin(intent);
		with_both(drop);
		commit_ok();
		gw_intent_begin(intent);
		with_both(put);
		commit_ok();
		sync_ok();
		all_there();
		now = if_nametoindex(node_link(HALL));
		check(now != 0 && now != before, "the link is number %u as before", now);
		state_is(RED, "Ready", NULL);
	}
	/* They go for good: links of connections with the others, not when the kernel has let go of the namespace. */
	gw_intent_begin(intent);
	with_both(drop);
	commit_ok();
	sync_ok();
	assert_false(exists(node_link(HALL)) || exists(node_link(SITE)) || exists(node_link(OTHER)));
	end_ways();
}

/* A process ends while they go; to the next one they are nobody's, by their links too. */
static void test_end_while_they_go(void **state)
{
	(void)state;
	begin_ways();
	gw_intent_begin(intent);
	with_both(drop);
	driver = ops->close(driver);
	gw_intent_commit(intent);
	sh_ok("umount /run/netns/gwd-" NODE "-5001; rm /run/netns/gwd-" NODE
	      "-5001"); /* the links go some time later */
	open_driver();
	sync_ok();
	assert_false(exists(node_link(HALL)));
	assert_int_equal(sh("ip -o link | grep -E ' gw[coe][0-9a-z]+@'"), 1);
	end_ways();
}

struct reach {
	struct gw_hnv_object *key;
	const char *state;
};

static bool reaches(void *ctx)
{
	const struct reach *r = ctx;
	json_t *j = json_object();
	const char *state;
	bool is;

	ops->describe(driver, r->key, j);
	state = json_string_value(json_object_get(j, "connectionState"));
	is = state && !strcmp(state, r->state);
	json_decref(j);
	return is;
}

static void wait_reach(struct gw_hnv_object *key, const char *state)
{
	struct reach r = {key, state};

	check(netns_wait(&ns, reaches, &r, 20000), "it does not become %s", state);
	gw_hnv_object_free(key);
	sync_ok();
	settle();
}

static json_int_t repairs_of(const char *rdid)
{
	json_t *j = described(rdid);
	json_int_t n = json_integer_value(json_object_get(j, "repairs"));

	json_decref(j);
	return n;
}

static json_int_t up_time(struct gw_hnv_object *key)
{
	json_t *j = json_object();
	json_int_t n;

	ops->describe(driver, key, j);
	n = json_integer_value(json_object_get(j, "connectionUpTime"));
	json_decref(j);
	gw_hnv_object_free(key);
	return n;
}

/* While the other side does not answer the routes are out of force, and the next metric has its turn. */
static void test_silent(void **state)
{
	json_int_t repairs_before;

	(void)state;
	begin_ways();
	repairs_before = repairs_of(RED);
	sh_ok("ip addr add 10.70.0.1/24 dev %s", node_link(HALL));
	wait_reach(l3(RED, HALL, "trunk0", 70), "Connected");
	wait_reach(gre(RED, SITE, 7), "Disconnected"); /* nobody is there */
	wait_reach(l3(BLUE, OTHER, "trunk0", 71), "Unknown");
	has_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @ proto 103 metric 10 onlink");
	has_no_way(5001, SITE, "172.20.0.0/16 via 169.254.1.1 dev @");
	has_no_way(5001, SITE, "2001:db8:30::/48");
	has(5001, "unreachable 172.20.0.0/16 proto 103 metric 4294967295"); /* not out to everybody */
	has(5001, "unreachable 2001:db8:30::/48 dev lo proto 103 metric 4294967295");
	has_way(5001, SITE, "10.254.0.2 via 169.254.1.1 dev @ proto 103 onlink"); /* by which it is asked for */
	has_way(6001, OTHER, "@ inet 10.70.0.2/24");
	sh_ok("ip addr del 10.70.0.1/24 dev %s && ip addr add 10.254.0.2/32 dev %s", node_link(HALL), node_link(SITE));
	sh_ok("ip route add 10.254.0.1 dev %s", node_link(SITE));
	wait_reach(gre(RED, SITE, 7), "Connected");
	wait_reach(l3(RED, HALL, "trunk0", 70), "Disconnected");
	has_no_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @");
	has_no_way(5001, HALL, "2001:db8:20::/48");
	has_way(5001, SITE, "172.20.0.0/16 via 169.254.1.1 dev @ proto 103 metric 20 onlink");
	/* Whoever takes over leaves it so. */
	driver = ops->close(driver);
	netns_drain(&ns);
	open_driver();
	sync_ok();
	has_no_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @");
	has_way(5001, SITE, "172.20.0.0/16 via 169.254.1.1 dev @ proto 103 metric 20 onlink");
	wait_reach(gre(RED, SITE, 7), "Connected");
	assert_true(up_time(gre(RED, SITE, 7)) >= 2); /* as long as the other one took to be found silent */
	sh_ok("ip addr add 10.70.0.1/24 dev %s", node_link(HALL));
	wait_reach(l3(RED, HALL, "trunk0", 70), "Connected");
	has_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @ proto 103 metric 10 onlink");
	has_not(5001, "unreachable 172.20.0.0/16");
	assert_int_equal(repairs_of(RED), repairs_before); /* nothing was anybody's doing */
	/* Nobody asks any more: they count again. */
	sh_ok("ip addr del 10.70.0.1/24 dev %s", node_link(HALL));
	wait_reach(l3(RED, HALL, "trunk0", 70), "Disconnected");
	take(on(RED, HALL, "10.70.0.1", 32, true));
	wait_reach(l3(RED, HALL, "trunk0", 70), "Unknown");
	has_way(5001, HALL, "172.20.0.0/16 via 10.70.0.1 dev @ proto 103 metric 10 onlink");
	end_ways();
}

/* The bit rate of the limit of a link, on the node or in a namespace ("-n ..."); 0: there is none. */
static bool is_limited(const char *where, const char *link, const char *rate)
{
	return sh("tc %s qdisc show dev %s | grep -q '^qdisc tbf 6777: root .* rate %s '", where, link, rate) == 0;
}

/* What tells whether the other side is there goes before the rest. */
static void has_lanes(const char *where, const char *link)
{
	sh_ok("tc %s qdisc show dev %s | grep -q '^qdisc htb 6778: parent 6777:1 .* default 0x1'", where, link);
	sh_ok("tc %s qdisc show dev %s | grep -q '^qdisc bfifo 6779: parent 6778:1 '", where, link);
	sh_ok("test $(tc %s class show dev %s | grep -c '^class htb 6778:[12] ') = 2", where, link);
	sh_ok("test $(tc %s filter show dev %s parent 6778: | grep -c 'flowid 6778:2') = 4", where, link);
}

static struct gw_hnv_object *limited(uint32_t out, uint32_t in)
{
	struct gw_hnv_object *o = l3(RED, HALL, "trunk0", 70);

	o->way.out_kbps = out;
	o->way.in_kbps = in;
	return o;
}

static void test_rates(void **state)
{
	static const char inside_red[] = "-n gwd-" NODE "-5001";
	struct gw_hnv_object *key = limited(0, 0);
	json_t *j = json_object();

	(void)state;
	begin_ways();
	add(limited(2000, 50000000));
	assert_true(is_limited(inside_red, inside_link(HALL), "2Mbit"));
	assert_true(is_limited("", node_link(HALL), "50Gbit"));
	has_lanes(inside_red, inside_link(HALL));
	has_lanes("", node_link(HALL));
	assert_int_equal(sh("tc qdisc show dev %s | grep -q tbf", node_link(SITE)), 1);
	sync_ok();
	settle();
	assert_int_equal(repairs_of(RED), 0);
	ops->describe(driver, key, j);
	assert_true(json_is_integer(json_object_get(j, "outboundRateLimitedDrops")));
	assert_int_equal(json_integer_value(json_object_get(j, "outboundRateLimitedDrops")), 0);
	sh_ok("tc %s qdisc del dev %s root", inside_red, inside_link(HALL));
	repairs("the limit of");
	assert_true(is_limited(inside_red, inside_link(HALL), "2Mbit"));
	sh_ok("tc %s qdisc del dev %s parent 6777:1", inside_red, inside_link(HALL));
	repairs("the limit of");
	has_lanes(inside_red, inside_link(HALL));
	sh_ok("tc qdisc del dev %s root", node_link(HALL));
	repairs("the limit of");
	assert_true(is_limited("", node_link(HALL), "50Gbit"));
	sh_ok("tc qdisc replace dev %s root handle 6777: tbf rate 1mbit burst 5000 limit 50000", node_link(HALL));
	driver = ops->close(driver);
	netns_drain(&ns);
	open_driver();
	sync_ok();
	assert_true(is_limited("", node_link(HALL), "50Gbit"));
	add(limited(0, 1));
	assert_int_equal(sh("tc %s qdisc show dev %s | grep -q tbf", inside_red, inside_link(HALL)), 1);
	assert_true(is_limited("", node_link(HALL), "1Kbit"));
	has_lanes("", node_link(HALL));
	add(limited(0, 0));
	assert_int_equal(sh("tc qdisc show dev %s | grep -q tbf", node_link(HALL)), 1);
	json_decref(j);
	gw_hnv_object_free(key);
	end_ways();
}

/* A tenant that sends more than its limit: neither is a slow answer taken for none, nor a flood for an excuse for ever. */
static void test_flooded(void **state)
{
	struct gw_hnv_object *key = gre(RED, SITE, 7);
	struct reach silent = {key, "Disconnected"};

	(void)state;
	begin_ways();
	sh_ok("ip addr add 10.254.0.2/32 dev %s && ip route add 10.254.0.1 dev %s", node_link(SITE), node_link(SITE));
	gw_intent_begin(intent);
	{
		struct gw_hnv_object *slow = gre(RED, SITE, 7);

		slow->way.out_kbps = 100;
		put(slow);
	}
	commit_ok();
	wait_reach(gre(RED, SITE, 7), "Connected");
	sh_ok("nsenter --net=/run/netns/gwd-" NODE
	      "-5001 timeout 90 ping -q -i 0.01 -S 1000000 -s 1000 10.254.0.2 >/dev/null & "
	      "echo $! > flood");
	assert_false(netns_wait(&ns, reaches, &silent, 8000));
	sh_ok("ip addr del 10.254.0.2/32 dev %s", node_link(SITE));
	assert_true(netns_wait(&ns, reaches, &silent, 40000));
	sh_ok("kill $(cat flood) && rm flood");
	gw_hnv_object_free(key);
	end_ways();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there),	   cmocka_unit_test(test_changed),
		cmocka_unit_test(test_taken_over), cmocka_unit_test(test_repaired),
		cmocka_unit_test(test_removed),	   cmocka_unit_test(test_silent),
		cmocka_unit_test(test_rates),	   cmocka_unit_test(test_flooded),
		cmocka_unit_test(test_come_again), cmocka_unit_test(test_end_while_they_go),
	};

	return cmocka_run_group_tests_name("connections in VRFs", tests, private_mounts, NULL);
}
