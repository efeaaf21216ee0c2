/*
 * plugins.c - see plugins.h: which files are plugins, whether they may be trusted, and whether they fit this daemon.
 *
 * A plugin runs with all of gwd's privileges: a file that anybody but root could have written is not even opened by the linker.
 */
#include "plugin/plugins.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".so"

static int refuse_owner(const char *path, const struct stat *st, struct gw_error *err)
{
	if (st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return gw_error_set(err, EPERM, GW_ERR_FORBIDDEN, path,
			    "not loaded: it belongs to user %u with mode %04o, and must be root's and writable by root "
			    "alone; chown root and chmod go-w it, then restart gwd",
			    (unsigned)st->st_uid, (unsigned)(st->st_mode & 07777));
}

/* Nobody but root can put another file in its place before it is loaded: the directory is root's too. */
static int check_file(int dir, const char *file, const char *path, struct gw_error *err)
{
	_cleanup_close_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "not loaded: %s%s", strerror(errno),
				    errno == ELOOP ? " (a symbolic link; put the file itself there)" : "");
	if (!S_ISREG(st.st_mode))
		return gw_error_set(err, EINVAL, GW_ERR_UNAVAILABLE, path, "not loaded: it is no regular file");
	return refuse_owner(path, &st, err);
}

static int check_fit(const struct gw_plugin *p, const char *name, const char *path, struct gw_error *err)
{
	if (!p)
		return gw_error_set(err, ENOENT, GW_ERR_UNAVAILABLE, path,
				    "not loaded: it exports no symbol " GW_PLUGIN_SYMBOL ", so it is no plugin of gwd; "
				    "remove it from the directory");
	if (p->abi != GW_PLUGIN_ABI || p->size != sizeof *p)
		return gw_error_set(
			err, ENOEXEC, GW_ERR_CAPABILITY, path,
			"not loaded: it was built for version %u of gwd's plugin interface, this gwd has version "
			"%u; install the plugin that belongs to gwd " GW_VERSION,
			(unsigned)p->abi, GW_PLUGIN_ABI);
	if (!p->name || strcmp(p->name, name) != 0 || !p->ops || !p->ops->open || !p->ops->apply || !p->ops->sync ||
	    !p->ops->close || !p->ops->name)
		return gw_error_set(
			err, EINVAL, GW_ERR_CAPABILITY, path,
			"not loaded: it is called otherwise than its file, or lacks open, apply, sync or close");
	return 0;
}

static int load(int dir, const char *file, const char *path, struct gw_loaded_plugin *p)
{
	const struct gw_plugin *found;
	int r = check_file(dir, file, path, &p->error);

	if (r < 0)
		return r;
	p->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!p->handle)
		return gw_error_set(&p->error, ENOEXEC, GW_ERR_CAPABILITY, path,
				    "not loaded: %s; install the plugin that belongs to gwd " GW_VERSION, dlerror());
	found = dlsym(p->handle, GW_PLUGIN_SYMBOL);
	r = check_fit(found, p->name, path, &p->error);
	if (r == 0) {
		p->plugin = found;
	} else {
		dlclose(p->handle);
		p->handle = NULL;
	}
	return r;
}

static int is_plugin(const struct dirent *e)
{
	size_t n = strlen(e->d_name), end = strlen(SUFFIX);

	return n > end && n - end < GW_PLUGIN_NAME_LEN && e->d_name[0] != '.' && !strcmp(e->d_name + n - end, SUFFIX);
}

static void load_all(int dir, const char *dir_path, struct dirent **files, size_t n, struct gw_plugins *ret)
{
	for (size_t i = 0; i < n; i++) {
		struct gw_loaded_plugin *p = &ret->v[ret->n];
		char path[PATH_MAX];

		if (ret->n == GW_PLUGINS_MAX) {
			gw_error_set(&ret->error, E2BIG, GW_ERR_LIMIT_EXCEEDED, dir_path,
				     "more than %d plugins: the rest is not loaded; take some out", GW_PLUGINS_MAX);
			return;
		}
		memcpy(p->name, files[i]->d_name, strlen(files[i]->d_name) - strlen(SUFFIX));
		snprintf(path, sizeof path, "%s/%s", dir_path, files[i]->d_name);
		load(dir, files[i]->d_name, path, p);
		ret->n++;
	}
}

void gw_plugins_load(const char *dir_path, struct gw_plugins *ret)
{
	_cleanup_close_ int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **files = NULL;
	struct stat st;
	int n;

	memset(ret, 0, sizeof *ret);
	if (dir < 0 && errno == ENOENT)
		return;
	if (dir < 0 || fstat(dir, &st) < 0) {
		gw_error_set(&ret->error, errno, GW_ERR_UNAVAILABLE, dir_path, "no plugins are loaded: %s",
			     strerror(errno));
		return;
	}
	if (refuse_owner(dir_path, &st, &ret->error) < 0)
		return;
	n = scandirat(dir, ".", &files, is_plugin, alphasort);
	if (n < 0) {
		gw_error_set(&ret->error, errno, GW_ERR_UNAVAILABLE, dir_path, "no plugins are loaded: %s",
			     strerror(errno));
		return;
	}
	load_all(dir, dir_path, files, (size_t)n, ret);
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
}

void gw_plugins_unload(struct gw_plugins *p)
{
	while (p->n > 0) {
		struct gw_loaded_plugin *last = &p->v[--p->n];

		last->plugin = NULL;
		if (last->handle)
			dlclose(last->handle);
	}
}
