/*
 * cursor.c - what a node has to be told, in slices. See plan.h.
 *
 * A pass goes over the lists twice, each of which is in the order in which things became what they are:
 *
 *   LEAVES     virtual subnets of the domains that the node has left, and gateways of domains
 *   OWN_GONE   provider addresses and routes that are gone
 *   GONE       domain by domain: records and routes, then ports and what the gateway had that are gone
 *   OWN        provider addresses and routes
 *   LIVE       domain by domain: records and routes, then ports, and what the gateway has
 *
 * so that every removal comes before anything that it may make room for. Nothing is copied: an update between two slices moves
 * what it changes to the end of its list, where the pass meets it again, or takes it out. What was removed meanwhile has been told
 * already, perhaps, so another pass follows, of what has changed since the first began, until one has met no update.
 */
#include "plan/private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum stage { LEAVES, OWN_GONE, GONE, GONE_MEMBERS, OWN, LIVE, LIVE_MEMBERS, DONE };

struct visit {
	const struct gw_plan *p;
	const struct gw_plan_node *n;
	struct gw_plan_cursor *cur;
	const struct gw_plan_visitor *v;
	size_t left;
};

/* --- places ------------------------------------------------------------------------------------------------------- */

/* The first of the list that is younger than `since` and behind the place that was reached. Looked for from the young end. */
static const struct gw_plan_entry *entry_after(const struct gw_plan_list *list, uint64_t since,
					       const struct gw_plan_cursor *cur)
{
	const struct gw_plan_entry *e = list->last, *found = NULL;
	uint64_t serial = cur->entry;

	if (serial && cur->at) /* nothing has moved since */
		return ((const struct gw_plan_entry *)cur->at)->next;
	if (!serial && list->first && list->first->object.revision > since)
		return list->first;
	for (; e && e->serial > serial && e->object.revision > since; e = e->prev)
		found = e;
	return found;
}

static const struct gw_plan_member *member_from(const struct gw_plan_node *n, uint64_t since, uint64_t serial)
{
	const struct gw_plan_member *m = n->last, *found = NULL;

	for (; m && m->serial >= serial && m->changed > since; m = m->prev)
		found = m;
	return found;
}

/* --- one list ----------------------------------------------------------------------------------------------------- */

static int tell(struct visit *s, const struct gw_plan_entry *e, bool gone)
{
	int (*what)(void *ctx, const struct gw_hnv_object *o) = gone ? s->v->gone : s->v->put;

	s->cur->entry = e->serial;
	s->cur->at = e;
	s->left--;
	return what ? what(s->v->ctx, &e->object) : 0;
}

/* 0: the list is done, 1: the slice is. */
static int visit_list(struct visit *s, const struct gw_plan_list *list, uint64_t since, bool gone)
{
	const struct gw_plan_entry *e = entry_after(list, since, s->cur);
	int r;

	for (; e; e = e->next) {
		if (!s->left)
			return 1;
		r = tell(s, e, gone);
		if (r < 0)
			return r;
	}
	s->cur->entry = 0;
	return 0;
}

/* Whether who holds what was so at `since` is to forget it. */
static bool is_to_forget(const struct gw_plan_leave *l, const struct gw_plan_vsid *v, uint64_t since)
{
	return v->gone > since && (v->vsid || l->carried);
}

static int forget(const struct visit *s, const struct gw_plan_vsid *v)
{
	if (v->vsid)
		return s->v->forget ? s->v->forget(s->v->ctx, v->vsid) : 0;
	return s->v->forget_gateway ? s->v->forget_gateway(s->v->ctx, &v->rdid) : 0;
}

static int visit_leaves(struct visit *s)
{
	int r = 0;

	for (const struct gw_plan_leave *l = s->n->leaves; l; l = l->next) {
		if (l->revision <= s->cur->since || l->serial <= s->cur->entry)
			continue;
		if (!s->left)
			return 1;
		for (size_t i = 0; r >= 0 && i < l->n; i++)
			if (is_to_forget(l, &l->vsids[i], s->cur->since))
				r = forget(s, &l->vsids[i]);
		if (r < 0)
			return r;
		s->cur->entry = l->serial;
		s->cur->at = NULL;
		s->left--;
	}
	s->cur->entry = 0;
	return 0;
}

/* --- all domains -------------------------------------------------------------------------------------------------- */

/*
 * Of what a node has joined since, it gets all. Removals would be of things that it was never told of, unless an earlier pass has:
 * it tells of what joins meanwhile.
 */
static int visit_set(struct visit *s, const struct gw_plan_member *m, const struct gw_plan_set *set, bool gone)
{
	bool is_new = m->joined > s->cur->since;

	if (gone)
		return is_new && !s->cur->again ? 0 : visit_list(s, &set->gone, s->cur->since, true);
	return visit_list(s, &set->live, is_new ? 0 : s->cur->since, false);
}

static int visit_domains(struct visit *s, enum stage first, bool gone)
{
	const struct gw_plan_member *m = member_from(s->n, s->cur->since, s->cur->member);
	int r;

	for (; m; m = m->next) {
		if (m->serial !=
		    s->cur->member) { /* the one that the slice ended in has moved, or it is the next one */
			s->cur->member = m->serial;
			s->cur->entry = 0;
			s->cur->stage = first;
		}
		if (s->cur->stage == first) {
			r = visit_set(s, m, &m->domain->shared, gone);
			if (r != 0)
				return r;
			s->cur->stage = first + 1;
		}
		r = visit_set(s, m, &m->own, gone);
		if (r != 0)
			return r;
		s->cur->member++; /* serials are never the same: this one is done, others are not skipped */
		s->cur->stage = first;
	}
	s->cur->member = s->cur->entry = 0;
	s->cur->stage = first + 2;
	return 0;
}

