/*
 * test_nl.c - devices and dumps against the real kernel, each test in a network namespace of its own. What
 * the functions did is read back with iproute2, and what iproute2 did with the functions.
 */
#include "netns.h"

#include "nl/internal.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

static struct netns ns;

/* --- links --- */

struct seen_links {
	size_t n;
	bool eth1, lo;
};

static void see_link(void *ctx, const struct gw_link *l, bool removed)
{
	struct seen_links *s = ctx;
	struct gw_link again;

	s->n++;
	s->lo |= !strcmp(l->name, "lo") && !l->kind[0];
	s->eth1 |= !strcmp(l->name, "eth1") && !strcmp(l->kind, "veth") && l->up && l->running && l->mtu == 1400;
	assert_false(removed);
	/* Requests from within a callback are fine. */
	assert_int_equal(gw_nl_link_get(ns.nl, l->name, &again, NULL), 0);
	assert_int_equal(again.ifindex, l->ifindex);
}

static void test_links(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct seen_links seen = {0};
	struct gw_link l;
	char elsewhere[64];
	int pipefd[2];
	pid_t child;

	(void)state;
	netns_begin(&ns);
	sh_ok("ip link add eth1 mtu 1400 type veth peer name p1 && ip link set p1 up && ip link set eth1 "
	      "address "
	      "00:15:5d:01:14:04 up");
	l = netns_link(&ns, "eth1");
	assert_memory_equal(l.mac.b, "\x00\x15\x5d\x01\x14\x04", 6);
	assert_false(l.peer_elsewhere);
	assert_int_equal(gw_nl_link_each(ns.nl, see_link, &seen, &err), 0);
	assert_true(seen.n == 3 && seen.eth1 && seen.lo);

	assert_int_equal(gw_nl_link_get(ns.nl, "eth9", &l, &err), -ENODEV);
	assert_int_equal(gw_nl_link_get(ns.nl, "", &l, &err), -ENODEV);
	assert_int_equal(gw_nl_link_get(ns.nl, "a-name-longer-than-any-interface", &l, &err), -ENODEV);
	assert_int_equal(err.code, GW_ERR_NONE);
	assert_string_equal(l.name, "eth1");

	/* A child in a namespace of its own takes the peer. */
	assert_int_equal(pipe(pipefd), 0);
	child = fork();
	if (child == 0) {
		char c;

		_exit(unshare(CLONE_NEWNET) < 0 || write(pipefd[1], "", 1) != 1 || (close(pipefd[1]), pause()) != -1 ||
		      read(pipefd[0], &c, 1) < 0);
	}
	assert_int_equal(read(pipefd[0], elsewhere, 1), 1);
	sh_ok("ip link set p1 netns %d", (int)child);
	l = netns_link(&ns, "eth1");
	assert_true(l.peer_elsewhere && l.up && !l.running);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	netns_end(&ns);
}

