/*
 * report.c - what nodes say of themselves. See control.h; what it means for resources is in standing.c.
 *
 * Kept in memory only: a node says it again, to another controller too. Changed by who may change the catalogue, so that threads
 * that look at it may look at this as well.
 */
#include "control/private.h"

#include "model/hnv_change.h"
#include "model/resource/interface.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AWAY_MS 90000 /* without a word: nodes speak every 60 s at least */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct gw_node *gw_node_of(const struct gw_control *k, const struct gw_uuid *server)
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
	json_decref(r->addresses);
	json_decref(r->warnings);
	json_decref(r->gateway);
	r->failures = r->statistics = r->ports = r->addresses = r->warnings = r->gateway = NULL;
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
	if (k->plan_is_behind)
		return;
	GW_HMAP_FOR_EACH_SAFE (at, after, &k->nodes) {
		struct gw_node *n = GW_CONTAINER_OF(at, struct gw_node, by_server);

		if (gw_plan_node_revision(k->plan, &n->server) == 0)
			forget(k, n);
	}
}

static struct gw_node *make(struct gw_control *k, const struct gw_resource *server)
{
	struct gw_node *n = calloc(1, sizeof *n);

	if (!n || gw_hmap_insert(&k->nodes, &n->by_server, gw_hash_bytes(&server->instance, sizeof n->server, 0)) < 0) {
		free(n);
		return NULL;
	}
	n->server = server->instance;
	strncat(n->id, server->id, sizeof n->id - 1);
	atomic_store(&n->heard, now_ms());
	return n;
}

int gw_reports_expect(struct gw_control *k)
{
	const struct gw_resource *server = NULL;

	while ((server = gw_catalog_next(k->catalog, NULL, GW_KIND_SERVER, server)))
		if (!make(k, server))
			return -ENOMEM;
	return 0;
}

static void find_source(const struct gw_control *k, const struct gw_uuid *server, const char *path, struct gw_uuid *ret)
{
	struct gw_hnv_object *key = NULL;

	*ret = (struct gw_uuid){0};
	if (gw_hnv_change_parse_path(path, &key, NULL) == 0)
		gw_plan_source(k->plan, server, key, ret);
	gw_hnv_object_free(key);
}

/* Others send to what the server says: an address that the node does not receive at, be it that it has none such, is dead. */
static void judge_addresses(struct gw_node *n, const struct gw_resource *server)
{
	const struct gw_server *p = server->now.properties;
	size_t dead = 0;

	*n->dead = '\0';
	for (size_t i = 0; n->report.addresses && i < p->addresses.n; i++) {
		const struct gw_server_address *a = GW_LIST_AT(p->addresses, struct gw_server_address, i);
		char text[GW_ADDR_STRLEN];
		const json_t *state = json_object_get(n->report.addresses, gw_addr_format(&a->address, text));

		if (state && !strcmp(json_string_value(state), "Up"))
			continue;
		if (dead++ == 0)
			memcpy(n->dead, text, sizeof n->dead);
	}
	n->dark = dead > 0 && dead == p->addresses.n;
}

/* What it has not told again. */
static void keep(json_t **now, json_t *before)
{
	if (!*now)
		*now = json_incref(before);
}

int gw_control_report(struct gw_control *k, const struct gw_resource *server, struct gw_node_report *report)
{
	struct gw_node *n = gw_node_of(k, &server->instance);

	if (!n) {
		forget_gone(k);
		n = make(k, server);
	}
	if (!n)
		return -ENOMEM;
	n->reported = true;
	if (report->epoch != n->report.epoch)
		n->detailed = 0;
	if (report->ports)
		n->detailed = report->revision;
	keep(&report->ports, n->report.ports);
	keep(&report->addresses, n->report.addresses);
	keep(&report->warnings, n->report.warnings);
	keep(&report->gateway, n->report.gateway);
	take_from_faulty(k, n);
	gw_node_report_done(&n->report);
	n->report = *report;
	*report = (struct gw_node_report){0};
	judge_addresses(n, server);
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
	struct gw_node *n = gw_node_of(k, server);

	if (n)
		atomic_store(&n->heard, now_ms());
}

/* --- how a node is ------------------------------------------------------------------------------------------------ */

bool gw_node_is_away(const struct gw_node *n)
{
	return !n || now_ms() - atomic_load(&n->heard) > AWAY_MS;
}

uint64_t gw_node_reached(const struct gw_control *k, const struct gw_node *n)
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

		if (!gw_node_is_away(n) && gw_node_reached(k, n) < (last < revision ? last : revision))
			return false;
	}
	return true;
}

const char *gw_node_state_name(const struct gw_node *n)
{
	if (!n || !n->reported)
		return "Unknown";
	if (gw_node_is_away(n))
		return "Away";
	return n->report.state == GW_NODE_FAILING ? "Failing" : "Active";
}

static json_t *status_of(const struct gw_control *k, const struct gw_resource *server)
{
	const struct gw_node *n = gw_node_of(k, &server->instance);
	uint64_t revision = gw_plan_node_revision(k->plan, &server->instance), at = gw_node_reached(k, n);
	json_t *j = json_pack("{s:s, s:s, s:I, s:I}", "id", server->id, "state", gw_node_state_name(n), "revision",
			      (json_int_t)revision, "reached", (json_int_t)at);

	if (!n || !n->reported)
		return j;
	json_object_set_new(j, "behind", json_integer(at < revision ? (json_int_t)(revision - at) : 0));
	json_object_set_new(j, "version", json_string(n->report.version));
	json_object_set_new(j, "failed", json_integer(n->report.failed));
	json_object_set_new(j, "lastContactSeconds",
			    json_integer((json_int_t)((now_ms() - atomic_load(&n->heard)) / 1000)));
	if (*n->report.message)
		json_object_set_new(j, "message", json_string(n->report.message));
	if (*n->dead)
		json_object_set_new(j, "deadAddress", json_string(n->dead));
	if (n->report.warnings)
		json_object_set(j, "warnings", n->report.warnings);
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
