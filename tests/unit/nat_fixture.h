/*
 * nat_fixture.h - the NAT plugin as the core drives it, with a virtual gateway's namespace between two others: hosts of the customer
 * behind ovl0, the Internet behind ext0.
 *
 *     nat-in-P                gwd-natP-5001                    nat-out-P
 *     10.0.0.4, .5, .6 ------ ovl0 10.0.0.1   ext0 ----------- 198.51.100.9, 2001:db8:9::9
 *     2001:db8:a::4           203.0.113.1, .2, .3 on it        and all public addresses behind ext0
 *
 * P is the number of the process; the names are in a mount namespace of its own, so that nothing stays when it is killed.
 */
#ifndef GW_TESTS_UNIT_NAT_FIXTURE_H
#define GW_TESTS_UNIT_NAT_FIXTURE_H

#include "fixture.h"
#include "netns.h"

#include "nat/gateway.h"
#include "netns/netns.h"
#include "plugin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#define RD	"11111111-1111-1111-1111-111111111111"
#define INSIDE	"nat-in"
#define OUTSIDE "nat-out"

static struct gw_config config;
static struct gw_intent *intent;
static struct gw_driver *driver;
static uv_loop_t loop;
static int wanted;
static char vrf[64], in_ns[32], out_ns[32];

static inline void on_want_sync(void *core, const char *why)
{
	(void)core;
	(void)why;
	wanted++;
}

static inline void make_namespaces(void)
{
	snprintf(vrf, sizeof vrf, "gwd-nat%d-5001", (int)getpid());
	snprintf(in_ns, sizeof in_ns, INSIDE "-%d", (int)getpid());
	snprintf(out_ns, sizeof out_ns, OUTSIDE "-%d", (int)getpid());
	if (geteuid() != 0) {
		print_message("# SKIP: needs root, for network namespaces\n");
		skip();
	}
	sh_ok("ip netns add %s && ip netns add %s && ip netns add %s", vrf, in_ns, out_ns);
	sh_ok("ip -n %s link set lo up; ip -n %s link add ovl0 type veth peer name eth0 netns %s && "
	      "ip -n %s link add ext0 type veth peer name eth0 netns %s",
	      vrf, vrf, in_ns, vrf, out_ns);
	sh_ok("N=%s; nsenter --net=/run/netns/$N sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
	      "net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; "
	      "ip -n $N addr add 10.0.0.1/24 dev ovl0; ip -n $N addr add 2001:db8:a::1/64 dev ovl0 nodad; "
	      "for i in 1 2 3; do ip -n $N addr add 203.0.113.$i/32 dev ext0; done; "
	      "ip -n $N link set ovl0 up; ip -n $N link set ext0 up; "
	      "ip -n $N route add default via 169.254.1.1 dev ext0 onlink; "
	      "ip -n $N route add default via fe80::1 dev ext0; "
	      "M=$(ip -n %s -o link show dev eth0 | sed 's/.*ether //; s/ .*//'); "
	      "ip -n $N neigh replace fe80::1 lladdr $M dev ext0 nud permanent",
	      vrf, out_ns);
	sh_ok("N=%s; for i in 4 5 6; do ip -n $N addr add 10.0.0.$i/24 dev eth0; done; "
	      "ip -n $N addr add 2001:db8:a::4/64 dev eth0 nodad; ip -n $N link set lo up; ip -n $N link set eth0 up; "
	      "ip -n $N route add default via 10.0.0.1; ip -n $N route add default via 2001:db8:a::1",
	      in_ns);
	sh_ok("N=%s; ip -n $N link set lo up; ip -n $N link set eth0 up; ip -n $N addr add 169.254.1.1/32 dev eth0; "
	      "ip -n $N addr add fe80::1/64 dev eth0 nodad; ip -n $N addr add 198.51.100.9/32 dev eth0; "
	      "ip -n $N addr add 2001:db8:9::9/128 dev eth0 nodad; "
	      "ip -n $N route add 203.0.113.0/24 dev eth0 src 198.51.100.9; "
	      "ip -n $N route add 10.0.0.0/24 via 203.0.113.1 dev eth0 onlink src 198.51.100.9; "
	      "M=$(ip -n %s -o link show dev ext0 | sed 's/.*ether //; s/ .*//'); "
	      "ip -n $N neigh replace fe80::2 lladdr $M dev eth0 nud permanent; "
	      "ip -n $N -6 route add 2001:db8:a::/64 via fe80::2 dev eth0 src 2001:db8:9::9",
	      out_ns, vrf);
}

