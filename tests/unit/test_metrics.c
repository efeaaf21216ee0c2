/* test_metrics.c - API-4, GW-9: however many virtual gateways and ports there are, metrics have an end, and nothing is left out of sums. */
#include "test.h"

#include "api/metrics.h"
#include "obs/loop.h"

#include <uv.h>

enum { MANY = 1000, NAMES = 40 };

/* Each counts its number; `names` of them more than anybody is let have. The last comes first. */
static json_t *gateways(unsigned n, unsigned names)
{
	json_t *list = json_array();

	for (unsigned i = n; i-- > 0;) {
		json_t *nat = json_pack("{s:i}", "rules", 2), *drops = json_array();

		for (unsigned k = 0; k < names; k++) {
			char name[32];

			snprintf(name, sizeof name, "name-%02u", k);
			json_object_set_new(nat, name, json_pack("{s:i, s:i}", "packets", 10, "bytes", 100));
			json_array_append_new(drops, json_pack("{s:s, s:i}", "reason", name, "count", 3));
		}
		json_array_append_new(list, json_pack("{s:o, s:i, s:{s:i}, s:o, s:{s:o}}", "routingDomainId",
						      json_sprintf("11111111-2222-3333-4444-%012u", i),
						      "virtualSubnetId", (int)(5000 + i), "outside", "sentPackets",
						      (int)i, "nat", nat, "external", "dropReasons", drops));
	}
	return list;
}

static struct gw_metrics told_of(unsigned n, unsigned names)
{
	struct gw_api_told told = {.gateways = gateways(n, names), .n_gateways = n};
	struct gw_metrics m = {0};

	gw_api_metrics_gateways(&m, &told);
	json_decref(told.gateways);
	assert_false(m.failed);
	return m;
}

/* The samples whose lines begin so, and the sum of them. */
static unsigned samples(const struct gw_metrics *m, const char *beginning, double *ret_sum)
{
	size_t len = strlen(beginning);
	unsigned n = 0;

	*ret_sum = 0;
	for (const char *line = m->text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!strncmp(line, beginning, len)) {
			const char *end = strchr(line, '\n'), *value = end;

			while (value[-1] != ' ')
				value--;
			*ret_sum += strtod(value, NULL);
			n++;
		}
	return n;
}

static double value_of(const struct gw_metrics *m, const char *sample)
{
	double sum;

	check(samples(m, sample, &sum) == 1, "%s is there %u times", sample, samples(m, sample, &sum));
	return sum;
}

static void test_few(void **state)
{
	struct gw_metrics m = told_of(3, 1);
	double sum;

	(void)state;
	assert_int_equal(samples(&m, "gwd_virtual_gateway_transmit_packets_total{", &sum), 3);
	assert_int_equal(sum, 0 + 1 + 2);
	assert_int_equal(value_of(&m, "gwd_virtual_gateways_summed "), 0);
	assert_null(strstr(m.text, "others\"}"));
	assert_int_equal(value_of(&m, "gwd_virtual_gateway_nat_packets_total{routing_domain=\""
				      "11111111-2222-3333-4444-000000000001\",outcome=\"name-00\"} "),
			 10);
	gw_metrics_done(&m);
}

