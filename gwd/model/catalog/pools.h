/* pools.h - which values gwd may choose from, and which of them a resource may have. Shared by the files of the catalogue only. */
#ifndef GW_MODEL_CATALOG_POOLS_H
#define GW_MODEL_CATALOG_POOLS_H

#include "model/catalog/private.h"

#define GW_RANGE_MANY (UINT64_C(1) << 62) /* no size is larger */

/* Addresses as numbers of 16 bytes; a MAC address is the last six of them. */
struct gw_range {
	struct gw_addr first, last;
	uint64_t upto; /* how many values it has and those before it; 0: not counted */
};

/* To be zeroed first, and released with gw_ranges_done. */
struct gw_ranges {
	struct gw_range *r;
	size_t n, room;
};

int gw_ranges_push(struct gw_ranges *ranges, const struct gw_addr *first,
		   const struct gw_addr *last); /* 0 or -ENOMEM */
void gw_ranges_done(struct gw_ranges *ranges);
uint64_t gw_range_size(const struct gw_range *r);
bool gw_range_has(const struct gw_range *r, const struct gw_addr *a);
uint64_t gw_ranges_size(const struct gw_ranges *ranges);
struct gw_addr gw_range_at(const struct gw_range *r, uint64_t n); /* n < size */
/* In which of them the n-th value is, n < size, and the how manieth it is there. */
size_t gw_ranges_find(const struct gw_ranges *ranges, uint64_t n, uint64_t *ret_within);
bool gw_ranges_have(const struct gw_ranges *ranges, const struct gw_addr *a);
/* For many questions: sorted, those that overlap joined, and counted. Who has been sorted need not be walked along. */
void gw_ranges_sort(struct gw_ranges *ranges);
bool gw_ranges_have_sorted(const struct gw_ranges *ranges, const struct gw_addr *a);

/* What the pools offer; all return 0 or -ENOMEM. */
int gw_pools_mac(const struct gw_catalog *c, struct gw_ranges *ret);
/* Of a virtual subnet; without pools it is the whole prefix. Sorted, and the same for all of one settling. */
int gw_pools_customer(const struct gw_catalog *c, struct gw_resource *subnet, const struct gw_ranges **ret);
/* Of a logical subnet: there may be none. */
int gw_pools_provider(const struct gw_catalog *c, const struct gw_resource *subnet, struct gw_ranges *ret);
/* Of all public logical subnets, without the ends of each and its routers: sorted, and the same for all of one settling. */
int gw_pools_public(struct gw_catalog *c, const struct gw_ranges **ret);
/* Of groups, below any logical network. */
int gw_pools_groups(const struct gw_catalog *c, struct gw_ranges *ret);
/* For the subnets of a virtual network; without pools FWD-9's usual range. */
int gw_pools_group(const struct gw_catalog *c, const struct gw_resource *virtual_network, struct gw_ranges *ret);

struct gw_addr gw_pool_mac(const struct gw_mac *mac); /* as a number */

/* Whether a host may have the address: not an end of the subnet... */
bool gw_subnet_node(const struct gw_prefix *subnet, const struct gw_addr *a);
/* ... and a VM: not the distributed router's either. */
bool gw_subnet_host(const struct gw_prefix *subnet, const struct gw_addr *a);
/* Of a logical subnet: not one of its routers. */
bool gw_logical_subnet_node(const struct gw_resource *subnet, const struct gw_addr *a);

#endif
