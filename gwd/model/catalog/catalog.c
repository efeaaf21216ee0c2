/*
 * catalog.c - the tree and its transactions. See catalog.h.
 *
 * A resource keeps its place in memory while it exists; a PUT replaces its version. The steps of a transaction are remembered
 * and undone backwards, so that everything that points at a resource is right again without being searched for.
 */
#include "model/catalog/blocks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Text of a tenant may be absent on both sides. */
static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

void gw_resource_place(const struct gw_resource *r, struct gw_error *err)
{
	for (; r->listed; r = r->parent)
		gw_error_prefix(err, "properties.%s[%u].", gw_kind_info(r->kind)->collection, r->listed - 1);
}

const char *gw_resource_tenant(const struct gw_resource *r)
{
	while (r->parent)
		r = r->parent;
	return r->now.tenant;
}

bool gw_resource_is_told(const struct gw_catalog *c, const struct gw_resource *r)
{
	return !c->asker || same_text(c->asker, gw_resource_tenant(r));
}

const char *gw_told_name(const struct gw_catalog *c, const struct gw_resource *r)
{
	return gw_resource_is_told(c, r) ? r->id : "somebody else's";
}

int gw_catalog_each(const struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx)
{
	int e = 0;

	GW_HMAP_FOR_EACH (node, &c->paths) {
		e = visit(ctx, GW_CONTAINER_OF(node, struct gw_resource, by_path));
		if (e < 0)
			break;
	}
	return e;
}

size_t gw_catalog_count(const struct gw_catalog *c)
{
	return c->paths.n;
}

size_t gw_catalog_count_of(const struct gw_catalog *c, enum gw_kind kind)
{
	return c->counts[kind];
}

const struct gw_resource *gw_catalog_next(const struct gw_catalog *c, const struct gw_resource *parent,
					  enum gw_kind kind, const struct gw_resource *prev)
{
	const struct gw_resource *r = prev ? prev->next : parent ? parent->children : c->roots[kind];

