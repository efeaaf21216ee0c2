/*
 * sqlite_backup.c - copies of a store, and a copy in the place of the store.
 *
 *   PATH.restore   a store that was checked and is to be PATH from the next opening on
 *   PATH.replaced  what PATH was until then, with its -wal: the way back
 *
 * A crash in between leaves either of the two, and the next opening goes on.
 */
#include "store/resource.h"
#include "store/sqlite_private.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With a connection of its own, so that it may run on a thread while the store is in use. */
int gw_store_backup(const char *path, const char *to, struct gw_error *err)
{
	struct gw_store s = {.path = (char *)path, .lock_fd = -1};
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_open_v2(path, &s.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	int r = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s.db, 5000);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(s.db, "VACUUM INTO ?1", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(st, 1, to, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	if (rc != SQLITE_DONE)
		r = gw_sqlite_error(&s, rc, "copying it", err);
	sqlite3_finalize(st);
	sqlite3_close(s.db);
	return r;
}

static int move(const char *path, const char *from, const char *to, struct gw_error *err)
{
	_cleanup_free_ char *a = NULL, *b = NULL;

	if (asprintf(&a, "%s%s", path, from) < 0 || asprintf(&b, "%s%s", path, to) < 0)
		return gw_error_oom(err);
	if (rename(a, b) < 0 && errno != ENOENT)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, a, "cannot be renamed to %s: %s", b,
				    strerror(errno));
	return gw_fs_sync_dir_of(path, err);
}

int gw_store_stage(struct gw_store *s, const char *from, struct gw_error *err)
{
	_cleanup_free_ char *staged = NULL;

	if (asprintf(&staged, "%s.restore", s->path) < 0) {
		staged = NULL;
		return gw_error_oom(err);
	}
	if (rename(from, staged) < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, from, "cannot be renamed to %s: %s", staged,
				    strerror(errno));
	s->staged = true;
	return gw_fs_sync_dir_of(s->path, err);
}

static int forget_replaced(const char *path, struct gw_error *err)
{
	static const char *const parts[] = {"-wal", "-shm", ""};
	_cleanup_free_ char *replaced = NULL;
	int r = 0;

	if (asprintf(&replaced, "%s.replaced", path) < 0) {
		replaced = NULL;
		return gw_error_oom(err);
	}
	if (access(replaced, F_OK) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
		_cleanup_free_ char *name = NULL;

		if (asprintf(&name, "%s%s", replaced, parts[i]) < 0) {
			name = NULL;
			return gw_error_oom(err);
		}
		if (unlink(name) < 0 && errno != ENOENT)
			return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, name, "cannot be removed: %s",
					    strerror(errno));
		r = gw_fs_sync_dir_of(path, err);
	}
	return r;
}

int gw_sqlite_take_staged(struct gw_store *s, struct gw_error *err)
{
	_cleanup_free_ char *staged = NULL;
	int r = 0;

	if (asprintf(&staged, "%s.restore", s->path) < 0) {
		staged = NULL;
		return gw_error_oom(err);
	}
	if (access(staged, F_OK) < 0)
		return 0;
	/*
	 * The log goes first: it must never lie beside a store that it is not of. So goes that of the store that was replaced
	 * before, while that is still there: without it, what is there is of this move, which a crash had cut short.
	 */
	if (access(s->path, F_OK) == 0) {
		r = forget_replaced(s->path, err);
		if (r == 0)
			r = move(s->path, "-wal", ".replaced-wal", err);
		if (r == 0)
			r = move(s->path, "-shm", ".replaced-shm", err);
		if (r == 0)
			r = move(s->path, "", ".replaced", err);
	}
	return r == 0 ? move(s->path, ".restore", "", err) : r;
}

/* --- what a copy takes over --------------------------------------------------------------------------------------- */

uint64_t gw_store_restores(const struct gw_store *s)
{
	return s->restores;
}

/* Every store has a name of its own, which its copies keep. */
static int is_copy_of(struct gw_store *copy, struct gw_store *s, bool *ret, struct gw_error *err)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = 'uuid'";
	struct gw_store *stores[] = {copy, s};
	char names[2][GW_UUID_STRLEN] = {"", ""};

	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *st = NULL;
		int rc = sqlite3_prepare_v2(stores[i]->db, sql, -1, &st, NULL);

		if (rc == SQLITE_OK)
			rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			snprintf(names[i], sizeof names[i], "%s", (const char *)sqlite3_column_text(st, 0));
		sqlite3_finalize(st);
		if (rc != SQLITE_ROW)
			return gw_sqlite_error(stores[i], rc, "reading which store it is", err);
	}
	*ret = !strcmp(names[0], names[1]);
	return 0;
}

