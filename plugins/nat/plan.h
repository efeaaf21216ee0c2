/*
 * plan.h - what a virtual gateway's NAT rules and public addresses come to, as elements of the maps that the ruleset looks things
 * up in (ruleset.h). Pure: no kernel, no clock. Called by plugin.c; nft.c brings the result into the kernel, flows.c asks it
 * which translations are still allowed.
 *
 * The ruleset itself is the same for everybody, so that the cost of a packet does not depend on how many rules there are: only
 * elements of maps differ. Rules for prefixes within each other are flattened into ranges that do not overlap.
 */
#ifndef GW_NAT_PLAN_H
#define GW_NAT_PLAN_H

#include "model/intent.h"

#include <stdio.h>

/*
 * The maps of one address family; A is an address, keys are ranges in each field.
 *   X(id, name, fields of the key, data)
 */
#define NAT_MAPS(X)                                                                                                    \
	X(OUT_BLOCK, "out-block", F_RANGE, D_PORTS)	 /* source: one address, and ports of it, of what has them */  \
	X(OUT_PORTS, "out-ports", F_ADDR_PROTO, D_PORTS) /* the same of one protocol */                                \
	X(OUT_ALL, "out-all", F_RANGE, D_ADDR)		 /* source: one address, whatever the protocol */              \
	X(OUT_ADDR, "out", F_ADDR_PROTO, D_ADDR)	 /* the same of some protocols */                              \
	X(OUT_ONE, "out-one", F_ADDR, D_ADDR)		 /* of one source, whatever the protocol */                    \
	X(GROUP, "group", F_ADDR_PROTO, D_GROUP)	 /* source: several, of which it has one for good */           \
	X(MEMBER_PORTS, "member-ports", F_MEMBER, D_PORTS) /* which is found here by a hash of the source */           \
	X(MEMBER_ADDR, "member", F_MEMBER, D_ADDR)                                                                     \
	X(IN_PORT, "in-port", F_PLACE, D_ADDR_PORT)	   /* destination: one port, perhaps another inside */         \
	X(IN_RANGE, "in-range", F_PORT_ADDR_PROTO, D_ADDR) /* destination: the same ports */                           \
	X(IN_ALL, "in-all", F_ADDR, D_ADDR)		   /* destination: everything else that comes there */         \
	X(SOURCE, "public", F_RANGE, D_NONE)		   /* what may be the source of a packet to the outside */     \
	X(ROUTED, "routed", F_RANGE, D_NONE)		   /* what is let in from outside as it is */                  \
	X(IDLE_OUT, "idle-out", F_ADDR_PROTO, D_IDLE)	   /* source: a time of its own until it is forgotten */       \
	X(IDLE_IN, "idle-in", F_PORT_ADDR_PROTO, D_IDLE)                                                               \
	X(IDLE_ALL, "idle-all", F_ADDR_PROTO, D_IDLE)

enum nat_map {
#define X(id, name, fields, data) NAT_MAP_##id,
	NAT_MAPS(X)
#undef X
		NAT_MAP_MAX
};

/*
 * What tells elements apart best comes first: for each element that fits so far the kernel has work to do, at every packet that
 * asks and at every element that is added. F_PLACE and F_ADDR have no ranges: they are hash tables, and cost the same however much is
 * in them. F_RANGE is ranges of addresses and nothing else. Ranges in several fields cost some 80 KiB as soon as there is one, so what
 * a usual tenant has is in none of these.
 */
enum nat_fields { F_PLACE, F_ADDR, F_RANGE, F_ADDR_PROTO, F_PORT_ADDR_PROTO, F_MEMBER };
/* How the kernel keeps a map: by keys, by borders of ranges, or field by field. */
enum nat_kind { NAT_HASH, NAT_TREE, NAT_FIELDS };
enum nat_data { D_NONE, D_ADDR, D_ADDR_PORT, D_PORTS, D_GROUP, D_IDLE };

