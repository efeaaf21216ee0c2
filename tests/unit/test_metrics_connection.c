/* test_metrics_connection.c - what /metrics says of connections: each sample, and no family without one. API-4, GW-9. */
#include "test.h"

#include "api/metrics.h"

#include <string.h>

#define BLUE                                                                                                           \
	"routing_domain=\"11111111-0000-0000-0000-000000000001\",connection=\"33333333-0000-0000-0000-000000000001\""
#define RED                                                                                                            \
	"routing_domain=\"11111111-0000-0000-0000-000000000002\",connection=\"33333333-0000-0000-0000-000000000002\""

static const char two[] =
	"[{\"routingDomainId\":\"11111111-0000-0000-0000-000000000009\"},"
	"{\"connections\":[{\"routingDomainId\":\"11111111-0000-0000-0000-000000000001\","
	"\"connectionId\":\"33333333-0000-0000-0000-000000000001\",\"connectionState\":\"Connected\","
	"\"counters\":{\"txPackets\":1,\"txBytes\":2,\"rxPackets\":3,\"rxBytes\":4,\"drops\":5},"
	"\"dropReasons\":[{\"reason\":\"Land\",\"count\":5}],\"inboundRateLimitedDrops\":6},"
	"{\"routingDomainId\":\"11111111-0000-0000-0000-000000000001\","
	"\"connectionId\":\"33333333-0000-0000-0000-000000000003\",\"connectionState\":\"Unknown\"}]},"
	"{\"connections\":[{\"routingDomainId\":\"11111111-0000-0000-0000-000000000002\","
	"\"connectionId\":\"33333333-0000-0000-0000-000000000002\",\"connectionState\":\"Disconnected\","
	"\"outboundRateLimitedDrops\":7}]}]";

static void told(struct gw_metrics *m, const char *gateways)
{
	json_t *j = json_loads(gateways, 0, NULL);

	assert_non_null(j);
	gw_api_metrics_connections(m, j);
	assert_false(m->failed);
	json_decref(j);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) && ++n)
		text++;
	return n;
}

static void test_API_4_each_connection(void **state)
{
	static const char *const samples[] = {
		"gwd_network_connections{state=\"Connected\"} 1\n",
		"gwd_network_connections{state=\"Connecting\"} 0\n",
		"gwd_network_connections{state=\"Disconnected\"} 1\n",
		"gwd_network_connections{state=\"Unknown\"} 1\n",
		"gwd_network_connections_summed 0\n",
		"gwd_network_connection_up{" BLUE "} 1\n",
		"gwd_network_connection_up{" RED "} 0\n",
		"gwd_network_connection_transmit_packets_total{" BLUE "} 1\n",
		"gwd_network_connection_transmit_bytes_total{" BLUE "} 2\n",
		"gwd_network_connection_receive_packets_total{" BLUE "} 3\n",
		"gwd_network_connection_receive_bytes_total{" BLUE "} 4\n",
		"gwd_network_connection_dropped_packets_total{" BLUE ",reason=\"Land\"} 5\n",
		"gwd_network_connection_rate_limited_packets_total{" BLUE ",direction=\"in\"} 6\n",
		"gwd_network_connection_rate_limited_packets_total{" RED ",direction=\"out\"} 7\n",
	};
	struct gw_metrics m = {0};

	(void)state;
	told(&m, two);
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (count(m.text, samples[i]) != 1)
			fail_msg("%s: not once in\n%s", samples[i], m.text);
	assert_int_equal(count(m.text, "\ngwd_"), sizeof samples / sizeof *samples);
	assert_int_equal(count(m.text, "# TYPE "), 9);
	gw_metrics_done(&m);
}

static void test_API_4_none(void **state)
{
	struct gw_metrics m = {0};

	(void)state;
	told(&m, "[{\"routingDomainId\":\"x\",\"connections\":[]},{}]");
	assert_int_equal(m.n, 0);
	gw_metrics_done(&m);
}

enum { GATEWAYS = 200, OF_EACH = 4, NAMES = 40 };

/* Of gateways whose virtual subnets go down, connections whose identities go down: each has sent its number. Each third one is down. */
static json_t *many(void)
{
	json_t *list = json_array();

	for (unsigned i = GATEWAYS; i-- > 0;) {
		json_t *connections = json_array();

		for (unsigned k = OF_EACH; k-- > 0;) {
			json_t *drops = json_array();

			for (unsigned n = 0; n < NAMES; n++)
				json_array_append_new(drops, json_pack("{s:o, s:i}", "reason",
								       json_sprintf("why-%02u", n), "count", 1));
			json_array_append_new(
				connections,
				json_pack("{s:o, s:o, s:s, s:{s:i}, s:i, s:i, s:o}", "routingDomainId",
					  json_sprintf("domain-%03u", i), "connectionId", json_sprintf("way-%u", k),
					  "connectionState", (OF_EACH * i + k) % 3 ? "Connected" : "Disconnected",
					  "counters", "txPackets", (int)(OF_EACH * i + k), "outboundRateLimitedDrops",
					  1, "inboundRateLimitedDrops", 2, "dropReasons", drops));
		}
		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "virtualSubnetId", (int)(5000 + i),
						      "routingDomainId", json_sprintf("domain-%03u", i), "connections",
						      connections));
	}
	return list;
}

/* The first by the order of gateways have samples of their own, the others sums: in each family so many lines, and no more. */
static void test_GW_9_many(void **state)
{
	static const char *const samples[] = {
		"gwd_network_connections{state=\"Connected\"} 533\n",
		"gwd_network_connections{state=\"Disconnected\"} 267\n",
		"gwd_network_connections_summed 550\n",
		"gwd_network_connection_up{routing_domain=\"domain-000\",connection=\"way-0\"} 0\n",
		"gwd_network_connection_up{routing_domain=\"others\",connection=\"others\"} 367\n",
		"gwd_network_connection_transmit_packets_total{routing_domain=\"domain-062\",connection=\"way-1\"} "
		"249\n",
		/* 250 + ... + 799 */
		"gwd_network_connection_transmit_packets_total{routing_domain=\"others\",connection=\"others\"} "
		"288475\n",
		"gwd_network_connection_rate_limited_packets_total{routing_domain=\"others\",connection=\"others\","
		"direction=\"in\"} 1100\n",
		"gwd_network_connection_dropped_packets_total{routing_domain=\"others\",connection=\"others\","
		"reason=\"why-00\"} 550\n",
	};
	json_t *list = many();
	struct gw_metrics m = {0};

	(void)state;
	gw_api_metrics_connections(&m, list);
	assert_false(m.failed);
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (count(m.text, samples[i]) != 1)
			fail_msg("%s: not once", samples[i]);
	assert_null(strstr(m.text, "domain-062\",connection=\"way-2"));
	assert_int_equal(count(m.text, "gwd_network_connection_up{"), GW_API_METRICS_EACH + 1);
	assert_int_equal(count(m.text, "gwd_network_connection_transmit_packets_total{"), GW_API_METRICS_EACH + 1);
	assert_int_equal(count(m.text, "gwd_network_connection_rate_limited_packets_total{"),
			 2 * (GW_API_METRICS_EACH + 1));
	assert_int_equal(count(m.text, "gwd_network_connection_dropped_packets_total{"),
			 GW_API_METRICS_NAMES * (GW_API_METRICS_EACH + 1));
	gw_metrics_done(&m);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_API_4_each_connection),
		cmocka_unit_test(test_API_4_none),
		cmocka_unit_test(test_GW_9_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
