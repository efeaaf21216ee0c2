/*
 * api.h - the gateway provider interface: HTTP over a unix socket, for the operator of this node.
 *
 * Everything runs on the loop's thread; requests are short (a batch is the longest). The API knows the model
 * and the service that the composition root gives it, never a driver.
 */
#ifndef GW_API_API_H
#define GW_API_API_H

#include "model/service.h"

struct uv_loop_s;
struct gw_api;

/* Listens on `listen` ("unix:PATH"). `service` must outlive the API. */
int gw_api_start(struct uv_loop_s *loop, const char *listen, const struct gw_service *service, struct gw_api **ret,
		 struct gw_error *err);
/* Drops the connections and removes the socket. Memory is freed once the loop has closed the handles. */
struct gw_api *gw_api_stop(struct gw_api *api);

#endif
