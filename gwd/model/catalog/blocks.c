/*
 * blocks.c - who has which ports of a shared public address. See blocks.h. Called when values are assigned, by the checks, and when
 * an address is shown.
 *
 * A block stays with its front end as long as that is at the address: it is a value of the front end like any other, so that it is
 * durable with it, undone with it, and free when it is gone. Which one of those that are free is left to chance, so that nobody can
 * count what others have. An address has 63 blocks at most: looking at each of them is nothing.
 *
 * What comes to a port is one network's, whatever the protocol, as nodes are told by port: both protocols of a port belong to one
 * front end, and all rules of a front end to one network. An address that is not shared is one network's as a whole, so that all
 * rules of all front ends there are. Older versions took others, too: such an address goes on to serve the one that the planner
 * chooses (plan/outside.c), as it did, and whatever is changed about it has to mend it.
 */
#include "model/catalog/blocks.h"

#include "model/catalog/check.h"
#include "model/resource/gateway.h"
#include "model/resource/nat.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 65536

static const struct gw_resource *address_of(const struct gw_resource *frontend)
{
	return gw_referred(frontend, GW_KIND_PUBLIC_ADDRESS);
}

static bool is_shared(const struct gw_resource *address)
{
	return GW_PROPERTIES(address, public_address)->shared;
}

static uint32_t size_of(const struct gw_resource *address)
{
	return GW_PROPERTIES(address, public_address)->block_size;
}

static bool has_block(const struct gw_resource *frontend)
{
	return GW_GIVEN(GW_PROPERTIES(frontend, frontend), frontend, port_block);
}

void gw_block_key(uint32_t start, uint8_t ret[static GW_BLOCK_KEY])
{
	ret[0] = (uint8_t)(start >> 8);
	ret[1] = (uint8_t)start;
}

static const struct gw_resource *owner_of(const struct gw_catalog *c, const struct gw_resource *address, uint32_t start)
{
	uint8_t key[GW_BLOCK_KEY];

	gw_block_key(start, key);
	return gw_keys_owner(c, GW_KEY_PORT_BLOCK, address, key, sizeof key);
}

/* --- assigning ---------------------------------------------------------------------------------------------------- */

bool gw_block_is_missing(const struct gw_resource *r)
{
	const struct gw_resource *address = r->kind == GW_KIND_FRONTEND ? address_of(r) : NULL;

	return address && is_shared(address) && !has_block(r);
}

bool gw_block_is_carried(const struct gw_version *before, const struct gw_version *now)
{
	const struct gw_frontend *was = before->properties, *p = now->properties;

	return GW_GIVEN(p, frontend, port_block) && GW_GIVEN(was, frontend, port_block) &&
	       p->port_block == was->port_block && (before->is_carried || strcmp(p->address, was->address) != 0);
}

/* How many inbound rules listen in it. */
static size_t count_listeners(const struct gw_catalog *c, const struct gw_resource *address, uint32_t start,
			      uint32_t size)
{
	size_t n = 0;

	for (uint8_t protocol = 1; gw_nat_protocols[protocol]; protocol++) {
		uint8_t first[GW_PORT_KEY] = {protocol}, last[GW_PORT_KEY] = {protocol};

		gw_block_key(start, first + 1);
		gw_block_key(start + size - 1, last + 1);
		n += gw_keys_count(c, GW_KEY_PUBLIC_PORT, address, first, last, GW_PORT_KEY);
	}
	return n;
}

static bool is_block(uint32_t start, uint32_t size)
{
	return start >= size && start % size == 0 && start + size <= PORTS;
}

/* For the front end, which may have it itself. */
static bool is_free(const struct gw_catalog *c, const struct gw_resource *address, uint32_t start,
		    const struct gw_resource *frontend)
{
	uint8_t key[GW_BLOCK_KEY];

	gw_block_key(start, key);
	return !gw_keys_other(c, GW_KEY_PORT_BLOCK, address, key, sizeof key, frontend) &&
	       count_listeners(c, address, start, size_of(address)) == 0;
}

static int none_free(const struct gw_catalog *c, struct gw_error *err)
{
	return refuse(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress",
		      "every block of ports of the shared address is taken: %s",
		      c->asker ? "use a publicIPAddress of your own, or ask the operator for another that is shared"
			       : "use another that is shared, or delete front ends that need theirs no more");
}

