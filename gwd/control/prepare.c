/*
 * prepare.c - what jobs do before their turn, beside everybody else: see control.h. Called by commit.c.
 *
 *   nothing --place is free--> reads --turn is waited for, had--> holds --done--> discards --> nothing
 *                                +------no turn is needed-----------^
 *
 * One job has the place all the way, as what has been read may take ten times the room of its text; which one is next is decided
 * as for turns, so that no client keeps it to himself.
 */
#include "control/private.h"

#include <assert.h>
#include <errno.h>

static void start_next(struct gw_control *k);

/* The job's last step is done, and the job gone. */
static void leave(struct gw_control *k)
{
	k->prepare.job = NULL;
	k->prepare.stage = GW_PREPARE_NOTHING;
}

static void on_work(uv_work_t *work)
{
	struct gw_control *k = work->data;
	struct gw_prepare *p = &k->prepare;

	if (p->stage == GW_PREPARE_DISCARDS) {
		p->job->discard(p->job);
		return;
	}
	p->wants_turn = p->job->prepare(p->job);
	uv_sem_post(&p->prepared);
}

static void on_worked(uv_work_t *work, int status)
{
	struct gw_control *k = work->data;
	struct gw_prepare *p = &k->prepare;

	(void)status;
	if (!k->closed && p->stage == GW_PREPARE_DISCARDS) {
		leave(k);
		start_next(k);
	} else if (!k->closed) {
		uv_sem_wait(&p->prepared);
		p->stage = GW_PREPARE_HOLDS;
		if (p->wants_turn) {
			gw_commit_take_turn(k, p->job);
		} else {
			p->job->done(p->job, NULL);
			gw_prepare_end(k);
		}
	}
	gw_commit_let_go(k);
}

static int start_work(struct gw_control *k)
{
	k->prepare.work.data = k;
	if (uv_queue_work(k->loop, &k->prepare.work, on_work, on_worked) < 0)
		return -EAGAIN;
	k->handles++;
	return 0;
}

/* It will not be run. */
static void dismiss(struct gw_control_job *job, const struct gw_error *why)
{
	job->done(job, why);
	job->discard(job);
}

static void start_next(struct gw_control *k)
{
	static const struct gw_error no_thread = {.code = GW_ERR_UNAVAILABLE,
						  .message = "no thread is free: try again"};
	struct gw_prepare *p = &k->prepare;
	struct gw_control_waiter *w;

	while (p->stage == GW_PREPARE_NOTHING && !k->ending && (w = gw_turns_take_next(k, &p->waiting))) {
		p->job = (struct gw_control_job *)w;
		p->stage = GW_PREPARE_READS;
		gw_turns_remember(k, p->job->client);
		if (start_work(k) == 0)
			return;
		dismiss(p->job, &no_thread);
		leave(k);
	}
}

void gw_prepare_run(struct gw_control *k, struct gw_control_job *job)
{
	job->waiter = (struct gw_control_waiter){.client = job->client};
	gw_turns_push(&k->prepare.waiting, &job->waiter);
	start_next(k);
}

void gw_prepare_end(struct gw_control *k)
{
	struct gw_prepare *p = &k->prepare;

	assert(p->stage == GW_PREPARE_HOLDS);
	p->stage = GW_PREPARE_DISCARDS;
	if (!k->ending && start_work(k) == 0)
		return;
	p->job->discard(p->job);
	leave(k);
	start_next(k);
}

int gw_prepare_init(struct gw_control *k)
{
	gw_turns_queue_init(&k->prepare.waiting);
	return uv_sem_init(&k->prepare.prepared, 0);
}

/* Whoever had a turn, or waited for one, has been told. */
void gw_prepare_close(struct gw_control *k)
{
	struct gw_prepare *p = &k->prepare;
	struct gw_control_waiter *w;

	if (p->stage == GW_PREPARE_READS) {
		uv_sem_wait(&p->prepared);
		dismiss(p->job, p->wants_turn ? &gw_turns_ending : NULL);
		leave(k);
	}
	while (k->loop && (w = gw_turns_take_next(k, &p->waiting)))
		dismiss((struct gw_control_job *)w, &gw_turns_ending);
}
