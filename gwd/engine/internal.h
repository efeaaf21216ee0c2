/* internal.h - what the engine's files share among themselves. */
#ifndef GW_ENGINE_INTERNAL_H
#define GW_ENGINE_INTERNAL_H

#include "driver.h"
#include "engine/bpf/abi.h"
#include "engine/index.h"
#include "engine/loader.h"
#include "nl/nl.h"

struct bpf_map;

/* Everything on a kernel interface that the engine uses. */
struct gw_iface {
	struct gw_hmap_node node;
	char name[IFNAMSIZ];
	bool is_port, is_underlay; /* none of all six: to be let go */
	bool is_external;	   /* the [external] interface; it may be an underlay one, too */
	bool is_exit;		   /* the way out of a virtual gateway */
	uint32_t exit_vsid;	   /* of which one, or was */
	bool is_way;		   /* the link of a connection */
	struct gw_uuid way;	   /* of which one, where that has been said */
	bool is_segment;	   /* an interface that L3 connections lead to, whatever else it is */
	bool present;
	struct gw_hmap_node by_index; /* while it is */
	struct gw_link link;	      /* last seen; ifindex stays valid for the clean-up after the link went */
	unsigned attached;	      /* gw_driver.attach_round of the program on it; 0: none */
	unsigned tried;		      /* by which pass of a sync it was to be attached last */
	unsigned looked;	      /* by which one it was looked at last */
	char trouble[512];	      /* why it does not work, empty when it does */
};

/* The links that the engine makes for itself (devices.c). */
enum gw_device_id { GW_DEVICE_VXLAN, GW_DEVICE_NVGRE, GW_DEVICE_CUTTER, GW_DEVICE_WHOLE, GW_DEVICE_MAX };

struct gw_device {
	struct gw_link link; /* ifindex 0: the kernel has none for us */
	unsigned attached;
	char trouble[768]; /* what is lacking, why, and what to do; empty when it works */
};

/* A counter array's elements and their owners, mirrored in the pinned `slots` map. */
struct gw_slots {
	enum gw_slot_kind kind;
	unsigned limit;
	uint32_t *owner; /* by slot; 0: free */
	struct gw_hmap by_owner;
};

/* What the engine knows of the world outside that the intent does not tell (edge.c, announce.c). */
struct gw_edge {
	struct gw_addr *self; /* the node's own addresses, ascending */
	size_t n_self;
	struct gw_addr *outward; /* those of them that the [external] interface has, ascending */
	size_t n_outward;
	bool self_full;		    /* there are more than GW_SELF_MAX */
	struct gw_prefix *segments; /* the subnets of the [external] interface */
	size_t n_segments;
	int announce_fd;
	struct gw_link announced; /* by which everything was announced; ifindex 0: nothing was */
	uint32_t announced_on;	  /* what the segments came to then */
	bool all_groups;	  /* the link hears all multicast by our doing */
};

/* How far one that looks at all of something has come; all zero at first. */
#define GW_WALK_KEY sizeof(struct gw_tunnel_key) /* the longest */
struct gw_walk_place {
	size_t part;	       /* which of what it looks at */
	size_t done;	       /* of that, when */
	uint64_t generation;   /* the intent had this one */
	unsigned begun;	       /* how often with the same part */
	char key[GW_WALK_KEY]; /* the next one, of a map's */
};

/* Of an interface; of the link of a connection also whose. */
struct gw_link_name {
	char name[IFNAMSIZ];
	struct gw_uuid way;
};

/* A sync that is under way in parts (engine.c). */
struct gw_engine_sync {
	uint64_t turn_ns; /* for one part; tests have less */
	bool under_way;
	bool all;   /* maps, too */
	bool again; /* somebody has asked for one since it began: the core does not remember that */
	int stage;
	struct gw_link_name *names; /* of interfaces */
	size_t n, at;		    /* at: which of these is the next */
	struct gw_walk_place place; /* in the stage */
	unsigned pass;		    /* counts them */
};

