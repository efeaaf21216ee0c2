/*
 * test_loader.c - programs and maps across restarts, crashes, changed limits, broken pins and new versions: GW-8 (a restart
 * or an upgrade loses neither state nor counters).
 *
 * Needs build/abi-next/tests/bpf/loader_helper (make build-abi-next), or its path in GWD_LOADER_HELPER.
 */
#include "harness.h"
#include "loader_steps.h"

#include "engine.skel.h"
#include "engine/programs.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every test works on a node of its own. */
static char node[32];

static int node_setup(void **state)
{
	static int n;

	snprintf(node, sizeof node, "node%d", n++);
	(void)state;
	return 0;
}

static struct gw_loader_config config(void)
{
	return step_config(world.bpf_dir, node);
}

static struct gw_loader *open_ok(const struct gw_loader_config *c)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_loader *l = NULL;

	check(gw_loader_open(c, &l, &err) == 0, "%s", err.message);
	return l;
}

static void commit_ok(struct gw_loader *l)
{
	struct gw_error err = GW_ERROR_INIT;

	check(gw_loader_commit(l, &err) == 0, "%s", err.message);
}

static struct step step_ok(const struct gw_loader_config *c, uint64_t n)
{
	struct gw_error err = GW_ERROR_INIT;
	struct step s;

	check(step(c, n, &s, &err) == 0, "%s", err.message);
	return s;
}

static void expect_counts(const struct step *s, uint64_t n)
{
	n *= (uint64_t)libbpf_num_possible_cpus();
	assert_int_equal(s->out, n);
	assert_int_equal(s->drop, n);
	assert_int_equal(s->tx_packets, n);
	assert_int_equal(s->drops, n);
	assert_int_equal(s->vsid_rx_bytes, n);
	assert_int_equal(s->port_drop, n);
}

static const char *path(const char *set, const char *name)
{
	static char buf[4][256];
	static int i;
	char *b = buf[i++ % 4];

	snprintf(b, sizeof buf[0], "%s/%s%s%s%s%s", world.bpf_dir, node, *set ? "/" : "", set, *name ? "/" : "", name);
	return b;
}

static unsigned files_in(const char *set)
{
	DIR *d = opendir(path(set, ""));
	unsigned n = 0;

	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

#define MAPS 43

static void expect_committed(void)
{
	assert_int_equal(files_in("maps"), MAPS);
	assert_int_equal(files_in("next"), 0);
	assert_int_equal(access(path("next", ""), F_OK), -1);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof info;

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static uint32_t records_id(const struct gw_loader *l)
{
	return map_id(bpf_map__fd(gw_loader_bpf(l)->maps.records));
}

/* --- restart -------------------------------------------------------------------------------------------------------------------- */

static void test_adopt(void **state)
{
	struct gw_loader_config c = config();
	struct gw_loader *l = open_ok(&c);
	struct gw_record_key key = {.vsid = 5001};
	struct gw_bpf_record record = {.vsid = 5001, .encap = 1}, found;
	uint32_t id = records_id(l);
	struct step s;

	(void)state;
	assert_false(gw_loader_adopted(l));
	commit_ok(l);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(gw_loader_bpf(l)->maps.records), &key, &record, BPF_ANY), 0);
	step_count(l, 5);
	step_own(l);
	gw_loader_close(l);
	for (int again = 0; again < 2; again++) {
		l = open_ok(&c);
		assert_true(gw_loader_adopted(l));
		assert_int_equal(records_id(l), id);
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(gw_loader_bpf(l)->maps.records), &key, &found), 0);
		assert_memory_equal(&found, &record, sizeof found);
		commit_ok(l);
		step_read(l, &s);
		assert_int_equal(s.slot, STEP_SLOT);
		expect_counts(&s, 5);
		gw_loader_close(l);
		expect_committed();
	}
}

