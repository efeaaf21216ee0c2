/* private.h - shared by the files of the planner only. */
#ifndef GW_PLAN_PRIVATE_H
#define GW_PLAN_PRIVATE_H

#include "base/rank.h"
#include "plan/plan.h"

#define GW_PLAN_ADDRESSES 16 /* provider addresses of a server, at most */

/* --- set.c: objects with the revision of each, and the keys of what has gone --------------------------------------- */

struct gw_plan_entry {
	struct gw_hmap_node by_key;
	struct gw_plan_entry *next, *prev; /* of the same list, by serial */
	uint64_t serial;		   /* later is higher, in the whole plan */
	uint32_t round;			   /* of the computation that last brought it */
	struct gw_uuid source;		   /* the instance of the resource that it comes from */
	struct gw_hnv_object object;	   /* its revision: since when it is so, or gone */
};

struct gw_plan_list {
	struct gw_plan_entry *first, *last;
};

/*
 * While it is computed (stage), what it is stays as it is; then that becomes what was staged (commit), or remains (discard).
 * An entry is in `live` or, when it has gone, in `gone`, and in the map of the same name.
 */
struct gw_plan_set {
	struct gw_hmap live_map, gone_map, staged;
	struct gw_plan_list live, gone;
	uint32_t round;
	size_t kept;	/* live ones that were staged as they are */
	uint64_t floor; /* what has gone up to this revision may be forgotten */
};

int gw_plan_set_init(struct gw_plan_set *s);
void gw_plan_set_done(struct gw_plan_set *s);
void gw_plan_set_begin(struct gw_plan_set *s);
/* Of two with one key, the first stays. `source`: the instance of the resource that asks for it. */
int gw_plan_set_stage(struct gw_plan_set *s, const struct gw_hnv_object *o, const struct gw_uuid *source);
/* NULL: it has no such object. */
const struct gw_plan_entry *gw_plan_set_get(const struct gw_plan_set *s, const struct gw_hnv_object *key);
bool gw_plan_set_changed(const struct gw_plan_set *s);
void gw_plan_set_discard(struct gw_plan_set *s);
/* It will be empty: what was staged so far is forgotten. */
void gw_plan_set_stage_none(struct gw_plan_set *s);
/* Cannot fail. Returns how many have come, changed or gone. */
size_t gw_plan_set_commit(struct gw_plan_set *s, struct gw_plan *p, uint64_t revision);
/* Nobody needs to be told what has gone. */
void gw_plan_set_forget(struct gw_plan_set *s);

/* --- units: what is computed as a whole ---------------------------------------------------------------------------- */

struct gw_plan_unit;

/* "This unit looked at that resource." */
struct gw_plan_watch {
	struct gw_hmap_node by_target; /* of the plan, or while it is staged of the unit */
	struct gw_plan_watch *next;    /* of the unit */
	struct gw_plan_unit *unit;
	struct gw_uuid target; /* the instance of a top-level resource */
};

/* "This unit found that." */
struct gw_plan_note {
	struct gw_rank_node by_name; /* of the finding, while it counts */
	struct gw_plan_note *next;   /* of the unit */
	struct gw_plan_unit *unit;
	struct gw_plan_finding *finding; /* trouble.c */
};

enum gw_plan_unit_type { GW_PLAN_NODE, GW_PLAN_DOMAIN };

struct gw_plan_unit {
	struct gw_hmap_node by_id;
	enum gw_plan_unit_type type;
	struct gw_plan *plan;
	struct gw_uuid id;		    /* the resource's instance */
	char *name;			    /* and its id */
	const struct gw_resource *resource; /* NULL: it has gone, the unit goes with this update */
	bool dirty;			    /* to be computed by this update */
	bool fresh;			    /* made by this update */
	struct gw_plan_unit *next_dirty;
	struct gw_plan_watch *watches, *staged_watches;
	struct gw_hmap looked_at; /* staged_watches, by target */
	struct gw_plan_note *notes, *staged_notes;
};

/* --- nodes --------------------------------------------------------------------------------------------------------- */

/* What domains see of a node; compared byte by byte. */
struct gw_plan_view {
	uint64_t n;
	struct {
		struct gw_addr pa;
		struct gw_uuid network; /* the logical network that it is in; nil: none */
	} addresses[GW_PLAN_ADDRESSES];
	char interfaces[GW_PLAN_ADDRESSES][IFNAMSIZ]; /* that carry them, and can be no port */
};

/* A virtual subnet that a domain has, or had not long ago; or the name that the domain has, or had. */
struct gw_plan_vsid {
	uint32_t vsid;	     /* 0: it is a name */
	struct gw_uuid rdid; /* then this one; else nil */
	uint64_t gone;	     /* revision; 0: it has it */
};

