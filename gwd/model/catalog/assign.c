/*
 * assign.c - values that the manager leaves to gwd: VSIDs, routing domains, MAC addresses, addresses of VMs and of nodes,
 * public ones and blocks of their ports (blocks.c), multicast groups.
 *
 * A value is taken when a resource has it, and free again when none has: there is no list of its own that could disagree
 * with the resources. What all tenants share is given in no order, so that nobody can count what others take; in a subnet the
 * next one is looked for behind the last, so that what has just become free rests for a while.
 */
#include "base/cleanup.h"
#include "model/catalog/blocks.h"
#include "model/catalog/check.h"
#include "model/catalog/pools.h"

#include "model/resource/connection.h"
#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t any_number(void)
{
	struct gw_uuid uuid = {{0}};
	uint64_t n;

	gw_uuid_random(&uuid);
	memcpy(&n, uuid.b, sizeof n);
	return n & INT64_MAX;
}

/* Values of a pool that nobody may have, at most: ends of a subnet, routers. */
#define RESERVED 16

typedef bool usable_fn(const void *ctx, const struct gw_addr *a);

/* The next free value, or without a cursor any; false when there is none. Looks at no more values than are taken or not usable, and one. */
static bool take(const struct gw_catalog *c, const struct gw_ranges *ranges, enum gw_key_space space, const void *scope,
		 usable_fn *usable, const void *ctx, uint64_t *cursor, struct gw_addr *ret)
{
	uint64_t total = gw_ranges_size(ranges), tries, at, within;
	size_t range;

	if (!total)
		return false;
	tries = c->keys.n + RESERVED < total ? c->keys.n + RESERVED : total;
	at = (cursor ? *cursor : any_number()) % total;
	range = gw_ranges_find(ranges, at, &within);
	for (uint64_t i = 0; i < tries; i++, at = (at + 1) % total, within++) {
		struct gw_addr a;
		const uint8_t *value = space == GW_KEY_MAC ? a.b + 10 : a.b;

		if (within == gw_range_size(&ranges->r[range])) {
			range = (range + 1) % ranges->n;
			within = 0;
		}
		a = gw_range_at(&ranges->r[range], within);
		if (!usable(ctx, &a) || gw_keys_owner(c, space, scope, value, space == GW_KEY_MAC ? 6 : 16))
			continue;
		if (cursor)
			*cursor = at + 1;
		*ret = a;
		return true;
	}
	return false;
}

static int none_free(const char *name, const char *remedy, struct gw_error *err)
{
	gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, name, "none is free: %s", remedy);
	gw_error_prefix(err, "properties.");
	return -ENOSPC;
}

static bool any_unicast(const void *ctx, const struct gw_addr *a)
{
	(void)ctx;
	return gw_addr_is_unicast(a);
}

static bool any(const void *ctx, const struct gw_addr *a)
{
	(void)ctx;
	(void)a;
	return true;
}

static int assign_network(struct gw_resource *r, struct gw_error *err)
{
	struct gw_virtual_network *p = r->now.properties;

	if (GW_GIVEN(p, virtual_network, rdid))
		return 0;
	if (gw_uuid_random(&p->rdid) < 0)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "the kernel has no random numbers");
	GW_GIVE(p, virtual_network, rdid);
	return 0;
}

static int assign_vsid(const struct gw_catalog *c, uint32_t *ret, struct gw_error *err)
{
	uint32_t total = c->params.vsid_last - c->params.vsid_first + 1;
	uint64_t at = any_number();

	for (uint32_t i = 0; i < total && i <= c->keys.n; i++) {
		uint32_t vsid = c->params.vsid_first + (uint32_t)((at + i) % total);

		if (gw_keys_owner(c, GW_KEY_VSID, NULL, &vsid, sizeof vsid))
			continue;
		*ret = vsid;
		return 0;
	}
	return none_free("isolationId",
			 c->asker ? "every VSID is in use"
				  : "every VSID of [controller] vsids is in use: choose one outside, or make it wider",
			 err);
}

static int assign_group(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges ranges = {0};
	struct gw_virtual_subnet *p = r->now.properties;

	if (gw_pools_group(c, r->parent, &ranges) < 0)
		return gw_error_oom(err);
	if (!take(c, &ranges, GW_KEY_GROUP, NULL, any, NULL, NULL, &p->group))
		return none_free("multicastGroup", "make an ipPool with multicast true below the logical network", err);
	GW_GIVE(p, virtual_subnet, group);
	return 0;
}

static int assign_subnet(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_virtual_subnet *p = r->now.properties;
	int e = GW_GIVEN(p, virtual_subnet, vsid) ? 0 : assign_vsid(c, &p->vsid, err);

	if (e == 0)
		GW_GIVE(p, virtual_subnet, vsid);
	if (e == 0 && p->broadcast == GW_BROADCAST_MULTICAST && !GW_GIVEN(p, virtual_subnet, group))
		e = assign_group(c, r, err);
	return e;
}

