/*
 * test_engine.c - the engine as a driver: after any sequence of changes the pinned maps hold just what the intent and the
 * interfaces say. API-1 (all or nothing), API-2, FWD-3, FWD-7, ENC-10, GW-8.
 *
 * The oracle reads the intent record by record and knows nothing of
 * the engine's indexes and deltas. GWD_SEED repeats or varies a run.
 */
#include "engine_fixture.h"
#include "oracle.h"

#include "base/log.h"
#include "engine.skel.h"
#include "engine/tc.h"

#include <arpa/inet.h>
#include <stdio.h>

#define ROUNDS	 300
#define N_PORTS	 6
#define N_UNDERS 2

static const char *const port_names[N_PORTS] = {"e0", "e1", "e2", "e3", "e4", "e5"};
static const char *const under_names[N_UNDERS] = {"u0", "u1"};
static const char *const own_pas[] = {"10.1.1.10", "10.1.1.11", "10.1.2.10"};
static const char *const pas[] = {"10.1.1.10", "10.1.1.11", "10.1.1.20", "10.1.1.30", "10.1.2.40", "169.254.1.1"};
static const char *const cas[] = {
	"192.168.1.11", "192.168.1.12", "192.168.1.13", "fd00::11", "fd00::12", "0.0.0.0", "::"};
static const char *const rdids[] = {"11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"};
static const char *const prefixes[] = {"192.168.1.11/32", "192.168.1.10/31", "192.168.1.0/24", "192.168.0.0/16",
				       "192.168.1.0/25",  "192.168.2.0/25",  "fd00::/64",      "::/0",
				       "0.0.0.0/0"};

#define PICK(list) ((list)[rnd_below(GW_N(list))])

static int setup(void **state)
{
	(void)state;
	engine_begin();
	for (int i = 0; i < N_PORTS; i++)
		netns_veth(&env.ns, port_names[i]);
	for (int i = 0; i < N_UNDERS; i++)
		netns_veth(&env.ns, under_names[i]);
	engine_open();
	return 0;
}

/* --- random records ------------------------------------------------------------------------------------------------------ */

static struct gw_mac mac(void)
{
	return (struct gw_mac){{0x00, 0x15, 0x5d, 0, 0, (uint8_t)(1 + rnd_below(5))}};
}

static uint32_t vsid(void)
{
	return 5001 + rnd_below(5);
}

static struct gw_hnv_object *any_record(void)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);
	const char *ca = PICK(cas);

	o->kind = GW_HNV_LOOKUP_RECORD;
	o->record = (struct gw_lookup_record){
		.vsid = vsid(),
		.ca = address(ca),
		.pa = address(PICK(pas)),
		.mac = mac(),
		.encap = (uint8_t)rnd_below(2),
	};
	o->record.type = gw_addr_is_any(&o->record.ca) ? GW_RECORD_WILDCARD : (uint8_t)rnd_below(3);
	return o;
}

static struct gw_hnv_object *any_object(void)
{
	struct gw_hnv_object *o;
	uint32_t kind = rnd_below(10);

	if (kind < 4)
		return any_record();
	o = calloc(1, sizeof *o);
	if (kind < 6) {
		o->kind = GW_HNV_PORT;
		o->port = (struct gw_port){.mac = mac(), .vsid = vsid(), .forwards = rnd_below(3) == 0};
		snprintf(o->port.interface, IFNAMSIZ, "%s", PICK(port_names));
	} else if (kind < 8) {
		o->kind = GW_HNV_CUSTOMER_ROUTE;
		o->croute.vsid = vsid();
		o->croute.metric = rnd_below(3);
		gw_uuid_parse(PICK(rdids), &o->croute.rdid);
		gw_prefix_parse(PICK(prefixes), &o->croute.prefix);
		o->croute.next_hop =
			address(gw_addr_is_v4(&o->croute.prefix.addr) ? rnd_below(3) ? "0.0.0.0" : "192.168.1.1"
				: rnd_below(3)			      ? "::"
								      : "fd00::1");
	} else if (kind < 9) {
		o->kind = GW_HNV_PROVIDER_ADDRESS;
		o->paddr = (struct gw_provider_address){.pa = address(PICK(own_pas)), .prefix_len = 24};
		snprintf(o->paddr.interface, IFNAMSIZ, "%s", PICK(under_names));
	} else {
		o->kind = GW_HNV_PROVIDER_ROUTE;
		gw_prefix_parse(rnd_below(2) ? "10.1.1.128/25" : "0.0.0.0/0", &o->proute.prefix);
		o->proute.next_hop = address("10.1.1.1");
		snprintf(o->proute.interface, IFNAMSIZ, "%s", PICK(under_names));
	}
	return o;
}

