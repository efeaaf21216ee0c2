/*
 * nl.c - the sockets: opening and closing, requests with extended ACK, dumps. Used by the other files of nl/;
 * drivers see nl.h only.
 *
 * The request socket is used for one request at a time and its answer is read to the end, so nothing is left
 * in it for the next one; what a timed-out request leaves behind is told by its sequence number and skipped.
 */
#include "nl/internal.h"

#include "base/cleanup.h"
#include "netns/netns.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define ANSWER_TIMEOUT_MS 5000
#define DUMP_ATTEMPTS	  5
#define EVENT_QUEUE_BYTES (4 << 20)

_Thread_local char gw_nl_request_buf[GW_NL_BUF_SIZE];
char gw_nl_event_buf[GW_NL_BUF_SIZE];

static _Atomic uint64_t writes; /* of all sockets */

uint64_t gw_nl_writes(void)
{
	return writes;
}

void gw_nl_wrote(void)
{
	writes++;
}

/* --- open and close --- */

static int open_socket(struct mnl_socket **ret)
{
	int on = 1;

	*ret = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!*ret || mnl_socket_bind(*ret, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/*
	 * Without these answers are longer, terser or unfiltered, never wrong: an old kernel's refusal does not matter.
	 */
	mnl_socket_setsockopt(*ret, NETLINK_EXT_ACK, &on, sizeof on);
	mnl_socket_setsockopt(*ret, NETLINK_CAP_ACK, &on, sizeof on);
	mnl_socket_setsockopt(*ret, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	return 0;
}

static void close_sockets(struct gw_nl *nl)
{
	if (nl->requests)
		mnl_socket_close(nl->requests);
	if (nl->events)
		mnl_socket_close(nl->events);
	nl->requests = nl->events = NULL;
}

static int open_sockets(void *arg)
{
	struct gw_nl *nl = arg;
	int rc = open_socket(&nl->requests);

	return rc < 0 ? rc : open_socket(&nl->events);
}

static int open_at(struct uv_loop_s *loop, int ns_fd, struct gw_nl **ret, struct gw_error *err)
{
	struct gw_nl *nl = calloc(1, sizeof *nl);
	int rc, size = EVENT_QUEUE_BYTES, fd;

	if (!nl)
		return gw_error_oom(err);
	nl->elsewhere = ns_fd >= 0;
	rc = nl->elsewhere ? gw_netns_run(ns_fd, open_sockets, nl) : open_sockets(nl);
	if (rc == 0) {
		fd = mnl_socket_get_fd(nl->events);
		/*
		 * A burst of a thousand links must fit; without CAP_NET_ADMIN the system's limit has to do.
		 */
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
		rc = uv_poll_init(loop, &nl->poll, fd);
	}
	if (rc < 0) {
		close_sockets(nl);
		free(nl);
		return gw_error_set(err, -rc, GW_ERR_UNAVAILABLE, "", "cannot open a netlink socket: %s%s",
				    strerror(-rc), rc == -EMFILE ? " (raise LimitNOFILE= of gwd.service)" : "");
	}
	nl->poll.data = nl;
	*ret = nl;
	return 0;
}

int gw_nl_open(struct uv_loop_s *loop, struct gw_nl **ret, struct gw_error *err)
{
	return open_at(loop, -1, ret, err);
}

int gw_nl_open_in(struct uv_loop_s *loop, int ns_fd, struct gw_nl **ret, struct gw_error *err)
{
	return open_at(loop, ns_fd, ret, err);
}

int gw_nl_run_inside(const struct gw_nl *nl, int (*fn)(void *arg), void *arg)
{
	/* A socket keeps its namespace, so that no descriptor has to be kept for it. */
	_cleanup_close_ int ns_fd = ioctl(mnl_socket_get_fd(nl->requests), SIOCGSKNS);

	return ns_fd < 0 ? -errno : gw_netns_run(ns_fd, fn, arg);
}

static void on_closed(uv_handle_t *h)
{
	struct gw_nl *nl = h->data;

	close_sockets(nl);
	gw_nl_watch_done(nl);
	free(nl);
}

struct gw_nl *gw_nl_close(struct gw_nl *nl)
{
	if (!nl || nl->closing)
		return NULL;
	nl->closing = true;
	uv_close((uv_handle_t *)&nl->poll, on_closed);
	return NULL;
}

/* --- answers --- */

int gw_nl_parse_result(const struct nlmsghdr *h, char ret_extack[static GW_NL_EXTACK_SIZE])
{
	static const struct gw_nl_policy policy[NLMSGERR_ATTR_MSG + 1] = {
		[NLMSGERR_ATTR_MSG] = {GW_NL_STRING, 1, 0},
	};
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1];
	size_t n = h->nlmsg_len - NLMSG_HDRLEN, used;
	const uint8_t *p = (const uint8_t *)h + NLMSG_HDRLEN;
	struct nlmsghdr asked;
	int32_t code;

	ret_extack[0] = 0;
	if (h->nlmsg_len < NLMSG_HDRLEN + sizeof code)
		return h->nlmsg_type == NLMSG_DONE && h->nlmsg_len == NLMSG_HDRLEN ? 0 : -EBADMSG;
	memcpy(&code, p, sizeof code);
	if (code > 0 || code < -4095)
		return -EBADMSG;
	used = sizeof code;
	if (h->nlmsg_type == NLMSG_ERROR) {
		if (n < sizeof(struct nlmsgerr))
			return -EBADMSG;
		memcpy(&asked, p + sizeof code, sizeof asked);
		used = sizeof(struct nlmsgerr);
		/* Unless the answer is capped it quotes the whole request before the attributes. */
		if (!(h->nlmsg_flags & NLM_F_CAPPED) && asked.nlmsg_len > NLMSG_HDRLEN)
			used += NLMSG_ALIGN((size_t)asked.nlmsg_len - NLMSG_HDRLEN);
	}
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || used >= n)
		return code;
	/* What cannot be read of an explanation does not change the result that it explains. */
	if (gw_nl_parse(p + used, n - used, policy, NLMSGERR_ATTR_MSG + 1, tb) == 0 && tb[NLMSGERR_ATTR_MSG])
		snprintf(ret_extack, GW_NL_EXTACK_SIZE, "%s", (const char *)gw_nl_data(tb[NLMSGERR_ATTR_MSG]));
	return code;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One datagram from the kernel, or a negative errno; -ETIMEDOUT at the deadline. */
static ssize_t receive(struct gw_nl *nl, int64_t deadline)
{
	struct pollfd pfd = {.fd = mnl_socket_get_fd(nl->requests), .events = POLLIN};

	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {.iov_base = gw_nl_request_buf, .iov_len = sizeof gw_nl_request_buf};
		struct msghdr mh = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
		n = recvmsg(pfd.fd, &mh, MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n < 0 || from.nl_pid != 0) /* other processes can write to this socket: not the kernel's word */
			continue;
		return mh.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
}

void gw_nl_answer_take(struct gw_nl_answer *an, const void *datagram, size_t n)
{
	const struct nlmsghdr *h;
	int rc;

	while (!an->done && (h = gw_nl_next_message(&datagram, &n))) {
		if (h->nlmsg_seq != an->seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			an->interrupted = true;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
			rc = gw_nl_parse_result(h, an->extack);
			an->rc = rc < 0 ? rc : an->rc;
			an->done = true;
		} else if (h->nlmsg_type >= NLMSG_MIN_TYPE && an->cb && an->rc == 0) {
			an->rc = an->cb(an->ctx, h);
		}
	}
	if (!an->done && n > 0) {
		an->rc = -EBADMSG;
		an->done = an->broken = true;
	}
}

/*
 * After an answer that was not read to its end the rest of it is still to come, and a dump that still runs
 * would make the kernel refuse the next one: go on with a fresh socket.
 */
static int open_fresh(void *arg)
{
	return open_socket(arg);
}

static void renew_socket(struct gw_nl *nl)
{
	struct mnl_socket *fresh = NULL;

	if ((nl->elsewhere ? gw_nl_run_inside(nl, open_fresh, &fresh) : open_socket(&fresh)) == 0) {
		mnl_socket_close(nl->requests);
		nl->requests = fresh;
	} else if (fresh) {
		mnl_socket_close(fresh);
	}
}

static int run(struct gw_nl *nl, struct gw_nl_msg *m, struct gw_nl_answer *an)
{
	int64_t deadline = now_ms() + ANSWER_TIMEOUT_MS;
	bool is_write;
	ssize_t n;

	nl->extack[0] = 0;
	an->extack = nl->extack;
	if (m->error < 0)
		return m->error;
	m->h.nlmsg_seq = an->seq = ++nl->seq;
	is_write = (m->h.nlmsg_type & 3) != (RTM_GETLINK & 3); /* types come in fours: new, delete, get, set */
	writes += is_write;
	while (mnl_socket_sendto(nl->requests, &m->h, m->h.nlmsg_len) < 0)
		if (errno != EINTR)
			return -errno;
	while (!an->done) {
		n = receive(nl, deadline);
		if (n < 0) {
			renew_socket(nl);
			return (int)n;
		}
		gw_nl_answer_take(an, gw_nl_request_buf, (size_t)n);
	}
	if (an->broken)
		renew_socket(nl);
	/* The kernel has no such thing, in which it could have changed anything. */
	if (an->rc == -EOPNOTSUPP)
		writes -= is_write;
	return an->rc == 0 && an->interrupted ? -EINTR : an->rc;
}

int gw_nl_exec(struct gw_nl *nl, struct gw_nl_msg *m, gw_nl_msg_cb cb, void *ctx)
{
	struct gw_nl_answer an = {.cb = cb, .ctx = ctx};

	m->h.nlmsg_flags |= NLM_F_ACK;
	return run(nl, m, &an);
}

/* --- dumps --- */

int gw_nl_items_add(struct gw_nl_items *items, const void *item)
{
	if (items->n == items->cap) {
		size_t cap = items->cap ? items->cap * 2 : 64;
		void *v = reallocarray(items->v, cap, items->size);

		if (!v)
			return -ENOMEM;
		items->v = v;
		items->cap = cap;
	}
	memcpy((char *)items->v + items->n * items->size, item, items->size);
	items->n++;
	return 0;
}

struct dump {
	gw_nl_parse_cb parse;
	struct gw_nl_items *items;
};

static int on_dump_message(void *ctx, const struct nlmsghdr *h)
{
	struct dump *d = ctx;

	return d->parse(h, d->items);
}

int gw_nl_dump(struct gw_nl *nl, struct gw_nl_msg *m, gw_nl_parse_cb parse, struct gw_nl_items *items)
{
	struct dump d = {.parse = parse, .items = items};
	size_t before = items->n;
	int rc = -EINTR;

	m->h.nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < DUMP_ATTEMPTS && (rc == -EINTR || rc == -ENOBUFS); i++) {
		items->n = before;
		rc = run(nl, m, &(struct gw_nl_answer){.cb = on_dump_message, .ctx = &d});
	}
	return rc == -EINTR ? -EAGAIN : rc;
}

