/*
 * nl.h - rtnetlink over libmnl: one socket for synchronous requests, one on the loop for link events, typed helpers for
 * just what the drivers need. The kernel's extended ACK text always reaches the error message.
 *
 * Requests are synchronous: a local rtnetlink request answers in microseconds. Everything is bounded: dumps that the
 * kernel marks as interrupted are repeated up to 5 times.
 */
#ifndef GW_NL_NL_H
#define GW_NL_NL_H

#include "base/addr.h"
#include "base/error.h"

#include <net/if.h>
#include <stdbool.h>

struct uv_loop_s;
struct gw_nl;

struct gw_link {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[16];	    /* "veth", "tun", "vxlan"; empty for hardware and loopback */
	struct gw_mac mac;
	unsigned mtu;
	bool up;	    /* IFF_UP */
	bool running;	    /* lower layer up (carrier) */
	bool peer_elsewhere; /* its peer or lower device lives in another network namespace */
};

/* Called for every link that appears, changes (removed=false) or goes (removed=true; only ifindex and name are valid). */
typedef void (*gw_nl_link_cb)(void *ctx, const struct gw_link *link, bool removed);
/* Called when an address or route is added or removed by anyone. */
typedef void (*gw_nl_change_cb)(void *ctx);

int gw_nl_open(struct uv_loop_s *loop, struct gw_nl **ret, struct gw_error *err);
/* Closing is asynchronous on the loop: memory is freed in the handle's close callback. */
struct gw_nl *gw_nl_close(struct gw_nl *nl);
int gw_nl_watch_links(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx);
int gw_nl_watch_inet(struct gw_nl *nl, gw_nl_change_cb cb, void *ctx);

/* -ENODEV, without filling err, when there is no such link. */
int gw_nl_link_get(struct gw_nl *nl, const char *name, struct gw_link *ret, struct gw_error *err);
int gw_nl_link_each(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx, struct gw_error *err);

/* Device creation in metadata ("external") mode; -EEXIST if the name is taken, -EOPNOTSUPP if the kernel has no such kind. */
int gw_nl_add_vxlan_external(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err);
int gw_nl_add_gretap_external(struct gw_nl *nl, const char *name, struct gw_error *err);
int gw_nl_link_delete(struct gw_nl *nl, int ifindex, struct gw_error *err);
int gw_nl_link_up(struct gw_nl *nl, int ifindex, struct gw_error *err);
int gw_nl_link_set_mtu(struct gw_nl *nl, int ifindex, unsigned mtu, struct gw_error *err);
/* No IPv6 link-local address, no router solicitations: the host itself says nothing on this link. */
int gw_nl_link_quiet(struct gw_nl *nl, int ifindex, struct gw_error *err);

/*
 * Addresses and routes carry gwd's protocol number, so that what an operator configured by hand is never removed:
 * adding one that is already there is success, deleting one that is not ours or is absent is success.
 */
#define GW_NL_PROTO 103

struct gw_nl_addr {
	int ifindex;
	struct gw_addr addr;
	uint8_t prefix_len;
	bool ours;
};

struct gw_nl_route {
	int ifindex;
	struct gw_prefix prefix;
	struct gw_addr next_hop; /* any: on-link */
	bool ours;
};

int gw_nl_addr_add(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err);
int gw_nl_addr_delete(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err);
int gw_nl_addr_each(struct gw_nl *nl, void (*cb)(void *ctx, const struct gw_nl_addr *a), void *ctx, struct gw_error *err);
int gw_nl_route_add(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err);
int gw_nl_route_delete(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err);
/* Main table, unicast. */
int gw_nl_route_each(struct gw_nl *nl, void (*cb)(void *ctx, const struct gw_nl_route *r), void *ctx, struct gw_error *err);

#endif
