/*
 * http_request.c - one request on a connection of http.c, from its first line to the end of its answer.
 *
 * A refusal is decided as early as can be, but said when the body has been read and thrown away: most clients send all of it
 * before they listen. That goes up to twice what a body may have. Who asks first (Expect) or announces more is answered at
 * once; who sends more unannounced is cut off; who does not prove who it is is not read at all.
 */
#include "api/http_private.h"

#include "api/api.h"
#include "api/auth.h"
#include "api/router.h"
#include "api/socket.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control.h"
#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define IDLE_SECONDS 15	   /* between requests */
#define PIECE	     16384 /* of an answer: as much as TLS sends at once */

struct gw_http_exchange {
	struct gw_api_deferred deferred; /* first: this is what a handler has that answers later */
	struct gw_http_connection *c;	 /* NULL when nobody waits for that answer any more */
	char *target;
	bool begun;   /* its header has been seen */
	bool refused; /* `reply` is the answer, the body is thrown away */
	bool broken;  /* where the next request would begin is in doubt: the connection ends */
	struct gw_principal who;
	struct gw_api_reply reply;
	struct gw_api_match match;
	size_t limit;
	char *body;
	size_t len, room;
	size_t dropped; /* bytes thrown away */
	/* Of dispatched requests: header values, or NULL. Owned, as an answer that comes later may come when the connection has gone. */
	char *if_match, *if_none_match;
	struct gate *gate;
	bool dispatched, later, suspended;
	uint64_t whole_ns; /* when all of it was here */
};

/* The controller's turn is waited for. */
struct gate {
	struct gw_control_waiter waiter; /* first */
	struct gw_http_exchange *x;	 /* NULL when the client has gone */
};

/* --- replies ------------------------------------------------------------------------------------------------------ */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value && *value && MHD_add_response_header(response, name, value) != MHD_YES)
		gw_log_debug("no room for header %s", name);
}

static void add_request_id(struct MHD_Response *response)
{
	char text[GW_UUID_STRLEN];
	struct gw_uuid id;

	if (gw_uuid_random(&id) == 0)
		add_header(response, "x-ms-request-id", gw_uuid_format(&id, text));
}

static void add_headers(struct MHD_Response *response, const struct gw_http_exchange *x)
{
	const struct gw_http *http = x->c->http;
	const struct gw_api_reply *reply = &x->reply;
	char seconds[16] = "";

	if (reply->body)
		add_header(response, "Content-Type", GW_API_JSON_TYPE);
	else
		add_header(response, "Content-Type", reply->content_type);
	add_header(response, "Cache-Control", "no-store");
	add_header(response, "ETag", reply->etag);
	add_header(response, "Location", reply->location);
	add_header(response, "Azure-AsyncOperation", reply->operation);
	add_header(response, "Allow", reply->allow);
	if (reply->retry_after)
		snprintf(seconds, sizeof seconds, "%u", reply->retry_after);
	add_header(response, "Retry-After", seconds);
	if (reply->challenge) {
		add_header(response, "WWW-Authenticate", "Bearer realm=\"gwd\"");
		add_header(response, "WWW-Authenticate", "Basic realm=\"gwd\", charset=\"UTF-8\"");
	}
	if (http->env->draining || x->broken)
		add_header(response, "Connection", "close");
	add_request_id(response);
}

/* A long answer, of which the library asks for a piece whenever it has sent the one before. */
struct long_answer {
	struct gw_http *http;
	char *text;
	size_t len;
};

