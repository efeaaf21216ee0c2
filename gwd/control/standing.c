/*
 * standing.c - what the plan and the reports of nodes say of a resource: how far nodes have come with it, and what is wrong. See
 * private.h. Called by the catalogue for each resource that is shown, also on threads that look at it.
 */
#include "control/private.h"

#include "model/plain.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"

#include <stdio.h>
#include <string.h>

enum standing_status { UNKNOWN, SUCCESS, WARNING, FAILURE }; /* UNKNOWN: nothing puts it into force */

struct standing {
	const struct gw_control *k;
	const struct gw_resource *r;
	enum standing_status status;
	json_t *details;
	bool updating;
	unsigned nodes, away;
	unsigned dark;			/* of the nodes: none of their provider addresses can be used */
	const struct gw_node *overfull; /* a node that has more to complain of than it tells one by one */
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

/* What a node has to have carried out, so that the resource is in place on it. */
static uint64_t revision_for(const struct standing *s, const struct gw_uuid *server)
{
	uint64_t revision = gw_plan_node_revision(s->k->plan, server);

	return revision < s->r->now.revision ? revision : s->r->now.revision;
}

/* Whether it has told of its details since it has the resource. */
static bool has_details(const struct standing *s, const struct gw_node *n)
{
	return n->report.epoch == s->k->epoch && n->detailed >= revision_for(s, &n->server);
}

/* One that is away holds nobody up: it is told when it comes back. */
static int on_node(void *ctx, const struct gw_uuid *server)
{
	struct standing *s = ctx;
	const struct gw_node *n = gw_node_of(s->k, server);

	s->nodes++;
	if (gw_node_is_away(n)) {
		s->away++;
		return 0;
	}
	if (gw_node_reached(s->k, n) < revision_for(s, server))
		s->updating = true;
	if (n->report.failed > json_array_size(n->report.failures))
		s->overfull = n;
	s->dark += n->dark && has_details(s, n);
	return 0;
}

/* The node has reached the revision, and says nothing of a port. Only one that is told of later may be there. */
static void add_no_port(struct standing *s, const struct gw_node *n, const char *interface)
{
	char message[128];

	if (!n->report.ports || gw_node_is_away(n) || s->updating || s->status == FAILURE)
		return;
	if (!has_details(s, n)) {
		s->updating = true;
		return;
	}
	snprintf(message, sizeof message, "the node has no port at %s", interface);
	add(s, FAILURE, n->id, "NoPort", message);
}

/* How the port of a NIC is, as its host says. */
static void add_port(struct standing *s, json_t *properties)
{
	const struct gw_network_interface *p = s->r->now.properties;
	const struct gw_resource *server = gw_reference(s->k->catalog, s->r, p->server);
	const struct gw_node *n = server && p->host_interface ? gw_node_of(s->k, &server->instance) : NULL;
	json_t *port = n ? json_object_get(n->report.ports, p->host_interface) : NULL;
	const char *state = json_string_value(json_object_get(port, "state"));
	const char *detail = json_string_value(json_object_get(port, "detail"));

	if (n && !port)
		add_no_port(s, n, p->host_interface);
	if (!port)
		return;
	json_object_set(properties, "status", json_object_get(port, "state"));
	json_object_set(properties, "statistics", json_object_get(port, "counters"));
	if (strcmp(state, "Up") != 0 && !gw_node_is_away(n))
		add(s, FAILURE, n->id, "PortNotUp", detail && *detail ? detail : state);
}

/* On which all of it depends, or NULL. */
static const struct gw_resource *server_of(const struct standing *s, const struct gw_resource *root)
{
	if (root->kind == GW_KIND_SERVER)
		return root;
	return root->kind == GW_KIND_NETWORK_INTERFACE
		       ? gw_reference(s->k->catalog, root, GW_PROPERTIES(root, network_interface)->server)
		       : NULL;
}

static void add_away(struct standing *s, const struct gw_resource *root)
{
	const struct gw_resource *server = server_of(s, root);
	const struct gw_node *n = server ? gw_node_of(s->k, &server->instance) : NULL;
	char message[128];

	if (server && gw_node_is_away(n))
		add(s, FAILURE, server->id, "HostUnreachable",
		    n && n->reported
			    ? "the node has not been heard of for a while: it goes on with what it was told last"
			    : "the node has not been heard of since the controller was started");
	else if (s->away > 0) {
		snprintf(message, sizeof message, "%u of the %u nodes that have to do with it are out of reach",
			 s->away, s->nodes);
		add(s, WARNING, "gwd", "HostUnreachable", message);
	}
}

/* --- what a rule of a load balancer needs ------------------------------------------------------------------------- */

static bool has_referrer(const struct gw_resource *r, enum gw_kind kind)
{
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == kind && !ref->from->now.trouble)
			return true;
	return false;
}

