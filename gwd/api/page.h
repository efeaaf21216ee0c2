/* page.h - one page of a collection, in an order that stays when records come and go. */
#ifndef GW_API_PAGE_H
#define GW_API_PAGE_H

#include "model/intent.h"

/*
 * The `max` first objects of `kind` behind the key of `after` (NULL: from the start), in key order, into
 * `ret`; *ret_more says whether others follow. Returns the count. Costs one walk over the kind.
 */
size_t gw_api_page(const struct gw_intent *in, enum gw_hnv_kind kind, const struct gw_hnv_object *after,
		   const struct gw_hnv_object **ret, size_t max, bool *ret_more);
int gw_api_key_cmp(const struct gw_hnv_object *a, const struct gw_hnv_object *b);

#endif
