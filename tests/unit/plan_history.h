/*
 * plan_history.h - what managers do, at random, and what must hold after each step of it. Shared by test_plan_random.c, which
 * says what, and by the fuzz target of the same; each has its own source of chance and of memory that runs out.
 */
#ifndef TESTS_UNIT_PLAN_HISTORY_H
#define TESTS_UNIT_PLAN_HISTORY_H

#include "plan_fixture.h"

/* Less than n. */
static unsigned pick(unsigned n);
/* So many more allocations succeed, and then one fails; -1: all do. */
static void leave_allocations(long n);

#define SERVERS	 4
#define NETWORKS 3
#define SUBNETS	 3
#define NICS	 10
#define TABLES	 2
#define GATEWAYS 2
#define WAYS	 3 /* connections of a virtual gateway */
#define PUBLICS	 4 /* of them the last is shared */

static const char *const tenants[] = {"ann", "bob", NULL};

/* --- what managers do --------------------------------------------------------------------------------------------- */

static char text[8192];

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - n, fmt, ap);
	va_end(ap);
}

static json_t *said(void)
{
	json_t *j = json_of(text);

	*text = '\0';
	return j;
}

static const char *tenant_of(unsigned network)
{
	return tenants[network % GW_N(tenants)];
}

static int put_logical(struct world *w, struct gw_error *err)
{
	char path[64];
	unsigned i = pick(2);

	snprintf(path, sizeof path, "/logicalNetworks/l%u", i);
	say("{'subnets':[");
	for (unsigned k = 0; k < 2; k++) {
		say("%s{'resourceId':'s%u','properties':{'addressPrefix':'10.%u.%u.0/24'", k ? "," : "", k, 50 + i, k);
		if (k && pick(2))
			say(",'vlanID':%u", 70 + pick(2));
		if (pick(2))
			say(",'defaultGateways':['10.%u.%u.%u']", 50 + i, k, 250 + pick(3));
		if (pick(2))
			say(",'routes':[{'destinationPrefix':'10.5%u.0.0/16','nextHop':'10.%u.%u.254','metric':%u}]",
			    pick(3), 50 + i, pick(2), pick(3));
		say("}}");
	}
	say("]}");
	return world_put(w, NULL, path, said(), err);
}

static int put_server(struct world *w, struct gw_error *err)
{
	unsigned i = pick(SERVERS), n = pick(4);
	char path[64];

	snprintf(path, sizeof path, "/servers/h%u", i);
	say("{'providerAddresses':[");
	for (unsigned k = 0; k < n; k++) {
		unsigned l = pick(2), s = pick(2);

		say("%s{'address':'10.%u.%u.%u'", k ? "," : "", 50 + l + 10 * (pick(8) == 0), s, 10 + i * 4 + k);
		if (pick(4))
			say(",'interface':'%s%u'", pick(6) ? "eth" : "tap", k);
		if (pick(4) == 0)
			say(",'prefixLength':24");
		say("}");
	}
	say("]%s}", pick(2) ? ",'roles':['host']" : "");
	return world_put(w, NULL, path, said(), err);
}

static int put_network(struct world *w, struct gw_error *err)
{
	static const char *const methods[] = {"VXLAN", "NVGRE", "Rewrite"};
	unsigned i = pick(NETWORKS);
	char path[64];

	snprintf(path, sizeof path, "/virtualNetworks/n%u", i);
	say("{'addressSpace':{'addressPrefixes':['10.1.0.0/16','fd00::/16','2001:db8::/32']},"
	    "'routingDomainId':'%u0000000-0000-0000-0000-000000000000'",
	    1 + (pick(10) ? i : pick(6)));
	say(",'encapsulationMethod':'%s'", methods[pick(10) ? pick(2) : 2]);
	if (pick(3) == 0)
		say(",'logicalNetwork':{'resourceRef':'/logicalNetworks/l%u'}", pick(2));
	say("}");
	return world_put(w, tenant_of(i), path, said(), err);
}

