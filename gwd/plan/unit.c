/*
 * unit.c - what nodes and domains have in common: what they looked at while they were computed, and with it what they found that
 * cannot be done (trouble.c). See private.h.
 *
 * Both are staged by a computation and count from its commit on, so that an update that fails leaves no trace.
 */
#include "plan/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint32_t gw_plan_hash(const struct gw_uuid *id)
{
	return gw_hash_bytes(id, sizeof *id, 0);
}

int gw_plan_unit_init(struct gw_plan_unit *u, enum gw_plan_unit_type type, struct gw_plan *p,
		      const struct gw_resource *r)
{
	u->type = type;
	u->plan = p;
	u->id = r->instance;
	u->resource = r;
	u->name = strdup(r->id);
	return u->name ? 0 : -ENOMEM;
}

struct gw_plan_unit *gw_plan_unit_find(const struct gw_plan *p, const struct gw_uuid *id)
{
	GW_HMAP_FOR_EACH_HASH (node, &p->units, gw_plan_hash(id)) {
		struct gw_plan_unit *u = GW_CONTAINER_OF(node, struct gw_plan_unit, by_id);

		if (gw_uuid_equal(&u->id, id))
			return u;
	}
	return NULL;
}

/* --- what it looked at -------------------------------------------------------------------------------------------- */

int gw_plan_watch(struct gw_plan_unit *u, const struct gw_uuid *target)
{
	struct gw_plan_watch *w;

	GW_HMAP_FOR_EACH_HASH (node, &u->looked_at, gw_plan_hash(target))
		if (gw_uuid_equal(&GW_CONTAINER_OF(node, struct gw_plan_watch, by_target)->target, target))
			return 0;
	w = malloc(sizeof *w);
	if (!w)
		return -ENOMEM;
	*w = (struct gw_plan_watch){.next = u->staged_watches, .unit = u, .target = *target};
	u->staged_watches = w;
	return gw_hmap_insert(&u->looked_at, &w->by_target, gw_plan_hash(target));
}

int gw_plan_watch_root(struct gw_plan_unit *u, const struct gw_resource *r)
{
	while (r->parent)
		r = r->parent;
	return gw_plan_watch(u, &r->instance);
}

void gw_plan_mark(struct gw_plan *p, struct gw_plan_unit *u)
{
	if (u->dirty)
		return;
	u->dirty = true;
	u->next_dirty = p->dirty[u->type];
	p->dirty[u->type] = u;
}

void gw_plan_mark_watchers(struct gw_plan *p, const struct gw_uuid *target)
{
	GW_HMAP_FOR_EACH_HASH (node, &p->watches, gw_plan_hash(target)) {
		struct gw_plan_watch *w = GW_CONTAINER_OF(node, struct gw_plan_watch, by_target);

		if (gw_uuid_equal(&w->target, target))
			gw_plan_mark(p, w->unit);
	}
}

static void free_watches(struct gw_plan_watch **list)
{
	while (*list) {
		struct gw_plan_watch *w = *list;

		*list = w->next;
		free(w);
	}
}

static void unlink_watches(struct gw_plan *p, struct gw_plan_unit *u)
{
	for (struct gw_plan_watch *w = u->watches; w; w = w->next)
		gw_hmap_remove(&p->watches, &w->by_target);
	free_watches(&u->watches);
}

/* --- the end of a computation ------------------------------------------------------------------------------------- */

void gw_plan_unit_discard(struct gw_plan_unit *u)
{
	gw_hmap_done(&u->looked_at);
	free_watches(&u->staged_watches);
	gw_plan_notes_discard(u);
}

void gw_plan_unit_commit(struct gw_plan *p, struct gw_plan_unit *u)
{
	unlink_watches(p, u);
	gw_hmap_done(&u->looked_at);
	u->watches = u->staged_watches;
	u->staged_watches = NULL;
	/* Cannot fail: the map has its buckets. */
	for (struct gw_plan_watch *w = u->watches; w; w = w->next)
		gw_hmap_insert(&p->watches, &w->by_target, gw_plan_hash(&w->target));
	gw_plan_notes_commit(u);
}

void gw_plan_unit_done(struct gw_plan *p, struct gw_plan_unit *u)
{
	gw_plan_unit_discard(u);
	unlink_watches(p, u);
	gw_plan_notes_forget(u);
	free(u->name);
}
