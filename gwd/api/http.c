/*
 * http.c - the API on the network: the only file that knows libmicrohttpd. Started by the composition root.
 *
 * The library runs without threads: its epoll descriptor is watched by the loop, its time-outs are one timer.
 *
 * A refusal is decided as early as can be, but said when the body has been read and thrown away: most clients
 * send all of it before they listen. That goes up to twice what a body may have. Who asks first (Expect) or
 * announces more is answered at once; who sends more unannounced is cut off; who has no right to be here is
 * not read at all.
 */
#include "api/api.h"
#include "api/router.h"
#include "api/socket.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "model/config.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#define MAX_CONNECTIONS	  256
#define IDLE_SECONDS	  15
#define CONNECTION_MEMORY (32 * 1024) /* request line, headers and buffers of one connection */

struct gw_api {
	const struct gw_service *service;
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles; /* that the loop has not closed yet */
	char *path;
};

/* One request, from its first line to the end of its reply. */
struct exchange {
	char *target;
	bool begun;   /* its header has been seen */
	bool refused; /* `reply` is the answer, the body is thrown away */
	struct gw_api_reply reply;
	struct gw_api_match match;
	size_t limit;
	char *body;
	size_t len, room;
	size_t dropped; /* bytes thrown away */
};

/* --- replies ------------------------------------------------------------------------------------------------------ */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value && *value && MHD_add_response_header(response, name, value) != MHD_YES)
		gw_log_debug("no room for header %s", name);
}

