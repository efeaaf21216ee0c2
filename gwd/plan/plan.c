/*
 * plan.c - see plan.h. An update marks what has to be computed, computes it beside what is there, and brings it in when all of it
 * has been computed:
 *
 *   touched resource --watches, leads to--> nodes   --compute, stage--+
 *                                             | seen differently      +--all done--> commit: removals get their tombstones, what
 *                                             v                       |              is new or different the revision
 *                                           domains --compute, stage--+--no memory-> discard: nothing has happened, `behind`
 *
 * Who was behind computes everything the next time; what comes out the same changes nothing.
 */
#include "plan/private.h"

#include "model/resource/gateway.h"
#include "model/resource/interface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct gw_uuid all_networks; /* watched by nodes that looked through all logical networks */

/* --- life --------------------------------------------------------------------------------------------------------- */

int gw_plan_new(const struct gw_plan_params *params, struct gw_plan **ret)
{
	struct gw_plan *p = calloc(1, sizeof *p);

	if (!p || gw_hmap_init(&p->units) < 0 || gw_hmap_init(&p->watches) < 0 || gw_hmap_init(&p->findings) < 0) {
		gw_plan_free(p);
		return -ENOMEM;
	}
	p->params = *params;
	p->behind = true;
	*ret = p;
	return 0;
}

static void unit_free(struct gw_plan *p, struct gw_plan_unit *u)
{
	gw_hmap_remove(&p->units, &u->by_id);
	if (u->type == GW_PLAN_DOMAIN)
		gw_plan_domain_free(p, GW_PLAN_DOMAIN_OF(u));
	else
		gw_plan_node_free(p, GW_PLAN_NODE_OF(u));
}

static struct gw_plan_unit *unit_of(struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_plan_unit, by_id);
}

struct gw_plan *gw_plan_free(struct gw_plan *p)
{
	if (!p)
		return NULL;
	/* Domains name nodes. */
	GW_HMAP_FOR_EACH_SAFE (node, after, &p->units)
		if (unit_of(node)->type == GW_PLAN_DOMAIN)
			unit_free(p, unit_of(node));
	GW_HMAP_FOR_EACH_SAFE (node, after, &p->units)
		unit_free(p, unit_of(node));
	gw_hmap_done(&p->units);
	gw_hmap_done(&p->watches);
	gw_hmap_done(&p->findings);
	free(p);
	return NULL;
}

uint64_t gw_plan_revision(const struct gw_plan *p)
{
	return p->revision;
}

uint64_t gw_plan_node_revision(const struct gw_plan *p, const struct gw_uuid *server)
{
	const struct gw_plan_unit *u = gw_plan_unit_find(p, server);

	return u && u->type == GW_PLAN_NODE ? GW_PLAN_NODE_OF(u)->revision : 0;
}

struct gw_plan_work gw_plan_work(const struct gw_plan *p)
{
	return p->work;
}

size_t gw_plan_size(const struct gw_plan *p)
{
	return p->size;
}

/* --- what has to be computed -------------------------------------------------------------------------------------- */

struct marking {
	struct gw_plan *p;
	const struct gw_catalog *c;
};

/* The unit of a network or server, made when it is new. */
static int mark_own(struct gw_plan *p, const struct gw_resource *r)
{
	struct gw_plan_unit *u = gw_plan_unit_find(p, &r->instance);
	int e;

	if (!u && r->gone)
		return 0;
	if (!u) {
		e = r->kind == GW_KIND_SERVER ? gw_plan_node_new(p, r, &u) : gw_plan_domain_new(p, r, &u);
		if (e < 0)
			return e;
		u->fresh = true;
		gw_hmap_insert(&p->units, &u->by_id, gw_hash_bytes(&u->id, sizeof u->id, 0));
	}
	u->resource = r->gone ? NULL : r;
	gw_plan_mark(p, u);
	return 0;
}

/* Where its addresses are now; where they were, it was looked at. */
static int mark_networks_of(struct marking *m, const struct gw_resource *nic)
{
	const struct gw_resource *r = NULL;
	int e = 0;

	while (e == 0 && (r = gw_catalog_next(m->c, nic, GW_KIND_IP_CONFIGURATION, r)))
		e = mark_own(m->p, gw_reference(m->c, r, GW_PROPERTIES(r, ip_configuration)->subnet)->parent);
	return e;
}

static void mark_watchers_of(struct gw_plan *p, const struct gw_resource *r)
{
	while (r->parent)
		r = r->parent;
	gw_plan_mark_watchers(p, &r->instance);
}

/* Who looked at a pool or at a rule and found nobody may find this one. */
static int mark_for_nic(struct marking *m, const struct gw_resource *nic)
{
	const struct gw_resource *r = NULL;
	int e = mark_networks_of(m, nic);

	while ((r = gw_catalog_next(m->c, nic, GW_KIND_IP_CONFIGURATION, r)))
		for (size_t i = 0; i < r->now.n_refs; i++)
			if (r->now.refs[i].to->kind == GW_KIND_BACKEND_POOL ||
			    r->now.refs[i].to->kind == GW_KIND_INBOUND_NAT_RULE)
				mark_watchers_of(m->p, r->now.refs[i].to);
	return e;
}

/*
 * Whom its pools and rules are for now, and who uses its addresses, unless they are shared: a front end has a part of its own of
 * those.
 */
