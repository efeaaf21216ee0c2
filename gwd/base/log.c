/*
 * log.c - see log.h. The systemd journal reads "<N>text" lines from the descriptor that it gave a service as stderr and
 * says in $JOURNAL_STREAM which one that is; so one write to stderr serves both a journal and a terminal. Owned: the
 * level and whether stderr is the journal. Called from everywhere; the composition root calls gw_log_init once.
 */
#include "base/log.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum gw_log_level max_level = GW_LOG_INFO;
static bool to_journal;

static const char *const names[] = {
	[GW_LOG_ERROR] = "error", [GW_LOG_WARNING] = "warning", [GW_LOG_NOTICE] = "notice",
	[GW_LOG_INFO] = "info",	  [GW_LOG_DEBUG] = "debug",
};

static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;
	int end = 0;

	if (!s || sscanf(s, "%ju:%ju%n", &dev, &ino, &end) != 2 || s[end])
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void gw_log_init(enum gw_log_level max)
{
	max_level = max;
	to_journal = stderr_is_journal();
}

int gw_log_level_parse(const char *s, enum gw_log_level *ret)
{
	for (int i = GW_LOG_ERROR; i <= GW_LOG_DEBUG; i++) {
		if (!strcmp(s, names[i])) {
			*ret = (enum gw_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void gw_log(enum gw_log_level level, const char *fmt, ...)
{
	char line[2048];
	int saved = errno, head, n;
	size_t room, len;
	va_list ap;

	if (level > max_level)
		return;
	head = to_journal ? snprintf(line, sizeof line, "<%d>", level)
			  : snprintf(line, sizeof line, "gwd: %s: ", names[level]);
	room = sizeof line - (size_t)head - 1; /* one byte is the newline's */
	errno = saved;			       /* for %m */
	va_start(ap, fmt);
	n = vsnprintf(line + head, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[head] = '\0';
	else if ((size_t)n >= room)
		memcpy(line + head + room - 4, "...", 4);
	/* What is quoted comes from outside: it must not start a line of its own or drive a terminal. */
	gw_utf8_tame(line + head);
	len = strlen(line);
	line[len++] = '\n';
	/* One write, so that lines of several processes do not mix. Nothing can be done about a failure. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved;
	errno = saved;
}
