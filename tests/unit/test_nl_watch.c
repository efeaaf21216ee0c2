/*
 * test_nl_watch.c - what is told of changes that others make: links, addresses, routes, and after lost events.
 */
#include "netns.h"

#include "nl/internal.h"

#include <sys/socket.h>

static struct netns ns;

/* A log of what was told, one word each: "+eth1:up". */
struct heard {
	char text[4096];
	int n, lost;
	bool stop; /* unwatch at the first call */
};

static void note(struct heard *h, const char *sign, const char *what, const char *more)
{
	size_t used = strlen(h->text);

	snprintf(h->text + used, sizeof h->text - used, "%s%s%s ", sign, what, more);
	h->n++;
	if (h->stop)
		gw_nl_unwatch(ns.nl, h);
}

static void on_link(void *ctx, const struct gw_link *l, bool removed)
{
	note(ctx, removed ? "-" : "+", l->name, l->up ? ":up" : "");
}

static void on_change(void *ctx, const struct gw_nl_change *c)
{
	struct heard *h = ctx;
	char buf[GW_PREFIX_STRLEN];

	switch (c->kind) {
	case GW_NL_CHANGE_ADDR:
		note(h, c->removed ? "-" : "+", gw_addr_format(&c->addr.addr, buf), c->addr.ours ? ":ours" : "");
		break;
	case GW_NL_CHANGE_ROUTE:
		note(h, c->removed ? "-" : "+", gw_prefix_format(&c->route.prefix, buf), c->route.ours ? ":ours" : "");
		break;
	case GW_NL_CHANGE_LOST:
		h->lost++;
		break;
	}
}

static void heard_once(struct heard *h, const char *word)
{
	const char *p = strstr(h->text, word);

	check(p && !strstr(p + 1, word), "\"%s\" once in \"%s\"", word, h->text);
}

static void not_heard(struct heard *h, const char *word)
{
	check(!strstr(h->text, word), "\"%s\" in \"%s\"", word, h->text);
}

static void test_links_come_and_go(void **state)
{
	struct heard a = {0}, b = {0};
	const char *up, *p;

	(void)state;
	netns_begin(&ns);
	sh_ok("ip link add eth0 type veth peer name eth0p");
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &a), 0);
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &b), 0);
	netns_drain(&ns);
	assert_string_equal(a.text, ""); /* what was there before is not told */

	sh_ok("ip link add eth1 type veth peer name eth1p");
	netns_drain(&ns);
	check(strstr(a.text, "+eth1 ") && strstr(a.text, "+eth1p "), "%s", a.text);
	sh_ok("ip link set eth1 up");
	netns_drain(&ns);
	up = strstr(a.text, "+eth1:up ");
	check(up != NULL, "%s", a.text);
	sh_ok("ip link set eth1 down && ip link set eth1 name wan1");
	netns_drain(&ns);
	p = strstr(up, "-eth1 ");
	check(p && strstr(p, "+wan1 "), "gone under the old name, there under the new one: %s", a.text);
	sh_ok("ip link del wan1");
	netns_drain(&ns);
	heard_once(&a, "-wan1 ");
	heard_once(&a, "-eth1p ");
	not_heard(&a, "eth0");
	assert_string_equal(a.text, b.text);

	gw_nl_unwatch(ns.nl, &a);
	a.text[0] = 0;
	sh_ok("ip link del eth0");
	netns_drain(&ns);
	assert_string_equal(a.text, "");
	heard_once(&b, "-eth0 ");
	netns_end(&ns);
}

/* A bridge announces with the same message type, but of its own family, that a port left it. */
static void test_leaving_a_bridge_is_no_removal(void **state)
{
	struct heard h = {0};

	(void)state;
	netns_begin(&ns);
	netns_veth(&ns, "eth1");
	sh_ok("ip link add br0 type bridge && ip link set eth1 master br0");
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &h), 0);
	sh_ok("ip link set eth1 nomaster");
	netns_drain(&ns);
	check(strstr(h.text, "+eth1:up "), "%s", h.text);
	not_heard(&h, "-eth1");
	netns_end(&ns);
}