int gw_block_assign(struct gw_catalog *c, struct gw_resource *frontend, uint64_t any, struct gw_error *err)
{
	struct gw_frontend *p = frontend->now.properties;
	const struct gw_resource *address = address_of(frontend);
	bool has = has_block(frontend);
	uint32_t size = size_of(address), n;

	if (has && !is_shared(address) && frontend->now.is_carried) {
		GW_UNGIVE(p, frontend, port_block);
		return 1;
	}
	/* A size that is none is refused by itself. */
	if (!is_shared(address) || size < GW_PUBLIC_BLOCK_MIN)
		return 0;
	if (has && (!frontend->now.is_carried ||
		    (is_block(p->port_block, size) && is_free(c, address, p->port_block, frontend))))
		return 0;
	n = PORTS / size - 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t start = (uint32_t)((any + i) % n + 1) * size;

		if (!is_free(c, address, start, frontend))
			continue;
		p->port_block = start;
		GW_GIVE(p, frontend, port_block);
		return 1;
	}
	return none_free(c, err);
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

/* A front end that has been there since before the request; those that have come with it have blocks as the address says now. */
static const struct gw_resource *any_from_before(const struct gw_catalog *c, const struct gw_resource *address)
{
	for (const struct gw_ref *ref = address->referrers; ref; ref = ref->next) {
		const struct gw_version *was =
			ref->from->kind == GW_KIND_FRONTEND ? gw_version_before(c, ref->from) : NULL;

		if (was && gw_version_names(was, address))
			return ref->from;
	}
	return NULL;
}

int gw_blocks_check_address(const struct gw_catalog *c, const struct gw_resource *address, struct gw_error *err)
{
	const struct gw_public_address *p = address->now.properties, *q;
	const struct gw_version *was = gw_version_before(c, address);
	const struct gw_resource *frontend;

	if (p->block_size & (p->block_size - 1))
		return bad(err, "portBlockSize", "must be a power of two from %d to %d", GW_PUBLIC_BLOCK_MIN,
			   GW_PUBLIC_BLOCK_MAX);
	if (p->shared && !gw_addr_is_v4(&p->address))
		return bad(err, "shared",
			   "is for IPv4 addresses, which are scarce: of IPv6 give everybody addresses of his own");
	q = was ? was->properties : p;
	if (p->shared == q->shared && (!p->shared || p->block_size == q->block_size))
		return 0;
	frontend = any_from_before(c, address);
	if (!frontend)
		return 0;
	if (p->shared != q->shared && gw_resource_tenant(frontend) && !gw_resource_tenant(address))
		return conflict(err, "shared", "a front end of tenant %s is at it: it has to go first",
				gw_resource_tenant(frontend));
	return conflict(err, p->shared != q->shared ? "shared" : "portBlockSize",
			"front end \"%s\" of \"%s\" is at it, with ports as it is now: it has to go first",
			frontend->id, frontend->parent->id);
}

/* --- front ends and their rules ----------------------------------------------------------------------------------- */

static const struct gw_resource *network_of(const struct gw_resource *configuration)
{
	const struct gw_resource *subnet = gw_referred(configuration, GW_KIND_VIRTUAL_SUBNET);

	return subnet ? subnet->parent : NULL;
}

/* Of those that say that they are part of it; all are in one, or are refused. */
static const struct gw_resource *network_of_members(const struct gw_resource *r)
{
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_IP_CONFIGURATION)
			return network_of(ref->from);
	return NULL;
}

/* Whose VMs it translates; NULL: nobody's yet. */
static const struct gw_resource *network_of_rule(const struct gw_resource *rule)
{
	const struct gw_resource *to = gw_referred(
		rule, rule->kind == GW_KIND_OUTBOUND_NAT_RULE ? GW_KIND_BACKEND_POOL : GW_KIND_IP_CONFIGURATION);

	if (rule->kind == GW_KIND_INBOUND_NAT_RULE)
		return to ? network_of(to) : network_of_members(rule);
	if (!to)
		return NULL;
	return gw_referred(to, GW_KIND_VIRTUAL_SUBNET) ? network_of(to) : network_of_members(to);
}

static const struct gw_resource *network_of_frontend(const struct gw_resource *frontend)
{
	const struct gw_resource *network = NULL;

	for (const struct gw_ref *ref = frontend->referrers; !network && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_OUTBOUND_NAT_RULE || ref->from->kind == GW_KIND_INBOUND_NAT_RULE)
			network = network_of_rule(ref->from);
	return network;
}

const struct gw_resource *gw_catalog_network_of(const struct gw_resource *r)
{
	switch (r->kind) {
	case GW_KIND_IP_CONFIGURATION:
		return network_of(r);
	case GW_KIND_FRONTEND:
		return network_of_frontend(r);
	case GW_KIND_INBOUND_NAT_RULE:
	case GW_KIND_OUTBOUND_NAT_RULE:
		return network_of_rule(r);
	default:
		return NULL;
	}
}

static int two_networks(const struct gw_catalog *c, const struct gw_resource *frontend, const char *name,
			const struct gw_resource *a, const struct gw_resource *b, struct gw_error *err)
{
	return conflict(err, name,
			"the rules of front end \"%s\" would be for two virtual networks, \"%s\" and \"%s\": %s",
			frontend->id, gw_told_name(c, a), gw_told_name(c, b),
			is_shared(address_of(frontend))
				? "at a shared address each needs a front end of its own"
				: "each needs an address of its own, or a front end of its own at one that is shared");
}

