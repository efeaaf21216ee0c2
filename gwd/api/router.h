/*
 * router.h - from method, target and body to a reply, without sockets: http.c calls it for the network, tests
 * and the fuzzer directly.
 *
 * A request is handled in two steps, so that one that nobody could answer is refused before its body is read:
 * match looks at method and target, dispatch runs the handler.
 */
#ifndef GW_API_ROUTER_H
#define GW_API_ROUTER_H

#include "model/principal.h"
#include "model/service.h"

#include <stdbool.h>

#define GW_API_PREFIX "/networking/v1"

enum gw_api_limit { GW_API_LIMIT_BODY, GW_API_LIMIT_BATCH, GW_API_LIMIT_BACKUP };

#define GW_API_JSON_TYPE "application/json; charset=UTF-8"

struct gw_api_reply {
	unsigned status; /* 0: not yet, see gw_api_defer */
	json_t *body;	 /* NULL: none, or text */
	char *text;	 /* owned; instead of a body, with its type */
	const char *content_type;
	int fd; /* owned, if `has_fd`: instead of a body, a file */
	bool has_fd;
	char etag[48];	      /* empty: none */
	char *location;	      /* owned; NULL: none */
	char allow[32];	      /* empty: none */
	unsigned retry_after; /* in seconds; 0: none */
	char operation[80];   /* where the change can be followed; empty: none */
	bool challenge;	      /* say how one proves who one is */
};

struct gw_tls_anchor;

/* Decoded values, or NULL. */
struct gw_api_query {
	const char *top, *skip_token, *tenant;
	const char *since, *epoch, *wait, *more; /* of those who follow a node's state */
};

struct gw_api_request {
	const struct gw_service *service;
	const struct gw_principal *who;	      /* allowed to do this by the table of routes */
	const char *if_match, *if_none_match; /* header values or NULL */
	const char *body;
	size_t body_len;
	/* From match: the decoded path segments that the pattern leaves open, and the query. */
	const char *param[2];
	const char *rest; /* what "**" took, as "/virtualNetworks/blue", with "?tenantId=" when the query has it */
	struct gw_api_query query;
	const struct gw_api_stats *stats;   /* NULL: nobody counts */
	const struct gw_tls_anchor *anchor; /* of those who come over TLS; NULL: nobody can */
	/* Of the transport; NULL where nobody can wait. */
	struct gw_api_deferred *(*defer)(const struct gw_api_request *req);
	bool (*reserve)(const struct gw_api_request *req); /* room for an answer that may be large */
	void *defer_ctx;
	struct uv_loop_s *loop; /* where answers come that come later */
};

typedef void (*gw_api_handler)(const struct gw_api_request *req, struct gw_api_reply *reply);

struct gw_api_match {
	gw_api_handler handler;
	enum gw_api_limit limit;
	unsigned roles; /* bits 1 << enum gw_access: who may come here at all; and one more, see router.c */
	bool reads;	/* and changes nothing */
	bool joins;	/* changes what the controller keeps or knows: may be looked at together with others that do */
	const char *pattern, *method; /* of the route, literals */
	char *text;		      /* owned: what param and query point into */
	char *rest;		      /* owned */
	const char *param[2];
	struct gw_api_query query;
};

