/* domain.c - see domain.h. Only intent.c calls this. */
#include "model/domain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t rdid_hash(const struct gw_uuid *rdid)
{
	return gw_hash_bytes(rdid, sizeof *rdid, 0);
}

static uint32_t vsid_hash(uint32_t vsid)
{
	return gw_hash_bytes(&vsid, sizeof vsid, 0);
}

static struct gw_domain *find_domain(const struct gw_domains *d, const struct gw_uuid *rdid)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->domains, rdid_hash(rdid)) {
		struct gw_domain *dom = GW_CONTAINER_OF(node, struct gw_domain, by_rdid);

		if (gw_uuid_equal(&dom->rdid, rdid))
			return dom;
	}
	return NULL;
}

static struct gw_domain_member *find_member(const struct gw_domains *d, uint32_t vsid)
{
	GW_HMAP_FOR_EACH_HASH (node, &d->members, vsid_hash(vsid)) {
		struct gw_domain_member *m = GW_CONTAINER_OF(node, struct gw_domain_member, by_vsid);

		if (m->vsid == vsid)
			return m;
	}
	return NULL;
}

int gw_domains_init(struct gw_domains *d)
{
	*d = (struct gw_domains){0};
	if (gw_hmap_init(&d->domains) < 0 || gw_hmap_init(&d->members) < 0) {
		gw_domains_done(d);
		return -ENOMEM;
	}
	return 0;
}

static void free_domain(struct gw_domains *d, struct gw_domain *dom)
{
	gw_hmap_remove(&d->domains, &dom->by_rdid);
	free(dom->vsids);
	free(dom);
}

static void free_member(struct gw_domains *d, struct gw_domain_member *m)
{
	gw_hmap_remove(&d->members, &m->by_vsid);
	free(m);
}

void gw_domains_done(struct gw_domains *d)
{
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->domains)
		free_domain(d, GW_CONTAINER_OF(node, struct gw_domain, by_rdid));
	GW_HMAP_FOR_EACH_SAFE (node, after, &d->members)
		free_member(d, GW_CONTAINER_OF(node, struct gw_domain_member, by_vsid));
	gw_hmap_done(&d->domains);
	gw_hmap_done(&d->members);
	*d = (struct gw_domains){0};
}

const struct gw_domain *gw_domains_named(const struct gw_domains *d, const struct gw_uuid *rdid)
{
	const struct gw_domain *dom = find_domain(d, rdid);

	return dom && dom->n ? dom : NULL;
}

const struct gw_domain *gw_domains_find(const struct gw_domains *d, uint32_t vsid)
{
	const struct gw_domain_member *m = find_member(d, vsid);

	return m && m->refs ? m->domain : NULL;
}

static void set_idle(struct gw_domains *d, struct gw_domain *dom)
{
	if (dom->is_idle)
		return;
	dom->is_idle = true;
	dom->next_idle = d->idle_domains;
	d->idle_domains = dom;
}

static void set_member_idle(struct gw_domains *d, struct gw_domain_member *m)
{
	if (m->is_idle)
		return;
	m->is_idle = true;
	m->next_idle = d->idle_members;
	d->idle_members = m;
}

int gw_domains_reserve(struct gw_domains *d, const struct gw_uuid *rdid, uint32_t vsid)
{
	struct gw_domain *dom = find_domain(d, rdid);
	struct gw_domain_member *m = find_member(d, vsid);

	/* What is made here and not used after all is swept up by settle. */
	if (!dom) {
		dom = calloc(1, sizeof *dom);
		if (!dom)
			return -ENOMEM;
		dom->rdid = *rdid;
		gw_hmap_insert(&d->domains, &dom->by_rdid, rdid_hash(rdid));
		set_idle(d, dom);
	}
	if (!m) {
		m = calloc(1, sizeof *m);
		if (!m)
			return -ENOMEM;
		m->vsid = vsid;
		gw_hmap_insert(&d->members, &m->by_vsid, vsid_hash(vsid));
		set_member_idle(d, m);
	}
	if (dom->n == dom->room) {
		size_t room = dom->room ? dom->room * 2 : 4;
		uint32_t *vsids = reallocarray(dom->vsids, room, sizeof *vsids);

		if (!vsids)
			return -ENOMEM;
		dom->vsids = vsids;
		dom->room = room;
	}
	return 0;
}

/* Where `vsid` is in the domain's list, or belongs. */
static size_t position(const struct gw_domain *dom, uint32_t vsid)
{
	size_t lo = 0, hi = dom->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dom->vsids[mid] < vsid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void gw_domains_ref(struct gw_domains *d, const struct gw_uuid *rdid, uint32_t vsid)
{
	struct gw_domain_member *m = find_member(d, vsid);
	struct gw_domain *dom;
	size_t at;

	if (m->refs++)
		return;
	dom = m->domain = find_domain(d, rdid);
	assert(dom && dom->n < dom->room);
	at = position(dom, vsid);
	memmove(dom->vsids + at + 1, dom->vsids + at, (dom->n - at) * sizeof *dom->vsids);
	dom->vsids[at] = vsid;
	dom->n++;
}

void gw_domains_unref(struct gw_domains *d, uint32_t vsid)
{
	struct gw_domain_member *m = find_member(d, vsid);
	struct gw_domain *dom = m->domain;
	size_t at;

	assert(m->refs > 0);
	if (--m->refs)
		return;
	at = position(dom, vsid);
	dom->n--;
	memmove(dom->vsids + at, dom->vsids + at + 1, (dom->n - at) * sizeof *dom->vsids);
	set_member_idle(d, m);
	if (!dom->n)
		set_idle(d, dom);
}

void gw_domains_settle(struct gw_domains *d)
{
	while (d->idle_members) {
		struct gw_domain_member *m = d->idle_members;

		d->idle_members = m->next_idle;
		m->is_idle = false;
		if (!m->refs)
			free_member(d, m);
	}
	while (d->idle_domains) {
		struct gw_domain *dom = d->idle_domains;

		d->idle_domains = dom->next_idle;
		dom->is_idle = false;
		if (!dom->n)
			free_domain(d, dom);
	}
}
