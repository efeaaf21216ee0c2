/*
 * counted.c - what NAT rules at the public addresses of virtual gateways have counted, for the report. Called by gateway.c.
 *
 *     {"11111111-2222-3333-4444-000000000001": {"198.51.100.9": {"outboundConnections": 7, "inboundConnections": 2,
 *                                               "rules": {"Outbound-All-198.51.100.9-4096": 7, ...}}}}
 *
 * Of each virtual gateway, by the address outside, as drivers describe public addresses; records of one address, such as blocks of its
 * ports, are one here. What has counted nothing is left out, so that many rules that nobody uses take no room. Where "more" is true,
 * beside addresses or in one, others have counted that there was no room for: of what is not named nothing is known then. A virtual
 * gateway of which a driver does not know is not there.
 */
#include "sync/private.h"

#include "model/plain.h"

#include <string.h>

#define ROOM_ALL 16384 /* addresses that are looked at, and rules that are told of */
#define ROOM_MAX 2048  /* of one virtual gateway */
#define ROOM_MIN 4

static void add_number(json_t *to, const char *name, const json_t *from)
{
	json_int_t n = json_integer_value(json_object_get(to, name)) + json_integer_value(json_object_get(from, name));

	json_object_set_new(to, name, json_integer(n));
}

/* Numbers under the names of rules; as many as there is room for. */
static bool add_rules(json_t *to, const json_t *from, size_t *room)
{
	bool all = true;
	const char *name;
	json_t *n;

	json_object_foreach((json_t *)from, name, n)
	{
		if (!json_is_integer(n) || strlen(name) >= GW_PLAIN_NAMELEN)
			continue;
		if (*room > 0)
			json_object_set(to, name, n);
		else
			all = false;
		*room -= *room > 0;
	}
	return all;
}

static void add_address(json_t *all, const struct gw_prefix *prefix, const json_t *counters, size_t *room)
{
	static const char *const numbers[] = {"outboundConnections", "inboundConnections"};
	char text[GW_PREFIX_STRLEN], *len;
	json_t *one;

	gw_prefix_format(prefix, text);
	len = strchr(text, '/');
	if (prefix->len == (gw_addr_is_v4(&prefix->addr) ? 32 : 128))
		*len = '\0';
	one = json_object_get(all, text);
	if (!one) {
		one = json_pack("{s:{}}", "rules");
		json_object_set_new(all, text, one);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		add_number(one, numbers[i], counters);
	if (!add_rules(json_object_get(one, "rules"), json_object_get(counters, "rules"), room) ||
	    json_is_true(json_object_get(counters, "more")))
		json_object_set_new(one, "more", json_true());
}

static bool has_counted(const json_t *counters)
{
	return json_integer_value(json_object_get(counters, "outboundConnections")) > 0 ||
	       json_integer_value(json_object_get(counters, "inboundConnections")) > 0;
}

/* NULL: a driver cannot tell, or not yet. */
static json_t *of_gateway(const struct gw_service *service, const struct gw_uuid *rdid, size_t room)
{
	const struct gw_hnv_object *o = NULL;
	json_t *all = json_object();

	while ((o = gw_intent_next_of_domain(service->intent, GW_HNV_PUBLIC, rdid, o))) {
		json_t *said = json_object();
		const json_t *counters;

		if (room-- == 0) {
			json_object_set_new(all, "more", json_true());
			json_decref(said);
			break;
		}
		service->describe(service->ctx, o, said);
		counters = json_object_get(said, "counters");
		if (has_counted(counters))
			add_address(all, &o->public.prefix, counters, &room);
		if (!json_is_object(counters)) {
			json_decref(all);
			json_decref(said);
			return NULL;
		}
		json_decref(said);
	}
	return all;
}

void gw_sync_tell_counted(const struct gw_service *service, const struct gw_uuid *rdid, json_t *all)
{
	size_t n = gw_intent_count(service->intent, GW_HNV_VRF), room = n ? ROOM_ALL / n : 0;
	char text[GW_UUID_STRLEN];
	json_t *one;

	room = room > ROOM_MAX ? ROOM_MAX : room < ROOM_MIN ? ROOM_MIN : room;
	one = of_gateway(service, rdid, room);
	if (one)
		json_object_set_new(all, gw_uuid_format(rdid, text), one);
}
