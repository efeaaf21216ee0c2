/* weight.c - how much there is to a resource, before somebody encodes, replaces or deletes it. See catalog.h. */
#include "model/catalog/private.h"

#define KEYS_PER_RESOURCE 64 /* that are looked at in the time that encoding a resource takes */

size_t gw_resource_weight(const struct gw_catalog *c, const struct gw_resource *r, size_t enough)
{
	size_t weight = 1;

	/* Its usage is counted anew each time. */
	if (r->kind == GW_KIND_LOGICAL_POOL || r->kind == GW_KIND_VIRTUAL_POOL || r->kind == GW_KIND_MAC_POOL)
		weight += c->keys.n / KEYS_PER_RESOURCE;
	for (const struct gw_ref *ref = r->referrers; ref && weight < enough; ref = ref->next)
		weight++;
	for (const struct gw_resource *child = r->children; child && weight < enough; child = child->next)
		weight += gw_resource_weight(c, child, enough - weight);
	return weight;
}
