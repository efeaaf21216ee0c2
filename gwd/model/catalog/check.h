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

/* Why no VM in the virtual subnet can have the address; NULL: one can, unless it is taken. */
const char *gw_check_customer_address(const struct gw_catalog *c, const struct gw_resource *subnet,
				      const struct gw_addr *a);
/* Whether the groups of a virtual network's subnets are from the pools that are for it; `name` is what is at fault if not. */
int gw_check_groups_of(const struct gw_catalog *c, const struct gw_resource *network, const char *name,
		       struct gw_error *err);
int gw_check_network(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err);

#endif