static void test_GW_9_many(void **state)
{
	struct gw_metrics m = told_of(MANY, 4), more = told_of(2 * MANY, 4);
	double sum, sum_of_more;
	unsigned n;

	(void)state;
	assert_int_equal(value_of(&m, "gwd_virtual_gateways "), MANY);
	assert_int_equal(value_of(&m, "gwd_virtual_gateways_summed "), MANY - GW_API_METRICS_EACH);
	assert_int_equal(samples(&m, "gwd_virtual_gateway_transmit_packets_total{", &sum), GW_API_METRICS_EACH + 1);
	assert_int_equal(sum, MANY * (MANY - 1) / 2);
	/* The first by their virtual subnets have their own, wherever they are in the list. */
	assert_int_equal(value_of(&m, "gwd_virtual_gateway_transmit_packets_total{routing_domain=\""
				      "11111111-2222-3333-4444-000000000249\"} "),
			 249);
	assert_null(strstr(m.text, "000000000250"));
	assert_int_equal(value_of(&m, "gwd_virtual_gateway_transmit_packets_total{routing_domain=\"others\"} "),
			 MANY * (MANY - 1) / 2 - 250 * 249 / 2);
	assert_int_equal(value_of(&m, "gwd_virtual_gateway_nat_rules{routing_domain=\"others\"} "),
			 2 * (MANY - GW_API_METRICS_EACH));
	assert_int_equal(samples(&m, "gwd_virtual_gateway_nat_packets_total{", &sum), 4 * (GW_API_METRICS_EACH + 1));
	assert_int_equal(sum, 4 * 10 * MANY);
	assert_int_equal(samples(&m, "gwd_virtual_gateway_dropped_packets_total{", &sum),
			 4 * (GW_API_METRICS_EACH + 1));
	assert_int_equal(sum, 4 * 3 * MANY);
	/* Twice as many are as many samples. */
	n = samples(&m, "gwd_", &sum);
	assert_int_equal(samples(&more, "gwd_", &sum_of_more), n);
	assert_true(sum_of_more > sum);
	gw_metrics_done(&m);
	gw_metrics_done(&more);
}

/* A driver that has names without end for what it counts. */
static void test_many_names(void **state)
{
	struct gw_metrics m = told_of(MANY, NAMES);
	double sum;

	(void)state;
	assert_int_equal(samples(&m, "gwd_virtual_gateway_nat_packets_total{", &sum),
			 GW_API_METRICS_NAMES * (GW_API_METRICS_EACH + 1));
	gw_metrics_done(&m);
}

static void test_ports(void **state)
{
	static const struct gw_api_many_family family = {"counters", "txPackets", "x_total", "counter", "X."};
	json_t *list = json_array();
	struct gw_metrics m = {0};
	struct gw_api_many many;
	double sum;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		json_array_append_new(list, json_pack("{s:o, s:{s:i}}", "interface", json_sprintf("gwo%u", 5000 + i),
						      "counters", "txPackets", 1));
	for (unsigned i = 0; i < 10; i++)
		json_array_append_new(list, json_pack("{s:o, s:{s:i}}", "interface", json_sprintf("tap%u", i),
						      "counters", "txPackets", 1000));
	json_array_append_new(list, json_pack("{s:s, s:n}", "interface", "tap10", "counters")); /* it is not there */
	assert_int_equal(gw_api_many_init(&many, list, GW_API_BY_INTERFACE), 0);
	gw_api_many_row(&m, &many, &family);
	gw_api_many_done(&many);
	assert_int_equal(samples(&m, "x_total{", &sum), GW_API_METRICS_EACH); /* one has none */
	assert_int_equal(sum, MANY + 10 * 1000);
	assert_int_equal(value_of(&m, "x_total{port=\"tap9\"} "), 1000);
	assert_int_equal(value_of(&m, "x_total{port=\"others\"} "), MANY - (GW_API_METRICS_EACH - 11));
	gw_metrics_done(&m);
	json_decref(list);
}

static void on_time(uv_timer_t *timer)
{
	uint64_t until = uv_hrtime() + 30000000;

	while (uv_hrtime() < until)
		; /* it has much to do */
	uv_close((uv_handle_t *)timer, NULL);
}

/* What is done before the loop has waited for the first time counts, too. */
static void test_the_first_turn(void **state)
{
	struct gw_loop_meter *meter;
	struct gw_metrics m = {0};
	uv_timer_t timer;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	meter = gw_loop_meter_new(&loop);
	assert_non_null(meter);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_time, 0, 0);
	gw_loop_begin(meter);
	uv_run(&loop, UV_RUN_DEFAULT);
	gw_loop_metrics(&m, meter);
	assert_true(value_of(&m, "gwd_loop_longest_turn_seconds ") >= 0.03);
	assert_true(value_of(&m, "gwd_loop_pauses_total ") >= 1);
	gw_metrics_done(&m);
	gw_loop_meter_free(meter);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),   cmocka_unit_test(test_GW_9_many),	     cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_ports), cmocka_unit_test(test_the_first_turn),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
