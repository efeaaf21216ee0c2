/*
 * report.c - tells the controller how it went: what is carried out, what could not be, how the node and its drivers are. Over a
 * connection of its own, since the other one waits for changes. Called by the files beside it.
 *
 * Often enough to be true, and not so often that many nodes and many changes keep the controller busy: what happens while one report
 * is under way, or soon after it, is told by the next one.
 */
#include "sync/private.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

#define SECONDS 15

static void arm(struct gw_sync *s)
{
	uint64_t due = s->reported_ms + (s->report_due ? s->times.report_apart_ms : s->times.report_ms);
	uint64_t now = uv_now(s->params.loop);

	if (!s->report)
		uv_timer_start(&s->report_timer, gw_sync_on_report, due > now ? due - now : 0, 0);
}

void gw_sync_report(struct gw_sync *s)
{
	s->report_due = true;
	arm(s);
}

/* Drivers come and go between states while they are at work: only what is another than was told is news. */
void gw_sync_node_changed(struct gw_sync *s)
{
	const char *state, *message;

	if (s->state != GW_LINK_CONNECTED)
		return;
	s->params.service->state(s->params.service->ctx, &state, &message);
	if (strcmp(state, s->reported_state) != 0 || strcmp(message, s->reported_message) != 0)
		gw_sync_report(s);
}

static void on_reported(void *ctx, const struct gw_link_answer *answer)
{
	struct gw_sync *s = ctx;
	struct gw_error said = GW_ERROR_INIT;
	bool refused = answer->status / 100 != 2;

	s->report = NULL;
	if (refused && answer->status)
		gw_sync_refusal(answer, &said);
	else if (refused)
		said = *answer->why;
	if (refused && !s->report_refused)
		gw_log_warning("controller: the node cannot report its state: %s", said.message);
	s->report_refused = refused;
	if (!refused)
		s->contact_ms = uv_now(s->params.loop);
	arm(s);
}

/* Of [{"count", ...}] those that count something, by name. */
static json_t *counted(const json_t *list, const char *name)
{
	json_t *some = json_object(), *entry;
	size_t i;

	json_array_foreach((json_t *)list, i, entry)
	{
		const char *key = json_string_value(json_object_get(entry, name));

		if (key && json_integer_value(json_object_get(entry, "count")) > 0)
			json_object_set(some, key, json_object_get(entry, "count"));
	}
	return some;
}

/* What is of as many parts as the node has ports would be too much for a controller of many nodes. */
static json_t *statistics(const struct gw_service *service)
{
	json_t *status = service->status(service->ctx), *engine = json_object_get(status, "engine");
	json_t *j = json_pack("{s:O*}", "objects", json_object_get(json_object_get(status, "node"), "objects"));

	if (engine) {
		json_object_set_new(j, "packets", counted(json_object_get(engine, "outcomes"), "name"));
		json_object_set_new(j, "drops", counted(json_object_get(engine, "drops"), "reason"));
	}
	json_decref(status);
	return j;
}

static char *body_of(struct gw_sync *s)
{
	const struct gw_service *service = s->params.service;
	const char *state, *message;
	json_t *j;
	char *text;

	service->state(service->ctx, &state, &message);
	snprintf(s->reported_state, sizeof s->reported_state, "%s", state);
	snprintf(s->reported_message, sizeof s->reported_message, "%s", message);
	j = json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:o, s:o}", "epoch", s->epoch, "revision",
		      (json_int_t)s->revision, "version", GW_VERSION, "state", state, "message", message, "failed",
		      (json_int_t)gw_sync_failed(s), "failures", gw_sync_failures(s), "statistics",
		      statistics(service));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return text;
}

void gw_sync_on_report(uv_timer_t *timer)
{
	struct gw_sync *s = timer->data;
	_cleanup_free_ char *path = NULL, *body = NULL;
	struct gw_link_request request = {.method = "PUT", .seconds = SECONDS, .done = on_reported, .ctx = s};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link_peer peer;

	s->report_due = false;
	s->reported_ms = uv_now(s->params.loop);
	if (s->state == GW_LINK_CONNECTED && s->has_position) {
		gw_sync_peer(s, &peer);
		path = gw_sync_path(s, "status");
		body = body_of(s);
		request.path = path;
		request.body = body;
		request.body_len = body ? strlen(body) : 0;
		if (path && body && gw_link_ask(s->link, &peer, &request, &s->report, &err) == 0)
			return;
	}
	arm(s);
}
