/*
 * tls.c - see tls.h. Owns identity (certificate and key) and the trust in clients. Called by the listeners (api.c, http.c), and
 * by GnuTLS during handshakes; all on the loop's thread.
 */
#include "api/tls_trust.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "model/enrollment.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_CHAIN     8
#define MAX_FILE      (1 << 20)
#define PEER_VALID_MS 60000 /* a certificate that expires is noticed within this */

struct gw_tls_identity {
	unsigned refs; /* sessions, and the struct gw_tls whose identity it is */
	gnutls_pcert_st certs[MAX_CHAIN];
	unsigned n_certs;
	gnutls_privkey_t key;
	char fingerprint[GW_FINGERPRINT_STRLEN];
	time_t until;
	struct gw_tls_anchor anchor;
	bool asks; /* for a client certificate */
};

struct gw_tls {
	struct gw_tls_identity *identity;
	struct gw_tls_trust trust;
	uint64_t generation; /* counts loads */
};

/* --- identity ----------------------------------------------------------------------------------------------------- */

static struct gw_tls_identity *unref(struct gw_tls_identity *id)
{
	if (!id || --id->refs > 0)
		return NULL;
	for (unsigned i = 0; i < id->n_certs; i++)
		gnutls_pcert_deinit(&id->certs[i]);
	if (id->key)
		gnutls_privkey_deinit(id->key);
	free(id->anchor.pem);
	free(id);
	return NULL;
}

int gw_tls_bad_file(const char *path, const char *what, int rc, struct gw_error *err)
{
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, path, "%s: %s", what, gnutls_strerror(rc));
}

int gw_tls_read_file(const char *path, gnutls_datum_t *ret, struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ unsigned char *data = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE)
		return gw_error_set(err, EFBIG, GW_ERR_INVALID_PROPERTY, path, "is no file of up to %d bytes",
				    MAX_FILE);
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return gw_error_oom(err);
	while (n < (size_t)st.st_size) {
		ssize_t got = read(fd, data + n, (size_t)st.st_size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return gw_error_set(err, EIO, GW_ERR_UNAVAILABLE, path, "cannot read: %s",
					    got < 0 ? strerror(errno) : "it has become shorter meanwhile");
		n += (size_t)got;
	}
	*ret = (gnutls_datum_t){data, (unsigned)n};
	data = NULL;
	return 0;
}

/* May hold a key. */
void gw_tls_wipe(gnutls_datum_t *d)
{
	if (d->data)
		explicit_bzero(d->data, d->size);
	free(d->data);
	*d = (gnutls_datum_t){0};
}

/* It is shown all the same: clients see for themselves, and those that compare the fingerprint or have the wrong time go on. */
static void warn_of_time(gnutls_x509_crt_t crt, const char *path)
{
	time_t now = time(NULL);

	if (gnutls_x509_crt_get_expiration_time(crt) < now)
		gw_log_warning("%s: the certificate has expired, clients will refuse it: put a new one there", path);
	else if (gnutls_x509_crt_get_activation_time(crt) > now)
		gw_log_warning("%s: the certificate is not valid yet, clients will refuse it: is the clock right?",
			       path);
}

static int take_anchor(struct gw_tls_identity *id, gnutls_x509_crt_t crt)
{
	size_t n = sizeof id->anchor.fingerprint.b;
	gnutls_datum_t pem = {0};
	int rc = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, id->anchor.fingerprint.b, &n);

	if (rc >= 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (rc >= 0) {
		id->anchor.pem = strndup((const char *)pem.data, pem.size);
		rc = id->anchor.pem ? 0 : GNUTLS_E_MEMORY_ERROR;
	}
	gnutls_free(pem.data);
	return rc;
}

