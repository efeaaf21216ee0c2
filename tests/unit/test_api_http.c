/*
 * test_api_http.c - API-1: the socket and HTTP itself: who may come in, how much, how many, how slowly, and
 * what is not HTTP.
 */
#include "api_client.h"

#include <sys/wait.h>

/* --- the socket --------------------------------------------------------------------------------------------------- */

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
	assert_true(gw_api_start(&s.loop, "ftp://0.0.0.0:1", &s.service, &second, &err) < 0);
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
	if (fcntl(fd, F_SETFL, 0) < 0 || write(fd, request, sizeof request - 1) < 0 ||
	    read(fd, buf, sizeof buf - 1) <= 0)
		return 2;
	return sscanf(buf, "HTTP/1.1 %d", &status) == 1 ? status - 300 : 3;
}

static void test_API_1_other_users_are_refused(void **state)
{
	struct server s;
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("# SKIP: needs root\n");
		skip();
	}
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

/* --- limits of the transport -------------------------------------------------------------------------------------- */

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
	static const struct {
		const char *text;
		int status;
	} at_once[] = {
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551000\r\n\r\n", 413},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", 413},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n", 413},
		{"PUT /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n", 404},
		{"PUT /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", 404},
	};
	static const char bad_then_good[] =
		"PUT /teapot HTTP/1.1\r\nHost: x\r\nContent-Length: 62\r\n\r\nDELETE " RECORD_1 " HTTP/1.1"
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
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
	for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) { /* refused before any of it is sent */
		fd = dial(&s);
		send_bytes(&s, fd, at_once[i].text, strlen(at_once[i].text));
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, at_once[i].status);
		done(&r);
		close(fd);
	}
	/* Refused for its target, yet the connection stays good: its body is not taken for a request. */
	fd = dial(&s);
	send_bytes(&s, fd, bad_then_good, sizeof bad_then_good - 1);
	for (int i = 0; i < 2; i++) {
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, i ? 200 : 404);
		done(&r);
	}
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
	assert_int_equal(chunked(&s, 12000), 413);
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
		const char *text = i < sizeof wrong / sizeof *wrong    ? wrong[i]
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

/* Where such a request ends is seen differently by different readers: it is refused, what follows on the connection is not read. */
static void test_ambiguous_http_is_refused(void **state)
{
	static const struct {
		const char *head;
		int status;
		const char *target;
	} rows[] = {
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 74\r\n", 400,
		 "Content-Length"},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n", 400,
		 "Content-Length"},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400,
		 "Content-Length"},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n", 400, "Transfer-Encoding"},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n", 400,
		 "Transfer-Encoding"},
		{"PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 4\r\n", 400,
		 NULL},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nA\x01: b\r\n", 400, NULL},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n", 400, NULL},
		{"GET /healthz HTTP/1.1\r\n", 400, "Host"},
		{"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400, "Host"},
	};
	static const char rest[] = "\r\n{}  GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
	struct response r;
	struct server s;
	char text[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int fd = dial(&s);
		const char *target;

		send_bytes(&s, fd, rows[i].head, strlen(rows[i].head));
		send_bytes(&s, fd, rest, sizeof rest - 1);
		assert_true(receive(&s, fd, false, &r));
		target = at(json_object_get(r.json, "error"), "target", NULL);
		if (r.status != rows[i].status || !target != !rows[i].target ||
		    (target && strcmp(target, rows[i].target) != 0))
			fail_msg("%s: %s", rows[i].head, r.text);
		assert_string_equal(header(&r, "Connection", text), "close");
		done(&r);
		assert_false(receive(&s, fd, false, &r));
		close(fd);
	}
	assert_int_equal(revision(&s), 0);
	end(&s);
}

static void test_large_heads(void **state)
{
	static const size_t sizes[] = {16000, 17000, 40000};
	struct response r;
	struct server s;

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *text = padded("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", sizes[i]);
		int fd = dial(&s);

		memset(text + sizes[i] - 10, 'a', 6);
		memcpy(text + sizes[i] - 4, "\r\n\r\n", 4);
		send_bytes(&s, fd, text, sizes[i]);
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, i == 0 ? 200 : 431);
		if (i > 0)
			assert_string_equal(at(r.json, "error", "code"), "RequestTooLarge");
		done(&r);
		close(fd);
		free(text);
	}
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

/* Clients that send a byte at a time, stop half way, drip for ever or say nothing: the first is served, the
 * others are dropped when the time for a request is over. */
static void test_slow_clients(void **state)
{
	static const char request[] = "PUT " RECORD_1 " HTTP/1.1\r\nHost: x\r\nContent-Length: 74\r\n\r\n" GOOD;
	uint64_t begun, now;
	struct response r;
	struct server s;
	int slow, half, silent, drips;
	bool half_over = false, silent_over = false, drips_over = false;
	char c;

	serve(&s, state, "[limits]\nrequest_seconds = 2\n");
	slow = dial(&s);
	half = dial(&s);
	silent = dial(&s);
	drips = dial(&s);
	for (size_t i = 0; i < sizeof request - 1; i++)
		send_bytes(&s, slow, request + i, 1);
	send_bytes(&s, half, request, sizeof request / 2);
	begun = uv_hrtime();
	assert_true(receive(&s, slow, false, &r));
	assert_int_equal(r.status, 201);
	done(&r);
	close(slow);
	for (now = begun; !half_over || !silent_over || !drips_over; now = uv_hrtime()) {
		assert_true(now - begun < 20000000000u);
		half_over = half_over || recv(half, &c, 1, 0) == 0;
		silent_over = silent_over || recv(silent, &c, 1, 0) == 0;
		/* Never silent, never ready. */
		drips_over = drips_over || (send(drips, "G", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
		turn(&s);
	}
	assert_true(now - begun > 1500000000u);
	close(half);
	close(silent);
	close(drips);
	assert_int_equal(revision(&s), 1);
	end(&s);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_socket_file),
		API_TEST(test_API_1_other_users_are_refused),
		API_TEST(test_API_1_body_limits),
		API_TEST(test_API_1_chunked_body_limits),
		API_TEST(test_broken_http_is_survived),
		API_TEST(test_ambiguous_http_is_refused),
		API_TEST(test_large_heads),
		API_TEST(test_keep_alive_and_pipelining),
		API_TEST(test_connection_limit),
		API_TEST(test_slow_clients),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
