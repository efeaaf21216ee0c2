/*
 * resource_batch.c - POST /networking/v1/batch: a list of puts and deletes of resources that is carried out as a whole or not
 * at all. Called by the router.
 *
 * Elements may come in any order and refer to each other: deletes are carried out first, the deepest first, then puts, parents
 * before their children, the operator's own before those of tenants. The answer to what is wrong names the element:
 * "[17].body.properties.subnets[0].resourceId".
 */
#include "api/element.h"
#include "api/router.h"

#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One element, and where it stands in the list. */
struct step {
	struct gw_api_match match; /* of its path */
	struct gw_control_op op;
	size_t index, depth;
	bool is_delete;
	const char *tenant; /* whose it says to be, by its path or its body; "": nobody's in particular */
};

struct batch {
	json_t *list;
	struct step *steps; /* in the order in which they are carried out, once they are sorted */
	struct gw_control_op *ops;
	size_t n;
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The path of a request for it, as far as the router goes. */
static int read_path(const char *path, const char *method, struct gw_api_match *ret, struct gw_error *err)
{
	bool whole = !strncasecmp(path, GW_API_PREFIX "/", sizeof GW_API_PREFIX);
	struct gw_api_reply reply = {0};
	char *target = NULL;
	int r;

	if (asprintf(&target, "%s%s", whole ? "" : GW_API_PREFIX, path) < 0)
		return gw_error_oom(err);
	r = *path == '/' ? gw_api_match(method, target, ret, &reply) : -EINVAL;
	free(target);
	gw_api_reply_done(&reply);
	if (r == 0 && (ret->handler == gw_api_resource_put || ret->handler == gw_api_resource_delete))
		return 0;
	if (r == 0)
		gw_api_match_done(ret);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "path",
			    "must be that of a resource, as /virtualNetworks/blue/subnets/web");
}

static const json_t *member(const json_t *object, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (!strcasecmp(key, name))
			return value;
	}
	return NULL;
}

static const char *tenant_of(const char *path, const json_t *body)
{
	const char *qualifier = strchr(path, '?'), *s;

	if (qualifier)
		return strchr(qualifier, '=') + 1;
	s = json_string_value(member(member(body, "resourceMetadata"), "tenantId"));
	return s ? s : "";
}

static int read_step(json_t *j, struct step *s, struct gw_error *err)
{
	struct gw_api_element e = {0};
	int r = gw_api_element_read(j, true, &e, err);

	if (r < 0)
		return r;
	s->is_delete = e.is_delete;
	s->op = (struct gw_control_op){
		.method = e.is_delete ? "DELETE" : "PUT",
		.body = e.body,
		.if_match = e.if_match,
	};
	r = read_path(e.path, s->op.method, &s->match, err);
	if (r < 0)
		return r;
	s->op.path = s->match.rest;
	for (const char *c = s->op.path; *c && *c != '?'; c++)
		s->depth += *c == '/';
	s->tenant = tenant_of(s->op.path, e.body);
	return 0;
}

/* Ids have no letter case, tenants have. */
static int by_path(const void *a, const void *b)
{
	const struct step *s = *(struct step *const *)a, *t = *(struct step *const *)b;
	size_t n = strcspn(s->op.path, "?"), m = strcspn(t->op.path, "?");
	int c = strncasecmp(s->op.path, t->op.path, n < m ? n : m);

	if (c == 0 && n != m)
		c = n < m ? -1 : 1;
	return c ? c : strcmp(s->tenant, t->tenant);
}

/* A batch says once what becomes of a resource. */
static int refuse_repetition(struct batch *b, struct gw_error *err)
{
	struct step **sorted = calloc(b->n, sizeof *sorted);
	int r = 0;

	if (!sorted)
		return gw_error_oom(err);
	for (size_t i = 0; i < b->n; i++)
		sorted[i] = &b->steps[i];
	qsort(sorted, b->n, sizeof *sorted, by_path);
	for (size_t i = 1; r == 0 && i < b->n; i++) {
		size_t one = sorted[i - 1]->index, other = sorted[i]->index, later = one > other ? one : other;

		if (by_path(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		r = gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "path",
				 "%s is already in element [%zu] of this batch", b->steps[later].op.path,
				 one < other ? one : other);
		gw_error_prefix(err, "[%zu].", later);
	}
	free(sorted);
	return r;
}

static int by_turn(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->is_delete != y->is_delete)
		return x->is_delete ? -1 : 1;
	if (x->depth != y->depth)
		return (x->depth < y->depth) != x->is_delete ? -1 : 1;
	/* A name without an owner means a tenant's, if only he has it: it is not to meet one that this batch makes. */
	if (!*x->tenant != !*y->tenant)
		return *x->tenant ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

static int read_steps(struct batch *b, struct gw_error *err)
{
	for (size_t i = 0; i < b->n; i++) {
		int r = read_step(json_array_get(b->list, i), &b->steps[i], err);

		b->steps[i].index = i;
		if (r < 0) {
			gw_error_prefix(err, *err->target ? "[%zu]." : "[%zu]", i);
			return r;
		}
	}
	return refuse_repetition(b, err);
}

static void batch_free(void *what)
{
	struct batch *b = what;

	for (size_t i = 0; b->steps && i < b->n; i++)
		gw_api_match_done(&b->steps[i].match);
	free(b->steps);
	free(b->ops);
	json_decref(b->list);
	free(b);
}

static int read_list(const struct gw_api_request *req, struct batch *b, struct gw_error *err)
{
	int r = gw_api_require_controller(req, err);

	if (r == 0)
		r = gw_api_parse_json(req->body, req->body_len, &b->list, err);
	if (r < 0)
		return r;
	if (!json_is_array(b->list))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "", "a batch is an array of puts and deletes");
	b->n = json_array_size(b->list);
	b->steps = calloc(b->n ? b->n : 1, sizeof *b->steps);
	b->ops = calloc(b->n ? b->n : 1, sizeof *b->ops);
	if (!b->steps || !b->ops)
		return gw_error_oom(err);
	return b->n ? read_steps(b, err) : 0;
}

