/* when.c - see when.h. */
#include "base/when.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define FORMAT "%Y-%m-%dT%H:%M:%SZ"

const char *gw_when_format(int64_t when, char buf[static GW_WHEN_STRLEN])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buf, GW_WHEN_STRLEN, FORMAT, &tm) == 0)
		strcpy(buf, "never");
	return buf;
}

int gw_when_parse(const char *s, int64_t *ret)
{
	char again[GW_WHEN_STRLEN];
	struct tm tm = {0};
	const char *end = strptime(s, FORMAT, &tm);
	time_t t = end && !*end ? timegm(&tm) : (time_t)-1;

	/* It takes blanks, short numbers and a 31st of February. */
	if (t == (time_t)-1 || strcmp(gw_when_format(t, again), s) != 0)
		return -EINVAL;
	*ret = t;
	return 0;
}
