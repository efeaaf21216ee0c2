/* error.c - see error.h. */
#include "base/error.h"

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

int gw_error_set(struct gw_error *err, int errnum, enum gw_error_code code, const char *target, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -errnum;
	err->code = code;
	snprintf(err->target, sizeof err->target, "%s", target ? target : "");
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	return -errnum;
}

void gw_error_prefix(struct gw_error *err, const char *fmt, ...)
{
	char old[sizeof err->target], *p;
	va_list ap;
	size_t n;

	if (!err)
		return;
	memcpy(old, err->target, sizeof old);
	va_start(ap, fmt);
	vsnprintf(err->target, sizeof err->target, fmt, ap);
	va_end(ap);
	n = strlen(err->target);
	p = err->target + n;
	snprintf(p, sizeof err->target - n, "%s", old);
}

const char *gw_error_code_name(enum gw_error_code code)
{
	return codes[code].name;
}

int gw_error_code_http(enum gw_error_code code)
{
	return codes[code].http;
}
