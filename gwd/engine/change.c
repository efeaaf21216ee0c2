/*
 * change.c - brings one change of the intent into the maps: each key that the change touches once, then what depends on many
 * keys (routing domains, generations) once for the whole change, so that its cost grows with the change and not with what
 * is there already. Called by the engine's apply.
 */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "engine.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A routing domain, and the lowest VSID of which a route is touched. */
struct touched_domain {
	struct gw_uuid rdid;
	uint32_t lowest;
	uint32_t *former; /* owned: the numbers that it has in the kernel, of which there is mostly one */
	size_t n_former;
};

/* What a change touches beside its own keys. */
struct touched {
	uint32_t *vsids; /* of its records, routes and ports, before and after; twice is fine */
	size_t n_vsids;
	struct touched_domain *domains; /* of its routes, before and after; sorted, each once */
	size_t n_domains;
	uint32_t *former; /* by change: the number that the domain of a former record's VSID had in the kernel, or 0 */
};

static uint32_t vsid_of(const struct gw_hnv_object *o)
{
	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return o->record.vsid;
	case GW_HNV_CUSTOMER_ROUTE:
		return o->croute.vsid;
	case GW_HNV_PORT:
		return o->port.vsid;
	default:
		return 0;
	}
}

static void touch(struct touched *t, const struct gw_hnv_object *o)
{
	if (!o || !vsid_of(o))
		return;
	t->vsids[t->n_vsids++] = vsid_of(o);
	if (o->kind == GW_HNV_CUSTOMER_ROUTE)
		t->domains[t->n_domains++] = (struct touched_domain){.rdid = o->croute.rdid, .lowest = o->croute.vsid};
}

static int by_rdid(const void *a, const void *b)
{
	const struct touched_domain *x = a, *y = b;
	int c = memcmp(&x->rdid, &y->rdid, sizeof x->rdid);

	return c ? c : (x->lowest > y->lowest) - (x->lowest < y->lowest);
}

static uint32_t kernel_domain(const struct gw_driver *d, uint32_t vsid)
{
	struct gw_bpf_vsid v;

	return bpf_map_lookup_elem(bpf_map__fd(gw_loader_bpf(d->loader)->maps.vsids), &vsid, &v) == 0 ? v.domain : 0;
}

static void touched_done(struct touched *t)
{
	for (size_t i = 0; i < t->n_domains; i++)
		free(t->domains[i].former);
	free(t->vsids);
	free(t->domains);
	free(t->former);
}

static struct touched_domain *find_domain(const struct touched *t, const struct gw_uuid *rdid)
{
	size_t low = 0, high = t->n_domains;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(&t->domains[middle].rdid, rdid, sizeof *rdid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return &t->domains[low]; /* it is there */
}

static int note_former(struct touched_domain *domain, uint32_t number)
{
	uint32_t *more;

	for (size_t i = 0; i < domain->n_former; i++)
		if (domain->former[i] == number)
			return 0;
	if (!number)
		return 0;
	more = reallocarray(domain->former, domain->n_former + 1, sizeof *more);
	if (!more)
		return -ENOMEM;
	domain->former = more;
	domain->former[domain->n_former++] = number;
	return 0;
}

static const struct gw_customer_route *former_route(const struct gw_change *c)
{
	return c->before && c->before->kind == GW_HNV_CUSTOMER_ROUTE ? &c->before->croute : NULL;
}

/* Under which numbers the kernel may have routes of the domains: those of the VSIDs that they have, and of those that leave them. */
static int note_formers(struct touched *t, const struct gw_driver *d, const struct gw_intent *in,
			const struct gw_delta *delta)
{
	int r = 0;

	for (size_t i = 0; i < t->n_domains; i++) {
		size_t n;
		const uint32_t *vsids = gw_intent_rdid_vsids(in, &t->domains[i].rdid, &n);

		for (size_t v = 0; v < n && r == 0; v++)
			r = note_former(&t->domains[i], kernel_domain(d, vsids[v]));
	}
	for (size_t i = 0; i < delta->n && r == 0; i++) {
		const struct gw_customer_route *route = former_route(&delta->changes[i]);

		if (route)
			r = note_former(find_domain(t, &route->rdid), kernel_domain(d, route->vsid));
	}
	return r;
}

/* Before anything is written: what is in the kernel is part of it. */
static int touched_init(struct touched *t, const struct gw_driver *d, const struct gw_intent *in,
			const struct gw_delta *delta)
{
	size_t unique = 0;

	/* Room for the domains' own numbers behind the VSIDs (bump). */
	*t = (struct touched){
		.vsids = calloc(4 * delta->n + 1, sizeof *t->vsids),
		.domains = calloc(2 * delta->n + 1, sizeof *t->domains),
		.former = calloc(delta->n + 1, sizeof *t->former),
	};
	if (!t->vsids || !t->domains || !t->former) {
		touched_done(t);
		return -ENOMEM;
	}
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *before = delta->changes[i].before;

		touch(t, before);
		touch(t, delta->changes[i].after);
		if (before && before->kind == GW_HNV_LOOKUP_RECORD)
			t->former[i] = kernel_domain(d, before->record.vsid);
	}
	qsort(t->domains, t->n_domains, sizeof *t->domains, by_rdid);
	for (size_t i = 0; i < t->n_domains; i++)
		if (unique == 0 || !gw_uuid_equal(&t->domains[unique - 1].rdid, &t->domains[i].rdid))
			t->domains[unique++] = t->domains[i];
	t->n_domains = unique;
	if (note_formers(t, d, in, delta) < 0) {
		touched_done(t);
		return -ENOMEM;
	}
	return 0;
}

