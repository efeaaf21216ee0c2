/* values.h - addresses, prefixes and MACs from text; one that cannot be read fails the test. */
#ifndef GW_TESTS_UNIT_VALUES_H
#define GW_TESTS_UNIT_VALUES_H

#include "test.h"

#include "base/addr.h"

static inline struct gw_addr addr(const char *s)
{
	struct gw_addr a;

	check(gw_addr_parse(s, &a) == 0, "%s", s);
	return a;
}

static inline struct gw_prefix prefix(const char *s)
{
	struct gw_prefix p;

	check(gw_prefix_parse(s, &p) == 0, "%s", s);
	return p;
}

static inline struct gw_mac mac(const char *s)
{
	struct gw_mac m;

	check(gw_mac_parse(s, &m) == 0, "%s", s);
	return m;
}

#endif