/* The key of something that is there, so that deletes and replacements happen. */
static struct gw_hnv_object *any_present(void)
{
	enum gw_hnv_kind kind = (enum gw_hnv_kind)rnd_below(GW_HNV_KIND_MAX);
	size_t n = gw_intent_count(env.intent, kind);
	const struct gw_hnv_object *o = NULL;

	if (n == 0)
		return NULL;
	for (size_t i = 1 + rnd_below((uint32_t)n); i; i--)
		o = gw_intent_next(env.intent, kind, o);
	return gw_hnv_object_copy(o);
}

static void one_change(void)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_hnv_object *o;

	if (rnd_below(5) < 2) {
		o = any_present();
		if (o)
			gw_intent_delete(env.intent, o, &err);
		gw_hnv_object_free(o);
		return;
	}
	o = rnd_below(4) ? NULL : any_present();
	if (o && o->kind == GW_HNV_LOOKUP_RECORD && !gw_hnv_record_is_router(&o->record)) {
		o->record.mac = mac(); /* a record that moves */
		o->record.pa = address(pas[rnd_below(GW_N(pas) - 1)]);
	} else if (o && o->kind == GW_HNV_PORT) {
		o->port.vsid = vsid();
	} else {
		gw_hnv_object_free(o);
		o = any_object();
	}
	if (gw_intent_put(env.intent, o, &err) < 0)
		gw_hnv_object_free(o); /* conflicts are refused */
}

/* --- tests -------------------------------------------------------------------------------------------------------------------- */

static const char *any_interface(void)
{
	return rnd_below(3) ? PICK(port_names) : PICK(under_names);
}

static void interface_event(bool mended)
{
	const char *name = any_interface();

	if (if_nametoindex(name) && rnd_below(2))
		sh_ok("ip link delete %s", name);
	else if (if_nametoindex(name))
		sh_ok("ip link set %s mtu %u", name, 1400 + rnd_below(4) * 50);
	else
		netns_veth(&env.ns, name);
	netns_drain(&env.ns);
	if (mended && env.want_sync)
		engine_sync();
}

static void compare(const char *after, unsigned round)
{
	char what[64];

	snprintf(what, sizeof what, "round %u, after %s", round, after);
	oracle_compare(env.intent, env.ns.nl, &env.config, what);
}

static void while_away(void)
{
	if (rnd_below(2) && if_nametoindex("e0"))
		sh_ok("ip link delete e0");
}

static void test_property(void **state)
{
	(void)state;
	engine_walk(&(struct engine_walk){.rounds = ROUNDS,
					  .event_every = 8,
					  .restart_every = 40,
					  .one_change = one_change,
					  .interface_event = interface_event,
					  .while_away = while_away,
					  .compare = compare});
}

static struct gw_hnv_object *port(const char *name, uint32_t v, uint8_t last)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PORT;
	o->port = (struct gw_port){.mac = {{0, 0x15, 0x5d, 0, 0, last}}, .vsid = v};
	snprintf(o->port.interface, IFNAMSIZ, "%s", name);
	return o;
}

static struct gw_hnv_object *route(uint32_t v, const char *next_hop)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_CUSTOMER_ROUTE;
	o->croute = (struct gw_customer_route){.vsid = v, .next_hop = address(next_hop)};
	gw_uuid_parse(rdids[0], &o->croute.rdid);
	gw_prefix_parse("192.168.1.0/24", &o->croute.prefix);
	return o;
}

static void put(struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	check(gw_intent_put(env.intent, o, &err) == 0, "%s", err.message);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
}

