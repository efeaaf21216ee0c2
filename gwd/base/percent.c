/* percent.c - see percent.h. */
#include "base/percent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int gw_percent_decode(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		int high, low;

		*to = *s;
		if (*s != '%')
			continue;
		high = hex(s[1]);
		low = high < 0 ? -1 : hex(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		*to = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
	return 0;
}

char *gw_percent_encode(const char *s, const char *also)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	char *text = calloc(strlen(s) + 1, 3), *to = text;

	for (; text && *s; s++) {
		if (strchr(plain, *s) || strchr(also, *s))
			*to++ = *s;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*s);
	}
	return text;
}
