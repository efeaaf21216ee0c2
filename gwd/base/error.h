/*
 * error.h - why something was refused or failed, in words its user can act on.
 *
 * Functions return a negative errno; those whose failure a person or a program outside must understand also fill a
 * struct gw_error. `code` is for programs (the API's error codes), `target` names the thing at fault (a property path, a
 * configuration line, an interface), `message` says what is wrong and what to do about it. Both are always printable
 * UTF-8 without control characters, whatever they quote.
 */
#ifndef GW_BASE_ERROR_H
#define GW_BASE_ERROR_H

#include <stdarg.h>

/* X-macro: name in the API, HTTP status that the API answers with. Append only. */
#define GW_ERROR_CODES(X)                                                                                              \
	X(NONE, "None", 200)                                                                                           \
	X(INVALID_JSON, "InvalidJson", 400)                                                                            \
	X(INVALID_REQUEST, "InvalidRequest", 400)                                                                      \
	X(INVALID_PROPERTY, "InvalidProperty", 400)                                                                    \
	X(UNKNOWN_PROPERTY, "UnknownProperty", 400)                                                                    \
	X(MISSING_PROPERTY, "MissingProperty", 400)                                                                    \
	X(NOT_SUPPORTED, "NotSupported", 400)                                                                          \
	X(UNAUTHORIZED, "Unauthorized", 401)                                                                           \
	X(FORBIDDEN, "Forbidden", 403)                                                                                 \
	X(NOT_FOUND, "NotFound", 404)                                                                                  \
	X(METHOD_NOT_ALLOWED, "MethodNotAllowed", 405)                                                                 \
	X(CONFLICT, "Conflict", 409)                                                                                   \
	X(LIMIT_EXCEEDED, "LimitExceeded", 409)                                                                        \
	X(PRECONDITION_FAILED, "PreconditionFailed", 412)                                                              \
	X(TOO_LARGE, "RequestTooLarge", 413)                                                                           \
	X(INTERNAL, "InternalError", 500)                                                                              \
	X(CAPABILITY, "CapabilityMissing", 503)                                                                        \
	X(UNAVAILABLE, "Unavailable", 503)                                                                             \
	X(TOO_MANY_REQUESTS, "TooManyRequests", 429)                                                                   \
	X(GONE, "Gone", 410)                                                                                           \
	X(MEDIA_TYPE, "UnsupportedMediaType", 415)

enum gw_error_code {
#define X(id, name, http) GW_ERR_##id,
	GW_ERROR_CODES(X)
#undef X
};

struct gw_error {
	enum gw_error_code code;
	char target[192];
	char message[512];
};

#define GW_ERROR_INIT ((struct gw_error){.code = GW_ERR_NONE})

/* Fills `err` (NULL is allowed) and returns -errnum, so that `return gw_error_set(err, EINVAL, ...)` reads well. */
int gw_error_set(struct gw_error *err, int errnum, enum gw_error_code code, const char *target, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
#ifdef __clang_analyzer__ /* it cannot see that what is returned is negative */
#define gw_error_set(...) (gw_error_set(__VA_ARGS__), -1)
#endif
/* The one message for it; returns -ENOMEM. */
int gw_error_oom(struct gw_error *err);
#ifdef __clang_analyzer__
#define gw_error_oom(err) (gw_error_oom(err), -1)
#endif

/* Puts `prefix` in front of the target, for a caller that knows the path to the thing its callee complained about. */
void gw_error_prefix(struct gw_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *gw_error_code_name(enum gw_error_code code);
/* What another daemon calls it; UNAVAILABLE for what is no name of a refusal, or NULL. */
enum gw_error_code gw_error_code_parse(const char *name);
int gw_error_code_http(enum gw_error_code code);

#endif
