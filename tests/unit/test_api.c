/*
 * test_api.c - API-1, API-2, ENC-4: what the interface answers to good and bad requests, and that a refused
 * one changes nothing. The transport below it is in test_api_http.c.
 */
#include "api_client.h"

#include <sqlite3.h>

/* --- one resource ------------------------------------------------------------------------------------------------- */

static void test_API_2_life_of_a_record(void **state)
{
	struct response r;
	struct server s;
	char buf[256], etag[256];

	serve(&s, state, "");
	r = simple(&s, "PUT", RECORD_1, GOOD);
	assert_int_equal(r.status, 201);
	assert_string_equal(header(&r, "Location", buf), RECORD_1);
	assert_string_equal(header(&r, "Content-Type", buf), "application/json; charset=UTF-8");
	assert_int_equal(strlen(header(&r, "x-ms-request-id", buf)), 36);
	assert_string_equal(header(&r, "ETag", etag), at(r.json, "etag", NULL));
	assert_string_equal(at(r.json, "resourceRef", NULL), "/hnv/lookupRecords/5001-10.0.0.1");
	assert_string_equal(at(r.json, "resourceId", NULL), "5001-10.0.0.1");
	assert_string_equal(at(r.json, "properties", "provisioningState"), "Succeeded");
	assert_string_equal(at(r.json, "properties", "Encapsulation"), "VXLAN");
	done(&r);
	r = simple(&s, "PUT", RECORD_1, GOOD); /* the same again is no change */
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "ETag", buf), etag);
	done(&r);
	assert_int_equal(revision(&s), 1);
	r = simple(&s, "PUT", "/NETWORKING/v1/HNV/LookupRecords/5001-10.0.0.1/",
		   "{\"PROPERTIES\":{\"provideraddress\":\"192.0.2.2\",\"macaddress\":\"02-00-00-00-00-01\","
		   "\"vmname\":null}}");
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "Location", buf), RECORD_1);
	assert_string_not_equal(header(&r, "ETag", buf), etag);
	assert_string_equal(at(r.json, "properties", "ProviderAddress"), "192.0.2.2");
	done(&r);
	r = simple(&s, "GET", RECORD_1, NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal(header(&r, "ETag", etag), buf);
	done(&r);
	r = simple(&s, "HEAD", RECORD_1, NULL);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_len, 0);
	assert_true(atoi(header(&r, "Content-Length", buf)) > 100);
	done(&r);
	assert_int_equal(status_of(&s, "DELETE", RECORD_1, NULL), 200);
	assert_int_equal(status_of(&s, "DELETE", RECORD_1, NULL), 204);
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 404);
	assert_int_equal(revision(&s), 3);
	end(&s);
}

static void test_API_2_records_survive_restart(void **state)
{
	struct server s;

	serve(&s, state, "");
	assert_int_equal(status_of(&s, "PUT", RECORD_1, GOOD), 201);
	end(&s);
	serve(&s, state, "");
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 200);
	assert_int_equal(revision(&s), 1);
	end(&s);
}

static void test_API_1_preconditions(void **state)
{
	static const char other[] = "{\"ProviderAddress\":\"192.0.2.3\",\"MACAddress\":\"020000000001\"}";
	static const struct {
		const char *method, *target, *headers;
		int status;
	} cases[] = {
		{"PUT", RECORD_1, "If-Match: *\r\n", 412}, /* not there yet */
		{"DELETE", RECORD_1, "If-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 412},
		{"PUT", RECORD_1, "If-None-Match: *\r\n", 201},
		{"PUT", RECORD_1, "If-None-Match: *\r\n", 412},
		{"PUT", RECORD_1, "If-Match: W/\"00000000-0000-0000-0000-000000000007\"\r\n", 412},
		{"PUT", RECORD_1, "If-Match: rubbish,,\"\r\n", 412},
		{"PUT", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 412},
		{"DELETE", RECORD_1, "If-Match: \"7\"\r\n", 412},
		{"GET", RECORD_1, "If-Match: \"7\"\r\n", 412},
		{"GET", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000001\"\r\n", 304},
		{"GET", RECORD_1, "If-None-Match: W/\"00000000-0000-0000-0000-000000000002\"\r\n", 200},
		{"GET", "https://x" RECORD_1,
		 "If-None-Match: \"x\"\r\nIf-None-Match: "
		 "W/\"00000000-0000-0000-0000-000000000001\"\r\n",
		 304},
		{"GET", RECORD_1, "If-Match: \"x\"\r\nIf-Match: \"y\"\r\n", 412},
		{"GET", "HTTP://x" RECORD_1,
		 "If-Match: \"x\"\r\nIf-Match: \"00000000-0000-0000-0000-000000000001\"\r\n", 200},
		{"GET", "https://x?" RECORD_1, "", 404},
		{"PUT", RECORD_1, "If-Match: \"x\" , W/\"00000000-0000-0000-0000-000000000001\" \r\n", 200},
		{"DELETE", RECORD_1, "If-Match: \"00000000-0000-0000-0000-000000000001\"\r\n", 200},
	};
	struct server s;

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *body = strcmp(cases[i].method, "PUT") ? "" : other;
		uint64_t before = revision(&s);
		struct response r = ask(&s, cases[i].method, cases[i].target, cases[i].headers, body, strlen(body));

		if (r.status != cases[i].status)
			fail_msg("case %zu: %d", i, r.status);
		if (r.status == 412) {
			assert_string_equal(at(json_object_get(r.json, "error"), "code", NULL), "PreconditionFailed");
			assert_int_equal(revision(&s), before);
		}
		done(&r);
	}
	end(&s);
}