	while (r && r->kind != kind)
		r = r->next;
	return r;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

void gw_version_done(enum gw_kind kind, struct gw_version *v)
{
	if (v->properties)
		gw_schema_done(gw_kind_info(kind)->schema, v->properties);
	free(v->properties);
	free(v->tenant);
	free(v->trouble);
	json_decref(v->metadata);
	json_decref(v->tags);
	gw_references_free(v);
	free(v->keys);
	*v = (struct gw_version){0};
}

static void resource_free(struct gw_resource *r)
{
	gw_version_done(r->kind, &r->now);
	gw_pools_free(r->offers);
	free(r->id);
	free(r);
}

/*
 * Into the tree before `r->next`, or behind its last sibling, with everything that its version brings but its references. The
 * first sibling's `prev` is the last one.
 */
static void plant(struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_resource **first = r->parent ? &r->parent->children : &c->roots[r->kind];

	if (!*first) {
		r->prev = r;
		*first = r;
	} else if (!r->next) {
		r->prev = (*first)->prev;
		r->prev->next = r;
		(*first)->prev = r;
	} else {
		r->prev = r->next->prev;
		r->next->prev = r;
		if (*first == r->next)
			*first = r;
		else
			r->prev->next = r;
	}
	gw_hmap_insert(&c->paths, &r->by_path, gw_path_hash(r->parent, r->kind, r->id));
	c->counts[r->kind]++;
	if (r->parent)
		r->parent->n_children++;
	if (r->kind == GW_KIND_ROUTE)
		gw_uses_count_route(r, 1);
	gw_tenants_add(c, r);
	gw_keys_insert(c, &r->now);
}

/* Leaves `r->next`, so that it can be planted where it was when everything since has been undone. */
static void uproot(struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_resource **first = r->parent ? &r->parent->children : &c->roots[r->kind];

	if (r->next)
		r->next->prev = r->prev;
	else if (*first != r)
		(*first)->prev = r->prev;
	if (*first == r)
		*first = r->next;
	else
		r->prev->next = r->next;
	gw_hmap_remove(&c->paths, &r->by_path);
	c->counts[r->kind]--;
	if (r->parent)
		r->parent->n_children--;
	if (r->kind == GW_KIND_ROUTE)
		gw_uses_count_route(r, -1);
	gw_tenants_remove(c, r);
	gw_keys_remove(c, &r->now);
}

int gw_catalog_new(const struct gw_catalog_params *params, struct gw_catalog **ret)
{
	struct gw_catalog *c = calloc(1, sizeof *c);

	if (!c || gw_hmap_init(&c->paths) < 0 || gw_keys_init(c) < 0 || gw_hmap_init(&c->tenants) < 0 ||
	    gw_hmap_init(&c->uses) < 0) {
		gw_catalog_free(c);
		return -ENOMEM;
	}
	c->params = *params;
	*ret = c;
	return 0;
}

void gw_catalog_set_limits(struct gw_catalog *c, const struct gw_catalog_limits *limits)
{
	c->params.limits = *limits;
}

struct gw_catalog *gw_catalog_free(struct gw_catalog *c)
{
	if (!c)
		return NULL;
	gw_catalog_rollback(c);
	GW_HMAP_FOR_EACH_SAFE (node, after, &c->paths)
		resource_free(GW_CONTAINER_OF(node, struct gw_resource, by_path));
	gw_hmap_done(&c->paths);
	gw_hmap_done(&c->keys);
	gw_hmap_done(&c->uses);
	gw_tenants_free(c);
	gw_pools_free(c->publics);
	free(c->troubled);
	free(c->steps);
	free(c);
	return NULL;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

/* Room for one more: what is done afterwards can always be undone. */
static int reserve(struct gw_catalog *c, struct gw_error *err)
{
	size_t room = c->room ? 2 * c->room : 64;
	struct gw_step *larger;

	if (c->n_steps < c->room)
		return 0;
	larger = realloc(c->steps, room * sizeof *larger);
	if (!larger)
		return gw_error_oom(err);
	c->steps = larger;
	c->room = room;
	return 0;
}

const struct gw_step *gw_first_step(const struct gw_catalog *c, const struct gw_resource *r)
{
	size_t i = r->step;

	return i >= c->begun && i < c->n_steps && c->steps[i].r == r ? &c->steps[i] : NULL;
}

static void step(struct gw_catalog *c, enum gw_step_type type, struct gw_resource *r)
{
	if (!gw_first_step(c, r))
		r->step = c->n_steps;
	c->steps[c->n_steps++] = (struct gw_step){.type = type, .r = r};
}

static void take_version(const struct gw_catalog *c, struct gw_resource *r, struct gw_draft *draft, uint64_t serial)
{
	r->now = draft->version;
	draft->version = (struct gw_version){0};
	r->now.revision = c->revision;
	r->now.updated = c->now;
	r->now.serial = serial;
}

/* Values that are the operator's to choose, or gwd's; what is there may be said again. */
static int refuse_operators(const struct gw_catalog *c, const struct gw_draft *draft, const void *before,
			    struct gw_error *err)
{
	const struct gw_property *row = c->asker ? gw_schema_operators_change(gw_kind_info(draft->kind)->schema, before,
									      draft->version.properties)
						 : NULL;

	if (!row)
		return 0;
	gw_error_set(err, EACCES, GW_ERR_FORBIDDEN, row->name, "is not for tenants to choose: leave it out");
	gw_error_prefix(err, "properties.");
	return -EACCES;
}

static int make(struct gw_catalog *c, struct gw_resource *parent, struct gw_draft *draft, struct gw_resource **ret,
		struct gw_error *err)
{
	struct gw_resource *r;
	int e = reserve(c, err);

