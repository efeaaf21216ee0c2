/* private.h - what the files of the VRF driver share. */
#ifndef GW_VRF_PRIVATE_H
#define GW_VRF_PRIVATE_H

#include "driver.h"
#include "netns/netns.h"
#include "nl/nl.h"

#include <sys/types.h>

struct gw_vrf_watch;
struct gw_vrf_watchman;
struct gw_vrf_probe;
struct gw_vrf_leave;
struct gw_vrf_leaver;
struct gw_vrf_paths;

/* A customer route of a domain, as far as a VRF needs it; hosts, which have no VRF, have many of them. */
struct gw_vrf_route {
	struct gw_hmap_node by_key;
	struct gw_addr next_hop;
	struct gw_prefix prefix;
	bool listed; /* in the intent that the table is being held against */
	uint32_t vsid;
};

/*
 * Who a lookup record says has an address of a VSID: the distributed router, where it is called other than usual, or, of the VSIDs
 * of virtual gateways, anybody.
 */
struct gw_vrf_holder {
	struct gw_hmap_node by_key, by_vsid;
	bool router;
	uint32_t vsid;
	struct gw_addr ca;
	struct gw_mac mac;
	bool listed;
};

#define GW_VRF_PEERS 8 /* addresses of the other side of a connection that are asked */

/* A connection of a virtual gateway, with its link. */
struct gw_vrf_way {
	struct gw_way record;
	char name[IFNAMSIZ], inside_name[IFNAMSIZ]; /* of the link: on the node, in the namespace */
	int here, inside;			    /* and its numbers; 0: there is none yet */
	unsigned mtu;
	struct gw_mac mac, here_mac;
	struct gw_addr peers[GW_VRF_PEERS];
	size_t n_peers;
	bool found;		    /* its link was there before this process, which has not looked at its routes yet */
	struct gw_vrf_probe *probe; /* owned; NULL: it names no addresses of the other side */
	bool silent;		    /* none of them answers: its routes do not count */
	bool carries_v6;	    /* addresses or routes of it */
	struct {
		unsigned told;	/* outer packets that fit the tunnel's path; 0: nobody has told */
		uint64_t until; /* seconds */
	} path;
	struct {
		uint64_t second;
		unsigned n;
	} guesses; /* of who does not know the tunnel's tag */
	struct {
		uint64_t at; /* ns, by uv_hrtime; 0: never yet */
		uint64_t out, in;
		uint64_t out_kbps, in_kbps; /* until then, since the time before */
	} seen;				    /* bytes that its link has carried, looked at now and then */
};

/* How the other side of a connection is. UNKNOWN: nobody asks. */
#define GW_VRF_REACHES(X)                                                                                              \
	X(UNKNOWN, "Unknown") X(CONNECTING, "Connecting") X(CONNECTED, "Connected") X(SILENT, "Disconnected")
enum gw_vrf_reach {
#define X(id, name) GW_VRF_##id,
	GW_VRF_REACHES(X)
#undef X
};

/* An interface that L3 connections lead to. */
struct gw_vrf_physical {
	char name[IFNAMSIZ];
	unsigned mtu;
};

/* A pair of links between the node and a namespace, on its way to be as it should. */
struct gw_vrf_side {
	char name[IFNAMSIZ];	 /* on the node */
	const char *inside_name; /* in the namespace */
	struct gw_mac mac;	 /* in the namespace; all zero: any */
	unsigned mtu;
	bool speaks;   /* the namespace has an IPv6 link-local address on it */
	bool one_each; /* no super-packets on it, either way, nor unfinished checksums */
	struct gw_link here, there;
	bool has_here, has_there;
};

/* What has to be in a namespace beside its links. Owned arrays, in order and each place once. */
struct gw_vrf_wanted {
	struct gw_nl_addr *addrs;
	struct gw_nl_route *routes;
	struct gw_nl_neigh *neighs;
	struct gw_addr *shared; /* of the addresses those of which others have parts, too */
	size_t n_addrs, n_routes, n_neighs, n_shared;
	bool left_out_v6, left_out_v4; /* routes of a family that the gateway does not have there */
};

/* A setting of the kernel that stays open to be read again. */
#define GW_VRF_KEPT 8
struct gw_vrf_kept {
	int fd; /* negative: could not be kept */
	int value;
	bool at_most;
};

