/*
 * intent.c - see intent.h. Owns every object in it. The composition root makes one; the reconciler changes
 * it; drivers and the API read it.
 *
 * The change under way is a list of (before, after) pairs, one for each key that differs from how it was at
 * begin. Every object knows its pair by index, so each step takes constant time:
 *
 *   after    is in its kind's map (and by_mac, and counted in the domains), like every other present object
 *   before   is in no map, or in `gone` while its key is absent, so that a later put of the key finds its pair
 *   retired  objects that were made and replaced within the change; kept until its end since someone may look at them
 *
 * Nothing in rollback allocates: buckets never shrink, and the domains keep what lost its last reference until the end.
 */
#include "model/intent.h"

#include "model/domain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct gw_intent {
	struct gw_intent_limits limits;
	struct gw_hmap maps[GW_HNV_KIND_MAX];
	struct gw_hmap by_mac, by_vsid, by_domain;
	struct gw_rank by_place;
	struct gw_domains domains;
	uint64_t generation; /* counts changes, those that were rolled back too */
	/* The change under way. */
	bool changing;
	struct gw_change *changes;
	size_t n_changes, room;
	struct gw_hmap gone;
	struct gw_hnv_object *retired; /* linked by by_key.next */
	uint32_t *alone;	       /* what gw_intent_domain_vsids returns for a VSID without domain */
};

/* Where each kind's limit is set. */
static const char *const limit_keys[] = {
	[GW_HNV_PROVIDER_ADDRESS] = "[limits] provider_addresses",
	[GW_HNV_PROVIDER_ROUTE] = "[limits] provider_addresses",
	[GW_HNV_CUSTOMER_ROUTE] = "[limits] routes",
	[GW_HNV_LOOKUP_RECORD] = "[engine] record_limit",
	[GW_HNV_PORT] = "[limits] ports",
	[GW_HNV_VRF] = "[limits] virtual_gateways",
	[GW_HNV_PUBLIC] = "[limits] public_addresses",
	[GW_HNV_NAT_RULE] = "[limits] nat_rules",
};

const char *gw_intent_limit_key(enum gw_hnv_kind kind)
{
	return limit_keys[kind];
}

static struct gw_hnv_object *of_key(struct gw_hmap_node *node)
{
	return node ? GW_CONTAINER_OF(node, struct gw_hnv_object, by_key) : NULL;
}

static struct gw_hnv_object *of_mac(struct gw_hmap_node *node)
{
	return node ? GW_CONTAINER_OF(node, struct gw_hnv_object, by_mac) : NULL;
}

/*
 * A public address or a block of ports of one as what it takes of the line of all (address, port): so that any two overlap only
 * if two neighbours do.
 */
struct place {
	struct gw_addr addr;
	uint16_t port;
};

static struct place first_place(const struct gw_public *p)
{
	return (struct place){p->prefix.addr, p->first_port};
}

static struct place last_place(const struct gw_public *p)
{
	unsigned bits = p->prefix.len + (gw_addr_is_v4(&p->prefix.addr) ? 96u : 0u);
	struct place last = {p->prefix.addr,
			     p->port_count ? (uint16_t)(p->first_port + p->port_count - 1) : UINT16_MAX};

	for (unsigned i = bits; i < 128; i++)
		last.addr.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return last;
}

static int cmp_place(const struct place *a, const struct place *b)
{
	int c = memcmp(&a->addr, &b->addr, sizeof a->addr); /* as the bytes are, so IPv4 among IPv6 */

	return c ? c : (a->port > b->port) - (a->port < b->port);
}

static struct gw_hnv_object *of_place(const struct gw_rank_node *node)
{
	return node ? GW_CONTAINER_OF(node, struct gw_hnv_object, public.by_place) : NULL;
}

static int by_place(const struct gw_rank_node *a, const struct gw_rank_node *b)
{
	struct place x = first_place(&of_place(a)->public), y = first_place(&of_place(b)->public);

	return cmp_place(&x, &y);
}

