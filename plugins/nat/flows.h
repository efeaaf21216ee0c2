/*
 * flows.h - the connections that the kernel tracks in a virtual gateway's namespace: how many there are, how full a block of ports
 * is, and the end of those whose rule is gone. Called by gateway.c.
 */
#ifndef GW_NAT_FLOWS_H
#define GW_NAT_FLOWS_H

#include "nat/nft.h"

struct uv_loop_s;

int nat_flows_count(struct mnl_socket *s, uint32_t *ret);
/*
 * Ends the connections that one of the plans before (nat_sweep_was; NULL: anything) allowed to translate as they do, and the
 * present one does not. All others go on, those that an older but still present rule began among them. There may be very many:
 * it is done in steps, and what is in a plan's place may change between them.
 */
struct nat_sweep;
int nat_sweep_new(int ns_fd, struct nat_sweep **ret);
struct nat_sweep *nat_sweep_free(struct nat_sweep *s);
/* `now` must stay until another is named. */
int nat_sweep_now(struct nat_sweep *s, const struct nat_plan *now);
/* Takes `was` over; all connections are looked at again. */
int nat_sweep_was(struct nat_sweep *s, struct nat_plan *was);
/* Until uv_hrtime() is `until`. 1: there is more to do; 0: all is done; else it has failed in part, and can be begun anew. */
int nat_sweep_step(struct nat_sweep *s, uint64_t until, size_t *ret_ended);

/* Of a block of ports, the most that connections to one place outside have taken: what is full is full towards there. */
struct nat_fill_found {
	const struct gw_public *block; /* the fullest, for the time of the call; NULL: there is no block in use */
	uint32_t used;
};
/*
 * Has a thread look; `cb` is called on the loop, unless the caller has left before. `gone(arg)` is called in any case, when the loop
 * has nothing to do with it any more. NULL: it could not begin, and nothing is called.
 */
struct nat_fill;
typedef void (*nat_fill_cb)(void *ctx, int r, const struct nat_fill_found *found);
struct nat_fill *nat_fill_begin(struct uv_loop_s *loop, int ns_fd, const struct nat_plan *plan, nat_fill_cb cb,
				void *ctx, void (*gone)(void *arg), void *arg);
struct nat_fill *nat_fill_leave(struct nat_fill *f); /* NULL is allowed, and returned */

#endif
