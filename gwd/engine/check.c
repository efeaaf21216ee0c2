/*
 * check.c - what the engine refuses before anything is changed: ports at interfaces that are none. Called through the driver's
 * table of operations. What only the intent knows, such as who carries a provider address, is refused by the intent.
 */
#include "engine/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The addresses of the node itself, by interface: where there is one, it is the node's own traffic that comes in. */
struct own {
	struct gw_nl_addr *list;
	size_t n, room;
	bool failed;
};

static void on_address(void *ctx, const struct gw_nl_addr *a)
{
	struct own *own = ctx;
	size_t room = own->room ? 2 * own->room : 64;
	struct gw_nl_addr *list;

	if (own->failed || gw_addr_is_link_local(&a->addr)) /* every interface has one of those */
		return;
	if (own->n == own->room) {
		list = reallocarray(own->list, room, sizeof *list);
		own->failed = !list;
		if (!list)
			return;
		own->list = list;
		own->room = room;
	}
	own->list[own->n++] = *a;
}

static int check_own(const struct own *own, const struct gw_link *link, struct gw_error *err)
{
	char text[GW_ADDR_STRLEN];

	for (size_t i = 0; i < own->n; i++)
		if (own->list[i].ifindex == link->ifindex)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
					    "interface '%s' carries the node's own address %s: it cannot be a VM's",
					    link->name, gw_addr_format(&own->list[i].addr, text));
	return 0;
}

static int check_port(struct gw_driver *d, const struct gw_intent *next, const struct gw_port *port,
		      struct gw_link *ret, struct gw_error *err)
{
	int r = gw_nl_link_get(d->env.nl, port->interface, ret, err);

	if (r == -ENODEV)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
				    "interface '%s' does not exist on this node; create the tap or veth first, or "
				    "check its name with 'ip link'",
				    port->interface);
	if (r < 0)
		return r;
	if (strcmp(ret->kind, "veth") != 0 && (strcmp(ret->kind, "tun") != 0 || !gw_mac_is_unicast(&ret->mac)))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
				    "interface '%s' is of kind '%s'; a port is a tap or the host end of a veth",
				    port->interface, ret->kind[0] ? ret->kind : "hardware or loopback");
	if (strcmp(port->interface, d->env.config->external_interface) == 0)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
				    "interface '%s' is the one of [external] interface: it cannot be a VM's",
				    port->interface);
	if (gw_devices_have_name(port->interface) || gw_edge_exit_owner(next, port->interface) ||
	    gw_way_of_link(next, port->interface))
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "properties.Interface",
				    "interface '%s' is gwd's own: it cannot be a VM's", port->interface);
	return 0;
}

/* The port of a virtual gateway is made with it, in the same change. */
static bool is_of_vrf(const struct gw_intent *next, const struct gw_port *port)
{
	char name[IFNAMSIZ];

	return gw_intent_vrf_of_vsid(next, port->vsid) && !strcmp(port->interface, gw_vrf_port(port->vsid, name));
}

/* What is a port already stays one, whatever addresses it was given since. */
int gw_engine_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		    struct gw_error *err)
{
	struct own own = {0};
	bool read = false;
	int r = 0;

	for (size_t i = 0; i < delta->n && r == 0; i++) {
		const struct gw_hnv_object *o = delta->changes[i].after;
		struct gw_link link;

		if (!o || o->kind != GW_HNV_PORT || is_of_vrf(next, &o->port))
			continue;
		r = check_port(d, next, &o->port, &link, err);
		if (r < 0 || delta->changes[i].before)
			continue;
		if (!read)
			r = gw_nl_addr_each(d->env.nl, on_address, &own, err);
		if (r == 0 && own.failed)
			r = gw_error_oom(err);
		read = true;
		if (r == 0)
			r = check_own(&own, &link, err);
	}
	free(own.list);
	return r;
}
