/*
 * blocks_fixture.h - a catalogue with public addresses, one that is shared and one that is not, and two virtual networks; what asks
 * it for something, and how it answers. Shared by the tests of blocks of ports.
 */
#ifndef TESTS_UNIT_BLOCKS_FIXTURE_H
#define TESTS_UNIT_BLOCKS_FIXTURE_H

#include "plan_fixture.h"

#include "model/resource/nat.h"

#define OF(path) "{'resourceRef':'" path "'}"

static inline int request(struct world *w, const char *tenant, const char *path, const char *body, struct gw_error *err)
{
	int e;

	*err = GW_ERROR_INIT;
	gw_catalog_begin(w->c, w->revision + 1, 1, tenant);
	e = world_put(w, tenant, path, json_of(body), err);
	if (e < 0) {
		gw_catalog_undo(w->c);
		return e;
	}
	return world_end(w, err);
}

static inline void ok_of(struct world *w, const char *tenant, const char *path, const char *body)
{
	struct gw_error err;

	if (request(w, tenant, path, body, &err) < 0)
		fail_msg("%s %s: %s: %s", path, body, err.target, err.message);
}

static inline void ok(struct world *w, const char *path, const char *body)
{
	ok_of(w, NULL, path, body);
}

static inline void refused_of(struct world *w, const char *tenant, const char *path, const char *body,
			      enum gw_error_code code, const char *target, const char *part)
{
	struct gw_error err;

	check(request(w, tenant, path, body, &err) < 0, "%s %s was let in", path, body);
	check(err.code == code && strstr(err.target, target) && strstr(err.message, part), "%s %s: %s: %s", path, body,
	      err.target, err.message);
}

static inline void refused(struct world *w, const char *path, const char *body, enum gw_error_code code,
			   const char *target, const char *part)
{
	refused_of(w, NULL, path, body, code, target, part);
}

static inline void gone(struct world *w, const char *path)
{
	struct gw_error err = GW_ERROR_INIT;

	world_begin(w);
	assert_int_equal(world_delete(w, NULL, path, &err), 0);
	if (world_end(w, &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
}

/* 0: it has none. */
static inline uint32_t block_of(const struct world *w, const char *path)
{
	const struct gw_resource *r = gw_catalog_find_any(w->c, path);
	const struct gw_frontend *p = r ? r->now.properties : NULL;

	check(r, "there is no %s", path);
	return GW_GIVEN(p, frontend, port_block) ? p->port_block : 0;
}

static inline const char *front(unsigned i)
{
	static char text[64];

	snprintf(text, sizeof text, "/loadBalancers/l/frontendIPConfigurations/f%u", i);
	return text;
}

static inline void setup(struct world *w)
{
	world_init(w, 10);
	ok(w, "/logicalNetworks/o", "{}");
	ok(w, "/logicalNetworks/o/subnets/s", "{'addressPrefix':'198.51.100.0/24','isPublic':true}");
	ok(w, "/logicalNetworks/o/subnets/s/ipPools/p",
	   "{'startIpAddress':'198.51.100.10','endIpAddress':'198.51.100.99'}");
	ok(w, "/macPools/m", "{'startMacAddress':'001DD8000000','endMacAddress':'001DD80FFFFF'}");
	ok(w, "/publicIPAddresses/all", "{'shared':true}");
	ok(w, "/publicIPAddresses/own", "{}");
	ok(w, "/loadBalancers/l", "{}");
	for (const char *name = "ab"; *name; name++) {
		char network[32], subnet[64];

		snprintf(network, sizeof network, "/virtualNetworks/%c", *name);
		snprintf(subnet, sizeof subnet, "%s/subnets/s", network);
		ok(w, network, "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']}}");
		ok(w, subnet, "{'addressPrefix':'10.0.0.0/16'}");
	}
}

#define ALL   "{'publicIPAddress':" OF("/publicIPAddresses/all") "}"
#define OWN   "{'publicIPAddress':" OF("/publicIPAddresses/own") "}"
#define AT(n) "{'publicIPAddress':" OF("/publicIPAddresses/all") ",'portBlockStart':" #n "}"

#endif
