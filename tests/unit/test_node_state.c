/* test_node_state.c - what a controller tells its nodes: /servers/{id}/state in pages, by changes, and when it comes. */
#include "node_state_fixture.h"

/* --- reading it --------------------------------------------------------------------------------------------------- */

static void test_API_1_all_of_it_and_what_has_changed(void **state)
{
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	fetch(&c, &h, STATE);
	assert_true(h.full);
	assert_true(holds(&h, "/hnv/providerAddresses/192.0.2.1"));
	assert_true(holds(&h, "/hnv/lookupRecords/5001-10.0.0.2"));
	assert_true(holds(&h, "/hnv/lookupRecords/5001-10.0.0.3"));
	assert_true(holds(&h, "/hnv/ports/tap2"));
	assert_false(holds(&h, "/hnv/ports/tap3"));		     /* another node's */
	assert_false(holds(&h, "/hnv/providerAddresses/192.0.2.2")); /* too */
	changes_since(&c, &h);
	assert_false(h.full);
	assert_int_equal(h.changes, 0);
	put_nic(&c, 2, "h2", "tap2");
	assert_int_equal(status_of(&c.s, "DELETE", NIC("3"), NULL), 202);
	changes_since(&c, &h);
	/* Nothing of the network is on this node any more, and it is told to forget it as a whole. */
	assert_false(h.full);
	assert_int_equal(h.forgotten, 5001);
	json_decref(h.paths);
	leave(&c);
}

static void test_API_1_pages(void **state)
{
	enum { NICS = 600 };
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	for (unsigned n = 4; n < 4 + NICS; n++)
		put_nic(&c, n, "h2", "");
	fetch(&c, &h, STATE);
	assert_true(h.pages > NICS / 256);
	assert_true(json_object_size(h.paths) > NICS + 2);
	json_decref(h.paths);
	leave(&c);
}

/* --- waiting for it ----------------------------------------------------------------------------------------------- */

static int follow(struct controller *c, const struct held *h, unsigned seconds)
{
	char text[256];
	int fd = dial(&c->s), n;

	n = snprintf(text, sizeof text, "GET " STATE "?since=%" PRIu64 "&epoch=%s&wait=%u HTTP/1.1\r\nHost: x\r\n\r\n",
		     h->revision, h->epoch, seconds);
	send_bytes(&c->s, fd, text, (size_t)n);
	for (int i = 0; i < 20; i++)
		turn(&c->s);
	return fd;
}

static struct response answer_of(struct controller *c, int fd)
{
	struct response r;

	assert_true(receive(&c->s, fd, false, &r));
	close(fd);
	return r;
}

static bool is_waiting(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

static void test_API_1_told_as_soon_as_there_is_something(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	int fd;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 60);
	put(&c, V1 "/virtualNetworks/red",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\"]}}"); /* is nothing to the node */
	assert_true(is_waiting(fd));
	put_nic(&c, 4, "h2", "");
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	assert_false(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 1);
	assert_string_equal(at(json_array_get(json_object_get(r.json, "changes"), 0), "put", NULL),
			    "/hnv/lookupRecords/5001-10.0.0.4");
	h.revision = (uint64_t)json_integer_value(json_object_get(r.json, "revision"));
	done(&r);
	/* Nothing comes: an answer without changes, in time. */
	fd = follow(&c, &h, 1);
	assert_true(is_waiting(fd));
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 0);
	done(&r);
	/* The server is deleted under it, when nothing is on it any more. */
	fd = follow(&c, &h, 60);
	assert_int_equal(status_of(&c.s, "DELETE", NIC("2"), NULL), 202);
	r = answer_of(&c, fd);
	done(&r);
	fetch(&c, &h, STATE);
	assert_int_equal(json_object_size(h.paths), 1);
	fd = follow(&c, &h, 60);
	assert_int_equal(status_of(&c.s, "DELETE", V1 "/servers/h1", NULL), 202);
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200); /* it is to hold nothing */
	assert_true(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 0);
	h.revision = (uint64_t)json_integer_value(json_object_get(r.json, "revision"));
	done(&r);
	fd = follow(&c, &h, 60);
	assert_true(is_waiting(fd));
	/* One of its name is another one. */
	put(&c, V1 "/servers/H1", "{\"providerAddresses\":[{\"address\":\"192.0.2.1\",\"interface\":\"eth1\"}]}");
	r = answer_of(&c, fd);
	assert_true(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 1);
	done(&r);
	json_decref(h.paths);
	leave(&c);
}

static void test_many_who_follow_one_node(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	int fds[6];

	deploy(&c, state);
	fetch(&c, &h, STATE);
	for (size_t i = 0; i < 6; i++)
		fds[i] = follow(&c, &h, 60);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(is_waiting(fds[i]), i >= 2); /* the oldest have made room */
	put_nic(&c, 4, "h2", "");
	for (size_t i = 0; i < 6; i++) {
		r = answer_of(&c, fds[i]);
		assert_int_equal(r.status, 200);
		done(&r);
	}
	json_decref(h.paths);
	leave(&c);
}

static void on_drained(void *ctx)
{
	*(bool *)ctx = true;
}

