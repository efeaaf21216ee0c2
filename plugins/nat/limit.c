/* limit.c - see limit.h. */
#include "nat/limit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t nat_limit_kernel(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_max", O_RDONLY | O_CLOEXEC);
	char text[32] = "";
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* Before the kernel drops by itself, gwd must have looked, and refused: as many may begin within its shortest interval and a bit. */
static uint32_t room_below(uint32_t kernel, uint32_t new_rate)
{
	uint32_t room = kernel / 16 > new_rate / 20 ? kernel / 16 : new_rate / 20;

	return room < kernel / 4 ? room : kernel / 4;
}

uint32_t nat_limit_in_force(uint32_t wanted, uint32_t kernel, uint32_t new_rate)
{
	uint32_t possible = kernel - room_below(kernel, new_rate);

	return kernel && possible < wanted ? possible : wanted;
}
