/* table.h - resources as a table for people. */
#ifndef GW_CLI_RESOURCE_TABLE_H
#define GW_CLI_RESOURCE_TABLE_H

#include "cli/resource/kind.h"

#include <jansson.h>
#include <stdio.h>

/* `resources` is a list of them, all of the kind. */
void gw_cli_resources_print(FILE *f, const struct gw_cli_resource *kind, const json_t *resources, bool wide);
/* Whose it is, by its resourceRef or its metadata; "": nobody's in particular. */
const char *gw_cli_resource_tenant(const json_t *resource);
/* The text of one cell, owned by the caller; what the resource does not say is "-". */
char *gw_cli_resource_cell(const struct gw_cli_column *column, const json_t *resource, bool wide);

#endif
