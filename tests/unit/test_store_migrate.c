/*
 * test_store_migrate.c - a store that any older version wrote is brought up to date with every row of it, also when that is cut
 * short by a kill or a full disk; one of a newer version is left alone. tests/unit/store has one of each version, as it wrote it.
 */
#include "killed.h"
#include "store_fixture.h"

#include "store/resource.h"

#include <errno.h>
#include <sqlite3.h>

#define NOW 6 /* the version that this gwd makes; its store is to be in tests/unit/store as well, for those to come */

static void sql(const char *path, const char *text)
{
	char *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", path, why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_old(const char *path, int version)
{
	char name[64], *text;
	size_t n = 0;

	snprintf(name, sizeof name, "tests/unit/store/v%d.sql", version);
	text = fixture_slurp(name, &n);
	text[n] = '\0';
	sql(path, "PRAGMA journal_mode = WAL");
	sql(path, text);
	free(text);
}

/* What the query gives, a line for each row; "" when there is no such table. To be freed. */
static char *ask(const char *path, const char *query)
{
	sqlite3_stmt *st = NULL;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	sqlite3 *db;

	assert_non_null(f);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, query, -1, &st, NULL) == SQLITE_OK)
		while (sqlite3_step(st) == SQLITE_ROW)
			fprintf(f, "%s\n", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fclose(f);
	return text;
}

static int version_of(const char *path)
{
	char *text = ask(path, "PRAGMA user_version");
	int version = atoi(text);

	free(text);
	return version;
}

/* Of every table, all that its first version had. */
static const char *const rows[] = {
	"SELECT quote(key) || quote(value) FROM meta WHERE key IN ('revision', 'uuid') ORDER BY 1",
	"SELECT quote(kind) || quote(id) || quote(revision) || quote(body) FROM object ORDER BY 1",
	"SELECT quote(kind) || quote(name) || quote(revision) || quote(body) FROM access ORDER BY 1",
	"SELECT quote(rowid) || quote(tenant) || quote(path) || quote(instance) || quote(revision) || quote(serial) || "
	"quote(updated) || quote(body) FROM resource ORDER BY 1",
	"SELECT quote(number) || quote(revision) || quote(tenant) || quote(path) || quote(gone) FROM change ORDER BY 1",
	"SELECT quote(number) || quote(revision) || quote(time) || quote(who) || quote(method) || quote(tenant) || "
	"quote(path) FROM audit ORDER BY 1",
};

struct dump {
	char *tables[GW_N(rows)];
};

static struct dump dump(const char *path)
{
	struct dump d;

	for (size_t i = 0; i < GW_N(rows); i++)
		d.tables[i] = ask(path, rows[i]);
	return d;
}

static void dump_done(struct dump *d)
{
	for (size_t i = 0; i < GW_N(rows); i++)
		free(d->tables[i]);
}

static void same_rows(const struct dump *before, const char *path)
{
	struct dump after = dump(path);

	for (size_t i = 0; i < GW_N(rows); i++)
		assert_string_equal(after.tables[i], before->tables[i]);
	dump_done(&after);
}

static void remove_store(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm", ".lock"};
	char name[256];

	for (size_t i = 0; i < GW_N(parts); i++) {
		snprintf(name, sizeof name, "%s%s", path, parts[i]);
		unlink(name);
	}
}

/* --- brought up to date ------------------------------------------------------------------------------------------- */

struct count {
	unsigned n;
};

static int count_access(void *ctx, const struct gw_access_entry *e, struct gw_error *err)
{
	struct count *c = ctx;

	(void)e;
	(void)err;
	c->n++;
	return 0;
}

static int count_resource(void *ctx, const struct gw_stored *row, struct gw_error *err)
{
	struct count *c = ctx;

	(void)row;
	(void)err;
	c->n++;
	return 0;
}

static int count_change(void *ctx, const struct gw_stored_change *change)
{
	struct count *c = ctx;

	(void)change;
	c->n++;
	return 0;
}

static int count_deed(void *ctx, const struct gw_stored_deed *deed)
{
	struct count *c = ctx;

	(void)deed;
	c->n++;
	return 0;
}

static int count_gone(void *ctx, const char *id)
{
	struct count *c = ctx;

	assert_string_equal(id, "gone");
	c->n++;
	return 0;
}

/* What its readers see of it. */
static void reads_well(struct gw_store *s, int version)
{
	struct count access = {0}, resources = {0}, changes = {0}, deeds = {0}, servers = {0};
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};

	assert_int_equal(gw_store_revision(s), version < 3 ? version + 1 : 8);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, 2);
	list_done(&l);
	assert_int_equal(gw_store_each_access(s, count_access, &access, &err), 0);
	assert_int_equal(gw_store_each_resource(s, count_resource, &resources, &err), 0);
	assert_int_equal(gw_store_each_change(s, 0, 1000, count_change, &changes, &err), 0);
	assert_int_equal(gw_store_each_deed(s, 0, 1000, count_deed, &deeds, &err), 0);
	assert_int_equal(gw_store_each_gone_server(s, count_gone, &servers, &err), 0);
	assert_int_equal(access.n, version < 2 ? 0 : 1);
	assert_int_equal(resources.n, version < 3 ? 0 : 4);
	assert_int_equal(changes.n, version < 3 ? 0 : 7);
	assert_int_equal(deeds.n, version < 3 ? 0 : 6);
	assert_int_equal(servers.n, version < 3 ? 0 : 1);
}

