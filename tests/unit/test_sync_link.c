/*
 * test_sync_link.c - API-2: the link to the controller, whatever the other end says, or whether there is one; with whom the store is
 * shared; who follows whom.
 */
#include "sync_world.h"

/* --- who says nonsense -------------------------------------------------------------------------------------------- */

static void test_useless_answers(void **state)
{
	static const char *const answers[] = {
		"",
		"{",
		"[]",
		"{}",
		"null",
		"{'epoch':'xyz','revision':8,'full':true,'changes':[]}",
		"{'epoch':'00000000000000e10','revision':8,'full':true,'changes':[]}",
		"{'epoch':17,'revision':8,'full':true,'changes':[]}",
		"{'revision':8,'full':true,'changes':[]}",
		"{" E1 ",'revision':8,'changes':[]}",
		"{" E1 ",'revision':8,'full':1,'changes':[]}",
		"{" E1 ",'full':true,'changes':[]}",
		"{" E1 ",'revision':-1,'full':true,'changes':[]}",
		"{" E1 ",'revision':8.5,'full':true,'changes':[]}",
		"{" E1 ",'revision':8,'revision':8,'full':true,'changes':[]}",
		"{" E1 ",'revision':8,'full':true}",
		"{" E1 ",'revision':8,'full':true,'changes':{}}",
		"{" E1 ",'more':'','full':true,'changes':[{'forget':5001}]}",
		"{" E1 ",'more':7,'full':true,'changes':[{'forget':5001}]}",
		"{" E1 ",'more':'a','full':true,'changes':[]}",
		"{" E1 ",'revision':8,'full':true,'changes':[7]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'forget':1}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'forget':5001,'put':'/hnv/ports/tap1','properties':{}}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'put':'/hnv/cables/x','properties':{}}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'put':'/hnv/ports/','properties':{}}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'put':7,'properties':{}}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'put':'/hnv/ports/tap1'}]}",
		"{" E1 ",'revision':8,'full':true,'changes':[{'delete':'/hnv/lookupRecords/x'}]}",
		"{" E1 ",'revision':6,'full':false,'changes':[]}",		  /* back */
		"{" E2 ",'revision':8,'full':false,'changes':[{'forget':5001}]}", /* of another history */
	};
	static const char *const ids[] = {"tap0", "5001-10.0.0.1"};
	struct world w;

	begin(&w, state, "");
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		says(&w, ALL(RECORD("1", "1") "," PORT("tap0", "AA")));
		settle(&w);
		assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
		says(&w, answers[i]);
		UNTIL(&w, w.sync->state != GW_LINK_CONNECTED);
		if (w.sync->state != GW_LINK_FAILING || !strstr(w.sync->why.message, "is of no use"))
			fail_msg("%s: %s", answers[i], w.sync->why.message);
		agree(&w.b, 2, ids); /* what was told last stays in force */
		settle(&w);	     /* it asks again */
		stand_in_forget(&w.controller);
	}
	assert_int_equal(stored(&w), 1);
	end(&w);
}

/* Pages that are not of one answer. */
static void test_pages_that_do_not_belong_together(void **state)
{
	static const char *const second[] = {
		"{" E2 ",'revision':8,'full':true,'changes':[]}",
		"{" E1 ",'revision':8,'full':false,'changes':[]}",
	};
	struct world w;

	begin(&w, state, "");
	for (size_t i = 0; i < 2; i++) {
		size_t asked = w.controller.n_asked;

		says(&w, "{" E1 ",'full':true,'more':'t','changes':[" RECORD("1", "1") "]}");
		says(&w, second[i]);
		UNTIL(&w, w.sync->state == GW_LINK_FAILING);
		settle(&w);
		assert_null(strstr(w.controller.asked[w.controller.n_asked - 1], "more=")); /* from the beginning */
		assert_int_equal(w.controller.n_asked, asked + 3 - (i > 0));
		agree(&w.b, 0, NULL);
	}
	end(&w);
}

