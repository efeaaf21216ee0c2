/*
 * api_client.h - a server with the real core behind it, and raw HTTP clients of it, for the tests of the API.
 *
 * Server and clients share one thread: every wait turns the loop until the answer is there or a deadline has passed.
 */
#ifndef TESTS_UNIT_API_CLIENT_H
#define TESTS_UNIT_API_CLIENT_H

#include "fixture.h"

#include "api/api.h"
#include "reconcile/reconcile.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#define HNV	 "/networking/v1/hnv"
#define RECORD_1 HNV "/lookupRecords/5001-10.0.0.1"
#define GOOD	 "{\"properties\":{\"ProviderAddress\":\"192.0.2.1\",\"MACAddress\":\"020000000001\"}}"

struct server {
	uv_loop_t loop;
	struct gw_config config;
	struct gw_reconcile *core;
	struct gw_service service;
	struct gw_api *api;
};

struct response {
	char *text; /* whole: header and body */
	size_t len;
	int status;
	const char *body;
	size_t body_len;
	json_t *json; /* NULL when the body is none */
};

static inline void serve(struct server *s, void **state, const char *more)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_reconcile_params params = {.loop = &s->loop, .config = &s->config};

	memset(s, 0, sizeof *s);
	fixture_config(state, more, &s->config);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(gw_reconcile_open(&params, &s->core, &err), 0);
	gw_reconcile_service(s->core, &s->service);
	if (gw_api_start(&s->loop, s->config.listen, &s->service, &s->api, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

static inline void end(struct server *s)
{
	s->api = gw_api_stop(s->api);
	s->core = gw_reconcile_close(s->core);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
}

static inline int dial(const struct server *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", s->config.listen + strlen("unix:"));
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static inline void turn(struct server *s)
{
	uv_run(&s->loop, UV_RUN_NOWAIT);
}

static inline void send_bytes(struct server *s, int fd, const char *data, size_t n)
{
	uint64_t deadline = uv_hrtime() + 10000000000u;

	while (n > 0) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EPIPE) /* it has seen enough */
			return;
		assert_true(sent > 0 || errno == EAGAIN);
		if (sent > 0) {
			data += sent;
			n -= (size_t)sent;
		}
		turn(s);
		assert_true(uv_hrtime() < deadline);
	}
}

static inline const char *header(const struct response *r, const char *name, char buf[static 256])
{
	size_t n = strlen(name);

	for (const char *line = strchr(r->text, '\n'); line && line + 1 < r->body; line = strchr(line + 1, '\n')) {
		if (strncasecmp(line + 1, name, n) != 0 || line[1 + n] != ':')
			continue;
		line += 2 + n;
		line += strspn(line, " ");
		snprintf(buf, 256, "%.*s", (int)strcspn(line, "\r"), line);
		return buf;
	}
	return NULL;
}

/* Is one whole response there? Then splits it. */
static inline bool complete(struct response *r, bool head)
{
	const char *blank = strstr(r->text, "\r\n\r\n");
	char buf[256];

	if (!blank)
		return false;
	r->body = blank + 4;
	r->body_len = header(r, "Content-Length", buf) ? strtoul(buf, NULL, 10) : 0;
	if (head)
		r->body_len = 0;
	return r->len >= (size_t)(r->body - r->text) + r->body_len;
}

/* Reads one response, keeping what comes behind it for the next call. Returns false when the server closed instead. */
static inline bool receive(struct server *s, int fd, bool head, struct response *r)
{
	static char rest[1 << 21];
	static size_t rest_len;
	static int rest_fd = -1;
	uint64_t deadline = uv_hrtime() + 30000000000u;

	if (rest_fd != fd)
		rest_len = 0;
	rest_fd = fd;
	memset(r, 0, sizeof *r);
	r->text = rest;
	for (;;) {
		ssize_t n;
		size_t used;

		rest[rest_len] = '\0';
		r->len = rest_len;
		if (complete(r, head)) {
			used = (size_t)(r->body - r->text) + r->body_len;
			r->text = malloc(used + 1);
			assert_non_null(r->text);
			memcpy(r->text, rest, used);
			r->text[used] = '\0';
			r->body = r->text + (used - r->body_len);
			r->len = used;
			memmove(rest, rest + used, rest_len - used);
			rest_len -= used;
			assert_int_equal(sscanf(r->text, "HTTP/1.1 %d", &r->status), 1);
			if (r->body_len)
				r->json = json_loadb(r->body, r->body_len, 0, NULL);
			return true;
		}
		turn(s);
		n = recv(fd, rest + rest_len, sizeof rest - rest_len - 1, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			assert_int_equal(rest_len, 0);
			r->text = NULL;
			return false;
		}
		assert_true(n > 0 || errno == EAGAIN);
		if (n > 0)
			rest_len += (size_t)n;
		assert_true(uv_hrtime() < deadline);
	}
}

static inline void done(struct response *r)
{
	json_decref(r->json);
	free(r->text);
}

/* One request on a connection of its own. `headers` are whole lines. */
static inline struct response ask(struct server *s, const char *method, const char *target, const char *headers,
				  const char *body, size_t n)
{
	struct response r;
	int fd = dial(s), len;
	char *text;

	len = asprintf(&text, "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", method, target,
		       headers ? headers : "", n);
	assert_true(len > 0);
	send_bytes(s, fd, text, (size_t)len);
	send_bytes(s, fd, body, n);
	assert_true(receive(s, fd, !strcmp(method, "HEAD"), &r));
	close(fd);
	turn(s);
	free(text);
	return r;
}

static inline struct response simple(struct server *s, const char *method, const char *target, const char *body)
{
	return ask(s, method, target, NULL, body ? body : "", body ? strlen(body) : 0);
}

static inline int status_of(struct server *s, const char *method, const char *target, const char *body)
{
	struct response r = simple(s, method, target, body);

	done(&r);
	return r.status;
}

static inline const char *at(const json_t *j, const char *a, const char *b)
{
	j = json_object_get(j, a);
	return json_string_value(b ? json_object_get(j, b) : j);
}

static inline uint64_t revision(struct server *s)
{
	return s->service.revision(s->service.ctx);
}

/* A request that must be refused, and leave everything as it was. */
struct refusal {
	const char *method, *target, *body;
	int status;
	const char *code, *error_target, *message; /* NULL: any */
};

static inline void refused(struct server *s, const struct refusal *c)
{
	uint64_t before = revision(s);
	struct response r = simple(s, c->method, c->target, c->body);
	const json_t *error = json_object_get(r.json, "error");
	const char *target = at(error, "target", NULL);

	if (r.status != c->status || strcmp(at(error, "code", NULL), c->code) != 0)
		fail_msg("%s %s %s: %s", c->method, c->target, c->body ? c->body : "", r.text);
	assert_true(*at(error, "message", NULL));
	assert_true(json_is_array(json_object_get(error, "details")));
	if (c->error_target)
		assert_string_equal(target ? target : "", c->error_target);
	if (c->message)
		assert_contains(at(error, "message", NULL), c->message);
	assert_int_equal(revision(s), before);
	done(&r);
}

#endif
