/*
 * place.c - see place.h. A namespace lives by its mount in GW_NETNS_DIR, as ip-netns(8) makes it; nothing is kept in memory.
 *
 * The new namespace is entered by a child process that does nothing but name it and end: whatever fails, the caller is where it
 * was.
 */
#include "netns/place.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define PATHLEN (sizeof GW_NETNS_DIR + GW_NETNS_STRLEN)

/* As ip-netns(8) does: mounts below it are seen in all mount namespaces, whichever of them was there first. */
static int share_dir(void)
{
	if (mkdir(GW_NETNS_DIR, 0755) == 0)
		chmod(GW_NETNS_DIR, 0755); /* whatever the umask: others may look */
	else if (errno != EEXIST)
		return -errno;
	if (mount("", GW_NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(GW_NETNS_DIR, GW_NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", GW_NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0)
		return -errno;
	return 0;
}

#define CHILD_STACK 16384

/* In a child: system calls only, since it has the memory of its parent, which may have threads that hold locks. */
static int name_new(void *path)
{
	int r = unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) < 0 ? errno : 0;

	return r < 255 ? r : EIO;
}

/* A copy of the memory, for a child that looks at none of it, would take the longer the more virtual gateways there are. */
static int mount_new(char *path)
{
	char stack[CHILD_STACK] __attribute__((aligned(16)));
	pid_t child = clone(name_new, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, path);
	int status;

	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int open_path(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC)
		return -ENOENT; /* the file of a namespace whose mount is gone */
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

static void path_of(const char *name, char buf[static PATHLEN])
{
	snprintf(buf, PATHLEN, GW_NETNS_DIR "/%s", name);
}

int gw_netns_place_get(const char *name, int *ret_fd)
{
	char path[PATHLEN];

	path_of(name, path);
	return open_path(path, ret_fd);
}

int gw_netns_place_add(const char *name, int *ret_fd)
{
	_cleanup_close_ int file = -1, taken = -1;
	int r = share_dir();
	char path[PATHLEN];

	if (r < 0)
		return r;
	path_of(name, path);
	if (open_path(path, &taken) == 0)
		return -EEXIST;
	/* Readable: root has no privilege here to open it otherwise, should it be left without its mount. */
	file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (file < 0)
		return -errno;
	r = mount_new(path);
	if (r == 0)
		r = open_path(path, ret_fd);
	else
		unlink(path);
	return r;
}

int gw_netns_place_delete(const char *name)
{
	char path[PATHLEN];

	path_of(name, path);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return -errno;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Whether the mount that `path` is on, or below, takes in what is mounted elsewhere without giving back ("master:"). */
static bool is_slave(const char *path)
{
	_cleanup_free_ char *line = NULL;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t cap = 0, longest = 0;
	bool slave = false;

	while (f && getline(&line, &cap, f) > 0) {
		char at[128], *rest = strstr(line, " - ");
		int end = 0;
		size_t n;

		/* "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 ..."; a longer path than `at` is not the one. */
		if (!rest || sscanf(line, "%*s %*s %*s %*s %127s %*s%n", at, &end) != 1 || !end)
			continue;
		*rest = '\0';
		n = strcmp(at, "/") == 0 ? 0 : strlen(at);
		if (n < longest || strncmp(at, path, n) != 0 || (path[n] && path[n] != '/'))
			continue;
		longest = n; /* of several on one place the last is on top */
		slave = strstr(line + end, " master:") != NULL;
	}
	if (f)
		fclose(f);
	return slave;
}

bool gw_netns_place_is_sandbox(void)
{
	struct stat own, first;

	/* A container's first process is where everybody in it is. It may not be ours to look at: then the mount decides. */
	if (stat("/proc/self/ns/mnt", &own) == 0 && stat("/proc/1/ns/mnt", &first) == 0 && own.st_ino == first.st_ino)
		return false;
	return is_slave(GW_NETNS_DIR);
}