static ssize_t next_piece(void *cls, uint64_t at, char *buf, size_t max)
{
	struct long_answer *a = cls;
	size_t n = a->len - (size_t)at;

	a->http->progress++;
	if (n > max)
		n = max;
	memcpy(buf, a->text + at, n);
	return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_long_answer(void *cls)
{
	struct long_answer *a = cls;

	free(a->text);
	free(a);
}

/* Takes over `text`, which may be NULL, if it succeeds. */
static struct MHD_Response *make_response(struct gw_http_exchange *x, char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct MHD_Response *response;
	struct long_answer *a;
	struct stat st;

	if (x->reply.has_fd) {
		if (fstat(x->reply.fd, &st) < 0)
			return NULL;
		response = MHD_create_response_from_fd64((uint64_t)st.st_size, x->reply.fd);
		x->reply.has_fd = !response; /* the library closes it */
		return response;
	}
	if (len <= PIECE)
		return MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	a = malloc(sizeof *a);
	if (!a)
		return NULL;
	*a = (struct long_answer){x->c->http, text, len};
	response = MHD_create_response_from_callback(len, PIECE, next_piece, a, free_long_answer);
	if (!response)
		free(a);
	return response;
}

static enum MHD_Result send_reply(struct gw_http_exchange *x)
{
	struct gw_http *http = x->c->http;
	struct gw_loop_meter *meter = http->env->service->meter;
	uint64_t entered = gw_loop_enter(meter);
	char *text = x->reply.body ? json_dumps(x->reply.body, JSON_COMPACT) : x->reply.text;
	unsigned status = x->reply.body && !text ? 500 : x->reply.status;
	struct MHD_Response *response;
	enum MHD_Result r;

	x->reply.text = NULL;
	gw_loop_leave(meter, "http", "encode", entered);
	if (status < GW_API_STATUSES)
		http->env->stats.answered[status]++;
	if (x->whole_ns)
		gw_histogram_add(&http->env->stats.duration, (double)(uv_hrtime() - x->whole_ns) / 1e9);
	response = make_response(x, text);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	add_headers(response, x);
	gw_http_set_deadline(x->c, http->env->service->config->request_seconds);
	r = MHD_queue_response(x->c->mhd, status, response);
	MHD_destroy_response(response);
	return r;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

void *gw_http_on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct gw_http_connection *c = info ? info->socket_context : NULL;
	struct gw_http_exchange *x = c ? calloc(1, sizeof *x) : NULL;

	(void)cls;
	if (!x || !(x->target = strdup(target))) {
		free(x);
		return NULL;
	}
	x->c = c;
	c->exchange = x;
	c->http->progress++;
	c->http->busy++;
	gw_http_set_deadline(c, c->http->env->service->config->request_seconds);
	return x;
}

static void exchange_free(struct gw_http_exchange *x)
{
	gw_api_match_done(&x->match);
	gw_api_reply_done(&x->reply);
	free(x->if_match);
	free(x->if_none_match);
	free(x->target);
	free(x->body);
	free(x);
}

void gw_http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			  enum MHD_RequestTerminationCode code)
{
	struct gw_http_exchange *x = *con_cls;

	(void)cls;
	(void)connection;
	(void)code;
	*con_cls = NULL;
	if (!x)
		return;
	if (x->gate)
		x->gate->x = NULL;
	x->c->exchange = NULL;
	x->c->http->busy--;
	x->c->http->progress++;
	gw_http_set_deadline(x->c, IDLE_SECONDS);
	x->c = NULL;
	x->deferred.gone = true;
	if (!x->later)
		exchange_free(x);
}

/* --- answers that come later -------------------------------------------------------------------------------------- */

void gw_http_resume(struct gw_http_exchange *x)
{
	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->c->mhd);
	gw_http_wake(x->c->http);
}

static void answer(struct gw_api_deferred *deferred, struct gw_api_reply *reply)
{
	struct gw_http_exchange *x = (struct gw_http_exchange *)deferred;

	x->later = false;
	if (!x->c) {
		gw_api_reply_done(reply);
		exchange_free(x);
		return;
	}
	x->reply = *reply;
	*reply = (struct gw_api_reply){0};
	gw_http_resume(x);
}

static struct gw_api_deferred *defer(const struct gw_api_request *req)
{
	struct gw_http_exchange *x = req->defer_ctx;

	if (x->later)
		return NULL;
	x->later = true;
	x->deferred.answer = answer;
	return &x->deferred;
}

/* --- who asks ----------------------------------------------------------------------------------------------------- */

static void refuse(struct gw_http_exchange *x, const struct gw_error *err)
{
	x->refused = true;
	gw_api_reply_done(&x->reply);
	gw_api_reply_error(&x->reply, err);
	x->reply.challenge = err->code == GW_ERR_UNAUTHORIZED;
}

static int too_many(struct gw_http_exchange *x, unsigned seconds, const char *what, struct gw_error *err)
{
	gw_error_set(err, EBUSY, GW_ERR_TOO_MANY_REQUESTS, "", "too many %s from this address: try again in %u s", what,
		     seconds);
	refuse(x, err);
	x->reply.retry_after = seconds;
	return -EBUSY;
}

