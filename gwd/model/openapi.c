/*
 * openapi.c - the OpenAPI document: a path for every collection and every resource in the tree of kinds, and what all of them
 * have in common. See openapi.h; the schemas are in openapi_schema.c. Called by the API, once.
 */
#include "model/openapi.h"

#include "model/catalog/catalog.h"
#include "model/resource/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN 256

static const char introduction[] =
	"Multitenant NVGRE and VXLAN gateway. Paths, identifiers and JSON keys are matched without regard to letter "
	"case and "
	"answered as they are written here. null is the same as a property that is left out. Numbers may be sent as "
	"text of "
	"decimal digits. A list of children may have whole resources, or {\"resourceRef\"} of existing ones; children "
	"that are "
	"not in a list that is sent are deleted. Read-only properties are ignored in requests, write-only ones are "
	"never "
	"answered and stay as they are when they are left out. Any other property that is not described is refused. "
	"Who has "
	"a client certificate that an operator has added needs no token, and on the unix socket nobody does. "
	"Tenants may not choose what has x-gwd-operators. By a reference with x-gwd-shared a tenant may use what is "
	"the "
	"operator's, a publicIPAddress only when it is shared; by any other it is as if it were not there.";

/* What is the same in every request and response. */
static const char common[] =
	"{"
	"\"securitySchemes\": {"
	" \"token\": {\"type\": \"http\", \"scheme\": \"bearer\"},"
	" \"basic\": {\"type\": \"http\", \"scheme\": \"basic\","
	"  \"description\": \"The name of a token, and the token as password.\"}"
	"},"
	"\"parameters\": {"
	" \"Top\": {\"name\": \"$top\", \"in\": \"query\", \"description\": \"How many at most.\","
	"  \"schema\": {\"type\": \"integer\", \"format\": \"int32\", \"minimum\": 1, \"maximum\": 1000}},"
	" \"SkipToken\": {\"name\": \"$skipToken\", \"in\": \"query\", \"description\": \"As nextLink has it.\","
	"  \"schema\": {\"type\": \"string\"}},"
	" \"TenantId\": {\"name\": \"tenantId\", \"in\": \"query\","
	"  \"description\": \"Whose resource an operator means; empty: his own. Without it, it is his own; where he "
	"has none "
	"of that name, GET finds the only tenant's, and changes are refused with 409.\","
	"  \"schema\": {\"type\": \"string\", \"maxLength\": 63, \"pattern\": \"^[A-Za-z0-9_-]*$\"}},"
	" \"Since\": {\"name\": \"since\", \"in\": \"query\","
	"  \"description\": \"The revision of what the node holds; without it everything is told.\","
	"  \"schema\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0}},"
	" \"Epoch\": {\"name\": \"epoch\", \"in\": \"query\","
	"  \"description\": \"What that revision came with; when it is another one now, everything is told.\","
	"  \"schema\": {\"type\": \"string\", \"pattern\": \"^[0-9a-fA-F]{16}$\"}},"
	" \"Wait\": {\"name\": \"wait\", \"in\": \"query\","
	"  \"description\": \"For how many seconds to wait when there is nothing to tell.\","
	"  \"schema\": {\"type\": \"integer\", \"format\": \"int32\", \"minimum\": 0, \"maximum\": 60}},"
	" \"More\": {\"name\": \"more\", \"in\": \"query\","
	"  \"description\": \"As the page before has it, which is gone on from.\", \"schema\": {\"type\": \"string\"}},"
	" \"IfMatch\": {\"name\": \"If-Match\", \"in\": \"header\","
	"  \"description\": \"ETags of which the resource must have one, or *: it must exist.\","
	"  \"schema\": {\"type\": \"string\"}},"
	" \"IfNoneMatch\": {\"name\": \"If-None-Match\", \"in\": \"header\","
	"  \"description\": \"ETags of which the resource may have none, or *: it must not exist.\","
	"  \"schema\": {\"type\": \"string\"}}"
	"},"
	"\"headers\": {"
	" \"ETag\": {\"description\": \"Changes with the resource and its children, not with who refers to them.\","
	"  \"schema\": {\"$ref\": \"#/components/schemas/Etag\"}},"
	" \"Location\": {\"description\": \"The path of the resource.\", \"schema\": {\"type\": \"string\"}}"
	"},"
	"\"schemas\": {"
	" \"ResourceRef\": {\"type\": \"string\", \"pattern\": \"^/\", \"maxLength\": 512,"
	"  \"description\": \"The path of the resource, below the prefix of the API.\"},"
	" \"Etag\": {\"type\": \"string\", \"pattern\": \"^W/\\\"[0-9a-f-]{36}\\\"$\", \"readOnly\": true},"
	" \"InstanceId\": {\"type\": \"string\", \"format\": \"uuid\", \"readOnly\": true,"
	"  \"description\": \"Another one when a resource of the same name is made anew.\"},"
	" \"ResourceMetadata\": {\"type\": \"object\", \"additionalProperties\": true,"
	"  \"properties\": {\"tenantId\": {\"$ref\": \"#/components/schemas/TenantId\"}},"
	"  \"description\": \"Kept as it comes; tenantId says whose the resource is.\"},"
	" \"Tags\": {\"type\": \"object\", \"additionalProperties\": true, \"description\": \"Kept as they come.\"},"
	" \"Reference\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"resourceRef\"],"
	"  \"properties\": {\"resourceRef\": {\"$ref\": \"#/components/schemas/ResourceRef\"}}},"
	" \"References\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/components/schemas/Reference\"}},"
	" \"ProvisioningState\": {\"type\": \"string\", \"enum\": [\"Succeeded\", \"Updating\", \"Deleting\", "
	"\"Failed\"]},"
	" \"ConfigurationState\": {\"type\": \"object\", \"additionalProperties\": false,"
	"  \"required\": [\"status\", \"detailedInfo\", \"lastUpdatedTime\"], \"properties\": {"
	"  \"status\": {\"type\": \"string\", \"enum\": [\"Success\", \"Warning\", \"Failure\", \"Unknown\"]},"
	"  \"detailedInfo\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"additionalProperties\": false,"
	"   \"required\": [\"source\", \"message\", \"code\"], \"properties\": {"
	"   \"source\": {\"type\": \"string\"}, \"message\": {\"type\": \"string\"}, \"code\": {\"type\": "
	"\"string\"}}}},"
	"  \"lastUpdatedTime\": {\"type\": \"string\", \"format\": \"date-time\"}}},"
	" \"Texts\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
	" \"PortBlocks\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"additionalProperties\": false,"
	"  \"required\": [\"start\", \"size\"], \"properties\": {"
	"   \"start\": {\"type\": \"integer\"}, \"size\": {\"type\": \"integer\"},"
	"   \"frontendIPConfiguration\": {\"$ref\": \"#/components/schemas/Reference\"},"
	"   \"virtualGateway\": {\"$ref\": \"#/components/schemas/Reference\"}}}},"
	" \"Number\": {\"type\": \"integer\"},"
	" \"Usage\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
	"  \"numberOfIPAddresses\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0},"
	"  \"numberofIPAddressesAllocated\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0},"
	"  \"numberOfIPAddressesInTransition\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0},"
	"  \"numberOfMACAddresses\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0},"
	"  \"numberOfMACAddressesAllocated\": {\"type\": \"integer\", \"format\": \"int64\", \"minimum\": 0}}},"
	" \"Address\": {\"type\": \"string\", \"anyOf\": [{\"format\": \"ipv4\"}, {\"format\": \"ipv6\"}]},"
	" \"Flag\": {\"type\": \"boolean\"},"
	" \"Text\": {\"type\": \"string\"},"
	" \"Error\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"error\"], "
	"\"properties\": {"
	"  \"error\": {\"type\": \"object\", \"additionalProperties\": false,"
	"   \"required\": [\"code\", \"message\", \"details\"], \"properties\": {"
	"   \"code\": {\"$ref\": \"#/components/schemas/ErrorCode\"},"
	"   \"message\": {\"type\": \"string\", \"minLength\": 1, \"description\": \"For people: what to do about "
	"it.\"},"
	"   \"target\": {\"type\": \"string\", \"minLength\": 1, \"description\": \"What is at fault, as a path in the "
	"body.\"},"
	"   \"details\": {\"type\": \"array\", \"items\": {}}}}}}"
	"}"
	"}";

