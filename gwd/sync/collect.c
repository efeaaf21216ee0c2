/*
 * collect.c - from the pages of an answer to what is to be done, by key. Called by follow.c with what came over the network, by
 * turn.c with what is whole. Everything in a page may be a lie: its size is bounded by link.c, the number of its changes by what the
 * node accepts.
 */
#include "sync/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many times what the node accepts may be told in one answer: old and new of all; but of a node that accepts little, so many. */
#define ROOM	   2
#define ROOM_LEAST 131072

/* One that is forgotten: what had been told of it until then. */
struct forgotten {
	struct gw_hmap_node node; /* first */
	struct gw_sync_whole what;
	uint64_t order; /* of the last item before */
};

/* --- changes ------------------------------------------------------------------------------------------------------ */

int gw_changes_init(struct gw_sync_changes *c)
{
	*c = (struct gw_sync_changes){0};
	if (gw_hmap_init(&c->items) == 0 && gw_hmap_init(&c->forgotten) == 0)
		return 0;
	gw_changes_done(c);
	return -ENOMEM;
}

static struct gw_sync_item *item_of(struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_sync_item, node);
}

static void item_free(struct gw_sync_item *item)
{
	gw_hnv_object_free(item->object);
	free(item->error);
	free(item);
}

static void remember_nothing(struct gw_hmap *forgotten)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, forgotten) {
		gw_hmap_remove(forgotten, node);
		free(GW_CONTAINER_OF(node, struct forgotten, node));
	}
}

static void empty(struct gw_sync_changes *c)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &c->items)
		gw_changes_drop(c, item_of(node));
	remember_nothing(&c->forgotten);
}

void gw_changes_done(struct gw_sync_changes *c)
{
	empty(c);
	gw_hmap_done(&c->items);
	gw_hmap_done(&c->forgotten);
}

struct gw_sync_item *gw_changes_find(const struct gw_sync_changes *c, const struct gw_hnv_object *key)
{
	GW_HMAP_FOR_EACH_HASH (node, &c->items, gw_hnv_key_hash(key))
		if (gw_hnv_same_key(item_of(node)->object, key))
			return item_of(node);
	return NULL;
}

static void detach(struct gw_sync_changes *c, struct gw_sync_item *item)
{
	gw_hmap_remove(&c->items, &item->node);
	c->n[item->object->kind]--;
}

struct gw_sync_item *gw_changes_drop(struct gw_sync_changes *c, struct gw_sync_item *item)
{
	detach(c, item);
	item_free(item);
	return NULL;
}

/* In the place of what is there of its key. Cannot fail: the map has its first buckets. */
static void attach(struct gw_sync_changes *c, struct gw_sync_item *item)
{
	struct gw_sync_item *before = gw_changes_find(c, item->object);

	if (before)
		gw_changes_drop(c, before);
	c->n[item->object->kind]++;
	gw_hmap_insert(&c->items, &item->node, gw_hnv_key_hash(item->object));
}

/* Takes the object over, also when memory has run out: then it is freed. */
static struct gw_sync_item *add(struct gw_sync_changes *c, struct gw_hnv_object *o, bool is_delete)
{
	struct gw_sync_item *item = calloc(1, sizeof *item);

	if (!item) {
		gw_hnv_object_free(o);
		return NULL;
	}
	item->object = o;
	item->is_delete = is_delete;
	item->order = ++c->order;
	attach(c, item);
	return item;
}

/* --- what is forgotten -------------------------------------------------------------------------------------------- */

bool gw_sync_whole_of(const struct gw_hnv_object *o, struct gw_sync_whole *ret)
{
	static const struct gw_uuid none;

	*ret = (struct gw_sync_whole){.vsid = 0};
	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		ret->vsid = o->record.vsid;
		break;
	case GW_HNV_CUSTOMER_ROUTE:
		ret->vsid = o->croute.vsid;
		break;
	case GW_HNV_PORT:
		ret->vsid = o->port.vsid;
		break;
	default:
		if (gw_hnv_rdid(o))
			ret->rdid = *gw_hnv_rdid(o);
		break;
	}
	return ret->vsid || !gw_uuid_equal(&ret->rdid, &none);
}

static uint32_t whole_hash(const struct gw_sync_whole *w)
{
	return gw_hash_bytes(&w->rdid, sizeof w->rdid, w->vsid);
}

