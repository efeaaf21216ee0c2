/*
 * resource.h - resources of the provider API in the store of store.h: kept as JSON under their paths, with a feed of what
 * changed and a record of who changed it. Writes belong between gw_store_begin and gw_store_commit.
 */
#ifndef GW_STORE_RESOURCE_H
#define GW_STORE_RESOURCE_H

#include "model/catalog/catalog.h"
#include "model/principal.h"
#include "store/store.h"

int gw_store_put_resource(struct gw_store *s, const struct gw_stored *row, struct gw_error *err);
int gw_store_delete_resource(struct gw_store *s, const char *tenant, const char *path, struct gw_error *err);
/* Every resource, parents before their children; a negative return of `cb` ends the walk and is returned. */
int gw_store_each_resource(struct gw_store *s, int (*cb)(void *ctx, const struct gw_stored *row, struct gw_error *err),
			   void *ctx, struct gw_error *err);
struct gw_stored_change {
	uint64_t revision;
	const char *tenant, *path;
	bool gone;
};

/*
 * The feed: what changed after `revision`, up to `limit` of it, in the order of the changes. -ESTALE and GW_ERR_GONE when that is
 * not known: what followed it has been trimmed, or a backup has taken the place of the store since. Who follows has to start over
 * with the full state, and go on from the revision that it has.
 */
int gw_store_each_change(struct gw_store *s, uint64_t revision, unsigned limit,
			 int (*cb)(void *ctx, const struct gw_stored_change *change), void *ctx, struct gw_error *err);

/* Servers that were deleted and not made again, however long ago: their nodes may come back. A negative return of `cb` ends it. */
int gw_store_each_gone_server(struct gw_store *s, int (*cb)(void *ctx, const char *id), void *ctx,
			      struct gw_error *err);

#define GW_STORE_DOERLEN (GW_PRINCIPAL_NAMELEN + 1)

/* Who did what to what; of a tenant "" is the operator's. */
struct gw_store_deed {
	const char *who, *method, *tenant, *path;
	const char
		*doer; /* the tenant who did it, or "/" and the node's name; "" or NULL: an operator, or gwd itself */
};

/* What was recorded after `number`, up to `limit` of it. */
struct gw_stored_deed {
	uint64_t number, revision;
	int64_t time;
	struct gw_store_deed deed;
};

int gw_store_each_deed(struct gw_store *s, uint64_t number, unsigned limit,
		       int (*cb)(void *ctx, const struct gw_stored_deed *deed), void *ctx, struct gw_error *err);
/*
 * How much of both logs is kept: what is beyond the number or older is trimmed. The number of deeds is one for what tenants and nodes
 * did together and one for what others did: neither takes the room of the other. Among the first it is taken from who has done most.
 */
struct gw_store_keep {
	uint64_t changes, deeds;
	int64_t changes_since, deeds_since; /* seconds since 1970 */
};

/*
 * Removes up to `slice` of the oldest entries of each log that need not be kept, durably; *ret_more: there are others. Not within
 * a change. The last entry stays, so that no number is given twice.
 */
int gw_store_trim(struct gw_store *s, const struct gw_store_keep *keep, unsigned slice, bool *ret_more,
		  struct gw_error *err);
/* A deed that changes nothing, durably: it has no revision of its own. Not within a change. */
int gw_store_note(struct gw_store *s, int64_t time, const struct gw_store_deed *deed, struct gw_error *err);
/*
 * For a copy that is to take the place of `s`: its revisions and the audit log's numbers go on behind those of `s`, its feed begins
 * anew, and its audit log has what happened to `s` until now and whose deed this is. When it is a copy of `s`, who has access stays
 * as it is in `s`: what was taken from somebody does not come back. Servers that were deleted there and are none in the copy stay gone.
 */
int gw_store_succeed(struct gw_store *copy, struct gw_store *s, int64_t time, const struct gw_store_deed *deed,
		     struct gw_error *err);
/* How often a copy has taken the place of the store, as far as either of them knew. */
uint64_t gw_store_restores(const struct gw_store *s);
int gw_store_audit(struct gw_store *s, int64_t time, const struct gw_store_deed *deed, struct gw_error *err);

#endif
