/*
 * plan.h - what managers asked for (the catalogue), turned into what each node has to hold: its low-level records (hnv.h).
 *
 *     catalogue                     plan                                        what a node holds
 *   virtual network "blue" ---> routing domain blue: records, routes ---+---> node h1: its provider addresses and routes,
 *     subnets, NICs, tables       +- member h1: ports of blue on h1 ----+              all of blue, its ports of blue,
 *   server h1 ----------------> node h1: provider addresses, routes ----+              all of red, its ports of red
 *   virtual network "red" ----> routing domain red ...
 *
 * A routing domain is computed as a whole and its objects are kept once, whatever the number of nodes that share them. A node
 * takes part in it when one of its ports is a NIC of the network, or when it carries the network's gateway; a domain in which no
 * node takes part has no objects, and nothing is said of the routes that it would have. While a domain or a node is computed, the
 * plan notes which resources it looked at; when one of them changes, that domain is computed again, and no other. What comes out
 * the same keeps the revision at which it became what it is.
 *
 * There are no logs of changes for nodes: what a node needs after revision R is everything of its domains that is younger than R,
 * the keys of what has gone since (a bounded number is remembered), and the whole of each domain that it has joined since.
 *
 * Pure: no clock, no I/O; the same catalogue always makes the same plan.
 */
#ifndef GW_PLAN_PLAN_H
#define GW_PLAN_PLAN_H

#include "model/catalog/catalog.h"
#include "model/hnv.h"

struct gw_plan;

struct gw_plan_params {
	struct gw_mac router_mac; /* the distributed router's, which nothing else may have */
	size_t remembered;	  /* removals, of each domain and node, beyond as many as it has objects */
	bool gateways; /* something puts virtual gateways into force; else nothing is sent to them, as if there were none */
};

int gw_plan_new(const struct gw_plan_params *params, struct gw_plan **ret);
struct gw_plan *gw_plan_free(struct gw_plan *p);

/*
 * Follows the catalogue, whose transaction is settled, not yet ended, and will not be undone; `revision` is of its last change.
 * The first time the plan is made from the whole catalogue, and all of it has that revision, which is 0 only if it is empty.
 *
 * All or nothing: -ENOMEM leaves the plan as it was, and it has then to be tried again, with any later state of the catalogue.
 */
int gw_plan_update(struct gw_plan *p, struct gw_catalog *c, uint64_t revision);
uint64_t gw_plan_revision(const struct gw_plan *p); /* 0: none yet */

/* --- what a node holds -------------------------------------------------------------------------------------------- */

/* The last revision that concerned the node; 0: there is no such node. A node is named by the instance of its server. */
uint64_t gw_plan_node_revision(const struct gw_plan *p, const struct gw_uuid *server);

/* NULL members are not called; a negative return ends the visit and is returned. */
struct gw_plan_visitor {
	int (*put)(void *ctx, const struct gw_hnv_object *o); /* with the revision since which it is so */
	int (*gone)(void *ctx, const struct gw_hnv_object *key);
	int (*forget)(void *ctx, uint32_t vsid); /* all records, routes and ports of this virtual subnet are gone */
	/* And the virtual gateway of this routing domain, with all public addresses and NAT rules. */
	int (*forget_gateway)(void *ctx, const struct gw_uuid *rdid);
	void *ctx;
};

/* A place in the visit of one node; the fields are the plan's. Needs no closing. */
struct gw_plan_cursor {
	struct gw_uuid server;
	bool whole; /* what is visited is all that the node has; what else it holds it drops, before anything else */
	uint64_t revision;     /* when the visit is done: of what the node holds then */
	uint64_t since, until; /* of the pass over the node's domains that is under way */
	uint64_t generation;   /* of the plan, when it was last used */
	uint64_t member, entry;
	const void *at; /* the entry, while the generation is the same */
	unsigned stage;
	bool again; /* it is not the first pass */
};

/*
 * Begins a visit of what has changed for the node after revision `since`, of which the node says that it holds it. 0, or anything
 * that the plan cannot go on from (it is from before the plan was made; too much has gone since): everything is visited.
 * -ENOENT: there is no such node.
 */
int gw_plan_open(const struct gw_plan *p, const struct gw_uuid *server, uint64_t since, struct gw_plan_cursor *ret);
/*
 * Visits up to `limit` objects. 1: there is more; 0: done. The plan may be updated in between; then what has changed comes at
 * the end again: who follows has to take everything in its order, by key, and to look at the outcome only when it is done.
 * -ESTALE: open a new one, -ENOENT: the node is gone.
 */
int gw_plan_visit(const struct gw_plan *p, struct gw_plan_cursor *cursor, size_t limit,
		  const struct gw_plan_visitor *v);

/*
 * A place as text, for who goes on with the visit later and keeps nothing meanwhile. What is read may be anything: then something is
 * visited, or -EINVAL.
 */
#define GW_PLAN_CURSOR_STRLEN 96
const char *gw_plan_cursor_format(const struct gw_plan_cursor *cursor, char buf[static GW_PLAN_CURSOR_STRLEN]);
int gw_plan_cursor_parse(const struct gw_plan *p, const struct gw_uuid *server, const char *text,
			 struct gw_plan_cursor *ret);

/* --- what cannot be done ------------------------------------------------------------------------------------------ */

enum gw_plan_grade {
	GW_PLAN_NOTE,	 /* it is in force; something about it may surprise */
	GW_PLAN_WARNING, /* a part of it is not in force */
	GW_PLAN_FAILURE, /* it is not in force */
};

/*
 * Why a resource is not, or not wholly, in force. What several nodes or virtual networks found alike is one: of a route the message
 * says in how many networks it is so, and names the first of them.
 */
struct gw_plan_trouble {
	struct gw_uuid resource; /* its instance */
	const char *path;
	enum gw_plan_grade grade;
	const char *code, *message;
	size_t found; /* by so many */
};

/* Those of one resource, or with `resource` NULL all. A negative return ends the walk and is returned. */
int gw_plan_troubles(const struct gw_plan *p, const struct gw_uuid *resource,
		     int (*visit)(void *ctx, const struct gw_plan_trouble *t), void *ctx);

/* --- whom it concerns --------------------------------------------------------------------------------------------- */

/*
 * The nodes that hold something because of a resource at the top: of a virtual network or a NIC all that take part in its domain.
 * One comes as often as there are reasons for it. A negative return ends the walk and is returned.
 */
int gw_plan_nodes(const struct gw_plan *p, const struct gw_uuid *resource,
		  int (*visit)(void *ctx, const struct gw_uuid *server), void *ctx);
/* The resource because of which a node holds this. -ENOENT: it does not. */
int gw_plan_source(const struct gw_plan *p, const struct gw_uuid *server, const struct gw_hnv_object *key,
		   struct gw_uuid *ret);

/* --- how much work it was ----------------------------------------------------------------------------------------- */

struct gw_plan_work {
	uint64_t domains, nodes; /* computed */
	uint64_t objects;	 /* that came out of it */
	uint64_t changes;	 /* of them, and those gone */
	uint64_t subnets;	 /* that were looked at for routes and gateways, each time counted */
};

/* Since the plan was made. */
struct gw_plan_work gw_plan_work(const struct gw_plan *p);
/* What it has now: objects of domains count once, ports and provider addresses too. */
size_t gw_plan_size(const struct gw_plan *p);

#endif
