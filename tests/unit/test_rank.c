/* test_rank.c - the ordered set against a plain array: counts below and up to values, equal members, places, depth. */
#include "test.h"

#include "base/hmap.h"
#include "base/rank.h"

#include <stdbool.h>
#include <time.h>

struct item {
	struct gw_rank_node node;
	int value;
	bool in;
};

static struct item items[3000];

static int compare(const struct gw_rank_node *a, const struct gw_rank_node *b)
{
	int x = GW_CONTAINER_OF(a, struct item, node)->value, y = GW_CONTAINER_OF(b, struct item, node)->value;

	return (x > y) - (x < y);
}

static void compare_counts(const struct gw_rank *rank, int value)
{
	struct item probe = {.value = value};
	size_t below = 0, upto = 0;

	for (size_t i = 0; i < GW_N(items); i++) {
		below += items[i].in && items[i].value < value;
		upto += items[i].in && items[i].value <= value;
	}
	check(gw_rank_below(rank, &probe.node) == below, "below %d", value);
	check(gw_rank_upto(rank, &probe.node) == upto, "up to %d", value);
	for (size_t n = below; n < upto; n++)
		check(GW_CONTAINER_OF(gw_rank_at(rank, n), struct item, node)->value == value, "%d is at %zu", value,
		      n);
}

/* Each member is at one place, and there are no others. */
static void compare_places(const struct gw_rank *rank)
{
	size_t n = 0;

	for (size_t i = 0; i < GW_N(items); i++)
		n += items[i].in;
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && k < i + 20; k++)
			check(gw_rank_at(rank, i) != gw_rank_at(rank, k), "%zu and %zu", i, k);
	check(!gw_rank_at(rank, n), "nothing behind the last of %zu", n);
}

static void test_random(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	struct gw_rank rank = {.compare = compare, .last = seed};

	(void)state;
	print_message("seed %u\n", seed);
	for (int turn = 0; turn < 30000; turn++) {
		struct item *item = &items[rand_r(&seed) % GW_N(items)];

		if (item->in) {
			gw_rank_remove(&rank, &item->node);
		} else {
			item->value = rand_r(&seed) % 500; /* many are equal */
			gw_rank_insert(&rank, &item->node);
		}
		item->in = !item->in;
		if (turn % 100 == 0)
			compare_counts(&rank, rand_r(&seed) % 520 - 10);
	}
	compare_places(&rank);
	for (size_t i = 0; i < GW_N(items); i++)
		if (items[i].in)
			gw_rank_remove(&rank, &items[i].node);
	check(!rank.root, "it is empty");
}

static unsigned depth(const struct gw_rank_node *t)
{
	unsigned left = t ? depth(t->left) : 0, right = t ? depth(t->right) : 0;

	return t ? 1 + (left > right ? left : right) : 0;
}

/* A plain tree would be a list. */
static void test_sorted(void **state)
{
	struct gw_rank rank = {.compare = compare, .last = 1};

	(void)state;
	for (size_t i = 0; i < GW_N(items); i++) {
		items[i].value = (int)i;
		gw_rank_insert(&rank, &items[i].node);
	}
	check(depth(rank.root) < 60, "3000 values in order: %u deep", depth(rank.root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_sorted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
