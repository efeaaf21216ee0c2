/* test_hnv.c - kinds, keys, ids, copies of the records and the
 * rules that each must meet by itself (ENC-4, API-1, API-2). */
#include "values.h"

#include "model/hnv.h"

#include <errno.h>

static const struct gw_mac router_mac = {{0x02, 0x67, 0x77, 0x64, 0x00, 0x01}};
static const struct gw_uuid rdid = {{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44}};

static struct gw_hnv_object record(void)
{
	return (struct gw_hnv_object){.kind = GW_HNV_LOOKUP_RECORD,
				      .record = {.vsid = 5001,
						 .ca = addr("192.168.1.101"),
						 .pa = addr("10.1.1.20"),
						 .mac = mac("00155D011404")}};
}

static struct gw_hnv_object croute(void)
{
	return (struct gw_hnv_object){.kind = GW_HNV_CUSTOMER_ROUTE,
				      .croute = {.rdid = rdid,
						 .vsid = 5001,
						 .prefix = prefix("192.168.1.0/24"),
						 .next_hop = addr("0.0.0.0"),
						 .metric = 255}};
}

static struct gw_hnv_object paddr(void)
{
	return (struct gw_hnv_object){.kind = GW_HNV_PROVIDER_ADDRESS,
				      .paddr = {.pa = addr("10.1.1.20"), .prefix_len = 24, .interface = "eth1"}};
}

static struct gw_hnv_object proute(void)
{
	return (struct gw_hnv_object){
		.kind = GW_HNV_PROVIDER_ROUTE,
		.proute = {.prefix = prefix("10.2.0.0/16"), .next_hop = addr("10.1.1.1"), .interface = "eth1"}};
}

static struct gw_hnv_object port(void)
{
	return (struct gw_hnv_object){.kind = GW_HNV_PORT,
				      .port = {.interface = "tap0", .mac = mac("00155D011404"), .vsid = 5001}};
}

static struct gw_hnv_object vrf(void)
{
	return (struct gw_hnv_object){.kind = GW_HNV_VRF,
				      .vrf = {.rdid = rdid,
					      .vsid = 5000,
					      .mac = mac("020000000001"),
					      .has_ca = true,
					      .ca = addr("10.1.0.2"),
					      .prefix_len = 29}};
}

static struct gw_hnv_object public_address(const char *where, uint16_t first, uint32_t count)
{
	return (struct gw_hnv_object){
		.kind = GW_HNV_PUBLIC,
		.public = {.prefix = prefix(where), .rdid = rdid, .first_port = first, .port_count = count}};
}

static struct gw_hnv_object nat_rule(enum gw_nat_type type, enum gw_nat_protocol protocol, const char *outside,
				     const char *inside)
{
	return (struct gw_hnv_object){.kind = GW_HNV_NAT_RULE,
				      .nat = {.rdid = rdid,
					      .address = addr(outside),
					      .customer = prefix(inside),
					      .type = (uint8_t)type,
					      .protocol = (uint8_t)protocol}};
}

static void test_kinds(void **state)
{
	enum gw_hnv_kind k;

	(void)state;
	for (int i = 0; i < GW_HNV_KIND_MAX; i++) {
		assert_int_equal(gw_hnv_kind_parse(gw_hnv_kind_path((enum gw_hnv_kind)i), &k), 0);
		assert_int_equal(k, i);
	}
	assert_int_equal(gw_hnv_kind_parse("LOOKUPRECORDS", &k), 0);
	assert_int_equal(k, GW_HNV_LOOKUP_RECORD);
	assert_string_equal(gw_hnv_kind_name(k), "lookup record");
	assert_int_equal(gw_hnv_kind_parse("lookupRecord", &k), -ENOENT);
}

