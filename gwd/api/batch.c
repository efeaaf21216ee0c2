/*
 * batch.c - POST /hnv/batch: a list of puts and deletes that is
 * carried out as a whole or not at all. Called by the router.
 *
 * The answer to what is wrong names the element: "[17].body.properties.MACAddress". A long list is read on a thread; it is carried
 * out on the loop, as drivers are the loop's.
 */
#include "api/element.h"
#include "api/hnv.h"
#include "api/router.h"

#include "base/cleanup.h"
#include "base/percent.h"
#include "control/control.h"
#include "model/hnv_schema.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#define LIGHT_BODY 16384      /* bytes of a batch that the loop reads by itself */
#define TRIM_FROM  (1U << 20) /* from which on the heap is worth a look afterwards */

struct seen {
	struct gw_hmap_node node;
	const struct gw_hnv_object *object;
	size_t index;
};

/* "/hnv/KIND/ID", also with /networking/v1 in front. *ret_id points into `path`; NULL when there is only the kind. */
static int parse_path(char *path, enum gw_hnv_kind *ret_kind, const char **ret_id, struct gw_error *err)
{
	static const char prefix[] = GW_API_PREFIX, hnv[] = "/hnv/";
	char *id;

	if (!strncasecmp(path, prefix, sizeof prefix - 1))
		path += sizeof prefix - 1;
	if (strncasecmp(path, hnv, sizeof hnv - 1) != 0)
		goto bad;
	path += sizeof hnv - 1;
	id = strchr(path, '/');
	if (id)
		*id++ = '\0';
	if (id && (strchr(id, '/') || gw_percent_decode(id) < 0))
		goto bad;
	if (gw_percent_decode(path) < 0 || gw_hnv_kind_parse(path, ret_kind) < 0)
		goto bad;
	*ret_id = id && *id ? id : NULL;
	return 0;
bad:
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "path",
			    "must be /hnv/KIND/ID, where KIND is lookupRecords, customerRoutes, providerAddresses, "
			    "providerRoutes or ports");
}

static int read_op(json_t *j, const struct gw_config *config, struct gw_hnv_op *op, struct gw_error *err)
{
	_cleanup_free_ char *path = NULL;
	struct gw_api_element e = {.path = ""};
	enum gw_hnv_kind kind = GW_HNV_KIND_MAX;
	const char *id = NULL;
	int r;

	r = gw_api_element_read(j, false, &e, err);
	if (r < 0)
		return r;
	path = strdup(e.path);
	if (!path)
		return gw_error_oom(err);
	r = parse_path(path, &kind, &id, err);
	if (r < 0)
		return r;
	if (e.is_delete) {
		op->is_delete = true;
		if (!id)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "path", "DELETE needs an id");
		r = gw_hnv_decode_id(kind, id, &op->object, err);
		if (r < 0)
			err->target[0] = '\0', gw_error_prefix(err, "path");
		return r;
	}
	r = gw_hnv_decode(kind, id, e.body, config, &op->object, err);
	if (r < 0)
		gw_error_prefix(err, "body%s", *err->target ? "." : "");
	return r;
}

/* What one batch should do with a key it must say once. */
static int refuse_repetition(struct gw_hmap *keys, struct seen *seen, size_t index, const struct gw_hnv_object *o,
			     struct gw_error *err)
{
	uint32_t hash = gw_hnv_key_hash(o);
	char id[GW_ID_STRLEN];

	GW_HMAP_FOR_EACH_HASH (node, keys, hash) {
		const struct seen *other = GW_CONTAINER_OF(node, struct seen, node);

		if (gw_hnv_same_key(other->object, o))
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "path",
					    "%s %s is already in element [%zu] of this batch",
					    gw_hnv_kind_name(o->kind), gw_hnv_id(o, id), other->index);
	}
	seen->object = o;
	seen->index = index;
	return gw_hmap_insert(keys, &seen->node, hash) < 0 ? gw_error_oom(err) : 0;
}

static int read_ops(json_t *list, const struct gw_config *config, struct gw_hnv_op *ops, size_t n, struct gw_error *err)
{
	struct seen *seen = calloc(n, sizeof *seen);
	struct gw_hmap keys = {0};
	int r = 0;

	if (!seen)
		return gw_error_oom(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = read_op(json_array_get(list, i), config, &ops[i], err);
		assert(r < 0 || ops[i].object);
		if (r == 0)
			r = refuse_repetition(&keys, &seen[i], i, ops[i].object, err);
		if (r < 0)
			gw_error_prefix(err, *err->target ? "[%zu]." : "[%zu]", i);
	}
	gw_hmap_done(&keys);
	free(seen);
	return r;
}