static void test_nobody_waits_for_a_daemon_that_ends(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	bool drained = false;
	int fd, other;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 60);
	other = follow(&c, &h, 60);
	close(other); /* who has gone does no harm */
	gw_api_drain(c.s.api, on_drained, &drained);
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	done(&r);
	for (uint64_t deadline = uv_hrtime() + 4000000000u; !drained; turn(&c.s))
		assert_true(uv_hrtime() < deadline);
	json_decref(h.paths);
	leave(&c);
}

static void test_what_cannot_be_asked(void **state)
{
	static const struct refusal bad[] = {
		{"GET", V1 "/servers/h9/state", NULL, 404, "NotFound", NULL, "h9"},
		{"GET", STATE "?since=-1", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?since=99999999999999999999", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?wait=61", NULL, 400, "InvalidRequest", "wait", "60"},
		{"GET", STATE "?since=1&since=2", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?more=0-0-0-0-0-0", NULL, 410, "Gone", NULL, NULL},
		{"GET", STATE "?more=0-0-0-0-0-0&epoch=0", NULL, 410, "Gone", NULL, NULL},
		{"PUT", STATE, "{}", 405, "MethodNotAllowed", NULL, NULL},
		{"PUT", V1 "/servers/h9/status", "{}", 404, "NotFound", NULL, NULL},
		{"PUT", STATUS, "[]", 400, "InvalidProperty", NULL, NULL},
		{"PUT", STATUS, "{}", 400, "InvalidProperty", "state", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"epoch\":\"x\"}", 400, "InvalidProperty", "epoch", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"revision\":-1}", 400, "InvalidProperty", "revision", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"version\":\"\\u0007\"}", 400, "InvalidProperty", "version",
		 NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"failures\":[{\"path\":7}]}", 400, "InvalidProperty",
		 "failures[0].path", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"statistics\":{\"a\":\"text\"}}", 400, "InvalidProperty",
		 "statistics", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"ports\":{\"a/b\":{}}}", 400, "InvalidProperty", "ports", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"ports\":{\"a\":{\"counters\":{\"b\":{}}}}}", 400,
		 "InvalidProperty", "ports.a.counters", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"statistics\":{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}}", 400,
		 "InvalidProperty", "statistics", NULL},
	};
	static const char *const forged[] = {"x",
					     "0-0-0-0-0",
					     "0-7-0-0-0-0",
					     "4-0-0-0-0-0",
					     "0-0-5-4-0-0",
					     "0-0-0-ffffffffffffffff-0-0",
					     "0-0-0-0-0-11112222333344445",
					     ""};
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(&c.s, &bad[i]);
	fetch(&c, &h, STATE);
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		char url[192];

		snprintf(url, sizeof url, STATE "?epoch=%s&more=%s", h.epoch, forged[i]);
		assert_int_equal(status_of(&c.s, "GET", url, NULL), 410);
	}
	/* Places that nothing is at, in any stage, are places all the same. */
	for (unsigned stage = 0; stage < 7; stage++)
		for (unsigned flags = 0; flags < 4; flags++) {
			char url[192];
			int status;

			snprintf(url, sizeof url,
				 STATE "?epoch=%s&more=%x-%x-0-%" PRIx64 "-ffffffffffffffff-ffffffffffffffff", h.epoch,
				 flags, stage, h.revision);
			status = status_of(&c.s, "GET", url, NULL);
			assert_true(status == 200 || status == 410);
		}
	json_decref(h.paths);
	leave(&c);
}

/* A node that was told that there is nothing would cut off all tenants. */
static void test_API_1_no_memory_for_the_plan(void **state)
{
	struct held h = {0};
	struct controller c;
	struct response r;
	int fd;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 50);
	no_memory = true;
	put_nic(&c, 4, "h1", "tap4");
	r = answer_of(&c, fd); /* it is not made to wait for what nobody can find out */
	assert_int_equal(r.status, 503);
	done(&r);
	put(&c, V1 "/servers/h3", "{}");
	assert_int_equal(status_of(&c.s, "GET", STATE, NULL), 503);
	assert_int_equal(status_of(&c.s, "GET", V1 "/servers/h3/state", NULL), 503);
	assert_int_equal(status_of(&c.s, "GET", "/readyz", NULL), 503);
	r = simple(&c.s, "GET", NIC("4"), NULL);
	assert_string_equal(at(json_object_get(r.json, "properties"), "provisioningState", NULL), "Updating");
	done(&r);
	no_memory = false;
	changes_since(&c, &h);
	assert_true(holds(&h, "/hnv/ports/tap4"));
	assert_int_equal(status_of(&c.s, "GET", "/readyz", NULL), 200);
	/* When there was none at its start either. */
	no_memory = true;
	restart(&c);
	assert_int_equal(status_of(&c.s, "GET", STATE, NULL), 503);
	no_memory = false;
	fetch(&c, &h, STATE);
	assert_true(holds(&h, "/hnv/ports/tap4"));
	json_decref(h.paths);
	leave(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_API_1_all_of_it_and_what_has_changed, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_pages, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_told_as_soon_as_there_is_something, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_many_who_follow_one_node, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_waits_for_a_daemon_that_ends, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_no_memory_for_the_plan, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_asked, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
