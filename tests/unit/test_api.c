/*
 * test_api.c - API-1, API-2, ENC-4 over a real unix socket with raw HTTP: what the interface answers, and that a refused
 * request changes nothing.
 *
 * Server and clients share one thread: every wait turns the loop until the answer is there or a deadline has passed.
 */
#include "fixture.h"

#include "api/api.h"
#include "reconcile/reconcile.h"

#include <ctype.h>
#include <errno.h>
#include <sqlite3.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
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

static void serve(struct server *s, void **state, const char *more)
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

static void end(struct server *s)
{
	s->api = gw_api_stop(s->api);
	s->core = gw_reconcile_close(s->core);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
}

static int dial(const struct server *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", s->config.listen + strlen("unix:"));
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void turn(struct server *s)
{
	uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void send_bytes(struct server *s, int fd, const char *data, size_t n)
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

static const char *header(const struct response *r, const char *name, char buf[static 256])
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
static bool complete(struct response *r, bool head)
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
static bool receive(struct server *s, int fd, bool head, struct response *r)
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

static void done(struct response *r)
{
	json_decref(r->json);
	free(r->text);
}

/* One request on a connection of its own. `headers` are whole lines. */
static struct response ask(struct server *s, const char *method, const char *target, const char *headers, const char *body,
			   size_t n)
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

static struct response simple(struct server *s, const char *method, const char *target, const char *body)
{
	return ask(s, method, target, NULL, body ? body : "", body ? strlen(body) : 0);
}

static int status_of(struct server *s, const char *method, const char *target, const char *body)
{
	struct response r = simple(s, method, target, body);

	done(&r);
	return r.status;
}

static const char *at(const json_t *j, const char *a, const char *b)
{
	j = json_object_get(j, a);
	return json_string_value(b ? json_object_get(j, b) : j);
}

static uint64_t revision(struct server *s)
{
	return s->service.revision(s->service.ctx);
}

/* --- the socket -------------------------------------------------------------------------------------------------------------- */

static void test_socket_file(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api *second = NULL;
	struct server s;
	struct stat st;
	int fd;

	/* A socket that a dead process left there is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/api.sock", (const char *)*state);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	close(fd);
	serve(&s, state, "");
	assert_int_equal(stat(sa.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* One that answers is not. */
	assert_int_equal(gw_api_start(&s.loop, s.config.listen, &s.service, &second, &err), -EADDRINUSE);
	assert_null(second);
	assert_contains(err.target, "api.sock");
	assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
	end(&s);
	assert_int_equal(stat(sa.sun_path, &st), -1);
	/* A file that is no socket stays. */
	fd = open(sa.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(uv_loop_init(&s.loop), 0);
	assert_int_equal(gw_api_start(&s.loop, s.config.listen, &s.service, &second, &err), -EEXIST);
	assert_contains(err.message, "no socket");
	assert_int_equal(stat(sa.sun_path, &st), 0);
	assert_true(gw_api_start(&s.loop, "unix:/nowhere/at/all", &s.service, &second, &err) < 0);
	assert_true(gw_api_start(&s.loop, "https://0.0.0.0:1", &s.service, &second, &err) < 0);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s.loop), 0);
}

/* A client of another user, in a process of its own: the answer's status is its exit status. */
static int stranger(const struct server *s)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	char buf[1024] = "";
	int fd, status = 0;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 1;
	fd = dial(s);
	if (fcntl(fd, F_SETFL, 0) < 0 || write(fd, request, sizeof request - 1) < 0 || read(fd, buf, sizeof buf - 1) <= 0)
		return 2;
	return sscanf(buf, "HTTP/1.1 %d", &status) == 1 ? status - 300 : 3;
}

