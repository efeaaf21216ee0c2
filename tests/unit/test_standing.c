/* test_standing.c - what a controller makes of /servers/{id}/status, and of its plan: how its resources are. */
#include "node_state_fixture.h"

#define RDID "6a5b0000-0000-4000-8000-000000000001"
#define VGW  V1 "/virtualGateways/blue"
#define OUT  V1 "/loadBalancers/lb/outboundNatRules/out"

static void state_is(struct controller *c, const char *path, const char *provisioning, const char *status,
		     const char *detail)
{
	struct response r = simple(&c->s, "GET", path, NULL);
	const json_t *p = json_object_get(r.json, "properties"), *state = json_object_get(p, "configurationState");
	_cleanup_free_ char *details = json_dumps(json_object_get(state, "detailedInfo"), 0);

	assert_int_equal(r.status, 200);
	if (strcmp(at(p, "provisioningState", NULL), provisioning) != 0 ||
	    strcmp(at(state, "status", NULL), status) != 0)
		fail_msg("%s: %s", path, r.text);
	if (detail)
		assert_contains(details, detail);
	else
		assert_string_equal(details, "[]");
	done(&r);
}

static void test_API_1_states_tell_the_truth(void **state)
{
	struct controller c;
	struct held one = {0}, two = {0};
	struct response r;

	deploy(&c, state);
	/* Nobody has said anything yet. */
	state_is(&c, NIC("2"), "Succeeded", "Failure", "HostUnreachable");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "2 of the 2 nodes");
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	fetch(&c, &two, V1 "/servers/h2/state");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("2"), "Succeeded", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/servers/h1", "Succeeded", "Success", NULL);
	r = simple(&c.s, "GET", V1 "/servers/h1", NULL);
	assert_string_equal(at(json_object_get(r.json, "properties"), "state", NULL), "Active");
	assert_string_equal(at(json_object_get(r.json, "properties"), "version", NULL), "1.2");
	done(&r);
	/* A change is under way until all who have to do with it have it. */
	put_nic(&c, 4, "h2", "");
	state_is(&c, NIC("4"), "Updating", "Success", NULL);
	state_is(&c, NIC("2"), "Succeeded", "Success", NULL);
	changes_since(&c, &one);
	report(&c, "h1", &one, "");
	state_is(&c, NIC("4"), "Updating", "Success", NULL);
	fetch(&c, &two, V1 "/servers/h2/state");
	/* In the node's own words, at what it is about. */
	report(&c, "h2", &two,
	       ",\"failed\":1,\"failures\":[{\"path\":\"/hnv/ports/tap3\",\"code\":\"Conflict\",\"message\":\"it "
	       "burns\"}]");
	state_is(&c, NIC("4"), "Succeeded", "Success", NULL);
	state_is(&c, NIC("3"), "Succeeded", "Failure", "it burns");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	report(&c, "h2", &two, ",\"message\":\"no memory\"");
	state_is(&c, V1 "/servers/h2", "Succeeded", "Warning", "no memory");
	/* A port is as its host says, until it says otherwise. */
	report(&c, "h2", &two,
	       ",\"ports\":{\"tap3\":{\"state\":\"Missing\",\"detail\":\"no tap3\",\"counters\":{\"txPackets\":7}}}");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "no tap3");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "no tap3");
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\",\"counters\":{\"txPackets\":8}}}");
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	r = simple(&c.s, "GET", NIC("3"), NULL);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_object_get(r.json, "properties"), "statistics"), "txPackets")),
			 8);
	done(&r);
	/* One that the host says nothing of, when it has said how its ports are. */
	put_nic(&c, 5, "h2", "tap5");
	changes_since(&c, &one);
	report(&c, "h1", &one, "");
	fetch(&c, &two, V1 "/servers/h2/state");
	report(&c, "h2", &two, "");
	state_is(&c, NIC("5"), "Updating", "Success", NULL);
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\"}}");
	state_is(&c, NIC("5"), "Succeeded", "Failure", "no port at tap5");
	report(&c, "h2", &two, ",\"ports\":{\"tap3\":{\"state\":\"Up\"},\"tap5\":{\"state\":\"Up\"}}");
	state_is(&c, NIC("5"), "Succeeded", "Success", NULL);
	/* What more a node has to complain of than it tells may be about anything that is on it. */
	report(&c, "h2", &two,
	       ",\"failed\":100,\"failures\":[{\"path\":\"/hnv/ports/tap3\",\"code\":\"Conflict\",\"message\":\"it "
	       "burns\"}]");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "it burns");
	state_is(&c, NIC("5"), "Succeeded", "Warning", "of this resource or of others");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "of this resource or of others");
	report(&c, "h2", &two, "");
	put(&c, V1 "/networkInterfaces/bare",
	    "{\"privateMacAddress\":\"020000000009\",\"privateMacAllocationMethod\":\"Static\",\"server\":{"
	    "\"resourceRef\":\"/servers/h2\"},\"hostInterface\":\"tap9\"}");
	state_is(&c, V1 "/networkInterfaces/bare", "Succeeded", "Failure", "NoAddress");
	/* What others send to it in vain: addresses that it does not have, or whose interface is down. */
	report(&c, "h2", &two,
	       ",\"addresses\":{\"192.0.2.2\":\"Down\"},\"warnings\":[\"it is cold\",\"provider address 192.0.2.2: "
	       "eth1 is "
	       "down\"]");
	state_is(&c, NIC("3"), "Succeeded", "Failure",
		 "no provider address of the node can be used, such as 192.0.2.2: eth1 is down");
	state_is(&c, NIC("2"), "Succeeded", "Warning", "of the 2 nodes that have to do with it 1 have");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "NoUnderlay");
	state_is(&c, V1 "/servers/h2", "Succeeded", "Failure", "eth1 is down");
	report(&c, "h2", &two,
	       ",\"addresses\":{},\"warnings\":[],\"failed\":1,\"failures\":[{\"path\":\"/hnv/providerAddresses/"
	       "192.0.2.2\","
	       "\"code\":\"InvalidProperty\",\"message\":\"there is no eth1\"}]");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "192.0.2.2: there is no eth1");
	report(&c, "h2", &two, ",\"addresses\":{}");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "192.0.2.2: the node does not have it");
	report(&c, "h2", &two, ",\"addresses\":{\"192.0.2.2\":\"Up\"},\"warnings\":[]");
	state_is(&c, NIC("3"), "Succeeded", "Success", NULL);
	state_is(&c, V1 "/servers/h2", "Succeeded", "Success", NULL);
	/* What is asked for and not done says so. */
	put(&c, V1 "/accessControlLists/acl", "{}");
	put(&c, V1 "/virtualNetworks/blue",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/"
	    "16\"]},\"subnets\":[{\"resourceId\":\"web\",\"properties\":{"
	    "\"addressPrefix\":\"10.0.0.0/16\",\"isolationId\":5001,\"accessControlList\":{\"resourceRef\":"
	    "\"/accessControlLists/acl\"}}}]}");
	state_is(&c, V1 "/virtualNetworks/blue/subnets/web", "Succeeded", "Warning", "not enforce");
	state_is(&c, V1 "/accessControlLists/acl", "Succeeded", "Unknown", "NotImplemented");
	json_decref(one.paths);
	json_decref(two.paths);
	leave(&c);
}

