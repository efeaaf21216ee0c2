/*
 * test_intent.c - rules between records, all-or-nothing changes, routing domains, virtual gateways and public addresses (API-1,
 * API-2, FWD-6, FWD-7, GW-1, GW-3).
 */
#include "intent_fixture.h"

#include <malloc.h>

static void test_own_rules_are_enforced(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_hnv_object *o = record(5001, 1, 1, 1);

	(void)state;
	gw_intent_begin(in);
	put_refused(in, record(4095, 1, 1, 1), GW_ERR_INVALID_PROPERTY, "properties.VirtualSubnetID",
		    "from 4096 to 16777214");
	o->record.mac = limits.router_mac;
	put_refused(in, o, GW_ERR_INVALID_PROPERTY, "properties.MACAddress", "router");
	assert_int_equal(gw_intent_delta(in).n, 0);
	assert_int_equal(gw_intent_count(in, GW_HNV_LOOKUP_RECORD), 0);
	gw_intent_rollback(in);
	gw_intent_free(in);
}

/* FWD-7: a VSID belongs to one routing domain; moving it in one change is fine when it leaves first. */
static void test_one_domain(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_uuid rdid, want = rdid_of(2);

	(void)state;
	gw_intent_begin(in);
	put(in, croute(1, 5001, 1, 255));
	put(in, croute(1, 5001, 2, 255));
	put_refused(in, croute(2, 5001, 3, 255), GW_ERR_CONFLICT, "properties.RoutingDomainID",
		    "11000000-0000-0000-0000-000000000001");
	gw_intent_commit(in);

	gw_intent_begin(in);
	take_away(in, croute(1, 5001, 1, 0));
	put_refused(in, croute(2, 5001, 3, 255), GW_ERR_CONFLICT, "properties.RoutingDomainID", "5001");
	take_away(in, croute(1, 5001, 2, 0));
	put(in, croute(2, 5001, 3, 255));
	assert_true(gw_intent_domain(in, 5001, &rdid));
	assert_true(gw_uuid_equal(&rdid, &want));
	gw_intent_rollback(in);

	want = rdid_of(1);
	assert_true(gw_intent_domain(in, 5001, &rdid));
	assert_true(gw_uuid_equal(&rdid, &want));
	gw_intent_free(in);
}

static void test_ports(void **state)
{
	struct gw_intent *in = new_intent();

	(void)state;
	gw_intent_begin(in);
	put(in, port("tap0", 5001, 1));
	put(in, port("tap1", 5001, 2));
	put(in, port("tap2", 5002, 1)); /* the same MAC in another VSID */
	put_refused(in, port("tap3", 5001, 1), GW_ERR_CONFLICT, "properties.MACAddress", "port tap0 has");
	put_refused(in, port("tap1", 5001, 1), GW_ERR_CONFLICT, "properties.MACAddress", "port tap0 has");
	put(in, port("tap0", 5001, 1)); /* itself */
	put(in, port("tap0", 5001, 3));
	put(in, port("tap3", 5001, 1)); /* is free now */
	put(in, record(5001, 9, 1, 1)); /* a port's MAC is what its record names */
	gw_intent_commit(in);
	assert_non_null(gw_intent_port(in, "tap3"));
	assert_null(gw_intent_port(in, "tap4"));
	assert_null(gw_intent_port(in, "a name that is far too long for an interface"));
	gw_intent_free(in);
}

static void test_port_or_underlay(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_addr pa = gw_addr_from_v4(0xac100001);

	(void)state;
	gw_intent_begin(in);
	put(in, paddr(1, "eth1"));
	put(in, port("tap0", 5001, 1));
	put_refused(in, port("eth1", 5001, 2), GW_ERR_CONFLICT, "properties.Interface", "172.16.0.1");
	put_refused(in, paddr(2, "tap0"), GW_ERR_CONFLICT, "properties.Interface", "detach the port");
	put(in, paddr(1, "eth2")); /* the address moves */
	put(in, port("eth1", 5001, 2));
	gw_intent_commit(in);
	assert_string_equal(gw_intent_paddr(in, &pa)->paddr.interface, "eth2");
	assert_int_equal(gw_intent_count(in, GW_HNV_PROVIDER_ADDRESS), 1);
	gw_intent_free(in);
}

