/*
 * resource.c - the resources of the gateway provider API under their paths: GET of one or of a collection (collection.c), PUT,
 * DELETE. Called by the router; what a path means, who may see it and what a change needs is the controller's (control/).
 *
 * What takes longer than the loop may be kept busy goes to a thread.
 */
#include "api/collection.h"
#include "api/router.h"

#include "base/cleanup.h"
#include "control/control.h"
#include "model/etag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the loop does by itself, in a millisecond or two: so much of a body, so many resources. */
#define LIGHT_BODY   16384
#define LIGHT_WEIGHT 64
#define LIGHT_LOOKS  4096 /* resources that are only looked at */

int gw_api_require_controller(const struct gw_api_request *req, struct gw_error *err)
{
	if (req->service->control)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "",
			    "this node is no controller: its records are below " GW_API_PREFIX
			    "/hnv; [node] roles says what it is");
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static void reply_resource(const struct gw_api_request *req, unsigned status, const struct gw_resource *r,
			   const char *state, struct gw_api_reply *reply)
{
	json_t *body = gw_resource_encode(gw_control_catalog(req->service->control), r);

	if (state)
		json_object_set_new(json_object_get(body, "properties"), "provisioningState", json_string(state));
	gw_resource_etag(r, reply->etag);
	gw_api_reply_json(reply, status, body);
}

static int get(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	const struct gw_resource *r = NULL;
	enum gw_kind kind = GW_KIND_NONE;
	char etag[48];
	int e = gw_api_require_controller(req, err);

	if (e == 0)
		e = gw_control_find(req->service->control, req->who, req->rest, &r, &kind, err);
	if (e < 0)
		return e;
	if (kind != GW_KIND_NONE)
		return gw_api_collection(req, r, kind, reply, err);
	if (req->query.top || req->query.skip_token)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, req->query.top ? "$top" : "$skipToken",
				    "is for collections; this is one resource");
	gw_resource_etag(r, etag);
	if (req->if_match && strcmp(req->if_match, "*") != 0 && !gw_etag_listed(req->if_match, etag))
		return gw_error_set(err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match",
				    "it has been changed meanwhile");
	if (req->if_none_match && !gw_kind_shows_others(r->kind) &&
	    (!strcmp(req->if_none_match, "*") || gw_etag_listed(req->if_none_match, etag))) {
		memcpy(reply->etag, etag, sizeof etag);
		reply->status = 304;
		return 0;
	}
	reply_resource(req, 200, r, NULL, reply);
	return 0;
}

static void on_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (get(req, reply, &err) < 0)
		gw_api_reply_error(reply, &err);
}

/* Whether what the path names now is much to encode. */
static bool is_heavy(const struct gw_api_request *req)
{
	const struct gw_catalog *c = req->service->control ? gw_control_catalog(req->service->control) : NULL;
	const struct gw_resource *r = NULL;
	enum gw_kind kind = GW_KIND_NONE;

	if (!c || gw_control_find(req->service->control, req->who, req->rest, &r, &kind, NULL) < 0)
		return false;
	/* The members of a collection are found among all that its parent has. */
	if (kind != GW_KIND_NONE && !r)
		return true;
	return gw_resource_weight(c, r, LIGHT_WEIGHT) >= LIGHT_WEIGHT;
}

/* What it would be part of, if it were there. */
static const struct gw_resource *find_parent(const struct gw_api_request *req)
{
	_cleanup_free_ char *path = strdup(req->rest);
	const struct gw_resource *r = NULL;
	enum gw_kind kind = GW_KIND_NONE;
	char *query = path ? strchrnul(path, '?') : NULL;
	char *last = path ? memrchr(path, '/', (size_t)(query - path)) : NULL;

	if (!last)
		return NULL;
	memmove(last, query, strlen(query) + 1); /* the collection */
	return gw_control_find(req->service->control, req->who, path, &r, &kind, NULL) == 0 ? r : NULL;
}

/* Whether it is much to make, replace or delete: what it is part of is looked at too, if only briefly. */
static bool changes_much(const struct gw_api_request *req)
{
	const struct gw_catalog *c = req->service->control ? gw_control_catalog(req->service->control) : NULL;
	const struct gw_resource *r = NULL, *parent;
	enum gw_kind kind = GW_KIND_NONE;

	if (!c)
		return false;
	if (gw_control_find(req->service->control, req->who, req->rest, &r, &kind, NULL) < 0)
		parent = find_parent(req);
	else if (r && gw_resource_weight(c, r, LIGHT_WEIGHT) >= LIGHT_WEIGHT)
		return true;
	else
		parent = r ? r->parent : NULL;
	for (; parent; parent = parent->parent)
		if (gw_resource_weight(c, parent, LIGHT_LOOKS) >= LIGHT_LOOKS)
			return true;
	return false;
}

