/*
 * assign.c - values that the manager leaves to gwd: VSIDs, routing domains, MAC addresses, addresses of VMs, public ones,
 * multicast groups.
 *
 * A value is taken when a resource has it, and free again when none has: there is no list of its own that could disagree
 * with the resources. What all tenants share is given in no order, so that nobody can count what others take; in a subnet the
 * next one is looked for behind the last, so that what has just become free rests for a while.
 */
#include "model/catalog/private.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <string.h>

#define MAX_RANGES 64
#define MANY	   (UINT64_C(1) << 62)

/* Addresses as numbers of 16 bytes; a MAC address is the last six of them. */
struct range {
	struct gw_addr first, last;
};

struct ranges {
	struct range r[MAX_RANGES];
	size_t n;
};

static struct gw_addr add(struct gw_addr a, uint64_t n)
{
	for (int i = 15; i >= 0 && n; i--) {
		n += a.b[i];
		a.b[i] = (uint8_t)n;
		n >>= 8;
	}
	return a;
}

/* Addresses from a to b, at most MANY. */
static uint64_t size(const struct range *r)
{
	uint64_t n = 0;

	for (int i = 0; i < 16; i++) {
		if (n >= MANY >> 8)
			return MANY;
		n = (n << 8) + r->last.b[i] - r->first.b[i];
	}
	return n >= MANY ? MANY : n + 1;
}

static struct gw_addr nth(const struct ranges *ranges, uint64_t n)
{
	size_t i = 0;

	while (i + 1 < ranges->n && n >= size(&ranges->r[i]))
		n -= size(&ranges->r[i++]);
	return add(ranges->r[i].first, n);
}

static void push(struct ranges *ranges, const struct gw_addr *first, const struct gw_addr *last)
{
	if (ranges->n < MAX_RANGES)
		ranges->r[ranges->n++] = (struct range){*first, *last};
}

static struct gw_addr from_mac(const struct gw_mac *mac)
{
	struct gw_addr a = {{0}};

	memcpy(a.b + 10, mac->b, sizeof mac->b);
	return a;
}

static uint64_t any_number(void)
{
	struct gw_uuid uuid = {{0}};
	uint64_t n;

	gw_uuid_random(&uuid);
	memcpy(&n, uuid.b, sizeof n);
	return n & INT64_MAX;
}

typedef bool usable_fn(const void *ctx, const struct gw_addr *a);