struct gw_driver {
	struct gw_driver_env env;
	struct gw_engine_sync sync;
	struct gw_reload *reload; /* programs that are being loaded; NULL: none are */
	int pins_lock;		  /* on the directory of the pins; -1: not taken */
	struct gw_loader *loader;
	struct gw_params params; /* as loaded */
	uint32_t lowest_pa;	 /* as the programs have it */
	unsigned attach_round;	 /* grows with every load of programs */
	struct gw_index index;
	struct gw_hmap ifaces;	/* by name */
	struct gw_hmap present; /* those of them that are there, by the numbers of their links */
	struct gw_slots port_slots, vsid_slots, exit_slots, way_slots;
	struct gw_way_tables *ways; /* owned; what the maps of connections have; NULL: not known */
	struct gw_edge edge;
	bool fast_able; /* the kernel has what the fast path needs */
	struct gw_device devices[GW_DEVICE_MAX];
	int cutter_entrance; /* ifindex of the other end of the cutter's veth pair; 0: there is no cutter */
	int whole_entrance;  /* ifindex of the way into reassembly; 0: there is none */
	int whole_lower;     /* ifindex of its other end */
	bool maps_good;	     /* the maps are known to agree with the intent but for interfaces */
};

/* engine.c: asks for a sync. */
void gw_engine_want_sync(struct gw_driver *d, const char *why);

/* slots.c */
int gw_slots_init(struct gw_slots *s, enum gw_slot_kind kind, unsigned limit, struct gw_driver *d);
void gw_slots_done(struct gw_slots *s);
bool gw_slots_find(const struct gw_slots *s, uint32_t owner, uint32_t *ret);
int gw_slots_get(struct gw_slots *s, uint32_t owner, struct gw_driver *d, uint32_t *ret); /* -ENOSPC */
void gw_slots_put(struct gw_slots *s, uint32_t owner, struct gw_driver *d);
/* What the flow caches remember of the port with this slot does not hold any more. */
void gw_slot_outdate(const struct gw_driver *d, uint32_t slot);

/* desired.c: what each map should hold, from the intent and the interfaces that are there. False: nothing. */
bool gw_want_record(const struct gw_driver *d, const struct gw_intent *in, const struct gw_record_key *key,
		    struct gw_bpf_record *ret);
bool gw_want_mac(const struct gw_driver *d, const struct gw_intent *in, const struct gw_mac_key *key,
		 struct gw_bpf_mac *ret);
bool gw_want_vsid(const struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_bpf_vsid *ret);
bool gw_want_peer(const struct gw_driver *d, const struct gw_intent *in, const struct gw_peer_key *key);
bool gw_want_provider(const struct gw_driver *d, const struct gw_intent *in, const struct gw_ip *pa, uint32_t *ret);
bool gw_want_subnet(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		    struct gw_bpf_subnet *ret);
bool gw_want_route(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		   struct gw_bpf_route *ret);
bool gw_want_own_route(const struct gw_driver *d, const struct gw_intent *in, const struct gw_prefix_key *key,
		       struct gw_bpf_route *ret);
bool gw_want_port(const struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
		  struct gw_bpf_port *ret);
struct gw_params gw_want_params(const struct gw_driver *d);
/* In network byte order; 0: there is none. `in` NULL: before there is an intent. */
uint32_t gw_want_lowest_pa(const struct gw_driver *d, const struct gw_intent *in);
struct gw_ip gw_ip_of(const struct gw_addr *a);
struct gw_addr gw_addr_of(const struct gw_ip *ip);
struct gw_record_key gw_record_key_of(const struct gw_lookup_record *r);
struct gw_prefix_key gw_prefix_key_of(uint32_t scope, const struct gw_prefix *prefix);
uint32_t gw_prefix_of_key(const struct gw_prefix_key *key, struct gw_prefix *ret); /* returns the scope */
struct gw_mac_key gw_mac_key_of(uint32_t vsid, const struct gw_mac *mac);

/* edge.c: the maps that lead to virtual gateways. */
void gw_edge_init(struct gw_edge *e);
void gw_edge_done(struct gw_edge *e);
bool gw_want_public(const struct gw_driver *d, const struct gw_intent *in, const struct gw_public_key *key,
		    struct gw_bpf_public *ret);
