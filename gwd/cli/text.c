/*
 * text.c - see text.h. Owns nothing; called by every other file of gwctl.
 */
#include "cli/text.h"

#include "base/cleanup.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

uint64_t gw_cli_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void *gw_cli_must(void *p)
{
	if (!p) {
		fputs("gwctl: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static char *format_va(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return gw_cli_must(s);
}

char *gw_cli_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = format_va(fmt, ap);
	va_end(ap);
	return s;
}

/*
 * Characters that are printable by themselves but change what is seen around them: zero-width and direction
 * marks (U+200B-200F, U+202A-202E, U+2060-206F), line and paragraph separators (U+2028, U+2029), U+FEFF.
 */
static bool deceives(const char *s)
{
	const uint8_t *b = (const uint8_t *)s;

	if (b[0] == 0xe2 && b[1] == 0x80)
		return (b[2] >= 0x8b && b[2] <= 0x8f) || (b[2] >= 0xa8 && b[2] <= 0xae);
	return (b[0] == 0xe2 && b[1] == 0x81 && b[2] >= 0xa0 && b[2] <= 0xaf) ||
	       (b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf);
}

char *gw_cli_escape(const char *s)
{
	char *out = gw_cli_must(calloc(strlen(s) + 1, 4)), *o = out; /* \xNN for every byte at worst */

	while (*s) {
		size_t n = gw_utf8_printable(s);

		if (n > 0 && !deceives(s)) {
			memcpy(o, s, n);
			o += n;
			s += n;
		} else {
			o += sprintf(o, *s == '\n' ? "\\n" : *s == '\t' ? "\\t" : "\\x%02x", (uint8_t)*s);
			s++;
		}
	}
	return out;
}

size_t gw_cli_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

void gw_cli_say(FILE *f, const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	raw = format_va(fmt, ap);
	va_end(ap);
	safe = gw_cli_escape(raw);
	fprintf(f, "%s\n", safe);
}

int gw_cli_fail(const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL;
	va_list ap;

	va_start(ap, fmt);
	raw = format_va(fmt, ap);
	va_end(ap);
	gw_cli_say(stderr, "gwctl: %s", raw);
	return 1;
}

void gw_cli_say_wrapped(FILE *f, const char *first, size_t indent, const char *text)
{
	_cleanup_free_ char *safe = gw_cli_escape(text), *head = gw_cli_escape(first);
	size_t column = gw_cli_width(head);
	bool fresh = true; /* no word on this line yet */
	char *save = NULL;

	fputs(head, f);
	for (char *word = strtok_r(safe, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		size_t n = gw_cli_width(word);

		if (!fresh && column + 1 + n > GW_CLI_WIDTH) {
			fprintf(f, "\n%*s", (int)indent, "");
			column = indent;
			fresh = true;
		}
		fputs(fresh ? "" : " ", f);
		for (char *glue; (glue = strstr(word, GW_CLI_NBSP)); word = glue + strlen(GW_CLI_NBSP))
			fprintf(f, "%.*s ", (int)(glue - word), word);
		fputs(word, f);
		column += n + !fresh;
		fresh = false;
	}
	fputc('\n', f);
}

/* jansson escapes everything below 0x20 and, asked for ASCII, above 0x7f; what is left is DEL. */
static int write_json(const char *buf, size_t n, void *data)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] == 0x7f)
			fputs("\\u007f", data);
		else
			fputc(buf[i], data);
	}
	return 0;
}

void gw_cli_print_json(const json_t *j)
{
	if (!j) /* an answer without a body */
		return;
	if (json_dump_callback(j, write_json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0)
		gw_cli_must(NULL);
	fputc('\n', stdout);
}

const char *gw_cli_count(uint64_t n, char buf[static GW_CLI_COUNTLEN])
{
	static const char units[] = " KMGTPE";
	double v = (double)n;
	size_t u = 0;

	if (n < 10000000) {
		snprintf(buf, GW_CLI_COUNTLEN, "%" PRIu64, n);
		return buf;
	}
	for (; v >= 999.95; u++)
		v /= 1000;
	snprintf(buf, GW_CLI_COUNTLEN, "%.1f%c", v, units[u]);
	return buf;
}

const char *gw_cli_duration(uint64_t s, char buf[static GW_CLI_COUNTLEN])
{
	uint64_t days = s / 86400;
	unsigned rest = (unsigned)(s % 86400);

	if (days > 0)
		snprintf(buf, GW_CLI_COUNTLEN, "%" PRIu64 "d %02u:%02u", days, rest / 3600, rest / 60 % 60);
	else
		snprintf(buf, GW_CLI_COUNTLEN, "%02u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
	return buf;
}

const char *gw_cli_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

uint64_t gw_cli_num(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

char *gw_cli_cell(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return gw_cli_format("-");
	case JSON_STRING:
		return gw_cli_format("%s", *json_string_value(value) ? json_string_value(value) : "-");
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_TRUE:
	case JSON_FALSE:
		break;
	}
	return gw_cli_must(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
}
