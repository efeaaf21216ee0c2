/* weight.c - how much there is to a resource, before somebody encodes, replaces or deletes it. See catalog.h. */
#include "model/catalog/private.h"

/* That are looked at in the time that encoding a resource takes. */
#define USERS_PER_RESOURCE 64
/* What a usual one takes of memory; a large one is as much work as several. */
#define BYTES_PER_RESOURCE 4096

size_t gw_resource_weight(const struct gw_catalog *c, const struct gw_resource *r, size_t enough)
{
	size_t weight = 1 + r->now.memory / BYTES_PER_RESOURCE;

	/* All that may live off it is looked at when it changes (check_pools.c). */
	if (r->kind == GW_KIND_LOGICAL_POOL || r->kind == GW_KIND_LOGICAL_SUBNET)
		weight += c->counts[GW_KIND_PUBLIC_ADDRESS] / USERS_PER_RESOURCE;
	if (r->kind == GW_KIND_MAC_POOL)
		weight += c->counts[GW_KIND_NETWORK_INTERFACE] / USERS_PER_RESOURCE;
	for (const struct gw_ref *ref = r->referrers; ref && weight < enough; ref = ref->next)
		weight++;
	for (const struct gw_resource *child = r->children; child && weight < enough; child = child->next)
		weight += gw_resource_weight(c, child, enough - weight);
	return weight;
}
