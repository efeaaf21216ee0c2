/*
 * wanted.c - what has to be in a VRF's namespace beside its links: computed from the intent, nothing else. Called by bring.c; the
 * events of the namespace are held against it (events.c).
 */
#include "vrf/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IPV6_MIN_MTU 1280 /* a link with less has no IPv6 */

/* The next hops of the default routes; that is whoever the engine sends it to. */
#define OUTSIDE_V4 0xa9fe0101u /* 169.254.1.1 */
static const struct gw_addr outside_v6 = {{0xfe, 0x80, [15] = 1}};

struct builder {
	const struct gw_driver *d;
	const struct gw_vrf_domain *dom;
	struct gw_vrf_wanted *w;
	size_t cap_addrs, cap_routes, cap_neighs, cap_shared;
	bool inside_v6, outside_v6; /* the link can have it */
	int rc;
};

static void *grow(struct builder *b, void *v, size_t n, size_t *cap, size_t size)
{
	void *more;

	if (n < *cap)
		return v;
	more = reallocarray(v, *cap ? *cap * 2 : 8, size);
	if (!more) {
		b->rc = -ENOMEM;
		return v;
	}
	*cap = *cap ? *cap * 2 : 8;
	return more;
}

static void add_addr(struct builder *b, int ifindex, const struct gw_addr *a, uint8_t len)
{
	struct gw_vrf_wanted *w = b->w;

	w->addrs = grow(b, w->addrs, w->n_addrs, &b->cap_addrs, sizeof *w->addrs);
	if (b->rc == 0)
		w->addrs[w->n_addrs++] =
			(struct gw_nl_addr){.ifindex = ifindex, .addr = *a, .prefix_len = len, .unchecked = true};
}

static void add_shared(struct builder *b, const struct gw_addr *a)
{
	struct gw_vrf_wanted *w = b->w;

	w->shared = grow(b, w->shared, w->n_shared, &b->cap_shared, sizeof *w->shared);
	if (b->rc == 0)
		w->shared[w->n_shared++] = *a;
}

static void add_route(struct builder *b, const struct gw_nl_route *r)
{
	struct gw_vrf_wanted *w = b->w;

	w->routes = grow(b, w->routes, w->n_routes, &b->cap_routes, sizeof *w->routes);
	if (b->rc == 0)
		w->routes[w->n_routes++] = *r;
}

static void add_neigh(struct builder *b, int ifindex, const struct gw_addr *a, const struct gw_mac *mac)
{
	struct gw_vrf_wanted *w = b->w;

	w->neighs = grow(b, w->neighs, w->n_neighs, &b->cap_neighs, sizeof *w->neighs);
	if (b->rc == 0)
		w->neighs[w->n_neighs++] = (struct gw_nl_neigh){.ifindex = ifindex, .addr = *a, .mac = *mac};
}

/* --- order --- */

int gw_vrf_compare_addrs(const void *a, const void *b)
{
	const struct gw_nl_addr *x = a, *y = b;
	int c = x->ifindex != y->ifindex ? (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex)
					 : gw_addr_cmp(&x->addr, &y->addr);

	return c ? c : (int)x->prefix_len - (int)y->prefix_len;
}

static int compare_shared(const void *a, const void *b)
{
	return gw_addr_cmp(a, b);
}

/* The kernel's own choice of a metric and ours are the same thing. */
static uint32_t metric_of(const struct gw_nl_route *r)
{
	return r->metric || gw_addr_is_v4(&r->prefix.addr) ? r->metric : 1024;
}

