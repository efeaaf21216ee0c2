/*
 * hnv_schema.h - the records of hnv.h as JSON: one table row per property says its name, type, range, default and where it
 * lives in the struct; decoding, encoding and error messages all come from the rows. JSON keys match without regard to
 * letter case and are written in the canonical one.
 *
 * The wire form is the API's envelope: {"resourceRef": "/hnv/lookupRecords/5001-192.168.1.101", "resourceId": ...,
 * "etag": ..., "properties": {"CustomerAddress": ...}}; a body without "properties" is taken as the properties alone.
 */
#ifndef GW_MODEL_HNV_SCHEMA_H
#define GW_MODEL_HNV_SCHEMA_H

#include "base/error.h"
#include "model/config.h"
#include "model/hnv.h"

#include <jansson.h>

/*
 * `id` is the last path segment, or NULL when the body alone names the resource; it must agree with the key fields in
 * the body, which may be left out where the id has them. Error targets are "properties.CustomerAddress". `config` gives
 * the default encapsulation; NULL will do for bodies that gw_hnv_encode made. What the values mean is checked when the
 * object enters an intent (gw_hnv_check).
 */
int gw_hnv_decode(enum gw_hnv_kind kind, const char *id, const json_t *body, const struct gw_config *config,
		  struct gw_hnv_object **ret, struct gw_error *err);
/* An object that has only its key, for GET and DELETE. */
int gw_hnv_decode_id(enum gw_hnv_kind kind, const char *id, struct gw_hnv_object **ret, struct gw_error *err);
/* The whole resource with envelope; read-only properties are added to "properties" by the caller. */
json_t *gw_hnv_encode(const struct gw_hnv_object *o);
/* Its "properties" alone: every one that has a value, so that decoding it needs no default. */
json_t *gw_hnv_encode_properties(const struct gw_hnv_object *o);
void gw_hnv_etag(uint64_t revision, char buf[static 48]); /* W/"00000000-0000-0000-0000-0000000004d2" */

#endif
