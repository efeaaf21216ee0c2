/*
 * intent.h - all records of the node in memory, with the questions that drivers ask of them, and all-or-nothing changes.
 *
 * A change is a transaction: gw_intent_begin, any number of put/delete (each validated against what is there and against
 * the change so far), gw_intent_validate for what only the final state can tell (the limits on counts), then either
 * gw_intent_commit or gw_intent_rollback. Between begin and commit the intent already shows the new state; the delta lists old and new object
 * of every key that changed, once. Pure: no clock, no I/O, no kernel.
 */
#ifndef GW_MODEL_INTENT_H
#define GW_MODEL_INTENT_H

#include "base/error.h"
#include "model/hnv.h"

struct gw_intent_limits {
	size_t max[GW_HNV_KIND_MAX];
	struct gw_mac router_mac; /* no record or port may use it */
};

/* One changed key. `before` NULL: created; `after` NULL: deleted; both: replaced. */
struct gw_change {
	const struct gw_hnv_object *before, *after;
};

struct gw_delta {
	const struct gw_change *changes;
	size_t n;
};

struct gw_intent;

int gw_intent_new(const struct gw_intent_limits *limits, struct gw_intent **ret);
struct gw_intent *gw_intent_free(struct gw_intent *in);
/* Counts for puts from now on; what is there already stays. */
void gw_intent_set_limits(struct gw_intent *in, const struct gw_intent_limits *limits);

/*
 * Transactions. `put` takes ownership of `o` on success only; on failure the change so far stands as it was. A put that
 * changes nothing makes no delta entry and keeps the object, with its revision, that was there.
 */
void gw_intent_begin(struct gw_intent *in);
int gw_intent_put(struct gw_intent *in, struct gw_hnv_object *o, struct gw_error *err);
int gw_intent_delete(struct gw_intent *in, const struct gw_hnv_object *key, struct gw_error *err);
int gw_intent_validate(struct gw_intent *in, struct gw_error *err);
struct gw_delta gw_intent_delta(const struct gw_intent *in);
void gw_intent_commit(struct gw_intent *in);
void gw_intent_rollback(struct gw_intent *in);

/* Reading. Returned objects live until the next transaction ends. */
const struct gw_hnv_object *gw_intent_get(const struct gw_intent *in, const struct gw_hnv_object *key);
const struct gw_hnv_object *gw_intent_record(const struct gw_intent *in, uint32_t vsid, const struct gw_addr *ca);
const struct gw_hnv_object *gw_intent_port(const struct gw_intent *in, const char *interface);
const struct gw_hnv_object *gw_intent_paddr(const struct gw_intent *in, const struct gw_addr *pa);
const struct gw_hnv_object *gw_intent_vrf(const struct gw_intent *in, const struct gw_uuid *rdid);
/* The virtual gateway whose gateway subnet this is. */
const struct gw_hnv_object *gw_intent_vrf_of_vsid(const struct gw_intent *in, uint32_t vsid);
size_t gw_intent_count(const struct gw_intent *in, enum gw_hnv_kind kind);
/* Where the limit of a kind is set: "[limits] ports". */
const char *gw_intent_limit_key(enum gw_hnv_kind kind);
/* While this stays the same, so do all objects, and the order of iterations. */
uint64_t gw_intent_generation(const struct gw_intent *in);

/* Iteration over a kind in no particular order; pass NULL to start, NULL ends. */
const struct gw_hnv_object *gw_intent_next(const struct gw_intent *in, enum gw_hnv_kind kind,
					   const struct gw_hnv_object *prev);
/* Lookup records and ports with this (vsid, mac); pass NULL to start. */
const struct gw_hnv_object *gw_intent_next_by_mac(const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac,
						  const struct gw_hnv_object *prev);
/* What a routing domain has of a kind that says which one (gw_hnv_rdid), virtual gateways excepted, in no particular order; pass NULL to start. */
const struct gw_hnv_object *gw_intent_next_of_domain(const struct gw_intent *in, enum gw_hnv_kind kind,
						     const struct gw_uuid *rdid, const struct gw_hnv_object *prev);
/* Public addresses in the order of addresses and ports: the first that ends at or behind this place; then the one behind. */
const struct gw_hnv_object *gw_intent_public_from(const struct gw_intent *in, const struct gw_addr *a, uint16_t port);
const struct gw_hnv_object *gw_intent_public_after(const struct gw_intent *in, const struct gw_hnv_object *o);
/* The routing domain of a VSID: true and *ret when a customer route names it; else the VSID stands alone. */
bool gw_intent_domain(const struct gw_intent *in, uint32_t vsid, struct gw_uuid *ret);
/*
 * A routing domain as one number: the lowest VSID of it, so the same on every node and after every restart. A VSID
 * outside any domain is its own.
 */
uint32_t gw_intent_domain_id(const struct gw_intent *in, uint32_t vsid);
/*
 * All VSIDs of the domain that `vsid` is in, ascending; at least `vsid` itself. The array belongs to the intent and is good
 * until the next change or the next such call.
 */
const uint32_t *gw_intent_domain_vsids(const struct gw_intent *in, uint32_t vsid, size_t *ret_n);
/* The same for a routing domain by its name; none (NULL, 0) when no customer route names it. */
const uint32_t *gw_intent_rdid_vsids(const struct gw_intent *in, const struct gw_uuid *rdid, size_t *ret_n);

#endif
