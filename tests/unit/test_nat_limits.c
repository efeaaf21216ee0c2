/*
 * test_nat_limits.c - the NAT plugin's limits on a real kernel: what comes from outside, wanted or not, takes nothing away from what
 * the network itself opens; sources that nobody outside can have are dropped. And of the answers that it asks for, what is
 * interrupted is in nobody's way.
 */
#include "nat_fixture.h"

#include "nat/limit.h"
#include "nat/wire.h"

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <time.h>

#define IN_UDP RULE("Inbound", "Udp", "203.0.113.3", 1, "10.0.0.4/32", ",\"PortCount\":60000")

static void start_all(void)
{
	start();
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.1/32"));
	put(GW_HNV_PUBLIC, PUBLIC("203.0.113.3/32"));
	put(GW_HNV_NAT_RULE, OUT_ALL);
	put(GW_HNV_NAT_RULE, IN_UDP);
}

/* Datagrams from outside, each a connection of its own. */
static void flood(const char *to, unsigned n)
{
	int s = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 1000);

	for (unsigned i = 0; i < n; i++)
		send_to(s, to, 100 + i, "flood");
	close(s);
}

/* How many of `n` new connections from inside reach the outside. */
static unsigned opened(unsigned n, unsigned port)
{
	int out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	unsigned heard_of = 0;

	for (unsigned i = 0; i < n; i++) {
		int in = sock(in_ns, SOCK_DGRAM, "10.0.0.5", port + i);

		send_to(in, "198.51.100.9", 53, "x");
		heard_of += *heard(out, "x") != 0;
		close(in);
	}
	close(out);
	return heard_of;
}

static void wait_for(const char *state)
{
	struct nat_gateway *g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);

	for (int i = 0; i < 300 && strcmp(nat_state_name(g->state), state) != 0; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	assert_string_equal(nat_state_name(g->state), state);
}

/* What comes to ports that no rule wants, or to addresses that are routed nowhere, is no new connection of anybody's. */
static void test_closed_ports(void **state)
{
	(void)state;
	start_all();
	config.new_rate = 5;
	commit_ok();
	flood("203.0.113.1", 40); /* the virtual gateway's own */
	flood("10.0.0.5", 40);	  /* nobody's outside */
	assert_int_equal(counter("no-rule"), 80);
	assert_int_equal(counter("rate") + counter("rate-in"), 0);
	assert_int_equal(opened(4, 4000), 4);
	end();
}

/* What rules do want from outside has a rate of its own. */
static void test_rate_of_each_side(void **state)
{
	(void)state;
	start_all();
	config.new_rate = 5;
	commit_ok();
	flood("203.0.113.3", 40);
	check(counter("rate-in") >= 30, "%d dropped", (int)counter("rate-in"));
	assert_int_equal(counter("rate"), 0);
	assert_int_equal(opened(4, 4000), 4);
	end();
}

/* Others take at most half of the connections; the network's own go on to the whole. */
static void test_half_for_the_outside(void **state)
{
	(void)state;
	start_all();
	config.tracked_limit = 64;
	commit_ok();
	flood("203.0.113.3", 40);
	wait_for("Warning");
	flood("203.0.113.3", 80);
	check(counter("full-in") >= 40, "%d dropped", (int)counter("full-in"));
	assert_int_equal(counter("full"), 0);
	assert_int_equal(opened(8, 4000), 8);
	/* Taken over as it is. */
	close_driver();
	open_driver();
	sync_ok();
	assert_int_equal(opened(4, 4100), 4);
	config.tracked_limit = 1000;
	wait_for("Up");
	flood("203.0.113.3", 1);
	end();
}

static void test_room(void **state)
{
	(void)state;
	assert_int_equal(nat_limit_in_force(131072, 0, 50000), 131072); /* without a bound */
	assert_int_equal(nat_limit_in_force(131072, 262144, 50000), 131072);
	assert_int_equal(nat_limit_in_force(131072, 139810, 50000), 131072);
	assert_int_equal(nat_limit_in_force(131072, 65536, 50000), 65536 - 4096);
	assert_int_equal(nat_limit_in_force(131072, 65536, 200000), 65536 - 10000);
	assert_int_equal(nat_limit_in_force(131072, 65536, 10000000), 65536 - 16384);
	assert_int_equal(nat_limit_in_force(16, 64, 10), 16);
	assert_int_equal(nat_limit_in_force(UINT32_MAX, UINT32_MAX, 50000), UINT32_MAX - UINT32_MAX / 16);
}

