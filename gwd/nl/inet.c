/*
 * inet.c - addresses of links, IPv4 and IPv6, marked as ours by IFA_PROTO. Called by the drivers through
 * nl.h; the parser also by watch.c.
 */
#include "nl/internal.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct gw_nl_policy addr_policy[IFA_PROTO + 1] = {
	[IFA_ADDRESS] = {GW_NL_BINARY, 4, 16},
	[IFA_LOCAL] = {GW_NL_BINARY, 4, 16},
	[IFA_PROTO] = {GW_NL_U8, 0, 0},
};

int gw_nl_parse_addr(const struct nlmsghdr *h, struct gw_nl_addr *ret)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[IFA_PROTO + 1], *local;
	struct gw_nl_addr a = {0};
	size_t n;
	int rc;

	if (h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR)
		return 0;
	n = mnl_nlmsg_get_payload_len(h);
	if (n < sizeof *ifa)
		return -EBADMSG;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return 0;
	if (gw_nl_parse(ifa + 1, n - sizeof *ifa, addr_policy, IFA_PROTO + 1, tb) < 0)
		return -EBADMSG;
	/* IFA_ADDRESS is the other end on a point-to-point link, IFA_LOCAL then ours. */
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || ifa->ifa_index == 0 || ifa->ifa_index > INT32_MAX ||
	    ifa->ifa_prefixlen > (ifa->ifa_family == AF_INET ? 32 : 128))
		return -EBADMSG;
	rc = gw_nl_addr(local, ifa->ifa_family, &a.addr);
	if (rc <= 0)
		return rc;
	a.ifindex = (int)ifa->ifa_index;
	a.prefix_len = ifa->ifa_prefixlen;
	a.ours = gw_nl_u8(tb[IFA_PROTO]) == GW_NL_PROTO;
	*ret = a;
	return 1;
}

static int add_addr(const struct nlmsghdr *h, struct gw_nl_items *items)
{
	struct gw_nl_addr a;
	int rc = gw_nl_parse_addr(h, &a);

	return rc == 1 ? gw_nl_items_add(items, &a) : rc;
}

static int dump_family(struct gw_nl *nl, uint8_t family, int ifindex, struct gw_nl_items *items)
{
	struct ifaddrmsg *ifa;
	struct gw_nl_msg m;
	int rc;

	ifa = gw_nl_msg_begin(&m, RTM_GETADDR, 0, sizeof *ifa);
	ifa->ifa_family = family;
	ifa->ifa_index = (uint32_t)ifindex;
	rc = gw_nl_dump(nl, &m, add_addr, items);
	/* A link that has gone has no addresses, nor has a family that the kernel was built without. */
	return rc == -ENODEV || rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP ? 0 : rc;
}

/* A kernel without one family answers for it with what all others have: each entry only once. */
static void drop_other(struct gw_nl_items *items, size_t from, bool v4)
{
	struct gw_nl_addr *v = items->v;
	size_t n = from;

	for (size_t i = from; i < items->n; i++)
		if (gw_addr_is_v4(&v[i].addr) == v4)
			v[n++] = v[i];
	items->n = n;
}

int gw_nl_dump_addrs(struct gw_nl *nl, int ifindex, struct gw_nl_items *items)
{
	size_t n4;
	int rc;

	items->size = sizeof(struct gw_nl_addr);
	rc = dump_family(nl, AF_INET, ifindex, items);
	if (rc < 0)
		return rc;
	drop_other(items, 0, true);
	n4 = items->n;
	rc = dump_family(nl, AF_INET6, ifindex, items);
	if (rc < 0)
		return rc;
	drop_other(items, n4, false);
	return 0;
}

int gw_nl_addr_each(struct gw_nl *nl, gw_nl_addr_cb cb, void *ctx, struct gw_error *err)
{
	struct gw_nl_items items = {0};
	int rc = gw_nl_dump_addrs(nl, 0, &items);

	for (size_t i = 0; rc == 0 && i < items.n; i++)
		cb(ctx, (const struct gw_nl_addr *)items.v + i);
	free(items.v);
	return rc < 0 ? gw_nl_fail(nl, err, rc, "", "cannot list the addresses of this node") : 0;
}

/* --- one address --- */

/* What else the link has in the way of an address. */
struct found {
	bool same, same_ours; /* this very one */
	int other_len;	      /* the address with another prefix length; -1 when not */
	bool neighbour_in_subnet;
};

static int look_up(struct gw_nl *nl, const struct gw_nl_addr *a, struct found *ret)
{
	struct gw_nl_items items = {0};
	int rc = gw_nl_dump_addrs(nl, a->ifindex, &items);
	struct gw_addr subnet = gw_prefix_mask(&a->addr, a->prefix_len), other;

	*ret = (struct found){.other_len = -1};
	for (size_t i = 0; rc == 0 && i < items.n; i++) {
		const struct gw_nl_addr *b = (const struct gw_nl_addr *)items.v + i;

		if (gw_addr_equal(&a->addr, &b->addr)) {
			if (a->prefix_len != b->prefix_len) {
				ret->other_len = b->prefix_len;
			} else {
				ret->same = true;
				ret->same_ours = b->ours;
			}
		} else if (gw_addr_is_v4(&a->addr) == gw_addr_is_v4(&b->addr) && a->prefix_len == b->prefix_len) {
			other = gw_prefix_mask(&b->addr, b->prefix_len);
			ret->neighbour_in_subnet |= gw_addr_equal(&subnet, &other);
		}
	}
	free(items.v);
	return rc;
}