static void test_API_1_other_users_are_refused(void **state)
{
	struct server s;
	int status = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	serve(&s, state, "");
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(chmod(s.config.listen + strlen("unix:"), 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(stranger(&s));
	for (uint64_t deadline = uv_hrtime() + 10000000000u; waitpid(pid, &status, WNOHANG) == 0;) {
		turn(&s);
		assert_true(uv_hrtime() < deadline);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 403 - 300);
	assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
	end(&s);
}

/* --- one resource -------------------------------------------------------------------------------------------------------------- */

static void test_API_2_life_of_a_record(void **state)
{
	struct response r;
	struct server s;
	char buf[256], etag[256];

	serve(&s, state, "");
	r = simple(&s, "PUT", RECORD_1, GOOD);
	assert_int_equal(r.status, 201);
	assert_string_equal(header(&r, "Location", buf), RECORD_1);
	assert_string_equal(header(&r, "Content-Type", buf), "application/json; charset=UTF-8");
	assert_int_equal(strlen(header(&r, "x-ms-request-id", buf)), 36);
	assert_string_equal(header(&r, "ETag", etag), at(r.json, "etag", NULL));
	assert_string_equal(at(r.json, "resourceRef", NULL), "/hnv/lookupRecords/5001-10.0.0.1");
	assert_string_equal(at(r.json, "resourceId", NULL), "5001-10.0.0.1");
	assert_string_equal(at(r.json, "properties", "provisioningState"), "Succeeded");
	assert_string_equal(at(r.json, "properties", "Encapsulation"), "VXLAN");
	done(&r);
	r = simple(&s, "PUT", RECORD_1, GOOD); /* the same again is no change */
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "ETag", buf), etag);
	done(&r);
	assert_int_equal(revision(&s), 1);
	r = simple(&s, "PUT", "/NETWORKING/v1/HNV/LookupRecords/5001-10.0.0.1/",
		   "{\"PROPERTIES\":{\"provideraddress\":\"192.0.2.2\",\"macaddress\":\"02-00-00-00-00-01\",\"vmname\":null}}");
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "Location", buf), RECORD_1);
	assert_string_not_equal(header(&r, "ETag", buf), etag);
	assert_string_equal(at(r.json, "properties", "ProviderAddress"), "192.0.2.2");
	done(&r);
	r = simple(&s, "GET", RECORD_1, NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "ETag", etag), buf);
	done(&r);
	r = simple(&s, "HEAD", RECORD_1, NULL);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_len, 0);
	assert_true(atoi(header(&r, "Content-Length", buf)) > 100);
	done(&r);
	assert_int_equal(status_of(&s, "DELETE", RECORD_1, NULL), 200);
	assert_int_equal(status_of(&s, "DELETE", RECORD_1, NULL), 204);
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 404);
	assert_int_equal(revision(&s), 3);
	end(&s);
}

static void test_API_2_records_survive_restart(void **state)
{
	struct server s;

	serve(&s, state, "");
	assert_int_equal(status_of(&s, "PUT", RECORD_1, GOOD), 201);
	end(&s);
	serve(&s, state, "");
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 200);
	assert_int_equal(revision(&s), 1);
	end(&s);
}

static void test_API_1_preconditions(void **state)
{
	static const char other[] = "{\"ProviderAddress\":\"192.0.2.3\",\"MACAddress\":\"020000000001\"}";
	static const struct {
		const char *method, *target, *headers;
		int status;
	} cases[] = {
		{"PUT", RECORD_1, "If-Match: *\r\n", 412}, /* not there yet */
		{"DELETE", RECORD_1, "If-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 412},
		{"PUT", RECORD_1, "If-None-Match: *\r\n", 201},
		{"PUT", RECORD_1, "If-None-Match: *\r\n", 412},
		{"PUT", RECORD_1, "If-Match: W/\"00000000-0000-0000-0000-000000000007\"\r\n", 412},
		{"PUT", RECORD_1, "If-Match: rubbish,,\"\r\n", 412},
		{"PUT", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 412},
		{"DELETE", RECORD_1, "If-Match: \"7\"\r\n", 412},
		{"GET", RECORD_1, "If-Match: \"7\"\r\n", 412},
		{"GET", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 304},
		{"GET", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000002\"\r\n", 200},
		{"PUT", RECORD_1, "If-Match: \"x\" , W/\"00000000-0000-0000-0000-000000000001\" \r\n", 200},
		{"DELETE", RECORD_1, "If-Match: \"00000000-0000-0000-0000-000000000001\"\r\n", 200},
	};
	struct server s;

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *body = strcmp(cases[i].method, "PUT") ? "" : other;
		uint64_t before = revision(&s);
		struct response r =
			ask(&s, cases[i].method, cases[i].target, cases[i].headers, body, strlen(body));

		if (r.status != cases[i].status)
			fail_msg("case %zu: %d", i, r.status);
		if (r.status == 412) {
			assert_string_equal(at(json_object_get(r.json, "error"), "code", NULL), "PreconditionFailed");
			assert_int_equal(revision(&s), before);
		}
		done(&r);
	}
	end(&s);
}

