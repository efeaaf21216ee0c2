/*
 * property.c - see property.h. Text and JSON of one value, and the words that refuse it. Called by the
 * schemas; what comes in may be hostile.
 */
#include "model/property.h"

#include "base/utf8.h"
#include "model/hnv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

uint32_t gw_property_list_max(const struct gw_property *row)
{
	if (row->type == GW_PROPERTY_CHILDREN)
		return row->max ? row->max : GW_PROPERTY_CHILDREN_MAX;
	return row->max ? row->max : GW_PROPERTY_LIST_MAX;
}

const char *gw_property_wanted(const struct gw_property *row, char *buf, size_t size)
{
	size_t n;

	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_ADDR:
		return "an IPv4 or IPv6 address";
	case GW_PROPERTY_PREFIX:
		return "a prefix as 192.168.1.0/24, without bits set behind its length";
	case GW_PROPERTY_MAC:
		return "a MAC address as 00155D011404, 00-15-5D-01-14-04 or 00:15:5d:01:14:04";
	case GW_PROPERTY_UUID:
		return "a UUID as 11111111-2222-3333-4444-000000000000";
	case GW_PROPERTY_VSID:
		snprintf(buf, size, "a VSID from %u to %u", GW_VSID_MIN, GW_VSID_MAX);
		return buf;
	case GW_PROPERTY_UINT:
		snprintf(buf, size, "an integer from %u to %u", row->min, row->max);
		return buf;
	case GW_PROPERTY_BOOL:
		return "true or false";
	case GW_PROPERTY_ENUM:
		n = (size_t)snprintf(buf, size, "one of");
		for (const char *const *v = row->values; *v && n < size; v++)
			n += (size_t)snprintf(buf + n, size - n, "%s %s", v == row->values ? "" : ",", *v);
		return buf;
	case GW_PROPERTY_INTERFACE:
		return "an interface name of 1 to 15 bytes without '/', ':' or blanks";
	case GW_PROPERTY_TEXT:
	case GW_PROPERTY_SECRET:
		if (!row->max)
			break;
		snprintf(buf, size, "text of %u to %u bytes%s", row->min, row->max,
			 row->flags & GW_PROPERTY_IS_QUOTABLE ? " without '\"' and control characters" : "");
		return buf;
	case GW_PROPERTY_ASN:
		return "an AS number as \"0.64512\": high and low half, each up to 65535";
	case GW_PROPERTY_PORTS:
		return "a port as \"80\", a range as \"1000-2000\", or \"*\"";
	case GW_PROPERTY_REF:
		return "a reference as {\"resourceRef\": \"/virtualNetworks/blue\"}";
	case GW_PROPERTY_OBJECT:
		return "an object";
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
	case GW_PROPERTY_CHILDREN:
		snprintf(buf, size, "a list of up to %u elements", gw_property_list_max(row));
		return buf;
	case GW_PROPERTY_ANY:
	case GW_PROPERTY_READ_ONLY:
		return "anything";
	}
	return "text";
}

static int bad_value(const struct gw_property *row, struct gw_error *err, const char *got)
{
	char wanted[160];

	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, row->name, "must be %s, not %s",
			    gw_property_wanted(row, wanted, sizeof wanted), got);
}

static int bad_text(const struct gw_property *row, struct gw_error *err, const char *got)
{
	char quoted[96];

	snprintf(quoted, sizeof quoted, strlen(got) > 80 ? "\"%.80s...\"" : "\"%s\"", got);
	return bad_value(row, err, quoted);
}

