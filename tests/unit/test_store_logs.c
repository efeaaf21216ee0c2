/*
 * test_store_logs.c - the feed of changes and the audit log: what they say, what is trimmed of them and what whoever follows is
 * told then; numbers that never go back, neither by trimming, nor by a start, nor by a backup that takes the store's place.
 */
#include "store_fixture.h"

#include "store/resource.h"

#include <errno.h>
#include <sqlite3.h>

static const struct gw_store_deed deed = {"root", "PUT", "", "/x", ""};

/* One change of `n` resources, with one entry of the audit log. */
static uint64_t change(struct gw_store *s, unsigned n)
{
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0;
	char path[32];

	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/routeTables/r%u", i);
		assert_int_equal(
			gw_store_put_resource(
				s, &(struct gw_stored){.tenant = "", .path = path, .body = "{}", .revision = revision},
				&err),
			0);
	}
	assert_int_equal(gw_store_audit(s, 100, &deed, &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	return revision;
}

struct seen {
	unsigned n;
	uint64_t first, last; /* revisions of changes, numbers of deeds */
};

static void note(struct seen *seen, uint64_t number)
{
	if (seen->n++ == 0)
		seen->first = number;
	assert_true(number >= seen->last);
	seen->last = number;
}

static int on_change(void *ctx, const struct gw_stored_change *c)
{
	note(ctx, c->revision);
	return 0;
}

static int on_deed(void *ctx, const struct gw_stored_deed *d)
{
	note(ctx, d->number);
	return 0;
}

static struct seen feed(struct gw_store *s, uint64_t since)
{
	struct gw_error err = GW_ERROR_INIT;
	struct seen seen = {0};

	if (gw_store_each_change(s, since, 1000, on_change, &seen, &err) < 0)
		fail_msg("since %u: %s", (unsigned)since, err.message);
	return seen;
}

static struct seen audit(struct gw_store *s)
{
	struct gw_error err = GW_ERROR_INIT;
	struct seen seen = {0};

	assert_int_equal(gw_store_each_deed(s, 0, 1000, on_deed, &seen, &err), 0);
	return seen;
}

static void feed_is_gone(struct gw_store *s, uint64_t since)
{
	struct gw_error err = GW_ERROR_INIT;
	struct seen seen = {0};

	assert_int_equal(gw_store_each_change(s, since, 1000, on_change, &seen, &err), -ESTALE);
	assert_int_equal(err.code, GW_ERR_GONE);
	assert_int_equal(gw_error_code_http(err.code), 410);
	assert_contains(err.message, "start over with the full state");
	assert_int_equal(seen.n, 0);
}

static bool trim(struct gw_store *s, uint64_t changes, uint64_t deeds, int64_t since, unsigned slice)
{
	const struct gw_store_keep keep = {changes, deeds, since, since};
	struct gw_error err = GW_ERROR_INIT;
	bool more = true;

	if (gw_store_trim(s, &keep, slice, &more, &err) < 0)
		fail_msg("%s", err.message);
	return more;
}

static void test_trimmed_by_number_in_slices(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);

	for (unsigned i = 0; i < 25; i++)
		change(s, 2);
	assert_false(trim(s, 50, 25, 0, 10)); /* not one too many */
	assert_int_equal(feed(s, 0).n, 50);
	assert_true(trim(s, 20, 5, 0, 10));
	assert_int_equal(feed(s, 5).n, 40);
	assert_int_equal(audit(s).n, 15);
	assert_true(trim(s, 20, 5, 0, 10));
	assert_true(trim(s, 20, 5, 0, 10)); /* just as many as a slice: there may be others */
	assert_false(trim(s, 20, 5, 0, 10));
	assert_int_equal(gw_store_revision(s), 25); /* it is no change */
	for (int again = 0; again < 2; again++) {
		assert_int_equal(feed(s, 15).n, 20);
		assert_int_equal(feed(s, 15).first, 16);
		assert_int_equal(feed(s, 25).n, 0);
		feed_is_gone(s, 14);
		feed_is_gone(s, 0);
		feed_is_gone(s, 26); /* nor does it know what comes after what has not been */
		assert_int_equal(audit(s).n, 5);
		assert_int_equal(audit(s).first, 21);
		gw_store_close(s);
		s = open_ok(path);
	}
	assert_int_equal(change(s, 1), 26);
	assert_int_equal(feed(s, 25).n, 1);
	assert_int_equal(audit(s).last, 26);
	assert_false(trim(s, 20, 5, 0, 10)); /* counted on from what the file had */
	assert_int_equal(feed(s, 16).n, 19); /* of revision 16 half was left, which nobody needs */
	feed_is_gone(s, 15);
	gw_store_close(s);
}

/* In the middle of one that changed several: who has seen all of it needs nothing of it. */
static void test_a_revision_that_is_cut_through(void **state)
{
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db"));

	change(s, 1);
	change(s, 10);
	change(s, 1);
	trim(s, 6, 100, 0, 100);
	feed_is_gone(s, 1);
	assert_int_equal(feed(s, 2).n, 1);
	gw_store_close(s);
}

