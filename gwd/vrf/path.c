/*
 * path.c - how large the packets of tunnels may be on their way outside: a router there that cannot pass one on says so by ICMP
 * ("fragmentation needed", RFC 1191). Owns the socket by which these are heard, and a timer. Called by ways.c, which gives the
 * tunnel's link that MTU: the kernel then tells senders inside, cuts what may be cut, and clamps segment sizes. Runs on the loop.
 *
 * It is a packet socket, since the outer packets are not the kernel's: to its tables of connections what is said about them is
 * invalid, and firewalls drop that.
 *
 * Anybody may send such a message, so it has to quote a packet that this node can have sent into just that tunnel: from its source
 * to its destination, with its key, larger than what is said to fit, and with the tunnel's tag, 16 bits that only those on the way
 * can know (gw_way_tag). Who guesses tags is not listened to for the rest of the second. It makes a path narrower only, down to
 * what IP needs, and holds for as long as the kernel believes the like (net.ipv4.route.mtu_expires, ten minutes); then larger
 * packets are tried anew. A tunnel's link that is found narrow when gwd starts is believed for as long.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define TURN_MS	      1000
#define HEARD_MAX     256 /* messages in a turn; of a flood of more the rest is lost */
#define GUESSES_MAX   16  /* wrong tags for a tunnel in a second */
#define EXPIRES	      600 /* seconds, where the kernel does not tell */
#define OVERHEAD      24  /* outer IPv4, GRE; a key is 4 more */
#define LEAST_OUTER   576 /* what every host takes in one piece */
#define LEAST_INNER6  1280
#define LEAST_SAID    68 /* no link of IPv4 is narrower */
#define MESSAGE_MAX   1500
#define RECEIVE_BYTES 65536

struct gw_vrf_paths {
	struct gw_driver *d; /* NULL: let go of */
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	unsigned handles; /* of the loop, that hold it */
	unsigned heard;	  /* in this turn */
};

static uint64_t seconds_now(void)
{
	return uv_hrtime() / 1000000000u;
}

static unsigned overhead(const struct gw_vrf_way *w)
{
	return OVERHEAD + (w->record.has_key ? 4 : 0);
}

/* How narrow the link may become: IPv6 is not on links of less than 1280 bytes. */
static unsigned least(const struct gw_driver *d, const struct gw_vrf_way *w)
{
	return w->carries_v6 && d->has_ipv6 ? LEAST_INNER6 : LEAST_OUTER - overhead(w);
}

static uint64_t until(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/route/mtu_expires", "re");
	unsigned seconds = EXPIRES;

	if (f) {
		if (fscanf(f, "%u", &seconds) != 1)
			seconds = EXPIRES;
		fclose(f);
	}
	return seconds_now() + seconds;
}

unsigned gw_vrf_path_mtu(const struct gw_driver *d, const struct gw_vrf_way *w, unsigned mtu)
{
	unsigned fits = w->path.told ? w->path.told - overhead(w) : mtu;

	if (fits < least(d, w))
		fits = least(d, w);
	return fits < mtu ? fits : mtu;
}

static void believe(struct gw_driver *d, struct gw_vrf_way *w, unsigned told)
{
	struct gw_vrf_paths *p = d->paths;

	w->path.told = told;
	w->path.until = until();
	if (p && !uv_is_active((uv_handle_t *)&p->timer))
		uv_timer_start(&p->timer, p->timer.timer_cb, TURN_MS, TURN_MS);
}

void gw_vrf_path_found(struct gw_driver *d, struct gw_vrf_way *w, unsigned mtu)
{
	if (w->record.type != GW_WAY_GRE || mtu >= w->mtu || mtu < least(d, w))
		return;
	believe(d, w, mtu + overhead(w));
	w->mtu = mtu;
}

/* --- what is said --- */

/* About a packet that somebody could not pass on. */
struct said {
	struct gw_addr source, destination;
	uint32_t key;
	bool has_key;
	uint16_t tag;
	unsigned mtu; /* never 0, less than the packet */
};

static unsigned get16(const uint8_t *b)
{
	return (unsigned)(b[0] << 8 | b[1]);
}

static uint32_t get32(const uint8_t *b)
{
	return (uint32_t)get16(b) << 16 | get16(b + 2);
}

