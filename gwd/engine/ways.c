/*
 * ways.c - the maps of connections (bpf/lib/way.h): what they should hold, from the intent and the interfaces that are there, and
 * bringing them there; and what is told of a connection. Called by engine.c and links.c.
 *
 * An entry may depend on others (the rows of a VLAN's members, two tunnels that are alike): all are computed whenever one of them has
 * changed, which takes a microsecond for each. What is written is what differs, from what was written before, or, in a sync, from what
 * the kernel has.
 */
#include "engine/internal.h"

#include "engine.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct gw_way *gw_way_of_link(const struct gw_intent *in, const char *interface)
{
	const struct gw_hnv_object *o = NULL;
	char name[IFNAMSIZ];
	uint32_t number;

	if (sscanf(interface, GW_WAY_LINK "%8" SCNx32, &number) != 1)
		return NULL;
	while ((o = gw_intent_next(in, GW_HNV_CONNECTION, o)))
		if (gw_way_number(&o->way.id) == number)
			return strcmp(gw_way_link(&o->way.id, name), interface) == 0 ? &o->way : NULL;
	return NULL;
}

const struct gw_way *gw_way_of_iface(const struct gw_intent *in, const struct gw_iface *i)
{
	const struct gw_hnv_object *o =
		gw_intent_get(in, &(struct gw_hnv_object){.kind = GW_HNV_CONNECTION, .way = {.id = i->way}});
	char name[IFNAMSIZ];

	return o && strcmp(gw_way_link(&o->way.id, name), i->name) == 0 ? &o->way : gw_way_of_link(in, i->name);
}

const char *gw_way_interface(const struct gw_driver *d, const struct gw_way *w)
{
	if (w->type != GW_WAY_L3)
		return "";
	return w->has_interface ? w->interface : d->env.config->external_interface;
}

bool gw_way_leads_to(const struct gw_driver *d, const struct gw_intent *in, const char *interface)
{
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_CONNECTION, o));)
		if (!strcmp(gw_way_interface(d, &o->way), interface))
			return true;
	return false;
}

int gw_way_allot(struct gw_driver *d, const struct gw_way *w, struct gw_error *err)
{
	char name[IFNAMSIZ];
	uint32_t slot;
	int r = gw_slots_get(&d->way_slots, gw_way_number(&w->id), d, &slot);

	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_LIMIT_EXCEEDED, gw_way_link(&w->id, name),
				    "no room for another connection on this node (%u); raise [limits] "
				    "network_connections and restart gwd",
				    d->env.config->way_limit);
	return 0;
}

/* --- what is wanted ------------------------------------------------------------------------------------------------------- */

/* What a map should hold: entries of one size, their keys in front. */
struct table {
	const struct bpf_map *map;
	size_t key, size; /* of a key, of an entry */
	char *v;	  /* owned, with room for all */
	size_t n;
	uint32_t *places; /* owned; 1 + where an entry is, at or behind what its key's hash says */
	uint32_t mask;	  /* a power of two that is more than all, minus one */
};

struct way_entry {
	uint32_t key;
	struct gw_bpf_way way;
};

struct tap_entry {
	struct gw_tap_key key;
	struct gw_bpf_tap tap;
};

struct tunnel_entry {
	struct gw_tunnel_key key;
	struct gw_bpf_tunnel tunnel;
};

/* Of all connections. */
struct gw_way_tables {
	struct table ways, taps, tunnels;
};

struct wanted {
	const struct gw_driver *d;
	const struct gw_way **all; /* owned; those of the intent, by id */
	size_t n;
	struct gw_way_tables *t; /* owned */
};

static int by_id(const void *a, const void *b)
{
	const struct gw_way *x = *(const struct gw_way *const *)a, *y = *(const struct gw_way *const *)b;

	return memcmp(&x->id, &y->id, sizeof x->id);
}

static const struct gw_iface *link_of(const struct gw_driver *d, const struct gw_way *w)
{
	char name[IFNAMSIZ];
	const struct gw_iface *i = gw_iface_find(d, gw_way_link(&w->id, name));

	return i && i->present && i->is_way ? i : NULL;
}

static bool is_peer(const struct gw_iface *i)
{
	return i->link.peer_elsewhere && strcmp(i->link.kind, "veth") == 0;
}

/* 0: there is none. */
static uint32_t interface_of(const struct gw_driver *d, const struct gw_way *w)
{
	const char *name = gw_way_interface(d, w);
	const struct gw_iface *i = name[0] ? gw_iface_find(d, name) : NULL;

	return i && i->present && !i->is_port ? (uint32_t)i->link.ifindex : 0;
}

