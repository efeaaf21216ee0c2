/*
 * test_nl_pair.c - links between two network namespaces, neighbours, routes that only a VRF has, and a gw_nl in another
 * namespace, against the real kernel.
 */
#include "netns.h"

#include <fcntl.h>

/* The namespace of the test, and another that is kept by its descriptor. */
static struct netns ns;
static int other_fd;
static struct gw_nl *other;

static void begin(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int home;

	netns_begin(&ns);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	other_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	check(gw_nl_open_in(&ns.loop, other_fd, &other, &err) == 0, "%s", err.message);
}

static void end(void)
{
	other = gw_nl_close(other);
	close(other_fd);
	netns_end(&ns);
}

static int in_other(const char *command)
{
	return sh("nsenter --net=/proc/%d/fd/%d sh -c '%s'", getpid(), other_fd, command);
}

static void make(unsigned mtu)
{
	struct gw_nl_pair pair = {
		.name = "out", .peer = "in", .peer_ns = other_fd, .peer_mac = {{2, 0, 0, 0, 0, 9}}, .mtu = mtu};
	struct gw_error err = GW_ERROR_INIT;

	check(gw_nl_add_pair(ns.nl, &pair, &err) == 0, "%s", err.message);
}

static void test_pair(void **state)
{
	struct gw_nl_pair pair = {.name = "out", .peer = "in2", .peer_mac = {{0}}, .mtu = 1400};
	struct gw_nl_counters c = {.rx_packets = 99};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link here, there;

	(void)state;
	begin();
	make(1400);
	assert_int_equal(gw_nl_link_get(ns.nl, "out", &here, &err), 0);
	assert_int_equal(gw_nl_link_get(other, "in", &there, &err), 0);
	assert_int_equal(gw_nl_link_get(ns.nl, "in", &there, &err), -ENODEV);
	assert_int_equal(gw_nl_link_get(other, "in", &there, &err), 0);
	assert_true(here.peer == there.ifindex && there.peer == here.ifindex && here.peer_elsewhere);
	assert_true(here.mtu == 1400 && there.mtu == 1400 && !here.up && there.mac.b[5] == 9);
	/* NET_ADDR_SET: udev leaves it as it is. */
	assert_int_equal(
		sh("unshare -m sh -c 'mount -t sysfs sys /sys && grep -qx 3 /sys/class/net/out/addr_assign_type'"), 0);
	assert_true((here.mac.b[0] & 3) == 2);
	/* However many CPUs there are. */
	assert_int_equal(sh("ip -d link show out | grep -q 'numtxqueues 1 numrxqueues 1 '"), 0);
	assert_int_equal(in_other("ip -d link show in | grep -q \"numtxqueues 1 numrxqueues 1 \""), 0);
	pair.peer_ns = other_fd;
	expect(gw_nl_add_pair(ns.nl, &pair, &err), -EEXIST, &err, "cannot create out");
	assert_int_equal(gw_nl_link_set_alias(ns.nl, here.ifindex, "gwd-x-5001", &err), 0);
	assert_int_equal(gw_nl_link_set_mac(other, there.ifindex, &(struct gw_mac){{2, 0, 0, 0, 0, 8}}, &err), 0);
	assert_int_equal(gw_nl_link_get(ns.nl, "out", &here, &err), 0);
	assert_string_equal(here.alias, "gwd-x-5001");
	assert_int_equal(in_other("ip link show in | grep -q 02:00:00:00:00:08"), 0);
	/* Names in messages are those of the namespace. */
	expect(gw_nl_link_set_mac(other, there.ifindex, &(struct gw_mac){{1, 0, 0, 0, 0, 8}}, &err), -EADDRNOTAVAIL,
	       &err, "MAC address of in to");
	assert_int_equal(gw_nl_link_counters(other, "in", &c), 0);
	assert_int_equal(c.rx_packets, 0);
	assert_int_equal(gw_nl_link_counters(other, "out", &c), -ENODEV);
	/* One goes, both go; a group without links is none. */
	assert_int_equal(gw_nl_link_delete_group(ns.nl, 7777, &err), 0);
	assert_int_equal(gw_nl_link_set_group(ns.nl, here.ifindex, 7777, &err), 0);
	assert_int_equal(gw_nl_link_get(ns.nl, "out", &here, &err), 0);
	assert_int_equal(here.group, 7777);
	assert_int_equal(gw_nl_link_delete_group(ns.nl, 7777, &err), 0);
	assert_int_equal(gw_nl_link_get(other, "in", &there, &err), -ENODEV);
	assert_int_equal(sh("ip link show lo >/dev/null"), 0);
	end();
}

static int count;

static void count_neigh(void *ctx, const struct gw_nl_neigh *n)
{
	*(struct gw_nl_neigh *)ctx = *n;
	count++;
}

/* What was told, in short. */
static char told[512];

static void on_stack(void *ctx, const struct gw_nl_neigh *n, const struct gw_nl_conf *c)
{
	size_t at = strlen(told);
	char text[GW_ADDR_STRLEN];

	(void)ctx;
	if (n && n->permanent)
		snprintf(told + at, sizeof told - at, "%s%s ", n->removed ? "-" : "+", gw_addr_format(&n->addr, text));
	else if (n && n->removed)
		snprintf(told + at, sizeof told - at, "-%s ", gw_addr_format(&n->addr, text));
	else if (c && c->forwarding >= 0 && c->ifindex < 0)
		snprintf(told + at, sizeof told - at, "f%d ", c->forwarding);
}