static void test_vxlan(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link l;

	(void)state;
	netns_begin(&ns);
	expect(gw_nl_add_vxlan_external(ns.nl, "vx0", 4790, &err), 0, &err, NULL);
	assert_int_equal(sh("ip -d link show vx0 | grep -q 'vxlan external .*dstport 4790 nolearning.*udp6zerocsumtx "
			    "udp6zerocsumrx'"),
			 0);
	expect(gw_nl_add_vxlan_external(ns.nl, "vx0", 4791, &err), -EEXIST, &err,
	       "cannot create vxlan device vx0: File exists");
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	/* The port is taken: the kernel's own words tell the two apart. */
	expect(gw_nl_add_vxlan_external(ns.nl, "vx1", 4790, &err), -EEXIST, &err, "A VXLAN device");
	expect(gw_nl_add_vxlan_external(ns.nl, "a-name-too-long-for-it", 1, &err), -ERANGE, &err,
	       "a-name-too-long-for-it");

	l = netns_link(&ns, "vx0");
	assert_true(!strcmp(l.kind, "vxlan") && !l.up);
	expect(gw_nl_link_set_mtu(ns.nl, l.ifindex, 9000, &err), 0, &err, NULL);
	expect(gw_nl_link_set_mtu(ns.nl, l.ifindex, 90000, &err), -EINVAL, &err,
	       "cannot set the MTU of vx0 to 90000: Invalid argument: mtu");
	expect(gw_nl_link_up(ns.nl, l.ifindex, &err), 0, &err, NULL);
	l = netns_link(&ns, "vx0");
	assert_true(l.up && l.mtu == 9000);
	expect(gw_nl_link_delete(ns.nl, l.ifindex, &err), 0, &err, NULL);
	assert_int_equal(gw_nl_link_get(ns.nl, "vx0", &l, &err), -ENODEV);
	expect(gw_nl_link_delete(ns.nl, l.ifindex, &err), -ENODEV, &err, "cannot delete link");
	expect(gw_nl_link_up(ns.nl, l.ifindex, &err), -ENODEV, &err, "No such device");
	netns_end(&ns);
}

/* Kernels differ: it must agree with iproute2 about this one. */
static void test_gretap(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	bool can;
	int rc;

	(void)state;
	netns_begin(&ns);
	can = sh("ip link add gt9 type gretap external 2>/dev/null && ip link del gt9") == 0;
	rc = gw_nl_add_gretap_external(ns.nl, "gt0", &err);
	print_message("# this kernel has %s gretap device\n", can ? "a" : "no");
	if (can) {
		expect(rc, 0, &err, NULL);
		assert_int_equal(sh("ip -d link show gt0 | grep -q 'gretap external'"), 0);
	} else {
		expect(rc, -EOPNOTSUPP, &err, "cannot create gretap device gt0: Operation not supported");
		assert_int_equal(err.code, GW_ERR_CAPABILITY);
		assert_int_equal(sh("ip link show gt0 2>/dev/null"), 1);
	}
	netns_end(&ns);
}

/* Frames that come out of an interface within `ms`. */
static int count_frames(int ifindex, int ms)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n = 0;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	struct timespec now, end;
	char frame[2048];

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	do {
		if (poll(&pfd, 1, 50) > 0 && recv(fd, frame, sizeof frame, 0) > 0)
			n++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	close(fd);
	return n;
}

static void test_quiet(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	int eth1, eth2, p1;
	uint64_t writes;

	(void)state;
	netns_begin(&ns);
	sh_ok("ip link add eth1 type veth peer name p1 && ip link add eth2 type veth peer name p2");
	eth1 = netns_link(&ns, "eth1").ifindex;
	p1 = netns_link(&ns, "p1").ifindex;
	/* Before it comes up: no address ever, and not a frame. */
	writes = gw_nl_writes();
	expect(gw_nl_link_quiet(ns.nl, eth1, &err), 0, &err, NULL);
	assert_int_equal(gw_nl_writes(), writes + 1);
	expect(gw_nl_link_quiet(ns.nl, eth1, &err), 0, &err, NULL);
	assert_int_equal(gw_nl_writes(), writes + 1); /* so it is already */
	expect(gw_nl_link_quiet(ns.nl, p1, &err), 0, &err, NULL);
	expect(gw_nl_link_up(ns.nl, eth1, &err), 0, &err, NULL);
	expect(gw_nl_link_up(ns.nl, p1, &err), 0, &err, NULL);
	assert_int_equal(count_frames(p1, 2000), 0);
	assert_int_not_equal(sh("ip -6 addr show dev eth1 | grep inet6"), 0);

	/* After it: the address goes. */
	sh_ok("ip link set eth2 up && ip link set p2 up");
	assert_int_equal(sh("ip -6 addr show dev eth2 | grep -q fe80"), 0);
	eth2 = netns_link(&ns, "eth2").ifindex;
	expect(gw_nl_link_quiet(ns.nl, eth2, &err), 0, &err, NULL);
	assert_int_not_equal(sh("ip -6 addr show dev eth2 | grep inet6"), 0);
	sh_ok("ip link set eth2 down && ip link set eth2 up");
	assert_int_not_equal(sh("ip -6 addr show dev eth2 | grep inet6"), 0);

	/* Where a link has no IPv6 there is nothing to silence. */
	sh_ok("ip link set eth2 mtu 1000");
	writes = gw_nl_writes();
	expect(gw_nl_link_quiet(ns.nl, eth2, &err), 0, &err, NULL);
	assert_int_equal(gw_nl_writes(), writes);
	expect(gw_nl_link_quiet(ns.nl, 999, &err), -ENODEV, &err, "link 999");
	netns_end(&ns);
}

