/* etag.c - see etag.h. */
#include "model/etag.h"

#include <string.h>

bool gw_etag_listed(const char *list, const char *etag)
{
	const char *tag = strchr(etag, '"');
	size_t len = strlen(tag);

	while (*list) {
		size_t n;

		list += strspn(list, " \t,");
		if (!strncmp(list, "W/", 2))
			list += 2;
		n = strcspn(list, ",");
		while (n > 0 && strchr(" \t", list[n - 1]))
			n--;
		if (n == len && !memcmp(list, tag, len))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}
