/*
 * control.c - see control.h. A change goes into the catalogue, where everything that it touches is checked, then into the store;
 * it is the truth when the store has it.
 */
#include "control/private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "model/etag.h"
#include "store/resource.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int load_one(void *ctx, const struct gw_stored *row, struct gw_error *err)
{
	struct gw_control *k = ctx;

	return gw_catalog_load(k->catalog, row, err);
}

static void warn(void *ctx, const struct gw_resource *r)
{
	_cleanup_free_ char *path = gw_resource_path(r);

	(void)ctx;
	gw_log_warning("%s was accepted once, but would not be now: %s; it is kept as it is", path ? path : r->id,
		       r->now.trouble);
}

static int load(struct gw_control *k, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int r;

	gw_catalog_begin(k->catalog, gw_store_revision(k->store), time(NULL), NULL);
	r = gw_store_each_resource(k->store, load_one, k, &why);
	if (r == 0)
		r = gw_catalog_settle_loaded(k->catalog, warn, k, &why);
	if (r < 0) {
		gw_catalog_rollback(k->catalog);
		return gw_error_set(err, -r, GW_ERR_UNAVAILABLE, k->config->store_path,
				    "a stored resource cannot be used (%s: %s): restore a backup or upgrade gwd",
				    why.target, why.message);
	}
	gw_nodes_update(k);
	gw_catalog_commit(k->catalog);
	return 0;
}

static struct gw_catalog_limits limits_of(const struct gw_config *config)
{
	return (struct gw_catalog_limits){
		.resources = config->resource_limit,
		.tenant_resources = config->tenant_resource_limit,
		.tenant_memory = (size_t)config->tenant_memory_limit << 20,
		.tenant_public_addresses = config->tenant_public_limit,
		.tenant_mac_addresses = config->tenant_mac_limit,
		.tenant_subnets = config->tenant_vsid_limit,
		.tenant_routes = config->tenant_route_limit,
		.tenant_nat_rules = config->tenant_nat_limit,
	};
}

static bool same_secret(void *ctx, const char *a, const char *b)
{
	const struct gw_control *k = ctx;

	return gw_seal_same(k->seal_key, a, b);
}

static int open_on(struct gw_store *store, const struct gw_config *config, struct uv_loop_s *loop,
		   struct gw_control **ret, struct gw_error *err)
{
	struct gw_control *k = calloc(1, sizeof *k);
	const struct gw_catalog_params params = {
		.router_mac = config->router_mac,
		.vsid_first = config->vsid_first,
		.vsid_last = config->vsid_last,
		/* Etags that were given between a copy and its restore are not to be those of what is changed after it. */
		.serial_floor = gw_store_restores(store) << 40,
		.limits = limits_of(config),
		.same_secret = same_secret,
		.describe = gw_standing_describe,
		.ctx = k,
	};
	int r = 0;

	if (!k)
		return gw_error_oom(err);
	k->store = store;
	k->loop = loop;
	k->config = config;
	if (gw_catalog_new(&params, &k->catalog) < 0 || gw_nodes_init(k) < 0)
		r = gw_error_oom(err);
	if (r == 0)
		r = load(k, err);
	if (r == 0)
		r = gw_nodes_load(k, err);
	if (r == 0 && gw_reports_expect(k) < 0)
		r = gw_error_oom(err);
	if (r == 0)
		r = gw_commit_init(k, err);
	if (r < 0) {
		gw_control_close(k);
		return r;
	}
	*ret = k;
	return 0;
}

/* A key is made for a store that has no secrets yet. In the place of one that is lost it would lose them for good. */
static int take_key(struct gw_control *k, struct gw_error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/secret.key", k->config->state_dir) < 0) {
		path = NULL;
		return gw_error_oom(err);
	}
	r = gw_seal_load_key(path, k->seal_key, err);
	if (r == 0)
		return gw_control_check_secrets(k, err);
	if (r != -ENOENT)
		return r;
	if (!gw_control_has_secrets(k))
		return gw_seal_make_key(path, k->seal_key, err);
	return gw_error_set(
		err, ENOENT, GW_ERR_UNAVAILABLE, path,
		"the key that the store's secrets are sealed with is missing: put it back from where it was "
		"kept, with mode 0600; without it they are lost, and gwd starts only with an empty store at "
		"another [store] path");
}

