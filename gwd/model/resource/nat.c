/* nat.c - see nat.h. */
#include "model/resource/nat.h"

#include "model/resource/kind.h"

const char *const gw_nat_protocols[] = {"All", "Tcp", "Udp", NULL};

GW_RESOURCE_DEFINE(frontend, GW_FRONTEND)
GW_RESOURCE_DEFINE(backend_pool, GW_BACKEND_POOL)
GW_RESOURCE_DEFINE(inbound_nat_rule, GW_INBOUND_NAT_RULE)
GW_RESOURCE_DEFINE(outbound_nat_rule, GW_OUTBOUND_NAT_RULE)
GW_RESOURCE_DEFINE(load_balancer, GW_LOAD_BALANCER)
