/* test_hnv_change.c - what a controller tells a node, one change at a time: there and back, and what is none (API-1). */
#include "values.h"

#include "model/hnv_change.h"

#include <errno.h>

static const struct gw_mac router_mac = {{0x02, 0x67, 0x77, 0x64, 0x00, 0x01}};

static int read_text(const char *text, struct gw_hnv_change *ret, struct gw_error *err)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	int r;

	assert_non_null(j);
	r = gw_hnv_change_decode(j, NULL, ret, err);
	json_decref(j);
	return r;
}

static void test_there_and_back(void **state)
{
	const struct gw_hnv_object objects[] = {
		{.kind = GW_HNV_PROVIDER_ADDRESS,
		 .paddr = {.pa = addr("10.1.1.20"), .prefix_len = 24, .interface = "eth1"}},
		{.kind = GW_HNV_PROVIDER_ROUTE,
		 .proute = {.prefix = prefix("0.0.0.0/0"), .next_hop = addr("10.1.1.1"), .interface = "eth1"}},
		{.kind = GW_HNV_CUSTOMER_ROUTE,
		 .croute = {.rdid = {{1, 2, 3}},
			    .vsid = 5001,
			    .prefix = prefix("fd00:1::/64"),
			    .next_hop = addr("::"),
			    .metric = 7}},
		{.kind = GW_HNV_LOOKUP_RECORD,
		 .record = {.vsid = 5001,
			    .ca = addr("192.168.1.101"),
			    .pa = addr("10.1.1.20"),
			    .mac = mac("00155D011404"),
			    .encap = GW_ENCAP_NVGRE}},
		{.kind = GW_HNV_PORT,
		 .port = {.interface = "tap0", .mac = mac("00155D011404"), .vsid = 5001, .forwards = true}},
		{.kind = GW_HNV_VRF,
		 .vrf = {.rdid = {{1}},
			 .vsid = 5000,
			 .mac = mac("020000000001"),
			 .has_ca = true,
			 .ca = addr("10.1.0.2"),
			 .prefix_len = 29,
			 .has_ca6 = true,
			 .ca6 = addr("fd00::2"),
			 .prefix_len6 = 64}},
		{.kind = GW_HNV_PUBLIC,
		 .public =
			 {.prefix = prefix("203.0.113.5/32"), .rdid = {{1}}, .first_port = 1024, .port_count = 64512}},
		{.kind = GW_HNV_PUBLIC, .public = {.prefix = prefix("2001:db8::/48"), .rdid = {{1}}}},
		{.kind = GW_HNV_NAT_RULE,
		 .nat = {.rdid = {{1}},
			 .type = GW_NAT_INBOUND,
			 .protocol = GW_NAT_TCP,
			 .address = addr("2001:db8::5"),
			 .customer = prefix("fd00:1::4/128"),
			 .port = 80,
			 .port_count = 1,
			 .customer_port = 8080,
			 .idle_minutes = 1440}},
		{.kind = GW_HNV_CONNECTION,
		 .way = {.id = {{3}},
			 .rdid = {{1}},
			 .type = GW_WAY_L3,
			 .has_interface = true,
			 .interface = "eth2",
			 .vlan = 7}},
		{.kind = GW_HNV_CONNECTION,
		 .way = {.id = {{4}},
			 .rdid = {{1}},
			 .type = GW_WAY_GRE,
			 .has_destination = true,
			 .destination = addr("198.51.100.9"),
			 .has_key = true,
			 .in_kbps = 1000}},
		{.kind = GW_HNV_CONNECTION_ADDRESS,
		 .way_address =
			 {.id = {{3}}, .rdid = {{1}}, .address = addr("10.254.0.2"), .prefix_len = 32, .peer = true}},
		{.kind = GW_HNV_CONNECTION_ROUTE,
		 .way_route = {.id = {{3}},
			       .rdid = {{1}},
			       .prefix = prefix("2001:db8:20::/48"),
			       .next_hop = addr("2001:db8:1::1"),
			       .metric = 10}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
		json_t *put = gw_hnv_change_encode_put(&objects[i]), *gone = gw_hnv_change_encode_delete(&objects[i]);
		struct gw_error err = GW_ERROR_INIT;
		struct gw_hnv_change c = {0};

		assert_int_equal(gw_hnv_check(&objects[i], &router_mac, &err), 0);
		assert_int_equal(gw_hnv_change_decode(put, NULL, &c, &err), 0);
		assert_int_equal(c.type, GW_HNV_CHANGE_PUT);
		assert_true(gw_hnv_same_key(c.object, &objects[i]));
		assert_true(gw_hnv_same_content(c.object, &objects[i]));
		gw_hnv_object_free(c.object);
		assert_int_equal(gw_hnv_change_decode(gone, NULL, &c, &err), 0);
		assert_int_equal(c.type, GW_HNV_CHANGE_DELETE);
		assert_true(gw_hnv_same_key(c.object, &objects[i]));
		gw_hnv_object_free(c.object);
		json_decref(put);
		json_decref(gone);
	}
}

static void test_forgetting(void **state)
{
	json_t *j = gw_hnv_change_encode_forget(5001);
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_change c = {0};

	(void)state;
	assert_int_equal(gw_hnv_change_decode(j, NULL, &c, &err), 0);
	assert_int_equal(c.type, GW_HNV_CHANGE_FORGET);
	assert_int_equal(c.vsid, 5001);
	assert_null(c.object);
	json_decref(j);
	j = gw_hnv_change_encode_forget_gateway(&(struct gw_uuid){{1, 2}});
	assert_int_equal(gw_hnv_change_decode(j, NULL, &c, &err), 0);
	assert_int_equal(c.type, GW_HNV_CHANGE_FORGET_GATEWAY);
	assert_true(gw_uuid_equal(&c.rdid, &(struct gw_uuid){{1, 2}}));
	assert_int_equal(c.vsid, 0);
	assert_null(c.object);
	json_decref(j);
}

static void test_what_is_no_change(void **state)
{
	static const char *const bad[] = {
		"[]",
		"7",
		"{}",
		"null",
		"{\"forget\":1}",
		"{\"forget\":16777215}",
		"{\"forget\":-1}",
		"{\"forget\":\"5001\"}",
		"{\"forget\":5001.5}",
		"{\"forget\":5001,\"delete\":\"/hnv/ports/tap0\"}",
		"{\"forgetGateway\":5001}",
		"{\"forgetGateway\":\"5001\"}",
		"{\"forgetGateway\":\"\"}",
		"{\"forgetGateway\":null}",
		"{\"forgetGateway\":\"11111111-2222-3333-4444-000000000000\",\"forget\":5001}",
		"{\"forgetGateway\":\"11111111-2222-3333-4444-000000000000\",\"delete\":\"/hnv/ports/tap0\"}",
		"{\"delete\":7}",
		"{\"delete\":\"\"}",
		"{\"delete\":\"/hnv/ports\"}",
		"{\"delete\":\"/hnv/ports/\"}",
		"{\"delete\":\"/hnv/ports/a/b\"}",
		"{\"delete\":\"hnv/ports/tap0\"}",
		"{\"delete\":\"/hnv/nothing/tap0\"}",
		"{\"delete\":\"/hnv/nothingnothingnothingnothingnothing/tap0\"}",
		"{\"delete\":\"/hnv/lookupRecords/5001\"}",
		"{\"delete\":\"/hnv/ports/tap0\",\"properties\":{}}",
		"{\"put\":\"/hnv/ports/tap0\"}",
		"{\"put\":\"/hnv/ports/tap0\",\"properties\":[]}",
		"{\"put\":\"/hnv/ports/tap0\",\"properties\":{}}",
		"{\"put\":\"/hnv/ports/tap0\",\"properties\":{\"Interface\":\"tap1\",\"MACAddress\":\"00155D011404\","
		"\"VirtualSubnetID\":5001}}",
		"{\"put\":\"/hnv/ports/"
		"tap0\",\"properties\":{\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001},"
		"\"more\":1}",
		"{\"put\":\"/hnv/ports/tap0\",\"properties\":{\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001,"
		"\"Other\":1}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_hnv_change c = {0};

		if (read_text(bad[i], &c, &err) != -EINVAL)
			fail_msg("taken for a change: %s", bad[i]);
		assert_true(*err.message);
		assert_null(c.object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_forgetting),
		cmocka_unit_test(test_what_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
