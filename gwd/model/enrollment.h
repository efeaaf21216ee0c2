/*
 * enrollment.h - the one-time token that makes a machine a controller's node, as it is carried from one to the other:
 *
 *     gwd_SECRET.FINGERPRINT.SERVER
 *
 * The secret lets it in once. The fingerprint is the SHA-256 of the authority that the controller's certificate comes from, so that
 * the node knows the right controller before it says the secret. The server is what the node is called there.
 */
#ifndef GW_MODEL_ENROLLMENT_H
#define GW_MODEL_ENROLLMENT_H

#include "base/error.h"
#include "model/principal.h"
#include "model/token.h"

#define GW_ENROLLMENT_STRLEN (GW_TOKEN_LEN + 1 + 43 + 1 + GW_PRINCIPAL_NAMELEN)

struct gw_enrollment {
	char secret[GW_TOKEN_STRLEN];
	struct gw_token_hash authority;
	char server[GW_PRINCIPAL_NAMELEN];
};

const char *gw_enrollment_format(const struct gw_enrollment *e, char buf[static GW_ENROLLMENT_STRLEN]);
/* -EINVAL; the error quotes nothing of it. */
int gw_enrollment_parse(const char *token, struct gw_enrollment *ret, struct gw_error *err);

/* A fingerprint as people compare it: "AB:CD:..." */
#define GW_FINGERPRINT_STRLEN (32 * 3)
const char *gw_fingerprint_format(const struct gw_token_hash *h, char buf[static GW_FINGERPRINT_STRLEN]);
int gw_fingerprint_parse(const char *s, struct gw_token_hash *ret);

#endif
