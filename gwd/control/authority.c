/*
 * authority.c - see authority.h. Files STATE_DIR/node-ca.key and node-ca.crt. Called by the API when a node asks for a certificate,
 * and where it reads its own.
 */
#include "control/authority.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define DAY	 (24 * 60 * 60)
#define YEARS	 10
#define FILE_MAX 65536
#define RSA_MIN	 2048
#define RSA_MAX	 8192

struct gw_authority {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

struct gw_authority *gw_authority_close(struct gw_authority *a)
{
	if (!a)
		return NULL;
	if (a->crt)
		gnutls_x509_crt_deinit(a->crt);
	if (a->key)
		gnutls_x509_privkey_deinit(a->key);
	free(a);
	return NULL;
}

gnutls_x509_crt_t gw_authority_certificate(const struct gw_authority *a)
{
	return a->crt;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void path_of(const struct gw_config *config, const char *name, char ret[static GW_PATHLEN + 16])
{
	snprintf(ret, GW_PATHLEN + 16, "%s/%s", config->state_dir, name);
}

/* -ENOENT, and `err` left to the caller, when there is none. `text` has room for FILE_MAX bytes and one more. */
static int read_file(const char *path, char *text, gnutls_datum_t *ret, struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	n = fd < 0 ? -1 : read(fd, text, FILE_MAX + 1);
	if (n < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot read: %s", strerror(errno));
	if (n > FILE_MAX)
		return gw_error_set(err, EFBIG, GW_ERR_UNAVAILABLE, path, "is larger than %d bytes", FILE_MAX);
	*ret = (gnutls_datum_t){(unsigned char *)text, (unsigned)n};
	return 0;
}

/* Who has it can let anybody in as any node. */
static int check_mode(const char *path, struct gw_error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & 0077)
		return gw_error_set(
			err, EPERM, GW_ERR_UNAVAILABLE, path,
			"others may read the key that the certificates of nodes are signed with (mode "
			"%04o): if somebody may have read it, remove node-ca.key and node-ca.crt and enroll "
			"every node anew, else chmod 600 it",
			(unsigned)st.st_mode & 07777);
	return 0;
}

static int bad_file(const char *path, int rc, struct gw_error *err)
{
	return gw_error_set(err, EINVAL, GW_ERR_UNAVAILABLE, path,
			    "cannot be used: %s; put back what was there, or remove node-ca.key and node-ca.crt and "
			    "enroll every node anew",
			    gnutls_strerror(rc));
}

static int load(const struct gw_config *config, struct gw_authority *a, struct gw_error *err)
{
	_cleanup_free_ char *text = malloc(FILE_MAX + 1);
	char crt[GW_PATHLEN + 16], key[GW_PATHLEN + 16];
	uint8_t ids[2][64];
	size_t n[2] = {sizeof ids[0], sizeof ids[1]};
	gnutls_datum_t pem;
	int r, rc;

	path_of(config, "node-ca.crt", crt);
	path_of(config, "node-ca.key", key);
	r = text ? read_file(crt, text, &pem, err) : gw_error_oom(err);
	if (r < 0)
		return r;
	rc = gnutls_x509_crt_import(a->crt, &pem, GNUTLS_X509_FMT_PEM);
	if (rc < 0)
		return bad_file(crt, rc, err);
	r = check_mode(key, err);
	if (r == 0)
		r = read_file(key, text, &pem, err);
	if (r == -ENOENT)
		return bad_file(key, GNUTLS_E_FILE_ERROR, err);
	if (r < 0)
		return r;
	rc = gnutls_x509_privkey_import(a->key, &pem, GNUTLS_X509_FMT_PEM);
	explicit_bzero(text, FILE_MAX + 1);
	if (rc >= 0)
		rc = gnutls_x509_crt_get_key_id(a->crt, GNUTLS_KEYID_USE_SHA256, ids[0], &n[0]);
	if (rc >= 0)
		rc = gnutls_x509_privkey_get_key_id(a->key, GNUTLS_KEYID_USE_SHA256, ids[1], &n[1]);
	if (rc >= 0 && (n[0] != n[1] || memcmp(ids[0], ids[1], n[0]) != 0))
		rc = GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
	return rc < 0 ? bad_file(key, rc, err) : 0;
}

/* --- making it ---------------------------------------------------------------------------------------------------- */

static int set_serial(gnutls_x509_crt_t crt)
{
	uint8_t serial[16];

	if (getrandom(serial, sizeof serial, 0) != sizeof serial)
		return GNUTLS_E_RANDOM_FAILED;
	serial[0] &= 0x7f; /* not negative */
	serial[0] |= 0x40;
	return gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
}

/* What every certificate has. */
static int begin(gnutls_x509_crt_t crt, const char *name, time_t from, time_t until)
{
	int rc = gnutls_x509_crt_set_version(crt, 3);

	if (rc >= 0)
		rc = set_serial(crt);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_activation_time(crt, from);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_expiration_time(crt, until);
	return rc < 0 ? rc
		      : gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
						      (unsigned)strlen(name));
}

/* The key's own, so that certificates of another authority that has the same name are told apart. */
static int set_key_id(gnutls_x509_crt_t crt, gnutls_x509_crt_t of, bool as_issuer)
{
	uint8_t id[64];
	size_t n = sizeof id;
	int rc = gnutls_x509_crt_get_key_id(of, GNUTLS_KEYID_USE_SHA1, id, &n);

	if (rc < 0)
		return rc;
	return as_issuer ? gnutls_x509_crt_set_authority_key_id(crt, id, n)
			 : gnutls_x509_crt_set_subject_key_id(crt, id, n);
}

static int describe(const struct gw_config *config, struct gw_authority *a)
{
	static const char unit[] = "gwd nodes";
	time_t now = time(NULL);
	int rc = begin(a->crt, config->name, now - DAY, now + (time_t)YEARS * 365 * DAY);

	if (rc >= 0)
		rc = gnutls_x509_crt_set_dn_by_oid(a->crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, 0, unit,
						   sizeof unit - 1);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key(a->crt, a->key);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_basic_constraints(a->crt, 1, 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_usage(a->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	return rc < 0 ? rc : set_key_id(a->crt, a->crt, false);
}

/* The certificate is written last: where it is, its key is whole. */
static int make(const struct gw_config *config, struct gw_authority *a, struct gw_error *err)
{
	char crt[GW_PATHLEN + 16], key[GW_PATHLEN + 16];
	gnutls_datum_t cert_pem = {0}, key_pem = {0};
	int r, rc;

	path_of(config, "node-ca.crt", crt);
	path_of(config, "node-ca.key", key);
	rc = gnutls_x509_privkey_generate(a->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc >= 0)
		rc = describe(config, a);
	if (rc >= 0)
		rc = gnutls_x509_crt_sign2(a->crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_export2(a->crt, GNUTLS_X509_FMT_PEM, &cert_pem);
	if (rc >= 0)
		rc = gnutls_x509_privkey_export2(a->key, GNUTLS_X509_FMT_PEM, &key_pem);
	r = rc < 0 ? gw_error_set(err, EIO, GW_ERR_INTERNAL, crt, "cannot make an authority for nodes: %s",
				  gnutls_strerror(rc))
		   : gw_fs_mkdirs(config->state_dir, 0700, err);
	if (r == 0)
		r = gw_fs_write_private(key, key_pem.data, key_pem.size, err);
	if (r == 0)
		r = gw_fs_write_private(crt, cert_pem.data, cert_pem.size, err);
	if (r == 0)
		gw_log_notice("an authority that signs the certificates of nodes has been made: %s", crt);
	if (key_pem.data)
		explicit_bzero(key_pem.data, key_pem.size);
	gnutls_free(key_pem.data);
	gnutls_free(cert_pem.data);
	return r;
}

static int start(struct gw_authority **ret, struct gw_error *err)
{
	struct gw_authority *a = calloc(1, sizeof *a);

	if (!a || gnutls_x509_crt_init(&a->crt) < 0 || gnutls_x509_privkey_init(&a->key) < 0) {
		gw_authority_close(a);
		return gw_error_oom(err);
	}
	*ret = a;
	return 0;
}

/* When it is over so is every certificate of its; one that was made while the clock was wrong is over at once. */
static bool is_over(const struct gw_authority *a)
{
	return gnutls_x509_crt_get_expiration_time(a->crt) < time(NULL);
}

static int try_load(const struct gw_config *config, struct gw_authority **ret, struct gw_error *err)
{
	struct gw_authority *a = NULL;
	int r = start(&a, err);

	if (r < 0)
		return r;
	r = load(config, a, err);
	if (r < 0)
		gw_authority_close(a);
	else
		*ret = a;
	return r;
}

static int try_make(const struct gw_config *config, struct gw_error *err)
{
	struct gw_authority *a = NULL;
	int r = start(&a, err);

	if (r == 0)
		r = make(config, a, err);
	gw_authority_close(a);
	return r;
}

/* What was made is read like any other: a certificate that was never read has not all that is asked of it. */
int gw_authority_open(const struct gw_config *config, bool may_make, struct gw_authority **ret, struct gw_error *err)
{
	int r = try_load(config, ret, err);

	if (!may_make || (r < 0 && r != -ENOENT) || (r == 0 && !is_over(*ret)))
		return r;
	if (r == 0) {
		gw_log_warning("%s/node-ca.crt has expired: another authority is made, and every node has to be "
			       "enrolled anew",
			       config->state_dir);
		*ret = gw_authority_close(*ret);
	}
	r = try_make(config, err);
	return r < 0 ? r : try_load(config, ret, err);
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

int gw_authority_sign(const struct gw_authority *a, gnutls_x509_crt_t crt)
{
	time_t end = gnutls_x509_crt_get_expiration_time(a->crt);
	int rc = 0;

	if (gnutls_x509_crt_get_expiration_time(crt) > end)
		rc = gnutls_x509_crt_set_expiration_time(crt, end);
	if (rc >= 0)
		rc = set_key_id(crt, crt, false);
	if (rc >= 0)
		rc = set_key_id(crt, a->crt, true);
	return rc < 0 ? rc : gnutls_x509_crt_sign2(crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0);
}

static int refuse(struct gw_error *err, const char *why)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "request", "%s", why);
}

/* Before anything is computed with it: a key may be made to keep its verifier busy. */
static int check_key(gnutls_pubkey_t key, struct gw_error *err)
{
	unsigned bits = 0;
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);

	switch (algorithm) {
	case GNUTLS_PK_ECDSA:
		if (gnutls_pubkey_export_ecc_raw(key, &curve, NULL, NULL) >= 0 &&
		    (curve == GNUTLS_ECC_CURVE_SECP256R1 || curve == GNUTLS_ECC_CURVE_SECP384R1 ||
		     curve == GNUTLS_ECC_CURVE_SECP521R1))
			return 0;
		break;
	case GNUTLS_PK_EDDSA_ED25519:
		return 0;
	case GNUTLS_PK_RSA:
		if (bits >= RSA_MIN && bits <= RSA_MAX)
			return 0;
		break;
	default:
		break;
	}
	return refuse(err, "its key is none that is taken: EC P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 "
			   "bits");
}

/* The key of a request that whoever has it has made. */
static int take_key(const char *request, gnutls_pubkey_t key, struct gw_error *err)
{
	const gnutls_datum_t pem = {(unsigned char *)request, (unsigned)strlen(request)};
	gnutls_x509_crq_t crq = NULL;
	int rc, r = 0;

	if (pem.size > GW_CSR_MAX)
		return refuse(err, "is too long for a certificate request");
	if (gnutls_x509_crq_init(&crq) < 0)
		return gw_error_oom(err);
	rc = gnutls_x509_crq_import(crq, &pem, GNUTLS_X509_FMT_PEM);
	if (rc >= 0)
		rc = gnutls_pubkey_import_x509_crq(key, crq, 0);
	if (rc < 0)
		r = refuse(err, "is no certificate request (PKCS #10) in PEM with a key that is known");
	if (r == 0)
		r = check_key(key, err);
	if (r == 0 && gnutls_x509_crq_verify(crq, 0) < 0)
		r = refuse(err, "is not signed with its own key");
	gnutls_x509_crq_deinit(crq);
	return r;
}

/* Clocks differ: what is new here may be of tomorrow there. Short lives, as of tests, have little of that. */
static time_t slack(unsigned seconds)
{
	return seconds / 10 < DAY ? (time_t)(seconds / 10) : DAY;
}

static int fill(gnutls_x509_crt_t crt, gnutls_pubkey_t key, const char *server, unsigned seconds)
{
	time_t now = time(NULL);
	int rc = begin(crt, server, now - slack(seconds), now + (time_t)seconds);

	if (rc >= 0)
		rc = gnutls_x509_crt_set_pubkey(crt, key);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	return rc < 0 ? rc : gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0);
}

static int issue(const struct gw_authority *a, gnutls_pubkey_t key, const char *server, unsigned seconds,
		 struct gw_issued *ret)
{
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = {0};
	size_t n = sizeof ret->fingerprint.b;
	struct gw_issued issued = {0};
	int rc = gnutls_x509_crt_init(&crt);

	if (rc >= 0)
		rc = fill(crt, key, server, seconds);
	if (rc >= 0)
		rc = gw_authority_sign(a, crt);
	if (rc >= 0)
		rc = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, issued.fingerprint.b, &n);
	if (rc >= 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (rc >= 0) {
		issued.until = gnutls_x509_crt_get_expiration_time(crt);
		issued.pem = strndup((const char *)pem.data, pem.size);
		rc = issued.pem ? 0 : GNUTLS_E_MEMORY_ERROR;
	}
	gnutls_free(pem.data);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (rc >= 0)
		*ret = issued;
	return rc < 0 ? rc : 0;
}

int gw_authority_issue(const struct gw_authority *a, const char *request, const char *server, unsigned seconds,
		       struct gw_issued *ret, struct gw_error *err)
{
	gnutls_pubkey_t key = NULL;
	int rc, r;

	if (gnutls_pubkey_init(&key) < 0)
		return gw_error_oom(err);
	r = take_key(request, key, err);
	if (r == 0) {
		rc = issue(a, key, server, seconds, ret);
		if (rc < 0)
			r = gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "cannot sign a certificate: %s",
					 gnutls_strerror(rc));
	}
	gnutls_pubkey_deinit(key);
	return r;
}
