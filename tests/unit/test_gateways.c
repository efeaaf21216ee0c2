/* test_gateways.c - gateways and virtual gateways as a controller shows them: what their nodes say, and nothing else (GW-6). */
#include "node_state_fixture.h"

#define GATEWAY V1 "/gateways/g1"
#define RDID	"11111111-2222-3333-4444-000000000001"

static json_t *properties_of(struct controller *c, const char *path)
{
	struct response r = simple(&c->s, "GET", path, NULL);
	json_t *p = json_incref(json_object_get(r.json, "properties"));

	assert_int_equal(r.status, 200);
	done(&r);
	return p;
}

/* State, health and how much is free; -1: it is not said. */
static void is(struct controller *c, const char *state, const char *health, json_int_t total, json_int_t available)
{
	_cleanup_free_ char *text = NULL;
	json_t *p = properties_of(c, GATEWAY);
	const json_t *all = json_object_get(p, "totalCapacity"), *left = json_object_get(p, "availableCapacity");

	text = json_dumps(p, 0);
	if (strcmp(at(p, "state", NULL), state) != 0 || strcmp(at(p, "healthState", NULL), health) != 0 ||
	    (all ? json_integer_value(all) : -1) != total || (left ? json_integer_value(left) : -1) != available)
		fail_msg("%s", text);
	json_decref(p);
}

static void configuration_is(struct controller *c, const char *path, const char *status, const char *part)
{
	_cleanup_free_ char *details = NULL;
	json_t *p = properties_of(c, path);
	const json_t *state = json_object_get(p, "configurationState");

	details = json_dumps(json_object_get(state, "detailedInfo"), 0);
	if (strcmp(at(state, "status", NULL), status) != 0 || !strstr(details, part))
		fail_msg("%s: %s %s", path, at(state, "status", NULL), details);
	json_decref(p);
}

static void deploy_gateway(struct controller *c, void **state)
{
	deploy(c, state);
	put(c, V1 "/gatewayPools/p", "{\"gatewayCapacityKiloBitsPerSecond\":100000}");
	put(c, GATEWAY, "{\"virtualServer\":{\"resourceRef\":\"/servers/h1\"}}");
}

#define IN_POOL "{\"virtualServer\":{\"resourceRef\":\"/servers/h1\"},\"pool\":{\"resourceRef\":\"/gatewayPools/p\"}}"

static void test_GW_6_state(void **state)
{
	struct held one = {0};
	struct controller c;

	deploy_gateway(&c, state);
	is(&c, "Failed", "Unknown", -1, -1);
	configuration_is(&c, GATEWAY, "Failure", "NodeFailed");
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	is(&c, "Passive", "Healthy", -1, -1); /* nothing is for it to do */
	put(&c, GATEWAY, IN_POOL);
	is(&c, "Active", "Healthy", 100000, 100000);
	put(&c, V1 "/gatewayPools/p", "{}");
	is(&c, "Active", "Healthy", -1, -1); /* nobody has said how much it carries */
	report(&c, "h1", &one,
	       ",\"failed\":1,\"failures\":[{\"path\":\"/hnv/ports/tap2\",\"code\":\"Conflict\",\"message\":\"it "
	       "burns\"}]");
	is(&c, "Active", "Warning", -1, -1);
	report(&c, "h1", &one, ",\"addresses\":{}");
	is(&c, "Failed", "Failed", -1, -1); /* nothing that is sent to it arrives */
	configuration_is(&c, GATEWAY, "Failure", "see the server");
	report(&c, "h1", &one, ",\"addresses\":{\"192.0.2.1\":\"Up\"}");
	is(&c, "Active", "Healthy", -1, -1);
	/* One that fails as a whole, and one of which a plugin does. */
	assert_int_equal(status_of(&c.s, "PUT", STATUS, "{\"state\":\"Failing\",\"message\":\"no memory\"}"), 204);
	is(&c, "Failed", "Failed", -1, -1);
	assert_int_equal(status_of(&c.s, "PUT", STATUS,
				   "{\"state\":\"Failing\",\"message\":\"no nft\",\"gateway\":{\"capabilities\":{"
				   "\"drivers\":{\"node\":{\"state\":\"Synced\"},\"vrf\":{\"state\":\"Synced\"},"
				   "\"engine\":{\"state\":\"Synced\"},\"nat\":{\"state\":\"Failing\"}}}}}"),
			 204);
	is(&c, "Active", "Warning", -1, -1);
	report(&c, "h1", &one, "");
	is(&c, "Active", "Healthy", -1, -1);
	later += 100;
	is(&c, "Failed", "Unreachable", -1, -1);
	report(&c, "h1", &one, "");
	is(&c, "Active", "Healthy", -1, -1);
	json_decref(one.paths);
	leave(&c);
	later = 0;
}

