/* file.c - see file.h. Called by the commands that read a file: batch (misc.c), import-hnv (hnv/import.c). */
#include "cli/file.h"

#include "base/cleanup.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

int gw_cli_read_file(const char *name, size_t max, const char *what, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = gw_cli_must(malloc(max + 1));
	bool standard = strcmp(name, "-") == 0;
	_cleanup_close_ int fd = open(standard ? "/dev/stdin" : name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return gw_cli_fail("%s: %s", name, strerror(errno));
	while ((n = read(fd, buf + len, max + 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gw_cli_fail("%s: %s", name, strerror(errno));
		len += (size_t)n;
		if (len > max)
			return gw_cli_fail("%s: %s has at most %zu MiB; divide it", name, what, max >> 20);
	}
	*ret = buf;
	*ret_len = len;
	buf = NULL;
	return 0;
}