/* A node is no longer part of a domain: everything in these virtual subnets goes, and if it carried the gateway what that had. */
struct gw_plan_leave {
	struct gw_plan_leave *next; /* younger */
	uint64_t revision, serial;
	uint64_t floor; /* of the domain then */
	bool carried;	/* the gateway, at some time */
	size_t n;
	struct gw_plan_vsid vsids[];
};

struct gw_plan_node {
	struct gw_plan_unit unit;
	struct gw_plan_view view, staged_view;
	struct gw_plan_set own; /* provider addresses and routes */
	struct gw_plan_member *first, *last;
	struct gw_plan_leave *leaves, *last_leave;
	size_t n_members, n_leaves;
	uint64_t floor;		   /* leaves up to this revision may be forgotten */
	uint64_t revision;	   /* the last that concerned it */
	uint64_t joined;	   /* 0: by the update that is under way */
	struct gw_plan_member *at; /* of the domain that is being computed, if it is */
};

/* --- domains ------------------------------------------------------------------------------------------------------- */

/* A node that takes part in a domain. */
struct gw_plan_member {
	struct gw_plan_domain *domain;
	struct gw_plan_node *node;
	struct gw_plan_member *next_of_domain;
	struct gw_plan_member *next, *prev; /* of the node, by serial: the last is the one that changed last */
	uint64_t serial, changed;
	uint64_t joined;	     /* 0: by the update that is under way */
	struct gw_plan_set own;	     /* its ports; if it carries the gateway that, and what is translated there */
	bool wanted;		     /* by the computation that is under way */
	bool carries, carried;	     /* the gateway: as that computation says; at any time since it takes part */
	struct gw_plan_leave *leave; /* ready, when it is not */
};

struct gw_plan_domain {
	struct gw_plan_unit unit;
	struct gw_plan_set shared; /* lookup records and customer routes */
	struct gw_plan_member *members;
	struct gw_plan_vsid *vsids, *staged_vsids;
	size_t n_vsids, n_staged_vsids;
	uint64_t vsid_floor; /* virtual subnets that have gone up to this revision may be forgotten */
};

struct gw_plan {
	struct gw_plan_params params;
	struct gw_hmap units, watches, findings;
	uint64_t revision, serial, generation;
	bool behind; /* what has changed is not known: compute everything */
	size_t size;
	struct gw_plan_work work;
	struct gw_plan_unit *dirty[2]; /* by type */
};

#define GW_PLAN_NODE_OF(u)   GW_CONTAINER_OF(u, struct gw_plan_node, unit)
#define GW_PLAN_DOMAIN_OF(u) GW_CONTAINER_OF(u, struct gw_plan_domain, unit)

/* unit.c */
uint32_t gw_plan_hash(const struct gw_uuid *id);
int gw_plan_unit_init(struct gw_plan_unit *u, enum gw_plan_unit_type type, struct gw_plan *p,
		      const struct gw_resource *r);
struct gw_plan_unit *gw_plan_unit_find(const struct gw_plan *p, const struct gw_uuid *id);
int gw_plan_watch(struct gw_plan_unit *u, const struct gw_uuid *target);
int gw_plan_watch_root(struct gw_plan_unit *u, const struct gw_resource *r);
void gw_plan_mark(struct gw_plan *p, struct gw_plan_unit *u);
void gw_plan_mark_watchers(struct gw_plan *p, const struct gw_uuid *target);
void gw_plan_unit_discard(struct gw_plan_unit *u);
void gw_plan_unit_commit(struct gw_plan *p, struct gw_plan_unit *u);
void gw_plan_unit_done(struct gw_plan *p, struct gw_plan_unit *u);

/*
 * trouble.c: why a resource is not in force. `code` is a constant. Of what networks share the message says nothing that is of this
 * one only: they are named when it is told.
 */
int gw_plan_note(struct gw_plan_unit *u, const struct gw_resource *r, enum gw_plan_grade grade, const char *code,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void gw_plan_notes_discard(struct gw_plan_unit *u);
void gw_plan_notes_forget(struct gw_plan_unit *u);
void gw_plan_notes_commit(struct gw_plan_unit *u);

/* node.c */
int gw_plan_node_new(struct gw_plan *p, const struct gw_resource *server, struct gw_plan_unit **ret);
struct gw_plan_unit *gw_plan_node_free(struct gw_plan *p, struct gw_plan_node *n);
int gw_plan_node_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_node *n);
void gw_plan_node_discard(struct gw_plan_node *n);
void gw_plan_node_commit(struct gw_plan *p, struct gw_plan_node *n, uint64_t revision);
/* What it will be after this update. */
const struct gw_plan_view *gw_plan_node_view(const struct gw_plan_node *n);

