/* meta.c - /version, /healthz and /readyz: for those who look after the daemon itself. Called by the router.
 */
#include "api/router.h"

#include "control/control.h"
#include "model/config.h"

#include <errno.h>

void gw_api_version(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_reply_json(reply, 200,
			  json_pack("{s:s, s:s, s:s}", "name", req->service->config->name, "version", GW_VERSION, "api",
				    GW_API_PREFIX));
}

/* That it answers at all is the health of a single-threaded daemon. */
void gw_api_healthz(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	(void)req;
	gw_api_reply_json(reply, 200, json_pack("{s:s}", "status", "ok"));
}

void gw_api_readyz(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	const struct gw_control *k = req->service->control;
	struct gw_error err = GW_ERROR_INIT;

	if (k && !gw_control_has_plan(k)) {
		gw_error_set(
			&err, EAGAIN, GW_ERR_UNAVAILABLE, "",
			"the controller has no memory to find out what its nodes are to hold, and tells them nothing");
		gw_api_reply_error(reply, &err);
		return;
	}
	if (req->service->ready(req->service->ctx)) {
		gw_api_reply_json(reply, 200, json_pack("{s:s}", "status", "ready"));
		return;
	}
	gw_error_set(&err, EAGAIN, GW_ERR_UNAVAILABLE, "",
		     "the node is not yet in its intended state; " GW_API_PREFIX "/monitoring/statistics says why");
	gw_api_reply_error(reply, &err);
}
