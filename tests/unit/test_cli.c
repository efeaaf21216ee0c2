/*
 * test_cli.c - gwctl without a daemon: command lines, the ids and
 * bodies that they become (API-2), and what reaches the terminal.
 */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/help.h"
#include "cli/records.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/value.h"

#include "test.h"

#include <errno.h>

/* Splits at spaces; '+' in a word stands for a space. The words live until the next call. */
static int parse(const char *line, struct gw_cli_args *args, char **ret_error)
{
	static char text[512];
	char *argv[32], *save = NULL;
	int argc = 0;

	assert_true(strlen(line) < sizeof text);
	strcpy(text, line);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		for (char *p = w; (p = strchr(p, '+'));)
			*p = ' ';
		argv[argc++] = w;
	}
	return gw_cli_args_parse(argc, argv, args, ret_error);
}

/* --- command lines
 * -------------------------------------------------------------------------------------------------- */

static void values_are_canonical(void **state)
{
	struct gw_cli_args args;
	char *error = NULL;

	(void)state;
	assert_int_equal(parse("gwctl --vsid=5001 lookup-record --ca FD00:0:0::1 add --pa 10.1.1.20 --mac "
			       "00-15-5D-01-14-04 "
			       "--rule translationmethodENCAP --encapsulation nvgre -ojson --customer-id "
			       "{AAAAAAAA-0000-0000-0000-00000000000F} --vm-name web+1",
			       &args, &error),
			 0);
	assert_string_equal(args.command->word, "lookup-record");
	assert_string_equal(args.command->verb, "add");
	assert_string_equal(args.value[GW_CLI_OPT_VSID], "5001");
	assert_string_equal(args.value[GW_CLI_OPT_CA], "fd00::1");
	assert_string_equal(args.value[GW_CLI_OPT_MAC], "00:15:5d:01:14:04");
	assert_string_equal(args.value[GW_CLI_OPT_RULE], "TranslationMethodEncap");
	assert_string_equal(args.value[GW_CLI_OPT_ENCAPSULATION], "NVGRE");
	assert_string_equal(args.value[GW_CLI_OPT_CUSTOMER_ID], "aaaaaaaa-0000-0000-0000-00000000000f");
	assert_string_equal(args.value[GW_CLI_OPT_VM_NAME], "web 1");
	assert_string_equal(args.value[GW_CLI_OPT_OUTPUT], "json");
	assert_false(gw_cli_given(&args, GW_CLI_OPT_TYPE));
	gw_cli_args_done(&args);
	/* --ca is a file where it is no address. */
	assert_int_equal(parse("gwctl lookup-record list --ca 10.0.0.1 --ca ./ca.pem", &args, &error), 0);
	assert_string_equal(args.value[GW_CLI_OPT_CA], "10.0.0.1");
	assert_string_equal(args.value[GW_CLI_OPT_AUTHORITY], "./ca.pem");
	gw_cli_args_done(&args);
	assert_int_equal(parse("gwctl --ca ca.pem status", &args, &error), 0);
	assert_string_equal(args.value[GW_CLI_OPT_AUTHORITY], "ca.pem");
	gw_cli_args_done(&args);
}

