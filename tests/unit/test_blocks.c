/*
 * test_blocks.c - ports of shared public addresses: each front end has a block that nobody else has, and inbound rules listen outside
 * of them (GW-3). That they keep it is in test_blocks_kept.c.
 */
#include "blocks_fixture.h"

#define FULL	"every block of ports of the shared address is taken"
#define F(n)	OF("/loadBalancers/l/frontendIPConfigurations/f" #n)
#define RULE(n) "/loadBalancers/l/inboundNatRules/r" #n

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static void test_full(void **state)
{
	struct world w;
	uint32_t seen = 0, last;

	(void)state;
	setup(&w);
	for (unsigned i = 0; i < 15; i++) {
		ok(&w, front(i), ALL);
		last = block_of(&w, front(i));
		check(last >= 4096 && last % 4096 == 0 && !(seen & 1U << last / 4096), "block %u", last);
		seen |= 1U << last / 4096;
	}
	refused(&w, front(15), ALL, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress", FULL ": use another that is shared");
	refused_of(&w, "t", "/loadBalancers/t",
		   "{'frontendIPConfigurations':[{'resourceId':'f','properties':" ALL "}]}", GW_ERR_LIMIT_EXCEEDED,
		   "frontendIPConfigurations[0].properties.publicIPAddress", "ask the operator");
	refused(&w, front(15), AT(8192), GW_ERR_CONFLICT, "portBlockStart", "taken by /loadBalancers/l");
	ok(&w, front(3), ALL);
	last = block_of(&w, front(3));
	gone(&w, front(3));
	ok(&w, front(15), ALL);
	assert_int_equal(block_of(&w, front(15)), last);
	world_done(&w);
}

static void test_chosen(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, front(0), AT(61440));
	assert_int_equal(block_of(&w, front(0)), 61440);
	refused(&w, front(1), AT(61440), GW_ERR_CONFLICT, "portBlockStart", "taken by");
	refused(&w, front(1), AT(5000), GW_ERR_INVALID_PROPERTY, "portBlockStart", "a multiple of 4096");
	refused(&w, front(1), AT(1024), GW_ERR_INVALID_PROPERTY, "portBlockStart", "from 4096 to 61440");
	refused(&w, front(1), "{'publicIPAddress':" OF("/publicIPAddresses/own") ",'portBlockStart':8192}",
		GW_ERR_INVALID_PROPERTY, "portBlockStart", "shared: leave it out");
	refused_of(&w, "t", "/loadBalancers/t",
		   "{'frontendIPConfigurations':[{'resourceId':'f','properties':" AT(8192) "}]}", GW_ERR_FORBIDDEN,
		   "portBlockStart", "not for tenants");
	/* What is there may be said again, and be another. */
	ok(&w, front(0), AT(61440));
	ok(&w, front(0), ALL);
	assert_int_equal(block_of(&w, front(0)), 61440);
	ok(&w, front(0), AT(4096));
	assert_int_equal(block_of(&w, front(0)), 4096);
	ok(&w, front(1), AT(61440));
	world_done(&w);
}

