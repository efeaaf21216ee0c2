/* encode.c - resources as clients see them, and as the store keeps them. See catalog.h. */
#include "model/catalog/blocks.h"
#include "model/catalog/pools.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- etags -------------------------------------------------------------------------------------------------------- */

/* FNV-1a over the tree: children are part of what a GET shows, and of what a PUT with their list replaces. */
static uint64_t fold_bytes(const void *bytes, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t fold(const struct gw_resource *r, uint64_t hash)
{
	const struct {
		struct gw_uuid instance;
		uint64_t serial;
	} part = {r->instance, r->now.serial};

	hash = fold_bytes(&part, sizeof part, hash);
	if (r->now.trouble) /* it is in the resource's state */
		hash = fold_bytes(r->now.trouble, strlen(r->now.trouble), hash);
	for (const struct gw_resource *child = r->children; child; child = child->next)
		hash = fold(child, hash);
	return hash;
}

void gw_resource_etag(const struct gw_resource *r, char buf[static 48])
{
	uint64_t hash = fold(r, UINT64_C(0xcbf29ce484222325));
	struct gw_uuid uuid = r->instance;
	char text[GW_UUID_STRLEN];

	for (int i = 0; i < 8; i++)
		uuid.b[8 + i] = (uint8_t)(hash >> 8 * i);
	snprintf(buf, 48, "W/\"%s\"", gw_uuid_format(&uuid, text));
}

/* --- what gwd adds ------------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their paths: who was put last, and whether gwd has been restarted since, must not show. */
static json_t *referrers(const struct gw_resource *r, enum gw_kind kind)
{
	size_t n = 0, room = 0;
	json_t *list = json_array();
	char **paths;

	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		room += ref->from->kind == kind;
	paths = calloc(room + 1, sizeof *paths);
	for (const struct gw_ref *ref = r->referrers; paths && ref; ref = ref->next)
		if (ref->from->kind == kind && (paths[n] = gw_resource_ref(ref->from, r)))
			n++;
	if (n > 1)
		qsort(paths, n, sizeof *paths, by_text);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(paths[i], paths[i - 1]) != 0) /* one that names it twice is one */
			json_array_append_new(list, json_pack("{s:s}", "resourceRef", paths[i]));
	}
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
	return list;
}

static json_t *usage(uint64_t total, uint64_t allocated)
{
	return json_pack("{s:I, s:I, s:i}", "numberOfIPAddresses", (json_int_t)total, "numberofIPAddressesAllocated",
			 (json_int_t)allocated, "numberOfIPAddressesInTransition", 0);
}

/* How full a pool is: its range of the values that are taken in a space. */
static json_t *pool_usage(const struct gw_catalog *c, const struct gw_resource *r, enum gw_key_space space,
			  const void *scope)
{
	const struct gw_ip_pool *p = r->now.properties;
	const struct gw_range range = {.first = p->first, .last = p->last};

	return usage(gw_range_size(&range), gw_keys_count(c, space, scope, &p->first, &p->last, sizeof p->first));
}

static json_t *provider_usage(const struct gw_catalog *c, const struct gw_resource *r)
{
	return pool_usage(c, r, GW_PROPERTIES(r, ip_pool)->multicast ? GW_KEY_GROUP : GW_KEY_OUTER_ADDRESS, NULL);
}

static json_t *mac_usage(const struct gw_catalog *c, const struct gw_mac_pool *p)
{
	const struct gw_range range = {.first = gw_pool_mac(&p->first), .last = gw_pool_mac(&p->last)};

	return json_pack("{s:I, s:I}", "numberOfMACAddresses", (json_int_t)gw_range_size(&range),
			 "numberOfMACAddressesAllocated",
			 (json_int_t)gw_keys_count(c, GW_KEY_MAC, NULL, &p->first, &p->last, sizeof p->first));
}

static json_t *router_of(const struct gw_virtual_subnet *p)
{
	struct gw_addr a = gw_prefix_first_host(&p->prefix);
	char text[GW_ADDR_STRLEN];

	return json_string(gw_addr_format(&a, text));
}

static json_t *block_size(const struct gw_resource *frontend)
{
	const struct gw_resource *address = gw_referred(frontend, GW_KIND_PUBLIC_ADDRESS);

	return json_integer(GW_PROPERTIES(address, public_address)->block_size);
}