#define NAT_FAMILIES   2 /* 0: IPv4, 1: IPv6 */
#define NAT_KEY_MAX    24
#define NAT_DATA_MAX   40
#define NAT_SLOTS      65536 /* hashes of sources, divided between the members of a group */
#define NAT_GROUP_MAX  1024  /* members */
#define NAT_SHIFTS_MAX 65536 /* ports of a virtual gateway that become other ports inside: an element each */

/* Each field takes a multiple of 4 bytes, in network order, as the kernel's registers do. */
struct nat_elem {
	uint8_t family, map;
	uint8_t key_len, data_len;
	uint8_t key[NAT_KEY_MAX], key_end[NAT_KEY_MAX];
	uint8_t data[NAT_DATA_MAX];
	uint16_t idle;	    /* D_IDLE: minutes */
	uint8_t idle_proto; /* of them: IPPROTO_TCP or IPPROTO_UDP */
	uint64_t rule;	    /* nat_rule_hash of the rule that it is of; 0: of none */
};

/* Of each family and map one. */
#define NAT_MAP_BIT(family, map) (UINT32_C(1) << ((family)*NAT_MAP_MAX + (map)))
_Static_assert(NAT_FAMILIES *NAT_MAP_MAX <= 32, "bits of maps");

struct nat_plan {
	struct gw_uuid rdid;
	uint32_t vsid;		/* 0: no virtual gateway */
	struct nat_elem *elems; /* by family, map and key, each once */
	size_t n_elems;
	struct gw_nat_rule *rules; /* by type, address, protocol, port, customer */
	size_t n_rules;
	uint32_t *
		reach; /* of each rule: the highest port that it, or one before it for the same address and protocol, has */
	struct gw_public *publics; /* by address and port; by_place means nothing */
	size_t n_publics;
	size_t passed_over; /* inbound rules that another one has taken the ports of */
};

/* The plan of a routing domain; without a virtual gateway an empty one. -ENOMEM. */
int nat_plan_make(const struct gw_intent *in, const struct gw_uuid *rdid, struct nat_plan *ret);
void nat_plan_done(struct nat_plan *p);
/* That rule, as the plan has it; NULL: it has none with that key. */
const struct gw_nat_rule *nat_plan_rule(const struct nat_plan *p, const struct gw_nat_rule *r);
/* Which maps have elements, as NAT_MAP_BIT. */
uint32_t nat_plan_maps(const struct nat_plan *p);
/*
 * With how many bytes all addresses begin alike that inbound rules are for, as a power of two, and with which; 0: with none, or there
 * are no such rules.
 */
uint8_t nat_plan_near(const struct nat_plan *p, unsigned family, uint8_t ret[static 16]);
/* The same on every start of the daemon. */
uint64_t nat_rule_hash(const struct gw_nat_rule *r);
int nat_elem_cmp(const struct nat_elem *a, const struct nat_elem *b);	/* family, map, key */
bool nat_elem_same(const struct nat_elem *a, const struct nat_elem *b); /* what the key leads to */
/* Where a range of addresses ends in a tree: the key behind its last one. False: there is none, it is open. */
bool nat_elem_border(const struct nat_elem *e, uint8_t ret[static NAT_KEY_MAX]);
/* As a line of text, for tests and for the log. */
void nat_elem_print(const struct nat_elem *e, FILE *f);

/* What another rule or public address says against this one; 0, or 409 or 400. For check. */
int nat_check_rule(const struct nat_plan *p, const struct gw_nat_rule *r, struct gw_error *err);
int nat_check_limits(const struct nat_plan *p, struct gw_error *err);

/* The field lengths of a map's key in bytes, as many as returned; *ret_data the length of what it leads to. */
size_t nat_map_layout(unsigned family, enum nat_map map, uint8_t ret_fields[static 3], uint8_t *ret_data);
const char *nat_map_name(enum nat_map map);
enum nat_data nat_map_data(enum nat_map map);
enum nat_kind nat_map_kind(enum nat_map map);
bool nat_map_counts(enum nat_map map); /* its elements count connections */

#endif
