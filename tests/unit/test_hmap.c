/* test_hmap.c - the hash table against a plain array: growth, equal hashes, removal while walking. */
#include "test.h"

#include "base/hmap.h"

#include <stdbool.h>
#include <time.h>

struct item {
	struct gw_hmap_node node;
	uint32_t key;
	bool in;
};

static struct item items[5000];

/* Few hashes, so that chains are long. */
static uint32_t hash(uint32_t key)
{
	return key % 97 * 2654435761u;
}

static size_t count_key(const struct gw_hmap *m, uint32_t key)
{
	size_t n = 0;

	GW_HMAP_FOR_EACH_HASH (node, m, hash(key))
		n += GW_CONTAINER_OF(node, struct item, node)->key == key;
	return n;
}

static void compare(const struct gw_hmap *m)
{
	size_t n = 0, seen = 0;

	for (size_t i = 0; i < GW_N(items); i++) {
		n += items[i].in;
		check(count_key(m, items[i].key) == items[i].in, "item %zu", i);
	}
	GW_HMAP_FOR_EACH (node, m) {
		assert_true(GW_CONTAINER_OF(node, struct item, node)->in);
		seen++;
	}
	assert_int_equal(m->n, n);
	assert_int_equal(seen, n);
}

static void test_random(void **state)
{
	struct gw_hmap m = {0};
	uint32_t rnd = 12345;

	(void)state;
	memset(items, 0, sizeof items);
	for (size_t i = 0; i < GW_N(items); i++)
		items[i].key = (uint32_t)i;
	assert_null(gw_hmap_first(&m));
	assert_null(gw_hmap_first_hash(&m, 5));
	for (int step = 0; step < 60000; step++) {
		struct item *it;

		rnd = rnd * 1664525 + 1013904223;
		it = &items[(rnd >> 8) % GW_N(items)];
		if (it->in)
			gw_hmap_remove(&m, &it->node);
		else
			assert_int_equal(gw_hmap_insert(&m, &it->node, hash(it->key)), 0);
		it->in = !it->in;
		if (step % 10000 == 9999)
			compare(&m);
	}
	GW_HMAP_FOR_EACH_SAFE (node, after, &m) {
		struct item *it = GW_CONTAINER_OF(node, struct item, node);

		if (it->key % 2) {
			gw_hmap_remove(&m, node);
			memset(node, 0xff, sizeof *node);
			it->in = false;
		}
	}
	compare(&m);
	gw_hmap_done(&m);
	assert_null(gw_hmap_first(&m));
}

/* All in one chain: inserting and removing in the worst order must not search it. */
static void test_one_hash(void **state)
{
	enum { N = 200000 };
	struct gw_hmap_node *nodes = calloc(N, sizeof *nodes);
	struct gw_hmap m = {0};
	clock_t start = clock();

	(void)state;
	assert_non_null(nodes);
	assert_int_equal(gw_hmap_init(&m), 0);
	for (size_t i = 0; i < N; i++)
		gw_hmap_insert(&m, &nodes[i], 7);
	for (size_t i = 0; i < N; i++)
		gw_hmap_remove(&m, &nodes[i]);
	assert_int_equal(m.n, 0);
	/* Searching would take 2 * 10^10 steps, minutes; this takes milliseconds. */
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	gw_hmap_done(&m);
	free(nodes);
}

static void test_hash_bytes(void **state)
{
	(void)state;
	assert_int_equal(gw_hash_bytes("abc", 3, 1), gw_hash_bytes("abc", 3, 1));
	assert_int_not_equal(gw_hash_bytes("abc", 3, 1), gw_hash_bytes("abc", 3, 2));
	assert_int_not_equal(gw_hash_bytes("abc", 3, 1), gw_hash_bytes("abd", 3, 1));
}

/* Keys that a public function without a key makes equal (32-bit FNV-1a: well known), and those that are merely alike. */
static void test_hash_is_not_foreseen(void **state)
{
	static const char *const pairs[][2] = {
		{"costarring", "liquid"}, {"declinate", "macallums"}, {"altarage", "zinke"}};
	enum { N = 4096 };
	static unsigned in_bucket[N];
	unsigned longest = 0;
	uint32_t before;
	char text[16];

	(void)state;
	for (size_t i = 0; i < GW_N(pairs); i++)
		assert_int_not_equal(gw_hash_bytes(pairs[i][0], strlen(pairs[i][0]), 0),
				     gw_hash_bytes(pairs[i][1], strlen(pairs[i][1]), 0));
	for (int i = 0; i < N; i++) {
		unsigned *n = &in_bucket[gw_hash_bytes(text, (size_t)snprintf(text, sizeof text, "nic-%d", i), 0) % N];

		longest = ++*n > longest ? *n : longest;
	}
	assert_in_range(longest, 4, 12); /* as thrown by dice */
	/* Every length, and every byte of it, counts. */
	memset(text, 0, sizeof text);
	for (size_t n = 0; n < sizeof text; n++) {
		uint32_t h = gw_hash_bytes(text, n, 0);

		assert_int_not_equal(h, gw_hash_bytes(text, n + 1, 0));
		for (size_t i = 0; i < n; i++) {
			text[i] = 1;
			assert_int_not_equal(h, gw_hash_bytes(text, n, 0));
			text[i] = 0;
		}
	}
	/* Another key, other values. */
	before = gw_hash_bytes("abc", 3, 1);
	assert_int_equal(gw_hash_randomize(), 0);
	assert_int_not_equal(before, gw_hash_bytes("abc", 3, 1));
	assert_int_equal(gw_hash_bytes("abc", 3, 1), gw_hash_bytes("abc", 3, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_one_hash),
		cmocka_unit_test(test_hash_bytes),
		cmocka_unit_test(test_hash_is_not_foreseen),
	};

	return cmocka_run_group_tests_name("hmap", tests, NULL, NULL);
}
