/*
 * set.c - objects by key, each with the revision since which it is so; and the keys of those that have gone since. See
 * private.h.
 *
 * A computation stages every object anew. What is as it was keeps its entry, its revision and its place in the list; only what
 * is new takes memory, and takes it before anything changes.
 */
#include "plan/private.h"

#include <errno.h>
#include <stdlib.h>

static struct gw_plan_entry *of(struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_plan_entry, by_key);
}

static struct gw_plan_entry *find(const struct gw_hmap *map, const struct gw_hnv_object *key, uint32_t hash)
{
	GW_HMAP_FOR_EACH_HASH (node, map, hash)
		if (gw_hnv_same_key(&of(node)->object, key))
			return of(node);
	return NULL;
}

static void append(struct gw_plan_list *list, struct gw_plan_entry *e)
{
	e->next = NULL;
	e->prev = list->last;
	if (list->last)
		list->last->next = e;
	else
		list->first = e;
	list->last = e;
}

static void take_out(struct gw_plan_list *list, struct gw_plan_entry *e)
{
	if (e->next)
		e->next->prev = e->prev;
	else
		list->last = e->prev;
	if (e->prev)
		e->prev->next = e->next;
	else
		list->first = e->next;
}

int gw_plan_set_init(struct gw_plan_set *s)
{
	*s = (struct gw_plan_set){.round = 1};
	if (gw_hmap_init(&s->live_map) == 0 && gw_hmap_init(&s->gone_map) == 0 && gw_hmap_init(&s->staged) == 0)
		return 0;
	gw_plan_set_done(s);
	return -ENOMEM;
}

static void free_all(struct gw_hmap *map)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, map)
		free(of(node));
	gw_hmap_done(map);
}

void gw_plan_set_done(struct gw_plan_set *s)
{
	free_all(&s->live_map);
	free_all(&s->gone_map);
	free_all(&s->staged);
}

void gw_plan_set_begin(struct gw_plan_set *s)
{
	s->round++;
	s->kept = 0;
}

int gw_plan_set_stage(struct gw_plan_set *s, const struct gw_hnv_object *o, const struct gw_uuid *source)
{
	uint32_t hash = gw_hnv_key_hash(o);
	struct gw_plan_entry *e = find(&s->live_map, o, hash);

	if (find(&s->staged, o, hash) || (e && e->round == s->round))
		return 0;
	if (e && gw_hnv_same_content(&e->object, o)) {
		e->round = s->round;
		e->source = *source; /* for messages only: it may be so at once */
		s->kept++;
		return 0;
	}
	e = malloc(sizeof *e);
	if (!e)
		return -ENOMEM;
	*e = (struct gw_plan_entry){.round = s->round, .source = *source, .object = *o};
	gw_hmap_insert(&s->staged, &e->by_key, hash);
	return 0;
}

const struct gw_plan_entry *gw_plan_set_get(const struct gw_plan_set *s, const struct gw_hnv_object *key)
{
	return find(&s->live_map, key, gw_hnv_key_hash(key));
}

bool gw_plan_set_changed(const struct gw_plan_set *s)
{
	return s->staged.n || s->kept != s->live_map.n;
}

void gw_plan_set_discard(struct gw_plan_set *s)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &s->staged) {
		gw_hmap_remove(&s->staged, node);
		free(of(node));
	}
}

void gw_plan_set_stage_none(struct gw_plan_set *s)
{
	gw_plan_set_discard(s);
	gw_plan_set_begin(s);
}

static void forget_oldest(struct gw_plan_set *s)
{
	struct gw_plan_entry *e = s->gone.first;

	s->floor = e->object.revision;
	take_out(&s->gone, e);
	gw_hmap_remove(&s->gone_map, &e->by_key);
	free(e);
}

/* What was not staged has gone, or comes with other content. */
static size_t drop_old(struct gw_plan_set *s, struct gw_plan *p, uint64_t revision)
{
	struct gw_plan_entry *e = s->live.first, *next;
	size_t n = 0;

	for (; e; e = next) {
		next = e->next;
		if (e->round == s->round)
			continue;
		take_out(&s->live, e);
		gw_hmap_remove(&s->live_map, &e->by_key);
		if (find(&s->staged, &e->object, e->by_key.hash)) {
			free(e);
			continue;
		}
		n++;
		e->object.revision = revision;
		e->serial = ++p->serial;
		append(&s->gone, e);
		gw_hmap_insert(&s->gone_map, &e->by_key, e->by_key.hash);
	}
	return n;
}

size_t gw_plan_set_commit(struct gw_plan_set *s, struct gw_plan *p, uint64_t revision)
{
	size_t before = s->live_map.n, n;

	if (!gw_plan_set_changed(s))
		return 0;
	n = s->kept == before ? 0 : drop_old(s, p, revision);
	GW_HMAP_FOR_EACH_SAFE (node, after, &s->staged) {
		struct gw_plan_entry *e = of(node), *grave = find(&s->gone_map, &e->object, node->hash);

		gw_hmap_remove(&s->staged, node);
		if (grave) { /* it is back */
			take_out(&s->gone, grave);
			gw_hmap_remove(&s->gone_map, &grave->by_key);
			free(grave);
		}
		e->object.revision = revision;
		e->serial = ++p->serial;
		append(&s->live, e);
		gw_hmap_insert(&s->live_map, node, node->hash);
		n++;
	}
	while (s->gone_map.n > s->live_map.n + p->params.remembered)
		forget_oldest(s);
	p->size += s->live_map.n - before;
	return n;
}

void gw_plan_set_forget(struct gw_plan_set *s)
{
	while (s->gone.first)
		forget_oldest(s);
}
