/* connection.h - what a virtual gateway is connected to: IPsec, GRE and L3 connections, BGP routers and peers, their policies. */
#ifndef GW_MODEL_RESOURCE_CONNECTION_H
#define GW_MODEL_RESOURCE_CONNECTION_H

#include "model/schema.h"

enum gw_connection_type { GW_CONNECTION_IPSEC, GW_CONNECTION_GRE, GW_CONNECTION_L3 };
extern const char *const gw_connection_types[];
enum gw_authentication { GW_AUTHENTICATION_PSK, GW_AUTHENTICATION_CERTIFICATE };
extern const char *const gw_authentications[];
extern const char *const gw_pfs_groups[], *const gw_esp_ciphers[], *const gw_esp_integrities[];
extern const char *const gw_dh_groups[], *const gw_ike_ciphers[], *const gw_ike_integrities[];
extern const char *const gw_selector_types[];
enum gw_policy_clause { GW_CLAUSE_PREFIX, GW_CLAUSE_AS_RANGE, GW_CLAUSE_COMMUNITY, GW_CLAUSE_NEXT_HOP };
extern const char *const gw_policy_types[], *const gw_policy_clauses[];

#define GW_QUICK_MODE(S, P, O, L, V, C, R)                                                                             \
	P(S, ENUM, pfs, "perfectForwardSecrecy", .values = gw_pfs_groups,                                              \
	  .help = "The group of each new key; None: no exchange.")                                                     \
	P(S, ENUM, cipher, "cipherTransformationConstant", .values = gw_esp_ciphers, .help = "Encryption of ESP.")     \
	P(S, ENUM, integrity, "authenticationTransformationConstant", .values = gw_esp_integrities,                    \
	  .help = "Integrity of ESP.")                                                                                 \
	P(S, UINT, seconds, "saLifeTimeSeconds", .min = 300, .max = 172799, .help = "When an SA is renewed.")          \
	P(S, UINT, kilobytes, "saLifeTimeKiloBytes", .min = 1024, .max = 2147483647,                                   \
	  .help = "After how much an SA is renewed.")                                                                  \
	P(S, UINT, idle, "idleDisconnectSeconds", .max = 172799, .help = "When an idle connection is ended; 0: never.")
GW_SCHEMA_STRUCT(quick_mode, GW_QUICK_MODE)

#define GW_MAIN_MODE(S, P, O, L, V, C, R)                                                                              \
	P(S, ENUM, group, "diffieHellmanGroup", .values = gw_dh_groups, .help = "The group of the key exchange.")      \
	P(S, ENUM, cipher, "encryptionAlgorithm", .values = gw_ike_ciphers, .help = "Encryption of IKE.")              \
	P(S, ENUM, integrity, "integrityAlgorithm", .values = gw_ike_integrities, .help = "Integrity of IKE.")         \
	P(S, UINT, seconds, "saLifeTimeSeconds", .min = 300, .max = 172799, .help = "When the IKE SA is renewed.")     \
	P(S, UINT, kilobytes, "saLifeTimeKiloBytes", .min = 1024, .max = 2147483647,                                   \
	  .help = "After how much the IKE SA is renewed.")
GW_SCHEMA_STRUCT(main_mode, GW_MAIN_MODE)

#define GW_SELECTOR(S, P, O, L, V, C, R)                                                                               \
	P(S, ENUM, type, "type", .values = gw_selector_types, .help = "The address family.")                           \
	P(S, UINT, protocol, "protocolId", .max = 255, .help = "The IP protocol; 0: all.")                             \
	P(S, UINT, port_first, "portStart", .max = 65535, .help = "The first port.")                                   \
	P(S, UINT, port_last, "portEnd", .max = 65535, .def = 65535, .flags = GW_PROPERTY_HAS_DEFAULT,                 \
	  .help = "The last port.")                                                                                    \
	P(S, ADDR, first, "ipAddressStart", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The first address.")            \
	P(S, ADDR, last, "ipAddressEnd", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The last address.")                \
	P(S, UINT, payload, "tsPayloadId", .max = UINT32_MAX, .help = "Numbers the selectors.")
GW_SCHEMA_STRUCT(selector, GW_SELECTOR)

#define GW_IPSEC(S, P, O, L, V, C, R)                                                                                  \
	P(S, ENUM, authentication, "authenticationMethod", .values = gw_authentications,                               \
	  .flags = GW_PROPERTY_HAS_DEFAULT, .help = "How the peers prove who they are.")                               \
	P(S, SECRET, secret, "sharedSecret", .min = 1, .max = 256, .help = "The pre-shared key: write-only.")          \
	P(S, REF, credential, "credential", .kind = GW_KIND_CREDENTIAL,                                                \
	  .help = "Key and certificate, of Certificate.")                                                              \
	P(S, TEXT, local_identity, "localIdentity", .min = 1, .max = 253, .help = "Who this end says it is.")          \
	P(S, TEXT, remote_identity, "remoteIdentity", .min = 1, .max = 253, .help = "Who the other end must be.")      \
	O(S, quick_mode, quick, "quickMode", .help = "ESP.")                                                           \
	O(S, main_mode, main, "mainMode", .help = "IKE.")                                                              \
	L(S, selector, local, "localVpnTrafficSelector", .max = 32, .help = "What may come from this side.")           \
	L(S, selector, remote, "remoteVpnTrafficSelector", .max = 32, .help = "What may come from the other side.")