static int parse_number(const char *s, uint32_t *ret)
{
	uint64_t v = 0;
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 10 || s[n])
		return -EINVAL;
	for (; *s; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	if (v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int parse_enum(const struct gw_property *row, const char *s, uint8_t *ret)
{
	for (uint8_t i = 0; row->values[i]; i++) {
		if (!strcasecmp(s, row->values[i])) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A decimal number at *s, which it moves behind it; -EINVAL when there is none up to 65535. */
static int take_u16(const char **s)
{
	size_t n = strspn(*s, "0123456789");
	int v = 0;

	if (n == 0 || n > 5)
		return -EINVAL;
	for (; n > 0; n--)
		v = v * 10 + *(*s)++ - '0';
	return v <= UINT16_MAX ? v : -EINVAL;
}

static int parse_asn(const char *s, uint32_t *ret)
{
	int high = take_u16(&s), low = high >= 0 && *s++ == '.' ? take_u16(&s) : -EINVAL;

	if (low < 0 || *s)
		return -EINVAL;
	*ret = (uint32_t)high << 16 | (uint32_t)low;
	return 0;
}

static int parse_ports(const char *s, struct gw_ports *ret)
{
	int first, last;

	if (!strcmp(s, "*")) {
		*ret = (struct gw_ports){0, UINT16_MAX};
		return 0;
	}
	first = last = take_u16(&s);
	if (first >= 0 && *s == '-') {
		s++;
		last = take_u16(&s);
	}
	if (first < 0 || last < first || *s)
		return -EINVAL;
	*ret = (struct gw_ports){(uint16_t)first, (uint16_t)last};
	return 0;
}

/* Nothing that a terminal, a log or a configuration of a child daemon could take for something else. */
static int copy_text(const struct gw_property *row, const char *s, char **ret, struct gw_error *err)
{
	size_t n = strlen(s);

	if (row->max && (n < row->min || n > row->max || (n && !gw_utf8_is_printable(s))))
		return bad_value(row, err,
				 n > row->max	? "a longer one"
				 : n < row->min ? "a shorter one"
						: "text with control characters");
	*ret = strdup(s);
	return *ret ? 0 : gw_error_oom(err);
}

/* As part of an id: written in one way only. */
static int parse_uint(const struct gw_property *row, const char *s, void *object)
{
	uint32_t v;

	if (parse_number(s, &v) < 0 || (s[0] == '0' && s[1]) || v < row->min || v > row->max)
		return -EINVAL;
	gw_property_set_number(row, v, object);
	return 0;
}

int gw_property_set_text(const struct gw_property *row, const char *s, void *object, struct gw_error *err)
{
	void *field = (char *)object + row->offset;
	int r = -EINVAL;

	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_ADDR:
		r = gw_addr_parse(s, field);
		break;
	case GW_PROPERTY_PREFIX:
		r = gw_prefix_parse(s, field);
		break;
	case GW_PROPERTY_MAC:
		r = gw_mac_parse(s, field);
		break;
	case GW_PROPERTY_UUID:
		r = gw_uuid_parse(s, field);
		break;
	case GW_PROPERTY_VSID:
		r = parse_number(s, field);
		break;
	case GW_PROPERTY_ENUM:
		r = parse_enum(row, s, field);
		break;
	case GW_PROPERTY_INTERFACE:
		if (gw_hnv_interface_valid(s)) {
			memcpy(field, s, strlen(s) + 1);
			r = 0;
		}
		break;
	case GW_PROPERTY_TEXT:
		r = copy_text(row, s, field, err);
		if (r < 0)
			return r;
		break;
	case GW_PROPERTY_ASN:
		r = parse_asn(s, field);
		break;
	case GW_PROPERTY_PORTS:
		r = parse_ports(s, field);
		break;
	case GW_PROPERTY_UINT:
		r = parse_uint(row, s, object);
		break;
	case GW_PROPERTY_BOOL:
	case GW_PROPERTY_REF:
	case GW_PROPERTY_SECRET:
	case GW_PROPERTY_ANY:
	case GW_PROPERTY_OBJECT:
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
	case GW_PROPERTY_CHILDREN:
	case GW_PROPERTY_READ_ONLY:
		break;
	}
	if (r < 0)
		return bad_text(row, err, s);
	if (row->present)
		*(bool *)((char *)object + row->present) = true;
	return 0;
}

void gw_property_set_number(const struct gw_property *row, uint32_t v, void *object)
{
	void *field = (char *)object + row->offset;

	if (row->size == 1)
		*(uint8_t *)field = (uint8_t)v;
	else if (row->size == 2)
		*(uint16_t *)field = (uint16_t)v;
	else
		*(uint32_t *)field = v;
}

static uint32_t get_number(const struct gw_property *row, const void *object)
{
	const void *field = (const char *)object + row->offset;

	if (row->size == 1)
		return *(const uint8_t *)field;
	return row->size == 2 ? *(const uint16_t *)field : *(const uint32_t *)field;
}

int gw_property_set(const struct gw_property *row, const json_t *value, void *object, struct gw_error *err)
{
	static const char *const type_names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",	 [JSON_STRING] = "text",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};
	bool number = row->type == GW_PROPERTY_UINT || row->type == GW_PROPERTY_VSID;

	if (json_is_string(value) && !number && row->type != GW_PROPERTY_BOOL) {
		if (strlen(json_string_value(value)) != json_string_length(value))
			return bad_value(row, err, "text with a NUL character");
		return gw_property_set_text(row, json_string_value(value), object, err);
	}
	if (json_is_integer(value) && number) {
		json_int_t v = json_integer_value(value);
		char got[24];

		if (v >= row->min && v <= (row->type == GW_PROPERTY_VSID ? UINT32_MAX : row->max)) {
			gw_property_set_number(row, (uint32_t)v, object);
			if (row->present)
				*(bool *)((char *)object + row->present) = true;
			return 0;
		}
		snprintf(got, sizeof got, "%" JSON_INTEGER_FORMAT, v);
		return bad_value(row, err, got);
	}
	if (json_is_boolean(value) && row->type == GW_PROPERTY_BOOL) {
		*(bool *)((char *)object + row->offset) = json_is_true(value);
		return 0;
	}
	return bad_value(row, err, type_names[json_typeof(value)]);
}

static json_t *format_ports(const struct gw_ports *ports)
{
	if (ports->first == 0 && ports->last == UINT16_MAX)
		return json_string_nocheck("*");
	return ports->first == ports->last ? json_sprintf("%u", ports->first)
					   : json_sprintf("%u-%u", ports->first, ports->last);
}

json_t *gw_property_get(const struct gw_property *row, const void *object)
{
	const void *field = (const char *)object + row->offset;
	const struct gw_mac *mac = field;
	char text[64];

	switch ((enum gw_property_type)row->type) {
	case GW_PROPERTY_ADDR:
		return json_string_nocheck(gw_addr_format(field, text));
	case GW_PROPERTY_PREFIX:
		return json_string_nocheck(gw_prefix_format(field, text));
	case GW_PROPERTY_MAC:
		snprintf(text, sizeof text, "%02X%02X%02X%02X%02X%02X", mac->b[0], mac->b[1], mac->b[2], mac->b[3],
			 mac->b[4], mac->b[5]);
		return json_string_nocheck(text);
	case GW_PROPERTY_UUID:
		return json_string_nocheck(gw_uuid_format(field, text));
	case GW_PROPERTY_VSID:
	case GW_PROPERTY_UINT:
		return json_integer(get_number(row, object));
	case GW_PROPERTY_BOOL:
		return json_boolean(*(const bool *)field);
	case GW_PROPERTY_ENUM:
		return json_string_nocheck(row->values[*(const uint8_t *)field]);
	case GW_PROPERTY_INTERFACE:
		return json_string(field);
	case GW_PROPERTY_TEXT:
		return json_string(*(char *const *)field);
	case GW_PROPERTY_ASN:
		snprintf(text, sizeof text, "%u.%u", get_number(row, object) >> 16, get_number(row, object) & 0xffff);
		return json_string_nocheck(text);
	case GW_PROPERTY_PORTS:
		return format_ports(field);
	case GW_PROPERTY_REF:
	case GW_PROPERTY_SECRET:
	case GW_PROPERTY_ANY:
	case GW_PROPERTY_OBJECT:
	case GW_PROPERTY_LIST:
	case GW_PROPERTY_VALUES:
	case GW_PROPERTY_CHILDREN:
	case GW_PROPERTY_READ_ONLY:
		break;
	}
	return NULL;
}

bool gw_property_present(const struct gw_property *row, const void *object)
{
	if (row->present)
		return *(const bool *)((const char *)object + row->present);
	return row->type != GW_PROPERTY_TEXT || *(char *const *)((const char *)object + row->offset);
}
