/*
 * inside.c - names of VRFs' namespaces, and doing something inside one. Called by drivers on the loop's thread, which itself
 * never leaves the namespace of the node: what has to be done inside is done by a thread that ends there.
 */
#include "netns/netns.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/vfs.h>

const char *gw_netns_vrf_name(const char *node, uint32_t vsid, char buf[static GW_NETNS_STRLEN])
{
	snprintf(buf, GW_NETNS_STRLEN, GW_NETNS_PREFIX "%s-%" PRIu32, node, vsid);
	return buf;
}

int gw_netns_open(const char *name, int *ret_fd)
{
	char checked[GW_NETNS_STRLEN], path[sizeof GW_NETNS_DIR + GW_NETNS_STRLEN];
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	if (snprintf(checked, sizeof checked, "%s", name) >= (int)sizeof checked || !gw_netns_name_valid(checked))
		return -EINVAL;
	snprintf(path, sizeof path, GW_NETNS_DIR "/%s", checked);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC)
		return -ENOENT;
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

struct visit {
	int ns_fd;
	int (*fn)(void *arg);
	void *arg;
	int r;
};

static void *visit(void *arg)
{
	struct visit *v = arg;

	v->r = setns(v->ns_fd, CLONE_NEWNET) < 0 ? -errno : v->fn(v->arg);
	return NULL;
}

int gw_netns_run(int ns_fd, int (*fn)(void *arg), void *arg)
{
	struct visit v = {.ns_fd = ns_fd, .fn = fn, .arg = arg};
	sigset_t all, before;
	pthread_t thread;
	int r;

	/* Signals are for the loop's thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, visit, &v);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		r = pthread_join(thread, NULL);
	return r ? -r : v.r;
}
