/* test_gateway_report.c - what a node reports of very many virtual gateways and public addresses: all of the first, and a bounded part. */
#include "fixture.h"
#include "test.h"

#include "base/cleanup.h"
#include "sync/private.h"

#define RDID "11111111-2222-3333-4444-%012u"

struct told {
	struct gw_config config;
	struct gw_service service;
	struct gw_intent *intent;
	json_t *report; /* of "gateway" */
};

/* Which drivers describe, and how; NULL counters: none counts. */
static const char *counters;
static unsigned described;

#define WAY                                                                                                            \
	"{\"state\":\"Ready\",\"link\":\"gwc1\",\"connectionState\":\"Connected\",\"connectionUpTime\":7,"             \
	"\"counters\":{"                                                                                               \
	"\"txPackets\":1,\"txBytes\":100,\"rxPackets\":2,\"rxBytes\":200,\"drops\":9},\"dropReasons\":[{\"reason\":"   \
	"\"NoSegment\",\"count\":4},{\"reason\":\"GreFlags\",\"count\":5}],\"outboundRate\":11,\"inboundRate\":12,"    \
	"\"outboundRateLimitedDrops\":30}"

static void describe(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	(void)ctx;
	described++;
	if (o->kind == GW_HNV_CONNECTION)
		json_object_update_new(properties, json_loads(WAY, 0, NULL));
	if (o->kind == GW_HNV_PUBLIC && counters)
		json_object_set_new(properties, "counters", json_loads(counters, 0, NULL));
}

