/*
 * plan_fixture.h - a catalogue with a plan that follows it, and a node as the other side sees it: what it was told, by key. Shared
 * by the tests of the planner.
 */
#ifndef TESTS_UNIT_PLAN_FIXTURE_H
#define TESTS_UNIT_PLAN_FIXTURE_H

#include "test.h"

#include "model/intent.h"
#include "plan/plan.h"

#include <errno.h>

#define ROUTER_MAC ((struct gw_mac){{2, 0x67, 0x77, 0x64, 0, 1}})

struct world {
	struct gw_catalog *c;
	struct gw_plan *p;
	uint64_t revision;
	unsigned made; /* resources, so far */
	unsigned remembered;
};

static inline struct gw_plan *plan_new(unsigned remembered)
{
	struct gw_plan *p = NULL;

	assert_int_equal(
		gw_plan_new(
			&(struct gw_plan_params){.router_mac = ROUTER_MAC, .remembered = remembered, .gateways = true},
			&p),
		0);
	return p;
}

static inline void world_init(struct world *w, unsigned remembered)
{
	const struct gw_catalog_params params = {
		.router_mac = ROUTER_MAC,
		.vsid_first = GW_VSID_MIN,
		.vsid_last = GW_VSID_MAX,
		.limits = {1000000, 1000000, SIZE_MAX, 1000000, 1000000, 1000000, 1000000, 1000000}};

	*w = (struct world){.remembered = remembered};
	assert_int_equal(gw_catalog_new(&params, &w->c), 0);
	w->p = plan_new(remembered);
	assert_int_equal(gw_plan_update(w->p, w->c, ++w->revision), 0);
}

static inline void world_done(struct world *w)
{
	gw_plan_free(w->p);
	gw_catalog_free(w->c);
}

/* JSON in which ' stands for ". */
static inline json_t *json_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *j;

	for (char *q = copy; (q = strchr(q, '\''));)
		*q = '"';
	j = json_loads(copy, JSON_REJECT_DUPLICATES, &error);
	check(j, "%s: %s", copy, error.text);
	free(copy);
	return j;
}

static inline void world_begin(struct world *w)
{
	gw_catalog_begin(w->c, w->revision + 1, 1, NULL);
}

/* One of a path's parents, and what is below it. */
static inline struct gw_resource *world_split(struct world *w, const char *tenant, const char *path,
					      enum gw_kind *ret_kind, const char **ret_id)
{
	static char text[GW_REF_MAX];
	struct gw_resource *parent = NULL;
	char *id, *collection;

	snprintf(text, sizeof text, "%s", path);
	id = strrchr(text, '/');
	assert_non_null(id);
	*id++ = '\0';
	collection = strrchr(text, '/');
	assert_non_null(collection);
	*collection++ = '\0';
	if (*text)
		parent = gw_catalog_find(w->c, tenant, text);
	check(!*text || parent, "%s: there is no %s", path, text);
	*ret_kind = gw_kind_find(parent ? parent->kind : GW_KIND_NONE, collection);
	check(*ret_kind != GW_KIND_NONE, "%s: there is no %s", path, collection);
	*ret_id = id;
	return parent;
}

/* `properties` is stolen. */
static inline int world_put(struct world *w, const char *tenant, const char *path, json_t *properties,
			    struct gw_error *err)
{
	struct gw_draft *draft = NULL;
	struct gw_resource *parent, *r;
	enum gw_kind kind;
	const char *id;
	json_t *body = json_pack("{s:o}", "properties", properties);
	int e;

	parent = world_split(w, tenant, path, &kind, &id);
	e = gw_draft_decode(kind, id, body, NULL, &draft, err);
	json_decref(body);
	if (e == 0 && tenant && !parent)
		e = gw_draft_set_tenant(draft, tenant, err);
	if (e == 0)
		e = gw_catalog_put(w->c, parent, draft, &r, err);
	gw_draft_free(draft);
	return e;
}

