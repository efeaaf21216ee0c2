/*
 * http_answer.c - from a reply to what the library sends. Called by http_request.c.
 *
 * Long answers and files go to the library piece by piece, as it asks for them: so we see that they move, and nothing is held
 * twice.
 */
#include "api/http_private.h"

#include "api/router.h"

#include "base/log.h"
#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE 16384 /* as much as TLS sends at once */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value && *value && MHD_add_response_header(response, name, value) != MHD_YES)
		gw_log_debug("no room for header %s", name);
}

static void add_request_id(struct MHD_Response *response)
{
	char text[GW_UUID_STRLEN];
	struct gw_uuid id;

	if (gw_uuid_random(&id) == 0)
		add_header(response, "x-ms-request-id", gw_uuid_format(&id, text));
}

static void add_headers(struct MHD_Response *response, const struct gw_api_reply *reply, bool closes)
{
	char seconds[16] = "";

	if (reply->body)
		add_header(response, "Content-Type", GW_API_JSON_TYPE);
	else
		add_header(response, "Content-Type", reply->content_type);
	add_header(response, "Cache-Control", "no-store");
	add_header(response, "ETag", reply->etag);
	add_header(response, "Location", reply->location);
	add_header(response, "Azure-AsyncOperation", reply->operation);
	add_header(response, "Allow", reply->allow);
	if (reply->retry_after)
		snprintf(seconds, sizeof seconds, "%u", reply->retry_after);
	add_header(response, "Retry-After", seconds);
	if (reply->challenge) {
		add_header(response, "WWW-Authenticate", "Bearer realm=\"gwd\"");
		add_header(response, "WWW-Authenticate", "Basic realm=\"gwd\", charset=\"UTF-8\"");
	}
	if (closes)
		add_header(response, "Connection", "close");
	add_request_id(response);
}

/* Of which the library asks for a piece whenever it has sent the one before. It goes before the connection does. */
struct long_answer {
	struct gw_http_connection *c;
	char *text; /* NULL: the file */
	int fd;
	uint64_t len;
};

static ssize_t read_file(const struct long_answer *a, uint64_t at, char *buf, size_t n)
{
	ssize_t got;

	do
		got = pread(a->fd, buf, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t next_piece(void *cls, uint64_t at, char *buf, size_t max)
{
	struct long_answer *a = cls;
	size_t n = a->len - at < max ? (size_t)(a->len - at) : max;
	ssize_t got = (ssize_t)n;

	a->c->http->progress++;
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (a->text)
		memcpy(buf, a->text + at, n);
	else
		got = read_file(a, at, buf, n);
	if (got > 0)
		gw_http_moved(a->c, (size_t)got);
	return got;
}

static void free_long_answer(void *cls)
{
	struct long_answer *a = cls;

	free(a->text);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

static struct MHD_Response *make_long(struct gw_http_connection *c, char *text, int fd, uint64_t len)
{
	struct long_answer *a = malloc(sizeof *a);
	struct MHD_Response *response;

	if (!a)
		return NULL;
	*a = (struct long_answer){c, text, fd, len};
	response = MHD_create_response_from_callback(len, PIECE, next_piece, a, free_long_answer);
	if (!response)
		free(a);
	return response;
}

/* Takes over `text`, which may be NULL, if it succeeds. */
static struct MHD_Response *make_response(struct gw_http_connection *c, struct gw_api_reply *reply, char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct MHD_Response *response;
	struct stat st;

	if (reply->has_fd) {
		response = fstat(reply->fd, &st) == 0 ? make_long(c, NULL, reply->fd, (uint64_t)st.st_size) : NULL;
		reply->has_fd = !response; /* it is closed with it */
		return response;
	}
	if (len <= PIECE)
		return MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	return make_long(c, text, -1, len);
}

enum MHD_Result gw_http_answer(struct gw_http_connection *c, struct gw_api_reply *reply, bool closes)
{
	struct gw_http_env *env = c->http->env;
	struct gw_loop_meter *meter = env->service->meter;
	uint64_t entered = gw_loop_enter(meter);
	char *text = reply->body ? json_dumps(reply->body, JSON_COMPACT) : reply->text;
	unsigned status = reply->body && !text ? 500 : reply->status;
	struct MHD_Response *response;
	enum MHD_Result r;

	reply->text = NULL;
	gw_loop_leave(meter, "http", "encode", entered);
	if (status < GW_API_STATUSES)
		env->stats.answered[status]++;
	response = make_response(c, reply, text);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	add_headers(response, reply, closes);
	gw_http_set_deadline(c, env->service->config->request_seconds);
	r = MHD_queue_response(c->mhd, status, response);
	MHD_destroy_response(response);
	return r;
}
