/*
 * operation.c - /operations/{id} and /operationResults/{id}: how far a change has come that was accepted. Called by the router.
 */
#include "api/router.h"

#include "control/control.h"

#include <errno.h>

void gw_api_operation(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_uuid id;
	bool done = false;

	if (req->service->control && gw_uuid_parse(req->param[0], &id) == 0 &&
	    gw_control_operation(req->service->control, req->who, &id, &done)) {
		gw_api_reply_json(reply, 200, json_pack("{s:s}", "status", done ? "Succeeded" : "InProgress"));
		return;
	}
	gw_error_set(&err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no operation %s", req->param[0]);
	gw_api_reply_error(reply, &err);
}