/* --- dumps --- */

struct meddler {
	struct gw_nl_items items;
	struct gw_nl *other;
	struct gw_nl_addr addr;
	uint32_t meddled_seq, times;
	uint32_t up_to;
};
static struct meddler meddler;

/* Changes what is being dumped, once in each of the first attempts. */
static int meddle(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	if (h->nlmsg_seq != meddler.meddled_seq && meddler.times < meddler.up_to) {
		meddler.meddled_seq = h->nlmsg_seq;
		meddler.times++;
		meddler.addr.addr.b[15]++;
		assert_int_equal(gw_nl_addr_add(meddler.other, &meddler.addr, NULL), 0);
	}
	return gw_nl_items_add(items, h);
}

static int dump_meddled(uint32_t up_to)
{
	struct gw_nl_msg m;
	struct ifaddrmsg *ifa = gw_nl_msg_begin(&m, RTM_GETADDR, 0, sizeof *ifa);
	int rc;

	ifa->ifa_family = AF_INET;
	meddler.times = 0;
	meddler.up_to = up_to;
	meddler.items = (struct gw_nl_items){.size = sizeof(struct nlmsghdr)};
	rc = gw_nl_dump(ns.nl, &m, meddle, &meddler.items);
	free(meddler.items.v);
	return rc;
}

static void test_interrupted_dumps(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	int eth1;

	(void)state;
	netns_begin(&ns);
	check(gw_nl_open(&ns.loop, &meddler.other, &err) == 0, "%s", err.message);
	eth1 = netns_veth(&ns, "eth1");
	/* Several datagrams: the kernel prepares one ahead of the one that is read. */
	sh_ok("for i in $(seq 250); do for j in 1 2 3 4 5 6 7 8; do echo addr add 10.$j.0.$i/32 dev eth1; "
	      "done; done | "
	      "ip -b -");
	meddler.addr = mk_addr(eth1, "10.9.0.1", 32);

	assert_int_equal(dump_meddled(0), 0);
	assert_int_equal(meddler.items.n, 2000);
	/* Repeated until it is whole, and each entry once. */
	assert_int_equal(dump_meddled(2), 0);
	assert_int_equal(meddler.times, 2);
	assert_int_equal(meddler.items.n, 2002);
	/* But not for ever. */
	assert_int_equal(dump_meddled(100), -EAGAIN);
	assert_int_equal(meddler.times, 5);
	/* The socket is good for the next request. */
	assert_int_equal(netns_link(&ns, "eth1").ifindex, eth1);
	gw_nl_close(meddler.other);
	netns_end(&ns);
}

static void test_bad_message_is_not_sent(void **state)
{
	char big[GW_NL_MSG_SIZE] = {0};
	struct gw_nl_msg m;

	(void)state;
	netns_begin(&ns);
	gw_nl_msg_begin(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put(&m, 1, big, sizeof big);
	assert_int_equal(gw_nl_exec(ns.nl, &m, NULL, NULL), -EMSGSIZE);
	netns_end(&ns);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_vxlan),
		cmocka_unit_test(test_gretap),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_interrupted_dumps),
		cmocka_unit_test(test_bad_message_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
