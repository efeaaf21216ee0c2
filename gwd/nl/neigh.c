/*
 * neigh.c - permanent neighbours, and changes of a link's settings as the kernel tells them. Called by the drivers through nl.h;
 * the parsers also by watch.c.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct gw_nl_policy neigh_policy[NDA_PROTOCOL + 1] = {
	[NDA_DST] = {GW_NL_BINARY, 4, 16},
	[NDA_LLADDR] = {GW_NL_BINARY, 0, 0}, /* 6 bytes on Ethernet only */
	[NDA_PROTOCOL] = {GW_NL_U8, 0, 0},
};

int gw_nl_parse_neigh(const struct nlmsghdr *h, struct gw_nl_neigh *ret)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[NDA_PROTOCOL + 1];
	struct gw_nl_neigh n = {0};
	size_t len = mnl_nlmsg_get_payload_len(h);
	int rc;

	if (h->nlmsg_type != RTM_NEWNEIGH && h->nlmsg_type != RTM_DELNEIGH)
		return 0;
	if (len < sizeof *nd)
		return -EBADMSG;
	/* Bridges tell of their ports' stations in such messages, too. */
	if ((nd->ndm_family != AF_INET && nd->ndm_family != AF_INET6) || (nd->ndm_flags & NTF_PROXY))
		return 0;
	if (gw_nl_parse(nd + 1, len - sizeof *nd, neigh_policy, NDA_PROTOCOL + 1, tb) < 0 || !tb[NDA_DST] ||
	    nd->ndm_ifindex <= 0)
		return -EBADMSG;
	rc = gw_nl_addr(tb[NDA_DST], nd->ndm_family, &n.addr);
	if (rc <= 0)
		return rc;
	if (tb[NDA_LLADDR] && gw_nl_len(tb[NDA_LLADDR]) == sizeof n.mac.b)
		memcpy(n.mac.b, gw_nl_data(tb[NDA_LLADDR]), sizeof n.mac.b);
	n.ifindex = nd->ndm_ifindex;
	n.permanent = nd->ndm_state & NUD_PERMANENT;
	n.ours = gw_nl_u8(tb[NDA_PROTOCOL]) == GW_NL_PROTO;
	n.removed = h->nlmsg_type == RTM_DELNEIGH;
	*ret = n;
	return 1;
}

static int add_neigh(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	struct gw_nl_neigh n;
	int rc = gw_nl_parse_neigh(h, &n);

	return rc == 1 && n.permanent ? gw_nl_items_add(items, &n) : rc < 0 ? rc : 0;
}

static int dump_family(struct gw_nl *nl, uint8_t family, struct gw_nl_items *items)
{
	struct gw_nl_neigh *v;
	size_t before = items->n, n = before;
	struct gw_nl_msg m;
	struct ndmsg *nd;
	int rc;

	nd = gw_nl_msg_begin(&m, RTM_GETNEIGH, 0, sizeof *nd);
	nd->ndm_family = family;
	rc = gw_nl_dump(nl, &m, add_neigh, items);
	if (rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP)
		rc = 0;
	/* A kernel without this family answers with what all others have: each entry only once. */
	v = items->v;
	for (size_t i = before; rc == 0 && i < items->n; i++)
		if (gw_addr_is_v4(&v[i].addr) == (family == AF_INET))
			v[n++] = v[i];
	items->n = rc == 0 ? n : before;
	return rc;
}

int gw_nl_neigh_each(struct gw_nl *nl, gw_nl_neigh_cb cb, void *ctx, struct gw_error *err)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_neigh)};
	int rc = dump_family(nl, AF_INET, &items);

	if (rc == 0)
		rc = dump_family(nl, AF_INET6, &items);
	for (size_t i = 0; rc == 0 && i < items.n; i++)
		cb(ctx, (const struct gw_nl_neigh *)items.v + i);
	free(items.v);
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot list the neighbours") : 0;
}

static int change(struct gw_nl *nl, const struct gw_nl_neigh *n, uint16_t type, uint16_t flags)
{
	struct gw_nl_msg m;
	struct ndmsg *nd = gw_nl_msg_begin(&m, type, flags, sizeof *nd);

	nd->ndm_family = gw_addr_is_v4(&n->addr) ? AF_INET : AF_INET6;
	nd->ndm_ifindex = n->ifindex;
	nd->ndm_state = NUD_PERMANENT;
	gw_nl_put_addr(&m, NDA_DST, &n->addr);
	if (type == RTM_NEWNEIGH) {
		gw_nl_put(&m, NDA_LLADDR, n->mac.b, sizeof n->mac.b);
		gw_nl_put_u8(&m, NDA_PROTOCOL, GW_NL_PROTO);
	}
	return gw_nl_exec(nl, &m, NULL, NULL);
}

static int fail(struct gw_nl *nl, struct gw_error *err, int rc, const struct gw_nl_neigh *n, const char *verb)
{
	char link[IFNAMSIZ + 16], addr[GW_ADDR_STRLEN];

	gw_nl_link_label(nl, n->ifindex, link);
	return gw_nl_fail(nl, err, rc, link, "cannot %s neighbour %s on %s", verb, gw_addr_format(&n->addr, addr),
			  link);
}

int gw_nl_neigh_add(struct gw_nl *nl, const struct gw_nl_neigh *n, struct gw_error *err)
{
	int rc = change(nl, n, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);

	return rc < 0 ? fail(nl, err, rc, n, "add") : 0;
}

int gw_nl_neigh_delete(struct gw_nl *nl, const struct gw_nl_neigh *n, struct gw_error *err)
{
	int rc = change(nl, n, RTM_DELNEIGH, 0);

	return rc == 0 || rc == -ENOENT || rc == -ENODEV || rc == -ENXIO ? 0 : fail(nl, err, rc, n, "delete");
}

static const struct gw_nl_policy conf_policy[NETCONFA_RP_FILTER + 1] = {
	[NETCONFA_IFINDEX] = {GW_NL_U32, 0, 0},
	[NETCONFA_FORWARDING] = {GW_NL_U32, 0, 0},
	[NETCONFA_RP_FILTER] = {GW_NL_U32, 0, 0},
};

int gw_nl_parse_conf(const struct nlmsghdr *h, struct gw_nl_conf *ret)
{
	const struct nlattr *tb[NETCONFA_RP_FILTER + 1];
	const uint8_t *p = mnl_nlmsg_get_payload(h);
	size_t n = mnl_nlmsg_get_payload_len(h), head = MNL_ALIGN(sizeof(struct netconfmsg));

	if (h->nlmsg_type != RTM_NEWNETCONF)
		return 0;
	if (n < head || gw_nl_parse(p + head, n - head, conf_policy, NETCONFA_RP_FILTER + 1, tb) < 0 ||
	    !tb[NETCONFA_IFINDEX])
		return -EBADMSG;
	*ret = (struct gw_nl_conf){
		.ifindex = (int)gw_nl_u32(tb[NETCONFA_IFINDEX]),
		.forwarding = tb[NETCONFA_FORWARDING] ? gw_nl_u32(tb[NETCONFA_FORWARDING]) != 0 : -1,
		.rp_filter = tb[NETCONFA_RP_FILTER] ? gw_nl_u32(tb[NETCONFA_RP_FILTER]) != 0 : -1,
	};
	return 1;
}
