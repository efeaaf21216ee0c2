/*
 * test_intent.c - rules between records, all-or-nothing changes, routing domains (API-1, API-2, FWD-6,
 * FWD-7), and long random histories against a naive model. GW_SEED=N repeats a history.
 */
#include "test.h"

#include "model/config.h"
#include "model/intent.h"

#include <errno.h>
#include <malloc.h>

static const struct gw_intent_limits limits = {
	.max = {[GW_HNV_PROVIDER_ADDRESS] = 8,
		[GW_HNV_PROVIDER_ROUTE] = 1000,
		[GW_HNV_CUSTOMER_ROUTE] = 1000,
		[GW_HNV_LOOKUP_RECORD] = 1000,
		[GW_HNV_PORT] = 1000,
		[GW_HNV_VRF] = 1000,
		[GW_HNV_PUBLIC] = 1000,
		[GW_HNV_NAT_RULE] = 1000},
	.router_mac = {{0x02, 0x67, 0x77, 0x64, 0x00, 0x01}},
};

/* --- making objects --- */

static struct gw_mac mac_of(unsigned i)
{
	return (struct gw_mac){{0x00, 0x15, 0x5d, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct gw_uuid rdid_of(unsigned i)
{
	return (struct gw_uuid){{[0] = 0x11, [15] = (uint8_t)i}};
}

static struct gw_hnv_object *own(struct gw_hnv_object o)
{
	struct gw_hnv_object *c = gw_hnv_object_copy(&o);

	assert_non_null(c);
	return c;
}

static struct gw_hnv_object *record(uint32_t vsid, unsigned ca, unsigned mac, unsigned pa)
{
	return own((struct gw_hnv_object){.kind = GW_HNV_LOOKUP_RECORD,
					  .record = {.vsid = vsid,
						     .ca = gw_addr_from_v4(0x0a000000 + ca),
						     .pa = gw_addr_from_v4(0xac100000 + pa),
						     .mac = mac_of(mac)}});
}

static struct gw_hnv_object *croute(unsigned rdid, uint32_t vsid, unsigned net, uint32_t metric)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_CUSTOMER_ROUTE,
		.croute = {.rdid = rdid_of(rdid),
			   .vsid = vsid,
			   .prefix = {.addr = gw_addr_from_v4(0x0a000000 + (net << 8)), .len = 24},
			   .next_hop = gw_addr_from_v4(0),
			   .metric = metric}});
}

static struct gw_hnv_object *paddr(unsigned pa, const char *interface)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ADDRESS,
				  .paddr = {.pa = gw_addr_from_v4(0xac100000 + pa), .prefix_len = 24}};

	snprintf(o.paddr.interface, sizeof o.paddr.interface, "%s", interface);
	return own(o);
}

static struct gw_hnv_object *proute(unsigned net, unsigned hop, const char *interface)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ROUTE,
				  .proute = {.prefix = {.addr = gw_addr_from_v4(0x0b000000 + (net << 8)), .len = 24},
					     .next_hop = gw_addr_from_v4(0xac100000 + hop)}};

	snprintf(o.proute.interface, sizeof o.proute.interface, "%s", interface);
	return own(o);
}

static struct gw_hnv_object *port(const char *interface, uint32_t vsid, unsigned mac)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PORT, .port = {.mac = mac_of(mac), .vsid = vsid}};

	snprintf(o.port.interface, sizeof o.port.interface, "%s", interface);
	return own(o);
}

static struct gw_hnv_object *vrf(unsigned rdid, uint32_t vsid, unsigned mac)
{
	return own((struct gw_hnv_object){.kind = GW_HNV_VRF,
					  .vrf = {.rdid = rdid_of(rdid),
						  .vsid = vsid,
						  .mac = mac_of(mac),
						  .ca = gw_addr_from_v4(0x0a000002),
						  .prefix_len = 29,
						  .has_ca = true}});
}