void gw_api_resource_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	if (is_heavy(req))
		gw_api_in_background(req, reply, GW_API_USES_CATALOG, on_get, NULL);
	else
		on_get(req, reply);
}

/* A collection has fewer methods than the router knows of. */
static void refuse(struct gw_api_reply *reply, const struct gw_error *err)
{
	if (err->code == GW_ERR_METHOD_NOT_ALLOWED)
		snprintf(reply->allow, sizeof reply->allow, "GET, HEAD");
	gw_api_reply_error(reply, err);
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

/* An answer that is ready, and may be given when what it tells of is durable. */
struct promise {
	struct gw_control_waiter waiter; /* first */
	struct gw_api_deferred *later;
	struct gw_api_reply reply;
};

static void on_durable(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct promise *p = (struct promise *)waiter;

	if (err) {
		gw_api_reply_done(&p->reply);
		gw_api_reply_error(&p->reply, err);
	}
	gw_api_answer(p->later, &p->reply);
	free(p);
}

int gw_api_promise(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	struct promise *p = calloc(1, sizeof *p);
	char id[GW_UUID_STRLEN];
	struct gw_uuid uuid;

	if (gw_control_new_operation(req->service->control, req->who, &uuid) == 0)
		snprintf(reply->operation, sizeof reply->operation, GW_API_PREFIX "/operations/%s",
			 gw_uuid_format(&uuid, id));
	if (p)
		p->later = gw_api_defer(req);
	if (!p || !p->later) {
		free(p);
		return gw_control_flush(req->service->control, err);
	}
	p->waiter.done = on_durable;
	p->reply = *reply;
	*reply = (struct gw_api_reply){0};
	gw_control_await(req->service->control, &p->waiter);
	return 0;
}

/* As he who asks finds it: what is a tenant's may have the name of others' that an operator sees. */
static char *location_of(const struct gw_api_request *req, const struct gw_resource *r)
{
	const char *tenant = req->who->access == GW_ACCESS_TENANT ? NULL : gw_resource_tenant(r);
	_cleanup_free_ char *path = gw_resource_path(r);
	char *location = NULL;

	if (!path ||
	    asprintf(&location, GW_API_PREFIX "%s%s%s", path, tenant ? "?tenantId=" : "", tenant ? tenant : "") < 0)
		return NULL;
	return location;
}

static int put(const struct gw_api_request *req, const json_t *body, struct gw_api_reply *reply, struct gw_error *err)
{
	struct gw_control_op op = {
		.method = "PUT",
		.path = req->rest,
		.body = body,
		.if_match = req->if_match,
		.if_none_match = req->if_none_match,
	};
	size_t failed;
	int r = gw_control_submit(req->service->control, req->who, &op, 1, &failed, err);

	if (r < 0)
		return r;
	reply->location = location_of(req, op.resource);
	reply_resource(req, op.existed ? 200 : 201, op.resource, "Updating", reply);
	return gw_api_promise(req, reply, err);
}

static int read_body(const struct gw_api_request *req, void **ret, struct gw_error *err)
{
	json_t *body = NULL;
	int r = gw_api_require_controller(req, err);

	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &body, err);
	if (r == 0)
		*ret = body;
	return r;
}

static void put_body(const struct gw_api_request *req, void *body, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (put(req, body, reply, &err) < 0) {
		gw_api_reply_done(reply);
		refuse(reply, &err);
	}
}

static void let_go_of_body(void *body)
{
	json_decref(body);
}

static const struct gw_api_reading put_reading = {read_body, put_body, let_go_of_body};

static void on_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	void *body = NULL;

	if (read_body(req, &body, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	put_body(req, body, reply);
	let_go_of_body(body);
}

void gw_api_resource_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	if (req->body_len > LIGHT_BODY)
		gw_api_read_in_background(req, reply, &put_reading);
	else if (changes_much(req))
		gw_api_in_background(req, reply, GW_API_USES_CONTROL, on_put, NULL);
	else
		on_put(req, reply);
}

static void on_delete(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_control_op op = {.method = "DELETE", .path = req->rest, .if_match = req->if_match};
	struct gw_error err = GW_ERROR_INIT;
	size_t failed;
	int r = gw_api_require_controller(req, &err);

	if (r == 0)
		r = gw_control_submit(req->service->control, req->who, &op, 1, &failed, &err);
	if (r == 0) {
		reply->status = op.existed ? 202 : 204;
		r = gw_api_promise(req, reply, &err);
	}
	if (r < 0)
		refuse(reply, &err);
}

void gw_api_resource_delete(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	if (changes_much(req))
		gw_api_in_background(req, reply, GW_API_USES_CONTROL, on_delete, NULL);
	else
		on_delete(req, reply);
}