/* Its own, or the lowest IPv4 one of the [external] interface. False: there is none. */
static bool source_of(const struct gw_driver *d, const struct gw_way *w, struct gw_addr *ret)
{
	if (w->has_source) {
		*ret = w->source;
		return true;
	}
	for (size_t i = 0; i < d->edge.n_outward; i++)
		if (gw_addr_is_v4(&d->edge.outward[i])) {
			*ret = d->edge.outward[i];
			return true;
		}
	return false;
}

static bool tunnel_key_of(const struct gw_driver *d, const struct gw_way *w, struct gw_tunnel_key *ret)
{
	struct gw_addr source;

	if (!source_of(d, w, &source))
		return false;
	*ret = (struct gw_tunnel_key){.source = gw_ip_of(&source),
				      .destination = gw_ip_of(&w->destination),
				      .key = w->has_key ? htonl(w->key) : 0,
				      .has_key = w->has_key};
	return true;
}

static int table_init(struct table *t, const struct bpf_map *map, size_t key, size_t size, size_t room)
{
	*t = (struct table){.map = map, .key = key, .size = size, .mask = 1};
	while (t->mask < 2 * room)
		t->mask = 2 * t->mask + 1;
	t->v = calloc(room + 1, size);
	t->places = calloc((size_t)t->mask + 1, sizeof *t->places);
	return t->v && t->places ? 0 : -ENOMEM;
}

static void table_done(struct table *t)
{
	free(t->v);
	free(t->places);
}

/* Where the key's entry is noted, or would be. */
static uint32_t *place_of(const struct table *t, const void *key)
{
	uint32_t i = gw_hash_bytes(key, t->key, 0) & t->mask;

	while (t->places[i] && memcmp(t->v + (t->places[i] - 1) * t->size, key, t->key) != 0)
		i = (i + 1) & t->mask;
	return &t->places[i];
}

/* NULL: it is not there. */
static const char *find(const struct table *t, const void *key)
{
	uint32_t place = *place_of(t, key);

	return place ? t->v + (place - 1) * t->size : NULL;
}

static void add(struct table *t, const void *entry)
{
	uint32_t *place = place_of(t, entry);

	memcpy(t->v + t->n++ * t->size, entry, t->size);
	*place = (uint32_t)t->n;
}

/* In its VLAN's row, behind those before it. */
static void want_tap(struct wanted *want, const struct gw_way *w, const struct gw_iface *link, uint32_t slot)
{
	struct gw_mac mac = gw_way_mac(&w->id);
	struct tap_entry e = {.key = {.interface = interface_of(want->d, w), .vlan = w->vlan}};
	unsigned n = 0;

	if (!e.key.interface)
		return;
	e.tap = (struct gw_bpf_tap){.link = (uint32_t)link->link.ifindex,
				    .slot = slot,
				    .flags = is_peer(link) && !w->in_kbps ? GW_TAP_PEER : 0};
	memcpy(e.key.mac, mac.b, sizeof e.key.mac);
	e.tap.key = e.key;
	add(&want->t->taps, &e);
	memcpy(e.key.mac, (uint8_t[6]){1}, sizeof e.key.mac);
	while (n < GW_TAP_MEMBERS && find(&want->t->taps, &e.key)) {
		n++;
		e.key.mac[5] = (uint8_t)n;
	}
	e.tap.key = e.key;
	if (n < GW_TAP_MEMBERS)
		add(&want->t->taps, &e);
}

/* Of two that are alike the first has it. */
static bool want_tunnel(struct wanted *want, const struct gw_way *w, const struct gw_iface *link, uint32_t slot,
			struct gw_tunnel_key *ret)
{
	struct gw_mac mac = gw_way_mac(&w->id);
	struct tunnel_entry e;

	if (!gw_edge_external(want->d) || !tunnel_key_of(want->d, w, ret) || find(&want->t->tunnels, ret))
		return false;
	e = (struct tunnel_entry){.key = *ret,
				  .tunnel = {.key = *ret,
					     .link = (uint32_t)link->link.ifindex,
					     .slot = slot,
					     .flags = is_peer(link) && !w->in_kbps ? GW_TAP_PEER : 0}};
	memcpy(e.tunnel.mac, mac.b, sizeof e.tunnel.mac);
	add(&want->t->tunnels, &e);
	return true;
}

