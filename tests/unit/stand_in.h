/*
 * stand_in.h - an HTTP server on a unix socket that stands in for a controller: it says what the test has written down, also what
 * no controller would say. On the loop of what is tested.
 *
 * Answers are given in their order; when there is none yet, a question waits, as one for changes does.
 */
#ifndef TESTS_UNIT_STAND_IN_H
#define TESTS_UNIT_STAND_IN_H

#include "fixture.h"

#include <uv.h>

enum stand_in_how {
	SAYS,	   /* whole, and the connection stays */
	CUTS,	   /* half of it, then it is gone */
	HANGS_UP,  /* nothing at all */
	CHATTERS,  /* lines of a header without end */
	NEVER_ENDS /* a body without end */
};

struct stand_in_answer {
	unsigned status;
	char *body;
	enum stand_in_how how;
};

enum { STAND_IN_MAX = 64 };

struct stand_in_conn {
	uv_pipe_t pipe; /* first */
	struct stand_in *server;
	struct stand_in_conn *next;
	char in[1 << 17];
	size_t n;
	enum stand_in_how babbles; /* CHATTERS or NEVER_ENDS: goes on when the last piece has been written */
};

struct stand_in {
	uv_loop_t *loop;
	uv_pipe_t listener;
	struct stand_in_conn *conns;
	struct stand_in_answer answers[STAND_IN_MAX];
	size_t n_answers, next;
	char asked[STAND_IN_MAX][512]; /* "GET /networking/..." */
	size_t n_asked;
	struct stand_in_conn *waiting; /* for an answer */
	bool idles;		       /* says at once that there is nothing new */
	unsigned report_status;	       /* of answers to reports */
	unsigned reports;
	json_t *report; /* the last */
	char report_target[512];
};

static inline void stand_in_closed(uv_handle_t *h)
{
	free(h);
}

static inline void stand_in_hang_up(struct stand_in_conn *c)
{
	struct stand_in_conn **at = &c->server->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->server->waiting == c)
		c->server->waiting = NULL;
	uv_close((uv_handle_t *)&c->pipe, stand_in_closed);
}

struct stand_in_write {
	uv_write_t req; /* first */
	struct stand_in_conn *then_close;
	char text[];
};

static inline void stand_in_babble(struct stand_in_conn *c);

static inline void stand_in_written(uv_write_t *req, int status)
{
	struct stand_in_write *w = (struct stand_in_write *)req;
	struct stand_in_conn *c = (struct stand_in_conn *)req->handle;

	if (uv_is_closing((uv_handle_t *)&c->pipe))
		;
	else if (w->then_close || status < 0)
		stand_in_hang_up(c);
	else if (c->babbles != SAYS)
		stand_in_babble(c);
	free(w);
}

static inline void stand_in_write(struct stand_in_conn *c, const char *text, size_t n, bool then_close)
{
	struct stand_in_write *w = malloc(sizeof *w + n);
	uv_buf_t buf;

	assert_non_null(w);
	memcpy(w->text, text, n);
	w->then_close = then_close ? c : NULL;
	buf = uv_buf_init(w->text, (unsigned)n);
	if (uv_write(&w->req, (uv_stream_t *)&c->pipe, &buf, 1, stand_in_written) < 0)
		free(w);
}

static inline void stand_in_babble(struct stand_in_conn *c)
{
	static char piece[1 << 16];

	memset(piece, ' ', sizeof piece);
	if (c->babbles == CHATTERS) {
		memcpy(piece, "X-Nothing: ", 11);
		memset(piece + 11, 'x', 1000);
		memcpy(piece + 1011, "\r\n", 2);
	}
	stand_in_write(c, piece, c->babbles == CHATTERS ? 1013 : sizeof piece, false);
}

