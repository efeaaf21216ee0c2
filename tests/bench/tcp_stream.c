/*
 * tcp_stream.c - TCP connections, as fast as they go; the receiver decides when it has seen enough.
 *
 *   tcp_stream --listen ADDRESS:PORT --warmup S --seconds S [--flows N]     takes N connections, prints
 *                                                                           {"bytes": ..., "ns": ..., "cpu_ns": ...}
 *   tcp_stream --to ADDRESS:PORT [--flows N]                                sends until the other side closes, prints the same
 *
 * Payload is copied on both sides, as an application would. What counts is what arrived after the warm-up.
 */
#include "base/cleanup.h"
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define MAX_STREAMS 16

static char chunk[128 * 1024];

/* The connections of one end. A single one is left to block in the system call, several are polled. */
struct streams {
	struct pollfd p[MAX_STREAMS];
	unsigned n;
};

static void streams_add(struct streams *s, int fd, short events)
{
	s->p[s->n++] = (struct pollfd){.fd = fd, .events = events, .revents = events};
}

static void streams_done(struct streams *s)
{
	while (s->n)
		close(s->p[--s->n].fd);
}

static void streams_wait(struct streams *s)
{
	if (s->n > 1 && poll(s->p, s->n, -1) < 0)
		load_die("poll");
}

/* Reads until `until`; returns the number of bytes, and the time of the last of them. */
static uint64_t drain(struct streams *s, uint64_t until, uint64_t *ret_last)
{
	uint64_t bytes = 0, now;

	do {
		streams_wait(s);
		for (unsigned i = 0; i < s->n; i++) {
			ssize_t n;

			if (!s->p[i].revents)
				continue;
			n = recv(s->p[i].fd, chunk, sizeof(chunk), 0);
			if (n <= 0)
				load_die("the sender stopped early");
			bytes += (uint64_t)n;
		}
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
	_cleanup_close_ int listener = load_socket(o, SOCK_STREAM);
	struct streams s = {.n = 0};
	uint64_t from, last, bytes, cpu;

	if (listen(listener, (int)o->flows) < 0)
		load_die("listen");
	load_ready();
	while (s.n < o->flows) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			load_die("accept");
		streams_add(&s, fd, POLLIN);
	}
	drain(&s, load_now() + (uint64_t)(o->warmup * 1e9), &from);
	cpu = load_cpu();
	bytes = drain(&s, from + (uint64_t)(o->seconds * 1e9), &last);
	report(bytes, last - from, load_cpu() - cpu);
	streams_done(&s);
}

static void transmit(const struct load_options *o)
{
	/* Pacing (BBR, where it is the default) would measure its timers; reno is built into every kernel. */
	static const char congestion[] = "reno";
	struct streams s = {.n = 0};
	uint64_t from = load_now(), cpu = load_cpu(), bytes = 0;
	bool closed = false;

	while (s.n < o->flows) {
		int fd = load_socket(o, SOCK_STREAM);

		if (setsockopt(fd, SOL_TCP, TCP_CONGESTION, congestion, sizeof(congestion) - 1) < 0)
			load_die("TCP_CONGESTION %s", congestion);
		streams_add(&s, fd, POLLOUT);
	}
	while (!closed) {
		streams_wait(&s);
		for (unsigned i = 0; i < s.n && !closed; i++) {
			ssize_t n;

			if (!s.p[i].revents)
				continue;
			n = send(s.p[i].fd, chunk, sizeof(chunk), MSG_NOSIGNAL | (s.n > 1 ? MSG_DONTWAIT : 0));
			closed = n < 0 && errno != EAGAIN;
			bytes += n > 0 ? (uint64_t)n : 0;
		}
	}
	if (errno != EPIPE && errno != ECONNRESET)
		load_die("send");
	report(bytes, load_now() - from, load_cpu() - cpu);
	streams_done(&s);
}

int main(int argc, char **argv)
{
	struct load_options o;

	load_parse(argc, argv, &o);
	errno = 0;
	if (o.flows > MAX_STREAMS)
		load_die("at most %d connections", MAX_STREAMS);
	if (o.listen)
		receive(&o);
	else
		transmit(&o);
	return 0;
}
