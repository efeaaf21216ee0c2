/*
 * test_way_wire.c - tunnels of connections on links that are real, for what a test run cannot show: super-packets, which the kernel
 * cuts behind the program, and headers that are not in the first piece of a packet. GW-2, ENC-9.
 *
 *   far end: a file | tap0 [the edge program] ... gwc0 | gwc0p: the virtual gateway's end, before which super-packets are cut
 */
#include "outside.h"

#include "../unit/netns.h"
#include "engine/tc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY	   7
#define MAC_WAY	   ((struct mac){{0x02, 0x0c, 0, 0, 0, 1}})
#define IP_AT	   (14 + 28) /* of the inner header, before the tunnel is taken off */
#define SEGMENT	   1000
#define SEGMENTS   3
#define LARGE	   6000 /* more than a page: then what is written is in several pieces */
#define FRAME_ROOM 8192

static int out, inside; /* what arrives at the one end, what has come to the other */

static int wire(const char *link)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(link)};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1;

	assert_true(fd >= 0 && a.sll_ifindex);
	assert_int_equal(bind(fd, (void *)&a, sizeof a), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), 0);
	return fd;
}

/* What is written there tap0 receives. */
static int tap(void)
{
	struct ifreq r = {.ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	return fd;
}

static int wire_group(void **state)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = outside_group(state);

	if (r < 0)
		return r;
	out = tap();
	sh_ok("ip link set tap0 address %02x:%02x:%02x:%02x:%02x:%02x up", MAC_OUT.b[0], MAC_OUT.b[1], MAC_OUT.b[2],
	      MAC_OUT.b[3], MAC_OUT.b[4], MAC_OUT.b[5]);
	sh_ok("ip link add gwc0 mtu 9000 type veth peer name gwc0p mtu 9000 && ip link set gwc0 up && "
	      "ip link set gwc0p up");
	sh_ok("ethtool -K gwc0 tso off gso off sg off tx off >/dev/null"); /* as gwd has tunnels' links */
	assert_int_equal(outside_setup(state), 0);
	assert_int_equal(gw_tc_attach((int)if_nametoindex("tap0"), "tap0",
				      gw_loader_program(world.loader, GW_HOOK_EDGE), false, &err),
			 0);
	inside = wire("gwc0p");
	return 0;
}

static int wire_setup(void **state)
{
	struct gw_tunnel_key key = {.source = ip_of(SELF), .destination = ip_of(FAR), .key = htonl(KEY), .has_key = 1};
	struct gw_bpf_tunnel t = {.key = key, .link = if_nametoindex("gwc0"), .slot = 2};

	(void)state;
	memcpy(t.mac, MAC_WAY.b, 6);
	return bpf_map_update_elem(map_fd(MAP_TUNNELS), &key, &t, BPF_ANY);
}

/* From FAR, as far as the inner packet. */
static struct pkt tunnel(bool v6, uint16_t flags)
{
	struct pkt p = {0};

	pkt_eth(&p, MAC_OUT, MAC_ISP);
	pkt_ip4(&p, FAR, SELF);
	pkt_gre(&p, 0x2000 | flags, v6 ? 0x86dd : 0x0800, KEY);
	if (v6)
		pkt_ip6(&p, "fd00:9::1", "fd00::11");
	else
		pkt_ip4(&p, "172.20.0.9", "10.0.1.11");
	return p;
}

static void send_out(const struct virtio_net_hdr *h, const uint8_t *frame, size_t n)
{
	uint8_t b[sizeof *h + FRAME_ROOM];

	assert_true(n <= FRAME_ROOM);
	memcpy(b, h, sizeof *h);
	memcpy(b + sizeof *h, frame, n);
	assert_int_equal(write(out, b, sizeof *h + n), sizeof *h + n);
}

/* The next frame for the connection; 0: none came. */
static size_t next_inside(uint8_t *b)
{
	struct pollfd p = {.fd = inside, .events = POLLIN};

	while (poll(&p, 1, 2000) == 1) {
		ssize_t n = recv(inside, b, FRAME_ROOM, 0);

		assert_true(n > 0);
		if (n > 14 && memcmp(b, MAC_WAY.b, 6) == 0)
			return (size_t)n;
	}
	return 0;
}

static void super_packet(bool v6, uint16_t flags)
{
	size_t tcp, head = 14 + (v6 ? 40 : 20) + 20, n;
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				   .gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
				   .gso_size = SEGMENT,
				   .csum_offset = 16};
	struct pkt p = tunnel(v6, flags);
	uint8_t b[FRAME_ROOM];

	tcp = pkt_tcp(&p, 1000, 2000);
	pkt_fill(&p, (size_t)SEGMENT * SEGMENTS);
	pkt_close(&p);
	h.csum_start = (uint16_t)tcp;
	h.hdr_len = (uint16_t)(tcp + 20);
	send_out(&h, p.b, p.len);
	for (size_t i = 0; i < SEGMENTS; i++) {
		n = next_inside(b);
		check(n == head + SEGMENT, "segment %zu of IPv%d has %zu bytes", i, v6 ? 6 : 4, n);
		assert_int_equal(get16(b + 12), v6 ? 0x86dd : 0x0800);
		assert_int_equal(get32(b + head - 20 + 4), get32(p.b + tcp + 4) + i * SEGMENT);
		assert_bytes(b + head, p.b + tcp + 20 + i * SEGMENT, SEGMENT);
	}
}

static void test_super_packets(void **state)
{
	(void)state;
	super_packet(false, 0);
	super_packet(true, 0);
	super_packet(false, 0x9000); /* what was put together has been verified, and has no checksum of its own */
	super_packet(true, 0x9000);
}

/* Nothing but the Ethernet header in the first piece. */
static void test_in_pieces(void **state)
{
	struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_NONE, .hdr_len = 14};
	uint8_t frame[FRAME_ROOM] = {0}, b[FRAME_ROOM];
	struct pkt p = tunnel(false, 0);
	size_t udp = pkt_udp(&p, 1000, 2000), n;

	(void)state;
	pkt_fill(&p, 64);
	pkt_close(&p);
	memcpy(frame, p.b, p.len);
	put16(frame + 16, LARGE - 14);
	pkt_fix_ip4(frame + 14);
	put16(frame + IP_AT + 2, LARGE - IP_AT);
	pkt_fix_ip4(frame + IP_AT);
	put16(frame + udp + 4, (uint16_t)(LARGE - udp));
	send_out(&h, frame, LARGE);
	n = next_inside(b);
	assert_int_equal(n, LARGE - 28);
	assert_bytes(b + 14, frame + IP_AT, LARGE - IP_AT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_super_packets, wire_setup),
		cmocka_unit_test_setup(test_in_pieces, wire_setup),
	};
	int bad = run_group("connections on the wire", tests, wire_group);

	harness_as_old_kernel = true;
	return bad + run_group("connections on the wire, on an old kernel", tests, wire_group);
}
