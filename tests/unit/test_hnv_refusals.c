/*
 * test_hnv_refusals.c - Hyper-V scripts that are refused (API-2, ENC-4, FWD-7, FWD-10): with which place and words, and that
 * hostile ones come to an end. Scripts that are understood are in test_hnv_script.c.
 */
#include "hnv_fixture.h"

static const struct {
	const char *script, *at,
		*says; /* `at`: what stands at the place, or line:column; `says`: a part of the reason */
} refusals[] = {
	/* parameters */
	{CMDLET VALUES VSID RULE ON_H1 " -Frobnicate 1", "-Frobnicate",
	 "-Frobnicate is no parameter that is known here"},
	{CMDLET VALUES VSID RULE ON_H1 " -Cu 1", "-Cu", "-Cu could be more than one parameter"},
	{CMDLET VALUES VSID RULE ON_H1 " -VirtualSubnetID 5002", "-VirtualSubnetID", "-VirtualSubnetID is given twice"},
	{CMDLET VALUES VSID ON_H1, "New-NetVirtualizatio", "New-NetVirtualizationLookupRecord wants -Rule"},
	{CMDLET VALUES VSID RULE ON_H1 " stray", "stray", "belongs to no parameter"},
	{CMDLET VALUES VSID ON_H1 " -Rule\n\"TranslationMethodEncap\"", "-Rule",
	 "-Rule has no value; when the line goes on"},
	{CMDLET VALUES VSID "-Rule\n\"TranslationMethodEncap\" " ON_H1, "-Rule", "-Rule has no value"},
	{LINE " -WhatIf", "-WhatIf", "with -WhatIf the line changes nothing"},
	{CMDLET VALUES "` \n" VSID RULE ON_H1, "` ", "a blank behind a backtick"},
	{CMDLET "@p " ON_H1, "@p", "out of a variable (@name)"},
	{"1 | " LINE, "New-NetVirtualizatio", "takes values through the pipe"},
	/* values */
	{CMDLET VALUES RULE ON_H1 " -VirtualSubnetID $v", "$v", "$v is given no value in this script; write the value"},
	{"$v = Get-Random\n" CMDLET VALUES RULE ON_H1 " -VirtualSubnetID $v", "$v",
	 "$v is not known since line 1: what Get-Random returns is not evaluated"},
	{"$v = 5000\n$v += 1\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\n$v++\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\nif ($a) { $v = 5001 }\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since line 2"},
	{"$v = 5000\nif ($a)\n{\n$v = 5001\n}\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since line 4"},
	{"param\n(\n$v = 5000\n)\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 3"},
	{"$v = 5000\n1 | % { $v = 5001 }\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\nforeach ($v in 1, 2) {}\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since line 2"},
	{"$v = 5000\n$u, $v = 1, 2\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\n[int]::TryParse('1', [ref]$v)\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since"},
	{"$v = 5000\nSet-Variable v 5001\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\nSet-Variable $n 5001\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "$v is not known since line 2"},
	{"$v = 5000\nGet-Date -OutVariable v\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since line 2"},
	{"function f { $script:v = 1 }\n$v = 5001\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "is not known since line 1"},
	{"[xml]$v = 5001\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v", "a cast is not evaluated"},
	{CMDLET VALUES RULE ON_H1 " -Vir (5000 + 1)", "(5000", "an expression is not evaluated"},
	{CMDLET VALUES RULE ON_H1 " -Vir $t.Id", "$t.Id", "$t is given no value"},
	{CMDLET VALUES RULE ON_H1 " -Vir $t[0]", "$t[0]", "$t is given no value"},
	{CMDLET VALUES RULE ON_H1 " -Vir \"$(5001)\"", "\"$(5001)\"", "$( ) inside a text is not evaluated"},
	{CMDLET VALUES RULE ON_H1 " -Vir 50'01'", "50'01'", "a word with quotes inside is not evaluated"},
	{CMDLET VALUES RULE ON_H1 " -Vir 5001,5002", "-Vir", "-VirtualSubnetID is a list"},
	{CMDLET VALUES RULE ON_H1 " -Vir $null", "-Vir", "-VirtualSubnetID is empty"},
	{CMDLET VALUES RULE ON_H1 " -Vir $true", "-Vir", "-VirtualSubnetID is true or false"},
	{CMDLET VALUES RULE ON_H1 " -Vir x", "-Vir", "-VirtualSubnetID: 'x' is not a number"},
	{CMDLET VALUES RULE ON_H1 " -Vir 4095", "-Vir", "4095 is not a VSID from 4096 to 16777214"},
	{CMDLET VALUES RULE ON_H1 " -Vir 16777215", "-Vir", "16777215 is not a VSID from 4096 to 16777214"},
	{CMDLET VALUES RULE ON_H1 " -Vir 0", "-Vir", "0 is not a VSID from 4096 to 16777214"},
	{CMDLET VALUES VSID "-Rule Nvgre " ON_H1, "-Rule", "'Nvgre' is none of TranslationMethodEncap"},
	{CMDLET VALUES VSID RULE ON_H1 " -UseVmMACAddress yes", "-UseVmMACAddress", "neither $true nor $false"},
	{CMDLET VSID RULE ON_H1 " -CustomerAddress 10.0.0.256 -Prov 10.1.1.1 -Mac 00155D011404", "-CustomerAddress",
	 "'10.0.0.256' is not an IPv4 or IPv6 address"},
	{"$m = 001010101001\n" CMDLET VSID RULE ON_H1 " -CustomerAddress 10.0.0.1 -Prov 10.1.1.1 -Mac $m", "-Mac",
	 "'1010101001' is not a MAC address"},
	{"New-NetVirtualizationCustomerRoute -RoutingDomainID {1} -NextHop 0.0.0.0 -Dest 10.0.0.0/8 -Vir 5001 " ON_H1,
	 "-RoutingDomainID", "'1' is not a UUID"},
	/* adapters */
	{"New-NetVirtualizationProviderAddress -InterfaceIndex 13 -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex", "say so with --interface 13=NAME"},
	{"$i = Get-NetAdapter 'My NIC' " ON_H1
	 "\nNew-NetVirtualizationProviderAddress -InterfaceIndex $i.ifIndex -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex",
	 "the network adapter 'My NIC' of h1 is called on this node; say so with --interface 'My NIC'=NAME"},
	{"$i = Get-NetAdapter WNVNIC -CimSession h2\n"
	 "New-NetVirtualizationProviderAddress -InterfaceIndex $i.ifIndex -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex", "of an adapter of h2 (line 1), but the line is for h1"},
	{"$i = Get-NetAdapter WNVNIC\n"
	 "New-NetVirtualizationProviderAddress -InterfaceIndex $i.ifIndex -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex", "of an adapter of the machine that runs the script (line 1)"},
	{"$i = Get-NetAdapter WNVNIC " ON_H1
	 "\nNew-NetVirtualizationProviderAddress -InterfaceIndex $i -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex", "write .InterfaceIndex behind it"},
	{"$i = Get-NetAdapter " ON_H1
	 "\nNew-NetVirtualizationProviderAddress -InterfaceIndex $i.ifIndex -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "-InterfaceIndex", "line 1 does not say which adapter"},
	{"$i = Get-NetAdapter -Foo x " ON_H1
	 "\nNew-NetVirtualizationProviderAddress -InterfaceIndex $i.ifIndex -ProviderAddress 10.1.1.2 -Pref 24 " ON_H1,
	 "$i.ifIndex", "Get-NetAdapter in line 1: -Foo is no parameter"},
	{"New-NetVirtualizationProviderAddress -InterfaceIndex 12 -ProviderAddress 10.1.1.2 -Pref 24 -MAC "
	 "00155D011404 " ON_H1,
	 "-MAC", "-MACAddress cannot be imported"},
	{"New-NetVirtualizationProviderAddress -InterfaceIndex 12 -ProviderAddress 10.1.1.2 -Pref 24 -Vlan 4095 " ON_H1,
	 "-Vlan", "'4095' is not a number up to 4094"},
	{PROUTE("0.0.0.0/0") "\nNew-NetVirtualizationProviderRoute -InterfaceIndex 12 -NextHop 10.1.1.1 -Dest "
			     "10.9.0.0/16 " ON_H1 "\n$i = (Get-NetAdapter 'Ethernet 2' " ON_H1 ").ifIndex\n"
			     "New-NetVirtualizationProviderRoute -InterfaceIndex $i -NextHop 10.1.2.1 -Dest "
			     "0.0.0.0/0 " ON_H1,
	 "New-NetVirtualizatio", "line 1 has a provider route to 0.0.0.0/0 too"},
	/* ports */
	{INVOKE(PORT("00155D011499")), "Set-VMNetworkAdapter", "say so with --port 00155D011499=NAME"},
	{INVOKE(PORT("$x")), "Set-VMNetworkAdapter",
	 "it is not known which network card this is about: $x has no value inside this block"},
	{INVOKE("Get-VMNetworkAdapter vm | Set-VMNetworkAdapter -VirtualSubnetID 5001"), "Set-VMNetworkAdapter",
	 "does not say the MAC address of the network card; write it as Get-VMNetworkAdapter"},
	{INVOKE("Set-VMNetworkAdapter -VMName vm -VirtualSubnetID 5001"), "Set-VMNetworkAdapter",
	 "does not say the MAC address"},
	{INVOKE("Get-VMNetworkAdapter vm | where {$_.MacAddress -like '00155D*'} | Set-VMNetworkAdapter "
		"-VirtualSubnetID 5001"),
	 "Set-VMNetworkAdapter", "the condition is not evaluated"},
	{INVOKE("Get-VM vm | Set-VMNetworkAdapter -VirtualSubnetID 5001"), "Set-VMNetworkAdapter",
	 "what Get-VM returns is not evaluated"},
	{INVOKE(PORT("00155D011404") " -MacAddressSpoofing On"), "-MacAddressSpoofing",
	 "-MacAddressSpoofing cannot be imported"},
	{INVOKE("Set-VMNetworkAdapter -ManagementOS -VirtualSubnetID 5001"), "Set-VMNetworkAdapter",
	 "does not say the MAC address"},
	{INVOKE("Set-VMNetworkAdapter -Foo"), "-Foo", "-Foo is no parameter"},
	/* hosts */
	{NO_HOST "-CimSession $h\n" LINE, "New-NetVirtualizatio",
	 "it is not known for which host this line is: $h is given no value"},
	{NO_HOST "-CimSession \"h1\n\"", "\"h1", "'h1\\n' is no name of a host; is the text broken over two lines?"},
	{NO_HOST "-CimSession ''", "''", "the name of the host is empty"},
	{NO_HOST "-CimSession @()\n" LINE, "New-NetVirtualizatio", "the list of hosts is empty"},
	{NO_HOST "-CimSession localhost,h1", "New-NetVirtualizatio", "it names the local machine beside others"},
	{"Invoke-Command -ComputerName $h { " NO_HOST "}", "New-NetVirtualizatio",
	 "it is not known for which host this line is"},
	{"Invoke-Command -VMName vm { " NO_HOST "}", "New-NetVirtualizatio",
	 "on a machine that is not named by -ComputerName"},
	{"Invoke-Command -ComputerName h1 -FilePath x.ps1", "Invoke-Command", "runs a script that is not read here"},
	{"Invoke-Command -ComputerName h1 $b", "$b", "what it runs is not known: $b is given no value"},
	{"Invoke-Command -Foo h1 {}", "-Foo", "-Foo is no parameter"},
	{LINE "\n" OTHER_LINE "-CimSession h1.example.net", "0:0", "line 2 names h1.example.net: is that h1?"},
	/* records against each other */
	{LINE "\n" CMDLET "-CustomerAddress 192.168.1.101 -Prov 10.1.1.30 -Mac 00155D011404 " VSID RULE ON_H1,
	 "New-NetVirtualizatio", "line 1 says something else about the lookup record 5001-192.168.1.101"},
	/* what is not evaluated but matters */
	{"if ($x) { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of 'if'"},
	{"if ($x) {} else { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of 'if'"},
	{"foreach ($h in $x) { " LINE " }", "{", "it is not known what is gone through here: $x is given no value"},
	{"foreach ($h in 'h1', 'h2') { if ($h -eq 'h1') { continue }\n" LINE " }", "continue",
	 "it is not evaluated whether this 'continue' is reached"},
	{"foreach ($v in 5001) { if ($x) { " LINE " } }", "New-NetVirtualizatio",
	 "cannot be imported from inside of 'if'"},
	{"for ($i = 0; $i -ne 3; $i++) { " LINE " }", "New-NetVirtualizatio",
	 "cannot be imported from inside of 'for'"},
	{"for (;;) { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of 'for'"},
	{"for ($i = 0; $i -lt $n; $i++) { " LINE " }", "New-NetVirtualizatio",
	 "cannot be imported from inside of 'for'"},
	{"while ($x) { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of 'while'"},
	{"Get-Item x | ForEach-Object { " LINE " }", "{", "what Get-Item returns is not evaluated"},
	{"1 | ForEach-Object -Begin {} -Process { " LINE " }", "New-NetVirtualizatio", "inside of ForEach-Object"},
	{"try { Get-Item x } catch { " LINE " }", "New-NetVirtualizatio",
	 "cannot be imported from inside of 'catch' or"},
	{"$h = 'h1', 'h2'; " NO_HOST "-CimSession $h[2]", "New-NetVirtualizatio", "the list has no element 2"},
	{"$h = 'h1'; " NO_HOST "-CimSession $h[0]", "New-NetVirtualizatio", "an index is evaluated for lists only"},
	{"$h = 'h1', 'h2'; " NO_HOST "-CimSession $h[-1]", "New-NetVirtualizatio", "an expression is not evaluated"},
	{"function f { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of 'function'"},
	{"Start-Job { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of Start-Job"},
	{"Write-Host \"$(" LINE ")\"", "\"$(New-NetVirtualiza",
	 "a command that makes records cannot be imported from inside of Write-Host"},
	{"$b = { " LINE " }\nStart-Job $b", "New-NetVirtualizatio", "cannot be imported from inside of Start-Job"},
	{"$b = { " LINE " }", "New-NetVirtualizatio", "stands in a block of which it is not known when"},
	{"Get-Item -Filter { " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of Get-Item"},
	{LINE " && Write-Host", "New-NetVirtualizatio", "cannot be imported from inside of a chain with && or ||"},
	{"$x.y = " LINE, "New-NetVirtualizatio", "cannot be imported from inside of this assignment"},
	{"$h = @{ a = " LINE " }", "New-NetVirtualizatio", "cannot be imported from inside of this expression"},
	{"exit\n" LINE, "New-NetVirtualizatio", "stands behind the 'exit' of line 1 and is never reached"},
	{"return\n" LINE, "New-NetVirtualizatio", "stands behind the 'return' of line 1"},
	{INVOKE("return; " NO_HOST), "New-NetVirtualizatio", "stands behind the 'return' of line 1"},
	{"Invoke-Expression $x", "Invoke-Expression", "runs a text as a script"},
	{". .\\other.ps1", ".\\other.ps1", "is another script, which is not read here"},
	{".\\other.ps1 -x 1", ".\\other.ps1", "is another script"},
	{"& $x", "&", "what is called here is not known: $x is given no value"},
	{"$PSDefaultParameterValues['*:CimSession'] = 'h1'\n" NO_HOST, "$PSDefaultParameter",
	 "what cmdlets do without their lines saying so"},
	{"$global:PSDefaultParameterValues = @{'*:Metric' = 3}\n" LINE, "$global:PSDefaultPar",
	 "what cmdlets do without their lines saying so"},
	{"Set-Variable PSDefaultParameterValues @{'*:Metric' = 3}\n" LINE, "PSDefaultParameterVal",
	 "what cmdlets do without their lines saying so"},
	{"$WhatIfPreference = $true\n" LINE, "$WhatIfPreference", "what cmdlets do without their lines saying so"},
	{"\"$(" LINE ")\"", "\"$(New-NetVirtualiza", "cannot be imported from inside of this text"},
	{"$x = \"$(" LINE ")\"", "\"$(New-NetVirtualiza", "cannot be imported from inside of this text"},
	{"$a = 'h1', 'h2'\n$b = $a\n$b[0] = 'h3'\n" NO_HOST "-CimSession $a[0]", "New-NetVirtualizatio",
	 "a list is changed there"},
	{"try { $v = 5001 } catch { $v = 5002 }\n" CMDLET VALUES RULE ON_H1 " -Vir $v", "$v",
	 "$v is not known since line 1"},
	{"Set-Alias nr New-NetVirtualizationLookupRecord", "Set-Alias", "gives a command another name"},
	{"Remove-NetVirtualizationLookupRecord -CimSession h1", "Remove-NetVirtualiza",
	 "changes network virtualization in a way that cannot"},
	{"Get-NetVirtualizationLookupRecord | Remove-NetVirtualizationLookupRecord", "Remove-NetVirtualiza",
	 "in a way that cannot be imported"},
	{"$a = { & $a; & $a }; & $a", "$a; & $a }", "blocks run each other too"},
	/* text */
	{LINE "\n'open", "'open", "the string that begins here has no end"},
	{LINE "\n\"open $('x)\"", "\"open", "the string that begins here has no end"},
	{LINE "\n@'\nopen", "@'", "the here-string that begins here has no end"},
	{LINE "\n@'open\n'@", "@'open", "behind the opening of a here-string the line must end"},
	{LINE "\n<# open", "<# open", "the comment that begins here has no end"},
	{LINE "\nif (1) {\n(", "(", "the group that begins here is never closed"},
	{LINE "\n}", "}", "closes a group that was never opened"},
	{LINE "\n(1]", "]", "opened with another bracket"},
	{LINE "\n${open", "${open", "the variable's name that begins here has no end"},
	{LINE "\n| Out-Null; | x", "| x", "the pipe has nothing in front of it"},
	{LINE "\n$x =", "=", "the value of $x is missing"},
	{LINE "\n# \x93 \x94", "2:0", "is not UTF-8"},
	{LINE "\n\xed\xa0\x80", "2:0", "is not UTF-8"},
};

/* The text at line and column, both from 1; "" when there is no such place. */
static const char *place(const char *script, unsigned line, unsigned column)
{
	while (line > 1 && strchr(script, '\n')) {
		script = strchr(script, '\n') + 1;
		line--;
	}
	return line != 1 || column == 0 || column > strlen(script) ? "" : script + column - 1;
}

static void refusals_have_place_and_cause(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < GW_N(refusals); i++) {
		_cleanup_free_ char *got = outcome(refusals[i].script, "h1"), *at = NULL;
		unsigned line = 0, column = 0;

		if (sscanf(got, "%u:%u", &line, &column) == 2 && column > 0)
			at = gw_cli_format("%s", place(refusals[i].script, line, column));
		else
			at = gw_cli_format("%u:%u", line, column);
		if (strncmp(at, refusals[i].at, strlen(refusals[i].at)) != 0 || !strstr(got, refusals[i].says)) {
			print_error("%s\n\tgives %s, at \"%.24s\"\n", refusals[i].script, got, at);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void rewrite_is_named_line_by_line(void **state)
{
	static const char nat[] = CMDLET VALUES "-Rule TranslationMethodNAT " ON_H1 " -Vir ";
	_cleanup_free_ char *one = gw_cli_format("%s5001\n", nat),
			    *two = gw_cli_format("%s5001\n%s\n%s5002\n%s", nat, LINE, nat,
						 INVOKE(PORT("020000000000"))),
			    *got_one = outcome(one, "h1"), *got_two = NULL, *many = gw_cli_format("%s", ""),
			    *got_many = NULL;

	(void)state;
	assert_string_equal(got_one,
			    "1:1 IP rewrite (TranslationMethodNAT) comes in a later version; what needs it: line 1. "
			    "Use TranslationMethodEncap there, on all hosts");
	got_two = outcome(two, "h1"); /* before the missing --port, against which something could be done */
	assert_non_null(strstr(got_two, "1:1 IP rewrite"));
	assert_non_null(strstr(got_two, "lines 1 and 3."));
	for (unsigned i = 0; i < 50; i++) {
		char *longer = gw_cli_format("%s%s%u\n", many, nat, 5001 + i);

		free(many);
		many = longer;
	}
	got_many = outcome(many, "h1");
	assert_non_null(strstr(got_many, " 20 and 30 more."));
}

/* --- hostile input: ends, soon, with a reason --- */

static char *repeated(const char *head, const char *unit, size_t n, const char *tail)
{
	size_t len = strlen(unit);
	char *out = gw_cli_must(malloc(strlen(head) + n * len + strlen(tail) + 1)), *o = stpcpy(out, head);

	for (size_t i = 0; i < n; i++)
		o = stpcpy(o, unit);
	strcpy(o, tail);
	return out;
}

/* Each block has a call of the next one inside of many groups. */
static char *deep_blocks(void)
{
	char *out = gw_cli_format("$b0 = { x }\n");

	for (int i = 0; i < 40; i++) {
		char opens[91], closes[91], *longer;

		memset(opens, '(', 90);
		memset(closes, ')', 90);
		opens[90] = closes[90] = '\0';
		longer = gw_cli_format("%s$b%d = { %s& $b%d%s }\n", out, i + 1, opens, i, closes);
		free(out);
		out = longer;
	}
	return out;
}

static char *nested_loops(void)
{
	char *out = gw_cli_format(LINE);

	for (int i = 0; i < 40; i++) {
		char *longer = gw_cli_format("foreach ($i in 1, 2) { %s }", out);

		free(out);
		out = longer;
	}
	return out;
}

static void hostile_scripts_end(void **state)
{
	_cleanup_free_ char *loops = nested_loops(), *got_loops = outcome(loops, "h1"), *blocks = deep_blocks(),
			    *deep = gw_cli_format("%s& $b40\n", blocks), *got_deep = outcome(deep, "h1");
	static const struct {
		const char *head, *unit;
		size_t n;
		const char *tail, *says;
	} cases[] = {
		{"", "(", 1000, "", "nested too deeply"},
		{"", "{", 1000, "", "nested too deeply"},
		{"x ", "$x[", 1000, "", "nested too deeply"},
		{"\"", "$(\"", 1000, "", "has no end"},
		{"\"", "$(", 1000, "", "has no end"},
		{"$a='12345678'\n", "$a=\"$a$a\"\n", 60, CMDLET VALUES VSID RULE "-CimSession $a",
		 "longer than 65536 bytes"},
		{"$a={}\n", "$b={& $a;& $a};$a=$b\n", 3, LINE, "5001-192.168.1.101"},
		{"$a={x}\n", "$a={& $a;& $a}\n& $a\n", 1, LINE, "blocks run each other too"},
		{"", "$a = $a, $a\n", 1000, LINE, "5001-192.168.1.101"},
		{"", "$a = $a\n", 5000, LINE, "5001-192.168.1.101"},
		{"", "a;", 600000, LINE, "the script is too long"},
		{"", "'' ", 300000, "\n" LINE, "5001-192.168.1.101"},
		{"# ", "x", 1000000, "\n" LINE, "5001-192.168.1.101"},
		{"", "Get-NetAdapter x -CimSession h1;", 20000, LINE, "5001-192.168.1.101"},
		{"", "if ($a) {} ", 20000, "\n" LINE, "5001-192.168.1.101"},
		{LINE "\n", LINE "\n", 20000, "", "5001-192.168.1.101"},
		{LINE, " -CimSession h1", 20000, "", "is given twice"},
		{NO_HOST "-CimSession h1", ",h2", 100000, "", "5001-192.168.1.101"},
		{"x ", "`", 100001, "\n" LINE, ""},
		{"@'\n", "'\n", 100000, "'@\n" LINE, "5001-192.168.1.101"},
		{"", "\xe2\x80\x9c", 100001, "", "has no end"},
		{"if", "\n#\r", 300000, "(1) {}\n" LINE, "5001-192.168.1.101"},
		{"$l = 1, 2\n", "foreach ($a in $l) { ", 60, NO_HOST "-CimSession h1", "never closed"},
		{"for ($i = 0; $i -lt 999999999; $i++) { " LINE "}\n", "x\n", 1, "", "too often"},
		{"$x", ".y", 100000, "\n" LINE, "5001-192.168.1.101"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(cases); i++) {
		_cleanup_free_ char *script = repeated(cases[i].head, cases[i].unit, cases[i].n, cases[i].tail),
				    *got = outcome(script, "h1");

		if (!strstr(got, cases[i].says))
			fail_msg("%s%s ...: %.300s", cases[i].head, cases[i].unit, got);
	}
	assert_non_null(strstr(got_loops, "too often"));
	assert_non_null(strstr(got_deep, "nested too deeply"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_have_place_and_cause),
		cmocka_unit_test(rewrite_is_named_line_by_line),
		cmocka_unit_test(hostile_scripts_end),
	};

	return cmocka_run_group_tests_name("hnv_refusals", tests, NULL, NULL);
}
