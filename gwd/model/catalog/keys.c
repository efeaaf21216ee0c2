/*
 * keys.c - values that only one resource may have: VSIDs, routing domains, MAC addresses, addresses. Each version of a
 * resource has its keys in one table; two owners of one key are a conflict that settling finds. Who has to be held against many
 * others is found there, too.
 */
#include "model/catalog/blocks.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 64 /* of one resource */

struct making {
	struct gw_key keys[MAX_KEYS];
	size_t n;
};

static uint32_t hash_of(enum gw_key_space space, const void *scope, const uint8_t value[static 16])
{
	struct {
		uint64_t space, scope;
		uint8_t value[16];
	} text = {.space = space, .scope = (uintptr_t)scope};

	memcpy(text.value, value, sizeof text.value);
	return gw_hash_bytes(&text, sizeof text, 0);
}

static bool same(const struct gw_key *a, enum gw_key_space space, const void *scope, const uint8_t value[static 16])
{
	return a->space == space && a->scope == scope && !memcmp(a->value, value, sizeof a->value);
}

static void add(struct making *m, enum gw_key_space space, const void *scope, const char *name, const void *value,
		size_t n)
{
	struct gw_key *key = &m->keys[m->n];

	if (m->n == MAX_KEYS)
		return;
	*key = (struct gw_key){.space = space, .scope = scope, .name = name};
	memcpy(key->value, value, n);
	m->n++;
}

/* That it says, or that its subnets are of. NULL: none, or of several, which check.c refuses. */
static const struct gw_resource *gateway_network(const struct gw_catalog *c, const struct gw_resource *r)
{
	const struct gw_virtual_gateway *p = r->now.properties;
	const struct gw_resource *network = NULL;

	if (p->network)
		return gw_reference(c, r, p->network);
	for (size_t i = 0; i < p->subnets.n; i++) {
		const struct gw_resource *subnet = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i));

		if (network && subnet->parent != network)
			return NULL;
		network = subnet->parent;
	}
	return network;
}

void gw_port_key(const struct gw_resource *rule, uint8_t ret[static GW_PORT_KEY])
{
	const struct gw_inbound_nat_rule *p = rule->now.properties;
	unsigned port = p->protocol ? p->frontend_port : 0;

	ret[0] = p->protocol;
	ret[1] = (uint8_t)(port >> 8);
	ret[2] = (uint8_t)port;
}

/* One for each address that its front ends have; it is not in its own way. */
static void add_ports(const struct gw_resource *rule, struct making *m)
{
	uint8_t value[GW_PORT_KEY];

	gw_port_key(rule, value);
	for (size_t i = 0; i < rule->now.n_refs; i++) {
		const struct gw_resource *frontend = rule->now.refs[i].to, *address;
		bool known = false;

		if (frontend->kind != GW_KIND_FRONTEND)
			continue;
		address = gw_referred(frontend, GW_KIND_PUBLIC_ADDRESS);
		for (size_t k = 0; k < m->n && !known; k++)
			known = m->keys[k].scope == address;
		if (!known)
			add(m, GW_KEY_PUBLIC_PORT, address, "frontendPort", value, sizeof value);
	}
}