static inline void drop_namespaces(void)
{
	sh("ip netns del %s 2>/dev/null; ip netns del %s 2>/dev/null; ip netns del %s 2>/dev/null", vrf, in_ns, out_ns);
}

/* --- the driver --- */

static inline void open_driver(void)
{
	struct gw_driver_env env = {.loop = &loop, .config = &config, .want_sync = on_want_sync, .core = &wanted};
	struct gw_error err = GW_ERROR_INIT;

	expect(gw_plugin.ops->open(&env, &driver, &err), 0, &err, NULL);
}

static inline void close_driver(void)
{
	driver = gw_plugin.ops->close(driver);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static inline void put(enum gw_hnv_kind kind, const char *json)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o = fixture_object(kind, json);

	expect(gw_intent_put(intent, o, &err), 0, &err, NULL);
}

static inline void drop(enum gw_hnv_kind kind, const char *json)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o = fixture_object(kind, json);

	expect(gw_intent_delete(intent, o, &err), 0, &err, NULL);
	gw_hnv_object_free(o);
}

static inline void new_intent(void)
{
	struct gw_intent_limits limits = {.router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 100000;
	assert_int_equal(gw_intent_new(&limits, &intent), 0);
}

#define VRF                                                                                                            \
	"{\"RoutingDomainID\":\"" RD "\",\"VirtualSubnetID\":5001,\"MACAddress\":\"020000000101\","                    \
	"\"CustomerAddress\":\"10.0.0.1\",\"PrefixLength\":24}"
#define PUBLIC(prefix)                                                                                                 \
	"{\"PublicPrefix\":\"" prefix "\",\"FirstPort\":0,\"PortCount\":0,\"RoutingDomainID\":\"" RD "\"}"
#define BLOCK(addr, port)                                                                                              \
	"{\"PublicPrefix\":\"" addr "/32\",\"FirstPort\":" #port ",\"PortCount\":1024,\"RoutingDomainID\":\"" RD "\"}"
#define RULE(type, proto, addr, port, customer, more)                                                                  \
	"{\"RoutingDomainID\":\"" RD "\",\"Type\":\"" type "\",\"Protocol\":\"" proto "\",\"PublicAddress\":\"" addr   \
	"\",\"PublicPort\":" #port ",\"CustomerPrefix\":\"" customer "\"" more "}"

static inline void begin(void)
{
	memset(&config, 0, sizeof config);
	snprintf(config.name, sizeof config.name, "nat%d", (int)getpid());
	config.clamp_mss = true;
	config.idle_minutes = 120;
	config.tracked_limit = 131072;
	config.new_rate = 50000;
	assert_int_equal(uv_loop_init(&loop), 0);
	new_intent();
}

static inline void end(void)
{
	if (driver)
		close_driver();
	intent = gw_intent_free(intent);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* What is left to a thread has come to its end then. */
static inline void finish_work(void)
{
	while (driver->working || driver->queue)
		uv_run(&loop, UV_RUN_ONCE);
}

/* What was put since gw_intent_begin, as the core does it. */
static inline int commit(struct gw_error *err)
{
	struct gw_delta delta;
	int r;

	*err = GW_ERROR_INIT;
	assert_int_equal(gw_intent_validate(intent, err), 0);
	delta = gw_intent_delta(intent);
	r = (gw_plugin.ops->check)(driver, intent, &delta, err);
	if (r < 0) {
		gw_intent_rollback(intent);
		return r;
	}
	r = gw_plugin.ops->apply(driver, intent, &delta, err);
	assert_int_equal(r, 0);
	gw_intent_commit(intent);
	finish_work();
	return 0;
}

static inline void commit_ok(void)
{
	struct gw_error err;

	expect(commit(&err), 0, &err, NULL);
}

static inline void sync_ok(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int rc;

	do
		rc = gw_plugin.ops->sync(driver, intent, &err);
	while (rc == GW_SYNC_MORE);
	expect(rc, 0, &err, NULL);
	finish_work();
}

static inline json_int_t status_number(const char *name)
{
	json_t *s = gw_plugin.ops->status(driver);
	json_int_t n = json_integer_value(json_object_get(s, name));

	json_decref(s);
	return n;
}

/* --- packets --- */

struct opening {
	int type;
	const char *addr;
	unsigned port;
	int fd;
};

static inline socklen_t place(const char *addr, unsigned port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof *v4;
	}
	assert_int_equal(inet_pton(AF_INET6, addr, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof *v6;
}

static inline int open_inside(void *arg)
{
	struct opening *o = arg;
	struct sockaddr_storage at;
	socklen_t len = place(o->addr, o->port, &at);
	int on = 1;

	o->fd = socket(at.ss_family, o->type | SOCK_CLOEXEC, 0);
	if (o->fd < 0 || setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(o->fd, (struct sockaddr *)&at, len) < 0)
		return -errno;
	return 0;
}

/* A socket of that namespace, bound. */
static inline int sock(const char *ns, int type, const char *addr, unsigned port)
{
	struct opening o = {type, addr, port, -1};
	char path[64];
	int fd, r;

	snprintf(path, sizeof path, "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "%s", path);
	r = gw_netns_run(fd, open_inside, &o);
	close(fd);
	check(r == 0, "%s port %u in %s: %s", addr, port, ns, strerror(-r));
	return o.fd;
}

static inline void send_to(int fd, const char *addr, unsigned port, const char *text)
{
	struct sockaddr_storage to;
	socklen_t len = place(addr, port, &to);

	sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, len);
}

/* Receives `text` within the time and says from where, as "addr port"; "" when nothing came. */
static inline const char *heard(int fd, const char *text)
{
	static char from[INET6_ADDRSTRLEN + 16];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	char buf[64], addr[INET6_ADDRSTRLEN];
	ssize_t n;

	from[0] = 0;
	for (int left = *text ? 20 : 3; left > 0; left--) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&at, &len);
		if (n < 0) /* an ICMP error */
			continue;
		if (*text)
			check((size_t)n == strlen(text) && !memcmp(buf, text, (size_t)n), "%.*s", (int)n, buf);
		if (at.ss_family == AF_INET)
			snprintf(from, sizeof from, "%s %u",
				 inet_ntop(AF_INET, &((struct sockaddr_in *)&at)->sin_addr, addr, sizeof addr),
				 ntohs(((struct sockaddr_in *)&at)->sin_port));
		else
			snprintf(from, sizeof from, "%s %u",
				 inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, addr, sizeof addr),
				 ntohs(((struct sockaddr_in6 *)&at)->sin6_port));
		break;
	}
	return from;
}

