/*
 * test_vrf.c - the VRF driver against the real kernel: namespaces of routing domains made, changed, taken over, repaired and
 * removed. Covers GW-1 (two tenants with identical addresses) and GW-8 (what is found is taken over) as far as VRFs go.
 */
#include "vrf_fixture.h"

#define RED_MAC	 "02:67:00:00:00:01"
#define BLUE_MAC "02:67:00:00:00:02"

static void put_red(void)
{
	put(croute(RED, 5001, "10.0.0.0/24", "0.0.0.0"));
	put(croute(RED, 5002, "10.0.1.0/24", "0.0.0.0"));
	put(croute(RED, 5002, "fd00:1::/64", "::"));
	put(croute(RED, 5002, "172.16.0.0/12", "10.0.1.9"));
	put(croute(RED, 5001, "0.0.0.0/0", "10.0.0.2"));
	put(croute(RED, 5001, "10.9.0.0/16", "10.0.0.2")); /* by the gateway itself */
	put(public(RED, "203.0.113.7/32", 1024, 1024));
	put(public(RED, "203.0.113.7/32", 4096, 1024));
	put(public(RED, "2001:db8:5::/64", 0, 0));
	put(vrf(RED, 5001, RED_MAC, "10.0.0.2", "fd00::2"));
}

static void put_blue(void)
{
	put(croute(BLUE, 6001, "10.0.0.0/24", "0.0.0.0"));
	put(public(BLUE, "203.0.113.7/32", 2048, 1024));
	put(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
}

static void begin_two(void)
{
	begin();
	sync_ok();
	gw_intent_begin(intent);
	put_red();
	put_blue();
	commit_ok();
	netns_drain(&ns);
	wanted = 0;
}

static void test_brought_in_and_taken_away(void **state)
{
	(void)state;
	begin_two();
	has(5001, "ovl0 inet 10.0.0.2/32");
	has(5001, "ovl0 inet6 fd00::2/128");
	has(5001, "ext0 inet 203.0.113.7/32");
	has(5001, "10.0.1.0/24 via 10.0.0.1 dev ovl0 proto 103 onlink");
	has(5001, "172.16.0.0/12 via 10.0.0.1 dev ovl0 proto 103 onlink");
	has(5001, "fd00:1::/64 via fd00::1 dev ovl0 proto 103");
	has(5001, "default via 169.254.1.1 dev ext0 proto 103 onlink");
	has(5001, "default via fe80::1 dev ext0 proto 103");
	has(5001, "unreachable 2001:db8:5::/64 dev lo proto 103");
	has(5001, "unreachable 10.0.0.0/24 proto 103");
	has(5001, "unreachable fd00::/64 dev lo proto 103 metric 1 ");
	has(5001, "10.0.0.1 dev ovl0 proto 103 scope link");
	has(5001, "fd00::1 dev ovl0 proto 103");
	has(5001, "10.0.0.1 dev ovl0 lladdr 02:67:77:64:00:01 PERMANENT proto 103");
	has(5001, "fd00::1 dev ovl0 lladdr 02:67:77:64:00:01 PERMANENT proto 103");
	has_not(5001, "10.9.0.0/16");
	has(5001, "ovl0: .* mtu 1450 .*link/ether " RED_MAC);
	has(5001, "ext0: .* mtu 1500 ");
	has(5001, "lo: <LOOPBACK,UP");
	has(6001, "ovl0 inet 10.0.0.2/32");
	has(6001, "ovl0: .*link/ether " BLUE_MAC);
	has_not(6001, "10.0.1.0/24");
	assert_int_equal(sh("m=$(ip -o link show gwe5001 | sed 's/.*ether //; s/ .*//');"
			    "ip -n gwd-" NODE "-5001 neigh show 169.254.1.1 | grep -q \"lladdr $m PERMANENT\""),
			 0);
	assert_int_equal(sh("ip -o addr show dev gwo5001 | grep -q inet || ip -o addr show dev gwe5001 | grep -q inet"),
			 1);
	state_is(RED, "Ready", NULL);
	sync_ok();
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	gw_intent_begin(intent);
	drop(vrf(RED, 5001, RED_MAC, "10.0.0.2", "fd00::2"));
	drop(public(RED, "203.0.113.7/32", 1024, 1024));
	drop(public(RED, "203.0.113.7/32", 4096, 1024));
	drop(public(RED, "2001:db8:5::/64", 0, 0));
	commit_ok();
	goes(5001);
	has(6001, "ovl0 inet 10.0.0.2/32");
	end();
}

static void test_settings(void **state)
{
	static const struct {
		const char *path;
		int bad, good;
	} untold[] = {
		{"netfilter/nf_conntrack_tcp_be_liberal", 0, 1}, {"ipv4/conf/all/send_redirects", 1, 0},
		{"ipv4/conf/all/accept_source_route", 1, 0},	 {"ipv4/conf/ovl0/accept_redirects", 1, 0},
		{"ipv4/conf/ext0/send_redirects", 1, 0},	 {"ipv6/conf/ext0/accept_ra", 2, 0},
		{"ipv4/conf/ext0/accept_local", 0, 1},
	};

	(void)state;
	begin();
	sh_ok("sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1");
	gw_intent_begin(intent);
	put_red();
	commit_ok();
	assert_int_equal(setting(5001, "ipv4/ip_forward"), 1);
	assert_int_equal(setting(5001, "ipv4/conf/ovl0/forwarding"), 1);
	assert_int_equal(setting(5001, "ipv4/conf/all/rp_filter"), 0);
	assert_int_equal(setting(5001, "ipv4/conf/ovl0/rp_filter"), 0);
	assert_int_equal(setting(5001, "ipv4/conf/ext0/rp_filter"), 0);
	assert_int_equal(setting(5001, "ipv4/conf/ext0/send_redirects"), 0);
	assert_int_equal(setting(5001, "ipv4/conf/ext0/accept_redirects"), 0);
	assert_int_equal(setting(5001, "ipv4/conf/all/promote_secondaries"), 1);
	assert_int_equal(setting(5001, "ipv4/conf/ext0/accept_local"), 1);
	assert_int_equal(setting(5001, "ipv4/conf/ovl0/accept_local"), 0);
	assert_int_equal(setting(5001, "ipv6/conf/all/forwarding"), 1);
	assert_int_equal(setting(5001, "ipv6/conf/ext0/forwarding"), 1);
	assert_int_equal(setting(5001, "ipv6/conf/ovl0/accept_ra"), 0);
	assert_int_equal(setting(5001, "ipv6/conf/ovl0/accept_dad"), 0);
	if (access("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", F_OK) == 0)
		assert_int_equal(setting(5001, "netfilter/nf_conntrack_tcp_be_liberal"), 1);
	netns_drain(&ns);
	wanted = 0;
	sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 sysctl -qw net.ipv4.conf.ovl0.rp_filter=1");
	repairs("settings were changed in VRF gwd-" NODE "-5001");
	assert_int_equal(setting(5001, "ipv4/conf/ovl0/rp_filter"), 0);
	sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 sysctl -qw net.ipv6.conf.all.forwarding=0");
	repairs("settings were changed in VRF gwd-" NODE "-5001");
	assert_int_equal(setting(5001, "ipv6/conf/ovl0/forwarding"), 1);
	/* Of these the kernel tells nobody. */
	for (size_t i = 0; i < GW_N(untold); i++) {
		if (sh("nsenter --net=/run/netns/gwd-" NODE "-5001 test -f /proc/sys/net/%s", untold[i].path) != 0)
			continue; /* this kernel does not have it */
		sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 sh -c 'echo %d >/proc/sys/net/%s'", untold[i].bad,
		      untold[i].path);
		repairs("settings were changed in VRF gwd-" NODE "-5001");
		check(setting(5001, untold[i].path) == untold[i].good, "%s", untold[i].path);
		netns_drain(&ns);
		check(wanted == 0, "%s: asks again: %s", untold[i].path, reason);
	}
	end();
}

