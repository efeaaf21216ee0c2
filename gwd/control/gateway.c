/*
 * gateway.c - gateways, the virtual gateways of tenants and their connections, as the plan places them and as their nodes say they are. Called by
 * standing.c, also on threads that look.
 *
 * Where a virtual gateway is, the plan knows; all else is in the words of the node that carries it. What no node has said is not there.
 */
#include "control/private.h"

#include "model/resource/connection.h"
#include "model/resource/gateway.h"
#include "model/resource/network.h"

#include <stdlib.h>
#include <string.h>

static const struct gw_resource *network_of(const struct gw_catalog *c, const struct gw_resource *vgw)
{
	const struct gw_virtual_gateway *p = vgw->now.properties;
	const struct gw_resource *subnet =
		p->subnets.n ? gw_reference(c, vgw, *GW_LIST_AT(p->subnets, char *, 0)) : NULL;

	return p->network ? gw_reference(c, vgw, p->network) : subnet ? subnet->parent : NULL;
}

static const struct gw_resource *server_of(const struct gw_catalog *c, const struct gw_resource *gateway)
{
	return gw_reference(c, gateway, GW_PROPERTIES(gateway, gateway)->server);
}

/* Whether the plan has the network's virtual gateway there, and by which resource. */
static bool is_served(const struct gw_control *k, const struct gw_resource *network, const struct gw_resource *gateway,
		      struct gw_uuid *ret)
{
	const struct gw_resource *server = server_of(k->catalog, gateway);
	struct gw_hnv_object key = {.kind = GW_HNV_VRF};

	if (!network || !server || k->plan_is_behind)
		return false;
	key.vrf.rdid = GW_PROPERTIES(network, virtual_network)->rdid;
	return gw_plan_source(k->plan, &server->instance, &key, ret) == 0;
}

static bool is_on(const struct gw_control *k, const struct gw_resource *vgw, const struct gw_resource *gateway)
{
	struct gw_uuid source;

	return is_served(k, network_of(k->catalog, vgw), gateway, &source) && gw_uuid_equal(&source, &vgw->instance);
}

const struct gw_resource *gw_gateway_of(const struct gw_control *k, const struct gw_resource *vgw)
{
	const struct gw_resource *gateway = NULL;

	/* Gateways are few; those who refer to its pools may be many, as all other virtual gateways do. */
	while ((gateway = gw_catalog_next(k->catalog, NULL, GW_KIND_GATEWAY, gateway)))
		if (is_on(k, vgw, gateway))
			return gateway;
	return NULL;
}

const struct gw_node *gw_gateway_node(const struct gw_control *k, const struct gw_resource *gateway)
{
	const struct gw_resource *server = server_of(k->catalog, gateway);

	return server ? gw_node_of(k, &server->instance) : NULL;
}

json_t *gw_gateway_reported(const struct gw_control *k, const struct gw_node *n, const struct gw_resource *vgw)
{
	const struct gw_resource *network = network_of(k->catalog, vgw);
	char rdid[GW_UUID_STRLEN];

	if (!network || !n)
		return NULL;
	gw_uuid_format(&GW_PROPERTIES(network, virtual_network)->rdid, rdid);
	return json_object_get(json_object_get(n->report.gateway, "virtualGateways"), rdid);
}

json_t *gw_gateway_counted(const struct gw_control *k, const struct gw_resource *network)
{
	const struct gw_resource *gateway = NULL;
	const struct gw_node *n;
	struct gw_uuid source;
	char rdid[GW_UUID_STRLEN];

	while ((gateway = gw_catalog_next(k->catalog, NULL, GW_KIND_GATEWAY, gateway)))
		if (is_served(k, network, gateway, &source))
			break;
	n = gateway ? gw_gateway_node(k, gateway) : NULL;
	if (!n)
		return NULL;
	gw_uuid_format(&GW_PROPERTIES(network, virtual_network)->rdid, rdid);
	return json_object_get(json_object_get(n->report.gateway, "publicAddresses"), rdid);
}

/* --- gateways ----------------------------------------------------------------------------------------------------- */

static void set_ref(json_t *properties, const char *name, const struct gw_resource *to, const struct gw_resource *from)
{
	char *path = gw_resource_ref(to, from);

	if (path)
		json_object_set_new(properties, name, json_pack("{s:s}", "resourceRef", path));
	free(path);
}

/* What connections of the virtual gateways that are on it have been promised, in the direction that is more, takes from it. */
static uint64_t promised_to(const struct gw_control *k, const struct gw_resource *vgw)
{
	const struct gw_resource *r = NULL;
	uint64_t sum = 0;

	while (gw_kind_is_in_force(GW_KIND_CONNECTION) &&
	       (r = gw_catalog_next(k->catalog, vgw, GW_KIND_CONNECTION, r))) {
		const struct gw_connection *p = r->now.properties;

		sum += p->out > p->in ? p->out : p->in;
	}
	return sum;
}

/* In the order of the paths: who was put last must not show. */
static void insert_ref(json_t *list, const char *path)
{
	size_t low = 0, high = json_array_size(list);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(json_string_value(json_object_get(json_array_get(list, mid), "resourceRef")), path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	json_array_insert_new(list, low, json_pack("{s:s}", "resourceRef", path));
}

/* Those that are there, and how much of the gateway they take. */
static json_t *carried(const struct gw_control *k, const struct gw_resource *gateway, const struct gw_resource *pool,
		       uint64_t *ret_promised)
{
	json_t *list = json_array();

	*ret_promised = 0;
	for (const struct gw_ref *ref = pool ? pool->referrers : NULL; ref; ref = ref->next) {
		char *path;

		if (ref->from->kind != GW_KIND_VIRTUAL_GATEWAY || !is_on(k, ref->from, gateway))
			continue;
		*ret_promised += promised_to(k, ref->from);
		path = gw_resource_ref(ref->from, gateway);
		if (path)
			insert_ref(list, path);
		free(path);
	}
	return list;
}

/* A plugin that fails takes what it does with it, and no more: of the drivers that carry packets each is needed. */
static bool can_carry(const struct gw_node *n)
{
	static const char *const needed[] = {"node", "vrf", "engine"};
	const json_t *drivers = json_object_get(json_object_get(n->report.gateway, "capabilities"), "drivers");

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const char *state = json_string_value(json_object_get(json_object_get(drivers, needed[i]), "state"));

		if (!state || !strcmp(state, "Failing"))
			return false;
	}
	return true;
}

