/*
 * sum.h - the Internet checksum (RFC 1071) of what is in a packet, however much that is: of GRE's, which covers all of the packet
 * that it carries. A function of its own, which few packets need.
 */
#ifndef GW_BPF_SUM_H
#define GW_BPF_SUM_H

#include "common.h"

#define GW_SUM_STEP 32 /* the stack of those that call it has no room for more */
#define GW_SUM_MAX  (65536 / GW_SUM_STEP)

/* Of the bytes from `off` to `end`, not folded, as bpf_csum_diff has them; negative: they are not there. */
gw_function_apart long gw_sum_of(struct __sk_buff *skb, __u32 off, __u32 end)
{
	__u64 step[GW_SUM_STEP / 8];
	__u8 last[4] __attribute__((aligned(4))) = {0};
	__u32 sum = 0, i;

	for (i = 0; i < GW_SUM_MAX && off + GW_SUM_STEP <= end; i++, off += GW_SUM_STEP) {
		if (bpf_skb_load_bytes(skb, off, step, GW_SUM_STEP))
			return -1;
		sum = bpf_csum_diff(0, 0, (void *)step, GW_SUM_STEP, sum);
	}
#define GW_SUM_REST(n)                                                                                                 \
	if (off + (n) <= end) {                                                                                        \
		if (bpf_skb_load_bytes(skb, off, step, (n)))                                                           \
			return -1;                                                                                     \
		sum = bpf_csum_diff(0, 0, (void *)step, (n), sum);                                                     \
		off += (n);                                                                                            \
	}
	GW_SUM_REST(16)
	GW_SUM_REST(8)
	GW_SUM_REST(4)
#undef GW_SUM_REST
	if (off + 2 <= end) {
		if (bpf_skb_load_bytes(skb, off, last, 2))
			return -1;
		off += 2;
	}
	if (off + 1 <= end && bpf_skb_load_bytes(skb, off, last + 2, 1))
		return -1;
	return (__u32)bpf_csum_diff(0, 0, (void *)last, sizeof last, sum);
}

#endif
