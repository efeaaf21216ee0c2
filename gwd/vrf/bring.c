/*
 * bring.c - brings one routing domain's VRF to its intended state; and finds what an earlier process left that nobody wants any
 * more. Called by vrf.c, for what has changed or was found to differ only. How VRFs go is in leave.c.
 *
 *   namespace -> settings for links to come -> links, those of connections -> settings of links -> addresses, neighbours, routes
 *
 * Each step first looks, then does what is missing: a VRF that is in order is only read.
 */
#include "vrf/private.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void gw_vrf_repaired(struct gw_vrf_pass *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	p->dom->repairs++;
	p->d->repairs++;
	gw_log_notice("VRF %s: %s; repaired", p->dom->name, text);
}

/* --- its namespace --- */

void gw_vrf_call(struct gw_vrf_domain *dom, uint32_t vsid)
{
	if (dom->vsid)
		return;
	dom->vsid = vsid;
	gw_netns_vrf_name(dom->owner->env.config->name, vsid, dom->name);
}

void gw_vrf_let_go(struct gw_driver *d, struct gw_vrf_domain *dom)
{
	if (dom->nl) {
		gw_hmap_remove(&d->vrfs, &dom->by_vsid);
		gw_nl_unwatch(dom->nl, dom);
		dom->nl = gw_nl_close(dom->nl);
	}
	gw_vrf_drop_kept(dom, false);
	gw_vrf_drop_kept(dom, true);
	gw_vrf_wanted_done(&dom->wanted);
	gw_vrf_drop_ways(dom);
	gw_vrf_follow_paths(d, dom, false);
	dom->port = dom->exit = dom->inside = dom->outside = 0;
	dom->queued = false;
	dom->state = GW_VRF_WAITING;
}

