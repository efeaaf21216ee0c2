/*
 * plan.c - see plan.h: gathers what there is of a routing domain, in an order of its own, and makes elements of inbound rules and
 * public addresses; outbound.c of the rest. Pure; called by plugin.c.
 */
#include "nat/private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/* --- elements --- */

struct nat_elem *nat_new_elem(struct nat_builder *b, unsigned family, enum nat_map map)
{
	static struct nat_elem scratch;
	struct nat_plan *p = b->plan;
	struct nat_elem *e = &scratch;
	uint8_t fields[3], data;
	size_t n = nat_map_layout(family, map, fields, &data), len = 0;

	if (p->n_elems == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		struct nat_elem *v = reallocarray(p->elems, cap, sizeof *v);

		b->oom |= !v;
		if (v) {
			p->elems = v;
			b->cap = cap;
		}
	}
	if (p->n_elems < b->cap)
		e = &p->elems[p->n_elems++];
	for (size_t i = 0; i < n; i++)
		len += (fields[i] + 3u) / 4 * 4;
	*e = (struct nat_elem){
		.family = (uint8_t)family, .map = (uint8_t)map, .key_len = (uint8_t)len, .data_len = data};
	return e;
}

void nat_key_range(struct nat_elem *e, const struct gw_addr *first, const struct gw_addr *last)
{
	nat_put_addr(e->key, first);
	nat_put_addr(e->key_end, last);
}

void nat_key(struct nat_elem *e, unsigned proto_first, unsigned proto_last, const struct gw_addr *first,
	     const struct gw_addr *last)
{
	*nat_put_addr(e->key, first) = (uint8_t)proto_first;
	*nat_put_addr(e->key_end, last) = (uint8_t)proto_last;
}

uint64_t nat_rule_hash(const struct gw_nat_rule *r)
{
	uint64_t h = 14695981039346656037u;
	const uint8_t tail[] = {r->customer.len, r->type, r->protocol, (uint8_t)(r->port >> 8), (uint8_t)r->port};

	for (size_t i = 0; i < 16; i++)
		h = (h ^ r->address.b[i]) * 1099511628211u;
	for (size_t i = 0; i < 16; i++)
		h = (h ^ r->customer.addr.b[i]) * 1099511628211u;
	for (size_t i = 0; i < sizeof tail; i++)
		h = (h ^ tail[i]) * 1099511628211u;
	return h ? h : 1;
}

/* --- order --- */

