/* test_resource_batch.c - API-1: POST /networking/v1/batch, a list of resources put and deleted as a whole or not at all. */
#include "controller.h"
#include "test.h"

#define V1    "/networking/v1"
#define BATCH V1 "/batch"

#define PUT(path, properties) "{\"path\":\"" path "\",\"body\":{\"properties\":{" properties "}}}"
#define DEL(path)	      "{\"method\":\"delete\",\"path\":\"" path "\"}"
#define SPACE		      "\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/8\"]}"
#define BLUE		      PUT("/virtualNetworks/blue", SPACE)
#define WEB		      PUT("/virtualNetworks/blue/subnets/web", "\"addressPrefix\":\"10.0.1.0/24\"")
#define RDID(name)	      PUT("/virtualNetworks/" name, SPACE ",\"routingDomainId\":\"11111111-2222-3333-4444-555555555555\"")
#define NIC                                                                                                            \
	PUT("/networkInterfaces/nic1",                                                                                 \
	    "\"privateMacAddress\":\"00155D011404\",\"ipConfigurations\":[{\"resourceId\":\"a\",\"properties\":"       \
	    "{\"subnet\":{\"resourceRef\":\"/virtualNetworks/blue/subnets/web\"}}}]")

/* What became of each element, as "Created Changed". */
static const char *results(struct server *s, const char *body)
{
	static char text[512];
	struct response r = simple(s, "POST", BATCH, body);
	const json_t *value = json_object_get(r.json, "value"), *element;
	size_t i;

	if (r.status != 200)
		fail_msg("%s: %s", body, r.text);
	*text = '\0';
	json_array_foreach((json_t *)value, i, element)
	{
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
			 at(element, "result", NULL));
		assert_true(*at(element, "resourceRef", NULL) == '/');
	}
	done(&r);
	return text;
}

static void test_elements_come_in_any_order(void **state)
{
	struct controller c;
	struct response r;
	const json_t *first;

	manage(&c, state, "");
	r = simple(&c.s, "POST", BATCH, "[" NIC "," WEB "," BLUE "]");
	assert_int_equal(r.status, 200);
	first = json_array_get(json_object_get(r.json, "value"), 0);
	assert_string_equal(at(first, "resourceRef", NULL), "/networkInterfaces/nic1");
	assert_int_equal(revision(&c.s), 1);
	{
		struct response one = simple(&c.s, "GET", V1 "/networkInterfaces/nic1", NULL);

		assert_int_equal(one.status, 200);
		assert_string_equal(at(one.json, "etag", NULL), at(first, "etag", NULL));
		done(&one);
	}
	done(&r);
	/* The same again, in another order and letter case, changes nothing. */
	assert_string_equal(results(&c.s, "[" BLUE "," NIC "," WEB "]"), "Unchanged Unchanged Unchanged");
	assert_string_equal(results(&c.s, "[{\"PATH\":\"/networking/v1/VIRTUALnetworks/Blue\",\"Method\":null,"
					  "\"BODY\":{\"Properties\":{" SPACE "}}}]"),
			    "Unchanged");
	assert_int_equal(revision(&c.s), 1);
	/* Parents go with their children, and after who refers to them; what is not there is gone already. */
	assert_string_equal(
		results(&c.s, "[" DEL("/virtualNetworks/blue") "," DEL("/virtualNetworks/none") "," DEL(
				      "/virtualNetworks/blue/subnets/web") "," DEL("/networkInterfaces/nic1") "]"),
		"Deleted Absent Deleted Deleted");
	assert_int_equal(status_of(&c.s, "GET", V1 "/virtualNetworks/blue", NULL), 404);
	assert_int_equal(revision(&c.s), 2);
	assert_string_equal(results(&c.s, "[]"), "");
	leave(&c);
}

