/*
 * links.c - the interfaces that the intent names, and the programs on them. Those that the engine makes for itself: devices.c.
 *
 *      port, underlay, way out or connection of a virtual gateway named by the intent, where those lead, or [external] interface
 *   (absent) --------------------------------------> known --- link appears ---> present --- programs ---> attached
 *       ^  no longer named: detached                   ^_________ link goes ________/___________________________/
 */
#include "engine/internal.h"

#include "engine.skel.h"
#include "engine/tc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static uint32_t name_hash(const char *name)
{
	return gw_hash_bytes(name, strlen(name), 0);
}

struct gw_iface *gw_iface_find(const struct gw_driver *d, const char *name)
{
	GW_HMAP_FOR_EACH_HASH (n, &d->ifaces, name_hash(name)) {
		struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (strcmp(i->name, name) == 0)
			return i;
	}
	return NULL;
}

/* Numbers of links go up one by one. */
static uint32_t index_hash(uint32_t ifindex)
{
	return ifindex;
}

struct gw_iface *gw_iface_by_index(const struct gw_driver *d, uint32_t ifindex)
{
	GW_HMAP_FOR_EACH_HASH (n, &d->present, index_hash(ifindex)) {
		struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, by_index);

		if ((uint32_t)i->link.ifindex == ifindex)
			return i;
	}
	return NULL;
}

static void set_absent(struct gw_driver *d, struct gw_iface *i)
{
	if (i->present)
		gw_hmap_remove(&d->present, &i->by_index);
	i->present = false;
}

/* `now` without a number: it is not there. */
static int set_link(struct gw_driver *d, struct gw_iface *i, const struct gw_link *now)
{
	set_absent(d, i);
	i->link = *now;
	i->present = now->ifindex && gw_hmap_insert(&d->present, &i->by_index, index_hash((uint32_t)now->ifindex)) == 0;
	return now->ifindex && !i->present ? -ENOMEM : 0;
}

static struct gw_iface *want_iface(struct gw_driver *d, const char *name)
{
	struct gw_iface *i = gw_iface_find(d, name);

	if (i)
		return i;
	i = calloc(1, sizeof *i);
	if (!i)
		return NULL;
	snprintf(i->name, sizeof i->name, "%s", name);
	if (gw_hmap_insert(&d->ifaces, &i->node, name_hash(name)) < 0) {
		free(i);
		return NULL;
	}
	return i;
}

void gw_links_done(struct gw_driver *d)
{
	GW_HMAP_FOR_EACH_SAFE (n, after, &d->ifaces) {
		gw_hmap_remove(&d->ifaces, n);
		free(GW_CONTAINER_OF(n, struct gw_iface, node));
	}
	gw_hmap_done(&d->ifaces);
	gw_hmap_done(&d->present);
}

/* As far as it can be known: what cannot be read is not there. */
static void foresee(struct gw_driver *d, const char *name, bool is_underlay)
{
	struct gw_iface *i = want_iface(d, name);
	struct gw_link now = {0};

	if (!i || gw_nl_link_get(d->env.nl, name, &now, NULL) < 0 || set_link(d, i, &now) < 0)
		return;
	i->is_underlay |= is_underlay;
	i->is_external |= strcmp(name, d->env.config->external_interface) == 0;
}

void gw_links_foresee(struct gw_driver *d, const struct gw_intent *in)
{
	if (d->env.config->external_interface[0])
		foresee(d, d->env.config->external_interface, false);
	for (const struct gw_hnv_object *o = NULL; in && (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));)
		foresee(d, o->paddr.interface, true);
}

/* --- one interface -------------------------------------------------------------------------------------------------------- */

