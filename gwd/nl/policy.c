/*
 * policy.c - attribute parsing, for the parsers in link.c, inet.c and route.c and the extended ACK in nl.c.
 */
#include "nl/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool length_ok(const struct gw_nl_policy *p, size_t n)
{
	return n >= p->min && (!p->max || n <= p->max);
}

static bool payload_ok(const struct gw_nl_policy *p, const uint8_t *data, size_t n)
{
	const uint8_t *end;

	switch (p->type) {
	case GW_NL_U8:
		return n == 1;
	case GW_NL_U16:
		return n == 2;
	case GW_NL_U32:
		return n == 4;
	case GW_NL_STRING:
		end = memchr(data, 0, n);
		return end && length_ok(p, (size_t)(end - data) + 1);
	case GW_NL_BINARY:
		return length_ok(p, n);
	case GW_NL_NESTED:
		return n == 0 || n >= NLA_HDRLEN;
	case GW_NL_IGNORE:
	case GW_NL_PRESENT:
		return true;
	}
	return false;
}

const struct nlmsghdr *gw_nl_next_message(const void **datagram, size_t *left)
{
	const struct nlmsghdr *h = *datagram;
	size_t step;

	if (*left < NLMSG_HDRLEN || h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > *left)
		return NULL;
	/* The last message may come without its padding. */
	step = NLMSG_ALIGN((size_t)h->nlmsg_len);
	step = step < *left ? step : *left;
	*datagram = (const char *)*datagram + step;
	*left -= step;
	return h;
}

int gw_nl_parse(const void *data, size_t n, const struct gw_nl_policy *policy, size_t n_policy,
		const struct nlattr **ret_tb)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n_policy; i++)
		ret_tb[i] = NULL;
	while (n >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)p;
		size_t type = a->nla_type & NLA_TYPE_MASK, len = a->nla_len, step;

		if (len < NLA_HDRLEN || len > n)
			return -EBADMSG;
		if (type < n_policy && policy[type].type != GW_NL_IGNORE) {
			if (!payload_ok(&policy[type], p + NLA_HDRLEN, len - NLA_HDRLEN))
				return -EBADMSG;
			ret_tb[type] = a;
		}
		/* The last attribute may come without its padding. */
		step = NLA_ALIGN(len) < n ? NLA_ALIGN(len) : n;
		p += step;
		n -= step;
	}
	return n == 0 ? 0 : -EBADMSG;
}

int gw_nl_parse_nested(const struct nlattr *nest, const struct gw_nl_policy *policy, size_t n_policy,
		       const struct nlattr **ret_tb)
{
	return gw_nl_parse(gw_nl_data(nest), gw_nl_len(nest), policy, n_policy, ret_tb);
}

const void *gw_nl_data(const struct nlattr *a)
{
	return (const uint8_t *)a + NLA_HDRLEN;
}

size_t gw_nl_len(const struct nlattr *a)
{
	return a->nla_len - NLA_HDRLEN;
}

uint8_t gw_nl_u8(const struct nlattr *a)
{
	return a ? *(const uint8_t *)gw_nl_data(a) : 0;
}

uint32_t gw_nl_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a)
		memcpy(&v, gw_nl_data(a), sizeof v);
	return v;
}

int gw_nl_addr(const struct nlattr *a, int family, struct gw_addr *ret)
{
	size_t n = gw_nl_len(a);
	struct gw_addr v6;
	uint32_t v4;

	if (family == AF_INET && n == sizeof v4) {
		memcpy(&v4, gw_nl_data(a), sizeof v4);
		*ret = gw_addr_from_v4(ntohl(v4));
		return 1;
	}
	if (family == AF_INET6 && n == sizeof v6.b) {
		memcpy(v6.b, gw_nl_data(a), sizeof v6.b);
		if (gw_addr_is_v4(&v6))
			return 0;
		*ret = v6;
		return 1;
	}
	return -EBADMSG;
}
