/*
 * test_nl_parse.c - netlink messages without a kernel: what the builder writes, what the policy tables let
 * through, and what the parsers make of short, garbled and unexpected messages.
 */
#include "values.h"

#include "nl/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>

#define POISON 0x5a

/* --- builder --- */

static void test_builder_overflow_is_sticky(void **state)
{
	char big[GW_NL_MSG_SIZE] = {0};
	struct gw_nl_msg m;
	size_t nest, len;

	(void)state;
	gw_nl_msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE, sizeof(struct ifinfomsg));
	nest = gw_nl_nest_begin(&m, IFLA_LINKINFO);
	gw_nl_put(&m, 1, big, 600);
	assert_int_equal(m.error, 0);
	len = m.h.nlmsg_len;
	gw_nl_put(&m, 2, big, 600);
	assert_int_equal(m.error, -EMSGSIZE);
	gw_nl_put_u8(&m, 3, 1); /* would fit */
	gw_nl_nest_end(&m, nest);
	assert_int_equal(m.h.nlmsg_len, len);
	assert_int_equal(m.error, -EMSGSIZE);

	gw_nl_msg_begin(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	gw_nl_put(&m, 1, big, SIZE_MAX);
	assert_int_equal(m.error, -EMSGSIZE);
}

static void test_builder_writes(void **state)
{
	static const struct gw_nl_policy policy[8] = {
		[1] = {GW_NL_U8, 0, 0},	    [2] = {GW_NL_U32, 0, 0},	[3] = {GW_NL_U16, 0, 0},
		[4] = {GW_NL_STRING, 1, 8}, [5] = {GW_NL_BINARY, 4, 4}, [6] = {GW_NL_BINARY, 16, 16},
		[7] = {GW_NL_NESTED, 0, 0},
	};
	struct gw_addr v4 = addr("10.1.1.20"), v6 = addr("fd00::1");
	const struct nlattr *tb[8], *in[8];
	struct gw_nl_msg m;
	size_t nest;

	(void)state;
	gw_nl_msg_begin(&m, RTM_NEWLINK, NLM_F_EXCL, 0);
	assert_int_equal(m.h.nlmsg_flags, NLM_F_REQUEST | NLM_F_EXCL);
	gw_nl_put_u8(&m, 1, 7);
	gw_nl_put_u32(&m, 2, 70000);
	gw_nl_put_be16(&m, 3, 4789);
	gw_nl_put_str(&m, 4, "vxlan");
	gw_nl_put_addr(&m, 5, &v4);
	gw_nl_put_addr(&m, 6, &v6);
	nest = gw_nl_nest_begin(&m, 7);
	gw_nl_put_u8(&m, 1, 9);
	gw_nl_nest_end(&m, nest);
	assert_int_equal(m.error, 0);

	assert_int_equal(gw_nl_parse(m.buf + NLMSG_HDRLEN, m.h.nlmsg_len - NLMSG_HDRLEN, policy, 8, tb), 0);
	assert_int_equal(gw_nl_u8(tb[1]), 7);
	assert_int_equal(gw_nl_u32(tb[2]), 70000);
	assert_memory_equal(gw_nl_data(tb[3]), "\x12\xb5", 2);
	assert_string_equal(gw_nl_data(tb[4]), "vxlan");
	assert_memory_equal(gw_nl_data(tb[5]), "\x0a\x01\x01\x14", 4);
	assert_memory_equal(gw_nl_data(tb[6]), v6.b, 16);
	assert_true(tb[7]->nla_type & NLA_F_NESTED);
	assert_int_equal(gw_nl_parse_nested(tb[7], policy, 8, in), 0);
	assert_int_equal(gw_nl_u8(in[1]), 9);
	assert_null(in[2]);
}

/* --- policy --- */

