/*
 * page.c - see page.h. Neither intent nor catalogue has an order, so a page is the smallest keys found by one walk. Called by
 * hnv_list.c and collection.c.
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

static int cmp_nat(const struct gw_nat_rule *a, const struct gw_nat_rule *b)
{
	int c = memcmp(&a->rdid, &b->rdid, sizeof a->rdid);

	if (c == 0)
		c = cmp_u32(a->type, b->type);
	if (c == 0)
		c = gw_addr_cmp(&a->address, &b->address);
	if (c == 0)
		c = cmp_u32(a->port, b->port);
	if (c == 0)
		c = cmp_u32(a->protocol, b->protocol);
	return c ? c : cmp_prefix(&a->customer, &b->customer);
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
	case GW_HNV_VRF:
		return memcmp(&a->vrf.rdid, &b->vrf.rdid, sizeof a->vrf.rdid);
	case GW_HNV_PUBLIC:
		c = cmp_prefix(&a->public.prefix, &b->public.prefix);
		return c ? c : cmp_u32(a->public.first_port, b->public.first_port);
	case GW_HNV_NAT_RULE:
		return cmp_nat(&a->nat, &b->nat);
	case GW_HNV_CONNECTION:
		return memcmp(&a->way.id, &b->way.id, sizeof a->way.id);
	case GW_HNV_CONNECTION_ADDRESS:
		c = memcmp(&a->way_address.id, &b->way_address.id, sizeof a->way_address.id);
		return c ? c : gw_addr_cmp(&a->way_address.address, &b->way_address.address);
	case GW_HNV_CONNECTION_ROUTE:
		c = memcmp(&a->way_route.id, &b->way_route.id, sizeof a->way_route.id);
		if (c == 0)
			c = cmp_prefix(&a->way_route.prefix, &b->way_route.prefix);
		return c ? c : gw_addr_cmp(&a->way_route.next_hop, &b->way_route.next_hop);
	case GW_HNV_KIND_MAX:
		break;
	}
	return c;
}

/* Lets member[i] sink to its place: the largest is member[0]. */
static void sink(const struct gw_api_page *p, size_t i)
{
	const void *o = p->member[i];

	for (size_t child; (child = 2 * i + 1) < p->n; i = child) {
		if (child + 1 < p->n && p->cmp(p->member[child + 1], p->member[child]) > 0)
			child++;
		if (p->cmp(p->member[child], o) <= 0)
			break;
		p->member[i] = p->member[child];
	}
	p->member[i] = o;
}

void gw_api_page_add(struct gw_api_page *p, const void *member)
{
	if (p->n < p->max) {
		p->member[p->n++] = member;
		if (p->n == p->max) /* now it has to be a heap */
			for (size_t i = p->n / 2; i-- > 0;)
				sink(p, i);
		return;
	}
	p->more = true;
	if (p->cmp(member, p->member[0]) < 0) {
		p->member[0] = member;
		sink(p, 0);
	}
}

static int cmp_members(const void *a, const void *b, void *page)
{
	return ((const struct gw_api_page *)page)->cmp(*(const void *const *)a, *(const void *const *)b);
}

void gw_api_page_sort(struct gw_api_page *p)
{
	if (p->n > 1)
		qsort_r(p->member, p->n, sizeof *p->member, cmp_members, p);
}