static inline int world_delete(struct world *w, const char *tenant, const char *path, struct gw_error *err)
{
	struct gw_resource *parent, *r;
	enum gw_kind kind;
	const char *id;

	parent = world_split(w, tenant, path, &kind, &id);
	r = parent ? gw_catalog_child(w->c, parent, kind, id) : gw_catalog_root(w->c, tenant, kind, id);
	return r ? gw_catalog_delete(w->c, r, err) : 0;
}

/* The same every time, so that what is chosen by hash is, too. */
static inline int world_name(void *ctx, const struct gw_resource *r)
{
	struct world *w = ctx;
	struct gw_uuid *u = &((struct gw_resource *)r)->instance;

	if (u->b[0] != 0xee || u->b[1] != 0xee) {
		w->made++;
		*u = (struct gw_uuid){
			{0xee, 0xee, [13] = (uint8_t)(w->made >> 16), (uint8_t)(w->made >> 8), (uint8_t)w->made}};
	}
	return 0;
}

/* Accepts what was put, or undoes it. The plan follows unless the caller wants to do that. */
static inline int world_settle(struct world *w, struct gw_error *err)
{
	int e = gw_catalog_settle(w->c, err);

	if (e < 0) {
		gw_catalog_undo(w->c);
		return e;
	}
	gw_catalog_touched(w->c, world_name, w);
	return 0;
}

/* It is settled: the plan and the catalogue take it over. */
static inline void world_accepted(struct world *w)
{
	gw_catalog_touched(w->c, world_name, w);
	assert_int_equal(gw_plan_update(w->p, w->c, ++w->revision), 0);
	gw_catalog_commit(w->c);
}

static inline int world_end(struct world *w, struct gw_error *err)
{
	int e = world_settle(w, err);

	if (e == 0)
		world_accepted(w);
	else
		gw_catalog_commit(w->c);
	return e;
}

/* --- a node ------------------------------------------------------------------------------------------------------- */

struct node {
	struct gw_hnv_object **objects;
	size_t n, room;
	uint64_t revision; /* 0: it has nothing */
};

static inline void node_done(struct node *n)
{
	for (size_t i = 0; i < n->n; i++)
		gw_hnv_object_free(n->objects[i]);
	free(n->objects);
	*n = (struct node){0};
}

static inline int node_put(void *ctx, const struct gw_hnv_object *o)
{
	struct node *n = ctx;

	for (size_t i = 0; i < n->n; i++) {
		if (!gw_hnv_same_key(n->objects[i], o))
			continue;
		gw_hnv_object_free(n->objects[i]);
		n->objects[i] = gw_hnv_object_copy(o);
		return 0;
	}
	if (n->n == n->room) {
		n->room = n->room ? 2 * n->room : 64;
		n->objects = reallocarray(n->objects, n->room, sizeof *n->objects);
		assert_non_null(n->objects);
	}
	n->objects[n->n++] = gw_hnv_object_copy(o);
	return 0;
}

static inline void node_drop(struct node *n, size_t i)
{
	gw_hnv_object_free(n->objects[i]);
	n->objects[i] = n->objects[--n->n];
}

static inline int node_gone(void *ctx, const struct gw_hnv_object *key)
{
	struct node *n = ctx;

	for (size_t i = 0; i < n->n; i++)
		if (gw_hnv_same_key(n->objects[i], key)) {
			node_drop(n, i);
			break;
		}
	return 0;
}

static inline bool is_in(const struct gw_hnv_object *o, uint32_t vsid)
{
	return (o->kind == GW_HNV_LOOKUP_RECORD && o->record.vsid == vsid) ||
	       (o->kind == GW_HNV_CUSTOMER_ROUTE && o->croute.vsid == vsid) ||
	       (o->kind == GW_HNV_PORT && o->port.vsid == vsid);
}