/* The text of a member of what is told of the virtual gateway, or its number as text. */
static const char *told(const char *name)
{
	static char text[512];
	struct gw_hnv_object *o = fixture_object(GW_HNV_VRF, VRF);
	json_t *j = json_object(), *v;

	gw_plugin.ops->describe(driver, o, j);
	v = json_object_get(json_object_get(j, "nat"), name);
	if (json_is_integer(v))
		snprintf(text, sizeof text, "%d", (int)json_integer_value(v));
	else
		snprintf(text, sizeof text, "%s", json_string_value(v));
	json_decref(j);
	gw_hnv_object_free(o);
	return text;
}

/* Of the node, that the kernel's bound is that. */
static bool node_warns(uint32_t kernel)
{
	json_t *s = gw_plugin.ops->status(driver);
	const char *text = json_string_value(json_array_get(json_object_get(s, "warnings"), 0));
	char what[64];
	bool warns;

	snprintf(what, sizeof what, "net.netfilter.nf_conntrack_max is %u;", kernel);
	warns = text && strstr(text, what);
	json_decref(s);
	return warns;
}

/* The kernel's own bound is lower: gwd refuses before the kernel throws away what it likes, and says why. */
static void test_kernel_limit(void **state)
{
	uint32_t kernel = nat_limit_kernel();
	char text[16];

	(void)state;
	start_all();
	config.new_rate = 100;
	commit_ok();
	wait_for("Up");
	/* That of this machine. */
	assert_true(kernel > 0);
	config.tracked_limit = UINT32_MAX;
	driver->next_limit = 0;
	for (int i = 0; i < 300 && driver->next_limit == 0; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 10);
	}
	snprintf(text, sizeof text, "%u", kernel - kernel / 16);
	assert_string_equal(told("trackedConnectionsLimit"), text);
	assert_true(node_warns(kernel));
	/* A lower one, which others on this machine could not do with: five may begin before gwd looks again. */
	config.tracked_limit = 131072;
	driver->kernel_limit = 64;
	driver->next_limit = UINT64_MAX;
	assert_string_equal(told("trackedConnectionsLimit"), "59");
	assert_true(node_warns(64));
	assert_string_equal(told("state"), "Up"); /* of the tenant's nothing has happened yet */
	assert_true(opened(60, 4000) >= 59);
	wait_for("Warning");
	assert_non_null(strstr(told("stateDetail"), "net.netfilter.nf_conntrack_max allows (59)"));
	assert_int_equal(opened(3, 5000), 0);
	assert_int_equal(counter("full"), 3);
	/* It is raised. */
	driver->next_limit = 0;
	wait_for("Up");
	assert_int_equal(driver->kernel_limit, kernel);
	assert_int_equal(opened(4, 6000), 4);
	end();
}

/* From outside, with addresses of the inside and of the virtual gateway itself: neither translated nor let in. */
static void test_spoofed(void **state)
{
	static const char *const sources[] = {"10.0.0.6", "10.0.0.4", "10.0.0.1", "203.0.113.1"};
	int in, out;

	(void)state;
	start_all();
	put(GW_HNV_PUBLIC, PUBLIC("2001:db8:a::/64"));
	commit_ok();
	flood("203.0.113.3", 1); /* who it is on the segment is known before somebody else's name is used */
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 80);
	for (size_t i = 0; i < GW_N(sources); i++) {
		sh_ok("ip -n %s addr add %s/32 dev lo", out_ns, sources[i]);
		out = sock(out_ns, SOCK_DGRAM, sources[i], 5000);
		send_to(out, "203.0.113.3", 80, "evil");
		silent(in);
		assert_int_equal(counter("spoofed"), i + 1);
		close(out);
		sh_ok("ip -n %s addr del %s/32 dev lo", out_ns, sources[i]);
	}
	close(in);
	in = sock(in_ns, SOCK_DGRAM, "2001:db8:a::4", 80);
	sh_ok("ip -n %s addr add 2001:db8:a::77/128 dev lo nodad", out_ns);
	out = sock(out_ns, SOCK_DGRAM, "2001:db8:a::77", 5000);
	send_to(out, "2001:db8:a::4", 80, "evil");
	silent(in);
	assert_int_equal(counter("spoofed"), GW_N(sources) + 1);
	close(out);
	out = sock(out_ns, SOCK_DGRAM, "2001:db8:9::9", 5000);
	send_to(out, "2001:db8:a::4", 80, "good");
	heard_from(in, "good", "2001:db8:9::9 5000");
	assert_int_equal(counter("no-rule"), 0);
	close(out);
	close(in);
	end();
}

