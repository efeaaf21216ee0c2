/* oracle.c - see oracle.h. Loops over everything, keeps nothing. */
#include "oracle.h"

#include <arpa/inet.h>
#include <unistd.h>

#define FOR_EACH(in, kind, o) for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_##kind, o));)

struct oracle {
	const struct gw_intent *in;
	struct gw_nl *nl;
	const struct gw_mac *router_mac;
	char dir[256];
	const char *what;
	const char *map; /* under comparison */
	int fd;
	size_t wanted;
};

static int pinned(const struct oracle *x, const char *name)
{
	char path[400];
	int fd;

	snprintf(path, sizeof path, "%s/%s", x->dir, name);
	fd = bpf_obj_get(path);
	check(fd >= 0, "%s: %s", path, strerror(-fd));
	return fd;
}

static void map_begin(struct oracle *x, const char *name)
{
	x->map = name;
	x->fd = pinned(x, name);
	x->wanted = 0;
}

/* The entry must be there with this value (NULL: any); counted once by the caller. */
static void want(struct oracle *x, const void *key, const void *value, size_t n)
{
	uint8_t found[128] = {0};

	x->wanted++;
	check(bpf_map_lookup_elem(x->fd, key, found) == 0, "%s: an entry of '%s' is missing", x->what, x->map);
	check(!value || memcmp(found, value, n) == 0, "%s: an entry of '%s' is wrong", x->what, x->map);
}

/* Nothing else may be there. */
static void map_end(struct oracle *x)
{
	uint8_t key[64], next[64];
	bool more = bpf_map_get_next_key(x->fd, NULL, key) == 0;
	size_t n = 0;

	while (more) {
		n++;
		more = bpf_map_get_next_key(x->fd, key, next) == 0;
		memcpy(key, next, sizeof key);
	}
	check(n == x->wanted, "%s: '%s' has %zu entries, should have %zu", x->what, x->map, n, x->wanted);
	close(x->fd);
}

/* --- the questions ----------------------------------------------------------------------------------------------------------- */

static bool link_of(const struct oracle *x, const char *name, struct gw_link *ret)
{
	return gw_nl_link_get(x->nl, name, ret, NULL) == 0;
}

static const struct gw_provider_address *own_pa(const struct oracle *x, const struct gw_addr *pa)
{
	FOR_EACH(x->in, PROVIDER_ADDRESS, o)
	if (gw_addr_equal(&o->paddr.pa, pa))
		return &o->paddr;
	return NULL;
}

/* The lowest VSID that any customer route puts into the same routing domain. */
static uint32_t domain(const struct oracle *x, uint32_t vsid)
{
	const struct gw_uuid *rdid = NULL;
	uint32_t lowest = UINT32_MAX;

	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	if (o->croute.vsid == vsid)
		rdid = &o->croute.rdid;
	if (!rdid)
		return vsid;
	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	if (gw_uuid_equal(&o->croute.rdid, rdid) && o->croute.vsid < lowest)
		lowest = o->croute.vsid;
	return lowest;
}

static bool is_router(const struct gw_lookup_record *r)
{
	return gw_addr_is_v4(&r->pa) && r->pa.b[12] == 169 && r->pa.b[13] == 254;
}

static struct gw_ip ip(const struct gw_addr *a)
{
	struct gw_ip r;

	memcpy(&r, a->b, sizeof r);
	return r;
}

static uint8_t encap(const struct gw_lookup_record *r)
{
	return r->encap == GW_ENCAP_NVGRE ? GW_ABI_NVGRE : GW_ABI_VXLAN;
}

static uint32_t slot(const struct oracle *x, enum gw_slot_kind kind, uint32_t id)
{
	struct gw_slot_key key = {.kind = kind, .id = id};
	int fd = pinned(x, "slots");
	uint32_t r = UINT32_MAX;

	check(bpf_map_lookup_elem(fd, &key, &r) == 0, "%s: %s %u has no slot", x->what,
	      kind == GW_SLOT_PORT ? "ifindex" : "VSID", id);
	close(fd);
	return r;
}

/* --- the maps ------------------------------------------------------------------------------------------------------------------ */

