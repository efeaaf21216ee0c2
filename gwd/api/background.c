/*
 * background.c - requests that are too much work for the loop: on a thread, while the loop goes on. Called by the handlers of such
 * requests.
 */
#include "api/auth.h"
#include "api/router.h"

#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define PARSED_APART 65536 /* bytes of a body: less is parsed when it is its turn */

struct background {
	struct gw_control_job job; /* first */
	uv_work_t work;		   /* of what needs no controller */
	gw_api_handler handler;
	void (*after)(const struct gw_service *service);
	struct gw_api_deferred *later;
	struct gw_api_request req; /* which nobody waits for any more: it has a thread */
	struct gw_api_reply reply;
	json_t *parsed;
	struct gw_error unparsable;
	bool is_parsed;
};

/* Who is no longer let in is not waited for either. */
static int on_turn(struct gw_control_job *job, struct gw_error *err)
{
	struct background *b = (struct background *)job;

	return gw_auth_check_again(b->req.service->access, b->req.who, err);
}

static void on_run(struct gw_control_job *job)
{
	struct background *b = (struct background *)job;

	b->handler(&b->req, &b->reply);
	gw_api_reply_print(&b->reply);
}

static void on_done(struct gw_control_job *job, const struct gw_error *err)
{
	struct background *b = (struct background *)job;
	bool ended = b->later->gone, done; /* there is no server any more that could do what comes after */

	/* What was refused is refused, whatever became of the store. */
	if (err && b->reply.status < 400) {
		gw_api_reply_done(&b->reply);
		gw_api_reply_error(&b->reply, err);
		b->reply.challenge = err->code == GW_ERR_UNAUTHORIZED;
	}
	done = b->reply.status < 400;
	json_decref(b->parsed); /* only if it has not been run */
	gw_api_answer(b->later, &b->reply);
	if (done && b->after && !ended)
		b->after(b->req.service);
	free(b);
}

/* What anybody can make any time of, with a body that is refused in the end, is not done while others wait for their turn. */
static void on_parse(struct gw_control_job *job)
{
	struct background *b = (struct background *)job;

	b->is_parsed = gw_api_parse_json(b->req.body, b->req.body_len, &b->parsed, &b->unparsable) == 0;
}

static struct gw_control_job turn_of(const struct background *b, bool looks)
{
	return (struct gw_control_job){
		.client = gw_control_client(b->req.who),
		.looks = looks,
		.may = on_turn,
		.run = on_run,
		.done = on_done,
	};
}

static void on_parsed(struct gw_control_job *job, const struct gw_error *err)
{
	struct background *b = (struct background *)job;
	struct gw_control *control = job->k;

	if (err || !b->is_parsed) {
		on_done(job, err ? err : &b->unparsable);
		return;
	}
	b->req.parsed = &b->parsed;
	b->job = turn_of(b, false);
	gw_control_run(control, &b->job);
}

static void on_work(uv_work_t *work)
{
	on_run(work->data);
}

static void on_worked(uv_work_t *work, int status)
{
	(void)status;
	on_done(work->data, NULL);
}

/* Where it can be waited for; on failure it is not begun. */
static struct background *begin(const struct gw_api_request *req, enum gw_api_use use)
{
	bool possible = req->loop && (use == GW_API_USES_NOTHING || req->service->control);
	struct background *b = possible ? calloc(1, sizeof *b) : NULL;

	if (b && (b->later = gw_api_defer(req)))
		return b;
	free(b);
	return NULL;
}

void gw_api_in_background(const struct gw_api_request *req, struct gw_api_reply *reply, enum gw_api_use use,
			  gw_api_handler handler, void (*after)(const struct gw_service *service))
{
	struct gw_error err = GW_ERROR_INIT;
	struct background *b;

	if (req->reserve && !req->reserve(req)) {
		gw_error_set(&err, ENOBUFS, GW_ERR_UNAVAILABLE, "",
			     "too many large answers wait to be read: try again, or raise [limits] body_memory");
		gw_api_reply_error(reply, &err);
		reply->retry_after = 1;
		return;
	}
	b = begin(req, use);
	if (!b) {
		handler(req, reply);
		if (reply->status < 400 && after)
			after(req->service);
		return;
	}
	b->handler = handler;
	b->after = after;
	b->req = *req;
	b->req.defer = NULL;
	b->req.reserve = NULL;
	b->work.data = b;
	b->job = turn_of(b, use == GW_API_USES_CATALOG);
	if (use == GW_API_USES_CONTROL_AND_JSON && req->body_len > PARSED_APART) {
		b->job.prepares = true;
		b->job.run = on_parse;
		b->job.done = on_parsed;
	}
	if (use != GW_API_USES_NOTHING)
		gw_control_run(req->service->control, &b->job);
	else if (uv_queue_work(req->loop, &b->work, on_work, on_worked) < 0)
		on_run(&b->job), on_done(&b->job, NULL); /* no thread: then here and now */
}
