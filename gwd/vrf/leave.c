/*
 * leave.c - takes VRFs that nobody wants any more out of the kernel, on a thread: for the links of one, and for those of some together, the
 * kernel lets whoever asks wait for tens of milliseconds. Called by vrf.c and bring.c, on the loop.
 *
 *   gw_vrf_doom --> queue --> thread: links, then namespaces --> on the loop: the domain is without a VRF
 *
 * What the driver knows of them it has let go of by then, so that nothing tells of them, and nothing repairs them. Who needs the names of
 * one waits until it has gone (gw_vrf_await_gone): nothing else does. What could not be taken away keeps its VSID, and is a failure of
 * the sync under way, or makes the next one look at everything.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/*
 * A part of them at a time: the kernel does nothing else to links meanwhile, and whoever brings another one waits for that. All of a part
 * cost little more than one.
 */
#define AT_ONCE 8

struct gw_vrf_leaver {
	struct gw_vrf_leaver *next;
	struct gw_vrf_domain *dom; /* NULL: of an earlier process */
	uint32_t vsid;
	char name[GW_NETNS_STRLEN];
	char (*links)[IFNAMSIZ]; /* owned: on the node, beside those two that each has; of connections */
	size_t n_links;
	int rc;
	struct gw_error err;
};

/* Those that go together. It outlives the driver until the loop has seen the end of it. */
struct gw_vrf_leave {
	uv_work_t req;
	struct gw_driver *d; /* NULL: what came of it has been seen */
	struct gw_nl *nl;    /* the thread's, while it works */
	struct gw_vrf_leaver *first;
	uv_mutex_t lock;
	uv_cond_t ended;
	bool has_ended;
};

static void free_leaver(struct gw_vrf_leaver *l)
{
	free(l->links);
	free(l);
}

/* --- on the thread --- */

/* Marks what is to go. */
static int doom_links(struct gw_nl *nl, const struct gw_vrf_leaver *l, struct gw_error *err)
{
	char port[IFNAMSIZ], way_out[IFNAMSIZ];
	int rc = gw_vrf_doom_link(nl, gw_vrf_port(l->vsid, port), l->name, err);

	if (rc == 0)
		rc = gw_vrf_doom_link(nl, gw_vrf_exit(l->vsid, way_out), l->name, err);
	for (size_t i = 0; i < l->n_links && rc == 0; i++)
		rc = gw_vrf_doom_link(nl, l->links[i], l->name, err);
	return rc;
}

static void on_work(uv_work_t *req)
{
	struct gw_vrf_leave *leave = req->data;
	struct gw_error err = GW_ERROR_INIT;
	int rc = 0;

	for (struct gw_vrf_leaver *l = leave->first; l; l = l->next)
		l->rc = doom_links(leave->nl, l, &l->err);
	rc = gw_nl_link_delete_group(leave->nl, GW_VRF_DOOMED, &err);
	for (struct gw_vrf_leaver *l = leave->first; l; l = l->next) {
		if (l->rc == 0 && rc < 0) {
			l->rc = rc;
			l->err = err;
		}
		if (l->rc == 0)
			l->rc = gw_netns_delete(GW_NETNS_SOCKET, l->name, &l->err);
	}
	uv_mutex_lock(&leave->lock);
	leave->has_ended = true;
	uv_cond_signal(&leave->ended);
	uv_mutex_unlock(&leave->lock);
}

/* --- on the loop --- */

static void fail(struct gw_driver *d, int rc, const struct gw_error *why)
{
	if (d->under_way) {
		gw_vrf_keep_first(d, rc, why);
		d->left_behind = true;
		return;
	}
	gw_log_debug("a VRF could not be taken away: %s", why->message);
	d->followed = false;
	d->env.want_sync(d->env.core, "a VRF could not be taken away");
}

static void end_one(struct gw_driver *d, struct gw_vrf_leaver *l)
{
	if (l->dom)
		l->dom->doomed = false;
	if (l->rc < 0) {
		fail(d, l->rc, &l->err);
	} else if (l->dom) {
		l->dom->vsid = 0;
		gw_vrf_forget_if_unused(d, l->dom);
	} else {
		gw_log_notice("VRF %s: nobody wants it any more; removed", l->name);
	}
	free_leaver(l);
}

/* What came of those that have gone together; returned is what came of the one of this VSID, 0 when it is none of them. */
static int see(struct gw_vrf_leave *leave, uint32_t vsid, struct gw_error *err)
{
	struct gw_driver *d = leave->d;
	int rc = 0;

	d->leave = NULL;
	leave->d = NULL;
	while (leave->first) {
		struct gw_vrf_leaver *l = leave->first;

		leave->first = l->next;
		if (l->vsid == vsid && l->rc < 0) {
			rc = l->rc;
			if (err)
				*err = l->err;
		}
		end_one(d, l);
	}
	return rc;
}

static void on_done(uv_work_t *req, int status)
{
	struct gw_vrf_leave *leave = req->data;
	struct gw_driver *d = leave->d;

	(void)status; /* it is never cancelled */
	if (d) {
		see(leave, 0, NULL);
		gw_vrf_go_on_leaving(d);
	}
	uv_cond_destroy(&leave->ended);
	uv_mutex_destroy(&leave->lock);
	free(leave);
}

