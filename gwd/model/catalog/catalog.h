/*
 * catalog.h - every resource of the provider API in memory: the tree of paths, who refers to whom, which values are taken,
 * and all-or-nothing changes.
 *
 *   gw_catalog_begin               again and again: several requests may become durable together
 *     put, delete ...            each changes the tree at once; what only the final state can tell is left to settle
 *     gw_catalog_settle          assigns what was not given, resolves references, checks everything that was touched
 *     gw_catalog_undo            back to the last begin, instead
 *   gw_catalog_commit | gw_catalog_rollback       of everything since the first begin
 *
 * No clock, no I/O but random numbers (getrandom) for what is assigned; secrets are sealed by the caller.
 */
#ifndef GW_MODEL_CATALOG_CATALOG_H
#define GW_MODEL_CATALOG_CATALOG_H

#include "base/hmap.h"
#include "model/principal.h"
#include "model/resource/kind.h"

#define GW_RESOURCE_ID_MAX 128

struct gw_catalog;

/* What a PUT changes of a resource. */
struct gw_version {
	uint64_t revision; /* of the store, when it was last written */
	uint64_t serial;   /* grows with every change of it; no two of its versions ever have the same */
	int64_t updated;   /* when, in seconds since 1970 */
	char *tenant;	   /* of a top-level resource; NULL: the operator's. Children have their parent's */
	char *trouble;	   /* what is wrong with it by the rules of today; it came from the store. NULL: nothing */
	json_t *metadata;  /* "resourceMetadata" as it came; NULL: none */
	json_t *tags;
	void *properties; /* the struct of the kind's schema */
	size_t memory;	  /* that it takes, as reckoned from what was put */
	struct gw_ref *refs;
	size_t n_refs;
	struct gw_key *keys;
	size_t n_keys;
	bool is_carried; /* the value that gwd had assigned is still there, and may be chosen again */
};

struct gw_resource {
	struct gw_hmap_node by_path;
	enum gw_kind kind;
	struct gw_resource *parent;
	struct gw_resource *children, *next,
		*prev; /* siblings, in the order of their making: of all kinds below a resource, of one at the top */
	struct gw_resource *next_of_tenant, *prev_of_tenant; /* of one kind, at the top, in no particular order */
	char *id;					     /* in the letter case of its first PUT */
	struct gw_uuid instance;
	struct gw_version now;
	struct gw_ref *referrers;
	size_t step;		  /* of the transaction: the first about it, if that one is */
	uint64_t cursor;	  /* where the next automatic value is looked for, of what has a pool */
	uint64_t walked;	  /* the last walk that has come by */
	bool gone;		  /* deleted by the transaction that is under way */
	bool unlinked;		  /* its references are taken out while a transaction is undone */
	struct gw_ranges *offers; /* of a virtual subnet: what VMs can have (pools.c) */
	uint64_t offers_of;	  /* the settling that it is of */
	uint64_t checked;	  /* the settling that has found nothing wrong with it */
	uint64_t fine;		  /* the settling that has found all that hangs on it as it should be */
	uint64_t apart;		  /* and the one that has looked whether two of its children are alike */
	bool meeting;		  /* that are */
	size_t n_children;	  /* of all kinds */
	struct gw_use *uses;	  /* of a route table: which tenants have routes by it (uses.c) */
	unsigned
		listed; /* place in the list of children of the body that last put it, from 1; 0: it had a path of its own */
};

/* A reference, from the version that has it to the resource that it names. */
struct gw_ref {
	struct gw_resource *from, *to;
	struct gw_ref *next, *prev; /* of to->referrers */
	struct gw_use *use;	    /* of a subnet's to its route table; NULL: it counts for nobody */
};

/* A resource as a body describes it, not yet in the catalogue. */
struct gw_draft {
	enum gw_kind kind;
	char *id;
	char *ref; /* the body was {"resourceRef": ...}: the resource that is there, or will be, unchanged; else NULL */
	char *says; /* which resource it is, by a body that says more; NULL: it does not */
	struct gw_version version;
	uint64_t lists; /* bit k: the list of children of kind k was given, so that who is not in it goes */
	struct gw_draft *children, *next;
};

/*
 * `id` is the last part of the path, or NULL where the body names it (an element of a list). Targets are paths in the body,
 * "properties.subnets[0].properties.addressPrefix".
 */
