/* metrics.h - what the files of GET /metrics and /monitoring have in common. */
#ifndef GW_API_METRICS_H
#define GW_API_METRICS_H

#include "api/router.h"
#include "obs/metrics.h"

/* What an answer is made of that tells of all virtual gateways. All of it is owned. */
struct gw_api_told {
	json_t *status; /* of the node: what its drivers, and others, say; without what status_more adds */
	/*
	 * [{"routingDomainId", "virtualSubnetId", ..., "connections": [{"connectionId", "routingDomainId", ...}]}], of the virtual
	 * gateways that the node carries, in the drivers' words; NULL: it carries none.
	 */
	json_t *gateways;
	size_t n_gateways; /* that there are */
	struct gw_metrics metrics;
};

/*
 * gateways.c: adds the rest of the status, and the gateways, to what has been gathered, which it takes over, a few in each turn of the
 * loop; then `tell` makes the answer, on a thread, so that it may ask nobody. Where nobody can wait, or there are neither gateways nor
 * ports, all of it is done at once.
 */
void gw_api_tell_gateways(const struct gw_api_request *req, struct gw_api_reply *reply, struct gw_api_told *told,
			  void (*tell)(struct gw_api_told *told, struct gw_api_reply *reply));

/* metrics_many.c: what there may be thousands of. */
#define GW_API_METRICS_EACH  250 /* that have samples of their own */
#define GW_API_METRICS_NAMES 32	 /* names of what is counted, of one */
#define GW_API_METRICS_OTHERS                                                                                          \
	"others" /* what all others are called together: no routing domain, no connection and no port */
#define GW_API_METRICS_LABELS 2

/* Of a list of gateways, of ports, and of gateways their connections. */
enum gw_api_many_order { GW_API_BY_VSID, GW_API_BY_INTERFACE, GW_API_BY_CONNECTION };

struct gw_api_many {
	struct gw_api_many_label {
		const char *name, *member; /* in samples, and in what is told of one */
	} labels[GW_API_METRICS_LABELS];   /* that tell one from the other */
	const json_t **all;
	size_t n, n_each;
};

struct gw_api_many_family {
	const char *part,
		*member; /* of what is told of one; where there are several samples of each, member is their label */
	const char *name, *type, *help;
};

/* Negative: no memory. `list` outlives it. */
int gw_api_many_init(struct gw_api_many *m, const json_t *list, enum gw_api_many_order order);
void gw_api_many_done(struct gw_api_many *m);
/* Nothing where nobody has it. */
void gw_api_many_row(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f);
/* The same with what `value` makes of one; false: it has none. */
void gw_api_many_values(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
			bool (*value)(const json_t *one, double *ret));
/* `names` makes {"name": value} of one. */
void gw_api_many_names(struct gw_metrics *out, const struct gw_api_many *m, const struct gw_api_many_family *f,
		       json_t *(*names)(const json_t *one));
/* That, of [{"reason", "count"}]. */
json_t *gw_api_many_reasons(const json_t *list);

/* metrics_connection.c: of the "connections" of those gateways. */
void gw_api_metrics_connections(struct gw_metrics *m, const json_t *gateways);

/* metrics_gateway.c */
void gw_api_metrics_gateways(struct gw_metrics *m, const struct gw_api_told *told);

#endif
