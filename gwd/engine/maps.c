/*
 * maps.c - brings the BPF maps to what desired.c wants, for one key (after a change) or for all (sync). Writing is
 * idempotent, so that a change can be undone by its inverse from any point.
 */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <uv.h>

#define MAX_VALUE sizeof(union gw_value)

union gw_value {
	struct gw_bpf_port port;
	struct gw_bpf_tunnel tunnel;
};

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
				    "the kernel has no memory for the engine's table '%s': free some, or lower "
				    "[engine] record_limit and flow_table_size and restart gwd",
				    bpf_map__name(m));
	return gw_error_set(err, errnum, GW_ERR_INTERNAL, bpf_map__name(m),
			    "cannot write the engine's table '%s': %s; gwd needs CAP_BPF and CAP_NET_ADMIN, see to it "
			    "that it has them and restart it",
			    bpf_map__name(m), strerror(errnum));
}

int gw_map_bring(const struct bpf_map *m, const void *key, const void *value, struct gw_error *err)
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

int gw_maps_refresh_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_record_key *key,
			   struct gw_error *err)
{
	struct gw_bpf_record r;

	return gw_map_bring(bpf_of(d)->maps.records, key, gw_want_record(d, in, key, &r) ? &r : NULL, err);
}

static int refresh_mac_key(struct gw_driver *d, const struct gw_intent *in, const struct gw_mac_key *key,
			   struct gw_error *err)
{
	struct gw_bpf_mac m;

	return gw_map_bring(bpf_of(d)->maps.macs, key, gw_want_mac(d, in, key, &m) ? &m : NULL, err);
}

int gw_maps_refresh_mac(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac,
			struct gw_error *err)
{
	struct gw_mac_key key = gw_mac_key_of(vsid, mac);

	return refresh_mac_key(d, in, &key, err);
}

int gw_maps_refresh_peer(struct gw_driver *d, const struct gw_intent *in, uint32_t domain, const struct gw_addr *pa,
			 struct gw_error *err)
{
	const struct bpf_map *m = bpf_of(d)->maps.peers;
	struct gw_peer_key key = {.domain = domain, .pa = gw_ip_of(pa)};
	struct gw_bpf_peer unheard = {0};

	if (!gw_want_peer(d, in, &key))
		return gw_map_bring(m, &key, NULL, err);
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
		r = gw_maps_refresh_peer(d, in, domain, &p->pa, err);
	return r;
}

/* Where frames for the ports of a VSID are looked up, its domain is written too. */
static int refresh_ports_domain(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);
	int r = 0;

	if (!u || !u->ports)
		return 0;
	for (const struct gw_hnv_object *o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_PORT, o));)
		if (o->port.vsid == vsid)
			r = gw_maps_refresh_mac(d, in, vsid, &o->port.mac, err);
	return r;
}

int gw_maps_refresh_port(struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
			 struct gw_error *err)
{
	struct gw_bpf_port p;
	__u32 ifindex = i->link.ifindex;

	if (!ifindex)
		return 0;
	return gw_map_bring(bpf_of(d)->maps.ports, &ifindex, gw_want_port(d, in, i, &p) ? &p : NULL, err);
}

int gw_maps_refresh_provider(struct gw_driver *d, const struct gw_intent *in, const struct gw_addr *pa,
			     struct gw_error *err)
{
	struct gw_ip key = gw_ip_of(pa);
	uint32_t ifindex;

	return gw_map_bring(bpf_of(d)->maps.provider_addresses, &key,
			    gw_want_provider(d, in, &key, &ifindex) ? &ifindex : NULL, err);
}

int gw_maps_refresh_providers(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	for (const struct gw_hnv_object *o = NULL; r == 0 && (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));)
		r = gw_maps_refresh_provider(d, in, &o->paddr.pa, err);
	return r;
}

static int refresh_subnet(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid,
			  const struct gw_prefix *prefix, struct gw_error *err)
{
	struct gw_prefix_key key = gw_prefix_key_of(vsid, prefix);
	struct gw_bpf_subnet s;

	return gw_map_bring(bpf_of(d)->maps.subnets, &key, gw_want_subnet(d, in, &key, &s) ? &s : NULL, err);
}

int gw_maps_refresh_subnets(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);
	int r = 0;

	for (const struct gw_route_use *route = u ? u->route_list : NULL; route && r == 0; route = route->next)
		r = refresh_subnet(d, in, vsid, &route->route.prefix, err);
	return r;
}

int gw_maps_refresh_route_under(struct gw_driver *d, const struct gw_intent *in, uint32_t domain,
				const struct gw_prefix *prefix, struct gw_error *err)
{
	struct gw_prefix_key key = gw_prefix_key_of(domain, prefix);
	struct gw_bpf_route r;

	return gw_map_bring(bpf_of(d)->maps.routes, &key, gw_want_route(d, in, &key, &r) ? &r : NULL, err);
}

