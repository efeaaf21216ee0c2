/*
 * main.c - the composition root of gwd: the only file that knows every module. Reads the configuration, prepares the
 * process, opens core and API, runs the loop, and lets go of everything without touching what carries traffic.
 */
#include "api/api.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hmap.h"
#include "base/log.h"
#include "control/control.h"
#include "engine/engine.h"
#include "model/config.h"
#include "netns/netns.h"
#include "nl/nl.h"
#include "node/node.h"
#include "obs/loop.h"
#include "options.h"
#include "plugin/plugins.h"
#include "reconcile/reconcile.h"
#include "sync/enroll.h"
#include "sync/sync.h"
#include "vrf/vrf.h"

#include <cap-ng.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <uv.h>

/* In order of application: the underlay before what is carried over it. */
static const struct gw_driver_ops *const drivers[] = {
	&gw_node_driver,
	&gw_vrf_driver,
	&gw_engine_driver,
};

#define N_DRIVERS (sizeof drivers / sizeof *drivers)

struct daemon {
	const char *config_path;
	struct gw_config config;
	int run_lock;
	struct gw_nl *nl;
	uv_loop_t loop;
	struct gw_loop_meter *meter;
	uv_signal_t on_hup, on_term, on_int;
	uv_timer_t watchdog;
	struct gw_plugins loaded;
	struct gw_reconcile_plugin plugins[GW_PLUGINS_MAX];
	struct gw_reconcile *core;
	struct gw_control *control;
	struct gw_enroller *enroller;
	struct gw_service service;
	struct gw_api *api;
	struct gw_sync *sync;
	struct {
		struct gw_control_waiter waiter;
		void (*go)(void *arg, const struct gw_error *why);
		void *arg;
	} turn; /* that the link to the controller waits for: it writes to the store that the controller's own core writes to */
	bool ending; /* requests under way are waited for */
	bool again;  /* it ends to begin anew */
};

/* --- process ------------------------------------------------------------------------------------------------------ */

static void log_failure(const char *what, const struct gw_error *err)
{
	gw_log_error("%s%s%s%s%s", what, *what ? ": " : "", err->target, *err->target ? ": " : "", err->message);
}

/*
 * For each VRF two and up to 13 settings that are read again and again, for each of its connections two that ask who is at the other side,
 * one for each client, and what the engine and the store have.
 */
static void raise_descriptors(const struct gw_config *config)
{
	rlim_t need = 15 * (rlim_t)config->vrf_limit + 2 * (rlim_t)config->way_limit + config->connection_limit + 512;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		gw_log_debug("cannot raise RLIMIT_NOFILE: %s", strerror(errno));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need && config->roles & GW_ROLE_HOST)
		gw_log_warning("this process may open %llu files, and [limits] virtual_gateways = %u with "
			       "network_connections = %u takes up to %llu: raise LimitNOFILE= of its unit, or lower "
			       "those limits",
			       (unsigned long long)limit.rlim_cur, config->vrf_limit, config->way_limit,
			       (unsigned long long)need);
}

/* Memory holds secrets of tenants: no core dumps, no ptrace by the same user. */
static void harden(const struct gw_config *config)
{
	static const struct rlimit none = {0, 0};
	struct rlimit memlock = {RLIM_INFINITY, RLIM_INFINITY};

	umask(0077);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		gw_log_warning("cannot disable core dumps: %s", strerror(errno));
	/* BPF maps counted against it before Linux 5.11; the memory of a ring buffer still may. */
	if (setrlimit(RLIMIT_MEMLOCK, &memlock) < 0 && getrlimit(RLIMIT_MEMLOCK, &memlock) == 0) {
		memlock.rlim_cur = memlock.rlim_max;
		if (setrlimit(RLIMIT_MEMLOCK, &memlock) < 0)
			gw_log_debug("cannot raise RLIMIT_MEMLOCK: %s", strerror(errno));
	}
	raise_descriptors(config);
	/*
	 * What one thread has read, the loop keeps: with an arena for each, the holes between stay with whoever made them, and a tenant
	 * takes half as much again.
	 */
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write that meets it */
}

