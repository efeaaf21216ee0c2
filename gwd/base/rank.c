/* rank.c - see rank.h. */
#include "base/rank.h"

#include <stdbool.h>

static uint32_t size(const struct gw_rank_node *t)
{
	return t ? t->n : 0;
}

static void recount(struct gw_rank_node *t)
{
	t->n = 1 + size(t->left) + size(t->right);
}

/* Equal members are told apart by where they are in memory. */
static bool is_less(const struct gw_rank *rank, const struct gw_rank_node *a, const struct gw_rank_node *b)
{
	int order = rank->compare(a, b);

	return order ? order < 0 : (uintptr_t)a < (uintptr_t)b;
}

/* Into what is less than the node, and the rest. */
static void split(const struct gw_rank *rank, struct gw_rank_node *t, const struct gw_rank_node *at,
		  struct gw_rank_node **less, struct gw_rank_node **rest)
{
	if (!t) {
		*less = *rest = NULL;
		return;
	}
	if (is_less(rank, t, at)) {
		split(rank, t->right, at, &t->right, rest);
		*less = t;
	} else {
		split(rank, t->left, at, less, &t->left);
		*rest = t;
	}
	recount(t);
}

/* All of `a` is less than all of `b`. */
static struct gw_rank_node *join(struct gw_rank_node *a, struct gw_rank_node *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->priority > b->priority) {
		a->right = join(a->right, b);
		recount(a);
		return a;
	}
	b->left = join(a, b->left);
	recount(b);
	return b;
}

/* An xorshift: whoever chooses values sees nothing of the priorities. */
static uint32_t next_priority(struct gw_rank *rank)
{
	uint32_t x = rank->last ? rank->last : 0x9e3779b9;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	rank->last = x;
	return x;
}

void gw_rank_insert(struct gw_rank *rank, struct gw_rank_node *node)
{
	struct gw_rank_node **at = &rank->root;

	node->priority = next_priority(rank);
	while (*at && (*at)->priority > node->priority) {
		(*at)->n++;
		at = is_less(rank, *at, node) ? &(*at)->right : &(*at)->left;
	}
	split(rank, *at, node, &node->left, &node->right);
	recount(node);
	*at = node;
}

void gw_rank_remove(struct gw_rank *rank, struct gw_rank_node *node)
{
	struct gw_rank_node **at = &rank->root;

	while (*at != node) {
		(*at)->n--;
		at = is_less(rank, *at, node) ? &(*at)->right : &(*at)->left;
	}
	*at = join(node->left, node->right);
}

static size_t count(const struct gw_rank *rank, const struct gw_rank_node *probe, bool with_equal)
{
	const struct gw_rank_node *t = rank->root;
	size_t n = 0;

	while (t) {
		int order = rank->compare(t, probe);

		if (order < 0 || (with_equal && order == 0)) {
			n += 1 + size(t->left);
			t = t->right;
		} else {
			t = t->left;
		}
	}
	return n;
}

size_t gw_rank_below(const struct gw_rank *rank, const struct gw_rank_node *probe)
{
	return count(rank, probe, false);
}

size_t gw_rank_upto(const struct gw_rank *rank, const struct gw_rank_node *probe)
{
	return count(rank, probe, true);
}

const struct gw_rank_node *gw_rank_at(const struct gw_rank *rank, size_t n)
{
	const struct gw_rank_node *t = rank->root;

	while (t && n != size(t->left)) {
		if (n < size(t->left)) {
			t = t->left;
		} else {
			n -= size(t->left) + 1;
			t = t->right;
		}
	}
	return t;
}
