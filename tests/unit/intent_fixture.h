/* intent_fixture.h - low-level records in short, and an intent that takes them. For the tests of the intent. */
#ifndef INTENT_FIXTURE_H
#define INTENT_FIXTURE_H

#include "test.h"

#include "model/config.h"
#include "model/intent.h"

#include <errno.h>

static const struct gw_intent_limits limits = {
	.max = {[GW_HNV_PROVIDER_ADDRESS] = 8,
		[GW_HNV_PROVIDER_ROUTE] = 1000,
		[GW_HNV_CUSTOMER_ROUTE] = 1000,
		[GW_HNV_LOOKUP_RECORD] = 1000,
		[GW_HNV_PORT] = 1000,
		[GW_HNV_VRF] = 1000,
		[GW_HNV_PUBLIC] = 1000,
		[GW_HNV_NAT_RULE] = 1000,
		[GW_HNV_CONNECTION] = 1000,
		[GW_HNV_CONNECTION_ADDRESS] = 1000,
		[GW_HNV_CONNECTION_ROUTE] = 1000},
	.router_mac = {{0x02, 0x67, 0x77, 0x64, 0x00, 0x01}},
};

/* --- making objects --- */

static inline struct gw_mac mac_of(unsigned i)
{
	return (struct gw_mac){{0x00, 0x15, 0x5d, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static inline struct gw_uuid rdid_of(unsigned i)
{
	return (struct gw_uuid){{[0] = 0x11, [15] = (uint8_t)i}};
}

static inline struct gw_hnv_object *own(struct gw_hnv_object o)
{
	struct gw_hnv_object *c = gw_hnv_object_copy(&o);

	assert_non_null(c);
	return c;
}

static inline struct gw_hnv_object *record(uint32_t vsid, unsigned ca, unsigned mac, unsigned pa)
{
	return own((struct gw_hnv_object){.kind = GW_HNV_LOOKUP_RECORD,
					  .record = {.vsid = vsid,
						     .ca = gw_addr_from_v4(0x0a000000 + ca),
						     .pa = gw_addr_from_v4(0xac100000 + pa),
						     .mac = mac_of(mac)}});
}

static inline struct gw_hnv_object *croute(unsigned rdid, uint32_t vsid, unsigned net, uint32_t metric)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_CUSTOMER_ROUTE,
		.croute = {.rdid = rdid_of(rdid),
			   .vsid = vsid,
			   .prefix = {.addr = gw_addr_from_v4(0x0a000000 + (net << 8)), .len = 24},
			   .next_hop = gw_addr_from_v4(0),
			   .metric = metric}});
}

static inline struct gw_hnv_object *paddr(unsigned pa, const char *interface)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ADDRESS,
				  .paddr = {.pa = gw_addr_from_v4(0xac100000 + pa), .prefix_len = 24}};

	snprintf(o.paddr.interface, sizeof o.paddr.interface, "%s", interface);
	return own(o);
}

static inline struct gw_hnv_object *proute(unsigned net, unsigned hop, const char *interface)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PROVIDER_ROUTE,
				  .proute = {.prefix = {.addr = gw_addr_from_v4(0x0b000000 + (net << 8)), .len = 24},
					     .next_hop = gw_addr_from_v4(0xac100000 + hop)}};

	snprintf(o.proute.interface, sizeof o.proute.interface, "%s", interface);
	return own(o);
}

static inline struct gw_hnv_object *port(const char *interface, uint32_t vsid, unsigned mac)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PORT, .port = {.mac = mac_of(mac), .vsid = vsid}};

	snprintf(o.port.interface, sizeof o.port.interface, "%s", interface);
	return own(o);
}

static inline struct gw_hnv_object *vrf(unsigned rdid, uint32_t vsid, unsigned mac)
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
static inline struct gw_hnv_object *public(unsigned rdid, unsigned host, unsigned len, unsigned first, unsigned count)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_PUBLIC,
		.public = {.rdid = rdid_of(rdid),
			   .prefix = {.addr = gw_addr_from_v4(0xcb007100 + host), .len = (uint8_t)len},
			   .first_port = (uint16_t)first,
			   .port_count = count}});
}

static inline struct gw_hnv_object *nat_rule(unsigned rdid, unsigned host, unsigned net)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_NAT_RULE,
		.nat = {.rdid = rdid_of(rdid),
			.address = gw_addr_from_v4(0xcb007100 + host),
			.customer = {.addr = gw_addr_from_v4(0x0a000000 + (net << 8)), .len = 24}}});
}

static inline struct gw_hnv_object *connection(unsigned rdid, unsigned id, unsigned vlan)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_CONNECTION,
		.way = {.id = rdid_of(id), .rdid = rdid_of(rdid), .type = GW_WAY_L3, .vlan = (uint16_t)vlan}});
}

static inline struct gw_hnv_object *connection_address(unsigned rdid, unsigned id, unsigned host)
{
	return own((struct gw_hnv_object){.kind = GW_HNV_CONNECTION_ADDRESS,
					  .way_address = {.id = rdid_of(id),
							  .rdid = rdid_of(rdid),
							  .address = gw_addr_from_v4(0x0afe0000 + host),
							  .prefix_len = 24}});
}

static inline struct gw_hnv_object *connection_route(unsigned rdid, unsigned id, unsigned net)
{
	return own((struct gw_hnv_object){
		.kind = GW_HNV_CONNECTION_ROUTE,
		.way_route = {.id = rdid_of(id),
			      .rdid = rdid_of(rdid),
			      .prefix = {.addr = gw_addr_from_v4(0xac100000 + (net << 8)), .len = 24},
			      .next_hop = gw_addr_from_v4(0)}});
}

static inline struct gw_intent *new_intent(void)
{
	struct gw_intent *in;

	assert_int_equal(gw_intent_new(&limits, &in), 0);
	return in;
}

/* Puts or fails the test. */
static inline void put(struct gw_intent *in, struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_put(in, o, &err);

	check(r == 0, "%s: %s", err.target, err.message);
}

static inline void put_refused(struct gw_intent *in, struct gw_hnv_object *o, enum gw_error_code code,
			       const char *target, const char *words)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_put(in, o, &err);

	check(r < 0, "accepted, expected %s", words);
	check(err.code == code, "%s", err.message);
	assert_string_equal(err.target, target);
	check(strstr(err.message, words), "\"%s\" not in \"%s\"", words, err.message);
	gw_hnv_object_free(o);
}

static inline void take_away(struct gw_intent *in, struct gw_hnv_object *key)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = gw_intent_delete(in, key, &err);

	check(r == 0, "%s", err.message);
	gw_hnv_object_free(key);
}

#endif