/* What others take away comes back, one thing at a time; what others put there stays, if not by hand. */
static void test_repaired(void **state)
{
	static const struct {
		const char *command, *why, *back;
	} cases[] = {
		{"ip -n $n addr del 10.0.0.2/32 dev ovl0", "address 10.0.0.2 was removed", "ovl0 inet 10.0.0.2/32"},
		{"ip -n $n addr del fd00::2/128 dev ovl0", "address fd00::2 was removed", "ovl0 inet6 fd00::2/128"},
		{"ip -n $n addr flush dev ext0", "address 203.0.113.7 was removed", "ext0 inet 203.0.113.7/32"},
		{"ip -n $n route del 10.0.1.0/24", "route 10.0.1.0/24 was removed", "10.0.1.0/24 via 10.0.0.1"},
		{"ip -n $n -6 route del default", "route ::/0 was removed", "default via fe80::1 dev ext0"},
		{"ip -n $n -6 route del unreachable 2001:db8:5::/64", "route 2001:db8:5::/64 was removed",
		 "unreachable 2001:db8:5::/64"},
		{"ip -n $n neigh del 10.0.0.1 dev ovl0", "a neighbour was changed",
		 "10.0.0.1 dev ovl0 lladdr 02:67:77"},
		{"ip -n $n neigh replace fe80::1 lladdr 02:00:00:00:00:99 dev ext0", "a neighbour was changed",
		 "fe80::1 dev ext0 lladdr"},
		{"ip -n $n link set ovl0 down", "ovl0 of VRF", "10.0.1.0/24 via 10.0.0.1"},
		{"ip -n $n link set ovl0 address 02:00:00:00:00:99", "ovl0 of VRF", "ovl0: .*link/ether " RED_MAC},
		{"ip -n $n link set ext0 mtu 1400", "ext0 of VRF", "ext0: .* mtu 1500"},
		{"ip -n $n link add br0 type bridge && ip -n $n link set ovl0 master br0", "ovl0 of VRF",
		 "ovl0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu"},
		{"ip -n $n link set ext0 master br0", "ext0 of VRF", "ext0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu"},
		{"ip link add br0 type bridge && ip link set gwe5001 master br0", "gwe5001 of VRF",
		 "default via 169.254.1.1 dev ext0"},
		{"ip -n $n link del br0; ip link del br0; ip -n $n route del unreachable 10.0.0.0/24",
		 "route 10.0.0.0/24 was removed", "unreachable 10.0.0.0/24"},
		{"ip -n $n -6 route del unreachable fd00::/64", "route fd00::/64 was removed", "unreachable fd00::/64"},
		{"ip -n $n route del 10.0.0.1/32", "route 10.0.0.1/32 was removed", "10.0.0.1 dev ovl0 proto 103"},
		{"ip -n $n link del ext0", "VRF gwd-" NODE "-5001", "default via 169.254.1.1 dev ext0"},
		{"ip link del gwo5001", "VRF gwd-" NODE "-5001", "ovl0 inet 10.0.0.2/32"},
		{"ip link set gwe5001 down", "gwe5001 of VRF", "default via 169.254.1.1 dev ext0"},
		{"ip netns del $n", "namespace gwd-" NODE "-5001 was deleted", "default via 169.254.1.1 dev ext0"},
	};

	(void)state;
	begin_two();
	sh_ok("n=gwd-" NODE "-5001; ip -n $n route add 10.77.0.0/16 via 10.0.0.9 dev ovl0 onlink proto bird; ip -n $n "
	      "addr add 10.0.0.77/24 dev ovl0;"
	      "ip -n $n neigh add 10.0.0.78 lladdr 02:00:00:00:00:78 dev ovl0");
	for (size_t i = 0; i < GW_N(cases); i++) {
		if (i == 8) { /* the next takes the others' with it */
			has(5001, "10.77.0.0/16 via 10.0.0.9");
			has(5001, "ovl0 inet 10.0.0.77/24");
			has(5001, "10.0.0.78 dev ovl0 lladdr 02:00:00:00:00:78 PERMANENT");
		}
		sh_ok("n=gwd-" NODE "-5001; %s", cases[i].command);
		repairs(cases[i].why);
		has(5001, cases[i].back);
		has(5001, "ovl0: .*UP.* mtu 1450 ");
		check(sh("(ip -n gwd-" NODE
			 "-5001 -o link; ip -o link) | grep 'ovl0\\|ext0\\|gw[oe]5001' | grep -q ' master '") == 1,
		      "%s: somebody's", cases[i].command);
		has(5001, "10.0.0.1 dev ovl0 lladdr 02:67:77:64:00:01 PERMANENT");
		has(5001, "10.0.1.0/24 via 10.0.0.1 dev ovl0");
		has(5001, "unreachable 2001:db8:5::/64 dev lo proto 103");
		has(5001, "default via 169.254.1.1 dev ext0");
		state_is(RED, "Ready", NULL);
		netns_drain(&ns);
		check(wanted == 0, "%s: asks again: %s", cases[i].command, reason);
	}
	end();
}

