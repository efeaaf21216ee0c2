/* elems.c - elements of maps as messages of a transaction: what differs, and what those that go have counted. Called by nft.c. */
#include "nat/writing.h"

#include "base/cleanup.h"

#include <stdlib.h>

#include <libnftnl/expr.h>
#include <linux/netfilter/nf_tables.h>

#define ELEMS_AT_ONCE 128 /* in one message, which has 64 KiB */

static struct nftnl_set_elem *make_elem(const struct nat_elem *e, const struct nat_counts *counts, bool key_only)
{
	struct nftnl_set_elem *x = nftnl_set_elem_alloc();
	enum nat_data data = nat_map_data((enum nat_map)e->map);
	struct nftnl_expr *c;
	char name[24];

	if (!x)
		return NULL;
	nftnl_set_elem_set(x, NFTNL_SET_ELEM_KEY, e->key, e->key_len);
	if (nat_map_kind((enum nat_map)e->map) == NAT_FIELDS)
		nftnl_set_elem_set(x, NFTNL_SET_ELEM_KEY_END, e->key_end, e->key_len);
	if (key_only)
		return x;
	if (data == D_IDLE)
		nftnl_set_elem_set_str(x, NFTNL_SET_ELEM_OBJREF,
				       nat_idle_name(e->family, e->idle_proto, e->idle, name));
	if (e->data_len)
		nftnl_set_elem_set(x, NFTNL_SET_ELEM_DATA, e->data, e->data_len);
	if (!e->rule)
		return x;
	nftnl_set_elem_set(x, NFTNL_SET_ELEM_USERDATA, &e->rule, sizeof e->rule);
	c = nftnl_expr_alloc("counter");
	if (!c) {
		nftnl_set_elem_free(x);
		return NULL;
	}
	nftnl_expr_set_u64(c, NFTNL_EXPR_CTR_PACKETS, counts->packets);
	nftnl_expr_set_u64(c, NFTNL_EXPR_CTR_BYTES, counts->bytes);
	nftnl_set_elem_add_expr(x, c);
	return x;
}

/* In a tree, where a range ends: the first address that is no more of it. NULL: no memory. */
static struct nftnl_set_elem *make_border(const struct nat_elem *e, const uint8_t *key)
{
	struct nftnl_set_elem *x = nftnl_set_elem_alloc();

	if (!x)
		return NULL;
	nftnl_set_elem_set(x, NFTNL_SET_ELEM_KEY, key, e->key_len);
	nftnl_set_elem_set_u32(x, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	return x;
}

/* What is gathered for one message: elements of one map. */
struct chunk {
	struct nat_writing *w;
	struct nftnl_set *set;
	uint16_t type;
	unsigned family, map;
	size_t n;
};

static void chunk_flush(struct chunk *c)
{
	struct nlmsghdr *h =
		c->set ? nat_batch_message(&c->w->batch, c->type, c->type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0)
		       : NULL;

	if (h) {
		nftnl_set_elems_nlmsg_build_payload(h, c->set);
		nat_batch_put(&c->w->batch, h);
	}
	if (c->set)
		nftnl_set_free(c->set);
	c->set = NULL;
	c->n = 0;
}

static void chunk_put(struct chunk *c, struct nftnl_set_elem *x)
{
	if (x && c->set) {
		nftnl_set_elem_add(c->set, x);
		return;
	}
	c->w->batch.bad = true;
	if (x)
		nftnl_set_elem_free(x);
}

static void chunk_add(struct chunk *c, const struct nat_elem *e, const struct nat_counts *counts)
{
	uint8_t border[NAT_KEY_MAX];
	char name[24];

	if (c->set && (c->n == ELEMS_AT_ONCE || c->family != e->family || c->map != e->map))
		chunk_flush(c);
	if (!c->set && (c->set = nftnl_set_alloc())) {
		nftnl_set_set_str(c->set, NFTNL_SET_TABLE, NAT_TABLE);
		nftnl_set_set_str(c->set, NFTNL_SET_NAME, nat_set_name(e->family, (enum nat_map)e->map, name));
		c->family = e->family;
		c->map = e->map;
	}
	chunk_put(c, make_elem(e, counts, c->type == NFT_MSG_DELSETELEM));
	if (nat_map_kind((enum nat_map)e->map) == NAT_TREE && nat_elem_border(e, border))
		chunk_put(c, make_border(e, border));
	c->n++;
}

/* What elements of a rule had counted that go, for those of it that come. */
struct pool {
	struct nat_carried {
		uint64_t rule;
		struct nat_counts counts;
	} * v;
	size_t n;
};

static int cmp_carried(const void *va, const void *vb)
{
	const struct nat_carried *a = va, *b = vb;

	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static struct nat_counts take_carried(struct pool *p, uint64_t rule)
{
	const struct nat_carried key = {.rule = rule};
	struct nat_carried *at = p->n && rule ? bsearch(&key, p->v, p->n, sizeof *p->v, cmp_carried) : NULL;
	struct nat_counts sum = {0};

	if (!at)
		return sum;
	while (at > p->v && at[-1].rule == rule)
		at--;
	for (; at < p->v + p->n && at->rule == rule; at++) {
		sum.packets += at->counts.packets;
		sum.bytes += at->counts.bytes;
		at->counts = (struct nat_counts){0};
	}
	return sum;
}

/*
 * Both are in order: removals first, since what comes may lie where something was; and ranges from the lowest on, each with its end,
 * as a tree wants to grow.
 */
void nat_put_elems(struct nat_writing *w, bool anew)
{
	const struct nat_elem *want = w->plan->elems;
	const struct nat_seen_elem *have = w->seen->elems;
	size_t n_want = w->plan->n_elems, n_have = w->seen->n_elems;
	struct chunk del = {.w = w, .type = NFT_MSG_DELSETELEM}, add = {.w = w, .type = NFT_MSG_NEWSETELEM};
	_cleanup_free_ struct nat_carried *carried = calloc(n_have + 1, sizeof *carried);
	_cleanup_free_ bool *keep = calloc(n_want + 1, sizeof *keep);
	struct pool pool = {.v = carried};

	if (!carried || !keep) {
		w->batch.bad = true;
		return;
	}
	for (size_t i = 0, k = 0; i < n_have; i++) {
		while (k < n_want && nat_elem_cmp(&want[k], &have[i].elem) < 0)
			k++;
		if (!anew && k < n_want && nat_elem_cmp(&want[k], &have[i].elem) == 0 &&
		    nat_elem_same(&want[k], &have[i].elem)) {
			keep[k] = true;
			continue;
		}
		carried[pool.n++] = (struct nat_carried){have[i].elem.rule, have[i].counts};
		if (anew)
			continue;
		chunk_add(&del, &have[i].elem, NULL);
		w->done.removed++;
	}
	chunk_flush(&del);
	if (pool.n)
		qsort(pool.v, pool.n, sizeof *pool.v, cmp_carried);
	for (size_t k = 0; k < n_want; k++) {
		struct nat_counts counts;

		if (keep[k])
			continue;
		counts = take_carried(&pool, want[k].rule);
		chunk_add(&add, &want[k], &counts);
		w->done.added++;
	}
	chunk_flush(&add);
}
