/* hmap.c - see hmap.h. */
#include "base/hmap.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BUCKETS 16

static void push(struct gw_hmap_node **slot, struct gw_hmap_node *node)
{
	node->next = *slot;
	node->link = slot;
	if (*slot)
		(*slot)->link = &node->next;
	*slot = node;
}

static int resize(struct gw_hmap *m, size_t buckets)
{
	struct gw_hmap_node **fresh = calloc(buckets, sizeof *fresh);

	if (!fresh)
		return -ENOMEM;
	for (size_t i = 0; m->buckets && i <= m->mask; i++) {
		struct gw_hmap_node *node = m->buckets[i], *next;

		for (; node; node = next) {
			next = node->next;
			push(&fresh[node->hash & (buckets - 1)], node);
		}
	}
	free(m->buckets);
	m->buckets = fresh;
	m->mask = buckets - 1;
	return 0;
}

int gw_hmap_init(struct gw_hmap *m)
{
	return m->buckets ? 0 : resize(m, FIRST_BUCKETS);
}

int gw_hmap_insert(struct gw_hmap *m, struct gw_hmap_node *node, uint32_t hash)
{
	if (gw_hmap_init(m) < 0)
		return -ENOMEM;
	if (m->n > m->mask)
		resize(m, (m->mask + 1) * 2);
	node->hash = hash;
	push(&m->buckets[hash & m->mask], node);
	m->n++;
	return 0;
}

void gw_hmap_remove(struct gw_hmap *m, struct gw_hmap_node *node)
{
	*node->link = node->next;
	if (node->next)
		node->next->link = node->link;
	m->n--;
}

static struct gw_hmap_node *same_hash(struct gw_hmap_node *node, uint32_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct gw_hmap_node *gw_hmap_first_hash(const struct gw_hmap *m, uint32_t hash)
{
	return m->buckets ? same_hash(m->buckets[hash & m->mask], hash) : NULL;
}

struct gw_hmap_node *gw_hmap_next_hash(const struct gw_hmap_node *node)
{
	return same_hash(node->next, node->hash);
}

static struct gw_hmap_node *first_from(const struct gw_hmap *m, size_t i)
{
	for (; m->buckets && i <= m->mask; i++)
		if (m->buckets[i])
			return m->buckets[i];
	return NULL;
}

struct gw_hmap_node *gw_hmap_first(const struct gw_hmap *m)
{
	return first_from(m, 0);
}

struct gw_hmap_node *gw_hmap_next(const struct gw_hmap *m, const struct gw_hmap_node *node)
{
	return node->next ? node->next : first_from(m, (node->hash & m->mask) + 1);
}

void gw_hmap_done(struct gw_hmap *m)
{
	free(m->buckets);
	*m = (struct gw_hmap){0};
}

/* FNV-1a with a final mix: short keys, no alignment demands;
 * keys are not chosen by an attacker who could see the order. */
uint32_t gw_hash_bytes(const void *p, size_t n, uint32_t seed)
{
	const uint8_t *b = p;
	uint32_t h = 2166136261u ^ seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 16777619u;
	h ^= h >> 15;
	h *= 0x2c1b3c6du;
	return h ^ (h >> 13);
}
