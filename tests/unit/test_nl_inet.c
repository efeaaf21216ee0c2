/*
 * test_nl_inet.c - addresses and routes against the real kernel, each test in a network namespace of its own.
 */
#include "netns.h"

static struct netns ns;

/* --- addresses --- */

struct count {
	struct gw_nl_addr addr;
	struct gw_nl_route route;
	int n, ours;
};

static void count_addr(void *ctx, const struct gw_nl_addr *a)
{
	struct count *c = ctx;

	if (a->ifindex == c->addr.ifindex && a->prefix_len == c->addr.prefix_len &&
	    gw_addr_equal(&a->addr, &c->addr.addr)) {
		c->n++;
		c->ours += a->ours;
	}
}

/* How often the kernel lists the address; *ret_ours is how many of those are marked as ours. */
static int listed(const struct gw_nl_addr *a, int *ret_ours)
{
	struct count c = {.addr = *a};

	assert_int_equal(gw_nl_addr_each(ns.nl, count_addr, &c, NULL), 0);
	*ret_ours = c.ours;
	return c.n;
}

static void test_addresses(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr a, hand, v6, bad;
	int eth1, ours;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	a = mk_addr(eth1, "10.1.1.20", 24);
	v6 = mk_addr(eth1, "fd00::1", 64);
	for (int i = 0; i < 2; i++) {
		expect(gw_nl_addr_add(ns.nl, &a, &err), 0, &err, NULL);
		expect(gw_nl_addr_add(ns.nl, &v6, &err), 0, &err, NULL);
		assert_true(listed(&a, &ours) == 1 && ours == 1);
		assert_true(listed(&v6, &ours) == 1 && ours == 1);
	}
	assert_int_equal(sh("ip addr show dev eth1 | grep -q 'inet 10.1.1.20/24 scope global'"), 0);
	assert_int_equal(sh("ip addr show dev eth1 | grep -q 'inet6 fd00::1/64 scope global'"), 0);

	/* What an operator put there is left alone, by add and by delete. */
	sh_ok("ip addr add 10.9.0.1/16 dev eth1 && ip addr add fd09::1/64 dev eth1");
	hand = mk_addr(eth1, "10.9.0.1", 16);
	expect(gw_nl_addr_add(ns.nl, &hand, &err), 0, &err, NULL);
	assert_true(listed(&hand, &ours) == 1 && ours == 0);
	expect(gw_nl_addr_delete(ns.nl, &hand, &err), 0, &err, NULL);
	assert_int_equal(listed(&hand, &ours), 1);

	/* Refusals carry the kernel's reason. */
	bad = mk_addr(eth1, "10.2.2.2", 33);
	expect(gw_nl_addr_add(ns.nl, &bad, &err), -EINVAL, &err,
	       "cannot add address 10.2.2.2/33 to eth1: Invalid argument: ipv4: ");
	assert_string_equal(err.target, "eth1");
	bad = mk_addr(999, "10.2.2.2", 24);
	expect(gw_nl_addr_add(ns.nl, &bad, &err), -ENODEV, &err,
	       "cannot add address 10.2.2.2/24 to link 999: No such device");
	bad = mk_addr(eth1, "fd09::1", 128);
	expect(gw_nl_addr_add(ns.nl, &bad, &err), -EEXIST, &err, "it has the address with prefix length 64");
	assert_int_equal(err.code, GW_ERR_CONFLICT);

	for (int i = 0; i < 2; i++) { /* absent the second time */
		expect(gw_nl_addr_delete(ns.nl, &a, &err), 0, &err, NULL);
		expect(gw_nl_addr_delete(ns.nl, &v6, &err), 0, &err, NULL);
		assert_true(listed(&a, &ours) == 0 && listed(&v6, &ours) == 0);
	}
	a = mk_addr(999, "10.1.1.20", 24);
	expect(gw_nl_addr_delete(ns.nl, &a, &err), 0, &err, NULL);
	netns_end(&ns);
}

/* The kernel would take the secondary addresses of a subnet away with its primary one. */
static void test_address_goes_alone(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr first, second, hand;
	int eth1, ours;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	sh_ok("echo 0 > /proc/sys/net/ipv4/conf/eth1/promote_secondaries");
	first = mk_addr(eth1, "10.1.1.20", 24);
	second = mk_addr(eth1, "10.1.1.21", 24);
	hand = mk_addr(eth1, "10.1.1.22", 24);
	expect(gw_nl_addr_add(ns.nl, &first, &err), 0, &err, NULL);
	expect(gw_nl_addr_add(ns.nl, &second, &err), 0, &err, NULL);
	sh_ok("ip addr add 10.1.1.22/24 dev eth1");
	assert_int_equal(sh("ip addr show dev eth1 | grep -c secondary | grep -qx 2"), 0);
	expect(gw_nl_addr_delete(ns.nl, &first, &err), 0, &err, NULL);
	assert_int_equal(listed(&first, &ours), 0);
	assert_int_equal(listed(&second, &ours), 1);
	assert_int_equal(listed(&hand, &ours), 1);
	netns_end(&ns);
}

