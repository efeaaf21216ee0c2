/*
 * outside.c - public addresses, and blocks of ports of shared ones: which virtual network what comes there belongs to. See private.h.
 * Called by nat.c.
 *
 *   address that is not shared      all of it is one network's, whatever rules and front ends name it
 *   shared address                  a front end with outbound rules has its block of ports; an inbound rule has its port
 *
 * Who uses it first cannot be known from the catalogue. Of several networks the one that belongs to the owner of the address has it,
 * then the one whose instance is the lowest, and the others are told: which is the same whoever is asked.
 */
#include "plan/private.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the network of a rule ---------------------------------------------------------------------------------------- */

const struct gw_resource *gw_plan_first(const struct gw_resource *r, enum gw_kind kind)
{
	for (size_t i = 0; i < r->now.n_refs; i++)
		if (r->now.refs[i].to->kind == kind)
			return r->now.refs[i].to;
	return NULL;
}

static const struct gw_resource *first_referrer(const struct gw_resource *r, enum gw_kind kind)
{
	for (const struct gw_ref *ref = r->referrers; ref; ref = ref->next)
		if (ref->from->kind == kind && gw_plan_is_valid(ref->from))
			return ref->from;
	return NULL;
}

/* A member that says which network a rule is for: a subnet or an IP configuration. NULL: it is for none. */
static const struct gw_resource *member_of(const struct gw_resource *rule)
{
	const struct gw_resource *in, *member;

	if (rule->kind == GW_KIND_INBOUND_NAT_RULE) {
		member = gw_plan_first(rule, GW_KIND_IP_CONFIGURATION);
		return member ? member : first_referrer(rule, GW_KIND_IP_CONFIGURATION);
	}
	in = gw_plan_first(rule, GW_KIND_BACKEND_POOL);
	member = in ? gw_plan_first(in, GW_KIND_VIRTUAL_SUBNET) : NULL;
	return member || !in ? member : first_referrer(in, GW_KIND_IP_CONFIGURATION);
}

/* *ret NULL: it is for none. */
static int network_of(struct gw_plan_job *j, const struct gw_resource *rule, const struct gw_resource **ret)
{
	const struct gw_resource *member = member_of(rule), *subnet = member;
	int e = gw_plan_watch_root(&j->d->unit, rule);

	*ret = NULL;
	if (e == 0 && member)
		e = gw_plan_watch_root(&j->d->unit, member);
	if (member && member->kind == GW_KIND_IP_CONFIGURATION)
		subnet = gw_plan_first(member, GW_KIND_VIRTUAL_SUBNET);
	if (subnet)
		*ret = subnet->parent;
	return e;
}

/* --- whose it is -------------------------------------------------------------------------------------------------- */

bool gw_plan_same_tenant(const struct gw_resource *a, const struct gw_resource *b)
{
	const char *x = gw_resource_tenant(a), *y = gw_resource_tenant(b);

	return x && y ? !strcmp(x, y) : x == y;
}

static bool is_before(const struct gw_resource *address, const struct gw_resource *a, const struct gw_resource *b)
{
	bool mine = gw_plan_same_tenant(a, address), other = gw_plan_same_tenant(b, address);

	return mine != other ? mine : memcmp(&a->instance, &b->instance, sizeof a->instance) < 0;
}

/* Of the rules of a front end, of one kind or (NONE) of both. */
static int search_owner(struct gw_plan_job *j, const struct gw_resource *address, const struct gw_resource *frontend,
			enum gw_kind kind, const struct gw_resource **best)
{
	const struct gw_resource *network;
	int e = 0;

	for (const struct gw_ref *ref = frontend->referrers; e == 0 && ref; ref = ref->next) {
		if (!gw_plan_is_valid(ref->from) || (kind != GW_KIND_NONE && ref->from->kind != kind))
			continue;
		e = network_of(j, ref->from, &network);
		if (e == 0 && network && (!*best || is_before(address, network, *best)))
			*best = network;
	}
	return e;
}

static int find_owner(struct gw_plan_job *j, const struct gw_resource *address, const struct gw_resource *frontend,
		      const struct gw_resource **ret)
{
	int e = 0;

	*ret = NULL;
	if (GW_PROPERTIES(address, public_address)->shared)
		return search_owner(j, address, frontend, GW_KIND_OUTBOUND_NAT_RULE, ret);
	for (const struct gw_ref *ref = address->referrers; e == 0 && ref; ref = ref->next)
		if (ref->from->kind == GW_KIND_FRONTEND && gw_plan_is_valid(ref->from))
			e = search_owner(j, address, ref->from, GW_KIND_NONE, ret);
	return e;
}

/* --- places ------------------------------------------------------------------------------------------------------- */

void gw_plan_places_done(struct gw_plan_places *s)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &s->by_resource)
		free(GW_CONTAINER_OF(node, struct gw_plan_place, by_resource));
	gw_hmap_done(&s->by_resource);
}

static struct gw_plan_place *find(const struct gw_plan_places *s, const struct gw_resource *of)
{
	GW_HMAP_FOR_EACH_HASH (node, &s->by_resource, gw_plan_hash(&of->instance)) {
		struct gw_plan_place *p = GW_CONTAINER_OF(node, struct gw_plan_place, by_resource);

		if (p->of == of)
			return p;
	}
	return NULL;
}

static int look_at(struct gw_plan_job *j, const struct gw_resource *frontend, struct gw_plan_place *p)
{
	const struct gw_public_address *address = p->address->now.properties;
	const struct gw_resource *owner;
	int e = gw_plan_watch(&j->d->unit, &p->address->instance);

	if (e == 0)
		e = find_owner(j, p->address, frontend, &owner);
	if (e < 0)
		return e;
	p->is_ours = owner == j->network;
	p->is_valid = gw_plan_is_valid(p->address) && gw_plan_is_valid(frontend);
	if (!address->shared)
		return 0;
	p->port = (uint16_t)GW_PROPERTIES(frontend, frontend)->port_block;
	p->count = (uint32_t)address->block_size;
	return 0;
}

/* NULL: no memory. */
static struct gw_plan_place *add(struct gw_plan_places *s, const struct gw_resource *of)
{
	struct gw_plan_place *p = calloc(1, sizeof *p);

	if (!p || gw_hmap_insert(&s->by_resource, &p->by_resource, gw_plan_hash(&of->instance)) < 0) {
		free(p);
		return NULL;
	}
	p->of = of;
	return p;
}

int gw_plan_see(struct gw_plan_places *s, const struct gw_resource *r, bool *ret_is_new)
{
	*ret_is_new = !find(s, r);
	return !*ret_is_new || add(s, r) ? 0 : -ENOMEM;
}

int gw_plan_place(struct gw_plan_job *j, struct gw_plan_places *s, const struct gw_resource *frontend,
		  const struct gw_plan_place **ret)
{
	const struct gw_resource *address = gw_plan_first(frontend, GW_KIND_PUBLIC_ADDRESS), *of;
	struct gw_plan_place *p;
	int e;

	of = GW_PROPERTIES(address, public_address)->shared ? frontend : address;
	p = find(s, of);
	if (!p) {
		p = add(s, of);
		if (!p)
			return -ENOMEM;
		p->address = address;
		e = look_at(j, frontend, p);
		if (e < 0)
			return e;
	}
	*ret = p;
	return 0;
}
