/*
 * draft.c - from the body of a PUT to a resource that is not in the catalogue yet, with the children that it brings.
 *
 * A child in a list is a whole resource, or {"resourceRef": path} of one that is there. Called by the API and the store; what
 * comes in may be hostile.
 */
#include "model/catalog/private.h"

#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct envelope {
	const char *id, *ref;
	const json_t *properties, *metadata, *tags;
};

struct reading {
	struct gw_draft **tail; /* where the next child goes */
	const struct gw_schema_reader *sealer;
	size_t *left; /* children that may still come */
};

struct gw_draft *gw_draft_free(struct gw_draft *draft)
{
	while (draft) {
		struct gw_draft *next = draft->next;

		gw_draft_free(draft->children);
		gw_version_done(draft->kind, &draft->version);
		free(draft->id);
		free(draft->ref);
		free(draft->says);
		free(draft);
		draft = next;
	}
	return NULL;
}

bool gw_resource_id_valid(const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~@:";
	size_t n = strlen(id);

	return n > 0 && n <= GW_RESOURCE_ID_MAX && strspn(id, allowed) == n && strcmp(id, ".") != 0 &&
	       strcmp(id, "..") != 0;
}

static int read_text(const char *name, const json_t *value, const char **ret, struct gw_error *err)
{
	const char *s = json_string_value(value);

	if (!s || strlen(s) != json_string_length(value) || strlen(s) > GW_REF_MAX)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, "must be text of up to %d bytes",
				    GW_REF_MAX);
	*ret = s;
	return 0;
}

static int read_object(const char *name, const json_t *value, const json_t **ret, struct gw_error *err)
{
	if (!json_is_object(value))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, "must be an object");
	*ret = value;
	return 0;
}

static int read_envelope(const json_t *body, struct envelope *ret, struct gw_error *err)
{
	static const char *const names[] = {"resourceId", "resourceRef", "properties", "resourceMetadata",
					    "tags",	  "etag",	 "instanceId"};
	unsigned seen = 0;
	const json_t *value;
	const char *name;

	if (!json_is_object(body))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "a resource is a JSON object");
	json_object_foreach((json_t *)body, name, value)
	{
		size_t i = 0;
		int r = 0;

		while (i < 7 && strcasecmp(name, names[i]) != 0)
			i++;
		if (i == 7)
			return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, name, "there is no such property");
		if (seen & 1u << i)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, names[i],
					    "given more than once (letter case makes no difference)");
		seen |= 1u << i;
		if (json_is_null(value))
			continue;
		if (i < 2)
			r = read_text(names[i], value, i == 0 ? &ret->id : &ret->ref, err);
		else if (i < 5)
			r = read_object(names[i], value,
					i == 2	 ? &ret->properties
					: i == 3 ? &ret->metadata
						 : &ret->tags,
					err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_id(struct gw_draft *draft, const char *id, const struct envelope *e, struct gw_error *err)
{
	const char *own = e->id;

	if (!own && e->ref)
		own = strrchr(e->ref, '/') ? strrchr(e->ref, '/') + 1 : e->ref;
	if (id && e->id && strcasecmp(id, e->id) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId",
				    "the path says \"%s\", the body \"%s\"", id, e->id);
	if (!id && !own)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "resourceId", "missing; every child has one");
	id = id ? id : own;
	if (!gw_resource_id_valid(id))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId",
				    "\"%s\" is no identifier: it has 1 to %d letters, digits or -._~@:", id,
				    GW_RESOURCE_ID_MAX);
	draft->id = strdup(id);
	return draft->id ? 0 : gw_error_oom(err);
}

/* The tenant is named where MS-NCNBI clients put it: in the metadata. */
static int take_metadata(struct gw_draft *draft, const struct envelope *e, struct gw_error *err)
{
	const json_t *value;
	const char *name;

	draft->version.metadata = json_incref((json_t *)e->metadata);
	draft->version.tags = json_incref((json_t *)e->tags);
	json_object_foreach((json_t *)e->metadata, name, value)
	{
		const char *s = json_string_value(value);

		if (strcasecmp(name, "tenantId") != 0 || json_is_null(value) || (s && !*s))
			continue;
		if (draft->version.tenant || !s || !gw_tenant_valid(s))
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceMetadata.tenantId",
					    "must be 1 to %d letters, digits, '-' or '_'", GW_TENANT_MAX);
		draft->version.tenant = strdup(s);
		if (!draft->version.tenant)
			return gw_error_oom(err);
	}
	return 0;
}