static int write_deed(struct gw_store *copy, uint64_t number, uint64_t revision, int64_t time,
		      const struct gw_store_deed *deed, struct gw_error *err)
{
	sqlite3_stmt *st = copy->st[GW_SQLITE_AUDIT_AS];

	sqlite3_bind_int64(st, 1, (sqlite3_int64)revision);
	sqlite3_bind_int64(st, 2, time);
	sqlite3_bind_text(st, 3, deed->who, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, deed->method, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 5, deed->tenant, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 6, deed->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 7, deed->doer ? deed->doer : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 8, (sqlite3_int64)number);
	copy->added[GW_SQLITE_AUDIT_LOG]++;
	return gw_sqlite_run(copy, GW_SQLITE_AUDIT_AS, "writing the audit log", err);
}

struct carrying {
	struct gw_store *copy;
	uint64_t offset; /* of the numbers */
	struct gw_error *err;
};

static int carry_deed(void *ctx, const struct gw_stored_deed *d)
{
	struct carrying *c = ctx;

	return write_deed(c->copy, d->number + c->offset, d->revision, d->time, &d->deed, c->err);
}

/* A copy of this store has the beginning of this log; another store's log is one that this one's comes behind. */
static int carry_audit(struct gw_store *copy, struct gw_store *s, bool same, struct gw_error *err)
{
	sqlite3_int64 last = 0;
	int r = gw_sqlite_pragma_int(copy, "SELECT coalesce(max(number), 0) FROM audit", &last, err);

	return r < 0 ? r
		     : gw_store_each_deed(s, same ? (uint64_t)last : 0, UINT_MAX, carry_deed,
					  &(struct carrying){copy, same ? 0 : (uint64_t)last, err}, err);
}

static int carry_access(struct gw_store *copy, struct gw_store *s, struct gw_error *err)
{
	sqlite3_stmt *from = s->st[GW_SQLITE_ACCESS_EACH], *to = copy->st[GW_SQLITE_ACCESS_PUT];
	int rc = SQLITE_DONE, r = gw_sqlite_run(copy, GW_SQLITE_ACCESS_CLEAR, "writing who has access", err);

	while (r == 0 && (rc = sqlite3_step(from)) == SQLITE_ROW) {
		for (int i = 0; i < 4; i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		r = gw_sqlite_run(copy, GW_SQLITE_ACCESS_PUT, "writing who has access", err);
	}
	sqlite3_reset(from);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading who has access", err) : r;
}

static int carry_gone(struct gw_store *copy, struct gw_store *s, struct gw_error *err)
{
	sqlite3_stmt *from = s->st[GW_SQLITE_GONE_EACH], *to = copy->st[GW_SQLITE_GONE_PUT];
	int rc = SQLITE_DONE, r = 0;

	while (r == 0 && (rc = sqlite3_step(from)) == SQLITE_ROW) {
		sqlite3_bind_value(to, 1, sqlite3_column_value(from, 0));
		r = gw_sqlite_run(copy, GW_SQLITE_GONE_PUT, "noting which servers are gone", err);
	}
	sqlite3_reset(from);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading which servers are gone", err) : r;
}

static int set(struct gw_store *copy, enum gw_sqlite_statement which, uint64_t value, struct gw_error *err)
{
	sqlite3_bind_int64(copy->st[which], 1, (sqlite3_int64)value);
	return gw_sqlite_run(copy, which, "counting that it was restored", err);
}

int gw_store_succeed(struct gw_store *copy, struct gw_store *s, int64_t time, const struct gw_store_deed *deed,
		     struct gw_error *err)
{
	uint64_t revision = 0, restores = 1 + (copy->restores > s->restores ? copy->restores : s->restores);
	bool same = false;
	int r = is_copy_of(copy, s, &same, err);

	if (r == 0)
		r = gw_store_begin(copy, &revision, err);
	if (r < 0)
		return r;
	/* One that nobody has seen: who has followed the store up to its last change has to start over as well. */
	if (copy->pending <= s->revision)
		copy->pending = s->revision + 1;
	revision = copy->pending;
	r = carry_audit(copy, s, same, err);
	if (r == 0 && same)
		r = carry_access(copy, s, err);
	if (r == 0)
		r = carry_gone(copy, s, err);
	if (r == 0)
		r = write_deed(copy, 0, revision, time, deed, err); /* the next number */
	if (r == 0)
		r = set(copy, GW_SQLITE_FEED_START, revision, err);
	if (r == 0)
		r = set(copy, GW_SQLITE_RESTORES, restores, err);
	if (r < 0) {
		gw_store_rollback(copy);
		return r;
	}
	r = gw_store_commit(copy, err);
	if (r < 0)
		return r;
	copy->feed_start = revision;
	copy->restores = restores;
	return 0;
}
