/*
 * nl.h - rtnetlink over libmnl: one socket for synchronous requests, one on the loop for events, typed
 * helpers for just what the drivers need. The kernel's extended ACK text always reaches the error message.
 *
 * Requests are synchronous: a local rtnetlink request answers in microseconds. Everything is bounded: a
 * request gets an answer within 5 seconds or fails with -ETIMEDOUT, dumps that the kernel marks as
 * interrupted are repeated up to 5 times. A dump is complete before the first callback runs, so callbacks may
 * make requests of their own.
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
	char kind[16]; /* "veth", "tun", "vxlan"; empty for hardware and loopback */
	struct gw_mac mac;
	unsigned mtu;
	bool up;	     /* IFF_UP */
	bool running;	     /* lower layer up (carrier) */
	bool promisc;	     /* it hears what is for others, because somebody said so */
	bool peer_elsewhere; /* its peer or lower device lives in another network namespace */
	int peer_nsid;	     /* what the kernel calls that one here; -1: it does not, or the peer lives here */
	int peer;	     /* the number of its peer or lower device, where that is; 0: has none */
	int master;	     /* the bridge, bond or VRF device that takes its packets; 0: none */
	uint32_t group;	     /* 0 unless somebody put it into one */
	unsigned gso_segs;   /* of how many packets a super-packet is at most */
	char alias[96];	     /* free text that somebody gave it; longer ones are cut */
};

int gw_nl_open(struct uv_loop_s *loop, struct gw_nl **ret, struct gw_error *err);
/*
 * In another network namespace: everything is about that one. It keeps the namespace alive, whatever
 * becomes of its name.
 */
int gw_nl_open_in(struct uv_loop_s *loop, int ns_fd, struct gw_nl **ret, struct gw_error *err);
/* gw_netns_run in the namespace of such a one. */
int gw_nl_run_inside(const struct gw_nl *nl, int (*fn)(void *arg), void *arg);
/*
 * Closing is asynchronous on the loop: memory is freed in the handle's close callback. No callback runs any more.
 */
struct gw_nl *gw_nl_close(struct gw_nl *nl);
/*
 * Requests that were to change something which the kernel has, of all sockets since the start; and one more, which a library has
 * made for us.
 */
uint64_t gw_nl_writes(void);
void gw_nl_wrote(void);

/* -ENODEV, without filling err, when there is no such link. */
int gw_nl_link_get(struct gw_nl *nl, const char *name, struct gw_link *ret, struct gw_error *err);
/*
 * Called for every link that appears, changes (removed=false) or goes (removed=true; only ifindex and name are valid).
 */
typedef void (*gw_nl_link_cb)(void *ctx, const struct gw_link *link, bool removed);
int gw_nl_link_each(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx, struct gw_error *err);

/*
 * Device creation in metadata ("external") mode, down. -EEXIST if the name is taken (or, for VXLAN, another
 * device in this mode has the port), -EOPNOTSUPP if the kernel has no such kind.
 */
int gw_nl_add_vxlan_external(struct gw_nl *nl, const char *name, uint16_t port, struct gw_error *err);
int gw_nl_add_gretap_external(struct gw_nl *nl, const char *name, struct gw_error *err);
#define GW_NL_VETH_MTU 65535
/* A pair of Ethernet links, down, that find no neighbours and take packets of any size. */
int gw_nl_add_veth(struct gw_nl *nl, const char *name, const char *peer, struct gw_error *err);
/*
 * A pair of ordinary Ethernet links, down: `name` here, `peer` with a MAC address in another namespace. -EEXIST, with err filled,
 * when either name is taken; that can also be by one whose removal the kernel has not finished.
 */
struct gw_nl_pair {
	const char *name, *peer;
	int peer_ns;
	struct gw_mac peer_mac; /* all zero: the kernel's choice */
	unsigned mtu;
};
int gw_nl_add_pair(struct gw_nl *nl, const struct gw_nl_pair *pair, struct gw_error *err);
/*
 * A macvlan device upon `lower`, down, that gets what comes in there from one sender; fragments of what that sends by multicast
 * have been put together then.
 */
int gw_nl_add_macvlan_of(struct gw_nl *nl, const char *name, int lower, const struct gw_mac *sender,
			 struct gw_error *err);
/* Whether the kernel leaves checksums or super-packets to the link. */
bool gw_nl_link_offloads(struct gw_nl *nl, const struct gw_link *link);
/* Makes the kernel finish checksums and cut super-packets before the link gets them. */
int gw_nl_link_no_offloads(struct gw_nl *nl, const struct gw_link *link, struct gw_error *err);
int gw_nl_link_delete(struct gw_nl *nl, int ifindex, struct gw_error *err);
/*
 * Deleting a link takes the kernel a grace period, tens of milliseconds, however many are deleted at once. So many are put into a
 * group (not 0), then the group goes. Nothing in it is success.
 */
