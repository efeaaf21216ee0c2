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

static void test_others_ignored(void **state)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PROVIDER_ADDRESS, GW_HNV_PROVIDER_ROUTE, GW_HNV_CUSTOMER_ROUTE};
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
		cmocka_unit_test(test_others_ignored), cmocka_unit_test(test_settle),
		cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests_name("ENC-10: index of VSIDs and peers", tests, NULL, NULL);
}
