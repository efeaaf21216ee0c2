/* test_rows.c - schemas of rows that no resource has yet, or that its store and its clients are read differently by (schema.h). */
#include "test.h"

#include "model/schema.h"

#include <string.h>

#define GW_LOGIN(S, P, O, L, V, C, R) P(S, SECRET, password, "password", .min = 1, .max = 8)
GW_SCHEMA_STRUCT(login, GW_LOGIN)
GW_SCHEMA_DEFINE(login, GW_LOGIN)

#define GW_ODD(S, P, O, L, V, C, R)                                                                                    \
	P(S, SECRET, own, "own", .min = 1, .max = 8)                                                                   \
	O(S, login, inner, "inner")                                                                                    \
	L(S, login, logins, "logins", .max = 4)                                                                        \
	V(S, SECRET, keys, "keys", .max = 4)                                                                           \
	P(S, ANY, weight, "weight", .item = GW_PROPERTY_UINT, .max = 100, .flags = GW_PROPERTY_IS_INERT)               \
	P(S, ANY, flag, "flag", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)                               \
	P(S, ANY, label, "label", .item = GW_PROPERTY_TEXT, .max = 4, .flags = GW_PROPERTY_IS_INERT)                   \
	P(S, ANY, free, "free", .flags = GW_PROPERTY_IS_INERT)                                                         \
	R(S, "probes", .flags = GW_PROPERTY_IS_LATER)
GW_SCHEMA_STRUCT(odd, GW_ODD)
GW_SCHEMA_DEFINE(odd, GW_ODD)

static int seal(void *ctx, const char *secret, char **ret, struct gw_error *err)
{
	(void)ctx;
	*ret = strdup(secret);
	return *ret ? 0 : gw_error_oom(err);
}

static const struct gw_schema_reader client = {.seal = seal};

static int decode(const char *text, const struct gw_schema_reader *reader, struct gw_odd *ret, struct gw_error *err)
{
	json_t *body = json_loads(text, 0, NULL);
	int r;

	assert_non_null(body);
	*ret = (struct gw_odd){0};
	r = gw_schema_decode(&gw_schema_odd, body, reader, ret, err);
	json_decref(body);
	return r;
}

static int note(void *ctx, const char *secret)
{
	strcat(ctx, secret);
	return 0;
}

/* A restore looks at each of them: whether this node's key opens it. */
static void test_secrets(void **state)
{
	char found[64] = "";
	struct gw_odd odd;

	(void)state;
	assert_int_equal(decode("{\"own\":\"a\",\"inner\":{\"password\":\"b\"},\"logins\":[{\"password\":\"c\"},{},{"
				"\"password\":"
				"\"d\"}],\"keys\":[\"e\",\"f\"]}",
				NULL, &odd, NULL),
			 0);
	assert_int_equal(gw_schema_each_secret(&gw_schema_odd, &odd, note, found), 0);
	assert_string_equal(found, "abcdef");
	gw_schema_done(&gw_schema_odd, &odd);
}

/* What clients give has its row's type; what the store has may be older than that. */
static void test_inert(void **state)
{
	static const struct {
		const char *text, *kept, *target;
	} rows[] = {
		{"{\"weight\":7}", "{\"weight\":7}", ""},
		{"{\"weight\":\"7\"}", "{\"weight\":7}", ""},
		{"{\"flag\":false}", "{\"flag\":false}", ""},
		{"{\"label\":\"\"}", "{\"label\":\"\"}", ""},
		{"{\"free\":[{}]}", "{\"free\":[{}]}", ""},
		{"{\"weight\":101}", NULL, "weight"},
		{"{\"weight\":{\"a\":[1]}}", NULL, "weight"},
		{"{\"flag\":\"banana\"}", NULL, "flag"},
		{"{\"label\":5}", NULL, "label"},
		{"{\"label\":\"12345\"}", NULL, "label"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_odd odd;
		int r = decode(rows[i].text, &client, &odd, &err);

		check((r == 0) == (rows[i].kept != NULL), "%s: %s", rows[i].text, err.message);
		assert_string_equal(err.target, rows[i].target);
		if (r == 0) {
			json_t *kept = gw_schema_encode(&gw_schema_odd, &odd, true),
			       *wanted = json_loads(rows[i].kept, 0, NULL);

			check(json_equal(kept, wanted), "%s", rows[i].text);
			json_decref(kept);
			json_decref(wanted);
		}
		gw_schema_done(&gw_schema_odd, &odd);
		check(decode(rows[i].text, NULL, &odd, NULL) == 0, "%s, from the store", rows[i].text);
		gw_schema_done(&gw_schema_odd, &odd);
	}
}

static void test_later(void **state)
{
	static const char *const refused[] = {"{\"probes\":[{}]}", "{\"probes\":{}}", "{\"probes\":5}"};
	struct gw_odd odd;

	(void)state;
	assert_int_equal(decode("{\"probes\":[]}", &client, &odd, NULL), 0);
	assert_int_equal(decode("{\"probes\":null}", &client, &odd, NULL), 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct gw_error err = GW_ERROR_INIT;

		assert_true(decode(refused[i], &client, &odd, &err) < 0);
		assert_int_equal(err.code, GW_ERR_NOT_SUPPORTED);
		assert_string_equal(err.target, "probes");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_inert),
		cmocka_unit_test(test_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
