/*
 * kind.h - every kind of resource of the provider API: where it stands in the tree of paths, and its schema.
 *
 *   /virtualNetworks/blue/subnets/web        collection "subnets" of kind VIRTUAL_SUBNET, whose parent is VIRTUAL_NETWORK
 */
#ifndef GW_MODEL_RESOURCE_KIND_H
#define GW_MODEL_RESOURCE_KIND_H

#include "model/schema.h"

/* X-macro: kind, parent, collection, what messages call one, schema. Parents come before their children. */
#define GW_KINDS(X)                                                                                                    \
	X(LOGICAL_NETWORK, NONE, "logicalNetworks", "logical network", logical_network)                                \
	X(LOGICAL_SUBNET, LOGICAL_NETWORK, "subnets", "logical subnet", logical_subnet)                                \
	X(LOGICAL_POOL, LOGICAL_SUBNET, "ipPools", "IP pool", ip_pool)                                                 \
	X(VIRTUAL_NETWORK, NONE, "virtualNetworks", "virtual network", virtual_network)                                \
	X(VIRTUAL_SUBNET, VIRTUAL_NETWORK, "subnets", "virtual subnet", virtual_subnet)                                \
	X(VIRTUAL_POOL, VIRTUAL_SUBNET, "ipPools", "IP pool", ip_pool)                                                 \
	X(NETWORK_INTERFACE, NONE, "networkInterfaces", "network interface", network_interface)                        \
	X(IP_CONFIGURATION, NETWORK_INTERFACE, "ipConfigurations", "IP configuration", ip_configuration)               \
	X(MAC_POOL, NONE, "macPools", "MAC pool", mac_pool)                                                            \
	X(SERVER, NONE, "servers", "server", server)                                                                   \
	X(ACL, NONE, "accessControlLists", "access control list", acl)                                                 \
	X(ACL_RULE, ACL, "aclRules", "ACL rule", acl_rule)                                                             \
	X(PORT_PROFILE, NONE, "portProfiles", "port profile", port_profile)                                            \
	X(ROUTE_TABLE, NONE, "routeTables", "route table", route_table)                                                \
	X(ROUTE, ROUTE_TABLE, "routes", "route", route)                                                                \
	X(PUBLIC_ADDRESS, NONE, "publicIPAddresses", "public IP address", public_address)                              \
	X(GATEWAY_POOL, NONE, "gatewayPools", "gateway pool", gateway_pool)                                            \
	X(GATEWAY, NONE, "gateways", "gateway", gateway)                                                               \
	X(VIRTUAL_GATEWAY, NONE, "virtualGateways", "virtual gateway", virtual_gateway)                                \
	X(CONNECTION, VIRTUAL_GATEWAY, "networkConnections", "network connection", connection)                         \
	X(BGP_ROUTER, VIRTUAL_GATEWAY, "bgpRouters", "BGP router", bgp_router)                                         \
	X(BGP_PEER, BGP_ROUTER, "bgpPeers", "BGP peer", bgp_peer)                                                      \
	X(POLICY_MAP, VIRTUAL_GATEWAY, "policyMaps", "policy map", policy_map)                                         \
	X(LOAD_BALANCER, NONE, "loadBalancers", "load balancer", load_balancer)                                        \
	X(FRONTEND, LOAD_BALANCER, "frontendIPConfigurations", "frontend IP configuration", frontend)                  \
	X(BACKEND_POOL, LOAD_BALANCER, "backendAddressPools", "backend address pool", backend_pool)                    \
	X(INBOUND_NAT_RULE, LOAD_BALANCER, "inboundNatRules", "inbound NAT rule", inbound_nat_rule)                    \
	X(OUTBOUND_NAT_RULE, LOAD_BALANCER, "outboundNatRules", "outbound NAT rule", outbound_nat_rule)                \
	X(CREDENTIAL, NONE, "credentials", "credential", credential)

enum gw_kind {
	GW_KIND_NONE,
#define X(id, parent, collection, name, schema) GW_KIND_##id,
	GW_KINDS(X)
#undef X
		GW_KIND_MAX
};

#define GW_DEPTH_MAX 2 /* of a resource below its root */

struct gw_kind_info {
	enum gw_kind parent;
	const char *collection, *name;
	const struct gw_schema *schema;
};

const struct gw_kind_info *gw_kind_info(enum gw_kind kind);
/* Whether nodes hold something because of one. Of the others this version only keeps what was asked for. */
bool gw_kind_is_in_force(enum gw_kind kind);
/* Whether how it is depends on others: on how far nodes have come with it, or on what it needs to come into force at all. */
bool gw_kind_is_described(enum gw_kind kind);
/*
 * Whether a GET of one shows, of it or of its children, what changes without a change of it: who refers to it, how much of it is
 * taken, how it is. Its etag says nothing about that, which is as it should be for If-Match, and too little for a 304.
 */
bool gw_kind_shows_others(enum gw_kind kind);
/* By the name of the collection below `parent`, in any letter case; GW_KIND_NONE: there is none. */
enum gw_kind gw_kind_find(enum gw_kind parent, const char *collection);

#endif
