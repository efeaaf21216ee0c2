/* reasons.h - drop reasons and outcomes in words: what the API and gwctl call them, and what to do about each. */
#ifndef GW_ENGINE_REASONS_H
#define GW_ENGINE_REASONS_H

#include "engine/bpf/abi.h"

struct gw_reason {
	const char *name, *help;
};

extern const struct gw_reason gw_drop_reasons[GW_DROP_MAX];
extern const struct gw_reason gw_outcomes[GW_OUT_MAX];

#endif
