/*
 * segment.bpf.c - an interface that L3 connections lead to, and that has no other part in all this: tc ingress. What is none of
 * theirs is the host's, and not touched.
 */
#include "lib/way.h"

SEC("tc")
int gw_segment_in(struct __sk_buff *skb)
{
	int verdict = GW_NO_WAY;

	if (gw_may_be_segments(skb))
		verdict = gw_from_segment(skb);
	if (verdict != GW_NO_WAY)
		return verdict;
	gw_outcome(GW_OUT_TO_STACK);
	return TC_ACT_OK;
}

char gw_license[] __weak SEC("license") = "GPL";
