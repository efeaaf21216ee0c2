/*
 * operation.c - what clients are told to ask for after a change. What was accepted is durable when its answer is given, and
 * nothing puts it into force yet, so that an operation has succeeded when anybody can ask for it.
 *
 * The last ones are kept in memory; an older one is answered by the resource.
 */
#include "control/private.h"

#include <string.h>

int gw_control_new_operation(struct gw_control *k, const struct gw_principal *who, struct gw_uuid *ret)
{
	struct gw_operation *o = &k->operations[k->n_operations % GW_OPERATIONS];

	if (gw_uuid_random(&o->id) < 0)
		return -1;
	o->access = who->access;
	memcpy(o->tenant, who->tenant, sizeof o->tenant);
	k->n_operations++;
	*ret = o->id;
	return 0;
}

/* Those of others are as if they were not there. */
bool gw_control_operation(const struct gw_control *k, const struct gw_principal *who, const struct gw_uuid *id)
{
	for (size_t i = 0; i < GW_OPERATIONS && i < k->n_operations; i++) {
		const struct gw_operation *o = &k->operations[i];

		if (gw_uuid_equal(&o->id, id))
			return who->access != GW_ACCESS_TENANT ||
			       (o->access == GW_ACCESS_TENANT && !strcmp(o->tenant, who->tenant));
	}
	return false;
}
