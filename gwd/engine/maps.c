/*
 * maps.c - brings the BPF maps to what desired.c wants, for one key (after a change) or for all (sync). Writing is
 * idempotent, so that a change can be undone by its inverse from any point.
 */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "engine.skel.h"
#include "engine/tc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#define MAX_KEY	  sizeof(struct gw_subnet_key)
#define MAX_VALUE sizeof(struct gw_bpf_port)

static const struct gw_bpf *bpf_of(const struct gw_driver *d)
{
	return gw_loader_bpf(d->loader);
}

static int map_error(const struct bpf_map *m, int errnum, struct gw_error *err)
{
	if (errnum == E2BIG || errnum == ENOSPC)
		return gw_error_set(err, E2BIG, GW_ERR_LIMIT_EXCEEDED, bpf_map__name(m),
				    "the engine's table '%s' is full (%u entries); raise [engine] record_limit or "
				    "[limits] and restart gwd",
				    bpf_map__name(m), bpf_map__max_entries(m));
	if (errnum == ENOMEM)
		return gw_error_set(err, ENOMEM, GW_ERR_UNAVAILABLE, bpf_map__name(m),
				    "the kernel has no memory for the engine's table '%s'", bpf_map__name(m));
	return gw_error_set(err, errnum, GW_ERR_INTERNAL, bpf_map__name(m), "cannot write the engine's table '%s': %s",
			    bpf_map__name(m), strerror(errnum));
}

/* Writes `value`, or deletes the key when value is NULL; skips what is as it should be. */
static int bring(const struct bpf_map *m, const void *key, const void *value, struct gw_error *err)
{
	char now[MAX_VALUE] __attribute__((aligned(8)));
	int fd = bpf_map__fd(m);

	if (!value)
		return bpf_map_delete_elem(fd, key) < 0 && errno != ENOENT ? map_error(m, errno, err) : 0;
	if (bpf_map_lookup_elem(fd, key, now) == 0 && memcmp(now, value, bpf_map__value_size(m)) == 0)
		return 0;
	return bpf_map_update_elem(fd, key, value, BPF_ANY) < 0 ? map_error(m, errno, err) : 0;
}

/* --- one key ------------------------------------------------------------------------------------------------------------ */

static int refresh_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_record_key *key,
			  struct gw_error *err)
{
	struct gw_bpf_record r;

	return bring(bpf_of(d)->maps.records, key, gw_want_record(d, in, key, &r) ? &r : NULL, err);
}

static int refresh_mac_key(struct gw_driver *d, const struct gw_intent *in, const struct gw_mac_key *key,
			   struct gw_error *err)
{
	struct gw_bpf_mac m;

	return bring(bpf_of(d)->maps.macs, key, gw_want_mac(d, in, key, &m) ? &m : NULL, err);
}

int gw_maps_refresh_mac(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac,
			struct gw_error *err)
{
	struct gw_mac_key key = gw_mac_key_of(vsid, mac);

	return refresh_mac_key(d, in, &key, err);
}

static int refresh_peer(struct gw_driver *d, const struct gw_intent *in, uint32_t domain, const struct gw_addr *pa,
			struct gw_error *err)
{
	const struct bpf_map *m = bpf_of(d)->maps.peers;
	struct gw_peer_key key = {.domain = domain, .pa = gw_ip_of(pa)};
	struct gw_bpf_peer unheard = {0};

	if (!gw_want_peer(d, in, &key))
		return bring(m, &key, NULL, err);
	/* The value belongs to the programs: an entry that is there stays as it is. */
	if (bpf_map_update_elem(bpf_map__fd(m), &key, &unheard, BPF_NOEXIST) < 0 && errno != EEXIST)
		return map_error(m, errno, err);
	return 0;
}

/* All peers that the VSIDs of a domain have, under a domain number that has just become, or ceased to be, theirs. */
static int refresh_domain_peers(struct gw_driver *d, const struct gw_intent *in, const struct gw_vsid_use *u,
				uint32_t domain, struct gw_error *err)
{
	int r = 0;

	for (const struct gw_peer_use *p = u->peers; p && r == 0; p = p->next)
		r = refresh_peer(d, in, domain, &p->pa, err);
	return r;
}

/* Where frames for the ports of a VSID are looked up, its domain is written too. */
static int refresh_ports_domain(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	int r = 0;

	for (const struct gw_hnv_object *o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_PORT, o));)
		if (o->port.vsid == vsid)
			r = gw_maps_refresh_mac(d, in, vsid, &o->port.mac, err);
	return r;
}

/*
 * The VSID's entry, and when it has changed its routing domain the peers of both. New peers come before the switch and old
 * ones go after it, so that no packet finds itself between the two.
 */
