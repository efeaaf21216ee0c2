/*
 * check_pools.c - whether what lives off pools of the whole datacentre still does when they have changed: public addresses, MAC
 * addresses, multicast groups. Users of a pool do not refer to it: they are anywhere, and looked at together, once for each
 * request that changes a pool. Pools of one subnet are that subnet's matter (check_network.c).
 *
 * A value that was in a pool is in one afterwards, or somebody else could be given it too. Called when everything has been
 * checked by itself.
 */
#include "base/cleanup.h"
#include "model/catalog/check.h"
#include "model/catalog/pools.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/network.h"

#include <string.h>

/* What a request has changed of pools of one sort. */
struct change {
	const struct gw_step *step; /* the first that did; NULL: none */
	struct gw_ranges was;	    /* what was offered by those that were replaced or are gone */
};

/* How a pool of the step was before it; NULL: it was made by the step. */
static const void *before(const struct gw_step *s)
{
	if (s->type == GW_STEP_REPLACED)
		return s->before.properties;
	return s->type == GW_STEP_GONE ? s->r->now.properties : NULL;
}

static int note(struct change *change, const struct gw_step *s, const struct gw_addr *first, const struct gw_addr *last)
{
	if (!change->step)
		change->step = s;
	return first ? gw_ranges_push(&change->was, first, last) : 0;
}

static int note_mac_pool(struct change *change, const struct gw_step *s)
{
	const struct gw_mac_pool *was = before(s);
	struct gw_addr first, last;

	if (!was)
		return 0; /* a MAC address may lie outside all pools: one more changes nothing */
	first = gw_pool_mac(&was->first);
	last = gw_pool_mac(&was->last);
	return note(change, s, &first, &last);
}

static int note_ip_pool(struct change *change, const struct gw_step *s)
{
	const struct gw_ip_pool *was = before(s);

	return was ? note(change, s, &was->first, &was->last) : note(change, s, NULL, NULL);
}

static bool is_public(const struct gw_resource *subnet)
{
	return GW_PROPERTIES(subnet, logical_subnet)->is_public;
}

/* Of a logical subnet that the step has replaced; NULL: it did something else. */
static const struct gw_logical_subnet *subnet_before(const struct gw_step *s)
{
	return s->type == GW_STEP_REPLACED && s->r->kind == GW_KIND_LOGICAL_SUBNET ? s->before.properties : NULL;
}

/* Whether it was public when the request began. */
static bool was_public(const struct gw_catalog *c, const struct gw_resource *subnet)
{
	const struct gw_step *first = gw_first_step(c, subnet);
	const struct gw_logical_subnet *was = first ? subnet_before(first) : NULL;

	return was ? was->is_public : is_public(subnet);
}

/* All pools of a subnet that was public: it is private now, or has other routers. */
static int note_subnet(const struct gw_catalog *c, struct change *change, const struct gw_step *s)
{
	const struct gw_logical_subnet *was = subnet_before(s);
	const struct gw_resource *pool = NULL;
	int e = 0;

	if (!was || !(was->is_public || is_public(s->r)))
		return 0;
	e = note(change, s, NULL, NULL);
	while (e == 0 && was->is_public && (pool = gw_catalog_next(c, s->r, GW_KIND_LOGICAL_POOL, pool))) {
		const struct gw_ip_pool *p = pool->now.properties;

		e = p->multicast ? 0 : note(change, s, &p->first, &p->last);
	}
	return e;
}

struct changes {
	struct change macs, publics, groups;
	bool is_hidden; /* a subnet was public and is not any more */
};

static int note_step(const struct gw_catalog *c, struct changes *changes, const struct gw_step *s)
{
	const struct gw_ip_pool *was, *now;
	int e = 0;

	if (s->r->kind == GW_KIND_MAC_POOL)
		return note_mac_pool(&changes->macs, s);
	if (s->r->kind == GW_KIND_LOGICAL_SUBNET)
		return note_subnet(c, &changes->publics, s);
	if (s->r->kind != GW_KIND_LOGICAL_POOL)
		return 0;
	was = before(s);
	now = s->r->now.properties;
	if (now->multicast || (was && was->multicast))
		e = note_ip_pool(&changes->groups, s);
	if (e == 0 && (!now->multicast || (was && !was->multicast)) &&
	    (is_public(s->r->parent) || (changes->is_hidden && was_public(c, s->r->parent))))
		e = note_ip_pool(&changes->publics, s);
	return e;
}

/* The step that has taken the value's pool away; when none has, the first that changed any. */
static const struct gw_step *culprit(const struct gw_catalog *c, const struct change *change, const struct gw_addr *a)
{
	for (size_t i = c->begun; i < c->n_steps; i++) {
		const struct gw_step *s = &c->steps[i];
		const struct gw_mac_pool *macs = before(s);
		const struct gw_ip_pool *addresses = before(s);
		struct gw_range range = {.upto = 0};

		if (macs && s->r->kind == GW_KIND_MAC_POOL)
			range = (struct gw_range){.first = gw_pool_mac(&macs->first), .last = gw_pool_mac(&macs->last)};
		else if (addresses && s->r->kind == GW_KIND_LOGICAL_POOL)
			range = (struct gw_range){.first = addresses->first, .last = addresses->last};
		if (gw_range_has(&range, a))
			return s;
	}
	return change->step;
}

