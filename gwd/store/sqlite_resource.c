/* sqlite_resource.c - see resource.h. Called by the controller: on the loop's thread, or on another when that has the store to itself. */
#include "store/resource.h"

#include "store/sqlite_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int write_change(struct gw_store *s, const char *tenant, const char *path, bool gone, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_CHANGE];

	sqlite3_bind_int64(st, 1, (sqlite3_int64)s->pending);
	sqlite3_bind_text(st, 2, tenant, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, path, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 4, gone);
	sqlite3_bind_int64(st, 5, s->now);
	s->added[GW_SQLITE_FEED]++;
	return gw_sqlite_run(s, GW_SQLITE_CHANGE, "writing the feed of changes", err);
}

/* The id of a server at that path, or NULL. */
static const char *server_at(const char *tenant, const char *path)
{
	static const char servers[] = "/servers/";

	return !*tenant && !strncmp(path, servers, sizeof servers - 1) ? path + sizeof servers - 1 : NULL;
}

static int note_server(struct gw_store *s, enum gw_sqlite_statement which, const char *id, struct gw_error *err)
{
	sqlite3_bind_text(s->st[which], 1, id, -1, SQLITE_STATIC);
	return gw_sqlite_run(s, which, "noting which servers are gone", err);
}

int gw_store_put_resource(struct gw_store *s, const struct gw_stored *row, struct gw_error *err)
{
	const char *server = server_at(row->tenant, row->path);
	sqlite3_stmt *st = s->st[GW_SQLITE_RESOURCE_PUT];
	char instance[GW_UUID_STRLEN];
	int r;

	sqlite3_bind_text(st, 1, row->tenant, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, row->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, gw_uuid_format(&row->instance, instance), -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)row->revision);
	sqlite3_bind_int64(st, 5, (sqlite3_int64)row->serial);
	sqlite3_bind_int64(st, 6, row->updated);
	sqlite3_bind_text(st, 7, row->body, -1, SQLITE_STATIC);
	r = gw_sqlite_run(s, GW_SQLITE_RESOURCE_PUT, "writing a resource", err);
	if (r == 0 && server)
		r = note_server(s, GW_SQLITE_GONE_DELETE, server, err);
	return r == 0 ? write_change(s, row->tenant, row->path, false, err) : r;
}

int gw_store_delete_resource(struct gw_store *s, const char *tenant, const char *path, struct gw_error *err)
{
	const char *server = server_at(tenant, path);
	int r;

	sqlite3_bind_text(s->st[GW_SQLITE_RESOURCE_DELETE], 1, tenant, -1, SQLITE_STATIC);
	sqlite3_bind_text(s->st[GW_SQLITE_RESOURCE_DELETE], 2, path, -1, SQLITE_STATIC);
	r = gw_sqlite_run(s, GW_SQLITE_RESOURCE_DELETE, "deleting a resource", err);
	if (r == 0 && server)
		r = note_server(s, GW_SQLITE_GONE_PUT, server, err);
	return r == 0 ? write_change(s, tenant, path, true, err) : r;
}

static int read_row(struct gw_store *s, sqlite3_stmt *st, struct gw_stored *ret, struct gw_error *err)
{
	const char *instance = (const char *)sqlite3_column_text(st, 2);

	ret->tenant = (const char *)sqlite3_column_text(st, 0);
	ret->path = (const char *)sqlite3_column_text(st, 1);
	ret->body = (const char *)sqlite3_column_text(st, 6);
	ret->revision = (uint64_t)sqlite3_column_int64(st, 3);
	ret->serial = (uint64_t)sqlite3_column_int64(st, 4);
	ret->updated = sqlite3_column_int64(st, 5);
	if (!ret->tenant || !ret->path || !ret->body || !instance)
		return gw_sqlite_error(s, SQLITE_NOMEM, "reading it", err);
	if (gw_uuid_parse(instance, &ret->instance) < 0)
		return gw_sqlite_error(s, SQLITE_CORRUPT, "reading a resource", err);
	return 0;
}

