/*
 * test_plan_random.c - long random histories of what managers do, and whether after each step
 *
 *   - the plan that followed every change is, entry by entry, the plan that is made anew;
 *   - a node that held the state of some earlier revision has today's when it is told what changed since, in slices of any size,
 *     with changes in between;
 *   - every node's state can be held: an intent accepts it;
 *   - an update that runs out of memory, at any allocation, has changed nothing, and succeeds when it is tried again, at once
 *     or after other changes.
 *
 * GW_SEED=N repeats a history, GW_STEPS=N makes it longer.
 */
#include "plan_history.h"

#include <time.h>

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

/* --- memory that runs out ----------------------------------------------------------------------------------------- */

static long allocations_left = -1; /* -1: there is plenty */

static bool runs_out(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __real_calloc(n, size);
}

static void leave_allocations(long n)
{
	allocations_left = n;
}

static void test_history(void **state)
{
	const char *given = getenv("GW_SEED"), *steps = getenv("GW_STEPS");
	unsigned long n = steps ? strtoul(steps, NULL, 10) : 3000;
	struct history h;

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
	print_message("# GW_SEED=%llu\n", (unsigned long long)seed);
	history_init(&h);
	for (unsigned long i = 0; i < n; i++)
		history_step(&h);
	history_done(&h);
	print_message(
		"# %lu accepted, %lu refused, %lu updates without memory; %lu visits of changes, %lu whole, %lu stale; "
		"%lu objects compared, with %lu virtual gateways, %lu public addresses, %lu NAT rules, %lu "
		"connections, %lu addresses and %lu routes of them\n",
		h.accepted, h.refused, h.failed_updates, h.partial, h.whole, h.stale, h.objects, h.kinds[GW_HNV_VRF],
		h.kinds[GW_HNV_PUBLIC], h.kinds[GW_HNV_NAT_RULE], h.kinds[GW_HNV_CONNECTION],
		h.kinds[GW_HNV_CONNECTION_ADDRESS], h.kinds[GW_HNV_CONNECTION_ROUTE]);
	/* A history in which little happens proves little. */
	assert_true(h.accepted > n / 8 && h.partial > n / 20 && h.whole > n / 100 && h.objects > n);
	assert_true(h.kinds[GW_HNV_CONNECTION] > n / 20 && h.kinds[GW_HNV_CONNECTION_ROUTE] > n / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_history)};

	return cmocka_run_group_tests_name("plan, at random", tests, NULL, NULL);
}
