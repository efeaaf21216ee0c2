/*
 * test_hnv_script.c - Hyper-V scripts as records of one host (API-2, ENC-1, FWD-7): what is understood, however it is
 * written. What is refused is in test_hnv_refusals.c.
 */
#include "hnv_fixture.h"

#include <errno.h>

/* --- one record, however it is written --- */

static const char *const same[] = {
	LINE,
	"\xef\xbb\xbf" LINE,
	LINE "\r\n",
	LINE ";",
	"  " LINE " # comment",
	"<# comment\n more #> " LINE,
	CMDLET "<# here #>" VALUES VSID RULE ON_H1,
	LINE "\n" LINE,
	CMDLET "`\n" VALUES "`\r\n\t" VSID RULE "`\r" ON_H1,
	"new-netvirtualizationLOOKUPrecord -virtualsubnetid 5001 -customerADDRESS 192.168.1.101 -rule "
	"translationmethodencap "
	"-macaddress 00155d011404 -provideraddress 10.1.1.20 -cimsession H1",
	CMDLET "-CustomerA 192.168.1.101 -P 10.1.1.20 -M 00-15-5D-01-14-04 -R TranslationMethodEncap -Vir 5001 -Ci h1",
	CMDLET "-CustomerAddress:192.168.1.101 -ProviderAddress:\"10.1.1.20\" -MACAddress: 00:15:5d:01:14:04 " VSID RULE
	       "-Session:h1",
	CMDLET "-CustomerAddress '192.168.1.101' -ProviderAddress \"10.1.1.20\" -MACAddress \xe2\x80\x9c"
	       "00155D011404\xe2\x80\x9d -VirtualSubnetID \xe2\x80\x98"
	       "5001\xe2\x80\x99 -Rule \xe2\x80\x9eTranslationMethodEncap\" " ON_H1,
	/* En dashes and no-break spaces, as they come out of a web page. */
	CMDLET VALUES VSID RULE "\xe2\x80\x93"
				"CimSession\xc2\xa0h1",
	NO_HOST "\xe3\x80\x80-CimSession h1",
	"$h = 'h1'\n" NO_HOST "-CimSession $h",
	"$v=5001;$ca='192.168.1.101'\n" CMDLET "-CustomerAddress $ca -VirtualSubnetID $V " RULE
	"-MACAddress 00155D011404 -ProviderAddress 10.1.1.20 " ON_H1,
	"$v = 0x1389\n" CMDLET VALUES RULE ON_H1 " -VirtualSubnetID $v",
	"[string] $net = \"192.168.1\"; $n = 101; ${host name}=\"h1\"\n" CMDLET
	"-CustomerAddress \"$net.$n\" -CimSession \"${host name}\" -MACAddress 00155D011404 -ProviderAddress "
	"10.1.1.20 " VSID RULE,
	"$n=20\n" CMDLET
	"-CustomerAddress 192.168.1.101 -ProviderAddress 10.1.1.$n -MACAddress 00155D011404 " VSID RULE ON_H1,
	"$a = $b = 'h1'\n" NO_HOST "-CimSession $a",
	"$h = @'\nh1\n'@\n" NO_HOST "-CimSession $h",
	"$h = @\"\nh1\n\"@\n" NO_HOST "-CimSession $h",
	"$h = 'wrong'; $script:h = 'h1'\n" NO_HOST "-CimSession $global:h",
	"$h = ('h1')\n" NO_HOST "-CimSession $h",
	"$h = @('h1')\n" NO_HOST "-CimSession $h",
	NO_HOST "-CimSession h2,h1",
	NO_HOST "-CimSession \"h2\" ,\n \"h1\"",
	"$s = New-CimSession -ComputerName h1 -Credential $cred\n" NO_HOST "-CimSession $s",
	NO_HOST "-CimSession (New-CimSession h1)",
	INVOKE(NO_HOST),
	INVOKE(NO_HOST "-CimSession localhost"),
	INVOKE("\n" NO_HOST "\n"),
	"Invoke-Command h1 {" NO_HOST "}",
	"icm -Cn h1 -ScriptBlock {" NO_HOST "} -Credential $c",
	"$b = {" NO_HOST "}\nInvoke-Command -ComputerName h1 -ScriptBlock $b",
	"$s = New-PSSession h1; Invoke-Command -Session $s {" NO_HOST "}",
	"Invoke-Command -ComputerName proxy { " LINE " }",
	"$v = 5001; " INVOKE(CMDLET VALUES RULE "-VirtualSubnetID $using:v"),
	INVOKE("$v = 5001; " CMDLET VALUES RULE "-VirtualSubnetID $v"),
	"$h = 'h1'; & { " NO_HOST "-CimSession $h }",
	". { $h = 'h1' }; " NO_HOST "-CimSession $h",
	"& " LINE,
	"& 'New-NetVirtualizationLookupRecord' " VALUES VSID RULE ON_H1,
	"NetWNV\\" LINE,
	LINE " | Out-Null",
	LINE "\n | Out-Null",
	LINE " |\n Out-Null",
	LINE " > $null",
	LINE " 2>&1 | Out-Null",
	"$r = " LINE,
	"$null = " LINE,
	"[void](" LINE ")",
	"(" LINE ")",
	LINE " -Verbose -ErrorAction Stop -Confirm:$false -WhatIf:$false -AsJob -Context 'text'",
	LINE " -ErrorVariable h",
	LINE " -UseVmMACAddress $false",
	"foreach ($h in 'h1', 'h2') { " NO_HOST "-CimSession $h }",
	"foreach ($v in 5001) { " CMDLET VALUES RULE ON_H1 " -Vir $v }",
	"$l = 'h2', 'h1'; for ($i=0; $i -lt $l.Length; $i++) {\n# each\n" NO_HOST "-CimSession $l[$i]\n}",
	"for ($n = 101; $n -le 101; ++$n) { " CMDLET VSID RULE ON_H1
	" -CustomerAddress 192.168.1.$n -P 10.1.1.20 -M 00155D011404 }",
	"'h1', 'h2' | ForEach-Object { " NO_HOST "-CimSession $_ }",
	"foreach ($h in 'h1')\n\n# each\n<# of them #>\n{\n" NO_HOST "-CimSession $h\n}",
	"$l = @('h2', 'h1'); " NO_HOST "-CimSession $l[1]",
	"try { " LINE " } catch { Write-Host $_; exit 1 } ",
	"try\n{\n" LINE "\n}\ncatch\n{\nthrow\n}\nfinally\n{\nWrite-Host x\n}",
	"foreach ($h in 'h1') { Get-Item x -ErrorAction Continue; " NO_HOST "-CimSession $h }",
	"try { $h = 'h1' } catch { exit 1 }\n" NO_HOST "-CimSession $h",
	/* Others' lines may be as odd as they like. */
	LINE "\n" CMDLET "-Frobnicate $x -CimSession h2",
	LINE "\nInvoke-Command -ComputerName h2 { " NO_HOST "-MACAddress $unknown }",
	LINE "\n" CMDLET "-Rule TranslationMethodNAT " VALUES VSID "-CimSession h2",
	/* What makes no records is passed over, whatever it is. */
	"#Requires -Version 3\nparam([string]$x = 'y')\nSet-StrictMode -Version Latest\n" LINE,
	"if (-not (Get-Module NetWNV)) { Import-Module NetWNV } else { exit 1 }\n" LINE,
	"function Say($m) { Write-Host \"$m $(Get-Date) { \" }\nSay \"it's {\"\n" LINE "\nSay 'done'; exit 0",
	"$t = @{ a = 1; 'b' = \"}\" }; $l = 1..3 | % { $_ * 2 }; [int[]]$x[0] = 5 -gt 3\n" LINE,
	"foreach ($i in 1,2) { Write-Host $i }\nwhile ($true) { break }\n" LINE,
	"try { Get-Item C:\\x -ErrorAction Stop } catch [System.Exception] { Write-Host $_ }\n" LINE,
	"netsh int ip show --% {((\n" LINE,
	"Write-Host 'it has an unfinished { brace' \"and a $($a + \"nested\") text\"\n" LINE,
	"Get-NetVirtualizationLookupRecord -CimSession h1 | Format-Table\n" LINE,
	"Set-VMNetworkAdapter -VMName vm -MacAddressSpoofing On\n" LINE,
	LINE "\nreturn\nWrite-Host 'never'",
};