static int put_subnet(struct world *w, struct gw_error *err)
{
	unsigned i = pick(NETWORKS), k = pick(SUBNETS);
	const char *tenant = tenant_of(i);
	char path[64];

	snprintf(path, sizeof path, "/virtualNetworks/n%u", i);
	if (!gw_catalog_find(w->c, tenant, path))
		return -ENOENT;
	snprintf(path, sizeof path, "/virtualNetworks/n%u/subnets/s%u", i, k);
	/* Few VSIDs, so that they wander. */
	if (pick(6))
		say("{'addressPrefix':'10.1.%u.0/%u','isolationId':%u", pick(5), 24 + pick(2), 5000 + pick(8));
	else
		say("{'addressPrefix':'%s:%u::/64','isolationId':%u", pick(3) ? "fd00" : "2001:db8:0", 16 * i + pick(5),
		    5000 + pick(8));
	if (pick(2))
		say(",'routeTable':{'resourceRef':'/routeTables/t%u'}", pick(TABLES));
	say("%s}", pick(8) ? "" : ",'broadcastMode':'Multicast'");
	return world_put(w, tenant, path, said(), err);
}

static int put_table(struct world *w, struct gw_error *err)
{
	static const char *const hops[] = {"VirtualAppliance", "VnetLocal", "VirtualNetworkGateway", "Internet",
					   "None"};
	static const char *const prefixes[] = {"0.0.0.0/0",	"10.1.0.0/16", "10.1.1.0/24", "10.1.1.128/25",
					       "172.16.0.0/12", "::/0",	       "fd00:1::/64", "224.0.0.0/8"};
	unsigned n = pick(5);
	char path[64];

	snprintf(path, sizeof path, "/routeTables/t%u", pick(TABLES));
	say("{'routes':[");
	for (unsigned i = 0; i < n; i++) {
		unsigned hop = pick(5), prefix = (pick(4) + 2 * i) % GW_N(prefixes);
		bool v6 = strchr(prefixes[prefix], ':');

		say("%s{'resourceId':'r%u','properties':{'addressPrefix':'%s','nextHopType':'%s'", i ? "," : "", i,
		    prefixes[prefix], hops[hop]);
		if (hop == 0)
			say(v6 ? ",'nextHopIpAddress':'fd00:%u::9'" : ",'nextHopIpAddress':'10.1.%u.9'", pick(5));
		say("}}");
	}
	say("]}");
	return world_put(w, NULL, path, said(), err);
}

static void put_configuration(unsigned network, unsigned k)
{
	say("%s{'resourceId':'c%u','properties':{'subnet':{'resourceRef':'/virtualNetworks/n%u/subnets/s%u'}",
	    k ? "," : "", pick(2) + 2 * k, network, pick(SUBNETS));
	if (pick(4) == 0)
		say(",'publicIPAddress':{'resourceRef':'/publicIPAddresses/a%u'}", pick(PUBLICS));
	if (pick(3) == 0)
		say(",'loadBalancerBackendAddressPools':[{'resourceRef':'/loadBalancers/l%u/backendAddressPools/p%u'}]",
		    network, pick(2));
	if (pick(8) == 0)
		say(",'loadBalancerInboundNatRules':[{'resourceRef':'/loadBalancers/l%u/inboundNatRules/r%u'}]",
		    network, pick(3));
	say("}}");
}

static int put_nic(struct world *w, struct gw_error *err)
{
	unsigned i = pick(NICS), network = pick(NETWORKS), n = 1 + (pick(4) == 0);
	char path[64];

	snprintf(path, sizeof path, "/networkInterfaces/v%u", i);
	say("{'privateMacAddress':'00155D0000%02X'", pick(8) ? i : pick(NICS));
	if (pick(4))
		say(",'server':{'resourceRef':'/servers/h%u'}", pick(SERVERS));
	if (pick(4))
		say(",'hostInterface':'tap%u'", pick(5));
	if (pick(3) == 0)
		say(",'portProfile':{'resourceRef':'/portProfiles/p%u'}", pick(2));
	if (pick(2)) {
		say(",'ipConfigurations':[");
		for (unsigned k = 0; k < n; k++)
			put_configuration(network, k);
		say("]");
	}
	say("}");
	return world_put(w, tenant_of(network), path, said(), err);
}

static int put_profile(struct world *w, struct gw_error *err)
{
	char path[64];
	unsigned i = pick(2);

	snprintf(path, sizeof path, "/portProfiles/p%u", i);
	say("{'portSettings':{%s}%s}", pick(2) ? "'macSpoofingEnabled':'Enabled'" : "",
	    i && pick(2) ? ",'inherits':{'resourceRef':'/portProfiles/p0'}" : "");
	return world_put(w, NULL, path, said(), err);
}