/* Reads the link anew. When it has gone, or is another one under the same name, what hung on the old one is let go. */
static int look(struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i, struct gw_error *err)
{
	struct gw_link now = {0};
	int r = gw_nl_link_get(d->env.nl, i->name, &now, err), old = i->link.ifindex;

	if (r < 0 && r != -ENODEV)
		return r;
	if (old && (r == -ENODEV || now.ifindex != old)) {
		int off = gw_hook_off(d, old, i->name, err); /* it may live on under another name */

		if (off < 0)
			return off;
		set_absent(d, i);
		i->attached = 0;
		if (i->is_port) {
			int r2 = gw_maps_refresh_port(d, in, i, err);

			if (r2 < 0)
				return r2;
			gw_slots_put(&d->port_slots, old, d);
		}
		if (i->is_exit) {
			int r2 = gw_edge_refresh_exit(d, in, i, err);

			if (r2 < 0)
				return r2;
		}
	}
	if (r < 0)
		now = (struct gw_link){0};
	if (set_link(d, i, &now) < 0)
		return gw_error_oom(err);
	snprintf(i->trouble, sizeof i->trouble, "%s", i->present ? "" : "the interface does not exist");
	return 0;
}

static int allot_slots(struct gw_driver *d, const struct gw_iface *i, const struct gw_port *port, struct gw_error *err)
{
	uint32_t slot;
	int r = gw_slots_get(&d->port_slots, i->link.ifindex, d, &slot);

	if (r == 0)
		r = gw_slots_get(&d->vsid_slots, port->vsid, d, &slot);
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_LIMIT_EXCEEDED, i->name,
				    "no room for another port on this node (%u); raise [limits] ports and restart gwd",
				    d->env.config->port_limit);
	return 0;
}

/* A present port: its entries first, then the program that reads them. */
static int bring_port(struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i, struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_intent_port(in, i->name);
	int r = 0;

	if (!o)
		return 0;
	if (i->present) {
		r = allot_slots(d, i, &o->port, err);
		if (r == 0 && i->attached == 0 && (r = gw_nl_link_quiet(d->env.nl, i->link.ifindex, err)) == 0 &&
		    !i->link.up)
			r = gw_nl_link_up(d->env.nl, i->link.ifindex, err);
	}
	if (r == 0)
		r = gw_maps_refresh_port(d, in, i, err);
	if (r == 0)
		r = gw_maps_refresh_mac(d, in, o->port.vsid, &o->port.mac, err);
	return r;
}

/* The way out of a virtual gateway, as for a port. */
static int bring_exit(struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i, struct gw_error *err)
{
	const struct gw_hnv_object *o = gw_edge_exit_owner(in, i->name);
	uint32_t slot;
	int r = gw_slots_get(&d->exit_slots, o->vrf.vsid, d, &slot);

	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_LIMIT_EXCEEDED, i->name,
				    "no room for another virtual gateway on this node (%u); raise [limits] "
				    "virtual_gateways and restart gwd",
				    d->env.config->vrf_limit);
	if (i->present && i->attached == 0)
		r = gw_nl_link_quiet(d->env.nl, i->link.ifindex, err);
	return r == 0 ? gw_edge_refresh_exit(d, in, i, err) : r;
}

/* An underlay interface's program sees to what comes from outside, too, and both to what is for L3 connections. */
static enum gw_hook hook_of(const struct gw_iface *i)
{
	return i->is_port	? GW_HOOK_PORT
	       : i->is_exit	? GW_HOOK_EXIT
	       : i->is_way	? GW_HOOK_WAY
	       : i->is_underlay ? GW_HOOK_UNDERLAY
	       : i->is_external ? GW_HOOK_EDGE
				: GW_HOOK_SEGMENT;
}

static bool is_named(const struct gw_iface *i)
{
	return i->is_port || i->is_underlay || i->is_external || i->is_exit || i->is_way || i->is_segment;
}

/* The link of a connection: as the way out. Its entries are written with those of all connections (ways.c). */
static int bring_way(struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i, struct gw_error *err)
{
	int r = gw_way_allot(d, gw_way_of_iface(in, i), err);

	return r == 0 && i->present && i->attached == 0 ? gw_nl_link_quiet(d->env.nl, i->link.ifindex, err) : r;
}

static int attach(struct gw_driver *d, struct gw_iface *i, struct gw_error *err)
{
	int r = gw_hook_on(d, i->link.ifindex, i->name, hook_of(i), err);

	if (r == 0)
		i->attached = d->attach_round;
	return r;
}