bool gw_want_place(const struct gw_driver *d, const struct gw_intent *in, const struct gw_place_key *key,
		   struct gw_bpf_place *ret);
bool gw_want_exit(const struct gw_driver *d, const struct gw_intent *in, uint32_t ifindex, struct gw_bpf_exit *ret);
const struct gw_iface *gw_edge_external(const struct gw_driver *d); /* NULL: there is none, or it is not there */
bool gw_edge_is_self(const struct gw_driver *d, const struct gw_addr *a);
bool gw_edge_on_segment(const struct gw_driver *d, const struct gw_addr *a);
/* The virtual gateway whose way out has this name; NULL: none. */
const struct gw_hnv_object *gw_edge_exit_owner(const struct gw_intent *in, const char *interface);
/* The exit has come, gone or changed: it, and all that leads to it. */
int gw_edge_refresh_exit(struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
			 struct gw_error *err);
int gw_edge_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err);
/* Some of its parts, as gw_maps_sync does. */
int gw_edge_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_walk_place *at, uint64_t until,
		 struct gw_error *err);
int gw_edge_sync_whole(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
void gw_edge_on_change(void *driver, const struct gw_nl_change *change);

/* ways.c: the maps of connections. */
/* The connection whose link has this name; NULL: none. */
const struct gw_way *gw_way_of_link(const struct gw_intent *in, const char *interface);
/* The same; where it has been said whose link it is, not all of them are looked at. */
const struct gw_way *gw_way_of_iface(const struct gw_intent *in, const struct gw_iface *i);
bool gw_way_leads_to(const struct gw_driver *d, const struct gw_intent *in, const char *interface);
/* The interface that an L3 connection leads to; empty: there is none. */
const char *gw_way_interface(const struct gw_driver *d, const struct gw_way *w);
struct gw_way_tables *gw_way_tables_free(struct gw_way_tables *t);
/* For one of them: its counters are ready. */
int gw_way_allot(struct gw_driver *d, const struct gw_way *w, struct gw_error *err);
int gw_ways_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err);
int gw_ways_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
void gw_report_way(struct gw_driver *d, const struct gw_way *w, json_t *properties);

/* fast.c: established flows past the stacks of virtual gateways. */
void gw_fast_probe(struct gw_driver *d);
bool gw_fast_wanted(const struct gw_driver *d);
unsigned gw_fast_hz(void); /* 0: it cannot be told */
int gw_fast_refresh(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err);
int gw_fast_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err);
int gw_fast_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
/* Something has changed: what is remembered of flows is found anew. */
void gw_fast_outdate(const struct gw_driver *d);
json_t *gw_fast_report(const struct gw_driver *d);
void gw_fast_warn(const struct gw_driver *d, json_t *list);

/* reload.c: programs with these parameters; GW_SYNC_MORE: they are being loaded. */
int gw_reload_some(struct gw_driver *d, const struct gw_params *want, struct gw_error *err);
void gw_reload_end(struct gw_driver *d); /* nothing is loaded any more */

/* announce.c: public addresses within the segment of the [external] interface. */
void gw_edge_announce(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta);
/* When the interface has come or changed since the last time. */
void gw_edge_announce_all(struct gw_driver *d, const struct gw_intent *in);

/* maps.c: bringing maps to what is wanted. */
/* Whether the map should still have this key. */
typedef bool (*gw_map_wanted)(const struct gw_driver *d, const struct gw_intent *in, const void *key);
/* Writes `value`, or deletes the key when value is NULL; skips what is as it should be. */
int gw_map_bring(const struct bpf_map *m, const void *key, const void *value, struct gw_error *err);
/*
 * walk.c: looks at all objects of a kind, at all nodes of a table that changes only when a change of the intent is applied, or deletes all
 * keys of a map that are not wanted: from the place on, until the time, by uv_hrtime(). GW_SYNC_MORE: there are more. Then, and else,
 * what the first failure returned, or 0; the place is at its beginning again.
 */
struct gw_walk {
	struct gw_driver *d;
	const struct gw_intent *in;
	struct gw_walk_place *at;
	uint64_t until;
	struct gw_error *err;
};
typedef int (*gw_walk_object_cb)(struct gw_driver *d, const struct gw_intent *in, const struct gw_hnv_object *o,
				 struct gw_error *err);