static void test_policy_rows(void **state)
{
	static const struct {
		struct gw_nl_policy policy;
		uint8_t bytes[12]; /* one attribute of type 1 and what follows; little endian */
		size_t n;
		int rc;
	} rows[] = {
		{{GW_NL_U8, 0, 0}, {5, 0, 1, 0, 1}, 5, 0}, /* the last one may come unpadded */
		{{GW_NL_U8, 0, 0}, {5, 0, 1, 0, 1, 0, 0, 0}, 8, 0},
		{{GW_NL_U8, 0, 0}, {4, 0, 1, 0}, 4, -EBADMSG},
		{{GW_NL_U8, 0, 0}, {6, 0, 1, 0, 1, 1, 0, 0}, 8, -EBADMSG},
		{{GW_NL_U16, 0, 0}, {6, 0, 1, 0, 1, 1, 0, 0}, 8, 0},
		{{GW_NL_U16, 0, 0}, {8, 0, 1, 0, 1, 1, 1, 1}, 8, -EBADMSG},
		{{GW_NL_U32, 0, 0}, {8, 0, 1, 0, 1, 1, 1, 1}, 8, 0},
		{{GW_NL_U32, 0, 0}, {7, 0, 1, 0, 1, 1, 1, 1}, 8, -EBADMSG},
		{{GW_NL_STRING, 1, 4}, {8, 0, 1, 0, 'a', 'b', 'c', 0}, 8, 0},
		{{GW_NL_STRING, 1, 3}, {8, 0, 1, 0, 'a', 'b', 'c', 0}, 8, -EBADMSG},   /* too long */
		{{GW_NL_STRING, 1, 0}, {8, 0, 1, 0, 'a', 'b', 'c', 'd'}, 8, -EBADMSG}, /* no end */
		{{GW_NL_STRING, 2, 0}, {5, 0, 1, 0, 0, 0, 0, 0}, 8, -EBADMSG},	       /* empty */
		{{GW_NL_STRING, 1, 0}, {4, 0, 1, 0}, 4, -EBADMSG},
		{{GW_NL_BINARY, 2, 3}, {5, 0, 1, 0, 1, 0, 0, 0}, 8, -EBADMSG},
		{{GW_NL_BINARY, 2, 3}, {7, 0, 1, 0, 1, 1, 1, 0}, 8, 0},
		{{GW_NL_BINARY, 2, 3}, {8, 0, 1, 0, 1, 1, 1, 1}, 8, -EBADMSG},
		{{GW_NL_NESTED, 0, 0}, {4, 0, 1, 0}, 4, 0},
		{{GW_NL_NESTED, 0, 0}, {6, 0, 1, 0, 1, 1, 0, 0}, 8, -EBADMSG},
		{{GW_NL_PRESENT, 0, 0}, {6, 0, 1, 0, 1, 1, 0, 0}, 8, 0},
		{{GW_NL_U8, 0, 0}, {5, 0, 1, 0x80, 1, 0, 0, 0}, 8, 0},	   /* flag bits are no part of the type */
		{{GW_NL_U8, 0, 0}, {3, 0, 1, 0}, 4, -EBADMSG},		   /* shorter than its own header */
		{{GW_NL_U8, 0, 0}, {0, 0, 0, 0}, 4, -EBADMSG},		   /* would never end */
		{{GW_NL_U8, 0, 0}, {9, 0, 1, 0, 1, 0, 0, 0}, 8, -EBADMSG}, /* longer than what is there */
		{{GW_NL_U8, 0, 0}, {0xff, 0xff, 1, 0, 1, 0, 0, 0}, 8, -EBADMSG},
		{{GW_NL_U8, 0, 0}, {5, 0, 1, 0, 1, 0, 0, 0, 4, 0}, 10, -EBADMSG}, /* half a header at the end */
		{{GW_NL_U8, 0, 0}, {8, 0, 99, 0, 1, 1, 1, 1}, 8, 0},		  /* of a type that nobody asked for */
		{{GW_NL_U8, 0, 0}, {0}, 0, 0},
	};
	const struct nlattr *tb[2];

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		const struct gw_nl_policy policy[2] = {[1] = rows[i].policy};
		/* Exactly as long as the input, so that the sanitizer sees a read behind its end. */
		uint8_t *copy = malloc(rows[i].n ? rows[i].n : 1);
		int rc;

		memcpy(copy, rows[i].bytes, rows[i].n);
		rc = gw_nl_parse(copy, rows[i].n, policy, 2, tb);
		check(rc == rows[i].rc, "row %zu: %d", i, rc);
		free(copy);
	}
}