/* Nobody names it any more. */
static int let_go(struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i, struct gw_error *err)
{
	int r = i->present ? gw_hook_off(d, i->link.ifindex, i->name, err) : 0;

	if (r == 0)
		r = gw_maps_refresh_port(d, in, i, err);
	if (r == 0)
		r = gw_edge_refresh_exit(d, in, i, err);
	if (r < 0)
		return r;
	if (i->link.ifindex)
		gw_slots_put(&d->port_slots, i->link.ifindex, d);
	if (i->exit_vsid)
		gw_slots_put(&d->exit_slots, i->exit_vsid, d);
	set_absent(d, i);
	gw_hmap_remove(&d->ifaces, &i->node);
	free(i);
	return 0;
}

/* --- the set of them ------------------------------------------------------------------------------------------------------ */

static void mark(const struct gw_driver *d, const struct gw_intent *in, struct gw_iface *i)
{
	const struct gw_hnv_object *owner = gw_edge_exit_owner(in, i->name);
	enum gw_hook was = hook_of(i);

	i->is_port = gw_intent_port(in, i->name);
	i->is_exit = owner;
	if (owner)
		i->exit_vsid = owner->vrf.vsid;
	i->is_way = gw_way_of_iface(in, i);
	i->is_segment = !i->is_port && !i->is_exit && !i->is_way && gw_way_leads_to(d, in, i->name);
	i->is_external = !i->is_port && strcmp(i->name, d->env.config->external_interface) == 0;
	i->is_underlay = false;
	for (const struct gw_hnv_object *o = NULL;
	     !i->is_underlay && (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));)
		i->is_underlay = strcmp(o->paddr.interface, i->name) == 0;
	if (hook_of(i) != was)
		i->attached = 0; /* the other role's program */
}

static const char *interface_of(const struct gw_hnv_object *o, char buf[static IFNAMSIZ])
{
	if (!o)
		return NULL;
	return o->kind == GW_HNV_PORT		    ? o->port.interface
	       : o->kind == GW_HNV_PROVIDER_ADDRESS ? o->paddr.interface
	       : o->kind == GW_HNV_VRF		    ? gw_vrf_exit(o->vrf.vsid, buf)
	       : o->kind == GW_HNV_CONNECTION	    ? gw_way_link(&o->way.id, buf)
						    : NULL;
}

/* `way`: it is the link of this connection; NULL: of none, or nobody says. */
static int bring_iface(struct gw_driver *d, const struct gw_intent *in, const char *name, const struct gw_uuid *way,
		       struct gw_error *err)
{
	struct gw_iface *i = want_iface(d, name);
	int r;

	if (!i)
		return gw_error_oom(err);
	if (way)
		i->way = *way;
	i->looked = d->sync.pass;
	mark(d, in, i);
	if (!is_named(i))
		return let_go(d, in, i, err);
	r = look(d, in, i, err);
	if (r == 0 && i->is_port)
		r = bring_port(d, in, i, err);
	else if (r == 0 && i->is_exit)
		r = bring_exit(d, in, i, err);
	else if (r == 0 && i->is_way)
		r = bring_way(d, in, i, err);
	if (r == 0 && i->present)
		r = gw_hook_listen(d, i, i->is_segment, err);
	return r;
}

/* Where an L3 connection leads to. */
static int bring_segment(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			 struct gw_error *err)
{
	const char *name = o && o->kind == GW_HNV_CONNECTION ? gw_way_interface(d, &o->way) : "";

	return name[0] ? bring_iface(d, in, name, NULL, err) : 0;
}

/* With a virtual gateway come the links of its connections, and go. */
static int bring_ways_of(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			 struct gw_error *err)
{
	const struct gw_hnv_object *w = NULL;
	char name[IFNAMSIZ];
	int r = 0;

	while (o && o->kind == GW_HNV_VRF && r == 0 &&
	       (w = gw_intent_next_of_domain(in, GW_HNV_CONNECTION, &o->vrf.rdid, w)))
		r = bring_iface(d, in, gw_way_link(&w->way.id, name), &w->way.id, err);
	return r;
}

static const struct gw_uuid *way_of(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_CONNECTION ? &o->way.id : NULL;
}

