/*
 * udp_rtt.c - one datagram there and back, again and again.
 *
 *   udp_rtt --listen ADDRESS:PORT                        echoes until killed
 *   udp_rtt --to ADDRESS:PORT --seconds S --size BYTES   prints {"n": ..., "p50": ..., "p99": ..., "lost":
 * ...}, ns
 */
#include "base/cleanup.h"
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#define MAX_PAYLOAD 1400
#define MAX_SAMPLES (1 << 20)

static void echo(const struct load_options *o)
{
	_cleanup_close_ int fd = load_socket(o, SOCK_DGRAM);
	char buf[MAX_PAYLOAD];

	load_ready();
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n < 0 || sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			load_die("echo");
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Takes samples until the time is over; each datagram carries its
 * number, so that a late answer is not taken for the next. */
static size_t measure(const struct load_options *o, uint64_t *samples, unsigned *ret_lost)
{
	_cleanup_close_ int fd = load_socket(o, SOCK_DGRAM);
	struct timeval patience = {.tv_usec = 200000};
	uint64_t until = load_now() + (uint64_t)(o->seconds * 1e9), begin;
	union {
		uint64_t number;
		char bytes[MAX_PAYLOAD];
	} out = {}, in;
	size_t n = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		load_die("SO_RCVTIMEO");
	while ((begin = load_now()) < until && n < MAX_SAMPLES) {
		ssize_t got;

		out.number++;
		if (send(fd, out.bytes, o->size, 0) < 0)
			load_die("send");
		do
			got = recv(fd, in.bytes, sizeof(in.bytes), 0);
		while (got == (ssize_t)o->size && in.number != out.number);
		if (got == (ssize_t)o->size)
			samples[n++] = load_now() - begin;
		else if (got < 0 && errno == EAGAIN)
			++*ret_lost;
		else
			load_die("receive");
	}
	return n;
}

int main(int argc, char **argv)
{
	struct load_options o;
	_cleanup_free_ uint64_t *samples = NULL;
	unsigned lost = 0;
	size_t n;

	load_parse(argc, argv, &o);
	if (o.listen)
		echo(&o);
	errno = 0;
	if (o.size < sizeof(uint64_t) || o.size > MAX_PAYLOAD)
		load_die("--size must be 8..%d", MAX_PAYLOAD);
	samples = calloc(MAX_SAMPLES, sizeof(*samples));
	if (!samples)
		load_die("out of memory");
	n = measure(&o, samples, &lost);
	errno = 0;
	if (!n)
		load_die("no answer from the other end");
	qsort(samples, n, sizeof(*samples), compare);
	printf("{\"n\": %zu, \"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"lost\": %u}\n", n, samples[n / 2],
	       samples[n - 1 - (n - 1) / 100], lost);
	return 0;
}
