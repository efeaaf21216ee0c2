/*
 * loop.h - how long the event loop is kept busy: from each wake-up to the next wait, and what its handlers took of that. Made by
 * the composition root; handlers tell it of themselves, GET /metrics shows it.
 *
 * All of it is on the loop's thread. A turn costs two readings of the clock.
 */
#ifndef GW_OBS_LOOP_H
#define GW_OBS_LOOP_H

#include "obs/metrics.h"

struct uv_loop_s;

struct gw_loop_meter;

/* Begins to measure; before the loop runs. NULL when there is no memory, or the loop cannot tell: nothing is measured then. */
struct gw_loop_meter *gw_loop_meter_new(struct uv_loop_s *loop);
/* What the loop does from now on counts: called when it is about to run. Without it that is so from its first wait on. */
void gw_loop_begin(struct gw_loop_meter *m);
/* Memory is freed once the loop has closed its handles. */
struct gw_loop_meter *gw_loop_meter_free(struct gw_loop_meter *m);

/*
 * Around what a handler does, to be told by two names, literals or as lasting as these. What one does within another counts for
 * both. `m` may be NULL.
 */
uint64_t gw_loop_enter(const struct gw_loop_meter *m);
void gw_loop_leave(struct gw_loop_meter *m, const char *handler, const char *action, uint64_t entered);
/* The same, by who knows how long it took. */
void gw_loop_took(struct gw_loop_meter *m, const char *handler, const char *action, uint64_t ns);

void gw_loop_metrics(struct gw_metrics *out, const struct gw_loop_meter *m);

#endif
