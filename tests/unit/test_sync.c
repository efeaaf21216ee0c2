/* test_sync.c - API-2: what a controller tells a node is so, as far as it can be, and the controller is told what could not. */
#include "sync_world.h"

#include "test.h"

static void test_API_2_full_state_of_two_pages(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1", "5001-10.0.0.2"};
	struct world w;
	json_t *report;

	begin(&w, state, "");
	assert_string_equal(w.b.service.manager + strlen(w.b.service.manager) - 15, "controller.sock");
	says(&w, "{" E1 ",'full':true,'more':'a/b=','changes':[" RECORD("1", "1") "," PORT("tap0", "AA") "]}");
	says(&w, "{" E1 ",'revision':7,'full':true,'changes':[" RECORD("2", "1") "]}");
	settle(&w);
	agree(&w.b, 3, ids);
	assert_int_equal(stored(&w), 1); /* in one */
	assert_string_equal(w.controller.asked[0], STATE "?since=0&wait=0");
	assert_string_equal(w.controller.asked[1], STATE "?since=0&epoch=00000000000000e1&wait=0&more=a%2Fb%3D");
	assert_string_equal(w.controller.asked[2], STATE "?since=7&epoch=00000000000000e1&wait=50");
	report = reported(&w, 7, 0);
	assert_string_equal(w.controller.report_target, "/networking/v1/servers/h1/status");
	assert_string_equal(text(report, "epoch"), "00000000000000e1");
	assert_string_equal(text(report, "state"), "Synced");
	assert_string_equal(text(report, "version"), GW_VERSION);
	assert_string_equal(text(report, "message"), "");
	assert_int_equal(json_array_size(json_object_get(report, "failures")), 0);
	assert_non_null(json_object_get(json_object_get(report, "statistics"), "objects"));
	end(&w);
}

static void test_API_2_changes(void **state)
{
	static const char *const before[] = {"tap0", "5001-10.0.0.1", "5001-10.0.0.2"},
				 *const ids[] = {"5001-10.0.0.2"}, *const after[] = {"tap1", "5001-10.0.0.4"};
	struct world w;

	begin(&w, state, "");
	says(&w, ALL(RECORD("1", "1") "," RECORD("2", "1") "," PORT("tap0", "AA")));
	settle(&w);
	agree(&w.b, 3, before);
	/* A later one of the same key counts; what is not there may be deleted. */
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[" RECORD("3", "1") "," RECORD(
			 "2", "3") ","
				   "{'delete':'/hnv/ports/tap0'},{'delete':'/hnv/lookupRecords/5001-10.0.0.3'},"
				   "{'delete':'/hnv/lookupRecords/5001-10.0.0.1'},{'delete':'/hnv/lookupRecords/"
				   "5001-10.0.0.9'}]}");
	settle(&w);
	agree(&w.b, 1, ids);
	assert_int_equal(gw_intent_next(w.b.service.intent, GW_HNV_LOOKUP_RECORD, NULL)->record.pa.b[15], 3);
	/* All of a subnet but what comes after that. */
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" RECORD("5", "1") ",{'forget':5001}," RECORD(
			 "4", "1") "," PORT("tap1", "AB") "]}");
	settle(&w);
	agree(&w.b, 2, after);
	assert_string_equal(w.controller.asked[3], STATE "?since=9&epoch=00000000000000e1&wait=50");
	/* Nothing, but further. */
	says(&w, "{" E1 ",'revision':11,'full':false,'changes':[]}");
	settle(&w);
	reported(&w, 11, 0);
	assert_int_equal(stored(&w), 3);
	end(&w);
}

#define RDID(n) "11111111-2222-3333-4444-00000000000" n
#define VRF(n, vsid)                                                                                                   \
	"{'put':'/hnv/virtualGateways/" RDID(n) "','properties':{'VirtualSubnetID':" vsid                              \
						",'MACAddress':'02000000000" n                                         \
						"','CustomerAddress':'10.1.0.2','PrefixLength':29}}"
#define PUBLIC(id, count, n)                                                                                           \
	"{'put':'/hnv/publicAddresses/203.0.113." id "','properties':{'PortCount':" count                              \
	",'RoutingDomainID':'" RDID(n) "'}}"
#define NAT(n, address, inside)                                                                                        \
	"{'put':'/hnv/natRules/" RDID(n) "-Outbound-All-203.0.113." address "-0-10.1." inside "','properties':{}}"