int gw_vrf_compare_routes(const void *a, const void *b)
{
	const struct gw_nl_route *x = a, *y = b;
	int c = gw_addr_cmp(&x->prefix.addr, &y->prefix.addr);

	if (c == 0)
		c = (int)x->prefix.len - (int)y->prefix.len;
	if (c == 0)
		c = (int)x->unreachable - (int)y->unreachable;
	if (c == 0)
		c = (metric_of(x) > metric_of(y)) - (metric_of(x) < metric_of(y));
	if (c || x->unreachable)
		return c;
	c = gw_addr_cmp(&x->next_hop, &y->next_hop);
	return c ? c : (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

int gw_vrf_compare_neighs(const void *a, const void *b)
{
	const struct gw_nl_neigh *x = a, *y = b;

	return x->ifindex != y->ifindex ? (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex)
					: gw_addr_cmp(&x->addr, &y->addr);
}

bool gw_vrf_wants_addr(const struct gw_vrf_wanted *w, const struct gw_nl_addr *a)
{
	return w->n_addrs && bsearch(a, w->addrs, w->n_addrs, sizeof *w->addrs, gw_vrf_compare_addrs);
}

bool gw_vrf_wants_local(const struct gw_vrf_wanted *w, const struct gw_nl_addr *a)
{
	return !w->n_shared || !bsearch(&a->addr, w->shared, w->n_shared, sizeof *w->shared, compare_shared);
}

bool gw_vrf_wants_route(const struct gw_vrf_wanted *w, const struct gw_nl_route *r)
{
	return w->n_routes && bsearch(r, w->routes, w->n_routes, sizeof *w->routes, gw_vrf_compare_routes);
}

const struct gw_nl_neigh *gw_vrf_wants_neigh(const struct gw_vrf_wanted *w, const struct gw_nl_neigh *n)
{
	return w->n_neighs ? bsearch(n, w->neighs, w->n_neighs, sizeof *w->neighs, gw_vrf_compare_neighs) : NULL;
}

static size_t sort_once(void *v, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *p = v;
	size_t kept = n > 0;

	if (n > 1)
		qsort(v, n, size, compare);
	for (size_t i = 1; i < n; i++)
		if (compare(p + (kept - 1) * size, p + i * size) != 0)
			memmove(p + kept++ * size, p + i * size, size);
	return kept;
}

/* --- towards the customer --- */

static struct gw_prefix subnet_of(const struct gw_addr *ca, uint8_t len)
{
	return (struct gw_prefix){.addr = gw_prefix_mask(ca, len), .len = len};
}

/* What the distributed router is called in the gateway subnet: as the engine names it. */
static void name_router(const struct gw_driver *d, uint32_t vsid, const struct gw_prefix *subnet,
			struct gw_addr *ret_ca, struct gw_mac *ret_mac)
{
	*ret_ca = gw_prefix_first_host(subnet);
	*ret_mac = d->router_mac;
	GW_HMAP_FOR_EACH_HASH (node, &d->holders_of, vsid) {
		const struct gw_vrf_holder *h = GW_CONTAINER_OF(node, struct gw_vrf_holder, by_vsid);

		if (h->vsid == vsid && h->router && gw_prefix_contains(subnet, &h->ca)) {
			*ret_ca = h->ca;
			*ret_mac = h->mac;
		}
	}
}

/* Whether the VRF routes it into the customer's network: not the way out, and not what has come back to the gateway. */
static bool leads_inside(const struct gw_vrf *v, const struct gw_vrf_route *r)
{
	bool v4 = gw_addr_is_v4(&r->prefix.addr);
	struct gw_prefix subnet;

	if (r->prefix.len == 0 || (v->has_ca && gw_addr_equal(&r->next_hop, &v->ca)) ||
	    (v->has_ca6 && gw_addr_equal(&r->next_hop, &v->ca6)))
		return false;
	if (!(v4 ? v->has_ca : v->has_ca6))
		return false;
	subnet = v4 ? subnet_of(&v->ca, v->prefix_len) : subnet_of(&v->ca6, v->prefix_len6);
	return !gw_prefix_equal(&subnet, &r->prefix);
}

static bool has_prefix_inside(const struct gw_vrf_domain *dom, const struct gw_prefix *p)
{
	const struct gw_vrf *v = &dom->record;
	struct gw_prefix subnet;

	if (v->has_ca && (subnet = subnet_of(&v->ca, v->prefix_len), gw_prefix_contains(&subnet, &p->addr)))
		return true;
	if (v->has_ca6 && (subnet = subnet_of(&v->ca6, v->prefix_len6), gw_prefix_contains(&subnet, &p->addr)))
		return true;
	GW_HMAP_FOR_EACH (node, &dom->routes) {
		const struct gw_vrf_route *r = GW_CONTAINER_OF(node, struct gw_vrf_route, by_key);

		if (r->prefix.len <= p->len && gw_prefix_contains(&r->prefix, &p->addr) && leads_inside(v, r))
			return true;
	}
	return false;
}

/* Somebody in the gateway subnet, whom the kernel need not ask for. */
static void want_host(struct builder *b, const struct gw_addr *ca, const struct gw_mac *mac)
{
	uint8_t len = gw_addr_is_v4(ca) ? 32 : 128;

	add_neigh(b, b->dom->inside, ca, mac);
	add_route(b, &(struct gw_nl_route){.ifindex = b->dom->inside,
					   .prefix = {.addr = *ca, .len = len},
					   .next_hop = gw_prefix_mask(ca, 0)});
}

/*
 * The kernel has one table of neighbours for all namespaces, and enters whoever it is to find on a link: who sends to one address
 * of a subnet after the other would fill it, and nobody on the node could get to know anybody any more. So no subnet is on the link;
 * the hosts there are that the intent knows, and these are not asked for. The rest is unreachable, whoever else has routes for it.
 */
static void want_subnet(struct builder *b, const struct gw_addr *ca, uint8_t len, struct gw_addr *ret_router)
{
	const struct gw_prefix subnet = subnet_of(ca, len);
	bool v4 = gw_addr_is_v4(ca);
	struct gw_mac mac;

	name_router(b->d, b->dom->record.vsid, &subnet, ret_router, &mac);
	add_addr(b, b->dom->inside, ca, v4 ? 32 : 128);
	want_host(b, ret_router, &mac);
	GW_HMAP_FOR_EACH_HASH (node, &b->d->holders_of, b->dom->record.vsid) {
		const struct gw_vrf_holder *h = GW_CONTAINER_OF(node, struct gw_vrf_holder, by_vsid);

		if (h->vsid == b->dom->record.vsid && !h->router && gw_prefix_contains(&subnet, &h->ca) &&
		    !gw_addr_equal(&h->ca, ca) && !gw_addr_equal(&h->ca, ret_router))
			want_host(b, &h->ca, &h->mac);
	}
	if (len < (v4 ? 32 : 128)) /* the kernel takes no metric for its own choice in IPv6 */
		add_route(b, &(struct gw_nl_route){.prefix = subnet,
						   .next_hop = gw_prefix_mask(&subnet.addr, 0),
						   .metric = v4 ? 0 : 1,
						   .unreachable = true,
						   .in_front = true});
}

static void want_inside(struct builder *b)
{
	const struct gw_vrf *v = &b->dom->record;
	struct gw_addr router[2] = {0}; /* IPv4, IPv6 */
	int ifindex = b->dom->inside;

	for (int family = 0; family < 2; family++) {
		const struct gw_addr *ca = family ? &v->ca6 : &v->ca;

		if (family ? v->has_ca6 && b->inside_v6 : v->has_ca)
			want_subnet(b, ca, family ? v->prefix_len6 : v->prefix_len, &router[family]);
	}
	GW_HMAP_FOR_EACH (node, &b->dom->routes) {
		const struct gw_vrf_route *r = GW_CONTAINER_OF(node, struct gw_vrf_route, by_key);
		bool v4 = gw_addr_is_v4(&r->prefix.addr);

		if (leads_inside(v, r) && (v4 || b->inside_v6))
			add_route(b, &(struct gw_nl_route){.ifindex = ifindex,
							   .prefix = r->prefix,
							   .next_hop = router[!v4],
							   .any_hop = true});
		else if (r->prefix.len && !v->has_ca && v4)
			b->w->left_out_v4 = true;
		else if (r->prefix.len && !v4 && !(v->has_ca6 && b->inside_v6))
			b->w->left_out_v6 = true;
	}
}

/* --- by connections --- */

/* NULL: there is none, or its link cannot have that family. */
static const struct gw_vrf_way *way_for(const struct builder *b, const struct gw_uuid *id, const struct gw_addr *a)
{
	const struct gw_vrf_way *w = gw_vrf_way_of(b->dom, id);

	return w && (gw_addr_is_v4(a) || (b->d->has_ipv6 && w->mtu >= IPV6_MIN_MTU)) ? w : NULL;
}

/* In a tunnel there is one neighbour, whatever the next hop: nobody is asked for, and no table of the kernel's filled. */
static void by_tunnel(struct builder *b, const struct gw_vrf_way *w, const struct gw_prefix *prefix, uint32_t metric)
{
	struct gw_addr hop = gw_addr_is_v4(&prefix->addr) ? gw_addr_from_v4(OUTSIDE_V4) : outside_v6;

	add_neigh(b, w->inside, &hop, &w->here_mac);
	add_route(b,
		  &(struct gw_nl_route){
			  .ifindex = w->inside, .prefix = *prefix, .next_hop = hop, .metric = metric, .any_hop = true});
}

static void want_way_address(struct builder *b, const struct gw_way_address *a)
{
	const struct gw_vrf_way *w = way_for(b, &a->id, &a->address);
	uint8_t whole = gw_addr_is_v4(&a->address) ? 32 : 128;
	struct gw_prefix subnet = subnet_of(&a->address, a->peer ? whole : a->prefix_len);

	if (!w)
		return;
	if (!a->peer)
		add_addr(b, w->inside, &a->address, w->record.type == GW_WAY_GRE ? whole : a->prefix_len);
	if (w->record.type == GW_WAY_GRE && (a->peer || a->prefix_len < whole))
		by_tunnel(b, w, &subnet, 0);
}

/*
 * What was for a site that does not answer must not go out to everybody by the way that all have: behind all other routes to it there
 * is one to nowhere. Of what leads everywhere that way is the next one.
 */
static void want_refusal(struct builder *b, const struct gw_prefix *prefix)
{
	if (prefix->len)
		add_route(b, &(struct gw_nl_route){.prefix = *prefix,
						   .next_hop = gw_prefix_mask(&prefix->addr, 0),
						   .metric = UINT32_MAX,
						   .unreachable = true});
}

static void want_way_route(struct builder *b, const struct gw_way_route *r)
{
	const struct gw_vrf_way *w = way_for(b, &r->id, &r->prefix.addr);

	if (!w)
		return;
	if (w->silent) {
		want_refusal(b, &r->prefix);
		return;
	}
	if (w->record.type == GW_WAY_GRE)
		by_tunnel(b, w, &r->prefix, r->metric);
	else
		add_route(b, &(struct gw_nl_route){.ifindex = w->inside,
						   .prefix = r->prefix,
						   .next_hop = gw_addr_is_any(&r->next_hop)
								       ? gw_prefix_mask(&r->prefix.addr, 0)
								       : r->next_hop,
						   .metric = r->metric,
						   .any_hop = !gw_addr_is_any(&r->next_hop)});
}

static void want_ways(struct builder *b, const struct gw_intent *in)
{
	const struct gw_hnv_object *o;

	for (o = NULL; (o = gw_intent_next_of_domain(in, GW_HNV_CONNECTION_ADDRESS, &b->dom->rdid, o));)
		want_way_address(b, &o->way_address);
	for (o = NULL; (o = gw_intent_next_of_domain(in, GW_HNV_CONNECTION_ROUTE, &b->dom->rdid, o));)
		want_way_route(b, &o->way_route);
}

/* Then what all virtual gateways have is the last to be taken. */
static bool has_default_way(const struct builder *b, const struct gw_intent *in, int family)
{
	for (const struct gw_hnv_object *o = NULL;
	     (o = gw_intent_next_of_domain(in, GW_HNV_CONNECTION_ROUTE, &b->dom->rdid, o));)
		if (o->way_route.prefix.len == 0 && !gw_addr_is_v4(&o->way_route.prefix.addr) == family &&
		    gw_vrf_way_of(b->dom, &o->way_route.id))
			return true;
	return false;
}

/* --- towards outside --- */

/*
 * The kernel must know a public address to answer from it, but not one that a VM itself has. What of a public prefix no customer
 * route leads to must not go back to where it came from. Of a shared address others have ports: what is sent there leaves by the way
 * out, where the engine knows whose it is, if no rule of the virtual gateway's own has led it inside before.
 */
static void want_public(struct builder *b, const struct gw_public *p)
{
	if (has_prefix_inside(b->dom, &p->prefix) || (!gw_addr_is_v4(&p->prefix.addr) && !b->outside_v6))
		return;
	if (p->prefix.len == (gw_addr_is_v4(&p->prefix.addr) ? 32 : 128)) {
		add_addr(b, b->dom->outside, &p->prefix.addr, p->prefix.len);
		if (p->port_count)
			add_shared(b, &p->prefix.addr);
	} else if (p->prefix.len > 0)
		add_route(b, &(struct gw_nl_route){.prefix = p->prefix,
						   .next_hop = gw_prefix_mask(&p->prefix.addr, 0),
						   .unreachable = true});
}

static void want_outside(struct builder *b, const struct gw_intent *in)
{
	struct gw_addr hop4 = gw_addr_from_v4(OUTSIDE_V4);
	int ifindex = b->dom->outside;
	bool last[2]; /* by family: a connection leads there too */

	for (int family = 0; family < 2; family++)
		last[family] = has_default_way(b, in, family);

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_of_domain(in, GW_HNV_PUBLIC, &b->dom->rdid, o));)
		want_public(b, &o->public);
	if (!*b->d->env.config->external_interface)
		return;
	add_neigh(b, ifindex, &hop4, &b->dom->exit_mac);
	add_route(b, &(struct gw_nl_route){.ifindex = ifindex,
					   .prefix = {.addr = gw_addr_from_v4(0)},
					   .next_hop = hop4,
					   .metric = last[0] ? UINT32_MAX : 0,
					   .any_hop = true});
	if (!b->outside_v6)
		return;
	add_neigh(b, ifindex, &outside_v6, &b->dom->exit_mac);
	add_route(b, &(struct gw_nl_route){.ifindex = ifindex,
					   .next_hop = outside_v6,
					   .metric = last[1] ? UINT32_MAX : 0,
					   .any_hop = true});
}

