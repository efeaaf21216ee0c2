/* test_schema.c - records as JSON: every spelling that is accepted, every fault by code and target (API-1, API-2). */
#include "test.h"

#include "model/hnv_schema.h"

#include <errno.h>

#define RDID "11111111-2222-3333-4444-000000000000"
#define BASE "\"CustomerAddress\":\"192.168.1.101\",\"VirtualSubnetID\":5001,\"MACAddress\":\"00155D011404\","
#define FULL BASE "\"ProviderAddress\":\"10.1.1.20\""

static struct gw_config config;

static int setup(void **state)
{
	(void)state;
	return gw_config_parse("", 0, "none", &config, NULL);
}

static json_t *load(const char *text)
{
	json_error_t error;
	json_t *j = json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

	check(j, "%s: %s", text, error.text);
	return j;
}

static int decode(enum gw_hnv_kind kind, const char *id, const char *text, struct gw_hnv_object **ret,
		  struct gw_error *err)
{
	json_t *body = load(text);
	int r = gw_hnv_decode(kind, id, body, &config, ret, err);

	json_decref(body);
	return r;
}

/* The properties as they are written back. */
static void test_accepted(void **state)
{
	static const struct {
		enum gw_hnv_kind kind;
		const char *id, *in, *out_id, *out;
	} rows[] = {
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL "}", "5001-192.168.1.101",
		 "{" FULL ",\"Rule\":\"TranslationMethodEncap\",\"Encapsulation\":\"VXLAN\",\"Type\":\"Static\","
		 "\"UseVmMACAddress\":false}"},
		{GW_HNV_LOOKUP_RECORD, "5001-192.168.1.101",
		 "{\"properties\":{\"macaddress\":\"00-15-5d-01-14-04\",\"PROVIDERADDRESS\":\"10.1.1.20\","
		 "\"rule\":\"translationmethodencap\",\"encapsulation\":\"nvgre\",\"type\":\"L2ONLY\","
		 "\"CustomerID\":\"{ABCDEF00-2222-3333-4444-000000000000}\",\"VMName\":\"Blau \\u00e9\","
		 "\"UseVmMACAddress\":true}}",
		 "5001-192.168.1.101",
		 "{" FULL ",\"Rule\":\"TranslationMethodEncap\",\"Encapsulation\":\"NVGRE\",\"Type\":\"L2Only\","
		 "\"CustomerID\":\"abcdef00-2222-3333-4444-000000000000\",\"VMName\":\"Blau "
		 "é\",\"UseVmMACAddress\":true}"},
		{GW_HNV_LOOKUP_RECORD, "5001-0.0.0.0",
		 "{\"CustomerAddress\":null,\"VirtualSubnetID\":5001,\"MACAddress\":\"00:15:5d:01:14:"
		 "04\","
		 "\"ProviderAddress\":\"10.1.1.9\",\"Type\":\"GatewayWildcard\",\"Rule\":null}",
		 "5001-0.0.0.0",
		 "{\"CustomerAddress\":\"0.0.0.0\",\"VirtualSubnetID\":5001,\"MACAddress\":\"00155D011404\","
		 "\"ProviderAddress\":\"10.1.1.9\",\"Rule\":\"TranslationMethodEncap\",\"Encapsulation\":"
		 "\"VXLAN\","
		 "\"Type\":\"GatewayWildcard\",\"UseVmMACAddress\":false}"},
		/* read-only members come back in a PUT */
		{GW_HNV_PORT, "tap0-1",
		 "{\"resourceRef\":\"/"
		 "x\",\"ResourceID\":1,\"ETag\":\"W\",\"instanceId\":\"i\",\"properties\":{"
		 "\"provisioningState\":\"Succeeded\",\"configurationState\":{},\"State\":{},\"counters\":{"
		 "\"rx\":1},"
		 "\"Interface\":\"tap0-1\",\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001}}",
		 "tap0-1",
		 "{\"AllowForwarding\":false,\"Interface\":\"tap0-1\",\"MACAddress\":\"00155D011404\","
		 "\"VirtualSubnetID\":5001}"},
		{GW_HNV_PORT, NULL,
		 "{\"properties\":{\"Interface\":\"tap2\",\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001,"
		 "\"AllowForwarding\":true}}",
		 "tap2",
		 "{\"AllowForwarding\":true,\"Interface\":\"tap2\",\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":"
		 "5001}"},
		{GW_HNV_PORT, NULL,
		 "{\"resourceId\":\"x\",\"Interface\":\"tap0\",\"MACAddress\":\"00155D011404\","
		 "\"VirtualSubnetID\":5001}",
		 "tap0",
		 "{\"AllowForwarding\":false,\"Interface\":\"tap0\",\"MACAddress\":\"00155D011404\","
		 "\"VirtualSubnetID\":5001}"},
		{GW_HNV_CUSTOMER_ROUTE, NULL,
		 "{\"RoutingDomainID\":\"{" RDID
		 "}\",\"VirtualSubnetID\":5001,\"DestinationPrefix\":\"192.168.1.0/24\","
		 "\"NextHop\":\"0.0.0.0\"}",
		 RDID "-5001-192.168.1.0_24-0.0.0.0",
		 "{\"RoutingDomainID\":\"" RDID "\",\"VirtualSubnetID\":5001,\"DestinationPrefix\":\"192.168.1.0/24\","
		 "\"NextHop\":\"0.0.0.0\",\"Metric\":255}"},
		{GW_HNV_CUSTOMER_ROUTE, "{" RDID "}-5001-fd00:1::_64-FD00:1::5", "{\"Metric\":4294967295}",
		 RDID "-5001-fd00:1::_64-fd00:1::5",
		 "{\"RoutingDomainID\":\"" RDID "\",\"VirtualSubnetID\":5001,\"DestinationPrefix\":\"fd00:1::/64\","
		 "\"NextHop\":\"fd00:1::5\",\"Metric\":4294967295}"},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1.20", "{\"PrefixLength\":24,\"Interface\":\"eth1\"}", "10.1.1.20",
		 "{\"ProviderAddress\":\"10.1.1.20\",\"PrefixLength\":24,\"Interface\":\"eth1\",\"VlanID\":"
		 "0}"},
		{GW_HNV_PROVIDER_ROUTE, "tap-0-x-0.0.0.0_0", "{\"NextHop\":\"10.1.1.1\"}", "tap-0-x-0.0.0.0_0",
		 "{\"DestinationPrefix\":\"0.0.0.0/0\",\"NextHop\":\"10.1.1.1\",\"Interface\":\"tap-0-x\"}"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_hnv_object *o = NULL, *again = NULL;
		json_t *want = load(rows[i].out), *got;
		int r = decode(rows[i].kind, rows[i].id, rows[i].in, &o, &err);
		char id[GW_ID_STRLEN], ref[256], *text;

		check(r == 0, "row %zu: %s: %s", i, err.target, err.message);
		assert_string_equal(gw_hnv_id(o, id), rows[i].out_id);
		o->revision = 1234;
		got = gw_hnv_encode(o);
		text = json_dumps(got, 0);
		check(json_equal(json_object_get(got, "properties"), want), "row %zu: %s", i, text);
		snprintf(ref, sizeof ref, "/hnv/%s/%s", gw_hnv_kind_path(rows[i].kind), id);
		assert_string_equal(json_string_value(json_object_get(got, "resourceRef")), ref);
		assert_string_equal(json_string_value(json_object_get(got, "resourceId")), id);
		assert_string_equal(json_string_value(json_object_get(got, "etag")),
				    "W/\"00000000-0000-0000-0000-0000000004d2\"");
		/* What is written can be read, also without a configuration. */
		check(gw_hnv_decode(rows[i].kind, id, got, NULL, &again, &err) == 0, "%s: %s", err.target, err.message);
		assert_true(gw_hnv_same_content(o, again));
		free(text);
		json_decref(got);
		json_decref(want);
		gw_hnv_object_free(o);
		gw_hnv_object_free(again);
	}
}

