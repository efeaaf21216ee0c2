/*
 * test_node_state.c - what a controller tells its nodes: /servers/{id}/state in pages, by changes, and when it comes; and what it makes
 * of /servers/{id}/status.
 */
#include "controller.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define V1     "/networking/v1"
#define STATE  V1 "/servers/h1/state"
#define STATUS V1 "/servers/h1/status"
#define NIC(n) V1 "/networkInterfaces/n" n

static void put(struct controller *c, const char *path, const char *properties)
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
static void put_nic(struct controller *c, unsigned n, const char *server, const char *interface)
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
static void deploy(struct controller *c, void **state)
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

/* --- reading it --------------------------------------------------------------------------------------------------- */

/* Everything from now on is what a node would hold: paths, in the order of the changes. */
struct held {
	json_t *paths; /* path -> properties */
	uint64_t revision;
	char epoch[17];
	unsigned pages, changes;
	bool full;
	uint32_t forgotten; /* the last virtual subnet that was to be */
};

static void take(struct held *h, const json_t *changes)
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
static void fetch(struct controller *c, struct held *h, const char *target)
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

static bool holds(const struct held *h, const char *path)
{
	return json_object_get(h->paths, path);
}

static void changes_since(struct controller *c, struct held *h)
{
	char url[128];

	snprintf(url, sizeof url, STATE "?since=%" PRIu64 "&epoch=%s", h->revision, h->epoch);
	fetch(c, h, url);
}

static void test_API_1_all_of_it_and_what_has_changed(void **state)
{
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	fetch(&c, &h, STATE);
	assert_true(h.full);
	assert_true(holds(&h, "/hnv/providerAddresses/192.0.2.1"));
	assert_true(holds(&h, "/hnv/lookupRecords/5001-10.0.0.2"));
	assert_true(holds(&h, "/hnv/lookupRecords/5001-10.0.0.3"));
	assert_true(holds(&h, "/hnv/ports/tap2"));
	assert_false(holds(&h, "/hnv/ports/tap3"));		     /* another node's */
	assert_false(holds(&h, "/hnv/providerAddresses/192.0.2.2")); /* too */
	changes_since(&c, &h);
	assert_false(h.full);
	assert_int_equal(h.changes, 0);
	put_nic(&c, 2, "h2", "tap2");
	assert_int_equal(status_of(&c.s, "DELETE", NIC("3"), NULL), 202);
	changes_since(&c, &h);
	/* Nothing of the network is on this node any more, and it is told to forget it as a whole. */
	assert_false(h.full);
	assert_int_equal(h.forgotten, 5001);
	json_decref(h.paths);
	leave(&c);
}

static void test_API_1_pages(void **state)
{
	enum { NICS = 600 };
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	for (unsigned n = 4; n < 4 + NICS; n++)
		put_nic(&c, n, "h2", "");
	fetch(&c, &h, STATE);
	assert_true(h.pages > NICS / 256);
	assert_true(json_object_size(h.paths) > NICS + 2);
	json_decref(h.paths);
	leave(&c);
}

/* --- waiting for it ----------------------------------------------------------------------------------------------- */

static int follow(struct controller *c, const struct held *h, unsigned seconds)
{
	char text[256];
	int fd = dial(&c->s), n;

	n = snprintf(text, sizeof text, "GET " STATE "?since=%" PRIu64 "&epoch=%s&wait=%u HTTP/1.1\r\nHost: x\r\n\r\n",
		     h->revision, h->epoch, seconds);
	send_bytes(&c->s, fd, text, (size_t)n);
	for (int i = 0; i < 20; i++)
		turn(&c->s);
	return fd;
}

static struct response answer_of(struct controller *c, int fd)
{
	struct response r;

	assert_true(receive(&c->s, fd, false, &r));
	close(fd);
	return r;
}

