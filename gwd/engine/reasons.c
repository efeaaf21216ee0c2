/* reasons.c - the tables of reasons.h, made from the lists in abi.h. Read by report.c and trace.c. */
#include "engine/reasons.h"

const struct gw_reason gw_drop_reasons[GW_DROP_MAX] = {
#define X(id, n, h) [GW_DROP_##id] = {.name = n, .help = h},
	GW_DROP_REASONS(X)
#undef X
};

const struct gw_reason gw_outcomes[GW_OUT_MAX] = {
#define X(id, n, h) [GW_OUT_##id] = {.name = n, .help = h},
	GW_OUTCOMES(X)
#undef X
};
