/*
 * udp_flood.c - small datagrams as fast as one CPU can hand them to the kernel, with sendmmsg and without UDP
 * GSO: each packet pays the whole way.
 *
 *   udp_flood --to ADDRESS:PORT --seconds S --size PAYLOAD [--flows N] [--rate N]     prints {"sent": ..., "ns": ...,
 * "cpu_ns": ...}
 *
 * With --flows the datagrams go to N destination ports in turn, from PORT on, wrapping below 65536 into a new source
 * port: as many five-tuples, each used once per turn. With --rate there are no more than N in a second, in bursts of BATCH; the
 * CPU is free between them. Whatever arrives is counted at the other end, see bench.bpf.c.
 */
#include "base/cleanup.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	    64
#define MAX_PAYLOAD 1400

/* One sending socket's share of the flows: destination ports first .. first + n - 1. */
struct lane {
	int fd;
	unsigned n;
};

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in to[BATCH];
	char payload[MAX_PAYLOAD];
};

static void batch_init(struct batch *b, const struct load_options *o)
{
	for (unsigned i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){.iov_base = b->payload, .iov_len = o->size};
		b->to[i] = o->addr;
		b->msg[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
		if (o->flows > 1) { /* else the connected socket knows */
			b->msg[i].msg_hdr.msg_name = &b->to[i];
			b->msg[i].msg_hdr.msg_namelen = sizeof(b->to[i]);
		}
	}
}

static struct lane *lanes_open(const struct load_options *o, unsigned *ret_n)
{
	unsigned per_lane = 65536 - ntohs(o->addr.sin_port), n = (o->flows + per_lane - 1) / per_lane;
	struct lane *lanes = calloc(n, sizeof(*lanes));

	if (!lanes)
		load_die("out of memory");
	for (unsigned i = 0, left = o->flows; i < n; i++, left -= lanes[i - 1].n) {
		lanes[i].fd = load_socket(o, SOCK_DGRAM);
		lanes[i].n = left < per_lane ? left : per_lane;
	}
	*ret_n = n;
	return lanes;
}

static unsigned send_batch(const struct lane *l, struct batch *b)
{
	int n = sendmmsg(l->fd, b->msg, BATCH, 0);

	/* A full queue on the way is a loss like any other; a refusal by the other end's stack is none of ours. */
	if (n < 0 && errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN)
		load_die("sendmmsg");
	return n < 0 ? 0 : (unsigned)n;
}

/* Sends to the next BATCH flows, keeping the place in *lane and *port; returns how many went out. */
static unsigned send_next(struct lane *lanes, unsigned n_lanes, unsigned *lane, unsigned *port, struct batch *b,
			  unsigned first)
{
	for (unsigned i = 0; i < BATCH; i++)
		b->to[i].sin_port = htons((uint16_t)(first + (*port + i) % lanes[*lane].n));
	*port += BATCH;
	if (*port < lanes[*lane].n)
		return send_batch(&lanes[*lane], b);
	*port = 0;
	*lane = (*lane + 1) % n_lanes;
	return send_batch(&lanes[(*lane + n_lanes - 1) % n_lanes], b);
}

/* Sleeps until it is time for more. */
static void pace(const struct load_options *o, uint64_t begin, uint64_t sent)
{
	uint64_t due = begin + (uint64_t)((double)sent * 1e9 / o->rate);
	struct timespec at = {.tv_sec = (time_t)(due / 1000000000), .tv_nsec = (long)(due % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

int main(int argc, char **argv)
{
	static struct batch b;
	struct load_options o;
	struct lane *lanes;
	unsigned n_lanes, lane = 0, port = 0;
	uint64_t begin, until, now, cpu, sent = 0;

	load_parse(argc, argv, &o);
	errno = 0;
	if (o.listen || o.size > MAX_PAYLOAD)
		load_die("udp_flood only sends, and at most %d bytes", MAX_PAYLOAD);
	batch_init(&b, &o);
	lanes = lanes_open(&o, &n_lanes);
	cpu = load_cpu();
	begin = load_now();
	until = begin + (uint64_t)(o.seconds * 1e9);
	do {
		if (o.rate)
			pace(&o, begin, sent);
		sent += o.flows > 1 ? send_next(lanes, n_lanes, &lane, &port, &b, ntohs(o.addr.sin_port))
				    : send_batch(lanes, &b);
		now = load_now();
	} while (now < until);
	printf("{\"sent\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n", sent, now - begin,
	       load_cpu() - cpu);
	for (unsigned i = 0; i < n_lanes; i++)
		close(lanes[i].fd);
	free(lanes);
	return 0;
}
