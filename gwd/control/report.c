/*
 * report.c - what nodes say of themselves, and what that and the plan say of resources: how far nodes have come with them, and what is
 * wrong. See control.h.
 *
 * Kept in memory only: a node says it again, to another controller too. Changed by who may change the catalogue, so that threads
 * that look at it may look at this as well.
 */
#include "control/private.h"

#include "model/hnv_change.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AWAY_MS 90000 /* without a word: nodes speak every 60 s at least */

struct gw_node {
	struct gw_hmap_node by_server;
	struct gw_node *next_faulty, *prev_faulty; /* while it has failures */
	struct gw_uuid server;
	char id[GW_RESOURCE_ID_MAX + 1];
	_Atomic uint64_t heard; /* ms */
	struct gw_node_report report;
	struct gw_uuid sources[GW_NODE_FAILURES]; /* the resources that failed there; nil: none that is known */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct gw_node *node_of(const struct gw_control *k, const struct gw_uuid *server)
{
	GW_HMAP_FOR_EACH_HASH (at, &k->nodes, gw_hash_bytes(server, sizeof *server, 0)) {
		struct gw_node *n = GW_CONTAINER_OF(at, struct gw_node, by_server);

		if (gw_uuid_equal(&n->server, server))
			return n;
	}
	return NULL;
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

void gw_node_report_done(struct gw_node_report *r)
{
	json_decref(r->failures);
	json_decref(r->statistics);
	json_decref(r->ports);
	r->failures = r->statistics = r->ports = NULL;
}

static void take_from_faulty(struct gw_control *k, struct gw_node *n)
{
	if (json_array_size(n->report.failures) == 0)
		return;
	if (n->next_faulty)
		n->next_faulty->prev_faulty = n->prev_faulty;
	if (n->prev_faulty)
		n->prev_faulty->next_faulty = n->next_faulty;
	else
		k->faulty = n->next_faulty;
}

static void forget(struct gw_control *k, struct gw_node *n)
{
	take_from_faulty(k, n);
	gw_hmap_remove(&k->nodes, &n->by_server);
	gw_node_report_done(&n->report);
	free(n);
}

void gw_reports_done(struct gw_control *k)
{
	GW_HMAP_FOR_EACH_SAFE (at, after, &k->nodes)
		forget(k, GW_CONTAINER_OF(at, struct gw_node, by_server));
	gw_hmap_done(&k->nodes);
}

/* Servers are deleted now and then; what they said goes when another one is made. */
static void forget_gone(struct gw_control *k)
{
	GW_HMAP_FOR_EACH_SAFE (at, after, &k->nodes) {
		struct gw_node *n = GW_CONTAINER_OF(at, struct gw_node, by_server);

		if (gw_plan_node_revision(k->plan, &n->server) == 0)
			forget(k, n);
	}
}

static struct gw_node *make(struct gw_control *k, const struct gw_resource *server)
{
	struct gw_node *n = calloc(1, sizeof *n);

