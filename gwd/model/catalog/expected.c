/*
 * expected.c - children that a body names by their resourceRef and that are not there: another element of the same batch may make
 * them, after their parent. When the transaction settles they have to be there. Called by catalog.c.
 */
#include "model/catalog/private.h"

#include <errno.h>
#include <stdlib.h>

struct gw_expected {
	struct gw_expected *next;
	struct gw_resource *parent;
	enum gw_kind kind;
	size_t index; /* in the list */
	char *id, *ref;
};

int gw_expected_add(struct gw_catalog *c, struct gw_resource *parent, struct gw_draft *d, size_t index,
		    struct gw_error *err)
{
	struct gw_expected *e = malloc(sizeof *e);

	if (!e)
		return gw_error_oom(err);
	*e = (struct gw_expected){c->expected, parent, d->kind, index, d->id, d->ref};
	d->id = d->ref = NULL;
	c->expected = e;
	return 0;
}

int gw_expected_check(struct gw_catalog *c, struct gw_error *err)
{
	for (struct gw_expected *e = c->expected; e; e = e->next) {
		const struct gw_resource *child = gw_catalog_child(c, e->parent, e->kind, e->id);

		if (e->parent->gone || (child && gw_catalog_find(c, gw_resource_tenant(child), e->ref) == child))
			continue;
		gw_error_set(err, ENOENT, GW_ERR_INVALID_PROPERTY, "resourceRef",
			     "there is no such resource here: \"%s\"", e->ref);
		gw_error_prefix(err, "properties.%s[%zu].", gw_kind_info(e->kind)->collection, e->index);
		gw_resource_place(e->parent, err);
		c->fault = e->parent;
		return -ENOENT;
	}
	return 0;
}

void gw_expected_clear(struct gw_catalog *c)
{
	while (c->expected) {
		struct gw_expected *next = c->expected->next;

		free(c->expected->id);
		free(c->expected->ref);
		free(c->expected);
		c->expected = next;
	}
}
