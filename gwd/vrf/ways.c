/*
 * ways.c - the links of a VRF's connections: a pair for each, one end in the namespace, where the virtual gateway has its addresses
 * and routes on it, the other on the node, where the engine takes what comes and gives what is for it. Called by bring.c.
 *
 * Links in the namespace that bear such a name and are no connection's (any more) go with their other ends. An L3 connection's link
 * has the MTU of the interface that it leads to, a tunnel's what the [external] interface has room for around its headers: the
 * kernel then answers what is too large, and nothing is ever cut outside.
 *
 * A super-packet that came through a tunnel of the overlay still bears its marks, by which the layers below another tunnel would
 * cut it wrongly. So the kernel cuts them before a tunnel's link gets them, in both directions.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRE_OVERHEAD 24 /* outer IPv4, GRE; a key is 4 more */
#define DEFAULT_MTU  1500

/* --- how large its packets may be --- */

static struct gw_vrf_physical *find_physical(const struct gw_driver *d, const char *name)
{
	for (size_t i = 0; i < d->n_physicals; i++)
		if (!strcmp(d->physicals[i].name, name))
			return &d->physicals[i];
	return NULL;
}

/* Read when it is needed first, and after that as its events tell. */
static unsigned physical_mtu(struct gw_driver *d, const char *name)
{
	struct gw_vrf_physical *p = find_physical(d, name), *more;
	struct gw_link link;

	if (p)
		return p->mtu;
	more = reallocarray(d->physicals, d->n_physicals + 1, sizeof *more);
	if (!more)
		return DEFAULT_MTU;
	d->physicals = more;
	p = &d->physicals[d->n_physicals++];
	*p = (struct gw_vrf_physical){.mtu = DEFAULT_MTU};
	memcpy(p->name, name, strnlen(name, sizeof p->name - 1));
	if (gw_nl_link_get(d->env.nl, name, &link, NULL) == 0)
		p->mtu = link.mtu;
	return p->mtu;
}

bool gw_vrf_physical_changed(struct gw_driver *d, const struct gw_link *link)
{
	struct gw_vrf_physical *p = find_physical(d, link->name);

	if (!p || p->mtu == link->mtu)
		return false;
	p->mtu = link->mtu;
	return true;
}

static unsigned mtu_of(struct gw_driver *d, const struct gw_vrf_way *way)
{
	const struct gw_way *w = &way->record;

	if (w->type == GW_WAY_GRE)
		return gw_vrf_path_mtu(d, way, d->external_mtu - GRE_OVERHEAD - (w->has_key ? 4 : 0));
	return w->has_interface ? physical_mtu(d, w->interface) : d->external_mtu;
}

/* --- which there are --- */

void gw_vrf_drop_ways(struct gw_vrf_domain *dom)
{
	for (size_t i = 0; i < dom->n_ways; i++)
		gw_vrf_probe_end(dom->ways[i].probe);
	free(dom->ways);
	dom->ways = NULL;
	dom->n_ways = 0;
}

struct gw_vrf_way *gw_vrf_way_named(const struct gw_vrf_domain *dom, const char *name)
{
	for (size_t i = 0; i < dom->n_ways; i++)
		if (!strcmp(dom->ways[i].name, name) || !strcmp(dom->ways[i].inside_name, name))
			return &dom->ways[i];
	return NULL;
}

bool gw_vrf_has_link(const struct gw_vrf_domain *dom, int ifindex)
{
	bool found = ifindex == dom->inside || ifindex == dom->outside;

	for (size_t i = 0; i < dom->n_ways && !found; i++)
		found = ifindex == dom->ways[i].inside;
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct gw_vrf_way *)a)->name, ((const struct gw_vrf_way *)b)->name);
}

static int is_named(const void *name, const void *way)
{
	return strcmp(name, ((const struct gw_vrf_way *)way)->name);
}

