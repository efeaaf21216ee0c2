/*
 * ruleset.h - the table of a virtual gateway's namespace: chains and rules that are the same for everybody but for a few numbers
 * and for maps that are empty, and the maps that they look things up in. Called by nft.c. What the rules do is told by nat.md.
 */
#ifndef GW_NAT_RULESET_H
#define GW_NAT_RULESET_H

#include "nat/plan.h"

#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#define NAT_TABLE "gwd-nat"

/* Named counters. X(id, name, what it counts) */
#define NAT_COUNTERS(X)                                                                                                \
	X(INVALID, "invalid", "of no connection, or not fit for it")                                                   \
	X(NO_RULE, "no-rule", "from outside, without a rule for it")                                                   \
	X(PRIVATE, "private", "to the outside, without a public source")                                               \
	X(RATE, "rate", "of new connections, over the limit of a second")                                              \
	X(FULL, "full", "of new connections, over the limit of all")                                                   \
	X(RATE_IN, "rate-in", "of new connections from outside, over the limit of a second")                           \
	X(FULL_IN, "full-in", "of new connections from outside, over their half of the limit of all")                  \
	X(SPOOFED, "spoofed", "from outside, with a source of the inside or of the virtual gateway itself")

enum nat_counter {
#define X(id, name, what) NAT_COUNT_##id,
	NAT_COUNTERS(X)
#undef X
		NAT_COUNTERS_MAX
};

struct nat_params {
	bool clamp;
	unsigned idle_minutes; /* of TCP, where no rule says */
	unsigned new_rate;
	uint32_t maps; /* that have elements (nat_plan_maps): no rule asks the others */
	struct {
		uint8_t n, bytes[16]; /* nat_plan_near */
	} near[NAT_FAMILIES];
};

extern const char *const nat_counter_names[NAT_COUNTERS_MAX], *const nat_counter_meanings[NAT_COUNTERS_MAX];

/* Of the rules and all that they are made of: kept with each rule, so that another ruleset is told from this one. */
uint64_t nat_ruleset_mark(const struct nat_params *p);

/* Each in the order in which it must be made. NULL: no memory. */
#define NAT_CHAINS 15
struct nftnl_chain *nat_ruleset_chain(size_t i);
bool nat_ruleset_chain_fits(const struct nftnl_chain *c); /* one of them, as we made it */
struct nftnl_set *nat_ruleset_set(unsigned family, enum nat_map map);
struct nftnl_obj *nat_ruleset_counter(enum nat_counter c, uint64_t packets, uint64_t bytes);
/* An object that counts nothing: it is there while connections of rules that have gone may still be there. */
#define NAT_UNSWEPT "unswept"
const char *nat_idle_name(unsigned family, uint8_t proto, uint16_t minutes, char buf[static 24]);
const char *nat_set_name(unsigned family, enum nat_map map, char buf[static 24]);
/*
 * Calls `each`, which takes it over, for every rule; -ENOMEM or what it returned. `full`: NAT_FULL_*, each of which is one rule more
 * than there are by nat_ruleset_n_rules.
 */
int nat_ruleset_rules(const struct nat_params *p, unsigned full, int (*each)(void *ctx, struct nftnl_rule *r),
		      void *ctx);
size_t nat_ruleset_n_rules(const struct nat_params *p);
/*
 * New connections that there are too many for, as bits: of those from outside sooner than of the network's own, which nobody
 * outside shall be able to prevent. Each has a rule that drops while it is so, in a chain that is written anew for it.
 */
enum { NAT_FULL = 1, NAT_FULL_IN = 2, NAT_FULL_BITS = 2 };
extern const char *const nat_full_chains[NAT_FULL_BITS]; /* by the number of the bit */
bool nat_ruleset_is_full(const void *mark,
			 uint32_t len); /* whether what is kept with a rule says that it is such a one */

#endif