/* All that the list says by itself, in the order in which it is to be carried out. */
static int read_batch(const struct gw_api_request *req, void **ret, struct gw_error *err)
{
	struct batch *b = calloc(1, sizeof *b);
	int r = b ? read_list(req, b, err) : gw_error_oom(err);

	if (r < 0) {
		if (b)
			batch_free(b);
		return r;
	}
	qsort(b->steps, b->n, sizeof *b->steps, by_turn);
	for (size_t i = 0; i < b->n; i++)
		b->ops[i] = b->steps[i].op;
	*ret = b;
	return 0;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

/* Puts the element, and the member of it that is at fault, in front of the property. */
static void name_element(const struct step *s, struct gw_error *err)
{
	struct gw_error inner = *err;

	switch (err->code) {
	case GW_ERR_FORBIDDEN:
		if (*inner.target) /* the resource is for him, not the property */
			break;
		__attribute__((fallthrough));
	case GW_ERR_NOT_FOUND:
	case GW_ERR_METHOD_NOT_ALLOWED:
		err->target[0] = '\0';
		gw_error_prefix(err, "[%zu].path", s->index);
		return;
	case GW_ERR_PRECONDITION_FAILED:
		err->target[0] = '\0';
		gw_error_prefix(err, "[%zu].ifMatch", s->index);
		return;
	default:
		break;
	}
	if (!strcmp(inner.target, "tenantId")) { /* of the query; the body's is below resourceMetadata */
		err->target[0] = '\0';
		gw_error_prefix(err, "[%zu].path", s->index);
	} else if (*inner.target == '/') { /* a resource that cannot go, not a property of the body */
		gw_error_set(err, EBUSY, inner.code, "", "%s: %s", inner.target, inner.message);
		gw_error_prefix(err, "[%zu]", s->index);
	} else if (s->is_delete) {
		err->target[0] = '\0';
		gw_error_prefix(err, "[%zu]", s->index);
	} else {
		gw_error_prefix(err, *err->target ? "[%zu].body." : "[%zu].body", s->index);
	}
}

static const char *outcome(const struct step *s, const struct gw_control_op *op)
{
	if (s->is_delete)
		return op->existed ? "Deleted" : "Absent";
	if (!op->existed)
		return "Created";
	return op->changed ? "Changed" : "Unchanged";
}

static json_t *describe(const struct step *s, const struct gw_control_op *op)
{
	char etag[48], *path;
	json_t *j;

	if (s->is_delete)
		return json_pack("{s:s, s:s}", "resourceRef", op->path, "result", outcome(s, op));
	path = gw_resource_path(op->resource);
	gw_resource_etag(op->resource, etag);
	j = path ? json_pack("{s:s, s:s, s:s}", "resourceRef", path, "etag", etag, "result", outcome(s, op)) : NULL;
	free(path);
	return j;
}

/* In the order of the list that came. */
static json_t *answer(const struct batch *b)
{
	json_t *value = json_array();

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(value, json_null());
	for (size_t i = 0; i < b->n; i++)
		if (json_array_set_new(value, b->steps[i].index, describe(&b->steps[i], &b->ops[i])) < 0) {
			json_decref(value);
			return NULL;
		}
	return json_pack("{s:o}", "value", value);
}

static int submit(const struct gw_api_request *req, struct batch *b, struct gw_api_reply *reply, struct gw_error *err)
{
	size_t failed = b->n;
	int r = b->n ? gw_control_submit(req->service->control, req->who, b->ops, b->n, &failed, err) : 0;

	if (r < 0) {
		if (failed < b->n)
			name_element(&b->steps[failed], err);
		return r;
	}
	gw_api_reply_json(reply, 200, answer(b));
	return gw_api_promise(req, reply, err);
}

static void carry_out(const struct gw_api_request *req, void *what, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (submit(req, what, reply, &err) < 0) {
		gw_api_reply_done(reply);
		gw_api_reply_error(reply, &err);
	}
}

void gw_api_resource_batch(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	static const struct gw_api_reading reading = {read_batch, carry_out, batch_free};

	gw_api_read_in_background(req, reply, &reading);
}