static int put_gateway(struct world *w, struct gw_error *err)
{
	char path[64];
	unsigned i = pick(GATEWAYS);

	if (pick(3) == 0) {
		snprintf(path, sizeof path, "/gatewayPools/g%u", i);
		say("{'type':'All'}");
	} else {
		snprintf(path, sizeof path, "/gateways/g%u", i);
		say("{'virtualServer':{'resourceRef':'/servers/h%u'}", pick(SERVERS));
		if (pick(4))
			say(",'pool':{'resourceRef':'/gatewayPools/g%u'}", pick(GATEWAYS));
		say("}");
	}
	return world_put(w, NULL, path, said(), err);
}

static int put_virtual_gateway(struct world *w, struct gw_error *err)
{
	unsigned network = pick(NETWORKS), n = pick(3);
	char path[64];

	snprintf(path, sizeof path, "/virtualGateways/n%u", network);
	say("{'gatewayPools':[{'resourceRef':'/gatewayPools/g%u'}]", pick(GATEWAYS));
	if (pick(6))
		say(",'virtualNetwork':{'resourceRef':'/virtualNetworks/n%u'}", network);
	say(",'gatewaySubnets':[");
	for (unsigned i = 0; i < n; i++)
		say("%s{'resourceRef':'/virtualNetworks/n%u/subnets/s%u'}", i ? "," : "", network, pick(SUBNETS));
	say("]}");
	return world_put(w, tenant_of(network), path, said(), err);
}

static void put_way_addresses(void)
{
	static const char *const addresses[] = {"10.70.0.2','prefixLength':24", "2001:db8:7::2','prefixLength':64"};
	static const char *const peers[] = {"10.70.0.1", "10.70.0.9", "2001:db8:7::1"};
	unsigned first = pick(2), n = pick(3);

	say(",'ipAddresses':[");
	for (unsigned i = 0; i < n; i++)
		say("%s{'ipAddress':'%s}", i ? "," : "", addresses[(first + i) % 2]);
	say("],'peerIPAddresses':[");
	first = pick(3);
	n = pick(4);
	for (unsigned i = 0; i < n; i++)
		say("%s'%s'", i ? "," : "", peers[(first + i) % 3]);
	say("]");
}

static void put_way_routes(void)
{
	static const char *const prefixes[] = {"172.20.0.0/16", "172.21.0.0/16", "2001:db8:20::/48"};
	unsigned first = pick(3), n = pick(4);

	say(",'routes':[");
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (first + i) % 3;

		say("%s{'destinationPrefix':'%s'", i ? "," : "", prefixes[k]);
		if (pick(3) == 0)
			say(",'nextHop':'%s'", k == 2 ? "2001:db8:7::9" : "10.70.0.9");
		if (pick(2))
			say(",'metric':%u", pick(3));
		say("}");
	}
	say("]");
}

static int put_connection(struct world *w, struct gw_error *err)
{
	unsigned network = pick(NETWORKS), type = pick(9) ? pick(2) : 2;
	char path[64];

	snprintf(path, sizeof path, "/virtualGateways/n%u", network);
	if (!gw_catalog_find(w->c, tenant_of(network), path))
		return -ENOENT;
	snprintf(path, sizeof path, "/virtualGateways/n%u/networkConnections/c%u", network, pick(WAYS));
	say("{'connectionType':'%s'", type == 0 ? "L3" : type == 1 ? "GRE" : "IPSec");
	if (type == 0)
		say(",'l3Configuration':{'vlanSubnet':{'resourceRef':'/logicalNetworks/l%u/subnets/s%u'}}", pick(2),
		    pick(2));
	if (type == 1)
		say(",'destinationIPAddress':'198.51.101.%u'", 1 + pick(3));
	if (type == 1 && pick(3))
		say(",'greConfiguration':{'greKey':%u}", 10 * network + pick(3));
	if (type == 1 && pick(4) == 0)
		say(",'sourceIPAddress':'198.51.100.77'");
	if (pick(3) == 0)
		say(",'outboundKiloBitsPerSecond':%u", 1000 * pick(3));
	if (type < 2) {
		put_way_addresses();
		put_way_routes();
	}
	say("}");
	return world_put(w, tenant_of(network), path, said(), err);
}

static int put_public(struct world *w, struct gw_error *err)
{
	unsigned i = pick(PUBLICS);
	char path[64];

	snprintf(path, sizeof path, "/publicIPAddresses/a%u", i);
	say("{'publicIPAllocationMethod':'Static','ipAddress':'%s%u'",
	    i == 2 && pick(4) ? "2001:db8:9::" : "198.51.100.", 1 + i);
	if (i == PUBLICS - 1)
		say(",'shared':true,'portBlockSize':%u", 1024 << pick(2));
	if (pick(3) == 0)
		say(",'idleTimeoutInMinutes':%u", 1 + pick(3));
	say("}");
	return world_put(w, NULL, path, said(), err);
}

