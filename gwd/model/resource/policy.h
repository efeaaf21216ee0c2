/* policy.h - what may pass and where it goes: access control lists, port profiles, route tables; and credentials. */
#ifndef GW_MODEL_RESOURCE_POLICY_H
#define GW_MODEL_RESOURCE_POLICY_H

#include "model/resource/interface.h"
#include "model/schema.h"

enum gw_acl_protocol { GW_ACL_ALL, GW_ACL_TCP, GW_ACL_UDP, GW_ACL_ICMP, GW_ACL_ICMPV6 };
extern const char *const gw_acl_protocols[];
extern const char *const gw_acl_actions[]; /* "Allow", "Deny" */
extern const char *const gw_acl_types[];   /* "Inbound", "Outbound" */
extern const char *const gw_isolations[];
extern const char *const gw_next_hop_types[];
enum gw_credential_type {
	GW_CREDENTIAL_PASSWORD,
	GW_CREDENTIAL_CERTIFICATE,
	GW_CREDENTIAL_SUBJECT_NAME,
	GW_CREDENTIAL_SHARED_KEY
};
extern const char *const gw_credential_types[];

#define GW_ACL_RULE(S, P, O, L, V, C, R)                                                                               \
	P(S, ENUM, protocol, "protocol", .values = gw_acl_protocols, .flags = GW_PROPERTY_HAS_DEFAULT,                 \
	  .help = "The protocol that it is for.")                                                                      \
	P(S, PORTS, source_ports, "sourcePortRange", .help = "Ports that it comes from; absent: all.")                 \
	P(S, PORTS, destination_ports, "destinationPortRange", .help = "Ports that it goes to; absent: all.")          \
	P(S, TEXT, source, "sourceAddressPrefix", .max = 50, .help = "A prefix, an address or \"*\"; absent: all.")    \
	P(S, TEXT, destination, "destinationAddressPrefix", .max = 50,                                                 \
	  .help = "A prefix, an address or \"*\"; absent: all.")                                                       \
	P(S, ENUM, action, "action", .values = gw_acl_actions, .flags = GW_PROPERTY_IS_REQUIRED,                       \
	  .help = "What becomes of it.")                                                                               \
	P(S, UINT, priority, "priority", .min = 1, .max = 65535, .flags = GW_PROPERTY_IS_REQUIRED,                     \
	  .help = "The lowest that matches decides.")                                                                  \
	P(S, ENUM, type, "type", .values = gw_acl_types, .flags = GW_PROPERTY_IS_REQUIRED,                             \
	  .help = "Whether it is for what the VM gets or for what it sends.")                                          \
	P(S, ENUM, logging, "logging", .values = gw_switch_states, .help = "Whether matches are logged.")              \
	P(S, TEXT, description, "description", .max = 256, .help = "For people.")
GW_SCHEMA_STRUCT(acl_rule, GW_ACL_RULE)

#define GW_ACL(S, P, O, L, V, C, R)                                                                                    \
	C(S, ACL_RULE, "aclRules", .help = "The rules.")                                                               \
	P(S, ENUM, inbound, "inboundDefaultAction", .values = gw_acl_actions, .flags = GW_PROPERTY_HAS_DEFAULT,        \
	  .help = "What becomes of what the VM gets when no rule matches.")                                            \
	P(S, ENUM, outbound, "outboundDefaultAction", .values = gw_acl_actions, .flags = GW_PROPERTY_HAS_DEFAULT,      \
	  .help = "What becomes of what the VM sends when no rule matches.")                                           \
	R(S, "ipConfigurations", .help = "Who uses it.")                                                               \
	R(S, "subnets", .help = "Who uses it.")
GW_SCHEMA_STRUCT(acl, GW_ACL)

#define GW_PORT_PROFILE(S, P, O, L, V, C, R)                                                                           \
	P(S, REF, inherits, "inherits", .kind = GW_KIND_PORT_PROFILE,                                                  \
	  .help = "Where what is not set here comes from.")                                                            \
	O(S, port_settings, settings, "portSettings", .help = "What the port lets through.")                           \
	P(S, REF, acl, "accessControlList", .kind = GW_KIND_ACL, .help = "Rules for the whole port.")                  \
	P(S, UINT, dscp, "dscp", .max = 63, .help = "DSCP that is put into what the VM sends.")                        \
	P(S, REF, mirror, "mirror", .kind = GW_KIND_NETWORK_INTERFACE,                                                 \
	  .help = "The port that gets a copy of everything.")                                                          \
	P(S, TEXT, flow_export, "flowExport", .max = 64, .help = "ADDRESS:PORT of an IPFIX collector.")                \
	P(S, ENUM, isolation, "isolation", .values = gw_isolations, .help = "Whom the VM may speak to in its subnet.")
GW_SCHEMA_STRUCT(port_profile, GW_PORT_PROFILE)

enum gw_next_hop { GW_HOP_APPLIANCE, GW_HOP_LOCAL, GW_HOP_GATEWAY, GW_HOP_INTERNET, GW_HOP_NONE };

#define GW_ROUTE(S, P, O, L, V, C, R)                                                                                  \
	P(S, PREFIX, prefix, "addressPrefix", .flags = GW_PROPERTY_IS_REQUIRED, .help = "Where the route leads.")      \
	P(S, ENUM, hop, "nextHopType", .values = gw_next_hop_types, .flags = GW_PROPERTY_IS_REQUIRED,                  \
	  .help = "What takes it there.")                                                                              \
	P(S, ADDR, address, "nextHopIpAddress", .help = "The appliance's address, of VirtualAppliance.")
GW_SCHEMA_STRUCT(route, GW_ROUTE)

#define GW_ROUTE_TABLE(S, P, O, L, V, C, R)                                                                            \
	C(S, ROUTE, "routes", .help = "The routes.")                                                                   \
	R(S, "subnets", .help = "Who uses it.")
GW_SCHEMA_STRUCT(route_table, GW_ROUTE_TABLE)

#define GW_CREDENTIAL(S, P, O, L, V, C, R)                                                                             \
	P(S, ENUM, type, "type", .values = gw_credential_types, .flags = GW_PROPERTY_IS_REQUIRED,                      \
	  .help = "What it is.")                                                                                       \
	P(S, TEXT, user, "userName", .max = 256, .help = "Of UsernamePassword.")                                       \
	P(S, SECRET, value, "value", .min = 1, .max = 65536, .help = "The password, key or certificate: write-only.")
GW_SCHEMA_STRUCT(credential, GW_CREDENTIAL)

static inline bool gw_credential_is_certificate(uint8_t type)
{
	return type == GW_CREDENTIAL_CERTIFICATE || type == GW_CREDENTIAL_SUBJECT_NAME;
}

#endif