static void list_keys(const struct gw_catalog *c, const struct gw_resource *r, struct making *m)
{
	switch (r->kind) {
	case GW_KIND_VIRTUAL_NETWORK: {
		const struct gw_virtual_network *p = r->now.properties;

		if (GW_GIVEN(p, virtual_network, rdid))
			add(m, GW_KEY_RDID, NULL, "routingDomainId", &p->rdid, sizeof p->rdid);
		break;
	}
	case GW_KIND_VIRTUAL_SUBNET: {
		const struct gw_virtual_subnet *p = r->now.properties;

		if (GW_GIVEN(p, virtual_subnet, vsid))
			add(m, GW_KEY_VSID, NULL, "isolationId", &p->vsid, sizeof p->vsid);
		if (GW_GIVEN(p, virtual_subnet, group))
			add(m, GW_KEY_GROUP, NULL, "multicastGroup", &p->group, sizeof p->group);
		break;
	}
	case GW_KIND_NETWORK_INTERFACE: {
		const struct gw_network_interface *p = r->now.properties;

		if (GW_GIVEN(p, network_interface, mac))
			add(m, GW_KEY_MAC, NULL, "privateMacAddress", &p->mac, sizeof p->mac);
		if (p->server && p->host_interface)
			add(m, GW_KEY_HOST_INTERFACE, gw_reference(c, r, p->server), "hostInterface", p->host_interface,
			    strlen(p->host_interface));
		break;
	}
	case GW_KIND_IP_CONFIGURATION: {
		const struct gw_ip_configuration *p = r->now.properties;

		if (GW_GIVEN(p, ip_configuration, address))
			add(m, GW_KEY_CUSTOMER_ADDRESS, gw_reference(c, r, p->subnet), "privateIPAddress", &p->address,
			    sizeof p->address);
		if (p->public_address) {
			const struct gw_resource *address = gw_reference(c, r, p->public_address);

			add(m, GW_KEY_PUBLIC_VM, NULL, "publicIPAddress", &address, sizeof address);
		}
		break;
	}
	case GW_KIND_FRONTEND: {
		const struct gw_frontend *p = r->now.properties;
		const struct gw_resource *address = gw_referred(r, GW_KIND_PUBLIC_ADDRESS);
		uint8_t value[GW_BLOCK_KEY];

		gw_block_key(p->port_block, value);
		if (GW_GIVEN(p, frontend, port_block) && GW_PROPERTIES(address, public_address)->shared)
			add(m, GW_KEY_PORT_BLOCK, address, "portBlockStart", value, sizeof value);
		break;
	}
	case GW_KIND_INBOUND_NAT_RULE:
		add_ports(r, m);
		break;
	case GW_KIND_PUBLIC_ADDRESS: {
		const struct gw_public_address *p = r->now.properties;

		if (GW_GIVEN(p, public_address, address))
			add(m, GW_KEY_OUTER_ADDRESS, NULL, "ipAddress", &p->address, sizeof p->address);
		break;
	}
	case GW_KIND_SERVER: {
		const struct gw_server *p = r->now.properties;

		for (size_t i = 0; i < p->addresses.n; i++) {
			const struct gw_server_address *a = GW_LIST_AT(p->addresses, struct gw_server_address, i);

			if (GW_GIVEN(a, server_address, address))
				add(m, GW_KEY_OUTER_ADDRESS, NULL, "providerAddresses", &a->address, sizeof a->address);
		}
		break;
	}
	case GW_KIND_GATEWAY: {
		const struct gw_gateway *p = r->now.properties;
		const struct gw_resource *server = gw_reference(c, r, p->server);

		add(m, GW_KEY_GATEWAY_SERVER, NULL, "virtualServer", &server, sizeof server);
		break;
	}
	case GW_KIND_VIRTUAL_GATEWAY: {
		const struct gw_virtual_gateway *p = r->now.properties;
		const struct gw_resource *network = gateway_network(c, r);

		for (size_t i = 0; i < p->subnets.n; i++) {
			const struct gw_resource *subnet = gw_reference(c, r, *GW_LIST_AT(p->subnets, char *, i));

			add(m, GW_KEY_GATEWAY_SUBNET, NULL, "gatewaySubnets", &subnet, sizeof subnet);
		}
		if (network)
			add(m, GW_KEY_GATEWAY_NETWORK, NULL, p->network ? "virtualNetwork" : "gatewaySubnets", &network,
			    sizeof network);
		if (GW_GIVEN(p, virtual_gateway, vsid))
			add(m, GW_KEY_VSID, NULL, "isolationId", &p->vsid, sizeof p->vsid);
		break;
	}
	default:
		break;
	}
}

static int compare(const struct gw_rank_node *x, const struct gw_rank_node *y)
{
	const struct gw_key *a = GW_CONTAINER_OF(x, struct gw_key, rank), *b = GW_CONTAINER_OF(y, struct gw_key, rank);

	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	if (a->scope != b->scope)
		return (uintptr_t)a->scope < (uintptr_t)b->scope ? -1 : 1;
	return memcmp(a->value, b->value, sizeof a->value);
}

int gw_keys_init(struct gw_catalog *c)
{
	struct gw_uuid start;
	int r = gw_uuid_random(&start);

	c->ranks.compare = compare;
	memcpy(&c->ranks.last, &start, sizeof c->ranks.last);
	return r < 0 ? r : gw_hmap_init(&c->keys);
}

size_t gw_keys_count(const struct gw_catalog *c, enum gw_key_space space, const void *scope, const void *first,
		     const void *last, size_t n)
{
	struct gw_key from = {.space = space, .scope = scope}, to = from;

	memcpy(from.value, first, n);
	memcpy(to.value, last, n);
	return gw_rank_upto(&c->ranks, &to.rank) - gw_rank_below(&c->ranks, &from.rank);
}

void gw_keys_insert(struct gw_catalog *c, struct gw_version *v)
{
	for (size_t i = 0; i < v->n_keys; i++) {
		struct gw_key *key = &v->keys[i];

		gw_hmap_insert(&c->keys, &key->node, hash_of(key->space, key->scope, key->value));
		gw_tenants_count_key(c, key, 1);
		gw_rank_insert(&c->ranks, &key->rank);
	}
}