int gw_intent_new(const struct gw_intent_limits *limits, struct gw_intent **ret)
{
	struct gw_intent *in = calloc(1, sizeof *in);

	if (!in)
		return -ENOMEM;
	in->limits = *limits;
	in->alone = calloc(1, sizeof *in->alone);
	in->by_place.compare = by_place;
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
			gw_hnv_object_free(of_key(node));
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

static const struct gw_uuid *rdid_of(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_PUBLIC ? &o->public.rdid : &o->nat.rdid;
}

static uint32_t domain_hash(enum gw_hnv_kind kind, const struct gw_uuid *rdid)
{
	return gw_hash_bytes(rdid, sizeof *rdid, kind);
}

/* Cannot fail: every map has its first buckets, and the domains were reserved by put. */
static void link_object(struct gw_intent *in, struct gw_hnv_object *o)
{
	const struct gw_mac *mac;
	uint32_t vsid;

	gw_hmap_insert(&in->maps[o->kind], &o->by_key, gw_hnv_key_hash(o));
	if (mac_of(o, &vsid, &mac))
		gw_hmap_insert(&in->by_mac, &o->by_mac, mac_hash(vsid, mac));
	else if (o->kind == GW_HNV_VRF)
		gw_hmap_insert(&in->by_vsid, &o->by_vsid, vsid_hash(o->vrf.vsid));
	else if (o->kind == GW_HNV_PUBLIC || o->kind == GW_HNV_NAT_RULE)
		gw_hmap_insert(&in->by_domain, &o->by_domain, domain_hash(o->kind, rdid_of(o)));
	if (o->kind == GW_HNV_PUBLIC)
		gw_rank_insert(&in->by_place, &o->public.by_place);
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		gw_domains_ref(&in->domains, &o->croute.rdid, o->croute.vsid);
}

static void unlink_object(struct gw_intent *in, struct gw_hnv_object *o)
{
	const struct gw_mac *mac;
	uint32_t vsid;

	gw_hmap_remove(&in->maps[o->kind], &o->by_key);
	if (mac_of(o, &vsid, &mac))
		gw_hmap_remove(&in->by_mac, &o->by_mac);
	else if (o->kind == GW_HNV_VRF)
		gw_hmap_remove(&in->by_vsid, &o->by_vsid);
	else if (o->kind == GW_HNV_PUBLIC || o->kind == GW_HNV_NAT_RULE)
		gw_hmap_remove(&in->by_domain, &o->by_domain);
	if (o->kind == GW_HNV_PUBLIC)
		gw_rank_remove(&in->by_place, &o->public.by_place);
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		gw_domains_unref(&in->domains, o->croute.vsid);
}

static struct gw_hnv_object *find(const struct gw_hmap *map, const struct gw_hnv_object *key)
{
	GW_HMAP_FOR_EACH_HASH (node, map, gw_hnv_key_hash(key))
		if (gw_hnv_same_key(of_key(node), key))
			return of_key(node);
	return NULL;
}

/* --- rules between objects --- */

/* FWD-7: a VSID belongs to one routing domain. */
static int check_domain(const struct gw_intent *in, const struct gw_customer_route *r, struct gw_error *err)
{
	const struct gw_domain *dom = gw_domains_find(&in->domains, r->vsid);
	const struct gw_hnv_object *vrf = gw_intent_vrf_of_vsid(in, r->vsid);
	char rdid[GW_UUID_STRLEN];

	if (vrf && !gw_uuid_equal(&vrf->vrf.rdid, &r->rdid))
		return gw_error_set(
			err, EEXIST, GW_ERR_CONFLICT, "properties.RoutingDomainID",
			"VSID %u is the gateway subnet of routing domain %s; delete its virtual gateway first", r->vsid,
			gw_uuid_format(&vrf->vrf.rdid, rdid));
	if (!dom || gw_uuid_equal(&dom->rdid, &r->rdid))
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.RoutingDomainID",
			    "VSID %u belongs to routing domain %s; delete its customer routes there first", r->vsid,
			    gw_uuid_format(&dom->rdid, rdid));
}

/* An interface carries customers' frames or the underlay's, never both. */
static int check_not_port(const struct gw_intent *in, const struct gw_provider_address *p, struct gw_error *err)
{
	char pa[GW_ADDR_STRLEN];

	if (!gw_intent_port(in, p->interface))
		return 0;
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.Interface",
			    "%s is a port: it cannot carry provider address %s too; detach the port first",
			    p->interface, gw_addr_format(&p->pa, pa));
}