static void test_GW_6_capabilities(void **state)
{
	struct held one = {0};
	struct controller c;
	json_t *p, *nat;

	deploy_gateway(&c, state);
	fetch(&c, &one, STATE);
	p = properties_of(&c, GATEWAY);
	assert_null(json_object_get(p, "capabilities")); /* it has said nothing yet */
	json_decref(p);
	report(&c, "h1", &one,
	       ",\"gateway\":{\"capabilities\":{\"version\":\"1.2\",\"encapsulations\":[\"NVGRE\"],\"drivers\":{"
	       "\"nat\":{\"state\":\"Synced\",\"limits\":{\"connections\":65536}}}}}");
	report(&c, "h1", &one, ""); /* without details: as it was told last */
	p = properties_of(&c, GATEWAY);
	nat = json_object_get(json_object_get(json_object_get(p, "capabilities"), "drivers"), "nat");
	assert_string_equal(at(nat, "state", NULL), "Synced");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(nat, "limits"), "connections")), 65536);
	json_decref(p);
	report(&c, "h1", &one, ",\"gateway\":{\"capabilities\":{}}");
	p = properties_of(&c, GATEWAY);
	assert_int_equal(json_object_size(json_object_get(p, "capabilities")), 0);
	json_decref(p);
	json_decref(one.paths);
	leave(&c);
}

#define VGW V1 "/virtualGateways/v"

static void deploy_virtual(struct controller *c)
{
	put(c, GATEWAY, IN_POOL);
	put(c, V1 "/virtualNetworks/red",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\"]},\"routingDomainId\":\"" RDID
	    "\",\"subnets\":[{\"resourceId\":\"g\",\"properties\":{\"addressPrefix\":\"10.0.9.0/29\"}}]}");
	put(c, VGW,
	    "{\"virtualNetwork\":{\"resourceRef\":\"/virtualNetworks/"
	    "red\"},\"gatewaySubnets\":[{\"resourceRef\":\"/virtualNetworks/red/"
	    "subnets/g\"}],\"gatewayPools\":[{\"resourceRef\":\"/gatewayPools/p\"}]}");
}

#define SAYS(rdid, more) ",\"gateway\":{\"virtualGateways\":{\"" rdid "\":{\"namespace\":\"gwd-h1-5\"," more "}}}"

