/*
 * metrics_connection.c - what the connections of virtual gateways have carried, and how they are, in Prometheus' text format. Called by
 * metrics_gateway.c.
 *
 * Labels are the routing domain and the connection, of as many as metrics_many.c lets, states, directions and reasons for drops: how
 * many samples there are is bounded.
 */
#include "api/metrics.h"

#include <string.h>

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* Of all of them, whoever has samples of his own. */
static void add_states(struct gw_metrics *m, const struct gw_api_many *many)
{
	static const char *const states[] = {"Connected", "Connecting", "Disconnected", "Unknown"};
	unsigned n[sizeof states / sizeof *states] = {0};

	for (size_t at = 0; at < many->n; at++) {
		const char *state = text(many->all[at], "connectionState");
		size_t i = 0;

		while (i + 1 < sizeof states / sizeof *states && strcmp(state, states[i]) != 0)
			i++;
		n[i]++;
	}
	gw_metrics_family(m, "gwd_network_connections", "gauge",
			  "Connections of the virtual gateways that the node carries, by their state.");
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		gw_metrics_sample(m, "gwd_network_connections", LABELS("state", states[i]), n[i]);
	gw_metrics_family(m, "gwd_network_connections_summed", "gauge",
			  "Connections that have no samples of their own: they are in the sums of connection "
			  "\"" GW_API_METRICS_OTHERS "\".");
	gw_metrics_sample(m, "gwd_network_connections_summed", NULL, (double)(many->n - many->n_each));
}

/* Of what nobody asks for nothing is said. */
static bool is_up(const json_t *connection, double *ret)
{
	const char *state = text(connection, "connectionState");

	*ret = strcmp(state, "Connected") == 0;
	return *state && strcmp(state, "Unknown") != 0;
}

static const struct gw_api_many_family
	up = {NULL, NULL, "gwd_network_connection_up", "gauge",
	      "Whether the other side of a connection answers; of the others, how many do."},
	rows[] =
		{
			{"counters", "txPackets", "gwd_network_connection_transmit_packets_total", "counter",
			 "Packets that went out by a connection."},
			{"counters", "txBytes", "gwd_network_connection_transmit_bytes_total", "counter",
			 "Bytes that went out by a connection."},
			{"counters", "rxPackets", "gwd_network_connection_receive_packets_total", "counter",
			 "Packets that came in by a connection."},
			{"counters", "rxBytes", "gwd_network_connection_receive_bytes_total", "counter",
			 "Bytes that came in by a connection."},
},
	limited = {NULL, "direction", "gwd_network_connection_rate_limited_packets_total", "counter",
		   "Packets of a connection that were dropped because of its bandwidth, by direction."},
	drops = {NULL, "reason", "gwd_network_connection_dropped_packets_total", "counter",
		 "Packets of a connection that were dropped, by the reason."};

static json_t *limited_names(const json_t *connection)
{
	json_t *out = json_object_get(connection, "outboundRateLimitedDrops"),
	       *in = json_object_get(connection, "inboundRateLimitedDrops"), *all = json_object();

	if (json_is_number(out))
		json_object_set(all, "out", out);
	if (json_is_number(in))
		json_object_set(all, "in", in);
	return all;
}

static json_t *drop_names(const json_t *connection)
{
	return gw_api_many_reasons(json_object_get(connection, "dropReasons"));
}

void gw_api_metrics_connections(struct gw_metrics *m, const json_t *gateways)
{
	struct gw_api_many many;

	if (gw_api_many_init(&many, gateways, GW_API_BY_CONNECTION) < 0) {
		m->failed = true;
		return;
	}
	if (many.n) {
		add_states(m, &many);
		gw_api_many_values(m, &many, &up, is_up);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			gw_api_many_row(m, &many, &rows[i]);
		gw_api_many_names(m, &many, &limited, limited_names);
		gw_api_many_names(m, &many, &drops, drop_names);
	}
	gw_api_many_done(&many);
}
