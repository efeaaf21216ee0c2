/*
 * pools.c - the values that pools offer: MAC addresses, addresses of VMs, of nodes and of the public, multicast groups. A pool
 * has no list of what is taken: that is what resources have (keys.c).
 */
#include "model/catalog/pools.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static struct gw_addr add(struct gw_addr a, uint64_t n)
{
	for (int i = 15; i >= 0 && n; i--) {
		n += a.b[i];
		a.b[i] = (uint8_t)n;
		n >>= 8;
	}
	return a;
}

/* The address in front of it, which is not the first of all. */
static struct gw_addr before(struct gw_addr a)
{
	int i = 15;

	while (i > 0 && a.b[i] == 0)
		a.b[i--] = 0xff;
	a.b[i]--;
	return a;
}

uint64_t gw_range_size(const struct gw_range *r)
{
	uint64_t n = 0;

	for (int i = 0; i < 16; i++) {
		if (n >= GW_RANGE_MANY >> 8)
			return GW_RANGE_MANY;
		n = (n << 8) + r->last.b[i] - r->first.b[i];
	}
	return n >= GW_RANGE_MANY ? GW_RANGE_MANY : n + 1;
}

static bool is_counted(const struct gw_ranges *ranges)
{
	return ranges->n > 0 && ranges->r[ranges->n - 1].upto > 0;
}

uint64_t gw_ranges_size(const struct gw_ranges *ranges)
{
	uint64_t total = 0;

	if (is_counted(ranges))
		return ranges->r[ranges->n - 1].upto;
	for (size_t i = 0; i < ranges->n && total < GW_RANGE_MANY; i++)
		total += gw_range_size(&ranges->r[i]);
	return total;
}

struct gw_addr gw_range_at(const struct gw_range *r, uint64_t n)
{
	return add(r->first, n);
}

/* The first that has as many up to its end. */
static size_t find_counted(const struct gw_ranges *ranges, uint64_t n)
{
	size_t from = 0, to = ranges->n - 1;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (ranges->r[middle].upto <= n)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

size_t gw_ranges_find(const struct gw_ranges *ranges, uint64_t n, uint64_t *ret_within)
{
	size_t i = 0;

	if (is_counted(ranges)) {
		i = find_counted(ranges, n);
		*ret_within = i > 0 ? n - ranges->r[i - 1].upto : n;
		return i;
	}
	while (i + 1 < ranges->n && n >= gw_range_size(&ranges->r[i]))
		n -= gw_range_size(&ranges->r[i++]);
	*ret_within = n;
	return i;
}

bool gw_range_has(const struct gw_range *r, const struct gw_addr *a)
{
	return gw_addr_cmp(&r->first, a) <= 0 && gw_addr_cmp(a, &r->last) <= 0;
}

bool gw_ranges_have(const struct gw_ranges *ranges, const struct gw_addr *a)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (gw_range_has(&ranges->r[i], a))
			return true;
	return false;
}

static int by_first(const void *a, const void *b)
{
	return gw_addr_cmp(&((const struct gw_range *)a)->first, &((const struct gw_range *)b)->first);
}

static void join(struct gw_ranges *ranges)
{
	size_t n = 0;

	for (size_t i = 0; i < ranges->n; i++) {
		struct gw_range *last = n > 0 ? &ranges->r[n - 1] : NULL;

		if (!last || gw_addr_cmp(&last->last, &ranges->r[i].first) < 0)
			ranges->r[n++] = ranges->r[i];
		else if (gw_addr_cmp(&last->last, &ranges->r[i].last) < 0)
			last->last = ranges->r[i].last;
	}
	ranges->n = n;
}

void gw_ranges_sort(struct gw_ranges *ranges)
{
	uint64_t total = 0;

	if (ranges->n > 1)
		qsort(ranges->r, ranges->n, sizeof *ranges->r, by_first);
	join(ranges);
	for (size_t i = 0; i < ranges->n; i++) {
		total += total < GW_RANGE_MANY ? gw_range_size(&ranges->r[i]) : 0;
		ranges->r[i].upto = total;
	}
}

static int in_range(const void *key, const void *element)
{
	const struct gw_range *r = element;

	return gw_addr_cmp(key, &r->first) < 0 ? -1 : gw_addr_cmp(key, &r->last) > 0;
}

bool gw_ranges_have_sorted(const struct gw_ranges *ranges, const struct gw_addr *a)
{
	return ranges->n > 0 && bsearch(a, ranges->r, ranges->n, sizeof *ranges->r, in_range);
}

