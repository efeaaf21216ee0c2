/*
 * plugin.c - driver "example": counts the records of the node by kind, and tells each virtual gateway's place among them. It shows
 * all that a plugin must have, and brings nothing into the kernel.
 */
#include "plugin.h"

#include <jansson.h>
#include <stdlib.h>

/* A driver keeps nothing of the intent: what it needs later it copies, as here the counts. */
struct gw_driver {
	struct gw_driver_env env;
	size_t counts[GW_HNV_KIND_MAX];
	unsigned changes; /* that apply was told of */
};

static int example_open(const struct gw_driver_env *env, struct gw_driver **ret, struct gw_error *err)
{
	struct gw_driver *d = calloc(1, sizeof *d);

	if (!d)
		return gw_error_oom(err);
	d->env = *env;
	*ret = d;
	return 0;
}

/* What a plugin does not want it refuses here: afterwards the others' change stands. */
static int example_check(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
			 struct gw_error *err)
{
	(void)d;
	(void)next;
	(void)delta;
	(void)err;
	return 0;
}

static int example_sync(struct gw_driver *d, const struct gw_intent *intent, struct gw_error *err)
{
	(void)err;
	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		d->counts[k] = gw_intent_count(intent, (enum gw_hnv_kind)k);
	return 0;
}

/* The intent shows the new state already; `delta` is what has changed, to look at no more than that. */
static int example_apply(struct gw_driver *d, const struct gw_intent *next, const struct gw_delta *delta,
			 struct gw_error *err)
{
	d->changes += (unsigned)delta->n;
	return example_sync(d, next, err);
}

/* Adds a property of its own to those of an object, below its own name. */
static void example_describe(struct gw_driver *d, const struct gw_hnv_object *o, json_t *properties)
{
	json_object_set_new(properties, "example", json_pack("{s:I}", "ofItsKind", (json_int_t)d->counts[o->kind]));
}

static json_t *example_status(struct gw_driver *d)
{
	json_t *counts = json_object();

	for (int k = 0; k < GW_HNV_KIND_MAX; k++)
		json_object_set_new(counts, gw_hnv_kind_path((enum gw_hnv_kind)k),
				    json_integer((json_int_t)d->counts[k]));
	return json_pack("{s:o, s:I, s:[]}", "counts", counts, "changes", (json_int_t)d->changes, "warnings");
}

static struct gw_driver *example_close(struct gw_driver *d)
{
	free(d);
	return NULL;
}

static const struct gw_driver_ops ops = {
	.name = "example",
	.open = example_open,
	.check = example_check,
	.apply = example_apply,
	.sync = example_sync,
	.describe = example_describe,
	.status = example_status,
	.close = example_close,
};

/* No kind of object needs it: without it all are as they were. */
const struct gw_plugin gw_plugin = GW_PLUGIN("example", &ops, 0);
