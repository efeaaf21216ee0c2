/*
 * test_index.c - the engine's index of VSIDs and of the nodes that serve them, kept by counting: equal to counting anew
 * after any sequence of changes. ENC-10.
 */
#include "test.h"

#include "engine/index.h"

#define N_VSIDS 4
#define N_PAS	4
#define ROUNDS	20000

static struct gw_hnv_object record(uint32_t vsid, uint32_t pa)
{
	struct gw_hnv_object o = {.kind = GW_HNV_LOOKUP_RECORD};

	o.record.vsid = vsid;
	o.record.pa = gw_addr_from_v4(pa);
	return o;
}

static struct gw_hnv_object port(uint32_t vsid)
{
	struct gw_hnv_object o = {.kind = GW_HNV_PORT};

	o.port.vsid = vsid;
	return o;
}

static uint32_t peer_count(const struct gw_index *x, uint32_t vsid, uint32_t pa)
{
	struct gw_addr a = gw_addr_from_v4(pa);
	const struct gw_peer_use *u = gw_index_peer(x, vsid, &a);

	return u ? u->count : 0;
}

static size_t peers_listed(const struct gw_vsid_use *u)
{
	size_t n = 0;

	for (const struct gw_peer_use *p = u->peers; p; p = p->next) {
		assert_int_equal(p->vsid, u->vsid);
		assert_ptr_equal(*p->link, p);
		n++;
	}
	return n;
}

static void test_counts(void **state)
{
	struct gw_hnv_object a = record(5001, 10), b = record(5001, 20), p = port(5001), other = port(5002);
	struct gw_index x = {0};

	(void)state;
	assert_null(gw_index_vsid(&x, 5001));
	assert_int_equal(gw_index_count(&x, &a, 1), 0);
	assert_int_equal(gw_index_count(&x, &a, 1), 0);
	assert_int_equal(gw_index_count(&x, &b, 1), 0);
	assert_int_equal(gw_index_count(&x, &p, 1), 0);
	assert_int_equal(gw_index_count(&x, &other, 1), 0);
	assert_int_equal(gw_index_vsid(&x, 5001)->records, 3);
	assert_int_equal(gw_index_vsid(&x, 5001)->ports, 1);
	assert_int_equal(gw_index_vsid(&x, 5002)->records, 0);
	assert_int_equal(peer_count(&x, 5001, 10), 2);
	assert_int_equal(peer_count(&x, 5001, 20), 1);
	assert_int_equal(peer_count(&x, 5002, 10), 0);
	assert_int_equal(peers_listed(gw_index_vsid(&x, 5001)), 2);
	assert_int_equal(gw_index_count(&x, &a, -1), 0);
	assert_int_equal(gw_index_count(&x, &a, -1), 0);
	assert_int_equal(peer_count(&x, 5001, 10), 0);
	assert_int_equal(peers_listed(gw_index_vsid(&x, 5001)), 1);
	gw_index_done(&x);
	assert_null(gw_index_vsid(&x, 5001)); /* empty, and fit to be used again */
	assert_int_equal(gw_index_count(&x, &a, 1), 0);
	gw_index_done(&x);
}

/* A router record keeps its VSID in use and names no tunnel end. */
static void test_router_record(void **state)
{
	struct gw_hnv_object o = record(5001, 0xa9fe0101); /* 169.254.1.1 */
	struct gw_index x = {0};

	(void)state;
	assert_int_equal(gw_index_count(&x, &o, 1), 0);
	assert_int_equal(gw_index_vsid(&x, 5001)->records, 1);
	assert_null(gw_index_vsid(&x, 5001)->peers);
	assert_int_equal(gw_index_count(&x, &o, -1), 0);
	gw_index_done(&x);
}

/* FWD-5: the names of the router, in the order of their addresses; a replaced one is there twice for a moment. */
static void test_router_names(void **state)
{
	struct gw_hnv_object low = record(5001, 0xa9fe0101), high = low, moved;
	struct gw_index x = {0};
	const struct gw_router_use *r;

	(void)state;
	low.record.ca = gw_addr_from_v4(1);
	high.record.ca = gw_addr_from_v4(2);
	moved = low;
	moved.record.mac.b[5] = 7;
	assert_int_equal(gw_index_count(&x, &high, 1), 0);
	assert_int_equal(gw_index_count(&x, &low, 1), 0);
	assert_int_equal(gw_index_count(&x, &moved, 1), 0);
	assert_int_equal(gw_index_count(&x, &low, -1), 0);
	r = gw_index_vsid(&x, 5001)->routers;
	assert_true(gw_addr_equal(&r->ca, &low.record.ca) && r->mac.b[5] == 7);
	assert_true(gw_addr_equal(&r->next->ca, &high.record.ca));
	assert_null(r->next->next);
	gw_index_done(&x);
}

static struct gw_hnv_object route(uint32_t vsid, const char *prefix, uint32_t metric)
{
	struct gw_hnv_object o = {.kind = GW_HNV_CUSTOMER_ROUTE};

	o.croute.vsid = vsid;
	o.croute.metric = metric;
	assert_int_equal(gw_prefix_parse(prefix, &o.croute.prefix), 0);
	return o;
}

