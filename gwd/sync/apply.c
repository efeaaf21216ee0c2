/*
 * apply.c - carries out what is to be done, in slices between which the loop goes on with all else. Called by turn.c.
 *
 * A slice is one change, all or nothing: the node has it, in the store too, or nothing of it. It is about whole routing domains
 * (order.c), as many as there is time for; one that is told of with very much is in several. So what the controller has told at once
 * comes into force tenant by tenant, that of one tenant together; when gwd ends in between, the store has some slices and not the others,
 * which is a state like any other, and the controller, asked from the beginning, tells what is missing. The revision that is reported is
 * the one before until the last slice has been tried.
 *
 * When a slice is refused what is at fault is left out, and the rest is tried again; where nobody can say what it is that is too much
 * (a table that would overflow), halves are tried until that is known. What one tenant wants may be in the way of another's, who lets
 * go of it in a later slice: what was refused in one of several is tried once more behind all others before it counts as failed. What
 * failed stays to be done and goes behind the others, those too that the round did not come to, so that each gets its chance however many
 * they are.
 */
#include "sync/private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define FAULTS_MAX 256 /* that are looked for in one round */

/*
 * How much is in a slice: so that it takes about as long as this, as told by those before. To make a virtual gateway, or to change its
 * rules, takes that long by itself; one that goes leaves most of it to others.
 */
#define SLICE_NS    6000000u
#define SLICE_FIRST 256
#define SLICE_LEAST 64
#define SLICE_MOST  1024
#define GOES_WEIGHT 16

#define TOGETHER_MOST 256 /* of one routing domain, that are in one slice even so */

enum step { DROP_DONE, FIND_BEYOND, GATHER, CARRY_OUT };

