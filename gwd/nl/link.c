/*
 * link.c - network devices: reading them, making the tunnel devices that the engine needs, and their few
 * settings. Called by the drivers through nl.h; the parser also by watch.c.
 */
#include "nl/internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* --- reading --- */

static const struct gw_nl_policy link_policy[IFLA_GSO_MAX_SEGS + 1] = {
	[IFLA_ADDRESS] = {GW_NL_BINARY, 0, 0}, /* 6 bytes on Ethernet only */
	[IFLA_IFNAME] = {GW_NL_STRING, 2, IFNAMSIZ},
	[IFLA_MTU] = {GW_NL_U32, 0, 0},
	[IFLA_LINKINFO] = {GW_NL_NESTED, 0, 0},
	[IFLA_LINK_NETNSID] = {GW_NL_U32, 0, 0},
	[IFLA_GROUP] = {GW_NL_U32, 0, 0},
	[IFLA_LINK] = {GW_NL_U32, 0, 0},
	[IFLA_MASTER] = {GW_NL_U32, 0, 0},
	[IFLA_IFALIAS] = {GW_NL_STRING, 1, 0},
	[IFLA_GSO_MAX_SEGS] = {GW_NL_U32, 0, 0},
};

static const struct gw_nl_policy info_policy[IFLA_INFO_KIND + 1] = {
	[IFLA_INFO_KIND] = {GW_NL_STRING, 1, 0},
};

int gw_nl_parse_link(const struct nlmsghdr *h, struct gw_link *ret)
{
	const struct nlattr *tb[IFLA_GSO_MAX_SEGS + 1], *info[IFLA_INFO_KIND + 1];
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	struct gw_link l = {0};
	size_t n;

	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return 0;
	n = mnl_nlmsg_get_payload_len(h);
	if (n < sizeof *ifi)
		return -EBADMSG;
	/*
	 * The same message types tell of bridge ports, with the bridge's family: a port that leaves its
	 * bridge stays a link.
	 */
	if (ifi->ifi_family != AF_UNSPEC)
		return 0;
	if (gw_nl_parse(ifi + 1, n - sizeof *ifi, link_policy, IFLA_GSO_MAX_SEGS + 1, tb) < 0)
		return -EBADMSG;
	if (ifi->ifi_index <= 0 || !tb[IFLA_IFNAME])
		return -EBADMSG;
	l.ifindex = ifi->ifi_index;
	snprintf(l.name, sizeof l.name, "%s", (const char *)gw_nl_data(tb[IFLA_IFNAME]));
	if (tb[IFLA_LINKINFO]) {
		if (gw_nl_parse_nested(tb[IFLA_LINKINFO], info_policy, IFLA_INFO_KIND + 1, info) < 0)
			return -EBADMSG;
		/* A longer kind is none that anyone here compares with. */
		if (info[IFLA_INFO_KIND])
			snprintf(l.kind, sizeof l.kind, "%s", (const char *)gw_nl_data(info[IFLA_INFO_KIND]));
	}
	if (tb[IFLA_ADDRESS] && gw_nl_len(tb[IFLA_ADDRESS]) == sizeof l.mac.b)
		memcpy(l.mac.b, gw_nl_data(tb[IFLA_ADDRESS]), sizeof l.mac.b);
	if (tb[IFLA_IFALIAS]) /* cut short it is none that anyone here compares with, too */
		snprintf(l.alias, sizeof l.alias, "%s", (const char *)gw_nl_data(tb[IFLA_IFALIAS]));
	l.peer = gw_nl_u32(tb[IFLA_LINK]) <= INT32_MAX ? (int)gw_nl_u32(tb[IFLA_LINK]) : 0;
	l.master = gw_nl_u32(tb[IFLA_MASTER]) <= INT32_MAX ? (int)gw_nl_u32(tb[IFLA_MASTER]) : 0;
	l.mtu = gw_nl_u32(tb[IFLA_MTU]);
	l.group = gw_nl_u32(tb[IFLA_GROUP]);
	l.gso_segs = gw_nl_u32(tb[IFLA_GSO_MAX_SEGS]);
	l.up = ifi->ifi_flags & IFF_UP;
	l.running = ifi->ifi_flags & IFF_LOWER_UP;
	l.promisc = ifi->ifi_flags & IFF_PROMISC;
	l.peer_elsewhere = tb[IFLA_LINK_NETNSID];
	l.peer_nsid = l.peer_elsewhere ? (int)gw_nl_u32(tb[IFLA_LINK_NETNSID]) : -1;
	*ret = l;
	return 1;
}

