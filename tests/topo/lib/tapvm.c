/*
 * tapvm.c - the hypervisor's side of a VM with a tap: opens the tap PORT in the namespace it is started in
 * and a second tap DEV in the VM's namespace, and carries frames between them with their virtio headers, so
 * that checksum and segmentation offloads reach across exactly as with a virtio NIC. Started by
 * tests/topo/lib/world.py.
 *
 * usage: tapvm PORT NETNS-PATH DEV MTU     prints "ready" when both are there; runs until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 65536 + 64)
#define BURST	  64 /* frames carried one way before the other way gets its turn */

static void die(const char *what)
{
	fprintf(stderr, "tapvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_mtu(const char *name, int mtu)
{
	struct ifreq ifr = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	ifr.ifr_mtu = mtu;
	if (s < 0 || ioctl(s, SIOCSIFMTU, &ifr) < 0)
		die("setting the MTU");
	close(s);
}

static int open_tap(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	if (strlen(name) >= sizeof ifr.ifr_name) {
		errno = ENAMETOOLONG;
		die(name);
	}
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("TUNSETIFF");
	/* UDP segmentation came to taps with Linux 6.2. */
	if (ioctl(fd, TUNSETOFFLOAD, offloads | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
		die("TUNSETOFFLOAD");
	set_mtu(name, mtu);
	return fd;
}

/* Carries up to BURST frames. A link that is down takes none (EIO): they are lost as on a pulled cable. */
static void carry(int from, int to)
{
	static unsigned char frame[FRAME_MAX];

	for (int i = 0; i < BURST; i++) {
		ssize_t n = read(from, frame, sizeof frame);

		if (n < 0 && (errno == EAGAIN || errno == EIO))
			return;
		if (n < 0)
			die("read");
		while (write(to, frame, n) < 0) {
			struct pollfd p = {.fd = to, .events = POLLOUT};

			if (errno == EAGAIN) {
				poll(&p, 1, -1);
				continue;
			}
			if (errno != EIO)
				fprintf(stderr, "tapvm: a frame of %zd bytes was not taken: %s\n", n, strerror(errno));
			break;
		}
	}
}

int main(int argc, char **argv)
{
	struct pollfd p[2];
	int netns, mtu;

	if (argc != 5) {
		fprintf(stderr, "usage: tapvm PORT NETNS-PATH DEV MTU\n");
		return 2;
	}
	mtu = atoi(argv[4]);
	p[0] = (struct pollfd){.fd = open_tap(argv[1], mtu), .events = POLLIN};
	netns = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		die(argv[2]);
	close(netns);
	p[1] = (struct pollfd){.fd = open_tap(argv[3], mtu), .events = POLLIN};
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(p, 2, -1) < 0)
			die("poll");
		if (p[0].revents & POLLIN)
			carry(p[0].fd, p[1].fd);
		if (p[1].revents & POLLIN)
			carry(p[1].fd, p[0].fd);
		if ((p[0].revents | p[1].revents) & (POLLHUP | POLLNVAL))
			return 0;
	}
}
