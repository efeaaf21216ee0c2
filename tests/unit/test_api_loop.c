/*
 * test_api_loop.c - the event loop goes on while requests are under way that are much work: others are answered meanwhile.
 *
 * Time is no measure on a machine that has other things to do. Measures are how many others were answered between the beginning and
 * the end of such a request, and how much of the work, as CPU time, was done on the loop's thread.
 */
#include "controller.h"

#include "obs/loop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define V1	  "/networking/v1"
#define BLUE	  V1 "/virtualNetworks/blue"
#define SPACE	  "\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/8\"]}"
#define SUBNETS	  900 /* as much as a body has room for, roughly */
#define MEANWHILE 5

/* {"properties": {..., "subnets": [...]}}, to be freed. */
static char *network(unsigned subnets, const char *method)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	fprintf(f, "{\"properties\":{" SPACE ",\"encapsulationMethod\":\"%s\",\"subnets\":[", method);
	for (unsigned i = 0; i < subnets; i++)
		fprintf(f, "%s{\"resourceId\":\"s%u\",\"properties\":{\"addressPrefix\":\"10.%u.%u.0/24\"}}",
			i ? "," : "", i, i >> 8, i & 255);
	fputs("]}}", f);
	fclose(f);
	return text;
}

/* Sends it and reads what comes until the end, with `meanwhile` called whenever nothing does. The answer's status. */
static int large_request(struct server *s, const char *method, const char *target, const char *body,
			 void (*meanwhile)(struct server *s, void *ctx), void *ctx)
{
	size_t len = body ? strlen(body) : 0, got = 0;
	uint64_t deadline = uv_hrtime() + 60000000000u;
	char *text, head[16384];
	int fd = dial(s), n, status = 0;

	n = asprintf(&text, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", method,
		     target, len, body ? body : "");
	assert_true(n > 0);
	send_bytes(s, fd, text, (size_t)n);
	free(text);
	for (ssize_t more = -1; more != 0; turn(s)) {
		more = recv(fd, head, sizeof head - 1, 0);
		assert_true(uv_hrtime() < deadline);
		if (more < 0 && got == 0)
			meanwhile(s, ctx);
		if (more > 0 && got == 0) {
			head[more] = '\0';
			assert_int_equal(sscanf(head, "HTTP/1.1 %d", &status), 1);
		}
		got += more > 0 ? (size_t)more : 0;
	}
	close(fd);
	return status;
}

struct others {
	const char *target;
	unsigned answered;
};

static void ask_another(struct server *s, void *ctx)
{
	struct others *o = ctx;

	o->answered += status_of(s, "GET", o->target, NULL) == 200;
}

/* While it is under way, `other` is answered again and again. */
static void others_are_answered(struct server *s, const char *method, const char *target, const char *body, int status,
				const char *other)
{
	struct others o = {.target = other};

	assert_int_equal(large_request(s, method, target, body, ask_another, &o), status);
	if (o.answered < MEANWHILE)
		fail_msg("%s %s: %u others were answered meanwhile", method, target, o.answered);
}

/* Until the loop has something to do, as uv_run would; the deadline is large_request's. */
static void wait_for_work(struct server *s, void *ctx)
{
	struct pollfd work = {.fd = uv_backend_fd(&s->loop), .events = POLLIN};
	int due = uv_backend_timeout(&s->loop);

	(void)ctx;
	poll(&work, 1, due < 0 || due > 1000 ? 1000 : due);
}

static double cpu_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Less than half of the work is the loop's, and ours who read the answer on the same thread. */
static void most_is_on_a_thread(struct server *s, const char *method, const char *target, const char *body, int status)
{
	double loop = cpu_seconds(CLOCK_THREAD_CPUTIME_ID), all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);

	assert_int_equal(large_request(s, method, target, body, wait_for_work, NULL), status);
	loop = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - loop;
	all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
	if (loop > all / 2)
		fail_msg("%s %s: %g s of %g s on the loop", method, target, loop, all);
	print_message("%s %s: %g s of %g s on the loop\n", method, target, loop, all);
}

