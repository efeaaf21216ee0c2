/*
 * kept.c - settings of the kernel that matter and of whose change it tells nobody: their files stay open, and are read again within
 * a second. What has another value makes the driver ask for a sync of that domain. Called by vrf.c, bring.c and settings.c; runs on
 * the loop.
 *
 * Finding such a file takes the kernel the longer the more namespaces there are, reading one that is open takes it a microsecond.
 * Each turn is about some of the VRFs only, so that a thousand do not hold up the loop.
 */
#include "vrf/private.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define TURN_MS	  75
#define TURN_BITS 3
#define TURNS	  (1u << TURN_BITS) /* until each VRF has been looked at */

/* Outlives the driver until the loop has closed it. */
struct gw_vrf_watchman {
	uv_timer_t timer;
	struct gw_driver *d;
	unsigned turn;
};

void gw_vrf_drop_kept(struct gw_vrf_domain *dom, bool links)
{
	for (size_t i = 0; i < dom->n_kept[links]; i++)
		if (dom->kept[links][i].fd >= 0)
			close(dom->kept[links][i].fd);
	dom->n_kept[links] = 0;
}

/* Also of a link that has gone: that is told otherwise, and there is nothing to hold. */
static bool holds(const struct gw_vrf_kept *k)
{
	char text[32];
	ssize_t n = k->fd < 0 ? 0 : pread(k->fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return true;
	text[n] = '\0';
	return gw_vrf_setting_holds((int)strtol(text, NULL, 10), k->value, k->at_most);
}

static void look_at(struct gw_vrf_domain *dom)
{
	char why[GW_NETNS_STRLEN + 64];

	for (int links = 0; links < 2; links++)
		for (size_t i = 0; i < dom->n_kept[links]; i++)
			if (!dom->dirty && !holds(&dom->kept[links][i])) {
				snprintf(why, sizeof why, "settings were changed in VRF %s", dom->name);
				gw_vrf_mark(dom, why);
			}
}

static void on_turn(uv_timer_t *timer)
{
	struct gw_vrf_watchman *w = timer->data;

	w->turn = (w->turn + 1) % TURNS;
	GW_HMAP_FOR_EACH (node, &w->d->vrfs) {
		struct gw_vrf_domain *dom = GW_CONTAINER_OF(node, struct gw_vrf_domain, by_vsid);

		if ((dom->vsid * 0x9e3779b1u) >> (32 - TURN_BITS) ==
		    w->turn) /* spreads them, whatever their numbers have in common */
			look_at(dom);
	}
	if (w->d->vrfs.n == 0)
		uv_timer_stop(timer);
}

void gw_vrf_post_watchman(struct gw_driver *d)
{
	struct gw_vrf_watchman *w = d->watchman;

	if (!w) {
		w = calloc(1, sizeof *w);
		if (!w || uv_timer_init(d->env.loop, &w->timer) < 0) {
			free(w);
			gw_log_debug("no memory: settings that somebody changes are missed until the next full sync");
			return;
		}
		uv_unref((uv_handle_t *)&w->timer); /* it keeps nobody from coming to an end */
		w->timer.data = w;
		w->d = d;
		d->watchman = w;
	}
	if (!uv_is_active((uv_handle_t *)&w->timer))
		uv_timer_start(&w->timer, on_turn, TURN_MS, TURN_MS);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void gw_vrf_dismiss_watchman(struct gw_driver *d)
{
	if (d->watchman)
		uv_close((uv_handle_t *)&d->watchman->timer, on_closed);
	d->watchman = NULL;
}
