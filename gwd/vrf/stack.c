/*
 * stack.c - addresses, neighbours and routes in a VRF's namespace: what is there is held against what is wanted, and what differs
 * is mended. Of what others put there, rules and routes that were added by hand go, as they lead the tenant's packets elsewhere
 * (nl/foreign.c says which those are); addresses, neighbours and the routes of routing daemons stay. Called by bring.c.
 */
#include "vrf/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one dump found, of ours or wanted. */
struct found {
	struct gw_vrf_pass *p;
	void *v; /* owned */
	size_t n, cap, size;
	int rc;
};

static void keep(struct found *f, const void *item)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		void *v = reallocarray(f->v, cap, f->size);

		if (!v) {
			f->rc = -ENOMEM;
			return;
		}
		f->v = v;
		f->cap = cap;
	}
	memcpy((char *)f->v + f->n++ * f->size, item, f->size);
}

/* --- addresses --- */

static void see_addr(void *ctx, const struct gw_nl_addr *a)
{
	struct found *f = ctx;

	if (a->ours || gw_vrf_wants_addr(&f->p->dom->wanted, a))
		keep(f, a);
}

static bool has_addr(const struct found *f, const struct gw_nl_addr *a)
{
	return f->n && bsearch(a, f->v, f->n, f->size, gw_vrf_compare_addrs);
}

static int drop_addrs(struct gw_vrf_pass *p, const struct found *f, bool v4, struct gw_error *err)
{
	const struct gw_nl_addr *v = f->v;
	int rc = 0;

	for (size_t i = 0; i < f->n && rc == 0; i++)
		if (gw_addr_is_v4(&v[i].addr) == v4 && !gw_vrf_wants_addr(&p->dom->wanted, &v[i]))
			rc = gw_nl_addr_delete(p->dom->nl, &v[i], err);
	return rc;
}

static void see_local(void *ctx, const struct gw_nl_local *l)
{
	struct found *f = ctx;

	if (gw_vrf_has_link(f->p->dom, l->ifindex))
		keep(f, l);
}

static int compare_locals(const void *a, const void *b)
{
	const struct gw_nl_local *x = a, *y = b;

	return x->ifindex != y->ifindex ? (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex)
					: gw_addr_cmp(&x->addr, &y->addr);
}

/* Which addresses what is sent to them ends at; what is new, by `before`, is no repair. */
static int bring_locals(struct gw_vrf_pass *p, const struct found *before, struct gw_error *err)
{
	struct found f = {.p = p, .size = sizeof(struct gw_nl_local)};
	const struct gw_vrf_wanted *w = &p->dom->wanted;
	int rc = gw_nl_local_each(p->dom->nl, see_local, &f, err);
	char text[GW_ADDR_STRLEN];

	if (rc == 0 && f.rc < 0)
		rc = gw_error_oom(err);
	if (rc == 0 && f.n > 1)
		qsort(f.v, f.n, f.size, compare_locals);
	for (size_t i = 0; i < w->n_addrs && rc == 0; i++) {
		const struct gw_nl_addr *a = &w->addrs[i];
		const struct gw_nl_local l = {.ifindex = a->ifindex, .addr = a->addr};
		bool on = gw_vrf_wants_local(w, a);

		if (!gw_addr_is_v4(&a->addr) || on == (f.n && bsearch(&l, f.v, f.n, f.size, compare_locals)))
			continue;
		rc = gw_nl_local_set(p->dom->nl, &l, on, err);
		if (rc == 0 && p->repairing && has_addr(before, a))
			gw_vrf_repaired(p,
					on ? "what is sent to address %s did not end there"
					   : "what is sent to address %s, of which others have ports, ended there",
					gw_addr_format(&a->addr, text));
	}
	free(f.v);
	return rc;
}

/* A link has an IPv6 address once, so its old length goes first; of IPv4 there is always one of the two. */
static int bring_addrs(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct found f = {.p = p, .size = sizeof(struct gw_nl_addr)};
	const struct gw_vrf_wanted *w = &p->dom->wanted;
	char text[GW_ADDR_STRLEN];
	int rc = gw_nl_addr_each(p->dom->nl, see_addr, &f, err);

	if (rc == 0 && f.rc < 0)
		rc = gw_error_oom(err);
	if (rc == 0 && f.n > 1)
		qsort(f.v, f.n, f.size, gw_vrf_compare_addrs);
	if (rc == 0)
		rc = drop_addrs(p, &f, false, err);
	for (size_t i = 0; i < w->n_addrs && rc == 0; i++) {
		if (has_addr(&f, &w->addrs[i]))
			continue;
		rc = gw_nl_addr_add(p->dom->nl, &w->addrs[i], err);
		if (rc == 0 && p->repairing)
			gw_vrf_repaired(p, "address %s/%u was missing", gw_addr_format(&w->addrs[i].addr, text),
					w->addrs[i].prefix_len);
	}
	if (rc == 0)
		rc = drop_addrs(p, &f, true, err);
	if (rc == 0)
		rc = bring_locals(p, &f, err);
	free(f.v);
	return rc;
}