static int cmp_number(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* Outbound first; there by customer, the shorter prefix first; inbound rules by what they take. */
static int rule_cmp(const void *va, const void *vb)
{
	const struct gw_nat_rule *a = va, *b = vb;
	int r = cmp_number(a->type, b->type);

	if (r == 0)
		r = cmp_number(nat_family(&a->address), nat_family(&b->address));
	if (r == 0 && a->type == GW_NAT_OUTBOUND) {
		r = gw_addr_cmp(&a->customer.addr, &b->customer.addr);
		if (r == 0)
			r = cmp_number(a->customer.len, b->customer.len);
		if (r == 0)
			r = cmp_number(a->protocol, b->protocol);
		if (r == 0)
			r = gw_addr_cmp(&a->address, &b->address);
		return r ? r : cmp_number(a->port, b->port);
	}
	if (r == 0)
		r = gw_addr_cmp(&a->address, &b->address);
	if (r == 0)
		r = cmp_number(a->protocol, b->protocol);
	if (r == 0)
		r = cmp_number(a->port, b->port);
	if (r == 0)
		r = gw_addr_cmp(&a->customer.addr, &b->customer.addr);
	return r ? r : cmp_number(a->customer.len, b->customer.len);
}

/* Index of the first rule that is not before `r`. */
static size_t lower_bound(const struct nat_plan *p, const struct gw_nat_rule *r)
{
	size_t low = 0, high = p->n_rules;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (rule_cmp(&p->rules[mid], r) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct gw_nat_rule *nat_plan_rule(const struct nat_plan *p, const struct gw_nat_rule *r)
{
	size_t at = lower_bound(p, r);

	return at < p->n_rules && rule_cmp(&p->rules[at], r) == 0 ? &p->rules[at] : NULL;
}

static int public_cmp(const void *va, const void *vb)
{
	const struct gw_public *a = va, *b = vb;
	int r = gw_addr_cmp(&a->prefix.addr, &b->prefix.addr);

	return r ? r : cmp_number(a->first_port, b->first_port);
}

static int elem_cmp(const void *a, const void *b)
{
	return nat_elem_cmp(a, b);
}

static uint32_t last_port(const struct gw_nat_rule *r)
{
	return r->port_count ? r->port + r->port_count - 1 : r->port;
}

/* Whether they divide the ports of one address between them. */
static bool same_ports(const struct gw_nat_rule *a, const struct gw_nat_rule *b)
{
	return a->type == GW_NAT_INBOUND && b->type == GW_NAT_INBOUND && a->protocol == b->protocol &&
	       gw_addr_equal(&a->address, &b->address);
}

static bool collide(const struct gw_nat_rule *a, const struct gw_nat_rule *b)
{
	return same_ports(a, b) && a->port <= last_port(b) && b->port <= last_port(a);
}

/* --- gathering --- */

static size_t count(const struct gw_intent *in, enum gw_hnv_kind kind, const struct gw_uuid *rdid)
{
	size_t n = 0;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_of_domain(in, kind, rdid, o));)
		n++;
	return n;
}

static int gather(const struct gw_intent *in, const struct gw_uuid *rdid, struct nat_plan *p)
{
	size_t rules = count(in, GW_HNV_NAT_RULE, rdid), publics = count(in, GW_HNV_PUBLIC, rdid);

	p->rules = calloc(rules + 1, sizeof *p->rules);
	p->reach = calloc(rules + 1, sizeof *p->reach);
	p->publics = calloc(publics + 1, sizeof *p->publics);
	if (!p->rules || !p->reach || !p->publics)
		return -ENOMEM;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_of_domain(in, GW_HNV_NAT_RULE, rdid, o));)
		p->rules[p->n_rules++] = o->nat;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next_of_domain(in, GW_HNV_PUBLIC, rdid, o));) {
		p->publics[p->n_publics] = o->public;
		memset(&p->publics[p->n_publics++].by_place, 0, sizeof o->public.by_place);
	}
	if (rules)
		qsort(p->rules, rules, sizeof *p->rules, rule_cmp);
	for (size_t i = 0; i < rules; i++)
		p->reach[i] =
			i && same_ports(&p->rules[i - 1], &p->rules[i]) && p->reach[i - 1] > last_port(&p->rules[i])
				? p->reach[i - 1]
				: last_port(&p->rules[i]);
	if (publics)
		qsort(p->publics, publics, sizeof *p->publics, public_cmp);
	return 0;
}

/* --- inbound rules --- */

static bool shifts(const struct gw_nat_rule *r)
{
	return r->type == GW_NAT_INBOUND && r->port && r->customer_port && r->customer_port != r->port;
}

static void put_ports(struct nat_builder *b, unsigned family, enum nat_map map, const struct gw_nat_rule *r,
		      uint32_t first, uint32_t last, uint32_t customer_port)
{
	unsigned proto = r->protocol == GW_NAT_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	struct nat_elem *e = nat_new_elem(b, family, map);

	*nat_put_addr(nat_put_port(e->key, first), &r->address) = (uint8_t)proto;
	*nat_put_addr(nat_put_port(e->key_end, last), &r->address) = (uint8_t)proto;
	if (map == NAT_MAP_IDLE_IN) {
		e->idle = r->idle_minutes;
		e->idle_proto = (uint8_t)proto;
		return;
	}
	e->rule = nat_rule_hash(r);
	nat_put_addr(e->data, &r->customer.addr);
	if (map == NAT_MAP_IN_PORT)
		nat_put_port(e->data + (family ? 16 : 4), customer_port);
}

static void put_all(struct nat_builder *b, unsigned family, const struct gw_nat_rule *r)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct nat_elem *e = nat_new_elem(b, family, NAT_MAP_IN_ALL);

	nat_key_range(e, &r->address, &r->address);
	nat_put_addr(e->data, &r->customer.addr);
	e->rule = nat_rule_hash(r);
	for (size_t i = 0; r->idle_minutes && i < sizeof protos; i++) {
		e = nat_new_elem(b, family, NAT_MAP_IDLE_ALL);
		nat_key(e, protos[i], protos[i], &r->address, &r->address);
		e->idle = r->idle_minutes;
		e->idle_proto = protos[i];
	}
}

