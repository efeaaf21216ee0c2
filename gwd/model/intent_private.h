/*
 * intent_private.h - what the files of the intent share: intent.c (objects, indexes, reading), intent_change.c (the change under
 * way), intent_check.c (rules between objects), intent_public.c (public addresses in their order).
 */
#ifndef GW_MODEL_INTENT_PRIVATE_H
#define GW_MODEL_INTENT_PRIVATE_H

#include "model/domain.h"
#include "model/intent.h"

struct gw_intent {
	struct gw_intent_limits limits;
	struct gw_hmap maps[GW_HNV_KIND_MAX];
	struct gw_hmap by_mac, by_vsid, by_domain;
	struct gw_rank by_place;
	struct gw_domains domains;
	uint64_t generation; /* counts changes, those that were rolled back too */
	/* The change under way. */
	bool changing;
	struct gw_change *changes;
	size_t n_changes, room;
	struct gw_hmap gone;
	struct gw_hnv_object *retired; /* linked by by_key.next */
	uint32_t *alone;	       /* what gw_intent_domain_vsids returns for a VSID without domain */
};

static inline struct gw_hnv_object *gw_intent_of_key(struct gw_hmap_node *node)
{
	return node ? GW_CONTAINER_OF(node, struct gw_hnv_object, by_key) : NULL;
}

/* intent.c: indexes. Linking cannot fail: every map has its first buckets, and put reserves the domains. */
void gw_intent_link(struct gw_intent *in, struct gw_hnv_object *o);
void gw_intent_unlink(struct gw_intent *in, struct gw_hnv_object *o);
struct gw_hnv_object *gw_intent_find(const struct gw_hmap *map, const struct gw_hnv_object *key);

/* intent_check.c: what `o` must fulfil before it is put. */
int gw_intent_check(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err);

/* intent_public.c */
int gw_intent_by_place(const struct gw_rank_node *a, const struct gw_rank_node *b);
/* Within a change they may overlap, behind it not. What changed is looked at with its neighbours. */
int gw_intent_check_apart(const struct gw_intent *in, const struct gw_hnv_object *o, struct gw_error *err);

#endif