/* domain.c */
int gw_plan_domain_new(struct gw_plan *p, const struct gw_resource *network, struct gw_plan_unit **ret);
struct gw_plan_unit *gw_plan_domain_free(struct gw_plan *p, struct gw_plan_domain *d);
int gw_plan_domain_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_domain *d);
void gw_plan_domain_discard(struct gw_plan *p, struct gw_plan_domain *d);
void gw_plan_domain_commit(struct gw_plan *p, struct gw_plan_domain *d, uint64_t revision);

/* --- the rules: records.c, routes.c, gateway.c, nat.c --------------------------------------------------------------- */

/* A domain that is being computed. */
struct gw_plan_job {
	struct gw_plan *p;
	const struct gw_catalog *c;
	struct gw_plan_domain *d;
	const struct gw_resource *network;
	const struct gw_virtual_network *properties;
	uint8_t encap;				      /* enum gw_encap */
	bool takes_part;			      /* some node does, as is known when there are records */
	struct gw_uuid provider;		      /* the logical network that carries it; nil: any */
	const struct gw_resource *vgw;		      /* its virtual gateway, NULL: none */
	bool has_gateway;			      /* which is in force */
	const struct gw_resource *gateway_subnets[2]; /* by family; NULL: none of the network's */
	struct gw_prefix gateway_prefixes[2];	      /* theirs, or what was free; no length: none */
	struct gw_addr gateway_ca[2];
	uint32_t gateway_vsid;		/* where it has both of them */
	struct gw_plan_member *carrier; /* the node that has it */
};

/* Whether it counts: not what only came from an older store, and would be refused today. */
bool gw_plan_is_valid(const struct gw_resource *r);
/* Whether all nodes of a domain have those of its objects. */
bool gw_plan_is_shared(enum gw_hnv_kind kind);
/*
 * Stages an object, of all nodes or else of the one that carries the gateway, or notes at `source` why it cannot be had. 1: it is
 * in, 0: not, or -ENOMEM.
 */
int gw_plan_domain_stage(struct gw_plan_job *j, const struct gw_resource *source, const struct gw_hnv_object *o);
/* The node of a server takes part; *ret NULL: there is no such node. */
int gw_plan_domain_join(struct gw_plan_job *j, const struct gw_resource *server, struct gw_plan_member **ret);
/* One of the addresses of a server that carry the network, the same for the same `key`; false: there is none. */
bool gw_plan_pick_address(const struct gw_plan_job *j, const struct gw_resource *server, const void *key, size_t n,
			  struct gw_addr *ret);
/* How good `choice` is for `key`, by chance: the best of several stays the best when others come and go. */
uint64_t gw_plan_score(const void *key, size_t n, const void *choice, size_t n_choice);

/* outside.c: an address that one network has, or its part of one that it shares. */
struct gw_plan_place {
	struct gw_hmap_node by_resource;
	const struct gw_resource *of;	   /* what stands for it: the address, or the front end of a shared one */
	const struct gw_resource *address; /* the publicIPAddress */
	bool is_valid, is_ours;
	uint16_t port; /* and count: the block; of an address that is not shared 0, of a shared one's 0: it has none */
	uint32_t count;
};

struct gw_plan_places {
	struct gw_hmap by_resource;
};

void gw_plan_places_done(struct gw_plan_places *s);
/* Whether it is the first time that the resource is seen. */
int gw_plan_see(struct gw_plan_places *s, const struct gw_resource *r, bool *ret_is_new);
/* By which a front end is seen from outside. *ret is good until all are done. */
int gw_plan_place(struct gw_plan_job *j, struct gw_plan_places *s, const struct gw_resource *frontend,
		  const struct gw_plan_place **ret);
/* The first resource of that kind that it refers to; NULL: none. */
const struct gw_resource *gw_plan_first(const struct gw_resource *r, enum gw_kind kind);
bool gw_plan_same_tenant(const struct gw_resource *a, const struct gw_resource *b);

int gw_plan_records(struct gw_plan_job *j);
/* The one that the network has; NULL: none. */
const struct gw_resource *gw_plan_gateway_of(const struct gw_plan_job *j);
/* Where that is when it names no subnets; 0: it does, or has none. */
uint32_t gw_plan_gateway_vsid(const struct gw_resource *vgw);
int gw_plan_gateway(struct gw_plan_job *j);	/* before the routes, which lead there */
int gw_plan_nat(struct gw_plan_job *j);		/* after the gateway */
int gw_plan_connections(struct gw_plan_job *j); /* after the gateway */
int gw_plan_routes(struct gw_plan_job *j);	/* last: they are for nodes that take part */

#endif
