/* test_intent_random.c - long random histories of the intent against a naive model. GW_SEED=N repeats one. */
#include "intent_fixture.h"

enum { MODEL_MAX = 4096 };

struct model {
	struct gw_hnv_object *o[MODEL_MAX];
	size_t n;
};

static uint32_t rnd_state;

static unsigned rnd(unsigned n)
{
	rnd_state = rnd_state * 1664525 + 1013904223;
	return (rnd_state >> 10) % n;
}

static struct gw_hnv_object *model_find(const struct model *m, const struct gw_hnv_object *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (gw_hnv_same_key(m->o[i], key))
			return m->o[i];
	return NULL;
}

static void model_remove(struct model *m, const struct gw_hnv_object *key)
{
	for (size_t i = 0; i < m->n; i++) {
		if (gw_hnv_same_key(m->o[i], key)) {
			gw_hnv_object_free(m->o[i]);
			m->o[i] = m->o[--m->n];
			return;
		}
	}
}

static void model_clear(struct model *m)
{
	while (m->n)
		gw_hnv_object_free(m->o[--m->n]);
}

static void model_copy(struct model *to, const struct model *from)
{
	model_clear(to);
	for (size_t i = 0; i < from->n; i++)
		to->o[to->n++] = own(*from->o[i]);
}

/* The rules between objects, spelled out once more. */
static bool model_accepts(const struct model *m, const struct gw_hnv_object *o)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct gw_hnv_object *x = m->o[i];

		if (o->kind == GW_HNV_CUSTOMER_ROUTE && x->kind == o->kind && x->croute.vsid == o->croute.vsid &&
		    !gw_uuid_equal(&x->croute.rdid, &o->croute.rdid))
			return false;
		if (o->kind == GW_HNV_VRF && x->kind == o->kind && x->vrf.vsid == o->vrf.vsid &&
		    !gw_uuid_equal(&x->vrf.rdid, &o->vrf.rdid))
			return false;
		if (o->kind == GW_HNV_VRF && x->kind == GW_HNV_CUSTOMER_ROUTE && x->croute.vsid == o->vrf.vsid &&
		    !gw_uuid_equal(&x->croute.rdid, &o->vrf.rdid))
			return false;
		if (o->kind == GW_HNV_CUSTOMER_ROUTE && x->kind == GW_HNV_VRF && x->vrf.vsid == o->croute.vsid &&
		    !gw_uuid_equal(&x->vrf.rdid, &o->croute.rdid))
			return false;
		if (o->kind == GW_HNV_PORT && x->kind == o->kind && strcmp(x->port.interface, o->port.interface) != 0 &&
		    x->port.vsid == o->port.vsid && gw_mac_equal(&x->port.mac, &o->port.mac))
			return false;
		if (o->kind == GW_HNV_PORT && x->kind == GW_HNV_PROVIDER_ADDRESS &&
		    !strcmp(x->paddr.interface, o->port.interface))
			return false;
		if (o->kind == GW_HNV_PROVIDER_ADDRESS && x->kind == GW_HNV_PORT &&
		    !strcmp(x->port.interface, o->paddr.interface))
			return false;
	}
	return true;
}

static struct gw_hnv_object *random_object(void)
{
	static const char *const interfaces[] = {"if0", "if1", "if2", "if3", "if4"};
	const char *interface = interfaces[rnd(5)];
	uint32_t vsid = 5000 + rnd(6);

	switch (rnd(9)) {
	case 6:
		return vrf(rnd(3), vsid, rnd(3));
	case 7:
		return public(rnd(3), rnd(4), 32, 1024 + rnd(2) * 1024, 1024);
	case 8:
		return nat_rule(rnd(3), rnd(3), rnd(3));
	case 0:
		return paddr(1 + rnd(3), interface);
	case 1:
		return proute(rnd(3), 1 + rnd(2), interface);
	case 2:
	case 3:
		return croute(rnd(3), vsid, rnd(3), rnd(2));
	case 4:
		return port(interface, vsid, rnd(3));
	default:
		return record(vsid, 1 + rnd(5), rnd(3), 1 + rnd(3));
	}
}