/* --- collections ---------------------------------------------------------------------------------------------------------------- */

static void fill(struct server *s, unsigned n)
{
	struct gw_hnv_op *ops = calloc(n, sizeof *ops);
	struct gw_error err = GW_ERROR_INIT;
	size_t failed;

	assert_non_null(ops);
	for (unsigned i = 0; i < n; i++)
		ops[i].object = fixture_record((i * 17) % n, 1);
	assert_int_equal(s->service.submit(s->service.ctx, ops, n, &failed, &err), 0);
	free(ops);
}

static void test_API_2_collections_are_paged(void **state)
{
	const char *next = HNV "/lookuprecords?%24top=100";
	struct response r = {0}, old;
	char want[64];
	unsigned seen = 0, pages = 0;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "GET", HNV "/lookupRecords", NULL);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_array_size(json_object_get(r.json, "value")), 0);
	assert_null(json_object_get(r.json, "nextLink"));
	done(&r);
	fill(&s, 1005);
	memset(&r, 0, sizeof r);
	while (next) { /* by address, each once */
		const json_t *value;

		old = r;
		r = simple(&s, "GET", next, NULL);
		done(&old);
		assert_int_equal(r.status, 200);
		value = json_object_get(r.json, "value");
		for (size_t i = 0; i < json_array_size(value); i++, seen++) {
			snprintf(want, sizeof want, "5001-10.0.%u.%u", seen >> 8, seen & 255);
			assert_string_equal(at(json_array_get(value, i), "resourceId", NULL), want);
		}
		next = at(r.json, "nextLink", NULL);
		pages++;
	}
	done(&r);
	assert_int_equal(seen, 1005);
	assert_int_equal(pages, 11);
	r = simple(&s, "GET", HNV "/lookupRecords", NULL);
	assert_int_equal(json_array_size(json_object_get(r.json, "value")), 1000);
	assert_string_equal(at(r.json, "nextLink", NULL), HNV "/lookupRecords?$top=1000&$skipToken=5001-10.0.3.231");
	done(&r);
	end(&s);
}

static void test_pages_of_every_kind_are_in_order(void **state)
{
	static const char *const puts[] = {
		HNV "/providerAddresses/10.1.1.21", "{\"PrefixLength\":24,\"Interface\":\"eth1\"}",
		HNV "/providerAddresses/10.1.1.20", "{\"PrefixLength\":24,\"Interface\":\"eth1\"}",
		HNV "/providerRoutes/eth1-10.2.0.0_16", "{\"NextHop\":\"10.1.1.1\"}",
		HNV "/providerRoutes/eth1-10.2.0.0_15", "{\"NextHop\":\"10.1.1.1\"}",
		HNV "/providerRoutes/eth0-10.9.0.0_16", "{\"NextHop\":\"10.1.1.1\"}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000001-5002-0.0.0.0_0-10.0.0.1", "{}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0", "{}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-10.0.0.1", "{}",
		HNV "/ports/tap1", "{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}",
		HNV "/ports/tap0", "{\"MACAddress\":\"020000000002\",\"VirtualSubnetID\":5001}",
	};
	static const struct {
		const char *path;
		size_t n;
		const char *ids[3];
	} want[] = {
		{HNV "/providerAddresses", 2, {"10.1.1.20", "10.1.1.21"}},
		{HNV "/providerRoutes", 3, {"eth0-10.9.0.0_16", "eth1-10.2.0.0_15", "eth1-10.2.0.0_16"}},
		{HNV "/customerRoutes",
		 3,
		 {"11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0",
		  "11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-10.0.0.1",
		  "11111111-2222-3333-4444-000000000001-5002-0.0.0.0_0-10.0.0.1"}},
		{HNV "/ports", 2, {"tap0", "tap1"}},
	};
	struct response r;
	struct server s;
	char target[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof puts / sizeof *puts; i += 2)
		assert_int_equal(status_of(&s, "PUT", puts[i], puts[i + 1]), 201);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		for (size_t k = 0; k < want[i].n; k++) { /* one at a time, each from the one before */
			snprintf(target, sizeof target, "%s?$top=1%s%s", want[i].path, k ? "&$skipToken=" : "",
				 k ? want[i].ids[k - 1] : "");
			r = simple(&s, "GET", target, NULL);
			assert_string_equal(
				at(json_array_get(json_object_get(r.json, "value"), 0), "resourceId", NULL), want[i].ids[k]);
			assert_int_equal(!json_object_get(r.json, "nextLink"), k + 1 == want[i].n);
			done(&r);
		}
	end(&s);
}

