/*
 * order.c - in which order a round carries out what is to be done, and what of it belongs together. Called by apply.c.
 *
 *   of the node itself what comes | tenants of which all that is told goes | the other tenants | of the node what goes | what failed
 *
 * What goes makes room and gives names back before others want them; what tenants send from is there before them, and goes after them. A
 * tenant is a routing domain with all of its virtual subnets, or a virtual subnet of which no routing domain is known; who was told of
 * first comes first. Within one deletions come first, then kinds in the order of application.
 */
#include "sync/private.h"

#include <errno.h>
#include <stdlib.h>

struct tenant {
	struct gw_hmap_node node; /* first */
	struct gw_sync_whole what;
	uint64_t first; /* order of what was told first of it; of each tenant another */
	bool stays;	/* not all that is told of it goes */
};

/* To which routing domain a virtual subnet belongs that is only to come. */
struct subnet {
	struct gw_hmap_node node; /* first */
	struct gw_uuid rdid;
	uint32_t vsid;
};

struct plan {
	const struct gw_intent *intent;
	struct gw_hmap tenants, subnets;
};

/* --- whose it is -------------------------------------------------------------------------------------------------- */

static int note_subnet(struct plan *p, const struct gw_hnv_object *o)
{
	uint32_t vsid = o->kind == GW_HNV_VRF ? o->vrf.vsid : o->croute.vsid;
	struct subnet *s;

	GW_HMAP_FOR_EACH_HASH (node, &p->subnets, vsid)
		if (GW_CONTAINER_OF(node, struct subnet, node)->vsid == vsid)
			return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->vsid = vsid;
	s->rdid = o->kind == GW_HNV_VRF ? o->vrf.rdid : o->croute.rdid;
	gw_hmap_insert(&p->subnets, &s->node, vsid);
	return 0;
}

static bool domain_of(const struct plan *p, uint32_t vsid, struct gw_uuid *ret)
{
	const struct gw_hnv_object *vrf = gw_intent_vrf_of_vsid(p->intent, vsid);

	if (gw_intent_domain(p->intent, vsid, ret))
		return true;
	if (vrf) {
		*ret = vrf->vrf.rdid;
		return true;
	}
	GW_HMAP_FOR_EACH_HASH (node, &p->subnets, vsid) {
		const struct subnet *s = GW_CONTAINER_OF(node, struct subnet, node);

		if (s->vsid != vsid)
			continue;
		*ret = s->rdid;
		return true;
	}
	return false;
}

/* false: the node's own. What is only a key is whose it is now. */
static bool whose(const struct plan *p, const struct gw_sync_item *item, struct gw_sync_whole *ret)
{
	const struct gw_hnv_object *now = item->is_delete ? gw_intent_get(p->intent, item->object) : NULL;
	const struct gw_hnv_object *o = now ? now : item->object;

	if (!gw_sync_whole_of(o, ret))
		return o->kind != GW_HNV_PROVIDER_ADDRESS && o->kind != GW_HNV_PROVIDER_ROUTE;
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		*ret = (struct gw_sync_whole){.rdid = o->croute.rdid};
	else if (ret->vsid && domain_of(p, ret->vsid, &ret->rdid))
		ret->vsid = 0;
	return true;
}

/* NULL: no memory. */
static struct tenant *tenant_of(struct plan *p, const struct gw_sync_whole *what)
{
	uint32_t hash = gw_hash_bytes(&what->rdid, sizeof what->rdid, what->vsid);
	struct tenant *t;

	GW_HMAP_FOR_EACH_HASH (node, &p->tenants, hash) {
		t = GW_CONTAINER_OF(node, struct tenant, node);
		if (t->what.vsid == what->vsid && gw_uuid_equal(&t->what.rdid, &what->rdid))
			return t;
	}
	t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->what = *what;
	t->first = UINT64_MAX;
	gw_hmap_insert(&p->tenants, &t->node, hash);
	return t;
}

/* --- its place ---------------------------------------------------------------------------------------------------- */

static int see(struct plan *p, struct gw_sync_item *item)
{
	struct gw_sync_whole what;
	struct tenant *t;

	if (item->failed || !whose(p, item, &what))
		return 0;
	t = tenant_of(p, &what);
	if (!t)
		return -ENOMEM;
	t->first = item->order < t->first ? item->order : t->first;
	t->stays |= !item->is_delete;
	return 0;
}

static void place(struct plan *p, struct gw_sync_item *item)
{
	struct gw_sync_whole what;
	const struct tenant *t;

	item->tenant = 0;
	if (item->failed) {
		item->place = GW_SYNC_FAILED;
		return;
	}
	if (!whose(p, item, &what)) {
		item->place = item->is_delete ? GW_SYNC_NODE_GOES : GW_SYNC_NODE_COMES;
		return;
	}
	t = tenant_of(p, &what); /* is there */
	item->place = t->stays ? GW_SYNC_TENANT_STAYS : GW_SYNC_TENANT_GOES;
	item->tenant = t->first;
}

/* Of what failed the last to fail is the last. */
static int compare(const void *a, const void *b)
{
	const struct gw_sync_item *x = *(struct gw_sync_item *const *)a, *y = *(struct gw_sync_item *const *)b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	if (x->place != GW_SYNC_FAILED && x->is_delete != y->is_delete)
		return x->is_delete ? -1 : 1;
	if (x->place != GW_SYNC_FAILED && x->object->kind != y->object->kind)
		return x->object->kind < y->object->kind ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

bool gw_sync_is_together(const struct gw_sync_item *a, const struct gw_sync_item *b)
{
	return a->place == b->place && a->tenant == b->tenant;
}

static void empty(struct gw_hmap *map)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, map) {
		gw_hmap_remove(map, node);
		free(node); /* it is the first member of both */
	}
	gw_hmap_done(map);
}

int gw_sync_put_in_order(const struct gw_intent *intent, struct gw_sync_item **items, size_t n)
{
	struct plan p = {.intent = intent};
	int r = gw_hmap_init(&p.tenants);

	if (r == 0)
		r = gw_hmap_init(&p.subnets);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!items[i]->is_delete &&
		    (items[i]->object->kind == GW_HNV_CUSTOMER_ROUTE || items[i]->object->kind == GW_HNV_VRF))
			r = note_subnet(&p, items[i]->object);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = see(&p, items[i]);
	for (size_t i = 0; r == 0 && i < n; i++)
		place(&p, items[i]);
	empty(&p.tenants);
	empty(&p.subnets);
	if (r == 0)
		qsort(items, n, sizeof *items, compare);
	return r;
}
