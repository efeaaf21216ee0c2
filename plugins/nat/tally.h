/*
 * tally.h - what the NAT rules of a virtual gateway have counted, summed up by the place outside that they are at: an address, its
 * port or block of ports, direction and protocol. A rule for a pool of hosts is as many rules here, but one place. Called by look.c
 * and plugin.c.
 */
#ifndef GW_NAT_TALLY_H
#define GW_NAT_TALLY_H

#include "nat/plan.h"

struct nat_gateway;

struct nat_place {
	struct gw_addr address;
	uint16_t port;
	uint8_t type, protocol; /* as those of struct gw_nat_rule */
	uint64_t connections;	/* more than none */
};

struct nat_places {
	struct nat_place *v;
	size_t n;
};

/* By address and port, then type and protocol, each once. -ENOMEM. */
int nat_places_make(const struct gw_nat_rule *rules, const uint64_t *connections, size_t n, struct nat_places *ret);
void nat_places_done(struct nat_places *p);
/* The first that is at this address and port or behind it. */
size_t nat_places_from(const struct nat_places *p, const struct gw_addr *a, uint16_t port);

/*
 * What was counted, without waiting for it: not older than a second where there is little to read, else as it was read last, and a
 * thread reads it anew. NULL: nothing is known yet.
 */
const struct nat_places *nat_gateway_tally(struct nat_gateway *g);
/* The virtual gateway goes, or its rules are others. */
void nat_tally_leave(struct nat_gateway *g);

#endif
