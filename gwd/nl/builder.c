/*
 * builder.c - netlink messages, written by link.c, inet.c and route.c, sent by nl.c. See builder.h.
 *
 * The buffer is zeroed first, so that padding never carries old stack contents to the kernel.
 */
#include "nl/builder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

_Static_assert(GW_NL_MSG_SIZE <= UINT16_MAX, "a nest's length must fit nla_len");

void *gw_nl_msg_begin(struct gw_nl_msg *m, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *h;

	memset(m, 0, sizeof *m);
	h = mnl_nlmsg_put_header(m->buf);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(h, size);
}

void gw_nl_put(struct gw_nl_msg *m, uint16_t type, const void *data, size_t n)
{
	if (m->error < 0)
		return;
	if (n > sizeof m->buf || !mnl_attr_put_check(&m->h, sizeof m->buf, type, n, data))
		m->error = -EMSGSIZE;
}

void gw_nl_put_zeroes(struct gw_nl_msg *m, size_t n)
{
	if (m->error < 0)
		return;
	if (m->h.nlmsg_len + MNL_ALIGN(n) > sizeof m->buf)
		m->error = -EMSGSIZE;
	else
		mnl_nlmsg_put_extra_header(&m->h, n);
}

void gw_nl_put_u8(struct gw_nl_msg *m, uint16_t type, uint8_t v)
{
	gw_nl_put(m, type, &v, sizeof v);
}

void gw_nl_put_u32(struct gw_nl_msg *m, uint16_t type, uint32_t v)
{
	gw_nl_put(m, type, &v, sizeof v);
}

void gw_nl_put_be16(struct gw_nl_msg *m, uint16_t type, uint16_t host_order)
{
	uint16_t v = htons(host_order);

	gw_nl_put(m, type, &v, sizeof v);
}

void gw_nl_put_str(struct gw_nl_msg *m, uint16_t type, const char *s)
{
	gw_nl_put(m, type, s, strlen(s) + 1);
}

void gw_nl_put_addr(struct gw_nl_msg *m, uint16_t type, const struct gw_addr *a)
{
	if (gw_addr_is_v4(a))
		gw_nl_put(m, type, a->b + 12, 4);
	else
		gw_nl_put(m, type, a->b, 16);
}

size_t gw_nl_nest_begin(struct gw_nl_msg *m, uint16_t type)
{
	size_t at = m->h.nlmsg_len;

	gw_nl_put(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void gw_nl_nest_end(struct gw_nl_msg *m, size_t nest)
{
	struct nlattr *a = (struct nlattr *)(m->buf + nest);

	if (m->error < 0)
		return;
	a->nla_len = (uint16_t)(m->h.nlmsg_len - nest);
}