/* Whom a tenant has it from is none of his business; that he cannot have it is. */
static int other_network(const struct gw_catalog *c, const struct gw_resource *other, const char *name,
			 const struct gw_resource *network, struct gw_error *err)
{
	static const char *const remedy = "use another publicIPAddress, or a front end at one that is shared";

	if (!gw_resource_is_told(c, other))
		return conflict(err, name,
				"the publicIPAddress is not shared, and serves somebody else's virtual network: %s",
				remedy);
	return conflict(err, name,
			"the publicIPAddress is not shared, and serves virtual network \"%s\" by front end \"%s\" of "
			"\"%s\": %s",
			gw_told_name(c, network), other->id, other->parent->id, remedy);
}

/* Whether no front end at an address that is not shared is another network's: for all of them at once. */
static int check_alone(const struct gw_catalog *c, const struct gw_resource *frontend,
		       const struct gw_resource *network, const char *name, struct gw_error *err)
{
	for (size_t i = 0; i < frontend->now.n_refs; i++) {
		struct gw_resource *address = frontend->now.refs[i].to;

		if (address->kind != GW_KIND_PUBLIC_ADDRESS || address->fine == c->settling)
			continue;
		for (const struct gw_ref *ref = address->referrers; ref; ref = ref->next) {
			const struct gw_resource *other = ref->from != frontend && ref->from->kind == GW_KIND_FRONTEND
								  ? network_of_frontend(ref->from)
								  : NULL;

			if (other && other != network)
				return other_network(c, ref->from, name, other, err);
		}
		address->fine = c->settling;
	}
	return 0;
}

/* Whether its rules are all for one network: looked at once, however many of them were touched. */
static int check_network(const struct gw_catalog *c, struct gw_resource *frontend, const char *name,
			 struct gw_error *err)
{
	bool alone = !is_shared(address_of(frontend));
	const struct gw_resource *network, *other;
	int e = 0;

	if (frontend->fine == c->settling || (alone && c->loading))
		return 0;
	network = network_of_frontend(frontend);
	for (const struct gw_ref *ref = frontend->referrers; network && ref; ref = ref->next) {
		other = ref->from->kind == GW_KIND_OUTBOUND_NAT_RULE || ref->from->kind == GW_KIND_INBOUND_NAT_RULE
				? network_of_rule(ref->from)
				: NULL;
		if (other && other != network)
			return two_networks(c, frontend, name, network, other, err);
	}
	if (network && alone)
		e = check_alone(c, frontend, network, name, err);
	if (e == 0)
		frontend->fine = c->settling;
	return e;
}

int gw_blocks_check_frontend(const struct gw_catalog *c, struct gw_resource *frontend, struct gw_error *err)
{
	const struct gw_resource *address = address_of(frontend);
	uint32_t start = GW_PROPERTIES(frontend, frontend)->port_block, size = size_of(address);

	if (!is_shared(address))
		return has_block(frontend)
			       ? bad(err, "portBlockStart", "is for a publicIPAddress that is shared: leave it out")
			       : check_network(c, frontend, "publicIPAddress", err);
	if (!has_block(frontend))
		return conflict(err, "portBlockStart",
				"it has no block of the shared address's ports yet: PUT it again, and it gets one");
	if (!is_block(start, size))
		return bad(err, "portBlockStart",
			   "must be a multiple of %u, the portBlockSize of the address, from %u to %u", size, size,
			   PORTS - size);
	if (count_listeners(c, address, start, size) > 0)
		return conflict(err, "portBlockStart",
				"inboundNatRules listen to ports of this block: choose another, or leave it out");
	return check_network(c, frontend, "publicIPAddress", err);
}

/* Whether both are at a front end of the address. */
static bool share_frontend(const struct gw_resource *a, const struct gw_resource *b, const struct gw_resource *address)
{
	for (size_t i = 0; i < a->now.n_refs; i++) {
		const struct gw_resource *frontend = a->now.refs[i].to;

		if (frontend->kind == GW_KIND_FRONTEND && address_of(frontend) == address &&
		    gw_version_names(&b->now, frontend))
			return true;
	}
	return false;
}

