/*
 * nft.c - see nft.h: what is to be written, and writing it; elems.c writes the elements of maps, seen.c reads what is there.
 */
#include "nat/writing.h"

#include "base/cleanup.h"
#include "netns/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libnftnl/expr.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>

#define PATIENCE_SECONDS 5
#define EVENT_BYTES	 (256 << 10)

/* --- sockets --- */

/* Runs in the namespace. */
static int open_sockets(void *arg)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct nat_nft *n = arg;
	int group = NFNLGRP_NFTABLES, size = EVENT_BYTES;

	n->req = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	n->events = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!n->req || !n->events || mnl_socket_bind(n->req, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_bind(n->events, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(n->req), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
	    mnl_socket_setsockopt(n->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		return -errno;
	setsockopt(mnl_socket_get_fd(n->events), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return 0;
}

int nat_nft_open(int ns_fd, struct nat_nft **ret, struct gw_error *err)
{
	struct nat_nft *n = calloc(1, sizeof *n);
	int r;

	if (!n)
		return gw_error_oom(err);
	r = gw_netns_run(ns_fd, open_sockets, n);
	if (r < 0) {
		nat_nft_close(n);
		return nat_fail(err, r, "no nfnetlink socket in the virtual gateway's namespace");
	}
	*ret = n;
	return 0;
}

struct nat_nft *nat_nft_close(struct nat_nft *n)
{
	if (!n)
		return NULL;
	if (n->req)
		mnl_socket_close(n->req);
	if (n->events)
		mnl_socket_close(n->events);
	free(n);
	return NULL;
}

int nat_nft_fd(const struct nat_nft *n)
{
	return mnl_socket_get_fd(n->events);
}

struct mnl_socket *nat_nft_requests(const struct nat_nft *n)
{
	return n->req;
}

/* --- writing --- */

static int put_rule(void *ctx, struct nftnl_rule *rule)
{
	struct nat_writing *w = ctx;
	struct nlmsghdr *h = nat_batch_message(&w->batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	if (h) {
		nftnl_rule_nlmsg_build_payload(h, rule);
		nat_batch_put(&w->batch, h);
	}
	nftnl_rule_free(rule);
	return h ? 0 : -ENOMEM;
}

static void put_table(struct nat_writing *w, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = nat_batch_message(&w->batch, type, flags);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, NAT_TABLE);
	nat_batch_put(&w->batch, h);
}

static void put_chains(struct nat_writing *w)
{
	for (size_t i = 0; i < NAT_CHAINS; i++) {
		struct nftnl_chain *c = nat_ruleset_chain(i);
		struct nlmsghdr *h = c ? nat_batch_message(&w->batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE) : NULL;

		w->batch.bad |= !h;
		if (h) {
			nftnl_chain_nlmsg_build_payload(h, c);
			nat_batch_put(&w->batch, h);
		}
		if (c)
			nftnl_chain_free(c);
	}
}

static void put_counters(struct nat_writing *w)
{
	for (int i = 0; i < NAT_COUNTERS_MAX; i++) {
		const struct nat_counts *had = &w->seen->counts[i];
		struct nftnl_obj *o = nat_ruleset_counter((enum nat_counter)i, had->packets, had->bytes);
		struct nlmsghdr *h = o ? nat_batch_message(&w->batch, NFT_MSG_NEWOBJ, NLM_F_CREATE) : NULL;

		w->batch.bad |= !h;
		if (h) {
			nftnl_obj_nlmsg_build_payload(h, o);
			nat_batch_put(&w->batch, h);
		}
		if (o)
			nftnl_obj_free(o);
	}
}

/* Times that are not named stay as the kernel has them. */
static void put_idle(struct nat_writing *w, unsigned family, uint8_t proto, uint16_t minutes)
{
	struct nlmsghdr *h = nat_batch_message(&w->batch, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	struct nlattr *data, *times;
	char name[24];

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_OBJ_TABLE, NAT_TABLE);
	mnl_attr_put_strz(h, NFTA_OBJ_NAME, nat_idle_name(family, proto, minutes, name));
	mnl_attr_put_u32(h, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_CT_TIMEOUT));
	data = mnl_attr_nest_start(h, NFTA_OBJ_DATA);
	mnl_attr_put_u16(h, NFTA_CT_TIMEOUT_L3PROTO, htons(family ? NFPROTO_IPV6 : NFPROTO_IPV4));
	mnl_attr_put_u8(h, NFTA_CT_TIMEOUT_L4PROTO, proto);
	times = mnl_attr_nest_start(h, NFTA_CT_TIMEOUT_DATA);
	if (proto == IPPROTO_TCP)
		mnl_attr_put_u32(h, CTA_TIMEOUT_TCP_ESTABLISHED, htonl(minutes * 60u));
	for (int a = CTA_TIMEOUT_UDP_UNREPLIED; proto == IPPROTO_UDP && a <= CTA_TIMEOUT_UDP_REPLIED; a++)
		mnl_attr_put_u32(h, (uint16_t)a, htonl(minutes * 60u));
	mnl_attr_nest_end(h, times);
	mnl_attr_nest_end(h, data);
	nat_batch_put(&w->batch, h);
}

static int idle_key(const struct nat_elem *e)
{
	return e->family << 24 | e->idle_proto << 16 | e->idle;
}

static int cmp_int(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* Every time that an element names, once, unless it is there. */
static void put_idles(struct nat_writing *w, bool anew, unsigned def)
{
	_cleanup_free_ int *keys = calloc(w->plan->n_elems + 2, sizeof *keys);
	size_t n = 0;

	if (!keys) {
		w->batch.bad = true;
		return;
	}
	for (int family = 0; family < NAT_FAMILIES; family++)
		keys[n++] = family << 24 | IPPROTO_TCP << 16 | (int)def;
	for (size_t i = 0; i < w->plan->n_elems; i++)
		if (w->plan->elems[i].idle)
			keys[n++] = idle_key(&w->plan->elems[i]);
	qsort(keys, n, sizeof *keys, cmp_int);
	for (size_t i = 0; i < n; i++) {
		char name[24];

		nat_idle_name((unsigned)keys[i] >> 24, (uint8_t)(keys[i] >> 16), (uint16_t)keys[i], name);
		if ((i == 0 || keys[i] != keys[i - 1]) && (anew || !nat_seen_idle(w->seen, name)))
			put_idle(w, (unsigned)keys[i] >> 24, (uint8_t)(keys[i] >> 16), (uint16_t)keys[i]);
	}
}

static void put_sets(struct nat_writing *w)
{
	for (unsigned i = 0; i < NAT_FAMILIES * NAT_MAP_MAX; i++) {
		struct nftnl_set *s = nat_ruleset_set(i / NAT_MAP_MAX, (enum nat_map)(i % NAT_MAP_MAX));
		struct nlmsghdr *h = s ? nat_batch_message(&w->batch, NFT_MSG_NEWSET, NLM_F_CREATE) : NULL;

		w->batch.bad |= !h;
		if (h) {
			nftnl_set_nlmsg_build_payload(h, s);
			nat_batch_put(&w->batch, h);
		}
		if (s)
			nftnl_set_free(s);
	}
}

/* --- what is refused --- */

struct put_chain {
	struct nat_writing *w;
	const char *name;
};

static int put_rule_of(void *ctx, struct nftnl_rule *rule)
{
	struct put_chain *c = ctx;

	if (!strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN), c->name))
		return put_rule(c->w, rule);
	nftnl_rule_free(rule);
	return 0;
}

/* What differs between the two: its chain anew, with the rule that drops where it belongs, or without. */
static int put_full(struct nat_writing *w, const struct nat_params *params, unsigned was, unsigned full)
{
	int r = 0;

	for (unsigned bit = 0; r == 0 && bit < NAT_FULL_BITS; bit++) {
		struct put_chain c = {w, nat_full_chains[bit]};
		struct nlmsghdr *h;

		if (!((was ^ full) & 1u << bit))
			continue;
		h = nat_batch_message(&w->batch, NFT_MSG_DELRULE, 0);
		if (!h)
			return -ENOMEM;
		mnl_attr_put_strz(h, NFTA_RULE_TABLE, NAT_TABLE);
		mnl_attr_put_strz(h, NFTA_RULE_CHAIN, c.name);
		nat_batch_put(&w->batch, h);
		r = nat_ruleset_rules(params, full, put_rule_of, &c);
	}
	return r;
}

/* All rules anew, in chains that stay. */
static int put_rules(struct nat_writing *w, const struct nat_params *params, unsigned full)
{
	put_table(w, NFT_MSG_DELRULE, 0); /* without the name of a chain: those of all */
	return nat_ruleset_rules(params, full, put_rule, w);
}

static int put_all(struct nat_writing *w, const struct nat_params *params, unsigned full)
{
	int r;

	if (w->seen->table)
		put_table(w, NFT_MSG_DELTABLE, 0);
	put_table(w, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_chains(w);
	put_counters(w);
	put_idles(w, true, params->idle_minutes);
	put_sets(w);
	r = nat_ruleset_rules(params, full, put_rule, w);
	nat_put_elems(w, true);
	return r;
}

/* --- the whole --- */

static int on_generation(const struct nlmsghdr *h, void *ctx)
{
	struct nat_generation *g = ctx;
	const struct nlattr *a;

	g->who[0] = 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFTA_GEN_ID && mnl_attr_get_payload_len(a) == 4)
			g->id = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == NFTA_GEN_PROC_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			snprintf(g->who, sizeof g->who, "%s", mnl_attr_get_str(a));
	}
	return MNL_CB_OK;
}

