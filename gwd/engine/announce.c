/*
 * announce.c - tells the neighbours on the segment of the [external] interface which public addresses are here: when one comes or
 * changes its virtual gateway, and when the interface comes, gets its carrier back or another MAC address. Whoever asks is
 * answered by the program there (bpf/lib/edge.h), also without this process; so that questions for IPv6 addresses reach it, the
 * interface takes part in their multicast groups. Called by engine.c once the programs are ready for what then comes.
 *
 * Prefixes are not announced address by address: neighbours that know another place for one find out by asking again.
 */
#include "engine/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct arp_frame {
	uint8_t dst[6], src[6];
	uint16_t ethertype, hardware, protocol;
	uint8_t hardware_len, protocol_len;
	uint16_t operation;
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

struct nd_frame {
	uint8_t dst[6], src[6];
	uint16_t ethertype;
	uint8_t ip[4];
	uint16_t len;
	uint8_t next, hops, from[16], to[16];
	uint8_t type, code;
	uint16_t check;
	uint32_t flags;
	uint8_t target[16], option, option_len, option_mac[6];
} __attribute__((packed));

#define ICMP6_LEN (sizeof(struct nd_frame) - offsetof(struct nd_frame, type))

static void fill_arp(struct arp_frame *f, const struct gw_link *link, const struct gw_addr *a)
{
	*f = (struct arp_frame){
		.ethertype = htons(ETH_P_ARP),
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_len = 6,
		.protocol_len = 4,
		.operation = htons(ARPOP_REQUEST),
	};
	memset(f->dst, 0xff, sizeof f->dst);
	memcpy(f->src, link->mac.b, 6);
	memcpy(f->sender_mac, link->mac.b, 6);
	memcpy(f->sender, a->b + 12, 4);
	memcpy(f->target, a->b + 12, 4);
}

static uint32_t add_words(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	return sum;
}

/* An unsolicited advertisement to all nodes, in the name of the address itself. */
static void fill_nd(struct nd_frame *f, const struct gw_link *link, const struct gw_addr *a)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	uint32_t sum;

	*f = (struct nd_frame){
		.dst = {0x33, 0x33, 0, 0, 0, 1},
		.ethertype = htons(ETH_P_IPV6),
		.ip = {0x60},
		.len = htons(ICMP6_LEN),
		.next = IPPROTO_ICMPV6,
		.hops = 255,
		.type = 136,
		.flags = htonl(0xa0000000), /* router, override */
		.option = 2,
		.option_len = 1,
	};
	memcpy(f->src, link->mac.b, 6);
	memcpy(f->from, a->b, 16);
	memcpy(f->to, all_nodes, 16);
	memcpy(f->target, a->b, 16);
	memcpy(f->option_mac, link->mac.b, 6);
	sum = add_words(ICMP6_LEN + IPPROTO_ICMPV6, f->from, 32);
	sum = add_words(sum, &f->type, ICMP6_LEN);
	sum = (sum & 0xffff) + (sum >> 16);
	f->check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

/* The group that questions for the address are sent to; it lasts as long as the interface, whoever asked for it. */
static void join_group(const struct gw_driver *d, const struct gw_link *link, const struct gw_addr *a, bool in)
{
	struct ifreq ifr = {0};
	uint8_t *mac = (uint8_t *)ifr.ifr_hwaddr.sa_data;

	memcpy(ifr.ifr_name, link->name, sizeof ifr.ifr_name);
	mac[0] = mac[1] = 0x33;
	mac[2] = 0xff;
	memcpy(mac + 3, a->b + 13, 3);
	ioctl(d->edge.announce_fd, in ? SIOCADDMULTI : SIOCDELMULTI, &ifr); /* EEXIST: it does already */
}

/* What cannot be sent is no failure: neighbours ask when their own doubts come up. */
static void announce(struct gw_driver *d, const struct gw_link *link, const struct gw_prefix *p)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = link->ifindex, .sll_halen = 6};
	bool v4 = gw_addr_is_v4(&p->addr);
	union {
		struct arp_frame arp;
		struct nd_frame nd;
	} f;

	if (p->len != (v4 ? 32 : 128) || !gw_edge_on_segment(d, &p->addr) || gw_edge_is_self(d, &p->addr))
		return;
	/* Kept: closing a packet socket waits for all processors, and addresses come by the hundred. */
	if (d->edge.announce_fd < 0)
		d->edge.announce_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (d->edge.announce_fd < 0)
		return;
	if (v4) {
		fill_arp(&f.arp, link, &p->addr);
	} else {
		join_group(d, link, &p->addr, true);
		fill_nd(&f.nd, link, &p->addr);
	}
	if (link->running)
		sendto(d->edge.announce_fd, &f, v4 ? sizeof f.arp : sizeof f.nd, MSG_DONTWAIT, (struct sockaddr *)&to,
		       sizeof to);
}

/* Of a shared address one of its parts speaks for all. */
static bool is_first(const struct gw_intent *in, const struct gw_hnv_object *o)
{
	const struct gw_hnv_object *first = gw_intent_public_from(in, &o->public.prefix.addr, 0);

	return !first || first == o;
}

void gw_edge_announce(struct gw_driver *d, const struct gw_intent *in, const struct gw_delta *delta)
{
	const struct gw_iface *external = gw_edge_external(d);

	for (size_t i = 0; external && i < delta->n; i++) {
		const struct gw_hnv_object *before = delta->changes[i].before, *after = delta->changes[i].after;

		if (after && after->kind == GW_HNV_PUBLIC && is_first(in, after))
			announce(d, &external->link, &after->public.prefix);
		else if (!after && before->kind == GW_HNV_PUBLIC && !gw_addr_is_v4(&before->public.prefix.addr) &&
			 before->public.prefix.len == 128 && d->edge.announce_fd >= 0)
			join_group(d, &external->link, &before->public.prefix.addr, false);
	}
}

void gw_edge_announce_all(struct gw_driver *d, const struct gw_intent *in)
{
	const struct gw_iface *external = gw_edge_external(d);
	struct gw_link *last = &d->edge.announced;

	if (!external) {
		last->ifindex = 0;
		return;
	}
	if (last->ifindex == external->link.ifindex && gw_mac_equal(&last->mac, &external->link.mac) &&
	    (last->running || !external->link.running)) {
		last->running = external->link.running;
		return;
	}
	*last = external->link;
	for (const struct gw_hnv_object *o = NULL; (o = gw_intent_next(in, GW_HNV_PUBLIC, o));)
		if (is_first(in, o))
			announce(d, &external->link, &o->public.prefix);
}
