/*
 * netns.h - a network namespace for a test: fresh, with a loop and a gw_nl in it. The namespace lives as long
 * as the process stays in it; the next netns_begin leaves it behind and the kernel takes everything down.
 */
#ifndef GW_TESTS_UNIT_NETNS_H
#define GW_TESTS_UNIT_NETNS_H

#include "test.h"

#include "nl/nl.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

struct netns {
	uv_loop_t loop;
	struct gw_nl *nl;
};

/* Runs a shell command; returns its exit status, or -1 when it did not end by itself. */
__attribute__((format(printf, 1, 2))) static inline int sh(const char *fmt, ...)
{
	char cmd[1024];
	int status;
	va_list ap;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define sh_ok(...)                                                                                                     \
	do {                                                                                                           \
		if (sh(__VA_ARGS__) != 0)                                                                              \
			fail_msg("command failed: " __VA_ARGS__);                                                      \
	} while (0)

/*
 * Once for all tests that name namespaces, as setup of their group: the names are this process's own, and go with it however it
 * ends.
 */
static inline int private_mounts(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0) {
		print_message("# SKIP: no mount namespace can be made here: %s (run as root)\n", strerror(errno));
		return 0;
	}
	return mount("", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 || mount("gwd-test", "/run", "tmpfs", 0, NULL) < 0
		       ? -1
		       : 0;
}

/* Enters a fresh namespace with only `lo` in it, or skips the test and says why. */
static inline void netns_begin(struct netns *ns)
{
	struct gw_error err = GW_ERROR_INIT;

	if (unshare(CLONE_NEWNET) < 0) {
		print_message("# SKIP: no network namespace can be made here: %s (run as root)\n", strerror(errno));
		skip();
	}
	assert_int_equal(uv_loop_init(&ns->loop), 0);
	check(gw_nl_open(&ns->loop, &ns->nl, &err) == 0, "%s", err.message);
}

static inline void netns_end(struct netns *ns)
{
	ns->nl = gw_nl_close(ns->nl);
	uv_run(&ns->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&ns->loop), 0);
}

static inline void netns_on_deadline(uv_timer_t *t)
{
	*(bool *)t->data = true;
}

/* Drives the loop until `cond` holds; false when it does not within `ms`. */
static inline bool netns_wait(struct netns *ns, bool (*cond)(void *ctx), void *ctx, unsigned ms)
{
	bool late = false, met;
	uv_timer_t timer;

	uv_timer_init(&ns->loop, &timer);
	timer.data = &late;
	uv_update_time(&ns->loop);
	uv_timer_start(&timer, netns_on_deadline, ms, 0);
	while (!(met = cond(ctx)) && !late)
		uv_run(&ns->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&ns->loop, UV_RUN_NOWAIT);
	return met;
}

/* Handles everything that the kernel has sent so far. */
static inline void netns_drain(struct netns *ns)
{
	for (int i = 0; i < 100; i++)
		uv_run(&ns->loop, UV_RUN_NOWAIT);
}

static inline struct gw_link netns_link(struct netns *ns, const char *name)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_link link;

	check(gw_nl_link_get(ns->nl, name, &link, &err) == 0, "%s: %s", name, err.message);
	return link;
}

/* NAME and NAMEp, both up. */
static inline int netns_veth(struct netns *ns, const char *name)
{
	sh_ok("ip link add %s type veth peer name %sp && ip link set %s up && ip link set %sp up", name, name, name,
	      name);
	return netns_link(ns, name).ifindex;
}

static inline struct gw_nl_addr mk_addr(int ifindex, const char *a, uint8_t prefix_len)
{
	struct gw_nl_addr r = {.ifindex = ifindex, .prefix_len = prefix_len};

	check(gw_addr_parse(a, &r.addr) == 0, "%s", a);
	return r;
}

static inline struct gw_nl_route mk_route(int ifindex, const char *prefix, const char *hop)
{
	struct gw_nl_route r = {.ifindex = ifindex};

	check(gw_prefix_parse(prefix, &r.prefix) == 0, "%s", prefix);
	check(gw_addr_parse(hop, &r.next_hop) == 0, "%s", hop);
	return r;
}

/* The result of a call that fills err, and words that its message must have. */
static inline void expect(int rc, int want, const struct gw_error *err, const char *words)
{
	check(rc == want, "%d instead of %d: %s", rc, want, err->message);
	if (words)
		check(strstr(err->message, words), "\"%s\" has no \"%s\"", err->message, words);
}

#endif