/* --- parsers --- */

static void make_link(struct gw_nl_msg *m)
{
	struct ifinfomsg *ifi = gw_nl_msg_begin(m, RTM_NEWLINK, 0, sizeof *ifi);
	size_t nest;

	ifi->ifi_index = 7;
	ifi->ifi_flags = IFF_UP | 0x10000; /* IFF_LOWER_UP */
	gw_nl_put_str(m, IFLA_IFNAME, "eth1");
	gw_nl_put_u32(m, IFLA_MTU, 1500);
	gw_nl_put(m, IFLA_ADDRESS, "\x00\x15\x5d\x01\x14\x04", 6);
	gw_nl_put_u32(m, IFLA_LINK_NETNSID, 3);
	nest = gw_nl_nest_begin(m, IFLA_LINKINFO);
	gw_nl_put_str(m, IFLA_INFO_KIND, "veth");
	gw_nl_nest_end(m, nest);
}

static void make_addr(struct gw_nl_msg *m, int family, uint8_t prefix_len, const void *local, size_t n)
{
	struct ifaddrmsg *ifa = gw_nl_msg_begin(m, RTM_NEWADDR, 0, sizeof *ifa);

	ifa->ifa_family = (uint8_t)family;
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_index = 7;
	gw_nl_put(m, IFA_LOCAL, local, n);
	gw_nl_put_u8(m, IFA_PROTO, GW_NL_PROTO);
}

static struct rtmsg *make_route(struct gw_nl_msg *m, uint8_t dst_len)
{
	struct rtmsg *rtm = gw_nl_msg_begin(m, RTM_NEWROUTE, 0, sizeof *rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = dst_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_protocol = GW_NL_PROTO;
	return rtm;
}

static void put_leg(struct gw_nl_msg *m, int ifindex, const struct gw_addr *hop)
{
	struct rtnexthop leg = {.rtnh_len = sizeof leg + 8, .rtnh_ifindex = ifindex};
	struct nlattr head = {.nla_len = 8, .nla_type = RTA_GATEWAY};

	memcpy(m->buf + m->h.nlmsg_len, &leg, sizeof leg);
	memcpy(m->buf + m->h.nlmsg_len + sizeof leg, &head, sizeof head);
	memcpy(m->buf + m->h.nlmsg_len + sizeof leg + sizeof head, hop->b + 12, 4);
	m->h.nlmsg_len += sizeof leg + 8;
}

static void make_multipath(struct gw_nl_msg *m)
{
	struct gw_addr dst = addr("10.2.0.0"), hop1 = addr("10.1.1.1"), hop2 = addr("10.1.1.2");
	size_t nest;

	make_route(m, 16);
	gw_nl_put_addr(m, RTA_DST, &dst);
	nest = gw_nl_nest_begin(m, RTA_MULTIPATH);
	put_leg(m, 7, &hop1);
	put_leg(m, 8, &hop2);
	gw_nl_nest_end(m, nest);
}

static void test_link(void **state)
{
	struct gw_link l;
	struct gw_nl_msg m;

	(void)state;
	make_link(&m);
	assert_int_equal(gw_nl_parse_link(&m.h, &l), 1);
	assert_int_equal(l.ifindex, 7);
	assert_string_equal(l.name, "eth1");
	assert_string_equal(l.kind, "veth");
	assert_int_equal(l.mtu, 1500);
	assert_memory_equal(l.mac.b, "\x00\x15\x5d\x01\x14\x04", 6);
	assert_true(l.up && l.running && l.peer_elsewhere);

	/* A bridge tells of its ports with the same message types. */
	((struct ifinfomsg *)mnl_nlmsg_get_payload(&m.h))->ifi_family = AF_BRIDGE;
	assert_int_equal(gw_nl_parse_link(&m.h, &l), 0);

	make_link(&m);
	gw_nl_put_str(&m, IFLA_IFNAME, "a-name-of-more-than-15");
	assert_int_equal(gw_nl_parse_link(&m.h, &l), -EBADMSG);
	make_link(&m);
	((struct ifinfomsg *)mnl_nlmsg_get_payload(&m.h))->ifi_index = 0;
	assert_int_equal(gw_nl_parse_link(&m.h, &l), -EBADMSG);
	/* Not an Ethernet device: a MAC of zeroes. */
	make_link(&m);
	gw_nl_put(&m, IFLA_ADDRESS, "\x0a\x01\x01\x14", 4);
	assert_int_equal(gw_nl_parse_link(&m.h, &l), 1);
	assert_memory_equal(l.mac.b, "\0\0\0\0\0\0", 6);
}

static void test_addr(void **state)
{
	struct gw_addr v4 = addr("10.1.1.20"), v6 = addr("fd00::1"), mapped = v4;
	struct gw_nl_msg m;
	struct gw_nl_addr a;

	(void)state;
	make_addr(&m, AF_INET, 24, v4.b + 12, 4);
	gw_nl_put(&m, IFA_ADDRESS, "\x0a\x01\x01\x63", 4); /* the other end */
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), 1);
	assert_true(gw_addr_equal(&a.addr, &v4) && a.prefix_len == 24 && a.ifindex == 7 && a.ours);
	gw_nl_put_u8(&m, IFA_PROTO, 3);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), 1);
	assert_false(a.ours);
	make_addr(&m, AF_INET6, 128, v6.b, 16);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), 1);
	assert_true(gw_addr_equal(&a.addr, &v6) && a.prefix_len == 128);

	make_addr(&m, AF_INET6, 128, mapped.b, 16); /* would look like IPv4 */
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), 0);
	make_addr(&m, AF_MPLS, 20, v4.b + 12, 4);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), 0);
	make_addr(&m, AF_INET, 33, v4.b + 12, 4);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), -EBADMSG);
	make_addr(&m, AF_INET, 24, v6.b, 16);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), -EBADMSG);
	make_addr(&m, AF_INET6, 129, v6.b, 16);
	assert_int_equal(gw_nl_parse_addr(&m.h, &a), -EBADMSG);
}