static int authenticate(struct gw_http_exchange *x, struct gw_error *err)
{
	struct gw_http_connection *c = x->c;
	struct gw_http_env *env = c->http->env;
	const struct gw_config *config = env->service->config;
	const char *header = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Authorization");
	unsigned wait = header ? gw_limit_login(env->limits, config, &c->client, gw_http_now(c->http)) : 0;
	int r;

	if (wait)
		return too_many(x, wait, "failed logins", err);
	if (c->session && !header)
		gw_tls_check_peer(env->tls, c->session, gw_http_now(c->http), &c->peer);
	r = gw_auth_check(env->service->access, header, c->peer.subject, c->peer.problem, &x->who, err);
	if (r == -EACCES)
		gw_limit_login_failed(env->limits, config, &c->client, gw_http_now(c->http));
	if (r < 0)
		refuse(x, err);
	return r;
}

/* Finds out who asks; `open`: nobody cares. On failure the refusal is in the reply. */
static int identify(struct gw_http_exchange *x, bool open, struct gw_error *err)
{
	struct gw_http *http = x->c->http;
	const struct gw_config *config = http->env->service->config;

	if (http->place.scheme == GW_LISTEN_UNIX) {
		if (!gw_api_socket_peer_is_operator(x->c->fd)) {
			gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
				     "only root and the user that gwd runs as may use this socket");
			refuse(x, err);
			return -EACCES;
		}
		x->who = (struct gw_principal){.access = GW_ACCESS_OPERATOR, .name = "root"};
		return 0;
	}
	if (config->auth_none) {
		x->who = (struct gw_principal){.access = GW_ACCESS_OPERATOR, .name = "anybody"};
		return 0;
	}
	return open ? 0 : authenticate(x, err);
}