static void usage_errors_name_the_fault(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"gwctl", "no command"},
		{"gwctl frobnicate", "no command 'frobnicate'"},
		{"gwctl port", "attach, detach or list"},
		{"gwctl port add", "no verb 'add', only attach, detach or list"},
		{"gwctl status now", "unexpected argument 'now'"},
		{"gwctl a b c d e", "unexpected argument 'e'"},
		{"gwctl get", "wants a KIND"},
		{"gwctl get subnets blue x", "unexpected argument 'x'"},
		{"gwctl delete subnets", "wants an ID"},
		{"gwctl apply", "wants --file FILE"},
		{"gwctl apply net.json", "unexpected argument 'net.json'"},
		{"gwctl apply -f net.json --wait 30d", "'30d' is no time such as 30s"},
		{"gwctl apply -f net.json --wait s", "'s' is no time such as 30s"},
		{"gwctl apply -f net.json --wait 25h", "is more than 24 hours"},
		{"gwctl apply -f net.json --wait 99999999999", "is more than 24 hours"},
		{"gwctl delete subnets blue/web -o json", "--output does not belong to delete"},
		{"gwctl batch", "wants --file FILE"},
		{"gwctl port attach --interface tap0 --mac 00155D011404", "wants --vsid VSID"},
		{"gwctl port list --pa 10.0.0.1", "--pa does not belong to port list"},
		{"gwctl port list --vsid", "--vsid wants a value (VSID)"},
		{"gwctl port list --vsid 1 --vsid 2", "--vsid is given twice"},
		{"gwctl port list --vsid=", "--vsid: '' is empty"},
		{"gwctl port list --vsid 5001x", "'5001x' is not a number"},
		{"gwctl port list --vsid -1", "'-1' is not a number"},
		{"gwctl port list --vsid 4294967296", "is not a VSID from 4096 to 16777214"},
		{"gwctl port list --vsid 99999999999999999999999", "is not a VSID from 4096 to 16777214"},
		{"gwctl port list --mac 00155D01140", "is not a MAC address such as"},
		{"gwctl port list --nosuch=1", "no option '--nosuch'"},
		{"gwctl port list -x", "no option '-x'"},
		{"gwctl port list --help=yes", "--help takes no value"},
		{"gwctl port list -o yaml", "'yaml' is not table, wide or json"},
		{"gwctl port detach tap0 --interface tap1", "--interface and the id 'tap0'"},
		{"gwctl port detach", "wants --interface NAME"},
		{"gwctl lookup-record list --ca 10.0.0.0/8", "no prefix length here"},
		{"gwctl lookup-record list --ca 10.0.0.256", "is not an IPv4 or IPv6 address"},
		{"gwctl lookup-record list --rule rewrite", "is not encap, nat or none"},
		{"gwctl lookup-record list --customer-id 1", "is not a UUID"},
		{"gwctl lookup-record list --vm-name \xff", "is not UTF-8"},
		{"gwctl customer-route list --prefix 192.168.1.5/24", "inside a network"},
		{"gwctl customer-route list --prefix 192.168.1.0", "is not a prefix"},
		{"gwctl provider-address list --prefix-length 129", "is more than 128"},
		{"gwctl trace --port tap0 --dst 10.0.0.7 --proto 256", "is more than 255"},
		{"gwctl trace --port tap0 --dst 10.0.0.7 --proto gre", "is not icmp, tcp, udp or icmpv6"},
		{"gwctl trace --port tap0 --dst 10.0.0.7 --dport 65536", "is more than 65535"},
		{"gwctl import-hnv x.ps1", "import-hnv wants --host NAME"},
		{"gwctl import-hnv --host h", "import-hnv wants a SCRIPT"},
		{"gwctl import-hnv x.ps1 --host h --vsid 5001", "--vsid does not belong to import-hnv"},
		{"gwctl import-hnv x.ps1 --host h --interface eth1", "--interface: 'eth1' is not of the form NIC=NAME"},
		{"gwctl import-hnv x.ps1 --host h --interface =eth1", "'=eth1' is not of the form NIC=NAME"},
		{"gwctl import-hnv x.ps1 --host h --interface WNVNIC=", "'WNVNIC=' is not of the form NIC=NAME"},
		{"gwctl import-hnv x.ps1 --host h --interface a=b --interface A=c", "--interface is given twice for a"},
		{"gwctl import-hnv x.ps1 --host h --port tap0=tap0", "'tap0' is not a MAC address such as"},
		{"gwctl import-hnv x.ps1 --host h --port 00155D011404=a --port 00-15-5D-01-14-04=b",
		 "--port is given twice for 00:15:5d:01:14:04"},
		{"gwctl token add x", "token add wants --role ROLE"},
		{"gwctl server gw1", "no verb 'gw1', only enroll"},
		{"gwctl server enroll", "wants an ID"},
		{"gwctl server enroll gw1 --valid 721h", "is more than 720 hours"},
		{"gwctl server enroll gw1 --role host", "--role does not belong to server enroll"},
		{"gwctl enroll https://hub:8443", "wants a TOKEN"},
		{"gwctl enrollment add gw1", "no verb 'add', only del or list"},
		{"gwctl token add --role root x", "is not operator, tenant, host or monitor"},
		{"gwctl token del", "wants a NAME"},
		{"gwctl certificate add x --role host", "certificate add wants --subject NAME"},
		{"gwctl lookup-record list --ca ./ca.pem --ca /ca.pem", "--ca is given twice"},
		{"gwctl port list --interface WNVNIC=eth1 --dry-run", "--dry-run does not belong to port list"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL;
		struct gw_cli_args args;

		assert_int_equal(parse(cases[i].line, &args, &error), -EINVAL);
		assert_non_null(error);
		if (!strstr(error, cases[i].says))
			fail_msg("%s: says \"%s\"", cases[i].line, error);
		gw_cli_args_done(&args);
	}
}

