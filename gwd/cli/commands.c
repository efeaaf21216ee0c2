/*
 * commands.c - the tables of commands.h: options, record kinds, commands. A new command is a row here and its function.
 */
#include "cli/commands.h"

#include <stdint.h>

static const struct gw_cli_word outputs[] = {{"table", "table"}, {"wide", "wide"}, {"json", "json"}, {0}};
static const struct gw_cli_word rules[] = {
	{"encap", "TranslationMethodEncap"}, {"nat", "TranslationMethodNat"}, {"none", "None"}, {0}};
static const struct gw_cli_word encapsulations[] = {{"vxlan", "VXLAN"}, {"nvgre", "NVGRE"}, {0}};
static const struct gw_cli_word types[] = {
	{"static", "Static"}, {"dynamic", "Dynamic"}, {"l2only", "L2Only"}, {"wildcard", "GatewayWildcard"}, {0}};
static const struct gw_cli_word roles[] = {
	{"operator", "operator"}, {"tenant", "tenant"}, {"host", "host"}, {"monitor", "monitor"}, {0}};
static const struct gw_cli_word directions[] = {{"outbound", "Outbound"}, {"inbound", "Inbound"}, {0}};
static const struct gw_cli_word nat_protocols[] = {{"all", "All"}, {"tcp", "Tcp"}, {"udp", "Udp"}, {0}};
static const struct gw_cli_word way_types[] = {{"l3", "L3"}, {"gre", "GRE"}, {0}};
static const struct gw_cli_word protocols[] = {{"icmp", "1"}, {"tcp", "6"}, {"udp", "17"}, {"icmpv6", "58"}, {0}};

