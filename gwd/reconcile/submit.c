/*
 * submit.c - one change, all or nothing.
 *
 *   intent: put, delete, validate      refused: intent rolled back
 *   drivers: check                     refused: intent rolled back
 *   store: write                       failed:  store and intent rolled back
 *   drivers: apply                     failed:  the same, and what was applied is applied backwards
 *   store: commit                      failed:  the same
 *   intent: commit
 *
 * A crash in between leaves the store at the old or the new state, and the next start syncs the drivers to
 * it. Removals come first, from the last driver to the first (a port goes before the address it sends from),
 * then the rest from the first to the last.
 */
#include "reconcile/private.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A delta in order of application: [0, n_removals) are deletions, then everything else. */
struct plan {
	struct gw_change *changes;
	size_t n, n_removals;
};

static enum gw_hnv_kind kind_of(const struct gw_change *c)
{
	assert(c->before || c->after);
	return c->before ? c->before->kind : c->after->kind;
}

/* Counting sort: deletions by kind downwards, the rest by kind upwards; in one kind the order stays. */
static int plan_make(const struct gw_delta *delta, struct plan *ret)
{
	size_t at[2][GW_HNV_KIND_MAX] = {0}, next = 0, removals = 0;
	struct gw_change *changes = calloc(delta->n, sizeof *changes);

	if (!changes)
		return -ENOMEM;
	for (size_t i = 0; i < delta->n; i++) {
		bool removal = !delta->changes[i].after;

		at[removal][kind_of(&delta->changes[i])]++;
		removals += removal;
	}
	for (int removal = 1; removal >= 0; removal--)
		for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
			size_t *slot = &at[removal][removal ? GW_HNV_KIND_MAX - 1 - k : k], count = *slot;

			*slot = next;
			next += count;
		}
	for (size_t i = 0; i < delta->n; i++)
		changes[at[!delta->changes[i].after][kind_of(&delta->changes[i])]++] = delta->changes[i];
	*ret = (struct plan){.changes = changes, .n = delta->n, .n_removals = removals};
	return 0;
}

/*
 * The same change backwards: what was removed last comes back first. The objects that the change brought are
 * copied, since rolling the intent back frees them.
 */
static int plan_invert(const struct plan *plan, struct plan *ret)
{
	struct gw_change *changes = calloc(plan->n, sizeof *changes);

	if (!changes)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n; i++) {
		const struct gw_change *c = &plan->changes[i];
		struct gw_change *inverse = &changes[plan->n - 1 - i];

		inverse->after = c->before;
		if (c->after && !(inverse->before = gw_hnv_object_copy(c->after)))
			goto fail;
	}
	*ret = (struct plan){.changes = changes, .n = plan->n, .n_removals = plan->n_removals};
	return 0;
fail:
	for (size_t i = 0; i < plan->n; i++)
		gw_hnv_object_free((struct gw_hnv_object *)changes[i].before);
	free(changes);
	return -ENOMEM;
}

static void plan_invert_done(struct plan *inverse)
{
	for (size_t i = 0; i < inverse->n; i++)
		gw_hnv_object_free((struct gw_hnv_object *)inverse->changes[i].before);
	free(inverse->changes);
}

/* Step s of a plan is one apply of one driver: 0 .. drivers-1 the removals, drivers .. 2*drivers-1 the rest.
 */
static struct gw_slot *step_slot(struct gw_reconcile *r, size_t s)
{
	return s < r->n_open ? &r->slots[r->n_open - 1 - s] : &r->slots[s - r->n_open];
}

static int apply(struct gw_slot *slot, const struct gw_delta *delta, struct gw_error *err)
{
	uint64_t since = uv_hrtime();
	int res = slot->ops->apply(slot->driver, slot->owner->intent, delta, err);

	gw_reconcile_worked(slot->owner, "apply", slot->name, since);
	return res;
}

/* Its failure is its own objects' alone: what the others have done stands, and it is brought there by sync. */
static void apply_plugin(struct gw_slot *slot, const struct gw_delta *delta)
{
	struct gw_error err = GW_ERROR_INIT;

	if (apply(slot, delta, &err) < 0)
		gw_reconcile_plugin_failed(slot, &err);
}

