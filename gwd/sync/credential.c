/*
 * credential.c - see credential.h: keys and certificates. The files are in credential_file.c. What comes from a controller is
 * looked at before anything of it is kept. Called by enroll.c, mostly on its thread.
 */
#include "sync/credential.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static char *copy(const gnutls_datum_t *d)
{
	return strndup((const char *)d->data, d->size);
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* The controller knows who asks: names in a request would count for nothing, but some libraries want one. */
static int make_request(gnutls_x509_privkey_t key, gnutls_datum_t *ret)
{
	static const char name[] = "node";
	gnutls_x509_crq_t crq = NULL;
	int rc = gnutls_x509_crq_init(&crq);

	if (rc >= 0)
		rc = gnutls_x509_crq_set_version(crq, 1);
	if (rc >= 0)
		rc = gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, name, sizeof name - 1);
	if (rc >= 0)
		rc = gnutls_x509_crq_set_key(crq, key);
	if (rc >= 0)
		rc = gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0);
	if (rc >= 0)
		rc = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, ret);
	if (crq)
		gnutls_x509_crq_deinit(crq);
	return rc;
}

int gw_credential_request(char **ret_key, char **ret_request, struct gw_error *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t key_pem = {0}, request_pem = {0};
	char *key_text = NULL, *request_text = NULL;
	int rc = gnutls_x509_privkey_init(&key);

	if (rc >= 0)
		rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc >= 0)
		rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem);
	if (rc >= 0)
		rc = make_request(key, &request_pem);
	if (rc >= 0) {
		key_text = copy(&key_pem);
		request_text = copy(&request_pem);
		rc = key_text && request_text ? 0 : GNUTLS_E_MEMORY_ERROR;
	}
	if (key_pem.data)
		explicit_bzero(key_pem.data, key_pem.size);
	gnutls_free(key_pem.data);
	gnutls_free(request_pem.data);
	if (key)
		gnutls_x509_privkey_deinit(key);
	if (rc < 0) {
		if (key_text)
			explicit_bzero(key_text, strlen(key_text));
		free(key_text);
		free(request_text);
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "cannot make a key: %s", gnutls_strerror(rc));
	}
	*ret_key = key_text;
	*ret_request = request_text;
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int import(const char *text, gnutls_x509_crt_t *ret, struct gw_error *err)
{
	const gnutls_datum_t pem = datum(text);
	gnutls_x509_crt_t crt = NULL;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc >= 0)
		rc = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	if (rc >= 0) {
		*ret = crt;
		return 0;
	}
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate", "is no certificate in PEM: %s",
			    gnutls_strerror(rc));
}

static int read_facts(gnutls_x509_crt_t crt, struct gw_credential_facts *ret)
{
	struct gw_credential_facts f = {
		.from = gnutls_x509_crt_get_activation_time(crt),
		.until = gnutls_x509_crt_get_expiration_time(crt),
	};
	size_t n = sizeof f.server, n_hash = sizeof f.fingerprint.b;
	int rc = gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, f.server, &n);

	if (rc >= 0 && strlen(f.server) != n)
		rc = GNUTLS_E_ASN1_DER_ERROR;
	if (rc >= 0 && (f.from < 0 || f.until < f.from))
		rc = GNUTLS_E_EXPIRED;
	if (rc >= 0)
		rc = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, f.fingerprint.b, &n_hash);
	if (rc >= 0)
		*ret = f;
	return rc;
}

int gw_credential_read(const char *certificate, struct gw_credential_facts *ret, struct gw_error *err)
{
	gnutls_x509_crt_t crt;
	int rc, r = import(certificate, &crt, err);

	if (r < 0)
		return r;
	rc = read_facts(crt, ret);
	gnutls_x509_crt_deinit(crt);
	return rc < 0 ? gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate",
				     "names no node, or no time: %s", gnutls_strerror(rc))
		      : 0;
}

static bool is_of(gnutls_x509_crt_t crt, const char *key)
{
	const gnutls_datum_t pem = datum(key);
	uint8_t a[64], b[64];
	size_t n_a = sizeof a, n_b = sizeof b;
	gnutls_x509_privkey_t own = NULL;
	int rc = gnutls_x509_privkey_init(&own);

	if (rc >= 0)
		rc = gnutls_x509_privkey_import(own, &pem, GNUTLS_X509_FMT_PEM);
	if (rc >= 0)
		rc = gnutls_x509_privkey_get_key_id(own, GNUTLS_KEYID_USE_SHA256, a, &n_a);
	if (rc >= 0)
		rc = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, b, &n_b);
	if (own)
		gnutls_x509_privkey_deinit(own);
	return rc >= 0 && n_a == n_b && memcmp(a, b, n_a) == 0;
}

int gw_credential_check(const char *certificate, const char *key, const char *server, struct gw_error *err)
{
	struct gw_credential_facts facts;
	gnutls_x509_crt_t crt;
	time_t now = time(NULL);
	int r = gw_credential_read(certificate, &facts, err);
	bool own;

	if (r == 0)
		r = import(certificate, &crt, err);
	if (r < 0)
		return r;
	own = is_of(crt, key);
	gnutls_x509_crt_deinit(crt);
	if (!own)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate",
				    "is not of the key that this node has made");
	if (strcasecmp(facts.server, server) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate",
				    "is for \"%s\", not for \"%s\"", facts.server, server);
	if (now < facts.from || now >= facts.until)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate",
				    "is of another time than this node has: is the clock right, here and there?");
	return 0;
}

int gw_credential_authority(const char *text, char **ret_pem, struct gw_token_hash *ret, struct gw_error *err)
{
	struct gw_token_hash hash;
	size_t n = sizeof hash.b;
	gnutls_datum_t pem = {0};
	gnutls_x509_crt_t crt;
	char *own = NULL;
	int rc, r = import(text, &crt, err);

	if (r < 0)
		return r;
	rc = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, hash.b, &n);
	/* Not the text: there may be others in it. */
	if (rc >= 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (rc >= 0) {
		own = copy(&pem);
		rc = own ? 0 : GNUTLS_E_MEMORY_ERROR;
	}
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	if (rc < 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "certificate", "cannot be used: %s",
				    gnutls_strerror(rc));
	*ret_pem = own;
	*ret = hash;
	return 0;
}
