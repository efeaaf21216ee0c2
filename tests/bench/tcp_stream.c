/*
 * tcp_stream.c - one TCP connection, as fast as it goes; the receiver decides when it has seen enough.
 *
 *   tcp_stream --listen ADDRESS:PORT --warmup S --seconds S     takes one connection, prints {"bytes": ...,
 * "ns": ...} tcp_stream --to ADDRESS:PORT                                sends until the other side closes
 *
 * Payload is copied on both sides, as an application would. What counts is what arrived after the warm-up.
 */
#include "base/cleanup.h"
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static char chunk[128 * 1024];

/* Reads until `until`; returns the number of bytes, and the time of the last of them. */
static uint64_t drain(int fd, uint64_t until, uint64_t *ret_last)
{
	uint64_t bytes = 0, now;

	do {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

		if (n <= 0)
			load_die("the sender stopped early");
		bytes += (uint64_t)n;
		now = load_now();
	} while (now < until);
	*ret_last = now;
	return bytes;
}

static void report(uint64_t bytes, uint64_t ns, uint64_t cpu)
{
	printf("{\"bytes\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n", bytes, ns, cpu);
}

static void receive(const struct load_options *o)
{
	_cleanup_close_ int listener = load_socket(o, SOCK_STREAM), fd = -1;
	uint64_t from, last, bytes, cpu;

	if (listen(listener, 1) < 0)
		load_die("listen");
	load_ready();
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		load_die("accept");
	drain(fd, load_now() + (uint64_t)(o->warmup * 1e9), &from);
	cpu = load_cpu();
	bytes = drain(fd, from + (uint64_t)(o->seconds * 1e9), &last);
	report(bytes, last - from, load_cpu() - cpu);
}

static void transmit(const struct load_options *o)
{
	_cleanup_close_ int fd = load_socket(o, SOCK_STREAM);
	/* Pacing (BBR, where it is the default) would measure its timers; reno is built into every kernel. */
	static const char congestion[] = "reno";
	uint64_t from = load_now(), cpu = load_cpu(), bytes = 0;
	ssize_t n;

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, sizeof(congestion) - 1) < 0)
		load_die("TCP_CONGESTION %s", congestion);
	while ((n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL)) >= 0)
		bytes += (uint64_t)n;
	if (errno != EPIPE && errno != ECONNRESET)
		load_die("send");
	report(bytes, load_now() - from, load_cpu() - cpu);
}

int main(int argc, char **argv)
{
	struct load_options o;

	load_parse(argc, argv, &o);
	if (o.listen)
		receive(&o);
	else
		transmit(&o);
	return 0;
}
