/*
 * test_sync_tls.c - API-2: a node and its controller know each other by certificates, or have nothing to do with each other. The
 * controller is the real API, over TLS; that it keeps no nodes does not matter here.
 */
#include "api_client.h"

#include "sync/private.h"

#include <netinet/in.h>
#include <signal.h>

struct world {
	struct server s;
	struct gw_sync *sync;
	char ca[128];
};

static unsigned free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

/* `more` is added to [controller]. */
static void begin(struct world *w, void **state, const char *more)
{
	struct gw_sync_params params = {.loop = &w->s.loop, .service = &w->s.service};
	struct gw_error err = GW_ERROR_INIT;
	unsigned port = free_port();
	char text[512];

	memset(w, 0, sizeof *w);
	snprintf(w->ca, sizeof w->ca, "%s", fixture_path(state, "tls.crt"));
	snprintf(text, sizeof text,
		 "[api]\nlisten = https://127.0.0.1:%u\n[controller]\nurls = https://127.0.0.1:%u\n%s", port, port,
		 more);
	serve(&w->s, state, text);
	assert_int_equal(gw_sync_open(&params, &w->sync, &err), 0);
	w->sync->times.backoff_first_ms = w->sync->times.backoff_max_ms = 10;
}

static void finish(struct world *w)
{
	w->sync = gw_sync_close(w->sync);
	end(&w->s);
}

/* It has come to that. */
static void refused_with(struct world *w, enum gw_link_state to, const char *message)
{
	uint64_t deadline = uv_hrtime() + 10000000000u;

	while (w->sync->state != to || !strstr(w->sync->why.message, message)) {
		turn(&w->s);
		if (uv_hrtime() > deadline)
			fail_msg("%d, %s", (int)w->sync->state, w->sync->why.message);
	}
}

static void copy_file(const char *from, const char *to)
{
	size_t n;
	char *data = fixture_slurp(from, &n);
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
	free(data);
}

static void write_file(const char *path, const char *data)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(data, f) >= 0 && fclose(f) == 0);
}

/* Nobody by whom it could be known; then, without a restart, somebody. */
static void test_API_2_controller_proves_who_it_is(void **state)
{
	struct world w;

	begin(&w, state, "");
	refused_with(&w, GW_LINK_REFUSED, "certificates by which the controller is known cannot be used");
	write_file(fixture_path(state, "controller-ca.crt"), "nonsense\n");
	refused_with(&w, GW_LINK_REFUSED, "");
	copy_file(w.ca, fixture_path(state, "controller-ca.crt"));
	/* It is who it should be, and does not know us, who show nothing. */
	refused_with(&w, GW_LINK_REFUSED, "does not know this node");
	finish(&w);
}

static void test_API_2_somebody_elses_certificate(void **state)
{
	char *other = strdup("/tmp/gwd-test-XXXXXX"), more[256];
	struct world w, elsewhere;
	void *dir = other;

	assert_non_null(mkdtemp(other));
	begin(&elsewhere, &dir, "");
	snprintf(more, sizeof more, "ca = %s/tls.crt\n", other);
	begin(&w, state, more);
	refused_with(&w, GW_LINK_REFUSED, "does not prove to be the controller");
	finish(&w);
	finish(&elsewhere);
	assert_int_equal(fixture_teardown(&dir), 0);
}

static void test_own_certificate_that_is_of_no_use(void **state)
{
	struct world w;

	begin(&w, state, "client_cert = /nonexistent.crt\nclient_key = /nonexistent.key\n");
	copy_file(w.ca, fixture_path(state, "controller-ca.crt"));
	refused_with(&w, GW_LINK_REFUSED, "[controller] client_cert");
	finish(&w);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(test_API_2_controller_proves_who_it_is),
		TLS_TEST(test_API_2_somebody_elses_certificate),
		TLS_TEST(test_own_certificate_that_is_of_no_use),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	gw_log_init((enum gw_log_level)0);
	return cmocka_run_group_tests_name("sync_tls", tests, NULL, NULL);
}
