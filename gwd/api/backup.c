/* backup.c - GET and PUT of /backup: a copy of everything that is kept, for operators. Called by the router. */
#include "api/router.h"

#include "control/control.h"

#include <errno.h>
#include <stdlib.h>

static void on_copied(void *ctx, int fd, const struct gw_error *err)
{
	struct gw_api_reply reply = {0};

	if (err) {
		gw_api_reply_error(&reply, err);
	} else {
		reply.status = 200;
		reply.has_fd = true;
		reply.fd = fd;
		reply.content_type = "application/octet-stream";
	}
	gw_api_answer(ctx, &reply);
}

void gw_api_backup_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api_deferred *later = NULL;
	int r = gw_api_require_controller(req, &err);

	if (r == 0 && !(later = gw_api_defer(req)))
		r = gw_error_oom(&err);
	if (r == 0)
		r = gw_control_backup(req->service->control, req->who, on_copied, later, &err);
	if (r == 0)
		return;
	gw_api_reply_error(reply, &err);
	if (later)
		gw_api_answer(later, reply);
}

static void on_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_api_require_controller(req, &err);

	if (r == 0)
		r = gw_control_restore(req->service->control, req->who, req->body, req->body_len, &err);
	if (r < 0)
		gw_api_reply_error(reply, &err);
	else
		reply->status = 202;
}

static void on_restored(const struct gw_service *service)
{
	service->restart(service->restart_ctx);
}

/* What is there from now on counts from the daemon's restart, which comes when this has been answered. */
void gw_api_backup_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	gw_api_in_background(req, reply, GW_API_USES_CONTROL, on_put, on_restored);
}
