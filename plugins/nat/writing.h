/* writing.h - a transaction that is being written, between nft.c and elems.c. */
#ifndef GW_NAT_WRITING_H
#define GW_NAT_WRITING_H

#include "nat/seen.h"

struct nat_writing {
	struct nat_batch batch;
	const struct nat_seen *seen;
	const struct nat_plan *plan;
	struct nat_done done;
};

/* Of elements what differs from what is there; all of them when the table is made anew. */
void nat_put_elems(struct nat_writing *w, bool anew);

#endif