/* Other parameters are no reason for new maps. */
static void test_other_params(void **state)
{
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_params params = c.params;
	struct gw_loader *l;
	uint32_t id;

	(void)state;
	step_ok(&c, 1);
	c.params.ttl = 9;
	l = open_ok(&c);
	assert_true(gw_loader_adopted(l));
	id = records_id(l);
	assert_int_equal(gw_loader_bpf(l)->rodata->params.ttl, 9);
	params.ttl = 10;
	assert_int_equal(gw_loader_reload(l, &params, &err), 0);
	assert_int_equal(gw_loader_bpf(l)->rodata->params.ttl, 10);
	assert_int_equal(records_id(l), id);
	gw_loader_close(l);
}

/* --- new sets ------------------------------------------------------------------------------------------------------------------- */

/* What the old programs count until the commit is not lost. */
static void test_other_limits(void **state)
{
	static const struct {
		size_t offset;
		unsigned value;
	} changes[] = {
		{offsetof(struct gw_loader_config, record_limit), 128},
		{offsetof(struct gw_loader_config, flow_limit), 256},
		{offsetof(struct gw_loader_config, port_limit), 16},
		{offsetof(struct gw_loader_config, route_limit), 99},
		{offsetof(struct gw_loader_config, provider_limit), 7},
		{offsetof(struct gw_loader_config, vrf_limit), 7},
		{offsetof(struct gw_loader_config, way_limit), 7},
		{offsetof(struct gw_loader_config, public_limit), 33},
		{offsetof(struct gw_loader_config, port_limit), 6},
	};
	struct gw_loader_config c = config();
	uint64_t counted = 0;

	(void)state;
	step_ok(&c, 3);
	counted = 3;
	for (size_t i = 0; i < GW_N(changes); i++) {
		struct gw_loader *old = open_ok(&c), *l;
		struct step s;

		assert_true(gw_loader_adopted(old));
		*(unsigned *)((char *)&c + changes[i].offset) = changes[i].value;
		l = open_ok(&c);
		assert_false(gw_loader_adopted(l));
		assert_int_equal(files_in("next"), MAPS);
		assert_int_equal(files_in("maps"), MAPS);
		step_count(old, 10); /* the old set still carries the traffic */
		step_count(l, 100);  /* and the new one some of it already */
		counted += 110;
		commit_ok(l);
		expect_committed();
		step_read(l, &s);
		assert_int_equal(s.slot, STEP_SLOT);
		expect_counts(&s, counted);
		step_count(old, 1000); /* too late: nothing may have changed by it */
		step_read(l, &s);
		expect_counts(&s, counted);
		commit_ok(l); /* a second one does nothing */
		step_read(l, &s);
		expect_counts(&s, counted);
		gw_loader_close(l);
		gw_loader_close(old);
	}
}

/* A crash before the commit leaves the set in use as it was, and the unfinished one goes. */
static void test_crash_before_commit(void **state)
{
	struct gw_loader_config c = config(), other;
	struct step s;

	(void)state;
	gw_loader_close(open_ok(&c));
	assert_int_equal(files_in("next"), MAPS);
	s = step_ok(&c, 7);
	assert_true(s.adopted); /* what the first start made before it ended serves */
	expect_committed();
	other = c;
	other.record_limit *= 2;
	gw_loader_close(open_ok(&other));
	assert_int_equal(files_in("next"), MAPS);
	s = step_ok(&c, 0);
	assert_true(s.adopted);
	expect_counts(&s, 7);
	expect_committed();
}

static void test_nodes(void **state)
{
	struct gw_loader_config a = config(), b = a;
	struct step s;

	(void)state;
	b.node = "other";
	step_ok(&a, 1);
	s = step_ok(&b, 2);
	assert_false(s.adopted);
	expect_counts(&s, 0);
	s = step_ok(&a, 0);
	expect_counts(&s, 1);
	s = step_ok(&b, 0);
	expect_counts(&s, 2);
}

/* --- broken pins ---------------------------------------------------------------------------------------------------------------- */

