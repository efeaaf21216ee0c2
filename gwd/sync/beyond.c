/*
 * beyond.c - who has to stay out where a controller wants more of a kind than this node accepts. Called by apply.c before each round,
 * so that what goes is carried out, deletions above all, and only what is too much is refused.
 *
 * What is there stays. The room that is left goes round by routing domain (or virtual subnet), to who has the least first, so that
 * one tenant's many do not keep out another's few; within one, to what came first, so that it is the same with each try.
 */
#include "sync/private.h"

#include <errno.h>
#include <stdlib.h>

/* How much of the kind is of one whole. */
struct owner {
	struct gw_hmap_node node; /* first */
	struct gw_sync_whole what;
	size_t n;
};

struct candidate {
	struct gw_sync_item *item;
	size_t rank; /* in its whole, with what is there */
};

struct choice {
	const struct gw_sync_changes *todo;
	const struct gw_intent *intent;
	const struct gw_hnv_object *configured;
	enum gw_hnv_kind kind;
	struct gw_hmap owners;
	struct candidate *all;
	size_t n;
};

static struct gw_sync_item *item_of(struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_sync_item, node);
}

static bool is_new(const struct choice *c, const struct gw_sync_item *item)
{
	return !item->is_delete && !item->unreadable && !gw_intent_get(c->intent, item->object) &&
	       !(c->configured && gw_hnv_same_key(item->object, c->configured));
}

/* NULL: no memory. */
static struct owner *owner_of(struct choice *c, const struct gw_hnv_object *o)
{
	struct gw_sync_whole what;
	struct owner *owner;
	uint32_t hash;

	gw_sync_whole_of(o, &what); /* false: all of those are one */
	hash = gw_hash_bytes(&what.rdid, sizeof what.rdid, what.vsid);
	GW_HMAP_FOR_EACH_HASH (node, &c->owners, hash) {
		owner = GW_CONTAINER_OF(node, struct owner, node);
		if (owner->what.vsid == what.vsid && gw_uuid_equal(&owner->what.rdid, &what.rdid))
			return owner;
	}
	owner = calloc(1, sizeof *owner);
	if (!owner)
		return NULL;
	owner->what = what;
	gw_hmap_insert(&c->owners, &owner->node, hash);
	return owner;
}

/* What has failed for what it says must not keep the room from others. */
static bool is_broken(const struct gw_sync_item *item)
{
	return item->failed && !item->beyond;
}

static int by_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (is_broken(x->item) != is_broken(y->item))
		return is_broken(x->item) ? 1 : -1;
	return x->item->order < y->item->order ? -1 : x->item->order > y->item->order;
}

static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (is_broken(x->item) == is_broken(y->item) && x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return by_order(a, b);
}

static int list(struct choice *c, size_t come)
{
	c->all = calloc(come + 1, sizeof *c->all);
	if (!c->all)
		return -ENOMEM;
	GW_HMAP_FOR_EACH (node, &c->todo->items)
		if (item_of(node)->object->kind == c->kind && is_new(c, item_of(node)))
			c->all[c->n++].item = item_of(node);
	return 0;
}

static int rank(struct choice *c)
{
	struct owner *owner;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(c->intent, c->kind, o));) {
		const struct gw_sync_item *item = gw_changes_find(c->todo, o);

		if (item && item->is_delete)
			continue;
		owner = owner_of(c, o);
		if (!owner)
			return -ENOMEM;
		owner->n++;
	}
	qsort(c->all, c->n, sizeof *c->all, by_order);
	for (size_t i = 0; i < c->n; i++) {
		owner = owner_of(c, c->all[i].item->object);
		if (!owner)
			return -ENOMEM;
		c->all[i].rank = ++owner->n;
	}
	qsort(c->all, c->n, sizeof *c->all, by_rank);
	return 0;
}

/* There is room for it now: as if it were new, so that it need not wait for the next try of what failed. */
static void let_in(struct gw_sync_item *item)
{
	if (item->beyond)
		item->beyond = item->failed = false;
}

static void choose(struct choice *c, size_t room, size_t come)
{
	/* Without memory each is tried, and the node says of it what it says. */
	bool chosen = list(c, come) == 0 && (c->n <= room || (gw_hmap_init(&c->owners) == 0 && rank(c) == 0));

	for (size_t i = 0; i < c->n; i++)
		let_in(c->all[i].item);
	for (size_t i = room; chosen && i < c->n; i++)
		c->all[i].item->beyond = true;
	GW_HMAP_FOR_EACH_SAFE (node, after, &c->owners) {
		gw_hmap_remove(&c->owners, node);
		free(GW_CONTAINER_OF(node, struct owner, node));
	}
	gw_hmap_done(&c->owners);
	free(c->all);
}

void gw_sync_find_beyond(struct gw_sync_changes *todo, const struct gw_service *service,
			 const struct gw_hnv_object *configured)
{
	size_t come[GW_HNV_KIND_MAX] = {0}, gone[GW_HNV_KIND_MAX] = {0};
	struct gw_intent_limits limits;
	struct choice c = {.todo = todo, .intent = service->intent, .configured = configured};

	gw_config_intent_limits(service->config, &limits);
	GW_HMAP_FOR_EACH (node, &todo->items) {
		const struct gw_sync_item *item = item_of(node);

		come[item->object->kind] += is_new(&c, item);
		gone[item->object->kind] += item->is_delete && gw_intent_get(c.intent, item->object);
	}
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		size_t stay = gw_intent_count(c.intent, (enum gw_hnv_kind)k) - gone[k], max = limits.max[k];
		struct choice of_kind = c;

		of_kind.kind = (enum gw_hnv_kind)k;
		if (come[k] > 0)
			choose(&of_kind, max > stay ? max - stay : 0, come[k]);
	}
}

int gw_sync_say_beyond(const struct gw_sync_item *item, const struct gw_service *service, struct gw_error *ret)
{
	enum gw_hnv_kind kind = item->object->kind;
	struct gw_intent_limits limits;

	gw_config_intent_limits(service->config, &limits);
	return gw_error_set(ret, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
			    "this node accepts %zu %s, and has as many as it can: delete some, or raise %s in its "
			    "configuration",
			    limits.max[kind], gw_hnv_kind_path(kind), gw_intent_limit_key(kind));
}
