/* fixture.h - what the tests of store, reconciler and API share: a directory of their own, records made from text. */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/config.h"
#include "model/hnv_schema.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One directory for each test: state is the path. */
static inline int fixture_setup(void **state)
{
	char *dir = strdup("/tmp/gwd-test-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) ? 0 : -1;
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	int r = nftw(*state, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return r;
}

static inline const char *fixture_path(void **state, const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", (const char *)*state, name);
	return p;
}

/* The configuration of a node whose files are all in the test's directory; `more` is added to it. */
static inline void fixture_config(void **state, const char *more, struct gw_config *ret)
{
	struct gw_error err = GW_ERROR_INIT;
	char text[1024];
	int n;

	n = snprintf(text, sizeof text, "[node]\nname = test\nstate_dir = %s\nrun_dir = %s\n%s", (const char *)*state,
		     (const char *)*state, more);
	if (gw_config_parse(text, (size_t)n, "test", ret, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
}

/* An object of `kind` from its JSON properties. */
static inline struct gw_hnv_object *fixture_object(enum gw_hnv_kind kind, const char *json)
{
	static const struct gw_config config;
	struct gw_hnv_object *o = NULL;
	struct gw_error err = GW_ERROR_INIT;
	json_t *body = json_loads(json, 0, NULL);

	assert_non_null(body);
	if (gw_hnv_decode(kind, NULL, body, &config, &o, &err) < 0)
		fail_msg("%s: %s: %s", json, err.target, err.message);
	json_decref(body);
	return o;
}

/* Lookup record of VSID 5001 for 10.0.x.y with host number `n`, at provider address 192.0.2.`pa`. */
static inline struct gw_hnv_object *fixture_record(unsigned n, unsigned pa)
{
	char json[256];

	snprintf(json, sizeof json,
		 "{\"VirtualSubnetID\":5001,\"CustomerAddress\":\"10.0.%u.%u\",\"ProviderAddress\":\"192.0.2."
		 "%u\","
		 "\"MACAddress\":\"0200000%05X\"}",
		 n >> 8, n & 255, pa, n);
	return fixture_object(GW_HNV_LOOKUP_RECORD, json);
}

static inline char *fixture_slurp(const char *path, size_t *ret_n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_n = (size_t)st.st_size;
	return data;
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

#endif