void gw_keys_remove(struct gw_catalog *c, struct gw_version *v)
{
	for (size_t i = 0; i < v->n_keys; i++) {
		gw_hmap_remove(&c->keys, &v->keys[i].node);
		gw_tenants_count_key(c, &v->keys[i], -1);
		gw_rank_remove(&c->ranks, &v->keys[i].rank);
	}
}

/* There is room. */
static void take_keys(struct gw_catalog *c, struct gw_resource *r, const struct making *m)
{
	memcpy(r->now.keys, m->keys, m->n * sizeof *m->keys);
	r->now.n_keys = m->n;
	for (size_t i = 0; i < m->n; i++)
		r->now.keys[i].owner = r;
	gw_keys_insert(c, &r->now);
}

int gw_keys_make(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct making m = {.n = 0};
	size_t room;

	gw_keys_remove(c, &r->now);
	free(r->now.keys);
	r->now.keys = NULL;
	r->now.n_keys = 0;
	list_keys(c, r, &m);
	if (r->kind == GW_KIND_FRONTEND)
		gw_keys_follow(c, r);
	if (m.n == 0)
		return 0;
	/* Its front ends may come to be at as many addresses. */
	room = r->kind == GW_KIND_INBOUND_NAT_RULE ? r->now.n_refs : m.n;
	r->now.keys = calloc(room, sizeof *r->now.keys);
	if (!r->now.keys)
		return gw_error_oom(err);
	take_keys(c, r, &m);
	return 0;
}

static bool same_scopes(const struct gw_version *v, const struct making *m)
{
	for (size_t i = 0; i < m->n && i < v->n_keys; i++)
		if (v->keys[i].scope != m->keys[i].scope)
			return false;
	return v->n_keys == m->n;
}

void gw_keys_follow(struct gw_catalog *c, struct gw_resource *frontend)
{
	for (const struct gw_ref *ref = frontend->referrers; ref; ref = ref->next) {
		struct gw_resource *rule = ref->from;
		struct making m = {.n = 0};

		/* Without any yet it gets them in its turn. */
		if (rule->kind != GW_KIND_INBOUND_NAT_RULE || !rule->now.keys)
			continue;
		add_ports(rule, &m);
		if (same_scopes(&rule->now, &m))
			continue;
		assert(m.n <= rule->now.n_refs);
		gw_keys_remove(c, &rule->now);
		take_keys(c, rule, &m);
	}
}

const struct gw_resource *gw_keys_other(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					const void *value, size_t n, const struct gw_resource *than)
{
	uint8_t padded[16] = {0};

	memcpy(padded, value, n);
	GW_HMAP_FOR_EACH_HASH (node, &c->keys, hash_of(space, scope, padded)) {
		const struct gw_key *key = GW_CONTAINER_OF(node, struct gw_key, node);

		if (key->owner != than && same(key, space, scope, padded))
			return key->owner;
	}
	return NULL;
}

const struct gw_resource *gw_keys_owner(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					const void *value, size_t n)
{
	return gw_keys_other(c, space, scope, value, n, NULL);
}

const struct gw_resource *gw_keys_any_other(const struct gw_catalog *c, enum gw_key_space space, const void *scope,
					    const struct gw_resource *than)
{
	const struct gw_key lowest = {.space = space, .scope = scope};
	size_t first = gw_rank_below(&c->ranks, &lowest.rank);

	/* `than` itself may be the first. */
	for (size_t i = first; i <= first + 1; i++) {
		const struct gw_rank_node *node = gw_rank_at(&c->ranks, i);
		const struct gw_key *key = node ? GW_CONTAINER_OF(node, struct gw_key, rank) : NULL;

		if (key && key->space == space && key->scope == scope && key->owner != than)
			return key->owner;
	}
	return NULL;
}

/* Who has it is told to those only who may know that he is there. */
static int refuse(const struct gw_catalog *c, const struct gw_key *key, const struct gw_resource *owner,
		  struct gw_error *err)
{
	char *who = gw_resource_is_told(c, owner) ? gw_resource_path(owner) : NULL;

	gw_error_set(err, EEXIST, GW_ERR_CONFLICT, key->name,
		     "taken%s%s: choose another, or leave it out where it can be assigned", who ? " by " : "",
		     who ? who : "");
	gw_error_prefix(err, "properties.");
	free(who);
	return -EEXIST;
}

int gw_keys_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	for (size_t i = 0; i < r->now.n_keys; i++) {
		const struct gw_key *key = &r->now.keys[i];

		if (key->space == GW_KEY_PUBLIC_VM || key->space == GW_KEY_PUBLIC_PORT)
			continue;
		GW_HMAP_FOR_EACH_HASH (node, &c->keys, key->node.hash) {
			const struct gw_key *other = GW_CONTAINER_OF(node, struct gw_key, node);

			if (other != key && same(other, key->space, key->scope, key->value))
				return refuse(c, key, other->owner, err);
		}
	}
	return 0;
}