#define heard_from(fd, text, from) assert_string_equal(heard(fd, text), from)
#define silent(fd)		   assert_string_equal(heard(fd, ""), "")

static inline int group_end(void **state)
{
	(void)state;
	drop_namespaces();
	return 0;
}

/* With nothing in the kernel and a virtual gateway about to be put. */
static inline void start(void)
{
	begin();
	drop_namespaces();
	make_namespaces();
	open_driver();
	sync_ok();
	gw_intent_begin(intent);
	put(GW_HNV_VRF, VRF);
}

#define change() gw_intent_begin(intent)

static inline json_int_t counter(const char *name)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_VRF, VRF);
	json_t *j = json_object(), *nat;
	json_int_t n;
	struct nat_gateway *g = GW_CONTAINER_OF(gw_hmap_first(&driver->gateways), struct nat_gateway, by_rdid);

	g->counted_at = g->rules_counted_at = 0; /* not an older one */
	gw_plugin.ops->describe(driver, o, j);
	nat = json_object_get(j, "nat");
	n = json_integer_value(json_object_get(json_object_get(nat, name), "packets"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

static inline json_int_t connections(const char *rule, const char *state)
{
	struct gw_hnv_object *o = fixture_object(GW_HNV_NAT_RULE, rule);
	json_t *j = json_object();
	json_int_t n;

	gw_plugin.ops->describe(driver, o, j);
	assert_string_equal(json_string_value(json_object_get(j, "state")), state);
	n = json_integer_value(json_object_get(json_object_get(j, "counters"), "connections"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

/* Sends from a host inside to the server outside and returns whence it seems to come. */
static inline const char *seen_as(const char *from, unsigned port)
{
	int in = sock(in_ns, SOCK_DGRAM, from, port), out = sock(out_ns, SOCK_DGRAM, "198.51.100.9", 53);
	const char *as;

	send_to(in, "198.51.100.9", 53, "x");
	as = heard(out, "x");
	close(in);
	close(out);
	return as;
}

#define OUT_ALL RULE("Outbound", "All", "203.0.113.1", 0, "10.0.0.0/24", "")

#endif
