/*
 * events.c - what happens to VRFs from outside, told by the kernel: links of the node and of each namespace, addresses, routes,
 * neighbours and settings inside, and the directory of namespaces. What differs from what is wanted makes the driver ask for a
 * sync of that domain. Owns the watch of the directory. Called by vrf.c and bring.c; runs on the loop. What the kernel does not
 * tell is looked at by kept.c.
 */
#include "vrf/private.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#define WHY_STRLEN 256

/* --- links --- */

struct expected {
	const char *name;
	int ifindex;
	unsigned mtu;
	const struct gw_mac *mac; /* NULL: any */
};

static bool as_expected(const struct gw_link *link, const struct expected *e)
{
	return link->ifindex == e->ifindex && link->up && !link->master && link->mtu == e->mtu &&
	       (!e->mac || gw_mac_equal(&link->mac, e->mac));
}

/* An event tells how it was then, maybe before our own last change: how it is now counts. */
static void see_link(struct gw_vrf_domain *dom, struct gw_nl *nl, const struct expected *e, const struct gw_link *link,
		     bool removed)
{
	char why[WHY_STRLEN];
	struct gw_link now;

	if (dom->dirty || (removed && e->ifindex && link->ifindex != e->ifindex) || (!removed && as_expected(link, e)))
		return;
	if (gw_nl_link_get(nl, e->name, &now, NULL) == 0 && as_expected(&now, e))
		return;
	snprintf(why, sizeof why, "%s of VRF %s %s", e->name, dom->name, removed ? "went" : "changed");
	gw_vrf_mark(dom, why);
}

static void see_way(struct gw_vrf_domain *dom, struct gw_nl *nl, const struct gw_link *link, bool removed)
{
	const struct gw_vrf_way *w = gw_vrf_way_named(dom, link->name);
	bool there = nl == dom->nl;

	if (w)
		see_link(dom, nl,
			 &(struct expected){link->name, there ? w->inside : w->here, w->mtu,
					    there ? &w->mac : &w->here_mac},
			 link, removed);
}

static void on_inside_link(void *ctx, const struct gw_link *link, bool removed)
{
	struct gw_vrf_domain *dom = ctx;

	if (!strcmp(link->name, GW_VRF_INSIDE) || (dom->inside && link->ifindex == dom->inside))
		see_link(dom, dom->nl,
			 &(struct expected){GW_VRF_INSIDE, dom->inside, dom->inside_mtu, &dom->record.mac}, link,
			 removed);
	else if (!strcmp(link->name, GW_VRF_OUTSIDE) || (dom->outside && link->ifindex == dom->outside))
		see_link(dom, dom->nl, &(struct expected){GW_VRF_OUTSIDE, dom->outside, dom->outside_mtu, NULL}, link,
			 removed);
	else
		see_way(dom, dom->nl, link, removed);
}

static void on_external(struct gw_driver *d)
{
	unsigned mtu = d->external_mtu;

	gw_vrf_read_external(d);
	if (mtu == d->external_mtu)
		return;
	d->followed = false; /* all of them */
	d->env.want_sync(d->env.core, "the external interface has another MTU");
}

