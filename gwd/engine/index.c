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

int gw_index_count(struct gw_index *x, const struct gw_hnv_object *o, int sign)
{
	struct gw_vsid_use *v;

	if (!o || (o->kind != GW_HNV_LOOKUP_RECORD && o->kind != GW_HNV_PORT))
		return 0;
	v = want_vsid(x, o->kind == GW_HNV_PORT ? o->port.vsid : o->record.vsid);
	if (!v)
		return -ENOMEM;
	if (o->kind == GW_HNV_PORT) {
		v->ports += sign;
		return 0;
	}
	v->records += sign;
	return gw_hnv_record_is_router(&o->record) ? 0 : count_peer(x, v, &o->record.pa, sign);
}

void gw_index_settle(struct gw_index *x, uint32_t vsid)
{
	struct gw_vsid_use *u = gw_index_vsid(x, vsid);

	if (!u || u->records || u->ports)
		return;
	gw_hmap_remove(&x->vsids, &u->node);
	free(u);
}

void gw_index_done(struct gw_index *x)
{
	GW_HMAP_FOR_EACH_SAFE (n, after, &x->vsids) {
		gw_hmap_remove(&x->vsids, n);
		free(GW_CONTAINER_OF(n, struct gw_vsid_use, node));
	}
	GW_HMAP_FOR_EACH_SAFE (n, after, &x->peers) {
		gw_hmap_remove(&x->peers, n);
		free(GW_CONTAINER_OF(n, struct gw_peer_use, node));
	}
	gw_hmap_done(&x->vsids);
	gw_hmap_done(&x->peers);
}