static void records(struct oracle *x)
{
	map_begin(x, "records");
	FOR_EACH(x->in, LOOKUP_RECORD, o)
	{
		const struct gw_lookup_record *r = &o->record;
		struct gw_record_key key = {.vsid = r->vsid, .ca = ip(&r->ca)};
		struct gw_bpf_record v = {.vsid = r->vsid, .pa = ip(&r->pa), .encap = encap(r)};

		if (r->type == GW_RECORD_L2ONLY)
			continue;
		if (is_router(r)) {
			v = (struct gw_bpf_record){.vsid = r->vsid, .flags = GW_RECORD_IS_ROUTER};
		} else {
			v.flags = own_pa(x, &r->pa) ? GW_RECORD_LOCAL : 0;
			v.flags |= r->type == GW_RECORD_WILDCARD ? GW_RECORD_IS_WILDCARD : 0;
		}
		memcpy(v.mac, r->mac.b, 6);
		want(x, &key, &v, sizeof v);
	}
	map_end(x);
}

static const struct gw_lookup_record *speaker(const struct oracle *x, uint32_t vsid, const struct gw_mac *mac)
{
	const struct gw_lookup_record *best = NULL;

	FOR_EACH(x->in, LOOKUP_RECORD, o)
	{
		const struct gw_lookup_record *r = &o->record;
		bool wild = r->type == GW_RECORD_WILDCARD;

		if (r->vsid != vsid || !gw_mac_equal(&r->mac, mac) || is_router(r))
			continue;
		if (!best || (best->type == GW_RECORD_WILDCARD && !wild) ||
		    ((best->type == GW_RECORD_WILDCARD) == wild && memcmp(&r->ca, &best->ca, 16) < 0))
			best = r;
	}
	return best;
}

static void one_mac(struct oracle *x, uint32_t vsid, const struct gw_mac *mac)
{
	const struct gw_lookup_record *best = speaker(x, vsid, mac);
	struct gw_mac_key key = {.vsid = vsid};
	struct gw_bpf_mac v = {.vsid = vsid};
	struct gw_link link;

	memcpy(key.mac, mac->b, 6);
	if (best) {
		v.pa = ip(&best->pa);
		v.encap = encap(best);
		v.record_flags = GW_MAC_HAS_PA | (own_pa(x, &best->pa) ? GW_RECORD_LOCAL : 0);
	}
	FOR_EACH(x->in, PORT, o)
	if (o->port.vsid == vsid && gw_mac_equal(&o->port.mac, mac) && link_of(x, o->port.interface, &link)) {
		v.port = (uint32_t)link.ifindex;
		v.mtu = link.mtu;
		v.slot = slot(x, GW_SLOT_PORT, v.port);
		v.vsid_slot = slot(x, GW_SLOT_VSID, vsid);
		v.domain = domain(x, vsid);
	}
	FOR_EACH(x->in, LOOKUP_RECORD, o)
	if (o->record.vsid == vsid && gw_mac_equal(&o->record.mac, mac) && is_router(&o->record))
		v.record_flags |= GW_MAC_ROUTER;
	if (!v.record_flags && !v.port)
		return;
	want(x, &key, &v, sizeof v);
}

/* Whether an object before `o` has the same VSID and MAC. */
static bool seen_mac(const struct oracle *x, uint32_t vsid, const struct gw_mac *mac, const struct gw_hnv_object *until)
{
	FOR_EACH(x->in, LOOKUP_RECORD, o)
	{
		if (o == until)
			return false;
		if (o->record.vsid == vsid && gw_mac_equal(&o->record.mac, mac))
			return true;
	}
	return false;
}

static void macs(struct oracle *x)
{
	map_begin(x, "macs");
	FOR_EACH(x->in, LOOKUP_RECORD, o)
	if (!seen_mac(x, o->record.vsid, &o->record.mac, o))
		one_mac(x, o->record.vsid, &o->record.mac);
	FOR_EACH(x->in, PORT, o)
	if (!seen_mac(x, o->port.vsid, &o->port.mac, NULL))
		one_mac(x, o->port.vsid, &o->port.mac);
	map_end(x);
}

/* The router record of the VSID with the lowest address in the subnet; NULL: the router is called as ever. */
static bool is_subnet(const struct gw_customer_route *r)
{
	unsigned most = gw_addr_is_v4(&r->prefix.addr) ? 30 : 126;

	return gw_addr_is_any(&r->next_hop) && r->prefix.len > 0 && r->prefix.len <= most;
}

static const struct gw_prefix *longest_subnet(const struct oracle *x, uint32_t vsid, const struct gw_addr *ca)
{
	const struct gw_prefix *longest = NULL;

	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	{
		const struct gw_prefix *p = &o->croute.prefix;

		if (o->croute.vsid == vsid && is_subnet(&o->croute) && gw_prefix_contains(p, ca) &&
		    (!longest || p->len > longest->len))
			longest = p;
	}
	return longest;
}

static bool equal_prefix(const struct gw_prefix *a, const struct gw_prefix *b)
{
	return a && gw_prefix_equal(a, b);
}

