/*
 * link.h - HTTP requests of the daemon's own, on its event loop: libcurl's multi interface, one uv_poll for each of its sockets,
 * one timer. Knows nothing of what is asked. The only user of libcurl in the daemon.
 *
 * Who answers is not trusted: what it sends is bounded in size and time, it is known by its certificate, and it can send us
 * nowhere else. Connections are kept and used again; files of certificates are read for each new one.
 */
#ifndef GW_SYNC_LINK_H
#define GW_SYNC_LINK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;

struct gw_sync_link;
struct gw_link_call;

/* Whom to ask, and what to show. */
struct gw_link_peer {
	const char *url;	     /* "https://HOST:PORT" or "unix:PATH" */
	const char *ca, *cert, *key; /* files; "": no certificate is shown. Of a unix socket none of them count */
};

struct gw_link_answer {
	unsigned status; /* 0: there was none, for this reason: */
	const struct gw_error
		*why;	  /* UNAUTHORIZED: one of the two does not trust the other; TOO_LARGE; else UNAVAILABLE */
	const char *body; /* until `done` returns */
	size_t len;
};

struct gw_link_request {
	const char *method, *path; /* with query, percent-encoded */
	const char *body;	   /* JSON text; NULL: none. Copied */
	size_t body_len;
	unsigned seconds; /* it may take; to connect it may take a few of them */
	/* On the loop's thread, later, once: unless the call is cancelled or the link closed. May do either. */
	void (*done)(void *ctx, const struct gw_link_answer *answer);
	void *ctx;
};

int gw_link_open(struct uv_loop_s *loop, struct gw_sync_link **ret, struct gw_error *err);
/* What is under way ends. Memory is freed once the loop has closed the handles. */
struct gw_sync_link *gw_link_close(struct gw_sync_link *l);
/* *ret is good until `done` is called or it is cancelled. */
int gw_link_ask(struct gw_sync_link *l, const struct gw_link_peer *peer, const struct gw_link_request *request,
		struct gw_link_call **ret, struct gw_error *err);
/* NULL is allowed. */
struct gw_link_call *gw_link_cancel(struct gw_link_call *call);

#endif