static void test_what_changed_is_said(void **state)
{
	struct controller c;

	manage(&c, state, "");
	assert_string_equal(results(&c.s, "[" BLUE "," WEB "]"), "Created Created");
	assert_string_equal(
		results(&c.s, "[" PUT("/virtualNetworks/blue", SPACE ",\"encapsulationMethod\":\"NVGRE\"") "," WEB "]"),
		"Changed Unchanged");
	/* A child in the parent's list is part of the parent. */
	assert_string_equal(results(&c.s, "[" PUT("/virtualNetworks/blue", SPACE
						  ",\"encapsulationMethod\":\"NVGRE\",\"subnets\":[{\"resourceId\":"
						  "\"web\",\"properties\":{\"addressPrefix\":\"10.0.2.0/24\"}}]") "]"),
			    "Changed");
	/* Removals come first: the prefix that web leaves is free for another. */
	assert_string_equal(
		results(&c.s, "[" PUT("/virtualNetworks/blue/subnets/db", "\"addressPrefix\":\"10.0.2.0/24\"") "," DEL(
				      "/virtualNetworks/blue/subnets/web") "]"),
		"Created Deleted");
	leave(&c);
}

static void test_refusals_name_the_element(void **state)
{
	static const struct refusal cases[] = {
		{"POST", BATCH, "{}", 400, "InvalidRequest", "", "array"},
		{"POST", BATCH, "[", 400, "InvalidJson", "", "line 1"},
		{"POST", BATCH, "[7]", 400, "InvalidRequest", "[0]", "object"},
		{"POST", BATCH, "[" BLUE ",{}]", 400, "MissingProperty", "[1].path", "/virtualNetworks/blue"},
		{"POST", BATCH, "[{\"path\":7}]", 400, "InvalidRequest", "[0].path", "text"},
		{"POST", BATCH, "[{\"path\":\"/a/b\",\"Path\":\"/a/b\"}]", 400, "InvalidRequest", "[0].path", "twice"},
		{"POST", BATCH, "[{\"path\":\"/virtualNetworks/x\"}]", 400, "MissingProperty", "[0].body", "PUT"},
		{"POST", BATCH, "[{\"path\":\"/virtualNetworks/x\",\"body\":{},\"colour\":1}]", 400, "UnknownProperty",
		 "[0].colour", "ifMatch"},
		{"POST", BATCH, "[{\"path\":\"/virtualNetworks/x\",\"method\":\"POST\",\"body\":{}}]", 400,
		 "InvalidRequest", "[0].method", "neither"},
		{"POST", BATCH, "[{\"path\":\"/virtualNetworks/x\",\"method\":\"DELETE\",\"body\":{}}]", 400,
		 "InvalidRequest", "[0].body", "none"},
		{"POST", BATCH, "[" DEL("/hnv/ports/tap0") "]", 400, "InvalidRequest", "[0].path", "resource"},
		{"POST", BATCH, "[" DEL("blue") "]", 400, "InvalidRequest", "[0].path", "resource"},
		{"POST", BATCH, "[" DEL("/virtualNetworks/%zz") "]", 400, "InvalidRequest", "[0].path", "resource"},
		{"POST", BATCH, "[" DEL("/version") "]", 404, "NotFound", "[0].path", "/version"},
		{"POST", BATCH, "[" DEL("/virtualNetworks") "]", 405, "MethodNotAllowed", "[0].path", "collection"},
		{"POST", BATCH, "[" BLUE "," PUT("/teapots/x", "") "]", 404, "NotFound", "[1].path", "/teapots/x"},
		{"POST", BATCH, "[" WEB "]", 404, "NotFound", "[0].path", "/virtualNetworks/blue/subnets/web"},
		{"POST", BATCH, "[" BLUE "," WEB "," DEL("/VirtualNetworks/BLUE/") "]", 400, "InvalidRequest",
		 "[2].path", "element [0]"},
		/* found while decoding, while putting, and by what only the whole can tell */
		{"POST", BATCH, "[" WEB "," BLUE "," PUT("/macPools/p", "\"startMacAddress\":\"0\"") "]", 400,
		 "InvalidProperty", "[2].body.properties.startMacAddress", NULL},
		{"POST", BATCH,
		 "[" WEB "," PUT("/virtualNetworks/blue", SPACE ",\"subnets\":[{\"resourceRef\":\"/x/y\"}]") "]", 400,
		 "InvalidProperty", "[1].body.properties.subnets[0].resourceRef", NULL},
		{"POST", BATCH, "[" NIC "," BLUE "]", 400, "InvalidProperty",
		 "[0].body.properties.ipConfigurations[0].properties.subnet", "there is no virtual subnet"},
		{"POST", BATCH,
		 "[" WEB "," PUT("/virtualNetworks/blue/subnets/db", "\"addressPrefix\":\"10.0.1.0/25\"") "," BLUE "]",
		 409, "Conflict", NULL, "overlaps"},
		{"POST", BATCH,
		 "[{\"path\":\"/virtualNetworks/x\",\"body\":{\"properties\":{" SPACE "}},\"ifMatch\":\"*\"}]", 412,
		 "PreconditionFailed", "[0].ifMatch", "does not exist"},
		/* refused when references are made already, forward ones too */
		{"POST", BATCH, "[" NIC "," BLUE "," WEB "," RDID("one") "," RDID("two") "]", 409, "Conflict",
		 "[3].body.properties.routingDomainId", "/virtualNetworks/two"},
		/* what goes, and what it refers to, is as it was */
		{"POST", BATCH, "[" DEL("/networkInterfaces/nic0") "," RDID("one") "," RDID("two") "]", 409, "Conflict",
		 NULL, "taken"},
		/* there is a network old, whose subnet is in use */
		{"POST", BATCH, "[" BLUE "," DEL("/virtualNetworks/old") "]", 409, "Conflict", "[1]",
		 "/virtualNetworks/old/subnets/web: it is in use: /networkInterfaces/nic0"},
		{"POST", BATCH, "[" BLUE "," PUT("/virtualNetworks/old", SPACE ",\"subnets\":[]") "]", 409, "Conflict",
		 "[1]", "it is in use"},
		{"POST", BATCH, "[" BLUE "," PUT("/virtualNetworks/old", SPACE ",\"tags\":1") "]", 400,
		 "UnknownProperty", "[1].body.properties.tags", NULL},
	};
	struct controller c;
	struct response r;

	manage(&c, state, "");
	results(&c.s,
		"[" PUT("/virtualNetworks/old", SPACE) "," PUT(
			"/virtualNetworks/old/subnets/web",
			"\"addressPrefix\":\"10.0.1.0/24\"") "," PUT("/networkInterfaces/nic0",
								     "\"privateMacAddress\":\"00155D011405\","
								     "\"ipConfigurations\":[{\"resourceId\":\"a\","
								     "\"properties\":{\"subnet\":{\"resourceRef\":"
								     "\"/virtualNetworks/old/subnets/"
								     "web\"}}}]") "]");
	for (size_t i = 0; i < GW_N(cases); i++) {
		refused(&c.s, &cases[i]);
		assert_int_equal(status_of(&c.s, "GET", V1 "/virtualNetworks/blue", NULL), 404);
		r = simple(&c.s, "GET", V1 "/virtualNetworks/old/subnets/web", NULL);
		assert_int_equal(
			json_array_size(json_object_get(json_object_get(r.json, "properties"), "ipConfigurations")), 1);
		done(&r);
	}
	leave(&c);
}

