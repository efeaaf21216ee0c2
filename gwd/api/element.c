/* element.c - see element.h. Called by the batches: of records (batch.c) and of resources (resource_batch.c). */
#include "api/element.h"

#include <errno.h>
#include <strings.h>

static int take_text(const char *key, const json_t *value, const char **ret, struct gw_error *err)
{
	if (*ret)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, key, "given twice");
	if (!json_is_string(value))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, key, "must be text");
	*ret = json_string_value(value);
	return 0;
}

static int take(const char *key, const json_t *value, bool with_if_match, const char **method, struct gw_api_element *e,
		struct gw_error *err)
{
	if (!strcasecmp(key, "method"))
		return take_text("method", value, method, err);
	if (!strcasecmp(key, "path"))
		return take_text("path", value, &e->path, err);
	if (with_if_match && !strcasecmp(key, "ifMatch"))
		return take_text("ifMatch", value, &e->if_match, err);
	if (strcasecmp(key, "body") != 0)
		return gw_error_set(err, EINVAL, GW_ERR_UNKNOWN_PROPERTY, key,
				    "not known here; there are method, path%s",
				    with_if_match ? ", body and ifMatch" : " and body");
	if (e->body)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "body", "given twice");
	e->body = value;
	return 0;
}

static int check_method(const char *method, struct gw_api_element *e, struct gw_error *err)
{
	e->is_delete = method && !strcasecmp(method, "DELETE");
	if (method && !e->is_delete && strcasecmp(method, "PUT") != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "method", "\"%s\" is neither PUT nor DELETE",
				    method);
	if (e->is_delete && e->body)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "body", "DELETE takes none");
	if (!e->is_delete && !e->body)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "body", "PUT needs one");
	return 0;
}

int gw_api_element_read(json_t *j, bool with_if_match, struct gw_api_element *ret, struct gw_error *err)
{
	struct gw_api_element e = {0};
	const char *key, *method = NULL;
	json_t *value;
	int r;

	if (!json_is_object(j))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "",
				    "must be an object with method, path and body");
	json_object_foreach(j, key, value)
	{
		r = json_is_null(value) ? 0 : take(key, value, with_if_match, &method, &e, err);
		if (r < 0)
			return r;
	}
	if (!e.path)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "path", "missing, as in %s",
				    with_if_match ? "/virtualNetworks/blue" : "/hnv/ports/eth1");
	r = check_method(method, &e, err);
	if (r == 0)
		*ret = e;
	return r;
}