static int check_capabilities(struct gw_error *err)
{
	static const struct {
		unsigned any[2];
		const char *names;
	} needs[] = {
		{{CAP_NET_ADMIN, CAP_NET_ADMIN}, "CAP_NET_ADMIN"},
		{{CAP_BPF, CAP_SYS_ADMIN}, "CAP_BPF (or CAP_SYS_ADMIN)"},
		{{CAP_PERFMON, CAP_SYS_ADMIN}, "CAP_PERFMON (or CAP_SYS_ADMIN)"},
	};
	char missing[128] = "";
	size_t at = 0;

	if (capng_get_caps_process() < 0)
		return gw_error_set(err, EPERM, GW_ERR_CAPABILITY, "", "cannot read the capabilities of this process");
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (!capng_have_capability(CAPNG_EFFECTIVE, needs[i].any[0]) &&
		    !capng_have_capability(CAPNG_EFFECTIVE, needs[i].any[1]))
			at += (size_t)snprintf(missing + at, sizeof missing - at, "%s%s", at ? ", " : "",
					       needs[i].names);
	if (!at)
		return 0;
	return gw_error_set(err, EPERM, GW_ERR_CAPABILITY, "",
			    "missing privileges: %s; start gwd as root, or with AmbientCapabilities= in its unit",
			    missing);
}

/* Two daemons of one run_dir would fight over the socket; the engine guards its pins by itself. */
static int lock_run_dir(struct daemon *d, struct gw_error *err)
{
	_cleanup_free_ char *path = NULL;
	pid_t holder = 0;
	int r = gw_fs_mkdirs(d->config.run_dir, 0755, err);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/gwd.pid", d->config.run_dir) < 0) {
		path = NULL;
		return gw_error_oom(err);
	}
	r = gw_fs_lock(path, &d->run_lock, &holder, err);
	if (r == -EBUSY)
		return gw_error_set(
			err, EBUSY, GW_ERR_CONFLICT, d->config.run_dir,
			"another gwd (process %d) runs here: end it, or give this one another [node] run_dir",
			(int)holder);
	return r;
}

/* --- configuration ------------------------------------------------------------------------------------------------ */

static void log_restart(const char *key)
{
	gw_log_warning("%s has changed in the configuration: it takes effect when gwd is restarted", key);
}

static void reload(struct daemon *d)
{
	struct gw_error err = GW_ERROR_INIT;
	struct gw_config new;

	if (gw_config_load(d->config_path, &new, &err) < 0) {
		log_failure("the new configuration is not used, the old one stays", &err);
		return;
	}
	gw_config_renew(&d->config, &new, log_restart);
	gw_log_init(d->config.log_level);
	gw_reconcile_reconfigured(d->core);
	if (d->api && gw_api_reload(d->api, &err) < 0)
		log_failure("the certificates are not used, the old ones stay", &err);
	gw_log_notice("configuration read again from %s", d->config_path);
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

/*
 * Until the loop runs nobody else tells the service manager, which counts the seconds, that this goes on; also of a process that begins
 * anew, and has been ready before.
 */
static void on_progress(void *ctx)
{
	(void)ctx;
	sd_notify(0, "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000");
}

static void on_ready(void *ctx)
{
	struct daemon *d = ctx;

	if (!d->api) /* start says it then */
		return;
	gw_log_notice("gwd " GW_VERSION " is ready: node %s, API on %s", d->config.name, d->config.listen);
	sd_notify(0, "READY=1\nSTATUS=Node is in its intended state");
}

static void on_state(void *ctx)
{
	struct daemon *d = ctx;

	if (d->sync)
		gw_sync_node_changed(d->sync);
}

/* Somebody may have come first: then it waits again. */
static void on_turn(struct gw_control_waiter *waiter, const struct gw_error *why)
{
	struct daemon *d = GW_CONTAINER_OF(waiter, struct daemon, turn.waiter);

	if (!d->sync)
		return;
	if (!why && !gw_control_is_open_for(d->control, GW_CONTROL_READS))
		gw_control_queue(d->control, &d->turn.waiter);
	else
		d->turn.go(d->turn.arg, why);
}

static void await_turn(void *ctx, void (*go)(void *arg, const struct gw_error *why), void *arg)
{
	struct daemon *d = ctx;

	d->turn.waiter = (struct gw_control_waiter){.turn = GW_CONTROL_READS, .done = on_turn};
	d->turn.go = go;
	d->turn.arg = arg;
	on_turn(&d->turn.waiter, NULL);
}

static void on_worked(void *ctx, const char *what, const char *who, uint64_t ns)
{
	const struct daemon *d = ctx;

	gw_loop_took(d->meter, what, who, ns);
}

static void on_link(void *ctx, const struct gw_link *link, bool removed)
{
	struct daemon *d = ctx;

	if (d->sync)
		gw_sync_link_changed(d->sync, link->name, removed);
}

/* Who only is a controller has nothing that one could tell it. */
static int follow(struct daemon *d, struct gw_error *err)
{
	const struct gw_sync_params params = {
		.loop = &d->loop,
		.service = &d->service,
		.await_turn = d->control ? await_turn : NULL,
		.ctx = d,
	};
	int r;

	if (!(d->config.roles & GW_ROLES_OF_NODES))
		return 0;
	r = gw_sync_open(&params, &d->sync, err);
	if (r == 0) {
		gw_nl_watch_links(d->nl, on_link, d); /* without it what failed is tried every 30 s */
		d->service.link_status = gw_sync_status;
		d->service.link_ctx = d->sync;
	}
	return r;
}

static void unfollow(struct daemon *d)
{
	d->service.link_status = NULL;
	d->sync = gw_sync_close(d->sync);
	if (d->nl)
		gw_nl_unwatch(d->nl, d);
}

static void close_handle(uv_handle_t *h)
{
	if (h->type != UV_UNKNOWN_HANDLE && !uv_is_closing(h))
		uv_close(h, NULL);
}

/* The loop ends by itself when the last handle is closed. */
static void stop(struct daemon *d)
{
	unfollow(d);
	d->api = gw_api_stop(d->api);
	d->enroller = gw_enroller_close(d->enroller);
	d->control = gw_control_close(d->control);
	d->core = gw_reconcile_close(d->core);
	d->nl = gw_nl_close(d->nl);
	d->meter = gw_loop_meter_free(d->meter);
	close_handle((uv_handle_t *)&d->on_hup);
	close_handle((uv_handle_t *)&d->on_term);
	close_handle((uv_handle_t *)&d->on_int);
	close_handle((uv_handle_t *)&d->watchdog);
}

/* The service manager waits for READY after RELOADING; before the first READY there is nothing to say. */
static void on_hup(struct daemon *d)
{
	bool ready = d->service.ready && d->service.ready(d->service.ctx);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ready)
		sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
			   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	reload(d);
	if (ready)
		sd_notify(0, "READY=1");
}

