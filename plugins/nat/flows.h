/*
 * flows.h - the connections that the kernel tracks in a virtual gateway's namespace: how many there are, how full a block of ports
 * is, and the end of those whose rule is gone. Called by plugin.c.
 */
#ifndef GW_NAT_FLOWS_H
#define GW_NAT_FLOWS_H

#include "nat/nft.h"

int nat_flows_count(struct mnl_socket *s, uint32_t *ret);
/*
 * Ends the connections that `was` (NULL: anything) allowed to translate as they do, and `now` does not. All others go on, those
 * that an older but still present rule began among them.
 */
int nat_flows_drop(struct mnl_socket *s, const struct nat_plan *was, const struct nat_plan *now, size_t *ret_dropped);

/* Of a block of ports, the most that connections to one place outside have taken: what is full is full towards there. */
struct nat_fill {
	const struct gw_public *block; /* of the plan; the fullest, NULL: there is no block in use */
	uint32_t used;
};
int nat_flows_fill(struct mnl_socket *s, const struct nat_plan *plan, struct nat_fill *ret);

#endif
