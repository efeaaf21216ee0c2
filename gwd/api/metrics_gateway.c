/*
 * metrics_gateway.c - what the virtual gateways that the node carries have carried, in Prometheus' text format. Called by metrics.c.
 *
 * Labels are the routing domain, of as many as metrics_many.c lets, and names that drivers give to what they count, which are few.
 */
#include "api/metrics.h"

/* Members of parts; there is no family without a sample. */
static const struct gw_api_many_family rows[] = {
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

/* {"sent": {"packets": 7, "bytes": 900}, ...} */
static json_t *nat_names(const json_t *gateway)
{
	json_t *all = json_object(), *value;
	const char *what;

	json_object_foreach(json_object_get(gateway, "nat"), what, value)
	{
		if (json_is_number(json_object_get(value, "packets")))
			json_object_set(all, what, json_object_get(value, "packets"));
	}
	return all;
}

static json_t *drop_names(const json_t *gateway)
{
	return gw_api_many_reasons(json_object_get(json_object_get(gateway, "external"), "dropReasons"));
}

void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_api_told *told)
{
	static const struct gw_api_many_family
		nat = {NULL, "outcome", "gwd_virtual_gateway_nat_packets_total", "counter",
		       "Packets that NAT has seen, by what became of them."},
		drops = {NULL, "reason", "gwd_virtual_gateway_dropped_packets_total", "counter",
			 "Packets of a virtual gateway that were dropped, by the reason."};
	struct gw_api_many many;

	if (!told->gateways)
		return;
	if (gw_api_many_init(&many, told->gateways, GW_API_BY_VSID) < 0) {
		m->failed = true;
		return;
	}
	gw_metrics_family(m, "gwd_virtual_gateways", "gauge", "Virtual gateways that the node carries.");
	gw_metrics_sample(m, "gwd_virtual_gateways", NULL, (double)told->n_gateways);
	gw_metrics_family(m, "gwd_virtual_gateways_summed", "gauge",
			  "Virtual gateways that have no samples of their own: they are in the sums of routing_domain "
			  "\"" GW_API_METRICS_OTHERS "\".");
	gw_metrics_sample(m, "gwd_virtual_gateways_summed", NULL, (double)(many.n - many.n_each));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		gw_api_many_row(m, &many, &rows[i]);
	gw_api_many_names(m, &many, &nat, nat_names);
	gw_api_many_names(m, &many, &drops, drop_names);
	gw_api_many_done(&many);
	gw_api_metrics_connections(m, told->gateways);
}
