/*
 * test_enroll.c - how a machine becomes a controller's node (API-3): one-time tokens as text, the authority and which requests it
 * signs, what the node keeps, when it asks again.
 */
#include "fixture.h"
#include "test.h"

#include "base/when.h"
#include "control/authority.h"
#include "model/enrollment.h"
#include "sync/credential.h"
#include "sync/enroll.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <time.h>

#define SECRET	  "gwd_0123456789abcdefghijABCDEFGHIJ0123456789-_A"
#define AUTHORITY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

/* --- text --------------------------------------------------------------------------------------------------------- */

static void test_token(void **state)
{
	static const char *const bad[] = {
		"",
		"gwd_",
		SECRET,
		SECRET "." AUTHORITY,
		SECRET "." AUTHORITY ".",
		SECRET "." AUTHORITY ".-x",
		SECRET "." AUTHORITY ".a b",
		SECRET "." AUTHORITY ".a/b",
		SECRET ".AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.gw1",
		SECRET ".AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9.gw1", /* two bits too many */
		SECRET "-" AUTHORITY ".gw1",
		"gwe_0123456789abcdefghijABCDEFGHIJ0123456789-_A." AUTHORITY ".gw1",
		"gwd_0123456789abcdefghijABCDEFGHIJ0123456789-_." AUTHORITY ".gw1",
		"gwd_0123456789abcdefghijABCDEFGHIJ0123456789-+A." AUTHORITY ".gw1",
		SECRET "." AUTHORITY ".0123456789012345678901234567890123456789012345678901234567890123a",
	};
	struct gw_enrollment e, again;
	struct gw_error err = GW_ERROR_INIT;
	char text[GW_ENROLLMENT_STRLEN], longest[GW_ENROLLMENT_STRLEN];

	(void)state;
	assert_int_equal(gw_enrollment_parse(SECRET "." AUTHORITY ".gw-1.example", &e, &err), 0);
	assert_string_equal(e.secret, SECRET);
	assert_string_equal(e.server, "gw-1.example");
	for (size_t i = 0; i < sizeof e.authority.b; i++)
		assert_int_equal(e.authority.b[i], i);
	assert_string_equal(gw_enrollment_format(&e, text), SECRET "." AUTHORITY ".gw-1.example");
	snprintf(longest, sizeof longest, SECRET "." AUTHORITY ".%064d", 7);
	assert_int_equal(gw_enrollment_parse(longest, &e, &err), 0);
	assert_string_equal(gw_enrollment_format(&e, text), longest);
	for (size_t i = 0; i < GW_N(bad); i++) {
		again = e;
		err = GW_ERROR_INIT;
		check(gw_enrollment_parse(bad[i], &again, &err) == -EINVAL, "row %zu", i);
		assert_memory_equal(&again, &e, sizeof e);
		assert_string_equal(err.target, "token");
		assert_null(strstr(err.message, "0123456789"));
	}
}

static void test_fingerprints_and_times(void **state)
{
	static const char *const bad_times[] = {"",
						"now",
						"2026-02-30T00:00:00Z",
						"2026-2-3T00:00:00Z",
						" 2026-02-03T00:00:00Z",
						"2026-02-03T00:00:00Z ",
						"2026-02-03T00:00:00",
						"2026-02-03T24:00:00Z"};
	struct gw_token_hash h, again;
	char text[GW_FINGERPRINT_STRLEN], when[GW_WHEN_STRLEN];
	int64_t t = 5;

	(void)state;
	for (size_t i = 0; i < sizeof h.b; i++)
		h.b[i] = (uint8_t)(0xa0 + 3 * i);
	gw_fingerprint_format(&h, text);
	assert_memory_equal(text, "A0:A3:A6:A9:", 12);
	assert_int_equal(strlen(text), 95);
	assert_int_equal(gw_fingerprint_parse(text, &again), 0);
	assert_true(gw_token_hash_equal(&h, &again));
	text[94] = 'g';
	assert_int_equal(gw_fingerprint_parse(text, &again), -EINVAL);
	gw_fingerprint_format(&h, text);
	text[2] = '-';
	assert_int_equal(gw_fingerprint_parse(text, &again), -EINVAL);
	text[94] = '\0';
	assert_int_equal(gw_fingerprint_parse(text, &again), -EINVAL);

	assert_string_equal(gw_when_format(0, when), "1970-01-01T00:00:00Z");
	assert_int_equal(gw_when_parse("2026-11-21T20:00:01Z", &t), 0);
	assert_int_equal(t, 1795291201);
	for (size_t i = 0; i < GW_N(bad_times); i++)
		check(gw_when_parse(bad_times[i], &t) == -EINVAL, "%s", bad_times[i]);
	assert_int_equal(t, 1795291201);
}

