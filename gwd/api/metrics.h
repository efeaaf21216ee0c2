/* metrics.h - what the files of GET /metrics and /monitoring have in common. */
#ifndef GW_API_METRICS_H
#define GW_API_METRICS_H

#include "model/service.h"
#include "obs/metrics.h"

/*
 * metrics_gateway.c: [{"routingDomainId", "virtualSubnetId", ...}], of up to 1,000 virtual gateways that the node carries, in the drivers'
 * words; NULL: it carries none.
 */
json_t *gw_api_virtual_gateways(const struct gw_service *service);
void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_service *service);

#endif