/* Where a domain's VRF stands; the text beside it says why. */
#define GW_VRF_STATES(X) X(WAITING, "Waiting") X(READY, "Ready") X(DEGRADED, "Degraded")
enum gw_vrf_state {
#define X(id, name) GW_VRF_##id,
	GW_VRF_STATES(X)
#undef X
};

/* A routing domain that has a virtual gateway here, or customer routes that one would need. */
struct gw_vrf_domain {
	struct gw_hmap_node by_rdid;
	struct gw_uuid rdid;
	struct gw_hmap routes; /* struct gw_vrf_route */
	bool has_record;
	struct gw_vrf record;

	/* In the kernel; nl is NULL while there is nothing. */
	struct gw_hmap_node by_vsid;
	uint32_t vsid;
	char name[GW_NETNS_STRLEN];
	struct gw_nl *nl;
	ino_t ino;
	int port, exit;	     /* links of the node */
	int inside, outside; /* links of the namespace */
	unsigned inside_mtu, outside_mtu;
	struct gw_mac exit_mac;
	struct gw_vrf_way *ways; /* owned; by the numbers of the connections */
	size_t n_ways;
	bool has_tunnels;			 /* among them */
	struct gw_vrf_wanted wanted;		 /* with the numbers of these links */
	struct gw_vrf_kept kept[2][GW_VRF_KEPT]; /* of the namespace, of its links */
	size_t n_kept[2];

	struct gw_driver *owner;
	struct gw_vrf_domain *next_dirty, *next_touched;
	bool dirty, touched;
	bool doomed; /* let go of, and on its way out: leave.c */
	bool turned; /* connections have become silent, or are not any more: no repair */
	bool queued; /* somebody has given ovl0 or ext0 a queueing discipline or filters */
	enum gw_vrf_state state;
	char problem[sizeof((struct gw_error *)0)->message];
	uint64_t repairs;
};

struct gw_driver {
	struct gw_driver_env env;
	struct gw_hmap domains;		    /* by rdid */
	struct gw_hmap vrfs;		    /* by vsid: those that have a namespace */
	struct gw_hmap holders, holders_of; /* struct gw_vrf_holder by address, and by vsid */
	struct gw_vrf_domain *dirty;	    /* to be looked at by the next sync */
	struct gw_vrf_domain *again;	    /* by the one behind it: this one was no use */
	bool under_way;			    /* a sync of several parts */
	bool has_strays;		    /* it has not looked for what nobody wants yet */
	int failed;			    /* its first failure, */
	struct gw_error why;		    /* and its words */
	bool left_behind;	       /* somebody could not be taken away by it: the next one looks at all of them */
	struct gw_vrf_leaver *leavers; /* the next to go, in their order */
	struct gw_vrf_leave *leave;    /* of those that are going */
	struct gw_nl *leaving_nl;      /* for them */
	struct gw_vrf_watch *dir;      /* of the directory of namespaces; NULL: not watched yet */
	struct gw_vrf_watchman *watchman; /* goes round the settings that are kept */
	struct gw_vrf_paths *paths;	  /* of tunnels; NULL: there are none */
	size_t with_tunnels;		  /* VRFs */
	uint64_t generation;		  /* of the intent that the tables were held against */
	bool followed;			  /* they have been, and nothing was missed since */
	unsigned underlay_mtu, external_mtu;
	struct gw_mac router_mac;
	struct gw_vrf_physical *physicals; /* owned */
	size_t n_physicals;
	bool has_external; /* the link is there */
	bool has_ipv6;	   /* the kernel */
	bool has_limits;   /* some link of the node's has had one, for a connection: who takes it off is noticed */
	uint64_t repairs;
};

/* vrf.c: of the sync under way the first failure is told, with its words. */
void gw_vrf_keep_first(struct gw_driver *d, int rc, const struct gw_error *why);