/* --- passes ------------------------------------------------------------------------------------------------------- */

/* Whether all that has gone after the revision is still known, also of domains that were joined after it. */
static bool remembers(const struct gw_plan_node *n, uint64_t since, bool of_new)
{
	if (since < n->joined || since < n->floor || since < n->own.floor) /* joined: with the plan, or later */
		return false;
	for (const struct gw_plan_leave *l = n->leaves; l; l = l->next)
		if (l->revision > since && since < l->floor)
			return false;
	for (const struct gw_plan_member *m = member_from(n, since, 0); m; m = m->next)
		if ((of_new || m->joined <= since) && (since < m->domain->shared.floor || since < m->own.floor))
			return false;
	return true;
}

static void begin_pass(struct gw_plan_cursor *cur, const struct gw_plan *p, uint64_t since)
{
	cur->since = since;
	cur->until = p->revision;
	cur->member = cur->entry = 0;
	cur->stage = cur->whole && !cur->again ? OWN : LEAVES;
}

static int pass(struct visit *s)
{
	int r = 0;

	while (r == 0 && s->cur->stage != DONE) {
		switch ((enum stage)s->cur->stage) {
		case LEAVES:
			r = visit_leaves(s);
			s->cur->stage += r == 0;
			break;
		case OWN_GONE:
			r = visit_list(s, &s->n->own.gone, s->cur->since, true);
			s->cur->stage += r == 0;
			break;
		case GONE:
		case GONE_MEMBERS:
			r = visit_domains(s, GONE, true);
			break;
		case OWN:
			r = visit_list(s, &s->n->own.live, s->cur->since, false);
			s->cur->stage += r == 0;
			break;
		case LIVE:
		case LIVE_MEMBERS:
			r = visit_domains(s, LIVE, false);
			break;
		case DONE:
			break;
		}
	}
	return r;
}

static const struct gw_plan_node *node_of(const struct gw_plan *p, const struct gw_uuid *server)
{
	const struct gw_plan_unit *u = gw_plan_unit_find(p, server);

	return u && u->type == GW_PLAN_NODE ? GW_PLAN_NODE_OF(u) : NULL;
}

int gw_plan_open(const struct gw_plan *p, const struct gw_uuid *server, uint64_t since, struct gw_plan_cursor *ret)
{
	const struct gw_plan_node *n = node_of(p, server);

	if (!n)
		return -ENOENT;
	*ret = (struct gw_plan_cursor){.server = *server, .generation = p->generation};
	ret->whole = since > p->revision || !remembers(n, since, false);
	begin_pass(ret, p, ret->whole ? 0 : since);
	return 0;
}

/*
 * Whether a domain was left in the middle of a pass which it might yet have told of a virtual subnet that the domain had lost
 * before: the next pass takes that for told.
 */
static bool has_lost_track(const struct gw_plan_node *n, const struct gw_plan_cursor *cur)
{
	for (const struct gw_plan_leave *l = n->leaves; l; l = l->next)
		for (size_t i = 0; l->revision > cur->until && i < l->n; i++)
			if (is_to_forget(l, &l->vsids[i], cur->since) && l->vsids[i].gone <= cur->until)
				return true;
	return false;
}

/* After an update: with the pass that is under way, and the next one. */
static bool can_go_on(const struct gw_plan_node *n, const struct gw_plan_cursor *cur)
{
	if (cur->whole && !cur->again) /* it has been told of nothing that was gone before */
		return remembers(n, cur->until, true);
	return remembers(n, cur->since, cur->again) && remembers(n, cur->until, true) && !has_lost_track(n, cur);
}

int gw_plan_visit(const struct gw_plan *p, struct gw_plan_cursor *cur, size_t limit, const struct gw_plan_visitor *v)
{
	struct visit s = {p, node_of(p, &cur->server), cur, v, limit};
	int r;

	if (!s.n)
		return -ENOENT;
	if (cur->generation != p->generation && !can_go_on(s.n, cur))
		return -ESTALE;
	if (cur->generation != p->generation)
		cur->at = NULL;
	cur->generation = p->generation;
	for (;;) {
		r = pass(&s);
		if (r != 0)
			return r;
		if (cur->until == p->revision)
			break;
		cur->again = true;
		begin_pass(cur, p, cur->until);
	}
	cur->revision = p->revision;
	return 0;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

const char *gw_plan_cursor_format(const struct gw_plan_cursor *cur, char buf[static GW_PLAN_CURSOR_STRLEN])
{
	snprintf(buf, GW_PLAN_CURSOR_STRLEN, "%x-%x-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64,
		 cur->whole | (unsigned)cur->again << 1, cur->stage, cur->since, cur->until, cur->member, cur->entry);
	return buf;
}

int gw_plan_cursor_parse(const struct gw_plan *p, const struct gw_uuid *server, const char *text,
			 struct gw_plan_cursor *ret)
{
	uint64_t field[6];

	for (size_t i = 0; i < 6; i++) {
		size_t n = strspn(text, "0123456789abcdef");

		if (n < 1 || n > 16 || text[n] != (i < 5 ? '-' : '\0'))
			return -EINVAL;
		field[i] = strtoull(text, NULL, 16);
		text += n + 1;
	}
	if (field[0] > 3 || field[1] >= DONE || field[2] > field[3] || field[3] > p->revision)
		return -EINVAL;
	*ret = (struct gw_plan_cursor){
		.server = *server,
		.whole = field[0] & 1,
		.again = field[0] >> 1,
		.stage = (unsigned)field[1],
		.since = field[2],
		.until = field[3],
		.member = field[4],
		.entry = field[5],
		/* Nothing has been updated since it began, or what has is to be looked at. */
		.generation = field[3] == p->revision ? p->generation : p->generation - 1,
	};
	return 0;
}