static void delete (struct gw_hnv_object *o)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	gw_intent_begin(env.intent);
	assert_int_equal(gw_intent_delete(env.intent, o, &err), 0);
	delta = gw_intent_delta(env.intent);
	engine_apply(delta.changes, delta.n);
	gw_intent_commit(env.intent);
	gw_hnv_object_free(o);
}

/* A VSID leaves its routing domain together with its last record: the node that it named is no peer of the others. */
static void test_last_record_and_route(void **state)
{
	struct gw_hnv_object *record = calloc(1, sizeof *record), *leaves = route(5002, "0.0.0.0");
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;
	struct engine_plan plan;

	(void)state;
	record->kind = GW_HNV_LOOKUP_RECORD;
	record->record = (struct gw_lookup_record){.vsid = 5002,
						   .ca = address("192.168.1.11"),
						   .pa = address("10.1.1.20"),
						   .mac = {{0, 0x15, 0x5d, 0, 0, 1}}};
	put(route(5001, "0.0.0.0"));
	put(gw_hnv_object_copy(leaves));
	put(gw_hnv_object_copy(record));
	put(port("e0", 5001, 2));
	compare("the set-up", 0);
	gw_intent_begin(env.intent);
	assert_int_equal(gw_intent_delete(env.intent, record, &err), 0);
	assert_int_equal(gw_intent_delete(env.intent, leaves, &err), 0);
	delta = gw_intent_delta(env.intent);
	plan = engine_plan_of(&delta);
	engine_apply(plan.changes, plan.n);
	gw_intent_commit(env.intent);
	gw_hnv_object_free(record);
	gw_hnv_object_free(leaves);
	compare("the removal", 0);
}

/* Two routes to one prefix, on-link and by a next hop: the subnet's router stays known whichever comes and goes. */
static void test_two_routes(void **state)
{
	(void)state;
	put(route(5001, "0.0.0.0"));
	put(route(5001, "192.168.1.1"));
	compare("a second route", 0);
	delete (route(5001, "192.168.1.1"));
	compare("its removal", 0);
}

static json_int_t tx_of(const char *name)
{
	struct gw_hnv_object *o = port(name, 0, 1);
	json_t *j = json_object();
	json_int_t n;

	gw_engine_driver.describe(env.driver, o, j);
	n = json_integer_value(json_object_get(json_object_get(j, "counters"), "txPackets"));
	json_decref(j);
	gw_hnv_object_free(o);
	return n;
}

/* A port that is new after an upgrade starts from zero, whoever had its slot before; the others keep what they counted. */
static void test_counters_of_new_ports(void **state)
{
	(void)state;
	put(port("e0", 5001, 1));
	put(port("e1", 5001, 2));
	oracle_count(world.bpf_dir, env.config.name, if_nametoindex("e0"), 11);
	oracle_count(world.bpf_dir, env.config.name, if_nametoindex("e1"), 22);
	assert_int_equal(tx_of("e0"), 11);
	assert_int_equal(tx_of("e1"), 22);
	delete (port("e1", 5001, 2));
	env.driver = gw_engine_driver.close(env.driver);
	env.config.record_limit *= 2; /* new maps */
	gw_intent_begin(env.intent);
	assert_int_equal(gw_intent_put(env.intent, port("e2", 5001, 3), NULL), 0);
	gw_intent_commit(env.intent);
	engine_open();
	assert_int_equal(tx_of("e0"), 11);
	assert_int_equal(tx_of("e2"), 0);
	compare("an upgrade", 0);
}

static unsigned program_of(const char *name)
{
	unsigned id = gw_tc_program((int)if_nametoindex(name));

	check(id != 0, "%s has no program", name);
	return id;
}

static struct gw_hnv_object *own(const char *pa, const char *interface)
{
	struct gw_hnv_object *o = calloc(1, sizeof *o);

	o->kind = GW_HNV_PROVIDER_ADDRESS;
	o->paddr = (struct gw_provider_address){.pa = address(pa), .prefix_len = 24};
	snprintf(o->paddr.interface, IFNAMSIZ, "%s", interface);
	return o;
}

static void parts_until_programs_are_loaded(void)
{
	do
		assert_true(engine_sync_part());
	while (!env.driver->reload);
}

