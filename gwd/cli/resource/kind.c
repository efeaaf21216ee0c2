/* kind.c - see kind.h. Called by get, delete and apply. */
#include "cli/resource/kind.h"

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/text.h"

#include <string.h>
#include <strings.h>

#define WIDE  GW_CLI_COLUMN_WIDE
#define RIGHT GW_CLI_COLUMN_RIGHT
#define COUNT (GW_CLI_COLUMN_COUNT | GW_CLI_COLUMN_RIGHT)

enum {
	LOGICAL_NETWORK,
	LOGICAL_SUBNET,
	LOGICAL_POOL,
	VIRTUAL_NETWORK,
	VIRTUAL_SUBNET,
	VIRTUAL_POOL,
	NETWORK_INTERFACE,
	IP_CONFIGURATION,
	MAC_POOL,
	SERVER,
	ACL,
	ACL_RULE,
	PORT_PROFILE,
	ROUTE_TABLE,
	ROUTE,
	PUBLIC_ADDRESS,
	GATEWAY_POOL,
	GATEWAY,
	VIRTUAL_GATEWAY,
	CONNECTION,
	BGP_ROUTER,
	BGP_PEER,
	POLICY_MAP,
	LOAD_BALANCER,
	FRONTEND,
	BACKEND_POOL,
	INBOUND_RULE,
	OUTBOUND_RULE,
	CREDENTIAL,
	KINDS
};

#define BELOW(kind) .parent = &gw_cli_resources[kind]

#define POOL_COLUMNS                                                                                                   \
	{                                                                                                              \
		{"FIRST", "startIpAddress", 0}, {"LAST", "endIpAddress", 0}, {"MULTICAST", "multicast", WIDE},         \
			{"USED", "usage.numberofIPAddressesAllocated", RIGHT},                                         \
			{"SIZE", "usage.numberOfIPAddresses", RIGHT},                                                  \
	}

