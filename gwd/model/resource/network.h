/* network.h - logical networks (where provider addresses live), virtual networks (routing domains), their subnets and pools. */
#ifndef GW_MODEL_RESOURCE_NETWORK_H
#define GW_MODEL_RESOURCE_NETWORK_H

#include "model/schema.h"

#define GW_IP_POOL(S, P, O, L, V, C, R)                                                                                \
	P(S, ADDR, first, "startIpAddress", .flags = GW_PROPERTY_IS_REQUIRED,                                          \
	  .help = "The first address of the pool.")                                                                    \
	P(S, ADDR, last, "endIpAddress", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The last address of the pool.")    \
	P(S, BOOL, multicast, "multicast", .help = "Groups for virtual subnets whose broadcastMode is Multicast.")     \
	R(S, "usage", .help = "How many addresses the pool has, and how many are allocated.")
GW_SCHEMA_STRUCT(ip_pool, GW_IP_POOL)

#define GW_SUBNET_ROUTE(S, P, O, L, V, C, R)                                                                           \
	P(S, PREFIX, destination, "destinationPrefix", .flags = GW_PROPERTY_IS_REQUIRED,                               \
	  .help = "Where the route leads.")                                                                            \
	P(S, ADDR, next_hop, "nextHop", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The router that knows the way.")    \
	P(S, UINT, metric, "metric", .max = UINT32_MAX, .help = "The lower is preferred.")                             \
	P(S, TEXT, protocol, "protocol", .max = 32, .help = "Who knows it; \"static\" here.")
GW_SCHEMA_STRUCT(subnet_route, GW_SUBNET_ROUTE)

#define GW_LOGICAL_SUBNET(S, P, O, L, V, C, R)                                                                         \
	P(S, PREFIX, prefix, "addressPrefix", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The subnet's prefix.")        \
	P(S, UINT, vlan, "vlanID", .max = 4094, .help = "The VLAN of the subnet; 0: none.")                            \
	L(S, subnet_route, routes, "routes", .help = "Routes of nodes in this subnet.")                                \
	V(S, ADDR, dns, "dnsServers", .max = 8, .help = "Name servers of nodes in this subnet.")                       \
	V(S, ADDR, routers, "defaultGateways", .max = 8, .help = "Routers of nodes in this subnet.")                   \
	P(S, BOOL, is_public, "isPublic", .help = "Its addresses are reachable from outside the datacentre.")          \
	C(S, LOGICAL_POOL, "ipPools", .help = "Pools that provider addresses or multicast groups are taken from.")
GW_SCHEMA_STRUCT(logical_subnet, GW_LOGICAL_SUBNET)

#define GW_LOGICAL_NETWORK(S, P, O, L, V, C, R)                                                                        \
	P(S, BOOL, virtualized, "networkVirtualizationEnabled", .help = "Virtual networks may be carried over it.")    \
	C(S, LOGICAL_SUBNET, "subnets", .help = "The subnets of the network.")
GW_SCHEMA_STRUCT(logical_network, GW_LOGICAL_NETWORK)

#define GW_ADDRESS_SPACE(S, P, O, L, V, C, R)                                                                          \
	V(S, PREFIX, prefixes, "addressPrefixes", .flags = GW_PROPERTY_IS_REQUIRED, .max = 64,                         \
	  .help = "Prefixes that the network's subnets are part of.")
GW_SCHEMA_STRUCT(address_space, GW_ADDRESS_SPACE)

#define GW_DHCP_OPTIONS(S, P, O, L, V, C, R)                                                                           \
	V(S, ADDR, dns, "dnsServers", .max = 8, .help = "Name servers that VMs are told.")
GW_SCHEMA_STRUCT(dhcp_options, GW_DHCP_OPTIONS)

#define GW_VIRTUAL_SUBNET(S, P, O, L, V, C, R)                                                                         \
	P(S, PREFIX, prefix, "addressPrefix", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The subnet's prefix.")        \
	P(S, VSID, vsid, "isolationId", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,                   \
	  .help = "The subnet's VSID.")                                                                                \
	R(S, "defaultGateway", .help = "The distributed router's address in the subnet.")                              \
	P(S, REF, acl, "accessControlList", .kind = GW_KIND_ACL, .flags = GW_PROPERTY_IS_SHARED,                       \
	  .help = "Rules for every port of the subnet.")                                                               \
	P(S, REF, route_table, "routeTable", .kind = GW_KIND_ROUTE_TABLE, .flags = GW_PROPERTY_IS_SHARED,              \
	  .help = "Routes of the subnet's own.")                                                                       \
	C(S, VIRTUAL_POOL, "ipPools", .help = "Pools that VMs' addresses are taken from; none: the whole prefix.")     \
	P(S, ENUM, broadcast, "broadcastMode", .values = gw_broadcast_modes, .flags = GW_PROPERTY_HAS_DEFAULT,         \
	  .help = "How broadcasts get to other hosts.")                                                                \
	P(S, ADDR, group, "multicastGroup", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,               \
	  .help = "The provider multicast group of a subnet whose broadcastMode is Multicast.")                        \
	R(S, "ipConfigurations", .help = "The IP configurations that live in the subnet.")                             \
	P(S, ANY, service_insertion, "serviceInsertionElements", .flags = GW_PROPERTY_IS_INERT)                        \
	P(S, ANY, service_chain, "serviceInsertion", .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(virtual_subnet, GW_VIRTUAL_SUBNET)

enum gw_broadcast { GW_BROADCAST_UNICAST, GW_BROADCAST_MULTICAST };
extern const char *const gw_broadcast_modes[];

#define GW_VIRTUAL_NETWORK(S, P, O, L, V, C, R)                                                                        \
	O(S, address_space, space, "addressSpace", .flags = GW_PROPERTY_IS_REQUIRED,                                   \
	  .help = "The addresses of the network.")                                                                     \
	O(S, dhcp_options, dhcp, "dhcpOptions", .help = "What VMs are told by DHCP.")                                  \
	C(S, VIRTUAL_SUBNET, "subnets", .help = "The subnets of the network.")                                         \
	P(S, REF, logical_network, "logicalNetwork", .kind = GW_KIND_LOGICAL_NETWORK, .flags = GW_PROPERTY_IS_SHARED,  \
	  .help = "The network whose provider addresses carry it.")                                                    \
	P(S, ENUM, encapsulation, "encapsulationMethod", .values = gw_encapsulation_methods,                           \
	  .flags = GW_PROPERTY_HAS_DEFAULT, .help = "How its packets are carried.")                                    \
	P(S, UUID, rdid, "routingDomainId", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,               \
	  .help = "The routing domain's identifier.")
GW_SCHEMA_STRUCT(virtual_network, GW_VIRTUAL_NETWORK)

enum gw_encapsulation_method { GW_METHOD_VXLAN, GW_METHOD_NVGRE, GW_METHOD_REWRITE };
extern const char *const gw_encapsulation_methods[];

#endif