int gw_nl_link_set_group(struct gw_nl *nl, int ifindex, uint32_t group, struct gw_error *err);
int gw_nl_link_delete_group(struct gw_nl *nl, uint32_t group, struct gw_error *err);
/* Takes it out of the bridge, or whatever else it serves. */
int gw_nl_link_free(struct gw_nl *nl, int ifindex, struct gw_error *err);
int gw_nl_link_up(struct gw_nl *nl, int ifindex, struct gw_error *err);
int gw_nl_link_set_mac(struct gw_nl *nl, int ifindex, const struct gw_mac *mac, struct gw_error *err);
int gw_nl_link_set_promisc(struct gw_nl *nl, int ifindex, bool on, struct gw_error *err);
/* Text that `ip link` shows, and by which its maker knows it again. */
int gw_nl_link_set_alias(struct gw_nl *nl, int ifindex, const char *alias, struct gw_error *err);
struct gw_nl_counters {
	uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes, tx_dropped;
};
/* -ENODEV when there is no such link. */
int gw_nl_link_counters(struct gw_nl *nl, const char *name, struct gw_nl_counters *ret);
int gw_nl_link_set_mtu(struct gw_nl *nl, int ifindex, unsigned mtu, struct gw_error *err);
/*
 * No IPv6 link-local address, no router solicitations: the host itself says nothing on this link. Best before
 * gw_nl_link_up; afterwards it takes back the address that is there. A kernel without IPv6 has nothing to say: success.
 */
int gw_nl_link_quiet(struct gw_nl *nl, int ifindex, struct gw_error *err);
/* The kernel announces the link's IPv4 addresses by ARP whenever it comes up or changes its MAC address. */
int gw_nl_link_announces(struct gw_nl *nl, int ifindex);

/*
 * Tells the neighbours that the address is behind this MAC address, by a packet socket that gw_nl_announce_open opens where *fd is
 * negative; the caller keeps it, since closing one waits for all processors, and addresses come by the hundred.
 */
int gw_nl_announce_open(int *fd);
int gw_nl_announce(int fd, int ifindex, const struct gw_mac *mac, const struct gw_addr *addr);

/*
 * Addresses and routes carry gwd's protocol number, so that what an operator configured by hand is never
 * removed: adding one that is already there is success, deleting one that is not ours or is absent (with its
 * link, even) is success. `ours` is ignored as input.
 */
#define GW_NL_PROTO 103

struct gw_nl_addr {
	int ifindex;
	struct gw_addr addr;
	uint8_t prefix_len;
	bool unchecked; /* IPv6: used at once, without asking whether anybody has it. Input only */
	bool ours;
};

struct gw_nl_route {
	int ifindex; /* of no interest in an unreachable one */
	struct gw_prefix prefix;
	struct gw_addr next_hop; /* any: on-link */
	uint32_t metric;	 /* 0: the kernel's choice, which is 0 or 1024 */
	bool any_hop;		 /* the next hop need not be in a subnet of the link */
	bool unreachable;	 /* what goes there is answered so */
	bool in_front;		 /* of those that others have made, with the same metric. Input only */
	bool ours;
};

typedef void (*gw_nl_addr_cb)(void *ctx, const struct gw_nl_addr *a);
typedef void (*gw_nl_route_cb)(void *ctx, const struct gw_nl_route *r);

int gw_nl_addr_add(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err);
/*
 * Leaves every other address of the link in place: the kernel would remove the secondary addresses of a subnet with its
 * primary one, so the link is told to promote them first (its promote_secondaries setting stays on).
 */
int gw_nl_addr_delete(struct gw_nl *nl, const struct gw_nl_addr *a, struct gw_error *err);
int gw_nl_addr_each(struct gw_nl *nl, gw_nl_addr_cb cb, void *ctx, struct gw_error *err);
/*
 * A route to the same prefix that is not ours and goes elsewhere is in the way: -EEXIST, and the message
 * names it; but not in the way of one that goes in front. Routes of ours to one prefix stand side by side.
 */
int gw_nl_route_add(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err);
/*
 * IPv6: the kernel finds an on-link route by prefix and link alone, so remove it before what shall replace it comes.
 */
int gw_nl_route_delete(struct gw_nl *nl, const struct gw_nl_route *r, struct gw_error *err);
/* Main table, unicast and unreachable (not the kernel's own); each leg of a multipath route is a route of its own. */
int gw_nl_route_each(struct gw_nl *nl, gw_nl_route_cb cb, void *ctx, struct gw_error *err);

/*
 * IPv4: an address of a link that what is sent to it ends at, as the kernel makes it for every address. Switched off the address is
 * one to speak from, and no more: what is sent to it goes where routes lead. The kernel switches it on whenever the link comes up.
 */
struct gw_nl_local {
	int ifindex;
	struct gw_addr addr;
};
typedef void (*gw_nl_local_cb)(void *ctx, const struct gw_nl_local *l);
int gw_nl_local_each(struct gw_nl *nl, gw_nl_local_cb cb, void *ctx, struct gw_error *err);
/* As it is already is success. */
int gw_nl_local_set(struct gw_nl *nl, const struct gw_nl_local *l, bool on, struct gw_error *err);

/*
 * For a namespace that is ours alone: removes the rules and routes that were put there by hand, and restores the rules that every
 * namespace begins with. By hand is what has the protocol boot, static or none, as what `ip` makes; of routes those of
 * the tables main, local and default. Everything that was done is told.
 */
