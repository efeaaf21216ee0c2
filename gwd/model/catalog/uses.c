/*
 * uses.c - how many routes virtual networks have by the route tables that their subnets name, and whose they are. One table may be
 * named by thousands of networks, and in each of them its routes are routes to be kept and to be told: so each tenant has a limit of
 * those, which neither his resources nor their memory are a measure of. Called by catalog.c and references.c.
 *
 *   subnet --+
 *            +--> use of the table by their network --+
 *   subnet --+                                        +--> use of the table by a tenant: of so many networks, for each of which
 *   subnet -----> use of it by another network -------+    every route of the table counts
 *
 * Whose table it is has them, or whose network names the operator's. What changes is counted as it changes: a reference, a route.
 * Uses are made when references are resolved, and kept as long as there is a version that may count again, so that counting and
 * undoing it cannot fail.
 */
#include "model/catalog/private.h"

#include <errno.h>
#include <stdlib.h>

struct gw_use {
	struct gw_hmap_node node;
	struct gw_catalog *c;
	const void *user; /* a virtual network, or a tenant */
	struct gw_resource *table;
	struct gw_use *of_tenant;   /* NULL: it is one */
	size_t holders;		    /* versions of subnets, or uses by networks */
	size_t n;		    /* subnets, or networks, that name the table now */
	struct gw_use *next, *prev; /* of table->uses, those of tenants while n > 0 */
};

static uint32_t hash_of(const void *user, const struct gw_resource *table)
{
	const void *key[] = {user, table};

	return gw_hash_bytes(key, sizeof key, 0);
}

static struct gw_use *get(struct gw_catalog *c, const void *user, struct gw_resource *table)
{
	uint32_t hash = hash_of(user, table);
	struct gw_use *u;

	GW_HMAP_FOR_EACH_HASH (node, &c->uses, hash) {
		u = GW_CONTAINER_OF(node, struct gw_use, node);
		if (u->user == user && u->table == table) {
			u->holders++;
			return u;
		}
	}
	u = malloc(sizeof *u);
	if (!u)
		return NULL;
	*u = (struct gw_use){.c = c, .user = user, .table = table, .holders = 1};
	gw_hmap_insert(&c->uses, &u->node, hash);
	return u;
}

int gw_use_get(struct gw_catalog *c, const struct gw_resource *from, struct gw_resource *to, struct gw_use **ret)
{
	struct gw_tenant *t;
	struct gw_use *u;

	*ret = NULL;
	if (from->kind != GW_KIND_VIRTUAL_SUBNET || to->kind != GW_KIND_ROUTE_TABLE)
		return 0;
	t = gw_tenants_find_of(c, to);
	if (!t)
		t = gw_tenants_find_of(c, from);
	if (!t)
		return 0;
	u = get(c, from->parent, to);
	if (!u)
		return -ENOMEM;
	if (!u->of_tenant)
		u->of_tenant = get(c, t, to);
	if (!u->of_tenant) {
		gw_use_put(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

/* What it stands for may be gone by now. */
void gw_use_put(struct gw_use *u)
{
	if (!u || --u->holders > 0)
		return;
	gw_use_put(u->of_tenant);
	gw_hmap_remove(&u->c->uses, &u->node);
	free(u);
}

static void charge(const struct gw_use *of_tenant, size_t by)
{
	gw_tenants_count_routes(of_tenant->c, (struct gw_tenant *)of_tenant->user, by);
}

void gw_use_link(struct gw_use *u)
{
	struct gw_use *t = u ? u->of_tenant : NULL;

	if (!u || u->n++ > 0)
		return;
	charge(t, t->table->n_children);
	if (t->n++ > 0)
		return;
	t->prev = NULL;
	t->next = t->table->uses;
	if (t->next)
		t->next->prev = t;
	t->table->uses = t;
}

void gw_use_unlink(struct gw_use *u)
{
	struct gw_use *t = u ? u->of_tenant : NULL;

	if (!u || --u->n > 0)
		return;
	charge(t, -t->table->n_children);
	if (--t->n > 0)
		return;
	if (t->next)
		t->next->prev = t->prev;
	if (t->prev)
		t->prev->next = t->next;
	else
		t->table->uses = t->next;
}

void gw_uses_count_route(const struct gw_resource *route, int by)
{
	for (const struct gw_use *t = route->parent->uses; t; t = t->next)
		charge(t, (size_t)by * t->n);
}

int gw_uses_check(struct gw_catalog *c, struct gw_resource *r, struct gw_error *err)
{
	int e = 0;

	if (r->kind == GW_KIND_VIRTUAL_SUBNET)
		for (size_t i = 0; e == 0 && i < r->now.n_refs; i++)
			if (r->now.refs[i].use)
				e = gw_tenants_check_routes(c, r->now.refs[i].use->of_tenant->user,
							    "properties.routeTable", err);
	if (r->kind != GW_KIND_ROUTE || r->parent->fine == c->settling)
		return e;
	r->parent->fine = c->settling;
	for (const struct gw_use *t = r->parent->uses; e == 0 && t; t = t->next)
		e = gw_tenants_check_routes(c, t->user, "properties.addressPrefix", err);
	return e;
}