/* 0, or -errno with the refusal in `reply`. `target` is the request target as sent: percent-encoded, with its query. */
int gw_api_match(const char *method, const char *target, struct gw_api_match *ret, struct gw_api_reply *reply);
/* Does the resource care who asks? */
bool gw_api_is_open(const struct gw_api_match *match);
/* 0, or -EACCES. Monitors read only, whatever the resource. */
int gw_api_authorize(const struct gw_api_match *match, const struct gw_principal *who, struct gw_error *err);
void gw_api_match_done(struct gw_api_match *match);
size_t gw_api_body_limit(const struct gw_api_match *match, const struct gw_config *config);
/* The type that its body has to have. */
const char *gw_api_body_type(const struct gw_api_match *match);
void gw_api_dispatch(const struct gw_api_match *match, struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_reply_done(struct gw_api_reply *reply);

/* --- for handlers ------------------------------------------------------------------------------------------------- */

void gw_api_reply_error(struct gw_api_reply *reply, const struct gw_error *err);
/* Takes over `body`; NULL means that memory ran out. */
void gw_api_reply_json(struct gw_api_reply *reply, unsigned status, json_t *body);
/* Is the tag of this revision in the list of an If-Match or If-None-Match? Our tags are weak, so comparison is. */
bool gw_api_etag_listed(const char *list, uint64_t revision);
/* Strict: no duplicate keys, bounded nesting and number of values, valid UTF-8, nothing behind the value. */
int gw_api_parse_json(const char *text, size_t n, json_t **ret, struct gw_error *err);
/* The value of $top, `max` without one. */
int gw_api_parse_top(const char *s, size_t max, size_t *ret, struct gw_error *err);
/* What is plain in our links beside what always is: addresses and ids are pleasanter to read so. */
#define GW_API_PLAIN ":@"

/*
 * An answer that comes later: the handler calls defer, keeps what it gets, and returns without a status; then, on the loop's
 * thread and once, somebody calls answer, which takes over what is in `reply`; `later` is gone then. That is right at any time:
 * before the handler has returned, when the client has gone, when the server has ended. The request is gone when the handler
 * returns, what it points to stays until the answer. NULL: not possible here; then the handler answers at once.
 */
struct gw_api_deferred {
	bool gone; /* nobody waits any more; what has not been begun need not be, and cannot be when the server has ended */
	void (*answer)(struct gw_api_deferred *later, struct gw_api_reply *reply);
};
struct gw_api_deferred *gw_api_defer(const struct gw_api_request *req);
void gw_api_answer(struct gw_api_deferred *later, struct gw_api_reply *reply);

/*
 * What was submitted to the controller is told when it is durable: takes over `reply` for that. Where nobody can wait, it is
 * made durable at once. On failure, which undoes the change, `reply` is left.
 */
int gw_api_promise(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err);
/* -ENOENT where nobody manages resources. */
int gw_api_require_controller(const struct gw_api_request *req, struct gw_error *err);

/*
 * What would keep the loop busy: calls the handler on a thread and answers later; its answer is put into text there too. `use` is
 * what the handler needs: nothing but the request; the catalogue, to read it; controller and store for itself. Where nobody can
 * wait it is called at once, and where the client has many large answers to read it is refused. `after`, which may be NULL, is
 * called on the loop when it has not been refused.
 */
enum gw_api_use { GW_API_USES_NOTHING, GW_API_USES_CATALOG, GW_API_USES_CONTROL };
void gw_api_in_background(const struct gw_api_request *req, struct gw_api_reply *reply, enum gw_api_use use,
			  gw_api_handler handler, void (*after)(const struct gw_service *service));
/*
 * As GW_API_USES_CONTROL, for what has a large body: that is read, and let go of, beside everybody else, and only what is in order
 * asks for a turn. Both are called even where nobody can wait.
 */
struct gw_api_reading {
	/* What `carry_out` needs of the request; it does without controller and catalogue. */
	int (*read)(const struct gw_api_request *req, void **ret, struct gw_error *err);
	void (*carry_out)(const struct gw_api_request *req, void *what, struct gw_api_reply *reply);
	void (*discard)(void *what);
};
void gw_api_read_in_background(const struct gw_api_request *req, struct gw_api_reply *reply,
			       const struct gw_api_reading *reading);
/* Turns the body, if there is one, into text. On failure, which is for want of memory, the answer says that. */
void gw_api_reply_print(struct gw_api_reply *reply);

/* One file per resource family. */
void gw_api_hnv_list(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_hnv_get(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_hnv_put(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_hnv_delete(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_hnv_batch(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_resource_get(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_resource_put(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_resource_delete(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_resource_batch(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_node_state(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_node_status(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_statistics(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_audit(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_trace(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_access_list(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_access_get(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_access_put(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_access_delete(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_ca(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_certificate(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_enrollment_get(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_enrollment_put(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_backup_get(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_backup_put(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_metrics(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_operation(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_openapi(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_version(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_healthz(const struct gw_api_request *req, struct gw_api_reply *reply);
void gw_api_readyz(const struct gw_api_request *req, struct gw_api_reply *reply);

#endif
