/* references.c - what a version names, and who names it. Called by catalog.c. */
#include "model/catalog/private.h"

#include "model/resource/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct resolving {
	struct gw_catalog *c;
	struct gw_resource *from;
	struct gw_error *err;
};

void gw_references_link(struct gw_version *v)
{
	for (size_t i = 0; i < v->n_refs; i++) {
		struct gw_ref *ref = &v->refs[i];

		ref->prev = NULL;
		ref->next = ref->to->referrers;
		if (ref->next)
			ref->next->prev = ref;
		ref->to->referrers = ref;
		gw_use_link(ref->use);
	}
}

void gw_references_unlink(struct gw_version *v)
{
	for (size_t i = 0; i < v->n_refs; i++) {
		struct gw_ref *ref = &v->refs[i];

		if (ref->next)
			ref->next->prev = ref->prev;
		if (ref->prev)
			ref->prev->next = ref->next;
		else
			ref->to->referrers = ref->next;
		gw_use_unlink(ref->use);
	}
}

void gw_references_free(struct gw_version *v)
{
	for (size_t i = 0; i < v->n_refs; i++)
		gw_use_put(v->refs[i].use);
	free(v->refs);
	v->refs = NULL;
	v->n_refs = 0;
}

struct gw_resource *gw_referred(const struct gw_resource *from, enum gw_kind kind)
{
	for (size_t i = 0; i < from->now.n_refs; i++)
		if (from->now.refs[i].to->kind == kind)
			return from->now.refs[i].to;
	return NULL;
}

static int count(void *ctx, const struct gw_property *row, char **ref, const char *where)
{
	(void)row;
	(void)ref;
	(void)where;
	++*(size_t *)ctx;
	return 0;
}

static bool is_shared(const struct gw_property *row, const struct gw_resource *to)
{
	if (!(row->flags & GW_PROPERTY_IS_SHARED) || to->kind != row->kind)
		return false;
	return to->kind != GW_KIND_PUBLIC_ADDRESS || GW_PROPERTIES(to, public_address)->shared;
}

bool gw_version_names(const struct gw_version *v, const struct gw_resource *to)
{
	for (size_t i = 0; i < v->n_refs; i++)
		if (v->refs[i].to == to)
			return true;
	return false;
}

const struct gw_version *gw_version_before(const struct gw_catalog *c, const struct gw_resource *r)
{
	const struct gw_step *first = gw_first_step(c, r);

	return !first ? &r->now : first->type == GW_STEP_REPLACED ? &first->before : NULL;
}

struct gw_resource *gw_reference_by(const struct gw_catalog *c, const struct gw_resource *from,
				    const struct gw_property *row, const char *path)
{
	struct gw_resource *to = gw_reference(c, from, path);
	const struct gw_version *was;

	if (!to || !c->asker || gw_resource_tenant(to) || is_shared(row, to))
		return to;
	was = gw_version_before(c, from);
	return was && gw_version_names(was, to) ? to : NULL;
}

/* An operator sees everything; what is his own refers to a tenant's only where he says so. */
static bool names_tenants(const struct resolving *s, const char *ref)
{
	return !s->c->asker && !gw_resource_tenant(s->from) && !strchr(ref, '?') &&
	       gw_catalog_count_others(s->c, ref) > 0;
}

static int resolve(void *ctx, const struct gw_property *row, char **ref, const char *where)
{
	struct resolving *s = ctx;
	struct gw_version *v = &s->from->now;
	struct gw_resource *to = gw_reference_by(s->c, s->from, row, *ref);
	char *path;

	/* A tenant's reference never finds what is not for him: its name must not be found out by guessing. */
	if (!to || to->kind != row->kind) {
		gw_error_set(s->err, EINVAL, GW_ERR_INVALID_PROPERTY, where,
			     to			      ? "must refer to a %s, not to %s"
			     : names_tenants(s, *ref) ? "the operator has no %s %s: say with ?tenantId=TENANT which "
							"tenant's is meant"
						      : "there is no %s %s",
			     gw_kind_info(row->kind)->name, *ref);
		gw_error_prefix(s->err, "properties.");
		return -EINVAL;
	}
	path = gw_resource_ref(to, s->from);
	if (!path)
		return gw_error_oom(s->err);
	free(*ref);
	*ref = path;
	v->refs[v->n_refs] = (struct gw_ref){.from = s->from, .to = to};
	if (gw_use_get(s->c, s->from, to, &v->refs[v->n_refs].use) < 0)
		return gw_error_oom(s->err);
	v->n_refs++;
	return 0;
}

int gw_references_resolve(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	const struct gw_schema *schema = gw_kind_info(r->kind)->schema;
	struct resolving s = {.c = c, .from = r, .err = err};
	size_t n = 0;
	int e;

	gw_references_unlink(&r->now);
	gw_references_free(&r->now);
	gw_schema_each_ref(schema, r->now.properties, count, &n);
	if (n == 0)
		return 0;
	r->now.refs = calloc(n, sizeof *r->now.refs);
	if (!r->now.refs)
		return gw_error_oom(err);
	e = gw_schema_each_ref(schema, r->now.properties, resolve, &s);
	/* In part, too: what is linked is what rolling back unlinks. */
	gw_references_link(&r->now);
	return e;
}

struct gw_resource *gw_reference(const struct gw_catalog *c, const struct gw_resource *from, const char *path)
{
	return path ? gw_catalog_find(c, gw_resource_tenant(from), path) : NULL;
}