static void on_drained(void *ctx)
{
	stop(ctx);
}

static void end(struct daemon *d)
{
	d->ending = true;
	unfollow(d); /* a controller that follows itself would wait for itself */
	if (d->api)
		gw_api_drain(d->api, on_drained, d);
	else
		stop(d);
}

/* What is kept has been replaced: the process goes on as a new one, under the same number. */
static void on_restart(void *ctx)
{
	struct daemon *d = ctx;

	gw_log_notice("beginning anew, traffic goes on");
	d->again = true;
	end(d);
}

static void on_enrolled(void *ctx)
{
	struct daemon *d = ctx;

	if (d->sync)
		gw_sync_enrolled(d->sync);
}

static int open_enroller(struct daemon *d, struct gw_error *err)
{
	const struct gw_enroller_params params = {
		.loop = &d->loop, .config = &d->config, .enrolled = on_enrolled, .ctx = d};
	int r = gw_enroller_open(&params, &d->enroller, err);

	d->service.enroll = gw_enroller_enroll;
	d->service.enrollment = gw_enroller_status;
	d->service.enroll_ctx = d->enroller;
	return r;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct daemon *d = handle->data;

	if (signum == SIGHUP) {
		on_hup(d);
		return;
	}
	if (d->ending) { /* and cannot wait */
		stop(d);
		return;
	}
	gw_log_notice("%s: ending, traffic goes on", signum == SIGTERM ? "SIGTERM" : "SIGINT");
	sd_notify(0, "STOPPING=1");
	d->again = false;
	end(d);
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	sd_notify(0, "WATCHDOG=1");
}

static int watch(struct daemon *d, struct gw_error *err)
{
	const struct {
		uv_signal_t *handle;
		int signum;
	} signals[] = {{&d->on_hup, SIGHUP}, {&d->on_term, SIGTERM}, {&d->on_int, SIGINT}};
	uint64_t usec = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof signals / sizeof *signals; i++) {
		r = uv_signal_init(&d->loop, signals[i].handle);
		signals[i].handle->data = d;
		if (r == 0)
			r = uv_signal_start(signals[i].handle, on_signal, signals[i].signum);
	}
	if (r == 0)
		r = uv_timer_init(&d->loop, &d->watchdog);
	if (r == 0 && sd_watchdog_enabled(0, &usec) > 0)
		r = uv_timer_start(&d->watchdog, on_watchdog, 0, usec / 3000);
	return r < 0 ? gw_error_set(err, -r, GW_ERR_INTERNAL, "", "cannot watch signals: %s", uv_strerror(r)) : 0;
}

/* One that is not good has a place too, where it says why. */
static void load_plugins(struct daemon *d)
{
	gw_plugins_load(d->config.plugin_dir, &d->loaded);
	if (*d->loaded.error.message)
		log_failure("", &d->loaded.error);
	for (size_t i = 0; i < d->loaded.n; i++) {
		const struct gw_loaded_plugin *p = &d->loaded.v[i];

		d->plugins[i] = (struct gw_reconcile_plugin){
			.name = p->name,
			.ops = p->plugin ? p->plugin->ops : NULL,
			.kinds = p->plugin ? p->plugin->kinds : 0,
			.error = p->error,
		};
	}
}

