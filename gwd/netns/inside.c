/*
 * inside.c - names of VRFs' namespaces, and doing something inside one. Called by drivers on the loop's thread, which itself
 * never leaves the namespace of the node: what has to be done inside is done by a thread that ends there.
 */
#include "netns/place.h"

#include "base/addr.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gw_netns_vrf_name(const char *node, uint32_t vsid, char buf[static GW_NETNS_STRLEN])
{
	snprintf(buf, GW_NETNS_STRLEN, GW_NETNS_PREFIX "%s-%" PRIu32, node, vsid);
	return buf;
}

uint32_t gw_netns_vrf_vsid(const char *node, const char *name)
{
	size_t prefix = strlen(GW_NETNS_PREFIX), n = strlen(node), digits;
	unsigned long vsid;

	if (strncmp(name, GW_NETNS_PREFIX, prefix) != 0 || strncmp(name + prefix, node, n) != 0 ||
	    name[prefix + n] != '-')
		return 0;
	/* Digits and nothing else: "gwd-a-1-5001" is of a node called a-1, not of a. */
	name += prefix + n + 1;
	digits = strspn(name, "0123456789");
	if (digits == 0 || digits > 8 || name[digits] || name[0] == '0')
		return 0;
	vsid = strtoul(name, NULL, 10);
	return gw_vsid_assignable(vsid) ? (uint32_t)vsid : 0;
}

int gw_netns_open(const char *name, int *ret_fd)
{
	char checked[GW_NETNS_STRLEN];

	if (snprintf(checked, sizeof checked, "%s", name) >= (int)sizeof checked || !gw_netns_name_valid(checked))
		return -EINVAL;
	return gw_netns_place_get(checked, ret_fd);
}

int gw_netns_each(const char *node, gw_netns_cb cb, void *ctx, struct gw_error *err)
{
	DIR *dir = opendir(GW_NETNS_DIR);
	uint32_t vsid;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0
				       : gw_error_set(err, errno, GW_ERR_INTERNAL, GW_NETNS_DIR, "cannot read %s: %s",
						      GW_NETNS_DIR, strerror(errno));
	for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
		vsid = gw_netns_vrf_vsid(node, e->d_name);
		if (vsid)
			r = cb(ctx, e->d_name, vsid, err);
	}
	closedir(dir);
	return r;
}

static int delete_one(void *ctx, const char *name, uint32_t vsid, struct gw_error *err)
{
	(void)vsid;
	return gw_netns_delete(ctx, name, err);
}

int gw_netns_delete_all(const char *socket_path, const char *node, struct gw_error *err)
{
	return gw_netns_each(node, delete_one, (void *)socket_path, err);
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