static void test_limits(void **state)
{
	static const char *const keys[] = {
		[GW_HNV_PROVIDER_ADDRESS] = "[limits] provider_addresses",
		[GW_HNV_PROVIDER_ROUTE] = "[limits] provider_addresses",
		[GW_HNV_CUSTOMER_ROUTE] = "[limits] routes",
		[GW_HNV_LOOKUP_RECORD] = "[engine] record_limit",
		[GW_HNV_PORT] = "[limits] ports",
		[GW_HNV_VRF] = "[limits] virtual_gateways",
		[GW_HNV_PUBLIC] = "[limits] public_addresses",
		[GW_HNV_NAT_RULE] = "[limits] nat_rules",
		[GW_HNV_CONNECTION] = "[limits] network_connections",
		[GW_HNV_CONNECTION_ADDRESS] = "[limits] network_connections",
		[GW_HNV_CONNECTION_ROUTE] = "[limits] routes",
	};
	struct gw_intent_limits two = {.max = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, .router_mac = limits.router_mac};
	char name[16];

	(void)state;
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		struct gw_error err = GW_ERROR_INIT;
		struct gw_hnv_object *first = NULL;
		struct gw_intent *in;

		assert_int_equal(gw_intent_new(&two, &in), 0);
		gw_intent_begin(in);
		for (unsigned i = 0; i < 3; i++) {
			struct gw_hnv_object *o;

			snprintf(name, sizeof name, "if%u", i);
			o = k == GW_HNV_PROVIDER_ADDRESS     ? paddr(i, name)
			    : k == GW_HNV_PROVIDER_ROUTE     ? proute(i, 1, name)
			    : k == GW_HNV_CUSTOMER_ROUTE     ? croute(1, 5001, i, 1)
			    : k == GW_HNV_LOOKUP_RECORD	     ? record(5001, i + 1, i, 1)
			    : k == GW_HNV_VRF		     ? vrf(i, 5001 + i, i)
			    : k == GW_HNV_PUBLIC	     ? public(1, i + 1, 32, 0, 0)
			    : k == GW_HNV_NAT_RULE	     ? nat_rule(1, i + 1, 1)
			    : k == GW_HNV_CONNECTION	     ? connection(1, i + 1, 7)
			    : k == GW_HNV_CONNECTION_ADDRESS ? connection_address(1, 1, i + 1)
			    : k == GW_HNV_CONNECTION_ROUTE   ? connection_route(1, 1, i + 1)
							     : port(name, 5001, i);
			if (k == GW_HNV_PROVIDER_ADDRESS)
				o->paddr.pa = gw_addr_from_v4(0xac100001 + i);
			if (i == 0)
				first = gw_hnv_object_copy(o);
			assert_int_equal(gw_intent_validate(in, &err), 0);
			put(in, o);
		}
		assert_int_equal(gw_intent_validate(in, &err), -ENOSPC);
		assert_int_equal(err.code, GW_ERR_LIMIT_EXCEEDED);
		check(strstr(err.message, keys[k]), "%s", err.message);
		/* Only the final state counts. */
		take_away(in, first);
		assert_int_equal(gw_intent_validate(in, &err), 0);
		gw_intent_commit(in);
		gw_intent_free(in);
	}
}

/* A VSID leads to one virtual gateway, of the domain that it is in; whichever of them comes first. */
static void test_virtual_gateways(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_uuid one = rdid_of(1);

	(void)state;
	gw_intent_begin(in);
	put(in, vrf(1, 5001, 1));
	put_refused(in, vrf(2, 5001, 2), GW_ERR_CONFLICT, "properties.VirtualSubnetID", "gateway subnet");
	put_refused(in, croute(2, 5001, 1, 1), GW_ERR_CONFLICT, "properties.RoutingDomainID", "gateway subnet");
	put(in, croute(1, 5001, 1, 1));
	put(in, croute(2, 5002, 1, 1));
	put_refused(in, vrf(1, 5002, 1), GW_ERR_CONFLICT, "properties.VirtualSubnetID", "belongs to routing domain");
	gw_intent_commit(in);
	assert_ptr_equal(gw_intent_vrf(in, &one), gw_intent_vrf_of_vsid(in, 5001));
	assert_null(gw_intent_vrf_of_vsid(in, 5002));
	/* It moves to another subnet of its domain. */
	gw_intent_begin(in);
	put(in, vrf(1, 5003, 1));
	assert_null(gw_intent_vrf_of_vsid(in, 5001));
	assert_non_null(gw_intent_vrf_of_vsid(in, 5003));
	gw_intent_rollback(in);
	assert_non_null(gw_intent_vrf_of_vsid(in, 5001));
	gw_intent_free(in);
}

