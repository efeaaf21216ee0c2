/* test_seal.c - secrets as they are kept, and the file of the key that they are kept with. */
#include "fixture.h"
#include "test.h"

#include "control/private.h"

static const uint8_t key[GW_SEAL_KEYLEN] = {1, 2, 3}, other[GW_SEAL_KEYLEN] = {1, 2, 4};

static char *seal_ok(const char *secret)
{
	struct gw_error err = GW_ERROR_INIT;
	char *sealed = NULL;

	if (gw_seal(key, secret, &sealed, &err) < 0)
		fail_msg("%s", err.message);
	return sealed;
}

static void test_there_and_back(void **state)
{
	static const char *const secrets[] = {"", "x", "psk", "p\xc3\xa4ssword with spaces", "sealed:1:"};

	(void)state;
	for (size_t i = 0; i < GW_N(secrets); i++) {
		char *sealed = seal_ok(secrets[i]), *again = seal_ok(secrets[i]), *text = NULL;

		check(!*secrets[i] || strlen(secrets[i]) < 3 || !strstr(sealed + 9, secrets[i]),
		      "\"%s\" shows in \"%s\"", secrets[i], sealed);
		check(strcmp(sealed, again) != 0, "\"%s\" is sealed alike twice", secrets[i]);
		assert_int_equal(gw_unseal(key, sealed, &text, NULL), 0);
		assert_string_equal(text, secrets[i]);
		assert_true(gw_seal_same(key, sealed, again));
		free(text);
		free(again);
		free(sealed);
	}
}

static void test_a_long_one(void **state)
{
	char secret[65537], *sealed, *text = NULL;

	(void)state;
	memset(secret, 's', sizeof secret - 1);
	secret[sizeof secret - 1] = '\0';
	sealed = seal_ok(secret);
	assert_int_equal(gw_unseal(key, sealed, &text, NULL), 0);
	assert_string_equal(text, secret);
	free(text);
	free(sealed);
}

static void test_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {{"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}, {"A", "a", false}};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		char *a = seal_ok(cases[i].a), *b = seal_ok(cases[i].b);

		check(gw_seal_same(key, a, b) == cases[i].same, "\"%s\" and \"%s\"", cases[i].a, cases[i].b);
		check(!gw_seal_same(other, a, b), "\"%s\" and \"%s\", which nobody can read", cases[i].a, cases[i].b);
		free(a);
		free(b);
	}
}

/* Each character of it counts: a bit that is another is noticed. */
static void test_what_was_tampered_with(void **state)
{
	char *sealed = seal_ok("psk"), *text = NULL;
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	for (size_t i = 0; sealed[i]; i++) {
		char was = sealed[i];

		sealed[i] = was == 'A' ? 'B' : 'A';
		check(gw_unseal(key, sealed, &text, &err) < 0, "with another character at %zu", i);
		sealed[i] = was;
	}
	for (size_t n = strlen(sealed); n-- > 0;) {
		char *part = strndup(sealed, n);

		check(gw_unseal(key, part, &text, &err) < 0, "the first %zu characters", n);
		free(part);
	}
	assert_int_equal(gw_unseal(other, sealed, &text, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "secret.key"));
	assert_null(text);
	free(sealed);
}

static void put_file(const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_key_files(void **state)
{
	const char *path = fixture_path(state, "secret.key"), *link = fixture_path(state, "link.key");
	uint8_t made[GW_SEAL_KEYLEN], again[GW_SEAL_KEYLEN], long_one[GW_SEAL_KEYLEN + 1] = {0};
	static const struct {
		size_t n;
		mode_t mode;
		int result;
		const char *part;
	} cases[] = {
		{GW_SEAL_KEYLEN, 0600, 0, ""},
		{GW_SEAL_KEYLEN, 0400, 0, ""},
		{GW_SEAL_KEYLEN, 0640, -EPERM, "chmod 600"},
		{GW_SEAL_KEYLEN, 0602, -EPERM, "0602"},
		{GW_SEAL_KEYLEN - 1, 0600, -EBADMSG, "no key"},
		{GW_SEAL_KEYLEN + 1, 0600, -EBADMSG, "no key"},
		{0, 0600, -EBADMSG, "no key"},
	};
	struct gw_error err = GW_ERROR_INIT;
	struct stat st;

	assert_int_equal(gw_seal_load_key(path, made, &err), -ENOENT);
	assert_int_equal(access(path, F_OK), -1); /* asking makes none */
	assert_int_equal(gw_seal_make_key(path, made, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(gw_seal_load_key(path, again, &err), 0);
	assert_memory_equal(made, again, sizeof made);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(gw_seal_load_key(link, again, &err), -ELOOP);
	for (size_t i = 0; i < GW_N(cases); i++) {
		int r;

		put_file(path, long_one, cases[i].n, cases[i].mode);
		err = GW_ERROR_INIT;
		r = gw_seal_load_key(path, again, &err);
		check(r == cases[i].result, "%zu bytes, mode %o: %d %s", cases[i].n, (unsigned)cases[i].mode, r,
		      err.message);
		check(strstr(err.message, cases[i].part), "\"%s\" is not in \"%s\"", cases[i].part, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_a_long_one),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_what_was_tampered_with),
		cmocka_unit_test_setup_teardown(test_key_files, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
