/* index.c - see index.h. Owned by the engine driver. */
#include "engine/index.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t vsid_hash(uint32_t vsid)
{
	return gw_hash_bytes(&vsid, sizeof vsid, 0);
}

static uint32_t peer_hash(uint32_t vsid, const struct gw_addr *pa)
{
	return gw_hash_bytes(pa, sizeof *pa, vsid);
}

static uint32_t route_hash(const struct gw_uuid *rdid, const struct gw_prefix *prefix)
{
	return gw_hash_bytes(&prefix->addr, sizeof prefix->addr, gw_hash_bytes(rdid, sizeof *rdid, prefix->len));
}

struct gw_vsid_use *gw_index_vsid(const struct gw_index *x, uint32_t vsid)
{
	GW_HMAP_FOR_EACH_HASH (n, &x->vsids, vsid_hash(vsid)) {
		struct gw_vsid_use *u = GW_CONTAINER_OF(n, struct gw_vsid_use, node);

		if (u->vsid == vsid)
			return u;
	}
	return NULL;
}

static struct gw_peer_use *find_peer(const struct gw_index *x, uint32_t vsid, const struct gw_addr *pa)
{
	GW_HMAP_FOR_EACH_HASH (n, &x->peers, peer_hash(vsid, pa)) {
		struct gw_peer_use *u = GW_CONTAINER_OF(n, struct gw_peer_use, node);

		if (u->vsid == vsid && gw_addr_equal(&u->pa, pa))
			return u;
	}
	return NULL;
}

const struct gw_peer_use *gw_index_peer(const struct gw_index *x, uint32_t vsid, const struct gw_addr *pa)
{
	return find_peer(x, vsid, pa);
}

static struct gw_vsid_use *want_vsid(struct gw_index *x, uint32_t vsid)
{
	struct gw_vsid_use *u = gw_index_vsid(x, vsid);

	if (u)
		return u;
	u = calloc(1, sizeof *u);
	if (!u)
		return NULL;
	u->vsid = vsid;
	if (gw_hmap_insert(&x->vsids, &u->node, vsid_hash(vsid)) < 0) {
		free(u);
		return NULL;
	}
	return u;
}

static int count_peer(struct gw_index *x, struct gw_vsid_use *v, const struct gw_addr *pa, int sign)
{
	struct gw_peer_use *u = find_peer(x, v->vsid, pa);

	if (!u) {
		u = calloc(1, sizeof *u);
		if (!u)
			return -ENOMEM;
		u->vsid = v->vsid;
		u->pa = *pa;
		if (gw_hmap_insert(&x->peers, &u->node, peer_hash(v->vsid, pa)) < 0) {
			free(u);
			return -ENOMEM;
		}
		u->next = v->peers;
		u->link = &v->peers;
		if (u->next)
			u->next->link = &u->next;
		v->peers = u;
	}
	u->count += sign;
	if (u->count == 0) {
		*u->link = u->next;
		if (u->next)
			u->next->link = u->link;
		gw_hmap_remove(&x->peers, &u->node);
		free(u);
	}
	return 0;
}

static int count_router(struct gw_vsid_use *v, const struct gw_lookup_record *r, int sign)
{
	struct gw_router_use **at = &v->routers, *u;

	while (*at && gw_addr_cmp(&(*at)->ca, &r->ca) < 0)
		at = &(*at)->next;
	/* A replaced record is there twice for a moment: the one with this MAC address goes. */
	if (sign < 0) {
		while (*at && gw_addr_equal(&(*at)->ca, &r->ca) && !gw_mac_equal(&(*at)->mac, &r->mac))
			at = &(*at)->next;
		u = *at;
		if (u && gw_addr_equal(&u->ca, &r->ca)) {
			*at = u->next;
			free(u);
		}
		return 0;
	}
	u = calloc(1, sizeof *u);
	if (!u)
		return -ENOMEM;
	u->ca = r->ca;
	u->mac = r->mac;
	u->next = *at;
	*at = u;
	return 0;
}

static bool same_route(const struct gw_customer_route *a, const struct gw_customer_route *b)
{
	return gw_uuid_equal(&a->rdid, &b->rdid) && a->vsid == b->vsid && gw_prefix_equal(&a->prefix, &b->prefix) &&
	       gw_addr_equal(&a->next_hop, &b->next_hop) && a->metric == b->metric;
}