static void replace_pin(const char *name, enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t n)
{
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = type == BPF_MAP_TYPE_HASH ? BPF_F_NO_PREALLOC : 0);
	int fd = bpf_map_create(type, "broken", key, value, n, &opts);

	check(fd >= 0, "%s", strerror(-fd));
	assert_int_equal(unlink(path("maps", name)), 0);
	assert_int_equal(bpf_obj_pin(fd, path("maps", name)), 0);
	if (type == BPF_MAP_TYPE_HASH) {
		char *bytes = calloc(1, key + value);

		assert_int_equal(bpf_map_update_elem(fd, bytes, bytes + key, BPF_ANY), 0);
		free(bytes);
	}
	close(fd);
}

static void expect_fresh(void)
{
	struct gw_loader_config c = config();
	struct step s = step_ok(&c, 0);

	assert_false(s.adopted);
	expect_committed();
	s = step_ok(&c, 0);
	assert_true(s.adopted);
}

static void test_missing_pins(void **state)
{
	static const char *const names[] = {"abi", "records", "flows6", "slots", "drops", "port_stats"};
	struct gw_loader_config c = config();

	(void)state;
	for (size_t i = 0; i < GW_N(names); i++) {
		step_ok(&c, 1);
		assert_int_equal(unlink(path("maps", names[i])), 0);
		expect_fresh();
	}
}

static void test_wrong_pins(void **state)
{
	struct gw_loader_config c = config();
	uint32_t zero = 0;
	struct gw_bpf_abi abi = {.version = 999999};
	int fd;

	(void)state;
	step_ok(&c, 1);
	replace_pin("records", BPF_MAP_TYPE_ARRAY, 4, 28, 64);
	expect_fresh();
	replace_pin("records", BPF_MAP_TYPE_HASH, 20, 32, 64); /* other value size */
	expect_fresh();
	replace_pin("records", BPF_MAP_TYPE_HASH, 24, 28, 64); /* other key size */
	expect_fresh();
	replace_pin("abi", BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	expect_fresh();
	replace_pin("outcomes", BPF_MAP_TYPE_ARRAY, 4, 8, 2 * GW_OUT_SLOTS);
	expect_fresh();
	replace_pin("drops", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 4, 3);
	expect_fresh();
	replace_pin("port_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1);
	expect_fresh();
	fd = bpf_obj_get(path("maps", "abi"));
	assert_int_equal(bpf_map_update_elem(fd, &zero, &abi, BPF_ANY), 0);
	close(fd);
	expect_fresh();
}

static int in_child(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20); /* an endless loop is a failure too */
		f();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void open_once(void)
{
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct step s;

	if (step(&c, 0, &s, &err) < 0 || s.adopted)
		_exit(1);
}

/* Keys and values larger than the daemon expects must not land on its stack. In a child: it may not survive. */
static void test_huge_pins(void **state)
{
	static const char *const names[] = {"slots", "abi"};
	struct gw_loader_config c = config();

	(void)state;
	for (size_t i = 0; i < GW_N(names); i++) {
		int status;

		step_ok(&c, 1);
		replace_pin(names[i], i ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH, i ? 4 : 512, 60000, i ? 1 : 8);
		status = in_child(open_once);
		check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x", names[i], status);
	}
}

static void test_program_pinned(void **state)
{
	struct gw_loader_config c = config();
	struct gw_loader *l;

	(void)state;
	step_ok(&c, 1);
	l = open_ok(&c);
	assert_int_equal(unlink(path("maps", "macs")), 0);
	assert_int_equal(bpf_obj_pin(gw_loader_program(l, GW_HOOK_PORT), path("maps", "macs")), 0);
	gw_loader_close(l);
	expect_fresh();
}

/* --- programs --------------------------------------------------------------------------------------------------------------------- */

static void read_ids(const struct gw_loader *l, unsigned ret[static GW_HOOK_MAX])
{
	for (int h = 0; h < GW_HOOK_MAX; h++) {
		ret[h] = gw_loader_program_id(l, (enum gw_hook)h);
		assert_int_not_equal(ret[h], 0);
	}
}

/* Opens and commits; returns how often programs were loaded for it. */
static unsigned loads_for(const struct gw_loader_config *c, unsigned ret_ids[static GW_HOOK_MAX])
{
	unsigned before = gw_programs_loads();
	struct gw_loader *l = open_ok(c);

	commit_ok(l);
	read_ids(l, ret_ids);
	gw_loader_close(l);
	assert_int_equal(files_in("programs"), GW_HOOK_MAX + 2);
	return gw_programs_loads() - before;
}

static void test_programs_adopted(void **state)
{
	unsigned first[GW_HOOK_MAX], again[GW_HOOK_MAX];
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_params params = c.params;
	struct gw_loader *l;

	(void)state;
	assert_int_equal(loads_for(&c, first), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loads_for(&c, again), 0);
		assert_memory_equal(again, first, sizeof first);
	}
	/* What is loaded later is kept, too. */
	l = open_ok(&c);
	params.ttl++;
	check(gw_loader_reload(l, &params, &err) == 0, "%s", err.message);
	read_ids(l, first);
	gw_loader_close(l);
	for (int h = 0; h < GW_HOOK_MAX; h++)
		assert_int_not_equal(first[h], again[h]);
	c.params = params;
	assert_int_equal(loads_for(&c, again), 0);
	assert_memory_equal(again, first, sizeof first);
}

static uint32_t lowest_pa(void)
{
	int fd = bpf_obj_get(path("programs", "variables"));
	uint32_t zero = 0, pa = 0;

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &pa), 0);
	close(fd);
	return pa;
}

