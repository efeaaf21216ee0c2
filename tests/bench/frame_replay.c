/*
 * frame_replay.c - frames from a file, in turn, as fast as one CPU can hand them to interfaces.
 *
 *   frame_replay --frames FILE --size BYTES --seconds S [--fresh]     prints {"sent": ..., "ns": ..., "cpu_ns": ...}
 *
 * The file is a row of entries: the interface's index (32 bits, of this machine) and a frame of BYTES. With --fresh the frames
 * are UDP in IPv4, and each turn through the file gives them other source ports, so that no five-tuple comes twice.
 */
#include "base/cleanup.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BATCH	    64
#define SOURCE_PORT (14 + 20) /* where a frame has it */

struct frames {
	uint8_t *entries;
	size_t n, size; /* of one entry */
};

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_ll to[BATCH];
};

static struct frames frames_map(const char *path, unsigned size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct frames f = {.size = sizeof(uint32_t) + size};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		load_die("%s", path);
	f.n = (size_t)st.st_size / f.size;
	errno = 0;
	if (f.n < BATCH || (size_t)st.st_size % f.size || size < SOURCE_PORT + 2)
		load_die("%s is no row of at least %d frames of %u bytes", path, BATCH, size);
	f.entries = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (f.entries == MAP_FAILED)
		load_die("%s", path);
	return f;
}

static int open_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		load_die("packet socket");
	return fd;
}

static void batch_init(struct batch *b, size_t size)
{
	for (unsigned i = 0; i < BATCH; i++) {
		b->to[i] = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_halen = ETH_ALEN};
		b->iov[i].iov_len = size;
		b->msg[i].msg_hdr = (struct msghdr){
			.msg_name = &b->to[i], .msg_namelen = sizeof(b->to[i]), .msg_iov = &b->iov[i], .msg_iovlen = 1};
	}
}

/* Another source port for the frame, or back to the first one after 65536 turns. */
static void refresh(uint8_t *frame)
{
	uint16_t port;

	memcpy(&port, frame + SOURCE_PORT, sizeof(port));
	port = htons((uint16_t)(ntohs(port) + 1));
	memcpy(frame + SOURCE_PORT, &port, sizeof(port));
}

/* Sends the next BATCH frames, keeping the place in *at; returns how many went out. */
static unsigned send_next(int fd, struct frames *f, struct batch *b, size_t *at, bool fresh)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		uint8_t *entry = f->entries + *at * f->size;
		uint32_t ifindex;

		memcpy(&ifindex, entry, sizeof(ifindex));
		b->to[i].sll_ifindex = (int)ifindex;
		b->iov[i].iov_base = entry + sizeof(ifindex);
		if (fresh)
			refresh(entry + sizeof(ifindex));
		*at = *at + 1 < f->n ? *at + 1 : 0;
	}
	n = sendmmsg(fd, b->msg, BATCH, 0);
	if (n < 0 && errno != ENOBUFS)
		load_die("sendmmsg");
	return n < 0 ? 0 : (unsigned)n;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int fd = -1;
	struct load_options o;
	struct batch b = {};
	struct frames f;
	uint64_t begin, until, now, cpu, sent = 0;
	size_t at = 0;

	load_parse(argc, argv, &o);
	errno = 0;
	if (!o.frames)
		load_die("--frames FILE is needed");
	f = frames_map(o.frames, o.size);
	fd = open_socket();
	batch_init(&b, o.size);
	cpu = load_cpu();
	begin = load_now();
	until = begin + (uint64_t)(o.seconds * 1e9);
	do {
		sent += send_next(fd, &f, &b, &at, o.fresh);
		now = load_now();
	} while (now < until);
	printf("{\"sent\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n", sent, now - begin,
	       load_cpu() - cpu);
	munmap(f.entries, f.n * f.size);
	return 0;
}
