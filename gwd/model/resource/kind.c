/* kind.c - see kind.h. */
#include "model/resource/kind.h"

#include "model/resource/connection.h"
#include "model/resource/gateway.h"
#include "model/resource/interface.h"
#include "model/resource/nat.h"
#include "model/resource/network.h"
#include "model/resource/policy.h"

#include <string.h>
#include <strings.h>

static const struct gw_kind_info kinds[GW_KIND_MAX] = {
#define X(id, p, c, n, s)                                                                                              \
	[GW_KIND_##id] = {.parent = GW_KIND_##p, .collection = c, .name = n, .schema = &gw_schema_##s},
	GW_KINDS(X)
#undef X
};

const struct gw_kind_info *gw_kind_info(enum gw_kind kind)
{
	return &kinds[kind];
}

enum gw_kind gw_kind_find(enum gw_kind parent, const char *collection)
{
	for (enum gw_kind k = GW_KIND_NONE + 1; k < GW_KIND_MAX; k++)
		if (kinds[k].parent == parent && !strcasecmp(kinds[k].collection, collection))
			return k;
	return GW_KIND_NONE;
}

bool gw_kind_is_in_force(enum gw_kind kind)
{
	static const bool in_force[GW_KIND_MAX] = {
		[GW_KIND_LOGICAL_NETWORK] = true,   [GW_KIND_LOGICAL_SUBNET] = true,
		[GW_KIND_LOGICAL_POOL] = true,	    [GW_KIND_VIRTUAL_NETWORK] = true,
		[GW_KIND_VIRTUAL_SUBNET] = true,    [GW_KIND_VIRTUAL_POOL] = true,
		[GW_KIND_NETWORK_INTERFACE] = true, [GW_KIND_IP_CONFIGURATION] = true,
		[GW_KIND_MAC_POOL] = true,	    [GW_KIND_SERVER] = true,
		[GW_KIND_ROUTE_TABLE] = true,	    [GW_KIND_ROUTE] = true,
		[GW_KIND_PUBLIC_ADDRESS] = true,    [GW_KIND_GATEWAY_POOL] = true,
		[GW_KIND_GATEWAY] = true,	    [GW_KIND_VIRTUAL_GATEWAY] = true,
		[GW_KIND_LOAD_BALANCER] = true,	    [GW_KIND_FRONTEND] = true,
		[GW_KIND_BACKEND_POOL] = true,	    [GW_KIND_INBOUND_NAT_RULE] = true,
		[GW_KIND_OUTBOUND_NAT_RULE] = true, [GW_KIND_CONNECTION] = true,
	};

	return in_force[kind];
}

bool gw_kind_is_described(enum gw_kind kind)
{
	return gw_kind_is_in_force(kind);
}

bool gw_kind_shows_others(enum gw_kind kind)
{
	const struct gw_schema *schema = kinds[kind].schema;

	if (gw_kind_is_described(kind))
		return true;
	for (const struct gw_property *row = schema->rows; row < schema->rows + schema->n_rows; row++) {
		/* Every kind has these two, and they change with the resource. */
		if (row->type == GW_PROPERTY_READ_ONLY && !(row->flags & GW_PROPERTY_IS_LATER) &&
		    strcmp(row->name, "provisioningState") != 0 && strcmp(row->name, "configurationState") != 0)
			return true;
		if (row->type == GW_PROPERTY_CHILDREN && gw_kind_shows_others(row->kind))
			return true;
	}
	return false;
}