static json_int_t repaired(void)
{
	json_t *j = ops->status(driver);
	json_int_t n = json_integer_value(json_object_get(j, "repairs"));

	json_decref(j);
	return n;
}

/*
 * Of a shared address others have ports: it is there to speak from, and what is sent to it leaves; of another all ends there. Also
 * when one becomes the other, and whatever the kernel or somebody does about it.
 */
static void test_shared(void **state)
{
	static const char *const breaks[] = {"ip -n $n addr flush dev ext0", "ip -n $n link set ext0 down",
					     "ip -n $n link set ext0 down; ip -n $n link set ext0 up",
					     "ip -n $n link del ext0", "ip netns del $n"};
	const char *leaves = "ip -n gwd-" NODE "-5001 route get 203.0.113.7 from 10.0.1.11 iif ovl0 | "
			     "grep -q 'via 169.254.1.1 dev ext0'",
		   *speaks = "ip -n gwd-" NODE "-5001 route get 198.51.100.1 | grep -q 'dev ext0 src 203.0.113.7'",
		   *ends = "ip -n gwd-" NODE "-5001 route get 203.0.113.7 from 10.0.1.11 iif ovl0 | grep -q '^local'";
	json_int_t before;

	(void)state;
	begin_two();
	sh_ok("%s && %s", leaves, speaks);
	sh_ok("ip -n gwd-" NODE "-6001 addr show dev ext0 | grep -q 203.0.113.7/32");
	assert_int_not_equal(sh("ip -n gwd-" NODE "-6001 route show table local | grep -q 203.0.113.7"), 0);
	/* That the kernel makes its route anew with an address that is new is no repair. */
	before = repaired();
	sync_ok();
	add(public(RED, "203.0.113.9/32", 2048, 1024));
	assert_int_equal(repaired(), before);
	assert_int_not_equal(sh("ip -n gwd-" NODE "-5001 route show table local | grep -q 203.0.113.9"), 0);
	for (size_t i = 0; i < GW_N(breaks); i++) {
		sh_ok("n=gwd-" NODE "-5001; %s", breaks[i]);
		repairs("gwd-" NODE "-5001");
		sh_ok("%s && %s", leaves, speaks);
	}
	/* As an older version left it, or somebody made it, when the next process comes. */
	for (int on = 0; on < 2; on++) {
		driver = ops->close(driver);
		netns_drain(&ns);
		if (on)
			sh_ok("ip -n gwd-" NODE "-5001 route del local 10.0.0.2 dev ovl0 table local");
		else
			sh_ok("ip -n gwd-" NODE "-5001 route add local 203.0.113.7 dev ext0 table local proto kernel "
			      "scope host src 203.0.113.7");
		open_driver();
		sync_ok();
		assert_int_equal(repaired(), 1);
		sh_ok("%s && %s", leaves, speaks);
		sh_ok("ip -n gwd-" NODE
		      "-5001 route show table local | grep -q '^local 10.0.0.2 dev ovl0 proto kernel'");
	}
	/* Blue leaves, and red has the address alone; then not any more. */
	gw_intent_begin(intent);
	drop(public(BLUE, "203.0.113.7/32", 2048, 1024));
	drop(public(RED, "203.0.113.7/32", 1024, 1024));
	drop(public(RED, "203.0.113.7/32", 4096, 1024));
	put(public(RED, "203.0.113.7/32", 0, 0));
	commit_ok();
	sh_ok("%s && %s", ends, speaks);
	gw_intent_begin(intent);
	drop(public(RED, "203.0.113.7/32", 0, 0));
	put(public(RED, "203.0.113.7/32", 1024, 1024));
	commit_ok();
	sh_ok("%s && %s", leaves, speaks);
	take(public(RED, "203.0.113.7/32", 1024, 1024));
	has_not(5001, "203.0.113.7");
	end();
}