/* The lowest provider address is none of the programs' constants: whoever has loaded them, they are told. */
static void test_lowest_address(void **state)
{
	unsigned first[GW_HOOK_MAX], again[GW_HOOK_MAX];
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	unsigned loads = gw_programs_loads();
	struct gw_loader *l;

	(void)state;
	c.lowest_pa = 0x01010a0a;
	for (uint32_t i = 0; i < 3; i++) {
		l = open_ok(&c);
		commit_ok(l);
		read_ids(l, i ? again : first);
		assert_int_equal(lowest_pa(), c.lowest_pa);
		check(gw_loader_set_lowest_pa(l, 0x02010a0a + i, &err) == 0, "%s", err.message);
		assert_int_equal(lowest_pa(), 0x02010a0a + i);
		gw_loader_close(l);
		c.lowest_pa += i;
	}
	assert_memory_equal(again, first, sizeof first);
	assert_int_equal(gw_programs_loads(), loads + 1);
	/* Those that are loaded anew have it from the start. */
	l = open_ok(&c);
	check(gw_loader_set_lowest_pa(l, 0x0a0a0a0a, &err) == 0, "%s", err.message);
	c.params.ttl++;
	check(gw_loader_reload(l, &c.params, &err) == 0, "%s", err.message);
	assert_int_equal(gw_programs_loads(), loads + 2);
	assert_int_equal(lowest_pa(), 0x0a0a0a0a);
	check(gw_loader_set_lowest_pa(l, 0, &err) == 0, "%s", err.message);
	assert_int_equal(lowest_pa(), 0);
	gw_loader_close(l);
}

static void unlink_program(struct gw_loader_config *c)
{
	(void)c;
	assert_int_equal(unlink(path("programs", "gw_whole_in")), 0);
}

static void unlink_constants(struct gw_loader_config *c)
{
	(void)c;
	assert_int_equal(unlink(path("programs", "constants")), 0);
}

static void unlink_variables(struct gw_loader_config *c)
{
	(void)c;
	assert_int_equal(unlink(path("programs", "variables")), 0);
}

