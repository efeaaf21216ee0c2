/*
 * pair.c - pairs of links between two network namespaces, and the settings and counters that only they need. Called by the
 * drivers through nl.h.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/random.h>

static const struct gw_mac no_mac;

/*
 * One queue each, where the kernel would make one for every CPU: they queue nothing, and with a hundred CPUs and a thousand pairs they
 * would be most of the memory.
 */
static void put_queues(struct gw_nl_msg *m)
{
	gw_nl_put_u32(m, IFLA_NUM_TX_QUEUES, 1);
	gw_nl_put_u32(m, IFLA_NUM_RX_QUEUES, 1);
}

int gw_nl_add_pair(struct gw_nl *nl, const struct gw_nl_pair *pair, struct gw_error *err)
{
	size_t info, data, other;
	struct gw_nl_msg m;
	struct gw_mac mac;
	int rc;

	/* One that the kernel has chosen, udev replaces a moment later (MACAddressPolicy=persistent), while neighbours know it. */
	if (getrandom(mac.b, sizeof mac.b, 0) != sizeof mac.b)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, pair->name, "the kernel gives no random bytes");
	mac.b[0] = (uint8_t)((mac.b[0] & 0xfc) | 0x02); /* of one station, chosen locally */
	gw_nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	gw_nl_put_str(&m, IFLA_IFNAME, pair->name);
	gw_nl_put(&m, IFLA_ADDRESS, mac.b, sizeof mac.b);
	gw_nl_put_u32(&m, IFLA_MTU, pair->mtu);
	put_queues(&m);
	info = gw_nl_nest_begin(&m, IFLA_LINKINFO);
	gw_nl_put_str(&m, IFLA_INFO_KIND, "veth");
	data = gw_nl_nest_begin(&m, IFLA_INFO_DATA);
	other = gw_nl_nest_begin(&m, VETH_INFO_PEER);
	gw_nl_put_zeroes(&m, sizeof(struct ifinfomsg));
	gw_nl_put_str(&m, IFLA_IFNAME, pair->peer);
	gw_nl_put_u32(&m, IFLA_MTU, pair->mtu);
	put_queues(&m);
	gw_nl_put_u32(&m, IFLA_NET_NS_FD, (uint32_t)pair->peer_ns);
	if (!gw_mac_equal(&pair->peer_mac, &no_mac))
		gw_nl_put(&m, IFLA_ADDRESS, pair->peer_mac.b, sizeof pair->peer_mac.b);
	gw_nl_nest_end(&m, other);
	gw_nl_nest_end(&m, data);
	gw_nl_nest_end(&m, info);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, pair->name, "cannot create %s with %s in its namespace", pair->name,
				   pair->peer)
		      : 0;
}

int gw_nl_link_set_mac(struct gw_nl *nl, int ifindex, const struct gw_mac *mac, struct gw_error *err)
{
	char name[IFNAMSIZ + 16], text[GW_MAC_STRLEN];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	gw_nl_put(&m, IFLA_ADDRESS, mac->b, sizeof mac->b);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name),
				   "cannot set the MAC address of %s to %s", name, gw_mac_format(mac, text))
		      : 0;
}

int gw_nl_link_set_promisc(struct gw_nl *nl, int ifindex, bool on, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	struct ifinfomsg *ifi = gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	int rc;

	ifi->ifi_flags = on ? IFF_PROMISC : 0;
	ifi->ifi_change = IFF_PROMISC;
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name),
				   on ? "cannot make %s promiscuous" : "cannot end that %s is promiscuous", name)
		      : 0;
}

int gw_nl_link_set_alias(struct gw_nl *nl, int ifindex, const char *alias, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	gw_nl_put(&m, IFLA_IFALIAS, alias, strlen(alias)); /* the kernel counts no end */
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name), "cannot label %s", name) : 0;
}

int gw_nl_link_set_group(struct gw_nl *nl, int ifindex, uint32_t group, struct gw_error *err)
{
	char name[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	gw_nl_put_u32(&m, IFLA_GROUP, group);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 ? gw_nl_fail(nl, err, rc, gw_nl_link_label(nl, ifindex, name), "cannot put %s into a group", name)
		      : 0;
}

int gw_nl_link_free(struct gw_nl *nl, int ifindex, struct gw_error *err)
{
	char link[IFNAMSIZ + 16];
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	gw_nl_put_u32(&m, IFLA_MASTER, 0);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == 0)
		return 0;
	gw_nl_link_label(nl, ifindex, link);
	return gw_nl_fail(nl, err, rc, link, "cannot take %s out of the device that it serves", link);
}

int gw_nl_link_delete_group(struct gw_nl *nl, uint32_t group, struct gw_error *err)
{
	struct gw_nl_msg m;
	int rc;

	gw_nl_msg_begin(&m, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put_u32(&m, IFLA_GROUP, group);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	return rc < 0 && rc != -ENODEV ? gw_nl_fail(nl, err, rc, "", "cannot delete the links of group %u", group) : 0;
}

static const struct gw_nl_policy stats_policy[IFLA_STATS64 + 1] = {
	/* Newer kernels have more in it, at its end. */
	[IFLA_STATS64] = {GW_NL_BINARY, offsetof(struct rtnl_link_stats64, multicast), 0},
};

static int take_counters(void *ctx, const struct nlmsghdr *h)
{
	const struct nlattr *tb[IFLA_STATS64 + 1];
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	struct gw_nl_counters *c = ctx;
	struct rtnl_link_stats64 s;
	size_t n = mnl_nlmsg_get_payload_len(h);

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (n < sizeof *ifi || gw_nl_parse(ifi + 1, n - sizeof *ifi, stats_policy, IFLA_STATS64 + 1, tb) < 0 ||
	    !tb[IFLA_STATS64])
		return -EBADMSG;
	memset(&s, 0, sizeof s);
	n = gw_nl_len(tb[IFLA_STATS64]);
	memcpy(&s, gw_nl_data(tb[IFLA_STATS64]), n < sizeof s ? n : sizeof s);
	*c = (struct gw_nl_counters){.rx_packets = s.rx_packets,
				     .rx_bytes = s.rx_bytes,
				     .rx_dropped = s.rx_dropped,
				     .tx_packets = s.tx_packets,
				     .tx_bytes = s.tx_bytes,
				     .tx_dropped = s.tx_dropped};
	return 0;
}

int gw_nl_link_counters(struct gw_nl *nl, const char *name, struct gw_nl_counters *ret)
{
	struct gw_nl_counters c = {0};
	struct gw_nl_msg m;
	int rc;

	gw_nl_msg_begin(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put_str(&m, IFLA_IFNAME, name);
	rc = gw_nl_exec(nl, &m, take_counters, &c);
	if (rc == 0)
		*ret = c;
	return rc;
}
