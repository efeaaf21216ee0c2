/*
 * announce.c - tells the neighbours on the segment of the [external] interface which public addresses are here: when one comes or
 * changes its virtual gateway, and when the interface comes, gets its carrier back, another MAC address or other subnets. Whoever
 * asks is answered by the program there (bpf/lib/edge.h), also without this process; so that questions for IPv6 addresses reach it,
 * the interface takes part in their multicast groups, which hardware filters by. Called by engine.c once the programs are ready for
 * what then comes.
 *
 * Prefixes are not announced address by address: neighbours that know another place for one find out by asking again.
 */
#include "engine/internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* --- questions for IPv6 addresses --- */

/* Questions for an address are sent to a group that its last three bytes name. */
struct group {
	uint8_t b[3];
	bool needed;
};

static struct group group_of(const struct gw_addr *a)
{
	return (struct group){.b = {a->b[13], a->b[14], a->b[15]}};
}

static int compare_groups(const void *a, const void *b)
{
	return memcmp(((const struct group *)a)->b, ((const struct group *)b)->b, 3);
}

/* `what`: SIOCADDMULTI, SIOCDELMULTI; as it is already is no failure. */
static void change_group(const struct gw_driver *d, const struct gw_link *link, const struct group *g,
			 unsigned long what)
{
	struct ifreq ifr = {0};
	uint8_t *mac = (uint8_t *)ifr.ifr_hwaddr.sa_data;

	memcpy(ifr.ifr_name, link->name, sizeof ifr.ifr_name);
	mac[0] = mac[1] = 0x33;
	mac[2] = 0xff;
	memcpy(mac + 3, g->b, 3);
	ioctl(d->edge.announce_fd, what, &ifr);
}

/* A prefix has up to sixteen million groups: then the link hears them all. Where it did before, that stays so. */
static void change_all_groups(struct gw_driver *d, const struct gw_link *link, bool on)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, link->name, sizeof ifr.ifr_name);
	if (ioctl(d->edge.announce_fd, SIOCGIFFLAGS, &ifr) < 0 || !(ifr.ifr_flags & IFF_ALLMULTI) != on)
		return;
	ifr.ifr_flags = (short)(ifr.ifr_flags ^ IFF_ALLMULTI);
	if (ioctl(d->edge.announce_fd, SIOCSIFFLAGS, &ifr) < 0)
		gw_log_debug("%s cannot be told to hear all multicast", link->name);
	else
		d->edge.all_groups = on;
}

/* An IPv6 place that hosts on the segment ask for. */
static bool is_asked_for(const struct gw_driver *d, const struct gw_hnv_object *o)
{
	return o && o->kind == GW_HNV_PUBLIC && !gw_addr_is_v4(&o->public.prefix.addr) &&
	       gw_edge_on_segment(d, &o->public.prefix.addr);
}

static void join(struct gw_driver *d, const struct gw_link *link, const struct gw_prefix *p)
{
	struct group g = group_of(&p->addr);

	if (gw_nl_announce_open(&d->edge.announce_fd) < 0)
		return;
	if (p->len == 128)
		change_group(d, link, &g, SIOCADDMULTI);
	else
		change_all_groups(d, link, true);
}

/* Notes which of the groups (sorted, each once) other places need. Whether prefixes are left. */
static bool see_who_stays(const struct gw_driver *d, const struct gw_intent *in, struct group *gone, size_t n)
{
	bool prefixes = false;

	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PUBLIC, o));) {
		struct group key, *g;

		if (!is_asked_for(d, o))
			continue;
		if (o->public.prefix.len < 128) {
			prefixes = true;
			continue;
		}
		key = group_of(&o->public.prefix.addr);
		g = n ? bsearch(&key, gone, n, sizeof *gone, compare_groups) : NULL;
		if (g)
			g->needed = true;
	}
	return prefixes;
}

/*
 * Leaves what no other place needs. Of what an earlier process joined nothing is known, and all that it costs is to hear questions
 * for nobody.
 */
static void leave(struct gw_driver *d, const struct gw_link *link, const struct gw_intent *in,
		  const struct gw_delta *delta)
{
	struct group *gone = calloc(delta->n, sizeof *gone);
	bool prefix_gone = false;
	size_t n = 0, kept = 0;

	for (size_t i = 0; gone && i < delta->n; i++) {
		const struct gw_hnv_object *o = delta->changes[i].before;

		if (delta->changes[i].after || !is_asked_for(d, o))
			continue;
		if (o->public.prefix.len == 128)
			gone[n++] = group_of(&o->public.prefix.addr);
		else
			prefix_gone = true;
	}
	if ((n || prefix_gone) && gw_nl_announce_open(&d->edge.announce_fd) == 0) {
		if (n)
			qsort(gone, n, sizeof *gone, compare_groups);
		for (size_t i = 0; i < n; i++)
			if (i == 0 || compare_groups(&gone[kept - 1], &gone[i]) != 0)
				gone[kept++] = gone[i];
		if (!see_who_stays(d, in, gone, kept) && d->edge.all_groups)
			change_all_groups(d, link, false);
		for (size_t i = 0; i < kept; i++)
			if (!gone[i].needed)
				change_group(d, link, &gone[i], SIOCDELMULTI);
	}
	free(gone);
}

/* --- where addresses are --- */

/* What cannot be sent is no failure: neighbours ask when their own doubts come up. */
static void announce(struct gw_driver *d, const struct gw_link *link, const struct gw_prefix *p)
{
	bool v4 = gw_addr_is_v4(&p->addr);

	if (!gw_edge_on_segment(d, &p->addr) || gw_edge_is_self(d, &p->addr))
		return;
	if (!v4)
		join(d, link, p);
	if (p->len == (v4 ? 32 : 128) && link->running && gw_nl_announce_open(&d->edge.announce_fd) == 0)
		gw_nl_announce(d->edge.announce_fd, link->ifindex, &link->mac, &p->addr);
}

/* Of a shared address one of its parts speaks for all. */
static bool is_first(const struct gw_intent *in, const struct gw_hnv_object *o)
{
	const struct gw_hnv_object *first = gw_intent_public_from(in, &o->public.prefix.addr, 0);

	return !first || first == o;
}

void gw_edge_announce(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta)
{
	const struct gw_iface *external = gw_edge_external(d);

	for (size_t i = 0; external && i < delta->n; i++) {
		const struct gw_hnv_object *after = delta->changes[i].after;

		if (after && after->kind == GW_HNV_PUBLIC && is_first(in, after))
			announce(d, &external->link, &after->public.prefix);
	}
	if (external)
		leave(d, &external->link, in, delta);
}

void gw_edge_announce_all(struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_iface *external = gw_edge_external(d);
	uint32_t segments = gw_hash_bytes(d->edge.segments, d->edge.n_segments * sizeof *d->edge.segments, 0);
	struct gw_link *last = &d->edge.announced;

	if (!external) {
		last->ifindex = 0;
		return;
	}
	if (last->ifindex == external->link.ifindex && d->edge.announced_on == segments &&
	    gw_mac_equal(&last->mac, &external->link.mac) && (last->running || !external->link.running)) {
		last->running = external->link.running;
		return;
	}
	if (last->ifindex != external->link.ifindex)
		d->edge.all_groups = false;
	*last = external->link;
	d->edge.announced_on = segments;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PUBLIC, o));)
		if (is_first(in, o))
			announce(d, &external->link, &o->public.prefix);
}
