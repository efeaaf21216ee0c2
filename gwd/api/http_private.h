/* http_private.h - shared by http.c, http_request.c and http_check.c only. */
#ifndef GW_API_HTTP_PRIVATE_H
#define GW_API_HTTP_PRIVATE_H

#include "api/http.h"

#include <microhttpd.h>
#include <uv.h>

struct gw_http_exchange;

/*
 * One connection. Its deadline is when it will be cut off; each step towards an answer sets a new one:
 *
 *     connected --request line--> request --all of it is here--> at work --answer--> answering --read--> idle --+
 *                                    ^                      (no deadline)                                       |
 *                                    +------------------------request line---------------------------------------+
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
	uint64_t deadline_ms; /* of uv_now; UINT64_MAX: none */
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
	unsigned busy;
	unsigned progress; /* counts what the library has come to us with */
	unsigned stalls;   /* runs in a row of which nothing came, though it wanted them */
};

static inline uint64_t gw_http_now(const struct gw_http *http)
{
	return uv_now(http->env->loop);
}

/* The library has something to do that no descriptor tells of. */
void gw_http_wake(struct gw_http *http);
/* The connection is to be ended. */
void gw_http_cut(struct gw_http_connection *c);
void gw_http_set_deadline(struct gw_http_connection *c, unsigned seconds);

/* http_check.c: whether the head of a request is one, and its end is where everybody sees it. */
int gw_http_check(struct MHD_Connection *connection, const char *version, struct gw_error *err);

/* --- http_request.c: callbacks of the library --- */

void *gw_http_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result gw_http_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				   const char *version, const char *data, size_t *n, void **con_cls);
void gw_http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			  enum MHD_RequestTerminationCode code);
/* Lets go of an exchange that waits for its answer, so that the library can be ended. */
void gw_http_resume(struct gw_http_exchange *x);

#endif
