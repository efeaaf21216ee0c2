/*
 * outbound.c - outbound rules as ranges of sources that do not overlap. Pure; called by plan.c.
 *
 * The customers' prefixes are within each other or apart. A sweep over them in the order of addresses keeps those that contain
 * the place it is at on a stack, so that for every range between two borders the longest prefix with a rule for a protocol is
 * the first from the top that has one.
 */
#include "nat/private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/in.h>

#define DEPTH_MAX 130 /* prefixes within each other */

enum class { TCP, UDP, ICMP, REST, CLASSES };

/* Rules [first, end) for the same prefix and protocol; none when first == end. */
struct span {
	size_t first, end;
};

struct node {
	const struct gw_prefix *prefix;
	struct span by_protocol[3]; /* enum gw_nat_protocol */
};

struct sweep {
	struct nat_builder *b;
	unsigned family;
	const struct gw_nat_rule *rules;
	const struct node *stack[DEPTH_MAX];
	size_t depth;
	struct gw_addr at; /* everything before has been told */
	bool wrapped;	   /* there is no address behind the last */
};

static struct gw_addr after(const struct gw_addr *a, bool *ret_wrapped)
{
	struct gw_addr r = *a;
	int i = 15;

	while (i >= 0 && ++r.b[i] == 0)
		i--;
	*ret_wrapped = i < 0;
	return r;
}

/* An All rule with ports is for what has ports, or the like: the rest cannot be told apart behind a shared address. */
static struct span of_class(const struct sweep *s, enum class c)
{
	for (size_t i = s->depth; i-- > 0;) {
		const struct node *n = s->stack[i];
		const struct span *own = &n->by_protocol[c == TCP ? GW_NAT_TCP : GW_NAT_UDP];

		if (c <= UDP && own->first < own->end)
			return *own;
		if (n->by_protocol[GW_NAT_ALL].first < n->by_protocol[GW_NAT_ALL].end)
			return n->by_protocol[GW_NAT_ALL];
	}
	return (struct span){0, 0};
}

static uint8_t *put_ports(uint8_t *at, const struct gw_nat_rule *r)
{
	at = nat_put_port(nat_put_addr(at, &r->address), r->port);
	return nat_put_port(nat_put_addr(at, &r->address), r->port + r->port_count - 1);
}

static uint32_t group_name(const struct gw_nat_rule *r, bool rest)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < 16; i++)
		h = (h ^ r->customer.addr.b[i]) * 16777619u;
	h = (h ^ r->customer.len) * 16777619u;
	h = (h ^ (uint32_t)(r->protocol << 1 | rest)) * 16777619u;
	return h ? h : 1; /* 0 is the mark of a packet that is in none */
}

/* The members share the hashes of sources between them. The name is of prefix and protocol, so that it stays as they change. */
static void put_members(struct sweep *s, struct span span, bool rest, uint32_t group)
{
	size_t n = 0, k = 0;

	for (size_t i = span.first; i < span.end; i++)
		n += !rest || s->rules[i].port_count == 0;
	for (size_t i = span.first; i < span.end && n > 0; i++) {
		const struct gw_nat_rule *r = &s->rules[i];
		struct nat_elem *e;

		if (rest && r->port_count)
			continue;
		e = nat_new_elem(s->b, s->family, r->port_count ? NAT_MAP_MEMBER_PORTS : NAT_MAP_MEMBER_ADDR);
		nat_put_u32(nat_put_u32(e->key, group), (uint32_t)(NAT_SLOTS * k / n));
		nat_put_u32(nat_put_u32(e->key_end, group), (uint32_t)(NAT_SLOTS * (k + 1) / n - 1));
		if (r->port_count)
			put_ports(e->data, r);
		else
			nat_put_addr(e->data, &r->address);
		e->rule = nat_rule_hash(r);
		k++;
	}
}

static size_t count_plain(const struct sweep *s, struct span span)
{
	size_t n = 0;

	for (size_t i = span.first; i < span.end; i++)
		n += s->rules[i].port_count == 0;
	return n;
}

static struct nat_elem *new_out(struct sweep *s, enum nat_map map, const struct gw_nat_rule *r)
{
	struct nat_elem *e = nat_new_elem(s->b, s->family, map);

	if (r->port_count)
		put_ports(e->data, r);
	else
		nat_put_addr(e->data, &r->address);
	e->rule = nat_rule_hash(r);
	return e;
}

static void put_range(struct sweep *s, struct span span, bool rest, unsigned proto_first, unsigned proto_last,
		      const struct gw_addr *last)
{
	const struct gw_nat_rule *r = &s->rules[span.first];
	struct nat_elem *e;

	if (span.end - span.first > 1) {
		e = nat_new_elem(s->b, s->family, NAT_MAP_GROUP);
		nat_put_u32(e->data, group_name(r, rest));
	} else {
		e = new_out(s, r->port_count ? NAT_MAP_OUT_PORTS : NAT_MAP_OUT_ADDR, r);
	}
	nat_key(e, proto_first, proto_last, &s->at, last);
}

/* One rule for every protocol, or for all that have ports: the key has none. */
static void put_whole(struct sweep *s, const struct gw_nat_rule *r, const struct gw_addr *last)
{
	bool one = gw_addr_equal(&s->at, last);

	nat_key_range(new_out(s,
			      r->port_count ? NAT_MAP_OUT_BLOCK
			      : one	    ? NAT_MAP_OUT_ONE
					    : NAT_MAP_OUT_ALL,
			      r),
		      &s->at, last);
}

