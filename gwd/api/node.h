/* node.h - what the handlers of /servers/{id}/state and /servers/{id}/status have in common. */
#ifndef GW_API_NODE_H
#define GW_API_NODE_H

#include "api/router.h"
#include "control/control.h"

/* The server of the path; a host asks for itself only. -ENOENT: there is none. */
int gw_api_node_find(const struct gw_api_request *req, const struct gw_resource **ret, struct gw_error *err);

/* node_gateway.c: what is told of it as a gateway, a copy that has nothing but what is meant. *ret stays as it is where nothing is told. */
int gw_api_take_gateway(const json_t *body, json_t **ret, struct gw_error *err);

#endif