/* The namespace that has the name now; made when there is none. */
static int open_namespace(struct gw_vrf_pass *p, int *ret_fd, struct gw_error *err)
{
	struct gw_vrf_domain *dom = p->dom;
	_cleanup_close_ int fd = -1;
	int rc = gw_netns_open(dom->name, &fd);
	struct stat st;

	if (rc == -ENOENT) {
		rc = gw_netns_add(GW_NETNS_SOCKET, dom->name, &fd, err);
		p->fresh = rc == 0;
	} else if (rc < 0) {
		gw_error_set(err, -rc, GW_ERR_INTERNAL, dom->name, "cannot open namespace %s: %s", dom->name,
			     strerror(-rc));
	}
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return gw_error_set(err, errno, GW_ERR_INTERNAL, dom->name, "%s", strerror(errno));
	if (dom->nl && dom->ino != st.st_ino) {
		gw_vrf_let_go(p->d, dom);
		if (p->repairing)
			gw_vrf_repaired(p, "the namespace was deleted or is another");
	}
	dom->ino = st.st_ino;
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

static int enter(struct gw_vrf_pass *p, int ns_fd, struct gw_error *err)
{
	struct gw_vrf_domain *dom = p->dom;
	int rc;

	if (dom->nl)
		return 0;
	rc = gw_nl_open_in(p->d->env.loop, ns_fd, &dom->nl, err);
	if (rc < 0)
		return rc;
	if (gw_hmap_insert(&p->d->vrfs, &dom->by_vsid, dom->vsid) < 0) {
		dom->nl = gw_nl_close(dom->nl);
		return gw_error_oom(err);
	}
	rc = gw_vrf_watch_inside(dom);
	if (rc < 0) {
		gw_vrf_let_go(p->d, dom);
		return gw_error_set(err, -rc, GW_ERR_UNAVAILABLE, dom->name, "cannot watch namespace %s: %s", dom->name,
				    strerror(-rc));
	}
	gw_vrf_watch_dir(p->d);
	gw_vrf_post_watchman(p->d);
	return 0;
}

/* --- all of it --- */

/* What ends by itself, or by somebody's doing that is noticed: links that the kernel has not taken down yet, races with others. */
static bool may_pass(int rc)
{
	return rc == -EEXIST || rc == -EBUSY || rc == -ENODEV || rc == -ENOENT || rc == -EAGAIN || rc == -ENETDOWN ||
	       rc == -ENETUNREACH || rc == -EADDRNOTAVAIL;
}

static int steps(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct gw_vrf_domain *dom = p->dom;
	_cleanup_close_ int ns_fd = -1;
	struct gw_vrf_wanted wanted;
	int rc = open_namespace(p, &ns_fd, err);

	if (p->fresh) /* all of it is missing */
		p->repairing = false;
	if (rc == 0)
		rc = enter(p, ns_fd, err);
	if (rc == 0)
		rc = gw_vrf_bring_settings(p, false, err);
	if (rc == 0)
		rc = gw_vrf_bring_links(p, ns_fd, err);
	if (rc == 0)
		rc = gw_vrf_bring_ways(p, ns_fd, err);
	if (rc == 0)
		rc = gw_vrf_bring_settings(p, true, err);
	if (rc < 0)
		return rc;
	if (gw_vrf_want(p->d, dom, p->in, &wanted) < 0)
		return gw_error_oom(err);
	gw_vrf_wanted_done(&dom->wanted);
	dom->wanted = wanted;
	if (dom->turned)
		p->repairing = false;
	dom->turned = false;
	if (!p->fresh)
		gw_vrf_look_at_queues(dom);
	return gw_vrf_bring_stack(p, err);
}

static int take_down(struct gw_driver *d, struct gw_vrf_domain *dom, struct gw_error *err)
{
	int rc = gw_vrf_doom(d, dom, err);

	return rc == 0 ? gw_vrf_await_gone(d, dom->vsid, err) : rc;
}

int gw_vrf_bring(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	struct gw_vrf_domain *dom = p->dom, *holder;
	int rc = 0;

	if (dom->vsid && (dom->doomed || dom->vsid != dom->record.vsid))
		rc = take_down(p->d, dom, &why);
	holder = gw_vrf_of_vsid(p->d, dom->record.vsid);
	if (rc == 0 && holder && holder != dom) /* it goes in the same change, or has just lost its record */
		rc = gw_vrf_doom(p->d, holder, &why);
	if (rc == 0)
		rc = gw_vrf_await_gone(p->d, dom->record.vsid, &why);
	if (rc == 0) {
		gw_vrf_call(dom, dom->record.vsid);
		rc = steps(p, &why);
	}
	if (rc == 0) {
		dom->state = GW_VRF_READY;
		dom->problem[0] = '\0';
		return 0;
	}
	dom->state = GW_VRF_DEGRADED;
	snprintf(dom->problem, sizeof dom->problem, "%s", why.message);
	p->later = may_pass(rc) && why.code != GW_ERR_CAPABILITY;
	if (err)
		*err = why;
	return rc;
}

/* --- strays --- */

struct strays {
	struct gw_driver *d;
	const struct gw_intent *in;
	struct gw_error *err;
	int rc;
};

/* What is known of it may be old: one that looks like a stray is looked at. */
static void see_link(void *ctx, const char *name, const char *alias)
{
	struct strays *s = ctx;
	uint32_t vsid = gw_netns_vrf_vsid(s->d->env.config->name, alias);
	char port[IFNAMSIZ], way_out[IFNAMSIZ];
	struct gw_link now;

	if (s->rc < 0 || !vsid ||
	    (strcmp(name, gw_vrf_port(vsid, port)) != 0 && strcmp(name, gw_vrf_exit(vsid, way_out)) != 0 &&
	     strncmp(name, GW_WAY_LINK, strlen(GW_WAY_LINK)) != 0) ||
	    gw_intent_vrf_of_vsid(s->in, vsid))
		return;
	s->rc = gw_nl_link_get(s->d->env.nl, name, &now, s->err);
	if (s->rc == 0 && !strcmp(now.kind, "veth") && !strcmp(now.alias, alias))
		s->rc = gw_vrf_doom_stray(s->d, vsid, alias, name, s->err);
	else if (s->rc == -ENODEV)
		s->rc = 0;
}

static int see_namespace(void *ctx, const char *name, uint32_t vsid, struct gw_error *err)
{
	struct strays *s = ctx;

	return gw_intent_vrf_of_vsid(s->in, vsid) ? 0 : gw_vrf_doom_stray(s->d, vsid, name, NULL, err);
}

int gw_vrf_doom_strays(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err)
{
	struct strays s = {.d = d, .in = in, .err = err};

	gw_nl_known_each(d->env.nl, see_link, &s);
	return s.rc == 0 ? gw_netns_each(d->env.config->name, see_namespace, &s, err) : s.rc;
}