typedef int (*gw_walk_node_cb)(struct gw_driver *d, const struct gw_intent *in, const struct gw_hmap_node *n,
			       struct gw_error *err);
int gw_walk_objects(const struct gw_walk *w, enum gw_hnv_kind kind, gw_walk_object_cb one);
int gw_walk_nodes(const struct gw_walk *w, const struct gw_hmap *map, gw_walk_node_cb one);
int gw_walk_prune(const struct gw_walk *w, const struct bpf_map *m, gw_map_wanted is_wanted);
/* Deletes the keys that are not wanted. */
int gw_map_prune(struct gw_driver *d, const struct gw_intent *in, const struct bpf_map *m, gw_map_wanted is_wanted,
		 struct gw_error *err);
/*
 * All that is wanted is written, then what is not wanted goes: from *at on, and as much as can be begun until then, by uv_hrtime().
 * GW_SYNC_MORE: there are more, and changes may be applied before them.
 */
int gw_maps_sync(struct gw_driver *d, const struct gw_intent *in, struct gw_walk_place *at, uint64_t until,
		 struct gw_error *err);
int gw_maps_sync_whole(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
int gw_maps_refresh_mac(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, const struct gw_mac *mac,
			struct gw_error *err);
int gw_maps_refresh_port(struct gw_driver *d, const struct gw_intent *in, const struct gw_iface *i,
			 struct gw_error *err);
int gw_maps_refresh_providers(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
int gw_maps_refresh_record(struct gw_driver *d, const struct gw_intent *in, const struct gw_record_key *key,
			   struct gw_error *err);
/* `domain`: under which number, which may be a former one. */
int gw_maps_refresh_peer(struct gw_driver *d, const struct gw_intent *in, uint32_t domain, const struct gw_addr *pa,
			 struct gw_error *err);
int gw_maps_refresh_vsid(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err);
int gw_maps_refresh_provider(struct gw_driver *d, const struct gw_intent *in, const struct gw_addr *pa,
			     struct gw_error *err);
/* What the router is called in the subnets of the VSID. */
int gw_maps_refresh_subnets(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, struct gw_error *err);
int gw_maps_refresh_route(struct gw_driver *d, const struct gw_intent *in, const struct gw_customer_route *route,
			  struct gw_error *err);
/* All routes of the domain that the VSID is in, under a number that may be a former one of it. */
int gw_maps_refresh_domain_routes(struct gw_driver *d, const struct gw_intent *in, uint32_t vsid, uint32_t domain,
				  struct gw_error *err);
/* One route, under a number that may be a former one of its domain. */
int gw_maps_refresh_route_under(struct gw_driver *d, const struct gw_intent *in, uint32_t domain,
				const struct gw_prefix *prefix, struct gw_error *err);
/* Flows of ports in these routing domains are decided anew (sorts them); NULL: of all ports. */
void gw_maps_bump(struct gw_driver *d, const struct gw_intent *in, uint32_t *domains, size_t n);
/* Entries and counters of interfaces that the intent does not name. */
int gw_maps_drop_strangers(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);

/* change.c */
int gw_maps_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err);

/* check.c */
int gw_engine_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
		    struct gw_error *err);

/* devices.c: the interfaces that the engine makes for itself. */
bool gw_devices_have_name(const char *interface);
const struct gw_device *gw_device_by_index(const struct gw_driver *d, uint32_t ifindex);
/* Makes what is not there, and mends what is not as it should be. */
void gw_devices_bring(struct gw_driver *d);
int gw_devices_attach(struct gw_driver *d, struct gw_error *err);
void gw_devices_check_programs(struct gw_driver *d);
bool gw_devices_have_hook(uint32_t hook); /* nothing but such a device has this program */
/* One that is for another port than the configuration has now. */
int gw_device_drop(struct gw_driver *d, uint32_t ifindex, struct gw_error *err);
int gw_devices_drop_all(struct gw_driver *d, struct gw_error *err);
void gw_devices_event(struct gw_driver *d, const struct gw_link *link, bool removed);

