/*
 * test_cost.c - what settling a request, starting again and planning cost: of twice as much, about twice as much. What is held
 * against all others of its sort would cost four times, and a tenant with many would keep everybody else waiting.
 *
 * Work is counted in blocks of code that run in the catalogue and the planner (unit.mk), not in time: it is the same every time.
 */
#include "plan_fixture.h"

void __sanitizer_cov_trace_pc(void);

static uint64_t work;

void __sanitizer_cov_trace_pc(void)
{
	work++;
}

/* --- resources ---------------------------------------------------------------------------------------------------- */

#define MAX_PATHS 4096

static char paths[MAX_PATHS][128]; /* of what was put, parents before their children */
static size_t n_paths;

static const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *at(const char *format, ...)
{
	static char text[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return text;
}

static void put(struct world *w, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put(struct world *w, const char *path, const char *format, ...)
{
	struct gw_error err = GW_ERROR_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	check(n_paths < MAX_PATHS, "too many");
	snprintf(paths[n_paths++], sizeof *paths, "%s", path);
	if (world_put(w, NULL, path, json_of(text), &err) < 0)
		fail_msg("%s: %s: %s", path, err.target, err.message);
}

static void public_address(struct world *w)
{
	put(w, "/logicalNetworks/outside", "{}");
	put(w, "/logicalNetworks/outside/subnets/s", "{'addressPrefix':'198.51.100.0/24','isPublic':true}");
	put(w, "/logicalNetworks/outside/subnets/s/ipPools/p",
	    "{'startIpAddress':'198.51.100.10','endIpAddress':'198.51.100.99'}");
	put(w, "/publicIPAddresses/p", "{}");
}

static void network(struct world *w)
{
	put(w, "/virtualNetworks/v", "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']}}");
	put(w, "/virtualNetworks/v/subnets/s", "{'addressPrefix':'10.0.0.0/16'}");
	put(w, "/macPools/m", "{'startMacAddress':'001DD8000000','endMacAddress':'001DD80FFFFF'}");
}

static void public_addresses(struct world *w, unsigned n)
{
	put(w, "/logicalNetworks/outside", "{}");
	put(w, "/logicalNetworks/outside/subnets/s",
	    "{'addressPrefix':'198.18.0.0/15','isPublic':true,'defaultGateways':['198.18.0.1','198.18.0.2']}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/logicalNetworks/outside/subnets/s/ipPools/p%u", i),
		    "{'startIpAddress':'198.18.%u.%u','endIpAddress':'198.18.%u.%u'}", 1 + i / 100, i % 100 * 2,
		    1 + i / 100, i % 100 * 2);
	for (unsigned i = 0; i < n / 2; i++)
		put(w, at("/publicIPAddresses/a%u", i), "{}");
}

#define OF(collection, id) "{'resourceRef':'" collection id "'}"

/* Each by two front ends, of balancers that share one address. */
static void inbound_rules(struct world *w, unsigned n)
{
	public_address(w);
	for (unsigned i = 0; i < n; i++) {
		unsigned l = i / 256;

		if (i % 256 == 0) {
			put(w, at("/loadBalancers/l%u", l), "{}");
			for (unsigned f = 0; f < 2; f++)
				put(w, at("/loadBalancers/l%u/frontendIPConfigurations/f%u", l, f),
				    "{'publicIPAddress':" OF("/publicIPAddresses/", "p") "}");
		}
		put(w, at("/loadBalancers/l%u/inboundNatRules/r%u", l, i),
		    "{'protocol':'Tcp','frontendPort':%u,'frontendIPConfigurations':[" OF(
			    "/loadBalancers/",
			    "l%u/frontendIPConfigurations/f0") "," OF("/loadBalancers/",
								      "l%u/frontendIPConfigurations/f1") "]}",
		    i + 1, l, l);
	}
}

static void frontends(struct world *w, unsigned n)
{
	public_address(w);
	for (unsigned i = 0; i < n; i++) {
		if (i % 256 == 0)
			put(w, at("/loadBalancers/l%u", i / 256), "{}");
		put(w, at("/loadBalancers/l%u/frontendIPConfigurations/f%u", i / 256, i),
		    "{'publicIPAddress':" OF("/publicIPAddresses/", "p") "}");
	}
}

static void outbound_rules(struct world *w, unsigned n)
{
	public_address(w);
	put(w, "/loadBalancers/l", "{}");
	put(w, "/loadBalancers/l/frontendIPConfigurations/f", "{'publicIPAddress':" OF("/publicIPAddresses/", "p") "}");
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/loadBalancers/l/backendAddressPools/p%u", i), "{}");
		put(w, at("/loadBalancers/l/outboundNatRules/r%u", i),
		    "{'frontendIPConfigurations':[" OF(
			    "/loadBalancers/",
			    "l/frontendIPConfigurations/f") "],'backendAddressPool':" OF("/loadBalancers/",
											 "l/backendAddressPools/"
											 "p%u") "}",
		    i);
	}
}