static int check_port(const struct gw_intent *in, const struct gw_port *p, struct gw_error *err)
{
	const struct gw_hnv_object *o = NULL;
	char text[GW_ADDR_STRLEN];

	while ((o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o)))
		if (!strcmp(o->paddr.interface, p->interface))
			return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.Interface",
					    "%s carries provider address %s: it cannot be a port too", p->interface,
					    gw_addr_format(&o->paddr.pa, text));
	while ((o = gw_intent_next_by_mac(in, p->vsid, &p->mac, o)))
		if (o->kind == GW_HNV_PORT && strcmp(o->port.interface, p->interface) != 0)
			return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.MACAddress",
					    "port %s has MAC address %s in VSID %u already", o->port.interface,
					    gw_mac_format(&p->mac, text), p->vsid);
	return 0;
}

/* A VSID leads to one virtual gateway, of the routing domain that it is in. */
static int check_vrf(const struct gw_intent *in, const struct gw_vrf *v, struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_intent_vrf_of_vsid(in, v->vsid);
	const struct gw_domain *dom = gw_domains_find(&in->domains, v->vsid);
	char rdid[GW_UUID_STRLEN];

	if (o && !gw_uuid_equal(&o->vrf.rdid, &v->rdid))
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.VirtualSubnetID",
				    "VSID %u is the gateway subnet of routing domain %s", v->vsid,
				    gw_uuid_format(&o->vrf.rdid, rdid));
	if (dom && !gw_uuid_equal(&dom->rdid, &v->rdid))
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.VirtualSubnetID",
				    "VSID %u belongs to routing domain %s", v->vsid, gw_uuid_format(&dom->rdid, rdid));
	return 0;
}

static int check(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err)
{
	int e = gw_hnv_check(o, &in->limits.router_mac, err);

	if (e < 0)
		return e;
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		return check_domain(in, &o->croute, err);
	if (o->kind == GW_HNV_PROVIDER_ADDRESS)
		return check_not_port(in, &o->paddr, err);
	if (o->kind == GW_HNV_PORT)
		return check_port(in, &o->port, err);
	if (o->kind == GW_HNV_VRF)
		return check_vrf(in, &o->vrf, err);
	return 0;
}

/* --- changes --- */

void gw_intent_begin(struct gw_intent *in)
{
	assert(!in->changing);
	in->changing = true;
	in->generation++;
}

/* `before` and `after` are const for those who read the delta; here they are ours. */
static struct gw_hnv_object *own(const struct gw_hnv_object *o)
{
	return (struct gw_hnv_object *)o;
}

static int reserve_change(struct gw_intent *in)
{
	size_t room = in->room ? in->room * 2 : 16;
	struct gw_change *changes;

	if (in->n_changes < in->room)
		return 0;
	if (in->n_changes >= UINT32_MAX - 1)
		return -ENOMEM;
	changes = reallocarray(in->changes, room, sizeof *changes);
	if (!changes)
		return -ENOMEM;
	in->changes = changes;
	in->room = room;
	return 0;
}

/* Room was reserved. */
static void add_change(struct gw_intent *in, struct gw_hnv_object *before, struct gw_hnv_object *after)
{
	in->changes[in->n_changes++] = (struct gw_change){.before = before, .after = after};
	if (before)
		before->change = (uint32_t)in->n_changes;
	if (after)
		after->change = (uint32_t)in->n_changes;
}

/* Drops a pair whose key is as it was; the last one takes its place. */
static void drop_change(struct gw_intent *in, uint32_t change)
{
	struct gw_change *c = &in->changes[change - 1];

	if (c->before)
		own(c->before)->change = 0;
	*c = in->changes[--in->n_changes];
	if (change - 1 == in->n_changes)
		return;
	if (c->before)
		own(c->before)->change = change;
	if (c->after)
		own(c->after)->change = change;
}

static void retire(struct gw_intent *in, struct gw_hnv_object *o)
{
	o->by_key.next = in->retired ? &in->retired->by_key : NULL;
	in->retired = o;
}