/* A gateway goes with its public addresses and rules; those of others stay, also what was his and is another's now. */
static void test_API_2_a_gateway_is_forgotten_as_a_whole(void **state)
{
	static const char *const all[] = {RDID("1"),
					  RDID("2"),
					  "203.0.113.5_32-1024",
					  "203.0.113.5_32-2048",
					  "203.0.113.6_32-0",
					  "203.0.113.7_32-0",
					  RDID("1") "-Outbound-All-203.0.113.6-0-10.1.0.0_16",
					  RDID("2") "-Outbound-All-203.0.113.7-0-10.1.0.0_16"},
				 *const after[] = {RDID("2"), "203.0.113.5_32-2048", "203.0.113.6_32-0",
						   "203.0.113.7_32-0",
						   RDID("2") "-Outbound-All-203.0.113.7-0-10.1.0.0_16"},
				 *const anew[] = {RDID("1"), RDID("2"), "203.0.113.5_32-1024", "203.0.113.7_32-0",
						  RDID("2") "-Outbound-All-203.0.113.7-0-10.1.0.0_16"};
	const struct gw_hnv_object *o;
	struct world w;

	begin(&w, state, "");
	says(&w, ALL(VRF("1", "5000") "," VRF("2", "6000") "," PUBLIC("5_32-1024", "1024", "1") "," PUBLIC(
			 "5_32-2048", "1024",
			 "2") "," PUBLIC("6_32-0", "0",
					 "1") "," PUBLIC("7_32-0", "0",
							 "2") "," NAT("1", "6", "0.0_16") "," NAT("2", "7", "0.0_16")));
	settle(&w);
	agree(&w.b, GW_N(all), all);
	/* What is told of it before it is forgotten does not come; what is told after that does. */
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" PUBLIC("8_32-0", "0", "1") "," NAT(
			 "1", "8", "9.0_24") ",{'forgetGateway':'" RDID("1") "'}," PUBLIC("6_32-0", "0", "2") "]}");
	settle(&w);
	agree(&w.b, GW_N(after), after);
	reported(&w, 9, 0);
	/* Its name may come back, with blocks that were cut otherwise; subnets are exchanged. */
	says(&w, "{" E1 ",'revision':10,'full':false,'changes':[{'delete':'/hnv/publicAddresses/203.0.113.6_32-0'},"
		 "{'delete':'/hnv/publicAddresses/203.0.113.5_32-2048'}," VRF("1", "5000") "," PUBLIC(
			 "5_32-1024", "2048", "1") "]}");
	settle(&w);
	agree(&w.b, GW_N(anew), anew);
	says(&w, "{" E1 ",'revision':11,'full':false,'changes':[" VRF("1", "6000") "," VRF("2", "5000") "]}");
	settle(&w);
	reported(&w, 11, 0);
	o = gw_intent_vrf_of_vsid(w.b.service.intent, 6000);
	assert_non_null(o);
	assert_int_equal(o->vrf.mac.b[5], 1);
	end(&w);
}

static void test_API_2_state_that_is_there_already(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1"};
	struct world w;

	begin(&w, state, "");
	says(&w, ALL(RECORD("1", "1") "," PORT("tap0", "AA")));
	settle(&w);
	w.sync = gw_sync_close(w.sync);
	UNTIL(&w, !w.controller.waiting);
	calls[0] = '\0';
	follow(&w); /* as after a start */
	says(&w, ALL(PORT("tap0", "AA") "," RECORD("1", "1")));
	settle(&w);
	assert_string_equal(w.controller.asked[2], STATE "?since=0&wait=0");
	assert_string_equal(calls, ""); /* no driver was bothered, nothing was written */
	assert_int_equal(stored(&w), 1);
	agree(&w.b, 2, ids);
	end(&w);
}

static void test_API_2_what_is_not_in_a_full_state_goes(void **state)
{
	static const char *const ids[] = {"5001-10.0.0.1"};
	struct world w;

	prepare(&w, state, "");
	put_ok(&w.b, port("tap0", 5001));
	put_ok(&w.b, fixture_record(1, 1));
	put_ok(&w.b, fixture_record(2, 1));
	follow(&w);
	says(&w, ALL(RECORD("1", "1")));
	settle(&w);
	agree(&w.b, 1, ids);
	/* And when the controller's history is another one. */
	says(&w, "{" E2 ",'revision':3,'full':true,'changes':[]}");
	settle(&w);
	agree(&w.b, 0, NULL);
	assert_string_equal(w.controller.asked[2], STATE "?since=3&epoch=00000000000000e2&wait=50");
	end(&w);
}