/* What serving and removing have in common. */
static int prepare(struct daemon *d, struct gw_reconcile_params *ret, struct gw_error *err)
{
	bool is_node = d->config.roles & GW_ROLES_OF_NODES;
	int r = is_node ? check_capabilities(err) : 0;

	if (r == 0)
		r = lock_run_dir(d, err);
	if (r == 0)
		r = gw_nl_open(&d->loop, &d->nl, err);
	if (r == 0 && is_node)
		load_plugins(d);
	if (r == 0)
		*ret = (struct gw_reconcile_params){
			.loop = &d->loop,
			.config = &d->config,
			.nl = d->nl,
			.drivers = drivers,
			.n_drivers = is_node ? N_DRIVERS : 0,
			.plugins = d->plugins,
			.n_plugins = d->loaded.n,
			.on_progress = on_progress,
			.on_ready = on_ready,
			.on_state = on_state,
			.on_worked = on_worked,
			.ctx = d,
		};
	return r;
}

static int serve(struct daemon *d, struct gw_error *err)
{
	struct gw_reconcile_params params;
	int r = prepare(d, &params, err);

	if (r == 0)
		r = watch(d, err);
	if (r == 0)
		r = gw_reconcile_open(&params, &d->core, err);
	if (r < 0)
		return r;
	on_progress(d);
	gw_reconcile_service(d->core, &d->service);
	if (d->config.roles & GW_ROLE_CONTROLLER)
		r = gw_control_open(gw_reconcile_store(d->core), &d->config, &d->loop, &d->control, err);
	if (r < 0)
		return r;
	on_progress(d);
	d->service.control = d->control;
	d->service.meter = d->meter = gw_loop_meter_new(&d->loop);
	d->service.restart = on_restart;
	d->service.restart_ctx = d;
	r = open_enroller(d, err);
	if (r == 0)
		r = gw_api_first_operator(&d->service, err);
	if (r < 0)
		return r;
	r = gw_api_start(&d->loop, d->config.listen, &d->service, &d->api, err);
	if (r == 0)
		r = follow(d, err);
	if (r == 0 && d->service.ready(d->service.ctx))
		on_ready(d);
	return r;
}

static int remove_node(struct daemon *d, struct gw_error *err)
{
	struct gw_reconcile_params params;
	int r = prepare(d, &params, err);

	if (r == 0)
		r = gw_reconcile_remove(&params, err);
	if (r == 0)
		r = gw_netns_delete_all(GW_NETNS_SOCKET, d->config.name, err);
	stop(d);
	return r;
}

static int run(struct daemon *d, bool removing)
{
	struct gw_error err = GW_ERROR_INIT;
	int r = uv_loop_init(&d->loop);

	if (r < 0) {
		gw_log_error("cannot start an event loop: %s", uv_strerror(r));
		return 1;
	}
	sd_notify(0, removing ? "STATUS=Removing" : "STATUS=Starting");
	r = removing ? remove_node(d, &err) : serve(d, &err);
	if (r < 0) {
		log_failure(removing ? "not everything was removed" : "cannot start", &err);
		sd_notifyf(0, "STATUS=Cannot start: %s\nERRNO=%d", err.message, -r);
		stop(d);
	}
	gw_loop_begin(d->meter);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&d->loop) < 0) {
		gw_log_error("the event loop was left with open handles");
		return 1;
	}
	gw_plugins_unload(&d->loaded);
	gw_cleanup_close(&d->run_lock);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct gw_error err = GW_ERROR_INIT;
	struct daemon d = {.run_lock = -1};
	struct gw_options options;
	int status = gw_options_parse(argc, argv, &options);

	if (status >= 0)
		return status;
	gw_log_init(GW_LOG_INFO);
	if (gw_hash_randomize() < 0) {
		gw_log_error("cannot start: the kernel gives no random bytes");
		return 1;
	}
	d.config_path = options.config_path;
	if (gw_config_load(d.config_path, &d.config, &err) < 0) {
		log_failure("", &err);
		return 1;
	}
	if (options.check_only) {
		if (!options.remove && gw_api_check(&d.config, &err) < 0) { /* a removal needs no certificates */
			log_failure("", &err);
			return 1;
		}
		printf("%s: good\n", d.config_path);
		return 0;
	}
	gw_log_init(d.config.log_level);
	harden(&d.config);
	status = run(&d, options.remove);
	if (d.again && status == 0) {
		execv("/proc/self/exe", argv);
		gw_log_error("cannot begin anew: %s", strerror(errno));
		status = 1;
	}
	return status;
}
