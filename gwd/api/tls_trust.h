/* tls_trust.h - shared by tls.c and tls_trust.c only: whose client certificates are trusted, and the reading of files. */
#ifndef GW_API_TLS_TRUST_H
#define GW_API_TLS_TRUST_H

#include "api/tls.h"

#include <gnutls/x509.h>

/* NULL: there are none. */
struct gw_tls_trust {
	gnutls_x509_trust_list_t clients; /* of [api] client_ca */
	gnutls_x509_trust_list_t nodes;	  /* of a controller's own authority */
};

/* `make`: an authority of our own that is not there is made; else there may be none. */
int gw_tls_trust_load(const struct gw_config *config, bool make, struct gw_tls_trust *ret, struct gw_error *err);
void gw_tls_trust_done(struct gw_tls_trust *t);
/* Fills in what `peer` is to say of the chain that was shown. */
void gw_tls_trust_verify(const struct gw_tls_trust *trust, gnutls_x509_crt_t *chain, unsigned n,
			 struct gw_tls_peer *peer);
void gw_tls_distrust(struct gw_tls_peer *peer, const char *why);

/* --- tls.c --- */

/* Whole, to be given to gw_tls_wipe, as it may hold a key. */
int gw_tls_read_file(const char *path, gnutls_datum_t *ret, struct gw_error *err);
void gw_tls_wipe(gnutls_datum_t *d);
int gw_tls_bad_file(const char *path, const char *what, int rc, struct gw_error *err);

#endif