/* Where it is in no subnet of the network's, the plan finds a prefix for it. */
static bool needs_vsid(const struct gw_resource *gateway)
{
	const struct gw_virtual_gateway *p = gateway->now.properties;

	return p->network && p->subnets.n == 0 && !GW_GIVEN(p, virtual_gateway, vsid);
}

static int assign_gateway(const struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_virtual_gateway *p = r->now.properties;
	int e;

	if (!needs_vsid(r))
		return 0;
	e = assign_vsid(c, &p->vsid, err);
	if (e == 0)
		GW_GIVE(p, virtual_gateway, vsid);
	return e;
}

/* It is not for us to choose. */
static int chosen(const char *name, struct gw_error *err)
{
	return missing(err, name, "missing: the allocation method is Static");
}

static bool is_no_router(const void *ctx, const struct gw_addr *a)
{
	const struct gw_catalog *c = ctx;
	struct gw_mac mac;

	memcpy(mac.b, a->b + 10, sizeof mac.b);
	return gw_mac_is_unicast(&mac) && !gw_mac_equal(&mac, &c->params.router_mac);
}

static int assign_interface(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges ranges = {0};
	struct gw_network_interface *p = r->now.properties;
	struct gw_addr value;

	if (GW_GIVEN(p, network_interface, mac))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return chosen("privateMacAddress", err);
	if (gw_pools_mac(c, &ranges) < 0)
		return gw_error_oom(err);
	if (!take(c, &ranges, GW_KEY_MAC, NULL, is_no_router, c, NULL, &value))
		return none_free(
			"privateMacAddress",
			c->asker ? "say which one, or ask an operator for a macPool with addresses that are free"
				 : "make a macPool with addresses that are free",
			err);
	memcpy(p->mac.b, value.b + 10, sizeof p->mac.b);
	GW_GIVE(p, network_interface, mac);
	return 0;
}

static bool is_host(const void *ctx, const struct gw_addr *a)
{
	return gw_subnet_host(ctx, a);
}

/* It may have moved to another subnet, where its address is another's, or none. */
static bool is_usable(struct gw_catalog *c, struct gw_resource *r, struct gw_resource *subnet)
{
	const struct gw_ip_configuration *p = r->now.properties;

	return !gw_check_customer_address(c, subnet, &p->address) && gw_keys_check(c, r, NULL) == 0;
}

static int assign_address(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ranges *ranges;
	struct gw_ip_configuration *p = r->now.properties;
	struct gw_resource *subnet = gw_reference(c, r, p->subnet);
	const struct gw_virtual_subnet *s = subnet->now.properties;

	if (GW_GIVEN(p, ip_configuration, address) && (!r->now.is_carried || is_usable(c, r, subnet)))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return chosen("privateIPAddress", err);
	if (gw_pools_customer(c, subnet, &ranges) < 0)
		return gw_error_oom(err);
	if (!take(c, ranges, GW_KEY_CUSTOMER_ADDRESS, subnet, is_host, &s->prefix, &subnet->cursor, &p->address))
		return none_free("privateIPAddress",
				 "the subnet is full: give it another ipPool, or use another subnet", err);
	GW_GIVE(p, ip_configuration, address);
	return 0;
}

static int assign_public(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_ranges *ranges;
	struct gw_public_address *p = r->now.properties;

	if (GW_GIVEN(p, public_address, address))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return chosen("ipAddress", err);
	if (gw_pools_public(c, &ranges) < 0)
		return gw_error_oom(err);
	if (!take(c, ranges, GW_KEY_OUTER_ADDRESS, NULL, any_unicast, NULL, NULL, &p->address))
		return none_free("ipAddress", "make an ipPool below a logical subnet whose isPublic is true", err);
	GW_GIVE(p, public_address, address);
	return 0;
}

static int assign_block(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e = gw_block_assign(c, r, any_number(), err);

	return e > 0 ? gw_keys_make(c, r, err) : e;
}

static bool is_node(const void *ctx, const struct gw_addr *a)
{
	return gw_logical_subnet_node(ctx, a);
}

static int assign_provider(struct gw_catalog *c, struct gw_resource *r, struct gw_server_address *p,
			   struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges ranges = {0};
	struct gw_resource *subnet = gw_reference(c, r, p->subnet);

	if (!subnet)
		return gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, "address",
				    "missing: give it, or the logicalSubnet whose ipPools it is taken from");
	if (gw_pools_provider(c, subnet, &ranges) < 0)
		return gw_error_oom(err);
	if (!take(c, &ranges, GW_KEY_OUTER_ADDRESS, NULL, is_node, subnet, &subnet->cursor, &p->address))
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "address",
				    "none is free: make an ipPool below the logicalSubnet with addresses that are");
	GW_GIVE(p, server_address, address);
	return 0;
}