int gw_draft_set_tenant(struct gw_draft *draft, const char *tenant, struct gw_error *err)
{
	json_t *metadata = draft->version.metadata ? json_copy(draft->version.metadata) : json_object();
	char *copy = strdup(tenant);
	const char *name;
	json_t *value;
	void *after;

	json_object_foreach_safe(metadata, after, name, value)
	{
		if (!strcasecmp(name, "tenantId"))
			json_object_del(metadata, name);
	}
	if (!copy || json_object_set_new(metadata, "tenantId", json_string(tenant)) < 0) {
		json_decref(metadata);
		free(copy);
		return gw_error_oom(err);
	}
	json_decref(draft->version.metadata);
	free(draft->version.tenant);
	draft->version.metadata = metadata;
	draft->version.tenant = copy;
	return 0;
}

static int decode(enum gw_kind kind, const char *id, const json_t *body, const struct gw_schema_reader *sealer,
		  size_t *left, struct gw_draft **ret, struct gw_error *err);

static int on_child(void *ctx, const struct gw_property *row, const json_t *value, struct gw_error *err)
{
	struct reading *reading = ctx;
	int r;

	if (!*reading->left)
		return gw_error_set(err, E2BIG, GW_ERR_TOO_LARGE, "",
				    "more than %d resources in one request: leave the list out, which changes none of "
				    "them, and put those that change under their own paths",
				    GW_PROPERTY_CHILDREN_MAX);
	--*reading->left;
	r = decode(row->kind, NULL, value, reading->sealer, reading->left, reading->tail, err);
	if (r == 0)
		reading->tail = &(*reading->tail)->next;
	return r;
}

static int on_secret(void *ctx, const char *secret, char **ret, struct gw_error *err)
{
	const struct reading *reading = ctx;

	return reading->sealer->seal(reading->sealer->ctx, secret, ret, err);
}

/* --- how much it is ----------------------------------------------------------------------------------------------- */

struct amount {
	size_t values, bytes; /* of names and texts */
};

#define PER_RESOURCE 1024 /* bytes of memory, about */
#define PER_VALUE    256

static void weigh(const json_t *value, struct amount *a)
{
	const json_t *element;
	const char *name;
	size_t i;

	a->values++;
	a->bytes += json_is_string(value) ? json_string_length(value) : 0;
	json_array_foreach((json_t *)value, i, element)
	{
		weigh(element, a);
	}
	json_object_foreach((json_t *)value, name, element)
	{
		a->bytes += strlen(name);
		weigh(element, a);
	}
}

/* What tenants may say as they like, and nobody looks into. */
static int weigh_notes(const char *name, const json_t *notes, bool limited, struct amount *total, struct gw_error *err)
{
	struct amount a = {0};

	if (notes)
		weigh(notes, &a);
	if (limited && (a.bytes > GW_RESOURCE_NOTES_MAX || a.values > GW_RESOURCE_VALUES_MAX))
		return gw_error_set(
			err, E2BIG, GW_ERR_INVALID_PROPERTY, name,
			"has %zu values with %zu bytes of names and texts: up to %d values and %d bytes are "
			"kept with a resource",
			a.values, a.bytes, GW_RESOURCE_VALUES_MAX, GW_RESOURCE_NOTES_MAX);
	total->values += a.values;
	total->bytes += a.bytes;
	return 0;
}