static int refresh_own_route(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid,
			     const struct gw_prefix *prefix, struct gw_error *err)
{
	struct gw_prefix_key key = gw_prefix_key_of(vsid, prefix);
	struct gw_bpf_route r;

	return gw_map_bring(bpf_of(d)->maps.own_routes, &key, gw_want_own_route(d, in, &key, &r) ? &r : NULL, err);
}

int gw_maps_refresh_route(struct gw_driver *d, const struct gw_intent *in, const struct gw_customer_route *route,
			  struct gw_error *err)
{
	size_t n;
	const uint32_t *vsids = gw_intent_rdid_vsids(in, &route->rdid, &n);
	int r = refresh_subnet(d, in, route->vsid, &route->prefix, err);

	if (r == 0)
		r = refresh_own_route(d, in, route->vsid, &route->prefix, err);
	/* Which of the others' are as good as the best may have changed with it. */
	for (const struct gw_route_use *u = NULL;
	     r == 0 && (u = gw_index_next_route(&d->index, &route->rdid, &route->prefix, u));)
		r = refresh_own_route(d, in, u->route.vsid, &route->prefix, err);
	if (r == 0 && n)
		r = gw_maps_refresh_route_under(d, in, vsids[0], &route->prefix, err);
	return r;
}

int gw_maps_refresh_domain_routes(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, uint32_t domain,
				  struct gw_error *err)
{
	size_t n;
	const uint32_t *vsids = gw_intent_domain_vsids(in, vsid, &n);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const struct gw_vsid_use *u = gw_index_vsid(&d->index, vsids[i]);

		for (const struct gw_route_use *route = u ? u->route_list : NULL; route && r == 0; route = route->next)
			r = gw_maps_refresh_route_under(d, in, domain, &route->route.prefix, err);
	}
	return r;
}

/*
 * The VSID's entry, and when it has changed its routing domain the peers of both. New peers come before the switch and old
 * ones go after it, so that no packet finds itself between the two.
 */
int gw_maps_refresh_vsid(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err)
{
	struct gw_vsid_use *u = gw_index_vsid(&d->index, vsid);
	const struct bpf_map *m = bpf_of(d)->maps.vsids;
	struct gw_bpf_vsid want, was;
	bool had = bpf_map_lookup_elem(bpf_map__fd(m), &vsid, &was) == 0, moved;
	int r;

	if (!gw_want_vsid(d, in, vsid, &want)) {
		gw_slots_put(&d->vsid_slots, vsid, d);
		return gw_map_bring(m, &vsid, NULL, err);
	}
	moved = !had || was.domain != want.domain;
	r = moved ? refresh_domain_peers(d, in, u, want.domain, err) : 0;
	if (r == 0)
		r = gw_map_bring(m, &vsid, &want, err);
	if (r == 0 && had && moved) {
		r = refresh_ports_domain(d, in, vsid, err);
		if (r == 0)
			r = refresh_domain_peers(d, in, u, was.domain, err);
	}
	if (r == 0 && !u->ports)
		gw_slots_put(&d->vsid_slots, vsid, d);
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void outdate_port(const struct gw_driver *d, const struct gw_port *port)
{
	const struct gw_iface *i = gw_iface_find(d, port->interface);
	uint32_t slot;

	if (i && gw_slots_find(&d->port_slots, i->link.ifindex, &slot))
		gw_slot_outdate(d, slot);
}

/* The VSIDs of these domains; *ret is the caller's. NULL: no memory. */
static uint32_t *members_of(const struct gw_intent *in, uint32_t *domains, size_t n, size_t *ret_n)
{
	uint32_t *all = NULL;
	size_t n_all = 0, room = 0, members;

	qsort(domains, n, sizeof *domains, by_number);
	for (size_t i = 0; i < n; i++) {
		const uint32_t *vsids = gw_intent_domain_vsids(in, domains[i], &members);

		if (i > 0 && domains[i] == domains[i - 1])
			continue;
		if (n_all + members > room) {
			uint32_t *more;

			room = 2 * (n_all + members);
			more = reallocarray(all, room, sizeof *all);
			if (!more) {
				free(all);
				return NULL;
			}
			all = more;
		}
		memcpy(all + n_all, vsids, members * sizeof *all);
		n_all += members;
	}
	if (n_all)
		qsort(all, n_all, sizeof *all, by_number);
	*ret_n = n_all;
	return all;
}

/* Of each port no more is looked at than whether it is one of them; without memory they all are. */
void gw_maps_bump(struct gw_driver *d, const struct gw_intent *in, uint32_t *domains, size_t n)
{
	size_t n_vsids = 0;
	_cleanup_free_ uint32_t *vsids = domains && n ? members_of(in, domains, n, &n_vsids) : NULL;

	if (domains && n == 0)
		return;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PORT, o));)
		if (!vsids || bsearch(&o->port.vsid, vsids, n_vsids, sizeof *vsids, by_number))
			outdate_port(d, &o->port);
}