int gw_vrf_want(const struct gw_driver *d, const struct gw_vrf_domain *dom, const struct gw_intent *in,
		struct gw_vrf_wanted *ret)
{
	struct gw_vrf_wanted w = {0};
	struct builder b = {
		.d = d,
		.dom = dom,
		.w = &w,
		.inside_v6 = d->has_ipv6 && dom->inside_mtu >= IPV6_MIN_MTU,
		.outside_v6 = d->has_ipv6 && dom->outside_mtu >= IPV6_MIN_MTU,
	};

	want_inside(&b);
	want_ways(&b, in);
	want_outside(&b, in);
	if (b.rc < 0) {
		gw_vrf_wanted_done(&w);
		return b.rc;
	}
	w.n_addrs = sort_once(w.addrs, w.n_addrs, sizeof *w.addrs, gw_vrf_compare_addrs);
	w.n_routes = sort_once(w.routes, w.n_routes, sizeof *w.routes, gw_vrf_compare_routes);
	w.n_neighs = sort_once(w.neighs, w.n_neighs, sizeof *w.neighs, gw_vrf_compare_neighs);
	w.n_shared = sort_once(w.shared, w.n_shared, sizeof *w.shared, compare_shared);
	*ret = w;
	return 0;
}

void gw_vrf_wanted_done(struct gw_vrf_wanted *w)
{
	free(w->addrs);
	free(w->routes);
	free(w->neighs);
	free(w->shared);
	*w = (struct gw_vrf_wanted){0};
}
