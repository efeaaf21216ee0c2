/*
 * resource.c - the resources of the gateway provider API under their paths: GET of one or of a collection, PUT, DELETE.
 * Called by the router; what a path means, who may see it and what a change needs is the controller's (control/).
 */
#include "api/router.h"

#include "base/cleanup.h"
#include "control/control.h"
#include "model/etag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOP_MAX 1000

int gw_api_require_controller(const struct gw_api_request *req, struct gw_error *err)
{
	if (req->service->control)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "",
			    "this node is no controller: its records are below " GW_API_PREFIX
			    "/hnv; [node] roles says what it is");
}

/* --- collections -------------------------------------------------------------------------------------------------- */

struct page {
	const struct gw_resource **r;
	size_t n, room;
};

static int by_id(const void *a, const void *b)
{
	const struct gw_resource *x = *(const struct gw_resource *const *)a, *y = *(const struct gw_resource *const *)b;
	int c = strcasecmp(x->id, y->id);

	return c ? c : memcmp(&x->instance, &y->instance, sizeof x->instance);
}

/* "?tenantId=a" of the request, or "". */
static const char *qualifier(const struct gw_api_request *req)
{
	const char *s = strchr(req->rest, '?');

	return s ? s : "";
}

/* Everything of the kind behind the token that the asker may see, of the tenant that he names, in the order of the ids. */
static int collect(const struct gw_api_request *req, const struct gw_resource *parent, enum gw_kind kind,
		   struct page *ret, struct gw_error *err)
{
	const struct gw_catalog *c = gw_control_catalog(req->service->control);
	const char *named = strchr(qualifier(req), '='), *tenant;
	const struct gw_resource *r = NULL;

	while ((r = gw_catalog_next(c, parent, kind, r))) {
		tenant = gw_resource_tenant(r);
		if (!gw_control_sees(req->who, r) || (req->skip_token && strcasecmp(r->id, req->skip_token) <= 0) ||
		    (named && (!tenant || strcmp(tenant, named + 1) != 0)))
			continue;
		if (ret->n == ret->room) {
			size_t room = ret->room ? 2 * ret->room : 64;
			const struct gw_resource **larger = realloc(ret->r, room * sizeof *larger);

			if (!larger)
				return gw_error_oom(err);
			ret->r = larger;
			ret->room = room;
		}
		ret->r[ret->n++] = r;
	}
	if (ret->n > 0)
		qsort(ret->r, ret->n, sizeof *ret->r, by_id);
	return 0;
}

static json_t *next_link(const struct gw_api_request *req, const char *last, size_t top)
{
	_cleanup_free_ char *escaped = gw_api_escape(last), *path = strdup(req->rest);

	if (!escaped || !path)
		return NULL;
	path[strcspn(path, "?")] = '\0';
	return json_sprintf(GW_API_PREFIX "%s?%s%s$top=%zu&$skipToken=%s", path,
			    *qualifier(req) ? qualifier(req) + 1 : "", *qualifier(req) ? "&" : "", top, escaped);
}

static int list(const struct gw_api_request *req, const struct gw_resource *parent, enum gw_kind kind,
		struct gw_api_reply *reply, struct gw_error *err)
{
	const struct gw_catalog *c = gw_control_catalog(req->service->control);
	struct page page = {0};
	json_t *body, *value;
	size_t top = 0;
	int r = gw_api_parse_top(req->top, TOP_MAX, &top, err);

	if (r == 0)
		r = collect(req, parent, kind, &page, err);
	if (r < 0) {
		free(page.r);
		return r;
	}
	/* Names of several tenants may be the same: a page does not end among them. */
	while (top < page.n && !strcasecmp(page.r[top - 1]->id, page.r[top]->id))
		top++;
	body = json_object();
	value = json_array();
	for (size_t i = 0; i < page.n && i < top; i++)
		json_array_append_new(value, gw_resource_encode(c, page.r[i]));
	json_object_set_new(body, "value", value);
	if (page.n > top)
		json_object_set_new(body, "nextLink", next_link(req, page.r[top - 1]->id, top));
	free(page.r);
	gw_api_reply_json(reply, 200, body);
	return 0;
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
		return list(req, r, kind, reply, err);
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

void gw_api_resource_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (get(req, reply, &err) < 0)
		gw_api_reply_error(reply, &err);
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

static int put(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	struct gw_control_op op = {
		.method = "PUT",
		.path = req->rest,
		.if_match = req->if_match,
		.if_none_match = req->if_none_match,
	};
	_cleanup_free_ char *path = NULL;
	json_t *body = NULL;
	size_t failed;
	int r = gw_api_require_controller(req, err);

	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &body, err);
	if (r < 0)
		return r;
	op.body = body;
	r = gw_control_submit(req->service->control, req->who, &op, 1, &failed, err);
	json_decref(body);
	if (r < 0)
		return r;
	path = gw_resource_path(op.resource);
	if (path && asprintf(&reply->location, GW_API_PREFIX "%s", path) < 0)
		reply->location = NULL;
	reply_resource(req, op.existed ? 200 : 201, op.resource, "Updating", reply);
	return gw_api_promise(req, reply, err);
}

void gw_api_resource_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (put(req, reply, &err) < 0) {
		gw_api_reply_done(reply);
		refuse(reply, &err);
	}
}

void gw_api_resource_delete(const struct gw_api_request *req, struct gw_api_reply *reply)
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
