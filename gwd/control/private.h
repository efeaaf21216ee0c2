/* private.h - shared by the files of the controller's core only. */
#ifndef GW_CONTROL_PRIVATE_H
#define GW_CONTROL_PRIVATE_H

#include "control/control.h"

#include <stdatomic.h>
#include <uv.h>

#define GW_SEAL_KEYLEN 32

/*
 * What was accepted in one turn of the loop is committed together, on a thread, while the loop goes on:
 *
 *   idle --submit--> open --end of the turn--> committing --disk--> idle
 *     +--------------run, a job on a thread-------> working ----------^
 *
 * The catalogue shows what has been accepted; so that nobody is told of what may yet be undone, requests that read wait until
 * it is idle, requests that change until it is not committing. While jobs look at the catalogue on threads it stays idle, and who
 * reads may come in.
 *
 * When several wait, those who read on the loop come first, since that is short. The others take turns, so that none waits for
 * ever: after a commit those who look, after them the one who works, after him those who change something together. So a change
 * waits for one job and some looks at most. Of those who look or work, it is the turn of the client who has had none for the
 * longest, however much another asks for.
 */
enum gw_control_state { GW_CONTROL_IDLE, GW_CONTROL_OPEN, GW_CONTROL_COMMITTING, GW_CONTROL_WORKING };

#define GW_CONTROL_CLIENTS 64

struct gw_trim {
	struct gw_control *control;
	struct gw_control_job job;
	uv_timer_t timer;
	struct gw_error error; /* of the last slice */
	int result;
	bool more;
};

struct gw_control_queue {
	struct gw_control_waiter *first, **last;
};

/* Of jobs that prepare: the one that has the place, and those who wait for it. */
struct gw_prepare {
	uv_work_t work;
	uv_sem_t prepared; /* by the thread */
	enum { GW_PREPARE_NOTHING, GW_PREPARE_READS, GW_PREPARE_HOLDS, GW_PREPARE_DISCARDS } stage;
	struct gw_control_job *job;
	bool wants_turn;
	struct gw_control_queue waiting;
};

/* A job that looks, on its thread. Freed when the loop has let go of it. */
struct gw_look {
	uv_work_t work;
	struct gw_control *k;
	struct gw_control_job *job; /* NULL when it has been done */
	struct gw_look *next, **link;
};

struct gw_control {
	struct gw_store *store;
	struct gw_catalog *catalog;
	struct gw_plan *plan;	    /* of what has been committed */
	atomic_bool plan_is_behind; /* memory ran out: what nodes have to hold is not known */
	uint64_t epoch;
	struct gw_control_follower *followers; /* the youngest first */
	struct gw_hmap gone_servers;	       /* that were there once; some may be again */
	struct gw_hmap nodes;		       /* that have said something, by server */
	struct gw_node *faulty;		       /* of them, those that could not do everything */
	const struct gw_config *config;
	uint8_t seal_key[GW_SEAL_KEYLEN];
	enum gw_control_state state;
	bool writing;		    /* the store's transaction has begun */
	struct gw_control_job *job; /* while working */
	struct gw_look *looks;	    /* while idle */
	unsigned n_looks;
	struct {
		uint32_t client;
		uint64_t turn;	       /* 0: nobody's place */
	} clients[GW_CONTROL_CLIENTS]; /* who had jobs of late */
	uint64_t turns;
	uint64_t revision;		  /* of the last change that was accepted, while not idle */
	struct gw_control_queue waiting;  /* for their turn */
	struct gw_control_queue accepted; /* for the commit */
	struct uv_loop_s *loop;
	uv_check_t turn; /* the end of it */
	uv_work_t work;
	uv_sem_t worked;       /* by the thread, so that closing can wait for it */
	uv_sem_t looked;       /* by each thread that looked */
	struct gw_error error; /* of the thread */
	int result;
	struct gw_prepare prepare;
	struct gw_trim trim;
	bool letting_in; /* those who wait: jobs do not begin out of turn meanwhile */
	bool ending, closed;
	unsigned handles; /* that the loop has not let go of */
};

/* trim.c: the timer begins. */
int gw_trim_init(struct gw_control *k);

/* --- turns.c --- */

