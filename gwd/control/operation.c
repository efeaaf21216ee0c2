/*
 * operation.c - what clients are told to ask for after a change. What was accepted is durable when its answer is given, and
 * nothing puts it into force yet, so that an operation has succeeded when anybody can ask for it.
 *
 * Nothing is kept of one: its id says by itself that it was given, and to whom. So it is answered after a restart too, however many
 * changes came after it, and nobody can tell from when his own is forgotten how much others do.
 */
#include "control/private.h"

#include <string.h>

/* An id: random bytes, then what proves that it was given at all, and that it was given to this tenant. */
#define RANDOM 8
#define PROOF  4

static int prove(const struct gw_control *k, const struct gw_uuid *id, const char *owner, uint8_t ret[static PROOF])
{
	struct {
		uint8_t random[RANDOM];
		char owner[GW_PRINCIPAL_TENANTLEN];
	} said = {0};
	uint8_t tag[GW_SEAL_TAGLEN];

	memcpy(said.random, id->b, RANDOM);
	strncat(said.owner, owner, sizeof said.owner - 1);
	if (gw_seal_tag(k->seal_key, "operation", &said, sizeof said, tag) < 0)
		return -1;
	memcpy(ret, tag, PROOF);
	return 0;
}

/* Of a tenant's; the operator's have no tenant's id, which has no such sign. */
static const char *owner_of(const struct gw_principal *who)
{
	return who->access == GW_ACCESS_TENANT ? who->tenant : "/";
}

int gw_control_new_operation(struct gw_control *k, const struct gw_principal *who, struct gw_uuid *ret)
{
	struct gw_uuid id;

	if (gw_uuid_random(&id) < 0 || prove(k, &id, "", id.b + RANDOM) < 0 ||
	    prove(k, &id, owner_of(who), id.b + RANDOM + PROOF) < 0)
		return -1;
	*ret = id;
	return 0;
}

/* Those of others are as if they were not there. */
bool gw_control_operation(const struct gw_control *k, const struct gw_principal *who, const struct gw_uuid *id)
{
	uint8_t proof[PROOF];

	if (prove(k, id, "", proof) < 0 || memcmp(proof, id->b + RANDOM, PROOF) != 0)
		return false;
	if (who->access != GW_ACCESS_TENANT)
		return true;
	return prove(k, id, who->tenant, proof) == 0 && !memcmp(proof, id->b + RANDOM + PROOF, PROOF);
}