static void test_ports_change_places(void **state)
{
	static const char *const ids[] = {"tap0", "tap1"};
	struct world w;

	begin(&w, state, "");
	says(&w, ALL(PORT("tap0", "AA") "," PORT("tap1", "AB")));
	settle(&w);
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[" PORT("tap0", "AB") "," PORT("tap1", "AA") "]}");
	settle(&w);
	agree(&w.b, 2, ids);
	assert_int_equal(gw_intent_port(w.b.service.intent, "tap0")->port.mac.b[5], 0xab);
	assert_int_equal(gw_intent_port(w.b.service.intent, "tap1")->port.mac.b[5], 0xaa);
	assert_int_equal(stored(&w), 2);
	/* A VM that moves takes its address with it. */
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" PORT("tap2", "AA") ",{'delete':'/hnv/ports/tap1'}]}");
	settle(&w);
	assert_null(gw_intent_port(w.b.service.intent, "tap1"));
	reported(&w, 9, 0);
	/* Where they cannot do so at once, in the second try. */
	w.sync->times.retry_ms = 1000000;
	says(&w, "{" E1 ",'revision':10,'full':false,'changes':[" PORT("tap3", "AC") "]}");
	settle(&w);
	fakes[1].check_ok = 0; /* of more than one at a time */
	says(&w, "{" E1 ",'revision':11,'full':false,'changes':[" PORT("tap2", "AC") "," PORT("tap3", "AD") "]}");
	settle(&w);
	reported(&w, 11, 0);
	assert_int_equal(gw_intent_port(w.b.service.intent, "tap2")->port.mac.b[5], 0xac);
	end(&w);
}

static void test_address_of_the_configuration(void **state)
{
	static const char underlay[] = "[underlay]\ninterface = eth1\naddress = 192.0.2.77/24\n";
	struct world w;
	json_t *report;

	begin(&w, state, underlay);
	says(&w, ALL(RECORD("1", "1"))); /* it does not go */
	settle(&w);
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_PROVIDER_ADDRESS), 1);
	reported(&w, 7, 0);
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[{'delete':'/hnv/providerAddresses/192.0.2.77'},"
		 "{'put':'/hnv/providerAddresses/192.0.2.77','properties':{'Interface':'eth1','PrefixLength':24}}]}");
	settle(&w);
	reported(&w, 8, 0);
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" RECORD(
			 "2", "1") ","
				   "{'put':'/hnv/providerAddresses/"
				   "192.0.2.77','properties':{'Interface':'eth2','PrefixLength':24}}]}");
	settle(&w);
	report = reported(&w, 9, 1);
	assert_string_equal(text(failure(report, 0), "path"), "/hnv/providerAddresses/192.0.2.77");
	assert_contains(text(failure(report, 0), "message"), "[underlay]");
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_LOOKUP_RECORD), 2);
	for_ms(&w, 80); /* trying again changes nothing */
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_PROVIDER_ADDRESS), 1);
	says(&w, "{" E1 ",'revision':10,'full':false,'changes':[{'delete':'/hnv/providerAddresses/192.0.2.77'}]}");
	settle(&w);
	reported(&w, 10, 0);
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_PROVIDER_ADDRESS), 1);
	end(&w);
}

/* --- what it cannot do -------------------------------------------------------------------------------------------- */

static void test_API_2_refused_change_leaves_the_others_in_force(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1", "5001-10.0.0.2", "tap1"};
	struct world w;
	json_t *status;

	begin(&w, state, "");
	fakes[0].refuses = "tap1";
	says(&w, ALL(RECORD("1", "1") "," PORT("tap1", "AB") "," PORT("tap0", "AA") "," RECORD("2", "1")));
	settle(&w);
	agree(&w.b, 3, ids);
	status = reported(&w, 7, 1);
	assert_string_equal(text(failure(status, 0), "path"), "/hnv/ports/tap1");
	assert_string_equal(text(failure(status, 0), "code"), "Conflict");
	assert_string_equal(text(failure(status, 0), "message"), "tap1: not here");
	status = gw_sync_status(w.sync);
	assert_string_equal(text(status, "state"), "Connected");
	assert_string_equal(text(status, "server"), "h1");
	assert_int_equal(json_integer_value(json_object_get(status, "failed")), 1);
	assert_string_equal(text(failure(status, 0), "path"), "/hnv/ports/tap1");
	json_decref(status);
	fakes[0].refuses = NULL; /* it is tried again by itself */
	reported(&w, 7, 0);
	agree(&w.b, 4, ids);
	end(&w);
}

static void test_change_that_waits_for_an_interface(void **state)
{
	struct world w;

	begin(&w, state, "");
	w.sync->times.retry_ms = 1000000;
	fakes[0].refuses = "tap1";
	says(&w, ALL(PORT("tap1", "AB")));
	settle(&w);
	reported(&w, 7, 1);
	fakes[0].refuses = NULL;
	gw_sync_link_changed(w.sync, "tap2", false);
	gw_sync_link_changed(w.sync, "tap1", true);
	for_ms(&w, 150);
	assert_null(gw_intent_port(w.b.service.intent, "tap1"));
	gw_sync_link_changed(w.sync, "tap1", false);
	reported(&w, 7, 0);
	assert_non_null(gw_intent_port(w.b.service.intent, "tap1"));
	end(&w);
}