static void want_one(struct wanted *want, const struct gw_way *w)
{
	const struct gw_iface *link = link_of(want->d, w);
	struct gw_tunnel_key ends;
	struct way_entry e;
	uint32_t slot;

	if (!link || !gw_slots_find(&want->d->way_slots, gw_way_number(&w->id), &slot))
		return;
	e = (struct way_entry){.key = (uint32_t)link->link.ifindex,
			       .way = {.link = (uint32_t)link->link.ifindex, .slot = slot}};
	if (w->type == GW_WAY_L3) {
		e.way.type = GW_ABI_L3;
		e.way.vlan = w->vlan;
		e.way.out = interface_of(want->d, w);
		want_tap(want, w, link, slot);
	} else {
		e.way.type = GW_ABI_GRE;
		if (want_tunnel(want, w, link, slot, &ends)) {
			e.way.out = (uint32_t)gw_edge_external(want->d)->link.ifindex;
			e.way.source = ends.source;
			e.way.destination = ends.destination;
			e.way.key = ends.key;
			e.way.tag = htons(gw_way_tag(&w->id));
			e.way.has_key = (uint8_t)ends.has_key;
		}
	}
	add(&want->t->ways, &e);
}

struct gw_way_tables *gw_way_tables_free(struct gw_way_tables *t)
{
	if (!t)
		return NULL;
	table_done(&t->ways);
	table_done(&t->taps);
	table_done(&t->tunnels);
	free(t);
	return NULL;
}

static void wanted_done(struct wanted *want)
{
	free(want->all);
	gw_way_tables_free(want->t);
}

static int wanted_init(struct wanted *want, const struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);
	size_t n = gw_intent_count(in, GW_HNV_CONNECTION);
	const struct gw_hnv_object *o = NULL;

	*want = (struct wanted){.d = d, .all = calloc(n + 1, sizeof *want->all), .t = calloc(1, sizeof *want->t)};
	if (!want->all || !want->t ||
	    table_init(&want->t->ways, b->maps.ways, sizeof(uint32_t), sizeof(struct way_entry), n) < 0 ||
	    table_init(&want->t->taps, b->maps.taps, sizeof(struct gw_tap_key), sizeof(struct tap_entry), 2 * n) < 0 ||
	    table_init(&want->t->tunnels, b->maps.tunnels, sizeof(struct gw_tunnel_key), sizeof(struct tunnel_entry),
		       n) < 0) {
		wanted_done(want);
		return -ENOMEM;
	}
	while ((o = gw_intent_next(in, GW_HNV_CONNECTION, o)))
		want->all[want->n++] = &o->way;
	qsort(want->all, want->n, sizeof *want->all, by_id);
	for (size_t i = 0; i < want->n; i++)
		want_one(want, want->all[i]);
	return 0;
}

/* --- bringing it there ---------------------------------------------------------------------------------------------------- */

/* `known`: what the map has; NULL: the kernel is asked. */
static int bring(const struct table *t, const struct table *known, struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		const char *e = t->v + i * t->size, *was = known ? find(known, e) : NULL;

		if (!was || memcmp(was, e, t->size) != 0)
			r = gw_map_bring(t->map, e, e + t->key, err);
	}
	return r;
}

static int prune_all(const struct table *t, struct gw_error *err)
{
	char key[sizeof(struct gw_tunnel_key)], next[sizeof key];
	int fd = bpf_map__fd(t->map), r = 0;
	bool more = bpf_map_get_next_key(fd, NULL, key) == 0;

	while (more && r == 0) {
		more = bpf_map_get_next_key(fd, key, next) == 0;
		if (!find(t, key))
			r = gw_map_bring(t->map, key, NULL, err);
		memcpy(key, next, sizeof key);
	}
	return r;
}

static int prune(const struct table *t, const struct table *known, struct gw_error *err)
{
	int r = 0;

	if (!known)
		return prune_all(t, err);
	for (size_t i = 0; i < known->n && r == 0; i++)
		if (!find(t, known->v + i * known->size))
			r = gw_map_bring(t->map, known->v + i * known->size, NULL, err);
	return r;
}

/* What goes out before what comes in: nobody is answered by a connection that cannot. */
static int bring_all(const struct gw_way_tables *t, const struct gw_way_tables *known, struct gw_error *err)
{
	int r = bring(&t->ways, known ? &known->ways : NULL, err);

	if (r == 0)
		r = bring(&t->taps, known ? &known->taps : NULL, err);
	if (r == 0)
		r = bring(&t->tunnels, known ? &known->tunnels : NULL, err);
	if (r == 0)
		r = prune(&t->taps, known ? &known->taps : NULL, err);
	if (r == 0)
		r = prune(&t->tunnels, known ? &known->tunnels : NULL, err);
	return r == 0 ? prune(&t->ways, known ? &known->ways : NULL, err) : r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* What nobody counts in any more. */
static int drop_slots(struct gw_driver *d, const struct wanted *want)
{
	uint32_t *numbers = calloc(want->n + 1, sizeof *numbers);

	if (!numbers)
		return -ENOMEM;
	for (size_t i = 0; i < want->n; i++)
		numbers[i] = gw_way_number(&want->all[i]->id);
	qsort(numbers, want->n, sizeof *numbers, by_number);
	for (unsigned slot = 0; slot < d->way_slots.limit; slot++) {
		uint32_t owner = d->way_slots.owner[slot];

		if (owner && !bsearch(&owner, numbers, want->n, sizeof owner, by_number))
			gw_slots_put(&d->way_slots, owner, d);
	}
	free(numbers);
	return 0;
}

static int follow(struct gw_driver *d, const struct gw_intent *in, bool known, struct gw_error *err)
{
	struct gw_way_tables *was = d->ways;
	struct wanted want;
	int r;

	if (wanted_init(&want, d, in) < 0)
		return gw_error_oom(err);
	d->ways = NULL;
	r = bring_all(want.t, known ? was : NULL, err);
	if (r == 0 && drop_slots(d, &want) < 0)
		r = gw_error_oom(err);
	gw_way_tables_free(was);
	if (r == 0) {
		d->ways = want.t;
		want.t = NULL;
	}
	wanted_done(&want);
	return r;
}

int gw_ways_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	return follow(d, in, false, err);
}

