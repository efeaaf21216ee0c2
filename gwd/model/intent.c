/*
 * intent.c - see intent.h. Owns every object in it, by several indexes. The composition root makes one; the reconciler changes
 * it (intent_change.c); drivers and the API read it.
 */
#include "model/intent_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct gw_hnv_object *of_mac(struct gw_hmap_node *node)
{
	return node ? GW_CONTAINER_OF(node, struct gw_hnv_object, by_mac) : NULL;
}

int gw_intent_new(const struct gw_intent_limits *limits, struct gw_intent **ret)
{
	struct gw_intent *in = calloc(1, sizeof *in);

	if (!in)
		return -ENOMEM;
	in->limits = *limits;
	in->alone = calloc(1, sizeof *in->alone);
	in->by_place.compare = gw_intent_by_place;
	if (!in->alone || gw_hmap_init(&in->by_mac) < 0 || gw_hmap_init(&in->by_vsid) < 0 ||
	    gw_hmap_init(&in->by_domain) < 0 || gw_hmap_init(&in->gone) < 0 || gw_domains_init(&in->domains) < 0)
		goto oom;
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		if (gw_hmap_init(&in->maps[k]) < 0)
			goto oom;
	*ret = in;
	return 0;
oom:
	gw_intent_free(in);
	return -ENOMEM;
}

void gw_intent_set_limits(struct gw_intent *in, const struct gw_intent_limits *limits)
{
	in->limits = *limits;
}

struct gw_intent *gw_intent_free(struct gw_intent *in)
{
	if (!in)
		return NULL;
	if (in->changing)
		gw_intent_rollback(in);
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		GW_HMAP_FOR_EACH_SAFE (node, after, &in->maps[k])
			gw_hnv_object_free(gw_intent_of_key(node));
		gw_hmap_done(&in->maps[k]);
	}
	gw_hmap_done(&in->by_mac);
	gw_hmap_done(&in->by_vsid);
	gw_hmap_done(&in->by_domain);
	gw_hmap_done(&in->gone);
	gw_domains_done(&in->domains);
	free(in->alone);
	free(in->changes);
	free(in);
	return NULL;
}

/* --- indexes --- */

static bool mac_of(const struct gw_hnv_object *o, uint32_t *ret_vsid, const struct gw_mac **ret_mac)
{
	if (o->kind == GW_HNV_LOOKUP_RECORD) {
		*ret_vsid = o->record.vsid;
		*ret_mac = &o->record.mac;
	} else if (o->kind == GW_HNV_PORT) {
		*ret_vsid = o->port.vsid;
		*ret_mac = &o->port.mac;
	} else {
		return false;
	}
	return true;
}

static uint32_t mac_hash(uint32_t vsid, const struct gw_mac *mac)
{
	return gw_hash_bytes(mac, sizeof *mac, vsid);
}

static uint32_t vsid_hash(uint32_t vsid)
{
	return gw_hash_bytes(&vsid, sizeof vsid, 0);
}

static bool is_of_domain(const struct gw_hnv_object *o)
{
	return o->kind != GW_HNV_VRF && gw_hnv_rdid(o);
}

static uint32_t domain_hash(enum gw_hnv_kind kind, const struct gw_uuid *rdid)
{
	return gw_hash_bytes(rdid, sizeof *rdid, kind);
}

void gw_intent_link(struct gw_intent *in, struct gw_hnv_object *o)
{
	const struct gw_mac *mac;
	uint32_t vsid;

	gw_hmap_insert(&in->maps[o->kind], &o->by_key, gw_hnv_key_hash(o));
	if (mac_of(o, &vsid, &mac))
		gw_hmap_insert(&in->by_mac, &o->by_mac, mac_hash(vsid, mac));
	else if (o->kind == GW_HNV_VRF)
		gw_hmap_insert(&in->by_vsid, &o->by_vsid, vsid_hash(o->vrf.vsid));
	else if (is_of_domain(o))
		gw_hmap_insert(&in->by_domain, &o->by_domain, domain_hash(o->kind, gw_hnv_rdid(o)));
	if (o->kind == GW_HNV_PUBLIC)
		gw_rank_insert(&in->by_place, &o->public.by_place);
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		gw_domains_ref(&in->domains, &o->croute.rdid, o->croute.vsid);
}

void gw_intent_unlink(struct gw_intent *in, struct gw_hnv_object *o)
{
	const struct gw_mac *mac;
	uint32_t vsid;

	gw_hmap_remove(&in->maps[o->kind], &o->by_key);
	if (mac_of(o, &vsid, &mac))
		gw_hmap_remove(&in->by_mac, &o->by_mac);
	else if (o->kind == GW_HNV_VRF)
		gw_hmap_remove(&in->by_vsid, &o->by_vsid);
	else if (is_of_domain(o))
		gw_hmap_remove(&in->by_domain, &o->by_domain);
	if (o->kind == GW_HNV_PUBLIC)
		gw_rank_remove(&in->by_place, &o->public.by_place);
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		gw_domains_unref(&in->domains, o->croute.vsid);
}

struct gw_hnv_object *gw_intent_find(const struct gw_hmap *map, const struct gw_hnv_object *key)
{
	GW_HMAP_FOR_EACH_HASH (node, map, gw_hnv_key_hash(key))
		if (gw_hnv_same_key(gw_intent_of_key(node), key))
			return gw_intent_of_key(node);
	return NULL;
}

