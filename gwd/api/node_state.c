/*
 * node_state.c - GET /servers/{id}/state: what a node has to hold, from its plan: everything, or what has changed since a revision that
 * the node says it holds; in pages, and when there is nothing yet, as soon as there is. Called by the router.
 *
 *     ?since=1200&epoch=9f..            -> {"epoch": "9f..", "full": false, "more": "0-3-4b0-...", "changes": [...]}
 *     ?since=1200&epoch=9f..&more=0-3.. -> {"epoch": "9f..", "full": false, "revision": 1207, "changes": [...]}
 *
 * Nothing is kept between pages: `more` is the place in the plan. A page is small, so that the loop can make it by itself.
 */
#include "api/auth.h"
#include "api/node.h"
#include "api/router.h"

#include "control/control.h"
#include "model/hnv_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#define PAGE	     256
#define WAIT_SECONDS 60

int gw_api_node_find(const struct gw_api_request *req, const struct gw_resource **ret, struct gw_error *err)
{
	const char *id = req->param[0];
	int r = gw_api_require_controller(req, err);

	if (r < 0)
		return r;
	if (req->who->access == GW_ACCESS_HOST && strcasecmp(req->who->name, id) != 0)
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
				    "%s is not %s: a node has to do with itself only", req->who->name, id);
	/* A token can be used from anywhere, and has no end: a node is who has the key of its certificate. */
	if (req->who->access == GW_ACCESS_HOST && req->who->proof != GW_PROOF_CERTIFICATE)
		return gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, "",
				    "a node shows its certificate here, which it gets by enrolling");
	*ret = gw_catalog_root(gw_control_catalog(req->service->control), NULL, GW_KIND_SERVER, id);
	if (*ret)
		return 0;
	return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, "", "there is no server %s: an operator makes it", id);
}

/* --- what is asked for -------------------------------------------------------------------------------------------- */

struct question {
	uint64_t since;
	unsigned wait; /* seconds */
	const char *more;
};

static int parse_number(const char *text, const char *name, uint64_t max, uint64_t *ret, struct gw_error *err)
{
	char *end;

	errno = 0;
	*ret = text ? strtoull(text, &end, 10) : 0;
	if (!text || (*text >= '0' && *text <= '9' && !*end && errno == 0 && *ret <= max))
		return 0;
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, name, "is a number up to %" PRIu64, max);
}

static int gone(struct gw_error *err)
{
	return gw_error_set(err, ESTALE, GW_ERR_GONE, "more",
			    "too much has changed meanwhile: begin with the first page again");
}

static int not_known(struct gw_error *err)
{
	return gw_error_set(
		err, EAGAIN, GW_ERR_UNAVAILABLE, "",
		"the controller has no memory to find out what the node is to hold: ask again later, and keep "
		"what there is");
}

static int read_question(const struct gw_api_request *req, struct question *ret, struct gw_error *err)
{
	const struct gw_api_query *query = &req->query;
	char epoch[17];
	uint64_t wait = 0;
	bool other;
	int r = parse_number(query->since, "since", INT64_MAX, &ret->since, err);

	if (r == 0)
		r = parse_number(query->wait, "wait", WAIT_SECONDS, &wait, err);
	if (r < 0)
		return r;
	snprintf(epoch, sizeof epoch, "%016" PRIx64, gw_control_epoch(req->service->control));
	other = query->epoch && strcasecmp(query->epoch, epoch) != 0;
	ret->wait = (unsigned)wait;
	ret->more = query->more;
	if (ret->more && (other || !query->epoch))
		return gone(err);
	if (other) /* revisions of another life mean nothing in this one */
		ret->since = 0;
	return 0;
}

/* --- a page ------------------------------------------------------------------------------------------------------- */

/* NULL is refused, which is how it is told that memory ran out. */
static int add(json_t *changes, json_t *change)
{
	return json_array_append_new(changes, change) < 0 ? -ENOMEM : 0;
}

