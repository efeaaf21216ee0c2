/* wire.c - see wire.h. Called on the loop's thread and on those of work.c; the kernel answers before the call that asks returns. */
#include "nat/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#define ANSWER_BUF (64 << 10)

int nat_fail(struct gw_error *err, int rc, const char *what)
{
	enum gw_error_code code =
		rc == -EPERM || rc == -EOPNOTSUPP || rc == -ENOENT ? GW_ERR_CAPABILITY : GW_ERR_INTERNAL;
	const char *way = "";

	if (rc == -EPERM)
		way = " (gwd needs CAP_NET_ADMIN)";
	else if (rc == -EOPNOTSUPP || rc == -ENOENT)
		way = " (the kernel lacks a part of nftables: nf_tables with nat, ct, map and counter support is "
		      "needed)";
	else if (rc == -ENOMEM || rc == -ENOBUFS)
		code = GW_ERR_UNAVAILABLE;
	return gw_error_set(err, -rc, code, "", "%s: %s%s", what, strerror(-rc), way);
}

/* --- batches --- */

static void grow(struct nat_batch *b)
{
	size_t cap = b->cap ? b->cap * 2 : 4 * (size_t)NAT_MESSAGE_MAX;
	char *buf;

	if (b->bad || b->cap - b->len >= NAT_MESSAGE_MAX)
		return;
	buf = realloc(b->buf, cap);
	if (!buf) {
		b->bad = true;
		return;
	}
	b->buf = buf;
	b->cap = cap;
}

void nat_batch_begin(struct nat_batch *b)
{
	*b = (struct nat_batch){0};
	grow(b);
	if (!b->bad)
		b->len += nftnl_batch_begin(b->buf, b->seq++)->nlmsg_len;
}

struct nlmsghdr *nat_batch_message(struct nat_batch *b, uint16_t type, uint16_t flags)
{
	grow(b);
	if (b->bad)
		return NULL;
	return nftnl_nlmsg_build_hdr(b->buf + b->len, type, NFPROTO_INET, flags, b->seq);
}

void nat_batch_put(struct nat_batch *b, const struct nlmsghdr *h)
{
	b->last = b->len;
	b->len += NLMSG_ALIGN(h->nlmsg_len);
	b->seq++;
	b->n++;
}

void nat_batch_drop(struct nat_batch *b)
{
	free(b->buf);
	*b = (struct nat_batch){0};
}

/* Everything that the kernel says is here when the sending is over. The first refusal is the reason of the others. */
static int read_verdict(struct mnl_socket *s, uint32_t last)
{
	char buf[8192];
	bool done = false;
	int r = 0;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(s), buf, sizeof buf, MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0 && (errno == EINTR || errno == ENOBUFS)) /* of many refusals some may be lost */
			continue;
		if (n < 0 && errno != EAGAIN)
			return r ? r : -errno;
		if (n <= 0)
			break;
		for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e)
				continue;
			if (e->error && !r)
				r = e->error;
			done |= h->nlmsg_seq == last;
		}
	}
	return r ? r : done ? 0 : -EIO;
}

int nat_batch_commit(struct nat_batch *b, struct mnl_socket *s, struct gw_error *err)
{
	struct nlmsghdr *last;
	int size, r;

	last = nat_batch_message(b, NFT_MSG_GETGEN, 0); /* makes sure of room */
	if (!last) {
		nat_batch_drop(b);
		return gw_error_oom(err);
	}
	((struct nlmsghdr *)(void *)(b->buf + b->last))->nlmsg_flags |= NLM_F_ACK;
	b->len += nftnl_batch_end(b->buf + b->len, b->seq)->nlmsg_len;
	size = (int)b->len * 2;
	if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	r = mnl_socket_sendto(s, b->buf, b->len) < 0 ? -errno : read_verdict(s, b->seq - 1);
	nat_batch_drop(b);
	return r < 0 ? nat_fail(err, r, "the ruleset was not taken") : 0;
}

/* --- requests --- */

/* Whether the last word of what was asked is in there. */
static bool is_over(const char *buf, size_t n, uint32_t seq)
{
	int left = (int)n;

	for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		if (h->nlmsg_seq == seq && (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR))
			return true;
	return false;
}

/* Of an answer that somebody has not waited for. */
static bool is_late(const char *buf, size_t n, uint32_t seq)
{
	const struct nlmsghdr *h = (const void *)buf;

	return mnl_nlmsg_ok(h, (int)n) && h->nlmsg_seq != seq;
}

int nat_ask(struct mnl_socket *s, struct nlmsghdr *h, mnl_cb_t cb, void *ctx)
{
	static _Atomic uint32_t last;
	const uint32_t seq = ++last;
	char buf[ANSWER_BUF];
	int failed = 0;

	h->nlmsg_seq = seq;
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof buf);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed ? failed : -errno;
		if (is_late(buf, (size_t)n, seq))
			continue;
		r = failed ? MNL_CB_OK : mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(s), cb, ctx);
		if (r == MNL_CB_STOP)
			return 0;
		if (r < 0)
			failed = -errno;
		/* What is left of it is in the way of the next request, which the kernel refuses until then. */
		if (failed && is_over(buf, (size_t)n, seq))
			return failed;
	}
}
