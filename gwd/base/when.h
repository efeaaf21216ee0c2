/* when.h - moments as text: "2026-11-21T20:00:00Z", seconds since 1970 in UTC. */
#ifndef GW_BASE_WHEN_H
#define GW_BASE_WHEN_H

#include <stdint.h>

#define GW_WHEN_STRLEN 32

const char *gw_when_format(int64_t when, char buf[static GW_WHEN_STRLEN]);
/* -EINVAL for anything that gw_when_format does not make. */
int gw_when_parse(const char *s, int64_t *ret);

#endif