/* What is whose outside: no two overlap when a change ends, whatever it was on the way. */
static void test_public_addresses_apart(void **state)
{
	static const struct {
		unsigned host, len, first, count;
		const char *with; /* what it overlaps */
	} rows[] = {
		{7, 32, 0, 0, "203.0.113.7_32-0"},
		{7, 32, 1024, 1024, "203.0.113.7_32-0"},
		{0, 29, 0, 0, "203.0.113.7_32-0"},
		{0, 24, 0, 0, "203.0.113."},
		{8, 32, 4096, 1024, "203.0.113.8_32-"},
		{8, 32, 0, 0, "203.0.113.8_32-"},
		{8, 32, 8191, 1, "203.0.113.8_32-4096"},
		{8, 32, 80, 1, "203.0.113.8_32-80"},
		{33, 32, 0, 0, "203.0.113.32_28-0"},
		{40, 29, 0, 0, "203.0.113.32_28-0"},
		{6, 32, 0, 0, NULL},
		{8, 32, 8192, 1024, NULL},
		{8, 32, 81, 1, NULL},
		{48, 32, 0, 0, NULL},
		{31, 32, 0, 0, NULL},
		{16, 28, 0, 0, NULL},
	};
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_addr host = gw_addr_from_v4(0xcb007108);
	const struct gw_hnv_object *o;
	char id[GW_ID_STRLEN];

	(void)state;
	gw_intent_begin(in);
	put(in, public(1, 7, 32, 0, 0));
	put(in, public(1, 8, 32, 4096, 4096));
	put(in, public(2, 8, 32, 80, 1));
	put(in, public(2, 32, 28, 0, 0));
	assert_int_equal(gw_intent_validate(in, &err), 0);
	gw_intent_commit(in);
	for (size_t i = 0; i < GW_N(rows); i++) {
		/* Of the same key another size, or another key. */
		gw_intent_begin(in);
		put(in, public(3, rows[i].host, rows[i].len, rows[i].first, rows[i].count));
		if (!rows[i].with) {
			assert_int_equal(gw_intent_validate(in, &err), 0);
		} else if (gw_intent_delta(in).changes[0].before) {
			assert_int_equal(gw_intent_validate(in, &err), 0); /* it is given to another domain */
		} else {
			assert_int_equal(gw_intent_validate(in, &err), -EEXIST);
			assert_int_equal(err.code, GW_ERR_CONFLICT);
			check(strstr(err.message, rows[i].with), "%zu: %s", i, err.message);
		}
		gw_intent_rollback(in);
	}
	/* One takes the place of the other. */
	gw_intent_begin(in);
	put(in, public(3, 0, 28, 0, 0));
	take_away(in, public(1, 7, 32, 0, 0));
	take_away(in, public(1, 8, 32, 4096, 0));
	take_away(in, public(1, 8, 32, 80, 0));
	assert_int_equal(gw_intent_validate(in, &err), 0);
	gw_intent_rollback(in);
	o = gw_intent_public_from(in, &host, 0);
	assert_string_equal(gw_hnv_id(o, id), "203.0.113.8_32-80");
	o = gw_intent_public_after(in, o);
	assert_string_equal(gw_hnv_id(o, id), "203.0.113.8_32-4096");
	assert_ptr_equal(gw_intent_public_from(in, &host, 5000), o);
	assert_ptr_equal(gw_intent_public_from(in, &host, 8191), o);
	o = gw_intent_public_from(in, &host, 8192);
	assert_string_equal(gw_hnv_id(o, id), "203.0.113.32_28-0");
	assert_null(gw_intent_public_after(in, o));
	gw_intent_free(in);
}

