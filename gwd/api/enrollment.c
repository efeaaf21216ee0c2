/*
 * enrollment.c - /enrollment: which controller this node belongs to, and how it becomes one's, which takes as long as that one
 * needs to answer. Called by the router.
 */
#include "api/router.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	struct gw_enrolling enrolling; /* first */
	const struct gw_service *service;
	struct gw_api_deferred *later;
};

static int require_enrolling(const struct gw_api_request *req, struct gw_error *err)
{
	if (req->service->enroll)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "this node can belong to no controller");
}

void gw_api_enrollment_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (require_enrolling(req, &err) < 0)
		gw_api_reply_error(reply, &err);
	else
		gw_api_reply_json(reply, 200, req->service->enrollment(req->service->enroll_ctx));
}

static void on_enrolled(struct gw_enrolling *e, const struct gw_error *err)
{
	struct waiting *w = (struct waiting *)e;
	struct gw_api_reply reply = {0};

	if (err)
		gw_api_reply_error(&reply, err);
	else
		gw_api_reply_json(&reply, 200, w->service->enrollment(w->service->enroll_ctx));
	gw_api_answer(w->later, &reply);
	free(w);
}

static const char *text_of(const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);
	const char *s = json_string_value(value);

	return s && strlen(s) == json_string_length(value) ? s : NULL;
}

static int begin(const struct gw_api_request *req, const json_t *body, struct gw_error *err)
{
	const char *urls = text_of(body, "urls"), *token = text_of(body, "token");
	struct waiting *w;
	int r;

	if (!urls || !token)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, urls ? "token" : "urls",
				    "the body is {\"urls\": \"https://CONTROLLER:8443\", \"token\": \"gwd_...\"}");
	w = calloc(1, sizeof *w);
	if (!w)
		return gw_error_oom(err);
	w->enrolling.done = on_enrolled;
	w->service = req->service;
	w->later = gw_api_defer(req);
	if (!w->later) {
		free(w);
		return gw_error_set(err, EAGAIN, GW_ERR_UNAVAILABLE, "", "nobody can wait for it here");
	}
	r = req->service->enroll(req->service->enroll_ctx, urls, token, &w->enrolling, err);
	if (r < 0) {
		struct gw_api_reply reply = {0};

		gw_api_reply_error(&reply, err);
		gw_api_answer(w->later, &reply);
		free(w);
	}
	return 0;
}

void gw_api_enrollment_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *body = NULL;
	int r = require_enrolling(req, &err);

	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &body, &err);
	if (r == 0)
		r = begin(req, body, &err);
	json_decref(body);
	if (r < 0)
		gw_api_reply_error(reply, &err);
}