static void test_what_does_not_end(void **state)
{
	struct world w;

	begin(&w, state, "");
	stand_in_says(&w.controller, 200, "{", NEVER_ENDS);
	UNTIL(&w, w.sync->state == GW_LINK_FAILING);
	assert_contains(w.sync->why.message, "larger than 16 MiB");
	settle(&w);
	stand_in_says(&w.controller, 200, "{", CHATTERS);
	UNTIL(&w, w.sync->state == GW_LINK_FAILING && !w.controller.waiting);
	settle(&w);
	says(&w, ALL(""));
	settle(&w);
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
	end(&w);
}

/* It comes back at once, again and again: that keeps nobody busy. */
static void test_who_does_not_let_it_wait(void **state)
{
	struct world w;

	begin(&w, state, "");
	says(&w, "{" E1 ",'revision':1,'full':true,'changes':[]}");
	w.controller.idles = true;
	for_ms(&w, 200);
	assert_in_range(w.controller.n_asked, 3, 2 + 200 / fast.backoff_first_ms);
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
	end(&w);
}

/* --- who is away, or says no -------------------------------------------------------------------------------------- */

static void test_API_2_controller_goes_and_comes_back(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.1"}, *const after[] = {"5001-10.0.0.1", "5001-10.0.0.2"};
	struct world w;
	json_t *status;

	begin(&w, state, "");
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	stand_in_says(&w.controller, 200, "{" E1 ",'revision':8,'full':false,'changes':[" RECORD("2", "1") "]}", CUTS);
	UNTIL(&w, w.sync->state == GW_LINK_AWAY);
	agree(&w.b, 1, ids);
	settle(&w);
	/* From where it was; and whether there is somebody is to be known at once. */
	assert_string_equal(w.controller.asked[2], STATE "?since=7&epoch=00000000000000e1&wait=0");
	stand_in_says(&w.controller, 200, "", HANGS_UP);
	settle(&w);
	status = gw_sync_status(w.sync);
	assert_string_equal(text(status, "state"), "Away");
	assert_contains(text(status, "lastError"), "lost unix:");
	assert_int_equal(json_integer_value(json_object_get(status, "revision")), 7);
	json_decref(status);
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[" RECORD("2", "1") "]}");
	settle(&w);
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
	agree(&w.b, 2, after);
	reported(&w, 8, 0);
	end(&w);
}

/* Cut in the middle of the pages: all of them are read again. */
static void test_cut_between_pages(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.1"};
	struct world w;

	begin(&w, state, "");
	says(&w, "{" E1 ",'full':true,'more':'t','changes':[" RECORD("2", "1") "]}");
	stand_in_says(&w.controller, 200, ALL(RECORD("1", "1")), CUTS);
	UNTIL(&w, w.sync->state == GW_LINK_AWAY);
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	assert_string_equal(w.controller.asked[2], STATE "?since=0&wait=0");
	agree(&w.b, 1, ids);
	end(&w);
}

static void test_pages_that_are_gone(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.1"};
	struct world w;

	begin(&w, state, "");
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	says(&w, "{" E1 ",'full':false,'more':'t','changes':[" RECORD("2", "1") "]}");
	stand_in_says(&w.controller, 410, "{'error':{'code':'Gone','message':'too late'}}", SAYS);
	settle(&w);
	assert_string_equal(w.controller.asked[2], STATE "?since=7&epoch=00000000000000e1&wait=0&more=t");
	assert_string_equal(w.controller.asked[3], STATE "?since=7&epoch=00000000000000e1&wait=50");
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
	agree(&w.b, 1, ids);
	/* Of what was asked itself: then from the beginning. */
	stand_in_says(&w.controller, 410, "{'error':{'code':'Gone','message':'too late'}}", SAYS);
	settle(&w);
	assert_string_equal(w.controller.asked[w.controller.n_asked - 1], STATE "?since=0&wait=0");
	end(&w);
}

