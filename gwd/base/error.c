/*
 * error.c - see error.h. Texts quote what came from outside, so whatever is set here ends up as printable
 * UTF-8: it can go into JSON, a log line or a terminal as it is. A text that does not fit ends in "...".
 */
#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int http;
} codes[] = {
#define X(id, n, h) [GW_ERR_##id] = {.name = n, .http = h},
	GW_ERROR_CODES(X)
#undef X
};

static void set_text(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0)
		buf[0] = '\0';
	else if ((size_t)n >= size)
		memcpy(buf + size - 4, "...", 4);
	gw_utf8_tame(buf);
}

#undef gw_error_set /* error.h's help for the analyzer */
int gw_error_set(struct gw_error *err, int errnum, enum gw_error_code code, const char *target, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -errnum;
	err->code = code;
	err->target[0] = '\0';
	if (target)
		gw_error_prefix(err, "%s", target);
	va_start(ap, fmt);
	set_text(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	return -errnum;
}

#undef gw_error_oom
int gw_error_oom(struct gw_error *err)
{
	return gw_error_set(err, ENOMEM, GW_ERR_INTERNAL, NULL, "out of memory");
}

void gw_error_prefix(struct gw_error *err, const char *fmt, ...)
{
	char old[sizeof((struct gw_error){0}.target)];
	va_list ap;
	size_t n;

	if (!err)
		return;
	memcpy(old, err->target, sizeof old);
	va_start(ap, fmt);
	set_text(err->target, sizeof err->target, fmt, ap);
	va_end(ap);
	n = strlen(err->target);
	if ((size_t)snprintf(err->target + n, sizeof err->target - n, "%s", old) >= sizeof err->target - n) {
		memcpy(err->target + sizeof err->target - 4, "...", 4);
		gw_utf8_tame(err->target);
	}
}

const char *gw_error_code_name(enum gw_error_code code)
{
	return codes[code].name;
}

enum gw_error_code gw_error_code_parse(const char *name)
{
	for (size_t i = GW_ERR_NONE + 1; name && i < sizeof codes / sizeof *codes; i++)
		if (!strcmp(codes[i].name, name))
			return (enum gw_error_code)i;
	return GW_ERR_UNAVAILABLE;
}

int gw_error_code_http(enum gw_error_code code)
{
	return codes[code].http;
}
