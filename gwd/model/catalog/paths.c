/*
 * paths.c - from a path to what it names, and back. Each tenant has names of his own; see gw_catalog_find. Called by whoever has
 * the path of a resource, or a reference to one.
 */
#include "model/catalog/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Without regard to letter case, as ids and collections are. */
static uint32_t hash_part(const char *s, size_t n, uint32_t seed)
{
	char low[GW_RESOURCE_ID_MAX + 1];

	for (size_t i = 0; i < n; i++)
		low[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] | 0x20) : s[i];
	return gw_hash_bytes(low, n, seed);
}

uint32_t gw_path_hash(const struct gw_resource *parent, enum gw_kind kind, const char *id)
{
	return hash_part(id, strlen(id), parent ? parent->by_path.hash * 31 + kind : kind);
}

struct gw_resource *gw_catalog_child(const struct gw_catalog *c, const struct gw_resource *parent, enum gw_kind kind,
				     const char *id)
{
	if (strlen(id) > GW_RESOURCE_ID_MAX)
		return NULL;
	GW_HMAP_FOR_EACH_HASH (node, &c->paths, gw_path_hash(parent, kind, id)) {
		struct gw_resource *r = GW_CONTAINER_OF(node, struct gw_resource, by_path);

		if (r->parent == parent && r->kind == kind && !strcasecmp(r->id, id))
			return r;
	}
	return NULL;
}

/* Text of a tenant may be absent on both sides. */
static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

struct gw_resource *gw_catalog_root(const struct gw_catalog *c, const char *tenant, enum gw_kind kind, const char *id)
{
	if (strlen(id) > GW_RESOURCE_ID_MAX)
		return NULL;
	GW_HMAP_FOR_EACH_HASH (node, &c->paths, gw_path_hash(NULL, kind, id)) {
		struct gw_resource *r = GW_CONTAINER_OF(node, struct gw_resource, by_path);

		if (!r->parent && r->kind == kind && same_text(r->now.tenant, tenant) && !strcasecmp(r->id, id))
			return r;
	}
	return NULL;
}

/* The only one of that name, whoever has it. */
static struct gw_resource *only_root(const struct gw_catalog *c, enum gw_kind kind, const char *id)
{
	struct gw_resource *found = NULL;

	if (strlen(id) > GW_RESOURCE_ID_MAX)
		return NULL;
	GW_HMAP_FOR_EACH_HASH (node, &c->paths, gw_path_hash(NULL, kind, id)) {
		struct gw_resource *r = GW_CONTAINER_OF(node, struct gw_resource, by_path);

		if (r->parent || r->kind != kind || strcasecmp(r->id, id) != 0)
			continue;
		if (found)
			return NULL;
		found = r;
	}
	return found;
}

size_t gw_catalog_count_others(const struct gw_catalog *c, const char *path)
{
	enum gw_kind kind;
	char text[GW_REF_MAX + 1], *save = NULL, *part;
	size_t n = 0;

	if (strlen(path) > GW_REF_MAX)
		return 0;
	memcpy(text, path, strlen(path) + 1);
	part = strtok_r(text, "/", &save);
	kind = part ? gw_kind_find(GW_KIND_NONE, part) : GW_KIND_NONE;
	part = strtok_r(NULL, "/", &save);
	if (kind == GW_KIND_NONE || !part || strlen(part) > GW_RESOURCE_ID_MAX)
		return 0;
	GW_HMAP_FOR_EACH_HASH (node, &c->paths, gw_path_hash(NULL, kind, part)) {
		const struct gw_resource *r = GW_CONTAINER_OF(node, struct gw_resource, by_path);

		if (!r->parent && r->kind == kind && !strcasecmp(r->id, part) && (n++, !r->now.tenant))
			return 0;
	}
	return n;
}

static struct gw_resource *find_root(const struct gw_catalog *c, const char *tenant, const char *owner,
				     enum gw_kind kind, const char *id)
{
	struct gw_resource *r;

	if (owner && *owner)
		return !tenant || !strcmp(tenant, owner) ? gw_catalog_root(c, owner, kind, id) : NULL;
	r = gw_catalog_root(c, owner ? NULL : tenant, kind, id);
	return r || owner || !tenant ? r : gw_catalog_root(c, NULL, kind, id);
}

/* `any`: what has no owner may be the only tenant's who has it. */
static struct gw_resource *find(const struct gw_catalog *c, const char *tenant, const char *path, bool any)
{
	static const char qualifier[] = "?tenantId=";
	struct gw_resource *r = NULL;
	enum gw_kind kind = GW_KIND_NONE;
	char text[GW_REF_MAX + 1], *save = NULL, *owner;
	bool is_id = false;

	if (*path != '/' || strlen(path) > GW_REF_MAX)
		return NULL;
	memcpy(text, path, strlen(path) + 1);
	owner = strchr(text, '?');
	if (owner && strncasecmp(owner, qualifier, sizeof qualifier - 1) != 0)
		return NULL;
	if (owner) {
		*owner = '\0';
		owner += sizeof qualifier - 1;
	}
	for (char *part = strtok_r(text, "/", &save); part; part = strtok_r(NULL, "/", &save), is_id = !is_id) {
		if (is_id)
			r = r ? gw_catalog_child(c, r, kind, part) : find_root(c, tenant, owner, kind, part);
		else
			kind = gw_kind_find(kind, part);
		if (is_id && !r && any && !owner && gw_kind_info(kind)->parent == GW_KIND_NONE)
			r = only_root(c, kind, part);
		if (is_id ? !r : kind == GW_KIND_NONE)
			return NULL;
	}
	return is_id ? NULL : r;
}

struct gw_resource *gw_catalog_find(const struct gw_catalog *c, const char *tenant, const char *path)
{
	return find(c, tenant, path, false);
}

struct gw_resource *gw_catalog_find_any(const struct gw_catalog *c, const char *path)
{
	return find(c, NULL, path, true);
}

char *gw_resource_path(const struct gw_resource *r)
{
	char *parent = r->parent ? gw_resource_path(r->parent) : strdup(""), *path = NULL;

	if (parent && asprintf(&path, "%s/%s/%s", parent, gw_kind_info(r->kind)->collection, r->id) < 0)
		path = NULL;
	free(parent);
	return path;
}

char *gw_resource_ref(const struct gw_resource *r, const struct gw_resource *from)
{
	const char *owner = gw_resource_tenant(r);
	char *path = gw_resource_path(r), *ref = NULL;

	if (!path || same_text(owner, gw_resource_tenant(from)))
		return path;
	if (asprintf(&ref, "%s?tenantId=%s", path, owner ? owner : "") < 0)
		ref = NULL;
	free(path);
	return ref;
}
