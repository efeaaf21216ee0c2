/*
 * links.c - the pairs of links between the node and a VRF's namespace: the two that each has; those of connections are of ways.c.
 * Called by bring.c.
 *
 * A link of the node is ours when it bears the namespace's name as its alias, or when its other end is the link that we look for
 * in there. Any other link of such a name is somebody's: it stays, and the VRF says that it is in the way.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TUNNEL_OVERHEAD 50 /* of VXLAN, the larger of the two: a domain may have records of both */
#define DEFAULT_MTU	1500

unsigned gw_vrf_inside_mtu(const struct gw_driver *d)
{
	return d->underlay_mtu - TUNNEL_OVERHEAD;
}

void gw_vrf_read_external(struct gw_driver *d)
{
	const char *name = d->env.config->external_interface;
	struct gw_link link;

	d->has_external = *name && gw_nl_link_get(d->env.nl, name, &link, NULL) == 0;
	/* While it is away its last size counts: it will mostly come back with that. */
	if (d->has_external)
		d->external_mtu = link.mtu;
	else if (!d->external_mtu)
		d->external_mtu = DEFAULT_MTU;
}

int gw_vrf_in_the_way(const struct gw_link *link, const char *target, struct gw_error *err)
{
	bool other_node = !strncmp(link->alias, GW_NETNS_PREFIX, strlen(GW_NETNS_PREFIX));

	return gw_error_set(err, EEXIST, GW_ERR_CONFLICT, target,
			    "interface %s is in the way, it is %s%s: rename or delete it", link->name,
			    other_node ? "that of namespace " : "not gwd's", other_node ? link->alias : "");
}

int gw_vrf_doom_link(struct gw_nl *nl, const char *name, const char *alias, struct gw_error *err)
{
	struct gw_link link;
	int rc = gw_nl_link_get(nl, name, &link, err);

	if (rc == 0 && !strcmp(link.alias, alias))
		rc = gw_nl_link_set_group(nl, link.ifindex, GW_VRF_DOOMED, err);
	return rc == -ENODEV ? 0 : rc;
}

static int read_side(struct gw_vrf_pass *p, struct gw_vrf_side *s, struct gw_error *err)
{
	int here = gw_nl_link_get(p->d->env.nl, s->name, &s->here, err), there;

	if (here < 0 && here != -ENODEV)
		return here;
	there = gw_nl_link_get(p->dom->nl, s->inside_name, &s->there, err);
	if (there < 0 && there != -ENODEV)
		return there;
	s->has_here = here == 0;
	s->has_there = there == 0;
	return 0;
}

static bool is_pair(const struct gw_vrf_side *s)
{
	return s->has_here && s->has_there && !strcmp(s->here.kind, "veth") && !strcmp(s->there.kind, "veth") &&
	       s->there.peer_elsewhere && s->there.peer == s->here.ifindex && s->here.peer == s->there.ifindex;
}

static int make_pair(struct gw_vrf_pass *p, struct gw_vrf_side *s, int ns_fd, struct gw_error *err)
{
	struct gw_nl_pair pair = {
		.name = s->name, .peer = s->inside_name, .peer_ns = ns_fd, .peer_mac = s->mac, .mtu = s->mtu};
	struct gw_driver *d = p->d;
	int rc = 0;

	if (s->has_here && strcmp(s->here.alias, p->dom->name) != 0)
		return gw_vrf_in_the_way(&s->here, s->name, err);
	/* What is left of a pair whose other end is not where it belongs. */
	if (s->has_here)
		rc = gw_nl_link_delete(d->env.nl, s->here.ifindex, err);
	if (rc == 0 && s->has_there)
		rc = gw_nl_link_delete(p->dom->nl, s->there.ifindex, err);
	if (rc < 0 && rc != -ENODEV)
		return rc;
	rc = gw_nl_add_pair(d->env.nl, &pair, err);
	if (rc < 0)
		return rc;
	rc = read_side(p, s, err);
	if (rc == 0 && !is_pair(s))
		rc = gw_error_set(err, EAGAIN, GW_ERR_UNAVAILABLE, s->name, "%s was taken away while it was made",
				  s->name);
	/* Silent before they are up; the alias says whose it is, whatever happens next. */
	if (rc == 0)
		rc = gw_nl_link_set_alias(d->env.nl, s->here.ifindex, p->dom->name, err);
	if (rc == 0)
		rc = gw_nl_link_quiet(d->env.nl, s->here.ifindex, err);
	if (rc == 0 && !s->speaks)
		rc = gw_nl_link_quiet(p->dom->nl, s->there.ifindex, err);
	if (rc == 0)
		snprintf(s->here.alias, sizeof s->here.alias, "%s", p->dom->name);
	return rc;
}

