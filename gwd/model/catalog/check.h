/* check.h - how checks refuse, and what one file of them asks of another. Shared by the files of the catalogue only. */
#ifndef GW_MODEL_CATALOG_CHECK_H
#define GW_MODEL_CATALOG_CHECK_H

#include "model/catalog/private.h"
#include "model/resource/interface.h"

#include <errno.h>

#define bad(err, name, ...)	 refuse(err, EINVAL, GW_ERR_INVALID_PROPERTY, name, __VA_ARGS__)
#define missing(err, name, ...)	 refuse(err, EINVAL, GW_ERR_MISSING_PROPERTY, name, __VA_ARGS__)
#define conflict(err, name, ...) refuse(err, EEXIST, GW_ERR_CONFLICT, name, __VA_ARGS__)

#define refuse(err, errnum, code, name, ...)                                                                           \
	(gw_error_set(err, errnum, code, name, __VA_ARGS__), gw_error_prefix(err, "properties."), -(errnum))

/* Why no VM in the virtual subnet can have the address; NULL: one can, unless it is taken. */
const char *gw_check_customer_address(const struct gw_catalog *c, struct gw_resource *subnet, const struct gw_addr *a);
/* Whether the groups of a virtual network's subnets are from the pools that are for it; `name` is what is at fault if not. */
int gw_check_groups_of(const struct gw_catalog *c, const struct gw_resource *network, const char *name,
		       struct gw_error *err);
/* check_values.c: texts, and lists of values; targets are NAME[i]. */
bool gw_value_is_as_range(const char *s);
bool gw_value_is_community(const char *s);
bool gw_value_is_host(const char *s);		   /* a name or an address */
bool gw_value_is_collector(const char *s);	   /* "192.0.2.9:4739", "[2001:db8::9]:4739" */
bool gw_check_routable(const struct gw_prefix *p); /* not of groups, nor of the host itself */
int gw_check_unicast(const char *name, const struct gw_list *list, struct gw_error *err);
/* References, prefixes and names that are twice in their list. */
int gw_check_twice(const struct gw_schema *schema, const void *object, struct gw_error *err);

/* check_nat.c */
int gw_check_nat(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);
/* Whether `r` may use the public address; `name` is the property that says so. */
int gw_check_public_use(const struct gw_catalog *c, const struct gw_resource *r, const struct gw_resource *address,
			const char *name, struct gw_error *err);
/* The inbound rules that an IP configuration names. */
int gw_check_rules_joined(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err);

/* What a qsort of children of one parent compares. */
static inline const struct gw_resource *gw_child_at(const void *a)
{
	return *(const struct gw_resource *const *)a;
}

static inline int gw_order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Whether the node may be that: one whose roles nobody has said may be anything. */
bool gw_server_has_role(const struct gw_resource *server, enum gw_server_role role);
int gw_check_connection(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err);
int gw_check_network(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err);

#endif
