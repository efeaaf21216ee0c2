/*
 * metrics.h - Prometheus' text format: families of samples, each family announced once. Names and labels are the caller's,
 * label values may be anything.
 */
#ifndef GW_OBS_METRICS_H
#define GW_OBS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_metrics {
	char *text;
	size_t n, room;
	bool failed; /* memory ran out: the text is of no use */
};

/* What comes next are samples of this family; `type` is "counter", "gauge" or "histogram". */
void gw_metrics_family(struct gw_metrics *m, const char *name, const char *type, const char *help);
/* `labels` are names and values in turn, NULL behind the last; NULL: none. */
void gw_metrics_sample(struct gw_metrics *m, const char *name, const char *const *labels, double value);
void gw_metrics_done(struct gw_metrics *m);

/* How long things took. */
#define GW_HISTOGRAM_BUCKETS 10
struct gw_histogram {
	uint64_t buckets[GW_HISTOGRAM_BUCKETS],
		count; /* each bucket by itself; what is above the last one is in `count` only */
	double sum;
};

void gw_histogram_add(struct gw_histogram *h, double seconds);
void gw_metrics_histogram(struct gw_metrics *m, const char *name, const char *help, const struct gw_histogram *h);

#endif
