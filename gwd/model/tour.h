/*
 * tour.h - a look at each record of a kind, a millisecond's worth at a time, with turns of the loop in between: there may be a thousand of
 * them, and asking drivers how one is takes its time, while drivers are the loop's. All of it is on the loop's thread.
 */
#ifndef GW_MODEL_TOUR_H
#define GW_MODEL_TOUR_H

#include "model/intent.h"

struct uv_loop_s;

struct gw_tour;

struct gw_tour_params {
	struct uv_loop_s *loop;
	const struct gw_intent *intent;
	enum gw_hnv_kind kind;
	size_t max; /* records */
	/* Of something else, before them: called until it says that there is no more. May be NULL. */
	bool (*more)(void *ctx);
	/* Of each that was there at the beginning and still is when its turn comes. `o` is the intent's, good until it returns. */
	void (*see)(void *ctx, const struct gw_hnv_object *o);
	/* Whether anybody wants to know yet; false: neither the intent nor `see` is touched any more. NULL: somebody does. */
	bool (*wanted)(void *ctx);
	/* The last that is called, in a later turn than gw_tour_start. */
	void (*done)(void *ctx);
	void *ctx;
};

/* -ENOMEM: nothing is called then. */
int gw_tour_start(const struct gw_tour_params *params, struct gw_tour **ret);
/* Nothing is called any more. */
struct gw_tour *gw_tour_cancel(struct gw_tour *t);

#endif