static int legs_of(struct gw_nl_msg *m, struct gw_nl_items *items)
{
	items->n = 0;
	items->size = sizeof(struct gw_nl_route);
	return gw_nl_parse_route(&m->h, items);
}

static void test_route(void **state)
{
	struct gw_addr dst = addr("10.2.0.0"), hop = addr("10.1.1.1"), hop2 = addr("10.1.1.2"), hop6 = addr("fd00::9");
	struct gw_nl_items items = {0};
	const struct gw_nl_route *r;
	uint8_t via[18] = {AF_INET6 & 0xff, AF_INET6 >> 8};
	struct gw_nl_msg m;
	struct rtmsg *rtm;

	(void)state;
	make_route(&m, 16);
	gw_nl_put_addr(&m, RTA_DST, &dst);
	gw_nl_put_addr(&m, RTA_GATEWAY, &hop);
	gw_nl_put_u32(&m, RTA_OIF, 7);
	assert_int_equal(legs_of(&m, &items), 0);
	assert_int_equal(items.n, 1);
	r = items.v;
	assert_true(gw_addr_equal(&r->prefix.addr, &dst) && r->prefix.len == 16 && r->ifindex == 7 && r->ours);
	assert_true(gw_addr_equal(&r->next_hop, &hop));

	make_route(&m, 0); /* a default route without next hop */
	gw_nl_put_u32(&m, RTA_OIF, 7);
	assert_int_equal(legs_of(&m, &items), 0);
	r = items.v;
	assert_true(items.n == 1 && r->prefix.len == 0 && gw_addr_is_v4(&r->prefix.addr) &&
		    gw_addr_is_any(&r->next_hop));

	make_multipath(&m);
	assert_int_equal(legs_of(&m, &items), 0);
	assert_int_equal(items.n, 2);
	r = items.v;
	assert_true(r[0].ifindex == 7 && gw_addr_equal(&r[0].next_hop, &hop));
	assert_true(r[1].ifindex == 8 && gw_addr_equal(&r[1].next_hop, &hop2));

	make_route(&m, 0);
	memcpy(via + 2, hop6.b, 16);
	gw_nl_put(&m, RTA_VIA, via, sizeof via);
	assert_int_equal(legs_of(&m, &items), 0);
	r = items.v;
	assert_true(items.n == 1 && gw_addr_equal(&r->next_hop, &hop6));

	rtm = make_route(&m, 0);
	rtm->rtm_type = RTN_BLACKHOLE;
	assert_true(legs_of(&m, &items) == 0 && items.n == 0);
	rtm = make_route(&m, 0);
	rtm->rtm_flags = RTM_F_CLONED;
	assert_true(legs_of(&m, &items) == 0 && items.n == 0);
	make_route(&m, 0);
	gw_nl_put_u32(&m, RTA_TABLE, 100);
	assert_true(legs_of(&m, &items) == 0 && items.n == 0);
	make_route(&m, 33);
	assert_int_equal(legs_of(&m, &items), -EBADMSG);
	make_route(&m, 0);
	gw_nl_put_u32(&m, RTA_OIF, UINT32_MAX);
	assert_int_equal(legs_of(&m, &items), -EBADMSG);
	free(items.v);
}