/* table.c: what is wanted, without the kernel */
struct gw_vrf_domain *gw_vrf_find(const struct gw_driver *d, const struct gw_uuid *rdid);
struct gw_vrf_domain *gw_vrf_get(struct gw_driver *d, const struct gw_uuid *rdid); /* makes it; NULL: no memory */
struct gw_vrf_domain *gw_vrf_of_vsid(const struct gw_driver *d, uint32_t vsid);
void gw_vrf_forget_if_unused(struct gw_driver *d, struct gw_vrf_domain *dom);
int gw_vrf_put_route(struct gw_driver *d, const struct gw_hnv_object *o);
void gw_vrf_drop_route(struct gw_driver *d, const struct gw_hnv_object *o);
/* Whether the record says something that a VRF needs; if so, that. */
bool gw_vrf_is_holder(const struct gw_intent *in, const struct gw_lookup_record *r);
int gw_vrf_put_holder(struct gw_driver *d, const struct gw_lookup_record *r);
void gw_vrf_drop_holder(struct gw_driver *d, const struct gw_lookup_record *r);
/* Those of records of these VSIDs, which it puts in order: also of what was there before its virtual gateway. */
int gw_vrf_put_holders(struct gw_driver *d, const struct gw_intent *in, uint32_t *vsids, size_t n);
/* Makes the tables hold just what the intent has. */
int gw_vrf_follow(struct gw_driver *d, const struct gw_intent *in);
void gw_vrf_clear(struct gw_driver *d);
void gw_vrf_mark(struct gw_vrf_domain *dom, const char *why); /* dirty, and a sync is wanted */

/* wanted.c */
int gw_vrf_want(const struct gw_driver *d, const struct gw_vrf_domain *dom, const struct gw_intent *in,
		struct gw_vrf_wanted *ret);
void gw_vrf_wanted_done(struct gw_vrf_wanted *w);
bool gw_vrf_wants_addr(const struct gw_vrf_wanted *w, const struct gw_nl_addr *a);
bool gw_vrf_wants_local(const struct gw_vrf_wanted *w, const struct gw_nl_addr *a); /* what is sent to it ends there */
bool gw_vrf_wants_route(const struct gw_vrf_wanted *w, const struct gw_nl_route *r);
const struct gw_nl_neigh *gw_vrf_wants_neigh(const struct gw_vrf_wanted *w, const struct gw_nl_neigh *n);
int gw_vrf_compare_addrs(const void *a, const void *b);
int gw_vrf_compare_routes(const void *a, const void *b);
int gw_vrf_compare_neighs(const void *a, const void *b); /* by where they are, not by what they are called */

