/*
 * announce.c - tells the neighbours on a segment where an address is now: a gratuitous ARP request, or an unsolicited neighbour
 * advertisement. The kernel does not when an address is added, and never for one that it does not have itself. Called by the node
 * driver for provider addresses, and by the engine for public ones.
 */
#include "nl/nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <string.h>
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

static void fill_arp(struct arp_frame *f, const struct gw_mac *mac, const struct gw_addr *a)
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
	memcpy(f->src, mac->b, 6);
	memcpy(f->sender_mac, mac->b, 6);
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
static void fill_nd(struct nd_frame *f, const struct gw_mac *mac, const struct gw_addr *a)
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
	memcpy(f->src, mac->b, 6);
	memcpy(f->from, a->b, 16);
	memcpy(f->to, all_nodes, 16);
	memcpy(f->target, a->b, 16);
	memcpy(f->option_mac, mac->b, 6);
	sum = add_words(ICMP6_LEN + IPPROTO_ICMPV6, f->from, 32);
	sum = add_words(sum, &f->type, ICMP6_LEN);
	sum = (sum & 0xffff) + (sum >> 16);
	f->check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

int gw_nl_announce_open(int *fd)
{
	if (*fd < 0)
		*fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	return *fd < 0 ? -errno : 0;
}

int gw_nl_announce(int fd, int ifindex, const struct gw_mac *mac, const struct gw_addr *addr)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = 6};
	bool v4 = gw_addr_is_v4(addr);
	union {
		struct arp_frame arp;
		struct nd_frame nd;
	} f;

	if (v4)
		fill_arp(&f.arp, mac, addr);
	else
		fill_nd(&f.nd, mac, addr);
	memcpy(to.sll_addr, &f, 6);
	return sendto(fd, &f, v4 ? sizeof f.arp : sizeof f.nd, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) < 0
		       ? -errno
		       : 0;
}
