/* common.h - headers, constants and the parameters that every hook needs. */
#ifndef GW_BPF_COMMON_H
#define GW_BPF_COMMON_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../abi.h"

#define gw_inline   static __always_inline
#define gw_function static __noinline __attribute__((unused)) /* a stack frame of its own; some hooks do without it */
/*
 * A function that the verifier looks at once, whatever its arguments, not once for each way that leads to it: those that many
 * ways lead to. It knows nothing of what such a function returns, and that a pointer may be NULL.
 */
#define gw_function_apart __weak __noinline
#define likely(x)	  __builtin_expect(!!(x), 1)
#define unlikely(x)	  __builtin_expect(!!(x), 0)

#ifndef AF_INET
#define AF_INET	 2
#define AF_INET6 10
#endif

/* Newer than the headers that this is built with; used only where the loader found that the kernel knows it. */
#define GW_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define GW_ROOM_DECAP_L3_IPV6 (1ULL << 8)

#define IP_DF	  0x4000
#define IP_MF	  0x2000
#define IP_OFFSET 0x1fff
#define ECN_MASK  3
#define VLAN_ID	  0x0fff

const volatile struct gw_params params __weak SEC(".rodata");

/*
 * The context declares data and data_end as 32 bits, but the kernel puts pointers there. Loaded by the compiler they may be
 * zero-extended once more, which cuts the pointer in half; so they are loaded by hand.
 */
#define GW_CTX_POINTER(skb, field)                                                                                     \
	({                                                                                                             \
		void *p_;                                                                                              \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                                                  \
			     : "=r"(p_)                                                                                \
			     : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field)));                            \
		p_;                                                                                                    \
	})

gw_inline void *gw_data(const struct __sk_buff *skb)
{
	return GW_CTX_POINTER(skb, data);
}

gw_inline void *gw_end(const struct __sk_buff *skb)
{
	return GW_CTX_POINTER(skb, data_end);
}

/*
 * True when the first `n` bytes can be read directly, pulling them out of fragments if the packet has that many at all.
 * Packet pointers taken before are void after it.
 */
gw_inline bool gw_have(struct __sk_buff *skb, __u32 n)
{
	if (likely(gw_data(skb) + n <= gw_end(skb)))
		return true;
	if (skb->len < n || bpf_skb_pull_data(skb, n))
		return false;
	return gw_data(skb) + n <= gw_end(skb);
}

gw_inline bool gw_mac_same(const __u8 *a, const __u8 *b)
{
	const __u16 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* `params` must be read as volatile: the compiler believes its initial value, which the loader replaces. */
gw_inline bool gw_is_router(const __u8 *mac)
{
	const volatile __u16 *r = (const volatile __u16 *)params.router_mac;
	const __u16 *m = (const void *)mac;

	return m[0] == r[0] && m[1] == r[1] && m[2] == r[2];
}

gw_inline void gw_mac_set(__u8 *to, const __u8 *from)
{
	__u16 *x = (void *)to;
	const __u16 *y = (const void *)from;

	x[0] = y[0];
	x[1] = y[1];
	x[2] = y[2];
}

gw_inline bool gw_ip_same(const struct gw_ip *a, const struct gw_ip *b)
{
	return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

/* An IPv4-mapped address must not be on the wire: it would be taken for the IPv4 address. */
gw_inline bool gw_ip_is_mapped(const struct gw_ip *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == bpf_htonl(0xffff);
}

gw_inline struct gw_ip gw_ip_v4(__be32 a)
{
	return (struct gw_ip){.w = {0, 0, bpf_htonl(0xffff), a}};
}

gw_inline struct gw_ip gw_ip_v6(const struct in6_addr *a)
{
	struct gw_ip r;

	__builtin_memcpy(&r, a, sizeof r);
	return r;
}

gw_inline __u16 gw_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A 32-bit mix (murmur's finaliser family): spreads neighbouring flows over all bits. */
gw_inline __u32 gw_mix(__u32 h, __u32 v)
{
	v *= 0xcc9e2d51;
	v = (v << 15) | (v >> 17);
	h ^= v * 0x1b873593;
	h = (h << 13) | (h >> 19);
	return h * 5 + 0xe6546b64;
}

gw_inline __u32 gw_mix_end(__u32 h)
{
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	h *= 0xc2b2ae35;
	return h ^ (h >> 16);
}

#endif