int gw_ways_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	for (size_t n = 0; n < delta->n; n++) {
		const struct gw_hnv_object *o =
			delta->changes[n].after ? delta->changes[n].after : delta->changes[n].before;

		if (o->kind == GW_HNV_CONNECTION ||
		    (o->kind == GW_HNV_VRF && gw_intent_count(in, GW_HNV_CONNECTION) > 0))
			return follow(d, in, true, err);
	}
	return 0;
}

/* --- what is told of it --------------------------------------------------------------------------------------------------- */

/* Whether what is for a group in its VLAN gets to it: it may be one too many there. */
static bool is_member(const struct gw_driver *d, const struct gw_way *w, uint32_t ifindex)
{
	int fd = bpf_map__fd(gw_loader_bpf(d->loader)->maps.taps);
	struct gw_tap_key key = {
		.interface = interface_of(d, w), .vlan = w->vlan, .mac = {1, [5] = GW_TAP_MEMBERS - 1}};
	struct gw_bpf_tap tap;

	if (bpf_map_lookup_elem(fd, &key, &tap) < 0) /* there is room */
		return true;
	for (unsigned n = 0; n < GW_TAP_MEMBERS; n++) {
		key.mac[5] = (uint8_t)n;
		if (bpf_map_lookup_elem(fd, &key, &tap) == 0 && tap.link == ifindex)
			return true;
	}
	return false;
}

static const char *trouble_of(const struct gw_driver *d, const struct gw_way *w, const struct gw_iface *link)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);
	struct gw_bpf_way way;
	uint32_t ifindex = link ? (uint32_t)link->link.ifindex : 0;

	if (!link)
		return "its link is not there: its routing domain has no virtual gateway on this node, or not yet";
	if (link->trouble[0])
		return link->trouble;
	if (w->type == GW_WAY_L3 && !gw_way_interface(d, w)[0])
		return "it names no interface, and there is no [external] interface";
	if (w->type == GW_WAY_L3 && !interface_of(d, w))
		return "the interface that it leads to does not exist, or is a port";
	if (w->type == GW_WAY_GRE && !gw_edge_external(d))
		return "there is no [external] interface for its tunnel";
	if (bpf_map_lookup_elem(bpf_map__fd(b->maps.ways), &ifindex, &way) < 0)
		return "it is not in the engine's tables yet";
	if (w->type == GW_WAY_GRE && !way.out)
		return "the [external] interface has no IPv4 address for its tunnel, or another connection has the "
		       "same ends "
		       "and key: give one of them another key";
	if (w->type == GW_WAY_L3 && !is_member(d, w, ifindex))
		return "its VLAN has more connections on this node than broadcasts are copied for (64), so that "
		       "hosts may not find it: give it another VLAN, or its virtual gateway another node";
	return NULL;
}

void gw_report_way(struct gw_driver *d, const struct gw_way *w, json_t *properties)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);
	const struct gw_iface *link = link_of(d, w);
	const char *trouble = trouble_of(d, w, link);
	char name[IFNAMSIZ];
	uint64_t drops;
	uint32_t slot;

	json_object_set_new(properties, "link", json_string(gw_way_link(&w->id, name)));
	json_object_set_new(properties, "state", json_string(trouble ? "Waiting" : "Ready"));
	if (trouble)
		json_object_set_new(properties, "stateDetail", json_string(trouble));
	if (!gw_slots_find(&d->way_slots, gw_way_number(&w->id), &slot))
		return;
	json_object_set_new(properties, "counters", gw_report_counters(d, b->maps.way_stats, slot, &drops));
	json_object_set_new(properties, "dropReasons", gw_report_reasons(d, b->maps.way_reasons, slot, drops));
}