static struct forgotten *find_forgotten(const struct gw_sync_changes *c, const struct gw_sync_whole *w)
{
	GW_HMAP_FOR_EACH_HASH (node, &c->forgotten, whole_hash(w)) {
		struct forgotten *f = GW_CONTAINER_OF(node, struct forgotten, node);

		if (f->what.vsid == w->vsid && gw_uuid_equal(&f->what.rdid, &w->rdid))
			return f;
	}
	return NULL;
}

static const struct forgotten *forgotten(const struct gw_sync_changes *c, const struct gw_hnv_object *o)
{
	struct gw_sync_whole w;

	return gw_sync_whole_of(o, &w) ? find_forgotten(c, &w) : NULL;
}

static int forget(struct gw_sync_changes *c, const struct gw_sync_whole *w)
{
	struct forgotten *f = find_forgotten(c, w);

	if (!f) {
		f = calloc(1, sizeof *f);
		if (!f)
			return -ENOMEM;
		f->what = *w;
		gw_hmap_insert(&c->forgotten, &f->node, whole_hash(w));
	}
	f->order = c->order;
	return 0;
}

/* What was to be done for them before they were forgotten. A port that is only a key is in no subnet, and stays. */
static void drop_forgotten(struct gw_sync_changes *todo, const struct gw_sync_changes *by)
{
	if (!by->forgotten.n)
		return;
	GW_HMAP_FOR_EACH_SAFE (node, after, &todo->items) {
		const struct forgotten *f = forgotten(by, item_of(node)->object);

		if (f && (todo != by || item_of(node)->order <= f->order))
			gw_changes_drop(todo, item_of(node));
	}
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

int gw_answer_init(struct gw_sync_answer *a)
{
	*a = (struct gw_sync_answer){0};
	return gw_changes_init(&a->changes);
}

void gw_answer_done(struct gw_sync_answer *a)
{
	gw_changes_done(&a->changes);
	*a = (struct gw_sync_answer){0};
}

static int useless(struct gw_error *err, const char *target, const char *what)
{
	return gw_error_set(err, EBADMSG, GW_ERR_INVALID_REQUEST, target, "%s", what);
}

/* What is to be cannot be read, but of which key: that one is at fault, not the answer. */
static int read_key(struct gw_sync_changes *c, const json_t *change, const struct gw_config *config,
		    const struct gw_error *why, struct gw_error *err)
{
	json_t *other = json_pack("{s:O*}", "delete", json_object_get(change, "put"));
	struct gw_hnv_change key;
	struct gw_sync_item *item;
	int r;

	if (!other)
		return gw_error_oom(err);
	r = gw_hnv_change_decode(other, config, &key, err);
	json_decref(other);
	if (r < 0)
		return r;
	item = add(c, key.object, false);
	if (!item)
		return gw_error_oom(err);
	item->unreadable = item->failed = true;
	if (c->unreadable++ >= GW_SYNC_FAILURES)
		return 0;
	item->error = malloc(sizeof *item->error);
	if (!item->error)
		return gw_error_oom(err);
	*item->error = *why;
	return 0;
}

static int read_change(struct gw_sync_changes *c, const json_t *j, const struct gw_config *config, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	struct gw_hnv_change change;

	if (gw_hnv_change_decode(j, config, &change, &why) < 0) {
		if (json_object_size(j) == 2 && json_is_object(json_object_get(j, "properties")))
			return read_key(c, j, config, &why, err);
		*err = why;
		return -EBADMSG;
	}
	if (!change.object)
		return forget(c, &(struct gw_sync_whole){change.vsid, change.rdid}) < 0 ? gw_error_oom(err) : 0;
	return add(c, change.object, change.type == GW_HNV_CHANGE_DELETE) ? 0 : gw_error_oom(err);
}

/*
 * What is too much of one kind is refused one by one (beyond.c), so that one tenant's many do not keep from the node what all others
 * have, and deletions. This is only for the memory, whoever it is that answers.
 */
static int check_room(const struct gw_sync_changes *c, const struct gw_config *config, struct gw_error *err)
{
	struct gw_intent_limits limits;
	size_t all = 0, room;

	gw_config_intent_limits(config, &limits);
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		all += limits.max[k];
	room = all * ROOM > ROOM_LEAST ? all * ROOM : ROOM_LEAST;
	if (c->items.n > room)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "changes",
				    "%zu objects and more, of which this node accepts %zu", c->items.n, all);
	if (c->forgotten.n > room)
		return gw_error_set(
			err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "changes",
			"%zu virtual subnets and gateways and more to forget, of which this node can have had %zu",
			c->forgotten.n, all);
	return 0;
}

