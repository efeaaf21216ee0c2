/*
 * tenants.c - how many resources each tenant has, and how many there may be: of one tenant, so that none uses up what is for all,
 * and of all together. Who is at his limit may still change and delete what he has.
 *
 * Held against the state that a transaction leaves, so that a list may be replaced by another as long. What was stored stays when
 * limits have become lower.
 */
#include "model/catalog/private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *name)
{
	return gw_hash_bytes(name, strlen(name), 0);
}

static struct gw_tenant *find(const struct gw_catalog *c, const char *name)
{
	GW_HMAP_FOR_EACH_HASH (node, &c->tenants, hash_of(name)) {
		struct gw_tenant *t = GW_CONTAINER_OF(node, struct gw_tenant, node);

		if (!strcmp(t->name, name))
			return t;
	}
	return NULL;
}

bool gw_catalog_has_tenant(const struct gw_catalog *c, const char *tenant)
{
	return find(c, tenant);
}

int gw_tenants_reserve(struct gw_catalog *c, const char *name, struct gw_error *err)
{
	struct gw_tenant *t;

	if (!name || find(c, name))
		return 0;
	t = calloc(1, sizeof *t + strlen(name) + 1);
	if (!t)
		return gw_error_oom(err);
	strcpy(t->name, name);
	gw_hmap_insert(&c->tenants, &t->node, hash_of(name));
	return 0;
}

static struct gw_tenant *tenant_of(const struct gw_catalog *c, const struct gw_resource *r)
{
	const char *name = gw_resource_tenant(r);
	struct gw_tenant *t = name ? find(c, name) : NULL;

	assert(!name || t);
	return t;
}

void gw_tenants_add(struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_tenant *t = tenant_of(c, r);

	if (!t)
		return;
	t->n++;
	if (r->parent)
		return;
	r->prev_of_tenant = NULL;
	r->next_of_tenant = t->roots[r->kind];
	if (r->next_of_tenant)
		r->next_of_tenant->prev_of_tenant = r;
	t->roots[r->kind] = r;
}

void gw_tenants_remove(struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_tenant *t = tenant_of(c, r);

	if (!t)
		return;
	t->n--;
	if (r->parent)
		return;
	if (r->next_of_tenant)
		r->next_of_tenant->prev_of_tenant = r->prev_of_tenant;
	if (r->prev_of_tenant)
		r->prev_of_tenant->next_of_tenant = r->next_of_tenant;
	else
		t->roots[r->kind] = r->next_of_tenant;
}

const struct gw_resource *gw_catalog_next_of(const struct gw_catalog *c, const char *tenant, enum gw_kind kind,
					     const struct gw_resource *prev)
{
	const struct gw_tenant *t = prev ? NULL : find(c, tenant);

	return prev ? prev->next_of_tenant : t ? t->roots[kind] : NULL;
}

void gw_tenants_forget(struct gw_catalog *c, const struct gw_resource *r)
{
	struct gw_tenant *t = !r->parent && r->now.tenant ? find(c, r->now.tenant) : NULL;

	if (!t || t->n > 0)
		return;
	gw_hmap_remove(&c->tenants, &t->node);
	free(t);
}

/* What a tenant is told says nothing about how much others have. */
static int check_one(const struct gw_catalog *c, const struct gw_resource *r, struct gw_error *err)
{
	const char *name = gw_resource_tenant(r);
	const struct gw_tenant *t = name ? find(c, name) : NULL;

	if (t && t->n > c->params.tenant_limit)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
				    "a tenant may have %zu resources, and with this \"%s\" would have %zu: delete "
				    "some%s",
				    c->params.tenant_limit, name, t->n,
				    c->asker ? ", or ask the operator for more"
					     : ", or raise [limits] tenant_resources");
	if (c->paths.n <= c->params.limit)
		return 0;
	if (c->asker)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
				    "the controller keeps no more resources for now: ask its operator");
	return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
			    "the controller keeps %zu resources, and with this would have %zu: delete some, or raise "
			    "[limits] resources",
			    c->params.limit, c->paths.n);
}

/* It is the whole that is too large: nothing in the body is at fault. */
int gw_tenants_check(struct gw_catalog *c, struct gw_error *err)
{
	int e = 0;

	for (size_t i = c->begun; e == 0 && i < c->n_steps; i++) {
		const struct gw_step *s = &c->steps[i];

		if (s->type == GW_STEP_MADE && !s->r->gone)
			e = check_one(c, s->r, err);
		if (e < 0)
			c->fault = s->r;
	}
	return e;
}

void gw_tenants_free(struct gw_catalog *c)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &c->tenants)
		free(GW_CONTAINER_OF(node, struct gw_tenant, node));
	gw_hmap_done(&c->tenants);
}
