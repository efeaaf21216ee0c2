/*
 * blocks.h - the ports of shared public addresses: each front end at one has a block of them for outbound flows, and single ports
 * outside all blocks are for inbound rules. Shared by the files of the catalogue only.
 *
 * Blocks of an address are all as long as its portBlockSize says, and begin at multiples of that; the lowest ports are in none, so
 * that there is always room for inbound rules. Who has which is in the front ends themselves, as a key of the address
 * (GW_KEY_PORT_BLOCK): there is no list of its own that could disagree with them. And which virtual network what is at an address,
 * shared or not, is for.
 */
#ifndef GW_MODEL_CATALOG_BLOCKS_H
#define GW_MODEL_CATALOG_BLOCKS_H

#include "model/catalog/private.h"

#define GW_BLOCK_KEY 2 /* bytes: the first port */

/* Whether it is a front end at a shared address that has got no block, as those that an older version stored. */
bool gw_block_is_missing(const struct gw_resource *r);
void gw_block_key(uint32_t start, uint8_t ret[static GW_BLOCK_KEY]);
/* Whether what it says of a block is what it said before, so that gwd may choose again. */
bool gw_block_is_carried(const struct gw_version *before, const struct gw_version *now);
/* Gives a front end what it lacks, and takes from it what it has no use for any more. */
int gw_block_assign(struct gw_catalog *c, struct gw_resource *frontend, uint64_t any, struct gw_error *err);

/* Of what was touched, when everything is assigned. */
int gw_blocks_check_address(const struct gw_catalog *c, const struct gw_resource *address, struct gw_error *err);
int gw_blocks_check_frontend(const struct gw_catalog *c, struct gw_resource *frontend, struct gw_error *err);
/* Whether the rule may be at the front end; `name` is the property of what was touched that is at fault if not. */
int gw_blocks_check_rule(const struct gw_catalog *c, const struct gw_resource *rule, struct gw_resource *frontend,
			 const char *name, struct gw_error *err);
/* Of an IP configuration or a pool that was touched: rules that lead there are of its network now. */
int gw_blocks_check_network(const struct gw_catalog *c, const struct gw_resource *r, const char *name,
			    struct gw_error *err);

/* [{"start", "size", "frontendIPConfiguration", "virtualGateway"}] of an address; NULL when memory ran out. */
json_t *gw_blocks_encode(const struct gw_catalog *c, const struct gw_resource *address);

#endif
