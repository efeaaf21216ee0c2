/*
 * access.c - /access/tokens, /access/certificates and /access/enrollments: who may use the API over the network. For operators
 * only, as the table of routes says. Called by the router.
 *
 * Every PUT of a token or an enrollment makes a new secret, which the answer to it shows, and nothing ever after.
 */
#include "api/api.h"
#include "api/enroll.h"
#include "api/router.h"

#include "base/cleanup.h"
#include "model/hnv_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_kind(const struct gw_api_request *req, enum gw_access_kind *ret, struct gw_error *err)
{
	if (gw_access_kind_parse(req->param[0], ret) == 0)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "there are tokens, certificates and enrollments here");
}

void gw_api_access_list(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	const struct gw_access_table *access = req->service->access;
	struct gw_error err = GW_ERROR_INIT;
	enum gw_access_kind kind = GW_ACCESS_KINDS;
	json_t *value;

	if (parse_kind(req, &kind, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	value = json_array();
	for (size_t i = 0; i < gw_access_count(access, kind); i++)
		json_array_append_new(value, gw_access_encode(gw_access_at(access, kind, i)));
	gw_api_reply_json(reply, 200, json_pack("{s:o}", "value", value));
}

static int check_conditions(const struct gw_api_request *req, const struct gw_access_entry *now, struct gw_error *err)
{
	const char *match = req->if_match, *none = req->if_none_match;

	if (match && (!now || (strcmp(match, "*") != 0 && !gw_api_etag_listed(match, now->revision))))
		return gw_error_set(err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match",
				    "it has been changed or deleted meanwhile");
	if (none && now && (!strcmp(none, "*") || gw_api_etag_listed(none, now->revision)))
		return gw_error_set(err, EEXIST, GW_ERR_PRECONDITION_FAILED, "If-None-Match", "it is there already");
	return 0;
}

void gw_api_access_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	enum gw_access_kind kind = GW_ACCESS_KINDS;
	const struct gw_access_entry *e = NULL;

	if (parse_kind(req, &kind, &err) == 0) {
		e = gw_access_get(req->service->access, kind, req->param[1]);
		if (!e)
			gw_error_set(&err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no %s %s",
				     gw_access_kind_singular(kind), req->param[1]);
	}
	if (!e) {
		gw_api_reply_error(reply, &err);
		return;
	}
	gw_hnv_etag(e->revision, reply->etag);
	gw_api_reply_json(reply, 200, gw_access_encode(e));
}

/* Makes the secret; its text goes into the answer once all else has gone well. */
static int make_secret(struct gw_access_entry *e, char token[static GW_TOKEN_STRLEN], struct gw_error *err)
{
	if (e->kind == GW_ACCESS_CERTIFICATES)
		return 0;
	if (gw_token_make(token) < 0 || gw_token_hash(token, GW_TOKEN_LEN, &e->hash) < 0)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "there are no random numbers");
	return 0;
}

static int put(const struct gw_api_request *req, char token[static GW_TOKEN_STRLEN], struct gw_api_reply *reply,
	       struct gw_error *err)
{
	enum gw_access_kind kind = GW_ACCESS_KINDS;
	struct gw_access_entry e = {0};
	const struct gw_access_entry *now;
	json_t *body = NULL, *answer;
	int r = parse_kind(req, &kind, err);
	bool existed;

	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &body, err);
	if (r < 0)
		return r;
	r = gw_access_decode(kind, req->param[1], body, &e, err);
	json_decref(body);
	if (r < 0)
		return r;
	now = gw_access_get(req->service->access, kind, e.name);
	existed = now;
	r = check_conditions(req, now, err);
	if (r == 0 && kind == GW_ACCESS_ENROLLMENTS)
		r = gw_api_prepare_enrollment(req, &e, err);
	if (r == 0)
		r = make_secret(&e, token, err);
	if (r == 0 &&
	    asprintf(&reply->location, GW_API_PREFIX "/access/%s/%s", gw_access_kind_path(kind), e.name) < 0) {
		reply->location = NULL;
		r = gw_error_oom(err);
	}
	if (r == 0)
		r = req->service->put_access(req->service->ctx, req->who, &e, err);
	if (r < 0)
		return r;
	if (kind == GW_ACCESS_TOKENS)
		gw_api_forget_first_operator(req->service, e.name);
	answer = gw_access_encode(&e);
	if (answer && kind == GW_ACCESS_TOKENS)
		json_object_set_new(json_object_get(answer, "properties"), "token", json_string(token));
	if (answer && kind == GW_ACCESS_ENROLLMENTS)
		gw_api_tell_enrollment(req, &e, token, json_object_get(answer, "properties"));
	gw_hnv_etag(e.revision, reply->etag);
	gw_api_reply_json(reply, existed ? 200 : 201, answer);
	return 0;
}

void gw_api_access_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	char token[GW_TOKEN_STRLEN] = "";

	if (put(req, token, reply, &err) < 0) {
		free(reply->location);
		reply->location = NULL;
		gw_api_reply_error(reply, &err);
	}
	explicit_bzero(token, sizeof token);
}

/* Whoever used it is not let in any more when this answers. */
void gw_api_access_delete(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	enum gw_access_kind kind = GW_ACCESS_KINDS;
	const struct gw_access_entry *now = NULL;
	bool existed;
	int r = parse_kind(req, &kind, &err);

	if (r == 0) {
		now = gw_access_get(req->service->access, kind, req->param[1]);
		r = check_conditions(req, now, &err);
	}
	existed = now;
	if (r == 0)
		r = req->service->delete_access(req->service->ctx, req->who, kind, req->param[1], &err);
	if (r == 0 && existed && kind == GW_ACCESS_TOKENS)
		gw_api_forget_first_operator(req->service, req->param[1]);
	if (r < 0)
		gw_api_reply_error(reply, &err);
	else
		reply->status = existed ? 200 : 204;
}