/* What any parser makes of a message must be one of the three answers, with what it hands out in order. */
static void feed(const struct nlmsghdr *h)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_route)};
	char extack[GW_NL_EXTACK_SIZE];
	struct gw_nl_neigh n;
	struct gw_nl_addr a;
	struct gw_nl_conf c;
	struct gw_link l;
	int rc;

	memset(&l, POISON, sizeof l);
	rc = gw_nl_parse_link(h, &l);
	check(rc == 1 || rc == 0 || rc == -EBADMSG, "%d", rc);
	if (rc == 1)
		check(memchr(l.name, 0, sizeof l.name) && l.name[0] && memchr(l.kind, 0, sizeof l.kind) &&
			      l.ifindex > 0,
		      "link");
	else
		check(l.ifindex == POISON * 0x01010101, "output touched");
	rc = gw_nl_parse_addr(h, &a);
	check(rc == 1 || rc == 0 || rc == -EBADMSG, "%d", rc);
	if (rc == 1)
		check(a.ifindex > 0 && a.prefix_len <= (gw_addr_is_v4(&a.addr) ? 32 : 128), "address");
	rc = gw_nl_parse_neigh(h, &n);
	check(rc == 1 || rc == 0 || rc == -EBADMSG, "%d", rc);
	check(rc != 1 || n.ifindex > 0, "neighbour");
	rc = gw_nl_parse_conf(h, &c);
	check(rc == 1 || rc == 0 || rc == -EBADMSG, "%d", rc);
	rc = gw_nl_parse_route(h, &items);
	check(rc == 0 || rc == -EBADMSG, "%d", rc);
	free(items.v);
	rc = gw_nl_parse_result(h, extack);
	check(rc <= 0 && memchr(extack, 0, sizeof extack), "%d", rc);
}

/* Every truncation, with header lengths that tell the truth, and every byte at every value of a few. */
static void maltreat(const struct gw_nl_msg *m)
{
	static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xff};
	size_t full = m->h.nlmsg_len;

	for (size_t n = NLMSG_HDRLEN; n <= full; n++) {
		struct nlmsghdr *copy = malloc(n);

		memcpy(copy, m->buf, n);
		copy->nlmsg_len = (uint32_t)n;
		feed(copy);
		free(copy);
	}
	for (size_t i = NLMSG_HDRLEN; i < full; i++)
		for (size_t v = 0; v < sizeof values; v++) {
			struct nlmsghdr *copy = malloc(full);

			memcpy(copy, m->buf, full);
			((uint8_t *)copy)[i] = values[v];
			feed(copy);
			free(copy);
		}
}

/* --- neighbours and settings --- */

static void make_neigh(struct gw_nl_msg *m, uint16_t type, uint16_t state, uint8_t flags)
{
	struct ndmsg *nd = gw_nl_msg_begin(m, type, 0, sizeof *nd);
	struct gw_addr v4 = addr("10.1.1.20");

	nd->ndm_family = AF_INET;
	nd->ndm_ifindex = 7;
	nd->ndm_state = state;
	nd->ndm_flags = flags;
	gw_nl_put_addr(m, NDA_DST, &v4);
	gw_nl_put(m, NDA_LLADDR, "\2\1\2\3\4\5", 6);
	gw_nl_put_u8(m, NDA_PROTOCOL, GW_NL_PROTO);
}

