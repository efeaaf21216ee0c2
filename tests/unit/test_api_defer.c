/*
 * test_api_defer.c - answers that come later: on time, at once, when the client has gone, when the server has ended.
 *
 * The handlers of monitoring.c are replaced by ones that do not answer by themselves.
 */
#include "api_client.h"

#include "api/router.h"

#include <sys/mman.h>

static struct gw_api_deferred *waiting;
static bool at_once;
static int calls;
static char who[GW_PRINCIPAL_NAMELEN];

static void answer(unsigned status)
{
	struct gw_api_reply reply = {0};

	gw_api_reply_json(&reply, status, json_pack("{s:s}", "said", "later"));
	gw_api_answer(waiting, &reply);
	waiting = NULL;
	assert_null(reply.body); /* taken over */
}

void gw_api_statistics(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	(void)reply;
	calls++;
	snprintf(who, sizeof who, "%s", req->who->name);
	assert_int_equal(req->who->access, GW_ACCESS_OPERATOR);
	waiting = gw_api_defer(req);
	assert_non_null(waiting);
	assert_null(gw_api_defer(req)); /* one answer */
	if (at_once)
		answer(200);
}

void gw_api_trace(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_statistics(req, reply);
}

void gw_api_audit(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_statistics(req, reply);
}

static const char slow[] = "GET /networking/v1/monitoring/statistics HTTP/1.1\r\nHost: x\r\n\r\n";
static const char slow_post[] =
	"POST /networking/v1/monitoring/trace HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
static const char quick[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

static void until_called(struct server *s, int n)
{
	for (uint64_t deadline = uv_hrtime() + 10000000000u; calls < n; turn(s))
		assert_true(uv_hrtime() < deadline);
}

static void setup(struct server *s, void **state)
{
	waiting = NULL;
	at_once = false;
	calls = 0;
	serve(s, state, "[limits]\nrequest_seconds = 1\n");
}

static void test_later(void **state)
{
	static const char *const requests[] = {slow, slow_post};
	struct response r;
	struct server s;
	int fd;
	char c;

	setup(&s, state);
	fd = dial(&s);
	for (int i = 0; i < 2; i++) {
		send_bytes(&s, fd, requests[i], strlen(requests[i]));
		until_called(&s, i + 1);
		/* Longer than a request may take: it is not the client that is slow. */
		for (uint64_t end_of_wait = uv_hrtime() + 1600000000u; uv_hrtime() < end_of_wait; turn(&s))
			assert_int_equal(recv(fd, &c, 1, 0), -1);
		assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
		answer(202);
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, 202);
		assert_string_equal(at(r.json, "said", NULL), "later");
		done(&r);
	}
	/* The connection goes on. */
	send_bytes(&s, fd, quick, sizeof quick - 1);
	assert_true(receive(&s, fd, false, &r));
	assert_int_equal(r.status, 200);
	done(&r);
	assert_string_equal(who, "root");
	close(fd);
	end(&s);
}

static void test_at_once(void **state)
{
	struct response r;
	struct server s;
	int fd;

	setup(&s, state);
	at_once = true;
	fd = dial(&s);
	for (int i = 0; i < 3; i++) {
		send_bytes(&s, fd, slow, sizeof slow - 1);
		assert_true(receive(&s, fd, false, &r));
		assert_int_equal(r.status, 200);
		done(&r);
	}
	assert_int_equal(calls, 3);
	close(fd);
	end(&s);
}

static void test_client_has_gone(void **state)
{
	struct server s;
	int fd;

	setup(&s, state);
	fd = dial(&s);
	send_bytes(&s, fd, slow, sizeof slow - 1);
	until_called(&s, 1);
	close(fd);
	for (int i = 0; i < 50; i++)
		turn(&s);
	answer(200);
	for (int i = 0; i < 50; i++)
		turn(&s);
	assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
	end(&s);
}

static void test_server_has_ended(void **state)
{
	struct server s;
	int fd;

	setup(&s, state);
	fd = dial(&s);
	send_bytes(&s, fd, slow, sizeof slow - 1);
	until_called(&s, 1);
	end(&s);
	assert_non_null(waiting);
	answer(200); /* to nobody */
	close(fd);
}

/* --- who takes time ----------------------------------------------------------------------------------------------- */

enum { MB = 1 << 20, LARGE = 50 * MB };