/* Where it is, the plan says; all else is as its node says, and of no other node, nor of another tenant's. */
static void test_GW_6_virtual_gateways(void **state)
{
	struct held one = {0}, two = {0};
	struct controller c;
	json_t *p, *statistics;

	deploy_gateway(&c, state);
	p = properties_of(&c, GATEWAY);
	assert_int_equal(json_array_size(json_object_get(p, "virtualGateways")), 0);
	json_decref(p);
	deploy_virtual(&c);
	p = properties_of(&c, GATEWAY);
	assert_string_equal(at(json_array_get(json_object_get(p, "virtualGateways"), 0), "resourceRef", NULL),
			    "/virtualGateways/v");
	json_decref(p);
	p = properties_of(&c, VGW);
	assert_string_equal(at(json_object_get(p, "gateway"), "resourceRef", NULL), "/gateways/g1");
	assert_null(json_object_get(p, "statistics"));
	assert_null(json_object_get(p, "state"));
	json_decref(p);
	fetch(&c, &one, STATE);
	fetch(&c, &two, V1 "/servers/h2/state");
	report(&c, "h2", &two, SAYS(RDID, "\"state\":\"Waiting\",\"outside\":{\"sentBytes\":9}"));
	report(&c, "h1", &one,
	       SAYS(RDID, "\"state\":\"Ready\",\"customerAddresses\":[\"10.0.9.2/29\"],\"publicAddresses\":["
			  "\"198.51.100.9:4096-8191\"],\"outside\":{\"sentBytes\":7},\"nat\":{\"state\":\"Up\","
			  "\"trackedConnections\":5}"));
	p = properties_of(&c, VGW);
	statistics = json_object_get(p, "statistics");
	assert_string_equal(at(p, "state", NULL), "Ready");
	assert_string_equal(json_string_value(json_array_get(json_object_get(p, "publicAddresses"), 0)),
			    "198.51.100.9:4096-8191");
	assert_string_equal(json_string_value(json_array_get(json_object_get(p, "customerAddresses"), 0)),
			    "10.0.9.2/29");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(statistics, "outside"), "sentBytes")), 7);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(statistics, "nat"), "trackedConnections")),
			 5);
	assert_null(json_object_get(statistics, "namespace"));
	json_decref(p);
	configuration_is(&c, VGW, "Success", "[]");
	/* Each part of it in the words of who does it. */
	report(&c, "h1", &one, SAYS(RDID, "\"state\":\"Degraded\",\"stateDetail\":\"no way out\""));
	configuration_is(&c, VGW, "Warning", "no way out");
	report(&c, "h1", &one,
	       SAYS(RDID, "\"state\":\"Ready\",\"nat\":{\"state\":\"Failed\",\"stateDetail\":\"no nft\"}"));
	configuration_is(&c, VGW, "Failure", "nat: no nft");
	report(&c, "h1", &one, ",\"gateway\":{\"virtualGateways\":{}}");
	p = properties_of(&c, VGW);
	assert_null(json_object_get(p, "statistics"));
	json_decref(p);
	/* It moves: what the other one says of it counts from then on. */
	put(&c, GATEWAY, "{\"virtualServer\":{\"resourceRef\":\"/servers/h1\"}}");
	p = properties_of(&c, VGW);
	assert_null(json_object_get(p, "gateway"));
	json_decref(p);
	put(&c, V1 "/gateways/g2",
	    "{\"virtualServer\":{\"resourceRef\":\"/servers/h2\"},\"pool\":{\"resourceRef\":\"/gatewayPools/p\"}}");
	p = properties_of(&c, VGW);
	assert_string_equal(at(json_object_get(p, "gateway"), "resourceRef", NULL), "/gateways/g2");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_object_get(p, "statistics"), "outside"), "sentBytes")),
			 9);
	json_decref(p);
	json_decref(one.paths);
	json_decref(two.paths);
	leave(&c);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

#define SITE VGW "/networkConnections/site"

static void instance_of(struct controller *c, const char *path, char ret[static GW_UUID_STRLEN])
{
	struct response r = simple(&c->s, "GET", path, NULL);

	assert_int_equal(r.status, 200);
	snprintf(ret, GW_UUID_STRLEN, "%s", at(r.json, "instanceId", NULL));
	done(&r);
}

