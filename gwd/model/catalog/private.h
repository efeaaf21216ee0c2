/* private.h - shared by the files of the catalogue only. */
#ifndef GW_MODEL_CATALOG_PRIVATE_H
#define GW_MODEL_CATALOG_PRIVATE_H

#include "base/rank.h"
#include "model/catalog/catalog.h"

/* Values that only one resource may have, each in a space of its own; and some by which whoever has them is found. */
enum gw_key_space {
	GW_KEY_VSID,
	GW_KEY_RDID,
	GW_KEY_MAC,
	GW_KEY_CUSTOMER_ADDRESS, /* in one virtual subnet */
	GW_KEY_OUTER_ADDRESS,	 /* of nodes and of the public: a subnet may have both */
	GW_KEY_GROUP,
	GW_KEY_HOST_INTERFACE,	/* on one server */
	GW_KEY_GATEWAY_SERVER,	/* a server is one gateway */
	GW_KEY_GATEWAY_NETWORK, /* a virtual network has one gateway */
	GW_KEY_GATEWAY_SUBNET,	/* a subnet is kept for one */
	GW_KEY_PORT_BLOCK,	/* of a shared public address: its first port */
	/* Found only: check_nat.c says who may not have it beside whom. */
	GW_KEY_PUBLIC_VM,   /* a public address that is a VM's as a whole */
	GW_KEY_PUBLIC_PORT, /* protocol and port that an inbound rule translates, on a public address */
	GW_KEY_SPACES
};

struct gw_key {
	struct gw_hmap_node node;
	struct gw_rank_node rank; /* among those of its space and scope */
	struct gw_resource *owner;
	const char *name;  /* of the property */
	const void *scope; /* what it is unique in; NULL: everything */
	enum gw_key_space space;
	uint8_t value[16];
};

/* How much a tenant has; kept as long as he has anything. */
struct gw_tenant {
	struct gw_hmap_node node;
	size_t n, memory, keys[GW_KEY_SPACES];
	size_t nat_rules;      /* inbound and outbound */
	size_t gone;	       /* resources that were deleted, and may yet be back */
	size_t routes;	       /* of tables in virtual networks */
	size_t routes_before;  /* when the request that last changed them began */
	uint64_t routes_begun; /* its number */
	struct gw_resource *roots[GW_KIND_MAX];
	char name[];
};

/* Of the last parent whose children were looked at together: two that overlap, or NULL. */
struct gw_siblings {
	const struct gw_resource *parent, *one, *other;
	enum gw_kind kind;
	bool each; /* too much is wrong: look at each by itself */
};

enum gw_step_type { GW_STEP_MADE, GW_STEP_REPLACED, GW_STEP_GONE };

/* One thing that a transaction did, to be undone backwards. */
struct gw_step {
	enum gw_step_type type;
	struct gw_resource *r;
	struct gw_version before; /* of REPLACED */
};

struct gw_catalog {
	struct gw_hmap paths, keys, tenants, uses;
	struct gw_rank ranks; /* of all keys */
	size_t counts[GW_KIND_MAX];
	struct gw_resource *roots[GW_KIND_MAX];
	struct gw_step *steps;
	size_t n_steps, room;
	size_t begun;			 /* the first step since begin */
	uint64_t begins;		 /* how often */
	struct gw_expected *expected;	 /* since begin */
	const struct gw_resource *fault; /* of the last settling */
	uint64_t revision;		 /* of what it changes */
	int64_t now;
	struct gw_siblings siblings; /* of this settling */
	uint64_t settling;	     /* its number */
	struct gw_ranges *publics;   /* what public pools offer (pools.c) */
	uint64_t publics_of;	     /* the settling that it is of */
	uint64_t walks;		     /* so far, of those that visit each once */
	struct gw_resource **troubled;
	size_t n_troubled;
	bool loading;	   /* what comes was accepted once */
	const char *asker; /* the tenant who asks; NULL: the operator */
	struct gw_catalog_params params;
};

