/*
 * route.c - unicast routes of the main table, IPv4 and IPv6, marked as ours by their protocol number. Called
 * by the drivers through nl.h; the parser also by watch.c.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/ipv6_route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- reading --- */

static const struct gw_nl_policy route_policy[RTA_TABLE + 1] = {
	[RTA_DST] = {GW_NL_BINARY, 4, 16},     [RTA_OIF] = {GW_NL_U32, 0, 0},
	[RTA_GATEWAY] = {GW_NL_BINARY, 4, 16}, [RTA_MULTIPATH] = {GW_NL_BINARY, sizeof(struct rtnexthop), 0},
	[RTA_TABLE] = {GW_NL_U32, 0, 0},       [RTA_PRIORITY] = {GW_NL_U32, 0, 0},
};
static const struct gw_nl_policy via_policy[RTA_VIA + 1] = {
	[RTA_GATEWAY] = {GW_NL_BINARY, 4, 16},
	[RTA_VIA] = {GW_NL_BINARY, sizeof(struct rtvia) + 4, sizeof(struct rtvia) + 16},
};

static struct gw_addr any_of(int family)
{
	return family == AF_INET ? gw_addr_from_v4(0) : (struct gw_addr){0};
}

/*
 * The next hop among the attributes of a route or of a leg; any when it has none. 1, 0 or negative as gw_nl_addr.
 */
static int parse_next_hop(const void *data, size_t n, int family, struct gw_addr *ret)
{
	const struct nlattr *tb[RTA_VIA + 1];
	struct rtvia via;

	*ret = any_of(family);
	if (gw_nl_parse(data, n, via_policy, RTA_VIA + 1, tb) < 0)
		return -EBADMSG;
	if (tb[RTA_GATEWAY])
		return gw_nl_addr(tb[RTA_GATEWAY], family, ret);
	if (!tb[RTA_VIA])
		return 1;
	/* A next hop of the other family. */
	memcpy(&via, gw_nl_data(tb[RTA_VIA]), sizeof via);
	if (via.rtvia_family != AF_INET6 || gw_nl_len(tb[RTA_VIA]) != sizeof via + sizeof ret->b)
		return -EBADMSG;
	memcpy(ret->b, (const char *)gw_nl_data(tb[RTA_VIA]) + sizeof via, sizeof ret->b);
	return gw_addr_is_v4(ret) ? 0 : 1;
}

static int add_legs(const struct nlattr *multipath, int family, struct gw_nl_route *r, struct gw_nl_items *items)
{
	const uint8_t *p = gw_nl_data(multipath);
	size_t n = gw_nl_len(multipath);
	int rc;

	while (n >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *leg = (const struct rtnexthop *)p;
		size_t len = leg->rtnh_len, step;

		if (len < sizeof *leg || len > n || leg->rtnh_ifindex < 0)
			return -EBADMSG;
		r->ifindex = leg->rtnh_ifindex;
		rc = parse_next_hop(leg + 1, len - sizeof *leg, family, &r->next_hop);
		if (rc > 0)
			rc = gw_nl_items_add(items, r);
		if (rc < 0)
			return rc;
		step = RTNH_ALIGN(len) < n ? RTNH_ALIGN(len) : n;
		p += step;
		n -= step;
	}
	return n == 0 ? 0 : -EBADMSG;
}

