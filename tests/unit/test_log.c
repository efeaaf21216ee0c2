/* test_log.c - what reaches stderr: plain lines, priorities for the journal, one line an event whatever it quotes. */
#include "test.h"

#include "base/log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_stderr, pipe_end;

/* Everything written to stderr until `finish`. */
static void start(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	pipe_end = fds[0];
}

static const char *finish(void)
{
	static char buf[8192];
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = read(pipe_end, buf, sizeof buf - 1);
	close(pipe_end);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void test_plain(void **state)
{
	const char *got;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	start();
	gw_log_init(GW_LOG_NOTICE);
	gw_log_error("one %d", 1);
	gw_log_warning("two");
	gw_log_info("not shown");
	got = finish();
	assert_string_equal(got, "gwd: error: one 1\ngwd: warning: two\n");
}

static void test_journal(void **state)
{
	char stream[64];
	const char *got;
	struct stat st;

	(void)state;
	start();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	gw_log_init(GW_LOG_DEBUG);
	gw_log_error("one");
	gw_log_debug("two");
	got = finish();
	assert_string_equal(got, "<3>one\n<7>two\n");
}

/* The variable is inherited by children whose stderr is something else. */
static void test_other_journal_stream(void **state)
{
	static const char *const streams[] = {"1:2", "", "x", "8:1 "};

	(void)state;
	for (size_t i = 0; i < GW_N(streams); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		start();
		gw_log_init(GW_LOG_INFO);
		gw_log_info("m");
		assert_string_equal(finish(), "gwd: info: m\n");
	}
	unsetenv("JOURNAL_STREAM");
}

static void test_one_line_an_event(void **state)
{
	char text[5000];
	const char *got;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	start();
	gw_log_init(GW_LOG_INFO);
	gw_log_info("a\n<0>b\x1b[31m\xff é");
	assert_string_equal(finish(), "gwd: info: a?<0>b?[31m? é\n");

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	start();
	gw_log_info("%s", text);
	got = finish();
	assert_int_equal(strlen(got), 2047);
	assert_string_equal(got + strlen(got) - 5, "x...\n");
}

static void test_errno_kept(void **state)
{
	(void)state;
	start();
	gw_log_init(GW_LOG_INFO);
	errno = ENOENT;
	gw_log_info("%m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(finish(), "gwd: info: No such file or directory\n");
}

static void test_level_names(void **state)
{
	enum gw_log_level level;

	(void)state;
	assert_int_equal(gw_log_level_parse("debug", &level), 0);
	assert_int_equal(level, GW_LOG_DEBUG);
	assert_int_equal(gw_log_level_parse("error", &level), 0);
	assert_int_equal(level, GW_LOG_ERROR);
	assert_int_equal(gw_log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(gw_log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, GW_LOG_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_other_journal_stream),
		cmocka_unit_test(test_one_line_an_event),
		cmocka_unit_test(test_errno_kept),
		cmocka_unit_test(test_level_names),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