static void one_record_however_written(void **state)
{
	json_auto_t *wanted =
		json_pack("{s:{s:i,s:s,s:s,s:s,s:s,s:s}}", "properties", "VirtualSubnetID", 5001, "CustomerAddress",
			  "192.168.1.101", "ProviderAddress", "10.1.1.20", "MACAddress", "00:15:5d:01:14:04", "Rule",
			  "TranslationMethodEncap", "Encapsulation", "NVGRE");

	(void)state;
	for (size_t i = 0; i < GW_N(same); i++) {
		struct gw_hnv_script s;

		if (read_as(&s, same[i], "h1") < 0)
			fail_msg("%s\nis refused: %u:%u %s", same[i], s.source.error.line, s.source.error.column,
				 s.source.error.text);
		assert_int_equal(s.n, 1);
		assert_string_equal(s.records[0].id, "5001-192.168.1.101");
		json_object_del(json_object_get(s.records[0].body, "properties"), "UseVmMACAddress");
		if (!json_equal(s.records[0].body, wanted))
			fail_msg("%s\nis another record", same[i]);
		gw_hnv_script_done(&s);
	}
}

static void utf16_is_read(void **state)
{
	static const char script[] = "# \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa5\r\n" LINE "\r\n";
	char wide[2][2 * sizeof script + 2];
	size_t n = 2;

	(void)state;
	memcpy(wide[0], "\xff\xfe", 2);
	memcpy(wide[1], "\xfe\xff", 2);
	for (const uint8_t *p = (const uint8_t *)script; *p;) {
		uint32_t c = *p, units[2] = {0};
		int len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		c = len == 1 ? c : c & (0x7fu >> len);
		for (int i = 1; i < len; i++)
			c = c << 6 | (p[i] & 0x3f);
		p += len;
		units[0] = c < 0x10000 ? c : 0xd800 + ((c - 0x10000) >> 10);
		units[1] = c < 0x10000 ? 0 : 0xdc00 + (c & 0x3ff);
		for (int u = 0; u < (c < 0x10000 ? 1 : 2); u++, n += 2) {
			wide[0][n] = wide[1][n + 1] = (char)(units[u] & 0xff);
			wide[0][n + 1] = wide[1][n] = (char)(units[u] >> 8);
		}
	}
	for (int i = 0; i < 2; i++) {
		struct gw_hnv_script s;

		assert_int_equal(read_bytes(&s, wide[i], n, "h1"), 0);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.records[0].at->line, 2);
		gw_hnv_script_done(&s);
		/* Half a character at the end. */
		assert_int_equal(read_bytes(&s, wide[i], n - 1, "h1"), -EINVAL);
		assert_int_equal(s.source.error.line, 2);
		gw_hnv_script_done(&s);
	}
}