static int open_icmp(void *ret)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	*(int *)ret = fd;
	return fd < 0 ? -errno : 0;
}

/* From there: nobody listens, about a datagram from 203.0.113.1, port 4000, to 198.51.100.9, port 53. */
static void refuse(const char *from)
{
	uint8_t m[8 + 20 + 8] = {3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, IPPROTO_UDP};
	const uint16_t ports[] = {htons(4000), htons(53), htons(8), 0};
	struct sockaddr_storage at, to;
	uint32_t sum = 0;
	char path[64];
	int ns, s = -1;

	inet_pton(AF_INET, "203.0.113.1", m + 8 + 12);
	inet_pton(AF_INET, "198.51.100.9", m + 8 + 16);
	memcpy(m + 28, ports, sizeof ports);
	for (size_t i = 0; i < sizeof m; i += 2)
		sum += (uint32_t)(m[i] << 8 | m[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	m[2] = (uint8_t) ~(sum >> 8);
	m[3] = (uint8_t)~sum;
	snprintf(path, sizeof path, "/run/netns/%s", out_ns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(gw_netns_run(ns, open_icmp, &s), 0);
	close(ns);
	assert_int_equal(bind(s, (struct sockaddr *)&at, place(from, 0, &at)), 0);
	assert_int_equal(sendto(s, m, sizeof m, 0, (struct sockaddr *)&to, place("203.0.113.1", 0, &to)), sizeof m);
	close(s);
}

/* Whether it hears of an error. */
static bool refused(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, 500) > 0 && recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED;
}

/* What the rules for first packets do not see, in the name of a host inside: errors, and packets of what is between such hosts. */
static void test_spoofed_later(void **state)
{
	static const char *const sources[] = {"10.0.0.5", "10.0.0.6", "10.0.0.1", "203.0.113.2"};
	struct sockaddr_storage far;
	int in, server, client, out;

	(void)state;
	start_all();
	commit_ok();
	sh_ok("nsenter --net=/run/netns/%s sysctl -qw net.ipv4.conf.ext0.accept_local=1", vrf); /* as a VRF has it */
	in = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 4000);
	assert_int_equal(connect(in, (struct sockaddr *)&far, place("198.51.100.9", 53, &far)), 0);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	assert_int_equal(send(in, "x", 1, 0), 1);
	heard_from(out, "x", "203.0.113.1 4000");
	refuse("198.51.100.9");
	assert_true(refused(in));
	assert_int_equal(counter("spoofed"), 0);
	for (size_t i = 0; i < GW_N(sources); i++) {
		sh_ok("ip -n %s addr add %s/32 dev lo", out_ns, sources[i]);
		refuse(sources[i]);
		assert_false(refused(in));
		assert_int_equal(counter("spoofed"), i + 1);
		sh_ok("ip -n %s addr del %s/32 dev lo", out_ns, sources[i]);
	}
	server = sock(in_ns, SOCK_DGRAM, "10.0.0.4", 80);
	client = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 6001);
	send_to(client, "203.0.113.3", 80, "pin");
	heard_from(server, "pin", "10.0.0.1 6001");
	send_to(server, "10.0.0.1", 6001, "back");
	heard_from(client, "back", "203.0.113.3 80");
	close(out);
	sh_ok("ip -n %s addr add 10.0.0.6/32 dev lo", out_ns);
	out = sock(out_ns, SOCK_DGRAM, "10.0.0.6", 6001);
	send_to(out, "203.0.113.3", 80, "evil");
	silent(server);
	assert_int_equal(counter("spoofed"), GW_N(sources) + 1);
	sh_ok("ip -n %s addr del 10.0.0.6/32 dev lo", out_ns);
	send_to(client, "203.0.113.3", 80, "pin");
	heard_from(server, "pin", "10.0.0.1 6001");
	close(in);
	close(out);
	close(client);
	close(server);
	end();
}