static void test_address(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	refused(&w, "/publicIPAddresses/x", "{'shared':true,'portBlockSize':3000}", GW_ERR_INVALID_PROPERTY,
		"portBlockSize", "a power of two");
	refused(&w, "/publicIPAddresses/x", "{'shared':true,'portBlockSize':512}", GW_ERR_INVALID_PROPERTY,
		"portBlockSize", "1024");
	ok(&w, "/publicIPAddresses/all", "{'shared':true,'portBlockSize':32768}");
	ok(&w, front(0), ALL);
	assert_int_equal(block_of(&w, front(0)), 32768);
	refused(&w, front(1), ALL, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress", FULL);
	refused(&w, "/publicIPAddresses/all", "{'shared':true}", GW_ERR_CONFLICT, "portBlockSize", "\"f0\" of \"l\"");
	refused(&w, "/publicIPAddresses/all", "{'portBlockSize':32768}", GW_ERR_CONFLICT, "shared", "\"f0\" of \"l\"");
	ok(&w, front(1), OWN);
	refused(&w, "/publicIPAddresses/own", "{'shared':true}", GW_ERR_CONFLICT, "shared", "\"f1\" of \"l\"");
	ok(&w, "/publicIPAddresses/own", "{'portBlockSize':1024}");
	gone(&w, front(0));
	ok(&w, "/publicIPAddresses/all", "{'shared':true,'portBlockSize':1024}");
	for (unsigned i = 2; i < 65; i++)
		ok(&w, front(i), ALL);
	refused(&w, front(65), ALL, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress", FULL);
	world_done(&w);
}

static void test_moves(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, "/publicIPAddresses/other", "{'shared':true}");
	ok(&w, "/publicIPAddresses/small", "{'shared':true,'portBlockSize':1024}");
	ok(&w, front(0), AT(8192));
	ok(&w, front(1), "{'publicIPAddress':" OF("/publicIPAddresses/other") ",'portBlockStart':8192}");
	/* As GET answers it, with another address. */
	ok(&w, front(0), "{'publicIPAddress':" OF("/publicIPAddresses/own") ",'portBlockStart':8192}");
	assert_int_equal(block_of(&w, front(0)), 0);
	ok(&w, front(2), AT(8192));
	ok(&w, front(2), "{'publicIPAddress':" OF("/publicIPAddresses/other") ",'portBlockStart':8192}");
	check(block_of(&w, front(2)) >= 4096 && block_of(&w, front(2)) != 8192, "%u", block_of(&w, front(2)));
	ok(&w, front(0), AT(8192));
	ok(&w, front(0), "{'publicIPAddress':" OF("/publicIPAddresses/small") "}");
	assert_int_equal(block_of(&w, front(0)), 8192); /* it is free there */
	assert_int_equal(block_of(&w, front(1)), 8192);
	world_done(&w);
}

/* --- inbound rules ------------------------------------------------------------------------------------------------ */

#define INBOUND(f, protocol, port)                                                                                     \
	"{'frontendIPConfigurations':[" f "],'protocol':'" protocol "','frontendPort':" #port "}"

static void test_listeners(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, "/publicIPAddresses/all", "{'shared':true,'portBlockSize':16384}"); /* three blocks */
	ok(&w, front(0), AT(16384));
	ok(&w, RULE(0), INBOUND(F(0), "Tcp", 443));
	refused(&w, RULE(1), INBOUND(F(0), "Tcp", 16384), GW_ERR_CONFLICT, "frontendPort",
		"port 16384 is in the block");
	refused(&w, RULE(1), INBOUND(F(0), "Udp", 32767), GW_ERR_CONFLICT, "frontendPort", "below 16384");
	refused(&w, RULE(1), "{'frontendIPConfigurations':[" F(0) "]}", GW_ERR_INVALID_PROPERTY, "protocol",
		"must be for Tcp or Udp");
	/* What listens in a block keeps it from being one. */
	ok(&w, RULE(1), INBOUND(F(0), "Udp", 49152));
	ok(&w, front(1), ALL);
	assert_int_equal(block_of(&w, front(1)), 32768);
	refused(&w, front(2), ALL, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress", FULL);
	refused(&w, front(2), AT(49152), GW_ERR_CONFLICT, "portBlockStart", "listen to ports of this block");
	/* A port is one front end's, whatever the protocol. */
	ok(&w, RULE(2), INBOUND(F(0), "Udp", 443));
	refused(&w, RULE(3), INBOUND(F(1), "Tcp", 49152), GW_ERR_CONFLICT, "frontendPort", "rule \"r1\"");
	gone(&w, RULE(1));
	ok(&w, RULE(3), INBOUND(F(1), "Tcp", 49152));
	gone(&w, RULE(3));
	ok(&w, front(2), ALL);
	assert_int_equal(block_of(&w, front(2)), 49152);
	/* A front end comes to the address with its rules. */
	ok(&w, front(3), OWN);
	ok(&w, RULE(4), "{'frontendIPConfigurations':[" F(3) "]}");
	gone(&w, front(2));
	refused(&w, front(3), ALL, GW_ERR_INVALID_PROPERTY, "publicIPAddress", "\"r4\" must be for Tcp or Udp");
	ok(&w, RULE(4), INBOUND(F(3), "Tcp", 50000));
	refused(&w, front(3), ALL, GW_ERR_LIMIT_EXCEEDED, "publicIPAddress", FULL); /* it listens in the last one */
	ok(&w, RULE(4), INBOUND(F(3), "Tcp", 20000));
	refused(&w, front(3), ALL, GW_ERR_CONFLICT, "publicIPAddress", "port 20000 is in the block");
	world_done(&w);
}

/* All in one request: a block is not given where something of the same request listens. */
static void test_batch(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, "/publicIPAddresses/all", "{'shared':true,'portBlockSize':16384}");
	for (unsigned i = 0; i < 30; i++) {
		world_begin(&w);
		assert_int_equal(world_put(&w, NULL, front(0), json_of(ALL), &err), 0);
		assert_int_equal(world_put(&w, NULL, front(1), json_of(ALL), &err), 0);
		assert_int_equal(world_put(&w, NULL, RULE(0), json_of(INBOUND(F(0), "Tcp", 40000)), &err), 0);
		if (world_settle(&w, &err) < 0)
			fail_msg("%s: %s", err.target, err.message);
		assert_int_equal(block_of(&w, front(0)) + block_of(&w, front(1)), 16384 + 49152);
		gw_catalog_rollback(w.c);
	}
	/* Two steps of one request: it moves there, and is put again. */
	ok(&w, "/publicIPAddresses/other", "{'shared':true,'portBlockSize':16384}");
	ok(&w, front(0), AT(16384));
	ok(&w, front(1), "{'publicIPAddress':" OF("/publicIPAddresses/other") ",'portBlockStart':16384}");
	world_begin(&w);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(world_put(&w, NULL, front(0),
					   json_of(i ? "{'publicIPAddress':" OF("/publicIPAddresses/other") "}"
						     : "{'publicIPAddress':" OF("/publicIPAddresses/OTHER") "}"),
					   &err),
				 0);
	if (world_end(&w, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	assert_int_not_equal(block_of(&w, front(0)), 16384);
	world_done(&w);
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

#define SUBNET(v)      "/virtualNetworks/" v "/subnets/s"
#define POOL(n)	       "/loadBalancers/l/backendAddressPools/p" #n
#define OUTBOUND(f, n) "{'frontendIPConfigurations':[" f "],'backendAddressPool':" OF(POOL(n)) "}"
#define OUT(n)	       "/loadBalancers/l/outboundNatRules/o" #n
#define VM(n)	       "/networkInterfaces/n" #n
#define IP(n)	       VM(n) "/ipConfigurations/c"
#define IN_SUBNET(v)   "{'subnet':" OF(SUBNET(v)) "}"
#define TWO	       "would be for two virtual networks"
#define SERVES(v, f)   "is not shared, and serves virtual network \"" v "\" by front end \"f" #f
#define BALANCER(l, v)                                                                                                 \
	"{'frontendIPConfigurations':[{'resourceId':'f','properties':" OWN "}],'backendAddressPools':[{'resourceId':"  \
	"'p','properties':{'subnets':[" OF(SUBNET(                                                                     \
		v)) "]}}],'outboundNatRules':[{'resourceId':'o','properties':{"                                        \
		    "'frontendIPConfigurations':[" OF(                                                                 \
			    "/loadBalancers/" l                                                                        \
			    "/frontendIPConfigurations/f") "],"                                                        \
							   "'backendAddressPool':" OF("/loadBalancers/" l              \
										      "/backendAddressPools/p") "}}]}"
#define JOINED(v, n) "{'subnet':" OF(SUBNET(v)) ",'loadBalancerBackendAddressPools':[" OF(POOL(n)) "]}"
#define LED_BY(v, n) "{'subnet':" OF(SUBNET(v)) ",'loadBalancerInboundNatRules':[" OF(RULE(n)) "]}"
#define LEADS(f, port, n)                                                                                              \
	"{'frontendIPConfigurations':[" f "],'protocol':'Tcp','frontendPort':" #port                                   \
	",'backendIPConfiguration':" OF(IP(n)) "}"

static void test_networks(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	for (unsigned i = 0; i < 2; i++)
		ok(&w, front(i), ALL);
	ok(&w, front(2), OWN);
	ok(&w, POOL(0), "{'subnets':[" OF(SUBNET("a")) "]}");
	ok(&w, POOL(1), "{'subnets':[" OF(SUBNET("b")) "]}");
	ok(&w, POOL(2), "{}");
	ok(&w, VM(0), "{}");
	ok(&w, VM(1), "{}");
	ok(&w, VM(2), "{}");
	ok(&w, OUT(0), OUTBOUND(F(0), 0));
	refused(&w, OUT(1), OUTBOUND(F(0), 1), GW_ERR_CONFLICT, "backendAddressPool", TWO);
	/* At an address that is not shared it is the same. */
	ok(&w, OUT(1), OUTBOUND(F(2), 1));
	ok(&w, IP(2), IN_SUBNET("a"));
	refused(&w, RULE(2), LEADS(F(2), 90, 2), GW_ERR_CONFLICT, "frontendIPConfigurations", TWO);
	ok(&w, IP(2), IN_SUBNET("b"));
	ok(&w, RULE(2), LEADS(F(2), 90, 2));
	refused(&w, IP(2), IN_SUBNET("a"), GW_ERR_CONFLICT, "subnet", TWO);
	ok(&w, front(2), ALL);
	refused(&w, IP(2), IN_SUBNET("a"), GW_ERR_CONFLICT, "subnet", TWO);
	/* A pool has the network of who joins it. */
	ok(&w, OUT(2), OUTBOUND(F(0), 2));
	refused(&w, IP(0), JOINED("b", 2), GW_ERR_CONFLICT, "loadBalancerBackendAddressPools", TWO);
	ok(&w, IP(0), JOINED("a", 2));
	ok(&w, IP(1), JOINED("a", 2));
	refused(&w, POOL(2), "{'subnets':[" OF(SUBNET("b")) "]}", GW_ERR_INVALID_PROPERTY, "subnets",
		"one virtual network");
	refused(&w, POOL(0), "{'subnets':[" OF(SUBNET("b")) "]}", GW_ERR_CONFLICT, "subnets", TWO);
	/* Inbound rules, by what they name and by what names them. */
	ok(&w, IP(1), IN_SUBNET("b"));
	refused(&w, RULE(0), LEADS(F(0), 80, 1), GW_ERR_CONFLICT, "frontendPort", TWO);
	ok(&w, RULE(0), LEADS(F(1), 80, 1));
	ok(&w, RULE(1), INBOUND(F(1), "Tcp", 81));
	refused(&w, IP(0), LED_BY("a", 1), GW_ERR_CONFLICT, "loadBalancerInboundNatRules", TWO);
	ok(&w, IP(0), LED_BY("b", 1));
	ok(&w, RULE(3), INBOUND(F(1), "Udp", 80));
	world_done(&w);
}

/* An address that is not shared serves one network by all of its front ends; who has it is told who may know. */
static void test_alone(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, POOL(0), "{'subnets':[" OF(SUBNET("a")) "]}");
	ok(&w, POOL(1), "{'subnets':[" OF(SUBNET("b")) "]}");
	ok(&w, POOL(2), "{}");
	ok(&w, POOL(4), "{'subnets':[" OF(SUBNET("a")) "]}");
	for (unsigned i = 0; i < 3; i++)
		ok(&w, front(i), OWN);
	ok(&w, VM(0), "{}");
	ok(&w, IP(0), IN_SUBNET("b"));
	ok(&w, OUT(0), OUTBOUND(F(0), 0));
	refused(&w, OUT(1), OUTBOUND(F(1), 1), GW_ERR_CONFLICT, "frontendIPConfigurations", SERVES("a", 0));
	refused(&w, RULE(0), LEADS(F(1), 80, 0), GW_ERR_CONFLICT, "frontendIPConfigurations", SERVES("a", 0));
	/* Whichever comes last: the member, the pool's subnet, the back end's subnet, the front end's address, the front end itself. */
	ok(&w, OUT(2), OUTBOUND(F(2), 2));
	refused(&w, IP(0), JOINED("b", 2), GW_ERR_CONFLICT, "loadBalancerBackendAddressPools", SERVES("a", 0));
	refused(&w, POOL(2), "{'subnets':[" OF(SUBNET("b")) "]}", GW_ERR_CONFLICT, "subnets", SERVES("a", 0));
	ok(&w, POOL(2), "{'subnets':[" OF(SUBNET("a")) "]}");
	ok(&w, IP(0), IN_SUBNET("a"));
	ok(&w, RULE(0), LEADS(F(1), 80, 0));
	refused(&w, IP(0), IN_SUBNET("b"), GW_ERR_CONFLICT, "subnet", SERVES("a", ));
	ok(&w, front(3), ALL);
	ok(&w, OUT(1), OUTBOUND(F(3), 1));
	refused(&w, front(3), OWN, GW_ERR_CONFLICT, "publicIPAddress", SERVES("a", ));
	refused(&w, "/loadBalancers/k", BALANCER("k", "b"), GW_ERR_CONFLICT, "", SERVES("a", ));
	/* A tenant with whose address the operator serves another network learns that it is taken, not by whom. */
	ok_of(&w, "t", "/virtualNetworks/n", "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']}}");
	ok_of(&w, "t", "/virtualNetworks/n/subnets/s", "{'addressPrefix':'10.0.0.0/16'}");
	ok_of(&w, "t", "/publicIPAddresses/own", "{}");
	ok(&w, front(4), "{'publicIPAddress':" OF("/publicIPAddresses/own?tenantId=t") "}");
	ok(&w, OUT(4), OUTBOUND(F(4), 4));
	refused_of(&w, "t", "/loadBalancers/k", BALANCER("k", "n"), GW_ERR_CONFLICT, "",
		   "is not shared, and serves somebody else's virtual network: use another publicIPAddress");
	gone(&w, OUT(4));
	ok_of(&w, "t", "/loadBalancers/k", BALANCER("k", "n"));
	refused(&w, OUT(4), OUTBOUND(F(4), 4), GW_ERR_CONFLICT, "frontendIPConfigurations", SERVES("n", ));
	/* It is free again when the last rule of the other network is gone. */
	gone(&w, OUT(0));
	gone(&w, OUT(2));
	refused(&w, "/loadBalancers/k", BALANCER("k", "b"), GW_ERR_CONFLICT, "", SERVES("a", 1));
	gone(&w, RULE(0));
	ok(&w, "/loadBalancers/k", BALANCER("k", "b"));
	refused(&w, OUT(0), OUTBOUND(F(0), 0), GW_ERR_CONFLICT, "frontendIPConfigurations", SERVES("b", ));
	world_done(&w);
}

/* Two members come in one request, the wrong one last or first: either way it is found. */
static void test_members(void **state)
{
	struct gw_error err;
	struct world w;

	(void)state;
	setup(&w);
	ok(&w, front(0), ALL);
	ok(&w, POOL(0), "{'subnets':[" OF(SUBNET("a")) "]}");
	ok(&w, OUT(0), OUTBOUND(F(0), 0));
	ok(&w, VM(0), "{}");
	ok(&w, VM(1), "{}");
	for (unsigned i = 0; i < 2; i++) {
		err = GW_ERROR_INIT;
		world_begin(&w);
		assert_int_equal(world_put(&w, NULL, IP(0), json_of(i ? JOINED("a", 0) : JOINED("b", 0)), &err), 0);
		assert_int_equal(world_put(&w, NULL, IP(1), json_of(i ? JOINED("b", 0) : JOINED("a", 0)), &err), 0);
		check(world_end(&w, &err) < 0 && strstr(err.message, "one virtual network"), "%s", err.message);
	}
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),	 cmocka_unit_test(test_chosen),	   cmocka_unit_test(test_address),
		cmocka_unit_test(test_moves),	 cmocka_unit_test(test_listeners), cmocka_unit_test(test_batch),
		cmocka_unit_test(test_networks), cmocka_unit_test(test_members),   cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