/* With the next change too; and what is not wanted any more is no failure any more. */
static void test_refused_change_meets_the_next_one(void **state)
{
	static const char *const ids[] = {"tap0"};
	struct world w;

	begin(&w, state, "");
	w.sync->times.retry_ms = 1000000;
	says(&w, ALL(PORT("tap0", "AA") "," PORT("tap1", "AA") "," PORT("tap2", "AA")));
	settle(&w);
	reported(&w, 7, 2);
	assert_non_null(gw_intent_port(w.b.service.intent, "tap0")); /* the first one */
	says(&w, "{" E1
		 ",'revision':8,'full':false,'changes':[{'delete':'/hnv/ports/tap0'},{'delete':'/hnv/ports/tap1'}]}");
	settle(&w);
	reported(&w, 8, 0);
	assert_non_null(gw_intent_port(w.b.service.intent, "tap2"));
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" PORT("tap0", "AA") "]}");
	settle(&w);
	reported(&w, 9, 1);
	says(&w, "{" E1 ",'revision':10,'full':false,'changes':[{'forget':5001}]}");
	settle(&w);
	reported(&w, 10, 0);
	agree(&w.b, 0, NULL);
	says(&w, "{" E1 ",'revision':11,'full':true,'changes':[" PORT("tap0", "AA") "]}");
	settle(&w);
	agree(&w.b, 1, ids);
	end(&w);
}

/* A driver says only that it is too much: as much of it is in force as goes. */
static void test_nobody_can_say_which(void **state)
{
	static const char *const ids[] = {"tap0", "tap1", "5001-10.0.0.1", "5001-10.0.0.2", "5001-10.0.0.3"};
	struct world w;

	begin(&w, state, "");
	fakes[1].check_ok = 0; /* of more than one at a time */
	says(&w, ALL(RECORD("1", "1") "," PORT("tap1", "AB") "," PORT("tap0",
								      "AA") "," RECORD("2", "1") "," RECORD("3", "1")));
	settle(&w);
	agree(&w.b, 5, ids);
	reported(&w, 7, 0);
	end(&w);
}

static void test_API_2_more_than_the_node_accepts(void **state)
{
	static const char *const after[] = {"tap1", "a", "5001-10.0.0.2"};
	struct world w;
	json_t *report;

	begin(&w, state, "[limits]\nports = 2\n");
	says(&w, ALL(PORT("tap0", "AA") "," PORT("tap1", "AB") "," PORT("tap2", "AC") "," RECORD("1", "1")));
	settle(&w);
	report = reported(&w, 7, 1);
	assert_string_equal(text(failure(report, 0), "code"), "LimitExceeded");
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_PORT), 2);
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_LOOKUP_RECORD), 1);
	/* However many: deletions and all other kinds are carried out, what is there stays, the first of the others comes. */
	says(&w, "{" E1 ",'revision':8,'full':true,'changes':[" PORT("a", "01") "," PORT("b", "02") "," PORT(
			 "c", "03") "," PORT("d", "04") "," PORT("tap1", "AB") "," RECORD("2", "1") "]}");
	settle(&w);
	report = reported(&w, 8, 3);
	agree(&w.b, GW_N(after), after);
	assert_string_equal(text(failure(report, 0), "code"), "LimitExceeded");
	assert_contains(text(failure(report, 0), "message"), "accepts 2 ports");
	assert_contains(text(failure(report, 0), "message"), "raise [limits] ports");
	for_ms(&w, 80); /* trying again changes nothing */
	agree(&w.b, GW_N(after), after);
	/* When there is room the next one has it at once. */
	w.sync->times.retry_ms = 1000000;
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[{'delete':'/hnv/ports/a'}]}");
	settle(&w);
	reported(&w, 9, 2);
	assert_non_null(gw_intent_port(w.b.service.intent, "b"));
	end(&w);
}

/* One tenant's many do not keep out another's few, though they come first; what is there stays. */
static void test_TEN_2_room_goes_round_by_routing_domain(void **state)
{
	static const char *const first[] = {"203.0.113.1_32-0", "203.0.113.2_32-0", "203.0.113.8_32-0",
					    "203.0.113.9_32-0"},
				 *const then[] = {"203.0.113.2_32-0", "203.0.113.3_32-0", "203.0.113.8_32-0",
						  "203.0.113.9_32-0"};
	struct world w;

	begin(&w, state, "[limits]\npublic_addresses = 4\n");
	says(&w,
	     ALL(PUBLIC("1_32-0", "0", "1") "," PUBLIC("2_32-0", "0", "1") "," PUBLIC("3_32-0", "0", "1") "," PUBLIC(
		     "4_32-0", "0", "1") "," PUBLIC("5_32-0", "0", "1") "," PUBLIC("8_32-0", "0",
										   "2") "," PUBLIC("9_32-0", "0",
												   "2")));
	settle(&w);
	reported(&w, 7, 3);
	agree(&w.b, GW_N(first), first);
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[{'delete':'/hnv/publicAddresses/203.0.113.1_32-0'}]}");
	settle(&w);
	reported(&w, 8, 2);
	agree(&w.b, GW_N(then), then);
	end(&w);
}

