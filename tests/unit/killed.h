/* killed.h - a child process that is killed at a system call of one's choice. */
#ifndef GW_TESTS_UNIT_KILLED_H
#define GW_TESTS_UNIT_KILLED_H

#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether the child is about to make a system call; those for its memory do not count: how many they are is the sanitizer's. */
static inline bool about_to_call(pid_t pid)
{
	struct __ptrace_syscall_info info = {0};

	check(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0, "%s", strerror(errno));
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	return info.entry.nr != SYS_mmap && info.entry.nr != SYS_munmap && info.entry.nr != SYS_madvise &&
	       info.entry.nr != SYS_mprotect && info.entry.nr != SYS_brk;
}

/*
 * Runs `body` in a child, and kills it when, from where it raises SIGSTOP on, it is about to make its n-th system call, which
 * is not made. False when it came to its end before.
 */
static inline bool killed_at(unsigned n, void (*body)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			body(ctx);
		_exit(99); /* not exit: the leak checker does not work under ptrace */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status %#x", status);
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD), 0);
	for (unsigned calls = 0; calls < n; calls += about_to_call(pid)) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		check(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80), "call %u: status %#x", calls, status);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %#x", status);
	return true;
}

#endif
