/* gateway.c - see gateway.h. */
#include "model/resource/gateway.h"

#include "model/resource/kind.h"

const char *const gw_gateway_types[] = {"All", "S2sIpSec", "S2sGre", "Forwarding", NULL};
const char *const gw_routing_types[] = {"Dynamic", "Static", NULL};

GW_RESOURCE_DEFINE(public_address, GW_PUBLIC_ADDRESS)
GW_SCHEMA_DEFINE(gateway_pool_addresses, GW_GATEWAY_POOL_ADDRESSES)
GW_RESOURCE_DEFINE(gateway_pool, GW_GATEWAY_POOL)
GW_SCHEMA_DEFINE(gateway_interfaces, GW_GATEWAY_INTERFACES)
GW_SCHEMA_DEFINE(fabric_peer, GW_FABRIC_PEER)
GW_SCHEMA_DEFINE(gateway_bgp, GW_GATEWAY_BGP)
GW_RESOURCE_DEFINE(gateway, GW_GATEWAY)
GW_RESOURCE_DEFINE(virtual_gateway, GW_VIRTUAL_GATEWAY)
