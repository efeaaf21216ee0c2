/*
 * slots.c - which element of the arrays per port, VSID and virtual gateway belongs to whom. The assignment is kept in the pinned
 * `slots` map, so that a counter goes on counting for the same port after a restart or an upgrade of the daemon.
 */
#include "engine/internal.h"

#include "base/cleanup.h"
#include "engine.skel.h"

#include <bpf/bpf.h>
#include <errno.h>

struct slot {
	struct gw_hmap_node node;
	uint32_t owner, slot;
};

static int slots_fd(const struct gw_driver *d)
{
	return bpf_map__fd(gw_loader_bpf(d->loader)->maps.slots);
}

static struct slot *find(const struct gw_slots *s, uint32_t owner)
{
	GW_HMAP_FOR_EACH_HASH (n, &s->by_owner, gw_hash_bytes(&owner, sizeof owner, 0)) {
		struct slot *e = GW_CONTAINER_OF(n, struct slot, node);

		if (e->owner == owner)
			return e;
	}
	return NULL;
}

static int remember(struct gw_slots *s, uint32_t owner, uint32_t slot)
{
	struct slot *e = calloc(1, sizeof *e);

	if (!e)
		return -ENOMEM;
	e->owner = owner;
	e->slot = slot;
	if (gw_hmap_insert(&s->by_owner, &e->node, gw_hash_bytes(&owner, sizeof owner, 0)) < 0) {
		free(e);
		return -ENOMEM;
	}
	s->owner[slot] = owner;
	return 0;
}

int gw_slots_init(struct gw_slots *s, enum gw_slot_kind kind, unsigned limit, struct gw_driver *d)
{
	struct gw_slot_key key, *prev = NULL;
	uint32_t slot;

	*s = (struct gw_slots){.kind = kind, .limit = limit, .owner = calloc(limit, sizeof *s->owner)};
	if (!s->owner)
		return -ENOMEM;
	for (; bpf_map_get_next_key(slots_fd(d), prev, &key) == 0; prev = &key) {
		if (key.kind != kind || !key.id || bpf_map_lookup_elem(slots_fd(d), &key, &slot) < 0 || slot >= limit ||
		    s->owner[slot])
			continue;
		int r = remember(s, key.id, slot);

		if (r < 0)
			return r;
	}
	return 0;
}

void gw_slots_done(struct gw_slots *s)
{
	GW_HMAP_FOR_EACH_SAFE (n, after, &s->by_owner) {
		gw_hmap_remove(&s->by_owner, n);
		free(GW_CONTAINER_OF(n, struct slot, node));
	}
	gw_hmap_done(&s->by_owner);
	free(s->owner);
	s->owner = NULL;
}

bool gw_slots_find(const struct gw_slots *s, uint32_t owner, uint32_t *ret)
{
	const struct slot *e = find(s, owner);

	if (e)
		*ret = e->slot;
	return e;
}

static void zero(const struct gw_driver *d, struct bpf_map *m, uint32_t slot)
{
	uint32_t base = slot + bpf_map__max_entries(m) / 2;
	_cleanup_free_ void *none = calloc(gw_loader_cpus(d->loader), (bpf_map__value_size(m) + 7) / 8 * 8);

	if (!none)
		return;
	bpf_map_update_elem(bpf_map__fd(m), &slot, none, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(m), &base, none, BPF_ANY);
}

/* A new owner starts from zero. */
static void clear(const struct gw_driver *d, enum gw_slot_kind kind, uint32_t slot)
{
	const struct gw_bpf *b = gw_loader_bpf(d->loader);

	if (kind == GW_SLOT_VSID) {
		zero(d, b->maps.vsid_stats, slot);
		return;
	}
	if (kind == GW_SLOT_EXIT) {
		bpf_map_update_elem(bpf_map__fd(b->maps.meets), &slot, &(uint64_t){0}, BPF_ANY);
		zero(d, b->maps.exit_stats, slot);
		zero(d, b->maps.exit_reasons, slot);
		return;
	}
	if (kind == GW_SLOT_WAY) {
		zero(d, b->maps.way_stats, slot);
		zero(d, b->maps.way_reasons, slot);
		return;
	}
	zero(d, b->maps.port_stats, slot);
	zero(d, b->maps.port_reasons, slot);
}

int gw_slots_get(struct gw_slots *s, uint32_t owner, struct gw_driver *d, uint32_t *ret)
{
	struct gw_slot_key key = {.kind = s->kind, .id = owner};
	uint32_t slot;
	int r;

	if (gw_slots_find(s, owner, ret))
		return 0;
	for (slot = 0; slot < s->limit && s->owner[slot]; slot++)
		;
	if (slot == s->limit)
		return -ENOSPC;
	clear(d, s->kind, slot);
	if (bpf_map_update_elem(slots_fd(d), &key, &slot, BPF_ANY) < 0)
		return -errno;
	r = remember(s, owner, slot);
	if (r < 0)
		return r;
	*ret = slot;
	return 0;
}

void gw_slot_outdate(const struct gw_driver *d, uint32_t slot)
{
	int fd = bpf_map__fd(gw_loader_bpf(d->loader)->maps.generations);
	uint32_t generation;

	if (bpf_map_lookup_elem(fd, &slot, &generation) == 0) {
		generation++;
		bpf_map_update_elem(fd, &slot, &generation, BPF_ANY);
	}
}

void gw_slots_put(struct gw_slots *s, uint32_t owner, struct gw_driver *d)
{
	struct gw_slot_key key = {.kind = s->kind, .id = owner};
	struct slot *e = find(s, owner);

	if (!e)
		return;
	bpf_map_delete_elem(slots_fd(d), &key);
	clear(d, s->kind, e->slot); /* an upgrade must not carry over what nobody owns */
	if (s->kind == GW_SLOT_PORT)
		gw_slot_outdate(d, e->slot); /* what is cached is never taken for the next owner's */
	s->owner[e->slot] = 0;
	gw_hmap_remove(&s->by_owner, &e->node);
	free(e);
}