static int read_generation(struct nat_nft *n, struct nat_generation *ret)
{
	char buf[256];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETGEN, AF_UNSPEC, 0, 0);

	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	return nat_ask(n->req, h, on_generation, ret);
}

/* But for rules and elements. */
static bool is_intact(const struct nat_seen *s)
{
	return s->table && !s->flagged && s->chains == NAT_CHAINS && !s->foreign &&
	       s->sets == NAT_FAMILIES * NAT_MAP_MAX;
}

/* Nobody tells us of each element that we write ourselves, which would cost the kernel more than the element does. */
static void hear(struct nat_nft *n, bool on)
{
	int group = NFNLGRP_NFTABLES;

	mnl_socket_setsockopt(n->events, on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

static void put_unswept(struct nat_batch *b, bool there)
{
	struct nlmsghdr *h = nat_batch_message(b, there ? NFT_MSG_NEWOBJ : NFT_MSG_DELOBJ, there ? NLM_F_CREATE : 0);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_OBJ_TABLE, NAT_TABLE);
	mnl_attr_put_strz(h, NFTA_OBJ_NAME, NAT_UNSWEPT);
	mnl_attr_put_u32(h, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	if (there)
		mnl_attr_nest_end(h, mnl_attr_nest_start(h, NFTA_OBJ_DATA));
	nat_batch_put(b, h);
}

static int write_difference(struct nat_nft *n, struct nat_writing *w, const struct nat_params *params, unsigned full,
			    bool anew, struct gw_error *err)
{
	int r = 0;

	w->done = (struct nat_done){.found = w->seen->table, .rebuilt = anew, .others = w->seen->others};
	nat_batch_begin(&w->batch);
	if (anew) {
		r = put_all(w, params, full);
	} else {
		put_idles(w, false, params->idle_minutes);
		nat_put_elems(w, false);
		r = w->seen->strays || w->seen->rules != nat_ruleset_n_rules(params)
			    ? put_rules(w, params, full)
			    : put_full(w, params, w->seen->full, full);
	}
	w->done.unswept = w->seen->table && (w->seen->unswept || w->done.removed || anew);
	if (w->done.unswept && (anew || !w->seen->unswept))
		put_unswept(&w->batch, true);
	w->done.written = w->batch.n;
	if (r == 0 && (w->batch.n > 0 || w->batch.bad)) {
		hear(n, false);
		r = nat_batch_commit(&w->batch, n->req, err);
		hear(n, true);
	} else if (r < 0)
		gw_error_oom(err);
	nat_batch_drop(&w->batch);
	return r;
}

int nat_nft_bring(struct nat_nft *n, const struct nat_plan *plan, const struct nat_params *params, unsigned full,
		  struct nat_done *ret, struct gw_error *err)
{
	struct nat_seen seen = {0};
	struct nat_writing w = {.plan = plan, .seen = &seen};
	struct nat_generation before = {0}, after = {0};
	int r = read_generation(n, &before);

	if (r == 0)
		r = nat_seen_read(n->req, nat_ruleset_mark(params), &seen);
	if (r < 0) {
		nat_seen_done(&seen);
		return nat_fail(err, r, "the ruleset of the virtual gateway cannot be read");
	}
	r = write_difference(n, &w, params, full, !is_intact(&seen), err);
	/* What somebody has put there by hand may be in the way of a part, never of the whole. */
	if (r < 0 && r != -ENOMEM && !w.done.rebuilt)
		r = write_difference(n, &w, params, full, true, err);
	nat_seen_done(&seen);
	if (r < 0)
		return r;
	/* A transaction makes one more of it; what is beyond that others have done, and will be news. */
	n->known.id = before.id + (w.done.written > 0);
	/* Of those in the time of the transaction we were told nothing. */
	w.done.disturbed = w.done.written && read_generation(n, &after) == 0 && after.id != n->known.id;
	*ret = w.done;
	return 0;
}

/* One transaction that changes nothing of what the plan says. */
static int commit_aside(struct nat_nft *n, struct nat_batch *b, const struct nat_generation *before,
			struct gw_error *err)
{
	int r = nat_batch_commit(b, n->req, err);

	/* Unless something has come before it that is not known yet. */
	if (r == 0 && before->id == n->known.id)
		n->known.id++;
	return r;
}

int nat_nft_swept(struct nat_nft *n, struct gw_error *err)
{
	struct nat_generation before = {0};
	struct nat_batch batch;
	int r = read_generation(n, &before);

	if (r < 0)
		return nat_fail(err, r, "the ruleset of the virtual gateway cannot be read");
	nat_batch_begin(&batch);
	put_unswept(&batch, false);
	return commit_aside(n, &batch, &before, err);
}

int nat_nft_full(struct nat_nft *n, const struct nat_params *params, unsigned was, unsigned full, struct gw_error *err)
{
	struct nat_generation before = {0};
	struct nat_writing w = {0};
	int r = read_generation(n, &before);

	if (r < 0)
		return nat_fail(err, r, "the ruleset of the virtual gateway cannot be read");
	nat_batch_begin(&w.batch);
	r = put_full(&w, params, was, full);
	if (r < 0) {
		nat_batch_drop(&w.batch);
		return gw_error_oom(err);
	}
	return commit_aside(n, &w.batch, &before, err);
}

bool nat_nft_changed(struct nat_nft *n, char ret_who[static 32])
{
	struct nat_generation g = n->known;
	static char buf[64 << 10];
	bool lost = false;

	ret_who[0] = 0;
	for (;;) {
		ssize_t got = recv(mnl_socket_get_fd(n->events), buf, sizeof buf, MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) {
			lost = true;
			continue;
		}
		if (got <= 0)
			break;
		for (const struct nlmsghdr *h = (const void *)buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
				on_generation(h, &g);
	}
	if (lost)
		read_generation(n, &g);
	/* Numbers go upwards; those of our own transactions are at most what is known. */
	if ((int32_t)(g.id - n->known.id) <= 0)
		return false;
	n->known = g;
	snprintf(ret_who, 32, "%.31s", g.who);
	return true;
}