static const char *health_of(const struct gw_node *n)
{
	if (!n || !n->reported)
		return "Unknown";
	if (gw_node_is_away(n))
		return "Unreachable";
	if (n->dark || (n->report.state == GW_NODE_FAILING && !can_carry(n)))
		return "Failed";
	return n->report.state == GW_NODE_SYNCED && n->report.failed == 0 && !*n->dead ? "Healthy" : "Warning";
}

/* One that is in no pool is there, and nothing is for it to do. */
static const char *state_of(const struct gw_node *n, const struct gw_resource *pool)
{
	const char *health = health_of(n);

	if (strcmp(health, "Healthy") != 0 && strcmp(health, "Warning") != 0)
		return "Failed";
	return pool ? "Active" : "Passive";
}

void gw_gateway_describe(const struct gw_control *k, const struct gw_resource *gateway, json_t *properties)
{
	const struct gw_resource *pool = gw_reference(k->catalog, gateway, GW_PROPERTIES(gateway, gateway)->pool);
	const struct gw_gateway_pool *p = pool ? pool->now.properties : NULL;
	const struct gw_node *n = gw_gateway_node(k, gateway);
	json_t *capabilities = n ? json_object_get(n->report.gateway, "capabilities") : NULL;
	uint64_t promised;

	json_object_set_new(properties, "state", json_string(state_of(n, pool)));
	json_object_set_new(properties, "healthState", json_string(health_of(n)));
	if (capabilities)
		json_object_set(properties, "capabilities", capabilities);
	json_object_set_new(properties, "virtualGateways", carried(k, gateway, pool, &promised));
	if (!p || !GW_GIVEN(p, gateway_pool, capacity))
		return;
	json_object_set_new(properties, "totalCapacity", json_integer(p->capacity));
	json_object_set_new(properties, "availableCapacity",
			    json_integer(promised < p->capacity ? (json_int_t)(p->capacity - promised) : 0));
}

/* --- virtual gateways --------------------------------------------------------------------------------------------- */

/* What is told of it beside its counters. */
static bool is_state(const char *name)
{
	static const char *const names[] = {"state", "stateDetail", "customerAddresses", "publicAddresses",
					    "morePublicAddresses"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

void gw_gateway_describe_virtual(const struct gw_control *k, const struct gw_resource *vgw, json_t *properties)
{
	const struct gw_resource *gateway = gw_gateway_of(k, vgw);
	const struct gw_node *n = gateway ? gw_gateway_node(k, gateway) : NULL;
	json_t *reported = gw_gateway_reported(k, n, vgw), *statistics = json_object(), *value;
	const char *name;

	if (gateway)
		set_ref(properties, "gateway", gateway, vgw);
	json_object_foreach(reported, name, value)
	{
		if (is_state(name))
			json_object_set(properties, name, value);
		else if (json_is_object(value) ||
			 json_is_number(value)) /* names of what is on the node are not for clients */
			json_object_set(statistics, name, value);
	}
	if (json_object_size(statistics) > 0)
		json_object_set(properties, "statistics", statistics);
	json_decref(statistics);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

json_t *gw_gateway_reported_connection(const struct gw_node *n, const struct gw_resource *connection)
{
	char id[GW_UUID_STRLEN];

	return n ? json_object_get(json_object_get(n->report.gateway, "connections"),
				   gw_uuid_format(&connection->instance, id))
		 : NULL;
}

static void pass_on(json_t *properties, const json_t *reported, const char *name, const char *as)
{
	json_t *value = json_object_get(reported, name);

	if (value)
		json_object_set(properties, as, value);
}

/* Enabled is what some node carries, however it fares there; of what nobody has heard lately nothing is known. */
void gw_gateway_describe_connection(const struct gw_control *k, const struct gw_resource *connection,
				    json_t *properties)
{
	const struct gw_resource *gateway = gw_gateway_of(k, connection->parent);
	const struct gw_node *n = gateway ? gw_gateway_node(k, gateway) : NULL;
	const json_t *reported = gw_gateway_reported_connection(n, connection);
	struct gw_hnv_object key = {.kind = GW_HNV_CONNECTION, .way = {.id = connection->instance}};
	const struct gw_resource *server = gateway ? server_of(k->catalog, gateway) : NULL;
	struct gw_uuid source;
	bool enabled = server && !k->plan_is_behind && gw_plan_source(k->plan, &server->instance, &key, &source) == 0;

	json_object_set_new(properties, "connectionStatus", json_string(enabled ? "Enabled" : "Disabled"));
	if (!enabled)
		return;
	set_ref(properties, "gateway", gateway, connection);
	if (!reported)
		return;
	if (!gw_node_is_away(n)) {
		pass_on(properties, reported, "connectionState", "connectionState");
		pass_on(properties, reported, "connectionUpTime", "connectionUpTime");
		pass_on(properties, reported, "unreachabilityReason", "unreachabilityReason");
		pass_on(properties, reported, "stateDetail", "connectionErrorReason");
	}
	pass_on(properties, reported, "statistics", "statistics");
}
