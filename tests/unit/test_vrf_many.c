/* test_vrf_many.c - GW-1, GW-9: many virtual gateways are looked at in parts, between which anything may happen. */
#include "vrf_fixture.h"

enum { MANY = 60, FIRST = 7000 };

static const char *nth_rdid(unsigned i)
{
	static char rdid[GW_UUID_STRLEN];

	snprintf(rdid, sizeof rdid, "22222222-2222-3333-4444-%012u", i);
	return rdid;
}

static struct gw_hnv_object *nth(unsigned i)
{
	return vrf(nth_rdid(i), FIRST + i, "02:00:00:00:00:02", "10.0.0.2", NULL);
}

static bool is_ready(unsigned i)
{
	json_t *j = described(nth_rdid(i));
	bool r = !strcmp(json_string_value(json_object_get(j, "state")), "Ready");

	json_decref(j);
	return r;
}

static unsigned n_ready(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MANY; i++)
		n += is_ready(i);
	return n;
}

static unsigned nth_that_is(bool ready)
{
	unsigned i = 0;

	while (i < MANY && is_ready(i) != ready)
		i++;
	assert_true(i < MANY);
	return i;
}

static int part(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int rc = ops->sync(driver, intent, &err);

	check(rc >= 0, "%s: %s", err.target, err.message);
	return rc;
}

static void begin_many(void)
{
	begin();
	sync_ok();
	gw_intent_begin(intent);
	for (unsigned i = 0; i < MANY; i++)
		put(nth(i));
	commit_ok();
}

/* As a process that has just begun finds them. */
static void begin_again(void)
{
	driver = ops->close(driver);
	netns_drain(&ns);
	open_driver();
	wanted = 0;
}

static void test_in_parts(void **state)
{
	unsigned before = 0, now, parts = 0;

	(void)state;
	begin_many();
	begin_again();
	sh_ok("ip -n gwd-" NODE "-%u route del default", FIRST + MANY / 2);
	for (; part() == GW_SYNC_MORE; before = now) {
		now = n_ready();
		/* The first part, on a slow machine, has time for no more than to see what there is. */
		check((now > before || parts == 0) && now < MANY, "%u of %u after part %u", now, MANY, parts);
		parts++;
	}
	assert_true(parts > 0);
	assert_int_equal(n_ready(), MANY);
	has(FIRST + MANY / 2, "default via 169.254.1.1");
	netns_drain(&ns);
	assert_int_equal(wanted, 0);
	end();
}

static void test_changes_in_between(void **state)
{
	unsigned gone, hurt, other;

	(void)state;
	begin_many();
	begin_again();
	do
		assert_int_equal(part(), GW_SYNC_MORE);
	while (n_ready() == 0);
	gone = nth_that_is(false);
	take(nth(gone));
	hurt = nth_that_is(true);
	sh_ok("ip -n gwd-" NODE "-%u route del default", FIRST + hurt);
	other = (gone + 1) % MANY;
	add(croute(nth_rdid(other), FIRST + other, "172.30.0.0/16", "10.0.0.9"));
	netns_drain(&ns);
	sync_ok();
	assert_int_equal(n_ready(), MANY - 1);
	has(FIRST + hurt, "default via 169.254.1.1");
	has(FIRST + other, "172.30.0.0/16 via 10.0.0.1");
	goes(FIRST + gone);
	end();
}

/* One that cannot be brought in keeps nobody else from it, and is said at the end. */
static void test_one_fails(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	unsigned parts = 0;
	int rc;

	(void)state;
	begin_many();
	begin_again();
	sh_ok("ip link del gwo%u; ip link add gwo%u type veth peer name x", FIRST + 1, FIRST + 1);
	while ((rc = ops->sync(driver, intent, &err)) == GW_SYNC_MORE)
		parts++;
	expect(rc, -EEXIST, &err, "is in the way");
	assert_true(parts > 0);
	assert_int_equal(n_ready(), MANY - 1);
	assert_false(is_ready(1));
	rc = ops->sync(driver, intent, &err); /* of this one alone */
	expect(rc, -EEXIST, &err, "is in the way");
	sh_ok("ip link del gwo%u", FIRST + 1);
	sync_ok();
	assert_int_equal(n_ready(), MANY);
	end();
}