/* `current`, which this change brought, leaves its map. */
static void retire_current(struct gw_intent *in, struct gw_hnv_object *current)
{
	unlink_object(in, current);
	retire(in, current);
}

int gw_intent_put(struct gw_intent *in, struct gw_hnv_object *o, struct gw_error *err)
{
	struct gw_hnv_object *current, *before = NULL;
	int e;

	assert(in->changing);
	e = check(in, o, err);
	if (e < 0)
		return e;
	if (reserve_change(in) < 0 ||
	    (o->kind == GW_HNV_CUSTOMER_ROUTE && gw_domains_reserve(&in->domains, &o->croute.rdid, o->croute.vsid) < 0))
		return gw_error_oom(err);
	o->change = 0;
	current = find(&in->maps[o->kind], o);
	if (current && gw_hnv_same_content(current, o)) {
		retire(in, o);
		return 0;
	}
	if (current && !current->change) { /* first touched now */
		unlink_object(in, current);
		add_change(in, current, o);
		link_object(in, o);
		return 0;
	}
	if (current) {
		o->change = current->change;
		before = own(in->changes[o->change - 1].before);
		retire_current(in, current);
	} else if ((before = find(&in->gone, o))) {
		o->change = before->change;
		gw_hmap_remove(&in->gone, &before->by_key);
	} else {
		add_change(in, NULL, o);
	}
	if (before && gw_hnv_same_content(before, o)) {
		drop_change(in, o->change);
		retire(in, o);
		o = before;
	} else {
		in->changes[o->change - 1].after = o;
	}
	link_object(in, o);
	return 0;
}

int gw_intent_delete(struct gw_intent *in, const struct gw_hnv_object *key, struct gw_error *err)
{
	struct gw_hnv_object *current = find(&in->maps[key->kind], key), *before;
	char id[GW_ID_STRLEN];

	assert(in->changing);
	if (!current)
		return gw_error_set(err, ENOENT, GW_ERR_NOT_FOUND, NULL, "there is no %s %s",
				    gw_hnv_kind_name(key->kind), gw_hnv_id(key, id));
	if (reserve_change(in) < 0)
		return gw_error_oom(err);
	if (!current->change) {
		unlink_object(in, current);
		add_change(in, current, NULL);
		before = current;
	} else {
		struct gw_change *c = &in->changes[current->change - 1];

		before = own(c->before);
		if (before)
			c->after = NULL;
		else
			drop_change(in, current->change);
		retire_current(in, current);
	}
	if (before)
		gw_hmap_insert(&in->gone, &before->by_key, gw_hnv_key_hash(before));
	return 0;
}

/* Whether what of two neighbours comes first reaches into the other. */
static bool overlap(const struct gw_hnv_object *first, const struct gw_hnv_object *second)
{
	struct place last, next;

	if (!first || !second)
		return false;
	last = last_place(&first->public);
	next = first_place(&second->public);
	return cmp_place(&last, &next) >= 0;
}

/* Within a change they may overlap, behind it not. What changed is looked at with its neighbours. */
static int check_apart(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err)
{
	size_t n = gw_rank_below(&in->by_place, &o->public.by_place);
	size_t end = gw_rank_upto(&in->by_place, &o->public.by_place);
	const struct gw_hnv_object *before = n ? of_place(gw_rank_at(&in->by_place, n - 1)) : NULL, *other = NULL;
	const struct gw_hnv_object *after = of_place(gw_rank_at(&in->by_place, end));
	char id[GW_ID_STRLEN], rdid[GW_UUID_STRLEN];

	if (end - n > 1) /* others begin at the same place */
		other = of_place(gw_rank_at(&in->by_place, of_place(gw_rank_at(&in->by_place, n)) == o ? n + 1 : n));
	else if (overlap(before, o))
		other = before;
	else if (overlap(o, after))
		other = after;
	if (!other)
		return 0;
	gw_hnv_id(other, id);
	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.PublicPrefix",
			    "public address %s of routing domain %s has a part of it", id,
			    gw_uuid_format(&other->public.rdid, rdid));
}