const struct gw_cli_resource gw_cli_resources[] = {
	[LOGICAL_NETWORK] = {"logicalNetworks", "logicalnetworks",
			     .columns = {{"SUBNETS", "subnets", COUNT},
					 {"VIRTUALIZED", "networkVirtualizationEnabled", 0}}},
	[LOGICAL_SUBNET] = {"subnets", "logicalsubnets", BELOW(LOGICAL_NETWORK),
			    .columns = {{"PREFIX", "addressPrefix", 0},
					{"VLAN", "vlanID", RIGHT},
					{"PUBLIC", "isPublic", 0},
					{"GATEWAY", "defaultGateways", WIDE},
					{"POOLS", "ipPools", COUNT},
					{"ROUTES", "routes.destinationPrefix", WIDE},
					{"DNS", "dnsServers", WIDE}}},
	[LOGICAL_POOL] = {"ipPools", "logicalippools", BELOW(LOGICAL_SUBNET), .columns = POOL_COLUMNS},
	[VIRTUAL_NETWORK] = {"virtualNetworks", "virtualnetworks", "vnets",
			     .columns = {{"ADDRESS SPACE", "addressSpace.addressPrefixes", 0},
					 {"ENCAP", "encapsulationMethod", 0},
					 {"SUBNETS", "subnets", COUNT},
					 {"LOGICAL NETWORK", "logicalNetwork", WIDE},
					 {"DNS", "dhcpOptions.dnsServers", WIDE},
					 {"ROUTING DOMAIN", "routingDomainId", WIDE}}},
	[VIRTUAL_SUBNET] = {"subnets", "subnets", "virtualsubnets", BELOW(VIRTUAL_NETWORK),
			    .columns = {{"PREFIX", "addressPrefix", 0},
					{"VSID", "isolationId", RIGHT},
					{"GATEWAY", "defaultGateway", 0},
					{"VMS", "ipConfigurations", COUNT},
					{"ACL", "accessControlList", 0},
					{"ROUTE TABLE", "routeTable", WIDE},
					{"BROADCAST", "broadcastMode", WIDE},
					{"GROUP", "multicastGroup", WIDE}}},
	[VIRTUAL_POOL] = {"ipPools", "ippools", BELOW(VIRTUAL_SUBNET), .columns = POOL_COLUMNS},
	[NETWORK_INTERFACE] = {"networkInterfaces", "networkinterfaces", "nics",
			       .columns = {{"MAC", "privateMacAddress", 0},
					   {"ADDRESS", "ipConfigurations.properties.privateIPAddress", 0},
					   {"SERVER", "server", 0},
					   {"INTERFACE", "hostInterface", 0},
					   {"SUBNET", "ipConfigurations.properties.subnet", WIDE},
					   {"ACL", "accessControlList", WIDE},
					   {"PROFILE", "portProfile", WIDE}}},
	[IP_CONFIGURATION] = {"ipConfigurations", "ipconfigurations", BELOW(NETWORK_INTERFACE),
			      .columns = {{"ADDRESS", "privateIPAddress", 0},
					  {"METHOD", "privateIPAllocationMethod", 0},
					  {"SUBNET", "subnet", 0},
					  {"PUBLIC", "publicIPAddress", 0},
					  {"ACL", "accessControlList", WIDE},
					  {"POOLS", "loadBalancerBackendAddressPools", WIDE}}},
	[MAC_POOL] = {"macPools", "macpools",
		      .columns = {{"FIRST", "startMacAddress", 0},
				  {"LAST", "endMacAddress", 0},
				  {"USED", "usage.numberOfMACAddressesAllocated", RIGHT},
				  {"SIZE", "usage.numberOfMACAddresses", RIGHT}}},
	[SERVER] = {"servers", "servers",
		    .columns = {{"ROLES", "roles", 0},
				{"ADDRESS", "providerAddresses.address", 0},
				{"NODE", "state", 0},
				{"VERSION", "version", WIDE},
				{"MANAGED AT", "connections.managementAddresses", WIDE}}},
	[ACL] = {"accessControlLists", "accesscontrollists", "acls",
		 .columns = {{"RULES", "aclRules", COUNT},
			     {"INBOUND", "inboundDefaultAction", 0},
			     {"OUTBOUND", "outboundDefaultAction", 0},
			     {"SUBNETS", "subnets", COUNT},
			     {"VMS", "ipConfigurations", COUNT}}},
	[ACL_RULE] = {"aclRules", "aclrules", BELOW(ACL), .crowded = true,
		      .columns = {{"PRIO", "priority", RIGHT},
				  {"TYPE", "type", 0},
				  {"ACTION", "action", 0},
				  {"PROTO", "protocol", 0},
				  {"FROM", "sourceAddressPrefix", 0},
				  {"TO", "destinationAddressPrefix", 0},
				  {"PORTS", "destinationPortRange", 0},
				  {"FROM PORTS", "sourcePortRange", WIDE},
				  {"LOGGING", "logging", WIDE},
				  {"DESCRIPTION", "description", WIDE}}},
	[PORT_PROFILE] = {"portProfiles", "portprofiles",
			  .columns = {{"INHERITS", "inherits", 0},
				      {"ACL", "accessControlList", 0},
				      {"MBPS OUT", "portSettings.qosSettings.outboundMaximumMbps", RIGHT},
				      {"MBPS IN", "portSettings.qosSettings.inboundMaximumMbps", RIGHT},
				      {"ISOLATION", "isolation", 0},
				      {"SPOOFING", "portSettings.macSpoofingEnabled", WIDE},
				      {"MIRROR", "mirror", WIDE},
				      {"DSCP", "dscp", WIDE | RIGHT},
				      {"FLOW EXPORT", "flowExport", WIDE}}},
	[ROUTE_TABLE] = {"routeTables", "routetables",
			 .columns = {{"ROUTES", "routes", COUNT}, {"SUBNETS", "subnets", 0}}},
	[ROUTE] = {"routes", "routes", BELOW(ROUTE_TABLE),
		   .columns = {{"PREFIX", "addressPrefix", 0},
			       {"NEXT HOP", "nextHopType", 0},
			       {"ADDRESS", "nextHopIpAddress", 0}}},
	[PUBLIC_ADDRESS] = {"publicIPAddresses", "publicipaddresses", "publicips",
			    .columns = {{"ADDRESS", "ipAddress", 0},
					{"METHOD", "publicIPAllocationMethod", 0},
					{"SHARED", "shared", 0},
					{"BLOCKS", "portBlocks", COUNT},
					{"BLOCK SIZE", "portBlockSize", WIDE | RIGHT},
					{"IDLE MINUTES", "idleTimeoutInMinutes", WIDE | RIGHT},
					{"FLOWS OUT", "statistics.outboundConnections", WIDE | RIGHT},
					{"FLOWS IN", "statistics.inboundConnections", WIDE | RIGHT}}},
	[GATEWAY_POOL] = {"gatewayPools", "gatewaypools",
			  .columns = {{"TYPE", "type", 0},
				      {"GATEWAYS", "gateways", COUNT},
				      {"STANDBY", "redundantGatewayCount", RIGHT},
				      {"KBIT/S", "gatewayCapacityKiloBitsPerSecond", RIGHT},
				      {"TENANTS'", "virtualGateways", COUNT},
				      {"ADDRESSES", "ipConfiguration.publicIPAddresses", WIDE},
				      {"GRE SUBNETS", "ipConfiguration.greVipSubnets", WIDE}}},
	[GATEWAY] = {"gateways", "gateways",
		     .columns = {{"POOL", "pool", 0},
				 {"TYPE", "type", 0},
				 {"SERVER", "virtualServer", 0},
				 {"ROLE", "state", 0},
				 {"HEALTH", "healthState", 0},
				 {"CARRIES", "virtualGateways", COUNT},
				 {"AS", "bgpConfig.extASNumber", WIDE},
				 {"KBIT/S", "totalCapacity", WIDE | RIGHT},
				 {"FREE", "availableCapacity", WIDE | RIGHT},
				 {"CAN", "capabilities.connectionTypes", WIDE},
				 {"VERSION", "capabilities.version", WIDE},
				 {"KERNEL", "capabilities.kernel", WIDE}}},
	[VIRTUAL_GATEWAY] = {"virtualGateways", "virtualgateways", "vgws",
			     .columns = {{"NETWORK", "virtualNetwork", 0},
					 {"ROUTING", "routingType", 0},
					 {"POOL", "gatewayPools", 0},
					 {"GATEWAY", "gateway", 0},
					 {"CONNECTIONS", "networkConnections", COUNT},
					 {"ROUTERS", "bgpRouters", WIDE | COUNT},
					 {"NODE SAYS", "state", WIDE},
					 {"ADDRESSES", "customerAddresses", WIDE},
					 {"PUBLIC", "publicAddresses", WIDE},
					 {"FLOWS", "statistics.nat.trackedConnections", WIDE | RIGHT},
					 {"FLOWS MAX", "statistics.nat.trackedConnectionsLimit", WIDE | RIGHT},
					 {"BYTES OUT", "statistics.outside.sentBytes", WIDE | RIGHT},
					 {"BYTES IN", "statistics.outside.receivedBytes", WIDE | RIGHT},
					 {"SUBNETS", "gatewaySubnets", WIDE},
					 {"POLICY MAPS", "policyMaps", WIDE | COUNT}}},
	[CONNECTION] = {"networkConnections", "networkconnections", "connections", BELOW(VIRTUAL_GATEWAY),
			.columns = {{"TYPE", "connectionType", 0},
				    {"FROM", "sourceIPAddress", 0},
				    {"TO", "destinationIPAddress", 0},
				    {"CONNECTION", "connectionState", 0},
				    {"ROUTES", "routes.destinationPrefix", WIDE},
				    {"KBIT/S OUT", "outboundKiloBitsPerSecond", WIDE | RIGHT},
				    {"KBIT/S IN", "inboundKiloBitsPerSecond", WIDE | RIGHT},
				    {"GATEWAY", "gateway", WIDE},
				    {"ERROR", "connectionErrorReason", WIDE}}},
	[BGP_ROUTER] = {"bgpRouters", "bgprouters", BELOW(VIRTUAL_GATEWAY),
			.columns = {{"AS", "extAsNumber", 0},
				    {"ADDRESS", "routerIP", 0},
				    {"PEERS", "bgpPeers", COUNT},
				    {"ENABLED", "isEnabled", 0},
				    {"ROUTER ID", "routerId", WIDE},
				    {"NETWORKS", "bgpNetworks", WIDE}}},
	[BGP_PEER] = {"bgpPeers", "bgppeers", BELOW(BGP_ROUTER),
		      .columns = {{"ADDRESS", "peerIpAddress", 0},
				  {"AS", "extAsNumber", 0},
				  {"ASN", "asNumber", RIGHT},
				  {"SESSION", "connectionState", 0},
				  {"POLICY IN", "policyMapIn", WIDE},
				  {"POLICY OUT", "policyMapOut", WIDE},
				  {"BFD", "bfd", WIDE},
				  {"MAX PREFIXES", "maximumPrefixes", WIDE | RIGHT}}},
	[POLICY_MAP] = {"policyMaps", "policymaps", BELOW(VIRTUAL_GATEWAY),
			.columns = {{"POLICIES", "policyList.policyName", 0}}},
	[LOAD_BALANCER] = {"loadBalancers", "loadbalancers",
			   .columns = {{"FRONTENDS", "frontendIPConfigurations", COUNT},
				       {"POOLS", "backendAddressPools", COUNT},
				       {"INBOUND RULES", "inboundNatRules", COUNT},
				       {"OUTBOUND RULES", "outboundNatRules", COUNT}}},
	[FRONTEND] = {"frontendIPConfigurations", "frontendipconfigurations", "frontends", BELOW(LOAD_BALANCER),
		      .columns = {{"PUBLIC ADDRESS", "publicIPAddress", 0},
				  {"BLOCK", "portBlockStart", RIGHT},
				  {"PORTS", "portBlockSize", WIDE | RIGHT},
				  {"INBOUND", "inboundNatRules", COUNT},
				  {"OUTBOUND", "outboundNatRules", COUNT}}},
	[BACKEND_POOL] = {"backendAddressPools", "backendaddresspools", "backends", BELOW(LOAD_BALANCER),
			  .columns = {{"SUBNETS", "subnets", 0},
				      {"VMS", "backendIPConfigurations", COUNT},
				      {"OUTBOUND RULES", "outboundNatRules", WIDE | COUNT}}},
	[INBOUND_RULE] = {"inboundNatRules", "inboundnatrules", BELOW(LOAD_BALANCER),
			  .columns = {{"FRONTEND", "frontendIPConfigurations", 0},
				      {"PROTO", "protocol", 0},
				      {"PORT", "frontendPort", RIGHT},
				      {"TO", "backendIPConfiguration", 0},
				      {"TO PORT", "backendPort", RIGHT},
				      {"IDLE MINUTES", "idleTimeoutInMinutes", WIDE | RIGHT},
				      {"FLOWS", "statistics.connections", WIDE | RIGHT}}},
	[OUTBOUND_RULE] = {"outboundNatRules", "outboundnatrules", BELOW(LOAD_BALANCER),
			   .columns = {{"FRONTEND", "frontendIPConfigurations", 0},
				       {"PROTO", "protocol", 0},
				       {"POOL", "backendAddressPool", 0},
				       {"FLOWS", "statistics.connections", WIDE | RIGHT}}},
	[CREDENTIAL] = {"credentials", "credentials", .columns = {{"TYPE", "type", 0}, {"USER", "userName", 0}}},
};
const size_t gw_cli_n_resources = sizeof gw_cli_resources / sizeof *gw_cli_resources;
_Static_assert(sizeof gw_cli_resources / sizeof *gw_cli_resources == KINDS, "a row for each kind");

