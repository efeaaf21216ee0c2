/*
 * table.c - the node driver's table of wanted addresses and
 * routes, and of the interfaces that they name. No kernel here.
 */
#include "node/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t name_hash(const char *name)
{
	return gw_hash_bytes(name, strlen(name), 0);
}

static const char *interface_of(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_PROVIDER_ADDRESS ? o->paddr.interface : o->proute.interface;
}

/* --- interfaces --- */

struct gw_node_iface *gw_node_find_iface(const struct gw_driver *d, const char *name)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->ifaces, name_hash(name)) {
		struct gw_node_iface *i = GW_CONTAINER_OF(node, struct gw_node_iface, by_name);

		if (!strcmp(i->name, name))
			return i;
	}
	return NULL;
}

/* A node has a handful of underlay interfaces: no second index for them. */
struct gw_node_iface *gw_node_iface_of(const struct gw_driver *d, int ifindex)
{
	GW_HMAP_FOR_EACH (node, &d->ifaces) {
		struct gw_node_iface *i = GW_CONTAINER_OF(node, struct gw_node_iface, by_name);

		if (i->ifindex == ifindex)
			return i;
	}
	return NULL;
}

void gw_node_note_link(struct gw_node_iface *iface, const struct gw_link *link)
{
	iface->ifindex = link ? link->ifindex : 0;
	iface->up = link && link->up;
	iface->running = link && link->running;
	iface->mac = link ? link->mac : (struct gw_mac){0};
}

static struct gw_node_iface *use_iface(struct gw_driver *d, const char *name)
{
	struct gw_node_iface *i = gw_node_find_iface(d, name);
	struct gw_link link;

	if (!i) {
		i = calloc(1, sizeof *i);
		if (!i)
			return NULL;
		snprintf(i->name, sizeof i->name, "%s", name);
		if (gw_hmap_insert(&d->ifaces, &i->by_name, name_hash(name)) < 0) {
			free(i);
			return NULL;
		}
		/* Taken for missing if it cannot be read: link events and the next sync say more. */
		if (gw_nl_link_get(d->env.nl, name, &link, NULL) == 0)
			gw_node_note_link(i, &link);
	}
	i->uses++;
	return i;
}

static void unuse_iface(struct gw_driver *d, struct gw_node_iface *i)
{
	if (!i || --i->uses > 0)
		return;
	gw_hmap_remove(&d->ifaces, &i->by_name);
	free(i);
}

/* --- items --- */

struct gw_node_item *gw_node_find(const struct gw_driver *d, const struct gw_hnv_object *key)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->items, gw_hnv_key_hash(key)) {
		struct gw_node_item *it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);

		if (gw_hnv_same_key(it->o, key))
			return it;
	}
	return NULL;
}

struct gw_node_item *gw_node_find_addr(const struct gw_driver *d, const struct gw_addr *pa)
{
	struct gw_hnv_object key = {.kind = GW_HNV_PROVIDER_ADDRESS, .paddr.pa = *pa};

	return gw_node_find(d, &key);
}

struct gw_node_item *gw_node_find_route(const struct gw_driver *d, const struct gw_prefix *prefix, int ifindex)
{
	struct gw_hnv_object key = {.kind = GW_HNV_PROVIDER_ROUTE, .proute.prefix = *prefix};
	const struct gw_node_iface *i = gw_node_iface_of(d, ifindex);

	if (!i)
		return NULL;
	memcpy(key.proute.interface, i->name, sizeof key.proute.interface);
	return gw_node_find(d, &key);
}

int gw_node_put(struct gw_driver *d, const struct gw_hnv_object *o, struct gw_node_item **ret)
{
	struct gw_node_item *it = gw_node_find(d, o);
	struct gw_hnv_object *copy = gw_hnv_object_copy(o);
	struct gw_node_iface *iface = use_iface(d, interface_of(o));
	bool fresh = !it;

	if (fresh)
		it = calloc(1, sizeof *it);
	if (!copy || !iface || !it || (fresh && gw_hmap_insert(&d->items, &it->by_key, gw_hnv_key_hash(o)) < 0)) {
		if (fresh)
			free(it);
		gw_hnv_object_free(copy);
		unuse_iface(d, iface);
		return -ENOMEM;
	}
	gw_hnv_object_free(it->o);
	unuse_iface(d, it->iface);
	it->o = copy;
	it->iface = iface;
	it->listed = true;
	*ret = it;
	return 0;
}

void gw_node_drop(struct gw_driver *d, struct gw_node_item *it)
{
	gw_hmap_remove(&d->items, &it->by_key);
	unuse_iface(d, it->iface);
	gw_hnv_object_free(it->o);
	free(it);
}

int gw_node_follow(struct gw_driver *d, const struct gw_intent *intent)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PROVIDER_ADDRESS, GW_HNV_PROVIDER_ROUTE};
	struct gw_node_item *it;
	int rc;

	GW_HMAP_FOR_EACH (node, &d->items)
		GW_CONTAINER_OF(node, struct gw_node_item, by_key)->listed = false;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(intent, kinds[k], o));) {
			rc = gw_node_put(d, o, &it);
			if (rc < 0)
				return rc;
		}
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->items) {
		it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);
		if (!it->listed)
			gw_node_drop(d, it);
	}
	return 0;
}

void gw_node_clear(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->items)
		gw_node_drop(d, GW_CONTAINER_OF(node, struct gw_node_item, by_key));
	gw_hmap_done(&d->items);
	gw_hmap_done(&d->ifaces);
}
