/*
 * node_state_fixture.h - a controller with two hosts and a network, and nodes that ask it what they are to hold and report, for the
 * tests of that. The plan can lack memory, and it can get late: tests that include this are linked with --wrap, see unit.mk.
 */
#ifndef TESTS_UNIT_NODE_STATE_FIXTURE_H
#define TESTS_UNIT_NODE_STATE_FIXTURE_H

#include "controller.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define V1     "/networking/v1"
#define STATE  V1 "/servers/h1/state"
#define STATUS V1 "/servers/h1/status"
#define NIC(n) V1 "/networkInterfaces/n" n

static inline void put(struct controller *c, const char *path, const char *properties)
{
	_cleanup_free_ char *body = NULL;
	struct response r;

	assert_true(asprintf(&body, "{\"properties\":%s}", properties) > 0);
	r = simple(&c->s, "PUT", path, body);
	if (r.status != 200 && r.status != 201)
		fail_msg("PUT %s: %s", path, r.text);
	done(&r);
}

/* `interface` "": it has no port. */
static inline void put_nic(struct controller *c, unsigned n, const char *server, const char *interface)
{
	char path[64], port[64] = "", properties[512];

	if (*interface)
		snprintf(port, sizeof port, "\"hostInterface\":\"%s\",", interface);
	snprintf(path, sizeof path, V1 "/networkInterfaces/n%u", n);
	snprintf(properties, sizeof properties,
		 "{\"privateMacAddress\":\"0200000%05X\",\"privateMacAllocationMethod\":\"Static\",%s\"server\":{"
		 "\"resourceRef\":\"/servers/%s\"},\"ipConfigurations\":[{\"resourceId\":\"a\",\"properties\":{"
		 "\"privateIPAddress\":\"10.0.%u.%u\",\"privateIPAllocationMethod\":\"Static\",\"subnet\":{"
		 "\"resourceRef\":"
		 "\"/virtualNetworks/blue/subnets/web\"}}}]}",
		 n, port, server, n >> 8, n & 255);
	put(c, path, properties);
}

/* Two hosts and a network; a NIC on each of them. */
static inline void deploy(struct controller *c, void **state)
{
	manage(c, state, "");
	put(c, V1 "/logicalNetworks/pa",
	    "{\"subnets\":[{\"resourceId\":\"all\",\"properties\":{\"addressPrefix\":\"192.0.2.0/24\"}}]}");
	for (unsigned i = 1; i <= 2; i++) {
		char path[64], properties[256];

		snprintf(path, sizeof path, V1 "/servers/h%u", i);
		snprintf(properties, sizeof properties,
			 "{\"providerAddresses\":[{\"address\":\"192.0.2.%u\",\"interface\":\"eth1\"}]}", i);
		put(c, path, properties);
	}
	put(c, V1 "/virtualNetworks/blue",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/"
	    "16\"]},\"subnets\":[{\"resourceId\":\"web\",\"properties\":{"
	    "\"addressPrefix\":\"10.0.0.0/16\",\"isolationId\":5001}}]}");
	put_nic(c, 2, "h1", "tap2");
	put_nic(c, 3, "h2", "tap3");
}

static bool no_memory; /* for the plan */

struct gw_plan_domain;
int __real_gw_plan_domain_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_domain *d);
int __wrap_gw_plan_domain_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_domain *d);
int __wrap_gw_plan_domain_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_domain *d)
{
	return no_memory ? -ENOMEM : __real_gw_plan_domain_compute(p, c, d);
}

static unsigned later; /* seconds */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	ret->tv_sec += later;
	return r;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* Everything from now on is what a node would hold: paths, in the order of the changes. */
struct held {
	json_t *paths; /* path -> properties */
	uint64_t revision;
	char epoch[17];
	unsigned pages, changes;
	bool full;
	uint32_t forgotten; /* the last virtual subnet that was to be */
};

static inline void take(struct held *h, const json_t *changes)
{
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change)
	{
		const char *path = at(change, "put", NULL), *gone = at(change, "delete", NULL);

		h->changes++;
		if (path)
			json_object_set(h->paths, path, json_object_get(change, "properties"));
		else if (gone)
			json_object_del(h->paths, gone);
		else
			h->forgotten = (uint32_t)json_integer_value(json_object_get(change, "forget"));
	}
}

/* `target`: with the epoch in a query, or the first time without one. */
static inline void fetch(struct controller *c, struct held *h, const char *target)
{
	char url[640] = "", more[128] = "", first[160];

	h->pages = h->changes = 0;
	do {
		struct response r;
		const char *next;

		snprintf(url, sizeof url, "%.400s%s%s", target, *more ? "&more=" : "", more);
		r = simple(&c->s, "GET", url, NULL);
		if (r.status != 200)
			fail_msg("%s: %s", url, r.text);
		h->full = json_is_true(json_object_get(r.json, "full"));
		if (h->pages++ == 0 && h->full) {
			json_decref(h->paths);
			h->paths = json_object();
		}
		snprintf(h->epoch, sizeof h->epoch, "%s", at(r.json, "epoch", NULL));
		take(h, json_object_get(r.json, "changes"));
		next = at(r.json, "more", NULL);
		snprintf(more, sizeof more, "%s", next ? next : "");
		assert_int_equal(!next, json_is_integer(json_object_get(r.json, "revision")));
		h->revision = (uint64_t)json_integer_value(json_object_get(r.json, "revision"));
		if (!strchr(target, '?')) { /* the first one: goes on as a node does */
			snprintf(first, sizeof first, "%.100s?epoch=%s", target, h->epoch);
			target = first;
		}
		done(&r);
	} while (*more);
}

static inline bool holds(const struct held *h, const char *path)
{
	return json_object_get(h->paths, path);
}

static inline void changes_since(struct controller *c, struct held *h)
{
	char url[128];

	snprintf(url, sizeof url, STATE "?since=%" PRIu64 "&epoch=%s", h->revision, h->epoch);
	fetch(c, h, url);
}

static inline void report(struct controller *c, const char *server, const struct held *h, const char *more)
{
	char path[64], body[1024];

	snprintf(path, sizeof path, V1 "/servers/%s/status", server);
	snprintf(body, sizeof body,
		 "{\"epoch\":\"%s\",\"revision\":%" PRIu64 ",\"version\":\"1.2\",\"state\":\"Synced\"%s}", h->epoch,
		 h->revision, more);
	assert_int_equal(status_of(&c->s, "PUT", path, body), 204);
}

static inline void restart(struct controller *c)
{
	struct gw_error err = GW_ERROR_INIT;

	c->s.service.control = gw_control_close(c->control);
	if (gw_control_open(gw_reconcile_store(c->s.core), &c->s.config, &c->s.loop, &c->control, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	c->s.service.control = c->control;
}

#endif