/* What the node that carries it says of it, and of another one nothing. */
static void test_GW_2_connections(void **state)
{
	char id[GW_UUID_STRLEN], said[640];
	struct held one = {0};
	struct controller c;
	json_t *p;

	deploy_gateway(&c, state);
	deploy_virtual(&c);
	put(&c, GATEWAY, "{\"virtualServer\":{\"resourceRef\":\"/servers/h1\"}}");
	put(&c, SITE,
	    "{\"connectionType\":\"GRE\",\"destinationIPAddress\":\"198.51.100.9\",\"outboundKiloBitsPerSecond\":"
	    "3000}");
	p = properties_of(&c, SITE); /* on no gateway: it is in no pool */
	assert_string_equal(at(p, "connectionStatus", NULL), "Disabled");
	assert_string_equal(at(p, "connectionState", NULL), "Unknown");
	assert_null(json_object_get(p, "gateway"));
	json_decref(p);
	configuration_is(&c, SITE, "Failure", "NoVirtualGateway");
	put(&c, GATEWAY, IN_POOL);
	p = properties_of(&c, SITE);
	assert_string_equal(at(p, "connectionStatus", NULL), "Enabled");
	assert_string_equal(at(p, "connectionState", NULL), "Unknown");
	assert_string_equal(at(json_object_get(p, "gateway"), "resourceRef", NULL), "/gateways/g1");
	assert_null(json_object_get(p, "statistics"));
	json_decref(p);
	is(&c, "Failed", "Unknown", 100000, 97000); /* what it has been promised */
	fetch(&c, &one, STATE);
	instance_of(&c, SITE, id);
	snprintf(said, sizeof said,
		 ",\"gateway\":{\"connections\":{\"%s\":{\"state\":\"Ready\",\"connectionState\":\"Connected\","
		 "\"connectionUpTime\":70,\"statistics\":{\"outboundBytes\":9}}}}",
		 id);
	report(&c, "h1", &one, said);
	p = properties_of(&c, SITE);
	assert_string_equal(at(p, "connectionState", NULL), "Connected");
	assert_int_equal(json_integer_value(json_object_get(p, "connectionUpTime")), 70);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(p, "statistics"), "outboundBytes")), 9);
	json_decref(p);
	configuration_is(&c, SITE, "Success", "[]");
	snprintf(said, sizeof said,
		 ",\"gateway\":{\"connections\":{\"%s\":{\"state\":\"Waiting\",\"stateDetail\":\"no interface\","
		 "\"connectionState\":\"Disconnected\",\"unreachabilityReason\":\"silent\"}}}",
		 id);
	report(&c, "h1", &one, said);
	p = properties_of(&c, SITE);
	assert_string_equal(at(p, "connectionState", NULL), "Disconnected");
	assert_string_equal(at(p, "connectionErrorReason", NULL), "no interface");
	assert_string_equal(at(p, "unreachabilityReason", NULL), "silent");
	assert_null(json_object_get(p, "connectionUpTime"));
	json_decref(p);
	configuration_is(&c, SITE, "Warning", "no interface");
	json_decref(one.paths);
	leave(&c);
}

/* --- what rules and addresses have counted ------------------------------------------------------------------------- */

#define OWN    V1 "/publicIPAddresses/own"
#define SHARED V1 "/publicIPAddresses/shared"
#define ANNS   V1 "/publicIPAddresses/anns"
#define ANN    "00000000-2222-3333-4444-000000000002"

static void put_as(struct controller *c, const char *tenant, const char *path, const char *properties)
{
	_cleanup_free_ char *body = NULL;
	struct response r;

	assert_true(asprintf(&body, "{\"resourceMetadata\":{\"tenantId\":\"%s\"},\"properties\":%s}", tenant,
			     properties) > 0);
	r = simple(&c->s, "PUT", path, body);
	if (r.status != 200 && r.status != 201)
		fail_msg("PUT %s: %s", path, r.text);
	done(&r);
}

#define REF(path) "{\"resourceRef\":\"" path "\"}"
#define FRONT(id, address, more)                                                                                       \
	"{\"resourceId\":\"" id "\",\"properties\":{\"publicIPAddress\":" REF("/publicIPAddresses/" address) more "}}"
#define OUTBOUND(lb, fronts)                                                                                           \
	"{\"resourceId\":\"out\",\"properties\":{\"frontendIPConfigurations\":[" fronts                                \
	"],\"backendAddressPool\":" REF("/loadBalancers/" lb "/backendAddressPools/b") "}}"
#define BALANCER(network, fronts, rules, inbound)                                                                      \
	"{\"frontendIPConfigurations\":[" fronts                                                                       \
	"],\"backendAddressPools\":[{\"resourceId\":\"b\",\"properties\":{\"subnets\":[" REF(                          \
		"/virtualNetworks/" network "/subnets/web") "]}}],\"outboundNatRules\":[" rules                        \
							    "],\"inboundNatRules\":[" inbound "]}"
