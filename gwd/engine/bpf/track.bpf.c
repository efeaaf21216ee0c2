/*
 * track.bpf.c - see lib/track.h. A file of its own, since the linker takes what the kernel exports from one only; its function is
 * called by the hooks that have the fast path.
 *
 * The kernel keeps everything: who is translated to what, in which state the connection is, and until when it is remembered. This
 * only reads it, for every packet anew, and tells the kernel now and then that the connection lives. The structures are the
 * kernel's own as far as they are needed here; the loader finds where the running kernel has each member.
 */
#include "lib/track.h"

#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union nf_inet_addr {
	__u32 ip;
};

union nf_conntrack_man_proto {
	__u16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__u16 all;
		} u;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct ip_ct_tcp {
	__u8 state;
};

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
};

struct nf_ct_ext {
	__u8 offset[9];
};

struct nf_ct_timeout {
	char data[0];
};

struct nf_tcp_net {
	__u32 timeouts[14];
};

struct nf_udp_net {
	__u32 timeouts[2];
};

struct nf_ip_net {
	struct nf_tcp_net tcp;
	struct nf_udp_net udp;
};

struct netns_ct {
	struct nf_ip_net nf_ct_proto;
};

struct net {
	struct netns_ct ct;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct nf_conn {
	__u32 timeout;
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	possible_net_t ct_net;
	struct nf_ct_ext *ext;
	union nf_conntrack_proto proto;
};

#pragma clang attribute pop

enum nf_ct_ext_id { NF_CT_EXT_TIMEOUT = 6 };

/* As Linux 6.1 has it; later ones take that length, too. */
struct bpf_ct_opts {
	__s32 netns_id, error;
	__u8 l4proto, dir, reserved[2];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts *opts, __u32 opts_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *ct) __ksym __weak;
extern int bpf_ct_change_timeout(struct nf_conn *ct, __u32 timeout) __ksym __weak;

/* Bits of nf_conn.status, which user space sees, too. */
#define GW_CT_SEEN_REPLY 0x0002
#define GW_CT_ASSURED	 0x0004
#define GW_CT_CONFIRMED	 0x0008
/* Adjusts sequence numbers, is dying, has a timeout of its own, a template, a helper, is offloaded elsewhere. */
#define GW_CT_ODD	   (0x0040 | 0x0200 | 0x0400 | 0x0800 | 0x2000 | 0x4000 | 0x8000)
#define GW_TCP_ESTABLISHED 3
#define GW_UDP_UNREPLIED   0
#define GW_UDP_REPLIED	   1
#define GW_RESET_SECONDS   10 /* as the kernel's own */

/* How long the kernel remembers such a connection without packets: its rule's policy, else the namespace's. */
gw_inline void gw_ct_idle(const struct nf_conn *ct, struct gw_tracked *t)
{
	const bool udp = t->key.proto == IPPROTO_UDP;
	__u32 first = udp ? GW_UDP_UNREPLIED : GW_TCP_ESTABLISHED, second = udp ? GW_UDP_REPLIED : GW_TCP_ESTABLISHED;
	const struct nf_ct_ext *ext = BPF_CORE_READ(ct, ext);
	const struct net *net = BPF_CORE_READ(ct, ct_net.net);
	const char *from = (const char *)net + (udp ? bpf_core_field_offset(struct net, ct.nf_ct_proto.udp.timeouts)
						    : bpf_core_field_offset(struct net, ct.nf_ct_proto.tcp.timeouts));
	const char *policy = NULL;
	__u8 at = 0;

	if (ext && bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_TIMEOUT))
		bpf_probe_read_kernel(&at, sizeof at,
				      (const char *)ext + bpf_core_field_offset(struct nf_ct_ext, offset) +
					      bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_TIMEOUT));
	if (at)
		bpf_probe_read_kernel(&policy, sizeof policy, (const char *)ext + at);
	if (policy)
		from = policy + bpf_core_field_offset(struct nf_ct_timeout, data);
	bpf_probe_read_kernel(&t->idle[0], sizeof t->idle[0], from + first * sizeof(__u32));
	bpf_probe_read_kernel(&t->idle[1], sizeof t->idle[1], from + second * sizeof(__u32));
}

