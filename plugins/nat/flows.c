/*
 * flows.c - see flows.h: the end of connections. Whether a translation is still allowed is asked of a plan's rules and public
 * addresses, not of its elements: an older connection keeps the address of a rule that would not be chosen for it now.
 */
#include "nat/flows.h"

#include "nat/track.h"
#include "nat/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

static int on_stats(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_ENTRIES &&
							     mnl_attr_get_payload_len(a) == 4) *
		(uint32_t *)ctx = ntohl(mnl_attr_get_u32(a));
	return MNL_CB_OK;
}

int nat_flows_count(struct mnl_socket *s, uint32_t *ret)
{
	char buf[128];

	*ret = 0;
	return nat_ask(s, nat_flow_request(buf, IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, AF_UNSPEC), on_stats, ret);
}

/* --- what is allowed --- */

/* An index of a plan's rules by public address. */
struct license {
	const struct nat_plan *plan;
	const struct gw_nat_rule **by_address; /* in the order of addresses */
};

static int cmp_by_address(const void *a, const void *b)
{
	return gw_addr_cmp(&(*(const struct gw_nat_rule *const *)a)->address,
			   &(*(const struct gw_nat_rule *const *)b)->address);
}

static int license_init(struct license *l, const struct nat_plan *plan)
{
	l->plan = plan;
	l->by_address = calloc(plan->n_rules + 1, sizeof *l->by_address);
	if (!l->by_address)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_rules; i++)
		l->by_address[i] = &plan->rules[i];
	qsort(l->by_address, plan->n_rules, sizeof *l->by_address, cmp_by_address);
	return 0;
}

/* Index of the first rule with that address, or n. */
static size_t first_with(const struct license *l, const struct gw_addr *a)
{
	size_t low = 0, high = l->plan->n_rules;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (gw_addr_cmp(&l->by_address[mid]->address, a) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool protocol_fits(const struct gw_nat_rule *r, uint8_t proto)
{
	return r->protocol == GW_NAT_ALL || proto == (r->protocol == GW_NAT_TCP ? IPPROTO_TCP : IPPROTO_UDP);
}

static bool outbound_fits(const struct gw_nat_rule *r, const struct nat_flow *f)
{
	return r->type == GW_NAT_OUTBOUND && protocol_fits(r, f->orig.proto) &&
	       gw_prefix_contains(&r->customer, &f->orig.src) &&
	       (r->port_count == 0 ||
		(f->reply.dport >= r->port && f->reply.dport < (uint32_t)r->port + r->port_count));
}

static bool inbound_fits(const struct gw_nat_rule *r, const struct nat_flow *f)
{
	uint32_t inside = r->customer_port ? r->customer_port : r->port;

	if (r->type != GW_NAT_INBOUND || !protocol_fits(r, f->orig.proto) ||
	    !gw_addr_equal(&r->customer.addr, &f->reply.src))
		return false;
	if (r->protocol == GW_NAT_ALL)
		return true;
	return f->orig.dport >= r->port && f->orig.dport < r->port + (r->port_count ? r->port_count : 1u) &&
	       f->reply.sport == inside + (f->orig.dport - r->port);
}

static bool is_public(const struct nat_plan *p, const struct gw_addr *a)
{
	for (size_t i = 0; i < p->n_publics; i++)
		if (gw_prefix_contains(&p->publics[i].prefix, a))
			return true;
	return false;
}

static bool any(const struct license *l, const struct gw_addr *public, const struct nat_flow *f,
		bool (*fits)(const struct gw_nat_rule *r, const struct nat_flow *f))
{
	for (size_t i = first_with(l, public);
	     i < l->plan->n_rules && gw_addr_equal(&l->by_address[i]->address, public); i++)
		if (fits(l->by_address[i], f))
			return true;
	return false;
}

/* Whether all that is translated in it is so by a rule, and what is public without a rule is the domain's. */
static bool allowed(const struct license *l, const struct nat_flow *f)
{
	bool source = f->status & IPS_SRC_NAT, destination = f->status & IPS_DST_NAT;

	if (destination && !any(l, &f->orig.dst, f, inbound_fits))
		return false;
	if (source && !destination) /* with both it is a hairpin, whose source is the virtual gateway's */
		return any(l, &f->reply.dst, f, outbound_fits);
	return source || destination || is_public(l->plan, &f->orig.src) || is_public(l->plan, &f->orig.dst);
}

/* --- ending --- */

#define SWEEP_WAS   8	       /* earlier plans that are held against one; beyond that anything translated is asked */
#define SWEEP_BYTES (32 << 10) /* of requests that are sent together */
#define END_MAX	    256	       /* bytes of one */

struct nat_sweep {
	struct mnl_socket *dump, *requests;
	struct nat_plan was[SWEEP_WAS];
	struct license old[SWEEP_WAS], now;
	size_t n_was, ended;
	bool anything;		     /* what has been there before is not known */
	bool dumping, again, failed; /* `again`: from the beginning, when this is through */
	uint32_t seq;
	size_t len;
	char batch[SWEEP_BYTES];
};

int nat_sweep_new(int ns_fd, struct nat_sweep **ret)
{
	struct nat_sweep *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	r = nat_flow_socket(ns_fd, &s->dump);
	if (r == 0)
		r = nat_flow_socket(ns_fd, &s->requests);
	if (r < 0)
		nat_sweep_free(s);
	else
		*ret = s;
	return r;
}

struct nat_sweep *nat_sweep_free(struct nat_sweep *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n_was; i++) {
		free(s->old[i].by_address);
		nat_plan_done(&s->was[i]);
	}
	free(s->now.by_address);
	if (s->dump)
		mnl_socket_close(s->dump);
	if (s->requests)
		mnl_socket_close(s->requests);
	free(s);
	return NULL;
}

int nat_sweep_now(struct nat_sweep *s, const struct nat_plan *now)
{
	struct license l = {0};
	int r = license_init(&l, now);

	if (r < 0)
		return r;
	free(s->now.by_address);
	s->now = l;
	return 0;
}

int nat_sweep_was(struct nat_sweep *s, struct nat_plan *was)
{
	s->again = s->dumping;
	if (!was || s->n_was == SWEEP_WAS) {
		s->anything = true;
		return 0;
	}
	s->was[s->n_was] = *was;
	*was = (struct nat_plan){0};
	if (license_init(&s->old[s->n_was], &s->was[s->n_was]) < 0) {
		nat_plan_done(&s->was[s->n_was]);
		return -ENOMEM;
	}
	s->n_was++;
	return 0;
}

/* What neither the plan nor those before it say anything of, as a connection to the virtual gateway itself, is not ours. */
static bool is_over(const struct nat_sweep *s, const struct nat_flow *f)
{
	if (allowed(&s->now, f))
		return false;
	if (s->anything && f->status & (IPS_SRC_NAT | IPS_DST_NAT))
		return true;
	for (size_t i = 0; i < s->n_was; i++)
		if (allowed(&s->old[i], f))
			return true;
	return false;
}

/* Nothing is answered but failures, and they are there as soon as it is sent. */
static void send_ends(struct nat_sweep *s)
{
	char buf[8192];
	ssize_t n;

	if (s->len && mnl_socket_sendto(s->requests, s->batch, s->len) < 0)
		s->failed = true;
	s->len = 0;
	while ((n = recv(mnl_socket_get_fd(s->requests), buf, sizeof buf, MSG_DONTWAIT)) > 0 || errno == EINTR ||
	       errno == ENOBUFS) {
		int left = (int)n;

		s->failed |= n < 0 && errno == ENOBUFS;
		if (n <= 0)
			continue;
		for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e || !e->error)
				continue;
			s->ended -= s->ended > 0;
			s->failed |= e->error != -ENOENT; /* that one has ended by itself */
		}
	}
}

