/*
 * edge.bpf.c - what the world outside sends: tc ingress of the [external] interface. What is no virtual gateway's is the host's
 * (IKE, BGP, SSH, ARP for its own addresses), and not touched.
 */
#include "lib/edge.h"
#include "lib/way.h"

SEC("tc")
int gw_edge_in(struct __sk_buff *skb)
{
	int verdict = gw_from_outside(skb);

	if (verdict != GW_NO_WAY)
		return verdict;
	verdict = gw_edge(skb);
	if (verdict != GW_NOT_PUBLIC)
		return verdict;
	gw_outcome(GW_OUT_TO_STACK);
	return TC_ACT_OK;
}

char gw_license[] __weak SEC("license") = "GPL";