/* The kernel looks at programs for long: nobody waits for it who has not asked for others, and what is changed meanwhile is in force. */
static void test_programs_are_loaded_meanwhile(void **state)
{
	unsigned before, mtu;

	(void)state;
	put(own("10.1.1.10", "u0"));
	compare("a first address", 0);
	before = program_of("u0");
	mtu = env.driver->params.inner_mtu[GW_ABI_VXLAN];
	sh_ok("ip link set u0 mtu 1400");
	netns_drain(&env.ns);
	assert_true(env.want_sync);
	parts_until_programs_are_loaded();
	put(port("e0", 5001, 1));
	compare("a change while programs are loaded", 0);
	assert_int_not_equal(program_of("e0"), 0);
	assert_int_equal(env.driver->params.inner_mtu[GW_ABI_VXLAN], mtu);
	engine_sync();
	assert_null(env.driver->reload);
	assert_int_equal(env.driver->params.inner_mtu[GW_ABI_VXLAN], mtu - 100);
	assert_int_not_equal(program_of("u0"), before);
	assert_int_equal(program_of("u0"), gw_loader_program_id(env.driver->loader, GW_HOOK_UNDERLAY));
	assert_int_equal(program_of("e0"), gw_loader_program_id(env.driver->loader, GW_HOOK_PORT));
	/* What is wanted by the time they are there is something else again; and another address is the lowest. */
	sh_ok("ip link set u0 mtu 1300");
	netns_drain(&env.ns);
	parts_until_programs_are_loaded();
	put(own("10.1.1.5", "u0"));
	assert_int_equal(gw_loader_bpf(env.driver->loader)->data->lowest_pa, inet_addr("10.1.1.5"));
	sh_ok("ip link set u0 mtu 1500");
	netns_drain(&env.ns);
	engine_sync();
	assert_int_equal(gw_loader_bpf(env.driver->loader)->data->lowest_pa, inet_addr("10.1.1.5"));
	while (env.want_sync)
		engine_sync();
	compare("an interface that has changed twice", 0);
	assert_int_equal(env.driver->params.inner_mtu[GW_ABI_VXLAN], mtu);
	assert_int_equal(program_of("u0"), gw_loader_program_id(env.driver->loader, GW_HOOK_UNDERLAY));
	/* What a change asks for itself is in force when it is answered. */
	sh_ok("ip link set u1 mtu 1200");
	netns_drain(&env.ns);
	before = program_of("e0");
	put(own("10.1.2.10", "u1"));
	assert_int_equal(env.driver->params.inner_mtu[GW_ABI_VXLAN], mtu - 300);
	assert_int_not_equal(program_of("e0"), before);
	/* The engine ends while they are loaded. */
	sh_ok("ip link set u0 mtu 1100");
	netns_drain(&env.ns);
	parts_until_programs_are_loaded();
}

static void test_missing_interface(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_delta delta;

	(void)state;
	gw_intent_begin(env.intent);
	assert_int_equal(gw_intent_put(env.intent, port("nosuch", 5001, 1), &err), 0);
	delta = gw_intent_delta(env.intent);
	assert_int_equal((gw_engine_driver.check)(env.driver, env.intent, &delta, &err), -EINVAL);
	assert_string_equal(err.target, "properties.Interface");
	assert_non_null(strstr(err.message, "nosuch"));
	gw_intent_rollback(env.intent);
	compare("a refusal", 0);
}

#define T(name, f)                                                                                                     \
	{                                                                                                              \
		name, f, setup, engine_end, NULL                                                                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T("API-1 API-2 FWD-7 ENC-10 GW-8: the maps are what the intent says", test_property),
		T("ENC-10: a VSID's last record and route go at once", test_last_record_and_route),
		T("MTU-1: two customer routes to one prefix", test_two_routes),
		T("GW-8: a new port starts from zero after an upgrade", test_counters_of_new_ports),
		T("API-1: a port on an interface that is not there is refused", test_missing_interface),
		T("GW-9: programs are loaded while all else goes on", test_programs_are_loaded_meanwhile),
	};

	return run_group("engine driver", tests, harness_setup_bare);
}
