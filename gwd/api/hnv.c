/*
 * hnv.c - /hnv/{kind}/{id}: the low-level records of this node (API-2), one at a time. Called by the router.
 *
 * A change is in the kernel and on disk when it is answered, so the provisioning state is always "Succeeded".
 */
#include "api/hnv.h"
#include "api/router.h"

#include "base/cleanup.h"
#include "base/percent.h"
#include "model/hnv_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void free_object(struct gw_hnv_object **o)
{
	gw_hnv_object_free(*o);
}

#define _cleanup_object_ _cleanup_(free_object)

int gw_api_hnv_kind(const struct gw_api_request *req, enum gw_hnv_kind *ret, struct gw_error *err)
{
	if (gw_hnv_kind_parse(req->param[0], ret) == 0)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "",
			    "there are no \"%s\"; there are lookupRecords, customerRoutes, providerAddresses, "
			    "providerRoutes and ports",
			    req->param[0]);
}

int gw_api_hnv_may_change(const struct gw_service *service, struct gw_error *err)
{
	if (service->manager)
		return gw_error_set(
			err, EEXIST, GW_ERR_CONFLICT, "",
			"the records of this node are managed by the controller at %s: change there what they "
			"are made of",
			service->manager);
	if (service->config->roles & GW_ROLES_OF_NODES)
		return 0;
	return gw_error_set(
		err, EEXIST, GW_ERR_CONFLICT, "",
		"this node is neither host nor gateway, as [node] roles says: nothing here would carry the record out");
}

/* The object that the path names, as a key. */
static int parse_key(const struct gw_api_request *req, struct gw_hnv_object **ret, struct gw_error *err)
{
	enum gw_hnv_kind kind = GW_HNV_KIND_MAX;
	int r = gw_api_hnv_kind(req, &kind, err);

	return r < 0 ? r : gw_hnv_decode_id(kind, req->param[1], ret, err);
}

json_t *gw_api_hnv_resource(const struct gw_service *service, const struct gw_hnv_object *o)
{
	json_t *j = gw_hnv_encode(o), *properties = json_object_get(j, "properties");

	if (properties) {
		json_object_set_new(properties, "provisioningState", json_string("Succeeded"));
		service->describe(service->ctx, o, properties);
	}
	return j;
}

static void reply_resource(const struct gw_api_request *req, unsigned status, const struct gw_hnv_object *o,
			   struct gw_api_reply *reply)
{
	gw_hnv_etag(o->revision, reply->etag);
	gw_api_reply_json(reply, status, gw_api_hnv_resource(req->service, o));
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

/* Turns If-Match and If-None-Match into what submit checks at the moment of the change. */
static void set_conditions(const struct gw_api_request *req, struct gw_hnv_op *op)
{
	const struct gw_hnv_object *now = gw_intent_get(req->service->intent, op->object);
	bool any;

	if (req->if_none_match) {
		any = !strcmp(req->if_none_match, "*");
		op->if_none_match = any || (now && gw_api_etag_listed(req->if_none_match, now->revision));
	}
	if (req->if_match) {
		any = !strcmp(req->if_match, "*");
		op->has_if_match = true;
		op->if_match =
			now && (any || gw_api_etag_listed(req->if_match, now->revision)) ? now->revision : UINT64_MAX;
	}
}

/* --- item --------------------------------------------------------------------------------------------------------- */

void gw_api_hnv_get(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	_cleanup_object_ struct gw_hnv_object *key = NULL;
	struct gw_error err = GW_ERROR_INIT;
	const struct gw_hnv_object *o;

	if (parse_key(req, &key, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	o = gw_intent_get(req->service->intent, key);
	if (!o) {
		gw_error_set(&err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no %s %s", gw_hnv_kind_name(key->kind),
			     req->param[1]);
		gw_api_reply_error(reply, &err);
		return;
	}
	if (req->if_match && strcmp(req->if_match, "*") != 0 && !gw_api_etag_listed(req->if_match, o->revision)) {
		gw_error_set(&err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match", "it has been changed meanwhile");
		gw_api_reply_error(reply, &err);
		return;
	}
	if (req->if_none_match &&
	    (!strcmp(req->if_none_match, "*") || gw_api_etag_listed(req->if_none_match, o->revision))) {
		gw_hnv_etag(o->revision, reply->etag);
		reply->status = 304;
		return;
	}
	reply_resource(req, 200, o, reply);
}

static int put(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	_cleanup_object_ struct gw_hnv_object *key = NULL, *object = NULL;
	_cleanup_free_ char *escaped = NULL;
	struct gw_hnv_op op = {0};
	enum gw_hnv_kind kind = GW_HNV_KIND_MAX;
	char id[GW_ID_STRLEN];
	size_t failed;
	json_t *body;
	bool existed;
	int r;

	r = gw_api_hnv_kind(req, &kind, err);
	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &body, err);
	if (r < 0)
		return r;
	r = gw_hnv_decode(kind, req->param[1], body, req->service->config, &object, err);
	json_decref(body);
	if (r < 0)
		return r;
	key = gw_hnv_object_copy(object);
	escaped = gw_percent_encode(gw_hnv_id(object, id), GW_API_PLAIN);
	if (!key || !escaped ||
	    asprintf(&reply->location, GW_API_PREFIX "/hnv/%s/%s", gw_hnv_kind_path(kind), escaped) < 0) {
		reply->location = NULL;
		return gw_error_oom(err);
	}
	existed = gw_intent_get(req->service->intent, key);
	op.object = object;
	set_conditions(req, &op);
	r = gw_api_hnv_may_change(req->service, err);
	if (r == 0)
		r = req->service->submit(req->service->ctx, &op, 1, &failed, err);
	object = op.object;
	if (r == 0)
		reply_resource(req, existed ? 200 : 201, gw_intent_get(req->service->intent, key), reply);
	return r;
}

void gw_api_hnv_put(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (put(req, reply, &err) < 0) {
		free(reply->location);
		reply->location = NULL;
		gw_api_reply_error(reply, &err);
	}
}

/* It is gone from the kernel when this answers. */
void gw_api_hnv_delete(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	_cleanup_object_ struct gw_hnv_object *key = NULL;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_op op = {.is_delete = true};
	size_t failed;
	bool existed;

	if (parse_key(req, &key, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	existed = gw_intent_get(req->service->intent, key);
	op.object = key;
	set_conditions(req, &op);
	if (gw_api_hnv_may_change(req->service, &err) < 0 ||
	    req->service->submit(req->service->ctx, &op, 1, &failed, &err) < 0) {
		gw_api_reply_error(reply, &err);
		return;
	}
	reply->status = existed ? 200 : 204;
}
