/*
 * http.c - a listener of the API and its connections; see http.h. With http_request.c and http_check.c the only files that know
 * libmicrohttpd.
 *
 * The library runs without threads: its epoll descriptor is watched by the loop, its time-outs are one timer. How long a
 * connection may take is ours to say: the library knows only how long one may be silent, and a client that sends a byte now
 * and then never is. Whoever is too slow is cut off by a shutdown of its socket, which the library sees as its end.
 */
#include "api/http_private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "model/config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CONNECTION_MEMORY (64 * 1024) /* request line, headers and buffers of one connection */
#define SWEEP_MS	  250
#define HANDSHAKE_SECONDS 10
#define LEAST_RATE	  65536 /* bytes a second, of bodies and answers that take their time */
#define BURST		  16
#define STALLS_MAX	  6 /* 64 ms between runs */

static void on_timer(uv_timer_t *timer);
static void on_sweep(uv_timer_t *timer);

/* --- connections -------------------------------------------------------------------------------------------------- */

void gw_http_cut(struct gw_http_connection *c)
{
	c->deadline_ms = UINT64_MAX;
	c->cut = true;
	shutdown(c->fd, SHUT_RDWR);
}

void gw_http_set_deadline(struct gw_http_connection *c, unsigned seconds)
{
	c->moved = 0;
	c->deadline_ms = seconds ? gw_http_now() + seconds * UINT64_C(1000) : UINT64_MAX;
}

void gw_http_moved(struct gw_http_connection *c, size_t n)
{
	unsigned seconds = c->http->env->service->config->request_seconds;

	c->moved += n;
	if (c->deadline_ms != UINT64_MAX && c->moved >= (uint64_t)seconds * LEAST_RATE)
		gw_http_set_deadline(c, seconds);
}

/* From a socket's address; of other families nothing. */
static struct gw_addr address_of(const struct sockaddr *sa)
{
	struct gw_addr a = {0};

	if (sa && sa->sa_family == AF_INET)
		a = gw_addr_from_v4(ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr));
	else if (sa && sa->sa_family == AF_INET6)
		memcpy(a.b, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof a.b);
	return a;
}

/* Finds out who it is; one too many is ended before anything is read or any cipher is computed. */
static void count_client(struct gw_http_connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct gw_http_env *env = c->http->env;
	struct gw_addr a = address_of(info ? info->client_addr : NULL);

	c->client = gw_limit_key(&a);
	c->counted = gw_limit_connect(env->limits, env->service->config, &c->client, gw_http_now());
	if (!c->counted)
		gw_http_cut(c);
}

static gnutls_session_t session_of(const struct gw_http *http, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info;

	if (http->place.scheme != GW_LISTEN_HTTPS)
		return NULL;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info ? info->tls_session : NULL;
}

/* A handshake is short, and whoever does not get on with it has a place that others need. */
static unsigned first_seconds(const struct gw_http *http, gnutls_session_t session)
{
	unsigned seconds = http->env->service->config->request_seconds;

	return session && seconds > HANDSHAKE_SECONDS ? HANDSHAKE_SECONDS : seconds;
}

static unsigned count(const struct gw_http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info ? info->num_connections : 0;
}

bool gw_http_is_full(const struct gw_http *http)
{
	return count(http) >= http->env->service->config->connection_limit;
}

static void begin(struct gw_http *http, struct MHD_Connection *connection, void **socket_context)
{
	gnutls_session_t session = session_of(http, connection);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct gw_http_connection *c = info ? calloc(1, sizeof *c) : NULL;

	if (!c) { /* without one no request is heard */
		if (session)
			gw_tls_begin(NULL, session);
		return;
	}
	c->http = http;
	c->mhd = connection;
	c->fd = info->connect_fd;
	c->session = session;
	if (session)
		c->identity = gw_tls_begin(http->env->tls, session);
	c->next = http->connections;
	c->link = &http->connections;
	if (c->next)
		c->next->link = &c->next;
	http->connections = c;
	*socket_context = c;
	if (!uv_is_active((uv_handle_t *)&http->sweep))
		uv_timer_start(&http->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	gw_http_set_deadline(c, first_seconds(http, session));
	c->proved = http->place.scheme == GW_LISTEN_UNIX; /* the socket is for operators only */
	if (!c->proved)
		count_client(c);
	if (gw_http_is_full(http))
		gw_http_make_place(http, c);
}

static void end(struct gw_http_connection *c)
{
	struct gw_http *http = c->http;

	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	if (c->counted)
		gw_limit_disconnect(http->env->limits, &c->client);
	gw_http_give_back(c);
	gw_tls_end(c->identity);
	free(c);
	if (!http->connections)
		uv_timer_stop(&http->sweep);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct gw_http *http = cls;

	http->progress++;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		begin(http, connection, socket_context);
	} else if (*socket_context) {
		end(*socket_context);
		*socket_context = NULL;
	}
}

