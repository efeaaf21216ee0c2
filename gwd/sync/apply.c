/*
 * apply.c - carries out what is to be done. Called by turn.c.
 *
 * All in one, so that what belongs together happens together. When that is refused, in pieces: what is refused for what it says is
 * left out, and where nobody can say what it is that is too much (a table that would overflow), halves are tried until that is known.
 * What failed stays to be done and goes behind the others, those too that the round did not come to, so that each gets its chance
 * however many they are.
 */
#include "sync/private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE	   1024 /* when all in one was refused: so much is tried again and again */
#define FAULTS_MAX 256	/* that are looked for in one round */

struct round {
	const struct gw_service *service;
	struct gw_sync_changes *todo;
	struct gw_sync_item **items;
	size_t n;
	size_t faults, carried;
	size_t told; /* of those to be done, that have an error to tell */
	bool hopeless;
	bool untried;	     /* something is new, and there were too many faults before it */
	struct gw_error why; /* of the last try */
};

/* --- trying ------------------------------------------------------------------------------------------------------- */

/*
 * No two ports may have one address, and no two virtual gateways one subnet, not even while two of them change it: the old one goes
 * before any of the new ones comes.
 */
static bool goes_first(const struct gw_intent *intent, const struct gw_sync_item *item)
{
	const struct gw_hnv_object *now = item->is_delete ? NULL : gw_intent_get(intent, item->object);

	return now && (now->kind == GW_HNV_PORT || now->kind == GW_HNV_VRF);
}

struct ops {
	struct gw_hnv_op *ops;
	size_t *owner; /* which item each is of */
	size_t n;
};

static int add_op(struct ops *o, const struct gw_sync_item *item, size_t owner, bool is_delete)
{
	struct gw_hnv_object *copy =
		gw_hnv_object_copy(item->object); /* submit takes it over even when it refuses a later one */

	if (!copy)
		return -ENOMEM;
	o->owner[o->n] = owner;
	o->ops[o->n++] = (struct gw_hnv_op){.object = copy, .is_delete = is_delete};
	return 0;
}

static int make_ops(const struct round *r, size_t from, size_t to, struct ops *ret)
{
	int res = 0;

	ret->ops = calloc(2 * (to - from), sizeof *ret->ops);
	ret->owner = calloc(2 * (to - from), sizeof *ret->owner);
	if (!ret->ops || !ret->owner)
		return -ENOMEM;
	for (size_t i = from; res == 0 && i < to; i++)
		if (r->items[i]->is_delete || goes_first(r->service->intent, r->items[i]))
			res = add_op(ret, r->items[i], i, true);
	for (size_t i = from; res == 0 && i < to; i++)
		if (!r->items[i]->is_delete)
			res = add_op(ret, r->items[i], i, false);
	return res;
}

static void ops_done(struct ops *o)
{
	for (size_t i = 0; i < o->n; i++)
		gw_hnv_object_free(o->ops[i].object);
	free(o->ops);
	free(o->owner);
}

/* *ret_at is the item at fault, `to` when it is none in particular. */
static int try(const struct round *r, size_t from, size_t to, size_t *ret_at, struct gw_error *err)
{
	struct ops ops = {0};
	size_t failed = 0;
	int res = make_ops(r, from, to, &ops);

	*ret_at = to;
	if (res < 0) {
		res = gw_error_oom(err);
	} else {
		res = r->service->submit(r->service->ctx, ops.ops, ops.n, &failed, err);
		if (res < 0 && failed < ops.n)
			*ret_at = ops.owner[failed];
	}
	ops_done(&ops);
	return res;
}

/* --- one round ---------------------------------------------------------------------------------------------------- */

static void mark_failed(struct round *r, struct gw_sync_item *item, const struct gw_error *why)
{
	bool known = item->error && !strcmp(item->error->message, why->message);
	char id[GW_ID_STRLEN];

	item->failed = true;
	item->order = ++r->todo->order;
	if (!item->error && r->told < GW_SYNC_FAILURES && (item->error = malloc(sizeof *item->error)))
		r->told++;
	if (!item->error)
		return;
	*item->error = *why;
	if (!known && !r->hopeless)
		gw_log_warning("what the controller wants cannot be: /hnv/%s/%s: %s%s%s",
			       gw_hnv_kind_path(item->object->kind), gw_hnv_id(item->object, id), why->target,
			       *why->target ? ": " : "", why->message);
}

static void carried_out(struct round *r, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		r->items[i] = gw_changes_drop(r->todo, r->items[i]);
	r->carried += to - from;
}

/* Nothing in it is at fault: a full disk, no memory. */
static bool is_hopeless(int res, const struct gw_error *why)
{
	return res == -ENOMEM || why->code == GW_ERR_UNAVAILABLE || why->code == GW_ERR_CAPABILITY;
}

/* Where there are too many faults the next round begins with what this one has not come to. */
static void give_up(struct round *r, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (r->hopeless)
			mark_failed(r, r->items[i], &r->why);
		else if (!r->items[i]->failed)
			r->untried = true;
}

static bool is_accepted(struct round *r, size_t from, size_t to, size_t *ret_at)
{
	int res = try(r, from, to, ret_at, &r->why);

	if (res == 0)
		carried_out(r, from, to);
	r->hopeless = res < 0 && is_hopeless(res, &r->why);
	return res == 0;
}