int gw_control_open(struct gw_store *store, const struct gw_config *config, struct uv_loop_s *loop,
		    struct gw_control **ret, struct gw_error *err)
{
	struct gw_control *k = NULL;
	int r;

	gw_control_discard_copies(config);
	r = open_on(store, config, loop, &k, err);
	if (r < 0)
		return r;
	r = take_key(k, err);
	if (r < 0) {
		gw_control_close(k);
		return r;
	}
	gw_log_info("controller: %zu resources", gw_catalog_count(k->catalog));
	*ret = k;
	return 0;
}

int gw_control_open_sealed(struct gw_store *store, const struct gw_config *config,
			   const uint8_t key[static GW_SEAL_KEYLEN], struct gw_control **ret, struct gw_error *err)
{
	struct gw_control *k = NULL;
	int r = open_on(store, config, NULL, &k, err);

	if (r < 0)
		return r;
	memcpy(k->seal_key, key, sizeof k->seal_key);
	r = gw_control_check_secrets(k, err);
	if (r < 0)
		gw_control_close(k);
	else
		*ret = k;
	return r;
}

struct gw_control *gw_control_close(struct gw_control *k)
{
	if (k)
		gw_commit_close(k);
	return NULL;
}

const struct gw_catalog *gw_control_catalog(const struct gw_control *k)
{
	return k->catalog;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int gw_control_find(const struct gw_control *k, const struct gw_principal *who, const char *path,
		    const struct gw_resource **ret, enum gw_kind *ret_kind, struct gw_error *err)
{
	struct gw_path p;
	int r = gw_path_parse(k->catalog, who, path, &p, err);

	if (r < 0)
		return r;
	if (!p.id) {
		*ret = p.parent;
		*ret_kind = p.kind;
		return 0;
	}
	*ret = gw_path_resource(k->catalog, &p);
	*ret_kind = GW_KIND_NONE;
	if (!*ret || !gw_control_sees(who, *ret))
		return gw_path_not_there(k->catalog, who, path, err);
	return 0;
}

/* --- changing ----------------------------------------------------------------------------------------------------- */

static bool listed(const char *list, const struct gw_resource *r)
{
	char etag[48];

	gw_resource_etag(r, etag);
	return gw_etag_listed(list, etag);
}

static int check_conditions(const struct gw_control_op *op, const struct gw_resource *now, struct gw_error *err)
{
	if (op->if_none_match && now && (!strcmp(op->if_none_match, "*") || listed(op->if_none_match, now)))
		return gw_error_set(err, EEXIST, GW_ERR_PRECONDITION_FAILED, "If-None-Match", "%s exists already",
				    op->path);
	if (op->if_match && !now)
		return gw_error_set(err, ENOENT, GW_ERR_PRECONDITION_FAILED, "If-Match", "%s does not exist", op->path);
	if (op->if_match && strcmp(op->if_match, "*") != 0 && !listed(op->if_match, now))
		return gw_error_set(err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match",
				    "%s has been changed meanwhile: read it again, then decide", op->path);
	return 0;
}

static int on_secret(void *ctx, const char *secret, char **ret, struct gw_error *err)
{
	const struct gw_control *k = ctx;

	return gw_seal(k->seal_key, secret, ret, err);
}

/* Whose a top-level resource is: what the credential or the query says, else the body, else the operator's. */
static int set_tenant(const struct gw_principal *who, const struct gw_path *path, const struct gw_resource *now,
		      struct gw_draft *draft, struct gw_error *err)
{
	const char *said = draft->version.tenant, *tenant = path->tenant ? path->tenant : said ? said : "", *was = "";

	if (path->parent)
		return 0;
	if (now && now->now.tenant)
		was = now->now.tenant;
	if (who->access != GW_ACCESS_TENANT && said && strcmp(said, tenant) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceMetadata.tenantId",
				    "the query says \"%s\", the body \"%s\"", tenant, said);
	if (now && strcmp(tenant, was) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_CONFLICT, "resourceMetadata.tenantId",
				    "cannot be changed: delete the resource and make it anew");
	if (!*tenant || (said && !strcmp(tenant, said)))
		return 0;
	return gw_draft_set_tenant(draft, tenant, err);
}

/* A child is its uppermost parent's; what it says of itself is not to be another's. */
static int set_tenant_of_child(const struct gw_principal *who, const char *owner, struct gw_draft *child,
			       struct gw_error *err)
{
	if (!child->version.tenant || !strcmp(child->version.tenant, owner))
		return 0;
	if (who->access == GW_ACCESS_TENANT)
		return gw_draft_set_tenant(child, owner, err);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceMetadata.tenantId",
			    "says \"%s\", but it is part of what is %s%s%s: leave it out", child->version.tenant,
			    *owner ? "\"" : "the operator's", owner, *owner ? "\"'s" : "");
}