/* --- reading --- */

const struct gw_hnv_object *gw_intent_get(const struct gw_intent *in, const struct gw_hnv_object *key)
{
	return gw_intent_find(&in->maps[key->kind], key);
}

const struct gw_hnv_object *gw_intent_record(const struct gw_intent *in, uint32_t vsid, const struct gw_addr *ca)
{
	return gw_intent_get(
		in, &(struct gw_hnv_object){.kind = GW_HNV_LOOKUP_RECORD, .record = {.vsid = vsid, .ca = *ca}});
}

const struct gw_hnv_object *gw_intent_port(const struct gw_intent *in, const char *interface)
{
	struct gw_hnv_object key = {.kind = GW_HNV_PORT};
	size_t n = strlen(interface);

	if (n >= sizeof key.port.interface)
		return NULL;
	memcpy(key.port.interface, interface, n + 1);
	return gw_intent_get(in, &key);
}

const struct gw_hnv_object *gw_intent_paddr(const struct gw_intent *in, const struct gw_addr *pa)
{
	return gw_intent_get(in, &(struct gw_hnv_object){.kind = GW_HNV_PROVIDER_ADDRESS, .paddr = {.pa = *pa}});
}

const struct gw_hnv_object *gw_intent_vrf(const struct gw_intent *in, const struct gw_uuid *rdid)
{
	return gw_intent_get(in, &(struct gw_hnv_object){.kind = GW_HNV_VRF, .vrf = {.rdid = *rdid}});
}

const struct gw_hnv_object *gw_intent_vrf_of_vsid(const struct gw_intent *in, uint32_t vsid)
{
	GW_HMAP_FOR_EACH_HASH (node, &in->by_vsid, vsid_hash(vsid))
		if (GW_CONTAINER_OF(node, struct gw_hnv_object, by_vsid)->vrf.vsid == vsid)
			return GW_CONTAINER_OF(node, struct gw_hnv_object, by_vsid);
	return NULL;
}

const struct gw_hnv_object *gw_intent_next_of_domain(const struct gw_intent *in, enum gw_hnv_kind kind,
						     const struct gw_uuid *rdid, const struct gw_hnv_object *prev)
{
	struct gw_hmap_node *node = prev ? gw_hmap_next_hash(&prev->by_domain)
					 : gw_hmap_first_hash(&in->by_domain, domain_hash(kind, rdid));

	for (; node; node = gw_hmap_next_hash(node)) {
		struct gw_hnv_object *o = GW_CONTAINER_OF(node, struct gw_hnv_object, by_domain);

		if (o->kind == kind && gw_uuid_equal(gw_hnv_rdid(o), rdid))
			return o;
	}
	return NULL;
}

size_t gw_intent_count(const struct gw_intent *in, enum gw_hnv_kind kind)
{
	return in->maps[kind].n;
}

uint64_t gw_intent_generation(const struct gw_intent *in)
{
	return in->generation;
}

const struct gw_hnv_object *gw_intent_next(const struct gw_intent *in, enum gw_hnv_kind kind,
					   const struct gw_hnv_object *prev)
{
	const struct gw_hmap *map = &in->maps[kind];

	return gw_intent_of_key(prev ? gw_hmap_next(map, &prev->by_key) : gw_hmap_first(map));
}

const struct gw_hnv_object *gw_intent_next_by_mac(const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac,
						  const struct gw_hnv_object *prev)
{
	struct gw_hmap_node *node =
		prev ? gw_hmap_next_hash(&prev->by_mac) : gw_hmap_first_hash(&in->by_mac, mac_hash(vsid, mac));

	for (; node; node = gw_hmap_next_hash(node)) {
		const struct gw_mac *m;
		uint32_t v;

		if (mac_of(of_mac(node), &v, &m) && v == vsid && gw_mac_equal(m, mac))
			return of_mac(node);
	}
	return NULL;
}

bool gw_intent_domain(const struct gw_intent *in, uint32_t vsid, struct gw_uuid *ret)
{
	const struct gw_domain *dom = gw_domains_find(&in->domains, vsid);

	if (dom)
		*ret = dom->rdid;
	return dom;
}

uint32_t gw_intent_domain_id(const struct gw_intent *in, uint32_t vsid)
{
	const struct gw_domain *dom = gw_domains_find(&in->domains, vsid);

	return dom ? dom->vsids[0] : vsid;
}

const uint32_t *gw_intent_rdid_vsids(const struct gw_intent *in, const struct gw_uuid *rdid, size_t *ret_n)
{
	const struct gw_domain *dom = gw_domains_named(&in->domains, rdid);

	*ret_n = dom ? dom->n : 0;
	return dom ? dom->vsids : NULL;
}

const uint32_t *gw_intent_domain_vsids(const struct gw_intent *in, uint32_t vsid, size_t *ret_n)
{
	const struct gw_domain *dom = gw_domains_find(&in->domains, vsid);

	if (dom) {
		*ret_n = dom->n;
		return dom->vsids;
	}
	*in->alone = vsid;
	*ret_n = 1;
	return in->alone;
}
