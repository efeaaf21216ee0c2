/*
 * tcp_connect.c - TCP connections that are opened one after the other, and ended at once.
 *
 *   tcp_connect --listen ADDRESS:PORT          takes connections until killed
 *   tcp_connect --to ADDRESS:PORT --seconds S  prints {"n": ..., "p50": ..., "p99": ..., "lost": ...}: ns until each was open, and how
 *                                              many were not within PATIENCE_MS, which is before TCP asks a second time
 */
#include "base/cleanup.h"
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BACKLOG	    4096
#define MAX_SAMPLES (1 << 20)
#define PATIENCE_MS 900

static void take(const struct load_options *o)
{
	_cleanup_close_ int listener = load_socket(o, SOCK_STREAM);

	if (listen(listener, BACKLOG) < 0)
		load_die("listen");
	load_ready();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			close(fd);
		else if (errno != ECONNABORTED)
			load_die("accept");
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* False: it was not open in time. */
static bool open_one(const struct load_options *o, uint64_t *ret_ns)
{
	static const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
	static const struct linger reset = {.l_onoff = 1};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t begin;

	/* Its end is a reset: nothing of it stays, so that no number of connections uses the ports up. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		load_die("socket");
	begin = load_now();
	if (connect(fd, (const struct sockaddr *)&o->addr, sizeof(o->addr)) < 0) {
		if (errno != EINPROGRESS)
			load_die("connect");
		return false;
	}
	*ret_ns = load_now() - begin;
	return true;
}

int main(int argc, char **argv)
{
	struct load_options o;
	_cleanup_free_ uint64_t *samples = NULL;
	uint64_t until;
	size_t n = 0, lost = 0;

	load_parse(argc, argv, &o);
	if (o.listen)
		take(&o);
	samples = calloc(MAX_SAMPLES, sizeof(*samples));
	if (!samples)
		load_die("out of memory");
	until = load_now() + (uint64_t)(o.seconds * 1e9);
	while (load_now() < until && n < MAX_SAMPLES) {
		if (open_one(&o, &samples[n]))
			n++;
		else
			lost++;
	}
	errno = 0;
	if (!n)
		load_die("no connection was opened");
	qsort(samples, n, sizeof(*samples), compare);
	printf("{\"n\": %zu, \"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"lost\": %zu}\n", n, samples[n / 2],
	       samples[n - 1 - (n - 1) / 100], lost);
	return 0;
}
