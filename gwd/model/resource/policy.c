/* policy.c - see policy.h. */
#include "model/resource/policy.h"

#include "model/resource/kind.h"

const char *const gw_acl_protocols[] = {"All", "TCP", "UDP", "ICMP", "ICMPv6", NULL};
const char *const gw_acl_actions[] = {"Allow", "Deny", NULL};
const char *const gw_acl_types[] = {"Inbound", "Outbound", NULL};
const char *const gw_isolations[] = {"None", "Isolated", "Community", "Promiscuous", NULL};
const char *const gw_next_hop_types[] = {"VirtualAppliance", "VnetLocal", "VirtualNetworkGateway",
					 "Internet",	     "None",	  NULL};
const char *const gw_credential_types[] = {"UsernamePassword", "X509Certificate", "X509CertificateSubjectName",
					   "PreSharedKey", NULL};

GW_RESOURCE_DEFINE(acl_rule, GW_ACL_RULE)
GW_RESOURCE_DEFINE(acl, GW_ACL)
GW_RESOURCE_DEFINE(port_profile, GW_PORT_PROFILE)
GW_RESOURCE_DEFINE(route, GW_ROUTE)
GW_RESOURCE_DEFINE(route_table, GW_ROUTE_TABLE)
GW_RESOURCE_DEFINE(credential, GW_CREDENTIAL)