void gw_turns_queue_init(struct gw_control_queue *q);
void gw_turns_push(struct gw_control_queue *q, struct gw_control_waiter *w);
/* What was in it; it is empty then. */
struct gw_control_queue gw_turns_take_all(struct gw_control_queue *q);
/* All from `w` on. */
void gw_turns_tell(struct gw_control_waiter *w, const struct gw_error *err);
/* Takes him out whose client has had no turn for the longest; of one client's, and of those who had none, the first. */
struct gw_control_waiter *gw_turns_take_next(const struct gw_control *k, struct gw_control_queue *q);
/* A job of the client begins. */
void gw_turns_remember(struct gw_control *k, uint32_t client);
/* `last` has had its turn: others come in until something is under way, at whose end the next do, or nobody waits. */
void gw_turns_let_in(struct gw_control *k, enum gw_control_turn last);
extern const struct gw_error gw_turns_ending;
/* There are no turns any more. */
void gw_turns_end(struct gw_control *k);

/* --- commit.c --- */

int gw_commit_init(struct gw_control *k, struct gw_error *err);
/* Of the next change that is accepted. */
uint64_t gw_commit_next_revision(const struct gw_control *k);
/* The store may be written to, for one change. */
int gw_commit_begin(struct gw_control *k, struct gw_error *err);
/* Takes back all that has been accepted and not committed. */
void gw_commit_fail(struct gw_control *k, const struct gw_error *err);
void gw_commit_close(struct gw_control *k);
/* The job has prepared what it had to: at once or when it is its turn. */
void gw_commit_take_turn(struct gw_control *k, struct gw_control_job *job);
/* The loop has let go of one of the handles. */
void gw_commit_let_go(struct gw_control *k);

/* --- prepare.c --- */

int gw_prepare_init(struct gw_control *k);
/* It is to prepare, and then to have its turn. */
void gw_prepare_run(struct gw_control *k, struct gw_control_job *job);
/* The one that has the place is done. */
void gw_prepare_end(struct gw_control *k);
void gw_prepare_close(struct gw_control *k);

/* --- nodes.c --- */

int gw_nodes_init(struct gw_control *k);
/* What the catalogue's transaction has changed is committed; the transaction has not ended yet. */
void gw_nodes_update(struct gw_control *k);
/* Calls those whom it concerns. */
void gw_nodes_tell(struct gw_control *k);
int gw_nodes_load(struct gw_control *k, struct gw_error *err); /* when the store has been read */
void gw_nodes_done(struct gw_control *k);

/* --- report.c --- */

struct gw_node {
	struct gw_hmap_node by_server;
	struct gw_node *next_faulty, *prev_faulty; /* while it has failures */
	struct gw_uuid server;
	char id[GW_RESOURCE_ID_MAX + 1];
	bool reported;		/* since the controller was started */
	_Atomic uint64_t heard; /* ms; until it is heard of: when the controller was started */
	struct gw_node_report report;
	uint64_t detailed;	   /* of this revision ports and addresses are known; they may be told after it */
	bool dark;		   /* none of its provider addresses can be used, as it says */
	char dead[GW_ADDR_STRLEN]; /* one of them that cannot; "": none */
	struct gw_uuid sources[GW_NODE_FAILURES]; /* the resources that failed there; nil: none that is known */
};

/* NULL: it has said nothing, and its server was not there when the controller was started. */
struct gw_node *gw_node_of(const struct gw_control *k, const struct gw_uuid *server);
bool gw_node_is_away(const struct gw_node *n);
const char *gw_node_state_name(const struct gw_node *n);
/* What it holds of the plan: up to this revision. */
uint64_t gw_node_reached(const struct gw_control *k, const struct gw_node *n);

/* Nodes of servers that are there at the start have some time to be heard of, before they are away. */
int gw_reports_expect(struct gw_control *k);
/* Whether every node that can be reached holds all that concerns it, up to this revision. */
bool gw_reports_have_reached(const struct gw_control *k, uint64_t revision);
void gw_reports_done(struct gw_control *k);

/* --- gateway.c --- */