/* As many shared addresses, each of them given away whole. */
static void port_blocks(struct world *w, unsigned n)
{
	put(w, "/logicalNetworks/outside", "{}");
	put(w, "/logicalNetworks/outside/subnets/s", "{'addressPrefix':'198.18.0.0/15','isPublic':true}");
	put(w, "/logicalNetworks/outside/subnets/s/ipPools/p",
	    "{'startIpAddress':'198.18.1.1','endIpAddress':'198.18.99.99'}");
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/publicIPAddresses/p%u", i), "{'shared':true}");
		put(w, at("/loadBalancers/l%u", i), "{}");
		for (unsigned k = 0; k < 15; k++)
			put(w, at("/loadBalancers/l%u/frontendIPConfigurations/f%u", i, k),
			    "{'publicIPAddress':" OF("/publicIPAddresses/", "p%u") "}", i);
	}
}

/* All at one front end of a shared address, and so of one network: inbound ones below its blocks, and those of pools. */
static void shared_rules(struct world *w, unsigned n)
{
	network(w);
	public_address(w);
	put(w, "/publicIPAddresses/all", "{'shared':true}");
	put(w, "/loadBalancers/l", "{}");
	put(w, "/loadBalancers/l/frontendIPConfigurations/f",
	    "{'publicIPAddress':" OF("/publicIPAddresses/", "all") "}");
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/loadBalancers/l/inboundNatRules/r%u", i),
		    "{'protocol':'Tcp','frontendPort':%u,'frontendIPConfigurations':[" OF(
			    "/loadBalancers/", "l/frontendIPConfigurations/f") "]}",
		    i + 1);
		put(w, at("/loadBalancers/l/backendAddressPools/p%u", i),
		    "{'subnets':[" OF("/virtualNetworks/", "v/subnets/s") "]}");
		put(w, at("/loadBalancers/l/outboundNatRules/o%u", i),
		    "{'frontendIPConfigurations':[" OF(
			    "/loadBalancers/",
			    "l/frontendIPConfigurations/f") "],'backendAddressPool':" OF("/loadBalancers/",
											 "l/backendAddressPools/"
											 "p%u") "}",
		    i);
	}
}

static void ip_configurations(struct world *w, unsigned n)
{
	network(w);
	put(w, "/networkInterfaces/n", "{}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/networkInterfaces/n/ipConfigurations/c%u", i),
		    "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") "}");
}

static void connections(struct world *w, unsigned n)
{
	network(w);
	put(w, "/virtualGateways/g", "{'virtualNetwork':" OF("/virtualNetworks/", "v") "}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/virtualGateways/g/networkConnections/c%u", i),
		    "{'connectionType':'GRE','destinationIPAddress':'192.0.2.1','greConfiguration':{'greKey':%u}}", i);
}

static void peers(struct world *w, unsigned n)
{
	network(w);
	put(w, "/virtualGateways/g", "{'virtualNetwork':" OF("/virtualNetworks/", "v") "}");
	put(w, "/virtualGateways/g/bgpRouters/r", "{'extAsNumber':'0.65001'}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/virtualGateways/g/bgpRouters/r/bgpPeers/p%u", i),
		    "{'peerIpAddress':'10.0.%u.%u','asNumber':65002}", 1 + i / 200, 1 + i % 200);
}

/* One long chain. */
static void profiles(struct world *w, unsigned n)
{
	put(w, "/portProfiles/p0", "{}");
	for (unsigned i = 1; i < n; i++)
		put(w, at("/portProfiles/p%u", i), "{'inherits':" OF("/portProfiles/", "p%u") "}", i - 1);
}

static void acl_rules(struct world *w, unsigned n)
{
	put(w, "/accessControlLists/a", "{}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/accessControlLists/a/aclRules/r%u", i), "{'action':'Allow','type':'Inbound','priority':%u}",
		    100 + i);
}

static void routes(struct world *w, unsigned n)
{
	put(w, "/routeTables/t", "{}");
	for (unsigned i = 0; i < n; i++)
		put(w, at("/routeTables/t/routes/r%u", i), "{'addressPrefix':'172.16.%u.%u/32','nextHopType':'None'}",
		    i / 200, i % 200);
}

