/* reply.c - what handlers have in common: strict parsing of a body, and replies. See router.h. */
#include "api/router.h"

#include "model/etag.h"

#include "model/hnv_schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 32
/* A value costs jansson up to some 200 bytes however short its text is; no legitimate batch comes near. */
#define MAX_VALUES 2000000

/* Looks only at brackets and commas outside strings; whether the text is JSON at all is the parser's to say.
 */
static int check_shape(const char *text, size_t n, struct gw_error *err)
{
	size_t depth = 0, values = 0, line = 1, line_start = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '\n') {
			line++;
			line_start = i + 1;
		}
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		else if (c == '{' || c == '[')
			depth++;
		if (depth > MAX_DEPTH)
			return gw_error_set(err, EINVAL, GW_ERR_INVALID_JSON, "",
					    "line %zu column %zu: more than %d levels of nesting", line,
					    i - line_start + 1, MAX_DEPTH);
		if ((c == ',' || c == '{' || c == '[') && ++values > MAX_VALUES)
			return gw_error_set(err, E2BIG, GW_ERR_TOO_LARGE, "",
					    "line %zu column %zu: more than %d values; send it in several requests",
					    line, i - line_start + 1, MAX_VALUES);
	}
	return 0;
}

static size_t without_quotation(const char *text)
{
	const char *quotation = strstr(text, " near '");

	return quotation ? (size_t)(quotation - text) : strlen(text);
}

int gw_api_parse_json(const char *text, size_t n, json_t **ret, struct gw_error *err)
{
	json_error_t where;
	json_t *value;
	int r = check_shape(text, n, err);

	if (r < 0)
		return r;
	value = json_loadb(text ? text : "", n, JSON_REJECT_DUPLICATES, &where);
	if (!value) /* without what it quotes, which may be half a secret */
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_JSON, "", "line %d column %d: %.*s", where.line,
				    where.column, (int)without_quotation(where.text), where.text);
	*ret = value;
	return 0;
}

int gw_api_parse_top(const char *s, size_t max, size_t *ret, struct gw_error *err)
{
	size_t n = 0;

	if (!s) {
		*ret = max;
		return 0;
	}
	for (const char *p = s; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (size_t)(*p - '0');
	if (n < 1 || n > max || s[strspn(s, "0123456789")])
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, "$top", "\"%s\" is not a number from 1 to %zu",
				    s, max);
	*ret = n;
	return 0;
}

void gw_api_reply_json(struct gw_api_reply *reply, unsigned status, json_t *body)
{
	struct gw_error err = GW_ERROR_INIT;

	if (!body) {
		gw_error_oom(&err);
		gw_api_reply_error(reply, &err);
		return;
	}
	reply->status = status;
	reply->body = body;
}

void gw_api_reply_error(struct gw_api_reply *reply, const struct gw_error *err)
{
	json_t *error = json_object();

	json_object_set_new(error, "code", json_string(gw_error_code_name(err->code)));
	json_object_set_new(error, "message", json_string(err->message));
	if (*err->target)
		json_object_set_new(error, "target", json_string(err->target));
	json_object_set_new(error, "details", json_array());
	reply->status = (unsigned)gw_error_code_http(err->code);
	reply->body = json_object();
	json_object_set_new(reply->body, "error", error);
}

void gw_api_reply_print(struct gw_api_reply *reply)
{
	struct gw_error err = GW_ERROR_INIT;

	if (!reply->body)
		return;
	reply->text = json_dumps(reply->body, JSON_COMPACT);
	json_decref(reply->body);
	reply->body = NULL;
	reply->content_type = GW_API_JSON_TYPE;
	if (reply->text)
		return;
	gw_api_reply_done(reply);
	gw_error_oom(&err);
	gw_api_reply_error(reply, &err);
}

void gw_api_reply_done(struct gw_api_reply *reply)
{
	json_decref(reply->body);
	free(reply->location);
	free(reply->text);
	if (reply->has_fd)
		close(reply->fd);
	*reply = (struct gw_api_reply){0};
}

bool gw_api_etag_listed(const char *list, uint64_t revision)
{
	char etag[48];

	gw_hnv_etag(revision, etag);
	return gw_etag_listed(list, etag);
}

struct gw_api_deferred *gw_api_defer(const struct gw_api_request *req)
{
	return req->defer ? req->defer(req) : NULL;
}

void gw_api_answer(struct gw_api_deferred *later, struct gw_api_reply *reply)
{
	later->answer(later, reply);
}
