/*
 * hmap.h - the project's one hash table: intrusive, chained, grows by doubling, owns nothing but its bucket array.
 *
 * Put a struct gw_hmap_node into the object, compute the hash yourself (gw_hash_bytes), walk the objects of one hash
 * with GW_HMAP_FOR_EACH_HASH and compare keys there. Insert does not look for duplicates. Insert and remove take
 * constant time even when many nodes share one hash.
 */
#ifndef GW_BASE_HMAP_H
#define GW_BASE_HMAP_H

#include <stddef.h>
#include <stdint.h>

struct gw_hmap_node {
	struct gw_hmap_node *next,
		**link; /* link: what points at this node, so that removal need not search the chain */
	uint32_t hash;
};

struct gw_hmap {
	struct gw_hmap_node **buckets;
	size_t mask; /* buckets - 1; 0 with no bucket array while empty */
	size_t n;
};

/* Gets the first buckets: afterwards inserting cannot fail. */
int gw_hmap_init(struct gw_hmap *m);
/* Returns -ENOMEM only when not even the first buckets can be had; a failed growth just makes the chains longer. */
int gw_hmap_insert(struct gw_hmap *m, struct gw_hmap_node *node, uint32_t hash);
void gw_hmap_remove(struct gw_hmap *m, struct gw_hmap_node *node);
struct gw_hmap_node *gw_hmap_first_hash(const struct gw_hmap *m, uint32_t hash);
struct gw_hmap_node *gw_hmap_next_hash(const struct gw_hmap_node *node);
struct gw_hmap_node *gw_hmap_first(const struct gw_hmap *m);
struct gw_hmap_node *gw_hmap_next(const struct gw_hmap *m, const struct gw_hmap_node *node);
void gw_hmap_done(struct gw_hmap *m); /* frees the buckets, not the objects */

/*
 * Keyed, since names that tenants choose are hashed: who does not know the key cannot make them meet in one chain. `seed` tells
 * uses apart and joins several parts of a key. Values are good within one process only: they are not stored and not sent.
 */
uint32_t gw_hash_bytes(const void *p, size_t n, uint32_t seed);
/*
 * Draws the key, before anything is hashed. Without it there is a fixed one, so that what depends on the order of a table comes
 * again in tests. -errno when the kernel gives no random bytes.
 */
int gw_hash_randomize(void);

#define GW_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define GW_HMAP_FOR_EACH_HASH(node, map, hash)                                                                         \
	for (struct gw_hmap_node *node = gw_hmap_first_hash(map, hash); node; node = gw_hmap_next_hash(node))
#define GW_HMAP_FOR_EACH(node, map)                                                                                    \
	for (struct gw_hmap_node *node = gw_hmap_first(map); node; node = gw_hmap_next(map, node))
/* The current node may be removed from the map, and freed, inside the loop. */
#define GW_HMAP_FOR_EACH_SAFE(node, after, map)                                                                        \
	for (struct gw_hmap_node *node = gw_hmap_first(map), *after; node && (after = gw_hmap_next(map, node), 1);     \
	     node = after)

#endif
