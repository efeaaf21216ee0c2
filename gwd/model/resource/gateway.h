/* gateway.h - public addresses, gateway nodes and their pools, and the virtual gateways of tenants that they carry. */
#ifndef GW_MODEL_RESOURCE_GATEWAY_H
#define GW_MODEL_RESOURCE_GATEWAY_H

#include "model/resource/interface.h"
#include "model/schema.h"

extern const char *const gw_gateway_types[];
extern const char *const gw_routing_types[];

/* Ports that each front end has of a shared address. */
#define GW_PUBLIC_BLOCK_MIN 1024
#define GW_PUBLIC_BLOCK_MAX 32768

#define GW_PUBLIC_ADDRESS(S, P, O, L, V, C, R)                                                                         \
	P(S, ADDR, address, "ipAddress", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,                  \
	  .help = "The address.")                                                                                      \
	P(S, ENUM, allocation, "publicIPAllocationMethod", .values = gw_allocation_methods,                            \
	  .def = GW_ALLOCATION_DYNAMIC, .flags = GW_PROPERTY_HAS_DEFAULT,                                              \
	  .help = "Whether the manager chooses the address, or gwd from the public logical networks.")                 \
	P(S, UINT, idle_minutes, "idleTimeoutInMinutes", .min = 1, .max = 1440,                                        \
	  .help = "When an idle flow is forgotten.")                                                                   \
	P(S, BOOL, shared, "shared", .help = "Whether several tenants share it, each with blocks of ports.")           \
	P(S, UINT, block_size, "portBlockSize", .min = GW_PUBLIC_BLOCK_MIN, .max = GW_PUBLIC_BLOCK_MAX, .def = 4096,   \
	  .flags = GW_PROPERTY_HAS_DEFAULT,                                                                            \
	  .help = "How many ports each front end has of a shared address: a power of two.")                            \
	P(S, TEXT, label, "dnsRecord", .max = 253, .flags = GW_PROPERTY_IS_INERT)                                      \
	R(S, "portBlocks", .help = "Who has which ports of a shared address.")                                         \
	R(S, "ipConfiguration", .help = "Who uses it.")                                                                \
	R(S, "statistics", .help = "Translated connections by it so far, both ways, as gateways said last.")
GW_SCHEMA_STRUCT(public_address, GW_PUBLIC_ADDRESS)

#define GW_GATEWAY_POOL_ADDRESSES(S, P, O, L, V, C, R)                                                                 \
	V(S, REF, addresses, "publicIPAddresses", .kind = GW_KIND_PUBLIC_ADDRESS, .max = 64,                           \
	  .help = "Addresses that tunnels from outside end on.")                                                       \
	V(S, REF, vips, "greVipSubnets", .kind = GW_KIND_LOGICAL_SUBNET, .max = 16,                                    \
	  .help = "Subnets that the ends of GRE tunnels are taken from.")
GW_SCHEMA_STRUCT(gateway_pool_addresses, GW_GATEWAY_POOL_ADDRESSES)

#define GW_GATEWAY_POOL(S, P, O, L, V, C, R)                                                                           \
	P(S, ENUM, type, "type", .values = gw_gateway_types, .flags = GW_PROPERTY_HAS_DEFAULT,                         \
	  .help = "The connections that its gateways carry.")                                                          \
	O(S, gateway_pool_addresses, addresses, "ipConfiguration", .help = "Its addresses outside.")                   \
	P(S, UINT, redundant, "redundantGatewayCount", .max = 64, .help = "How many of its gateways stand by.")        \
	P(S, UINT, capacity, "gatewayCapacityKiloBitsPerSecond", .max = UINT32_MAX,                                    \
	  .help = "What one gateway carries.")                                                                         \
	R(S, "gateways", .help = "The gateways in the pool.")                                                          \
	R(S, "virtualGateways", .help = "The virtual gateways that may use it.")
GW_SCHEMA_STRUCT(gateway_pool, GW_GATEWAY_POOL)

#define GW_GATEWAY_INTERFACES(S, P, O, L, V, C, R)                                                                     \
	P(S, REF, external, "externalNetworkInterface", .kind = GW_KIND_NETWORK_INTERFACE, .help = "To the outside.")  \
	P(S, REF, internal, "internalNetworkInterface", .kind = GW_KIND_NETWORK_INTERFACE,                             \
	  .help = "To the provider network.")
