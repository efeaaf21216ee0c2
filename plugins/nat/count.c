/* count.c - reads counters back: see nft.h. Called by look.c, and on a thread by tally.c. */
#include "nat/seen.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct place {
	uint64_t rule;
	size_t index;
};

static int cmp_place(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

int nat_nft_count(struct nat_nft *n, struct nat_counts ret[static NAT_COUNTERS_MAX], struct gw_error *err)
{
	struct nat_seen seen = {0};
	int r = nat_seen_counts(n->req, &seen);

	if (r == 0)
		memcpy(ret, seen.counts, sizeof seen.counts);
	nat_seen_done(&seen);
	return r < 0 ? nat_fail(err, r, "the counters cannot be read") : 0;
}

/* Of each element's counter the packets are connections: the map is asked once for each. */
int nat_count_rules(struct mnl_socket *s, uint32_t maps, const struct nat_plan *plan, uint64_t *ret_rules)
{
	_cleanup_free_ struct place *places = calloc(plan->n_rules + 1, sizeof *places);
	struct nat_seen seen = {0};
	int r;

	if (!places)
		return -ENOMEM;
	r = nat_seen_elem_counts(s, maps, &seen);
	for (size_t i = 0; r == 0 && i < plan->n_rules; i++) {
		places[i] = (struct place){nat_rule_hash(&plan->rules[i]), i};
		ret_rules[i] = 0;
	}
	if (r == 0 && plan->n_rules)
		qsort(places, plan->n_rules, sizeof *places, cmp_place);
	for (size_t i = 0; r == 0 && i < seen.n_elems; i++) {
		const struct place key = {.rule = seen.elems[i].elem.rule};
		const struct place *at =
			key.rule ? bsearch(&key, places, plan->n_rules, sizeof *places, cmp_place) : NULL;

		if (at)
			ret_rules[at->index] += seen.elems[i].counts.packets;
	}
	nat_seen_done(&seen);
	return r;
}
