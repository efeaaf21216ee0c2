/* sqlite_private.h - shared by the files of the SQLite backend only. */
#ifndef GW_STORE_SQLITE_PRIVATE_H
#define GW_STORE_SQLITE_PRIVATE_H

#include "store/store.h"

#include <sqlite3.h>

/* "gwd1": tells our file from any other SQLite database. */
#define GW_SQLITE_APPLICATION_ID 0x67776431

enum gw_sqlite_statement {
	GW_SQLITE_BEGIN,
	GW_SQLITE_COMMIT,
	GW_SQLITE_ROLLBACK,
	GW_SQLITE_SET_REVISION,
	GW_SQLITE_PUT,
	GW_SQLITE_DELETE,
	GW_SQLITE_EACH,
	GW_SQLITE_FOREIGN,
	GW_SQLITE_RESOURCE_PUT,
	GW_SQLITE_RESOURCE_DELETE,
	GW_SQLITE_RESOURCE_EACH,
	GW_SQLITE_CHANGE,
	GW_SQLITE_CHANGES,
	GW_SQLITE_GONE_EACH,
	GW_SQLITE_GONE_PUT,
	GW_SQLITE_GONE_DELETE,
	GW_SQLITE_AUDIT,
	GW_SQLITE_AUDIT_EACH,
	GW_SQLITE_AUDIT_AS,
	GW_SQLITE_FEED_START,
	GW_SQLITE_RESTORES,
	GW_SQLITE_FEED_OLD, /* the logs' statements, in the order of enum gw_sqlite_log */
	GW_SQLITE_AUDIT_OLD,
	GW_SQLITE_FEED_CUT,
	GW_SQLITE_AUDIT_CUT,
	GW_SQLITE_FEED_TRIM,
	GW_SQLITE_AUDIT_TRIM,
	GW_SQLITE_AUDIT_DOERS,
	GW_SQLITE_AUDIT_TRIM_DOER,
	GW_SQLITE_ACCESS_EACH,
	GW_SQLITE_ACCESS_PUT,
	GW_SQLITE_ACCESS_CLEAR,
	GW_SQLITE_ACCESS_DELETE,
	GW_SQLITE_STATEMENT_MAX
};

/* What grows with every change, until it is trimmed. */
enum gw_sqlite_log { GW_SQLITE_FEED, GW_SQLITE_AUDIT_LOG, GW_SQLITE_LOG_MAX };

struct gw_store {
	sqlite3 *db;
	sqlite3_stmt *st[GW_SQLITE_STATEMENT_MAX];
	char *path;
	char *text; /* JSON of the row that is being written, grows as needed */
	size_t text_size;
	int lock_fd;
	bool writing; /* between begin and commit or rollback */
	bool staged;  /* another file is to take its place: what is written now would be lost */
	int64_t now;  /* of what is being written */
	uint64_t rows[GW_SQLITE_LOG_MAX], added[GW_SQLITE_LOG_MAX]; /* of the logs; by what is being written */
	uint64_t restores;   /* how often a copy has taken the place of what was there */
	uint64_t feed_start; /* the feed has every change after this revision */
	uint64_t revision;   /* of the last commit */
	uint64_t pending;    /* of what is being written */
};

/* Fills `err` for an SQLite result code: what failed, on which file, and what to do about it. */
int gw_sqlite_error(const struct gw_store *s, int rc, const char *doing, struct gw_error *err);
/* Opens the database `path`, an empty one too, checks and prepares it. On failure it is left to gw_sqlite_close_file. */
int gw_sqlite_open_file(struct gw_store *s, const char *path, struct gw_error *err);
void gw_sqlite_close_file(struct gw_store *s);
/* How long the logs are, and where the feed begins. */
int gw_sqlite_measure_logs(struct gw_store *s, struct gw_error *err);
/* Puts a store that gw_store_stage left in the place of what is there. */
int gw_sqlite_take_staged(struct gw_store *s, struct gw_error *err);
/* Makes an empty store when there is none. */
int gw_sqlite_create_file(struct gw_store *s, struct gw_error *err);
/* Brings the schema of an opened, checked database up to date; creates it in an empty one. */
int gw_sqlite_migrate(struct gw_store *s, struct gw_error *err);
/* Refuses a file that is damaged, foreign or from the future. Reads only. */
int gw_sqlite_inspect(struct gw_store *s, struct gw_error *err);
/* Runs a prepared statement that returns no rows, and forgets what was bound to it. */
int gw_sqlite_run(struct gw_store *s, enum gw_sqlite_statement which, const char *doing, struct gw_error *err);
int gw_sqlite_pragma_int(struct gw_store *s, const char *pragma, sqlite3_int64 *ret, struct gw_error *err);

#endif
