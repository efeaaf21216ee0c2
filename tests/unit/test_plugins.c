/* test_plugins.c - which files are loaded as plugins, which are not and why; and a node whose plugin fails. */
#include "core_fakes.h"

#include "plugin/plugins.h"
#include "test.h"

#include <unistd.h>

static struct gw_plugins loaded;

static const char *built(const char *name)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);

	assert_true(n > 0);
	path[n] = '\0';
	for (int up = 0; up < 3; up++)
		*strrchr(path, '/') = '\0';
	snprintf(path + strlen(path), 64, "/plugins/%s.so", name);
	return path;
}

static void copy(const char *from, const char *to, mode_t mode)
{
	char cmd[1024];

	snprintf(cmd, sizeof cmd, "install -m %o '%s' '%s'", mode, from, to);
	assert_int_equal(system(cmd), 0);
}

static const struct gw_loaded_plugin *plugin(const char *name)
{
	for (size_t i = 0; i < loaded.n; i++)
		if (!strcmp(loaded.v[i].name, name))
			return &loaded.v[i];
	fail_msg("no %s", name);
	return NULL;
}

static void expect_refused(const char *name, enum gw_error_code code, const char *words)
{
	const struct gw_loaded_plugin *p = plugin(name);

	assert_null(p->plugin);
	assert_int_equal(p->error.code, code);
	check(strstr(p->error.message, words), "%s: %s", name, p->error.message);
	check(strstr(p->error.target, name), "%s", p->error.target);
}

static void test_load(void **state)
{
	char dir[256];

	snprintf(dir, sizeof dir, "%s", fixture_path(state, "plugins"));
	assert_int_equal(mkdir(dir, 0755), 0);
	gw_plugins_load(fixture_path(state, "none"), &loaded);
	assert_int_equal(loaded.n, 0);
	assert_string_equal(loaded.error.message, "");
	copy(built("example"), fixture_path(state, "plugins/example.so"), 0644);
	copy(built("example"), fixture_path(state, "plugins/other.so"), 0644); /* not called like its file */
	copy(built("example"), fixture_path(state, "plugins/open.so"), 0666);
	copy("/etc/hostname", fixture_path(state, "plugins/text.so"), 0644);
	copy("/etc/hostname", fixture_path(state, "plugins/notes.txt"), 0644);
	assert_int_equal(symlink(built("example"), fixture_path(state, "plugins/link.so")), 0);
	gw_plugins_load(dir, &loaded);
	assert_int_equal(loaded.n, 5);
	assert_string_equal(loaded.v[0].name, "example");
	check(loaded.v[0].plugin, "%s", loaded.v[0].error.message);
	assert_string_equal(loaded.v[0].plugin->ops->name, "example");
	expect_refused("other", GW_ERR_CAPABILITY, "called otherwise");
	expect_refused("open", GW_ERR_FORBIDDEN, "chmod go-w");
	expect_refused("text", GW_ERR_CAPABILITY, "install the plugin");
	expect_refused("link", GW_ERR_UNAVAILABLE, "symbolic link");
	gw_plugins_unload(&loaded);
	assert_int_equal(loaded.n, 0);
	assert_int_equal(chmod(dir, 0777), 0);
	gw_plugins_load(dir, &loaded);
	assert_int_equal(loaded.n, 0);
	assert_int_equal(loaded.error.code, GW_ERR_FORBIDDEN);
}

/* --- a node with plugins that fail --- */

static struct gw_reconcile_plugin plugins[2];