/* Options that have a name in common with others, and may be given several times. */
static void pairs_belong_to_their_command(void **state)
{
	static const char line[] =
		"gwctl --interface Ethernet+2=eth1 import-hnv --port=00155D011404=tap0 x.ps1 --host h "
		"--interface a=b=eth2 --dry-run";
	static const struct gw_cli_pair wanted[] = {
		{GW_CLI_OPT_NIC, (char *)"Ethernet 2", (char *)"eth1"},
		{GW_CLI_OPT_VM_PORT, (char *)"00:15:5d:01:14:04", (char *)"tap0"},
		{GW_CLI_OPT_NIC, (char *)"a=b", (char *)"eth2"},
	};
	_cleanup_free_ char *error = NULL;
	struct gw_cli_args args;

	(void)state;
	if (parse(line, &args, &error) < 0)
		fail_msg("%s", error);
	assert_string_equal(args.operand, "x.ps1");
	assert_true(gw_cli_given(&args, GW_CLI_OPT_DRY_RUN));
	assert_false(gw_cli_given(&args, GW_CLI_OPT_INTERFACE) || gw_cli_given(&args, GW_CLI_OPT_PORT));
	assert_int_equal(args.n_pairs, GW_N(wanted));
	for (size_t i = 0; i < GW_N(wanted); i++) {
		assert_int_equal(args.pairs[i].opt, wanted[i].opt);
		assert_string_equal(args.pairs[i].key, wanted[i].key);
		assert_string_equal(args.pairs[i].name, wanted[i].name);
	}
	gw_cli_args_done(&args);
}

static void good_lines_are_taken(void **state)
{
	static const char *const lines[] = {
		"gwctl lookup-record del 5001-10.0.0.1",
		"gwctl lookup-record del 5001-10.0.0.1 --pa 10.1.1.1",
		"gwctl lookup-record del --vsid 5001 --ca 10.0.0.1 --mac 00155D011404",
		"gwctl port list -o wide --api unix:/run/x",
		"gwctl batch -f -",
		"gwctl batch --file=x",
		"gwctl get -- -odd",
		"gwctl get subnets",
		"gwctl get subnets blue -o wide --tenant a",
		"gwctl delete subnets blue/web",
		"gwctl apply -f - --wait 500ms",
		"gwctl apply --file=net.json --wait=30",
		"gwctl help",
		"gwctl help port attach",
		"gwctl --help",
		"gwctl port --help",
		"gwctl port attach -h",
		"gwctl --version",
		"gwctl trace --port tap0 --dst fd00::7 --proto icmpv6",
		"gwctl trace --port tap0 --dst 10.0.0.7 --src 10.0.0.5 --proto 47 --size 1500",
		"gwctl import-hnv - --host localhost",
		"gwctl import-hnv x.ps1 --host=ml110g6-01 -o json",
		"gwctl trace --port tap0 --dst 10.0.0.7 --dst-mac 00155D011404 --ttl 1 --df",
		"gwctl trace --port seg0 --dst 10.0.0.7 --dst-mac 00155D011404 --vlan 70 --gre-key 7",
		"gwctl port attach --interface tap0 --vsid 5001 --mac 00155D011404 --allow-forwarding",
		"gwctl port list --allow-forwarding",
	};

	(void)state;
	for (size_t i = 0; i < GW_N(lines); i++) {
		_cleanup_free_ char *error = NULL;
		struct gw_cli_args args;

		if (parse(lines[i], &args, &error) < 0)
			fail_msg("%s: %s", lines[i], error);
		gw_cli_args_done(&args);
	}
}

