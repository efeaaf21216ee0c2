/*
 * page.c - see page.h. The intent has no order, so a page is the smallest keys found by one walk, kept in a heap with
 * the largest on top: nothing is cached between requests, and no page costs a sort of the whole. Called by hnv.c.
 */
#include "api/page.h"

#include <stdlib.h>
#include <string.h>

static int cmp_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int cmp_prefix(const struct gw_prefix *a, const struct gw_prefix *b)
{
	int c = gw_addr_cmp(&a->addr, &b->addr);

	return c ? c : cmp_u32(a->len, b->len);
}

static int cmp_croute(const struct gw_customer_route *a, const struct gw_customer_route *b)
{
	int c = memcmp(&a->rdid, &b->rdid, sizeof a->rdid);

	if (c == 0)
		c = cmp_u32(a->vsid, b->vsid);
	if (c == 0)
		c = cmp_prefix(&a->prefix, &b->prefix);
	return c ? c : gw_addr_cmp(&a->next_hop, &b->next_hop);
}

int gw_api_key_cmp(const struct gw_hnv_object *a, const struct gw_hnv_object *b)
{
	int c = 0;

	switch (a->kind) {
	case GW_HNV_LOOKUP_RECORD:
		c = cmp_u32(a->record.vsid, b->record.vsid);
		return c ? c : gw_addr_cmp(&a->record.ca, &b->record.ca);
	case GW_HNV_CUSTOMER_ROUTE:
		return cmp_croute(&a->croute, &b->croute);
	case GW_HNV_PROVIDER_ADDRESS:
		return gw_addr_cmp(&a->paddr.pa, &b->paddr.pa);
	case GW_HNV_PROVIDER_ROUTE:
		c = strcmp(a->proute.interface, b->proute.interface);
		return c ? c : cmp_prefix(&a->proute.prefix, &b->proute.prefix);
	case GW_HNV_PORT:
		return strcmp(a->port.interface, b->port.interface);
	case GW_HNV_KIND_MAX:
		break;
	}
	return c;
}

/* Lets heap[i] sink to its place: the largest key is heap[0]. */
static void sink(const struct gw_hnv_object **heap, size_t n, size_t i)
{
	const struct gw_hnv_object *o = heap[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && gw_api_key_cmp(heap[child + 1], heap[child]) > 0)
			child++;
		if (gw_api_key_cmp(heap[child], o) <= 0)
			break;
		heap[i] = heap[child];
	}
	heap[i] = o;
}

static int cmp_pointers(const void *a, const void *b)
{
	return gw_api_key_cmp(*(const struct gw_hnv_object *const *)a, *(const struct gw_hnv_object *const *)b);
}

size_t gw_api_page(const struct gw_intent *in, enum gw_hnv_kind kind, const struct gw_hnv_object *after,
		   const struct gw_hnv_object **ret, size_t max, bool *ret_more)
{
	const struct gw_hnv_object *o = NULL;
	size_t n = 0;

	*ret_more = false;
	while ((o = gw_intent_next(in, kind, o))) {
		if (after && gw_api_key_cmp(o, after) <= 0)
			continue;
		if (n < max) {
			ret[n++] = o;
			if (n == max) /* now it has to be a heap */
				for (size_t i = n / 2; i-- > 0;)
					sink(ret, n, i);
			continue;
		}
		*ret_more = true;
		if (gw_api_key_cmp(o, ret[0]) < 0) {
			ret[0] = o;
			sink(ret, n, 0);
		}
	}
	qsort(ret, n, sizeof *ret, cmp_pointers);
	return n;
}