static void test_neigh(void **state)
{
	struct gw_addr v4 = addr("10.1.1.20");
	struct gw_nl_neigh n;
	struct gw_nl_msg m;
	struct ndmsg *nd;

	(void)state;
	make_neigh(&m, RTM_NEWNEIGH, NUD_PERMANENT, 0);
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), 1);
	assert_true(gw_addr_equal(&n.addr, &v4) && n.ifindex == 7 && n.permanent && n.ours && !n.removed);
	assert_int_equal(n.mac.b[5], 5);
	make_neigh(&m, RTM_DELNEIGH, NUD_FAILED, 0);
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), 1);
	assert_true(n.removed && !n.permanent);
	make_neigh(&m, RTM_NEWNEIGH, NUD_PERMANENT, NTF_PROXY);
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), 0);
	make_neigh(&m, RTM_NEWLINK, NUD_PERMANENT, 0);
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), 0);
	nd = gw_nl_msg_begin(&m, RTM_NEWNEIGH, 0, sizeof *nd);
	nd->ndm_family = AF_BRIDGE;
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), 0);
	nd->ndm_family = AF_INET6; /* without an address */
	nd->ndm_ifindex = 1;
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), -EBADMSG);
	gw_nl_put_addr(&m, NDA_DST, &v4); /* of the other family */
	assert_int_equal(gw_nl_parse_neigh(&m.h, &n), -EBADMSG);
}

static void make_conf(struct gw_nl_msg *m, int ifindex)
{
	gw_nl_msg_begin(m, RTM_NEWNETCONF, 0, MNL_ALIGN(sizeof(struct netconfmsg)));
	gw_nl_put_u32(m, NETCONFA_IFINDEX, (uint32_t)ifindex);
}

static void test_conf(void **state)
{
	struct gw_nl_conf c;
	struct gw_nl_msg m;

	(void)state;
	make_conf(&m, NETCONFA_IFINDEX_ALL);
	assert_int_equal(gw_nl_parse_conf(&m.h, &c), 1);
	assert_true(c.ifindex < 0 && c.forwarding == -1 && c.rp_filter == -1);
	gw_nl_put_u32(&m, NETCONFA_FORWARDING, 0);
	gw_nl_put_u32(&m, NETCONFA_RP_FILTER, 2);
	assert_int_equal(gw_nl_parse_conf(&m.h, &c), 1);
	assert_true(c.forwarding == 0 && c.rp_filter == 1);
	m.h.nlmsg_type = RTM_DELNETCONF;
	assert_int_equal(gw_nl_parse_conf(&m.h, &c), 0);
	gw_nl_msg_begin(&m, RTM_NEWNETCONF, 0, MNL_ALIGN(sizeof(struct netconfmsg)));
	assert_int_equal(gw_nl_parse_conf(&m.h, &c), -EBADMSG);
	gw_nl_msg_begin(&m, RTM_NEWNETCONF, 0, 0);
	assert_int_equal(gw_nl_parse_conf(&m.h, &c), -EBADMSG);
}

static void test_maltreated(void **state)
{
	struct gw_addr v4 = addr("10.1.1.20");
	struct gw_nl_msg m;

	(void)state;
	make_link(&m);
	maltreat(&m);
	make_addr(&m, AF_INET, 24, v4.b + 12, 4);
	maltreat(&m);
	make_multipath(&m);
	maltreat(&m);
	make_neigh(&m, RTM_NEWNEIGH, NUD_PERMANENT, 0);
	maltreat(&m);
	make_conf(&m, 3);
	gw_nl_put_u32(&m, NETCONFA_FORWARDING, 1);
	maltreat(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builder_overflow_is_sticky),
		cmocka_unit_test(test_builder_writes),
		cmocka_unit_test(test_policy_rows),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_neigh),
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_maltreated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
