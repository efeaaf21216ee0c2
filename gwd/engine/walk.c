/*
 * walk.c - see internal.h (struct gw_walk): looking at all of something in parts, between which changes may be applied. Called by maps.c
 * and edge.c.
 *
 * Where it goes on is a position in the order of the table. When a change has been applied in between, who knows what that is worth: it
 * begins with the same thing again, and when that has happened often enough, it does all of it at once.
 */
#include "engine/internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <uv.h>

#define PATIENCE 4 /* beginnings, before no more changes are waited for */

/* Whether what was looked at before is at the same place yet. */
static size_t begin(const struct gw_walk *w)
{
	struct gw_walk_place *at = w->at;
	uint64_t generation = gw_intent_generation(w->in);

	if (at->done == 0 || at->generation != generation) {
		at->done = 0;
		at->begun++;
	}
	at->generation = generation;
	return at->done;
}

/* GW_SYNC_MORE when the time is over. */
static int pause_if_late(const struct gw_walk *w)
{
	return w->at->begun < PATIENCE && uv_hrtime() >= w->until ? GW_SYNC_MORE : 0;
}

static int end(const struct gw_walk *w, int r)
{
	if (r != GW_SYNC_MORE)
		*w->at = (struct gw_walk_place){.part = w->at->part};
	return r;
}

int gw_walk_objects(const struct gw_walk *w, enum gw_hnv_kind kind, gw_walk_object_cb one)
{
	const struct gw_hnv_object *o = gw_intent_next(w->in, kind, NULL);
	int r = 0;

	for (size_t skip = begin(w); o && skip > 0; skip--)
		o = gw_intent_next(w->in, kind, o);
	while (o && r == 0) {
		r = one(w->d, w->in, o, w->err);
		o = gw_intent_next(w->in, kind, o);
		w->at->done++;
		if (r == 0 && o)
			r = pause_if_late(w);
	}
	return end(w, r);
}

int gw_walk_nodes(const struct gw_walk *w, const struct gw_hmap *map, gw_walk_node_cb one)
{
	const struct gw_hmap_node *n = gw_hmap_first(map);
	int r = 0;

	for (size_t skip = begin(w); n && skip > 0; skip--)
		n = gw_hmap_next(map, n);
	while (n && r == 0) {
		r = one(w->d, w->in, n, w->err);
		n = gw_hmap_next(map, n);
		w->at->done++;
		if (r == 0 && n)
			r = pause_if_late(w);
	}
	return end(w, r);
}

/* Keys come in an order of their own, in which those that stay keep their places: a change makes nothing worthless. */
int gw_walk_prune(const struct gw_walk *w, const struct bpf_map *m, gw_map_wanted is_wanted)
{
	char key[sizeof w->at->key] __attribute__((aligned(8))), next[sizeof key] __attribute__((aligned(8)));
	int fd = bpf_map__fd(m), r = 0;
	bool more;

	if (w->at->done)
		memcpy(key, w->at->key, sizeof key);
	more = w->at->done || bpf_map_get_next_key(fd, NULL, key) == 0;
	while (more && r == 0) {
		more = bpf_map_get_next_key(fd, key, next) == 0;
		if (!is_wanted(w->d, w->in, key))
			r = gw_map_bring(m, key, NULL, w->err);
		memcpy(key, next, sizeof key);
		w->at->done++;
		if (r == 0 && more && uv_hrtime() >= w->until) {
			memcpy(w->at->key, key, sizeof key);
			r = GW_SYNC_MORE;
		}
	}
	return end(w, r);
}