static void subnets(struct world *w, unsigned n)
{
	network(w);
	for (unsigned i = 0; i < n; i++)
		put(w, at("/virtualNetworks/v/subnets/s%u", i), "{'addressPrefix':'10.%u.%u.0/24'}", 1 + i / 200,
		    i % 200);
}

/* As many routes as subnets, of all sorts, and each subnet with a table of its own. */
static void routed(struct world *w, unsigned n)
{
	static const char *const hops[] = {"'None'", "'VnetLocal'", "'VirtualNetworkGateway'",
					   "'VirtualAppliance','nextHopIpAddress':'10.1.0.9'",
					   "'VirtualAppliance','nextHopIpAddress':'172.31.0.9'"};

	network(w);
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/routeTables/t%u", i), "{}");
		put(w, at("/routeTables/t%u/routes/r%u", i, i), "{'addressPrefix':'172.%u.%u.0/24','nextHopType':%s}",
		    16 + i / 200, i % 200, hops[i % GW_N(hops)]);
		put(w, at("/virtualNetworks/v/subnets/s%u", i),
		    "{'addressPrefix':'10.%u.%u.0/24','routeTable':" OF("/routeTables/", "t%u") "}", 1 + i / 200,
		    i % 200, i);
	}
	put(w, "/logicalNetworks/l", "{}");
	put(w, "/logicalNetworks/l/subnets/s", "{'addressPrefix':'192.0.2.0/24'}");
	put(w, "/servers/h",
	    "{'providerAddresses':[{'address':'192.0.2.9','logicalSubnet':" OF("/logicalNetworks/",
									       "l/subnets/s") "}]}");
	put(w, "/networkInterfaces/n", "{'server':" OF("/servers/", "h") ",'hostInterface':'tap0'}");
	put(w, "/networkInterfaces/n/ipConfigurations/c", "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") "}");
}

static void change_one_nic(struct world *w, unsigned n)
{
	(void)n;
	put(w, "/networkInterfaces/n", "{'server':" OF("/servers/", "h") ",'hostInterface':'tap1'}");
	n_paths--;
}

/* With as many pools as addresses. */
static void pooled(struct world *w, unsigned n)
{
	network(w);
	for (unsigned i = 0; i < n; i++)
		put(w, at("/virtualNetworks/v/subnets/s/ipPools/p%u", i),
		    "{'startIpAddress':'10.0.%u.%u','endIpAddress':'10.0.%u.%u'}", 1 + i / 100, i % 100 * 2,
		    1 + i / 100, i % 100 * 2);
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/networkInterfaces/n%u", i), "{}");
		put(w, at("/networkInterfaces/n%u/ipConfigurations/c", i),
		    "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") "}");
	}
}

/* In two pools that all are in. */
static void members(struct world *w, unsigned n)
{
	network(w);
	put(w, "/loadBalancers/l", "{}");
	for (unsigned i = 0; i < 2; i++)
		put(w, at("/loadBalancers/l/backendAddressPools/p%u", i), "{}");
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/networkInterfaces/n%u", i), "{}");
		put(w, at("/networkInterfaces/n%u/ipConfigurations/c", i),
		    "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") ",'loadBalancerBackendAddressPools':[" OF(
			    "/loadBalancers/", "l/backendAddressPools/p0") "," OF("/loadBalancers/",
										  "l/backendAddressPools/p1") "]}");
	}
}

static void gateway_nodes(struct world *w)
{
	put(w, "/servers/g", "{'providerAddresses':[{'address':'192.0.2.9'}]}");
	put(w, "/gatewayPools/g", "{}");
	put(w, "/gateways/g", "{'pool':" OF("/gatewayPools/", "g") ",'virtualServer':" OF("/servers/", "g") "}");
}