GW_SCHEMA_STRUCT(ipsec, GW_IPSEC)

#define GW_GRE(S, P, O, L, V, C, R)                                                                                    \
	P(S, UINT, key, "greKey", .max = UINT32_MAX, .help = "The key in every packet; absent: none.")
GW_SCHEMA_STRUCT(gre, GW_GRE)

#define GW_L3(S, P, O, L, V, C, R)                                                                                     \
	P(S, REF, subnet, "vlanSubnet", .kind = GW_KIND_LOGICAL_SUBNET, .flags = GW_PROPERTY_IS_REQUIRED,              \
	  .help = "The logical subnet, with its VLAN, that it leads to.")
GW_SCHEMA_STRUCT(l3, GW_L3)

#define GW_INTERFACE_ADDRESS(S, P, O, L, V, C, R)                                                                      \
	P(S, ADDR, address, "ipAddress", .flags = GW_PROPERTY_IS_REQUIRED, .help = "An address of the gateway's.")     \
	P(S, UINT, length, "prefixLength", .max = 128, .flags = GW_PROPERTY_IS_REQUIRED, .help = "Its prefix length.")
GW_SCHEMA_STRUCT(interface_address, GW_INTERFACE_ADDRESS)

#define GW_CONNECTION_ROUTE(S, P, O, L, V, C, R)                                                                       \
	P(S, PREFIX, prefix, "destinationPrefix", .flags = GW_PROPERTY_IS_REQUIRED,                                    \
	  .help = "What is behind the connection.")                                                                    \
	P(S, ADDR, next_hop, "nextHop", .help = "The router there.")                                                   \
	P(S, UINT, metric, "metric", .max = UINT32_MAX, .help = "The lower is preferred.")                             \
	P(S, TEXT, protocol, "protocol", .max = 32, .help = "Who knows it.")
GW_SCHEMA_STRUCT(connection_route, GW_CONNECTION_ROUTE)

#define GW_CONNECTION(S, P, O, L, V, C, R)                                                                             \
	P(S, ENUM, type, "connectionType", .values = gw_connection_types, .flags = GW_PROPERTY_IS_REQUIRED,            \
	  .help = "How it is made.")                                                                                   \
	P(S, UINT, out, "outboundKiloBitsPerSecond", .max = UINT32_MAX, .help = "Most that is sent; 0: no limit.")     \
	P(S, UINT, in, "inboundKiloBitsPerSecond", .max = UINT32_MAX, .help = "Most that is taken; 0: no limit.")      \
	O(S, ipsec, ipsec, "ipSecConfiguration", .help = "Of IPSec.")                                                  \
	O(S, gre, gre, "greConfiguration", .help = "Of GRE.")                                                          \
	O(S, l3, l3, "l3Configuration", .help = "Of L3.")                                                              \
	L(S, interface_address, addresses, "ipAddresses", .max = 8, .help = "The gateway's addresses on it.")          \
	V(S, ADDR, peers, "peerIPAddresses", .max = 8, .help = "The other side's addresses on it.")                    \
	P(S, ADDR, source, "sourceIPAddress", .flags = GW_PROPERTY_IS_ASSIGNED | GW_PROPERTY_IS_OPERATORS,             \
	  .help = "Where the tunnel ends on this side.")                                                               \
	P(S, ADDR, destination, "destinationIPAddress", .help = "Where the tunnel ends on the other side.")            \
	L(S, connection_route, routes, "routes", .help = "What is behind it.")                                         \
	R(S, "connectionStatus", .help = "Enabled or Disabled.")                                                       \
	R(S, "connectionState", .help = "Connected, Connecting, Disconnected or Unknown.")                             \
	R(S, "connectionUpTime", .help = "For how long.")                                                              \
	R(S, "connectionErrorReason", .help = "What the last failure was.")                                            \
	R(S, "unreachabilityReason", .help = "Why the other side cannot be reached.")                                  \
	R(S, "gateway", .help = "The gateway that carries it.")                                                        \
	R(S, "statistics", .help = "Counters.")
GW_SCHEMA_STRUCT(connection, GW_CONNECTION)