/* Balancer i has front ends f0 and f1, of which each has a block of its own of the shared address, and pools p0 and p1. */
static int put_balancer(struct world *w, struct gw_error *err)
{
	unsigned i = pick(NETWORKS), network = pick(4) ? i : pick(NETWORKS);
	char path[64];

	snprintf(path, sizeof path, "/loadBalancers/l%u", i);
	say("{'frontendIPConfigurations':[");
	for (unsigned k = 0; k < 2; k++) {
		unsigned a = pick(PUBLICS);

		say("%s{'resourceId':'f%u','properties':{'publicIPAddress':{'resourceRef':'/publicIPAddresses/a%u'}",
		    k ? "," : "", k, a);
		if (a == PUBLICS - 1)
			say(",'portBlockStart':%u", 8192 + 2048 * (2 * i + k));
		say("}}");
	}
	say("],'backendAddressPools':[");
	for (unsigned k = 0; k < 2; k++) {
		say("%s{'resourceId':'p%u','properties':{", k ? "," : "", k);
		if (pick(2))
			say("'subnets':[{'resourceRef':'/virtualNetworks/n%u/subnets/s%u'}]", network, pick(SUBNETS));
		say("}}");
	}
	say("]}");
	return world_put(w, tenant_of(i), path, said(), err);
}

static int put_nat_rule(struct world *w, struct gw_error *err)
{
	static const char *const protocols[] = {"All", "Tcp", "Udp"};
	unsigned i = pick(NETWORKS), protocol = pick(3), n = 1 + (pick(4) == 0);
	bool out = pick(2);
	char path[64];

	snprintf(path, sizeof path, "/loadBalancers/l%u", i);
	if (!gw_catalog_find(w->c, tenant_of(i), path))
		return -ENOENT;
	snprintf(path, sizeof path, "/loadBalancers/l%u/%s/r%u", i, out ? "outboundNatRules" : "inboundNatRules",
		 pick(3));
	say("{'protocol':'%s','frontendIPConfigurations':[", protocols[protocol]);
	for (unsigned k = 0; k < n; k++)
		say("%s{'resourceRef':'/loadBalancers/l%u/frontendIPConfigurations/f%u'}", k ? "," : "", i,
		    n == 2 ? k : pick(2));
	say("]");
	if (out)
		say(",'backendAddressPool':{'resourceRef':'/loadBalancers/l%u/backendAddressPools/p%u'}", i, pick(2));
	/* Ports of each balancer's own: which of two networks has one of a shared address is not for chance. */
	if (!out && protocol)
		say(",'frontendPort':%u", 10 * i + 1 + pick(3));
	if (!out && pick(4))
		say(",'backendIPConfiguration':{'resourceRef':'/networkInterfaces/v%u/ipConfigurations/c%u'}",
		    pick(NICS), pick(2));
	say("}");
	return world_put(w, tenant_of(i), path, said(), err);
}

/* Prefixes that are public, of whom they are. */
static int put_public_network(struct world *w, struct gw_error *err)
{
	unsigned i = pick(2);
	char path[64];

	snprintf(path, sizeof path, "/logicalNetworks/o%u", i);
	say("{'subnets':[{'resourceId':'s','properties':{'addressPrefix':'2001:db8:%u::/48','isPublic':%s}}]}", i,
	    pick(4) ? "true" : "false");
	return world_put(w, tenant_of(i), path, said(), err);
}

static int delete_any(struct world *w, struct gw_error *err)
{
	static const enum gw_kind kinds[] = {
		GW_KIND_NETWORK_INTERFACE, GW_KIND_VIRTUAL_NETWORK, GW_KIND_SERVER,	   GW_KIND_ROUTE_TABLE,
		GW_KIND_VIRTUAL_GATEWAY,   GW_KIND_GATEWAY,	    GW_KIND_GATEWAY_POOL,  GW_KIND_PORT_PROFILE,
		GW_KIND_LOGICAL_NETWORK,   GW_KIND_PUBLIC_ADDRESS,  GW_KIND_LOAD_BALANCER, GW_KIND_LOAD_BALANCER};
	enum gw_kind kind = kinds[pick(3) ? pick(2) : pick(GW_N(kinds))];
	const struct gw_resource *r = NULL;
	size_t n = gw_catalog_count_of(w->c, kind);

	if (!n)
		return 0;
	for (unsigned i = pick((unsigned)n) + 1; i; i--)
		r = gw_catalog_next(w->c, NULL, kind, r);
	if (r->children && pick(2))
		r = r->children;
	return gw_catalog_delete(w->c, (struct gw_resource *)r, err);
}