/* In 203.0.113.0/24. */
static struct gw_hnv_object *public(unsigned rdid, unsigned host, unsigned len, unsigned first, unsigned count)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_PUBLIC,
		.public = {.rdid = rdid_of(rdid),
			   .prefix = {.addr = gw_addr_from_v4(0xcb007100 + host), .len = (uint8_t)len},
			   .first_port = (uint16_t)first,
			   .port_count = count}});
}

static struct gw_hnv_object *nat_rule(unsigned rdid, unsigned host, unsigned net)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_NAT_RULE,
		.nat = {.rdid = rdid_of(rdid),
			.address = gw_addr_from_v4(0xcb007100 + host),
			.customer = {.addr = gw_addr_from_v4(0x0a000000 + (net << 8)), .len = 24}}});
}

static struct gw_intent *new_intent(void)
{
	struct gw_intent *in;

	assert_int_equal(gw_intent_new(&limits, &in), 0);
	return in;
}

/* Puts or fails the test. */
static void put(struct gw_intent *in, struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_put(in, o, &err);

	check(r == 0, "%s: %s", err.target, err.message);
}

static void put_refused(struct gw_intent *in, struct gw_hnv_object *o, enum gw_error_code code, const char *target,
			const char *words)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_put(in, o, &err);

	check(r < 0, "accepted, expected %s", words);
	check(err.code == code, "%s", err.message);
	assert_string_equal(err.target, target);
	check(strstr(err.message, words), "\"%s\" not in \"%s\"", words, err.message);
	gw_hnv_object_free(o);
}

static void take_away(struct gw_intent *in, struct gw_hnv_object *key)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_delete(in, key, &err);

	check(r == 0, "%s", err.message);
	gw_hnv_object_free(key);
}

/* --- rules --- */

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
	};
	struct gw_intent_limits two = {.max = {2, 2, 2, 2, 2, 2, 2, 2}, .router_mac = limits.router_mac};
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
			o = k == GW_HNV_PROVIDER_ADDRESS ? paddr(i, name)
			    : k == GW_HNV_PROVIDER_ROUTE ? proute(i, 1, name)
			    : k == GW_HNV_CUSTOMER_ROUTE ? croute(1, 5001, i, 1)
			    : k == GW_HNV_LOOKUP_RECORD	 ? record(5001, i + 1, i, 1)
			    : k == GW_HNV_VRF		 ? vrf(i, 5001 + i, i)
			    : k == GW_HNV_PUBLIC	 ? public(1, i + 1, 32, 0, 0)
			    : k == GW_HNV_NAT_RULE	 ? nat_rule(1, i + 1, 1)
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

/* Memory and time stay in proportion: a record costs less than 180 bytes, also while it is being added. */
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
	check(cost > 100 && cost < 180, "%zu bytes a record", cost);
	check((during.uordblks + during.hblkhd - before.uordblks - before.hblkhd) / N < 220, "more in the change");
#else
	(void)cost;
	(void)during;
#endif
	gw_intent_free(in);
}

/* --- random histories against a naive model --- */

enum { MODEL_MAX = 4096 };

struct model {
	struct gw_hnv_object *o[MODEL_MAX];
	size_t n;
};

static uint32_t rnd_state;

static unsigned rnd(unsigned n)
{
	rnd_state = rnd_state * 1664525 + 1013904223;
	return (rnd_state >> 10) % n;
}

static struct gw_hnv_object *model_find(const struct model *m, const struct gw_hnv_object *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (gw_hnv_same_key(m->o[i], key))
			return m->o[i];
	return NULL;
}

static void model_remove(struct model *m, const struct gw_hnv_object *key)
{
	for (size_t i = 0; i < m->n; i++) {
		if (gw_hnv_same_key(m->o[i], key)) {
			gw_hnv_object_free(m->o[i]);
			m->o[i] = m->o[--m->n];
			return;
		}
	}
}

