/*
 * kernel.c - the node driver's dealings with the kernel: putting one address or route in place or away, and
 * holding all of them against what the kernel has.
 *
 * Only what carries gwd's protocol number is ever removed. An address that is wanted and was put there by
 * hand is in place.
 */
#include "node/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_addr(const struct gw_hnv_object *o)
{
	return o->kind == GW_HNV_PROVIDER_ADDRESS;
}

static struct gw_nl_addr addr_of(const struct gw_hnv_object *o, int ifindex)
{
	return (struct gw_nl_addr){.ifindex = ifindex, .addr = o->paddr.pa, .prefix_len = o->paddr.prefix_len};
}

static struct gw_nl_route route_of(const struct gw_hnv_object *o, int ifindex)
{
	return (struct gw_nl_route){.ifindex = ifindex, .prefix = o->proute.prefix, .next_hop = o->proute.next_hop};
}

static bool same_hop(const struct gw_addr *a, const struct gw_addr *b)
{
	/* "On-link" has a spelling in each family. */
	return gw_addr_equal(a, b) || (gw_addr_is_any(a) && gw_addr_is_any(b));
}

/* Those alone: a gateway has thousands of others. */
int gw_node_read_links(struct gw_driver *d, struct gw_error *err)
{
	GW_HMAP_FOR_EACH (node, &d->ifaces) {
		struct gw_node_iface *iface = GW_CONTAINER_OF(node, struct gw_node_iface, by_name);
		struct gw_link link;
		int rc = gw_nl_link_get(d->env.nl, iface->name, &link, err);

		if (rc < 0 && rc != -ENODEV)
			return rc;
		gw_node_note_link(iface, rc == 0 ? &link : NULL);
	}
	return 0;
}

/* --- one item --- */

/* That neighbours hear of it late is no reason to fail. */
static void announce(struct gw_driver *d, const struct gw_node_item *it)
{
	int rc = it->iface->announces == it->ifindex ? 0 : gw_nl_link_announces(d->env.nl, it->ifindex);

	if (rc == 0) {
		it->iface->announces = it->ifindex;
		rc = gw_node_announce(d, it->iface, &it->o->paddr.pa);
	}
	if (rc < 0)
		gw_log_debug("cannot announce an address on %s: %s", it->iface->name, strerror(-rc));
}

int gw_node_install(struct gw_driver *d, struct gw_node_item *it, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int ifindex = it->iface->ifindex, before = it->ifindex, rc;
	struct gw_nl_route route;
	struct gw_nl_addr addr;

	it->ifindex = 0;
	it->problem[0] = 0;
	if (!ifindex)
		return 0;
	if (is_addr(it->o)) {
		addr = addr_of(it->o, ifindex);
		rc = gw_nl_addr_add(d->env.nl, &addr, &why);
	} else {
		route = route_of(it->o, ifindex);
		rc = gw_nl_route_add(d->env.nl, &route, &why);
	}
	if (rc == 0) {
		it->ifindex = ifindex;
		if (is_addr(it->o) && before != ifindex)
			announce(d, it);
		return 0;
	}
	if (rc == -ENODEV) { /* just gone; the event is on its way */
		gw_node_note_link(it->iface, NULL);
		return 0;
	}
	snprintf(it->problem, sizeof it->problem, "%s", why.message);
	if (err)
		*err = why;
	return rc;
}

int gw_node_uninstall(struct gw_driver *d, const struct gw_hnv_object *o, int ifindex, struct gw_error *err)
{
	struct gw_nl_route route;
	struct gw_nl_addr addr;

	if (!ifindex)
		return 0;
	if (is_addr(o)) {
		addr = addr_of(o, ifindex);
		return gw_nl_addr_delete(d->env.nl, &addr, err);
	}
	route = route_of(o, ifindex);
	return gw_nl_route_delete(d->env.nl, &route, err);
}

bool gw_node_excludes(const struct gw_hnv_object *old, int old_ifindex, const struct gw_node_item *it)
{
	if (old_ifindex != it->iface->ifindex)
		return false;
	/*
	 * A link has an IPv6 address once; and an on-link IPv6 route is deleted by its prefix, whatever the next hop.
	 */
	return is_addr(old) ? !gw_addr_is_v4(&old->paddr.pa)
			    : !gw_addr_is_v4(&old->proute.prefix.addr) && gw_addr_is_any(&old->proute.next_hop);
}

/* --- all of them --- */

/* What the kernel still has of ours and the intent does not. */
struct stale {
	struct gw_hnv_object o;
	int ifindex;
	bool late; /* its replacement comes first, so that traffic has one of the two all the time */
};

struct pass {
	struct gw_driver *d;
	struct stale *stale; /* owned */
	size_t n, cap;
	int rc;
};

