/*
 * link.c - see link.h. Called by the files beside it.
 *
 *   curl_multi  --socket callback-->  one uv_poll for each socket  --on_poll-->  curl_multi_socket_action
 *               --timer callback--->  the one uv_timer             --on_timer->
 *
 * Calls end outside of libcurl's callbacks, so that whoever is told may ask again, cancel others, or close the link.
 */
#include "sync/link.h"

#include "base/cleanup.h"
#include "base/utf8.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#define ANSWER_MAX	((size_t)16 << 20)
#define HEADER_MAX	((size_t)64 << 10) /* of all lines, interim answers counted */
#define CONNECT_SECONDS 5L
/* A peer that is not heard for this long is gone; a question that waits for its answer sends nothing by itself. */
#define SILENCE_MS	   20000
#define PROBE_IDLE_SECONDS 10L
#define PROBE_SECONDS	   5L

struct poll {
	uv_poll_t handle;
	struct gw_sync_link *link;
	struct poll *next, **at; /* in link->polls, until it closes */
};

struct gw_sync_link {
	uv_loop_t *loop;
	CURLM *multi; /* NULL: closed */
	uv_timer_t timer;
	struct poll *polls;
	struct gw_link_call *calls;
	size_t n_handles; /* that the loop has not let go of */
};

struct gw_link_call {
	struct gw_sync_link *link;
	struct gw_link_call *next, **at; /* in link->calls */
	CURL *curl;
	struct curl_slist *headers;
	void (*done)(void *ctx, const struct gw_link_answer *answer);
	void *ctx;
	char *body;
	char *answer;
	size_t len, room, header_len;
	bool too_large;
	bool shows;    /* a certificate */
	char url[256]; /* of the peer, for messages */
	char error[CURL_ERROR_SIZE];
};

/* --- handles ------------------------------------------------------------------------------------------------------ */

static void handle_gone(struct gw_sync_link *l)
{
	if (--l->n_handles > 0)
		return;
	free(l);
	curl_global_cleanup();
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct poll *p = handle->data;
	struct gw_sync_link *l = p->link;

	free(p);
	handle_gone(l);
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

/* From here on the loop does not look at the descriptor any more. */
static void drop_poll(struct poll *p)
{
	if (p->next)
		p->next->at = p->at;
	*p->at = p->next;
	uv_close((uv_handle_t *)&p->handle, on_poll_closed);
}

static void end_calls(struct gw_sync_link *l);

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *p = handle->data;
	struct gw_sync_link *l = p->link;
	uv_os_fd_t fd;
	int flags = 0, running;

	if (!l->multi || uv_fileno((const uv_handle_t *)handle, &fd) < 0)
		return;
	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(l->multi, fd, flags, &running);
	end_calls(l);
}

static struct poll *new_poll(struct gw_sync_link *l, curl_socket_t fd)
{
	struct poll *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	if (uv_poll_init(l->loop, &p->handle, fd) < 0) {
		free(p);
		return NULL;
	}
	p->handle.data = p;
	p->link = l;
	p->next = l->polls;
	p->at = &l->polls;
	if (p->next)
		p->next->at = &p->next;
	l->polls = p;
	l->n_handles++;
	curl_multi_assign(l->multi, fd, p);
	return p;
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *ctx, void *assigned)
{
	struct gw_sync_link *l = ctx;
	struct poll *p = assigned;
	int events = 0;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (p) {
			curl_multi_assign(l->multi, fd, NULL);
			drop_poll(p);
		}
		return 0;
	}
	if (!p && !(p = new_poll(l, fd)))
		return -1;
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&p->handle, events, on_poll) < 0 ? -1 : 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct gw_sync_link *l = timer->data;
	int running;

	curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	end_calls(l);
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
	struct gw_sync_link *l = ctx;

	(void)multi;
	if (ms < 0)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int gw_link_open(uv_loop_t *loop, struct gw_sync_link **ret, struct gw_error *err)
{
	struct gw_sync_link *l;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "libcurl cannot be started");
	l = calloc(1, sizeof *l);
	if (l)
		l->multi = curl_multi_init();
	if (!l || !l->multi) {
		free(l);
		curl_global_cleanup();
		return gw_error_oom(err);
	}
	r = uv_timer_init(loop, &l->timer);
	if (r < 0) {
		curl_multi_cleanup(l->multi);
		free(l);
		curl_global_cleanup();
		return gw_error_set(err, -r, GW_ERR_INTERNAL, "", "%s", uv_strerror(r));
	}
	l->loop = loop;
	l->timer.data = l;
	l->n_handles = 1;
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	*ret = l;
	return 0;
}