static void test_refused(void **state)
{
	static const char route[] =
		"{\"RoutingDomainID\":\"" RDID "\",\"VirtualSubnetID\":5001,\"NextHop\":\"0.0.0.0\","
		"\"DestinationPrefix\":\"192.168.1.1/24\"}";
	static const struct {
		enum gw_hnv_kind kind;
		const char *id, *in;
		enum gw_error_code code;
		const char *target, *words;
	} rows[] = {
		{GW_HNV_PORT, NULL, "[]", GW_ERR_INVALID_REQUEST, "", "JSON object"},
		{GW_HNV_PORT, NULL, "null", GW_ERR_INVALID_REQUEST, "", "JSON object"},
		{GW_HNV_PORT, "tap0", "{\"properties\":[]}", GW_ERR_INVALID_PROPERTY, "properties", "object"},
		{GW_HNV_PORT, "tap0", "{\"properties\":null}", GW_ERR_INVALID_PROPERTY, "properties", "object"},
		{GW_HNV_PORT, "tap0", "{\"properties\":{},\"Properties\":{}}", GW_ERR_INVALID_PROPERTY, "Properties",
		 "more than once"},
		{GW_HNV_PORT, "tap0", "{\"properties\":{},\"tags\":{}}", GW_ERR_UNKNOWN_PROPERTY, "tags", ""},
		{GW_HNV_PORT, "tap0", "{\"properties\":{},\"resourceMetadata\":{}}", GW_ERR_UNKNOWN_PROPERTY,
		 "resourceMetadata", ""},
		{GW_HNV_PORT, "tap0", "{\"tags\":{}}", GW_ERR_UNKNOWN_PROPERTY, "properties.tags", ""},
		{GW_HNV_PORT, "tap0", "{\"properties\":{\"etag\":\"x\"}}", GW_ERR_UNKNOWN_PROPERTY, "properties.etag",
		 ""},
		{GW_HNV_PORT, "tap0", "{\"Colour\":1}", GW_ERR_UNKNOWN_PROPERTY, "properties.Colour",
		 "no such property"},
		{GW_HNV_PORT, "tap0", "{\"MACAddress\":null,\"macaddress\":\"00155D011404\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.MACAddress", "more than once"},
		{GW_HNV_PORT, "tap0", "{}", GW_ERR_MISSING_PROPERTY, "properties.MACAddress", "00155D011404"},
		{GW_HNV_PORT, "tap0", "{\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":null}",
		 GW_ERR_MISSING_PROPERTY, "properties.VirtualSubnetID", "4096 to 16777214"},
		{GW_HNV_PORT, NULL, "{\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001}",
		 GW_ERR_MISSING_PROPERTY, "properties.Interface", "interface name"},
		{GW_HNV_PORT, "tap0",
		 "{\"Interface\":\"tap1\",\"MACAddress\":\"00155D011404\",\"VirtualSubnetID\":5001}",
		 GW_ERR_INVALID_PROPERTY, "properties.Interface", "the path says \"tap0\", the body \"tap1\""},
		{GW_HNV_PORT, NULL, "{\"Interface\":\"abcdefghijklmnop\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.Interface", "1 to 15"},
		{GW_HNV_PORT, NULL, "{\"Interface\":\"a/b\"}", GW_ERR_INVALID_PROPERTY, "properties.Interface",
		 "\"a/b\""},
		{GW_HNV_PORT, NULL, "{\"Interface\":\"a\\u0000b\"}", GW_ERR_INVALID_PROPERTY, "properties.Interface",
		 "NUL"},
		{GW_HNV_PORT, NULL, "{\"Interface\":7}", GW_ERR_INVALID_PROPERTY, "properties.Interface",
		 "not a number"},
		{GW_HNV_PORT, "tap0", "{\"MACAddress\":\"00155D01140\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.MACAddress", "\"00155D01140\""},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":-1}", GW_ERR_INVALID_PROPERTY, "properties.VirtualSubnetID",
		 "not -1"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":4294967296}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "from 4096 to 16777214"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":\"4294967296\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "from 4096 to 16777214"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":\"5001\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "not text"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":\"\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "not text"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":5001.0}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "fraction"},
		{GW_HNV_PORT, "tap0", "{\"VirtualSubnetID\":true}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "not true"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" BASE "\"ProviderAddress\":{}}", GW_ERR_INVALID_PROPERTY,
		 "properties.ProviderAddress", "an object"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"Rule\":\"Encap\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.Rule", "one of TranslationMethodEncap, TranslationMethodNat, None"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"Encapsulation\":\"GENEVE\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.Encapsulation", "one of VXLAN, NVGRE"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"Type\":1}", GW_ERR_INVALID_PROPERTY, "properties.Type",
		 "one of Static"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"CustomerID\":\"x\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.CustomerID", "UUID"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"UseVmMACAddress\":\"true\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.UseVmMACAddress", "true or false"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"VMName\":[]}", GW_ERR_INVALID_PROPERTY, "properties.VMName",
		 "a list"},
		{GW_HNV_LOOKUP_RECORD, NULL, "{" FULL ",\"VMName\":\"a\",\"vmname\":\"b\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.VMName", "more than once"},
		{GW_HNV_LOOKUP_RECORD, "5002-192.168.1.101", "{" FULL "}", GW_ERR_INVALID_PROPERTY,
		 "properties.VirtualSubnetID", "the path says 5002, the body 5001"},
		{GW_HNV_LOOKUP_RECORD, "5001-192.168.1.7", "{" FULL "}", GW_ERR_INVALID_PROPERTY,
		 "properties.CustomerAddress", "192.168.1.7"},
		{GW_HNV_CUSTOMER_ROUTE, NULL, route, GW_ERR_INVALID_PROPERTY, "properties.DestinationPrefix",
		 "behind its length"},
		{GW_HNV_CUSTOMER_ROUTE, NULL, "{\"Metric\":4294967296}", GW_ERR_INVALID_PROPERTY, "properties.Metric",
		 "0 to 4294967295, not 4294967296"},
		{GW_HNV_CUSTOMER_ROUTE, NULL, "{\"Metric\":\"255\"}", GW_ERR_INVALID_PROPERTY, "properties.Metric",
		 "not text"},
		{GW_HNV_CUSTOMER_ROUTE, RDID "-5001-10.0.0.0_8-10.0.0.1", "{\"NextHop\":\"10.0.0.2\"}",
		 GW_ERR_INVALID_PROPERTY, "properties.NextHop", "the path says \"10.0.0.1\", the body \"10.0.0.2\""},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1.20", "{\"PrefixLength\":129,\"Interface\":\"eth1\"}",
		 GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "129"},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1.20", "{\"VlanID\":65536}", GW_ERR_INVALID_PROPERTY,
		 "properties.VlanID", "4094"},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1.20", "{\"PrefixLength\":24}", GW_ERR_MISSING_PROPERTY,
		 "properties.Interface", ""},
		{GW_HNV_PROVIDER_ROUTE, "eth1-10.0.0.0_8", "{}", GW_ERR_MISSING_PROPERTY, "properties.NextHop",
		 "address"},
		{GW_HNV_VRF, RDID, "{\"MACAddress\":\"020000000001\"}", GW_ERR_MISSING_PROPERTY,
		 "properties.VirtualSubnetID", ""},
		{GW_HNV_VRF, RDID, "{\"CustomerAddress\":\"10.0.0.0/8\"}", GW_ERR_INVALID_PROPERTY,
		 "properties.CustomerAddress", "address"},
		{GW_HNV_VRF, RDID, "{\"PrefixLengthV6\":129}", GW_ERR_INVALID_PROPERTY, "properties.PrefixLengthV6",
		 "129"},
		{GW_HNV_PUBLIC, "203.0.113.5_32-0", "{}", GW_ERR_MISSING_PROPERTY, "properties.RoutingDomainID", ""},
		{GW_HNV_PUBLIC, "203.0.113.5_32-1024", "{\"FirstPort\":2048}", GW_ERR_INVALID_PROPERTY,
		 "properties.FirstPort", "1024"},
		{GW_HNV_PUBLIC, "203.0.113.5_32-1024", "{\"PortCount\":65537}", GW_ERR_INVALID_PROPERTY,
		 "properties.PortCount", "65537"},
		{GW_HNV_NAT_RULE, RDID "-Inbound-Tcp-203.0.113.5-443-10.0.0.4_32", "{\"IdleTimeout\":1441}",
		 GW_ERR_INVALID_PROPERTY, "properties.IdleTimeout", "1441"},
		{GW_HNV_NAT_RULE, RDID "-Inbound-Tcp-203.0.113.5-443-10.0.0.4_32", "{\"Type\":\"Outbound\"}",
		 GW_ERR_INVALID_PROPERTY, "properties.Type", "Inbound"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_hnv_object *o = NULL;
		int r = decode(rows[i].kind, rows[i].id, rows[i].in, &o, &err);

		check(r == -EINVAL && !o, "%s", rows[i].in);
		check(err.code == rows[i].code, "%s: %s", rows[i].in, gw_error_code_name(err.code));
		check(!strcmp(err.target, rows[i].target), "%s: target %s", rows[i].in, err.target);
		check(strstr(err.message, rows[i].words), "%s: %s", rows[i].in, err.message);
	}
}

