/* interface.c - see interface.h. */
#include "model/resource/interface.h"

#include "model/resource/kind.h"

const char *const gw_allocation_methods[] = {"Static", "Dynamic", NULL};
const char *const gw_switch_states[] = {"Disabled", "Enabled", NULL};
const char *const gw_server_roles[] = {"host", "gateway", "controller", NULL};

GW_SCHEMA_DEFINE(qos, GW_QOS)
GW_SCHEMA_DEFINE(port_settings, GW_PORT_SETTINGS_ROWS)
GW_SCHEMA_DEFINE(dns_settings, GW_DNS_SETTINGS)
GW_RESOURCE_DEFINE(ip_configuration, GW_IP_CONFIGURATION)
GW_RESOURCE_DEFINE(network_interface, GW_NETWORK_INTERFACE)
GW_RESOURCE_DEFINE(mac_pool, GW_MAC_POOL)
GW_SCHEMA_DEFINE(server_connection, GW_SERVER_CONNECTION)
GW_SCHEMA_DEFINE(server_address, GW_SERVER_ADDRESS)
GW_RESOURCE_DEFINE(server, GW_SERVER)
