/*
 * control.h - the controller's core: what managers have asked for, in memory (model/catalog) and durable (store), and who may
 * ask. Opened by the composition root on nodes whose roles have "controller"; the API calls it.
 */
#ifndef GW_CONTROL_CONTROL_H
#define GW_CONTROL_CONTROL_H

#include "model/catalog/catalog.h"
#include "model/config.h"
#include "model/principal.h"
#include "plan/plan.h"
#include "store/store.h"

struct gw_control;
struct uv_loop_s;

/* The store stays the caller's, and has to outlive it. Without a loop every commit is waited for. */
int gw_control_open(struct gw_store *store, const struct gw_config *config, struct uv_loop_s *loop,
		    struct gw_control **ret, struct gw_error *err);
/* What has been accepted becomes durable first. */
struct gw_control *gw_control_close(struct gw_control *k);
const struct gw_catalog *gw_control_catalog(const struct gw_control *k);

/* One step of a request. */
struct gw_control_op {
	const char *method;		      /* "PUT" or "DELETE" */
	const char *path;		      /* "/virtualNetworks/blue", in any letter case */
	const json_t *body;		      /* of a PUT */
	const char *if_match, *if_none_match; /* header values or NULL */
	/* Answered: */
	const struct gw_resource *resource; /* of a PUT; good until the next change */
	bool existed;
	bool changed; /* it was made, or is no longer what it was */
};

/*
 * Carries out all of `ops` or none. What is accepted is not durable yet, and nobody may be told of it before: gw_control_await
 * or gw_control_flush. On failure *ret_failed is the index of the op at fault, n when it is none in particular.
 */
int gw_control_submit(struct gw_control *k, const struct gw_principal *who, struct gw_control_op *ops, size_t n,
		      size_t *ret_failed, struct gw_error *err);

/*
 * What somebody wants a turn for: to read on the loop; to look at everything on a thread, together with others who do; to work on
 * a thread, alone; to change something on the loop, together with others who do.
 */
enum gw_control_turn { GW_CONTROL_READS, GW_CONTROL_LOOKS, GW_CONTROL_WORKS, GW_CONTROL_JOINS, GW_CONTROL_TURNS };

/* Somebody who waits; belongs to the caller until `done` is called, on the loop's thread. */
struct gw_control_waiter {
	struct gw_control_waiter *next;
	enum gw_control_turn turn;
	uint32_t client; /* for whom, as gw_control_client has it */
	/* `err` NULL: what was accepted is durable, or it is the waiter's turn. Else it has all been undone. */
	void (*done)(struct gw_control_waiter *w, const struct gw_error *err);
};

/* Is it their turn? One that joins changes something and waits itself for what was accepted before. */
bool gw_control_is_open_for(const struct gw_control *k, enum gw_control_turn turn);
/* Calls `done` when it may be; somebody may have come first even so. */
void gw_control_queue(struct gw_control *k, struct gw_control_waiter *w);
/* Calls `done` when everything accepted so far is durable or undone; at once when it is. */
void gw_control_await(struct gw_control *k, struct gw_control_waiter *w);
/*
 * Work that would keep the loop busy for long: `run` is called on a thread. One that `looks` may read the catalogue and nothing else,
 * as others may meanwhile; the others have catalogue and store for themselves, and may submit. Then `done` is called on the loop's
 * thread; `err` is not NULL when what was submitted could not be stored, or when there was no turn for it any more: then it has
 * not been run.
 *
 * What can be done without catalogue and store, such as reading a long text, it does before, beside everybody: of all jobs that have
 * something to prepare one at a time does, from then until it is over.
 */
struct gw_control_job {
	struct gw_control_waiter waiter; /* ours */
	uint32_t client;		 /* for whom: clients take turns */
	bool looks;
	/* On the loop's thread, when its turn has come: whether it may still be run; else `done` is told why not. NULL: it may. */
	int (*may)(struct gw_control_job *job, struct gw_error *err);
	bool (*prepare)(struct gw_control_job
				*job); /* on a thread; false: it needs no turn. NULL: there is nothing to prepare */
	void (*run)(struct gw_control_job *job);
	void (*done)(struct gw_control_job *job, const struct gw_error *err);
	/* Of one that prepares: on a thread, the last that is called, whether it has prepared or not; it frees the job. */
	void (*discard)(struct gw_control_job *job);
	struct gw_control *k;
};

/* What tells those apart who take turns: tenants, whoever asks for them, and the others by name. 0 is the daemon itself. */
uint32_t gw_control_client(const struct gw_principal *who);
/* At once or when it is its turn. Needs a loop. */
void gw_control_run(struct gw_control *k, struct gw_control_job *job);
/* Makes it durable here and now. */
int gw_control_flush(struct gw_control *k, struct gw_error *err);