#define INSIDE "ip -n gwd-" NODE "-5001 "
#define RULES  "(" INSIDE "rule; " INSIDE "-6 rule)"
#define ROUTES "(" INSIDE "route show table all; " INSIDE "-6 route show table all)"

static size_t warnings(void)
{
	json_t *status = ops->status(driver);
	size_t n = json_array_size(json_object_get(status, "warnings"));

	json_decref(status);
	return n;
}

/* Rules and routes that lead a tenant's packets elsewhere go; those of daemons stay. */
static void test_by_hand(void **state)
{
	static const struct {
		const char *command, *why;
	} cases[] = {
		{"rule add prio 1 blackhole", "a rule was changed"},
		{"rule del lookup main", "a rule was changed"},
		{"rule del prio 0", "a rule was changed"},
		{"-6 rule del lookup main", "a rule was changed"},
		{"-6 rule add prio 7 iif ovl0 to 2001:db8:77::/48 fwmark 1/3 ipproto udp dport 53-60 unreachable",
		 "a rule was changed"},
		{"rule add prio 9 from 10.0.1.0/24 oif ext0 lookup main suppress_prefixlength 0", "a rule was changed"},
		{"rule flush", "a rule was changed"},
		{"route add blackhole 198.51.100.0/24", "a route was added by hand"},
		{"route add 10.0.1.128/25 via 10.0.0.9 dev ovl0 onlink metric 7", "a route was added by hand"},
		{"route add 10.78.0.0/16 nexthop via 10.0.0.8 dev ovl0 onlink nexthop via 10.0.0.9 dev ovl0 onlink",
		 "a route was added by hand"},
		{"route add local 198.51.100.0/24 dev lo table local proto static", "a route was added by hand"},
		{"route add prohibit default table default", "a route was added by hand"},
		{"route replace 10.0.1.0/24 via 10.0.0.9 dev ovl0 onlink", "a route was added by hand"},
		{"-6 route add blackhole 2001:db8:77::/48", "a route was added by hand"},
		{"-6 route add fd00:1::/80 via fd00::9 dev ovl0 onlink", "a route was added by hand"},
	};
	static const char *const others[] = {
		"route add 10.77.0.0/16 via 10.0.0.9 dev ovl0 onlink proto bird",
		"route add 10.79.0.0/16 via 10.0.0.9 dev ovl0 onlink table 220 proto static",
		"rule add prio 220 lookup 220 proto zebra"};

	(void)state;
	begin_two();
	for (size_t i = 0; i < GW_N(others); i++)
		sh_ok(INSIDE "%s", others[i]);
	repairs("a rule was changed");
	sh_ok(RULES " > /run/rules; " ROUTES " | sort > /run/routes");
	sh_ok("grep -q 'lookup 220' /run/rules && grep -q 10.77 /run/routes && grep -q 10.79 /run/routes");
	for (size_t i = 0; i < GW_N(cases); i++) {
		bool flush = strcmp(cases[i].command, "rule flush") == 0;

		sh_ok(INSIDE "%s", cases[i].command);
		check(sh(RULES " | cmp -s - /run/rules && " ROUTES " | sort | cmp -s - /run/routes") != 0,
		      "%s changes nothing", cases[i].command);
		repairs(cases[i].why);
		if (flush) { /* takes the daemon's rule, too */
			sh_ok(INSIDE "%s", others[2]);
			repairs(cases[i].why);
		}
		check(sh(RULES " | diff /run/rules - >&2 && " ROUTES " | sort | diff /run/routes - >&2") == 0,
		      "%s is not mended", cases[i].command);
		assert_int_equal(wanted, 0);
	}
	state_is(RED, "Ready", NULL);
	sh_ok("tc -n gwd-" NODE "-5001 qdisc add dev ext0 clsact");
	settle();
	state_is(RED, "Ready", "tc qdisc del");
	check(warnings() == 1, "no warning of a queueing discipline");
	sync_ok(); /* also who looks at all of it finds it */
	state_is(RED, "Ready", "tc qdisc del");
	sh_ok("tc -n gwd-" NODE "-5001 qdisc del dev ext0 clsact");
	settle();
	state_is(RED, "Ready", NULL);
	check(warnings() == 0, "a warning of what has gone");
	sync_ok(); /* nothing is left to do */
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end();
}

