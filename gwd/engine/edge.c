/*
 * edge.c - the maps that lead from public addresses to virtual gateways and back (bpf/lib/steer.h): what each entry should be,
 * and bringing it there, for one change or for all. Called by engine.c, and by links.c when a way out comes or goes.
 *
 * What the node itself is called outside is not of the intent: its addresses are read from the kernel, and win over a public
 * address that is the same, so that nobody can take the node from its operator.
 */
#include "engine/internal.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static const struct gw_bpf *bpf_of(const struct gw_driver *d)
{
	return gw_loader_bpf(d->loader);
}

void gw_edge_init(struct gw_edge *e)
{
	e->announce_fd = -1;
}

void gw_edge_done(struct gw_edge *e)
{
	free(e->self);
	free(e->outward);
	free(e->segments);
	if (e->announce_fd >= 0)
		close(e->announce_fd);
	*e = (struct gw_edge){.announce_fd = -1};
}

/* --- what the node is called ------------------------------------------------------------------------------------------------ */

/* The addresses of the node as they are being read. */
struct reading {
	struct gw_edge *next;
	int external;
	size_t self_room, outward_room, segment_room;
	bool failed;
};

/* Room for one more; false: there is no memory. */
static bool grow(void **list, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 16;
	void *bigger;

	if (n < *room)
		return true;
	bigger = reallocarray(*list, more, size);
	if (!bigger)
		return false;
	*list = bigger;
	*room = more;
	return true;
}

static void on_address(void *ctx, const struct gw_nl_addr *a)
{
	struct reading *r = ctx;
	struct gw_edge *e = r->next;

	if (r->failed || !gw_addr_is_unicast(&a->addr) || gw_addr_is_link_local(&a->addr))
		return;
	if (e->n_self == GW_SELF_MAX) {
		e->self_full = true;
		return;
	}
	r->failed = !grow((void **)&e->self, e->n_self, &r->self_room, sizeof *e->self);
	if (r->failed)
		return;
	e->self[e->n_self++] = a->addr;
	if (a->ifindex != r->external)
		return;
	r->failed = !grow((void **)&e->outward, e->n_outward, &r->outward_room, sizeof *e->outward);
	if (r->failed)
		return;
	e->outward[e->n_outward++] = a->addr;
	if (a->prefix_len >= (gw_addr_is_v4(&a->addr) ? 32 : 128))
		return;
	r->failed = !grow((void **)&e->segments, e->n_segments, &r->segment_room, sizeof *e->segments);
	if (!r->failed)
		e->segments[e->n_segments++] =
			(struct gw_prefix){.addr = gw_prefix_mask(&a->addr, a->prefix_len), .len = a->prefix_len};
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct gw_addr));
}

static int read_addresses(struct gw_driver *d, struct gw_error *err)
{
	const struct gw_iface *external = gw_edge_external(d);
	struct gw_edge next = {.announce_fd = -1};
	struct reading reading = {.next = &next, .external = external ? external->link.ifindex : 0};
	int r = gw_nl_addr_each(d->env.nl, on_address, &reading, err);

	if (r == 0 && reading.failed)
		r = gw_error_oom(err);
	if (r < 0) {
		gw_edge_done(&next);
		return r;
	}
	if (next.n_self)
		qsort(next.self, next.n_self, sizeof *next.self, by_bytes);
	if (next.n_outward)
		qsort(next.outward, next.n_outward, sizeof *next.outward, by_bytes);
	free(d->edge.self);
	free(d->edge.outward);
	free(d->edge.segments);
	d->edge.self = next.self;
	d->edge.n_self = next.n_self;
	d->edge.self_full = next.self_full;
	d->edge.outward = next.outward;
	d->edge.n_outward = next.n_outward;
	d->edge.segments = next.segments;
	d->edge.n_segments = next.n_segments;
	return 0;
}