const struct gw_vrf_way *gw_vrf_way_of(const struct gw_vrf_domain *dom, const struct gw_uuid *id)
{
	char name[IFNAMSIZ];

	return dom->n_ways ? bsearch(gw_way_link(id, name), dom->ways, dom->n_ways, sizeof *dom->ways, is_named) : NULL;
}

/* Of the other side's addresses, the first ones; and whether there are any of IPv6. */
static void read_addresses(struct gw_vrf_pass *p)
{
	const struct gw_hnv_object *o = NULL;

	for (size_t i = 0; i < p->dom->n_ways; i++) {
		p->dom->ways[i].n_peers = 0;
		p->dom->ways[i].carries_v6 = false;
	}
	while ((o = gw_intent_next_of_domain(p->in, GW_HNV_CONNECTION_ADDRESS, &p->dom->rdid, o))) {
		struct gw_vrf_way *w = (struct gw_vrf_way *)gw_vrf_way_of(p->dom, &o->way_address.id);

		if (w && !gw_addr_is_v4(&o->way_address.address))
			w->carries_v6 = true;
		if (w && o->way_address.peer && w->n_peers < GW_VRF_PEERS &&
		    (gw_addr_is_v4(&o->way_address.address) || p->d->has_ipv6))
			w->peers[w->n_peers++] = o->way_address.address;
	}
	while ((o = gw_intent_next_of_domain(p->in, GW_HNV_CONNECTION_ROUTE, &p->dom->rdid, o))) {
		struct gw_vrf_way *w = (struct gw_vrf_way *)gw_vrf_way_of(p->dom, &o->way_route.id);

		if (w && !gw_addr_is_v4(&o->way_route.prefix.addr))
			w->carries_v6 = true;
	}
}

/* What was found out about the path of a tunnel is of no use for another one. */
static bool same_tunnel(const struct gw_way *a, const struct gw_way *b)
{
	return a->type == b->type && gw_addr_equal(&a->destination, &b->destination) &&
	       a->has_source == b->has_source && (!a->has_source || gw_addr_equal(&a->source, &b->source));
}

/* What is known of one that stays is kept. */
static int read_ways(struct gw_vrf_pass *p)
{
	struct gw_vrf_domain *dom = p->dom;
	const struct gw_hnv_object *o = NULL;
	struct gw_vrf_way *ways;
	size_t n = 0;

	while ((o = gw_intent_next_of_domain(p->in, GW_HNV_CONNECTION, &dom->rdid, o)))
		n++;
	ways = calloc(n + 1, sizeof *ways);
	if (!ways)
		return -ENOMEM;
	for (n = 0; (o = gw_intent_next_of_domain(p->in, GW_HNV_CONNECTION, &dom->rdid, o)); n++) {
		struct gw_vrf_way *w = &ways[n], *was;

		gw_way_link(&o->way.id, w->name);
		was = gw_vrf_way_named(dom, w->name);
		if (was) {
			*w = *was;
			was->probe = NULL;
			if (!same_tunnel(&was->record, &o->way))
				w->path.told = 0;
		}
		gw_way_inside(&o->way.id, w->inside_name);
		w->record = o->way;
		w->mac = gw_way_mac(&o->way.id);
	}
	qsort(ways, n, sizeof *ways, by_name);
	gw_vrf_drop_ways(dom);
	dom->ways = ways;
	dom->n_ways = n;
	read_addresses(p);
	for (size_t i = 0; i < n; i++)
		ways[i].mtu = mtu_of(p->d, &ways[i]);
	return 0;
}

/* --- their links --- */

/* Of links that are to go, the numbers: while they are listed nothing is deleted. */
struct stale {
	const struct gw_vrf_domain *dom;
	int *v; /* owned */
	size_t n;
	int rc;
};

