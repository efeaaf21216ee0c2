/*
 * announce.c - tells the neighbours on the segment of the [external] interface which public addresses are here: when one comes or
 * changes its virtual gateway, and when the interface comes, gets its carrier back or another MAC address. Whoever asks is
 * answered by the program there (bpf/lib/edge.h), also without this process; so that questions for IPv6 addresses reach it, the
 * interface takes part in their multicast groups. Called by engine.c once the programs are ready for what then comes.
 *
 * Prefixes are not announced address by address: neighbours that know another place for one find out by asking again.
 */
#include "engine/internal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/*
 * The group that questions for the address are sent to. It is never left: other addresses may have the same one, and all that it
 * costs is to hear questions for nobody.
 */
static void join_group(const struct gw_driver *d, const struct gw_link *link, const struct gw_addr *a)
{
	struct ifreq ifr = {0};
	uint8_t *mac = (uint8_t *)ifr.ifr_hwaddr.sa_data;

	memcpy(ifr.ifr_name, link->name, sizeof ifr.ifr_name);
	mac[0] = mac[1] = 0x33;
	mac[2] = 0xff;
	memcpy(mac + 3, a->b + 13, 3);
	ioctl(d->edge.announce_fd, SIOCADDMULTI, &ifr); /* EEXIST: it does already */
}

/* What cannot be sent is no failure: neighbours ask when their own doubts come up. */
static void announce(struct gw_driver *d, const struct gw_link *link, const struct gw_prefix *p)
{
	bool v4 = gw_addr_is_v4(&p->addr);

	if (p->len != (v4 ? 32 : 128) || !gw_edge_on_segment(d, &p->addr) || gw_edge_is_self(d, &p->addr))
		return;
	if (gw_nl_announce_open(&d->edge.announce_fd) < 0)
		return;
	if (!v4)
		join_group(d, link, &p->addr);
	if (link->running)
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
}

void gw_edge_announce_all(struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_iface *external = gw_edge_external(d);
	struct gw_link *last = &d->edge.announced;

	if (!external) {
		last->ifindex = 0;
		return;
	}
	if (last->ifindex == external->link.ifindex && gw_mac_equal(&last->mac, &external->link.mac) &&
	    (last->running || !external->link.running)) {
		last->running = external->link.running;
		return;
	}
	*last = external->link;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PUBLIC, o));)
		if (is_first(in, o))
			announce(d, &external->link, &o->public.prefix);
}