/* --- names -------------------------------------------------------------------------------------------------------- */

/* `word` is in lower case, and may lack the "s" or "es" of the plural. */
static bool is_name(const char *word, const char *name)
{
	size_t n = strlen(word);

	return name && !strncmp(word, name, n) && (!name[n] || !strcmp(name + n, "s") || !strcmp(name + n, "es"));
}

const struct gw_cli_resource *gw_cli_resource_find(const char *word)
{
	char low[40];
	size_t n = 0;

	for (; *word; word++) {
		if (n == sizeof low - 1)
			return NULL;
		if (*word != '-')
			low[n++] = *word >= 'A' && *word <= 'Z' ? (char)(*word | 0x20) : *word;
	}
	low[n] = '\0';
	for (size_t i = 0; i < gw_cli_n_resources; i++)
		if (is_name(low, gw_cli_resources[i].name) || is_name(low, gw_cli_resources[i].alias))
			return &gw_cli_resources[i];
	return NULL;
}

size_t gw_cli_resource_depth(const struct gw_cli_resource *kind)
{
	size_t n = 0;

	for (; kind; kind = kind->parent)
		n++;
	return n;
}

const struct gw_cli_resource *gw_cli_resource_at(const struct gw_cli_resource *kind, size_t depth)
{
	for (size_t n = gw_cli_resource_depth(kind); n > depth; n--)
		kind = kind->parent;
	return kind;
}

