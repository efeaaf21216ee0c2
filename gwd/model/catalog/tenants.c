/*
 * tenants.c - how much each tenant has, and how much there may be: of one tenant, so that none uses up what is for all, and of all
 * together. Resources are counted, NAT rules also by themselves, the memory that they take, the values of those that all tenants draw from one pot, and the routes
 * that networks have by their tables (uses.c). Who is at his limit may still change and delete what he has.
 *
 * Held against the state that a transaction leaves, so that a list may be replaced by another as long. What was stored stays when
 * limits have become lower.
 */
#include "model/catalog/private.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
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

size_t gw_catalog_count_tenants(const struct gw_catalog *c)
{
	return c->tenants.n;
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

struct gw_tenant *gw_tenants_find_of(const struct gw_catalog *c, const struct gw_resource *r)
{
	const char *name = gw_resource_tenant(r);

	return name ? find(c, name) : NULL;
}

static struct gw_tenant *tenant_of(const struct gw_catalog *c, const struct gw_resource *r)
{
	struct gw_tenant *t = gw_tenants_find_of(c, r);

	assert(t || !gw_resource_tenant(r));
	return t;
}

static bool is_nat_rule(const struct gw_resource *r)
{
	return r->kind == GW_KIND_INBOUND_NAT_RULE || r->kind == GW_KIND_OUTBOUND_NAT_RULE;
}

void gw_tenants_add(struct gw_catalog *c, struct gw_resource *r)
{
	struct gw_tenant *t = tenant_of(c, r);

	if (!t)
		return;
	t->n++;
	t->nat_rules += is_nat_rule(r);
	t->memory += r->now.memory;
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
	t->nat_rules -= is_nat_rule(r);
	t->memory -= r->now.memory;
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

void gw_tenants_recount(struct gw_catalog *c, const struct gw_resource *r, const struct gw_version *before)
{
	struct gw_tenant *t = gw_tenants_find_of(c, r);

	if (t)
		t->memory += r->now.memory - before->memory;
}

/* A node's own addresses are no public ones, and blocks of a tenant's own address are his without that. */
static bool is_counted(const struct gw_key *key)
{
	if (key->space == GW_KEY_PORT_BLOCK)
		return !gw_resource_tenant(key->scope);
	return key->space != GW_KEY_OUTER_ADDRESS || key->owner->kind != GW_KIND_SERVER;
}

void gw_tenants_count_key(struct gw_catalog *c, const struct gw_key *key, int by)
{
	struct gw_tenant *t = gw_tenants_find_of(c, key->owner);

	if (t && is_counted(key))
		t->keys[key->space] += (size_t)by;
}

void gw_tenants_hold(struct gw_catalog *c, const struct gw_resource *r, int by)
{
	struct gw_tenant *t = tenant_of(c, r);

	if (t)
		t->gone += (size_t)by;
}

void gw_tenants_forget(struct gw_catalog *c, const struct gw_resource *r)
{
	struct gw_tenant *t = !r->parent && r->now.tenant ? find(c, r->now.tenant) : NULL;

	if (!t || t->n > 0 || t->gone > 0)
		return;
	gw_hmap_remove(&c->tenants, &t->node);
	free(t);
}

static int refuse(const struct gw_catalog *c, const char *target, size_t limit, const char *what, const char *name,
		  size_t n, const char *key, struct gw_error *err)
{
	return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, target,
			    "a tenant may have %zu %s, and with this \"%s\" would have %zu: delete some, or %s%s",
			    limit, what, name, n, c->asker ? "ask the operator for more" : "raise [limits] ",
			    c->asker ? "" : key);
}

/* What a tenant is told says nothing about how much others have. */
static int check_count(const struct gw_catalog *c, const struct gw_tenant *t, struct gw_error *err)
{
	if (t && t->n > c->params.limits.tenant_resources)
		return refuse(c, "", c->params.limits.tenant_resources, "resources", t->name, t->n, "tenant_resources",
			      err);
	if (c->paths.n <= c->params.limits.resources)
		return 0;
	if (c->asker)
		return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
				    "the controller keeps no more resources for now: ask its operator");
	return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, "",
			    "the controller keeps %zu resources, and with this would have %zu: delete some, or raise "
			    "[limits] resources",
			    c->params.limits.resources, c->paths.n);
}

static int check_memory(const struct gw_catalog *c, const struct gw_tenant *t, struct gw_error *err)
{
	if (t->memory <= c->params.limits.tenant_memory)
		return 0;
	return refuse(c, "", c->params.limits.tenant_memory, "bytes", t->name, t->memory, "tenant_memory", err);
}