static void add_stale(struct pass *p, const struct stale *s)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct stale *v = reallocarray(p->stale, cap, sizeof *v);

		if (!v) {
			p->rc = -ENOMEM;
			return;
		}
		p->stale = v;
		p->cap = cap;
	}
	p->stale[p->n++] = *s;
}

static void see_addr(void *ctx, const struct gw_nl_addr *a)
{
	struct pass *p = ctx;
	struct gw_node_item *it = gw_node_find_addr(p->d, &a->addr);
	struct stale s = {
		.ifindex = a->ifindex,
		.o = {.kind = GW_HNV_PROVIDER_ADDRESS, .paddr = {.pa = a->addr, .prefix_len = a->prefix_len}}};

	if (it && it->iface->ifindex == a->ifindex && it->o->paddr.prefix_len == a->prefix_len) {
		it->ifindex = a->ifindex;
		it->problem[0] = 0;
	} else if (a->ours) {
		s.late = it && !gw_node_excludes(&s.o, s.ifindex, it);
		add_stale(p, &s);
	}
}

static void see_route(void *ctx, const struct gw_nl_route *r)
{
	struct pass *p = ctx;
	struct gw_node_item *it = gw_node_find_route(p->d, &r->prefix, r->ifindex);
	struct stale s = {
		.ifindex = r->ifindex,
		.o = {.kind = GW_HNV_PROVIDER_ROUTE, .proute = {.prefix = r->prefix, .next_hop = r->next_hop}}};

	if (r->unreachable) /* none of ours: in the way at most, and then adding one says so */
		return;
	if (it && same_hop(&it->o->proute.next_hop, &r->next_hop)) {
		it->ifindex = r->ifindex;
		it->problem[0] = 0;
	} else if (r->ours) {
		s.late = it && !gw_node_excludes(&s.o, s.ifindex, it);
		add_stale(p, &s);
	}
}

/* Failures that the outside causes and may end: the watches tell when to try again. */
static bool may_pass(int rc)
{
	return rc == -ENODEV || rc == -ENETDOWN || rc == -ENETUNREACH || rc == -EHOSTUNREACH || rc == -EEXIST ||
	       rc == -EINVAL || rc == -EADDRNOTAVAIL;
}

/* Keeps the first failure, with its words, and lets the rest go on. */
static void keep_first(int rc, int *first, const struct gw_error *why, struct gw_error *err)
{
	if (rc == 0 || *first < 0)
		return;
	*first = rc;
	if (err)
		*err = *why;
}

static int remove_stale(struct pass *p, bool late, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int first = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->stale[i].late == late)
			keep_first(gw_node_uninstall(p->d, &p->stale[i].o, p->stale[i].ifindex, &why), &first, &why,
				   err);
	return first;
}

static int install_missing(struct gw_driver *d, enum gw_hnv_kind kind, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int first = 0, rc;

	GW_HMAP_FOR_EACH (node, &d->items) {
		struct gw_node_item *it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);

		if (it->o->kind != kind || gw_node_in_place(it))
			continue;
		rc = gw_node_install(d, it, &why);
		if (may_pass(rc))
			d->retry_on_change = true;
		else
			keep_first(rc, &first, &why, err);
	}
	return first;
}

static int finish(struct pass *p, enum gw_hnv_kind kind, int rc, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;

	if (rc == 0 && p->rc < 0)
		rc = gw_error_oom(err);
	if (rc == 0) {
		rc = remove_stale(p, false, err);
		keep_first(install_missing(p->d, kind, &why), &rc, &why, err);
		keep_first(remove_stale(p, true, &why), &rc, &why, err);
	}
	free(p->stale);
	return rc;
}

static void forget_places(struct gw_driver *d, enum gw_hnv_kind kind)
{
	GW_HMAP_FOR_EACH (node, &d->items) {
		struct gw_node_item *it = GW_CONTAINER_OF(node, struct gw_node_item, by_key);

		if (it->o->kind == kind)
			it->ifindex = 0;
	}
}

int gw_node_sync_addrs(struct gw_driver *d, struct gw_error *err)
{
	struct pass p = {.d = d};

	forget_places(d, GW_HNV_PROVIDER_ADDRESS);
	return finish(&p, GW_HNV_PROVIDER_ADDRESS, gw_nl_addr_each(d->env.nl, see_addr, &p, err), err);
}

int gw_node_sync_routes(struct gw_driver *d, struct gw_error *err)
{
	struct pass p = {.d = d};

	forget_places(d, GW_HNV_PROVIDER_ROUTE);
	return finish(&p, GW_HNV_PROVIDER_ROUTE, gw_nl_route_each(d->env.nl, see_route, &p, err), err);
}