static void see_inside(void *ctx, const struct gw_link *link, bool removed)
{
	struct stale *s = ctx;
	int *more;

	(void)removed;
	if (strncmp(link->name, GW_WAY_INSIDE, strlen(GW_WAY_INSIDE)) != 0 || strcmp(link->kind, "veth") != 0 ||
	    gw_vrf_way_named(s->dom, link->name))
		return;
	more = reallocarray(s->v, s->n + 1, sizeof *s->v);
	if (!more) {
		s->rc = -ENOMEM;
		return;
	}
	s->v = more;
	s->v[s->n++] = link->ifindex;
}

static int drop_stale(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct stale s = {.dom = p->dom};
	int rc = p->fresh ? 0 : gw_nl_link_each(p->dom->nl, see_inside, &s, err);

	if (rc == 0 && s.rc < 0)
		rc = gw_error_oom(err);
	for (size_t i = 0; i < s.n && rc == 0; i++) {
		rc = gw_nl_link_delete(p->dom->nl, s.v[i], err);
		if (rc == -ENODEV)
			rc = 0;
	}
	free(s.v);
	return rc;
}

/* --- how much goes over it --- */

static int bring_rate(struct gw_vrf_pass *p, struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate,
		      const char *link, struct gw_error *err)
{
	int rc;

	if (gw_nl_rate_is(nl, ifindex, rate))
		return 0;
	rc = rate->kbps ? gw_nl_rate_set(nl, ifindex, rate, err) : gw_nl_rate_clear(nl, ifindex, err);
	if (rc == 0 && p->repairing)
		gw_vrf_repaired(p, "%s had another limit", link);
	return rc;
}

struct gw_nl_rate gw_vrf_rate_of(const struct gw_vrf_way *w, uint32_t kbps)
{
	return (struct gw_nl_rate){.kbps = kbps, .mtu = w->mtu, .ident = gw_vrf_probe_ident(&w->record.id)};
}

/* What it sends the namespace's end limits, what it gets the node's: both as they send. */
static int bring_rates(struct gw_vrf_pass *p, const struct gw_vrf_way *w, struct gw_error *err)
{
	const struct gw_nl_rate out = gw_vrf_rate_of(w, w->record.out_kbps), in = gw_vrf_rate_of(w, w->record.in_kbps);
	int rc = bring_rate(p, p->dom->nl, w->inside, &out, w->inside_name, err);

	p->d->has_limits = p->d->has_limits || in.kbps;
	return rc == 0 ? bring_rate(p, p->d->env.nl, w->here, &in, w->name, err) : rc;
}

/* --- those that were there before this process --- */

/* One that has not been looked at, with a route of its own, as it is looked for in the kernel. */
struct sought {
	struct gw_vrf_way *way;
	const struct gw_way_route *route;
	bool found;
};

struct search {
	struct sought *v; /* by the numbers of their links */
	size_t n;
};

static int by_link(const void *a, const void *b)
{
	const struct sought *x = a, *y = b;

	return (x->way->inside > y->way->inside) - (x->way->inside < y->way->inside);
}

static void see_route(void *ctx, const struct gw_nl_route *r)
{
	const struct search *s = ctx;
	struct gw_vrf_way link = {.inside = r->ifindex};
	struct sought *found = bsearch(&(struct sought){.way = &link}, s->v, s->n, sizeof *s->v, by_link);

	if (found && found->route && r->ours && gw_prefix_equal(&r->prefix, &found->route->prefix) &&
	    (r->metric == found->route->metric || found->route->metric == 0))
		found->found = true;
}

static void choose_routes(struct gw_vrf_pass *p, const struct search *s)
{
	const struct gw_hnv_object *o = NULL;

	while ((o = gw_intent_next_of_domain(p->in, GW_HNV_CONNECTION_ROUTE, &p->dom->rdid, o))) {
		struct gw_vrf_way *w = (struct gw_vrf_way *)gw_vrf_way_of(p->dom, &o->way_route.id);
		struct sought *at = w ? bsearch(&(struct sought){.way = w}, s->v, s->n, sizeof *s->v, by_link) : NULL;

		if (at && !at->route)
			at->route = &o->way_route;
	}
}

