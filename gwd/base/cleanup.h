/* cleanup.h - scope-bound release of descriptors and memory: `_cleanup_free_ char *s`, `_cleanup_close_ int fd = -1`. */
#ifndef GW_BASE_CLEANUP_H
#define GW_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void gw_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void gw_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Takes a descriptor out of its scope: it is the caller's from here on. */
static inline int gw_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define _cleanup_(f)	__attribute__((cleanup(f)))
#define _cleanup_free_	_cleanup_(gw_cleanup_free)
#define _cleanup_close_ _cleanup_(gw_cleanup_close)

#endif
