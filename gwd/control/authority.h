/*
 * authority.h - the controller's own certificate authority: it signs the certificates of its nodes, and the one that the controller
 * shows itself when it was given none. Key and certificate are files in state_dir, made when they are needed first.
 *
 * What it signs for a node says who it is, a server id, and that it is for clients. Whether it still lets anybody in is up to the
 * entry of model/access.h that names it.
 */
#ifndef GW_CONTROL_AUTHORITY_H
#define GW_CONTROL_AUTHORITY_H

#include "base/error.h"
#include "model/config.h"
#include "model/token.h"

#include <gnutls/x509.h>
#include <stdbool.h>

#define GW_CSR_MAX 16384 /* bytes of a request, in PEM */

struct gw_authority;

/* `make`: what is not there is made; else -ENOENT, and `err` left to the caller. */
int gw_authority_open(const struct gw_config *config, bool make, struct gw_authority **ret, struct gw_error *err);
struct gw_authority *gw_authority_close(struct gw_authority *a);
/* The authority's certificate: its own, not to be freed. */
gnutls_x509_crt_t gw_authority_certificate(const struct gw_authority *a);
/* Signs what is described in `crt`, which ends no later than the authority does; says whose it is. A GnuTLS code. */
int gw_authority_sign(const struct gw_authority *a, gnutls_x509_crt_t crt);

struct gw_issued {
	char *pem; /* owned */
	struct gw_token_hash fingerprint;
	int64_t until;
};

/*
 * A certificate for the node `server` with the key of a certificate request, which has signed it; what names the request has does not
 * matter. -EINVAL when it is refused.
 */
int gw_authority_issue(const struct gw_authority *a, const char *request, const char *server, unsigned seconds,
		       struct gw_issued *ret, struct gw_error *err);

#endif