static void test_ids(void **state)
{
	struct gw_hnv_object o[] = {record(),
				    croute(),
				    paddr(),
				    proute(),
				    port(),
				    record(),
				    croute(),
				    vrf(),
				    public_address("203.0.113.5/32", 65535, 1),
				    public_address("2001:db8::/48", 0, 0),
				    nat_rule(GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8"),
				    nat_rule(GW_NAT_INBOUND, GW_NAT_UDP, "2001:db8:1111:2222:3333:4444:5555:6666",
					     "2001:db8:7777:8888:9999:aaaa:bbbb:cccc/128")};
	static const char *const ids[] = {
		"5001-192.168.1.101",
		"11111111-2222-3333-4444-000000000000-5001-192.168.1.0_24-0.0.0.0",
		"10.1.1.20",
		"eth1-10.2.0.0_16",
		"tap0",
		"5001-0.0.0.0",
		("11111111-2222-3333-4444-000000000000-16777214-2001:db8:1111:2222:3333:4444:5555:6666_128-"
		 "2001:db8:7777:8888:9999:aaaa:bbbb:cccc"),
		"11111111-2222-3333-4444-000000000000",
		"203.0.113.5_32-65535",
		"2001:db8::_48-0",
		"11111111-2222-3333-4444-000000000000-Outbound-All-203.0.113.5-0-10.0.0.0_8",
		("11111111-2222-3333-4444-000000000000-Inbound-Udp-2001:db8:1111:2222:3333:4444:5555:6666-53-"
		 "2001:db8:7777:8888:9999:aaaa:bbbb:cccc_128"),
	};
	char buf[GW_ID_STRLEN];

	(void)state;
	o[5].record.ca = addr("0.0.0.0");
	o[6].croute.vsid = 16777214;
	o[6].croute.prefix = prefix("2001:db8:1111:2222:3333:4444:5555:6666/128");
	o[6].croute.next_hop = addr("2001:db8:7777:8888:9999:aaaa:bbbb:cccc");
	o[11].nat.port = 53;
	for (size_t i = 0; i < GW_N(o); i++)
		assert_string_equal(gw_hnv_id(&o[i], buf), ids[i]);
}

/* What belongs to the key makes another object, everything else another content. */
static void test_key_and_content(void **state)
{
	struct gw_hnv_object a[12], b[12];
	bool same_key[12] = {false};

	(void)state;
	for (int i = 0; i < 12; i++)
		a[i] = b[i] = i < 5 ? record() : i < 7 ? croute() : i < 9 ? paddr() : i < 10 ? proute() : port();
	b[0].record.vsid = 5002;
	b[1].record.ca = addr("192.168.1.102");
	b[2].record.pa = addr("10.1.1.21"), same_key[2] = true;
	b[3].record.vm_name = (char *)"blue", same_key[3] = true;
	b[4].record.has_customer_id = true, same_key[4] = true;
	b[5].croute.metric = 1, same_key[5] = true;
	b[6].croute.next_hop = addr("192.168.1.9");
	b[7].paddr.pa = addr("10.1.1.21");
	b[8].paddr.interface[0] = 'x', same_key[8] = true;
	b[9].proute.interface[0] = 'x';
	b[10].port.interface[0] = 'x';
	b[11].port.vsid = 5002, same_key[11] = true;
	for (int i = 0; i < 12; i++) {
		check(gw_hnv_same_key(&a[i], &a[i]) && gw_hnv_same_content(&a[i], &a[i]), "%d", i);
		check(gw_hnv_same_key(&a[i], &b[i]) == same_key[i], "%d", i);
		check(!gw_hnv_same_content(&a[i], &b[i]), "%d", i);
		if (same_key[i])
			check(gw_hnv_key_hash(&a[i]) == gw_hnv_key_hash(&b[i]), "%d", i);
	}
	b[2] = a[2];
	b[2].revision = 7;
	assert_true(gw_hnv_same_content(&a[2], &b[2]));
	assert_false(gw_hnv_same_key(&a[0], &a[6]));
}

static void test_key_and_content_of_gateways(void **state)
{
	enum { N = 18, VRFS = 6, PUBLICS = 10 };
	struct gw_hnv_object a[N], b[N];
	bool same_key[N] = {false};

	(void)state;
	for (int i = 0; i < N; i++)
		a[i] = b[i] = i < VRFS	    ? vrf()
			      : i < PUBLICS ? public_address("203.0.113.5/32", 1024, 1024)
					    : nat_rule(GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8");
	b[0].vrf.rdid.b[0] = 9;
	b[1].vrf.vsid = 5009, same_key[1] = true;
	b[2].vrf.mac.b[5] = 9, same_key[2] = true;
	b[3].vrf.prefix_len = 28, same_key[3] = true;
	b[4].vrf.has_ca6 = true, same_key[4] = true;
	b[5].vrf.ca = addr("10.1.0.3"), same_key[5] = true;
	b[6].public.prefix = prefix("203.0.113.6/32");
	b[7].public.first_port = 2048;
	b[8].public.port_count = 2048, same_key[8] = true;
	b[9].public.rdid.b[0] = 9, same_key[9] = true;
	b[10].nat.rdid.b[0] = 9;
	b[11].nat.type = GW_NAT_INBOUND;
	b[12].nat.protocol = GW_NAT_TCP;
	b[13].nat.address = addr("203.0.113.6");
	b[14].nat.customer = prefix("10.0.0.0/9");
	b[15].nat.port = 1024;
	b[16].nat.port_count = 1024, same_key[16] = true;
	b[17].nat.idle_minutes = 4, same_key[17] = true;
	for (int i = 0; i < N; i++) {
		check(gw_hnv_same_key(&a[i], &b[i]) == same_key[i], "%d", i);
		check(!gw_hnv_same_content(&a[i], &b[i]), "%d", i);
		check(!same_key[i] || gw_hnv_key_hash(&a[i]) == gw_hnv_key_hash(&b[i]), "%d", i);
	}
	/* What is not given says nothing. */
	b[5] = a[5];
	b[5].vrf.ca6 = addr("fd00::9");
	assert_true(gw_hnv_same_content(&a[5], &b[5]));
}

static void test_copy(void **state)
{
	struct gw_hnv_object o = record(), *c;
	char name[] = "blue";

	(void)state;
	o.record.vm_name = name;
	o.revision = 9;
	o.change = 3;
	c = gw_hnv_object_copy(&o);
	assert_non_null(c);
	assert_true(gw_hnv_same_content(&o, c));
	assert_ptr_not_equal(c->record.vm_name, name);
	assert_int_equal(c->revision, 9);
	assert_int_equal(c->change, 0);
	assert_null(gw_hnv_object_free(c));
	assert_null(gw_hnv_object_free(NULL));
}

static void test_interface_names(void **state)
{
	static const char *const good[] = {"eth1", "tap0-1", "a", "abcdefghijklmno", "br.100", "...", "é"};
	static const char *const bad[] = {"",	 ".",	  "..",	 "abcdefghijklmnop", "a/b", "a b", "a\tb",
					  "a:1", "a\x01", "\xff"};

	(void)state;
	for (size_t i = 0; i < GW_N(good); i++)
		check(gw_hnv_interface_valid(good[i]), "\"%s\"", good[i]);
	for (size_t i = 0; i < GW_N(bad); i++)
		check(!gw_hnv_interface_valid(bad[i]), "\"%s\"", bad[i]);
}

static void refused(const struct gw_hnv_object *o, enum gw_error_code code, const char *target, const char *words)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_hnv_check(o, &router_mac, &err);

	check(r == (code == GW_ERR_NOT_SUPPORTED ? -EOPNOTSUPP : -EINVAL), "%s: %d", target, r);
	check(err.code == code, "%s: %s %s", target, gw_error_code_name(err.code), err.message);
	assert_string_equal(err.target, target);
	check(strstr(err.message, words), "\"%s\" not in \"%s\"", words, err.message);
}

static void accepted(const struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_hnv_check(o, &router_mac, &err);

	check(r == 0, "%s: %s", err.target, err.message);
}

/* ENC-4, for every kind that has a VSID */
static void test_vsid(void **state)
{
	static const uint32_t out[] = {0, 1, 4095, 16777216, UINT32_MAX};
	struct gw_hnv_object o[] = {record(), croute(), port(), vrf()};
	uint32_t *vsid[] = {&o[0].record.vsid, &o[1].croute.vsid, &o[2].port.vsid, &o[3].vrf.vsid};

	(void)state;
	for (size_t k = 0; k < GW_N(o); k++) {
		for (size_t i = 0; i < GW_N(out); i++) {
			*vsid[k] = out[i];
			refused(&o[k], GW_ERR_INVALID_PROPERTY, "properties.VirtualSubnetID", "from 4096 to 16777214");
		}
		*vsid[k] = 16777215;
		refused(&o[k], GW_ERR_INVALID_PROPERTY, "properties.VirtualSubnetID", "system-message VSID");
		*vsid[k] = 4096;
		accepted(&o[k]);
		*vsid[k] = 16777214;
		accepted(&o[k]);
	}
}

static void test_record_addresses(void **state)
{
	static const struct {
		const char *ca, *pa;
		uint8_t type;
		enum gw_error_code code; /* NONE: accepted */
		const char *target, *words;
	} rows[] = {
		{"192.168.1.101", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_NONE, "", ""},
		{"fd00::5", "10.1.1.20", GW_RECORD_DYNAMIC, GW_ERR_NONE, "", ""},
		{"169.254.1.1", "10.1.1.20", GW_RECORD_L2ONLY, GW_ERR_NONE, "", ""},
		{"0.0.0.0", "10.1.1.20", GW_RECORD_WILDCARD, GW_ERR_NONE, "", ""},
		{"::", "10.1.1.20", GW_RECORD_WILDCARD, GW_ERR_NONE, "", ""},
		{"192.168.1.1", "169.254.254.254", GW_RECORD_STATIC, GW_ERR_NONE, "", ""},
		{"0.0.0.0", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress",
		 "set Type to GatewayWildcard"},
		{"::", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress",
		 "set Type to GatewayWildcard"},
		{"10.0.0.1", "10.1.1.20", GW_RECORD_WILDCARD, GW_ERR_INVALID_PROPERTY, "Type", "0.0.0.0"},
		{"224.0.0.5", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress", "unicast"},
		{"255.255.255.255", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress",
		 "unicast"},
		{"127.0.0.1", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress", "unicast"},
		{"ff02::1", "10.1.1.20", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "CustomerAddress", "unicast"},
		{"10.0.0.1", "fd00::1", GW_RECORD_STATIC, GW_ERR_NOT_SUPPORTED, "ProviderAddress",
		 "IPv4 in this version"},
		{"10.0.0.1", "0.0.0.0", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "ProviderAddress", "unicast"},
		{"10.0.0.1", "239.0.0.1", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "ProviderAddress", "unicast"},
		{"10.0.0.1", "255.255.255.255", GW_RECORD_STATIC, GW_ERR_INVALID_PROPERTY, "ProviderAddress",
		 "unicast"},
		{"0.0.0.0", "169.254.1.1", GW_RECORD_WILDCARD, GW_ERR_INVALID_PROPERTY, "ProviderAddress", "router"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_hnv_object o = record();
		char target[64];

		o.record.ca = addr(rows[i].ca);
		o.record.pa = addr(rows[i].pa);
		o.record.type = rows[i].type;
		snprintf(target, sizeof target, "properties.%s", rows[i].target);
		if (rows[i].code == GW_ERR_NONE)
			accepted(&o);
		else
			refused(&o, rows[i].code, target, rows[i].words);
	}
}

static void test_macs(void **state)
{
	struct gw_hnv_object o[] = {record(), port(), vrf()};
	struct gw_mac *m[] = {&o[0].record.mac, &o[1].port.mac, &o[2].vrf.mac};

	(void)state;
	for (size_t i = 0; i < GW_N(o); i++) {
		*m[i] = mac("01005e000001");
		refused(&o[i], GW_ERR_INVALID_PROPERTY, "properties.MACAddress", "unicast");
		*m[i] = mac("000000000000");
		refused(&o[i], GW_ERR_INVALID_PROPERTY, "properties.MACAddress", "unicast");
		*m[i] = router_mac;
		refused(&o[i], GW_ERR_INVALID_PROPERTY, "properties.MACAddress", "[engine] router_mac");
	}
	o[0].record.pa = addr("169.254.1.1");
	assert_true(gw_hnv_record_is_router(&o[0].record));
	accepted(&o[0]);
	o[0].record.pa = addr("169.253.1.1");
	assert_false(gw_hnv_record_is_router(&o[0].record));
}

static void test_record_rest(void **state)
{
	struct gw_hnv_object o = record();
	char name[130];

	(void)state;
	o.record.rule = GW_RULE_NAT;
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.Rule", "TranslationMethodNat");
	o.record.rule = GW_RULE_NONE;
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.Rule", "TranslationMethodEncap");
	o = record();
	memset(name, 'n', sizeof name);
	name[127] = '\0';
	o.record.vm_name = name;
	accepted(&o);
	name[127] = 'n', name[128] = '\0';
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.VMName", "127");
	o.record.vm_name = (char *)"a\nb";
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.VMName", "control");
	o.record.vm_name = (char *)"\xc3\x28";
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.VMName", "UTF-8");
	o.record.vm_name = (char *)"Grün 1";
	accepted(&o);
}

static void test_next_hops(void **state)
{
	static const struct {
		const char *prefix, *hop;
		enum gw_error_code code;
		const char *target, *words;
	} rows[] = {
		{"192.168.1.0/24", "0.0.0.0", GW_ERR_NONE, "", ""},
		{"192.168.1.0/24", "::", GW_ERR_NONE, "", ""},
		{"fd00::/64", "0.0.0.0", GW_ERR_NONE, "", ""},
		{"0.0.0.0/0", "192.168.1.9", GW_ERR_NONE, "", ""},
		{"::/0", "fd00::9", GW_ERR_NONE, "", ""},
		{"::/0", "192.168.1.9", GW_ERR_INVALID_PROPERTY, "NextHop",
		 "another address family than the destination ::/0"},
		{"0.0.0.0/0", "fd00::9", GW_ERR_INVALID_PROPERTY, "NextHop", "family"},
		{"192.168.1.0/24", "239.0.1.5", GW_ERR_NOT_SUPPORTED, "NextHop", "multicast"},
		{"192.168.1.0/24", "255.255.255.255", GW_ERR_INVALID_PROPERTY, "NextHop", "on-link"},
		{"192.168.1.0/24", "127.0.0.1", GW_ERR_INVALID_PROPERTY, "NextHop", "unicast"},
		{"224.0.0.0/4", "0.0.0.0", GW_ERR_NOT_SUPPORTED, "DestinationPrefix", "multicast"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_hnv_object o = croute();
		char target[64];

		o.croute.prefix = prefix(rows[i].prefix);
		o.croute.next_hop = addr(rows[i].hop);
		snprintf(target, sizeof target, "properties.%s", rows[i].target);
		if (rows[i].code == GW_ERR_NONE)
			accepted(&o);
		else
			refused(&o, rows[i].code, target, rows[i].words);
	}
}

static void test_prefix_from_elsewhere(void **state)
{
	struct gw_hnv_object o = croute();

	(void)state;
	o.croute.prefix.addr = addr("192.168.1.1");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.DestinationPrefix", "192.168.1.1/24");
	o.croute.prefix = (struct gw_prefix){.addr = addr("192.168.1.1"), .len = 33};
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.DestinationPrefix", "192.168.1.1/33");
}

static void test_provider(void **state)
{
	struct gw_hnv_object o = paddr();

	(void)state;
	accepted(&o);
	o.paddr.prefix_len = 32;
	accepted(&o);
	o.paddr.prefix_len = 33;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "1 to 32");
	o.paddr.prefix_len = 0;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "1 to 32");
	o = paddr();
	o.paddr.vlan = 7;
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.VlanID", "use a VLAN interface");
	o = paddr();
	o.paddr.pa = addr("fd00::1");
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.ProviderAddress", "IPv4 in this version");
	o.paddr.pa = addr("224.0.0.1");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.ProviderAddress", "unicast");
	o.paddr.pa = addr("169.254.0.9");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.ProviderAddress", "router");
	o = paddr();
	strcpy(o.paddr.interface, "..");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.Interface", "\"..\"");

	o = proute();
	accepted(&o);
	o.proute.next_hop = addr("0.0.0.0");
	accepted(&o);
	o.proute.next_hop = addr("224.0.0.1");
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.NextHop", "multicast");
	o = proute();
	o.proute.prefix = prefix("fd00::/64");
	o.proute.next_hop = addr("fd00::1");
	refused(&o, GW_ERR_NOT_SUPPORTED, "properties.DestinationPrefix", "IPv4");
	o = proute();
	strcpy(o.proute.interface, "a b");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.Interface", "\"a b\"");

	o = port();
	accepted(&o);
	o.port.interface[0] = '\0';
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.Interface", "1 to 15 bytes");
}

static void test_virtual_gateways(void **state)
{
	struct gw_hnv_object o = vrf();

	(void)state;
	accepted(&o);
	o.vrf.has_ca = false;
	refused(&o, GW_ERR_MISSING_PROPERTY, "properties.CustomerAddress", "CustomerAddressV6");
	o.vrf.has_ca6 = true;
	o.vrf.ca6 = addr("fd00::2");
	o.vrf.prefix_len6 = 126;
	accepted(&o);
	o.vrf.prefix_len6 = 127;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.PrefixLengthV6", "1 to 126");
	o.vrf.ca6 = addr("10.1.0.2");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.CustomerAddressV6", "no IPv6 unicast");
	o = vrf();
	o.vrf.prefix_len = 31;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "1 to 30");
	o.vrf.prefix_len = 0;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "1 to 30");
	o.vrf.ca = addr("224.0.0.1");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.CustomerAddress", "no IPv4 unicast");
	o.vrf.ca = addr("fd00::2");
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.CustomerAddress", "no IPv4 unicast");
}

