/*
 * sqlite_trim.c - the two logs that grow with every change: the feed and the audit log. Their oldest entries are removed when
 * there are too many or they are too old. Called by the controller, on a thread.
 *
 * Whoever did something worth hiding could do a million harmless things after it. So of too many deeds those of tenants and nodes
 * make room for each other only, and first those of who has most.
 */
#include "store/resource.h"
#include "store/sqlite_private.h"

#include <stdio.h>
#include <string.h>

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

/* --- deeds that are too many -------------------------------------------------------------------------------------- */

struct doer {
	char name[GW_STORE_DOERLEN]; /* "": operators */
	uint64_t first, n;	     /* of their deeds */
};

struct doers {
	struct doer operators, greatest; /* of the tenants */
	uint64_t second, tenants;	 /* what the next one has; all of them */
};

static int count_deeds(struct gw_store *s, struct doers *ret, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_AUDIT_DOERS];
	int rc;

	*ret = (struct doers){0};
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct doer d = {.first = (uint64_t)sqlite3_column_int64(st, 1)};

		d.n = (uint64_t)sqlite3_column_int64(st, 2) - d.first + 1;
		snprintf(d.name, sizeof d.name, "%s", (const char *)sqlite3_column_text(st, 0));
		if (!*d.name) {
			ret->operators = d;
			continue;
		}
		ret->tenants += d.n;
		ret->second = d.n > ret->greatest.n ? ret->greatest.n : d.n > ret->second ? d.n : ret->second;
		if (d.n > ret->greatest.n)
			ret->greatest = d;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : gw_sqlite_error(s, rc, "trimming its logs", err);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int forget(struct gw_store *s, const struct doer *d, uint64_t n, uint64_t *removed, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_AUDIT_TRIM_DOER];
	int r;

	if (n == 0)
		return 0;
	sqlite3_bind_text(st, 1, d->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)(d->first + n));
	r = gw_sqlite_run(s, GW_SQLITE_AUDIT_TRIM_DOER, "trimming its logs", err);
	if (r == 0)
		*removed += (uint64_t)sqlite3_changes(s->db);
	return r;
}

/* How many of the operators' and of the greatest tenant's deeds are too many; of his not so many that another has more by far. */
static void share(const struct doers *d, uint64_t limit, unsigned slice, uint64_t ret[static 2])
{
	uint64_t step = d->greatest.n - d->second;

	if (step < d->greatest.n / 16 + 1)
		step = d->greatest.n / 16 + 1;
	ret[0] = d->operators.n > limit ? least(d->operators.n - limit, slice) : 0;
	ret[1] = d->tenants > limit ? least(least(d->tenants - limit, step), slice) : 0;
}

/* What is too old goes first: so the numbers of each doer's deeds are without a gap. */
static int trim_audit(struct gw_store *s, const struct doers *d, const uint64_t many[static 2], uint64_t old,
		      uint64_t *ret_removed, struct gw_error *err)
{
	uint64_t revision, removed = old;
	int r = old > 0 ? cut(s, GW_SQLITE_AUDIT_LOG, old, &revision, err) : 0;

	if (r == 0)
		r = forget(s, &d->operators, many[0], &removed, err);
	if (r == 0)
		r = forget(s, &d->greatest, many[1], &removed, err);
	*ret_removed = removed;
	return r;
}

/* A transaction that is no change: it has no revision. */
int gw_store_trim(struct gw_store *s, const struct gw_store_keep *keep, unsigned slice, bool *ret_more,
		  struct gw_error *err)
{
	uint64_t changes = 0, old = 0, many[2] = {0}, removed = 0, revision = s->feed_start;
	struct doers doers;
	int r = count_old(s, GW_SQLITE_FEED, keep->changes, keep->changes_since, slice, &changes, err);

	if (r == 0)
		r = count_old(s, GW_SQLITE_AUDIT_LOG, UINT64_MAX, keep->deeds_since, slice, &old, err);
	if (r == 0)
		r = count_deeds(s, &doers, err);
	if (r < 0)
		return r;
	share(&doers, keep->deeds, slice, many);
	*ret_more = false;
	if (changes + old + many[0] + many[1] == 0)
		return 0;
	r = gw_sqlite_run(s, GW_SQLITE_BEGIN, "trimming its logs", err);
	if (r < 0)
		return r;
	s->writing = true;
	if (changes > 0)
		r = cut(s, GW_SQLITE_FEED, changes, &revision, err);
	if (r == 0)
		r = trim_audit(s, &doers, many, old, &removed, err);
	if (r == 0)
		r = set_feed_start(s, revision, err);
	if (r == 0)
		r = gw_sqlite_run(s, GW_SQLITE_COMMIT, "trimming its logs", err);
	if (r < 0) {
		gw_store_rollback(s);
		return r;
	}
	s->writing = false;
	s->feed_start = revision;
	s->rows[GW_SQLITE_FEED] -= changes;
	s->rows[GW_SQLITE_AUDIT_LOG] -= removed;
	*ret_more = changes == slice || old == slice || many[0] == slice || (removed > 0 && many[1] > 0);
	return 0;
}
