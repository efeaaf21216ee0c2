/*
 * probe.c - whether the other side of a connection is there: each second an ICMP echo to each of its addresses, by the connection's
 * own link and from within the namespace. Owns its sockets and its timer. Called by ways.c; runs on the loop.
 *
 *              answered                 several in a row without any answer
 *   CONNECTING ---------> CONNECTED  ------------------------------------------> SILENT
 *       |                     ^_______________ answered in two seconds _____________|  ^
 *       |__________________________ several in a row without any answer _____________|
 *
 * While none of them answers, the routes of the connection do not count, and what has the next metric takes over; where nothing has,
 * senders are told that there is no way (wanted.c). Nobody is asked while gwd is not there: routes stay as they are. One that is found
 * without its routes in the kernel begins as silent, so that taking over changes nothing; since when one is connected the alias of its
 * link in the namespace says, so that it goes on being so for the process after this one.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define TURN_MS	   1000
#define UNANSWERED 3 /* turns without any answer, until it is silent */
#define ANSWERED   2 /* turns with one, until it is not */

struct family {
	struct gw_vrf_probe *probe;
	uv_poll_t poll;
	int fd; /* -1: none */
	bool v6, polled;
};

struct gw_vrf_probe {
	struct gw_vrf_domain *dom; /* NULL: let go of */
	int ifindex;
	char link[IFNAMSIZ];
	uv_timer_t timer;
	struct family families[2];
	unsigned handles; /* of the loop, that hold it */
	struct gw_addr peers[GW_VRF_PEERS];
	size_t n_peers;
	enum gw_vrf_reach reach;
	uint64_t since;	 /* seconds since the system was booted: it is so */
	uint64_t before; /* as `since`, of the process before; 0: it was not connected then */
	uint16_t ident, turn;
	unsigned unanswered, answered; /* turns in a row */
	bool heard;		       /* in this turn */
};

static const char *const names[] = {
#define X(id, name) [GW_VRF_##id] = (name),
	GW_VRF_REACHES(X)
#undef X
};

const char *gw_vrf_reach_name(enum gw_vrf_reach reach)
{
	return names[reach];
}

static uint64_t seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec;
}

/* That it cannot be written down is no failure: the next process will think it is new. */
static void write_down(const struct gw_vrf_probe *p)
{
	char text[48];

	snprintf(text, sizeof text, "%s %" PRIu64, names[p->reach], p->since);
	if (gw_nl_link_set_alias(p->dom->nl, p->ifindex, text, NULL) < 0)
		gw_log_debug("%s of VRF %s cannot be labelled", p->link, p->dom->name);
}

static uint64_t read_before(struct gw_vrf_domain *dom, const char *link)
{
	struct gw_link l;
	uint64_t since;

	if (gw_nl_link_get(dom->nl, link, &l, NULL) < 0 || sscanf(l.alias, "Connected %" SCNu64, &since) != 1)
		return 0;
	return since <= seconds_now() ? since : 0;
}

static void transition(struct gw_vrf_probe *p, enum gw_vrf_reach to)
{
	enum gw_vrf_reach from = p->reach;
	char why[GW_NETNS_STRLEN + 96];

	if (from == to)
		return;
	p->reach = to;
	p->since = from == GW_VRF_CONNECTING && to == GW_VRF_CONNECTED && p->before ? p->before : seconds_now();
	p->before = 0;
	p->unanswered = p->answered = 0;
	write_down(p);
	gw_log_notice("VRF %s: connection %s is %s, it was %s", p->dom->name, p->link, names[to], names[from]);
	if ((from == GW_VRF_SILENT) == (to == GW_VRF_SILENT))
		return;
	snprintf(why, sizeof why, "the other side of %s of VRF %s %s", p->link, p->dom->name,
		 to == GW_VRF_SILENT ? "does not answer" : "answers again");
	p->dom->turned = true;
	gw_vrf_mark(p->dom, why);
}

/* --- packets --- */

