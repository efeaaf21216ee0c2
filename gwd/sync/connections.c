/*
 * connections.c - how the connections of virtual gateways are, for the report. Called by gateway.c.
 *
 *     {"33333333-0000-0000-0000-000000000001": {"state": "Ready", "connectionState": "Connected", "connectionUpTime": 700,
 *                                               "statistics": {"outboundBytes": 7, ...}}}
 *
 * By their ids, in the words of the provider API, from what drivers describe: tx is what goes out of the virtual gateway. What was
 * dropped because of a limit of its rate is part of what was dropped altogether.
 */
#include "sync/private.h"

#include "base/when.h"

#include <string.h>
#include <time.h>

/* Drops of what virtual gateways sent; all others are of what came for them. */
static bool is_outbound(const char *reason)
{
	static const char *const names[] = {"NoConnection", "NoSegment", "Land", "Malformed"};

	for (size_t i = 0; reason && i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], reason))
			return true;
	return false;
}

static json_int_t number(const json_t *from, const char *name)
{
	return json_integer_value(json_object_get(from, name));
}

static json_t *statistics(const json_t *told)
{
	const json_t *counters = json_object_get(told, "counters"), *drops = json_object_get(told, "dropReasons"), *one;
	json_int_t tx = number(told, "outboundRateLimitedDrops"), rx = number(told, "inboundRateLimitedDrops");
	json_int_t tx_limited = tx, rx_limited = rx;
	char when[GW_WHEN_STRLEN];
	size_t i;

	if (!counters)
		return NULL;
	json_array_foreach((json_t *)drops, i, one)
	{
		if (is_outbound(json_string_value(json_object_get(one, "reason"))))
			tx += number(one, "count");
		else
			rx += number(one, "count");
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "outboundBytes", number(counters, "txBytes"),
			 "inboundBytes", number(counters, "rxBytes"), "txTotalPacketsDropped", tx,
			 "rxTotalPacketsDropped", rx, "txRateKbps", number(told, "outboundRate"), "rxRateKbps",
			 number(told, "inboundRate"), "txRateLimitedPacketsDropped", tx_limited,
			 "rxRateLimitedPacketsDropped", rx_limited, "lastUpdated",
			 gw_when_format((int64_t)time(NULL), when));
}

static json_t *connection(const struct gw_service *service, const struct gw_hnv_object *o)
{
	static const char *const kept[] = {
		"state", "stateDetail", "connectionState", "connectionUpTime", "unreachabilityReason", "pathMtu"};
	json_t *told = json_object(), *one = json_object(), *counted;

	service->describe(service->ctx, o, told);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (json_object_get(told, kept[i]))
			json_object_set(one, kept[i], json_object_get(told, kept[i]));
	counted = statistics(told);
	if (counted)
		json_object_set_new(one, "statistics", counted);
	json_decref(told);
	return one;
}

void gw_sync_tell_connections(const struct gw_service *service, const struct gw_uuid *rdid, json_t *all)
{
	const struct gw_hnv_object *o = NULL;

	while ((o = gw_intent_next_of_domain(service->intent, GW_HNV_CONNECTION, rdid, o)) &&
	       json_object_size(all) < GW_WAY_LIMIT_MAX) {
		char text[GW_UUID_STRLEN];

		json_object_set_new(all, gw_uuid_format(&o->way.id, text), connection(service, o));
	}
}