static bool is_epoch(const char *s)
{
	return strlen(s) == GW_SYNC_EPOCHLEN - 1 && s[strspn(s, "0123456789abcdefABCDEF")] == '\0';
}

/* All pages are of one answer. */
static int read_head(struct gw_sync_answer *a, const json_t *page, struct gw_error *err)
{
	const char *epoch = json_string_value(json_object_get(page, "epoch")),
		   *more = json_string_value(json_object_get(page, "more"));
	const json_t *full = json_object_get(page, "full"), *revision = json_object_get(page, "revision");

	if (!epoch || !is_epoch(epoch) || (a->begun && strcmp(epoch, a->epoch) != 0))
		return useless(err, "epoch", "is none, or not that of the page before");
	if (!json_is_boolean(full) || (a->begun && json_is_true(full) != a->full))
		return useless(err, "full", "is neither true nor false, or not as on the page before");
	if (more ? !*more || strlen(more) >= sizeof a->more : json_object_get(page, "more") != NULL)
		return useless(err, "more", "leads nowhere");
	if (!more && (!json_is_integer(revision) || json_integer_value(revision) < 0))
		return useless(err, "revision", "is none");
	memcpy(a->epoch, epoch, sizeof a->epoch);
	a->full = json_is_true(full);
	a->begun = true;
	snprintf(a->more, sizeof a->more, "%s", more ? more : "");
	a->revision = more ? 0 : (uint64_t)json_integer_value(revision);
	return 0;
}

static int read_page(struct gw_sync_answer *a, const json_t *page, const struct gw_config *config, struct gw_error *err)
{
	const json_t *changes = json_object_get(page, "changes"), *change;
	int r = read_head(a, page, err);
	size_t i;

	if (r < 0)
		return r;
	if (!json_is_array(changes) || (*a->more && json_array_size(changes) == 0))
		return useless(err, "changes", "are none");
	json_array_foreach((json_t *)changes, i, change)
	{
		r = read_change(&a->changes, change, config, err);
		if (r < 0) {
			gw_error_prefix(err, *err->target ? "changes[%zu]." : "changes[%zu]", i);
			return r;
		}
	}
	return check_room(&a->changes, config, err);
}

int gw_answer_read(struct gw_sync_answer *a, const char *text, size_t n, const struct gw_config *config,
		   struct gw_error *err)
{
	json_error_t where;
	json_t *page = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
	int r;

	if (!page)
		return gw_error_set(err, EBADMSG, GW_ERR_INVALID_JSON, "", "no JSON: line %d, column %d", where.line,
				    where.column);
	r = read_page(a, page, config, err);
	json_decref(page);
	return r;
}

/* --- what is to be done ------------------------------------------------------------------------------------------- */

/* What is there and is not to be. */
static int add_deletions(struct gw_sync_answer *a, const struct gw_intent *intent)
{
	if (!a->full && !a->changes.forgotten.n)
		return 0;
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(intent, (enum gw_hnv_kind)k, o));) {
			struct gw_hnv_object *key;

			if ((!a->full && !forgotten(&a->changes, o)) || gw_changes_find(&a->changes, o))
				continue;
			key = gw_hnv_object_copy(o);
			if (!key || !add(&a->changes, key, true))
				return -ENOMEM;
		}
	return 0;
}

int gw_changes_merge(struct gw_sync_changes *todo, struct gw_sync_answer *a, const struct gw_intent *intent)
{
	int r;

	drop_forgotten(&a->changes, &a->changes);
	r = add_deletions(a, intent);
	if (r < 0)
		return r;
	if (a->full)
		empty(todo);
	drop_forgotten(todo, &a->changes);
	GW_HMAP_FOR_EACH_SAFE (node, after, &a->changes.items) {
		struct gw_sync_item *item = item_of(node);

		detach(&a->changes, item);
		item->order += todo->order;
		attach(todo, item);
	}
	todo->order += a->changes.order;
	remember_nothing(&a->changes.forgotten);
	return 0;
}