/* --- when --------------------------------------------------------------------------------------------------------- */

static void test_when_it_is_due(void **state)
{
	const int64_t day = 24 * 3600, from = 1000 * day, until = from + 90 * day;

	(void)state;
	assert_int_equal(gw_enrollment_state(from, until, from), GW_ENROLLMENT_VALID);
	assert_int_equal(gw_enrollment_state(from, until, from - 5 * day), GW_ENROLLMENT_VALID); /* clocks differ */
	assert_int_equal(gw_enrollment_state(from, until, from + 60 * day - 1), GW_ENROLLMENT_VALID);
	assert_int_equal(gw_enrollment_state(from, until, from + 60 * day), GW_ENROLLMENT_DUE);
	assert_int_equal(gw_enrollment_state(from, until, until - 1), GW_ENROLLMENT_DUE);
	assert_int_equal(gw_enrollment_state(from, until, until), GW_ENROLLMENT_EXPIRED);
	/* Every hour, and at the moment when it is due. */
	assert_int_equal(gw_enrollment_wait(from, until, from, 0), 3600);
	assert_int_equal(gw_enrollment_wait(from, until, from + 60 * day - 7, 0), 7);
	assert_int_equal(gw_enrollment_wait(from, until, from + 61 * day, 0), 1);
	/* What failed is tried again, not all the time. */
	assert_int_equal(gw_enrollment_wait(from, until, from + 61 * day, 1), 3600);
	assert_int_equal(gw_enrollment_wait(0, 1000, 900, 1), 10);
	assert_int_equal(gw_enrollment_wait(0, 1000, 900, 5), 50);
	assert_int_equal(gw_enrollment_wait(0, 1000, 900, 4000000000u), 160);
	assert_int_equal(gw_enrollment_wait(0, 30, 29, 3), 1);
}

/* --- the authority ------------------------------------------------------------------------------------------------ */

static struct gw_authority *authority(const struct gw_config *config)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_authority *a = NULL;

	if (gw_authority_open(config, true, &a, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	return a;
}

/* A request of a key of any kind, that says it is `name`. */
static char *request_of(gnutls_pk_algorithm_t algorithm, unsigned bits, const char *name)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crq_t crq;
	gnutls_datum_t pem;
	char *text;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, algorithm, bits, 0), 0);
	assert_int_equal(gnutls_x509_crq_init(&crq), 0);
	assert_int_equal(gnutls_x509_crq_set_version(crq, 1), 0);
	assert_int_equal(
		gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)), 0);
	assert_int_equal(gnutls_x509_crq_set_basic_constraints(crq, 1, 5), 0);
	assert_int_equal(gnutls_x509_crq_set_key_purpose_oid(crq, GNUTLS_KP_TLS_WWW_SERVER, 0), 0);
	assert_int_equal(gnutls_x509_crq_set_key(crq, key), 0);
	assert_int_equal(
		gnutls_x509_crq_sign2(crq, key,
				      algorithm == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_DIG_SHA512 : GNUTLS_DIG_SHA256, 0),
		0);
	assert_int_equal(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem), 0);
	text = strndup((const char *)pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crq_deinit(crq);
	gnutls_x509_privkey_deinit(key);
	return text;
}

static int purposes(gnutls_x509_crt_t crt, const char *wanted)
{
	char oid[64];
	size_t size = sizeof oid;
	int n = 0;

	while (gnutls_x509_crt_get_key_purpose_oid(crt, (unsigned)n, oid, &size, NULL) >= 0) {
		assert_string_equal(oid, wanted);
		size = sizeof oid;
		n++;
	}
	return n;
}

