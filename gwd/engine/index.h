/*
 * index.h - what the engine must know about all records at once and cannot ask one by one: which VSIDs are in use, which
 * provider addresses serve each, which customer routes share a prefix, what the router is called. Kept from deltas, or made
 * anew from the whole intent. Pure.
 */
#ifndef GW_ENGINE_INDEX_H
#define GW_ENGINE_INDEX_H

#include "model/intent.h"

struct gw_index {
	struct gw_hmap vsids;  /* struct gw_vsid_use */
	struct gw_hmap peers;  /* struct gw_peer_use */
	struct gw_hmap routes; /* struct gw_route_use, by routing domain and prefix */
};

struct gw_vsid_use {
	struct gw_hmap_node node;
	uint32_t vsid;
	uint32_t records, ports, routes; /* all 0: forgotten by gw_index_settle */
	struct gw_peer_use *peers;
	struct gw_route_use *route_list;
	struct gw_router_use *routers;
};

/* (vsid, provider address), counted by the records that name it. Router records do not count: they name no tunnel end. */
struct gw_peer_use {
	struct gw_hmap_node node;
	struct gw_peer_use *next, **link; /* the VSID's list */
	uint32_t vsid;
	struct gw_addr pa;
	uint32_t count;
};

struct gw_route_use {
	struct gw_hmap_node node;
	struct gw_route_use *next, **link; /* the VSID's list */
	struct gw_customer_route route;
};

/* A record that names the distributed router: its address and MAC address in the VSID. */
struct gw_router_use {
	struct gw_router_use *next; /* ascending addresses */
	struct gw_addr ca;
	struct gw_mac mac;
};

void gw_index_done(struct gw_index *x);
/* Counts one object in (+1) or out (-1). -ENOMEM leaves the index unusable until it is made anew. */
int gw_index_count(struct gw_index *x, const struct gw_hnv_object *o, int sign);
struct gw_vsid_use *gw_index_vsid(const struct gw_index *x, uint32_t vsid);
const struct gw_peer_use *gw_index_peer(const struct gw_index *x, uint32_t vsid, const struct gw_addr *pa);
/* The next route of the routing domain to just this prefix; NULL starts and ends. */
const struct gw_route_use *gw_index_next_route(const struct gw_index *x, const struct gw_uuid *rdid,
					       const struct gw_prefix *prefix, const struct gw_route_use *prev);
/* Forgets a VSID that nothing uses any more. */
void gw_index_settle(struct gw_index *x, uint32_t vsid);

#endif
