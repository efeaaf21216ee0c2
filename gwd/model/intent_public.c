/*
 * intent_public.c - the intent's public addresses in the order of addresses and ports: which one has a place, and that no two
 * overlap. The engine asks for each entry of its maps, intent_check.c behind each change.
 */
#include "model/intent_private.h"

#include <errno.h>
#include <string.h>

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

int gw_intent_by_place(const struct gw_rank_node *a, const struct gw_rank_node *b)
{
	struct place x = first_place(&of_place(a)->public), y = first_place(&of_place(b)->public);

	return cmp_place(&x, &y);
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

int gw_intent_check_apart(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err)
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
	return gw_error_set(
		err, EEXIST, GW_ERR_CONFLICT, "properties.PublicPrefix",
		"public address %s of routing domain %s has a part of it: delete that one first, or choose other "
		"addresses or ports",
		id, gw_uuid_format(&other->public.rdid, rdid));
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
