/* connection.c - see connection.h. */
#include "model/resource/connection.h"

#include "model/resource/kind.h"

const char *const gw_connection_types[] = {"IPSec", "GRE", "L3", NULL};
const char *const gw_authentications[] = {"PSK", "Certificate", NULL};
const char *const gw_pfs_groups[] = {"None",  "PFS1",	"PFS2",	  "PFS2048", "PFS14",
				     "PFS24", "ECP256", "ECP384", "PFSMM",   NULL};
const char *const gw_esp_ciphers[] = {"DES",	   "DES3",	"AES128",    "AES192", "AES256",
				      "GCMAES128", "GCMAES192", "GCMAES256", "None",   NULL};
const char *const gw_esp_integrities[] = {"MD5196",    "SHA196",    "SHA256128", "GCMAES128",
					  "GCMAES192", "GCMAES256", "None",	 NULL};
const char *const gw_dh_groups[] = {"None",   "Group1", "Group2",      "Group14", "Group24",
				    "ECP256", "ECP384", "DHGroup2048", NULL};
const char *const gw_ike_ciphers[] = {"DES", "DES3", "AES128", "AES192", "AES256", NULL};
const char *const gw_ike_integrities[] = {"MD5", "SHA1", "SHA196", "SHA256", "SHA384", NULL};
const char *const gw_selector_types[] = {"IPv4", "IPv6", NULL};
const char *const gw_policy_types[] = {"Allow", "Deny", NULL};
const char *const gw_policy_clauses[] = {"Prefix", "AsnRange", "Community", "NextHop", NULL};

GW_SCHEMA_DEFINE(quick_mode, GW_QUICK_MODE)
GW_SCHEMA_DEFINE(main_mode, GW_MAIN_MODE)
GW_SCHEMA_DEFINE(selector, GW_SELECTOR)
GW_SCHEMA_DEFINE(ipsec, GW_IPSEC)
GW_SCHEMA_DEFINE(gre, GW_GRE)
GW_SCHEMA_DEFINE(l3, GW_L3)
GW_SCHEMA_DEFINE(interface_address, GW_INTERFACE_ADDRESS)
GW_SCHEMA_DEFINE(connection_route, GW_CONNECTION_ROUTE)
GW_RESOURCE_DEFINE(connection, GW_CONNECTION)
GW_RESOURCE_DEFINE(bgp_peer, GW_BGP_PEER)
GW_RESOURCE_DEFINE(bgp_router, GW_BGP_ROUTER)
GW_SCHEMA_DEFINE(policy_match, GW_POLICY_MATCH)
GW_SCHEMA_DEFINE(policy_action, GW_POLICY_ACTION)
GW_SCHEMA_DEFINE(policy, GW_POLICY)
GW_RESOURCE_DEFINE(policy_map, GW_POLICY_MAP)
