/*
 * test_store.c - API-2: what was stored survives a restart; what cannot be trusted is refused with a remedy and left alone.
 * Crashes and full disks: test_store_crash.c.
 */
#include "store_fixture.h"

#include <errno.h>
#include <sqlite3.h>

static void open_refused(const char *path, int want, const char *part)
{
	struct gw_store *s = (struct gw_store *)&s, *untouched = s;
	struct gw_error err = GW_ERROR_INIT;

	assert_int_equal(gw_store_open(path, &s, &err), want);
	assert_ptr_equal(s, untouched);
	assert_string_equal(err.target, path);
	assert_int_equal(err.code, GW_ERR_UNAVAILABLE);
	assert_contains(err.message, part);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* --- what it is for ----------------------------------------------------------------------------------------------- */

static void test_creates_private_files(void **state)
{
	const char *path = fixture_path(state, "a/b/gwd.db");
	struct gw_store *s = open_ok(path);
	struct stat st;

	assert_int_equal(gw_store_revision(s), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(fixture_path(state, "a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	gw_store_close(s);
}

static void test_API_2_round_trip_of_every_kind(void **state)
{
	static const struct {
		enum gw_hnv_kind kind;
		const char *json;
	} rows[] = {
		{GW_HNV_PROVIDER_ADDRESS, "{\"ProviderAddress\":\"10.1.1.20\",\"PrefixLength\":24,"
					  "\"Interface\":\"eth1\",\"VlanID\":101}"},
		{GW_HNV_PROVIDER_ROUTE,
		 "{\"DestinationPrefix\":\"0.0.0.0/0\",\"NextHop\":\"10.1.1.1\",\"Interface\":\"eth1\"}"},
		{GW_HNV_CUSTOMER_ROUTE,
		 "{\"RoutingDomainID\":\"11111111-2222-3333-4444-000000000000\",\"VirtualSubnetID\":5001,"
		 "\"DestinationPrefix\":\"2001:db8::/64\",\"NextHop\":\"::\",\"Metric\":7}"},
		{GW_HNV_LOOKUP_RECORD,
		 "{\"VirtualSubnetID\":5001,\"CustomerAddress\":\"fd00::1\",\"ProviderAddress\":\"10.1.1."
		 "21\","
		 "\"MACAddress\":\"00155D011404\",\"Encapsulation\":\"NVGRE\",\"Type\":\"Dynamic\","
		 "\"VMName\":\"\\u00e4 \\\"b\\\"\","
		 "\"CustomerID\":\"{AAAAAAAA-2222-3333-4444-000000000000}\",\"UseVmMACAddress\":true}"},
		{GW_HNV_PORT, "{\"Interface\":\"tap0\",\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":16777214}"},
		{GW_HNV_VRF, "{\"RoutingDomainID\":\"11111111-2222-3333-4444-000000000000\",\"VirtualSubnetID\":5000,"
			     "\"MACAddress\":\"020000000001\",\"CustomerAddress\":\"10.1.0.2\",\"PrefixLength\":29,"
			     "\"CustomerAddressV6\":\"fd00::2\",\"PrefixLengthV6\":64}"},
		{GW_HNV_PUBLIC, "{\"PublicPrefix\":\"203.0.113.5/32\",\"FirstPort\":4096,\"PortCount\":2048,"
				"\"RoutingDomainID\":\"11111111-2222-3333-4444-000000000000\"}"},
		{GW_HNV_NAT_RULE, "{\"RoutingDomainID\":\"11111111-2222-3333-4444-000000000000\",\"Type\":\"Inbound\","
				  "\"Protocol\":\"Udp\",\"PublicAddress\":\"203.0.113.5\",\"PublicPort\":53,"
				  "\"CustomerPrefix\":\"10.1.1.4/32\",\"PortCount\":1,\"CustomerPort\":5353,"
				  "\"IdleTimeout\":30}"},
		{GW_HNV_CONNECTION, "{\"ConnectionID\":\"33333333-2222-3333-4444-000000000001\",\"RoutingDomainID\":"
				    "\"11111111-2222-3333-4444-000000000000\",\"Type\":\"GRE\",\"SourceAddress\":"
				    "\"192.0.2.2\",\"DestinationAddress\":\"198.51.100.9\",\"Key\":4294967295}"},
		{GW_HNV_CONNECTION_ADDRESS,
		 "{\"ConnectionID\":\"33333333-2222-3333-4444-000000000000\",\"Address\":\"fd00::1\","
		 "\"RoutingDomainID\":"
		 "\"11111111-2222-3333-4444-000000000000\",\"PrefixLength\":128,\"Peer\":true}"},
		{GW_HNV_CONNECTION_ROUTE,
		 "{\"ConnectionID\":\"33333333-2222-3333-4444-000000000000\",\"DestinationPrefix\":\"172.20.0.0/16\","
		 "\"NextHop\":\"10.254.0.2\",\"RoutingDomainID\":\"11111111-2222-3333-4444-000000000000\",\"Metric\":"
		 "10}"},
	};
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	uint64_t revision;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct gw_hnv_object *o = fixture_object(rows[i].kind, rows[i].json);

		assert_int_equal(gw_store_begin(s, &revision, &err), 0);
		assert_int_equal(gw_store_put(s, o, &err), 0);
		assert_int_equal(gw_store_commit(s, &err), 0);
		gw_hnv_object_free(o);
	}
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(gw_store_revision(s), GW_HNV_KIND_MAX);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, GW_HNV_KIND_MAX);
	for (size_t i = 0; i < l.n; i++) { /* in the order of kinds, as written */
		struct gw_hnv_object *o = fixture_object(rows[i].kind, rows[i].json);
		json_t *want, *got;

		o->revision = i + 1;
		want = gw_hnv_encode(o);
		got = gw_hnv_encode(l.o[i]);
		assert_true(json_equal(want, got));
		json_decref(want);
		json_decref(got);
		gw_hnv_object_free(o);
	}
	list_done(&l);
	gw_store_close(s);
}

static void test_replace_and_delete(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_hnv_object *o = fixture_record(1, 9);
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	uint64_t revision;

	commit_one(s, 1, 1);
	commit_one(s, 2, 1);
	commit_one(s, 1, 9);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.o[0]->revision, 3);
	assert_int_equal(l.o[1]->revision, 2);
	assert_true(gw_addr_equal(&l.o[0]->record.pa, &o->record.pa));
	list_done(&l);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(gw_store_delete(s, o, &err), 0);
	assert_int_equal(gw_store_delete(s, o, &err), 0); /* absent by now: no failure */
	assert_int_equal(gw_store_commit(s, &err), 0);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, 1);
	list_done(&l);
	gw_hnv_object_free(o);
	gw_store_close(s);
}

