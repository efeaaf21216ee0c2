/*
 * gateway.h - one virtual gateway: its plan, its ruleset, its connections, and how it is. Called by plugin.c; runs on the loop.
 *
 *         no VRF record, or no namespace yet        ruleset as planned
 *   (new) ----------------------------> Waiting --------------------> Up <----> Warning (limits, a block nearly full, others' tables)
 *                                          ^                           |
 *                                          +-- namespace gone ---------+----> Failed (the kernel refuses) -- tried again
 */
#ifndef GW_NAT_GATEWAY_H
#define GW_NAT_GATEWAY_H

#include "driver.h"
#include "nat/flows.h"
#include "nat/tally.h"

#include <sys/stat.h>
#include <uv.h>

#define NAT_STATES(X) X(WAITING, "Waiting") X(UP, "Up") X(WARNING, "Warning") X(FAILED, "Failed")

enum nat_state {
#define X(id, name) NAT_STATE_##id,
	NAT_STATES(X)
#undef X
};

struct nat_gateway {
	struct gw_hmap_node by_rdid;
	struct gw_driver *driver;
	struct nat_plan plan;	/* what the kernel has when `current`, else what it shall have */
	struct nat_nft *nft;	/* NULL: no namespace */
	struct nat_work *work;	/* that has nft, and brings the plan; NULL: none */
	struct gw_error failed; /* what came of the last one; code 0: it went well */
	uv_poll_t *poll;	/* on nft's events; freed by its close callback */
	dev_t dev;		/* of the namespace, and its number: another one may come under the same name */
	ino_t ino;
	uint64_t mark;		  /* of the ruleset */
	bool current;		  /* the kernel has it, for all that is known */
	bool changed;		  /* from outside, since it was last as it should be */
	unsigned full;		  /* new connections that are refused: NAT_FULL */
	bool crowded;		  /* a block of ports is nearly used up */
	struct nat_others others; /* in its namespace, when it was last looked at */
	bool seen;		  /* in the intent that is gone through */
	uint64_t applied;	  /* by which of the driver's calls it was brought last */
	struct nat_sweep *sweep;  /* connections whose rule is gone are being ended; NULL: none */
	struct nat_fill *fill;	  /* it is being looked how full the blocks of ports are; NULL: not now */
	uint64_t sweep_at;	  /* not before that time of the loop */
	enum nat_state state;
	char detail[256];
	uint32_t tracked;
	uint64_t next_look, next_fill, counted_at, rules_counted_at; /* times of the loop */
	struct nat_counts counts[NAT_COUNTERS_MAX];
	uint64_t *connections;	  /* as plan.rules, of `rules_counted_at`; NULL: not known */
	struct nat_places places; /* and what they come to */
	bool tally_wanted;	  /* a thread is to read them */
	uint64_t writes;	  /* messages since open; for tests and status */
	uint64_t repairs;	  /* of what others had changed */
};

/* NULL: no memory. */
struct nat_gateway *nat_gateway_new(struct gw_driver *d, const struct gw_uuid *rdid);
struct nat_gateway *nat_gateway_free(struct nat_gateway *g);
/*
 * Takes `plan` over, whatever becomes of it. A namespace that is not there is no failure. What takes long, or comes `late` in what
 * the loop is busy with, is left to a thread; if that fails a sync is wanted, and is told why.
 */
int nat_gateway_bring(struct nat_gateway *g, struct nat_plan *plan, bool late, struct gw_error *err);
/* Looks at how many connections there are, and whether the namespace is still the same; returns when to look again. */
uint64_t nat_gateway_look(struct nat_gateway *g, uint64_t now);
/* Ends some of the connections whose rule is gone. True when there are more to look at. */
bool nat_gateway_sweep(struct nat_gateway *g);
/* Counters, not older than a second. False when there are none. */
bool nat_gateway_count(struct nat_gateway *g);
bool nat_gateway_count_rules(struct nat_gateway *g);	  /* those of rules, which may be very many */
bool nat_gateway_is_counted(const struct nat_gateway *g); /* those of rules, not long ago */
/* Takes over what has been read of the present rules. */
void nat_gateway_counted(struct nat_gateway *g, uint64_t *connections, struct nat_places *places);
const char *nat_state_name(enum nat_state s);

/* gateway.c's, for look.c. A change of state is one line in the log; what is only told anew is none. */
void nat_gateway_transition(struct nat_gateway *g, enum nat_state to, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void nat_gateway_settle(struct nat_gateway *g); /* what it is when all is in the kernel */
void nat_gateway_want_sync(struct nat_gateway *g, const char *why);
int nat_gateway_namespace(struct nat_gateway *g, uint32_t vsid, int *ret_fd, struct stat *ret); /* opens it */

/* work.c: takes `was` over, which the kernel had before the gateway's plan, if that is known */
int nat_work_want(struct nat_gateway *g, struct nat_plan *was, bool was_current);
struct nat_work *nat_work_leave(struct nat_work *w); /* with the sockets; NULL */
/* What it tells of: something is in the kernel; and it has come to its end. */
struct nat_params nat_gateway_params(const struct nat_gateway *g);
void nat_gateway_brought(struct nat_gateway *g, struct nat_plan *was, bool was_current, const struct nat_done *done);
void nat_gateway_worked(struct nat_gateway *g, struct nat_plan *was, bool was_current, int r,
			const struct nat_done *done, const struct gw_error *err);

/* plugin.c's */
struct gw_driver {
	struct gw_driver_env env;
	struct gw_hmap gateways; /* by rdid */
	uv_timer_t timer;
	uv_idle_t idle;	  /* while connections are being ended, a bounded part at each turn */
	unsigned handles; /* that the loop has not closed */
	bool closing;
	uint64_t applies;		  /* calls, counted */
	uint64_t repairs;		  /* of all virtual gateways, also of those that have gone */
	struct nat_work *queue, *working; /* rulesets that a thread is to bring, and brings */
	struct nat_tally *tally;	  /* counters that a thread reads; NULL: none */
	uint64_t tallied_at, tallied_ns;  /* how long reading has taken in the turn of the loop at that time */
	struct nat_plan checked;	  /* the last that check has made, and of when */
	uint64_t checked_at;
	bool has_checked;
	uint32_t kernel_limit; /* the kernel's bound of tracked connections; 0: none */
	uint32_t limit_told;   /* which of them was told of last as too low */
	uint64_t next_limit;   /* when to ask for it again */
	/* A sync that is under way in parts. */
	uint64_t turn_ns;     /* for one; tests have less */
	struct gw_uuid *todo; /* routing domains, those before at_todo have been brought; NULL: none is */
	size_t n_todo, at_todo;
	uint64_t begun; /* uv_hrtime: its first has been brought; 0: not yet */
	bool once_more; /* somebody has asked for one meanwhile */
	int failed;	/* the first failure, and its words */
	struct gw_error why;
};

void nat_driver_handle_closed(struct gw_driver *d);
/* How many connections each virtual gateway may track. */
uint32_t nat_driver_limit(const struct gw_driver *d);
void nat_driver_sweep(struct gw_driver *d); /* goes on until nothing is left to end */

#endif
