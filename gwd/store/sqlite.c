/*
 * sqlite.c - the store of store.h in one SQLite file (WAL, synchronous=FULL: a commit survives a power cut).
 *
 * Owns the file, its -wal and -shm companions and PATH.lock, which keeps a second daemon out; other programs
 * may read the file meanwhile (backups). Called by the reconciler and the controller: on the loop's thread, or on
 * another while that has the store to itself. A row's body is the "properties" of the object as JSON; the envelope
 * around it is made anew when it is read.
 */
#include "store/sqlite_private.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "model/hnv_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NEXT_DEED " 1 + (SELECT coalesce(max(nth), 0) FROM audit WHERE doer = ?7)"

static const char *const statements[GW_SQLITE_STATEMENT_MAX] = {
	[GW_SQLITE_BEGIN] = "BEGIN IMMEDIATE",
	[GW_SQLITE_COMMIT] = "COMMIT",
	[GW_SQLITE_ROLLBACK] = "ROLLBACK",
	[GW_SQLITE_SET_REVISION] = "UPDATE meta SET value = ?1 WHERE key = 'revision'",
	[GW_SQLITE_PUT] = ("INSERT INTO object (kind, id, revision, body) VALUES (?1, ?2, ?3, ?4)"
			   " ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision, body = excluded.body"),
	[GW_SQLITE_DELETE] = "DELETE FROM object WHERE kind = ?1 AND id = ?2",
	[GW_SQLITE_EACH] = "SELECT id, revision, body FROM object WHERE kind = ?1 ORDER BY id",
	[GW_SQLITE_FOREIGN] = "SELECT DISTINCT kind FROM object",
	[GW_SQLITE_RESOURCE_PUT] =
		("INSERT INTO resource (tenant, path, instance, revision, serial, updated, body)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		 " ON CONFLICT (tenant, path) DO UPDATE SET revision = excluded.revision, serial = excluded.serial,"
		 " updated = excluded.updated, body = excluded.body"),
	[GW_SQLITE_RESOURCE_DELETE] = "DELETE FROM resource WHERE tenant = ?1 AND path = ?2",
	[GW_SQLITE_RESOURCE_EACH] = ("SELECT tenant, path, instance, revision, serial, updated, body FROM resource"
				     " ORDER BY rowid"),
	[GW_SQLITE_CHANGE] = "INSERT INTO change (revision, tenant, path, gone, time) VALUES (?1, ?2, ?3, ?4, ?5)",
	[GW_SQLITE_GONE_EACH] = "SELECT id FROM gone_server",
	[GW_SQLITE_GONE_PUT] = ("INSERT OR IGNORE INTO gone_server (id) SELECT ?1 WHERE NOT EXISTS"
				" (SELECT 1 FROM resource WHERE tenant = '' AND path = '/servers/' || ?1)"),
	[GW_SQLITE_GONE_DELETE] = "DELETE FROM gone_server WHERE id = ?1",
	[GW_SQLITE_CHANGES] = ("SELECT revision, tenant, path, gone FROM change WHERE revision > ?1"
			       " ORDER BY number LIMIT ?2"),
	[GW_SQLITE_AUDIT] = ("INSERT INTO audit (revision, time, who, method, tenant, path, doer, nth)"
			     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7," NEXT_DEED ")"),
	[GW_SQLITE_AUDIT_EACH] = ("SELECT number, revision, time, who, method, tenant, path, doer FROM audit"
				  " WHERE number > ?1 ORDER BY number LIMIT ?2"),
	[GW_SQLITE_AUDIT_AS] = ("INSERT INTO audit (number, revision, time, who, method, tenant, path, doer, nth)"
				" VALUES (max(?8, 1 + (SELECT coalesce(max(number), 0) FROM audit)), ?1, ?2, ?3, ?4, "
				"?5, ?6, ?7," NEXT_DEED ")"),
	[GW_SQLITE_FEED_START] = "UPDATE meta SET value = ?1 WHERE key = 'feed_start'",
	[GW_SQLITE_RESTORES] = "UPDATE meta SET value = ?1 WHERE key = 'restores'",
	[GW_SQLITE_FEED_OLD] =
		"SELECT count(*) FROM (SELECT time FROM change ORDER BY number LIMIT ?1) WHERE time < ?2",
	[GW_SQLITE_AUDIT_OLD] =
		"SELECT count(*) FROM (SELECT time FROM audit ORDER BY number LIMIT ?1) WHERE time < ?2",
	[GW_SQLITE_FEED_CUT] = "SELECT number, revision FROM change ORDER BY number LIMIT 1 OFFSET ?1",
	[GW_SQLITE_AUDIT_CUT] = "SELECT number, revision FROM audit ORDER BY number LIMIT 1 OFFSET ?1",
	[GW_SQLITE_FEED_TRIM] = "DELETE FROM change WHERE number <= ?1",
	[GW_SQLITE_AUDIT_TRIM] = "DELETE FROM audit WHERE number <= ?1",
	/* One step through the index for each doer, however many deeds. */
	[GW_SQLITE_AUDIT_DOERS] =
		("WITH RECURSIVE d (doer) AS (SELECT min(doer) FROM audit UNION ALL"
		 " SELECT (SELECT min(doer) FROM audit WHERE doer > d.doer) FROM d WHERE d.doer IS NOT NULL)"
		 " SELECT doer, (SELECT min(nth) FROM audit WHERE audit.doer = d.doer) AS first,"
		 " (SELECT max(nth) FROM audit WHERE audit.doer = d.doer) FROM d WHERE doer IS NOT NULL"),
	[GW_SQLITE_AUDIT_TRIM_DOER] =
		"DELETE FROM audit WHERE doer = ?1 AND nth < ?2 AND number < (SELECT max(number) FROM audit)",
	[GW_SQLITE_ACCESS_EACH] = "SELECT kind, name, revision, body FROM access",
	[GW_SQLITE_ACCESS_PUT] =
		("INSERT INTO access (kind, name, revision, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind, name) DO"
		 " UPDATE SET name = excluded.name, revision = excluded.revision, body = excluded.body"),
	[GW_SQLITE_ACCESS_CLEAR] = "DELETE FROM access",
	[GW_SQLITE_ACCESS_DELETE] = "DELETE FROM access WHERE kind = ?1 AND name = ?2",
};