#define LB(id, part) V1 "/loadBalancers/" id part
#define F(lb, id)    REF("/loadBalancers/" lb "/frontendIPConfigurations/" id)

/* Two networks, of the operator's and of Ann's, by one gateway, with an address of the first one's own and two that are shared. */
static void deploy_rules(struct controller *c)
{
	put(c, GATEWAY, IN_POOL);
	put(c, V1 "/virtualNetworks/red",
	    "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\"]},\"routingDomainId\":\"" RDID
	    "\",\"subnets\":[{\"resourceId\":\"web\",\"properties\":{\"addressPrefix\":\"10.0.0.0/24\"}}]}");
	put(c, VGW,
	    "{\"virtualNetwork\":" REF("/virtualNetworks/red") ",\"gatewayPools\":[" REF("/gatewayPools/p") "]}");
	put_as(c, "ann", V1 "/virtualNetworks/ann",
	       "{\"addressSpace\":{\"addressPrefixes\":[\"10.0.0.0/16\"]},\"routingDomainId\":\"" ANN
	       "\",\"subnets\":[{\"resourceId\":\"web\",\"properties\":{\"addressPrefix\":\"10.0.0.0/24\"}}]}");
	put_as(c, "ann", V1 "/virtualGateways/ann",
	       "{\"virtualNetwork\":" REF("/virtualNetworks/ann") ",\"gatewayPools\":[" REF("/gatewayPools/p") "]}");
	put(c, OWN, "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.5\"}");
	put(c, SHARED, "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.9\",\"shared\":true}");
	put_as(c, "ann", ANNS,
	       "{\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.7\",\"shared\":true}");
	put(c, V1 "/networkInterfaces/vm",
	    "{\"privateMacAddress\":\"020000000077\",\"privateMacAllocationMethod\":\"Static\",\"ipConfigurations\":[{"
	    "\"resourceId\":\"a\",\"properties\":{\"privateIPAddress\":\"10.0.0.9\",\"privateIPAllocationMethod\":"
	    "\"Static\","
	    "\"subnet\":" REF("/virtualNetworks/red/subnets/web") "}}]}");
	put(c, LB("red", ""),
	    BALANCER("red",
		     FRONT("o", "own", "") "," FRONT("o2", "own", "") "," FRONT("s", "shared",
										",\"portBlockStart\":4096"),
		     OUTBOUND("red", F("red", "o") "," F("red", "o2") "," F("red", "s")),
		     "{\"resourceId\":\"in\",\"properties\":{\"frontendIPConfigurations\":[" F(
			     "red", "o") "],\"protocol\":"
					 "\"Tcp\",\"frontendPort\":80,\"backendIPConfiguration\":" REF(
						 "/networkInterfaces/vm/ipConfigurations/a") "}}"));
	put_as(c, "ann", LB("ann", ""),
	       BALANCER("ann",
			FRONT("s", "shared", ",\"portBlockStart\":8192") "," FRONT("a", "anns",
										   ",\"portBlockStart\":8192"),
			OUTBOUND("ann", F("ann", "s") "," F("ann", "a")), ""));
}

/* `statistics` of it, as text; "": none. */
static void counts(struct controller *c, const char *path, const char *wanted)
{
	json_t *p = properties_of(c, path), *statistics = json_object_get(p, "statistics");
	_cleanup_free_ char *text = statistics ? json_dumps(statistics, JSON_COMPACT) : strdup(""),
			    *all = json_dumps(p, 0);

	if (strcmp(text, wanted) != 0)
		fail_msg("%s: %s instead of %s: %s", path, text, wanted, all);
	json_decref(p);
}

#define COUNTED(text) "{\"state\":\"Synced\",\"gateway\":{\"publicAddresses\":{" text "}}}"
#define OF_RED(more)                                                                                                   \
	"\"" RDID "\":{" more "\"203.0.113.5\":{\"outboundConnections\":10,\"inboundConnections\":3,\"rules\":{"       \
	"\"Outbound-All-203.0.113.5-0\":10,\"Inbound-Tcp-203.0.113.5-80\":3}},\"203.0.113.9\":{"                       \
	"\"outboundConnections\":5,\"inboundConnections\":0,\"rules\":{\"Outbound-All-203.0.113.9-4096\":5}}}"