GW_SCHEMA_STRUCT(gateway_interfaces, GW_GATEWAY_INTERFACES)

#define GW_FABRIC_PEER(S, P, O, L, V, C, R)                                                                            \
	P(S, ADDR, address, "peerIpAddress", .flags = GW_PROPERTY_IS_REQUIRED, .help = "A router of the fabric.")      \
	P(S, ASN, ext_as, "extAsNumber", .help = "Its AS number.")
GW_SCHEMA_STRUCT(fabric_peer, GW_FABRIC_PEER)

#define GW_GATEWAY_BGP(S, P, O, L, V, C, R)                                                                            \
	P(S, ASN, ext_as, "extASNumber", .help = "The gateway's AS number towards the fabric.")                        \
	L(S, fabric_peer, peers, "bgpPeer", .max = 16, .help = "The routers that it announces its addresses to.")
GW_SCHEMA_STRUCT(gateway_bgp, GW_GATEWAY_BGP)

#define GW_GATEWAY(S, P, O, L, V, C, R)                                                                                \
	P(S, REF, pool, "pool", .kind = GW_KIND_GATEWAY_POOL, .help = "The pool that it is part of.")                  \
	P(S, ENUM, type, "type", .values = gw_gateway_types, .help = "The connections that it carries.")               \
	P(S, REF, server, "virtualServer", .kind = GW_KIND_SERVER, .flags = GW_PROPERTY_IS_REQUIRED,                   \
	  .help = "The node that it is.")                                                                              \
	O(S, gateway_interfaces, interfaces, "networkInterfaces", .help = "Where it is connected.")                    \
	O(S, gateway_bgp, bgp, "bgpConfig", .help = "How it announces addresses to the fabric.")                       \
	R(S, "state", .help = "Active, Passive or Failed.")                                                            \
	R(S, "healthState", .help = "How it is.")                                                                      \
	R(S, "capabilities", .help = "What it can carry: connection types, limits, version, drivers.")                 \
	R(S, "totalCapacity", .help = "In kbit/s.")                                                                    \
	R(S, "availableCapacity", .help = "In kbit/s.")                                                                \
	R(S, "virtualGateways", .help = "The virtual gateways that it carries.")
GW_SCHEMA_STRUCT(gateway, GW_GATEWAY)

#define GW_VIRTUAL_GATEWAY(S, P, O, L, V, C, R)                                                                        \
	P(S, REF, network, "virtualNetwork", .kind = GW_KIND_VIRTUAL_NETWORK, .help = "The network that it serves.")   \
	V(S, REF, pools, "gatewayPools", .kind = GW_KIND_GATEWAY_POOL, .max = 16, .flags = GW_PROPERTY_IS_SHARED,      \
	  .help = "Where it may be carried.")                                                                          \
	V(S, REF, subnets, "gatewaySubnets", .kind = GW_KIND_VIRTUAL_SUBNET, .max = 4,                                 \
	  .help = "Subnets of the network that are kept for the gateway; none: gwd takes what is free.")               \
	P(S, VSID, vsid, "isolationId", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,                   \
	  .help = "The VSID of what gwd takes where there are no gatewaySubnets.")                                     \
	P(S, ENUM, routing, "routingType", .values = gw_routing_types, .flags = GW_PROPERTY_HAS_DEFAULT,               \
	  .help = "Whether routes are learnt by BGP.")                                                                 \
	C(S, CONNECTION, "networkConnections", .max = 1024, .help = "Its connections to sites and networks outside.")  \
	C(S, BGP_ROUTER, "bgpRouters", .max = 1024, .help = "Its BGP routers.")                                        \
	C(S, POLICY_MAP, "policyMaps", .max = 1024, .help = "Its BGP policies.")                                       \
	R(S, "gateway", .help = "The gateway that carries it.")                                                        \
	R(S, "state", .help = "How it is, as that says.")                                                              \
	R(S, "stateDetail", .help = "Why it is not ready.")                                                            \
	R(S, "customerAddresses", .help = "Its addresses in the virtual network.")                                     \
	R(S, "publicAddresses", .help = "What comes to these, from outside, it gets.")                                 \
	R(S, "morePublicAddresses", .help = "To how many others, too many to be listed.")                              \
	R(S, "statistics", .help = "What it has carried, and dropped.")                                                \
	P(S, ANY, vpn_clients, "vpnClientAddressSpace", .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(virtual_gateway, GW_VIRTUAL_GATEWAY)

#endif
