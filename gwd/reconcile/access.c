/*
 * access.c - who may use the API: loaded at start, then changed in the store first and in memory after it, so that nobody is let
 * in by what a crash would take back.
 */
#include "reconcile/private.h"

#include "base/log.h"
#include "store/resource.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int load_one(void *ctx, const struct gw_access_entry *e, struct gw_error *err)
{
	struct gw_reconcile *r = ctx;

	return gw_access_put(r->access, e) < 0 ? gw_error_oom(err) : 0;
}

int gw_reconcile_load_access(struct gw_reconcile *r, struct gw_error *err)
{
	r->access = gw_access_table_new();
	return r->access ? gw_store_each_access(r->store, load_one, r, err) : gw_error_oom(err);
}

static int audit(struct gw_reconcile *r, const struct gw_principal *who, const char *method, enum gw_access_kind kind,
		 const char *name, struct gw_error *err)
{
	char path[128], doer[GW_DOER_STRLEN], node[GW_STORE_DOERLEN];

	snprintf(node, sizeof node, "/%s", who->name);
	snprintf(path, sizeof path, "/access/%s/%s", gw_access_kind_path(kind), name);
	return gw_store_audit(r->store, time(NULL),
			      &(struct gw_store_deed){.who = gw_principal_format(who, doer),
						      .method = method,
						      .tenant = "",
						      .path = path,
						      .doer = who->access == GW_ACCESS_HOST ? node : ""},
			      err);
}

/* A one-time token is used up by the change that it lets somebody make, whatever becomes of the answer. */
static int spend(struct gw_reconcile *r, const struct gw_principal *who, struct gw_error *err)
{
	return who->proof == GW_PROOF_ENROLLMENT
		       ? gw_store_delete_access(r->store, GW_ACCESS_ENROLLMENTS, who->credential, err)
		       : 0;
}

int gw_reconcile_put_access(void *ctx, const struct gw_principal *who, struct gw_access_entry *e, struct gw_error *err)
{
	struct gw_reconcile *r = ctx;
	uint64_t revision = 0;
	int res = gw_access_check(r->access, e, err);

	if (res < 0)
		return res;
	if (gw_access_reserve(r->access) < 0)
		return gw_error_oom(err);
	res = gw_store_begin(r->store, &revision, err);
	if (res < 0)
		return res;
	e->revision = revision;
	res = gw_store_put_access(r->store, e, err);
	if (res == 0)
		res = spend(r, who, err);
	if (res == 0)
		res = audit(r, who, "PUT", e->kind, e->name, err);
	if (res < 0) {
		gw_store_rollback(r->store);
		return res;
	}
	res = gw_store_commit(r->store, err);
	if (res < 0)
		return res;
	gw_access_put(r->access, e);
	if (who->proof == GW_PROOF_ENROLLMENT)
		gw_access_delete(r->access, GW_ACCESS_ENROLLMENTS, who->credential);
	if (e->kind == GW_ACCESS_ENROLLMENTS)
		gw_log_notice("a one-time token for the server %s was made", e->name);
	else
		gw_log_notice("%s %s has access as %s", gw_access_kind_singular(e->kind), e->name,
			      gw_access_name(e->role));
	return 0;
}

int gw_reconcile_delete_access(void *ctx, const struct gw_principal *who, enum gw_access_kind kind, const char *name,
			       struct gw_error *err)
{
	struct gw_reconcile *r = ctx;
	uint64_t revision = 0;
	int res;

	if (!gw_access_get(r->access, kind, name))
		return 0;
	res = gw_store_begin(r->store, &revision, err);
	if (res < 0)
		return res;
	res = gw_store_delete_access(r->store, kind, name, err);
	if (res == 0)
		res = audit(r, who, "DELETE", kind, name, err);
	if (res < 0) {
		gw_store_rollback(r->store);
		return res;
	}
	res = gw_store_commit(r->store, err);
	if (res < 0)
		return res;
	gw_access_delete(r->access, kind, name);
	gw_log_notice("%s %s has no access any more", gw_access_kind_singular(kind), name);
	return 0;
}