struct gw_sync_link *gw_link_close(struct gw_sync_link *l)
{
	CURLM *multi;

	if (!l)
		return NULL;
	while (l->calls)
		gw_link_cancel(l->calls);
	multi = l->multi;
	l->multi = NULL;
	/* Before their descriptors go; what libcurl would say of them then is nobody's business any more. */
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, NULL);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, NULL);
	while (l->polls)
		drop_poll(l->polls);
	curl_multi_cleanup(multi);
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	return NULL;
}

/* --- one call ----------------------------------------------------------------------------------------------------- */

static void call_free(struct gw_link_call *c)
{
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	free(c->body);
	free(c->answer);
	free(c);
}

static void call_unlink(struct gw_link_call *c)
{
	if (c->next)
		c->next->at = c->at;
	*c->at = c->next;
	curl_multi_remove_handle(c->link->multi, c->curl);
}

struct gw_link_call *gw_link_cancel(struct gw_link_call *c)
{
	if (c) {
		call_unlink(c);
		call_free(c);
	}
	return NULL;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct gw_link_call *c = ctx;
	size_t bytes = size * n; /* at most CURL_MAX_WRITE_SIZE */

	if (bytes > ANSWER_MAX - c->len) {
		c->too_large = true;
		return 0;
	}
	if (c->len + bytes > c->room) {
		size_t room = (c->len + bytes) * 2;
		char *answer = realloc(c->answer, room);

		if (!answer)
			return 0;
		c->answer = answer;
		c->room = room;
	}
	memcpy(c->answer + c->len, data, bytes);
	c->len += bytes;
	return bytes;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct gw_link_call *c = ctx;
	size_t bytes = size * n;

	(void)data;
	if (bytes > HEADER_MAX - c->header_len) {
		c->too_large = true;
		return 0;
	}
	c->header_len += bytes;
	return bytes;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	static const int silence = SILENCE_MS;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)ctx;
	(void)purpose;
	if (fd >= 0 && address->family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Called with each option's own type; the first that fails is kept. */
#define SET(option, value) (code = code == CURLE_OK ? curl_easy_setopt(c->curl, option, value) : code)

static CURLcode set_peer(struct gw_link_call *c, const struct gw_link_peer *peer, const char *path)
{
	static const char scheme[] = "unix:";
	bool local = !strncmp(peer->url, scheme, strlen(scheme));
	_cleanup_free_ char *url = NULL;
	CURLcode code = CURLE_OK;

	if (asprintf(&url, "%s%s", local ? "http://localhost" : peer->url, path) < 0) {
		url = NULL;
		return CURLE_OUT_OF_MEMORY;
	}
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
	if (local) {
		SET(CURLOPT_UNIX_SOCKET_PATH, peer->url + strlen(scheme));
		return code;
	}
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO, peer->ca);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a session would go on under a certificate that has been replaced */
	c->shows = *peer->cert;
	if (c->shows) {
		SET(CURLOPT_SSLCERT, peer->cert);
		SET(CURLOPT_SSLKEY, peer->key);
	}
	return code;
}

static CURLcode set_rest(struct gw_link_call *c, const struct gw_link_request *request)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PRIVATE, c);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* the loop does not wait for a resolver's thread */
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	SET(CURLOPT_TIMEOUT, (long)request->seconds);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, PROBE_IDLE_SECONDS);
	SET(CURLOPT_TCP_KEEPINTVL, PROBE_SECONDS);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_USERAGENT, "gwd/" GW_VERSION);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, c);
	if (c->body) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		SET(CURLOPT_POSTFIELDS, c->body);
	}
	SET(CURLOPT_CUSTOMREQUEST, request->method);
	return code;
}