static void test_etags_are_honoured(void **state)
{
	char body[512];
	struct controller c;
	struct response r;
	struct refusal stale = {"POST", BATCH, body, 412, "PreconditionFailed", "[1].ifMatch", "changed meanwhile"};

	manage(&c, state, "");
	r = simple(&c.s, "POST", BATCH, "[" BLUE "]");
	for (int i = 0; i < 2; i++) { /* with the etag it has, then with the one it had */
		char etag[128] = "", *to = etag;

		/* as a JSON text */
		for (const char *t = at(json_array_get(json_object_get(r.json, "value"), 0), "etag", NULL); *t; t++)
			to += sprintf(to, *t == '"' ? "\\\"" : "%c", *t);
		snprintf(body, sizeof body,
			 "[" PUT("/virtualNetworks/other%d",
				 SPACE) ",{\"path\":\"/virtualNetworks/blue\",\"ifMatch\":\"%s\",\"body\":"
					"{\"tags\":{\"n\":%d},\"properties\":{" SPACE "}}}]",
			 i, etag, i);
		if (i)
			refused(&c.s, &stale);
		else
			assert_string_equal(results(&c.s, body), "Created Changed");
	}
	done(&r);
	assert_int_equal(status_of(&c.s, "GET", V1 "/virtualNetworks/other1", NULL), 404);
	leave(&c);
}

#define TENANTS(t)                                                                                                     \
	"{\"path\":\"/virtualNetworks/blue?tenantId=" t "\",\"body\":{\"properties\":{" SPACE "}}},"                   \
	"{\"path\":\"/virtualNetworks/blue/subnets/web?tenantId=" t                                                    \
	"\",\"body\":{\"properties\":{\"addressPrefix\":\"10.0.1.0/24\"}}}"

