/*
 * domain.c - a virtual network as a routing domain: who takes part in it, what they share, and what each has by itself: ports, the
 * gateway. The rules are in records.c, routes.c, gateway.c, nat.c and connection.c. See private.h.
 */
#include "plan/private.h"

#include "model/resource/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int gw_plan_domain_new(struct gw_plan *p, const struct gw_resource *network, struct gw_plan_unit **ret)
{
	struct gw_plan_domain *d = calloc(1, sizeof *d);

	if (!d || gw_plan_set_init(&d->shared) < 0) {
		free(d);
		return -ENOMEM;
	}
	if (gw_plan_unit_init(&d->unit, GW_PLAN_DOMAIN, p, network) < 0) {
		gw_plan_set_done(&d->shared);
		free(d);
		return -ENOMEM;
	}
	*ret = &d->unit;
	return 0;
}

/* --- who takes part ----------------------------------------------------------------------------------------------- */

/* Into the node's list, at its end: it changed last. */
static void append(struct gw_plan *p, struct gw_plan_member *m, uint64_t revision)
{
	struct gw_plan_node *n = m->node;

	m->serial = ++p->serial;
	m->changed = revision;
	m->next = NULL;
	m->prev = n->last;
	if (n->last)
		n->last->next = m;
	else
		n->first = m;
	n->last = m;
	n->revision = revision;
}

static void take_out(struct gw_plan_member *m)
{
	struct gw_plan_node *n = m->node;

	if (m->next)
		m->next->prev = m->prev;
	else
		n->last = m->prev;
	if (m->prev)
		m->prev->next = m->next;
	else
		n->first = m->next;
}

/* It is in nobody's list. */
static void free_member(struct gw_plan *p, struct gw_plan_member *m)
{
	p->size -= m->own.live_map.n;
	if (m->node->at == m)
		m->node->at = NULL;
	gw_plan_set_done(&m->own);
	free(m->leave);
	free(m);
}

int gw_plan_domain_join(struct gw_plan_job *j, const struct gw_resource *server, struct gw_plan_member **ret)
{
	struct gw_plan_unit *u = gw_plan_unit_find(j->p, &server->instance);
	struct gw_plan_node *n = u ? GW_PLAN_NODE_OF(u) : NULL;
	struct gw_plan_member *m;

	*ret = NULL;
	if (!n)
		return 0;
	if (!n->at || n->at->domain != j->d) {
		m = calloc(1, sizeof *m);
		if (!m || gw_plan_set_init(&m->own) < 0) {
			free(m);
			return -ENOMEM;
		}
		m->domain = j->d;
		m->node = n;
		m->next_of_domain = j->d->members;
		j->d->members = m;
		n->at = m;
	}
	n->at->wanted = j->takes_part = true;
	*ret = n->at;
	return 0;
}

/* --- virtual subnets ---------------------------------------------------------------------------------------------- */

static int by_vsid(const void *a, const void *b)
{
	const struct gw_plan_vsid *x = a, *y = b;

	if (x->vsid != y->vsid)
		return x->vsid < y->vsid ? -1 : 1;
	return memcmp(&x->rdid, &y->rdid, sizeof x->rdid);
}

/* Those of the network now and its name, and behind them those that it had, with room for one more revision of them. */
static int stage_vsids(struct gw_plan_job *j, bool any)
{
	const struct gw_resource *subnet = NULL;
	struct gw_plan_domain *d = j->d;
	size_t n = 0;

	while (any && (subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet)))
		n++;
	d->staged_vsids = calloc(n + d->n_vsids + 3, sizeof *d->staged_vsids);
	if (!d->staged_vsids)
		return -ENOMEM;
	d->n_staged_vsids = 0;
	if (any)
		d->staged_vsids[d->n_staged_vsids++].rdid = j->properties->rdid;
	while (any && (subnet = gw_catalog_next(j->c, j->network, GW_KIND_VIRTUAL_SUBNET, subnet)))
		if (gw_plan_is_valid(subnet))
			d->staged_vsids[d->n_staged_vsids++].vsid = GW_PROPERTIES(subnet, virtual_subnet)->vsid;
	if (j->vgw && gw_plan_gateway_vsid(j->vgw))
		d->staged_vsids[d->n_staged_vsids++].vsid = gw_plan_gateway_vsid(j->vgw);
	qsort(d->staged_vsids, d->n_staged_vsids, sizeof *d->staged_vsids, by_vsid);
	return 0;
}