static int add_link(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	struct gw_link l;
	int rc = gw_nl_parse_link(h, &l);

	return rc == 1 ? gw_nl_items_add(items, &l) : rc;
}

int gw_nl_dump_links(struct gw_nl *nl, struct gw_nl_items *items)
{
	struct gw_nl_msg m;

	gw_nl_msg_begin(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	items->size = sizeof(struct gw_link);
	return gw_nl_dump(nl, &m, add_link, items);
}

int gw_nl_link_each(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx, struct gw_error *err)
{
	struct gw_nl_items items = {0};
	int rc = gw_nl_dump_links(nl, &items);

	for (size_t i = 0; rc == 0 && i < items.n; i++)
		cb(ctx, (const struct gw_link *)items.v + i, false);
	free(items.v);
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot list the network interfaces") : 0;
}

static int take_link(void *ctx, const struct nlmsghdr *h)
{
	int rc = gw_nl_parse_link(h, ctx);

	return rc < 0 ? rc : 0;
}

int gw_nl_link_get(struct gw_nl *nl, const char *name, struct gw_link *ret, struct gw_error *err)
{
	struct gw_link l = {0};
	struct gw_nl_msg m;
	int rc;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	gw_nl_msg_begin(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put_str(&m, IFLA_IFNAME, name);
	rc = gw_nl_exec(nl, &m, take_link, &l);
	if (rc == 0 && !l.ifindex)
		rc = -EBADMSG;
	if (rc == -ENODEV)
		return rc;
	if (rc < 0)
		return gw_nl_fail(nl, err, rc, name, "cannot read interface %s", name);
	*ret = l;
	return 0;
}

/* --- making and removing --- */

/* Begins a device of `kind`; the caller adds its settings and ends the two nests, data first. */
static void begin_link(struct gw_nl_msg *m, const char *name, const char *kind, size_t ret_nests[2])
{
	gw_nl_msg_begin(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	gw_nl_put_str(m, IFLA_IFNAME, name);
	ret_nests[0] = gw_nl_nest_begin(m, IFLA_LINKINFO);
	gw_nl_put_str(m, IFLA_INFO_KIND, kind);
	ret_nests[1] = gw_nl_nest_begin(m, IFLA_INFO_DATA);
}

static int finish_link(struct gw_nl *nl, struct gw_nl_msg *m, const char *name, const char *kind, const size_t nests[2],
		       struct gw_error *err)
{
	int rc;

	gw_nl_nest_end(m, nests[1]);
	gw_nl_nest_end(m, nests[0]);
	rc = gw_nl_exec(nl, m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, name, "cannot create %s device %s", kind, name) : 0;
}

int gw_nl_add_vxlan_external(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err)
{
	struct gw_nl_msg m;
	size_t nests[2];

	begin_link(&m, name, "vxlan", nests);
	gw_nl_put_u8(&m, IFLA_VXLAN_COLLECT_METADATA, 1);
	gw_nl_put_be16(&m, IFLA_VXLAN_PORT, port);
	gw_nl_put_u8(&m, IFLA_VXLAN_LEARNING, 0);
	gw_nl_put_u8(&m, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, 1);
	gw_nl_put_u8(&m, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	return finish_link(nl, &m, name, "vxlan", nests, err);
}

int gw_nl_add_gretap_external(struct gw_nl *nl, const char *name, struct gw_error *err)
{
	struct gw_nl_msg m;
	size_t nests[2];

	begin_link(&m, name, "gretap", nests);
	gw_nl_put(&m, IFLA_GRE_COLLECT_METADATA, NULL, 0);
	return finish_link(nl, &m, name, "gretap", nests, err);
}

struct ifinfomsg *gw_nl_link_begin(struct gw_nl_msg *m, uint16_t type, int ifindex)
{
	struct ifinfomsg *ifi = gw_nl_msg_begin(m, type, 0, sizeof *ifi);

	ifi->ifi_index = ifindex;
	return ifi;
}

int gw_nl_add_veth(struct gw_nl *nl, const char *name, const char *peer, struct gw_error *err)
{
	struct gw_nl_msg m;
	struct ifinfomsg *ifi;
	size_t nests[2], other;

	ifi = gw_nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *ifi);
	ifi->ifi_flags = ifi->ifi_change = IFF_NOARP;
	gw_nl_put_str(&m, IFLA_IFNAME, name);
	gw_nl_put_u32(&m, IFLA_MTU, GW_NL_VETH_MTU);
	nests[0] = gw_nl_nest_begin(&m, IFLA_LINKINFO);
	gw_nl_put_str(&m, IFLA_INFO_KIND, "veth");
	nests[1] = gw_nl_nest_begin(&m, IFLA_INFO_DATA);
	other = gw_nl_nest_begin(&m, VETH_INFO_PEER);
	gw_nl_put_zeroes(&m, sizeof *ifi);
	gw_nl_put_str(&m, IFLA_IFNAME, peer);
	gw_nl_put_u32(&m, IFLA_MTU, GW_NL_VETH_MTU);
	gw_nl_nest_end(&m, other);
	return finish_link(nl, &m, name, "veth", nests, err);
}

int gw_nl_add_macvlan_of(struct gw_nl *nl, const char *name, int lower, const struct gw_mac *sender,
			 struct gw_error *err)
{
	struct gw_nl_msg m;
	struct ifinfomsg *ifi;
	size_t nests[2];

	ifi = gw_nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *ifi);
	ifi->ifi_flags = ifi->ifi_change = IFF_NOARP;
	gw_nl_put_str(&m, IFLA_IFNAME, name);
	gw_nl_put_u32(&m, IFLA_LINK, (uint32_t)lower);
	nests[0] = gw_nl_nest_begin(&m, IFLA_LINKINFO);
	gw_nl_put_str(&m, IFLA_INFO_KIND, "macvlan");
	nests[1] = gw_nl_nest_begin(&m, IFLA_INFO_DATA);
	gw_nl_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_SOURCE);
	gw_nl_put_u32(&m, IFLA_MACVLAN_MACADDR_MODE, MACVLAN_MACADDR_ADD);
	gw_nl_put(&m, IFLA_MACVLAN_MACADDR, sender, sizeof *sender);
	return finish_link(nl, &m, name, "macvlan", nests, err);
}

/* What can be switched: how to ask for it, how to set it. */
static const struct {
	__u32 get, set;
} offloads[] = {
	{ETHTOOL_GTSO, ETHTOOL_STSO},
	{ETHTOOL_GGSO, ETHTOOL_SGSO},
	{ETHTOOL_GSG, ETHTOOL_SSG},
	{ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
};

#define N_OFFLOADS (sizeof offloads / sizeof *offloads)

/* *value goes in when something is set, and comes back when it is asked for. */
static int ethtool(int fd, const char *name, __u32 what, __u32 *value)
{
	struct ethtool_value v = {.cmd = what, .data = *value};
	struct ifreq ifr = {.ifr_data = (void *)&v};

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		return -errno;
	*value = v.data;
	return 0;
}

/* The link's own, by a socket of its namespace. */
struct switches {
	const char *name;
	bool off; /* turn them off */
	bool any; /* one was on */
};

static int look_at_switches(void *arg)
{
	struct switches *w = arg;
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : 0;

	for (size_t i = 0; i < N_OFFLOADS && rc == 0; i++) {
		__u32 on = 0;

		if (w->off)
			rc = ethtool(fd, w->name, offloads[i].set, &on);
		else if (ethtool(fd, w->name, offloads[i].get, &on) == 0 && on)
			w->any = true;
	}
	return rc;
}

static int switches(struct gw_nl *nl, struct switches *w)
{
	return nl->elsewhere ? gw_nl_run_inside(nl, look_at_switches, w) : look_at_switches(w);
}

bool gw_nl_link_offloads(struct gw_nl *nl, const struct gw_link *link)
{
	struct switches w = {.name = link->name};

	return switches(nl, &w) == 0 && w.any;
}

int gw_nl_link_no_offloads(struct gw_nl *nl, const struct gw_link *link, struct gw_error *err)
{
	struct switches w = {.name = link->name, .off = true};
	struct gw_nl_msg m;
	int rc = switches(nl, &w);

	if (rc < 0)
		return gw_error_set(err, -rc, GW_ERR_INTERNAL, link->name, "cannot turn off the offloads of %s: %s%s",
				    link->name, strerror(-rc), gw_nl_way_out(-rc));
	if (link->gso_segs == 1)
		return 0;
	/* Not every kind of super-packet has a switch in every kernel; this limit is for all. */
	gw_nl_link_begin(&m, RTM_SETLINK, link->ifindex);
	gw_nl_put_u32(&m, IFLA_GSO_MAX_SEGS, 1);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, link->name, "cannot limit the super-packets of %s", link->name) : 0;
}

int gw_nl_link_delete(struct gw_nl *nl, int ifindex, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_label(nl, ifindex, name);
	gw_nl_link_begin(&m, RTM_DELLINK, ifindex);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, name, "cannot delete %s", name) : 0;
}