#define GW_BGP_PEER(S, P, O, L, V, C, R)                                                                               \
	P(S, ADDR, address, "peerIpAddress", .flags = GW_PROPERTY_IS_REQUIRED, .help = "The peer's address.")          \
	P(S, UINT, as, "asNumber", .min = 1, .max = UINT32_MAX, .help = "The peer's AS number, as a number.")          \
	P(S, ASN, ext_as, "extAsNumber", .help = "The same in two halves.")                                            \
	P(S, REF, map_in, "policyMapIn", .kind = GW_KIND_POLICY_MAP, .help = "What is taken of what it announces.")    \
	P(S, REF, map_out, "policyMapOut", .kind = GW_KIND_POLICY_MAP, .help = "What it is told.")                     \
	P(S, BOOL, bfd, "bfd", .help = "Whether its failure is noticed by BFD.")                                       \
	P(S, SECRET, password, "password", .min = 1, .max = 80, .flags = GW_PROPERTY_IS_QUOTABLE,                      \
	  .help = "TCP MD5 password: write-only.")                                                                     \
	P(S, BOOL, has_password, "hasPassword", .flags = GW_PROPERTY_IS_ASSIGNED,                                      \
	  .help = "Whether it has a password: who copies what GET answers has to say it again; false takes it away.")  \
	P(S, UINT, max_prefixes, "maximumPrefixes", .min = 1, .max = 1000000, .help = "Most that is learnt from it.")  \
	R(S, "connectionState", .help = "Where the session stands.")                                                   \
	R(S, "statistics", .help = "Counters.")
GW_SCHEMA_STRUCT(bgp_peer, GW_BGP_PEER)

#define GW_BGP_ROUTER(S, P, O, L, V, C, R)                                                                             \
	P(S, BOOL, enabled, "isEnabled", .def = 1, .flags = GW_PROPERTY_HAS_DEFAULT, .help = "Whether it runs.")       \
	P(S, ASN, ext_as, "extAsNumber", .flags = GW_PROPERTY_IS_REQUIRED, .help = "Its AS number.")                   \
	P(S, ADDR, router_id, "routerId", .help = "Its identifier; absent: its address.")                              \
	V(S, ADDR, addresses, "routerIP", .max = 8, .help = "Its addresses.")                                          \
	V(S, PREFIX, networks, "bgpNetworks", .max = 256, .help = "What it announces besides the network's subnets.")  \
	C(S, BGP_PEER, "bgpPeers", .max = 1024, .help = "Its peers.")                                                  \
	R(S, "isGenerated", .help = "Whether gwd made it.")                                                            \
	P(S, ANY, require_igp_sync, "requireIgpSync", .item = GW_PROPERTY_BOOL, .flags = GW_PROPERTY_IS_INERT)
GW_SCHEMA_STRUCT(bgp_router, GW_BGP_ROUTER)

#define GW_POLICY_MATCH(S, P, O, L, V, C, R)                                                                           \
	P(S, ENUM, clause, "clause", .values = gw_policy_clauses, .flags = GW_PROPERTY_IS_REQUIRED,                    \
	  .help = "What is looked at.")                                                                                \
	P(S, TEXT, operator, "operator", .max = 32, .help = "How it is compared.")                                     \
	P(S, TEXT, value, "value", .min = 1, .max = 256, .flags = GW_PROPERTY_IS_REQUIRED, .help = "What with.")
GW_SCHEMA_STRUCT(policy_match, GW_POLICY_MATCH)

#define GW_POLICY_ACTION(S, P, O, L, V, C, R)                                                                          \
	P(S, ADDR, next_hop, "NextHop", .help = "Put in as the next hop.")                                             \
	P(S, UINT, med, "Med", .max = UINT32_MAX, .help = "Put in as the metric.")                                     \
	P(S, UINT, local_pref, "LocalPref", .max = UINT32_MAX, .help = "Put in as the local preference.")              \
	P(S, TEXT, community, "Community", .max = 64, .help = "Put in as a community, as \"64512:100\".")
GW_SCHEMA_STRUCT(policy_action, GW_POLICY_ACTION)

#define GW_POLICY(S, P, O, L, V, C, R)                                                                                 \
	P(S, TEXT, name, "policyName", .min = 1, .max = 128, .flags = GW_PROPERTY_IS_REQUIRED, .help = "For people.")  \
	P(S, ENUM, type, "policyType", .values = gw_policy_types, .flags = GW_PROPERTY_IS_REQUIRED,                    \
	  .help = "What becomes of what matches.")                                                                     \
	L(S, policy_match, match, "matchCriteria", .max = 64, .help = "All must match.")                               \
	L(S, policy_action, set, "setActions", .max = 8, .help = "What is changed in what is allowed.")
GW_SCHEMA_STRUCT(policy, GW_POLICY)

#define GW_POLICY_MAP(S, P, O, L, V, C, R)                                                                             \
	L(S, policy, policies, "policyList", .max = 64, .help = "The first that matches decides.")
GW_SCHEMA_STRUCT(policy_map, GW_POLICY_MAP)

#endif
