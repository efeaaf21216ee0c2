/*
 * test_store_crash.c - API-2: what a store holds, and whether it is one, when its disk is full and when its daemon is killed:
 * at each system call that it makes.
 */
#include "killed.h"
#include "store_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* --- a disk that is full ------------------------------------------------------------------------------------------ */

/* Fills the store until it fails, then proves that it still has exactly what was committed. */
static void fill_up(const char *path, int want, const char *part)
{
	struct gw_store *s = open_ok(path);
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	uint64_t revision, last;
	unsigned n = 0;
	int r = 0;

	commit_one(s, n++, 1);
	last = gw_store_revision(s);
	for (unsigned i = 0; r == 0 && i < 1000; i++) {
		r = gw_store_begin(s, &revision, &err);
		for (unsigned k = 0; r == 0 && k < 50; k++)
			r = put_now(s, 1 + i * 50 + k, 1, &err);
		if (r == 0)
			r = gw_store_commit(s, &err);
		if (r == 0) {
			n += 50;
			last = revision;
		}
	}
	assert_int_equal(r, want);
	assert_string_equal(err.target, path);
	assert_int_equal(err.code, GW_ERR_UNAVAILABLE);
	assert_contains(err.message, part);
	gw_store_rollback(s);
	assert_int_equal(gw_store_revision(s), last);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, n);
	list_done(&l);
	gw_store_close(s);
}

static void on_tiny_disk(void **state)
{
	const char *path = fixture_path(state, "tiny/gwd.db");
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	struct gw_store *s;
	size_t n;

	make_tiny(state);
	assert_int_equal(mount("tmpfs", fixture_path(state, "tiny"), "tmpfs", 0, "size=768k"), 0);
	fill_up(path, -ENOSPC, "disk is full");
	s = open_ok(path);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	n = l.n;
	list_done(&l);
	assert_int_equal(mount(NULL, fixture_path(state, "tiny"), NULL, MS_REMOUNT, "size=2m"), 0);
	commit_one(s, 4000, 1); /* goes on when there is room */
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	assert_int_equal(l.n, n + 1);
	list_done(&l);
	gw_store_close(s);
}

static void test_disk_full(void **state)
{
	in_child(on_tiny_disk, state);
}

/* The very first start, with each amount of space that is too little: refused, and the next one with room is as if it were it. */
static void first_on_tiny_disk(void **state)
{
	const char *dir = fixture_path(state, "tiny"), *path = fixture_path(state, "tiny/gwd.db");
	char options[32];
	unsigned refused = 0;

	make_tiny(state);
	for (unsigned kib = 4; kib <= 200; kib += 4) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_store *s = NULL;
		int r;

		snprintf(options, sizeof options, "size=%uk", kib);
		assert_int_equal(mount("tmpfs", dir, "tmpfs", 0, options), 0);
		r = gw_store_open(path, &s, &err);
		if (r < 0) {
			refused++;
			check(access(path, F_OK) < 0, "%u KiB: a store stays that is none (%s)", kib, err.message);
		}
		gw_store_close(s);
		assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT, "size=2m"), 0);
		s = open_ok(path);
		commit_one(s, 1, 1);
		gw_store_close(s);
		assert_int_equal(umount2(dir, MNT_DETACH), 0);
	}
	check(refused > 2 && refused < 40, "%u sizes were too small", refused);
}

static void test_first_start_on_a_full_disk(void **state)
{
	in_child(first_on_tiny_disk, state);
}

static void under_file_limit(void **state)
{
	static const struct rlimit limit = {512 * 1024, 512 * 1024};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill_up(fixture_path(state, "gwd.db"), -EIO, "nothing was changed");
}

static void test_file_size_limit(void **state)
{
	in_child(under_file_limit, state);
}

/* --- killed ------------------------------------------------------------------------------------------------------- */

#define PAIRS 4

struct writer {
	const char *path;
	unsigned first; /* record */
	int fd;		/* where it says what it has committed */
};