/* A process that comes after another takes over what it finds and writes nothing. */
static void test_taken_over(void **state)
{
	static const char *const losses[] = {
		"route del 172.16.0.0/12",
		"route del unreachable 10.0.0.0/24",
		"-6 route del default",
		"neigh del 10.0.0.1 dev ovl0",
	};
	uint64_t writes;

	(void)state;
	begin_two();
	driver = ops->close(driver);
	netns_drain(&ns);
	open_driver();
	sh_ok("(ip monitor all > /run/m0) & echo $! > /run/p0; (ip -n gwd-" NODE "-5001 monitor all > /run/m1) & "
	      "echo $! > /run/p1; sleep 0.3");
	writes = gw_nl_writes();
	sync_ok();
	netns_drain(&ns);
	assert_int_equal(gw_nl_writes(), writes); /* nor is anything asked that the kernel then refuses */
	sh_ok("sleep 0.3; kill $(cat /run/p0 /run/p1); cat /run/m0 /run/m1");
	assert_int_equal(sh("[ -s /run/m0 ] || [ -s /run/m1 ]"), 1);
	assert_int_equal(wanted, 0);
	state_is(RED, "Ready", NULL);
	state_is(BLUE, "Ready", NULL);
	/* One thing went while nobody was there: that is all that is written. */
	for (size_t i = 0; i < GW_N(losses); i++) {
		driver = ops->close(driver);
		sh_ok("ip -n gwd-" NODE "-5001 %s", losses[i]);
		netns_drain(&ns);
		open_driver();
		writes = gw_nl_writes();
		sync_ok();
		netns_drain(&ns);
		check(gw_nl_writes() == writes + 1, "%s: %llu writes", losses[i],
		      (unsigned long long)(gw_nl_writes() - writes));
		assert_int_equal(repaired(), 1);
	}
	/* Also while nobody was there: things went, others' records went. */
	driver = ops->close(driver);
	netns_drain(&ns);
	sh_ok("n=gwd-" NODE "-5001; ip -n $n addr flush dev ovl0; ip link del gwe5001; ip netns del gwd-" NODE "-6001;"
	      "ip netns add gwd-" NODE "-7001; ip netns add gwd-" NODE "-x-7001; ip netns add other");
	open_driver();
	sync_ok();
	has(5001, "ovl0 inet 10.0.0.2/32");
	has(5001, "172.16.0.0/12 via 10.0.0.1");
	has(5001, "default via 169.254.1.1 dev ext0");
	has(6001, "ovl0 inet 10.0.0.2/32");
	assert_int_equal(access(GW_NETNS_DIR "/gwd-" NODE "-7001", F_OK), -1);
	assert_int_equal(access(GW_NETNS_DIR "/gwd-" NODE "-x-7001", F_OK), 0);
	assert_int_equal(access(GW_NETNS_DIR "/other", F_OK), 0);
	end();
	sh_ok("ip netns del gwd-" NODE "-x-7001; ip netns del other");
}

static struct gw_hnv_object *record(uint32_t vsid, const char *ca, const char *mac, enum gw_record_type type)
{
	struct gw_hnv_object *o = object(GW_HNV_LOOKUP_RECORD);

	check(gw_mac_parse(mac, &o->record.mac) == 0, "%s", mac);
	o->record.vsid = vsid;
	o->record.ca = mk_ip(ca);
	o->record.pa = mk_ip("10.1.1.2");
	o->record.type = type;
	return o;
}

/* Entries of the kernel's table of neighbours in red's namespace, whatever they are. */
static int neighbours(void)
{
	return sh("exit $( (ip -n gwd-" NODE "-5001 -4 neigh show nud all; ip -n gwd-" NODE
		  "-5001 -6 neigh show nud all) | grep -vc ' NOARP')");
}

