/* page.h - one page of a collection, in an order that stays when members come and go. */
#ifndef GW_API_PAGE_H
#define GW_API_PAGE_H

#include "model/intent.h"

/*
 * The `max` smallest of all that are given to gw_api_page_add, found without sorting the rest: a heap with the largest of them on top.
 * Nothing is cached between requests.
 */
struct gw_api_page {
	const void **member; /* in order once gw_api_page_sort was called */
	size_t n, max;
	bool more; /* others follow */
	int (*cmp)(const void *a, const void *b);
};

void gw_api_page_add(struct gw_api_page *page, const void *member);
void gw_api_page_sort(struct gw_api_page *page);

/* Two records of the same kind. */
int gw_api_key_cmp(const struct gw_hnv_object *a, const struct gw_hnv_object *b);

#endif
