/*
 * trim.c - keeps the feed and the audit log as short as the configuration says: soon after the start and then every minute, in
 * slices, on a thread, with the store for itself for the milliseconds that one takes.
 */
#include "control/private.h"

#include "base/log.h"
#include "store/resource.h"

#include <time.h>

#define EVERY_MS 60000
#define SOON_MS	 20   /* others come in between */
#define SLICE	 2000 /* entries */
#define DAY	 INT64_C(86400)

static void on_time(uv_timer_t *timer);

static void on_run(struct gw_control_job *job)
{
	struct gw_trim *t = GW_CONTAINER_OF(job, struct gw_trim, job);
	const struct gw_config *config = t->control->config;
	int64_t now = time(NULL);
	const struct gw_store_keep keep = {
		.changes = config->feed_limit,
		.deeds = config->audit_limit,
		.changes_since = now - config->feed_days * DAY,
		.deeds_since = now - config->audit_days * DAY,
	};

	t->error = GW_ERROR_INIT;
	t->more = false;
	t->result = gw_store_trim(t->control->store, &keep, SLICE, &t->more, &t->error);
}

static void on_done(struct gw_control_job *job, const struct gw_error *err)
{
	struct gw_trim *t = GW_CONTAINER_OF(job, struct gw_trim, job);

	if (!err && t->result < 0)
		gw_log_warning("the feed of changes and the audit log grow on: %s: %s", t->error.target,
			       t->error.message);
	if (!uv_is_closing((uv_handle_t *)&t->timer))
		uv_timer_start(&t->timer, on_time, !err && t->result == 0 && t->more ? SOON_MS : EVERY_MS, 0);
}

static void on_time(uv_timer_t *timer)
{
	struct gw_trim *t = timer->data;

	gw_control_run(t->control, &t->job);
}

int gw_trim_init(struct gw_control *k)
{
	int r = uv_timer_init(k->loop, &k->trim.timer);

	if (r < 0)
		return r;
	k->trim.control = k;
	k->trim.timer.data = &k->trim;
	k->trim.job = (struct gw_control_job){.run = on_run, .done = on_done};
	return uv_timer_start(&k->trim.timer, on_time, SOON_MS, 0);
}