/*
 * The kernel has one table of neighbours for all: none comes of what is sent to a gateway subnet, where there are only the hosts
 * that records name; also where somebody has put an address into it by hand.
 */
static void test_nobody_is_asked_for(void **state)
{
	const char *scan = "import socket\n"
			   "for family, addresses in ((socket.AF_INET, ['10.0.0.%d' % i for i in range(3, 150)]),\n"
			   "                          (socket.AF_INET6, ['fd00::1:%x' % i for i in range(150)])):\n"
			   "  s = socket.socket(family, socket.SOCK_DGRAM)\n"
			   "  for a in addresses:\n"
			   "    try: s.sendto(b'x', (a, 9))\n"
			   "    except OSError: pass\n";
	int before;

	(void)state;
	begin_two();
	before = neighbours();
	check(before == 4, "%d neighbours", before); /* the routers of both families, either way */
	sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 python3 -c \"%s\"", scan);
	assert_int_equal(neighbours(), before);
	/* A host, by a record that comes before or behind the virtual gateway; not its own, and no wildcard. */
	gw_intent_begin(intent);
	put(record(5001, "10.0.0.9", "02:00:00:00:00:19", GW_RECORD_STATIC));
	put(record(5001, "fd00::9", "02:00:00:00:00:19", GW_RECORD_STATIC));
	put(record(5001, "10.0.0.2", RED_MAC, GW_RECORD_STATIC));
	put(record(5001, "0.0.0.0", RED_MAC, GW_RECORD_WILDCARD));
	put(record(5001, "10.7.0.9", "02:00:00:00:00:19", GW_RECORD_STATIC)); /* not in the subnet */
	commit_ok();
	has(5001, "10.0.0.9 dev ovl0 proto 103 scope link");
	has(5001, "fd00::9 dev ovl0 proto 103");
	has(5001, "10.0.0.9 dev ovl0 lladdr 02:00:00:00:00:19 PERMANENT proto 103");
	has(5001, "fd00::9 dev ovl0 lladdr 02:00:00:00:00:19 PERMANENT proto 103");
	has_not(5001, "10.0.0.2 dev ovl0 lladdr");
	has_not(5001, "10.7.0.9 dev ovl0");
	has_not(6001, "10.0.0.9 dev ovl0");
	add(record(5001, "10.0.0.9", "02:00:00:00:00:29", GW_RECORD_STATIC));
	has(5001, "10.0.0.9 dev ovl0 lladdr 02:00:00:00:00:29 PERMANENT proto 103");
	assert_int_equal(neighbours(), before + 2);
	netns_drain(&ns);
	wanted = 0;
	sh_ok("ip -n gwd-" NODE "-5001 neigh del 10.0.0.9 dev ovl0");
	repairs("a neighbour was changed");
	has(5001, "10.0.0.9 dev ovl0 lladdr 02:00:00:00:00:29 PERMANENT proto 103");
	gw_intent_begin(intent);
	drop(vrf(RED, 5001, RED_MAC, "10.0.0.2", "fd00::2"));
	commit_ok();
	take(record(5001, "fd00::9", "02:00:00:00:00:19", GW_RECORD_STATIC));
	add(vrf(RED, 5001, RED_MAC, "10.0.0.2", "fd00::2"));
	has(5001, "10.0.0.9 dev ovl0 lladdr 02:00:00:00:00:29 PERMANENT proto 103");
	has_not(5001, "fd00::9 dev ovl0");
	take(record(5001, "10.0.0.9", "02:00:00:00:00:29", GW_RECORD_STATIC));
	has_not(5001, "10.0.0.9 dev ovl0");
	sh_ok("n=gwd-" NODE "-5001; ip -n $n addr add 10.0.0.77/24 dev ovl0; ip -n $n addr add fd00::77/64 dev ovl0");
	sh_ok("ip -n gwd-" NODE "-5001 link set ovl0 down");
	repairs("ovl0 of VRF");
	state_is(RED, "Ready", NULL);
	before = neighbours();
	sh_ok("nsenter --net=/run/netns/gwd-" NODE "-5001 python3 -c \"%s\"", scan);
	assert_int_equal(neighbours(), before);
	end();
}

