/*
 * touched.c - what a request has changed, one after the other, for those who settle it: assigning comes before checking. What refers
 * to a changed resource is checked with it: a subnet's new prefix may leave out an address that lives in it. Called by catalog.c.
 */
#include "model/catalog/private.h"

int gw_touched_each(struct gw_catalog *c, gw_pass *pass, struct gw_error *err)
{
	int e = 0;

	for (size_t i = c->begun; e == 0 && i < c->n_steps; i++) {
		struct gw_resource *r = c->steps[i].r;

		e = r->gone ? 0 : pass(c, r, err);
		if (e < 0) {
			gw_resource_place(r, err);
			c->fault = c->steps[i].r;
		}
	}
	return e;
}

static int depth_of(const struct gw_resource *r)
{
	int depth = 0;

	for (; r->parent; r = r->parent)
		depth++;
	return depth;
}

/*
 * Children before what they are part of: a request that brings both is told what is wrong with the child, at its place, and not that
 * its parent has no room for it.
 */
int gw_touched_each_up(struct gw_catalog *c, gw_pass *pass, struct gw_error *err)
{
	int e = 0;

	for (int depth = GW_DEPTH_MAX; e == 0 && depth >= 0; depth--) {
		for (size_t i = c->begun; e == 0 && i < c->n_steps; i++) {
			struct gw_resource *r = c->steps[i].r;

			/* What is gone may have been what its parent rested on: a pool with addresses in use. */
			r = r->gone ? r->parent : r;
			/* One that many children of are gone is looked at once. */
			if (!r || r->gone || r->checked == c->settling || depth_of(r) != depth)
				continue;
			e = pass(c, r, err);
			r->checked = c->settling;
			if (e < 0) {
				gw_resource_place(r, err);
				c->fault = c->steps[i].r;
			}
		}
	}
	return e;
}