static void test_API_2_refused(void **state)
{
	static const struct {
		unsigned status;
		const char *body, *said[2];
		enum gw_link_state to;
	} cases[] = {
		{404,
		 "{'error':{'code':'NotFound','message':'there is no h1'}}",
		 {"there is no h1", "[controller] server"},
		 GW_LINK_REFUSED},
		{401, "{'error':{'code':'Unauthorized','message':'revoked'}}", {"revoked", "enroll"}, GW_LINK_REFUSED},
		{403, "no", {"HTTP status 403", "[controller] server"}, GW_LINK_REFUSED},
		{503,
		 "{'error':{'code':'Unavailable','message':'later'}}",
		 {"later", "cannot answer"},
		 GW_LINK_FAILING},
		{302, "", {"HTTP status 302", "cannot answer"}, GW_LINK_FAILING},
	};
	static const char *const ids[] = {"5001-10.0.0.1"};
	struct world w;

	begin(&w, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		says(&w, ALL(RECORD("1", "1")));
		settle(&w);
		stand_in_says(&w.controller, cases[i].status, cases[i].body, SAYS);
		UNTIL(&w, w.sync->state != GW_LINK_CONNECTED);
		assert_int_equal(w.sync->state, cases[i].to);
		for (int k = 0; k < 2; k++)
			assert_contains(w.sync->why.message, cases[i].said[k]);
		agree(&w.b, 1, ids);
		assert_non_null(w.b.service.manager); /* it is managed all the same */
		settle(&w);
	}
	end(&w);
}

static void test_next_url(void **state)
{
	struct world w;
	char text_of[512];

	memset(&w, 0, sizeof w);
	reset_fakes();
	snprintf(text_of, sizeof text_of,
		 "[controller]\nserver = h1\nurls = unix:%s/nobody.sock, unix:%s/controller.sock\n",
		 (const char *)*state, (const char *)*state);
	start(&w.b, state, text_of);
	stand_in_open(&w.controller, &w.b.loop, fixture_path(state, "controller.sock"));
	follow(&w);
	w.sync->times.backoff_first_ms = 1000000; /* not needed before all have been tried */
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	assert_int_equal(w.sync->url, 1);
	assert_contains(w.b.service.manager, "controller.sock");
	w.sync->times.backoff_first_ms = 20;
	stand_in_says(&w.controller, 200, "{}", CUTS); /* it goes round */
	UNTIL(&w, w.sync->state == GW_LINK_AWAY);
	settle(&w);
	assert_int_equal(w.sync->url, 1);
	end(&w);
}

/* --- with others -------------------------------------------------------------------------------------------------- */

static void (*turn_go)(void *arg, const struct gw_error *why);
static void *turn_arg;

static void await(void *ctx, void (*go)(void *arg, const struct gw_error *why), void *arg)
{
	(void)ctx;
	assert_null(turn_go); /* once */
	turn_go = go;
	turn_arg = arg;
}

static void take_turn(const struct gw_error *why)
{
	void (*go)(void *arg, const struct gw_error *why) = turn_go;

	turn_go = NULL;
	go(turn_arg, why);
}

static void test_store_is_shared(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.1"};
	static const struct gw_error ending = {.code = GW_ERR_UNAVAILABLE, .message = "gwd ends"};
	struct gw_sync_params params;
	struct gw_error err = GW_ERROR_INIT;
	struct world w;

	prepare(&w, state, "");
	params = (struct gw_sync_params){.loop = &w.b.loop, .service = &w.b.service, .await_turn = await};
	assert_int_equal(gw_sync_open(&params, &w.sync, &err), 0);
	w.sync->times = fast;
	says(&w, ALL(RECORD("1", "1")));
	UNTIL(&w, turn_go);
	for_ms(&w, 20);
	agree(&w.b, 0, NULL);
	take_turn(NULL);
	while (w.sync->round) {
		UNTIL(&w, turn_go);
		take_turn(NULL);
	}
	settle(&w);
	agree(&w.b, 1, ids);
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[" RECORD("2", "1") "]}");
	UNTIL(&w, turn_go);
	take_turn(&ending);
	for_ms(&w, 20);
	agree(&w.b, 1, ids);
	end(&w);
}