/* Signed by `a`, for clients only, no authority itself, and of the name that was asked for and no other. */
static void check_issued(const struct gw_authority *a, const struct gw_issued *issued, const char *server,
			 int64_t seconds)
{
	const gnutls_datum_t pem = {(unsigned char *)issued->pem, (unsigned)strlen(issued->pem)};
	gnutls_x509_crt_t crt, ca = gw_authority_certificate(a);
	unsigned status = 0, is_ca = 1, critical, usage = 0;
	char dn[128];
	size_t n = sizeof dn;
	int64_t now = time(NULL);

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(gnutls_x509_crt_verify(crt, &ca, 1, 0, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(gnutls_x509_crt_get_dn(crt, dn, &n), 0);
	assert_true(strncmp(dn, "CN=", 3) == 0 && strcmp(dn + 3, server) == 0);
	assert_int_equal(purposes(crt, GNUTLS_KP_TLS_WWW_CLIENT), 1);
	assert_int_equal(gnutls_x509_crt_get_basic_constraints(crt, &critical, &is_ca, NULL), 0);
	assert_int_equal(is_ca, 0);
	assert_int_equal(gnutls_x509_crt_get_key_usage(crt, &usage, &critical), 0);
	assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
	assert_int_equal(gnutls_x509_crt_get_expiration_time(crt), issued->until);
	assert_in_range(issued->until, now + seconds - 5, now + seconds);
	assert_in_range(gnutls_x509_crt_get_activation_time(crt), now - seconds / 10 - 5, now - 1);
	gnutls_x509_crt_deinit(crt);
}

static void test_issuing(void **state)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		unsigned bits;
		bool good;
	} keys[] = {
		{GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), true},
		{GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), true},
		{GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1), true},
		{GNUTLS_PK_EDDSA_ED25519, 0, true},
		{GNUTLS_PK_RSA, 2048, true},
		{GNUTLS_PK_RSA, 1024, false},
		{GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP224R1), false},
	};
	struct gw_config config;
	struct gw_authority *a;
	struct gw_token_hash last = {0};

	fixture_config(state, "roles = controller\n", &config);
	a = authority(&config);
	for (size_t i = 0; i < GW_N(keys); i++) {
		char *request = request_of(keys[i].algorithm, keys[i].bits, "somebody-else");
		struct gw_error err = GW_ERROR_INIT;
		struct gw_issued issued = {0};
		int r = gw_authority_issue(a, request, "gw1", 1000, &issued, &err);

		check(r == (keys[i].good ? 0 : -EINVAL), "row %zu: %d %s", i, r, err.message);
		if (r == 0) {
			check_issued(a, &issued, "gw1", 1000);
			assert_false(gw_token_hash_equal(&issued.fingerprint, &last));
			last = issued.fingerprint;
		} else {
			assert_string_equal(err.target, "request");
			assert_contains(err.message, "its key");
			assert_null(issued.pem);
		}
		free(issued.pem);
		free(request);
	}
	gw_authority_close(a);
}

/* What is no request, or one whose sender need not have the key. */
static void test_requests_that_are_refused(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_issued issued = {0};
	struct gw_config config;
	struct gw_authority *a;
	gnutls_datum_t der, pem, out;
	char *good = request_of(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), "gw1"), *large,
	     *forged;

	fixture_config(state, "roles = controller\n", &config);
	a = authority(&config);
	assert_int_equal(gw_authority_issue(a, "", "gw1", 1000, &issued, &err), -EINVAL);
	assert_int_equal(
		gw_authority_issue(a, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
				   "gw1", 1000, &issued, &err),
		-EINVAL);
	large = calloc(1, GW_CSR_MAX + strlen(good) + 1);
	memset(large, '\n', GW_CSR_MAX);
	strcpy(large + GW_CSR_MAX, good);
	assert_int_equal(gw_authority_issue(a, large, "gw1", 1000, &issued, &err), -EINVAL);
	assert_contains(err.message, "too long");
	/* Another name than was signed: "gw1" is "gw2" now. */
	pem = (gnutls_datum_t){(unsigned char *)good, (unsigned)strlen(good)};
	assert_int_equal(gnutls_pem_base64_decode2("NEW CERTIFICATE REQUEST", &pem, &der), 0);
	for (size_t i = 0; i + 3 <= der.size; i++)
		if (memcmp(der.data + i, "gw1", 3) == 0)
			der.data[i + 2] = '2';
	assert_int_equal(gnutls_pem_base64_encode2("NEW CERTIFICATE REQUEST", &der, &out), 0);
	forged = strndup((const char *)out.data, out.size);
	assert_int_equal(gw_authority_issue(a, forged, "gw1", 1000, &issued, &err), -EINVAL);
	assert_contains(err.message, "not signed");
	assert_null(issued.pem);
	gnutls_free(der.data);
	gnutls_free(out.data);
	free(forged);
	free(large);
	free(good);
	gw_authority_close(a);
}

