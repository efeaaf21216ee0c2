/* seen.h - what of a ruleset is in the kernel, as nft.c needs to know it. */
#ifndef GW_NAT_SEEN_H
#define GW_NAT_SEEN_H

#include "nat/nft.h"
#include "nat/wire.h"

struct nat_generation {
	uint32_t id;
	char who[32];
};

struct nat_nft {
	struct mnl_socket *req, *events;
	struct nat_generation known; /* when it was last as it should be */
};

struct nat_seen_elem {
	struct nat_elem elem;
	struct nat_counts counts;
	bool is_border; /* while it is read: no element, but where the one before it ends */
};

struct nat_seen {
	bool table;
	bool flagged; /* it has flags, such as `dormant`: we set none */
	struct nat_others others;
	size_t chains;	/* that are as they should be */
	size_t sets;	/* of ours */
	size_t rules;	/* of ours, but those that drop while there are too many connections */
	size_t foreign; /* chains that are not */
	size_t strays;	/* rules that are not, or not any more */
	bool unswept;	/* NAT_UNSWEPT is there */
	unsigned full;	/* bits: NAT_FULL */
	struct nat_counts counts[NAT_COUNTERS_MAX];
	char (*idles)[24]; /* names of objects, in no order */
	size_t n_idles;
	struct nat_seen_elem *elems; /* in the order of nat_elem_cmp */
	size_t n_elems, cap;
};

/* Without a table of ours nothing else is read but the names of others'. */
int nat_seen_read(struct mnl_socket *s, uint64_t mark, struct nat_seen *ret);
/* Only what is counted: by the ruleset, or by the elements of these maps (NAT_MAP_BIT). */
int nat_seen_counts(struct mnl_socket *s, struct nat_seen *ret);
int nat_seen_elem_counts(struct mnl_socket *s, uint32_t maps, struct nat_seen *ret);
void nat_seen_done(struct nat_seen *s);
bool nat_seen_idle(const struct nat_seen *s, const char *name);

#endif