/* --- one key of the change ------------------------------------------------------------------------------------------------ */

static int apply_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
			struct gw_error *err)
{
	const struct gw_lookup_record *rec = &o->record;
	struct gw_record_key key = gw_record_key_of(rec);
	int r = gw_maps_refresh_vsid(d, in, rec->vsid, err);

	if (r == 0)
		r = gw_maps_refresh_peer(d, in, gw_intent_domain_id(in, rec->vsid), &rec->pa, err);
	if (r == 0)
		r = gw_maps_refresh_record(d, in, &key, err);
	if (r == 0)
		r = gw_maps_refresh_mac(d, in, rec->vsid, &rec->mac, err);
	if (r == 0 && gw_hnv_record_is_router(rec))
		r = gw_maps_refresh_subnets(d, in, rec->vsid, err);
	/* The record may be a port's own, and name the address that its tunnels start from. */
	for (const struct gw_hnv_object *p = NULL;
	     r == 0 && (p = gw_intent_next_by_mac(in, rec->vsid, &rec->mac, p));) {
		const struct gw_iface *i = p->kind == GW_HNV_PORT ? gw_iface_find(d, p->port.interface) : NULL;

		if (i)
			r = gw_maps_refresh_port(d, in, i, err);
	}
	return r;
}

/* A subnet that comes or goes takes its router record from those around it, or leaves it to them. */
static int refresh_nested(struct gw_driver *d, const struct gw_intent *in, const struct gw_customer_route *route,
			  struct gw_error *err)
{
	const struct gw_vsid_use *u = gw_index_vsid(&d->index, route->vsid);

	if (!u || !u->routers || !gw_addr_is_any(&route->next_hop))
		return 0;
	return gw_maps_refresh_subnets(d, in, route->vsid, err);
}

static int apply_one(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
		     struct gw_error *err)
{
	int r = 0;

	switch (o->kind) {
	case GW_HNV_LOOKUP_RECORD:
		return apply_record(d, in, o, err);
	case GW_HNV_CUSTOMER_ROUTE:
		r = gw_maps_refresh_route(d, in, &o->croute, err);
		if (r == 0)
			r = gw_maps_refresh_vsid(d, in, o->croute.vsid, err);
		return r == 0 ? refresh_nested(d, in, &o->croute, err) : r;
	case GW_HNV_PROVIDER_ADDRESS:
		return gw_maps_refresh_provider(d, in, &o->paddr.pa, err);
	case GW_HNV_PORT:
		r = gw_maps_refresh_vsid(d, in, o->port.vsid, err);
		return r == 0 ? gw_maps_refresh_mac(d, in, o->port.vsid, &o->port.mac, err) : r;
	default:
		return 0;
	}
}

/* --- what depends on many keys --------------------------------------------------------------------------------------------- */

/*
 * A domain whose lowest VSID comes or goes has another number: its routes are there under the new one before the VSIDs are
 * told, and under the old one until all have been.
 */
static int renumber_routes(struct gw_driver *d, const struct gw_intent *in, const struct touched *t,
			   struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n_domains && r == 0; i++) {
		size_t n;
		const uint32_t *vsids = gw_intent_rdid_vsids(in, &t->domains[i].rdid, &n);

		if (n && t->domains[i].lowest <= vsids[0])
			r = gw_maps_refresh_domain_routes(d, in, vsids[0], vsids[0], err);
	}
	return r;
}