#define OF_ANN                                                                                                         \
	"\"" ANN "\":{\"203.0.113.9\":{\"outboundConnections\":70,\"inboundConnections\":0,\"rules\":{"                \
	"\"Outbound-All-203.0.113.9-8192\":70}},\"203.0.113.7\":{\"outboundConnections\":2,\"inboundConnections\":0,"  \
	"\"rules\":{\"Outbound-All-203.0.113.7-8192\":2}}}"

/* Each rule what its places have; an address what all have there, but of a tenant's own what is his. */
static void test_GW_6_counted(void **state)
{
	struct held one = {0};
	struct controller c;

	deploy_gateway(&c, state);
	deploy_rules(&c);
	fetch(&c, &one, STATE);
	report(&c, "h1", &one, "");
	counts(&c, OWN, ""); /* nothing has been said */
	counts(&c, LB("red", "/outboundNatRules/out"), "");
	assert_int_equal(status_of(&c.s, "PUT", STATUS, COUNTED(OF_RED("") "," OF_ANN)), 204);
	counts(&c, LB("red", "/outboundNatRules/out"), "{\"connections\":15}"); /* two front ends are one place */
	counts(&c, LB("red", "/inboundNatRules/in"), "{\"connections\":3}");
	counts(&c, LB("ann", "/outboundNatRules/out?tenantId=ann"), "{\"connections\":72}");
	counts(&c, OWN, "{\"outboundConnections\":10,\"inboundConnections\":3}");
	counts(&c, SHARED, "{\"outboundConnections\":75,\"inboundConnections\":0}");
	counts(&c, ANNS "?tenantId=ann", "{\"outboundConnections\":2,\"inboundConnections\":0}");
	/* Another network's is not hers, also where its front end is at her address. */
	put(&c, LB("red", "/frontendIPConfigurations/s"),
	    "{\"publicIPAddress\":" REF("/publicIPAddresses/anns?tenantId=ann") ",\"portBlockStart\":4096}");
	assert_int_equal(
		status_of(&c.s, "PUT", STATUS,
			  COUNTED("\"" RDID "\":{\"203.0.113.7\":{\"outboundConnections\":40,\"inboundConnections\":0,"
				  "\"rules\":{\"Outbound-All-203.0.113.7-4096\":40}}}," OF_ANN)),
		204);
	counts(&c, LB("red", "/outboundNatRules/out"), "{\"connections\":40}");
	counts(&c, ANNS "?tenantId=ann", "{\"outboundConnections\":2,\"inboundConnections\":0}");
	/* What is not named has counted nothing, unless there was no room for all. */
	assert_int_equal(status_of(&c.s, "PUT", STATUS, COUNTED("\"" RDID "\":{}")), 204);
	counts(&c, LB("red", "/inboundNatRules/in"), "{\"connections\":0}");
	counts(&c, OWN, "{\"outboundConnections\":0,\"inboundConnections\":0}");
	counts(&c, LB("ann", "/outboundNatRules/out?tenantId=ann"), "");
	assert_int_equal(status_of(&c.s, "PUT", STATUS, COUNTED("\"" RDID "\":{\"more\":true}")), 204);
	counts(&c, LB("red", "/inboundNatRules/in"), "");
	counts(&c, OWN, "");
	assert_int_equal(status_of(&c.s, "PUT", STATUS,
				   COUNTED("\"" RDID "\":{\"203.0.113.5\":{\"outboundConnections\":1,\"rules\":{},"
					   "\"more\":true}}")),
			 204);
	counts(&c, LB("red", "/inboundNatRules/in"), "");
	counts(&c, OWN, "{\"outboundConnections\":1,\"inboundConnections\":0}");
	/* Where the gateway is not, nobody counts. */
	assert_int_equal(status_of(&c.s, "PUT", V1 "/servers/h2/status", COUNTED(OF_RED(""))), 204);
	counts(&c, OWN, "{\"outboundConnections\":1,\"inboundConnections\":0}");
	put(&c, GATEWAY, "{\"virtualServer\":{\"resourceRef\":\"/servers/h1\"}}");
	counts(&c, OWN, "");
	put(&c, V1 "/gateways/g2",
	    "{\"virtualServer\":{\"resourceRef\":\"/servers/h2\"},\"pool\":{\"resourceRef\":\"/gatewayPools/p\"}}");
	counts(&c, OWN, "{\"outboundConnections\":10,\"inboundConnections\":3}");
	counts(&c, LB("red", "/inboundNatRules/in"), "{\"connections\":3}");
	/* Of one that is not in force nothing is said. */
	report(&c, "h2", &one,
	       ",\"failed\":1,\"failures\":[{\"path\":\"/hnv/natRules/" RDID
	       "-Inbound-Tcp-203.0.113.5-80-10.0.0.9_32\",\"code\":\"Conflict\",\"message\":\"no\"}]");
	counts(&c, LB("red", "/inboundNatRules/in"), "");
	counts(&c, OWN, "{\"outboundConnections\":10,\"inboundConnections\":3}");
	json_decref(one.paths);
	leave(&c);
}