static bool sum_is_right(const uint8_t *b, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(b + i);
	if (n & 1)
		sum += (unsigned)b[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Old routers do not say what fits: then it is the next that there are links for (RFC 1191, 7.1). */
static unsigned guess(unsigned size)
{
	static const unsigned usual[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, LEAST_SAID};
	size_t i = 0;

	while (i + 1 < sizeof usual / sizeof *usual && usual[i] >= size)
		i++;
	return usual[i];
}

/* The quotation: an outer IPv4 header as ours are, and all of GRE's, which is in the eight bytes behind it that nobody leaves out. */
static bool read_quote(const uint8_t *q, size_t n, unsigned mtu, struct said *ret)
{
	unsigned size, flags;

	if (n < 28 || q[0] != 0x45 || q[9] != IPPROTO_GRE || get16(q + 6) != IP_DF)
		return false;
	size = get16(q + 2);
	flags = get16(q + 20);
	if ((flags != 0 && flags != 0x2000) || (get16(q + 22) != ETH_P_IP && get16(q + 22) != ETH_P_IPV6))
		return false;
	*ret = (struct said){.source = gw_addr_from_v4(get32(q + 12)),
			     .destination = gw_addr_from_v4(get32(q + 16)),
			     .has_key = flags != 0,
			     .key = flags ? get32(q + 24) : 0,
			     .tag = (uint16_t)get16(q + 4),
			     .mtu = mtu ? mtu : guess(size)};
	return ret->mtu >= LEAST_SAID && ret->mtu < size;
}

static bool read_message(const uint8_t *b, size_t n, struct said *ret)
{
	size_t head = n ? (b[0] & 15u) * 4 : 0, total;

	if (n < sizeof(struct ip) || b[0] >> 4 != 4 || head < sizeof(struct ip) || n < head + 8)
		return false;
	total = get16(b + 2);
	if (total > n || total < head + 8 || b[9] != IPPROTO_ICMP || get16(b + 6) & (IP_MF | IP_OFFMASK) ||
	    b[head] != ICMP_UNREACH || b[head + 1] != ICMP_UNREACH_NEEDFRAG || !sum_is_right(b, head) ||
	    !sum_is_right(b + head, total - head))
		return false;
	if (!read_quote(b + head + 8, total - head - 8, get16(b + head + 6), ret))
		return false;
	return get32(b + 16) == get32(b + head + 8 + 12); /* it is told to whom it is about */
}

/* --- whose it is --- */

struct sought {
	int ifindex;
	struct gw_addr lowest;
	bool found;
};

static void see_address(void *ctx, const struct gw_nl_addr *a)
{
	struct sought *s = ctx;

	if (a->ifindex != s->ifindex || !gw_addr_is_v4(&a->addr) || !gw_addr_is_unicast(&a->addr) ||
	    gw_addr_is_link_local(&a->addr) || (s->found && gw_addr_cmp(&s->lowest, &a->addr) <= 0))
		return;
	s->lowest = a->addr;
	s->found = true;
}

/* Its own, or, as the engine has it, the lowest of the [external] interface. */
static bool is_source(struct gw_driver *d, const struct gw_way *w, const struct gw_addr *a)
{
	struct sought s = {0};
	struct gw_link link;

	if (w->has_source)
		return gw_addr_equal(&w->source, a);
	if (gw_nl_link_get(d->env.nl, d->env.config->external_interface, &link, NULL) < 0)
		return false;
	s.ifindex = link.ifindex;
	return gw_nl_addr_each(d->env.nl, see_address, &s, NULL) == 0 && s.found && gw_addr_equal(&s.lowest, a);
}

/* Whether it may be about a packet of ours. */
static bool is_about(struct gw_driver *d, struct gw_vrf_way *w, const struct said *s)
{
	const struct gw_way *r = &w->record;
	uint64_t now = seconds_now();

	if (r->type != GW_WAY_GRE || !w->here || r->has_key != s->has_key || (s->has_key && r->key != s->key) ||
	    !gw_addr_equal(&r->destination, &s->destination))
		return false;
	if (w->guesses.second != now) {
		w->guesses.second = now;
		w->guesses.n = 0;
	}
	if (w->guesses.n >= GUESSES_MAX)
		return false;
	if (s->tag == gw_way_tag(&r->id) && is_source(d, r, &s->source))
		return true;
	w->guesses.n++;
	return false;
}

static void learn(struct gw_vrf_domain *dom, struct gw_vrf_way *w, const struct said *s)
{
	struct gw_driver *d = dom->owner;
	unsigned mtu = w->mtu;
	char why[128];

	if (w->path.told && s->mtu > w->path.told)
		return;
	if (!w->path.told && s->mtu >= mtu + overhead(w))
		return;
	if (s->mtu == w->path.told) {
		believe(d, w, s->mtu);
		return;
	}
	believe(d, w, s->mtu);
	gw_log_notice("VRF %s: the path of tunnel %s takes packets of %u bytes, so %u inside", dom->name,
		      w->inside_name, s->mtu, gw_vrf_path_mtu(d, w, mtu));
	if (s->mtu < least(d, w) + overhead(w))
		gw_log_warning("VRF %s: that is too narrow for what is in tunnel %s: large packets are lost", dom->name,
			       w->inside_name);
	snprintf(why, sizeof why, "the path of tunnel %s is narrower", w->inside_name);
	dom->turned = true;
	gw_vrf_mark(dom, why);
}

static void follow(struct gw_driver *d, const struct said *s)
{
	GW_HMAP_FOR_EACH (node, &d->vrfs) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid);

		for (size_t i = 0; i < dom->n_ways; i++)
			if (is_about(d, &dom->ways[i], s))
				learn(dom, &dom->ways[i], s);
	}
}