static int check_listener(const struct gw_catalog *c, const struct gw_resource *rule, const struct gw_resource *address,
			  const char *name, struct gw_error *err)
{
	const struct gw_inbound_nat_rule *p = rule->now.properties;
	const struct gw_resource *other;
	uint8_t key[GW_PORT_KEY];

	if (p->protocol == 0)
		return bad(err, strcmp(name, "frontendPort") ? name : "protocol",
			   "rule \"%s\" must be for Tcp or Udp at a shared address, of which it has one port",
			   rule->id);
	other = owner_of(c, address, p->frontend_port - p->frontend_port % size_of(address));
	if (other)
		return conflict(
			err, name,
			"port %u is in the block of another front end at the shared address (%s): choose one outside, "
			"such as those below %u",
			p->frontend_port, gw_told_name(c, other), size_of(address));
	gw_port_key(rule, key);
	key[0] = (uint8_t)(3 - key[0]); /* Udp for Tcp, Tcp for Udp */
	other = gw_keys_other(c, GW_KEY_PUBLIC_PORT, address, key, sizeof key, rule);
	if (other && !share_frontend(rule, other, address))
		return conflict(err, name,
				"port %u of the shared address is that of another front end, by rule \"%s\" for "
				"another protocol: choose another port",
				p->frontend_port, gw_told_name(c, other));
	return 0;
}

int gw_blocks_check_rule(const struct gw_catalog *c, const struct gw_resource *rule, struct gw_resource *frontend,
			 const char *name, struct gw_error *err)
{
	const struct gw_resource *address = address_of(frontend);
	int e = 0;

	/* Not its port nor its pool is at fault, but where it is. */
	if (!is_shared(address))
		return check_network(c, frontend, strcmp(name, "publicIPAddress") ? "frontendIPConfigurations" : name,
				     err);
	if (rule->kind == GW_KIND_INBOUND_NAT_RULE)
		e = check_listener(c, rule, address, name, err);
	return e == 0 ? check_network(c, frontend, name, err) : e;
}

static int check_network_of_rule(const struct gw_catalog *c, const struct gw_resource *rule, const char *name,
				 struct gw_error *err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < rule->now.n_refs; i++)
		if (rule->now.refs[i].to->kind == GW_KIND_FRONTEND)
			e = check_network(c, rule->now.refs[i].to, name, err);
	return e;
}

/* It is where it was before the request, if it was there. */
static bool has_moved(const struct gw_catalog *c, const struct gw_resource *configuration)
{
	const struct gw_version *was = gw_version_before(c, configuration);

	for (size_t i = 0; was && i < was->n_refs; i++)
		if (was->refs[i].to->kind == GW_KIND_VIRTUAL_SUBNET)
			return was->refs[i].to->parent != network_of(configuration);
	return true;
}

int gw_blocks_check_network(const struct gw_catalog *c, const struct gw_resource *r, const char *name,
			    struct gw_error *err)
{
	bool looks = r->kind == GW_KIND_BACKEND_POOL || has_moved(c, r);
	int e = 0;

	for (size_t i = 0; e == 0 && i < r->now.n_refs; i++)
		if (r->now.refs[i].to->kind == GW_KIND_INBOUND_NAT_RULE)
			e = check_network_of_rule(c, r->now.refs[i].to, "loadBalancerInboundNatRules", err);
	for (const struct gw_ref *ref = r->referrers; looks && e == 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_OUTBOUND_NAT_RULE || ref->from->kind == GW_KIND_INBOUND_NAT_RULE)
			e = check_network_of_rule(c, ref->from, name, err);
	return e;
}

/* --- what is shown of them ---------------------------------------------------------------------------------------- */

static json_t *ref_to(const struct gw_resource *r, const struct gw_resource *from)
{
	char *path = gw_resource_ref(r, from);
	json_t *ref = path ? json_pack("{s:s}", "resourceRef", path) : NULL;

	free(path);
	return ref;
}

/* Who is looked for when an abuse report names a port. */
static const struct gw_resource *gateway_of(const struct gw_resource *frontend)
{
	const struct gw_resource *network = network_of_frontend(frontend);

	for (const struct gw_ref *ref = network ? network->referrers : NULL; ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_VIRTUAL_GATEWAY)
			return ref->from;
	return NULL;
}

/* Who has an address of his own shown learns nothing of others who are at it. */
static json_t *told(const struct gw_resource *of, const struct gw_resource *address)
{
	const char *owner = gw_resource_tenant(address), *tenant = of ? gw_resource_tenant(of) : NULL;

	return of && (!owner || (tenant && !strcmp(owner, tenant))) ? ref_to(of, address) : NULL;
}

json_t *gw_blocks_encode(const struct gw_catalog *c, const struct gw_resource *address)
{
	uint32_t size = size_of(address);
	json_t *list = json_array();

	for (uint32_t start = size; is_shared(address) && is_block(start, size); start += size) {
		const struct gw_resource *frontend = owner_of(c, address, start);

		if (frontend)
			json_array_append_new(list,
					      json_pack("{s:i, s:i, s:o*, s:o*}", "start", (int)start, "size",
							(int)size, "frontendIPConfiguration", told(frontend, address),
							"virtualGateway", told(gateway_of(frontend), address)));
	}
	return list;
}
