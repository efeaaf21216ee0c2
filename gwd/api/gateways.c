/*
 * gateways.c - answers that tell of all virtual gateways of the node, of which there may be a thousand; see metrics.h. Called by
 * metrics.c and monitoring.c.
 *
 *   the handler: all else -> a tour: the rest of the status, each gateway, in its drivers' words -> a thread: the text of it all
 *   -> the answer
 */
#include "api/metrics.h"

#include "model/config.h"
#include "model/tour.h"

#include <stdlib.h>
#include <uv.h>

struct telling {
	struct gw_api_told told;
	void (*tell)(struct gw_api_told *told, struct gw_api_reply *reply);
	const struct gw_service *service;
	struct gw_api_deferred *later;
	struct uv_loop_s *loop;
	struct gw_tour *tour;
	struct gw_status_place place; /* as far as the status has come */
	struct gw_api_reply reply;
	uv_work_t work;
};

static void told_done(struct gw_api_told *told)
{
	json_decref(told->status);
	json_decref(told->gateways);
	gw_metrics_done(&told->metrics);
	told->status = told->gateways = NULL;
}

/* Of one virtual gateway; how many there may be is bounded by the limits of the intent. */
static json_t *connections(const struct gw_service *service, const struct gw_uuid *rdid)
{
	const struct gw_hnv_object *o = NULL;
	json_t *all = json_array();

	while ((o = gw_intent_next_of_domain(service->intent, GW_HNV_CONNECTION, rdid, o))) {
		char id[GW_UUID_STRLEN], domain[GW_UUID_STRLEN];
		json_t *j = json_pack("{s:s, s:s}", "connectionId", gw_uuid_format(&o->way.id, id), "routingDomainId",
				      gw_uuid_format(rdid, domain));

		service->describe(service->ctx, o, j);
		json_array_append_new(all, j);
	}
	return all;
}

static void add(struct gw_api_told *told, const struct gw_service *service, const struct gw_hnv_object *o)
{
	char rdid[GW_UUID_STRLEN];
	json_t *j = json_pack("{s:s, s:i}", "routingDomainId", gw_uuid_format(&o->vrf.rdid, rdid), "virtualSubnetId",
			      (int)o->vrf.vsid);

	service->describe(service->ctx, o, j);
	json_object_set_new(j, "connections", connections(service, &o->vrf.rdid));
	if (!told->gateways)
		told->gateways = json_array();
	json_array_append_new(told->gateways, j);
}

/* --- in turns ----------------------------------------------------------------------------------------------------- */

static bool more_status(const struct gw_service *service, json_t *status, struct gw_status_place *at)
{
	return service->status_more && service->status_more(service->ctx, status, at);
}

static bool on_more(void *ctx)
{
	struct telling *t = ctx;

	return more_status(t->service, t->told.status, &t->place);
}

static void on_gateway(void *ctx, const struct gw_hnv_object *o)
{
	struct telling *t = ctx;

	add(&t->told, t->service, o);
}

static bool is_wanted(void *ctx)
{
	const struct telling *t = ctx;

	return !t->later->gone;
}

static void on_work(uv_work_t *work)
{
	struct telling *t = work->data;

	t->tell(&t->told, &t->reply);
	gw_api_reply_print(&t->reply);
	told_done(&t->told);
}

static void on_worked(uv_work_t *work, int status)
{
	struct telling *t = work->data;

	(void)status;
	gw_api_answer(t->later, &t->reply);
	free(t);
}

static void on_all(void *ctx)
{
	struct telling *t = ctx;

	if (uv_queue_work(t->loop, &t->work, on_work, on_worked) < 0) { /* no thread: then here and now */
		on_work(&t->work);
		on_worked(&t->work, 0);
	}
}

/* False: it cannot be waited for. */
static bool begin(const struct gw_api_request *req, const struct gw_api_told *told,
		  void (*tell)(struct gw_api_told *told, struct gw_api_reply *reply))
{
	bool many = told->n_gateways > 0 || gw_intent_count(req->service->intent, GW_HNV_PORT) > 0;
	struct telling *t = req->loop && many ? calloc(1, sizeof *t) : NULL;
	const struct gw_tour_params params = {
		.loop = req->loop,
		.intent = req->service->intent,
		.kind = GW_HNV_VRF,
		.max = GW_VRF_LIMIT_MAX,
		.more = on_more,
		.see = on_gateway,
		.wanted = is_wanted,
		.done = on_all,
		.ctx = t,
	};

	if (!t || gw_tour_start(&params, &t->tour) < 0) {
		free(t);
		return false;
	}
	t->later = gw_api_defer(req);
	if (!t->later) {
		gw_tour_cancel(t->tour);
		free(t);
		return false;
	}
	t->told = *told;
	t->tell = tell;
	t->service = req->service;
	t->loop = req->loop;
	t->work.data = t;
	return true;
}

void gw_api_tell_gateways(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_api_told *told,
			  void (*tell)(struct gw_api_told *told, struct gw_api_reply *reply))
{
	struct gw_status_place place = {0};
	const struct gw_hnv_object *o = NULL;

	told->n_gateways = gw_intent_count(req->service->intent, GW_HNV_VRF);
	if (begin(req, told, tell))
		return;
	while (more_status(req->service, told->status, &place))
		;
	for (size_t n = 0; n < GW_VRF_LIMIT_MAX && (o = gw_intent_next(req->service->intent, GW_HNV_VRF, o)); n++)
		add(told, req->service, o);
	tell(told, reply);
	told_done(told);
}