static int act(struct world *w, struct gw_error *err)
{
	static int (*const acts[])(struct world * w, struct gw_error * err) = {
		put_nic,
		put_nic,
		put_nic,
		put_nic,
		put_subnet,
		put_subnet,
		put_network,
		put_server,
		put_server,
		put_table,
		put_profile,
		put_logical,
		put_virtual_gateway,
		put_connection,
		put_connection,
		put_gateway,
		put_public,
		put_balancer,
		put_nat_rule,
		put_nat_rule,
		put_public_network,
		delete_any,
	};

	*text = '\0';
	return acts[pick(GW_N(acts))](w, err);
}

/* --- what must hold ----------------------------------------------------------------------------------------------- */

struct follower {
	struct gw_uuid server;
	struct node node,
		taken; /* what it holds; and what it is being told, of which nothing counts until all is there */
	struct gw_plan_cursor cur;
	bool busy;
};

#define FOLLOWERS 6

struct history {
	struct world w;
	struct follower followers[FOLLOWERS];
	bool behind; /* the plan of what was accepted */
	unsigned long accepted, refused, failed_updates, whole, partial, stale, objects;
	unsigned long kinds[GW_HNV_KIND_MAX]; /* of the objects */
};

static const struct gw_resource *any_server(const struct world *w)
{
	const struct gw_resource *r = NULL;
	size_t n = gw_catalog_count_of(w->c, GW_KIND_SERVER);

	for (unsigned i = n ? pick((unsigned)n) + 1 : 0; i; i--)
		r = gw_catalog_next(w->c, NULL, GW_KIND_SERVER, r);
	return r;
}

static void print_node(const char *title, const struct node *n)
{
	char id[GW_ID_STRLEN];

	for (size_t i = 0; i < n->n; i++)
		fprintf(stderr, "%s %s %s, of revision %llu\n", title, gw_hnv_kind_name(n->objects[i]->kind),
			gw_hnv_id(n->objects[i], id), (unsigned long long)n->objects[i]->revision);
}

static void require_same(const struct node *want, const struct node *have, const char *what)
{
	const struct gw_hnv_object *o = node_differs(want, have);
	char id[GW_ID_STRLEN];

	if (!o)
		return;
	print_node("should have", want);
	print_node("has", have);
	fail_msg("%s: %s %s differs", what, gw_hnv_kind_name(o->kind), gw_hnv_id(o, id));
}

struct troubles {
	char *line[4096];
	size_t n;
};