static const struct gw_lookup_record *named_router(const struct oracle *x, uint32_t vsid,
						   const struct gw_prefix *subnet)
{
	const struct gw_lookup_record *lowest = NULL;

	FOR_EACH(x->in, LOOKUP_RECORD, o)
	{
		const struct gw_lookup_record *r = &o->record;

		if (r->vsid == vsid && is_router(r) && equal_prefix(longest_subnet(x, vsid, &r->ca), subnet) &&
		    (!lowest || memcmp(&r->ca, &lowest->ca, 16) < 0))
			lowest = r;
	}
	return lowest;
}

static struct gw_ip router_address(const struct oracle *x, uint32_t vsid, const struct gw_prefix *subnet)
{
	const struct gw_lookup_record *named = named_router(x, vsid, subnet);
	struct gw_addr first = gw_prefix_first_host(subnet);

	return ip(named ? &named->ca : &first);
}

/* The router's address in the lowest on-link subnet of the family. */
static struct gw_ip default_router(const struct oracle *x, uint32_t vsid, bool v4)
{
	const struct gw_prefix *lowest = NULL;

	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	{
		const struct gw_prefix *p = &o->croute.prefix;
		int c = lowest ? memcmp(&p->addr, &lowest->addr, 16) : -1;

		if (o->croute.vsid == vsid && is_subnet(&o->croute) && gw_addr_is_v4(&p->addr) == v4 &&
		    (c < 0 || (c == 0 && p->len < lowest->len)))
			lowest = p;
	}
	return lowest ? router_address(x, vsid, lowest) : (struct gw_ip){0};
}

static void vsids(struct oracle *x)
{
	bool seen[65536] = {0};

	map_begin(x, "vsids");
	for (int kind = 0; kind < 2; kind++)
		for (const struct gw_hnv_object *o = NULL;
		     (o = gw_intent_next(x->in, kind ? GW_HNV_PORT : GW_HNV_LOOKUP_RECORD, o));) {
			uint32_t vsid = kind ? o->port.vsid : o->record.vsid;
			struct gw_bpf_vsid v = {
				.domain = domain(x, vsid),
				.router = {default_router(x, vsid, true), default_router(x, vsid, false)},
			};

			if (!seen[vsid % 65536])
				want(x, &vsid, &v, sizeof v);
			seen[vsid % 65536] = true;
		}
	map_end(x);
}

static bool names_peer(const struct oracle *x, const struct gw_lookup_record *r)
{
	return !is_router(r) && !own_pa(x, &r->pa);
}

static void peers(struct oracle *x)
{
	map_begin(x, "peers");
	FOR_EACH(x->in, LOOKUP_RECORD, o)
	{
		struct gw_peer_key key = {.domain = domain(x, o->record.vsid), .pa = ip(&o->record.pa)};
		bool seen = false;

		if (!names_peer(x, &o->record))
			continue;
		FOR_EACH(x->in, LOOKUP_RECORD, earlier)
		{
			if (earlier == o)
				break;
			seen |= names_peer(x, &earlier->record) && domain(x, earlier->record.vsid) == key.domain &&
				gw_addr_equal(&earlier->record.pa, &o->record.pa);
		}
		if (!seen)
			want(x, &key, NULL, 0);
	}
	map_end(x);
}

static void provider_addresses(struct oracle *x)
{
	map_begin(x, "provider_addresses");
	FOR_EACH(x->in, PROVIDER_ADDRESS, o)
	{
		struct gw_ip key = ip(&o->paddr.pa);
		struct gw_link link;
		uint32_t ifindex;

		if (!link_of(x, o->paddr.interface, &link))
			continue;
		ifindex = link.ifindex;
		want(x, &key, &ifindex, sizeof ifindex);
	}
	map_end(x);
}

static struct gw_prefix_key prefix_key(uint32_t scope, const struct gw_prefix *p)
{
	return (struct gw_prefix_key){
		.prefixlen = 32 + (gw_addr_is_v4(&p->addr) ? 96 : 0) + p->len,
		.scope = htonl(scope),
		.addr = ip(&p->addr),
	};
}

static void subnets(struct oracle *x)
{
	map_begin(x, "subnets");
	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	{
		const struct gw_customer_route *r = &o->croute;
		const struct gw_lookup_record *named = named_router(x, r->vsid, &r->prefix);
		struct gw_prefix_key key = prefix_key(r->vsid, &r->prefix);
		struct gw_bpf_subnet v = {
			.vsid = r->vsid,
			.router = router_address(x, r->vsid, &r->prefix),
			.v4 = gw_addr_is_v4(&r->prefix.addr),
			.prefix_len = key.prefixlen - 32,
		};

		memcpy(v.mac, named ? named->mac.b : x->router_mac->b, 6);
		if (is_subnet(r))
			want(x, &key, &v, sizeof v);
	}
	map_end(x);
}

