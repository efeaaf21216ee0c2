/*
 * fuzz_nl_parse.c - any bytes as a datagram from the kernel: every message in it into every parser, and the
 * whole as an answer to a request. Nothing is read outside it, and what is handed out is in order.
 */
#include "fuzz.h"

#include "nl/internal.h"

#include <errno.h>

static bool prefix_ok(const struct gw_addr *a, uint8_t len)
{
	return len <= (gw_addr_is_v4(a) ? 32 : 128);
}

static int feed(void *ctx, const struct nlmsghdr *h)
{
	struct gw_nl_items items = {.size = sizeof(struct gw_nl_route)};
	const struct gw_nl_route *routes;
	struct gw_nl_neigh neigh;
	struct gw_nl_addr addr;
	struct gw_nl_conf conf;
	struct gw_link link;
	int rc;

	(void)ctx;
	rc = gw_nl_parse_link(h, &link);
	require(rc == 1 || rc == 0 || rc == -EBADMSG);
	if (rc == 1) {
		require(link.ifindex > 0 && link.name[0]);
		require(memchr(link.name, 0, sizeof link.name) && memchr(link.kind, 0, sizeof link.kind));
		require(memchr(link.alias, 0, sizeof link.alias) && link.peer >= 0);
	}
	rc = gw_nl_parse_addr(h, &addr);
	require(rc == 1 || rc == 0 || rc == -EBADMSG);
	require(rc != 1 || (addr.ifindex > 0 && prefix_ok(&addr.addr, addr.prefix_len)));
	rc = gw_nl_parse_neigh(h, &neigh);
	require(rc == 1 || rc == 0 || rc == -EBADMSG);
	require(rc != 1 || neigh.ifindex > 0);
	rc = gw_nl_parse_conf(h, &conf);
	require(rc == 1 || rc == 0 || rc == -EBADMSG);
	require(rc != 1 || (conf.forwarding >= -1 && conf.forwarding <= 1));
	rc = gw_nl_parse_route(h, &items);
	require(rc == 0 || rc == -EBADMSG);
	routes = items.v;
	for (size_t i = 0; i < items.n; i++) {
		struct gw_addr masked = gw_prefix_mask(&routes[i].prefix.addr, routes[i].prefix.len);

		require(routes[i].ifindex >= 0 && prefix_ok(&masked, routes[i].prefix.len));
		require(gw_addr_equal(&masked, &routes[i].prefix.addr));
	}
	free(items.v);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char extack[GW_NL_EXTACK_SIZE] = "";
	struct gw_nl_answer an = {.cb = feed, .extack = extack};
	void *copy;

	if (size < NLMSG_HDRLEN)
		return 0;
	/* Aligned as a receive buffer is, and with nothing behind its end. */
	copy = malloc(size);
	require(copy);
	memcpy(copy, data, size);
	an.seq = ((const struct nlmsghdr *)copy)->nlmsg_seq;
	gw_nl_answer_take(&an, copy, size);
	require(an.rc <= 0 && memchr(extack, 0, sizeof extack));
	require(!an.broken || (an.done && an.rc == -EBADMSG));
	free(copy);
	return 0;
}