/* --- collections -------------------------------------------------------------------------------------------------- */

static void fill(struct server *s, unsigned n)
{
	struct gw_hnv_op *ops = calloc(n, sizeof *ops);
	struct gw_error err = GW_ERROR_INIT;
	size_t failed;

	assert_non_null(ops);
	for (unsigned i = 0; i < n; i++)
		ops[i].object = fixture_record((i * 17) % n, 1);
	assert_int_equal(s->service.submit(s->service.ctx, ops, n, &failed, &err), 0);
	free(ops);
}

static void test_API_2_collections_are_paged(void **state)
{
	const char *next = HNV "/lookuprecords?%24top=100";
	struct response r = {0}, old;
	char want[64];
	unsigned seen = 0, pages = 0;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "GET", HNV "/lookupRecords", NULL);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_array_size(json_object_get(r.json, "value")), 0);
	assert_null(json_object_get(r.json, "nextLink"));
	done(&r);
	fill(&s, 1005);
	memset(&r, 0, sizeof r);
	while (next) { /* by address, each once */
		const json_t *value;

		old = r;
		r = simple(&s, "GET", next, NULL);
		done(&old);
		assert_int_equal(r.status, 200);
		value = json_object_get(r.json, "value");
		for (size_t i = 0; i < json_array_size(value); i++, seen++) {
			snprintf(want, sizeof want, "5001-10.0.%u.%u", seen >> 8, seen & 255);
			assert_string_equal(at(json_array_get(value, i), "resourceId", NULL), want);
		}
		next = at(r.json, "nextLink", NULL);
		pages++;
	}
	done(&r);
	assert_int_equal(seen, 1005);
	assert_int_equal(pages, 11);
	r = simple(&s, "GET", HNV "/lookupRecords", NULL);
	assert_int_equal(json_array_size(json_object_get(r.json, "value")), 1000);
	assert_string_equal(at(r.json, "nextLink", NULL), HNV "/lookupRecords?$top=1000&$skipToken=5001-10.0.3.231");
	done(&r);
	end(&s);
}

