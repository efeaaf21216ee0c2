/*
 * rank.h - an ordered set that knows how many of its members lie below a value: inserting, removing and counting take the
 * logarithm of its size. Nodes are embedded in what is kept; members that compare as equal may be in it together.
 *
 * A treap: a search tree by value that is a heap by random priorities, and so balanced whatever the values are.
 */
#ifndef GW_BASE_RANK_H
#define GW_BASE_RANK_H

#include <stddef.h>
#include <stdint.h>

struct gw_rank_node {
	struct gw_rank_node *left, *right;
	uint32_t n; /* members of the tree below it, and itself */
	uint32_t priority;
};

struct gw_rank {
	struct gw_rank_node *root;
	/* <0, 0, >0, as memcmp says it. */
	int (*compare)(const struct gw_rank_node *a, const struct gw_rank_node *b);
	uint32_t last; /* priority that was given; a start that nobody guesses where strangers choose the values */
};

void gw_rank_insert(struct gw_rank *rank, struct gw_rank_node *node);
void gw_rank_remove(struct gw_rank *rank, struct gw_rank_node *node); /* which must be in it */
/* How many members are less than the value that `probe`, which need not be a member, has. */
size_t gw_rank_below(const struct gw_rank *rank, const struct gw_rank_node *probe);
/* How many are not more. */
size_t gw_rank_upto(const struct gw_rank *rank, const struct gw_rank_node *probe);
/* The one that has `n` members before it; NULL: there are not so many. */
const struct gw_rank_node *gw_rank_at(const struct gw_rank *rank, size_t n);

#endif