static void on_node_link(void *ctx, const struct gw_link *link, bool removed)
{
	struct gw_driver *d = ctx;
	bool is_port = !strncmp(link->name, "gwo", 3), is_exit = !strncmp(link->name, "gwe", 3);
	struct gw_vrf_domain *dom;
	char name[IFNAMSIZ];
	uint32_t vsid;

	if (*d->env.config->external_interface && !strcmp(link->name, d->env.config->external_interface)) {
		on_external(d);
		return;
	}
	if (!removed && gw_vrf_physical_changed(d, link)) {
		d->followed = false; /* any of them may lead there */
		d->env.want_sync(d->env.core, "an interface that connections lead to has another MTU");
	}
	if (!strncmp(link->name, GW_WAY_LINK, strlen(GW_WAY_LINK)))
		GW_HMAP_FOR_EACH (node, &d->vrfs)
			see_way(GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid), d->env.nl, link, removed);
	if (!is_port && !is_exit)
		return;
	vsid = (uint32_t)strtoul(link->name + 3, NULL, 10);
	dom = gw_vrf_of_vsid(d, vsid);
	if (!dom || strcmp(link->name, is_port ? gw_vrf_port(vsid, name) : gw_vrf_exit(vsid, name)) != 0)
		return;
	see_link(dom, d->env.nl,
		 &(struct expected){name, is_port ? dom->port : dom->exit, is_port ? dom->inside_mtu : dom->outside_mtu,
				    is_port ? NULL : &dom->exit_mac},
		 link, removed);
}

/* --- inside --- */

static void on_inside_change(void *ctx, const struct gw_nl_change *change)
{
	char why[WHY_STRLEN], addr[GW_ADDR_STRLEN], prefix[GW_PREFIX_STRLEN];
	struct gw_vrf_domain *dom = ctx;

	if (dom->dirty)
		return;
	switch (change->kind) {
	case GW_NL_CHANGE_ADDR:
		if (!change->removed || !gw_vrf_wants_addr(&dom->wanted, &change->addr))
			return;
		snprintf(why, sizeof why, "address %s was removed from VRF %s",
			 gw_addr_format(&change->addr.addr, addr), dom->name);
		break;
	case GW_NL_CHANGE_ROUTE:
		if (!change->removed || !gw_vrf_wants_route(&dom->wanted, &change->route))
			return;
		snprintf(why, sizeof why, "route %s was removed from VRF %s",
			 gw_prefix_format(&change->route.prefix, prefix), dom->name);
		break;
	default:
		snprintf(why, sizeof why, "the kernel dropped events of VRF %s", dom->name);
	}
	gw_vrf_mark(dom, why);
}

static void on_inside_stack(void *ctx, const struct gw_nl_neigh *neigh, const struct gw_nl_conf *conf)
{
	const struct gw_nl_neigh *wanted;
	struct gw_vrf_domain *dom = ctx;
	char why[WHY_STRLEN];

	if (neigh) {
		wanted = gw_vrf_wants_neigh(&dom->wanted, neigh);
		if (!wanted || (!neigh->removed && neigh->permanent && gw_mac_equal(&wanted->mac, &neigh->mac)))
			return;
	} else if (conf && conf->forwarding != 0 && conf->rp_filter <= 0) {
		return;
	}
	if (dom->dirty || (conf && conf->ifindex > 0 && !gw_vrf_has_link(dom, conf->ifindex)))
		return;
	snprintf(why, sizeof why, "%s VRF %s",
		 neigh	? "a neighbour was changed in"
		 : conf ? "settings were changed in"
			: "the kernel dropped events of",
		 dom->name);
	gw_vrf_mark(dom, why);
}

static void on_inside_foreign(void *ctx, const char *what)
{
	struct gw_vrf_domain *dom = ctx;
	char why[WHY_STRLEN];

	if (dom->dirty)
		return;
	snprintf(why, sizeof why, "%s in VRF %s", what, dom->name);
	gw_vrf_mark(dom, why);
}

/* Something about the queues of a link: of one of the domain's connections, in the namespace or on the node. */
static void see_limit(struct gw_vrf_domain *dom, struct gw_nl *nl, int ifindex)
{
	bool there = nl == dom->nl;
	char why[WHY_STRLEN];

	for (size_t i = 0; i < dom->n_ways && !dom->dirty; i++) {
		const struct gw_vrf_way *w = &dom->ways[i];
		const struct gw_nl_rate rate = gw_vrf_rate_of(w, there ? w->record.out_kbps : w->record.in_kbps);

		if ((there ? w->inside : w->here) != ifindex || gw_nl_rate_is(nl, ifindex, &rate))
			continue;
		snprintf(why, sizeof why, "the limit of %s of VRF %s was taken off", there ? w->inside_name : w->name,
			 dom->name);
		gw_vrf_mark(dom, why);
	}
}