/* --- neighbours --- */

static void see_neigh(void *ctx, const struct gw_nl_neigh *n)
{
	struct found *f = ctx;

	if (n->ours || gw_vrf_wants_neigh(&f->p->dom->wanted, n))
		keep(f, n);
}

static bool has_neigh(const struct found *f, const struct gw_nl_neigh *n)
{
	const struct gw_nl_neigh *there = f->n ? bsearch(n, f->v, f->n, f->size, gw_vrf_compare_neighs) : NULL;

	return there && gw_mac_equal(&there->mac, &n->mac);
}

static int bring_neighs(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct found f = {.p = p, .size = sizeof(struct gw_nl_neigh)};
	const struct gw_vrf_wanted *w = &p->dom->wanted;
	int rc = gw_nl_neigh_each(p->dom->nl, see_neigh, &f, err);
	const struct gw_nl_neigh *v = f.v;
	char text[GW_ADDR_STRLEN];

	if (rc == 0 && f.rc < 0)
		rc = gw_error_oom(err);
	if (rc == 0 && f.n > 1)
		qsort(f.v, f.n, f.size, gw_vrf_compare_neighs);
	for (size_t i = 0; i < f.n && rc == 0; i++)
		if (!gw_vrf_wants_neigh(w, &v[i]))
			rc = gw_nl_neigh_delete(p->dom->nl, &v[i], err);
	for (size_t i = 0; i < w->n_neighs && rc == 0; i++) {
		if (has_neigh(&f, &w->neighs[i]))
			continue;
		rc = gw_nl_neigh_add(p->dom->nl, &w->neighs[i], err);
		if (rc == 0 && p->repairing)
			gw_vrf_repaired(p, "neighbour %s was missing or another",
					gw_addr_format(&w->neighs[i].addr, text));
	}
	free(f.v);
	return rc;
}

/* --- routes --- */

static void see_route(void *ctx, const struct gw_nl_route *r)
{
	if (r->ours)
		keep(ctx, r);
}

/* A route that is no more goes before the one that takes its prefix. */
static int bring_routes(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct found f = {.p = p, .size = sizeof(struct gw_nl_route)};
	const struct gw_vrf_wanted *w = &p->dom->wanted;
	int rc = gw_nl_route_each(p->dom->nl, see_route, &f, err);
	const struct gw_nl_route *v = f.v;
	char text[GW_PREFIX_STRLEN];

	if (rc == 0 && f.rc < 0)
		rc = gw_error_oom(err);
	if (rc == 0 && f.n > 1)
		qsort(f.v, f.n, f.size, gw_vrf_compare_routes);
	for (size_t i = 0; i < f.n && rc == 0; i++)
		if (!gw_vrf_wants_route(w, &v[i]))
			rc = gw_nl_route_delete(p->dom->nl, &v[i], err);
	for (size_t i = 0; i < w->n_routes && rc == 0; i++) {
		if (f.n && bsearch(&w->routes[i], f.v, f.n, f.size, gw_vrf_compare_routes))
			continue;
		rc = gw_nl_route_add(p->dom->nl, &w->routes[i], err);
		if (rc == 0 && p->repairing)
			gw_vrf_repaired(p, "route %s was missing", gw_prefix_format(&w->routes[i].prefix, text));
	}
	free(f.v);
	return rc;
}

static void say_foreign(void *ctx, const char *what)
{
	gw_vrf_repaired(ctx, "%s", what);
}

int gw_vrf_bring_stack(struct gw_vrf_pass *p, struct gw_error *err)
{
	int rc = bring_addrs(p, err);

	/* With its last address of a family a link loses its routes without a word. */
	if (rc == 0)
		rc = bring_neighs(p, err);
	/* One that was added by hand may be in the way of one of ours. */
	if (rc == 0)
		rc = gw_nl_remove_foreign(p->dom->nl, p->d->has_ipv6, say_foreign, p, err);
	return rc == 0 ? bring_routes(p, err) : rc;
}
