/*
 * http.h - one listener of the API: libmicrohttpd on the loop. Known to api.c, which makes them; the rest is shared by http.c,
 * which has listener and connections, and http_request.c, which has the requests on them.
 */
#ifndef GW_API_HTTP_H
#define GW_API_HTTP_H

#include "api/limit.h"
#include "api/stats.h"
#include "api/tls.h"
#include "model/service.h"

struct gw_http;

/* What all listeners of an API have in common; outlives them. */
struct gw_http_env {
	struct uv_loop_s *loop;
	const struct gw_service *service;
	struct gw_tls *tls;	  /* NULL unless one of them is https:// */
	struct gw_limits *limits; /* of clients on the network */
	struct gw_api_stats stats;
	bool restores; /* a backup is being read */
	bool draining; /* what is under way is finished, nothing new is begun */
};

/* Takes over `fd`, whatever comes of it. */
int gw_http_start(struct gw_http_env *env, const struct gw_listen *place, int fd, struct gw_http **ret,
		  struct gw_error *err);
/* Stops listening, and ends the connections that have no request under way. */
void gw_http_quiesce(struct gw_http *http);
/* Requests under way. */
unsigned gw_http_busy(const struct gw_http *http);
/* Drops the connections. Memory is freed once the loop has closed the handles. */
struct gw_http *gw_http_stop(struct gw_http *http);

#endif
