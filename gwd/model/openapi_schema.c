/*
 * openapi_schema.c - from the rows of a schema to JSON schemas, as OpenAPI 3.0 spells them. See openapi.h.
 *
 * What the document says, the decoder does: a number's range, a text's length, a list's length, what is required. Two
 * liberties of the decoder are told in the document's introduction and not in every property: letter case, and null.
 */
#include "model/openapi.h"

#include "model/resource/kind.h"

#include <string.h>

#define PREFIX_PATTERN "^[0-9A-Fa-f.:]+/[0-9]{1,3}$"
#define MAC_PATTERN    "^([0-9A-Fa-f]{12}|([0-9A-Fa-f]{2}[-:]){5}[0-9A-Fa-f]{2})$"
#define ASN_PATTERN    "^[0-9]{1,5}\\.[0-9]{1,5}$"
#define PORTS_PATTERN  "^(\\*|[0-9]{1,5}(-[0-9]{1,5})?)$"
#define QUOTABLE       "^[^\"\\u0000-\\u001f\\u007f-\\u009f]*$"

void gw_openapi_set(json_t *to, const char *name, json_t *value, bool *failed)
{
	if (json_object_set_new(to, name, value) < 0)
		*failed = true;
}

json_t *gw_openapi_ref(const char *class, const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", class, name));
}

const char *gw_openapi_name(const char *tag, const char *suffix, char buf[static GW_OPENAPI_NAMELEN])
{
	size_t n = 0;
	bool up = true;

	for (; *tag && n < GW_OPENAPI_NAMELEN - 1; tag++) {
		if (*tag != '_')
			buf[n++] = up && *tag >= 'a' && *tag <= 'z' ? (char)(*tag - 0x20) : *tag;
		up = *tag == '_';
	}
	snprintf(buf + n, GW_OPENAPI_NAMELEN - n, "%s", suffix);
	return buf;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

static json_t *ref_to_schema(const char *tag, const char *suffix)
{
	char name[GW_OPENAPI_NAMELEN];

	return gw_openapi_ref("schemas", gw_openapi_name(tag, suffix, name));
}

static json_t *text(const char *format, const char *pattern)
{
	return json_pack("{s:s, s:s*, s:s*}", "type", "string", "format", format, "pattern", pattern);
}

static json_t *number(uint32_t min, uint32_t max)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "type", "integer", "format", max > INT32_MAX ? "int64" : "int32",
			 "minimum", (json_int_t)min, "maximum", (json_int_t)max);
}

static json_t *bounded_text(const char *format, const char *pattern, uint32_t min, uint32_t max)
{
	json_t *schema = text(format, pattern);

	if (min)
		json_object_set_new(schema, "minLength", json_integer(min));
	if (max)
		json_object_set_new(schema, "maxLength", json_integer(max));
	return schema;
}

static json_t *one_of_names(const char *const *values)
{
	json_t *names = json_array();

	for (; *values; values++)
		json_array_append_new(names, json_string(*values));
	return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

/* What a reference leads to is part of the contract, though JSON schema has no word for it. */
static json_t *reference(const struct gw_property *row)
{
	char name[GW_OPENAPI_NAMELEN];

	return json_pack("{s:[o], s:s}", "allOf", gw_openapi_ref("schemas", "Reference"), "x-gwd-refers-to",
			 gw_openapi_name(gw_kind_info(row->kind)->schema->name, "", name));
}

static json_t *value_schema(const struct gw_property *row, enum gw_property_type type, uint32_t min, uint32_t max)
{
	switch (type) {
	case GW_PROPERTY_ADDR:
		return json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "string", "anyOf", "format", "ipv4", "format",
				 "ipv6");
	case GW_PROPERTY_PREFIX:
		return text(NULL, PREFIX_PATTERN);
	case GW_PROPERTY_MAC:
		return text("mac", MAC_PATTERN);
	case GW_PROPERTY_UUID:
		return text("uuid", NULL);
	case GW_PROPERTY_VSID:
		return number(GW_VSID_MIN, GW_VSID_MAX);
	case GW_PROPERTY_UINT:
		return number(min, max);
	case GW_PROPERTY_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case GW_PROPERTY_ENUM:
		return one_of_names(row->values);
	case GW_PROPERTY_INTERFACE:
		return bounded_text(NULL, NULL, 1, 15);
	case GW_PROPERTY_TEXT:
		return bounded_text(NULL, NULL, min, max);
	case GW_PROPERTY_SECRET:
		return bounded_text("password", row->flags & GW_PROPERTY_IS_QUOTABLE ? QUOTABLE : NULL, min, max);
	case GW_PROPERTY_ASN:
		return text(NULL, ASN_PATTERN);
	case GW_PROPERTY_PORTS:
		return text(NULL, PORTS_PATTERN);
	case GW_PROPERTY_REF:
		return reference(row);
	case GW_PROPERTY_ANY:
	case GW_PROPERTY_OBJECT:
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
	case GW_PROPERTY_CHILDREN:
	case GW_PROPERTY_READ_ONLY:
		break;
	}
	return json_object();
}