int gw_ranges_push(struct gw_ranges *ranges, const struct gw_addr *first, const struct gw_addr *last)
{
	size_t room = ranges->room ? 2 * ranges->room : 8;

	if (ranges->n == ranges->room) {
		struct gw_range *larger = realloc(ranges->r, room * sizeof *larger);

		if (!larger)
			return -ENOMEM;
		ranges->r = larger;
		ranges->room = room;
	}
	ranges->r[ranges->n++] = (struct gw_range){.first = *first, .last = *last};
	return 0;
}

void gw_ranges_done(struct gw_ranges *ranges)
{
	free(ranges->r);
	*ranges = (struct gw_ranges){0};
}

/* --- what pools offer --------------------------------------------------------------------------------------------- */

struct gw_addr gw_pool_mac(const struct gw_mac *mac)
{
	struct gw_addr a = {{0}};

	memcpy(a.b + 10, mac->b, sizeof mac->b);
	return a;
}

int gw_pools_mac(const struct gw_catalog *c, struct gw_ranges *ret)
{
	const struct gw_resource *pool = NULL;
	int e = 0;

	while (e == 0 && (pool = gw_catalog_next(c, NULL, GW_KIND_MAC_POOL, pool))) {
		struct gw_addr first = gw_pool_mac(&GW_PROPERTIES(pool, mac_pool)->first),
			       last = gw_pool_mac(&GW_PROPERTIES(pool, mac_pool)->last);

		e = gw_ranges_push(ret, &first, &last);
	}
	return e;
}

/* Pools below one subnet, of groups or of hosts. */
static int push_pools(const struct gw_catalog *c, const struct gw_resource *subnet, enum gw_kind kind, bool multicast,
		      struct gw_ranges *ret)
{
	const struct gw_resource *pool = NULL;
	int e = 0;

	while (e == 0 && (pool = gw_catalog_next(c, subnet, kind, pool))) {
		const struct gw_ip_pool *p = pool->now.properties;

		if (p->multicast == multicast)
			e = gw_ranges_push(ret, &p->first, &p->last);
	}
	return e;
}

static int list_customer(const struct gw_catalog *c, const struct gw_resource *subnet, struct gw_ranges *ret)
{
	const struct gw_prefix *prefix = &GW_PROPERTIES(subnet, virtual_subnet)->prefix;
	struct gw_addr last = gw_prefix_last(prefix);
	int e = push_pools(c, subnet, GW_KIND_VIRTUAL_POOL, false, ret);

	return e == 0 && ret->n == 0 ? gw_ranges_push(ret, &prefix->addr, &last) : e;
}

/* 1: it is empty, and to be made by who asks first in a settling; 0: it is there. */
static int offered(struct gw_ranges **kept, uint64_t *of, uint64_t settling)
{
	if (!*kept)
		*kept = calloc(1, sizeof **kept);
	if (!*kept)
		return -ENOMEM;
	if (*of == settling)
		return 0;
	(*kept)->n = 0;
	return 1;
}

int gw_pools_customer(const struct gw_catalog *c, struct gw_resource *subnet, const struct gw_ranges **ret)
{
	int e = offered(&subnet->offers, &subnet->offers_of, c->settling);

	if (e > 0) {
		if (list_customer(c, subnet, subnet->offers) < 0)
			return -ENOMEM;
		gw_ranges_sort(subnet->offers);
		subnet->offers_of = c->settling;
	}
	if (e >= 0)
		*ret = subnet->offers;
	return e < 0 ? e : 0;
}

int gw_pools_provider(const struct gw_catalog *c, const struct gw_resource *subnet, struct gw_ranges *ret)
{
	return push_pools(c, subnet, GW_KIND_LOGICAL_POOL, false, ret);
}

static int leave_out(struct gw_ranges *ranges, size_t from, const struct gw_addr *out)
{
	int e = 0;

	for (size_t i = from; e == 0 && i < ranges->n;) {
		struct gw_range *r = &ranges->r[i], rest = {.first = add(*out, 1), .last = r->last};

		if (!gw_range_has(r, out)) {
			i++;
			continue;
		}
		if (gw_addr_equal(&r->first, out) && gw_addr_equal(&r->last, out)) {
			*r = ranges->r[--ranges->n];
		} else if (gw_addr_equal(&r->first, out)) {
			r->first = rest.first;
		} else {
			r->last = before(*out);
			if (!gw_addr_equal(&rest.last, out))
				e = gw_ranges_push(ranges, &rest.first, &rest.last);
		}
	}
	return e;
}