/* 0: it may go on, or be refused when its body has come; else the refusal is in the reply, to be said at once. */
static int admit(struct gw_http_exchange *x, const char *method)
{
	struct gw_http *http = x->c->http;
	struct gw_http_env *env = http->env;
	struct gw_error err = GW_ERROR_INIT;
	unsigned wait = 0;
	bool known;
	int r;

	if (http->place.scheme != GW_LISTEN_UNIX)
		wait = gw_limit_request(env->limits, env->service->config, &x->c->client, gw_http_now(http));
	if (wait)
		return too_many(x, wait, "requests", &err);
	known = gw_api_match(method, x->target, &x->match, &x->reply) == 0;
	r = identify(x, known && gw_api_is_open(&x->match), &err);
	if (r < 0)
		return r;
	x->refused = !known;
	if (known && gw_api_authorize(&x->match, &x->who, &err) < 0)
		refuse(x, &err);
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void refuse_large(struct gw_http_exchange *x)
{
	struct gw_error err = GW_ERROR_INIT;

	gw_error_set(&err, EFBIG, GW_ERR_TOO_LARGE, "",
		     "the body may have up to %zu bytes here: send it in several requests, or raise %s", x->limit,
		     x->match.limit == GW_API_LIMIT_BATCH ? "[limits] batch" : "[limits] body");
	refuse(x, &err);
}

static bool has_body(const struct gw_http_exchange *x)
{
	const char *length = MHD_lookup_connection_value(x->c->mhd, MHD_HEADER_KIND, "Content-Length");

	return (length && strcmp(length, "0") != 0) ||
	       MHD_lookup_connection_value(x->c->mhd, MHD_HEADER_KIND, "Transfer-Encoding");
}

/* The header is here, the body is not. MHD_YES without a reply lets it come. */
static enum MHD_Result begin(struct gw_http_exchange *x, const char *method, const char *version)
{
	struct MHD_Connection *connection = x->c->mhd;
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;
	struct gw_error err = GW_ERROR_INIT;

	x->begun = true;
	if (gw_http_check(connection, version, &err) < 0) {
		refuse(x, &err);
		x->broken = true;
		if (err.code == GW_ERR_TOO_LARGE)
			x->reply.status = MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
		return send_reply(x);
	}
	if (admit(x, method) < 0) /* who sends no body may try again on this connection */
		return has_body(x) ? send_reply(x) : MHD_YES;
	x->limit = gw_api_body_limit(&x->match, x->c->http->env->service->config);
	if (!x->refused && announced > x->limit)
		refuse_large(x);
	if (x->refused &&
	    (announced / 2 > x->limit || MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect")))
		return send_reply(x);
	return MHD_YES;
}

/* Makes room for `n` bytes more. */
static bool reserve(struct gw_http_exchange *x, size_t n)
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

static enum MHD_Result collect(struct gw_http_exchange *x, const char *data, size_t *n)
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

static bool wait_for_turn(struct gw_http_exchange *x);

/* NULL in *ret where there is none. */
static bool copy_header(const struct gw_http_exchange *x, const char *name, char **ret)
{
	const char *value = MHD_lookup_connection_value(x->c->mhd, MHD_HEADER_KIND, name);

	*ret = value ? strdup(value) : NULL;
	return !value || *ret;
}

static void dispatch(struct gw_http_exchange *x)
{
	struct gw_http_env *env = x->c->http->env;
	struct gw_loop_meter *meter = env->service->meter;
	struct gw_error err = GW_ERROR_INIT;
	uint64_t entered = gw_loop_enter(meter);
	struct gw_api_request req = {
		.service = env->service,
		.who = &x->who,
		.body = x->body,
		.body_len = x->len,
		.stats = &env->stats,
		.defer = defer,
		.defer_ctx = x,
		.loop = env->loop,
	};

	x->dispatched = true;
	gw_http_set_deadline(x->c, 0);
	if (!copy_header(x, "If-Match", &x->if_match) || !copy_header(x, "If-None-Match", &x->if_none_match)) {
		gw_error_oom(&err);
		refuse(x, &err);
		return;
	}
	/* The header may have come long before the body, and the turn long after it. */
	if (gw_auth_check_again(env->service->access, &x->who, &err) < 0) {
		refuse(x, &err);
		return;
	}
	req.if_match = x->if_match;
	req.if_none_match = x->if_none_match;
	gw_api_dispatch(&x->match, &req, &x->reply);
	gw_loop_leave(meter, x->match.pattern, x->match.method, entered);
}

/* It is the request's turn, or never will be. */
static void on_turn(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct gate *gate = (struct gate *)waiter;
	struct gw_http_exchange *x = gate->x;

	free(gate);
	if (!x)
		return;
	x->gate = NULL;
	if (err)
		refuse(x, err);
	else if (!wait_for_turn(x))
		dispatch(x);
	if (!x->later && !x->gate)
		gw_http_resume(x);
}

/* Whether it has to wait until what others have changed is durable. */
static bool wait_for_turn(struct gw_http_exchange *x)
{
	struct gw_control *control = x->c->http->env->service->control;
	enum gw_control_turn turn = x->match.joins ? GW_CONTROL_JOINS : GW_CONTROL_READS;

	if (!control || gw_api_is_open(&x->match) || gw_control_is_open_for(control, turn))
		return false;
	x->gate = calloc(1, sizeof *x->gate);
	if (!x->gate)
		return false;
	*x->gate = (struct gate){.waiter = {.turn = turn, .done = on_turn}, .x = x};
	gw_control_queue(control, &x->gate->waiter);
	return true;
}

/* All of it is here. The library comes here again when the answer has been waited for. */
static enum MHD_Result finish(struct gw_http_exchange *x, const char *method)
{
	struct gw_error err = GW_ERROR_INIT;

	if (!x->whole_ns)
		x->whole_ns = uv_hrtime();
	if (!x->refused && !x->dispatched) {
		if (!wait_for_turn(x))
			dispatch(x);
		if (x->later || x->gate) {
			x->suspended = true;
			MHD_suspend_connection(x->c->mhd);
			return MHD_YES;
		}
	}
	if (!x->reply.status) {
		gw_error_set(&err, ECANCELED, GW_ERR_UNAVAILABLE, "", "gwd ends before this was done");
		refuse(x, &err);
	}
	gw_log_debug("%s %s for %s: %u", method, x->target, *x->who.name ? x->who.name : "nobody", x->reply.status);
	return send_reply(x);
}

/* Called once when the header has come, then for each piece of the body, then once at its end. */
enum MHD_Result gw_http_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				   const char *version, const char *data, size_t *n, void **con_cls)
{
	struct gw_http_exchange *x = *con_cls;

	(void)cls;
	(void)connection;
	(void)url;
	if (!x)
		return MHD_NO;
	x->c->http->progress++;
	if (!x->begun)
		return begin(x, method, version);
	if (*n > 0)
		return collect(x, data, n);
	return finish(x, method);
}