static int on_put(void *ctx, const struct gw_hnv_object *o)
{
	return add(ctx, gw_hnv_change_encode_put(o));
}

static int on_gone(void *ctx, const struct gw_hnv_object *key)
{
	return add(ctx, gw_hnv_change_encode_delete(key));
}

static int on_forget(void *ctx, uint32_t vsid)
{
	return add(ctx, gw_hnv_change_encode_forget(vsid));
}

static int on_forget_gateway(void *ctx, const struct gw_uuid *rdid)
{
	return add(ctx, gw_hnv_change_encode_forget_gateway(rdid));
}

static int make_page(struct gw_control *k, struct gw_plan_cursor *cursor, json_t **ret, struct gw_error *err)
{
	json_t *changes = json_array();
	const struct gw_plan_visitor visitor = {.put = on_put,
						.gone = on_gone,
						.forget = on_forget,
						.forget_gateway = on_forget_gateway,
						.ctx = changes};
	char epoch[17], more[GW_PLAN_CURSOR_STRLEN];
	const struct gw_plan *plan = gw_control_plan(k);
	int r = changes && plan ? gw_plan_visit(plan, cursor, PAGE, &visitor) : -ENOMEM;

	if (r < 0) {
		json_decref(changes);
		return r == -ENOMEM ? gw_error_oom(err) : gone(err);
	}
	snprintf(epoch, sizeof epoch, "%016" PRIx64, gw_control_epoch(k));
	*ret = json_pack("{s:s, s:b, s:o}", "epoch", epoch, "full", cursor->whole, "changes", changes);
	if (r > 0)
		json_object_set_new(*ret, "more", json_string(gw_plan_cursor_format(cursor, more)));
	else
		json_object_set_new(*ret, "revision", json_integer((json_int_t)cursor->revision));
	return *ret ? 0 : gw_error_oom(err);
}

/* Deleted: its node is to hold nothing. */
static const struct gw_uuid gone_server;

static bool is_gone(const struct gw_uuid *server)
{
	return gw_uuid_equal(server, &gone_server);
}

static json_t *nothing(const struct gw_control *k, const struct gw_plan *plan)
{
	char epoch[17];

	snprintf(epoch, sizeof epoch, "%016" PRIx64, gw_control_epoch(k));
	return json_pack("{s:s, s:b, s:I, s:[]}", "epoch", epoch, "full", 1, "revision",
			 (json_int_t)gw_plan_revision(plan), "changes");
}