/* --- errors --- */

static enum gw_error_code code_of(int errnum)
{
	switch (errnum) {
	case EPERM:
	case EACCES:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
		return GW_ERR_CAPABILITY;
	case EEXIST:
	case EBUSY:
		return GW_ERR_CONFLICT;
	case EINVAL:
	case ERANGE:
	case EADDRNOTAVAIL:
	case ENETUNREACH:
	case EHOSTUNREACH:
		return GW_ERR_INVALID_PROPERTY;
	case ENODEV:
	case ENETDOWN:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
	case ETIMEDOUT:
		return GW_ERR_UNAVAILABLE;
	default:
		return GW_ERR_INTERNAL;
	}
}

const char *gw_nl_way_out(int errnum)
{
	switch (errnum) {
	case EPERM:
		return " (gwd needs CAP_NET_ADMIN)";
	case ENETDOWN:
		return " (the interface must be up)";
	case ENETUNREACH:
		return " (the next hop must be in the subnet of an address of an interface that is up)";
	case ETIMEDOUT:
		return " (no answer from the kernel)";
	case EAGAIN:
		return " (the kernel's table kept changing while it was read)";
	default:
		return "";
	}
}

int gw_nl_fail(const struct gw_nl *nl, struct gw_error *err, int rc, const char *target, const char *what, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof text, what, ap);
	va_end(ap);
	return gw_error_set(err, -rc, code_of(-rc), target, "%s: %s%s%s%s", text, strerror(-rc), gw_nl_way_out(-rc),
			    nl->extack[0] ? ": " : "", nl->extack);
}