static int refresh_vsid(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);
	const struct bpf_map *m = bpf_of(d)->maps.vsids;
	struct gw_bpf_vsid want, was;
	bool had = bpf_map_lookup_elem(bpf_map__fd(m), &vsid, &was) == 0;
	int r;

	if (!gw_want_vsid(d, in, vsid, &want)) {
		gw_slots_put(&d->vsid_slots, vsid, d);
		return bring(m, &vsid, NULL, err);
	}
	r = had && was.domain == want.domain ? 0 : refresh_domain_peers(d, in, u, want.domain, err);
	if (r == 0)
		r = bring(m, &vsid, &want, err);
	if (r == 0 && had && was.domain != want.domain) {
		r = refresh_ports_domain(d, in, vsid, err);
		if (r == 0)
			r = refresh_domain_peers(d, in, u, was.domain, err);
	}
	if (r == 0 && !u->ports)
		gw_slots_put(&d->vsid_slots, vsid, d);
	return r;
}

/* Every VSID of the domain that `vsid` is in now, and `vsid` itself. */
static int refresh_domain(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	size_t n;
	const uint32_t *now = gw_intent_domain_vsids(in, vsid, &n);
	_cleanup_free_ uint32_t *vsids =
		malloc(n * sizeof *vsids); /* the intent's own is good until the next question */
	int r = 0;

	if (!vsids)
		return gw_error_oom(err);
	memcpy(vsids, now, n * sizeof *vsids);
	for (size_t i = 0; i < n && r == 0; i++)
		r = refresh_vsid(d, in, vsids[i], err);
	return r;
}

int gw_maps_refresh_port(struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
			 struct gw_error *err)
{
	struct gw_bpf_port p;
	__u32 ifindex = i->link.ifindex;

	if (!ifindex)
		return 0;
	return bring(bpf_of(d)->maps.ports, &ifindex, gw_want_port(d, in, i, &p) ? &p : NULL, err);
}

static int refresh_provider(struct gw_driver *d, const struct gw_intent *in, const struct gw_addr *pa,
			    struct gw_error *err)
{
	struct gw_ip key = gw_ip_of(pa);
	uint32_t ifindex;

	return bring(bpf_of(d)->maps.provider_addresses, &key,
		     gw_want_provider(d, in, &key, &ifindex) ? &ifindex : NULL, err);
}

int gw_maps_refresh_providers(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	for (const struct gw_hnv_object *o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));)
		r = refresh_provider(d, in, &o->paddr.pa, err);
	return r;
}

static int refresh_subnet(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *croute,
			  struct gw_error *err)
{
	struct gw_subnet_key key;
	struct gw_bpf_subnet s;

	return bring(bpf_of(d)->maps.subnets, &key, gw_want_subnet(in, croute, &key, &s) ? &s : NULL, err);
}

void gw_maps_bump(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid)
{
	int fd = bpf_map__fd(bpf_of(d)->maps.generations);
	uint32_t domain = vsid ? gw_intent_domain_id(in, vsid) : 0;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PORT, o));) {
		const struct gw_iface *i = gw_iface_find(d, o->port.interface);
		uint32_t slot, generation;

		if (!i || (vsid && gw_intent_domain_id(in, o->port.vsid) != domain) ||
		    !gw_slots_find(&d->port_slots, i->link.ifindex, &slot) ||
		    bpf_map_lookup_elem(fd, &slot, &generation) < 0)
			continue;
		generation++;
		bpf_map_update_elem(fd, &slot, &generation, BPF_ANY);
	}
}

/* --- changes ------------------------------------------------------------------------------------------------------------ */

static int apply_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			struct gw_error *err)
{
	const struct gw_lookup_record *rec = &o->record;
	struct gw_record_key key = gw_record_key_of(rec);
	int r = refresh_vsid(d, in, rec->vsid, err);

	if (r == 0)
		r = refresh_peer(d, in, gw_intent_domain_id(in, rec->vsid), &rec->pa, err);
	if (r == 0)
		r = refresh_record(d, in, &key, err);
	if (r == 0)
		r = gw_maps_refresh_mac(d, in, rec->vsid, &rec->mac, err);
	/* The record may be a port's own, and name the address that its tunnels start from. */
	for (const struct gw_hnv_object *p = NULL;
	     r == 0 && (p = gw_intent_next_by_mac(in, rec->vsid, &rec->mac, p));) {
		const struct gw_iface *i = p->kind == GW_HNV_PORT ? gw_iface_find(d, p->port.interface) : NULL;

		if (i)
			r = gw_maps_refresh_port(d, in, i, err);
	}
	gw_maps_bump(d, in, rec->vsid);
	return r;
}

