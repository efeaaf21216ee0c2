/* private.h - between plan.c and outbound.c. */
#ifndef GW_NAT_PRIVATE_H
#define GW_NAT_PRIVATE_H

#include "nat/plan.h"

#include <string.h>

struct nat_builder {
	struct nat_plan *plan;
	size_t cap;
	bool oom;
};

static inline unsigned nat_family(const struct gw_addr *a)
{
	return gw_addr_is_v4(a) ? 0 : 1;
}

/* Puts an address where a field is; returns where the next one begins. */
static inline uint8_t *nat_put_addr(uint8_t *at, const struct gw_addr *a)
{
	size_t n = gw_addr_is_v4(a) ? 4 : 16;

	memcpy(at, a->b + 16 - n, n);
	return at + n;
}

static inline uint8_t *nat_put_port(uint8_t *at, unsigned port)
{
	at[0] = (uint8_t)(port >> 8);
	at[1] = (uint8_t)port;
	return at + 4;
}

static inline uint8_t *nat_put_u32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
	return at + 4;
}

/* A new element with its lengths set, or a scratch one when there is no memory. */
struct nat_elem *nat_new_elem(struct nat_builder *b, unsigned family, enum nat_map map);
/* Its key: a range of addresses; or that and one of protocols. */
void nat_key_range(struct nat_elem *e, const struct gw_addr *first, const struct gw_addr *last);
void nat_key(struct nat_elem *e, unsigned proto_first, unsigned proto_last, const struct gw_addr *first,
	     const struct gw_addr *last);
/* The elements of all outbound rules of a family, which stand together. */
int nat_outbound(struct nat_builder *b, const struct gw_nat_rule *rules, size_t n);

#endif