/* VMs of one network, all in a pool that is translated, and each reached by a port of its own. */
static void translated(struct world *w, unsigned n)
{
	network(w);
	public_address(w);
	gateway_nodes(w);
	put(w, "/virtualNetworks/v/subnets/g", "{'addressPrefix':'10.1.0.0/29'}");
	put(w, "/virtualGateways/g",
	    "{'virtualNetwork':" OF("/virtualNetworks/", "v") ",'gatewayPools':[" OF(
		    "/gatewayPools/", "g") "],'gatewaySubnets':[" OF("/virtualNetworks/", "v/subnets/g") "]}");
	put(w, "/loadBalancers/l", "{}");
	put(w, "/loadBalancers/l/frontendIPConfigurations/f", "{'publicIPAddress':" OF("/publicIPAddresses/", "p") "}");
	put(w, "/loadBalancers/l/backendAddressPools/p", "{}");
	put(w, "/loadBalancers/l/outboundNatRules/o",
	    "{'frontendIPConfigurations':[" OF(
		    "/loadBalancers/",
		    "l/frontendIPConfigurations/f") "],'backendAddressPool':" OF("/loadBalancers/",
										 "l/backendAddressPools/p") "}");
	for (unsigned i = 0; i < n; i++) {
		put(w, at("/networkInterfaces/n%u", i), "{}");
		put(w, at("/networkInterfaces/n%u/ipConfigurations/c", i),
		    "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") ",'loadBalancerBackendAddressPools':[" OF(
			    "/loadBalancers/", "l/backendAddressPools/p") "]}");
		put(w, at("/loadBalancers/l/inboundNatRules/r%u", i),
		    "{'protocol':'Tcp','frontendPort':%u,'frontendIPConfigurations':[" OF(
			    "/loadBalancers/",
			    "l/frontendIPConfigurations/f") "],'backendIPConfiguration':" OF("/networkInterfaces/",
											     "n%u/ipConfigurations/"
											     "c") "}",
		    i + 1, i);
	}
}

/* Networks with nothing in common but the gateway node and addresses that they share. */
static void tenants_outside(struct world *w, unsigned n)
{
	public_address(w);
	gateway_nodes(w);
	for (unsigned i = 0; i < n; i++) {
		if (i % 8 == 0)
			put(w, at("/publicIPAddresses/s%u", i / 8), "{'shared':true}");
		put(w, at("/virtualNetworks/v%u", i), "{'addressSpace':{'addressPrefixes':['10.0.0.0/8']}}");
		put(w, at("/virtualNetworks/v%u/subnets/s", i), "{'addressPrefix':'10.0.0.0/16'}");
		put(w, at("/virtualNetworks/v%u/subnets/g", i), "{'addressPrefix':'10.1.0.0/29'}");
		put(w, at("/virtualGateways/v%u", i),
		    "{'gatewayPools':[" OF("/gatewayPools/", "g") "],'gatewaySubnets':[" OF("/virtualNetworks/",
											    "v%u/subnets/g") "]}",
		    i);
		put(w, at("/loadBalancers/l%u", i), "{}");
		put(w, at("/loadBalancers/l%u/frontendIPConfigurations/f", i),
		    "{'publicIPAddress':" OF("/publicIPAddresses/", "s%u") "}", i / 8);
		put(w, at("/loadBalancers/l%u/backendAddressPools/p", i),
		    "{'subnets':[" OF("/virtualNetworks/", "v%u/subnets/s") "]}", i);
		put(w, at("/loadBalancers/l%u/outboundNatRules/o", i),
		    "{'frontendIPConfigurations':[" OF("/loadBalancers/",
						       "l%u/frontendIPConfigurations/f") "],'backendAddressPool'"
											 ":" OF("/loadBalancers/",
												"l%u/"
												"backendAddressPool"
												"s/p") "}",
		    i, i);
	}
}

static void change_one_tenant(struct world *w, unsigned n)
{
	(void)n;
	put(w, "/loadBalancers/l0/outboundNatRules/o",
	    "{'protocol':'Tcp','frontendIPConfigurations':[" OF(
		    "/loadBalancers/",
		    "l0/frontendIPConfigurations/f") "],'backendAddressPool':" OF("/loadBalancers/",
										  "l0/backendAddressPools/p") "}");
	n_paths--;
}

static void change_one_member(struct world *w, unsigned n)
{
	(void)n;
	put(w, "/networkInterfaces/n0/ipConfigurations/c",
	    "{'subnet':" OF("/virtualNetworks/", "v/subnets/s") ",'loadBalancerBackendAddressPools':[" OF(
		    "/loadBalancers/", "l/backendAddressPools/p0") "]}");
	n_paths--;
}

static void change_one_rule(struct world *w, unsigned n)
{
	(void)n;
	put(w, "/loadBalancers/l0/inboundNatRules/r0",
	    "{'protocol':'Udp','frontendPort':1,'frontendIPConfigurations':[" OF(
		    "/loadBalancers/", "l0/frontendIPConfigurations/f0") "]}");
	n_paths--;
}

static void delete_subnets(struct world *w, unsigned n)
{
	struct gw_error err = GW_ERROR_INIT;

	/* What stays is held against what their parent says. */
	for (unsigned i = 0; i < n; i += 2)
		if (world_delete(w, NULL, at("/virtualNetworks/v/subnets/s%u", i), &err) < 0)
			fail_msg("s%u: %s", i, err.message);
}

/* --- measuring ---------------------------------------------------------------------------------------------------- */