/* By its tuple and its number: a new one with the same tuple is another. */
static int on_flow(const struct nlmsghdr *h, void *ctx)
{
	struct nat_sweep *s = ctx;
	struct nlmsghdr *end;
	struct nat_flow f;

	if (nat_flow_parse(h, &f) < 0 || !is_over(s, &f))
		return MNL_CB_OK;
	if (s->len + END_MAX > sizeof s->batch)
		send_ends(s);
	end = nat_flow_request(s->batch + s->len, IPCTNL_MSG_CT_DELETE, 0, f.family);
	mnl_attr_put(end, CTA_TUPLE_ORIG | NLA_F_NESTED, f.raw_len, f.raw);
	mnl_attr_put(end, CTA_ID, sizeof f.id, &f.id);
	s->len += NLMSG_ALIGN(end->nlmsg_len);
	s->ended++;
	return MNL_CB_OK;
}

static int begin_dump(struct nat_sweep *s)
{
	char buf[128];
	struct nlmsghdr *h = nat_flow_request(buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	h->nlmsg_seq = ++s->seq;
	s->again = s->failed = false;
	if (mnl_socket_sendto(s->dump, h, h->nlmsg_len) < 0)
		return -errno;
	s->dumping = true;
	return 0;
}

int nat_sweep_step(struct nat_sweep *s, uint64_t until, size_t *ret_ended)
{
	static char buf[32 << 10];
	int r = 0;

	do {
		ssize_t n;

		if (!s->dumping && (r = begin_dump(s)) < 0)
			break;
		/* The kernel goes on with a dump when it is read, so there is always something. */
		n = recv(mnl_socket_get_fd(s->dump), buf, sizeof buf, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			r = 1;
			break;
		}
		r = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, s->seq, mnl_socket_get_portid(s->dump), on_flow, s);
		if (r < 0)
			r = errno == EINTR ? 1 : -errno;
		else if (r == MNL_CB_STOP) {
			s->dumping = false;
			r = s->again;
		}
	} while (r > 0 && uv_hrtime() < until);
	send_ends(s);
	if (r == 0 && s->failed)
		r = -EAGAIN;
	if (r < 0)
		s->dumping = false;
	*ret_ended = s->ended;
	return r;
}
