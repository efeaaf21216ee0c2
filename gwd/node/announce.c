/*
 * announce.c - tells the neighbours on the segment where a provider address is now. The kernel does not when an address is
 * added, and a node that talked to the address's former interface would go on to do so until its own doubts come up, seconds
 * later. Called when the node driver has put an address in place.
 */
#include "node/private.h"

int gw_node_announce(struct gw_driver *d, const struct gw_node_iface *iface, const struct gw_addr *addr)
{
	int r;

	if (!gw_addr_is_v4(addr) || !iface->running)
		return 0;
	r = gw_nl_announce_open(&d->announce_fd);
	return r < 0 ? r : gw_nl_announce(d->announce_fd, iface->ifindex, &iface->mac, addr);
}
