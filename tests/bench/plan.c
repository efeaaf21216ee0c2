/*
 * plan.c - what the planner costs: one change with few and with many tenants, a plan made anew, and the visit of a node that has
 * 100,000 records. Times are of the processor's, so that whatever else runs does not count.
 *
 * usage: plan [--changes N]
 *
 * Prints a table, and last whether one change costs the same whoever else there is (goal: at most 1.2 times). One tenant is a
 * virtual network with 10 NICs on 50 servers; a change moves a NIC to another server, of one tenant after the other. A plan with
 * many tenants is measured against many plans with few, visited in turn, so that the processor's caches hold as little of either;
 * and against one plan with few, all of which they hold.
 */
#include "plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVERS 50u
#define NICS	10u
#define FEW	10u
#define MANY	1000u
#define ROUNDS	5u

struct world {
	struct gw_catalog *c;
	struct gw_plan *p;
	uint64_t revision;
};

static void die(const char *what, const struct gw_error *err)
{
	fprintf(stderr, "plan: %s: %s: %s\n", what, err ? err->target : "", err ? err->message : "out of memory");
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void put(struct world *w, enum gw_kind kind, const char *id, json_t *properties)
{
	json_t *body = json_pack("{s:o}", "properties", properties);
	struct gw_error err = GW_ERROR_INIT;
	struct gw_draft *draft = NULL;
	struct gw_resource *r;

	if (!body || gw_draft_decode(kind, id, body, NULL, &draft, &err) < 0 ||
	    gw_catalog_put(w->c, NULL, draft, &r, &err) < 0)
		die(id, &err);
	gw_draft_free(draft);
	json_decref(body);
}

/* How long the plan took to follow. */
static double commit(struct world *w)
{
	struct gw_error err = GW_ERROR_INIT;
	double t;

	if (gw_catalog_settle(w->c, &err) < 0)
		die("settle", &err);
	t = now_us();
	if (gw_plan_update(w->p, w->c, ++w->revision) < 0)
		die("update", NULL);
	t = now_us() - t;
	gw_catalog_commit(w->c);
	return t;
}

static void begin(struct world *w)
{
	gw_catalog_begin(w->c, w->revision + 1, 1, NULL);
}

static void add_servers(struct world *w)
{
	char id[32], address[32];

	begin(w);
	for (unsigned i = 0; i < SERVERS; i++) {
		snprintf(id, sizeof id, "h%u", i);
		snprintf(address, sizeof address, "10.255.0.%u", i + 1);
		put(w, GW_KIND_SERVER, id,
		    json_pack("{s:[{s:s, s:i, s:s}]}", "providerAddresses", "address", address, "prefixLength", 24,
			      "interface", "eth0"));
	}
	commit(w);
}

static void put_nic(struct world *w, unsigned network, unsigned nic, unsigned server)
{
	char id[32], mac[16], subnet[64], host[32], tap[32], address[32];

	snprintf(id, sizeof id, "n%u-%u", network, nic);
	snprintf(mac, sizeof mac, "02%04X%06X", network & 0xffff, nic & 0xffffff);
	snprintf(subnet, sizeof subnet, "/virtualNetworks/n%u/subnets/s", network);
	snprintf(host, sizeof host, "/servers/h%u", server);
	snprintf(tap, sizeof tap, "t%u-%u", network, nic);
	snprintf(address, sizeof address, "10.%u.%u.%u", nic >> 16, nic >> 8 & 255, nic & 255);
	put(w, GW_KIND_NETWORK_INTERFACE, id,
	    json_pack("{s:s, s:{s:s}, s:s, s:[{s:s, s:{s:s, s:{s:s}}}]}", "privateMacAddress", mac, "server",
		      "resourceRef", host, "hostInterface", tap, "ipConfigurations", "resourceId", "a", "properties",
		      "privateIPAddress", address, "subnet", "resourceRef", subnet));
}

static void add_network(struct world *w, unsigned network, unsigned nics, unsigned servers)
{
	char id[32];

	snprintf(id, sizeof id, "n%u", network);
	begin(w);
	put(w, GW_KIND_VIRTUAL_NETWORK, id,
	    json_pack("{s:{s:[s]}, s:[{s:s, s:{s:s, s:i}}]}", "addressSpace", "addressPrefixes", "10.0.0.0/8",
		      "subnets", "resourceId", "s", "properties", "addressPrefix", "10.0.0.0/8", "isolationId",
		      5000 + network));
	for (unsigned i = 0; i < nics; i++)
		put_nic(w, network, i + 2, (network * 7 + i) % servers);
	commit(w);
}

static void world_new(struct world *w)
{
	const struct gw_catalog_params params = {
		.vsid_first = GW_VSID_MIN,
		.vsid_last = GW_VSID_MAX,
		.limits = {1000000, 1000000, SIZE_MAX, 1000000, 1000000, 1000000, 1000000, 1000000}};

	*w = (struct world){.c = NULL};
	if (gw_catalog_new(&params, &w->c) < 0 || gw_plan_new(&(struct gw_plan_params){.remembered = 64}, &w->p) < 0 ||
	    gw_plan_update(w->p, w->c, ++w->revision) < 0)
		die("start", NULL);
	add_servers(w);
}

static void world_free(struct world *w)
{
	gw_plan_free(w->p);
	gw_catalog_free(w->c);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Worlds of so many tenants each. */
struct worlds {
	struct world *w;
	unsigned n, networks;
	unsigned at; /* NICs go round: counts on, so that each one moves each time */
};

/* Median and 99th percentile of one change, in one world after the other. */
static void measure_changes(struct worlds *ws, unsigned changes, double *ret_p50, double *ret_p99)
{
	double *t = calloc(changes, sizeof *t);

	if (!t)
		die("start", NULL);
	for (unsigned i = 0; i < changes; i++, ws->at++) {
		struct world *w = &ws->w[ws->at % ws->n];
		unsigned at = ws->at / ws->n, network = at % ws->networks, nic = at / ws->networks % NICS;
		unsigned turn = at / ws->networks / NICS;

		begin(w);
		put_nic(w, network, 2 + nic, (network * 7 + nic + 1 + turn) % SERVERS);
		t[i] = commit(w);
	}
	qsort(t, changes, sizeof *t, by_value);
	*ret_p50 = t[changes / 2];
	*ret_p99 = t[changes - 1 - changes / 100];
	free(t);
}

static double measure_anew(const struct world *w)
{
	struct gw_plan *p = NULL;
	double t = now_us();

	if (gw_plan_new(&(struct gw_plan_params){.remembered = 64}, &p) < 0 || gw_plan_update(p, w->c, 1) < 0)
		die("plan anew", NULL);
	t = now_us() - t;
	gw_plan_free(p);
	return t;
}

static int count(void *ctx, const struct gw_hnv_object *o)
{
	(void)o;
	++*(size_t *)ctx;
	return 0;
}

static double measure_visit(const struct world *w, const char *server, size_t slice, double *ret_longest, size_t *ret_n)
{
	const struct gw_resource *r = gw_catalog_root(w->c, NULL, GW_KIND_SERVER, server);
	const struct gw_plan_visitor v = {.put = count, .ctx = ret_n};
	struct gw_plan_cursor cur;
	double total = 0, t;
	int e;

	*ret_n = 0;
	*ret_longest = 0;
	if (gw_plan_open(w->p, &r->instance, 0, &cur) < 0)
		die("visit", NULL);
	do {
		t = now_us();
		e = gw_plan_visit(w->p, &cur, slice, &v);
		t = now_us() - t;
		total += t;
		if (t > *ret_longest)
			*ret_longest = t;
	} while (e == 1);
	return total;
}

/* How many times as much a change costs with many tenants. */
static double compare(struct worlds *few, struct worlds *many, unsigned n)
{
	struct worlds *both[] = {few, many};
	double p50[2][ROUNDS], p99[2][ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < 2; i++)
			measure_changes(both[i], n, &p50[i][round], &p99[i][round]);
	for (unsigned i = 0; i < 2; i++) {
		qsort(p50[i], ROUNDS, sizeof **p50, by_value);
		qsort(p99[i], ROUNDS, sizeof **p99, by_value);
		printf("one change, %4u tenants in each of %3u plans: p50 %6.1f us, p99 %6.1f us\n", both[i]->networks,
		       both[i]->n, p50[i][ROUNDS / 2], p99[i][ROUNDS / 2]);
	}
	return p50[1][ROUNDS / 2] / p50[0][ROUNDS / 2];
}

static void worlds_new(struct worlds *ws, struct world *w, unsigned n, unsigned networks)
{
	*ws = (struct worlds){.w = w, .n = n, .networks = networks};
	for (unsigned i = 0; i < n; i++) {
		world_new(&w[i]);
		for (unsigned k = 0; k < networks; k++)
			add_network(&w[i], k, NICS, SERVERS);
	}
}

static void changes(unsigned n, double *ret_ratio, double *ret_cached)
{
	struct world small[MANY / FEW], large;
	struct worlds few, one, many;

	worlds_new(&few, small, MANY / FEW, FEW);
	worlds_new(&many, &large, 1, MANY);
	*ret_ratio = compare(&few, &many, n);
	one = (struct worlds){.w = small, .n = 1, .networks = FEW, .at = few.at};
	*ret_cached = compare(&one, &many, n);
	printf("plan made anew, %u tenants of %u NICs: %.1f ms\n", MANY, NICS, measure_anew(&large) / 1000);
	for (unsigned i = 0; i < few.n; i++)
		world_free(&small[i]);
	world_free(&large);
}

static void large_node(void)
{
	struct world w;
	double total, longest, t;
	size_t n;

	world_new(&w);
	for (unsigned i = 0; i < 100; i++)
		add_network(&w, i, 1000, 5);
	total = measure_visit(&w, "h0", 1000, &longest, &n);
	printf("whole state of a node, %zu objects of 100 tenants: %.1f ms, the longest slice of 1000 %.2f ms\n", n,
	       total / 1000, longest / 1000);
	begin(&w);
	put_nic(&w, 3, 4, 4);
	t = commit(&w);
	printf("one change in a network of 1000 NICs: %.2f ms\n", t / 1000);
	world_free(&w);
	world_new(&w);
	add_network(&w, 0, 100000, 5);
	total = measure_visit(&w, "h0", 1000, &longest, &n);
	printf("whole state of a node, %zu objects of one tenant: %.1f ms, the longest slice of 1000 %.2f ms\n", n,
	       total / 1000, longest / 1000);
	begin(&w);
	put_nic(&w, 0, 4, 4);
	t = commit(&w);
	printf("one change in a network of 100000 NICs: %.1f ms\n", t / 1000);
	world_free(&w);
}

int main(int argc, char **argv)
{
	unsigned n = argc == 3 && !strcmp(argv[1], "--changes") ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
	double ratio, cached;

	if (n < 100 || (argc != 1 && argc != 3)) {
		fprintf(stderr, "usage: plan [--changes N]   (at least 100)\n");
		return 2;
	}
	large_node();
	changes(n, &ratio, &cached);
	printf("one change with %u tenants costs %.2f times that with %u (goal: at most 1.2); that with %u in the "
	       "caches: "
	       "%.2f times\n",
	       MANY, ratio, FEW, FEW, cached);
	return 0;
}
