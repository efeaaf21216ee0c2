/*
 * turn.c - when what was fetched is carried out, and what failed tried again: when the store is nobody else's. Called by follow.c
 * with an answer that is whole, by the timer, and by whoever lends the turn.
 */
#include "sync/private.h"

#include <inttypes.h>
#include <string.h>

#define SOON_MS 50
#define MORE_MS 1	 /* until the next slices; of nothing, libuv would make one turn of all */
#define TURN_NS 4000000u /* of slices, with whatever the last one takes, before the loop goes on with all else */

static void end_round(struct gw_sync *s)
{
	bool untried = false;
	size_t carried = gw_round_end(s->round, &untried);
	/* What was in the way of what failed may have gone with the rest. */
	bool soon = untried || (carried > 0 && gw_sync_failed(s) <= GW_SYNC_FAILURES);

	s->round = NULL;
	if (s->had_failed && !gw_sync_failed(s))
		gw_log_notice("all that the controller wants is so now");
	if (gw_sync_failed(s))
		uv_timer_start(&s->retry, gw_sync_on_retry, soon ? SOON_MS : s->times.retry_ms, 0);
	else
		uv_timer_stop(&s->retry);
}

/*
 * Only now is the revision reached. The position is nowhere but in memory: who ends in between asks for everything when it begins anew,
 * and finds some of it done.
 */
static void reach(struct gw_sync *s)
{
	memcpy(s->epoch, s->taken_epoch, sizeof s->epoch);
	s->revision = s->taken_revision;
	s->has_position = true;
	gw_log_debug("controller: revision %" PRIu64 " is carried out, %zu of its changes are not", s->revision,
		     gw_sync_failed(s));
}

/* The whole answer is to be done; its pages are no more. */
static bool take_answer(struct gw_sync *s)
{
	struct gw_sync_answer *a = &s->answer;

	if (gw_changes_merge(&s->todo, a, s->params.service->intent) < 0)
		return false;
	memcpy(s->taken_epoch, a->epoch, sizeof s->taken_epoch);
	s->taken_revision = a->revision;
	return true;
}

static void begin_round(struct gw_sync *s)
{
	bool complete = s->complete, all = s->retrying;

	s->had_failed = gw_sync_failed(s) > 0;
	s->complete = s->retrying = s->taken = false;
	s->round = gw_round_new(&s->todo, s->params.service, s->configured, all);
	if (s->round && complete)
		s->taken = take_answer(s);
	if (complete && !s->taken) {
		gw_log_error("no memory for what the controller wants, will ask again");
		s->round = gw_round_free(s->round);
		gw_sync_not_taken(s);
	}
	if (!s->round && gw_sync_failed(s)) /* as it was to be tried again */
		uv_timer_start(&s->retry, gw_sync_on_retry, s->times.retry_ms, 0);
}

static void go(void *arg, const struct gw_error *why)
{
	uint64_t until = uv_hrtime() + TURN_NS;
	struct gw_sync *s = arg;
	bool taken;

	s->turn = false;
	if (why) /* gwd ends */
		return;
	if (!s->round && (s->complete || s->retrying))
		begin_round(s);
	if (!s->round)
		return;
	if (uv_hrtime() >= until || gw_round_go_on(s->round, until)) {
		uv_timer_start(&s->more, gw_sync_on_more, MORE_MS, 0);
		return;
	}
	end_round(s);
	taken = s->taken;
	s->taken = false;
	if (taken)
		reach(s);
	gw_sync_report(s);
	if (taken)
		gw_sync_carried_out(s);
	if (s->complete || s->retrying) /* meanwhile */
		uv_timer_start(&s->more, gw_sync_on_more, MORE_MS, 0);
}

static void await_turn(struct gw_sync *s)
{
	if (s->turn)
		return;
	s->turn = true;
	if (s->params.await_turn)
		s->params.await_turn(s->params.ctx, go, s);
	else
		go(s, NULL);
}

void gw_sync_on_more(uv_timer_t *timer)
{
	await_turn(timer->data);
}

void gw_sync_await_turn(struct gw_sync *s)
{
	if (!s->round)
		await_turn(s);
}

static const char *interface_of(const struct gw_hnv_object *o)
{
	switch (o->kind) {
	case GW_HNV_PORT:
		return o->port.interface;
	case GW_HNV_PROVIDER_ADDRESS:
		return o->paddr.interface;
	case GW_HNV_PROVIDER_ROUTE:
		return o->proute.interface;
	default:
		return "";
	}
}

/* Before all else that failed. Several interfaces come at a time when a machine starts. */
static void retry_for(struct gw_sync *s, const char *interface)
{
	bool due = uv_is_active((uv_handle_t *)&s->retry) && uv_timer_get_due_in(&s->retry) <= SOON_MS, any = false;

	GW_HMAP_FOR_EACH (node, &s->todo.items) {
		struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);

		if (item->failed && !item->unreadable && !strcmp(interface_of(item->object), interface)) {
			item->order = 0;
			any = true;
		}
	}
	if (any && !due)
		uv_timer_start(&s->retry, gw_sync_on_retry, SOON_MS, 0);
}

/* It is a port's, or a provider address is on it. */
static bool is_told_of(const struct gw_intent *intent, const char *interface)
{
	const struct gw_hnv_object *o = NULL;

	while ((o = gw_intent_next(intent, GW_HNV_PROVIDER_ADDRESS, o)))
		if (!strcmp(o->paddr.interface, interface))
			return true;
	return gw_intent_port(intent, interface);
}

void gw_sync_link_changed(struct gw_sync *s, const char *interface, bool removed)
{
	if (is_told_of(s->params.service->intent, interface))
		gw_sync_report_details(s);
	if (!removed)
		retry_for(s, interface);
}

void gw_sync_on_retry(uv_timer_t *timer)
{
	struct gw_sync *s = timer->data;

	s->retrying = true;
	gw_sync_await_turn(s);
}
