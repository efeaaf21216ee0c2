/* wire.h - nfnetlink requests, answers and transactions: what nft.c and flows.c speak with. */
#ifndef GW_NAT_WIRE_H
#define GW_NAT_WIRE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#define NAT_MESSAGE_MAX (96 << 10) /* of the largest one that is written */

/* Messages one behind the other, between a beginning and an end. */
struct nat_batch {
	char *buf;
	size_t len, cap, n;
	size_t last; /* where the last message begins: the one that is answered if all went well */
	uint32_t seq;
	bool bad; /* no memory, for good */
};

void nat_batch_begin(struct nat_batch *b);
/* Room for one message with its header; NULL when there is none. nat_batch_put takes in what was written. */
struct nlmsghdr *nat_batch_message(struct nat_batch *b, uint16_t type, uint16_t flags);
void nat_batch_put(struct nat_batch *b, const struct nlmsghdr *h);
/* Sends it: all of it is done, or nothing. Frees it. */
int nat_batch_commit(struct nat_batch *b, struct mnl_socket *s, struct gw_error *err);
void nat_batch_drop(struct nat_batch *b);

/* One request and all of its answer. 0 or the kernel's errno, negative. -EINTR: what was dumped has changed meanwhile. */
int nat_ask(struct mnl_socket *s, struct nlmsghdr *h, mnl_cb_t cb, void *ctx);
int nat_fail(struct gw_error *err, int rc, const char *what);

#endif