/* A file as large as the backup of a controller that has much. */
static int large_file(void)
{
	char block[4096];
	int fd = memfd_create("large", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (unsigned i = 0; i < LARGE / sizeof block; i++) {
		memset(block, (int)(i % 251), sizeof block);
		assert_int_equal(write(fd, block, sizeof block), sizeof block);
	}
	return fd;
}

static int ask_for_file(struct server *s)
{
	struct gw_api_reply reply = {.status = 200, .has_fd = true, .fd = large_file()};
	int fd = dial(s);

	send_bytes(s, fd, slow, sizeof slow - 1);
	until_called(s, 1);
	gw_api_answer(waiting, &reply);
	assert_false(reply.has_fd);
	return fd;
}

/* Reads up to `n` bytes, as they come; 0 at the end. */
static size_t read_some(struct server *s, int fd, char *buf, size_t n)
{
	ssize_t got;

	for (uint64_t deadline = uv_hrtime() + 10000000000u;;) {
		turn(s);
		got = recv(fd, buf, n, 0);
		if (got >= 0 || errno == ECONNRESET)
			return got > 0 ? (size_t)got : 0;
		assert_int_equal(errno, EAGAIN);
		assert_true(uv_hrtime() < deadline);
	}
}

/* Of `seconds` that have passed, as much as a client may read that reads `rate` bytes a second. */
static bool is_early(size_t got, uint64_t begun, size_t rate)
{
	return (double)got > (double)(uv_hrtime() - begun) / 1e9 * (double)rate;
}

/* A file, to a client that is not fast but goes on: it takes some times as long as a request may. */
static void test_large_file(void **state)
{
	static char buf[65536];
	uint64_t begun = uv_hrtime();
	size_t got = 0, header = 0;
	struct server s;
	unsigned wrong = 0;
	int fd;

	setup(&s, state);
	fd = ask_for_file(&s);
	for (size_t n; (n = read_some(&s, fd, buf, sizeof buf)) > 0; got += n) {
		char *blank = got ? NULL : memmem(buf, n, "\r\n\r\n", 4);

		if (blank)
			header = (size_t)(blank + 4 - buf);
		for (size_t i = got ? 0 : header; i < n; i++)
			wrong += (unsigned char)buf[i] != (got + i - header) / 4096 % 251;
		if (got + n == header + LARGE)
			break;
		while (is_early(got, begun, 16 * MB))
			turn(&s);
	}
	assert_int_equal(wrong, 0);
	assert_true(header > 0);
	assert_true(uv_hrtime() - begun > 2000000000u); /* request_seconds is 1 */
	close(fd);
	end(&s);
}

/* One that reads a byte now and then has been waited for long enough. */
static void test_large_file_is_not_read(void **state)
{
	static char buf[65536];
	uint64_t begun;
	struct server s;
	size_t got = 0;
	int fd;

	setup(&s, state);
	fd = ask_for_file(&s);
	for (begun = uv_hrtime(); uv_hrtime() - begun < 3000000000u; turn(&s))
		if (!is_early(got, begun, 1000) && recv(fd, buf, 1, 0) == 1)
			got++;
	for (size_t n; (n = read_some(&s, fd, buf, sizeof buf)) > 0;)
		got += n;
	assert_true(got < LARGE);
	close(fd);
	end(&s);
}

/* Bodies: 800 kB at 256 kB a second are not fast, but honest. */
static void test_slow_upload(void **state)
{
	enum { N = 800000, RATE = 256 << 10 };
	static const char head[] =
		"POST /networking/v1/monitoring/trace HTTP/1.1\r\nHost: x\r\nContent-Length: 800000\r\n\r\n";
	static char body[N];
	uint64_t begun;
	struct response r;
	struct server s;
	size_t sent = 0;
	int fd;

	setup(&s, state);
	at_once = true;
	memset(body, ' ', sizeof body);
	fd = dial(&s);
	send_bytes(&s, fd, head, sizeof head - 1);
	for (begun = uv_hrtime(); sent < N; turn(&s)) {
		if (is_early(sent, begun, RATE))
			continue;
		send_bytes(&s, fd, body + sent, N - sent < 10000 ? N - sent : 10000);
		sent += N - sent < 10000 ? N - sent : 10000;
	}
	assert_true(uv_hrtime() - begun > 2000000000u);
	assert_true(receive(&s, fd, false, &r));
	assert_int_equal(r.status, 200);
	done(&r);
	close(fd);
	end(&s);
}

static void on_drained(void *ctx)
{
	*(bool *)ctx = true;
}

/* What has been begun is finished before the end; nothing new is. */
static void test_drain(void **state)
{
	bool drained = false;
	struct response r;
	struct server s;
	char text[256];
	int fd, idle;

	setup(&s, state);
	idle = dial(&s);
	send_bytes(&s, idle, quick, sizeof quick - 1);
	assert_true(receive(&s, idle, false, &r));
	done(&r);
	fd = dial(&s);
	send_bytes(&s, fd, slow, sizeof slow - 1);
	until_called(&s, 1);
	gw_api_drain(s.api, on_drained, &drained);
	assert_false(receive(&s, idle, false, &r));
	for (int i = 0; i < 100; i++)
		turn(&s);
	assert_false(drained);
	answer(200);
	assert_true(receive(&s, fd, false, &r));
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "Connection", text), "close");
	done(&r);
	for (uint64_t deadline = uv_hrtime() + 10000000000u; !drained; turn(&s))
		assert_true(uv_hrtime() < deadline);
	assert_false(receive(&s, fd, false, &r));
	close(fd);
	close(idle);
	end(&s);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_later),		API_TEST(test_at_once),
		API_TEST(test_client_has_gone), API_TEST(test_server_has_ended),
		API_TEST(test_large_file),	API_TEST(test_large_file_is_not_read),
		API_TEST(test_slow_upload),	API_TEST(test_drain),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