/* Many at fault: all others are in force, the first ones are told, all are counted. */
static void test_many_refused(void **state)
{
	enum { N = 150 };
	struct world w;
	json_t *changes = json_array(), *body;
	char *said;

	begin(&w, state, "");
	for (int i = 0; i < N; i++)
		json_array_append_new(changes,
				      json_pack("{s:o, s:{s:s, s:i}}", "put", json_sprintf("/hnv/ports/tap%d", i),
						"properties", "MACAddress", "0200000000AA", "VirtualSubnetID", 5001));
	for (int i = 1; i <= 100; i++)
		json_array_append_new(changes,
				      json_pack("{s:o, s:{s:s, s:s}}", "put",
						json_sprintf("/hnv/lookupRecords/5001-10.0.0.%d", i), "properties",
						"ProviderAddress", "192.0.2.1", "MACAddress", "020000000001"));
	body = json_pack("{s:s, s:i, s:b, s:o}", "epoch", "00000000000000e1", "revision", 7, "full", 1, "changes",
			 changes);
	said = json_dumps(body, 0);
	says(&w, said);
	free(said);
	json_decref(body);
	settle(&w);
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_PORT), 1);
	assert_int_equal(gw_intent_count(w.b.service.intent, GW_HNV_LOOKUP_RECORD), 100);
	assert_int_equal(json_array_size(json_object_get(reported(&w, 7, N - 1), "failures")), GW_SYNC_FAILURES);
	/* The next change is not kept waiting by them. */
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[{'delete':'/hnv/lookupRecords/5001-10.0.0.1'}]}");
	settle(&w);
	reported(&w, 8, N - 1);
	says(&w, "{" E1 ",'revision':9,'full':true,'changes':[]}");
	settle(&w);
	reported(&w, 9, 0);
	agree(&w.b, 0, NULL);
	end(&w);
}

/* VMs that are off, on a host that has many: so many that one round does not come to all of them. */
static void test_each_of_many_gets_its_chance(void **state)
{
	enum { N = 600, ROUNDS = 4 };
	struct world w;
	json_t *changes = json_array(), *body;
	char *said, name[16];

	begin(&w, state, "");
	w.sync->times.retry_ms = 1000000;
	for (int i = 0; i < N; i++)
		json_array_append_new(changes,
				      json_pack("{s:o, s:{s:o, s:i}}", "put", json_sprintf("/hnv/ports/off%d", i),
						"properties", "MACAddress", json_sprintf("02000000%04X", i),
						"VirtualSubnetID", 5001));
	json_array_append_new(changes, json_pack("{s:s, s:{s:s, s:i}}", "put", "/hnv/ports/tap0", "properties",
						 "MACAddress", "02000001AA01", "VirtualSubnetID", 5001));
	body = json_pack("{s:s, s:i, s:b, s:o}", "epoch", "00000000000000e1", "revision", 7, "full", 1, "changes",
			 changes);
	said = json_dumps(body, 0);
	says(&w, said);
	free(said);
	json_decref(body);
	settle(&w);
	UNTIL(&w, gw_intent_port(w.b.service.intent, "tap0")); /* though it comes behind them */
	/* One that is started has its port at once; also one that nobody tells of, within some rounds. */
	accepted = "off555";
	gw_sync_link_changed(w.sync, "off555", false);
	reported(&w, 7, N - 1);
	assert_non_null(gw_intent_port(w.b.service.intent, "off555"));
	for (int i = 0; i < N; i += 99) {
		unsigned rounds = 0;

		snprintf(name, sizeof name, "off%d", i);
		accepted = name;
		for (; rounds < ROUNDS && !gw_intent_port(w.b.service.intent, name); rounds++) {
			gw_sync_on_retry(&w.sync->retry);
			UNTIL(&w, !w.sync->round && !w.sync->retrying);
		}
		check(gw_intent_port(w.b.service.intent, name), "%s: not in %u rounds", name, rounds);
	}
	end(&w);
}

static unsigned lines; /* of the log, that say how it goes in general or at one change */