/* paths.c: without regard to letter case, as ids and collections are. */
uint32_t gw_path_hash(const struct gw_resource *parent, enum gw_kind kind, const char *id);
/* Whether he who asks may be told that it is there. */
bool gw_resource_is_told(const struct gw_catalog *c, const struct gw_resource *r);
/* Its id, or what he who asks is told instead; as long as it is there. */
const char *gw_told_name(const struct gw_catalog *c, const struct gw_resource *r);
/* Makes a target that is relative to the resource one of the request's body. */
void gw_resource_place(const struct gw_resource *r, struct gw_error *err);
void gw_version_done(enum gw_kind kind, struct gw_version *v);

/* expected.c: children that the rest of the transaction has to make. Takes id and reference out of the draft. */
int gw_expected_add(struct gw_catalog *c, struct gw_resource *parent, struct gw_draft *d, size_t index,
		    struct gw_error *err);
int gw_expected_check(struct gw_catalog *c, struct gw_error *err);
void gw_expected_clear(struct gw_catalog *c);

/* references.c: what a version names, and who names it. Linking cannot fail; resolving can. */
int gw_references_resolve(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
void gw_references_link(struct gw_version *v);
void gw_references_unlink(struct gw_version *v);
void gw_references_free(struct gw_version *v);

/* uses.c: what references to route tables come to. Getting can fail. NULL: none that counts. */
int gw_use_get(struct gw_catalog *c, const struct gw_resource *from, struct gw_resource *to, struct gw_use **ret);
void gw_use_put(struct gw_use *u);
void gw_use_link(struct gw_use *u);
void gw_use_unlink(struct gw_use *u);
/* One comes or goes. */
void gw_uses_count_route(const struct gw_resource *route, int by);
/* Of what was touched: whether its tenant has more routes now than he may have, and than he had. */
int gw_uses_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);