/* As RFC 1071 says; ICMPv6 sums are the kernel's. */
static uint16_t sum_of(const void *data, size_t n)
{
	const uint8_t *b = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void say(struct gw_vrf_probe *p, const struct gw_addr *to)
{
	bool v6 = !gw_addr_is_v4(to);
	uint8_t b[16] = {v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)p->ifindex};
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	const struct family *f = &p->families[v6];
	uint16_t sum;

	if (f->fd < 0)
		return;
	b[4] = (uint8_t)(p->ident >> 8);
	b[5] = (uint8_t)p->ident;
	b[6] = (uint8_t)(p->turn >> 8);
	b[7] = (uint8_t)p->turn;
	memcpy(&a6.sin6_addr, to->b, sizeof a6.sin6_addr);
	memcpy(&a4.sin_addr, to->b + 12, sizeof a4.sin_addr);
	if (!v6) {
		sum = sum_of(b, sizeof b);
		b[2] = (uint8_t)(sum >> 8);
		b[3] = (uint8_t)sum;
	}
	/* What cannot be sent is not answered. */
	if (sendto(f->fd, b, sizeof b, MSG_DONTWAIT | MSG_NOSIGNAL, v6 ? (void *)&a6 : (void *)&a4,
		   v6 ? sizeof a6 : sizeof a4) < 0)
		gw_log_debug("%s of VRF %s: no echo can be sent: %s", p->link, p->dom->name, strerror(errno));
}

static bool is_peer(const struct gw_vrf_probe *p, const struct gw_addr *a)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (gw_addr_equal(&p->peers[i], a))
			return true;
	return false;
}

