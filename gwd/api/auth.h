/* auth.h - from what a request shows to who has sent it. Pure. */
#ifndef GW_API_AUTH_H
#define GW_API_AUTH_H

#include "model/access.h"

/*
 * `authorization` is the header or NULL; with it nothing else counts. `subject` is the common name of a trusted client
 * certificate, `problem` why the one that was shown is not trusted; each may be empty.
 *
 * 0; -EACCES when a secret was shown that is not right, which is to be counted; -ENOKEY when there was nothing to go by.
 */
int gw_auth_check(const struct gw_access_table *access, const char *authorization, const char *subject,
		  const char *problem, struct gw_principal *ret, struct gw_error *err);
/* Later, when what he asks for is about to be done: -EACCES when he would not be let in any more. */
int gw_auth_check_again(const struct gw_access_table *access, const struct gw_principal *who, struct gw_error *err);

#endif