/* As an earlier version left it: the whole subnet on the link. */
static void test_subnet_leaves_the_link(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_nl_addr a = {.prefix_len = 24, .unchecked = true};
	struct gw_link link;
	struct gw_nl *nl;
	int fd;

	(void)state;
	begin_two();
	driver = ops->close(driver);
	netns_drain(&ns);
	sh_ok("n=gwd-" NODE "-5001; ip -n $n route del unreachable 10.0.0.0/24; ip -n $n addr del 10.0.0.2/32 dev ovl0;"
	      "ip -n $n -6 route del unreachable fd00::/64; ip -n $n addr del fd00::2/128 dev ovl0");
	assert_int_equal(gw_netns_open("gwd-" NODE "-5001", &fd), 0);
	expect(gw_nl_open_in(&ns.loop, fd, &nl, &err), 0, &err, NULL);
	close(fd);
	expect(gw_nl_link_get(nl, "ovl0", &link, &err), 0, &err, NULL);
	a.ifindex = link.ifindex;
	a.addr = mk_ip("10.0.0.2");
	expect(gw_nl_addr_add(nl, &a, &err), 0, &err, NULL);
	a.addr = mk_ip("fd00::2");
	a.prefix_len = 64;
	expect(gw_nl_addr_add(nl, &a, &err), 0, &err, NULL);
	gw_nl_close(nl);
	has(5001, "10.0.0.0/24 dev ovl0");
	open_driver();
	sync_ok();
	has(5001, "ovl0 inet 10.0.0.2/32");
	has(5001, "ovl0 inet6 fd00::2/128");
	has_not(5001, "ovl0 inet 10.0.0.2/24");
	has(5001, "unreachable 10.0.0.0/24 proto 103");
	has_not(5001, "10.0.0.0/24 dev ovl0");
	has_not(5001, "fd00::/64 dev ovl0");
	has(5001, "10.0.1.0/24 via 10.0.0.1");
	state_is(RED, "Ready", NULL);
	end();
}

