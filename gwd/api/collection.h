/* collection.h - a page of a collection of resources. */
#ifndef GW_API_COLLECTION_H
#define GW_API_COLLECTION_H

#include "api/router.h"

#include "model/catalog/catalog.h"

/* Of the kind, below `parent`, which is NULL for top-level ones: what the asker may see of it, of the tenant that he names. */
int gw_api_collection(const struct gw_api_request *req, const struct gw_resource *parent, enum gw_kind kind,
		      struct gw_api_reply *reply, struct gw_error *err);

#endif