static bool is_waiting(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

static void test_API_1_told_as_soon_as_there_is_something(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	int fd;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 60);
	put(&c, V1 "/virtualNetworks/red",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\"]}}"); /* is nothing to the node */
	assert_true(is_waiting(fd));
	put_nic(&c, 4, "h2", "");
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	assert_false(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 1);
	assert_string_equal(at(json_array_get(json_object_get(r.json, "changes"), 0), "put", NULL),
			    "/hnv/lookupRecords/5001-10.0.0.4");
	h.revision = (uint64_t)json_integer_value(json_object_get(r.json, "revision"));
	done(&r);
	/* Nothing comes: an answer without changes, in time. */
	fd = follow(&c, &h, 1);
	assert_true(is_waiting(fd));
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 0);
	done(&r);
	/* The server is deleted under it, when nothing is on it any more. */
	fd = follow(&c, &h, 60);
	assert_int_equal(status_of(&c.s, "DELETE", NIC("2"), NULL), 202);
	r = answer_of(&c, fd);
	done(&r);
	fetch(&c, &h, STATE);
	assert_int_equal(json_object_size(h.paths), 1);
	fd = follow(&c, &h, 60);
	assert_int_equal(status_of(&c.s, "DELETE", V1 "/servers/h1", NULL), 202);
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200); /* it is to hold nothing */
	assert_true(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 0);
	h.revision = (uint64_t)json_integer_value(json_object_get(r.json, "revision"));
	done(&r);
	fd = follow(&c, &h, 60);
	assert_true(is_waiting(fd));
	/* One of its name is another one. */
	put(&c, V1 "/servers/H1", "{\"providerAddresses\":[{\"address\":\"192.0.2.1\",\"interface\":\"eth1\"}]}");
	r = answer_of(&c, fd);
	assert_true(json_is_true(json_object_get(r.json, "full")));
	assert_int_equal(json_array_size(json_object_get(r.json, "changes")), 1);
	done(&r);
	json_decref(h.paths);
	leave(&c);
}

static void test_many_who_follow_one_node(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	int fds[6];

	deploy(&c, state);
	fetch(&c, &h, STATE);
	for (size_t i = 0; i < 6; i++)
		fds[i] = follow(&c, &h, 60);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(is_waiting(fds[i]), i >= 2); /* the oldest have made room */
	put_nic(&c, 4, "h2", "");
	for (size_t i = 0; i < 6; i++) {
		r = answer_of(&c, fds[i]);
		assert_int_equal(r.status, 200);
		done(&r);
	}
	json_decref(h.paths);
	leave(&c);
}

static void on_drained(void *ctx)
{
	*(bool *)ctx = true;
}

static void test_nobody_waits_for_a_daemon_that_ends(void **state)
{
	struct controller c;
	struct held h = {0};
	struct response r;
	bool drained = false;
	int fd, other;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 60);
	other = follow(&c, &h, 60);
	close(other); /* who has gone does no harm */
	gw_api_drain(c.s.api, on_drained, &drained);
	r = answer_of(&c, fd);
	assert_int_equal(r.status, 200);
	done(&r);
	for (uint64_t deadline = uv_hrtime() + 4000000000u; !drained; turn(&c.s))
		assert_true(uv_hrtime() < deadline);
	json_decref(h.paths);
	leave(&c);
}

static void test_what_cannot_be_asked(void **state)
{
	static const struct refusal bad[] = {
		{"GET", V1 "/servers/h9/state", NULL, 404, "NotFound", NULL, "h9"},
		{"GET", STATE "?since=-1", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?since=99999999999999999999", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?wait=61", NULL, 400, "InvalidRequest", "wait", "60"},
		{"GET", STATE "?since=1&since=2", NULL, 400, "InvalidRequest", "since", NULL},
		{"GET", STATE "?more=0-0-0-0-0-0", NULL, 410, "Gone", NULL, NULL},
		{"GET", STATE "?more=0-0-0-0-0-0&epoch=0", NULL, 410, "Gone", NULL, NULL},
		{"PUT", STATE, "{}", 405, "MethodNotAllowed", NULL, NULL},
		{"PUT", V1 "/servers/h9/status", "{}", 404, "NotFound", NULL, NULL},
		{"PUT", STATUS, "[]", 400, "InvalidProperty", NULL, NULL},
		{"PUT", STATUS, "{}", 400, "InvalidProperty", "state", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"epoch\":\"x\"}", 400, "InvalidProperty", "epoch", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"revision\":-1}", 400, "InvalidProperty", "revision", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"version\":\"\\u0007\"}", 400, "InvalidProperty", "version",
		 NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"failures\":[{\"path\":7}]}", 400, "InvalidProperty",
		 "failures[0].path", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"statistics\":{\"a\":\"text\"}}", 400, "InvalidProperty",
		 "statistics", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"ports\":{\"a/b\":{}}}", 400, "InvalidProperty", "ports", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"ports\":{\"a\":{\"counters\":{\"b\":{}}}}}", 400,
		 "InvalidProperty", "ports.a.counters", NULL},
		{"PUT", STATUS, "{\"state\":\"Synced\",\"statistics\":{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}}", 400,
		 "InvalidProperty", "statistics", NULL},
	};
	static const char *const forged[] = {"x",
					     "0-0-0-0-0",
					     "0-7-0-0-0-0",
					     "4-0-0-0-0-0",
					     "0-0-5-4-0-0",
					     "0-0-0-ffffffffffffffff-0-0",
					     "0-0-0-0-0-11112222333344445",
					     ""};
	struct controller c;
	struct held h = {0};

	deploy(&c, state);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(&c.s, &bad[i]);
	fetch(&c, &h, STATE);
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		char url[192];

		snprintf(url, sizeof url, STATE "?epoch=%s&more=%s", h.epoch, forged[i]);
		assert_int_equal(status_of(&c.s, "GET", url, NULL), 410);
	}
	/* Places that nothing is at, in any stage, are places all the same. */
	for (unsigned stage = 0; stage < 7; stage++)
		for (unsigned flags = 0; flags < 4; flags++) {
			char url[192];
			int status;

			snprintf(url, sizeof url,
				 STATE "?epoch=%s&more=%x-%x-0-%" PRIx64 "-ffffffffffffffff-ffffffffffffffff", h.epoch,
				 flags, stage, h.revision);
			status = status_of(&c.s, "GET", url, NULL);
			assert_true(status == 200 || status == 410);
		}
	json_decref(h.paths);
	leave(&c);
}

