/* hnv_fixture.h - scripts in pieces, and what becomes of them; for the tests of hnv/script.c. Host h1 is the one of interest. */
#ifndef GW_TESTS_UNIT_HNV_FIXTURE_H
#define GW_TESTS_UNIT_HNV_FIXTURE_H

#include "base/cleanup.h"
#include "cli/hnv/script.h"
#include "cli/text.h"

#include "test.h"

/* A lookup record, in pieces that tests can rearrange; host h1. */
#define CMDLET	   "New-NetVirtualizationLookupRecord "
#define VALUES	   "-CustomerAddress 192.168.1.101 -ProviderAddress 10.1.1.20 -MACAddress 00155D011404 "
#define RULE	   "-Rule TranslationMethodEncap "
#define VSID	   "-VirtualSubnetID 5001 "
#define ON_H1	   "-CimSession h1"
#define NO_HOST	   CMDLET VALUES VSID RULE
#define LINE	   NO_HOST ON_H1
#define OTHER_LINE CMDLET "-CustomerAddress 10.0.0.9 -ProviderAddress 10.1.1.9 -MACAddress 02AABBCCDDEE -Vir 5001 " RULE
#define PORT(mac)                                                                                                      \
	"Get-VMNetworkAdapter vm | where {$_.MacAddress -eq \"" mac "\"} | Set-VMNetworkAdapter -VirtualSubnetID 5001"
#define INVOKE(b) "Invoke-Command -ComputerName h1 { " b " }"
#define PROUTE(p)                                                                                                      \
	"New-NetVirtualizationProviderRoute -InterfaceIndex 12 -NextHop 10.1.1.1 -DestinationPrefix " p " " ON_H1

static char nic_key[] = "WNVNIC", nic[] = "eth1", index_key[] = "12", mac_key[] = "00:15:5d:01:14:04", tap[] = "tap0",
	    blank_key[] = "Ethernet 2", second[] = "eth2";
static const struct gw_cli_pair pairs[] = {{GW_CLI_OPT_NIC, nic_key, nic},
					   {GW_CLI_OPT_NIC, index_key, nic},
					   {GW_CLI_OPT_NIC, blank_key, second},
					   {GW_CLI_OPT_VM_PORT, mac_key, tap}};

static inline int read_bytes(struct gw_hnv_script *s, const char *script, size_t size, const char *host)
{
	*s = (struct gw_hnv_script){0};
	return gw_hnv_script_read(s, script, size, host, pairs, GW_N(pairs));
}

static inline int read_as(struct gw_hnv_script *s, const char *script, const char *host)
{
	return read_bytes(s, script, strlen(script), host);
}

/* The ids of what is put, with spaces between; the reason when it is refused. */
static inline char *outcome(const char *script, const char *host)
{
	struct gw_hnv_script s;
	char *out = gw_cli_format("%s", "");

	if (read_as(&s, script, host) < 0) {
		free(out);
		out = gw_cli_format("%u:%u %s", s.source.error.line, s.source.error.column, s.source.error.text);
	}
	for (size_t i = 0; i < s.n; i++) {
		char *longer = gw_cli_format("%s%s%s", out, i > 0 ? " " : "", s.records[i].id);

		if (s.source.error.text)
			free(longer);
		else
			free(out), out = longer;
	}
	gw_hnv_script_done(&s);
	return out;
}

#endif