/* The pools of a public subnet, without what gw_logical_subnet_node() keeps from hosts. */
static int push_public(const struct gw_catalog *c, const struct gw_resource *subnet, struct gw_ranges *ret)
{
	const struct gw_logical_subnet *p = subnet->now.properties;
	struct gw_addr last = gw_prefix_last(&p->prefix);
	size_t from = ret->n;
	int e = push_pools(c, subnet, GW_KIND_LOGICAL_POOL, false, ret);

	for (size_t i = 0; e == 0 && i < p->routers.n; i++)
		e = leave_out(ret, from, GW_LIST_AT(p->routers, struct gw_addr, i));
	if (!gw_prefix_is_subnet(&p->prefix))
		return e;
	if (e == 0)
		e = leave_out(ret, from, &p->prefix.addr);
	return e == 0 && gw_addr_is_v4(&last) ? leave_out(ret, from, &last) : e;
}

static int list_public(const struct gw_catalog *c, struct gw_ranges *ret)
{
	const struct gw_resource *network = NULL, *subnet;
	int e = 0;

	while (e == 0 && (network = gw_catalog_next(c, NULL, GW_KIND_LOGICAL_NETWORK, network)))
		for (subnet = NULL; e == 0 && (subnet = gw_catalog_next(c, network, GW_KIND_LOGICAL_SUBNET, subnet));)
			if (GW_PROPERTIES(subnet, logical_subnet)->is_public)
				e = push_public(c, subnet, ret);
	return e;
}

int gw_pools_public(struct gw_catalog *c, const struct gw_ranges **ret)
{
	int e = offered(&c->publics, &c->publics_of, c->settling);

	if (e > 0) {
		if (list_public(c, c->publics) < 0)
			return -ENOMEM;
		gw_ranges_sort(c->publics);
		c->publics_of = c->settling;
	}
	if (e >= 0)
		*ret = c->publics;
	return e < 0 ? e : 0;
}

void gw_pools_free(struct gw_ranges *ranges)
{
	if (ranges)
		gw_ranges_done(ranges);
	free(ranges);
}

/* Pools of groups below logical networks, or only one of them. */
static int push_groups(const struct gw_catalog *c, const struct gw_resource *only, struct gw_ranges *ret)
{
	const struct gw_resource *network = NULL, *subnet;
	int e = 0;

	while (e == 0 && (network = gw_catalog_next(c, NULL, GW_KIND_LOGICAL_NETWORK, network))) {
		if (only && network != only)
			continue;
		for (subnet = NULL; e == 0 && (subnet = gw_catalog_next(c, network, GW_KIND_LOGICAL_SUBNET, subnet));)
			e = push_pools(c, subnet, GW_KIND_LOGICAL_POOL, true, ret);
	}
	return e;
}

int gw_pools_groups(const struct gw_catalog *c, struct gw_ranges *ret)
{
	return push_groups(c, NULL, ret);
}

/*
 * 239.128.0.0/24 is left out: on the wire its groups have the MAC addresses of 224.0.0.0/24, which switches flood.
 */
int gw_pools_group(const struct gw_catalog *c, const struct gw_resource *virtual_network, struct gw_ranges *ret)
{
	static const char *const usual[][2] = {{"239.0.1.0", "239.127.255.255"}, {"239.128.1.0", "239.255.255.255"}};
	const struct gw_virtual_network *p = virtual_network->now.properties;
	int e = push_groups(c, gw_reference(c, virtual_network, p->logical_network), ret);

	if (e < 0 || ret->n > 0)
		return e;
	for (size_t i = 0; e == 0 && i < sizeof usual / sizeof *usual; i++) {
		struct gw_addr first, last;

		gw_addr_parse(usual[i][0], &first);
		gw_addr_parse(usual[i][1], &last);
		e = gw_ranges_push(ret, &first, &last);
	}
	return e;
}

/* --- what a value must be, wherever it comes from ----------------------------------------------------------------- */

bool gw_subnet_host(const struct gw_prefix *p, const struct gw_addr *a)
{
	struct gw_addr router = gw_prefix_first_host(p);

	return gw_subnet_node(p, a) && !gw_addr_equal(a, &router);
}

bool gw_subnet_node(const struct gw_prefix *p, const struct gw_addr *a)
{
	struct gw_addr last = gw_prefix_last(p);

	if (!gw_addr_is_unicast(a) || !gw_prefix_contains(p, a))
		return false;
	if (!gw_prefix_is_subnet(p))
		return true;
	return !gw_addr_equal(a, &p->addr) && !(gw_addr_is_v4(a) && gw_addr_equal(a, &last));
}

bool gw_logical_subnet_node(const struct gw_resource *subnet, const struct gw_addr *a)
{
	const struct gw_logical_subnet *p = subnet->now.properties;

	for (size_t i = 0; i < p->routers.n; i++)
		if (gw_addr_equal(a, GW_LIST_AT(p->routers, struct gw_addr, i)))
			return false;
	return gw_subnet_node(&p->prefix, a);
}
