/*
 * apart.c - children of one parent, of which no two may be alike in something: all of them are sorted and looked at once in a settling,
 * however many of them were touched. Called by the checks, which say what is wrong when they are not apart.
 */
#include "model/catalog/private.h"

#include <stdlib.h>

bool gw_children_apart(struct gw_catalog *c, struct gw_resource *parent, enum gw_kind kind, gw_child_order *order,
		       gw_children_meet *meet)
{
	const struct gw_resource *child = NULL, **all;
	size_t n = 0;
	bool apart = true;

	if (parent->apart == c->settling)
		return !parent->meeting;
	all = calloc(parent->n_children + 1, sizeof(struct gw_resource *));
	if (!all) /* then one by one */
		return false;
	while ((child = gw_catalog_next(c, parent, kind, child)))
		all[n++] = child;
	if (n > 1)
		qsort(all, n, sizeof(struct gw_resource *), order);
	for (size_t i = 1; apart && i < n; i++)
		apart = !meet(all[i - 1], all[i]);
	free(all);
	parent->apart = c->settling;
	parent->meeting = !apart;
	return apart;
}