/* --- what is refused ------------------------------------------------------------------------------------------------------------ */

struct refusal {
	const char *method, *target, *body;
	int status;
	const char *code, *error_target, *message; /* NULL: any */
};

static void refused(struct server *s, const struct refusal *c)
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

#define VSID(v)                                                                                                      \
	"{\"CustomerAddress\":\"10.0.0.1\",\"ProviderAddress\":\"192.0.2.1\",\"MACAddress\":\"020000000001\","       \
	"\"VirtualSubnetID\":" v "}"

static void test_ENC_4_vsid_range(void **state)
{
	static const char *const bad[] = {"0", "1", "4095", "16777215", "16777216", "4294967297", "-1"};
	struct server s;
	char target[128], body[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct refusal c = {"PUT", target, body, 400, "InvalidProperty", "properties.VirtualSubnetID", "16777214"};

		snprintf(target, sizeof target, HNV "/ports/tap0");
		snprintf(body, sizeof body, "{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":%s}", bad[i]);
		refused(&s, &c);
		snprintf(body, sizeof body, "[{\"path\":\"/hnv/lookupRecords\",\"body\":" VSID("%s") "}]", bad[i]);
		c = (struct refusal){"POST", HNV "/batch", body, 400, "InvalidProperty", "[0].body.properties.VirtualSubnetID",
				     "4096"};
		refused(&s, &c);
	}
	assert_int_equal(status_of(&s, "PUT", HNV "/lookupRecords/4096-10.0.0.1", VSID("4096")), 201);
	assert_int_equal(status_of(&s, "PUT", HNV "/lookupRecords/16777214-10.0.0.1", VSID("16777214")), 201);
	end(&s);
}

static void test_API_1_bad_json_is_refused(void **state)
{
	static const struct refusal cases[] = {
		{"PUT", RECORD_1, "", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, "{", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, "{\n\n  \"a\" 1}", 400, "InvalidJson", "", "line 3"},
		{"PUT", RECORD_1, GOOD " x", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, GOOD GOOD, 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{},\"properties\":{}}", 400, "InvalidJson", "", "uplicate"},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\xc3\x28\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\xed\xa0\x80\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\\u0000\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VirtualSubnetID\":99999999999999999999}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "\"text\"", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "[]", 400, "InvalidRequest", NULL, NULL},
		{"PUT", RECORD_1, "{\"properties\":[]}", 400, "InvalidProperty", NULL, NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":{\"a\":1}}}", 400, "InvalidProperty", "properties.VMName", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"teapot\":1}}", 400, "UnknownProperty", "properties.teapot", NULL},
		{"PUT", RECORD_1, "{}", 400, "MissingProperty", NULL, NULL},
	};
	struct refusal deep = {"PUT", RECORD_1, NULL, 400, "InvalidJson", "", "nesting"};
	char text[4096];
	struct server s;

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	memset(text, '[', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	deep.body = text;
	refused(&s, &deep);
	end(&s);
}