int gw_draft_decode(enum gw_kind kind, const char *id, const json_t *body, const struct gw_schema_reader *sealer,
		    struct gw_draft **ret, struct gw_error *err);
/* Makes it this tenant's, and the metadata say so. */
int gw_draft_set_tenant(struct gw_draft *draft, const char *tenant, struct gw_error *err);
struct gw_draft *gw_draft_free(struct gw_draft *draft);

/* Of tags and of metadata, each: what nobody looks into is not to be what most of the memory is for. */
#define GW_RESOURCE_NOTES_MAX  65536 /* bytes of names and texts */
#define GW_RESOURCE_VALUES_MAX 1024

/* How much there may be: of all together, and of each tenant. */
struct gw_catalog_limits {
	size_t resources, tenant_resources;
	size_t tenant_memory; /* bytes, as reckoned */
	size_t tenant_public_addresses, tenant_mac_addresses, tenant_subnets;
	size_t tenant_routes; /* of tables, in each of the virtual networks that name them */
	size_t tenant_nat_rules;
};

struct gw_catalog_params {
	struct gw_mac router_mac;	/* no network interface may have it */
	uint32_t vsid_first, vsid_last; /* what is assigned */
	struct gw_catalog_limits limits;
	uint64_t serial_floor; /* of versions to come; those of resources that are made begin at 1 */
	/* Whether two secrets are the same, as they were sealed. NULL: when they look the same. */
	bool (*same_secret)(void *ctx, const char *a, const char *b);
	/* Adds to the properties that clients see of one that nodes hold something of, and to their state. NULL: nothing is known. */
	void (*describe)(void *ctx, const struct gw_resource *r, json_t *properties);
	void *ctx;
};

int gw_catalog_new(const struct gw_catalog_params *params, struct gw_catalog **ret);
struct gw_catalog *gw_catalog_free(struct gw_catalog *c);
/* From the next settling on. */
void gw_catalog_set_limits(struct gw_catalog *c, const struct gw_catalog_limits *limits);

/*
 * "/virtualNetworks/blue/subnets/web", in any letter case; NULL: there is none, or it is no path.
 *
 * Each tenant has names of its own, so that nobody finds out by guessing what others have. A tenant's path is looked for among
 * what is his, then among the operator's; the operator's (tenant NULL) among his own: what a name leads him to is not for tenants
 * to decide. "/virtualNetworks/blue?tenantId=a" says which is meant, "?tenantId=" that it is the operator's own.
 */
struct gw_resource *gw_catalog_find(const struct gw_catalog *c, const char *tenant, const char *path);
/* For whoever sees everything, to look at: the operator's own, else the only one of that name. */
struct gw_resource *gw_catalog_find_any(const struct gw_catalog *c, const char *path);
bool gw_resource_id_valid(const char *id);
/* Whether he has anything. */
bool gw_catalog_has_tenant(const struct gw_catalog *c, const char *tenant);
/* How many tenants have what the path begins with and the operator has not, so that he has to say whose he means to change. */
size_t gw_catalog_count_others(const struct gw_catalog *c, const char *path);
/* A top-level resource of exactly this tenant; NULL: the operator's. */
struct gw_resource *gw_catalog_root(const struct gw_catalog *c, const char *tenant, enum gw_kind kind, const char *id);
struct gw_resource *gw_catalog_child(const struct gw_catalog *c, const struct gw_resource *parent, enum gw_kind kind,
				     const char *id);
size_t gw_catalog_count(const struct gw_catalog *c);
size_t gw_catalog_count_of(const struct gw_catalog *c, enum gw_kind kind);
size_t gw_catalog_count_tenants(const struct gw_catalog *c);

/* The path in its canonical letter case; to be freed. NULL when memory ran out. */
char *gw_resource_path(const struct gw_resource *r);
/* The same as `from` refers to it: with its tenant if that is not his, so that it means the same whatever else is made. */
char *gw_resource_ref(const struct gw_resource *r, const struct gw_resource *from);
const char *gw_resource_tenant(const struct gw_resource *r); /* NULL: the operator's */
#define GW_PROPERTIES(r, tag) ((struct gw_##tag *)(r)->now.properties)
/* What a reference of `from` leads to, NULL for a field without one. */
struct gw_resource *gw_reference(const struct gw_catalog *c, const struct gw_resource *from, const char *path);
/* The first of that kind that it refers to, without a look at paths; NULL: none. */
struct gw_resource *gw_referred(const struct gw_resource *from, enum gw_kind kind);
/* The virtual network that an IP configuration is in, or that a NAT rule, or the rules of a front end, are for; NULL: none yet. */
const struct gw_resource *gw_catalog_network_of(const struct gw_resource *r);
/* Children of one kind; NULL to start, NULL ends. With parent NULL: top-level ones. */
const struct gw_resource *gw_catalog_next(const struct gw_catalog *c, const struct gw_resource *parent,
					  enum gw_kind kind, const struct gw_resource *prev);
