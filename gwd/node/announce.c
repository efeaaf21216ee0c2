/*
 * announce.c - tells the neighbours on the segment where a provider address is now. The kernel does not when an address is
 * added, and a node that talked to the address's former interface would go on to do so until its own doubts come up, seconds
 * later. Called when the node driver has put an address in place.
 */
#include "node/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

struct arp_frame {
	uint8_t dst[6], src[6];
	uint16_t ethertype, hardware, protocol;
	uint8_t hardware_len, protocol_len;
	uint16_t operation;
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

int gw_node_announce(struct gw_driver *d, const struct gw_node_iface *iface, const struct gw_addr *addr)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = iface->ifindex, .sll_halen = 6};
	struct arp_frame f = {
		.ethertype = htons(ETH_P_ARP),
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_len = 6,
		.protocol_len = 4,
		.operation = htons(ARPOP_REQUEST),
	};

	if (!gw_addr_is_v4(addr) || !iface->running)
		return 0;
	/* Kept: closing a packet socket waits for all processors, and addresses come by the hundred. */
	if (d->announce_fd < 0)
		d->announce_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (d->announce_fd < 0)
		return -errno;
	memset(f.dst, 0xff, sizeof f.dst);
	memcpy(f.src, iface->mac.b, sizeof f.src);
	memcpy(f.sender_mac, iface->mac.b, sizeof f.sender_mac);
	memcpy(f.sender, addr->b + 12, sizeof f.sender);
	memcpy(f.target, addr->b + 12, sizeof f.target);
	memset(to.sll_addr, 0xff, 6);
	return sendto(d->announce_fd, &f, sizeof f, 0, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}
