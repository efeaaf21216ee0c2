/*
 * follow.c - asks the controller for what the node is to have: everything, page by page, then changes as they come. Called by link.c
 * with the answers, by the timer, by turn.c when an answer has been carried out.
 *
 *   ask --page, more--> ask for the next one
 *    ^ --page, last---> its turn --carried out--> ask what has changed since, and wait for it
 *    |                                              |
 *    +----------------------------------------------+      anything else: back-off, and the next url
 */
#include "sync/private.h"

#include "base/cleanup.h"
#include "base/percent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SPARE_SECONDS 30 /* for an answer, beside what it may wait for changes */
#define USELESS_MAX   2	 /* answers in a row; then the position is not trusted any more either */

static void ask(struct gw_sync *s);

/* --- when it goes wrong ------------------------------------------------------------------------------------------- */

/* Half of it to all of it: nodes that lost their controller together do not come back together. */
static unsigned jitter(unsigned ms)
{
	unsigned random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
		return ms;
	return ms - random % (ms / 2 + 1);
}

static void forget_pages(struct gw_sync *s)
{
	gw_answer_done(&s->answer);
	s->complete = s->taken = false;
}

/* The next place at once, until all have been tried; then they may rest. */
static void try_again(struct gw_sync *s)
{
	unsigned ms = 0;

	forget_pages(s);
	s->fresh = true;
	s->url = (s->url + 1) % s->n_urls;
	if (++s->tried % s->n_urls == 0) {
		s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : s->times.backoff_first_ms;
		if (s->backoff_ms > s->times.backoff_max_ms)
			s->backoff_ms = s->times.backoff_max_ms;
		ms = jitter(s->backoff_ms);
	}
	uv_timer_start(&s->again, gw_sync_on_again, ms, 0);
}

static void fail(struct gw_sync *s, enum gw_link_state to, const struct gw_error *why)
{
	gw_sync_transition(s, to, why);
	try_again(s);
}

static void refused(struct gw_sync *s, const struct gw_link_answer *answer)
{
	struct gw_error said = GW_ERROR_INIT, why = GW_ERROR_INIT;
	const char *server = s->config->controller_server;

	gw_sync_refusal(answer, &said);
	if (answer->status == 404)
		gw_error_set(&why, ENOENT, GW_ERR_NOT_FOUND, "",
			     "%s has no server %s (%s): make it there, or say in [controller] server what the node is "
			     "called there",
			     s->name, server, said.message);
	else if (answer->status == 401)
		gw_error_set(&why, EACCES, GW_ERR_UNAUTHORIZED, "",
			     "%s does not know this node (%s): enroll it anew, or see [controller] client_cert",
			     s->name, said.message);
	else
		gw_error_set(
			&why, EPERM, GW_ERR_FORBIDDEN, "",
			"%s does not show this node what server %s is to have (%s): enroll it as that one, or correct "
			"[controller] server",
			s->name, server, said.message);
	fail(s, GW_LINK_REFUSED, &why);
}

static void useless(struct gw_sync *s, const struct gw_error *what)
{
	struct gw_error why = GW_ERROR_INIT;

	if (++s->useless >= USELESS_MAX)
		s->has_position = false;
	gw_error_set(&why, EBADMSG, GW_ERR_UNAVAILABLE, "", "the answer of %s is of no use: %s%s%s", s->name,
		     what->target, *what->target ? ": " : "", what->message);
	fail(s, GW_LINK_FAILING, &why);
}

/* What the pages were of is not kept there any more, which happens when much is changed meanwhile. */
static void gone(struct gw_sync *s)
{
	static const struct gw_error again = {.code = GW_ERR_GONE,
					      .message = "what was being read has changed too much meanwhile"};

	if (!*s->answer.more)
		s->has_position = false;
	if (s->useless > 0) {
		useless(s, &again);
		return;
	}
	gw_log_info("controller: %s; reading it again", again.message);
	s->useless++;
	forget_pages(s);
	ask(s);
}

/* --- when it goes well -------------------------------------------------------------------------------------------- */

static bool is_news(const struct gw_sync *s)
{
	const struct gw_sync_answer *a = &s->answer;

	return !s->has_position || a->full || a->revision != s->revision || a->changes.items.n > 0 ||
	       a->changes.forgotten.n > 0;
}

/* Who was to wait for changes and came back at once without any would keep both busy. */
static void ask_for_more(struct gw_sync *s, bool was_fresh)
{
	gw_answer_done(&s->answer);
	if (was_fresh || uv_now(s->params.loop) - s->asked_ms >= s->times.backoff_first_ms)
		ask(s);
	else
		uv_timer_start(&s->again, gw_sync_on_again, s->times.backoff_first_ms, 0);
}

static void on_whole(struct gw_sync *s)
{
	bool was_fresh = s->fresh;

	s->useless = s->tried = s->backoff_ms = 0;
	s->fresh = false;
	gw_sync_transition(s, GW_LINK_CONNECTED, NULL);
	if (is_news(s)) {
		s->complete = true;
		gw_sync_await_turn(s);
	} else {
		ask_for_more(s, was_fresh);
	}
}

