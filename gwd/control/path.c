/* path.c - from the path of a request to a place in the catalogue, as far as the asker may see it. */
#include "control/private.h"

#include <errno.h>
#include <string.h>

int gw_path_not_there(const struct gw_catalog *c, const struct gw_principal *who, const char *path,
		      struct gw_error *err)
{
	if (who->access != GW_ACCESS_TENANT && !strchr(path, '?') && gw_catalog_count_others(c, path) > 1)
		return gw_error_set(
			err, ENOENT, GW_ERR_NOT_FOUND, "",
			"several tenants have one of the name in %s: say whose is meant with ?tenantId=", path);
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no %s", path);
}

int gw_path_check_whose(const struct gw_catalog *c, const struct gw_principal *who, const char *path,
			struct gw_error *err)
{
	if (who->access == GW_ACCESS_TENANT || strchr(path, '?') || gw_catalog_count_others(c, path) == 0)
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "tenantId",
			    "a tenant has one of the name in %s and the operator has none: say whose is meant with "
			    "?tenantId=TENANT, or with ?tenantId= that it is the operator's own",
			    path);
}

bool gw_control_sees(const struct gw_principal *who, const struct gw_resource *r)
{
	const char *tenant = gw_resource_tenant(r);

	if (who->access == GW_ACCESS_OPERATOR || who->access == GW_ACCESS_MONITOR)
		return true;
	return who->access == GW_ACCESS_TENANT && tenant && !strcmp(tenant, who->tenant);
}

/* What tenants have none of, they need not be told apart from what is not theirs. */
static bool for_tenants(enum gw_kind kind)
{
	while (gw_kind_info(kind)->parent != GW_KIND_NONE)
		kind = gw_kind_info(kind)->parent;
	switch (kind) {
	case GW_KIND_VIRTUAL_NETWORK:
	case GW_KIND_NETWORK_INTERFACE:
	case GW_KIND_ACL:
	case GW_KIND_ROUTE_TABLE:
	case GW_KIND_PUBLIC_ADDRESS:
	case GW_KIND_VIRTUAL_GATEWAY:
	case GW_KIND_LOAD_BALANCER:
	case GW_KIND_CREDENTIAL:
		return true;
	default:
		return false;
	}
}

/* The part of a path before its last '/'. */
static int find_parent(const struct gw_catalog *c, const struct gw_principal *who, const char *path, const char *last,
		       const char *qualifier, struct gw_resource **ret)
{
	char text[2 * GW_REF_MAX + 1];

	if (last == path) {
		*ret = NULL;
		return 0;
	}
	snprintf(text, sizeof text, "%.*s%s", (int)(last - path), path, qualifier);
	*ret = who->access == GW_ACCESS_TENANT ? gw_catalog_find(c, who->tenant, text) : gw_catalog_find_any(c, text);
	return *ret && gw_control_sees(who, *ret) ? 0 : -ENOENT;
}

int gw_path_parse(const struct gw_catalog *c, const struct gw_principal *who, const char *path, struct gw_path *ret,
		  struct gw_error *err)
{
	char *qualifier, *last, *collection;
	size_t n = strlen(path), slashes = 0;
	const struct gw_property *row;

	*ret = (struct gw_path){0};
	if (*path != '/' || n > GW_REF_MAX)
		return gw_path_not_there(c, who, path, err);
	memcpy(ret->text, path, n + 1);
	qualifier = strchr(ret->text, '?');
	ret->tenant = qualifier && !strncasecmp(qualifier, "?tenantId=", 10) ? qualifier + 10 : NULL;
	/* One that is none may have been let in by an older version: who has it can be found and deleted. */
	if (ret->tenant && *ret->tenant && !gw_tenant_valid(ret->tenant) && !gw_catalog_has_tenant(c, ret->tenant))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "tenantId",
				    "must be 1 to %d letters, digits, '-' or '_'", GW_TENANT_MAX);
	if (qualifier)
		*qualifier = '\0';
	for (const char *s = ret->text; *s; s++)
		slashes += *s == '/';
	last = strrchr(ret->text, '/');
	collection = last + 1;
	if (slashes % 2 == 0) {
		ret->id = last + 1;
		*last = '\0';
		collection = strrchr(ret->text, '/') + 1;
		last = collection - 1;
	}
	if (find_parent(c, who, ret->text, last, strchr(path, '?') ? strchr(path, '?') : "", &ret->parent) < 0)
		return gw_path_not_there(c, who, path, err);
	row = ret->parent ? gw_schema_find(gw_kind_info(ret->parent->kind)->schema, collection) : NULL;
	if (row && row->flags & GW_PROPERTY_IS_LATER)
		return gw_error_set(err, EOPNOTSUPP, GW_ERR_NOT_SUPPORTED, "", "this version has no %s", row->name);
	ret->kind = gw_kind_find(ret->parent ? ret->parent->kind : GW_KIND_NONE, collection);
	if (ret->kind == GW_KIND_NONE || (ret->id && !*ret->id))
		return gw_path_not_there(c, who, path, err);
	if (who->access == GW_ACCESS_TENANT && !for_tenants(ret->kind))
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "", "%s are for operators", collection);
	/* Of a collection of others' he sees what he may see of it: nothing. */
	if (who->access == GW_ACCESS_TENANT && ret->id && ret->tenant && strcmp(ret->tenant, who->tenant) != 0)
		return gw_path_not_there(c, who, path, err);
	if (who->access == GW_ACCESS_TENANT)
		ret->tenant = who->tenant;
	return 0;
}

struct gw_resource *gw_path_resource(const struct gw_catalog *c, const struct gw_path *path)
{
	char text[GW_REF_MAX + 16];

	if (path->parent)
		return gw_catalog_child(c, path->parent, path->kind, path->id);
	if (path->tenant)
		return gw_catalog_root(c, *path->tenant ? path->tenant : NULL, path->kind, path->id);
	snprintf(text, sizeof text, "/%s/%s", gw_kind_info(path->kind)->collection, path->id);
	return gw_catalog_find_any(c, text);
}
