/* test_addr.c - text forms of addresses, prefixes, MACs and UUIDs, and what kind of address one is (ENC-4, FWD-5). */
#include "values.h"

#include <errno.h>

static void test_addr_text(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"192.168.1.101", "192.168.1.101"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"FD00:0:0::5", "fd00::5"},
		{"2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666"},
		{"::ffff:10.0.0.1", NULL},
		{"::ffff:a00:1", NULL},
		{"", NULL},
		{" 10.0.0.1", NULL},
		{"10.0.0.1 ", NULL},
		{"10.0.0", NULL},
		{"10.0.0.256", NULL},
		{"10.0.0.01", NULL},
		{"0x0a.0.0.1", NULL},
		{"10.0.0.1/24", NULL},
		{"fe80::1%eth0", NULL},
		{"1::2::3", NULL},
		{"host", NULL},
	};
	char buf[GW_ADDR_STRLEN];

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_addr a, untouched;
		int r;

		memset(&a, 0x5a, sizeof a);
		untouched = a;
		r = gw_addr_parse(rows[i].in, &a);
		check(r == (rows[i].out ? 0 : -EINVAL), "\"%s\"", rows[i].in);
		if (rows[i].out)
			assert_string_equal(gw_addr_format(&a, buf), rows[i].out);
		else
			check(gw_addr_equal(&a, &untouched), "\"%s\" was refused, but changed", rows[i].in);
	}
}

static void test_addr_kind(void **state)
{
	static const struct {
		const char *s;
		bool v4, any, unicast, multicast, link_local;
	} rows[] = {
		{"0.0.0.0", true, true, false, false, false},
		{"0.0.0.1", true, false, false, false, false},
		{"10.0.0.1", true, false, true, false, false},
		{"127.0.0.1", true, false, false, false, false},
		{"169.254.3.4", true, false, true, false, true},
		{"169.253.3.4", true, false, true, false, false},
		{"223.255.255.255", true, false, true, false, false},
		{"224.0.0.1", true, false, false, true, false},
		{"239.255.255.255", true, false, false, true, false},
		{"240.0.0.1", true, false, true, false, false},
		{"255.255.255.255", true, false, false, false, false},
		{"::", false, true, false, false, false},
		{"::1", false, false, false, false, false},
		{"::2", false, false, true, false, false},
		{"fd00::1", false, false, true, false, false},
		{"fe80::1", false, false, true, false, true},
		{"febf::1", false, false, true, false, true},
		{"fec0::1", false, false, true, false, false},
		{"ff02::1", false, false, false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_addr a = addr(rows[i].s);

		check(gw_addr_is_v4(&a) == rows[i].v4, "%s", rows[i].s);
		check(gw_addr_is_any(&a) == rows[i].any, "%s", rows[i].s);
		check(gw_addr_is_unicast(&a) == rows[i].unicast, "%s", rows[i].s);
		check(gw_addr_is_multicast(&a) == rows[i].multicast, "%s", rows[i].s);
		check(gw_addr_is_link_local(&a) == rows[i].link_local, "%s", rows[i].s);
	}
}

static void test_addr_v4(void **state)
{
	struct gw_addr a = gw_addr_from_v4(0x0a010114), b = addr("10.1.1.20");
	static const uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, 20};

	(void)state;
	assert_memory_equal(a.b, bytes, 16);
	assert_true(gw_addr_equal(&a, &b));
	assert_int_equal(gw_addr_to_v4(&b), 0x0a010114);
	b = addr("10.1.1.21");
	assert_true(gw_addr_cmp(&a, &b) < 0 && gw_addr_cmp(&b, &a) > 0);
}

static void test_prefix_text(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *out;
	} rows[] = {
		{"0.0.0.0/0", 0, "0.0.0.0/0"},
		{"192.168.1.0/24", 0, "192.168.1.0/24"},
		{"10.0.0.1/32", 0, "10.0.0.1/32"},
		{"10.0.0.128/25", 0, "10.0.0.128/25"},
		{"::/0", 0, "::/0"},
		{"FD00:1::/64", 0, "fd00:1::/64"},
		{"fd00::1/128", 0, "fd00::1/128"},
		{"192.168.1.1/24", -ERANGE, NULL},
		{"128.0.0.0/0", -ERANGE, NULL},
		{"10.0.0.129/25", -ERANGE, NULL},
		{"fd00::1/127", -ERANGE, NULL},
		{"fd00:1::8000:0:0:0/64", -ERANGE, NULL},
		{"10.0.0.0/33", -EINVAL, NULL},
		{"fd00::/129", -EINVAL, NULL},
		{"10.0.0.0", -EINVAL, NULL},
		{"10.0.0.0/", -EINVAL, NULL},
		{"10.0.0.0/+8", -EINVAL, NULL},
		{"10.0.0.0/08", -EINVAL, NULL},
		{"10.0.0.0/8 ", -EINVAL, NULL},
		{"10.0.0.0/0008", -EINVAL, NULL},
		{"/24", -EINVAL, NULL},
		{"10.0.0.0/4294967304", -EINVAL, NULL},
		{"", -EINVAL, NULL},
		{"10.0.0.0/8/8", -EINVAL, NULL},
		{"::ffff:0.0.0.0/96", -EINVAL, NULL},
		{"1111111111111111111111111111111111111111111111111111/8", -EINVAL, NULL},
	};
	char buf[GW_PREFIX_STRLEN];

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_prefix p = {.len = 77};
		int r = gw_prefix_parse(rows[i].in, &p);

		check(r == rows[i].r, "\"%s\": %d", rows[i].in, r);
		if (r == 0)
			assert_string_equal(gw_prefix_format(&p, buf), rows[i].out);
		else
			assert_int_equal(p.len, 77);
	}
}