const struct gw_cli_option gw_cli_options[GW_CLI_OPT_MAX] = {
	[GW_CLI_OPT_API] = {"api", "ADDRESS", 0, GW_CLI_TEXT,
			    .help = "the daemon to speak to, unix:PATH or https://HOST:PORT"},
	[GW_CLI_OPT_AUTHORITY] = {"ca", "FILE", 0, GW_CLI_FILE,
				  .help = "with https: who has signed the daemon's certificate (PEM)"},
	[GW_CLI_OPT_CERT] = {"cert", "FILE", 0, GW_CLI_FILE, .help = "with https: client certificate (PEM)"},
	[GW_CLI_OPT_KEY] = {"key", "FILE", 0, GW_CLI_FILE, .help = "with https: private key of --cert (PEM)"},
	[GW_CLI_OPT_TOKEN] = {"token", "TOKEN", 0, GW_CLI_TEXT,
			      .help = "with https: token to show; others on this machine can see it"},
	[GW_CLI_OPT_TOKEN_FILE] = {"token-file", "FILE", 0, GW_CLI_FILE,
				   .help = "with https: file with the token to show"},
	[GW_CLI_OPT_HELP] = {"help", NULL, 'h', GW_CLI_FLAG, .help = "explain the command and end"},
	[GW_CLI_OPT_VERSION] = {"version", NULL, 0, GW_CLI_FLAG, .help = "print the version of gwctl and end"},
	[GW_CLI_OPT_FILE] = {"file", "FILE", 'f', GW_CLI_FILE, .help = "file to read, - for standard input"},
	[GW_CLI_OPT_HOST] = {"host", "NAME", 0, GW_CLI_TEXT, .help = "the host of the script that this node is"},
	[GW_CLI_OPT_NIC] = {"interface", "NIC=NAME", 0, GW_CLI_PAIR, .key = GW_CLI_TEXT,
			    .help = "with import-hnv: what network adapter NIC of the host is called here"},
	[GW_CLI_OPT_VM_PORT] = {"port", "MAC=NAME", 0, GW_CLI_PAIR, .key = GW_CLI_MAC,
				.help = "with import-hnv: the interface here of the VM that has this MAC address"},
	[GW_CLI_OPT_DRY_RUN] = {"dry-run", NULL, 0, GW_CLI_FLAG, .help = "show what would be sent, and send nothing"},
	[GW_CLI_OPT_WAIT] = {"wait", "TIME", 0, GW_CLI_DURATION, 86400000,
			     .help = "end when every resource is in place, or the daemon is back, or that time has "
				     "passed: 30s, 2m, 500ms"},
	[GW_CLI_OPT_SUBJECT] = {"subject", "NAME", 0, GW_CLI_TEXT, .help = "common name of the client certificate"},
	[GW_CLI_OPT_ROLE] = {"role", "ROLE", 0, GW_CLI_WORD, .words = roles, .help = "what its bearer may do"},
	[GW_CLI_OPT_TENANT] = {"tenant", "TENANT", 0, GW_CLI_TEXT,
			       .help = "whose objects are meant, or may be seen and changed"},
	[GW_CLI_OPT_AFTER] = {"after", "N", 0, GW_CLI_NUMBER, UINT32_MAX, .help = "only what has a higher number"},
	[GW_CLI_OPT_VALID] = {"valid", "TIME", 0, GW_CLI_DURATION, 2592000000U,
			      .help = "how long the token is good for: 30m, 2h; an hour unless given"},
	[GW_CLI_OPT_RDID] = {"rdid", "UUID", 0, GW_CLI_UUID, .help = "routing domain (RoutingDomainID)"},
	[GW_CLI_OPT_INTERFACE] = {"interface", "NAME", 0, GW_CLI_IFNAME, .help = "network interface of the node"},
	[GW_CLI_OPT_VSID] = {"vsid", "VSID", 0, GW_CLI_NUMBER, UINT32_MAX,
			     .help = "virtual subnet (VirtualSubnetID), 4096 to 16777214"},
	[GW_CLI_OPT_CA] = {"ca", "ADDRESS", 0, GW_CLI_ADDRESS,
			   .help = "customer address; 0.0.0.0 or :: makes a wildcard record"},
	[GW_CLI_OPT_PA] = {"pa", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "provider address of the node that has the VM"},
	[GW_CLI_OPT_MAC] = {"mac", "MAC", 0, GW_CLI_MAC, .help = "MAC address of the VM, as 00155D011404"},
	[GW_CLI_OPT_RULE] = {"rule", "RULE", 0, GW_CLI_WORD, .words = rules, .help = "how packets are carried"},
	[GW_CLI_OPT_ENCAPSULATION] = {"encapsulation", "METHOD", 0, GW_CLI_WORD, .words = encapsulations,
				      .help = "wire format, else the daemon's default"},
	[GW_CLI_OPT_TYPE] = {"type", "TYPE", 0, GW_CLI_WORD, .words = types, .help = "type of the lookup record"},
	[GW_CLI_OPT_VM_NAME] = {"vm-name", "NAME", 0, GW_CLI_TEXT, .help = "name of the VM, for people"},
	[GW_CLI_OPT_CUSTOMER_ID] = {"customer-id", "UUID", 0, GW_CLI_UUID, .help = "tenant (CustomerID)"},
	[GW_CLI_OPT_ADDRESS] = {"address", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "own provider address"},
	[GW_CLI_OPT_PREFIX] = {"prefix", "PREFIX", 0, GW_CLI_PREFIX, .help = "destination prefix, as 192.168.1.0/24"},
	[GW_CLI_OPT_PREFIX_LENGTH] = {"prefix-length", "N", 0, GW_CLI_NUMBER, 128, .help = "of the address"},
	[GW_CLI_OPT_NEXTHOP] = {"nexthop", "ADDRESS", 0, GW_CLI_ADDRESS,
				.help = "next hop; 0.0.0.0 or :: means on-link"},
	[GW_CLI_OPT_METRIC] = {"metric", "N", 0, GW_CLI_NUMBER, UINT32_MAX, .help = "lowest wins among equal prefixes"},
	[GW_CLI_OPT_ALLOW_FORWARDING] = {"allow-forwarding", NULL, 0, GW_CLI_FLAG,
					 .help = "the VM may send from addresses that are not its own"},
	[GW_CLI_OPT_CA6] = {"ca6", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "customer address of the gateway, IPv6"},
	[GW_CLI_OPT_PREFIX_LENGTH6] = {"prefix-length6", "N", 0, GW_CLI_NUMBER, 128, .help = "of --ca6"},
	[GW_CLI_OPT_PUBLIC_PREFIX] = {"public", "PREFIX", 0, GW_CLI_PREFIX,
				      .help = "addresses outside, as 203.0.113.5/32 or 2001:db8:1::/48"},
	[GW_CLI_OPT_DIRECTION] = {"direction", "DIRECTION", 0, GW_CLI_WORD, .words = directions,
				  .help = "of the flows that the rule translates"},
	[GW_CLI_OPT_NAT_PROTOCOL] = {"protocol", "PROTOCOL", 0, GW_CLI_WORD, .words = nat_protocols, .absent = "All",
				     .help = "what the rule translates; all unless given"},
	[GW_CLI_OPT_PUBLIC] = {"public", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "address outside"},
	[GW_CLI_OPT_FIRST_PORT] = {"first-port", "N", 0, GW_CLI_NUMBER, 65535, .absent = "0",
				   .help = "first port outside; the whole address unless given"},
	[GW_CLI_OPT_PORTS] = {"ports", "N", 0, GW_CLI_NUMBER, 65536, .help = "how many ports from --first-port on"},
	[GW_CLI_OPT_CUSTOMER] = {"customer", "PREFIX", 0, GW_CLI_PREFIX, .help = "customer addresses inside"},
	[GW_CLI_OPT_CUSTOMER_PORT] = {"customer-port", "N", 0, GW_CLI_NUMBER, 65535,
				      .help = "first port inside; the same as outside unless given"},
	[GW_CLI_OPT_IDLE] = {"idle", "MINUTES", 0, GW_CLI_NUMBER, 1440,
			     .help = "after how many minutes without packets a flow is forgotten; the node's own time "
				     "unless given"},
	[GW_CLI_OPT_CONNECTION] = {"id", "UUID", 0, GW_CLI_UUID, .help = "connection (ConnectionID)"},
	[GW_CLI_OPT_WAY_TYPE] = {"type", "TYPE", 0, GW_CLI_WORD, .words = way_types, .help = "type of the connection"},
	[GW_CLI_OPT_VLAN] = {"vlan", "N", 0, GW_CLI_NUMBER, 4094,
			     .help = "VLAN of an interface that an l3 connection leads to; untagged unless given"},
	[GW_CLI_OPT_SOURCE] = {"source", "ADDRESS", 0, GW_CLI_ADDRESS,
			       .help = "this end of a tunnel; an address of the [external] interface unless given"},
	[GW_CLI_OPT_DESTINATION] = {"destination", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "the other end of a tunnel"},
	[GW_CLI_OPT_GRE_KEY] = {"gre-key", "N", 0, GW_CLI_NUMBER, UINT32_MAX, .help = "key in each packet of a tunnel"},
	[GW_CLI_OPT_OUTBOUND] = {"outbound", "KBIT", 0, GW_CLI_NUMBER, UINT32_MAX,
				 .help = "most that a connection sends, in kbit/s; no limit unless given"},
	[GW_CLI_OPT_INBOUND] = {"inbound", "KBIT", 0, GW_CLI_NUMBER, UINT32_MAX,
				.help = "most that a connection takes, in kbit/s; no limit unless given"},
	[GW_CLI_OPT_WAY_ADDRESS] = {"address", "ADDRESS", 0, GW_CLI_ADDRESS,
				    .help = "address on a connection, with --prefix-length"},
	[GW_CLI_OPT_PEER] = {"peer", NULL, 0, GW_CLI_FLAG,
			     .help = "the address is the other side's, which is asked whether "
				     "it is there"},
	[GW_CLI_OPT_PORT] = {"port", "NAME", 0, GW_CLI_IFNAME,
			     .help = "where the packet comes from: a port; the [external] interface, or one that "
				     "connections lead to; the way out of a virtual gateway, such as gwe5002, or the "
				     "link of a connection"},
	[GW_CLI_OPT_DST] = {"dst", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "destination of the packet"},
	[GW_CLI_OPT_SRC] = {"src", "ADDRESS", 0, GW_CLI_ADDRESS, .help = "source of the packet"},
	[GW_CLI_OPT_PROTO] = {"proto", "PROTOCOL", 0, GW_CLI_PROTOCOL, 255, .words = protocols,
			      .help = "IP protocol, also as a number"},
	[GW_CLI_OPT_SPORT] = {"sport", "N", 0, GW_CLI_NUMBER, 65535,
			      .help = "TCP or UDP source port; at a public address also the identifier of ICMP echo"},
	[GW_CLI_OPT_DPORT] =
		{"dport", "N", 0, GW_CLI_NUMBER, 65535,
		 .help = "TCP or UDP destination port; at a public address also the identifier of ICMP echo"},
	[GW_CLI_OPT_SIZE] = {"size", "BYTES", 0, GW_CLI_NUMBER, 65535, .help = "length of the IP packet"},
	[GW_CLI_OPT_DST_MAC] = {"dst-mac", "MAC", 0, GW_CLI_MAC, .help = "destination MAC address of the frame"},
	[GW_CLI_OPT_TTL] = {"ttl", "N", 0, GW_CLI_NUMBER, 255, .help = "time to live, or hop limit, of the packet"},
	[GW_CLI_OPT_DF] = {"df", NULL, 0, GW_CLI_FLAG, .help = "the packet must not be fragmented (IPv4)"},
	[GW_CLI_OPT_OUTPUT] = {"output", "FORMAT", 'o', GW_CLI_WORD, .words = outputs, .help = "form of the answer"},
};

