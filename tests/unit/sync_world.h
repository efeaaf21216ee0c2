/*
 * sync_world.h - a node that follows a controller, for tests: the real link, over a unix socket, to a controller that says what the
 * tests have it say; the real core, with doubles for drivers.
 */
#ifndef TESTS_UNIT_SYNC_WORLD_H
#define TESTS_UNIT_SYNC_WORLD_H

#include "core_fakes.h"
#include "stand_in.h"

#include "sync/private.h"

#include <signal.h>

#define E1    "'epoch':'00000000000000e1'"
#define E2    "'epoch':'00000000000000e2'"
#define STATE "/networking/v1/servers/h1/state"

struct world {
	struct bench b;
	struct stand_in controller;
	struct gw_sync *sync;
};

static const struct gw_sync_times fast = {
	.backoff_first_ms = 20,
	.backoff_max_ms = 40,
	.wait_seconds = 50,
	.retry_ms = 30,
	.report_ms = 100000,
	.report_apart_ms = 1,
	.details_apart_ms = 1,
};

static inline void follow(struct world *w)
{
	struct gw_sync_params params = {.loop = &w->b.loop, .service = &w->b.service};
	struct gw_error err = GW_ERROR_INIT;

	if (gw_sync_open(&params, &w->sync, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	w->sync->times = fast;
}

/* `more` is added to the configuration; the controller listens, nobody follows it yet. */
static inline void prepare(struct world *w, void **state, const char *more)
{
	char text[512];

	memset(w, 0, sizeof *w);
	reset_fakes();
	snprintf(text, sizeof text, "%s[controller]\nserver = h1\nurls = unix:%s/controller.sock\n", more,
		 (const char *)*state);
	start(&w->b, state, text);
	stand_in_open(&w->controller, &w->b.loop, fixture_path(state, "controller.sock"));
}

static inline void begin(struct world *w, void **state, const char *more)
{
	prepare(w, state, more);
	follow(w);
}

static inline void end(struct world *w)
{
	w->sync = gw_sync_close(w->sync);
	stand_in_close(&w->controller);
	stop(&w->b);
}

static inline void says(struct world *w, const char *body)
{
	stand_in_says(&w->controller, 200, body, SAYS);
}

#define UNTIL(w, condition)                                                                                            \
	do {                                                                                                           \
		for (uint64_t deadline = uv_hrtime() + 10000000000u; !(condition); turn(&(w)->b))                      \
			if (uv_hrtime() > deadline)                                                                    \
				fail_msg("not within ten seconds: %s", #condition);                                    \
	} while (0)

static inline void for_ms(struct world *w, unsigned ms)
{
	for (uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000; uv_hrtime() < end;)
		turn(&w->b);
}

/* All that it was told is carried out, and it waits for more. */
static inline void settle(struct world *w)
{
	UNTIL(w, w->controller.waiting && w->controller.next == w->controller.n_answers);
}

static inline uint64_t stored(const struct world *w)
{
	return w->b.service.revision(w->b.service.ctx);
}

/* The report that tells of a state and of so many failures has come. */
static inline json_t *reported(struct world *w, uint64_t revision, unsigned failed)
{
	UNTIL(w, w->controller.report &&
			 (uint64_t)json_integer_value(json_object_get(w->controller.report, "revision")) == revision &&
			 json_integer_value(json_object_get(w->controller.report, "failed")) == failed);
	return w->controller.report;
}

static inline const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static inline const json_t *failure(const json_t *j, size_t i)
{
	return json_array_get(json_object_get(j, "failures"), i);
}

#define RECORD(n, pa)                                                                                                  \
	"{'put':'/hnv/lookupRecords/5001-10.0.0." n "','properties':{'ProviderAddress':'192.0.2." pa                   \
	"','MACAddress':'02000000000" n "'}}"
#define PORT(name, mac)                                                                                                \
	"{'put':'/hnv/ports/" name "','properties':{'MACAddress':'0200000000" mac "','VirtualSubnetID':5001}}"
#define ALL(changes) "{" E1 ",'revision':7,'full':true,'changes':[" changes "]}"

#define SYNC_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#endif
