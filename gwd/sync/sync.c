/*
 * sync.c - life of the link to the controller, whom it leads to, and how it stands. See sync.h.
 *
 * Owns the link, the timers, and what is to be done. Following is in follow.c, carrying out in turn.c and apply.c.
 */
#include "sync/private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct gw_sync_times usual = {
	.backoff_first_ms = 500,
	.backoff_max_ms = 30000,
	.wait_seconds = 50,
	.retry_ms = 30000,
	.report_ms = 30000,
	.report_apart_ms = 250,
	.details_apart_ms = 2000,
};

/* --- state -------------------------------------------------------------------------------------------------------- */

static const char *state_name(enum gw_link_state state)
{
	static const char *const names[] = {
#define X(id, name) [GW_LINK_##id] = (name),
		GW_LINK_STATES(X)
#undef X
	};

	return names[state];
}

/* The same failure of the same place again and again is one line. */
static void say(struct gw_sync *s, enum gw_link_state to, const struct gw_error *why)
{
	uint32_t hash = why ? gw_hash_bytes(why->message, strlen(why->message), to) | 1 : 0;

	if (why && s->said[s->url] != hash)
		gw_log_warning("controller: %s; what it told last stays in force, it is asked again", why->message);
	s->said[s->url] = hash;
	if (to != GW_LINK_CONNECTED || s->state == to)
		return;
	gw_log_notice("controller: connected to %s", s->name);
	memset(s->said, 0, sizeof s->said);
}

void gw_sync_transition(struct gw_sync *s, enum gw_link_state to, const struct gw_error *why)
{
	bool changed = s->state != to;

	say(s, to, why);
	if (changed)
		gw_log_debug("controller: %s -> %s", state_name(s->state), state_name(to));
	s->state = to;
	s->why = why ? *why : GW_ERROR_INIT;
	if (changed && to == GW_LINK_CONNECTED) {
		gw_sync_report_done(s); /* it is of before */
		gw_sync_report(s);
	}
}

void gw_sync_refusal(const struct gw_link_answer *answer, struct gw_error *ret)
{
	json_t *body = json_loadb(answer->body, answer->len, 0, NULL), *error = json_object_get(body, "error");
	const char *code = json_string_value(json_object_get(error, "code")),
		   *message = json_string_value(json_object_get(error, "message"));

	if (code && message)
		gw_error_set(ret, EREMOTEIO, GW_ERR_UNAVAILABLE, "", "%s: %s", code, message);
	else
		gw_error_set(ret, EREMOTEIO, GW_ERR_UNAVAILABLE, "", "HTTP status %u and no reason", answer->status);
	json_decref(body);
}

/* While a round is under way all else is still to be tried. */
size_t gw_sync_failed(const struct gw_sync *s)
{
	size_t n = 0;

	if (!s->round)
		return s->todo.items.n;
	GW_HMAP_FOR_EACH (node, &s->todo.items)
		n += GW_CONTAINER_OF(node, struct gw_sync_item, node)->failed;
	return n;
}

json_t *gw_sync_failures(const struct gw_sync *s)
{
	json_t *list = json_array();
	char id[GW_ID_STRLEN];

	GW_HMAP_FOR_EACH (node, &s->todo.items) {
		const struct gw_sync_item *item = GW_CONTAINER_OF(node, struct gw_sync_item, node);

		if (!item->error || json_array_size(list) == GW_SYNC_FAILURES)
			continue;
		json_array_append_new(list, json_pack("{s:o, s:s, s:s}", "path",
						      json_sprintf("/hnv/%s/%s", gw_hnv_kind_path(item->object->kind),
								   gw_hnv_id(item->object, id)),
						      "code", gw_error_code_name(item->error->code), "message",
						      item->error->message));
	}
	return list;
}

json_t *gw_sync_status(void *ctx)
{
	const struct gw_sync *s = ctx;
	json_t *j = json_pack("{s:s}", "state", state_name(s->state));

	if (s->state == GW_LINK_ALONE)
		return j;
	json_object_set_new(j, "url", json_string(s->name));
	json_object_set_new(j, "server", json_string(s->config->controller_server));
	if (s->has_position) {
		json_object_set_new(j, "epoch", json_string(s->epoch));
		json_object_set_new(j, "revision", json_integer((json_int_t)s->revision));
	}
	if (s->contact_ms)
		json_object_set_new(j, "lastContact",
				    json_integer((json_int_t)((uv_now(s->params.loop) - s->contact_ms) / 1000)));
	json_object_set_new(j, "failed", json_integer((json_int_t)gw_sync_failed(s)));
	json_object_set_new(j, "failures", gw_sync_failures(s));
	if (*s->why.message)
		json_object_set_new(j, "lastError", json_string(s->why.message));
	return j;
}

/* --- whom to ask -------------------------------------------------------------------------------------------------- */

static void in_state_dir(const struct gw_sync *s, const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", s->config->state_dir, name);
}

/* What the file has as the value of [controller] urls: by the same rules. */
static int parse_urls(const char *path, const char *text, char *ret, size_t size, struct gw_error *err)
{
	struct gw_config config;
	char as_key[sizeof config.controller_urls + 32];
	int n = snprintf(as_key, sizeof as_key, "[controller]\nurls = %.*s\n", (int)strcspn(text, "\r\n"), text), r;

	if (n < 0 || (size_t)n >= sizeof as_key)
		return gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, path, "is longer than urls can be");
	r = gw_config_parse(as_key, (size_t)n, path, &config, err);
	if (r == 0)
		snprintf(ret, size, "%s", config.controller_urls);
	return r;
}