static void test_neighbours(void **state)
{
	struct gw_nl_neigh n = {.mac = {{2, 0, 0, 0, 0, 1}}}, seen = {0};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link there;

	(void)state;
	begin();
	make(1500);
	told[0] = '\0';
	assert_int_equal(gw_nl_watch_stack(other, on_stack, &ns), 0);
	assert_int_equal(gw_nl_link_get(other, "in", &there, &err), 0);
	assert_int_equal(gw_nl_link_up(other, there.ifindex, &err), 0);
	n.ifindex = there.ifindex;
	assert_int_equal(gw_addr_parse("169.254.1.1", &n.addr), 0);
	assert_int_equal(gw_nl_neigh_add(other, &n, &err), 0);
	n.mac.b[5] = 2; /* replaced */
	assert_int_equal(gw_nl_neigh_add(other, &n, &err), 0);
	assert_int_equal(in_other("ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev in nud stale; "
				  "ip neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev in"),
			 0);
	count = 0;
	assert_int_equal(gw_nl_neigh_each(other, count_neigh, &seen, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(gw_nl_neigh_each(ns.nl, count_neigh, &seen, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(gw_nl_neigh_delete(other, &n, &err), 0);
	assert_int_equal(gw_nl_neigh_delete(other, &n, &err), 0);
	assert_int_equal(gw_nl_neigh_each(other, count_neigh, &seen, &err), 0);
	assert_int_equal(count, 3);
	assert_true(!seen.ours && seen.permanent && seen.mac.b[5] == 8);
	assert_int_equal(in_other("ip neigh del 10.0.0.8 dev in; sysctl -qw net.ipv4.ip_forward=1"), 0);
	netns_drain(&ns);
	/* Not what we did ourselves, but for what the kernel does not say of who did it. */
	check(strstr(told, "+10.0.0.8 ") && strstr(told, "-10.0.0.8 ") && strstr(told, "f1 ") &&
		      !strstr(told, "+169.254"),
	      "%s", told);
	n.ifindex = 4711;
	expect(gw_nl_neigh_add(other, &n, &err), -ENODEV, &err, "cannot add neighbour 169.254.1.1 on link 4711");
	end();
}

static int routes, unreachable;

static void count_route(void *ctx, const struct gw_nl_route *r)
{
	(void)ctx;
	routes += r->ours;
	unreachable += r->ours && r->unreachable;
}

static void test_routes(void **state)
{
	static const struct {
		const char *prefix, *hop;
		bool any_hop, unreachable;
		uint32_t metric;
		const char *shown;
	} cases[] = {
		{"0.0.0.0/0", "169.254.1.1", true, false, 0, "default via 169.254.1.1 dev in proto 103 onlink"},
		{"::/0", "fe80::1", true, false, 0, "default via fe80::1 dev in proto 103"},
		{"10.9.0.0/16", "10.0.0.1", true, false, 50,
		 "10.9.0.0/16 via 10.0.0.1 dev in proto 103 metric 50 onlink"},
		{"203.0.113.0/24", "0.0.0.0", false, true, 0, "unreachable 203.0.113.0/24 proto 103"},
		{"2001:db8::/48", "::", false, true, 0, "unreachable 2001:db8::/48 dev lo proto 103"},
	};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_route r;
	struct gw_link there;
	char command[256];

	(void)state;
	begin();
	make(1500);
	assert_int_equal(in_other("ip link set lo up"), 0); /* before, no next hop is an address to the kernel */
	assert_int_equal(gw_nl_link_get(other, "in", &there, &err), 0);
	assert_int_equal(gw_nl_link_up(other, there.ifindex, &err), 0);
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < GW_N(cases); i++) {
			r = mk_route(there.ifindex, cases[i].prefix, cases[i].hop);
			r.any_hop = cases[i].any_hop;
			r.unreachable = cases[i].unreachable;
			r.metric = cases[i].metric;
			/* A second time it is there already. */
			check(gw_nl_route_add(other, &r, &err) == 0, "%s: %s", cases[i].prefix, err.message);
			check(gw_nl_route_add(other, &r, &err) == 0, "%s: %s", cases[i].prefix, err.message);
			snprintf(command, sizeof command, "(ip route; ip -6 route) | grep -q \"^%s\"", cases[i].shown);
			check(in_other(command) == 0, "%s", cases[i].shown);
			routes = unreachable = 0;
			assert_int_equal(gw_nl_route_each(other, count_route, NULL, &err), 0);
			assert_int_equal(routes, 1);
			assert_int_equal(unreachable, cases[i].unreachable);
			check(gw_nl_route_delete(other, &r, &err) == 0, "%s: %s", cases[i].prefix, err.message);
			check(in_other(command) != 0, "%s", cases[i].shown);
		}
	end();
}

static void test_not_a_namespace(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl *nl = NULL;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	netns_begin(&ns);
	expect(gw_nl_open_in(&ns.loop, fd, &nl, &err), -EINVAL, &err, "cannot open a netlink socket");
	assert_null(nl);
	close(fd);
	netns_end(&ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_not_a_namespace),
	};

	return cmocka_run_group_tests_name("nl_pair", tests, NULL, NULL);
}