static void test_large_changes(void **state)
{
	char *body = network(SUBNETS, "VXLAN"), *other = network(SUBNETS, "NVGRE");
	struct controller c;

	manage(&c, state, "");
	most_is_on_a_thread(&c.s, "PUT", BLUE, body, 201);
	others_are_answered(&c.s, "PUT", BLUE, other, 200, "/healthz");
	/* A small body, and all the children that stay. */
	most_is_on_a_thread(&c.s, "PUT", BLUE, "{\"properties\":{" SPACE ",\"encapsulationMethod\":\"NVGRE\"}}", 200);
	most_is_on_a_thread(&c.s, "DELETE", BLUE, NULL, 202);
	assert_int_equal(status_of(&c.s, "GET", BLUE, NULL), 404);
	free(body);
	free(other);
	leave(&c);
}

/* Few resources, and much in each of them; and what is small but part of something large. */
static void test_large_resources(void **state)
{
	enum { ROUTES = 40, BYTES = 60000 };
	static const char head[] = "{\"tags\":{\"t\":\"",
			  tail[] = "\"},\"properties\":{\"addressPrefix\":\"10.0.%u.0/24\","
				   "\"nextHopType\":\"None\"}}";
	struct controller c;

	manage(&c, state, "");
	assert_int_equal(status_of(&c.s, "PUT", V1 "/routeTables/t", "{}"), 201);
	for (unsigned i = 0; i < ROUTES; i++) {
		char *body = malloc(sizeof head + BYTES + sizeof tail + 16), path[64], *to = body;

		assert_non_null(body);
		to += sprintf(to, "%s", head);
		memset(to, 'x', BYTES);
		sprintf(to + BYTES, tail, i);
		snprintf(path, sizeof path, V1 "/routeTables/t/routes/r%u", i);
		assert_int_equal(status_of(&c.s, "PUT", path, body), 201);
		free(body);
	}
	most_is_on_a_thread(&c.s, "GET", V1 "/routeTables/t", NULL, 200);
	most_is_on_a_thread(&c.s, "GET", V1 "/routeTables/t/routes", NULL, 200);
	most_is_on_a_thread(&c.s, "PUT", V1 "/routeTables/t", "{\"tags\":{\"a\":1}}", 200);
	leave(&c);
}

static void test_large_answers(void **state)
{
	static const char small[] = V1 "/virtualNetworks/red";
	char *body = network(SUBNETS, "VXLAN");
	struct controller c;
	struct response r;

	manage(&c, state, "");
	assert_int_equal(status_of(&c.s, "PUT", BLUE, body), 201);
	assert_int_equal(status_of(&c.s, "PUT", small, "{\"properties\":{" SPACE "}}"), 201);
	/* Others may read of the controller, too. */
	others_are_answered(&c.s, "GET", BLUE, NULL, 200, small);
	others_are_answered(&c.s, "GET", V1 "/virtualNetworks", NULL, 200, small);
	others_are_answered(&c.s, "GET", BLUE "/subnets", NULL, 200, small);
	most_is_on_a_thread(&c.s, "GET", BLUE, NULL, 200);
	most_is_on_a_thread(&c.s, "GET", BLUE "/subnets", NULL, 200);
	most_is_on_a_thread(&c.s, "GET", "/openapi.json", NULL, 200);
	r = simple(&c.s, "GET", BLUE, NULL);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_array_size(json_object_get(json_object_get(r.json, "properties"), "subnets")), SUBNETS);
	done(&r);
	free(body);
	leave(&c);
}

/* A batch of lookup records, to be freed. */
static char *records(unsigned count)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	fputc('[', f);
	for (unsigned i = 0; i < count; i++)
		fprintf(f,
			"%s{\"path\":\"/hnv/lookupRecords/"
			"5001-10.0.%u.%u\",\"body\":{\"ProviderAddress\":\"192.0.2.1\","
			"\"MACAddress\":\"0200000%05X\"}}",
			i ? "," : "", i >> 8, i & 255, i);
	fputs("]", f);
	fclose(f);
	return text;
}

