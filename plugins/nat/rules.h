/*
 * rules.h - the names by which rules.c, which builds the rules, and ruleset.c, which builds the chains that they are in, speak of
 * chains.
 */
#ifndef GW_NAT_RULES_H
#define GW_NAT_RULES_H

#include "nat/ruleset.h"

/* In the order in which they are made. */
enum nat_chain {
	PRE,
	POST,
	OUT,
	FORWARD,
	INPUT,
	ARRIVING,
	INBOUND6,
	IDLE4,
	IDLE6,
	FRESH,
	HAIRPIN,
	OUTBOUND6,
	ODD,
	INWARD,
	ADMIT_IN,
	NAT_CHAINS_MAX
};
_Static_assert(NAT_CHAINS_MAX == NAT_CHAINS, "count of chains");

const char *nat_chain_name(enum nat_chain c);

#endif
