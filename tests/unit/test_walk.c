/*
 * test_walk.c - the engine's looking at all of something in parts: everything once while nothing changes, again from the beginning
 * when something has, and no later than that.
 */
#include "intent_fixture.h"

#include "engine/internal.h"

enum { N = 20 };

static unsigned seen[N], calls;
static unsigned fails_at; /* 0: nothing fails */

static int see_object(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
		      struct gw_error *err)
{
	unsigned i = o->record.mac.b[5];

	(void)d;
	(void)in;
	assert_true(i < N);
	seen[i]++;
	return ++calls == fails_at ? gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "no") : 0;
}

struct item {
	struct gw_hmap_node node;
	unsigned i;
};

static int see_node(struct gw_driver *d, const struct gw_intent *in, const struct gw_hmap_node *n, struct gw_error *err)
{
	(void)d;
	(void)in;
	(void)err;
	seen[GW_CONTAINER_OF(n, struct item, node)->i]++;
	calls++;
	return 0;
}

static void reset(void)
{
	memset(seen, 0, sizeof seen);
	calls = fails_at = 0;
}

static void all_seen(unsigned times)
{
	for (unsigned i = 0; i < N; i++)
		check(seen[i] == times, "%u is seen %u times", i, seen[i]);
}

static void add(struct gw_intent *in, unsigned i)
{
	struct gw_error err = GW_ERROR_INIT;

	gw_intent_begin(in);
	put(in, record(5001, i + 1, i, 1));
	assert_int_equal(gw_intent_validate(in, &err), 0);
	gw_intent_commit(in);
}

static void test_each_once(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_walk_place at = {.part = 3};
	struct gw_walk w = {.in = in, .at = &at, .err = &err};
	struct gw_hmap map = {0};
	struct item items[N];

	(void)state;
	assert_int_equal(gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object), 0); /* nothing */
	for (unsigned i = 0; i < N; i++) {
		add(in, i);
		items[i].i = i;
		assert_int_equal(gw_hmap_insert(&map, &items[i].node, i * 7), 0);
	}
	for (int nodes = 0; nodes < 2; nodes++) {
		unsigned parts = 1;

		reset();
		while ((nodes ? gw_walk_nodes(&w, &map, see_node)
			      : gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object)) == GW_SYNC_MORE)
			parts++;
		assert_int_equal(parts, N); /* time is over at once: one at each */
		all_seen(1);
		assert_int_equal(at.part, 3);
		assert_int_equal(at.done, 0);
		assert_int_equal(at.begun, 0);
	}
	reset();
	w.until = UINT64_MAX;
	assert_int_equal(gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object), 0);
	all_seen(1);
	reset();
	fails_at = 5;
	assert_int_equal(gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object), -EIO);
	assert_int_equal(calls, 5);
	assert_int_equal(at.done, 0);
	gw_hmap_done(&map);
	gw_intent_free(in);
}

static void test_changes_in_between(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_walk_place at = {0};
	const struct gw_walk w = {.in = in, .at = &at, .err = &err};
	unsigned parts = 1;

	(void)state;
	reset();
	for (unsigned i = 0; i < N / 2; i++)
		add(in, i);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object), GW_SYNC_MORE);
	assert_int_equal(calls, 5);
	for (unsigned i = N / 2; i < N; i++) /* in which order they are then nobody knows */
		add(in, i);
	while (gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object) == GW_SYNC_MORE)
		parts++;
	assert_int_equal(parts, N);
	assert_int_equal(calls, 5 + N);
	for (unsigned i = 0; i < N; i++)
		check(seen[i] > 0, "%u is not seen", i);
	gw_intent_free(in);
}

/* One change after the other does not keep it from its end. */
static void test_comes_to_an_end(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_walk_place at = {0};
	const struct gw_walk w = {.in = in, .at = &at, .err = &err};
	unsigned parts = 1;

	(void)state;
	reset();
	add(in, 0);
	add(in, 1);
	while (gw_walk_objects(&w, GW_HNV_LOOKUP_RECORD, see_object) == GW_SYNC_MORE) {
		assert_true(parts < N - 2);
		add(in, ++parts);
	}
	assert_true(parts > 1);
	for (unsigned i = 0; i <= parts; i++)
		check(seen[i] > 0, "%u of %u is not seen", i, parts);
	gw_intent_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_changes_in_between),
		cmocka_unit_test(test_comes_to_an_end),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
