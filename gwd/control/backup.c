/*
 * backup.c - copies of everything that is kept, and going back to one. A copy is made on a thread while the loop goes on; a copy
 * that comes back is opened and checked as at a start before it may take the place of what is there.
 *
 *   PATH.copy-UUID   of the store at PATH, until it is whole
 *   PATH.incoming    what has come back, until it is checked
 *
 * A daemon that was killed leaves them; the next one removes them at its start.
 */
#include "control/private.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/resource.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COPY	 ".copy-"
#define INCOMING ".incoming"

struct backup {
	struct gw_control_job job; /* the deed */
	uv_work_t work;		   /* the copy */
	struct gw_control *k;
	gw_control_copied *done;
	void *ctx;
	char who[GW_DOER_STRLEN];
	char *path, *copy;
	int fd;
	struct gw_error error;
	int result;
};

static void on_work(uv_work_t *work)
{
	struct backup *b = work->data;

	b->result = gw_store_backup(b->path, b->copy, &b->error);
	if (b->result < 0)
		return;
	b->fd = open(b->copy, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0)
		b->result = gw_error_set(&b->error, errno, GW_ERR_UNAVAILABLE, b->copy, "cannot be opened: %s",
					 strerror(errno));
}

static void conclude(struct backup *b)
{
	b->done(b->ctx, b->fd, b->result < 0 ? &b->error : NULL);
	free(b->path);
	free(b->copy);
	free(b);
}

static void on_worked(uv_work_t *work, int status)
{
	struct backup *b = work->data;

	(void)status;
	unlink(b->copy); /* the descriptor keeps it */
	conclude(b);
}

/* Who has a copy has everything: it is recorded before there is one. */
static void on_record(struct gw_control_job *job)
{
	struct backup *b = GW_CONTAINER_OF(job, struct backup, job);
	const struct gw_store_deed deed = {.who = b->who, .method = "GET", .tenant = "", .path = "/backup"};

	b->result = gw_store_note(b->k->store, time(NULL), &deed, &b->error);
}

static void on_recorded(struct gw_control_job *job, const struct gw_error *err)
{
	struct backup *b = GW_CONTAINER_OF(job, struct backup, job);

	if (err) {
		b->error = *err;
		b->result = -EAGAIN;
	}
	if (b->result == 0 && uv_queue_work(b->k->loop, &b->work, on_work, on_worked) < 0)
		b->result = gw_error_set(&b->error, EAGAIN, GW_ERR_UNAVAILABLE, "", "no thread is free: try again");
	if (b->result < 0)
		conclude(b);
}

int gw_control_backup(struct gw_control *k, const struct gw_principal *who, gw_control_copied *done, void *ctx,
		      struct gw_error *err)
{
	struct backup *b = calloc(1, sizeof *b);
	struct gw_uuid uuid;
	char text[GW_UUID_STRLEN], doer[GW_DOER_STRLEN];

	if (!b || gw_uuid_random(&uuid) < 0 || !(b->path = strdup(k->config->store_path)) ||
	    asprintf(&b->copy, "%s" COPY "%s", b->path, gw_uuid_format(&uuid, text)) < 0) {
		if (b)
			free(b->path);
		free(b);
		return gw_error_oom(err);
	}
	b->k = k;
	snprintf(b->who, sizeof b->who, "%s", gw_principal_format(who, doer));
	b->work.data = b;
	b->done = done;
	b->ctx = ctx;
	b->fd = -1;
	b->job = (struct gw_control_job){.run = on_record, .done = on_recorded};
	gw_control_run(k, &b->job);
	return 0;
}