static void restart(struct controller *c)
{
	struct gw_error err = GW_ERROR_INIT;

	c->s.service.control = gw_control_close(c->control);
	if (gw_control_open(gw_reconcile_store(c->s.core), &c->s.config, &c->s.loop, &c->control, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	c->s.service.control = c->control;
}

/* A node that was told that there is nothing would cut off all tenants. */
static void test_API_1_no_memory_for_the_plan(void **state)
{
	struct held h = {0};
	struct controller c;
	struct response r;
	int fd;

	deploy(&c, state);
	fetch(&c, &h, STATE);
	fd = follow(&c, &h, 50);
	no_memory = true;
	put_nic(&c, 4, "h1", "tap4");
	r = answer_of(&c, fd); /* it is not made to wait for what nobody can find out */
	assert_int_equal(r.status, 503);
	done(&r);
	put(&c, V1 "/servers/h3", "{}");
	assert_int_equal(status_of(&c.s, "GET", STATE, NULL), 503);
	assert_int_equal(status_of(&c.s, "GET", V1 "/servers/h3/state", NULL), 503);
	assert_int_equal(status_of(&c.s, "GET", "/readyz", NULL), 503);
	r = simple(&c.s, "GET", NIC("4"), NULL);
	assert_string_equal(at(json_object_get(r.json, "properties"), "provisioningState", NULL), "Updating");
	done(&r);
	no_memory = false;
	changes_since(&c, &h);
	assert_true(holds(&h, "/hnv/ports/tap4"));
	assert_int_equal(status_of(&c.s, "GET", "/readyz", NULL), 200);
	/* When there was none at its start either. */
	no_memory = true;
	restart(&c);
	assert_int_equal(status_of(&c.s, "GET", STATE, NULL), 503);
	no_memory = false;
	fetch(&c, &h, STATE);
	assert_true(holds(&h, "/hnv/ports/tap4"));
	json_decref(h.paths);
	leave(&c);
}

/* --- what nodes say ----------------------------------------------------------------------------------------------- */

static void report(struct controller *c, const char *server, const struct held *h, const char *more)
{
	char path[64], body[512];

	snprintf(path, sizeof path, V1 "/servers/%s/status", server);
	snprintf(body, sizeof body,
		 "{\"epoch\":\"%s\",\"revision\":%" PRIu64 ",\"version\":\"1.2\",\"state\":\"Synced\"%s}", h->epoch,
		 h->revision, more);
	assert_int_equal(status_of(&c->s, "PUT", path, body), 204);
}

static void state_is(struct controller *c, const char *path, const char *provisioning, const char *status,
		     const char *detail)
{
	struct response r = simple(&c->s, "GET", path, NULL);
	const json_t *p = json_object_get(r.json, "properties"), *state = json_object_get(p, "configurationState");
	_cleanup_free_ char *details = json_dumps(json_object_get(state, "detailedInfo"), 0);

	assert_int_equal(r.status, 200);
	if (strcmp(at(p, "provisioningState", NULL), provisioning) != 0 ||
	    strcmp(at(state, "status", NULL), status) != 0)
		fail_msg("%s: %s", path, r.text);
	if (detail)
		assert_contains(details, detail);
	else
		assert_string_equal(details, "[]");
	done(&r);
}

static void test_API_1_states_tell_the_truth(void **state)
{
	struct controller c;
	struct held one = {0}, two = {0};
	struct response r;

	deploy(&c, state);
	/* Nobody has said anything yet. */
	state_is(&c, NIC("2"), "Succeeded", "Failure", "HostUnreachable");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "2 of the 2 nodes");
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	fetch(&c, &two, V1 "/servers/h2/state");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("2"), "Succeeded", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/servers/h1", "Succeeded", "Success", NULL);
	r = simple(&c.s, "GET", V1 "/servers/h1", NULL);
	assert_string_equal(at(json_object_get(r.json, "properties"), "state", NULL), "Active");
	assert_string_equal(at(json_object_get(r.json, "properties"), "version", NULL), "1.2");
	done(&r);
	/* A change is under way until all who have to do with it have it. */
	put_nic(&c, 4, "h2", "");
	state_is(&c, NIC("4"), "Updating", "Success", NULL);
	state_is(&c, NIC("2"), "Succeeded", "Success", NULL);
	changes_since(&c, &one);
	report(&c, "h1", &one, "");
	state_is(&c, NIC("4"), "Updating", "Success", NULL);
	fetch(&c, &two, V1 "/servers/h2/state");
	/* In the node's own words, at what it is about. */
	report(&c, "h2", &two,
	       ",\"failed\":1,\"failures\":[{\"path\":\"/hnv/ports/tap3\",\"code\":\"Conflict\",\"message\":\"it "
	       "burns\"}]");
	state_is(&c, NIC("4"), "Succeeded", "Success", NULL);
	state_is(&c, NIC("3"), "Succeeded", "Failure", "it burns");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	report(&c, "h2", &two, ",\"message\":\"no memory\"");
	state_is(&c, V1 "/servers/h2", "Succeeded", "Warning", "no memory");
	/* A port is as its host says, until it says otherwise. */
	report(&c, "h2", &two,
	       ",\"ports\":{\"tap3\":{\"state\":\"Missing\",\"detail\":\"no tap3\",\"counters\":{\"txPackets\":7}}}");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "no tap3");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "no tap3");
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\",\"counters\":{\"txPackets\":8}}}");
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	r = simple(&c.s, "GET", NIC("3"), NULL);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_object_get(r.json, "properties"), "statistics"), "txPackets")),
			 8);
	done(&r);
	/* One that the host says nothing of, when it has said how its ports are. */
	put_nic(&c, 5, "h2", "tap5");
	changes_since(&c, &one);
	report(&c, "h1", &one, "");
	fetch(&c, &two, V1 "/servers/h2/state");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("5"), "Updating", "Success", NULL);
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\"}}");
	state_is(&c, NIC("5"), "Succeeded", "Failure", "no port at tap5");
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\"},\"tap5\":{\"state\":\"Up\"}}");
	state_is(&c, NIC("5"), "Succeeded", "Success", NULL);
	/* What more a node has to complain of than it tells may be about anything that is on it. */
	report(&c, "h2", &two,
	       ",\"failed\":100,\"failures\":[{\"path\":\"/hnv/ports/tap3\",\"code\":\"Conflict\",\"message\":\"it "
	       "burns\"}]");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "it burns");
	state_is(&c, NIC("5"), "Succeeded", "Warning", "of this resource or of others");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "of this resource or of others");
	report(&c, "h2", &two, "");
	put(&c, V1 "/networkInterfaces/bare",
	    "{\"privateMacAddress\":\"020000000009\",\"privateMacAllocationMethod\":\"Static\",\"server\":{"
	    "\"resourceRef\":\"/servers/h2\"},\"hostInterface\":\"tap9\"}");
	state_is(&c, V1 "/networkInterfaces/bare", "Succeeded", "Failure", "NoAddress");
	/* What is asked for and not done says so. */
	put(&c, V1 "/accessControlLists/acl", "{}");
	put(&c, V1 "/virtualNetworks/blue",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/"
	    "16\"]},\"subnets\":[{\"resourceId\":\"web\",\"properties\":{"
	    "\"addressPrefix\":\"10.0.0.0/16\",\"isolationId\":5001,\"accessControlList\":{\"resourceRef\":"
	    "\"/accessControlLists/acl\"}}}]}");
	state_is(&c, V1 "/virtualNetworks/blue/subnets/web", "Succeeded", "Warning", "not enforce");
	state_is(&c, V1 "/accessControlLists/acl", "Succeeded", "Unknown", "NotImplemented");
	json_decref(one.paths);
	json_decref(two.paths);
	leave(&c);
}