static void test_records(void **state)
{
	char *batch = records(3000);
	struct server s;

	serve(&s, state, "");
	others_are_answered(&s, "POST", HNV "/batch", batch, 200, "/healthz");
	others_are_answered(&s, "GET", HNV "/lookupRecords", NULL, 200, RECORD_1);
	free(batch);
	end(&s);
}

/* A batch of virtual gateways, or a report of them; to be freed. */
static char *gateways(unsigned count, bool report)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	fputs(report ? "{\"epoch\":\"0\",\"revision\":0,\"state\":\"Synced\",\"gateway\":{\"virtualGateways\":{" : "[",
	      f);
	for (unsigned i = 0; i < count; i++)
		fprintf(f,
			report ? "%s\"11111111-2222-3333-4444-%012u\":{\"state\":\"Ready\",\"nat\":{\"rules\":%u,"
				 "\"no-rule\":{\"packets\":1,\"bytes\":2}}}"
			       : "%s{\"path\":\"/hnv/virtualGateways/11111111-2222-3333-4444-%012u\",\"body\":{"
				 "\"VirtualSubnetID\":%u,\"MACAddress\":\"020000000101\",\"CustomerAddress\":\"10.1.0."
				 "2\","
				 "\"PrefixLength\":29}}",
			i ? "," : "", i, 5000 + i);
	fputs(report ? "}}}" : "]", f);
	fclose(f);
	return text;
}

