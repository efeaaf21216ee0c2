/*
 * vrf_fixture.h - the VRF driver in a network and mount namespace of its own with an intent, driven as the core does it. Tests
 * look at the kernel with iproute2.
 */
#ifndef GW_TESTS_UNIT_VRF_FIXTURE_H
#define GW_TESTS_UNIT_VRF_FIXTURE_H

#include "driver_fixture.h"

#include "netns/netns.h"
#include "vrf/vrf.h"

#define RED  "11111111-2222-3333-4444-000000000001"
#define BLUE "11111111-2222-3333-4444-000000000002"
#define NODE "gw-1"

static const struct gw_driver_ops *const ops = &gw_vrf_driver;

static inline void begin(void)
{
	netns_begin(&ns);
	config = (struct gw_config){.underlay_mtu = 1500, .router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};
	snprintf(config.name, sizeof config.name, "%s", NODE);
	snprintf(config.external_interface, sizeof config.external_interface, "wan0");
	netns_veth(&ns, "wan0");
	begin_driver();
}

/* Everything that is ours goes, so that the next test begins with nothing. */
static inline void end(void)
{
	struct gw_error err = GW_ERROR_INIT;

	intent = gw_intent_free(intent);
	new_intent();
	sync_ok();
	expect(ops->remove(driver, &err), 0, &err, NULL);
	assert_int_equal(sh("ls /run/netns | grep -q '^gwd-" NODE "-[0-9]*$'"), 1);
	assert_int_equal(sh("ip -o link | grep -q 'gw[oe][0-9]'"), 1);
	end_driver();
}

static inline struct gw_addr mk_ip(const char *text)
{
	struct gw_addr a;

	check(gw_addr_parse(text, &a) == 0, "%s", text);
	return a;
}

static inline struct gw_hnv_object *vrf(const char *rdid, uint32_t vsid, const char *mac, const char *ca,
					const char *ca6)
{
	struct gw_hnv_object *o = object(GW_HNV_VRF);

	check(gw_uuid_parse(rdid, &o->vrf.rdid) == 0, "%s", rdid);
	check(gw_mac_parse(mac, &o->vrf.mac) == 0, "%s", mac);
	o->vrf.vsid = vsid;
	if (ca) {
		o->vrf.has_ca = true;
		o->vrf.ca = mk_ip(ca);
		o->vrf.prefix_len = 24;
	}
	if (ca6) {
		o->vrf.has_ca6 = true;
		o->vrf.ca6 = mk_ip(ca6);
		o->vrf.prefix_len6 = 64;
	}
	return o;
}

static inline struct gw_hnv_object *croute(const char *rdid, uint32_t vsid, const char *prefix, const char *hop)
{
	struct gw_hnv_object *o = object(GW_HNV_CUSTOMER_ROUTE);

	check(gw_uuid_parse(rdid, &o->croute.rdid) == 0, "%s", rdid);
	check(gw_prefix_parse(prefix, &o->croute.prefix) == 0, "%s", prefix);
	o->croute.vsid = vsid;
	o->croute.next_hop = mk_ip(hop);
	return o;
}

static inline struct gw_hnv_object *public(const char *rdid, const char *prefix, uint16_t first, uint32_t count)
{
	struct gw_hnv_object *o = object(GW_HNV_PUBLIC);

	check(gw_uuid_parse(rdid, &o->public.rdid) == 0, "%s", rdid);
	check(gw_prefix_parse(prefix, &o->public.prefix) == 0, "%s", prefix);
	o->public.first_port = first;
	o->public.port_count = count;
	return o;
}

static inline void take(struct gw_hnv_object *key)
{
	gw_intent_begin(intent);
	drop(key);
	commit_ok();
}

/* --- what is there --- */

/* Lines of the namespace of a VSID: addresses, routes of both families, permanent neighbours, links. */
static inline bool inside(uint32_t vsid, const char *beginning)
{
	return sh("n=gwd-" NODE "-%u; (ip -n $n -o addr | sed 's/^[0-9]*: *//; s/  */ /g'; ip -n $n route; "
		  "ip -n $n -6 route; ip -n $n neigh show nud permanent; ip -n $n -6 neigh show nud permanent;"
		  "ip -n $n -o link | sed 's/^[0-9]*: //; s/@[^:]*//') | grep -q '^%s'",
		  vsid, beginning) == 0;
}

#define has(vsid, beginning)	 check(inside(vsid, beginning), "VSID %u has no %s", vsid, beginning)
#define has_not(vsid, beginning) check(!inside(vsid, beginning), "VSID %u has %s", vsid, beginning)

static inline bool has_gone(void *vsid)
{
	return sh("[ -e /run/netns/gwd-" NODE
		  "-%u ] || ip link show gwo%u 2>/dev/null || ip link show gwe%u 2>/dev/null",
		  *(uint32_t *)vsid, *(uint32_t *)vsid, *(uint32_t *)vsid) == 1;
}

/* Namespace and links; a thread takes them away. */
static inline void goes(uint32_t vsid)
{
	check(netns_wait(&ns, has_gone, &vsid, 20000), "VSID %u is there yet", vsid);
}

static inline int setting(uint32_t vsid, const char *path)
{
	return sh("exit $(nsenter --net=/run/netns/gwd-" NODE "-%u cat /proc/sys/net/%s)", vsid, path);
}

static inline struct gw_hnv_object *vrf_key(const char *rdid)
{
	return vrf(rdid, 5001, "02:00:00:00:00:01", "10.0.0.2", NULL);
}

static inline json_t *described(const char *rdid)
{
	struct gw_hnv_object *key = vrf_key(rdid);
	json_t *j = json_object();

	ops->describe(driver, key, j);
	gw_hnv_object_free(key);
	return j;
}

static inline void state_is(const char *rdid, const char *state, const char *detail)
{
	state_of_key_is(vrf_key(rdid), state, detail);
}

/* Waits for an event that asks for a sync, and does it. */
static inline void repairs(const char *why)
{
	wait_want(why);
	sync_ok();
	settle();
}

#endif
