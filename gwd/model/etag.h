/* etag.h - the tags of the headers If-Match and If-None-Match. */
#ifndef GW_MODEL_ETAG_H
#define GW_MODEL_ETAG_H

#include <stdbool.h>

/* Is `etag` (W/"...") in a header's list? Our tags are weak, so comparison is. */
bool gw_etag_listed(const char *list, const char *etag);

#endif