/* The youngest first. */
static int by_end(const void *a, const void *b)
{
	const struct gw_plan_vsid *x = a, *y = b;

	return x->gone < y->gone ? 1 : -(x->gone > y->gone);
}

/* What is gone is remembered as long as other removals are. */
static void commit_vsids(struct gw_plan *p, struct gw_plan_domain *d, uint64_t revision)
{
	size_t live = d->n_staged_vsids, n = live, room = 2 * live + p->params.remembered - (live > 0);

	for (size_t i = 0; i < d->n_vsids; i++) {
		struct gw_plan_vsid v = d->vsids[i];

		if (bsearch(&v, d->staged_vsids, live, sizeof v, by_vsid))
			continue;
		v.gone = v.gone ? v.gone : revision;
		d->staged_vsids[n++] = v;
	}
	if (n > room) {
		qsort(d->staged_vsids + live, n - live, sizeof *d->staged_vsids, by_end);
		d->vsid_floor = d->staged_vsids[room].gone;
		n = room;
	}
	free(d->vsids);
	d->vsids = d->staged_vsids;
	d->n_vsids = n;
	d->staged_vsids = NULL;
}

/* --- computing ---------------------------------------------------------------------------------------------------- */

bool gw_plan_is_valid(const struct gw_resource *r)
{
	for (; r; r = r->parent)
		if (r->now.trouble)
			return false;
	return true;
}

bool gw_plan_is_shared(enum gw_hnv_kind kind)
{
	return kind == GW_HNV_LOOKUP_RECORD || kind == GW_HNV_CUSTOMER_ROUTE;
}

int gw_plan_domain_stage(struct gw_plan_job *j, const struct gw_resource *source, const struct gw_hnv_object *o)
{
	struct gw_plan_set *set = gw_plan_is_shared(o->kind) ? &j->d->shared : &j->carrier->own;
	struct gw_error why = GW_ERROR_INIT;
	int e = gw_hnv_check(o, &j->p->params.router_mac, &why);

	if (e < 0) {
		e = gw_plan_note(&j->d->unit, source, GW_PLAN_FAILURE, "NotSupported", "%s: %s: %s",
				 gw_hnv_kind_name(o->kind), why.target, why.message);
		return e < 0 ? e : 0;
	}
	j->p->work.objects++;
	e = gw_plan_set_stage(set, o, &source->instance);
	return e < 0 ? e : 1;
}

static int compute(struct gw_plan_job *j)
{
	const struct gw_resource *carrier = gw_reference(j->c, j->network, j->properties->logical_network);
	int e;

	if (carrier)
		j->provider = carrier->instance;
	j->encap = j->properties->encapsulation == GW_METHOD_NVGRE ? GW_ENCAP_NVGRE : GW_ENCAP_VXLAN;
	if (j->properties->encapsulation == GW_METHOD_REWRITE)
		return gw_plan_note(
			&j->d->unit, j->network, GW_PLAN_FAILURE, "NotImplemented",
			"encapsulationMethod Rewrite is not in this version, the network is on no node: use "
			"VXLAN or NVGRE");
	e = gw_plan_gateway(j);
	if (e == 0)
		e = gw_plan_records(j);
	if (e == 0)
		e = gw_plan_nat(j);
	if (e == 0)
		e = gw_plan_connections(j);
	if (e == 0 && !j->takes_part) /* nobody would be told of it: it waits for the first node */
		gw_plan_set_stage_none(&j->d->shared);
	return e == 0 ? gw_plan_routes(j) : e;
}

/* A member that is to go takes with it what it has to tell the node. */
static int prepare_leave(struct gw_plan_domain *d, struct gw_plan_member *m)
{
	m->leave = calloc(1, sizeof *m->leave + (d->n_vsids + 1) * sizeof *m->leave->vsids);
	return m->leave ? 0 : -ENOMEM;
}