static void test_tenants_may_have_the_same_names(void **state)
{
	struct controller c;

	manage(&c, state, "");
	assert_string_equal(results(&c.s, "[" TENANTS("a") "," TENANTS("A") "]"), "Created Created Created Created");
	/* The operator's own beside them, in whatever order. */
	assert_string_equal(results(&c.s, "[{\"path\":\"/virtualNetworks/red\",\"body\":{\"resourceMetadata\":{"
					  "\"TenantId\":\"a\"},\"properties\":{" SPACE
					  "}}}," PUT("/virtualNetworks/red", SPACE) "]"),
			    "Created Created");
	assert_string_equal(results(&c.s, "[" DEL("/virtualNetworks/blue?tenantId=a") "," TENANTS("A") "]"),
			    "Deleted Unchanged Unchanged");
	leave(&c);
}

static void test_it_survives_a_restart(void **state)
{
	struct controller c;

	manage(&c, state, "");
	assert_string_equal(results(&c.s, "[" NIC "," WEB "," BLUE "]"), "Created Created Created");
	leave(&c);
	manage(&c, state, "");
	assert_string_equal(results(&c.s, "[" NIC "," WEB "," BLUE "]"), "Unchanged Unchanged Unchanged");
	leave(&c);
}

/* The status of the answer; nobody is kept out while it comes. */
static int status_beside_others(struct controller *c, const char *head, const char *body)
{
	char text[512];
	struct response r;
	int fd = dial(&c->s), status;

	snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", head,
		 strlen(body));
	send_bytes(&c->s, fd, text, strlen(text));
	send_bytes(&c->s, fd, body, strlen(body));
	for (uint64_t deadline = uv_hrtime() + 20000000000u; recv(fd, text, 1, MSG_PEEK) < 0; turn(&c->s)) {
		assert_true(gw_control_is_open_for(c->control, GW_CONTROL_WORKS));
		assert_true(uv_hrtime() < deadline);
	}
	assert_true(receive(&c->s, fd, false, &r));
	status = r.status;
	done(&r);
	close(fd);
	return status;
}

/* What cannot be carried out, whatever the others have, is found out beside them: it keeps nobody waiting, however large it is. */
static void test_it_is_read_beside_others(void **state)
{
	enum { VALUES = 100000 };
	size_t size = 2 * VALUES + 200, n;
	char *body = malloc(size);
	struct controller c;

	assert_non_null(body);
	n = (size_t)snprintf(body, size, "[" BLUE ",{\"path\":\"/virtualNetworks/red\",\"body\":{\"tags\":{\"a\":[0");
	for (size_t i = 0; i < VALUES; i++)
		n += (size_t)snprintf(body + n, size - n, ",0");
	manage(&c, state, "");
	for (uint64_t begun = uv_hrtime(); uv_hrtime() - begun < 100000000u;)
		turn(&c.s); /* the daemon's own job is done, soon after the start */
	snprintf(body + n, size - n, "]}}},{}]");
	assert_int_equal(status_beside_others(&c, "POST " BATCH, body), 400);
	snprintf(body + n, size - n, "]}}},]");
	assert_int_equal(status_beside_others(&c, "POST " BATCH, body), 400);
	assert_int_equal(status_beside_others(&c, "PUT " V1 "/virtualNetworks/red", body), 400);
	assert_int_equal(revision(&c.s), 0);
	free(body);
	leave(&c);
}

/* [limits] batch, and a node that is no controller. */
static void test_limits(void **state)
{
	static char big[70000];
	struct refusal large = {"POST", BATCH, big, 413, "RequestTooLarge", NULL, NULL};
	struct refusal nobody = {"POST", BATCH, "[]", 404, "NotFound", NULL, "controller"};
	struct controller c;

	memset(big, ' ', sizeof big - 1);
	manage(&c, state, "[limits]\nbatch = 65536\n");
	refused(&c.s, &large);
	assert_int_equal(status_of(&c.s, "GET", BATCH, NULL), 405);
	c.s.service.control = NULL;
	refused(&c.s, &nobody);
	leave(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_elements_come_in_any_order, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_changed_is_said, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refusals_name_the_element, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_etags_are_honoured, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_tenants_may_have_the_same_names, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_it_survives_a_restart, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_it_is_read_beside_others, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_limits, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("resource_batch", tests, NULL, NULL);
}
