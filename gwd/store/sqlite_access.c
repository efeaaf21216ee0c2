/* sqlite_access.c - the table of those who have access, in the SQLite store; see store.h. A row's body has a token's hash. */
#include "store/sqlite_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

static int read_row(struct gw_store *s, struct gw_access_entry *ret, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_ACCESS_EACH];
	const char *kind = (const char *)sqlite3_column_text(st, 0), *name = (const char *)sqlite3_column_text(st, 1),
		   *body = (const char *)sqlite3_column_text(st, 3);
	struct gw_error why = GW_ERROR_INIT;
	json_error_t where;
	json_t *row;
	int r;

	if (!kind || !name || !body)
		return gw_sqlite_error(s, SQLITE_NOMEM, "reading it", err);
	row = json_loads(body, JSON_REJECT_DUPLICATES, &where);
	if (row)
		r = gw_access_decode_row(kind, name, row, ret, &why);
	else
		r = gw_error_set(&why, EBADMSG, GW_ERR_UNAVAILABLE, "body", "%s", where.text);
	json_decref(row);
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_UNAVAILABLE, s->path,
				    "the stored access of %s \"%s\" cannot be used (%s: %s): restore a backup or "
				    "upgrade gwd",
				    kind, name, why.target, why.message);
	ret->revision = (uint64_t)sqlite3_column_int64(st, 2);
	return 0;
}

int gw_store_each_access(struct gw_store *s,
			 int (*cb)(void *ctx, const struct gw_access_entry *e, struct gw_error *err), void *ctx,
			 struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_ACCESS_EACH];
	int rc, r = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct gw_access_entry e;

		r = read_row(s, &e, err);
		if (r == 0)
			r = cb(ctx, &e, err);
		if (r < 0)
			break;
	}
	sqlite3_reset(st);
	if (r == 0 && rc != SQLITE_DONE)
		r = gw_sqlite_error(s, rc, "reading it", err);
	return r;
}

int gw_store_put_access(struct gw_store *s, const struct gw_access_entry *e, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_ACCESS_PUT];
	json_t *row = gw_access_encode_row(e);
	_cleanup_free_ char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;
	int r;

	json_decref(row);
	if (!text)
		return gw_error_oom(err);
	sqlite3_bind_text(st, 1, gw_access_kind_path(e->kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, e->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)s->revision + 1);
	sqlite3_bind_text(st, 4, text, -1, SQLITE_STATIC);
	r = gw_sqlite_run(s, GW_SQLITE_ACCESS_PUT, "writing who has access", err);
	sqlite3_clear_bindings(st);
	return r;
}

int gw_store_delete_access(struct gw_store *s, enum gw_access_kind kind, const char *name, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_ACCESS_DELETE];
	int r;

	sqlite3_bind_text(st, 1, gw_access_kind_path(kind), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
	r = gw_sqlite_run(s, GW_SQLITE_ACCESS_DELETE, "deleting who has access", err);
	sqlite3_clear_bindings(st);
	return r;
}
