/*
 * check_nat.c - who may use a public address for what: one VM as a whole, or front ends of load balancers, whose rules share out
 * its ports. Called by check.c.
 */
#include "model/catalog/blocks.h"
#include "model/catalog/check.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"

#include <stdlib.h>
#include <string.h>

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static int used(const struct gw_catalog *c, const char *name, const struct gw_resource *who, struct gw_error *err)
{
	char *path = gw_resource_is_told(c, who) ? gw_resource_path(who) : NULL;
	int e = conflict(err, name, "is used by %s, and cannot be by both", path ? path : "another resource");

	free(path);
	return e;
}

/* All that comes to the address of a VM goes to the VM: there is nothing left that others could use. */
int gw_check_public_use(const struct gw_catalog *c, const struct gw_resource *r, const struct gw_resource *address,
			const char *name, struct gw_error *err)
{
	const struct gw_resource *other = NULL;

	if (r->kind != GW_KIND_IP_CONFIGURATION) {
		other = gw_keys_owner(c, GW_KEY_PUBLIC_VM, NULL, &address, sizeof address);
		return other ? used(c, name, other, err) : 0;
	}
	if (GW_PROPERTIES(address, public_address)->shared)
		return bad(err, name, "is shared: it is for front ends of load balancers, not for one VM");
	for (const struct gw_ref *ref = address->referrers; ref; ref = ref->next)
		if (ref->from != r)
			return used(c, name, ref->from, err);
	return 0;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static int check_same_balancer(const struct gw_catalog *c, const struct gw_resource *r, const struct gw_list *refs,
			       struct gw_error *err)
{
	if (refs->n == 0)
		return bad(err, "frontendIPConfigurations", "must have at least one element");
	for (size_t i = 0; i < refs->n; i++)
		if (gw_reference(c, r, *GW_LIST_AT(*refs, char *, i))->parent != r->parent)
			return bad(err, "frontendIPConfigurations", "element %zu belongs to another load balancer", i);
	return 0;
}

static const uint8_t all_ports[GW_PORT_KEY];

/* Another rule that translates the same on the address: there may be any number of them. */
static const struct gw_resource *rival_at(const struct gw_catalog *c, const struct gw_resource *rule,
					  const struct gw_resource *address)
{
	const struct gw_resource *other;
	uint8_t mine[GW_PORT_KEY];

	gw_port_key(rule, mine);
	if (!memcmp(mine, all_ports, sizeof mine))
		return gw_keys_any_other(c, GW_KEY_PUBLIC_PORT, address, rule);
	other = gw_keys_other(c, GW_KEY_PUBLIC_PORT, address, mine, sizeof mine, rule);
	return other ? other : gw_keys_other(c, GW_KEY_PUBLIC_PORT, address, all_ports, sizeof all_ports, rule);
}

/* On an address of the operator's: whether a port is taken would tell of others. What the operator has put there may stay. */
static bool may_choose_port(const struct gw_catalog *c, const struct gw_resource *rule,
			    const struct gw_resource *frontend, const struct gw_resource *address)
{
	const struct gw_inbound_nat_rule *p = rule->now.properties, *q;
	const struct gw_version *was, *frontend_was;

	if (c->loading || gw_resource_is_told(c, address))
		return true;
	was = gw_version_before(c, rule);
	frontend_was = gw_version_before(c, frontend);
	if (!was || !frontend_was || !gw_version_names(was, frontend) || !gw_version_names(frontend_was, address))
		return false;
	q = was->properties;
	return p->protocol == q->protocol && p->frontend_port == q->frontend_port;
}

static int check_rivals(struct gw_catalog *c, const struct gw_resource *rule, struct gw_resource *frontend,
			const char *name, struct gw_error *err)
{
	const struct gw_resource *address = gw_referred(frontend, GW_KIND_PUBLIC_ADDRESS), *rival;
	int e;

	if (!may_choose_port(c, rule, frontend, address))
		return bad(err, name,
			   "its ports are shared by several tenants and not yours to choose: use a publicIPAddress of "
			   "your own for inboundNatRules");
	e = gw_blocks_check_rule(c, rule, frontend, name, err);
	rival = e == 0 ? rival_at(c, rule, address) : NULL;
	if (!rival)
		return e;
	if (!gw_resource_is_told(c, rival))
		return conflict(err, name, "another rule translates it on the same address");
	return conflict(err, name, "rule \"%s\" of \"%s\" translates it on the same address", rival->id,
			rival->parent->id);
}

static int check_frontend(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_resource *address = gw_referred(r, GW_KIND_PUBLIC_ADDRESS);
	int e = gw_check_public_use(c, r, address, "publicIPAddress", err);

	for (const struct gw_ref *ref = r->referrers; e == 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_INBOUND_NAT_RULE)
			e = check_rivals(c, ref->from, r, "publicIPAddress", err);
	return e == 0 ? gw_blocks_check_frontend(c, r, err) : e;
}

static int check_inbound_rule(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_inbound_nat_rule *p = r->now.properties;
	const struct gw_resource *backend = gw_reference(c, r, p->backend);
	int e = check_same_balancer(c, r, &p->frontends, err);

	if (e < 0)
		return e;
	if (p->protocol == 0 && (p->frontend_port || p->backend_port))
		return bad(err, p->frontend_port ? "frontendPort" : "backendPort",
			   "protocol All has no ports: leave it out");
	if (p->protocol != 0 && !p->frontend_port)
		return missing(err, "frontendPort", "missing: Tcp and Udp need it");
	for (size_t i = 0; e == 0 && i < r->now.n_refs; i++)
		if (r->now.refs[i].to->kind == GW_KIND_FRONTEND)
			e = check_rivals(c, r, r->now.refs[i].to, "frontendPort", err);
	for (const struct gw_ref *ref = r->referrers; e == 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_IP_CONFIGURATION && backend && ref->from != backend)
			e = conflict(err, "backendIPConfiguration", "an address of %s says that it leads there",
				     gw_told_name(c, ref->from->parent));
	return e;
}

int gw_check_rules_joined(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ip_configuration *p = r->now.properties;

	for (size_t i = 0; i < p->nat_rules.n; i++) {
		const struct gw_resource *rule = gw_reference(c, r, *GW_LIST_AT(p->nat_rules, char *, i));
		const struct gw_resource *backend =
			gw_reference(c, rule, GW_PROPERTIES(rule, inbound_nat_rule)->backend);

		if (backend && backend != r)
			return bad(err, "loadBalancerInboundNatRules", "element %zu leads to another address", i);
		for (const struct gw_ref *ref = rule->referrers; ref; ref = ref->next)
			if (ref->from != r && ref->from->kind == GW_KIND_IP_CONFIGURATION)
				return conflict(err, "loadBalancerInboundNatRules",
						"element %zu leads to another address", i);
	}
	return 0;
}

static const struct gw_resource *pool_of(const struct gw_resource *rule)
{
	return gw_referred(rule, GW_KIND_BACKEND_POOL);
}

/* Of two rules for one pool each would have to be the one that says which address its VMs have outside. */
static bool same_pool(const struct gw_resource *a, const struct gw_resource *b)
{
	const struct gw_outbound_nat_rule *p = a->now.properties, *q = b->now.properties;

	return pool_of(a) == pool_of(b) && (!p->protocol || !q->protocol || p->protocol == q->protocol);
}

/* One for all protocols before those that it meets. */
static int by_pool(const void *a, const void *b)
{
	const struct gw_outbound_nat_rule *p = gw_child_at(a)->now.properties, *q = gw_child_at(b)->now.properties;
	int n = gw_order((uintptr_t)pool_of(gw_child_at(a)), (uintptr_t)pool_of(gw_child_at(b)));

	return n ? n : gw_order(p->protocol, q->protocol);
}

static int check_outbound_rule(struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const struct gw_outbound_nat_rule *p = r->now.properties;
	const struct gw_resource *other = NULL;
	int e = check_same_balancer(c, r, &p->frontends, err);

	if (e < 0)
		return e;
	if (pool_of(r)->parent != r->parent)
		return bad(err, "backendAddressPool", "belongs to another load balancer");
	for (size_t i = 0; e == 0 && i < r->now.n_refs; i++)
		if (r->now.refs[i].to->kind == GW_KIND_FRONTEND)
			e = gw_blocks_check_rule(c, r, r->now.refs[i].to, "backendAddressPool", err);
	if (e < 0)
		return e;
	if (gw_children_apart(c, r->parent, r->kind, by_pool, same_pool))
		return 0;
	while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
		if (other != r && same_pool(other, r))
			return conflict(err, "backendAddressPool", "rule \"%s\" translates it", other->id);
	return 0;
}

int gw_check_nat(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	switch (r->kind) {
	case GW_KIND_FRONTEND:
		return check_frontend(c, r, err);
	case GW_KIND_INBOUND_NAT_RULE:
		return check_inbound_rule(c, r, err);
	case GW_KIND_OUTBOUND_NAT_RULE:
		return check_outbound_rule(c, r, err);
	default:
		return 0;
	}
}
