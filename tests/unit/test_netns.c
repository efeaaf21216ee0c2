/*
 * test_netns.c - the holder of namespaces, as it is built, in a mount namespace of its own: what it makes outlives it, and what
 * it must not touch it does not touch. Covers GW-8 (what the daemon's end leaves) as far as namespaces go.
 */
#include "test.h"

#include "netns/netns.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_PATH "/run/holder.sock"

static char program[PATH_MAX];
static pid_t holder = -1;

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	close(fd);
	return -1;
}

/* As its unit has it. */
static void only_sys_admin(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_SYS_ADMIN, -1) < 0 ||
	    capng_apply(CAPNG_SELECT_BOTH) < 0)
		_exit(126);
}

static void start_holder(void)
{
	holder = fork();
	assert_true(holder >= 0);
	if (holder == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		only_sys_admin();
		execl(program, program, SOCKET_PATH, NULL);
		_exit(127);
	}
	for (int i = 0, fd; i < 500; i++) {
		fd = dial();
		if (fd >= 0) {
			close(fd);
			return;
		}
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	fail_msg("%s does not listen", program);
}

static void kill_holder(void)
{
	int status;

	kill(holder, SIGKILL);
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_true(WIFSIGNALED(status)); /* it was alive until now */
	unlink(SOCKET_PATH);
}

static int setup(void **state)
{
	char self[PATH_MAX] = "";

	(void)state;
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -1;
	snprintf(program, sizeof program, "%.4000s/gwd-netns", dirname(dirname(dirname(self))));
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("gwd-test", "/run", "tmpfs", 0, NULL) < 0 || mount("", "/run", "none", MS_SHARED, NULL) < 0)
		return -1;
	start_holder();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill_holder();
	return umount2("/run", MNT_DETACH);
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static ino_t get_inode(const char *name)
{
	int fd = -1;
	ino_t ino;

	assert_int_equal(gw_netns_get(SOCKET_PATH, name, &fd, NULL), 0);
	ino = inode(fd);
	close(fd);
	return ino;
}

static void all_deleted(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(gw_netns_delete_all(SOCKET_PATH, "all", NULL), 0);
	for (int i = 0; i < 3; i++) {
		char name[GW_NETNS_STRLEN];

		snprintf(name, sizeof name, "gwd-all-%d", 5000 + i);
		assert_int_equal(gw_netns_add(SOCKET_PATH, name, &fd, NULL), 0);
		close(fd);
	}
	fd = open(GW_NETNS_DIR "/others", O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(gw_netns_delete_all(SOCKET_PATH, "all", NULL), 0);
	assert_int_equal(gw_netns_get(SOCKET_PATH, "gwd-all-5001", &fd, NULL), -ENOENT);
	assert_int_equal(access(GW_NETNS_DIR "/gwd-all-5001", F_OK), -1);
	assert_int_equal(access(GW_NETNS_DIR "/others", F_OK), 0);
	assert_int_equal(unlink(GW_NETNS_DIR "/others"), 0);
}

static void made_given_out_and_deleted(void **state)
{
	int fd = -1, again = -1, host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ino_t ino;

	(void)state;
	assert_int_equal(gw_netns_get(SOCKET_PATH, "gwd-h1-1", &fd, NULL), -ENOENT);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-1", &fd, NULL), 0);
	ino = inode(fd);
	assert_int_not_equal(ino, inode(host));
	assert_int_equal(get_inode("gwd-h1-1"), ino);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-1", &again, NULL), -EEXIST);
	assert_int_equal(again, -1);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-2", &again, NULL), 0);
	assert_int_not_equal(inode(again), ino);
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-1", NULL), 0);
	assert_int_equal(gw_netns_get(SOCKET_PATH, "gwd-h1-1", &again, NULL), -ENOENT);
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-1", NULL), 0);
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-2", NULL), 0);
	assert_int_equal(setns(fd, CLONE_NEWNET), 0); /* what is in use lives on */
	assert_int_equal(setns(host, CLONE_NEWNET), 0);
	close(fd);
	close(again);
	close(host);
}

static void outlives_the_holder(void **state)
{
	ino_t ino;
	int fd = -1;

	(void)state;
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-3", &fd, NULL), 0);
	ino = inode(fd);
	close(fd);
	kill_holder();
	assert_int_equal(get_inode("gwd-h1-3"), ino); /* who is not sandboxed needs none */
	start_holder();
	assert_int_equal(get_inode("gwd-h1-3"), ino);
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-3", NULL), 0);
}

/* Where mounts come in and do not go out, as systemd's sandbox makes it: 0 when it is refused with the remedy. */
static int ask_in_sandbox(void)
{
	struct gw_error err = GW_ERROR_INIT;
	int fd = -1;

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", "none", MS_REC | MS_SLAVE, NULL) < 0)
		return 2;
	if (gw_netns_add(SOCKET_PATH, "gwd-h1-5001", &fd, &err) >= 0 || err.code != GW_ERR_CAPABILITY)
		return 3;
	return strstr(err.message, "systemctl start gwd-netns.socket") ? 0 : 4;
}

static void without_a_holder(void **state)
{
	int status, fd = -1;
	pid_t child;

	(void)state;
	kill_holder();
	child = fork();
	if (child == 0)
		_exit(ask_in_sandbox());
	assert_int_equal(waitpid(child, &status, 0), child);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "in a sandbox: status %d", status);
	assert_int_equal(access(GW_NETNS_DIR "/gwd-h1-5001", F_OK), -1);
	/* Elsewhere it is done here. */
	assert_int_equal(gw_netns_open("gwd-h1-5001", &fd), -ENOENT);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-5001", &fd, NULL), 0);
	close(fd);
	assert_int_equal(gw_netns_open("gwd-h1-5001", &fd), 0);
	close(fd);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-5001", &fd, NULL), -EEXIST);
	assert_int_equal(gw_netns_delete_all(SOCKET_PATH, "h1", NULL), 0);
	assert_int_equal(gw_netns_open("gwd-h1-5001", &fd), -ENOENT);
	start_holder();
}

static int own_namespace(void *arg)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	*(ino_t *)arg = inode(fd);
	close(fd);
	return -E2BIG;
}

