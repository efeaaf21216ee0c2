/* trace.h - one packet on its imagined way through the engine: what trace.c asks and answers, and trace_walk.c finds out. */
#ifndef GW_ENGINE_TRACE_H
#define GW_ENGINE_TRACE_H

#include "engine/internal.h"

struct gw_trace {
	const struct gw_driver *d;
	json_t *answer, *steps;

	/* The packet. */
	struct gw_addr src, dst;
	struct gw_mac dmac;
	bool has_src, has_dmac, df;
	uint8_t proto, ttl;
	uint16_t sport, dport;
	unsigned size; /* of the IP packet */
	char interface[IFNAMSIZ];

	/* What has been found. */
	uint32_t ifindex;
	struct gw_bpf_port port;
	bool routed;
	uint32_t vsid;		  /* where the next hop is */
	struct gw_bpf_record rec; /* the next hop's */
};

/* One line of reasoning. */
void gw_trace_step(struct gw_trace *t, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What becomes of the packet; each ends the walk. */
void gw_trace_verdict(struct gw_trace *t, const char *what);
void gw_trace_dropped(struct gw_trace *t, enum gw_drop_reason reason);

/* The walk, in the order of port.bpf.c and forward.h. The port is known, and there. */
void gw_trace_walk(struct gw_trace *t);

#endif