/* Of two rules for the same ports, which check does not let in, the first in the order of the plan counts. */
static void inbound(struct nat_builder *b, const struct gw_nat_rule *rules, size_t n)
{
	const struct gw_nat_rule *prev = NULL;
	size_t shifted = 0;

	for (size_t i = 0; i < n; i++) {
		const struct gw_nat_rule *r = &rules[i];
		unsigned family = nat_family(&r->address);

		if ((prev && collide(prev, r)) || (shifts(r) && (shifted += r->port_count) > NAT_SHIFTS_MAX)) {
			b->plan->passed_over++;
			continue;
		}
		prev = r;
		if (r->protocol == GW_NAT_ALL) {
			put_all(b, family, r);
			continue;
		}
		if (shifts(r) || r->port == last_port(r))
			for (uint32_t k = 0; k <= last_port(r) - r->port; k++)
				put_ports(b, family, NAT_MAP_IN_PORT, r, r->port + k, r->port + k,
					  (r->customer_port ? r->customer_port : r->port) + k);
		else
			put_ports(b, family, NAT_MAP_IN_RANGE, r, r->port, last_port(r), 0);
		if (r->idle_minutes)
			put_ports(b, family, NAT_MAP_IDLE_IN, r, r->port, last_port(r), 0);
	}
}

/* --- public addresses --- */

static void put_public(struct nat_builder *b, const struct gw_public *p, const struct gw_public *prev)
{
	unsigned family = nat_family(&p->prefix.addr);
	struct gw_addr last = gw_prefix_last(&p->prefix);

	if (!prev || !gw_prefix_equal(&prev->prefix, &p->prefix)) /* several blocks of one address are one source */
		nat_key_range(nat_new_elem(b, family, NAT_MAP_SOURCE), &p->prefix.addr, &last);
	if (p->port_count == 0)
		nat_key_range(nat_new_elem(b, family, NAT_MAP_ROUTED), &p->prefix.addr, &last);
}

