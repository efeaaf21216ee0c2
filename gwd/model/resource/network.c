/* network.c - see network.h. */
#include "model/resource/network.h"

#include "model/resource/kind.h"

const char *const gw_broadcast_modes[] = {"Unicast", "Multicast", NULL};
const char *const gw_encapsulation_methods[] = {"VXLAN", "NVGRE", "Rewrite", NULL};

GW_RESOURCE_DEFINE(ip_pool, GW_IP_POOL)
GW_SCHEMA_DEFINE(subnet_route, GW_SUBNET_ROUTE)
GW_RESOURCE_DEFINE(logical_subnet, GW_LOGICAL_SUBNET)
GW_RESOURCE_DEFINE(logical_network, GW_LOGICAL_NETWORK)
GW_SCHEMA_DEFINE(address_space, GW_ADDRESS_SPACE)
GW_SCHEMA_DEFINE(dhcp_options, GW_DHCP_OPTIONS)
GW_RESOURCE_DEFINE(virtual_subnet, GW_VIRTUAL_SUBNET)
GW_RESOURCE_DEFINE(virtual_network, GW_VIRTUAL_NETWORK)