/*
 * The kernel forgets a connection when it has seen no packet of it for long enough, and does not see ours. So it is told, before
 * more than a sixteenth of that time has passed. Of UDP it wants to see some for itself until it is sure that there is a stream,
 * both ways. False: this packet is one of those, or it is too late.
 */
gw_inline bool gw_ct_keep(struct nf_conn *ct, __u64 status, const struct gw_tracked *t)
{
	__s32 left = (__s32)(ct->timeout - (__u32)bpf_jiffies64());
	const bool sure = t->key.proto == IPPROTO_TCP || status & GW_CT_ASSURED;
	__u32 idle = t->idle[sure], some = 2 * params.hz;

	if (left <= 0 || !idle || !params.hz)
		return false;
	if (unlikely(t->reset)) {
		if ((__u32)left > GW_RESET_SECONDS * params.hz)
			bpf_ct_change_timeout(ct, GW_RESET_SECONDS * 1000);
		return true;
	}
	if (!sure)
		return (__u32)left + (some < idle / 2 ? some : idle / 2) >= idle;
	if (unlikely((__u32)left + idle / 16 < idle))
		bpf_ct_change_timeout(ct, (__u64)idle * 1000 / params.hz);
	return true;
}

/* What the packet is translated to, when only one of its sides is: the own one. */
gw_inline bool gw_ct_translation(const struct nf_conn *ct, __u8 dir, struct gw_tracked *t)
{
	__u32 near, far;
	__u16 near_port, far_port;

	/* Without translation the answer's source is the destination of this packet, and the other way round. */
	if (dir == 0) {
		near = ct->tuplehash[1].tuple.dst.u3.ip;
		near_port = ct->tuplehash[1].tuple.dst.u.all;
		far = ct->tuplehash[1].tuple.src.u3.ip;
		far_port = ct->tuplehash[1].tuple.src.u.all;
	} else {
		near = ct->tuplehash[0].tuple.dst.u3.ip;
		near_port = ct->tuplehash[0].tuple.dst.u.all;
		far = ct->tuplehash[0].tuple.src.u3.ip;
		far_port = ct->tuplehash[0].tuple.src.u.all;
	}
	if (t->key.scope) {
		t->addr = near;
		t->port = near_port;
		return far == t->key.daddr && far_port == t->key.dport && near != t->key.saddr;
	}
	t->addr = far;
	t->port = far_port;
	return near == t->key.saddr && near_port == t->key.sport && far != t->key.daddr;
}

/* Whether the packet is of a connection that may be forwarded past the stack, and to what it is translated. */
__hidden __noinline bool gw_ct_find(struct __sk_buff *skb, struct gw_tracked *t)
{
	struct bpf_sock_tuple tuple = {
		.ipv4 = {.saddr = t->key.saddr, .daddr = t->key.daddr, .sport = t->key.sport, .dport = t->key.dport}};
	struct bpf_ct_opts opts = {.netns_id = t->nsid, .l4proto = t->key.proto};
	struct nf_conn *ct;
	__u64 status;
	bool good;

	ct = bpf_skb_ct_lookup(skb, &tuple, sizeof tuple.ipv4, &opts, sizeof opts);
	if (!ct)
		return false;
	status = ct->status;
	good = status & GW_CT_CONFIRMED && !(status & GW_CT_ODD);
	if (t->key.proto == IPPROTO_TCP)
		good = good && status & GW_CT_ASSURED && ct->proto.tcp.state == GW_TCP_ESTABLISHED;
	else if (opts.dir)
		good = good && status & GW_CT_SEEN_REPLY; /* the first answer is the kernel's */
	if (good && !t->idle[1])
		gw_ct_idle(ct, t);
	good = good && gw_ct_translation(ct, opts.dir, t) && gw_ct_keep(ct, status, t);
	bpf_ct_release(ct);
	return good;
}

char gw_license[] __weak SEC("license") = "GPL";
