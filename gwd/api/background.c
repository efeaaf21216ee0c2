/*
 * background.c - requests that are too much work for the loop: on a thread, with controller and store for themselves, while the
 * loop goes on and everybody else waits. Called by the handlers of such requests.
 */
#include "api/router.h"

#include "control/control.h"

#include <stdlib.h>
#include <string.h>

struct background {
	struct gw_control_job job; /* first */
	gw_api_handler handler;
	struct gw_api_deferred *later;
	struct gw_api_request req; /* with a body and an asker of its own */
	struct gw_principal who;
	struct gw_api_reply reply;
	char body[];
};

static void on_run(struct gw_control_job *job)
{
	struct background *b = (struct background *)job;

	b->handler(&b->req, &b->reply);
}

static void on_done(struct gw_control_job *job, const struct gw_error *err)
{
	struct background *b = (struct background *)job;

	/* What was refused is refused, whatever became of the store. */
	if (err && b->reply.status < 400) {
		gw_api_reply_done(&b->reply);
		gw_api_reply_error(&b->reply, err);
	}
	gw_api_answer(b->later, &b->reply);
	free(b);
}

void gw_api_in_background(const struct gw_api_request *req, struct gw_api_reply *reply, gw_api_handler handler)
{
	struct background *b = req->service->control ? malloc(sizeof *b + req->body_len) : NULL;
	struct gw_api_deferred *later = b ? gw_api_defer(req) : NULL;

	if (!later) {
		free(b);
		handler(req, reply);
		return;
	}
	*b = (struct background){
		.job = {.run = on_run, .done = on_done},
		.handler = handler,
		.later = later,
		.who = *req->who,
	};
	b->req = (struct gw_api_request){
		.service = req->service, .who = &b->who, .body = b->body, .body_len = req->body_len};
	if (req->body_len)
		memcpy(b->body, req->body, req->body_len);
	if (gw_control_run(req->service->control, &b->job, NULL) == 0)
		return;
	/* No thread: then here and now. */
	handler(&b->req, &b->reply);
	gw_api_answer(later, &b->reply);
	free(b);
}