/* A gateway has so many for all: one tenant's are not to be all of them. */
static int check_nat_rules(const struct gw_catalog *c, const struct gw_tenant *t, struct gw_error *err)
{
	if (t->nat_rules <= c->params.limits.tenant_nat_rules)
		return 0;
	return refuse(c, "", c->params.limits.tenant_nat_rules, "NAT rules", t->name, t->nat_rules, "tenant_nat_rules",
		      err);
}

/* It is the whole that is too large: nothing in the body is at fault. */
int gw_tenants_check(struct gw_catalog *c, struct gw_error *err)
{
	int e = 0;

	for (size_t i = c->begun; e == 0 && i < c->n_steps; i++) {
		const struct gw_step *s = &c->steps[i];
		const struct gw_tenant *t = s->r->gone ? NULL : gw_tenants_find_of(c, s->r);

		if (s->type == GW_STEP_MADE && !s->r->gone)
			e = check_count(c, t, err);
		if (e == 0 && t && s->type == GW_STEP_MADE && is_nat_rule(s->r))
			e = check_nat_rules(c, t, err);
		if (e == 0 && t && s->r->now.memory > s->before.memory)
			e = check_memory(c, t, err);
		if (e < 0)
			c->fault = s->r;
	}
	return e;
}

/* What everybody draws from one pot. */
static const struct {
	uint32_t spaces; /* bits by enum gw_key_space */
	size_t limit;	 /* offset in struct gw_catalog_limits */
	const char *what, *key;
} shared[] = {
	{1U << GW_KEY_OUTER_ADDRESS | 1U << GW_KEY_PORT_BLOCK,
	 offsetof(struct gw_catalog_limits, tenant_public_addresses), "public addresses and parts of shared ones",
	 "tenant_public_addresses"},
	{1U << GW_KEY_MAC, offsetof(struct gw_catalog_limits, tenant_mac_addresses), "MAC addresses",
	 "tenant_mac_addresses"},
	{1U << GW_KEY_VSID, offsetof(struct gw_catalog_limits, tenant_subnets),
	 "virtual subnets and virtual gateways without", "tenant_subnets"},
};
static_assert(GW_KEY_SPACES <= 32, "spaces in a word");

static bool has(const struct gw_version *v, uint32_t spaces)
{
	for (size_t i = 0; i < v->n_keys; i++)
		if (spaces & 1U << v->keys[i].space && is_counted(&v->keys[i]))
			return true;
	return false;
}

/* Whether the step has given it one: a front end that has come to a shared address may have been there before, elsewhere. */
static bool gains(const struct gw_step *s, uint32_t spaces)
{
	return has(&s->r->now, spaces) && !(s->type == GW_STEP_REPLACED && has(&s->before, spaces));
}

static size_t count(const struct gw_tenant *t, uint32_t spaces)
{
	size_t n = 0;

	for (unsigned space = 0; space < GW_KEY_SPACES; space++)
		n += spaces & 1U << space ? t->keys[space] : 0;
	return n;
}

int gw_tenants_check_keys(struct gw_catalog *c, struct gw_error *err)
{
	for (size_t i = c->begun; i < c->n_steps; i++) {
		const struct gw_step *s = &c->steps[i];
		const struct gw_tenant *t = s->r->gone ? NULL : gw_tenants_find_of(c, s->r);

		for (size_t k = 0; t && k < sizeof shared / sizeof *shared; k++) {
			size_t limit = *(const size_t *)((const char *)&c->params.limits + shared[k].limit),
			       n = count(t, shared[k].spaces);

			if (n <= limit || !gains(s, shared[k].spaces))
				continue;
			c->fault = s->r;
			return refuse(c, "", limit, shared[k].what, t->name, n, shared[k].key, err);
		}
	}
	return 0;
}

void gw_tenants_count_routes(struct gw_catalog *c, struct gw_tenant *t, size_t by)
{
	if (t->routes_begun != c->begins) {
		t->routes_begun = c->begins;
		t->routes_before = t->routes;
	}
	t->routes += by;
}

int gw_tenants_check_routes(struct gw_catalog *c, const struct gw_tenant *t, const char *target, struct gw_error *err)
{
	size_t limit = c->params.limits.tenant_routes;

	if (t->routes <= limit || t->routes_begun != c->begins || t->routes <= t->routes_before)
		return 0;
	return refuse(c, target, limit, "routes in the virtual networks that name their tables", t->name, t->routes,
		      "tenant_routes", err);
}

void gw_tenants_free(struct gw_catalog *c)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &c->tenants)
		free(GW_CONTAINER_OF(node, struct gw_tenant, node));
	gw_hmap_done(&c->tenants);
}
