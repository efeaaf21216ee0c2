/* gateway.c - see gateway.h: its namespace, and bringing a plan there; look.c looks after it. */
#include "nat/gateway.h"

#include "base/log.h"
#include "nat/limit.h"
#include "nat/wire.h"
#include "netns/netns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SWEEP_NS       5000000u /* at one turn of the loop */
#define SWEEP_AGAIN_MS 1000	/* after a failure */
#define OTHERS	       "its namespace has %zu nftables table%s of somebody else's (%s), which may drop or translate its packets"

const char *nat_state_name(enum nat_state s)
{
	static const char *const names[] = {
#define X(id, name) [NAT_STATE_##id] = (name),
		NAT_STATES(X)
#undef X
	};

	return names[s];
}

/* A change of state is one line; what is only told anew is none. */
void nat_gateway_transition(struct nat_gateway *g, enum nat_state to, const char *fmt, ...)
{
	char rdid[GW_UUID_STRLEN];
	enum nat_state from = g->state;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->detail, sizeof g->detail, fmt, ap);
	va_end(ap);
	g->state = to;
	if (from == to)
		return;
	gw_uuid_format(&g->plan.rdid, rdid);
	if (to >= NAT_STATE_WARNING)
		gw_log_warning("NAT of routing domain %s: %s: %s", rdid, nat_state_name(to), g->detail);
	else
		gw_log_info("NAT of routing domain %s: %s%s%s", rdid, nat_state_name(to), *g->detail ? ": " : "",
			    g->detail);
}

/* What it is when all is in the kernel. */
void nat_gateway_settle(struct nat_gateway *g)
{
	uint32_t limit = nat_driver_limit(g->driver);
	const char *who = limit < g->driver->env.config->tracked_limit ? "the kernel's " NAT_KERNEL_LIMIT
								       : "[limits] tracked_connections";

	if (g->full & NAT_FULL)
		nat_gateway_transition(g, NAT_STATE_WARNING,
				       "%u connections are tracked, as many as %s allows (%u): new ones are dropped",
				       g->tracked, who, limit);
	else if (g->full)
		nat_gateway_transition(
			g, NAT_STATE_WARNING,
			"%u connections are tracked, half of what %s allows (%u): new ones from outside are dropped, "
			"the network's own are let out",
			g->tracked, who, limit);
	else if (g->crowded)
		; /* says more than this could */
	else if (g->plan.passed_over)
		nat_gateway_transition(g, NAT_STATE_WARNING,
				       "%zu inbound rules have no effect: others have their ports",
				       g->plan.passed_over);
	else if (g->others.n)
		nat_gateway_transition(g, NAT_STATE_WARNING,
				       OTHERS ": see 'nft list ruleset' there, and 'nft delete table'", g->others.n,
				       g->others.n == 1 ? "" : "s", g->others.first);
	else
		nat_gateway_transition(g, NAT_STATE_UP, "%s", "");
}

/* They stay: somebody may have reasons. What gwd's own table lets through they may drop, or translate otherwise. */
static void note_others(struct nat_gateway *g, const struct nat_others *o)
{
	char rdid[GW_UUID_STRLEN];

	if (o->n && (o->n != g->others.n || strcmp(o->first, g->others.first) != 0))
		gw_log_warning("NAT of routing domain %s: " OTHERS "; left alone", gw_uuid_format(&g->plan.rdid, rdid),
			       o->n, o->n == 1 ? "" : "s", o->first);
	g->others = *o;
}

struct nat_gateway *nat_gateway_new(struct gw_driver *d, const struct gw_uuid *rdid)
{
	struct nat_gateway *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->driver = d;
	g->plan.rdid = *rdid;
	return g;
}

/* --- the namespace --- */

static void on_poll_closed(uv_handle_t *h)
{
	struct gw_driver *d = h->data;

	free(h);
	nat_driver_handle_closed(d);
}