static void test_trimmed_by_age(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);
	sqlite3 *db;

	for (unsigned i = 0; i < 10; i++)
		change(s, 1);
	gw_store_close(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE change SET time = number; UPDATE audit SET time = number", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	s = open_ok(path);
	assert_false(trim(s, 1000, 1000, 4, 100));
	assert_int_equal(feed(s, 3).n, 7);
	feed_is_gone(s, 2);
	assert_int_equal(audit(s).first, 4);
	/* All of it is old: the last entries stay, so that those to come have new numbers. */
	trim(s, 1000, 1000, 1000, 100);
	trim(s, 1000, 1000, 1000, 100);
	assert_int_equal(audit(s).n, 1);
	assert_int_equal(feed(s, 9).n, 1);
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(change(s, 1), 11);
	assert_int_equal(audit(s).last, 11);
	gw_store_close(s);
}

static void succeed(struct gw_store *copy, struct gw_store *s)
{
	const struct gw_store_deed restored = {"anna", "PUT", "", "/backup", ""};
	struct gw_error err = GW_ERROR_INIT;

	if (gw_store_succeed(copy, s, 200, &restored, &err) < 0)
		fail_msg("%s", err.message);
}

static void does(struct gw_store *s, const char *doer, unsigned n)
{
	const struct gw_store_deed by = {"somebody", "PUT", "a", "/virtualNetworks/blue", doer};
	struct gw_error err = GW_ERROR_INIT;

	while (n-- > 0)
		assert_int_equal(gw_store_note(s, 100, &by, &err), 0);
}

struct shares {
	unsigned operators, a, b, c;
};

static int on_share(void *ctx, const struct gw_stored_deed *d)
{
	struct shares *n = ctx;

	*(!*d->deed.doer	       ? &n->operators
	  : !strcmp(d->deed.doer, "a") ? &n->a
	  : !strcmp(d->deed.doer, "b") ? &n->b
				       : &n->c) += 1;
	return 0;
}

static void shares_are(struct gw_store *s, unsigned operators, unsigned a, unsigned b, unsigned c)
{
	struct gw_error err = GW_ERROR_INIT;
	struct shares n = {0};

	assert_int_equal(gw_store_each_deed(s, 0, 1000, on_share, &n, &err), 0);
	assert_int_equal(n.operators, operators);
	assert_int_equal(n.a, a);
	assert_int_equal(n.b, b);
	assert_int_equal(n.c, c);
}

/* Also when it is the tenant's own resource that an operator has changed, and when the tenant comes after him. */
static void test_a_tenant_pushes_out_what_he_did_himself(void **state)
{
	const char *path = fixture_path(state, "gwd.db"), *to = fixture_path(state, "copy.db");
	struct gw_store *s = open_ok(path), *copy;
	struct gw_error err = GW_ERROR_INIT;

	does(s, "", 15);
	does(s, "b", 5);
	does(s, "a", 200);
	does(s, "c", 4);
	for (unsigned i = 0; trim(s, 1000, 20, 0, 30); i++)
		assert_true(i < 50);
	shares_are(s, 15, 11, 5, 4);
	does(s, "", 25);
	for (unsigned i = 0; trim(s, 1000, 20, 0, 30); i++)
		assert_true(i < 50);
	shares_are(s, 20, 11, 5, 4);
	does(s, "b", 16); /* who has most now, and then both */
	for (unsigned i = 0; trim(s, 1000, 20, 0, 30); i++)
		assert_true(i < 50);
	shares_are(s, 20, 8, 8, 4);
	/* A backup of it, and what happened after that. */
	assert_int_equal(gw_store_backup(path, to, &err), 0);
	does(s, "c", 3);
	copy = open_ok(to);
	succeed(copy, s);
	shares_are(copy, 21, 8, 8, 7);
	trim(copy, 1000, 20, 0, 30);
	shares_are(copy, 20, 7, 8, 7);
	gw_store_close(copy);
	gw_store_close(s);
}

/* A node can have certificates without end. The longest name there is. */
static void test_a_node_pushes_out_nothing_of_the_operators(void **state)
{
	static const char node[] = "/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db"));

	does(s, "", 15);
	does(s, "a", 5);
	does(s, node, 200);
	for (unsigned i = 0; trim(s, 1000, 20, 0, 30); i++)
		assert_true(i < 50);
	shares_are(s, 15, 5, 0, 15);
	gw_store_close(s);
}

static void test_empty_logs(void **state)
{
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db"));

	assert_false(trim(s, 1, 1, 1000, 10));
	assert_int_equal(feed(s, 0).n, 0);
	gw_store_close(s);
}

/* What is rolled back does not count. */
static void test_rollback(void **state)
{
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db"));
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0;

	for (unsigned i = 0; i < 5; i++)
		change(s, 1);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(gw_store_delete_resource(s, "", "/routeTables/r0", &err), 0);
		assert_int_equal(gw_store_audit(s, 100, &deed, &err), 0);
	}
	gw_store_rollback(s);
	trim(s, 5, 5, 0, 100);
	assert_int_equal(feed(s, 0).n, 5);
	assert_int_equal(audit(s).n, 5);
	gw_store_close(s);
}

