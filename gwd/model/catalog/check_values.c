/*
 * check_values.c - texts that mean more than their characters (a community, a range of AS numbers, a collector), and rules that
 * hold for every row: what stands in a list once only. Called by the other checks.
 */
#include "model/catalog/check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* A decimal number up to `max` at *s, which it moves behind it. */
static bool take_number(const char **s, uint64_t max, uint64_t *ret)
{
	size_t n = strspn(*s, "0123456789");

	if (n == 0 || n > 10)
		return false;
	*ret = strtoull(*s, NULL, 10);
	*s += n;
	return *ret <= max;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* 64512, or 0.64512 */
static bool take_as(const char **s, uint64_t *ret)
{
	uint64_t low;

	if (!take_number(s, UINT32_MAX, ret))
		return false;
	if (!take_char(s, '.'))
		return true;
	if (*ret > UINT16_MAX || !take_number(s, UINT16_MAX, &low))
		return false;
	*ret = *ret << 16 | low;
	return true;
}

bool gw_value_is_as_range(const char *s)
{
	uint64_t first, last;

	if (!take_as(&s, &first))
		return false;
	last = first;
	if (take_char(&s, '-') && !take_as(&s, &last))
		return false;
	return !*s && first <= last;
}

bool gw_value_is_community(const char *s)
{
	static const char *const known[] = {"no-export", "no-advertise",      "no-export-subconfed",
					    "no-peer",	 "graceful-shutdown", "accept-own",
					    "blackhole", "local-as",	      "internet"};
	const char *p = s;
	uint64_t a, b, c;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcasecmp(s, known[i]))
			return true;
	if (!take_number(&p, UINT32_MAX, &a) || !take_char(&p, ':') || !take_number(&p, UINT32_MAX, &b))
		return false;
	if (!*p)
		return a <= UINT16_MAX && b <= UINT16_MAX;
	return take_char(&p, ':') && take_number(&p, UINT32_MAX, &c) && !*p;
}

bool gw_value_is_host(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	struct gw_addr a;
	size_t n = strlen(s);

	if (gw_addr_parse(s, &a) == 0)
		return gw_addr_is_unicast(&a);
	return n > 0 && n < 254 && strspn(s, allowed) == n && *s != '-' && *s != '.' && !strstr(s, "..");
}

bool gw_value_is_collector(const char *s)
{
	const char *end = *s == '[' ? strchr(s, ']') : strrchr(s, ':');
	char host[GW_ADDR_STRLEN] = "";
	struct gw_addr a;
	uint64_t port;

	if (*s == '[')
		s++;
	if (!end || (size_t)(end - s) >= sizeof host)
		return false;
	memcpy(host, s, (size_t)(end - s));
	s = end + (*end == ']');
	return gw_addr_parse(host, &a) == 0 && gw_addr_is_unicast(&a) && gw_addr_is_v4(&a) == (*end == ':') &&
	       take_char(&s, ':') && take_number(&s, UINT16_MAX, &port) && port > 0 && !*s;
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

bool gw_check_routable(const struct gw_prefix *p)
{
	bool is_loopback =
		gw_addr_is_v4(&p->addr) ? p->addr.b[12] == 127 : p->len == 128 && !gw_addr_is_unicast(&p->addr);

	return !gw_addr_is_multicast(&p->addr) && !is_loopback;
}

int gw_check_unicast(const char *name, const struct gw_list *list, struct gw_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		if (gw_addr_is_unicast(GW_LIST_AT(*list, struct gw_addr, i)))
			continue;
		gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "must be a unicast address");
		gw_error_prefix(err, "properties.%s[%zu]", name, i);
		return -EINVAL;
	}
	return 0;
}

static bool same(const struct gw_property *row, const void *a, const void *b)
{
	if (row->item == GW_PROPERTY_REF)
		return !strcmp(*(char *const *)a, *(char *const *)b);
	if (row->item == GW_PROPERTY_PREFIX)
		return gw_prefix_equal(a, b);
	return row->item == GW_PROPERTY_ENUM && *(const uint8_t *)a == *(const uint8_t *)b;
}

static int check_list(const struct gw_property *row, const struct gw_list *list, struct gw_error *err)
{
	const char *v = list->v;

	for (size_t i = 0; i < list->n; i++)
		for (size_t j = 0; j < i; j++) {
			if (!same(row, v + i * row->item_size, v + j * row->item_size))
				continue;
			gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "", "it is twice in the list");
			gw_error_prefix(err, "%s[%zu]", row->name, i);
			return -EINVAL;
		}
	return 0;
}

int gw_check_twice(const struct gw_schema *schema, const void *object, struct gw_error *err)
{
	int e = 0;

	for (const struct gw_property *row = schema->rows; e == 0 && row < schema->rows + schema->n_rows; row++) {
		const void *field = (const char *)object + row->offset;

		if (row->type == GW_PROPERTY_VALUES)
			e = check_list(row, field, err);
		if (row->type != GW_PROPERTY_OBJECT)
			continue;
		e = gw_check_twice(row->schema, field, err);
		if (e < 0)
			gw_error_prefix(err, "%s.", row->name);
	}
	return e;
}