bool gw_edge_is_self(const struct gw_driver *d, const struct gw_addr *a)
{
	return d->edge.n_self && bsearch(a, d->edge.self, d->edge.n_self, sizeof *d->edge.self, by_bytes);
}

/* Whether the node has the address on its [external] interface, whatever others have it as well. */
static bool is_outward(const struct gw_driver *d, const struct gw_addr *a)
{
	return d->edge.n_outward && bsearch(a, d->edge.outward, d->edge.n_outward, sizeof *d->edge.outward, by_bytes);
}

bool gw_edge_on_segment(const struct gw_driver *d, const struct gw_addr *a)
{
	for (size_t i = 0; i < d->edge.n_segments; i++)
		if (gw_addr_same_family(&d->edge.segments[i].addr, a) && gw_prefix_contains(&d->edge.segments[i], a))
			return true;
	return false;
}

void gw_edge_on_change(void *driver, const struct gw_nl_change *change)
{
	struct gw_driver *d = driver;
	const struct gw_addr *a = &change->addr.addr;

	if (!d->env.config->external_interface[0] || change->kind == GW_NL_CHANGE_ROUTE)
		return;
	if (change->kind == GW_NL_CHANGE_ADDR && (!gw_addr_is_unicast(a) || gw_addr_is_link_local(a)))
		return;
	gw_engine_want_sync(d, "an address of this node has come or gone");
}

/* --- what is wanted --------------------------------------------------------------------------------------------------------- */

const struct gw_iface *gw_edge_external(const struct gw_driver *d)
{
	const char *name = d->env.config->external_interface;
	const struct gw_iface *i = name[0] ? gw_iface_find(d, name) : NULL;

	return i && i->is_external && i->present ? i : NULL;
}

const struct gw_hnv_object *gw_edge_exit_owner(const struct gw_intent *in, const char *interface)
{
	char name[IFNAMSIZ];
	unsigned vsid;

	if (sscanf(interface, "gwe%8u", &vsid) != 1 || strcmp(gw_vrf_exit(vsid, name), interface) != 0)
		return NULL;
	return gw_intent_vrf_of_vsid(in, vsid);
}

/* All zero but for flags: nobody carries the routing domain here. */
static struct gw_bpf_owner owner_of(const struct gw_driver *d, const struct gw_intent *in, const struct gw_uuid *rdid)
{
	const struct gw_hnv_object *o = gw_intent_vrf(in, rdid);
	struct gw_bpf_owner owner = {0};
	const struct gw_iface *i;
	char name[IFNAMSIZ];

	if (!o)
		return owner;
	owner.vsid = o->vrf.vsid;
	i = gw_iface_find(d, gw_vrf_exit(o->vrf.vsid, name));
	if (!i || !i->present || !i->is_exit || !gw_slots_find(&d->exit_slots, o->vrf.vsid, &owner.slot))
		return owner;
	owner.exit = i->link.ifindex;
	owner.flags = i->link.peer_elsewhere && strcmp(i->link.kind, "veth") == 0 ? GW_OWNER_PEER : 0;
	return owner;
}

static struct gw_public_key key_of(const struct gw_prefix *p)
{
	return (struct gw_public_key){.prefixlen = (gw_addr_is_v4(&p->addr) ? 96 : 0) + p->len,
				      .addr = gw_ip_of(&p->addr)};
}

static struct gw_prefix host_of(const struct gw_addr *a)
{
	return (struct gw_prefix){.addr = *a, .len = gw_addr_is_v4(a) ? 32 : 128};
}

static struct gw_ip mask_of(unsigned bits)
{
	struct gw_ip m = {0};

	for (unsigned w = 0; w < 4 && bits; w++) {
		unsigned n = bits < 32 ? bits : 32;

		m.w[w] = htonl((uint32_t) ~(0xffffffffull >> n));
		bits -= n;
	}
	return m;
}