static void test_unwatch_from_within(void **state)
{
	struct heard once = {.stop = true}, all = {0};

	(void)state;
	netns_begin(&ns);
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &once), 0);
	assert_int_equal(gw_nl_watch_inet(ns.nl, on_change, &once), 0);
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &all), 0);
	sh_ok("ip link add eth1 type veth peer name eth1p && ip link set eth1 up && ip addr add 10.1.1.20/24 "
	      "dev eth1");
	netns_drain(&ns);
	assert_int_equal(once.n, 1);
	assert_true(all.n > 2);
	netns_end(&ns);
}

static void close_at_once(void *ctx, const struct gw_link *l, bool removed)
{
	(void)l;
	(void)removed;
	++*(int *)ctx;
	ns.nl = gw_nl_close(ns.nl);
}

static void test_close_from_within(void **state)
{
	int calls = 0;

	(void)state;
	netns_begin(&ns);
	assert_int_equal(gw_nl_watch_links(ns.nl, close_at_once, &calls), 0);
	sh_ok("ip link add eth1 type veth peer name eth1p && ip link set eth1 up");
	netns_drain(&ns);
	assert_int_equal(calls, 1);
	netns_end(&ns);
}

static void test_addresses_and_routes(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr own = {.prefix_len = 24};
	struct gw_nl_route route;
	struct heard h = {0};
	int eth1;

	(void)state;
	netns_begin(&ns);
	eth1 = netns_veth(&ns, "eth1");
	assert_int_equal(gw_nl_watch_inet(ns.nl, on_change, &h), 0);
	/* What we do ourselves is not told. */
	own = mk_addr(eth1, "10.1.1.20", 24);
	route = mk_route(eth1, "10.9.0.0/16", "10.1.1.1");
	expect(gw_nl_addr_add(ns.nl, &own, &err), 0, &err, NULL);
	expect(gw_nl_route_add(ns.nl, &route, &err), 0, &err, NULL);
	netns_drain(&ns);
	not_heard(&h, "10.1.1.20");
	not_heard(&h, "10.9.0.0/16");

	sh_ok("ip addr add 10.2.2.20/24 dev eth1 && ip route add 10.8.0.0/16 via 10.1.1.1");
	netns_drain(&ns);
	heard_once(&h, "+10.2.2.20 ");
	heard_once(&h, "+10.8.0.0/16 ");
	sh_ok("ip route del 10.9.0.0/16 && ip route del 10.8.0.0/16 && ip addr del 10.1.1.20/24 dev eth1");
	netns_drain(&ns);
	heard_once(&h, "-10.9.0.0/16:ours ");
	heard_once(&h, "-10.8.0.0/16 ");
	heard_once(&h, "-10.1.1.20:ours ");
	assert_int_equal(h.lost, 0);
	netns_end(&ns);
}

/*
 * Too many events for the socket's queue: nothing of the outcome
 * is missed, not even links that came and went meanwhile.
 */
static void test_lost_events(void **state)
{
	struct heard links = {0}, inet = {0};
	int small = 1, fd;

	(void)state;
	netns_begin(&ns);
	fd = mnl_socket_get_fd(ns.nl->events);
	netns_veth(&ns, "eth1");
	netns_veth(&ns, "eth2");
	assert_int_equal(gw_nl_watch_links(ns.nl, on_link, &links), 0);
	assert_int_equal(gw_nl_watch_inet(ns.nl, on_change, &inet), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof small), 0);
	/* First what fills the queue, then what must not be missed. */
	sh_ok("for i in 1 2 3 4 5 6 7 8 9 10; do ip link set eth2 down; ip link set eth2 up; done; "
	      "ip link del eth1; ip link add eth3 type veth peer name eth3p; ip link set eth2 name wan2");
	netns_drain(&ns);
	assert_true(inet.lost > 0);
	heard_once(&links, "-eth1 ");
	heard_once(&links, "-eth1p ");
	heard_once(&links, "+eth3 ");
	heard_once(&links, "-eth2 ");
	check(strstr(links.text, "+wan2:up "), "%s", links.text);

	/* And from there on as ever. */
	sh_ok("ip link del eth3");
	netns_drain(&ns);
	heard_once(&links, "-eth3 ");
	netns_end(&ns);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_come_and_go),    cmocka_unit_test(test_leaving_a_bridge_is_no_removal),
		cmocka_unit_test(test_unwatch_from_within),  cmocka_unit_test(test_close_from_within),
		cmocka_unit_test(test_addresses_and_routes), cmocka_unit_test(test_lost_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