void __wrap_gw_log(enum gw_log_level level, const char *fmt, ...);
void __wrap_gw_log(enum gw_log_level level, const char *fmt, ...)
{
	(void)level;
	lines += strstr(fmt, "the controller wants") != NULL;
}

static void test_API_2_store_cannot_be_written(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1"};
	struct world w;
	sqlite3 *other;

	begin(&w, state, "");
	assert_int_equal(sqlite3_open(w.b.config.store_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	lines = 0;
	says(&w, ALL(RECORD("1", "1") "," PORT("tap0", "AA")));
	settle(&w);
	reported(&w, 7, 2);
	assert_int_equal(lines, 1);
	lines = 0;
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[" RECORD("1", "2") "]}");
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" RECORD("1", "1") "]}");
	settle(&w);
	assert_string_equal(text(failure(reported(&w, 9, 2), 0), "code"), "Unavailable");
	assert_int_equal(lines, 0); /* once is enough */
	agree(&w.b, 0, NULL);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	reported(&w, 9, 0);
	assert_in_range(lines, 1, 2); /* that it goes again, and that all is done */
	agree(&w.b, 2, ids);
	end(&w);
}

/* What this version does not understand is one failure, of its key. */
static void test_unreadable_change(void **state)
{
	static const char *const ids[] = {"tap0", "5001-10.0.0.1"};
	struct world w;
	json_t *report;

	begin(&w, state, "");
	says(&w, ALL(RECORD("1", "1") "," PORT("tap0", "AA")));
	settle(&w);
	says(&w, "{" E1 ",'revision':8,'full':true,'changes':[" RECORD(
			 "1", "1") ",{'put':'/hnv/ports/tap0','properties':"
				   "{'MACAddress':'0200000000AB','VirtualSubnetID':5001,'Colour':'blue'}}]}");
	settle(&w);
	report = reported(&w, 8, 1);
	assert_string_equal(text(failure(report, 0), "path"), "/hnv/ports/tap0");
	assert_string_equal(text(failure(report, 0), "code"), "UnknownProperty");
	agree(&w.b, 2, ids); /* as it was */
	assert_int_equal(gw_intent_port(w.b.service.intent, "tap0")->port.mac.b[5], 0xaa);
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" PORT("tap0", "AB") "]}");
	settle(&w);
	reported(&w, 9, 0);
	assert_int_equal(gw_intent_port(w.b.service.intent, "tap0")->port.mac.b[5], 0xab);
	end(&w);
}

static void test_drivers_are_reported(void **state)
{
	struct world w;
	json_t *report;

	begin(&w, state, "");
	says(&w, ALL(""));
	settle(&w);
	reported(&w, 7, 0);
	fakes[1].sync_failures = 1000;
	fakes[1].env->want_sync(fakes[1].env->core, "test");
	UNTIL(&w, fakes[1].syncs > 1);
	gw_sync_node_changed(w.sync); /* the composition root says it */
	UNTIL(&w, !strcmp(text(w.controller.report, "state"), "Failing"));
	report = w.controller.report;
	assert_string_equal(text(report, "message"), "busy");
	fakes[1].sync_failures = 0;
	UNTIL(&w, (gw_sync_node_changed(w.sync), !strcmp(text(w.controller.report, "state"), "Synced")));
	end(&w);
}

static json_t *busy_status(void *ctx)
{
	static const char status[] =
		"{'node':{'objects':{'ports':2},'name':'h1'},'engine':{"
		"'warnings':['eth1 is "
		"down'],'underlays':[{'interface':'eth1','state':'Down','addresses':['192.0.2.1']}],"
		"'outcomes':[{'name':'Encapsulated','count':7,'help':'x'},{'name':'Local','count':0}],"
		"'drops':[{'reason':'NoRecord','count':3,'help':'x'}],"
		"'ports':[{'interface':'tap0','state':'Up','mtu':1450,'counters':{'txPackets':1}},"
		"{'interface':'tap1','state':'Waiting','detail':'not there','dropReasons':[]}]}}";
	char buf[sizeof status];

	(void)ctx;
	memcpy(buf, status, sizeof status);
	for (char *q = buf; (q = strchr(q, '\''));)
		*q = '"';
	return json_loads(buf, 0, NULL);
}

