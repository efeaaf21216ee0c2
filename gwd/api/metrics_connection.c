/*
 * metrics_connection.c - what the connections of virtual gateways have carried, and how they are, in Prometheus' text format. Called by
 * metrics_gateway.c.
 *
 * Labels are the routing domain and the connection, of which a node takes so many ([limits] network_connections), states, directions
 * and reasons for drops: how many samples there are is bounded.
 */
#include "api/metrics.h"

#include <string.h>

#define REASONS 24 /* of one connection */

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* One after the other, of all gateways; false: that was the last. */
static bool next(const json_t *gateways, size_t *gateway, size_t *at, const json_t **ret)
{
	for (; *gateway < json_array_size(gateways); ++*gateway, *at = 0) {
		const json_t *all = json_object_get(json_array_get(gateways, *gateway), "connections");

		if (*at < json_array_size(all)) {
			*ret = json_array_get(all, (*at)++);
			return true;
		}
	}
	return false;
}

#define FOR_EACH(c, gateways) for (size_t gateway_ = 0, at_ = 0; next((gateways), &gateway_, &at_, &(c));)

/* There is no family without a sample. */
static void begin(struct gw_metrics *m, bool *any, const char *name, const char *type, const char *help)
{
	if (!*any)
		gw_metrics_family(m, name, type, help);
	*any = true;
}

static void add_states(struct gw_metrics *m, const json_t *gateways)
{
	static const char *const states[] = {"Connected", "Connecting", "Disconnected", "Unknown"};
	unsigned n[sizeof states / sizeof *states] = {0};
	bool any = false;
	const json_t *c;

	FOR_EACH(c, gateways)
	{
		const char *state = text(c, "connectionState");
		size_t i = 0;

		while (i + 1 < sizeof states / sizeof *states && strcmp(state, states[i]) != 0)
			i++;
		n[i]++;
		begin(m, &any, "gwd_network_connections", "gauge",
		      "Connections of the virtual gateways that the node carries, by their state.");
	}
	for (size_t i = 0; any && i < sizeof states / sizeof *states; i++)
		gw_metrics_sample(m, "gwd_network_connections", LABELS("state", states[i]), n[i]);
}

/* Of what nobody asks for nothing is said. */
static void add_up(struct gw_metrics *m, const json_t *gateways)
{
	static const char name[] = "gwd_network_connection_up";
	bool any = false;
	const json_t *c;

	FOR_EACH(c, gateways)
	{
		const char *state = text(c, "connectionState");

		if (!*state || !strcmp(state, "Unknown"))
			continue;
		begin(m, &any, name, "gauge", "Whether the other side of a connection answers.");
		gw_metrics_sample(
			m, name,
			LABELS("routing_domain", text(c, "routingDomainId"), "connection", text(c, "connectionId")),
			strcmp(state, "Connected") == 0);
	}
}

/* A member of it, or of its "counters". */
static const struct row {
	const char *member, *name, *direction, *help;
} rows[] = {
	{"txPackets", "gwd_network_connection_transmit_packets_total", NULL, "Packets that went out by a connection."},
	{"txBytes", "gwd_network_connection_transmit_bytes_total", NULL, "Bytes that went out by a connection."},
	{"rxPackets", "gwd_network_connection_receive_packets_total", NULL, "Packets that came in by a connection."},
	{"rxBytes", "gwd_network_connection_receive_bytes_total", NULL, "Bytes that came in by a connection."},
	{"outboundRateLimitedDrops", "gwd_network_connection_rate_limited_packets_total", "out",
	 "Packets of a connection that were dropped because of its bandwidth, by direction."},
	{"inboundRateLimitedDrops", "gwd_network_connection_rate_limited_packets_total", "in",
	 "Packets of a connection that were dropped because of its bandwidth, by direction."},
};

static void add_row(struct gw_metrics *m, const json_t *gateways, const struct row *row, bool *any)
{
	const json_t *c;

	FOR_EACH(c, gateways)
	{
		const json_t *value = json_object_get(row->direction ? c : json_object_get(c, "counters"), row->member);

		if (!json_is_number(value))
			continue;
		begin(m, any, row->name, "counter", row->help);
		gw_metrics_sample(m, row->name,
				  LABELS("routing_domain", text(c, "routingDomainId"), "connection",
					 text(c, "connectionId"), row->direction ? "direction" : NULL, row->direction),
				  json_number_value(value));
	}
}

static void add_drops(struct gw_metrics *m, const json_t *gateways)
{
	static const char name[] = "gwd_network_connection_dropped_packets_total";
	bool any = false;
	const json_t *c;

	FOR_EACH(c, gateways)
	{
		const json_t *list = json_object_get(c, "dropReasons");

		for (size_t i = 0; i < json_array_size(list) && i < REASONS; i++) {
			const json_t *one = json_array_get(list, i);

			begin(m, &any, name, "counter", "Packets of a connection that were dropped, by the reason.");
			gw_metrics_sample(m, name,
					  LABELS("routing_domain", text(c, "routingDomainId"), "connection",
						 text(c, "connectionId"), "reason", text(one, "reason")),
					  json_number_value(json_object_get(one, "count")));
		}
	}
}

void gw_api_metrics_connections(struct gw_metrics *m, const json_t *gateways)
{
	bool any = false;

	add_states(m, gateways);
	add_up(m, gateways);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		any = any && i > 0 && strcmp(rows[i].name, rows[i - 1].name) == 0; /* the same family goes on */
		add_row(m, gateways, &rows[i], &any);
	}
	add_drops(m, gateways);
}