/* The order of two routes to one prefix in one domain. */
static bool beats(const struct gw_customer_route *a, const struct gw_customer_route *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return a->vsid != b->vsid ? a->vsid < b->vsid : memcmp(&a->next_hop, &b->next_hop, 16) < 0;
}

/* Of the routes to the prefix of `like` in its domain, the best (of `vsid` alone unless 0); *ret_rivals: VSIDs as good. */
static const struct gw_customer_route *best_route(const struct oracle *x, const struct gw_customer_route *like,
						  uint32_t vsid, bool *ret_rivals)
{
	const struct gw_customer_route *best = NULL;

	for (int pass = 0; pass < 2; pass++)
		FOR_EACH(x->in, CUSTOMER_ROUTE, o)
		{
			const struct gw_customer_route *r = &o->croute;

			if (!gw_uuid_equal(&r->rdid, &like->rdid) || !gw_prefix_equal(&r->prefix, &like->prefix) ||
			    (vsid && r->vsid != vsid))
				continue;
			if (pass == 0 && (!best || beats(r, best)))
				best = r;
			if (pass == 1 && r->metric == best->metric && r->vsid != best->vsid)
				*ret_rivals = true;
		}
	return best;
}

static struct gw_bpf_route route(const struct gw_customer_route *r, uint32_t scope, bool shared)
{
	bool v4 = gw_addr_is_v4(&r->prefix.addr);

	return (struct gw_bpf_route){
		.scope = scope,
		.vsid = r->vsid,
		.next_hop = ip(&r->next_hop),
		.prefix_len = (v4 ? 96 : 0) + r->prefix.len,
		.flags = (gw_addr_is_any(&r->next_hop) ? GW_ROUTE_ON_LINK : 0) | (shared ? GW_ROUTE_SHARED : 0) |
			 (v4 ? GW_ROUTE_V4 : 0),
	};
}

static void routes(struct oracle *x)
{
	map_begin(x, "routes");
	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	{
		bool shared = false;
		const struct gw_customer_route *best = best_route(x, &o->croute, 0, &shared);
		uint32_t scope = domain(x, o->croute.vsid);
		struct gw_prefix_key key = prefix_key(scope, &o->croute.prefix);
		struct gw_bpf_route v = route(best, scope, shared);

		if (best == &o->croute)
			want(x, &key, &v, sizeof v);
	}
	map_end(x);
}

static void own_routes(struct oracle *x)
{
	map_begin(x, "own_routes");
	FOR_EACH(x->in, CUSTOMER_ROUTE, o)
	{
		const struct gw_customer_route *r = &o->croute;
		bool shared = false;
		const struct gw_customer_route *best = best_route(x, r, 0, &shared);
		struct gw_prefix_key key = prefix_key(r->vsid, &r->prefix);
		struct gw_bpf_route v = route(r, r->vsid, false);

		if (best->vsid != r->vsid && best->metric == r->metric && best_route(x, r, r->vsid, &shared) == r)
			want(x, &key, &v, sizeof v);
	}
	map_end(x);
}

static uint32_t on_link(const struct oracle *x, const struct gw_provider_address *a)
{
	struct gw_prefix subnet = {.addr = gw_prefix_mask(&a->pa, a->prefix_len), .len = a->prefix_len};

	FOR_EACH(x->in, PROVIDER_ROUTE, o)
	if (o->proute.prefix.len >= subnet.len && gw_prefix_contains(&subnet, &o->proute.prefix.addr))
		return 0;
	return htonl(0xffffff00);
}

/* Whether a port may send from `a`: its own records name it, or none of them names one of this node's. */
static bool may_start_at(const struct oracle *x, const struct gw_port *port, const struct gw_provider_address *a)
{
	const struct gw_provider_address *lowest = NULL;
	bool named = false;
	struct gw_link link;

	FOR_EACH(x->in, LOOKUP_RECORD, o)
	if (o->record.vsid == port->vsid && gw_mac_equal(&o->record.mac, &port->mac) && own_pa(x, &o->record.pa)) {
		named = true;
		if (a && gw_addr_equal(&o->record.pa, &a->pa))
			return true;
	}
	if (named)
		return false;
	FOR_EACH(x->in, PROVIDER_ADDRESS, o)
	if (link_of(x, o->paddr.interface, &link) && (!lowest || memcmp(&o->paddr.pa, &lowest->pa, 16) < 0))
		lowest = &o->paddr;
	return a == lowest;
}

