/*
 * table.c - the VRF driver's tables: routing domains with their customer routes and the record that wants a VRF, and of the lookup
 * records those that a VRF needs. No kernel here. Called by vrf.c.
 */
#include "vrf/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t rdid_hash(const struct gw_uuid *rdid)
{
	return gw_hash_bytes(rdid->b, sizeof rdid->b, 0);
}

/* --- domains --- */

struct gw_vrf_domain *gw_vrf_find(const struct gw_driver *d, const struct gw_uuid *rdid)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->domains, rdid_hash(rdid)) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		if (gw_uuid_equal(&dom->rdid, rdid))
			return dom;
	}
	return NULL;
}

struct gw_vrf_domain *gw_vrf_get(struct gw_driver *d, const struct gw_uuid *rdid)
{
	struct gw_vrf_domain *dom = gw_vrf_find(d, rdid);

	if (dom)
		return dom;
	dom = calloc(1, sizeof *dom);
	if (!dom)
		return NULL;
	dom->rdid = *rdid;
	dom->owner = d;
	if (gw_hmap_insert(&d->domains, &dom->by_rdid, rdid_hash(rdid)) < 0) {
		free(dom);
		return NULL;
	}
	return dom;
}

struct gw_vrf_domain *gw_vrf_of_vsid(const struct gw_driver *d, uint32_t vsid)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->vrfs, vsid) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid);

		if (dom->vsid == vsid)
			return dom;
	}
	return NULL;
}

static void unlink_dirty(struct gw_driver *d, struct gw_vrf_domain *dom)
{
	struct gw_vrf_domain **const lists[] = {&d->dirty, &d->again};

	for (size_t i = 0; i < 2 && dom->dirty; i++)
		for (struct gw_vrf_domain **at = lists[i]; *at; at = &(*at)->next_dirty)
			if (*at == dom) {
				*at = dom->next_dirty;
				dom->dirty = false;
				break;
			}
}

static void free_domain(struct gw_driver *d, struct gw_vrf_domain *dom)
{
	unlink_dirty(d, dom);
	GW_HMAP_FOR_EACH_SAFE (node, after, &dom->routes) {
		gw_hmap_remove(&dom->routes, node);
		free(GW_CONTAINER_OF(node, struct gw_vrf_route, by_key));
	}
	gw_hmap_done(&dom->routes);
	gw_hmap_remove(&d->domains, &dom->by_rdid);
	gw_vrf_drop_kept(dom, false);
	gw_vrf_drop_kept(dom, true);
	gw_vrf_wanted_done(&dom->wanted);
	gw_vrf_drop_ways(dom);
	free(dom);
}

void gw_vrf_forget_if_unused(struct gw_driver *d, struct gw_vrf_domain *dom)
{
	if (!dom->has_record && !dom->nl && !dom->vsid && dom->routes.n == 0 && !dom->touched)
		free_domain(d, dom);
}

void gw_vrf_mark(struct gw_vrf_domain *dom, const char *why)
{
	struct gw_driver *d = dom->owner;

	if (!dom->dirty) {
		dom->dirty = true;
		dom->next_dirty = d->dirty;
		d->dirty = dom;
	}
	d->env.want_sync(d->env.core, why);
}

/* --- routes --- */

static struct gw_vrf_route *find_route(const struct gw_vrf_domain *dom, const struct gw_hnv_object *o)
{
	const struct gw_customer_route *c = &o->croute;

	GW_HMAP_FOR_EACH_HASH (node, &dom->routes, gw_hnv_key_hash(o)) {
		struct gw_vrf_route *r = GW_CONTAINER_OF(node, struct gw_vrf_route, by_key);

		if (r->vsid == c->vsid && gw_prefix_equal(&r->prefix, &c->prefix) &&
		    gw_addr_equal(&r->next_hop, &c->next_hop))
			return r;
	}
	return NULL;
}

int gw_vrf_put_route(struct gw_driver *d, const struct gw_hnv_object *o)
{
	struct gw_vrf_domain *dom = gw_vrf_get(d, &o->croute.rdid);
	struct gw_vrf_route *r = dom ? find_route(dom, o) : NULL;

	if (!dom)
		return -ENOMEM;
	if (!r) {
		r = calloc(1, sizeof *r);
		if (!r)
			return -ENOMEM;
		r->vsid = o->croute.vsid;
		r->prefix = o->croute.prefix;
		r->next_hop = o->croute.next_hop;
		if (gw_hmap_insert(&dom->routes, &r->by_key, gw_hnv_key_hash(o)) < 0) {
			free(r);
			return -ENOMEM;
		}
	}
	r->listed = true;
	return 0;
}

static void free_route(struct gw_vrf_domain *dom, struct gw_vrf_route *r)
{
	gw_hmap_remove(&dom->routes, &r->by_key);
	free(r);
}

void gw_vrf_drop_route(struct gw_driver *d, const struct gw_hnv_object *o)
{
	struct gw_vrf_domain *dom = gw_vrf_find(d, &o->croute.rdid);
	struct gw_vrf_route *r = dom ? find_route(dom, o) : NULL;

	if (r)
		free_route(dom, r);
}

/* --- who has which address --- */

