/* check.h - how checks refuse, and the checks of check_network.c. Shared by the files of the catalogue only. */
#ifndef GW_MODEL_CATALOG_CHECK_H
#define GW_MODEL_CATALOG_CHECK_H

#include "model/catalog/private.h"

#include <errno.h>

#define bad(err, name, ...)	 refuse(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, __VA_ARGS__)
#define missing(err, name, ...)	 refuse(err, EINVAL, GW_ERR_MISSING_PROPERTY, name, __VA_ARGS__)
#define conflict(err, name, ...) refuse(err, EEXIST, GW_ERR_CONFLICT, name, __VA_ARGS__)

#define refuse(err, errnum, code, name, ...)                                                                           \
	(gw_error_set(err, errnum, code, name, __VA_ARGS__), gw_error_prefix(err, "properties."), -(errnum))

int gw_check_network(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err);

#endif
