/*
 * siblings.c - prefixes of children of one parent, which must not overlap. One that comes alone is held against each of the
 * others; thousands that come in one request are sorted and looked at once, which the loop has time for.
 */
#include "model/catalog/private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FEW 16 /* steps of a request up to which it is not worth sorting */

static bool is_touched(const struct gw_catalog *c, const struct gw_resource *r)
{
	return c->loading || r->now.revision == c->revision;
}

static int overlap(const struct gw_resource *other, struct gw_error *err)
{
	gw_error_set(err, EEXIST, GW_ERR_CONFLICT, "addressPrefix", "overlaps that of \"%s\"", other->id);
	gw_error_prefix(err, "properties.");
	return -EEXIST;
}

struct sibling {
	const struct gw_resource *r;
	const struct gw_prefix *prefix;
};

static int by_prefix(const void *a, const void *b)
{
	const struct gw_prefix *x = ((const struct sibling *)a)->prefix, *y = ((const struct sibling *)b)->prefix;
	int n = (int)gw_addr_is_v4(&x->addr) - (int)gw_addr_is_v4(&y->addr);

	if (n == 0)
		n = gw_addr_cmp(&x->addr, &y->addr);
	return n ? n : (int)x->len - (int)y->len;
}

/*
 * Prefixes that overlap lie in each other, and in the order of addresses what lies in one comes behind it: those that the next
 * one can lie in are a stack, never deeper than an address has bits and one for each that is there twice.
 */
static void sweep(const struct gw_catalog *c, struct sibling *all, size_t n, struct gw_siblings *ret)
{
	size_t depth = 0; /* of the stack, which takes the places at the beginning that have been looked at */

	for (size_t i = 0; i < n; i++) {
		struct sibling s = all[i];

		while (depth > 0 && !gw_prefix_overlaps(all[depth - 1].prefix, s.prefix))
			depth--;
		for (size_t k = depth; k-- > 0;) {
			/* What has been there with an overlap since older rules is not this request's doing. */
			if (!is_touched(c, s.r) && !is_touched(c, all[k].r))
				continue;
			ret->one = all[k].r;
			ret->other = s.r;
			return;
		}
		all[depth++] = s;
	}
}

static int look_at_all(struct gw_catalog *c, const struct gw_resource *r, gw_prefix_of *prefix, struct gw_error *err)
{
	const struct gw_resource *sibling = NULL;
	struct sibling *all;
	size_t n = 0;

	while ((sibling = gw_catalog_next(c, r->parent, r->kind, sibling)))
		n++;
	all = calloc(n, sizeof *all);
	if (!all)
		return gw_error_oom(err);
	for (n = 0; (sibling = gw_catalog_next(c, r->parent, r->kind, sibling)); n++)
		all[n] = (struct sibling){sibling, prefix(sibling)};
	qsort(all, n, sizeof *all, by_prefix);
	c->siblings = (struct gw_siblings){.parent = r->parent, .kind = r->kind};
	sweep(c, all, n, &c->siblings);
	/* Whatever is wrong with what was loaded is to be said of each. */
	c->siblings.each = c->loading && c->siblings.one;
	free(all);
	return 0;
}

int gw_siblings_check(struct gw_catalog *c, const struct gw_resource *r, gw_prefix_of *prefix, struct gw_error *err)
{
	const struct gw_resource *other = NULL;
	const struct gw_prefix *mine = prefix(r);
	int e;

	if (c->n_steps - c->begun > FEW && (c->siblings.parent != r->parent || c->siblings.kind != r->kind)) {
		e = look_at_all(c, r, prefix, err);
		if (e < 0)
			return e;
	}
	if (c->n_steps - c->begun <= FEW || c->siblings.each) {
		while ((other = gw_catalog_next(c, r->parent, r->kind, other)))
			if (other != r && gw_prefix_overlaps(mine, prefix(other)))
				return overlap(other, err);
		return 0;
	}
	/* Told when it is the turn of one of the two, of which this request has put one. */
	if (r != c->siblings.one && r != c->siblings.other)
		return 0;
	other = r == c->siblings.one ? c->siblings.other : c->siblings.one;
	assert(other);
	return overlap(other, err);
}
