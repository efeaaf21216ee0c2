/*
 * http_answer.c - from a reply to what the library sends. Called by http_request.c.
 *
 * Long answers and files go to the library piece by piece, as it asks for them: so we see that they move, and nothing is held
 * twice. What waits to be read takes memory from the budget that bodies have: a client who asks for much and does not read
 * it is told to come back.
 */
#include "api/http_private.h"

#include "api/router.h"

#include "base/log.h"
#include "model/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE	 16384	/* as much as TLS sends at once */
#define RESERVED 262144 /* until it is known how long an answer is that is much work */

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* Connections that are not counted are those of operators on this machine. */
static bool keep(struct gw_http_connection *c, size_t n, size_t own, struct gw_http_hold *hold)
{
	struct gw_http_env *env = c->http->env;

	if (!c->counted)
		return true;
	hold->limits = env->limits;
	hold->client = c->client;
	return gw_limit_answer(env->limits, env->service->config, &c->client, n, own, &hold->bytes);
}

bool gw_http_reserve(struct gw_http_connection *c, size_t own, struct gw_http_hold *hold)
{
	/* The body goes when the answer is there, and leaves its room to it. */
	return own >= RESERVED || keep(c, RESERVED, own, hold);
}

void gw_http_let_go(struct gw_http_hold *hold)
{
	gw_limit_body_done(hold->limits, &hold->client, &hold->bytes);
}

/* Makes text of it, if there is room for that until it has been read. */
static void print(struct gw_http_connection *c, struct gw_api_reply *reply, struct gw_http_hold *hold, bool reads)
{
	struct gw_error err = GW_ERROR_INIT;
	size_t len;

	gw_api_reply_print(reply);
	len = reply->text ? strlen(reply->text) : 0;
	if (len > GW_HTTP_SMALL && keep(c, len, 0, hold))
		return;
	gw_http_let_go(hold);
	if (len <= GW_HTTP_SMALL)
		return;
	gw_error_set(&err, ENOBUFS, GW_ERR_UNAVAILABLE, "",
		     "%stoo many large answers wait to be read: %s, or raise [limits] body_memory",
		     reads ? "" : "it was done, but ", reads ? "try again" : "ask for it later");
	gw_api_reply_done(reply);
	gw_api_reply_error(reply, &err);
	reply->retry_after = 1;
	gw_api_reply_print(reply);
}

/* --- headers ------------------------------------------------------------------------------------------------------ */

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

/* --- body --------------------------------------------------------------------------------------------------------- */

/* Of which the library asks for a piece whenever it has sent the one before. It goes before the connection does. */
struct long_answer {
	struct gw_http_connection *c;
	char *text; /* NULL: the file */
	int fd;
	uint64_t len;
	struct gw_http_hold hold;
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
	gw_http_let_go(&a->hold);
	free(a);
}

/* Takes over what there is, if it succeeds. */
static struct MHD_Response *make_long(struct gw_http_connection *c, char *text, int fd, uint64_t len,
				      struct gw_http_hold *hold)
{
	struct long_answer *a = malloc(sizeof *a);
	struct MHD_Response *response;

	if (!a)
		return NULL;
	*a = (struct long_answer){c, text, fd, len, *hold};
	response = MHD_create_response_from_callback(len, PIECE, next_piece, a, free_long_answer);
	if (response)
		*hold = (struct gw_http_hold){0};
	else
		free(a);
	return response;
}

/* Takes over `text`, which may be NULL, if it succeeds. */
static struct MHD_Response *make_response(struct gw_http_connection *c, struct gw_api_reply *reply, char *text,
					  struct gw_http_hold *hold)
{
	size_t len = text ? strlen(text) : 0;
	struct MHD_Response *response;
	struct stat st;

	if (reply->has_fd) {
		response = NULL;
		if (fstat(reply->fd, &st) == 0)
			response = make_long(c, NULL, reply->fd, (uint64_t)st.st_size, hold);
		reply->has_fd = !response; /* it is closed with it */
		return response;
	}
	if (len <= PIECE)
		return MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	return make_long(c, text, -1, len, hold);
}

enum MHD_Result gw_http_answer(struct gw_http_connection *c, struct gw_api_reply *reply, struct gw_http_hold *hold,
			       bool reads, bool closes)
{
	struct gw_http_env *env = c->http->env;
	struct gw_loop_meter *meter = env->service->meter;
	uint64_t entered = gw_loop_enter(meter);
	struct MHD_Response *response;
	enum MHD_Result r;
	unsigned status;
	char *text;

	print(c, reply, hold, reads);
	status = reply->body ? 500 : reply->status; /* it is still there when memory has run out */
	text = reply->text;
	reply->text = NULL;
	gw_loop_leave(meter, "http", "encode", entered);
	if (status < GW_API_STATUSES)
		env->stats.answered[status]++;
	response = make_response(c, reply, text, hold);
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
