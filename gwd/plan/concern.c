/* concern.c - from a resource to the nodes that hold something because of it, and back. See plan.h. */
#include "plan/private.h"

#include <errno.h>

struct walk {
	int (*visit)(void *ctx, const struct gw_uuid *server);
	void *ctx;
};

static int visit_unit(const struct gw_plan_unit *u, const struct walk *w)
{
	int e = 0;

	if (u->type == GW_PLAN_NODE)
		return w->visit(w->ctx, &u->id);
	for (const struct gw_plan_member *m = GW_PLAN_DOMAIN_OF((struct gw_plan_unit *)u)->members; e >= 0 && m;
	     m = m->next_of_domain)
		e = w->visit(w->ctx, &m->node->unit.id);
	return e;
}

int gw_plan_nodes(const struct gw_plan *p, const struct gw_uuid *resource,
		  int (*visit)(void *ctx, const struct gw_uuid *server), void *ctx)
{
	const struct gw_plan_unit *own = gw_plan_unit_find(p, resource);
	const struct walk w = {visit, ctx};
	int e = 0;

	if (own) {
		e = visit_unit(own, &w);
		return e < 0 ? e : 0;
	}
	GW_HMAP_FOR_EACH_HASH (node, &p->watches, gw_plan_hash(resource)) {
		const struct gw_plan_watch *watch = GW_CONTAINER_OF(node, struct gw_plan_watch, by_target);

		if (!gw_uuid_equal(&watch->target, resource))
			continue;
		e = visit_unit(watch->unit, &w);
		if (e < 0)
			return e;
	}
	return 0;
}

int gw_plan_source(const struct gw_plan *p, const struct gw_uuid *server, const struct gw_hnv_object *key,
		   struct gw_uuid *ret)
{
	const struct gw_plan_unit *u = gw_plan_unit_find(p, server);
	const struct gw_plan_node *n = u && u->type == GW_PLAN_NODE ? GW_PLAN_NODE_OF((struct gw_plan_unit *)u) : NULL;
	const struct gw_plan_entry *e = n ? gw_plan_set_get(&n->own, key) : NULL;

	for (const struct gw_plan_member *m = n ? n->first : NULL; !e && m; m = m->next)
		e = gw_plan_set_get(gw_plan_is_shared(key->kind) ? &m->domain->shared : &m->own, key);
	if (!e)
		return -ENOENT;
	*ret = e->source;
	return 0;
}