/* --- answers that are interrupted ------------------------------------------------------------------------------------------ */

struct chains {
	unsigned n;
	bool disturb;
};

static int on_chain(const struct nlmsghdr *h, void *ctx)
{
	struct chains *c = ctx;

	(void)h;
	if (c->n++ == 0 && c->disturb)
		sh_ok("nsenter --net=/run/netns/%s nft add table inet meanwhile", vrf);
	return MNL_CB_OK;
}

static int ask_chains(struct mnl_socket *s, struct chains *c)
{
	char buf[256];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 0);

	c->n = 0;
	return nat_ask(s, h, on_chain, c);
}

/* What changes while it is read is read to its end all the same, and the next question has its own answer. */
static void test_interrupted(void **state)
{
	enum { CHAINS = 3000 };
	struct chains c = {.disturb = true};
	struct nat_gateway *g;
	struct mnl_socket *s;

	(void)state;
	start_all();
	commit_ok();
	g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);
	s = nat_nft_requests(g->nft);
	sh_ok("{ echo add table inet many; seq -f 'add chain inet many c%%.0f' %d; } | nsenter --net=/run/netns/%s nft "
	      "-f -",
	      CHAINS, vrf);
	assert_int_equal(ask_chains(s, &c), -EINTR);
	check(c.n < CHAINS, "all %u came before the change", c.n);
	c.disturb = false;
	assert_int_equal(ask_chains(s, &c), 0);
	assert_int_equal(c.n, CHAINS + NAT_CHAINS);
	sync_ok();
	end();
}

/* Of this thread, so that it does not matter what else the machine does. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* A rule with very many connections goes: they are ended, and the loop is never away for long. */
static void test_many_connections_end(void **state)
{
	enum { PORTS = 20, EACH = 2000 };
	struct nat_gateway *g;
	double longest, t;
	uint32_t n;
	int in[PORTS], kept, out;

	(void)state;
	start_all();
	put(GW_HNV_NAT_RULE, RULE("Outbound", "All", "203.0.113.3", 0, "10.0.0.6/32", ""));
	commit_ok();
	g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);
	kept = sock(in_ns, SOCK_DGRAM, "10.0.0.6", 4000);
	out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	send_to(kept, "198.51.100.9", 53, "stays");
	heard_from(out, "stays", "203.0.113.3 4000");
	for (int i = 0; i < PORTS; i++) {
		in[i] = sock(in_ns, SOCK_DGRAM, "10.0.0.5", 4000u + (unsigned)i);
		for (unsigned k = 0; k < EACH; k++)
			send_to(in[i], "198.51.100.9", 1000 + k, "x");
		close(in[i]);
	}
	assert_int_equal(nat_flows_count(nat_nft_requests(g->nft), &g->tracked), 0);
	check(g->tracked > PORTS * EACH * 9 / 10, "%u connections", g->tracked);
	n = g->tracked;
	gw_intent_begin(intent);
	drop(GW_HNV_NAT_RULE, OUT_ALL);
	t = cpu_ms();
	commit_ok();
	longest = cpu_ms() - t;
	for (int i = 0; i < 10000 && g->sweep; i++) {
		t = cpu_ms();
		uv_run(&loop, UV_RUN_NOWAIT);
		t = cpu_ms() - t;
		longest = t > longest ? t : longest;
	}
	assert_null(g->sweep);
	print_message("# %u connections ended, the longest turn took %.1f ms\n", n, longest);
	check(longest < 20, "a turn of %.1f ms", longest);
	assert_int_equal(nat_flows_count(nat_nft_requests(g->nft), &g->tracked), 0);
	check(g->tracked < 50, "%u connections are left", g->tracked);
	send_to(out, "203.0.113.3", 4000, "back");
	heard_from(kept, "back", "198.51.100.9 53");
	close(kept);
	close(out);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_ports),	     cmocka_unit_test(test_rate_of_each_side),
		cmocka_unit_test(test_half_for_the_outside), cmocka_unit_test(test_room),
		cmocka_unit_test(test_kernel_limit),	     cmocka_unit_test(test_spoofed),
		cmocka_unit_test(test_many_connections_end), cmocka_unit_test(test_spoofed_later),
		cmocka_unit_test(test_interrupted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat limits", tests, private_mounts, group_end);
}