/* In place when the node that carries the virtual gateway says so, and as it says: of the rule what it refuses of the rule. */
static void test_API_1_gateways_are_as_their_node_says(void **state)
{
	static const char balancer[] =
		"{\"frontendIPConfigurations\":[{\"resourceId\":\"f\",\"properties\":{\"publicIPAddress\":{"
		"\"resourceRef\":\"/publicIPAddresses/p\"}}}],\"backendAddressPools\":[{\"resourceId\":\"b\","
		"\"properties\":{\"subnets\":[{\"resourceRef\":\"/virtualNetworks/blue/subnets/web\"}]}}],"
		"\"outboundNatRules\":[{\"resourceId\":\"out\",\"properties\":{\"frontendIPConfigurations\":[{"
		"\"resourceRef\":\"/loadBalancers/lb/frontendIPConfigurations/f\"}],\"backendAddressPool\":{"
		"\"resourceRef\":\"/loadBalancers/lb/backendAddressPools/b\"}}}]}";
	struct held one = {0}, gateway = {0};
	struct controller c;

	deploy(&c, state);
	put(&c, V1 "/virtualNetworks/blue",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\",\"10.1.0.0/16\"]},\"routingDomainId\":\"" RDID
	    "\",\"subnets\":[{\"resourceId\":"
	    "\"web\",\"properties\":{\"addressPrefix\":\"10.0.0.0/16\",\"isolationId\":5001}},{\"resourceId\":\"gw\","
	    "\"properties\":{\"addressPrefix\":\"10.1.0.0/29\",\"isolationId\":5002}}]}");
	put(&c, V1 "/publicIPAddresses/p", "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.9\"}");
	put(&c, V1 "/loadBalancers/lb", balancer);
	state_is(&c, V1 "/loadBalancers/lb/outboundNatRules/out", "Succeeded", "Failure", "NoVirtualGateway");
	put(&c, V1 "/servers/g1", "{\"providerAddresses\":[{\"address\":\"192.0.2.9\",\"interface\":\"eth1\"}]}");
	fetch(&c, &gateway, V1 "/servers/g1/state");
	report(&c, "g1", &gateway, "");
	put(&c, V1 "/gatewayPools/all", "{\"type\":\"All\"}");
	put(&c, V1 "/gateways/g1",
	    "{\"pool\":{\"resourceRef\":\"/gatewayPools/all\"},\"virtualServer\":{\"resourceRef\":\"/servers/g1\"}}");
	put(&c, V1 "/virtualGateways/blue",
	    "{\"virtualNetwork\":{\"resourceRef\":\"/virtualNetworks/blue\"},\"gatewayPools\":[{\"resourceRef\":"
	    "\"/gatewayPools/all\"}],\"gatewaySubnets\":[{\"resourceRef\":\"/virtualNetworks/blue/subnets/gw\"}]}");
	put(&c, V1 "/publicIPAddresses/p", "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.8\"}");
	put(&c, V1 "/loadBalancers/lb/inboundNatRules/nowhere",
	    "{\"frontendIPConfigurations\":[{\"resourceRef\":\"/loadBalancers/lb/frontendIPConfigurations/f\"}],"
	    "\"protocol\":\"Tcp\",\"frontendPort\":80}");
	changes_since(&c, &one);
	report(&c, "h1", &one, "");
	report(&c, "h2", &one, "");
	state_is(&c, VGW, "Updating", "Success", NULL);
	state_is(&c, V1 "/publicIPAddresses/p", "Updating", "Success", NULL);
	fetch(&c, &gateway, V1 "/servers/g1/state");
	report(&c, "g1", &gateway, "");
	state_is(&c, VGW, "Succeeded", "Success", NULL);
	state_is(&c, OUT, "Succeeded", "Success", NULL);
	state_is(&c, V1 "/publicIPAddresses/p", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/gateways/g1", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/gatewayPools/all", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/loadBalancers/lb/inboundNatRules/nowhere", "Succeeded", "Warning", "NoBackend");
	report(&c, "g1", &gateway,
	       ",\"failed\":3,\"failures\":[{\"path\":\"/hnv/natRules/" RDID
	       "-Outbound-All-203.0.113.8-0-10.0.0.0_16\",\"code\":\"NotSupported\",\"message\":\"no nat "
	       "here\"},{\"path\":\"/hnv/publicAddresses/203.0.113.8_32-0\",\"code\":\"Conflict\",\"message\":"
	       "\"it is mine\"},{\"path\":\"/hnv/virtualGateways/" RDID
	       "\",\"code\":\"LimitExceeded\",\"message\":\"too many\"}]");
	state_is(&c, OUT, "Succeeded", "Failure", "no nat here");
	state_is(&c, V1 "/publicIPAddresses/p", "Succeeded", "Failure", "it is mine");
	state_is(&c, VGW, "Succeeded", "Failure", "too many");
	state_is(&c, V1 "/virtualNetworks/blue/subnets/web", "Succeeded", "Success", NULL);
	report(&c, "g1", &gateway, "");
	state_is(&c, OUT, "Succeeded", "Success", NULL);
	/* Whose pool is empty is in force, for nobody. */
	put(&c, V1 "/loadBalancers/lb/backendAddressPools/b", "{}");
	state_is(&c, OUT, "Succeeded", "Success", "NoMembers");
	json_decref(one.paths);
	json_decref(gateway.paths);
	leave(&c);
}

/* After the controller's start nodes have some time to be heard of, during which nothing is in place yet. */
static void test_API_1_nodes_that_have_not_spoken_yet(void **state)
{
	struct controller c;
	struct held one = {0};

	deploy(&c, state);
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	restart(&c);
	put(&c, V1 "/servers/h3", "{}"); /* that it has a node yet nobody has claimed */
	state_is(&c, V1 "/servers/h3", "Succeeded", "Failure", "since the controller was started");
	state_is(&c, NIC("2"), "Updating", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Updating", "Success", NULL);
	state_is(&c, V1 "/servers/h1", "Updating", "Success", NULL);
	later += 80;
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	state_is(&c, V1 "/servers/h1", "Succeeded", "Success", NULL);
	state_is(&c, V1 "/virtualNetworks/blue", "Updating", "Success", NULL);
	later += 20;
	state_is(&c, NIC("2"), "Succeeded", "Warning", "1 of the 2 nodes");
	state_is(&c, NIC("3"), "Succeeded", "Failure", "since the controller was started");
	state_is(&c, V1 "/virtualNetworks/blue", "Succeeded", "Warning", "1 of the 2 nodes");
	/* That somebody looks at what it is to hold does not make it live. */
	later += 80;
	fetch(&c, &one, STATE);
	state_is(&c, V1 "/servers/h1", "Succeeded", "Failure", "not been heard of for a while");
	json_decref(one.paths);
	leave(&c);
	later = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_API_1_states_tell_the_truth, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_gateways_are_as_their_node_says, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_API_1_nodes_that_have_not_spoken_yet, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