static void model_clear(struct model *m)
{
	while (m->n)
		gw_hnv_object_free(m->o[--m->n]);
}

static void model_copy(struct model *to, const struct model *from)
{
	model_clear(to);
	for (size_t i = 0; i < from->n; i++)
		to->o[to->n++] = own(*from->o[i]);
}

/* The rules between objects, spelled out once more. */
static bool model_accepts(const struct model *m, const struct gw_hnv_object *o)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct gw_hnv_object *x = m->o[i];

		if (o->kind == GW_HNV_CUSTOMER_ROUTE && x->kind == o->kind && x->croute.vsid == o->croute.vsid &&
		    !gw_uuid_equal(&x->croute.rdid, &o->croute.rdid))
			return false;
		if (o->kind == GW_HNV_VRF && x->kind == o->kind && x->vrf.vsid == o->vrf.vsid &&
		    !gw_uuid_equal(&x->vrf.rdid, &o->vrf.rdid))
			return false;
		if (o->kind == GW_HNV_VRF && x->kind == GW_HNV_CUSTOMER_ROUTE && x->croute.vsid == o->vrf.vsid &&
		    !gw_uuid_equal(&x->croute.rdid, &o->vrf.rdid))
			return false;
		if (o->kind == GW_HNV_CUSTOMER_ROUTE && x->kind == GW_HNV_VRF && x->vrf.vsid == o->croute.vsid &&
		    !gw_uuid_equal(&x->vrf.rdid, &o->croute.rdid))
			return false;
		if (o->kind == GW_HNV_PORT && x->kind == o->kind && strcmp(x->port.interface, o->port.interface) != 0 &&
		    x->port.vsid == o->port.vsid && gw_mac_equal(&x->port.mac, &o->port.mac))
			return false;
		if (o->kind == GW_HNV_PORT && x->kind == GW_HNV_PROVIDER_ADDRESS &&
		    !strcmp(x->paddr.interface, o->port.interface))
			return false;
		if (o->kind == GW_HNV_PROVIDER_ADDRESS && x->kind == GW_HNV_PORT &&
		    !strcmp(x->port.interface, o->paddr.interface))
			return false;
	}
	return true;
}

static struct gw_hnv_object *random_object(void)
{
	static const char *const interfaces[] = {"if0", "if1", "if2", "if3", "if4"};
	const char *interface = interfaces[rnd(5)];
	uint32_t vsid = 5000 + rnd(6);

	switch (rnd(9)) {
	case 6:
		return vrf(rnd(3), vsid, rnd(3));
	case 7:
		return public(rnd(3), rnd(4), 32, 1024 + rnd(2) * 1024, 1024);
	case 8:
		return nat_rule(rnd(3), rnd(3), rnd(3));
	case 0:
		return paddr(1 + rnd(3), interface);
	case 1:
		return proute(rnd(3), 1 + rnd(2), interface);
	case 2:
	case 3:
		return croute(rnd(3), vsid, rnd(3), rnd(2));
	case 4:
		return port(interface, vsid, rnd(3));
	default:
		return record(vsid, 1 + rnd(5), rnd(3), 1 + rnd(3));
	}
}

static void compare_content(const struct gw_intent *in, const struct model *m)
{
	size_t n[GW_HNV_KIND_MAX] = {0};

	for (size_t i = 0; i < m->n; i++) {
		const struct gw_hnv_object *o = gw_intent_get(in, m->o[i]);

		assert_non_null(o);
		assert_true(gw_hnv_same_content(o, m->o[i]));
		assert_int_equal(o->revision, m->o[i]->revision);
		n[o->kind]++;
	}
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		const struct gw_hnv_object *o = NULL;
		size_t walked = 0;

		while ((o = gw_intent_next(in, (enum gw_hnv_kind)k, o))) {
			assert_int_equal(o->kind, k);
			walked++;
		}
		assert_int_equal(walked, n[k]);
		assert_int_equal(gw_intent_count(in, (enum gw_hnv_kind)k), n[k]);
	}
}