bool gw_vrf_is_holder(const struct gw_intent *in, const struct gw_lookup_record *r)
{
	const struct gw_hnv_object *o;

	if (gw_hnv_record_is_router(r))
		return true;
	if (r->type == GW_RECORD_WILDCARD || r->type == GW_RECORD_L2ONLY)
		return false;
	o = gw_intent_vrf_of_vsid(in, r->vsid);
	return o && !(o->vrf.has_ca && gw_addr_equal(&r->ca, &o->vrf.ca)) &&
	       !(o->vrf.has_ca6 && gw_addr_equal(&r->ca, &o->vrf.ca6));
}

static uint32_t holder_hash(const struct gw_lookup_record *rec)
{
	return gw_hash_bytes(rec->ca.b, sizeof rec->ca.b, rec->vsid);
}

static struct gw_vrf_holder *find_holder(const struct gw_driver *d, const struct gw_lookup_record *rec)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->holders, holder_hash(rec)) {
		struct gw_vrf_holder *h = GW_CONTAINER_OF(node, struct gw_vrf_holder, by_key);

		if (h->vsid == rec->vsid && gw_addr_equal(&h->ca, &rec->ca))
			return h;
	}
	return NULL;
}

static void free_holder(struct gw_driver *d, struct gw_vrf_holder *h)
{
	gw_hmap_remove(&d->holders, &h->by_key);
	gw_hmap_remove(&d->holders_of, &h->by_vsid);
	free(h);
}

int gw_vrf_put_holder(struct gw_driver *d, const struct gw_lookup_record *rec)
{
	struct gw_vrf_holder *h = find_holder(d, rec);

	if (!h) {
		h = calloc(1, sizeof *h);
		if (!h)
			return -ENOMEM;
		h->vsid = rec->vsid;
		h->ca = rec->ca;
		if (gw_hmap_insert(&d->holders, &h->by_key, holder_hash(rec)) < 0) {
			free(h);
			return -ENOMEM;
		}
		if (gw_hmap_insert(&d->holders_of, &h->by_vsid, rec->vsid) < 0) {
			gw_hmap_remove(&d->holders, &h->by_key);
			free(h);
			return -ENOMEM;
		}
	}
	h->router = gw_hnv_record_is_router(rec);
	h->mac = rec->mac;
	h->listed = true;
	return 0;
}

void gw_vrf_drop_holder(struct gw_driver *d, const struct gw_lookup_record *rec)
{
	struct gw_vrf_holder *h = find_holder(d, rec);

	if (h)
		free_holder(d, h);
}

static int put_if_holder(struct gw_driver *d, const struct gw_intent *in, const struct gw_lookup_record *rec)
{
	return gw_vrf_is_holder(in, rec) ? gw_vrf_put_holder(d, rec) : 0;
}

static int compare_vsids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int gw_vrf_put_holders(struct gw_driver *d, const struct gw_intent *in, uint32_t *vsids, size_t n)
{
	qsort(vsids, n, sizeof *vsids, compare_vsids);
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_LOOKUP_RECORD, o));)
		if (bsearch(&o->record.vsid, vsids, n, sizeof *vsids, compare_vsids) &&
		    put_if_holder(d, in, &o->record) < 0)
			return -ENOMEM;
	return 0;
}

/* --- all of it --- */

static void unlist(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH (node, &d->domains) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		dom->has_record = false;
		GW_HMAP_FOR_EACH (at, &dom->routes)
			GW_CONTAINER_OF(at, struct gw_vrf_route, by_key)->listed = false;
	}
	GW_HMAP_FOR_EACH (node, &d->holders)
		GW_CONTAINER_OF(node, struct gw_vrf_holder, by_key)->listed = false;
}

static void drop_unlisted(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH (node, &d->domains) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		GW_HMAP_FOR_EACH_SAFE (at, behind, &dom->routes) {
			struct gw_vrf_route *r = GW_CONTAINER_OF(at, struct gw_vrf_route, by_key);

			if (!r->listed)
				free_route(dom, r);
		}
	}
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->holders) {
		struct gw_vrf_holder *h = GW_CONTAINER_OF(node, struct gw_vrf_holder, by_key);

		if (!h->listed)
			free_holder(d, h);
	}
}

int gw_vrf_follow(struct gw_driver *d, const struct gw_intent *in)
{
	unlist(d);
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_CUSTOMER_ROUTE, o));)
		if (gw_vrf_put_route(d, o) < 0)
			return -ENOMEM;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_LOOKUP_RECORD, o));)
		if (put_if_holder(d, in, &o->record) < 0)
			return -ENOMEM;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_VRF, o));) {
		struct gw_vrf_domain *dom = gw_vrf_get(d, &o->vrf.rdid);

		if (!dom)
			return -ENOMEM;
		dom->has_record = true;
		dom->record = o->vrf;
	}
	drop_unlisted(d);
	return 0;
}

void gw_vrf_clear(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->domains) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_rdid);

		if (dom->nl) {
			gw_hmap_remove(&d->vrfs, &dom->by_vsid);
			gw_nl_unwatch(dom->nl, dom);
			dom->nl = gw_nl_close(dom->nl);
		}
		free_domain(d, dom);
	}
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->holders)
		free_holder(d, GW_CONTAINER_OF(node, struct gw_vrf_holder, by_key));
	gw_hmap_done(&d->domains);
	gw_hmap_done(&d->vrfs);
	gw_hmap_done(&d->holders);
	gw_hmap_done(&d->holders_of);
}