static int mark_for_balancer(struct marking *m, const struct gw_resource *balancer)
{
	int e = 0;

	for (const struct gw_resource *r = balancer->children; e == 0 && r; r = r->next)
		for (size_t i = 0; e == 0 && i < r->now.n_refs; i++) {
			const struct gw_resource *to = r->now.refs[i].to;

			if (to->kind == GW_KIND_VIRTUAL_SUBNET)
				e = mark_own(m->p, to->parent);
			else if (to->kind == GW_KIND_IP_CONFIGURATION)
				e = mark_own(m->p, gw_plan_first(to, GW_KIND_VIRTUAL_SUBNET)->parent);
			else if (to->kind == GW_KIND_PUBLIC_ADDRESS && !GW_PROPERTIES(to, public_address)->shared)
				gw_plan_mark_watchers(m->p, &to->instance);
		}
	return e;
}

static int mark_new(struct marking *m, const struct gw_resource *r)
{
	const struct gw_resource *to;

	switch (r->kind) {
	case GW_KIND_NETWORK_INTERFACE:
		return mark_for_nic(m, r);
	case GW_KIND_LOAD_BALANCER:
		return mark_for_balancer(m, r);
	case GW_KIND_VIRTUAL_GATEWAY:
		to = gw_plan_first(r, GW_KIND_VIRTUAL_NETWORK);
		if (!to && (to = gw_plan_first(r, GW_KIND_VIRTUAL_SUBNET)))
			to = to->parent;
		return to ? mark_own(m->p, to) : 0;
	case GW_KIND_GATEWAY:
		to = gw_reference(m->c, r, GW_PROPERTIES(r, gateway)->pool);
		if (to)
			gw_plan_mark_watchers(m->p, &to->instance);
		return 0;
	default:
		return 0;
	}
}

static int mark_touched(void *ctx, const struct gw_resource *r)
{
	struct marking *m = ctx;

	if (r->kind == GW_KIND_VIRTUAL_NETWORK || r->kind == GW_KIND_SERVER)
		return mark_own(m->p, r);
	gw_plan_mark_watchers(m->p, &r->instance);
	if (r->kind == GW_KIND_LOGICAL_NETWORK)
		gw_plan_mark_watchers(m->p, &all_networks);
	return r->gone ? 0 : mark_new(m, r);
}

static int mark_all(struct marking *m)
{
	static const enum gw_kind kinds[] = {GW_KIND_SERVER, GW_KIND_VIRTUAL_NETWORK};
	int e = 0;

	GW_HMAP_FOR_EACH (node, &m->p->units) {
		unit_of(node)->resource = NULL;
		gw_plan_mark(m->p, unit_of(node));
	}
	for (size_t k = 0; e == 0 && k < sizeof kinds / sizeof *kinds; k++)
		for (const struct gw_resource *r = NULL; e == 0 && (r = gw_catalog_next(m->c, NULL, kinds[k], r));)
			e = mark_own(m->p, r);
	return e;
}

/* --- computing it ------------------------------------------------------------------------------------------------- */

static bool is_seen_differently(const struct gw_plan_node *n)
{
	return !n->unit.resource || memcmp(&n->view, &n->staged_view, sizeof n->view) != 0;
}

static int compute(struct gw_plan *p, const struct gw_catalog *c)
{
	int e = 0;

	for (struct gw_plan_unit *u = p->dirty[GW_PLAN_NODE]; e == 0 && u; u = u->next_dirty) {
		e = gw_plan_node_compute(p, c, GW_PLAN_NODE_OF(u));
		if (e == 0 && is_seen_differently(GW_PLAN_NODE_OF(u)))
			gw_plan_mark_watchers(p, &u->id);
	}
	for (struct gw_plan_unit *u = p->dirty[GW_PLAN_DOMAIN]; e == 0 && u; u = u->next_dirty)
		e = gw_plan_domain_compute(p, c, GW_PLAN_DOMAIN_OF(u));
	return e;
}

static struct gw_plan_unit *take_dirty(struct gw_plan *p, enum gw_plan_unit_type type)
{
	struct gw_plan_unit *u = p->dirty[type];

	if (u) {
		p->dirty[type] = u->next_dirty;
		u->dirty = false;
	}
	return u;
}

static void discard(struct gw_plan *p)
{
	struct gw_plan_unit *u;

	while ((u = take_dirty(p, GW_PLAN_DOMAIN))) {
		gw_plan_domain_discard(p, GW_PLAN_DOMAIN_OF(u));
		if (u->fresh)
			unit_free(p, u);
	}
	while ((u = take_dirty(p, GW_PLAN_NODE))) {
		gw_plan_node_discard(GW_PLAN_NODE_OF(u));
		if (u->fresh)
			unit_free(p, u);
	}
}

/* Nodes that are gone go last: domains take leave of them. */
static void commit(struct gw_plan *p, uint64_t revision)
{
	struct gw_plan_unit *u, *gone = NULL;

	while ((u = take_dirty(p, GW_PLAN_NODE))) {
		u->fresh = false;
		gw_plan_node_commit(p, GW_PLAN_NODE_OF(u), revision);
		if (u->resource)
			continue;
		u->next_dirty = gone;
		gone = u;
	}
	while ((u = take_dirty(p, GW_PLAN_DOMAIN))) {
		u->fresh = false;
		gw_plan_domain_commit(p, GW_PLAN_DOMAIN_OF(u), revision);
		if (!u->resource)
			unit_free(p, u);
	}
	while ((u = gone)) {
		gone = u->next_dirty;
		unit_free(p, u);
	}
}

int gw_plan_update(struct gw_plan *p, struct gw_catalog *c, uint64_t revision)
{
	struct marking m = {p, c};
	int e = p->behind ? mark_all(&m) : gw_catalog_touched_roots(c, mark_touched, &m);

	if (e == 0)
		e = compute(p, c);
	p->behind = e < 0;
	if (e < 0) {
		discard(p);
		return e;
	}
	commit(p, revision);
	p->revision = revision;
	p->generation++;
	return 0;
}
