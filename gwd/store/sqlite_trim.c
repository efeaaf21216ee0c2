/*
 * sqlite_trim.c - the two logs that grow with every change: the feed and the audit log. Their oldest entries are removed when
 * there are too many or they are too old. Called by the controller, on a thread.
 */
#include "store/resource.h"
#include "store/sqlite_private.h"

#include <stdio.h>

static int read_int(struct gw_store *s, enum gw_sqlite_statement which, sqlite3_int64 *ret, sqlite3_int64 *ret_second,
		    struct gw_error *err)
{
	sqlite3_stmt *st = s->st[which];
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int64(st, 0);
		if (ret_second)
			*ret_second = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_ROW ? 0 : gw_sqlite_error(s, rc, "trimming its logs", err);
}

int gw_sqlite_measure_logs(struct gw_store *s, struct gw_error *err)
{
	static const char *const counts[GW_SQLITE_LOG_MAX] = {
		[GW_SQLITE_FEED] = "SELECT count(*) FROM change",
		[GW_SQLITE_AUDIT_LOG] = "SELECT count(*) FROM audit",
	};
	sqlite3_int64 n = 0;
	int r = gw_sqlite_pragma_int(s, "SELECT value FROM meta WHERE key = 'feed_start'", &n, err);

	s->feed_start = (uint64_t)n;
	if (r == 0)
		r = gw_sqlite_pragma_int(s, "SELECT value FROM meta WHERE key = 'restores'", &n, err);
	s->restores = (uint64_t)n;
	for (size_t i = 0; r == 0 && i < GW_SQLITE_LOG_MAX; i++) {
		r = gw_sqlite_pragma_int(s, counts[i], &n, err);
		s->rows[i] = (uint64_t)n;
	}
	return r;
}

/* How many of the oldest entries can go now. */
static int count_old(struct gw_store *s, enum gw_sqlite_log log, uint64_t limit, int64_t since, unsigned slice,
		     uint64_t *ret, struct gw_error *err)
{
	enum gw_sqlite_statement which = GW_SQLITE_FEED_OLD + log;
	uint64_t beyond = s->rows[log] > limit ? s->rows[log] - limit : 0;
	sqlite3_int64 old = 0;
	int r;

	sqlite3_bind_int64(s->st[which], 1, slice);
	sqlite3_bind_int64(s->st[which], 2, since);
	r = read_int(s, which, &old, NULL, err);
	if (r < 0)
		return r;
	*ret = (uint64_t)old > beyond ? (uint64_t)old : beyond;
	if (*ret > slice)
		*ret = slice;
	if (*ret >= s->rows[log])
		*ret = s->rows[log] ? s->rows[log] - 1 : 0;
	return 0;
}

/* The `n` oldest entries; *ret_revision is that of the last of them. */
static int cut(struct gw_store *s, enum gw_sqlite_log log, uint64_t n, uint64_t *ret_revision, struct gw_error *err)
{
	enum gw_sqlite_statement which = GW_SQLITE_FEED_CUT + log;
	sqlite3_int64 number = 0, revision = 0;
	int r;

	sqlite3_bind_int64(s->st[which], 1, (sqlite3_int64)n - 1);
	r = read_int(s, which, &number, &revision, err);
	if (r < 0)
		return r;
	which = GW_SQLITE_FEED_TRIM + log;
	sqlite3_bind_int64(s->st[which], 1, number);
	*ret_revision = (uint64_t)revision;
	return gw_sqlite_run(s, which, "trimming its logs", err);
}

static int set_feed_start(struct gw_store *s, uint64_t revision, struct gw_error *err)
{
	sqlite3_bind_int64(s->st[GW_SQLITE_FEED_START], 1, (sqlite3_int64)revision);
	return gw_sqlite_run(s, GW_SQLITE_FEED_START, "saying where its feed begins", err);
}

/* A transaction that is no change: it has no revision. */
int gw_store_trim(struct gw_store *s, const struct gw_store_keep *keep, unsigned slice, bool *ret_more,
		  struct gw_error *err)
{
	uint64_t n[GW_SQLITE_LOG_MAX] = {0}, revision[GW_SQLITE_LOG_MAX] = {s->feed_start};
	int r = count_old(s, GW_SQLITE_FEED, keep->changes, keep->changes_since, slice, &n[GW_SQLITE_FEED], err);

	if (r == 0)
		r = count_old(s, GW_SQLITE_AUDIT_LOG, keep->deeds, keep->deeds_since, slice, &n[GW_SQLITE_AUDIT_LOG],
			      err);
	*ret_more = n[GW_SQLITE_FEED] == slice || n[GW_SQLITE_AUDIT_LOG] == slice;
	if (r < 0 || (n[GW_SQLITE_FEED] == 0 && n[GW_SQLITE_AUDIT_LOG] == 0))
		return r;
	r = gw_sqlite_run(s, GW_SQLITE_BEGIN, "trimming its logs", err);
	if (r < 0)
		return r;
	s->writing = true;
	for (enum gw_sqlite_log log = 0; r == 0 && log < GW_SQLITE_LOG_MAX; log++)
		if (n[log] > 0)
			r = cut(s, log, n[log], &revision[log], err);
	if (r == 0)
		r = set_feed_start(s, revision[GW_SQLITE_FEED], err);
	if (r == 0)
		r = gw_sqlite_run(s, GW_SQLITE_COMMIT, "trimming its logs", err);
	if (r < 0) {
		gw_store_rollback(s);
		return r;
	}
	s->writing = false;
	s->feed_start = revision[GW_SQLITE_FEED];
	for (size_t i = 0; i < GW_SQLITE_LOG_MAX; i++)
		s->rows[i] -= n[i];
	return 0;
}