static struct gw_token_hash fingerprint_of(const struct gw_authority *a)
{
	struct gw_token_hash h;
	size_t n = sizeof h.b;

	assert_int_equal(gnutls_x509_crt_get_fingerprint(gw_authority_certificate(a), GNUTLS_DIG_SHA256, h.b, &n), 0);
	return h;
}

static void test_files_of_the_authority(void **state)
{
	const char *key = fixture_path(state, "node-ca.key"), *crt = fixture_path(state, "node-ca.crt");
	struct gw_error err = GW_ERROR_INIT;
	struct gw_config config;
	struct gw_authority *a = NULL;
	struct gw_token_hash first, again;
	struct stat st;
	FILE *f;

	fixture_config(state, "roles = controller\n", &config);
	assert_int_equal(gw_authority_open(&config, false, &a, &err), -ENOENT);
	a = authority(&config);
	first = fingerprint_of(a);
	gw_authority_close(a);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	a = authority(&config);
	again = fingerprint_of(a);
	assert_true(gw_token_hash_equal(&first, &again));
	gw_authority_close(a);
	/* Others may have read it. */
	assert_int_equal(chmod(key, 0640), 0);
	assert_int_equal(gw_authority_open(&config, true, &a, &err), -EPERM);
	assert_contains(err.message, "chmod 600");
	assert_int_equal(chmod(key, 0600), 0);
	/* It is not replaced, as nobody would know the nodes any more. */
	assert_int_equal(unlink(key), 0);
	assert_true(gw_authority_open(&config, true, &a, &err) < 0);
	assert_string_equal(err.target, key);
	/* A crash before the certificate was there: nobody has trusted it yet. */
	assert_int_equal(unlink(crt), 0);
	f = fopen(key, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(key, 0600), 0);
	a = authority(&config);
	again = fingerprint_of(a);
	assert_false(gw_token_hash_equal(&first, &again));
	gw_authority_close(a);
	gw_authority_close(NULL);
}

/* --- what a node keeps -------------------------------------------------------------------------------------------- */

static struct gw_credential credential_of(const struct gw_authority *a, const char *server, unsigned seconds)
{
	struct gw_credential c = {.urls = strdup("https://192.0.2.1:8443, https://[2001:db8::1]:8443")};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_issued issued;
	gnutls_datum_t pem;
	char *request;

	assert_int_equal(gw_credential_request(&c.key, &request, &err), 0);
	assert_int_equal(gw_authority_issue(a, request, server, seconds, &issued, &err), 0);
	free(request);
	c.certificate = issued.pem;
	assert_int_equal(gnutls_x509_crt_export2(gw_authority_certificate(a), GNUTLS_X509_FMT_PEM, &pem), 0);
	c.ca = strndup((const char *)pem.data, pem.size);
	gnutls_free(pem.data);
	return c;
}

static void assert_same(const struct gw_credential *a, const struct gw_credential *b)
{
	assert_string_equal(a->urls, b->urls);
	assert_string_equal(a->certificate, b->certificate);
	assert_string_equal(a->key, b->key);
	assert_string_equal(a->ca, b->ca);
}