static void test_prefix_contains(void **state)
{
	static const struct {
		const char *p, *a;
		bool in;
	} rows[] = {
		{"192.168.1.0/24", "192.168.1.0", true},
		{"192.168.1.0/24", "192.168.1.255", true},
		{"192.168.1.0/24", "192.168.2.0", false},
		{"10.0.0.128/25", "10.0.0.127", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "fd00::1", false},
		{"::/0", "fd00::1", true},
		{"::/0", "10.0.0.1", false},
		{"fd00::/127", "fd00::1", true},
		{"fd00::/127", "fd00::2", false},
		{"10.0.0.1/32", "10.0.0.1", true},
		{"10.0.0.1/32", "10.0.0.2", false},
	};

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_prefix p = prefix(rows[i].p);
		struct gw_addr a = addr(rows[i].a);

		check(gw_prefix_contains(&p, &a) == rows[i].in, "%s in %s", rows[i].a, rows[i].p);
	}
}

/* FWD-5: also right for prefixes other than /24 */
static void test_first_host(void **state)
{
	static const struct {
		const char *p, *first;
	} rows[] = {
		{"192.168.1.0/24", "192.168.1.1"}, {"192.168.1.64/26", "192.168.1.65"}, {"10.0.0.0/8", "10.0.0.1"},
		{"10.0.0.4/30", "10.0.0.5"},	   {"10.0.0.4/31", "10.0.0.4"},		{"10.0.0.4/32", "10.0.0.4"},
		{"fd00:1::/64", "fd00:1::1"},	   {"fd00::8/126", "fd00::9"},		{"fd00::8/127", "fd00::8"},
		{"fd00::8/128", "fd00::8"},
	};
	char buf[GW_ADDR_STRLEN];

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_prefix p = prefix(rows[i].p);
		struct gw_addr a = gw_prefix_first_host(&p);

		assert_string_equal(gw_addr_format(&a, buf), rows[i].first);
	}
}

static void test_mac(void **state)
{
	static const struct {
		const char *in, *out;
		bool unicast;
	} rows[] = {
		{"00155D011404", "00:15:5d:01:14:04", true},
		{"00-15-5D-01-14-04", "00:15:5d:01:14:04", true},
		{"00:15:5d:01:14:04", "00:15:5d:01:14:04", true},
		{"ffffffffffff", "ff:ff:ff:ff:ff:ff", false},
		{"01:00:5e:00:00:01", "01:00:5e:00:00:01", false},
		{"000000000000", "00:00:00:00:00:00", false},
		{"00:15-5d:01:14:04", NULL, false},
		{"00155D0114", NULL, false},
		{"00155D01140400", NULL, false},
		{"00:15:5d:01:14", NULL, false},
		{"00:15:5d:01:14:04:", NULL, false},
		{"0:15:5d:01:14:04", NULL, false},
		{"0015.5d01.1404", NULL, false},
		{"0015:5d01:1404", NULL, false},
		{"00155G011404", NULL, false},
		{"", NULL, false},
		{"00:", NULL, false},
		{"00155d011404 ", NULL, false},
	};
	char buf[GW_MAC_STRLEN];

	(void)state;
	for (size_t i = 0; i < GW_N(rows); i++) {
		struct gw_mac m;
		int r = gw_mac_parse(rows[i].in, &m);

		check(r == (rows[i].out ? 0 : -EINVAL), "\"%s\"", rows[i].in);
		if (r < 0)
			continue;
		assert_string_equal(gw_mac_format(&m, buf), rows[i].out);
		check(gw_mac_is_unicast(&m) == rows[i].unicast, "%s", rows[i].in);
	}
}

static void test_uuid(void **state)
{
	static const char canonical[] = "1a2b3c4d-2222-3333-4444-00000000000f";
	static const char *const good[] = {canonical, "{1A2B3C4D-2222-3333-4444-00000000000F}",
					   "1A2B3C4D-2222-3333-4444-00000000000F"};
	static const char *const bad[] = {"",
					  "{1a2b3c4d-2222-3333-4444-00000000000f",
					  "1a2b3c4d-2222-3333-4444-00000000000f}",
					  "1a2b3c4d22223333444400000000000f",
					  "1a2b3c4d-2222-3333-4444-00000000000",
					  "1a2b3c4d-2222-3333-4444-00000000000f0",
					  "1a2b3c4d-2222-3333-4444-00000000000g",
					  "1a2b3c4-d2222-3333-4444-00000000000f",
					  "{{1a2b3c4d-2222-3333-4444-00000000000f}}",
					  "{"};
	char buf[GW_UUID_STRLEN];
	struct gw_uuid u;

	(void)state;
	for (size_t i = 0; i < GW_N(good); i++) {
		check(gw_uuid_parse(good[i], &u) == 0, "%s", good[i]);
		assert_string_equal(gw_uuid_format(&u, buf), canonical);
	}
	for (size_t i = 0; i < GW_N(bad); i++)
		check(gw_uuid_parse(bad[i], &u) == -EINVAL, "\"%s\"", bad[i]);
}

/* ENC-4 */
static void test_vsid_range(void **state)
{
	(void)state;
	assert_false(gw_vsid_assignable(0));
	assert_false(gw_vsid_assignable(4095));
	assert_true(gw_vsid_assignable(4096));
	assert_true(gw_vsid_assignable(16777214));
	assert_false(gw_vsid_assignable(16777215));
	assert_false(gw_vsid_assignable(UINT64_C(0x100001000)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_addr_kind),
		cmocka_unit_test(test_addr_v4),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_prefix_contains),
		cmocka_unit_test(test_first_host),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_vsid_range),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