static int add_trouble(void *ctx, const struct gw_plan_trouble *trouble)
{
	struct troubles *t = ctx;

	assert_true(t->n < GW_N(t->line));
	assert_true(asprintf(&t->line[t->n++], "%d %s %s: %s, by %zu", trouble->grade, trouble->code, trouble->path,
			     trouble->message, trouble->found) >= 0);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void require_same_troubles(const struct gw_plan *want, const struct gw_plan *have)
{
	static struct troubles t[2];

	for (int i = 0; i < 2; i++) {
		gw_plan_troubles(i ? have : want, NULL, add_trouble, &t[i]);
		qsort(t[i].line, t[i].n, sizeof *t[i].line, by_text);
	}
	for (size_t i = 0; i < t[0].n && i < t[1].n; i++)
		assert_string_equal(t[0].line[i], t[1].line[i]);
	assert_int_equal(t[0].n, t[1].n);
	for (int i = 0; i < 2; i++) {
		while (t[i].n)
			free(t[i].line[--t[i].n]);
	}
}

static void require_like_new(struct history *h)
{
	struct gw_plan *fresh = plan_new(4);
	const struct gw_resource *r = NULL;

	assert_int_equal(gw_plan_update(fresh, h->w.c, h->w.revision), 0);
	while ((r = gw_catalog_next(h->w.c, NULL, GW_KIND_SERVER, r))) {
		struct node a = {0}, b = {0};

		node_state(fresh, &r->instance, &a);
		node_state(h->w.p, &r->instance, &b);
		require_same(&a, &b, "the plan that followed");
		node_enters_intent(&b, r->id);
		h->objects += b.n;
		for (size_t i = 0; i < b.n; i++)
			h->kinds[b.objects[i]->kind]++;
		node_done(&a);
		node_done(&b);
	}
	require_same_troubles(fresh, h->w.p);
	assert_true(gw_plan_size(fresh) == gw_plan_size(h->w.p));
	gw_plan_free(fresh);
}

static void copy_node(const struct node *from, struct node *to)
{
	node_done(to);
	for (size_t i = 0; i < from->n; i++)
		node_put(to, from->objects[i]);
	to->revision = from->revision;
}

static void let_go(struct follower *f)
{
	node_done(&f->node);
	node_done(&f->taken);
	*f = (struct follower){.busy = false};
}

/* One slice, or nothing. */
static void follow(struct history *h, struct follower *f)
{
	static const struct gw_uuid nil;
	const struct gw_plan_visitor v = node_visitor(&f->taken);
	struct node state = {0};
	int e;

	if (gw_uuid_equal(&f->server, &nil)) {
		const struct gw_resource *r = any_server(&h->w);

		if (!r)
			return;
		f->server = r->instance;
	}
	if (!f->busy) {
		e = gw_plan_open(h->w.p, &f->server, f->node.revision, &f->cur);
		if (e == -ENOENT) {
			let_go(f);
			return;
		}
		assert_int_equal(e, 0);
		f->busy = true;
		if (f->cur.whole)
			node_done(&f->taken);
		else
			copy_node(&f->node, &f->taken);
		h->whole += f->cur.whole;
		h->partial += !f->cur.whole;
	}
	e = gw_plan_visit(h->w.p, &f->cur, pick(3) ? 1 + pick(5) : 1000, &v);
	if (e == -ENOENT) {
		let_go(f);
		return;
	}
	if (e == 1)
		return;
	f->busy = false;
	h->stale += e == -ESTALE;
	if (e == -ESTALE)
		return;
	assert_int_equal(e, 0);
	copy_node(&f->taken, &f->node);
	f->node.revision = f->cur.revision;
	assert_true(f->cur.revision == gw_plan_revision(h->w.p));
	node_state(h->w.p, &f->server, &state);
	require_same(&state, &f->node, f->cur.whole ? "who took all of it" : "who was told what changed");
	node_done(&state);
	if (pick(8) == 0)
		let_go(f);
}

/* Now and then memory runs out, at every place in turn; and now and then it is some later update that makes up for it. */
static void update(struct history *h)
{
	const struct gw_resource *r = any_server(&h->w);
	struct node before = {0}, after = {0};
	bool known = r && gw_plan_node_revision(h->w.p, &r->instance);
	int e = -ENOMEM;

	if (known)
		node_state(h->w.p, &r->instance, &before);
	h->w.revision++;
	for (long n = 0; e < 0; n += 1 + pick(4)) {
		leave_allocations(pick(2) ? -1 : n);
		e = gw_plan_update(h->w.p, h->w.c, h->w.revision);
		leave_allocations(-1);
		if (e == 0)
			break;
		assert_int_equal(e, -ENOMEM);
		h->failed_updates++;
		h->behind = true;
		if (known) {
			node_state(h->w.p, &r->instance, &after);
			require_same(&before, &after, "the plan that could not follow");
			node_done(&after);
		}
		if (pick(4) == 0)
			break;
	}
	if (e == 0)
		h->behind = false;
	node_done(&before);
}

static void transact(struct history *h)
{
	struct gw_error err = GW_ERROR_INIT;
	int e = 0;

	world_begin(&h->w);
	for (unsigned n = 1 + pick(3); e == 0 && n; n--)
		e = act(&h->w, &err);
	if (e == 0)
		e = world_settle(&h->w, &err);
	else
		gw_catalog_undo(h->w.c);
	h->accepted += e == 0;
	h->refused += e < 0;
	if (e == 0)
		update(h);
	gw_catalog_commit(h->w.c);
}

static void history_init(struct history *h)
{
	*h = (struct history){.accepted = 0};
	world_init(&h->w, pick(40));
}

static void history_done(struct history *h)
{
	for (unsigned k = 0; k < FOLLOWERS; k++)
		let_go(&h->followers[k]);
	world_done(&h->w);
}

static void history_step(struct history *h)
{
	transact(h);
	for (unsigned k = 0; k < FOLLOWERS; k++)
		if (pick(k + 1) == 0) /* some lag behind */
			follow(h, &h->followers[k]);
	if (!h->behind && pick(5) == 0)
		require_like_new(h);
}

#endif