/* A limit that was lowered below what is there stops growth, not deleting or replacing. */
static void test_lowered_limit(void **state)
{
	struct gw_intent_limits two = limits;
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	gw_intent_begin(in);
	for (unsigned i = 1; i <= 4; i++)
		put(in, record(5001, i, i, 1));
	gw_intent_commit(in);
	two.max[GW_HNV_LOOKUP_RECORD] = 2;
	gw_intent_set_limits(in, &two);
	gw_intent_begin(in);
	take_away(in, record(5001, 1, 0, 0));
	put(in, record(5001, 2, 2, 7));
	assert_int_equal(gw_intent_validate(in, &err), 0);
	put(in, record(5001, 5, 5, 1));
	assert_int_equal(gw_intent_validate(in, &err), 0); /* as many as there were */
	put(in, record(5001, 6, 6, 1));
	assert_int_equal(gw_intent_validate(in, &err), -ENOSPC);
	gw_intent_rollback(in);
	gw_intent_free(in);
}

/* --- changes --- */

static void test_delete_of_nothing(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *key = record(5001, 1, 1, 1);

	(void)state;
	gw_intent_begin(in);
	assert_int_equal(gw_intent_delete(in, key, &err), -ENOENT);
	assert_int_equal(err.code, GW_ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "lookup record 5001-10.0.0.1"));
	gw_intent_rollback(in);
	gw_hnv_object_free(key);
	gw_intent_free(in);
}

/* Each key once, and nothing for what ends as it began. */
static void test_delta(void **state)
{
	struct gw_intent *in = new_intent();
	struct gw_hnv_object *o = record(5001, 1, 1, 1);
	const struct gw_hnv_object *kept;
	struct gw_delta d;

	(void)state;
	o->revision = 5;
	gw_intent_begin(in);
	put(in, o);
	put(in, record(5001, 2, 2, 1));
	put(in, record(5001, 2, 2, 2));
	take_away(in, record(5001, 2, 0, 0));
	put(in, record(5001, 2, 2, 3));
	d = gw_intent_delta(in);
	assert_int_equal(d.n, 2);
	assert_null(d.changes[0].before);
	assert_null(d.changes[1].before);
	gw_intent_commit(in);
	assert_int_equal(gw_intent_delta(in).n, 0);

	/* put as it is: no change, and the revision stays */
	gw_intent_begin(in);
	kept = gw_intent_record(in, 5001, &(struct gw_addr){{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}});
	assert_non_null(kept);
	o = record(5001, 1, 1, 1);
	o->revision = 99;
	put(in, o);
	assert_int_equal(gw_intent_delta(in).n, 0);
	/* away and back again */
	take_away(in, record(5001, 1, 0, 0));
	assert_int_equal(gw_intent_delta(in).n, 1);
	put(in, record(5001, 1, 1, 7));
	assert_int_equal(gw_intent_delta(in).n, 1);
	put(in, record(5001, 1, 1, 1));
	assert_int_equal(gw_intent_delta(in).n, 0);
	assert_ptr_equal(gw_intent_get(in, kept), kept);
	assert_int_equal(kept->revision, 5);
	/* made and unmade, while another pair stays */
	put(in, record(5001, 3, 3, 1));
	put(in, record(5001, 2, 2, 4));
	take_away(in, record(5001, 3, 0, 0));
	d = gw_intent_delta(in);
	assert_int_equal(d.n, 1);
	assert_int_equal(gw_addr_to_v4(&d.changes[0].before->record.pa), 0xac100003);
	assert_int_equal(gw_addr_to_v4(&d.changes[0].after->record.pa), 0xac100004);
	gw_intent_rollback(in);
	assert_int_equal(gw_intent_count(in, GW_HNV_LOOKUP_RECORD), 2);
	gw_intent_free(in);
}

static void test_by_mac(void **state)
{
	struct gw_intent *in = new_intent();
	const struct gw_hnv_object *o = NULL;
	struct gw_mac mac = mac_of(1);
	unsigned records = 0, ports = 0;

	(void)state;
	gw_intent_begin(in);
	put(in, record(5001, 1, 1, 1));
	put(in, record(5001, 2, 1, 2)); /* two addresses of one VM; a move may be half done */
	put(in, record(5001, 3, 2, 1));
	put(in, record(5002, 1, 1, 1));
	put(in, port("tap0", 5001, 1));
	gw_intent_commit(in);
	while ((o = gw_intent_next_by_mac(in, 5001, &mac, o)))
		o->kind == GW_HNV_PORT ? ports++ : records++;
	assert_int_equal(records, 2);
	assert_int_equal(ports, 1);
	assert_null(gw_intent_next_by_mac(in, 5003, &mac, NULL));
	gw_intent_free(in);
}