/* The next free value, or without a cursor any; false when there is none. Looks at no more values than are taken or not usable, and one. */
static bool take(const struct gw_catalog *c, const struct ranges *ranges, enum gw_key_space space, const void *scope,
		 usable_fn *usable, const void *ctx, uint64_t *cursor, struct gw_addr *ret)
{
	uint64_t total = 0, tries;

	for (size_t i = 0; i < ranges->n && total < MANY; i++)
		total += size(&ranges->r[i]);
	if (!total)
		return false;
	tries = c->keys.n + 8 < total ? c->keys.n + 8 : total;
	for (uint64_t i = 0, at = (cursor ? *cursor : any_number()) % total; i < tries; i++, at = (at + 1) % total) {
		struct gw_addr a = nth(ranges, at);
		const uint8_t *value = space == GW_KEY_MAC ? a.b + 10 : a.b;

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

static int assign_vsid(struct gw_catalog *c, struct gw_virtual_subnet *p, struct gw_error *err)
{
	uint32_t total = c->params.vsid_last - c->params.vsid_first + 1;
	uint64_t at = any_number();

	for (uint32_t i = 0; i < total && i <= c->keys.n; i++) {
		uint32_t vsid = c->params.vsid_first + (uint32_t)((at + i) % total);

		if (gw_keys_owner(c, GW_KEY_VSID, NULL, &vsid, sizeof vsid))
			continue;
		p->vsid = vsid;
		GW_GIVE(p, virtual_subnet, vsid);
		return 0;
	}
	return none_free("isolationId", "every VSID is in use", err);
}

/* Pools of addresses below logical networks: multicast ones, or those of public subnets. */
static void logical_pools(const struct gw_catalog *c, const struct gw_resource *only, bool multicast,
			  struct ranges *ret)
{
	const struct gw_resource *network = NULL, *subnet, *pool;

	while ((network = gw_catalog_next(c, NULL, GW_KIND_LOGICAL_NETWORK, network))) {
		if (only && network != only)
			continue;
		for (subnet = NULL; (subnet = gw_catalog_next(c, network, GW_KIND_LOGICAL_SUBNET, subnet));) {
			if (!multicast && !GW_PROPERTIES(subnet, logical_subnet)->is_public)
				continue;
			for (pool = NULL; (pool = gw_catalog_next(c, subnet, GW_KIND_LOGICAL_POOL, pool));) {
				const struct gw_ip_pool *p = pool->now.properties;

				if (p->multicast == multicast)
					push(ret, &p->first, &p->last);
			}
		}
	}
}

static int assign_group(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_virtual_network *network = r->parent->now.properties;
	struct gw_virtual_subnet *p = r->now.properties;
	struct ranges ranges = {.n = 0};

	logical_pools(c, gw_reference(c, r->parent, network->logical_network), true, &ranges);
	if (!take(c, &ranges, GW_KEY_GROUP, NULL, any, NULL, NULL, &p->group))
		return none_free("multicastGroup", "make an ipPool with multicast true below the logical network", err);
	GW_GIVE(p, virtual_subnet, group);
	return 0;
}

static int assign_subnet(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_virtual_subnet *p = r->now.properties;
	int e = GW_GIVEN(p, virtual_subnet, vsid) ? 0 : assign_vsid(c, p, err);

	if (e == 0 && p->broadcast == GW_BROADCAST_MULTICAST && !GW_GIVEN(p, virtual_subnet, group))
		e = assign_group(c, r, err);
	return e;
}

static int missing(const char *name, struct gw_error *err)
{
	gw_error_set(err, EINVAL, GW_ERR_MISSING_PROPERTY, name, "missing: the allocation method is Static");
	gw_error_prefix(err, "properties.");
	return -EINVAL;
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
	struct gw_network_interface *p = r->now.properties;
	const struct gw_resource *pool = NULL;
	struct ranges ranges = {.n = 0};
	struct gw_addr value;

	if (GW_GIVEN(p, network_interface, mac))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return missing("privateMacAddress", err);
	while ((pool = gw_catalog_next(c, NULL, GW_KIND_MAC_POOL, pool))) {
		const struct gw_mac_pool *m = pool->now.properties;
		struct gw_addr first = from_mac(&m->first), last = from_mac(&m->last);

		push(&ranges, &first, &last);
	}
	if (!take(c, &ranges, GW_KEY_MAC, NULL, is_no_router, c, NULL, &value))
		return none_free("privateMacAddress", "make a macPool with addresses that are free", err);
	memcpy(p->mac.b, value.b + 10, sizeof p->mac.b);
	GW_GIVE(p, network_interface, mac);
	return 0;
}

static bool is_host(const void *ctx, const struct gw_addr *a)
{
	return gw_subnet_host(ctx, a);
}

static int assign_address(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_ip_configuration *p = r->now.properties;
	struct gw_resource *subnet = gw_reference(c, r, p->subnet);
	const struct gw_virtual_subnet *s = subnet->now.properties;
	const struct gw_resource *pool = NULL;
	struct ranges ranges = {.n = 0};

	/* It moved to another subnet, and its address was ours to choose. */
	if (GW_GIVEN(p, ip_configuration, address) &&
	    (p->allocation == GW_ALLOCATION_STATIC || gw_prefix_contains(&s->prefix, &p->address)))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return missing("privateIPAddress", err);
	while ((pool = gw_catalog_next(c, subnet, GW_KIND_VIRTUAL_POOL, pool)))
		push(&ranges, &GW_PROPERTIES(pool, ip_pool)->first, &GW_PROPERTIES(pool, ip_pool)->last);
	if (!ranges.n) {
		struct gw_addr last = gw_prefix_last(&s->prefix);

		push(&ranges, &s->prefix.addr, &last);
	}
	if (!take(c, &ranges, GW_KEY_CUSTOMER_ADDRESS, subnet, is_host, &s->prefix, &subnet->cursor, &p->address))
		return none_free("privateIPAddress",
				 "the subnet is full: give it another ipPool, or use another subnet", err);
	GW_GIVE(p, ip_configuration, address);
	return 0;
}

static int assign_public(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	struct gw_public_address *p = r->now.properties;
	struct ranges ranges = {.n = 0};

	if (GW_GIVEN(p, public_address, address))
		return 0;
	if (p->allocation == GW_ALLOCATION_STATIC)
		return missing("ipAddress", err);
	logical_pools(c, NULL, false, &ranges);
	if (!take(c, &ranges, GW_KEY_PUBLIC_ADDRESS, NULL, any_unicast, NULL, NULL, &p->address))
		return none_free("ipAddress", "make an ipPool below a logical subnet whose isPublic is true", err);
	GW_GIVE(p, public_address, address);
	return 0;
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
	else
		return 0;
	if (e == 0 && (given != *(uint64_t *)r->now.properties || r->kind == GW_KIND_IP_CONFIGURATION))
		e = gw_keys_make(c, r, err);
	return e;
}