int gw_nl_link_up(struct gw_nl *nl, int ifindex, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct ifinfomsg *ifi;
	struct gw_nl_msg m;
	int rc;

	ifi = gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name), "cannot bring %s up", name) : 0;
}

int gw_nl_link_set_mtu(struct gw_nl *nl, int ifindex, unsigned mtu, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	gw_nl_put_u32(&m, IFLA_MTU, mtu);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name), "cannot set the MTU of %s to %u",
				   name, mtu)
		      : 0;
}

/* --- silence --- */

/*
 * A mode change takes effect for addresses to come; the one that the link has had since it came up must go by hand.
 */
static int drop_link_local(struct gw_nl *nl, int ifindex)
{
	struct gw_nl_items items = {0};
	int rc = gw_nl_dump_addrs(nl, ifindex, &items);

	for (size_t i = 0; rc == 0 && i < items.n; i++) {
		const struct gw_nl_addr *a = (const struct gw_nl_addr *)items.v + i;

		if (gw_addr_is_v4(&a->addr) || !gw_addr_is_link_local(&a->addr))
			continue;
		rc = gw_nl_addr_remove(nl, a);
		if (rc == -EADDRNOTAVAIL)
			rc = 0;
	}
	free(items.v);
	return rc;
}

static const struct gw_nl_policy families_policy[AF_INET6 + 1] = {
	[AF_INET] = {GW_NL_NESTED, 0, 0},
	[AF_INET6] = {GW_NL_NESTED, 0, 0},
};

