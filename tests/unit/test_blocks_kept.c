/*
 * test_blocks_kept.c - a front end keeps its block of ports for as long as it is there (GW-3): whatever comes and goes around it, when
 * a change is undone, and when the controller starts again.
 */
#include "blocks_fixture.h"

/* --- what was stored ---------------------------------------------------------------------------------------------- */

static unsigned troubled;

static void on_trouble(void *ctx, const struct gw_resource *r)
{
	(void)ctx;
	check(r->kind == GW_KIND_FRONTEND && strstr(r->now.trouble, "it has no block"), "%s: %s", r->id,
	      r->now.trouble);
	troubled++;
}

/* A controller that starts with what `w` has; without blocks, as from before there were any, when `old`. */
static void reload(const struct world *w, bool old, const char *const *paths, size_t n, struct world *ret)
{
	struct gw_error err = GW_ERROR_INIT;

	world_init(ret, 10);
	world_begin(ret);
	for (size_t i = 0; i < n; i++) {
		const struct gw_resource *r = gw_catalog_find(w->c, NULL, paths[i]);
		json_t *own = r ? gw_resource_encode_own(r) : NULL;

		if (old && own)
			json_object_del(json_object_get(own, "properties"), "portBlockStart");
		if (r)
			world_load(ret, paths[i], r, own);
	}
	if (gw_catalog_settle_loaded(ret->c, on_trouble, NULL, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	gw_catalog_commit(ret->c);
}

#define FRONTS 20

static const char *stored[FRONTS + 8] = {
	"/logicalNetworks/o",	  "/logicalNetworks/o/subnets/s", "/logicalNetworks/o/subnets/s/ipPools/p",
	"/publicIPAddresses/all", "/publicIPAddresses/own",	  "/publicIPAddresses/other",
	"/loadBalancers/l"};
#define STORED_BEFORE 7

static void list_stored(void)
{
	static char text[FRONTS][64];

	for (unsigned i = 0; i < FRONTS; i++) {
		snprintf(text[i], sizeof *text, "%s", front(i));
		stored[STORED_BEFORE + i] = text[i];
	}
}

/* Of an older store: it starts, says so, and whoever is put again gets one. */
static void test_old(void **state)
{
	struct world w, again;

	(void)state;
	setup(&w);
	for (unsigned i = 0; i < 3; i++)
		ok(&w, front(i), i == 1 ? OWN : ALL);
	list_stored();
	troubled = 0;
	reload(&w, true, stored, GW_N(stored) - 1, &again);
	assert_int_equal(troubled, 2);
	for (unsigned i = 0; i < 3; i++)
		ok(&again, front(i), i == 1 ? OWN : ALL);
	check(block_of(&again, front(0)) && block_of(&again, front(2)) && !block_of(&again, front(1)), "%u, %u",
	      block_of(&again, front(0)), block_of(&again, front(2)));
	assert_null(gw_catalog_find_any(again.c, front(0))->now.trouble);
	world_done(&w);
	world_done(&again);
}

/* --- over and over ------------------------------------------------------------------------------------------------ */

static unsigned any(unsigned n)
{
	static uint64_t seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

struct known {
	char address[32]; /* "": it is not there */
	uint32_t block;
};

static const char *const addresses[] = {"/publicIPAddresses/all", "/publicIPAddresses/other", "/publicIPAddresses/own"};

/* What there is, and that no two have the same. */
static void look(const struct world *w, struct known *ret)
{
	for (unsigned i = 0; i < FRONTS; i++) {
		const struct gw_resource *r = gw_catalog_find_any(w->c, front(i));

		ret[i] = (struct known){.block = r ? block_of(w, front(i)) : 0};
		if (!r)
			continue;
		snprintf(ret[i].address, sizeof ret[i].address, "%s",
			 ((struct gw_frontend *)r->now.properties)->address);
		check(!ret[i].block == !strcmp(ret[i].address, addresses[2]), "%s at %s has %u", r->id, ret[i].address,
		      ret[i].block);
		for (unsigned k = 0; k < i; k++)
			check(!ret[i].block || ret[k].block != ret[i].block ||
				      strcmp(ret[k].address, ret[i].address) != 0,
			      "f%u and f%u both have %u of %s", i, k, ret[i].block, ret[i].address);
	}
}

static int step(struct world *w, struct gw_error *err)
{
	const char *path = front(any(FRONTS));
	char body[160];

	if (any(3) == 0)
		return world_delete(w, NULL, path, err);
	snprintf(body, sizeof body,
		 any(6) ? "{'publicIPAddress':{'resourceRef':'%s'}}"
			: "{'publicIPAddress':{'resourceRef':'%s'},'portBlockStart':%u}",
		 addresses[any(3)], (1 + any(3)) * 16384);
	return world_put(w, NULL, path, json_of(body), err);
}

/* Who is at the same address afterwards has the same block, unless he was deleted, or one was chosen for him. */
static void test_random(void **state)
{
	struct known before[FRONTS], after[FRONTS];
	unsigned accepted = 0, refused_n = 0, undone = 0, restarts = 0;
	struct world w, again;

	(void)state;
	setup(&w);
	ok(&w, addresses[0], "{'shared':true,'portBlockSize':16384}"); /* three for twenty */
	ok(&w, addresses[1], "{'shared':true,'portBlockSize':8192}");
	list_stored();
	for (unsigned round = 0; round < 3000; round++) {
		struct gw_error err = GW_ERROR_INIT;
		unsigned n = 1 + any(4);
		int e = 0;

		look(&w, before);
		world_begin(&w);
		for (unsigned i = 0; e == 0 && i < n; i++)
			e = step(&w, &err);
		if (e == 0)
			e = gw_catalog_settle(w.c, &err);
		if (e < 0 || any(4) == 0) {
			*(e < 0 ? &refused_n : &undone) += 1;
			gw_catalog_undo(w.c);
			look(&w, after);
			for (unsigned i = 0; i < FRONTS; i++)
				check(!strcmp(before[i].address, after[i].address) && before[i].block == after[i].block,
				      "f%u has become another, undone", i);
			gw_catalog_commit(w.c);
			continue;
		}
		accepted++;
		gw_catalog_commit(w.c);
		look(&w, after);
		if (n > 1 || any(8))
			continue;
		restarts++;
		troubled = 0;
		reload(&w, false, stored, GW_N(stored) - 1, &again);
		assert_int_equal(troubled, 0);
		look(&again, before);
		for (unsigned i = 0; i < FRONTS; i++)
			check(before[i].block == after[i].block, "f%u has become another by a restart", i);
		world_done(&w);
		w = again;
	}
	print_message("%u accepted, %u refused, %u undone, %u restarts\n", accepted, refused_n, undone, restarts);
	check(accepted > 300 && refused_n > 300 && undone > 100 && restarts > 20, "too little of each");
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
