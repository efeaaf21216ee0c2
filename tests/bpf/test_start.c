/*
 * test_start.c - what a start costs: programs are loaded once, or not at all when an earlier process has left the same ones, and
 * nothing is written to the kernel that is there already (GW-8: a restart interrupts nothing).
 */
#include "engine_fixture.h"

#include "engine/programs.h"
#include "engine/tc.h"
#include "nl/nl.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char *const links[] = {"e0", "e1", "u0", "out0", "gwdvx4789", "gwdgre", "gwdcut1", "gwdfrg2"};

static struct gw_hnv_object *port(const char *name, uint8_t last)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PORT;
	o->port = (struct gw_port){.mac = {{0, 0x15, 0x5d, 0, 0, last}}, .vsid = 5001};
	snprintf(o->port.interface, IFNAMSIZ, "%s", name);
	return o;
}

static struct gw_hnv_object *provider(const char *pa)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PROVIDER_ADDRESS;
	o->paddr = (struct gw_provider_address){.pa = address(pa), .prefix_len = 24};
	snprintf(o->paddr.interface, IFNAMSIZ, "u0");
	return o;
}

/* As it is read from the store. */
static void put(struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;

	gw_intent_begin(env.intent);
	check(gw_intent_put(env.intent, o, &err) == 0, "%s", err.message);
	gw_intent_commit(env.intent);
}

static unsigned loads_at_start;

static int setup(void **state)
{
	(void)state;
	engine_begin();
	strcpy(env.config.external_interface, "out0");
	for (size_t i = 0; i < 4; i++)
		netns_veth(&env.ns, links[i]);
	put(port("e0", 1));
	put(port("e1", 2));
	loads_at_start = gw_programs_loads();
	return 0;
}

static void stop(void)
{
	env.driver = gw_engine_driver.close(env.driver);
	netns_drain(&env.ns);
}

static struct {
	unsigned loads;
	uint64_t writes;
	double ms;
} cost;

static void start(void)
{
	unsigned loads = gw_programs_loads();
	uint64_t writes = gw_nl_writes(), begin = uv_hrtime();

	engine_open();
	cost.ms = (double)(uv_hrtime() - begin) / 1e6;
	cost.loads = gw_programs_loads() - loads;
	cost.writes = gw_nl_writes() - writes;
}

/* 0: this kernel has no such link. */
static unsigned program_of(const char *name)
{
	unsigned ifindex = if_nametoindex(name), id = ifindex ? gw_tc_program((int)ifindex) : 0;

	check(!ifindex || id, "%s has no program", name);
	return id;
}

static unsigned count_links(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < GW_N(links); i++)
		n += if_nametoindex(links[i]) != 0;
	return n;
}

static void read_programs(unsigned ret[static GW_N(links)])
{
	for (size_t i = 0; i < GW_N(links); i++)
		ret[i] = program_of(links[i]);
}

/* What the programs' constants follow from, the [external] interface among it, is known before they are loaded. */
static void test_loaded_once(void **state)
{
	(void)state;
	put(provider("10.1.1.10"));
	start();
	assert_int_equal(cost.loads, 1);
	engine_sync();
	assert_int_equal(gw_programs_loads(), loads_at_start + 1);
}

static void test_restart_costs_nothing(void **state)
{
	unsigned before[GW_N(links)], after[GW_N(links)];
	uint64_t writes;

	(void)state;
	put(provider("10.1.1.10"));
	start();
	print_message("# started in %.0f ms", cost.ms);
	read_programs(before);
	for (int again = 0; again < 2; again++) {
		stop();
		start();
		assert_int_equal(cost.loads, 0);
		assert_int_equal(cost.writes, 0);
		read_programs(after);
		assert_memory_equal(after, before, sizeof after);
		writes = gw_nl_writes();
		engine_sync();
		assert_int_equal(gw_nl_writes(), writes); /* nor does looking once more */
		assert_false(env.want_sync);
	}
	print_message(", again in %.0f ms\n", cost.ms);
}

static int any_program(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, "%s/%s/programs/%s", env.config.bpf_dir, env.config.name, name);
	fd = bpf_obj_get(path);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* Another one than that of a port, where that should be. */
static void give_other_program(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int fd = any_program("gw_edge_in");

	check(gw_tc_attach((int)if_nametoindex("e0"), "e0", fd, true, &err) == 0, "%s", err.message);
	close(fd);
}

static void lose_filter(void)
{
	sh_ok("tc filter del dev e0 ingress");
}

static void lose_qdisc(void)
{
	sh_ok("tc qdisc del dev e0 clsact");
}

static void go_down(void)
{
	sh_ok("ip link set e1 down");
}

static void cut_in_one(void)
{
	sh_ok("ip link set gwdcut0 gso_max_segs 64");
}

static void make_address(void)
{
	sh_ok("ip addr add fe80::77/64 dev e1");
}

