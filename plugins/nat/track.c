/* track.c - see track.h. */
#include "nat/track.h"

#include "netns/netns.h"
#include "nl/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

static uint16_t be16_of(const struct nlattr *a)
{
	uint16_t v = 0;

	if (a)
		memcpy(&v, gw_nl_data(a), sizeof v);
	return ntohs(v);
}

static int parse_tuple(const struct nlattr *nest, struct nat_tuple *ret)
{
	static const struct gw_nl_policy outer[CTA_TUPLE_MAX + 1] = {
		[CTA_TUPLE_IP] = {GW_NL_NESTED, 0, 0}, [CTA_TUPLE_PROTO] = {GW_NL_NESTED, 0, 0}};
	static const struct gw_nl_policy ip[CTA_IP_MAX + 1] = {
		[CTA_IP_V4_SRC] = {GW_NL_BINARY, 4, 4},
		[CTA_IP_V4_DST] = {GW_NL_BINARY, 4, 4},
		[CTA_IP_V6_SRC] = {GW_NL_BINARY, 16, 16},
		[CTA_IP_V6_DST] = {GW_NL_BINARY, 16, 16},
	};
	static const struct gw_nl_policy proto[CTA_PROTO_MAX + 1] = {
		[CTA_PROTO_NUM] = {GW_NL_U8, 0, 0},	      [CTA_PROTO_SRC_PORT] = {GW_NL_BINARY, 2, 2},
		[CTA_PROTO_DST_PORT] = {GW_NL_BINARY, 2, 2},  [CTA_PROTO_ICMP_ID] = {GW_NL_BINARY, 2, 2},
		[CTA_PROTO_ICMPV6_ID] = {GW_NL_BINARY, 2, 2},
	};
	const struct nlattr *tb[CTA_TUPLE_MAX + 1], *a[CTA_IP_MAX + 1], *p[CTA_PROTO_MAX + 1], *id;
	int family;

	if (!nest || gw_nl_parse_nested(nest, outer, CTA_TUPLE_MAX + 1, tb) < 0 || !tb[CTA_TUPLE_IP] ||
	    !tb[CTA_TUPLE_PROTO] || gw_nl_parse_nested(tb[CTA_TUPLE_IP], ip, CTA_IP_MAX + 1, a) < 0 ||
	    gw_nl_parse_nested(tb[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX + 1, p) < 0)
		return -EBADMSG;
	family = a[CTA_IP_V4_SRC] ? AF_INET : AF_INET6;
	if (!a[family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC] ||
	    !a[family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST] ||
	    gw_nl_addr(a[family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC], family, &ret->src) != 1 ||
	    gw_nl_addr(a[family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST], family, &ret->dst) != 1)
		return -EBADMSG;
	id = p[CTA_PROTO_ICMP_ID] ? p[CTA_PROTO_ICMP_ID] : p[CTA_PROTO_ICMPV6_ID];
	ret->proto = gw_nl_u8(p[CTA_PROTO_NUM]);
	ret->sport = be16_of(id ? id : p[CTA_PROTO_SRC_PORT]);
	ret->dport = be16_of(id ? id : p[CTA_PROTO_DST_PORT]);
	return 0;
}

int nat_flow_parse(const struct nlmsghdr *h, struct nat_flow *ret)
{
	static const struct gw_nl_policy policy[CTA_MAX + 1] = {
		[CTA_TUPLE_ORIG] = {GW_NL_NESTED, 0, 0},
		[CTA_TUPLE_REPLY] = {GW_NL_NESTED, 0, 0},
		[CTA_STATUS] = {GW_NL_BINARY, 4, 4},
		[CTA_ID] = {GW_NL_BINARY, 4, 4},
	};
	const struct nlattr *tb[CTA_MAX + 1];
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const size_t head = NLMSG_ALIGN(sizeof *g);

	if (mnl_nlmsg_get_payload_len(h) < head ||
	    gw_nl_parse((const char *)g + head, mnl_nlmsg_get_payload_len(h) - head, policy, CTA_MAX + 1, tb) < 0 ||
	    parse_tuple(tb[CTA_TUPLE_ORIG], &ret->orig) < 0 || parse_tuple(tb[CTA_TUPLE_REPLY], &ret->reply) < 0 ||
	    gw_nl_len(tb[CTA_TUPLE_ORIG]) > NAT_TUPLE_MAX)
		return -EBADMSG;
	ret->family = g->nfgen_family;
	ret->raw_len = (uint8_t)gw_nl_len(tb[CTA_TUPLE_ORIG]);
	memcpy(ret->raw, gw_nl_data(tb[CTA_TUPLE_ORIG]), ret->raw_len);
	ret->status = 0;
	ret->id = 0;
	if (tb[CTA_STATUS]) {
		memcpy(&ret->status, gw_nl_data(tb[CTA_STATUS]), 4);
		ret->status = ntohl(ret->status);
	}
	if (tb[CTA_ID])
		memcpy(&ret->id, gw_nl_data(tb[CTA_ID]), 4);
	return 0;
}

struct nlmsghdr *nat_flow_request(char *buf, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	return h;
}

/* Runs in the namespace. */
static int open_socket(void *arg)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int r;

	if (!s)
		return -errno;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		mnl_socket_close(s);
		return r;
	}
	*(struct mnl_socket **)arg = s;
	return 0;
}

int nat_flow_socket(int ns_fd, struct mnl_socket **ret)
{
	return gw_netns_run(ns_fd, open_socket, ret);
}