int gw_nl_parse_route(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[RTA_TABLE + 1];
	struct gw_nl_route r = {0};
	struct gw_addr dst;
	size_t n;
	int rc;

	if (h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE)
		return 0;
	n = mnl_nlmsg_get_payload_len(h);
	if (n < sizeof *rtm)
		return -EBADMSG;
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    (rtm->rtm_type != RTN_UNICAST &&
	     (rtm->rtm_type != RTN_UNREACHABLE || rtm->rtm_protocol == RTPROT_KERNEL)) ||
	    (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	if (gw_nl_parse(rtm + 1, n - sizeof *rtm, route_policy, RTA_TABLE + 1, tb) < 0)
		return -EBADMSG;
	if ((tb[RTA_TABLE] ? gw_nl_u32(tb[RTA_TABLE]) : rtm->rtm_table) != RT_TABLE_MAIN)
		return 0;
	dst = any_of(rtm->rtm_family);
	if (rtm->rtm_dst_len > (rtm->rtm_family == AF_INET ? 32 : 128) || gw_nl_u32(tb[RTA_OIF]) > INT32_MAX)
		return -EBADMSG;
	rc = tb[RTA_DST] ? gw_nl_addr(tb[RTA_DST], rtm->rtm_family, &dst) : 1;
	if (rc > 0)
		rc = parse_next_hop(rtm + 1, n - sizeof *rtm, rtm->rtm_family, &r.next_hop);
	if (rc <= 0)
		return rc;
	r.prefix = (struct gw_prefix){.addr = gw_prefix_mask(&dst, rtm->rtm_dst_len), .len = rtm->rtm_dst_len};
	r.ours = rtm->rtm_protocol == GW_NL_PROTO;
	r.ifindex = (int)gw_nl_u32(tb[RTA_OIF]);
	r.metric = gw_nl_u32(tb[RTA_PRIORITY]);
	r.any_hop = rtm->rtm_flags & RTNH_F_ONLINK;
	r.unreachable = rtm->rtm_type == RTN_UNREACHABLE;
	return tb[RTA_MULTIPATH] ? add_legs(tb[RTA_MULTIPATH], rtm->rtm_family, &r, items) : gw_nl_items_add(items, &r);
}

static int dump_family(struct gw_nl *nl, uint8_t family, struct gw_nl_items *items)
{
	size_t before = items->n, n = before;
	struct gw_nl_route *v;
	struct gw_nl_msg m;
	struct rtmsg *rtm;
	int rc;

	rtm = gw_nl_msg_begin(&m, RTM_GETROUTE, 0, sizeof *rtm);
	rtm->rtm_family = family;
	rtm->rtm_table = RT_TABLE_MAIN;
	rc = gw_nl_dump(nl, &m, gw_nl_parse_route, items);
	/*
	 * The main table comes into being with its first route; a kernel may have been built without a family.
	 */
	if (rc == -ENOENT || rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP)
		rc = 0;
	/* A kernel without this family answers with what all others have: each entry only once. */
	v = items->v;
	for (size_t i = before; rc == 0 && i < items->n; i++)
		if (gw_addr_is_v4(&v[i].prefix.addr) == (family == AF_INET))
			v[n++] = v[i];
	items->n = rc == 0 ? n : before;
	return rc;
}

int gw_nl_route_each(struct gw_nl *nl, gw_nl_route_cb cb, void *ctx, struct gw_error *err)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_route)};
	int rc = dump_family(nl, AF_INET, &items);

	if (rc == 0)
		rc = dump_family(nl, AF_INET6, &items);
	for (size_t i = 0; rc == 0 && i < items.n; i++)
		cb(ctx, (const struct gw_nl_route *)items.v + i);
	free(items.v);
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot list the routes of this node") : 0;
}

/* --- one route --- */

#define ROUTE_STRLEN (GW_PREFIX_STRLEN + GW_ADDR_STRLEN + IFNAMSIZ + 32)

static const char *format_route(struct gw_nl *nl, const struct gw_nl_route *r, char buf[static ROUTE_STRLEN])
{
	char prefix[GW_PREFIX_STRLEN], hop[GW_ADDR_STRLEN], link[IFNAMSIZ + 16];
	bool on_link = gw_addr_is_any(&r->next_hop);

	if (r->unreachable) {
		snprintf(buf, ROUTE_STRLEN, "unreachable %s", gw_prefix_format(&r->prefix, prefix));
		return buf;
	}
	snprintf(buf, ROUTE_STRLEN, "%s%s%s over %s", gw_prefix_format(&r->prefix, prefix), on_link ? "" : " via ",
		 on_link ? "" : gw_addr_format(&r->next_hop, hop), gw_nl_link_label(nl, r->ifindex, link));
	return buf;
}

static int fail_route(struct gw_nl *nl, struct gw_error *err, int rc, const char *verb, const struct gw_nl_route *r)
{
	char route[ROUTE_STRLEN], link[IFNAMSIZ + 16];

	return gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, r->ifindex, link), "cannot %s route %s", verb,
			  format_route(nl, r, route));
}