static int apply_croute(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			struct gw_error *err)
{
	int r = refresh_subnet(d, in, o, err);

	if (r == 0)
		r = refresh_vsid(d, in, o->croute.vsid, err);
	if (r == 0)
		r = refresh_domain(d, in, o->croute.vsid, err);
	gw_maps_bump(d, in, o->croute.vsid);
	return r;
}

/*
 * A VSID that leaves its domain can change the number of the VSIDs that stay: all that shared the old number are looked at
 * again. `was` is a VSID that had been in the domain.
 */
static int refresh_former_domain(struct gw_driver *d, const struct gw_intent *in, const struct gw_uuid *rdid,
				 struct gw_error *err)
{
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_CUSTOMER_ROUTE, o));)
		if (gw_uuid_equal(&o->croute.rdid, rdid))
			return refresh_domain(d, in, o->croute.vsid, err);
	return 0;
}

/* Whether other nodes are reached directly depends on the provider routes, and is part of every flow. */
static int refresh_ports(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (r == 0 && i->is_port)
			r = gw_maps_refresh_port(d, in, i, err);
	}
	gw_maps_bump(d, in, 0);
	return r;
}

static int apply_one(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o, bool removed,
		     struct gw_error *err)
{
	int r = 0;

	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return apply_record(d, in, o, err);
	case GW_HNV_CUSTOMER_ROUTE:
		r = apply_croute(d, in, o, err);
		if (r == 0 && removed)
			r = refresh_former_domain(d, in, &o->croute.rdid, err);
		return r;
	case GW_HNV_PROVIDER_ADDRESS:
		return refresh_provider(d, in, &o->paddr.pa, err);
	case GW_HNV_PROVIDER_ROUTE:
		return refresh_ports(d, in, err);
	case GW_HNV_PORT:
		r = refresh_vsid(d, in, o->port.vsid, err);
		if (r == 0)
			r = gw_maps_refresh_mac(d, in, o->port.vsid, &o->port.mac, err);
		gw_maps_bump(d, in, o->port.vsid);
		return r;
	default:
		return 0;
	}
}

/* The domain number that a VSID has in the kernel, 0 for none. */
static uint32_t kernel_domain(const struct gw_driver *d, uint32_t vsid)
{
	struct gw_bpf_vsid v;

	return bpf_map_lookup_elem(bpf_map__fd(bpf_of(d)->maps.vsids), &vsid, &v) == 0 ? v.domain : 0;
}

/*
 * A record that goes in the same change in which its VSID leaves its domain, or the domain gets another number, leaves its
 * peer under a number that nothing else leads to any more.
 */
static int drop_former_peers(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta,
			     const uint32_t *domains, struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < delta->n && r == 0; i++)
		if (domains[i])
			r = refresh_peer(d, in, domains[i], &delta->changes[i].before->record.pa, err);
	return r;
}

int gw_maps_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	_cleanup_free_ uint32_t *domains = calloc(delta->n ? delta->n : 1, sizeof *domains);
	bool providers = false;
	int r = 0;

	if (!domains)
		return gw_error_oom(err);
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].before;

		if (o && o->kind == GW_HNV_LOOKUP_RECORD)
			domains[i] = kernel_domain(d, o->record.vsid);
	}

	for (size_t i = 0; i < delta->n && r == 0; i++) {
		const struct gw_change *c = &delta->changes[i];
		const struct gw_hnv_object *any = c->after ? c->after : c->before;

		assert(any);
		providers |= any->kind == GW_HNV_PROVIDER_ADDRESS;
		/* What is new first: an old key that is still wanted keeps its entry throughout. */
		if (c->after)
			r = apply_one(d, in, c->after, false, err);
		if (r == 0 && c->before)
			r = apply_one(d, in, c->before, !c->after, err);
	}
	if (r == 0)
		r = drop_former_peers(d, in, delta, domains, err);
	/* Which addresses are this node's own is written into every record that names one. */
	if (r == 0 && providers)
		r = gw_maps_sync(d, in, err);
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].before;

		if (o && (o->kind == GW_HNV_LOOKUP_RECORD || o->kind == GW_HNV_PORT))
			gw_index_settle(&d->index, o->kind == GW_HNV_PORT ? o->port.vsid : o->record.vsid);
	}
	return r;
}

/* --- everything ----------------------------------------------------------------------------------------------------------- */

/* Whether the map should still have this key. */
typedef bool (*wanted)(const struct gw_driver *d, const struct gw_intent *in, const void *key);

static bool wanted_record(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_record r;

	return gw_want_record(d, in, key, &r);
}

static bool wanted_mac(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_mac m;

	return gw_want_mac(d, in, key, &m);
}