static void describe(const struct gw_catalog *c, const struct gw_resource *r, json_t *properties)
{
	switch (r->kind) {
	case GW_KIND_VIRTUAL_SUBNET:
		json_object_set_new(properties, "defaultGateway", router_of(r->now.properties));
		json_object_set_new(properties, "ipConfigurations", referrers(r, GW_KIND_IP_CONFIGURATION));
		break;
	case GW_KIND_VIRTUAL_POOL:
		json_object_set_new(properties, "usage", pool_usage(c, r, GW_KEY_CUSTOMER_ADDRESS, r->parent));
		break;
	case GW_KIND_LOGICAL_POOL:
		json_object_set_new(properties, "usage", provider_usage(c, r));
		break;
	case GW_KIND_MAC_POOL:
		json_object_set_new(properties, "usage", mac_usage(c, r->now.properties));
		break;
	case GW_KIND_ACL:
		json_object_set_new(properties, "ipConfigurations", referrers(r, GW_KIND_IP_CONFIGURATION));
		json_object_set_new(properties, "subnets", referrers(r, GW_KIND_VIRTUAL_SUBNET));
		break;
	case GW_KIND_ROUTE_TABLE:
		json_object_set_new(properties, "subnets", referrers(r, GW_KIND_VIRTUAL_SUBNET));
		break;
	case GW_KIND_GATEWAY_POOL:
		json_object_set_new(properties, "gateways", referrers(r, GW_KIND_GATEWAY));
		json_object_set_new(properties, "virtualGateways", referrers(r, GW_KIND_VIRTUAL_GATEWAY));
		break;
	case GW_KIND_PUBLIC_ADDRESS:
		if (GW_PROPERTIES(r, public_address)->shared)
			json_object_set_new(properties, "portBlocks", gw_blocks_encode(c, r));
		break;
	case GW_KIND_FRONTEND:
		if (GW_GIVEN(GW_PROPERTIES(r, frontend), frontend, port_block))
			json_object_set_new(properties, "portBlockSize", block_size(r));
		json_object_set_new(properties, "inboundNatRules", referrers(r, GW_KIND_INBOUND_NAT_RULE));
		json_object_set_new(properties, "outboundNatRules", referrers(r, GW_KIND_OUTBOUND_NAT_RULE));
		break;
	case GW_KIND_BACKEND_POOL:
		json_object_set_new(properties, "backendIPConfigurations", referrers(r, GW_KIND_IP_CONFIGURATION));
		json_object_set_new(properties, "outboundNatRules", referrers(r, GW_KIND_OUTBOUND_NAT_RULE));
		break;
	case GW_KIND_BGP_ROUTER:
		json_object_set_new(properties, "isGenerated", json_false());
		break;
	case GW_KIND_CONNECTION:
		json_object_set_new(properties, "connectionState", json_string("Unknown"));
		break;
	default:
		break;
	}
}

/* --- state -------------------------------------------------------------------------------------------------------- */

static json_t *info(const char *message, const char *code)
{
	return json_pack("{s:s, s:s, s:s}", "source", "gwd", "message", message, "code", code);
}

/* Whether it is what everybody has who never heard of it. */
static bool asks_nothing(const struct gw_property *row, const void *field)
{
	const json_t *any = row->type == GW_PROPERTY_ANY ? *(json_t *const *)field : NULL;

	if (row->type == GW_PROPERTY_TEXT)
		return !**(char *const *)field;
	if (json_is_number(any))
		return json_number_value(any) == 0;
	return json_is_false(any) || (json_is_string(any) && json_string_length(any) == 0) ||
	       ((json_is_array(any) || json_is_object(any)) && json_array_size(any) + json_object_size(any) == 0);
}

/* What is kept without meaning here, and says so when it asks for something. */
static void list_inert(const struct gw_schema *schema, const void *object, json_t *list)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct gw_property *row = &schema->rows[i];
		const void *field = (const char *)object + row->offset;
		char message[160];

		if (!(*(const uint64_t *)object & UINT64_C(1) << i))
			continue;
		if (row->type == GW_PROPERTY_OBJECT)
			list_inert(row->schema, field, list);
		if (!(row->flags & GW_PROPERTY_IS_INERT) || asks_nothing(row, field))
			continue;
		snprintf(message, sizeof message, "%s is kept, and has no meaning here", row->name);
		json_array_append_new(list, info(message, "NotImplemented"));
	}
}