static void test_node_of_its_own(void **state)
{
	struct world w;
	json_t *status;
	char urls[256];
	FILE *f;

	memset(&w, 0, sizeof w);
	reset_fakes();
	start(&w.b, state, "");
	stand_in_open(&w.controller, &w.b.loop, fixture_path(state, "controller.sock"));
	follow(&w);
	assert_null(w.b.service.manager);
	status = gw_sync_status(w.sync);
	assert_string_equal(text(status, "state"), "Alone");
	json_decref(status);
	/* Until it is enrolled. */
	f = fopen(fixture_path(state, "controller.urls"), "w");
	assert_non_null(f);
	snprintf(urls, sizeof urls, "unix:%s/controller.sock\n", (const char *)*state);
	assert_true(fputs(urls, f) >= 0 && fclose(f) == 0);
	gw_sync_enrolled(w.sync);
	assert_non_null(w.b.service.manager);
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	assert_string_equal(w.controller.asked[0], "/networking/v1/servers/test/state?since=0&wait=0");
	end(&w);
}

static void test_controller_follows_itself(void **state)
{
	struct world w;
	char more[256];

	memset(&w, 0, sizeof w);
	reset_fakes();
	snprintf(more, sizeof more,
		 "roles = host, controller\n[api]\nlisten = https://127.0.0.1:1, unix:%s/controller.sock\n",
		 (const char *)*state);
	start(&w.b, state, more);
	stand_in_open(&w.controller, &w.b.loop, fixture_path(state, "controller.sock"));
	follow(&w);
	says(&w, ALL(""));
	settle(&w);
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED);
	end(&w);
}

static void test_end_at_any_time(void **state)
{
	struct world w;

	for (unsigned turns = 0; turns < 12; turns++) {
		begin(&w, state, "");
		says(&w, ALL(RECORD("1", "1")));
		for (unsigned i = 0; i < turns; i++)
			turn(&w.b);
		end(&w);
		unlink(fixture_path(state, "controller.sock"));
	}
}

static void test_reports_that_are_refused(void **state)
{
	struct world w;
	unsigned before;

	begin(&w, state, "");
	w.controller.report_status = 403;
	says(&w, ALL(""));
	settle(&w);
	reported(&w, 7, 0);
	assert_int_equal(w.sync->state, GW_LINK_CONNECTED); /* it follows all the same */
	before = w.controller.reports;
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[]}");
	reported(&w, 8, 0);
	assert_true(w.controller.reports > before);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(test_useless_answers),
		SYNC_TEST(test_pages_that_do_not_belong_together),
		SYNC_TEST(test_what_does_not_end),
		SYNC_TEST(test_who_does_not_let_it_wait),
		SYNC_TEST(test_API_2_controller_goes_and_comes_back),
		SYNC_TEST(test_cut_between_pages),
		SYNC_TEST(test_pages_that_are_gone),
		SYNC_TEST(test_API_2_refused),
		SYNC_TEST(test_next_url),
		SYNC_TEST(test_store_is_shared),
		SYNC_TEST(test_node_of_its_own),
		SYNC_TEST(test_controller_follows_itself),
		SYNC_TEST(test_end_at_any_time),
		SYNC_TEST(test_reports_that_are_refused),
	};

	signal(SIGPIPE, SIG_IGN);	   /* as the daemon does */
	gw_log_init((enum gw_log_level)0); /* what is refused is told as warnings */
	return cmocka_run_group_tests_name("sync_link", tests, NULL, NULL);
}