static void put_idle(struct sweep *s, struct span span, unsigned proto, const struct gw_addr *last)
{
	struct nat_elem *e;

	if (span.first == span.end || !s->rules[span.first].idle_minutes)
		return;
	e = nat_new_elem(s->b, s->family, NAT_MAP_IDLE_OUT);
	nat_key(e, proto, proto, &s->at, last);
	e->idle = s->rules[span.first].idle_minutes;
	e->idle_proto = (uint8_t)proto;
}

/* All protocols but three, as ranges between them. */
static void put_rest(struct sweep *s, struct span span, unsigned icmp, const struct gw_addr *last)
{
	unsigned order[3] = {icmp < IPPROTO_TCP ? icmp : IPPROTO_TCP, icmp < IPPROTO_TCP ? IPPROTO_TCP : IPPROTO_UDP,
			     icmp < IPPROTO_TCP ? IPPROTO_UDP : icmp},
		 first = 0;

	for (int i = 0; i < 3; i++) {
		if (order[i] > first)
			put_range(s, span, true, first, order[i] - 1, last);
		first = order[i] + 1;
	}
	put_range(s, span, true, first, 255, last);
}

/* What holds from s->at to `last`, with the stack as it is. */
static void tell(struct sweep *s, const struct gw_addr *last)
{
	unsigned icmp = s->family ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	const unsigned protos[] = {[TCP] = IPPROTO_TCP, [UDP] = IPPROTO_UDP, [ICMP] = icmp};
	struct span spans[CLASSES];
	bool same = true;

	for (int c = TCP; c < CLASSES; c++) {
		spans[c] = of_class(s, (enum class)c);
		same &= spans[c].first == spans[TCP].first && spans[c].end == spans[TCP].end;
	}
	put_idle(s, spans[TCP], IPPROTO_TCP, last);
	put_idle(s, spans[UDP], IPPROTO_UDP, last);
	if (same && spans[TCP].first == spans[TCP].end)
		return;
	if (same && spans[TCP].end - spans[TCP].first == 1) {
		put_whole(s, &s->rules[spans[TCP].first], last);
		return;
	}
	if (same && count_plain(s, spans[TCP]) == spans[TCP].end - spans[TCP].first) {
		put_range(s, spans[TCP], false, 0, 255, last);
		return;
	}
	for (int c = TCP; c <= ICMP; c++)
		if (spans[c].first < spans[c].end)
			put_range(s, spans[c], false, protos[c], protos[c], last);
	if (count_plain(s, spans[REST]) > 0)
		put_rest(s, spans[REST], icmp, last);
}

static void tell_until(struct sweep *s, const struct gw_addr *last)
{
	if (s->depth == 0 || s->wrapped || gw_addr_cmp(&s->at, last) > 0)
		return;
	tell(s, last);
	s->at = after(last, &s->wrapped);
}

static void leave(struct sweep *s)
{
	struct gw_addr last = gw_prefix_last(s->stack[s->depth - 1]->prefix);

	tell_until(s, &last);
	s->depth--;
}

static void enter(struct sweep *s, const struct node *n)
{
	const struct gw_addr *start = &n->prefix->addr;
	struct gw_addr last;

	while (s->depth > 0 && !gw_prefix_contains(s->stack[s->depth - 1]->prefix, start))
		leave(s);
	if (s->depth > 0 && gw_addr_cmp(&s->at, start) < 0) {
		last = gw_addr_before(start);
		tell_until(s, &last);
	}
	s->at = *start;
	s->wrapped = false;
	if (s->depth < DEPTH_MAX)
		s->stack[s->depth++] = n;
}

/* The members of every group, once. */
static void put_groups(struct sweep *s, const struct node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int p = 0; p < 3; p++) {
			struct span span = nodes[i].by_protocol[p];

			if (span.end - span.first < 2)
				continue;
			put_members(s, span, false, group_name(&s->rules[span.first], false));
			if (p == GW_NAT_ALL && count_plain(s, span) < span.end - span.first)
				put_members(s, span, true, group_name(&s->rules[span.first], true));
		}
}

int nat_outbound(struct nat_builder *b, const struct gw_nat_rule *rules, size_t n)
{
	_cleanup_free_ struct node *nodes = n ? calloc(n, sizeof *nodes) : NULL;
	struct sweep s = {.b = b, .rules = rules};
	size_t count = 0;

	if (n == 0)
		return 0;
	if (!nodes)
		return -ENOMEM;
	s.family = nat_family(&rules[0].address);
	for (size_t i = 0; i < n; i++) {
		struct span *span;

		if (count == 0 || !gw_prefix_equal(nodes[count - 1].prefix, &rules[i].customer))
			nodes[count++].prefix = &rules[i].customer;
		span = &nodes[count - 1].by_protocol[rules[i].protocol];
		if (span->first == span->end)
			span->first = i;
		span->end = i + 1;
	}
	put_groups(&s, nodes, count);
	for (size_t i = 0; i < count; i++)
		enter(&s, &nodes[i]);
	while (s.depth > 0)
		leave(&s);
	return 0;
}