int gw_sqlite_error(const struct gw_store *s, int rc, const char *doing, struct gw_error *err)
{
	int sys = s->db ? sqlite3_system_errno(s->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return gw_error_set(err, ENOSPC, GW_ERR_UNAVAILABLE, s->path,
				    "the disk is full while %s; nothing was changed: free space where the store lives",
				    doing);
	case SQLITE_IOERR:
		return gw_error_set(err, EIO, GW_ERR_UNAVAILABLE, s->path,
				    "input/output error while %s (%s); nothing was changed: check free space, quota "
				    "and health of the disk that holds the store",
				    doing, sys ? strerror(sys) : sqlite3_errstr(rc));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, s->path,
				    "the store is damaged (%s while %s); the file was left as it is: restore a backup, "
				    "or move it away to start with an empty store",
				    sqlite3_errstr(rc), doing);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return gw_error_set(err, EBUSY, GW_ERR_UNAVAILABLE, s->path,
				    "another program holds the store locked while %s: end it, then try again", doing);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return gw_error_set(
			err, EACCES, GW_ERR_UNAVAILABLE, s->path,
			"the store cannot be written while %s (%s): make the file and its directory writable for gwd",
			doing, sys ? strerror(sys) : sqlite3_errstr(rc));
	case SQLITE_NOMEM:
		return gw_error_set(err, ENOMEM, GW_ERR_UNAVAILABLE, s->path, "out of memory while %s", doing);
	default:
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, s->path, "%s while %s",
				    s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), doing);
	}
}

