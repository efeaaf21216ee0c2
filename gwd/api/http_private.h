/* http_private.h - shared by http.c, http_request.c and http_check.c only. */
#ifndef GW_API_HTTP_PRIVATE_H
#define GW_API_HTTP_PRIVATE_H

#include "api/http.h"

#include <microhttpd.h>
#include <uv.h>

struct gw_http_exchange;
struct gw_http_holder;
struct gw_principal;

#define GW_HTTP_SMALL 65536 /* so much of each body and each answer is counted as its connection's */

/* What a body or an answer takes, counted against what all of them may have. */
struct gw_http_hold {
	struct gw_limits *limits;
	struct gw_addr client;
	size_t bytes;
};

/*
 * One connection. Its deadline is when it will be cut off; each step towards an answer sets a new one:
 *
 *     connected --request line--> request --all of it is here--> at work --answer--> answering --read--> idle --+
 *                                    ^                      (no deadline)                                       |
 *                                    +------------------------request line---------------------------------------+
 *
 * Bodies and answers may take longer, as long as enough of them moves: whenever so many bytes have passed as a slow but honest
 * client moves within the time, the time begins anew.
 */
struct gw_http_connection {
	struct gw_http_connection *next, **link;
	struct gw_http *http;
	struct MHD_Connection *mhd;
	int fd;				  /* the library's */
	struct gw_addr client;		  /* as it is counted; of a unix socket nothing */
	bool counted;			  /* to be taken off again */
	struct gw_tls_identity *identity; /* of TLS, with `session` */
	gnutls_session_t session;
	struct gw_tls_peer peer;
	bool proved;		       /* who it is, once at least; others go first when it is full */
	struct gw_http_holder *holder; /* whose it is, by the last credentials; NULL: not counted */
	bool cut;		       /* it is ending */
	int unread;		       /* bytes in its socket when last looked at */
	uint64_t deadline_ms;	       /* of gw_http_now; UINT64_MAX: none */
	uint64_t moved;		       /* bytes since the deadline was set */
	struct gw_http_exchange *exchange;
};

struct gw_http {
	struct gw_http_env *env;
	struct gw_listen place;
	int fd; /* while it listens; the library closes it at its end */
	bool quiesced;
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer, sweep; /* of the library; of the deadlines */
	unsigned handles;	 /* that the loop has not closed yet */
	struct gw_http_connection *connections;
	struct gw_http_holder *holders;
	unsigned busy;
	unsigned progress; /* counts what the library has come to us with */
	unsigned stalls;   /* runs in a row of which nothing came, though it wanted them */
};

/* Not uv_now, which stands still while a handler is at work. */
static inline uint64_t gw_http_now(void)
{
	return uv_hrtime() / 1000000;
}

/* The library has something to do that no descriptor tells of. */
void gw_http_wake(struct gw_http *http);
/* All its places are taken. */
bool gw_http_is_full(const struct gw_http *http);
/* The connection is to be ended. */
void gw_http_cut(struct gw_http_connection *c);
void gw_http_set_deadline(struct gw_http_connection *c, unsigned seconds);
/* So many bytes of a body or an answer have passed. */
void gw_http_moved(struct gw_http_connection *c, size_t n);

/* --- http_check.c --- */

/* Whether the head of a request is one, and its end is where everybody sees it. */
int gw_http_check(struct MHD_Connection *connection, const char *version, struct gw_error *err);
/* Whether it comes from a page of somebody else's that a browser shows; of listeners on the network. */
int gw_http_check_origin(struct MHD_Connection *connection, const struct gw_http *http, struct gw_error *err);
/* Whether the body is of the type that is read: `type`, as "application/json". */
int gw_http_check_type(struct MHD_Connection *connection, const struct gw_http *http, const char *type,
		       struct gw_error *err);

/* The path of a target, and its query: what comes in absolute form names the server before it (RFC 9112, 3.2.2). */
const char *gw_http_path_of(const char *target);
/* A header that is a list, which may come in several lines (RFC 9110, 5.3); NULL in *ret where there is none. */
int gw_http_copy_list(struct MHD_Connection *connection, const char *name, char **ret, struct gw_error *err);

/* --- http_places.c --- */

/* Whose credentials were shown on it; false: he has as many connections as one may have. */
bool gw_http_take(struct gw_http_connection *c, const struct gw_principal *who);
/* It is nobody's again. */
void gw_http_give_back(struct gw_http_connection *c);
/* The last place is taken, by `newest`: another one is ended, so that there is a place for the next. */
void gw_http_make_place(struct gw_http *http, const struct gw_http_connection *newest);
/*
 * All were busy when the last place was taken, and the library lets nobody in any more who would ask for one: as soon as one has
 * nothing to do, one goes.
 */
void gw_http_keep_place(struct gw_http *http);

/* --- http_answer.c --- */

/* Whether there is room for an answer that is much work; `own` bytes are held by the request's body. */
bool gw_http_reserve(struct gw_http_connection *c, size_t own, struct gw_http_hold *hold);
void gw_http_let_go(struct gw_http_hold *hold);
/*
 * Queues `reply`; what of it has been taken over is gone from it, and from `hold`, which is what was reserved for it. Its status and
 * length are counted. Without room for it, the answer is a refusal, which says so if something has been changed: not `reads`.
 */
struct gw_api_reply;
enum MHD_Result gw_http_answer(struct gw_http_connection *c, struct gw_api_reply *reply, struct gw_http_hold *hold,
			       bool reads, bool closes);

/* --- http_request.c: callbacks of the library --- */

void *gw_http_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result gw_http_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				   const char *version, const char *data, size_t *n, void **con_cls);
void gw_http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			  enum MHD_RequestTerminationCode code);
/* Lets go of an exchange that waits for its answer, so that the library can be ended. */
void gw_http_resume(struct gw_http_exchange *x);

#endif
