/*
 * report.c - tells the controller how it went: what is carried out, what could not be, how the node and its drivers are. Over a
 * connection of its own, since the other one waits for changes. Called by the files beside it.
 *
 * Often enough to be true, and not so often that many nodes and many changes keep the controller busy: what happens while one report
 * is under way, or soon after it, is told by the next one. Details of many virtual gateways and ports are gathered over many turns of
 * the loop, and a thread makes the text of them; how far the node has come is told meanwhile.
 */
#include "sync/private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 15
#define FEW	64 /* ports, of which all is told at once */

/* A report with details of many, whose text a thread makes: of a thousand virtual gateways it is a megabyte. */
struct gw_sync_saying {
	uv_work_t work;
	struct gw_sync *sync;	 /* NULL: nobody wants it any more */
	json_t *report, *status; /* owned; parts of the one are of the other */
	char *text;		 /* owned */
};

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void arm(struct gw_sync *s)
{
	const struct gw_sync_times *t = &s->times;
	uint64_t now = uv_now(s->params.loop), soon = s->reported_ms + t->report_apart_ms, due;

	if (s->report || s->saying || s->state != GW_LINK_CONNECTED || (s->tour && !s->report_due))
		return;
	due = s->report_due || s->gateway ? soon
	      : s->details_due		  ? later(soon, s->detailed_ms + t->details_apart_ms)
					  : s->reported_ms + t->report_ms;
	uv_timer_start(&s->report_timer, gw_sync_on_report, due > now ? due - now : 0, 0);
}

void gw_sync_report(struct gw_sync *s)
{
	s->report_due = s->details_due = true;
	arm(s);
}

void gw_sync_report_details(struct gw_sync *s)
{
	s->details_due = true;
	arm(s);
}

/* Drivers come and go between states while they are at work: only what is another than was told is urgent. Ports may be other. */
void gw_sync_node_changed(struct gw_sync *s)
{
	const char *state, *message;

	s->params.service->state(s->params.service->ctx, &state, &message);
	if (strcmp(state, s->reported_state) != 0 || strcmp(message, s->reported_message) != 0)
		s->report_due = true;
	gw_sync_report_details(s);
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

json_t *gw_sync_counted(const json_t *list, const char *name)
{
	json_t *counts = json_object(), *entry;
	size_t i;

	json_array_foreach((json_t *)list, i, entry)
	{
		const char *key = json_string_value(json_object_get(entry, name));
		json_t *count = json_object_get(entry, "count");

		if (key && json_integer_value(count) > 0)
			json_object_set(counts, key, count);
	}
	return counts;
}

static json_t *ports(const json_t *list)
{
	static const char *const kept[] = {"state", "detail", "counters"};
	json_t *all = json_object(), *port;
	size_t i;

	json_array_foreach((json_t *)list, i, port)
	{
		const char *interface = json_string_value(json_object_get(port, "interface"));
		json_t *j = json_object();

		for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
			json_object_set(j, kept[k], json_object_get(port, kept[k]));
		if (interface)
			json_object_set(all, interface, j);
		json_decref(j);
	}
	return all;
}

/* {"192.0.2.1": "Up"}: the provider addresses that the engine receives at, and how the interface of each is. */
static json_t *addresses(const json_t *underlays)
{
	json_t *all = json_object(), *underlay, *address;
	size_t i, k;

	json_array_foreach((json_t *)underlays, i, underlay)
	{
		json_array_foreach(json_object_get(underlay, "addresses"), k, address)
		{
			json_object_set(all, json_string_value(address), json_object_get(underlay, "state"));
		}
	}
	return all;
}

/* Of all drivers; the node itself shows those that are more or longer. */
static json_t *warnings(const json_t *status)
{
	json_t *list = json_array(), *part, *warning;
	const char *driver;
	size_t i;

	json_object_foreach((json_t *)status, driver, part)
	{
		json_array_foreach(json_object_get(part, "warnings"), i, warning)
		{
			if (json_array_size(list) < GW_SYNC_WARNINGS &&
			    json_string_length(warning) < GW_SYNC_WARNINGLEN)
				json_array_append(list, warning);
		}
	}
	return list;
}

static void add_details(struct gw_sync *s, json_t *report)
{
	const struct gw_service *service = s->params.service;
	json_t *status = s->status, *engine = json_object_get(status, "engine");
	json_t *statistics =
		json_pack("{s:O*}", "objects", json_object_get(json_object_get(status, "node"), "objects"));

	json_object_set_new(report, "statistics", statistics);
	json_object_set_new(report, "warnings", warnings(status));
	gw_sync_tell_capabilities(service, status, s->gateway);
	json_object_set_new(report, "gateway", s->gateway);
	s->gateway = NULL;
	if (engine) {
		json_object_set_new(report, "addresses", addresses(json_object_get(engine, "underlays")));
		json_object_set_new(statistics, "packets",
				    gw_sync_counted(json_object_get(engine, "outcomes"), "name"));
		json_object_set_new(statistics, "drops", gw_sync_counted(json_object_get(engine, "drops"), "reason"));
		json_object_set_new(report, "ports", ports(json_object_get(engine, "ports")));
	}
}

static json_t *report_of(struct gw_sync *s, bool detailed)
{
	const struct gw_service *service = s->params.service;
	const char *state, *message;
	json_t *j;

	service->state(service->ctx, &state, &message);
	snprintf(s->reported_state, sizeof s->reported_state, "%s", state);
	snprintf(s->reported_message, sizeof s->reported_message, "%s", message);
	j = json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:o}", "epoch", s->epoch, "revision", (json_int_t)s->revision,
		      "version", GW_VERSION, "state", state, "message", message, "failed",
		      (json_int_t)gw_sync_failed(s), "failures", gw_sync_failures(s));
	if (detailed)
		add_details(s, j);
	return j;
}