static void compare_by_mac(const struct gw_intent *in, const struct model *m)
{
	for (uint32_t vsid = 5000; vsid < 5006; vsid++) {
		for (unsigned i = 0; i < 3; i++) {
			const struct gw_hnv_object *o = NULL;
			struct gw_mac mac = mac_of(i);
			size_t want = 0, got = 0;

			for (size_t j = 0; j < m->n; j++) {
				const struct gw_hnv_object *x = m->o[j];

				want += (x->kind == GW_HNV_LOOKUP_RECORD && x->record.vsid == vsid &&
					 gw_mac_equal(&x->record.mac, &mac)) ||
					(x->kind == GW_HNV_PORT && x->port.vsid == vsid &&
					 gw_mac_equal(&x->port.mac, &mac));
			}
			while ((o = gw_intent_next_by_mac(in, vsid, &mac, o))) {
				assert_non_null(model_find(m, o));
				got++;
			}
			assert_int_equal(got, want);
		}
	}
}

/* Every way to find an object leads to it. */
static void compare_gateways(const struct gw_intent *in, const struct model *m)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PUBLIC, GW_HNV_NAT_RULE};
	const struct gw_addr any = {{0}};
	size_t n_public = 0;

	for (size_t j = 0; j < m->n; j++) {
		const struct gw_hnv_object *x = m->o[j], *o;

		if (x->kind == GW_HNV_VRF) {
			o = gw_intent_vrf_of_vsid(in, x->vrf.vsid);
			assert_ptr_equal(o, gw_intent_get(in, x));
			assert_ptr_equal(o, gw_intent_vrf(in, &x->vrf.rdid));
		}
		n_public += x->kind == GW_HNV_PUBLIC;
	}
	for (size_t k = 0; k < GW_N(kinds); k++) {
		size_t got = 0;

		for (unsigned i = 0; i < 3; i++) {
			const struct gw_uuid rdid = rdid_of(i);

			for (const struct gw_hnv_object *o = NULL;
			     (o = gw_intent_next_of_domain(in, kinds[k], &rdid, o));)
				got += o->kind == kinds[k] && model_find(m, o);
		}
		assert_int_equal(got, gw_intent_count(in, kinds[k]));
	}
	for (const struct gw_hnv_object *o = gw_intent_public_from(in, &any, 0); o; o = gw_intent_public_after(in, o))
		n_public--;
	assert_int_equal(n_public, 0);
}

static void compare_domains(const struct gw_intent *in, const struct model *m)
{
	for (uint32_t vsid = 5000; vsid < 5006; vsid++) {
		const struct gw_hnv_object *route = NULL;
		uint32_t want[6];
		const uint32_t *got;
		struct gw_uuid rdid;
		size_t n = 0, n_got;

		for (size_t j = 0; j < m->n && !route; j++)
			if (m->o[j]->kind == GW_HNV_CUSTOMER_ROUTE && m->o[j]->croute.vsid == vsid)
				route = m->o[j];
		assert_int_equal(gw_intent_domain(in, vsid, &rdid), route != NULL);
		if (route)
			assert_true(gw_uuid_equal(&rdid, &route->croute.rdid));
		for (uint32_t v = 5000; v < 5006; v++) {
			bool in_domain = v == vsid;

			for (size_t j = 0; route && j < m->n; j++)
				in_domain |= m->o[j]->kind == GW_HNV_CUSTOMER_ROUTE && m->o[j]->croute.vsid == v &&
					     gw_uuid_equal(&m->o[j]->croute.rdid, &route->croute.rdid);
			if (in_domain)
				want[n++] = v;
		}
		got = gw_intent_domain_vsids(in, vsid, &n_got);
		assert_int_equal(n_got, n);
		assert_memory_equal(got, want, n * sizeof *want);
		assert_int_equal(gw_intent_domain_id(in, vsid), want[0]);
	}
}