/* The first page of what there is since then; that there is nothing only of a server that is known to be gone (nil). */
static void answer(struct gw_control *k, const struct gw_uuid *server, uint64_t since, struct gw_api_reply *reply)
{
	const struct gw_plan *plan = gw_control_plan(k);
	struct gw_error err = GW_ERROR_INIT;
	struct gw_plan_cursor cursor;
	json_t *page = NULL;
	int r = 0;

	if (!plan || (!is_gone(server) && gw_plan_open(plan, server, since, &cursor) < 0))
		r = not_known(&err);
	else if (is_gone(server))
		page = nothing(k, plan);
	else
		r = make_page(k, &cursor, &page, &err);
	if (r == 0)
		gw_api_reply_json(reply, 200, page);
	else
		gw_api_reply_error(reply, &err);
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

struct waiting {
	struct gw_control_follower follower; /* first */
	uv_timer_t timer;
	const struct gw_service *service;
	struct gw_principal who;
	struct gw_api_deferred *later;
	char id[GW_RESOURCE_ID_MAX + 1];
};

static void on_closed(uv_handle_t *timer)
{
	free(timer->data);
}

/* The server may be gone by now, or another one may have its name. */
static void answer_now(const struct waiting *w, struct gw_api_reply *reply)
{
	struct gw_control *k = w->service->control;
	const struct gw_resource *found = gw_catalog_root(gw_control_catalog(k), NULL, GW_KIND_SERVER, w->id);
	struct gw_uuid server = found ? found->instance : gone_server;

	answer(k, &server, gw_uuid_equal(&server, &w->follower.server) ? w->follower.since : 0, reply);
}

/* Something has changed for the node, or it has waited long enough. */
static void end(struct waiting *w)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_api_reply reply = {0};

	gw_control_unfollow(&w->follower);
	if (!w->later->gone) {
		if (!gw_control_is_open_for(w->service->control, GW_CONTROL_READS))
			gw_error_set(&err, ECANCELED, GW_ERR_UNAVAILABLE, "", "gwd ends");
		else
			gw_auth_check_again(w->service->access, &w->who, &err);
		if (err.code != GW_ERR_NONE)
			gw_api_reply_error(&reply, &err);
		else
			answer_now(w, &reply);
	}
	gw_api_answer(w->later, &reply);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void on_change(struct gw_control_follower *f)
{
	end((struct waiting *)f);
}

static void on_time(uv_timer_t *timer)
{
	struct waiting *w = timer->data;

	/* What has been accepted and is not durable yet is not to be told of; it calls when it is. */
	if (gw_control_is_open_for(w->service->control, GW_CONTROL_READS))
		end(w);
	else
		uv_timer_start(timer, on_time, 10, 0);
}

/* Whether it could be made to wait. */
static bool wait_for_change(const struct gw_api_request *req, const struct gw_uuid *server, const struct question *q)
{
	struct waiting *w = req->loop ? calloc(1, sizeof *w) : NULL;

	if (!w || !(w->later = gw_api_defer(req))) {
		free(w);
		return false;
	}
	w->service = req->service;
	w->who = *req->who;
	strncat(w->id, req->param[0], sizeof w->id - 1);
	w->follower = (struct gw_control_follower){.server = *server, .since = q->since, .call = on_change};
	uv_timer_init(req->loop, &w->timer); /* cannot fail */
	w->timer.data = w;
	uv_timer_start(&w->timer, on_time, q->wait * UINT64_C(1000), 0);
	gw_control_follow(req->service->control, &w->follower);
	return true;
}

/* Whether nothing concerns the node that came after what it holds. */
static bool is_up_to_date(const struct gw_plan *plan, const struct gw_uuid *server, uint64_t since)
{
	struct gw_plan_cursor cursor;

	if (is_gone(server))
		return since > 0;
	return gw_plan_open(plan, server, since, &cursor) == 0 && !cursor.whole &&
	       gw_plan_node_revision(plan, server) <= since;
}

static int get(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_error *err)
{
	struct gw_control *k = req->service->control;
	const struct gw_resource *found = NULL;
	const struct gw_plan *plan;
	struct gw_plan_cursor cursor;
	struct question q = {0};
	struct gw_uuid server;
	json_t *page = NULL;
	int r = gw_api_node_find(req, &found, err);

	if (r == -ENOENT && k && gw_control_has_deleted_server(k, req->param[0]))
		r = 0;
	if (r == 0)
		r = read_question(req, &q, err);
	if (r < 0)
		return r;
	server = found ? found->instance : gone_server;
	if (req->who->access == GW_ACCESS_HOST) /* others who look at it do not make it live */
		gw_control_heard(k, &server);
	plan = gw_control_plan(k);
	if (!plan)
		return not_known(err);
	if (q.more) {
		if (gw_plan_cursor_parse(plan, &server, q.more, &cursor) < 0)
			return gone(err);
		r = make_page(k, &cursor, &page, err);
		if (r == 0)
			gw_api_reply_json(reply, 200, page);
		return r;
	}
	if (!q.wait || !is_up_to_date(plan, &server, q.since) || !wait_for_change(req, &server, &q))
		answer(k, &server, q.since, reply);
	return 0;
}

void gw_api_node_state(const struct gw_api_request *req, struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (get(req, reply, &err) < 0)
		gw_api_reply_error(reply, &err);
}
