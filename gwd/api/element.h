/* element.h - one element of a batch: {"method": "PUT" or "DELETE", "path": ..., "body": ..., "ifMatch": ...}. */
#ifndef GW_API_ELEMENT_H
#define GW_API_ELEMENT_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

/* What it says, borrowed from the JSON. */
struct gw_api_element {
	bool is_delete;
	const char *path;
	const json_t *body;   /* of a PUT; a DELETE has none */
	const char *if_match; /* an etag, or NULL */
};

/* Members in any letter case; null is absent. `with_if_match`: the list knows "ifMatch". Targets are relative to the element. */
int gw_api_element_read(json_t *j, bool with_if_match, struct gw_api_element *ret, struct gw_error *err);

#endif