static void test_many_addresses(void **state)
{
	enum { N = 1000 };
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr a;
	char text[GW_ADDR_STRLEN];
	int eth1, ours;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250 + 1);
		a = mk_addr(eth1, text, 16);
		expect(gw_nl_addr_add(ns.nl, &a, &err), 0, &err, NULL);
	}
	assert_int_equal(sh("test $(ip -o -4 addr show dev eth1 | wc -l) = %d", N), 0);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "10.1.%d.%d", i / 250, i % 250 + 1);
		a = mk_addr(eth1, text, 16);
		assert_true(i % 100 || (listed(&a, &ours) == 1 && ours == 1));
		expect(gw_nl_addr_delete(ns.nl, &a, &err), 0, &err, NULL);
	}
	assert_int_equal(sh("test $(ip -o -4 addr show dev eth1 | wc -l) = 0"), 0);
	netns_end(&ns);
}

static void test_without_privilege(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr a;
	int eth1, status = -1;
	pid_t child;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	a = mk_addr(eth1, "10.1.1.20", 24);
	child = fork();
	if (child == 0) {
		/* The kernel looks at the rights of who opened the socket as well as of who writes to it. */
		if (setuid(65534) < 0)
			_exit(2);
		_exit(gw_nl_addr_add(ns.nl, &a, &err) == -EPERM && err.code == GW_ERR_CAPABILITY &&
				      strstr(err.message, "CAP_NET_ADMIN")
			      ? 0
			      : 1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	netns_end(&ns);
}

/* --- routes --- */

static void count_route(void *ctx, const struct gw_nl_route *r)
{
	struct count *c = ctx;

	if (r->ifindex == c->route.ifindex && gw_prefix_equal(&r->prefix, &c->route.prefix) &&
	    gw_addr_equal(&r->next_hop, &c->route.next_hop)) {
		c->n++;
		c->ours += r->ours;
	}
}

static int routed(const struct gw_nl_route *r, int *ret_ours)
{
	struct count c = {.route = *r};

	assert_int_equal(gw_nl_route_each(ns.nl, count_route, &c, NULL), 0);
	*ret_ours = c.ours;
	return c.n;
}

static void test_routes(void **state)
{
	static const struct {
		const char *prefix, *hop, *shown;
	} rows[] = {
		{"10.30.0.0/16", "10.1.1.1", "10.30.0.0/16 via 10.1.1.1 dev eth1 proto 103"},
		{"10.31.0.0/16", "0.0.0.0", "10.31.0.0/16 dev eth1 proto 103 scope link"},
		{"0.0.0.0/0", "10.1.1.1", "default via 10.1.1.1 dev eth1 proto 103"},
		{"fd10::/16", "fd00::2", "fd10::/16 via fd00::2 dev eth1 proto 103"},
		{"fd11::/16", "::", "fd11::/16 dev eth1 proto 103"},
		{"::/0", "fd00::2", "default via fd00::2 dev eth1 proto 103"},
	};
	struct gw_error err = GW_ERROR_INIT;
	struct count none = {0};
	struct gw_nl_route r;
	int eth1, ours, shown;

	(void)state;
	netns_begin(&ns);
	/* A namespace without a single route has no main table yet: that is no error. */
	assert_int_equal(gw_nl_route_each(ns.nl, count_route, &none, &err), 0);
	eth1 = netns_veth(&ns, "eth1");
	sh_ok("ip addr add 10.1.1.20/24 dev eth1 && ip addr add fd00::1/64 dev eth1");
	for (size_t i = 0; i < GW_N(rows); i++) {
		r = mk_route(eth1, rows[i].prefix, rows[i].hop);
		for (int twice = 0; twice < 2; twice++) {
			expect(gw_nl_route_add(ns.nl, &r, &err), 0, &err, NULL);
			check(routed(&r, &ours) == 1 && ours == 1, "%s", rows[i].prefix);
		}
		shown = sh("(ip -4 route; ip -6 route) | grep -q '^%s'", rows[i].shown);
		check(shown == 0, "%s", rows[i].shown);
		for (int twice = 0; twice < 2; twice++) {
			expect(gw_nl_route_delete(ns.nl, &r, &err), 0, &err, NULL);
			check(routed(&r, &ours) == 0, "%s", rows[i].prefix);
		}
	}
	r = mk_route(eth1, "10.40.0.0/16", "11.1.1.1");
	expect(gw_nl_route_add(ns.nl, &r, &err), -ENETUNREACH, &err,
	       "cannot add route 10.40.0.0/16 via 11.1.1.1 over eth1: Network is unreachable");
	check(strstr(err.message, ": Nexthop has invalid gateway"), "%s", err.message);
	r = mk_route(0, "10.40.0.0/16", "10.1.1.1");
	expect(gw_nl_route_add(ns.nl, &r, &err), -ENODEV, &err, NULL);
	r = mk_route(eth1, "10.40.0.0/16", "fd00::2");
	expect(gw_nl_route_add(ns.nl, &r, &err), -EINVAL, &err, NULL);
	r = mk_route(999, "10.40.0.0/16", "10.1.1.1");
	expect(gw_nl_route_delete(ns.nl, &r, &err), 0, &err, NULL);
	sh_ok("ip link set eth1 down");
	r = mk_route(eth1, "10.40.0.0/16", "0.0.0.0");
	expect(gw_nl_route_add(ns.nl, &r, &err), -ENETDOWN, &err, "the interface must be up");
	r = mk_route(eth1, "10.40.0.0/16", "10.1.1.1");
	expect(gw_nl_route_add(ns.nl, &r, &err), -ENETUNREACH, &err, "an interface that is up");
	netns_end(&ns);
}

static void test_routes_side_by_side(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_route hand, ours1, ours2, other;
	int eth1, eth2, ours;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	eth2 = netns_veth(&ns, "eth2");
	sh_ok("ip addr add 10.1.1.20/24 dev eth1 && ip addr add 10.2.2.20/24 dev eth2 && ip addr add "
	      "fd00::1/64 dev eth1");
	/* An operator's route is neither replaced nor put in the second row. */
	sh_ok("ip route add default via 10.2.2.1");
	hand = mk_route(eth2, "0.0.0.0/0", "10.2.2.1");
	other = mk_route(eth1, "0.0.0.0/0", "10.1.1.1");
	expect(gw_nl_route_add(ns.nl, &other, &err), -EEXIST, &err,
	       "there is 0.0.0.0/0 via 10.2.2.1 over eth2; remove it");
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	assert_int_equal(routed(&other, &ours), 0);
	expect(gw_nl_route_add(ns.nl, &hand, &err), 0, &err, NULL);
	expect(gw_nl_route_delete(ns.nl, &hand, &err), 0, &err, NULL);
	assert_true(routed(&hand, &ours) == 1 && ours == 0);
	sh_ok("ip route del default && ip route add default via 10.2.2.1 metric 100");
	expect(gw_nl_route_add(ns.nl, &other, &err), 0, &err, NULL);

	/* Ours stand side by side, in both families, and go one by one. */
	ours1 = mk_route(eth1, "10.50.0.0/16", "10.1.1.1");
	ours2 = mk_route(eth2, "10.50.0.0/16", "10.2.2.1");
	expect(gw_nl_route_add(ns.nl, &ours1, &err), 0, &err, NULL);
	expect(gw_nl_route_add(ns.nl, &ours2, &err), 0, &err, NULL);
	assert_true(routed(&ours1, &ours) == 1 && routed(&ours2, &ours) == 1);
	expect(gw_nl_route_delete(ns.nl, &ours1, &err), 0, &err, NULL);
	assert_true(routed(&ours1, &ours) == 0 && routed(&ours2, &ours) == 1);
	ours1 = mk_route(eth1, "fd50::/16", "fd00::2");
	ours2 = mk_route(eth1, "fd50::/16", "fd00::3");
	expect(gw_nl_route_add(ns.nl, &ours1, &err), 0, &err, NULL);
	expect(gw_nl_route_add(ns.nl, &ours2, &err), 0, &err, NULL);
	assert_true(routed(&ours1, &ours) == 1 && routed(&ours2, &ours) == 1);
	expect(gw_nl_route_delete(ns.nl, &ours1, &err), 0, &err, NULL);
	assert_true(routed(&ours1, &ours) == 0 && routed(&ours2, &ours) == 1);

	/* Each leg of a multipath route is listed; other tables and types are not. */
	sh_ok("ip route add 10.60.0.0/16 nexthop via 10.1.1.1 nexthop via 10.2.2.1 && ip route add blackhole "
	      "10.61.0.0/16 && "
	      "ip route add 10.62.0.0/16 via 10.1.1.1 table 100");
	hand = mk_route(eth1, "10.60.0.0/16", "10.1.1.1");
	assert_int_equal(routed(&hand, &ours), 1);
	hand = mk_route(eth2, "10.60.0.0/16", "10.2.2.1");
	assert_int_equal(routed(&hand, &ours), 1);
	hand = mk_route(eth1, "10.62.0.0/16", "10.1.1.1");
	assert_int_equal(routed(&hand, &ours), 0);
	/* What gw_addr cannot tell from IPv4 is passed over, it does not spoil the list. */
	sh_ok("ip addr add ::ffff:1.2.3.4/128 dev eth1 && ip -6 route add ::ffff:9.0.0.0/104 dev eth1");
	hand = mk_route(eth1, "9.0.0.0/8", "0.0.0.0");
	assert_int_equal(routed(&hand, &ours), 0);
	netns_end(&ns);
}

/* --- what is sent to an address --- */

static void see_local(void *ctx, const struct gw_nl_local *l)
{
	struct gw_nl_local *wanted = ctx;

	if (l->ifindex == wanted->ifindex && gw_addr_equal(&l->addr, &wanted->addr))
		wanted->ifindex = 0;
}

static bool is_local(int ifindex, const char *addr)
{
	struct gw_nl_local l = {.ifindex = ifindex, .addr = mk_addr(ifindex, addr, 32).addr};

	assert_int_equal(gw_nl_local_each(ns.nl, see_local, &l, NULL), 0);
	return l.ifindex == 0;
}

/* An address is there to speak from, whether or not what is sent to it ends there; going, it leaves nothing. */
static void test_local(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_local l, other;
	struct gw_nl_addr a;
	int eth1, eth2;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	eth2 = netns_veth(&ns, "eth2");
	sh_ok("ip link set eth1 up; ip link set eth2 up; ip addr add 10.9.0.1/24 dev eth1");
	a = mk_addr(eth1, "203.0.113.1", 32);
	l = (struct gw_nl_local){.ifindex = eth1, .addr = a.addr};
	other = (struct gw_nl_local){.ifindex = eth2, .addr = a.addr};
	expect(gw_nl_addr_add(ns.nl, &a, &err), 0, &err, NULL);
	assert_true(is_local(eth1, "203.0.113.1") && is_local(eth1, "10.9.0.1"));
	/* That of another link is not it. */
	expect(gw_nl_local_set(ns.nl, &other, false, &err), 0, &err, NULL);
	assert_true(is_local(eth1, "203.0.113.1"));
	for (int i = 0; i < 2; i++) {
		expect(gw_nl_local_set(ns.nl, &l, false, &err), 0, &err, NULL);
		assert_true(!is_local(eth1, "203.0.113.1") && is_local(eth1, "10.9.0.1"));
	}
	sh_ok("ip route add 198.51.100.0/24 dev eth1 && ip route get 198.51.100.7 from 203.0.113.1 >/dev/null && "
	      "! ip route get 203.0.113.1 2>/dev/null && ! ip route get 198.51.100.7 from 203.0.113.2 2>/dev/null");
	for (int i = 0; i < 2; i++) {
		expect(gw_nl_local_set(ns.nl, &l, true, &err), 0, &err, NULL);
		assert_true(is_local(eth1, "203.0.113.1"));
	}
	/* Just as the kernel's own, which goes with its address. */
	sh_ok("ip route show table local | grep -q '^local 203.0.113.1 dev eth1 proto kernel scope host src "
	      "203.0.113.1 *$'");
	expect(gw_nl_addr_delete(ns.nl, &a, &err), 0, &err, NULL);
	assert_false(is_local(eth1, "203.0.113.1"));
	expect(gw_nl_addr_add(ns.nl, &a, &err), 0, &err, NULL);
	expect(gw_nl_local_set(ns.nl, &l, false, &err), 0, &err, NULL);
	expect(gw_nl_addr_delete(ns.nl, &a, &err), 0, &err, NULL);
	sh_ok("! ip addr | grep -q 203.0.113");
	/* A link that has gone, or is down, has none, and says so. */
	l.ifindex = 4711;
	check(gw_nl_local_set(ns.nl, &l, true, &err) < 0 && strstr(err.message, "cannot restore the local route of"),
	      "%s", err.message);
	netns_end(&ns);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_goes_alone),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_without_privilege),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_routes_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