/* One of the network, which it may name by gateway subnets only. */
static bool has_gateway(const struct gw_catalog *c, const struct gw_resource *subnet)
{
	const struct gw_resource *r = NULL;
	bool has = has_referrer(subnet->parent, GW_KIND_VIRTUAL_GATEWAY);

	while (!has && (r = gw_catalog_next(c, subnet->parent, GW_KIND_VIRTUAL_SUBNET, r)))
		has = has_referrer(r, GW_KIND_VIRTUAL_GATEWAY);
	return has;
}

/* Whether there is a gateway that could translate for the VM; true too where nobody knows its network. */
static bool vm_has_gateway(const struct gw_catalog *c, const struct gw_resource *configuration)
{
	const struct gw_resource *subnet =
		gw_reference(c, configuration, GW_PROPERTIES(configuration, ip_configuration)->subnet);

	return !subnet || has_gateway(c, subnet);
}

/* They are in one network: one speaks for all. */
static bool all_have_gateways(const struct gw_catalog *c, const struct gw_resource *of)
{
	for (const struct gw_ref *ref = of->referrers; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_IP_CONFIGURATION)
			return vm_has_gateway(c, ref->from);
	return true;
}

static bool pool_has_gateways(const struct gw_catalog *c, const struct gw_resource *pool)
{
	const struct gw_backend_pool *p = pool->now.properties;

	for (size_t i = 0; i < p->subnets.n; i++) {
		const struct gw_resource *subnet = gw_reference(c, pool, *GW_LIST_AT(p->subnets, char *, i));

		if (subnet && !has_gateway(c, subnet))
			return false;
	}
	return all_have_gateways(c, pool);
}

/* Of a rule that is for nobody no virtual network says anything. */
static void add_nobody(struct standing *s, const struct gw_resource *to)
{
	if (s->r->kind == GW_KIND_OUTBOUND_NAT_RULE && to && GW_PROPERTIES(to, backend_pool)->subnets.n == 0 &&
	    !has_referrer(to, GW_KIND_IP_CONFIGURATION))
		add(s, SUCCESS, "gwd", "NoMembers",
		    "its backendAddressPool has no members: set subnets of it, or let ipConfigurations join it");
	if (s->r->kind == GW_KIND_INBOUND_NAT_RULE && !to && !has_referrer(s->r, GW_KIND_IP_CONFIGURATION))
		add(s, WARNING, "gwd", "NoBackend",
		    "it leads nowhere: set backendIPConfiguration, or name the rule in an ipConfiguration");
}