static void test_pages_of_every_kind_are_in_order(void **state)
{
	static const char *const puts[] = {
		HNV "/providerAddresses/10.1.1.21",
		"{\"PrefixLength\":24,\"Interface\":\"eth1\"}",
		HNV "/providerAddresses/10.1.1.20",
		"{\"PrefixLength\":24,\"Interface\":\"eth1\"}",
		HNV "/providerRoutes/eth1-10.2.0.0_16",
		"{\"NextHop\":\"10.1.1.1\"}",
		HNV "/providerRoutes/eth1-10.2.0.0_15",
		"{\"NextHop\":\"10.1.1.1\"}",
		HNV "/providerRoutes/eth0-10.9.0.0_16",
		"{\"NextHop\":\"10.1.1.1\"}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000001-5002-0.0.0.0_0-10.0.0.1",
		"{}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0",
		"{}",
		HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-10.0.0.1",
		"{}",
		HNV "/ports/tap1",
		"{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}",
		HNV "/ports/tap0",
		"{\"MACAddress\":\"020000000002\",\"VirtualSubnetID\":5001}",
	};
	static const struct {
		const char *path;
		size_t n;
		const char *ids[3];
	} want[] = {
		{HNV "/providerAddresses", 2, {"10.1.1.20", "10.1.1.21"}},
		{HNV "/providerRoutes", 3, {"eth0-10.9.0.0_16", "eth1-10.2.0.0_15", "eth1-10.2.0.0_16"}},
		{HNV "/customerRoutes",
		 3,
		 {"11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0",
		  "11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-10.0.0.1",
		  "11111111-2222-3333-4444-000000000001-5002-0.0.0.0_0-10.0.0.1"}},
		{HNV "/ports", 2, {"tap0", "tap1"}},
	};
	struct response r;
	struct server s;
	char target[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof puts / sizeof *puts; i += 2)
		assert_int_equal(status_of(&s, "PUT", puts[i], puts[i + 1]), 201);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		for (size_t k = 0; k < want[i].n; k++) { /* one at a time, each from the one before */
			snprintf(target, sizeof target, "%s?$top=1%s%s", want[i].path, k ? "&$skipToken=" : "",
				 k ? want[i].ids[k - 1] : "");
			r = simple(&s, "GET", target, NULL);
			assert_string_equal(at(json_array_get(json_object_get(r.json, "value"), 0), "resourceId", NULL),
					    want[i].ids[k]);
			assert_int_equal(!json_object_get(r.json, "nextLink"), k + 1 == want[i].n);
			done(&r);
		}
	end(&s);
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */

#define VSID(v)                                                                                                        \
	"{\"CustomerAddress\":\"10.0.0.1\",\"ProviderAddress\":\"192.0.2.1\",\"MACAddress\":"                          \
	"\"020000000001\","                                                                                            \
	"\"VirtualSubnetID\":" v "}"

static void test_ENC_4_vsid_range(void **state)
{
	static const char *const bad[] = {"0", "1", "4095", "16777215", "16777216", "4294967297", "-1"};
	struct server s;
	char target[128], body[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct refusal c = {"PUT",     target, body, 400, "InvalidProperty", "properties.VirtualSubnetID",
				    "16777214"};

		snprintf(target, sizeof target, HNV "/ports/tap0");
		snprintf(body, sizeof body, "{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":%s}", bad[i]);
		refused(&s, &c);
		snprintf(body, sizeof body, "[{\"path\":\"/hnv/lookupRecords\",\"body\":" VSID("%s") "}]", bad[i]);
		c = (struct refusal){"POST", HNV "/batch",	body,
				     400,    "InvalidProperty", "[0].body.properties.VirtualSubnetID",
				     "4096"};
		refused(&s, &c);
	}
	assert_int_equal(status_of(&s, "PUT", HNV "/lookupRecords/4096-10.0.0.1", VSID("4096")), 201);
	assert_int_equal(status_of(&s, "PUT", HNV "/lookupRecords/16777214-10.0.0.1", VSID("16777214")), 201);
	end(&s);
}

static void test_API_1_bad_json_is_refused(void **state)
{
	static const struct refusal cases[] = {
		{"PUT", RECORD_1, "", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, "{", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, "{\n\n  \"a\" 1}", 400, "InvalidJson", "", "line 3"},
		{"PUT", RECORD_1, GOOD " x", 400, "InvalidJson", "", "line 1"},
		{"PUT", RECORD_1, GOOD GOOD, 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{},\"properties\":{}}", 400, "InvalidJson", "", "uplicate"},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\xc3\x28\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\xed\xa0\x80\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":\"\\u0000\"}}", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VirtualSubnetID\":99999999999999999999}}", 400, "InvalidJson", "",
		 NULL},
		{"PUT", RECORD_1, "\"text\"", 400, "InvalidJson", "", NULL},
		{"PUT", RECORD_1, "[]", 400, "InvalidRequest", NULL, NULL},
		{"PUT", RECORD_1, "{\"properties\":[]}", 400, "InvalidProperty", NULL, NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"VMName\":{\"a\":1}}}", 400, "InvalidProperty",
		 "properties.VMName", NULL},
		{"PUT", RECORD_1, "{\"properties\":{\"teapot\":1}}", 400, "UnknownProperty", "properties.teapot", NULL},
		{"PUT", RECORD_1, "{}", 400, "MissingProperty", NULL, NULL},
	};
	struct refusal deep = {"PUT", RECORD_1, NULL, 400, "InvalidJson", "", "nesting"};
	char text[4096];
	struct server s;

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	memset(text, '[', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	deep.body = text;
	refused(&s, &deep);
	end(&s);
}

static void test_API_1_bad_requests_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{"GET", "/", NULL, 404, "NotFound", NULL, NULL},
		{"GET", "/networking/v1", NULL, 404, "NotFound", NULL, NULL},
		{"GET", "/networking/v2/hnv/ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/teapots", NULL, 404, "NotFound", NULL, "teapots"},
		{"GET", HNV "/ports/a/b", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "//ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/../ports", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/tap0%00x", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/%zz", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/%4", NULL, 404, "NotFound", NULL, NULL},
		{"GET", HNV "/ports/\xff\xfe", NULL, 400, "InvalidProperty", "resourceId", "tap0"},
		{"GET", HNV "/lookupRecords/5001", NULL, 400, "InvalidProperty", "resourceId", NULL},
		{"GET", HNV "/ports?$top=0", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=1001", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=99999999999999999999", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top=1x", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/ports?$top", NULL, 400, "InvalidRequest", "$top", NULL},
		{"GET", HNV "/lookupRecords?$skipToken=tap0", NULL, 400, "InvalidRequest", "$skipToken", NULL},
		{"GET", HNV "/ports?$filter=a", NULL, 400, "InvalidRequest", "$filter", NULL},
		{"GET", HNV "/ports?$top=%0", NULL, 400, "InvalidRequest", NULL, NULL},
		{"PUT", HNV "/lookupRecords/5001-10.0.0.2",
		 "{\"CustomerAddress\":\"10.0.0.3\",\"ProviderAddress\":\"192.0.2.1\","
		 "\"MACAddress\":\"020000000001\"}",
		 400, "InvalidProperty", "properties.CustomerAddress", NULL},
		{"PUT", HNV "/customerRoutes/11111111-2222-3333-4444-000000000009-5001-10.0.0.0_24-0.0.0.0", "{}", 409,
		 "Conflict", "properties.RoutingDomainID", "5001"},
		{"PUT", HNV "/providerAddresses/10.1.1.20", "{\"PrefixLength\":24,\"Interface\":\"eth2\"}", 409,
		 "Conflict", NULL, "[underlay]"},
		{"DELETE", HNV "/providerAddresses/10.1.1.20", NULL, 409, "Conflict", NULL, "[underlay]"},
		{"POST", "/networking/v1/monitoring/trace", "{}", 400, "NotSupported", NULL, NULL},
		{"POST", "/networking/v1/monitoring/trace", "{", 400, "InvalidJson", NULL, NULL},
	};
	struct server s;

	serve(&s, state, "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n");
	assert_int_equal(status_of(&s, "PUT",
				   HNV "/customerRoutes/11111111-2222-3333-4444-000000000000-5001-10.0.0.0_24-0.0.0.0",
				   "{}"),
			 201);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	end(&s);
}