static void put_route(struct gw_nl_msg *m, const struct gw_nl_route *r, uint16_t type, uint16_t flags)
{
	struct rtmsg *rtm = gw_nl_msg_begin(m, type, flags, sizeof *rtm);
	bool v4 = gw_addr_is_v4(&r->prefix.addr), on_link = gw_addr_is_any(&r->next_hop);

	rtm->rtm_family = v4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = r->prefix.len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = GW_NL_PROTO;
	rtm->rtm_type = r->unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
	rtm->rtm_flags = r->any_hop ? RTNH_F_ONLINK : 0;
	/* The scope also keeps a delete of an on-link IPv4 route from meeting one with a next hop. */
	rtm->rtm_scope = v4 && on_link && !r->unreachable ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	gw_nl_put_addr(m, RTA_DST, &r->prefix.addr);
	if (r->metric)
		gw_nl_put_u32(m, RTA_PRIORITY, r->metric);
	if (r->unreachable)
		return;
	gw_nl_put_u32(m, RTA_OIF, (uint32_t)r->ifindex);
	if (!on_link)
		gw_nl_put_addr(m, RTA_GATEWAY, &r->next_hop);
	if (r->ifindex <= 0)
		m->error = -ENODEV;
	else if (!on_link && gw_addr_is_v4(&r->next_hop) != v4)
		m->error = -EINVAL;
}

/* What there is for the prefix of a route that the kernel calls taken. */
struct taken {
	bool same, other;
	struct gw_nl_route other_route; /* one that is not ours */
};

/* The kernel's own choice, by its number. */
static uint32_t metric_of(const struct gw_nl_route *r)
{
	return r->metric || gw_addr_is_v4(&r->prefix.addr) ? r->metric : IP6_RT_PRIO_USER;
}

static bool goes_the_same_way(const struct gw_nl_route *a, const struct gw_nl_route *b)
{
	return a->ifindex == b->ifindex && (gw_addr_equal(&a->next_hop, &b->next_hop) ||
					    (gw_addr_is_any(&a->next_hop) && gw_addr_is_any(&b->next_hop)));
}

static int look_up(struct gw_nl *nl, const struct gw_nl_route *r, struct taken *ret)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_route)};
	int rc = dump_family(nl, gw_addr_is_v4(&r->prefix.addr) ? AF_INET : AF_INET6, &items);

	*ret = (struct taken){0};
	for (size_t i = 0; rc == 0 && i < items.n; i++) {
		const struct gw_nl_route *b = (const struct gw_nl_route *)items.v + i;

		if (!gw_prefix_equal(&r->prefix, &b->prefix) || metric_of(r) != metric_of(b))
			continue;
		if (r->unreachable == b->unreachable && (r->unreachable || goes_the_same_way(r, b))) {
			ret->same = true;
		} else if (!b->ours) {
			ret->other = true;
			ret->other_route = *b;
		}
	}
	free(items.v);
	return rc;
}

int gw_nl_route_add(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err)
{
	char other[ROUTE_STRLEN];
	struct taken taken;
	struct gw_nl_msg m;
	int rc, rc2;

	/* Without EXCL the route goes in front of one that an operator made, and takes its traffic. */
	put_route(&m, r, RTM_NEWROUTE, NLM_F_CREATE | (r->in_front ? 0 : NLM_F_EXCL));
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == -EEXIST) {
		rc2 = look_up(nl, r, &taken);
		if (rc2 < 0)
			return fail_route(nl, err, rc2, "add", r);
		if (taken.same)
			return 0;
		if (taken.other) {
			snprintf(nl->extack, sizeof nl->extack, "there is %s; remove it or give it a higher metric",
				 format_route(nl, &taken.other_route, other));
			return fail_route(nl, err, rc, "add", r);
		}
		put_route(&m, r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND);
		rc = gw_nl_exec(nl, &m, NULL, NULL);
	}
	return rc < 0 ? fail_route(nl, err, rc, "add", r) : 0;
}

int gw_nl_route_delete(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err)
{
	struct gw_nl_msg m;
	int rc;

	put_route(&m, r, RTM_DELROUTE, 0);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == 0 || rc == -ESRCH || rc == -ENODEV)
		return 0;
	return fail_route(nl, err, rc, "delete", r);
}