bool gw_want_public(const struct gw_driver *d, const struct gw_intent *in, const struct gw_public_key *key,
		    struct gw_bpf_public *ret)
{
	struct gw_bpf_public p = {.addr = key->addr, .mask = mask_of(key->prefixlen)};
	struct gw_addr a = gw_addr_of(&key->addr);
	const struct gw_hnv_object *o = gw_intent_public_from(in, &a, 0);

	if (key->prefixlen == 128 && gw_edge_is_self(d, &a)) {
		p.owner.flags = GW_PUBLIC_SELF | (is_outward(d, &a) ? 0 : GW_PUBLIC_INWARD);
	} else {
		struct gw_public_key has = o ? key_of(&o->public.prefix) : (struct gw_public_key){0};

		if (!o || memcmp(&has, key, sizeof has) != 0)
			return false;
		if (o->public.port_count)
			p.owner.flags = GW_PUBLIC_SHARED;
		else
			p.owner = owner_of(d, in, &o->public.rdid);
	}
	*ret = p;
	return true;
}

bool gw_want_place(const struct gw_driver *d, const struct gw_intent *in, const struct gw_place_key *key,
		   struct gw_bpf_place *ret)
{
	struct gw_addr a = gw_addr_of(&key->addr);
	bool block = key->place & GW_PLACE_BLOCK(0);
	uint16_t port = (uint16_t)(block ? (key->place & 63) << 10 : key->place);
	const struct gw_hnv_object *o = gw_intent_public_from(in, &a, port);

	if (!o || !gw_addr_equal(&o->public.prefix.addr, &a) || o->public.port_count == 0 ||
	    o->public.first_port > port || block != (o->public.port_count > 1))
		return false;
	*ret = (struct gw_bpf_place){.addr = key->addr, .place = key->place, .owner = owner_of(d, in, &o->public.rdid)};
	return true;
}

static bool want_share(const struct gw_intent *in, const struct gw_share_key *key)
{
	struct gw_addr a = gw_addr_of(&key->addr);
	struct gw_uuid rdid;

	memcpy(&rdid, key->rdid, sizeof rdid);
	for (const struct gw_hnv_object *o = gw_intent_public_from(in, &a, 0);
	     o && gw_addr_equal(&o->public.prefix.addr, &a); o = gw_intent_public_after(in, o))
		if (o->public.port_count && gw_uuid_equal(&o->public.rdid, &rdid))
			return true;
	return false;
}

bool gw_want_exit(const struct gw_driver *d, const struct gw_intent *in, uint32_t ifindex, struct gw_bpf_exit *ret)
{
	const struct gw_iface *i = gw_iface_by_index(d, ifindex);
	const struct gw_hnv_object *o = i && i->is_exit ? gw_edge_exit_owner(in, i->name) : NULL;
	struct gw_bpf_exit e;

	if (!o)
		return false;
	e.owner = owner_of(d, in, &o->vrf.rdid);
	memcpy(e.rdid, &o->vrf.rdid, sizeof e.rdid);
	if (e.owner.exit != ifindex)
		return false;
	*ret = e;
	return true;
}

/* --- one public address, one exit ------------------------------------------------------------------------------------------- */

static int refresh_key(struct gw_driver *d, const struct gw_intent *in, const struct gw_public_key *key,
		       struct gw_error *err)
{
	struct gw_bpf_public p;

	return gw_map_bring(bpf_of(d)->maps.publics, key, gw_want_public(d, in, key, &p) ? &p : NULL, err);
}

static int refresh_place(struct gw_driver *d, const struct gw_intent *in, const struct gw_addr *a, uint32_t place,
			 struct gw_error *err)
{
	struct gw_place_key key = {.addr = gw_ip_of(a), .place = place};
	struct gw_bpf_place p;

	return gw_map_bring(bpf_of(d)->maps.places, &key, gw_want_place(d, in, &key, &p) ? &p : NULL, err);
}