static int start(struct gw_driver *d, struct gw_error *err)
{
	struct gw_vrf_leaver **end = &d->leavers;
	struct gw_vrf_leave *leave = calloc(1, sizeof *leave);

	if (!leave || uv_mutex_init(&leave->lock) < 0) {
		free(leave);
		return gw_error_oom(err);
	}
	if (uv_cond_init(&leave->ended) < 0) {
		uv_mutex_destroy(&leave->lock);
		free(leave);
		return gw_error_oom(err);
	}
	leave->d = d;
	leave->nl = d->leaving_nl;
	leave->first = d->leavers;
	for (size_t n = 0; *end && n < AT_ONCE; n++)
		end = &(*end)->next;
	d->leavers = *end;
	*end = NULL;
	d->leave = leave;
	leave->req.data = leave;
	uv_queue_work(d->env.loop, &leave->req, on_work, on_done); /* fails without a function only */
	return 0;
}

static void drop_queue(struct gw_driver *d)
{
	while (d->leavers) {
		struct gw_vrf_leaver *l = d->leavers;

		d->leavers = l->next;
		if (l->dom)
			l->dom->doomed = false;
		free_leaver(l);
	}
}

bool gw_vrf_go_on_leaving(struct gw_driver *d)
{
	struct gw_error err = GW_ERROR_INIT;
	bool ended;
	int rc;

	if (d->leave) {
		uv_mutex_lock(&d->leave->lock);
		ended = d->leave->has_ended;
		uv_mutex_unlock(&d->leave->lock);
		if (!ended)
			return true;
		see(d->leave, 0, NULL);
	}
	rc = d->leavers ? start(d, &err) : 0;
	if (rc < 0) {
		drop_queue(d);
		fail(d, rc, &err);
	}
	return d->leave;
}

static void add(struct gw_driver *d, struct gw_vrf_leaver *l)
{
	struct gw_vrf_leaver **end = &d->leavers;

	while (*end)
		end = &(*end)->next;
	*end = l;
}

static struct gw_vrf_leaver **find(struct gw_vrf_leaver **at, uint32_t vsid)
{
	while (*at && (*at)->vsid != vsid)
		at = &(*at)->next;
	return at;
}

static bool is_leaving(const struct gw_driver *d, uint32_t vsid)
{
	struct gw_vrf_leaver *queue = d->leavers;

	return *find(&queue, vsid) || (d->leave && *find(&d->leave->first, vsid));
}

static int add_link(struct gw_vrf_leaver *l, const char *name)
{
	char(*more)[IFNAMSIZ] = reallocarray(l->links, l->n_links + 1, sizeof *more);

	if (!more)
		return -ENOMEM;
	l->links = more;
	snprintf(more[l->n_links++], sizeof *more, "%s", name);
	return 0;
}

int gw_vrf_doom(struct gw_driver *d, struct gw_vrf_domain *dom, struct gw_error *err)
{
	struct gw_vrf_leaver *l;
	int rc = 0;

	if (!dom->vsid || dom->doomed)
		return 0;
	l = calloc(1, sizeof *l);
	for (size_t i = 0; l && rc == 0 && i < dom->n_ways; i++)
		rc = add_link(l, dom->ways[i].name);
	if (!l || rc < 0) {
		if (l)
			free_leaver(l);
		return gw_error_oom(err);
	}
	gw_vrf_let_go(d, dom);
	dom->doomed = true;
	l->dom = dom;
	l->vsid = dom->vsid;
	memcpy(l->name, dom->name, sizeof l->name);
	add(d, l);
	return 0;
}

/* Of those that are going nothing more is said: what they leave the next look finds. */
int gw_vrf_doom_stray(struct gw_driver *d, uint32_t vsid, const char *name, const char *link, struct gw_error *err)
{
	struct gw_vrf_leaver *l = *find(&d->leavers, vsid);

	if (!l && is_leaving(d, vsid))
		return 0;
	if (!l) {
		l = calloc(1, sizeof *l);
		if (!l)
			return gw_error_oom(err);
		l->vsid = vsid;
		snprintf(l->name, sizeof l->name, "%s", name);
		add(d, l);
	}
	return link && add_link(l, link) < 0 ? gw_error_oom(err) : 0;
}

static void await_end(struct gw_vrf_leave *leave)
{
	uv_mutex_lock(&leave->lock);
	while (!leave->has_ended)
		uv_cond_wait(&leave->ended, &leave->lock);
	uv_mutex_unlock(&leave->lock);
}

int gw_vrf_await_gone(struct gw_driver *d, uint32_t vsid, struct gw_error *err)
{
	int rc = 0;

	while (rc == 0 && is_leaving(d, vsid)) {
		struct gw_vrf_leaver **at = find(&d->leavers, vsid), *l = *at;

		if (l) { /* before all others */
			*at = l->next;
			l->next = d->leavers;
			d->leavers = l;
		}
		if (!d->leave)
			rc = start(d, err);
		if (rc < 0)
			break;
		await_end(d->leave);
		rc = see(d->leave, vsid, err);
	}
	return rc;
}

/* What is still in the queue is of no record: the next start takes it away. */
void gw_vrf_end_leaving(struct gw_driver *d)
{
	if (d->leave) {
		await_end(d->leave);
		d->under_way = true; /* nobody is asked for a sync any more */
		see(d->leave, 0, NULL);
	}
	drop_queue(d);
	d->leaving_nl = gw_nl_close(d->leaving_nl);
}