static void leave(struct nat_gateway *g)
{
	if (g->poll) {
		uv_poll_stop(g->poll);
		g->poll->data = g->driver;
		uv_close((uv_handle_t *)g->poll, on_poll_closed);
		g->poll = NULL;
	}
	if (g->work)
		g->work = nat_work_leave(g->work);
	else
		nat_nft_close(g->nft);
	g->nft = NULL;
	g->failed = (struct gw_error)GW_ERROR_INIT;
	g->sweep = nat_sweep_free(g->sweep);
	g->fill = nat_fill_leave(g->fill);
	g->current = g->crowded = g->changed = false;
	g->full = 0;
	g->others = (struct nat_others){0};
	g->dev = 0;
	g->ino = 0;
}

void nat_gateway_want_sync(struct nat_gateway *g, const char *why)
{
	g->driver->once_more = true; /* the core forgets it where a sync is under way in parts */
	g->driver->env.want_sync(g->driver->env.core, why);
}

static void on_events(uv_poll_t *p, int status, int events)
{
	struct nat_gateway *g = p->data;
	char who[32], rdid[GW_UUID_STRLEN];

	(void)status;
	(void)events;
	if (!nat_nft_changed(g->nft, who))
		return;
	g->current = false;
	g->changed = true;
	gw_log_notice("NAT of routing domain %s: the ruleset in its namespace was changed from outside, by %s; it is "
		      "looked at "
		      "and repaired",
		      gw_uuid_format(&g->plan.rdid, rdid), *who ? who : "somebody");
	nat_gateway_want_sync(g, "a ruleset was changed from outside");
}

static int watch(struct nat_gateway *g)
{
	struct gw_driver *d = g->driver;

	g->poll = calloc(1, sizeof *g->poll);
	if (!g->poll)
		return -ENOMEM;
	if (uv_poll_init(d->env.loop, g->poll, nat_nft_fd(g->nft)) < 0) {
		free(g->poll);
		g->poll = NULL;
		return -ENOMEM;
	}
	d->handles++;
	g->poll->data = g;
	return uv_poll_start(g->poll, UV_READABLE, on_events);
}

int nat_gateway_namespace(struct nat_gateway *g, uint32_t vsid, int *ret_fd, struct stat *ret)
{
	char name[GW_NETNS_STRLEN];
	int r;

	if (!vsid)
		return -ENOENT;
	r = gw_netns_open(gw_netns_vrf_name(g->driver->env.config->name, vsid, name), ret_fd);
	if (r == 0 && fstat(*ret_fd, ret) < 0) {
		r = -errno;
		close(*ret_fd);
	}
	return r;
}

/* Is in the namespace that has the name now; 0 without nft when there is none. */
static int enter(struct nat_gateway *g, uint32_t vsid, struct gw_error *err)
{
	struct stat st = {0};
	int fd = -1, r = nat_gateway_namespace(g, vsid, &fd, &st);

	if (r < 0) {
		leave(g);
		return r == -ENOENT ? 0 : nat_fail(err, r, "the namespace of the virtual gateway cannot be opened");
	}
	if (g->nft && st.st_dev == g->dev && st.st_ino == g->ino) {
		close(fd);
		return 0;
	}
	leave(g);
	r = nat_nft_open(fd, &g->nft, err);
	close(fd);
	if (r == 0 && watch(g) < 0) {
		leave(g);
		return gw_error_oom(err);
	}
	if (r == 0) {
		g->dev = st.st_dev;
		g->ino = st.st_ino;
		g->next_look = 0;
	}
	return r;
}

/* They are of rules that are no more, or of a namespace. */
static void forget_counts(struct nat_gateway *g)
{
	nat_tally_leave(g);
	free(g->connections);
	g->connections = NULL;
	nat_places_done(&g->places);
	g->counted_at = g->rules_counted_at = 0;
}

struct nat_gateway *nat_gateway_free(struct nat_gateway *g)
{
	if (!g)
		return NULL;
	leave(g);
	forget_counts(g);
	nat_plan_done(&g->plan);
	free(g);
	return NULL;
}

/* --- bringing it there --- */

struct nat_params nat_gateway_params(const struct nat_gateway *g)
{
	const struct gw_config *c = g->driver->env.config;

