/*
 * reassembly.c - the bounds within which the kernel puts fragments to shared public addresses together (devices.c), and what it
 * says of those that it could not. Called by devices.c and report.c.
 *
 * There is one table for the node's network namespace, so whoever leaves fragments unfinished takes the room of everybody's. The
 * kernel's own bounds, 4 MB and 30 seconds, let three thousand packets silence all shared addresses for half a minute. What an
 * operator has set to more room or less time stays.
 */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_BYTES   (64L << 20)
#define WAIT_SECONDS 5L

static const struct bound {
	const char *name; /* below net/ipv4 */
	long value;
	bool at_least; /* more is somebody's decision; else less is */
} bounds[] = {
	{"ipfrag_high_thresh", ROOM_BYTES, true},
	{"ipfrag_time", WAIT_SECONDS, false},
};

static int set_one(const struct bound *b)
{
	_cleanup_close_ int fd = -1;
	char path[64], text[32] = "";
	ssize_t n;
	long now;

	snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", b->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return -errno;
	now = strtol(text, NULL, 10);
	if (b->at_least ? now >= b->value : now <= b->value)
		return 0;
	close(gw_take_fd(&fd));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = snprintf(text, sizeof text, "%ld\n", b->value);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return -errno;
	gw_log_info("net.ipv4.%s was %ld, is %ld now: fragments to shared public addresses", b->name, now, b->value);
	return 0;
}

int gw_reassembly_bound(struct gw_error *err)
{
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		int r = set_one(&bounds[i]);

		if (r < 0)
			return gw_error_set(err, -r, GW_ERR_CAPABILITY, bounds[i].name,
					    "net.ipv4.%s cannot be set to %ld: %s", bounds[i].name, bounds[i].value,
					    strerror(-r));
	}
	return 0;
}

/* The number below `name` in the line of values that follows the line of names; false: there is none. */
static bool read_value(const char *names, const char *values, const char *name, uint64_t *ret)
{
	size_t n, len = strlen(name);

	for (;;) {
		names += strspn(names, " \n");
		values += strspn(values, " \n");
		n = strcspn(names, " \n");
		if (n == 0 || !*values)
			return false;
		if (n == len && memcmp(names, name, n) == 0) {
			*ret = strtoull(values, NULL, 10);
			return true;
		}
		names += n;
		values += strcspn(values, " \n");
	}
}

json_t *gw_report_reassembly(void)
{
	_cleanup_free_ char *names = NULL, *values = NULL;
	size_t names_room = 0, values_room = 0;
	uint64_t failures, timeouts;
	json_t *j = json_null();
	FILE *f = fopen("/proc/self/net/snmp", "re");

	if (f && getline(&names, &names_room, f) > 0 && getline(&values, &values_room, f) > 0 &&
	    read_value(names, values, "ReasmFails", &failures) && read_value(names, values, "ReasmTimeout", &timeouts))
		j = json_pack("{s:I, s:I}", "failures", (json_int_t)failures, "timeouts", (json_int_t)timeouts);
	if (f)
		fclose(f);
	return j;
}
