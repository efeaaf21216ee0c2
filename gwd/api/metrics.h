/* metrics.h - what the files of GET /metrics and /monitoring have in common. */
#ifndef GW_API_METRICS_H
#define GW_API_METRICS_H

#include "api/router.h"
#include "obs/metrics.h"

/* What an answer is made of that tells of all virtual gateways. All of it is owned. */
struct gw_api_told {
	json_t *status; /* of the node: what its drivers, and others, say */
	/*
	 * [{"routingDomainId", "virtualSubnetId", ..., "connections": [{"connectionId", "routingDomainId", ...}]}], of the virtual
	 * gateways that the node carries, in the drivers' words; NULL: it carries none.
	 */
	json_t *gateways;
	size_t n_gateways; /* that there are */
	struct gw_metrics metrics;
};

/*
 * gateways.c: adds the gateways to what has been gathered, which it takes over, a few in each turn of the loop; then `tell` makes the
 * answer, on a thread, so that it may ask nobody. Where nobody can wait, or there are none, all of it is done at once.
 */
void gw_api_tell_gateways(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_api_told *told,
			  void (*tell)(struct gw_api_told *told, struct gw_api_reply *reply));

/* metrics_connection.c: of the "connections" of those gateways. */
void gw_api_metrics_connections(struct gw_metrics *m, const json_t *gateways);

/* metrics_gateway.c */
void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_api_told *told);

#endif