static void forget_route(struct gw_index *x, struct gw_route_use *u)
{
	*u->link = u->next;
	if (u->next)
		u->next->link = u->link;
	gw_hmap_remove(&x->routes, &u->node);
	free(u);
}

static int count_route(struct gw_index *x, struct gw_vsid_use *v, const struct gw_customer_route *r, int sign)
{
	uint32_t hash = route_hash(&r->rdid, &r->prefix);
	struct gw_route_use *u;

	v->routes += sign;
	if (sign < 0) {
		GW_HMAP_FOR_EACH_HASH (n, &x->routes, hash) {
			u = GW_CONTAINER_OF(n, struct gw_route_use, node);
			if (same_route(&u->route, r)) {
				forget_route(x, u);
				return 0;
			}
		}
		return 0;
	}
	u = calloc(1, sizeof *u);
	if (!u)
		return -ENOMEM;
	u->route = *r;
	if (gw_hmap_insert(&x->routes, &u->node, hash) < 0) {
		free(u);
		return -ENOMEM;
	}
	u->next = v->route_list;
	u->link = &v->route_list;
	if (u->next)
		u->next->link = &u->next;
	v->route_list = u;
	return 0;
}

int gw_index_count(struct gw_index *x, const struct gw_hnv_object *o, int sign)
{
	struct gw_vsid_use *v;

	if (!o || (o->kind != GW_HNV_LOOKUP_RECORD && o->kind != GW_HNV_PORT && o->kind != GW_HNV_CUSTOMER_ROUTE))
		return 0;
	v = want_vsid(x, o->kind == GW_HNV_PORT		   ? o->port.vsid
			 : o->kind == GW_HNV_LOOKUP_RECORD ? o->record.vsid
							   : o->croute.vsid);
	if (!v)
		return -ENOMEM;
	if (o->kind == GW_HNV_PORT) {
		v->ports += sign;
		return 0;
	}
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		return count_route(x, v, &o->croute, sign);
	v->records += sign;
	return gw_hnv_record_is_router(&o->record) ? count_router(v, &o->record, sign)
						   : count_peer(x, v, &o->record.pa, sign);
}

const struct gw_route_use *gw_index_next_route(const struct gw_index *x, const struct gw_uuid *rdid,
					       const struct gw_prefix *prefix, const struct gw_route_use *prev)
{
	bool past = !prev;

	GW_HMAP_FOR_EACH_HASH (n, &x->routes, route_hash(rdid, prefix)) {
		const struct gw_route_use *u = GW_CONTAINER_OF(n, struct gw_route_use, node);

		if (past && gw_uuid_equal(&u->route.rdid, rdid) && gw_prefix_equal(&u->route.prefix, prefix))
			return u;
		past = past || u == prev;
	}
	return NULL;
}

void gw_index_settle(struct gw_index *x, uint32_t vsid)
{
	struct gw_vsid_use *u = gw_index_vsid(x, vsid);

	if (!u || u->records || u->ports || u->routes)
		return;
	gw_hmap_remove(&x->vsids, &u->node);
	free(u);
}

void gw_index_done(struct gw_index *x)
{
	GW_HMAP_FOR_EACH_SAFE (n, after, &x->vsids) {
		struct gw_vsid_use *u = GW_CONTAINER_OF(n, struct gw_vsid_use, node);

		for (struct gw_router_use *r = u->routers, *next; r; r = next) {
			next = r->next;
			free(r);
		}
		gw_hmap_remove(&x->vsids, n);
		free(u);
	}
	GW_HMAP_FOR_EACH_SAFE (n, after, &x->routes) {
		gw_hmap_remove(&x->routes, n);
		free(GW_CONTAINER_OF(n, struct gw_route_use, node));
	}
	GW_HMAP_FOR_EACH_SAFE (n, after, &x->peers) {
		gw_hmap_remove(&x->peers, n);
		free(GW_CONTAINER_OF(n, struct gw_peer_use, node));
	}
	gw_hmap_done(&x->vsids);
	gw_hmap_done(&x->peers);
	gw_hmap_done(&x->routes);
}