/* Statistics are numbers only; of the ports, what is shown of a NIC. */
static void test_details_are_reported(void **state)
{
	struct world w;
	json_t *wanted;
	unsigned before;

	begin(&w, state, "");
	w.b.service.status = busy_status;
	says(&w, ALL(""));
	settle(&w);
	reported(&w, 7, 0);
	wanted = json_pack("{s:{s:i}, s:{s:i}, s:{s:i}}", "objects", "ports", 2, "packets", "Encapsulated", 7, "drops",
			   "NoRecord", 3);
	assert_true(json_equal(json_object_get(w.controller.report, "statistics"), wanted));
	json_decref(wanted);
	wanted = json_pack("{s:{s:s, s:{s:i}}, s:{s:s, s:s}}", "tap0", "state", "Up", "counters", "txPackets", 1,
			   "tap1", "state", "Waiting", "detail", "not there");
	assert_true(json_equal(json_object_get(w.controller.report, "ports"), wanted));
	json_decref(wanted);
	assert_string_equal(text(json_object_get(w.controller.report, "addresses"), "192.0.2.1"), "Down");
	assert_string_equal(json_string_value(json_array_get(json_object_get(w.controller.report, "warnings"), 0)),
			    "eth1 is down");
	/* Not with every report of many: those tell of what is carried out. */
	w.sync->times.details_apart_ms = 1000000;
	says(&w, "{" E1 ",'revision':8,'full':false,'changes':[]}");
	assert_null(json_object_get(reported(&w, 8, 0), "statistics"));
	/* A port may be another than before when a driver has been at work. */
	w.sync->times.details_apart_ms = 1;
	gw_sync_node_changed(w.sync);
	UNTIL(&w, json_object_get(w.controller.report, "ports"));
	/* And when its interface is. */
	says(&w, "{" E1 ",'revision':9,'full':false,'changes':[" PORT("tap0", "AA") "]}");
	settle(&w);
	reported(&w, 9, 0);
	for_ms(&w, 20);
	before = w.controller.reports;
	gw_sync_link_changed(w.sync, "eth7", true); /* nobody's */
	for_ms(&w, 20);
	assert_int_equal(w.controller.reports, before);
	gw_sync_link_changed(w.sync, "tap0", true);
	UNTIL(&w, w.controller.reports > before);
	end(&w);
}

/* What drivers may say of a virtual gateway: much, and not all of it fit to be passed on. */
static void describe_gateway(void *ctx, const struct gw_hnv_object *o, json_t *properties)
{
	(void)ctx;
	if (o->kind == GW_HNV_PUBLIC) {
		int out = o->public.first_port == 4096 ? 7 : 0, in = o->public.first_port == 80 ? 2 : 0;

		json_object_set_new(properties, "counters",
				    json_pack("{s:i, s:i, s:o}", "outboundConnections", out, "inboundConnections", in,
					      "rules",
					      json_pack(out + in ? "{s:i}" : "{}", out ? "Out" : "In", out + in)));
		return;
	}
	assert_int_equal(o->kind, GW_HNV_VRF);
	json_object_set_new(properties, "state", json_string("Ready"));
	json_object_set_new(properties, "external",
			    json_pack("{s:{s:i}, s:[{s:s, s:i}, {s:s, s:i}]}", "counters", "txBytes", 9, "dropReasons",
				      "reason", "Land", "count", 2, "reason", "NoRecord", "count", 0));
	json_object_set_new(properties, "colours", json_string("\033[31m"));
	json_object_set_new(properties, "deep", json_pack("{s:{s:{s:{s:i}}}}", "a", "b", "c", "d", 1));
	json_object_set_new(properties, "nothing", json_null());
}

static json_t *able_status(void *ctx)
{
	(void)ctx;
	return json_pack("{s:{s:{s:s, s:{s:s, s:i}, s:{s:s}}}, s:{s:{s:[s], s:n, s:[s,s]}}, s:{s:{s:[s]}}}", "node",
			 "sync", "state", "Synced", "nat", "state", "Synced", "syncs", 3, "engine", "state", "Failing",
			 "nat", "capabilities", "protocols", "Tcp", "none", "connectionTypes", "NAT", "NAT", "engine",
			 "capabilities", "connectionTypes", "L3");
}

static unsigned parts_left;

/* How the ports are comes piece by piece. */
static bool more_status(void *ctx, json_t *status, struct gw_status_place *at)
{
	json_t *engine = json_object_get(status, "engine");

	(void)ctx;
	if (at->at == parts_left)
		return false;
	if (!json_object_get(engine, "ports"))
		json_object_set_new(engine, "ports", json_array());
	json_array_append_new(json_object_get(engine, "ports"),
			      json_pack("{s:o, s:s}", "interface", json_sprintf("tap%zu", at->at++), "state", "Up"));
	return true;
}

