/*
 * local.c - IPv4: which of its addresses a namespace takes what is sent to them. With an address the kernel enters a route of type
 * local; without that route the address is still one to speak from, and what is sent to it goes where other routes lead. Called by
 * drivers through nl.h.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

static const struct gw_nl_policy local_policy[RTA_TABLE + 1] = {
	[RTA_DST] = {GW_NL_BINARY, 4, 4},
	[RTA_OIF] = {GW_NL_U32, 0, 0},
	[RTA_TABLE] = {GW_NL_U32, 0, 0},
};

static int add_local(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[RTA_TABLE + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);
	struct gw_nl_local l = {0};
	int rc;

	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (n < sizeof *rtm)
		return -EBADMSG;
	if (rtm->rtm_family != AF_INET || rtm->rtm_type != RTN_LOCAL || rtm->rtm_dst_len != 32 ||
	    rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	if (gw_nl_parse(rtm + 1, n - sizeof *rtm, local_policy, RTA_TABLE + 1, tb) < 0 || !tb[RTA_DST] ||
	    gw_nl_u32(tb[RTA_OIF]) > INT32_MAX)
		return -EBADMSG;
	if ((tb[RTA_TABLE] ? gw_nl_u32(tb[RTA_TABLE]) : rtm->rtm_table) != RT_TABLE_LOCAL)
		return 0;
	rc = gw_nl_addr(tb[RTA_DST], AF_INET, &l.addr);
	l.ifindex = (int)gw_nl_u32(tb[RTA_OIF]);
	return rc > 0 ? gw_nl_items_add(items, &l) : rc;
}

int gw_nl_local_each(struct gw_nl *nl, gw_nl_local_cb cb, void *ctx, struct gw_error *err)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_local)};
	struct gw_nl_msg m;
	struct rtmsg *rtm = gw_nl_msg_begin(&m, RTM_GETROUTE, 0, sizeof *rtm);
	int rc;

	rtm->rtm_family = AF_INET;
	rtm->rtm_table = RT_TABLE_LOCAL;
	rtm->rtm_type = RTN_LOCAL;
	rc = gw_nl_dump(nl, &m, add_local, &items);
	for (size_t i = 0; rc == 0 && i < items.n; i++)
		cb(ctx, (const struct gw_nl_local *)items.v + i);
	free(items.v);
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot list the routes of this node's own addresses") : 0;
}

/* Just as the kernel makes it, and would delete it with the address. */
int gw_nl_local_set(struct gw_nl *nl, const struct gw_nl_local *l, bool on, struct gw_error *err)
{
	char addr[GW_ADDR_STRLEN], link[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	struct rtmsg *rtm =
		gw_nl_msg_begin(&m, on ? RTM_NEWROUTE : RTM_DELROUTE, on ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof *rtm);
	int rc;

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	rtm->rtm_table = RT_TABLE_LOCAL;
	rtm->rtm_protocol = RTPROT_KERNEL;
	rtm->rtm_scope = RT_SCOPE_HOST;
	rtm->rtm_type = RTN_LOCAL;
	gw_nl_put_addr(&m, RTA_DST, &l->addr);
	gw_nl_put_addr(&m, RTA_PREFSRC, &l->addr);
	gw_nl_put_u32(&m, RTA_OIF, (uint32_t)l->ifindex);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == 0 || rc == (on ? -EEXIST : -ESRCH))
		return 0;
	return gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, l->ifindex, link), "cannot %s the local route of %s",
			  on ? "restore" : "delete", gw_addr_format(&l->addr, addr));
}