static void which_token(void **state)
{
	static const struct {
		const char *token, *file, *environment, *result, *says;
	} cases[] = {
		{NULL, NULL, NULL, NULL, NULL},
		{NULL, NULL, "", NULL, NULL},
		{NULL, NULL, "gwd_e", "gwd_e", NULL},
		{" gwd_t\n", NULL, "gwd_e", "gwd_t", NULL},
		{"gwd_t", "/x", NULL, NULL, "give one"},
		{"two words", NULL, NULL, NULL, "one word"},
		{"", NULL, NULL, NULL, "--token holds no token"},
		{"a\r\nX-Header: y", NULL, NULL, NULL, "one word"},
		{"\x80", NULL, NULL, NULL, "one word"},
		{NULL, "/dev/null", "gwd_e", NULL, "/dev/null holds no token"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL;
		struct gw_cli_credentials show = {0};
		int r = gw_cli_credentials(cases[i].token, cases[i].file, cases[i].environment, &show, &error);

		assert_int_equal(r, cases[i].says ? -EINVAL : 0);
		if (cases[i].says)
			assert_non_null(strstr(error, cases[i].says));
		if (cases[i].result)
			assert_string_equal(show.token, cases[i].result);
		else
			assert_null(show.token);
		free(show.token);
	}
}

static void which_daemon(void **state)
{
	static const struct {
		const char *option, *environment, *path, *says;
	} cases[] = {
		{NULL, NULL, "/run/gwd/api.sock", NULL},
		{NULL, "", "/run/gwd/api.sock", NULL},
		{NULL, "unix:/a", "/a", NULL},
		{"unix:/b", "unix:/a", "/b", NULL},
		{"unix:/b", "https://x", "/b", NULL},
		{"https://host:8443", NULL, "https://host:8443", NULL},
		{NULL, "HTTPS://gw-1.example/", "https://gw-1.example:8443", NULL},
		{"https://[fd00::1]:443/", NULL, "https://[fd00::1]:443", NULL},
		{"http://127.0.0.1:80", NULL, "http://127.0.0.1:80", NULL},
		{"http://[::1]", NULL, "http://[::1]:8443", NULL},
		{"http://localhost:80", NULL, "http://localhost:80", NULL},
		{"http://10.0.0.1:80", NULL, NULL, "write https://"},
		{"http://127.0.0.1.example:80", NULL, NULL, "write https://"},
		{"http://localhost.example:80", NULL, NULL, "write https://"},
		{"https://", NULL, NULL, "not of the form https://HOST:PORT"},
		{"https:host", NULL, NULL, "not of the form"},
		{"https://host:", NULL, NULL, "not of the form"},
		{"https://host:65536", NULL, NULL, "not of the form"},
		{"https://user@host", NULL, NULL, "not of the form"},
		{"https://host/networking", NULL, NULL, "not of the form"},
		{"https://[fd00::1", NULL, NULL, "not of the form"},
		{NULL, "https://a b", NULL, "GWD_API"},
		{"unix:relative", NULL, NULL, "absolute"},
		{"unix:", NULL, NULL, "absolute"},
		{"/run/gwd/api.sock", NULL, NULL, "neither form"},
	};

	char longest[6 + 106 + 1] = "unix:/", longer[6 + 107 + 1] = "unix:/"; /* sun_path: 107 bytes and a NUL */
	_cleanup_free_ char *refusal = NULL;
	struct gw_cli_address address = {0};

	(void)state;
	memset(longest + 6, 'x', 106);
	memset(longer + 6, 'x', 107);
	assert_int_equal(gw_cli_api_address(longest, NULL, &address, &refusal), 0);
	assert_ptr_equal(address.socket_path, longest + 5);
	free(address.name);
	assert_int_equal(gw_cli_api_address(longer, NULL, &address, &refusal), -EINVAL);
	assert_non_null(strstr(refusal, "at most 107"));
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL;
		int r = gw_cli_api_address(cases[i].option, cases[i].environment, &address, &error);

		if (cases[i].path) {
			assert_int_equal(r, 0);
			if (address.socket_path)
				assert_string_equal(address.socket_path, cases[i].path);
			else
				assert_string_equal(address.name, cases[i].path);
			assert_int_equal(address.tls, !strncmp(cases[i].path, "https:", 6));
			free(address.name);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(error, cases[i].says));
		}
	}
}

/* --- records (API-2)
 * -------------------------------------------------------------------------------------------------- */

