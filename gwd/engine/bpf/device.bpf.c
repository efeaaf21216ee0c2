/*
 * device.bpf.c - tc ingress of the kernel's tunnel devices in metadata mode: the second half of the hybrid receive path.
 *
 * The packets were checked by underlay.bpf.c, which marked them; anything without the mark reached the device around it (by
 * an interface that is not an underlay one) and is dropped (ENC-10).
 */
#include "lib/decap.h"

gw_inline int gw_device_in(struct __sk_buff *skb, bool nvgre)
{
	struct bpf_tunnel_key key = {};
	struct gw_bpf_mac to;
	struct ethhdr eth;
	__u32 why;

	if (skb->mark != params.mark)
		return gw_drop(GW_DROP_NOT_UNDERLAY);
	skb->mark = 0;
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof key, 0) || bpf_skb_load_bytes(skb, 0, &eth, sizeof eth))
		return gw_drop(GW_DROP_INNER_MALFORMED);
	why = gw_inner_check(&eth, nvgre ? key.tunnel_id >> 8 : key.tunnel_id, &to);
	if (why)
		return gw_drop(why - 1);
	return gw_receive(skb, &to, true, GW_OUT_FROM_DEVICE);
}

SEC("tc")
int gw_vxlan_in(struct __sk_buff *skb)
{
	return gw_device_in(skb, false);
}

SEC("tc")
int gw_nvgre_in(struct __sk_buff *skb)
{
	return gw_device_in(skb, true);
}

char gw_license[] __weak SEC("license") = "GPL";
