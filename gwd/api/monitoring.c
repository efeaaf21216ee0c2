/* monitoring.c - /monitoring: what the node and its drivers say of themselves, and the way of a packet.
 * Called by the router. */
#include "api/metrics.h"
#include "api/router.h"

#include "control/control.h"

#define NODES_MAX 1000

static void tell(struct gw_api_told *told, struct gw_api_reply *reply)
{
	if (told->gateways)
		json_object_set(told->status, "virtualGateways", told->gateways);
	gw_api_reply_json(reply, 200, json_incref(told->status));
}

void gw_api_statistics(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	const struct gw_service *service = req->service;
	json_t *status = service->status(service->ctx), *enrollment = NULL;
	struct gw_api_told told = {.status = status};

	if (service->control)
		json_object_set_new(status, "deployment", gw_control_status(service->control, NODES_MAX));
	if (service->link_status)
		json_object_set_new(status, "controller", service->link_status(service->link_ctx));
	if (service->enrollment)
		enrollment = service->enrollment(service->enroll_ctx);
	if (enrollment)
		json_object_set_new(status, "enrollment", enrollment);
	gw_api_tell_gateways(req, reply, &told, tell);
}

void gw_api_trace(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *query, *answer = NULL;
	int r = gw_api_parse_json(req->body, req->body_len, &query, &err);

	if (r == 0) {
		r = req->service->trace(req->service->ctx, query, &answer, &err);
		json_decref(query);
	}
	if (r < 0)
		gw_api_reply_error(reply, &err);
	else
		gw_api_reply_json(reply, 200, answer);
}
