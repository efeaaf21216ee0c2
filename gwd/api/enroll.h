/* enroll.h - what access.c needs of enroll.c: enrollments are made like tokens, but for this. */
#ifndef GW_API_ENROLL_H
#define GW_API_ENROLL_H

#include "api/router.h"
#include "model/enrollment.h"

/* Before one is put: whether one can be, and until when. Those that are over are taken away. */
int gw_api_prepare_enrollment(const struct gw_api_request *req, struct gw_access_entry *e, struct gw_error *err);
/* Adds what is told this once: the whole token, and where to bring it. */
void gw_api_tell_enrollment(const struct gw_api_request *req, const struct gw_access_entry *e, const char *secret,
			    json_t *properties);
/* Where this daemon can be reached over TLS. */
json_t *gw_api_own_urls(const struct gw_config *config);

#endif