static void swap_programs(struct gw_loader_config *c)
{
	int port = bpf_obj_get(path("programs", "gw_port_in")), edge = bpf_obj_get(path("programs", "gw_edge_in"));

	(void)c;
	assert_int_equal(unlink(path("programs", "gw_port_in")) | unlink(path("programs", "gw_edge_in")), 0);
	assert_int_equal(bpf_obj_pin(edge, path("programs", "gw_port_in")), 0);
	assert_int_equal(bpf_obj_pin(port, path("programs", "gw_edge_in")), 0);
	close(port);
	close(edge);
}

static void pin_map_as_program(struct gw_loader_config *c)
{
	int fd = bpf_obj_get(path("maps", "records"));

	(void)c;
	assert_int_equal(unlink(path("programs", "gw_port_in")), 0);
	assert_int_equal(bpf_obj_pin(fd, path("programs", "gw_port_in")), 0);
	close(fd);
}

/* As programs of another build would have them, and the same once more, of which those that are there know nothing. */
static void replace_constants(uint32_t change)
{
	int fd = bpf_obj_get(path("programs", "constants")), other;
	struct bpf_map_info info = {0};
	uint32_t len = sizeof info, zero = 0;
	struct gw_params *params;

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	params = calloc(1, info.value_size);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, params), 0);
	assert_true(params->build[0] && params->build[1]);
	params->build[1] ^= change;
	other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", sizeof zero, info.value_size, 1, NULL);
	assert_int_equal(bpf_map_update_elem(other, &zero, params, BPF_ANY), 0);
	assert_int_equal(unlink(path("programs", "constants")), 0);
	assert_int_equal(bpf_obj_pin(other, path("programs", "constants")), 0);
	free(params);
	close(fd);
	close(other);
}

static void of_other_build(struct gw_loader_config *c)
{
	(void)c;
	replace_constants(1);
}

static void with_other_constants(struct gw_loader_config *c)
{
	(void)c;
	replace_constants(0);
}

static void with_other_params(struct gw_loader_config *c)
{
	c->params.mark++;
}

static void with_other_maps(struct gw_loader_config *c)
{
	c->flow_limit *= 2;
}

static void without_a_map(struct gw_loader_config *c)
{
	(void)c;
	assert_int_equal(unlink(path("maps", "peers")), 0);
}

static void test_programs_of_another(void **state)
{
	static void (*const changes[])(struct gw_loader_config * c) = {
		unlink_program, unlink_variables,     unlink_constants,	 swap_programs,	  pin_map_as_program,
		of_other_build, with_other_constants, with_other_params, with_other_maps, without_a_map,
	};
	unsigned before[GW_HOOK_MAX], after[GW_HOOK_MAX];
	struct gw_loader_config c = config();

	(void)state;
	loads_for(&c, before);
	for (size_t i = 0; i < GW_N(changes); i++) {
		changes[i](&c);
		check(loads_for(&c, after) == 1, "change %zu is not seen", i);
		for (int h = 0; h < GW_HOOK_MAX; h++)
			check(after[h] != before[h], "change %zu: hook %d has the former program", i, h);
		check(loads_for(&c, before) == 0, "change %zu: loaded once more", i);
	}
}

/* --- where ------------------------------------------------------------------------------------------------------------------------ */

static void test_not_bpffs(void **state)
{
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_loader *l = NULL;

	(void)state;
	c.bpf_dir = "/tmp/gwd-not-there/deeper";
	assert_int_equal(gw_loader_open(&c, &l, &err), -EINVAL);
	assert_null(l);
	assert_string_equal(err.target, "bpf_dir");
	assert_non_null(strstr(err.message, "/tmp/gwd-not-there/deeper is not on a bpf file system"));
	assert_non_null(strstr(err.message, "mount -t bpf bpf /tmp"));
	assert_int_equal(access("/tmp/gwd-not-there", F_OK), -1);
}