/* keys.c: what a version takes. */
int gw_keys_make(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
void gw_keys_insert(struct gw_catalog *c, struct gw_version *v);
void gw_keys_remove(struct gw_catalog *c, struct gw_version *v);
int gw_keys_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
/* How many values of the space lie between first and last. */
size_t gw_keys_count(const struct gw_catalog *c, enum gw_key_space space, const void *scope, const void *first,
		     const void *last, size_t n);
int gw_keys_init(struct gw_catalog *c);
const struct gw_resource *gw_keys_owner(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					const void *value, size_t n);
/* Who else has it; the second: who else has any in the scope, where `than` has no more than one. NULL: nobody. */
const struct gw_resource *gw_keys_other(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					const void *value, size_t n, const struct gw_resource *than);
const struct gw_resource *gw_keys_any_other(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					    const struct gw_resource *than);
/* What an inbound rule translates, as a key: the protocol, which is the lowest when it is all of them, and the port. */
#define GW_PORT_KEY 3
void gw_port_key(const struct gw_resource *rule, uint8_t ret[static GW_PORT_KEY]);
/* The front end may be at another address than its rules' keys say. Cannot fail: undoing needs it. */
void gw_keys_follow(struct gw_catalog *c, struct gw_resource *frontend);

/* tenants.c: how many resources there may be. Who is reserved for can be counted. */
int gw_tenants_reserve(struct gw_catalog *c, const char *name, struct gw_error *err);
void gw_tenants_add(struct gw_catalog *c, struct gw_resource *r);
void gw_tenants_remove(struct gw_catalog *c, struct gw_resource *r);
/* It is deleted, so that undoing may bring it back: 1; that is undone, or for good: -1. */
void gw_tenants_hold(struct gw_catalog *c, const struct gw_resource *r, int by);
/* When a top-level resource goes, for good. */
void gw_tenants_forget(struct gw_catalog *c, const struct gw_resource *r);
/* Another version has taken the place of `before`. */
void gw_tenants_recount(struct gw_catalog *c, const struct gw_resource *r, const struct gw_version *before);
/* A key of his comes or goes. */
void gw_tenants_count_key(struct gw_catalog *c, const struct gw_key *key, int by);
/* NULL: it is the operator's. */
struct gw_tenant *gw_tenants_find_of(const struct gw_catalog *c, const struct gw_resource *r);
void gw_tenants_count_routes(struct gw_catalog *c, struct gw_tenant *t, size_t by);
int gw_tenants_check_routes(struct gw_catalog *c, const struct gw_tenant *t, const char *target, struct gw_error *err);
/* Of what the transaction has made or changed; the values that it takes, when they have been assigned. */
int gw_tenants_check(struct gw_catalog *c, struct gw_error *err);
int gw_tenants_check_keys(struct gw_catalog *c, struct gw_error *err);
void gw_tenants_free(struct gw_catalog *c);

/* touched.c: every resource that the request has put, in the order of its steps, or children before their parents. */
typedef int gw_pass(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
int gw_touched_each(struct gw_catalog *c, gw_pass *pass, struct gw_error *err);
/* Parents of what it has deleted, too. */
int gw_touched_each_up(struct gw_catalog *c, gw_pass *pass, struct gw_error *err);

/* draft.c: whether the body is of this place. */
int gw_draft_check_place(const struct gw_draft *draft, const struct gw_resource *parent, struct gw_error *err);

/* pools.c: what is kept of them from one settling to the next. */
void gw_pools_free(struct gw_ranges *ranges);

/* trouble.c: of everything that was loaded. */
int gw_trouble_note(struct gw_catalog *c, struct gw_error *err);
/* What a transaction that is about to be for good has replaced or deleted. */
void gw_trouble_forget(struct gw_catalog *c);
/* After it: whether what it has changed has mended what it has not touched. */
void gw_trouble_look_again(struct gw_catalog *c);

/*
 * apart.c: whether no two of the parent's children of that kind meet. In the order, those that do have at least one that meets its
 * neighbour. Only for parents with one such kind.
 */
typedef int gw_child_order(const void *a, const void *b); /* of pointers to resources */
typedef bool gw_children_meet(const struct gw_resource *a, const struct gw_resource *b);
bool gw_children_apart(struct gw_catalog *c, struct gw_resource *parent, enum gw_kind kind, gw_child_order *order,
		       gw_children_meet *meet);

/* siblings.c: whether the prefix of one that was touched overlaps that of another child of its parent. */
typedef const struct gw_prefix *gw_prefix_of(const struct gw_resource *r);
int gw_siblings_check(struct gw_catalog *c, const struct gw_resource *r, gw_prefix_of *prefix, struct gw_error *err);

/*
 * assign.c: values that the manager left to us. The first is told what `now` carries over from `before`: gives up what is
 * needed no more, and notes what may be chosen again.
 */
/* Whether it says no secret, and that it has no use for the one that may have been there; and to be without it, when it was carried. */
bool gw_assign_wants_no_secret(enum gw_kind kind, const struct gw_version *now);
void gw_assign_forget_secret(enum gw_kind kind, struct gw_version *now);
void gw_assign_carried(enum gw_kind kind, const struct gw_version *before, struct gw_version *now);
/* Whether it lacks what it would be given today: it was stored by an older gwd, or is about to lose its part of an address. */
bool gw_assign_is_owed(const struct gw_resource *r);
int gw_assign(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
/* check.c: what only the whole can tell of a resource that was touched. */
int gw_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
/* check_pools.c: what lives off pools that have changed, wherever it is. */
int gw_check_pools(struct gw_catalog *c, struct gw_error *err);

/* The first since begin that is about it; NULL: none is. */
const struct gw_step *gw_first_step(const struct gw_catalog *c, const struct gw_resource *r);
/* What it was before the transaction; NULL: it was not there. */
const struct gw_version *gw_version_before(const struct gw_catalog *c, const struct gw_resource *r);
bool gw_version_names(const struct gw_version *v, const struct gw_resource *to);
/*
 * What a reference that comes in leads to: a tenant finds what is his, of the operator's what the row is for, and what the operator
 * has given to the resource already, so that what he reads may be said again.
 */
struct gw_resource *gw_reference_by(const struct gw_catalog *c, const struct gw_resource *from,
				    const struct gw_property *row, const char *path);

#endif