/* It is the virtual gateway of the VMs' network that would translate. */
static void add_gateway(struct standing *s)
{
	const struct gw_catalog *c = s->k->catalog;
	const struct gw_resource *to = NULL;
	bool has = true;

	if (s->r->kind == GW_KIND_OUTBOUND_NAT_RULE) {
		to = gw_reference(c, s->r, GW_PROPERTIES(s->r, outbound_nat_rule)->pool);
		has = !to || pool_has_gateways(c, to);
	} else if (s->r->kind == GW_KIND_INBOUND_NAT_RULE) {
		to = gw_reference(c, s->r, GW_PROPERTIES(s->r, inbound_nat_rule)->backend);
		has = (!to || vm_has_gateway(c, to)) && all_have_gateways(c, s->r);
	} else if (s->r->kind == GW_KIND_IP_CONFIGURATION && GW_PROPERTIES(s->r, ip_configuration)->public_address &&
		   !vm_has_gateway(c, s->r)) {
		add(s, WARNING, "gwd", "NoVirtualGateway",
		    "its virtual network has no virtual gateway, by which the publicIPAddress would be reached: make "
		    "one");
	}
	add_nobody(s, to);
	if (!has)
		add(s, FAILURE, "gwd", "NoVirtualGateway",
		    "the virtual network of its VMs has no virtual gateway, which is what translates: make one");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* What the node says of a provider address of its that cannot be used: that it refuses it, or a warning that begins with it. */
static const char *words_on(const struct gw_node *n, const char *address)
{
	char path[GW_ADDR_STRLEN + 32], label[GW_ADDR_STRLEN + 32];
	const json_t *one;
	size_t i;

	snprintf(path, sizeof path, "/hnv/providerAddresses/%s", address);
	snprintf(label, sizeof label, "provider address %s: ", address);
	json_array_foreach(n->report.failures, i,
			   one) if (!strcmp(json_string_value(json_object_get(one, "path")),
					    path)) return json_string_value(json_object_get(one, "message"));
	json_array_foreach(n->report.warnings, i, one) if (!strncmp(json_string_value(one), label,
								    strlen(label))) return json_string_value(one) +
		strlen(label);
	return "the node does not have it";
}

/* Whether what is sent to the nodes arrives there, as they say. */
static void add_underlay(struct standing *s, const struct gw_resource *root)
{
	const struct gw_resource *server = server_of(s, root);
	const struct gw_node *n = server ? gw_node_of(s->k, &server->instance) : NULL;
	char message[640];

	if (n && *n->dead && !gw_node_is_away(n) && has_details(s, n)) {
		snprintf(message, sizeof message,
			 n->dark ? "no provider address of the node can be used, such as %s: %s"
				 : "provider address %s of the node cannot be used: %s",
			 n->dead, words_on(n, n->dead));
		add(s, n->dark ? FAILURE : WARNING, n->id, "NoUnderlay", message);
	} else if (s->dark > 0) {
		snprintf(message, sizeof message,
			 "of the %u nodes that have to do with it %u have no provider address that can be used",
			 s->nodes, s->dark);
		add(s, WARNING, "gwd", "NoUnderlay", message);
	}
}

static bool has_address(const struct gw_catalog *c, const struct gw_resource *nic)
{
	const struct gw_resource *r = NULL;

	while ((r = gw_catalog_next(c, nic, GW_KIND_IP_CONFIGURATION, r)))
		if (!r->now.trouble)
			return true;
	return false;
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

	if (settings && GW_PROPERTIES(r, network_interface)->server &&
	    GW_PROPERTIES(r, network_interface)->host_interface && !has_address(s->k->catalog, r))
		add(s, FAILURE, "gwd", "NoAddress",
		    "it has no ipConfigurations, so that it is in no virtual subnet, and has no port");
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

	snprintf(message, sizeof message, "%u of the records that it is to hold cannot be%s, such as %s: %s",
		 n->report.failed, s->r->kind == GW_KIND_SERVER ? "" : ", of this resource or of others",
		 json_string_value(json_object_get(first, "path")),
		 json_string_value(json_object_get(first, "message")));
	add(s, WARNING, n->id, json_string_value(json_object_get(first, "code")), message);
}

/* What the node of a server says of itself. */
static void add_node(struct standing *s, json_t *properties)
{
	const struct gw_node *n = gw_node_of(s->k, &s->r->instance);
	const json_t *warning;
	size_t i;

	json_object_set_new(properties, "state", json_string(gw_node_state_name(n)));
	if (!n || !n->reported)
		return;
	json_object_set_new(properties, "version", json_string(n->report.version));
	if (*n->report.message)
		add(s, n->report.state == GW_NODE_FAILING ? FAILURE : WARNING, n->id, "NodeError", n->report.message);
	if (json_array_size(n->report.failures) > 0)
		add_failed(s, n);
	json_array_foreach(n->report.warnings, i, warning)
		add(s, SUCCESS, n->id, "NodeWarning",
		    json_string_value(warning)); /* may be about what it could do better */
}

/* Whether the node that it is can do what a gateway has to. */
static void add_gateway_node(struct standing *s, json_t *properties)
{
	const struct gw_node *n = gw_gateway_node(s->k, s->r);
	const char *state;

	gw_gateway_describe(s->k, s->r, properties);
	state = json_string_value(json_object_get(properties, "state"));
	if (!strcmp(state, "Failed"))
		add(s, FAILURE, n ? n->id : "gwd", "NodeFailed",
		    "the node that it is cannot be reached, or does not do what it is to: see the server");
}

/* Of a virtual gateway as a whole ("") or of what one driver does of it. What waits is under way. */
static void add_part(struct standing *s, const struct gw_node *n, const char *name, const json_t *part)
{
	const char *state = json_string_value(json_object_get(part, "state")), *detail;
	char message[GW_PLAIN_NAMELEN + GW_PLAIN_TEXTLEN + 2];

	if (!state || !strcmp(state, "Ready") || !strcmp(state, "Up") || !strcmp(state, "Synced"))
		return;
	detail = json_string_value(json_object_get(part, "stateDetail"));
	snprintf(message, sizeof message, "%s%s%s", name, *name ? ": " : "", detail && *detail ? detail : state);
	add(s, !strcmp(state, "Failed") || !strcmp(state, "Down") ? FAILURE : WARNING, n->id, "GatewayNotReady",
	    message);
}

/* How it is, as its node says. */
static void add_virtual_gateway(struct standing *s, json_t *properties)
{
	const struct gw_resource *gateway = gw_gateway_of(s->k, s->r);
	const struct gw_node *n = gateway ? gw_gateway_node(s->k, gateway) : NULL;
	const json_t *reported = gw_gateway_reported(s->k, n, s->r);
	const json_t *part;
	const char *name;

	gw_gateway_describe_virtual(s->k, s->r, properties);
	if (!reported || gw_node_is_away(n))
		return;
	add_part(s, n, "", reported);
	json_object_foreach((json_t *)reported, name, part)
	{
		add_part(s, n, name, part);
	}
}

static void add_connection(struct standing *s, json_t *properties)
{
	const struct gw_resource *gateway = gw_gateway_of(s->k, s->r->parent);
	const struct gw_node *n = gateway ? gw_gateway_node(s->k, gateway) : NULL;
	const json_t *reported = gw_gateway_reported_connection(n, s->r);

	gw_gateway_describe_connection(s->k, s->r, properties);
	if (reported && !gw_node_is_away(n))
		add_part(s, n, "", reported);
}

void gw_standing_describe(void *ctx, const struct gw_resource *r, json_t *properties)
{
	static const char *const names[] = {
		[UNKNOWN] = "Unknown", [SUCCESS] = "Success", [WARNING] = "Warning", [FAILURE] = "Failure"};
	json_t *state = json_object_get(properties, "configurationState");
	const struct gw_resource *root = r;
	struct standing s = {.k = ctx, .r = r, .details = json_object_get(state, "detailedInfo")};

	while (root->parent)
		root = root->parent;
	s.status = r->now.trouble ? FAILURE : gw_kind_is_in_force(r->kind) ? SUCCESS : UNKNOWN;
	gw_plan_troubles(s.k->plan, &r->instance, on_trouble, &s);
	add_faults(&s);
	gw_plan_nodes(s.k->plan, &root->instance, on_node, &s);
	add_away(&s, root);
	add_underlay(&s, root);
	add_missing(&s);
	add_gateway(&s);
	if (r->kind == GW_KIND_NETWORK_INTERFACE)
		add_port(&s, properties);
	if (r->kind == GW_KIND_GATEWAY)
		add_gateway_node(&s, properties);
	if (r->kind == GW_KIND_VIRTUAL_GATEWAY)
		add_virtual_gateway(&s, properties);
	if (r->kind == GW_KIND_CONNECTION)
		add_connection(&s, properties);
	if (s.status != FAILURE) /* its place may be another's */
		gw_counted_describe(s.k, r, properties);
	if (s.overfull && s.status == SUCCESS)
		add_failed(&s, s.overfull);
	if (r->kind == GW_KIND_SERVER)
		add_node(&s, properties);
	json_object_set_new(state, "status", json_string(names[s.status]));
	if (s.updating || s.k->plan_is_behind)
		json_object_set_new(properties, "provisioningState", json_string("Updating"));
}