static int set_tenant_of_children(const struct gw_principal *who, const char *owner, struct gw_draft *draft,
				  struct gw_error *err)
{
	unsigned index[GW_KIND_MAX] = {0};
	int r = 0;

	for (struct gw_draft *child = draft->children; r == 0 && child; child = child->next) {
		r = set_tenant_of_child(who, owner, child, err);
		if (r == 0)
			r = set_tenant_of_children(who, owner, child, err);
		if (r < 0)
			gw_error_prefix(err, "properties.%s[%u].", gw_kind_info(child->kind)->collection,
					index[child->kind]);
		index[child->kind]++;
	}
	return r;
}

static int set_tenants(const struct gw_principal *who, const struct gw_path *path, const struct gw_resource *now,
		       struct gw_draft *draft, struct gw_error *err)
{
	const char *owner;
	int r = set_tenant(who, path, now, draft, err);

	if (r < 0)
		return r;
	owner = path->parent ? gw_resource_tenant(path->parent) : draft->version.tenant;
	owner = owner ? owner : "";
	if (path->parent)
		r = set_tenant_of_child(who, owner, draft, err);
	return r == 0 ? set_tenant_of_children(who, owner, draft, err) : r;
}

static int put(struct gw_control *k, const struct gw_principal *who, const struct gw_path *path,
	       struct gw_control_op *op, struct gw_error *err)
{
	const struct gw_schema_reader sealer = {.ctx = k, .seal = on_secret};
	struct gw_draft *draft = NULL;
	struct gw_resource *now, *made = NULL;
	char before[48] = "", after[48];
	int r = gw_draft_decode(path->kind, path->id, op->body, &sealer, &draft, err);

	if (r < 0)
		return r;
	now = gw_path_resource(k->catalog, path);
	/* An operator who names the tenant in the body means the tenant's, whoever else has that name. */
	if (!path->parent && !path->tenant && draft->version.tenant)
		now = gw_catalog_root(k->catalog, draft->version.tenant, path->kind, path->id);
	else if (!path->parent)
		r = gw_path_check_whose(k->catalog, who, op->path, err);
	op->existed = now;
	if (r == 0)
		r = check_conditions(op, now, err);
	if (r == 0)
		r = set_tenants(who, path, now, draft, err);
	if (r == 0 && now)
		gw_resource_etag(now, before);
	if (r == 0)
		r = gw_catalog_put(k->catalog, path->parent, draft, &made, err);
	if (r == 0) {
		gw_resource_etag(made, after);
		op->changed = strcmp(before, after) != 0;
	}
	op->resource = made;
	gw_draft_free(draft);
	return r;
}

static int delete (struct gw_control *k, const struct gw_path *path, struct gw_control_op *op, struct gw_error *err)
{
	struct gw_resource *now = gw_path_resource(k->catalog, path);
	int r = check_conditions(op, now, err);

	op->existed = op->changed = now;
	op->resource = now;
	return r == 0 && now ? gw_catalog_delete(k->catalog, now, err) : r;
}

static int one_op(struct gw_control *k, const struct gw_principal *who, struct gw_control_op *op, struct gw_error *err)
{
	bool is_put = !strcasecmp(op->method, "PUT");
	struct gw_path path;
	int r = gw_path_parse(k->catalog, who, op->path, &path, err);

	if (r == 0 && !path.id)
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_METHOD_NOT_ALLOWED, op->method,
				    "%s is a collection: name one of it", op->path);
	/* Of what is top-level, the body of a PUT may say it. */
	if ((r == 0 && (path.parent || !is_put)) || r == -ENOENT) {
		int e = gw_path_check_whose(k->catalog, who, op->path, err);

		r = e < 0 ? e : r;
	}
	if (r < 0)
		return r;
	return is_put ? put(k, who, &path, op, err) : delete (k, &path, op, err);
}