/* --- what gwd adds: no row says its type -------------------------------------------------------------------------- */

static json_t *read_only(const char *name)
{
	static const struct {
		const char *name, *schema;
	} known[] = {
		{"provisioningState", "ProvisioningState"},
		{"configurationState", "ConfigurationState"},
		{"usage", "Usage"},
		{"defaultGateway", "Address"},
		{"isGenerated", "Flag"},
		{"connectionState", "Text"},
		{"connectionStatus", "Text"},
		{"connectionErrorReason", "Text"},
		{"unreachabilityReason", "Text"},
		{"connectionUpTime", "Number"},
		{"healthState", "Text"},
		{"stateDetail", "Text"},
		{"portBlockSize", "Number"},
		{"totalCapacity", "Number"},
		{"availableCapacity", "Number"},
		{"gateway", "Reference"},
		{"customerAddresses", "Texts"},
		{"publicAddresses", "Texts"},
		{"portBlocks", "PortBlocks"},
		{"ipConfigurations", "References"},
		{"subnets", "References"},
		{"gateways", "References"},
		{"virtualGateways", "References"},
		{"inboundNatRules", "References"},
		{"outboundNatRules", "References"},
		{"backendIPConfigurations", "References"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i].name, name))
			return json_pack("{s:[o]}", "allOf", gw_openapi_ref("schemas", known[i].schema));
	return json_object();
}

/* --- rows and schemas --------------------------------------------------------------------------------------------- */

static json_t *list_of(const struct gw_property *row, json_t *items)
{
	return json_pack("{s:s, s:o, s:I}", "type", "array", "items", items, "maxItems",
			 (json_int_t)gw_property_list_max(row));
}

static json_t *row_schema(const struct gw_property *row)
{
	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_OBJECT: /* beside a "$ref" nothing may stand */
		return json_pack("{s:[o]}", "allOf", ref_to_schema(row->schema->name, ""));
	case GW_PROPERTY_LIST:
		return list_of(row, ref_to_schema(row->schema->name, ""));
	case GW_PROPERTY_VALUES: {
		struct gw_property item = gw_schema_item(row);

		return list_of(row, value_schema(&item, item.type, item.min, item.max));
	}
	case GW_PROPERTY_CHILDREN:
		return list_of(row, ref_to_schema(gw_kind_info(row->kind)->schema->name, ""));
	case GW_PROPERTY_READ_ONLY:
		if (row->flags & GW_PROPERTY_IS_LATER)
			return json_pack("{s:s, s:{}}", "type", "array", "items");
		return read_only(row->name);
	case GW_PROPERTY_ANY:
		return row->item ? value_schema(row, row->item, row->min, row->max) : json_object();
	default:
		return value_schema(row, row->type, row->min, row->max);
	}
}

static json_t *default_of(const struct gw_property *row)
{
	if (row->type == GW_PROPERTY_ENUM)
		return json_string(row->values[row->def]);
	return row->type == GW_PROPERTY_BOOL ? json_boolean(row->def) : json_integer(row->def);
}