/* A VSID that comes or goes can change the number of its whole domain. */
static int refresh_domains(struct gw_driver *d, const struct gw_intent *in, const struct touched *t,
			   struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n_domains; i++) {
		size_t n;
		const uint32_t *vsids = gw_intent_rdid_vsids(in, &t->domains[i].rdid, &n);

		for (size_t v = 0; v < n && r == 0; v++)
			r = gw_maps_refresh_vsid(d, in, vsids[v], err);
	}
	return r;
}

/*
 * A record that goes in the same change in which its VSID leaves its domain, or the domain gets another number, leaves its
 * peer under a number that nothing else leads to any more.
 */
static int drop_former_peers(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta,
			     const struct touched *t, struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < delta->n && r == 0; i++)
		if (t->former[i])
			r = gw_maps_refresh_peer(d, in, t->former[i], &delta->changes[i].before->record.pa, err);
	return r;
}

/* Routes under a number that their domain has no more: those that it has yet, and those that the change takes away. */
static int drop_former_routes(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta,
			      const struct touched *t, struct gw_error *err)
{
	int r = 0;

	for (size_t i = 0; i < t->n_domains; i++) {
		size_t n;
		const uint32_t *vsids = gw_intent_rdid_vsids(in, &t->domains[i].rdid, &n);

		for (size_t k = 0; k < t->domains[i].n_former && n && r == 0; k++)
			if (t->domains[i].former[k] != vsids[0])
				r = gw_maps_refresh_domain_routes(d, in, vsids[0], t->domains[i].former[k], err);
	}
	for (size_t i = 0; i < delta->n && r == 0; i++) {
		const struct gw_customer_route *route = former_route(&delta->changes[i]);
		const struct touched_domain *domain = route ? find_domain(t, &route->rdid) : NULL;

		for (size_t k = 0; domain && k < domain->n_former && r == 0; k++)
			r = gw_maps_refresh_route_under(d, in, domain->former[k], &route->prefix, err);
	}
	return r;
}

/* Whether other nodes are reached directly depends on the provider routes, and is part of every port. */
static int refresh_ports(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	int r = 0;

	GW_HMAP_FOR_EACH (n, &d->ifaces) {
		const struct gw_iface *i = GW_CONTAINER_OF(n, struct gw_iface, node);

		if (r == 0 && i->is_port)
			r = gw_maps_refresh_port(d, in, i, err);
	}
	return r;
}

/* Flows in the domains that the change touched are decided anew, now that the maps say what is right. */
static void bump(struct gw_driver *d, const struct gw_intent *in, struct touched *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_vsids; i++)
		t->vsids[n++] = gw_intent_domain_id(in, t->vsids[i]);
	for (size_t i = 0; i < t->n_domains; i++) {
		size_t members;
		const uint32_t *vsids = gw_intent_rdid_vsids(in, &t->domains[i].rdid, &members);

		if (members)
			t->vsids[n++] = vsids[0];
	}
	gw_maps_bump(d, in, t->vsids, n);
}

int gw_maps_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err)
{
	bool has[GW_HNV_KIND_MAX] = {0};
	struct touched t;
	int r = 0;

	if (touched_init(&t, d, in, delta) < 0)
		return gw_error_oom(err);
	r = renumber_routes(d, in, &t, err);
	for (size_t i = 0; i < delta->n && r == 0; i++) {
		const struct gw_change *c = &delta->changes[i];

		has[c->after ? c->after->kind : c->before->kind] = true;
		/* What is new first: an old key that is still wanted keeps its entry throughout. */
		if (c->after)
			r = apply_one(d, in, c->after, err);
		if (r == 0 && c->before)
			r = apply_one(d, in, c->before, err);
	}
	if (r == 0)
		r = refresh_domains(d, in, &t, err);
	if (r == 0)
		r = drop_former_peers(d, in, delta, &t, err);
	if (r == 0)
		r = drop_former_routes(d, in, delta, &t, err);
	if (r == 0 && has[GW_HNV_PROVIDER_ROUTE])
		r = refresh_ports(d, in, err);
	/* Which addresses are this node's own is written into every record that names one. */
	if (r == 0 && has[GW_HNV_PROVIDER_ADDRESS])
		r = gw_maps_sync_whole(d, in, err);
	if (has[GW_HNV_PROVIDER_ROUTE])
		gw_maps_bump(d, in, NULL, 0);
	else
		bump(d, in, &t);
	for (size_t i = 0; i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].before;

		if (o && vsid_of(o))
			gw_index_settle(&d->index, vsid_of(o));
	}
	touched_done(&t);
	return r;
}