static void test_ids(void **state)
{
	static const struct {
		enum gw_hnv_kind kind;
		const char *id, *canonical; /* NULL: refused */
	} rows[] = {
		{GW_HNV_LOOKUP_RECORD, "5001-192.168.1.101", "5001-192.168.1.101"},
		{GW_HNV_LOOKUP_RECORD, "5001-FD00:0::1", "5001-fd00::1"},
		{GW_HNV_LOOKUP_RECORD, "5001-::", "5001-::"},
		{GW_HNV_LOOKUP_RECORD, "5001", NULL},
		{GW_HNV_LOOKUP_RECORD, "5001-", NULL},
		{GW_HNV_LOOKUP_RECORD, "-192.168.1.101", NULL},
		{GW_HNV_LOOKUP_RECORD, "-5001-192.168.1.101", NULL},
		{GW_HNV_LOOKUP_RECORD, "99999999999-192.168.1.101", NULL},
		{GW_HNV_LOOKUP_RECORD, "", NULL},
		{GW_HNV_CUSTOMER_ROUTE, RDID "-5001-192.168.1.0_24-0.0.0.0", RDID "-5001-192.168.1.0_24-0.0.0.0"},
		{GW_HNV_CUSTOMER_ROUTE, "{" RDID "}-5001-::_0-fd00::1", RDID "-5001-::_0-fd00::1"},
		{GW_HNV_CUSTOMER_ROUTE, RDID "-5001-192.168.1.0_24", NULL},
		{GW_HNV_CUSTOMER_ROUTE, RDID "-5001-192.168.1.0/24-0.0.0.0", NULL},
		{GW_HNV_CUSTOMER_ROUTE, RDID "-5001-192.168.1.1_24-0.0.0.0", NULL},
		{GW_HNV_CUSTOMER_ROUTE, "5001-192.168.1.0_24-0.0.0.0", NULL},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1.20", "10.1.1.20"},
		{GW_HNV_PROVIDER_ADDRESS, "10.1.1", NULL},
		{GW_HNV_PROVIDER_ROUTE, "eth1-10.2.0.0_16", "eth1-10.2.0.0_16"},
		{GW_HNV_PROVIDER_ROUTE, "a-b_c-10.2.0.0_16", "a-b_c-10.2.0.0_16"},
		{GW_HNV_PROVIDER_ROUTE, "-10.2.0.0_16", NULL},
		{GW_HNV_PROVIDER_ROUTE, "eth1-10.2.0.0", NULL},
		{GW_HNV_PROVIDER_ROUTE, "eth1-10.2.0.0_16_1", NULL},
		{GW_HNV_VRF, "{" RDID "}", RDID},
		{GW_HNV_VRF, "5001", NULL},
		{GW_HNV_VRF, RDID "-5001", NULL},
		{GW_HNV_PUBLIC, "203.0.113.5_32-0", "203.0.113.5_32-0"},
		{GW_HNV_PUBLIC, "203.0.113.5_32-64512", "203.0.113.5_32-64512"},
		{GW_HNV_PUBLIC, "2001:DB8::_48-0", "2001:db8::_48-0"},
		{GW_HNV_PUBLIC, "203.0.113.5-0", NULL},
		{GW_HNV_PUBLIC, "203.0.113.5_32", NULL},
		{GW_HNV_PUBLIC, "203.0.113.5_32-65536", NULL},
		{GW_HNV_PUBLIC, "203.0.113.5_32--1", NULL},
		{GW_HNV_NAT_RULE, RDID "-outbound-all-203.0.113.5-0-10.0.0.0_8",
		 RDID "-Outbound-All-203.0.113.5-0-10.0.0.0_8"},
		{GW_HNV_NAT_RULE, RDID "-Inbound-Tcp-2001:db8::5-443-fd00::4_128",
		 RDID "-Inbound-Tcp-2001:db8::5-443-fd00::4_128"},
		{GW_HNV_NAT_RULE, RDID "-Inbound-Tcp-203.0.113.5-443", NULL},
		{GW_HNV_NAT_RULE, RDID "-Inbound-Sctp-203.0.113.5-443-10.0.0.4_32", NULL},
		{GW_HNV_NAT_RULE, RDID "-Both-Tcp-203.0.113.5-443-10.0.0.4_32", NULL},
		{GW_HNV_NAT_RULE, "-Inbound-Tcp-203.0.113.5-443-10.0.0.4_32", NULL},
		{GW_HNV_PORT, "tap-0_1.2", "tap-0_1.2"},
		{GW_HNV_PORT, "abcdefghijklmnop", NULL},
		{GW_HNV_PORT, "..", NULL},
		{GW_HNV_PORT, "", NULL},
	};
	char buf[GW_ID_STRLEN], endless[1000];
	struct gw_hnv_object *o = NULL;
	struct gw_error err;

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		int r = gw_hnv_decode_id(rows[i].kind, rows[i].id, &o, &err);

		check(r == (rows[i].canonical ? 0 : -EINVAL), "\"%s\"", rows[i].id);
		if (r == 0) {
			assert_string_equal(gw_hnv_id(o, buf), rows[i].canonical);
			o = gw_hnv_object_free(o);
		} else {
			assert_int_equal(err.code, GW_ERR_INVALID_PROPERTY);
			assert_string_equal(err.target, "resourceId");
			check(strstr(err.message, "for example"), "%s", err.message);
		}
	}
	memset(endless, '-', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		assert_int_equal(gw_hnv_decode_id((enum gw_hnv_kind)k, endless, &o, NULL), -EINVAL);
}

