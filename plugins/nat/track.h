/* track.h - one connection as ctnetlink tells of it, and requests to it. Called by flows.c and fill.c. */
#ifndef GW_NAT_TRACK_H
#define GW_NAT_TRACK_H

#include "base/addr.h"

#include <libmnl/libmnl.h>

#define NAT_TUPLE_MAX 96 /* bytes of one as the kernel writes it: addresses, protocol, ports */

struct nat_tuple {
	struct gw_addr src, dst;
	uint8_t proto;
	uint16_t sport, dport; /* or the identifier of an echo, in both */
};

struct nat_flow {
	struct nat_tuple orig, reply;
	uint32_t status;
	uint32_t id; /* as on the wire */
	uint8_t family;
	uint8_t raw_len;
	uint8_t raw[NAT_TUPLE_MAX]; /* the original tuple, to name it by */
};

int nat_flow_parse(const struct nlmsghdr *h, struct nat_flow *ret);
/* Begins one in `buf`, which has room for what follows. */
struct nlmsghdr *nat_flow_request(char *buf, uint16_t type, uint16_t flags, uint8_t family);
/* A socket of its own in that namespace, for what lasts. */
int nat_flow_socket(int ns_fd, struct mnl_socket **ret);

#endif