int gw_nl_parse_families(const struct nlmsghdr *h, const struct nlattr *ret[static AF_INET6 + 1])
{
	static const struct gw_nl_policy policy[IFLA_AF_SPEC + 1] = {[IFLA_AF_SPEC] = {GW_NL_NESTED, 0, 0}};
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[IFLA_AF_SPEC + 1];
	size_t n = mnl_nlmsg_get_payload_len(h);

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (n < sizeof *ifi || gw_nl_parse(ifi + 1, n - sizeof *ifi, policy, IFLA_AF_SPEC + 1, tb) < 0)
		return -EBADMSG;
	if (!tb[IFLA_AF_SPEC])
		return 0;
	return gw_nl_parse_nested(tb[IFLA_AF_SPEC], families_policy, AF_INET6 + 1, ret) < 0 ? -EBADMSG : 1;
}

/* How the kernel makes IPv6 addresses for a link. */
struct gen_mode {
	bool has_ipv6, known;
	uint8_t mode;
};

static int take_gen_mode(void *ctx, const struct nlmsghdr *h)
{
	static const struct gw_nl_policy policy[IFLA_INET6_ADDR_GEN_MODE + 1] = {
		[IFLA_INET6_ADDR_GEN_MODE] = {GW_NL_U8, 0, 0},
	};
	const struct nlattr *families[AF_INET6 + 1], *tb[IFLA_INET6_ADDR_GEN_MODE + 1];
	int rc = gw_nl_parse_families(h, families);
	struct gen_mode *g = ctx;

	if (rc <= 0 || !families[AF_INET6])
		return rc < 0 ? rc : 0;
	g->has_ipv6 = true;
	if (gw_nl_parse_nested(families[AF_INET6], policy, IFLA_INET6_ADDR_GEN_MODE + 1, tb) < 0)
		return -EBADMSG;
	g->known = tb[IFLA_INET6_ADDR_GEN_MODE];
	g->mode = gw_nl_u8(tb[IFLA_INET6_ADDR_GEN_MODE]);
	return 0;
}

static int set_gen_mode(struct gw_nl *nl, int ifindex, uint8_t mode)
{
	size_t spec, inet6;
	struct gw_nl_msg m;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	spec = gw_nl_nest_begin(&m, IFLA_AF_SPEC);
	inet6 = gw_nl_nest_begin(&m, AF_INET6);
	gw_nl_put_u8(&m, IFLA_INET6_ADDR_GEN_MODE, mode);
	gw_nl_nest_end(&m, inet6);
	gw_nl_nest_end(&m, spec);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

int gw_nl_link_quiet(struct gw_nl *nl, int ifindex, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gen_mode now = {0};
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_GETLINK, ifindex);
	rc = gw_nl_exec(nl, &m, take_gen_mode, &now);
	if (rc == 0 && !now.has_ipv6) /* the kernel has none, or not for a link with so small an MTU */
		return 0;
	if (rc == 0 && (!now.known || now.mode != IN6_ADDR_GEN_MODE_NONE))
		rc = set_gen_mode(nl, ifindex, IN6_ADDR_GEN_MODE_NONE);
	if (rc == 0)
		rc = drop_link_local(nl, ifindex);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name), "cannot silence IPv6 on %s", name)
		      : 0;
}
