/*
 * trouble.c - what nodes and domains found that cannot be done. See private.h.
 *
 *   unit ---- note ----+
 *                      +---> finding: of this resource, this is so         (a route whose next hop is nowhere)
 *   unit ---- note ----+
 *
 * What many networks find of a route that they share is kept, and said, once, with their number and the first of their names: how
 * long an answer is must not grow with who refers to what. Notes are staged by a computation and count from its commit on.
 */
#include "plan/private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES	   16  /* of networks that are told, at most */
#define NAME_BYTES 512 /* and of all of them together */

struct gw_plan_finding {
	struct gw_hmap_node by_resource;
	struct gw_plan_trouble trouble;
	char *path, *message;
	bool is_shared;			   /* by networks: they are named */
	const struct gw_plan_unit *stager; /* who has staged the last note, until its computation ends */
	size_t staged;			   /* notes that do not count yet */
	struct gw_rank notes;		   /* that count, by the names of their units */
};

static struct gw_plan_note *note_of(const struct gw_rank_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_plan_note, by_name);
}

static struct gw_plan_finding *finding_of(const struct gw_hmap_node *node)
{
	return GW_CONTAINER_OF(node, struct gw_plan_finding, by_resource);
}

static int by_name(const struct gw_rank_node *a, const struct gw_rank_node *b)
{
	const struct gw_plan_unit *x = note_of(a)->unit, *y = note_of(b)->unit;
	int order = strcmp(x->name, y->name);

	return order ? order : memcmp(&x->id, &y->id, sizeof x->id);
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static struct gw_plan_finding *find(const struct gw_plan *p, const struct gw_uuid *resource, enum gw_plan_grade grade,
				    const char *code, const char *message)
{
	GW_HMAP_FOR_EACH_HASH (node, &p->findings, gw_plan_hash(resource)) {
		const struct gw_plan_trouble *t = &finding_of(node)->trouble;

		if (gw_uuid_equal(&t->resource, resource) && t->grade == grade && !strcmp(t->code, code) &&
		    !strcmp(t->message, message))
			return finding_of(node);
	}
	return NULL;
}

static void free_finding(struct gw_plan_finding *f)
{
	if (!f)
		return;
	free(f->path);
	free(f->message);
	free(f);
}

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

/* Takes the message. */
static struct gw_plan_finding *make(struct gw_plan_unit *u, const struct gw_resource *r, enum gw_plan_grade grade,
				    const char *code, char *message)
{
	struct gw_plan_finding *f = calloc(1, sizeof *f);

	if (!f) {
		free(message);
		return NULL;
	}
	f->message = message;
	f->path = path_of(r);
	if (!f->path) {
		free_finding(f);
		return NULL;
	}
	f->trouble = (struct gw_plan_trouble){
		.resource = r->instance, .path = f->path, .grade = grade, .code = code, .message = message};
	f->is_shared = u->type == GW_PLAN_DOMAIN && (r->kind == GW_KIND_ROUTE || r->kind == GW_KIND_ROUTE_TABLE);
	f->notes.compare = by_name;
	gw_hmap_insert(&u->plan->findings, &f->by_resource, gw_plan_hash(&r->instance));
	return f;
}

static void forget_unless_found(struct gw_plan *p, struct gw_plan_finding *f)
{
	if (f->staged || f->notes.root)
		return;
	gw_hmap_remove(&p->findings, &f->by_resource);
	free_finding(f);
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

/* Takes the message. A unit says a thing once. */
static int note(struct gw_plan_unit *u, const struct gw_resource *r, enum gw_plan_grade grade, const char *code,
		char *message)
{
	struct gw_plan_finding *f = find(u->plan, &r->instance, grade, code, message);
	struct gw_plan_note *n;

	if (f)
		free(message);
	else
		f = make(u, r, grade, code, message);
	if (!f)
		return -ENOMEM;
	if (f->stager == u)
		return 0;
	n = malloc(sizeof *n);
	if (!n) {
		forget_unless_found(u->plan, f);
		return -ENOMEM;
	}
	*n = (struct gw_plan_note){.next = u->staged_notes, .unit = u, .finding = f};
	u->staged_notes = n;
	f->staged++;
	f->stager = u;
	return 0;
}

int gw_plan_note(struct gw_plan_unit *u, const struct gw_resource *r, enum gw_plan_grade grade, const char *code,
		 const char *fmt, ...)
{
	char *message;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : note(u, r, grade, code, message);
}

static void unstage(struct gw_plan_note *n)
{
	n->finding->staged--;
	n->finding->stager = NULL;
}

void gw_plan_notes_discard(struct gw_plan_unit *u)
{
	while (u->staged_notes) {
		struct gw_plan_note *n = u->staged_notes;

		u->staged_notes = n->next;
		unstage(n);
		forget_unless_found(u->plan, n->finding);
		free(n);
	}
}

void gw_plan_notes_forget(struct gw_plan_unit *u)
{
	while (u->notes) {
		struct gw_plan_note *n = u->notes;

		u->notes = n->next;
		gw_rank_remove(&n->finding->notes, &n->by_name);
		forget_unless_found(u->plan, n->finding);
		free(n);
	}
}

void gw_plan_notes_commit(struct gw_plan_unit *u)
{
	gw_plan_notes_forget(u);
	u->notes = u->staged_notes;
	u->staged_notes = NULL;
	for (struct gw_plan_note *n = u->notes; n; n = n->next) {
		unstage(n);
		gw_rank_insert(&n->finding->notes, &n->by_name);
	}
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

struct names {
	char text[NAME_BYTES];
	size_t length, n;
};

/* In their order; false: there is no more room. */
static bool add_names(struct names *names, const struct gw_rank_node *node)
{
	const char *name;

	if (!node)
		return true;
	if (!add_names(names, node->left))
		return false;
	name = note_of(node)->unit->name;
	if (names->n == NAMES || names->length + strlen(name) + sizeof ", \"\"" > sizeof names->text)
		return false;
	names->length += (size_t)snprintf(names->text + names->length, sizeof names->text - names->length, "%s\"%s\"",
					  names->n ? ", " : "", name);
	names->n++;
	return add_names(names, node->right);
}

static int name_networks(const struct gw_plan_finding *f, char **ret)
{
	struct names names = {.n = 0};
	size_t n = f->notes.root->n;

	add_names(&names, f->notes.root);
	if (n == 1)
		return asprintf(ret, "in virtual network %s: %s", names.text, f->message);
	return asprintf(ret, "in %zu virtual networks (%s%s): %s", n, names.text, names.n < n ? ", ..." : "",
			f->message);
}

static int tell(const struct gw_plan_finding *f, int (*visit)(void *ctx, const struct gw_plan_trouble *t), void *ctx)
{
	struct gw_plan_trouble t = f->trouble;
	char *message = NULL;
	int e;

	if (!f->notes.root) /* not found yet by who counts */
		return 0;
	t.found = f->notes.root->n;
	if (f->is_shared) {
		if (name_networks(f, &message) < 0)
			return -ENOMEM;
		t.message = message;
	}
	e = visit(ctx, &t);
	free(message);
	return e;
}

int gw_plan_troubles(const struct gw_plan *p, const struct gw_uuid *resource,
		     int (*visit)(void *ctx, const struct gw_plan_trouble *t), void *ctx)
{
	int e = 0;

	if (!resource) {
		for (const struct gw_hmap_node *node = gw_hmap_first(&p->findings); e >= 0 && node;
		     node = gw_hmap_next(&p->findings, node))
			e = tell(finding_of(node), visit, ctx);
		return e < 0 ? e : 0;
	}
	for (const struct gw_hmap_node *node = gw_hmap_first_hash(&p->findings, gw_plan_hash(resource)); e >= 0 && node;
	     node = gw_hmap_next_hash(node))
		if (gw_uuid_equal(&finding_of(node)->trouble.resource, resource))
			e = tell(finding_of(node), visit, ctx);
	return e < 0 ? e : 0;
}