static void test_API_1_wrong_methods_name_the_right_ones(void **state)
{
	static const struct {
		const char *method, *target, *allow;
	} cases[] = {
		{"PATCH", RECORD_1, "GET, HEAD, PUT, DELETE"},
		{"POST", HNV "/ports", "GET, HEAD"},
		{"DELETE", HNV "/ports", "GET, HEAD"},
		{"GET", HNV "/batch", "POST"},
		{"HEAD", HNV "/batch", "POST"},
		{"get", HNV "/ports", "GET, HEAD"},
		{"OPTIONS", "/healthz", "GET, HEAD"},
	};
	struct server s;
	char buf[256];

	serve(&s, state, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct response r = simple(&s, cases[i].method, cases[i].target, NULL);

		assert_int_equal(r.status, 405);
		assert_string_equal(header(&r, "Allow", buf), cases[i].allow);
		done(&r);
	}
	end(&s);
}

/* --- batch -------------------------------------------------------------------------------------------------------- */

#define B_PUT(n)                                                                                                       \
	"{\"path\":\"/hnv/lookupRecords/5001-10.0.0." n "\",\"body\":{\"ProviderAddress\":\"192.0.2.1\","              \
	"\"MACAddress\":\"020000000001\"}}"

static void test_API_1_batch_is_one_change(void **state)
{
	struct response r;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "POST", HNV "/batch", "[" B_PUT("1") "," B_PUT("2") "," B_PUT("3") "]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "applied")), 3);
	assert_int_equal(json_integer_value(json_object_get(r.json, "revision")), 1);
	done(&r);
	r = simple(&s, "POST", HNV "/batch",
		   "[{\"METHOD\":\"delete\",\"Path\":\"/networking/v1/HNV/lookuprecords/5001-10.0.0.1\"},"
		   "{\"method\":\"DELETE\",\"path\":\"/hnv/ports/absent\",\"body\":null},"
		   "{\"method\":\"PUT\",\"path\":\"/hnv/"
		   "ports\",\"body\":{\"Interface\":\"tap0\",\"MACAddress\":\"020000000001\","
		   "\"VirtualSubnetID\":5001}}]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "revision")), 2);
	done(&r);
	assert_int_equal(status_of(&s, "GET", HNV "/lookupRecords/5001-10.0.0.1", NULL), 404);
	assert_int_equal(status_of(&s, "GET", HNV "/lookupRecords/5001-10.0.0.3", NULL), 200);
	assert_int_equal(status_of(&s, "GET", HNV "/ports/tap0", NULL), 200);
	r = simple(&s, "POST", HNV "/batch", "[]");
	assert_int_equal(r.status, 200);
	assert_int_equal(json_integer_value(json_object_get(r.json, "applied")), 0);
	done(&r);
	end(&s);
}

static void test_API_1_bad_batch_changes_nothing(void **state)
{
#define POST(body, code, target, message)                                                                              \
	{                                                                                                              \
		"POST", HNV "/batch", body, 400, code, target, message                                                 \
	}
#define E(text) "[" B_PUT("1") "," text "]"
	static const struct refusal cases[] = {
		POST("{}", "InvalidRequest", "", "array"),
		POST("[", "InvalidJson", "", NULL),
		POST(E("7"), "InvalidRequest", "[1]", NULL),
		POST(E("{}"), "MissingProperty", "[1].path", NULL),
		POST(E("{\"path\":7}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"PATH\":\"/hnv/ports/a\"}"), "InvalidRequest", "[1].path", "twice"),
		POST(E("{\"path\":\"/hnv/ports/a\",\"verb\":\"PUT\"}"), "UnknownProperty", "[1].verb", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"method\":\"GET\"}"), "InvalidRequest", "[1].method", "GET"),
		POST(E("{\"path\":\"/hnv/ports/a\"}"), "MissingProperty", "[1].body", NULL),
		POST(E("{\"path\":\"/hnv/ports/a/b\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/teapots/a\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"hnv/ports/a\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/%00\",\"body\":{}}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports\",\"method\":\"DELETE\"}"), "InvalidRequest", "[1].path", NULL),
		POST(E("{\"path\":\"/hnv/ports/a\",\"method\":\"DELETE\",\"body\":{}}"), "InvalidRequest", "[1].body",
		     NULL),
		POST(E("{\"path\":\"/hnv/ports/"
		       "a\",\"body\":{\"MACAddress\":\"01:00:5e:00:00:01\",\"VirtualSubnetID\":5001}}"),
		     "InvalidProperty", "[1].body.properties.MACAddress", NULL),
		POST(E(B_PUT("2")) "x", "InvalidJson", "", NULL),
		POST("[" B_PUT("2") "," B_PUT("1") "," B_PUT("2") "]", "InvalidRequest", "[2].path", "[0]"),
		POST("[" B_PUT("2") ",{\"method\":\"DELETE\",\"path\":\"/hnv/lookupRecords/5001-10.0.0.2\"}]",
		     "InvalidRequest", "[1].path", "[0]"),
		{"POST", HNV "/batch", E("{\"method\":\"DELETE\",\"path\":\"/hnv/providerAddresses/10.1.1.20\"}"), 409,
		 "Conflict", "[1]", "[underlay]"},
		{"POST", HNV "/batch",
		 E("{\"path\":\"/hnv/ports/"
		   "eth1\",\"body\":{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}}"),
		 409, "Conflict", "[1].body.properties.Interface", "eth1"},
	};
	struct server s;

	serve(&s, state, "[underlay]\ninterface = eth1\naddress = 10.1.1.20/24\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refused(&s, &cases[i]);
	assert_int_equal(gw_intent_count(s.service.intent, GW_HNV_LOOKUP_RECORD), 0);
	end(&s);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static bool never_ready(void *ctx)
{
	(void)ctx;
	return false;
}

static int trace_echo(void *ctx, const json_t *query, json_t **ret, struct gw_error *err)
{
	(void)ctx;
	(void)err;
	*ret = json_pack("{s:O}", "query", query);
	return 0;
}

static void describe_port(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	(void)ctx;
	if (o->kind == GW_HNV_PORT)
		json_object_set_new(properties, "state", json_string("Up"));
}

static void test_monitoring_and_meta(void **state)
{
	struct response r;
	struct server s;

	serve(&s, state, "");
	r = simple(&s, "GET", "/networking/v1/monitoring/statistics", NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal(at(json_object_get(r.json, "node"), "name", NULL), "test");
	done(&r);
	assert_int_equal(status_of(&s, "GET", "/readyz", NULL), 200);
	s.service.ready = never_ready;
	s.service.trace = trace_echo;
	s.service.describe = describe_port;
	r = simple(&s, "GET", "/readyz", NULL);
	assert_int_equal(r.status, 503);
	assert_string_equal(at(json_object_get(r.json, "error"), "code", NULL), "Unavailable");
	done(&r);
	assert_int_equal(status_of(&s, "GET", "/healthz", NULL), 200);
	r = simple(&s, "POST", "/networking/v1/monitoring/trace", "{\"port\":\"tap0\"}");
	assert_int_equal(r.status, 200);
	assert_string_equal(at(json_object_get(r.json, "query"), "port", NULL), "tap0");
	done(&r);
	r = simple(&s, "PUT", HNV "/ports/tap0", "{\"MACAddress\":\"020000000001\",\"VirtualSubnetID\":5001}");
	assert_string_equal(at(r.json, "properties", "state"), "Up");
	done(&r);
	end(&s);
}

static void test_API_1_store_that_cannot_be_written(void **state)
{
	struct refusal c = {"PUT", RECORD_1, GOOD, 503, "Unavailable", NULL, NULL};
	struct server s;
	sqlite3 *other;

	serve(&s, state, "");
	assert_int_equal(sqlite3_open(s.config.store_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	refused(&s, &c);
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 404);
	sqlite3_close(other);
	assert_int_equal(status_of(&s, "PUT", RECORD_1, GOOD), 201);
	end(&s);
}

static json_t *link_status(void *ctx)
{
	return json_pack("{s:s}", "state", ctx);
}

/* Somebody else would take the change back: who wants it is told who that is. Reading stays. */
static void test_API_2_managed_node(void **state)
{
	static const char one[] =
		"[{\"method\":\"PUT\",\"path\":\"/hnv/lookupRecords/5001-10.0.0.1\",\"body\":" GOOD "}]";
	static const struct refusal refusals[] = {
		{"PUT", RECORD_1, GOOD, 409, "Conflict", NULL, "managed by the controller at https://c:8443"},
		{"DELETE", RECORD_1, NULL, 409, "Conflict", NULL, "https://c:8443"},
		{"POST", HNV "/batch", one, 409, "Conflict", NULL, "https://c:8443"},
		{"PUT", RECORD_1, "{", 400, "InvalidJson", NULL, NULL},
	};
	struct server s;
	struct response r;

	serve(&s, state, "");
	assert_int_equal(status_of(&s, "PUT", RECORD_1, GOOD), 201);
	s.service.manager = "https://c:8443";
	s.service.link_status = link_status;
	s.service.link_ctx = "Connected";
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		refused(&s, &refusals[i]);
	assert_int_equal(status_of(&s, "GET", RECORD_1, NULL), 200);
	assert_int_equal(status_of(&s, "GET", HNV "/lookupRecords", NULL), 200);
	r = simple(&s, "GET", "/networking/v1/monitoring/statistics", NULL);
	assert_string_equal(at(json_object_get(r.json, "controller"), "state", NULL), "Connected");
	done(&r);
	s.service.manager = NULL;
	assert_int_equal(status_of(&s, "POST", HNV "/batch", one), 200);
	end(&s);
}

#define API_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(test_API_2_life_of_a_record),
		API_TEST(test_API_2_records_survive_restart),
		API_TEST(test_API_1_preconditions),
		API_TEST(test_API_2_collections_are_paged),
		API_TEST(test_pages_of_every_kind_are_in_order),
		API_TEST(test_ENC_4_vsid_range),
		API_TEST(test_API_1_bad_json_is_refused),
		API_TEST(test_API_1_bad_requests_are_refused),
		API_TEST(test_API_1_wrong_methods_name_the_right_ones),
		API_TEST(test_API_1_batch_is_one_change),
		API_TEST(test_API_1_bad_batch_changes_nothing),
		API_TEST(test_monitoring_and_meta),
		API_TEST(test_API_2_managed_node),
		API_TEST(test_API_1_store_that_cannot_be_written),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
