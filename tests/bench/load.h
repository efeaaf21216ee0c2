/* load.h - what the traffic tools of the benchmark share: option
 * parsing that refuses nonsense, pinning, sockets, time. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Options that all tools have; a tool ignores what it has no use for. */
struct load_options {
	struct sockaddr_in addr; /* --to or --listen ADDRESS:PORT */
	bool listen, fresh;
	const char *frames; /* instead of an address */
	double seconds, warmup;
	int cpu; /* -1: wherever the scheduler likes */
	unsigned size, flows, rate;
};

void load_parse(int argc, char **argv, struct load_options *o);
/* Prints "program: message: strerror" and ends with status 1. */
_Noreturn void load_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint64_t load_now(void); /* ns, monotonic */
/*
 * ns of CPU that this process has used. That includes what its packets cost in softirq context, as long as
 * they are not left to ksoftirqd, and leaves out what other processes took of the CPU meanwhile.
 */
uint64_t load_cpu(void);
void load_pin(int cpu);
/* A socket of `type` that is bound (o->listen) or connected, according to `o`. */
int load_socket(const struct load_options *o, int type);
/* Tells who started us that packets may come now. */
void load_ready(void);

#endif
