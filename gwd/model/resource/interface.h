/* interface.h - where VMs attach: network interfaces, MAC pools, port settings and profiles, and the servers they run on. */
#ifndef GW_MODEL_RESOURCE_INTERFACE_H
#define GW_MODEL_RESOURCE_INTERFACE_H

#include "model/schema.h"

enum gw_allocation { GW_ALLOCATION_STATIC, GW_ALLOCATION_DYNAMIC };
extern const char *const gw_allocation_methods[];
extern const char *const gw_switch_states[]; /* "Disabled", "Enabled" */
enum gw_server_role { GW_SERVER_HOST, GW_SERVER_GATEWAY, GW_SERVER_CONTROLLER };
extern const char *const gw_server_roles[];

#define GW_QOS(S, P, O, L, V, C, R)                                                                                    \
	P(S, UINT, reserved, "outboundReservedValue", .max = 100, .help = "Share of what is sent, in percent.")        \
	P(S, UINT, max_out, "outboundMaximumMbps", .max = 1000000, .help = "Most that the VM may send; 0: no limit.")  \
	P(S, UINT, max_in, "inboundMaximumMbps", .max = 1000000, .help = "Most that the VM gets; 0: no limit.")        \
	P(S, ANY, enable_hw, "enableHardwareLimits", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(qos, GW_QOS)

#define GW_PORT_SETTINGS_ROWS(S, P, O, L, V, C, R)                                                                     \
	P(S, ENUM, mac_spoofing, "macSpoofingEnabled", .values = gw_switch_states,                                     \
	  .help = "Whether the VM may send with other MAC addresses than its own.")                                    \
	P(S, ENUM, arp_guard, "arpGuardEnabled", .values = gw_switch_states,                                           \
	  .help = "Whether ARP that claims other addresses than the VM's is dropped.")                                 \
	P(S, ENUM, dhcp_guard, "dhcpGuardEnabled", .values = gw_switch_states,                                         \
	  .help = "Whether the VM is kept from answering DHCP.")                                                       \
	P(S, UINT, storm_limit, "stormLimit", .max = 10000000,                                                         \
	  .help = "Broadcasts and multicasts a second that the VM may send; 0: no limit.")                             \
	P(S, UINT, flow_limit, "portFlowLimit", .max = 10000000, .help = "Flows that the VM may have; 0: no limit.")   \
	O(S, qos, qos, "qosSettings", .help = "Rates.")                                                                \
	P(S, ANY, vmq, "vmqWeight", .item = GW_PROPERTY_UINT, .max = 100, .flags = GW_PROPERTY_IS_INERT)               \
	P(S, ANY, iov, "iovWeight", .item = GW_PROPERTY_UINT, .max = 100, .flags = GW_PROPERTY_IS_INERT)               \
	P(S, ANY, iov_moderation, "iovInterruptModeration", .item = GW_PROPERTY_TEXT, .max = 32,                       \
	  .flags = GW_PROPERTY_IS_INERT)                                                                               \
	P(S, ANY, iov_queues, "iovQueuePairsRequested", .item = GW_PROPERTY_UINT, .max = UINT32_MAX,                   \
	  .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(port_settings, GW_PORT_SETTINGS_ROWS)

#define GW_DNS_SETTINGS(S, P, O, L, V, C, R)                                                                           \
	V(S, ADDR, servers, "dnsServers", .max = 8, .help = "Name servers that this VM is told.")                      \
	P(S, ANY, internal_label, "internalDnsNameLabel", .item = GW_PROPERTY_TEXT, .max = 253,                        \
	  .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(dns_settings, GW_DNS_SETTINGS)

#define GW_IP_CONFIGURATION(S, P, O, L, V, C, R)                                                                       \
	P(S, ADDR, address, "privateIPAddress", .flags = GW_PROPERTY_IS_ASSIGNED, .help = "The VM's address.")         \
	P(S, ENUM, allocation, "privateIPAllocationMethod", .values = gw_allocation_methods,                           \
	  .def = GW_ALLOCATION_DYNAMIC, .flags = GW_PROPERTY_HAS_DEFAULT,                                              \
	  .help = "Whether the manager chooses the address, or gwd from the subnet's pools.")                          \
	P(S, REF, subnet, "subnet", .kind = GW_KIND_VIRTUAL_SUBNET, .flags = GW_PROPERTY_IS_REQUIRED,                  \
	  .help = "The virtual subnet that it lives in.")                                                              \
	P(S, REF, acl, "accessControlList", .kind = GW_KIND_ACL, .flags = GW_PROPERTY_IS_SHARED,                       \
	  .help = "Rules for this address.")                                                                           \
	P(S, REF, public_address, "publicIPAddress", .kind = GW_KIND_PUBLIC_ADDRESS,                                   \
	  .help = "The address by which it is reached from outside.")                                                  \
	V(S, REF, pools, "loadBalancerBackendAddressPools", .kind = GW_KIND_BACKEND_POOL, .max = 16,                   \
	  .help = "The pools that it is part of.")                                                                     \
	V(S, REF, nat_rules, "loadBalancerInboundNatRules", .kind = GW_KIND_INBOUND_NAT_RULE, .max = 64,               \
	  .help = "The inbound NAT rules that lead to it.")                                                            \
	P(S, ANY, primary, "isPrimary", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(ip_configuration, GW_IP_CONFIGURATION)

#define GW_NETWORK_INTERFACE(S, P, O, L, V, C, R)                                                                      \
	P(S, MAC, mac, "privateMacAddress", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,               \
	  .help = "The VM's MAC address.")                                                                             \
	P(S, ENUM, allocation, "privateMacAllocationMethod", .values = gw_allocation_methods,                          \
	  .def = GW_ALLOCATION_DYNAMIC, .flags = GW_PROPERTY_HAS_DEFAULT,                                              \
	  .help = "Whether the manager chooses the MAC address, or gwd from the MAC pools.")                           \
	C(S, IP_CONFIGURATION, "ipConfigurations", .max = 256, .help = "The VM's addresses.")                          \
	O(S, dns_settings, dns, "dnsSettings", .help = "What this VM is told by DHCP.")                                \
	O(S, port_settings, settings, "portSettings", .help = "What the port lets through.")                           \
	P(S, REF, profile, "portProfile", .kind = GW_KIND_PORT_PROFILE, .flags = GW_PROPERTY_IS_SHARED,                \
	  .help = "Settings that the port's own override.")                                                            \
	P(S, REF, acl, "accessControlList", .kind = GW_KIND_ACL, .flags = GW_PROPERTY_IS_SHARED,                       \
	  .help = "Rules for the whole port.")                                                                         \
	P(S, REF, server, "server", .kind = GW_KIND_SERVER, .flags = GW_PROPERTY_IS_OPERATORS,                         \
	  .help = "The host that the VM runs on now.")                                                                 \
	P(S, TEXT, host_interface, "hostInterface", .min = 1, .max = 15, .flags = GW_PROPERTY_IS_OPERATORS,            \
	  .help = "The tap or veth on that host.")                                                                     \
	P(S, ANY, host, "isHostVirtualNetworkInterface", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)      \
	P(S, ANY, primary, "isPrimary", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)                       \
	P(S, ANY, multitenant, "isMultitenantStack", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)          \
	P(S, ANY, internal_label, "internalDnsNameLabel", .item = GW_PROPERTY_TEXT, .max = 253,                        \
	  .flags = GW_PROPERTY_IS_INERT)                                                                               \
	P(S, ANY, service_insertion, "serviceInsertionElements", .flags = GW_PROPERTY_IS_INERT)                        \
	P(S, ANY, service_chain, "serviceInsertion", .flags = GW_PROPERTY_IS_INERT)                                    \
	R(S, "status", .help = "How its port is.")                                                                     \
	R(S, "statistics", .help = "Counters.")
GW_SCHEMA_STRUCT(network_interface, GW_NETWORK_INTERFACE)

#define GW_MAC_POOL(S, P, O, L, V, C, R)                                                                               \
	P(S, MAC, first, "startMacAddress", .flags = GW_PROPERTY_IS_REQUIRED,                                          \
	  .help = "The first address of the pool.")                                                                    \
	P(S, MAC, last, "endMacAddress", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The last address of the pool.")    \
	R(S, "usage", .help = "How many addresses the pool has, and how many are allocated.")
GW_SCHEMA_STRUCT(mac_pool, GW_MAC_POOL)

#define GW_SERVER_CONNECTION(S, P, O, L, V, C, R)                                                                      \
	V(S, TEXT, addresses, "managementAddresses", .max = 8, .help = "Names or addresses that the node answers on.") \
	P(S, REF, credential, "credential", .kind = GW_KIND_CREDENTIAL, .help = "How to log in there.")
GW_SCHEMA_STRUCT(server_connection, GW_SERVER_CONNECTION)

#define GW_SERVER_ADDRESS(S, P, O, L, V, C, R)                                                                         \
	P(S, ADDR, address, "address", .flags = GW_PROPERTY_IS_ASSIGNED,                                               \
	  .help = "A provider address of the node, not link-local; absent: one of the logicalSubnet's pools.")         \
	P(S, REF, subnet, "logicalSubnet", .kind = GW_KIND_LOGICAL_SUBNET,                                             \
	  .help = "The subnet that it lives in, with the pools that it is from.")                                      \
	P(S, UINT, prefix_length, "prefixLength", .max = 128,                                                          \
	  .help = "Its prefix length; absent: the logicalSubnet's.")                                                   \
	P(S, TEXT, interface, "interface", .min = 1, .max = 15, .help = "The interface that has it.")
GW_SCHEMA_STRUCT(server_address, GW_SERVER_ADDRESS)

#define GW_SERVER(S, P, O, L, V, C, R)                                                                                 \
	L(S, server_connection, connections, "connections", .max = 8, .help = "How the node is managed.")              \
	V(S, ENUM, roles, "roles", .max = 3, .values = gw_server_roles, .help = "What the node is.")                   \
	L(S, server_address, addresses, "providerAddresses", .max = 16,                                                \
	  .help = "Its addresses in the provider network.")                                                            \
	R(S, "state", .help = "Whether the node answers.")                                                             \
	R(S, "version", .help = "The version of gwd that it runs.")
GW_SCHEMA_STRUCT(server, GW_SERVER)

#endif
