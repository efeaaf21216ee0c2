/*
 * domain.h - which VSIDs may be routed to each other (FWD-7): the index that intent.c keeps from the customer
 * routes. Each route references its (RDID, VSID) once; a VSID is in the domain while it has references, and
 * in one domain only.
 *
 * Dropping references never frees before gw_domains_settle, so that undoing a change cannot run out of memory.
 */
#ifndef GW_MODEL_DOMAIN_H
#define GW_MODEL_DOMAIN_H

#include "base/addr.h"
#include "base/hmap.h"

struct gw_domain {
	struct gw_hmap_node by_rdid;
	struct gw_domain *next_idle; /* in gw_domains.idle_domains while is_idle */
	struct gw_uuid rdid;
	uint32_t *vsids; /* ascending */
	size_t n, room;
	bool is_idle;
};

/* A VSID that some customer route names, or named when the change under way began. */
struct gw_domain_member {
	struct gw_hmap_node by_vsid;
	struct gw_domain_member *next_idle;
	struct gw_domain *domain; /* valid while refs > 0 */
	uint32_t vsid, refs;
	bool is_idle;
};

struct gw_domains {
	struct gw_hmap domains, members;
	struct gw_domain *idle_domains;
	struct gw_domain_member *idle_members;
};

int gw_domains_init(struct gw_domains *d);
void gw_domains_done(struct gw_domains *d);

/* The domain of a VSID, NULL when it is in none. */
const struct gw_domain *gw_domains_find(const struct gw_domains *d, uint32_t vsid);
/* The domain of that name while it has VSIDs, else NULL. */
const struct gw_domain *gw_domains_named(const struct gw_domains *d, const struct gw_uuid *rdid);
/* Makes sure that gw_domains_ref with these arguments finds all memory that it needs. */
int gw_domains_reserve(struct gw_domains *d, const struct gw_uuid *rdid, uint32_t vsid);
/* The VSID must be in no other domain. */
void gw_domains_ref(struct gw_domains *d, const struct gw_uuid *rdid, uint32_t vsid);
void gw_domains_unref(struct gw_domains *d, uint32_t vsid);
/* At the end of a change: frees what has no reference. */
void gw_domains_settle(struct gw_domains *d);

#endif
