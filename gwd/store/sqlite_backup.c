/*
 * sqlite_backup.c - copies of a store, and a copy in the place of the store.
 *
 *   PATH.restore   a store that was checked and is to be PATH from the next opening on
 *   PATH.replaced  what PATH was until then, with its -wal: the way back
 *
 * A crash in between leaves either of the two, and the next opening goes on.
 */
#include "store/sqlite_private.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
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
	/* The log goes first: it must never lie beside a store that it is not of. */
	if (access(s->path, F_OK) == 0) {
		r = move(s->path, "-wal", ".replaced-wal", err);
		if (r == 0)
			r = move(s->path, "-shm", ".replaced-shm", err);
		if (r == 0)
			r = move(s->path, "", ".replaced", err);
	}
	return r == 0 ? move(s->path, ".restore", "", err) : r;
}