static int apply_steps(struct gw_reconcile *r, const struct plan *plan, size_t *ret_begun, struct gw_error *err)
{
	struct gw_delta removals = {plan->changes, plan->n_removals};
	struct gw_delta rest = {plan->changes + plan->n_removals, plan->n - plan->n_removals};

	for (size_t s = 0; s < 2 * r->n_open; s++) {
		const struct gw_delta *delta = s < r->n_open ? &removals : &rest;
		struct gw_slot *slot = step_slot(r, s);
		int res;

		*ret_begun = s + 1;
		if (delta->n == 0 || !slot->driver)
			continue;
		if (slot->plugin) {
			apply_plugin(slot, delta);
			continue;
		}
		res = apply(slot, delta, err);
		if (res < 0) {
			gw_log_error("driver %s could not apply a change of %zu objects, undoing it: %s%s%s",
				     slot->name, plan->n, err->target, *err->target ? ": " : "", err->message);
			return res;
		}
	}
	return 0;
}

/* Takes back the first `begun` steps, the last of which may have
 * been done in part. The intent shows the old state again. */
static void undo_steps(struct gw_reconcile *r, const struct plan *inverse, size_t begun)
{
	/* Backwards, what had been added or replaced comes first, then what had been removed. */
	struct gw_delta rest = {inverse->changes, inverse->n - inverse->n_removals};
	struct gw_delta removals = {inverse->changes + rest.n, inverse->n_removals};

	for (size_t s = begun; s-- > 0;) {
		const struct gw_delta *delta = s < r->n_open ? &removals : &rest;
		struct gw_slot *slot = step_slot(r, s);
		struct gw_error err = GW_ERROR_INIT;

		if (delta->n == 0 || !slot->driver || apply(slot, delta, &err) == 0)
			continue;
		gw_log_error("driver %s could not undo a change, will be synced: %s%s%s", slot->name, err.target,
			     *err.target ? ": " : "", err.message);
		gw_reconcile_want(slot, "undoing a change failed");
	}
}

static int refuse_configured(const struct gw_reconcile *r, const struct gw_hnv_object *o, struct gw_error *err)
{
	char id[GW_ID_STRLEN];

	if (!r->configured || !gw_hnv_same_key(o, r->configured))
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.ProviderAddress",
			    "provider address %s comes from the configuration: change [underlay] interface and address "
			    "in the configuration file and restart gwd",
			    gw_hnv_id(o, id));
}

static int check_preconditions(const struct gw_reconcile *r, const struct gw_hnv_op *op, struct gw_error *err)
{
	const struct gw_hnv_object *now;
	char id[GW_ID_STRLEN];

	if (!op->has_if_match && !op->if_none_match)
		return 0;
	now = gw_intent_get(r->intent, op->object);
	if (op->if_none_match && now)
		return gw_error_set(err, EEXIST, GW_ERR_PRECONDITION_FAILED, "If-None-Match", "%s %s exists already",
				    gw_hnv_kind_name(op->object->kind), gw_hnv_id(op->object, id));
	if (op->has_if_match && !now)
		return gw_error_set(err, ENOENT, GW_ERR_PRECONDITION_FAILED, "If-Match", "%s %s does not exist",
				    gw_hnv_kind_name(op->object->kind), gw_hnv_id(op->object, id));
	if (op->has_if_match && now->revision != op->if_match)
		return gw_error_set(err, ESTALE, GW_ERR_PRECONDITION_FAILED, "If-Match",
				    "%s %s has been changed meanwhile: read it again, then decide",
				    gw_hnv_kind_name(op->object->kind), gw_hnv_id(op->object, id));
	return 0;
}

static int one_op(struct gw_reconcile *r, struct gw_hnv_op *op, struct gw_error *err)
{
	int res = refuse_configured(r, op->object, err);

	if (res == 0)
		res = check_preconditions(r, op, err);
	if (res < 0)
		return res;
	if (op->is_delete) /* what is not there need not be deleted */
		return gw_intent_get(r->intent, op->object) ? gw_intent_delete(r->intent, op->object, err) : 0;
	op->object->revision = gw_store_revision(r->store) + 1;
	res = gw_intent_put(r->intent, op->object, err);
	if (res == 0)
		op->object = NULL;
	return res;
}

static int change_intent(struct gw_reconcile *r, struct gw_hnv_op *ops, size_t n, size_t *ret_failed,
			 struct gw_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int res = one_op(r, &ops[i], err);

		if (res < 0) {
			*ret_failed = i;
			return res;
		}
	}
	return gw_intent_validate(r->intent, err);
}

/* Which op made this change? Objects that were put are the ones in the intent now. */
static size_t op_of(const struct gw_change *c, const struct gw_hnv_op *ops, const struct gw_hnv_object *const *put,
		    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (c->after ? put[i] == c->after : ops[i].is_delete && gw_hnv_same_key(ops[i].object, c->before))
			break;
	return i;
}

