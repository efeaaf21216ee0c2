/*
 * metrics_gateway.c - what the virtual gateways that the node carries have carried, in Prometheus' text format. Called by metrics.c.
 *
 * Labels are the routing domain, of up to as many gateways as are told of, and names that drivers give to what they count, which are
 * few: how many samples there are is bounded.
 */
#include "api/metrics.h"

#define COUNTERS 24 /* of one gateway, in one family */

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* One member of one of its parts; there is no family without a sample. */
static const struct row {
	const char *part, *member, *name, *type, *help;
} rows[] = {
	{"outside", "sentPackets", "gwd_virtual_gateway_transmit_packets_total", "counter",
	 "Packets that a virtual gateway has sent to the outside."},
	{"outside", "sentBytes", "gwd_virtual_gateway_transmit_bytes_total", "counter",
	 "Bytes that a virtual gateway has sent to the outside."},
	{"outside", "receivedPackets", "gwd_virtual_gateway_receive_packets_total", "counter",
	 "Packets that a virtual gateway has got from outside."},
	{"outside", "receivedBytes", "gwd_virtual_gateway_receive_bytes_total", "counter",
	 "Bytes that a virtual gateway has got from outside."},
	{"nat", "trackedConnections", "gwd_virtual_gateway_tracked_connections", "gauge",
	 "Connections that a virtual gateway tracks."},
	{"nat", "trackedConnectionsLimit", "gwd_virtual_gateway_tracked_connections_limit", "gauge",
	 "Connections that a virtual gateway may track."},
	{"nat", "rules", "gwd_virtual_gateway_nat_rules", "gauge", "NAT rules of a virtual gateway."},
};

static void add_row(struct gw_metrics *m, const json_t *gateways, const struct row *row)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(gateways); i++) {
		const json_t *gateway = json_array_get(gateways, i),
			     *value = json_object_get(json_object_get(gateway, row->part), row->member);

		if (!json_is_number(value))
			continue;
		if (!any)
			gw_metrics_family(m, row->name, row->type, row->help);
		any = true;
		gw_metrics_sample(m, row->name, LABELS("routing_domain", text(gateway, "routingDomainId")),
				  json_number_value(value));
	}
}

/* {"sent": {"packets": 7, "bytes": 900}, ...} */
static void add_nat(struct gw_metrics *m, const json_t *gateways)
{
	static const char name[] = "gwd_virtual_gateway_nat_packets_total";
	bool any = false;

	for (size_t i = 0; i < json_array_size(gateways); i++) {
		const json_t *gateway = json_array_get(gateways, i);
		const char *what;
		json_t *value;
		unsigned n = 0;

		json_object_foreach(json_object_get(gateway, "nat"), what, value)
		{
			const json_t *packets = json_object_get(value, "packets");

			if (!json_is_number(packets) || n++ == COUNTERS)
				continue;
			if (!any)
				gw_metrics_family(m, name, "counter",
						  "Packets that NAT has seen, by what became of them.");
			any = true;
			gw_metrics_sample(m, name,
					  LABELS("routing_domain", text(gateway, "routingDomainId"), "outcome", what),
					  json_number_value(packets));
		}
	}
}

static void add_drops(struct gw_metrics *m, const json_t *gateways)
{
	static const char name[] = "gwd_virtual_gateway_dropped_packets_total";
	bool any = false;

	for (size_t i = 0; i < json_array_size(gateways); i++) {
		const json_t *gateway = json_array_get(gateways, i),
			     *list = json_object_get(json_object_get(gateway, "external"), "dropReasons");

		for (size_t k = 0; k < json_array_size(list) && k < COUNTERS; k++) {
			const json_t *one = json_array_get(list, k);

			if (!any)
				gw_metrics_family(m, name, "counter",
						  "Packets of a virtual gateway that were dropped, by the reason.");
			any = true;
			gw_metrics_sample(m, name,
					  LABELS("routing_domain", text(gateway, "routingDomainId"), "reason",
						 text(one, "reason")),
					  json_number_value(json_object_get(one, "count")));
		}
	}
}

void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_api_told *told)
{
	if (!told->gateways)
		return;
	gw_metrics_family(m, "gwd_virtual_gateways", "gauge", "Virtual gateways that the node carries.");
	gw_metrics_sample(m, "gwd_virtual_gateways", NULL, (double)told->n_gateways);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		add_row(m, told->gateways, &rows[i]);
	add_nat(m, told->gateways);
	add_drops(m, told->gateways);
	gw_api_metrics_connections(m, told->gateways);
}