#undef SET

static int add_headers(struct gw_link_call *c)
{
	static const char *const headers[] = {"Accept: application/json",
					      "Expect:", "Content-Type: application/json; charset=UTF-8"};

	for (size_t i = 0; i < (c->body ? 3 : 2); i++) {
		struct curl_slist *list = curl_slist_append(c->headers, headers[i]);

		if (!list)
			return -ENOMEM;
		c->headers = list;
	}
	return 0;
}

int gw_link_ask(struct gw_sync_link *l, const struct gw_link_peer *peer, const struct gw_link_request *request,
		struct gw_link_call **ret, struct gw_error *err)
{
	struct gw_link_call *c = calloc(1, sizeof *c);

	if (!c)
		return gw_error_oom(err);
	c->link = l;
	c->done = request->done;
	c->ctx = request->ctx;
	snprintf(c->url, sizeof c->url, "%s", peer->url);
	c->curl = curl_easy_init();
	if (request->body && (c->body = malloc(request->body_len + 1)))
		memcpy(c->body, request->body, request->body_len);
	if (!c->curl || !c->body != !request->body || add_headers(c) < 0 ||
	    set_peer(c, peer, request->path) != CURLE_OK || set_rest(c, request) != CURLE_OK ||
	    curl_multi_add_handle(l->multi, c->curl) != CURLM_OK) {
		call_free(c);
		return gw_error_oom(err);
	}
	c->next = l->calls;
	c->at = &l->calls;
	if (c->next)
		c->next->at = &c->next;
	l->calls = c;
	*ret = c;
	return 0;
}

/* --- how it went -------------------------------------------------------------------------------------------------- */

static void explain(const struct gw_link_call *c, CURLcode code, struct gw_error *ret)
{
	const char *why = *c->error ? c->error : curl_easy_strerror(code);
	long number = 0;

	if (c->too_large) {
		gw_error_set(ret, EMSGSIZE, GW_ERR_TOO_LARGE, "", "the answer of %s is larger than %zu MiB", c->url,
			     ANSWER_MAX >> 20);
		return;
	}
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		gw_error_set(ret, EACCES, GW_ERR_UNAUTHORIZED, "",
			     "%s does not prove to be the controller: %s; see [controller] ca, or enroll the node anew",
			     c->url, why);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		gw_error_set(
			ret, EACCES, GW_ERR_UNAUTHORIZED, "",
			"the certificates by which the controller is known cannot be used: %s; see [controller] ca, or "
			"enroll the node",
			why);
		break;
	case CURLE_SSL_CERTPROBLEM:
		gw_error_set(ret, EACCES, GW_ERR_UNAUTHORIZED, "",
			     "the node's own certificate cannot be used: %s; see [controller] client_cert and "
			     "client_key, or "
			     "enroll the node",
			     why);
		break;
	case CURLE_SSL_CONNECT_ERROR:
		gw_error_set(ret, EACCES, GW_ERR_UNAUTHORIZED, "", "no secure connection to %s: %s%s", c->url, why,
			     c->shows ? "; see [controller] client_cert and client_key, or enroll the node anew" : "");
		break;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &number);
		gw_error_set(ret, ECONNREFUSED, GW_ERR_UNAVAILABLE, "", "cannot reach %s: %s", c->url,
			     number > 0 ? strerror((int)number) : why);
		break;
	default:
		gw_error_set(ret, ECONNRESET, GW_ERR_UNAVAILABLE, "", "lost %s: %s", c->url, why);
	}
}

static void end_call(struct gw_link_call *c, CURLcode code)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link_answer answer = {.why = &err};
	long status = 0;

	if (code == CURLE_OK) {
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (unsigned)status;
		answer.body = c->answer ? c->answer : "";
		answer.len = c->len;
	} else {
		explain(c, code, &err);
	}
	call_unlink(c);
	c->done(c->ctx, &answer);
	call_free(c);
}

static void end_calls(struct gw_sync_link *l)
{
	CURLMsg *msg;
	int left;

	while (l->multi && (msg = curl_multi_info_read(l->multi, &left))) {
		struct gw_link_call *c = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		end_call(c, code);
	}
}
