/*
 * foreign.c - rules and routes that somebody has put into a namespace that is ours alone, found and removed, and the rules that
 * every namespace begins with, restored. Called by drivers through nl.h; what an event is about also by watch.c.
 *
 * What counts as put there by hand is of the protocols boot and static, which `ip` and network managers give to what they make,
 * or, as `ip` makes rules, of none; of routes those in the tables that the kernel's own rules name. The kernel and routing
 * daemons have other protocols, and IKE daemons put routes into tables of their own: they keep what they made.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RULE_MAX  512 /* bytes of what describes a rule: twice what all attributes take that there are */
#define WHAT_SIZE (GW_PREFIX_STRLEN + 64)

static bool is_by_hand(unsigned protocol)
{
	return protocol == RTPROT_UNSPEC || protocol == RTPROT_BOOT || protocol == RTPROT_STATIC;
}

/* --- rules --- */

struct rule {
	bool by_hand;
	bool plain; /* nothing but a priority and a table */
	uint32_t priority, table;
	size_t len;
	uint8_t raw[RULE_MAX]; /* as the kernel told it, header and attributes: what a delete has to name */
};

static const struct gw_nl_policy rule_policy[FRA_PROTOCOL + 1] = {
	[FRA_PRIORITY] = {GW_NL_U32, 0, 0},
	[FRA_TABLE] = {GW_NL_U32, 0, 0},
	[FRA_SUPPRESS_PREFIXLEN] = {GW_NL_U32, 0, 0},
	[FRA_PROTOCOL] = {GW_NL_U8, 0, 0},
};

/* Whether attributes that have been checked say no more than where a rule is and which table it names. */
static bool is_plain(const uint8_t *p, size_t n)
{
	while (n >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)p;
		size_t type = a->nla_type & NLA_TYPE_MASK, len = a->nla_len,
		       step = NLA_ALIGN(len) < n ? NLA_ALIGN(len) : n;

		if (type != FRA_PRIORITY && type != FRA_TABLE && type != FRA_PROTOCOL && type != FRA_PAD &&
		    (type != FRA_SUPPRESS_PREFIXLEN || gw_nl_u32(a) != UINT32_MAX))
			return false;
		p += step;
		n -= step;
	}
	return true;
}

static int parse_rule(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[FRA_PROTOCOL + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);
	struct rule r = {.len = n};

	if (h->nlmsg_type != RTM_NEWRULE)
		return 0;
	if (n < sizeof *hdr || gw_nl_parse(hdr + 1, n - sizeof *hdr, rule_policy, FRA_PROTOCOL + 1, tb) < 0)
		return -EBADMSG;
	if (n > sizeof r.raw)
		return -EMSGSIZE;
	memcpy(r.raw, hdr, n);
	r.by_hand = is_by_hand(gw_nl_u8(tb[FRA_PROTOCOL]));
	r.priority = gw_nl_u32(tb[FRA_PRIORITY]);
	r.table = tb[FRA_TABLE] ? gw_nl_u32(tb[FRA_TABLE]) : hdr->table;
	r.plain = hdr->action == FR_ACT_TO_TBL && !hdr->src_len && !hdr->dst_len && !hdr->tos &&
		  !(hdr->flags & FIB_RULE_INVERT) && is_plain((const uint8_t *)(hdr + 1), n - sizeof *hdr);
	return gw_nl_items_add(items, &r);
}

static const struct {
	uint32_t priority, table;
	bool v4_only;
} first_rules[] = {
	{0, RT_TABLE_LOCAL, false},
	{32766, RT_TABLE_MAIN, false},
	{32767, RT_TABLE_DEFAULT, true},
};

static bool is_first_rule(const struct rule *r, size_t i)
{
	return r->plain && r->priority == first_rules[i].priority && r->table == first_rules[i].table;
}

/* The kernel's own rules, whoever made them. */
static bool is_any_first_rule(const struct rule *r, uint8_t family)
{
	for (size_t i = 0; i < sizeof first_rules / sizeof *first_rules; i++)
		if (is_first_rule(r, i) && (family == AF_INET || !first_rules[i].v4_only))
			return true;
	return false;
}