/* Without its routes one was silent when the process before ended. */
static int find_silence(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct gw_vrf_domain *dom = p->dom;
	struct search s = {.v = calloc(dom->n_ways + 1, sizeof *s.v)};
	int rc = 0;

	if (!s.v)
		return gw_error_oom(err);
	for (size_t i = 0; i < dom->n_ways; i++) {
		if (dom->ways[i].found)
			s.v[s.n++].way = &dom->ways[i];
		dom->ways[i].found = false;
	}
	if (s.n) {
		qsort(s.v, s.n, sizeof *s.v, by_link);
		choose_routes(p, &s);
		rc = gw_nl_route_each(dom->nl, see_route, &s, err);
	}
	for (size_t i = 0; i < s.n && rc == 0; i++)
		s.v[i].way->silent = s.v[i].route && !s.v[i].found;
	free(s.v);
	return rc;
}

static int bring_way(struct gw_vrf_pass *p, struct gw_vrf_way *w, int ns_fd, struct gw_error *err)
{
	bool l3 = w->record.type == GW_WAY_L3;
	struct gw_vrf_side s = {.inside_name = w->inside_name, .mac = w->mac, .speaks = l3, .one_each = !l3};
	bool repairing = p->repairing, was_there;
	struct gw_link link;
	int rc;

	memcpy(s.name, w->name, sizeof s.name);
	was_there = !w->here && gw_nl_link_get(p->dom->nl, w->inside_name, &link, NULL) == 0;
	if (was_there)
		gw_vrf_path_found(p->d, w, link.mtu);
	s.mtu = w->mtu;
	p->repairing = repairing && w->here; /* one that has just come is no repair */
	rc = gw_vrf_bring_side(p, &s, ns_fd, err);
	if (rc < 0) {
		p->repairing = repairing;
		return rc;
	}
	w->here = s.here.ifindex;
	w->here_mac = s.here.mac;
	w->inside = s.there.ifindex;
	w->found = was_there && link.ifindex == w->inside;
	if (rc == 0)
		rc = gw_vrf_bring_way_settings(p, w->inside_name, err);
	if (rc == 0)
		rc = bring_rates(p, w, err);
	p->repairing = repairing;
	return rc;
}

/* Without it large packets may be lost on the way, but all else works. */
static void follow_paths(const struct gw_vrf_pass *p)
{
	bool any = false;
	int rc;

	for (size_t i = 0; i < p->dom->n_ways; i++)
		any |= p->dom->ways[i].record.type == GW_WAY_GRE;
	rc = gw_vrf_follow_paths(p->d, p->dom, any);
	if (rc < 0)
		gw_log_warning("cannot hear how large the packets of tunnels may be outside: %s; gwd needs CAP_NET_RAW",
			       strerror(-rc));
}

static int bring_probe(struct gw_vrf_pass *p, struct gw_vrf_way *w, struct gw_error *err)
{
	int rc = gw_vrf_probe_bring(p, w);

	if (rc == 0)
		return 0;
	return gw_error_set(err, -rc, GW_ERR_UNAVAILABLE, w->name,
			    "cannot ask whether the other side of connection %s is there: %s; gwd needs CAP_NET_RAW",
			    w->inside_name, strerror(-rc));
}

int gw_vrf_bring_ways(struct gw_vrf_pass *p, int ns_fd, struct gw_error *err)
{
	int rc = read_ways(p);

	if (rc < 0)
		return gw_error_oom(err);
	follow_paths(p);
	rc = drop_stale(p, err);
	for (size_t i = 0; i < p->dom->n_ways && rc == 0; i++)
		rc = bring_way(p, &p->dom->ways[i], ns_fd, err);
	if (rc == 0)
		rc = find_silence(p, err);
	for (size_t i = 0; i < p->dom->n_ways && rc == 0; i++)
		rc = bring_probe(p, &p->dom->ways[i], err);
	return rc;
}
