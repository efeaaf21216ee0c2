/* audit.c - GET /monitoring/audit: who changed what. Called by the router. */
#include "api/router.h"

#include "control/control.h"

#include <errno.h>
#include <stdlib.h>

#define TOP_MAX 1000

/* The oldest first; the token is the number of the last one that was seen. */
static int audit(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	uint64_t number = 0;
	json_t *list = NULL;
	size_t top = 0;
	char *end;
	int r = gw_api_require_controller(req, err);

	if (r == 0)
		r = gw_api_parse_top(req->query.top, TOP_MAX, &top, err);
	if (r == 0 && req->query.skip_token) {
		number = strtoull(req->query.skip_token, &end, 10);
		/* What no number is begins with a sign or a blank, or is too large for one. */
		if (*end || *req->query.skip_token < '0' || *req->query.skip_token > '9' || number >= INT64_MAX)
			r = gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "$skipToken",
					 "not a token of this collection: follow nextLink as it is");
	}
	if (r < 0)
		return r;
	list = json_array();
	r = gw_control_audit(req->service->control, number, (unsigned)top, list, err);
	if (r < 0) {
		json_decref(list);
		return r;
	}
	if (json_array_size(list) < top) {
		gw_api_reply_json(reply, 200, json_pack("{s:o}", "value", list));
		return 0;
	}
	number = (uint64_t)json_integer_value(json_object_get(json_array_get(list, top - 1), "number"));
	gw_api_reply_json(reply, 200,
			  json_pack("{s:o, s:o}", "value", list, "nextLink",
				    json_sprintf(GW_API_PREFIX "/monitoring/audit?$top=%zu&$skipToken=%llu", top,
						 (unsigned long long)number)));
	return 0;
}

static void on_audit(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (audit(req, reply, &err) < 0)
		gw_api_reply_error(reply, &err);
}

/* Out of the store, which nobody else may use meanwhile. */
void gw_api_audit(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_in_background(req, reply, GW_API_USES_CONTROL, on_audit, NULL);
}