/* Each is taken before the next one is looked for. */
static int assign_server(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_server *p = r->now.properties;
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->addresses.n; i++) {
		struct gw_server_address *a = GW_LIST_AT(p->addresses, struct gw_server_address, i);

		if (GW_GIVEN(a, server_address, address))
			continue;
		e = assign_provider(c, r, a, err);
		if (e < 0)
			gw_error_prefix(err, "properties.providerAddresses[%zu].", i);
		else
			e = gw_keys_make(c, r, err);
	}
	return e;
}

/* So that a copy of what GET answers is not taken for one that never had a password. */
static void assign_peer(struct gw_resource *r)
{
	struct gw_bgp_peer *p = r->now.properties;

	if (!p->password || GW_GIVEN(p, bgp_peer, has_password))
		return;
	p->has_password = true;
	GW_GIVE(p, bgp_peer, has_password);
}

bool gw_assign_wants_no_secret(enum gw_kind kind, const struct gw_version *now)
{
	if (kind == GW_KIND_BGP_PEER) {
		const struct gw_bgp_peer *p = now->properties;

		return !p->password && GW_GIVEN(p, bgp_peer, has_password) && !p->has_password;
	}
	if (kind == GW_KIND_CONNECTION) {
		const struct gw_ipsec *p = &((const struct gw_connection *)now->properties)->ipsec;

		return !p->secret && p->authentication == GW_AUTHENTICATION_CERTIFICATE;
	}
	return false;
}

void gw_assign_forget_secret(enum gw_kind kind, struct gw_version *now)
{
	char **secret;

	if (kind == GW_KIND_BGP_PEER) {
		struct gw_bgp_peer *p = now->properties;

		secret = &p->password;
		GW_UNGIVE(p, bgp_peer, password);
	} else {
		struct gw_ipsec *p = &((struct gw_connection *)now->properties)->ipsec;

		secret = &p->secret;
		GW_UNGIVE(p, ipsec, secret);
	}
	free(*secret);
	*secret = NULL;
}

void gw_assign_carried(enum gw_kind kind, const struct gw_version *before, struct gw_version *now)
{
	if (kind == GW_KIND_VIRTUAL_SUBNET) {
		const struct gw_virtual_subnet *was = before->properties;
		struct gw_virtual_subnet *p = now->properties;

		/* A group that somebody chooses for Unicast is refused. */
		if (p->broadcast == GW_BROADCAST_UNICAST && GW_GIVEN(p, virtual_subnet, group) &&
		    GW_GIVEN(was, virtual_subnet, group) && gw_addr_equal(&p->group, &was->group))
			GW_UNGIVE(p, virtual_subnet, group);
	} else if (kind == GW_KIND_IP_CONFIGURATION) {
		const struct gw_ip_configuration *was = before->properties, *p = now->properties;

		now->is_carried = p->allocation == GW_ALLOCATION_DYNAMIC && GW_GIVEN(p, ip_configuration, address) &&
				  GW_GIVEN(was, ip_configuration, address) && gw_addr_equal(&p->address, &was->address);
	} else if (kind == GW_KIND_FRONTEND) {
		now->is_carried = gw_block_is_carried(before, now);
	}
}

bool gw_assign_is_owed(const struct gw_resource *r)
{
	return r->kind == GW_KIND_VIRTUAL_GATEWAY ? needs_vsid(r) : gw_block_is_missing(r);
}

int gw_assign(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	uint64_t given = *(uint64_t *)r->now.properties;
	int e = 0;

	if (r->kind == GW_KIND_VIRTUAL_NETWORK)
		e = assign_network(r, err);
	else if (r->kind == GW_KIND_VIRTUAL_SUBNET)
		e = assign_subnet(c, r, err);
	else if (r->kind == GW_KIND_NETWORK_INTERFACE)
		e = assign_interface(c, r, err);
	else if (r->kind == GW_KIND_IP_CONFIGURATION)
		e = assign_address(c, r, err);
	else if (r->kind == GW_KIND_PUBLIC_ADDRESS)
		e = assign_public(c, r, err);
	else if (r->kind == GW_KIND_VIRTUAL_GATEWAY)
		e = assign_gateway(c, r, err);
	else if (r->kind == GW_KIND_FRONTEND)
		return assign_block(c, r, err);
	else if (r->kind == GW_KIND_SERVER)
		return assign_server(c, r, err);
	else if (r->kind == GW_KIND_BGP_PEER)
		assign_peer(r);
	else
		return 0;
	if (e == 0 && (given != *(uint64_t *)r->now.properties || r->kind == GW_KIND_IP_CONFIGURATION))
		e = gw_keys_make(c, r, err);
	return e;
}
