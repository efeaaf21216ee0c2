/* credential_file.c - the files of credential.h. */
#include "sync/credential.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX   65536
#define NEXT	   "controller.next"
#define N_FILES	   4
#define N_LOAD_MAX (FILE_MAX * N_FILES)

/* In the order in which they are written. */
static const struct {
	const char *file, *name; /* the latter in controller.next */
	size_t offset;
} files[N_FILES] = {
	{"controller-ca.crt", "ca", offsetof(struct gw_credential, ca)},
	{"controller.key", "key", offsetof(struct gw_credential, key)},
	{"controller.crt", "certificate", offsetof(struct gw_credential, certificate)},
	{"controller.urls", "urls", offsetof(struct gw_credential, urls)},
};

static char **text_of(struct gw_credential *c, size_t i)
{
	return (char **)(void *)((char *)c + files[i].offset);
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void gw_credential_done(struct gw_credential *c)
{
	for (size_t i = 0; i < N_FILES; i++)
		wipe(text_of(c, i));
}

void gw_credential_path(const struct gw_config *config, const char *name, char ret[static GW_PATHLEN + 32])
{
	snprintf(ret, GW_PATHLEN + 32, "%s/%s", config->state_dir, name);
}

/* Its text, owned. -ENOENT, and `err` left to the caller, when there is none. */
static int slurp(const char *path, size_t max, char **ret, struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text;
	size_t n = 0;

	if (fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot read: %s", strerror(errno));
	text = calloc(1, max + 2);
	if (!text)
		return gw_error_oom(err);
	for (;;) {
		ssize_t got = read(fd, text + n, max + 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot read: %s", strerror(errno));
			break;
		}
		n += (size_t)got;
		if (got > 0 && n <= max)
			continue;
		if (n <= max && strlen(text) == n) {
			*ret = text;
			return 0;
		}
		gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, path, "is no text of up to %zu bytes", max);
		break;
	}
	wipe(&text);
	return -EBADMSG;
}

int gw_credential_slurp(const char *path, char **ret, struct gw_error *err)
{
	int r = slurp(path, FILE_MAX, ret, err);

	return r == -ENOENT ? gw_error_set(err, ENOENT, GW_ERR_UNAVAILABLE, path, "is not there") : r;
}

int gw_credential_load(const struct gw_config *config, struct gw_credential *ret, struct gw_error *err)
{
	_cleanup_credential_ struct gw_credential c = {0};
	char path[GW_PATHLEN + 32];
	size_t missing = 0;
	const char *which = "";

	for (size_t i = 0; i < N_FILES; i++) {
		int r;

		gw_credential_path(config, files[i].file, path);
		r = slurp(path, FILE_MAX, text_of(&c, i), err);
		if (r < 0 && r != -ENOENT)
			return r;
		missing += r < 0;
		which = r < 0 ? files[i].file : which;
	}
	if (missing == N_FILES)
		return -ENOENT;
	if (missing > 0) {
		gw_credential_path(config, which, path);
		return gw_error_set(err, ENODATA, GW_ERR_UNAVAILABLE, path,
				    "is missing beside the others that enrolling has left: put it back, or enroll the "
				    "node anew");
	}
	c.urls[strcspn(c.urls, "\n")] = '\0';
	*ret = c;
	c = (struct gw_credential){0};
	return 0;
}

static int write_all(const struct gw_config *config, struct gw_credential *c, struct gw_error *err)
{
	char path[GW_PATHLEN + 32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_FILES; i++) {
		const char *text = *text_of(c, i);

		gw_credential_path(config, files[i].file, path);
		r = gw_fs_write_private(path, text, strlen(text), err);
	}
	gw_credential_path(config, NEXT, path);
	if (r == 0 && unlink(path) < 0)
		r = gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path, "cannot remove: %s", strerror(errno));
	return r == 0 ? gw_fs_sync_dir_of(path, err) : r;
}

int gw_credential_store(const struct gw_config *config, const struct gw_credential *c, struct gw_error *err)
{
	struct gw_credential all = *c; /* still the caller's */
	json_t *next = json_object();
	char path[GW_PATHLEN + 32];
	char *text = NULL;
	int r = 0;

	for (size_t i = 0; i < N_FILES; i++)
		json_object_set_new(next, files[i].name, json_string(*text_of(&all, i)));
	if (json_object_size(next) == N_FILES)
		text = json_dumps(next, JSON_COMPACT);
	json_decref(next);
	gw_credential_path(config, NEXT, path);
	if (!text)
		return gw_error_oom(err);
	r = gw_fs_write_private(path, text, strlen(text), err);
	wipe(&text);
	return r < 0 ? r : write_all(config, &all, err);
}

int gw_credential_recover(const struct gw_config *config, struct gw_error *err)
{
	_cleanup_credential_ struct gw_credential c = {0};
	char path[GW_PATHLEN + 32];
	char *text = NULL;
	json_t *next;
	bool whole = true;
	int r;

	gw_credential_path(config, NEXT, path);
	r = slurp(path, N_LOAD_MAX, &text, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	next = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	wipe(&text);
	for (size_t i = 0; i < N_FILES; i++) {
		const char *value = json_string_value(json_object_get(next, files[i].name));

		*text_of(&c, i) = value ? strdup(value) : NULL;
		whole = whole && *text_of(&c, i);
	}
	json_decref(next);
	if (!whole)
		return gw_error_set(err, EBADMSG, GW_ERR_UNAVAILABLE, path,
				    "is not what gwd has written: remove it; if the controller refuses this node then, "
				    "enroll it anew");
	return write_all(config, &c, err);
}