/* Top-level ones of one tenant, without a look at those of others: how many they are is not to show in the time that it takes. */
const struct gw_resource *gw_catalog_next_of(const struct gw_catalog *c, const char *tenant, enum gw_kind kind,
					     const struct gw_resource *prev);

/*
 * How many resources somebody comes across who encodes, replaces or deletes it: itself, its children, who refers to them; a large one
 * counts as several. Counts no further than `enough`.
 */
size_t gw_resource_weight(const struct gw_catalog *c, const struct gw_resource *r, size_t enough);
/* Every resource, in no particular order; a negative return ends the walk and is returned. */
int gw_catalog_each(const struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx);

/* `asker`: the tenant whose request it is, to be told of nothing that is not his; NULL: the operator. Good until settled. */
void gw_catalog_begin(struct gw_catalog *c, uint64_t revision, int64_t now, const char *asker);
void gw_catalog_undo(struct gw_catalog *c);
/* Takes what it needs out of `draft`, which stays the caller's to free. *ret is the resource now. */
int gw_catalog_put(struct gw_catalog *c, struct gw_resource *parent, struct gw_draft *draft, struct gw_resource **ret,
		   struct gw_error *err);
int gw_catalog_delete(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
int gw_catalog_settle(struct gw_catalog *c, struct gw_error *err);
/* When settling has failed, and until the transaction ends: what was put or deleted and cannot stay so. NULL: nothing in particular. */
const struct gw_resource *gw_catalog_fault(const struct gw_catalog *c);
/* What has been put and deleted since begin, children too; deleted ones keep their path until commit or rollback. */
int gw_catalog_changes(const struct gw_catalog *c, int (*put)(void *ctx, const struct gw_resource *r),
		       int (*gone)(void *ctx, const struct gw_resource *r), void *ctx);
bool gw_catalog_changed(const struct gw_catalog *c); /* since begin */
/* What is at the top of anything that the transaction has touched, since its first begin: each once, however much below it was. */
int gw_catalog_touched_roots(struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx);
/*
 * Everything that the transaction has touched, since its first begin; what is gone has its last version. One that was touched
 * more than once comes as often. A negative return ends the walk and is returned.
 */
int gw_catalog_touched(const struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx);
void gw_catalog_commit(struct gw_catalog *c);
void gw_catalog_rollback(struct gw_catalog *c);

/* The resource as clients see it, with its children. NULL when memory ran out. */
json_t *gw_resource_encode(const struct gw_catalog *c, const struct gw_resource *r);
/*
 * Changes with everything that gw_resource_encode shows but what gw_kind_shows_others is about: another manager's NIC in a subnet
 * must not make this one's If-Match fail. Tells nothing about other resources.
 */
void gw_resource_etag(const struct gw_resource *r, char buf[static 48]);

/* A resource as the store keeps it: without its children, with its secrets as they are sealed. */
struct gw_stored {
	const char *tenant; /* "": the operator's */
	const char *path, *body;
	struct gw_uuid instance;
	uint64_t revision, serial;
	int64_t updated;
};

/* {"properties": ..., "resourceMetadata": ..., "tags": ...}; NULL when memory ran out. */
json_t *gw_resource_encode_own(const struct gw_resource *r);
/* Puts it back, in a transaction; parents come before their children. */
int gw_catalog_load(struct gw_catalog *c, const struct gw_stored *row, struct gw_error *err);
/*
 * Settles what was loaded. What an older version, or another configuration, accepted and this one would not stays, with its
 * trouble, of which `warn` is told: a node that does not start helps nobody. What leads nowhere is an error.
 */
int gw_catalog_settle_loaded(struct gw_catalog *c, void (*warn)(void *ctx, const struct gw_resource *r), void *ctx,
			     struct gw_error *err);

#endif
