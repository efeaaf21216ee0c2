/*
 * whole.bpf.c - packets to shared public addresses that came in fragments: tc ingress of the device behind the kernel's
 * reassembly (devices.c). Where they came from was looked at before (edge.h, exit.bpf.c), fragment by fragment.
 */
#include "lib/steer.h"

SEC("tc")
int gw_whole_in(struct __sk_buff *skb)
{
	struct gw_seen s = {.slot = GW_NOBODY};
	struct gw_bpf_owner owner;
	__u32 why;

	if (skb->mark != GW_MARK_FRAGMENT || skb->protocol != bpf_htons(ETH_P_IP))
		return gw_drop(GW_DROP_NO_PUBLIC_PORT);
	skb->mark = 0;
	why = gw_see4(skb, &s);
	if (why)
		return gw_drop(why - 1);
	if (!gw_public_of(&s.daddr, &owner) || owner.flags & GW_PUBLIC_SELF)
		return gw_drop(GW_DROP_NO_PUBLIC_PORT);
	return gw_steer4(skb, &s, &owner, true);
}

char gw_license[] __weak SEC("license") = "GPL";
