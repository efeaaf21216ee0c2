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
	assert_int_equal(count(m.text, "# TYPE "), 8);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_API_4_each_connection),
		cmocka_unit_test(test_API_4_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