static int enrolled_urls(struct gw_sync *s, struct gw_error *err)
{
	char path[GW_PATHLEN + 32], text[sizeof s->urls] = "";
	_cleanup_close_ int fd = -1;
	ssize_t n;

	in_state_dir(s, "controller.urls", path, sizeof path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot be read: %s", strerror(errno));
	return parse_urls(path, text, s->urls, sizeof s->urls, err);
}

/* A host or gateway that is a controller too is one of its own nodes. */
static void own_url(struct gw_sync *s)
{
	struct gw_listen places[GW_LISTEN_MAX];
	const char *why;
	size_t n = 0;

	if (!(s->config->roles & GW_ROLE_CONTROLLER) || !(s->config->roles & GW_ROLES_OF_NODES) ||
	    gw_listen_parse(s->config->listen, places, &n, &why) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (places[i].scheme == GW_LISTEN_UNIX) {
			snprintf(s->urls, sizeof s->urls, "%s", places[i].text);
			return;
		}
	gw_log_warning(
		"this controller cannot follow itself as a node: [api] listen has no unix:PATH; add one, or name "
		"another controller in [controller] urls");
}

static void find_urls(struct gw_sync *s)
{
	struct gw_error err = GW_ERROR_INIT;
	char url[sizeof s->name];

	snprintf(s->urls, sizeof s->urls, "%s", s->config->controller_urls);
	if (!*s->urls && enrolled_urls(s, &err) < 0)
		gw_log_error("whom enrolling has named is not known, enroll the node anew: %s: %s", err.target,
			     err.message);
	if (!*s->urls && !*err.message)
		own_url(s);
	for (s->n_urls = 0; s->n_urls < GW_CONTROLLER_URLS && gw_config_url(s->urls, s->n_urls, url, sizeof url);)
		s->n_urls++;
}

/* Of those that are named, else of those that enrolling has left. */
static void file_of(const struct gw_sync *s, const char *configured, const char *enrolled, char *buf, size_t size)
{
	if (*configured)
		snprintf(buf, size, "%s", configured);
	else
		in_state_dir(s, enrolled, buf, size);
}

void gw_sync_peer(struct gw_sync *s, struct gw_link_peer *ret)
{
	const struct gw_config *c = s->config;

	gw_config_url(s->urls, s->url, s->name, sizeof s->name);
	file_of(s, c->controller_ca, "controller-ca.crt", s->ca, sizeof s->ca);
	file_of(s, c->controller_cert, "controller.crt", s->cert, sizeof s->cert);
	file_of(s, c->controller_key, "controller.key", s->key, sizeof s->key);
	if (!*c->controller_cert && access(s->cert, F_OK) < 0 &&
	    errno == ENOENT) /* the controller says what it thinks of that */
		s->cert[0] = '\0';
	*ret = (struct gw_link_peer){.url = s->name, .ca = s->ca, .cert = s->cert, .key = s->key};
}

static void begin(struct gw_sync *s)
{
	struct gw_link_peer peer;

	find_urls(s);
	if (!s->n_urls) {
		s->params.service->manager = NULL;
		gw_sync_transition(s, GW_LINK_ALONE, NULL);
		return;
	}
	s->url = 0;
	gw_sync_peer(s, &peer);
	s->params.service->manager = s->name;
	gw_sync_start(s);
}

void gw_sync_enrolled(struct gw_sync *s)
{
	gw_sync_stop(s);
	memset(s->said, 0, sizeof s->said);
	begin(s);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct gw_sync *s = handle->data;

	if (--s->n_handles == 0)
		free(s);
}

static int init_timer(struct gw_sync *s, uv_timer_t *timer, struct gw_error *err)
{
	int r = uv_timer_init(s->params.loop, timer);

	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_INTERNAL, "", "%s", uv_strerror(r));
	timer->data = s;
	s->n_handles++;
	return 0;
}

int gw_sync_open(const struct gw_sync_params *params, struct gw_sync **ret, struct gw_error *err)
{
	struct gw_sync *s = calloc(1, sizeof *s);
	int r = 0;

	if (!s)
		return gw_error_oom(err);
	s->params = *params;
	s->config = params->service->config;
	s->times = usual;
	if (gw_config_provider_address(s->config, &s->configured) < 0 || gw_changes_init(&s->todo) < 0)
		r = gw_error_oom(err);
	if (r == 0)
		r = gw_link_open(params->loop, &s->link, err);
	if (r == 0)
		r = init_timer(s, &s->again, err);
	if (r == 0)
		r = init_timer(s, &s->retry, err);
	if (r == 0)
		r = init_timer(s, &s->report_timer, err);
	if (r == 0)
		r = init_timer(s, &s->more, err);
	if (r < 0) {
		gw_sync_close(s);
		return r;
	}
	begin(s);
	*ret = s;
	return 0;
}

/* Those that there are, in the order of their init. */
static void close_timers(struct gw_sync *s)
{
	uv_timer_t *const timers[] = {&s->again, &s->retry, &s->report_timer, &s->more};
	unsigned n = s->n_handles;

	if (n == 0)
		free(s);
	for (unsigned i = 0; i < n && i < sizeof timers / sizeof *timers; i++)
		uv_close((uv_handle_t *)timers[i], on_closed);
}

struct gw_sync *gw_sync_close(struct gw_sync *s)
{
	if (!s)
		return NULL;
	s->params.service->manager = NULL;
	gw_answer_done(&s->answer);
	s->round = gw_round_free(s->round);
	gw_changes_done(&s->todo);
	gw_sync_report_done(s);
	s->link = gw_link_close(s->link);
	s->configured = gw_hnv_object_free(s->configured);
	close_timers(s);
	return NULL;
}