static void test_repairs_what_is_missing(void **state)
{
	static const struct {
		void (*lose)(void);
		uint64_t writes;
	} cases[] = {
		{lose_filter, 1},	 {lose_qdisc, 3}, /* to the filter alone the kernel says that there is no qdisc */
		{give_other_program, 1}, {go_down, 1},	  {cut_in_one, 1}, {make_address, 1},
	};
	unsigned before[GW_N(links)], after[GW_N(links)];

	(void)state;
	put(provider("10.1.1.10"));
	start();
	read_programs(before);
	for (size_t i = 0; i < GW_N(cases); i++) {
		stop();
		cases[i].lose();
		netns_drain(&env.ns);
		start();
		assert_int_equal(cost.loads, 0);
		check(cost.writes == cases[i].writes, "case %zu: %llu writes", i, (unsigned long long)cost.writes);
		read_programs(after);
		assert_memory_equal(after, before, sizeof after);
	}
}

/* All interfaces get the new programs, which the process after that takes over. */
static void expect_replaced(const unsigned *before)
{
	unsigned now[GW_N(links)], again[GW_N(links)];

	read_programs(now);
	for (size_t i = 0; i < GW_N(links); i++)
		check(!now[i] || now[i] != before[i], "%s has the former program", links[i]);
	stop();
	start();
	assert_int_equal(cost.loads, 0);
	assert_int_equal(cost.writes, 0);
	read_programs(again);
	assert_memory_equal(again, now, sizeof now);
}

static void test_other_configuration(void **state)
{
	unsigned before[GW_N(links)];

	(void)state;
	put(provider("10.1.1.10"));
	start();
	read_programs(before);
	stop();
	env.config.ttl++;
	start();
	assert_int_equal(cost.loads, 1);
	expect_replaced(before);
}

static void test_other_maps(void **state)
{
	unsigned before[GW_N(links)];

	(void)state;
	put(provider("10.1.1.10"));
	start();
	read_programs(before);
	stop();
	env.config.record_limit *= 2;
	start();
	assert_int_equal(cost.loads, 1);
	expect_replaced(before);
}

static void change(struct gw_hnv_object *o, bool comes)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;
	int r;

	gw_intent_begin(env.intent);
	r = comes ? gw_intent_put(env.intent, o, &err) : gw_intent_delete(env.intent, o, &err);
	check(r == 0, "%s", err.message);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
	if (!comes)
		gw_hnv_object_free(o);
}

static uint32_t lowest_pa(void)
{
	int fd = any_program("variables");
	uint32_t zero = 0, pa = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &pa), 0);
	close(fd);
	return ntohl(pa);
}

/* As on a node that has just been enrolled: no program is loaded for it. */
static void test_address_comes_later(void **state)
{
	unsigned before[GW_N(links)], after[GW_N(links)];

	(void)state;
	start();
	assert_int_equal(lowest_pa(), 0);
	change(provider("10.1.1.10"), true);
	assert_int_equal(lowest_pa(), 0x0a01010a);
	read_programs(before);
	change(provider("10.1.1.9"), true);
	assert_int_equal(lowest_pa(), 0x0a010109);
	change(provider("10.1.1.9"), false);
	assert_int_equal(lowest_pa(), 0x0a01010a);
	assert_int_equal(gw_programs_loads(), loads_at_start + 1);
	stop();
	start();
	assert_int_equal(cost.loads, 0);
	assert_int_equal(cost.writes, 0);
	assert_int_equal(lowest_pa(), 0x0a01010a);
	read_programs(after);
	assert_memory_equal(after, before, sizeof after);
}

/* Programs are loaded, and the process ends before an interface has them. */
static void test_ends_in_between(void **state)
{
	struct gw_driver_env e = {.loop = &env.ns.loop,
				  .config = &env.config,
				  .nl = env.ns.nl,
				  .intent = env.intent,
				  .want_sync = engine_on_want_sync,
				  .core = &env};
	struct gw_error err = GW_ERROR_INIT;
	unsigned before[GW_N(links)];

	(void)state;
	put(provider("10.1.1.10"));
	start();
	read_programs(before);
	stop();
	env.config.ttl++;
	check(gw_engine_driver.open(&e, &env.driver, &err) == 0, "%s", err.message);
	stop();
	start();
	assert_int_equal(cost.loads, 0);
	assert_int_equal(cost.writes, count_links());
	expect_replaced(before);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, setup, engine_end, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("GW-8: a start loads the programs once", test_loaded_once),
		T("GW-8: a restart loads and writes nothing", test_restart_costs_nothing),
		T("GW-8: of what is missing just that is written", test_repairs_what_is_missing),
		T("GW-8: another configuration", test_other_configuration),
		T("GW-8: other maps", test_other_maps),
		T("GW-8: another provider address", test_address_comes_later),
		T("GW-8: a start that does not come to its end", test_ends_in_between),
	};

	return run_group("start", tests, harness_setup_bare);
}
