/* table.c - the cmdlets that make records, and what becomes of each of their parameters. See private.h. */
#include "cli/hnv/private.h"

#include <strings.h>

#define TAKE(n, o)                                                                                                     \
	{                                                                                                              \
		.name = n, .required = true, .use = GW_HNV_USE_PROPERTY, .id = GW_CLI_OPT_##o                          \
	}
#define MAY_TAKE(n, o)                                                                                                 \
	{                                                                                                              \
		.name = n, .use = GW_HNV_USE_PROPERTY, .id = GW_CLI_OPT_##o                                            \
	}
#define IGNORE(n)                                                                                                      \
	{                                                                                                              \
		.name = n, .use = GW_HNV_USE_IGNORED                                                                   \
	}
#define REFUSE(n, w)                                                                                                   \
	{                                                                                                              \
		.name = n, .use = GW_HNV_USE_REFUSED, .why = w                                                         \
	}
#define OF_ALL_NEW                                                                                                     \
	{.name = "CimSession", .alias = "Session", .use = GW_HNV_USE_HOSTS},                                           \
		{.name = "ThrottleLimit", .use = GW_HNV_USE_IGNORED},                                                  \
	{                                                                                                              \
		.name = "AsJob", .is_switch = true, .use = GW_HNV_USE_IGNORED                                          \
	}

static const struct gw_ps_parameter lookup_record[] = {
	TAKE("CustomerAddress", CA),
	TAKE("VirtualSubnetID", VSID),
	TAKE("MACAddress", MAC),
	TAKE("ProviderAddress", PA),
	{.name = "Rule", .required = true, .use = GW_HNV_USE_RULE, .id = GW_CLI_OPT_RULE},
	MAY_TAKE("CustomerID", CUSTOMER_ID),
	MAY_TAKE("VMName", VM_NAME),
	MAY_TAKE("Type", TYPE),
	{.name = "UseVmMACAddress", .use = GW_HNV_USE_TRUTH},
	IGNORE("Context"),
	OF_ALL_NEW,
	{0},
};

static const struct gw_ps_parameter customer_route[] = {
	TAKE("RoutingDomainID", RDID),
	TAKE("VirtualSubnetID", VSID),
	TAKE("DestinationPrefix", PREFIX),
	TAKE("NextHop", NEXTHOP),
	MAY_TAKE("Metric", METRIC),
	OF_ALL_NEW,
	{0},
};

static const struct gw_ps_parameter provider_address[] = {
	TAKE("ProviderAddress", ADDRESS),
	TAKE("PrefixLength", PREFIX_LENGTH),
	{.name = "InterfaceIndex", .required = true, .use = GW_HNV_USE_INTERFACE},
	{.name = "VlanID", .use = GW_HNV_USE_TAG},
	REFUSE("MACAddress", "a provider address has the MAC address of its interface; set that there"),
	REFUSE("ManagedByCluster", "gwd does not move provider addresses between nodes"),
	OF_ALL_NEW,
	{0},
};

static const struct gw_ps_parameter provider_route[] = {
	TAKE("DestinationPrefix", PREFIX),
	TAKE("NextHop", NEXTHOP),
	{.name = "InterfaceIndex", .required = true, .use = GW_HNV_USE_INTERFACE},
	{.name = "Metric", .use = GW_HNV_USE_METRIC},
	OF_ALL_NEW,
	{0},
};

#define NO_POLICY "a port's record says MAC address and virtual subnet only"

static const struct gw_ps_parameter vm_adapter[] = {
	{.name = "VMName", .position = 1, .use = GW_HNV_USE_IGNORED},
	MAY_TAKE("VirtualSubnetId", VSID),
	{.name = "ComputerName", .use = GW_HNV_USE_HOSTS},
	{.name = "CimSession", .use = GW_HNV_USE_HOSTS},
	{.name = "VMNetworkAdapter", .use = GW_HNV_USE_ADAPTER},
	{.name = "StaticMacAddress", .use = GW_HNV_USE_ADAPTER_MAC},
	{.name = "ManagementOS", .is_switch = true, .use = GW_HNV_USE_IGNORED},
	{.name = "DynamicMacAddress",
	 .is_switch = true,
	 .use = GW_HNV_USE_REFUSED,
	 .why = "the MAC address must be known"},
	REFUSE("MacAddressSpoofing", NO_POLICY),
	REFUSE("DhcpGuard", NO_POLICY),
	REFUSE("RouterGuard", NO_POLICY),
	REFUSE("PortMirroring", NO_POLICY),
	REFUSE("IeeePriorityTag", NO_POLICY),
	REFUSE("MaximumBandwidth", NO_POLICY),
	REFUSE("MinimumBandwidthAbsolute", NO_POLICY),
	REFUSE("MinimumBandwidthWeight", NO_POLICY),
	REFUSE("AllowTeaming", NO_POLICY),
	REFUSE("StormLimit", NO_POLICY),
	REFUSE("DynamicIPAddressLimit", NO_POLICY),
	IGNORE("Name"),
	IGNORE("VM"),
	IGNORE("Credential"),
	IGNORE("MediaType"),
	IGNORE("NumaAwarePlacement"),
	IGNORE("InterruptModeration"),
	IGNORE("VmqWeight"),
	IGNORE("IovQueuePairsRequested"),
	IGNORE("IovInterruptModeration"),
	IGNORE("IovWeight"),
	IGNORE("IPsecOffloadMaximumSecurityAssociation"),
	IGNORE("MandatoryFeatureId"),
	IGNORE("ResourcePoolName"),
	IGNORE("TestReplicaPoolName"),
	IGNORE("TestReplicaSwitchName"),
	IGNORE("NotMonitoredInCluster"),
	IGNORE("DeviceNaming"),
	IGNORE("FixSpeed10G"),
	IGNORE("PacketDirectNumProcs"),
	IGNORE("PacketDirectModerationCount"),
	IGNORE("PacketDirectModerationInterval"),
	IGNORE("VrssEnabled"),
	IGNORE("VmmqEnabled"),
	IGNORE("VrssMaxQueuePairs"),
	IGNORE("VrssMinQueuePairs"),
	IGNORE("VrssQueueSchedulingMode"),
	IGNORE("VrssExcludePrimaryProcessor"),
	IGNORE("VrssIndependentHostSpreading"),
	IGNORE("VrssVmbusChannelAffinityPolicy"),
	IGNORE("RscEnabled"),
	{.name = "Passthru", .is_switch = true, .use = GW_HNV_USE_IGNORED},
	{0},
};
_Static_assert(sizeof vm_adapter / sizeof *vm_adapter <= GW_HNV_PARAMETERS_MAX, "the longest table");

static const struct gw_hnv_cmdlet cmdlets[] = {
	{"New-NetVirtualizationLookupRecord", "lookup-record", "add", lookup_record, false},
	{"New-NetVirtualizationCustomerRoute", "customer-route", "add", customer_route, false},
	{"New-NetVirtualizationProviderAddress", "provider-address", "add", provider_address, false},
	{"New-NetVirtualizationProviderRoute", "provider-route", "add", provider_route, false},
	{"Set-VMNetworkAdapter", "port", "attach", vm_adapter, true},
};

const struct gw_hnv_cmdlet *gw_hnv_find_cmdlet(const char *name)
{
	for (size_t i = 0; i < sizeof cmdlets / sizeof *cmdlets; i++)
		if (strcasecmp(name, cmdlets[i].name) == 0)
			return &cmdlets[i];
	return NULL;
}

bool gw_hnv_makes_records(const char *name)
{
	return gw_hnv_find_cmdlet(name) != NULL;
}