static void compare_content(const struct gw_intent *in, const struct model *m)
{
	size_t n[GW_HNV_KIND_MAX] = {0};

	for (size_t i = 0; i < m->n; i++) {
		const struct gw_hnv_object *o = gw_intent_get(in, m->o[i]);

		assert_non_null(o);
		assert_true(gw_hnv_same_content(o, m->o[i]));
		assert_int_equal(o->revision, m->o[i]->revision);
		n[o->kind]++;
	}
	for (int k = 0; k < GW_HNV_KIND_MAX; k++) {
		const struct gw_hnv_object *o = NULL;
		size_t walked = 0;

		while ((o = gw_intent_next(in, (enum gw_hnv_kind)k, o))) {
			assert_int_equal(o->kind, k);
			walked++;
		}
		assert_int_equal(walked, n[k]);
		assert_int_equal(gw_intent_count(in, (enum gw_hnv_kind)k), n[k]);
	}
}

static void compare_by_mac(const struct gw_intent *in, const struct model *m)
{
	for (uint32_t vsid = 5000; vsid < 5006; vsid++) {
		for (unsigned i = 0; i < 3; i++) {
			const struct gw_hnv_object *o = NULL;
			struct gw_mac mac = mac_of(i);
			size_t want = 0, got = 0;

			for (size_t j = 0; j < m->n; j++) {
				const struct gw_hnv_object *x = m->o[j];

				want += (x->kind == GW_HNV_LOOKUP_RECORD && x->record.vsid == vsid &&
					 gw_mac_equal(&x->record.mac, &mac)) ||
					(x->kind == GW_HNV_PORT && x->port.vsid == vsid &&
					 gw_mac_equal(&x->port.mac, &mac));
			}
			while ((o = gw_intent_next_by_mac(in, vsid, &mac, o))) {
				assert_non_null(model_find(m, o));
				got++;
			}
			assert_int_equal(got, want);
		}
	}
}

/* Every way to find an object leads to it. */
static void compare_gateways(const struct gw_intent *in, const struct model *m)
{
	static const enum gw_hnv_kind kinds[] = {GW_HNV_PUBLIC, GW_HNV_NAT_RULE};
	const struct gw_addr any = {{0}};
	size_t n_public = 0;

	for (size_t j = 0; j < m->n; j++) {
		const struct gw_hnv_object *x = m->o[j], *o;

		if (x->kind == GW_HNV_VRF) {
			o = gw_intent_vrf_of_vsid(in, x->vrf.vsid);
			assert_ptr_equal(o, gw_intent_get(in, x));
			assert_ptr_equal(o, gw_intent_vrf(in, &x->vrf.rdid));
		}
		n_public += x->kind == GW_HNV_PUBLIC;
	}
	for (size_t k = 0; k < GW_N(kinds); k++) {
		size_t got = 0;

		for (unsigned i = 0; i < 3; i++) {
			const struct gw_uuid rdid = rdid_of(i);

			for (const struct gw_hnv_object *o = NULL;
			     (o = gw_intent_next_of_domain(in, kinds[k], &rdid, o));)
				got += o->kind == kinds[k] && model_find(m, o);
		}
		assert_int_equal(got, gw_intent_count(in, kinds[k]));
	}
	for (const struct gw_hnv_object *o = gw_intent_public_from(in, &any, 0); o; o = gw_intent_public_after(in, o))
		n_public--;
	assert_int_equal(n_public, 0);
}

static void compare_domains(const struct gw_intent *in, const struct model *m)
{
	for (uint32_t vsid = 5000; vsid < 5006; vsid++) {
		const struct gw_hnv_object *route = NULL;
		uint32_t want[6];
		const uint32_t *got;
		struct gw_uuid rdid;
		size_t n = 0, n_got;

		for (size_t j = 0; j < m->n && !route; j++)
			if (m->o[j]->kind == GW_HNV_CUSTOMER_ROUTE && m->o[j]->croute.vsid == vsid)
				route = m->o[j];
		assert_int_equal(gw_intent_domain(in, vsid, &rdid), route != NULL);
		if (route)
			assert_true(gw_uuid_equal(&rdid, &route->croute.rdid));
		for (uint32_t v = 5000; v < 5006; v++) {
			bool in_domain = v == vsid;

			for (size_t j = 0; route && j < m->n; j++)
				in_domain |= m->o[j]->kind == GW_HNV_CUSTOMER_ROUTE && m->o[j]->croute.vsid == v &&
					     gw_uuid_equal(&m->o[j]->croute.rdid, &route->croute.rdid);
			if (in_domain)
				want[n++] = v;
		}
		got = gw_intent_domain_vsids(in, vsid, &n_got);
		assert_int_equal(n_got, n);
		assert_memory_equal(got, want, n * sizeof *want);
		assert_int_equal(gw_intent_domain_id(in, vsid), want[0]);
	}
}