typedef void (*gw_nl_foreign_cb)(void *ctx, const char *what);
int gw_nl_remove_foreign(struct gw_nl *nl, bool ipv6, gw_nl_foreign_cb cb, void *ctx, struct gw_error *err);

/* Whether one of the links has a queueing discipline that somebody has given it, clsact with its filters among them. */
bool gw_nl_has_qdisc(struct gw_nl *nl, const int *ifindexes, size_t n);

/* Most that a link sends, in frames as they are on an Ethernet: what is more waits in a queue, and is dropped when that is full. */
struct gw_nl_rate {
	uint32_t kbps; /* 0: no limit */
	unsigned mtu;  /* of the link */
	/* Of small ICMP echoes, which go before all else, and so do ARP and neighbour discovery (lanes.c). */
	uint16_t ident;
};
int gw_nl_rate_set(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate, struct gw_error *err); /* not 0 */
int gw_nl_rate_clear(struct gw_nl *nl, int ifindex, struct gw_error *err); /* what others have put there stays */
/* Whether it is so by us; for 0, whether we limit nothing. */
bool gw_nl_rate_is(struct gw_nl *nl, int ifindex, const struct gw_nl_rate *rate);
/* How many packets were dropped, as 32 bits go. -ENOENT: there is no limit. */
int gw_nl_rate_drops(struct gw_nl *nl, int ifindex, uint32_t *ret);

/* A neighbour that somebody told the kernel about; it is never asked for and never forgotten. */
struct gw_nl_neigh {
	int ifindex;
	struct gw_addr addr;
	struct gw_mac mac;
	bool permanent;
	bool ours;
	bool removed; /* in watches */
};

typedef void (*gw_nl_neigh_cb)(void *ctx, const struct gw_nl_neigh *n);
/* What was known of it is replaced. */
int gw_nl_neigh_add(struct gw_nl *nl, const struct gw_nl_neigh *n, struct gw_error *err);
/* Succeeds when there is none. */
int gw_nl_neigh_delete(struct gw_nl *nl, const struct gw_nl_neigh *n, struct gw_error *err);
/* Permanent ones only. */
int gw_nl_neigh_each(struct gw_nl *nl, gw_nl_neigh_cb cb, void *ctx, struct gw_error *err);

/*
 * Watches: any number, each removed by gw_nl_unwatch with its ctx (which removes all that were made with it),
 * also from within a callback. A link that changes its name is reported as gone under the old name and then
 * as there under the new one. When the kernel had to drop events every link is reported again, and those that
 * went meanwhile as removed.
 */
int gw_nl_watch_links(struct gw_nl *nl, gw_nl_link_cb cb, void *ctx);
/*
 * Those links that have an alias, while links are watched, as events have told of them so far: without a question to the kernel, for
 * whom listing thousands of them takes tens of milliseconds. The callback makes and removes no link.
 */
typedef void (*gw_nl_known_cb)(void *ctx, const char *name, const char *alias);
void gw_nl_known_each(const struct gw_nl *nl, gw_nl_known_cb cb, void *ctx);

enum gw_nl_change_kind {
	GW_NL_CHANGE_ADDR,
	GW_NL_CHANGE_ROUTE,
	GW_NL_CHANGE_LOST, /* events were dropped: anything may have changed */
};

struct gw_nl_change {
	enum gw_nl_change_kind kind;
	bool removed;
	union {
		struct gw_nl_addr addr;
		struct gw_nl_route route;
	};
};

/*
 * Called when an address or a route of the main table is added or removed by anyone else. What this gw_nl did
 * itself is not reported where the kernel says who did it: everything but IPv6 addresses.
 */
typedef void (*gw_nl_change_cb)(void *ctx, const struct gw_nl_change *change);
int gw_nl_watch_inet(struct gw_nl *nl, gw_nl_change_cb cb, void *ctx);
/* Called when a link gets a queueing discipline, or one or a filter of it is removed, by us or by anyone. */
typedef void (*gw_nl_tc_cb)(void *ctx, int ifindex, bool removed);
int gw_nl_watch_tc(struct gw_nl *nl, gw_nl_tc_cb cb, void *ctx);

/* Settings of a link, or of all, that have changed; -1: it says nothing of it. */
struct gw_nl_conf {
	int ifindex; /* negative: all, or those to come */
	int forwarding, rp_filter;
};
/*
 * Called when what is known of a neighbour, or how a link forwards, is changed by anyone else; with neither when events were
 * dropped. One's own writes to /proc/sys are somebody else's too.
 */
typedef void (*gw_nl_stack_cb)(void *ctx, const struct gw_nl_neigh *neigh, const struct gw_nl_conf *conf);
int gw_nl_watch_stack(struct gw_nl *nl, gw_nl_stack_cb cb, void *ctx);
/* Called when somebody else has changed a rule, or added a route that gw_nl_remove_foreign would remove. */
int gw_nl_watch_foreign(struct gw_nl *nl, gw_nl_foreign_cb cb, void *ctx);
void gw_nl_unwatch(struct gw_nl *nl, const void *ctx);

#endif