/* --- paths and IDs ------------------------------------------------------------------------------------------------ */

/* "ID is NETWORK/SUBNET": what an ID of the kind is made of. */
static char *wrong_id(const struct gw_cli_resource *kind, const char *id)
{
	char *s = gw_cli_format("'%s' is no ID of %s, which is of the form ", id, kind->name);
	size_t depth = gw_cli_resource_depth(kind);

	for (size_t i = 1; i <= depth; i++) {
		const char *name = gw_cli_resource_at(kind, i)->name;
		size_t n = strlen(name);
		char *longer;

		n -= n > 9 && !strcmp(name + n - 9, "addresses") ? 2 : 1;
		longer = gw_cli_format("%s%s%.*s", s, i > 1 ? "/" : "", (int)n, name);
		free(s);
		s = longer;
	}
	return s;
}

char *gw_cli_resource_path(const struct gw_cli_resource *kind, const char *id, const char *tenant, size_t *ret_depth,
			   char **ret_error)
{
	_cleanup_free_ char *text = gw_cli_format("%s", id ? id : ""), *owner = NULL;
	char *path = gw_cli_format(GW_CLI_API_ROOT), *rest = *text ? text : NULL, *part;
	size_t depth = 0, max = gw_cli_resource_depth(kind);

	while ((part = strsep(&rest, "/"))) {
		_cleanup_free_ char *encoded = gw_cli_percent_encode(part);
		char *longer;

		if (++depth > max || !*part) {
			free(path);
			*ret_error = wrong_id(kind, id);
			return NULL;
		}
		longer = gw_cli_format("%s/%s/%s", path, gw_cli_resource_at(kind, depth)->collection, encoded);
		free(path);
		path = longer;
	}
	owner = tenant ? gw_cli_percent_encode(tenant) : NULL;
	if (depth == 0 || owner) {
		char *longer = depth == 0 ? gw_cli_format("%s/%s", path, gw_cli_resource_at(kind, 1)->collection)
					  : gw_cli_format("%s?tenantId=%s", path, owner);

		free(path);
		path = longer;
	}
	*ret_depth = depth;
	return path;
}

char *gw_cli_resource_id(const char *ref)
{
	char *id = gw_cli_format("%.*s", (int)strcspn(ref, "?"), ref), *to = id;
	bool is_id = false;

	/* Every second part of the path is an id. */
	for (const char *part = id; *part == '/'; is_id = !is_id) {
		size_t n = strcspn(++part, "/");

		if (is_id) {
			if (to > id)
				*to++ = '/';
			memmove(to, part, n);
			to += n;
		}
		part += n;
	}
	*to = '\0';
	return id;
}