static void test_GW_6_a_gateway_is_reported(void **state)
{
	struct world w;
	json_t *gateway, *wanted, *can;

	begin(&w, state, "[limits]\nvirtual_gateways = 77\n");
	w.b.service.describe = describe_gateway;
	w.b.service.status = able_status;
	w.b.service.status_more = more_status;
	parts_left = 3;
	says(&w, ALL(VRF("1", "5009") "," PUBLIC("5_32-4096", "4096",
						 "1") "," PUBLIC("6_32-0", "0", "1") "," PUBLIC("5_32-80", "1", "1")));
	settle(&w);
	/* How far it has come is told while drivers are asked about the virtual gateways. */
	assert_null(json_object_get(reported(&w, 7, 0), "gateway"));
	UNTIL(&w, json_object_get(w.controller.report, "gateway"));
	assert_int_equal(json_object_size(json_object_get(w.controller.report, "ports")), 3);
	gateway = json_object_get(reported(&w, 7, 0), "gateway");
	wanted = json_pack("{s:{s:[s], s:s}, s:{s:s}}", "nat", "protocols", "Tcp", "state", "Synced", "engine", "state",
			   "Failing");
	assert_true(json_equal(json_object_get(json_object_get(gateway, "capabilities"), "drivers"), wanted));
	json_decref(wanted);
	can = json_object_get(gateway, "capabilities");
	assert_string_equal(text(can, "version"), GW_VERSION);
	/* Once, and not of a driver that fails. */
	wanted = json_pack("[s]", "NAT");
	assert_true(json_equal(json_object_get(can, "connectionTypes"), wanted));
	json_decref(wanted);
	assert_int_equal(json_array_size(json_object_get(can, "authenticationMethods")), 0);
	assert_true(json_is_array(json_object_get(can, "authenticationMethods")));
	assert_true(json_is_array(json_object_get(can, "algorithms")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(can, "limits"), "virtualGateways")), 77);
	assert_int_equal(json_object_size(json_object_get(can, "limits")), GW_HNV_KIND_MAX);
	/* Ports of one address are one here; what has counted nothing is not there. */
	wanted = json_pack("{s:{s:{s:i, s:i, s:{s:i, s:i}}}}", RDID("1"), "203.0.113.5", "outboundConnections", 7,
			   "inboundConnections", 2, "rules", "Out", 7, "In", 2);
	assert_true(json_equal(json_object_get(gateway, "publicAddresses"), wanted));
	json_decref(wanted);
	gateway = json_object_get(json_object_get(gateway, "virtualGateways"), RDID("1"));
	assert_int_equal(json_array_size(json_object_get(gateway, "publicAddresses")), 3);
	json_object_del(gateway, "publicAddresses");
	wanted = json_pack("{s:s, s:{s:{s:i}, s:{s:i}}, s:[s]}", "state", "Ready", "external", "counters", "txBytes", 9,
			   "drops", "Land", 2, "customerAddresses", "10.1.0.2/29");
	assert_true(json_equal(gateway, wanted));
	json_decref(wanted);
	end(&w);
}

/* Whoever closes the link does not wait for the thread that has the text of a report in hand. */
static void test_closed_while_a_report_is_made(void **state)
{
	struct world w;

	begin(&w, state, "");
	w.b.service.describe = describe_gateway;
	w.b.service.status = able_status;
	w.b.service.status_more = more_status;
	parts_left = 20000;
	says(&w, ALL(VRF("1", "5009") "," PUBLIC("5_32-4096", "4096", "1")));
	settle(&w);
	UNTIL(&w, w.sync->saying);
	assert_null(json_object_get(w.controller.report, "gateway"));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNC_TEST(test_API_2_full_state_of_two_pages),
		SYNC_TEST(test_API_2_changes),
		SYNC_TEST(test_API_2_a_gateway_is_forgotten_as_a_whole),
		SYNC_TEST(test_API_2_state_that_is_there_already),
		SYNC_TEST(test_API_2_what_is_not_in_a_full_state_goes),
		SYNC_TEST(test_ports_change_places),
		SYNC_TEST(test_address_of_the_configuration),
		SYNC_TEST(test_API_2_refused_change_leaves_the_others_in_force),
		SYNC_TEST(test_change_that_waits_for_an_interface),
		SYNC_TEST(test_refused_change_meets_the_next_one),
		SYNC_TEST(test_nobody_can_say_which),
		SYNC_TEST(test_API_2_more_than_the_node_accepts),
		SYNC_TEST(test_TEN_2_room_goes_round_by_routing_domain),
		SYNC_TEST(test_many_refused),
		SYNC_TEST(test_each_of_many_gets_its_chance),
		SYNC_TEST(test_API_2_store_cannot_be_written),
		SYNC_TEST(test_unreadable_change),
		SYNC_TEST(test_drivers_are_reported),
		SYNC_TEST(test_details_are_reported),
		SYNC_TEST(test_GW_6_a_gateway_is_reported),
		SYNC_TEST(test_closed_while_a_report_is_made),
	};

	signal(SIGPIPE, SIG_IGN);	   /* as the daemon does */
	gw_log_init((enum gw_log_level)0); /* what is refused is told as warnings */
	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
