/* private.h - shared by the files of the link to the controller only. */
#ifndef GW_SYNC_PRIVATE_H
#define GW_SYNC_PRIVATE_H

#include "sync/link.h"
#include "sync/sync.h"

#include "model/hnv_change.h"
#include "model/tour.h"

#include <uv.h>

#define GW_SYNC_FAILURES   64 /* that are told one by one, here and to the controller */
#define GW_SYNC_WARNINGS   16 /* that a controller is told of */
#define GW_SYNC_WARNINGLEN 512
#define GW_SYNC_EPOCHLEN   17
#define GW_SYNC_TOKENLEN   1024 /* that leads to the next page */

/* --- what is to be done: collect.c -------------------------------------------------------------------------------- */

/* In this order: order.c. */
enum gw_sync_place { GW_SYNC_NODE_COMES, GW_SYNC_TENANT_GOES, GW_SYNC_TENANT_STAYS, GW_SYNC_NODE_GOES, GW_SYNC_FAILED };

/* For one key. */
struct gw_sync_item {
	struct gw_hmap_node node;     /* first; in gw_sync_changes.items */
	struct gw_hnv_object *object; /* what is to be; or only its key */
	uint64_t order;		      /* of those that failed, the lowest is tried first */
	bool is_delete;
	bool unreadable;	  /* it is to be something that this version does not understand; object has the key */
	bool beyond;		  /* there is no room for it: it is not tried, and keeps its order */
	bool failed;		  /* at the last try; never true of one that is still to be tried for the first time */
	enum gw_sync_place place; /* in the round under way, */
	uint64_t tenant;	  /* behind those with a lower number */
	struct gw_error *error;	  /* why; NULL when others are told already */
};

/* A virtual subnet, or (0) the gateway of a routing domain. */
struct gw_sync_whole {
	uint32_t vsid;
	struct gw_uuid rdid;
};

struct gw_sync_changes {
	struct gw_hmap items;	   /* by key */
	struct gw_hmap forgotten;  /* virtual subnets, and gateways of routing domains */
	size_t n[GW_HNV_KIND_MAX]; /* items of a kind */
	uint64_t order;		   /* of the last item */
	size_t unreadable;	   /* that there were */
	bool hopeless;		   /* at the last try nothing could be done, whatever it is */
};

/* The pages of one answer. */
struct gw_sync_answer {
	struct gw_sync_changes changes;
	bool begun;
	bool full; /* what it does not have is to go */
	char epoch[GW_SYNC_EPOCHLEN];
	char more[GW_SYNC_TOKENLEN]; /* of the next page; "": none */
	uint64_t revision;	     /* when there is none */
};

int gw_changes_init(struct gw_sync_changes *c);
void gw_changes_done(struct gw_sync_changes *c);
struct gw_sync_item *gw_changes_find(const struct gw_sync_changes *c, const struct gw_hnv_object *key);
/* NULL is returned. */
struct gw_sync_item *gw_changes_drop(struct gw_sync_changes *c, struct gw_sync_item *item);

/* What it goes with; false: it goes by itself. A public address that is only a key is of no routing domain. */
bool gw_sync_whole_of(const struct gw_hnv_object *o, struct gw_sync_whole *ret);

int gw_answer_init(struct gw_sync_answer *a);
/* Adds a page. An answer that has refused one is of no use any more. */
int gw_answer_read(struct gw_sync_answer *a, const char *text, size_t n, const struct gw_config *config,
		   struct gw_error *err);
void gw_answer_done(struct gw_sync_answer *a);
/*
 * The whole answer takes its place in what is to be done: of each key what came last, and the end of what is not to be any more
 * of all that the intent has. On failure nothing has changed. The answer is empty afterwards.
 */
int gw_changes_merge(struct gw_sync_changes *todo, struct gw_sync_answer *answer, const struct gw_intent *intent);

/* --- doing it: apply.c -------------------------------------------------------------------------------------------- */

/*
 * Carries out what is to be done, slice by slice, but for what is at fault, which stays to be done, with what comes behind when there
 * is much of it. Of what failed before only some is tried, unless `all`. Until it ends nothing may be added to what is to be done, or
 * taken from it. NULL: no memory.
 */
struct gw_sync_round *gw_round_new(struct gw_sync_changes *todo, const struct gw_service *service,
				   const struct gw_hnv_object *configured, bool all);
/* As far as it comes until then, by uv_hrtime(), and a slice at least; whether there is more. */
bool gw_round_go_on(struct gw_sync_round *r, uint64_t until);
/* How much has been carried out; *ret_untried: what has not been tried is new. Frees it. */
size_t gw_round_end(struct gw_sync_round *r, bool *ret_untried);
struct gw_sync_round *gw_round_free(struct gw_sync_round *r);

/* order.c: where each has its place, and those of one tenant are together. -ENOMEM: nothing is moved. */
int gw_sync_put_in_order(const struct gw_intent *intent, struct gw_sync_item **items, size_t n);
bool gw_sync_is_together(const struct gw_sync_item *a, const struct gw_sync_item *b);

/* beyond.c: which of what is new there is no room for, by the limits of the node; and how that is said. */
void gw_sync_find_beyond(struct gw_sync_changes *todo, const struct gw_service *service,
			 const struct gw_hnv_object *configured);
int gw_sync_say_beyond(const struct gw_sync_item *item, const struct gw_service *service, struct gw_error *ret);

/* --- the link ----------------------------------------------------------------------------------------------------- */

#define GW_LINK_STATES(X)                                                                                              \
	X(ALONE, "Alone")                                                                                              \
	X(CONNECTING, "Connecting")                                                                                    \
	X(CONNECTED, "Connected")                                                                                      \
	X(REFUSED, "Refused")                                                                                          \
	X(AWAY, "Away")                                                                                                \
	X(FAILING, "Failing")

