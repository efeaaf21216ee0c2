/* private.h - what the files of the node driver share. */
#ifndef GW_NODE_PRIVATE_H
#define GW_NODE_PRIVATE_H

#include "driver.h"
#include "nl/nl.h"

/* An interface that provider addresses or routes name, whether it exists or not. */
struct gw_node_iface {
	struct gw_hmap_node by_name;
	char name[IFNAMSIZ];
	size_t uses;
	int ifindex; /* 0: does not exist */
	bool up, running;
	struct gw_mac mac;
	int announces; /* the link that was told to (gw_nl_link_announces) */
};

/* A provider address or provider route that is wanted, and what has become of it. */
struct gw_node_item {
	struct gw_hmap_node by_key;
	struct gw_hnv_object *o; /* a copy: drivers keep nothing of the intent */
	struct gw_node_iface *iface;
	int ifindex; /* the link that has it; 0: none. It is in place when this is iface->ifindex */
	bool listed; /* in the intent that the table is being held against */
	char problem[sizeof((struct gw_error *)0)->message]; /* why it is not in place, in the kernel's words
							      */
};

struct gw_driver {
	struct gw_driver_env env;
	struct gw_hmap items;
	struct gw_hmap ifaces;
	/*
	 * Some item was refused by the kernel for what may change: any change of addresses and routes is worth a try.
	 */
	bool retry_on_change;
	int announce_fd; /* -1: not needed yet */
};

/* table.c */
int gw_node_put(struct gw_driver *d, const struct gw_hnv_object *o, struct gw_node_item **ret);
struct gw_node_item *gw_node_find(const struct gw_driver *d, const struct gw_hnv_object *key);
struct gw_node_item *gw_node_find_addr(const struct gw_driver *d, const struct gw_addr *pa);
/* The route item of this prefix on the interface that has `ifindex` now. */
struct gw_node_item *gw_node_find_route(const struct gw_driver *d, const struct gw_prefix *prefix, int ifindex);
struct gw_node_iface *gw_node_find_iface(const struct gw_driver *d, const char *name);
struct gw_node_iface *gw_node_iface_of(const struct gw_driver *d, int ifindex);
void gw_node_drop(struct gw_driver *d, struct gw_node_item *it);
/* Makes the table hold just what the intent has. What was known of an item that stays is kept. */
int gw_node_follow(struct gw_driver *d, const struct gw_intent *intent);
void gw_node_clear(struct gw_driver *d);
void gw_node_note_link(struct gw_node_iface *iface, const struct gw_link *link);

/* kernel.c */
static inline bool gw_node_in_place(const struct gw_node_item *it)
{
	return it->ifindex && it->ifindex == it->iface->ifindex;
}
int gw_node_read_links(struct gw_driver *d, struct gw_error *err);
/* Puts one item in place; with its interface missing it just waits. A failure is also noted in the item. */
int gw_node_install(struct gw_driver *d, struct gw_node_item *it, struct gw_error *err);
/* Takes away what object `o` stood for on link `ifindex`; nothing to do with ifindex 0. */
int gw_node_uninstall(struct gw_driver *d, const struct gw_hnv_object *o, int ifindex, struct gw_error *err);
/* The kernel has, or will have, no room for both at once: the old one must go first. */
bool gw_node_excludes(const struct gw_hnv_object *old, int old_ifindex, const struct gw_node_item *it);
/*
 * Everything of one sort against the kernel. What only waits for the outside is noted in the items and is no failure.
 */
int gw_node_sync_addrs(struct gw_driver *d, struct gw_error *err);
int gw_node_sync_routes(struct gw_driver *d, struct gw_error *err);

/* announce.c: best effort; an interface that is down announces by itself when it comes up (gw_nl_link_announces). */
int gw_node_announce(struct gw_driver *d, const struct gw_node_iface *iface, const struct gw_addr *addr);

#endif
