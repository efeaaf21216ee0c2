/*
 * counted.c - what rules of load balancers and public addresses have counted, as the nodes that carry the virtual gateways say. Called
 * by standing.c, also on threads that look.
 *
 * Nodes tell it by virtual gateway, address and place (gwd/sync/counted.c), so that at an address that several tenants share each has
 * what is his. Rules of one front end, direction and protocol are one place. What a node has not said, or had no room for, is not there.
 */
#include "control/private.h"

#include "model/resource/gateway.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"

#include <errno.h>
#include <string.h>

#define NETWORKS_MAX  64 /* that an address may be for: a block of ports each */
#define FRONTENDS_MAX 8	 /* of a rule */

static json_t *of_address(const json_t *counted, const struct gw_resource *address)
{
	char text[GW_ADDR_STRLEN];

	return json_object_get(counted, gw_addr_format(&GW_PROPERTIES(address, public_address)->address, text));
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

/* The place that its packets leave by, or come to. */
static void place_at(const struct gw_resource *rule, const struct gw_resource *frontend,
		     const struct gw_resource *address, char ret[static GW_PLACE_STRLEN])
{
	struct gw_nat_rule nat = {.address = GW_PROPERTIES(address, public_address)->address};

	if (rule->kind == GW_KIND_OUTBOUND_NAT_RULE) {
		nat.type = GW_NAT_OUTBOUND;
		nat.protocol = (uint8_t)GW_PROPERTIES(rule, outbound_nat_rule)->protocol;
		if (GW_GIVEN(GW_PROPERTIES(frontend, frontend), frontend, port_block))
			nat.port = (uint16_t)GW_PROPERTIES(frontend, frontend)->port_block;
	} else {
		nat.type = GW_NAT_INBOUND;
		nat.protocol = (uint8_t)GW_PROPERTIES(rule, inbound_nat_rule)->protocol;
		nat.port = (uint16_t)GW_PROPERTIES(rule, inbound_nat_rule)->frontend_port;
	}
	gw_hnv_place(&nat, ret);
}

/* Negative: there is no telling. */
static int count_at(const json_t *counted, const struct gw_resource *address, const char *place, json_int_t *sum)
{
	const json_t *at = of_address(counted, address), *n = json_object_get(json_object_get(at, "rules"), place);

	if (!n && json_is_true(json_object_get(at ? at : counted, "more")))
		return -ENOENT;
	*sum += json_integer_value(n);
	return 0;
}

/* At an address that is not shared two of its front ends are one place. */
static void describe_rule(const struct gw_control *k, const struct gw_resource *rule, json_t *properties)
{
	const struct gw_resource *network = gw_catalog_network_of(rule);
	const json_t *counted = network ? gw_gateway_counted(k, network) : NULL;
	char places[FRONTENDS_MAX][GW_PLACE_STRLEN];
	json_int_t sum = 0;
	size_t n = 0, seen;

	for (size_t i = 0; counted && i < rule->now.n_refs && n < FRONTENDS_MAX; i++) {
		const struct gw_resource *frontend = rule->now.refs[i].to, *address;

		if (frontend->kind != GW_KIND_FRONTEND || !(address = gw_referred(frontend, GW_KIND_PUBLIC_ADDRESS)))
			continue;
		place_at(rule, frontend, address, places[n]);
		for (seen = 0; seen < n && strcmp(places[seen], places[n]) != 0;)
			seen++;
		if (seen < n)
			continue;
		if (count_at(counted, address, places[n++], &sum) < 0)
			return;
	}
	if (counted)
		json_object_set_new(properties, "statistics", json_pack("{s:I}", "connections", sum));
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

/* Whoever has an address of his own shown learns nothing of others who are at it. */
static bool is_told(const struct gw_resource *network, const struct gw_resource *address)
{
	const char *owner = gw_resource_tenant(address), *tenant = gw_resource_tenant(network);

	return !owner || (tenant && !strcmp(owner, tenant));
}

/* The networks that it is for, each once. */
static size_t networks_at(const struct gw_resource *address, const struct gw_resource *ret[static NETWORKS_MAX])
{
	size_t n = 0, seen;

	for (const struct gw_ref *ref = address->referrers; ref && n < NETWORKS_MAX; ref = ref->next) {
		ret[n] = ref->from->kind == GW_KIND_FRONTEND || ref->from->kind == GW_KIND_IP_CONFIGURATION
				 ? gw_catalog_network_of(ref->from)
				 : NULL;
		if (!ret[n] || !is_told(ret[n], address))
			continue;
		for (seen = 0; ret[seen] != ret[n];)
			seen++;
		n += seen == n;
	}
	return n;
}

static void describe_address(const struct gw_control *k, const struct gw_resource *address, json_t *properties)
{
	const struct gw_resource *networks[NETWORKS_MAX];
	size_t n = networks_at(address, networks);
	json_int_t out = 0, in = 0;
	bool known = false;

	for (size_t i = 0; i < n; i++) {
		const json_t *counted = gw_gateway_counted(k, networks[i]), *at = of_address(counted, address);

		/* Of one that is shared a network has a record for each place, and some of them may be missing. */
		if (!counted || (json_is_true(json_object_get(counted, "more")) &&
				 (!at || GW_PROPERTIES(address, public_address)->shared)))
			continue;
		known = true;
		out += json_integer_value(json_object_get(at, "outboundConnections"));
		in += json_integer_value(json_object_get(at, "inboundConnections"));
	}
	if (known)
		json_object_set_new(properties, "statistics",
				    json_pack("{s:I, s:I}", "outboundConnections", out, "inboundConnections", in));
}

void gw_counted_describe(const struct gw_control *k, const struct gw_resource *r, json_t *properties)
{
	if (r->kind == GW_KIND_OUTBOUND_NAT_RULE || r->kind == GW_KIND_INBOUND_NAT_RULE)
		describe_rule(k, r, properties);
	else if (r->kind == GW_KIND_PUBLIC_ADDRESS)
		describe_address(k, r, properties);
}