/* A node may say what it likes: it is refused whole, and what it has said before stays. */
static void test_refused(void **state)
{
	static const char *const said[] = {
		"[]",
		"{\"capabilities\":7}",
		"{\"capabilities\":{\"a\":null}}",
		"{\"capabilities\":{\"a\":\"\\u0007\"}}",
		"{\"capabilities\":{\"\\u001b[31m\":1}}",
		"{\"capabilities\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}",
		"{\"virtualGateways\":[]}",
		"{\"virtualGateways\":{\"blue\":{}}}",
		"{\"virtualGateways\":{\"" RDID "\":7}}",
		"{\"virtualGateways\":{\"" RDID "\":{\"state\":null}}}",
		"{\"virtualGateways\":{\"" RDID "\":{\"counters\":{\"a\":{\"b\":{\"c\":1}}}}}}",
		"{\"connections\":[]}",
		"{\"connections\":{\"site\":{}}}",
		"{\"connections\":{\"" RDID "\":{\"state\":null}}}",
		"{\"publicAddresses\":7}",
		"{\"publicAddresses\":{\"blue\":{}}}",
		"{\"publicAddresses\":{\"" RDID "\":{\"203.0.113.5\":{\"rules\":{\"a\":{\"b\":1}}}}}}",
		"{\"publicAddresses\":{\"" RDID "\":{\"203.0.113.5\":null}}}",
	};
	static char body[400000] = "{\"gateway\":{\"capabilities\":{\"a\":[0";
	struct controller c;
	size_t n;

	deploy_gateway(&c, state);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		_cleanup_free_ char *text = NULL;

		assert_true(asprintf(&text, "{\"state\":\"Synced\",\"gateway\":%s}", said[i]) > 0);
		if (status_of(&c.s, "PUT", STATUS, text) != 400)
			fail_msg("%s was taken", said[i]);
	}
	/* Too much of it. */
	for (n = strlen(body); n < 2000; n += 2)
		strcpy(body + n, ",0");
	strcpy(body + n, "]}},\"state\":\"Synced\"}");
	assert_int_equal(status_of(&c.s, "PUT", STATUS, body), 400);
	n = (size_t)snprintf(body, sizeof body, "{\"state\":\"Synced\",\"gateway\":{\"virtualGateways\":{");
	for (unsigned i = 0; i <= 4096; i++)
		n += (size_t)snprintf(body + n, sizeof body - n, "%s\"%.32s%04u\":1", i ? "," : "", RDID, i);
	strcpy(body + n, "}}}");
	assert_true(n < sizeof body - 4);
	assert_int_equal(status_of(&c.s, "PUT", STATUS, body), 400);
	is(&c, "Failed", "Unknown", -1, -1);
	leave(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_GW_6_state, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_GW_6_capabilities, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_GW_6_virtual_gateways, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_GW_2_connections, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_GW_6_counted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refused, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