/* What is done inside is done there, and the caller stays where it is. */
static void run_inside(void **state)
{
	int fd = -1, host = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ino_t inside = 0, after = 0;

	(void)state;
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-6", &fd, NULL), 0);
	assert_int_equal(gw_netns_run(fd, own_namespace, &inside), -E2BIG);
	assert_int_equal(inside, inode(fd));
	own_namespace(&after);
	assert_int_equal(after, inode(host));
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-6", NULL), 0);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	inside = 0;
	assert_int_equal(gw_netns_run(fd, own_namespace, &inside), -EINVAL);
	assert_int_equal(inside, 0);
	close(fd);
	close(host);
}

/* A crash between the file and the mount leaves a file that is none: it is no obstacle, and nobody gets it. */
static void a_name_without_a_namespace(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-4", &fd, NULL), 0);
	close(fd);
	fd = -1;
	assert_int_equal(umount2(GW_NETNS_DIR "/gwd-h1-4", MNT_DETACH), 0);
	assert_int_equal(gw_netns_get(SOCKET_PATH, "gwd-h1-4", &fd, NULL), -ENOENT);
	assert_int_equal(fd, -1);
	assert_int_equal(gw_netns_add(SOCKET_PATH, "gwd-h1-4", &fd, NULL), 0);
	close(fd);
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-4", NULL), 0);
	assert_int_equal(symlink("/proc/self/ns/net", GW_NETNS_DIR "/gwd-h1-5"), 0);
	check(gw_netns_get(SOCKET_PATH, "gwd-h1-5", &fd, NULL) < 0, "a link to the host's namespace is not followed");
	check(gw_netns_add(SOCKET_PATH, "gwd-h1-5", &fd, NULL) < 0, "nor mounted over");
	assert_int_equal(gw_netns_delete(SOCKET_PATH, "gwd-h1-5", NULL), 0);
}

static int raw(const void *message, size_t len)
{
	int fd = dial(), status = -1;

	assert_true(fd >= 0);
	assert_int_equal(send(fd, message, len, MSG_NOSIGNAL), (ssize_t)len);
	if (recv(fd, &status, sizeof status, 0) != sizeof status)
		status = -1;
	close(fd);
	return status;
}

static void what_is_refused(void **state)
{
	static const char *const names[] = {
		"", "gwd-", "tenant", "../etc", "gwd-../x", "gwd-a/b", "gwd-a b", "gwd-\n",
	};
	struct gw_netns_request q = {.op = GW_NETNS_ADD};
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < GW_N(names); i++) {
		check(gw_netns_add(SOCKET_PATH, names[i], &fd, NULL) == -EINVAL, "the client: '%s'", names[i]);
		memset(q.name, 0, sizeof q.name);
		memcpy(q.name, names[i], strlen(names[i]));
		check(raw(&q, sizeof q) == EINVAL, "the holder: '%s'", names[i]);
	}
	memset(q.name, 'a', sizeof q.name); /* no end */
	memcpy(q.name, "gwd-", 4);
	assert_int_equal(raw(&q, sizeof q), EINVAL);
	q.name[10] = '\0';
	assert_int_equal(raw(&q, sizeof q - 1), EBADMSG);
	assert_int_equal(raw("x", 1), EBADMSG);
	q.op = 99;
	assert_int_equal(raw(&q, sizeof q), ENOSYS);
	assert_int_equal(access(GW_NETNS_DIR "/gwd-aaaaaa", F_OK), -1);
}

/* Somebody who connects and says nothing holds it up for a second, no longer. */
static void the_silent_are_left(void **state)
{
	int silent = dial(), fd = -1;

	(void)state;
	assert_true(silent >= 0);
	assert_int_equal(gw_netns_get(SOCKET_PATH, "gwd-none", &fd, NULL), -ENOENT);
	close(silent);
}

static void only_root_is_served(void **state)
{
	struct gw_netns_request q = {.op = GW_NETNS_ADD, .name = "gwd-nobody"};
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(chmod(SOCKET_PATH, 0666), 0);
	child = fork();
	if (child == 0) {
		int fd, said = -1;

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		fd = dial();
		if (fd < 0 || send(fd, &q, sizeof q, 0) < 0 || recv(fd, &said, sizeof said, 0) != sizeof said)
			_exit(3);
		_exit(said == EPERM ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
	assert_int_equal(access(GW_NETNS_DIR "/gwd-nobody", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_given_out_and_deleted),
		cmocka_unit_test(all_deleted),
		cmocka_unit_test(outlives_the_holder),
		cmocka_unit_test(without_a_holder),
		cmocka_unit_test(run_inside),
		cmocka_unit_test(a_name_without_a_namespace),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(the_silent_are_left),
		cmocka_unit_test(only_root_is_served),
	};

	return cmocka_run_group_tests_name("netns", tests, setup, teardown);
}