enum gw_link_state {
#define X(id, name) GW_LINK_##id,
	GW_LINK_STATES(X)
#undef X
};

/* Tests have less time. */
struct gw_sync_times {
	unsigned backoff_first_ms, backoff_max_ms; /* before it is asked again where it went wrong */
	unsigned wait_seconds;			   /* for changes */
	unsigned retry_ms;			   /* what failed */
	unsigned report_ms, report_apart_ms;	   /* reports at least and at most so often */
	unsigned details_apart_ms;		   /* with details */
};

struct gw_sync {
	struct gw_sync_params params;
	const struct gw_config *config;
	struct gw_hnv_object *configured; /* the provider address of [underlay]; NULL without one */
	struct gw_sync_times times;
	struct gw_sync_link *link;
	enum gw_link_state state;
	struct gw_error why;		   /* it is in a state that is not good */
	uint32_t said[GW_CONTROLLER_URLS]; /* of each url, what is in the log already; 0: nothing */
	/* Whom to ask. */
	char urls[1024];
	unsigned n_urls, url; /* the one in use */
	unsigned tried;	      /* in a row, without success */
	char name[256];	      /* of the one in use; service->manager */
	char ca[GW_PATHLEN + 32], cert[GW_PATHLEN + 32], key[GW_PATHLEN + 32];
	/* Following. */
	struct gw_link_call *question;
	struct gw_sync_answer answer;
	uv_timer_t again;	      /* when to ask again */
	unsigned backoff_ms, useless; /* useless: answers in a row */
	bool fresh; /* nothing has been answered, or not since it went wrong: whether it is again cannot wait for changes */
	uint64_t asked_ms;
	bool has_position;
	char epoch[GW_SYNC_EPOCHLEN];
	uint64_t revision;
	uint64_t contact_ms; /* when something of use was answered; 0: never */
	/* Carrying out. */
	struct gw_sync_changes todo;
	uv_timer_t retry;
	bool complete;		     /* the answer; it waits for its turn */
	bool retrying;		     /* and so does what failed */
	bool turn;		     /* has been asked for */
	struct gw_sync_round *round; /* under way; until it ends both wait */
	uv_timer_t more;	     /* when it goes on */
	bool taken;		     /* it is about an answer, that nothing else has been asked since, */
	char taken_epoch[GW_SYNC_EPOCHLEN];
	uint64_t taken_revision; /* and that is reached with it */
	bool had_failed;	 /* something, before it */
	/* Reporting. */
	struct gw_link_call *report;
	uv_timer_t report_timer;
	bool report_due, details_due;  /* details: statistics, ports and virtual gateways */
	struct gw_tour *tour;	       /* of ports and virtual gateways; NULL: none is under way */
	json_t *status;		       /* of the node, as far as that has come */
	struct gw_status_place place;  /* where that is */
	struct gw_sync_saying *saying; /* a report that becomes a text; NULL: none does */
	json_t *gateway; /* as far as it has come; when there is no tour, and this is here, details can be told */
	uint64_t reported_ms, detailed_ms;
	char reported_state[16], reported_message[sizeof((struct gw_error *)0)->message];
	bool report_refused;
	unsigned n_handles; /* that the loop has not let go of */
};

/* sync.c */
void gw_sync_transition(struct gw_sync *s, enum gw_link_state to, const struct gw_error *why);
void gw_sync_peer(struct gw_sync *s, struct gw_link_peer *ret);
/* The refusal in an answer, as gwd words it: "NotFound: there is no server h1". */
void gw_sync_refusal(const struct gw_link_answer *answer, struct gw_error *ret);
size_t gw_sync_failed(const struct gw_sync *s);
/* [{"path", "code", "message"}], the first GW_SYNC_FAILURES */
json_t *gw_sync_failures(const struct gw_sync *s);
/* follow.c */
void gw_sync_start(struct gw_sync *s); /* asks from the beginning */
void gw_sync_stop(struct gw_sync *s);
void gw_sync_carried_out(struct gw_sync *s); /* the answer that was waiting for its turn */
void gw_sync_not_taken(struct gw_sync *s);   /* there was no memory for it */
void gw_sync_on_again(uv_timer_t *timer);
char *gw_sync_path(const struct gw_sync *s, const char *what); /* below the server; NULL: no memory */
/* turn.c */
void gw_sync_await_turn(struct gw_sync *s);
void gw_sync_on_retry(uv_timer_t *timer);
void gw_sync_on_more(uv_timer_t *timer);
/* report.c */
void gw_sync_report(struct gw_sync *s);		/* soon */
void gw_sync_report_details(struct gw_sync *s); /* they may be others than before */
void gw_sync_on_report(uv_timer_t *timer);
void gw_sync_report_done(struct gw_sync *s); /* lets go of what has been gathered */
/* [{"NAME": "x", "count": 7}] as {"x": 7}, without zeros. */
json_t *gw_sync_counted(const json_t *list, const char *name);
/* gateway.c: {"capabilities", "virtualGateways", "publicAddresses", "connections"}, piece by piece; `status` is the service's. */
json_t *gw_sync_gateway(void);
void gw_sync_tell_gateway(const struct gw_service *service, const struct gw_hnv_object *o, json_t *all);
void gw_sync_tell_capabilities(const struct gw_service *service, const json_t *status, json_t *all);
/* counted.c: those of one virtual gateway, into "publicAddresses". */
void gw_sync_tell_counted(const struct gw_service *service, const struct gw_uuid *rdid, json_t *all);

/* connections.c: those of one virtual gateway, into "connections". */
void gw_sync_tell_connections(const struct gw_service *service, const struct gw_uuid *rdid, json_t *all);

#endif