static int load_chain(struct gw_tls_identity *id, const char *path, struct gw_error *err)
{
	gnutls_x509_crt_t chain[MAX_CHAIN];
	unsigned n = MAX_CHAIN;
	gnutls_datum_t pem = {0};
	struct gw_token_hash hash = {0};
	size_t size = sizeof hash.b;
	int rc, r = gw_tls_read_file(path, &pem, err);

	if (r < 0)
		return r;
	rc = gnutls_x509_crt_list_import(chain, &n, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	gw_tls_wipe(&pem);
	if (rc < 0)
		return gw_tls_bad_file(
			path,
			"is no PEM file with a certificate, followed by the one that signed it and so on, 8 at "
			"most",
			rc, err);
	id->until = gnutls_x509_crt_get_expiration_time(chain[0]);
	warn_of_time(chain[0], path);
	rc = gnutls_x509_crt_get_fingerprint(chain[0], GNUTLS_DIG_SHA256, hash.b, &size);
	if (rc >= 0)
		rc = take_anchor(id, chain[n - 1]);
	for (unsigned i = 0; i < n; i++) {
		if (r == 0 && rc >= 0) {
			rc = gnutls_pcert_import_x509(&id->certs[i], chain[i], 0);
			id->n_certs += rc >= 0;
		}
		gnutls_x509_crt_deinit(chain[i]);
	}
	gw_fingerprint_format(&hash, id->fingerprint);
	return r == 0 && rc < 0 ? gw_tls_bad_file(path, "this certificate cannot be used", rc, err) : r;
}

static int load_key(struct gw_tls_identity *id, const char *path, struct gw_error *err)
{
	gnutls_datum_t pem = {0};
	gnutls_pubkey_t of_key = NULL;
	uint8_t a[64], b[64];
	size_t n_a = sizeof a, n_b = sizeof b;
	int rc, r = gw_tls_read_file(path, &pem, err);

	if (r < 0)
		return r;
	rc = gnutls_privkey_init(&id->key);
	if (rc >= 0)
		rc = gnutls_privkey_import_x509_raw(id->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	gw_tls_wipe(&pem);
	if (rc < 0)
		return gw_tls_bad_file(path, "is no PEM file with a private key that has no password", rc, err);
	rc = gnutls_pubkey_init(&of_key);
	if (rc >= 0)
		rc = gnutls_pubkey_import_privkey(of_key, id->key, 0, 0);
	if (rc >= 0)
		rc = gnutls_pubkey_get_key_id(of_key, GNUTLS_KEYID_USE_SHA256, a, &n_a);
	if (rc >= 0)
		rc = gnutls_pubkey_get_key_id(id->certs[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &n_b);
	if (of_key)
		gnutls_pubkey_deinit(of_key);
	if (rc < 0)
		return gw_tls_bad_file(path, "this private key cannot be used", rc, err);
	if (n_a != n_b || memcmp(a, b, n_a) != 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, path,
				    "is not the private key of the certificate");
	return 0;
}

/* Whether the certificate there is one, of a time that is over. */
static bool is_over(const char *path)
{
	struct gw_error err = GW_ERROR_INIT;
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = {0};
	bool over;

	if (gw_tls_read_file(path, &pem, &err) < 0)
		return false;
	over = gnutls_x509_crt_init(&crt) >= 0 && gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM) >= 0 &&
	       gnutls_x509_crt_get_expiration_time(crt) < time(NULL);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	gw_tls_wipe(&pem);
	return over;
}

/*
 * The certificate is written last: where it is, its key is whole. One of our own making that has expired, as one does that was made
 * while the clock was wrong, is made anew.
 */
static int make_own(const struct gw_config *config, const char *cert_path, const char *key_path, struct gw_error *err)
{
	gnutls_datum_t cert = {0}, key = {0};
	bool over = is_over(cert_path);
	int r;

	if (!over && access(cert_path, F_OK) == 0)
		return 0;
	if (over) {
		gw_log_warning("%s: the certificate has expired, another one is made", cert_path);
		if (unlink(cert_path) < 0)
			return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, cert_path, "cannot remove: %s",
					    strerror(errno));
	}
	r = gw_fs_mkdirs(config->state_dir, 0700, err);
	if (r == 0)
		r = gw_tls_make(config, &cert, &key, err);
	if (r == 0)
		r = gw_fs_write_private(key_path, key.data, key.size, err);
	if (r == 0)
		r = gw_fs_write_private(cert_path, cert.data, cert.size, err);
	if (key.data)
		explicit_bzero(key.data, key.size);
	gnutls_free(key.data);
	gnutls_free(cert.data);
	return r;
}

/* `make`: what is not there is made; else there may be none, and *ret is NULL then. */
static int load_identity(const struct gw_config *config, bool make, struct gw_tls_identity **ret, struct gw_error *err)
{
	char cert[GW_PATHLEN + 16], key[GW_PATHLEN + 16];
	struct gw_tls_identity *id;
	int r = 0;

	if (*config->tls_cert) {
		snprintf(cert, sizeof cert, "%s", config->tls_cert);
		snprintf(key, sizeof key, "%s", config->tls_key);
	} else {
		snprintf(cert, sizeof cert, "%s/tls.crt", config->state_dir);
		snprintf(key, sizeof key, "%s/tls.key", config->state_dir);
		if (make)
			r = make_own(config, cert, key, err);
		else if (access(cert, F_OK) < 0 && errno == ENOENT)
			return 0;
	}
	if (r < 0)
		return r;
	id = calloc(1, sizeof *id);
	if (!id)
		return gw_error_oom(err);
	id->refs = 1;
	id->asks = *config->client_ca || config->roles & GW_ROLE_CONTROLLER;
	r = load_chain(id, cert, err);
	if (r == 0)
		r = load_key(id, key, err);
	if (r < 0) {
		unref(id);
		return r;
	}
	*ret = id;
	return 0;
}

int gw_tls_reload(struct gw_tls *tls, const struct gw_config *config, struct gw_error *err)
{
	struct gw_tls_identity *identity = NULL;
	struct gw_tls_trust trust = {0};
	int r = load_identity(config, true, &identity, err);

	if (r == 0)
		r = gw_tls_trust_load(config, true, &trust, err);
	if (r < 0) {
		unref(identity);
		return r;
	}
	unref(tls->identity);
	gw_tls_trust_done(&tls->trust);
	tls->identity = identity;
	tls->trust = trust;
	tls->generation++;
	return 0;
}

int gw_tls_check(const struct gw_config *config, struct gw_error *err)
{
	struct gw_tls_identity *identity = NULL;
	struct gw_tls_trust trust = {0};
	int r = load_identity(config, false, &identity, err);

	if (r == 0)
		r = gw_tls_trust_load(config, false, &trust, err);
	unref(identity);
	gw_tls_trust_done(&trust);
	return r;
}

int gw_tls_new(const struct gw_config *config, struct gw_tls **ret, struct gw_error *err)
{
	struct gw_tls *tls = calloc(1, sizeof *tls);
	int r = tls ? gw_tls_reload(tls, config, err) : gw_error_oom(err);

	if (r < 0) {
		gw_tls_free(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

struct gw_tls *gw_tls_free(struct gw_tls *tls)
{
	if (!tls)
		return NULL;
	unref(tls->identity);
	gw_tls_trust_done(&tls->trust);
	free(tls);
	return NULL;
}

const char *gw_tls_fingerprint(const struct gw_tls *tls)
{
	return tls->identity->fingerprint;
}

int64_t gw_tls_until(const struct gw_tls *tls)
{
	return tls->identity->until;
}

const struct gw_tls_anchor *gw_tls_anchor(const struct gw_tls *tls)
{
	return &tls->identity->anchor;
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

struct gw_tls_identity *gw_tls_begin(struct gw_tls *tls, gnutls_session_t session)
{
	gnutls_session_set_ptr(session, tls ? tls->identity : NULL);
	if (!tls)
		return NULL;
	tls->identity->refs++;
	return tls->identity;
}

void gw_tls_end(struct gw_tls_identity *identity)
{
	unref(identity);
}

int gw_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
		    unsigned *n_certs, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp, gnutls_privkey_t *key,
		    unsigned *flags)
{
	struct gw_tls_identity *id = gnutls_session_get_ptr(session);

	(void)info;
	if (!id)
		return -1;
	/* Not required: a token will do as well. */
	if (id->asks)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	*certs = id->certs;
	*n_certs = id->n_certs;
	*ocsp = NULL;
	*n_ocsp = 0;
	*key = id->key;
	*flags = 0; /* all of it stays ours */
	return 0;
}

void gw_tls_check_peer(const struct gw_tls *tls, gnutls_session_t session, uint64_t now_ms, struct gw_tls_peer *peer)
{
	const gnutls_datum_t *shown;
	gnutls_x509_crt_t chain[MAX_CHAIN];
	unsigned n = 0, n_chain = 0;
	int rc = 0;

	if (peer->known && peer->generation == tls->generation && now_ms < peer->until_ms)
		return;
	*peer = (struct gw_tls_peer){.known = true, .generation = tls->generation, .until_ms = now_ms + PEER_VALID_MS};
	shown = gnutls_certificate_get_peers(session, &n);
	if (!shown || n == 0)
		return;
	if (!tls->trust.clients && !tls->trust.nodes) {
		gw_tls_distrust(peer, "[api] client_ca names no authority");
		return;
	}
	for (unsigned i = 0; rc >= 0 && i < n && i < MAX_CHAIN; i++) {
		rc = gnutls_x509_crt_init(&chain[i]);
		if (rc < 0)
			break;
		n_chain++;
		rc = gnutls_x509_crt_import(chain[i], &shown[i], GNUTLS_X509_FMT_DER);
	}
	if (rc < 0 || n > MAX_CHAIN)
		gw_tls_distrust(peer, "it cannot be read, or comes with more than 7 others");
	else
		gw_tls_trust_verify(&tls->trust, chain, n_chain, peer);
	for (unsigned i = 0; i < n_chain; i++)
		gnutls_x509_crt_deinit(chain[i]);
}