int gw_sqlite_run(struct gw_store *s, enum gw_sqlite_statement which, const char *doing, struct gw_error *err)
{
	int rc = sqlite3_step(s->st[which]);

	sqlite3_reset(s->st[which]);
	sqlite3_clear_bindings(s->st[which]);
	return rc == SQLITE_DONE ? 0 : gw_sqlite_error(s, rc, doing, err);
}

static int take_lock(struct gw_store *s, struct gw_error *err)
{
	_cleanup_free_ char *name = NULL;
	pid_t holder = 0;
	int r;

	if (asprintf(&name, "%s.lock", s->path) < 0) {
		name = NULL;
		return gw_error_oom(err);
	}
	r = gw_fs_lock(name, &s->lock_fd, &holder, err);
	if (r == -EBUSY)
		return gw_error_set(err, EBUSY, GW_ERR_UNAVAILABLE, s->path,
				    "the store is in use by another gwd (process %d): end it, or give this one another "
				    "[store] path",
				    (int)holder);
	return r;
}

static int configure(struct gw_store *s, struct gw_error *err)
{
	static const char *const settings[] = {
		"PRAGMA synchronous = FULL",  "PRAGMA trusted_schema = OFF",	      "PRAGMA temp_store = MEMORY",
		"PRAGMA cache_size = -65536", "PRAGMA journal_size_limit = 67108864",
	};
	sqlite3_stmt *st = NULL;
	const char *mode;
	int rc;
	bool wal;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		rc = sqlite3_exec(s->db, settings[i], NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return gw_sqlite_error(s, rc, "setting it up", err);
	}
	rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	wal = mode && strcmp(mode, "wal") == 0;
	sqlite3_finalize(st);
	if (rc != SQLITE_ROW)
		return gw_sqlite_error(s, rc, "switching it to write-ahead logging", err);
	if (!wal)
		return gw_error_set(
			err, EOPNOTSUPP, GW_ERR_UNAVAILABLE, s->path,
			"write-ahead logging does not work on this file system: put [store] path on a local disk");
	return 0;
}

static int prepare(struct gw_store *s, struct gw_error *err)
{
	for (size_t i = 0; i < GW_SQLITE_STATEMENT_MAX; i++) {
		int rc = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);

		if (rc != SQLITE_OK)
			return gw_sqlite_error(s, rc, "preparing to use it", err);
	}
	return 0;
}

