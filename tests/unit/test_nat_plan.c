/* test_nat_plan.c - rules and public addresses as elements of maps. Pure; what is expected stands beside each table of rules. */
#include "fixture.h"
#include "test.h"

#include "nat/plan.h"

#include <arpa/inet.h>

#define RD   "11111111-1111-1111-1111-111111111111"
#define RULE "\"RoutingDomainID\":\"" RD "\","

static const struct gw_uuid rdid = {
	{0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11}};

struct rule {
	const char *type, *protocol, *address, *customer;
	unsigned port, count, customer_port, idle;
};

static struct gw_intent *intent_of(const struct rule *rules, size_t n, const char *const *publics)
{
	struct gw_intent_limits limits = {.router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_intent *in;
	char json[512];

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 100000;
	assert_int_equal(gw_intent_new(&limits, &in), 0);
	gw_intent_begin(in);
	snprintf(json, sizeof json,
		 "{" RULE "\"VirtualSubnetID\":5001,\"MACAddress\":\"020000000101\",\"CustomerAddress\":\"10.0.0.1\","
		 "\"PrefixLength\":24}");
	assert_int_equal(gw_intent_put(in, fixture_object(GW_HNV_VRF, json), &err), 0);
	for (; publics && *publics; publics++) {
		snprintf(json, sizeof json, "{" RULE "%s}", *publics);
		check(gw_intent_put(in, fixture_object(GW_HNV_PUBLIC, json), &err) == 0, "%s", err.message);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(json, sizeof json,
			 "{" RULE
			 "\"Type\":\"%s\",\"Protocol\":\"%s\",\"PublicAddress\":\"%s\",\"CustomerPrefix\":\"%s\","
			 "\"PublicPort\":%u,\"PortCount\":%u,\"CustomerPort\":%u,\"IdleTimeout\":%u}",
			 rules[i].type, rules[i].protocol, rules[i].address, rules[i].customer, rules[i].port,
			 rules[i].count, rules[i].customer_port, rules[i].idle);
		check(gw_intent_put(in, fixture_object(GW_HNV_NAT_RULE, json), &err) == 0, "%s: %s", json, err.message);
	}
	gw_intent_commit(in);
	return in;
}

static void expect_plan(const struct rule *rules, size_t n, const char *const *publics, const char *expected)
{
	struct gw_intent *in = intent_of(rules, n, publics);
	struct nat_plan p;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(nat_plan_make(in, &rdid, &p), 0);
	for (size_t i = 0; i < p.n_elems; i++) {
		nat_elem_print(&p.elems[i], f);
		if (i)
			assert_true(nat_elem_cmp(&p.elems[i - 1], &p.elems[i]) < 0);
	}
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
	nat_plan_done(&p);
	gw_intent_free(in);
}

/* Prefixes within each other become ranges beside each other. */
static void test_nested(void **state)
{
	static const struct rule rules[] = {
		{"Outbound", "All", "203.0.113.1", "10.0.0.0/8", 0, 0, 0, 0},
		{"Outbound", "All", "203.0.113.2", "10.1.0.0/16", 0, 0, 0, 0},
		{"Outbound", "All", "203.0.113.3", "10.1.0.0/24", 0, 0, 0, 0},
		{"Outbound", "All", "203.0.113.4", "10.1.255.255/32", 0, 0, 0, 0},
	};

	(void)state;
	expect_plan(rules, GW_N(rules), NULL,
		    "out-all4 10.0.0.0-10.0.255.255 -> 203.0.113.1\n"
		    "out-all4 10.1.0.0-10.1.0.255 -> 203.0.113.3\n"
		    "out-all4 10.1.1.0-10.1.255.254 -> 203.0.113.2\n"
		    "out-all4 10.2.0.0-10.255.255.255 -> 203.0.113.1\n"
		    "out-one4 10.1.255.255 -> 203.0.113.4\n");
}

/* At both ends of all addresses, and IPv4 apart from IPv6. */
static void test_edges(void **state)
{
	static const struct rule rules[] = {
		{"Outbound", "All", "203.0.113.1", "0.0.0.0/0", 0, 0, 0, 0},
		{"Outbound", "All", "203.0.113.2", "255.255.255.255/32", 0, 0, 0, 0},
		{"Outbound", "All", "203.0.113.3", "0.0.0.0/32", 0, 0, 0, 0},
		{"Outbound", "All", "2001:db8::1", "::/0", 0, 0, 0, 0},
		{"Outbound", "All", "2001:db8::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 0, 0, 0, 0},
	};

	(void)state;
	expect_plan(rules, GW_N(rules), NULL,
		    "out-all4 0.0.0.1-255.255.255.254 -> 203.0.113.1\n"
		    "out-one4 0.0.0.0 -> 203.0.113.3\n"
		    "out-one4 255.255.255.255 -> 203.0.113.2\n"
		    "out-all6 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe -> 2001:db8::1\n"
		    "out-one6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff -> 2001:db8::2\n");
}

/* A protocol's own rule before the one for all; a block of ports is for what has ports. */
static void test_protocols(void **state)
{
	static const struct rule rules[] = {
		{"Outbound", "All", "203.0.113.1", "10.0.0.0/24", 1024, 1024, 0, 0},
		{"Outbound", "Udp", "203.0.113.2", "10.0.0.0/24", 0, 0, 0, 9},
		{"Outbound", "Tcp", "203.0.113.3", "10.0.0.4/32", 0, 0, 0, 0},
	};

	(void)state;
	expect_plan(rules, GW_N(rules), NULL,
		    "out-ports4 10.0.0.0-10.0.0.3 1 -> 203.0.113.1:1024-2047\n"
		    "out-ports4 10.0.0.0-10.0.0.3 6 -> 203.0.113.1:1024-2047\n"
		    "out-ports4 10.0.0.4 1 -> 203.0.113.1:1024-2047\n"
		    "out-ports4 10.0.0.5-10.0.0.255 1 -> 203.0.113.1:1024-2047\n"
		    "out-ports4 10.0.0.5-10.0.0.255 6 -> 203.0.113.1:1024-2047\n"
		    "out4 10.0.0.0-10.0.0.3 17 -> 203.0.113.2\n"
		    "out4 10.0.0.4 6 -> 203.0.113.3\n"
		    "out4 10.0.0.4 17 -> 203.0.113.2\n"
		    "out4 10.0.0.5-10.0.0.255 17 -> 203.0.113.2\n"
		    "idle-out4 10.0.0.0-10.0.0.3 17 -> 9 minutes\n"
		    "idle-out4 10.0.0.4 17 -> 9 minutes\n"
		    "idle-out4 10.0.0.5-10.0.0.255 17 -> 9 minutes\n");
}

static void test_inbound(void **state)
{
	static const struct rule rules[] = {
		{"Inbound", "Tcp", "203.0.113.1", "10.0.0.4/32", 80, 1, 8080, 5},
		{"Inbound", "Tcp", "203.0.113.1", "10.0.0.4/32", 1000, 100, 0, 0},
		{"Inbound", "Udp", "203.0.113.1", "10.0.0.5/32", 2000, 2, 3000, 0},
		{"Inbound", "All", "203.0.113.2", "10.0.0.6/32", 0, 0, 0, 0},
		{"Inbound", "Tcp", "203.0.113.1", "10.0.0.9/32", 1050, 10, 0, 0}, /* taken: passed over */
	};
	static const char *const publics[] = {
		"\"PublicPrefix\":\"203.0.113.1/32\",\"FirstPort\":1024,\"PortCount\":1024",
		"\"PublicPrefix\":\"203.0.113.1/32\",\"FirstPort\":80,\"PortCount\":1",
		"\"PublicPrefix\":\"203.0.113.2/32\",\"FirstPort\":0,\"PortCount\":0",
		"\"PublicPrefix\":\"2001:db8:a::/64\",\"FirstPort\":0,\"PortCount\":0",
		NULL,
	};

	(void)state;
	expect_plan(rules, GW_N(rules), publics,
		    "in-port4 80 203.0.113.1 6 -> 10.0.0.4:8080\n"
		    "in-port4 2000 203.0.113.1 17 -> 10.0.0.5:3000\n"
		    "in-port4 2001 203.0.113.1 17 -> 10.0.0.5:3001\n"
		    "in-range4 1000-1099 203.0.113.1 6 -> 10.0.0.4\n"
		    "in-all4 203.0.113.2 -> 10.0.0.6\n"
		    "public4 203.0.113.1\n"
		    "public4 203.0.113.2\n"
		    "routed4 203.0.113.2\n"
		    "idle-in4 80 203.0.113.1 6 -> 5 minutes\n"
		    "public6 2001:db8:a::-2001:db8:a:0:ffff:ffff:ffff:ffff\n"
		    "routed6 2001:db8:a::-2001:db8:a:0:ffff:ffff:ffff:ffff\n");
}

/* Every hash of a source has one member, and no two have the same. */
static void test_group(void **state)
{
	struct rule rules[7];
	struct gw_intent *in;
	struct nat_plan p;
	uint32_t next = 0;
	char addr[7][20];

	(void)state;
	for (size_t i = 0; i < GW_N(rules); i++) {
		snprintf(addr[i], sizeof addr[i], "203.0.113.%zu", i + 1);
		rules[i] = (struct rule){"Outbound", "All", addr[i], "10.0.0.0/24", 0, 0, 0, 0};
	}
	in = intent_of(rules, GW_N(rules), NULL);
	assert_int_equal(nat_plan_make(in, &rdid, &p), 0);
	assert_int_equal(p.n_elems, 1 + GW_N(rules));
	assert_int_equal(p.elems[0].map, NAT_MAP_GROUP);
	for (size_t i = 1; i < p.n_elems; i++) {
		const struct nat_elem *e = &p.elems[i];
		uint32_t first, last;

		assert_int_equal(e->map, NAT_MAP_MEMBER_ADDR);
		assert_memory_equal(e->key, p.elems[0].data, 4);
		memcpy(&first, e->key + 4, 4);
		memcpy(&last, e->key_end + 4, 4);
		assert_int_equal(__builtin_bswap32(first), next);
		next = __builtin_bswap32(last) + 1;
	}
	assert_int_equal(next, NAT_SLOTS);
	nat_plan_done(&p);
	gw_intent_free(in);
}

static void expect_near(const struct rule *rules, size_t n, unsigned family, const char *addr, unsigned expected)
{
	struct gw_intent *in = intent_of(rules, n, NULL);
	uint8_t bytes[16], want[16] = {0};
	struct nat_plan p;

	assert_int_equal(nat_plan_make(in, &rdid, &p), 0);
	assert_int_equal(inet_pton(family ? AF_INET6 : AF_INET, addr, want), 1);
	memset(want + expected, 0, sizeof want - expected);
	assert_int_equal(nat_plan_near(&p, family, bytes), expected);
	assert_memory_equal(bytes, want, sizeof want);
	nat_plan_done(&p);
	gw_intent_free(in);
}

/* With how many bytes all addresses begin alike that inbound rules are for. */
static void test_near(void **state)
{
	static const struct rule rules[] = {
		{"Inbound", "All", "203.0.113.2", "10.0.0.4/32", 0, 0, 0, 0},
		{"Inbound", "Tcp", "203.0.113.2", "10.0.0.5/32", 80, 1, 0, 0},
		{"Inbound", "Udp", "203.0.7.1", "10.0.0.5/32", 80, 10, 0, 0},
		{"Inbound", "Udp", "203.7.7.1", "10.0.0.5/32", 80, 10, 8080, 0},
		{"Inbound", "Tcp", "7.7.7.1", "10.0.0.5/32", 80, 10, 0, 0},
		{"Outbound", "All", "9.9.9.9", "10.0.0.0/24", 0, 0, 0, 0},
	};
	static const struct rule six[] = {
		{"Inbound", "All", "2001:db8:1:2:3::1", "fd00::1/128", 0, 0, 0, 0},
		{"Inbound", "Tcp", "2001:db8:1:2:3::2", "fd00::2/128", 80, 1, 0, 0},
		{"Inbound", "Tcp", "2001:db8:2::2", "fd00::2/128", 80, 1, 0, 0},
	};

	(void)state;
	expect_near(rules, 1, 0, "203.0.113.2", 4);
	expect_near(rules, 2, 0, "203.0.113.2", 4);
	expect_near(rules, 3, 0, "203.0.113.2", 2);
	expect_near(rules, 4, 0, "203.0.113.2", 1);
	expect_near(rules, 5, 0, "203.0.113.2", 0);
	expect_near(rules + 5, 1, 0, "9.9.9.9", 0);
	expect_near(rules, 1, 1, "::", 0);
	expect_near(six, 1, 1, "2001:db8:1:2:3::1", 16);
	expect_near(six, 2, 1, "2001:db8:1:2:3::1", 8);
	expect_near(six, 3, 1, "2001:db8:1:2:3::1", 4);
}

/* What is random never makes elements that overlap, and says of each source what the rules say. */
static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 200; round++) {
		struct rule rules[30] = {0};
		char customer[30][24], address[30][20];
		struct gw_intent *in;
		struct nat_plan p;
		size_t n = 0;

		for (size_t i = 0; i < GW_N(rules); i++) {
			unsigned len = 24 + (unsigned)rand() % 9,
				 host = (unsigned)rand() % 256 & (0xff00u >> (len - 24)) & 0xff;
			bool again = false;

			snprintf(customer[n], sizeof customer[n], "10.0.0.%u/%u", len == 24 ? 0 : host, len);
			for (size_t k = 0; k < n; k++)
				again |= !strcmp(customer[k], customer[n]);
			if (again)
				continue;
			snprintf(address[n], sizeof address[n], "203.0.113.%zu", n + 1);
			rules[n] = (struct rule){"Outbound", "All", address[n], customer[n], 0, 0, 0, 0};
			n++;
		}
		in = intent_of(rules, n, NULL);
		assert_int_equal(nat_plan_make(in, &rdid, &p), 0);
		for (unsigned host = 0; host < 256; host++) {
			struct gw_addr a = gw_addr_from_v4(0x0a000000u + host);
			uint8_t at[4] = {10, 0, 0, (uint8_t)host};
			const struct gw_nat_rule *best = NULL;
			size_t hits = 0;

			for (size_t i = 0; i < p.n_rules; i++)
				if (gw_prefix_contains(&p.rules[i].customer, &a) &&
				    (!best || p.rules[i].customer.len > best->customer.len))
					best = &p.rules[i];
			for (size_t i = 0; i < p.n_elems; i++)
				if (memcmp(p.elems[i].key, at, 4) <= 0 && memcmp(p.elems[i].key_end, at, 4) >= 0) {
					hits++;
					assert_memory_equal(p.elems[i].data, best->address.b + 12, 4);
				}
			assert_int_equal(hits, best != NULL);
		}
		nat_plan_done(&p);
		gw_intent_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested),	cmocka_unit_test(test_edges), cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_inbound), cmocka_unit_test(test_group), cmocka_unit_test(test_random),
		cmocka_unit_test(test_near),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("nat_plan", tests, NULL, NULL);
}
