/*
 * background.c - requests that are too much work for the loop: on a thread, while the loop goes on. Called by the handlers of such
 * requests.
 */
#include "api/auth.h"
#include "api/router.h"

#include "control/control.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TRIM_FROM (1U << 20) /* bytes of a body from which on the heap is worth a look afterwards */

struct background {
	struct gw_control_job job; /* first */
	uv_work_t work;		   /* of what needs no controller */
	gw_api_handler handler;	   /* or, of what is read first: */
	const struct gw_api_reading *reading;
	void *what; /* that was read */
	size_t body_len;
	void (*after)(const struct gw_service *service);
	struct gw_api_deferred *later;
	struct gw_api_request req; /* which nobody waits for any more: it has a thread */
	struct gw_api_reply reply;
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

	if (b->reading)
		b->reading->carry_out(&b->req, b->what, &b->reply);
	else
		b->handler(&b->req, &b->reply);
	gw_api_reply_print(&b->reply);
}

static bool on_prepare(struct gw_control_job *job)
{
	struct background *b = (struct background *)job;
	struct gw_error err = GW_ERROR_INIT;

	if (b->reading->read(&b->req, &b->what, &err) == 0)
		return true;
	gw_api_reply_error(&b->reply, &err);
	gw_api_reply_print(&b->reply);
	return false;
}

/* The request has been answered, and is gone. */
static void on_discard(struct gw_control_job *job)
{
	struct background *b = (struct background *)job;

	if (b->what)
		b->reading->discard(b->what);
	/* A JSON document takes ten times the room of its text. */
	if (b->body_len >= TRIM_FROM)
		malloc_trim(0);
	free(b);
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
	gw_api_answer(b->later, &b->reply);
	if (done && b->after && !ended)
		b->after(b->req.service);
	if (!b->reading)
		free(b);
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

static bool reserve(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (!req->reserve || req->reserve(req))
		return true;
	gw_error_set(&err, ENOBUFS, GW_ERR_UNAVAILABLE, "",
		     "too many large answers wait to be read: try again, or raise [limits] body_memory");
	gw_api_reply_error(reply, &err);
	reply->retry_after = 1;
	return false;
}

static void fill(struct background *b, const struct gw_api_request *req)
{
	b->job = (struct gw_control_job){
		.client = gw_control_client(req->who),
		.may = on_turn,
		.run = on_run,
		.done = on_done,
	};
	b->req = *req;
	b->req.defer = NULL;
	b->req.reserve = NULL;
}

void gw_api_in_background(const struct gw_api_request *req, struct gw_api_reply *reply, enum gw_api_use use,
			  gw_api_handler handler, void (*after)(const struct gw_service *service))
{
	struct background *b;

	if (!reserve(req, reply))
		return;
	b = begin(req, use);
	if (!b) {
		handler(req, reply);
		if (reply->status < 400 && after)
			after(req->service);
		return;
	}
	fill(b, req);
	b->job.looks = use == GW_API_USES_CATALOG;
	b->handler = handler;
	b->after = after;
	b->work.data = b;
	if (use != GW_API_USES_NOTHING)
		gw_control_run(req->service->control, &b->job);
	else if (uv_queue_work(req->loop, &b->work, on_work, on_worked) < 0)
		on_run(&b->job), on_done(&b->job, NULL); /* no thread: then here and now */
}

static void read_here(const struct gw_api_request *req, struct gw_api_reply *reply,
		      const struct gw_api_reading *reading)
{
	struct gw_error err = GW_ERROR_INIT;
	void *what = NULL;

	if (reading->read(req, &what, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	reading->carry_out(req, what, reply);
	reading->discard(what);
}

void gw_api_read_in_background(const struct gw_api_request *req, struct gw_api_reply *reply,
			       const struct gw_api_reading *reading)
{
	struct background *b;

	if (!reserve(req, reply))
		return;
	b = begin(req, GW_API_USES_CONTROL);
	if (!b) {
		read_here(req, reply, reading);
		return;
	}
	fill(b, req);
	b->job.prepare = on_prepare;
	b->job.discard = on_discard;
	b->reading = reading;
	b->body_len = req->body_len;
	gw_control_run(req->service->control, &b->job);
}