static size_t routes_to(const struct gw_index *x, const struct gw_hnv_object *like)
{
	size_t n = 0;

	for (const struct gw_route_use *u = NULL;
	     (u = gw_index_next_route(x, &like->croute.rdid, &like->croute.prefix, u));)
		n++;
	return n;
}

/* FWD-7: routes of one domain to one prefix, whatever their VSID; a VSID with routes is not forgotten. */
static void test_routes(void **state)
{
	struct gw_hnv_object a = route(5001, "10.0.0.0/8", 1), b = route(5002, "10.0.0.0/8", 2),
			     longer = route(5001, "10.0.0.0/9", 1), other = a, cheaper = a;
	struct gw_index x = {0};

	(void)state;
	other.croute.rdid.b[0] = 1;
	cheaper.croute.metric = 0;
	assert_int_equal(gw_index_count(&x, &a, 1), 0);
	assert_int_equal(gw_index_count(&x, &b, 1), 0);
	assert_int_equal(gw_index_count(&x, &longer, 1), 0);
	assert_int_equal(gw_index_count(&x, &other, 1), 0);
	assert_int_equal(routes_to(&x, &a), 2);
	assert_int_equal(routes_to(&x, &longer), 1);
	assert_int_equal(routes_to(&x, &other), 1);
	/* Another metric replaces the route. */
	assert_int_equal(gw_index_count(&x, &cheaper, 1), 0);
	assert_int_equal(gw_index_count(&x, &a, -1), 0);
	assert_int_equal(routes_to(&x, &a), 2);
	gw_index_settle(&x, 5002);
	assert_non_null(gw_index_vsid(&x, 5002));
	assert_int_equal(gw_index_count(&x, &b, -1), 0);
	gw_index_settle(&x, 5002);
	assert_null(gw_index_vsid(&x, 5002));
	assert_int_equal(routes_to(&x, &a), 1);
	gw_index_done(&x);
}

static void test_others_ignored(void **state)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PROVIDER_ADDRESS, GW_HNV_PROVIDER_ROUTE};
	struct gw_index x = {0};

	(void)state;
	for (size_t i = 0; i < GW_N(kinds); i++) {
		struct gw_hnv_object o = {.kind = kinds[i]};

		assert_int_equal(gw_index_count(&x, &o, 1), 0);
	}
	assert_int_equal(gw_index_count(&x, NULL, -1), 0);
	assert_int_equal(x.vsids.n, 0);
	gw_index_done(&x);
}

static void test_settle(void **state)
{
	struct gw_hnv_object r = record(5001, 10), p = port(5001);
	struct gw_index x = {0};

	(void)state;
	gw_index_settle(&x, 5001);
	gw_index_count(&x, &r, 1);
	gw_index_count(&x, &p, 1);
	gw_index_settle(&x, 5001);
	assert_non_null(gw_index_vsid(&x, 5001));
	gw_index_count(&x, &r, -1);
	gw_index_settle(&x, 5001);
	assert_non_null(gw_index_vsid(&x, 5001));
	gw_index_count(&x, &p, -1);
	assert_non_null(gw_index_vsid(&x, 5001)); /* until it is settled */
	gw_index_settle(&x, 5001);
	assert_null(gw_index_vsid(&x, 5001));
	assert_int_equal(x.vsids.n, 0);
	assert_int_equal(x.peers.n, 0);
	gw_index_done(&x);
}

static void test_property(void **state)
{
	unsigned records[N_VSIDS][N_PAS] = {{0}}, ports[N_VSIDS] = {0};
	struct gw_index x = {0};

	(void)state;
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned v = (unsigned)rand() % N_VSIDS, pa = (unsigned)rand() % N_PAS, sum = 0, distinct = 0;
		bool is_port = rand() % 3 == 0;
		unsigned *n = is_port ? &ports[v] : &records[v][pa];
		int sign = *n && rand() % 2 ? -1 : 1;
		struct gw_hnv_object o = is_port ? port(5001 + v) : record(5001 + v, 10 + pa);
		const struct gw_vsid_use *u;

		*n += (unsigned)sign;
		assert_int_equal(gw_index_count(&x, &o, sign), 0);
		for (unsigned i = 0; i < N_PAS; i++) {
			assert_int_equal(peer_count(&x, 5001 + v, 10 + i), records[v][i]);
			sum += records[v][i];
			distinct += records[v][i] > 0;
		}
		u = gw_index_vsid(&x, 5001 + v);
		assert_int_equal(u->records, sum);
		assert_int_equal(u->ports, ports[v]);
		assert_int_equal(peers_listed(u), distinct);
		gw_index_settle(&x, 5001 + v);
		assert_int_equal(gw_index_vsid(&x, 5001 + v) != NULL, sum + ports[v] > 0);
	}
	gw_index_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),	       cmocka_unit_test(test_router_record),
		cmocka_unit_test(test_router_names),   cmocka_unit_test(test_routes),
		cmocka_unit_test(test_others_ignored), cmocka_unit_test(test_settle),
		cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests_name("ENC-10 FWD-5 FWD-7: index of VSIDs, peers, routes and routers", tests, NULL,
					   NULL);
}
