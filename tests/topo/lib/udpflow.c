/*
 * udpflow.c - a UDP flow whose every datagram carries a sequence number, sent at a known rate; the receiver
 * knows what was lost, doubled or out of order. Started by tests/topo/lib/traffic.py.
 *
 * usage: udpflow send ADDRESS PORT RATE SECONDS SIZE   RATE in datagrams/s, 0: as fast as it goes; SIZE of
 * the payload udpflow recv ADDRESS PORT                     prints "ready", runs until SIGTERM Both print one
 * JSON object at their end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAGIC	    0x67776466u
#define PAYLOAD_MAX 9000
#define SEQ_MAX	    (1u << 27)
#define TICK_NS	    200000 /* the sender wakes up this often */

struct payload {
	uint32_t magic, pad;
	uint64_t seq;
};

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "udpflow: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static socklen_t parse(const char *address, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)atoi(port));
		return sizeof *v6;
	}
	errno = EINVAL;
	die(address);
	return 0;
}

/* A sender that moves to another CPU overtakes itself: each has a queue of its own on the way through a veth. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof here, &here);
}

static int do_send(char **argv)
{
	struct sockaddr_storage to;
	socklen_t len = parse(argv[0], argv[1], &to);
	uint64_t rate = strtoull(argv[2], NULL, 10), sent = 0, refused = 0;
	uint64_t duration = (uint64_t)(atof(argv[3]) * 1e9), start, elapsed = 0;
	size_t size = strtoul(argv[4], NULL, 10);
	char buf[PAYLOAD_MAX] = {0};
	struct payload *p = (struct payload *)buf;
	int s = socket(to.ss_family, SOCK_DGRAM, 0);

	if (s < 0 || size < sizeof *p || size > sizeof buf || connect(s, (struct sockaddr *)&to, len) < 0)
		die("send");
	stay_here();
	p->magic = MAGIC;
	start = now_ns();
	while (!stopped && elapsed < duration) {
		uint64_t due = rate ? elapsed * rate / 1000000000u + 1 : sent + 64;

		while (sent < due && !stopped) {
			p->seq = sent;
			if (send(s, buf, size, 0) >= 0) {
				sent++;
				continue;
			}
			/* An ICMP error of an earlier datagram, or no buffer: this one was not sent; try it
			 * again. */
			if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EHOSTUNREACH && errno != EINTR)
				die("send");
			refused++;
			if (now_ns() - start >= duration)
				break;
		}
		if (rate)
			nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
		elapsed = now_ns() - start;
	}
	printf("{\"sent\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.6f}\n", sent, refused,
	       (double)(now_ns() - start) / 1e9);
	return 0;
}

static int do_recv(char **argv)
{
	static uint8_t seen[SEQ_MAX / 8];
	struct sockaddr_storage at;
	socklen_t len = parse(argv[0], argv[1], &at);
	uint64_t received = 0, unique = 0, doubled = 0, reordered = 0, alien = 0, next = 0, late = 0;
	int s = socket(at.ss_family, SOCK_DGRAM, 0), rcvbuf = 64 << 20;
	char buf[PAYLOAD_MAX];

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof rcvbuf) < 0 ||
	    bind(s, (struct sockaddr *)&at, len) < 0)
		die("recv");
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct payload *p = (struct payload *)buf;
		ssize_t n = recv(s, buf, sizeof buf, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd f = {.fd = s, .events = POLLIN};

			if (stopped)
				break;
			poll(&f, 1, 50);
			continue;
		}
		if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
			die("recv");
		if (n < (ssize_t)sizeof *p || p->magic != MAGIC || p->seq >= SEQ_MAX) {
			alien++;
			continue;
		}
		received++;
		if (seen[p->seq / 8] & 1u << p->seq % 8) {
			doubled++;
			continue;
		}
		seen[p->seq / 8] |= (uint8_t)(1u << p->seq % 8);
		unique++;
		if (p->seq < next && !reordered++)
			late = p->seq;
		if (p->seq >= next)
			next = p->seq + 1;
	}
	printf("{\"received\": %" PRIu64 ", \"unique\": %" PRIu64 ", \"doubled\": %" PRIu64 ", \"reordered\": %" PRIu64
	       ", \"firstLate\": %" PRIu64 ", \"alien\": %" PRIu64 ", \"highest\": %" PRIu64 "}\n",
	       received, unique, doubled, reordered, late, alien, next);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_stop};

	sigaction(SIGTERM, &sa, NULL);
	if (argc == 7 && !strcmp(argv[1], "send"))
		return do_send(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "recv"))
		return do_recv(argv + 2);
	fprintf(stderr, "usage: udpflow send ADDRESS PORT RATE SECONDS SIZE | udpflow recv ADDRESS PORT\n");
	return 2;
}