/* The interfaces of one change. An interface that a change moves between roles swaps its program. */
int gw_links_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	int r = 0;

	for (size_t n = 0; n < delta->n && r == 0; n++) {
		char buf[2][IFNAMSIZ];
		const char *before = interface_of(delta->changes[n].before, buf[0]);
		const char *after = interface_of(delta->changes[n].after, buf[1]);

		if (before)
			r = bring_iface(d, in, before, way_of(delta->changes[n].before), err);
		if (r == 0 && after && (!before || strcmp(before, after) != 0))
			r = bring_iface(d, in, after, way_of(delta->changes[n].after), err);
		if (r == 0)
			r = bring_segment(d, in, delta->changes[n].before, err);
		if (r == 0)
			r = bring_segment(d, in, delta->changes[n].after, err);
		if (r == 0)
			r = bring_ways_of(d, in, after ? delta->changes[n].after : delta->changes[n].before, err);
	}
	return r;
}

static struct gw_link_name *add_name(struct gw_link_name *names, size_t *n, const char *name)
{
	snprintf(names[*n].name, IFNAMSIZ, "%s", name);
	return &names[(*n)++];
}

/* There are few such, but many connections may lead to one of them. */
static void add_around(struct gw_link_name *names, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(names[i].name, name))
			return;
	if (name[0])
		add_name(names, n, name);
}

/* In the order in which they are brought: what is around others first. */
int gw_links_list(const struct gw_driver *d, const struct gw_intent *in, struct gw_link_name **ret, size_t *ret_n)
{
	size_t room = 1 + gw_intent_count(in, GW_HNV_PROVIDER_ADDRESS) + gw_intent_count(in, GW_HNV_VRF) +
		      2 * gw_intent_count(in, GW_HNV_CONNECTION) + gw_intent_count(in, GW_HNV_PORT);
	struct gw_link_name *names = calloc(room, sizeof *names);
	char buf[IFNAMSIZ];
	const struct gw_hnv_object *o;

	if (!names)
		return -ENOMEM;
	*ret_n = 0;
	add_around(names, ret_n, d->env.config->external_interface);
	for (o = NULL; (o = gw_intent_next(in, GW_HNV_PROVIDER_ADDRESS, o));)
		add_around(names, ret_n, o->paddr.interface);
	for (o = NULL; (o = gw_intent_next(in, GW_HNV_CONNECTION, o));)
		add_around(names, ret_n, gw_way_interface(d, &o->way));
	for (o = NULL; (o = gw_intent_next(in, GW_HNV_VRF, o));)
		add_name(names, ret_n, gw_vrf_exit(o->vrf.vsid, buf));
	for (o = NULL; (o = gw_intent_next(in, GW_HNV_CONNECTION, o));)
		add_name(names, ret_n, gw_way_link(&o->way.id, buf))->way = o->way.id;
	for (o = NULL; (o = gw_intent_next(in, GW_HNV_PORT, o));)
		add_name(names, ret_n, o->port.interface);
	*ret = names;
	return 0;
}

int gw_links_look(struct gw_driver *d, const struct gw_intent *in, const struct gw_link_name *name,
		  struct gw_error *err)
{
	static const struct gw_uuid none;
	struct gw_iface *i = gw_iface_find(d, name->name);

	if (i && i->attached == d->attach_round &&
	    gw_tc_program(i->link.ifindex) != gw_loader_program_id(d->loader, hook_of(i)))
		i->attached = 0;
	return bring_iface(d, in, name->name, gw_uuid_equal(&name->way, &none) ? NULL : &name->way, err);
}

int gw_links_forget(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	GW_HMAP_FOR_EACH_SAFE (n, after, &d->ifaces) {
		struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (i->looked == d->sync.pass)
			continue; /* it is named, or was let go of by the change after which it is not */
		mark(d, in, i);
		if (r == 0 && !is_named(i))
			r = let_go(d, in, i, err);
	}
	return r;
}

/* It may have gone since it was looked at: that is told, and no failure of a change. */
static bool is_there(const struct gw_driver *d, const struct gw_iface *i)
{
	struct gw_link link;

	return gw_nl_link_get(d->env.nl, i->name, &link, NULL) == 0 && link.ifindex == i->link.ifindex;
}