static void test_API_1_bad_requests_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{"GET", "/", NULL, 404, "NotFound", NULL, NULL},
		{"GET", "/networking/v1", NULL, 404, "NotFound", NULL, NULL},
		{"GET", "/networking/v2/hnv/ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/teapots", NULL, 404, "NotFound", NULL, "teapots"},
		{"GET", HNV "/ports/a/b", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "//ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/../ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/tap0%00x", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/%zz", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/%4", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/\xff\xfe", NULL, 400, "InvalidProperty", "resourceId", "tap0"},
		{"GET", HNV "/lookupRecords/5001", NULL, 400, "InvalidProperty", "resourceId", NULL},
		{"GET", HNV "/ports?$top=0", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=1001", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=99999999999999999999", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=1x", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/lookupRecords?$skipToken=tap0", NULL, 400, "InvalidRequest", "$skipToken", NULL},
		{"GET", HNV "/ports?$filter=a", NULL, 400, "InvalidRequest", "$filter", NULL},
		{"GET", HNV "/ports?$top=%0", NULL, 400, "InvalidRequest", NULL, NULL},
		{"PUT", HNV "/lookupRecords/5001-10.0.0.2", "{\"CustomerAddress\":\"10.0.0.3\",\"ProviderAddress\":\"192.0.2.1\","
							    "\"MACAddress\":\"020000000001\"}",
		 400, "InvalidProperty", "properties.CustomerAddress", NULL},
		{"PUT", HNV "/customerRoutes/11111111-2222-3333-4444-000000000009-5001-10.0.0.0_24-0.0.0.0", "{}", 409,
		 "Conflict", "properties.RoutingDomainID", "5001"},
		{"PUT", HNV "/providerAddresses/10.1.1.20", "{\"PrefixLength\":24,\"Interface\":\"eth2\"}", 409, "Conflict",
		 NULL, "[underlay]"},
		{"DELETE", HNV "/providerAddresses/10.1.1.20", NULL, 409, "Conflict", NULL, "[underlay]"},
		{"POST", "/networking/v1/monitoring/trace", "{}", 400, "NotSupported", NULL, NULL},
		{"POST", "/networking/v1/monitoring/trace", "{", 400, "InvalidJson", NULL, NULL},
	};
	struct server s;

	serve(&s, state, "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n");
	assert_int_equal(status_of(&s, "PUT",
				   HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0", "{}"),
			 201);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	end(&s);
}

static void test_API_1_wrong_methods_name_the_right_ones(void **state)
{
	static const struct {
		const char *method, *target, *allow;
	} cases[] = {
		{"PATCH", RECORD_1, "GET, HEAD, PUT, DELETE"},
		{"POST", HNV "/ports", "GET, HEAD"},
		{"DELETE", HNV "/ports", "GET, HEAD"},
		{"GET", HNV "/batch", "POST"},
		{"HEAD", HNV "/batch", "POST"},
		{"get", HNV "/ports", "GET, HEAD"},
		{"OPTIONS", "/healthz", "GET, HEAD"},
	};
	struct server s;
	char buf[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct response r = simple(&s, cases[i].method, cases[i].target, NULL);

		assert_int_equal(r.status, 405);
		assert_string_equal(header(&r, "Allow", buf), cases[i].allow);
		done(&r);
	}
	end(&s);
}

/* --- batch ------------------------------------------------------------------------------------------------------------------------ */

#define B_PUT(n)                                                                                                     \
	"{\"path\":\"/hnv/lookupRecords/5001-10.0.0." n "\",\"body\":{\"ProviderAddress\":\"192.0.2.1\","            \
	"\"MACAddress\":\"020000000001\"}}"