static int in_use(struct gw_catalog *c, const struct change *change, const struct gw_addr *a, const char *what,
		  const struct gw_resource *who, struct gw_error *err)
{
	const struct gw_step *s = culprit(c, change, a);
	_cleanup_free_ char *path = s->type == GW_STEP_GONE ? gw_resource_path(s->r) : NULL;
	_cleanup_free_ char *user = gw_resource_path(who);
	const char *name = s->r->kind == GW_KIND_MAC_POOL	? "startMacAddress"
			   : s->r->kind == GW_KIND_LOGICAL_POOL ? "startIpAddress"
								: "isPublic";
	int e;

	c->fault = s->r;
	if (s->type == GW_STEP_GONE)
		return gw_error_set(err, EBUSY, GW_ERR_CONFLICT, path ? path : s->r->id,
				    "it is in use: %s of %s would lie in no pool any more", what,
				    user ? user : who->id);
	e = conflict(err, name, "%s of %s would lie in no pool any more", what, user ? user : who->id);
	gw_resource_place(s->r, err);
	return e;
}

static int check_macs(struct gw_catalog *c, const struct change *change, struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges are = {0};
	const struct gw_resource *r = NULL;

	if (!change->step)
		return 0;
	if (gw_pools_mac(c, &are) < 0)
		return gw_error_oom(err);
	while ((r = gw_catalog_next(c, NULL, GW_KIND_NETWORK_INTERFACE, r))) {
		struct gw_addr a = gw_pool_mac(&GW_PROPERTIES(r, network_interface)->mac);

		if (gw_ranges_have(&change->was, &a) && !gw_ranges_have(&are, &a))
			return in_use(c, change, &a, "the MAC address", r, err);
	}
	return 0;
}

/* With a pool anywhere every public address lies in one. */
static int check_publics(struct gw_catalog *c, const struct change *change, struct gw_error *err)
{
	const struct gw_ranges *are;
	const struct gw_resource *r = NULL;

	if (!change->step)
		return 0;
	if (gw_pools_public(c, &are) < 0)
		return gw_error_oom(err);
	while ((r = gw_catalog_next(c, NULL, GW_KIND_PUBLIC_ADDRESS, r))) {
		const struct gw_addr *a = &GW_PROPERTIES(r, public_address)->address;

		if (!gw_ranges_have_sorted(are, a) && (are->n > 0 || gw_ranges_have(&change->was, a)))
			return in_use(c, change, a, "the address", r, err);
	}
	return 0;
}

/* A group that was in a pool is not to be left to the usual range, which is for who has none. */
static int check_left_groups(struct gw_catalog *c, const struct change *change, const struct gw_resource *network,
			     const struct gw_ranges *are, struct gw_error *err)
{
	const struct gw_resource *subnet = NULL;

	while ((subnet = gw_catalog_next(c, network, GW_KIND_VIRTUAL_SUBNET, subnet))) {
		const struct gw_virtual_subnet *p = subnet->now.properties;

		if (GW_GIVEN(p, virtual_subnet, group) && gw_ranges_have(&change->was, &p->group) &&
		    !gw_ranges_have(are, &p->group))
			return in_use(c, change, &p->group, "the multicast group", subnet, err);
	}
	return 0;
}

static int check_groups(struct gw_catalog *c, const struct change *change, struct gw_error *err)
{
	_cleanup_(gw_ranges_done) struct gw_ranges are = {0};
	const struct gw_resource *network = NULL;
	int e = 0;

	if (!change->step)
		return 0;
	if (gw_pools_groups(c, &are) < 0)
		return gw_error_oom(err);
	while (e == 0 && (network = gw_catalog_next(c, NULL, GW_KIND_VIRTUAL_NETWORK, network))) {
		e = check_left_groups(c, change, network, &are, err);
		if (e < 0)
			return e;
		e = gw_check_groups_of(c, network, "startIpAddress", err);
	}
	if (e < 0) {
		gw_resource_place(change->step->r, err);
		c->fault = change->step->r;
	}
	return e;
}

int gw_check_pools(struct gw_catalog *c, struct gw_error *err)
{
	struct changes changes = {0};
	int e = 0;

	for (size_t i = c->begun; !changes.is_hidden && i < c->n_steps; i++) {
		const struct gw_logical_subnet *was = subnet_before(&c->steps[i]);

		changes.is_hidden = was && was->is_public;
	}
	for (size_t i = c->begun; e == 0 && i < c->n_steps; i++)
		if (note_step(c, &changes, &c->steps[i]) < 0)
			e = gw_error_oom(err);
	if (e == 0)
		e = check_macs(c, &changes.macs, err);
	if (e == 0)
		e = check_publics(c, &changes.publics, err);
	if (e == 0)
		e = check_groups(c, &changes.groups, err);
	gw_ranges_done(&changes.macs.was);
	gw_ranges_done(&changes.publics.was);
	gw_ranges_done(&changes.groups.was);
	return e;
}
