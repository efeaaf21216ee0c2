/*
 * store.h - durable intent. One backend today (sqlite.c); nothing above may assume that it is local or alone.
 *
 * A write is begin, any number of put/delete, then commit, which returns only when the change would survive a power cut,
 * or rollback. Every change has the next revision; the revision of an object is that of the change that last wrote it.
 * One thread at a time may use a store; commit, which waits for the disk, may be another one's.
 * Rows keep the JSON form of hnv_schema.h, so that a newer version reads what an older one wrote.
 */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H

#include "base/error.h"
#include "model/access.h"
#include "model/hnv.h"

struct gw_store;

/*
 * Opens or creates the store, migrates its schema, checks its integrity. A corrupt file, one written by a newer version,
 * or a directory that cannot be written is an error that says what to do.
 */
int gw_store_open(const char *path, struct gw_store **ret, struct gw_error *err);
struct gw_store *gw_store_close(struct gw_store *s);
/* Calls `cb` with every stored object (it takes ownership); a negative return ends the walk and is returned. */
int gw_store_each(struct gw_store *s, int (*cb)(void *ctx, struct gw_hnv_object *o, struct gw_error *err), void *ctx,
		  struct gw_error *err);
uint64_t gw_store_revision(const struct gw_store *s);

int gw_store_begin(struct gw_store *s, uint64_t *ret_revision, struct gw_error *err);
/* What is written from here on, before the commit, has a revision of its own. */
uint64_t gw_store_next_revision(struct gw_store *s);
int gw_store_put(struct gw_store *s, const struct gw_hnv_object *o, struct gw_error *err);
int gw_store_delete(struct gw_store *s, const struct gw_hnv_object *o, struct gw_error *err);
/* Who has access is kept beside the objects, and changes in transactions like them. */
int gw_store_each_access(struct gw_store *s,
			 int (*cb)(void *ctx, const struct gw_access_entry *e, struct gw_error *err), void *ctx,
			 struct gw_error *err);
int gw_store_put_access(struct gw_store *s, const struct gw_access_entry *e, struct gw_error *err);
int gw_store_delete_access(struct gw_store *s, enum gw_access_kind kind, const char *name, struct gw_error *err);
int gw_store_commit(struct gw_store *s, struct gw_error *err);
void gw_store_rollback(struct gw_store *s);

/* A copy of the store at `path`, whole and of one moment, under the name `to`. May run on any thread. */
int gw_store_backup(const char *path, const char *to, struct gw_error *err);
/*
 * From its next opening on the store is what the file `from` is now; what it was stays beside it. Until then it takes no changes
 * any more.
 */
int gw_store_stage(struct gw_store *s, const char *from, struct gw_error *err);

#endif
