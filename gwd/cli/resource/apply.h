/* apply.h - the part of `gwctl apply` that needs no daemon, for the unit tests. */
#ifndef GW_CLI_RESOURCE_APPLY_H
#define GW_CLI_RESOURCE_APPLY_H

#include <jansson.h>
#include <stdbool.h>

/*
 * What a file says as a batch, in the same order: an array of {"path", "body"}. *ret_list: it is a list, so that an element of
 * it has a number. NULL, and the reason in *ret_error, owned by the caller, when it is nothing that can be applied.
 */
json_t *gw_cli_apply_batch(const json_t *file, bool *ret_list, char **ret_error);

/* The daemon's refusal of the batch in terms of the file: "net.json: element [3], /virtualNetworks/blue: Conflict at ...". */
char *gw_cli_apply_reason(const char *name, const json_t *batch, bool list, const json_t *answer);

#endif
