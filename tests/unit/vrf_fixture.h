/*
 * vrf_fixture.h - the VRF driver in a network and mount namespace of its own with an intent, driven as the core does it. Tests
 * look at the kernel with iproute2.
 */
#ifndef GW_TESTS_UNIT_VRF_FIXTURE_H
#define GW_TESTS_UNIT_VRF_FIXTURE_H

#include "netns.h"

#include "model/intent.h"
#include "netns/netns.h"
#include "vrf/vrf.h"


#define RED  "11111111-2222-3333-4444-000000000001"
#define BLUE "11111111-2222-3333-4444-000000000002"
#define NODE "gw-1"

static struct netns ns;
static struct gw_intent *intent;
static struct gw_driver *driver;
static struct gw_config config;
static int wanted;	 /* how often a sync was asked for */
static char reason[256]; /* the last time */

static const struct gw_driver_ops *const ops = &gw_vrf_driver;

static inline void on_want_sync(void *core, const char *why)
{
	assert_ptr_equal(core, &wanted);
	wanted++;
	snprintf(reason, sizeof reason, "%s", why);
}

static inline void open_driver(void)
{
	struct gw_driver_env env = {
		.loop = &ns.loop, .config = &config, .nl = ns.nl, .want_sync = on_want_sync, .core = &wanted};
	struct gw_error err = GW_ERROR_INIT;

	expect(ops->open(&env, &driver, &err), 0, &err, NULL);
}

static inline void new_intent(void)
{
	struct gw_intent_limits limits = {.router_mac = config.router_mac};

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 5000;
	assert_int_equal(gw_intent_new(&limits, &intent), 0);
}

static inline void begin(void)
{
	netns_begin(&ns);
	config = (struct gw_config){.underlay_mtu = 1500, .router_mac = {{0x02, 0x67, 0x77, 0x64, 0, 1}}};
	snprintf(config.name, sizeof config.name, "%s", NODE);
	snprintf(config.external_interface, sizeof config.external_interface, "wan0");
	netns_veth(&ns, "wan0");
	new_intent();
	open_driver();
	wanted = 0;
	reason[0] = 0;
}

static inline void sync_ok(void)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(ops->sync(driver, intent, &err), 0, &err, NULL);
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
	driver = ops->close(driver);
	assert_null(driver);
	intent = gw_intent_free(intent);
	netns_end(&ns);
}

static inline struct gw_hnv_object *object(enum gw_hnv_kind kind)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	assert_non_null(o);
	o->kind = kind;
	return o;
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

/* --- changes as the core makes them --- */

static inline void put(struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(gw_intent_put(intent, o, &err), 0, &err, NULL);
}

static inline void drop(struct gw_hnv_object *key)
{
	struct gw_error err = GW_ERROR_INIT;

	expect(gw_intent_delete(intent, key, &err), 0, &err, NULL);
	gw_hnv_object_free(key);
}

/* Removals first, then the rest, as submit.c does. */
static inline int apply_parts(struct gw_error *err)
{
	struct gw_delta delta = gw_intent_delta(intent), part;
	struct gw_change *changes = calloc(delta.n + 1, sizeof *changes);
	int rc = 0;

	for (int removals = 1; removals >= 0 && rc == 0; removals--) {
		part = (struct gw_delta){changes, 0};
		for (size_t i = 0; i < delta.n; i++)
			if (removals == !delta.changes[i].after)
				changes[part.n++] = delta.changes[i];
		rc = part.n ? ops->apply(driver, intent, &part, err) : 0;
	}
	free(changes);
	return rc;
}

static inline void commit_ok(void)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta = gw_intent_delta(intent);

	expect(gw_intent_validate(intent, &err), 0, &err, NULL);
	expect((ops->check)(driver, intent, &delta, &err), 0, &err, NULL);
	expect(apply_parts(&err), 0, &err, NULL);
	gw_intent_commit(intent);
}

static inline void add(struct gw_hnv_object *o)
{
	gw_intent_begin(intent);
	put(o);
	commit_ok();
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

static inline int setting(uint32_t vsid, const char *path)
{
	return sh("exit $(nsenter --net=/run/netns/gwd-" NODE "-%u cat /proc/sys/net/%s)", vsid, path);
}

static inline json_t *described(const char *rdid)
{
	struct gw_hnv_object *key = vrf(rdid, 5001, "02:00:00:00:00:01", "10.0.0.2", NULL);
	json_t *j = json_object();

	ops->describe(driver, key, j);
	gw_hnv_object_free(key);
	return j;
}

static inline void state_is(const char *rdid, const char *state, const char *detail)
{
	json_t *j = described(rdid);
	const char *s = json_string_value(json_object_get(j, "state")),
		   *t = json_string_value(json_object_get(j, "stateDetail"));

	check(s && !strcmp(s, state), "%s instead of %s: %s", s ? s : "nothing", state, t ? t : "");
	check(detail ? t && strstr(t, detail) : !t, "\"%s\"", t ? t : "");
	json_decref(j);
}

static inline bool is_wanted(void *ctx)
{
	(void)ctx;
	return wanted > 0;
}

/* Waits for an event that asks for a sync, and does it. */
static inline void repairs(const char *why)
{
	check(netns_wait(&ns, is_wanted, NULL, 5000), "nobody asked for a sync: %s", why);
	check(strstr(reason, why), "\"%s\" has no \"%s\"", reason, why);
	sync_ok();
	netns_drain(&ns);
	wanted = 0;
}

#endif
