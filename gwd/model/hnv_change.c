/* hnv_change.c - see hnv_change.h. What is read may come from anybody who has got hold of the connection. */
#include "model/hnv_change.h"

#include "model/hnv_schema.h"

#include <errno.h>
#include <string.h>

#define ROOT "/hnv/"

/* --- saying it ---------------------------------------------------------------------------------------------------- */

static json_t *path_of(const struct gw_hnv_object *o)
{
	char id[GW_ID_STRLEN];

	return json_sprintf(ROOT "%s/%s", gw_hnv_kind_path(o->kind), gw_hnv_id(o, id));
}

json_t *gw_hnv_change_encode_put(const struct gw_hnv_object *o)
{
	return json_pack("{s:o, s:o}", "put", path_of(o), "properties", gw_hnv_encode_properties(o));
}

json_t *gw_hnv_change_encode_delete(const struct gw_hnv_object *key)
{
	return json_pack("{s:o}", "delete", path_of(key));
}

json_t *gw_hnv_change_encode_forget(uint32_t vsid)
{
	return json_pack("{s:I}", "forget", (json_int_t)vsid);
}

json_t *gw_hnv_change_encode_forget_gateway(const struct gw_uuid *rdid)
{
	char text[GW_UUID_STRLEN];

	return json_pack("{s:s}", "forgetGateway", gw_uuid_format(rdid, text));
}

/* --- reading it --------------------------------------------------------------------------------------------------- */

/* *ret_id points into `path`. */
static int parse_path(const char *path, const char *name, enum gw_hnv_kind *ret_kind, const char **ret_id,
		      struct gw_error *err)
{
	const char *kind = strncmp(path, ROOT, strlen(ROOT)) == 0 ? path + strlen(ROOT) : "", *end = strchr(kind, '/');
	char text[32];

	if (end && (size_t)(end - kind) < sizeof text) {
		memcpy(text, kind, (size_t)(end - kind));
		text[end - kind] = '\0';
		*ret_id = end + 1;
		if (gw_hnv_kind_parse(text, ret_kind) == 0)
			return 0;
	}
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, "is not the path of a record");
}

int gw_hnv_change_parse_path(const char *path, struct gw_hnv_object **ret, struct gw_error *err)
{
	enum gw_hnv_kind kind = GW_HNV_KIND_MAX;
	const char *id = NULL;
	int r = parse_path(path, "path", &kind, &id, err);

	return r < 0 ? r : gw_hnv_decode_id(kind, id, ret, err);
}

static int read_object(const json_t *j, const char *name, const struct gw_config *config, struct gw_hnv_object **ret,
		       struct gw_error *err)
{
	const char *path = json_string_value(json_object_get(j, name)), *id = NULL;
	const json_t *properties = json_object_get(j, "properties");
	enum gw_hnv_kind kind = GW_HNV_KIND_MAX;
	bool puts = !strcmp(name, "put");
	int r;

	if (!path || json_object_size(j) != (puts ? 2 : 1) || (puts && !json_is_object(properties)))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, name, "is not as a change should be");
	r = parse_path(path, name, &kind, &id, err);
	if (r < 0)
		return r;
	return puts ? gw_hnv_decode(kind, id, properties, config, ret, err) : gw_hnv_decode_id(kind, id, ret, err);
}

static int read_forget(const json_t *j, struct gw_hnv_change *ret, struct gw_error *err)
{
	const json_t *vsid = json_object_get(j, "forget");
	const char *rdid = json_string_value(json_object_get(j, "forgetGateway"));
	json_int_t number = json_integer_value(vsid);

	*ret = (struct gw_hnv_change){.type = GW_HNV_CHANGE_FORGET, .vsid = (uint32_t)number};
	if (json_object_size(j) == 1 && json_is_integer(vsid) && number >= GW_VSID_MIN && number <= GW_VSID_MAX)
		return 0;
	*ret = (struct gw_hnv_change){.type = GW_HNV_CHANGE_FORGET_GATEWAY};
	if (json_object_size(j) == 1 && rdid && gw_uuid_parse(rdid, &ret->rdid) == 0)
		return 0;
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "",
			    "a change is a put, a delete, a forget or a forgetGateway");
}

int gw_hnv_change_decode(const json_t *j, const struct gw_config *config, struct gw_hnv_change *ret,
			 struct gw_error *err)
{
	struct gw_hnv_change change = {.type = GW_HNV_CHANGE_PUT};
	int r = 0;

	if (json_object_get(j, "put")) {
		r = read_object(j, "put", config, &change.object, err);
	} else if (json_object_get(j, "delete")) {
		change = (struct gw_hnv_change){.type = GW_HNV_CHANGE_DELETE};
		r = read_object(j, "delete", config, &change.object, err);
	} else {
		r = read_forget(j, &change, err);
	}
	if (r == 0)
		*ret = change;
	return r;
}