/* Items [from, to) as far as they are accepted. */
static void carry_out(struct round *r, size_t from, size_t to)
{
	while (from < to) {
		size_t at = to;

		if (!r->hopeless && is_accepted(r, from, to, &at))
			return;
		if (r->hopeless || r->faults >= FAULTS_MAX) {
			give_up(r, from, to);
			return;
		}
		if (at == to && to - from > 1) { /* nobody can say which */
			at = from + (to - from) / 2;
			carry_out(r, from, at);
			from = at;
			continue;
		}
		at = at < to ? at : from;
		r->faults++;
		mark_failed(r, r->items[at], &r->why);
		carry_out(r, from, at);
		from = at + 1;
	}
}

static void carry_out_all(struct round *r)
{
	size_t at;

	if (r->n > PIECE && is_accepted(r, 0, r->n, &at))
		return;
	for (size_t from = 0; from < r->n; from += PIECE)
		carry_out(r, from, from + PIECE < r->n ? from + PIECE : r->n);
}

/* --- what is left to be done -------------------------------------------------------------------------------------- */

/* The provider address of the configuration is as the configuration says. */
static void leave_configured(struct round *r, const struct gw_hnv_object *configured)
{
	struct gw_sync_item *item = configured ? gw_changes_find(r->todo, configured) : NULL;
	struct gw_error why = GW_ERROR_INIT;
	char id[GW_ID_STRLEN];

	if (!item || item->unreadable)
		return;
	if (item->is_delete || gw_hnv_same_content(item->object, configured)) {
		gw_changes_drop(r->todo, item);
		return;
	}
	gw_error_set(
		&why, EEXIST, GW_ERR_CONFLICT, "",
		"provider address %s comes from the configuration of the node, which says otherwise: change [underlay] "
		"interface and address there, or what the controller says",
		gw_hnv_id(configured, id));
	mark_failed(r, item, &why);
}

static void drop_done(struct round *r)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &r->todo->items) {
		struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);
		const struct gw_hnv_object *now = gw_intent_get(r->service->intent, item->object);

		if (item->unreadable)
			continue;
		if (item->is_delete ? !now : now && gw_hnv_same_content(now, item->object))
			gw_changes_drop(r->todo, item);
	}
}

/* What is new: deletions, then kind by kind in the order of application; then what failed, the last to fail as the last. */
static int compare(const void *a, const void *b)
{
	const struct gw_sync_item *x = *(struct gw_sync_item *const *)a, *y = *(struct gw_sync_item *const *)b;

	if (x->failed != y->failed)
		return x->failed ? 1 : -1;
	if (!x->failed && x->is_delete != y->is_delete)
		return x->is_delete ? -1 : 1;
	if (!x->failed && x->object->kind != y->object->kind)
		return x->object->kind < y->object->kind ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool is_tried(const struct gw_sync_item *item, const struct gw_hnv_object *configured)
{
	return !item->unreadable && !item->beyond && !(configured && gw_hnv_same_key(item->object, configured));
}

/* Its order stays, so that it is the same ones that stay out. */
static void refuse_beyond(struct round *r)
{
	GW_HMAP_FOR_EACH (node, &r->todo->items) {
		struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);
		struct gw_error why = GW_ERROR_INIT;
		uint64_t order = item->order;

		if (!item->beyond)
			continue;
		gw_sync_say_beyond(item, r->service, &why);
		mark_failed(r, item, &why);
		item->order = order;
	}
}

static int gather(struct round *r, const struct gw_hnv_object *configured, bool all)
{
	size_t failed = 0;

	r->items = calloc(r->todo->items.n + 1, sizeof(struct gw_sync_item *));
	if (!r->items)
		return -ENOMEM;
	GW_HMAP_FOR_EACH (node, &r->todo->items) {
		struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);

		r->told += item->error != NULL;
		if (is_tried(item, configured)) {
			r->items[r->n++] = item;
			failed += item->failed;
		}
	}
	refuse_beyond(r);
	qsort(r->items, r->n, sizeof(struct gw_sync_item *), compare);
	/* Trying thousands again with every change would take longer than the changes. */
	if (!all && failed > GW_SYNC_FAILURES)
		r->n -= failed - GW_SYNC_FAILURES;
	return 0;
}

/* When it begins and when it ends, however many changes meet it. */
static void say_hopeless(const struct round *r)
{
	if (r->hopeless && !r->todo->hopeless)
		gw_log_warning(
			"nothing that the controller wants can be carried out: %s%s%s; it is tried again and again",
			r->why.target, *r->why.target ? ": " : "", r->why.message);
	else if (!r->hopeless && r->todo->hopeless)
		gw_log_notice("what the controller wants can be carried out again");
	r->todo->hopeless = r->hopeless;
}

size_t gw_changes_apply(struct gw_sync_changes *todo, const struct gw_service *service,
			const struct gw_hnv_object *configured, bool all, bool *ret_untried)
{
	struct round r = {.service = service, .todo = todo};

	drop_done(&r);
	leave_configured(&r, configured);
	gw_sync_find_beyond(todo, service, configured);
	if (gather(&r, configured, all) < 0)
		gw_log_error("no memory to carry out what the controller wants, will try again");
	else {
		carry_out_all(&r);
		say_hopeless(&r);
	}
	free(r.items);
	*ret_untried = r.untried;
	return r.carried;
}