static int attach_those(struct gw_driver *d, bool around, bool strict, uint64_t until, struct gw_error *err)
{
	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);
		struct gw_error own = GW_ERROR_INIT;

		if (!i->present || i->attached == d->attach_round ||
		    (i->is_underlay || i->is_external || i->is_segment) != around ||
		    (!strict && i->tried == d->sync.pass))
			continue;
		i->tried = d->sync.pass;
		if (attach(d, i, &own) < 0) {
			if (strict && is_there(d, i)) {
				if (err)
					*err = own;
				return -EIO;
			}
			snprintf(i->trouble, sizeof i->trouble, "%s", own.message);
		}
		if (uv_hrtime() >= until)
			return GW_SYNC_MORE;
	}
	return 0;
}

/* Ports, exits and devices before what is around them: nothing comes in for what is not ready. */
static int attach_all(struct gw_driver *d, bool strict, uint64_t until, struct gw_error *err)
{
	int r = gw_devices_attach(d, err);

	for (int around = 0; r == 0 && around < 2; around++)
		r = attach_those(d, around, strict, until, err);
	return r;
}

int gw_links_attach(struct gw_driver *d, struct gw_error *err)
{
	return attach_all(d, true, UINT64_MAX, err);
}

int gw_links_attach_some(struct gw_driver *d, uint64_t until, struct gw_error *err)
{
	return attach_all(d, false, until, err);
}

/* Interfaces that have a program which nothing wants there: named no more while this process did not look. */
int gw_links_drop_strangers(struct gw_driver *d, struct gw_error *err)
{
	int fd = gw_hooks_fd(d), r = 0;
	uint32_t key, next, hook;
	bool more = bpf_map_get_next_key(fd, NULL, &key) == 0;

	while (more && r == 0) {
		const struct gw_iface *i = gw_iface_by_index(d, key);

		more = bpf_map_get_next_key(fd, &key, &next) == 0;
		if ((i && is_named(i)) || gw_device_by_index(d, key))
			; /* wanted */
		else if (bpf_map_lookup_elem(fd, &key, &hook) == 0 && gw_devices_have_hook(hook & GW_HOOK_MASK))
			r = gw_device_drop(d, key, err);
		else
			r = gw_hook_off(d, key, "an interface that nothing names any more", err);
		key = next;
	}
	return r;
}

/* What the configuration names: it has its program still when there are no records. */
int gw_links_drop_all(struct gw_driver *d, struct gw_error *err)
{
	int r = 0;

	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (r == 0 && i->present)
			r = gw_hook_off(d, i->link.ifindex, i->name, err);
	}
	return r;
}

void gw_links_tc_event(void *driver, int ifindex, bool removed)
{
	struct gw_driver *d = driver;
	const struct gw_iface *i = gw_iface_by_index(d, ifindex);

	if (removed && ((i && i->attached) || gw_device_by_index(d, ifindex)))
		gw_engine_want_sync(d, "a program was taken off an interface");
}

void gw_links_event(void *driver, const struct gw_link *link, bool removed)
{
	struct gw_driver *d = driver;
	struct gw_iface *i = gw_iface_find(d, link->name);

	if (!i) {
		gw_devices_event(d, link, removed);
		return;
	}
	if (removed && i->present && i->link.ifindex == link->ifindex)
		gw_engine_want_sync(d, "an interface has gone");
	else if (!removed && (!i->present || i->link.ifindex != link->ifindex || i->link.mtu != link->mtu ||
			      !gw_mac_equal(&i->link.mac, &link->mac) ||
			      i->link.peer_elsewhere != link->peer_elsewhere || i->link.peer_nsid != link->peer_nsid))
		gw_engine_want_sync(d, "an interface has come or changed");
	else if (!removed && i->is_segment && i->link.promisc && !link->promisc)
		gw_engine_want_sync(d, "an interface that connections lead to does not hear them any more");
	else if (!removed && i->is_external && link->running && !i->link.running)
		gw_engine_want_sync(d, "the external interface has its carrier back");
	if (!removed && i->link.ifindex == link->ifindex)
		i->link.up = link->up, i->link.running = link->running, i->link.promisc = link->promisc;
}