void gw_sync_carried_out(struct gw_sync *s)
{
	gw_answer_done(&s->answer);
	ask(s);
}

void gw_sync_not_taken(struct gw_sync *s)
{
	static const struct gw_error none = {.code = GW_ERR_INTERNAL, .message = "out of memory"};

	fail(s, GW_LINK_FAILING, &none);
}

static bool is_of_history(const struct gw_sync *s, struct gw_error *err)
{
	const struct gw_sync_answer *a = &s->answer;

	if (a->full || (s->has_position && !strcmp(a->epoch, s->epoch) && (*a->more || a->revision >= s->revision)))
		return true;
	gw_error_set(err, EBADMSG, GW_ERR_INVALID_REQUEST, "full", "is false, but these are no changes since %" PRIu64,
		     s->has_position ? s->revision : 0);
	return false;
}

static void on_page(struct gw_sync *s, const struct gw_link_answer *answer)
{
	struct gw_error err = GW_ERROR_INIT;

	s->contact_ms = uv_now(s->params.loop);
	if (gw_answer_read(&s->answer, answer->body, answer->len, s->config, &err) < 0 || !is_of_history(s, &err))
		useless(s, &err);
	else if (*s->answer.more)
		ask(s);
	else
		on_whole(s);
}

static void on_answer(void *ctx, const struct gw_link_answer *answer)
{
	struct gw_sync *s = ctx;
	struct gw_error said = GW_ERROR_INIT, why = GW_ERROR_INIT;

	s->question = NULL;
	switch (answer->status) {
	case 0:
		fail(s,
		     answer->why->code == GW_ERR_UNAUTHORIZED  ? GW_LINK_REFUSED
		     : answer->why->code == GW_ERR_UNAVAILABLE ? GW_LINK_AWAY
							       : GW_LINK_FAILING,
		     answer->why);
		break;
	case 200:
		on_page(s, answer);
		break;
	case 401:
	case 403:
	case 404:
		refused(s, answer);
		break;
	case 410:
		gone(s);
		break;
	default:
		gw_sync_refusal(answer, &said);
		gw_error_set(&why, EREMOTEIO, GW_ERR_UNAVAILABLE, "", "%s cannot answer: %s", s->name, said.message);
		fail(s, GW_LINK_FAILING, &why);
	}
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

char *gw_sync_path(const struct gw_sync *s, const char *what)
{
	_cleanup_free_ char *server = gw_percent_encode(s->config->controller_server, "");
	char *path = NULL;

	if (!server || asprintf(&path, "/networking/v1/servers/%s/%s", server, what) < 0)
		return NULL;
	return path;
}

/* NULL: no memory. */
static char *path_of(const struct gw_sync *s)
{
	const struct gw_sync_answer *a = &s->answer;
	_cleanup_free_ char *state = gw_sync_path(s, "state"), *more = gw_percent_encode(a->more, "");
	const char *epoch = *a->more ? a->epoch : s->has_position ? s->epoch : "";
	uint64_t since = s->has_position ? s->revision : 0;
	char *path = NULL;

	if (!state || !more)
		return NULL;
	if (asprintf(&path, "%s?since=%" PRIu64 "%s%s&wait=%u%s%s", state, since, *epoch ? "&epoch=" : "", epoch,
		     s->fresh || *a->more ? 0 : s->times.wait_seconds, *more ? "&more=" : "", more) < 0)
		return NULL;
	return path;
}

static void ask(struct gw_sync *s)
{
	struct gw_link_request request = {
		.method = "GET", .seconds = s->times.wait_seconds + SPARE_SECONDS, .done = on_answer, .ctx = s};
	struct gw_error err = GW_ERROR_INIT;
	_cleanup_free_ char *path = NULL;
	struct gw_link_peer peer;
	int r = 0;

	gw_sync_peer(s, &peer);
	s->asked_ms = uv_now(s->params.loop);
	if (!s->answer.begun)
		r = gw_answer_init(&s->answer);
	if (r == 0)
		path = path_of(s);
	request.path = path;
	if (!path)
		r = gw_error_oom(&err);
	else
		r = gw_link_ask(s->link, &peer, &request, &s->question, &err);
	if (r < 0)
		fail(s, GW_LINK_FAILING, &err);
}

void gw_sync_on_again(uv_timer_t *timer)
{
	ask(timer->data);
}

void gw_sync_stop(struct gw_sync *s)
{
	s->question = gw_link_cancel(s->question);
	uv_timer_stop(&s->again);
	forget_pages(s);
}

void gw_sync_start(struct gw_sync *s)
{
	gw_sync_stop(s);
	s->url = s->tried = s->useless = s->backoff_ms = 0;
	s->fresh = true;
	s->has_position = false;
	gw_sync_transition(s, GW_LINK_CONNECTING, NULL);
	ask(s);
}