/* Nothing carries them yet: what would go there is answered as if there were none, and their state says so. */
static void test_API_1_gateways_are_not_in_force(void **state)
{
	static const char balancer[] =
		"{\"frontendIPConfigurations\":[{\"resourceId\":\"f\",\"properties\":{\"publicIPAddress\":{"
		"\"resourceRef\":\"/publicIPAddresses/p\"}}}],\"backendAddressPools\":[{\"resourceId\":\"b\","
		"\"properties\":{\"subnets\":[{\"resourceRef\":\"/virtualNetworks/blue/subnets/web\"}]}}],"
		"\"outboundNatRules\":[{\"resourceId\":\"out\",\"properties\":{\"frontendIPConfigurations\":[{"
		"\"resourceRef\":\"/loadBalancers/lb/frontendIPConfigurations/f\"}],\"backendAddressPool\":{"
		"\"resourceRef\":\"/loadBalancers/lb/backendAddressPools/b\"}}}]}";
	struct held before = {0}, after = {0};
	struct controller c;

	deploy(&c, state);
	put(&c, V1 "/virtualNetworks/blue",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\",\"10.1.0.0/16\"]},\"subnets\":[{\"resourceId\":"
	    "\"web\",\"properties\":{\"addressPrefix\":\"10.0.0.0/16\",\"isolationId\":5001}},{\"resourceId\":\"gw\","
	    "\"properties\":{\"addressPrefix\":\"10.1.0.0/29\",\"isolationId\":5002}}]}");
	fetch(&c, &before, STATE);
	put(&c, V1 "/publicIPAddresses/p", "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.9\"}");
	put(&c, V1 "/loadBalancers/lb", balancer);
	state_is(&c, V1 "/loadBalancers/lb/outboundNatRules/out", "Succeeded", "Failure", "NoVirtualGateway");
	put(&c, V1 "/servers/g1", "{\"providerAddresses\":[{\"address\":\"192.0.2.9\",\"interface\":\"eth1\"}]}");
	put(&c, V1 "/gatewayPools/all", "{\"type\":\"All\"}");
	put(&c, V1 "/gateways/g1",
	    "{\"pool\":{\"resourceRef\":\"/gatewayPools/all\"},\"virtualServer\":{\"resourceRef\":\"/servers/g1\"}}");
	put(&c, V1 "/virtualGateways/blue",
	    "{\"virtualNetwork\":{\"resourceRef\":\"/virtualNetworks/blue\"},\"gatewayPools\":[{\"resourceRef\":"
	    "\"/gatewayPools/all\"}],\"gatewaySubnets\":[{\"resourceRef\":\"/virtualNetworks/blue/subnets/gw\"}]}");
	fetch(&c, &after, STATE);
	assert_true(json_equal(before.paths, after.paths));
	state_is(&c, V1 "/virtualGateways/blue", "Succeeded", "Unknown", "does not put it into force yet");
	state_is(&c, V1 "/loadBalancers/lb/outboundNatRules/out", "Succeeded", "Unknown", "does not put it into force");
	json_decref(before.paths);
	json_decref(after.paths);
	leave(&c);
}