/* A driver refused the whole: if it refuses one change alone, that is the one at fault, and its error says more. */
static void find_fault(struct gw_slot *slot, const struct gw_intent *in, const struct plan *plan, size_t *ret_at,
		       struct gw_error *err)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct gw_delta one = {&plan->changes[i], 1};
		struct gw_error why = GW_ERROR_INIT;

		if (slot->ops->check(slot->driver, in, &one, &why) == 0)
			continue;
		*ret_at = i;
		*err = why;
		return;
	}
}

static int check_drivers(struct gw_reconcile *r, const struct plan *plan, size_t *ret_at, struct gw_error *err)
{
	struct gw_delta delta = {plan->changes, plan->n};

	*ret_at = plan->n;
	for (size_t i = 0; i < r->n_open; i++) {
		struct gw_slot *slot = &r->slots[i];
		int res = slot->driver && slot->ops->check ? slot->ops->check(slot->driver, r->intent, &delta, err) : 0;

		if (res < 0) {
			find_fault(slot, r->intent, plan, ret_at, err);
			return res;
		}
	}
	return 0;
}

static int write_store(struct gw_reconcile *r, const struct plan *plan, struct gw_error *err)
{
	uint64_t revision = 0;
	int res = gw_store_begin(r->store, &revision, err);

	for (size_t i = 0; res == 0 && i < plan->n; i++) {
		const struct gw_change *c = &plan->changes[i];

		res = c->after ? gw_store_put(r->store, c->after, err) : gw_store_delete(r->store, c->before, err);
	}
	if (res < 0)
		gw_store_rollback(r->store);
	return res;
}

/* The store holds the change uncommitted: bring it into the kernel and make it durable, or take everything back. */
static int apply_and_commit(struct gw_reconcile *r, const struct plan *plan, struct gw_error *err)
{
	struct plan inverse;
	size_t begun = 0;
	int res = apply_steps(r, plan, &begun, err);

	if (res == 0) {
		uint64_t since = uv_hrtime();

		res = gw_store_commit(r->store, err);
		gw_reconcile_worked(r, "store", "commit", since);
		if (res == 0) {
			gw_intent_commit(r->intent);
			return 0;
		}
		gw_log_error("cannot store a change of %zu objects, undoing it: %s: %s", plan->n, err->target,
			     err->message);
	}
	gw_store_rollback(r->store);
	if (plan_invert(plan, &inverse) < 0) {
		gw_intent_rollback(r->intent);
		gw_log_error("no memory to undo a change: the drivers will be synced");
		gw_reconcile_want_all(r, "no memory to undo a change");
		return res;
	}
	gw_intent_rollback(r->intent);
	undo_steps(r, &inverse, begun);
	plan_invert_done(&inverse);
	return res;
}

/* The intent shows the change: everybody else's turn. Ends the intent's transaction either way. */
static int carry_out(struct gw_reconcile *r, const struct gw_hnv_op *ops, const struct gw_hnv_object *const *put,
		     size_t n, size_t *ret_failed, struct gw_error *err)
{
	struct gw_delta delta = gw_intent_delta(r->intent);
	struct plan plan = {0};
	size_t at = 0;
	int res;

	if (delta.n == 0) {
		gw_intent_commit(r->intent);
		return 0;
	}
	res = plan_make(&delta, &plan) < 0 ? gw_error_oom(err) : check_drivers(r, &plan, &at, err);
	if (res < 0 && plan.n > 0 && at < plan.n)
		*ret_failed = op_of(&plan.changes[at], ops, put, n);
	if (res == 0)
		res = write_store(r, &plan, err);
	if (res < 0)
		gw_intent_rollback(r->intent);
	else
		res = apply_and_commit(r, &plan, err);
	free(plan.changes);
	return res;
}

int gw_reconcile_submit(void *ctx, struct gw_hnv_op *ops, size_t n, size_t *ret_failed, struct gw_error *err)
{
	struct gw_reconcile *r = ctx;
	_cleanup_free_ const struct gw_hnv_object **put = calloc(n ? n : 1, sizeof *put);
	int res;

	*ret_failed = n;
	if (!put)
		return gw_error_oom(err);
	for (size_t i = 0; i < n; i++)
		put[i] = ops[i].is_delete ? NULL : ops[i].object;
	gw_intent_begin(r->intent);
	res = change_intent(r, ops, n, ret_failed, err);
	if (res < 0) {
		gw_intent_rollback(r->intent);
		return res;
	}
	return carry_out(r, ops, put, n, ret_failed, err);
}