	if (e == 0)
		e = refuse_operators(c, draft, NULL, err);
	if (e == 0)
		e = gw_tenants_reserve(c, parent ? gw_resource_tenant(parent) : draft->version.tenant, err);
	if (e < 0)
		return e;
	r = calloc(1, sizeof *r);
	if (!r || gw_uuid_random(&r->instance) < 0) {
		free(r);
		return gw_error_oom(err);
	}
	r->kind = draft->kind;
	r->parent = parent;
	r->id = draft->id;
	draft->id = NULL;
	take_version(c, r, draft, 1);
	plant(c, r);
	step(c, GW_STEP_MADE, r);
	*ret = r;
	return 0;
}

static bool same_version(enum gw_kind kind, const struct gw_version *a, const struct gw_version *b)
{
	const struct gw_schema *schema = gw_kind_info(kind)->schema;
	json_t *x = gw_schema_encode(schema, a->properties, true), *y = gw_schema_encode(schema, b->properties, true);
	bool same = x && y && json_equal(x, y) && same_text(a->tenant, b->tenant) &&
		    (a->metadata == b->metadata || json_equal(a->metadata, b->metadata)) &&
		    (a->tags == b->tags || json_equal(a->tags, b->tags));

	json_decref(x);
	json_decref(y);
	return same;
}

struct spelling {
	const struct gw_catalog *c;
	const struct gw_resource *from;
	struct gw_error *err;
};

/* A reference in another letter case is the same; one that leads nowhere is for settling to refuse. */
static int spell(void *ctx, const struct gw_property *row, char **ref, const char *where)
{
	const struct spelling *s = ctx;
	const struct gw_resource *to = gw_reference_by(s->c, s->from, row, *ref);
	char *path = to ? gw_resource_ref(to, s->from) : NULL;

	(void)where;
	if (!to)
		return 0;
	if (!path)
		return gw_error_oom(s->err);
	free(*ref);
	*ref = path;
	return 0;
}

/* A PUT that changes nothing leaves the resource, with its etag, as it is. */
static int replace(struct gw_catalog *c, struct gw_resource *r, struct gw_draft *draft, struct gw_error *err)
{
	const struct gw_schema *schema = gw_kind_info(r->kind)->schema;
	const struct gw_schema_carrier carrier = {
		.by_tenant = c->asker, .same_secret = c->params.same_secret, .ctx = c->params.ctx};
	struct spelling s = {c, r, err};
	bool wants_no_secret = gw_assign_wants_no_secret(r->kind, &draft->version);
	int e = reserve(c, err);

	if (e == 0)
		e = refuse_operators(c, draft, r->now.properties, err);
	if (e == 0)
		e = gw_schema_each_ref(schema, draft->version.properties, spell, &s);
	if (e == 0)
		e = gw_schema_carry(schema, r->now.properties, draft->version.properties, &carrier, err);
	if (e < 0)
		return e;
	if (wants_no_secret)
		gw_assign_forget_secret(r->kind, &draft->version);
	gw_assign_carried(r->kind, &r->now, &draft->version);
	if (same_version(r->kind, &r->now, &draft->version) && !gw_assign_is_owed(r))
		return 0;
	gw_references_unlink(&r->now);
	gw_keys_remove(c, &r->now);
	step(c, GW_STEP_REPLACED, r);
	c->steps[c->n_steps - 1].before = r->now;
	take_version(c, r, draft, r->now.serial < c->params.serial_floor ? c->params.serial_floor : r->now.serial + 1);
	gw_tenants_recount(c, r, &c->steps[c->n_steps - 1].before);
	return 0;
}

static int put_children(struct gw_catalog *c, struct gw_resource *r, struct gw_draft *draft, struct gw_error *err);

int gw_catalog_put(struct gw_catalog *c, struct gw_resource *parent, struct gw_draft *draft, struct gw_resource **ret,
		   struct gw_error *err)
{
	struct gw_resource *r = parent ? gw_catalog_child(c, parent, draft->kind, draft->id)
				       : gw_catalog_root(c, draft->version.tenant, draft->kind, draft->id);
	int e;