static int take_name(void *ctx, const struct nlmsghdr *h)
{
	struct gw_link l;

	if (gw_nl_parse_link(h, &l) == 1)
		memcpy(ctx, l.name, sizeof l.name);
	return 0;
}

/* What the kernel said about the last request is kept: this is asked while that is put into words. */
static bool name_elsewhere(struct gw_nl *nl, int ifindex, char buf[static IFNAMSIZ])
{
	char kept[GW_NL_EXTACK_SIZE];
	struct ifinfomsg *ifi;
	struct gw_nl_msg m;
	int rc;

	memcpy(kept, nl->extack, sizeof kept);
	ifi = gw_nl_msg_begin(&m, RTM_GETLINK, 0, sizeof *ifi);
	ifi->ifi_index = ifindex;
	rc = gw_nl_exec(nl, &m, take_name, buf);
	memcpy(nl->extack, kept, sizeof kept);
	return rc == 0;
}

const char *gw_nl_link_label(struct gw_nl *nl, int ifindex, char buf[static IFNAMSIZ + 16])
{
	bool known = false;

	if (ifindex > 0)
		known = nl->elsewhere ? name_elsewhere(nl, ifindex, buf)
				      : if_indextoname((unsigned)ifindex, buf) != NULL;
	if (!known)
		snprintf(buf, IFNAMSIZ + 16, "link %d", ifindex);
	return buf;
}