static void test_API_1_batch_is_one_change(void **state)
{
	struct response r;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "POST", HNV "/batch", "[" B_PUT("1") "," B_PUT("2") "," B_PUT("3") "]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "applied")), 3);
	assert_int_equal(json_integer_value(json_object_get(r.json, "revision")), 1);
	done(&r);
	r = simple(&s, "POST", HNV "/batch",
		   "[{\"METHOD\":\"delete\",\"Path\":\"/networking/v1/HNV/lookuprecords/5001-10.0.0.1\"},"
		   "{\"method\":\"DELETE\",\"path\":\"/hnv/ports/absent\",\"body\":null},"
		   "{\"method\":\"PUT\",\"path\":\"/hnv/ports\",\"body\":{\"Interface\":\"tap0\",\"MACAddress\":\"020000000001\","
		   "\"VirtualSubnetID\":5001}}]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "revision")), 2);
	done(&r);
	assert_int_equal(status_of(&s, "GET", HNV "/lookupRecords/5001-10.0.0.1", NULL), 404);
	assert_int_equal(status_of(&s, "GET", HNV "/lookupRecords/5001-10.0.0.3", NULL), 200);
	assert_int_equal(status_of(&s, "GET", HNV "/ports/tap0", NULL), 200);
	r = simple(&s, "POST", HNV "/batch", "[]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "applied")), 0);
	done(&r);
	end(&s);
}

static void test_API_1_bad_batch_changes_nothing(void **state)
{
#define POST(body, code, target, message) {"POST", HNV "/batch", body, 400, code, target, message}
#define E(text)				  "[" B_PUT("1") "," text "]"
	static const struct refusal cases[] = {
		POST("{}", "InvalidRequest", "", "array"),
		POST("[", "InvalidJson", "", NULL),
		POST(E("7"), "InvalidRequest", "[1]", NULL),
		POST(E("{}"), "MissingProperty", "[1].path", NULL),
		POST(E("{\"path\":7}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"PATH\":\"/hnv/ports/a\"}"), "InvalidRequest", "[1].path", "twice"),
		POST(E("{\"path\":\"/hnv/ports/a\",\"verb\":\"PUT\"}"), "UnknownProperty", "[1].verb", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"method\":\"GET\"}"), "InvalidRequest", "[1].method", "GET"),
		POST(E("{\"path\":\"/hnv/ports/a\"}"), "MissingProperty", "[1].body", NULL),
		POST(E("{\"path\":\"/hnv/ports/a/b\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/teapots/a\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"hnv/ports/a\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/%00\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports\",\"method\":\"DELETE\"}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"method\":\"DELETE\",\"body\":{}}"), "InvalidRequest", "[1].body", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"body\":{\"MACAddress\":\"01:00:5e:00:00:01\",\"VirtualSubnetID\":5001}}"),
		     "InvalidProperty", "[1].body.properties.MACAddress", NULL),
		POST(E(B_PUT("2")) "x", "InvalidJson", "", NULL),
		POST("[" B_PUT("2") "," B_PUT("1") "," B_PUT("2") "]", "InvalidRequest", "[2].path", "[0]"),
		POST("[" B_PUT("2") ",{\"method\":\"DELETE\",\"path\":\"/hnv/lookupRecords/5001-10.0.0.2\"}]", "InvalidRequest",
		     "[1].path", "[0]"),
		{"POST", HNV "/batch",
		 E("{\"method\":\"DELETE\",\"path\":\"/hnv/providerAddresses/10.1.1.20\"}"), 409, "Conflict", "[1]", "[underlay]"},
		{"POST", HNV "/batch",
		 E("{\"path\":\"/hnv/ports/eth1\",\"body\":{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}}"), 409,
		 "Conflict", "[1].body.properties.Interface", "eth1"},
	};
	struct server s;

	serve(&s, state, "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	assert_int_equal(gw_intent_count(s.service.intent, GW_HNV_LOOKUP_RECORD), 0);
	end(&s);
}

/* --- limits of the transport -------------------------------------------------------------------------------------------------- */

static char *padded(const char *body, size_t size)
{
	char *text = malloc(size + 1);

	assert_non_null(text);
	memset(text, ' ', size);
	memcpy(text, body, strlen(body));
	text[size] = '\0';
	return text;
}

static void test_API_1_body_limits(void **state)
{
	static const char huge[] = "PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551000\r\n\r\n";
	char *fits = padded(GOOD, 4096), *large = padded(GOOD, 4097), *batch = padded("[]", 8193);
	struct refusal too_large = {"PUT", RECORD_1, large, 413, "RequestTooLarge", NULL, "4096"};
	struct refusal batch_too_large = {"POST", HNV "/batch", batch, 413, "RequestTooLarge", NULL, "8192"};
	struct response r;
	struct server s;
	int fd;

	serve(&s, state, "[limits]\nbody = 4096\nbatch = 8192\n");
	assert_int_equal(status_of(&s, "PUT", RECORD_1, fits), 201);
	refused(&s, &too_large);
	refused(&s, &batch_too_large);
	batch[8192] = '\0';
	assert_int_equal(status_of(&s, "POST", HNV "/batch", batch), 200);
	fd = dial(&s); /* refused before any of it is sent */
	send_bytes(&s, fd, huge, sizeof huge - 1);
	assert_true(receive(&s, fd, false, &r));
	assert_int_equal(r.status, 413);
	done(&r);
	close(fd);
	free(fits);
	free(large);
	free(batch);
	end(&s);
}

/* Sends a body of `n` bytes in chunks; the answer's status, 0 when the connection was closed instead. */
static int chunked(struct server *s, size_t n)
{
	static const char head[] = "PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
	char *body = padded(GOOD, n);
	struct response r = {0};
	int fd = dial(s);
	char size[16];
	bool answered;

	send_bytes(s, fd, head, sizeof head - 1);
	for (size_t at_byte = 0; at_byte < n;) {
		size_t part = n - at_byte < 1000 ? n - at_byte : 1000;
		int len = snprintf(size, sizeof size, "%zx\r\n", part);

		send_bytes(s, fd, size, (size_t)len);
		send_bytes(s, fd, body + at_byte, part);
		send_bytes(s, fd, "\r\n", 2);
		at_byte += part;
	}
	send_bytes(s, fd, "0\r\n\r\n", 5);
	answered = receive(s, fd, false, &r);
	done(&r);
	close(fd);
	free(body);
	return answered ? r.status : 0;
}

static void test_API_1_chunked_body_limits(void **state)
{
	struct server s;

	serve(&s, state, "[limits]\nbody = 4096\n");
	assert_int_equal(chunked(&s, 4096), 201);
	assert_int_equal(chunked(&s, 4097), 413);
	assert_int_equal(chunked(&s, 8000), 413);
	assert_int_equal(chunked(&s, 100000), 0); /* not read to its end */
	assert_int_equal(revision(&s), 1);
	end(&s);
}

static void test_broken_http_is_survived(void **state)
{
	static const char *const wrong[] = {
		"\r\n\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
		"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nabcde",
		"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"half\":",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	};
	char *long_header = padded("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", 100000);
	char *long_target = padded("GET /", 100000);
	struct server s;

	serve(&s, state, "");
	memset(long_target + 5, 'a', 100000 - 5);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong + 2; i++) {
		const char *text = i < sizeof wrong / sizeof *wrong	? wrong[i]
				   : i == sizeof wrong / sizeof *wrong ? long_header
									: long_target;
		int fd = dial(&s);

		send_bytes(&s, fd, text, strlen(text));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		for (int k = 0; k < 20; k++)
			turn(&s);
		close(fd);
		turn(&s);
		assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
		assert_int_equal(revision(&s), 0);
	}
	free(long_header);
	free(long_target);
	end(&s);
}