static void add_request_id(struct MHD_Response *response)
{
	char text[37];
	uint32_t r[4];

	if (getrandom(r, sizeof r, GRND_NONBLOCK) != sizeof r)
		return;
	snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%04x%08x", r[0], r[1] >> 16, r[1] & 0xfff,
		 0x8000 | (r[2] >> 16 & 0x3fff), r[2] & 0xffff, r[3]);
	add_header(response, "x-ms-request-id", text);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, const struct gw_api_reply *reply)
{
	char *text = reply->body ? json_dumps(reply->body, JSON_COMPACT) : NULL;
	unsigned status = reply->status;
	struct MHD_Response *response;
	enum MHD_Result r;

	if (reply->body && !text)
		status = 500;
	response = MHD_create_response_from_buffer(text ? strlen(text) : 0, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (text)
		add_header(response, "Content-Type", "application/json; charset=UTF-8");
	add_header(response, "ETag", reply->etag);
	add_header(response, "Location", reply->location);
	add_header(response, "Azure-AsyncOperation", reply->operation);
	add_header(response, "Allow", reply->allow);
	add_request_id(response);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct exchange *x = calloc(1, sizeof *x);

	(void)cls;
	(void)connection;
	if (x && !(x->target = strdup(target))) {
		free(x);
		x = NULL;
	}
	return x;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *con_cls;

	(void)cls;
	(void)connection;
	(void)code;
	*con_cls = NULL;
	if (!x)
		return;
	gw_api_match_done(&x->match);
	gw_api_reply_done(&x->reply);
	free(x->target);
	free(x->body);
	free(x);
}

/* Targets are decoded by the router, which refuses what would end a string early. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls;
	(void)connection;
	return strlen(s);
}

static bool is_operator(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info && gw_api_socket_peer_is_operator(info->connect_fd);
}

static void refuse(struct exchange *x, const struct gw_error *err)
{
	x->refused = true;
	gw_api_reply_done(&x->reply);
	gw_api_reply_error(&x->reply, err);
}

static void refuse_large(struct exchange *x)
{
	struct gw_error err = GW_ERROR_INIT;

	gw_error_set(&err, EFBIG, GW_ERR_TOO_LARGE, "",
		     "the body may have up to %zu bytes here: send it in several requests, or raise %s", x->limit,
		     x->match.limit == GW_API_LIMIT_BATCH ? "[limits] batch" : "[limits] body");
	refuse(x, &err);
}

/* The header is here, the body is not. MHD_YES without a reply lets it come. */
static enum MHD_Result begin(struct gw_api *api, struct MHD_Connection *connection, const char *method,
			     struct exchange *x)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;
	struct gw_error err = GW_ERROR_INIT;

	x->begun = true;
	if (!is_operator(connection)) {
		gw_error_set(&err, EACCES, GW_ERR_FORBIDDEN, "",
			     "only root and the user that gwd runs as may use this socket");
		refuse(x, &err);
		return send_reply(connection, &x->reply);
	}
	x->refused = gw_api_match(method, x->target, &x->match, &x->reply) < 0;
	x->limit = gw_api_body_limit(&x->match, api->service->config);
	if (!x->refused && announced > x->limit)
		refuse_large(x);
	if (x->refused &&
	    (announced / 2 > x->limit || MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect")))
		return send_reply(connection, &x->reply);
	return MHD_YES;
}

/* Makes room for `n` bytes more. */
static bool reserve(struct exchange *x, size_t n)
{
	size_t room = x->room ? x->room : 4096;
	char *larger;

	while (room < x->len + n)
		room *= 2;
	if (room == x->room)
		return true;
	larger = realloc(x->body, room);
	if (!larger)
		return false;
	x->body = larger;
	x->room = room;
	return true;
}

static enum MHD_Result collect(struct exchange *x, const char *data, size_t *n)
{
	struct gw_error err = GW_ERROR_INIT;
	size_t len = *n;

	*n = 0;
	if (!x->refused && len > x->limit - x->len)
		refuse_large(x);
	if (!x->refused && !reserve(x, len)) {
		gw_error_oom(&err);
		refuse(x, &err);
	}
	if (x->refused) {
		x->dropped += len;
		return x->dropped / 2 > x->limit ? MHD_NO : MHD_YES;
	}
	memcpy(x->body + x->len, data, len);
	x->len += len;
	return MHD_YES;
}

static enum MHD_Result finish(struct gw_api *api, struct MHD_Connection *connection, const char *method,
			      struct exchange *x)
{
	static const struct gw_principal local = {.access = GW_ACCESS_OPERATOR, .name = "unix socket"};
	struct gw_api_request req = {
		.service = api->service,
		.who = &local,
		.if_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Match"),
		.if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
		.body = x->body,
		.body_len = x->len,
	};

	if (!x->refused)
		gw_api_dispatch(&x->match, &req, &x->reply);
	gw_log_debug("%s %s: %u", method, x->target, x->reply.status);
	return send_reply(connection, &x->reply);
}

/* Called once when the header has come, then for each piece of the body, then once at its end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *n, void **con_cls)
{
	struct gw_api *api = cls;
	struct exchange *x = *con_cls;

	(void)url;
	(void)version;
	if (!x)
		return MHD_NO;
	if (!x->begun)
		return begin(api, connection, method, x);
	if (*n > 0)
		return collect(x, data, n);
	return finish(api, connection, method, x);
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static unsigned connections(const struct gw_api *api)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info ? info->num_connections : 0;
}

static void run(struct gw_api *api)
{
	bool was_full = connections(api) >= MAX_CONNECTIONS;
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(api->mhd);
	/* While full the library does not watch the listening socket; it takes it up again only at its next run. */
	if (was_full && connections(api) < MAX_CONNECTIONS)
		MHD_run(api->mhd);
	if (MHD_get_timeout(api->mhd, &ms) == MHD_YES)
		uv_timer_start(&api->timer, on_timer, ms, 0);
	else
		uv_timer_stop(&api->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

static void on_closed(uv_handle_t *handle)
{
	struct gw_api *api = handle->data;

	if (--api->handles > 0)
		return;
	free(api->path);
	free(api);
}

static void on_library_log(void *cls, const char *fmt, va_list ap)
{
	char text[256];
	int n = vsnprintf(text, sizeof text, fmt, ap);

	(void)cls;
	while (n > 0 && (size_t)n < sizeof text && text[n - 1] == '\n')
		text[--n] = '\0';
	gw_log_debug("http: %s", text);
}

static struct MHD_Daemon *start_library(struct gw_api *api, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, api,
				MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL,
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
				on_completed, NULL, MHD_OPTION_END);
}

static int watch_library(struct gw_api *api, uv_loop_t *loop, struct gw_error *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	int r = info ? uv_timer_init(loop, &api->timer) : UV_ENOSYS;

	if (r == 0) {
		api->timer.data = api;
		api->handles++;
		r = uv_poll_init(loop, &api->poll, info->epoll_fd);
	}
	if (r == 0) {
		api->poll.data = api;
		api->handles++;
		r = uv_poll_start(&api->poll, UV_READABLE, on_poll);
	}
	return r < 0 ? gw_error_set(err, -r, GW_ERR_INTERNAL, "", "cannot watch the API's socket: %s", uv_strerror(r))
		     : 0;
}

int gw_api_start(uv_loop_t *loop, const char *listen, const struct gw_service *service, struct gw_api **ret,
		 struct gw_error *err)
{
	static const char scheme[] = "unix:";
	struct gw_api *api;
	int fd, r;

	if (strncmp(listen, scheme, sizeof scheme - 1) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_NOT_SUPPORTED, "[api] listen", "\"%s\" is not unix:PATH",
				    listen);
	api = calloc(1, sizeof *api);
	if (!api)
		return gw_error_oom(err);
	api->service = service;
	r = gw_api_socket_listen(listen + sizeof scheme - 1, &fd, err);
	if (r < 0)
		goto fail;
	api->path = strdup(listen + sizeof scheme - 1);
	api->mhd = api->path ? start_library(api, fd) : NULL;
	if (!api->mhd) {
		r = gw_error_set(err, EIO, GW_ERR_INTERNAL, listen, "the HTTP library does not start");
		close(fd);
		goto fail;
	}
	r = watch_library(api, loop, err);
	if (r < 0)
		goto fail;
	*ret = api;
	return 0;
fail:
	gw_api_stop(api);
	return r;
}

struct gw_api *gw_api_stop(struct gw_api *api)
{
	unsigned handles;

	if (!api)
		return NULL;
	handles = api->handles;
	if (handles > 1)
		uv_poll_stop(&api->poll);
	if (api->mhd)
		MHD_stop_daemon(api->mhd); /* closes the listening socket too */
	if (api->path)
		unlink(api->path);
	if (handles > 1)
		uv_close((uv_handle_t *)&api->poll, on_closed);
	if (handles > 0)
		uv_close((uv_handle_t *)&api->timer, on_closed);
	if (handles == 0) {
		free(api->path);
		free(api);
	}
	return NULL;
}
