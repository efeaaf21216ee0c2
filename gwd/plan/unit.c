/*
 * unit.c - what nodes and domains have in common: what they looked at while they were computed, and what they found that
 * cannot be done. See private.h.
 *
 * Both are staged by a computation and count from its commit on, so that an update that fails leaves no trace.
 */
#include "plan/private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t gw_plan_hash(const struct gw_uuid *id)
{
	return gw_hash_bytes(id, sizeof *id, 0);
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

/* --- what cannot be done ------------------------------------------------------------------------------------------ */

/* As an operator has to name it. */
static char *path_of(const struct gw_resource *r)
{
	const char *tenant = gw_resource_tenant(r);
	char *path = gw_resource_path(r), *whole = NULL;

	if (!path || !tenant)
		return path;
	if (asprintf(&whole, "%s?tenantId=%s", path, tenant) < 0)
		whole = NULL;
	free(path);
	return whole;
}

int gw_plan_note(struct gw_plan_unit *u, const struct gw_resource *r, enum gw_plan_grade grade, const char *code,
		 const char *fmt, ...)
{
	struct gw_plan_note *n = calloc(1, sizeof *n);
	va_list ap;

	if (!n)
		return -ENOMEM;
	va_start(ap, fmt);
	if (vasprintf(&n->message, fmt, ap) < 0)
		n->message = NULL;
	va_end(ap);
	n->path = path_of(r);
	if (!n->message || !n->path) {
		free(n->message);
		free(n->path);
		free(n);
		return -ENOMEM;
	}
	n->trouble = (struct gw_plan_trouble){r->instance, n->path, grade, code, n->message};
	n->next = u->staged_notes;
	u->staged_notes = n;
	return 0;
}

static void free_notes(struct gw_plan_note **list)
{
	while (*list) {
		struct gw_plan_note *n = *list;

		*list = n->next;
		free(n->message);
		free(n->path);
		free(n);
	}
}

static void unlink_notes(struct gw_plan *p, struct gw_plan_unit *u)
{
	for (struct gw_plan_note *n = u->notes; n; n = n->next)
		gw_hmap_remove(&p->notes, &n->by_resource);
	free_notes(&u->notes);
}

static const struct gw_plan_note *note_of(const struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_plan_note, by_resource);
}

/* A route may be in the way of thousands of networks: of each sort of trouble a few are told, and how many there are besides. */
#define TOLD_OF_A_CODE 4
#define TOLD	       32

struct telling {
	const struct gw_plan_trouble *told[TOLD];
	size_t n, n_more;
	enum gw_plan_grade worst; /* of those more */
};

/* What several nodes or domains found of one resource is said once. */
static bool is_to_tell(struct telling *t, const struct gw_plan_trouble *trouble)
{
	size_t like = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->told[i]->code, trouble->code) != 0)
			continue;
		if (!strcmp(t->told[i]->message, trouble->message))
			return false;
		like++;
	}
	if (like < TOLD_OF_A_CODE && t->n < TOLD) {
		t->told[t->n++] = trouble;
		return true;
	}
	t->n_more++;
	t->worst = trouble->grade > t->worst ? trouble->grade : t->worst;
	return false;
}

static int troubles_of(const struct gw_plan *p, const struct gw_uuid *resource,
		       int (*visit)(void *ctx, const struct gw_plan_trouble *t), void *ctx)
{
	struct telling t = {.n = 0};
	char message[64];
	int e = 0;

	GW_HMAP_FOR_EACH_HASH (node, &p->notes, gw_plan_hash(resource)) {
		const struct gw_plan_trouble *trouble = &note_of(node)->trouble;

		if (e >= 0 && gw_uuid_equal(&trouble->resource, resource) && is_to_tell(&t, trouble))
			e = visit(ctx, trouble);
	}
	if (e < 0 || t.n_more == 0)
		return e < 0 ? e : 0;
	snprintf(message, sizeof message, "and %zu times more, elsewhere", t.n_more);
	e = visit(ctx, &(struct gw_plan_trouble){*resource, t.told[0]->path, t.worst, "AndMore", message});
	return e < 0 ? e : 0;
}

int gw_plan_troubles(const struct gw_plan *p, const struct gw_uuid *resource,
		     int (*visit)(void *ctx, const struct gw_plan_trouble *t), void *ctx)
{
	int e = 0;

	if (resource)
		return troubles_of(p, resource, visit, ctx);
	GW_HMAP_FOR_EACH (node, &p->notes) {
		e = visit(ctx, &note_of(node)->trouble);
		if (e < 0)
			break;
	}
	return e < 0 ? e : 0;
}

/* --- the end of a computation ------------------------------------------------------------------------------------- */

void gw_plan_unit_discard(struct gw_plan_unit *u)
{
	gw_hmap_done(&u->looked_at);
	free_watches(&u->staged_watches);
	free_notes(&u->staged_notes);
}

void gw_plan_unit_commit(struct gw_plan *p, struct gw_plan_unit *u)
{
	unlink_watches(p, u);
	unlink_notes(p, u);
	gw_hmap_done(&u->looked_at);
	u->watches = u->staged_watches;
	u->notes = u->staged_notes;
	u->staged_watches = NULL;
	u->staged_notes = NULL;
	/* Neither can fail: both maps have their buckets. */
	for (struct gw_plan_watch *w = u->watches; w; w = w->next)
		gw_hmap_insert(&p->watches, &w->by_target, gw_plan_hash(&w->target));
	for (struct gw_plan_note *n = u->notes; n; n = n->next)
		gw_hmap_insert(&p->notes, &n->by_resource, gw_plan_hash(&n->trouble.resource));
}

void gw_plan_unit_done(struct gw_plan *p, struct gw_plan_unit *u)
{
	gw_plan_unit_discard(u);
	unlink_watches(p, u);
	unlink_notes(p, u);
}