/* Commits pairs, each pair in one transaction, and says so after each commit; the first is not yet stepped through. */
static void commit_pairs(void *ctx)
{
	const struct writer *w = ctx;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_store *s = NULL;
	uint64_t revision;

	if (gw_store_open(w->path, &s, &err) < 0)
		_exit(1);
	for (unsigned i = w->first; i < w->first + 2 * PAIRS; i += 2) {
		if (gw_store_begin(s, &revision, &err) < 0 || put_now(s, i, 1, &err) < 0 ||
		    put_now(s, i + 1, 1, &err) < 0 || gw_store_commit(s, &err) < 0)
			_exit(2);
		if (write(w->fd, &i, sizeof i) != sizeof i)
			_exit(3);
		if (i == w->first)
			raise(SIGSTOP);
	}
	_exit(0);
}

/* Kills a writer at its n-th call; false when it came to its end. How many records it acknowledged, and how many there are. */
static bool crash_round(const char *path, unsigned n, unsigned first, unsigned *ret_acknowledged, unsigned *ret_there)
{
	struct gw_error err = GW_ERROR_INIT;
	struct list l = {0};
	struct gw_store *s;
	unsigned acknowledged = first, there, i;
	int fds[2];
	bool killed;

	assert_int_equal(pipe(fds), 0);
	killed = killed_at(n, commit_pairs, &(struct writer){path, first, fds[1]});
	close(fds[1]);
	while (read(fds[0], &i, sizeof i) == sizeof i)
		acknowledged = i + 2;
	close(fds[0]);
	s = open_ok(path);
	assert_int_equal(gw_store_each(s, collect, &l, &err), 0);
	there = (unsigned)l.n;
	list_done(&l);
	assert_true(acknowledged > first);
	/* None that was acknowledged is lost, and no pair is there by half. */
	check(there >= acknowledged && there % 2 == 0, "call %u: %u of %u", n, there, acknowledged);
	assert_int_equal(gw_store_revision(s), there / 2);
	gw_store_close(s);
	*ret_acknowledged = acknowledged;
	*ret_there = there;
	return killed;
}

static void test_API_2_killed_between_and_within_commits(void **state)
{
	const char *path = fixture_path(state, "gwd.db");
	unsigned first = 0, acknowledged = 0, there = 0, unsaid = 0, undone = 0;

	for (unsigned n = 1; crash_round(path, n, first, &acknowledged, &there); n++) {
		unsaid += there > acknowledged;
		undone += there == acknowledged;
		first = there;
	}
	assert_int_equal(acknowledged, first + 2 * PAIRS); /* the last one was not killed */
	check(unsaid > 0 && undone > 0, "%u kills after a commit that was not acknowledged yet, %u before", unsaid,
	      undone);
}

/* Killed while it makes the store: the next start makes it, and leaves no draft of it. */
static void test_API_2_killed_while_it_is_made(void **state)
{
	static const char *const files[] = {"gwd.db", "gwd.db-wal", "gwd.db-shm"};
	static const char *const drafts[] = {"gwd.db.new", "gwd.db.new-wal", "gwd.db.new-shm", "gwd.db.new-journal"};
	char path[128];
	unsigned unfinished = 0, n;

	snprintf(path, sizeof path, "%s", fixture_path(state, "gwd.db"));
	for (n = 1; killed_at(n, open_to_be_killed, path); n++) {
		bool named = access(path, F_OK) == 0;
		struct gw_store *s;

		check(named || unfinished == n - 1, "call %u: the name has gone", n);
		unfinished += !named;
		s = open_ok(path);
		commit_one(s, 1, 1);
		gw_store_close(s);
		for (size_t i = 0; i < GW_N(drafts); i++)
			check(access(fixture_path(state, drafts[i]), F_OK) < 0, "call %u: %s", n, drafts[i]);
		for (size_t i = 0; i < GW_N(files); i++)
			unlink(fixture_path(state, files[i]));
	}
	check(unfinished > 0 && unfinished < n - 1, "%u of %u kills were before there was a store", unfinished, n - 1);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_disk_full),
		STORE_TEST(test_first_start_on_a_full_disk),
		STORE_TEST(test_file_size_limit),
		STORE_TEST(test_API_2_killed_between_and_within_commits),
		STORE_TEST(test_API_2_killed_while_it_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