/* --- all cmdlets --- */

static void cmdlets_become_batches(void **state)
{
	static const struct {
		const char *script, *path, *properties;
	} cases[] = {
		{CMDLET
		 "-CustomerAddress 0.0.0.0 -ProviderAddress 10.1.1.40 -MACAddress 00155D143C02 -VMName Wild " VSID RULE
			 ON_H1,
		 "lookupRecords/5001-0.0.0.0",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'0.0.0.0','ProviderAddress':'10.1.1.40','VMName':'Wild',"
		 "'MACAddress':'00:15:5d:14:3c:02','Rule':'TranslationMethodEncap','Encapsulation':'NVGRE',"
		 "'Type':'GatewayWildcard'}"},
		{CMDLET
		 "-CustomerAddress :: -ProviderAddress 10.1.1.40 -MACAddress 00155D143C02 -Type L2Only -UseVm $true "
		 "-CustomerID {AAAAAAAA-2222-3333-4444-000000000000} -Rule TranslationMethodNone " VSID ON_H1,
		 "lookupRecords/5001-%3A%3A",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'::','ProviderAddress':'10.1.1.40','UseVmMACAddress':true,"
		 "'MACAddress':'00:15:5d:14:3c:02','Rule':'None','Type':'L2Only',"
		 "'CustomerID':'aaaaaaaa-2222-3333-4444-000000000000'}"},
		{CMDLET
		 "-CustomerAddress 192.168.1.1 -ProviderAddress 169.254.254.254 -MACAddress 101010101001 " VSID RULE
			 ON_H1,
		 "lookupRecords/5001-192.168.1.1",
		 "{'VirtualSubnetID':5001,'CustomerAddress':'192.168.1.1','ProviderAddress':'169.254.254.254',"
		 "'MACAddress':'10:10:10:10:10:01','Rule':'TranslationMethodEncap','Encapsulation':'NVGRE'}"},
		{"New-NetVirtualizationCustomerRoute -RoutingDomainID {11111111-2222-3333-4444-00000000500A} -NextHop "
		 "0.0.0.0 "
		 "-DestinationPrefix 192.168.1.0/24 -VirtualSubnetID 5001 -Metric 255 " ON_H1,
		 "customerRoutes/11111111-2222-3333-4444-00000000500a-5001-192.168.1.0_24-0.0.0.0",
		 "{'RoutingDomainID':'11111111-2222-3333-4444-00000000500a','VirtualSubnetID':5001,'NextHop':'0.0.0.0',"
		 "'DestinationPrefix':'192.168.1.0/24','Metric':255}"},
		{"New-NetVirtualizationCustomerRoute -RoutingDomainID '11111111-2222-3333-4444-000000005001' -NextHop "
		 "fd00::1 "
		 "-DestinationPrefix ::/0 -VirtualSubnetID 5001 " ON_H1,
		 "customerRoutes/11111111-2222-3333-4444-000000005001-5001-%3A%3A_0-fd00%3A%3A1",
		 "{'RoutingDomainID':'11111111-2222-3333-4444-000000005001','VirtualSubnetID':5001,'NextHop':'fd00::1',"
		 "'DestinationPrefix':'::/0'}"},
		{"$WNVNIC = \"WNVNIC\"; $iface = Get-NetAdapter $WNVNIC -CimSession h1\n"
		 "New-NetVirtualizationProviderAddress -InterfaceIndex $iface.InterfaceIndex -ProviderAddress "
		 "10.1.1.20 "
		 "-PrefixLength 24 -VlanID 0 -CimSession \"H1\"",
		 "providerAddresses/10.1.1.20",
		 "{'ProviderAddress':'10.1.1.20','PrefixLength':24,'Interface':'eth1','VlanID':0}"},
		{INVOKE("New-NetVirtualizationProviderAddress -InterfaceIndex (Get-NetAdapter -Name 'ethernet "
			"2').ifIndex "
			"-ProviderAddress 10.1.1.20 -PrefixLength 24"),
		 "providerAddresses/10.1.1.20", "{'ProviderAddress':'10.1.1.20','PrefixLength':24,'Interface':'eth2'}"},
		{INVOKE("$i = (Get-NetAdapter | where Name -eq wnvnic).InterfaceIndex\n"
			"New-NetVirtualizationProviderAddress -InterfaceIndex $i -ProviderAddress 10.1.1.20 "
			"-PrefixLength 24"),
		 "providerAddresses/10.1.1.20", "{'ProviderAddress':'10.1.1.20','PrefixLength':24,'Interface':'eth1'}"},
		{PROUTE("0.0.0.0/0 -Metric 5"), "providerRoutes/eth1-0.0.0.0_0",
		 "{'Interface':'eth1','DestinationPrefix':'0.0.0.0/0','NextHop':'10.1.1.1'}"},
		{INVOKE(PORT("00155D011404")), "ports/tap0",
		 "{'Interface':'tap0','MACAddress':'00:15:5d:01:14:04','VirtualSubnetID':5001}"},
		{INVOKE("Get-VMNetworkAdapter -VMName vm | ? { '00-15-5D-01-14-04' -eq $_.MacAddress; } | "
			"Set-VMNetworkAdapter -Vir "
			"5001 -VmqWeight 0"),
		 "ports/tap0", "{'Interface':'tap0','MACAddress':'00:15:5d:01:14:04','VirtualSubnetID':5001}"},
		{"$n = Get-VMNetworkAdapter vm -ComputerName h1 | Where-Object -Property MacAddress -EQ -Value "
		 "00155D011404\n"
		 "$n | Set-VMNetworkAdapter -VirtualSubnetID 5001",
		 "ports/tap0", "{'Interface':'tap0','MACAddress':'00:15:5d:01:14:04','VirtualSubnetID':5001}"},
		{"$mac = '00155D011404'; $n = Get-VMNetworkAdapter vm -CimSession h1 | where {($_.MacAddress -ieq "
		 "$mac)}\n"
		 "Set-VMNetworkAdapter -VMNetworkAdapter $n -VirtualSubnetID 5001",
		 "ports/tap0", "{'Interface':'tap0','MACAddress':'00:15:5d:01:14:04','VirtualSubnetID':5001}"},
		{"Set-VMNetworkAdapter vm -ComputerName h1 -StaticMacAddress 00155D011404 -VirtualSubnetID 5001",
		 "ports/tap0", "{'Interface':'tap0','MACAddress':'00:15:5d:01:14:04','VirtualSubnetID':5001}"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *text = strdup(cases[i].properties),
				    *path = gw_cli_format("/hnv/%s", cases[i].path);
		json_auto_t *properties = NULL, *wanted = NULL, *batch = NULL;
		struct gw_hnv_script s;

		for (char *q = text; (q = strchr(q, '\''));)
			*q = '"';
		properties = json_loads(text, 0, NULL);
		assert_non_null(properties);
		wanted = json_pack("[{s:s, s:s, s:{s:O}}]", "method", "PUT", "path", path, "body", "properties",
				   properties);
		if (read_as(&s, cases[i].script, "h1") < 0)
			fail_msg("%s\nis refused: %u:%u %s", cases[i].script, s.source.error.line,
				 s.source.error.column, s.source.error.text);
		batch = gw_hnv_script_batch(&s);
		if (!json_equal(batch, wanted)) {
			_cleanup_free_ char *got = json_dumps(batch, 0);

			fail_msg("%s\nbecomes %s", cases[i].script, got);
		}
		gw_hnv_script_done(&s);
	}
}

static void each_host_gets_its_lines(void **state)
{
	static const char script[] = LINE "\n" OTHER_LINE "-CimSession h2\n" OTHER_LINE "-CimSession h3,h1\n"
					  "Invoke-Command -ComputerName h2,h3 {" NO_HOST "}\n"
					  "Get-NetAdapter x -CimSession h4\n";
	static const struct {
		const char *host, *outcome;
	} cases[] = {
		{"h1", "5001-192.168.1.101 5001-10.0.0.9"},
		{"H2", "5001-10.0.0.9 5001-192.168.1.101"},
		{"h3", "5001-10.0.0.9 5001-192.168.1.101"},
		{"h4", "0:0 no line of the script makes a record for h4"},
		{"h5", "0:0 the script does not name host 'h5', but: h1, h2, h3, h4"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *got = outcome(script, cases[i].host);

		assert_string_equal(got, cases[i].outcome);
	}
}

/* The lines that name no host are those of the machine that runs the script. */
static void local_lines(void **state)
{
	static const struct {
		const char *script, *host, *outcome;
	} cases[] = {
		{NO_HOST, "localhost", "5001-192.168.1.101"},
		{NO_HOST, ".", "5001-192.168.1.101"},
		{NO_HOST "-CimSession localhost", "localhost", "5001-192.168.1.101"},
		{NO_HOST "\n" OTHER_LINE ON_H1, "localhost", "5001-192.168.1.101"},
		{"Invoke-Command {" NO_HOST "}", "localhost", "5001-192.168.1.101"},
		{"$v = 5001; Invoke-Command {" CMDLET VALUES RULE "-Vir $v }", "localhost", "5001-192.168.1.101"},
		{PORT("00155D011404"), "localhost", "tap0"},
		{OTHER_LINE ON_H1 "\n" NO_HOST, "h1",
		 "2:1 the line names no host, so it is for the machine that runs the script; add -CimSession NAME, or "
		 "import "
		 "the lines of that machine with --host localhost"},
		{PORT("00155D011404"), "h1",
		 "1:70 the line names no host, so it is for the machine that runs the script; add -ComputerName NAME, "
		 "or import "
		 "the lines of that machine with --host localhost"},
		{"Write-Host", "h1",
		 "0:0 the script names no host at all; for the lines of the machine that runs it give --host "
		 "localhost"},
		{"", "localhost", "0:0 no line of the script makes a record for localhost"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *got = outcome(cases[i].script, cases[i].host);

		assert_string_equal(got, cases[i].outcome);
	}
}

/* --- notes --- */

static void what_is_left_out_is_told(void **state)
{
	static const char script[] =
		"Get-Credential x\nWrite-Host 1\nWrite-Host 2; write-host 3\nWrite-Host 4\nWrite-Host 5\n"
		"Write-Host 6; Write-Host 7\nWrite-Host 8\nif (1) {}\n" LINE "\n" LINE "\n" OTHER_LINE
		"-CimSession h2\n" OTHER_LINE "-CimSession h2,h3\nSet-VMNetworkAdapter vm -VmqWeight 0\n";
	static const char *const notes[] = {
		"left out, since they are for other hosts: 2 for h2, 1 for h3",
		"passed over, since they make no records: Get-Credential (line 1), Write-Host (lines 2, 3, 4, 5, 6, "
		"...), if "
		"(line 8), Set-VMNetworkAdapter (line 13)",
		"--interface WNVNIC=eth1 was not needed: no line for h1 names WNVNIC",
		"--interface 12=eth1 was not needed: no line for h1 names 12",
		"--interface Ethernet 2=eth2 was not needed: no line for h1 names Ethernet 2",
		"--port 00:15:5d:01:14:04=tap0 was not needed: no line for h1 names 00:15:5d:01:14:04",
	};
	struct gw_hnv_script s;

	(void)state;
	assert_int_equal(read_as(&s, script, "h1"), 0);
	assert_int_equal(s.n_notes, GW_N(notes));
	for (size_t i = 0; i < GW_N(notes); i++)
		assert_string_equal(s.notes[i], notes[i]);
	gw_hnv_script_done(&s);
}

/* Whatever is cut off or replaced in a good script, the reader comes to an end without touching what it should not. */
static void damaged_scripts_end(void **state)
{
	static const char noise[] = "\"'`$(){}[]@#<>|&;,=.-:\n\r\\\xe2\x80\x9c";
	struct gw_hnv_script s;
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < GW_N(same); i++) {
		size_t n = strlen(same[i]);
		_cleanup_free_ char *copy = strdup(same[i]);

		for (size_t cut = 0; cut < n; cut += 7) {
			read_bytes(&s, same[i], cut, "h1");
			assert_true(s.source.error.text || s.n > 0);
			gw_hnv_script_done(&s);
		}
		for (unsigned k = 0; k < 60; k++) {
			seed = seed * 1103515245 + 12345;
			copy[(seed >> 8) % n] = noise[(seed >> 24) % (sizeof noise - 1)];
			read_bytes(&s, copy, n, "h1");
			assert_true(s.source.error.text || s.n > 0);
			gw_hnv_script_done(&s);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_record_however_written),
		cmocka_unit_test(utf16_is_read),
		cmocka_unit_test(cmdlets_become_batches),
		cmocka_unit_test(each_host_gets_its_lines),
		cmocka_unit_test(local_lines),
		cmocka_unit_test(what_is_left_out_is_told),
		cmocka_unit_test(damaged_scripts_end),
	};

	return cmocka_run_group_tests_name("hnv_script", tests, NULL, NULL);
}
