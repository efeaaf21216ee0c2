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
#include <time.h>

#define IDLE_SECONDS 15 /* between requests */

struct gw_http_exchange {
	struct gw_api_deferred deferred; /* first: this is what a handler has that answers later */
	struct gw_http_connection *c;	 /* NULL when nobody waits for that answer any more */
	char *target;
	bool begun;   /* its header has been seen */
	bool refused; /* `reply` is the answer, the body is thrown away */
	bool broken;  /* where the next request would begin is in doubt, or who would send it: the connection ends */
	struct gw_principal who;
	struct gw_api_reply reply;
	struct gw_api_match match;
	size_t limit;
	char *body;
	size_t len, room;
	struct gw_http_hold held, answer; /* what the body takes, and the answer */
	bool restores;			  /* it is the one that may be as large as a backup */
	size_t dropped;			  /* bytes thrown away */
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

/* --- life --------------------------------------------------------------------------------------------------------- */

void *gw_http_on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct gw_http_connection *c = info ? info->socket_context : NULL;
	struct gw_http_exchange *x = c ? calloc(1, sizeof *x) : NULL;

	(void)cls;
	if (!x || !(x->target = strdup(gw_http_path_of(target)))) {
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

static void drop_body(struct gw_http_exchange *x)
{
	if (x->body)
		explicit_bzero(x->body, x->len); /* there may be secrets in it */
	free(x->body);
	x->body = NULL;
	x->len = x->room = 0;
	gw_http_let_go(&x->held);
}

static void exchange_free(struct gw_http_exchange *x)
{
	drop_body(x);
	gw_http_let_go(&x->answer);
	gw_api_match_done(&x->match);
	gw_api_reply_done(&x->reply);
	free(x->if_match);
	free(x->if_none_match);
	free(x->target);
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
	if (x->restores)
		x->c->http->env->restores = false;
	x->c->http->busy--;
	x->c->http->progress++;
	gw_http_set_deadline(x->c, IDLE_SECONDS);
	gw_http_keep_place(x->c->http);
	x->c = NULL;
	x->deferred.gone = true;
	if (!x->later)
		exchange_free(x);
}

static enum MHD_Result send_reply(struct gw_http_exchange *x)
{
	struct gw_http_env *env = x->c->http->env;

	if (x->whole_ns)
		gw_histogram_add(&env->stats.duration, (double)(uv_hrtime() - x->whole_ns) / 1e9);
	drop_body(x);
	return gw_http_answer(x->c, &x->reply, &x->answer, x->match.reads || x->refused, env->draining || x->broken);
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

static bool reserve_answer(const struct gw_api_request *req)
{
	struct gw_http_exchange *x = req->defer_ctx;

	return gw_http_reserve(x->c, x->held.bytes, &x->answer);
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
	gw_error_set(err, EBUSY, GW_ERR_TOO_MANY_REQUESTS, "", "too many %s: try again in %u s", what, seconds);
	refuse(x, err);
	x->reply.retry_after = seconds;
	return -EBUSY;
}

/* As often as the limit lets it through, lest logging be what is attacked. */
static void log_failed_login(const struct gw_http_connection *c)
{
	char text[GW_ADDR_STRLEN];

	gw_log_notice("a token that is not known was shown from %s", gw_addr_format(&c->client, text));
}

/* Who has the right token is let in, however many wrong ones others show from the same address. */
static int authenticate(struct gw_http_exchange *x, struct gw_error *err)
{
	struct gw_http_connection *c = x->c;
	struct gw_http_env *env = c->http->env;
	const struct gw_config *config = env->service->config;
	const char *header = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Authorization");
	unsigned wait;
	int r;

	if (c->session && !header)
		gw_tls_check_peer(env->tls, c->session, gw_http_now(), &c->peer);
	r = gw_auth_check(env->service->access,
			  &(struct gw_auth_shown){.authorization = header,
						  .subject = c->peer.subject,
						  .problem = c->peer.problem,
						  .certificate = &c->peer.fingerprint,
						  .issued = c->peer.issued,
						  .now = time(NULL)},
			  &x->who, err);
	c->proved = c->proved || r == 0;
	if (r == 0) {
		if (gw_http_take(c, &x->who))
			return 0;
		x->broken = true;
		return too_many(x, 1, "connections with these credentials", err);
	}
	if (r == -EACCES) {
		env->stats.failed_logins++;
		wait = gw_limit_login(env->limits, config, &c->client, gw_http_now());
		if (wait)
			return too_many(x, wait, "failed logins from this address", err);
		gw_limit_login_failed(env->limits, config, &c->client, gw_http_now());
		log_failed_login(c);
	}
	refuse(x, err);
	/* A newer certificate, which it may have by now, is shown on another connection. */
	x->broken = x->broken || (!header && *c->peer.subject);
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
		x->c->proved = true;
		return 0;
	}
	return open ? 0 : authenticate(x, err);
}

static bool has_body(const struct gw_http_exchange *x)
{
	const char *length = MHD_lookup_connection_value(x->c->mhd, MHD_HEADER_KIND, "Content-Length");

	return (length && strcmp(length, "0") != 0) ||
	       MHD_lookup_connection_value(x->c->mhd, MHD_HEADER_KIND, "Transfer-Encoding");
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
		wait = gw_limit_request(env->limits, env->service->config, &x->c->client, gw_http_now());
	if (wait)
		return too_many(x, wait, "requests from this address", &err);
	known = gw_api_match(method, x->target, &x->match, &x->reply) == 0;
	if (gw_http_check_origin(x->c->mhd, http, &err) < 0) {
		refuse(x, &err);
		return -EACCES;
	}
	r = identify(x, known && gw_api_is_open(&x->match), &err);
	if (r < 0)
		return r;
	x->refused = !known;
	if (known && (gw_api_authorize(&x->match, &x->who, &err) < 0 ||
		      (!x->match.reads && has_body(x) &&
		       gw_http_check_type(x->c->mhd, http, gw_api_body_type(&x->match), &err) < 0)))
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

/* Whether memory for bodies has room for one of `room` bytes. A backup is larger than all others: there is one at a time. */
static bool may_hold(struct gw_http_exchange *x, size_t room)
{
	struct gw_http_connection *c = x->c;
	struct gw_http_env *env = c->http->env;

	if (room <= GW_HTTP_SMALL || x->restores)
		return true;
	if (x->match.limit == GW_API_LIMIT_BACKUP) {
		x->restores = !env->restores;
		env->restores = true;
		return x->restores;
	}
	if (!c->counted)
		return true;
	x->held.limits = env->limits;
	x->held.client = c->client;
	return gw_limit_body(env->limits, env->service->config, &c->client, room, &x->held.bytes);
}

/* Makes room for `n` bytes more. */
static int reserve(struct gw_http_exchange *x, size_t n, struct gw_error *err)
{
	size_t room = x->room ? x->room : 4096;
	char *larger;

	while (room < x->len + n)
		room *= 2;
	if (room == x->room)
		return 0;
	if (!may_hold(x, room))
		return gw_error_set(err, ENOBUFS, GW_ERR_UNAVAILABLE, "",
				    "too many large bodies come in at the same time: try again, or raise [limits] "
				    "body_memory");
	larger = realloc(x->body, room);
	if (!larger)
		return gw_error_oom(err);
	x->body = larger;
	x->room = room;
	return 0;
}

static enum MHD_Result collect(struct gw_http_exchange *x, const char *data, size_t *n)
{
	struct gw_error err = GW_ERROR_INIT;
	size_t len = *n;

	*n = 0;
	gw_http_moved(x->c, len);
	if (!x->refused && len > x->limit - x->len)
		refuse_large(x);
	if (!x->refused && reserve(x, len, &err) < 0) {
		drop_body(x);
		refuse(x, &err);
		x->reply.retry_after = 1;
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
		.anchor = env->tls ? gw_tls_anchor(env->tls) : NULL,
		.defer = defer,
		.reserve = reserve_answer,
		.defer_ctx = x,
		.loop = env->loop,
	};

	x->dispatched = true;
	gw_http_set_deadline(x->c, 0);
	if (gw_http_copy_list(x->c->mhd, "If-Match", &x->if_match, &err) < 0 ||
	    gw_http_copy_list(x->c->mhd, "If-None-Match", &x->if_none_match, &err) < 0) {
		refuse(x, &err);
		return;
	}
	/* The header may have come long before the body, and the turn long after it. */
	if (gw_auth_check_again(env->service->access, &x->who, &err) < 0) {
		refuse(x, &err);
		return;
	}
	if (!x->match.joins)
		gw_api_settle_certificate(env->service, &x->who);
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
	gw_http_set_deadline(x->c, 0); /* it is not the client who is waited for */
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