static int send_text(struct gw_sync *s, const char *body)
{
	_cleanup_free_ char *path = gw_sync_path(s, "status");
	const struct gw_link_request request = {
		.method = "PUT",
		.path = path,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.seconds = SECONDS,
		.done = on_reported,
		.ctx = s,
	};
	struct gw_link_peer peer;

	if (!path || !body)
		return -ENOMEM;
	gw_sync_peer(s, &peer);
	return gw_link_ask(s->link, &peer, &request, &s->report, NULL);
}

static void on_work(uv_work_t *work)
{
	struct gw_sync_saying *w = work->data;

	w->text = json_dumps(w->report, JSON_COMPACT);
	json_decref(w->report);
	json_decref(w->status);
}

static void on_text(uv_work_t *work, int status)
{
	struct gw_sync_saying *w = work->data;
	struct gw_sync *s = w->sync;

	(void)status;
	if (s)
		s->saying = NULL;
	if (s && s->state == GW_LINK_CONNECTED && send_text(s, w->text) < 0)
		arm(s);
	free(w->text);
	free(w);
}

static bool is_much(const struct gw_sync *s)
{
	const struct gw_intent *in = s->params.service->intent;

	return gw_intent_count(in, GW_HNV_VRF) > 0 || gw_intent_count(in, GW_HNV_PORT) > FEW;
}

static int send_report(struct gw_sync *s, bool detailed)
{
	struct gw_sync_saying *w = detailed && is_much(s) ? calloc(1, sizeof *w) : NULL, here = {0},
			      *say = w ? w : &here;
	int r;

	say->report = report_of(s, detailed);
	if (detailed) {
		say->status = s->status;
		s->status = NULL;
	}
	say->work.data = say;
	say->sync = s;
	if (w && uv_queue_work(s->params.loop, &w->work, on_work, on_text) == 0) {
		s->saying = w;
		return 0;
	}
	on_work(&say->work);
	r = send_text(s, say->text);
	free(say->text);
	free(w);
	return r;
}

/* Reading all of the counters takes its time where there are many ports. */
static bool on_more(void *ctx)
{
	struct gw_sync *s = ctx;
	const struct gw_service *service = s->params.service;

	return service->status_more && service->status_more(service->ctx, s->status, &s->place);
}

static void on_gateway(void *ctx, const struct gw_hnv_object *o)
{
	struct gw_sync *s = ctx;

	gw_sync_tell_gateway(s->params.service, o, s->gateway);
}

static void on_gathered(void *ctx)
{
	struct gw_sync *s = ctx;

	s->tour = NULL;
	arm(s);
}

static void forget_details(struct gw_sync *s)
{
	json_decref(s->gateway);
	json_decref(s->status);
	s->gateway = s->status = NULL;
}

/* What the details tell; where that is not much it is there at once. */
static void gather(struct gw_sync *s)
{
	const struct gw_service *service = s->params.service;
	const struct gw_tour_params params = {
		.loop = s->params.loop,
		.intent = service->intent,
		.kind = GW_HNV_VRF,
		.max = GW_VRF_LIMIT_MAX,
		.more = on_more,
		.see = on_gateway,
		.done = on_gathered,
		.ctx = s,
	};

	s->details_due = false;
	s->gateway = gw_sync_gateway();
	s->status = service->status(service->ctx);
	s->place = (struct gw_status_place){0};
	if (is_much(s)) {
		if (gw_tour_start(&params, &s->tour) < 0)
			forget_details(s); /* the next time */
		return;
	}
	while (on_more(s))
		;
}

void gw_sync_report_done(struct gw_sync *s)
{
	s->tour = gw_tour_cancel(s->tour);
	forget_details(s);
	if (s->saying)
		s->saying->sync = NULL;
	s->saying = NULL;
}

void gw_sync_on_report(uv_timer_t *timer)
{
	struct gw_sync *s = timer->data;
	uint64_t now = uv_now(s->params.loop);

	if (s->state != GW_LINK_CONNECTED) /* when it is again, a report is due */
		return;
	if (!s->has_position) { /* nor has it anything to tell before */
		s->reported_ms = now;
		s->report_due = s->details_due = false;
		arm(s);
		return;
	}
	if (!s->gateway && now - s->detailed_ms >= s->times.details_apart_ms && (s->details_due || !s->report_due))
		gather(s);
	if (s->tour && !s->report_due)
		return;
	s->reported_ms = now;
	s->report_due = false;
	if (s->gateway && !s->tour)
		s->detailed_ms = now;
	if (send_report(s, s->gateway && !s->tour) < 0)
		arm(s);
}
