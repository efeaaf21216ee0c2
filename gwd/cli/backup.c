/* backup.c - `gwctl backup` and `gwctl restore`. */
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH	   GW_CLI_API_ROOT "/backup"
#define BACKUP_MAX ((size_t)1 << 30)

#define POLL_MILLISECONDS 50
#define WAIT_MILLISECONDS 120000 /* as long as a start may take */
#define ANSWER_SECONDS	  5

static int write_out(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		data += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* A file that is there stays: it may be the last good copy. */
static int write_new(const char *name, const char *data, size_t n)
{
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write_out(fd, data, n);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	if (fd >= 0)
		unlink(name);
	gw_cli_fail("cannot write %s: %s", name, strerror(-r));
	return 1;
}

int gw_cli_run_backup(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	const struct gw_cli_request req = {.method = "GET", .path = PATH, .raw = true};
	const char *name = args->operand;
	struct gw_cli_response answer;
	int r = gw_cli_call_ok(client, &req, &answer);

	if (r < 0)
		return 1;
	if (strcmp(name, "-") != 0)
		return write_new(name, answer.raw, answer.raw_len);
	r = write_out(STDOUT_FILENO, answer.raw, answer.raw_len);
	if (r < 0)
		gw_cli_fail("cannot write the copy: %s", strerror(-r));
	return r < 0;
}

/* Until the daemon that has begun anew answers: who is not ready yet says so himself. */
static int wait_for_daemon(struct gw_cli_client *client, const char *patience)
{
	const struct timespec nap = {.tv_nsec = POLL_MILLISECONDS * 1000000};
	const struct gw_cli_request ready = {.method = "GET", .path = "/readyz", .anew = true};
	uint64_t end = gw_cli_milliseconds() + (patience ? strtoull(patience, NULL, 10) : WAIT_MILLISECONDS);
	bool back = false;

	gw_cli_client_hurry(client, ANSWER_SECONDS);
	for (;;) {
		_cleanup_response_ struct gw_cli_response answer = {0};
		int r = gw_cli_call(client, &ready, &answer);

		/* Who asks may be unknown to what was restored. */
		if (r == 0 && answer.status != 503)
			return 0;
		back = r == 0;
		if (gw_cli_milliseconds() >= end)
			break;
		nanosleep(&nap, NULL);
	}
	return gw_cli_fail(back ? "gwd is back, but not yet ready: 'gwctl status' says more"
				: "gwd is not back yet: its log says why");
}

int gw_cli_run_restore(const struct gw_cli_args *args, struct gw_cli_client *client)
{
	_cleanup_free_ char *copy = NULL;
	struct gw_cli_response answer;
	size_t n = 0;
	int r = gw_cli_read_file(args->operand, BACKUP_MAX, "a backup", &copy, &n);

	if (r == 0 && gw_cli_call_ok(client,
				     &(struct gw_cli_request){
					     .method = "PUT", .path = PATH, .body = copy, .body_len = n, .raw = true},
				     &answer) < 0)
		r = 1;
	if (r)
		return r;
	puts("restored: gwd begins anew with it; what was there before stays beside the store, as .replaced");
	fflush(stdout);
	return wait_for_daemon(client, args->value[GW_CLI_OPT_WAIT]);
}