static void test_every_version_comes_with_its_rows(void **state)
{
	static const char schema[] =
		"SELECT type || ' ' || name || ' ' || replace(coalesce(sql, ''), char(10), '') FROM "
		"sqlite_schema ORDER BY name";
	const char *fresh = fixture_path(state, "fresh.db");
	char *want;

	gw_store_close(open_ok(fresh));
	check(version_of(fresh) == NOW, "this gwd makes version %d: add tests/unit/store/v%d.sql", version_of(fresh),
	      version_of(fresh));
	want = ask(fresh, schema);
	for (int version = 1; version <= NOW; version++) {
		char path[128], *got;
		struct dump before;
		struct gw_store *s;

		snprintf(path, sizeof path, "%s/v%d.db", (const char *)*state, version);
		make_old(path, version);
		assert_int_equal(version_of(path), version);
		before = dump(path);
		s = open_ok(path);
		reads_well(s, version);
		gw_store_close(s);
		assert_int_equal(version_of(path), NOW);
		same_rows(&before, path);
		got = ask(path, schema);
		assert_string_equal(got, want);
		s = open_ok(path);
		commit_one(s, 1, 1);
		gw_store_close(s);
		free(got);
		dump_done(&before);
	}
	free(want);
}

static void test_a_newer_one_is_left_alone(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_error err = GW_ERROR_INIT;
	struct gw_store *s = NULL;
	char *before, *after;
	size_t n, m;

	make_old(path, NOW);
	sql(path,
	    "ALTER TABLE change ADD COLUMN novelty TEXT; PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)");
	before = fixture_slurp(path, &n);
	assert_int_equal(gw_store_open(path, &s, &err), -EPROTO);
	assert_contains(err.message, "written by a newer gwd (schema 7, this gwd knows 1 to 6)");
	assert_contains(err.message, "restore a backup or upgrade gwd");
	after = fixture_slurp(path, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
}

/* --- cut short ---------------------------------------------------------------------------------------------------- */

static void test_killed_on_the_way(void **state)
{
	char path[128];
	unsigned seen[NOW + 1] = {0};
	bool killed = true;

	snprintf(path, sizeof path, "%s", fixture_path(state, "gwd.db"));
	for (unsigned n = 1; killed; n++) {
		struct dump before;
		struct gw_store *s;

		make_old(path, 1);
		before = dump(path);
		killed = killed_at(n, open_to_be_killed, path);
		same_rows(&before, path);
		assert_in_range(version_of(path), 1, NOW);
		seen[version_of(path)]++;
		s = open_ok(path);
		reads_well(s, 1);
		gw_store_close(s);
		assert_int_equal(version_of(path), NOW);
		same_rows(&before, path);
		dump_done(&before);
		remove_store(path);
	}
	for (int version = 1; version <= NOW; version++) /* it was killed before, between and after the steps */
		check(seen[version] > 0, "no kill left version %d", version);
}

static void on_tiny_disk(void **state)
{
	char path[128], options[32];
	unsigned refused = 0, done = 0;

	snprintf(path, sizeof path, "%s", fixture_path(state, "tiny/gwd.db"));
	make_tiny(state);
	for (unsigned kib = 60; kib <= 240; kib += 4) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_store *s = NULL;
		struct dump before;

		assert_int_equal(mount("tmpfs", fixture_path(state, "tiny"), "tmpfs", 0, "size=1m"), 0);
		make_old(path, NOW - 1);
		before = dump(path);
		snprintf(options, sizeof options, "size=%uk", kib);
		if (mount(NULL, fixture_path(state, "tiny"), NULL, MS_REMOUNT, options) == 0) {
			int r = gw_store_open(path, &s, &err);

			done += r == 0;
			refused += r < 0;
			if (r < 0)
				assert_int_equal(err.code, GW_ERR_UNAVAILABLE);
			gw_store_close(s);
			assert_int_equal(mount(NULL, fixture_path(state, "tiny"), NULL, MS_REMOUNT, "size=2m"), 0);
			assert_int_equal(version_of(path), r == 0 ? NOW : NOW - 1);
			same_rows(&before, path);
			s = open_ok(path);
			reads_well(s, NOW - 1);
			gw_store_close(s);
		}
		dump_done(&before);
		assert_int_equal(umount2(fixture_path(state, "tiny"), MNT_DETACH), 0);
	}
	check(refused > 0 && done > 0, "%u sizes were too small, %u were not", refused, done);
}

static void test_full_disk_on_the_way(void **state)
{
	in_child(on_tiny_disk, state);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_every_version_comes_with_its_rows),
		STORE_TEST(test_a_newer_one_is_left_alone),
		STORE_TEST(test_killed_on_the_way),
		STORE_TEST(test_full_disk_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