/* What any request may meet, whatever it is for. */
#define ALWAYS "400 403 429 500 503"

/* Refusals: the status, the name of the component, when it comes. */
static const struct refusal {
	const char *status, *name, *when;
} refusals[] = {
	{"400", "BadRequest", "Malformed, unknown, missing, of the wrong type or out of range."},
	{"401", "Unauthorized", "No valid credentials."},
	{"403", "Forbidden", "Outside what the role may do."},
	{"404", "NotFound", "There is none, or it belongs to somebody else."},
	{"409", "Conflict", "Overlaps, is taken, or is in use."},
	{"410", "Gone", "What was before has changed too much to go on from it: begin again."},
	{"412", "PreconditionFailed", "If-Match or If-None-Match says no."},
	{"413", "RequestTooLarge", "The body is too large."},
	{"415", "UnsupportedMediaType", "The body is not of the type that is read here, or does not say so."},
	{"429", "TooManyRequests", "Retry-After says when to come again."},
	{"500", "InternalError", "Not the request's fault."},
	{"503", "Unavailable", "The store cannot be written, memory is short, or the node is not ready."},
};

/* --- components --------------------------------------------------------------------------------------------------- */

static json_t *body_of(json_t *schema)
{
	return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *error_codes(void)
{
#define X(id, name, http) GW_ERR_##id,
	static const enum gw_error_code all[] = {GW_ERROR_CODES(X)};
#undef X
	json_t *codes = json_array();

	for (size_t i = 1; i < sizeof all / sizeof *all; i++)
		json_array_append_new(codes, json_string(gw_error_code_name(all[i])));
	return json_pack("{s:s, s:o}", "type", "string", "enum", codes);
}

static json_t *components(bool *failed)
{
	json_t *all = json_loads(common, JSON_REJECT_DUPLICATES, NULL), *responses = json_object();
	json_t *schemas = json_object_get(all, "schemas");

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		gw_openapi_set(responses, refusals[i].name,
			       json_pack("{s:s, s:o}", "description", refusals[i].when, "content",
					 body_of(gw_openapi_ref("schemas", "Error"))),
			       failed);
	gw_openapi_set(all, "responses", responses, failed);
	gw_openapi_set(schemas, "ErrorCode", error_codes(), failed);
	gw_openapi_set(schemas, "TenantId",
		       json_pack("{s:s, s:i, s:i, s:s}", "type", "string", "minLength", 1, "maxLength", GW_TENANT_MAX,
				 "pattern", "^[A-Za-z0-9_-]+$"),
		       failed);
	gw_openapi_set(schemas, "ResourceId",
		       json_pack("{s:s, s:i, s:i, s:s}", "type", "string", "minLength", 1, "maxLength",
				 GW_RESOURCE_ID_MAX, "pattern", "^[A-Za-z0-9._~@:-]+$"),
		       failed);
	gw_openapi_add_schemas(schemas, failed);
	return all;
}

/* --- operations --------------------------------------------------------------------------------------------------- */

/* One method of one path, as it is put together. */
struct operation {
	json_t *parameters, *responses;
};

static void add_parameters(json_t *list, const char *const *names, bool *failed)
{
	for (; *names; names++)
		if (json_array_append_new(list, gw_openapi_ref("parameters", *names)) < 0)
			*failed = true;
}

json_t *gw_openapi_refusals(const char *statuses, bool *failed)
{
	json_t *responses = json_object();

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (strstr(statuses, refusals[i].status) || strstr(ALWAYS, refusals[i].status))
			gw_openapi_set(responses, refusals[i].status, gw_openapi_ref("responses", refusals[i].name),
				       failed);
	return responses;
}

static json_t *make_operation(const char *verb, const char *id, const char *summary, struct operation op)
{
	return json_pack("{s:o, s:s, s:o, s:o}", "operationId", json_sprintf("%s%s", verb, id), "summary", summary,
			 "parameters", op.parameters, "responses", op.responses);
}

/* The resource as it is answered: its envelope is complete. */
static json_t *whole(const char *schema)
{
	return json_pack("{s:[o, {s:[s, s, s, s, s]}]}", "allOf", gw_openapi_ref("schemas", schema), "required",
			 "resourceRef", "resourceId", "etag", "instanceId", "properties");
}

static json_t *answer(const char *what, const char *schema, const char *more_headers)
{
	json_t *response = json_pack("{s:s, s:o, s:{s:o}}", "description", what, "content", body_of(whole(schema)),
				     "headers", "ETag", gw_openapi_ref("headers", "ETag"));

	if (more_headers)
		json_object_set_new(json_object_get(response, "headers"), more_headers,
				    gw_openapi_ref("headers", more_headers));
	return response;
}

static json_t *nothing(const char *what)
{
	return json_pack("{s:s}", "description", what);
}

static json_t *list_operation(const char *id, const char *schema, bool *failed)
{
	static const char *const parameters[] = {"Top", "SkipToken", "TenantId", NULL};
	struct operation op = {json_array(), gw_openapi_refusals("401 404", failed)};
	json_t *page = json_pack("{s:s, s:b, s:[s], s:{s:{s:s, s:o}, s:{s:s, s:s}}}", "type", "object",
				 "additionalProperties", 0, "required", "value", "properties", "value", "type", "array",
				 "items", whole(schema), "nextLink", "type", "string", "description",
				 "Where the next page is; absent: there is none.");

	add_parameters(op.parameters, parameters, failed);
	gw_openapi_set(
		op.responses, "200",
		json_pack("{s:s, s:o}", "description", "One page, in the order of the ids.", "content", body_of(page)),
		failed);
	return make_operation("list", id, "Those that the asker may see.", op);
}

static json_t *get_operation(const char *id, const char *schema, bool shows_others, bool *failed)
{
	static const char *const parameters[] = {"TenantId", "IfMatch", "IfNoneMatch", NULL};
	struct operation op = {json_array(), gw_openapi_refusals("401 404 412", failed)};

	add_parameters(op.parameters, parameters, failed);
	gw_openapi_set(op.responses, "200", answer("The resource with its children.", schema, NULL), failed);
	if (!shows_others)
		gw_openapi_set(op.responses, "304", nothing("It has one of the ETags of If-None-Match."), failed);
	return make_operation("get", id,
			      shows_others
				      ? "One of them. It shows what changes without its ETag, such as who refers to "
					"it: If-None-Match is not heeded."
				      : "One of them.",
			      op);
}

static json_t *put_operation(const char *id, const char *schema, bool *failed)
{
	static const char *const parameters[] = {"TenantId", "IfMatch", "IfNoneMatch", NULL};
	struct operation op = {json_array(), gw_openapi_refusals("401 404 409 412 413 415", failed)};
	json_t *put;

	add_parameters(op.parameters, parameters, failed);
	gw_openapi_set(op.responses, "200", answer("It was there and is now as answered.", schema, "Location"), failed);
	gw_openapi_set(op.responses, "201", answer("It was made.", schema, "Location"), failed);
	put = make_operation("put", id, "Makes it, or replaces what it was.", op);
	gw_openapi_set(put, "requestBody",
		       json_pack("{s:b, s:o}", "required", 1, "content", body_of(gw_openapi_ref("schemas", schema))),
		       failed);
	return put;
}

static json_t *delete_operation(const char *id, bool *failed)
{
	static const char *const parameters[] = {"TenantId", "IfMatch", NULL};
	struct operation op = {json_array(), gw_openapi_refusals("401 404 409 412", failed)};

	add_parameters(op.parameters, parameters, failed);
	gw_openapi_set(op.responses, "202", nothing("It is gone, and its children with it."), failed);
	gw_openapi_set(op.responses, "204", nothing("There was none."), failed);
	return make_operation("delete", id, "Deletes it, unless something refers to it.", op);
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

/* The path of the kind's collection, its parameters, and what its operations are called by, "VirtualNetworksSubnets". */
struct place {
	char path[PATH_MAX_LEN], id[PATH_MAX_LEN];
	json_t *parameters;
};

/* "virtual_network" as "virtualNetworkId" */
static const char *parameter_name(const char *tag, char buf[static GW_OPENAPI_NAMELEN])
{
	gw_openapi_name(tag, "Id", buf);
	if (*buf >= 'A' && *buf <= 'Z')
		*buf = (char)(*buf | 0x20);
	return buf;
}

/* From the collection to one of it. */
static void descend(const struct gw_kind_info *info, struct place *at, bool *failed)
{
	char name[GW_OPENAPI_NAMELEN];
	size_t n = strlen(at->path);

	snprintf(at->path + n, sizeof at->path - n, "/{%s}", parameter_name(info->schema->name, name));
	if (json_array_append_new(at->parameters, gw_openapi_ref("parameters", name)) < 0)
		*failed = true;
}

static void find_place(enum gw_kind kind, struct place *at, bool *failed)
{
	const struct gw_kind_info *info = gw_kind_info(kind);
	size_t n;

	if (info->parent != GW_KIND_NONE) {
		find_place(info->parent, at, failed);
		descend(gw_kind_info(info->parent), at, failed);
	}
	n = strlen(at->path);
	snprintf(at->path + n, sizeof at->path - n, "/%s", info->collection);
	n = strlen(at->id);
	snprintf(at->id + n, sizeof at->id - n, "%c%s", info->collection[0] & ~0x20, info->collection + 1);
}

static void add_kind(enum gw_kind kind, json_t *paths, json_t *parameters, bool *failed)
{
	const struct gw_kind_info *info = gw_kind_info(kind);
	struct place at = {.parameters = json_array()};
	char schema[GW_OPENAPI_NAMELEN], name[GW_OPENAPI_NAMELEN];

	find_place(kind, &at, failed);
	gw_openapi_name(info->schema->name, "", schema);
	gw_openapi_set(paths, at.path,
		       json_pack("{s:o, s:o}", "parameters", json_deep_copy(at.parameters), "get",
				 list_operation(at.id, schema, failed)),
		       failed);
	parameter_name(info->schema->name, name);
	gw_openapi_set(parameters, name,
		       json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", "path", "required", 1, "description",
				 info->name, "schema", gw_openapi_ref("schemas", "ResourceId")),
		       failed);
	descend(info, &at, failed);
	gw_openapi_set(paths, at.path,
		       json_pack("{s:o, s:o, s:o, s:o}", "parameters", at.parameters, "get",
				 get_operation(at.id, schema, gw_kind_shows_others(kind), failed), "put",
				 put_operation(at.id, schema, failed), "delete", delete_operation(at.id, failed)),
		       failed);
}

json_t *gw_openapi_document(const char *version, const char *prefix)
{
	bool failed = false;
	json_t *all = components(&failed), *paths = json_object(), *document;

	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++)
		add_kind(k, paths, json_object_get(all, "parameters"), &failed);
	document = json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:o, s:o}", "openapi", "3.0.3",
			     "info", "title", "gwd", "version", version, "description", introduction, "servers", "url",
			     prefix, "security", "token", "basic", "paths", paths, "components", all);
	if (!document || failed) {
		json_decref(document);
		return NULL;
	}
	return document;
}