/* The gateway that the plan has the virtual gateway on; NULL: none. */
const struct gw_resource *gw_gateway_of(const struct gw_control *k, const struct gw_resource *vgw);
const struct gw_node *gw_gateway_node(const struct gw_control *k, const struct gw_resource *gateway);
/* What its node, which may be NULL, has told of it last; NULL: nothing. */
json_t *gw_gateway_reported(const struct gw_control *k, const struct gw_node *n, const struct gw_resource *vgw);
/* What the node that carries the network's virtual gateway has told of public addresses there; NULL: nothing. */
json_t *gw_gateway_counted(const struct gw_control *k, const struct gw_resource *network);
/* What clients see of a gateway, and of a virtual one. */
void gw_gateway_describe(const struct gw_control *k, const struct gw_resource *gateway, json_t *properties);
void gw_gateway_describe_virtual(const struct gw_control *k, const struct gw_resource *vgw, json_t *properties);
void gw_gateway_describe_connection(const struct gw_control *k, const struct gw_resource *connection,
				    json_t *properties);
/* What the node, which may be NULL, has told of the connection last; NULL: nothing. */
json_t *gw_gateway_reported_connection(const struct gw_node *n, const struct gw_resource *connection);

/* counted.c: the "statistics" of rules of load balancers and of public addresses. */
void gw_counted_describe(const struct gw_control *k, const struct gw_resource *r, json_t *properties);

/* standing.c, for the catalogue: what is known of a resource. */
void gw_standing_describe(void *ctx, const struct gw_resource *r, json_t *properties);

/*
 * seal.c: secrets are kept encrypted, with a key that is a file of its own beside the store, so that neither a copy of the
 * store nor a backup says them.
 */
/* -ENOENT, and `err` left to the caller, when there is none. */
int gw_seal_load_key(const char *path, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err);
int gw_seal_make_key(const char *path, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err);
int gw_seal(const uint8_t key[static GW_SEAL_KEYLEN], const char *secret, char **ret, struct gw_error *err);
/* The clear text, to be wiped and freed. */
int gw_unseal(const uint8_t key[static GW_SEAL_KEYLEN], const char *sealed, char **ret, struct gw_error *err);
/* Whether both say the same secret. How much of it they share does not show in the time it takes. */
bool gw_seal_same(const uint8_t key[static GW_SEAL_KEYLEN], const char *a, const char *b);

/* 32 bytes that only who has the key can make of the text; `use` keeps those for one thing from serving another. */
#define GW_SEAL_TAGLEN 32
int gw_seal_tag(const uint8_t key[static GW_SEAL_KEYLEN], const char *use, const void *text, size_t n,
		uint8_t ret[static GW_SEAL_TAGLEN]);

/* One block, which only who has the key can make or read. */
#define GW_SEAL_BLOCKLEN 16
int gw_seal_block(const uint8_t key[static GW_SEAL_KEYLEN], const char *use, bool encrypt,
		  const uint8_t in[static GW_SEAL_BLOCKLEN], uint8_t ret[static GW_SEAL_BLOCKLEN]);

/* Whether every secret that is kept can be read with the key. */
int gw_control_check_secrets(const struct gw_control *k, struct gw_error *err);
bool gw_control_has_secrets(const struct gw_control *k);

/* control.c: on a store whose secrets are sealed with that key; every one is looked at. */
int gw_control_open_sealed(struct gw_store *store, const struct gw_config *config,
			   const uint8_t key[static GW_SEAL_KEYLEN], struct gw_control **ret, struct gw_error *err);

/* backup.c: what copies that were not finished left beside the store. */
void gw_control_discard_copies(const struct gw_config *config);

/* path.c */
struct gw_path {
	struct gw_resource *parent; /* NULL: top level */
	enum gw_kind kind;
	const char *id; /* NULL: the collection. Points into `text` */
	const char *
		tenant; /* whose names are meant; "": the operator's own; NULL: it was not said, and an operator asks */
	char text[GW_REF_MAX + 1];
};

/* -ENOENT for what is no path here, or leads through what `who` may not see. */
int gw_path_parse(const struct gw_catalog *c, const struct gw_principal *who, const char *path, struct gw_path *ret,
		  struct gw_error *err);

/* -ENOENT, and why. */
int gw_path_not_there(const struct gw_catalog *c, const struct gw_principal *who, const char *path,
		      struct gw_error *err);
/*
 * -EEXIST where an operator has not said whose he means to change and the name is a tenant's only: what tenants call theirs is
 * not to decide what he changes.
 */
int gw_path_check_whose(const struct gw_catalog *c, const struct gw_principal *who, const char *path,
			struct gw_error *err);
/* What is at the path now, or NULL. */
struct gw_resource *gw_path_resource(const struct gw_catalog *c, const struct gw_path *path);

#endif