/* After the controller's start nodes have some time to be heard of, during which nothing is in place yet. */
static void test_API_1_nodes_that_have_not_spoken_yet(void **state)
{
	struct controller c;
	struct held one = {0};

	deploy(&c, state);
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	restart(&c);
	put(&c, V1 "/servers/h3", "{}"); /* that it has a node yet nobody has claimed */
	state_is(&c, V1 "/servers/h3", "Succeeded", "Failure", "since the controller was started");
	state_is(&c, NIC("2"), "Updating", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Updating", "Success", NULL);
	state_is(&c, V1 "/servers/h1", "Updating", "Success", NULL);
	later += 80;
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	state_is(&c, V1 "/servers/h1", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Updating", "Success", NULL);
	later += 20;
	state_is(&c, NIC("2"), "Succeeded", "Warning", "1 of the 2 nodes");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "since the controller was started");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "1 of the 2 nodes");
	/* That somebody looks at what it is to hold does not make it live. */
	later += 80;
	fetch(&c, &one, STATE);
	state_is(&c, V1 "/servers/h1", "Succeeded", "Failure", "not been heard of for a while");
	json_decref(one.paths);
	leave(&c);
	later = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_API_1_all_of_it_and_what_has_changed, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_pages, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_told_as_soon_as_there_is_something, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_many_who_follow_one_node, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_waits_for_a_daemon_that_ends, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_no_memory_for_the_plan, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_asked, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_states_tell_the_truth, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_gateways_are_not_in_force, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_nodes_that_have_not_spoken_yet, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
