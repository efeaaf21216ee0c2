/*
 * trace_fixture.h - a packet both traced and run through the very program that the driver has attached, in a namespace where nobody
 * else sends: what counted it tells what became of it. For the tests that hold the trace against the engine.
 */
#ifndef GW_TESTS_BPF_TRACE_FIXTURE_H
#define GW_TESTS_BPF_TRACE_FIXTURE_H

#include "engine_fixture.h"

#include "engine/reasons.h"
#include "engine/tc.h"

#include <bpf/libbpf.h>
#include <jansson.h>
#include <unistd.h>

#define MAX_CPUS 256

#define PICK(list) ((list)[rnd_below(GW_N(list))])

/* Descriptors of pinned maps. */
static struct {
	int outcomes, drops, slots;
} counted;

static inline int pinned(const char *name)
{
	char path[400];
	int fd;

	snprintf(path, sizeof path, "%s/%s/maps/%s", env.config.bpf_dir, env.config.name, name);
	fd = bpf_obj_get(path);
	check(fd >= 0, "%s: %s", path, strerror(-fd));
	return fd;
}

/* Before the interfaces are made: no packet but the test's own is counted. */
static inline void trace_silence(void)
{
	sh_ok("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1");
}

/* With the engine open. */
static inline void trace_begin(void)
{
	counted.outcomes = pinned("outcomes");
	counted.drops = pinned("drops");
	counted.slots = pinned("slots");
}

static inline int trace_end(void **state)
{
	if (env.driver) {
		close(counted.outcomes);
		close(counted.drops);
		close(counted.slots);
	}
	return engine_end(state);
}

static inline void sums(int fd, unsigned n, uint64_t *ret)
{
	uint64_t cells[MAX_CPUS];

	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, cells), 0);
		ret[i] = 0;
		for (unsigned c = 0; c < (unsigned)libbpf_num_possible_cpus(); c++)
			ret[i] += cells[c];
	}
}

/* Packets that `stats` has for the owner of a slot as received. */
static inline uint64_t received(int stats, enum gw_slot_kind kind, uint32_t id)
{
	struct gw_bpf_counters cells[MAX_CPUS];
	struct gw_slot_key key = {.kind = kind, .id = id};
	uint64_t n = 0;
	uint32_t slot;

	assert_int_equal(bpf_map_lookup_elem(counted.slots, &key, &slot), 0);
	assert_int_equal(bpf_map_lookup_elem(stats, &slot, cells), 0);
	for (unsigned c = 0; c < (unsigned)libbpf_num_possible_cpus(); c++)
		n += cells[c].rx_packets;
	return n;
}

static inline int moved(const uint64_t *before, const uint64_t *after, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (before[i] != after[i])
			return (int)i;
	return -1;
}

/* The program that the interface has. */
static inline int program_on(const char *interface)
{
	int fd = bpf_prog_get_fd_by_id(gw_tc_program((int)if_nametoindex(interface)));

	check(fd >= 0, "%s has no program", interface);
	return fd;
}

static inline struct run run_on(int program, const char *interface, struct pkt *k)
{
	static uint64_t out[2][GW_OUT_MAX], drop[2][GW_DROP_MAX];
	struct __sk_buff ctx = {.ifindex = if_nametoindex(interface)};
	struct run r = {0};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = k->b, .data_size_in = (uint32_t)k->len, .data_out = r.b,
			    .data_size_out = sizeof r.b, .ctx_in = &ctx, .ctx_size_in = sizeof ctx);

	sums(counted.outcomes, GW_OUT_MAX, out[0]);
	sums(counted.drops, GW_DROP_MAX, drop[0]);
	check(bpf_prog_test_run_opts(program, &opts) == 0, "TEST_RUN: %s", strerror(errno));
	sums(counted.outcomes, GW_OUT_MAX, out[1]);
	sums(counted.drops, GW_DROP_MAX, drop[1]);
	r.verdict = (int)opts.retval;
	r.len = opts.data_size_out;
	r.outcome = moved(out[0], out[1], GW_OUT_MAX);
	r.drop = moved(drop[0], drop[1], GW_DROP_MAX);
	return r;
}

/* Eats the query. */
static inline json_t *trace_of(json_t *query)
{
	struct gw_error err = GW_ERROR_INIT;
	json_t *answer = NULL;

	check(gw_engine_driver.trace(env.driver, env.intent, query, &answer, &err) == 0, "%s", err.message);
	json_decref(query);
	return answer;
}

static inline const char *text_of(const json_t *a, const char *key)
{
	const char *s = json_string_value(json_object_get(a, key));

	return s ? s : "";
}

static inline const char *name_of(const struct run *r)
{
	return r->drop >= 0	 ? gw_drop_reasons[r->drop].name
	       : r->outcome >= 0 ? gw_outcomes[r->outcome].name
				 : "nothing";
}

#endif