static json_t *property(const struct gw_property *row, bool *failed)
{
	json_t *schema = row_schema(row);

	if (row->help)
		gw_openapi_set(schema, "description", json_string(row->help), failed);
	if (row->flags & GW_PROPERTY_HAS_DEFAULT)
		gw_openapi_set(schema, "default", default_of(row), failed);
	if (row->flags & GW_PROPERTY_IS_LATER)
		gw_openapi_set(schema, "x-gwd-not-supported", json_true(), failed);
	else if (row->type == GW_PROPERTY_READ_ONLY)
		gw_openapi_set(schema, "readOnly", json_true(), failed);
	if (row->type == GW_PROPERTY_SECRET)
		gw_openapi_set(schema, "writeOnly", json_true(), failed);
	if (row->flags & GW_PROPERTY_IS_ASSIGNED)
		gw_openapi_set(schema, "x-gwd-assigned", json_true(), failed);
	if (row->flags & GW_PROPERTY_IS_OPERATORS)
		gw_openapi_set(schema, "x-gwd-operators", json_true(), failed);
	if (row->flags & GW_PROPERTY_IS_SHARED)
		gw_openapi_set(schema, "x-gwd-shared", json_true(), failed);
	if (row->flags & GW_PROPERTY_IS_INERT)
		gw_openapi_set(schema, "x-gwd-inert", json_true(), failed);
	return schema;
}

static json_t *object_schema(const struct gw_schema *schema, bool *failed)
{
	json_t *properties = json_object(), *required = json_array(), *object;

	for (const struct gw_property *row = schema->rows; row < schema->rows + schema->n_rows; row++) {
		gw_openapi_set(properties, row->name, property(row, failed), failed);
		if (row->flags & GW_PROPERTY_IS_REQUIRED && json_array_append_new(required, json_string(row->name)) < 0)
			*failed = true;
	}
	object = json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties", properties);
	if (json_array_size(required)) /* an empty list is none in OpenAPI */
		gw_openapi_set(object, "required", json_incref(required), failed);
	json_decref(required);
	return object;
}

/* Every schema that the rows lead to, once each. */
static void add_inner(json_t *schemas, const struct gw_schema *schema, bool *failed)
{
	char name[GW_OPENAPI_NAMELEN];

	for (const struct gw_property *row = schema->rows; row < schema->rows + schema->n_rows; row++) {
		if (row->type != GW_PROPERTY_OBJECT && row->type != GW_PROPERTY_LIST)
			continue;
		gw_openapi_name(row->schema->name, "", name);
		if (json_object_get(schemas, name))
			continue;
		gw_openapi_set(schemas, name, object_schema(row->schema, failed), failed);
		add_inner(schemas, row->schema, failed);
	}
}

static json_t *resource(const struct gw_kind_info *info)
{
	return json_pack("{s:s, s:s, s:b, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "type", "object", "description",
			 info->name, "additionalProperties", 0, "properties", "resourceRef",
			 gw_openapi_ref("schemas", "ResourceRef"), "resourceId",
			 gw_openapi_ref("schemas", "ResourceId"), "etag", gw_openapi_ref("schemas", "Etag"),
			 "instanceId", gw_openapi_ref("schemas", "InstanceId"), "resourceMetadata",
			 gw_openapi_ref("schemas", "ResourceMetadata"), "tags", gw_openapi_ref("schemas", "Tags"),
			 "properties", ref_to_schema(info->schema->name, "Properties"));
}

void gw_openapi_add_schemas(json_t *schemas, bool *failed)
{
	char name[GW_OPENAPI_NAMELEN];

	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++) {
		const struct gw_kind_info *info = gw_kind_info(k);

		gw_openapi_set(schemas, gw_openapi_name(info->schema->name, "", name), resource(info), failed);
		gw_openapi_set(schemas, gw_openapi_name(info->schema->name, "Properties", name),
			       object_schema(info->schema, failed), failed);
		add_inner(schemas, info->schema, failed);
	}
}
