/* stats.h - what the API counts of itself. Kept by http.c's environment, shown by metrics.c. */
#ifndef GW_API_STATS_H
#define GW_API_STATS_H

#include "obs/loop.h"
#include "obs/metrics.h"

#define GW_API_STATUSES 600

struct gw_api_stats {
	uint64_t answered[GW_API_STATUSES]; /* by status */
	uint64_t failed_logins;
	int64_t certificate_until; /* that is shown: seconds since 1970; 0: none is */
	struct gw_histogram duration;
};

#endif