/* --- hearing it --- */

static void hear(struct gw_vrf_paths *p)
{
	while (p->fd >= 0) {
		struct sockaddr_ll from = {0};
		socklen_t len = sizeof from;
		uint8_t b[MESSAGE_MAX];
		struct said said;
		ssize_t n;

		if (p->heard++ >= HEARD_MAX) {
			uv_poll_stop(&p->poll); /* until the next turn */
			return;
		}
		n = recvfrom(p->fd, b, sizeof b, MSG_DONTWAIT, (void *)&from, &len);
		if (n < 0)
			return;
		if (from.sll_pkttype == PACKET_HOST && read_message(b, (size_t)n, &said))
			follow(p->d, &said);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct gw_vrf_paths *p = poll->data;

	(void)events;
	if (status == 0)
		hear(p);
	if (p->d && !uv_is_active((uv_handle_t *)&p->timer))
		uv_timer_start(&p->timer, p->timer.timer_cb, TURN_MS, TURN_MS);
}

/* Whether any path is narrow still. */
static bool expire(struct gw_driver *d)
{
	uint64_t now = seconds_now();
	bool narrow = false;
	char why[96];

	GW_HMAP_FOR_EACH (node, &d->vrfs) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid);

		for (size_t i = 0; i < dom->n_ways; i++) {
			struct gw_vrf_way *w = &dom->ways[i];

			if (w->path.told && w->path.until <= now) {
				w->path.told = 0;
				snprintf(why, sizeof why, "the path of tunnel %s may be wider again", w->inside_name);
				dom->turned = true;
				gw_vrf_mark(dom, why);
			}
			narrow |= w->path.told != 0;
		}
	}
	return narrow;
}

static void on_turn(uv_timer_t *timer)
{
	struct gw_vrf_paths *p = timer->data;
	bool paused = p->heard > HEARD_MAX;

	p->heard = 0;
	if (!expire(p->d) && !paused)
		uv_timer_stop(timer);
	if (paused)
		uv_poll_start(&p->poll, UV_READABLE, on_readable);
}

/* --- life --- */

/* From the IP header on: ICMP, "fragmentation needed", about GRE. */
static int only_about_tunnels(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 8),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_UNREACH << 8 | ICMP_UNREACH_NEEDFRAG, 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_MF | IP_OFFMASK, 3, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 8 + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_GRE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, MESSAGE_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ? -errno : 0;
}

static int open_socket(int *ret)
{
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), bytes = RECEIVE_BYTES, rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	rc = only_about_tunnels(fd);
	if (rc == 0 && bind(fd, (const void *)&all, sizeof all) < 0)
		rc = -errno;
	if (rc < 0)
		close(fd);
	else
		*ret = fd;
	return rc;
}

static void on_closed(uv_handle_t *handle)
{
	struct gw_vrf_paths *p = handle->data;

	if (--p->handles == 0)
		free(p);
}

void gw_vrf_unwatch_paths(struct gw_driver *d)
{
	struct gw_vrf_paths *p = d->paths;

	if (!p)
		return;
	d->paths = NULL;
	p->d = NULL;
	uv_close((uv_handle_t *)&p->timer, on_closed);
	if (p->handles > 1)
		uv_close((uv_handle_t *)&p->poll, on_closed);
	close(p->fd);
	p->fd = -1;
}

static int watch(struct gw_driver *d)
{
	struct gw_vrf_paths *p;
	int rc;

	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	rc = open_socket(&p->fd);
	if (rc == 0)
		rc = uv_timer_init(d->env.loop, &p->timer);
	if (rc < 0) {
		free(p);
		return rc;
	}
	p->d = d;
	p->timer.data = p->poll.data = p;
	p->timer.timer_cb = on_turn;
	p->handles = 1;
	d->paths = p;
	rc = uv_poll_init(d->env.loop, &p->poll, p->fd);
	if (rc < 0) {
		gw_vrf_unwatch_paths(d);
		return rc;
	}
	p->handles = 2;
	uv_unref((uv_handle_t *)&p->timer);
	uv_unref((uv_handle_t *)&p->poll);
	return uv_poll_start(&p->poll, UV_READABLE, on_readable);
}

int gw_vrf_follow_paths(struct gw_driver *d, struct gw_vrf_domain *dom, bool has_tunnels)
{
	d->with_tunnels += (size_t)has_tunnels - (size_t)dom->has_tunnels;
	dom->has_tunnels = has_tunnels;
	if (d->with_tunnels == 0)
		gw_vrf_unwatch_paths(d);
	return d->with_tunnels > 0 && !d->paths ? watch(d) : 0;
}