static int add_first_rule(struct gw_nl *nl, uint8_t family, size_t i)
{
	struct gw_nl_msg m;
	struct fib_rule_hdr *hdr = gw_nl_msg_begin(&m, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, sizeof *hdr);

	hdr->family = family;
	hdr->action = FR_ACT_TO_TBL;
	hdr->table = (uint8_t)first_rules[i].table;
	gw_nl_put_u32(&m, FRA_PRIORITY, first_rules[i].priority);
	gw_nl_put_u32(&m, FRA_TABLE, first_rules[i].table);
	gw_nl_put_u8(&m, FRA_PROTOCOL, RTPROT_KERNEL);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

static int drop_rule(struct gw_nl *nl, const struct rule *r)
{
	struct gw_nl_msg m;
	uint8_t *to = gw_nl_msg_begin(&m, RTM_DELRULE, 0, r->len);

	memcpy(to, r->raw, r->len);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

static int mend_rules(struct gw_nl *nl, uint8_t family, gw_nl_foreign_cb cb, void *ctx)
{
	struct gw_nl_items items = {.size = sizeof(struct rule)};
	const char *version = family == AF_INET ? "IPv4" : "IPv6";
	struct fib_rule_hdr *hdr;
	const struct rule *v;
	char what[WHAT_SIZE];
	struct gw_nl_msg m;
	int rc;

	hdr = gw_nl_msg_begin(&m, RTM_GETRULE, 0, sizeof *hdr);
	hdr->family = family;
	rc = gw_nl_dump(nl, &m, parse_rule, &items);
	v = items.v;
	/* Those that let packets through come back before those go that might be all there is. */
	for (size_t i = 0; i < sizeof first_rules / sizeof *first_rules && rc == 0; i++) {
		bool found = family != AF_INET && first_rules[i].v4_only;

		for (size_t k = 0; k < items.n; k++)
			found |= is_first_rule(&v[k], i);
		if (found)
			continue;
		rc = add_first_rule(nl, family, i);
		if (rc == 0) {
			snprintf(what, sizeof what, "%s rule %u for table %u was missing", version,
				 first_rules[i].priority, first_rules[i].table);
			cb(ctx, what);
		}
		rc = rc == -EEXIST ? 0 : rc;
	}
	for (size_t k = 0; k < items.n && rc == 0; k++) {
		if (!v[k].by_hand || is_any_first_rule(&v[k], family))
			continue;
		rc = drop_rule(nl, &v[k]);
		if (rc == 0) {
			snprintf(what, sizeof what, "%s rule %u was added by hand", version, v[k].priority);
			cb(ctx, what);
		}
		rc = rc == -ENOENT ? 0 : rc;
	}
	free(items.v);
	/* A kernel without rules, or without the family, has none that could be wrong. */
	return rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP ? 0 : rc;
}

/* --- routes --- */

struct route {
	struct rtmsg rtm;
	struct gw_prefix prefix;
	uint32_t table, priority;
};

static const struct gw_nl_policy route_policy[RTA_TABLE + 1] = {
	[RTA_DST] = {GW_NL_BINARY, 4, 16},
	[RTA_TABLE] = {GW_NL_U32, 0, 0},
	[RTA_PRIORITY] = {GW_NL_U32, 0, 0},
};

/* 1 and *ret when the message is about a route that was put there by hand, 0, -EBADMSG. */
static int parse_route(const struct nlmsghdr *h, struct route *ret)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[RTA_TABLE + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);
	struct route r = {0};
	struct gw_addr dst = {0};
	int rc = 1;

	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (n < sizeof *rtm)
		return -EBADMSG;
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) || rtm->rtm_flags & RTM_F_CLONED ||
	    !is_by_hand(rtm->rtm_protocol))
		return 0;
	if (gw_nl_parse(rtm + 1, n - sizeof *rtm, route_policy, RTA_TABLE + 1, tb) < 0 ||
	    rtm->rtm_dst_len > (rtm->rtm_family == AF_INET ? 32 : 128))
		return -EBADMSG;
	r.table = tb[RTA_TABLE] ? gw_nl_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (r.table != RT_TABLE_MAIN && r.table != RT_TABLE_LOCAL && r.table != RT_TABLE_DEFAULT)
		return 0;
	if (tb[RTA_DST])
		rc = gw_nl_addr(tb[RTA_DST], rtm->rtm_family, &dst);
	else if (rtm->rtm_family == AF_INET)
		dst = gw_addr_from_v4(0);
	if (rc <= 0)
		return rc;
	/* Older kernels call the route of a link's own multicast one of boot. */
	if (rtm->rtm_family == AF_INET6 && dst.b[0] == 0xff)
		return 0;
	r.rtm = *rtm;
	r.prefix = (struct gw_prefix){.addr = dst, .len = rtm->rtm_dst_len};
	r.priority = gw_nl_u32(tb[RTA_PRIORITY]);
	*ret = r;
	return 1;
}

