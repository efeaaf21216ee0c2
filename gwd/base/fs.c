/* fs.c - see fs.h. Used by the store, the API and the composition root. */
#include "base/fs.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int make_one(const char *path, mode_t mode, struct gw_error *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST) {
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path,
			    "cannot create directory: %s; check the name, and that gwd may write to what is above it",
			    strerror(errno));
}

int gw_fs_mkdirs(const char *path, mode_t mode, struct gw_error *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof part)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_UNAVAILABLE, path, "not a usable directory name");
	memcpy(part, path, n + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = make_one(part, mode, err);
		if (r < 0)
			return r;
		*slash = '/';
	}
	return make_one(part, mode, err);
}

int gw_fs_mkdirs_for(const char *file, mode_t mode, struct gw_error *err)
{
	const char *slash = strrchr(file, '/');
	char dir[PATH_MAX];
	size_t n;

	if (!slash || slash == file)
		return 0;
	n = (size_t)(slash - file);
	if (n >= sizeof dir)
		return gw_error_set(err, ENAMETOOLONG, GW_ERR_UNAVAILABLE, file, "the path is too long");
	memcpy(dir, file, n);
	dir[n] = '\0';
	return gw_fs_mkdirs(dir, mode, err);
}

static pid_t read_pid(int fd)
{
	char buf[16] = "";
	ssize_t n = pread(fd, buf, sizeof buf - 1, 0);

	return n > 0 ? (pid_t)strtol(buf, NULL, 10) : 0;
}

int gw_fs_lock(const char *path, int *ret_fd, pid_t *ret_holder, struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char pid[16];
	int n;

	if (fd < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path,
				    "cannot open lock file: %s; make it and its directory writable for gwd",
				    strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot lock: %s", strerror(errno));
		*ret_holder = read_pid(fd);
		return -EBUSY;
	}
	n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	errno = ENOSPC; /* of a short write, which sets none */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path,
				    "cannot write lock file: %s; check the space and the health of the disk",
				    strerror(errno));
	*ret_fd = gw_take_fd(&fd);
	return 0;
}

static int sync_dir_of(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -ENOSPC;
		data += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int gw_fs_write_private(const char *path, const void *data, size_t n, struct gw_error *err)
{
	_cleanup_free_ char *draft = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&draft, "%s.new", path) < 0) {
		draft = NULL;
		return gw_error_oom(err);
	}
	unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : write_all(fd, data, n);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r == 0)
		r = sync_dir_of(path);
	else
		unlink(draft);
	return r < 0 ? gw_error_set(err, -r, GW_ERR_UNAVAILABLE, path,
				    "cannot write: %s; check the space, and that gwd may write to its directory",
				    strerror(-r))
		     : 0;
}

int gw_fs_sync_dir_of(const char *path, struct gw_error *err)
{
	int r = sync_dir_of(path);

	return r < 0 ? gw_error_set(err, -r, GW_ERR_UNAVAILABLE, path, "its directory cannot be synced: %s",
				    strerror(-r))
		     : 0;
}
