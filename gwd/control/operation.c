/*
 * operation.c - what clients are told to ask for after a change: it has succeeded when every node that can be reached holds what the
 * change has made of it.
 *
 * Nothing is kept of one: its id says by itself that it was given, to whom, and after which change, in a way that only the controller
 * can read. So it is answered after a restart too, however many changes came after it, and nobody can tell from ids how much others
 * do.
 */
#include "control/private.h"

#include <string.h>
#include <sys/random.h>

/* An id is this, encrypted as one block. */
struct said {
	uint8_t revision[6]; /* the highest byte first */
	uint8_t random[2];
	uint8_t owner[4];
	uint8_t zero[4]; /* what makes it an id at all */
};
_Static_assert(sizeof(struct said) == sizeof(struct gw_uuid), "one block");

/* Of a tenant's; the operator's have no tenant's id, which has no such sign. */
static int mark_owner(const struct gw_control *k, const struct gw_principal *who, uint8_t ret[static 4])
{
	const char *owner = who->access == GW_ACCESS_TENANT ? who->tenant : "/";
	uint8_t tag[GW_SEAL_TAGLEN];
	int r = gw_seal_tag(k->seal_key, "owner of an operation", owner, strlen(owner), tag);

	memcpy(ret, tag, 4);
	return r;
}

int gw_control_new_operation(struct gw_control *k, const struct gw_principal *who, struct gw_uuid *ret)
{
	uint64_t revision = gw_commit_next_revision(k) - 1; /* the last that was accepted */
	struct said said = {0};

	for (size_t i = 0; i < sizeof said.revision; i++)
		said.revision[i] = (uint8_t)(revision >> 8 * (sizeof said.revision - 1 - i));
	if (getrandom(said.random, sizeof said.random, 0) != sizeof said.random || mark_owner(k, who, said.owner) < 0)
		return -1;
	return gw_seal_block(k->seal_key, "operation", true, (const uint8_t *)&said, ret->b);
}

/* Those of others are as if they were not there. */
bool gw_control_operation(const struct gw_control *k, const struct gw_principal *who, const struct gw_uuid *id,
			  bool *ret_done)
{
	static const uint8_t zero[4];
	struct said said;
	uint64_t revision = 0;
	uint8_t owner[4];

	if (gw_seal_block(k->seal_key, "operation", false, id->b, (uint8_t *)&said) < 0 ||
	    memcmp(said.zero, zero, sizeof zero) != 0 || mark_owner(k, who, owner) < 0)
		return false;
	if (who->access == GW_ACCESS_TENANT && memcmp(owner, said.owner, sizeof owner) != 0)
		return false;
	for (size_t i = 0; i < sizeof said.revision; i++)
		revision = revision << 8 | said.revision[i];
	*ret_done = gw_reports_have_reached(k, revision);
	return true;
}
