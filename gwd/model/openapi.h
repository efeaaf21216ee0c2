/*
 * openapi.h - the provider API described as an OpenAPI 3.0.3 document, made of the tables that decode, check and answer: a
 * property that has a row is in the document, and nothing else is.
 */
#ifndef GW_MODEL_OPENAPI_H
#define GW_MODEL_OPENAPI_H

#include "model/schema.h"

/*
 * The document, without the paths that are no resources; `version` is gwd's, all paths are below `prefix`. NULL when memory
 * ran out.
 */
json_t *gw_openapi_document(const char *version, const char *prefix);

/* --- for the files that make the document ------------------------------------------------------------------------- */

/* Puts `value` into `to` and takes it over; what cannot be put is remembered in *failed, to be looked at once at the end. */
void gw_openapi_set(json_t *to, const char *name, json_t *value, bool *failed);
/* {"$ref": "#/components/CLASS/NAME"} */
json_t *gw_openapi_ref(const char *class, const char *name);
/* "virtual_network" as "VirtualNetwork", with `suffix`. */
#define GW_OPENAPI_NAMELEN 64
const char *gw_openapi_name(const char *tag, const char *suffix, char buf[static GW_OPENAPI_NAMELEN]);
/* The "responses" of a method that may refuse with these, "404 412", beside what any may. */
json_t *gw_openapi_refusals(const char *statuses, bool *failed);
/* Adds the schemas of every kind of resource, and of what they are made of, to "components"/"schemas". */
void gw_openapi_add_schemas(json_t *schemas, bool *failed);

#endif