static void one_port(struct oracle *x, const struct gw_port *port, uint32_t ifindex)
{
	struct gw_bpf_port found = {0};
	const struct gw_provider_address *a;
	struct gw_link link;
	struct gw_addr pa;

	want(x, &ifindex, NULL, 0);
	bpf_map_lookup_elem(x->fd, &ifindex, &found);
	check(found.ifindex == ifindex && found.vsid == port->vsid && memcmp(found.mac, port->mac.b, 6) == 0,
	      "%s: port %s", x->what, port->interface);
	assert_int_equal(found.slot, slot(x, GW_SLOT_PORT, ifindex));
	assert_int_equal(found.vsid_slot, slot(x, GW_SLOT_VSID, port->vsid));
	memcpy(&pa, &found.pa, sizeof pa);
	if (!found.underlay) { /* there is none, or the one that it must have has lost its interface */
		bool any = false;

		FOR_EACH(x->in, PROVIDER_ADDRESS, o)
		any |= may_start_at(x, port, &o->paddr) && !link_of(x, o->paddr.interface, &link);
		check(any || may_start_at(x, port, NULL), "%s: port %s has no provider address", x->what,
		      port->interface);
		return;
	}
	a = own_pa(x, &pa);
	check(a && may_start_at(x, port, a), "%s: port %s starts tunnels elsewhere", x->what, port->interface);
	check(link_of(x, a->interface, &link) && found.underlay == (uint32_t)link.ifindex &&
		      memcmp(found.underlay_mac, link.mac.b, 6) == 0,
	      "%s: port %s: underlay", x->what, port->interface);
	check(found.flags == (port->forwards ? GW_PORT_FORWARDS : 0), "%s: port %s: flags", x->what, port->interface);
	check(found.on_link == on_link(x, a), "%s: port %s: on_link", x->what, port->interface);
}

static void ports(struct oracle *x)
{
	struct gw_link link;

	map_begin(x, "ports");
	FOR_EACH(x->in, PORT, o)
	if (link_of(x, o->port.interface, &link))
		one_port(x, &o->port, (uint32_t)link.ifindex);
	map_end(x);
}

/* No two owners of one kind share a slot, and nobody has one who should not. */
static void slots(struct oracle *x)
{
	struct gw_slot_key key, *prev = NULL;
	bool used[2][1024] = {0};
	uint32_t v;

	map_begin(x, "slots");
	for (; bpf_map_get_next_key(x->fd, prev, &key) == 0; prev = &key) {
		bool owned = false;
		struct gw_link link;

		assert_int_equal(bpf_map_lookup_elem(x->fd, &key, &v), 0);
		check(key.kind < 2 && v < 1024 && !used[key.kind][v], "%s: slot %u twice", x->what, v);
		used[key.kind][v] = true;
		FOR_EACH(x->in, PORT, o)
		owned |= key.kind == GW_SLOT_VSID
				 ? o->port.vsid == key.id
				 : link_of(x, o->port.interface, &link) && (uint32_t)link.ifindex == key.id;
		check(owned, "%s: slot %u of %s %u has no owner", x->what, v,
		      key.kind == GW_SLOT_PORT ? "ifindex" : "VSID", key.id);
	}
	close(x->fd);
}

static struct oracle oracle(const char *bpf_dir, const char *node)
{
	struct oracle x = {0};

	snprintf(x.dir, sizeof x.dir, "%s/%s/maps", bpf_dir, node);
	return x;
}

void oracle_compare(const struct gw_intent *in, struct gw_nl *nl, const struct gw_config *config, const char *what)
{
	struct oracle x = oracle(config->bpf_dir, config->name);

	x.in = in;
	x.nl = nl;
	x.router_mac = &config->router_mac;
	x.what = what;
	records(&x);
	macs(&x);
	vsids(&x);
	peers(&x);
	provider_addresses(&x);
	subnets(&x);
	routes(&x);
	own_routes(&x);
	ports(&x);
	slots(&x);
}

void oracle_count(const char *bpf_dir, const char *node, uint32_t ifindex, uint64_t n)
{
	struct oracle x = oracle(bpf_dir, node);
	uint64_t cells[5 * 128] = {0};
	uint32_t at;
	int fd;

	x.what = "counting";
	at = slot(&x, GW_SLOT_PORT, ifindex);
	for (unsigned w = 0; w < 5; w++)
		cells[w] = n;
	fd = pinned(&x, "port_stats");
	assert_int_equal(bpf_map_update_elem(fd, &at, cells, BPF_ANY), 0);
	close(fd);
}