static void test_changed(void **state)
{
	(void)state;
	begin_two();
	/* Another address, another MAC, other routes. */
	gw_intent_begin(intent);
	put(vrf(RED, 5001, "02:67:00:00:00:09", "10.0.0.3", "fd00::3"));
	drop(croute(RED, 5002, "172.16.0.0/12", "10.0.1.9"));
	put(croute(RED, 5002, "172.20.0.0/16", "10.0.1.9"));
	commit_ok();
	has(5001, "ovl0 inet 10.0.0.3/32");
	has_not(5001, "ovl0 inet 10.0.0.2/32");
	has_not(5001, "ovl0 inet6 fd00::2/128");
	has(5001, "ovl0: .*link/ether 02:67:00:00:00:09");
	has(5001, "10.0.1.0/24 via 10.0.0.1");
	has(5001, "fd00:1::/64 via fd00::1");
	has_not(5001, "172.16.0.0/12");
	has(5001, "172.20.0.0/16 via 10.0.0.1");
	has(5001, "10.9.0.0/16 via 10.0.0.1"); /* 10.0.0.2 is somebody else now */
	/* The two domains change places: same names, other namespaces, in one change. */
	gw_intent_begin(intent);
	drop(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
	put(vrf(RED, 5002, RED_MAC, "10.0.1.2", NULL));
	commit_ok();
	has(5002, "ovl0 inet 10.0.1.2/32");
	has(5002, "10.0.0.0/24 via 10.0.1.1 dev ovl0");
	assert_int_equal(access(GW_NETNS_DIR "/gwd-" NODE "-5001", F_OK), -1);
	state_is(RED, "Ready", "its IPv6 customer routes are left out");
	sync_ok();
	netns_drain(&ns);
	wanted = 0;
	/* The external interface gets another MTU, and the underlay. */
	sh_ok("ip link set wan0 mtu 1400");
	repairs("the external interface has another MTU");
	has(5002, "ext0: .* mtu 1400 ");
	config.underlay_mtu = 9000;
	sync_ok();
	has(5002, "ovl0: .* mtu 8950 ");
	end();
}

/* A tenant goes and another comes with its names and addresses, in one change and in two. */
static void test_same_names_at_once(void **state)
{
	(void)state;
	begin_two();
	for (int i = 0; i < 5; i++) {
		gw_intent_begin(intent);
		drop(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
		drop(croute(BLUE, 6001, "10.0.0.0/24", "0.0.0.0"));
		commit_ok();
		gw_intent_begin(intent);
		put(croute(BLUE, 6001, "10.0.0.0/24", "0.0.0.0"));
		put(vrf(BLUE, 6001, BLUE_MAC, "10.0.0.2", NULL));
		commit_ok();
		has(6001, "ovl0 inet 10.0.0.2/32");
		sh_ok("ip netns del gwd-" NODE "-6001");
		sync_ok();
		has(6001, "ovl0 inet 10.0.0.2/32");
	}
	end();
}

/* What has a router of another name, no IPv4, or a public address that a VM has itself. */
static void test_unusual(void **state)
{
	struct gw_hnv_object *router = object(GW_HNV_LOOKUP_RECORD), *key;

	(void)state;
	begin();
	sync_ok();
	router->record = (struct gw_lookup_record){
		.vsid = 5001, .ca = mk_ip("10.0.0.254"), .pa = mk_ip("169.254.0.1"), .mac = {{2, 2, 2, 2, 2, 2}}};
	key = gw_hnv_object_copy(router);
	gw_intent_begin(intent);
	put_red();
	put(public(RED, "10.0.1.77/32", 0, 0));	   /* within a customer's subnet */
	put(public(RED, "198.51.100.0/24", 0, 0)); /* routed without translation: a part of it is somewhere */
	put(croute(RED, 5002, "198.51.100.0/25", "0.0.0.0"));
	put(router);
	put(croute(BLUE, 6002, "10.0.5.0/24", "0.0.0.0"));
	put(croute(BLUE, 6002, "fd00:5::/64", "::"));
	put(vrf(BLUE, 6001, BLUE_MAC, NULL, "fd00::2"));
	commit_ok();
	has(5001, "10.0.0.254 dev ovl0 lladdr 02:02:02:02:02:02 PERMANENT");
	has(5001, "10.0.1.0/24 via 10.0.0.254 dev ovl0");
	has(5001, "fd00:1::/64 via fd00::1 dev ovl0");
	has_not(5001, "ext0 inet 10.0.1.77");
	has(5001, "198.51.100.0/25 via 10.0.0.254");
	has(5001, "unreachable 198.51.100.0/24");
	has(6001, "fd00:5::/64 via fd00::1 dev ovl0");
	has_not(6001, "10.0.5.0/24");
	state_is(BLUE, "Ready", "its IPv4 customer routes are left out");
	take(key);
	has(5001, "10.0.0.1 dev ovl0 lladdr 02:67:77:64:00:01 PERMANENT");
	has_not(5001, "10.0.0.254 dev ovl0");
	has(5001, "10.0.1.0/24 via 10.0.0.1 dev ovl0");
	/* The external interface goes, and comes with an MTU that has no room for IPv6. */
	sh_ok("ip link del wan0");
	netns_drain(&ns);
	state_is(RED, "Ready", "does not exist");
	has(5001, "ext0: .* mtu 1500 ");
	wanted = 0;
	sh_ok("ip link add wan0 mtu 1200 type veth peer name wan1");
	repairs("the external interface");
	has(5001, "ext0: .* mtu 1200 ");
	has(5001, "default via 169.254.1.1 dev ext0");
	state_is(RED, "Ready", NULL);
	sh_ok("ip link set wan0 mtu 1500");
	repairs("the external interface");
	has(5001, "default via fe80::1 dev ext0");
	end();
}

/* A change of one domain says nothing to the others, however many there are. */
static void test_only_what_changes(void **state)
{
	char rdid[40];

	(void)state;
	begin();
	sync_ok();
	gw_intent_begin(intent);
	put_red();
	for (unsigned i = 0; i < 20; i++) {
		snprintf(rdid, sizeof rdid, "22222222-2222-3333-4444-%012u", i);
		put(vrf(rdid, 7000 + i, BLUE_MAC, "10.0.0.2", NULL));
	}
	commit_ok();
	/* What somebody did while nobody looked is not even seen: a domain that is not touched is not read. */
	sh_ok("for i in $(seq 7000 7019); do ip -n gwd-" NODE "-$i route del default; done");
	add(croute(RED, 5002, "172.30.0.0/16", "10.0.1.9"));
	has(5001, "172.30.0.0/16 via 10.0.0.1");
	has_not(7003, "default via 169.254.1.1");
	sync_ok(); /* its events were not read yet: it is asked for by somebody else, so it looks at all */
	has(7003, "default via 169.254.1.1");
	end();
}

static void test_in_the_way(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	(void)state;
	begin();
	sync_ok();
	sh_ok("ip link add gwo5001 type veth peer name x");
	gw_intent_begin(intent);
	put_red();
	delta = gw_intent_delta(intent);
	expect((ops->check)(driver, intent, &delta, &err), -EEXIST, &err, "interface gwo5001 is in the way");
	gw_intent_rollback(intent);
	sh_ok("ip link del gwo5001");
	gw_intent_begin(intent);
	put_red();
	commit_ok();
	sh_ok("ip link del gwo5001; ip link add gwo5001 type veth peer name x");
	netns_drain(&ns);
	expect(sync_whole(&err), -EEXIST, &err, "interface gwo5001 is in the way");
	state_is(RED, "Degraded", "in the way");
	sh_ok("ip link show x >/dev/null");
	sh_ok("ip link del gwo5001");
	sync_ok();
	has(5001, "ovl0 inet 10.0.0.2/32");
	state_is(RED, "Ready", NULL);
	end();
}

static void test_names(void **state)
{
	char name[GW_NETNS_STRLEN];

	(void)state;
	assert_string_equal(gw_netns_vrf_name("a", 5001, name), "gwd-a-5001");
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-5001"), 5001);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-1-5001"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a-1", "gwd-a-1-5001"), 5001);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-b-5001"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-05001"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-5001x"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-999999999"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a", "gwd-a-"), 0);
	assert_int_equal(gw_netns_vrf_vsid("a", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_brought_in_and_taken_away),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_repaired),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_nobody_is_asked_for),
		cmocka_unit_test(test_subnet_leaves_the_link),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_same_names_at_once),
		cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_unusual),
		cmocka_unit_test(test_only_what_changes),
	};

	return cmocka_run_group_tests_name("vrf", tests, private_mounts, NULL);
}