struct gw_sync_round {
	const struct gw_service *service;
	const struct gw_hnv_object *configured;
	struct gw_sync_changes *todo;
	bool all;
	enum step step;
	/* What is tried; NULL: has been. [at, n) is left. */
	struct gw_sync_item **items;
	size_t n, at;
	struct gw_sync_item **late; /* refused in one of several slices */
	size_t n_late;
	bool in_slices;
	bool is_late;	/* it is these that are tried now */
	unsigned slice; /* weight of the next one */
	size_t split;	/* so many items only, as nobody can say what is at fault; 0: not so */
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

static int make_ops(const struct gw_sync_round *r, size_t from, size_t to, struct ops *ret)
{
	int res = 0;

	ret->ops = calloc(2 * (to - from), sizeof *ret->ops);
	ret->owner = calloc(2 * (to - from), sizeof *ret->owner);
	if (!ret->ops || !ret->owner)
		return -ENOMEM;
	for (size_t i = from; res == 0 && i < to; i++)
		if (r->items[i] && (r->items[i]->is_delete || goes_first(r->service->intent, r->items[i])))
			res = add_op(ret, r->items[i], i, true);
	for (size_t i = from; res == 0 && i < to; i++)
		if (r->items[i] && !r->items[i]->is_delete)
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
static int try(const struct gw_sync_round *r, size_t from, size_t to, size_t *ret_at, struct gw_error *err)
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

static void mark_failed(struct gw_sync_round *r, struct gw_sync_item *item, const struct gw_error *why)
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

static void carried_out(struct gw_sync_round *r, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (!r->items[i])
			continue;
		r->items[i] = gw_changes_drop(r->todo, r->items[i]);
		r->carried++;
	}
}

/* Nothing in it is at fault: a full disk, no memory. */
static bool is_hopeless(int res, const struct gw_error *why)
{
	return res == -ENOMEM || why->code == GW_ERR_UNAVAILABLE || why->code == GW_ERR_CAPABILITY;
}

/* What is left; where there are too many faults the next round begins with that. */
static void give_up(struct gw_sync_round *r)
{
	for (size_t i = r->at; i < r->n; i++)
		if (r->items[i] && r->hopeless)
			mark_failed(r, r->items[i], &r->why);
		else if (r->items[i] && !r->items[i]->failed)
			r->untried = true;
	for (size_t i = 0; r->hopeless && i < r->n_late; i++)
		mark_failed(r, r->late[i], &r->why);
	if (r->hopeless)
		r->n_late = 0;
	r->at = r->n;
}

/* Time tells how much the next one may have. */
static void fit(struct gw_sync_round *r, uint64_t took)
{
	if (took > SLICE_NS)
		r->slice = r->slice / 2 > SLICE_LEAST ? r->slice / 2 : SLICE_LEAST;
	else if (took < SLICE_NS / 4)
		r->slice = r->slice * 2 < SLICE_MOST ? r->slice * 2 : SLICE_MOST;
}

static unsigned weight_of(const struct gw_sync_item *item)
{
	if (item->object->kind < GW_HNV_VRF)
		return 1;
	return item->place == GW_SYNC_TENANT_GOES ? GOES_WEIGHT : SLICE_MOST;
}

/* Where what is next to `from`, and all that belongs to it, ends. */
static size_t add_together(const struct gw_sync_round *r, size_t from, unsigned *weight)
{
	size_t first = from, i;

	while (first < r->n && !r->items[first])
		first++;
	for (i = first; i < r->n && i - r->at < TOGETHER_MOST &&
			(!r->items[i] || gw_sync_is_together(r->items[first], r->items[i]));
	     i++)
		if (r->items[i])
			*weight += weight_of(r->items[i]);
	return i;
}

/* Where the next slice ends: behind a routing domain, unless that is very much by itself. */
static size_t end_of_slice(const struct gw_sync_round *r)
{
	unsigned weight = 0;
	size_t end;

	if (r->split)
		return r->split < r->n - r->at ? r->at + r->split : r->n;
	end = add_together(r, r->at, &weight);
	while (end < r->n && end - r->at < TOGETHER_MOST) {
		size_t next = add_together(r, end, &weight);

		if (weight > r->slice || (next < r->n && next - r->at == TOGETHER_MOST))
			break;
		end = next;
	}
	return end;
}

static void refused(struct gw_sync_round *r, size_t at)
{
	struct gw_sync_item *item = r->items[at];

	r->items[at] = NULL;
	r->faults++;
	if (r->in_slices && !r->is_late)
		r->late[r->n_late++] = item;
	else
		mark_failed(r, item, &r->why);
}

/* Tries a slice, or what has not been refused of it. */
static void try_slice(struct gw_sync_round *r)
{
	uint64_t since = uv_hrtime();
	size_t end = end_of_slice(r), at;
	int res = try(r, r->at, end, &at, &r->why);

	r->in_slices |= !r->split && end < r->n;
	r->hopeless = res < 0 && is_hopeless(res, &r->why);
	if (res == 0) {
		carried_out(r, r->at, end);
		fit(r, uv_hrtime() - since);
		r->at = end;
		r->split = r->split < TOGETHER_MOST / 2 ? 2 * r->split : 0;
	} else if (r->hopeless || r->faults >= FAULTS_MAX) {
		give_up(r);
	} else if (at == end && end - r->at > 1) {
		r->split = (end - r->at) / 2; /* nobody can say which */
	} else {
		refused(r, at < end ? at : r->at);
	}
}

/* Whether there is one. */
static bool next_slice(struct gw_sync_round *r)
{
	while (r->at < r->n && !r->items[r->at])
		r->at++;
	if (r->at == r->n && r->n_late) { /* all that was refused together: some may be in each other's way in a ring */
		memcpy(r->items, r->late, r->n_late * sizeof(struct gw_sync_item *));
		r->n = r->n_late;
		r->split = r->n;
		r->at = r->n_late = r->faults = 0;
		r->is_late = true;
	}
	return r->at < r->n;
}

/* --- what is left to be done -------------------------------------------------------------------------------------- */

/* The provider address of the configuration is as the configuration says. */
static void leave_configured(struct gw_sync_round *r, const struct gw_hnv_object *configured)
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

static void drop_done(struct gw_sync_round *r)
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

static bool is_tried(const struct gw_sync_item *item, const struct gw_hnv_object *configured)
{
	return !item->unreadable && !item->beyond && !(configured && gw_hnv_same_key(item->object, configured));
}

/* Its order stays, so that it is the same ones that stay out. */
static void refuse_beyond(struct gw_sync_round *r)
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

static int gather(struct gw_sync_round *r)
{
	size_t failed = 0, n = r->todo->items.n;

	r->items = calloc(n + 1, sizeof(struct gw_sync_item *));
	r->late = calloc(n + 1, sizeof(struct gw_sync_item *));
	if (!r->items || !r->late)
		return -ENOMEM;
	GW_HMAP_FOR_EACH (node, &r->todo->items) {
		struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);

		r->told += item->error != NULL;
		if (is_tried(item, r->configured)) {
			r->items[r->n++] = item;
			failed += item->failed;
		}
	}
	refuse_beyond(r);
	if (gw_sync_put_in_order(r->service->intent, r->items, r->n) < 0)
		return -ENOMEM;
	/* Trying thousands again with every change would take longer than the changes. */
	if (!r->all && failed > GW_SYNC_FAILURES)
		r->n -= failed - GW_SYNC_FAILURES;
	return 0;
}