static void ids_and_bodies(void **state)
{
	static const struct {
		const char *line, *id, *body;
	} cases[] = {
		{"gwctl lookup-record add --ca 192.168.1.101 --vsid 5001 --pa 10.1.1.20 --mac 00155D011404 "
		 "--rule encap",
		 "5001-192.168.1.101",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'192.168.1.101','ProviderAddress':'10.1.1.20',"
		 "'MACAddress':'00:15:5d:01:14:04','Rule':'TranslationMethodEncap'}"},
		{"gwctl lookup-record add --ca 0.0.0.0 --vsid 5001 --pa 10.1.1.20 --mac 00155D011404", "5001-0.0.0.0",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'0.0.0.0','ProviderAddress':'10.1.1.20',"
		 "'MACAddress':'00:15:5d:01:14:04','Type':'GatewayWildcard'}"},
		{"gwctl lookup-record add --ca 0::0 --vsid 5001 --pa 10.1.1.20 --mac 00155D011404", "5001-::",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'::','ProviderAddress':'10.1.1.20',"
		 "'MACAddress':'00:15:5d:01:14:04','Type':'GatewayWildcard'}"},
		/* What was said is sent: the daemon refuses it with its own words. */
		{"gwctl lookup-record add --ca :: --vsid 1 --pa 10.1.1.20 --mac 00155D011404 --type static", "1-::",
		 "{'VirtualSubnetID':1,'CustomerAddress':'::','ProviderAddress':'10.1.1.20',"
		 "'MACAddress':'00:15:5d:01:14:04','Type':'Static'}"},
		{"gwctl customer-route add --rdid AAAAAAAA-0000-0000-0000-000000000001 --vsid 5001 --prefix "
		 "192.168.1.0/24 "
		 "--nexthop 0.0.0.0 --metric 255",
		 "aaaaaaaa-0000-0000-0000-000000000001-5001-192.168.1.0_24-0.0.0.0",
		 "{'RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001','VirtualSubnetID':5001,"
		 "'DestinationPrefix':'192.168.1.0/24','NextHop':'0.0.0.0','Metric':255}"},
		{"gwctl provider-address add --prefix-length 24 --interface eth1 --address 10.1.1.20", "10.1.1.20",
		 "{'ProviderAddress':'10.1.1.20','PrefixLength':24,'Interface':'eth1'}"},
		{"gwctl provider-route add --interface eth1 --prefix 0.0.0.0/0 --nexthop 10.1.1.1", "eth1-0.0.0.0_0",
		 "{'Interface':'eth1','DestinationPrefix':'0.0.0.0/0','NextHop':'10.1.1.1'}"},
		{"gwctl virtual-gateway add --rdid aaaaaaaa-0000-0000-0000-000000000001 --vsid 5002 --mac 00155D011404 "
		 "--ca 10.0.255.2 --prefix-length 29 --ca6 fd00::2 --prefix-length6 64",
		 "aaaaaaaa-0000-0000-0000-000000000001",
		 "{'RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001','VirtualSubnetID':5002,"
		 "'MACAddress':'00:15:5d:01:14:04','CustomerAddress':'10.0.255.2','PrefixLength':29,"
		 "'CustomerAddressV6':'fd00::2','PrefixLengthV6':64}"},
		{"gwctl public-address add --public 203.0.113.5/32 --rdid aaaaaaaa-0000-0000-0000-000000000001",
		 "203.0.113.5_32-0",
		 "{'PublicPrefix':'203.0.113.5/32','RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001'}"},
		{"gwctl public-address add --public 203.0.113.5/32 --first-port 4096 --ports 1024 "
		 "--rdid aaaaaaaa-0000-0000-0000-000000000001",
		 "203.0.113.5_32-4096",
		 "{'PublicPrefix':'203.0.113.5/32','FirstPort':4096,'PortCount':1024,"
		 "'RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001'}"},
		{"gwctl nat-rule add --rdid aaaaaaaa-0000-0000-0000-000000000001 --direction outbound --public "
		 "203.0.113.5 "
		 "--customer 10.0.0.0/16",
		 "aaaaaaaa-0000-0000-0000-000000000001-Outbound-All-203.0.113.5-0-10.0.0.0_16",
		 "{'RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001','Type':'Outbound',"
		 "'PublicAddress':'203.0.113.5','CustomerPrefix':'10.0.0.0/16'}"},
		{"gwctl nat-rule add --rdid aaaaaaaa-0000-0000-0000-000000000001 --direction inbound --protocol tcp "
		 "--public 203.0.113.5 --first-port 80 --ports 1 --customer 10.0.1.11/32 --customer-port 8080 --idle "
		 "10",
		 "aaaaaaaa-0000-0000-0000-000000000001-Inbound-Tcp-203.0.113.5-80-10.0.1.11_32",
		 "{'RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001','Type':'Inbound','Protocol':'Tcp',"
		 "'PublicAddress':'203.0.113.5','PublicPort':80,'PortCount':1,'CustomerPrefix':'10.0.1.11/32',"
		 "'CustomerPort':8080,'IdleTimeout':10}"},
		{"gwctl connection add --id 33333333-0000-0000-0000-000000000001 --rdid "
		 "aaaaaaaa-0000-0000-0000-000000000001 --type l3 --interface eth2 --vlan 70 --outbound 1000",
		 "33333333-0000-0000-0000-000000000001",
		 "{'ConnectionID':'33333333-0000-0000-0000-000000000001','RoutingDomainID':"
		 "'aaaaaaaa-0000-0000-0000-000000000001','Type':'L3','Interface':'eth2','VlanID':70,"
		 "'OutboundKilobits':1000}"},
		{"gwctl connection add --id 33333333-0000-0000-0000-000000000002 --rdid "
		 "aaaaaaaa-0000-0000-0000-000000000001 --type gre --destination 198.51.100.9 --gre-key 7",
		 "33333333-0000-0000-0000-000000000002",
		 "{'ConnectionID':'33333333-0000-0000-0000-000000000002','RoutingDomainID':"
		 "'aaaaaaaa-0000-0000-0000-000000000001','Type':'GRE','DestinationAddress':'198.51.100.9','Key':7}"},
		{"gwctl connection-address add --id 33333333-0000-0000-0000-000000000002 --rdid "
		 "aaaaaaaa-0000-0000-0000-000000000001 --address 10.254.0.2 --prefix-length 32 --peer",
		 "33333333-0000-0000-0000-000000000002-10.254.0.2",
		 "{'ConnectionID':'33333333-0000-0000-0000-000000000002','Address':'10.254.0.2','RoutingDomainID':"
		 "'aaaaaaaa-0000-0000-0000-000000000001','PrefixLength':32,'Peer':true}"},
		{"gwctl connection-route add --id 33333333-0000-0000-0000-000000000002 --rdid "
		 "aaaaaaaa-0000-0000-0000-000000000001 --prefix 172.20.0.0/16 --nexthop 0.0.0.0 --metric 10",
		 "33333333-0000-0000-0000-000000000002-172.20.0.0_16-0.0.0.0",
		 "{'ConnectionID':'33333333-0000-0000-0000-000000000002','DestinationPrefix':'172.20.0.0/16',"
		 "'NextHop':'0.0.0.0','RoutingDomainID':'aaaaaaaa-0000-0000-0000-000000000001','Metric':10}"},
		{"gwctl port attach --interface a/b+c --vsid 5001 --mac 00155D011404", "a_b c",
		 "{'Interface':'a/b c','VirtualSubnetID':5001,'MACAddress':'00:15:5d:01:14:04'}"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL, *id = NULL, *text = strdup(cases[i].body);
		json_auto_t *want = NULL, *body = NULL, *wrapped = NULL;
		struct gw_cli_args args;

		for (char *q = text; (q = strchr(q, '\''));)
			*q = '"';
		want = json_loads(text, 0, NULL);
		assert_non_null(want);
		wrapped = json_pack("{s:O}", "properties", want);
		assert_int_equal(parse(cases[i].line, &args, &error), 0);
		id = gw_cli_record_id(args.command->kind, args.value);
		assert_string_equal(id, cases[i].id);
		body = gw_cli_record_body(&args);
		if (!json_equal(body, wrapped))
			fail_msg("%s: another body", cases[i].line);
		gw_cli_args_done(&args);
	}
}

static void lists_are_filtered(void **state)
{
	static const struct {
		const char *options;
		bool matches;
	} cases[] = {
		{"", true},
		{"--vsid 5001", true},
		{"--vsid 5002", false},
		{"--ca FD00:0::1", true},
		{"--ca fd00::2", false},
		{"--mac 00155D011404", true},
		{"--rule encap", true},
		{"--rule nat", false},
		{"--vsid 5001 --mac 00155D011405", false},
		{"--vm-name web", false},  /* it has none */
		{"--pa 10.1.1.20", false}, /* of another type */
	};
	json_auto_t *resource = json_pack("{s:{s:i,s:s,s:s,s:s,s:n,s:[]}}", "properties", "VirtualSubnetID", 5001,
					  "CustomerAddress", "fd00::1", "MACAddress", "00-15-5D-01-14-04", "Rule",
					  "TranslationMethodEncap", "VMName", "ProviderAddress");

	(void)state;
	assert_non_null(resource);
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL,
				    *line = gw_cli_format("gwctl lookup-record list %s", cases[i].options);
		struct gw_cli_args args;

		assert_int_equal(parse(line, &args, &error), 0);
		if (gw_cli_record_matches(&args, resource) != cases[i].matches)
			fail_msg("%s", line);
		assert_int_equal(gw_cli_record_matches(&args, NULL), i == 0);
		gw_cli_args_done(&args);
	}
}

