/*
 * fuzz_plan.c - the random histories of tests/unit/plan_history.h with libFuzzer as the source of chance: whatever managers do, the
 * plan that follows is the plan that is made anew, and nodes that are told what changed have what they should.
 *
 * Input: each byte is one choice; the history ends with them.
 */
#include "fuzz.h"

/* The unit tests' words, without cmocka. */
#define GW_TESTS_UNIT_TEST_H
#define GW_N(array)		  (sizeof(array) / sizeof *(array))
#define check(c, ...)		  require(c)
#define fail_msg(...)		  (fprintf(stderr, __VA_ARGS__), abort())
#define assert_true(c)		  require(c)
#define assert_non_null(p)	  require(p)
#define assert_int_equal(a, b)	  require((a) == (b))
#define assert_string_equal(a, b) require(!strcmp(a, b))

#include "../unit/plan_history.h"

static const uint8_t *input;
static size_t left;

static unsigned pick(unsigned n)
{
	if (!left)
		return 0;
	left--;
	return *input++ % n;
}

static void leave_allocations(long n)
{
	(void)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history h;

	input = data;
	left = size;
	history_init(&h);
	while (left)
		history_step(&h);
	require_like_new(&h);
	history_done(&h);
	return 0;
}