/* reassembly.c: of fragments to shared public addresses. */
/* Gives the kernel more room and less patience, where it has less and more. */
int gw_reassembly_bound(struct gw_error *err);
json_t *gw_report_reassembly(void); /* null when the kernel does not say */

/* hooks.c: programs on interfaces, remembered in the pinned `hooks`. */
#define GW_HOOK_MASK	0xffu
#define GW_HOOK_LISTENS 0x100u /* beside the hook: the interface is promiscuous by our doing */
int gw_hooks_fd(const struct gw_driver *d);
int gw_hook_on(struct gw_driver *d, int ifindex, const char *name, enum gw_hook hook, struct gw_error *err);
/* Also ends that the interface listens, if that is ours. */
int gw_hook_off(struct gw_driver *d, int ifindex, const char *name, struct gw_error *err);
/* Whether it is to hear what is for the MAC addresses of connections. Where it did before us, that stays so. */
int gw_hook_listen(struct gw_driver *d, struct gw_iface *i, bool on, struct gw_error *err);

/* links.c: interfaces, and what is attached to them. */
struct gw_iface *gw_iface_find(const struct gw_driver *d, const char *name);
struct gw_iface *gw_iface_by_index(const struct gw_driver *d, uint32_t ifindex);
/*
 * The interfaces that the programs' constants follow from, so that these need not be loaded again when sync has come to them. For a
 * driver that is being opened.
 */
void gw_links_foresee(struct gw_driver *d, const struct gw_intent *in);
int gw_links_apply(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta, struct gw_error *err);
/* The names of all that the configuration and the intent name; *ret is the caller's. */
int gw_links_list(const struct gw_driver *d, const struct gw_intent *in, struct gw_link_name **ret, size_t *ret_n);
/* One of them: how it is, what belongs to it, and whether its program is still there. */
int gw_links_look(struct gw_driver *d, const struct gw_intent *in, const struct gw_link_name *name,
		  struct gw_error *err);
/* Lets go of those that nothing names any more. */
int gw_links_forget(struct gw_driver *d, const struct gw_intent *in, struct gw_error *err);
/* Puts the programs on everything that is present; the first failure is returned. */
int gw_links_attach(struct gw_driver *d, struct gw_error *err);
/*
 * The same for a sync: one interface that cannot have them is reported as its own trouble, and the others work. Until the time, as
 * uv_hrtime() tells it: GW_SYNC_MORE then.
 */
int gw_links_attach_some(struct gw_driver *d, uint64_t until, struct gw_error *err);
int gw_links_drop_strangers(struct gw_driver *d, struct gw_error *err);
int gw_links_drop_all(struct gw_driver *d, struct gw_error *err);
void gw_links_tc_event(void *driver, int ifindex, bool removed);
void gw_links_event(void *driver, const struct gw_link *link, bool removed);
void gw_links_done(struct gw_driver *d);

/* report.c */
void gw_engine_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties);
json_t *gw_engine_status(struct gw_driver *d);
bool gw_engine_status_more(struct gw_driver *d, json_t *status, size_t *at);
/* With "drops" where *ret_drops gets them. */
json_t *gw_report_counters(const struct gw_driver *d, const struct bpf_map *m, uint32_t slot, uint64_t *ret_drops);
/* Of an owner that has so many of them: of most there are none, and nothing has to be read. */
json_t *gw_report_reasons(const struct gw_driver *d, const struct bpf_map *m, uint32_t slot, uint64_t drops);
const char *gw_report_state(const struct gw_iface *i);
const char *gw_report_detail(const struct gw_iface *i);

/* report_edge.c */
void gw_report_vrf(struct gw_driver *d, const struct gw_vrf *v, json_t *properties);
void gw_report_public(struct gw_driver *d, const struct gw_public *p, json_t *properties);
void gw_report_edge_warnings(const struct gw_driver *d, json_t *list);
json_t *gw_report_external(const struct gw_driver *d); /* null when there is none */
void gw_report_exit(const struct gw_driver *d, json_t *j);

/* trace.c */
int gw_engine_trace(struct gw_driver *d, const struct gw_intent *in, const json_t *query, json_t **ret_answer,
		    struct gw_error *err);

#endif