/* When it begins and when it ends, however many changes meet it. */
static void say_hopeless(const struct gw_sync_round *r)
{
	if (r->hopeless && !r->todo->hopeless)
		gw_log_warning(
			"nothing that the controller wants can be carried out: %s%s%s; it is tried again and again",
			r->why.target, *r->why.target ? ": " : "", r->why.message);
	else if (!r->hopeless && r->todo->hopeless)
		gw_log_notice("what the controller wants can be carried out again");
	r->todo->hopeless = r->hopeless;
}

/* --- the round ---------------------------------------------------------------------------------------------------- */

struct gw_sync_round *gw_round_new(struct gw_sync_changes *todo, const struct gw_service *service,
				   const struct gw_hnv_object *configured, bool all)
{
	struct gw_sync_round *r = calloc(1, sizeof *r);

	if (r)
		*r = (struct gw_sync_round){
			.service = service, .configured = configured, .todo = todo, .all = all, .slice = SLICE_FIRST};
	return r;
}

/* Without memory it is not begun: all of it stays to be done. */
static void begin(struct gw_sync_round *r)
{
	if (gather(r) < 0) {
		gw_log_error("no memory to carry out what the controller wants, will try again");
		r->n = 0;
	}
	r->step = CARRY_OUT;
}

bool gw_round_go_on(struct gw_sync_round *r, uint64_t until)
{
	bool more = true;

	do {
		switch (r->step) {
		case DROP_DONE:
			drop_done(r);
			leave_configured(r, r->configured);
			r->step = FIND_BEYOND;
			break;
		case FIND_BEYOND:
			gw_sync_find_beyond(r->todo, r->service, r->configured);
			r->step = GATHER;
			break;
		case GATHER:
			begin(r);
			break;
		case CARRY_OUT:
			if (next_slice(r))
				try_slice(r);
			more = next_slice(r);
			break;
		}
	} while (more && uv_hrtime() < until);
	return more;
}

size_t gw_round_end(struct gw_sync_round *r, bool *ret_untried)
{
	size_t carried = r->carried;

	if (r->items)
		say_hopeless(r);
	*ret_untried = r->untried;
	gw_round_free(r);
	return carried;
}

struct gw_sync_round *gw_round_free(struct gw_sync_round *r)
{
	if (!r)
		return NULL;
	free(r->items);
	free(r->late);
	free(r);
	return NULL;
}