static void test_keep_alive_and_pipelining(void **state)
{
	static const char one[] = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char put[] = "PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 74\r\n\r\n" GOOD;
	static const char last[] = "GET " RECORD_1 " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct response r;
	struct server s;
	char text[1024];
	int fd, n;

	assert_int_equal(sizeof GOOD - 1, 74);
	serve(&s, state, "");
	fd = dial(&s);
	for (int i = 0; i < 50; i++) {
		send_bytes(&s, fd, one, sizeof one - 1);
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, 200);
		assert_string_equal(at(r.json, "name", NULL), "test");
		done(&r);
	}
	n = snprintf(text, sizeof text, "%s%s%s", put, one, last);
	send_bytes(&s, fd, text, (size_t)n);
	assert_true(receive(&s, fd, false, &r));
	assert_int_equal(r.status, 201);
	done(&r);
	assert_true(receive(&s, fd, false, &r));
	assert_string_equal(at(r.json, "version", NULL), GW_VERSION);
	done(&r);
	assert_true(receive(&s, fd, false, &r));
	assert_string_equal(at(r.json, "resourceId", NULL), "5001-10.0.0.1");
	done(&r);
	assert_false(receive(&s, fd, false, &r));
	close(fd);
	end(&s);
}

static void test_connection_limit(void **state)
{
	static const char one[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	enum { LIMIT = 256 };
	struct response r;
	struct server s;
	uint64_t begun;
	int fd[LIMIT + 1];
	char c;

	serve(&s, state, "");
	for (int i = 0; i < LIMIT; i++) { /* each served once, so each accepted */
		fd[i] = dial(&s);
		send_bytes(&s, fd[i], one, sizeof one - 1);
		assert_true(receive(&s, fd[i], false, &r));
		done(&r);
	}
	fd[LIMIT] = dial(&s); /* waits */
	send_bytes(&s, fd[LIMIT], one, sizeof one - 1);
	for (int i = 0; i < 20; i++)
		turn(&s);
	assert_int_equal(recv(fd[LIMIT], &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	begun = uv_hrtime();
	close(fd[0]);
	assert_true(receive(&s, fd[LIMIT], false, &r));
	assert_int_equal(r.status, 200);
	assert_true(uv_hrtime() - begun < 5000000000u); /* not only when the others time out */
	done(&r);
	for (int i = 1; i <= LIMIT; i++)
		close(fd[i]);
	end(&s);
}

/* Clients that send a byte at a time, stop half way or say nothing: the first is served, the others are dropped after 15 s. */
static void test_slow_clients(void **state)
{
	static const char request[] = "PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 74\r\n\r\n" GOOD;
	uint64_t begun, waited;
	struct response r;
	struct server s;
	int slow, half, silent;
	char c;

	serve(&s, state, "");
	slow = dial(&s);
	half = dial(&s);
	silent = dial(&s);
	for (size_t i = 0; i < sizeof request - 1; i++)
		send_bytes(&s, slow, request + i, 1);
	send_bytes(&s, half, request, sizeof request / 2);
	begun = uv_hrtime();
	assert_true(receive(&s, slow, false, &r));
	assert_int_equal(r.status, 201);
	done(&r);
	close(slow);
	while (recv(half, &c, 1, 0) < 0 || recv(silent, &c, 1, 0) < 0) {
		assert_true(uv_hrtime() - begun < 25000000000u);
		uv_run(&s.loop, UV_RUN_ONCE);
	}
	waited = uv_hrtime() - begun;
	assert_true(waited > 13000000000u);
	close(half);
	close(silent);
	assert_int_equal(revision(&s), 1);
	end(&s);
}

/* --- the rest --------------------------------------------------------------------------------------------------------------------- */

static bool never_ready(void *ctx)
{
	(void)ctx;
	return false;
}

static int trace_echo(void *ctx, const json_t *query, json_t **ret, struct gw_error *err)
{
	(void)ctx;
	(void)err;
	*ret = json_pack("{s:O}", "query", query);
	return 0;
}

static void describe_port(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	(void)ctx;
	if (o->kind == GW_HNV_PORT)
		json_object_set_new(properties, "state", json_string("Up"));
}

static void test_monitoring_and_meta(void **state)
{
	struct response r;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "GET", "/networking/v1/monitoring/statistics", NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal(at(json_object_get(r.json, "node"), "name", NULL), "test");
	done(&r);
	assert_int_equal(status_of(&s, "GET", "/readyz", NULL), 200);
	s.service.ready = never_ready;
	s.service.trace = trace_echo;
	s.service.describe = describe_port;
	r = simple(&s, "GET", "/readyz", NULL);
	assert_int_equal(r.status, 503);
	assert_string_equal(at(json_object_get(r.json, "error"), "code", NULL), "Unavailable");
	done(&r);
	assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
	r = simple(&s, "POST", "/networking/v1/monitoring/trace", "{\"port\":\"tap0\"}");
	assert_int_equal(r.status, 200);
	assert_string_equal(at(json_object_get(r.json, "query"), "port", NULL), "tap0");
	done(&r);
	r = simple(&s, "PUT", HNV "/ports/tap0", "{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}");
	assert_string_equal(at(r.json, "properties", "state"), "Up");
	done(&r);
	end(&s);
}

static void test_API_1_store_that_cannot_be_written(void **state)
{
	struct refusal c = {"PUT", RECORD_1, GOOD, 503, "Unavailable", NULL, NULL};
	struct server s;
	sqlite3 *other;

	serve(&s, state, "");
	assert_int_equal(sqlite3_open(s.config.store_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	refused(&s, &c);
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 404);
	sqlite3_close(other);
	assert_int_equal(status_of(&s, "PUT", RECORD_1, GOOD), 201);
	end(&s);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_socket_file),
		API_TEST(test_API_1_other_users_are_refused),
		API_TEST(test_API_2_life_of_a_record),
		API_TEST(test_API_2_records_survive_restart),
		API_TEST(test_API_1_preconditions),
		API_TEST(test_API_2_collections_are_paged),
		API_TEST(test_pages_of_every_kind_are_in_order),
		API_TEST(test_ENC_4_vsid_range),
		API_TEST(test_API_1_bad_json_is_refused),
		API_TEST(test_API_1_bad_requests_are_refused),
		API_TEST(test_API_1_wrong_methods_name_the_right_ones),
		API_TEST(test_API_1_batch_is_one_change),
		API_TEST(test_API_1_bad_batch_changes_nothing),
		API_TEST(test_API_1_body_limits),
		API_TEST(test_API_1_chunked_body_limits),
		API_TEST(test_broken_http_is_survived),
		API_TEST(test_keep_alive_and_pipelining),
		API_TEST(test_connection_limit),
		API_TEST(test_slow_clients),
		API_TEST(test_monitoring_and_meta),
		API_TEST(test_API_1_store_that_cannot_be_written),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