/* The delta must be exactly the difference between the model at begin and now. */
static void compare_delta(const struct gw_intent *in, const struct model *before, const struct model *now)
{
	struct gw_delta d = gw_intent_delta(in);
	size_t want = 0;

	for (size_t i = 0; i < before->n; i++) {
		const struct gw_hnv_object *x = model_find(now, before->o[i]);

		want += !x || !gw_hnv_same_content(x, before->o[i]);
	}
	for (size_t i = 0; i < now->n; i++)
		want += !model_find(before, now->o[i]);
	assert_int_equal(d.n, want);
	for (size_t i = 0; i < d.n; i++) {
		const struct gw_hnv_object *b = d.changes[i].before, *a = d.changes[i].after, *key = a ? a : b;
		const struct gw_hnv_object *mb, *ma;

		assert_non_null(key);
		mb = model_find(before, key);
		ma = model_find(now, key);
		assert_true(!b == !mb && !a == !ma);
		assert_true(!b || gw_hnv_same_content(b, mb));
		assert_true(!a || (gw_hnv_same_content(a, ma) && gw_intent_get(in, key) == a));
		for (size_t j = 0; j < i; j++)
			assert_false(
				gw_hnv_same_key(key, d.changes[j].after ? d.changes[j].after : d.changes[j].before));
	}
}

static void random_step(struct gw_intent *in, struct model *m, const struct model *before, uint64_t revision)
{
	struct gw_hnv_object *o = random_object(), *old;
	struct gw_error err = GW_ERROR_INIT;

	o->revision = revision;
	old = model_find(m, o);
	if (rnd(3) == 0) {
		assert_int_equal(gw_intent_delete(in, o, &err), old ? 0 : -ENOENT);
		model_remove(m, o);
	} else if (model_accepts(m, o)) {
		struct gw_hnv_object *copy = own(*o), *first;

		put(in, copy);
		if (!old || !gw_hnv_same_content(old, o)) {
			/* What ends as it began keeps the revision that it had. */
			first = model_find(before, o);
			if (first && gw_hnv_same_content(first, o))
				o->revision = first->revision;
			model_remove(m, o);
			m->o[m->n++] = own(*o);
		}
	} else {
		assert_int_equal(gw_intent_put(in, o, &err), -EEXIST);
		assert_int_equal(err.code, GW_ERR_CONFLICT);
	}
	gw_hnv_object_free(o);
}

static void test_random_histories(void **state)
{
	static struct model now, before;
	const char *seed = getenv("GW_SEED");

	(void)state;
	for (uint32_t run = 1; run <= 20; run++) {
		struct gw_intent *in = new_intent();

		rnd_state = seed ? (uint32_t)strtoul(seed, NULL, 10) : run;
		print_message("# history of GW_SEED=%u\n", rnd_state);
		for (uint64_t change = 1; change <= 150; change++) {
			model_copy(&before, &now);
			gw_intent_begin(in);
			for (unsigned steps = rnd(40); steps; steps--) {
				random_step(in, &now, &before, change);
				if (rnd(8) == 0)
					compare_delta(in, &before, &now);
			}
			compare_delta(in, &before, &now);
			compare_content(in, &now);
			compare_by_mac(in, &now);
			compare_domains(in, &now);
			compare_gateways(in, &now);
			if (rnd(3)) {
				gw_intent_commit(in);
			} else {
				gw_intent_rollback(in);
				model_copy(&now, &before);
			}
			assert_int_equal(gw_intent_delta(in).n, 0);
			compare_content(in, &now);
			compare_by_mac(in, &now);
			compare_domains(in, &now);
			compare_gateways(in, &now);
		}
		model_clear(&now);
		model_clear(&before);
		gw_intent_free(in);
	}
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
		cmocka_unit_test(test_random_histories),
		cmocka_unit_test(test_free_while_changing),
	};

	return cmocka_run_group_tests_name("intent", tests, NULL, NULL);
}