/* --- everything ----------------------------------------------------------------------------------------------------------- */

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
	struct gw_bpf_subnet s;

	return gw_want_subnet(d, in, key, &s);
}

static bool wanted_route(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_route r;

	return gw_want_route(d, in, key, &r);
}

static bool wanted_own_route(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_route r;

	return gw_want_own_route(d, in, key, &r);
}

int gw_map_prune(struct gw_driver *d, const struct gw_intent *in, const struct bpf_map *m, gw_map_wanted is_wanted,
		 struct gw_error *err)
{
	struct gw_walk_place all = {0};

	return gw_walk_prune(&(struct gw_walk){d, in, &all, UINT64_MAX, err}, m, is_wanted);
}

static int write_route(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
		       struct gw_error *err)
{
	return gw_maps_refresh_route(d, in, &o->croute, err);
}

static int write_peer(struct gw_driver *d, const struct gw_intent *in, const struct gw_hmap_node *n,
		      struct gw_error *err)
{
	const struct gw_peer_use *u = GW_CONTAINER_OF(n, struct gw_peer_use, node);

	return gw_maps_refresh_peer(d, in, gw_intent_domain_id(in, u->vsid), &u->pa, err);
}

static int write_vsid(struct gw_driver *d, const struct gw_intent *in, const struct gw_hmap_node *n,
		      struct gw_error *err)
{
	return gw_maps_refresh_vsid(d, in, GW_CONTAINER_OF(n, struct gw_vsid_use, node)->vsid, err);
}

static int write_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			struct gw_error *err)
{
	struct gw_record_key key = gw_record_key_of(&o->record);
	int r = gw_maps_refresh_record(d, in, &key, err);

	return r == 0 ? gw_maps_refresh_mac(d, in, o->record.vsid, &o->record.mac, err) : r;
}

static int write_port(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
		      struct gw_error *err)
{
	const struct gw_iface *i = gw_iface_find(d, o->port.interface);
	int r = gw_maps_refresh_mac(d, in, o->port.vsid, &o->port.mac, err);

	return r == 0 && i ? gw_maps_refresh_port(d, in, i, err) : r;
}

enum writer { WRITE_PROVIDERS, WRITE_ROUTES, WRITE_PEERS, WRITE_VSIDS, WRITE_RECORDS, WRITE_PORTS, WRITERS };

static int write_some(const struct gw_walk *w, enum writer part)
{
	switch (part) {
	case WRITE_PROVIDERS:
		return gw_maps_refresh_providers(w->d, w->in, w->err);
	case WRITE_ROUTES:
		return gw_walk_objects(w, GW_HNV_CUSTOMER_ROUTE, write_route);
	case WRITE_PEERS:
		return gw_walk_nodes(w, &w->d->index.peers, write_peer);
	case WRITE_VSIDS:
		return gw_walk_nodes(w, &w->d->index.vsids, write_vsid);
	case WRITE_RECORDS:
		return gw_walk_objects(w, GW_HNV_LOOKUP_RECORD, write_record);
	default:
		return gw_walk_objects(w, GW_HNV_PORT, write_port);
	}
}

int gw_maps_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_walk_place *at, uint64_t until,
		 struct gw_error *err)
{
	const struct gw_walk walk = {d, in, at, until, err};
	const struct gw_bpf *b = bpf_of(d);
	const struct {
		const struct bpf_map *map;
		gw_map_wanted is_wanted;
	} tables[] = {
		{b->maps.records, wanted_record},
		{b->maps.macs, wanted_mac},
		{b->maps.provider_addresses, wanted_provider},
		{b->maps.subnets, wanted_subnet},
		{b->maps.routes, wanted_route},
		{b->maps.own_routes, wanted_own_route},
		{b->maps.vsids, wanted_vsid},
		{b->maps.peers, wanted_peer},
	};
	const size_t n = WRITERS + sizeof tables / sizeof *tables;
	int r = 0;

	while (at->part < n && r == 0) {
		r = at->part < WRITERS ? write_some(&walk, (enum writer)at->part)
				       : gw_walk_prune(&walk, tables[at->part - WRITERS].map,
						       tables[at->part - WRITERS].is_wanted);
		if (r != 0)
			return r;
		at->part++;
		if (at->part < n && uv_hrtime() >= until)
			return GW_SYNC_MORE;
	}
	gw_maps_bump(d, in, NULL, 0);
	return r;
}

int gw_maps_sync_whole(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	struct gw_walk_place at = {0};

	return gw_maps_sync(d, in, &at, UINT64_MAX, err);
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
			r = gw_map_bring(m, &key, NULL, err);
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
