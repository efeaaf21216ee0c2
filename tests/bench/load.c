/* load.c - see load.h; linked into each of the benchmark's traffic tools. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void load_die(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, saved ? ": %s\n" : "\n", strerror(saved));
	exit(1);
}

static _Noreturn void bad_option(const char *name, const char *value)
{
	errno = 0;
	load_die("--%s: bad value '%s'", name, value);
}

static double parse_seconds(const char *name, const char *value)
{
	char *end;
	double d = strtod(value, &end);

	if (*end || end == value || !isfinite(d) || d < 0 || d > 3600)
		bad_option(name, value);
	return d;
}

static unsigned parse_number(const char *name, const char *value, unsigned max)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*end || end == value || value[0] == '-' || n > max)
		bad_option(name, value);
	return (unsigned)n;
}

static void parse_address(const char *name, const char *value, struct sockaddr_in *ret)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(value, ':');
	struct sockaddr_in sin = {.sin_family = AF_INET};

	if (!colon || (size_t)(colon - value) >= sizeof(host))
		bad_option(name, value);
	memcpy(host, value, colon - value);
	host[colon - value] = '\0';
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		bad_option(name, value);
	sin.sin_port = htons((uint16_t)parse_number(name, colon + 1, 65535));
	*ret = sin;
}

void load_parse(int argc, char **argv, struct load_options *o)
{
	static const struct option table[] = {
		{"to", required_argument, NULL, 't'},
		{"listen", required_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 's'},
		{"warmup", required_argument, NULL, 'w'},
		{"cpu", required_argument, NULL, 'c'},
		{"size", required_argument, NULL, 'b'},
		{"flows", required_argument, NULL, 'f'},
		{"frames", required_argument, NULL, 'r'},
		{"fresh", no_argument, NULL, 'n'},
		{"rate", required_argument, NULL, 'p'},
		{},
	};
	int c, index = 0;

	*o = (struct load_options){.seconds = 1, .cpu = -1, .flows = 1};
	while ((c = getopt_long(argc, argv, "", table, &index)) != -1) {
		const char *name = table[index].name;

		switch (c) {
		case 't':
		case 'l':
			parse_address(name, optarg, &o->addr);
			o->listen = c == 'l';
			break;
		case 's':
			o->seconds = parse_seconds(name, optarg);
			break;
		case 'w':
			o->warmup = parse_seconds(name, optarg);
			break;
		case 'c':
			o->cpu = (int)parse_number(name, optarg, CPU_SETSIZE - 1);
			break;
		case 'b':
			o->size = parse_number(name, optarg, 1 << 20);
			break;
		case 'f':
			o->flows = parse_number(name, optarg, 1 << 20);
			break;
		case 'r':
			o->frames = optarg;
			break;
		case 'p':
			o->rate = parse_number(name, optarg, 100000000);
			break;
		case 'n':
			o->fresh = true;
			break;
		default:
			exit(2);
		}
	}
	errno = 0;
	if (optind != argc || !o->addr.sin_family == !o->frames || !o->flows)
		load_die(
			"one of --to and --listen ADDRESS:PORT, or --frames, is needed, and nothing that is no option");
	load_pin(o->cpu);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t load_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t load_cpu(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void load_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		load_die("pin to CPU %d", cpu);
}

int load_socket(const struct load_options *o, int type)
{
	const struct sockaddr *sa = (const struct sockaddr *)&o->addr;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		load_die("socket");
	if (o->listen) {
		if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
			load_die("SO_REUSEADDR");
		if (bind(fd, sa, sizeof(o->addr)) < 0)
			load_die("bind");
	} else if (connect(fd, sa, sizeof(o->addr)) < 0) {
		load_die("connect");
	}
	return fd;
}

void load_ready(void)
{
	puts("ready");
	fflush(stdout);
}