int gw_sqlite_open_file(struct gw_store *s, const char *path, struct gw_error *err)
{
	sqlite3_int64 revision = 0;
	int rc, r;

	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK)
		return gw_sqlite_error(s, rc, "opening it", err);
	sqlite3_busy_timeout(s->db, 250);
	/* Closing a damaged file must not write to it; allowed again once the file has passed the checks. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = gw_sqlite_inspect(s, err);
	if (r < 0)
		return r;
	r = configure(s, err);
	if (r < 0)
		return r;
	r = gw_sqlite_migrate(s, err);
	if (r < 0)
		return r;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	r = gw_sqlite_pragma_int(s, "SELECT value FROM meta WHERE key = 'revision'", &revision, err);
	if (r < 0)
		return r;
	s->revision = (uint64_t)revision;
	r = gw_sqlite_measure_logs(s, err);
	return r == 0 ? prepare(s, err) : r;
}

void gw_sqlite_close_file(struct gw_store *s)
{
	for (size_t i = 0; i < GW_SQLITE_STATEMENT_MAX; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

int gw_store_open(const char *path, struct gw_store **ret, struct gw_error *err)
{
	struct gw_store *s = calloc(1, sizeof *s);
	int r;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return gw_error_oom(err);
	}
	s->lock_fd = -1;
	r = gw_fs_mkdirs_for(path, 0700, err);
	if (r == 0)
		r = take_lock(s, err);
	if (r == 0)
		r = gw_sqlite_take_staged(s, err);
	if (r == 0)
		r = gw_sqlite_create_file(s, err);
	if (r == 0)
		r = gw_sqlite_open_file(s, s->path, err);
	if (r < 0) {
		gw_store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct gw_store *gw_store_close(struct gw_store *s)
{
	if (!s)
		return NULL;
	gw_store_rollback(s);
	gw_sqlite_close_file(s);
	gw_cleanup_close(&s->lock_fd);
	free(s->text);
	free(s->path);
	free(s);
	return NULL;
}

uint64_t gw_store_revision(const struct gw_store *s)
{
	return s->revision;
}

/* A row that does not decode was not written by this gwd: say which, and leave it alone. */
static int read_row(struct gw_store *s, enum gw_hnv_kind kind, struct gw_hnv_object **ret, struct gw_error *err)
{
	/* Rows have every property, so that no default of a configuration is ever needed. */
	static const struct gw_config no_defaults;
	sqlite3_stmt *st = s->st[GW_SQLITE_EACH];
	const char *id = (const char *)sqlite3_column_text(st, 0), *body = (const char *)sqlite3_column_text(st, 2);
	struct gw_error why = GW_ERROR_INIT;
	char own_id[GW_ID_STRLEN];
	json_error_t where;
	json_t *properties;
	int r;

	if (!id || !body)
		return gw_sqlite_error(s, SQLITE_NOMEM, "reading it", err);
	properties = json_loads(body, JSON_REJECT_DUPLICATES, &where);
	if (!properties)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, s->path,
				    "the stored %s \"%s\" is damaged (%s): restore a backup", gw_hnv_kind_name(kind),
				    id, where.text);
	r = gw_hnv_decode(kind, NULL, properties, &no_defaults, ret, &why);
	json_decref(properties);
	if (r == 0 && strcmp(gw_hnv_id(*ret, own_id), id) != 0) {
		*ret = gw_hnv_object_free(*ret);
		r = gw_error_set(&why, EBADMSG, GW_ERR_INTERNAL, "id", "its properties belong to \"%s\"", own_id);
	}
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_UNAVAILABLE, s->path,
				    "the stored %s \"%s\" cannot be used (%s: %s): restore a backup or upgrade gwd",
				    gw_hnv_kind_name(kind), id, why.target, why.message);
	(*ret)->revision = (uint64_t)sqlite3_column_int64(st, 1);
	return 0;
}

static int each_of_kind(struct gw_store *s, enum gw_hnv_kind kind,
			int (*cb)(void *ctx, struct gw_hnv_object *o, struct gw_error *err), void *ctx,
			struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_EACH];
	int rc, r = 0;

	sqlite3_bind_text(st, 1, gw_hnv_kind_path(kind), -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct gw_hnv_object *o = NULL;

		r = read_row(s, kind, &o, err);
		if (r == 0)
			r = cb(ctx, o, err);
		if (r < 0)
			break;
	}
	sqlite3_reset(st);
	if (r == 0 && rc != SQLITE_DONE)
		r = gw_sqlite_error(s, rc, "reading it", err);
	return r;
}

/* Refuses to run on a store whose rows it would pass over. */
static int refuse_unknown_kinds(struct gw_store *s, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_FOREIGN];
	int rc, r = 0;

	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		enum gw_hnv_kind kind;

		if (!name || gw_hnv_kind_parse(name, &kind) < 0)
			r = gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, s->path,
					 "the store has objects of kind \"%s\", which this gwd does not know: restore "
					 "a backup or upgrade gwd",
					 name ? name : "");
	}
	sqlite3_reset(st);
	if (r == 0 && rc != SQLITE_DONE)
		r = gw_sqlite_error(s, rc, "reading it", err);
	return r;
}

int gw_store_each(struct gw_store *s, int (*cb)(void *ctx, struct gw_hnv_object *o, struct gw_error *err), void *ctx,
		  struct gw_error *err)
{
	int r = refuse_unknown_kinds(s, err);

