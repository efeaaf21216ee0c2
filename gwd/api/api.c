/*
 * api.c - the API as a whole: its listeners, what they share, its end. Started by the composition root.
 *
 * Owns the listening sockets' names, TLS and the counts of clients; each listener is one gw_http.
 */
#include "api/api.h"
#include "api/http.h"
#include "api/socket.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#define DRAIN_MS 5000
#define LOOK_MS	 20

struct gw_api {
	struct gw_http_env env;
	struct gw_listen places[GW_LISTEN_MAX];
	struct gw_http *listeners[GW_LISTEN_MAX];
	size_t n; /* that listen */
	uv_timer_t drain;
	uint64_t drain_until;
	void (*done)(void *ctx);
	void *ctx;
};

static int listen_at(struct gw_api *api, const struct gw_listen *place, struct gw_error *err)
{
	int fd = -1, r;

	if (place->scheme == GW_LISTEN_UNIX)
		r = gw_api_socket_listen(place->path, &fd, err);
	else
		r = gw_api_socket_listen_tcp(place, &fd, err);
	if (r < 0)
		return r;
	api->places[api->n] = *place;
	r = gw_http_start(&api->env, place, fd, &api->listeners[api->n], err);
	if (r < 0 && place->scheme == GW_LISTEN_UNIX)
		unlink(place->path);
	if (r == 0)
		api->n++;
	return r;
}

static bool any_tls(const struct gw_listen *places, size_t n)
{
	size_t i = 0;

	while (i < n && places[i].scheme != GW_LISTEN_HTTPS)
		i++;
	return i < n;
}

static int parse(const char *listen, struct gw_listen places[static GW_LISTEN_MAX], size_t *ret_n, struct gw_error *err)
{
	const char *why = NULL;

	if (gw_listen_parse(listen, places, ret_n, &why) == 0)
		return 0;
	return gw_error_set(err, EINVAL, GW_ERR_INVALID_PROPERTY, "[api] listen", "\"%s\" is refused: %s", listen, why);
}

int gw_api_check(const struct gw_config *config, struct gw_error *err)
{
	struct gw_listen places[GW_LISTEN_MAX];
	size_t n = 0;
	int r = parse(config->listen, places, &n, err);

	return r == 0 && any_tls(places, n) ? gw_tls_check(config, err) : r;
}

static void tell_certificate(struct gw_api *api)
{
	api->env.stats.certificate_until = gw_tls_until(api->env.tls);
	gw_log_notice("TLS certificate: SHA-256 fingerprint %s", gw_tls_fingerprint(api->env.tls));
}

static int prepare_tls(struct gw_api *api, const struct gw_listen *places, size_t n, struct gw_error *err)
{
	int r;

	if (!any_tls(places, n))
		return 0;
	r = gw_tls_new(api->env.service->config, &api->env.tls, err);
	if (r == 0)
		tell_certificate(api);
	return r;
}

int gw_api_start(uv_loop_t *loop, const char *listen, const struct gw_service *service, struct gw_api **ret,
		 struct gw_error *err)
{
	struct gw_listen places[GW_LISTEN_MAX];
	struct gw_api *api;
	size_t n = 0;
	int r = parse(listen, places, &n, err);

	if (r < 0)
		return r;
	api = calloc(1, sizeof *api);
	if (!api)
		return gw_error_oom(err);
	api->env.loop = loop;
	api->env.service = service;
	uv_timer_init(loop, &api->drain);
	api->drain.data = api;
	api->env.limits = gw_limits_new();
	r = api->env.limits ? prepare_tls(api, places, n, err) : gw_error_oom(err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = listen_at(api, &places[i], err);
	if (r < 0) {
		gw_api_stop(api);
		return r;
	}
	*ret = api;
	return 0;
}

int gw_api_reload(struct gw_api *api, struct gw_error *err)
{
	int r;

	if (!api->env.tls)
		return 0;
	r = gw_tls_reload(api->env.tls, api->env.service->config, err);
	if (r == 0)
		tell_certificate(api);
	return r;
}

/* A name of ours goes as soon as nobody listens behind it. */
static void remove_names(struct gw_api *api)
{
	for (size_t i = 0; i < api->n; i++) {
		if (*api->places[i].path)
			unlink(api->places[i].path);
		api->places[i].path[0] = '\0';
	}
}

static void on_drain(uv_timer_t *timer)
{
	struct gw_api *api = timer->data;
	unsigned busy = 0;

	for (size_t i = 0; i < api->n; i++)
		busy += gw_http_busy(api->listeners[i]);
	if (busy > 0 && uv_now(api->env.loop) < api->drain_until)
		return;
	if (busy > 0)
		gw_log_warning("%u requests were still under way: dropped", busy);
	uv_timer_stop(timer);
	api->done(api->ctx);
}

void gw_api_drain(struct gw_api *api, void (*done)(void *ctx), void *ctx)
{
	api->done = done;
	api->ctx = ctx;
	api->env.draining = true;
	api->drain_until = uv_now(api->env.loop) + DRAIN_MS;
	remove_names(api);
	for (size_t i = 0; i < api->n; i++)
		gw_http_quiesce(api->listeners[i]);
	if (api->env.service->control)
		gw_control_release_followers(api->env.service->control);
	uv_timer_start(&api->drain, on_drain, 0, LOOK_MS);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct gw_api *gw_api_stop(struct gw_api *api)
{
	if (!api)
		return NULL;
	for (size_t i = 0; i < api->n; i++)
		api->listeners[i] = gw_http_stop(api->listeners[i]);
	remove_names(api);
	api->env.tls = gw_tls_free(api->env.tls);
	api->env.limits = gw_limits_free(api->env.limits);
	uv_close((uv_handle_t *)&api->drain, on_closed);
	return NULL;
}
