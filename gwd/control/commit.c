/*
 * commit.c - when what has been accepted becomes durable, and who waits for it. See private.h.
 *
 * The thread uses the store, and then the catalogue for the plan of the nodes; while it does, nobody else may use either.
 */
#include "control/private.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- committing --------------------------------------------------------------------------------------------------- */

/* The store has said how it ended. */
static void conclude(struct gw_control *k, const struct gw_error *err)
{
	enum gw_control_turn last = k->state == GW_CONTROL_WORKING ? GW_CONTROL_WORKS : GW_CONTROL_JOINS;
	struct gw_control_waiter *accepted = gw_turns_take_all(&k->accepted).first;

	if (err) {
		gw_log_error("a change could not be stored, it is undone: %s: %s", err->target, err->message);
		gw_catalog_rollback(k->catalog);
	} else {
		gw_catalog_commit(k->catalog);
	}
	k->state = GW_CONTROL_IDLE;
	k->writing = false;
	gw_turns_tell(accepted, err);
	gw_nodes_tell(k);
	gw_turns_let_in(k, last);
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
	/* May be much, and nobody looks at the catalogue meanwhile. */
	if (k->writing && k->result == 0)
		gw_nodes_update(k);
	/* What a job has changed may be much to let go of. */
	if (k->job && k->result < 0)
		gw_catalog_rollback(k->catalog);
	else if (k->job)
		gw_catalog_commit(k->catalog);
	uv_sem_post(&k->worked);
}

static void control_free(struct gw_control *k)
{
	if (k->loop) {
		uv_sem_destroy(&k->worked);
		uv_sem_destroy(&k->looked);
		uv_sem_destroy(&k->prepare.prepared);
	}
	gw_reports_done(k);
	gw_nodes_done(k);
	gw_catalog_free(k->catalog);
	explicit_bzero(k->seal_key, sizeof k->seal_key);
	free(k);
}

void gw_commit_let_go(struct gw_control *k)
{
	if (--k->handles == 0)
		control_free(k);
}

/* On the loop again. */
static void tell(struct gw_control *k, struct gw_control_job *job, const struct gw_error *err)
{
	bool prepared = job->prepare;

	job->done(job, err);
	if (prepared)
		gw_prepare_end(k);
}

static void worked(struct gw_control *k)
{
	struct gw_control_job *job = k->job;
	const struct gw_error *err = k->result < 0 ? &k->error : NULL;

	k->job = NULL;
	if (job)
		tell(k, job, err);
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
	gw_commit_let_go(k);
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

/* --- jobs --------------------------------------------------------------------------------------------------------- */

static void on_look(uv_work_t *work)
{
	struct gw_look *look = work->data;

	look->job->run(look->job);
	uv_sem_post(&look->k->looked);
}

static void looked(struct gw_look *look)
{
	struct gw_control *k = look->k;
	struct gw_control_job *job = look->job;

	assert(job);
	k->n_looks--;
	*look->link = look->next;
	if (look->next)
		look->next->link = look->link;
	look->job = NULL;
	if (!k->looks) /* before anybody asks anew */
		gw_turns_let_in(k, GW_CONTROL_LOOKS);
	tell(k, job, NULL);
}

static void on_looked(uv_work_t *work, int status)
{
	struct gw_look *look = work->data;
	struct gw_control *k = look->k;

	(void)status;
	if (look->job) {
		uv_sem_wait(&k->looked);
		looked(look);
	}
	free(look);
	gw_commit_let_go(k);
}

static int start_look(struct gw_control *k, struct gw_control_job *job)
{
	struct gw_look *look = calloc(1, sizeof *look);

	if (!look)
		return -ENOMEM;
	look->work.data = look;
	look->k = k;
	look->job = job;
	if (uv_queue_work(k->loop, &look->work, on_look, on_looked) < 0) {
		free(look);
		return -EAGAIN;
	}
	k->handles++;
	look->next = k->looks;
	look->link = &k->looks;
	if (look->next)
		look->next->link = &look->next;
	k->looks = look;
	k->n_looks++;
	return 0;
}

/* It is the job's turn. */
static void start_job(struct gw_control *k, struct gw_control_job *job)
{
	static const struct gw_error no_thread = {.code = GW_ERR_UNAVAILABLE,
						  .message = "no thread is free: try again"};
	struct gw_error why = GW_ERROR_INIT;
	int r;

	gw_turns_remember(k, job->client);
	if (job->may && job->may(job, &why) < 0) {
		tell(k, job, &why);
		return;
	}
	if (job->looks) {
		r = start_look(k, job);
	} else {
		k->job = job;
		r = start_work(k, GW_CONTROL_WORKING);
	}
	if (r == 0)
		return;
	k->job = NULL;
	tell(k, job, &no_thread);
}

static void on_turn_of_job(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct gw_control_job *job = (struct gw_control_job *)waiter;

	if (err)
		tell(job->k, job, err);
	else
		start_job(job->k, job);
}

void gw_commit_take_turn(struct gw_control *k, struct gw_control_job *job)
{
	job->waiter = (struct gw_control_waiter){
		.turn = job->looks ? GW_CONTROL_LOOKS : GW_CONTROL_WORKS,
		.client = job->client,
		.done = on_turn_of_job,
	};
	if (!k->letting_in && gw_control_is_open_for(k, job->waiter.turn))
		start_job(k, job);
	else
		gw_control_queue(k, &job->waiter);
}

void gw_control_run(struct gw_control *k, struct gw_control_job *job)
{
	job->k = k;
	if (job->prepare)
		gw_prepare_run(k, job);
	else
		gw_commit_take_turn(k, job);
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
	if (r == 0)
		gw_nodes_update(k);
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

	gw_turns_queue_init(&k->waiting);
	gw_turns_queue_init(&k->accepted);
	if (!k->loop)
		return 0;
	r = uv_sem_init(&k->worked, 0);
	if (r == 0)
		r = uv_sem_init(&k->looked, 0);
	if (r == 0)
		r = gw_prepare_init(k);
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
	gw_commit_let_go(turn->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
	gw_commit_let_go(((struct gw_trim *)timer->data)->control);
}

void gw_commit_close(struct gw_control *k)
{
	k->ending = true;
	if (k->state == GW_CONTROL_COMMITTING || k->state == GW_CONTROL_WORKING) {
		uv_sem_wait(&k->worked);
		worked(k);
	}
	for (struct gw_look *look = k->looks; look; look = look->next)
		uv_sem_wait(&k->looked);
	while (k->looks)
		looked(k->looks);
	if (k->state == GW_CONTROL_OPEN)
		gw_control_flush(k, NULL);
	gw_turns_end(k);
	gw_prepare_close(k);
	gw_control_release_followers(k);
	k->closed = true;
	if (k->handles == 0) {
		control_free(k);
	} else {
		uv_close((uv_handle_t *)&k->turn, on_turn_closed);
		uv_close((uv_handle_t *)&k->trim.timer, on_timer_closed);
	}
}
