/*
 * sqlite_schema.c - the tables of the SQLite store, their history, and the checks on a file before it is trusted.
 *
 * The file's user_version counts the migrations that it has seen. To change the schema append one script;
 * never edit an older one. Called by sqlite.c while it opens a store.
 */
#include "store/sqlite_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* migrations[v] takes a store from version v to v + 1. */
static const char *const migrations[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('revision', 0);"
	"CREATE TABLE object ("
	" kind TEXT NOT NULL,"
	" id TEXT NOT NULL,"
	" revision INTEGER NOT NULL,"
	" body TEXT NOT NULL,"
	" PRIMARY KEY (kind, id)) WITHOUT ROWID;",

	"CREATE TABLE access ("
	" kind TEXT NOT NULL,"
	" name TEXT NOT NULL COLLATE NOCASE,"
	" revision INTEGER NOT NULL,"
	" body TEXT NOT NULL,"
	" PRIMARY KEY (kind, name)) WITHOUT ROWID;",

	/* Resources in the order of their making (rowid); what changed when, for those who follow; who changed what. */
	"CREATE TABLE resource ("
	" tenant TEXT NOT NULL,"
	" path TEXT NOT NULL COLLATE NOCASE,"
	" instance TEXT NOT NULL,"
	" revision INTEGER NOT NULL,"
	" serial INTEGER NOT NULL,"
	" updated INTEGER NOT NULL,"
	" body TEXT NOT NULL,"
	" UNIQUE (tenant, path));"
	"CREATE TABLE change ("
	" number INTEGER PRIMARY KEY,"
	" revision INTEGER NOT NULL,"
	" tenant TEXT NOT NULL,"
	" path TEXT NOT NULL,"
	" gone INTEGER NOT NULL);"
	"CREATE INDEX change_revision ON change (revision);"
	"CREATE TABLE audit ("
	" number INTEGER PRIMARY KEY,"
	" revision INTEGER NOT NULL,"
	" time INTEGER NOT NULL,"
	" who TEXT NOT NULL,"
	" method TEXT NOT NULL,"
	" tenant TEXT NOT NULL,"
	" path TEXT NOT NULL);",

	/* What grows is trimmed: by age, and whoever follows is told from where on the feed is whole. Restores are counted. */
	"ALTER TABLE change ADD COLUMN time INTEGER NOT NULL DEFAULT 0;"
	"UPDATE change SET time = CAST(strftime('%s', 'now') AS INTEGER);"
	"INSERT INTO meta VALUES ('feed_start', 0);"
	"INSERT INTO meta VALUES ('restores', 0);",

	/* The tenant whose deed it was, '' for others', and the how manieth of that doer's it is. Of older ones nobody knows. */
	"ALTER TABLE audit ADD COLUMN doer TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE audit ADD COLUMN nth INTEGER NOT NULL DEFAULT 0;"
	"UPDATE audit SET nth = counted.nth"
	" FROM (SELECT number, row_number() OVER (ORDER BY number) AS nth FROM audit) AS counted"
	" WHERE audit.number = counted.number;"
	"CREATE UNIQUE INDEX audit_doer ON audit (doer, nth);",

	/* Servers that are not there any more, whose nodes may come back when the feed has long been trimmed. */
	"CREATE TABLE gone_server (id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE) WITHOUT ROWID;"
	"INSERT OR IGNORE INTO gone_server SELECT substr(path, 10) FROM change"
	" WHERE gone AND tenant = '' AND substr(path, 1, 9) = '/servers/'"
	" AND NOT EXISTS (SELECT 1 FROM resource WHERE resource.tenant = '' AND resource.path = change.path);",
};

#define VERSION ((sqlite3_int64)(sizeof migrations / sizeof *migrations))

int gw_sqlite_pragma_int(struct gw_store *s, const char *pragma, sqlite3_int64 *ret, struct gw_error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, pragma, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : gw_sqlite_error(s, rc, "reading the file's header", err);
}

/* quick_check walks every page and answers "ok" or up to N findings. */
static int check_integrity(struct gw_store *s, struct gw_error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL), r = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc != SQLITE_ROW) {
		r = gw_sqlite_error(s, rc, "checking the file", err);
	} else {
		const char *finding = (const char *)sqlite3_column_text(st, 0);

		if (!finding || strcmp(finding, "ok") != 0)
			r = gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, s->path,
					 "the store is damaged (%s); the file was left as it is: restore a backup, or "
					 "move it away to start with an empty store",
					 finding ? finding : "no finding");
	}
	sqlite3_finalize(st);
	return r;
}

int gw_sqlite_inspect(struct gw_store *s, struct gw_error *err)
{
	sqlite3_int64 pages = 0, id = 0, version = 0;
	int r;

	r = gw_sqlite_pragma_int(s, "PRAGMA page_count", &pages, err);
	if (r < 0)
		return r;
	if (pages == 0) /* being made */
		return 0;
	r = gw_sqlite_pragma_int(s, "PRAGMA application_id", &id, err);
	if (r < 0)
		return r;
	if (id != GW_SQLITE_APPLICATION_ID)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, s->path,
				    "this is an SQLite database, but not a store of gwd; the file was left as it is: "
				    "name another path in [store] path");
	r = gw_sqlite_pragma_int(s, "PRAGMA user_version", &version, err);
	if (r < 0)
		return r;
	if (version < 1 || version > VERSION)
		return gw_error_set(err, EPROTO, GW_ERR_UNAVAILABLE, s->path,
				    "the store was written by a newer gwd (schema %lld, this gwd knows 1 to %lld): "
				    "restore a backup or upgrade gwd",
				    (long long)version, (long long)VERSION);
	return check_integrity(s, err);
}

static int exec(struct gw_store *s, const char *sql, struct gw_error *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : gw_sqlite_error(s, rc, "bringing its schema up to date", err);
}

/* One migration is one transaction: a crash leaves the version before it or the version after it. */
static int migrate_one(struct gw_store *s, sqlite3_int64 from, struct gw_error *err)
{
	char sql[160], text[GW_UUID_STRLEN];
	struct gw_uuid uuid;
	int r;

	r = exec(s, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = exec(s, migrations[from], err);
	if (r == 0 && from == 0) {
		if (gw_uuid_random(&uuid) < 0)
			r = gw_error_set(err, EIO, GW_ERR_INTERNAL, s->path, "the kernel has no random numbers");
		else {
			snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('uuid', '%s'); PRAGMA application_id = %d;",
				 gw_uuid_format(&uuid, text), GW_SQLITE_APPLICATION_ID);
			r = exec(s, sql, err);
		}
	}
	if (r == 0) {
		snprintf(sql, sizeof sql, "PRAGMA user_version = %lld; COMMIT;", (long long)from + 1);
		r = exec(s, sql, err);
	}
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int gw_sqlite_migrate(struct gw_store *s, struct gw_error *err)
{
	sqlite3_int64 version = 0;
	int r = gw_sqlite_pragma_int(s, "PRAGMA user_version", &version, err);

	for (; r == 0 && version < VERSION; version++)
		r = migrate_one(s, version, err);
	return r;
}