	struct nat_params params = {.clamp = c->clamp_mss,
				    .idle_minutes = c->idle_minutes,
				    .new_rate = c->new_rate,
				    .maps = nat_plan_maps(&g->plan)};

	for (unsigned family = 0; family < NAT_FAMILIES; family++)
		params.near[family].n = nat_plan_near(&g->plan, family, params.near[family].bytes);
	return params;
}

static bool same_plan(const struct nat_plan *a, const struct nat_plan *b)
{
	if (a->vsid != b->vsid || a->n_elems != b->n_elems || a->n_rules != b->n_rules || a->n_publics != b->n_publics)
		return false;
	for (size_t i = 0; i < a->n_elems; i++)
		if (nat_elem_cmp(&a->elems[i], &b->elems[i]) != 0 || !nat_elem_same(&a->elems[i], &b->elems[i]))
			return false;
	return true;
}

static bool same_rules(const struct nat_plan *a, const struct nat_plan *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (nat_rule_hash(&a->rules[i]) != nat_rule_hash(&b->rules[i]))
			return false;
	return true;
}

bool nat_gateway_sweep(struct nat_gateway *g)
{
	char rdid[GW_UUID_STRLEN];
	size_t ended = 0;
	int r;

	if (!g->sweep || uv_now(g->driver->env.loop) < g->sweep_at)
		return false;
	r = nat_sweep_step(g->sweep, uv_hrtime() + SWEEP_NS, &ended);
	gw_uuid_format(&g->plan.rdid, rdid);
	if (r > 0)
		return true;
	if (r < 0) {
		gw_log_warning("NAT of routing domain %s: not all connections of rules that are gone could be ended: "
			       "%s; it is "
			       "tried again",
			       rdid, strerror(-r));
		g->sweep_at = uv_now(g->driver->env.loop) + SWEEP_AGAIN_MS;
		return false;
	}
	if (ended)
		gw_log_info("NAT of routing domain %s: %zu connections ended, with the rules that they were of", rdid,
			    ended);
	g->sweep = nat_sweep_free(g->sweep);
	if (g->nft && !g->work)
		nat_nft_swept(g->nft, NULL); /* else once more than it takes */
	return false;
}

static int begin_sweep(struct nat_gateway *g, struct nat_plan *was)
{
	struct stat st = {0};
	int fd = -1, r;

	if (!g->sweep) {
		r = nat_gateway_namespace(g, g->plan.vsid, &fd, &st);
		if (r < 0)
			return r == -ENOENT ? 0 : r; /* its connections are gone with it */
		r = nat_sweep_new(fd, &g->sweep);
		close(fd);
		if (r == 0)
			r = nat_sweep_now(g->sweep, &g->plan);
		if (r < 0)
			return r;
	}
	g->sweep_at = 0;
	return nat_sweep_was(g->sweep, was);
}

/* A few are ended at once, many at later turns of the loop: nobody waits for them. */
static void drop_flows(struct nat_gateway *g, struct nat_plan *was)
{
	char rdid[GW_UUID_STRLEN];
	int r = begin_sweep(g, was);

	if (r < 0) {
		g->sweep = nat_sweep_free(g->sweep);
		gw_log_warning("NAT of routing domain %s: connections of rules that are gone could not be ended: %s",
			       gw_uuid_format(&g->plan.rdid, rdid), strerror(-r));
	} else if (nat_gateway_sweep(g)) {
		nat_driver_sweep(g->driver);
	}
}

/* Whether this has repaired anything: what others do beside our table, or undo themselves, needs none. */
static bool count_repair(struct nat_gateway *g, const struct nat_done *done)
{
	bool repaired = g->changed && done->written;

	g->repairs += repaired;
	g->driver->repairs += repaired;
	g->changed = done->disturbed;
	return repaired;
}