static void test_domains(void **state)
{
	static const uint32_t want[] = {5001, 5002, 5003};
	struct gw_intent *in = new_intent();
	const uint32_t *vsids;
	struct gw_uuid rdid;
	size_t n;

	(void)state;
	assert_false(gw_intent_domain(in, 5001, &rdid));
	assert_int_equal(gw_intent_domain_id(in, 5001), 5001);
	vsids = gw_intent_domain_vsids(in, 5001, &n);
	assert_int_equal(n, 1);
	assert_int_equal(vsids[0], 5001);

	gw_intent_begin(in);
	put(in, croute(1, 5003, 3, 1));
	put(in, croute(1, 5001, 1, 1));
	put(in, croute(1, 5002, 2, 1));
	put(in, croute(1, 5002, 9, 1));
	put(in, croute(2, 6000, 1, 1)); /* the same prefix in another tenant's network: FWD-6 */
	gw_intent_commit(in);
	vsids = gw_intent_domain_vsids(in, 5002, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(vsids, want, sizeof want);
	assert_int_equal(gw_intent_domain_id(in, 5003), 5001);
	assert_int_equal(gw_intent_domain_id(in, 6000), 6000);

	gw_intent_begin(in);
	take_away(in, croute(1, 5002, 2, 0));
	take_away(in, croute(1, 5001, 1, 0));
	assert_int_equal(gw_intent_domain_id(in, 5003), 5002); /* another route still names 5002 */
	take_away(in, croute(1, 5002, 9, 0));
	assert_int_equal(gw_intent_domain_id(in, 5003), 5003);
	assert_false(gw_intent_domain(in, 5002, &rdid));
	gw_intent_rollback(in);
	assert_int_equal(gw_intent_domain_id(in, 5003), 5001);
	gw_intent_free(in);
}

/* Memory and time stay in proportion: a record costs less than 190 bytes, also while it is being added. */
static void test_lean(void **state)
{
	enum { N = 100000 };
	struct gw_intent_limits many = limits;
	struct gw_intent *in;
	struct mallinfo2 before, during, after;
	size_t cost;

	(void)state;
	many.max[GW_HNV_LOOKUP_RECORD] = N;
	assert_int_equal(gw_intent_new(&many, &in), 0);
	before = mallinfo2();
	gw_intent_begin(in);
	for (unsigned i = 0; i < N; i++)
		put(in, record(5000 + i % 100, 1 + i / 100, i, 1));
	during = mallinfo2();
	assert_int_equal(gw_intent_validate(in, NULL), 0);
	gw_intent_commit(in);
	after = mallinfo2();
	assert_int_equal(gw_intent_count(in, GW_HNV_LOOKUP_RECORD), N);
	cost = (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / N;
#if !GW_TEST_ASAN /* there mallinfo2 counts nothing */
	check(cost > 100 && cost < 190, "%zu bytes a record", cost);
	check((during.uordblks + during.hblkhd - before.uordblks - before.hblkhd) / N < 220, "more in the change");
#else
	(void)cost;
	(void)during;
#endif
	gw_intent_free(in);
}

/* Freed in the middle of a change, nothing is lost. */
static void test_free_while_changing(void **state)
{
	struct gw_intent *in = new_intent();

	(void)state;
	gw_intent_begin(in);
	put(in, record(5001, 1, 1, 1));
	gw_intent_commit(in);
	gw_intent_begin(in);
	put(in, record(5001, 1, 1, 2));
	put(in, croute(1, 5001, 1, 1));
	assert_null(gw_intent_free(in));
	assert_null(gw_intent_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_rules_are_enforced),
		cmocka_unit_test(test_one_domain),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_port_or_underlay),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_virtual_gateways),
		cmocka_unit_test(test_public_addresses_apart),
		cmocka_unit_test(test_lowered_limit),
		cmocka_unit_test(test_delete_of_nothing),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_by_mac),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_lean),
		cmocka_unit_test(test_free_while_changing),
	};

	return cmocka_run_group_tests_name("intent", tests, NULL, NULL);
}
