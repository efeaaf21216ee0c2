/* deliver.h - the last step towards a port of this node. */
#ifndef GW_BPF_DELIVER_H
#define GW_BPF_DELIVER_H

#include "count.h"

/*
 * `proto_known`: skb->protocol is that of the inner frame. Where it is not (an inner family that differs from the outer one
 * on a kernel that cannot be told so, or no IP at all) the frame must go through the port's own transmit side, which
 * derives the protocol anew; the short cut into the peer's namespace would hand it to the wrong protocol handler.
 * The short cut also needs the packet type corrected: a MAC address that is not the receiving device's own made it
 * PACKET_OTHERHOST.
 */
gw_inline int gw_deliver(struct __sk_buff *skb, __u32 port, bool peer, bool proto_known)
{
	skb->mark = 0;
	if (!peer || !proto_known)
		return bpf_redirect(port, 0);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(port, 0);
}

/* A frame that came through a tunnel, its Ethernet header in place. */
gw_inline int gw_receive(struct __sk_buff *skb, const struct gw_bpf_mac *to, bool proto_known, __u32 outcome)
{
	gw_count_rx(to->slot, to->vsid_slot, skb->len);
	gw_outcome(outcome);
	return gw_deliver(skb, to->port, to->port_flags & GW_PORT_PEER, proto_known);
}

#endif