/* What is 0 because it was not given is shown as absent; a metric of 0 is one. */
static void lists_show_no_zeros(void **state)
{
	static const struct {
		const char *line, *record, *row;
	} cases[] = {
		{"gwctl public-address list", "{'PublicPrefix':'203.0.113.5/32','FirstPort':0,'PortCount':0}",
		 "203.0.113.5/32     -      -"},
		{"gwctl public-address list", "{'PublicPrefix':'203.0.113.5/32','FirstPort':4096,'PortCount':1024}",
		 "203.0.113.5/32  4096   1024"},
		{"gwctl nat-rule list",
		 "{'Type':'Outbound','PublicAddress':'203.0.113.5','PublicPort':0,'PortCount':0,'CustomerPort':0}",
		 "203.0.113.5     -      -"},
		{"gwctl customer-route list", "{'VirtualSubnetID':5001,'Metric':0}", "       0\n"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *error = NULL, *text = strdup(cases[i].record), *out = NULL;
		json_auto_t *list = NULL;
		struct gw_cli_args args;
		FILE *before = stdout;
		size_t len;

		for (char *q = text; (q = strchr(q, '\''));)
			*q = '"';
		list = json_pack("[{s:o}]", "properties", json_loads(text, 0, NULL));
		assert_non_null(list);
		assert_int_equal(parse(cases[i].line, &args, &error), 0);
		stdout = open_memstream(&out, &len);
		assert_non_null(stdout);
		gw_cli_records_print(args.command->kind, list, GW_CLI_WIDE, 0);
		fclose(stdout);
		stdout = before;
		check(strstr(out, cases[i].row), "%s: \"%s\" is not in:\n%s", cases[i].line, cases[i].row, out);
		gw_cli_args_done(&args);
	}
}

/* --- the daemon's answers
 * --------------------------------------------------------------------------------------------- */

static void refusals_become_one_line(void **state)
{
	static const struct {
		const char *body, *line;
	} cases[] = {
		{"{\"error\":{\"code\":\"Conflict\",\"message\":\"taken\",\"target\":\"properties."
		 "MACAddress\"}}",
		 "Conflict at properties.MACAddress: taken"},
		{"{\"error\":{\"code\":\"NotFound\",\"message\":\"no\"}}", "NotFound: no"},
		{"{\"error\":{\"message\":\"no\"}}", "Error: no"},
		{"{\"error\":{\"code\":\"X\",\"message\":7}}", "X: no reason was given"},
		{"{\"error\":7}", "gwd answered with HTTP status 500 and no reason"},
		{"[]", "gwd answered with HTTP status 500 and no reason"},
	};
	struct gw_cli_response nothing = {.status = 502};
	_cleanup_free_ char *line = gw_cli_reason(&nothing);

	(void)state;
	assert_string_equal(line, "gwd answered with HTTP status 502 and no reason");
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_response_ struct gw_cli_response r = {.status = 500,
							       .body = json_loads(cases[i].body, 0, NULL)};
		_cleanup_free_ char *reason = gw_cli_reason(&r);

		assert_string_equal(reason, cases[i].line);
	}
}