static void put(struct told *t, enum gw_hnv_kind kind, const char *json)
{
	struct gw_error err = GW_ERROR_INIT;

	if (gw_intent_put(t->intent, fixture_object(kind, json), &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

static void tell(struct told *t)
{
	const struct gw_hnv_object *o = NULL;
	json_t *status = json_object();

	t->report = gw_sync_gateway();
	while ((o = gw_intent_next(t->intent, GW_HNV_VRF, o)))
		gw_sync_tell_gateway(&t->service, o, t->report);
	gw_sync_tell_capabilities(&t->service, status, t->report);
	json_decref(status);
}

/* The addresses are all of the first virtual gateway. */
static void begin(struct told *t, unsigned gateways, unsigned addresses, const char *says)
{
	struct gw_intent_limits limits = {.router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};
	struct gw_error err = GW_ERROR_INIT;

	memset(t, 0, sizeof *t);
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 100000;
	assert_int_equal(gw_intent_new(&limits, &t->intent), 0);
	gw_intent_begin(t->intent);
	for (unsigned i = 0; i < gateways; i++) {
		char json[256];

		snprintf(json, sizeof json,
			 "{\"RoutingDomainID\":\"" RDID "\",\"VirtualSubnetID\":%u,\"MACAddress\":\"020000000101\","
			 "\"CustomerAddress\":\"10.1.0.2\",\"PrefixLength\":29}",
			 i, 5000 + i);
		put(t, GW_HNV_VRF, json);
	}
	for (unsigned i = 0; i < addresses; i++) {
		char json[256];

		snprintf(json, sizeof json,
			 "{\"PublicPrefix\":\"203.0.%u.%u/"
			 "32\",\"FirstPort\":0,\"PortCount\":0,\"RoutingDomainID\":\"" RDID "\"}",
			 i >> 8, i & 255, 0u);
		put(t, GW_HNV_PUBLIC, json);
	}
	assert_int_equal(gw_intent_validate(t->intent, &err), 0);
	gw_intent_commit(t->intent);
	t->service = (struct gw_service){.intent = t->intent, .config = &t->config, .describe = describe};
	counters = says;
	described = 0;
	tell(t);
}

static void end(struct told *t)
{
	json_decref(t->report);
	gw_intent_free(t->intent);
}

static const json_t *of_first(const struct told *t, const char *part)
{
	char rdid[GW_UUID_STRLEN];

	snprintf(rdid, sizeof rdid, RDID, 0u);
	return json_object_get(json_object_get(t->report, part), rdid);
}

static json_int_t number(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

#define ONE "{\"outboundConnections\":1,\"inboundConnections\":2,\"rules\":{\"a\":1,\"b\":2},\"more\":false}"

static void test_GW_6_all_gateways(void **state)
{
	const json_t *first;
	struct told t;

	(void)state;
	begin(&t, 4096, 40, ONE);
	assert_int_equal(json_object_size(json_object_get(t.report, "virtualGateways")), 4096);
	first = of_first(&t, "virtualGateways");
	assert_int_equal(json_array_size(json_object_get(first, "publicAddresses")), 32);
	assert_int_equal(number(first, "morePublicAddresses"), 8);
	/* What has no addresses has counted nothing, which is known. */
	assert_int_equal(json_object_size(json_object_get(t.report, "publicAddresses")), 4096);
	/* Room for four: addresses that are looked at, and rules. */
	first = of_first(&t, "publicAddresses");
	assert_true(json_is_true(json_object_get(first, "more")));
	assert_int_equal(json_object_size(first), 3);
	end(&t);
	begin(&t, 1, 32, ONE);
	assert_null(json_object_get(of_first(&t, "virtualGateways"), "morePublicAddresses"));
	assert_null(json_object_get(of_first(&t, "publicAddresses"), "more"));
	assert_int_equal(json_object_size(of_first(&t, "publicAddresses")), 32);
	end(&t);
}

/* One with very many of them takes so much room, and time, and no more. */
static void test_GW_6_bounded(void **state)
{
	_cleanup_free_ char *text = NULL;
	const json_t *first, *address;
	const char *name;
	size_t rules = 0;
	struct told t;

	(void)state;
	begin(&t, 1, 20000, ONE);
	first = of_first(&t, "publicAddresses");
	assert_true(json_is_true(json_object_get(first, "more")));
	json_object_foreach((json_t *)first, name, address)
	{
		rules += json_object_size(json_object_get(address, "rules"));
	}
	assert_in_range(rules, 1000, 2048);
	assert_in_range(described, 500, 2100);
	text = json_dumps(first, JSON_COMPACT);
	assert_in_range(strlen(text), 1000, 200000);
	end(&t);
	/* What has counted nothing takes no room. */
	begin(&t, 1, 2000, "{\"outboundConnections\":0,\"inboundConnections\":0,\"rules\":{},\"more\":false}");
	assert_int_equal(json_object_size(of_first(&t, "publicAddresses")), 0);
	end(&t);
	/* An address that the driver does not tell all of. */
	begin(&t, 1, 1, "{\"outboundConnections\":9,\"rules\":{\"a\":1},\"more\":true}");
	address = json_object_get(of_first(&t, "publicAddresses"), "203.0.0.0");
	assert_true(json_is_true(json_object_get(address, "more")));
	assert_int_equal(number(address, "outboundConnections"), 9);
	end(&t);
	/* Nobody counts, or not yet: nothing is known, which is not the same as nothing. */
	begin(&t, 1, 1, NULL);
	assert_null(of_first(&t, "publicAddresses"));
	end(&t);
}

/* In the words of the provider API. */
static void test_GW_2_connections(void **state)
{
	static const struct {
		const char *name;
		json_int_t value;
	} wanted[] = {{"outboundBytes", 100},
		      {"inboundBytes", 200},
		      {"txTotalPacketsDropped", 34},
		      {"rxTotalPacketsDropped", 5},
		      {"txRateKbps", 11},
		      {"rxRateKbps", 12},
		      {"txRateLimitedPacketsDropped", 30},
		      {"rxRateLimitedPacketsDropped", 0}};
	const json_t *one, *statistics;
	struct told t;

	(void)state;
	begin(&t, 1, 0, NULL);
	json_decref(t.report);
	gw_intent_begin(t.intent);
	put(&t, GW_HNV_CONNECTION,
	    "{\"ConnectionID\":\"33333333-2222-3333-4444-000000000000\",\"RoutingDomainID\":"
	    "\"11111111-2222-3333-4444-000000000000\",\"Type\":\"L3\"}");
	gw_intent_commit(t.intent);
	tell(&t);
	one = json_object_get(json_object_get(t.report, "connections"), "33333333-2222-3333-4444-000000000000");
	statistics = json_object_get(one, "statistics");
	assert_string_equal(json_string_value(json_object_get(one, "connectionState")), "Connected");
	assert_int_equal(number(one, "connectionUpTime"), 7);
	assert_null(json_object_get(one, "link")); /* names of what is on the node are nobody's business */
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		assert_int_equal(number(statistics, wanted[i].name), wanted[i].value);
	assert_true(json_is_string(json_object_get(statistics, "lastUpdated")));
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_GW_2_connections),
		cmocka_unit_test(test_GW_6_all_gateways),
		cmocka_unit_test(test_GW_6_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