	for (unsigned kind = 0; r == 0 && kind < GW_HNV_KIND_MAX; kind++)
		r = each_of_kind(s, (enum gw_hnv_kind)kind, cb, ctx, err);
	return r;
}

int gw_store_begin(struct gw_store *s, uint64_t *ret_revision, struct gw_error *err)
{
	int r;

	if (s->staged)
		return gw_error_set(
			err, EBUSY, GW_ERR_UNAVAILABLE, s->path,
			"a backup is about to take the place of the store: try again when gwd has begun anew");
	r = gw_sqlite_run(s, GW_SQLITE_BEGIN, "starting a change", err);
	if (r < 0)
		return r;
	s->writing = true;
	s->pending = *ret_revision = s->revision + 1;
	s->now = time(NULL);
	memset(s->added, 0, sizeof s->added);
	return 0;
}

uint64_t gw_store_next_revision(struct gw_store *s)
{
	return ++s->pending;
}

/* Writes the properties of `o` as JSON to s->text. */
static int encode(struct gw_store *s, const struct gw_hnv_object *o, size_t *ret_n, struct gw_error *err)
{
	json_t *properties = gw_hnv_encode_properties(o);
	size_t n;
	int r = -ENOMEM;

	if (!properties)
		goto out;
	n = json_dumpb(properties, s->text, s->text_size, JSON_COMPACT);
	if (n > s->text_size) {
		size_t size = n < 2048 ? 4096 : 2 * n;
		char *larger = realloc(s->text, size);

		if (!larger)
			goto out;
		s->text = larger;
		s->text_size = size;
		n = json_dumpb(properties, s->text, s->text_size, JSON_COMPACT);
	}
	if (n > 0) {
		*ret_n = n;
		r = 0;
	}
out:
	json_decref(properties);
	return r < 0 ? gw_error_oom(err) : 0;
}

int gw_store_put(struct gw_store *s, const struct gw_hnv_object *o, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_PUT];
	char id[GW_ID_STRLEN];
	size_t n = 0;
	int r = encode(s, o, &n, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, gw_hnv_kind_path(o->kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, gw_hnv_id(o, id), -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)s->pending);
	sqlite3_bind_text(st, 4, s->text, (int)n, SQLITE_STATIC);
	return gw_sqlite_run(s, GW_SQLITE_PUT, "writing an object", err);
}

int gw_store_delete(struct gw_store *s, const struct gw_hnv_object *o, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_DELETE];
	char id[GW_ID_STRLEN];

	sqlite3_bind_text(st, 1, gw_hnv_kind_path(o->kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, gw_hnv_id(o, id), -1, SQLITE_STATIC);
	return gw_sqlite_run(s, GW_SQLITE_DELETE, "deleting an object", err);
}

int gw_store_commit(struct gw_store *s, struct gw_error *err)
{
	int r;

	sqlite3_bind_int64(s->st[GW_SQLITE_SET_REVISION], 1, (sqlite3_int64)s->pending);
	r = gw_sqlite_run(s, GW_SQLITE_SET_REVISION, "writing its revision", err);
	if (r == 0)
		r = gw_sqlite_run(s, GW_SQLITE_COMMIT, "committing a change", err);
	if (r < 0) {
		gw_store_rollback(s);
		return r;
	}
	s->writing = false;
	s->revision = s->pending;
	for (size_t i = 0; i < GW_SQLITE_LOG_MAX; i++)
		s->rows[i] += s->added[i];
	return 0;
}

/* After some errors SQLite has rolled back by itself. */
void gw_store_rollback(struct gw_store *s)
{
	if (!s->writing)
		return;
	s->writing = false;
	if (!sqlite3_get_autocommit(s->db))
		gw_sqlite_run(s, GW_SQLITE_ROLLBACK, "rolling back", NULL);
}