static void on_sweep(uv_timer_t *timer)
{
	struct gw_http *http = timer->data;
	uint64_t now = gw_http_now();

	for (struct gw_http_connection *c = http->connections; c; c = c->next) {
		if (now >= c->deadline_ms) {
			gw_log_debug("http: a client on %s takes too long", http->place.text);
			gw_http_cut(c);
		}
	}
	gw_http_keep_place(http);
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

/*
 * What the library has read without having come to us: of a handshake, or of the head of a request. That counts as progress, or
 * a long head would come in with long waits between its pieces.
 */
static void look_at_sockets(struct gw_http *http)
{
	for (struct gw_http_connection *c = http->connections; c; c = c->next) {
		int unread = 0;

		if (c->cut || ioctl(c->fd, FIONREAD, &unread) < 0)
			continue;
		http->progress += unread != c->unread;
		c->unread = unread;
	}
}

/* Runs the library; what it says about its next run. */
static bool run_once(struct gw_http *http, MHD_UNSIGNED_LONG_LONG *ret_ms)
{
	unsigned max = http->env->service->config->connection_limit;
	bool was_full = count(http) >= max;

	MHD_run(http->mhd);
	/* While full the library does not watch the listening socket; it takes it up again only at its next run. */
	if (was_full && count(http) < max)
		MHD_run(http->mhd);
	return MHD_get_timeout(http->mhd, ret_ms) == MHD_YES;
}

/*
 * The library often wants to run again at once: when there is more to read or to write, and, to no end, as long as a TLS
 * handshake waits for its client. So it may for a while, then others get their turn; and when nothing comes of it, it gets
 * fewer turns, until a descriptor has news.
 */
static void run(struct gw_http *http)
{
	struct gw_loop_meter *meter = http->env->service->meter;
	uint64_t entered = gw_loop_enter(meter);
	unsigned before = http->progress, last = before - 1;
	MHD_UNSIGNED_LONG_LONG ms = 0;
	bool wants = true;

	for (int i = 0; i < BURST && wants && ms == 0 && last != http->progress; i++) {
		last = http->progress;
		wants = run_once(http, &ms);
		if (wants && ms == 0 && last == http->progress)
			look_at_sockets(http);
	}
	gw_loop_leave(meter, "http", "run", entered);
	if (!wants) {
		uv_timer_stop(&http->timer);
		return;
	}
	http->stalls = before == http->progress && ms == 0 ? http->stalls + 1 : 0;
	if (ms == 0)
		ms = UINT64_C(1) << (http->stalls < STALLS_MAX ? http->stalls : STALLS_MAX);
	uv_timer_start(&http->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct gw_http *http = poll->data;

	(void)status;
	(void)events;
	http->stalls = 0;
	run(http);
}

void gw_http_wake(struct gw_http *http)
{
	uv_timer_start(&http->timer, on_timer, 0, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct gw_http *http = handle->data;

	if (--http->handles == 0)
		free(http);
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

/* Targets are decoded by the router, which refuses what would end a string early. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls;
	(void)connection;
	return strlen(s);
}

static struct MHD_Daemon *start_library(struct gw_http *http)
{
	bool tls = http->place.scheme == GW_LISTEN_HTTPS;
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)GW_TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0);
	unsigned max = http->env->service->config->connection_limit;

	if (!tls)
		secure[0] = secure[1];
	return MHD_start_daemon(
		flags, 0, NULL, NULL, gw_http_on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, http->fd, MHD_OPTION_CONNECTION_LIMIT, max, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 0,
		MHD_OPTION_URI_LOG_CALLBACK, gw_http_on_target, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, gw_http_on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
		http, MHD_OPTION_ARRAY, secure, tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, gw_tls_retrieve,
		MHD_OPTION_END);
}

static int watch_library(struct gw_http *http, struct gw_error *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	int r = info ? uv_poll_init(http->env->loop, &http->poll, info->epoll_fd) : UV_ENOSYS;

	if (r == 0) {
		http->poll.data = http;
		http->handles++;
		r = uv_poll_start(&http->poll, UV_READABLE, on_poll);
	}
	return r < 0 ? gw_error_set(err, -r, GW_ERR_INTERNAL, http->place.text, "cannot watch the socket: %s",
				    uv_strerror(r))
		     : 0;
}

int gw_http_start(struct gw_http_env *env, const struct gw_listen *place, int fd, struct gw_http **ret,
		  struct gw_error *err)
{
	struct gw_http *http = calloc(1, sizeof *http);
	int r;

	if (!http) {
		close(fd);
		return gw_error_oom(err);
	}
	http->env = env;
	http->place = *place;
	http->fd = fd;
	uv_timer_init(env->loop, &http->timer); /* cannot fail */
	uv_timer_init(env->loop, &http->sweep);
	http->timer.data = http->sweep.data = http;
	http->handles = 2;
	http->mhd = start_library(http);
	if (http->mhd)
		r = watch_library(http, err);
	else
		r = gw_error_set(err, EIO, GW_ERR_INTERNAL, place->text, "the HTTP library does not start");
	if (r < 0) {
		gw_http_stop(http);
		return r;
	}
	*ret = http;
	return 0;
}

void gw_http_quiesce(struct gw_http *http)
{
	if (http->quiesced)
		return;
	http->quiesced = true;
	if (MHD_quiesce_daemon(http->mhd) != MHD_INVALID_SOCKET)
		close(http->fd);
	for (struct gw_http_connection *c = http->connections; c; c = c->next)
		if (!c->exchange)
			gw_http_cut(c);
}

unsigned gw_http_busy(const struct gw_http *http)
{
	return http->busy;
}

struct gw_http *gw_http_stop(struct gw_http *http)
{
	bool polled;

	if (!http)
		return NULL;
	polled = http->handles > 2;
	if (polled)
		uv_poll_stop(&http->poll);
	for (struct gw_http_connection *c = http->connections; c; c = c->next)
		if (c->exchange)
			gw_http_resume(c->exchange);
	if (http->mhd)
		MHD_stop_daemon(http->mhd); /* closes the listening socket too, unless it was quiesced */
	else
		close(http->fd);
	if (polled)
		uv_close((uv_handle_t *)&http->poll, on_closed);
	uv_close((uv_handle_t *)&http->timer, on_closed);
	uv_close((uv_handle_t *)&http->sweep, on_closed);
	return NULL;
}
