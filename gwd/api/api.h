/*
 * api.h - the gateway provider interface: HTTP over unix sockets and TLS.
 *
 * Everything runs on the loop's thread; requests are short (a batch is the longest), or answered later. The API knows the model
 * and the service that the composition root gives it, never a driver.
 */
#ifndef GW_API_API_H
#define GW_API_API_H

#include "model/service.h"

struct uv_loop_s;
struct gw_api;

/* Whether what the configuration names for TLS can be used, if there is a listener with TLS. Changes nothing. */
int gw_api_check(const struct gw_config *config, struct gw_error *err);
/* Listens on `listen`, a list as in [api] listen. `service` must outlive the API. */
int gw_api_start(struct uv_loop_s *loop, const char *listen, const struct gw_service *service, struct gw_api **ret,
		 struct gw_error *err);
/* The files that the configuration names are read again: certificate, key, authorities. On failure the old ones stay. */
int gw_api_reload(struct gw_api *api, struct gw_error *err);
/*
 * Stops listening and lets what is under way come to its end, for a few seconds at most; then calls `done`, on the loop, which
 * then calls gw_api_stop. A stop before that is right too, and `done` is not called.
 */
void gw_api_drain(struct gw_api *api, void (*done)(void *ctx), void *ctx);
/* Drops the connections and removes the sockets. Memory is freed once the loop has closed the handles. */
struct gw_api *gw_api_stop(struct gw_api *api);

/*
 * When somebody could come over the network and nobody there would be operator: makes a token for the first one, writes it to
 * STATE_DIR/operator-token, and shows it on standard error if that is a terminal. Before gw_api_start.
 */
int gw_api_first_operator(const struct gw_service *service, struct gw_error *err);
/*
 * Who shows the newer one of two certificates has it: the older one is void from here on. Nobody else may be writing to the store.
 */
void gw_api_settle_certificate(const struct gw_service *service, const struct gw_principal *who);
/* The token `name` is void: the file goes, if it was that one's. */
void gw_api_forget_first_operator(const struct gw_service *service, const char *name);

#endif