static void begin(struct bench *b, void **state)
{
	struct gw_reconcile_params params = {.loop = &b->loop,
					     .config = &b->config,
					     .drivers = drivers,
					     .n_drivers = 1,
					     .plugins = plugins,
					     .n_plugins = 2,
					     .on_ready = on_ready,
					     .ctx = b};
	struct gw_error err = GW_ERROR_INIT;

	reset_fakes();
	memset(b, 0, sizeof *b);
	fixture_config(state, "", &b->config);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	plugins[0] = (struct gw_reconcile_plugin){.name = "one", .ops = &ops[1], .kinds = 1u << GW_HNV_NAT_RULE};
	plugins[1] = (struct gw_reconcile_plugin){.name = "broken"};
	gw_error_set(&plugins[1].error, ENOEXEC, GW_ERR_CAPABILITY, "/p/broken.so", "not loaded: too old");
	fakes[1].open_ok = 0;
	if (gw_reconcile_open(&params, &b->core, &err) < 0)
		fail_msg("%s: %s", err.target, err.message);
	gw_reconcile_service(b->core, &b->service);
	turn(b);
}

static const char *sync_state(struct bench *b, const char *name, const char *field)
{
	static char text[512];
	json_t *s = b->service.status(b->service.ctx),
	       *one = json_object_get(json_object_get(json_object_get(s, "node"), "sync"), name);
	json_t *v = json_object_get(one, field);

	if (!v)
		v = json_object_get(json_object_get(one, "lastError"), field);
	snprintf(text, sizeof text, "%s", json_string_value(v) ? json_string_value(v) : "");
	json_decref(s);
	return text;
}

static void expect_rule(struct bench *b, const char *state, const char *words)
{
	struct gw_hnv_object *o = fixture_object(
		GW_HNV_NAT_RULE,
		"{\"RoutingDomainID\":\"11111111-1111-1111-1111-111111111111\",\"Type\":\"Outbound\",\"Protocol\":"
		"\"All\","
		"\"PublicAddress\":\"203.0.113.1\",\"PublicPort\":0,\"CustomerPrefix\":\"10.0.0.0/24\"}");
	json_t *j = json_object();
	const char *is, *detail;

	b->service.describe(b->service.ctx, o, j);
	is = json_string_value(json_object_get(j, "state"));
	detail = json_string_value(json_object_get(j, "stateDetail"));
	check(is && !strcmp(is, state), "%s", is ? is : "no state");
	check(detail && strstr(detail, words), "%s", detail ? detail : "no detail");
	json_decref(j);
	gw_hnv_object_free(o);
}

static void test_failing(void **state)
{
	struct bench b;

	begin(&b, state);
	assert_int_equal(b.ready, 1); /* without them */
	assert_string_equal(sync_state(&b, "zero", "state"), "Synced");
	assert_string_equal(sync_state(&b, "broken", "state"), "Failing");
	assert_string_equal(sync_state(&b, "broken", "code"), "CapabilityMissing");
	assert_string_equal(sync_state(&b, "broken", "message"), "not loaded: too old");
	assert_string_equal(sync_state(&b, "one", "message"), "no such thing");
	expect_rule(&b, "Failed", "no such thing");
	put_ok(&b, port("eth1", 5001));
	assert_int_equal(fakes[0].n, 1);
	/* It can be opened now: the next attempt does, and brings it where the others are. */
	fakes[1].open_ok = -1;
	for (int i = 0; i < 300 && strcmp(sync_state(&b, "one", "state"), "Synced") != 0; i++) {
		usleep(10000);
		turn(&b);
	}
	assert_string_equal(sync_state(&b, "one", "state"), "Synced");
	assert_int_equal(fakes[1].n, 1);
	/* What it cannot apply is applied by the others all the same, and by itself with the next sync. */
	fakes[1].apply_ok = 0;
	put_ok(&b, port("eth2", 5001 + 1));
	assert_int_equal(fakes[0].n, 2);
	assert_string_equal(sync_state(&b, "one", "state"), "Failing");
	expect_rule(&b, "Failed", "");
	for (int i = 0; i < 300 && fakes[1].n != 2; i++) {
		usleep(10000);
		turn(&b);
	}
	assert_int_equal(fakes[1].n, 2);
	assert_string_equal(sync_state(&b, "one", "state"), "Synced");
	stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_failing, fixture_setup, fixture_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("plugins", tests, NULL, NULL);
}