static int add_route(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	struct route r;
	int rc = parse_route(h, &r);

	return rc == 1 ? gw_nl_items_add(items, &r) : rc;
}

/* Whatever its next hops are, which need not be named. */
static int drop_route(struct gw_nl *nl, const struct route *r)
{
	struct gw_nl_msg m;
	struct rtmsg *rtm = gw_nl_msg_begin(&m, RTM_DELROUTE, 0, sizeof *rtm);

	rtm->rtm_family = r->rtm.rtm_family;
	rtm->rtm_dst_len = r->rtm.rtm_dst_len;
	rtm->rtm_tos = r->rtm.rtm_tos;
	rtm->rtm_table = (uint8_t)r->table;
	rtm->rtm_protocol = r->rtm.rtm_protocol;
	rtm->rtm_scope = r->rtm.rtm_scope;
	rtm->rtm_type = r->rtm.rtm_type;
	gw_nl_put_addr(&m, RTA_DST, &r->prefix.addr);
	if (r->priority)
		gw_nl_put_u32(&m, RTA_PRIORITY, r->priority);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

static int drop_routes(struct gw_nl *nl, uint8_t family, gw_nl_foreign_cb cb, void *ctx)
{
	struct gw_nl_items items = {.size = sizeof(struct route)};
	char prefix[GW_PREFIX_STRLEN], what[WHAT_SIZE];
	const struct route *v;
	struct gw_nl_msg m;
	struct rtmsg *rtm;
	int rc;

	rtm = gw_nl_msg_begin(&m, RTM_GETROUTE, 0, sizeof *rtm);
	rtm->rtm_family = family;
	rc = gw_nl_dump(nl, &m, add_route, &items);
	v = items.v;
	for (size_t i = 0; i < items.n && rc == 0; i++) {
		if (v[i].rtm.rtm_family != family)
			continue;
		rc = drop_route(nl, &v[i]);
		if (rc == 0) {
			snprintf(what, sizeof what, "route %s was added by hand",
				 gw_prefix_format(&v[i].prefix, prefix));
			cb(ctx, what);
		}
		rc = rc == -ESRCH ? 0 : rc;
	}
	free(items.v);
	return rc == -ENOENT || rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP ? 0 : rc;
}

/* --- both --- */

int gw_nl_remove_foreign(struct gw_nl *nl, bool ipv6, gw_nl_foreign_cb cb, void *ctx, struct gw_error *err)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	int rc = 0;

	for (size_t i = 0; i < (ipv6 ? 2 : 1) && rc == 0; i++) {
		rc = mend_rules(nl, families[i], cb, ctx);
		if (rc == 0)
			rc = drop_routes(nl, families[i], cb, ctx);
	}
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot remove rules and routes that were added by hand") : 0;
}

/* --- queueing disciplines --- */

/* The numbers of links that have one. */
static int add_qdisc(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type != RTM_NEWQDISC)
		return 0;
	if (mnl_nlmsg_get_payload_len(h) < sizeof *tc)
		return -EBADMSG;
	return tc->tcm_handle == 0 ? 0 /* the kernel's own, which has no number */
				   : gw_nl_items_add(items, &tc->tcm_ifindex);
}

bool gw_nl_has_qdisc(struct gw_nl *nl, const int *ifindexes, size_t n)
{
	struct gw_nl_items items = {.size = sizeof(int)};
	bool found = false;
	struct gw_nl_msg m;
	int rc;

	gw_nl_msg_begin(&m, RTM_GETQDISC, 0, sizeof(struct tcmsg));
	rc = gw_nl_dump(nl, &m, add_qdisc, &items);
	for (size_t i = 0; i < items.n && rc == 0; i++)
		for (size_t k = 0; k < n; k++)
			found |= ((const int *)items.v)[i] == ifindexes[k];
	free(items.v);
	return found;
}

bool gw_nl_is_foreign(const struct nlmsghdr *h)
{
	struct route r;

	return h->nlmsg_type == RTM_NEWRULE || h->nlmsg_type == RTM_DELRULE || parse_route(h, &r) == 1;
}