/* What a public address that is there, or was there, has in the maps. */
static int refresh_public(struct gw_driver *d, const struct gw_intent *in, const struct gw_public *p,
			  struct gw_error *err)
{
	struct gw_public_key key = key_of(&p->prefix);
	struct gw_share_key share = {.addr = key.addr};
	const uint32_t yes = 1;
	int r = 0;

	/* Its places come before it is said to be shared. */
	memcpy(share.rdid, &p->rdid, sizeof share.rdid);
	if (p->port_count == 1)
		r = refresh_place(d, in, &p->prefix.addr, GW_PLACE_PORT(p->first_port), err);
	for (uint32_t port = p->first_port; p->port_count > 1 && r == 0 && port < p->first_port + p->port_count;
	     port += 1024)
		r = refresh_place(d, in, &p->prefix.addr, GW_PLACE_BLOCK(port), err);
	if (r == 0 && p->port_count)
		r = gw_map_bring(bpf_of(d)->maps.shares, &share, want_share(in, &share) ? &yes : NULL, err);
	return r == 0 ? refresh_key(d, in, &key, err) : r;
}

static int refresh_domain(struct gw_driver *d, const struct gw_intent *in, const struct gw_uuid *rdid,
			  struct gw_error *err)
{
	int r = 0;

	for (const struct gw_hnv_object *o = NULL;
	     r == 0 && (o = gw_intent_next_of_domain(in, GW_HNV_PUBLIC, rdid, o));)
		r = refresh_public(d, in, &o->public, err);
	return r;
}

int gw_edge_refresh_exit(struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
			 struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_edge_exit_owner(in, i->name);
	uint32_t ifindex = i->link.ifindex;
	struct gw_bpf_exit e;
	int r = 0;

	if (ifindex)
		r = gw_map_bring(bpf_of(d)->maps.exits, &ifindex, gw_want_exit(d, in, ifindex, &e) ? &e : NULL, err);
	return r == 0 && o ? refresh_domain(d, in, &o->vrf.rdid, err) : r;
}

/* --- a change --------------------------------------------------------------------------------------------------------------- */

/* A virtual gateway in the place of another one: it counts from zero. */
static int succeed(struct gw_driver *d, const struct gw_intent *in, const struct gw_vrf *former, struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_intent_vrf_of_vsid(in, former->vsid);
	const struct gw_iface *i;
	char name[IFNAMSIZ];
	uint32_t slot;

	if (!o || gw_uuid_equal(&o->vrf.rdid, &former->rdid))
		return 0;
	gw_slots_put(&d->exit_slots, former->vsid, d);
	if (gw_slots_get(&d->exit_slots, former->vsid, d, &slot) < 0)
		return gw_error_oom(err);
	i = gw_iface_find(d, gw_vrf_exit(former->vsid, name));
	return i ? gw_edge_refresh_exit(d, in, i, err) : 0;
}

static int apply_one(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
		     struct gw_error *err)
{
	if (o && o->kind == GW_HNV_PUBLIC)
		return refresh_public(d, in, &o->public, err);
	return o && o->kind == GW_HNV_VRF ? refresh_domain(d, in, &o->vrf.rdid, err) : 0;
}

/* The kernel tells of what others do only, and not everybody has come to his part of the change yet. */
static void follow_own(struct gw_driver *d, const struct gw_change *c)
{
	const struct gw_hnv_object *o = c->after ? c->after : c->before;

	if (o && o->kind == GW_HNV_PROVIDER_ADDRESS && d->env.config->external_interface[0])
		gw_engine_want_sync(d, "a provider address has come or gone");
}

int gw_edge_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	int r = 0;

	for (size_t n = 0; n < delta->n && r == 0; n++) {
		const struct gw_change *c = &delta->changes[n];

		follow_own(d, c);
		r = apply_one(d, in, c->after, err);
		if (r == 0)
			r = apply_one(d, in, c->before, err);
		if (r == 0 && c->before && c->before->kind == GW_HNV_VRF)
			r = succeed(d, in, &c->before->vrf, err);
	}
	return r;
}