	forget_gone(k);
	if (!n || gw_hmap_insert(&k->nodes, &n->by_server, gw_hash_bytes(&server->instance, sizeof n->server, 0)) < 0) {
		free(n);
		return NULL;
	}
	n->server = server->instance;
	strncat(n->id, server->id, sizeof n->id - 1);
	return n;
}

static void find_source(const struct gw_control *k, const struct gw_uuid *server, const char *path, struct gw_uuid *ret)
{
	struct gw_hnv_object *key = NULL;

	*ret = (struct gw_uuid){0};
	if (gw_hnv_change_parse_path(path, &key, NULL) == 0)
		gw_plan_source(k->plan, server, key, ret);
	gw_hnv_object_free(key);
}

int gw_control_report(struct gw_control *k, const struct gw_resource *server, struct gw_node_report *report)
{
	struct gw_node *n = node_of(k, &server->instance);

	if (!n && !(n = make(k, server)))
		return -ENOMEM;
	if (!report->ports)
		report->ports = json_incref(n->report.ports);
	take_from_faulty(k, n);
	gw_node_report_done(&n->report);
	n->report = *report;
	*report = (struct gw_node_report){0};
	for (size_t i = 0; i < json_array_size(n->report.failures); i++)
		find_source(k, &n->server,
			    json_string_value(json_object_get(json_array_get(n->report.failures, i), "path")),
			    &n->sources[i]);
	if (json_array_size(n->report.failures) > 0) {
		n->prev_faulty = NULL;
		n->next_faulty = k->faulty;
		if (k->faulty)
			k->faulty->prev_faulty = n;
		k->faulty = n;
	}
	atomic_store(&n->heard, now_ms());
	return 0;
}

void gw_control_heard(const struct gw_control *k, const struct gw_uuid *server)
{
	struct gw_node *n = node_of(k, server);

	if (n)
		atomic_store(&n->heard, now_ms());
}

/* --- how a node is ------------------------------------------------------------------------------------------------ */

static bool is_away(const struct gw_node *n)
{
	return !n || now_ms() - atomic_load(&n->heard) > AWAY_MS;
}

/* What it holds of the plan: up to this revision. */
static uint64_t reached(const struct gw_control *k, const struct gw_node *n)
{
	return n && n->report.epoch == k->epoch ? n->report.revision : 0;
}

bool gw_reports_have_reached(const struct gw_control *k, uint64_t revision)
{
	if (k->plan_is_behind)
		return false;
	GW_HMAP_FOR_EACH (at, &k->nodes) {
		const struct gw_node *n = GW_CONTAINER_OF(at, struct gw_node, by_server);
		uint64_t last = gw_plan_node_revision(k->plan, &n->server);

		if (!is_away(n) && reached(k, n) < (last < revision ? last : revision))
			return false;
	}
	return true;
}

static const char *state_of(const struct gw_node *n)
{
	if (!n)
		return "Unknown";
	if (is_away(n))
		return "Away";
	return n->report.state == GW_NODE_FAILING ? "Failing" : "Active";
}

static json_t *status_of(const struct gw_control *k, const struct gw_resource *server)
{
	const struct gw_node *n = node_of(k, &server->instance);
	uint64_t revision = gw_plan_node_revision(k->plan, &server->instance), at = reached(k, n);
	json_t *j = json_pack("{s:s, s:s, s:I, s:I}", "id", server->id, "state", state_of(n), "revision",
			      (json_int_t)revision, "reached", (json_int_t)at);

	if (!n)
		return j;
	json_object_set_new(j, "behind", json_integer(at < revision ? (json_int_t)(revision - at) : 0));
	json_object_set_new(j, "version", json_string(n->report.version));
	json_object_set_new(j, "failed", json_integer(n->report.failed));
	json_object_set_new(j, "lastContactSeconds",
			    json_integer((json_int_t)((now_ms() - atomic_load(&n->heard)) / 1000)));
	if (*n->report.message)
		json_object_set_new(j, "message", json_string(n->report.message));
	if (n->report.statistics)
		json_object_set(j, "statistics", n->report.statistics);
	return j;
}

json_t *gw_control_status(const struct gw_control *k, size_t max)
{
	const struct gw_resource *server = NULL;
	const struct gw_catalog *c = k->catalog;
	json_t *list = json_array();

	while ((server = gw_catalog_next(k->catalog, NULL, GW_KIND_SERVER, server)) && json_array_size(list) < max)
		json_array_append_new(list, status_of(k, server));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "tenants", (json_int_t)gw_catalog_count_tenants(c),
			 "virtualNetworks", (json_int_t)gw_catalog_count_of(c, GW_KIND_VIRTUAL_NETWORK),
			 "networkInterfaces", (json_int_t)gw_catalog_count_of(c, GW_KIND_NETWORK_INTERFACE), "servers",
			 (json_int_t)gw_catalog_count_of(c, GW_KIND_SERVER), "nodes", list);
}

/* --- how a resource is -------------------------------------------------------------------------------------------- */

enum standing_status { SUCCESS, WARNING, FAILURE };

struct standing {
	const struct gw_control *k;
	const struct gw_resource *r;
	enum standing_status status;
	json_t *details;
	bool updating;
	unsigned nodes, away;
};

static void add(struct standing *s, enum standing_status status, const char *source, const char *code,
		const char *message)
{
	json_array_append_new(s->details,
			      json_pack("{s:s, s:s, s:s}", "source", source, "message", message, "code", code));
	if (s->status < status)
		s->status = status;
}

static int on_trouble(void *ctx, const struct gw_plan_trouble *t)
{
	static const enum standing_status as[] = {
		[GW_PLAN_NOTE] = SUCCESS, [GW_PLAN_WARNING] = WARNING, [GW_PLAN_FAILURE] = FAILURE};

	add(ctx, as[t->grade], "gwd", t->code, t->message);
	return 0;
}

/* In the node's own words. */
static void add_faults_of(struct standing *s, const struct gw_uuid *resource)
{
	for (const struct gw_node *n = s->k->faulty; n; n = n->next_faulty)
		for (size_t i = 0; i < json_array_size(n->report.failures); i++) {
			const json_t *fault = json_array_get(n->report.failures, i);

			if (gw_uuid_equal(&n->sources[i], resource))
				add(s, FAILURE, n->id, json_string_value(json_object_get(fault, "code")),
				    json_string_value(json_object_get(fault, "message")));
		}
}

/* Who looks at a NIC looks for its addresses too. */
static void add_faults(struct standing *s)
{
	const struct gw_resource *child = NULL;

	add_faults_of(s, &s->r->instance);
	while (s->r->kind == GW_KIND_NETWORK_INTERFACE &&
	       (child = gw_catalog_next(s->k->catalog, s->r, GW_KIND_IP_CONFIGURATION, child))) {
		gw_plan_troubles(s->k->plan, &child->instance, on_trouble, s);
		add_faults_of(s, &child->instance);
	}
}

/* One that is away holds nobody up: it is told when it comes back. */
static int on_node(void *ctx, const struct gw_uuid *server)
{
	struct standing *s = ctx;
	const struct gw_node *n = node_of(s->k, server);
	uint64_t revision = gw_plan_node_revision(s->k->plan, server);

	s->nodes++;
	if (is_away(n))
		s->away++;
	else if (reached(s->k, n) < (revision < s->r->now.revision ? revision : s->r->now.revision))
		s->updating = true;
	return 0;
}

/* How the port of a NIC is, as its host says. */
static void add_port(struct standing *s, json_t *properties)
{
	const struct gw_network_interface *p = s->r->now.properties;
	const struct gw_resource *server = gw_reference(s->k->catalog, s->r, p->server);
	const struct gw_node *n = server && p->host_interface ? node_of(s->k, &server->instance) : NULL;
	json_t *port = n ? json_object_get(n->report.ports, p->host_interface) : NULL;
	const char *state = json_string_value(json_object_get(port, "state"));
	const char *detail = json_string_value(json_object_get(port, "detail"));

	if (!port)
		return;
	json_object_set(properties, "status", json_object_get(port, "state"));
	json_object_set(properties, "statistics", json_object_get(port, "counters"));
	if (strcmp(state, "Up") != 0 && !is_away(n))
		add(s, FAILURE, n->id, "PortNotUp", detail && *detail ? detail : state);
}

static void add_away(struct standing *s, const struct gw_resource *root)
{
	const struct gw_resource *server =
		root->kind == GW_KIND_SERVER ? root
		: root->kind == GW_KIND_NETWORK_INTERFACE
			? gw_reference(s->k->catalog, root, GW_PROPERTIES(root, network_interface)->server)
			: NULL;
	char message[128];

	if (server && is_away(node_of(s->k, &server->instance)))
		add(s, FAILURE, server->id, "HostUnreachable",
		    node_of(s->k, &server->instance)
			    ? "the node has not been heard of for a while: it goes on with what it was told last"
			    : "the node has not been heard of since the controller was started");
	else if (s->away > 0) {
		snprintf(message, sizeof message, "%u of the %u nodes that have to do with it are out of reach",
			 s->away, s->nodes);
		add(s, WARNING, "gwd", "HostUnreachable", message);
	}
}

/* What is asked for and not done yet, where somebody may rely on it. */
static void add_missing(struct standing *s)
{
	const struct gw_resource *r = s->r;
	const struct gw_port_settings *settings =
		r->kind == GW_KIND_NETWORK_INTERFACE ? &GW_PROPERTIES(r, network_interface)->settings : NULL;
	const char *acl = r->kind == GW_KIND_VIRTUAL_SUBNET	? GW_PROPERTIES(r, virtual_subnet)->acl
			  : r->kind == GW_KIND_IP_CONFIGURATION ? GW_PROPERTIES(r, ip_configuration)->acl
			  : settings				? GW_PROPERTIES(r, network_interface)->acl
								: NULL;

	if (acl)
		add(s, WARNING, "gwd", "NotImplemented", "this version of gwd does not enforce the accessControlList");
	if (settings && (settings->dhcp_guard || settings->storm_limit || settings->flow_limit ||
			 settings->qos.max_out || settings->qos.max_in))
		add(s, WARNING, "gwd", "NotImplemented",
		    "this version of gwd does not enforce dhcpGuardEnabled, limits and rates of portSettings");
}

/* What could not be on a node, of whichever resource: there may be more of it than nodes tell one by one. */
static void add_failed(struct standing *s, const struct gw_node *n)
{
	const json_t *first = json_array_get(n->report.failures, 0);
	char message[1024];

	snprintf(message, sizeof message, "%u of the records that it is to hold cannot be, such as %s: %s",
		 n->report.failed, json_string_value(json_object_get(first, "path")),
		 json_string_value(json_object_get(first, "message")));
	add(s, WARNING, n->id, json_string_value(json_object_get(first, "code")), message);
}

void gw_reports_describe(void *ctx, const struct gw_resource *r, json_t *properties)
{
	static const char *const names[] = {[SUCCESS] = "Success", [WARNING] = "Warning", [FAILURE] = "Failure"};
	json_t *state = json_object_get(properties, "configurationState");
	const struct gw_resource *root = r;
	struct standing s = {.k = ctx, .r = r, .details = json_object_get(state, "detailedInfo")};
	const struct gw_node *n;

	while (root->parent)
		root = root->parent;
	if (r->now.trouble)
		s.status = FAILURE;
	gw_plan_troubles(s.k->plan, &r->instance, on_trouble, &s);
	add_faults(&s);
	gw_plan_nodes(s.k->plan, &root->instance, on_node, &s);
	add_away(&s, root);
	if (r->kind == GW_KIND_NETWORK_INTERFACE)
		add_port(&s, properties);
	add_missing(&s);
	if (r->kind == GW_KIND_SERVER) {
		n = node_of(s.k, &r->instance);
		if (n && *n->report.message)
			add(&s, n->report.state == GW_NODE_FAILING ? FAILURE : WARNING, n->id, "NodeError",
			    n->report.message);
		if (n && json_array_size(n->report.failures) > 0)
			add_failed(&s, n);
		json_object_set_new(properties, "state", json_string(state_of(n)));
		if (n)
			json_object_set_new(properties, "version", json_string(n->report.version));
	}
	json_object_set_new(state, "status", json_string(names[s.status]));
	if (s.updating || s.k->plan_is_behind)
		json_object_set_new(properties, "provisioningState", json_string("Updating"));
}
