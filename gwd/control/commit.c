/*
 * commit.c - when what has been accepted becomes durable, and who waits for it. See private.h.
 *
 * The thread uses the store and nothing else; while it does, nobody else may.
 */
#include "control/private.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- queues ------------------------------------------------------------------------------------------------------- */

static void queue_init(struct gw_control_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void push(struct gw_control_queue *q, struct gw_control_waiter *w)
{
	w->next = NULL;
	*q->last = w;
	q->last = &w->next;
}

static struct gw_control_queue take_all(struct gw_control_queue *q)
{
	struct gw_control_queue all = {q->first, NULL};

	queue_init(q);
	return all;
}

static void tell_all(struct gw_control_waiter *w, const struct gw_error *err)
{
	while (w) {
		struct gw_control_waiter *next = w->next;

		w->done(w, err);
		w = next;
	}
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

bool gw_control_is_open_for(const struct gw_control *k, bool joins)
{
	return k->state == GW_CONTROL_IDLE || (joins && k->state == GW_CONTROL_OPEN);
}

/* Those who read come first: one who changes something would close the door to them. */
static void let_in(struct gw_control *k)
{
	struct gw_control_waiter *w = take_all(&k->waiting).first, *changes = NULL, **last = &changes, *next;

	for (; w; w = next) {
		next = w->next;
		if (w->joins) {
			w->next = NULL;
			*last = w;
			last = &w->next;
		} else {
			w->done(w, NULL);
		}
	}
	tell_all(changes, NULL);
}

void gw_control_queue(struct gw_control *k, struct gw_control_waiter *w)
{
	push(&k->waiting, w);
}

void gw_control_await(struct gw_control *k, struct gw_control_waiter *w)
{
	if (k->state == GW_CONTROL_IDLE)
		w->done(w, NULL);
	else
		push(&k->accepted, w);
}

/* --- committing --------------------------------------------------------------------------------------------------- */

/* The store has said how it ended. */
static void conclude(struct gw_control *k, const struct gw_error *err)
{
	struct gw_control_waiter *accepted = take_all(&k->accepted).first;

	if (err) {
		gw_log_error("a change could not be stored, it is undone: %s: %s", err->target, err->message);
		gw_catalog_rollback(k->catalog);
	} else {
		gw_catalog_commit(k->catalog);
	}
	k->state = GW_CONTROL_IDLE;
	k->writing = false;
	tell_all(accepted, err);
	let_in(k);
}

static void on_work(uv_work_t *work)
{
	struct gw_control *k = work->data;

	k->error = GW_ERROR_INIT;
	k->result = 0;
	if (k->job)
		k->job->run(k->job);
	if (k->writing)
		k->result = gw_store_commit(k->store, &k->error);
	uv_sem_post(&k->worked);
}

static void control_free(struct gw_control *k)
{
	if (k->loop)
		uv_sem_destroy(&k->worked);
	gw_catalog_free(k->catalog);
	explicit_bzero(k->seal_key, sizeof k->seal_key);
	free(k);
}

static void let_go(struct gw_control *k)
{
	if (--k->handles == 0)
		control_free(k);
}

/* On the loop again. */
static void worked(struct gw_control *k)
{
	struct gw_control_job *job = k->job;
	const struct gw_error *err = k->result < 0 ? &k->error : NULL;

	k->job = NULL;
	if (job)
		job->done(job, err);
	conclude(k, err);
}

static void on_worked(uv_work_t *work, int status)
{
	struct gw_control *k = work->data;

	(void)status;
	if (!k->closed) {
		uv_sem_wait(&k->worked);
		worked(k);
	}
	let_go(k);
}

static int start_work(struct gw_control *k, enum gw_control_state state)
{
	enum gw_control_state before = k->state;

	k->state = state;
	k->handles++;
	if (uv_queue_work(k->loop, &k->work, on_work, on_worked) == 0)
		return 0;
	k->handles--;
	k->state = before;
	return -EAGAIN;
}

static void on_turn(uv_check_t *turn)
{
	struct gw_control *k = turn->data;

	uv_check_stop(turn);
	if (k->state == GW_CONTROL_OPEN && start_work(k, GW_CONTROL_COMMITTING) < 0)
		gw_control_flush(k, NULL);
}

int gw_control_run(struct gw_control *k, struct gw_control_job *job, struct gw_error *err)
{
	if (k->state != GW_CONTROL_IDLE || !k->loop)
		return gw_error_set(err, EBUSY, GW_ERR_UNAVAILABLE, "", "another change is being stored: try again");
	k->job = job;
	if (start_work(k, GW_CONTROL_WORKING) == 0)
		return 0;
	k->job = NULL;
	return gw_error_set(err, EAGAIN, GW_ERR_UNAVAILABLE, "", "no thread is free: try again");
}

int gw_control_flush(struct gw_control *k, struct gw_error *err)
{
	struct gw_error why = GW_ERROR_INIT;
	int r;

	if (k->state != GW_CONTROL_OPEN)
		return 0;
	r = gw_store_commit(k->store, &why);
	if (r < 0 && err)
		*err = why;
	conclude(k, r < 0 ? &why : NULL);
	return r;
}

uint64_t gw_commit_next_revision(const struct gw_control *k)
{
	return (k->writing ? k->revision : gw_store_revision(k->store)) + 1;
}

int gw_commit_begin(struct gw_control *k, struct gw_error *err)
{
	int r;

	if (k->writing) {
		k->revision = gw_store_next_revision(k->store);
		return 0;
	}
	r = gw_store_begin(k->store, &k->revision, err);
	if (r < 0)
		return r;
	k->writing = true;
	if (k->state != GW_CONTROL_IDLE)
		return 0;
	k->state = GW_CONTROL_OPEN;
	if (k->loop)
		uv_check_start(&k->turn, on_turn);
	return 0;
}

void gw_commit_fail(struct gw_control *k, const struct gw_error *err)
{
	gw_store_rollback(k->store);
	k->writing = false;
	if (k->state == GW_CONTROL_WORKING) /* nobody but the job has changed anything */
		gw_catalog_undo(k->catalog);
	else
		conclude(k, err);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int gw_commit_init(struct gw_control *k, struct gw_error *err)
{
	int r;

	queue_init(&k->waiting);
	queue_init(&k->accepted);
	if (!k->loop)
		return 0;
	r = uv_sem_init(&k->worked, 0);
	if (r == 0)
		r = uv_check_init(k->loop, &k->turn);
	if (r == 0)
		r = gw_trim_init(k);
	if (r < 0)
		return gw_error_set(err, -r, GW_ERR_INTERNAL, "", "cannot make a thread's signal: %s", uv_strerror(r));
	k->turn.data = k->work.data = k;
	k->handles = 2;
	return 0;
}

static void on_turn_closed(uv_handle_t *turn)
{
	let_go(turn->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
	let_go(((struct gw_trim *)timer->data)->control);
}

void gw_commit_close(struct gw_control *k)
{
	static const struct gw_error ending = {.code = GW_ERR_UNAVAILABLE, .message = "gwd ends before this was done"};

	if (k->state == GW_CONTROL_COMMITTING || k->state == GW_CONTROL_WORKING) {
		uv_sem_wait(&k->worked);
		worked(k);
	}
	if (k->state == GW_CONTROL_OPEN)
		gw_control_flush(k, NULL);
	tell_all(take_all(&k->waiting).first, &ending);
	k->closed = true;
	if (k->handles == 0) {
		control_free(k);
	} else {
		uv_close((uv_handle_t *)&k->turn, on_turn_closed);
		uv_close((uv_handle_t *)&k->trim.timer, on_timer_closed);
	}
}