/* --- a backup in the place of the store --------------------------------------------------------------------------- */

static void test_a_backup_goes_on_with_new_numbers(void **state)
{
	const char *path = fixture_path(state, "gwd.db"), *to = fixture_path(state, "copy.db");
	struct gw_store *s = open_ok(path), *copy;
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0, first;

	for (unsigned i = 0; i < 3; i++)
		change(s, 1);
	assert_int_equal(gw_store_backup(path, to, &err), 0);
	for (unsigned i = 0; i < 7; i++)
		change(s, 1);
	copy = open_ok(to);
	succeed(copy, s);
	assert_int_equal(gw_store_revision(copy), 11);
	gw_store_close(copy);
	assert_int_equal(gw_store_stage(s, to, &err), 0);
	/* What was accepted now would be gone in a moment. */
	assert_int_equal(gw_store_begin(s, &revision, &err), -EBUSY);
	assert_int_equal(err.code, GW_ERR_UNAVAILABLE);
	assert_contains(err.message, "try again");
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(gw_store_revision(s), 11);
	for (first = 0; first <= 10; first++) /* even who was up to date: something else is true now */
		feed_is_gone(s, first);
	assert_int_equal(feed(s, 11).n, 0);
	assert_int_equal(change(s, 1), 12);
	assert_int_equal(feed(s, 11).n, 1);
	/* The log has what happened before, with or without the copy, who restored it, and what came after. */
	assert_int_equal(audit(s).n, 12);
	assert_int_equal(audit(s).last, 12);
	trim(s, 5, 5, 0, 100);
	assert_int_equal(audit(s).n, 5);
	gw_store_close(s);
}

/* A copy of another node, which is further on. */
static void test_a_copy_that_is_ahead(void **state)
{
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db")), *copy = open_ok(fixture_path(state, "copy.db"));

	change(s, 1);
	for (unsigned i = 0; i < 9; i++)
		change(copy, 1);
	succeed(copy, s);
	assert_int_equal(gw_store_revision(copy), 10);
	assert_int_equal(audit(copy).n, 11); /* of the copy, then of this store, then the deed */
	assert_int_equal(audit(copy).last, 11);
	feed_is_gone(copy, 9);
	assert_int_equal(feed(copy, 10).n, 0);
	gw_store_close(copy);
	gw_store_close(s);
}

/* --- servers that are gone ---------------------------------------------------------------------------------------- */

static void server(struct gw_store *s, const char *path, bool there)
{
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0;
	int r;

	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	if (there)
		r = gw_store_put_resource(
			s, &(struct gw_stored){.tenant = "", .path = path, .body = "{}", .revision = revision}, &err);
	else
		r = gw_store_delete_resource(s, "", path, &err);
	assert_int_equal(r, 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
}

static int on_gone(void *ctx, const char *id)
{
	strcat(ctx, id);
	strcat(ctx, " ");
	return 0;
}

static void gone_are(struct gw_store *s, const char *want)
{
	struct gw_error err = GW_ERROR_INIT;
	char got[64] = "";

	assert_int_equal(gw_store_each_gone_server(s, on_gone, got, &err), 0);
	assert_string_equal(got, want);
}

/* A node may come back long after the feed has forgotten that its server was deleted. */
static void test_deleted_servers_are_remembered(void **state)
{
	const char *path = fixture_path(state, "gwd.db"), *to = fixture_path(state, "copy.db");
	struct gw_store *s = open_ok(path), *copy;
	struct gw_error err = GW_ERROR_INIT;

	server(s, "/servers/h1", true);
	server(s, "/servers/H2", true);
	server(s, "/servers/H2", false);
	server(s, "/routeTables/r1", true);
	server(s, "/routeTables/r1", false);
	gone_are(s, "H2 ");
	trim(s, 1, 1, INT64_MAX, 100);
	gw_store_close(s);
	s = open_ok(path);
	gone_are(s, "H2 ");
	assert_int_equal(gw_store_backup(path, to, &err), 0);
	server(s, "/servers/h2", true);
	gone_are(s, "");
	/* What the copy has is what counts, and what it does not know stays gone. */
	server(s, "/servers/h3", true);
	server(s, "/servers/h3", false);
	server(s, "/servers/h1", false);
	gone_are(s, "h1 h3 ");
	copy = open_ok(to);
	succeed(copy, s);
	gone_are(copy, "H2 h3 ");
	gw_store_close(copy);
	gw_store_close(s);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_trimmed_by_number_in_slices),
		STORE_TEST(test_a_revision_that_is_cut_through),
		STORE_TEST(test_trimmed_by_age),
		STORE_TEST(test_a_tenant_pushes_out_what_he_did_himself),
		STORE_TEST(test_a_node_pushes_out_nothing_of_the_operators),
		STORE_TEST(test_empty_logs),
		STORE_TEST(test_rollback),
		STORE_TEST(test_a_backup_goes_on_with_new_numbers),
		STORE_TEST(test_a_copy_that_is_ahead),
		STORE_TEST(test_deleted_servers_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
