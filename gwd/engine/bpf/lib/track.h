/*
 * track.h - what the kernel knows of a connection that is tracked in another namespace, and which of them the fast path may
 * forward (track.bpf.c).
 */
#ifndef GW_BPF_TRACK_H
#define GW_BPF_TRACK_H

#include "maps.h"

/* A packet of a flow, and what becomes of it. */
struct gw_tracked {
	struct gw_fast_key key; /* the packet as it came in */
	__s32 nsid;
	__u32 addr; /* found: what it is translated to, the source of what goes out, the destination of what comes in */
	__u16 port;
	__u8 ttl, tos;
	__u32 size;	     /* of the IP packet, or of one segment */
	__u32 total;	     /* of the whole as its IP header has it */
	__u32 idle[2];	     /* as in gw_bpf_fast; zero: to be found */
	__u32 seq, ack, end; /* TCP, network byte order but for `end` */
	bool reset;	     /* it ends the connection */
};

/* Whether the packet is of a connection that may be forwarded past the stack, and to what it is translated. */
__hidden bool gw_ct_find(struct __sk_buff *skb, struct gw_tracked *t);

#endif