static inline void stand_in_reply(struct stand_in_conn *c, const struct stand_in_answer *a)
{
	char *text = NULL;
	int n = asprintf(&text,
			 "HTTP/1.1 %u Whatever\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			 a->status, a->how == NEVER_ENDS ? (size_t)1 << 30 : strlen(a->body), a->body);

	assert_true(n > 0);
	c->babbles = a->how == CHATTERS || a->how == NEVER_ENDS ? a->how : SAYS;
	if (a->how == HANGS_UP)
		stand_in_hang_up(c);
	else if (a->how == CHATTERS)
		stand_in_write(c, "HTTP/1.1 200 OK\r\n", 17, false);
	else
		stand_in_write(c, text, a->how == CUTS ? (size_t)n - strlen(a->body) / 2 - 1 : (size_t)n,
			       a->how == CUTS);
	free(text);
}

static inline void stand_in_answer_state(struct stand_in_conn *c)
{
	struct stand_in *s = c->server;

	if (s->next < s->n_answers)
		stand_in_reply(c, &s->answers[s->next++]);
	else if (s->idles)
		stand_in_reply(
			c, &(struct stand_in_answer){
				   200, "{\"epoch\":\"00000000000000e1\",\"full\":false,\"revision\":1,\"changes\":[]}",
				   SAYS});
	else
		s->waiting = c;
}

/* One request is there as a whole. */
static inline void stand_in_request(struct stand_in_conn *c, const char *body, size_t body_len)
{
	struct stand_in *s = c->server;
	char method[8], target[512];

	assert_int_equal(sscanf(c->in, "%7s %511s HTTP/1.1\r\n", method, target), 2);
	if (!strcmp(method, "PUT")) {
		json_decref(s->report);
		s->report = json_loadb(body, body_len, 0, NULL);
		assert_non_null(s->report);
		s->reports++;
		snprintf(s->report_target, sizeof s->report_target, "%s", target);
		stand_in_write(c,
			       s->report_status == 204 ? "HTTP/1.1 204 No Content\r\n\r\n"
						       : "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
			       s->report_status == 204 ? 27 : 38, false);
		return;
	}
	assert_string_equal(method, "GET");
	if (s->n_asked < STAND_IN_MAX)
		snprintf(s->asked[s->n_asked], sizeof s->asked[0], "%s", target);
	s->n_asked++;
	stand_in_answer_state(c);
}

static inline void stand_in_take(struct stand_in_conn *c)
{
	char *blank, *length;
	size_t head, body;

	c->in[c->n] = '\0';
	blank = strstr(c->in, "\r\n\r\n");
	if (!blank)
		return;
	length = strcasestr(c->in, "\r\nContent-Length:");
	head = (size_t)(blank - c->in) + 4;
	body = length && length < blank ? strtoul(length + 17, NULL, 10) : 0;
	if (c->n < head + body)
		return;
	c->n = 0; /* nobody sends the next before this one is answered */
	stand_in_request(c, c->in + head, body);
}

static inline void stand_in_room(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct stand_in_conn *c = (struct stand_in_conn *)h;

	(void)hint;
	*buf = uv_buf_init(c->in + c->n, (unsigned)(sizeof c->in - c->n - 1));
}

static inline void stand_in_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct stand_in_conn *c = (struct stand_in_conn *)stream;

	(void)buf;
	if (n < 0) {
		stand_in_hang_up(c);
		return;
	}
	c->n += (size_t)n;
	stand_in_take(c);
}

static inline void stand_in_accept(uv_stream_t *listener, int status)
{
	struct stand_in *s = listener->data;
	struct stand_in_conn *c = calloc(1, sizeof *c);

	assert_true(status == 0 && c);
	c->server = s;
	c->next = s->conns;
	s->conns = c;
	assert_int_equal(uv_pipe_init(s->loop, &c->pipe, 0), 0);
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->pipe), 0);
	assert_int_equal(uv_read_start((uv_stream_t *)&c->pipe, stand_in_room, stand_in_read), 0);
}

static inline void stand_in_open(struct stand_in *s, uv_loop_t *loop, const char *path)
{
	memset(s, 0, sizeof *s);
	s->loop = loop;
	s->report_status = 204;
	assert_int_equal(uv_pipe_init(loop, &s->listener, 0), 0);
	s->listener.data = s;
	assert_int_equal(uv_pipe_bind(&s->listener, path), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&s->listener, 16, stand_in_accept), 0);
}

/* Room for more, once all has been said. */
static inline void stand_in_forget(struct stand_in *s)
{
	assert_int_equal(s->next, s->n_answers);
	for (size_t i = 0; i < s->n_answers; i++)
		free(s->answers[i].body);
	s->next = s->n_answers = 0;
}

static inline void stand_in_close(struct stand_in *s)
{
	while (s->conns)
		stand_in_hang_up(s->conns);
	uv_close((uv_handle_t *)&s->listener, NULL);
	for (size_t i = 0; i < s->n_answers; i++)
		free(s->answers[i].body);
	json_decref(s->report);
}

/* What it answers next; in `body` ' stands for ". */
static inline void stand_in_says(struct stand_in *s, unsigned status, const char *body, enum stand_in_how how)
{
	struct stand_in_answer *a = &s->answers[s->n_answers++];
	struct stand_in_conn *waiting = s->waiting;

	assert_true(s->n_answers <= STAND_IN_MAX);
	*a = (struct stand_in_answer){status, strdup(body), how};
	assert_non_null(a->body);
	for (char *q = a->body; (q = strchr(q, '\''));)
		*q = '"';
	s->waiting = NULL;
	if (waiting)
		stand_in_answer_state(waiting);
}

#endif
