/*
 * bench.bpf.c - what the benchmark itself puts into the kernel, attached by variants.py.
 *
 * outward and inward: every frame of an interface goes out of another one, unchanged. That is what a packet
 * costs without encapsulation, policy or tables, the ceiling of a BPF data path. outward redirects to an
 * interface of the same namespace, inward into the namespace at the other end of a veth.
 *
 * sink: takes the flood's datagrams where they arrive in the receiving VM, counts them and drops them, so
 * that no receiving application is measured along with the network.
 *
 * swallow: drops everything, at no cost of its own; what the kernel's clock says of it is the clock's cost.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FIRST_FLOOD_PORT 20000 /* as in measure.py; the other measurements stay below */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

SEC("tc")
int outward(struct __sk_buff *skb)
{
	__u32 zero = 0, *ifindex = bpf_map_lookup_elem(&target, &zero);

	(void)skb;
	return ifindex ? bpf_redirect(*ifindex, 0) : TC_ACT_SHOT;
}

SEC("tc")
int inward(struct __sk_buff *skb)
{
	__u32 zero = 0, *ifindex = bpf_map_lookup_elem(&target, &zero);

	(void)skb;
	return ifindex ? bpf_redirect_peer(*ifindex, 0) : TC_ACT_SHOT;
}

SEC("tc")
int sink(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 zero = 0;
	__u64 *n;

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_UDP || bpf_ntohs(udp->dest) < FIRST_FLOOD_PORT)
		return TC_ACT_OK;
	n = bpf_map_lookup_elem(&arrived, &zero);
	if (n)
		++*n;
	return TC_ACT_SHOT;
}

SEC("tc")
int swallow(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