void gw_control_discard_copies(const struct gw_config *config)
{
	_cleanup_free_ char *first = strdup(config->store_path), *second = strdup(config->store_path);
	const char *name = second ? basename(second) : "";
	size_t n = strlen(name);
	DIR *dir = first ? opendir(dirname(first)) : NULL;
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		const char *rest = e->d_name + n;

		if (strncmp(e->d_name, name, n) != 0 ||
		    (strncmp(rest, COPY, sizeof COPY - 1) != 0 && strncmp(rest, INCOMING, sizeof INCOMING - 1) != 0))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) == 0)
			gw_log_notice("%s, which a backup or a restore that was cut short had left, is removed",
				      e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* --- back --------------------------------------------------------------------------------------------------------- */

/* The node's records, as they are put together at a start. */
struct records {
	struct gw_intent *intent;
	struct gw_hnv_object *configured; /* counts instead of a stored one of its key; or NULL */
};

static int put_record(void *ctx, struct gw_hnv_object *o, struct gw_error *err)
{
	struct records *records = ctx;
	struct gw_error why = GW_ERROR_INIT;
	char id[GW_ID_STRLEN];
	int r = 0;

	if (!records->configured || !gw_hnv_same_key(o, records->configured))
		r = gw_intent_put(records->intent, o, &why);
	else
		gw_hnv_object_free(o);
	if (r == 0)
		return 0;
	gw_error_set(err, -r, GW_ERR_INVALID_REQUEST, "", "it has a %s that is not for this node: %s: %s",
		     gw_hnv_kind_name(o->kind), why.target, why.message);
	gw_error_prefix(err, "/hnv/%s/%s", gw_hnv_kind_path(o->kind), gw_hnv_id(o, id));
	gw_hnv_object_free(o);
	return r;
}

static int put_configured(struct records *records, struct gw_error *err)
{
	struct gw_hnv_object *copy;
	int r;

	if (!records->configured)
		return 0;
	copy = gw_hnv_object_copy(records->configured);
	r = copy ? gw_intent_put(records->intent, copy, err) : gw_error_oom(err);
	if (r < 0)
		gw_hnv_object_free(copy);
	return r;
}

static int check_records(const struct gw_config *config, struct gw_store *store, struct gw_error *err)
{
	struct records records = {0};
	struct gw_intent_limits limits;
	int r;

	gw_config_intent_limits(config, &limits);
	if (gw_intent_new(&limits, &records.intent) < 0 ||
	    gw_config_provider_address(config, &records.configured) < 0) {
		gw_intent_free(records.intent);
		return gw_error_oom(err);
	}
	gw_intent_begin(records.intent);
	r = put_configured(&records, err);
	if (r == 0)
		r = gw_store_each(store, put_record, &records, err);
	if (r == 0)
		r = gw_intent_validate(records.intent, err);
	gw_intent_rollback(records.intent);
	gw_intent_free(records.intent);
	gw_hnv_object_free(records.configured);
	return r;
}

static int pass_access(void *ctx, const struct gw_access_entry *e, struct gw_error *err)
{
	(void)ctx;
	(void)e;
	(void)err;
	return 0;
}

/*
 * What the daemon will have when it has begun anew: on a machine that takes the place of a lost one the key is put beside the store
 * while the daemon runs, with one that it made for itself.
 */
static int next_key(const struct gw_control *k, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/secret.key", k->config->state_dir) < 0) {
		path = NULL;
		return gw_error_oom(err);
	}
	r = gw_seal_load_key(path, ret, err);
	if (r == -ENOENT)
		memcpy(ret, k->seal_key, GW_SEAL_KEYLEN);
	return r == -ENOENT ? 0 : r;
}

/* Everything that a start would read. Then it goes on where the store that it replaces has been. */
static int check(const struct gw_control *k, const struct gw_principal *who, const char *path, struct gw_error *err)
{
	char doer[GW_DOER_STRLEN];
	const struct gw_store_deed deed = {
		.who = gw_principal_format(who, doer), .method = "PUT", .tenant = "", .path = "/backup"};
	struct gw_control *copy = NULL;
	struct gw_store *store = NULL;
	uint8_t key[GW_SEAL_KEYLEN];
	int r = gw_store_open(path, &store, err);

	if (r == 0)
		r = next_key(k, key, err);
	if (r == 0)
		r = check_records(k->config, store, err);
	if (r == 0)
		r = gw_store_each_access(store, pass_access, NULL, err);
	if (r == 0)
		r = gw_control_open_sealed(store, k->config, key, &copy, err);
	if (r == 0)
		r = gw_store_succeed(store, k->store, time(NULL), &deed, err);
	explicit_bzero(key, sizeof key);
	gw_control_close(copy);
	gw_store_close(store);
	return r;
}

/* What is wrong is wrong with what was sent: neither with the store, nor for whoever runs the daemon to mend. */
static void blame_copy(const struct gw_control *k, const char *path, struct gw_error *err)
{
	static const char *const advice[] = {"; the file was left", ": restore a backup"};
	char message[sizeof err->message], target[sizeof err->target];

	if (!err || (err->code != GW_ERR_UNAVAILABLE && err->code != GW_ERR_INTERNAL))
		return;
	snprintf(message, sizeof message, "%s", err->message);
	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
		char *rest = strstr(message, advice[i]);

		if (rest)
			*rest = '\0';
	}
	snprintf(target, sizeof target, "%s", err->target);
	if (!strcmp(target, path) || !strcmp(target, k->config->store_path))
		*target = '\0';
	gw_error_set(err, EINVAL, GW_ERR_INVALID_REQUEST, target,
		     "this is no copy that can be restored here: %s; nothing was changed", message);
}

static void discard(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm", ".lock"};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		_cleanup_free_ char *name = NULL;

		if (asprintf(&name, "%s%s", path, parts[i]) < 0)
			name = NULL;
		else
			unlink(name);
	}
}

int gw_control_restore(struct gw_control *k, const struct gw_principal *who, const void *copy, size_t n,
		       struct gw_error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s" INCOMING, k->config->store_path) < 0) {
		path = NULL;
		return gw_error_oom(err);
	}
	discard(path);
	r = gw_fs_write_private(path, copy, n, err);
	if (r == 0) {
		r = check(k, who, path, err);
		if (r < 0 && r != -ENOMEM && r != -ENOSPC)
			blame_copy(k, path, err);
	}
	if (r == 0)
		r = gw_store_stage(k->store, path, err);
	discard(path);
	return r;
}
