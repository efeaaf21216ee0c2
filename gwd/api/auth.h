/* auth.h - from what a request shows to who has sent it. Pure. */
#ifndef GW_API_AUTH_H
#define GW_API_AUTH_H

#include "model/access.h"

/* What came with a request. */
struct gw_auth_shown {
	const char *authorization; /* the header, or NULL; with it nothing else counts */
	const char *subject;	   /* the common name of a trusted client certificate; may be empty, as the next */
	const char *problem;	   /* why the one that was shown is not trusted */
	const struct gw_token_hash *certificate; /* with a subject: its SHA-256 */
	bool issued;				 /* by this controller */
	int64_t now;
};

/*
 * 0; -EACCES when a secret was shown that is not right, which is to be counted; -ENOKEY when there was nothing to go by. Who shows a
 * one-time token has the access of nobody, see GW_PROOF_ENROLLMENT.
 */
int gw_auth_check(const struct gw_access_table *access, const struct gw_auth_shown *shown, struct gw_principal *ret,
		  struct gw_error *err);
/* Later, when what he asks for is about to be done: -EACCES when he would not be let in any more. */
int gw_auth_check_again(const struct gw_access_table *access, const struct gw_principal *who, struct gw_error *err);

#endif