/* How a domain is brought to its intended state. */
struct gw_vrf_pass {
	struct gw_driver *d;
	struct gw_vrf_domain *dom;
	const struct gw_intent *in;
	bool repairing; /* what is missing has been taken away by somebody: said in the log */
	bool fresh;	/* the namespace is new */
	bool later;	/* it could not be done yet: to be tried again */
};
void gw_vrf_repaired(struct gw_vrf_pass *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* bring.c: what it has, or may have since an earlier process, in the kernel is by this VSID, unless another is known. */
void gw_vrf_call(struct gw_vrf_domain *dom, uint32_t vsid);
/* All of it. Failures that time mends set p->later, and the rest of the node goes on. */
int gw_vrf_bring(struct gw_vrf_pass *p, struct gw_error *err);
/* What the driver has of it; what is in the kernel stays. */
void gw_vrf_let_go(struct gw_driver *d, struct gw_vrf_domain *dom);
/* Dooms namespaces and links of this node that belong to no record (any more). */
int gw_vrf_doom_strays(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
/* leave.c: it is let go of, and put on the queue. */
#define GW_VRF_DOOMED 0x67776400u /* the group of links that are about to go */
int gw_vrf_doom(struct gw_driver *d, struct gw_vrf_domain *dom, struct gw_error *err);
/* The same for what an earlier process left; link NULL: none but those that each has. */
int gw_vrf_doom_stray(struct gw_driver *d, uint32_t vsid, const char *name, const char *link, struct gw_error *err);
/* Begins with those of the queue, unless others are going; whether any are yet. By itself it goes on with the loop. */
bool gw_vrf_go_on_leaving(struct gw_driver *d);
/* Waits until whoever is doomed and has this VSID has gone. */
int gw_vrf_await_gone(struct gw_driver *d, uint32_t vsid, struct gw_error *err);
void gw_vrf_end_leaving(struct gw_driver *d);
/* links.c, ways.c, stack.c, settings.c: its steps */
int gw_vrf_bring_links(struct gw_vrf_pass *p, int ns_fd, struct gw_error *err);
int gw_vrf_bring_side(struct gw_vrf_pass *p, struct gw_vrf_side *s, int ns_fd, struct gw_error *err);
int gw_vrf_bring_ways(struct gw_vrf_pass *p, int ns_fd, struct gw_error *err);
void gw_vrf_drop_ways(struct gw_vrf_domain *dom);
const struct gw_vrf_way *gw_vrf_way_of(const struct gw_vrf_domain *dom, const struct gw_uuid *id);
struct gw_nl_rate gw_vrf_rate_of(const struct gw_vrf_way *w, uint32_t kbps);
/* By either name; NULL: it is none's. */
struct gw_vrf_way *gw_vrf_way_named(const struct gw_vrf_domain *dom, const char *name);
/* Whether the link of the namespace is one of those that it has by us. */
bool gw_vrf_has_link(const struct gw_vrf_domain *dom, int ifindex);
/* Whether an interface that L3 connections lead to has another MTU than they know. */
bool gw_vrf_physical_changed(struct gw_driver *d, const struct gw_link *link);
int gw_vrf_in_the_way(const struct gw_link *link, const char *target, struct gw_error *err); /* -EEXIST */
/* Marks the link, if that is its alias and there is one. */
int gw_vrf_doom_link(struct gw_nl *nl, const char *name, const char *alias, struct gw_error *err);
int gw_vrf_bring_stack(struct gw_vrf_pass *p, struct gw_error *err);
int gw_vrf_bring_settings(struct gw_vrf_pass *p, bool links, struct gw_error *err);
int gw_vrf_bring_way_settings(struct gw_vrf_pass *p, const char *link, struct gw_error *err);
void gw_vrf_read_external(struct gw_driver *d);
unsigned gw_vrf_inside_mtu(const struct gw_driver *d);

/* probe.c */
int gw_vrf_probe_bring(struct gw_vrf_pass *pass, struct gw_vrf_way *w); /* its link is there */
struct gw_vrf_probe *gw_vrf_probe_end(struct gw_vrf_probe *p);
uint16_t
gw_vrf_probe_ident(const struct gw_uuid *id); /* of its echoes, which a limit of the connection's rate lets go first */
enum gw_vrf_reach gw_vrf_probe_reach(const struct gw_vrf_probe *p, uint64_t *ret_seconds); /* NULL: nobody asks */
const char *gw_vrf_reach_name(enum gw_vrf_reach reach);

/* path.c */
int gw_vrf_follow_paths(struct gw_driver *d, struct gw_vrf_domain *dom, bool has_tunnels); /* while any VRF has */
void gw_vrf_unwatch_paths(struct gw_driver *d);
/* What the tunnel's link has room for, whose MTU would be `mtu`. */
unsigned gw_vrf_path_mtu(const struct gw_driver *d, const struct gw_vrf_way *w, unsigned mtu);
/* Its link was there before this process, with this MTU: maybe another process was told so. */
void gw_vrf_path_found(struct gw_driver *d, struct gw_vrf_way *w, unsigned mtu);

/* events.c */
int gw_vrf_watch_node(struct gw_driver *d);
int gw_vrf_watch_inside(struct gw_vrf_domain *dom);
/* Whether somebody's queues are on its links: asked once it has them, then when an event says so; whoever shows it asks nobody. */
void gw_vrf_look_at_queues(struct gw_vrf_domain *dom);
void gw_vrf_watch_dir(struct gw_driver *d); /* once there is one */
void gw_vrf_unwatch(struct gw_driver *d);

/* kept.c */
static inline bool gw_vrf_setting_holds(int now, int value, bool at_most)
{
	return now == value || (at_most && now < value);
}
void gw_vrf_post_watchman(struct gw_driver *d); /* once there is a VRF */
void gw_vrf_dismiss_watchman(struct gw_driver *d);
void gw_vrf_drop_kept(struct gw_vrf_domain *dom, bool links);

/* show.c */
void gw_vrf_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties);
json_t *gw_vrf_status(struct gw_driver *d);

#endif