static void on_inside_tc(void *ctx, int ifindex, bool removed)
{
	struct gw_vrf_domain *dom = ctx;

	if (ifindex == dom->inside || ifindex == dom->outside)
		gw_vrf_look_at_queues(dom);
	else if (removed)
		see_limit(dom, dom->nl, ifindex);
}

static void on_node_tc(void *ctx, int ifindex, bool removed)
{
	struct gw_driver *d = ctx;

	if (!removed ||
	    !d->has_limits) /* else there are many such events, and as many connections to hold each against */
		return;
	GW_HMAP_FOR_EACH (node, &d->vrfs)
		see_limit(GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid), d->env.nl, ifindex);
}

void gw_vrf_look_at_queues(struct gw_vrf_domain *dom)
{
	const int links[] = {dom->inside, dom->outside};

	dom->queued = gw_nl_has_qdisc(dom->nl, links, 2);
}

int gw_vrf_watch_inside(struct gw_vrf_domain *dom)
{
	int rc = gw_nl_watch_links(dom->nl, on_inside_link, dom);

	if (rc == 0)
		rc = gw_nl_watch_inet(dom->nl, on_inside_change, dom);
	if (rc == 0)
		rc = gw_nl_watch_stack(dom->nl, on_inside_stack, dom);
	if (rc == 0)
		rc = gw_nl_watch_tc(dom->nl, on_inside_tc, dom);
	return rc == 0 ? gw_nl_watch_foreign(dom->nl, on_inside_foreign, dom) : rc;
}

/* --- the directory of namespaces --- */

/* Outlives the driver until the loop has closed it. */
struct gw_vrf_watch {
	uv_fs_event_t event;
	struct gw_driver *d;
};

static bool is_there(const struct gw_vrf_domain *dom)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	return gw_netns_open(dom->name, &fd) == 0 && fstat(fd, &st) == 0 && st.st_ino == dom->ino;
}

static void on_dir(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct gw_vrf_watch *w = event->data;
	char why[WHY_STRLEN];
	struct gw_vrf_domain *dom;

	(void)events;
	if (!w->d || status < 0 || !name)
		return;
	dom = gw_vrf_of_vsid(w->d, gw_netns_vrf_vsid(w->d->env.config->name, name));
	if (!dom || dom->dirty || is_there(dom))
		return;
	snprintf(why, sizeof why, "namespace %s was deleted", name);
	gw_vrf_mark(dom, why);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void gw_vrf_watch_dir(struct gw_driver *d)
{
	struct gw_vrf_watch *w;

	if (d->dir)
		return;
	w = calloc(1, sizeof *w);
	if (!w || uv_fs_event_init(d->env.loop, &w->event) < 0) {
		free(w);
		return;
	}
	w->event.data = w;
	w->d = d;
	if (uv_fs_event_start(&w->event, on_dir, GW_NETNS_DIR, 0) < 0) {
		gw_log_debug("cannot watch %s: a namespace that somebody deletes is missed until the next full sync",
			     GW_NETNS_DIR);
		uv_close((uv_handle_t *)&w->event, on_closed);
		return;
	}
	d->dir = w;
}

int gw_vrf_watch_node(struct gw_driver *d)
{
	int rc = gw_nl_watch_links(d->env.nl, on_node_link, d);

	return rc == 0 ? gw_nl_watch_tc(d->env.nl, on_node_tc, d) : rc;
}

void gw_vrf_unwatch(struct gw_driver *d)
{
	gw_nl_unwatch(d->env.nl, d);
	if (d->dir) {
		d->dir->d = NULL;
		uv_close((uv_handle_t *)&d->dir->event, on_closed);
	}
	d->dir = NULL;
}