int gw_plan_domain_compute(struct gw_plan *p, const struct gw_catalog *c, struct gw_plan_domain *d)
{
	struct gw_plan_job j = {.p = p, .c = c, .d = d, .network = d->unit.resource};
	bool any = j.network && gw_plan_is_valid(j.network);
	int e;

	p->work.domains++;
	gw_plan_set_begin(&d->shared);
	for (struct gw_plan_member *m = d->members; m; m = m->next_of_domain) {
		m->wanted = m->carries = false;
		m->node->at = m;
		gw_plan_set_begin(&m->own);
	}
	if (any) {
		j.properties = j.network->now.properties;
		j.vgw = gw_plan_gateway_of(&j);
	}
	e = stage_vsids(&j, any);
	if (e == 0 && any)
		e = compute(&j);
	for (struct gw_plan_member *m = d->members; e == 0 && m; m = m->next_of_domain)
		if (!m->wanted)
			e = prepare_leave(d, m);
	return e;
}

void gw_plan_domain_discard(struct gw_plan *p, struct gw_plan_domain *d)
{
	struct gw_plan_member **link = &d->members, *m;

	gw_plan_unit_discard(&d->unit);
	gw_plan_set_discard(&d->shared);
	free(d->staged_vsids);
	d->staged_vsids = NULL;
	while ((m = *link)) {
		gw_plan_set_discard(&m->own);
		free(m->leave);
		m->leave = NULL;
		if (m->joined) {
			link = &m->next_of_domain;
			continue;
		}
		*link = m->next_of_domain;
		free_member(p, m);
	}
}

/* --- the end of an update ----------------------------------------------------------------------------------------- */

static void forget_leave(struct gw_plan_node *n)
{
	struct gw_plan_leave *l = n->leaves;

	n->floor = l->revision;
	n->leaves = l->next;
	if (!n->leaves)
		n->last_leave = NULL;
	n->n_leaves--;
	free(l);
}

/* Before the domain changes: what it has now is what the node was told of. */
static void leave(struct gw_plan *p, struct gw_plan_domain *d, struct gw_plan_member *m, uint64_t revision)
{
	struct gw_plan_node *n = m->node;
	struct gw_plan_leave *l = m->leave;

	m->leave = NULL;
	l->revision = revision;
	l->serial = ++p->serial;
	l->floor = d->vsid_floor;
	l->carried = m->carried;
	for (size_t i = 0; i < d->n_vsids; i++) {
		l->vsids[l->n] = d->vsids[i];
		if (!l->vsids[l->n].gone)
			l->vsids[l->n].gone = revision;
		l->n++;
	}
	take_out(m);
	n->n_members--;
	n->revision = revision;
	if (n->last_leave)
		n->last_leave->next = l;
	else
		n->leaves = l;
	n->last_leave = l;
	n->n_leaves++;
	while (n->n_leaves > n->n_members + p->params.remembered)
		forget_leave(n);
	p->work.changes += m->own.live_map.n;
	free_member(p, m);
}

void gw_plan_domain_commit(struct gw_plan *p, struct gw_plan_domain *d, uint64_t revision)
{
	struct gw_plan_member **link = &d->members, *m;
	size_t changes;

	while ((m = *link)) {
		if (m->wanted) {
			link = &m->next_of_domain;
			continue;
		}
		*link = m->next_of_domain;
		leave(p, d, m, revision);
	}
	changes = gw_plan_set_commit(&d->shared, p, revision);
	if (!d->members)
		gw_plan_set_forget(&d->shared);
	p->work.changes += changes;
	for (m = d->members; m; m = m->next_of_domain) {
		size_t own = gw_plan_set_commit(&m->own, p, revision);

		m->carried |= m->carries;
		p->work.changes += own;
		if (!m->joined) {
			m->joined = revision;
			m->node->n_members++;
			append(p, m, revision);
		} else if (changes || own) {
			take_out(m);
			append(p, m, revision);
		}
	}
	commit_vsids(p, d, revision);
	gw_plan_unit_commit(p, &d->unit);
}

struct gw_plan_unit *gw_plan_domain_free(struct gw_plan *p, struct gw_plan_domain *d)
{
	struct gw_plan_member *m;

	while ((m = d->members)) {
		d->members = m->next_of_domain;
		if (m->joined)
			take_out(m);
		free_member(p, m);
	}
	p->size -= d->shared.live_map.n;
	gw_plan_unit_done(p, &d->unit);
	gw_plan_set_done(&d->shared);
	free(d->vsids);
	free(d->staged_vsids);
	free(d);
	return NULL;
}