static void test_rollback_and_close_leave_nothing(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	uint64_t revision;

	commit_one(s, 1, 1);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(put_now(s, 2, 1, &err), 0);
	gw_store_rollback(s);
	gw_store_rollback(s); /* nothing to do */
	assert_int_equal(gw_store_revision(s), 1);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(revision, 2);
	assert_int_equal(put_now(s, 3, 1, &err), 0);
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(gw_store_revision(s), 1);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, 1);
	list_done(&l);
	gw_store_close(s);
}

static int stop_at_second(void *ctx, struct gw_hnv_object *o, struct gw_error *err)
{
	unsigned *seen = ctx;

	gw_hnv_object_free(o);
	return ++*seen == 2 ? gw_error_set(err, ECANCELED, GW_ERR_INTERNAL, "here", "enough") : 0;
}

static void test_walk_ends_with_the_callbacks_error(void **state)
{
	struct gw_store *s = open_ok(fixture_path(state, "gwd.db"));
	struct gw_error err = GW_ERROR_INIT;
	unsigned seen = 0;

	for (unsigned i = 0; i < 5; i++)
		commit_one(s, i, 1);
	assert_int_equal(gw_store_each(s, stop_at_second, &seen, &err), -ECANCELED);
	assert_int_equal(seen, 2);
	assert_string_equal(err.target, "here");
	commit_one(s, 9, 1); /* and the walk holds no lock any more */
	gw_store_close(s);
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

static void test_second_daemon_is_refused(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);
	char pid[32];

	snprintf(pid, sizeof pid, "process %d", (int)getpid());
	open_refused(path, -EBUSY, pid);
	gw_store_close(s);
	gw_store_close(open_ok(path));
}