static const struct gw_cli_kind lookup_record = {"lookup record",
						 "lookupRecords",
						 {{"VirtualSubnetID", "VSID", GW_CLI_OPT_VSID, GW_CLI_KEY},
						  {"CustomerAddress", "CA", GW_CLI_OPT_CA, GW_CLI_KEY},
						  {"ProviderAddress", "PA", GW_CLI_OPT_PA, GW_CLI_NEED},
						  {"MACAddress", "MAC", GW_CLI_OPT_MAC, GW_CLI_NEED},
						  {"Rule", "RULE", GW_CLI_OPT_RULE, 0},
						  {"Encapsulation", "ENCAP", GW_CLI_OPT_ENCAPSULATION, 0},
						  {"Type", "TYPE", GW_CLI_OPT_TYPE, GW_CLI_WIDE},
						  {"CustomerID", "CUSTOMER ID", GW_CLI_OPT_CUSTOMER_ID, GW_CLI_WIDE},
						  {"VMName", "VM NAME", GW_CLI_OPT_VM_NAME, GW_CLI_WIDE}}};

static const struct gw_cli_kind customer_route = {"customer route",
						  "customerRoutes",
						  {{"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_KEY},
						   {"VirtualSubnetID", "VSID", GW_CLI_OPT_VSID, GW_CLI_KEY},
						   {"DestinationPrefix", "PREFIX", GW_CLI_OPT_PREFIX, GW_CLI_KEY},
						   {"NextHop", "NEXT HOP", GW_CLI_OPT_NEXTHOP, GW_CLI_KEY},
						   {"Metric", "METRIC", GW_CLI_OPT_METRIC, 0}}};

static const struct gw_cli_kind provider_address = {
	"provider address",
	"providerAddresses",
	{{"ProviderAddress", "ADDRESS", GW_CLI_OPT_ADDRESS, GW_CLI_KEY},
	 {"PrefixLength", "LENGTH", GW_CLI_OPT_PREFIX_LENGTH, GW_CLI_NEED},
	 {"Interface", "INTERFACE", GW_CLI_OPT_INTERFACE, GW_CLI_NEED},
	 {"VlanID", "VLAN", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind provider_route = {
	"provider route",
	"providerRoutes",
	{{"Interface", "INTERFACE", GW_CLI_OPT_INTERFACE, GW_CLI_KEY},
	 {"DestinationPrefix", "PREFIX", GW_CLI_OPT_PREFIX, GW_CLI_KEY},
	 {"NextHop", "NEXT HOP", GW_CLI_OPT_NEXTHOP, GW_CLI_NEED},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind port = {"port",
					"ports",
					{{"Interface", "INTERFACE", GW_CLI_OPT_INTERFACE, GW_CLI_KEY},
					 {"VirtualSubnetID", "VSID", GW_CLI_OPT_VSID, GW_CLI_NEED},
					 {"MACAddress", "MAC", GW_CLI_OPT_MAC, GW_CLI_NEED},
					 {"AllowForwarding", "FORWARDS", GW_CLI_OPT_ALLOW_FORWARDING, GW_CLI_WIDE},
					 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
					 {"detail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind virtual_gateway = {
	"virtual gateway",
	"virtualGateways",
	{{"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_KEY},
	 {"VirtualSubnetID", "VSID", GW_CLI_OPT_VSID, GW_CLI_NEED},
	 {"MACAddress", "MAC", GW_CLI_OPT_MAC, GW_CLI_NEED},
	 {"CustomerAddress", "CA", GW_CLI_OPT_CA, 0},
	 {"PrefixLength", "LENGTH", GW_CLI_OPT_PREFIX_LENGTH, GW_CLI_WIDE},
	 {"CustomerAddressV6", "CA (IPV6)", GW_CLI_OPT_CA6, 0},
	 {"PrefixLengthV6", "LENGTH (IPV6)", GW_CLI_OPT_PREFIX_LENGTH6, GW_CLI_WIDE},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind public_address = {
	"public address",
	"publicAddresses",
	{{"PublicPrefix", "PUBLIC", GW_CLI_OPT_PUBLIC_PREFIX, GW_CLI_KEY},
	 {"FirstPort", "PORT", GW_CLI_OPT_FIRST_PORT, GW_CLI_KEY | GW_CLI_NONE},
	 {"PortCount", "PORTS", GW_CLI_OPT_PORTS, GW_CLI_NONE},
	 {"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_NEED},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind nat_rule = {
	"NAT rule",
	"natRules",
	{{"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_KEY},
	 {"Type", "DIRECTION", GW_CLI_OPT_DIRECTION, GW_CLI_KEY},
	 {"Protocol", "PROTOCOL", GW_CLI_OPT_NAT_PROTOCOL, GW_CLI_KEY},
	 {"PublicAddress", "PUBLIC", GW_CLI_OPT_PUBLIC, GW_CLI_KEY},
	 {"PublicPort", "PORT", GW_CLI_OPT_FIRST_PORT, GW_CLI_KEY | GW_CLI_NONE},
	 {"PortCount", "PORTS", GW_CLI_OPT_PORTS, GW_CLI_NONE},
	 {"CustomerPrefix", "CUSTOMER", GW_CLI_OPT_CUSTOMER, GW_CLI_KEY},
	 {"CustomerPort", "CUSTOMER PORT", GW_CLI_OPT_CUSTOMER_PORT, GW_CLI_NONE},
	 {"IdleTimeout", "IDLE MINUTES", GW_CLI_OPT_IDLE, GW_CLI_WIDE | GW_CLI_NONE},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind connection = {
	"connection",
	"connections",
	{{"ConnectionID", "CONNECTION", GW_CLI_OPT_CONNECTION, GW_CLI_KEY},
	 {"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_NEED | GW_CLI_WIDE},
	 {"Type", "TYPE", GW_CLI_OPT_WAY_TYPE, GW_CLI_NEED},
	 {"Interface", "INTERFACE", GW_CLI_OPT_INTERFACE, 0},
	 {"VlanID", "VLAN", GW_CLI_OPT_VLAN, GW_CLI_NONE},
	 {"SourceAddress", "SOURCE", GW_CLI_OPT_SOURCE, GW_CLI_WIDE},
	 {"DestinationAddress", "DESTINATION", GW_CLI_OPT_DESTINATION, 0},
	 {"Key", "KEY", GW_CLI_OPT_GRE_KEY, 0},
	 {"OutboundKilobits", "KBIT OUT", GW_CLI_OPT_OUTBOUND, GW_CLI_WIDE | GW_CLI_NONE},
	 {"InboundKilobits", "KBIT IN", GW_CLI_OPT_INBOUND, GW_CLI_WIDE | GW_CLI_NONE},
	 {"connectionState", "CONNECTION STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"state", "STATE", GW_CLI_OPT_MAX, GW_CLI_LIVE},
	 {"stateDetail", "DETAIL", GW_CLI_OPT_MAX, GW_CLI_WIDE | GW_CLI_LIVE}}};

static const struct gw_cli_kind connection_address = {
	"connection address",
	"connectionAddresses",
	{{"ConnectionID", "CONNECTION", GW_CLI_OPT_CONNECTION, GW_CLI_KEY},
	 {"Address", "ADDRESS", GW_CLI_OPT_WAY_ADDRESS, GW_CLI_KEY},
	 {"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_NEED | GW_CLI_WIDE},
	 {"PrefixLength", "LENGTH", GW_CLI_OPT_PREFIX_LENGTH, GW_CLI_NEED},
	 {"Peer", "PEER", GW_CLI_OPT_PEER, 0}}};

static const struct gw_cli_kind connection_route = {
	"connection route",
	"connectionRoutes",
	{{"ConnectionID", "CONNECTION", GW_CLI_OPT_CONNECTION, GW_CLI_KEY},
	 {"DestinationPrefix", "PREFIX", GW_CLI_OPT_PREFIX, GW_CLI_KEY},
	 {"NextHop", "NEXT HOP", GW_CLI_OPT_NEXTHOP, GW_CLI_KEY},
	 {"RoutingDomainID", "ROUTING DOMAIN", GW_CLI_OPT_RDID, GW_CLI_NEED | GW_CLI_WIDE},
	 {"Metric", "METRIC", GW_CLI_OPT_METRIC, 0}}};

#define RECORD_COMMANDS(w, k, name, add, del)                                                                          \
	{.word = w,                                                                                                    \
	 .verb = add,                                                                                                  \
	 .shape = GW_CLI_ADD,                                                                                          \
	 .kind = &k,                                                                                                   \
	 .run = gw_cli_run_add,                                                                                        \
	 .help = "create the " name ", or replace the one that has its key"},                                          \
		{.word = w,                                                                                            \
		 .verb = del,                                                                                          \
		 .shape = GW_CLI_DELETE,                                                                               \
		 .kind = &k,                                                                                           \
		 .run = gw_cli_run_delete,                                                                             \
		 .operand = "ID",                                                                                      \
		 .help = "remove the " name},                                                                          \
	{                                                                                                              \
		.word = w, .verb = "list", .shape = GW_CLI_LIST, .kind = &k, .run = gw_cli_run_list,                   \
		.help = "show those that agree with all given options"                                                 \
	}

/* clang-format off */
const struct gw_cli_command gw_cli_commands[] = {
	RECORD_COMMANDS("lookup-record", lookup_record, "lookup record", "add", "del"),
	RECORD_COMMANDS("customer-route", customer_route, "customer route", "add", "del"),
	RECORD_COMMANDS("provider-address", provider_address, "provider address", "add", "del"),
	RECORD_COMMANDS("provider-route", provider_route, "provider route", "add", "del"),
	RECORD_COMMANDS("port", port, "port", "attach", "detach"),
	RECORD_COMMANDS("virtual-gateway", virtual_gateway, "virtual gateway", "add", "del"),
	RECORD_COMMANDS("public-address", public_address, "public address", "add", "del"),
	RECORD_COMMANDS("nat-rule", nat_rule, "NAT rule", "add", "del"),
	RECORD_COMMANDS("connection", connection, "connection", "add", "del"),
	RECORD_COMMANDS("connection-address", connection_address, "connection address", "add", "del"),
	RECORD_COMMANDS("connection-route", connection_route, "connection route", "add", "del"),
	{.word = "apply", .required = GW_CLI_OPT(FILE), .optional = GW_CLI_OPT(WAIT), .run = gw_cli_run_apply,
	 .help = "create or change the resources of a JSON file, all or none"},
	{.word = "get", .operand = "KIND [ID]", .optional = GW_CLI_OPT(TENANT) | GW_CLI_OPT(OUTPUT),
	 .complete = gw_cli_complete_get, .run = gw_cli_run_get,
	 .help = "show resources: all of a kind, those below an ID, or one; KIND may also be a path"},
	{.word = "delete", .operand = "KIND ID", .optional = GW_CLI_OPT(TENANT),
	 .complete = gw_cli_complete_resource, .run = gw_cli_run_remove,
	 .help = "remove a resource, with what is below it"},
	{.word = "token", .verb = "add", .operand = "NAME", .required = GW_CLI_OPT(ROLE),
	 .optional = GW_CLI_OPT(TENANT) | GW_CLI_OPT(OUTPUT), .run = gw_cli_run_access_add,
	 .help = "make a token that lets its bearer use the API over the network, or replace it by a new one"},
	{.word = "token", .verb = "del", .operand = "NAME", .run = gw_cli_run_access_delete,
	 .help = "let nobody in with the token any more"},
	{.word = "token", .verb = "list", .optional = GW_CLI_OPT(OUTPUT), .run = gw_cli_run_access_list,
	 .help = "show the tokens, without their secrets"},
	{.word = "certificate", .verb = "add", .operand = "NAME", .required = GW_CLI_OPT(SUBJECT) | GW_CLI_OPT(ROLE),
	 .optional = GW_CLI_OPT(TENANT) | GW_CLI_OPT(OUTPUT), .run = gw_cli_run_access_add,
	 .help = "say what the client certificate with this subject may do"},
	{.word = "certificate", .verb = "del", .operand = "NAME", .run = gw_cli_run_access_delete,
	 .help = "let nobody in with the client certificate any more"},
	{.word = "certificate", .verb = "list", .optional = GW_CLI_OPT(OUTPUT), .run = gw_cli_run_access_list,
	 .help = "show what client certificates may do"},
	{.word = "server", .verb = "enroll", .operand = "ID", .optional = GW_CLI_OPT(VALID) | GW_CLI_OPT(OUTPUT),
	 .complete = gw_cli_complete_server, .run = gw_cli_run_server_enroll,
	 .help = "on a controller: make a one-time token for the machine that is to be this server, and say what to run there"},
	{.word = "enroll", .operand = "URL TOKEN", .run = gw_cli_run_enroll,
	 .help = "on that machine: make it a node of the controller, with the token that server enroll has shown"},
	{.word = "enrollment", .verb = "del", .operand = "ID", .run = gw_cli_run_access_delete,
	 .help = "take back a one-time token that was not used yet"},
	{.word = "enrollment", .verb = "list", .optional = GW_CLI_OPT(OUTPUT), .run = gw_cli_run_access_list,
	 .help = "show which servers have a one-time token, and until when"},
	{.word = "batch", .required = GW_CLI_OPT(FILE), .run = gw_cli_run_batch,
	 .help = "apply a JSON list of puts and deletes, all or none"},
	{.word = "backup", .operand = "FILE", .reads_file = true, .run = gw_cli_run_backup,
	 .help = "write a copy of everything that a controller keeps; secrets in it need the node's secret.key"},
	{.word = "restore", .operand = "FILE", .reads_file = true, .optional = GW_CLI_OPT(WAIT), .run = gw_cli_run_restore,
	 .help = "go back to such a copy; the daemon begins anew"},
	{.word = "audit", .optional = GW_CLI_OPT(TENANT) | GW_CLI_OPT(AFTER) | GW_CLI_OPT(OUTPUT), .run = gw_cli_run_audit,
	 .help = "show who changed what of a controller's, the oldest first"},
	{.word = "import-hnv", .operand = "SCRIPT", .reads_file = true, .required = GW_CLI_OPT(HOST),
	 .optional = GW_CLI_OPT(NIC) | GW_CLI_OPT(VM_PORT) | GW_CLI_OPT(DRY_RUN) | GW_CLI_OPT(OUTPUT),
	 .run = gw_cli_run_import,
	 .help = "apply what a Hyper-V PowerShell script says about one host, all or none"},
	{.word = "status", .optional = GW_CLI_OPT(OUTPUT), .run = gw_cli_run_status,
	 .help = "show node, ports, tunnels and drops at a glance"},
	{.word = "trace", .required = GW_CLI_OPT(PORT) | GW_CLI_OPT(DST),
	 .optional = GW_CLI_OPT(SRC) | GW_CLI_OPT(PROTO) | GW_CLI_OPT(SPORT) | GW_CLI_OPT(DPORT) | GW_CLI_OPT(SIZE) |
		     GW_CLI_OPT(DST_MAC) | GW_CLI_OPT(TTL) | GW_CLI_OPT(DF) | GW_CLI_OPT(VLAN) | GW_CLI_OPT(GRE_KEY) |
		     GW_CLI_OPT(OUTPUT),
	 .run = gw_cli_run_trace,
	 .help = "explain which way a packet would take, or why it would be dropped"},
	{.word = "version", .run = gw_cli_run_version, .help = "show the versions of gwctl and of the daemon"},
	{.word = "help", .operand = "[COMMAND]", .local = true, .run = gw_cli_run_help,
	 .help = "explain one command, or list all"},
};
/* clang-format on */
const size_t gw_cli_n_commands = sizeof gw_cli_commands / sizeof *gw_cli_commands;

static gw_cli_opts kind_opts(const struct gw_cli_kind *kind, unsigned flags)
{
	gw_cli_opts set = 0;

	for (const struct gw_cli_property *p = kind->properties; p->name; p++) {
		if (!(p->flags & GW_CLI_LIVE) && (flags == 0 || (p->flags & flags && !gw_cli_options[p->opt].absent)))
			set |= (gw_cli_opts)1 << p->opt;
	}
	return set;
}

gw_cli_opts gw_cli_required(const struct gw_cli_command *c)
{
	switch (c->shape) {
	case GW_CLI_ADD:
		return c->required | kind_opts(c->kind, GW_CLI_KEY | GW_CLI_NEED);
	case GW_CLI_DELETE:
		return c->required | kind_opts(c->kind, GW_CLI_KEY);
	case GW_CLI_PLAIN:
	case GW_CLI_LIST:
		break;
	}
	return c->required;
}

gw_cli_opts gw_cli_optional(const struct gw_cli_command *c)
{
	gw_cli_opts set = c->optional;

	if (c->shape != GW_CLI_PLAIN)
		set |= kind_opts(c->kind, 0) & ~gw_cli_required(c);
	if (c->shape == GW_CLI_ADD || c->shape == GW_CLI_LIST)
		set |= GW_CLI_OPT(OUTPUT);
	return set;
}
