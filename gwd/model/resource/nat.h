/* nat.h - address translation as load balancers express it: front ends, pools of back ends, inbound and outbound rules. */
#ifndef GW_MODEL_RESOURCE_NAT_H
#define GW_MODEL_RESOURCE_NAT_H

#include "model/schema.h"

extern const char *const gw_nat_protocols[]; /* "All", "Tcp", "Udp" */

#define GW_FRONTEND(S, P, O, L, V, C, R)                                                                               \
	P(S, REF, address, "publicIPAddress", .kind = GW_KIND_PUBLIC_ADDRESS,                                          \
	  .flags = GW_PROPERTY_IS_REQUIRED | GW_PROPERTY_IS_SHARED, .help = "The address outside.")                    \
	P(S, UINT, port_block, "portBlockStart", .min = 1024, .max = 64512,                                            \
	  .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,                                                 \
	  .help = "The first port of the block that it has of a shared address.")                                      \
	R(S, "portBlockSize", .help = "How many ports the block has.")                                                 \
	R(S, "inboundNatRules", .help = "Who uses it.")                                                                \
	R(S, "outboundNatRules", .help = "Who uses it.")
GW_SCHEMA_STRUCT(frontend, GW_FRONTEND)

#define GW_BACKEND_POOL(S, P, O, L, V, C, R)                                                                           \
	V(S, REF, subnets, "subnets", .kind = GW_KIND_VIRTUAL_SUBNET, .max = 64, .help = "Whole subnets in the pool.") \
	R(S, "backendIPConfigurations", .help = "The IP configurations in the pool.")                                  \
	R(S, "outboundNatRules", .help = "Who uses it.")
GW_SCHEMA_STRUCT(backend_pool, GW_BACKEND_POOL)

#define GW_INBOUND_NAT_RULE(S, P, O, L, V, C, R)                                                                       \
	V(S, REF, frontends, "frontendIPConfigurations", .kind = GW_KIND_FRONTEND, .flags = GW_PROPERTY_IS_REQUIRED,   \
	  .max = 8, .help = "The addresses outside.")                                                                  \
	P(S, ENUM, protocol, "protocol", .values = gw_nat_protocols, .flags = GW_PROPERTY_HAS_DEFAULT,                 \
	  .help = "The protocol that it is for.")                                                                      \
	P(S, UINT, frontend_port, "frontendPort", .max = 65535, .help = "The port outside; All has none.")             \
	P(S, UINT, backend_port, "backendPort", .max = 65535, .help = "The port of the VM; absent: the same.")         \
	P(S, REF, backend, "backendIPConfiguration", .kind = GW_KIND_IP_CONFIGURATION, .help = "The VM's address.")    \
	P(S, UINT, idle_minutes, "idleTimeoutInMinutes", .min = 1, .max = 1440,                                        \
	  .help = "When an idle flow is forgotten.")                                                                   \
	P(S, ANY, floating, "enableFloatingIP", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)               \
	R(S, "statistics", .help = "Its connections so far, as its gateway said last.")
GW_SCHEMA_STRUCT(inbound_nat_rule, GW_INBOUND_NAT_RULE)

#define GW_OUTBOUND_NAT_RULE(S, P, O, L, V, C, R)                                                                      \
	V(S, REF, frontends, "frontendIPConfigurations", .kind = GW_KIND_FRONTEND, .flags = GW_PROPERTY_IS_REQUIRED,   \
	  .max = 8, .help = "The addresses outside.")                                                                  \
	P(S, ENUM, protocol, "protocol", .values = gw_nat_protocols, .flags = GW_PROPERTY_HAS_DEFAULT,                 \
	  .help = "The protocol that it is for.")                                                                      \
	P(S, REF, pool, "backendAddressPool", .kind = GW_KIND_BACKEND_POOL, .flags = GW_PROPERTY_IS_REQUIRED,          \
	  .help = "Who is translated.")                                                                                \
	R(S, "statistics",                                                                                             \
	  .help = "Connections so far by its front ends, for its protocol, as its gateway said last; other outbound "  \
		  "rules of theirs for that protocol are among them.")
GW_SCHEMA_STRUCT(outbound_nat_rule, GW_OUTBOUND_NAT_RULE)

#define GW_LOAD_BALANCER(S, P, O, L, V, C, R)                                                                          \
	C(S, FRONTEND, "frontendIPConfigurations", .max = 1024, .help = "Addresses outside.")                          \
	C(S, BACKEND_POOL, "backendAddressPools", .max = 1024, .help = "Pools of VMs.")                                \
	C(S, INBOUND_NAT_RULE, "inboundNatRules", .max = 1024, .help = "From outside to one VM.")                      \
	C(S, OUTBOUND_NAT_RULE, "outboundNatRules", .max = 1024, .help = "From VMs to the outside.")                   \
	R(S, "loadBalancingRules", .flags = GW_PROPERTY_IS_LATER, .help = "Not in this version: always empty.")        \
	R(S, "probes", .flags = GW_PROPERTY_IS_LATER, .help = "Not in this version: always empty.")
GW_SCHEMA_STRUCT(load_balancer, GW_LOAD_BALANCER)

#endif