static inline int node_forget(void *ctx, uint32_t vsid)
{
	struct node *n = ctx;

	for (size_t i = n->n; i-- > 0;)
		if (is_in(n->objects[i], vsid))
			node_drop(n, i);
	return 0;
}

static inline bool is_of_gateway(const struct gw_hnv_object *o, const struct gw_uuid *rdid)
{
	return (o->kind == GW_HNV_VRF && gw_uuid_equal(&o->vrf.rdid, rdid)) ||
	       (o->kind == GW_HNV_PUBLIC && gw_uuid_equal(&o->public.rdid, rdid)) ||
	       (gw_hnv_rdid(o) && gw_uuid_equal(gw_hnv_rdid(o), rdid));
}

static inline int node_forget_gateway(void *ctx, const struct gw_uuid *rdid)
{
	struct node *n = ctx;

	for (size_t i = n->n; i-- > 0;)
		if (is_of_gateway(n->objects[i], rdid))
			node_drop(n, i);
	return 0;
}

static inline struct gw_plan_visitor node_visitor(struct node *n)
{
	return (struct gw_plan_visitor){.put = node_put,
					.gone = node_gone,
					.forget = node_forget,
					.forget_gateway = node_forget_gateway,
					.ctx = n};
}

/* All that the node should have. */
static inline void node_state(const struct gw_plan *p, const struct gw_uuid *server, struct node *ret)
{
	const struct gw_plan_visitor v = node_visitor(ret);
	struct gw_plan_cursor cur;

	assert_int_equal(gw_plan_open(p, server, 0, &cur), 0);
	assert_true(cur.whole);
	assert_int_equal(gw_plan_visit(p, &cur, SIZE_MAX, &v), 0);
	ret->revision = cur.revision;
}

static inline const struct gw_hnv_object *node_get(const struct node *n, const struct gw_hnv_object *key)
{
	for (size_t i = 0; i < n->n; i++)
		if (gw_hnv_same_key(n->objects[i], key))
			return n->objects[i];
	return NULL;
}

/* What differs first, NULL: nothing. */
static inline const struct gw_hnv_object *node_differs(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct gw_hnv_object *o = node_get(b, a->objects[i]);

		if (!o || !gw_hnv_same_content(o, a->objects[i]))
			return a->objects[i];
	}
	for (size_t i = 0; i < b->n; i++)
		if (!node_get(a, b->objects[i]))
			return b->objects[i];
	return NULL;
}

/* What a node holds it must be able to hold. */
static inline void node_enters_intent(const struct node *n, const char *name)
{
	struct gw_intent_limits limits = {.router_mac = ROUTER_MAC};
	struct gw_error err = GW_ERROR_INIT;
	struct gw_intent *in = NULL;
	char id[GW_ID_STRLEN];

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		limits.max[k] = 100000;
	assert_int_equal(gw_intent_new(&limits, &in), 0);
	gw_intent_begin(in);
	for (size_t i = 0; i < n->n; i++) {
		struct gw_hnv_object *o = gw_hnv_object_copy(n->objects[i]);

		if (gw_intent_put(in, o, &err) < 0)
			fail_msg("%s: %s %s: %s: %s", name, gw_hnv_kind_name(o->kind), gw_hnv_id(o, id), err.target,
				 err.message);
	}
	if (gw_intent_validate(in, &err) < 0)
		fail_msg("%s: %s: %s", name, err.target, err.message);
	gw_intent_commit(in);
	gw_intent_free(in);
}

/* A resource of another world, as the store would have it: `own` is what is stored of it. Eats `own`. */
static inline void world_load(struct world *w, const char *path, const struct gw_resource *r, json_t *own)
{
	struct gw_error err = GW_ERROR_INIT;
	char *body = json_dumps(own, JSON_COMPACT);
	const struct gw_stored stored = {
		.tenant = "", .path = path, .body = body, .instance = r->instance, .revision = 1, .serial = 1};

	if (gw_catalog_load(w->c, &stored, &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
	free(body);
	json_decref(own);
}

#endif