static void test_public_addresses(void **state)
{
	static const struct {
		const char *prefix;
		uint16_t first;
		uint32_t count;
		const char *target, *words; /* NULL: accepted */
	} rows[] = {
		{"203.0.113.5/32", 0, 0, NULL, NULL},
		{"203.0.113.0/24", 0, 0, NULL, NULL},
		{"2001:db8::/48", 0, 0, NULL, NULL},
		{"2001:db8::5/128", 0, 0, NULL, NULL},
		{"203.0.113.5/32", 1024, 1024, NULL, NULL},
		{"203.0.113.5/32", 1024, 64512, NULL, NULL},
		{"203.0.113.5/32", 64512, 1024, NULL, NULL},
		{"203.0.113.5/32", 1, 1, NULL, NULL},
		{"203.0.113.5/32", 65535, 1, NULL, NULL},
		{"10.0.0.0/7", 0, 0, "PublicPrefix", "8 to 32"},
		{"2000::/15", 0, 0, "PublicPrefix", "8 to 32"},
		{"224.0.0.0/8", 0, 0, "PublicPrefix", "not routed"},
		{"169.254.1.0/24", 0, 0, "PublicPrefix", "not routed"},
		{"fe80::1/128", 0, 0, "PublicPrefix", "not routed"},
		{"127.0.0.1/32", 0, 0, "PublicPrefix", "not routed"},
		{"0.0.0.0/8", 0, 0, "PublicPrefix", "not routed"},
		{"203.0.113.5/32", 80, 0, "PortCount", "missing"},
		{"203.0.113.0/24", 80, 1, "FirstPort", "single IPv4 address"},
		{"2001:db8::5/128", 1024, 1024, "FirstPort", "single IPv4 address"},
		{"203.0.113.5/32", 80, 2, "PortCount", "multiple of 1024"},
		{"203.0.113.5/32", 1000, 1024, "PortCount", "multiple of 1024"},
		{"203.0.113.5/32", 1024, 1025, "PortCount", "multiple of 1024"},
		{"203.0.113.5/32", 0, 1024, "FirstPort", "1 and 65535"},
		{"203.0.113.5/32", 0, 1, "FirstPort", "1 and 65535"},
		{"203.0.113.5/32", 64512, 2048, "FirstPort", "1 and 65535"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_hnv_object o = public_address(rows[i].prefix, rows[i].first, rows[i].count);
		char target[64];

		snprintf(target, sizeof target, "properties.%s", rows[i].target ? rows[i].target : "");
		if (rows[i].target)
			refused(&o, GW_ERR_INVALID_PROPERTY, target, rows[i].words);
		else
			accepted(&o);
	}
}

static void test_nat_rules(void **state)
{
	static const struct {
		enum gw_nat_type type;
		enum gw_nat_protocol protocol;
		const char *outside, *inside;
		uint16_t port;
		uint32_t count;
		uint16_t customer_port;
		const char *target, *words; /* NULL: accepted */
	} rows[] = {
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 0, 0, 0, NULL, NULL},
		{GW_NAT_OUTBOUND, GW_NAT_TCP, "203.0.113.5", "0.0.0.0/0", 1024, 1024, 0, NULL, NULL},
		{GW_NAT_OUTBOUND, GW_NAT_UDP, "2001:db8::5", "fd00::/8", 0, 0, 0, NULL, NULL},
		{GW_NAT_INBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.4/32", 0, 0, 0, NULL, NULL},
		{GW_NAT_INBOUND, GW_NAT_TCP, "203.0.113.5", "10.0.0.4/32", 80, 1, 8080, NULL, NULL},
		{GW_NAT_INBOUND, GW_NAT_UDP, "203.0.113.5", "10.0.0.4/32", 65000, 536, 0, NULL, NULL},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "224.0.0.1", "10.0.0.0/8", 0, 0, 0, "PublicAddress", "not routed"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "fd00::/8", 0, 0, 0, "CustomerPrefix", "family"},
		{GW_NAT_INBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/24", 0, 0, 0, "CustomerPrefix", "one address"},
		{GW_NAT_INBOUND, GW_NAT_ALL, "203.0.113.5", "224.0.0.1/32", 0, 0, 0, "CustomerPrefix", "one address"},
		{GW_NAT_INBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.4/32", 80, 1, 0, "PublicPort", "has no ports"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 80, 0, 0, "PortCount", "together"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 0, 80, 0, "PublicPort", "together"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 65000, 537, 0, "PortCount", "65535"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 1024, 1024, 9, "CustomerPort", "Inbound"},
		{GW_NAT_OUTBOUND, GW_NAT_ALL, "203.0.113.5", "10.0.0.0/8", 0, 0, 9, "CustomerPort", "PublicPort"},
		{GW_NAT_INBOUND, GW_NAT_TCP, "203.0.113.5", "10.0.0.4/32", 80, 2, 65535, "CustomerPort", "65535"},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_hnv_object o = nat_rule(rows[i].type, rows[i].protocol, rows[i].outside, rows[i].inside);
		char target[64];

		o.nat.port = rows[i].port;
		o.nat.port_count = rows[i].count;
		o.nat.customer_port = rows[i].customer_port;
		snprintf(target, sizeof target, "properties.%s", rows[i].target ? rows[i].target : "");
		if (rows[i].target)
			refused(&o, GW_ERR_INVALID_PROPERTY, target, rows[i].words);
		else
			accepted(&o);
	}
	struct gw_hnv_object o = nat_rule(GW_NAT_INBOUND, GW_NAT_TCP, "203.0.113.5", "10.0.0.4/32");

	refused(&o, GW_ERR_MISSING_PROPERTY, "properties.PublicPort", "Tcp needs it");
	o.nat.customer.addr = addr("10.0.0.5");
	o.nat.customer.len = 24;
	refused(&o, GW_ERR_INVALID_PROPERTY, "properties.CustomerPrefix", "without bits behind");
}

static void test_connections(void **state)
{
	struct gw_hnv_object l3 = {.kind = GW_HNV_CONNECTION, .way = {.id = {{3}}, .rdid = rdid, .type = GW_WAY_L3}};
	struct gw_hnv_object gre = {.kind = GW_HNV_CONNECTION, .way = {.id = {{4}}, .rdid = rdid, .type = GW_WAY_GRE}};
	struct gw_hnv_object on = {
		.kind = GW_HNV_CONNECTION_ADDRESS,
		.way_address = {.id = {{3}}, .rdid = rdid, .address = addr("10.254.0.1"), .prefix_len = 24}};
	struct gw_hnv_object behind = {.kind = GW_HNV_CONNECTION_ROUTE,
				       .way_route = {.id = {{3}}, .rdid = rdid, .prefix = prefix("172.20.0.0/16")}};
	char a[IFNAMSIZ], b[IFNAMSIZ];

	(void)state;
	accepted(&l3); /* at the [external] interface, untagged */
	l3.way.has_interface = true;
	refused(&l3, GW_ERR_INVALID_PROPERTY, "properties.Interface", "no interface name");
	snprintf(l3.way.interface, sizeof l3.way.interface, "eth2");
	l3.way.vlan = 4094;
	accepted(&l3);
	l3.way.has_key = true;
	refused(&l3, GW_ERR_INVALID_PROPERTY, "properties.Key", "GRE");
	refused(&gre, GW_ERR_MISSING_PROPERTY, "properties.DestinationAddress", "where");
	gre.way.has_destination = gre.way.has_source = true;
	gre.way.destination = addr("198.51.100.9");
	gre.way.source = addr("192.0.2.2");
	accepted(&gre);
	gre.way.source = gre.way.destination;
	refused(&gre, GW_ERR_INVALID_PROPERTY, "properties.SourceAddress", "DestinationAddress");
	gre.way.source = addr("2001:db8::1");
	refused(&gre, GW_ERR_NOT_SUPPORTED, "properties.SourceAddress", "IPv4");
	gre.way.source = addr("192.0.2.2");
	gre.way.destination = addr("224.0.0.9");
	refused(&gre, GW_ERR_INVALID_PROPERTY, "properties.DestinationAddress", "unicast");
	gre.way.destination = addr("198.51.100.9");
	gre.way.vlan = 7;
	refused(&gre, GW_ERR_INVALID_PROPERTY, "properties.VlanID", "L3");
	accepted(&on);
	on.way_address.prefix_len = 33;
	refused(&on, GW_ERR_INVALID_PROPERTY, "properties.PrefixLength", "32");
	on.way_address.address = addr("ff02::1");
	refused(&on, GW_ERR_INVALID_PROPERTY, "properties.Address", "unicast");
	behind.way_route.next_hop = addr("10.254.0.2");
	accepted(&behind);
	behind.way_route.next_hop = addr("fd00::1");
	refused(&behind, GW_ERR_INVALID_PROPERTY, "properties.NextHop", "family");
	assert_string_not_equal(gw_way_link(&l3.way.id, a), gw_way_link(&gre.way.id, b));
	/* The next process must find what this one has made. */
	assert_string_equal(gw_way_link(&l3.way.id, a), "gwca30a4927");
	assert_true(gw_hnv_interface_valid(a) && gw_hnv_interface_valid(gw_way_inside(&l3.way.id, b)));
	struct gw_mac mac = gw_way_mac(&l3.way.id);

	assert_true(gw_mac_is_unicast(&mac));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_key_and_content),
		cmocka_unit_test(test_key_and_content_of_gateways),
		cmocka_unit_test(test_virtual_gateways),
		cmocka_unit_test(test_public_addresses),
		cmocka_unit_test(test_nat_rules),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_interface_names),
		cmocka_unit_test(test_vsid),
		cmocka_unit_test(test_record_addresses),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_record_rest),
		cmocka_unit_test(test_next_hops),
		cmocka_unit_test(test_prefix_from_elsewhere),
		cmocka_unit_test(test_provider),
	};

	return cmocka_run_group_tests_name("hnv", tests, NULL, NULL);
}