/* What nothing puts into force says so, rather than "Success". */
static json_t *state_of(const struct gw_resource *r)
{
	json_t *list = json_array();
	char when[32];
	struct tm tm;

	if (!gw_kind_is_in_force(r->kind))
		json_array_append_new(list,
				      info("stored and checked; this version of gwd does not put it into force yet",
					   "NotImplemented"));
	list_inert(gw_kind_info(r->kind)->schema, r->now.properties, list);
	gmtime_r(&(time_t){r->now.updated}, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (r->now.trouble)
		json_array_insert_new(list, 0, info(r->now.trouble, "NotValidAnyMore"));
	return json_pack("{s:s, s:o, s:s}", "status",
			 r->now.trouble			? "Failure"
			 : gw_kind_is_in_force(r->kind) ? "Success"
							: "Unknown",
			 "detailedInfo", list, "lastUpdatedTime", when);
}

/* --- whole resources ---------------------------------------------------------------------------------------------- */

static json_t *children_of(const struct gw_catalog *c, const struct gw_resource *r, enum gw_kind kind)
{
	const struct gw_resource *child = NULL;
	json_t *list = json_array();

	while ((child = gw_catalog_next(c, r, kind, child)))
		json_array_append_new(list, gw_resource_encode(c, child));
	return list;
}

static json_t *properties_of(const struct gw_catalog *c, const struct gw_resource *r)
{
	const struct gw_schema *schema = gw_kind_info(r->kind)->schema;
	json_t *properties = gw_schema_encode(schema, r->now.properties, false);

	if (!properties)
		return NULL;
	for (size_t i = 0; i < schema->n_rows; i++)
		if (schema->rows[i].type == GW_PROPERTY_CHILDREN)
			json_object_set_new(properties, schema->rows[i].name, children_of(c, r, schema->rows[i].kind));
		else if (schema->rows[i].flags & GW_PROPERTY_IS_LATER)
			json_object_set_new(properties, schema->rows[i].name, json_array());
	describe(c, r, properties);
	json_object_set_new(properties, "provisioningState", json_string("Succeeded"));
	json_object_set_new(properties, "configurationState", state_of(r));
	if (c->params.describe && gw_kind_is_described(r->kind))
		c->params.describe(c->params.ctx, r, properties);
	return properties;
}

static void set_optional(json_t *resource, const char *name, json_t *value)
{
	if (value)
		json_object_set(resource, name, value);
}

json_t *gw_resource_encode(const struct gw_catalog *c, const struct gw_resource *r)
{
	char *path = gw_resource_path(r), etag[48], instance[GW_UUID_STRLEN];
	json_t *resource;

	gw_resource_etag(r, etag);
	resource = json_pack("{s:s*, s:s, s:s, s:s}", "resourceRef", path, "resourceId", r->id, "etag", etag,
			     "instanceId", gw_uuid_format(&r->instance, instance));
	free(path);
	if (!resource)
		return NULL;
	set_optional(resource, "resourceMetadata", r->now.metadata);
	set_optional(resource, "tags", r->now.tags);
	json_object_set_new(resource, "properties", properties_of(c, r));
	return resource;
}

json_t *gw_resource_encode_own(const struct gw_resource *r)
{
	json_t *own = json_object();

	set_optional(own, "resourceMetadata", r->now.metadata);
	set_optional(own, "tags", r->now.tags);
	if (json_object_set_new(own, "properties",
				gw_schema_encode(gw_kind_info(r->kind)->schema, r->now.properties, true)) < 0) {
		json_decref(own);
		return NULL;
	}
	return own;
}

/* --- from the store ----------------------------------------------------------------------------------------------- */

/* In the names of exactly this tenant. */
static struct gw_resource *find_exact(const struct gw_catalog *c, const char *tenant, const char *path)
{
	struct gw_resource *r = gw_catalog_find(c, *tenant ? tenant : NULL, path);

	return r && !strcmp(gw_resource_tenant(r) ? gw_resource_tenant(r) : "", tenant) ? r : NULL;
}

int gw_catalog_load(struct gw_catalog *c, const struct gw_stored *row, struct gw_error *err)
{
	char parent_path[GW_REF_MAX + 1];
	struct gw_resource *parent = NULL, *r = NULL;
	struct gw_draft *draft = NULL;
	enum gw_kind kind = GW_KIND_NONE;
	char *id, *collection;
	json_error_t where;
	json_t *body;
	int e;

	if (strlen(row->path) >= sizeof parent_path)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, row->path, "its path is too long");
	memcpy(parent_path, row->path, strlen(row->path) + 1);
	id = strrchr(parent_path, '/');
	if (id)
		*id++ = '\0';
	collection = id ? strrchr(parent_path, '/') : NULL;
	if (collection)
		*collection++ = '\0';
	if (collection && *parent_path)
		parent = find_exact(c, row->tenant, parent_path);
	if (collection && (parent || !*parent_path))
		kind = gw_kind_find(parent ? parent->kind : GW_KIND_NONE, collection);
	if (kind == GW_KIND_NONE)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, row->path,
				    "there is no such kind of resource, or no parent of it");
	body = json_loads(row->body, JSON_REJECT_DUPLICATES, &where);
	if (!body)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, row->path, "damaged: %s", where.text);
	/* An older version took tenants' ids that are none; settling says so. */
	if (*row->tenant && !gw_tenant_valid(row->tenant))
		json_object_del(json_object_get(body, "resourceMetadata"), "tenantId");
	e = gw_draft_decode(kind, id, body, NULL, &draft, err);
	json_decref(body);
	if (e == 0 && !parent && *row->tenant && !draft->version.tenant)
		e = gw_draft_set_tenant(draft, row->tenant, err);
	if (e == 0)
		e = gw_catalog_put(c, parent, draft, &r, err);
	gw_draft_free(draft);
	if (e < 0) {
		gw_error_prefix(err, "%s: ", row->path);
		return e;
	}
	r->instance = row->instance;
	r->now.revision = row->revision;
	r->now.serial = row->serial;
	r->now.updated = row->updated;
	return 0;
}
