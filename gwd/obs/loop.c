/*
 * loop.c - see loop.h. libuv calls descriptors' handlers while it polls, so that no pair of callbacks stands around them: a turn
 * is the time from one preparation of a wait to the next, without what the kernel had us wait, which libuv counts.
 */
#include "obs/loop.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define HANDLERS 96
#define PAUSE_NS 20000000u /* longer turns are felt by who waits for an answer */

/* What one handler took, of all its calls. */
struct handler {
	const char *name, *action;
	uint64_t calls, total_ns, longest_ns;
};

struct gw_loop_meter {
	uv_prepare_t prepare;
	uint64_t prepared_ns, idle_ns; /* at the last preparation */
	uint64_t longest_ns, pauses;
	struct gw_histogram turns;
	struct handler handlers[HANDLERS];
	size_t n_handlers;
};

static void on_prepare(uv_prepare_t *prepare)
{
	struct gw_loop_meter *m = prepare->data;
	uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(prepare->loop), turn;

	if (m->prepared_ns) {
		turn = now - m->prepared_ns;
		/* Two clocks were read one after the other. */
		turn -= idle - m->idle_ns < turn ? idle - m->idle_ns : turn;
		gw_histogram_add(&m->turns, (double)turn / 1e9);
		if (turn > m->longest_ns)
			m->longest_ns = turn;
		m->pauses += turn > PAUSE_NS;
	}
	m->prepared_ns = now;
	m->idle_ns = idle;
}

struct gw_loop_meter *gw_loop_meter_new(uv_loop_t *loop)
{
	struct gw_loop_meter *m = calloc(1, sizeof *m);

	if (!m || uv_loop_configure(loop, UV_METRICS_IDLE_TIME) < 0) {
		free(m);
		return NULL;
	}
	uv_prepare_init(loop, &m->prepare); /* neither can fail */
	uv_prepare_start(&m->prepare, on_prepare);
	uv_unref((uv_handle_t *)&m->prepare); /* it keeps no loop alive */
	m->prepare.data = m;
	return m;
}

void gw_loop_begin(struct gw_loop_meter *m)
{
	if (!m)
		return;
	m->prepared_ns = uv_hrtime();
	m->idle_ns = uv_metrics_idle_time(m->prepare.loop);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct gw_loop_meter *gw_loop_meter_free(struct gw_loop_meter *m)
{
	if (m)
		uv_close((uv_handle_t *)&m->prepare, on_closed);
	return NULL;
}

uint64_t gw_loop_enter(const struct gw_loop_meter *m)
{
	return m ? uv_hrtime() : 0;
}

/* The one of these names, which is made when there is room. */
static struct handler *find(struct gw_loop_meter *m, const char *name, const char *action)
{
	size_t i = 0;

	while (i < m->n_handlers &&
	       (strcmp(m->handlers[i].name, name) != 0 || strcmp(m->handlers[i].action, action) != 0))
		i++;
	if (i == HANDLERS)
		return NULL;
	if (i == m->n_handlers)
		m->handlers[m->n_handlers++] = (struct handler){.name = name, .action = action};
	return &m->handlers[i];
}

void gw_loop_took(struct gw_loop_meter *m, const char *handler, const char *action, uint64_t ns)
{
	struct handler *h = m ? find(m, handler, action) : NULL;

	if (!h)
		return;
	h->calls++;
	h->total_ns += ns;
	if (ns > h->longest_ns)
		h->longest_ns = ns;
}

void gw_loop_leave(struct gw_loop_meter *m, const char *handler, const char *action, uint64_t entered)
{
	if (m)
		gw_loop_took(m, handler, action, uv_hrtime() - entered);
}

/* --- shown -------------------------------------------------------------------------------------------------------- */

static void each_handler(struct gw_metrics *out, const struct gw_loop_meter *m, const char *name, const char *type,
			 const char *help, size_t offset, double unit)
{
	if (m->n_handlers == 0)
		return;
	gw_metrics_family(out, name, type, help);
	for (size_t i = 0; i < m->n_handlers; i++) {
		const struct handler *h = &m->handlers[i];
		uint64_t value;

		memcpy(&value, (const char *)h + offset, sizeof value);
		gw_metrics_sample(out, name, (const char *const[]){"handler", h->name, "action", h->action, NULL},
				  (double)value / unit);
	}
}

void gw_loop_metrics(struct gw_metrics *out, const struct gw_loop_meter *m)
{
	gw_metrics_histogram(out, "gwd_loop_turn_seconds", "What the event loop does between two waits.", &m->turns);
	gw_metrics_family(out, "gwd_loop_longest_turn_seconds", "gauge", "The longest of these since the start.");
	gw_metrics_sample(out, "gwd_loop_longest_turn_seconds", NULL, (double)m->longest_ns / 1e9);
	gw_metrics_family(out, "gwd_loop_pauses_total", "counter", "How many of these took longer than 20 ms.");
	gw_metrics_sample(out, "gwd_loop_pauses_total", NULL, (double)m->pauses);
	each_handler(out, m, "gwd_loop_handler_calls_total", "counter", "How often a handler was at work on the loop.",
		     offsetof(struct handler, calls), 1);
	each_handler(out, m, "gwd_loop_handler_seconds_total", "counter", "How long in all.",
		     offsetof(struct handler, total_ns), 1e9);
	each_handler(out, m, "gwd_loop_handler_longest_seconds", "gauge", "How long at the longest since the start.",
		     offsetof(struct handler, longest_ns), 1e9);
}
