/*
 * trace.h - one packet on its imagined way through the engine: what trace.c asks and answers, and trace_walk.c, trace_edge.c
 * and trace_way.c find out.
 */
#ifndef GW_ENGINE_TRACE_H
#define GW_ENGINE_TRACE_H

#include "engine/internal.h"

struct gw_trace {
	const struct gw_driver *d;
	const struct gw_intent *in; /* what the records are called that the maps are made of */
	json_t *answer, *steps;

	/* The packet. */
	struct gw_addr src, dst;
	struct gw_mac dmac;
	bool has_src, has_dmac, df;
	uint8_t proto, ttl;
	uint16_t sport, dport;
	uint16_t echo; /* the identifier, where it is an ICMP echo at a public address */
	unsigned size; /* of the IP packet */
	uint16_t vlan; /* of the frame, where it comes from outside; 0: none */
	uint32_t key;  /* of a GRE packet from outside */
	bool has_key;
	char interface[IFNAMSIZ];
	void (*walk)(struct gw_trace *t); /* from there */

	/* What has been found. */
	uint32_t ifindex;
	struct gw_bpf_port port;
	bool routed;
	uint32_t vsid;		  /* where the next hop is */
	struct gw_bpf_record rec; /* the next hop's */
};

/* The maps, as they are now. */
static inline const struct gw_bpf *gw_trace_bpf(const struct gw_trace *t)
{
	return gw_loader_bpf(t->d->loader);
}

static inline bool gw_trace_v4(const struct gw_trace *t)
{
	return gw_addr_is_v4(&t->dst);
}

/* One line of reasoning. */
void gw_trace_step(struct gw_trace *t, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A fact of the answer. */
void gw_trace_text(struct gw_trace *t, const char *key, const char *value);
/* What becomes of the packet; each ends the walk. */
void gw_trace_verdict(struct gw_trace *t, const char *what);
void gw_trace_dropped(struct gw_trace *t, enum gw_drop_reason reason);

/* The walk, in the order of port.bpf.c and forward.h. The port is known, and there. */
void gw_trace_walk(struct gw_trace *t);
/* The walks at the world outside: of what comes in by the [external] interface, which is there, and of what leaves a virtual gateway. */
void gw_trace_from_outside(struct gw_trace *t);
void gw_trace_from_gateway(struct gw_trace *t);
/* The walks of connections: in by the [external] interface (false: it is for this node, and none of theirs: nothing is said), or by an
 * interface that L3 ones lead to; and out. */
bool gw_trace_by_way(struct gw_trace *t);
void gw_trace_from_segment(struct gw_trace *t);
void gw_trace_from_way(struct gw_trace *t);

#endif