/* `fd` is the callee's: a file that has no name any more. On failure it is -1, and `err` says why. */
typedef void gw_control_copied(void *ctx, int fd, const struct gw_error *err);
/*
 * A copy of everything that is kept, as the audit log says; secrets are in it as they are sealed, the key is not. `done` comes on
 * the loop's thread, unless this fails.
 */
int gw_control_backup(struct gw_control *k, const struct gw_principal *who, gw_control_copied *done, void *ctx,
		      struct gw_error *err);
/* Checks a copy; from the next start on it is what is kept. Until then nothing can be changed any more. */
int gw_control_restore(struct gw_control *k, const struct gw_principal *who, const void *copy, size_t n,
		       struct gw_error *err);

/*
 * What `who` may see under the path: a resource (*ret), or a collection (*ret is its parent or NULL, *ret_kind its kind). What
 * belongs to others is as if it were not there.
 */
int gw_control_find(const struct gw_control *k, const struct gw_principal *who, const char *path,
		    const struct gw_resource **ret, enum gw_kind *ret_kind, struct gw_error *err);
/* Appends {"number", "time", "who", "method", "tenantId", "path"} of up to `limit` changes after `number` to the list. */
int gw_control_audit(const struct gw_control *k, uint64_t number, unsigned limit, json_t *list, struct gw_error *err);

/* Something to ask for after a change, and whether `who` may. */
int gw_control_new_operation(struct gw_control *k, const struct gw_principal *who, struct gw_uuid *ret);
/* False: there is none. *ret_done: every node that can be reached has carried it out. */
bool gw_control_operation(const struct gw_control *k, const struct gw_principal *who, const struct gw_uuid *id,
			  bool *ret_done);

/*
 * What every node has to hold. May be read by who may read the catalogue; a revision of it means something together with the epoch,
 * which is another one in each life of the controller. NULL: there has been no memory to make it. Then nobody may be told what he is
 * to hold, be it that he is in no plan that there is.
 */
const struct gw_plan *gw_control_plan(struct gw_control *k);
/* Whether it was there at the last try. At any time. */
bool gw_control_has_plan(const struct gw_control *k);
uint64_t gw_control_epoch(const struct gw_control *k);

/* Whether an operator has deleted it, for good: then its node is to hold nothing any more. Of one that never was nothing is known. */
bool gw_control_has_deleted_server(const struct gw_control *k, const char *id);

/* Somebody who waits for a change of what a node has to hold. Belongs to the caller until it is called. */
struct gw_control_follower {
	struct gw_control_follower *next, **link; /* ours */
	struct gw_uuid server;			  /* its instance */
	uint64_t since;				  /* the revision that he knows */
	/* On the loop, once: there is something after it, or there is no such node any more, or it is time to go. */
	void (*call)(struct gw_control_follower *f);
};

/* Of many who follow one node, the oldest is called in favour of a new one. */
void gw_control_follow(struct gw_control *k, struct gw_control_follower *f);
/* It is not called any more, if it has not been. */
void gw_control_unfollow(struct gw_control_follower *f);
/* The daemon is about to end: nobody is to wait any longer. */
void gw_control_release_followers(struct gw_control *k);

/* What a node says of itself: how far it has come, and what it could not carry out. */
#define GW_NODE_FAILURES 64
#define GW_NODE_WARNINGS 16
enum gw_node_state { GW_NODE_SYNCED, GW_NODE_PENDING, GW_NODE_FAILING };
struct gw_node_report {
	uint64_t epoch, revision; /* of the state that it has carried out */
	enum gw_node_state state;
	char version[32], message[512];
	unsigned failed;    /* how many changes it could not carry out */
	json_t *failures;   /* of up to GW_NODE_FAILURES of them {"path", "code", "message"}, all texts */
	json_t *statistics; /* an object, or NULL */
	/* Details, or NULL: as told last. */
	json_t *ports;	   /* {interface: {"state", "detail", "counters"}} */
	json_t *addresses; /* {provider address: "Up" or another state} */
	json_t *warnings;  /* texts, up to GW_NODE_WARNINGS */
	json_t *gateway;   /* {"capabilities": {...}, "virtualGateways": {routing domain: {...}}} */
};

/* Takes over what the report has. It is a change, like those of the catalogue. */
int gw_control_report(struct gw_control *k, const struct gw_resource *server, struct gw_node_report *report);
void gw_node_report_done(struct gw_node_report *r);
/* It has asked for something, and so is there. */
void gw_control_heard(const struct gw_control *k, const struct gw_uuid *server);
/* {"tenants", "virtualNetworks", "networkInterfaces", "servers", "nodes": [{"id", "state", ...}]}, of up to `max` servers. */
json_t *gw_control_status(const struct gw_control *k, size_t max);

bool gw_control_sees(const struct gw_principal *who, const struct gw_resource *r);

#endif