static void test_default_encapsulation(void **state)
{
	static const struct {
		enum gw_encap configured;
		const char *in;
		enum gw_encap want;
	} rows[] = {
		{GW_ENCAP_VXLAN, "{" FULL "}", GW_ENCAP_VXLAN},
		{GW_ENCAP_NVGRE, "{" FULL "}", GW_ENCAP_NVGRE},
		{GW_ENCAP_NVGRE, "{" FULL ",\"Encapsulation\":\"vxlan\"}", GW_ENCAP_VXLAN},
		{GW_ENCAP_NVGRE, "{" FULL ",\"Encapsulation\":null}", GW_ENCAP_NVGRE},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_hnv_object *o = NULL;

		config.encap = rows[i].configured;
		assert_int_equal(decode(GW_HNV_LOOKUP_RECORD, NULL, rows[i].in, &o, NULL), 0);
		assert_int_equal(o->record.encap, rows[i].want);
		gw_hnv_object_free(o);
	}
	config.encap = GW_ENCAP_VXLAN;
}

static void test_etag(void **state)
{
	char buf[48];

	(void)state;
	gw_hnv_etag(0, buf);
	assert_string_equal(buf, "W/\"00000000-0000-0000-0000-000000000000\"");
	gw_hnv_etag(UINT64_MAX, buf);
	assert_string_equal(buf, "W/\"00000000-0000-0000-ffff-ffffffffffff\"");
}