	if (draft->ref) {
		if (!r || gw_catalog_find(c, gw_resource_tenant(r), draft->ref) != r)
			return gw_error_set(err, ENOENT, GW_ERR_INVALID_PROPERTY, "resourceRef",
					    "there is no such resource here: \"%s\"", draft->ref);
		*ret = r;
		return 0;
	}
	e = draft->says ? gw_draft_check_place(draft, parent, err) : 0;
	if (e == 0)
		e = r ? replace(c, r, draft, err) : make(c, parent, draft, &r, err);
	if (e == 0) {
		r->listed = 0;
		e = put_children(c, r, draft, err);
	}
	if (e == 0)
		*ret = r;
	return e;
}

/* Those of the lists that were given; who is in none of them any more goes. */
static int put_children(struct gw_catalog *c, struct gw_resource *r, struct gw_draft *draft, struct gw_error *err)
{
	size_t index[GW_KIND_MAX] = {0};
	struct gw_resource *next;

	for (struct gw_resource *child = r->children; child; child = child->next)
		child->listed = 0;
	for (struct gw_draft *d = draft->children; d; d = d->next) {
		struct gw_resource *child = gw_catalog_child(c, r, d->kind, d->id);
		bool twice = child && child->listed;
		int e;

		if (d->ref && !child) {
			e = gw_expected_add(c, r, d, index[d->kind]++, err);
			if (e < 0)
				return e;
			continue;
		}
		e = gw_catalog_put(c, r, d, &child, err);
		if (e == 0 && twice)
			e = gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "resourceId", "it is twice in the list");
		if (e < 0) {
			gw_error_prefix(err, "properties.%s[%zu].", gw_kind_info(d->kind)->collection, index[d->kind]);
			return e;
		}
		assert(child);
		child->listed = ++index[d->kind];
	}
	for (struct gw_resource *child = r->children; child; child = next) {
		next = child->next;
		if (draft->lists & UINT64_C(1) << child->kind && !child->listed) {
			int e = gw_catalog_delete(c, child, err);

			if (e < 0)
				return e;
		}
	}
	return 0;
}

/*
 * Who still refers to it is found when the transaction settles. What it was part of is looked at then as well: where that stood
 * in the body of some earlier request is no place in this one.
 */
int gw_catalog_delete(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e = 0;

	for (struct gw_resource *part = r->parent; part; part = part->parent)
		part->listed = 0;

	while (e == 0 && r->children)
		e = gw_catalog_delete(c, r->children->prev, err);
	if (e == 0)
		e = reserve(c, err);
	if (e < 0)
		return e;
	gw_references_unlink(&r->now);
	uproot(c, r);
	step(c, GW_STEP_GONE, r);
	r->gone = true;
	gw_tenants_hold(c, r, 1);
	return 0;
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

void gw_catalog_begin(struct gw_catalog *c, uint64_t revision, int64_t now, const char *asker)
{
	c->asker = asker;
	c->revision = revision;
	c->now = now;
	c->begun = c->n_steps;
	c->begins++;
	gw_expected_clear(c);
}

static int refuse_in_use(struct gw_catalog *c, struct gw_error *err)
{
	for (size_t i = c->begun; i < c->n_steps; i++) {
		const struct gw_resource *r = c->steps[i].r;
		char *what, *who;
		int e;

		if (!r->gone || !r->referrers)
			continue;
		c->fault = r;
		what = gw_resource_path(r);
		who = gw_resource_is_told(c, r->referrers->from) ? gw_resource_path(r->referrers->from) : NULL;
		e = gw_error_set(err, EBUSY, GW_ERR_CONFLICT, what, "it is in use: %s refers to it",
				 who ? who : "a resource of the operator's");
		free(what);
		free(who);
		return e;
	}
	return 0;
}

/* A body's lists are bounded, but children come one by one too; each is held against the others. */
static int check_siblings_count(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_kind_info *info = gw_kind_info(r->kind);
	const struct gw_property *row =
		r->parent ? gw_schema_find(gw_kind_info(r->parent->kind)->schema, info->collection) : NULL;
	uint32_t max = row ? gw_property_list_max(row) : 0;
	const struct gw_resource *sibling = NULL;
	size_t n = 0;

	if (!row || r->parent->n_children <= max)
		return 0;
	while (n <= max && (sibling = gw_catalog_next(c, r->parent, r->kind, sibling)))
		n++;
	if (n <= max)
		return 0;
	gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "", "%s \"%s\" has more than %u %s: one too many is this",
		     gw_kind_info(r->parent->kind)->name, r->parent->id, max, info->collection);
	return -ENOSPC;
}

int gw_catalog_settle(struct gw_catalog *c, struct gw_error *err)
{
	int e;

	c->fault = NULL;
	c->siblings = (struct gw_siblings){0};
	c->settling++;
	e = gw_tenants_check(c, err);
	if (e == 0)
		e = gw_expected_check(c, err);
	if (e == 0)
		e = gw_touched_each(c, check_siblings_count, err);
	if (e == 0)
		e = gw_touched_each(c, gw_references_resolve, err);
	if (e == 0)
		e = refuse_in_use(c, err);
	if (e == 0)
		e = gw_touched_each(c, gw_uses_check, err);
	if (e == 0)
		e = gw_touched_each(c, gw_keys_make, err);
	if (e == 0)
		e = gw_touched_each(c, gw_assign, err);
	if (e == 0)
		e = gw_tenants_check_keys(c, err);
	if (e == 0)
		e = gw_touched_each(c, gw_keys_check, err);
	if (e == 0)
		e = gw_touched_each_up(c, gw_check, err);
	return e == 0 ? gw_check_pools(c, err) : e;
}

int gw_catalog_settle_loaded(struct gw_catalog *c, void (*warn)(void *ctx, const struct gw_resource *r), void *ctx,
			     struct gw_error *err)
{
	int e;

