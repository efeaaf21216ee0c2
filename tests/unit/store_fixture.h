/* store_fixture.h - a store in the test's directory, one record at a time; for the tests of store.h. */
#ifndef GW_TESTS_UNIT_STORE_FIXTURE_H
#define GW_TESTS_UNIT_STORE_FIXTURE_H

#include "fixture.h"
#include "test.h"

#include "store/store.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

struct list {
	struct gw_hnv_object *o[4096];
	size_t n;
};

static inline int collect(void *ctx, struct gw_hnv_object *o, struct gw_error *err)
{
	struct list *l = ctx;

	(void)err;
	assert_true(l->n < sizeof l->o / sizeof *l->o);
	l->o[l->n++] = o;
	return 0;
}

static inline void list_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		gw_hnv_object_free(l->o[i]);
	l->n = 0;
}

static inline struct gw_store *open_ok(const char *path)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_store *s = NULL;

	if (gw_store_open(path, &s, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	return s;
}

/* For killed_at(): opens the store at the path `ctx`, which may make it or bring it up to date. */
static inline void open_to_be_killed(void *ctx)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_store *s = NULL;

	raise(SIGSTOP);
	_exit(gw_store_open(ctx, &s, &err) < 0 ? 1 : 0);
}

static inline int put_now(struct gw_store *s, unsigned n, unsigned pa, struct gw_error *err)
{
	struct gw_hnv_object *o = fixture_record(n, pa);
	int r = gw_store_put(s, o, err);

	gw_hnv_object_free(o);
	return r;
}

static inline void commit_one(struct gw_store *s, unsigned n, unsigned pa)
{
	struct gw_error err = GW_ERROR_INIT;
	uint64_t revision = 0;

	assert_int_equal(gw_store_begin(s, &revision, &err), 0);
	assert_int_equal(revision, gw_store_revision(s) + 1);
	assert_int_equal(put_now(s, n, pa, &err), 0);
	assert_int_equal(gw_store_commit(s, &err), 0);
	assert_int_equal(gw_store_revision(s), revision);
}

/* Runs `body` in a child process whose asserts count. */
static inline void in_child(void (*body)(void **state), void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct CMUnitTest tests[] = {{"in a child process", body, NULL, NULL, *state}};

		if (!freopen("/dev/null", "w", stdout))
			_exit(99);
		_exit(cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The directory "tiny", for disks that only this process sees. Root's to do. */
static inline void make_tiny(void **state)
{
	assert_int_equal(mkdir(fixture_path(state, "tiny"), 0700), 0);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

#endif