/* --- everything ------------------------------------------------------------------------------------------------------------- */

static bool wanted_public(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_public p;

	return gw_want_public(d, in, key, &p);
}

static bool wanted_place(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_place p;

	return gw_want_place(d, in, key, &p);
}

static bool wanted_share(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	(void)d;
	return want_share(in, key);
}

static bool wanted_exit(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	struct gw_bpf_exit e;

	return gw_want_exit(d, in, *(const uint32_t *)key, &e);
}

static bool wanted_segment(const struct gw_driver *d, const struct gw_intent *in, const void *key)
{
	(void)in;
	for (size_t i = 0; i < d->edge.n_segments; i++) {
		struct gw_public_key has = key_of(&d->edge.segments[i]);

		if (memcmp(&has, key, sizeof has) == 0)
			return true;
	}
	return false;
}

static int write_own(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	const uint32_t yes = 1;
	int r = 0;

	for (size_t i = 0; i < d->edge.n_self && r == 0; i++) {
		struct gw_prefix host = host_of(&d->edge.self[i]);
		struct gw_public_key key = key_of(&host);

		r = refresh_key(d, in, &key, err);
	}
	for (size_t i = 0; i < d->edge.n_segments && r == 0; i++) {
		struct gw_public_key key = key_of(&d->edge.segments[i]);

		r = gw_map_bring(bpf_of(d)->maps.segments, &key, &yes, err);
	}
	return r;
}

static int write_public(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			struct gw_error *err)
{
	return refresh_public(d, in, &o->public, err);
}

static int write_exit(struct gw_driver *d, const struct gw_intent *in, const struct gw_hmap_node *n,
		      struct gw_error *err)
{
	uint32_t ifindex = GW_CONTAINER_OF(n, struct gw_iface, node)->link.ifindex;
	struct gw_bpf_exit e;

	return gw_want_exit(d, in, ifindex, &e) ? gw_map_bring(bpf_of(d)->maps.exits, &ifindex, &e, err) : 0;
}

static void drop_slots(struct gw_driver *d, const struct gw_intent *in)
{
	for (unsigned slot = 0; slot < d->exit_slots.limit; slot++)
		if (d->exit_slots.owner[slot] && !gw_intent_vrf_of_vsid(in, d->exit_slots.owner[slot]))
			gw_slots_put(&d->exit_slots, d->exit_slots.owner[slot], d);
}

enum writer { WRITE_OWN, WRITE_PUBLICS, WRITE_EXITS, WRITERS };

static int write_some(const struct gw_walk *w, enum writer part)
{
	int r;

	switch (part) {
	case WRITE_OWN:
		r = read_addresses(w->d, w->err);
		return r == 0 ? write_own(w->d, w->in, w->err) : r;
	case WRITE_PUBLICS:
		return gw_walk_objects(w, GW_HNV_PUBLIC, write_public);
	default:
		return gw_walk_nodes(w, &w->d->ifaces, write_exit);
	}
}

int gw_edge_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_walk_place *at, uint64_t until,
		 struct gw_error *err)
{
	const struct gw_walk walk = {d, in, at, until, err};
	const struct gw_bpf *b = bpf_of(d);
	const struct {
		const struct bpf_map *map;
		gw_map_wanted is_wanted;
	} tables[] = {
		{b->maps.publics, wanted_public}, {b->maps.places, wanted_place},     {b->maps.shares, wanted_share},
		{b->maps.exits, wanted_exit},	  {b->maps.segments, wanted_segment},
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
		if (uv_hrtime() >= until)
			return GW_SYNC_MORE;
	}
	drop_slots(d, in);
	return r;
}

int gw_edge_sync_whole(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	struct gw_walk_place at = {0};

	return gw_edge_sync(d, in, &at, UINT64_MAX, err);
}