/* Names of every kind of byte must neither break the answer nor be stored. */
static void test_hostile_names(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o = NULL;
	json_t *body = json_object(), *text;
	char name[4000];

	(void)state;
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	json_object_set_new(body, name, json_integer(1));
	assert_int_equal(gw_hnv_decode(GW_HNV_PORT, "tap0", body, &config, &o, &err), -EINVAL);
	assert_int_equal(err.code, GW_ERR_UNKNOWN_PROPERTY);
	json_object_clear(body);
	json_object_set_new(body, "\n\x1b[2Jé", json_integer(1));
	assert_int_equal(gw_hnv_decode(GW_HNV_PORT, "tap0", body, &config, &o, &err), -EINVAL);
	assert_string_equal(err.target, "properties.??[2Jé");
	json_object_clear(body);
	for (size_t i = 0; i + 5 < sizeof name; i += 4)
		memcpy(name + i, "😀", 5);
	json_object_set_new(body, "MACAddress", json_string(name));
	assert_int_equal(gw_hnv_decode(GW_HNV_PORT, "tap0", body, &config, &o, &err), -EINVAL);
	text = json_string(err.message);
	assert_non_null(text);
	json_decref(text);
	json_decref(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ids),	 cmocka_unit_test(test_default_encapsulation),
		cmocka_unit_test(test_etag),	 cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests_name("schema", tests, setup, NULL);
}