static void put_addr(struct gw_nl_msg *m, const struct gw_nl_addr *a, uint16_t type, uint16_t flags)
{
	struct ifaddrmsg *ifa = gw_nl_msg_begin(m, type, flags, sizeof *ifa);

	ifa->ifa_family = gw_addr_is_v4(&a->addr) ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = a->prefix_len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)a->ifindex;
	gw_nl_put_addr(m, IFA_LOCAL, &a->addr);
	gw_nl_put_addr(m, IFA_ADDRESS, &a->addr);
}

static int fail_addr(struct gw_nl *nl, struct gw_error *err, int rc, const struct gw_nl_addr *a, bool add)
{
	char addr[GW_ADDR_STRLEN], link[IFNAMSIZ + 16];

	gw_nl_link_label(nl, a->ifindex, link);
	return gw_nl_fail(nl, err, rc, link, "cannot %s address %s/%u %s %s", add ? "add" : "delete",
			  gw_addr_format(&a->addr, addr), a->prefix_len, add ? "to" : "from", link);
}

int gw_nl_addr_add(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err)
{
	struct gw_nl_msg m;
	struct found found;
	int rc, rc2;

	put_addr(&m, a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	gw_nl_put_u8(&m, IFA_PROTO, GW_NL_PROTO);
	if (a->unchecked)
		gw_nl_put_u32(&m, IFA_FLAGS, IFA_F_NODAD);
	rc = gw_nl_exec(nl, &m, NULL, NULL);
	if (rc == -EEXIST) {
		rc2 = look_up(nl, a, &found);
		if (rc2 < 0)
			return fail_addr(nl, err, rc2, a, true);
		if (found.same)
			return 0;
		if (found.other_len >= 0)
			snprintf(nl->extack, sizeof nl->extack, "it has the address with prefix length %d",
				 found.other_len);
	}
	return rc < 0 ? fail_addr(nl, err, rc, a, true) : 0;
}

int gw_nl_addr_remove(struct gw_nl *nl, const struct gw_nl_addr *a)
{
	struct gw_nl_msg m;

	put_addr(&m, a, RTM_DELADDR, 0);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

/* An IPv4 setting of one interface. */
struct devconf {
	int setting;
	bool known;
	uint32_t value;
};

static int take_devconf(void *ctx, const struct nlmsghdr *h)
{
	static const struct gw_nl_policy policy[IFLA_INET_CONF + 1] = {[IFLA_INET_CONF] = {GW_NL_BINARY, 0, 0}};
	const struct nlattr *families[AF_INET6 + 1], *tb[IFLA_INET_CONF + 1];
	int rc = gw_nl_parse_families(h, families);
	struct devconf *c = ctx;
	size_t at = (size_t)(c->setting - 1) * sizeof c->value;

	if (rc <= 0 || !families[AF_INET])
		return rc < 0 ? rc : 0;
	if (gw_nl_parse_nested(families[AF_INET], policy, IFLA_INET_CONF + 1, tb) < 0)
		return -EBADMSG;
	if (!tb[IFLA_INET_CONF] || gw_nl_len(tb[IFLA_INET_CONF]) < at + sizeof c->value)
		return 0;
	memcpy(&c->value, (const char *)gw_nl_data(tb[IFLA_INET_CONF]) + at, sizeof c->value);
	c->known = true;
	return 0;
}

/* As sysctl's net.ipv4.conf.<link>; what is so already is not written. */
static int set_devconf(struct gw_nl *nl, int ifindex, int setting, uint32_t value)
{
	struct devconf now = {.setting = setting};
	size_t spec, inet, conf;
	struct gw_nl_msg m;
	int rc;

	gw_nl_link_begin(&m, RTM_GETLINK, ifindex);
	rc = gw_nl_exec(nl, &m, take_devconf, &now);
	if (rc < 0 || (now.known && now.value == value))
		return rc;
	gw_nl_link_begin(&m, RTM_SETLINK, ifindex);
	spec = gw_nl_nest_begin(&m, IFLA_AF_SPEC);
	inet = gw_nl_nest_begin(&m, AF_INET);
	conf = gw_nl_nest_begin(&m, IFLA_INET_CONF);
	gw_nl_put_u32(&m, setting, value);
	gw_nl_nest_end(&m, conf);
	gw_nl_nest_end(&m, inet);
	gw_nl_nest_end(&m, spec);
	return gw_nl_exec(nl, &m, NULL, NULL);
}

int gw_nl_link_announces(struct gw_nl *nl, int ifindex)
{
	return set_devconf(nl, ifindex, IPV4_DEVCONF_ARP_NOTIFY, 1);
}

int gw_nl_addr_delete(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err)
{
	struct found found;
	int rc = look_up(nl, a, &found);

	if (rc == 0 && !found.same_ours)
		return 0;
	if (rc == 0 && gw_addr_is_v4(&a->addr) && found.neighbour_in_subnet)
		rc = set_devconf(nl, a->ifindex, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
	if (rc == 0)
		rc = gw_nl_addr_remove(nl, a);
	if (rc == 0 || rc == -EADDRNOTAVAIL || rc == -ENODEV)
		return 0;
	return fail_addr(nl, err, rc, a, false);
}
