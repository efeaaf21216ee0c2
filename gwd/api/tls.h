/*
 * tls.h - what TLS listeners show and whom they trust: the only users of GnuTLS beside libmicrohttpd, which runs the sessions.
 *
 * Certificate, key and the authorities of clients can be replaced while connections are open: a session keeps what it has begun
 * with, and who has shown a certificate is checked again against the authorities of the moment.
 */
#ifndef GW_API_TLS_H
#define GW_API_TLS_H

#include "base/error.h"
#include "model/config.h"
#include "model/token.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>

struct gw_tls;
struct gw_tls_identity;

/* With TLS 1.2 at least, and without key exchanges that give old traffic away with the key. */
#define GW_TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE"

/* Loads what `config` names; without tls_cert, what is in state_dir, where it is made at the first start. */
int gw_tls_new(const struct gw_config *config, struct gw_tls **ret, struct gw_error *err);
struct gw_tls *gw_tls_free(struct gw_tls *tls);
/* The same again. All or nothing: on failure what was there goes on. */
int gw_tls_reload(struct gw_tls *tls, const struct gw_config *config, struct gw_error *err);
/* Whether gw_tls_new would succeed; makes and changes nothing. */
int gw_tls_check(const struct gw_config *config, struct gw_error *err);
/* SHA-256 of the certificate, as "AB:CD:...". */
const char *gw_tls_fingerprint(const struct gw_tls *tls);
/* When it expires, in seconds since 1970. */
int64_t gw_tls_until(const struct gw_tls *tls);

/*
 * What a client has to trust to know this one: the last certificate of the chain that is shown, of the authority or the
 * self-signed one itself. In PEM; good until the next reload.
 */
struct gw_tls_anchor {
	char *pem;
	struct gw_token_hash fingerprint;
};
const struct gw_tls_anchor *gw_tls_anchor(const struct gw_tls *tls);

/* A session begins: gives it the identity of the moment, which it holds until gw_tls_end; without `tls` none, so that it fails. */
struct gw_tls_identity *gw_tls_begin(struct gw_tls *tls, gnutls_session_t session);
void gw_tls_end(struct gw_tls_identity *identity);
/* What GnuTLS calls to get a session's certificate and key. */
int gw_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
		    unsigned *n_certs, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp, gnutls_privkey_t *key,
		    unsigned *flags);

#define GW_TLS_SUBJECTLEN 65

/* The certificate that the other end of a session has shown; kept with the connection, as to check it costs. */
struct gw_tls_peer {
	bool known;			  /* the rest is set */
	char subject[GW_TLS_SUBJECTLEN];  /* the common name of a trusted certificate; else empty */
	bool issued;			  /* by this controller, to a node */
	struct gw_token_hash fingerprint; /* of the trusted certificate */
	char problem[128];		  /* why one that was shown is not trusted; empty when there was none */
	uint64_t generation, until_ms;	  /* of what was asked for, and how long it holds */
};

void gw_tls_check_peer(const struct gw_tls *tls, gnutls_session_t session, uint64_t now_ms, struct gw_tls_peer *peer);

/* --- tls_self.c --- */

/*
 * Makes a key and a certificate for `config` in PEM, followed by the authority's when the node is a controller; free both with
 * gnutls_free.
 */
int gw_tls_make(const struct gw_config *config, gnutls_datum_t *ret_cert, gnutls_datum_t *ret_key,
		struct gw_error *err);

#endif
