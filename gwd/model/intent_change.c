/*
 * intent_change.c - the intent's change under way: begin, put, delete, commit, rollback (intent.h). The reconciler is who changes
 * an intent.
 *
 * It is a list of (before, after) pairs, one for each key that differs from how it was at begin. Every object knows its pair by
 * index, so each step takes constant time:
 *
 *   after    is in its kind's map (and by_mac, and counted in the domains), like every other present object
 *   before   is in no map, or in `gone` while its key is absent, so that a later put of the key finds its pair
 *   retired  objects that were made and replaced within the change; kept until its end since someone may look at them
 *
 * Nothing in rollback allocates: buckets never shrink, and the domains keep what lost its last reference until the end.
 */
#include "model/intent_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void gw_intent_begin(struct gw_intent *in)
{
	assert(!in->changing);
	in->changing = true;
	in->generation++;
}

/* `before` and `after` are const for those who read the delta; here they are ours. */
static struct gw_hnv_object *own(const struct gw_hnv_object *o)
{
	return (struct gw_hnv_object *)o;
}

static int reserve_change(struct gw_intent *in)
{
	size_t room = in->room ? in->room * 2 : 16;
	struct gw_change *changes;

	if (in->n_changes < in->room)
		return 0;
	if (in->n_changes >= UINT32_MAX - 1)
		return -ENOMEM;
	changes = reallocarray(in->changes, room, sizeof *changes);
	if (!changes)
		return -ENOMEM;
	in->changes = changes;
	in->room = room;
	return 0;
}

/* Room was reserved. */
static void add_change(struct gw_intent *in, struct gw_hnv_object *before, struct gw_hnv_object *after)
{
	in->changes[in->n_changes++] = (struct gw_change){.before = before, .after = after};
	if (before)
		before->change = (uint32_t)in->n_changes;
	if (after)
		after->change = (uint32_t)in->n_changes;
}

/* Drops a pair whose key is as it was; the last one takes its place. */
static void drop_change(struct gw_intent *in, uint32_t change)
{
	struct gw_change *c = &in->changes[change - 1];

	if (c->before)
		own(c->before)->change = 0;
	*c = in->changes[--in->n_changes];
	if (change - 1 == in->n_changes)
		return;
	if (c->before)
		own(c->before)->change = change;
	if (c->after)
		own(c->after)->change = change;
}

static void retire(struct gw_intent *in, struct gw_hnv_object *o)
{
	o->by_key.next = in->retired ? &in->retired->by_key : NULL;
	in->retired = o;
}

/* `current`, which this change brought, leaves its map. */
static void retire_current(struct gw_intent *in, struct gw_hnv_object *current)
{
	gw_intent_unlink(in, current);
	retire(in, current);
}

int gw_intent_put(struct gw_intent *in, struct gw_hnv_object *o, struct gw_error *err)
{
	struct gw_hnv_object *current, *before = NULL;
	int e;

	assert(in->changing);
	e = gw_intent_check(in, o, err);
	if (e < 0)
		return e;
	if (reserve_change(in) < 0 ||
	    (o->kind == GW_HNV_CUSTOMER_ROUTE && gw_domains_reserve(&in->domains, &o->croute.rdid, o->croute.vsid) < 0))
		return gw_error_oom(err);
	o->change = 0;
	current = gw_intent_find(&in->maps[o->kind], o);
	if (current && gw_hnv_same_content(current, o)) {
		retire(in, o);
		return 0;
	}
	if (current && !current->change) { /* first touched now */
		gw_intent_unlink(in, current);
		add_change(in, current, o);
		gw_intent_link(in, o);
		return 0;
	}
	if (current) {
		o->change = current->change;
		before = own(in->changes[o->change - 1].before);
		retire_current(in, current);
	} else if ((before = gw_intent_find(&in->gone, o))) {
		o->change = before->change;
		gw_hmap_remove(&in->gone, &before->by_key);
	} else {
		add_change(in, NULL, o);
	}
	if (before && gw_hnv_same_content(before, o)) {
		drop_change(in, o->change);
		retire(in, o);
		o = before;
	} else {
		in->changes[o->change - 1].after = o;
	}
	gw_intent_link(in, o);
	return 0;
}

int gw_intent_delete(struct gw_intent *in, const struct gw_hnv_object *key, struct gw_error *err)
{
	struct gw_hnv_object *current = gw_intent_find(&in->maps[key->kind], key), *before;
	char id[GW_ID_STRLEN];

	assert(in->changing);
	if (!current)
		return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, NULL, "there is no %s %s",
				    gw_hnv_kind_name(key->kind), gw_hnv_id(key, id));
	if (reserve_change(in) < 0)
		return gw_error_oom(err);
	if (!current->change) {
		gw_intent_unlink(in, current);
		add_change(in, current, NULL);
		before = current;
	} else {
		struct gw_change *c = &in->changes[current->change - 1];

		before = own(c->before);
		if (before)
			c->after = NULL;
		else
			drop_change(in, current->change);
		retire_current(in, current);
	}
	if (before)
		gw_hmap_insert(&in->gone, &before->by_key, gw_hnv_key_hash(before));
	return 0;
}

struct gw_delta gw_intent_delta(const struct gw_intent *in)
{
	return (struct gw_delta){.changes = in->changes, .n = in->n_changes};
}

static void end_change(struct gw_intent *in)
{
	while (in->retired) {
		struct gw_hnv_object *o = in->retired;

		in->retired = gw_intent_of_key(o->by_key.next);
		gw_hnv_object_free(o);
	}
	gw_domains_settle(&in->domains);
	free(in->changes);
	in->changes = NULL;
	in->n_changes = in->room = 0;
	in->changing = false;
}

void gw_intent_commit(struct gw_intent *in)
{
	assert(in->changing);
	for (size_t i = 0; i < in->n_changes; i++) {
		struct gw_hnv_object *before = own(in->changes[i].before), *after = own(in->changes[i].after);

		if (after)
			after->change = 0;
		else
			gw_hmap_remove(&in->gone, &before->by_key);
		gw_hnv_object_free(before);
	}
	end_change(in);
}

void gw_intent_rollback(struct gw_intent *in)
{
	assert(in->changing);
	/* All of the new ones first: a VSID may have changed its routing domain. */
	for (size_t i = 0; i < in->n_changes; i++)
		if (in->changes[i].after)
			gw_intent_unlink(in, own(in->changes[i].after));
	for (size_t i = 0; i < in->n_changes; i++) {
		struct gw_hnv_object *before = own(in->changes[i].before), *after = own(in->changes[i].after);

		if (before) {
			if (!after)
				gw_hmap_remove(&in->gone, &before->by_key);
			before->change = 0;
			gw_intent_link(in, before);
		}
		gw_hnv_object_free(after);
	}
	end_change(in);
}
