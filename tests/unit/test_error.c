/* test_error.c - errors reach their reader whole, printable and with the right status (API-1). */
#include "test.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>

static void test_set(void **state)
{
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	assert_int_equal(gw_error_set(&err, EEXIST, GW_ERR_CONFLICT, "properties.X", "port %s is %d", "tap0", 7),
			 -EEXIST);
	assert_int_equal(err.code, GW_ERR_CONFLICT);
	assert_string_equal(err.target, "properties.X");
	assert_string_equal(err.message, "port tap0 is 7");
	assert_int_equal(gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, NULL, "x"), -EINVAL);
	assert_string_equal(err.target, "");
	assert_int_equal(gw_error_set(NULL, EPERM, GW_ERR_FORBIDDEN, "t", "m"), -EPERM);
	assert_int_equal(gw_error_oom(&err), -ENOMEM);
	assert_int_equal(err.code, GW_ERR_INTERNAL);
}

static void test_prefix(void **state)
{
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	gw_error_set(&err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Rule", "no");
	gw_error_prefix(&err, "value[%d].", 12);
	assert_string_equal(err.target, "value[12].properties.Rule");
	gw_error_prefix(NULL, "x");
}

static void test_what_does_not_fit_says_so(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, text, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	assert_string_equal(err.message + sizeof err.message - 4, "...");
	assert_string_equal(err.target + sizeof err.target - 4, "...");
	gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, "tail", "m");
	gw_error_prefix(&err, "%.188s", text);
	assert_int_equal(strlen(err.target), sizeof err.target - 1);
	assert_string_equal(err.target + sizeof err.target - 4, "...");
}

static void test_always_printable(void **state)
{
	static const char *const texts[] = {"\x1b[2J",		"a\nb",	    "\xff\xfe", "\xc0\x80", "\xed\xa0\x80",
					    "\xf4\x90\x80\x80", "\xe2\x82", "\xc2\x85"};
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < GW_N(texts); i++) {
		gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, texts[i], "got %s", texts[i]);
		check(gw_utf8_is_printable(err.message) && gw_utf8_is_printable(err.target), "text %zu", i);
		check(strlen(err.message) == 4 + strlen(texts[i]), "text %zu", i);
	}
	gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, "é€😀", "é€😀");
	assert_string_equal(err.message, "é€😀");
	assert_string_equal(err.target, "é€😀");
}

/* A multi-byte character cut in two by the end of the buffer must not stay half. */
static void test_cut_character(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	char text[1200];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof text; i += 4)
			memcpy(text + i, "😀", 5);
		gw_error_set(&err, EINVAL, GW_ERR_INTERNAL, text, "%s", text);
		check(gw_utf8_is_printable(err.message) && gw_utf8_is_printable(err.target), "shift %zu", shift);
	}
}

static void test_codes(void **state)
{
	static const struct {
		enum gw_error_code code;
		const char *name;
		int http;
	} rows[] = {
		{GW_ERR_INVALID_PROPERTY, "InvalidProperty", 400},
		{GW_ERR_NOT_SUPPORTED, "NotSupported", 400},
		{GW_ERR_NOT_FOUND, "NotFound", 404},
		{GW_ERR_CONFLICT, "Conflict", 409},
		{GW_ERR_LIMIT_EXCEEDED, "LimitExceeded", 409},
		{GW_ERR_PRECONDITION_FAILED, "PreconditionFailed", 412},
		{GW_ERR_TOO_LARGE, "RequestTooLarge", 413},
		{GW_ERR_UNAVAILABLE, "Unavailable", 503},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		assert_string_equal(gw_error_code_name(rows[i].code), rows[i].name);
		assert_int_equal(gw_error_code_http(rows[i].code), rows[i].http);
		assert_int_equal(gw_error_code_parse(rows[i].name),
				 rows[i].code == GW_ERR_NONE ? GW_ERR_UNAVAILABLE : rows[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_what_does_not_fit_says_so),
		cmocka_unit_test(test_always_printable),
		cmocka_unit_test(test_cut_character),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
