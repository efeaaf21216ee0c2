/* hnv.h - shared by hnv.c, hnv_list.c and batch.c. */
#ifndef GW_API_HNV_H
#define GW_API_HNV_H

#include "api/router.h"

#include "model/hnv_schema.h"

/* That the path names. */
int gw_api_hnv_kind(const struct gw_api_request *req, enum gw_hnv_kind *ret, struct gw_error *err);
/* Refused where a controller would take the change back, and where nothing would come of it. */
int gw_api_hnv_may_change(const struct gw_service *service, struct gw_error *err);
/* The record as clients see it, with its live properties. */
json_t *gw_api_hnv_resource(const struct gw_service *service, const struct gw_hnv_object *o);

#endif