static void links_stay_inside_the_api(void **state)
{
	static const struct {
		const char *link, *path;
	} cases[] = {
		{"/networking/v1/hnv/ports?$skipToken=2", "/networking/v1/hnv/ports?$skipToken=2"},
		{"https://other:8443/networking/v1/hnv/ports", "/networking/v1/hnv/ports"},
		{"/hnv/ports", "/networking/v1/hnv/ports"},
		{"/networking/v10", "/networking/v1/networking/v10"},
		{"http://", NULL},
		{"http://host", NULL},
		{"hnv/ports", NULL},
		{"", NULL},
		{"/hnv/a b", NULL},
		{"/hnv/a\r\nX: y", NULL},
		{"/hnv/\xc3\xbc", NULL},
		{"/hnv/ports#x", NULL},
	};
	_cleanup_free_ char *encoded = gw_cli_percent_encode("5001-fd00::1/a b\xc3\xbc~._-%");

	(void)state;
	assert_string_equal(encoded, "5001-fd00%3A%3A1%2Fa%20b%C3%BC~._-%25");
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *path = gw_cli_link_path(cases[i].link);

		if (!cases[i].path)
			assert_null(path);
		else
			assert_string_equal(path, cases[i].path);
	}
}

/* --- the terminal
 * ----------------------------------------------------------------------------------------------------- */