/* Children count for themselves. What comes from the store was accepted once. */
static int weigh_all(struct gw_draft *draft, const struct envelope *e, bool limited, struct gw_error *err)
{
	const struct gw_schema *schema = gw_kind_info(draft->kind)->schema;
	struct amount total = {0};
	const json_t *value;
	const char *name;
	int r = weigh_notes("tags", e->tags, limited, &total, err);

	if (r == 0)
		r = weigh_notes("resourceMetadata", e->metadata, limited, &total, err);
	json_object_foreach((json_t *)e->properties, name, value)
	{
		const struct gw_property *row = gw_schema_find(schema, name);

		if (row && row->type != GW_PROPERTY_CHILDREN && row->type != GW_PROPERTY_READ_ONLY)
			weigh(value, &total);
	}
	draft->version.memory = PER_RESOURCE + total.values * PER_VALUE + total.bytes;
	return r;
}

static int read_properties(struct gw_draft *draft, const json_t *properties, const struct gw_schema_reader *sealer,
			   size_t *left, struct gw_error *err)
{
	const struct gw_schema *schema = gw_kind_info(draft->kind)->schema;
	struct reading reading = {&draft->children, sealer, left};
	struct gw_schema_reader reader = {.ctx = &reading, .child = on_child, .seal = sealer ? on_secret : NULL};
	json_t *none = properties ? NULL : json_object();
	uint64_t given;
	int r;

	static_assert(GW_KIND_MAX <= 64, "a bit of draft->lists for each kind");

	draft->version.properties = calloc(1, schema->size);
	if (!draft->version.properties || (!properties && !none)) {
		json_decref(none);
		return gw_error_oom(err);
	}
	r = gw_schema_decode(schema, properties ? properties : none, &reader, draft->version.properties, err);
	json_decref(none);
	if (r < 0) {
		gw_error_prefix(err, err && *err->target ? "properties." : "properties");
		return r;
	}
	given = *(uint64_t *)draft->version.properties;
	for (size_t i = 0; i < schema->n_rows; i++)
		if (schema->rows[i].type == GW_PROPERTY_CHILDREN && given & UINT64_C(1) << i)
			draft->lists |= UINT64_C(1) << schema->rows[i].kind;
	return 0;
}

static int decode(enum gw_kind kind, const char *id, const json_t *body, const struct gw_schema_reader *sealer,
		  size_t *left, struct gw_draft **ret, struct gw_error *err)
{
	struct gw_draft *draft = calloc(1, sizeof *draft);
	struct envelope e = {0};
	int r;

	if (!draft)
		return gw_error_oom(err);
	draft->kind = kind;
	r = read_envelope(body, &e, err);
	if (r == 0)
		r = take_id(draft, id, &e, err);
	if (r == 0 && !id && e.ref && !e.properties && !e.metadata && !e.tags) {
		draft->ref = strdup(e.ref);
		r = draft->ref ? 0 : gw_error_oom(err);
	}
	if (r == 0 && !draft->ref && e.ref) {
		draft->says = strdup(e.ref);
		r = draft->says ? 0 : gw_error_oom(err);
	}
	if (r == 0 && !draft->ref)
		r = weigh_all(draft, &e, sealer, err);
	if (r == 0 && !draft->ref)
		r = take_metadata(draft, &e, err);
	if (r == 0 && !draft->ref)
		r = read_properties(draft, e.properties, sealer, left, err);
	if (r < 0)
		gw_draft_free(draft);
	else
		*ret = draft;
	return r;
}

int gw_draft_decode(enum gw_kind kind, const char *id, const json_t *body, const struct gw_schema_reader *sealer,
		    struct gw_draft **ret, struct gw_error *err)
{
	size_t left = GW_PROPERTY_CHILDREN_MAX;

	return decode(kind, id, body, sealer, &left, ret, err);
}

/* A body that was read from somewhere else is not put here by mistake. */
int gw_draft_check_place(const struct gw_draft *draft, const struct gw_resource *parent, struct gw_error *err)
{
	char *above = parent ? gw_resource_path(parent) : strdup(""), *path = NULL;
	int e = 0;

	if (above && asprintf(&path, "%s/%s/%s", above, gw_kind_info(draft->kind)->collection, draft->id) < 0)
		path = NULL;
	if (!path)
		e = gw_error_oom(err);
	else if (strlen(path) != strcspn(draft->says, "?") || strncasecmp(path, draft->says, strlen(path)) != 0)
		e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceRef",
				 "this is %s, the body says %s: leave it out, or put it there", path, draft->says);
	free(above);
	free(path);
	return e;
}