/* An answer to what was asked in this turn or one of those before: a low rate takes its time for the packet that is under way. */
static bool is_answer(const struct gw_vrf_probe *p, const uint8_t *b, size_t n, bool v6)
{
	uint16_t turn;

	if (!v6) { /* with its IP header */
		size_t head = n ? (b[0] & 15u) * 4 : 0;

		if (head < sizeof(struct ip) || n < head)
			return false;
		b += head;
		n -= head;
	}
	if (n < 8 || b[0] != (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || (b[4] << 8 | b[5]) != p->ident)
		return false;
	turn = (uint16_t)(b[6] << 8 | b[7]);
	return (uint16_t)(p->turn - turn) < UNANSWERED;
}

static void on_answer(struct gw_vrf_probe *p)
{
	p->unanswered = 0;
	if (!p->heard)
		p->answered++;
	p->heard = true;
	if (p->reach == GW_VRF_CONNECTING || (p->reach == GW_VRF_SILENT && p->answered >= ANSWERED))
		transition(p, GW_VRF_CONNECTED);
}

/* All that has come; of a flood some, the rest is for the next time. */
static void hear(struct family *f)
{
	struct gw_vrf_probe *p = f->probe;

	for (unsigned i = 0; f->fd >= 0 && i < 64; i++) {
		struct sockaddr_in6 a6 = {0};
		socklen_t len = sizeof a6;
		uint8_t b[128];
		ssize_t n = recvfrom(f->fd, b, sizeof b, MSG_DONTWAIT, (void *)&a6, &len);
		struct gw_addr from;

		if (n < 0)
			return;
		if (f->v6)
			memcpy(from.b, &a6.sin6_addr, sizeof from.b);
		else
			from = gw_addr_from_v4(ntohl(((const struct sockaddr_in *)(const void *)&a6)->sin_addr.s_addr));
		if (is_peer(p, &from) && is_answer(p, b, (size_t)n, f->v6))
			on_answer(p);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	if (status == 0)
		hear(poll->data);
}

static void on_turn(uv_timer_t *timer);

/* Each connection has a moment of its own in each second: of a thousand not all have their turns at once. */
static void arm(struct gw_vrf_probe *p)
{
	uint64_t later = TURN_MS - (uv_now(p->timer.loop) + p->ident) % TURN_MS;

	uv_timer_start(&p->timer, on_turn, later < TURN_MS / 2 ? later + TURN_MS : later, 0);
}

static void on_turn(uv_timer_t *timer)
{
	struct gw_vrf_probe *p = timer->data;

	/* The loop may have been busy: what waits to be read has come in time. */
	for (size_t i = 0; i < 2; i++)
		hear(&p->families[i]);
	if (!p->heard) {
		p->answered = 0;
		if (p->turn && ++p->unanswered >= UNANSWERED)
			transition(p, GW_VRF_SILENT);
	}
	p->heard = false;
	p->turn++;
	if (!p->turn) /* 0 is before the first one */
		p->turn++;
	for (size_t i = 0; i < p->n_peers; i++)
		say(p, &p->peers[i]);
	arm(p);
}

/* --- life --- */

static void on_closed(uv_handle_t *handle)
{
	struct gw_vrf_probe *p = handle->type == UV_TIMER ? handle->data : ((struct family *)handle->data)->probe;

	if (--p->handles == 0)
		free(p);
}

struct gw_vrf_probe *gw_vrf_probe_end(struct gw_vrf_probe *p)
{
	if (!p)
		return NULL;
	p->dom = NULL;
	for (size_t i = 0; i < 2; i++) {
		struct family *f = &p->families[i];

		if (f->polled)
			uv_close((uv_handle_t *)&f->poll, on_closed);
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
	}
	uv_close((uv_handle_t *)&p->timer, on_closed);
	return NULL;
}

/* In the namespace, on a thread of its own. */
static int open_socket(void *arg)
{
	struct family *f = arg;
	struct icmp6_filter filter6;
	struct icmp_filter {
		uint32_t data;
	} filter = {~(1u << ICMP_ECHOREPLY)};
	const char *link = f->probe->link;

	f->fd = socket(f->v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       f->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (f->fd < 0)
		return -errno;
	if (setsockopt(f->fd, SOL_SOCKET, SO_BINDTODEVICE, link, (socklen_t)strlen(link) + 1) < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	if (f->v6)
		setsockopt(f->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof filter6);
	else
		setsockopt(f->fd, SOL_RAW, 1 /* ICMP_FILTER */, &filter, sizeof filter);
	return 0;
}

static int open_family(struct gw_vrf_probe *p, bool v6)
{
	struct family *f = &p->families[v6];
	int rc;

	if (f->fd >= 0)
		return 0;
	rc = gw_nl_run_inside(p->dom->nl, open_socket, f);
	if (rc == 0)
		rc = uv_poll_init(p->dom->owner->env.loop, &f->poll, f->fd);
	if (rc < 0) {
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
		return rc;
	}
	f->poll.data = f;
	f->polled = true;
	p->handles++;
	uv_unref((uv_handle_t *)&f->poll);
	return uv_poll_start(&f->poll, UV_READABLE, on_readable);
}

static int begin(struct gw_vrf_domain *dom, const struct gw_vrf_way *w, struct gw_vrf_probe **ret)
{
	struct gw_vrf_probe *p = calloc(1, sizeof *p);

	if (!p || uv_timer_init(dom->owner->env.loop, &p->timer) < 0) {
		free(p);
		return -ENOMEM;
	}
	p->dom = dom;
	p->ifindex = w->inside;
	memcpy(p->link, w->inside_name, sizeof p->link);
	p->timer.data = p;
	p->handles = 1;
	for (size_t i = 0; i < 2; i++)
		p->families[i] = (struct family){.probe = p, .fd = -1, .v6 = i};
	p->ident = gw_vrf_probe_ident(&w->record.id);
	p->since = seconds_now();
	p->before = read_before(dom, p->link);
	p->reach = w->silent ? GW_VRF_SILENT : GW_VRF_CONNECTING;
	uv_unref((uv_handle_t *)&p->timer);
	*ret = p;
	return 0;
}

int gw_vrf_probe_bring(struct gw_vrf_pass *pass, struct gw_vrf_way *w)
{
	size_t n = w->n_peers;
	struct gw_vrf_probe *p;
	int rc = 0;

	if (w->probe && (n == 0 || w->probe->ifindex != w->inside)) {
		w->silent = n && w->probe->reach == GW_VRF_SILENT;
		if (n == 0)
			gw_nl_link_set_alias(pass->dom->nl, w->inside, "", NULL); /* nobody will know any more */
		w->probe = gw_vrf_probe_end(w->probe);
	}
	if (n == 0) {
		w->silent = false;
		return 0;
	}
	if (!w->probe) {
		rc = begin(pass->dom, w, &w->probe);
		if (rc < 0)
			return rc;
	}
	p = w->probe;
	memcpy(p->peers, w->peers, n * sizeof *w->peers);
	p->n_peers = n;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = open_family(p, !gw_addr_is_v4(&w->peers[i]));
	w->silent = p->reach == GW_VRF_SILENT;
	if (rc == 0 && !uv_is_active((uv_handle_t *)&p->timer))
		rc = uv_timer_start(&p->timer, on_turn, 0, 0);
	return rc;
}

uint16_t gw_vrf_probe_ident(const struct gw_uuid *id)
{
	return (uint16_t)gw_way_number(id);
}

enum gw_vrf_reach gw_vrf_probe_reach(const struct gw_vrf_probe *p, uint64_t *ret_seconds)
{
	*ret_seconds = p ? seconds_now() - p->since : 0;
	return p ? p->reach : GW_VRF_UNKNOWN;
}