static void terminals_are_safe(void **state)
{
	static const struct {
		const char *raw, *safe;
	} cases[] = {
		{"plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \\", "plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \\"},
		{"\x1b[2J\a\x7f", "\\x1b[2J\\x07\\x7f"},
		{"a\nb\tc\r", "a\\nb\\tc\\x0d"},
		{"\xc2\x9b m", "\\xc2\\x9b m"},
		{"\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf\xe2\x80\xa8",
		 "\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\xe2\\x80\\xa8"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *safe = gw_cli_escape(cases[i].raw);

		assert_string_equal(safe, cases[i].safe);
	}
}

static void tables_are_aligned(void **state)
{
	static const char head[] = " NAME        N  TEXT\n"
				   " \xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc       0  \n"
				   " a           1  \\x1b\n"
				   " a           8  \n";
	_cleanup_table_ struct gw_cli_table t = {0};
	_cleanup_free_ char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	gw_cli_table_column(&t, "NAME", false);
	gw_cli_table_column(&t, "N", true);
	gw_cli_table_column(&t, "TEXT", false);
	for (int row = 0; row < 100; row++) {
		gw_cli_table_add(&t, row == 0 ? "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" : "a");
		gw_cli_table_take(&t, gw_cli_format("%d", row * row * row));
		gw_cli_table_add(&t, row == 1 ? "\x1b" : "");
	}
	gw_cli_table_print(&t, f, 1);
	fclose(f);
	assert_memory_equal(out, head, sizeof head - 1);
	assert_non_null(strstr(out, " a      970299  \n"));
}

static void long_lines_are_wrapped(void **state)
{
	static const char text[] = "one two three four five six seven eight nine ten eleven twelve thirteen" GW_CLI_NBSP
				   "fourteen fifteen";
	_cleanup_free_ char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	gw_cli_say_wrapped(f, "head: ", 2, text);
	gw_cli_say_wrapped(f, "x\x1b ", 2, "a\nb");
	fclose(f);
	assert_string_equal(out, "head: one two three four five six seven eight nine ten eleven twelve\n"
				 "  thirteen fourteen fifteen\n"
				 "x\\x1b a\\nb\n");
}

static void numbers_stay_short(void **state)
{
	static const struct {
		uint64_t n;
		const char *count, *duration;
	} cases[] = {
		{0, "0", "00:00:00"},	      {86399, "86399", "23:59:59"},
		{86400, "86400", "1d 00:00"}, {9999999, "9999999", "115d 17:46"},
		{10000000, "10.0M", NULL},    {999949999, "999.9M", NULL},
		{999950000, "1.0G", NULL},    {UINT64_MAX, "18.4E", NULL},
	};
	char buf[GW_CLI_COUNTLEN];

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		assert_string_equal(gw_cli_count(cases[i].n, buf), cases[i].count);
		if (cases[i].duration)
			assert_string_equal(gw_cli_duration(cases[i].n, buf), cases[i].duration);
	}
}

/* --- the tables of commands
 * ------------------------------------------------------------------------------------------- */

static void every_row_is_whole(void **state)
{
	gw_cli_opts used = GW_CLI_GLOBAL_OPTS | GW_CLI_OPT(VERSION);

	(void)state;
	for (size_t i = 0; i < gw_cli_n_commands; i++) {
		const struct gw_cli_command *c = &gw_cli_commands[i];
		const char *words[] = {c->word, c->verb};
		_cleanup_free_ char *synopsis = gw_cli_help_synopsis(c);
		size_t n = 0;

		assert_non_null(c->run);
		assert_true(strlen(c->help) > 0);
		assert_true(strlen(synopsis) > strlen("gwctl "));
		assert_ptr_equal(gw_cli_find_command(words, c->verb ? 2 : 1, &n), c); /* no two have one name */
		assert_int_equal(gw_cli_required(c) & gw_cli_optional(c), 0);
		used |= gw_cli_required(c) | gw_cli_optional(c);
	}
	for (size_t i = 0; i < GW_CLI_OPT_MAX; i++) {
		const struct gw_cli_option *o = &gw_cli_options[i];

		assert_true(o->name && o->help);
		assert_true((o->arg != NULL) == (o->type != GW_CLI_FLAG));
		for (size_t k = 0; k < i; k++) /* no command takes two options of one name */
			for (size_t c = 0; c < gw_cli_n_commands && strcmp(o->name, gw_cli_options[k].name) == 0; c++) {
				gw_cli_opts both = (gw_cli_opts)1 << i | (gw_cli_opts)1 << k,
					    taken = gw_cli_required(&gw_cli_commands[c]) |
						    gw_cli_optional(&gw_cli_commands[c]);

				assert_true((taken & both) != both);
			}
		assert_true((o->words != NULL) == (o->type == GW_CLI_WORD || o->type == GW_CLI_PROTOCOL));
		assert_true((used & (gw_cli_opts)1 << i) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_canonical),
		cmocka_unit_test(usage_errors_name_the_fault),
		cmocka_unit_test(good_lines_are_taken),
		cmocka_unit_test(which_daemon),
		cmocka_unit_test(which_token),
		cmocka_unit_test(pairs_belong_to_their_command),
		cmocka_unit_test(ids_and_bodies),
		cmocka_unit_test(lists_are_filtered),
		cmocka_unit_test(lists_show_no_zeros),
		cmocka_unit_test(refusals_become_one_line),
		cmocka_unit_test(links_stay_inside_the_api),
		cmocka_unit_test(terminals_are_safe),
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(long_lines_are_wrapped),
		cmocka_unit_test(numbers_stay_short),
		cmocka_unit_test(every_row_is_whole),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