/* Where submit says which element it is, put its path in front of the property. */
static void name_element(struct gw_error *err, const struct gw_hnv_op *ops, size_t n, size_t failed)
{
	if (failed >= n)
		return;
	if (ops[failed].is_delete)
		err->target[0] = '\0';
	gw_error_prefix(err, *err->target ? "[%zu].body." : "[%zu]", failed);
}

/* --- one batch ---------------------------------------------------------------------------------------------------- */

struct batch {
	struct gw_control_waiter waiter; /* first */
	uv_work_t work;
	struct gw_api_request req;
	struct gw_config config; /* of the moment */
	struct gw_api_deferred *later;
	struct gw_hnv_op *ops;
	size_t n;
	struct gw_error error; /* of reading */
	int result;
};

/* Needs nothing of the node's. */
static int read_batch(struct batch *b, struct gw_error *err)
{
	json_t *list = NULL;
	int r = gw_api_parse_json(b->req.body, b->req.body_len, &list, err);

	if (r < 0)
		return r;
	if (!json_is_array(list)) {
		r = gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "", "a batch is an array of puts and deletes");
	} else {
		size_t n = json_array_size(list);

		b->ops = calloc(n ? n : 1, sizeof *b->ops);
		b->n = b->ops ? n : 0;
		r = b->ops ? 0 : gw_error_oom(err);
		if (r == 0 && n > 0)
			r = read_ops(list, &b->config, b->ops, n, err);
	}
	json_decref(list);
	/* A JSON document takes ten times the room of its text, and objects that stay were allocated behind it. */
	if (b->req.body_len >= TRIM_FROM)
		malloc_trim(0);
	return r;
}

static int submit(struct batch *b, struct gw_api_reply *reply, struct gw_error *err)
{
	const struct gw_service *service = b->req.service;
	size_t failed = b->n;
	int r = gw_api_hnv_may_change(service, err);

	if (r == 0 && b->n)
		r = service->submit(service->ctx, b->ops, b->n, &failed, err);
	if (r < 0)
		name_element(err, b->ops, b->n, failed);
	else
		gw_api_reply_json(reply, 200,
				  json_pack("{s:I, s:I}", "applied", (json_int_t)b->n, "revision",
					    (json_int_t)service->revision(service->ctx)));
	return r;
}

static void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		gw_hnv_object_free(b->ops[i].object);
	free(b->ops);
	free(b);
}

/* With what it has come to; `err` when it has been refused. */
static void answer(struct batch *b, struct gw_api_reply *reply, const struct gw_error *err)
{
	if (err)
		gw_api_reply_error(reply, err);
	gw_api_answer(b->later, reply);
	batch_free(b);
}

/* On the loop: the controller's turn, where there is one, as any request's. */
static void on_turn(struct gw_control_waiter *waiter, const struct gw_error *why)
{
	struct batch *b = (struct batch *)waiter;
	struct gw_control *control = b->req.service->control;
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api_reply reply = {0};

	if (why) {
		answer(b, &reply, why);
	} else if (control && !gw_control_is_open_for(control, GW_CONTROL_READS)) {
		gw_control_queue(control, &b->waiter);
	} else {
		answer(b, &reply, submit(b, &reply, &err) < 0 ? &err : NULL);
	}
}

static void on_work(uv_work_t *work)
{
	struct batch *b = work->data;

	b->result = read_batch(b, &b->error);
}

static void on_worked(uv_work_t *work, int status)
{
	struct batch *b = work->data;

	(void)status;
	if (b->later->gone) /* and with the server what it would change */
		answer(b, &(struct gw_api_reply){0}, NULL);
	else if (b->result < 0)
		answer(b, &(struct gw_api_reply){0}, &b->error);
	else
		on_turn(&b->waiter, NULL);
}

/* Reading a long list takes longer than the loop may be kept busy. */
static bool read_on_thread(struct batch *b)
{
	if (b->req.body_len <= LIGHT_BODY || !b->req.loop || !(b->later = gw_api_defer(&b->req)))
		return false;
	b->req.defer = NULL;
	b->work.data = b;
	b->waiter = (struct gw_control_waiter){.turn = GW_CONTROL_READS, .done = on_turn};
	if (uv_queue_work(b->req.loop, &b->work, on_work, on_worked) < 0)
		on_work(&b->work), on_worked(&b->work, 0); /* no thread: then here and now */
	return true;
}

void gw_api_hnv_batch(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;
	struct batch *b = calloc(1, sizeof *b);
	int r;

	if (!b) {
		gw_error_oom(&err);
		gw_api_reply_error(reply, &err);
		return;
	}
	b->req = *req;
	b->config = *req->service->config;
	if (read_on_thread(b))
		return;
	r = read_batch(b, &err);
	if (r == 0)
		r = submit(b, reply, &err);
	if (r < 0)
		gw_api_reply_error(reply, &err);
	batch_free(b);
}
