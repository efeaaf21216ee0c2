/*
 * sqlite_create.c - the file of a new store. It gets its name once it is whole: what is there under the name was complete once,
 * and is never made over. Called by sqlite.c, which holds the lock, while it opens a store.
 *
 *   PATH.new   a draft; what is left of one that was not finished is removed
 */
#include "store/sqlite_private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int sync_dir_of(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void unlink_file(const char *path)
{
	static const char *const companions[] = {"-wal", "-shm", "-journal", ""};

	for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
		_cleanup_free_ char *name = NULL;

		if (asprintf(&name, "%s%s", path, companions[i]) < 0)
			name = NULL;
		else
			unlink(name);
	}
}

/* An empty store, whole, under the name `path`. SQLite would make the file with 0644 less the umask. */
static int fill_file(struct gw_store *s, const char *path, struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r, rc;

	if (fd < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, s->path,
				    "cannot make the store: %s; make its directory writable for gwd", strerror(errno));
	r = gw_sqlite_open_file(s, path, err);
	if (r == 0) {
		rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		if (rc != SQLITE_OK)
			r = gw_sqlite_error(s, rc, "making it", err);
	}
	gw_sqlite_close_file(s);
	return r;
}

/* Never over anything that has the name by now, be it a symbolic link to nowhere. */
static int name_file(struct gw_store *s, const char *draft, struct gw_error *err)
{
	int r;

	if (renameat2(AT_FDCWD, draft, AT_FDCWD, s->path, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST)
			return gw_error_set(
				err, EEXIST, GW_ERR_UNAVAILABLE, s->path,
				"there is something else under the store's name, such as a symbolic link to a "
				"file that is missing; it was left as it is: mount or restore what it points "
				"to, or remove it to start with an empty store");
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, s->path,
				    "cannot give the new store its name: %s; make its directory writable for gwd, on a "
				    "local disk",
				    strerror(errno));
	}
	r = sync_dir_of(s->path);
	if (r < 0)
		return gw_error_set(
			err, -r, GW_ERR_UNAVAILABLE, s->path,
			"the new store may not survive a power cut: %s; check the disk and make its directory "
			"readable for gwd, then start gwd again",
			strerror(-r));
	return 0;
}

int gw_sqlite_create_file(struct gw_store *s, struct gw_error *err)
{
	_cleanup_close_ int fd = open(s->path, O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *draft = NULL;
	struct stat st;
	int r;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		return 0;
	if (fd >= 0)
		return gw_error_set(
			err, EBADMSG, GW_ERR_UNAVAILABLE, s->path,
			"the store is empty, which no store of gwd is; the file was left as it is: restore a "
			"backup, or remove it to start with an empty store");
	if (errno != ENOENT)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, s->path,
				    "cannot open the store: %s; make the file and its directory writable for gwd",
				    strerror(errno));
	if (asprintf(&draft, "%s.new", s->path) < 0) {
		draft = NULL;
		return gw_error_oom(err);
	}
	unlink_file(draft);
	r = fill_file(s, draft, err);
	if (r == 0)
		r = name_file(s, draft, err);
	unlink_file(draft);
	return r;
}