static void test_deep_dir(void **state)
{
	struct gw_loader_config c = config();
	char deep[200];
	struct step s;

	(void)state;
	snprintf(deep, sizeof deep, "%s/a/b/c", world.bpf_dir);
	c.bpf_dir = deep;
	s = step_ok(&c, 4);
	assert_false(s.adopted);
	s = step_ok(&c, 0);
	assert_true(s.adopted);
	expect_counts(&s, 4);
}

static void test_long_dir(void **state)
{
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_loader *l = NULL;
	char name[400];

	(void)state;
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	c.node = name;
	assert_int_equal(gw_loader_open(&c, &l, &err), -ENAMETOOLONG);
	assert_null(l);
}

static void open_as_nobody(void)
{
	struct gw_loader_config c = config();
	struct gw_error err = GW_ERROR_INIT;
	struct gw_loader *l = NULL;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		_exit(2);
	if (gw_loader_open(&c, &l, &err) >= 0 || l || err.code != GW_ERR_CAPABILITY ||
	    !strstr(err.message, world.bpf_dir))
		_exit(3);
}

static void test_no_privilege(void **state)
{
	int status;

	(void)state;
	status = in_child(open_as_nobody);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

/* --- another layout --------------------------------------------------------------------------------------------------------------- */

static struct step other_version(uint64_t n)
{
	const char *helper = getenv("GWD_LOADER_HELPER");
	char command[512];
	struct step s;
	int version, fields;
	FILE *f;

	helper = helper ? helper : "build/abi-next/tests/bpf/loader_helper";
	check(access(helper, X_OK) == 0, "%s is not there; make build-abi-next", helper);
	snprintf(command, sizeof command, "exec %s %s %s %" PRIu64, helper, world.bpf_dir, node, n);
	f = popen(command, "r");
	assert_non_null(f);
	fields = fscanf(f, "%d %d %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
			&version, &s.adopted, &s.slot, &s.out, &s.drop, &s.tx_packets, &s.drops, &s.vsid_rx_bytes,
			&s.port_drop);
	assert_int_equal(pclose(f), 0);
	assert_int_equal(fields, 9);
	assert_int_not_equal(version, GW_ABI_VERSION);
	return s;
}

static void test_versions(void **state)
{
	struct gw_loader_config c = config();
	uint64_t counted = 0;
	struct step s;

	(void)state;
	step_ok(&c, 1);
	counted = 1;
	for (uint64_t round = 0; round < 3; round++) {
		s = other_version(10);
		assert_false(s.adopted);
		assert_int_equal(s.slot, STEP_SLOT);
		expect_counts(&s, counted);
		counted += 10;
		s = other_version(0); /* its own restart */
		assert_true(s.adopted);
		expect_counts(&s, counted);
		s = step_ok(&c, 100);
		assert_false(s.adopted);
		assert_int_equal(s.slot, STEP_SLOT);
		expect_counts(&s, counted);
		counted += 100;
		expect_committed();
	}
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, node_setup, NULL, NULL                                                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("GW-8: a restart adopts maps, slots and counters", test_adopt),
		T("GW-8: other parameters keep the maps", test_other_params),
		T("GW-8: other limits, nothing counted is lost", test_other_limits),
		T("GW-8: crash before the commit", test_crash_before_commit),
		T("GW-8: two nodes", test_nodes),
		T("GW-8: missing pins", test_missing_pins),
		T("GW-8: pins of another layout", test_wrong_pins),
		T("GW-8: pins with huge keys and values", test_huge_pins),
		T("GW-8: a program pinned as a map", test_program_pinned),
		T("GW-8: programs are adopted", test_programs_adopted),
		T("GW-8: the lowest provider address comes and goes", test_lowest_address),
		T("GW-8: programs that are not what would be loaded", test_programs_of_another),
		T("GW-8: not a bpf file system", test_not_bpffs),
		T("GW-8: directories are made", test_deep_dir),
		T("GW-8: name too long", test_long_dir),
		T("GW-8: without privileges", test_no_privilege),
		T("GW-8: another map layout and back", test_versions),
	};

	return run_group("loader", tests, harness_setup_bare);
}