static void test_readers_are_welcome_and_writers_are_named(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision;
	sqlite3 *other;

	commit_one(s, 1, 1);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT * FROM object", NULL, NULL, NULL), SQLITE_OK);
	commit_one(s, 2, 1);
	assert_int_equal(sqlite3_exec(other, "COMMIT; BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(gw_store_begin(s, &revision, &err), -EBUSY);
	assert_string_equal(err.target, path);
	assert_contains(err.message, "another program");
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	commit_one(s, 3, 1);
	sqlite3_close(other);
	gw_store_close(s);
}

static void make_some(const char *path, unsigned n)
{
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision;

	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(put_now(s, i, 1, &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	gw_store_close(s);
}

static void scribble(const char *path, off_t at, size_t n)
{
	char noise[512];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && n <= sizeof noise);
	memset(noise, 0xa5, sizeof noise);
	assert_int_equal(pwrite(fd, noise, n, at), n);
	close(fd);
}

static void refused_and_untouched(const char *path, int want, const char *part)
{
	size_t n, m;
	char *before = fixture_slurp(path, &n), *after;

	open_refused(path, want, part);
	after = fixture_slurp(path, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
}

static void test_corrupt_file_is_left_alone(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct stat st;

	make_some(path, 2000);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 20 * 16384);
	scribble(path, 10 * 16384, 512);
	refused_and_untouched(path, -EBADMSG, "restore a backup");
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	refused_and_untouched(path, -EBADMSG, "restore a backup");
	scribble(path, 0, 512);
	refused_and_untouched(path, -EBADMSG, "restore a backup");
}

static void test_foreign_database_is_left_alone(void **state)
{
	const char *path = fixture_path(state, "other.db");

	sql(path, "CREATE TABLE precious (x); INSERT INTO precious VALUES (1)");
	refused_and_untouched(path, -EBADMSG, "not a store of gwd");
}

static void test_newer_schema_is_refused(void **state)
{
	const char *path = fixture_path(state, "gwd.db");

	make_some(path, 3);
	sql(path, "PRAGMA user_version = 99");
	refused_and_untouched(path, -EPROTO, "written by a newer gwd");
}

static void each_refused(const char *path, int want, const char *part)
{
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};

	assert_int_equal(gw_store_each(s, collect, &l, &err), want);
	assert_string_equal(err.target, path);
	assert_contains(err.message, part);
	list_done(&l);
	gw_store_close(s);
}

static void test_rows_that_cannot_be_understood_are_named(void **state)
{
	const char *path = fixture_path(state, "gwd.db");

	make_some(path, 3);
	sql(path, "UPDATE object SET body = substr(body, 1, 40) WHERE id = '5001-10.0.0.1'");
	each_refused(path, -EBADMSG, "\"5001-10.0.0.1\" is damaged");
	sql(path, "UPDATE object SET body = (SELECT body FROM object WHERE id = '5001-10.0.0.2') WHERE id = "
		  "'5001-10.0.0.1'");
	each_refused(path, -EBADMSG, "belong to \"5001-10.0.0.2\"");
	sql(path, "UPDATE object SET body = '{\"VirtualSubnetID\":7}' WHERE id = '5001-10.0.0.1'");
	each_refused(path, -EINVAL, "\"5001-10.0.0.1\" cannot be used");
	sql(path, "DELETE FROM object WHERE id = '5001-10.0.0.1'; INSERT INTO object VALUES ('teapots', 'x', "
		  "1, '{}')");
	each_refused(path, -EPROTO, "kind \"teapots\"");
}

static void test_unusable_paths(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_store *s = NULL;
	int fd = open(fixture_path(state, "file"), O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(gw_store_open(fixture_path(state, "file/gwd.db"), &s, &err), -ENOTDIR);
	assert_contains(err.target, "/file");
	assert_int_equal(mkdir(fixture_path(state, "dir"), 0700), 0);
	open_refused(fixture_path(state, "dir"), -EISDIR, "cannot open the store");
}

/* A link to nowhere, such as to a disk that is not mounted, is not a store that is yet to be made. */
static void test_dangling_link_is_left_alone(void **state)
{
	const char *path = fixture_path(state, "gwd.db"), *far = fixture_path(state, "disk/gwd.db");
	struct stat st;

	assert_int_equal(symlink("disk/gwd.db", path), 0);
	open_refused(path, -EEXIST, "restore what it points to");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_true(access(fixture_path(state, "gwd.db.new"), F_OK) < 0);
	make_some(far, 3);
	gw_store_close(open_ok(path));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void as_nobody(void **state)
{
	assert_int_equal(setuid(65534), 0);
	open_refused(fixture_path(state, "gwd.db"), -EACCES, "Permission denied");
	open_refused(fixture_path(state, "new.db"), -EACCES, "make its directory writable for gwd");
}

static void test_no_permission(void **state)
{
	if (geteuid() != 0) {
		print_message("# SKIP: needs root\n");
		skip();
	}
	make_some(fixture_path(state, "gwd.db"), 1);
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(chmod(fixture_path(state, "gwd.db.lock"), 0666), 0);
	assert_int_equal(mknod(fixture_path(state, "new.db.lock"), S_IFREG, 0), 0);
	assert_int_equal(chmod(fixture_path(state, "new.db.lock"), 0666), 0);
	in_child(as_nobody, state);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

static int count_access(void *ctx, const struct gw_access_entry *e, struct gw_error *err)
{
	struct gw_access_table *t = ctx;

	(void)err;
	return gw_access_put(t, e);
}

/* Who has access is durable, and has revisions like all else. */
static void test_access(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	struct gw_access_entry e = {
		.kind = GW_ACCESS_TOKENS, .name = "Robot", .role = GW_ACCESS_TENANT, .tenant = "blue"};
	struct gw_access_table *t = gw_access_table_new();
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0;

	commit_one(s, 1, 1);
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(gw_store_revision(s), 1);
	assert_int_equal(gw_token_hash("x", 1, &e.hash), 0);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(gw_store_put_access(s, &e, &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	snprintf(e.name, sizeof e.name, "ROBOT");
	assert_int_equal(gw_store_put_access(s, &e, &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(gw_store_delete_access(s, GW_ACCESS_TOKENS, "robot", &err), 0);
	gw_store_rollback(s);
	gw_store_close(s);
	s = open_ok(path);
	assert_int_equal(gw_store_each_access(s, count_access, t, &err), 0);
	assert_int_equal(gw_access_count(t, GW_ACCESS_TOKENS), 1);
	e.revision = 3;
	assert_memory_equal(gw_access_at(t, GW_ACCESS_TOKENS, 0), &e, sizeof e);
	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(gw_store_delete_access(s, GW_ACCESS_TOKENS, "robot", &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	gw_access_delete(t, GW_ACCESS_TOKENS, "robot");
	assert_int_equal(gw_store_each_access(s, count_access, t, &err), 0);
	assert_int_equal(gw_access_count(t, GW_ACCESS_TOKENS), 0);
	gw_store_close(s);
	sql(path, "INSERT INTO access VALUES ('tokens', 'x', 9, '{\"role\":\"operator\"}')");
	s = open_ok(path);
	assert_int_equal(gw_store_each_access(s, count_access, t, &err), -EBADMSG);
	assert_contains(err.message, "sha256");
	gw_store_close(s);
	gw_access_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_creates_private_files),
		STORE_TEST(test_API_2_round_trip_of_every_kind),
		STORE_TEST(test_replace_and_delete),
		STORE_TEST(test_rollback_and_close_leave_nothing),
		STORE_TEST(test_walk_ends_with_the_callbacks_error),
		STORE_TEST(test_second_daemon_is_refused),
		STORE_TEST(test_readers_are_welcome_and_writers_are_named),
		STORE_TEST(test_corrupt_file_is_left_alone),
		STORE_TEST(test_foreign_database_is_left_alone),
		STORE_TEST(test_access),
		STORE_TEST(test_newer_schema_is_refused),
		STORE_TEST(test_rows_that_cannot_be_understood_are_named),
		STORE_TEST(test_unusable_paths),
		STORE_TEST(test_dangling_link_is_left_alone),
		STORE_TEST(test_no_permission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