/* The delta must be exactly the difference between the model at begin and now. */
static void compare_delta(const struct gw_intent *in, const struct model *before, const struct model *now)
{
	struct gw_delta d = gw_intent_delta(in);
	size_t want = 0;

	for (size_t i = 0; i < before->n; i++) {
		const struct gw_hnv_object *x = model_find(now, before->o[i]);

		want += !x || !gw_hnv_same_content(x, before->o[i]);
	}
	for (size_t i = 0; i < now->n; i++)
		want += !model_find(before, now->o[i]);
	assert_int_equal(d.n, want);
	for (size_t i = 0; i < d.n; i++) {
		const struct gw_hnv_object *b = d.changes[i].before, *a = d.changes[i].after, *key = a ? a : b;
		const struct gw_hnv_object *mb, *ma;

		assert_non_null(key);
		mb = model_find(before, key);
		ma = model_find(now, key);
		assert_true(!b == !mb && !a == !ma);
		assert_true(!b || gw_hnv_same_content(b, mb));
		assert_true(!a || (gw_hnv_same_content(a, ma) && gw_intent_get(in, key) == a));
		for (size_t j = 0; j < i; j++)
			assert_false(
				gw_hnv_same_key(key, d.changes[j].after ? d.changes[j].after : d.changes[j].before));
	}
}

static void random_step(struct gw_intent *in, struct model *m, const struct model *before, uint64_t revision)
{
	struct gw_hnv_object *o = random_object(), *old;
	struct gw_error err = GW_ERROR_INIT;

	o->revision = revision;
	old = model_find(m, o);
	if (rnd(3) == 0) {
		assert_int_equal(gw_intent_delete(in, o, &err), old ? 0 : -ENOENT);
		model_remove(m, o);
	} else if (model_accepts(m, o)) {
		struct gw_hnv_object *copy = own(*o), *first;

		put(in, copy);
		if (!old || !gw_hnv_same_content(old, o)) {
			/* What ends as it began keeps the revision that it had. */
			first = model_find(before, o);
			if (first && gw_hnv_same_content(first, o))
				o->revision = first->revision;
			model_remove(m, o);
			m->o[m->n++] = own(*o);
		}
	} else {
		assert_int_equal(gw_intent_put(in, o, &err), -EEXIST);
		assert_int_equal(err.code, GW_ERR_CONFLICT);
	}
	gw_hnv_object_free(o);
}

static void test_random_histories(void **state)
{
	static struct model now, before;
	const char *seed = getenv("GW_SEED");

	(void)state;
	for (uint32_t run = 1; run <= 20; run++) {
		struct gw_intent *in = new_intent();

		rnd_state = seed ? (uint32_t)strtoul(seed, NULL, 10) : run;
		print_message("# history of GW_SEED=%u\n", rnd_state);
		for (uint64_t change = 1; change <= 150; change++) {
			model_copy(&before, &now);
			gw_intent_begin(in);
			for (unsigned steps = rnd(40); steps; steps--) {
				random_step(in, &now, &before, change);
				if (rnd(8) == 0)
					compare_delta(in, &before, &now);
			}
			compare_delta(in, &before, &now);
			compare_content(in, &now);
			compare_by_mac(in, &now);
			compare_domains(in, &now);
			compare_gateways(in, &now);
			if (rnd(3)) {
				gw_intent_commit(in);
			} else {
				gw_intent_rollback(in);
				model_copy(&now, &before);
			}
			assert_int_equal(gw_intent_delta(in).n, 0);
			compare_content(in, &now);
			compare_by_mac(in, &now);
			compare_domains(in, &now);
			compare_gateways(in, &now);
		}
		model_clear(&now);
		model_clear(&before);
		gw_intent_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_histories),
	};

	return cmocka_run_group_tests_name("intent_random", tests, NULL, NULL);
}