/* Whose doing the state of the resource is: the op for it, or for what it is part of; n: none in particular. */
static size_t op_of(const struct gw_control_op *ops, size_t n, const struct gw_resource *r)
{
	for (; r; r = r->parent)
		for (size_t i = 0; i < n; i++)
			if (ops[i].resource == r)
				return i;
	return n;
}

/* --- into the store ----------------------------------------------------------------------------------------------- */

struct writing {
	struct gw_control *k;
	struct gw_error *err;
};

static int write_put(void *ctx, const struct gw_resource *r)
{
	struct writing *w = ctx;
	const char *tenant = gw_resource_tenant(r);
	_cleanup_free_ char *path = gw_resource_path(r), *body = NULL;
	json_t *own = gw_resource_encode_own(r);

	body = own ? json_dumps(own, JSON_COMPACT) : NULL;
	json_decref(own);
	if (!path || !body)
		return gw_error_oom(w->err);
	return gw_store_put_resource(w->k->store,
				     &(struct gw_stored){
					     .tenant = tenant ? tenant : "",
					     .path = path,
					     .body = body,
					     .instance = r->instance,
					     .revision = r->now.revision,
					     .serial = r->now.serial,
					     .updated = r->now.updated,
				     },
				     w->err);
}

static int write_gone(void *ctx, const struct gw_resource *r)
{
	struct writing *w = ctx;
	const char *tenant = gw_resource_tenant(r);
	_cleanup_free_ char *path = gw_resource_path(r);

	return path ? gw_store_delete_resource(w->k->store, tenant ? tenant : "", path, w->err) : gw_error_oom(w->err);
}

/* Whose it is and its path as it is kept: what was sent may have meant any of that name. */
static int write_deed(struct gw_control *k, const struct gw_principal *who, const struct gw_control_op *op, time_t now,
		      struct gw_error *err)
{
	const char *tenant = gw_resource_tenant(op->resource);
	_cleanup_free_ char *path = gw_resource_path(op->resource);
	char name[GW_DOER_STRLEN];
	const struct gw_store_deed deed = {
		.who = gw_principal_format(who, name),
		.method = strcasecmp(op->method, "PUT") == 0 ? "PUT" : "DELETE",
		.tenant = tenant ? tenant : "",
		.path = path,
		.doer = who->access == GW_ACCESS_TENANT ? who->tenant : "",
	};

	return path ? gw_store_audit(k->store, now, &deed, err) : gw_error_oom(err);
}

static int write_all(struct gw_control *k, const struct gw_principal *who, const struct gw_control_op *ops, size_t n,
		     struct gw_error *err)
{
	struct writing w = {k, err};
	time_t now = time(NULL);
	int r = gw_catalog_changes(k->catalog, write_put, write_gone, &w);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (ops[i].changed)
			r = write_deed(k, who, &ops[i], now, err);
	return r;
}

int gw_control_submit(struct gw_control *k, const struct gw_principal *who, struct gw_control_op *ops, size_t n,
		      size_t *ret_failed, struct gw_error *err)
{
	const struct gw_catalog_limits limits = limits_of(k->config);
	int r = 0;

	*ret_failed = n;
	if (k->state == GW_CONTROL_COMMITTING) /* while it is working, it is the job that submits */
		return gw_error_set(err, EBUSY, GW_ERR_UNAVAILABLE, "", "another change is being stored: try again");
	gw_catalog_set_limits(k->catalog, &limits);
	gw_catalog_begin(k->catalog, gw_commit_next_revision(k), time(NULL),
			 who->access == GW_ACCESS_TENANT ? who->tenant : NULL);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = one_op(k, who, &ops[i], err);
		if (r < 0)
			*ret_failed = i;
	}
	if (r == 0) {
		r = gw_catalog_settle(k->catalog, err);
		if (r < 0)
			*ret_failed = op_of(ops, n, gw_catalog_fault(k->catalog));
	}
	if (r == 0 && !gw_catalog_changed(k->catalog))
		return 0;
	if (r == 0)
		r = gw_commit_begin(k, err);
	if (r < 0) {
		gw_catalog_undo(k->catalog);
		return r;
	}
	r = write_all(k, who, ops, n, err);
	if (r < 0) /* the store is left in the middle of it: nothing of this turn can be kept */
		gw_commit_fail(k, err);
	for (size_t j = 0; j < n; j++)
		if (strcasecmp(ops[j].method, "PUT") != 0)
			ops[j].resource = NULL; /* it is gone now */
	return r;
}