	c->fault = NULL;
	c->siblings = (struct gw_siblings){0};
	c->settling++;
	c->loading = true;
	e = gw_touched_each(c, gw_references_resolve, err);
	if (e == 0)
		e = gw_touched_each(c, gw_keys_make, err);
	if (e == 0)
		e = gw_trouble_note(c, err);
	c->loading = false;
	for (size_t i = 0; e == 0 && i < c->n_troubled; i++)
		warn(ctx, c->troubled[i]);
	return e;
}

const struct gw_resource *gw_catalog_fault(const struct gw_catalog *c)
{
	return c->fault;
}

int gw_catalog_changes(const struct gw_catalog *c, int (*put)(void *ctx, const struct gw_resource *r),
		       int (*gone)(void *ctx, const struct gw_resource *r), void *ctx)
{
	int e = 0;

	for (size_t i = c->begun; e == 0 && i < c->n_steps; i++) {
		const struct gw_step *s = &c->steps[i];

		/* One that was made and is gone again was never there. */
		if (s->type == GW_STEP_GONE)
			e = gone(ctx, s->r);
		else if (!s->r->gone)
			e = put(ctx, s->r);
	}
	return e;
}

int gw_catalog_touched(const struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx)
{
	int e = 0;

	for (size_t i = 0; e >= 0 && i < c->n_steps; i++)
		e = visit(ctx, c->steps[i].r);
	return e < 0 ? e : 0;
}

int gw_catalog_touched_roots(struct gw_catalog *c, int (*visit)(void *ctx, const struct gw_resource *r), void *ctx)
{
	uint64_t walk = ++c->walks;
	int e = 0;

	for (size_t i = 0; e >= 0 && i < c->n_steps; i++) {
		struct gw_resource *r = c->steps[i].r;

		while (r->parent)
			r = r->parent;
		if (r->walked != walk)
			e = visit(ctx, r);
		r->walked = walk;
	}
	return e < 0 ? e : 0;
}

bool gw_catalog_changed(const struct gw_catalog *c)
{
	return c->n_steps > c->begun;
}

void gw_catalog_commit(struct gw_catalog *c)
{
	gw_expected_clear(c);
	gw_trouble_forget(c);
	for (size_t i = 0; i < c->n_steps; i++) {
		struct gw_step *s = &c->steps[i];

		if (s->type == GW_STEP_REPLACED)
			gw_version_done(s->r->kind, &s->before);
	}
	for (size_t i = 0; i < c->n_steps; i++)
		if (c->steps[i].type == GW_STEP_GONE) {
			gw_tenants_hold(c, c->steps[i].r, -1);
			gw_tenants_forget(c, c->steps[i].r);
			resource_free(c->steps[i].r);
		}
	c->n_steps = c->begun = 0;
	gw_trouble_look_again(c);
}

static void undo(struct gw_catalog *c, struct gw_step *s)
{
	struct gw_resource *r = s->r;
	struct gw_version dropped;

	switch (s->type) {
	case GW_STEP_GONE:
		r->gone = false;
		gw_tenants_hold(c, r, -1);
		plant(c, r);
		break;
	case GW_STEP_MADE:
		uproot(c, r);
		r->gone = true;
		break;
	case GW_STEP_REPLACED:
		gw_keys_remove(c, &r->now);
		dropped = r->now;
		r->now = s->before;
		gw_tenants_recount(c, r, &dropped);
		gw_version_done(r->kind, &dropped);
		gw_keys_insert(c, &r->now);
		break;
	}
	r->unlinked = true;
}

/*
 * Backwards, until `n` steps are left. What goes may refer to what was made after it, and goes before it: references are taken
 * out first, and put back when all that is left is in its place.
 */
static void undo_to(struct gw_catalog *c, size_t n)
{
	size_t end = c->n_steps;

	for (size_t i = n; i < end; i++) {
		struct gw_resource *r = c->steps[i].r;

		if (!r->gone && !r->unlinked)
			gw_references_unlink(&r->now);
		r->unlinked = true;
	}
	while (c->n_steps > n)
		undo(c, &c->steps[--c->n_steps]);
	for (size_t i = n; i < end; i++) {
		struct gw_resource *r = c->steps[i].r;

		if (!r->gone && r->unlinked)
			gw_references_link(&r->now);
		r->unlinked = false;
	}
	for (size_t i = n; i < end; i++)
		if (!c->steps[i].r->gone && c->steps[i].r->kind == GW_KIND_FRONTEND)
			gw_keys_follow(c, c->steps[i].r);
	for (size_t i = n; i < end; i++)
		if (c->steps[i].type == GW_STEP_MADE) {
			if (c->steps[i].r->now.trouble) /* it was loaded, with all that is troubled */
				c->n_troubled = 0;
			gw_tenants_forget(c, c->steps[i].r);
			resource_free(c->steps[i].r);
		}
}

void gw_catalog_undo(struct gw_catalog *c)
{
	gw_expected_clear(c);
	undo_to(c, c->begun);
}

void gw_catalog_rollback(struct gw_catalog *c)
{
	gw_expected_clear(c);
	undo_to(c, 0);
	c->begun = 0;
}
