/* plain.c - see plain.h. Called by who reports for a node, and by who takes reports. */
#include "model/plain.h"

#include "base/utf8.h"

#include <string.h>

static bool is_text(const char *s, size_t n, size_t max)
{
	return strlen(s) == n && n < max && gw_utf8_is_printable(s);
}

static bool is_name(const char *name)
{
	return is_text(name, strlen(name), GW_PLAIN_NAMELEN);
}

bool gw_plain_is(const json_t *j, unsigned depth, size_t *left)
{
	const char *name;
	json_t *value;
	size_t i;

	if (!j || *left == 0)
		return false;
	--*left;
	if (json_is_string(j))
		return is_text(json_string_value(j), json_string_length(j), GW_PLAIN_TEXTLEN);
	if (json_is_number(j) || json_is_boolean(j))
		return true;
	if (depth == 0 || !(json_is_object(j) || json_is_array(j)))
		return false;
	json_array_foreach((json_t *)j, i, value)
	{
		if (!gw_plain_is(value, depth - 1, left))
			return false;
	}
	json_object_foreach((json_t *)j, name, value)
	{
		if (!is_name(name) || !gw_plain_is(value, depth - 1, left))
			return false;
	}
	return true;
}

void gw_plain_prune(json_t *object, unsigned depth, size_t left)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, name, value)
	{
		size_t before = left;

		if (is_name(name) && gw_plain_is(value, depth - 1, &left))
			continue;
		left = before;
		json_object_del(object, name);
	}
}
