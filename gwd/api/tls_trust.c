/*
 * tls_trust.c - see tls_trust.h: authorities of client certificates, and what they say of one. Called by tls.c.
 */
#include "api/tls_trust.h"

#include "control/authority.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- loading ------------------------------------------------------------------------------------------------------ */

static int load_clients(const char *path, gnutls_x509_trust_list_t *ret, struct gw_error *err)
{
	gnutls_x509_trust_list_t list = NULL;
	gnutls_datum_t pem = {0};
	int rc, r;

	if (!*path) {
		*ret = NULL;
		return 0;
	}
	r = gw_tls_read_file(path, &pem, err);
	if (r < 0)
		return r;
	rc = gnutls_x509_trust_list_init(&list, 0);
	if (rc >= 0)
		rc = gnutls_x509_trust_list_add_trust_mem(list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	gw_tls_wipe(&pem);
	if (rc <= 0) {
		if (list)
			gnutls_x509_trust_list_deinit(list, 1);
		return rc < 0 ? gw_tls_bad_file(path, "is no PEM file with certificates of authorities", rc, err)
			      : gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, path, "has no certificate in it");
	}
	*ret = list;
	return 0;
}

/* `make`: an authority that is not there is made; else there may be none. */
static int load_nodes(const struct gw_config *config, bool make, gnutls_x509_trust_list_t *ret, struct gw_error *err)
{
	struct gw_authority *authority = NULL;
	gnutls_x509_trust_list_t list = NULL;
	gnutls_x509_crt_t crt;
	gnutls_datum_t der = {0};
	int rc, r;

	if (!(config->roles & GW_ROLE_CONTROLLER))
		return 0;
	r = gw_authority_open(config, make, &authority, err);
	if (r < 0)
		return r == -ENOENT && !make ? 0 : r;
	rc = gnutls_x509_trust_list_init(&list, 0);
	if (rc >= 0)
		rc = gnutls_x509_crt_export2(gw_authority_certificate(authority), GNUTLS_X509_FMT_DER, &der);
	if (rc >= 0)
		rc = gnutls_x509_crt_init(&crt);
	if (rc >= 0) {
		rc = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
		if (rc >= 0) /* takes it over */
			rc = gnutls_x509_trust_list_add_cas(list, &crt, 1, 0) == 1 ? 0 : GNUTLS_E_INTERNAL_ERROR;
		if (rc < 0)
			gnutls_x509_crt_deinit(crt);
	}
	gnutls_free(der.data);
	gw_authority_close(authority);
	if (rc < 0) {
		if (list)
			gnutls_x509_trust_list_deinit(list, 1);
		return gw_tls_bad_file("node-ca.crt", "cannot be used", rc, err);
	}
	*ret = list;
	return 0;
}

void gw_tls_trust_done(struct gw_tls_trust *t)
{
	if (t->clients)
		gnutls_x509_trust_list_deinit(t->clients, 1);
	if (t->nodes)
		gnutls_x509_trust_list_deinit(t->nodes, 1);
	*t = (struct gw_tls_trust){0};
}

int gw_tls_trust_load(const struct gw_config *config, bool make, struct gw_tls_trust *ret, struct gw_error *err)
{
	struct gw_tls_trust t = {0};
	int r = load_clients(config->client_ca, &t.clients, err);

	if (r == 0)
		r = load_nodes(config, make, &t.nodes, err);
	if (r < 0)
		gw_tls_trust_done(&t);
	else
		*ret = t;
	return r;
}

/* --- verifying ---------------------------------------------------------------------------------------------------- */

void gw_tls_distrust(struct gw_tls_peer *peer, const char *why)
{
	snprintf(peer->problem, sizeof peer->problem, "%s", why);
}

/* One name, and no byte of it hidden behind a zero. */
static bool read_subject(gnutls_x509_crt_t crt, struct gw_tls_peer *peer)
{
	char second[8];
	size_t n = sizeof peer->subject, n_second = sizeof second;
	int rc = gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, peer->subject, &n);

	if (rc < 0 || n == 0 || strlen(peer->subject) != n ||
	    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 1, 0, second, &n_second) !=
		    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
		peer->subject[0] = '\0';
		return false;
	}
	return true;
}

/* The verification lets through what has no extended key usage at all. */
static bool is_for_clients(gnutls_x509_crt_t crt)
{
	char first[8];
	size_t n = sizeof first;

	return gnutls_x509_crt_get_key_purpose_oid(crt, 0, first, &n, NULL) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* A GnuTLS code, and what is wrong in *ret_status. */
static int verify_with(gnutls_x509_trust_list_t list, gnutls_x509_crt_t *chain, unsigned n, unsigned *ret_status)
{
	gnutls_typed_vdata_st usage = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
				       .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};

	return gnutls_x509_trust_list_verify_crt2(list, chain, n, &usage, 1, 0, ret_status, NULL);
}

#define UNKNOWN_SIGNER (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)

void gw_tls_trust_verify(const struct gw_tls_trust *trust, gnutls_x509_crt_t *chain, unsigned n,
			 struct gw_tls_peer *peer)
{
	size_t size = sizeof peer->fingerprint.b;
	unsigned status = UNKNOWN_SIGNER;
	int rc = 0;

	if (trust->nodes)
		rc = verify_with(trust->nodes, chain, n, &status);
	peer->issued = rc >= 0 && !(status & UNKNOWN_SIGNER);
	if (rc >= 0 && !peer->issued && trust->clients)
		rc = verify_with(trust->clients, chain, n, &status);
	if (rc >= 0)
		rc = gnutls_x509_crt_get_fingerprint(chain[0], GNUTLS_DIG_SHA256, peer->fingerprint.b, &size);
	if (rc < 0)
		gw_tls_distrust(peer, gnutls_strerror(rc));
	else if (status & GNUTLS_CERT_EXPIRED)
		gw_tls_distrust(peer, "it has expired");
	else if (status & GNUTLS_CERT_NOT_ACTIVATED)
		gw_tls_distrust(peer, "it is not valid yet");
	else if (status & GNUTLS_CERT_PURPOSE_MISMATCH || (!status && !is_for_clients(chain[0])))
		gw_tls_distrust(peer, "it is not meant for clients (extended key usage clientAuth)");
	else if (status & UNKNOWN_SIGNER)
		gw_tls_distrust(peer, trust->nodes ? "neither this controller nor any of [api] client_ca has signed it"
						   : "none of [api] client_ca has signed it");
	else if (status)
		gw_tls_distrust(peer, "its signatures do not hold");
	else if (!read_subject(chain[0], peer))
		gw_tls_distrust(peer, "its subject has no common name of 1 to 64 bytes, or several");
}