static bool wanted_vsid(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_vsid v;

	return gw_want_vsid(d, in, *(const uint32_t *)key, &v);
}

static bool wanted_peer(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	return gw_want_peer(d, in, key);
}

static bool wanted_provider(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	uint32_t ifindex;

	return gw_want_provider(d, in, key, &ifindex);
}

static bool wanted_subnet(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	(void)d;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_CUSTOMER_ROUTE, o));) {
		struct gw_subnet_key k;
		struct gw_bpf_subnet s;

		if (gw_want_subnet(in, o, &k, &s) && memcmp(&k, key, sizeof k) == 0)
			return true;
	}
	return false;
}

/* Deletes the keys that are not wanted. */
static int prune(struct gw_driver *d, const struct gw_intent *in, const struct bpf_map *m, wanted is_wanted,
		 struct gw_error *err)
{
	char key[MAX_KEY] __attribute__((aligned(8))), next[MAX_KEY] __attribute__((aligned(8)));
	int fd = bpf_map__fd(m), r = 0;
	bool more = bpf_map_get_next_key(fd, NULL, key) == 0;

	while (more && r == 0) {
		more = bpf_map_get_next_key(fd, key, next) == 0;
		if (!is_wanted(d, in, key))
			r = bring(m, key, NULL, err);
		memcpy(key, next, sizeof key);
	}
	return r;
}

static int write_all(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	const struct gw_hnv_object *o;
	int r = gw_maps_refresh_providers(d, in, err);

	for (o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_CUSTOMER_ROUTE, o));)
		r = refresh_subnet(d, in, o, err);
	GW_HMAP_FOR_EACH (n, &d->index.peers) {
		const struct gw_peer_use *u = GW_CONTAINER_OF(n, struct gw_peer_use, node);

		if (r == 0)
			r = refresh_peer(d, in, gw_intent_domain_id(in, u->vsid), &u->pa, err);
	}
	GW_HMAP_FOR_EACH (n, &d->index.vsids) {
		uint32_t vsid = GW_CONTAINER_OF(n, struct gw_vsid_use, node)->vsid;

		if (r == 0)
			r = refresh_vsid(d, in, vsid, err);
	}
	for (o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_LOOKUP_RECORD, o));) {
		struct gw_record_key key = gw_record_key_of(&o->record);

		r = refresh_record(d, in, &key, err);
		if (r == 0)
			r = gw_maps_refresh_mac(d, in, o->record.vsid, &o->record.mac, err);
	}
	for (o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_PORT, o));) {
		const struct gw_iface *i = gw_iface_find(d, o->port.interface);

		r = gw_maps_refresh_mac(d, in, o->port.vsid, &o->port.mac, err);
		if (r == 0 && i)
			r = gw_maps_refresh_port(d, in, i, err);
	}
	return r;
}

int gw_maps_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	const struct gw_bpf *b = bpf_of(d);
	const struct {
		const struct bpf_map *map;
		wanted is_wanted;
	} tables[] = {
		{b->maps.records, wanted_record},
		{b->maps.macs, wanted_mac},
		{b->maps.provider_addresses, wanted_provider},
		{b->maps.subnets, wanted_subnet},
		{b->maps.vsids, wanted_vsid},
		{b->maps.peers, wanted_peer},
	};
	int r = write_all(d, in, err);

	for (size_t i = 0; i < sizeof tables / sizeof *tables && r == 0; i++)
		r = prune(d, in, tables[i].map, tables[i].is_wanted, err);
	gw_maps_bump(d, in, 0);
	return r;
}

int gw_maps_drop_strangers(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	const struct bpf_map *m = bpf_of(d)->maps.ports;
	int fd = bpf_map__fd(m), r = 0;
	uint32_t key, next;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	while (more && r == 0) {
		const struct gw_iface *i = gw_iface_by_index(d, key);

		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if (!i || !i->is_port || !gw_intent_port(in, i->name)) {
			r = i && i->is_underlay ? 0 : gw_tc_detach(key, "a former port", err);
			if (r == 0)
				r = bring(m, &key, NULL, err);
		}
		key = next;
	}
	for (unsigned slot = 0; slot < d->port_slots.limit; slot++) {
		uint32_t ifindex = d->port_slots.owner[slot], vsid = d->vsid_slots.owner[slot];
		const struct gw_iface *i = ifindex ? gw_iface_by_index(d, ifindex) : NULL;
		const struct gw_vsid_use *u = vsid ? gw_index_vsid(&d->index, vsid) : NULL;

		if (ifindex && (!i || !i->is_port))
			gw_slots_put(&d->port_slots, ifindex, d);
		if (vsid && (!u || !u->ports))
			gw_slots_put(&d->vsid_slots, vsid, d);
	}
	return r;
}