int gw_store_each_resource(struct gw_store *s, int (*cb)(void *ctx, const struct gw_stored *row, struct gw_error *err),
			   void *ctx, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_RESOURCE_EACH];
	int rc, r = 0;

	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct gw_stored row;

		r = read_row(s, st, &row, err);
		if (r == 0)
			r = cb(ctx, &row, err);
	}
	sqlite3_reset(st);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading it", err) : r;
}

int gw_store_each_change(struct gw_store *s, uint64_t revision, unsigned limit,
			 int (*cb)(void *ctx, const struct gw_stored_change *change), void *ctx, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_CHANGES];
	int rc, r = 0;

	if (revision < s->feed_start)
		return gw_error_set(err, ESTALE, GW_ERR_GONE, "",
				    "changes up to revision %" PRIu64
				    " are not kept any more: start over with the full state",
				    s->feed_start);
	if (revision > s->revision)
		return gw_error_set(err, ESTALE, GW_ERR_GONE, "",
				    "the last revision is %" PRIu64 ": start over with the full state", s->revision);
	sqlite3_bind_int64(st, 1, (sqlite3_int64)revision);
	sqlite3_bind_int64(st, 2, limit);
	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct gw_stored_change change = {
			.revision = (uint64_t)sqlite3_column_int64(st, 0),
			.tenant = (const char *)sqlite3_column_text(st, 1),
			.path = (const char *)sqlite3_column_text(st, 2),
			.gone = sqlite3_column_int(st, 3),
		};

		r = change.tenant && change.path ? cb(ctx, &change) : -ENOMEM;
	}
	sqlite3_reset(st);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading the feed of changes", err) : r;
}

int gw_store_each_gone_server(struct gw_store *s, int (*cb)(void *ctx, const char *id), void *ctx, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_GONE_EACH];
	int rc, r = 0;

	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(st, 0);

		r = id ? cb(ctx, id) : -ENOMEM;
	}
	sqlite3_reset(st);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading which servers are gone", err) : r;
}

int gw_store_audit(struct gw_store *s, int64_t time, const struct gw_store_deed *deed, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_AUDIT];

	sqlite3_bind_int64(st, 1, (sqlite3_int64)s->pending);
	sqlite3_bind_int64(st, 2, time);
	sqlite3_bind_text(st, 3, deed->who, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, deed->method, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 5, deed->tenant, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 6, deed->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 7, deed->doer ? deed->doer : "", -1, SQLITE_STATIC);
	s->added[GW_SQLITE_AUDIT_LOG]++;
	return gw_sqlite_run(s, GW_SQLITE_AUDIT, "writing the audit log", err);
}

int gw_store_note(struct gw_store *s, int64_t time, const struct gw_store_deed *deed, struct gw_error *err)
{
	uint64_t revision = 0;
	int r = gw_store_begin(s, &revision, err);

	if (r < 0)
		return r;
	s->pending = s->revision;
	r = gw_store_audit(s, time, deed, err);
	if (r < 0) {
		gw_store_rollback(s);
		return r;
	}
	return gw_store_commit(s, err);
}

int gw_store_each_deed(struct gw_store *s, uint64_t number, unsigned limit,
		       int (*cb)(void *ctx, const struct gw_stored_deed *deed), void *ctx, struct gw_error *err)
{
	sqlite3_stmt *st = s->st[GW_SQLITE_AUDIT_EACH];
	int rc, r = 0;

	sqlite3_bind_int64(st, 1, (sqlite3_int64)number);
	sqlite3_bind_int64(st, 2, limit);
	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text[5];
		bool whole = true;

		for (int i = 0; i < 5; i++) {
			text[i] = (const char *)sqlite3_column_text(st, 3 + i);
			whole = whole && text[i];
		}
		r = whole ? cb(ctx,
			       &(struct gw_stored_deed){
				       .number = (uint64_t)sqlite3_column_int64(st, 0),
				       .revision = (uint64_t)sqlite3_column_int64(st, 1),
				       .time = sqlite3_column_int64(st, 2),
				       .deed = {text[0], text[1], text[2], text[3], text[4]},
			       })
			  : -ENOMEM;
	}
	sqlite3_reset(st);
	return r == 0 && rc != SQLITE_DONE ? gw_sqlite_error(s, rc, "reading the audit log", err) : r;
}