/* A limit that was lowered below what is there must not get in the way of deleting. */
int gw_intent_validate(struct gw_intent *in, struct gw_error *err)
{
	ptrdiff_t growth[GW_HNV_KIND_MAX] = {0};

	for (size_t i = 0; i < in->n_changes; i++) {
		const struct gw_change *c = &in->changes[i];

		if (c->after && !c->before)
			growth[c->after->kind]++;
		else if (c->before && !c->after)
			growth[c->before->kind]--;
		if (c->after && c->after->kind == GW_HNV_PUBLIC) {
			int e = check_apart(in, c->after, err);

			if (e < 0)
				return e;
		}
	}
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		if (growth[k] > 0 && in->maps[k].n > in->limits.max[k])
			return gw_error_set(err, ENOSPC, GW_ERR_LIMIT_EXCEEDED, gw_hnv_kind_path((enum gw_hnv_kind)k),
					    "%zu %s would be more than the %zu that this node accepts; delete some, or "
					    "raise %s in its configuration",
					    in->maps[k].n, gw_hnv_kind_path((enum gw_hnv_kind)k), in->limits.max[k],
					    limit_keys[k]);
	return 0;
}

struct gw_delta gw_intent_delta(const struct gw_intent *in)
{
	return (struct gw_delta){.changes = in->changes, .n = in->n_changes};
}

static void end_change(struct gw_intent *in)
{
	while (in->retired) {
		struct gw_hnv_object *o = in->retired;

		in->retired = of_key(o->by_key.next);
		gw_hnv_object_free(o);
	}
	gw_domains_settle(&in->domains);
	free(in->changes);
	in->changes = NULL;
	in->n_changes = in->room = 0;
	in->changing = false;
}

void gw_intent_commit(struct gw_intent *in)
{
	assert(in->changing);
	for (size_t i = 0; i < in->n_changes; i++) {
		struct gw_hnv_object *before = own(in->changes[i].before), *after = own(in->changes[i].after);

		if (after)
			after->change = 0;
		else
			gw_hmap_remove(&in->gone, &before->by_key);
		gw_hnv_object_free(before);
	}
	end_change(in);
}

void gw_intent_rollback(struct gw_intent *in)
{
	assert(in->changing);
	/* All of the new ones first: a VSID may have changed its routing domain. */
	for (size_t i = 0; i < in->n_changes; i++)
		if (in->changes[i].after)
			unlink_object(in, own(in->changes[i].after));
	for (size_t i = 0; i < in->n_changes; i++) {
		struct gw_hnv_object *before = own(in->changes[i].before), *after = own(in->changes[i].after);

		if (before) {
			if (!after)
				gw_hmap_remove(&in->gone, &before->by_key);
			before->change = 0;
			link_object(in, before);
		}
		gw_hnv_object_free(after);
	}
	end_change(in);
}

/* --- reading --- */

const struct gw_hnv_object *gw_intent_get(const struct gw_intent *in, const struct gw_hnv_object *key)
{
	return find(&in->maps[key->kind], key);
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

		if (o->kind == kind && gw_uuid_equal(rdid_of(o), rdid))
			return o;
	}
	return NULL;
}

const struct gw_hnv_object *gw_intent_public_from(const struct gw_intent *in, const struct gw_addr *a, uint16_t port)
{
	struct gw_hnv_object probe = {.kind = GW_HNV_PUBLIC, .public = {.prefix = {.addr = *a}, .first_port = port}};
	struct place at = {*a, port}, last;
	size_t n = gw_rank_upto(&in->by_place, &probe.public.by_place);
	const struct gw_hnv_object *before = n ? of_place(gw_rank_at(&in->by_place, n - 1)) : NULL;

	if (before) {
		last = last_place(&before->public);
		if (cmp_place(&last, &at) >= 0)
			return before;
	}
	return of_place(gw_rank_at(&in->by_place, n));
}

const struct gw_hnv_object *gw_intent_public_after(const struct gw_intent *in, const struct gw_hnv_object *o)
{
	return of_place(gw_rank_at(&in->by_place, gw_rank_upto(&in->by_place, &o->public.by_place)));
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

	return of_key(prev ? gw_hmap_next(map, &prev->by_key) : gw_hmap_first(map));
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