struct scene {
	const char *name;
	void (*build)(struct world *w, unsigned n);
	void (*change)(struct world *w, unsigned n); /* in a request of its own, which is what is measured then */
	unsigned n;
	bool is_small; /* the change touches so little that settling it costs the same, whatever else is there */
	bool is_alone; /* and so does planning it */
};

struct cost {
	uint64_t settling, planning, starting;
};

static void no_trouble(void *ctx, const struct gw_resource *r)
{
	(void)ctx;
	fail_msg("%s: %s", r->id, r->now.trouble);
}

static uint64_t start_again(const struct world *w)
{
	struct gw_error err = GW_ERROR_INIT;
	struct world again;
	uint64_t n;

	world_init(&again, 1);
	world_begin(&again);
	for (size_t i = 0; i < n_paths; i++) {
		const struct gw_resource *r = gw_catalog_find(w->c, NULL, paths[i]);

		if (r)
			world_load(&again, paths[i], r, gw_resource_encode_own(r));
	}
	work = 0;
	if (gw_catalog_settle_loaded(again.c, no_trouble, NULL, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	gw_catalog_commit(again.c);
	n = work;
	world_done(&again);
	return n;
}

static struct cost measure(const struct scene *scene, unsigned n)
{
	struct gw_error err = GW_ERROR_INIT;
	struct cost cost = {0};
	struct world w;

	n_paths = 0;
	world_init(&w, 1);
	world_begin(&w);
	scene->build(&w, n);
	if (scene->change) {
		if (world_end(&w, &err) < 0)
			fail_msg("%s: %s: %s", scene->name, err.target, err.message);
		world_begin(&w);
		scene->change(&w, n);
	}
	work = 0;
	if (world_settle(&w, &err) < 0)
		fail_msg("%s: %s: %s", scene->name, err.target, err.message);
	cost.settling = work;
	work = 0;
	assert_int_equal(gw_plan_update(w.p, w.c, ++w.revision), 0);
	gw_catalog_commit(w.c);
	cost.planning = work;
	cost.starting = start_again(&w);
	world_done(&w);
	return cost;
}

/* Sorting takes a little more than twice; and there is chance in how deep trees of keys are. */
static unsigned compare(const char *scene, const char *what, uint64_t once, uint64_t twice, bool is_small)
{
	bool is_much = once == 0 || twice > (is_small ? once * 3 / 2 : once * 27 / 10);

	print_message("%s%s: %s %llu, of twice as many %llu\n", is_much ? "TOO MUCH: " : "", scene, what,
		      (unsigned long long)once, (unsigned long long)twice);
	return is_much;
}

static const struct scene scenes[] = {
	{"inbound rules", inbound_rules, NULL, 300, false, false},
	{"public addresses", public_addresses, NULL, 400, false, false},
	{"front ends", frontends, NULL, 500, false, false},
	{"outbound rules", outbound_rules, NULL, 200, false, false},
	{"port blocks", port_blocks, NULL, 60, false, false},
	{"rules at a shared address", shared_rules, NULL, 150, false, false},
	{"IP configurations", ip_configurations, NULL, 100, false, false},
	{"connections", connections, NULL, 200, false, false},
	{"BGP peers", peers, NULL, 200, false, false},
	{"port profiles", profiles, NULL, 200, false, false},
	{"rules of an ACL", acl_rules, NULL, 200, false, false},
	{"routes", routes, NULL, 200, false, false},
	{"subnets", subnets, NULL, 200, false, false},
	{"a NIC beside subnets and routes", routed, change_one_nic, 400, true, false},
	{"addresses and pools", pooled, NULL, 300, false, false},
	{"members of pools", members, NULL, 200, false, false},
	{"a member beside others", members, change_one_member, 400, true, false},
	{"a rule beside others", inbound_rules, change_one_rule, 300, true, false},
	{"subnets that go", subnets, delete_subnets, 200, false, false},
	{"VMs behind NAT", translated, NULL, 150, false, false},
	{"a tenant beside others at shared addresses", tenants_outside, change_one_tenant, 60, true, true},
};

static unsigned faults(const struct scene *s)
{
	struct cost once = measure(s, s->n), twice = measure(s, 2 * s->n);

	return compare(s->name, "settling", once.settling, twice.settling, s->is_small) +
	       compare(s->name, "planning", once.planning, twice.planning, s->is_alone) +
	       compare(s->name, "starting", once.starting, twice.starting, false);
}

/* What is assigned is chosen by chance, and the search for it may be long once; what grows too much does so each time. */
static void test_cost(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < GW_N(scenes); i++)
		n += faults(&scenes[i]) && faults(&scenes[i]) && faults(&scenes[i]);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
