/*
 * metrics_gateway.c - what virtual gateways have carried, in Prometheus' text format. Called by metrics.c.
 *
 * Names of counters are the drivers' and come as labels: a plugin that counts something else needs nothing here. How many samples
 * there are is bounded by the gateways that are told of and by COUNTERS for each.
 */
#include "api/metrics.h"

#define COUNTERS 24

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* The members of one object of each gateway, as samples of one family. */
static void objects(struct gw_metrics *m, const json_t *gateways, const char *object, const char *label,
		    const char *name, const char *type, const char *help)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(gateways); i++) {
		const json_t *gateway = json_array_get(gateways, i);
		const char *what;
		json_t *value;
		unsigned n = 0;

		json_object_foreach(json_object_get(gateway, object), what, value)
		{
			if (!json_is_number(value) || n++ == COUNTERS)
				continue;
			if (!any)
				gw_metrics_family(m, name, type, help);
			any = true;
			gw_metrics_sample(m, name,
					  LABELS("routing_domain", text(gateway, "routingDomainId"), label, what),
					  json_number_value(value));
		}
	}
}

static void drops(struct gw_metrics *m, const json_t *gateways)
{
	static const char name[] = "gwd_virtual_gateway_dropped_packets_total";
	bool any = false;

	for (size_t i = 0; i < json_array_size(gateways); i++) {
		const json_t *gateway = json_array_get(gateways, i), *list = json_object_get(gateway, "dropReasons");

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

void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_service *service)
{
	json_t *gateways = gw_api_virtual_gateways(service);

	if (!gateways)
		return;
	gw_metrics_family(m, "gwd_virtual_gateways", "gauge", "Virtual gateways that the node carries.");
	gw_metrics_sample(m, "gwd_virtual_gateways", NULL, (double)gw_intent_count(service->intent, GW_HNV_VRF));
	objects(m, gateways, "counters", "counter", "gwd_virtual_gateway_counters_total", "counter",
		"What a virtual gateway has carried, by the name of the counter.");
	objects(m, gateways, "connections", "count", "gwd_virtual_gateway_connections", "gauge",
		"Tracked connections of a virtual gateway, and how many there may be.");
	drops(m, gateways);
	json_decref(gateways);
}