static unsigned n_there(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MANY; i++)
		n += sh("[ -e /run/netns/gwd-" NODE "-%u ]", FIRST + i) == 0;
	return n;
}

static bool none_is_there(void *ctx)
{
	(void)ctx;
	return n_there() == 0;
}

static void drop_all(void)
{
	gw_intent_begin(intent);
	for (unsigned i = 0; i < MANY; i++)
		drop(nth(i));
	commit_ok();
}

/* Nobody waits until they have gone; but who wants the name of one, and a sync. */
static void test_many_go(void **state)
{
	(void)state;
	begin_many();
	drop_all();
	check(n_there() > MANY / 2, "%u are there yet", n_there()); /* the loop has had no turn */
	add(nth(MANY - 1));
	has(FIRST + MANY - 1, "ovl0 inet 10.0.0.2/32");
	add(nth(0)); /* the first to go */
	has(FIRST, "ovl0 inet 10.0.0.2/32");
	assert_true(is_ready(0) && is_ready(MANY - 1));
	check(n_there() > MANY / 4, "%u are there yet", n_there());
	assert_int_equal(part(), GW_SYNC_MORE);
	sync_ok();
	assert_int_equal(n_there(), 2);
	has(FIRST, "ovl0 inet 10.0.0.2/32");
	gw_intent_begin(intent);
	drop(nth(0));
	drop(nth(MANY - 1));
	commit_ok();
	check(netns_wait(&ns, none_is_there, NULL, 20000), "%u are there yet", n_there());
	assert_int_equal(wanted, 0);
	end();
}

/* gwd ends while they go: what is left is nobody's, and goes at the next start. */
static void test_end_while_many_go(void **state)
{
	unsigned parts = 0;

	(void)state;
	begin_many();
	drop_all();
	begin_again();
	check(n_there() > MANY / 2, "%u are there yet", n_there());
	while (part() == GW_SYNC_MORE)
		parts++;
	assert_true(parts > 0);
	assert_int_equal(n_there(), 0);
	end();
}

/* One that cannot be taken away keeps nobody else here, is said, and tried again. */
static void test_one_does_not_go(void **state)
{
	struct gw_error err = GW_ERROR_INIT;

	(void)state;
	begin_many();
	sh_ok("cd /run/netns; n=gwd-" NODE "-%u; umount $n; rm $n; mkdir $n", FIRST + 5);
	drop_all();
	wanted = 0;
	wait_want("could not be taken away");
	expect(sync_whole(&err), -EISDIR, &err, "Is a directory");
	assert_int_equal(n_there(), 1);
	expect(sync_whole(&err), -EISDIR, &err, "Is a directory");
	/* Who wants its name is told why not; then it goes, and the other comes. */
	gw_intent_begin(intent);
	put(nth(5));
	assert_int_equal(commit(&err), -EISDIR);
	sh_ok("rmdir /run/netns/gwd-" NODE "-%u", FIRST + 5);
	sync_whole(&err); /* it hears of the try that the refused change has left */
	sync_ok();
	assert_int_equal(n_there(), 0);
	add(nth(5));
	has(FIRST + 5, "ovl0 inet 10.0.0.2/32");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_parts),	  cmocka_unit_test(test_changes_in_between),
		cmocka_unit_test(test_one_fails),	  cmocka_unit_test(test_many_go),
		cmocka_unit_test(test_end_while_many_go), cmocka_unit_test(test_one_does_not_go),
	};

	return cmocka_run_group_tests_name("vrf_many", tests, private_mounts, NULL);
}
