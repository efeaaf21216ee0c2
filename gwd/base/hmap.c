/* hmap.c - see hmap.h. */
#include "base/hmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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

/* --- hashing ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_key[2] = {0x243f6a8885a308d3, 0x13198a2e03707344};

int gw_hash_randomize(void)
{
	ssize_t n;

	do
		n = getrandom(hash_key, sizeof hash_key, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof hash_key ? 0 : -EIO;
}

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

/* SipHash-1-3 of the seed and the bytes, folded: made for hash tables whose keys an adversary chooses. */
uint32_t gw_hash_bytes(const void *p, size_t n, uint32_t seed)
{
	struct sip s = {hash_key[0] ^ 0x736f6d6570736575, hash_key[1] ^ 0x646f72616e646f6d,
			hash_key[0] ^ 0x6c7967656e657261, hash_key[1] ^ 0x7465646279746573};
	const uint8_t *b = p;
	uint64_t word, sum;

	sip_word(&s, seed);
	for (size_t left = n; left >= sizeof word; left -= sizeof word, b += sizeof word) {
		memcpy(&word, b, sizeof word);
		sip_word(&s, word);
	}
	word = (uint64_t)n << 56;
	if (n % sizeof word)
		memcpy(&word, b, n % sizeof word); /* the last byte stays the length's */
	sip_word(&s, word);
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	sum = s.a ^ s.b ^ s.c ^ s.d;
	return (uint32_t)(sum ^ sum >> 32);
}
