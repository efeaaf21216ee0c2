/*
 * commit.c - when what has been accepted becomes durable, and who waits for it. See private.h.
 *
 * The thread uses the store and nothing else; while it does, nobody else may.
 */
#include "control/private.h"

#include "base/hmap.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_MAX                                                                                                      \
	4 /* at a time: more than there are threads for would only wait in another queue, where nobody takes turns */

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

bool gw_control_is_open_for(const struct gw_control *k, enum gw_control_turn turn)
{
	switch (turn) {
	case GW_CONTROL_JOINS:
		return (k->state == GW_CONTROL_IDLE || k->state == GW_CONTROL_OPEN) && !k->looks;
	case GW_CONTROL_LOOKS: /* nobody who looks keeps out those who wait until others have looked */
		return k->state == GW_CONTROL_IDLE && (!k->looks || !k->waiting.first) && k->n_looks < LOOKS_MAX;
	case GW_CONTROL_WORKS:
		return k->state == GW_CONTROL_IDLE && !k->looks;
	default:
		return k->state == GW_CONTROL_IDLE;
	}
}

static const struct gw_error ending = {.code = GW_ERR_UNAVAILABLE, .message = "gwd ends before this was done"};

uint32_t gw_control_client(const struct gw_principal *who)
{
	const char *name = who->access == GW_ACCESS_TENANT ? who->tenant : who->name;
	uint32_t client = gw_hash_bytes(name, strlen(name), who->access == GW_ACCESS_TENANT);

	return client ? client : 1;
}

/* When the client's last job began; 0: longer ago than is remembered. */
static uint64_t last_turn(const struct gw_control *k, uint32_t client)
{
	for (size_t i = 0; i < GW_CONTROL_CLIENTS; i++)
		if (k->clients[i].turn && k->clients[i].client == client)
			return k->clients[i].turn;
	return 0;
}

/* Its place, or that of him whose last turn is the longest ago. */
static void remember_turn(struct gw_control *k, uint32_t client)
{
	size_t at = 0;

	for (size_t i = 0; i < GW_CONTROL_CLIENTS; i++) {
		if (k->clients[i].turn && k->clients[i].client == client) {
			at = i;
			break;
		}
		if (k->clients[i].turn < k->clients[at].turn)
			at = i;
	}
	k->clients[at].client = client;
	k->clients[at].turn = ++k->turns;
}

/* Takes him out whose client has had no turn for the longest; of one client's, and of those who had none, the first. */
static struct gw_control_waiter *take_next(const struct gw_control *k, struct gw_control_queue *q)
{
	struct gw_control_waiter **best = NULL, *w;
	uint64_t since = UINT64_MAX;

	for (struct gw_control_waiter **at = &q->first; *at; at = &(*at)->next) {
		uint64_t turn = last_turn(k, (*at)->client);

		if (turn >= since)
			continue;
		since = turn;
		best = at;
	}
	if (!best)
		return NULL;
	w = *best;
	*best = w->next;
	if (!w->next)
		q->last = best;
	return w;
}

/* Those of the queue, the next client first, as long as there is a turn for them; the others go on waiting in their order. */
static void let_jobs_in(struct gw_control *k, struct gw_control_queue *q, enum gw_control_turn turn)
{
	struct gw_control_waiter *w, *next;

	while (gw_control_is_open_for(k, turn) && (w = take_next(k, q)))
		w->done(w, NULL);
	for (w = q->first; w; w = next) {
		next = w->next;
		push(&k->waiting, w);
	}
}

/* Appends those who wait to the queue of their kind. */
static void sort_waiting(struct gw_control *k, struct gw_control_queue by_turn[static GW_CONTROL_TURNS])
{
	struct gw_control_waiter *w = take_all(&k->waiting).first, *next;

	for (; w; w = next) {
		next = w->next;
		push(&by_turn[w->turn], w);
	}
}

static void tell_queue(struct gw_control_queue *q)
{
	struct gw_control_queue all = take_all(q);

	tell_all(all.first, NULL);
}

/*
 * One round; `last` has had its turn. Many a request that reads, or changes something, turns out to be much work when it is let
 * in: then it does not begin at once, before those who have waited for that, but waits among them.
 */
static void let_round_in(struct gw_control *k, enum gw_control_turn last)
{
	struct gw_control_queue by_turn[GW_CONTROL_TURNS];

	for (int t = 0; t < GW_CONTROL_TURNS; t++)
		queue_init(&by_turn[t]);
	k->letting_in = true;
	sort_waiting(k, by_turn);
	tell_queue(&by_turn[GW_CONTROL_READS]);
	sort_waiting(k, by_turn);
	for (int i = 1; i < GW_CONTROL_TURNS; i++) {
		last = last + 1 < GW_CONTROL_TURNS ? last + 1 : GW_CONTROL_LOOKS;
		if (last == GW_CONTROL_JOINS)
			tell_queue(&by_turn[last]);
		else
			let_jobs_in(k, &by_turn[last], last);
	}
	k->letting_in = false;
}

/* `last` has had its turn. Until something is under way, at whose end the others come in, or nobody waits. */
static void let_in(struct gw_control *k, enum gw_control_turn last)
{
	if (k->ending)
		tell_all(take_all(&k->waiting).first, &ending);
	while (!k->ending && k->state == GW_CONTROL_IDLE && !k->looks && k->waiting.first)
		let_round_in(k, last);
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
	enum gw_control_turn last = k->state == GW_CONTROL_WORKING ? GW_CONTROL_WORKS : GW_CONTROL_JOINS;
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
	let_in(k, last);
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
	/* What a job has changed may be much to let go of; it has the catalogue for itself. */
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
	}
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
		let_in(k, GW_CONTROL_LOOKS);
	job->done(job, NULL);
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
	let_go(k);
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

	remember_turn(k, job->client);
	if (job->may && job->may(job, &why) < 0) {
		job->done(job, &why);
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
	job->done(job, &no_thread);
}

static void on_turn_of_job(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct gw_control_job *job = (struct gw_control_job *)waiter;

	if (err)
		job->done(job, err);
	else
		start_job(job->k, job);
}

void gw_control_run(struct gw_control *k, struct gw_control_job *job)
{
	job->k = k;
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
		r = uv_sem_init(&k->looked, 0);
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
	tell_all(take_all(&k->waiting).first, &ending);
	k->closed = true;
	if (k->handles == 0) {
		control_free(k);
	} else {
		uv_close((uv_handle_t *)&k->turn, on_turn_closed);
		uv_close((uv_handle_t *)&k->trim.timer, on_timer_closed);
	}
}