int nat_plan_make(const struct gw_intent *in, const struct gw_uuid *rdid, struct nat_plan *ret)
{
	const struct gw_hnv_object *vrf = gw_intent_vrf(in, rdid);
	struct nat_plan p = {.rdid = *rdid, .vsid = vrf ? vrf->vrf.vsid : 0};
	struct nat_builder b = {.plan = &p};
	size_t i, from = 0;
	int r;

	r = gather(in, rdid, &p);
	/* Addresses of IPv4 come in one piece, and so do those of IPv6. */
	for (i = 0; r == 0 && i < p.n_rules && p.rules[i].type == GW_NAT_OUTBOUND; i++) {
		if (gw_addr_same_family(&p.rules[i].address, &p.rules[from].address))
			continue;
		r = nat_outbound(&b, p.rules + from, i - from);
		from = i;
	}
	if (r == 0)
		r = nat_outbound(&b, p.rules + from, i - from);
	if (r == 0) {
		inbound(&b, p.rules + i, p.n_rules - i);
		for (i = 0; i < p.n_publics; i++)
			put_public(&b, &p.publics[i], i ? &p.publics[i - 1] : NULL);
		if (p.n_elems)
			qsort(p.elems, p.n_elems, sizeof *p.elems, elem_cmp);
	}
	if (r < 0 || b.oom) {
		nat_plan_done(&p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

uint32_t nat_plan_maps(const struct nat_plan *p)
{
	uint32_t maps = 0;

	for (size_t i = 0; i < p->n_elems; i++)
		maps |= NAT_MAP_BIT(p->elems[i].family, p->elems[i].map);
	return maps;
}

/* The address that an element of an inbound rule is for; NULL: it is no such element. */
static const uint8_t *inbound_address(const struct nat_elem *e)
{
	switch ((enum nat_map)e->map) {
	case NAT_MAP_IN_ALL:
		return e->key;
	case NAT_MAP_IN_PORT:
	case NAT_MAP_IN_RANGE:
		return e->key + 4; /* behind the port */
	default:
		return NULL;
	}
}

uint8_t nat_plan_near(const struct nat_plan *p, unsigned family, uint8_t ret[static 16])
{
	const uint8_t *first = NULL, *a;
	uint8_t n = family ? 16 : 4;

	for (size_t i = 0; n && i < p->n_elems; i++) {
		if (p->elems[i].family != family || !(a = inbound_address(&p->elems[i])))
			continue;
		first = first ? first : a;
		while (n && memcmp(first, a, n) != 0)
			n /= 2;
	}
	memset(ret, 0, 16);
	if (!first || !n)
		return 0;
	memcpy(ret, first, n);
	return n;
}

void nat_plan_done(struct nat_plan *p)
{
	free(p->elems);
	free(p->rules);
	free(p->reach);
	free(p->publics);
	*p = (struct nat_plan){0};
}

/* --- check --- */

/* Whether these ports of an address are the routing domain's; all of them when count is 0. */
static bool covers(const struct nat_plan *p, const struct gw_nat_rule *r)
{
	uint32_t next = r->port, end = r->port + (r->port_count ? r->port_count : r->port ? 1u : 0u);

	for (size_t i = 0; i < p->n_publics; i++) {
		const struct gw_public *pub = &p->publics[i];

		if (!gw_prefix_contains(&pub->prefix, &r->address))
			continue;
		if (pub->port_count == 0)
			return true;
		/* Blocks come in the order of ports, and may follow one upon the other. */
		if (end > next && pub->first_port <= next && next < pub->first_port + pub->port_count)
			next = pub->first_port + pub->port_count;
	}
	return end > r->port && next >= end;
}

/* Another rule that has a port of this one, or NULL. Looks at neighbours, and never far: see struct nat_plan, reach. */
static const struct gw_nat_rule *in_the_way(const struct nat_plan *p, const struct gw_nat_rule *r)
{
	size_t at = lower_bound(p, r);

	for (size_t i = at; i > 0 && same_ports(&p->rules[i - 1], r) && p->reach[i - 1] >= r->port; i--)
		if (collide(&p->rules[i - 1], r))
			return &p->rules[i - 1];
	for (size_t i = at; i < p->n_rules && collide(&p->rules[i], r); i++)
		if (rule_cmp(&p->rules[i], r) != 0)
			return &p->rules[i];
	return NULL;
}

int nat_check_rule(const struct nat_plan *p, const struct gw_nat_rule *r, struct gw_error *err)
{
	char addr[GW_ADDR_STRLEN], customer[GW_PREFIX_STRLEN];
	const struct gw_nat_rule *other;

	gw_addr_format(&r->address, addr);
	if (!covers(p, r) && r->port)
		return gw_error_set(
			err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.PublicAddress",
			"the routing domain does not have ports %u to %u of %s: add them to publicAddresses "
			"first (gwctl public-address add)",
			r->port, (unsigned)last_port(r), addr);
	if (!covers(p, r))
		return gw_error_set(
			err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.PublicAddress",
			"the routing domain does not have all of %s: add it to publicAddresses first (gwctl "
			"public-address add), or give the rule a block of its ports that it has",
			addr);
	other = r->type == GW_NAT_INBOUND ? in_the_way(p, r) : NULL;
	if (other)
		return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "properties.PublicPort",
				    "%s port %u to %u is taken by the rule for %s: choose another port, or delete "
				    "that rule",
				    addr, other->port, (unsigned)last_port(other),
				    gw_prefix_format(&other->customer, customer));
	return 0;
}

int nat_check_limits(const struct nat_plan *p, struct gw_error *err)
{
	size_t shifted = 0, run = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct gw_nat_rule *r = &p->rules[i], *prev = i ? &p->rules[i - 1] : NULL;

		shifted += shifts(r) ? r->port_count : 0;
		run = prev && prev->type == r->type && prev->protocol == r->protocol &&
				      gw_prefix_equal(&prev->customer, &r->customer)
			      ? run + 1
			      : 1;
		if (r->type == GW_NAT_OUTBOUND && run > NAT_GROUP_MAX)
			return gw_error_set(err, E2BIG, GW_ERR_LIMIT_EXCEEDED, "properties.PublicAddress",
					    "more than %d outbound rules for one CustomerPrefix: split the prefix",
					    NAT_GROUP_MAX);
	}
	if (shifted > NAT_SHIFTS_MAX)
		return gw_error_set(err, E2BIG, GW_ERR_LIMIT_EXCEEDED, "properties.CustomerPort",
				    "more than %d ports of the virtual gateway become other ports inside: use the same "
				    "port there for ranges",
				    NAT_SHIFTS_MAX);
	return 0;
}