static void test_what_comes_back(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_config config;
	struct gw_authority *a;
	struct gw_credential c, other;
	struct gw_credential_facts facts;
	struct gw_token_hash hash, own;
	char *pem, *two;

	fixture_config(state, "roles = controller\n", &config);
	a = authority(&config);
	c = credential_of(a, "gw1", 100);
	other = credential_of(a, "gw2", 100);
	assert_int_equal(gw_credential_check(c.certificate, c.key, "gw1", &err), 0);
	assert_int_equal(gw_credential_check(c.certificate, c.key, "gw2", &err), -EINVAL);
	assert_contains(err.message, "not for \"gw2\"");
	assert_int_equal(gw_credential_check(other.certificate, c.key, "gw2", &err), -EINVAL);
	assert_contains(err.message, "key");
	assert_int_equal(gw_credential_check("", c.key, "gw1", &err), -EINVAL);
	assert_int_equal(gw_credential_check(c.key, c.key, "gw1", &err), -EINVAL);
	assert_int_equal(gw_credential_read(c.certificate, &facts, &err), 0);
	assert_string_equal(facts.server, "gw1");
	assert_in_range(facts.until - facts.from, 109, 111);
	/* Of several, one is trusted, and it is the one whose fingerprint was compared. */
	assert_true(asprintf(&two, "%s%s", c.ca, other.certificate) > 0);
	assert_int_equal(gw_credential_authority(two, &pem, &hash, &err), 0);
	own = fingerprint_of(a);
	assert_true(gw_token_hash_equal(&hash, &own));
	assert_string_equal(pem, c.ca);
	free(pem);
	free(two);
	assert_int_equal(gw_credential_authority("", &pem, &hash, &err), -EINVAL);
	gw_credential_done(&c);
	gw_credential_done(&other);
	gw_authority_close(a);
}

static void put_file(void **state, const char *name, const char *text)
{
	FILE *f = fopen(fixture_path(state, name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_files_of_a_node(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_config config;
	struct gw_authority *a;
	struct gw_credential first, second, now = {0};
	char *next;
	size_t n;
	struct stat st;

	fixture_config(state, "", &config);
	a = authority(&config);
	first = credential_of(a, "gw1", 100);
	second = credential_of(a, "gw1", 200);
	assert_int_equal(gw_credential_load(&config, &now, &err), -ENOENT);
	assert_int_equal(gw_credential_recover(&config, &err), 0);
	assert_int_equal(gw_credential_store(&config, &first, &err), 0);
	assert_int_equal(stat(fixture_path(state, "controller.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(fixture_path(state, "controller.next"), F_OK), -1);
	assert_int_equal(gw_credential_load(&config, &now, &err), 0);
	assert_same(&now, &first);
	gw_credential_done(&now);

	/* A crash in the middle of replacing them: the key is the new one already, the certificate is the old one. */
	assert_int_equal(mkdir(fixture_path(state, "controller.crt.new"), 0700), 0);
	assert_true(gw_credential_store(&config, &second, &err) < 0);
	assert_int_equal(rmdir(fixture_path(state, "controller.crt.new")), 0);
	assert_int_equal(gw_credential_load(&config, &now, &err), 0);
	assert_string_equal(now.key, second.key);
	assert_string_equal(now.certificate, first.certificate);
	gw_credential_done(&now);
	assert_int_equal(gw_credential_recover(&config, &err), 0);
	assert_int_equal(gw_credential_load(&config, &now, &err), 0);
	assert_same(&now, &second);
	gw_credential_done(&now);
	assert_int_equal(gw_credential_recover(&config, &err), 0);

	/* What nobody has written is not taken for it. */
	put_file(state, "controller.next", "{\"key\": \"x\"}");
	assert_true(gw_credential_recover(&config, &err) < 0);
	assert_contains(err.message, "remove it");
	assert_int_equal(gw_credential_load(&config, &now, &err), 0);
	assert_same(&now, &second);
	gw_credential_done(&now);
	next = fixture_slurp(fixture_path(state, "controller.urls"), &n);
	assert_int_equal(n, strlen(second.urls));
	free(next);
	assert_int_equal(unlink(fixture_path(state, "controller.key")), 0);
	assert_int_equal(gw_credential_load(&config, &now, &err), -ENODATA);
	assert_contains(err.target, "controller.key");
	gw_credential_done(&first);
	gw_credential_done(&second);
	gw_authority_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_fingerprints_and_times),
		cmocka_unit_test(test_when_it_is_due),
		cmocka_unit_test_setup_teardown(test_issuing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_requests_that_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_files_of_the_authority, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_files_of_a_node, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