/* Drivers are asked about each of them, a few at a time. */
static void test_many_gateways_are_told_of(void **state)
{
	static const char last[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	char *batch = gateways(3000, false);
	struct response r;
	struct server s;
	int fd;

	serve(&s, state, "[limits]\nvirtual_gateways = 4000\n");
	assert_int_equal(status_of(&s, "POST", HNV "/batch", batch), 200);
	others_are_answered(&s, "GET", V1 "/monitoring/statistics", NULL, 200, "/healthz");
	others_are_answered(&s, "GET", "/metrics", NULL, 200, "/healthz");
	r = simple(&s, "GET", V1 "/monitoring/statistics", NULL);
	assert_int_equal(json_array_size(json_object_get(r.json, "virtualGateways")), 3000);
	assert_non_null(json_object_get(r.json, "node"));
	done(&r);
	r = simple(&s, "GET", "/metrics", NULL);
	assert_non_null(strstr(r.body, "\ngwd_virtual_gateways 3000\n"));
	done(&r);
	/* The server ends in the middle of it. */
	fd = dial(&s);
	send_bytes(&s, fd, last, sizeof last - 1);
	end(&s);
	close(fd);
	free(batch);
}

static void test_a_large_report(void **state)
{
	char *report = gateways(3000, true), *wrong = gateways(3000, true);
	struct controller c;

	manage(&c, state, "");
	assert_int_equal(status_of(&c.s, "PUT", V1 "/servers/h1", "{}"), 201);
	most_is_on_a_thread(&c.s, "PUT", V1 "/servers/h1/status", report, 204);
	memcpy(strstr(wrong, "Synced"), "Drowsy", 6);
	assert_int_equal(status_of(&c.s, "PUT", V1 "/servers/h1/status", wrong), 400);
	assert_int_equal(status_of(&c.s, "PUT", V1 "/servers/none/status", report), 404);
	leave(&c);
	free(report);
	free(wrong);
}

/* Asks for a record to be put whenever there is time: what is listed meanwhile is found again each time, until that is too often. */
static void change(struct server *s, void *ctx)
{
	static const char *const bodies[] = {
		"{\"properties\":{\"ProviderAddress\":\"192.0.2.1\",\"MACAddress\":\"020000000001\"}}",
		"{\"properties\":{\"ProviderAddress\":\"192.0.2.2\",\"MACAddress\":\"020000000001\"}}",
	};
	unsigned *n = ctx;

	assert_int_equal(status_of(s, "PUT", RECORD_1, bodies[++*n % 2]), 200);
	if (*n == 3) /* the last of a page has gone, after it was found or before */
		assert_int_equal(status_of(s, "DELETE", HNV "/lookupRecords/5001-10.0.3.231", NULL), 200);
}

static void test_records_change_while_they_are_listed(void **state)
{
	static const char last[] = "GET " HNV "/lookupRecords HTTP/1.1\r\nHost: x\r\n\r\n";
	char *batch = records(3000);
	struct response r;
	struct server s;
	unsigned n = 0;
	int fd;

	serve(&s, state, "");
	assert_int_equal(status_of(&s, "POST", HNV "/batch", batch), 200);
	assert_int_equal(large_request(&s, "GET", HNV "/lookupRecords", NULL, change, &n), 200);
	assert_true(n > 0);
	r = simple(&s, "GET", HNV "/lookupRecords?$top=10", NULL);
	assert_int_equal(json_array_size(json_object_get(r.json, "value")), 10);
	assert_string_equal(at(r.json, "nextLink", NULL), HNV "/lookupRecords?$top=10&$skipToken=5001-10.0.0.9");
	done(&r);
	/* The server ends in the middle of a list. */
	fd = dial(&s);
	send_bytes(&s, fd, last, sizeof last - 1);
	end(&s);
	close(fd);
	free(batch);
}

/* Everything at once, and the server ends in the middle of it: nothing is lost, nothing hangs. */
static void test_all_take_turns(void **state)
{
	static const char *const requests[] = {
		"GET " V1 "/virtualNetworks HTTP/1.1\r\nHost: x\r\n\r\n",
		"PUT " BLUE " HTTP/1.1\r\nHost: x\r\nContent-Length: 75\r\n\r\n{\"properties\":{" SPACE "}}         ",
		"PUT " V1
		"/virtualNetworks/red HTTP/1.1\r\nHost: x\r\nContent-Length: 66\r\n\r\n{\"properties\":{" SPACE "}}",
		"GET " V1 "/virtualNetworks/red HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	enum { CLIENTS = 12, ROUNDS = 8 };
	char *body = network(200, "VXLAN");
	unsigned answered[CLIENTS] = {0};
	struct controller c;
	struct response r;
	int fd[CLIENTS];

	manage(&c, state, "");
	assert_int_equal(status_of(&c.s, "PUT", BLUE, body), 201);
	assert_int_equal(status_of(&c.s, "PUT", V1 "/virtualNetworks/red", "{\"properties\":{" SPACE "}}"), 201);
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = dial(&c.s);
	for (int round = 0; round <= ROUNDS; round++) {
		for (int i = 0; i < CLIENTS; i++)
			send_bytes(&c.s, fd[i], requests[i % 4], strlen(requests[i % 4]));
		for (int i = 0; round < ROUNDS && i < CLIENTS; i++) {
			assert_true(receive(&c.s, fd[i], false, &r));
			assert_int_equal(r.status, 200);
			answered[i]++;
			done(&r);
		}
	}
	leave(&c);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(answered[i], ROUNDS);
		close(fd[i]);
	}
	free(body);
}

struct asked_again {
	struct gw_control_job job; /* first */
	const bool *allowed;
	bool ran, done;
	enum gw_error_code code;
};

static int may(struct gw_control_job *job, struct gw_error *err)
{
	const struct asked_again *a = (struct asked_again *)job;

	return *a->allowed ? 0 : gw_error_set(err, EACCES, GW_ERR_UNAUTHORIZED, "", "not any more");
}

static void run(struct gw_control_job *job)
{
	((struct asked_again *)job)->ran = true;
}

static void finished(struct gw_control_job *job, const struct gw_error *err)
{
	struct asked_again *a = (struct asked_again *)job;

	a->done = true;
	if (err)
		a->code = err->code;
}

/* Who has begun something is asked again when its turn has come; those behind him do not wait for him. */
static void test_jobs_that_may_not_any_more(void **state)
{
	static const bool yes = true;
	bool allowed = true;
	struct asked_again jobs[] = {
		{.allowed = &yes}, {.allowed = &allowed}, {.allowed = &yes}, {.allowed = &allowed}};
	const size_t n = sizeof jobs / sizeof *jobs;
	struct controller c;

	manage(&c, state, "");
	for (size_t i = 0; i < n; i++) {
		jobs[i].job = (struct gw_control_job){.looks = i == 3, .may = may, .run = run, .done = finished};
		gw_control_run(c.control, &jobs[i].job);
	}
	allowed = false; /* the first is under way, the others wait */
	for (size_t i = 0; i < n; i++)
		while (!jobs[i].done)
			turn(&c.s);
	for (size_t i = 0; i < n; i++) {
		bool may_not = jobs[i].allowed == &allowed;

		assert_true(jobs[i].ran == !may_not);
		assert_int_equal(jobs[i].code, may_not ? GW_ERR_UNAUTHORIZED : GW_ERR_NONE);
	}
	leave(&c);
}

/* As a handler does that takes its time. */
static void work(double seconds)
{
	uint64_t end = uv_hrtime() + (uint64_t)(seconds * 1e9);

	while (uv_hrtime() < end)
		;
}

static void on_time(uv_timer_t *timer)
{
	(void)timer;
}

static double value_of(const struct response *r, const char *sample)
{
	const char *line = strstr(r->text, sample);

	if (!line)
		fail_msg("no %s in %s", sample, r->text);
	return strtod(line + strlen(sample), NULL);
}

static void test_the_meter(void **state)
{
	struct controller c;
	struct response r;
	double longest;

	manage(&c, state, "");
	c.s.service.meter = gw_loop_meter_new(&c.s.loop);
	assert_non_null(c.s.service.meter);
	assert_int_equal(status_of(&c.s, "GET", "/version", NULL), 200);
	work(0.03);
	r = simple(&c.s, "GET", "/metrics", NULL);
	assert_int_equal(r.status, 200);
	assert_true(value_of(&r, "\ngwd_loop_longest_turn_seconds ") >= 0.03);
	assert_true(value_of(&r, "\ngwd_loop_turn_seconds_sum ") >= 0.03);
	assert_true(value_of(&r, "\ngwd_loop_turn_seconds_count ") >= 3);
	longest = value_of(&r, "\ngwd_loop_handler_longest_seconds{handler=\"/version\",action=\"GET\"} ");
	assert_true(longest > 0);
	assert_true(value_of(&r, "\ngwd_loop_handler_calls_total{handler=\"/version\",action=\"GET\"} ") == 1);
	assert_true(value_of(&r, "\ngwd_loop_handler_seconds_total{handler=\"/version\",action=\"GET\"} ") == longest);
	done(&r);
	/* What the kernel has us wait is no part of a turn. */
	for (int i = 0; i < 3; i++) {
		uv_timer_t timer;

		uv_timer_init(&c.s.loop, &timer);
		uv_timer_start(&timer, on_time, 200, 0);
		uv_run(&c.s.loop, UV_RUN_ONCE);
		uv_close((uv_handle_t *)&timer, NULL);
		turn(&c.s);
	}
	r = simple(&c.s, "GET", "/metrics", NULL);
	assert_true(value_of(&r, "\ngwd_loop_turn_seconds_sum ") < 0.6);
	done(&r);
	c.s.service.meter = gw_loop_meter_free(c.s.service.meter);
	leave(&c);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_large_changes),  API_TEST(test_large_resources),
		API_TEST(test_large_changes),  API_TEST(test_large_answers),
		API_TEST(test_records),	       API_TEST(test_records_change_while_they_are_listed),
		API_TEST(test_all_take_turns), API_TEST(test_jobs_that_may_not_any_more),
		API_TEST(test_the_meter),      API_TEST(test_many_gateways_are_told_of),
		API_TEST(test_a_large_report),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