static int set_mtus(struct gw_vrf_pass *p, const struct gw_vrf_side *s, struct gw_error *err)
{
	int rc = 0;

	if (s->here.mtu != s->mtu)
		rc = gw_nl_link_set_mtu(p->d->env.nl, s->here.ifindex, s->mtu, err);
	if (rc == 0 && s->there.mtu != s->mtu)
		rc = gw_nl_link_set_mtu(p->dom->nl, s->there.ifindex, s->mtu, err);
	return rc;
}

/* In a bridge, or whatever else, that would take its packets. */
static int free_end(struct gw_vrf_pass *p, struct gw_nl *nl, const struct gw_link *link, struct gw_error *err)
{
	int rc = link->master ? gw_nl_link_free(nl, link->ifindex, err) : 0;

	if (rc == 0 && link->master && p->repairing)
		gw_vrf_repaired(p, "%s was made part of another link", link->name);
	return rc;
}

/* For links whose packets are put into tunnels of the engine's, or come out of one: see ways.c. */
static int no_offloads(struct gw_vrf_pass *p, struct gw_nl *nl, const struct gw_link *link, struct gw_error *err)
{
	int rc;

	if (!gw_nl_link_offloads(nl, link))
		return 0;
	rc = gw_nl_link_no_offloads(nl, link, err);
	if (rc == 0 && p->repairing)
		gw_vrf_repaired(p, "%s had offloads turned on", link->name);
	return rc;
}

int gw_vrf_bring_side(struct gw_vrf_pass *p, struct gw_vrf_side *s, int ns_fd, struct gw_error *err)
{
	static const struct gw_mac any;
	int rc = read_side(p, s, err);

	if (rc == 0 && !is_pair(s)) {
		rc = make_pair(p, s, ns_fd, err);
		if (rc == 0 && p->repairing)
			gw_vrf_repaired(p, "%s and its other end %s were missing", s->name, s->inside_name);
	}
	if (rc == 0 && s->here.group == GW_VRF_DOOMED) /* by a process that did not come to its end */
		rc = gw_nl_link_set_group(p->d->env.nl, s->here.ifindex, 0, err);
	if (rc == 0 && strcmp(s->here.alias, p->dom->name) != 0)
		rc = gw_nl_link_set_alias(p->d->env.nl, s->here.ifindex, p->dom->name, err);
	if (rc == 0 && !gw_mac_equal(&s->mac, &any) && !gw_mac_equal(&s->mac, &s->there.mac)) {
		rc = gw_nl_link_set_mac(p->dom->nl, s->there.ifindex, &s->mac, err);
		if (rc == 0 && p->repairing)
			gw_vrf_repaired(p, "%s had another MAC address", s->inside_name);
	}
	if (rc == 0)
		rc = free_end(p, p->d->env.nl, &s->here, err);
	if (rc == 0)
		rc = free_end(p, p->dom->nl, &s->there, err);
	if (rc == 0 && s->one_each)
		rc = no_offloads(p, p->d->env.nl, &s->here, err);
	if (rc == 0 && s->one_each)
		rc = no_offloads(p, p->dom->nl, &s->there, err);
	if (rc == 0)
		rc = set_mtus(p, s, err);
	if (rc == 0 && !s->here.up)
		rc = gw_nl_link_up(p->d->env.nl, s->here.ifindex, err);
	if (rc == 0 && !s->there.up)
		rc = gw_nl_link_up(p->dom->nl, s->there.ifindex, err);
	return rc;
}

static int bring_loopback(struct gw_vrf_pass *p, struct gw_error *err)
{
	struct gw_link lo;
	int rc = gw_nl_link_get(p->dom->nl, "lo", &lo, err);

	return rc == 0 && !lo.up ? gw_nl_link_up(p->dom->nl, lo.ifindex, err) : rc;
}

int gw_vrf_bring_links(struct gw_vrf_pass *p, int ns_fd, struct gw_error *err)
{
	struct gw_vrf_domain *dom = p->dom;
	struct gw_vrf_side in = {.inside_name = GW_VRF_INSIDE, .mac = dom->record.mac, .mtu = gw_vrf_inside_mtu(p->d)};
	struct gw_vrf_side out = {.inside_name = GW_VRF_OUTSIDE, .mtu = p->d->external_mtu};
	int rc = bring_loopback(p, err);

	gw_vrf_port(dom->vsid, in.name);
	gw_vrf_exit(dom->vsid, out.name);
	dom->inside_mtu = in.mtu;
	dom->outside_mtu = out.mtu;
	if (rc == 0)
		rc = gw_vrf_bring_side(p, &in, ns_fd, err);
	if (rc == 0) {
		dom->port = in.here.ifindex;
		dom->inside = in.there.ifindex;
		rc = gw_vrf_bring_side(p, &out, ns_fd, err);
	}
	if (rc == 0) {
		dom->exit = out.here.ifindex;
		dom->exit_mac = out.here.mac;
		dom->outside = out.there.ifindex;
	}
	return rc;
}
