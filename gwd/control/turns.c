/*
 * turns.c - who comes next of those who wait for a turn at the controller. See private.h. Called by commit.c whenever something
 * is over that kept others out.
 */
#include "control/private.h"

#include "base/hmap.h"

#include <string.h>

/* At a time: more than there are threads for would only wait in another queue, where nobody takes turns. */
#define LOOKS_MAX 4

/* --- queues ------------------------------------------------------------------------------------------------------- */

void gw_turns_queue_init(struct gw_control_queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

void gw_turns_push(struct gw_control_queue *q, struct gw_control_waiter *w)
{
	w->next = NULL;
	*q->last = w;
	q->last = &w->next;
}

struct gw_control_queue gw_turns_take_all(struct gw_control_queue *q)
{
	struct gw_control_queue all = {q->first, NULL};

	gw_turns_queue_init(q);
	return all;
}

void gw_turns_tell(struct gw_control_waiter *w, const struct gw_error *err)
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

const struct gw_error gw_turns_ending = {.code = GW_ERR_UNAVAILABLE, .message = "gwd ends before this was done"};

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

/* In its place, or in that of him whose last turn is the longest ago. */
void gw_turns_remember(struct gw_control *k, uint32_t client)
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

struct gw_control_waiter *gw_turns_take_next(const struct gw_control *k, struct gw_control_queue *q)
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

	while (gw_control_is_open_for(k, turn) && (w = gw_turns_take_next(k, q)))
		w->done(w, NULL);
	for (w = q->first; w; w = next) {
		next = w->next;
		gw_turns_push(&k->waiting, w);
	}
}

/* Appends those who wait to the queue of their kind. */
static void sort_waiting(struct gw_control *k, struct gw_control_queue by_turn[static GW_CONTROL_TURNS])
{
	struct gw_control_waiter *w = gw_turns_take_all(&k->waiting).first, *next;

	for (; w; w = next) {
		next = w->next;
		gw_turns_push(&by_turn[w->turn], w);
	}
}

static void tell_queue(struct gw_control_queue *q)
{
	struct gw_control_queue all = gw_turns_take_all(q);

	gw_turns_tell(all.first, NULL);
}

/*
 * One round; `last` has had its turn. Many a request that reads, or changes something, turns out to be much work when it is let
 * in: then it does not begin at once, before those who have waited for that, but waits among them.
 */
static void let_round_in(struct gw_control *k, enum gw_control_turn last)
{
	struct gw_control_queue by_turn[GW_CONTROL_TURNS];

	for (int t = 0; t < GW_CONTROL_TURNS; t++)
		gw_turns_queue_init(&by_turn[t]);
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

void gw_turns_end(struct gw_control *k)
{
	gw_turns_tell(gw_turns_take_all(&k->waiting).first, &gw_turns_ending);
}

void gw_turns_let_in(struct gw_control *k, enum gw_control_turn last)
{
	if (k->ending)
		gw_turns_end(k);
	while (!k->ending && k->state == GW_CONTROL_IDLE && !k->looks && k->waiting.first)
		let_round_in(k, last);
}

void gw_control_queue(struct gw_control *k, struct gw_control_waiter *w)
{
	gw_turns_push(&k->waiting, w);
}

void gw_control_await(struct gw_control *k, struct gw_control_waiter *w)
{
	if (k->state == GW_CONTROL_IDLE)
		w->done(w, NULL);
	else
		gw_turns_push(&k->accepted, w);
}