void nat_gateway_brought(struct nat_gateway *g, struct nat_plan *was, bool was_current, const struct nat_done *done)
{
	bool repaired = count_repair(g, done);
	char rdid[GW_UUID_STRLEN];

	g->writes += done->written;
	note_others(g, &done->others);
	if (done->written && !was_current)
		gw_log(repaired ? GW_LOG_NOTICE : GW_LOG_INFO,
		       "NAT of routing domain %s: ruleset %s, %zu map elements added, %zu removed%s",
		       gw_uuid_format(&g->plan.rdid, rdid),
		       !done->found    ? "made"
		       : done->rebuilt ? "made anew"
				       : "brought up to date",
		       done->added, done->removed, repaired ? "; repaired" : "");
	if (done->disturbed)
		nat_gateway_want_sync(g, "a ruleset was changed from outside while it was written");
	/* What an earlier process has left is held against what there should be; else against what there was. */
	if (done->unswept || (was_current && done->rebuilt))
		drop_flows(g, was_current ? was : NULL);
}

static void settle_as(struct nat_gateway *g, int r, const struct gw_error *err)
{
	if (r < 0)
		nat_gateway_transition(g, NAT_STATE_FAILED, "%s", err->message);
	else if (g->nft)
		nat_gateway_settle(g);
}

void nat_gateway_worked(struct nat_gateway *g, struct nat_plan *was, bool was_current, int r,
			const struct nat_done *done, const struct gw_error *err)
{
	uv_poll_start(g->poll, UV_READABLE, on_events);
	g->current = r == 0 && !done->disturbed;
	if (r == 0) {
		g->failed = (struct gw_error)GW_ERROR_INIT;
		nat_gateway_brought(g, was, was_current, done);
	} else {
		g->failed = *err;
		nat_gateway_want_sync(g, err->message);
	}
	settle_as(g, r, err);
}

/* A few elements are a matter of less than a millisecond, and whoever asked finds them in force when it is answered. */
#define MANY_ELEMS 1000

static int write_plan(struct nat_gateway *g, struct nat_plan *was, bool was_current, bool late, struct gw_error *err)
{
	struct nat_params params = nat_gateway_params(g);
	struct nat_done done = {0};
	int r;

	g->mark = nat_ruleset_mark(&params);
	if (g->work || late || g->plan.n_elems > MANY_ELEMS || was->n_elems > MANY_ELEMS) {
		g->current = false;
		uv_poll_stop(g->poll);
		if (nat_work_want(g, was, was_current) < 0)
			return gw_error_oom(err);
		nat_gateway_transition(g, NAT_STATE_WAITING, "its rules are on their way into the kernel");
		/* Tried again, and told now why the last time was in vain: so the core waits longer from time to time. */
		if (g->failed.code)
			*err = g->failed;
		return g->failed.code ? -EIO : 0;
	}
	r = nat_nft_bring(g->nft, &g->plan, &params, g->full, &done, err);
	if (r < 0) {
		g->current = false;
		return r;
	}
	g->failed = (struct gw_error)GW_ERROR_INIT;
	g->current = !done.disturbed;
	nat_gateway_brought(g, was, was_current, &done);
	return 0;
}

int nat_gateway_bring(struct nat_gateway *g, struct nat_plan *plan, bool late, struct gw_error *err)
{
	struct nat_plan was = g->plan;
	struct nat_params params;
	bool was_current, same;
	int r;

	g->plan = *plan;
	*plan = (struct nat_plan){0};
	params = nat_gateway_params(g);
	if (g->sweep && nat_sweep_now(g->sweep, &g->plan) < 0)
		g->sweep = nat_sweep_free(g->sweep); /* which must not look at what is freed below */
	r = enter(g, g->plan.vsid, err);
	was_current = g->current;
	if (!g->nft || !same_rules(&was, &g->plan))
		forget_counts(g);
	same = (g->current || g->work) && g->mark == nat_ruleset_mark(&params) && same_plan(&was, &g->plan);
	if (r == 0 && !g->nft)
		nat_gateway_transition(g, NAT_STATE_WAITING, "%s",
				       g->plan.vsid ? "the virtual gateway's namespace is not there yet"
						    : "the routing domain has no virtual gateway on this node");
	else if (r == 0 && !same)
		r = write_plan(g, &was, was_current, late, err);
	nat_plan_done(&was);
	if (r < 0)
		g->current = false;
	if (!g->work)
		settle_as(g, r, err);
	return r;
}
